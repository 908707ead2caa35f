/* SPDX-License-Identifier: MIT */
/* The plan of a long body: pieces in order, each told before it is read.
 *
 * DESIGN  Small text lies in one growing buffer and pieces name places in
 * it; objects are read from the store when their turn comes, so that an
 * answer of any length costs its plan and one buffer. A small object is read
 * and checked before its first byte leaves, the end of a large one is kept
 * back until its digest holds: what is damaged never looks whole.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <zlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/stats.h"
#include "base/str.h"
#include "dicomweb_priv.h"
#include "wire/gzpart.h"

#define TEXT_BYTES_MAX ((size_t)512 << 20) /* of a plan; 413 above */
#define HELD_MAX 4 /* studies of one answer; it has one */
#define SMALL_BYTES ((uint64_t)1 << 20) /* read whole before it is sent */
#define FEED_BYTES ((size_t)256 << 10) /* to the converter at a time */

enum piece_kind {
	PIECE_TEXT, /* ${n} bytes at ${at} of ${text} */
	PIECE_BYTES, /* ${n} bytes at ${p} */
	PIECE_PART, /* a gzip part of ${packed} bytes at ${at} of ${text} */
	PIECE_OBJECT, /* the data set of object ${at} */
	PIECE_CONVERTED, /* the same in another syntax; ${n} is not known */
	PIECE_MADE, /* by ${make}, number ${at} */
};

struct piece {
	enum piece_kind kind;
	size_t at;
	uint64_t n;
	uint32_t packed;
	const uint8_t *p;
	body_make_fn *make;
	uint32_t *crc; /* or NULL */
};

struct object {
	struct store_object o;
	char study_uid[UID_SIZE];
	char from[UID_SIZE], to[UID_SIZE];
};

struct body {
	struct dicomweb *dw;
	/* the plan */
	struct piece *pieces;
	unsigned n_pieces;
	struct object *objects;
	unsigned n_objects;
	struct buf text;
	uint64_t length;
	bool converts;
	uint64_t n_converted; /* bytes of own that count as such */
	uint32_t *crc; /* of what is added now */
	/* what lives as long */
	struct store_map map;
	struct buf own;
	void *ctx;
	void (*ctx_done)(void *ctx);
	char held[HELD_MAX][UID_SIZE];
	unsigned n_held;
	/* the reading */
	unsigned turn; /* of ${pieces} */
	uint64_t done; /* bytes of that piece */
	struct store_reader *reader;
	struct decoder *decoder;
	uint64_t answer_n; /* of the decoder's answer */
	struct buf scratch; /* of a piece that was made whole */
	bool begun, failed;
};

struct body *
body_new(struct dicomweb *dw)
{
	struct body *b = mem_new(struct body);
	b->dw = dw;
	buf_init(&b->text, TEXT_BYTES_MAX);
	buf_init(&b->own, (size_t)DW_CONVERT_MAX);
	buf_init(&b->scratch, TEXT_BYTES_MAX);
	return b;
}

void
body_free(struct body **pp)
{
	struct body *b = *pp;
	*pp = NULL;
	if (b == NULL)
		return;
	store_read_end(&b->reader);
	decoder_free(&b->decoder);
	store_unmap(&b->map);
	if (b->ctx_done != NULL)
		b->ctx_done(b->ctx);
	for (unsigned i = 0; i < b->n_held; i++)
		b->dw->release(b->dw->ctx, b->held[i]);
	if (b->converts)
		atomic_fetch_sub(&b->dw->converting, 1);
	atomic_fetch_sub(&b->dw->converted, b->n_converted);
	buf_done(&b->text);
	buf_done(&b->own);
	buf_done(&b->scratch);
	mem_free(b->pieces);
	mem_free(b->objects);
	mem_free(b);
}

/* ---- the plan ---- */

void
body_hold(struct body *b, const char *study_uid)
{
	if (b->n_held == HELD_MAX || b->dw->hold == NULL)
		return;
	(void)str_copy(b->held[b->n_held++], UID_SIZE, study_uid); /* fits */
	b->dw->hold(b->dw->ctx, study_uid);
}

static void
add(struct body *b, struct piece piece)
{
	unsigned n = b->n_pieces;
	if ((n & (n - 1)) == 0) /* 0, 1, 2, 4, 8 ... */
		b->pieces = mem_grow(b->pieces, n == 0 ? 1 : (size_t)n * 2,
		    sizeof(*b->pieces));
	piece.crc = b->crc;
	b->pieces[b->n_pieces++] = piece;
	b->length += piece.n;
}

/* The piece for the text that was appended from ${at} on. */
static void
add_text(struct body *b, size_t at)
{
	struct piece *last = b->n_pieces == 0 ? NULL :
	    &b->pieces[b->n_pieces - 1];
	uint64_t n = b->text.len - at;
	if (n == 0)
		return;
	if (last != NULL && last->kind == PIECE_TEXT &&
	    last->at + last->n == at && last->crc == b->crc) {
		last->n += n;
		b->length += n;
		return;
	}
	add(b, (struct piece){.kind = PIECE_TEXT, .at = at, .n = n});
}

void
body_text(struct body *b, const void *p, size_t n)
{
	size_t at = b->text.len;
	buf_add(&b->text, p, n);
	add_text(b, at);
}

void
body_textf(struct body *b, const char *fmt, ...)
{
	char line[512];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(line))
		b->text.failed = true; /* only headers of ours come here */
	else
		body_text(b, line, (size_t)n);
}

void
body_bytes(struct body *b, const void *p, size_t n)
{
	if (n > 0)
		add(b, (struct piece){.kind = PIECE_BYTES, .p = p, .n = n});
}

struct store_map *
body_map(struct body *b)
{
	return &b->map;
}

struct buf *
body_own(struct body *b)
{
	return &b->own;
}

void
body_count_converted(struct body *b)
{
	b->n_converted = b->own.len;
	atomic_fetch_add(&b->dw->converted, b->n_converted);
}

void
body_part(struct body *b, const void *p, size_t n, uint32_t text_n)
{
	size_t at = b->text.len;
	buf_add(&b->text, p, n);
	if (!b->text.failed)
		add(b, (struct piece){.kind = PIECE_PART, .at = at,
		    .n = text_n, .packed = (uint32_t)n});
}

static void
add_object(struct body *b, const struct store_item *item, const char *syntax)
{
	unsigned n = b->n_objects;
	if ((n & (n - 1)) == 0)
		b->objects = mem_grow(b->objects, n == 0 ? 1 : (size_t)n * 2,
		    sizeof(*b->objects));
	struct object *o = &b->objects[b->n_objects++];
	*o = (struct object){.o = item->object};
	(void)str_copy(o->study_uid, UID_SIZE, item->study_uid);
	(void)str_copy(o->from, UID_SIZE, item->syntax); /* UIDs fit */
	(void)str_copy(o->to, UID_SIZE, syntax);
}

void
body_object(struct body *b, const struct store_item *item,
    const char *syntax)
{
	bool same = str_eq(item->syntax, syntax);
	size_t at = b->text.len;
	store_file_head(&b->text, item->class_uid, item->instance_uid,
	    syntax);
	add_text(b, at);
	add_object(b, item, syntax);
	add(b, (struct piece){.kind = same ? PIECE_OBJECT : PIECE_CONVERTED,
	    .at = b->n_objects - 1, .n = same ? item->object.length : 0});
	if (!same && !b->converts) {
		b->converts = true;
		atomic_fetch_add(&b->dw->converting, 1);
	}
}

void
body_make(struct body *b, body_make_fn *fn, unsigned k, size_t n)
{
	add(b, (struct piece){.kind = PIECE_MADE, .make = fn, .at = k,
	    .n = n});
}

void
body_crc(struct body *b, uint32_t *crc)
{
	b->crc = crc;
}

void
body_own_ctx(struct body *b, void *ctx, void (*done)(void *ctx))
{
	b->ctx = ctx;
	b->ctx_done = done;
}

bool
body_failed(const struct body *b)
{
	return b->text.failed;
}

bool
body_converts(const struct body *b)
{
	return b->converts;
}

uint64_t
body_length(const struct body *b)
{
	return b->converts ? BODY_UNKNOWN : b->length;
}

/* ---- the reading ---- */

/* Feed an object to the converter and wait for what it makes of it. */
static int
convert(struct body *b, const struct object *o, struct err *e)
{
	uint8_t *part = mem_new_n(uint8_t, FEED_BYTES);
	size_t n = 1;
	if (b->decoder == NULL)
		b->decoder = dicomweb_decoder(b->dw);
	int rc = store_read_begin(b->dw->st, &o->o, &b->reader, e);
	if (rc == 0)
		rc = decoder_begin(b->decoder, o->o.length, o->from, o->to,
		    e);
	while (rc == 0 && n > 0) {
		rc = store_read(b->reader, part, FEED_BYTES, &n, e);
		if (rc == 0 && n > 0)
			rc = decoder_feed(b->decoder, part, n, e);
	}
	if (rc == 0)
		rc = decoder_answer(b->decoder, &b->answer_n, e);
	store_read_end(&b->reader);
	mem_free(part);
	return rc;
}

/* Read a small object into the scratch buffer, which proves it. */
static int
read_small(struct body *b, struct err *e)
{
	size_t n = 1;
	int rc = 0;
	uint64_t left = store_read_left(b->reader);
	uint8_t *all = mem_try((size_t)left + 1, e);
	if (all == NULL)
		return -1;
	size_t have = 0;
	while (rc == 0 && n > 0 && have <= left) {
		rc = store_read(b->reader, all + have,
		    (size_t)left + 1 - have, &n, e);
		have += rc == 0 ? n : 0;
	}
	if (rc == 0)
		buf_add(&b->scratch, all, have);
	mem_free(all);
	store_read_end(&b->reader);
	return rc;
}

/* Make the piece whose turn it is readable. */
static int
begin(struct body *b, struct err *e)
{
	const struct piece *p = &b->pieces[b->turn];
	b->begun = true;
	b->done = 0;
	buf_clear(&b->scratch);
	switch (p->kind) {
	case PIECE_TEXT:
	case PIECE_BYTES:
		return 0;
	case PIECE_PART:
		return gzpart_text(b->text.p + p->at, p->packed,
		    (uint32_t)p->n, &b->scratch, e);
	case PIECE_OBJECT:
		stats_add(STAT_OBJECTS_SERVED, 1);
		if (store_read_begin(b->dw->st, &b->objects[p->at].o,
		    &b->reader, e) != 0)
			return -1;
		return p->n <= SMALL_BYTES ? read_small(b, e) : 0;
	case PIECE_CONVERTED:
		stats_add(STAT_OBJECTS_SERVED, 1);
		return convert(b, &b->objects[p->at], e);
	case PIECE_MADE:
		p->make(b->ctx, (unsigned)p->at, &b->scratch);
		return 0;
	}
	return 0;
}

/* Bytes at hand of a piece that lies in memory. */
static size_t
copy(struct body *b, const uint8_t *from, uint64_t total, void *out,
    size_t max)
{
	uint64_t left = total - b->done;
	size_t n = left < max ? (size_t)left : max;
	if (n > 0)
		memcpy(out, from + b->done, n);
	return n;
}

/* Up to ${max} bytes of the piece; ${ret_n} 0 is its end. */
static int
read_piece(struct body *b, const struct piece *p, void *out, size_t max,
    size_t *ret_n, struct err *e)
{
	*ret_n = 0;
	switch (p->kind) {
	case PIECE_TEXT:
		*ret_n = copy(b, b->text.p + p->at, p->n, out, max);
		return 0;
	case PIECE_BYTES:
		*ret_n = copy(b, p->p, p->n, out, max);
		return 0;
	case PIECE_OBJECT:
		if (b->reader != NULL)
			return store_read(b->reader, out, max, ret_n, e);
		break; /* in the scratch buffer */
	case PIECE_CONVERTED:
		return decoder_read(b->decoder, out, max, ret_n, e);
	case PIECE_PART:
	case PIECE_MADE:
		break;
	}
	*ret_n = copy(b, b->scratch.p, b->scratch.len, out, max);
	return 0;
}

static uint64_t
length_of(const struct body *b, const struct piece *p)
{
	return p->kind == PIECE_CONVERTED ? b->answer_n : p->n;
}

/* The next bytes of the piece whose turn it is; it ends when all it
 * promised is there, and anything else is damage. */
static int
step(struct body *b, uint8_t *out, size_t max, size_t *ret_n, struct err *e)
{
	const struct piece *p = &b->pieces[b->turn];
	if (!b->begun && begin(b, e) != 0)
		return -1;
	if (read_piece(b, p, out, max, ret_n, e) != 0)
		return -1;
	if (*ret_n > 0 && p->crc != NULL)
		*p->crc = (uint32_t)crc32_z(*p->crc, out, *ret_n);
	if (*ret_n > 0 && (p->kind == PIECE_OBJECT ||
	    p->kind == PIECE_CONVERTED))
		stats_add(STAT_BYTES_SERVED, (int64_t)*ret_n);
	b->done += *ret_n;
	if (*ret_n > 0 && b->done < length_of(b, p))
		return 0;
	if (b->done != length_of(b, p))
		return err_set(e, ERR_CORRUPT, 0,
		    "answer: want %llu bytes of a piece, have %llu",
		    (unsigned long long)length_of(b, p),
		    (unsigned long long)b->done);
	store_read_end(&b->reader);
	b->begun = false;
	b->turn++;
	return 0;
}

static void
report(struct body *b, const struct err *e)
{
	const struct piece *p = &b->pieces[b->turn];
	b->failed = true;
	log_warn("web.dicomweb.broken", "error=%s action=ended_answer",
	    e->msg);
	if (e->code != ERR_CORRUPT || (p->kind != PIECE_OBJECT &&
	    p->kind != PIECE_CONVERTED))
		return;
	const struct object *o = &b->objects[p->at];
	struct store_item item = {.object = o->o};
	(void)str_copy(item.study_uid, UID_SIZE, o->study_uid); /* fits */
	dw_damaged(b->dw, &item, e);
}

int64_t
body_read(struct body *b, void *out, size_t max, struct err *e)
{
	size_t have = 0;
	while (have < max && b->turn < b->n_pieces && !b->failed) {
		size_t n = 0;
		if (step(b, (uint8_t *)out + have, max - have, &n, e) != 0)
			report(b, e);
		else
			have += n;
	}
	/* what was read before the damage is as good as ever */
	return b->failed && have == 0 ? -1 : (int64_t)have;
}
