/* SPDX-License-Identifier: MIT */
/* The system's calls that the store makes, with a seam to make them fail. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "store/store_priv.h"

#define WRITE_MAX ((size_t)1 << 30) /* macOS refuses above INT_MAX */

static atomic_uint fail_in;
static atomic_int fail_sys;

void
store_fail_at(unsigned k, int sys)
{
	atomic_store(&fail_sys, sys);
	atomic_store(&fail_in, k);
}

bool
store_fail_fired(void)
{
	return atomic_load(&fail_in) == 0;
}

bool
store_sys_fails(void)
{
	if (atomic_load(&fail_in) == 0)
		return false;
	if (atomic_fetch_sub(&fail_in, 1) != 1)
		return false;
	errno = atomic_load(&fail_sys);
	return true;
}

int
store_sys_open(int dir_fd, const char *name, int flags, mode_t mode)
{
	if (store_sys_fails())
		return -1;
	return openat(dir_fd, name, flags | O_NOFOLLOW | O_CLOEXEC, mode);
}

int
store_sys_mkdir(int dir_fd, const char *name)
{
	return store_sys_fails() ? -1 : mkdirat(dir_fd, name, 0700);
}

int
store_sys_rename(int from_fd, const char *from, int to_fd, const char *to)
{
	return store_sys_fails() ? -1 : renameat(from_fd, from, to_fd, to);
}

int
store_sys_unlink(int dir_fd, const char *name)
{
	return store_sys_fails() ? -1 : unlinkat(dir_fd, name, 0);
}

int
store_sys_stat(int fd, struct stat *ret)
{
	return store_sys_fails() ? -1 : fstat(fd, ret);
}

int
store_sys_free(int fd, uint64_t *ret)
{
	struct statvfs v;
	if (store_sys_fails() || fstatvfs(fd, &v) != 0)
		return -1;
	*ret = (uint64_t)v.f_bavail * v.f_frsize;
	return 0;
}

int
store_sys_flush(int fd)
{
	return store_sys_fails() ? -1 : fsync(fd);
}

int
store_sys_write(int fd, const void *p, size_t n)
{
	const uint8_t *q = p;
	while (n > 0) {
		if (store_sys_fails())
			return -1;
		ssize_t done = write(fd, q, n < WRITE_MAX ? n : WRITE_MAX);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -1;
		q += done;
		n -= (size_t)done;
	}
	return 0;
}

int
store_sys_write_at(int fd, const void *p, size_t n, uint64_t at)
{
	if (store_sys_fails())
		return -1;
	ssize_t done = pwrite(fd, p, n, (off_t)at);
	if (done >= 0 && (size_t)done != n)
		errno = EIO; /* some bytes, which fit before */
	return done >= 0 && (size_t)done == n ? 0 : -1;
}

int
store_sys_read_at(int fd, void *p, size_t n, uint64_t at)
{
	if (store_sys_fails())
		return -1;
	ssize_t got = pread(fd, p, n, (off_t)at);
	if (got >= 0 && (size_t)got != n)
		errno = EIO; /* shorter than its status said */
	return got >= 0 && (size_t)got == n ? 0 : -1;
}

void *
store_sys_map(int fd, size_t n)
{
	if (store_sys_fails())
		return MAP_FAILED;
	return mmap(NULL, n, PROT_READ, MAP_SHARED, fd, 0);
}

void
store_sys_close(int *fd)
{
	if (*fd != -1)
		(void)close(*fd); /* nothing is lost: see store_sync */
	*fd = -1;
}

DIR *
store_sys_list(int dir_fd)
{
	int fd = store_sys_open(dir_fd, ".", O_RDONLY | O_DIRECTORY, 0);
	if (fd == -1)
		return NULL;
	DIR *d = fdopendir(fd);
	if (d == NULL)
		store_sys_close(&fd);
	return d;
}

const char *
store_sys_next(DIR *d)
{
	for (;;) {
		const struct dirent *de = readdir(d);
		if (de == NULL)
			return NULL;
		if (strcmp(de->d_name, ".") != 0 &&
		    strcmp(de->d_name, "..") != 0)
			return de->d_name;
	}
}
