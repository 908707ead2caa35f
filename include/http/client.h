/* SPDX-License-Identifier: MIT
 *
 * client: one blocking HTTP exchange over a unix socket or TCP (libcurl).
 * Called by the command, and by tests. Owns nothing between calls.
 * Bounded in time and size; never follows a redirect, never uses a proxy.
 */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

struct http_ask {
	const char *socket; /* unix socket path, NULL = TCP by ${url} */
	const char *url; /* "http://localhost/api/status" */
	bool post; /* with an empty body */
	int timeout_ms; /* whole exchange */
};

/* The answer's body into ${body} (cleared first; its max bounds it) and the
 * status code into ${ret_status}. ERR_NET when nobody answers, with sys
 * EACCES when we are not allowed to reach the socket. */
int http_exchange(const struct http_ask *ask, struct buf *body,
    int *ret_status, struct err *e);

/* Append ${s} percent-encoded for a query value (RFC 3986 2.3). */
void http_add_escaped(struct buf *b, const char *s);
/* The same, but leave what a query may hold as it is (RFC 3986 3.4), all but
 * '&', '=' and '+': some servers decode nothing. */
void http_add_query(struct buf *b, const char *s);

/* Read an event stream: ${fn} gets each event's data; return false to end.
 * Ends with 0 then, or -1 when the connection ends. */
typedef bool http_event_fn(void *ctx, const char *data);
int http_events(const char *socket, const char *url, http_event_fn *fn,
    void *ctx, struct err *e);

#endif
