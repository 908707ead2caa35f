/* SPDX-License-Identifier: MIT */
/* The volume's files, counted; and all of ours removed. */
#include <errno.h>
#include <sys/statvfs.h>

#include "base/str.h"
#include "store/store_priv.h"

#define TMP_NAME_BYTES 16 /* of a name in tmp/, as hex */

int
store_free_files(struct store *s, uint64_t *ret, struct err *e)
{
	struct statvfs v;
	if (fstatvfs(s->dir_fd, &v) != 0)
		return err_set(e, ERR_IO, errno, "measure the cache's volume");
	/* Btrfs makes them as needed and says 0 of 0 */
	*ret = v.f_files == 0 ? UINT64_MAX : (uint64_t)v.f_favail;
	return 0;
}

static int
is_nobodys(void *ctx, struct store_file *files, size_t n, struct err *e)
{ /* store_part_fn */
	(void)ctx;
	(void)files; /* none is known */
	(void)n;
	(void)e;
	return 0;
}

static int
empty_tmp(struct store *s, struct err *e)
{
	DIR *d = store_sys_list(s->tmp_fd);
	if (d == NULL)
		return err_set(e, ERR_IO, errno, "list '%s'", STORE_TMP);
	int rc = 0;
	for (const char *n = store_sys_next(d); n != NULL;
	    n = store_sys_next(d)) {
		uint8_t id[TMP_NAME_BYTES];
		if (str_unhex(id, n, sizeof(id)) &&
		    store_sys_unlink(s->tmp_fd, n) != 0 && errno != ENOENT)
			rc = err_set(e, ERR_IO, errno, "empty '%s'",
			    STORE_TMP);
	}
	(void)closedir(d); /* read only */
	return rc;
}

int
store_wipe(struct store *s, unsigned *ret_removed, struct err *e)
{
	unsigned foreign = 0; /* not ours, so they stay */
	store_sweep_end(s); /* what came lately goes too */
	*ret_removed = 0;
	for (unsigned i = 0; i < STORE_PARTS; i++)
		if (store_sweep(s, (uint8_t)i, is_nobodys, NULL, ret_removed,
		    &foreign, e) != 0)
			return err_prefix(e, "wipe");
	if (empty_tmp(s, e) != 0)
		return err_prefix(e, "wipe");
	store_set_held(s, 0);
	return 0;
}
