/* SPDX-License-Identifier: MIT */
/* Objects in their place: opened, checked, mapped, removed. */
#if defined(__linux__) && __has_include(<linux/openat2.h>)
#include <linux/openat2.h>
#include <sys/syscall.h>
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xxhash.h>

#include "base/buf.h"
#include "base/mem.h"
#include "store/store_priv.h"

#ifdef _DARWIN_C_SOURCE
#define st_mtim st_mtimespec
#endif
#define LARGE_BYTES ((size_t)1 << 20) /* from here on read ahead pays */
#define META_AT 132 /* preamble and DICM */
#define META_HEAD_BYTES 12 /* group length element, PS3.10 7.1 */

#if defined(__linux__) && defined(__x86_64__)
/* The same with the widest vectors that the CPU has, three times as fast; not
 * every build of the library has them. xxh_x86dispatch.h */
extern XXH128_hash_t XXH3_128bits_dispatch(const void *p, size_t n)
    __attribute__((weak));
extern XXH_errorcode XXH3_128bits_update_dispatch(XXH3_state_t *x,
    const void *p, size_t n) __attribute__((weak));

static XXH128_hash_t
digest_of(const void *p, size_t n)
{
	return XXH3_128bits_dispatch != NULL ? XXH3_128bits_dispatch(p, n) :
	    XXH3_128bits(p, n);
}

void
store_digest_more(struct XXH3_state_s *x, const void *p, size_t n)
{
	if (XXH3_128bits_update_dispatch != NULL)
		(void)XXH3_128bits_update_dispatch(x, p, n); /* see below */
	else
		(void)XXH3_128bits_update(x, p, n); /* fails for NULL only */
}
#else
static XXH128_hash_t
digest_of(const void *p, size_t n)
{
	return XXH3_128bits(p, n);
}

void
store_digest_more(struct XXH3_state_s *x, const void *p, size_t n)
{
	(void)XXH3_128bits_update(x, p, n); /* fails for NULL only */
}
#endif

void
store_digest(uint8_t ret[STORE_DIGEST_BYTES], const void *p, size_t n)
{
	XXH128_canonical_t c;
	XXH128_canonicalFromHash(&c, digest_of(p, n));
	memcpy(ret, c.digest, STORE_DIGEST_BYTES);
}

#define PIECE ((size_t)64 * 1024) /* read at once */

/* The file at "ab/cd/<64 hex>.dcm" by one call that follows no link on the
 * way, where the system has such a call; else folder by folder. -1 with
 * errno. */
static int
open_at_once(struct store *s, const char file[STORE_FILE_NAME])
{
	char path[STORE_FILE_NAME + 6];
	(void)snprintf(path, sizeof(path), "%.2s/%.2s/%s", file, file + 2,
	    file); /* fits */
	if (store_sys_fails())
		return -1;
#ifdef O_NOFOLLOW_ANY
	return openat(s->dir_fd, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC |
	    O_NOFOLLOW_ANY);
#elif defined(RESOLVE_NO_SYMLINKS)
	struct open_how how = {.flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC,
	    .resolve = RESOLVE_NO_SYMLINKS};
	return (int)syscall(SYS_openat2, s->dir_fd, path, &how, sizeof(how));
#else
	errno = ENOSYS;
	return -1;
#endif
}

static int
open_by_steps(struct store *s, const uint8_t name[STORE_NAME_BYTES],
    const char file[STORE_FILE_NAME], struct err *e)
{
	int shard = store_shard(s, name, false, e);
	if (shard == -1)
		return -1;
	int fd = store_sys_open(shard, file, O_RDONLY | O_NONBLOCK, 0);
	if (fd == -1)
		(void)err_set(e, ERR_IO, errno, "open an object"); /* -1 */
	store_sys_close(&shard);
	return fd;
}

int
store_open_object(struct store *s, const uint8_t name[STORE_NAME_BYTES],
    struct stat *ret_st, struct err *e)
{
	char file[STORE_FILE_NAME];
	struct stat st;
	store_file_name(file, name);
	int fd = open_at_once(s, file);
	if (fd == -1 && (errno == ENOSYS || errno == EINVAL ||
	    errno == EPERM)) /* an old kernel, or a sandbox */
		fd = open_by_steps(s, name, file, e);
	else if (fd == -1)
		(void)err_set(e, ERR_IO, errno, "open an object"); /* -1 */
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
store_open_whole(struct store *s, const struct store_object *o,
    struct stat *ret_st, struct err *e)
{
	uint64_t want = o->offset + o->length;
	int fd = store_open_object(s, o->name, ret_st, e);
	if (fd == -1) {
		/* a link in its place is as good as none */
		bool gone = e->sys == ENOENT || e->sys == ELOOP ||
		    e->sys == ENOTDIR;
		if (gone)
			e->code = ERR_CORRUPT;
		return -1;
	}
	if (o->length <= STORE_OBJECT_MAX && o->offset <= STORE_HEADER_MAX &&
	    want != 0 && (uint64_t)ret_st->st_size == want)
		return fd;
	store_sys_close(&fd);
	return err_set(e, ERR_CORRUPT, 0, "read an object: want %llu "
	    "bytes, have %llu", (unsigned long long)want,
	    (unsigned long long)ret_st->st_size);
}

/* Bytes that the disk has lost are an error of a read, and a SIGBUS of a
 * mapping: what is mapped to be read at once is read before, which brings it
 * into memory. */
int
store_read_ahead(int fd, uint64_t n, struct err *e)
{
	uint8_t piece[PIECE];
	for (uint64_t at = 0; at < n;) {
		size_t k = n - at < PIECE ? (size_t)(n - at) : PIECE;
		if (store_sys_read_at(fd, piece, k, at) != 0)
			return err_set(e, errno == EIO ? ERR_CORRUPT : ERR_IO,
			    errno, "read an object");
		at += k;
	}
	return 0;
}

/* The open file ${fd} of ${o}, mapped. */
static int
map_whole(int fd, const struct store_object *o, bool verify,
    struct store_map *ret, struct err *e)
{
	struct store_map m = {.n = (size_t)o->length,
	    .base_n = (size_t)(o->offset + o->length)};
	if (verify && store_read_ahead(fd, o->offset + o->length, e) != 0)
		return -1;
	if (store_map_fd(fd, o->offset + o->length, &m.base, e) != 0)
		return -1;
	m.p = (const uint8_t *)m.base + o->offset;
	if (verify && check_digest(o, &m, e) != 0) {
		store_unmap(&m);
		return -1;
	}
	*ret = m;
	return 0;
}

int
store_map(struct store *s, const struct store_object *o, bool verify,
    struct store_map *ret, struct err *e)
{
	struct stat st;
	int fd = store_open_whole(s, o, &st, e);
	if (fd == -1)
		return -1;
	int rc = map_whole(fd, o, verify, ret, e);
	store_sys_close(&fd);
	return rc;
}

/* A file that was checked. Names are digests: they spread by themselves. */
struct checked {
	uint8_t name[STORE_NAME_BYTES];
	uint8_t digest[STORE_DIGEST_BYTES];
	dev_t dev;
	ino_t ino;
	off_t size; /* 0 = nothing here */
	struct timespec mtime;
};

static struct checked *
checked_slot_locked(struct store *s, const uint8_t name[STORE_NAME_BYTES])
{
	lock_assert_held(&s->lock);
	if (s->checked == NULL)
		s->checked = mem_new_n(struct checked, STORE_CHECKED_MAX);
	return &s->checked[(name[2] | name[3] << 8) % STORE_CHECKED_MAX];
}

static bool
was_checked(struct store *s, const struct store_object *o,
    const struct stat *st)
{
	lock_acquire(&s->lock);
	const struct checked *c = checked_slot_locked(s, o->name);
	bool was = c->size == st->st_size && c->ino == st->st_ino &&
	    c->dev == st->st_dev &&
	    c->mtime.tv_sec == st->st_mtim.tv_sec &&
	    c->mtime.tv_nsec == st->st_mtim.tv_nsec &&
	    memcmp(c->name, o->name, sizeof(c->name)) == 0 &&
	    memcmp(c->digest, o->digest, sizeof(c->digest)) == 0;
	lock_release(&s->lock);
	return was;
}

static void
remember_checked(struct store *s, const struct store_object *o,
    const struct stat *st)
{
	lock_acquire(&s->lock);
	struct checked *c = checked_slot_locked(s, o->name);
	c->size = st->st_size;
	c->ino = st->st_ino;
	c->dev = st->st_dev;
	c->mtime = st->st_mtim;
	memcpy(c->name, o->name, sizeof(c->name));
	memcpy(c->digest, o->digest, sizeof(c->digest));
	lock_release(&s->lock);
}

int
store_map_checked(struct store *s, const struct store_object *o,
    struct store_map *ret, struct err *e)
{
	struct stat st;
	int fd = store_open_whole(s, o, &st, e);
	if (fd == -1)
		return -1;
	bool was = was_checked(s, o, &st);
	int rc = map_whole(fd, o, !was, ret, e);
	if (rc == 0 && !was)
		remember_checked(s, o, &st);
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

bool
store_is_gone(struct store *s, const uint8_t name[STORE_NAME_BYTES])
{
	struct stat st;
	struct err why;
	int fd = store_open_object(s, name, &st, &why);
	bool gone = fd == -1 && (why.sys == ENOENT || why.sys == ELOOP);
	store_sys_close(&fd);
	return gone;
}

/* Take ${n} off what is held, not below zero: the caller's figure is that of
 * the last start. */
void
store_lost(struct store *s, uint64_t n)
{
	uint_fast64_t held = atomic_load(&s->held);
	uint_fast64_t less;
	do
		less = held > n ? held - n : 0;
	while (!atomic_compare_exchange_weak(&s->held, &held, less));
}

/* Remove the file of ${name}, whose data set has ${bytes}. */
static int
unlink_object(struct store *s, const uint8_t name[STORE_NAME_BYTES],
    uint64_t bytes, struct err *e)
{
	char file[STORE_FILE_NAME];
	int shard = store_shard(s, name, false, e);
	if (shard == -1)
		return -1;
	store_file_name(file, name);
	int rc = store_sys_unlink(shard, file);
	bool gone = rc != 0 && errno == ENOENT; /* somebody else did it */
	if (rc != 0 && !gone)
		rc = err_set(e, ERR_IO, errno, "remove an object");
	else if (!gone)
		store_lost(s, bytes);
	store_sys_close(&shard);
	return gone ? 0 : rc;
}

int
store_remove(struct store *s, const uint8_t name[STORE_NAME_BYTES],
    struct err *e)
{
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
	return unlink_object(s, name, bytes, e);
}

/* Something else is in the object's place; if it is still there, it goes. */
static int
remove_link(struct store *s, const uint8_t name[STORE_NAME_BYTES],
    struct err *e)
{
	struct stat st;
	struct err why;
	lock_acquire(&s->commit); /* no name comes into being */
	int fd = store_open_object(s, name, &st, &why);
	int rc = fd == -1 && why.sys == ELOOP ?
	    unlink_object(s, name, 0, e) : 0;
	lock_release(&s->commit);
	store_sys_close(&fd);
	return rc;
}

int
store_remove_damaged(struct store *s, const uint8_t name[STORE_NAME_BYTES],
    struct err *e)
{
	struct stat was, is;
	struct store_item it;
	struct store_map m;
	struct err why;
	/* held open, so that no other file can have its number */
	int fd = store_open_object(s, name, &was, &why);
	if (fd == -1)
		return why.sys == ELOOP ? remove_link(s, name, e) : 0;
	if (store_unseal(s, name, &it, &m, &why) == 0) {
		store_unmap(&m);
		store_sys_close(&fd);
		return 0;
	}
	int rc = 0;
	lock_acquire(&s->commit); /* no name comes into being */
	int now = why.code != ERR_CORRUPT ? -1 : /* it may be whole */
	    store_open_object(s, name, &is, &why);
	if (now != -1 && is.st_ino == was.st_ino && is.st_dev == was.st_dev)
		rc = store_remove(s, name, e);
	lock_release(&s->commit);
	store_sys_close(&now);
	store_sys_close(&fd);
	return rc;
}
