/* SPDX-License-Identifier: MIT */
/* Retrieving what is missing by WADO-RS (PS3.18 10.4): the study at once when
 * nothing of it is here, else series that are missing as a whole, and single
 * instances, from a far archive by several connections.
 *
 * DESIGN  Each part of the answer is a DICOM file. Its group 0002 tells the
 * class, the instance and the syntax, what follows is the data set as the
 * archive has it, and goes through the intake like what a C-GET brings. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/str.h"
#include "http/get.h"
#include "prefetch/rest.h"
#include "wire/multipart.h"
#include "wire/part10.h"

#define URL_MAX 4096
#define ACCEPT "multipart/related; type=\"application/dicom\"; " \
	"transfer-syntax=*"

struct part {
	struct transfer *t;
	struct multipart m;
	struct buf head; /* of the file, until its group 0002 is whole */
	size_t head_n; /* bytes of it; 0 = not known yet */
	int64_t asked_ns; /* uptime */
	bool taken; /* ${v} has begun */
	struct arrival v;
	struct part10 file;
};

/* More of the file's head; how many bytes were used. */
static size_t
add_head(struct part *a, const uint8_t *p, size_t n)
{
	size_t want = a->head_n > 0 ? a->head_n : PART10_FIRST;
	size_t k = want - a->head.len < n ? want - a->head.len : n;
	buf_add(&a->head, p, k);
	if (a->head.len == PART10_FIRST && a->head_n == 0)
		a->head_n = part10_data_at(a->head.p);
	return k;
}

static int
take_head(struct part *a, const uint8_t **p, size_t *n, struct err *e)
{
	while (!a->taken && *n > 0) {
		size_t k = add_head(a, *p, *n);
		*p += k;
		*n -= k;
		if (a->head.len >= PART10_FIRST && a->head_n == 0)
			return err_set(e, ERR_PEER, 0,
			    "WADO-RS: a part is no DICOM file");
		if (a->head_n == 0 || a->head.len < a->head_n)
			continue;
		if (!part10_read(a->head.p, a->head_n, &a->file))
			return err_set(e, ERR_PEER, 0,
			    "WADO-RS: a file does not say what it is");
		struct intake_object o = {.own = a->t->ticket,
		    .class_uid = a->file.class_uid,
		    .instance_uid = a->file.instance_uid,
		    .syntax = a->file.syntax};
		(void)intake_begin(&a->v, a->t->in, &o); /* its end tells */
		a->taken = true;
	}
	return 0;
}

static int
on_part(void *ctx, enum multipart_what what, const void *data, size_t n,
    struct err *e)
{ /* multipart_fn */
	struct part *a = ctx;
	const uint8_t *p = data;
	struct err full; /* it is dropped, and its end tells */
	switch (what) {
	case MULTIPART_BEGIN:
		buf_clear(&a->head);
		a->head_n = 0;
		a->taken = false;
		return 0;
	case MULTIPART_DATA:
		if (take_head(a, &p, &n, e) != 0)
			return -1;
		if (n > 0)
			(void)intake_write(&a->v, p, n, &full); /* see above */
		return 0;
	case MULTIPART_END:
		break;
	}
	if (!a->taken)
		return err_set(e, ERR_PEER, 0,
		    "WADO-RS: a part is no DICOM file");
	a->taken = false;
	(void)intake_end(&a->v); /* the list of what is here tells */
	return transfer_may_go_on(a->t, e);
}

static int
on_head(void *ctx, const char *content_type, struct err *e)
{ /* http_sink.head */
	struct part *a = ctx;
	a->t->waited_ns += clock_uptime_ns() - a->asked_ns;
	/* one file alone would not say whether it is whole */
	return multipart_begin(&a->m, content_type, on_part, a, e);
}

static int
on_body(void *ctx, const void *p, size_t n, struct err *e) /* http_sink.body */
{
	struct part *a = ctx;
	return multipart_feed(&a->m, p, n, e);
}

/* GET ${url}: 0 all of it came; 1 it has not got that; -1. */
static int
get(struct part *a, struct http_link *l, const char *url, struct err *e)
{
	struct http_sink sink = {.ctx = a, .head = on_head, .body = on_body};
	struct transfer *t = a->t;
	int status = 0;
	a->asked_ns = clock_uptime_ns();
	int rc = http_get(l, url, ACCEPT, &sink, &status, e);
	bool came = rc == 0 && status >= 200 && status <= 299;
	if (came && !multipart_is_over(&a->m))
		rc = err_set(e, ERR_NET, 0,
		    "WADO-RS: the answer ends in the middle");
	if (a->taken) /* it will not be whole */
		intake_drop(&a->v);
	a->taken = false;
	if (came) {
		t->n_came++;
		lane_judge(t);
	}
	if (rc != 0 || came)
		return rc;
	(void)rest_refused("WADO-RS", status, &t->status, e); /* -1 */
	(void)str_copy(t->said, sizeof(t->said), e->msg); /* a cut is fine */
	return status == 404 || status == 410 ? 1 : -1;
}

/* The instances of ${uids}, joined by '\', one by one: what one cannot give is
 * left out. */
static int
get_each(struct part *a, struct http_link *l, const char *base,
    const char *uids, struct err *e)
{
	char url[URL_MAX];
	while (uids[0] != '\0') {
		size_t n = strcspn(uids, "\\");
		(void)snprintf(url, sizeof(url), "%s/instances/%.*s", base,
		    (int)n, uids); /* of valid UIDs: it fits */
		uids += n + (uids[n] != '\0');
		if (get(a, l, url, e) < 0 ||
		    transfer_may_go_on(a->t, e) != 0)
			return -1;
	}
	return 0;
}

static int
retrieve(struct part *a, struct http_link *l, const struct attrs *keys,
    struct err *e)
{
	char base[URL_MAX / 2];
	const char *series = attrs_value(keys, TAG_SERIES_UID);
	const char *top = a->t->ar->dicomweb;
	size_t n = strlen(top);
	while (n > 0 && top[n - 1] == '/')
		n--;
	int k = snprintf(base, sizeof(base), "%.*s/studies/%s%s%s", (int)n,
	    top, a->t->ticket->study_uid, series[0] != '\0' ? "/series/" : "",
	    series);
	if (k < 0 || (size_t)k >= sizeof(base))
		return err_set(e, ERR_INVAL, 0, "dicomweb: the address is "
		    "too long");
	const char *uids = attrs_value(keys, TAG_SOP_INSTANCE);
	if (uids[0] != '\0')
		return get_each(a, l, base, uids, e);
	int rc = get(a, l, base, e);
	if (rc == 1) { /* perhaps it knows its parts */
		a->t->grain = series[0] == '\0' ? GRAIN_SERIES :
		    GRAIN_INSTANCE;
		ticket_give_back(&a->t->in->tickets, a->t->ticket,
		    (uint8_t)(a->t->lane + 1));
	}
	return rc < 0 ? -1 : 0; /* what did not come, the lines tell */
}

int
transfer_rest_once(struct transfer *t, struct err *e)
{
	struct part a = {.t = t};
	struct http_link *l = rest_open(t->stop);
	struct attrs keys;
	int rc = 0;
	buf_init(&a.head, PART10_FIRST + PART10_META_MAX);
	while (rc == 0 && !transfer_makes_place(t) &&
	    transfer_next(t, &keys) == 1) {
		rc = retrieve(&a, l, &keys, e);
		attrs_done(&keys);
		if (rc == 0)
			rc = transfer_may_go_on(t, e);
	}
	buf_done(&a.head);
	http_link_free(&l);
	return rc;
}
