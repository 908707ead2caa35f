/* SPDX-License-Identifier: MIT */
/* Bounded bytes and a cursor that cannot overrun. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

void
buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){.max = max};
}

void
buf_done(struct buf *b)
{
	mem_free(b->p);
	*b = (struct buf){.max = b->max};
}

void
buf_clear(struct buf *b)
{
	b->len = 0;
	b->failed = false;
}

/* Make room for ${n} more bytes and one NUL beyond them. */
static bool
make_room(struct buf *b, size_t n)
{
	if (b->failed || n > b->max - b->len) {
		b->failed = true;
		return false;
	}
	size_t need = b->len + n + 1;
	if (need <= b->cap)
		return true;
	size_t cap = b->cap == 0 ? 256 : b->cap;
	while (cap < need)
		cap *= 2;
	b->p = mem_grow(b->p, cap, 1);
	b->cap = cap;
	return true;
}

void
buf_add(struct buf *b, const void *p, size_t n)
{
	if (!make_room(b, n) || n == 0)
		return;
	memcpy(b->p + b->len, p, n);
	b->len += n;
}

void
buf_add_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void
buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	va_list again;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		b->failed = true;
	else if (make_room(b, (size_t)n)) {
		(void)vsnprintf((char *)b->p + b->len, (size_t)n + 1, fmt,
		    again); /* measured above */
		b->len += (size_t)n;
	}
	va_end(again);
}

void
buf_add_u8(struct buf *b, uint8_t v)
{
	buf_add(b, &v, 1);
}

void
buf_add_u16be(struct buf *b, uint16_t v)
{
	uint8_t q[2] = {(uint8_t)(v >> 8), (uint8_t)v};
	buf_add(b, q, sizeof(q));
}

void
buf_add_u32be(struct buf *b, uint32_t v)
{
	uint8_t q[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16),
	    (uint8_t)(v >> 8), (uint8_t)v};
	buf_add(b, q, sizeof(q));
}

void
buf_add_u16le(struct buf *b, uint16_t v)
{
	uint8_t q[2] = {(uint8_t)v, (uint8_t)(v >> 8)};
	buf_add(b, q, sizeof(q));
}

void
buf_add_u32le(struct buf *b, uint32_t v)
{
	uint8_t q[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16),
	    (uint8_t)(v >> 24)};
	buf_add(b, q, sizeof(q));
}

void
buf_add_u64le(struct buf *b, uint64_t v)
{
	uint8_t q[8];
	for (int i = 0; i < 8; i++)
		q[i] = (uint8_t)(v >> (8 * i));
	buf_add(b, q, sizeof(q));
}

void
buf_fill(struct buf *b, uint8_t v, size_t n)
{
	if (!make_room(b, n) || n == 0)
		return;
	memset(b->p + b->len, v, n);
	b->len += n;
}

void
buf_put_u16be(struct buf *b, size_t at, uint16_t v)
{
	if (b->failed)
		return;
	assert(at + 2 <= b->len);
	b->p[at] = (uint8_t)(v >> 8);
	b->p[at + 1] = (uint8_t)v;
}

void
buf_put_u32be(struct buf *b, size_t at, uint32_t v)
{
	buf_put_u16be(b, at, (uint16_t)(v >> 16));
	buf_put_u16be(b, at + 2, (uint16_t)v);
}

void
buf_put_u32le(struct buf *b, size_t at, uint32_t v)
{
	if (b->failed)
		return;
	assert(at + 4 <= b->len);
	for (int i = 0; i < 4; i++)
		b->p[at + (size_t)i] = (uint8_t)(v >> (8 * i));
}

const char *
buf_str(struct buf *b)
{
	if (b->failed || !make_room(b, 0))
		return "";
	b->p[b->len] = '\0';
	return (const char *)b->p;
}

struct cur
cur_of(const void *p, size_t n)
{
	return (struct cur){.p = p, .len = n};
}

size_t
cur_left(const struct cur *c)
{
	return c->failed ? 0 : c->len - c->at;
}

const uint8_t *
cur_take(struct cur *c, size_t n)
{
	if (c->failed || n > c->len - c->at) {
		c->failed = true;
		return NULL;
	}
	const uint8_t *q = c->p + c->at;
	c->at += n;
	return q;
}

uint8_t
cur_u8(struct cur *c)
{
	const uint8_t *q = cur_take(c, 1);
	return q == NULL ? 0 : q[0];
}

uint16_t
cur_u16be(struct cur *c)
{
	const uint8_t *q = cur_take(c, 2);
	return q == NULL ? 0 : (uint16_t)(q[0] << 8 | q[1]);
}

uint32_t
cur_u32be(struct cur *c)
{
	const uint8_t *q = cur_take(c, 4);
	return q == NULL ? 0 : (uint32_t)q[0] << 24 | (uint32_t)q[1] << 16 |
	    (uint32_t)q[2] << 8 | q[3];
}

uint16_t
cur_u16le(struct cur *c)
{
	const uint8_t *q = cur_take(c, 2);
	return q == NULL ? 0 : (uint16_t)(q[1] << 8 | q[0]);
}

uint32_t
cur_u32le(struct cur *c)
{
	const uint8_t *q = cur_take(c, 4);
	return q == NULL ? 0 : (uint32_t)q[3] << 24 | (uint32_t)q[2] << 16 |
	    (uint32_t)q[1] << 8 | q[0];
}

uint64_t
cur_u64le(struct cur *c)
{
	const uint8_t *q = cur_take(c, 8);
	uint64_t v = 0;
	for (int i = 7; q != NULL && i >= 0; i--)
		v = v << 8 | q[i];
	return v;
}

struct cur
cur_sub(struct cur *c, size_t n)
{
	const uint8_t *q = cur_take(c, n);
	return q == NULL ? (struct cur){.failed = true} : cur_of(q, n);
}
