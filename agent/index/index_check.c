/* SPDX-License-Identifier: MIT */
/* Whether the file is whole, page by page. SQLite leads a log to a consistent
 * end by itself; this finds what the disk did. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "index/index_priv.h"

#define STEPS_BETWEEN 100000 /* of SQLite's machine, looks at ${stop} */

int
index_check_pages(sqlite3 *db, struct err *e)
{
	sqlite3_stmt *s = NULL;
	if (index_sql_prepare(db, "PRAGMA quick_check(1)", &s, e) != 0)
		return -1;
	struct index_run r = index_run_of(s);
	int rc = index_run_step(&r, e);
	bool ok = rc == 1 && str_eq(index_text(s, 0), "ok");
	(void)sqlite3_finalize(s); /* told by the step */
	if (rc == -1)
		return -1;
	return ok ? 0 : err_set(e, ERR_CORRUPT, 0, "check index: damaged");
}

static void
mark_path(const struct index *ix, char ret[1100])
{
	(void)snprintf(ret, 1100, "%s.suspect", ix->path); /* opened before */
}

bool
index_is_marked(const struct index *ix)
{
	char path[1100];
	mark_path(ix, path);
	return access(path, F_OK) == 0;
}

int
index_set_mark(const struct index *ix, bool marked, struct err *e)
{
	char path[1100];
	mark_path(ix, path);
	if (!marked && unlink(path) != 0 && errno != ENOENT)
		return err_set(e, ERR_IO, errno, "unmark index");
	if (!marked)
		return 0;
	int fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return err_set(e, ERR_IO, errno, "mark index as damaged");
	(void)close(fd); /* it is empty */
	return 0;
}

bool
index_is_unchecked(const struct index *ix)
{
	return atomic_load(&ix->unchecked);
}

static int
is_stopped(void *ctx) /* for sqlite3_progress_handler */
{
	return atomic_load((const atomic_bool *)ctx);
}

int
index_check(struct index *ix, const atomic_bool *stop, struct err *e)
{
	struct err ignored; /* then the next start checks like this one */
	struct index_reader *r = index_reader_open(ix, e);
	int rc = -1;
	if (r != NULL) {
		union {
			const atomic_bool *in;
			void *out;
		} ctx = {.in = stop}; /* SQLite passes it on as it is */
		sqlite3_progress_handler(r->db, STEPS_BETWEEN, is_stopped,
		    ctx.out);
		rc = index_check_pages(r->db, e);
	}
	index_reader_close(&r);
	if (rc == 0)
		atomic_store(&ix->unchecked, false);
	if (rc != 0 && atomic_load(stop))
		return err_set(e, ERR_CANCELLED, 0, "told to stop");
	if (rc != 0 && e->code == ERR_CORRUPT) {
		(void)index_set_mark(ix, true, &ignored);
		index_fail(ix, e);
	}
	return rc;
}
