/* SPDX-License-Identifier: MIT */
/* Reads the file of a theatre list, and notices when it moves meanwhile. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "schedule/list_priv.h"

#ifdef __APPLE__
#define st_mtim st_mtimespec
#endif

static struct list_stamp
stamp_of(const struct stat *st)
{
	return (struct list_stamp){
	    .size = st->st_size,
	    .mtime_s = st->st_mtim.tv_sec,
	    .mtime_ns = st->st_mtim.tv_nsec,
	    .device = (uint64_t)st->st_dev,
	    .inode = st->st_ino,
	};
}

bool
list_is_same(const struct list_stamp *a, const struct list_stamp *b)
{
	return a->size == b->size && a->mtime_s == b->mtime_s &&
	    a->mtime_ns == b->mtime_ns && a->device == b->device &&
	    a->inode == b->inode;
}

int
list_stat(const char *path, struct list_stamp *ret, struct err *e)
{
	struct stat st;
	if (stat(path, &st) == -1)
		return err_set(e, ERR_IO, errno, "stat '%s'", path);
	*ret = stamp_of(&st);
	return 0;
}

/* The stamp of an open file. */
static int
stat_open(int fd, const char *path, struct list_stamp *ret, struct err *e)
{
	struct stat st;
	if (fstat(fd, &st) == -1)
		return err_set(e, ERR_IO, errno, "stat '%s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_INVAL, 0,
		    "open '%s': want a regular file, have another kind",
		    path);
	*ret = stamp_of(&st);
	return 0;
}

static int
read_all(int fd, const char *path, const atomic_bool *cancelled,
    struct buf *b, struct err *e)
{
	char chunk[16384];
	for (;;) {
		if (atomic_load(cancelled))
			return err_set(e, ERR_CANCELLED, 0, "read list");
		ssize_t n = read(fd, chunk, sizeof(chunk));
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return err_set(e, ERR_IO, errno, "read '%s'", path);
		if (n == 0)
			return 0;
		buf_add(b, chunk, (size_t)n);
		if (b->failed)
			return err_set(e, ERR_FULL, 0,
			    "read '%s': want at most %d bytes, have more",
			    path, LIST_BYTES_MAX);
	}
}

int
list_read(const char *path, const atomic_bool *cancelled, struct buf *b,
    bool *ret_moved, struct err *e)
{
	struct list_stamp before, after;
	int rc = -1;
	/* a FIFO under this name must not hold the worker */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd == -1)
		return err_set(e, ERR_IO, errno, "open '%s'", path);
	if (stat_open(fd, path, &before, e) == -1 ||
	    read_all(fd, path, cancelled, b, e) == -1 ||
	    stat_open(fd, path, &after, e) == -1)
		goto out;
	*ret_moved = !list_is_same(&before, &after) ||
	    after.size != (int64_t)b->len;
	rc = 0;
out:
	(void)close(fd); /* only read */
	return rc;
}
