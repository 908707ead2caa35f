/* SPDX-License-Identifier: MIT */
/* The index file: made, checked after an unclean stop, led forward. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/str.h"
#include "index/index_priv.h"

#define APPLICATION_ID 1431585881 /* "UTDY" */
#define HEADER_BYTES 64
#define VERSION_AT 60 /* user_version, SQLite file format 1.3.8 */

/* For every connection that writes. The order matters: WAL first. */
#define SETTINGS \
	"PRAGMA journal_mode = WAL;" \
	"PRAGMA synchronous = NORMAL;" \
	"PRAGMA fullfsync = 1;" /* only for commits that are synced */ \
	"PRAGMA checkpoint_fullfsync = 1;" \
	"PRAGMA foreign_keys = 1;" \
	"PRAGMA trusted_schema = 0;" \
	"PRAGMA cell_size_check = 1;" \
	"PRAGMA journal_size_limit = 67108864;" \
	"PRAGMA cache_size = -16384;"

static int
newer(int64_t have, struct err *e)
{
	return err_set(e, ERR_INVAL, 0,
	    "open index: want schema %d or older, have %lld", INDEX_SCHEMA,
	    (long long)have);
}

/* Before SQLite touches anything: make the file, so that it is 0600, or look
 * at the head of what is there. */
static int
check_file(const char *path, struct err *e)
{
	uint8_t head[HEADER_BYTES];
	struct stat st;
	int fd = open(path, O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return err_set(e, ERR_IO, errno, "open index '%s'", path);
	ssize_t n = -1;
	if (fstat(fd, &st) == 0)
		n = pread(fd, head, sizeof(head), 0);
	int sys = errno;
	(void)close(fd); /* read only */
	if (n < 0)
		return err_set(e, ERR_IO, sys, "read index '%s'", path);
	if (n == 0)
		return 0;
	if (n < HEADER_BYTES || memcmp(head, "SQLite format 3", 16) != 0)
		return err_set(e, ERR_CORRUPT, 0, "read index: no database");
	struct cur c = cur_of(head + VERSION_AT, 4);
	uint32_t version = cur_u32be(&c);
	return version > INDEX_SCHEMA ? newer(version, e) : 0;
}

static int
migrate(sqlite3 *db, int64_t from, struct err *e)
{
	static const struct {
		int to;
		const char *sql;
	} steps[] = {
#define STEP(to, sql) {to, sql},
	    INDEX_MIGRATIONS(STEP)
#undef STEP
	};
	char sql[96];
	if (from == INDEX_SCHEMA)
		return 0;
	if (index_sql_exec(db, "BEGIN IMMEDIATE", e) != 0)
		return -1;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (steps[i].to > from &&
		    index_sql_exec(db, steps[i].sql, e) != 0)
			return -1;
	(void)snprintf(sql, sizeof(sql), "PRAGMA application_id = %d;"
	    "PRAGMA user_version = %d;", APPLICATION_ID, INDEX_SCHEMA);
	if (index_sql_exec(db, sql, e) != 0 ||
	    index_sql_exec(db, "COMMIT", e) != 0)
		return -1;
	/* the version stands in the file itself: an older agent must see it
	 * without reading the log */
	return index_sql_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", e);
}

static bool
is_large(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && st.st_size > INDEX_CHECK_BYTES;
}

/* Whose it is and how it was left; ${ret_version} 0 for a new file. */
static int
inspect(struct index *ix, int64_t *ret_version, struct err *e)
{
	int64_t id = 0;
	int64_t clean = 0;
	int64_t objects = 0;
	sqlite3 *db = ix->db;
	if (index_sql_number(db, "PRAGMA user_version", ret_version, e) != 0 ||
	    index_sql_number(db, "PRAGMA application_id", &id, e) != 0 ||
	    index_sql_number(db, "SELECT count(*) FROM sqlite_schema",
	    &objects, e) != 0)
		return -1;
	if (*ret_version > INDEX_SCHEMA)
		return newer(*ret_version, e);
	if (*ret_version == 0 && objects == 0)
		return 0;
	if (*ret_version < 1 || id != APPLICATION_ID)
		return err_set(e, ERR_CORRUPT, 0, "read index: not ours");
	if (index_sql_number(db, "SELECT value FROM meta WHERE key = 'clean'",
	    &clean, e) != 0)
		return -1;
	ix->was_clean = clean == 1;
	bool marked = index_is_marked(ix);
	if (clean == 1 && !marked)
		return 0;
	if (!marked && is_large(ix->path)) {
		atomic_store(&ix->unchecked, true);
		return 0;
	}
	return index_check_pages(db, e);
}

int
index_schema_open(struct index *ix, struct err *e)
{
	int64_t version = 0;
	int flags = SQLITE_OPEN_READWRITE;
	int no_checkpoint = SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
	ix->was_clean = false;
	if (check_file(ix->path, e) != 0 ||
	    index_sql_open(ix->path, flags, &ix->db, e) != 0)
		return -1;
	/* until it is known to be ours nothing may change it */
	(void)sqlite3_db_config(ix->db, no_checkpoint, 1, NULL); /* known */
	if (inspect(ix, &version, e) != 0)
		return -1;
	(void)sqlite3_db_config(ix->db, no_checkpoint, 0, NULL); /* known */
	/* from here on a stop is unclean until index_close says otherwise;
	 * that must be on the disk before anything else is */
	if (index_sql_exec(ix->db, SETTINGS "PRAGMA synchronous = FULL;",
	    e) != 0 || migrate(ix->db, version, e) != 0 ||
	    index_sql_exec(ix->db, "UPDATE meta SET value = 0 "
	    "WHERE key = 'clean'; PRAGMA synchronous = NORMAL;", e) != 0)
		return -1;
	return 0;
}

int
index_schema_set_aside(const char *path, struct err *e)
{
	static const char *const ends[] = {"-wal", "-shm", ""};
	char from[1024];
	char to[1024 + 32];
	struct civil c = civil_of_utc(clock_utc_s());
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		int n = snprintf(from, sizeof(from), "%s%s", path, ends[i]);
		if (n < 0 || (size_t)n >= sizeof(from))
			return err_set(e, ERR_INVAL, 0, "set index aside: "
			    "want a path below 1,000 bytes");
		(void)snprintf(to, sizeof(to), "%s.damaged-"
		    "%04d%02d%02dT%02d%02d%02dZ%s", path, c.year, c.month,
		    c.day, c.hour, c.min, c.sec, ends[i]); /* fits */
		if (rename(from, to) != 0 && errno != ENOENT)
			return err_set(e, ERR_IO, errno, "set index aside");
	}
	return 0;
}
