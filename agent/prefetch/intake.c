/* SPDX-License-Identifier: MIT */
/* One object comes in: written aside, checked against what was asked for and
 * what the command says, then kept and indexed. */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/str.h"
#include "dicom/dataset.h"
#include "model/patient.h"
#include "prefetch/prefetch_priv.h"
#include "wire/scan.h"

#define TOLD_MAX 5 /* refused objects of one retrieval in the log */

/* Identity once more, in what really came: no birth date and no name that
 * both state may differ. The identifier and its issuer are not compared here:
 * a PACS corrects them in its database, not in the objects (PS3.17 YYYY). */
static int
check_patient(struct ticket *k, const struct attrs *as, struct err *e)
{
	struct patient theirs = k->patient;
	char reason[160];
	(void)str_copy(theirs.name, sizeof(theirs.name),
	    attrs_value(as, TAG_PATIENT_NAME)); /* a cut is fine */
	(void)str_copy(theirs.birth_date, sizeof(theirs.birth_date),
	    attrs_value(as, TAG_BIRTH_DATE)); /* see above */
	theirs.sex[0] = '\0';
	if (k->patient.id[0] == '\0' || patient_agree(&k->patient, &theirs,
	    reason, sizeof(reason)) != AGREE_NO)
		return 0;
	atomic_store(&k->stranger, true); /* keep() cuts what follows it */
	return err_set(e, ERR_PARSE, 0, "its patient is another: %s", reason);
}

/* The object must be what the command says, of the study that was asked for
 * and of the series that lists it: a UID from a data set is never trusted
 * further. */
static int
check(struct ticket *k, const struct intake_object *o,
    const struct attrs *as, struct err *e)
{
	if (!str_eq(attrs_value(as, TAG_SOP_INSTANCE), o->instance_uid) ||
	    !str_eq(attrs_value(as, TAG_SOP_CLASS), o->class_uid))
		return err_set(e, ERR_PARSE, 0,
		    "its SOP UIDs are not those of the C-STORE command");
	if (!str_eq(attrs_value(as, TAG_STUDY_UID), k->study_uid))
		return err_set(e, ERR_PARSE, 0, "it is of another study");
	const char *series_uid = attrs_value(as, TAG_SERIES_UID);
	if (!uid_is_valid(series_uid))
		return err_set(e, ERR_PARSE, 0,
		    "series UID: want digits and dots, have none or others");
	/* the same instance in two series would be two objects */
	const struct ticket_line *l = ticket_line(k, o->instance_uid);
	if (l == NULL || !str_eq(l->series_uid, series_uid))
		return err_set(e, ERR_PARSE, 0,
		    "it is of another series than the archive lists");
	return check_patient(k, as, e);
}

/* What the archive is told: only "no room" pauses the whole retrieval. */
static uint16_t
status_of(enum err_code code)
{
	if (code == ERR_FULL)
		return DIMSE_OUT_OF_RESOURCES;
	return code == ERR_PARSE ? DIMSE_IDENTIFIER_MISMATCH : DIMSE_UNABLE;
}

/* To those who follow the study. What is of another patient ends that. */
static void
pass_on(struct intake *in, struct ticket *k, const struct intake_object *o,
    const struct store_object *so)
{
	const struct ticket_line *l = ticket_line(k, o->instance_uid);
	if (k->flow == NULL || l == NULL || l->in_flow)
		return;
	struct store_item it = {.object = *so};
	(void)str_copy(it.series_uid, UID_SIZE, l->series_uid); /* valid */
	(void)str_copy(it.instance_uid, UID_SIZE, o->instance_uid);
	(void)str_copy(it.class_uid, UID_SIZE, o->class_uid);
	(void)str_copy(it.syntax, UID_SIZE, o->syntax);
	flow_put(&in->flows, k->flow, &it);
}

/* From the written bytes to a kept object. */
static uint16_t
keep(struct intake *in, struct ticket *k, const struct intake_object *o,
    struct store_writer **w, struct err *e)
{
	struct entry en;
	struct store_object so;
	uint16_t status = DIMSE_UNABLE;
	if (entry_read(&en, *w, o->syntax, e) != 0 ||
	    check(k, o, &en.as, e) != 0) {
		status = status_of(e->code);
		store_abort(w);
		if (k->flow != NULL && atomic_load(&k->stranger))
			flow_end(&in->flows, k->flow, e, true);
		goto out;
	}
	if (store_commit(w, k->study_uid, attrs_value(&en.as, TAG_SERIES_UID),
	    o->instance_uid, &so, e) != 0) {
		status = status_of(e->code);
		goto out;
	}
	entry_put(&en, in->ix, o, &so);
	if (ticket_mark(&in->tickets, k, o->instance_uid)) {
		atomic_fetch_add(&k->n_here, 1);
		atomic_fetch_add(&k->bytes, so.length);
		pass_on(in, k, o, &so);
	}
	atomic_store(&k->moved_ns, clock_uptime_ns());
	in->learn(in->ctx, o->class_uid, o->syntax);
	stats_add(STAT_OBJECTS_STORED, 1);
	stats_add(STAT_BYTES_FETCHED, (int64_t)so.length);
	status = DIMSE_SUCCESS;
out:
	entry_done(&en);
	return status;
}

static int
sink_store(void *ctx, const void *p, size_t n, struct err *e)
{ /* assoc_sink_fn */
	return store_write(ctx, p, n, e);
}

static int
sink_nothing(void *ctx, const void *p, size_t n, struct err *e)
{ /* assoc_sink_fn: what nobody asked for is read and dropped */
	(void)ctx;
	(void)p;
	(void)n;
	(void)e;
	return 0;
}

static void
tell_refused(struct ticket *k, uint16_t status, const char *why)
{
	unsigned n = 0;
	stats_add(STAT_OBJECTS_REFUSED, 1);
	if (k != NULL) {
		n = atomic_fetch_add(&k->n_refused, 1);
		if (status == DIMSE_OUT_OF_RESOURCES)
			atomic_store(&k->full, true);
	}
	if (n >= TOLD_MAX) /* the counter and the study's reason go on */
		return;
	log_warn("prefetch.object.refused", "status=%04x reason='%s' "
	    "action=answered_the_archive", status, why);
}

int
intake_take(struct intake *in, struct assoc *a, const struct intake_object *o,
    uint16_t *ret_status, struct err *e)
{
	struct store_writer *w = NULL;
	struct err why = {.msg = "nobody asked for it"};
	uint16_t status = DIMSE_NOT_AUTHORISED;
	struct ticket *k = o->own != NULL ?
	    ticket_enter(&in->tickets, o->own, o->instance_uid) :
	    ticket_find(&in->tickets, o->ae_title, o->instance_uid);
	if (k != NULL) {
		w = store_begin(in->st, o->class_uid, o->instance_uid,
		    o->syntax, &why);
		status = status_of(why.code);
	}
	/* whoever was not asked need not be waited for */
	int rc = assoc_receive_data(a, k != NULL ? ARCHIVE_ANSWER_MS :
	    ASSOC_PDU_MS,
	    w != NULL ? sink_store : sink_nothing, w, e);
	if (rc < 0)
		goto out;
	if (rc == 1) { /* the sink refused: disk full, quota, too large */
		why = *e;
		status = status_of(e->code);
		rc = 0;
	} else if (w != NULL) {
		status = keep(in, k, o, &w, &why);
	}
	if (status != DIMSE_SUCCESS)
		tell_refused(k != NULL ? k : o->own, status, why.msg);
	*ret_status = status;
out:
	store_abort(&w);
	if (k != NULL)
		ticket_leave(&in->tickets, k);
	return rc;
}
