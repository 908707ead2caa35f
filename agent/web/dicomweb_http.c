/* SPDX-License-Identifier: MIT */
/* DICOMweb between libmicrohttpd and us: a request read, a response made.
 * All on the server's threads. */
#include <string.h>

#include <microhttpd.h>

#include "base/mem.h"
#include "base/str.h"
#include "dicomweb_priv.h"

#define ARGS_MAX 1024 /* of one query; the rest is not looked at */
#define BLOCK_BYTES ((size_t)128 << 10) /* asked of a body at a time */

static enum MHD_Result
on_arg(void *cls, enum MHD_ValueKind kind, const char *key,
    const char *value)
{
	struct dw_ask *ask = cls;
	(void)kind; /* the one that was asked for */
	if (ask->n_args >= ARGS_MAX)
		return MHD_NO;
	dw_ask_add(ask, key, value == NULL ? "" : value);
	return MHD_YES;
}

static char *
header(struct MHD_Connection *conn, const char *name)
{
	const char *s = MHD_lookup_connection_value(conn, MHD_HEADER_KIND,
	    name);
	return s == NULL ? NULL : str_dup(s);
}

/* Accept may come in several lines, RFC 9110 5.3. */
static enum MHD_Result
on_header(void *cls, enum MHD_ValueKind kind, const char *key,
    const char *value)
{
	struct buf *b = cls;
	(void)kind; /* the one that was asked for */
	if (value == NULL || !str_eq_nocase(key, "Accept"))
		return MHD_YES;
	if (b->len > 0)
		buf_add_str(b, ",");
	buf_add_str(b, value);
	return MHD_YES;
}

struct dw_request *
dicomweb_read(struct MHD_Connection *conn, const char *url)
{
	struct dw_request *rq = mem_new(struct dw_request);
	struct buf accept;
	buf_init(&accept, 64 * 1024); /* more than a whole header has */
	(void)MHD_get_connection_values(conn, MHD_HEADER_KIND, on_header,
	    &accept); /* how many does not matter */
	(void)MHD_get_connection_values(conn, MHD_GET_ARGUMENT_KIND, on_arg,
	    &rq->ask);
	rq->ask.path = str_dup(url);
	rq->ask.host = header(conn, "Host");
	if (rq->ask.host == NULL) /* the control socket */
		rq->ask.host = str_dup("localhost");
	rq->ask.accept = str_dup(buf_str(&accept));
	rq->ask.encoding = header(conn, "Accept-Encoding");
	rq->ask.if_none_match = header(conn, "If-None-Match");
	buf_done(&accept);
	return rq;
}

void
dicomweb_free_request(struct dw_request **pp)
{
	struct dw_request *rq = *pp;
	*pp = NULL;
	if (rq == NULL)
		return;
	dicomweb_done(rq);
	mem_free(rq);
}

static ssize_t
read_body(void *cls, uint64_t pos, char *out, size_t max)
{
	struct err e;
	(void)pos; /* the body has its own place */
	int64_t n = body_read(cls, out, max, &e);
	if (n < 0)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	return n == 0 ? MHD_CONTENT_READER_END_OF_STREAM : (ssize_t)n;
}

static void
free_body(void *cls)
{
	struct body *b = cls;
	body_free(&b);
}

struct MHD_Response *
dicomweb_response(struct dw_request *rq)
{
	struct dw_answer *a = &rq->answer;
	struct MHD_Response *r;
	if (a->body != NULL) {
		uint64_t n = body_length(a->body);
		r = MHD_create_response_from_callback(n == BODY_UNKNOWN ?
		    MHD_SIZE_UNKNOWN : n, BLOCK_BYTES, read_body, a->body,
		    free_body);
		if (r != NULL)
			a->body = NULL; /* the response owns it now */
	} else {
		r = MHD_create_response_from_buffer(strlen(a->text), a->text,
		    MHD_RESPMEM_MUST_COPY);
	}
	if (r == NULL)
		return NULL;
	/* these fail only without memory; the answer is then the poorer */
	const char *const headers[][2] = {
		{"Content-Type", a->type[0] != '\0' ? a->type : NULL},
		{"ETag", a->etag[0] != '\0' ? a->etag : NULL},
		{"Warning", a->warning[0] != '\0' ? a->warning : NULL},
		{"Content-Disposition", a->disposition},
		{"Content-Encoding", a->gzip ? "gzip" : NULL},
		{"Vary", "Accept, Accept-Encoding, Origin"},
	};
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		if (headers[i][1] != NULL)
			(void)MHD_add_response_header(r, headers[i][0],
			    headers[i][1]);
	return r;
}

void
dicomweb_cross(struct MHD_Response *r, const char *origin)
{
	const char *const headers[][2] = {
		{"Access-Control-Allow-Origin", origin},
		{"Access-Control-Allow-Methods", "GET, HEAD, OPTIONS"},
		{"Access-Control-Allow-Headers", "Accept, Accept-Encoding, "
		    "Authorization, Content-Type, If-None-Match, "
		    "X-Requested-With"},
		{"Access-Control-Expose-Headers", "Content-Disposition, "
		    "Content-Encoding, Content-Length, ETag, Warning"},
		/* a page of the network asks a server of this machine */
		{"Access-Control-Allow-Private-Network", "true"},
		{"Access-Control-Max-Age", "600"},
	};
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		(void)MHD_add_response_header(r, headers[i][0],
		    headers[i][1]); /* without memory the page is refused */
}
