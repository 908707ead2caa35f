/* SPDX-License-Identifier: MIT */
/* A sorted list of attributes, each one heap block: value, NUL, raw bytes. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "wire/attrs.h"

#define BLOB_VERSION 1
#define RAW_IS_VALUE UINT32_MAX /* in a blob: the raw bytes are the value's */

const char *
tag_vr(uint32_t tag)
{
	switch (tag) {
#define TAG_CASE(id, g, el, vr) \
	case TAG(g, el): \
		return vr;
		TAGS(TAG_CASE)
#undef TAG_CASE
	default:
		return "UN";
	}
}

void
attrs_init(struct attrs *as)
{
	*as = (struct attrs){.a = NULL};
}

void
attrs_done(struct attrs *as)
{
	for (unsigned i = 0; i < as->n; i++)
		mem_free(as->a[i].value); /* and the raw bytes behind it */
	mem_free(as->a);
	attrs_init(as);
}

/* Where ${tag} stands, or would. */
static unsigned
place_of(const struct attrs *as, uint32_t tag)
{
	unsigned lo = 0;
	unsigned hi = as->n;
	/* most data sets come sorted: look at the end first */
	if (hi > 0 && as->a[hi - 1].tag < tag)
		return hi;
	while (lo < hi) {
		unsigned mid = lo + (hi - lo) / 2;
		if (as->a[mid].tag < tag)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool
stands_at(const struct attrs *as, unsigned i, uint32_t tag)
{
	return i < as->n && as->a[i].tag == tag;
}

/* Open an empty place at ${i}. The array doubles at 0, 8, 16, 32 ... */
static void
open_place(struct attrs *as, unsigned i)
{
	unsigned n = as->n;
	if (n == 0 || (n >= 8 && (n & (n - 1)) == 0))
		as->a = mem_grow(as->a, n == 0 ? 8 : (size_t)n * 2,
		    sizeof(*as->a));
	memmove(as->a + i + 1, as->a + i, (n - i) * sizeof(*as->a));
	as->a[i] = (struct attr){.tag = 0};
	as->n++;
}

/* What of one attribute is copied. */
struct source {
	const char *vr;
	const char *value;
	size_t value_n;
	const void *raw; /* NULL: the bytes of the value */
	size_t raw_n;
};

static int
set(struct attrs *as, uint32_t tag, const struct source *s, struct err *e)
{
	const void *raw = s->raw == NULL ? s->value : s->raw;
	size_t raw_n = s->raw == NULL ? s->value_n : s->raw_n;
	unsigned i = place_of(as, tag);
	bool is_new = !stands_at(as, i, tag);
	if (is_new && as->n >= ATTRS_MAX)
		return err_set(e, ERR_PARSE, 0,
		    "attributes: want at most %d, have more", ATTRS_MAX);
	if (s->value_n > ATTR_VALUE_MAX || raw_n > ATTR_VALUE_MAX)
		return err_set(e, ERR_PARSE, 0,
		    "attribute %08x: want at most %d bytes, have %zu",
		    (unsigned)tag, ATTR_VALUE_MAX,
		    s->value_n > raw_n ? s->value_n : raw_n);

	char *block = mem_try(s->value_n + 1 + raw_n, e);
	if (block == NULL)
		return -1;
	memcpy(block, s->value, s->value_n);
	if (raw_n > 0)
		memcpy(block + s->value_n + 1, raw, raw_n);
	if (is_new)
		open_place(as, i);
	mem_free(as->a[i].value);
	as->a[i] = (struct attr){
	    .tag = tag,
	    .value = block,
	    .raw_n = (uint32_t)raw_n,
	    .raw = (uint8_t *)block + s->value_n + 1,
	};
	(void)str_copy(as->a[i].vr, sizeof(as->a[i].vr), s->vr); /* 2 long */
	return 0;
}

int
attrs_set(struct attrs *as, uint32_t tag, const char *vr, const char *value,
    const void *raw, size_t raw_n, struct err *e)
{
	struct source s = {
	    .vr = vr,
	    .value = value,
	    .value_n = strlen(value),
	    .raw = raw,
	    .raw_n = raw_n,
	};
	return set(as, tag, &s, e);
}

void
attrs_put(struct attrs *as, uint32_t tag, const char *value)
{
	struct err e;
	(void)attrs_set(as, tag, tag_vr(tag), value, NULL, 0,
	    &e); /* the door: our own answers stay below the limits */
}

void
attrs_putf(struct attrs *as, uint32_t tag, const char *fmt, ...)
{
	va_list ap;
	va_list again;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n >= 0) {
		char *value = mem_new_n(char, (size_t)n + 1);
		(void)vsnprintf(value, (size_t)n + 1, fmt,
		    again); /* measured above */
		attrs_put(as, tag, value);
		mem_free(value);
	}
	va_end(again);
}

const struct attr *
attrs_get(const struct attrs *as, uint32_t tag)
{
	unsigned i = place_of(as, tag);
	return stands_at(as, i, tag) ? &as->a[i] : NULL;
}

const char *
attrs_value(const struct attrs *as, uint32_t tag)
{
	const struct attr *a = attrs_get(as, tag);
	return a == NULL ? "" : a->value;
}

void
attrs_merge(struct attrs *as, const struct attrs *from)
{
	struct err e;
	if (as->n == 0) {
		memcpy(as->charset, from->charset, sizeof(as->charset));
		as->guessed = from->guessed;
	}
	for (unsigned i = 0; i < from->n; i++) {
		const struct attr *a = &from->a[i];
		if (attrs_get(as, a->tag) == NULL)
			(void)attrs_set(as, a->tag, a->vr, a->value, a->raw,
			    a->raw_n, &e); /* full: what is here stays */
	}
}

void
attrs_format(struct buf *b, const struct attrs *as)
{
	size_t charset_n = strlen(as->charset);
	buf_add_u8(b, BLOB_VERSION);
	buf_add_u8(b, as->guessed ? 1 : 0);
	buf_add_u8(b, (uint8_t)charset_n);
	buf_add(b, as->charset, charset_n);
	buf_add_u16le(b, (uint16_t)as->n);
	for (unsigned i = 0; i < as->n; i++) {
		const struct attr *a = &as->a[i];
		size_t n = strlen(a->value);
		bool same = a->raw_n == n && memcmp(a->raw, a->value, n) == 0;
		buf_add_u32le(b, a->tag);
		buf_add(b, a->vr, 2);
		buf_add_u32le(b, (uint32_t)n);
		buf_add(b, a->value, n);
		buf_add_u32le(b, same ? RAW_IS_VALUE : a->raw_n);
		if (!same)
			buf_add(b, a->raw, a->raw_n);
	}
}

/* Read one attribute of a blob, which must come after ${*last}. */
static int
parse_one(struct cur *c, uint64_t *last, struct attrs *ret, struct err *e)
{
	uint32_t tag = cur_u32le(c);
	const uint8_t *vr = cur_take(c, 2);
	size_t value_n = cur_u32le(c);
	const uint8_t *value = cur_take(c, value_n);
	uint32_t raw_n = cur_u32le(c);
	const uint8_t *raw = NULL;
	if (raw_n != RAW_IS_VALUE)
		raw = cur_take(c, raw_n);
	if (c->failed)
		return err_set(e, ERR_CORRUPT, 0, "attributes: end too early");
	if (tag < *last)
		return err_set(e, ERR_CORRUPT, 0,
		    "attributes: want ascending tags, have %08x",
		    (unsigned)tag);
	if (!str_is_utf8((const char *)value, value_n))
		return err_set(e, ERR_CORRUPT, 0,
		    "attribute %08x: want UTF-8", (unsigned)tag);
	*last = (uint64_t)tag + 1;

	char name[3] = {(char)vr[0], (char)vr[1], '\0'};
	struct source s = {
	    .vr = name,
	    .value = (const char *)value,
	    .value_n = value_n,
	    .raw = raw,
	    .raw_n = raw_n,
	};
	if (set(ret, tag, &s, e) == 0)
		return 0;
	if (e->code == ERR_PARSE)
		e->code = ERR_CORRUPT;
	return -1;
}

int
attrs_parse(const void *p, size_t n, struct attrs *ret, struct err *e)
{
	struct cur c = cur_of(p, n);
	struct attrs as;
	uint64_t last = 0;
	int rc = -1;

	attrs_init(&as);
	unsigned version = cur_u8(&c);
	as.guessed = cur_u8(&c) != 0;
	size_t charset_n = cur_u8(&c);
	const uint8_t *charset = cur_take(&c, charset_n);
	unsigned count = cur_u16le(&c);
	if (c.failed || version != BLOB_VERSION ||
	    charset_n >= sizeof(as.charset) || count > ATTRS_MAX) {
		(void)err_set(e, ERR_CORRUPT, 0,
		    "attributes: want version %d, have %u", BLOB_VERSION,
		    version); /* returned below */
		goto out;
	}
	memcpy(as.charset, charset, charset_n);
	for (unsigned i = 0; i < count; i++)
		if (parse_one(&c, &last, &as, e) == -1)
			goto out;
	if (cur_left(&c) != 0) {
		(void)err_set(e, ERR_CORRUPT, 0,
		    "attributes: want an end, have %zu bytes more",
		    cur_left(&c)); /* returned below */
		goto out;
	}
	*ret = as;
	attrs_init(&as); /* the caller owns them now */
	rc = 0;
out:
	attrs_done(&as);
	return rc;
}
