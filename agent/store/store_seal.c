/* SPDX-License-Identifier: MIT */
/* What a file tells of itself: with its seal it proves to be whole, without
 * an index. */
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "store/store_priv.h"
#include "wire/part10.h"

/* The head of the mapped file: what it is, and the digest it must have. */
static bool
read_seal(const uint8_t *p, size_t n, struct store_item *ret)
{
	struct part10 f;
	size_t at = n < PART10_FIRST ? 0 : part10_data_at(p);
	if (at == 0 || at > n || at > STORE_HEADER_MAX ||
	    !part10_read(p, at, &f) ||
	    !str_eq(f.creator, UID_IMPLEMENTATION) ||
	    f.private_n != STORE_SEAL_BYTES)
		return false;
	struct cur c = cur_of(f.private_p + STORE_DIGEST_BYTES, 8);
	ret->object.offset = (uint32_t)at;
	ret->object.length = cur_u64le(&c);
	memcpy(ret->object.digest, f.private_p, STORE_DIGEST_BYTES);
	(void)str_copy(ret->class_uid, UID_SIZE, f.class_uid); /* valid */
	(void)str_copy(ret->instance_uid, UID_SIZE, f.instance_uid);
	(void)str_copy(ret->syntax, UID_SIZE, f.syntax);
	return ret->object.length == n - at;
}

int
store_unseal(struct store *s, const uint8_t name[STORE_NAME_BYTES],
    struct store_item *ret, struct store_map *ret_map, struct err *e)
{
	struct stat st;
	uint8_t digest[STORE_DIGEST_BYTES];
	void *base = NULL;
	int fd = store_open_object(s, name, &st, e);
	if (fd == -1)
		return -1;
	size_t n = (size_t)st.st_size;
	int rc = n == 0 ? err_set(e, ERR_CORRUPT, 0, "unseal an object: it "
	    "is empty") : store_read_ahead(fd, n, e);
	if (rc == 0)
		rc = store_map_fd(fd, n, &base, e);
	store_sys_close(&fd);
	if (rc != 0)
		return -1;
	*ret = (struct store_item){.object = {.length = 0}};
	memcpy(ret->object.name, name, STORE_NAME_BYTES);
	*ret_map = (struct store_map){.base = base, .base_n = n};
	if (!read_seal(base, n, ret)) {
		store_unmap(ret_map);
		return err_set(e, ERR_CORRUPT, 0,
		    "unseal an object: its seal does not fit");
	}
	ret_map->p = (const uint8_t *)base + ret->object.offset;
	ret_map->n = (size_t)ret->object.length;
	store_digest(digest, ret_map->p, ret_map->n);
	if (memcmp(digest, ret->object.digest, sizeof(digest)) == 0)
		return 0;
	store_unmap(ret_map);
	return err_set(e, ERR_CORRUPT, 0,
	    "unseal an object: its digest does not hold");
}
