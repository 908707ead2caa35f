/* SPDX-License-Identifier: MIT */
/* DICOMweb's workers, and what the makers of answers share. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/stats.h"
#include "base/str.h"
#include "dicomweb_priv.h"
#include "wire/scan.h"

#define ETAG_BYTES 16 /* of a SHA-256 */

struct dicomweb *
dicomweb_new(struct loop *l, const struct web_config *c, struct err *e)
{
	struct dicomweb *dw = mem_new(struct dicomweb);
	dw->ix = c->ix;
	dw->st = c->st;
	dw->decode_program = c->decode_program;
	dw->ctx = c->ctx;
	dw->hold = c->hold;
	dw->release = c->release;
	dw->damaged = c->damaged;
	(void)str_copy(dw->ae_title, sizeof(dw->ae_title),
	    c->ae_title == NULL ? "" : c->ae_title); /* checked by conf */
	(void)str_copy(dw->cors, sizeof(dw->cors),
	    c->cors == NULL ? "" : c->cors); /* longer is no origin */
	lock_init(&dw->lock);
	dw->pool = pool_new(l, "dicomweb", DW_WORKERS, e);
	if (dw->pool == NULL)
		dicomweb_free(&dw);
	return dw;
}

static bool
is_stopping(void *ctx) /* decoder_set_stop */
{
	return atomic_load(&((struct dicomweb *)ctx)->stopping);
}

struct decoder *
dicomweb_decoder(struct dicomweb *dw)
{
	struct decoder *d = decoder_new(dw->decode_program);
	decoder_set_stop(d, is_stopping, dw);
	return d;
}

void
dicomweb_stop(struct dicomweb *dw)
{
	if (dw == NULL)
		return;
	atomic_store(&dw->stopping, true);
	pool_free(&dw->pool);
}

void
dicomweb_free(struct dicomweb **pp)
{
	struct dicomweb *dw = *pp;
	*pp = NULL;
	if (dw == NULL)
		return;
	pool_free(&dw->pool);
	for (unsigned i = 0; i < dw->n_readers; i++)
		index_reader_close(&dw->readers[i]);
	lock_done(&dw->lock);
	mem_free(dw);
}

bool
dicomweb_allows(const struct dicomweb *dw, const char *origin)
{
	return origin != NULL && dw->cors[0] != '\0' &&
	    (str_eq(dw->cors, "*") || str_eq_nocase(dw->cors, origin));
}

/* ---- one request ---- */

static void
answer_work(struct job *j) /* job_fn */
{
	dicomweb_answer((struct dw_request *)j); /* it is the first field */
}

static void
answer_done(struct job *j) /* job_fn */
{
	struct dw_request *rq = (struct dw_request *)j;
	if (rq->answer.status == 0) /* cancelled before it began */
		dw_refuse(rq, 503, "the agent is stopping");
	rq->done(rq->ctx);
}

void
dicomweb_submit(struct dicomweb *dw, struct dw_request *rq)
{
	rq->dw = dw;
	rq->job = (struct job){.work = answer_work, .done = answer_done};
	pool_submit(dw->pool, &rq->job);
}

static void
give_reader_back(struct dw_request *rq)
{
	struct dicomweb *dw = rq->dw;
	if (rq->reader == NULL)
		return;
	lock_acquire(&dw->lock);
	if (dw->n_readers < DW_WORKERS) {
		dw->readers[dw->n_readers++] = rq->reader;
		rq->reader = NULL; /* for the next request */
	}
	lock_release(&dw->lock);
	index_reader_close(&rq->reader);
}

void
dicomweb_answer(struct dw_request *rq)
{
	static void (*const makers[])(struct dw_request *rq) = {
		[DW_STUDIES] = qido_answer,
		[DW_SERIES] = qido_answer,
		[DW_INSTANCES] = qido_answer,
		[DW_OBJECTS] = wado_objects,
		[DW_METADATA] = wado_metadata,
		[DW_FRAMES] = wado_frames,
		[DW_BULK] = wado_bulk,
		[DW_URI] = wado_uri,
	};
	dw_path_parse(&rq->path, rq->ask.path);
	dw_ask_accept(&rq->ask, &rq->accept);
	if (rq->path.what == DW_NOTHING)
		dw_refuse(rq, 404, "path: want one of DICOMweb's, as in "
		    "/dicom-web/studies");
	else
		makers[rq->path.what](rq);
	give_reader_back(rq);
}

void
dicomweb_done(struct dw_request *rq)
{
	body_free(&rq->answer.body);
	dw_ask_done(&rq->ask);
}

/* ---- help for the makers ---- */

void
dw_refuse(struct dw_request *rq, int status, const char *fmt, ...)
{
	struct dw_answer *a = &rq->answer;
	va_list ap;
	body_free(&a->body);
	*a = (struct dw_answer){.status = status};
	(void)str_copy(a->type, sizeof(a->type),
	    "text/plain; charset=utf-8"); /* fits */
	va_start(ap, fmt);
	(void)vsnprintf(a->text, sizeof(a->text) - 1, fmt, ap); /* cut */
	va_end(ap);
	a->text[strlen(a->text)] = '\n'; /* the rest is zero */
}

struct index_reader *
dw_reader(struct dw_request *rq)
{
	struct dicomweb *dw = rq->dw;
	struct err e;
	if (rq->reader != NULL)
		return rq->reader;
	lock_acquire(&dw->lock);
	if (dw->n_readers > 0)
		rq->reader = dw->readers[--dw->n_readers];
	lock_release(&dw->lock);
	if (rq->reader == NULL)
		rq->reader = index_reader_open(dw->ix, &e);
	if (rq->reader == NULL) {
		log_error("web.dicomweb.index", "error=%s", e.msg);
		dw_refuse(rq, 500, "the index cannot be read");
	}
	return rq->reader;
}

void
dw_give(struct dw_request *rq, int status, const char *type,
    struct body *take)
{
	struct dw_answer *a = &rq->answer;
	if (body_failed(take)) {
		body_free(&take);
		dw_refuse(rq, 413, "the answer is too long");
		return;
	}
	if (body_converts(take) && atomic_load(&rq->dw->converting) >
	    DW_CONVERTING_MAX) {
		body_free(&take);
		dw_refuse(rq, 503, "too many conversions at a time");
		return;
	}
	a->status = status;
	a->body = take;
	(void)str_copy(a->type, sizeof(a->type), type); /* ours fit */
}

/* Whether a list of entity tags has ${etag}; weak comparison, RFC 9110
 * 13.1.2. */
static bool
has_etag(const char *list, const char *etag)
{
	const char *opaque = strchr(etag, '"');
	if (list == NULL)
		return false;
	list += strspn(list, " \t");
	return str_eq(list, "*") || strstr(list, opaque) != NULL;
}

bool
dw_is_known(struct dw_request *rq, const char *what, const void *p, size_t n,
    bool weak)
{
	struct dw_answer *a = &rq->answer;
	uint8_t digest[EVP_MAX_MD_SIZE];
	char hex[2 * ETAG_BYTES + 1];
	struct buf b;
	buf_init(&b, n + strlen(what));
	buf_add_str(&b, what);
	buf_add(&b, p, n);
	bool ok = EVP_Digest(b.p, b.len, digest, NULL, EVP_sha256(),
	    NULL) == 1;
	buf_done(&b);
	if (!ok) /* no memory: an answer without a tag */
		return false;
	str_hex(hex, digest, ETAG_BYTES);
	(void)snprintf(a->etag, sizeof(a->etag), "%s\"%s\"",
	    weak ? "W/" : "", hex);
	if (!has_etag(rq->ask.if_none_match, a->etag))
		return false;
	a->status = 304;
	return true;
}

/* ---- objects ---- */

static bool
on_object(void *ctx, const struct index_row *row) /* index_row_fn */
{
	struct dw_objects *o = ctx;
	if (o->n == DW_OBJECTS_MAX) {
		o->failed = true;
		return false;
	}
	if (o->n == o->room) {
		o->room = o->room == 0 ? 16 : o->room * 2;
		o->items = mem_grow(o->items, o->room, sizeof(*o->items));
	}
	struct store_item *it = &o->items[o->n++];
	*it = (struct store_item){.object.length = row->length,
	    .object.offset = row->offset};
	memcpy(it->object.name, row->name, sizeof(it->object.name));
	memcpy(it->object.digest, row->digest, sizeof(it->object.digest));
	/* the index holds valid UIDs only */
	(void)str_copy(it->study_uid, UID_SIZE, row->study_uid);
	(void)str_copy(it->series_uid, UID_SIZE, row->series_uid);
	(void)str_copy(it->instance_uid, UID_SIZE, row->instance_uid);
	(void)str_copy(it->class_uid, UID_SIZE, row->class_uid);
	(void)str_copy(it->syntax, UID_SIZE, row->syntax);
	buf_add(&o->digests, row->digest, INDEX_DIGEST_BYTES);
	return o->also == NULL || o->also(o->also_ctx, row);
}

bool
dw_find(struct dw_request *rq, const struct dw_path *p, struct body *b,
    struct dw_objects *ret)
{
	const char *study = p->study, *series = p->series;
	const char *instance = p->instance;
	struct err e;
	struct index_select sel = {.level = INDEX_INSTANCE,
	    .study_uids = &study,
	    .n_study_uids = 1, .series_uids = &series,
	    .n_series_uids = series[0] != '\0', .instance_uids = &instance,
	    .n_instance_uids = instance[0] != '\0',
	    .metadata = ret->also != NULL};
	buf_init(&ret->digests, (size_t)DW_OBJECTS_MAX *
	    (INDEX_DIGEST_BYTES + UID_SIZE)); /* and what tells forms apart */
	struct index_reader *r = dw_reader(rq);
	if (r == NULL)
		return false;
	body_hold(b, study); /* before we look: it cannot go any more */
	if (index_select(r, &sel, on_object, ret, &e) != 0) {
		log_error("web.dicomweb.index", "error=%s", e.msg);
		dw_refuse(rq, 500, "the index cannot be read");
		return false;
	}
	if (ret->failed)
		dw_refuse(rq, 413, "objects: want at most %d, have more",
		    DW_OBJECTS_MAX);
	else if (ret->n == 0)
		dw_refuse(rq, 404, "nothing of these UIDs is here");
	return !ret->failed && ret->n > 0;
}

void
dw_objects_done(struct dw_objects *o)
{
	mem_free(o->items);
	buf_done(&o->digests);
	*o = (struct dw_objects){0};
}

void
dw_damaged(struct dicomweb *dw, const struct store_item *o,
    const struct err *e)
{
	stats_add(STAT_OBJECTS_DAMAGED, 1);
	log_warn("web.dicomweb.damaged", "error=%s action=withdrawn", e->msg);
	if (dw->damaged != NULL)
		dw->damaged(dw->ctx, o->study_uid, o->object.name);
}

static void
refuse_unreadable(struct dw_request *rq, const struct store_item *o,
    const struct err *e)
{
	if (e->code == ERR_CORRUPT) {
		dw_damaged(rq->dw, o, e);
		dw_refuse(rq, 503, "the object is damaged here and withdrawn");
		return;
	}
	log_error("web.dicomweb.read", "error=%s", e->msg);
	dw_refuse(rq, 500, "the object cannot be read");
}

bool
dw_check(struct dw_request *rq, const struct store_item *o)
{
	struct store_map m = {0};
	struct err e;
	if (o->object.length > DW_SMALL_BYTES)
		return true; /* its end will not come when it is not whole */
	bool ok = store_map_checked(rq->dw->st, &o->object, &m, &e) == 0;
	if (!ok)
		refuse_unreadable(rq, o, &e);
	store_unmap(&m);
	return ok;
}

bool
dw_map(struct dw_request *rq, const struct store_item *o, struct body *b)
{
	struct err e;
	if (store_map_checked(rq->dw->st, &o->object, body_map(b), &e) == 0)
		return true;
	refuse_unreadable(rq, o, &e);
	return false;
}

/* All of what the converter answers. */
static int
read_answer(struct decoder *d, struct buf *out, struct err *e)
{
	uint64_t want = 0;
	size_t n = 1;
	if (decoder_answer(d, &want, e) != 0)
		return -1;
	if (want > DW_CONVERT_MAX)
		return err_set(e, ERR_FULL, 0, "convert: too large");
	uint8_t *part = mem_new_n(uint8_t, 256 * 1024);
	int rc = 0;
	while (rc == 0 && n > 0 && out->len < want) {
		rc = decoder_read(d, part, 256 * 1024, &n, e);
		if (rc == 0)
			buf_add(out, part, n);
	}
	mem_free(part);
	if (rc == 0 && out->len != want)
		rc = err_set(e, ERR_NET, 0, "convert: the end is missing");
	return rc;
}

bool
dw_convert(struct dw_request *rq, const struct store_item *o,
    const char *syntax, struct body *b)
{
	struct err e;
	if (atomic_load(&rq->dw->converted) > DW_CONVERTED_MAX) {
		dw_refuse(rq, 503, "too many conversions at a time");
		return false;
	}
	if (!dw_map(rq, o, b))
		return false;
	const struct store_map *m = body_map(b);
	struct decoder *d = dicomweb_decoder(rq->dw);
	int rc = decoder_begin(d, m->n, o->syntax, syntax, &e);
	if (rc == 0)
		rc = decoder_feed(d, m->p, m->n, &e);
	if (rc == 0)
		rc = read_answer(d, body_own(b), &e);
	body_count_converted(b);
	decoder_free(&d);
	store_unmap(body_map(b));
	if (rc == 0)
		return true;
	log_warn("web.dicomweb.convert", "error=%s action=refused", e.msg);
	dw_refuse(rq, 406, "the object cannot be converted: ask with "
	    "transfer-syntax=*");
	return false;
}

bool
dw_is_native(const char *syntax)
{
	return str_eq(syntax, SYNTAX_EXPLICIT_LE) ||
	    str_eq(syntax, SYNTAX_IMPLICIT_LE);
}

bool
dw_sole(struct dw_request *rq, const struct store_item *o,
    const char *syntax, struct body *b)
{
	struct buf head;
	if (str_eq(o->syntax, syntax)) {
		body_object(b, o, syntax);
		return dw_check(rq, o);
	}
	if (!dw_convert(rq, o, syntax, b))
		return false;
	buf_init(&head, 4096);
	store_file_head(&head, o->class_uid, o->instance_uid, syntax);
	body_text(b, head.p, head.len);
	buf_done(&head);
	body_bytes(b, body_own(b)->p, body_own(b)->len);
	stats_add(STAT_OBJECTS_SERVED, 1);
	return true;
}

void
dw_boundary(char dst[DW_BOUNDARY_SIZE])
{
	char uid[UID_SIZE];
	uid_new(uid);
	(void)snprintf(dst, DW_BOUNDARY_SIZE, "understudy-%s", uid);
}

void
dw_multipart(char *dst, size_t size, const char *type, const char *boundary)
{
	(void)snprintf(dst, size,
	    "multipart/related; type=\"%s\"; boundary=%s", type,
	    boundary); /* both are ours and fit */
}
