/* SPDX-License-Identifier: MIT */
/* WADO-RS metadata: headers that were made when their objects came, joined
 * (PS3.18 10.4.1.1.2). */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "dicom/metadata.h"
#include "dicomweb_priv.h"
#include "store/store.h"
#include "wire/gzpart.h"

#define PARTS_MAX ((size_t)512 << 20) /* bytes of an answer; 413 above */

static const char *const types[] = {"application/dicom+json",
	"application/json", NULL};

/* where the header of one object lies */
struct header {
	size_t at, n; /* n 0 = not made yet */
	uint32_t text_n, crc;
};

struct headers {
	struct header *list; /* as many as objects */
	unsigned n, room;
	struct buf parts; /* wire/gzpart, one after the other */
};

static void
add_header(struct headers *h, struct index_blob part, uint32_t text_n,
    uint32_t crc)
{
	if (h->n == h->room) {
		h->room = h->room == 0 ? 16 : h->room * 2;
		h->list = mem_grow(h->list, h->room, sizeof(*h->list));
	}
	h->list[h->n++] = (struct header){.at = h->parts.len, .n = part.n,
	    .text_n = text_n, .crc = crc};
	buf_add(&h->parts, part.p, part.n);
}

static bool
on_row(void *ctx, const struct index_row *row) /* index_row_fn */
{
	struct headers *h = ctx;
	struct index_blob none = {.p = "", .n = 0};
	bool has = row->metadata.p != NULL;
	add_header(h, has ? row->metadata : none,
	    has ? row->metadata_n : 0, has ? row->metadata_crc : 0);
	return !h->parts.failed;
}

/* What the index alone knows: for an object whose header cannot be read. */
static int
least(const struct store_item *o, struct metadata *ret, struct err *e)
{
	struct attrs as;
	struct buf text;
	attrs_init(&as);
	buf_init(&text, 4096);
	attrs_put(&as, TAG_SOP_CLASS, o->class_uid);
	attrs_put(&as, TAG_SOP_INSTANCE, o->instance_uid);
	attrs_put(&as, TAG_STUDY_UID, o->study_uid);
	attrs_put(&as, TAG_SERIES_UID, o->series_uid);
	buf_init(&ret->part, 8192);
	for (unsigned i = 0; i < as.n; i++) {
		buf_add_u8(&text, i == 0 ? '{' : ',');
		qido_write_attr(&text, &as.a[i]);
	}
	buf_add_u8(&text, '}');
	ret->n = (uint32_t)text.len;
	int rc = gzpart_make(text.p, text.len, &ret->part, &ret->crc, e);
	buf_done(&text);
	attrs_done(&as);
	return rc;
}

/* Make the header of an object that came before they were kept, and keep
 * it. */
static bool
make(struct dw_request *rq, const struct store_item *o, struct header *ret,
    struct buf *parts)
{
	struct store_map m = {0};
	struct metadata md = {0};
	struct err e;
	if (store_map_checked(rq->dw->st, &o->object, &m, &e) != 0) {
		if (e.code == ERR_CORRUPT)
			dw_damaged(rq->dw, o, &e);
		dw_refuse(rq, 503, "an object cannot be read here");
		return false;
	}
	int rc = metadata_make(&md, m.p, m.n, o->syntax, o->study_uid,
	    o->series_uid, o->instance_uid, &e);
	store_unmap(&m);
	if (rc == 0) {
		index_put_metadata(rq->dw->ix, o->object.name,
		    (struct index_blob){md.part.p, md.part.len}, md.n,
		    md.crc);
	} else {
		log_warn("web.metadata.make", "error=%s action=sent_least",
		    e.msg);
		rc = least(o, &md, &e);
	}
	*ret = (struct header){.at = parts->len, .n = md.part.len,
	    .text_n = md.n, .crc = md.crc};
	buf_add(parts, md.part.p, md.part.len);
	if (rc == 0)
		metadata_done(&md);
	else
		dw_refuse(rq, 500, "a header cannot be read");
	return rc == 0;
}

static void
join_text(const struct headers *h, struct body *b)
{
	body_text(b, "[", 1);
	for (unsigned i = 0; i < h->n; i++) {
		const struct header *p = &h->list[i];
		if (i > 0)
			body_text(b, ",", 1);
		body_part(b, h->parts.p + p->at, p->n, p->text_n);
	}
	body_text(b, "]", 1);
}

static void
join_gzip(const struct headers *h, struct body *b)
{
	struct gzjoin g;
	struct buf *out = body_own(b);
	gzjoin_begin(&g, out);
	gzjoin_text(&g, out, "[");
	for (unsigned i = 0; i < h->n; i++) {
		const struct header *p = &h->list[i];
		if (i > 0)
			gzjoin_text(&g, out, ",");
		gzjoin_part(&g, out, h->parts.p + p->at, p->n, p->text_n,
		    p->crc);
	}
	gzjoin_text(&g, out, "]");
	gzjoin_end(&g, out);
	body_bytes(b, out->p, out->len);
}

/* Fill what is missing and give all; ${take} is consumed. */
static void
give(struct dw_request *rq, const struct dw_objects *o, struct headers *h,
    const char *type, struct body *take)
{
	bool gzip = accept_gzip(rq->ask.encoding);
	bool ok = true;
	for (unsigned i = 0; ok && i < h->n; i++)
		if (h->list[i].n == 0)
			ok = make(rq, &o->items[i], &h->list[i], &h->parts);
	if (ok && !h->parts.failed && gzip)
		join_gzip(h, take);
	else if (ok && !h->parts.failed)
		join_text(h, take);
	if (ok && (h->parts.failed || body_own(take)->failed)) {
		dw_refuse(rq, 413, "the answer is too long");
		ok = false;
	}
	if (!ok) {
		body_free(&take);
		return;
	}
	rq->answer.gzip = gzip;
	dw_give(rq, 200, type, take);
}

void
wado_metadata(struct dw_request *rq)
{
	const char *type = accept_first(&rq->accept, types);
	struct headers h = {0};
	struct dw_objects o = {.also = on_row, .also_ctx = &h};
	struct body *b = body_new(rq->dw);
	buf_init(&h.parts, PARTS_MAX);
	if (type == NULL) {
		dw_refuse(rq, 406, "Accept: want application/dicom+json");
		goto out;
	}
	if (!dw_find(rq, &rq->path, b, &o) ||
	    dw_is_known(rq, "metadata", o.digests.p, o.digests.len, true))
		goto out;
	give(rq, &o, &h, type, b);
	b = NULL; /* given away */
out:
	dw_objects_done(&o);
	buf_done(&h.parts);
	mem_free(h.list);
	body_free(&b);
}
