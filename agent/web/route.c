/* SPDX-License-Identifier: MIT */
/* From a path to its answer: one table. */
#include <string.h>

#include "base/str.h"
#include "web_priv.h"

#define TYPE_JSON "application/json; charset=utf-8"
#define TYPE_TEXT "text/plain; charset=utf-8"

typedef void route_fn(const struct web_desk *d, const struct web_ask *ask,
    struct web_answer *a);

void
route_error(struct web_answer *a, int status, const char *text)
{
	json_t *o = json_object();
	put_str(o, "error", text);
	a->status = status;
	a->type = TYPE_JSON;
	buf_clear(&a->body);
	put_text(&a->body, o);
}

void
route_set_case(struct web_ask *ask, const char *value)
{
	ask->has_case = value != NULL;
	if (value == NULL || !str_copy(ask->case_id, sizeof(ask->case_id),
	    value))
		ask->case_id[0] = '\0';
}

void
route_set_study(struct web_ask *ask, const char *value)
{
	ask->has_study = value != NULL;
	if (value == NULL || !uid_is_valid(value) ||
	    !str_copy(ask->study_uid, sizeof(ask->study_uid), value))
		ask->study_uid[0] = '\0';
}

static void
answer_json(struct web_answer *a, json_t *take)
{
	if (take == NULL) {
		route_error(a, 404, "want a known id, have an unknown one");
		return;
	}
	a->status = 200;
	a->type = TYPE_JSON;
	put_text(&a->body, take);
}

static void
get_status(const struct web_desk *d, const struct web_ask *ask,
    struct web_answer *a) /* route_fn */
{
	(void)ask; /* has no parameters */
	struct web_facts f = {0};
	d->ports->facts(d->ports->ctx, &f);
	answer_json(a, report_status(d, &f));
}

static void
get_cases(const struct web_desk *d, const struct web_ask *ask,
    struct web_answer *a) /* route_fn */
{
	answer_json(a, listing_cases(d, ask->all));
}

static void
get_studies(const struct web_desk *d, const struct web_ask *ask,
    struct web_answer *a) /* route_fn */
{
	(void)ask; /* has no parameters */
	answer_json(a, listing_studies(d));
}

static void
get_study(const struct web_desk *d, const struct web_ask *ask,
    struct web_answer *a) /* route_fn */
{
	const char *uid = ask->path + strlen("/api/studies/");
	const struct board_study *s = uid_is_valid(uid) ?
	    board_study(d->board, uid) : NULL;
	answer_json(a, s == NULL ? NULL : listing_study(d, s));
}

static void
get_why(const struct web_desk *d, const struct web_ask *ask,
    struct web_answer *a) /* route_fn */
{
	if (ask->has_case == ask->has_study)
		route_error(a, 400, "query: want case=ID or study=UID");
	else if (ask->has_case)
		answer_json(a, listing_why_case(d, ask->case_id));
	else
		answer_json(a, listing_why_study(d, ask->study_uid));
}

static void
get_metrics(const struct web_desk *d, const struct web_ask *ask,
    struct web_answer *a) /* route_fn */
{
	(void)ask; /* has no parameters */
	struct web_facts f = {0};
	d->ports->facts(d->ports->ctx, &f);
	a->status = 200;
	a->type = "text/plain; version=0.0.4; charset=utf-8";
	metrics_write(d, &f, &a->body);
}

static void
get_health(const struct web_desk *d, const struct web_ask *ask,
    struct web_answer *a) /* route_fn */
{
	(void)ask; /* has no parameters */
	struct web_facts f = {0};
	d->ports->facts(d->ports->ctx, &f);
	a->status = f.healthy ? 200 : 503;
	a->type = TYPE_TEXT;
	buf_add_str(&a->body, f.healthy ? "ok" : f.trouble);
	buf_add_str(&a->body, "\n");
}

static void
get_events(const struct web_desk *d, const struct web_ask *ask,
    struct web_answer *a) /* route_fn */
{
	(void)d; /* web.c sends the events */
	(void)ask; /* has no parameters */
	a->status = 200;
	a->type = "text/event-stream; charset=utf-8";
	a->stream = true;
}

static void
get_page(const struct web_desk *d, const struct web_ask *ask,
    struct web_answer *a) /* route_fn */
{
	(void)d; /* the page asks for what it shows */
	(void)ask; /* has no parameters */
	a->status = 200;
	a->type = "text/html; charset=utf-8";
	buf_add(&a->body, web_page, web_page_size);
}

static void
get_icon(const struct web_desk *d, const struct web_ask *ask,
    struct web_answer *a) /* route_fn */
{
	(void)d; /* a constant */
	(void)ask; /* has no parameters */
	a->status = 200;
	a->type = "image/svg+xml";
	buf_add_str(&a->body, "<svg xmlns=\"http://www.w3.org/2000/svg\" "
	    "viewBox=\"0 0 32 32\"><circle cx=\"16\" cy=\"16\" r=\"15\" "
	    "fill=\"#0f766e\"/><path d=\"M4 17h6l3-8 5 15 3-7h7\" "
	    "fill=\"none\" stroke=\"#fff\" stroke-width=\"2.6\" "
	    "stroke-linecap=\"round\" stroke-linejoin=\"round\"/></svg>\n");
}

/* What a POST came to, with the object as it is now. */
static void
answer_outcome(const struct web_desk *d, const struct web_ask *ask,
    const struct web_outcome *o, struct web_answer *a)
{
	if (o->status < 200 || o->status > 299) {
		route_error(a, o->status, o->text);
		return;
	}
	json_t *json = json_object();
	put_str(json, "result", o->text);
	const struct board_case *c = ask->has_case ?
	    board_case(d->board, ask->case_id) : NULL;
	const struct board_study *s = ask->has_study ?
	    board_study(d->board, ask->study_uid) : NULL;
	if (c != NULL)
		put_new(json, "case", listing_case(d, c));
	if (s != NULL)
		put_new(json, "study", listing_study(d, s));
	answer_json(a, json);
	a->status = o->status;
}

static void
post_prefetch(const struct web_desk *d, const struct web_ask *ask,
    struct web_answer *a) /* route_fn */
{
	struct web_outcome o = {.status = 404, .text = "not known"};
	if (ask->has_case == ask->has_study) {
		route_error(a, 400, "query: want case=ID or study=UID");
		return;
	}
	if (ask->case_id[0] != '\0')
		d->ports->prefetch(d->ports->ctx, ask->case_id, NULL, &o);
	else if (ask->study_uid[0] != '\0')
		d->ports->prefetch(d->ports->ctx, NULL, ask->study_uid, &o);
	answer_outcome(d, ask, &o, a);
}

static void
post_look(const struct web_desk *d, const struct web_ask *ask,
    struct web_answer *a) /* route_fn */
{
	struct web_outcome o = {.status = 202};
	d->ports->look(d->ports->ctx, &o);
	answer_outcome(d, ask, &o, a);
}

static bool
names_study(const struct web_ask *ask, struct web_answer *a)
{
	if (!ask->has_study)
		route_error(a, 400, "query: want study=UID");
	else if (ask->study_uid[0] == '\0')
		route_error(a, 404, "study: want a UID, have something else");
	return ask->study_uid[0] != '\0';
}

static void
post_pin(const struct web_desk *d, const struct web_ask *ask,
    struct web_answer *a) /* route_fn */
{
	struct web_outcome o = {0};
	if (!names_study(ask, a))
		return;
	d->ports->keep(d->ports->ctx, ask->study_uid,
	    str_eq(ask->path, "/api/pin"), &o);
	answer_outcome(d, ask, &o, a);
}

static void
post_evict(const struct web_desk *d, const struct web_ask *ask,
    struct web_answer *a) /* route_fn */
{
	struct web_outcome o = {0};
	if (!names_study(ask, a))
		return;
	d->ports->evict(d->ports->ctx, ask->study_uid, &o);
	answer_outcome(d, ask, &o, a);
}

static void
post_verify(const struct web_desk *d, const struct web_ask *ask,
    struct web_answer *a) /* route_fn */
{
	struct web_outcome o = {0};
	d->ports->verify(d->ports->ctx, &o);
	answer_outcome(d, ask, &o, a);
}

static void
post_wipe(const struct web_desk *d, const struct web_ask *ask,
    struct web_answer *a) /* route_fn */
{
	struct web_outcome o = {0};
	if (!ask->confirmed) {
		route_error(a, 400, "query: want confirm=yes");
		return;
	}
	d->ports->wipe(d->ports->ctx, ask->force, &o);
	answer_outcome(d, ask, &o, a);
}

static const struct route {
	enum web_method method;
	const char *path; /* one that ends in '/' and is longer than "/" is
	                   * the beginning of many */
	route_fn *fn;
} routes[] = {
	{WEB_GET, "/", get_page},
	{WEB_GET, "/index.html", get_page},
	{WEB_GET, "/icon.svg", get_icon},
	{WEB_GET, "/healthz", get_health},
	{WEB_GET, "/metrics", get_metrics},
	{WEB_GET, "/api/status", get_status},
	{WEB_GET, "/api/cases", get_cases},
	{WEB_GET, "/api/studies", get_studies},
	{WEB_GET, "/api/studies/", get_study},
	{WEB_GET, "/api/why", get_why},
	{WEB_GET, "/api/events", get_events},
	{WEB_POST, "/api/prefetch", post_prefetch},
	{WEB_POST, "/api/look", post_look},
	{WEB_POST, "/api/pin", post_pin},
	{WEB_POST, "/api/unpin", post_pin},
	{WEB_POST, "/api/evict", post_evict},
	{WEB_POST, "/api/verify", post_verify},
	{WEB_POST, "/api/wipe", post_wipe},
};

static bool
is_at(const struct route *r, const char *path)
{
	size_t n = strlen(r->path);
	if (n > 1 && r->path[n - 1] == '/')
		return str_starts(path, r->path);
	return str_eq(path, r->path);
}

void
route_answer(const struct web_desk *d, const struct web_ask *ask,
    struct web_answer *a)
{
	const struct route *r = NULL;
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
		if (is_at(&routes[i], ask->path))
			r = &routes[i];
	if (r == NULL) {
		route_error(a, 404, "nothing here");
	} else if (r->method != ask->method) {
		a->allow = r->method == WEB_POST ? "POST" : "GET, HEAD";
		route_error(a, 405, "method: want another one");
	} else {
		r->fn(d, ask, a);
	}
	if (a->body.failed) /* WEB_BODY_MAX */
		route_error(a, 500, "the answer is too long");
}
