/* SPDX-License-Identifier: MIT */
/* What the tests of the cache share: a real loop, store, index and board,
 * studies to hold, and the cache over them. */
#ifndef TESTS_CACHE_CACHE_FIXTURE_H
#define TESTS_CACHE_CACHE_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "cache/cache_priv.h"
#include "store/store_priv.h"

#define MR "1.2.840.10008.5.1.4.1.1.4"
#define LE "1.2.840.10008.1.2.1"
#define KIB 1024
#define NOW INT64_C(1795000000) /* utc seconds: the clock of every test */

struct fixture {
	char dir[64];
	struct loop *loop;
	struct board *board;
	struct store *st;
	struct index *ix;
	struct cache *c;
	struct cache_config conf;
	unsigned changed, missing, learned; /* calls of the ports */
	int64_t now_s;
	char text[400];
	struct err e;
};

static inline int64_t
fake_ns(void *ctx)
{
	struct fixture *f = ctx;
	return f->now_s * CLOCK_S;
}

static inline int64_t
fake_ms(void *ctx)
{
	struct fixture *f = ctx;
	return f->now_s * 1000;
}

static inline void
on_changed(void *ctx)
{
	struct fixture *f = ctx;
	f->changed++;
}

static inline void
on_missing(void *ctx)
{
	struct fixture *f = ctx;
	f->missing++;
}

static inline void
on_learn(void *ctx, const char *class_uid, const char *syntax, unsigned n)
{
	struct fixture *f = ctx;
	assert_string_equal(class_uid, MR);
	assert_string_equal(syntax, LE);
	f->learned += n;
}

static inline void
quiet(void *ctx, enum log_level level, const char *line) /* log_sink_fn */
{
	(void)ctx;
	(void)level;
	(void)line;
}

static inline void
open_both(struct fixture *f)
{
	f->st = store_open(f->dir, &f->e);
	assert_non_null(f->st);
	f->ix = index_open(f->dir, NULL, &f->e);
	assert_non_null(f->ix);
	f->board = board_new();
}

static inline bool
has_news(struct fixture *f)
{
	lock_acquire(&f->c->lock);
	bool has = f->c->n_news > 0;
	lock_release(&f->c->lock);
	return has;
}

/* Let evictions and news come home; nothing here waits for the time. */
static inline void
settle(struct fixture *f)
{
	do {
		loop_poll(f->loop);
		(void)sched_yield();
	} while (f->c->leaving != NULL || f->c->verifying ||
	    has_news(f) || f->c->sweeping != NULL ||
	    pool_load(f->c->pool) > 0);
}

/* The cache, its sweep under way. */
static inline bool
start_only(struct fixture *f)
{
	struct cache_ports ports = {.ctx = f, .changed = on_changed,
	    .missing = on_missing, .learn = on_learn};
	f->c = cache_start(f->loop, &f->conf, &ports, f->board, f->ix, f->st,
	    &f->e);
	return f->c != NULL;
}

static inline bool
start(struct fixture *f)
{
	if (!start_only(f))
		return false;
	settle(f);
	f->changed = f->missing = 0;
	return true;
}

/* As the agent stops; the next start has the same folder. */
static inline void
stop_all(struct fixture *f)
{
	cache_stop(&f->c);
	index_close(&f->ix);
	store_close(&f->st);
	loop_poll(f->loop); /* what was posted before comes late */
	board_free(&f->board);
}

/* A clean stop, then index and store again, the cache not yet. */
static inline void
reopen(struct fixture *f)
{
	stop_all(f);
	open_both(f);
	f->changed = f->missing = f->learned = 0;
}

static inline int
setup(void **state)
{
	static struct clock_source src = {.uptime_ns = fake_ns,
	    .continuous_ns = fake_ns, .utc_ms = fake_ms};
	struct fixture *f = mem_new(struct fixture);
	(void)str_copy(f->dir, sizeof(f->dir), "/tmp/cache-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	log_set_sink(quiet, NULL);
	f->conf = (struct cache_config){.size = 100 * KIB,
	    .retention_s = 30 * 86400};
	f->loop = loop_new(&f->e);
	assert_non_null(f->loop);
	f->now_s = NOW;
	src.ctx = f;
	clock_set_source(&src);
	open_both(f);
	*state = f;
	return 0;
}

/* Files that end in ${end}; all are removed if so asked. */
static inline unsigned
walk(const char *path, const char *end, bool remove_all)
{
	char copy[64];
	unsigned n = 0;
	(void)str_copy(copy, sizeof(copy), path); /* short */
	char *paths[] = {copy, NULL};
	FTS *t = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	for (FTSENT *x = fts_read(t); x != NULL; x = fts_read(t)) {
		size_t len = strlen(x->fts_name);
		size_t m = strlen(end);
		n += x->fts_info == FTS_F && len >= m &&
		    str_eq(x->fts_name + len - m, end);
		if (remove_all && x->fts_info != FTS_D)
			(void)remove(x->fts_accpath); /* the test is over */
	}
	(void)fts_close(t); /* read only */
	return n;
}

static inline int
teardown(void **state)
{
	struct fixture *f = *state;
	store_fail_at(0, 0);
	stop_all(f);
	loop_free(&f->loop);
	clock_set_source(NULL);
	log_set_sink(NULL, NULL);
	(void)walk(f->dir, "", true); /* counts nothing of interest */
	mem_free(f);
	return 0;
}

static inline unsigned
files(struct fixture *f)
{
	return walk(f->dir, ".dcm", false);
}

/* An object of ${bytes} in the store, not in the index. */
static inline struct store_object
put_file(struct fixture *f, const char *study, const char *sop, size_t bytes)
{
	struct store_object o;
	uint8_t *p = mem_new_n(uint8_t, bytes);
	memset(p, sop[strlen(sop) - 1], bytes);
	struct store_writer *w = store_begin(f->st, MR, sop, LE, &f->e);
	assert_non_null(w);
	assert_int_equal(store_write(w, p, bytes, &f->e), 0);
	assert_int_equal(store_commit(&w, study, "1.9", sop, &o, &f->e), 0);
	mem_free(p);
	return o;
}

static inline void
put_row(struct fixture *f, const char *study, const char *sop,
    const struct store_object *o)
{
	struct index_object io = {.study_uid = study, .series_uid = "1.9",
	    .instance_uid = sop, .class_uid = MR, .syntax = LE,
	    .length = o->length, .offset = o->offset, .patient_id = "P1",
	    .issuer = "NHS", .study_date = "20260701", .modality = "MR",
	    .series_number = 1, .instance_number = INT_MAX};
	memcpy(io.name, o->name, sizeof(io.name));
	memcpy(io.digest, o->digest, sizeof(io.digest));
	index_put_object(f->ix, &io);
}

static inline struct store_object
put_object(struct fixture *f, const char *study, const char *sop,
    size_t bytes)
{
	struct store_object o = put_file(f, study, sop, bytes);
	put_row(f, study, sop, &o);
	return o;
}

/* A study of one object, ready, used as the ${used}th; before the start. */
static inline struct store_object
put_study(struct fixture *f, const char *study, size_t bytes, uint64_t used)
{
	char sop[UID_SIZE];
	(void)snprintf(sop, sizeof(sop), "%s.1", study);
	struct store_object o = put_object(f, study, sop, bytes);
	index_put_study(f->ix, study, true, 1, "pacs");
	index_put_used(f->ix, study, used, NOW - 1000 + (int64_t)used);
	assert_int_equal(index_flush(f->ix, &f->e), 0);
	return o;
}

static inline void
path_of(const struct fixture *f, const struct store_object *o, char ret[256])
{
	char name[STORE_FILE_NAME];
	store_file_name(name, o->name);
	(void)snprintf(ret, 256, "%s/%.2s/%.2s/%s", f->dir, name, name + 2,
	    name);
}

/* Another byte in the middle of the data set. */
static inline void
damage(const struct fixture *f, const struct store_object *o)
{
	char path[256];
	path_of(f, o, path);
	int fd = open(path, O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "\xFF", 1, o->offset + 1), 1);
	assert_int_equal(close(fd), 0);
}

struct seen {
	unsigned n;
	bool ready, kept;
	unsigned expected;
};

static inline bool
on_row(void *ctx, const struct index_row *row) /* index_row_fn */
{
	struct seen *s = ctx;
	s->n++;
	s->ready = row->ready;
	s->kept = row->kept;
	s->expected = row->expected;
	return true;
}

/* What the index has of a study's instances. */
static inline struct seen
rows_of(struct fixture *f, const char *study)
{
	struct seen s = {.n = 0};
	struct index_select sel = {.level = INDEX_INSTANCE, .unready = true,
	    .study_uids = &study, .n_study_uids = 1};
	assert_int_equal(index_flush(f->ix, &f->e), 0);
	struct index_reader *r = index_reader_open(f->ix, &f->e);
	assert_non_null(r);
	assert_int_equal(index_select(r, &sel, on_row, &s, &f->e), 0);
	index_reader_close(&r);
	return s;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

#endif
