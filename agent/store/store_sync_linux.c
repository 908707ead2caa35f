/* SPDX-License-Identifier: MIT */
/* Durability on Linux and plain POSIX: syncfs where it exists. */
#ifndef __APPLE__
#ifdef __linux__
#define _GNU_SOURCE /* syncfs(2) */
#endif
#include <unistd.h>

#include "store/store_priv.h"

/* syncfs(2) reports errors of any file of the volume since Linux 5.8; before
 * that it may hide them, which an object's digest shows later. */
int
store_sync_volume(int dir_fd)
{
#ifdef __linux__
	if (store_sys_fails())
		return -1;
	return syncfs(dir_fd) == 0 ? 1 : -1;
#else
	(void)dir_fd; /* no such call here */
	return 0;
#endif
}

int
store_sync_fd(int fd, bool drive)
{
	(void)drive; /* fsync(2) goes through the drive's cache here */
	return store_sys_flush(fd);
}
#else
typedef int store_sync_linux_is_empty(void);
#endif
