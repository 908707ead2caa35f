/* SPDX-License-Identifier: MIT */
/* One answer of a C-FIND: from what is known to what was asked for
 * (PS3.4 C.4.1.1.3.2). */
#include "base/log.h"
#include "base/str.h"
#include "dicom/dataset.h"
#include "node/find_priv.h"

#define CANCEL_EVERY 16 /* rows between two looks for a C-CANCEL */

static void
put_study(struct attrs *ret, const struct index_row *row)
{
	attrs_put(ret, TAG_STUDY_UID, row->study_uid);
	attrs_put(ret, TAG_MODALITIES, row->modalities);
	attrs_put(ret, TAG_CLASSES_IN_STUDY, row->classes);
	/* the archive's count, not "what is here" (viewers trust counts);
	 * how many series it has of a study on its way nobody knows yet */
	if (row->ready)
		attrs_putf(ret, TAG_STUDY_SERIES, "%u", row->study_series);
	attrs_putf(ret, TAG_STUDY_INSTANCES, "%u",
	    row->expected > row->study_instances ? row->expected :
	    row->study_instances);
}

int
answer_of_row(const struct node *n, enum index_level level,
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
	put_study(ret, row);
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
 * and where to retrieve always. */
static int
asked_for(const struct finding *f, const struct attrs *all,
    struct attrs *ret, struct err *e)
{
	static const char *const levels[] = {"PATIENT", "STUDY", "SERIES",
	    "IMAGE"};
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
	attrs_put(ret, TAG_RETRIEVE_AE, f->s->node->ae_title);
	/* as the request, where that can hold the text */
	(void)str_copy(ret->charset, sizeof(ret->charset),
	    f->q->keys.charset);
	return 0;
}

/* Values that no data set can hold (an archive's, a damaged object's) become
 * empty: the rest of the answer is good. */
static int
without_unfit(struct finding *f, struct attrs *answer, struct err *e)
{
	for (unsigned i = 0; i < answer->n; i++) {
		struct attrs one;
		struct attr a = answer->a[i];
		attrs_init(&one);
		buf_clear(&f->body);
		if (attrs_set(&one, a.tag, a.vr, a.value, NULL, 0, e) != 0 ||
		    dataset_format(&one, f->c->syntax, &f->body, e) != 0)
			(void)attrs_set(answer, a.tag, a.vr, "", NULL, 0, e);
		attrs_done(&one);
	}
	buf_clear(&f->body);
	return dataset_format(answer, f->c->syntax, &f->body, e);
}

int
answer_send(struct finding *f, const struct attrs *all)
{
	struct attrs answer;
	struct err e;
	struct dimse rsp = dimse_response(f->rq, DIMSE_PENDING);
	rsp.has_data = true;
	attrs_init(&answer);
	buf_clear(&f->body);
	int rc = asked_for(f, all, &answer, &e);
	if (rc == 0 && dataset_format(&answer, f->c->syntax, &f->body,
	    &e) != 0)
		rc = without_unfit(f, &answer, &e);
	attrs_done(&answer);
	if (rc != 0) {
		log_warn("node.find.unfit",
		    "error='%s' action=left_the_answer_out", e.msg);
		return 0;
	}
	f->n++;
	return assoc_send(f->s->a, f->c->id, &rsp, f->body.p, f->body.len,
	    f->e);
}

bool
answer_goes_on(struct finding *f, bool look)
{
	if (f->rc == 0 && atomic_load(&f->s->job.cancelled))
		f->rc = err_set(f->e, ERR_CANCELLED, 0, "stopping");
	if (f->rc == 0 && !f->cancelled &&
	    (look || ++f->seen % CANCEL_EVERY == 0)) {
		int c = session_cancelled(f->s, f->rq->message_id, f->e);
		f->cancelled = c == 1;
		f->rc = c < 0 ? -1 : 0;
	}
	return f->rc == 0 && !f->cancelled;
}
