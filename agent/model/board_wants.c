/* SPDX-License-Identifier: MIT */
/* The wants of a case as bytes, to be kept over a restart.
 *
 * DESIGN  version u8 (1); patient: id, issuer, name, birth date, sex; time
 * of the answer u64; n u32; n times: uid, kind u8, id_only u8, reason, date,
 * modalities, description, archive; last the CRC-32 of all before. Text is
 * its length as u16 and the bytes without a NUL; numbers are little endian.
 */
#include <string.h>
#include <zlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "model/board_priv.h"

#define BLOB_VERSION 1
#define WANT_BYTES_MIN 15 /* a uid of one character, no other text */

static void
add_text(struct buf *b, const char *s)
{
	size_t n = strlen(s); /* below 400 in every field */
	buf_add_u16le(b, (uint16_t)n);
	buf_add(b, s, n);
}

void
board_format_wants(struct buf *b, const struct board_case *c)
{
	size_t from = b->len;
	const struct patient *p = &c->file.patient;
	buf_add_u8(b, BLOB_VERSION);
	add_text(b, p->id);
	add_text(b, p->issuer);
	add_text(b, p->name);
	add_text(b, p->birth_date);
	add_text(b, p->sex);
	buf_add_u64le(b, (uint64_t)c->answered_utc);
	buf_add_u32le(b, c->n_wants);
	for (unsigned i = 0; i < c->n_wants; i++) {
		const struct board_want *w = &c->wants[i];
		add_text(b, w->study_uid);
		buf_add_u8(b, (uint8_t)w->kind);
		buf_add_u8(b, w->id_only ? 1 : 0);
		add_text(b, w->reason);
		add_text(b, w->date);
		add_text(b, w->modalities);
		add_text(b, w->description);
		add_text(b, w->archive);
	}
	if (!b->failed)
		buf_add_u32le(b, (uint32_t)crc32_z(0, b->p + from,
		    b->len - from));
}

/* Text that fits and is text; else ${c} fails. */
static void
read_text(struct cur *c, char *dst, size_t size)
{
	size_t n = cur_u16le(c);
	const uint8_t *p = cur_take(c, n);
	if (p == NULL || n >= size || !str_is_utf8((const char *)p, n)) {
		c->failed = true;
		return;
	}
	memcpy(dst, p, n);
	dst[n] = '\0';
}

static void
read_patient(struct cur *c, struct patient *p)
{
	read_text(c, p->id, sizeof(p->id));
	read_text(c, p->issuer, sizeof(p->issuer));
	read_text(c, p->name, sizeof(p->name));
	read_text(c, p->birth_date, sizeof(p->birth_date));
	read_text(c, p->sex, sizeof(p->sex));
}

static void
read_want(struct cur *c, struct board_want *w)
{
	read_text(c, w->study_uid, sizeof(w->study_uid));
	uint8_t kind = cur_u8(c);
	uint8_t id_only = cur_u8(c);
	read_text(c, w->reason, sizeof(w->reason));
	read_text(c, w->date, sizeof(w->date));
	read_text(c, w->modalities, sizeof(w->modalities));
	read_text(c, w->description, sizeof(w->description));
	read_text(c, w->archive, sizeof(w->archive));
	if (kind > WANT_HELD || id_only > 1 || !uid_is_valid(w->study_uid))
		c->failed = true;
	w->kind = (enum want_kind)kind;
	w->id_only = id_only == 1;
}

static int
damaged(struct err *e, const char *clause)
{
	return err_set(e, ERR_CORRUPT, 0, "read the wants of a case: %s",
	    clause);
}

/* The bytes before the checksum, which must agree. */
static int
open_blob(const void *p, size_t n, struct cur *ret, struct err *e)
{
	if (n < 5)
		return damaged(e, "want 5 bytes or more, have fewer");
	struct cur sum = cur_of((const uint8_t *)p + n - 4, 4);
	if (cur_u32le(&sum) != (uint32_t)crc32_z(0, p, n - 4))
		return damaged(e, "the checksum differs");
	*ret = cur_of(p, n - 4);
	if (cur_u8(ret) != BLOB_VERSION)
		return damaged(e, "the version is another");
	return 0;
}

int
board_parse_wants(struct board *b, struct board_case *c, const void *p,
    size_t n, struct err *e)
{
	struct cur in;
	if (open_blob(p, n, &in, e) != 0)
		return -1;
	struct patient who = {{0}, {0}, {0}, {0}, {0}};
	read_patient(&in, &who);
	int64_t answered_utc = (int64_t)cur_u64le(&in);
	uint32_t count = cur_u32le(&in);
	if (in.failed || count > cur_left(&in) / WANT_BYTES_MIN)
		return damaged(e, "the head does not fit");
	struct board_want *wants = mem_try(
	    (count + (size_t)1) * sizeof(struct board_want), e);
	if (wants == NULL)
		return -1;
	for (uint32_t i = 0; i < count && !in.failed; i++)
		read_want(&in, &wants[i]);
	if (in.failed || cur_left(&in) != 0) {
		mem_free(wants);
		return damaged(e, "a want does not fit");
	}
	if (!board_same_patient(&who, &c->file.patient)) {
		mem_free(wants);
		return 0;
	}
	c->answered_utc = answered_utc;
	board_set_wants(b, c, wants, count);
	return 0;
}
