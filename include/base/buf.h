/* SPDX-License-Identifier: MIT
 *
 * buf: bytes that grow up to a stated maximum, and a cursor that reads them.
 * Called by every room; a buffer belongs to one thread at a time.
 * Owns its bytes. A buffer cannot exist without a maximum, and a cursor
 * never reads past its end: both remember the first failure ("sticky"), so
 * a parser may check once at its end.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	uint8_t *p;
	size_t len;
	size_t cap;
	size_t max; /* bytes; adding more fails and sets ${failed} */
	bool failed;
};

/* Make ${b} empty with room for at most ${max} bytes; allocates nothing. */
void buf_init(struct buf *b, size_t max);
/* Release the bytes; ${b} may be used again after buf_init. */
void buf_done(struct buf *b);
/* Forget the content and the failure, keep the memory. */
void buf_clear(struct buf *b);

/* Append; on overflow of ${max} nothing is appended and ${failed} is set. */
void buf_add(struct buf *b, const void *p, size_t n);
void buf_add_str(struct buf *b, const char *s);
void buf_addf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void buf_add_u8(struct buf *b, uint8_t v);
void buf_add_u16be(struct buf *b, uint16_t v);
void buf_add_u32be(struct buf *b, uint32_t v);
void buf_add_u16le(struct buf *b, uint16_t v);
void buf_add_u32le(struct buf *b, uint32_t v);
void buf_add_u64le(struct buf *b, uint64_t v);
void buf_fill(struct buf *b, uint8_t v, size_t n);
/* Overwrite 2 or 4 bytes at ${at} (which must lie inside), big or little. */
void buf_put_u16be(struct buf *b, size_t at, uint16_t v);
void buf_put_u32be(struct buf *b, size_t at, uint32_t v);
void buf_put_u32le(struct buf *b, size_t at, uint32_t v);
/* The content as a C string: appends a NUL that is not counted in len.
 * Borrowed until the next call; "" when the buffer failed. */
const char *buf_str(struct buf *b);

/* A reading position in borrowed bytes. */
struct cur {
	const uint8_t *p;
	size_t len;
	size_t at;
	bool failed; /* something was asked beyond the end */
};

struct cur cur_of(const void *p, size_t n);
size_t cur_left(const struct cur *c);
/* Read; 0 or NULL with ${failed} set when fewer bytes are left. */
uint8_t cur_u8(struct cur *c);
uint16_t cur_u16be(struct cur *c);
uint32_t cur_u32be(struct cur *c);
uint16_t cur_u16le(struct cur *c);
uint32_t cur_u32le(struct cur *c);
uint64_t cur_u64le(struct cur *c);
const uint8_t *cur_take(struct cur *c, size_t n);
/* A cursor over the next ${n} bytes, which are consumed here. */
struct cur cur_sub(struct cur *c, size_t n);

#endif
