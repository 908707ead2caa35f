/* SPDX-License-Identifier: MIT */
/* WADO-URI (PS3.18 9): one object as a file; without objectUID all of a
 * study or series as a ZIP, which is what OsiriX' DownloadURL asks for. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "dicomweb_priv.h"
#include "store/store.h"

#define DICOM "application/dicom"

/* ---- one object ---- */

static bool
is_true(const char *s)
{
	return s != NULL && str_in_list("true,yes,1", s);
}

/* The syntax to send ${o} in; NULL when it cannot be had. */
static const char *
syntax_for(const struct dw_ask *ask, const struct store_item *o)
{
	const char *want = dw_ask_value(ask, "transferSyntax");
	if (want == NULL || want[0] == '\0' || str_eq(want, "*") ||
	    is_true(dw_ask_value(ask, "useOrig")) || str_eq(want, o->syntax))
		return o->syntax;
	return decode_can(o->syntax, want) ? want : NULL;
}

/* Give the object; ${take} is consumed. */
static void
give_object(struct dw_request *rq, struct dw_objects *o, struct body *take)
{
	const char *syntax = syntax_for(&rq->ask, &o->items[0]);
	bool ok = false;
	if (syntax == NULL) {
		dw_refuse(rq, 406, "transferSyntax: the object cannot be "
		    "converted to it; want useOrig=true");
		goto out;
	}
	buf_add_str(&o->digests, syntax);
	if (dw_is_known(rq, "file", o->digests.p, o->digests.len, false))
		goto out;
	ok = dw_sole(rq, &o->items[0], syntax, take);
out:
	if (ok)
		dw_give(rq, 200, DICOM, take);
	else
		body_free(&take);
}

/* ---- a ZIP ---- */

static void
make_after(void *ctx, unsigned k, struct buf *out) /* body_make_fn */
{
	zip_after(ctx, k, out);
}

static void
make_end(void *ctx, unsigned k, struct buf *out) /* body_make_fn */
{
	(void)k; /* there is one end */
	zip_end(ctx, out);
}

static void
free_zip(void *ctx)
{
	struct zip *z = ctx;
	zip_free(&z);
}

/* Bytes of the Part 10 file. */
static uint64_t
file_length(const struct store_item *o)
{
	struct buf head;
	buf_init(&head, 4096);
	store_file_head(&head, o->class_uid, o->instance_uid, o->syntax);
	uint64_t n = head.len + o->object.length;
	buf_done(&head);
	return n;
}

static void
add_entry(struct body *b, struct zip *z, const struct store_item *o,
    const char *name)
{
	struct buf local;
	buf_init(&local, 256);
	unsigned k = zip_add(z, name, file_length(o), &local);
	body_text(b, local.p, local.len);
	buf_done(&local);
	body_crc(b, zip_crc(z, k));
	body_object(b, o, o->syntax);
	body_crc(b, NULL);
	body_make(b, make_after, k, zip_after_length(z, k));
}

/* All objects under names that tell their order and no patient; ${take} is
 * consumed. */
static void
give_zip(struct dw_request *rq, const struct dw_objects *o,
    struct body *take)
{
	struct zip *z = zip_new(o->n);
	unsigned series = 0, image = 0;
	const char *last = "";
	body_own_ctx(take, z, free_zip);
	for (unsigned i = 0; i < o->n; i++) {
		char name[40];
		const struct store_item *it = &o->items[i];
		if (!str_eq(last, it->series_uid)) {
			last = it->series_uid;
			series++;
			image = 0;
		}
		(void)snprintf(name, sizeof(name), "S%03u/I%05u.dcm", series,
		    ++image);
		add_entry(take, z, it, name);
	}
	body_make(take, make_end, 0, zip_end_length(z));
	rq->answer.disposition = "attachment; filename=\"study.zip\"";
	dw_give(rq, 200, "application/zip", take);
}

/* ---- the question ---- */

/* Read the UID of ${key}, "" when it is not given; false: answered. */
static bool
read_uid(struct dw_request *rq, const char *key, char dst[UID_SIZE])
{
	const char *s = dw_ask_value(&rq->ask, key);
	dst[0] = '\0';
	if (s == NULL || s[0] == '\0')
		return true;
	if (uid_is_valid(s) && str_copy(dst, UID_SIZE, s))
		return true;
	dw_refuse(rq, 400, "%s: want a UID", key);
	return false;
}

/* Whether what is asked for is what we have: files, not pictures. */
static bool
is_served(struct dw_request *rq, const struct dw_path *p)
{
	static const char *const types[] = {DICOM, "application/zip", NULL};
	struct accept a;
	const char *kind = dw_ask_value(&rq->ask, "requestType");
	if (kind == NULL || !str_eq_nocase(kind, "WADO")) {
		dw_refuse(rq, 400, "requestType: want WADO");
		return false;
	}
	if (p->study[0] == '\0') {
		dw_refuse(rq, 400, "studyUID: want a UID");
		return false;
	}
	accept_parse(&a, dw_ask_value(&rq->ask, "contentType"));
	if (accept_first(&a, types) == NULL) {
		dw_refuse(rq, 406, "contentType: want " DICOM
		    ", pictures are not made here");
		return false;
	}
	if (is_true(dw_ask_value(&rq->ask, "anonymize"))) {
		dw_refuse(rq, 406, "anonymize: want none, objects are served "
		    "as they are");
		return false;
	}
	return true;
}

void
wado_uri(struct dw_request *rq)
{
	struct dw_path p = {.what = DW_OBJECTS};
	struct dw_objects o = {0};
	struct body *b = body_new(rq->dw);
	if (!read_uid(rq, "studyUID", p.study) ||
	    !read_uid(rq, "seriesUID", p.series) ||
	    !read_uid(rq, "objectUID", p.instance) ||
	    !is_served(rq, &p) || !dw_find(rq, &p, b, &o))
		goto out;
	if (p.instance[0] != '\0')
		give_object(rq, &o, b);
	else
		give_zip(rq, &o, b);
	b = NULL; /* given away */
out:
	dw_objects_done(&o);
	body_free(&b);
}
