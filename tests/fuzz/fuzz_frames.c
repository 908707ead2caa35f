/* SPDX-License-Identifier: MIT */
/* Fuzzes where frames lie in pixel data: the first 12 bytes are the shape. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "wire/frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

struct seen {
	const uint8_t *p; /* the pixel data */
	size_t n;
	unsigned sum, pieces;
};

/* frames_fn */
static void
see(void *ctx, const struct frames_piece *piece)
{
	struct seen *s = ctx;
	assert(piece->at <= s->n && piece->n <= s->n - piece->at);
	for (uint64_t i = 0; i < piece->n; i++)
		s->sum += s->p[piece->at + i]; /* all ours to read */
	s->pieces++;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct cur c = cur_of(p, n);
	struct frames_shape shape = {.rows = cur_u16le(&c),
	    .columns = cur_u16le(&c), .samples = cur_u8(&c),
	    .bits_allocated = cur_u8(&c), .frames = cur_u32le(&c)};
	unsigned number = cur_u8(&c);
	shape.encapsulated = cur_u8(&c) % 2 == 1;
	struct err e;
	if (c.failed)
		return 0;
	struct seen s = {.p = p + c.at, .n = n - c.at};
	int rc = frames_find(&shape, s.p, s.n, number, see, &s, &e);
	assert(rc == 1 ? s.pieces > 0 : s.pieces == 0);
	assert(rc != -1 || e.code == ERR_PARSE);
	return 0;
}
