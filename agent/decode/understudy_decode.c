/* SPDX-License-Identifier: MIT */
/* understudy-decode: objects on standard input, rewritten in another transfer
 * syntax on standard output, as include/dicom/decode.h says; until the end of
 * input.
 *
 * Codecs are the part of any DICOM program that breaks: so they run here, in
 * a sandbox, and whoever breaks them has a process that can do nothing.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "decode/decode_priv.h"
#include "dicom/decode.h"

#define PIECE (256 * 1024) /* bytes from the toolkit at once */
#define ALARM_S (DECODE_MS / 1000 + 30) /* the agent gave up long before */

struct request {
	uint64_t n;
	char from[DECODE_SYNTAX + 1];
	char to[DECODE_SYNTAX + 1];
};

static uint8_t piece[PIECE];

/* All of ${n} bytes: 1, or 0 at the end of input before the first, or -1. */
static int
get_all(void *p, size_t n)
{
	uint8_t *at = p;
	size_t left = n;
	while (left > 0) {
		ssize_t k = read(0, at, left);
		if (k == 0)
			return left == n ? 0 : -1;
		if (k == -1 && errno != EINTR)
			return -1;
		if (k > 0) {
			at += k;
			left -= (size_t)k;
		}
	}
	return 1;
}

static int
put_all(const void *p, size_t n)
{
	const uint8_t *at = p;
	while (n > 0) {
		ssize_t k = write(1, at, n);
		if (k == 0 || (k == -1 && errno != EINTR))
			return -1;
		if (k > 0) {
			at += k;
			n -= (size_t)k;
		}
	}
	return 0;
}

/* The head of a request: 1, or 0 at the end of input, or -1. */
static int
get_request(struct request *r)
{
	uint8_t head[8 + 2 * DECODE_SYNTAX];
	int rc = get_all(head, sizeof(head));
	if (rc != 1)
		return rc;
	struct cur c = cur_of(head, sizeof(head));
	r->n = cur_u64le(&c);
	memcpy(r->from, cur_take(&c, DECODE_SYNTAX), DECODE_SYNTAX);
	memcpy(r->to, cur_take(&c, DECODE_SYNTAX), DECODE_SYNTAX);
	r->from[DECODE_SYNTAX] = '\0';
	r->to[DECODE_SYNTAX] = '\0';
	return 1;
}

static int
put_reason(const struct err *e)
{
	uint8_t out[4 + DECODE_REASON] = {0};
	size_t n = strlen(e->msg);
	if (n > DECODE_REASON)
		n = DECODE_REASON;
	out[0] = (uint8_t)n; /* fits a byte: 200 at most */
	memcpy(out + 4, e->msg, n);
	return put_all(out, 4 + n);
}

static int
put_result(struct transcoded *t, uint64_t n)
{
	uint8_t head[4 + 8] = {0};
	struct err e;
	for (unsigned i = 0; i < 8; i++)
		head[4 + i] = (uint8_t)(n >> 8 * i);
	if (put_all(head, sizeof(head)) == -1)
		return -1;
	while (n > 0) {
		size_t k;
		if (transcoded_read(t, piece, sizeof(piece), &k, &e) == -1 ||
		    k == 0 || k > n)
			return -1; /* the agent sees less than was said */
		if (put_all(piece, k) == -1)
			return -1;
		n -= k;
	}
	return 0;
}

/* Read past ${n} bytes that there is no memory for. */
static int
skip(uint64_t n)
{
	while (n > 0) {
		size_t k = n < sizeof(piece) ? (size_t)n : sizeof(piece);
		if (get_all(piece, k) != 1)
			return -1;
		n -= k;
	}
	return 0;
}

/* One object: 1 answered, 0 at the end of input, -1 when nothing more can
 * be said. */
static int
serve(void)
{
	struct request r;
	struct err e;
	uint64_t size;
	int rc = get_request(&r);
	if (rc != 1)
		return rc;
	if (r.n > DECODE_OBJECT_MAX) {
		(void)err_set(&e, ERR_PARSE, 0, "the object is too large");
		(void)put_reason(&e); /* we end anyway */
		return -1;
	}
	uint8_t *p = mem_try((size_t)r.n + 1, &e); /* 0 bytes are no error */
	if (p == NULL)
		return skip(r.n) == 0 && put_reason(&e) == 0 ? 1 : -1;
	if (r.n > 0 && get_all(p, (size_t)r.n) != 1) {
		mem_free(p);
		return -1;
	}
	/* should the agent die meanwhile, nobody else would end us */
	(void)alarm(ALARM_S + (unsigned)(r.n >> 22));
	struct transcoded *t = transcode(&p, (size_t)r.n, r.from, r.to, &size,
	    &e);
	(void)alarm(0);
	rc = t == NULL ? put_reason(&e) : put_result(t, size);
	transcoded_free(&t);
	return rc == 0 ? 1 : -1;
}

static int
complain(const struct err *e)
{
	(void)!write(2, e->msg, strlen(e->msg)); /* nobody else to tell */
	(void)!write(2, "\n", 1);
	return 2;
}

int
main(int argc, char **argv)
{
	struct err e;
	if (argc > 1 && str_eq(argv[1], "--self-test"))
		return sandbox_test_run();
	if (transcode_init(&e) == -1)
		return complain(&e);
	if (sandbox_enter(&e) == -1)
		return complain(&e);
	int rc;
	do
		rc = serve();
	while (rc == 1);
	/* no way back through destructors: they might want the system */
	_exit(rc == 0 ? 0 : 1);
}
