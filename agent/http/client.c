/* SPDX-License-Identifier: MIT */
/* Blocking HTTP exchanges and event streams, with libcurl's easy interface. */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "http/client.h"
#include "http/http_priv.h"

#define CONNECT_MS 5000 /* the agent is on this machine or in this house */
#define EVENT_BYTES_MAX (64u << 20) /* one event; the stream ends above */
#define QUIET_S 45 /* our server says something every 15 s */

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
begin(void)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		mem_die(); /* before the first request */
}

/* Options can only fail for what this libcurl was built without; then the
 * transfer fails as well, except for the ones checked here. */
CURL *
http_handle_new(const char *socket, const char *url, char *why, struct err *e)
{
	(void)pthread_once(&once, begin); /* cannot fail for a valid once */
	CURL *h = curl_easy_init();
	if (h == NULL) {
		(void)err_set(e, ERR_NOMEM, 0, "start libcurl");
		return NULL;
	}
	CURLcode rc = curl_easy_setopt(h, CURLOPT_URL, url);
	if (rc == CURLE_OK && socket != NULL)
		rc = curl_easy_setopt(h, CURLOPT_UNIX_SOCKET_PATH, socket);
#if LIBCURL_VERSION_NUM >= 0x075500
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(h, CURLOPT_PROTOCOLS,
		    (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, 0L);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(h, CURLOPT_PROXY, ""); /* nor from env */
	if (rc != CURLE_OK) {
		(void)err_set(e, ERR_INVAL, 0, "set up the request: %s",
		    curl_easy_strerror(rc));
		curl_easy_cleanup(h);
		return NULL;
	}
	why[0] = '\0';
	(void)curl_easy_setopt(h, CURLOPT_ERRORBUFFER, why);
	(void)curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	(void)curl_easy_setopt(h, CURLOPT_USERAGENT, "understudy");
	return h;
}

/* libcurl would speak of port 80, whatever the socket. */
static int
fail_socket(struct err *e, const char *socket)
{
	if (access(socket, R_OK | W_OK) == 0 || errno != EACCES)
		return err_set(e, ERR_NET, 0, "nobody listens at '%s'",
		    socket);
	(void)err_set(e, ERR_NET, 0, "not allowed to reach '%s': run as the "
	    "agent's user or as root", socket);
	e->sys = EACCES; /* the text says it already */
	return -1;
}

int
http_fail(struct err *e, CURLcode rc, const char *why, const char *socket)
{
	enum err_code code = ERR_NET;
	if (rc == CURLE_COULDNT_CONNECT && socket != NULL)
		return fail_socket(e, socket);
	if (rc == CURLE_OPERATION_TIMEDOUT)
		code = ERR_TIMEOUT;
	else if (rc == CURLE_HTTP_RETURNED_ERROR ||
	    rc == CURLE_WEIRD_SERVER_REPLY)
		code = ERR_PEER;
	else if (rc == CURLE_OUT_OF_MEMORY)
		code = ERR_NOMEM;
	else if (rc == CURLE_URL_MALFORMAT ||
	    rc == CURLE_UNSUPPORTED_PROTOCOL)
		code = ERR_INVAL;
	return err_set(e, code, 0, "%s", why[0] != '\0' ? why :
	    curl_easy_strerror(rc));
}

static size_t
take_body(char *p, size_t size, size_t n, void *ctx)
{
	struct buf *b = ctx;
	buf_add(b, p, size * n); /* size is 1: libcurl's word */
	return b->failed ? 0 : size * n; /* 0 ends the transfer */
}

int
http_exchange(const struct http_ask *ask, struct buf *body, int *ret_status,
    struct err *e)
{
	char why[CURL_ERROR_SIZE];
	long status = 0;
	buf_clear(body);
	CURL *h = http_handle_new(ask->socket, ask->url, why, e);
	if (h == NULL)
		return -1;
	if (ask->post)
		(void)curl_easy_setopt(h, CURLOPT_POSTFIELDS, "");
	(void)curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, (long)ask->timeout_ms);
	(void)curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, take_body);
	(void)curl_easy_setopt(h, CURLOPT_WRITEDATA, body);
	CURLcode rc = curl_easy_perform(h);
	(void)curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_cleanup(h);
	if (body->failed)
		return err_set(e, ERR_FULL, 0,
		    "answer: want at most %zu bytes, have more", body->max);
	if (rc != CURLE_OK)
		return http_fail(e, rc, why, ask->socket);
	*ret_status = (int)status;
	return 0;
}

static void
add_but(struct buf *b, const char *s, const char *plain)
{
	for (; *s != '\0'; s++) {
		bool as_is = (*s >= 'a' && *s <= 'z') ||
		    (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') ||
		    strchr(plain, *s) != NULL;
		if (as_is)
			buf_add(b, s, 1);
		else
			buf_addf(b, "%%%02X", (unsigned char)*s);
	}
}

void
http_add_escaped(struct buf *b, const char *s)
{
	add_but(b, s, "-._~");
}

void
http_add_query(struct buf *b, const char *s)
{
	add_but(b, s, "-._~!$'()*,;:@/?");
}

/* An event stream being read: lines are gathered over any chunks. */
struct reading {
	struct buf line, event;
	http_event_fn *fn;
	void *ctx;
	bool ended; /* ${fn} wants no more */
};

/* Data lines of one event are joined by a line feed; an empty line sends
 * it; comments and other fields do not matter here (HTML, 9.2.6). */
static void
take_line(struct reading *r)
{
	if (r->line.len > 0 && r->line.p[r->line.len - 1] == '\r')
		r->line.len--; /* CR LF ends a line as well */
	const char *s = buf_str(&r->line);
	if (s[0] == '\0') {
		if (r->event.len > 0)
			r->ended = !r->fn(r->ctx, buf_str(&r->event));
		buf_clear(&r->event);
	} else if (str_starts(s, "data:")) {
		s += strlen("data:");
		if (r->event.len > 0)
			buf_add_str(&r->event, "\n");
		buf_add_str(&r->event, s + (s[0] == ' '));
	}
}

static size_t
take_stream(char *p, size_t size, size_t n, void *ctx)
{
	struct reading *r = ctx;
	size_t left = size * n;
	while (left > 0 && !r->ended) {
		char *end = memchr(p, '\n', left);
		size_t part = end == NULL ? left : (size_t)(end - p);
		buf_add(&r->line, p, part);
		if (end != NULL) {
			take_line(r);
			buf_clear(&r->line);
			part++;
		}
		if (r->line.failed || r->event.failed)
			return 0;
		p += part;
		left -= part;
	}
	return r->ended ? 0 : size * n;
}

int
http_events(const char *socket, const char *url, http_event_fn *fn, void *ctx,
    struct err *e)
{
	char why[CURL_ERROR_SIZE];
	struct reading r = {.fn = fn, .ctx = ctx};
	CURL *h = http_handle_new(socket, url, why, e);
	if (h == NULL)
		return -1;
	buf_init(&r.line, EVENT_BYTES_MAX);
	buf_init(&r.event, EVENT_BYTES_MAX);
	(void)curl_easy_setopt(h, CURLOPT_FAILONERROR, 1L);
	(void)curl_easy_setopt(h, CURLOPT_LOW_SPEED_LIMIT, 1L);
	(void)curl_easy_setopt(h, CURLOPT_LOW_SPEED_TIME, (long)QUIET_S);
	(void)curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, take_stream);
	(void)curl_easy_setopt(h, CURLOPT_WRITEDATA, &r);
	CURLcode rc = curl_easy_perform(h);
	curl_easy_cleanup(h);
	bool too_long = r.line.failed || r.event.failed;
	buf_done(&r.line);
	buf_done(&r.event);
	if (r.ended)
		return 0;
	if (too_long)
		return err_set(e, ERR_FULL, 0, "event: too long");
	if (rc == CURLE_OK)
		return err_set(e, ERR_NET, 0, "the event stream ended");
	return http_fail(e, rc, why, socket);
}
