/* SPDX-License-Identifier: MIT */
/* WADO-RS: whole objects as stored, or in a syntax that was asked for
 * (PS3.18 10.4, 8.7.3). */
#include <string.h>

#include "base/str.h"
#include "dicomweb_priv.h"
#include "store/store.h"
#include "wire/scan.h"

#define DICOM "application/dicom"

enum form { MULTIPART, SINGLE, N_FORMS };

/* Whether the range asks for objects in ${f}. Anything at all is the
 * multipart, for one object too. */
static bool
is_form(const struct media *m, enum form f)
{
	bool any = str_eq(m->type, "*/*");
	if (f == SINGLE)
		return !any && accept_is(m->type, DICOM);
	return any || (accept_is(m->type, "multipart/related") &&
	    (m->inner[0] == '\0' || accept_is(m->inner, DICOM)));
}

/* The syntax in which an object leaves: the stored one where that is
 * welcome, else the first that it can be converted to; NULL. Without a
 * syntax Explicit LE is meant, PS3.18 8.7.3.5.2. */
static const char *
syntax_for(const struct accept *a, enum form f, const char *stored)
{
	for (unsigned i = 0; i < a->n; i++) {
		const struct media *m = &a->m[i];
		bool welcome = str_eq(m->type, "*/*") ||
		    str_eq(m->syntax, "*") || str_eq(m->syntax, stored) ||
		    (m->syntax[0] == '\0' && dw_is_native(stored));
		if (is_form(m, f) && welcome)
			return stored;
	}
	for (unsigned i = 0; i < a->n; i++) {
		const char *to = a->m[i].syntax[0] == '\0' ?
		    SYNTAX_EXPLICIT_LE : a->m[i].syntax;
		if (is_form(&a->m[i], f) && decode_can(stored, to))
			return to;
	}
	return NULL;
}

static bool
all_have_one(const struct accept *a, enum form f, const struct dw_objects *o)
{
	for (unsigned i = 0; i < o->n; i++)
		if (syntax_for(a, f, o->items[i].syntax) == NULL)
			return false;
	return true;
}

/* The form that is liked best and that all objects have: N_FORMS if none. */
static enum form
choose(const struct accept *a, const struct dw_objects *o, bool single)
{
	for (unsigned i = 0; i < a->n; i++) {
		if (is_form(&a->m[i], MULTIPART) &&
		    all_have_one(a, MULTIPART, o))
			return MULTIPART;
		if (single && is_form(&a->m[i], SINGLE) &&
		    all_have_one(a, SINGLE, o))
			return SINGLE;
	}
	return N_FORMS;
}

/* Whether the client has it already; else 304 is the answer. */
static bool
is_known(struct dw_request *rq, enum form f, struct dw_objects *o)
{
	for (unsigned i = 0; i < o->n; i++)
		buf_add_str(&o->digests, syntax_for(&rq->accept, f,
		    o->items[i].syntax));
	return dw_is_known(rq, f == SINGLE ? "file" : "files", o->digests.p,
	    o->digests.len, f != SINGLE);
}

static bool
add(struct dw_request *rq, const struct dw_objects *o, unsigned i,
    const char *syntax, struct body *b)
{
	if (o->n == 1)
		return dw_sole(rq, &o->items[i], syntax, b);
	body_object(b, &o->items[i], syntax);
	return true;
}

/* All objects, each as a part; the body is consumed. */
static void
give_parts(struct dw_request *rq, const struct dw_objects *o,
    struct body *take)
{
	char boundary[DW_BOUNDARY_SIZE], type[160];
	dw_boundary(boundary);
	dw_multipart(type, sizeof(type), DICOM, boundary);
	for (unsigned i = 0; i < o->n; i++) {
		const char *syntax = syntax_for(&rq->accept, MULTIPART,
		    o->items[i].syntax);
		body_textf(take, "--%s\r\nContent-Type: " DICOM
		    "; transfer-syntax=%s\r\n\r\n", boundary, syntax);
		if (!add(rq, o, i, syntax, take)) {
			body_free(&take);
			return;
		}
		body_text(take, "\r\n", 2);
	}
	body_textf(take, "--%s--\r\n", boundary);
	dw_give(rq, 200, type, take);
}

static void
give_file(struct dw_request *rq, const struct dw_objects *o,
    struct body *take)
{
	const char *syntax = syntax_for(&rq->accept, SINGLE,
	    o->items[0].syntax);
	if (dw_sole(rq, &o->items[0], syntax, take))
		dw_give(rq, 200, DICOM, take);
	else
		body_free(&take);
}

void
wado_objects(struct dw_request *rq)
{
	struct body *b = body_new(rq->dw);
	struct dw_objects o = {0};
	bool single = rq->path.instance[0] != '\0';
	if (!dw_find(rq, &rq->path, b, &o))
		goto out;
	enum form f = choose(&rq->accept, &o, single);
	if (f == N_FORMS) {
		dw_refuse(rq, 406, "Accept: want multipart/related; "
		    "type=\"" DICOM "\"; transfer-syntax=*");
		goto out;
	}
	if (is_known(rq, f, &o))
		goto out;
	if (f == SINGLE)
		give_file(rq, &o, b);
	else
		give_parts(rq, &o, b);
	b = NULL; /* given away */
out:
	dw_objects_done(&o);
	body_free(&b);
}
