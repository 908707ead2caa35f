/* SPDX-License-Identifier: MIT
 *
 * frames: where the frames of an image lie in its pixel data (PS3.5 8, A.4).
 * Called on any thread; pure, bounded, no recursion.
 * Never decodes: a compressed frame is its bitstream as stored.
 */
#ifndef WIRE_FRAMES_H
#define WIRE_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define FRAMES_MAX 100000 /* of one object */

/* what an image says of itself */
struct frames_shape {
	unsigned rows, columns, samples, bits_allocated;
	unsigned frames; /* (0028,0008), 1 when absent */
	bool encapsulated; /* the syntax is a compressed one */
	bool big_endian;
};

/* One piece of a frame: bytes from ${at} of the pixel data value on. */
struct frames_piece {
	uint64_t at, n;
};

/* The pieces of frame ${number} (from 1) in the value of the pixel data of
 * ${n} bytes: one when native, the fragments' contents when encapsulated (by
 * the Basic Offset Table in the first item; where that is empty or wrong, one
 * fragment a frame, or all fragments of the only frame). The delimiter at the
 * end may be there or not. Calls ${fn} in order. 1 = told, 0 = there is no
 * such frame, -1 = the pixel data is not what the shape says (ERR_PARSE).
 * Native 1-bit frames that begin inside a byte are -1 too. */
typedef void frames_fn(void *ctx, const struct frames_piece *piece);
int frames_find(const struct frames_shape *shape, const void *p, size_t n,
    unsigned number, frames_fn *fn, void *ctx, struct err *e);

#endif
