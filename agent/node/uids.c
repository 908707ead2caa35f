/* SPDX-License-Identifier: MIT */
/* A set of UIDs: an array, and open addressing over it. */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "node/uids.h"

#define FIRST_SLOTS 64

void
uids_done(struct uids *s)
{
	mem_free(s->uids);
	mem_free(s->slots);
	*s = (struct uids){0};
}

/* FNV-1a. Who chooses UIDs so that they collide slows down one retrieval of
 * their own: UIDS_MAX bounds it. */
static uint32_t
hash(const char *uid)
{
	uint32_t h = 2166136261U;
	for (; *uid != '\0'; uid++)
		h = (h ^ (uint8_t)*uid) * 16777619U;
	return h;
}

/* The slot of ${uid}, or the free one where it would go. */
static uint32_t *
slot_of(const struct uids *s, const char *uid)
{
	uint32_t at = hash(uid) & (s->n_slots - 1);
	while (s->slots[at] != 0 &&
	    !str_eq(s->uids[s->slots[at] - 1], uid))
		at = (at + 1) & (s->n_slots - 1);
	return &s->slots[at];
}

static void
grow(struct uids *s)
{
	if (s->n == s->cap) {
		s->cap = s->cap == 0 ? FIRST_SLOTS / 2 : 2 * s->cap;
		s->uids = mem_grow(s->uids, s->cap, sizeof(s->uids[0]));
	}
	if (s->n_slots >= 2 * (s->n + 1))
		return;
	mem_free(s->slots);
	s->n_slots = s->n_slots == 0 ? FIRST_SLOTS : 2 * s->n_slots;
	s->slots = mem_new_n(uint32_t, s->n_slots);
	for (unsigned i = 0; i < s->n; i++)
		*slot_of(s, s->uids[i]) = i + 1;
}

bool
uids_add(struct uids *s, const char *uid)
{
	if (strlen(uid) > UID_LENGTH)
		return true;
	if (uids_find(s, uid) >= 0)
		return false;
	if (s->n == UIDS_MAX)
		return true;
	grow(s);
	uint32_t *slot = slot_of(s, uid);
	(void)str_copy(s->uids[s->n++], UID_SIZE, uid); /* it fits */
	*slot = s->n;
	return true;
}

int64_t
uids_find(const struct uids *s, const char *uid)
{
	if (s->n_slots == 0 || strlen(uid) > UID_LENGTH)
		return -1;
	return (int64_t)*slot_of(s, uid) - 1;
}
