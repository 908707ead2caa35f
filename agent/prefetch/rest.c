/* SPDX-License-Identifier: MIT */
/* Questions to an archive by QIDO-RS (PS3.18 10.6). */
#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "http/client.h"
#include "http/get.h"
#include "prefetch/rest.h"
#include "wire/djson.h"

#define PAGE 1000 /* answers asked for at once */
#define PAGES_MAX 1000
#define ROUND 50 /* servers cut at multiples of this */
#define PAGE_BYTES_MAX ((size_t)64 << 20) /* 64 KiB an answer */
#define URL_MAX 4096
#define JSON "application/dicom+json"

bool
rest_is_asked(const struct prefetch_archive *ar)
{
	return ar->retrieve == PREFETCH_WADO_RS && !ar->by_find;
}

static bool
is_stopped(void *ctx) /* http_stop_fn */
{
	return assoc_stop_is_asked(ctx);
}

struct http_link *
rest_open(struct assoc_stop *stop)
{
	return http_link_new((unsigned)limits()->archive_time,
	    (unsigned)limits()->least_rate, is_stopped, stop);
}

int
rest_refused(const char *service, int status, uint16_t *ret_status,
    struct err *e)
{
	bool busy = status == 429 || status == 503; /* RFC 6585 4, 9110 15 */
	if (ret_status != NULL)
		*ret_status = busy ? DIMSE_CANNOT_SEND :
		    DIMSE_UNABLE;
	bool closed = status == 401 || status == 403;
	(void)err_set(e, ERR_PEER, 0, "%s: status %d%s", service, status,
	    closed ? ", it does not let us in" :
	    status == 404 ? ", it knows no such thing" :
	    busy ? ", it is out of resources" : ""); /* -1 */
	e->sys = busy ? EBUSY : closed ? EACCES : 0; /* the text says it */
	return -1;
}

/* Where entities of the level that is asked for are, as far as the keys name
 * what they are in. */
static int
add_path(struct buf *b, const struct attrs *keys, struct err *e)
{
	const char *level = attrs_value(keys, TAG_LEVEL);
	const char *study = attrs_value(keys, TAG_STUDY_UID);
	const char *series = attrs_value(keys, TAG_SERIES_UID);
	bool in_study = uid_is_valid(study);
	bool in_series = in_study && uid_is_valid(series);
	if (str_eq(level, "STUDY")) {
		buf_add_str(b, "/studies?");
		return 0;
	}
	if (in_study)
		buf_addf(b, "/studies/%s", study);
	if (str_eq(level, "SERIES")) {
		buf_add_str(b, "/series?");
		return 0;
	}
	if (in_series)
		buf_addf(b, "/series/%s", series);
	buf_add_str(b, "/instances?");
	return str_eq(level, "IMAGE") ? 0 : err_set(e, ERR_INVAL, 0,
	    "QIDO-RS: no such level");
}

/* A list of UIDs has commas here (PS3.18 8.3.4.1). */
static void
add_value(struct buf *b, const struct attr *a)
{
	for (const char *s = a->value; *s != '\0';) {
		char one[UID_SIZE + 1];
		size_t n = strcspn(s, "\\");
		if (!str_eq(a->vr, "UI") || n >= sizeof(one)) {
			http_add_query(b, s);
			return;
		}
		(void)str_copy_n(one, sizeof(one), s, n); /* it fits */
		http_add_query(b, one);
		s += n;
		if (*s == '\\') {
			buf_add_str(b, ",");
			s++;
		}
	}
}

/* A key with a value is matched, one without is asked for. */
static int
make_url(struct buf *b, const struct prefetch_archive *ar,
    const struct attrs *keys, unsigned offset, struct err *e)
{
	size_t n = strlen(ar->dicomweb);
	while (n > 0 && ar->dicomweb[n - 1] == '/')
		n--;
	buf_clear(b);
	buf_add(b, ar->dicomweb, n);
	if (add_path(b, keys, e) != 0)
		return -1;
	for (unsigned i = 0; i < keys->n; i++) {
		const struct attr *a = &keys->a[i];
		if (a->tag == TAG_LEVEL || a->tag == TAG_CHARSET)
			continue;
		if (a->value[0] == '\0') {
			buf_addf(b, "includefield=%08X&", a->tag);
			continue;
		}
		buf_addf(b, "%08X=", a->tag);
		add_value(b, a);
		buf_add_str(b, "&");
	}
	buf_addf(b, "limit=%d&offset=%u", PAGE, offset);
	return b->failed ? err_set(e, ERR_INVAL, 0, "QIDO-RS: want an "
	    "address of at most %d bytes, have more", URL_MAX) : 0;
}

/* The answers of one question. */
struct asking {
	struct buf body;
	archive_answer_fn *fn;
	void *ctx;
	unsigned n, max;
	unsigned on_page;
	char first[UID_SIZE]; /* of the page before: what it begins with */
	bool repeats; /* it gives the same page again */
};

static int
on_head(void *ctx, const char *content_type, struct err *e)
{ /* http_sink.head */
	char shown[100];
	(void)ctx;
	return content_type[0] == '\0' || str_starts(content_type, JSON) ||
	    str_starts(content_type, "application/json") ? 0 : err_set(e,
	    ERR_PEER, 0, "QIDO-RS: want " JSON ", have '%s'", str_escape(
	    shown, sizeof(shown), content_type, strlen(content_type)));
}

static int
on_body(void *ctx, const void *p, size_t n, struct err *e) /* http_sink.body */
{
	struct asking *q = ctx;
	buf_add(&q->body, p, n);
	return !q->body.failed ? 0 : err_set(e, ERR_PEER, 0,
	    "QIDO-RS: want at most %zu bytes of answers, have more",
	    q->body.max);
}

static const char *
entity_of(const struct attrs *as)
{
	static const uint32_t tags[] = {TAG_SOP_INSTANCE, TAG_SERIES_UID,
	    TAG_STUDY_UID};
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
		if (attrs_value(as, tags[i])[0] != '\0')
			return attrs_value(as, tags[i]);
	return "";
}

static int
on_answer(void *ctx, const struct attrs *as, struct err *e) /* djson_fn */
{
	struct asking *q = ctx;
	const char *uid = entity_of(as);
	if (q->on_page++ == 0) {
		q->repeats = uid[0] != '\0' && str_eq(uid, q->first);
		(void)str_copy(q->first, UID_SIZE, uid); /* or it is none */
	}
	if (q->repeats)
		return 0;
	if (q->n++ >= q->max)
		return err_set(e, ERR_PEER, 0,
		    "QIDO-RS: want at most %u answers, have more", q->max);
	return q->fn(q->ctx, as, e);
}

static int
ask_page(struct http_link *l, struct asking *q, const char *url,
    struct err *e)
{
	struct http_sink sink = {.ctx = q, .head = on_head, .body = on_body};
	int status = 0;
	buf_clear(&q->body);
	q->on_page = 0;
	if (http_get(l, url, JSON, &sink, &status, e) != 0)
		return -1;
	if (status == 204 || (status == 200 && q->body.len == 0))
		return 0;
	if (status != 200)
		return rest_refused("QIDO-RS", status, NULL, e);
	return djson_each(q->body.p, q->body.len, on_answer, q, e);
}

int
rest_find(struct http_link *l, const struct prefetch_archive *ar,
    const struct attrs *keys, unsigned max, archive_answer_fn *fn, void *ctx,
    struct err *e)
{
	struct asking q = {.fn = fn, .ctx = ctx, .max = max};
	struct buf url;
	buf_init(&url, URL_MAX);
	buf_init(&q.body, PAGE_BYTES_MAX);
	int rc = 0;
	for (unsigned page = 0; page < PAGES_MAX; page++) {
		rc = make_url(&url, ar, keys, q.n, e);
		if (rc == 0)
			rc = ask_page(l, &q, buf_str(&url), e);
		if (rc != 0 || q.repeats || q.on_page == 0 ||
		    q.on_page % ROUND != 0)
			break;
	}
	buf_done(&q.body);
	buf_done(&url);
	return rc;
}

static int
on_nothing(void *ctx, const struct attrs *as, struct err *e)
{ /* archive_answer_fn */
	(void)ctx;
	(void)as;
	(void)e; /* that it answers is all */
	return 0;
}

int
rest_probe(const struct prefetch_archive *ar, struct assoc_stop *stop,
    struct err *e)
{
	struct http_link *l = rest_open(stop);
	struct attrs keys;
	attrs_init(&keys);
	attrs_put(&keys, TAG_LEVEL, "STUDY");
	attrs_put(&keys, TAG_STUDY_UID, "0.0"); /* nobody's */
	int rc = rest_find(l, ar, &keys, 1, on_nothing, NULL, e);
	attrs_done(&keys);
	http_link_free(&l);
	return rc;
}
