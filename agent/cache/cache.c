/* SPDX-License-Identifier: MIT */
/* What is held: room, use, wishes, retention. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "cache/cache_priv.h"
#include "model/evict.h"

#define RETENTION_EVERY_MS (INT64_C(3600) * 1000)
#define AGE_DOUBTED 12 /* retentions: older than that is a wrong clock */
#define VICTIMS_MAX 1000 /* of one call: the rest waits for the next */

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
cache_in_use(void *ctx, const char *study_uid) /* evict_in_use_fn */
{
	struct cache *c = ctx;
	lock_acquire(&c->lock);
	bool used = *find_use_locked(c, study_uid) != NULL;
	lock_release(&c->lock);
	return used || cache_is_leaving(c, study_uid);
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
	struct cache *c;
	char study_uid[UID_SIZE];
	uint8_t name[STORE_NAME_BYTES];
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

static void
on_damaged(void *ctx) /* loop_fn */
{
	struct news *w = ctx;
	struct cache *c = w->c;
	struct err e;
	news_arrived(w);
	if (w->late) {
		mem_free(w);
		return;
	}
	index_drop_object(c->ix, w->name);
	if (store_remove(c->st, w->name, &e) != 0)
		log_error("cache.remove.failed", "error='%s'", e.msg);
	struct board_study *s = board_study(c->board, w->study_uid);
	if (s != NULL && s->state == STUDY_READY) {
		s->state = STUDY_INCOMPLETE;
		s->next_try_utc = 0;
		(void)str_copy(s->reason, sizeof(s->reason),
		    "an object was damaged; it is fetched again");
	}
	if (s != NULL && s->instances > 0)
		s->instances--;
	board_changed(c->board);
	c->ports.missing(c->ports.ctx);
	mem_free(w);
}

void
cache_damaged(struct cache *c, const char *study_uid,
    const uint8_t name[STORE_NAME_BYTES])
{
	struct news *w = news_new(c, study_uid);
	memcpy(w->name, name, STORE_NAME_BYTES);
	loop_post(c->loop, on_damaged, w);
}

/* Whether ${bytes} fit once ${going} bytes have gone: into what is held, and
 * onto the disk. */
static bool
fits(struct cache *c, uint64_t bytes, uint64_t going, char *why, size_t size)
{
	struct err e;
	uint64_t held = store_held(c->st);
	uint64_t stays = held > going ? held - going : 0;
	uint64_t free_bytes = 0;
	char a[24], b[24];
	if (stays > c->conf.size || bytes > c->conf.size - stays) {
		(void)snprintf(why, size, "no room: %s held of %s allowed",
		    str_bytes(a, sizeof(a), stays),
		    str_bytes(b, sizeof(b), c->conf.size));
		return false;
	}
	if (store_free_bytes(c->st, &free_bytes, &e) != 0) {
		(void)snprintf(why, size, "%.180s", e.msg);
		return false;
	}
	if (free_bytes + going < c->conf.reserve + bytes) {
		(void)snprintf(why, size,
		    "disk full: %s free, %s are never used ([cache] reserve)",
		    str_bytes(a, sizeof(a), free_bytes),
		    str_bytes(b, sizeof(b), c->conf.reserve));
		return false;
	}
	return true;
}

/* Bytes of all that may give way to a case that starts at ${before_utc}. */
static uint64_t
loose_bytes(struct cache *c, int64_t before_utc)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < board_n_studies(c->board); i++) {
		const struct board_study *s = board_study_at(c->board, i);
		if (s->bytes > 0 && !s->kept && s->state != STUDY_FETCHING &&
		    (s->n_cases == 0 || s->deadline_utc > before_utc) &&
		    !cache_in_use(c, s->uid))
			sum += s->bytes;
	}
	return sum;
}

bool
cache_make_room(struct cache *c, uint64_t bytes, int64_t before_utc,
    char *why, size_t size)
{
	if (fits(c, bytes, c->leaving_bytes, why, size))
		return true;
	/* nothing goes for a study that would not fit all the same */
	if (!fits(c, bytes, c->leaving_bytes + loose_bytes(c, before_utc), why,
	    size))
		return false;
	for (int i = 0; i < VICTIMS_MAX; i++) {
		if (fits(c, bytes, c->leaving_bytes, why, size))
			return true;
		struct board_study *s = evict_victim(c->board, cache_in_use,
		    c);
		if (s == NULL)
			s = evict_furthest(c->board, before_utc, cache_in_use,
			    c);
		if (s == NULL)
			return false;
		cache_begin_eviction(c, s);
	}
	return false;
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
	else if (s->state == STUDY_FETCHING)
		no = "it is being fetched";
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
cache_expire(struct cache *c)
{
	int64_t now = clock_utc_s();
	for (unsigned i = board_n_studies(c->board); i-- > 0;) {
		struct board_study *s = board_study_at(c->board, i);
		if (s->bytes > 0 && s->n_cases == 0 && !s->kept &&
		    s->state != STUDY_FETCHING && s->last_used_utc > 0 &&
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
	c->timer = loop_timer_start(l, RETENTION_EVERY_MS, on_retention, c);
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
