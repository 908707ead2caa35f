/* SPDX-License-Identifier: MIT */
/* Fuzzes the PDU parsers with whole PDUs; what is read must write and read
 * again to the same bytes. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "wire/pdu.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* Beyond what a parsed association can need when it is written again. */
#define ROOM (1024 * 1024)

static void
again(enum pdu_type type, const struct buf *once)
{
	struct pdu_associate a;
	struct buf twice;
	struct err e;
	int rc = pdu_parse_associate(type, once->p + PDU_HEAD,
	    once->len - PDU_HEAD, &a, &e);
	assert(rc == 0);
	buf_init(&twice, ROOM);
	pdu_format_associate(&twice, type, &a);
	assert(twice.len == once->len &&
	    memcmp(twice.p, once->p, once->len) == 0);
	buf_done(&twice);
	pdu_associate_done(&a);
}

static void
try_associate(enum pdu_type type, const uint8_t *p, size_t n)
{
	struct pdu_associate a;
	struct err e;
	if (pdu_parse_associate(type, p, n, &a, &e) != 0) {
		assert(e.code == ERR_PARSE);
		return;
	}
	assert(a.n_contexts <= PDU_CONTEXTS_MAX);
	struct buf once;
	buf_init(&once, ROOM);
	pdu_format_associate(&once, type, &a);
	assert(!once.failed);
	again(type, &once);
	if (type == PDU_ASSOCIATE_RQ)
		(void)pdu_match(&a, &a, &e); /* only must not crash */
	buf_done(&once);
	pdu_associate_done(&a);
}

static void
try_data(const uint8_t *p, size_t n)
{
	struct cur c = cur_of(p, n);
	struct pdv v;
	struct err e;
	unsigned sum = 0;
	while (pdu_next_pdv(&c, &v, &e) == 1)
		for (uint32_t i = 0; i < v.n; i++)
			sum += v.p[i]; /* every byte must be ours to read */
	assert(sum <= n * 255);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	enum pdu_type type;
	uint32_t length;
	struct err e;
	if (n < PDU_HEAD)
		return 0;
	/* the length of the file stands for the one in the head */
	int rc = pdu_parse_head(p, &type, &length, &e);
	const uint8_t *body = p + PDU_HEAD;
	size_t left = n - PDU_HEAD;
	if (rc != 0 && (p[0] == PDU_ASSOCIATE_RQ || p[0] == PDU_ASSOCIATE_AC))
		type = (enum pdu_type)p[0];
	else if (rc != 0)
		return 0;
	if (type == PDU_ASSOCIATE_RQ || type == PDU_ASSOCIATE_AC)
		try_associate(type, body, left);
	if (type == PDU_DATA)
		try_data(body, left);
	struct pdu_reject r;
	if (type == PDU_ASSOCIATE_RJ &&
	    pdu_parse_reject(body, left, &r, &e) == 0) {
		char text[64];
		assert(strlen(pdu_reject_text(&r, text, sizeof(text))) > 0);
	}
	return 0;
}
