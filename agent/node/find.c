/* SPDX-License-Identifier: MIT */
/* C-FIND: rows of the index as answers (PS3.4 C.4.1). */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/stats.h"
#include "base/str.h"
#include "dicom/dataset.h"
#include "node/node_priv.h"

#define CANCEL_EVERY 16 /* answers between two looks for a C-CANCEL */

struct finding {
	struct session *s;
	const struct assoc_context *c;
	const struct dimse *rq;
	const struct query *q;
	struct buf body;
	unsigned n; /* answers sent */
	/* what ended it early */
	bool cancelled;
	int rc; /* -1: the association is over */
	struct err *e;
};

/* All that is known of a row, down to its level. */
static int
row_attrs(const struct node *n, enum index_level level,
    const struct index_row *row, struct attrs *ret, struct err *e)
{
	const struct index_blob *blobs[] = {&row->instance, &row->series,
	    &row->patient_study};
	attrs_init(ret);
	for (int i = 0; i < 3; i++) {
		if (blobs[i]->n == 0)
			continue;
		struct attrs one;
		if (attrs_parse(blobs[i]->p, blobs[i]->n, &one, e) != 0)
			return -1;
		attrs_merge(ret, &one);
		attrs_done(&one);
	}
	attrs_put(ret, TAG_RETRIEVE_AE, n->ae_title);
	attrs_put(ret, TAG_AVAILABILITY, "ONLINE");
	attrs_put(ret, TAG_PATIENT_ID, row->patient_id);
	if (level == INDEX_PATIENT) {
		attrs_putf(ret, TAG_PATIENT_STUDIES, "%u",
		    row->patient_studies);
		attrs_putf(ret, TAG_PATIENT_SERIES, "%u", row->patient_series);
		attrs_putf(ret, TAG_PATIENT_INSTANCES, "%u",
		    row->patient_instances);
		return 0;
	}
	attrs_put(ret, TAG_STUDY_UID, row->study_uid);
	attrs_put(ret, TAG_MODALITIES, row->modalities);
	attrs_put(ret, TAG_CLASSES_IN_STUDY, row->classes);
	attrs_putf(ret, TAG_STUDY_SERIES, "%u", row->study_series);
	/* the archive's count, not "what is here" (viewers trust counts) */
	attrs_putf(ret, TAG_STUDY_INSTANCES, "%u",
	    row->expected > row->study_instances ? row->expected :
	    row->study_instances);
	if (level == INDEX_STUDY) {
		attrs_put(ret, TAG_MODALITY, row->modalities);
		return 0;
	}
	attrs_put(ret, TAG_SERIES_UID, row->series_uid);
	attrs_put(ret, TAG_MODALITY, row->modality);
	attrs_putf(ret, TAG_SERIES_INSTANCES, "%u", row->series_instances);
	if (level == INDEX_INSTANCE) {
		attrs_put(ret, TAG_SOP_INSTANCE, row->instance_uid);
		attrs_put(ret, TAG_SOP_CLASS, row->class_uid);
	}
	return 0;
}

/* The attributes that were asked for, with their values or empty; the level
 * and where to retrieve always (PS3.4 C.4.1.1.3.2). */
static int
answer_attrs(const struct finding *f, const struct attrs *all,
    struct attrs *ret, struct err *e)
{
	static const char *const levels[] = {"PATIENT", "STUDY", "SERIES",
	    "IMAGE"};
	attrs_init(ret);
	for (unsigned i = 0; i < f->q->keys.n; i++) {
		const struct attr *k = &f->q->keys.a[i];
		const struct attr *v = attrs_get(all, k->tag);
		if (k->tag == TAG_CHARSET)
			continue;
		if (attrs_set(ret, k->tag, v != NULL ? v->vr : k->vr,
		    v != NULL ? v->value : "", NULL, 0, e) != 0)
			return -1;
	}
	attrs_put(ret, TAG_LEVEL, levels[f->q->sel.level]);
	attrs_put(ret, TAG_RETRIEVE_AE, attrs_value(all, TAG_RETRIEVE_AE));
	return 0;
}

static int
send_answer(struct finding *f, const struct attrs *all)
{
	struct attrs answer;
	struct dimse rsp = dimse_response(f->rq, DIMSE_PENDING);
	rsp.has_data = true;
	buf_clear(&f->body);
	int rc = answer_attrs(f, all, &answer, f->e);
	if (rc == 0)
		rc = dataset_format(&answer, f->c->syntax, &f->body, f->e);
	if (rc == 0)
		rc = assoc_send(f->s->a, f->c->id, &rsp, f->body.p,
		    f->body.len, f->e);
	attrs_done(&answer);
	f->n++;
	return rc;
}

static bool
on_row(void *ctx, const struct index_row *row) /* index_row_fn */
{
	struct finding *f = ctx;
	struct attrs all;
	if (atomic_load(&f->s->job.cancelled)) {
		f->rc = err_set(f->e, ERR_CANCELLED, 0, "stopping");
		return false;
	}
	f->rc = row_attrs(f->s->node, f->q->sel.level, row, &all, f->e);
	if (f->rc == 0 && match_all(&f->q->keys, &all)) {
		f->rc = send_answer(f, &all);
		if (f->rc == 0 && f->n % CANCEL_EVERY == 0) {
			int c = session_cancelled(f->s, f->rq->message_id,
			    f->e);
			f->cancelled = c == 1;
			f->rc = c < 0 ? -1 : 0;
		}
	}
	attrs_done(&all);
	return f->rc == 0 && !f->cancelled;
}

int
node_find(struct session *s, const struct assoc_context *c,
    const struct dimse *rq, struct err *e)
{
	struct query q;
	uint16_t status = DIMSE_SUCCESS;
	stats_add(STAT_FINDS, 1);
	int rc = query_receive(s, c, &q, &status, e);
	struct finding f = {.s = s, .c = c, .rq = rq, .q = &q, .e = e};
	buf_init(&f.body, DATASET_IDENTIFIER_MAX);
	if (rc < 0)
		goto out;
	if (rc == 1) {
		rc = session_answer(s, c->id, rq, status, e->msg, e);
		goto out;
	}
	struct index_reader *r = session_reader(s, e);
	q.sel.unready = s->node->partial;
	if (r == NULL || index_select(r, &q.sel, on_row, &f, e) != 0) {
		log_error("node.find.index", "error=%s", e->msg);
		rc = session_answer(s, c->id, rq, DIMSE_UNABLE,
		    "the index cannot be read", e);
		goto out;
	}
	rc = f.rc;
	if (rc == 0)
		rc = session_answer(s, c->id, rq,
		    f.cancelled ? DIMSE_CANCELLED : DIMSE_SUCCESS, "", e);
	log_debug("node.find.done", "calling=%s level=%d answers=%u",
	    assoc_calling(s->a), (int)q.sel.level, f.n);
out:
	buf_done(&f.body);
	query_done(&q);
	return rc;
}
