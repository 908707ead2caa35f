/* SPDX-License-Identifier: MIT */
/* A ZIP archive of stored entries (APPNOTE 6.3.10), made while it is sent.
 *
 * Sizes are known before, check sums after: each entry is followed by a data
 * descriptor, and the directory at the end has all. Entries, offsets and
 * counts that do not fit 32 or 16 bits take their ZIP64 forms. */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "dicomweb_priv.h"

#define LOCAL 0x04034b50
#define AFTER 0x08074b50
#define CENTRAL 0x02014b50
#define END 0x06054b50
#define END64 0x06064b50
#define LOCATOR64 0x07064b50

#define LOCAL_BYTES 30 /* without name and extra */
#define CENTRAL_BYTES 46
#define END_BYTES 22
#define END64_BYTES 56
#define LOCATOR_BYTES 20
#define EXTRA64_BYTES 20 /* head and two sizes */

#define FULL32 UINT32_C(0xFFFFFFFF)
#define FLAG_AFTER 0x0008 /* 4.4.4, bit 3: see the data descriptor */
#define DATE_1980 0x0021 /* the first there is: we have none to tell */
#define VERSION 20
#define VERSION64 45
#define MADE_BY_UNIX (3 << 8)
#define MODE_0644 (UINT32_C(0100644) << 16)

struct entry {
	char name[56];
	uint64_t at, n;
	uint32_t crc;
};

struct zip {
	struct entry *entries; /* stay where they are */
	unsigned n, max;
	uint64_t end; /* of the last entry with what follows it */
};

struct zip *
zip_new(unsigned max)
{
	struct zip *z = mem_new(struct zip);
	z->entries = mem_new_n(struct entry, max);
	z->max = max;
	return z;
}

void
zip_free(struct zip **pp)
{
	struct zip *z = *pp;
	*pp = NULL;
	if (z == NULL)
		return;
	mem_free(z->entries);
	mem_free(z);
}

static bool
is_large(const struct entry *en)
{
	return en->n >= FULL32;
}

static bool
is_far(const struct entry *en)
{
	return en->at >= FULL32;
}

/* Version, flags, method, time and date of an entry. */
static void
add_common(struct buf *b, const struct entry *en)
{
	bool big = is_large(en) || is_far(en);
	buf_add_u16le(b, big ? VERSION64 : VERSION);
	buf_add_u16le(b, FLAG_AFTER);
	buf_add_u16le(b, 0); /* stored */
	buf_add_u16le(b, 0); /* midnight */
	buf_add_u16le(b, DATE_1980);
}

unsigned
zip_add(struct zip *z, const char *name, uint64_t n, struct buf *b)
{
	unsigned k = z->n;
	assert(k < z->max);
	struct entry *en = &z->entries[z->n++];
	*en = (struct entry){.at = z->end, .n = n};
	(void)str_copy(en->name, sizeof(en->name), name); /* the door */
	size_t name_n = strlen(en->name);
	uint32_t size = is_large(en) ? FULL32 : 0;
	uint16_t extra = is_large(en) ? EXTRA64_BYTES : 0;
	buf_add_u32le(b, LOCAL);
	add_common(b, en);
	buf_add_u32le(b, 0); /* the check sum comes after */
	buf_add_u32le(b, size);
	buf_add_u32le(b, size);
	buf_add_u16le(b, (uint16_t)name_n);
	buf_add_u16le(b, extra);
	buf_add_str(b, en->name);
	if (extra > 0) { /* which also says that 8-byte sizes follow, 4.3.9 */
		buf_add_u16le(b, 1);
		buf_add_u16le(b, EXTRA64_BYTES - 4);
		buf_fill(b, 0, EXTRA64_BYTES - 4);
	}
	z->end += LOCAL_BYTES + name_n + extra + n + zip_after_length(z, k);
	return k;
}

uint32_t *
zip_crc(struct zip *z, unsigned k)
{
	return &z->entries[k].crc;
}

size_t
zip_after_length(const struct zip *z, unsigned k)
{
	return is_large(&z->entries[k]) ? 24 : 16;
}

void
zip_after(const struct zip *z, unsigned k, struct buf *b)
{
	const struct entry *en = &z->entries[k];
	buf_add_u32le(b, AFTER);
	buf_add_u32le(b, en->crc);
	for (int i = 0; i < 2; i++) { /* compressed, uncompressed */
		if (is_large(en))
			buf_add_u64le(b, en->n);
		else
			buf_add_u32le(b, (uint32_t)en->n);
	}
}

/* Bytes of the ZIP64 field in the directory. */
static size_t
central_extra(const struct entry *en)
{
	size_t n = (is_large(en) ? 16 : 0) + (is_far(en) ? 8 : 0);
	return n == 0 ? 0 : n + 4;
}

static uint64_t
directory_length(const struct zip *z)
{
	uint64_t n = 0;
	for (unsigned i = 0; i < z->n; i++)
		n += CENTRAL_BYTES + strlen(z->entries[i].name) +
		    central_extra(&z->entries[i]);
	return n;
}

static bool
needs_end64(const struct zip *z)
{
	return z->n >= 0xFFFF || z->end >= FULL32 ||
	    directory_length(z) >= FULL32;
}

size_t
zip_end_length(const struct zip *z)
{
	return (size_t)directory_length(z) + END_BYTES +
	    (needs_end64(z) ? END64_BYTES + LOCATOR_BYTES : 0);
}

static void
add_central(const struct entry *en, struct buf *b)
{
	uint32_t size = is_large(en) ? FULL32 : (uint32_t)en->n;
	size_t extra = central_extra(en);
	buf_add_u32le(b, CENTRAL);
	buf_add_u16le(b, MADE_BY_UNIX | VERSION64);
	add_common(b, en);
	buf_add_u32le(b, en->crc);
	buf_add_u32le(b, size);
	buf_add_u32le(b, size);
	buf_add_u16le(b, (uint16_t)strlen(en->name));
	buf_add_u16le(b, (uint16_t)extra);
	buf_fill(b, 0, 6); /* no comment, disk 0, not text */
	buf_add_u32le(b, MODE_0644);
	buf_add_u32le(b, is_far(en) ? FULL32 : (uint32_t)en->at);
	buf_add_str(b, en->name);
	if (extra == 0)
		return;
	buf_add_u16le(b, 1);
	buf_add_u16le(b, (uint16_t)(extra - 4));
	if (is_large(en)) {
		buf_add_u64le(b, en->n);
		buf_add_u64le(b, en->n);
	}
	if (is_far(en))
		buf_add_u64le(b, en->at);
}

static void
add_end64(const struct zip *z, struct buf *b)
{
	uint64_t n = directory_length(z);
	buf_add_u32le(b, END64);
	buf_add_u64le(b, END64_BYTES - 12);
	buf_add_u16le(b, MADE_BY_UNIX | VERSION64);
	buf_add_u16le(b, VERSION64);
	buf_fill(b, 0, 8); /* one disk, which is this */
	buf_add_u64le(b, z->n);
	buf_add_u64le(b, z->n);
	buf_add_u64le(b, n);
	buf_add_u64le(b, z->end);
	buf_add_u32le(b, LOCATOR64);
	buf_add_u32le(b, 0);
	buf_add_u64le(b, z->end + n);
	buf_add_u32le(b, 1);
}

void
zip_end(const struct zip *z, struct buf *b)
{
	uint64_t n = directory_length(z);
	uint16_t count = z->n >= 0xFFFF ? 0xFFFF : (uint16_t)z->n;
	for (unsigned i = 0; i < z->n; i++)
		add_central(&z->entries[i], b);
	if (needs_end64(z))
		add_end64(z, b);
	buf_add_u32le(b, END);
	buf_fill(b, 0, 4);
	buf_add_u16le(b, count);
	buf_add_u16le(b, count);
	buf_add_u32le(b, n >= FULL32 ? FULL32 : (uint32_t)n);
	buf_add_u32le(b, z->end >= FULL32 ? FULL32 : (uint32_t)z->end);
	buf_add_u16le(b, 0);
}
