/* SPDX-License-Identifier: MIT */
/* Durability: the volume at once where the system can, else file by file. */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "store/store_priv.h"

void
store_pend(struct store *s, const uint8_t name[STORE_NAME_BYTES])
{
	if (!s->by_file)
		return;
	lock_acquire(&s->lock);
	if (s->n_pending == s->cap_pending) {
		s->cap_pending = s->cap_pending == 0 ? 64 : 2 * s->cap_pending;
		s->pending = mem_grow(s->pending, s->cap_pending,
		    STORE_NAME_BYTES);
	}
	memcpy(s->pending[s->n_pending++], name, STORE_NAME_BYTES);
	lock_release(&s->lock);
}

/* One object and the folder that names it. */
static int
sync_object(struct store *s, const uint8_t name[STORE_NAME_BYTES],
    struct err *e)
{
	struct stat st;
	int fd = store_open_object(s, name, &st, e);
	if (fd == -1)
		return e->sys == ENOENT ? 0 : -1; /* removed meanwhile */
	int rc = 0;
	if (store_sync_fd(fd, false) != 0)
		rc = err_set(e, ERR_IO, errno, "sync an object");
	store_sys_close(&fd);
	if (rc != 0)
		return -1;
	fd = store_shard(s, name, false, e);
	if (fd == -1)
		return -1;
	if (store_sync_fd(fd, false) != 0)
		rc = err_set(e, ERR_IO, errno, "sync a folder");
	store_sys_close(&fd);
	return rc;
}

static int
sync_files(struct store *s, struct err *e)
{
	lock_acquire(&s->lock);
	uint8_t (*names)[STORE_NAME_BYTES] = s->pending;
	size_t n = s->n_pending;
	s->pending = NULL;
	s->n_pending = s->cap_pending = 0;
	lock_release(&s->lock);
	int rc = 0;
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = sync_object(s, names[i], e);
	if (rc == 0 && n > 0 && store_sync_fd(s->dir_fd, true) != 0)
		rc = err_set(e, ERR_IO, errno, "sync the cache folder");
	mem_free(names);
	return rc;
}

/* After a failure the system calls the pages clean although they never
 * reached the disk (fsync, ATC'20): never try again and trust the answer. */
static int
sync_all(struct store *s, struct err *e)
{
	if (s->by_file)
		return sync_files(s, e);
	int rc = store_sync_volume(s->dir_fd);
	if (rc == 1)
		return 0;
	return err_set(e, ERR_IO, rc == 0 ? ENOSYS : errno,
	    "sync the cache's volume");
}

int
store_sync(struct store *s, struct err *e)
{
	int rc = sync_all(s, e);
	if (rc != 0)
		atomic_fetch_add(&s->syncs_failed, 1);
	return rc;
}

unsigned
store_syncs_failed(const struct store *s)
{
	return atomic_load(&s->syncs_failed);
}
