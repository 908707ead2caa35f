/* SPDX-License-Identifier: MIT
 *
 * get: GET requests to an archive whose answers are taken as they come
 * (libcurl). Called on a worker; a link belongs to one. Owns its connection,
 * which is kept between requests.
 * Bounded in silence, not in time; certificates are verified; never follows a
 * redirect, never uses a proxy.
 */
#ifndef HTTP_GET_H
#define HTTP_GET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct http_link;

/* Whether to give up; asked once a second or more often. */
typedef bool http_stop_fn(void *ctx);
/* A request ends with ERR_TIMEOUT when over ${idle_s} seconds less than
 * ${least_rate} bytes/s came. ${stop} may be NULL. */
struct http_link *http_link_new(unsigned idle_s, unsigned least_rate,
    http_stop_fn *stop, void *ctx);
/* NULL is fine. */
void http_link_free(struct http_link **pp);

/* Whether the server has ever answered anything. */
bool http_link_heard(const struct http_link *l);

struct http_sink {
	void *ctx;
	/* The answer is a success (200 to 299) of this Content-Type ("" when
	 * it has none); -1 with ${e} refuses it. */
	int (*head)(void *ctx, const char *content_type, struct err *e);
	/* Its next bytes; -1 with ${e} ends it. */
	int (*body)(void *ctx, const void *p, size_t n, struct err *e);
};
/* GET ${url} with this Accept. 0 and ${ret_status}: through, and unless that
 * is a success the sink has seen nothing. -1: cut, refused, too slow, told to
 * stop (ERR_CANCELLED), or the sink's own error. */
int http_get(struct http_link *l, const char *url, const char *accept,
    const struct http_sink *sink, int *ret_status, struct err *e);

#endif
