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
	struct eviction *next; /* of those under way, owned by the loop */
	struct err e;
	bool gone; /* rows and files; false also when it never ran */
};

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
	uint64_t leaving_bytes;
	uint64_t used; /* the last number given out for LRU */
	bool verifying;
	/* shared, under lock */
	struct lock lock;
	struct use *uses;
	unsigned n_news; /* posted to the loop, not arrived */
	bool stopped; /* and given back: the last news frees it */
};

/* load.c: bring index, store and board together. */
int cache_load(struct cache *c, struct err *e);
/* cache.c */
bool cache_in_use(void *ctx, const char *study_uid); /* evict_in_use_fn */
/* Evict what nobody used or wanted for the retention. */
void cache_expire(struct cache *c);
/* evict_study.c */
void cache_begin_eviction(struct cache *c, struct board_study *s);

#endif
