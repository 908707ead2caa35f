/* SPDX-License-Identifier: MIT */
/* Objects in their place: opened, checked, mapped, removed. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include <xxhash.h>

#include "base/buf.h"
#include "store/store_priv.h"

#define LARGE_BYTES ((size_t)1 << 20) /* from here on read ahead pays */
#define META_AT 132 /* preamble and DICM */
#define META_HEAD_BYTES 12 /* group length element, PS3.10 7.1 */

void
store_digest(uint8_t ret[STORE_DIGEST_BYTES], const void *p, size_t n)
{
	XXH128_canonical_t c;
	XXH128_canonicalFromHash(&c, XXH3_128bits(p, n));
	memcpy(ret, c.digest, STORE_DIGEST_BYTES);
}

int
store_open_object(struct store *s, const uint8_t name[STORE_NAME_BYTES],
    struct stat *ret_st, struct err *e)
{
	char file[STORE_FILE_NAME];
	struct stat st;
	int shard = store_shard(s, name, false, e);
	if (shard == -1)
		return -1;
	store_file_name(file, name);
	int fd = store_sys_open(shard, file, O_RDONLY | O_NONBLOCK, 0);
	if (fd == -1)
		(void)err_set(e, ERR_IO, errno, "open an object"); /* -1 */
	store_sys_close(&shard);
	if (fd == -1)
		return -1;
	if (store_sys_stat(fd, &st) != 0)
		(void)err_set(e, ERR_IO, errno, "look at an object"); /* -1 */
	else if (!S_ISREG(st.st_mode))
		(void)err_set(e, ERR_CORRUPT, ELOOP,
		    "open an object: want a file"); /* -1 says it */
	else {
		*ret_st = st;
		return fd;
	}
	store_sys_close(&fd);
	return -1;
}

uint32_t
store_offset_of(int fd, uint64_t file_bytes)
{
	uint8_t head[META_HEAD_BYTES + 4];
	static const uint8_t want[] = {'D', 'I', 'C', 'M', 2, 0, 0, 0, 'U',
	    'L', 4, 0};
	if (file_bytes < META_AT + META_HEAD_BYTES ||
	    store_sys_read_at(fd, head, sizeof(head), META_AT - 4) != 0 ||
	    memcmp(head, want, sizeof(want)) != 0)
		return 0;
	struct cur c = cur_of(head + sizeof(want), 4);
	uint64_t offset = META_AT + META_HEAD_BYTES + (uint64_t)cur_u32le(&c);
	return offset > STORE_HEADER_MAX || offset > file_bytes ? 0 :
	    (uint32_t)offset;
}

int
store_map_fd(int fd, uint64_t n, void **ret, struct err *e)
{
	if (n > SIZE_MAX)
		return err_set(e, ERR_NOMEM, 0, "map an object");
	void *base = store_sys_map(fd, (size_t)n);
	if (base == MAP_FAILED)
		return err_set(e, errno == ENOMEM ? ERR_NOMEM : ERR_IO, errno,
		    "map an object");
	if (n >= LARGE_BYTES)
		(void)madvise(base, (size_t)n, MADV_SEQUENTIAL); /* a hint */
	*ret = base;
	return 0;
}

static int
check_digest(const struct store_object *o, const struct store_map *m,
    struct err *e)
{
	uint8_t digest[STORE_DIGEST_BYTES];
	store_digest(digest, m->p, m->n);
	if (memcmp(digest, o->digest, sizeof(digest)) != 0)
		return err_set(e, ERR_CORRUPT, 0,
		    "read an object: its digest does not hold");
	return 0;
}

int
store_map(struct store *s, const struct store_object *o, bool verify,
    struct store_map *ret, struct err *e)
{
	struct stat st;
	int rc = -1;
	uint64_t want = o->offset + o->length;
	int fd = store_open_object(s, o->name, &st, e);
	if (fd == -1) {
		/* a link in its place is as good as none */
		bool gone = e->sys == ENOENT || e->sys == ELOOP ||
		    e->sys == ENOTDIR;
		if (gone)
			e->code = ERR_CORRUPT;
		return -1;
	}
	if (o->length > STORE_OBJECT_MAX || o->offset > STORE_HEADER_MAX ||
	    want == 0 || (uint64_t)st.st_size != want) {
		(void)err_set(e, ERR_CORRUPT, 0, "read an object: want %llu "
		    "bytes, have %llu", (unsigned long long)want,
		    (unsigned long long)st.st_size); /* rc says it */
		goto out;
	}
	struct store_map m = {.n = (size_t)o->length, .base_n = (size_t)want};
	if (store_map_fd(fd, want, &m.base, e) != 0)
		goto out;
	m.p = (const uint8_t *)m.base + o->offset;
	rc = verify ? check_digest(o, &m, e) : 0;
	if (rc == 0)
		*ret = m;
	else
		store_unmap(&m);
out:
	store_sys_close(&fd);
	return rc;
}

void
store_unmap(struct store_map *m)
{
	if (m->base != NULL)
		(void)munmap(m->base, m->base_n); /* it is ours */
	*m = (struct store_map){0};
}

/* Take ${n} off what is held, not below zero: the caller's figure is that of
 * the last start. */
static void
held_less(struct store *s, uint64_t n)
{
	uint_fast64_t held = atomic_load(&s->held);
	uint_fast64_t less;
	do
		less = held > n ? held - n : 0;
	while (!atomic_compare_exchange_weak(&s->held, &held, less));
}

int
store_remove(struct store *s, const uint8_t name[STORE_NAME_BYTES],
    struct err *e)
{
	char file[STORE_FILE_NAME];
	struct stat st = {0};
	uint64_t bytes = 0;
	struct err why;
	int fd = store_open_object(s, name, &st, &why);
	if (fd == -1 && why.sys == ENOENT)
		return 0;
	if (fd == -1 && why.sys != ELOOP) { /* a link there just goes */
		*e = why;
		return -1;
	}
	if (fd != -1)
		bytes = (uint64_t)st.st_size - store_offset_of(fd,
		    (uint64_t)st.st_size);
	store_sys_close(&fd);
	int shard = store_shard(s, name, false, e);
	if (shard == -1)
		return -1;
	store_file_name(file, name);
	int rc = store_sys_unlink(shard, file);
	bool gone = rc != 0 && errno == ENOENT; /* somebody else did it */
	if (rc != 0 && !gone)
		rc = err_set(e, ERR_IO, errno, "remove an object");
	else if (!gone)
		held_less(s, bytes);
	store_sys_close(&shard);
	return gone ? 0 : rc;
}
