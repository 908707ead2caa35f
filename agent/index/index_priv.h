/* SPDX-License-Identifier: MIT */
/* What the files of the index share. */
#ifndef INDEX_PRIV_H
#define INDEX_PRIV_H

#include <stdatomic.h>

#include <sqlite3.h>

#include "base/lock.h"
#include "index/index.h"
#include "index/index_sql.tbl.h"

#define INDEX_BATCH 256 /* writes of one transaction */
#define INDEX_GATHER_MS 200 /* how long one waits for more */
/* Objects are waited with above this; one has about 6 KiB with its
 * metadata. */
#define INDEX_QUEUE_MAX 20000
#define INDEX_BUSY_MS 5000 /* for a reader that opens as the writer recovers */

enum index_write {
#define INDEX_ENUM(id, sql) INDEX_W_##id,
	INDEX_WRITES(INDEX_ENUM)
#undef INDEX_ENUM
	    INDEX_W_COUNT
};

enum index_read {
#define INDEX_ENUM(id, sql) INDEX_R_##id,
	INDEX_READS(INDEX_ENUM)
#undef INDEX_ENUM
	    INDEX_R_COUNT
};

enum index_op_kind {
	INDEX_OP_OBJECT,
	INDEX_OP_STUDY,
	INDEX_OP_KEPT,
	INDEX_OP_USED,
	INDEX_OP_DROP_OBJECT,
	INDEX_OP_DROP_STUDY,
	INDEX_OP_WANTS,
	INDEX_OP_METADATA,
};

/* One queued write with its strings and blobs behind it, in one piece. */
struct index_op {
	struct index_op *next;
	enum index_op_kind kind;
	struct index_object o; /* OBJECT; its name for DROP_OBJECT
	                        * and METADATA, which has metadata too */
	const char *uid; /* of the study, or the case */
	const char *archive;
	bool flag;
	unsigned expected;
	uint64_t used;
	int64_t utc_s;
	struct index_blob wants;
	char tail[];
};

struct index {
	/* set at birth, then constant */
	char *path; /* <dir>/index.db */
	bool was_clean;
	pthread_t thread;
	bool started;
	/* owned by the writer */
	sqlite3 *db;
	sqlite3_stmt *stmt[INDEX_W_COUNT];
	bool durable; /* commits are synced */
	atomic_uint lost; /* batches that could not be written */
	atomic_bool unchecked; /* after an unclean stop, until index_check */
	/* set once, ${first} before ${failed}, under ${failing} */
	struct lock failing;
	atomic_bool failed;
	struct err first;
	/* [any]: a reader met damage, so look closely at the next start */
	atomic_bool suspect;
	struct lock lock;
	struct cond more; /* the writer waits: work, flush or stop */
	struct cond done; /* the others wait: committed, room again */
	/* shared, under lock */
	struct index_op *head, **tail;
	unsigned queued;
	uint64_t put_seq; /* writes queued so far */
	uint64_t done_seq; /* of these, finished */
	uint64_t flush_seq; /* somebody waits for these */
	bool stop;
	bool wipe_asked; /* the writer does it and clears this */
	int wipe_rc;
	struct err wipe_e;
};

struct index_reader {
	struct index *ix;
	sqlite3 *db;
	sqlite3_stmt *stmt[INDEX_R_COUNT];
	bool busy; /* a select is under way */
};

/* index_sql.c: a statement being bound and stepped; remembers a failure. */
struct index_run {
	sqlite3_stmt *s;
	int at; /* the last parameter bound */
	int rc;
};
int index_sql_open(const char *path, int flags, sqlite3 **ret, struct err *e);
int index_sql_exec(sqlite3 *db, const char *sql, struct err *e);
int index_sql_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret,
    struct err *e);
/* The number that ${sql} answers with. */
int index_sql_number(sqlite3 *db, const char *sql, int64_t *ret,
    struct err *e);
int index_sql_err(int rc, const char *what, struct err *e);
struct index_run index_run_of(sqlite3_stmt *s);
void index_run_text(struct index_run *r, const char *v);
void index_run_int(struct index_run *r, int64_t v);
void index_run_blob(struct index_run *r, const void *p, size_t n);
/* 1 a row, 0 the end, -1; after 0 and -1 the statement is reset. */
int index_run_step(struct index_run *r, struct err *e);
/* Run to the end, rows aside. */
int index_run_all(struct index_run *r, struct err *e);
void index_run_end(struct index_run *r);
/* Text of a column, never NULL; borrowed until the next step. */
const char *index_text(sqlite3_stmt *s, int column);
struct index_blob index_blob_of(sqlite3_stmt *s, int column);

/* index_schema.c: the file made, checked, led to this schema; opened into
 * ${ix}->db. ERR_CORRUPT for a damaged one, ERR_INVAL for a newer one. */
int index_schema_open(struct index *ix, struct err *e);
/* Put a damaged file out of the way. */
int index_schema_set_aside(const char *path, struct err *e);

/* index_check.c: every page, on ${db}; ERR_CORRUPT. */
int index_check_pages(sqlite3 *db, struct err *e);
/* A mark beside the file: look at it before the next start opens it. */
bool index_is_marked(const struct index *ix);
int index_set_mark(const struct index *ix, bool marked, struct err *e);

/* index.c [any]: it has failed for good, with ${e} if it is the first. */
void index_fail(struct index *ix, const struct err *e);

/* index_apply.c: one write, within a transaction. */
int index_apply(struct index *ix, const struct index_op *op, struct err *e);

/* index_writer.c */
int index_writer_start(struct index *ix, struct err *e);
void index_writer_stop(struct index *ix);

/* index_wipe.c [writer]: do it if it was asked for; false when not. */
bool index_wipe_due(struct index *ix);

/* index_reader.c: take note of ${e}; -1. */
int index_reader_met(struct index_reader *r, const struct err *e);

/* Fault injection for tests: the ${k}th step from now fails, 0 = never. */
void index_fail_at(unsigned k);
bool index_fail_fired(void);

#endif
