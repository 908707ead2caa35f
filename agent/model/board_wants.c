/* SPDX-License-Identifier: MIT */
/* A case's wants as bytes: version, patient, then each want. */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "model/board_priv.h"

#define VERSION 1
#define WANTS_MAX 4096 /* of one case */

static void
add_text(struct buf *b, const char *s)
{
	size_t n = strlen(s);
	buf_add_u16le(b, (uint16_t)n);
	buf_add(b, s, n);
}

static bool
take_text(struct cur *c, char *dst, size_t size)
{
	size_t n = cur_u16le(c);
	const uint8_t *p = cur_take(c, n);
	return p != NULL && memchr(p, '\0', n) == NULL &&
	    str_copy_n(dst, size, (const char *)p, n);
}

void
board_format_wants(struct buf *b, const struct board_case *c)
{
	buf_add_u8(b, VERSION);
	add_text(b, c->file.patient.id);
	add_text(b, c->file.patient.issuer);
	buf_add_u64le(b, (uint64_t)c->answered_utc);
	buf_add_u32le(b, c->n_wants);
	for (unsigned i = 0; i < c->n_wants; i++) {
		const struct board_want *w = &c->wants[i];
		add_text(b, w->study_uid);
		add_text(b, w->date);
		add_text(b, w->modalities);
		add_text(b, w->description);
		buf_add_u8(b, (uint8_t)w->kind);
		buf_add_u8(b, w->id_only);
		add_text(b, w->reason);
	}
}

static bool
take_want(struct cur *c, struct board_want *w)
{
	bool ok = take_text(c, w->study_uid, sizeof(w->study_uid)) &&
	    uid_is_valid(w->study_uid) &&
	    take_text(c, w->date, sizeof(w->date)) &&
	    take_text(c, w->modalities, sizeof(w->modalities)) &&
	    take_text(c, w->description, sizeof(w->description));
	unsigned kind = cur_u8(c);
	w->id_only = cur_u8(c) != 0;
	ok = ok && kind <= WANT_HELD &&
	    take_text(c, w->reason, sizeof(w->reason));
	w->kind = (enum want_kind)kind;
	return ok && !c->failed;
}

int
board_parse_wants(struct board *b, struct board_case *c, const void *p,
    size_t n, struct err *e)
{
	struct cur in = cur_of(p, n);
	char id[65], issuer[65];
	bool ok = cur_u8(&in) == VERSION && take_text(&in, id, sizeof(id)) &&
	    take_text(&in, issuer, sizeof(issuer));
	int64_t answered = (int64_t)cur_u64le(&in);
	uint32_t count = cur_u32le(&in);
	if (!ok || in.failed || count > WANTS_MAX)
		return err_set(e, ERR_CORRUPT, 0, "wants: damaged head");
	if (!str_eq(id, c->file.patient.id) ||
	    !str_eq(issuer, c->file.patient.issuer))
		return 0;
	struct board_want *wants = mem_new_n(struct board_want, count);
	for (uint32_t i = 0; i < count && ok; i++)
		ok = take_want(&in, &wants[i]);
	if (!ok || cur_left(&in) > 0) {
		mem_free(wants);
		return err_set(e, ERR_CORRUPT, 0, "wants: damaged");
	}
	board_set_wants(b, c, wants, count);
	c->answered_utc = answered;
	return 0;
}
