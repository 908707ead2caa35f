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

static bool
is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size &&
	    a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	    a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
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
	struct stat before, after;
	int rc = -1;
	/* a FIFO under this name must not hold the worker */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd == -1)
		return err_set(e, ERR_IO, errno, "open '%s'", path);
	if (fstat(fd, &before) == -1) {
		err_set(e, ERR_IO, errno, "stat '%s'", path);
		goto out;
	}
	if (!S_ISREG(before.st_mode)) {
		err_set(e, ERR_INVAL, 0,
		    "open '%s': want a regular file, have another kind",
		    path);
		goto out;
	}
	if (read_all(fd, path, cancelled, b, e) == -1)
		goto out;
	if (fstat(fd, &after) == -1) {
		err_set(e, ERR_IO, errno, "stat '%s'", path);
		goto out;
	}
	*ret_moved = !is_same_file(&before, &after) ||
	    after.st_size != (off_t)b->len;
	rc = 0;
out:
	(void)close(fd); /* only read */
	return rc;
}
