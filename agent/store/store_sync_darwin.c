/* SPDX-License-Identifier: MIT */
/* Durability on macOS: order each file, flush the drive once. */
#ifdef __APPLE__
#include <errno.h>
#include <fcntl.h>

#include "store/store_priv.h"

int
store_sync_volume(int dir_fd)
{
	(void)dir_fd; /* objects are synced one by one */
	return 0;
}

/* fsync(2) of macOS reaches the drive, not the platter. F_BARRIERFSYNC puts
 * the file in order, F_FULLFSYNC empties the drive's cache and is slow, so
 * only the last of a batch asks for it. Network volumes know neither. */
int
store_sync_fd(int fd, bool drive)
{
	if (store_sys_fails())
		return -1;
	if (fcntl(fd, drive ? F_FULLFSYNC : F_BARRIERFSYNC) == 0)
		return 0;
	if (errno != ENOTSUP && errno != EINVAL && errno != ENOTTY)
		return -1;
	return store_sys_flush(fd);
}
#else
typedef int store_sync_darwin_is_empty(void);
#endif
