/* SPDX-License-Identifier: MIT */
/* What the cache's files share. */
#ifndef CACHE_CACHE_PRIV_H
#define CACHE_CACHE_PRIV_H

#include "base/lock.h"
#include "cache/cache.h"
#include "run/pool.h"

/* A study that somebody reads; gone at zero. */
struct use {
	char study_uid[UID_SIZE];
	unsigned n;
	struct use *next;
};

struct eviction {
	struct job job; /* first */
	struct cache *c;
	char study_uid[UID_SIZE];
	/* as they were when it was begun */
	uint64_t bytes;
	unsigned instances;
	enum study_state state;
	struct eviction *next, **at; /* of those under way, owned by the loop */
	struct err e;
	bool gone; /* its rows, durably; false also when it never ran */
	unsigned left; /* files that could not be removed */
};

enum wipe { WIPE_NONE, WIPE_NOW, WIPE_DONE, WIPE_FAILED };

struct cache {
	/* set at birth, then constant */
	struct loop *loop;
	struct cache_config conf;
	struct cache_ports ports;
	struct board *board;
	struct index *ix;
	struct store *st;
	/* owned by the loop */
	struct pool *pool; /* evictions */
	struct pool *verifier; /* its own, it may take an hour */
	struct loop_timer *timer; /* retention */
	struct eviction *leaving;
	uint64_t leaving_bytes, leaving_files;
	int64_t trim_after_ns; /* uptime; lists come first, failures rest */
	int64_t age_after_ns; /* continuous; the clock is not trusted before */
	enum wipe wipe;
	struct err wipe_e; /* of WIPE_FAILED */
	uint64_t used; /* the last number given out for LRU */
	bool verifying;
	/* sweep.c */
	struct sweeping *sweeping; /* under way */
	/* scrub.c */
	struct loop_timer *scrub_timer;
	struct scrubbing *scrubbing; /* under way */
	char scrub_after[UID_SIZE]; /* the study that was read last */
	bool scrub_begun;
	int64_t scrub_from_ns; /* continuous; the next pass begins then */
	unsigned scrub_good, scrub_bad, scrub_unread; /* in this pass */
	/* shared, under lock */
	struct lock lock;
	struct use *uses;
	unsigned n_news; /* posted to the loop, not arrived */
	bool stopped; /* and given back: the last news frees it */
};

/* load.c: bring index, store and board together. */
int cache_load(struct cache *c, struct err *e);
/* sweep.c: look for files without a row and rows without a file, a part after
 * the other, between evictions. */
void cache_begin_sweep(struct cache *c);
/* cache.c */
bool cache_in_use(struct cache *c, const char *study_uid);
/* Evict what nobody used or wanted for the retention. */
void cache_expire(struct cache *c);
/* scrub.c: go on with the scrub if nothing else is to be done, stop it if
 * something is. */
void cache_scrub_look(struct cache *c);
/* evict_study.c */
void cache_begin_eviction(struct cache *c, struct board_study *s);

#endif
