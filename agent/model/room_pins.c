/* SPDX-License-Identifier: MIT */
/* Whether what the coming cases want fits, counted from the soonest on: what
 * does not is said a day ahead, and not fetched until it does. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "model/board_priv.h"
#include "model/room.h"

#define OBJECT_GUESS (UINT64_C(160) * 1024) /* an MR image, about */
#define OBJECT_GUESS_MAX (UINT64_C(512) * 1024) /* rather too little */

#define SAY_ROOM "no room: about "
#define SAY_DISK "disk full: about "

struct pins {
	struct board *b;
	uint64_t budget; /* bytes for all that cases want */
	bool disk; /* it is the disk that limits it, not the size */
	uint64_t used; /* of it, by what was counted so far */
	uint64_t guess; /* bytes of an object of which nothing is known */
	bool *counted; /* by slot; owned */
	bool changed;
	bool guessed; /* of this case: what is too much is a guess */
};

static uint64_t
times(uint64_t a, uint64_t b)
{
	return b != 0 && a > UINT64_MAX / b ? UINT64_MAX : a * b;
}

static uint64_t
plus(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* Its first objects need not be like the rest: they count once a quarter is
 * here, or once they alone fill nearly all there is. */
static void
learn(const struct pins *p, struct board_study *s, unsigned all)
{
	if (s->instances == 0 || s->bytes == 0)
		return;
	if (s->instances >= all / 4 || plus(p->used, s->bytes) / 10 * 11 >=
	    p->budget)
		s->object_bytes = s->bytes / s->instances + 1;
}

/* Bytes of ${s} when all of it is here; ${ret_sure} false for a guess. */
static uint64_t
need_of(const struct pins *p, struct board_study *s, bool *ret_sure)
{
	unsigned all = s->expected > 0 ? s->expected : s->listed;
	*ret_sure = true;
	learn(p, s, all);
	if (s->state == STUDY_READY || s->state == STUDY_HELD)
		return s->bytes;
	*ret_sure = s->object_bytes > 0;
	uint64_t need = times(*ret_sure ? s->object_bytes : p->guess, all);
	return need > s->bytes ? need : s->bytes;
}

/* What does not fit is not fetched: its reason is ours. */
static bool
is_to_come(const struct board_study *s)
{
	return s->state == STUDY_QUEUED || s->state == STUDY_INCOMPLETE ||
	    s->state == STUDY_FAILED;
}

/* Whether its reason says that already: 20,000 texts at each look would cost
 * more than all the rest. */
static bool
is_said(const struct pins *p, struct board_study *s, uint64_t need,
    uint64_t left)
{
	uint64_t key = (need * UINT64_C(0x9E3779B97F4A7C15) ^ left) * 2 +
	    p->disk;
	bool same = s->room_said == key &&
	    str_starts(s->reason, p->disk ? SAY_DISK : SAY_ROOM);
	s->room_said = key;
	return same;
}

static void
say_study(struct pins *p, struct board_study *s, uint64_t need)
{
	char a[24], b[24];
	uint64_t left = p->budget > p->used ? p->budget - p->used : 0;
	bool never = need > p->budget;
	if (!is_to_come(s) || is_said(p, s, need, left))
		return;
	(void)str_bytes(a, sizeof(a), need);
	(void)str_bytes(b, sizeof(b), never ? p->budget : left);
	if (p->disk)
		(void)snprintf(s->reason, sizeof(s->reason), SAY_DISK
		    "%s are needed, %s are left above the reserve "
		    "([cache] reserve); fetched when it fits", a, b);
	else
		(void)snprintf(s->reason, sizeof(s->reason), never ?
		    SAY_ROOM "%s are needed, the whole cache has %s "
		    "([cache] size); not fetched until it fits" :
		    SAY_ROOM "%s are needed, %s are left beside the "
		    "sooner cases ([cache] size); fetched when it fits", a, b);
	p->changed = true;
}

static void
set_no_room(struct pins *p, struct board_study *s, bool no_room,
    uint64_t need)
{
	bool was = s->no_room;
	s->no_room = no_room;
	p->changed |= was != no_room;
	if (no_room) {
		say_study(p, s, need);
	} else if (was && is_to_come(s)) {
		s->reason[0] = '\0';
		s->next_try_utc = 0;
		s->tries = 0;
	}
}

/* Count ${s} unless it was; the bytes by which it is too much, 0 = it fits.
 * A guess may turn out wrong, and says so: it takes what is left. */
static uint64_t
count(struct pins *p, struct board_study *s)
{
	bool sure;
	if (p->counted[s->slot])
		return 0;
	p->counted[s->slot] = true;
	uint64_t need = need_of(p, s, &sure);
	uint64_t sum = plus(p->used, need);
	uint64_t over = sum > p->budget ? sum - p->budget : 0;
	bool out = over > 0 && (sure || p->used >= p->budget);
	p->guessed |= over > 0 && !sure;
	set_no_room(p, s, out, need);
	if (!out)
		p->used = over > 0 ? p->budget : sum;
	return over;
}

static void
set_reason(struct pins *p, struct board_case *c, const char *text)
{
	p->changed |= !str_eq(c->room_reason, text);
	(void)str_copy(c->room_reason, sizeof(c->room_reason), text);
}

/* A study that a sooner case wants too was counted there: if it does not fit
 * it is missing here as well. */
static void
count_case(struct pins *p, struct board_case *c)
{
	char more[24], text[BOARD_REASON_SIZE] = "";
	uint64_t over = 0;
	bool missing = false;
	p->guessed = false;
	for (unsigned i = 0; i < c->n_wants; i++) {
		struct board_study *s = c->wants[i].kind != WANT_YES ? NULL :
		    board_study(p->b, c->wants[i].study_uid);
		if (s == NULL)
			continue;
		over = plus(over, count(p, s));
		missing |= s->no_room;
	}
	if (over > 0)
		(void)snprintf(text, sizeof(text), "does not fit%s: %s more "
		    "than the %s holds; the case furthest away gives way",
		    p->guessed ? ", to judge by the number of images" : "",
		    str_bytes(more, sizeof(more), over), p->disk ? "disk" :
		    "cache");
	else if (missing)
		(void)snprintf(text, sizeof(text), "does not fit: a study "
		    "that a sooner case wants too has no room");
	set_reason(p, c, text);
}

static void
count_cases(struct pins *p, int64_t now_utc, int64_t horizon_s)
{
	for (unsigned i = 0; i < p->b->n_cases; i++) { /* by start */
		struct board_case *c = p->b->cases[i];
		if (board_case_is_current(c, now_utc, horizon_s))
			count_case(p, c);
		else
			set_reason(p, c, "");
	}
}

/* What a person keeps stays whatever comes. */
static void
count_kept(struct pins *p)
{
	for (unsigned i = 0; i < p->b->n_studies; i++) {
		struct board_study *s = p->b->studies[i];
		if (!s->kept || s->bytes == 0)
			continue;
		bool sure;
		p->used = plus(p->used, need_of(p, s, &sure));
		p->counted[s->slot] = true;
		set_no_room(p, s, false, 0);
	}
}

/* What only cases in the past have pinned gives way to those to come. */
static void
count_past(struct pins *p)
{
	for (unsigned i = 0; i < p->b->n_studies; i++) {
		struct board_study *s = p->b->studies[i];
		if (p->counted[s->slot])
			continue;
		if (s->n_cases > 0 && s->bytes > 0)
			(void)count(p, s); /* nobody waits for it */
		else
			set_no_room(p, s, false, 0);
	}
}

static uint64_t
guess_of(const struct board *b)
{
	uint64_t bytes = 0, instances = 0;
	for (unsigned i = 0; i < b->n_studies; i++) {
		bytes += b->studies[i]->bytes;
		instances += b->studies[i]->instances;
	}
	uint64_t mean = bytes > 0 && instances > 0 ? bytes / instances :
	    OBJECT_GUESS;
	return mean < OBJECT_GUESS_MAX ? mean : OBJECT_GUESS_MAX;
}

/* Bytes that may be held: the configured size, or less where the disk has
 * less; what is on the disk already has its place there. */
static uint64_t
budget_of(const struct room *r, bool *ret_disk)
{
	uint64_t disk = plus(r->held, r->free_bytes > r->reserve ?
	    r->free_bytes - r->reserve : 0);
	*ret_disk = disk < r->size;
	return *ret_disk ? disk : r->size;
}

bool
room_pins(struct board *b, const struct room *r, int64_t now_utc,
    int64_t horizon_s)
{
	struct pins p = {
	    .b = b,
	    .guess = guess_of(b),
	    .counted = mem_new_n(bool, b->n_slots + 1),
	};
	p.budget = budget_of(r, &p.disk);
	count_kept(&p);
	count_cases(&p, now_utc, horizon_s);
	count_past(&p);
	mem_free(p.counted);
	return p.changed;
}
