/* SPDX-License-Identifier: MIT */
/* An object read piece by piece: no mapping, so that a file which ends early
 * is an error and a large object costs no more memory than a small one. */
#include <errno.h>
#include <string.h>

#include <xxhash.h>

#include "base/mem.h"
#include "store/store_priv.h"

#define STEP_BYTES ((size_t)256 * 1024) /* digested while in the CPU's cache */

struct store_reader {
	struct store *store;
	struct store_reader *next; /* while spare */
	XXH3_state_t *hash;
	uint64_t at; /* in the file */
	uint64_t left; /* of the data set */
	uint8_t digest[STORE_DIGEST_BYTES]; /* what it must have */
	int fd;
	bool begun; /* some of it is in ${hash} */
	bool checked; /* the digest holds */
	bool failed; /* nothing more can be had */
};

static void
reader_free(struct store_reader *r)
{
	if (r->hash != NULL)
		(void)XXH3_freeState(r->hash); /* always XXH_OK */
	mem_free(r);
}

static struct store_reader *
take_reader(struct store *s, struct err *e)
{
	lock_acquire(&s->lock);
	struct store_reader *r = s->spare_reader;
	if (r != NULL) {
		s->spare_reader = r->next;
		s->n_spare_readers--;
	}
	lock_release(&s->lock);
	if (r != NULL)
		return r;
	r = mem_new(struct store_reader);
	r->hash = XXH3_createState();
	if (r->hash != NULL)
		return r;
	(void)err_set(e, ERR_NOMEM, 0, "read an object"); /* NULL says it */
	reader_free(r);
	return NULL;
}

void
store_drop_readers(struct store *s)
{
	while (s->spare_reader != NULL) {
		struct store_reader *r = s->spare_reader;
		s->spare_reader = r->next;
		reader_free(r);
	}
}

int
store_read_begin(struct store *s, const struct store_object *o,
    struct store_reader **ret, struct err *e)
{
	struct stat st;
	int fd = store_open_whole(s, o, &st, e);
	if (fd == -1)
		return -1;
	struct store_reader *r = take_reader(s, e);
	if (r == NULL) {
		store_sys_close(&fd);
		return -1;
	}
	r->store = s;
	r->fd = fd;
	r->at = o->offset;
	r->left = o->length;
	r->begun = r->checked = r->failed = false;
	memcpy(r->digest, o->digest, sizeof(r->digest));
	*ret = r;
	return 0;
}

/* The end is reached: what was read must be what was stored. */
static int
check(struct store_reader *r, const void *p, size_t n, struct err *e)
{
	uint8_t have[STORE_DIGEST_BYTES];
	if (r->begun) {
		XXH128_canonical_t c;
		XXH128_canonicalFromHash(&c, XXH3_128bits_digest(r->hash));
		memcpy(have, c.digest, sizeof(have));
	} else { /* all of it at once, as most images: without the state */
		store_digest(have, p, n);
	}
	if (memcmp(have, r->digest, sizeof(have)) != 0)
		return err_set(e, ERR_CORRUPT, 0,
		    "read an object: its digest does not hold");
	r->checked = true;
	return 0;
}

static int
step(struct store_reader *r, uint8_t *p, size_t n, struct err *e)
{
	if (store_sys_read_at(r->fd, p, n, r->at) != 0) {
		/* it was cut since it was opened, or the disk has lost it */
		bool lost = errno == EIO;
		return err_set(e, lost ? ERR_CORRUPT : ERR_IO, errno,
		    "read an object");
	}
	r->at += n;
	r->left -= n;
	if (r->left == 0 && !r->begun)
		return 0; /* see check */
	if (!r->begun)
		(void)XXH3_128bits_reset(r->hash); /* fails for NULL only */
	r->begun = true;
	store_digest_more(r->hash, p, n);
	return 0;
}

int
store_read(struct store_reader *r, void *p, size_t max, size_t *ret_n,
    struct err *e)
{
	uint8_t *q = p;
	size_t n = max < r->left ? max : (size_t)r->left;
	size_t at = 0;
	if (r->failed)
		return err_set(e, ERR_IO, 0,
		    "read an object: it failed before");
	r->failed = true; /* unless all goes well */
	while (at < n) {
		size_t k = n - at < STEP_BYTES ? n - at : STEP_BYTES;
		if (step(r, q + at, k, e) != 0)
			return -1;
		at += k;
	}
	if (r->left == 0 && !r->checked && check(r, q, n, e) != 0)
		return -1;
	r->failed = false;
	*ret_n = n;
	return 0;
}

uint64_t
store_read_left(const struct store_reader *r)
{
	return r->left;
}

void
store_read_end(struct store_reader **pp)
{
	struct store_reader *r = *pp;
	*pp = NULL;
	if (r == NULL)
		return;
	struct store *s = r->store;
	store_sys_close(&r->fd);
	lock_acquire(&s->lock);
	bool keep = s->n_spare_readers < STORE_SPARE_MAX;
	if (keep) {
		r->next = s->spare_reader;
		s->spare_reader = r;
		s->n_spare_readers++;
	}
	lock_release(&s->lock);
	if (!keep)
		reader_free(r);
}
