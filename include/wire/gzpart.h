/* SPDX-License-Identifier: MIT
 *
 * gzpart: gzip (RFC 1952) put together from parts that were deflated before,
 * so that a long answer need not be compressed while somebody waits.
 * Called on any thread; pure.
 * Never inflates more than it is told to expect.
 *
 * DESIGN  A part ends with a full flush: on a byte boundary, with no
 * reference from one part to another, no final block. A gzip stream is head,
 * parts, a final empty block, CRC (crc32_combine) and length.
 */
#ifndef WIRE_GZPART_H
#define WIRE_GZPART_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* Append ${n} bytes of text as a part; its CRC to ${ret_crc}. */
int gzpart_make(const void *text, size_t n, struct buf *b, uint32_t *ret_crc,
    struct err *e);
/* Append the text of a part, which has ${text_n} bytes; ERR_CORRUPT when it
 * has not. */
int gzpart_text(const void *part, size_t n, uint32_t text_n, struct buf *b,
    struct err *e);

/* A stream under way. */
struct gzjoin {
	uint32_t crc;
	uint64_t n; /* bytes of text so far */
};
void gzjoin_begin(struct gzjoin *g, struct buf *b);
/* Append a part; append short text that is no part, stored as it is. */
void gzjoin_part(struct gzjoin *g, struct buf *b, const void *part, size_t n,
    uint32_t text_n, uint32_t crc);
void gzjoin_text(struct gzjoin *g, struct buf *b, const char *text);
void gzjoin_end(struct gzjoin *g, struct buf *b);

#endif
