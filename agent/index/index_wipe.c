/* SPDX-License-Identifier: MIT */
/* Every row goes, and what rows left in the file and in its log: done by the
 * writer between two batches, for nobody else may write. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "index/index_priv.h"

#define TRIES 12 /* each waits for readers, INDEX_BUSY_MS */

/* VACUUM writes the file anew, without the pages of rows that are gone. */
#define WIPE \
	"PRAGMA secure_delete = 1;" \
	"BEGIN IMMEDIATE;" \
	"DELETE FROM metadata; DELETE FROM instance; DELETE FROM series;" \
	"DELETE FROM study; DELETE FROM wants; DELETE FROM pair;" \
	"COMMIT;" \
	"VACUUM;" \
	"PRAGMA secure_delete = 0;"

/* The log is cut to nothing once no reader needs it. */
static int
cut_log(struct index *ix, struct err *e)
{
	for (int i = 0; i < TRIES; i++) {
		int64_t busy = 1;
		if (index_sql_number(ix->db, "PRAGMA wal_checkpoint(TRUNCATE)",
		    &busy, e) != 0)
			return -1;
		if (busy == 0)
			return 0;
	}
	return err_set(e, ERR_TIMEOUT, 0, "wipe index: somebody reads it");
}

/* Files that were set aside as damaged hold rows as well. */
static int
remove_set_aside(const struct index *ix, struct err *e)
{
	char dir[1024], path[1400];
	const char *slash = strrchr(ix->path, '/');
	if (slash == NULL || !str_copy_n(dir, sizeof(dir), ix->path,
	    (size_t)(slash - ix->path)))
		return err_set(e, ERR_INVAL, 0,
		    "wipe index: want a path below 1,000 bytes");
	DIR *d = opendir(dir);
	if (d == NULL)
		return err_set(e, ERR_IO, errno, "wipe index: list '%s'", dir);
	int rc = 0;
	for (struct dirent *n = readdir(d); n != NULL; n = readdir(d)) {
		if (!str_starts(n->d_name, "index.db."))
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", dir, n->d_name);
		if (unlink(path) != 0 && errno != ENOENT)
			rc = err_set(e, ERR_IO, errno, "wipe index: remove "
			    "what was set aside");
	}
	(void)closedir(d); /* read only */
	return rc;
}

static int
wipe(struct index *ix, struct err *e)
{
	struct err ignored; /* the first error is the one to tell */
	int rc = index_sql_exec(ix->db, WIPE, e);
	if (rc != 0 && sqlite3_get_autocommit(ix->db) == 0)
		(void)index_sql_exec(ix->db, "ROLLBACK", &ignored);
	if (rc == 0)
		rc = cut_log(ix, e);
	if (rc == 0)
		rc = remove_set_aside(ix, e);
	return rc;
}

bool
index_wipe_due(struct index *ix)
{
	lock_acquire(&ix->lock);
	bool due = ix->wipe_asked;
	lock_release(&ix->lock);
	if (!due)
		return false;
	struct err e;
	int rc = wipe(ix, &e);
	lock_acquire(&ix->lock);
	ix->wipe_asked = false;
	ix->wipe_rc = rc;
	if (rc != 0)
		ix->wipe_e = e;
	cond_broadcast(&ix->done);
	lock_release(&ix->lock);
	return true;
}

int
index_wipe(struct index *ix, struct err *e)
{
	lock_acquire(&ix->lock);
	ix->wipe_asked = true;
	cond_signal(&ix->more);
	while (ix->wipe_asked)
		lock_wait(&ix->lock, &ix->done);
	int rc = ix->wipe_rc;
	if (rc != 0)
		*e = ix->wipe_e;
	lock_release(&ix->lock);
	return rc;
}
