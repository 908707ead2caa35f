/* SPDX-License-Identifier: MIT */
/* gzip put together from parts, RFC 1951 and RFC 1952. */
#include <stdbool.h>
#include <string.h>

#include <zlib.h>

#include "wire/gzpart.h"

#define LEVEL 1 /* made once an object while others wait: fast */
/* 16 KiB of window and little memory: setting up zlib's usual 256 KiB takes
 * longer than the text of a header, which compresses to the same size */
#define WINDOW_BITS 14
#define MEM_LEVEL 6
#define FLUSH_ROOM 16 /* bytes; the marker has 5, and one to see the end */
#define RATIO_MAX 1032 /* no deflate stream says more with a byte */
#define STORED_MAX 65535 /* bytes of a stored block, RFC 1951 3.2.4 */

/* zlib takes what it only reads without const, unless told otherwise. */
static Bytef *
input(const void *p)
{
	union {
		const void *from;
		Bytef *to;
	} u = {.from = p};
	return u.to;
}

/* Deflate all of ${z}'s input to the end of ${b}. */
static int
deflate_all(z_stream *z, struct buf *b, struct err *e)
{
	size_t before = b->len;
	size_t room = deflateBound(z, z->avail_in) + FLUSH_ROOM;
	buf_fill(b, 0, room);
	if (b->failed)
		return err_set(e, ERR_FULL, 0,
		    "deflate: want room for %zu bytes", room);
	z->next_out = b->p + before;
	z->avail_out = (uInt)room;
	int rc = deflate(z, Z_FULL_FLUSH);
	b->len -= z->avail_out;
	if (rc == Z_OK && z->avail_in == 0 && z->avail_out > 0)
		return 0;
	b->len = before;
	return err_set(e, ERR_IO, 0, "deflate: zlib says %d", rc);
}

int
gzpart_make(const void *text, size_t n, struct buf *b, uint32_t *ret_crc,
    struct err *e)
{
	z_stream z = {.next_in = input(text), .avail_in = (uInt)n};
	if (n > UINT32_MAX / 2)
		return err_set(e, ERR_INVAL, 0,
		    "deflate: want less than 2 GiB, have %zu bytes", n);
	if (deflateInit2(&z, LEVEL, Z_DEFLATED, -WINDOW_BITS, MEM_LEVEL,
	    Z_DEFAULT_STRATEGY) != Z_OK)
		return err_set(e, ERR_NOMEM, 0, "deflate: no memory");
	int rc = deflate_all(&z, b, e);
	(void)deflateEnd(&z); /* it says that no end was made: so it is */
	if (rc == 0)
		*ret_crc = (uint32_t)crc32(0, input(text), (uInt)n);
	return rc;
}

/* The marker of a flush, without which the next part would not be read. */
static bool
ends_well(const uint8_t *part, size_t n)
{
	static const uint8_t marker[] = {0, 0, 0xFF, 0xFF};
	return n >= sizeof(marker) &&
	    memcmp(part + n - sizeof(marker), marker, sizeof(marker)) == 0;
}

/* Whether ${z}'s input, all of it, is ${text_n} bytes of text, which go to
 * ${p}. */
static bool
inflate_all(z_stream *z, uint8_t *p, uint32_t text_n)
{
	Bytef more;
	z->next_out = p;
	z->avail_out = text_n;
	int rc = text_n == 0 ? Z_OK : inflate(z, Z_SYNC_FLUSH);
	if ((rc != Z_OK && rc != Z_BUF_ERROR) || z->avail_out > 0)
		return false;
	z->next_out = &more; /* the marker is left, which says nothing */
	z->avail_out = 1;
	rc = inflate(z, Z_SYNC_FLUSH);
	return (rc == Z_OK || rc == Z_BUF_ERROR) && z->avail_out == 1 &&
	    z->avail_in == 0;
}

int
gzpart_text(const void *part, size_t n, uint32_t text_n, struct buf *b,
    struct err *e)
{
	z_stream z = {.next_in = input(part), .avail_in = (uInt)n};
	size_t before = b->len;
	if (n > UINT32_MAX || text_n / RATIO_MAX > n || !ends_well(part, n))
		return err_set(e, ERR_CORRUPT, 0,
		    "inflate: want %u bytes of text, have %zu of a part",
		    (unsigned)text_n, n);
	buf_fill(b, 0, text_n);
	if (b->failed)
		return err_set(e, ERR_FULL, 0,
		    "inflate: want room for %u bytes", (unsigned)text_n);
	if (inflateInit2(&z, -MAX_WBITS) != Z_OK) {
		b->len = before;
		return err_set(e, ERR_NOMEM, 0, "inflate: no memory");
	}
	bool ok = inflate_all(&z, text_n == 0 ? NULL : b->p + before, text_n);
	(void)inflateEnd(&z); /* only fails for one that never began */
	if (ok)
		return 0;
	b->len = before;
	return err_set(e, ERR_CORRUPT, 0,
	    "inflate: want %u bytes of text in a part", (unsigned)text_n);
}

void
gzjoin_begin(struct gzjoin *g, struct buf *b)
{
	/* RFC 1952 2.3: deflate, no time, fastest, unknown system */
	static const uint8_t head[] = {0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 4, 0xFF};
	*g = (struct gzjoin){0};
	buf_add(b, head, sizeof(head));
}

void
gzjoin_part(struct gzjoin *g, struct buf *b, const void *part, size_t n,
    uint32_t text_n, uint32_t crc)
{
	buf_add(b, part, n);
	g->crc = (uint32_t)crc32_combine(g->crc, crc, (z_off_t)text_n);
	g->n += text_n;
}

void
gzjoin_text(struct gzjoin *g, struct buf *b, const char *text)
{
	size_t n = strlen(text);
	for (size_t at = 0; at < n;) {
		size_t take = n - at < STORED_MAX ? n - at : STORED_MAX;
		buf_add_u8(b, 0); /* not the last, stored */
		buf_add_u16le(b, (uint16_t)take);
		buf_add_u16le(b, (uint16_t)~take);
		buf_add(b, text + at, take);
		g->crc = (uint32_t)crc32(g->crc, input(text + at), (uInt)take);
		at += take;
	}
	g->n += n;
}

void
gzjoin_end(struct gzjoin *g, struct buf *b)
{
	buf_add(b, "\x03\x00", 2); /* the last block, with nothing in it */
	buf_add_u32le(b, g->crc);
	buf_add_u32le(b, (uint32_t)g->n); /* modulo 2^32, RFC 1952 2.3.1 */
}
