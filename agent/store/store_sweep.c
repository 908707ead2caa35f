/* SPDX-License-Identifier: MIT */
/* The sweep: every object file is offered, those nobody knows are removed. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/str.h"
#include "store/store_priv.h"

struct sweep {
	store_known_fn *known;
	void *ctx;
	uint8_t shard[2]; /* the two folders we are in */
	unsigned removed;
	unsigned foreign;
};

typedef int entry_fn(struct sweep *sw, int dir_fd, const char *name,
    struct err *e);

/* Call ${fn} for each name in ${dir_fd}. */
static int
each_entry(struct sweep *sw, int dir_fd, entry_fn *fn, struct err *e)
{
	DIR *d = store_sys_list(dir_fd);
	if (d == NULL)
		return err_set(e, ERR_IO, errno, "list a cache folder");
	int rc = 0;
	for (const char *n = store_sys_next(d); n != NULL && rc == 0;
	    n = store_sys_next(d))
		rc = fn(sw, dir_fd, n, e);
	(void)closedir(d); /* read only */
	return rc;
}

/* Lower-case hex only: a name that differs in case is not ours. */
static bool
is_hex_name(uint8_t *ret, const char *s, size_t n)
{
	char again[STORE_HEX_NAME];
	if (!str_unhex(ret, s, n))
		return false;
	str_hex(again, ret, n);
	return str_eq(again, s);
}

static bool
is_object_name(const struct sweep *sw, const char *s,
    uint8_t ret[STORE_NAME_BYTES])
{
	char hex[STORE_HEX_NAME];
	size_t n = strlen(s);
	if (n != STORE_FILE_NAME - 1 || !str_eq(s + n - 4, ".dcm"))
		return false;
	(void)str_copy_n(hex, sizeof(hex), s, n - 4); /* 64 digits fit */
	return is_hex_name(ret, hex, STORE_NAME_BYTES) &&
	    memcmp(ret, sw->shard, sizeof(sw->shard)) == 0;
}

/* entry_fn */
static int
on_file(struct sweep *sw, int dir_fd, const char *s, struct err *e)
{
	uint8_t name[STORE_NAME_BYTES];
	struct stat st;
	if (!is_object_name(sw, s, name)) {
		sw->foreign++;
		return 0;
	}
	if (fstatat(dir_fd, s, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? 0 :
		    err_set(e, ERR_IO, errno, "look at an object");
	if (!S_ISREG(st.st_mode)) {
		sw->foreign++;
		return 0;
	}
	if (sw->known(sw->ctx, name, (uint64_t)st.st_size))
		return 0;
	if (store_sys_unlink(dir_fd, s) != 0 && errno != ENOENT)
		return err_set(e, ERR_IO, errno, "sweep an object");
	sw->removed++;
	return 0;
}

/* The folder ${s} if it is a shard of ours, else -1 and one foreign more. */
static int
open_shard(struct sweep *sw, int dir_fd, const char *s, uint8_t *ret)
{
	struct err ignored; /* a link or a file in a shard's place */
	int fd = -1;
	if (is_hex_name(ret, s, 1))
		fd = store_subdir(dir_fd, s, false, &ignored);
	if (fd == -1)
		sw->foreign++;
	return fd;
}

/* entry_fn */
static int
on_inner(struct sweep *sw, int dir_fd, const char *s, struct err *e)
{
	int fd = open_shard(sw, dir_fd, s, &sw->shard[1]);
	if (fd == -1)
		return 0;
	int rc = each_entry(sw, fd, on_file, e);
	store_sys_close(&fd);
	return rc;
}

/* entry_fn */
static int
on_outer(struct sweep *sw, int dir_fd, const char *s, struct err *e)
{
	if (str_eq(s, STORE_MARKER) || str_eq(s, STORE_TMP) ||
	    str_starts(s, "index.db"))
		return 0;
	int fd = open_shard(sw, dir_fd, s, &sw->shard[0]);
	if (fd == -1)
		return 0;
	int rc = each_entry(sw, fd, on_inner, e);
	store_sys_close(&fd);
	return rc;
}

int
store_sweep(struct store *s, store_known_fn *known, void *ctx,
    unsigned *ret_removed, unsigned *ret_foreign, struct err *e)
{
	struct sweep sw = {.known = known, .ctx = ctx};
	if (each_entry(&sw, s->dir_fd, on_outer, e) != 0)
		return err_prefix(e, "sweep the cache");
	*ret_removed = sw.removed;
	*ret_foreign = sw.foreign;
	return 0;
}
