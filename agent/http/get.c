/* SPDX-License-Identifier: MIT */
/* GET requests whose answers are taken as they come. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/str.h"
#include "http/http_priv.h"
#include "http/get.h"

#define HEAD_BYTES_MAX ((size_t)64 * 1024) /* of one answer's header */
#define TYPE_SIZE 256

struct http_link {
	CURL *h; /* owned; NULL before the first request */
	unsigned idle_s, least_rate;
	bool heard;
	http_stop_fn *stop;
	void *ctx;
	char why[CURL_ERROR_SIZE];
	/* of the request under way */
	const struct http_sink *sink;
	char type[TYPE_SIZE];
	size_t head_bytes;
	bool begun; /* the sink has seen its head */
	bool failed; /* the sink, or what we ask of a header: ${e} */
	bool stopped;
	struct err *e;
};

struct http_link *
http_link_new(unsigned idle_s, unsigned least_rate, http_stop_fn *stop,
    void *ctx)
{
	struct http_link *l = mem_new(struct http_link);
	l->idle_s = idle_s;
	l->least_rate = least_rate;
	l->stop = stop;
	l->ctx = ctx;
	return l;
}

void
http_link_free(struct http_link **pp)
{
	struct http_link *l = *pp;
	*pp = NULL;
	if (l == NULL)
		return;
	if (l->h != NULL)
		curl_easy_cleanup(l->h);
	mem_free(l);
}

bool
http_link_heard(const struct http_link *l)
{
	return l->heard;
}

/* A header line; each answer (100 Continue too) begins with its status. */
static size_t
on_header(char *p, size_t size, size_t n, void *ctx)
{
	static const char name[] = "content-type:";
	struct http_link *l = ctx;
	size_t bytes = size * n;
	char line[TYPE_SIZE + sizeof(name)];
	l->head_bytes += bytes;
	if (l->head_bytes > HEAD_BYTES_MAX) {
		l->failed = true;
		(void)err_set(l->e, ERR_PEER, 0, "its header has no end");
		return 0;
	}
	if (bytes >= 5 && memcmp(p, "HTTP/", 5) == 0) {
		l->heard = true;
		l->type[0] = '\0';
	}
	if (bytes < sizeof(name) || bytes >= sizeof(line) ||
	    strncasecmp(p, name, sizeof(name) - 1) != 0)
		return bytes;
	(void)str_copy_n(line, sizeof(line), p, bytes); /* it fits */
	(void)str_copy(l->type, sizeof(l->type),
	    str_trim(line + sizeof(name) - 1)); /* one so long is unknown */
	return bytes;
}

static bool
is_success(struct http_link *l)
{
	long status = 0;
	(void)curl_easy_getinfo(l->h, CURLINFO_RESPONSE_CODE, &status);
	return status >= 200 && status <= 299;
}

static int
begin(struct http_link *l)
{
	if (l->begun)
		return 0;
	l->begun = true;
	if (l->sink->head(l->sink->ctx, l->type, l->e) == 0)
		return 0;
	l->failed = true;
	return -1;
}

static size_t
on_body(char *p, size_t size, size_t n, void *ctx)
{
	struct http_link *l = ctx;
	size_t bytes = size * n;
	if (!is_success(l)) /* its words are not for us */
		return bytes;
	if (begin(l) != 0)
		return 0;
	if (l->sink->body(l->sink->ctx, p, bytes, l->e) == 0)
		return bytes;
	l->failed = true;
	return 0;
}

static int
on_progress(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c,
    curl_off_t d)
{
	struct http_link *l = ctx;
	(void)a;
	(void)b;
	(void)c;
	(void)d; /* only a chance to stop */
	l->stopped = l->stop != NULL && l->stop(l->ctx);
	return l->stopped ? 1 : 0;
}

static int
set_up(struct http_link *l, const char *url, struct err *e)
{
	if (l->h != NULL) /* the same connection, another page */
		return curl_easy_setopt(l->h, CURLOPT_URL, url) == CURLE_OK ?
		    0 : err_set(e, ERR_NOMEM, 0, "set up the request");
	l->h = http_handle_new(NULL, url, l->why, e);
	if (l->h == NULL)
		return -1;
	(void)curl_easy_setopt(l->h, CURLOPT_LOW_SPEED_LIMIT,
	    (long)l->least_rate);
	(void)curl_easy_setopt(l->h, CURLOPT_LOW_SPEED_TIME,
	    (long)l->idle_s);
	(void)curl_easy_setopt(l->h, CURLOPT_HEADERFUNCTION, on_header);
	(void)curl_easy_setopt(l->h, CURLOPT_HEADERDATA, l);
	(void)curl_easy_setopt(l->h, CURLOPT_WRITEFUNCTION, on_body);
	(void)curl_easy_setopt(l->h, CURLOPT_WRITEDATA, l);
	(void)curl_easy_setopt(l->h, CURLOPT_NOPROGRESS, 0L);
	(void)curl_easy_setopt(l->h, CURLOPT_XFERINFOFUNCTION, on_progress);
	(void)curl_easy_setopt(l->h, CURLOPT_XFERINFODATA, l);
	(void)curl_easy_setopt(l->h, CURLOPT_BUFFERSIZE, 131072L);
	(void)curl_easy_setopt(l->h, CURLOPT_TCP_NODELAY, 1L);
	return 0;
}

/* What it came to. */
static int
conclude(struct http_link *l, CURLcode rc, int *ret_status, struct err *e)
{
	long status = 0;
	(void)curl_easy_getinfo(l->h, CURLINFO_RESPONSE_CODE, &status);
	if (l->failed)
		return -1; /* ${e} is set */
	if (l->stopped)
		return err_set(e, ERR_CANCELLED, 0, "told to stop");
	if (rc != CURLE_OK)
		return http_fail(e, rc, l->why, NULL);
	*ret_status = (int)status;
	/* a success without a body has a head all the same */
	return is_success(l) ? begin(l) : 0;
}

int
http_get(struct http_link *l, const char *url, const char *accept,
    const struct http_sink *sink, int *ret_status, struct err *e)
{
	char line[256];
	l->sink = sink;
	l->e = e;
	l->begun = l->failed = l->stopped = false;
	l->type[0] = l->why[0] = '\0';
	l->head_bytes = 0;
	if (set_up(l, url, e) != 0)
		return -1;
	(void)snprintf(line, sizeof(line), "Accept: %s", accept); /* ours */
	struct curl_slist *heads = curl_slist_append(NULL, line);
	if (heads == NULL)
		return err_set(e, ERR_NOMEM, 0, "set up the request");
	(void)curl_easy_setopt(l->h, CURLOPT_HTTPHEADER, heads);
	CURLcode rc = curl_easy_perform(l->h);
	(void)curl_easy_setopt(l->h, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(heads);
	return conclude(l, rc, ret_status, e);
}
