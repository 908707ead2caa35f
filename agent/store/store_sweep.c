/* SPDX-License-Identifier: MIT */
/* The sweep: the object files are shown, part by part, and those that nobody
 * knows are removed.
 *
 * DESIGN  An object's row is written after the object has its name, so that a
 * file without a row may also be one that has just come. All names that came
 * since the store was opened are therefore remembered, under the same lock
 * under which a name comes into being and the sweep removes one. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "store/store_priv.h"

struct sweep {
	uint8_t shard[2]; /* the two folders we are in */
	bool is_there[STORE_PARTS]; /* of the folder's sub-folders */
	struct store_file *files; /* of the part; owned */
	size_t n_files, cap_files;
	unsigned foreign;
};

typedef int entry_fn(struct sweep *sw, int dir_fd, const char *name,
    struct err *e);

void
store_note_fresh_locked(struct store *s, const uint8_t name[STORE_NAME_BYTES])
{
	lock_assert_held(&s->commit);
	if (s->swept || s->too_fresh)
		return;
	if (s->n_fresh == STORE_FRESH_MAX) {
		s->too_fresh = true;
		return;
	}
	if (s->n_fresh == s->cap_fresh) {
		s->cap_fresh = s->cap_fresh == 0 ? 256 : 2 * s->cap_fresh;
		s->fresh = mem_grow(s->fresh, s->cap_fresh, STORE_NAME_BYTES);
	}
	memcpy(s->fresh[s->n_fresh++], name, STORE_NAME_BYTES);
}

void
store_sweep_end(struct store *s)
{
	lock_acquire(&s->commit);
	s->swept = true;
	s->too_fresh = false;
	mem_free(s->fresh);
	s->fresh = NULL;
	s->n_fresh = s->cap_fresh = 0;
	lock_release(&s->commit);
}

static bool
is_fresh_locked(struct store *s, const uint8_t name[STORE_NAME_BYTES])
{
	lock_assert_held(&s->commit);
	size_t i = 0;
	while (i < s->n_fresh &&
	    memcmp(s->fresh[i], name, STORE_NAME_BYTES) != 0)
		i++;
	return i < s->n_fresh;
}

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

static int
on_file(struct sweep *sw, int dir_fd, const char *s, struct err *e)
{ /* entry_fn */
	uint8_t name[STORE_NAME_BYTES];
	struct stat st;
	bool ours = is_object_name(sw, s, name);
	if (ours && fstatat(dir_fd, s, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? 0 :
		    err_set(e, ERR_IO, errno, "look at an object");
	if (!ours || !S_ISREG(st.st_mode)) {
		sw->foreign++;
		return 0;
	}
	if (sw->n_files == sw->cap_files) {
		sw->cap_files = sw->cap_files == 0 ? 64 : 2 * sw->cap_files;
		sw->files = mem_grow(sw->files, sw->cap_files,
		    sizeof(sw->files[0]));
	}
	struct store_file *f = &sw->files[sw->n_files++];
	memcpy(f->name, name, STORE_NAME_BYTES);
	f->known = false;
	return 0;
}

static int
by_name(const void *a, const void *b)
{
	return memcmp(((const struct store_file *)a)->name,
	    ((const struct store_file *)b)->name, STORE_NAME_BYTES);
}

/* Nobody knows ${f}; unless it has come meanwhile it goes. */
static int
take_away(struct store *s, const struct store_file *f, unsigned *removed,
    struct err *e)
{
	char file[STORE_FILE_NAME];
	int rc = 0;
	int shard = store_shard(s, f->name, false, e);
	if (shard == -1)
		return -1;
	store_file_name(file, f->name);
	lock_acquire(&s->commit);
	if (s->too_fresh)
		rc = err_set(e, ERR_CANCELLED, 0, "too many objects came "
		    "meanwhile");
	else if (is_fresh_locked(s, f->name))
		rc = 0;
	else if (store_sys_unlink(shard, file) == 0)
		(*removed)++;
	else if (errno != ENOENT)
		rc = err_set(e, ERR_IO, errno, "remove an object");
	lock_release(&s->commit);
	store_sys_close(&shard);
	return rc;
}

static int
on_folder(struct sweep *sw, int dir_fd, const char *s, struct err *e)
{ /* entry_fn */
	uint8_t id = 0;
	(void)dir_fd;
	(void)e;
	if (is_hex_name(&id, s, 1))
		sw->is_there[id] = true;
	else
		sw->foreign++;
	return 0;
}

static int
on_top(struct sweep *sw, int dir_fd, const char *s, struct err *e)
{ /* entry_fn */
	if (str_eq(s, STORE_MARKER) || str_eq(s, STORE_TMP) ||
	    str_starts(s, "index.db"))
		return 0;
	return on_folder(sw, dir_fd, s, e);
}

/* The sub-folder ${id} of ${dir_fd} in ${*ret}, -1 when there is none or what
 * is there is no folder of ours. */
static int
open_part(struct sweep *sw, int dir_fd, uint8_t id, int *ret, struct err *e)
{
	char hex[3];
	str_hex(hex, &id, 1);
	*ret = store_subdir(dir_fd, hex, false, e);
	if (*ret != -1 || e->sys == ENOENT)
		return 0;
	if (e->sys != ENOTDIR && e->sys != ELOOP)
		return -1;
	sw->foreign++;
	return 0;
}

/* All object files of the part. */
static int
list_part(struct sweep *sw, int dir_fd, struct err *e)
{
	int part = -1;
	int rc = open_part(sw, dir_fd, sw->shard[0], &part, e);
	if (rc == 0 && part != -1)
		rc = each_entry(sw, part, on_folder, e);
	for (unsigned i = 0; i < STORE_PARTS && rc == 0; i++) {
		int shard = -1;
		if (!sw->is_there[i])
			continue;
		sw->shard[1] = (uint8_t)i;
		rc = open_part(sw, part, (uint8_t)i, &shard, e);
		if (rc == 0 && shard != -1)
			rc = each_entry(sw, shard, on_file, e);
		store_sys_close(&shard);
	}
	store_sys_close(&part);
	if (sw->n_files > 1)
		qsort(sw->files, sw->n_files, sizeof(sw->files[0]), by_name);
	return rc;
}

int
store_sweep(struct store *s, uint8_t part, store_part_fn *fn, void *ctx,
    unsigned *ret_removed, unsigned *ret_foreign, struct err *e)
{
	struct sweep sw = {.n_files = 0};
	int rc = part > 0 ? 0 : each_entry(&sw, s->dir_fd, on_top, e);
	memset(sw.is_there, 0, sizeof(sw.is_there)); /* those were the parts */
	sw.shard[0] = part;
	if (rc == 0)
		rc = list_part(&sw, s->dir_fd, e);
	if (rc == 0)
		rc = fn(ctx, sw.files, sw.n_files, e);
	for (size_t i = 0; i < sw.n_files && rc == 0; i++)
		if (!sw.files[i].known)
			rc = take_away(s, &sw.files[i], ret_removed, e);
	mem_free(sw.files);
	*ret_foreign += sw.foreign;
	return rc == 0 ? 0 : err_prefix(e, "sweep the cache");
}
