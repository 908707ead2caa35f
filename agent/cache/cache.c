/* SPDX-License-Identifier: MIT */
/* What is held: use, wishes, retention. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "cache/cache_priv.h"
#include "model/evict.h"

#define RETENTION_EVERY_MS (INT64_C(3600) * 1000)
#define SCRUB_EVERY_MS 10000 /* is there time for it? */
#define AGE_DOUBTED 12 /* retentions: older than that is a wrong clock */
#define DOUBT_NS (3600 * CLOCK_S) /* of the clock, once it was set */
#define WITHDRAW_S 60 /* at most until a damaged file is gone */
#define LISTS_FIRST_NS (60 * CLOCK_S) /* before that no case is known */

static struct use **
find_use_locked(struct cache *c, const char *study_uid)
{
	lock_assert_held(&c->lock);
	struct use **pp = &c->uses;
	while (*pp != NULL && !str_eq((*pp)->study_uid, study_uid))
		pp = &(*pp)->next;
	return pp;
}

bool
cache_in_use(struct cache *c, const char *study_uid)
{
	lock_acquire(&c->lock);
	bool used = *find_use_locked(c, study_uid) != NULL;
	lock_release(&c->lock);
	return used || cache_is_leaving(c, study_uid);
}

bool
cache_is_read(struct cache *c)
{
	lock_acquire(&c->lock);
	bool used = c->uses != NULL;
	lock_release(&c->lock);
	return used;
}

void
cache_hold(struct cache *c, const char *study_uid)
{
	lock_acquire(&c->lock);
	struct use **pp = find_use_locked(c, study_uid);
	if (*pp == NULL) {
		*pp = mem_new(struct use);
		(void)str_copy((*pp)->study_uid, UID_SIZE, study_uid);
	}
	(*pp)->n++;
	lock_release(&c->lock);
}

/* News from a worker, on its way to the loop. */
struct news {
	struct job job; /* first; what it asks for */
	struct cache *c;
	char study_uid[UID_SIZE];
	uint8_t name[STORE_NAME_BYTES];
	unsigned lost; /* index_lost before its row was dropped */
	bool late; /* the cache has been given back meanwhile */
};

static struct news *
news_new(struct cache *c, const char *study_uid)
{
	struct news *w = mem_new(struct news);
	w->c = c;
	(void)str_copy(w->study_uid, UID_SIZE, study_uid);
	lock_acquire(&c->lock);
	c->n_news++;
	lock_release(&c->lock);
	return w;
}

static void
cache_free(struct cache *c)
{
	lock_done(&c->lock);
	mem_free(c);
}

/* News is here; what comes late only frees the cache, the last of it. */
static void
news_arrived(struct news *w)
{
	struct cache *c = w->c;
	lock_acquire(&c->lock);
	w->late = c->stopped;
	bool last = --c->n_news == 0 && c->stopped;
	lock_release(&c->lock);
	if (last)
		cache_free(c);
}

void
cache_touch(struct cache *c, const char *study_uid)
{
	struct board_study *s = board_study(c->board, study_uid);
	if (s == NULL)
		return;
	s->used = ++c->used;
	s->last_used_utc = clock_utc_s();
	index_put_used(c->ix, s->uid, s->used, s->last_used_utc);
	if (s->kept) /* perhaps pinned before it had a row to say so */
		index_put_kept(c->ix, s->uid, true);
}

static void
on_released(void *ctx) /* loop_fn */
{
	struct news *w = ctx;
	news_arrived(w);
	if (!w->late)
		cache_touch(w->c, w->study_uid);
	mem_free(w);
}

void
cache_release(struct cache *c, const char *study_uid)
{
	lock_acquire(&c->lock);
	struct use **pp = find_use_locked(c, study_uid);
	if (*pp != NULL && --(*pp)->n == 0) {
		struct use *gone = *pp;
		*pp = gone->next;
		mem_free(gone);
	}
	lock_release(&c->lock);
	loop_post(c->loop, on_released, news_new(c, study_uid));
}

/* The row first, durable, then the file. */
static void
withdrawal_work(struct job *j) /* job_fn, worker */
{
	struct news *w = (struct news *)j;
	struct err e;
	if (index_confirm(w->c->ix, w->lost, &e) != 0 ||
	    store_remove_damaged(w->c->st, w->name, &e) != 0)
		log_error("cache.remove.failed", "error='%s'", e.msg);
}

static void
withdrawal_done(struct job *j) /* job_fn, loop */
{
	struct news *w = (struct news *)j;
	struct cache *c = w->c;
	struct board_study *s = board_study(c->board, w->study_uid);
	if (s != NULL && s->state == STUDY_INCOMPLETE)
		s->next_try_utc = 0;
	c->ports.missing(c->ports.ctx);
	mem_free(w);
}

static void
on_damaged(void *ctx) /* loop_fn */
{
	struct news *w = ctx;
	struct cache *c = w->c;
	news_arrived(w);
	if (w->late) {
		mem_free(w);
		return;
	}
	w->lost = index_lost(c->ix);
	index_drop_object(c->ix, w->name);
	struct board_study *s = board_study(c->board, w->study_uid);
	if (s != NULL && s->state == STUDY_READY) {
		s->state = STUDY_INCOMPLETE;
		s->next_try_utc = clock_utc_s() + WITHDRAW_S;
		(void)str_copy(s->reason, sizeof(s->reason),
		    "an object was damaged; it is fetched again");
	}
	if (s != NULL)
		board_study_lose(s, 1);
	board_changed(c->board);
	w->job = (struct job){.work = withdrawal_work,
	    .done = withdrawal_done};
	pool_submit(c->pool, &w->job);
}

void
cache_damaged(struct cache *c, const char *study_uid,
    const uint8_t name[STORE_NAME_BYTES])
{
	struct news *w = news_new(c, study_uid);
	memcpy(w->name, name, STORE_NAME_BYTES);
	loop_post(c->loop, on_damaged, w);
}

int
cache_keep(struct cache *c, const char *study_uid, bool keep, char *text,
    size_t size)
{
	struct board_study *s = board_study(c->board, study_uid);
	if (s == NULL) {
		(void)snprintf(text, size, "no such study here");
		return 404;
	}
	if (keep && cache_is_leaving(c, study_uid)) {
		(void)snprintf(text, size, "not kept: it is being evicted");
		return 409;
	}
	s->kept = keep;
	index_put_kept(c->ix, study_uid, keep);
	board_changed(c->board);
	(void)snprintf(text, size, keep ? "kept until unpinned" :
	    "no longer kept");
	return 202;
}

int
cache_evict(struct cache *c, const char *study_uid, char *text, size_t size)
{
	struct board_study *s = board_study(c->board, study_uid);
	const char *no = NULL;
	if (s == NULL || s->bytes == 0) {
		(void)snprintf(text, size, "no such study here");
		return 404;
	}
	if (s->n_cases > 0)
		no = "a coming case needs it";
	else if (s->kept)
		no = "it is pinned";
	else if (s->state == STUDY_FETCHING || s->checking)
		no = "it is being fetched or compared with the archive";
	else if (cache_in_use(c, study_uid))
		no = "a viewer is reading it";
	if (no != NULL) {
		(void)snprintf(text, size, "not evicted: %s", no);
		return 409;
	}
	cache_begin_eviction(c, s);
	board_changed(c->board);
	(void)snprintf(text, size, "evicted");
	return 202;
}

void
cache_clock_stepped(struct cache *c)
{
	c->age_after_ns = clock_continuous_ns() + DOUBT_NS;
}

void
cache_expire(struct cache *c)
{
	int64_t now = clock_utc_s();
	if (clock_continuous_ns() < c->age_after_ns || c->wipe != WIPE_NONE)
		return;
	for (unsigned i = board_n_studies(c->board); i-- > 0;) {
		struct board_study *s = board_study_at(c->board, i);
		if (evict_is_loose(s) && s->n_cases == 0 &&
		    s->last_used_utc > 0 &&
		    now - s->last_used_utc > c->conf.retention_s &&
		    (now - s->last_used_utc) / AGE_DOUBTED <=
		        c->conf.retention_s &&
		    !cache_in_use(c, s->uid))
			cache_begin_eviction(c, s);
	}
}

static void
on_retention(void *ctx) /* loop_fn */
{
	struct cache *c = ctx;
	c->timer = loop_timer_start(c->loop, RETENTION_EVERY_MS, on_retention,
	    c);
	cache_expire(c);
}

static void
on_scrub(void *ctx) /* loop_fn */
{
	struct cache *c = ctx;
	c->scrub_timer = loop_timer_start(c->loop, SCRUB_EVERY_MS, on_scrub,
	    c);
	cache_scrub_look(c);
}

struct cache *
cache_start(struct loop *l, const struct cache_config *conf,
    const struct cache_ports *ports, struct board *b, struct index *ix,
    struct store *st, struct err *e)
{
	struct cache *c = mem_new(struct cache);
	c->loop = l;
	c->conf = *conf;
	c->ports = *ports;
	c->board = b;
	c->ix = ix;
	c->st = st;
	c->trim_after_ns = clock_uptime_ns() + LISTS_FIRST_NS;
	lock_init(&c->lock);
	store_set_quota(st, conf->size, conf->reserve);
	if (cache_load(c, e) == 0)
		c->pool = pool_new(l, "evict", 1, e);
	if (c->pool != NULL)
		c->verifier = pool_new(l, "verify", 1, e);
	if (c->verifier == NULL) {
		cache_stop(&c);
		return NULL;
	}
	pool_set_background(c->verifier);
	cache_begin_sweep(c);
	c->timer = loop_timer_start(l, RETENTION_EVERY_MS, on_retention, c);
	if (conf->scrub > 0)
		c->scrub_timer = loop_timer_start(l, SCRUB_EVERY_MS,
		    on_scrub, c);
	return c;
}

void
cache_stop(struct cache **pp)
{
	struct cache *c = *pp;
	*pp = NULL;
	if (c == NULL)
		return;
	loop_timer_stop(&c->timer);
	loop_timer_stop(&c->scrub_timer);
	pool_free(&c->verifier);
	pool_free(&c->pool);
	while (c->uses != NULL) {
		struct use *gone = c->uses;
		c->uses = gone->next;
		mem_free(gone);
	}
	lock_acquire(&c->lock);
	c->stopped = true;
	bool last = c->n_news == 0;
	lock_release(&c->lock);
	if (last)
		cache_free(c);
}
