/* SPDX-License-Identifier: MIT */
/* Read-only connections: one a thread, each with its statements. */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "index/index_priv.h"

#define SETTINGS \
	"PRAGMA query_only = 1;" \
	"PRAGMA trusted_schema = 0;" \
	"PRAGMA cell_size_check = 1;" \
	"PRAGMA cache_size = -4096;" \
	"PRAGMA temp_store = MEMORY;" /* no patient's data in /tmp */

int
index_reader_met(struct index_reader *r, const struct err *e)
{
	if (e->code == ERR_CORRUPT)
		atomic_store(&r->ix->suspect, true);
	return -1;
}

static int
prepare_reads(struct index_reader *r, struct err *e)
{
	static const char *const sql[] = {
#define SQL(id, text) text,
	    INDEX_READS(SQL)
#undef SQL
	};
	for (int i = 0; i < INDEX_R_COUNT; i++)
		if (index_sql_prepare(r->db, sql[i], &r->stmt[i], e) != 0)
			return index_reader_met(r, e);
	return 0;
}

struct index_reader *
index_reader_open(struct index *ix, struct err *e)
{
	struct index_reader *r = mem_new(struct index_reader);
	r->ix = ix;
	if (index_sql_open(ix->path, SQLITE_OPEN_READONLY, &r->db, e) != 0 ||
	    index_sql_exec(r->db, SETTINGS, e) != 0 ||
	    prepare_reads(r, e) != 0)
		index_reader_close(&r);
	return r;
}

void
index_reader_close(struct index_reader **pp)
{
	struct index_reader *r = *pp;
	*pp = NULL;
	if (r == NULL)
		return;
	assert(!r->busy);
	for (int i = 0; i < INDEX_R_COUNT; i++)
		(void)sqlite3_finalize(r->stmt[i]); /* told by the step */
	(void)sqlite3_close(r->db); /* every statement is finished */
	mem_free(r);
}

int
index_each_wants(struct index_reader *r, index_wants_fn *fn, void *ctx,
    struct err *e)
{
	struct index_run run = index_run_of(r->stmt[INDEX_R_WANTS]);
	int rc;
	do {
		rc = index_run_step(&run, e);
		if (rc == 1)
			fn(ctx, index_text(run.s, 0), index_blob_of(run.s, 1));
	} while (rc == 1);
	return rc == 0 ? 0 : index_reader_met(r, e);
}

int
index_find_object(struct index_reader *r,
    const uint8_t name[INDEX_NAME_BYTES], uint64_t *ret_length,
    uint32_t *ret_offset, struct err *e)
{
	struct index_run run = index_run_of(r->stmt[INDEX_R_OBJECT]);
	index_run_blob(&run, name, INDEX_NAME_BYTES);
	int rc = index_run_step(&run, e);
	if (rc == -1)
		return index_reader_met(r, e);
	if (rc == 1) {
		*ret_length = (uint64_t)sqlite3_column_int64(run.s, 0);
		*ret_offset = (uint32_t)sqlite3_column_int64(run.s, 1);
		index_run_end(&run);
	}
	return rc;
}

int
index_each_name(struct index_reader *r, uint8_t first, index_name_fn *fn,
    void *ctx, struct err *e)
{
	uint8_t from[INDEX_NAME_BYTES] = {first};
	uint8_t to[INDEX_NAME_BYTES];
	memset(to, 0xFF, sizeof(to));
	to[0] = first;
	struct index_run run = index_run_of(r->stmt[INDEX_R_NAMES]);
	index_run_blob(&run, from, sizeof(from));
	index_run_blob(&run, to, sizeof(to));
	int rc;
	do {
		rc = index_run_step(&run, e);
		if (rc == 1 &&
		    sqlite3_column_bytes(run.s, 0) == INDEX_NAME_BYTES)
			fn(ctx, sqlite3_column_blob(run.s, 0));
	} while (rc == 1);
	return rc == 0 ? 0 : index_reader_met(r, e);
}

int
index_study_of(struct index_reader *r, const uint8_t name[INDEX_NAME_BYTES],
    char ret_study[UID_SIZE], uint64_t *ret_length, struct err *e)
{
	struct index_run run = index_run_of(r->stmt[INDEX_R_STUDY_OF]);
	index_run_blob(&run, name, INDEX_NAME_BYTES);
	int rc = index_run_step(&run, e);
	if (rc == -1)
		return index_reader_met(r, e);
	if (rc == 1) {
		(void)str_copy(ret_study, UID_SIZE, index_text(run.s, 0));
		*ret_length = (uint64_t)sqlite3_column_int64(run.s, 1);
		index_run_end(&run);
	}
	return rc;
}

int
index_each_pair(struct index_reader *r, unsigned max, index_pair_fn *fn,
    void *ctx, struct err *e)
{
	struct index_run run = index_run_of(r->stmt[INDEX_R_PAIRS]);
	index_run_int(&run, max);
	int rc;
	do {
		rc = index_run_step(&run, e);
		if (rc == 1)
			fn(ctx, index_text(run.s, 0), index_text(run.s, 1),
			    (unsigned)sqlite3_column_int64(run.s, 2));
	} while (rc == 1);
	return rc == 0 ? 0 : index_reader_met(r, e);
}

int
index_totals(struct index_reader *r, struct index_totals *ret, struct err *e)
{
	struct index_run run = index_run_of(r->stmt[INDEX_R_TOTALS]);
	int rc = index_run_step(&run, e);
	if (rc == -1)
		return index_reader_met(r, e);
	assert(rc == 1); /* an aggregate always has a row */
	ret->studies = (unsigned)sqlite3_column_int64(run.s, 0);
	ret->instances = (unsigned)sqlite3_column_int64(run.s, 1);
	ret->bytes = (uint64_t)sqlite3_column_int64(run.s, 2);
	index_run_end(&run);
	return 0;
}
