/* SPDX-License-Identifier: MIT
 *
 * cache: what is held: brought to the board at start, kept within its size,
 * evicted oldest use first, checked on request.
 * Driven on the loop; hold, release and damaged are [any].
 * Owns a worker for evictions and the sweep, another for verification and
 * the scrub, and the set of studies in use. Never evicts what a coming case
 * needs, a person keeps, a viewer reads or an archive is sending.
 */
#ifndef CACHE_CACHE_H
#define CACHE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "index/index.h"
#include "model/board.h"
#include "run/loop.h"
#include "store/store.h"

struct cache;

struct cache_config {
	uint64_t size; /* bytes that objects may take */
	uint64_t reserve; /* free bytes of the volume that are never used */
	unsigned high, low; /* water marks, percent of size: above high it is
	                     * emptied in the background down to low */
	uint64_t scrub; /* bytes/s that the scrub may read, 0 = no scrub */
	int64_t retention_s; /* unused and unwanted longer: evicted */
	int64_t horizon_s; /* cases that start within it count */
};

struct cache_ports {
	void *ctx;
	void (*changed)(void *ctx); /* [loop] the board has changed */
	void (*missing)(void *ctx); /* [loop] what was damaged, or evicted and
	                             * is wanted again, wants fetching */
	/* [loop], at start: ${n} objects of this pair are held */
	void (*learn)(void *ctx, const char *class_uid, const char *syntax,
	    unsigned n);
	/* [loop], at start, when the index is empty: put the object into it;
	 * -1: it cannot be, and its file goes */
	int (*readmit)(void *ctx, const struct store_item *it, const void *p,
	    size_t n, struct err *e);
};

/* Bring index, store and board together: fill the board and set the quota from
 * the index, which takes no longer for a million objects. What a ready study
 * has is here (index.h); the objects of others are read before they count
 * (prefetch). Files without a row and rows without a file are looked for in
 * the background. An index that was lost is made anew from the files that
 * prove to be whole (readmit); only that blocks for long. Call before the loop
 * runs. */
struct cache *cache_start(struct loop *l, const struct cache_config *c,
    const struct cache_ports *ports, struct board *b, struct index *ix,
    struct store *st, struct err *e);
void cache_stop(struct cache **pp);

/* Make room for ${bytes} more: evicts in the background, accounts at once.
 * Studies whose cases start after ${before_utc} give way last; INT64_MAX: for
 * no case, and none gives way. False with words when it cannot be. */
bool cache_make_room(struct cache *c, uint64_t bytes, int64_t before_utc,
    char *why, size_t size);
/* The board was settled: mark what does not fit (room_pins), log each case of
 * which that is new, and trim. */
void cache_look(struct cache *c);
/* Above the high water mark: evict in the background what no case needs until
 * the low one is reached. Not in the first minute: the theatre lists are not
 * read yet. Cheap when there is nothing to do. */
void cache_trim(struct cache *c);
/* The clock was set: nothing is evicted for its age for an hour. */
void cache_clock_stepped(struct cache *c);
/* Whether a study is on its way out. */
bool cache_is_leaving(struct cache *c, const char *study_uid);

/* A person's wish. 202 done, or an eviction begun; 404 unknown, 409 cannot
 * be; words in ${text}. */
int cache_keep(struct cache *c, const char *study_uid, bool keep, char *text,
    size_t size);
int cache_evict(struct cache *c, const char *study_uid, char *text,
    size_t size);
/* Whether a viewer is reading anything just now. */
bool cache_is_read(struct cache *c);
/* Remove every object, every row and the wants of all cases, also those on
 * the board: nothing of a patient stays in the folder. Only when nothing
 * fetches any more. 202 it goes on, ask again; 200 it is done, and the cache
 * takes nothing more; 500 it failed, ask again to try again. */
int cache_wipe(struct cache *c, char *text, size_t size);
/* Check every object's digest in the background. */
int cache_verify(struct cache *c, char *text, size_t size);

/* [any] A study is being read; it stays until released as often. Reading is
 * use: the order of LRU follows the release. */
void cache_hold(struct cache *c, const char *study_uid);
void cache_release(struct cache *c, const char *study_uid);
/* [loop] The study was used (it has just arrived). */
void cache_touch(struct cache *c, const char *study_uid);
/* [any] An object's file is missing or damaged: it is withdrawn, and its
 * study is not ready until it has been fetched again. */
void cache_damaged(struct cache *c, const char *study_uid,
    const uint8_t name[STORE_NAME_BYTES]);

#endif
