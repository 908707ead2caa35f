/* SPDX-License-Identifier: MIT */
/* Studies by uid in constant time: 200 cases name 20,000 of them at each
 * plan. Open addressing, at most half full; each study has a slot of its own
 * for its life, by which others keep arrays beside the board. */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "model/board_priv.h"

#define TABLE_FIRST 128 /* rows; a power of two */

/* Eight characters at a time, begun at a number that no archive knows, so
 * that none can choose UIDs which meet in one row. */
static uint32_t
hash_of(const struct board *b, const char *uid)
{
	size_t n = strlen(uid);
	uint64_t h = UINT64_C(14695981039346656037) ^ (uintptr_t)b ^ n;
	while (n > 0) {
		uint64_t part = 0;
		size_t k = n < sizeof(part) ? n : sizeof(part);
		memcpy(&part, uid, k);
		h = (h ^ part) * UINT64_C(0x9E3779B97F4A7C15);
		h ^= h >> 29;
		uid += k;
		n -= k;
	}
	return (uint32_t)(h ^ h >> 32);
}

/* The row of ${uid}, or the free one where it would stand. */
static unsigned
row_of(const struct board *b, const char *uid, uint32_t hash)
{
	unsigned i = hash & (b->cap_table - 1);
	while (b->table[i].study != NULL && (b->table[i].hash != hash ||
	    !str_eq(b->table[i].study->uid, uid)))
		i = (i + 1) & (b->cap_table - 1);
	return i;
}

struct board_study *
board_study(const struct board *b, const char *uid)
{
	if (b->cap_table == 0)
		return NULL;
	return b->table[row_of(b, uid, hash_of(b, uid))].study;
}

static void
grow(struct board *b)
{
	struct board_row *old = b->table;
	unsigned n = b->cap_table;
	b->cap_table = n == 0 ? TABLE_FIRST : 2 * n;
	b->table = mem_new_n(struct board_row, b->cap_table);
	for (unsigned i = 0; i < n; i++) {
		if (old[i].study == NULL)
			continue;
		b->table[row_of(b, old[i].study->uid, old[i].hash)] = old[i];
	}
	mem_free(old);
}

static unsigned
take_slot(struct board *b)
{
	if (b->n_free > 0)
		return b->free_slots[--b->n_free];
	if (b->n_slots == b->cap_slots) {
		b->cap_slots = b->cap_slots == 0 ? 64 : 2 * b->cap_slots;
		b->free_slots = mem_grow(b->free_slots, b->cap_slots,
		    sizeof(b->free_slots[0]));
	}
	return b->n_slots++;
}

void
board_table_put(struct board *b, struct board_study *s)
{
	if (2 * (b->n_studies + 1) > b->cap_table)
		grow(b);
	uint32_t hash = hash_of(b, s->uid);
	s->slot = take_slot(b);
	b->table[row_of(b, s->uid, hash)] = (struct board_row){s, hash};
}

/* The rows that follow move up, so that each is found from its first place
 * on without a gap. */
void
board_table_drop(struct board *b, struct board_study *s)
{
	unsigned mask = b->cap_table - 1;
	unsigned gap = row_of(b, s->uid, hash_of(b, s->uid));
	b->free_slots[b->n_free++] = s->slot;
	b->table[gap].study = NULL;
	for (unsigned i = (gap + 1) & mask; b->table[i].study != NULL;
	    i = (i + 1) & mask) {
		unsigned first = b->table[i].hash & mask;
		if (((i - first) & mask) < ((i - gap) & mask))
			continue; /* it stands behind the gap as it is */
		b->table[gap] = b->table[i];
		b->table[i].study = NULL;
		gap = i;
	}
}
