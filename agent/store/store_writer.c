/* SPDX-License-Identifier: MIT */
/* An object on its way in: written aside, digested, then put in its place. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xxhash.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/store_priv.h"

#define BUFFER_BYTES ((size_t)256 * 1024)
#define TMP_ID_BYTES 16
#define PREAMBLE_BYTES 128

struct store_writer {
	struct store *store;
	struct store_writer *next; /* while spare */
	XXH3_state_t *hash;
	uint8_t *buf; /* BUFFER_BYTES */
	size_t fill;
	uint64_t length; /* of the data set so far */
	uint32_t offset; /* of the data set in the file */
	uint32_t seal_at; /* of the seal in the file */
	int fd;
	char tmp[2 * TMP_ID_BYTES + 1]; /* "" once it has its name */
	char instance_uid[UID_SIZE];
	void *peek; /* mapping, peek_n bytes */
	size_t peek_n;
	bool failed; /* some bytes are missing: it can only be aborted */
};

static void
writer_free(struct store_writer *w)
{
	if (w->hash != NULL)
		(void)XXH3_freeState(w->hash); /* always XXH_OK */
	mem_free(w->buf);
	mem_free(w);
}

static struct store_writer *
writer_new(struct err *e)
{
	struct store_writer *w = mem_new(struct store_writer);
	w->fd = -1;
	w->hash = XXH3_createState();
	w->buf = mem_try(BUFFER_BYTES, e);
	if (w->buf != NULL && w->hash != NULL)
		return w;
	if (w->buf != NULL)
		(void)err_set(e, ERR_NOMEM, 0, "begin an object");
	writer_free(w);
	return NULL;
}

static struct store_writer *
take_writer(struct store *s, struct err *e)
{
	lock_acquire(&s->lock);
	struct store_writer *w = s->spare;
	if (w != NULL) {
		s->spare = w->next;
		s->n_spare--;
	}
	lock_release(&s->lock);
	return w != NULL ? w : writer_new(e);
}

/* Undo what is not in its place, and keep the buffers for the next one. */
static void
writer_release(struct store_writer *w)
{
	struct store *s = w->store;
	if (w->peek != NULL)
		(void)munmap(w->peek, w->peek_n); /* it is ours */
	store_sys_close(&w->fd);
	if (w->tmp[0] != '\0')
		(void)store_sys_unlink(s->tmp_fd, w->tmp); /* or next start */
	atomic_fetch_sub(&s->writing, w->length);
	w->tmp[0] = '\0';
	w->peek = NULL;
	lock_acquire(&s->lock);
	bool keep = s->n_spare < STORE_SPARE_MAX;
	if (keep) {
		w->next = s->spare;
		s->spare = w;
		s->n_spare++;
	}
	lock_release(&s->lock);
	if (!keep)
		writer_free(w);
}

void
store_drop_spares(struct store *s)
{
	while (s->spare != NULL) {
		struct store_writer *w = s->spare;
		s->spare = w->next;
		writer_free(w);
	}
	store_drop_readers(s);
	mem_free(s->checked);
	s->checked = NULL;
}

/* A file meta element in Explicit VR Little Endian, padded to even length:
 * UI by NUL, text by a blank (PS3.5 6.2). */
static void
add_element(struct buf *b, uint16_t element, const char *vr, const char *v)
{
	size_t n = strlen(v);
	buf_add_u16le(b, 0x0002);
	buf_add_u16le(b, element);
	buf_add(b, vr, 2);
	buf_add_u16le(b, (uint16_t)(n + n % 2));
	buf_add(b, v, n);
	if (n % 2 != 0)
		buf_add_u8(b, str_eq(vr, "UI") ? 0 : ' ');
}

/* The seal is private information (PS3.10 7.1): with it a file tells by
 * itself whether it is whole. Its place is kept until the digest is known. */
static void
add_seal_place(struct buf *b)
{
	add_element(b, 0x0100, "UI", UID_IMPLEMENTATION);
	buf_add(b, "\x02\0\x02\x01OB\0\0", 8);
	buf_add_u32le(b, STORE_SEAL_BYTES);
	buf_fill(b, 0, STORE_SEAL_BYTES);
}

/* PS3.10 7.1. The preamble is always zero: one from outside could be a
 * program's. */
static void
add_head(struct buf *b, const char *class_uid, const char *instance_uid,
    const char *syntax, bool sealed)
{
	buf_fill(b, 0, PREAMBLE_BYTES);
	buf_add_str(b, "DICM");
	buf_add(b, "\x02\0\0\0UL\x04\0", 8);
	size_t at = b->len;
	buf_add_u32le(b, 0);
	buf_add(b, "\x02\0\x01\0OB\0\0\x02\0\0\0\0\x01", 14);
	add_element(b, 0x0002, "UI", class_uid);
	add_element(b, 0x0003, "UI", instance_uid);
	add_element(b, 0x0010, "UI", syntax);
	add_element(b, 0x0012, "UI", UID_IMPLEMENTATION);
	add_element(b, 0x0013, "SH", UID_VERSION_NAME);
	if (sealed)
		add_seal_place(b);
	buf_put_u32le(b, at, (uint32_t)(b->len - at - 4));
}

void
store_file_head(struct buf *b, const char *class_uid,
    const char *instance_uid, const char *syntax)
{
	add_head(b, class_uid, instance_uid, syntax, false);
}

/* Digest and length of the data set into the file's head: in the buffer, when
 * nothing has left it yet. */
static int
seal(struct store_writer *w, const uint8_t digest[STORE_DIGEST_BYTES],
    struct err *e)
{
	struct buf b;
	int rc = 0;
	buf_init(&b, STORE_SEAL_BYTES);
	buf_add(&b, digest, STORE_DIGEST_BYTES);
	buf_add_u64le(&b, w->length);
	if (w->fill == w->offset + w->length)
		memcpy(w->buf + w->seal_at, b.p, STORE_SEAL_BYTES);
	else if (store_sys_write_at(w->fd, b.p, STORE_SEAL_BYTES,
	    w->seal_at) != 0)
		rc = err_set(e, store_code_of(errno), errno,
		    "seal an object");
	buf_done(&b);
	return rc;
}

static int
open_tmp(struct store_writer *w, struct err *e)
{
	uint8_t id[TMP_ID_BYTES];
	char name[sizeof(w->tmp)];
	if (getentropy(id, sizeof(id)) != 0)
		return err_set(e, ERR_IO, errno, "name an object");
	str_hex(name, id, sizeof(id));
	w->fd = store_sys_open(w->store->tmp_fd, name,
	    O_RDWR | O_CREAT | O_EXCL, 0600);
	if (w->fd == -1)
		return err_set(e, store_code_of(errno), errno,
		    "begin an object");
	memcpy(w->tmp, name, sizeof(name));
	return 0;
}

/* Bytes go to the disk; the volume's reserve is looked at before. */
static int
put(struct store_writer *w, const void *p, size_t n, struct err *e)
{
	uint64_t left;
	uint64_t reserve = atomic_load(&w->store->reserve);
	w->failed = true; /* unless all of it is written */
	if (store_sys_free(w->store->dir_fd, &left) != 0)
		return err_set(e, ERR_IO, errno, "measure the volume");
	if (left < reserve || left - reserve < n)
		return err_set(e, ERR_FULL, 0,
		    "write an object: the disk's reserve is reached");
	if (store_sys_write(w->fd, p, n) != 0)
		return err_set(e, store_code_of(errno), errno,
		    "write an object");
	w->failed = false;
	return 0;
}

static int
flush(struct store_writer *w, struct err *e)
{
	if (w->fill == 0)
		return 0;
	int rc = put(w, w->buf, w->fill, e);
	w->fill = 0;
	return rc;
}

struct store_writer *
store_begin(struct store *s, const char *class_uid, const char *instance_uid,
    const char *syntax, struct err *e)
{
	if (!uid_is_valid(class_uid) || !uid_is_valid(instance_uid) ||
	    !uid_is_valid(syntax)) {
		(void)err_set(e, ERR_INVAL, 0,
		    "begin an object: want valid UIDs"); /* NULL says it */
		return NULL;
	}
	struct store_writer *w = take_writer(s, e);
	if (w == NULL)
		return NULL;
	w->store = s;
	w->length = 0;
	w->failed = false;
	(void)str_copy(w->instance_uid, sizeof(w->instance_uid),
	    instance_uid); /* fits, it is valid */
	(void)XXH3_128bits_reset(w->hash); /* fails for NULL only */
	struct buf b;
	buf_init(&b, STORE_HEADER_MAX);
	add_head(&b, class_uid, instance_uid, syntax, true);
	assert(!b.failed && b.len % 2 == 0);
	w->offset = (uint32_t)b.len;
	w->seal_at = w->offset - STORE_SEAL_BYTES;
	memcpy(w->buf, b.p, b.len);
	w->fill = b.len;
	buf_done(&b);
	if (open_tmp(w, e) != 0)
		store_abort(&w);
	return w;
}

/* Count ${n} bytes as under way, if the quota allows them. */
static int
reserve_bytes(struct store_writer *w, size_t n, struct err *e)
{
	struct store *s = w->store;
	uint64_t limit = atomic_load(&s->limit);
	if (n > limits()->object_size - w->length)
		return err_set(e, ERR_PARSE, 0, "write an object: want at "
		    "most %llu bytes", (unsigned long long)
		    limits()->object_size);
	uint64_t writing = atomic_fetch_add(&s->writing, n) + n;
	uint64_t held = atomic_load(&s->held);
	if (held > limit || writing > limit - held) {
		atomic_fetch_sub(&s->writing, n);
		return err_set(e, ERR_FULL, 0,
		    "write an object: the cache's size is reached");
	}
	w->length += n;
	return 0;
}

int
store_write(struct store_writer *w, const void *p, size_t n, struct err *e)
{
	if (w->failed)
		return err_set(e, ERR_IO, 0, "write an object: it is broken");
	if (n == 0)
		return 0;
	if (reserve_bytes(w, n, e) != 0) {
		w->failed = true;
		return -1;
	}
	store_digest_more(w->hash, p, n);
	const uint8_t *q = p;
	if (n < BUFFER_BYTES) {
		size_t part = BUFFER_BYTES - w->fill;
		part = part < n ? part : n;
		memcpy(w->buf + w->fill, q, part);
		w->fill += part;
		q += part;
		n -= part;
		if (w->fill < BUFFER_BYTES)
			return 0;
	}
	if (flush(w, e) != 0)
		return -1;
	if (n >= BUFFER_BYTES)
		return put(w, q, n, e);
	memcpy(w->buf, q, n);
	w->fill = n;
	return 0;
}

const uint8_t *
store_peek(struct store_writer *w, size_t max, size_t *ret_n, struct err *e)
{
	void *base;
	size_t n = max < w->length ? max : (size_t)w->length;
	if (w->failed) {
		(void)err_set(e, ERR_IO, 0,
		    "read back an object: it is broken"); /* NULL says it */
		return NULL;
	}
	if (w->fill == w->offset + w->length) { /* most images: no byte left */
		*ret_n = n;
		return w->buf + w->offset;
	}
	if (flush(w, e) != 0 ||
	    store_map_fd(w->fd, w->offset + n, &base, e) != 0)
		return NULL;
	if (w->peek != NULL)
		(void)munmap(w->peek, w->peek_n); /* it is ours */
	w->peek = base;
	w->peek_n = w->offset + n;
	*ret_n = n;
	return (const uint8_t *)base + w->offset;
}

/* The object of that name is there already, open as ${fd}: the same? */
static int
compare(int fd, const struct stat *st, struct store_object *o, struct err *e)
{
	uint64_t size = (uint64_t)st->st_size;
	uint32_t offset = store_offset_of(fd, size);
	uint8_t digest[STORE_DIGEST_BYTES] = {0};
	void *base;
	bool same = offset != 0 && size - offset == o->length;
	if (same) {
		if (store_read_ahead(fd, size, e) != 0 ||
		    store_map_fd(fd, size, &base, e) != 0)
			return -1;
		store_digest(digest, (const uint8_t *)base + offset,
		    (size_t)o->length);
		(void)munmap(base, (size_t)size); /* it is ours */
		same = memcmp(digest, o->digest, sizeof(digest)) == 0;
	}
	if (!same)
		return err_set(e, ERR_CORRUPT, 0, "keep an object: conflict "
		    "with another content of the same UIDs");
	o->offset = offset;
	return 0;
}

/* Give the object its name unless it is taken; ${ret_fd} is then the one
 * which has it. One process has the folder, so a lock makes this atomic. */
static int
place(struct store_writer *w, int shard, const struct store_object *o,
    int *ret_fd, struct err *e)
{
	struct store *s = w->store;
	char name[STORE_FILE_NAME];
	int rc = 0;
	store_file_name(name, o->name);
	lock_acquire(&s->commit);
	*ret_fd = store_sys_open(shard, name, O_RDONLY | O_NONBLOCK, 0);
	if (*ret_fd == -1 && errno != ENOENT)
		rc = err_set(e, ERR_IO, errno, "look for an object");
	else if (*ret_fd == -1) {
		rc = store_sys_rename(s->tmp_fd, w->tmp, shard, name);
		if (rc != 0)
			rc = err_set(e, store_code_of(errno), errno,
			    "keep an object");
	}
	if (rc == 0)
		store_note_fresh_locked(s, o->name);
	lock_release(&s->commit);
	return rc;
}

static int
finish(struct store_writer *w, struct store_object *o, struct err *e)
{
	struct stat st;
	int old = -1;
	int rc = -1;
	int shard = store_shard(w->store, o->name, true, e);
	if (shard == -1 || place(w, shard, o, &old, e) != 0)
		goto out;
	if (old == -1) {
		w->tmp[0] = '\0';
		atomic_fetch_add(&w->store->held, o->length);
		store_pend(w->store, o->name);
		rc = 0;
	} else if (store_sys_stat(old, &st) != 0)
		rc = err_set(e, ERR_IO, errno, "look at an object");
	else
		rc = compare(old, &st, o, e);
out:
	store_sys_close(&old);
	store_sys_close(&shard);
	return rc;
}

int
store_commit(struct store_writer **pp, const char *study_uid,
    const char *series_uid, const char *instance_uid,
    struct store_object *ret, struct err *e)
{
	struct store_writer *w = *pp;
	*pp = NULL;
	int rc = -1;
	struct store_object o = {.length = w->length, .offset = w->offset};
	if (w->failed) {
		(void)err_set(e, ERR_IO, 0, "keep an object: it is broken");
		goto out; /* rc says it */
	}
	if (!uid_is_valid(study_uid) || !uid_is_valid(series_uid) ||
	    !str_eq(instance_uid, w->instance_uid)) {
		(void)err_set(e, ERR_INVAL, 0,
		    "keep an object: want the UIDs it was begun with");
		goto out; /* rc says it */
	}
	XXH128_canonical_t c;
	XXH128_canonicalFromHash(&c, XXH3_128bits_digest(w->hash));
	memcpy(o.digest, c.digest, sizeof(o.digest));
	if (seal(w, o.digest, e) != 0 || flush(w, e) != 0)
		goto out;
	store_name(o.name, study_uid, series_uid, instance_uid);
	rc = finish(w, &o, e);
	if (rc == 0)
		*ret = o;
out:
	writer_release(w);
	return rc;
}

void
store_abort(struct store_writer **pp)
{
	struct store_writer *w = *pp;
	*pp = NULL;
	if (w != NULL)
		writer_release(w);
}
