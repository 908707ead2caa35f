/* SPDX-License-Identifier: MIT */
/* A study leaves: accounted at once, its rows go, then its files. A crash in
 * between leaves files without rows, which the next start sweeps. */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stats.h"
#include "base/str.h"
#include "cache/cache_priv.h"

#define TRIM_REST_NS (60 * CLOCK_S) /* a disk that fails now fails again */

struct names {
	uint8_t (*name)[STORE_NAME_BYTES]; /* owned */
	size_t n, cap;
};

static bool
on_object(void *ctx, const struct index_row *row) /* index_row_fn */
{
	struct names *s = ctx;
	if (s->n == s->cap) {
		s->cap = s->cap == 0 ? 1024 : 2 * s->cap;
		s->name = mem_grow(s->name, s->cap, STORE_NAME_BYTES);
	}
	memcpy(s->name[s->n++], row->name, STORE_NAME_BYTES);
	return true;
}

static void
eviction_work(struct job *j) /* job_fn, worker */
{
	struct eviction *v = (struct eviction *)j;
	struct cache *c = v->c;
	struct names s = {0};
	const char *uids[] = {v->study_uid};
	struct index_select sel = {.level = INDEX_INSTANCE,
	    .study_uids = uids, .n_study_uids = 1, .unready = true};
	struct index_reader *r = index_reader_open(c->ix, &v->e);
	int rc = r == NULL ? -1 :
	    index_select(r, &sel, on_object, &s, &v->e);
	index_reader_close(&r);
	if (rc == 0) {
		unsigned lost = index_lost(c->ix);
		index_drop_study(c->ix, v->study_uid);
		rc = index_confirm(c->ix, lost, &v->e);
	}
	v->gone = rc == 0;
	for (size_t i = 0; i < s.n && v->gone; i++)
		v->left += store_remove(c->st, s.name[i], &v->e) != 0;
	mem_free(s.name);
}

static void
eviction_done(struct job *j) /* job_fn, loop */
{
	struct eviction *v = (struct eviction *)j;
	struct cache *c = v->c;
	*v->at = v->next;
	if (v->next != NULL)
		v->next->at = v->at;
	c->leaving_bytes -= v->bytes;
	c->leaving_files -= v->instances;
	struct board_study *s = board_study(c->board, v->study_uid);
	bool again = v->gone && s != NULL && s->n_cases > 0;
	if (!v->gone || v->left > 0)
		c->trim_after_ns = clock_uptime_ns() + TRIM_REST_NS;
	if (v->left > 0)
		log_warn("cache.evict.files_left", "files=%u error='%s' "
		    "action=swept_at_the_next_start", v->left, v->e.msg);
	if (!v->gone) {
		log_warn("cache.evict.failed", "error='%s' action=kept_it",
		    v->e.msg);
		s = board_add_study(c->board, v->study_uid);
		s->state = v->state;
		s->instances = v->instances;
		s->bytes = v->bytes;
		s->reason[0] = '\0';
	} else if (again) { /* wanted again meanwhile */
		s->next_try_utc = 0;
		(void)str_copy(s->reason, sizeof(s->reason),
		    "evicted for an earlier case; fetched again when it fits");
	} else if (s != NULL) {
		board_drop_study(c->board, v->study_uid);
	}
	board_changed(c->board);
	(again ? c->ports.missing : c->ports.changed)(c->ports.ctx);
	mem_free(v);
}

void
cache_begin_eviction(struct cache *c, struct board_study *s)
{
	struct eviction *v = mem_new(struct eviction);
	v->job = (struct job){.work = eviction_work, .done = eviction_done};
	v->c = c;
	v->bytes = s->bytes;
	v->instances = s->instances;
	v->state = s->state;
	(void)str_copy(v->study_uid, UID_SIZE, s->uid);
	v->next = c->leaving;
	v->at = &c->leaving;
	if (v->next != NULL)
		v->next->at = &v->next;
	c->leaving = v;
	c->leaving_bytes += v->bytes;
	c->leaving_files += v->instances;
	s->state = STUDY_QUEUED;
	(void)str_copy(s->reason, sizeof(s->reason), "being evicted");
	s->instances = 0;
	s->bytes = 0;
	stats_add(STAT_EVICTIONS, 1);
	log_info("cache.study.evicted", "bytes=%llu",
	    (unsigned long long)v->bytes);
	pool_submit(c->pool, &v->job);
}

bool
cache_is_leaving(struct cache *c, const char *study_uid)
{
	for (struct eviction *v = c->leaving; v != NULL; v = v->next)
		if (str_eq(v->study_uid, study_uid))
			return true;
	return false;
}
