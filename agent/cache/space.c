/* SPDX-License-Identifier: MIT */
/* Room: the decisions of model/room carried out, and what has none told. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "cache/cache_priv.h"
#include "model/room.h"

#define TRIM_MAX 1000 /* studies of one round; their end begins the next */

/* Who is in use, as it was when room was looked for: the lock is taken once,
 * whatever the number of studies. */
struct busy {
	char (*uid)[UID_SIZE]; /* owned, sorted */
	unsigned n;
};

static int
compare_uids(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void
busy_init(struct busy *y, struct cache *c)
{
	*y = (struct busy){.n = 0};
	lock_acquire(&c->lock);
	for (const struct use *u = c->uses; u != NULL; u = u->next)
		y->n++;
	y->uid = mem_zero(y->n + 1, UID_SIZE);
	unsigned i = 0;
	for (const struct use *u = c->uses; u != NULL; u = u->next)
		(void)str_copy(y->uid[i++], UID_SIZE, u->study_uid);
	lock_release(&c->lock);
	qsort(y->uid, y->n, UID_SIZE, compare_uids);
}

/* What is on its way out holds no bytes on the board, so it is no matter. */
static bool
is_busy(void *ctx, const char *study_uid) /* evict_in_use_fn */
{
	const struct busy *y = ctx;
	return bsearch(study_uid, y->uid, y->n, UID_SIZE, compare_uids) !=
	    NULL;
}

/* ${y} is borrowed by ${r}. */
static int
measure(struct cache *c, struct room *r, struct busy *y, struct err *e)
{
	struct err ignored; /* a volume that cannot count files has enough */
	*r = (struct room){.size = c->conf.size, .reserve = c->conf.reserve,
	    .high = c->conf.high, .low = c->conf.low,
	    .held = store_held(c->st), .leaving = c->leaving_bytes,
	    .leaving_files = c->leaving_files, .in_use = is_busy, .ctx = y};
	if (store_free_files(c->st, &r->free_files, &ignored) != 0)
		r->free_files = UINT64_MAX;
	return store_free_bytes(c->st, &r->free_bytes, e);
}

bool
cache_make_room(struct cache *c, uint64_t bytes, int64_t before_utc,
    char *why, size_t size)
{
	struct room r;
	struct busy y;
	struct room_plan p;
	struct err e;
	if (c->wipe != WIPE_NONE) {
		(void)snprintf(why, size, "the cache was wiped");
		return false;
	}
	if (measure(c, &r, &y, &e) != 0) {
		(void)snprintf(why, size, "%.180s", e.msg);
		return false;
	}
	busy_init(&y, c);
	bool ok = room_make(c->board, &r, bytes, before_utc, &p);
	if (!ok)
		(void)str_copy(why, size, p.why); /* a cut is fine */
	for (unsigned i = 0; i < p.n; i++)
		cache_begin_eviction(c, p.victims[i]);
	room_done(&p);
	mem_free(y.uid);
	return ok;
}

void
cache_trim(struct cache *c)
{
	struct room r;
	struct busy y;
	struct room_plan p;
	struct err ignored; /* who needs room is told */
	if (c->wipe != WIPE_NONE || clock_uptime_ns() < c->trim_after_ns ||
	    measure(c, &r, &y, &ignored) != 0)
		return;
	busy_init(&y, c);
	room_trim(c->board, &r, &p);
	if (p.n > 0)
		log_info("cache.trim", "studies=%u held=%llu size=%llu", p.n,
		    (unsigned long long)r.held, (unsigned long long)r.size);
	for (unsigned i = 0; i < p.n && i < TRIM_MAX; i++)
		cache_begin_eviction(c, p.victims[i]);
	room_done(&p);
	mem_free(y.uid);
}

static void
tell_no_room(const struct board_case *c)
{
	char start[24];
	log_warn("cache.case.no_room", "start=%s reason='%s' "
	    "action=told_in_status", clock_format_utc(start, sizeof(start),
	    c->file.start_utc), c->room_reason);
}

void
cache_look(struct cache *c)
{
	struct room r;
	struct busy y = {.n = 0};
	struct err ignored; /* then it is looked at again soon */
	unsigned n = board_n_cases(c->board);
	if (c->wipe != WIPE_NONE || measure(c, &r, &y, &ignored) != 0)
		return;
	bool *was = mem_new_n(bool, n + 1);
	for (unsigned i = 0; i < n; i++)
		was[i] = board_case_at(c->board, i)->room_reason[0] != '\0';
	if (room_pins(c->board, &r, clock_utc_s(), c->conf.horizon_s))
		board_changed(c->board);
	for (unsigned i = 0; i < n; i++) {
		const struct board_case *one = board_case_at(c->board, i);
		if (one->room_reason[0] != '\0' && !was[i])
			tell_no_room(one);
	}
	mem_free(was);
	cache_trim(c);
}
