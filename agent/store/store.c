/* SPDX-License-Identifier: MIT */
/* The cache folder: taken over with its marker, locked, measured. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "store/store_priv.h"

#define MARKER_TEXT "understudy cache 1\n"

enum err_code
store_code_of(int sys)
{
	return sys == ENOSPC || sys == EDQUOT ? ERR_FULL : ERR_IO;
}

void
store_name(uint8_t ret[STORE_NAME_BYTES], const char *study_uid,
    const char *series_uid, const char *instance_uid)
{
	char text[3 * UID_SIZE];
	(void)snprintf(text, sizeof(text), "%s|%s|%s", study_uid, series_uid,
	    instance_uid); /* valid UIDs fit */
	(void)SHA256((const uint8_t *)text, strlen(text), ret); /* ret */
}

void
store_file_name(char ret[STORE_FILE_NAME], const uint8_t name[STORE_NAME_BYTES])
{
	str_hex(ret, name, STORE_NAME_BYTES);
	memcpy(ret + STORE_HEX_NAME - 1, ".dcm", sizeof(".dcm"));
}

int
store_subdir(int dir_fd, const char *name, bool make, struct err *e)
{
	int flags = O_RDONLY | O_DIRECTORY;
	int fd = store_sys_open(dir_fd, name, flags, 0);
	if (fd == -1 && errno == ENOENT && make) {
		if (store_sys_mkdir(dir_fd, name) != 0 && errno != EEXIST)
			return err_set(e, store_code_of(errno), errno,
			    "make folder '%s' in the cache", name);
		fd = store_sys_open(dir_fd, name, flags, 0);
	}
	if (fd == -1)
		return err_set(e, ERR_IO, errno,
		    "open folder '%s' in the cache", name);
	return fd;
}

int
store_shard(struct store *s, const uint8_t name[STORE_NAME_BYTES], bool make,
    struct err *e)
{
	char hex[3];
	str_hex(hex, name, 1);
	int outer = store_subdir(s->dir_fd, hex, make, e);
	if (outer == -1)
		return -1;
	str_hex(hex, name + 1, 1);
	int fd = store_subdir(outer, hex, make, e);
	store_sys_close(&outer);
	return fd;
}

/* Whether nothing but our marker and the system's dot files (a new volume of
 * macOS has some) or lost+found lies there: 1, 0 or -1. */
static int
is_empty(struct store *s, struct err *e)
{
	DIR *d = store_sys_list(s->dir_fd);
	if (d == NULL)
		return err_set(e, ERR_IO, errno, "list the cache folder");
	int empty = 1;
	for (const char *n = store_sys_next(d); n != NULL;
	    n = store_sys_next(d))
		if (n[0] != '.' && strcmp(n, "lost+found") != 0 &&
		    strcmp(n, STORE_MARKER) != 0)
			empty = 0;
	(void)closedir(d); /* read only */
	return empty;
}

/* Nothing of ours is there, though it was ${want}: whoever forgot to mount the
 * volume gets no second cache on the system's disk. */
static int
missing(const struct store *s, const char *want, struct err *e)
{
	(void)err_set(e, ERR_INVAL, 0, "open cache '%s': want the one that "
	    "was there (%s), have %s: is its volume mounted?", s->path, want,
	    s->id[0] != '\0' ? s->id : "none"); /* -1 */
	e->sys = ENOENT; /* the text says it already */
	return -1;
}

/* The folder itself, made when it is missing and none is wanted. */
static int
open_folder(struct store *s, const char *want, struct err *e)
{
	if (want[0] == '\0' && store_sys_mkdir(AT_FDCWD, s->path) != 0 &&
	    errno != EEXIST)
		return err_set(e, ERR_IO, errno, "make cache '%s'", s->path);
	s->dir_fd = store_sys_open(AT_FDCWD, s->path, O_RDONLY | O_DIRECTORY,
	    0);
	if (s->dir_fd != -1)
		return 0;
	if (want[0] != '\0' && errno == ENOENT)
		return missing(s, want, e);
	bool link = errno == ELOOP || errno == ENOTDIR;
	return err_set(e, link ? ERR_INVAL : ERR_IO, errno,
	    "open cache '%s': want a folder that is no link", s->path);
}

static int
write_marker(struct store *s, struct err *e)
{
	uint8_t id[STORE_ID_BYTES];
	char text[sizeof(MARKER_TEXT) + sizeof(s->id) + 1];
	if (getentropy(id, sizeof(id)) != 0)
		return err_set(e, ERR_IO, errno, "name the cache");
	str_hex(s->id, id, sizeof(id));
	int n = snprintf(text, sizeof(text), MARKER_TEXT "%s\n", s->id);
	if (store_sys_write(s->marker_fd, text, (size_t)n) != 0 ||
	    store_sys_flush(s->marker_fd) != 0 ||
	    store_sys_flush(s->dir_fd) != 0) {
		int sys = errno;
		/* an empty marker in an empty folder may be tried again */
		(void)ftruncate(s->marker_fd, 0);
		return err_set(e, store_code_of(sys), sys,
		    "mark cache '%s'", s->path);
	}
	return 0;
}

/* Whether the marker is ours, and its id: 1, 0, or -1 with errno. */
static int
read_id(int fd, char ret[2 * STORE_ID_BYTES + 1])
{
	char have[sizeof(MARKER_TEXT) - 1 + 2 * STORE_ID_BYTES + 1] = "";
	uint8_t id[STORE_ID_BYTES];
	struct stat st;
	if (fstat(fd, &st) != 0)
		return -1;
	if (!S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(have) - 1)
		return 0;
	if (store_sys_read_at(fd, have, sizeof(have) - 1, 0) != 0)
		return -1;
	if (memcmp(have, MARKER_TEXT, sizeof(MARKER_TEXT) - 1) != 0 ||
	    !str_unhex(id, have + sizeof(MARKER_TEXT) - 1, sizeof(id)))
		return 0;
	str_hex(ret, id, sizeof(id));
	return 1;
}

/* Prove that the folder is ours, or make it so when there is nothing. */
static int
read_marker(struct store *s, const char *want, struct err *e)
{
	struct stat st;
	if (store_sys_stat(s->marker_fd, &st) != 0)
		return err_set(e, ERR_IO, errno, "read cache marker");
	if (S_ISREG(st.st_mode) && st.st_size == 0 && want[0] == '\0') {
		int empty = is_empty(s, e);
		if (empty == 1)
			return write_marker(s, e);
		if (empty == -1)
			return -1;
	} else {
		int ours = read_id(s->marker_fd, s->id);
		if (ours == -1)
			return err_set(e, ERR_IO, errno, "read cache marker");
		if (ours == 1)
			return want[0] == '\0' || str_eq(want, s->id) ? 0 :
			    missing(s, want, e);
	}
	return err_set(e, ERR_INVAL, 0,
	    "open cache '%s': marker '%s' is not of this version", s->path,
	    STORE_MARKER);
}

static int
take_folder(struct store *s, const char *want, struct err *e)
{
	int flags = O_RDWR | O_NONBLOCK; /* a pipe of that name must not hang */
	s->marker_fd = store_sys_open(s->dir_fd, STORE_MARKER, flags, 0);
	if (s->marker_fd == -1 && errno == ENOENT && want[0] != '\0')
		return missing(s, want, e);
	if (s->marker_fd == -1 && errno == ENOENT) {
		int empty = is_empty(s, e);
		if (empty == -1)
			return -1;
		if (empty == 0)
			return err_set(e, ERR_INVAL, 0, "open cache '%s': want "
			    "an empty folder or one of ours, have files and "
			    "no '%s'", s->path, STORE_MARKER);
		s->marker_fd = store_sys_open(s->dir_fd, STORE_MARKER,
		    flags | O_CREAT, 0600);
	}
	if (s->marker_fd == -1)
		return err_set(e, store_code_of(errno), errno,
		    "open marker of cache '%s'", s->path);
	if (flock(s->marker_fd, LOCK_EX | LOCK_NB) != 0) {
		bool other = errno == EWOULDBLOCK;
		return err_set(e, other ? ERR_INVAL : ERR_IO, errno,
		    "lock cache '%s'%s", s->path,
		    other ? ": another agent uses it" : "");
	}
	return read_marker(s, want, e);
}

/* Remove what an earlier run was writing. Names that are not ours stay. */
static int
clean_tmp(struct store *s, struct err *e)
{
	DIR *d = store_sys_list(s->tmp_fd);
	if (d == NULL)
		return err_set(e, ERR_IO, errno, "list '%s'", STORE_TMP);
	int rc = 0;
	for (const char *n = store_sys_next(d); n != NULL;
	    n = store_sys_next(d)) {
		uint8_t id[STORE_ID_BYTES];
		if (!str_unhex(id, n, sizeof(id)))
			continue;
		if (store_sys_unlink(s->tmp_fd, n) != 0 && errno != ENOENT)
			rc = err_set(e, ERR_IO, errno, "clean '%s'",
			    STORE_TMP);
	}
	(void)closedir(d); /* read only */
	return rc;
}

struct store *
store_open(const char *path, struct err *e)
{
	return store_open_known(path, NULL, e);
}

struct store *
store_open_known(const char *path, const char *id, struct err *e)
{
	const char *want = id == NULL ? "" : id;
	struct store *s = mem_new(struct store);
	s->path = str_dup(path);
	s->dir_fd = s->tmp_fd = s->marker_fd = -1;
	atomic_init(&s->limit, UINT64_MAX);
	lock_init(&s->commit);
	lock_init(&s->lock);
#ifndef __linux__
	s->by_file = true;
#endif
	if (open_folder(s, want, e) != 0 || take_folder(s, want, e) != 0)
		goto out;
	s->tmp_fd = store_subdir(s->dir_fd, STORE_TMP, true, e);
	if (s->tmp_fd == -1 || clean_tmp(s, e) != 0)
		goto out;
	return s;
out:
	store_close(&s);
	return NULL;
}

void
store_close(struct store **pp)
{
	struct store *s = *pp;
	*pp = NULL;
	if (s == NULL)
		return;
	store_drop_spares(s);
	store_sys_close(&s->tmp_fd);
	store_sys_close(&s->marker_fd);
	store_sys_close(&s->dir_fd);
	lock_done(&s->lock);
	lock_done(&s->commit);
	mem_free(s->fresh);
	mem_free(s->pending);
	mem_free(s->path);
	mem_free(s);
}

const char *
store_id(const struct store *s)
{
	return s->id;
}

enum store_place
store_look(const struct store *s)
{
	char path[1100], id[2 * STORE_ID_BYTES + 1];
	struct stat ours, there;
	struct statvfs v;
	int n = snprintf(path, sizeof(path), "%s/%s", s->path, STORE_MARKER);
	if (n < 0 || (size_t)n >= sizeof(path))
		return STORE_HERE; /* it cannot be told */
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return errno == EMFILE || errno == ENFILE ? STORE_HERE :
		    STORE_GONE;
	enum store_place place = STORE_GONE;
	if (fstat(fd, &there) == 0 && fstat(s->marker_fd, &ours) == 0 &&
	    ours.st_dev == there.st_dev && ours.st_ino == there.st_ino)
		place = fstatvfs(s->dir_fd, &v) == 0 &&
		    (v.f_flag & ST_RDONLY) != 0 ? STORE_READ_ONLY : STORE_HERE;
	else if (read_id(fd, id) == 1 && str_eq(id, s->id))
		place = STORE_BACK;
	(void)close(fd); /* read only */
	return place;
}

int
store_free_bytes(struct store *s, uint64_t *ret, struct err *e)
{
	if (store_sys_free(s->dir_fd, ret) != 0)
		return err_set(e, ERR_IO, errno, "measure the cache's volume");
	return 0;
}

void
store_set_quota(struct store *s, uint64_t limit, uint64_t reserve)
{
	atomic_store(&s->limit, limit);
	atomic_store(&s->reserve, reserve);
}

void
store_set_held(struct store *s, uint64_t bytes)
{
	atomic_store(&s->held, bytes);
}

uint64_t
store_held(const struct store *s)
{
	return atomic_load(&s->held);
}
