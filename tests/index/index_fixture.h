/* SPDX-License-Identifier: MIT */
/* What the tests of the index share: a folder, an index, objects to put. */
#ifndef INDEX_FIXTURE_H
#define INDEX_FIXTURE_H

#include <fts.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "index/index_priv.h"

struct fixture {
	char dir[64];
	struct index *ix;
	struct index_reader *r;
	bool lost;
	struct err e;
};

static inline void
open_index(struct fixture *f)
{
	f->ix = index_open(f->dir, &f->lost, &f->e);
	assert_non_null(f->ix);
	f->r = index_reader_open(f->ix, &f->e);
	assert_non_null(f->r);
}

static inline void
close_index(struct fixture *f)
{
	index_reader_close(&f->r);
	index_close(&f->ix);
}

static inline int
setup(void **state)
{
	struct fixture *f = mem_new(struct fixture);
	(void)str_copy(f->dir, sizeof(f->dir), "/tmp/index-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	open_index(f);
	*state = f;
	return 0;
}

static inline void
remove_tree(const char *path)
{
	char copy[128];
	(void)str_copy(copy, sizeof(copy), path); /* short */
	char *paths[] = {copy, NULL};
	FTS *t = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	for (FTSENT *n = fts_read(t); n != NULL; n = fts_read(t))
		if (n->fts_info != FTS_D)
			(void)remove(n->fts_accpath); /* the test is over */
	(void)fts_close(t); /* read only */
}

static inline int
teardown(void **state)
{
	struct fixture *f = *state;
	index_fail_at(0);
	if (f->r != NULL)
		index_reader_close(&f->r);
	index_close(&f->ix);
	remove_tree(f->dir);
	mem_free(f);
	return 0;
}

/* A name as the store would give: one for each triple of UIDs. */
static inline void
name_of(uint8_t name[INDEX_NAME_BYTES], const char *study,
    const char *series, const char *sop)
{
	char text[3 * UID_SIZE] = {0};
	(void)snprintf(text, sizeof(text), "%.64s|%.64s|%.64s", study, series,
	    sop);
	memcpy(name, text, INDEX_NAME_BYTES);
}

static inline struct index_object
an_object(const char *study, const char *series, const char *sop)
{
	struct index_object o = {.study_uid = study, .series_uid = series,
	    .instance_uid = sop, .class_uid = "1.2.840.10008.5.1.4.1.1.4",
	    .syntax = "1.2.840.10008.1.2.1", .digest = "0123456789abcde",
	    .length = 1000, .offset = 400, .patient_id = "P1",
	    .issuer = "NHS", .study_date = "20260701", .modality = "MR",
	    .series_number = 1, .instance_number = 1,
	    .patient_study = {"study", 5}, .series = {"series", 6},
	    .instance = {"instance", 8}};
	name_of(o.name, study, series, sop);
	return o;
}

static inline void
put_simple(struct fixture *f, const char *study, const char *series,
    const char *sop)
{
	struct index_object o = an_object(study, series, sop);
	index_put_object(f->ix, &o);
}

static inline void
flush(struct fixture *f)
{
	if (index_flush(f->ix, &f->e) != 0)
		fail_msg("%s", f->e.msg);
}

/* the rows a select gave, as text: "a,b,c" of the level's own keys */
struct seen {
	enum index_level level;
	unsigned n;
	unsigned stop_after;
	char text[4096];
	struct index_row last; /* numbers only: its strings are gone */
	char modalities[64], classes[256], archive[64];
};

/* index_row_fn */
static inline bool
see(void *ctx, const struct index_row *row)
{
	struct seen *s = ctx;
	const char *keys[] = {row->patient_id, row->study_uid,
	    row->series_uid, row->instance_uid};
	size_t at = strlen(s->text);
	(void)snprintf(s->text + at, sizeof(s->text) - at, "%s%s",
	    s->n == 0 ? "" : ",", keys[s->level]);
	s->last = *row;
	(void)str_copy(s->modalities, sizeof(s->modalities),
	    row->modalities); /* a test's are short */
	(void)str_copy(s->classes, sizeof(s->classes), row->classes);
	(void)str_copy(s->archive, sizeof(s->archive), row->archive);
	s->n++;
	return s->n != s->stop_after;
}

static inline struct seen
select_all(struct fixture *f, struct index_select sel)
{
	struct seen s = {.level = sel.level};
	if (index_select(f->r, &sel, see, &s, &f->e) != 0)
		fail_msg("%s", f->e.msg);
	return s;
}

/* Everything of one level, whether ready or not. */
static inline struct seen
select_level(struct fixture *f, enum index_level level)
{
	return select_all(f, (struct index_select){.level = level,
	    .unready = true});
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

#endif
