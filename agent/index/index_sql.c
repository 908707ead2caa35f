/* SPDX-License-Identifier: MIT */
/* SQLite's calls with our errors, and a seam to make them fail. */
#include <limits.h>

#include "index/index_priv.h"

static atomic_uint fail_in;

void
index_fail_at(unsigned k)
{
	atomic_store(&fail_in, k);
}

bool
index_fail_fired(void)
{
	return atomic_load(&fail_in) == 0;
}

/* SQLite's own message may quote a value, errstr never does. */
int
index_sql_err(int rc, const char *what, struct err *e)
{
	enum err_code code = ERR_IO;
	switch (rc & 0xff) {
	case SQLITE_FULL:
		code = ERR_FULL;
		break;
	case SQLITE_ERROR: /* our SQL is fixed: the tables are not ours */
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		code = ERR_CORRUPT;
		break;
	case SQLITE_NOMEM:
		code = ERR_NOMEM;
		break;
	default:
		break;
	}
	return err_set(e, code, 0, "%s: %s (%d)", what, sqlite3_errstr(rc), rc);
}

int
index_sql_open(const char *path, int flags, sqlite3 **ret, struct err *e)
{
	sqlite3 *db = NULL;
	int rc = sqlite3_open_v2(path, &db, flags | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc != SQLITE_OK) {
		(void)sqlite3_close(db); /* nothing is open on it */
		return index_sql_err(rc, "open index", e);
	}
	(void)sqlite3_extended_result_codes(db, 1); /* cannot fail */
	(void)sqlite3_busy_timeout(db, INDEX_BUSY_MS); /* cannot fail */
	*ret = db;
	return 0;
}

int
index_sql_exec(sqlite3 *db, const char *sql, struct err *e)
{
	int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
	return rc == SQLITE_OK ? 0 : index_sql_err(rc, "set up index", e);
}

int
index_sql_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret,
    struct err *e)
{
	int rc = sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT,
	    ret, NULL);
	return rc == SQLITE_OK ? 0 : index_sql_err(rc, "prepare index", e);
}

int
index_sql_number(sqlite3 *db, const char *sql, int64_t *ret, struct err *e)
{
	sqlite3_stmt *s = NULL;
	if (index_sql_prepare(db, sql, &s, e) != 0)
		return -1;
	struct index_run r = index_run_of(s);
	int rc = index_run_step(&r, e);
	if (rc == 1)
		*ret = sqlite3_column_int64(s, 0);
	else if (rc == 0)
		(void)err_set(e, ERR_CORRUPT, 0,
		    "read index: want a row, have none"); /* -1 below */
	(void)sqlite3_finalize(s); /* told by the step */
	return rc == 1 ? 0 : -1;
}

struct index_run
index_run_of(sqlite3_stmt *s)
{
	return (struct index_run){.s = s};
}

static void
bound(struct index_run *r, int rc)
{
	if (r->rc == SQLITE_OK)
		r->rc = rc;
}

void
index_run_text(struct index_run *r, const char *v)
{
	bound(r, sqlite3_bind_text(r->s, ++r->at, v, -1, SQLITE_STATIC));
}

void
index_run_int(struct index_run *r, int64_t v)
{
	bound(r, sqlite3_bind_int64(r->s, ++r->at, v));
}

void
index_run_blob(struct index_run *r, const void *p, size_t n)
{
	/* a NULL pointer would become NULL, not an empty blob */
	bound(r, sqlite3_bind_blob64(r->s, ++r->at, p == NULL ? "" : p, n,
	    SQLITE_STATIC));
}

void
index_run_end(struct index_run *r)
{
	(void)sqlite3_reset(r->s); /* told by the step */
	(void)sqlite3_clear_bindings(r->s); /* cannot fail */
}

static bool
fails(void)
{
	return atomic_load(&fail_in) != 0 &&
	    atomic_fetch_sub(&fail_in, 1) == 1;
}

int
index_run_step(struct index_run *r, struct err *e)
{
	if (r->rc == SQLITE_OK)
		r->rc = fails() ? SQLITE_IOERR : sqlite3_step(r->s);
	if (r->rc == SQLITE_ROW) {
		r->rc = SQLITE_OK;
		return 1;
	}
	int rc = r->rc;
	index_run_end(r);
	return rc == SQLITE_DONE ? 0 : index_sql_err(rc, "use index", e);
}

int
index_run_all(struct index_run *r, struct err *e)
{
	int rc = index_run_step(r, e);
	while (rc == 1)
		rc = index_run_step(r, e);
	return rc;
}

const char *
index_text(sqlite3_stmt *s, int column)
{
	const unsigned char *t = sqlite3_column_text(s, column);
	return t == NULL ? "" : (const char *)t;
}

struct index_blob
index_blob_of(sqlite3_stmt *s, int column)
{
	const void *p = sqlite3_column_blob(s, column);
	return (struct index_blob){
	    .p = p == NULL ? "" : p,
	    .n = (size_t)sqlite3_column_bytes(s, column),
	};
}
