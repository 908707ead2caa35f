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
};

void
cache_touch(struct cache *c, const char *study_uid)
{
	struct board_study *s = board_study(c->board, study_uid);
	if (s == NULL)
		return;
	s->used = ++c->used;
	s->last_used_utc = clock_utc_s();
	index_put_used(c->ix, s->uid, s->used, s->last_used_utc);
}

static void
on_released(void *ctx) /* loop_fn */
{
	struct news *w = ctx;
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
	struct news *w = mem_new(struct news);
	w->c = c;
	(void)str_copy(w->study_uid, UID_SIZE, study_uid);
	loop_post(c->loop, on_released, w);
}

static void
on_damaged(void *ctx) /* loop_fn */
{
	struct news *w = ctx;
	struct cache *c = w->c;
	struct err e;
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
	struct news *w = mem_new(struct news);
	w->c = c;
	(void)str_copy(w->study_uid, UID_SIZE, study_uid);
	memcpy(w->name, name, STORE_NAME_BYTES);
	loop_post(c->loop, on_damaged, w);
}

/* Bytes that are held or on their way out, and what the disk has. */
static bool
fits(struct cache *c, uint64_t bytes, char *why, size_t size)
{
	struct err e;
	uint64_t held = store_held(c->st);
	uint64_t stays = held > c->leaving_bytes ? held - c->leaving_bytes : 0;
	uint64_t free_bytes = 0;
	char a[24], b[24];
	if (stays + bytes > c->conf.size) {
		(void)snprintf(why, size, "no room: %s held of %s allowed",
		    str_bytes(a, sizeof(a), stays),
		    str_bytes(b, sizeof(b), c->conf.size));
		return false;
	}
	if (store_free_bytes(c->st, &free_bytes, &e) != 0) {
		(void)snprintf(why, size, "%.180s", e.msg);
		return false;
	}
	if (free_bytes + c->leaving_bytes < c->conf.reserve + bytes) {
		(void)snprintf(why, size,
		    "disk full: %s free, %s are never used ([cache] reserve)",
		    str_bytes(a, sizeof(a), free_bytes),
		    str_bytes(b, sizeof(b), c->conf.reserve));
		return false;
	}
	return true;
}

bool
cache_make_room(struct cache *c, uint64_t bytes, int64_t before_utc,
    char *why, size_t size)
{
	for (int i = 0; i < VICTIMS_MAX; i++) {
		if (fits(c, bytes, why, size))
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

static void
on_retention(void *ctx) /* loop_fn */
{
	struct cache *c = ctx;
	int64_t now = clock_utc_s();
	c->timer = loop_timer_start(c->loop, RETENTION_EVERY_MS, on_retention,
	    c);
	for (unsigned i = board_n_studies(c->board); i-- > 0;) {
		struct board_study *s = board_study_at(c->board, i);
		if (s->bytes > 0 && s->n_cases == 0 && !s->kept &&
		    s->state != STUDY_FETCHING && s->last_used_utc > 0 &&
		    now - s->last_used_utc > c->conf.retention_s &&
		    !cache_in_use(c, s->uid))
			cache_begin_eviction(c, s);
	}
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
		c->pool = pool_new(l, "cache", 1, e);
	if (c->pool == NULL) {
		cache_stop(&c);
		return NULL;
	}
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
	pool_free(&c->pool);
	while (c->uses != NULL) {
		struct use *gone = c->uses;
		c->uses = gone->next;
		mem_free(gone);
	}
	lock_done(&c->lock);
	mem_free(c);
}
