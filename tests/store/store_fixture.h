/* SPDX-License-Identifier: MIT */
/* What the tests of the store share: a folder, a store, objects to write. */
#ifndef STORE_FIXTURE_H
#define STORE_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "store/store_priv.h"

#define MR "1.2.840.10008.5.1.4.1.1.4"
#define LE "1.2.840.10008.1.2.1"

struct fixture {
	char root[64];
	char dir[96]; /* the cache, inside root */
	struct store *s;
	struct err e;
};

/* Count what lies below ${path} whose name ends in ${end}; remove all if so
 * asked. */
static inline unsigned
walk(const char *path, const char *end, bool remove_all)
{
	char copy[256];
	unsigned n = 0;
	(void)str_copy(copy, sizeof(copy), path); /* short */
	char *paths[] = {copy, NULL};
	FTS *t = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	for (FTSENT *f = fts_read(t); f != NULL; f = fts_read(t)) {
		size_t len = strlen(f->fts_name);
		if (f->fts_info == FTS_F && len >= strlen(end) &&
		    str_eq(f->fts_name + len - strlen(end), end))
			n++;
		if (remove_all && f->fts_info != FTS_D)
			(void)remove(f->fts_accpath); /* the test is over */
	}
	(void)fts_close(t); /* read only */
	return n;
}

static inline int
setup(void **state)
{
	struct fixture *f = mem_new(struct fixture);
	(void)str_copy(f->root, sizeof(f->root), "/tmp/store-XXXXXX");
	assert_non_null(mkdtemp(f->root));
	(void)snprintf(f->dir, sizeof(f->dir), "%s/cache", f->root);
	f->s = store_open(f->dir, &f->e);
	assert_non_null(f->s);
	*state = f;
	return 0;
}

static inline int
teardown(void **state)
{
	struct fixture *f = *state;
	store_fail_at(0, 0);
	store_close(&f->s);
	(void)walk(f->root, "", true); /* counts nothing of interest */
	mem_free(f);
	return 0;
}

static inline int
write_object(struct store *s, const char *sop, const void *p, size_t n,
    struct store_object *o, struct err *e)
{
	struct store_writer *w = store_begin(s, MR, sop, LE, e);
	if (w == NULL)
		return -1;
	if (store_write(w, p, n, e) != 0) {
		store_abort(&w);
		return -1;
	}
	return store_commit(&w, "1.2.3", "1.2.3.4", sop, o, e);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

#endif
