/* SPDX-License-Identifier: MIT
 *
 * multipart: the parts of a multipart body (RFC 2046 5.1) out of pieces that
 * are cut anywhere.
 * Called on any thread; pure. Owns nothing and keeps no part: what comes goes
 * on at once. A body that breaks off is never over.
 */
#ifndef WIRE_MULTIPART_H
#define WIRE_MULTIPART_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define MULTIPART_BOUNDARY_MAX 70 /* characters, RFC 2046 5.1.1 */

enum multipart_what { MULTIPART_BEGIN, MULTIPART_DATA, MULTIPART_END };

/* A part begins, goes on with ${n} bytes, ends; -1 (with ${e}) ends the
 * whole. */
typedef int multipart_fn(void *ctx, enum multipart_what what,
    const void *data, size_t n, struct err *e);

enum multipart_state {
	MULTIPART_BEFORE, /* the first delimiter */
	MULTIPART_AFTER, /* a delimiter */
	MULTIPART_HYPHEN, /* and one hyphen: it may be the last */
	MULTIPART_PADDING, /* blanks to the end of its line */
	MULTIPART_HEAD, /* of a part */
	MULTIPART_BODY,
	MULTIPART_OVER, /* what follows does not matter */
};

struct multipart {
	char delimiter[4 + MULTIPART_BOUNDARY_MAX + 1]; /* CR LF -- boundary */
	size_t delimiter_n;
	size_t matched; /* bytes of it that have come */
	size_t head_n; /* bytes before the first delimiter, or of a head */
	bool line_is_empty; /* of a head, so far */
	enum multipart_state state;
	multipart_fn *fn;
	void *ctx;
};

/* Begin a body of this Content-Type: multipart/... with a boundary, else
 * ERR_PEER. */
int multipart_begin(struct multipart *m, const char *content_type,
    multipart_fn *fn, void *ctx, struct err *e);
/* The next bytes. -1: ${e} is set, nothing more may come. */
int multipart_feed(struct multipart *m, const char *p, size_t n,
    struct err *e);
/* Whether the last delimiter has come: the body is whole. */
bool multipart_is_over(const struct multipart *m);

#endif
