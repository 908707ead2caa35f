/* SPDX-License-Identifier: MIT */
/* PDU heads, presentation data values, and the PDUs of fixed length. */
#include <assert.h>
#include <stdio.h>

#include "base/limits.h"
#include "wire/pdu.h"

#define ASSOCIATE_MIN 68 /* bytes before the first item, PS3.8 table 9-11 */
#define DATA_MIN 6 /* one PDV without a byte of data */
#define SHORT_LENGTH 4 /* bytes of A-ASSOCIATE-RJ, A-RELEASE-*, A-ABORT */
#define PDV_COMMAND 0x01 /* PS3.8 annex E.2 */
#define PDV_LAST 0x02

static void
put_u32be(uint8_t dst[4], uint32_t v)
{
	dst[0] = (uint8_t)(v >> 24);
	dst[1] = (uint8_t)(v >> 16);
	dst[2] = (uint8_t)(v >> 8);
	dst[3] = (uint8_t)v;
}

static uint32_t
get_u32be(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

/* Bytes that a PDU of ${type} may have after its head. */
static void
bounds(unsigned type, uint32_t *ret_min, uint32_t *ret_max)
{
	*ret_min = *ret_max = SHORT_LENGTH;
	if (type == PDU_ASSOCIATE_RQ || type == PDU_ASSOCIATE_AC) {
		*ret_min = ASSOCIATE_MIN;
		*ret_max = (uint32_t)limits()->associate_size;
	} else if (type == PDU_DATA) {
		*ret_min = DATA_MIN;
		*ret_max = (uint32_t)limits()->pdu_size;
	}
}

int
pdu_parse_head(const uint8_t head[PDU_HEAD], enum pdu_type *ret_type,
    uint32_t *ret_length, struct err *e)
{
	unsigned type = head[0];
	uint32_t min, max;
	if (type < PDU_ASSOCIATE_RQ || type > PDU_ABORT)
		return err_set(e, ERR_PARSE, 0,
		    "PDU: type: want 1 to 7, have %u", type);
	bounds(type, &min, &max);
	uint32_t n = get_u32be(head + 2);
	if (n < min || n > max)
		return err_set(e, ERR_PARSE, 0,
		    "PDU type %u: length: want %u to %u, have %u", type,
		    (unsigned)min, (unsigned)max, (unsigned)n);
	*ret_type = (enum pdu_type)type;
	*ret_length = n;
	return 0;
}

int
pdu_next_pdv(struct cur *c, struct pdv *ret, struct err *e)
{
	size_t left = cur_left(c);
	if (left == 0)
		return 0;
	if (left < 4)
		return err_set(e, ERR_PARSE, 0,
		    "PDV: length: want 4 bytes, have %zu", left);
	const uint8_t *p = c->p + c->at;
	uint32_t n = get_u32be(p);
	if (n < 2 || n > left - 4)
		return err_set(e, ERR_PARSE, 0,
		    "PDV: length: want 2 to %zu, have %u", left - 4,
		    (unsigned)n);
	c->at += 4 + (size_t)n;
	*ret = (struct pdv){
	    .context = p[4],
	    .is_command = (p[5] & PDV_COMMAND) != 0,
	    .is_last = (p[5] & PDV_LAST) != 0,
	    .p = p + 6,
	    .n = n - 2,
	};
	return 1;
}

void
pdu_format_pdv_head(uint8_t dst[PDU_HEADROOM], uint8_t context,
    bool is_command, bool is_last, uint32_t n)
{
	assert(n <= UINT32_MAX - 6);
	dst[0] = PDU_DATA;
	dst[1] = 0;
	put_u32be(dst + 2, n + 6);
	put_u32be(dst + 6, n + 2);
	dst[10] = context;
	dst[11] = (uint8_t)((is_command ? PDV_COMMAND : 0) |
	    (is_last ? PDV_LAST : 0));
}

/* A whole PDU of SHORT_LENGTH bytes after its head. */
static void
add_short(struct buf *b, enum pdu_type type, const uint8_t body[SHORT_LENGTH])
{
	uint8_t whole[PDU_HEAD + SHORT_LENGTH] = {
	    (uint8_t)type, 0, 0, 0, 0, SHORT_LENGTH,
	    body[0], body[1], body[2], body[3],
	};
	buf_add(b, whole, sizeof(whole));
}

void
pdu_format_reject(struct buf *b, const struct pdu_reject *r)
{
	uint8_t body[SHORT_LENGTH] = {0, r->result, r->source, r->reason};
	add_short(b, PDU_ASSOCIATE_RJ, body);
}

void
pdu_format_release(struct buf *b, enum pdu_type type)
{
	assert(type == PDU_RELEASE_RQ || type == PDU_RELEASE_RP);
	add_short(b, type, (const uint8_t[SHORT_LENGTH]){0});
}

void
pdu_format_abort(struct buf *b, uint8_t source, uint8_t reason)
{
	uint8_t body[SHORT_LENGTH] = {0, 0, source, reason};
	add_short(b, PDU_ABORT, body);
}

int
pdu_parse_reject(const uint8_t *body, size_t n, struct pdu_reject *ret,
    struct err *e)
{
	if (n != SHORT_LENGTH)
		return err_set(e, ERR_PARSE, 0,
		    "A-ASSOCIATE-RJ: length: want 4, have %zu", n);
	*ret = (struct pdu_reject){
	    .result = body[1], .source = body[2], .reason = body[3]};
	return 0;
}

const char *
pdu_reject_text(const struct pdu_reject *r, char *dst, size_t size)
{
	static const struct {
		uint8_t source, reason;
		const char *text;
	} rows[] = {
		{1, 1, "no reason given"},
		{1, 2, "application context not supported"},
		{1, 3, "calling AE title not recognized"},
		{1, 7, "called AE title not recognized"},
		{2, 1, "no reason given"},
		{2, 2, "protocol version not supported"},
		{3, 1, "temporary congestion"},
		{3, 2, "local limit exceeded"},
	};
	const char *text = "unknown reason";
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].source == r->source && rows[i].reason == r->reason)
			text = rows[i].text;
	(void)snprintf(dst, size, "%s (%u/%u/%u)", text, r->result,
	    r->source, r->reason); /* cut is fine: for people */
	return dst;
}
