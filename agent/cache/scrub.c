/* SPDX-License-Identifier: MIT */
/* The scrub: while nobody fetches or reads, ready studies are read one after
 * the other at a limited rate, and what is broken is withdrawn and fetched
 * again, before a surgeon asks for it. A pass goes through all once a day, in
 * the order of their UIDs; after a restart it begins anywhere. */
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stats.h"
#include "base/str.h"
#include "cache/cache_priv.h"

#define PASS_EVERY_NS (24 * 3600 * CLOCK_S) /* continuous clock */
#define SLICE_NS (50 * CLOCK_MS) /* who is told to stop stops */

/* one study */
struct scrubbing {
	struct job job; /* first */
	struct cache *c;
	char study_uid[UID_SIZE];
	struct store_object *objects; /* owned */
	unsigned n, cap;
	unsigned good, bad, unread;
	struct err e;
};

static bool
on_object(void *ctx, const struct index_row *row) /* index_row_fn */
{
	struct scrubbing *s = ctx;
	if (s->n == s->cap) {
		s->cap = s->cap == 0 ? 256 : 2 * s->cap;
		s->objects = mem_grow(s->objects, s->cap,
		    sizeof(s->objects[0]));
	}
	struct store_object *o = &s->objects[s->n++];
	*o = (struct store_object){.length = row->length,
	    .offset = row->offset};
	memcpy(o->name, row->name, sizeof(o->name));
	memcpy(o->digest, row->digest, sizeof(o->digest));
	return true;
}

/* Rest as long as ${bytes} may take. */
static void
rest(const struct scrubbing *s, uint64_t bytes)
{
	int64_t left = (int64_t)((double)bytes * (double)CLOCK_S /
	    (double)s->c->conf.scrub);
	while (left > 0 && !atomic_load(&s->job.cancelled)) {
		int64_t ns = left < SLICE_NS ? left : SLICE_NS;
		struct timespec t = {.tv_nsec = (long)ns};
		(void)nanosleep(&t, NULL); /* a signal makes it shorter */
		left -= ns;
	}
}

static void
scrubbing_work(struct job *j) /* job_fn, worker */
{
	struct scrubbing *s = (struct scrubbing *)j;
	const char *uids[] = {s->study_uid};
	struct index_select sel = {.level = INDEX_INSTANCE,
	    .study_uids = uids, .n_study_uids = 1};
	struct index_reader *r = index_flush(s->c->ix, &s->e) != 0 ? NULL :
	    index_reader_open(s->c->ix, &s->e);
	if (r != NULL)
		(void)index_select(r, &sel, on_object, s, &s->e);
	index_reader_close(&r);
	for (unsigned i = 0; i < s->n && !atomic_load(&j->cancelled); i++) {
		struct store_map m;
		struct err e;
		const struct store_object *o = &s->objects[i];
		if (store_map(s->c->st, o, true, &m, &e) == 0) {
			store_unmap(&m);
			s->good++;
		} else if (e.code != ERR_CORRUPT) {
			s->unread++;
		} else {
			s->bad++;
			cache_damaged(s->c, s->study_uid, o->name);
		}
		rest(s, o->length + o->offset);
	}
}

/* The next study that is ready, by UID; NULL at the end of the pass. */
static const struct board_study *
next_study(const struct cache *c)
{
	for (unsigned i = 0; i < board_n_studies(c->board); i++) {
		const struct board_study *s = board_study_at(c->board, i);
		if (s->state == STUDY_READY &&
		    strcmp(s->uid, c->scrub_after) > 0)
			return s;
	}
	return NULL;
}

static void
end_pass(struct cache *c)
{
	log_info("cache.scrub.done", "whole=%u damaged=%u unread=%u",
	    c->scrub_good, c->scrub_bad, c->scrub_unread);
	c->scrub_after[0] = '\0';
	c->scrub_good = c->scrub_bad = c->scrub_unread = 0;
	c->scrub_from_ns = clock_continuous_ns() + PASS_EVERY_NS;
}

static void
scrubbing_done(struct job *j) /* job_fn, loop */
{
	struct scrubbing *s = (struct scrubbing *)j;
	struct cache *c = s->c;
	c->scrubbing = NULL;
	c->scrub_good += s->good;
	c->scrub_bad += s->bad;
	c->scrub_unread += s->unread;
	stats_add(STAT_OBJECTS_SCRUBBED, s->good + s->bad);
	bool cut = atomic_load(&j->cancelled);
	if (!cut) /* else it is read anew */
		(void)str_copy(c->scrub_after, UID_SIZE, s->study_uid);
	if (s->bad > 0)
		log_warn("cache.scrub.damaged", "instances=%u "
		    "action=fetched_again", s->bad);
	mem_free(s->objects);
	mem_free(s);
	if (!cut && next_study(c) == NULL)
		end_pass(c);
	if (!cut)
		cache_scrub_look(c);
}

/* Anywhere, so that many short days come to all. */
static void
begin_anywhere(struct cache *c)
{
	unsigned n = board_n_studies(c->board);
	uint32_t r = 0;
	if (n > 0 && getentropy(&r, sizeof(r)) == 0) /* else at the first */
		(void)str_copy(c->scrub_after, UID_SIZE,
		    board_study_at(c->board, r % n)->uid); /* same size */
	c->scrub_begun = true;
}

void
cache_scrub_look(struct cache *c)
{
	bool busy = stats_get(STAT_TRANSFERS_NOW) > 0 || cache_is_read(c) ||
	    c->verifying || c->wipe != WIPE_NONE;
	if (c->scrubbing != NULL && busy)
		pool_cancel(c->verifier, &c->scrubbing->job);
	if (c->conf.scrub == 0 || c->scrubbing != NULL || busy ||
	    clock_continuous_ns() < c->scrub_from_ns)
		return;
	if (!c->scrub_begun)
		begin_anywhere(c);
	const struct board_study *next = next_study(c);
	if (next == NULL) { /* after the last one */
		c->scrub_after[0] = '\0';
		next = next_study(c);
	}
	if (next == NULL)
		return; /* nothing is here */
	struct scrubbing *s = mem_new(struct scrubbing);
	s->job = (struct job){.work = scrubbing_work,
	    .done = scrubbing_done};
	s->c = c;
	(void)str_copy(s->study_uid, UID_SIZE, next->uid); /* same size */
	c->scrubbing = s;
	pool_submit(c->verifier, &s->job);
}
