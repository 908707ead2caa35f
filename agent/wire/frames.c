/* SPDX-License-Identifier: MIT */
/* Where frames lie in pixel data: PS3.5 8.1.1 native, A.4 in fragments. */
#include "base/buf.h"
#include "wire/frames.h"

#define TAG_ITEM 0xFFFEE000
#define TAG_SEQUENCE_END 0xFFFEE0DD
#define HEAD 8 /* bytes of an item's header */
#define WORD_MAX 65535 /* rows, columns ... are US */

struct fragments {
	const uint8_t *p;
	size_t n; /* without the delimiter, which may be missing */
	size_t table_at, table_n; /* the Basic Offset Table */
	size_t first; /* header of the first fragment */
};

static int
broken(const char *what, size_t at, struct err *e)
{
	return err_set(e, ERR_PARSE, 0, "pixel data: want %s at %zu", what,
	    at);
}

/* The item at ${at}: where the next begins; 0 when it is none. */
static size_t
item(const struct fragments *f, size_t at, bool *ret_last)
{
	if (f->n - at < HEAD)
		return 0;
	struct cur c = cur_of(f->p + at, f->n - at);
	uint32_t tag = (uint32_t)cur_u16le(&c) << 16;
	tag |= cur_u16le(&c);
	uint32_t n = cur_u32le(&c);
	*ret_last = tag == TAG_SEQUENCE_END;
	if (*ret_last)
		return at + HEAD;
	return tag == TAG_ITEM && n <= cur_left(&c) ? at + HEAD + n : 0;
}

/* Tell the contents of the items from ${at} to ${end}, both headers'
 * places; first only look. 1, or 0 when ${end} is no header's place. */
static int
tell(const struct fragments *f, size_t at, size_t end, frames_fn *fn,
    void *ctx)
{
	for (int pass = 0; pass < 2; pass++) {
		size_t next = at;
		while (next < end) {
			bool last = false;
			size_t begin = next + HEAD;
			next = item(f, next, &last);
			if (next == 0 || last || next > end)
				return 0;
			struct frames_piece piece = {begin, next - begin};
			if (pass == 1)
				fn(ctx, &piece);
		}
	}
	return 1;
}

static uint32_t
table_entry(const struct fragments *f, size_t i)
{
	struct cur c = cur_of(f->p + f->table_at + 4 * i, 4);
	return cur_u32le(&c);
}

/* By the table, whose offsets count from the first fragment's header. 1, or
 * 0 when it is not to be trusted: too short a field for much data, and not
 * all writers fill it in well. */
static int
by_table(const struct fragments *f, const struct frames_shape *shape,
    unsigned number, frames_fn *fn, void *ctx)
{
	size_t room = f->n - f->first;
	if (f->table_n != 4 * (size_t)shape->frames ||
	    table_entry(f, 0) != 0)
		return 0;
	size_t from = table_entry(f, number - 1);
	size_t to = number == shape->frames ? room : table_entry(f, number);
	if (from >= to || to > room)
		return 0;
	return tell(f, f->first + from, f->first + to, fn, ctx);
}

/* Without a table: all fragments when there is one frame, else each. */
static int
by_order(const struct fragments *f, unsigned frames, unsigned number,
    frames_fn *fn, void *ctx, struct err *e)
{
	size_t found = 0;
	unsigned count = 0;
	for (size_t at = f->first; at < f->n; count++) {
		bool last = false;
		if (count == number - 1)
			found = at;
		size_t next = item(f, at, &last);
		if (next == 0 || last)
			return broken("a fragment", at, e);
		at = next;
	}
	if (count == 0 || (frames > 1 && count != frames))
		return err_set(e, ERR_PARSE, 0, "pixel data: want %u frames "
		    "and an offset table, have %u fragments", frames, count);
	if (frames == 1)
		return tell(f, f->first, f->n, fn, ctx);
	bool last = false;
	return tell(f, found, item(f, found, &last), fn, ctx);
}

static int
find_encapsulated(const struct frames_shape *shape, struct fragments *f,
    unsigned number, frames_fn *fn, void *ctx, struct err *e)
{
	bool last = false;
	size_t next = item(f, 0, &last);
	if (next == 0 || last)
		return broken("an offset table", 0, e);
	f->table_at = HEAD;
	f->table_n = next - HEAD;
	f->first = next;
	if (by_table(f, shape, number, fn, ctx) == 1)
		return 1;
	return by_order(f, shape->frames, number, fn, ctx, e);
}

/* The delimiter at the end is no part of it (PS3.5 A.4). */
static size_t
without_delimiter(const uint8_t *p, size_t n)
{
	static const uint8_t end[HEAD] = {0xFE, 0xFF, 0xDD, 0xE0};
	if (n < HEAD)
		return n;
	for (size_t i = 0; i < HEAD; i++)
		if (p[n - HEAD + i] != end[i])
			return n;
	return n - HEAD;
}

static int
find_native(const struct frames_shape *s, size_t n, unsigned number,
    frames_fn *fn, void *ctx, struct err *e)
{
	if (s->rows > WORD_MAX || s->columns > WORD_MAX ||
	    s->samples > WORD_MAX || s->bits_allocated > WORD_MAX)
		return err_set(e, ERR_PARSE, 0,
		    "pixel data: want 16-bit numbers in its shape");
	uint64_t bits = (uint64_t)s->rows * s->columns * s->samples *
	    s->bits_allocated; /* less than 2^64 */
	if (bits == 0 || bits / 8 > n / s->frames)
		return err_set(e, ERR_PARSE, 0, "pixel data: want %u frames "
		    "of %llu bits, have %zu bytes", s->frames,
		    (unsigned long long)bits, n);
	/* frames follow each other without padding, PS3.5 8.1.1 */
	uint64_t begin = bits * (number - 1);
	uint64_t end = (begin + bits + 7) / 8;
	if (begin % 8 != 0 || (bits * s->frames + 7) / 8 > n)
		return err_set(e, ERR_PARSE, 0, "pixel data: want frame %u "
		    "in whole bytes, have %llu bits a frame in %zu bytes",
		    number, (unsigned long long)bits, n);
	struct frames_piece piece = {begin / 8, end - begin / 8};
	fn(ctx, &piece);
	return 1;
}

int
frames_find(const struct frames_shape *shape, const void *p, size_t n,
    unsigned number, frames_fn *fn, void *ctx, struct err *e)
{
	struct fragments f = {.p = p, .n = n};
	if (shape->frames > FRAMES_MAX)
		return err_set(e, ERR_PARSE, 0,
		    "pixel data: want at most %d frames, have %u",
		    FRAMES_MAX, shape->frames);
	if (number == 0 || number > shape->frames)
		return 0;
	if (!shape->encapsulated)
		return find_native(shape, n, number, fn, ctx, e);
	f.n = without_delimiter(p, n);
	return find_encapsulated(shape, &f, number, fn, ctx, e);
}
