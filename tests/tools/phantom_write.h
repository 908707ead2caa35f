/* SPDX-License-Identifier: MIT */
/* Part of phantom: elements in Explicit VR Little Endian (PS3.5 7.1.2), UIDs
 * that follow from a purpose, and Part 10 files (PS3.10 7.1). */
#ifndef PHANTOM_WRITE_H
#define PHANTOM_WRITE_H

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "base/uid.h"

#define PATH_SIZE 1024 /* bytes; a longer OUTDIR is refused */
#define HEADER_MAX 16384 /* bytes of all elements before the pixels */
#define SYNTAX_EXPLICIT_LE "1.2.840.10008.1.2.1"

/* The elements of one object so far; tags must rise (PS3.5 7.1). */
struct elements {
	struct buf b;
	uint32_t last;
};

static void
elements_init(struct elements *el)
{
	buf_init(&el->b, HEADER_MAX);
	el->last = 0;
}

static bool
has_long_length(const char *vr)
{
	return strcmp(vr, "OB") == 0 || strcmp(vr, "OW") == 0;
}

static void
put_head(struct elements *el, uint32_t tag, const char *vr, uint32_t len)
{
	assert(tag > el->last);
	assert(len % 2 == 0);
	el->last = tag;
	buf_add_u16le(&el->b, (uint16_t)(tag >> 16));
	buf_add_u16le(&el->b, (uint16_t)tag);
	buf_add(&el->b, vr, 2);
	if (has_long_length(vr)) {
		buf_add_u16le(&el->b, 0);
		buf_add_u32le(&el->b, len);
	} else {
		assert(len < 0xffff);
		buf_add_u16le(&el->b, (uint16_t)len);
	}
}

/* A text or UID value, padded to an even length (PS3.5 6.2). */
static void
put_str(struct elements *el, uint32_t tag, const char *vr, const char *value)
{
	size_t n = strlen(value);
	put_head(el, tag, vr, (uint32_t)(n + n % 2));
	buf_add(&el->b, value, n);
	if (n % 2 != 0)
		buf_add_u8(&el->b, strcmp(vr, "UI") == 0 ? '\0' : ' ');
}

static void put_f(struct elements *el, uint32_t tag, const char *vr,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static void
put_f(struct elements *el, uint32_t tag, const char *vr, const char *fmt, ...)
{
	char value[256];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	assert(n >= 0 && (size_t)n < sizeof(value));
	put_str(el, tag, vr, value);
}

static void
put_us(struct elements *el, uint32_t tag, unsigned value)
{
	put_head(el, tag, "US", 2);
	buf_add_u16le(&el->b, (uint16_t)value);
}

/* An attribute tag as value. */
static void
put_at(struct elements *el, uint32_t tag, uint32_t value)
{
	put_head(el, tag, "AT", 4);
	buf_add_u16le(&el->b, (uint16_t)(value >> 16));
	buf_add_u16le(&el->b, (uint16_t)value);
}

static uint64_t
mix64(uint64_t v)
{
	v ^= v >> 30;
	v *= UINT64_C(0xbf58476d1ce4e5b9);
	v ^= v >> 27;
	v *= UINT64_C(0x94d049bb133111eb);
	return v ^ v >> 31;
}

static uint64_t
hash_text(uint64_t h, const char *text)
{
	for (const char *p = text; *p != '\0'; p++)
		h = (h ^ (unsigned char)*p) * UINT64_C(0x100000001b3);
	return mix64(h);
}

/* The 128 bits ${v} as the decimal component of a UID (PS3.5 B.2). */
static void
format_uuid(char dst[UID_SIZE], uint8_t v[16])
{
	char digits[40] = "";
	unsigned n = 0;
	bool more = true;
	while (more) {
		unsigned rest = 0;
		more = false;
		for (int i = 0; i < 16; i++) {
			unsigned cur = rest << 8 | v[i];
			v[i] = (uint8_t)(cur / 10);
			rest = cur % 10;
			more = more || v[i] != 0;
		}
		digits[n++] = (char)('0' + rest);
	}
	(void)str_copy(dst, UID_SIZE, "2.25."); /* always fits */
	size_t at = strlen(dst);
	while (n > 0)
		dst[at++] = digits[--n];
	dst[at] = '\0';
}

/* The UID for ${purpose}: equal for equal seeds, days and purposes. The day
 * takes part because the dates inside the objects follow it. */
static void
make_uid(char dst[UID_SIZE], uint64_t seed, const char *purpose)
{
	uint64_t high = hash_text(seed ^ UINT64_C(0xcbf29ce484222325), purpose);
	uint64_t low = hash_text(high ^ seed, purpose);
	uint8_t v[16];
	for (int i = 0; i < 8; i++) {
		v[i] = (uint8_t)(high >> (56 - 8 * i));
		v[8 + i] = (uint8_t)(low >> (56 - 8 * i));
	}
	v[6] = (uint8_t)((v[6] & 0x0f) | 0x80); /* RFC 9562 5.8: our own form */
	v[8] = (uint8_t)((v[8] & 0x3f) | 0x80);
	format_uuid(dst, v);
}

/* Make ${path} and what is missing above it. */
static int
make_dirs(const char *path, struct err *e)
{
	char part[PATH_SIZE];
	if (!str_copy(part, sizeof(part), path))
		return err_set(e, ERR_INVAL, 0, "folder: want a shorter path");
	for (char *p = part + 1; *p != '\0'; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		(void)mkdir(part, 0777); /* the last one tells */
		*p = '/';
	}
	if (mkdir(part, 0777) != 0 && errno != EEXIST)
		return err_set(e, ERR_IO, errno, "make '%s'", part);
	return 0;
}

static void
put_meta(struct elements *meta, const char *sop_class, const char *instance)
{
	put_head(meta, 0x00020000, "UL", 4);
	size_t at = meta->b.len;
	buf_add_u32le(&meta->b, 0);
	put_head(meta, 0x00020001, "OB", 2);
	buf_add(&meta->b, "\0\1", 2);
	put_str(meta, 0x00020002, "UI", sop_class);
	put_str(meta, 0x00020003, "UI", instance);
	put_str(meta, 0x00020010, "UI", SYNTAX_EXPLICIT_LE);
	put_str(meta, 0x00020012, "UI", UID_IMPLEMENTATION);
	put_str(meta, 0x00020013, "SH", UID_VERSION_NAME);
	buf_put_u32le(&meta->b, at, (uint32_t)(meta->b.len - at - 4));
}

/* What goes into one file: ${el} ends with the head of the pixel data, whose
 * value is ${frame} of ${frame_bytes}, ${frames} times over with its first
 * four bytes counting up, so that no two frames are equal. */
struct part10 {
	const char *path, *sop_class, *instance;
	const struct elements *el;
	uint8_t *frame;
	size_t frame_bytes;
	unsigned frames;
};

static bool
write_frames(FILE *f, const struct part10 *p)
{
	for (unsigned i = 0; i < p->frames; i++) {
		for (int k = 0; k < 4 && p->frames > 1; k++)
			p->frame[k] = (uint8_t)(i >> 8 * k);
		if (fwrite(p->frame, 1, p->frame_bytes, f) != p->frame_bytes)
			return false;
	}
	return true;
}

static int
write_part10(const struct part10 *p, struct err *e)
{
	static const uint8_t preamble[132] = { [128] = 'D', 'I', 'C', 'M' };
	struct elements meta;
	elements_init(&meta);
	put_meta(&meta, p->sop_class, p->instance);
	assert(!meta.b.failed && !p->el->b.failed);

	int rc = 0;
	FILE *f = fopen(p->path, "wb");
	bool ok = f != NULL && fwrite(preamble, 132, 1, f) == 1 &&
	    fwrite(meta.b.p, meta.b.len, 1, f) == 1 &&
	    fwrite(p->el->b.p, p->el->b.len, 1, f) == 1 &&
	    write_frames(f, p);
	if (f != NULL && fclose(f) != 0)
		ok = false;
	if (!ok)
		rc = err_set(e, ERR_IO, errno, "write '%s'", p->path);
	buf_done(&meta.b);
	return rc;
}

#endif
