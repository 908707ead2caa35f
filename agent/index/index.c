/* SPDX-License-Identifier: MIT */
/* The index as a whole: opened, replaced when damaged, closed. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "index/index_priv.h"

static void
close_db(struct index *ix)
{
	for (int i = 0; i < INDEX_W_COUNT; i++) {
		(void)sqlite3_finalize(ix->stmt[i]); /* told by the step */
		ix->stmt[i] = NULL;
	}
	(void)sqlite3_close(ix->db); /* every statement is finished */
	ix->db = NULL;
}

static int
prepare_writes(struct index *ix, struct err *e)
{
	static const char *const sql[] = {
#define SQL(id, text) text,
	    INDEX_WRITES(SQL)
#undef SQL
	};
	for (int i = 0; i < INDEX_W_COUNT; i++)
		if (index_sql_prepare(ix->db, sql[i], &ix->stmt[i], e) != 0)
			return -1;
	return 0;
}

static int
open_db(struct index *ix, bool *ret_lost, struct err *e)
{
	*ret_lost = false;
	if (index_schema_open(ix, e) == 0 && prepare_writes(ix, e) == 0)
		return index_set_mark(ix, false, e);
	close_db(ix);
	if (e->code != ERR_CORRUPT)
		return -1;
	if (index_schema_set_aside(ix->path, e) != 0 ||
	    index_set_mark(ix, false, e) != 0)
		return -1;
	*ret_lost = true;
	if (index_schema_open(ix, e) != 0)
		return -1;
	return prepare_writes(ix, e);
}

static void
index_free(struct index *ix)
{
	close_db(ix);
	cond_done(&ix->done);
	cond_done(&ix->more);
	lock_done(&ix->failing);
	lock_done(&ix->lock);
	mem_free(ix->path);
	mem_free(ix);
}

struct index *
index_open(const char *dir, bool *ret_lost, struct err *e)
{
	bool lost = false;
	struct index *ix = mem_new(struct index);
	size_t n = strlen(dir) + sizeof("/index.db");
	ix->path = mem_new_n(char, n);
	(void)snprintf(ix->path, n, "%s/index.db", dir); /* fits */
	lock_init(&ix->lock);
	lock_init(&ix->failing);
	cond_init(&ix->more);
	cond_init(&ix->done);
	ix->tail = &ix->head;
	if (open_db(ix, &lost, e) != 0 || index_writer_start(ix, e) != 0) {
		index_free(ix);
		return NULL;
	}
	if (ret_lost != NULL)
		*ret_lost = lost;
	return ix;
}

/* The stop was clean if all that was told is in the file. */
static void
mark_clean(struct index *ix)
{
	struct err e; /* then it counts as unclean, and that is all */
	if (atomic_load(&ix->suspect))
		(void)index_set_mark(ix, true, &e); /* then it is unclean */
	if (atomic_load(&ix->failed) || atomic_load(&ix->suspect) ||
	    atomic_load(&ix->unchecked) || atomic_load(&ix->lost) > 0)
		return;
	if (index_sql_exec(ix->db, "PRAGMA synchronous = FULL", &e) != 0)
		return;
	struct index_run r = index_run_of(ix->stmt[INDEX_W_CLEAN_SET]);
	index_run_int(&r, 1);
	(void)index_run_all(&r, &e); /* see above */
}

void
index_close(struct index **pp)
{
	struct index *ix = *pp;
	*pp = NULL;
	if (ix == NULL)
		return;
	index_writer_stop(ix);
	mark_clean(ix);
	index_free(ix);
}

bool
index_was_clean(const struct index *ix)
{
	return ix->was_clean;
}

void
index_fail(struct index *ix, const struct err *e)
{
	lock_acquire(&ix->failing);
	if (!atomic_load(&ix->failed)) {
		ix->first = *e;
		atomic_store(&ix->failed, true);
	}
	lock_release(&ix->failing);
}

bool
index_has_failed(const struct index *ix, struct err *ret)
{
	if (!atomic_load(&ix->failed))
		return false;
	if (ret != NULL)
		*ret = ix->first;
	return true;
}
