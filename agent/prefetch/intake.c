/* SPDX-License-Identifier: MIT */
/* One object comes in: written aside, checked against what was asked for and
 * what the command says, then kept and indexed. */
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/str.h"
#include "dicom/dataset.h"
#include "model/patient.h"
#include "prefetch/prefetch_priv.h"
#include "wire/scan.h"

#define TOLD_MAX 5 /* refused objects of one retrieval in the log */
#define SLICE_NS (20 * CLOCK_MS) /* of a wait: who is told to stop stops */

void
intake_limit(struct intake *in, const struct prefetch_config *c)
{
	if (c->bandwidth > 0)
		in->all = bucket_new(c->bandwidth);
	for (unsigned i = 0; i < c->n_archives; i++)
		if (c->archives[i].bandwidth > 0)
			in->each[i] = bucket_new(c->archives[i].bandwidth);
}

void
intake_unlimit(struct intake *in)
{
	bucket_free(&in->all);
	for (unsigned i = 0; i < PREFETCH_ARCHIVES_MAX; i++)
		bucket_free(&in->each[i]);
}

/* The ceilings: ${n} bytes have come, the next may in a while. Meanwhile the
 * archive finds the connection full. No time-out of ours runs on: they begin
 * when bytes are waited for. */
static void
hold(struct intake *in, struct ticket *k, size_t n)
{
	if (atomic_load(&k->urgent))
		return;
	int64_t now = clock_uptime_ns();
	int64_t one = bucket_take(atomic_load(&k->ceiling), n, now);
	int64_t all = bucket_take(in->all, n, now);
	int64_t until = now + (one > all ? one : all);
	while (now < until && !atomic_load(&k->urgent) &&
	    (k->cancelled == NULL || !atomic_load(k->cancelled))) {
		int64_t left = until - now;
		struct timespec slice = {
		    .tv_nsec = left < SLICE_NS ? left : SLICE_NS};
		(void)nanosleep(&slice, NULL); /* the clock tells */
		now = clock_uptime_ns();
	}
	/* what it holds up is no fault of the archive */
	atomic_store(&k->moved_ns, now);
}

/* Identity once more, in what really came. */
static int
check_patient(struct ticket *k, const struct attrs *as, struct err *e)
{
	char reason[160];
	if (!patient_is_other(&k->patient, attrs_value(as, TAG_PATIENT_NAME),
	    attrs_value(as, TAG_BIRTH_DATE), reason, sizeof(reason)))
		return 0;
	atomic_store(&k->stranger, true); /* keep() cuts what follows it */
	return err_set(e, ERR_PARSE, 0, "its patient is another: %s", reason);
}

/* The object must be what it was sent as, of the study that was asked for
 * and of the series that lists it: a UID from a data set is never trusted
 * further. */
static int
check(struct ticket *k, const struct intake_object *o,
    const struct attrs *as, struct err *e)
{
	if (!str_eq(attrs_value(as, TAG_SOP_INSTANCE), o->instance_uid) ||
	    !str_eq(attrs_value(as, TAG_SOP_CLASS), o->class_uid))
		return err_set(e, ERR_PARSE, 0,
		    "its SOP UIDs are not those it was sent under");
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

/* Put what was checked in its place. */
static uint16_t
keep(struct arrival *a)
{
	struct intake *in = a->in;
	struct ticket *k = a->k;
	const struct intake_object *o = &a->o;
	struct store_object so;
	entry_describe(&a->en, o->syntax);
	const char *series_uid = attrs_value(&a->en.as, TAG_SERIES_UID);
	if (store_commit(&a->w, k->study_uid, series_uid, o->instance_uid,
	    &so, &a->why) != 0) {
		if (a->why.code == ERR_CORRUPT)
			conflict_met(in, k, series_uid, o->instance_uid);
		return status_of(a->why.code);
	}
	entry_put(&a->en, in->ix, o, &so);
	if (ticket_mark(&in->tickets, k, o->instance_uid)) {
		atomic_fetch_add(&k->n_here, 1);
		atomic_fetch_add(&k->bytes, so.length);
		pass_on(in, k, o, &so);
	} else {
		atomic_fetch_add(&k->n_repeated, 1);
	}
	atomic_store(&k->moved_ns, clock_uptime_ns());
	in->learn(in->ctx, o->class_uid, o->syntax);
	stats_add(STAT_OBJECTS_STORED, 1);
	stats_add(STAT_BYTES_FETCHED, (int64_t)so.length);
	return DIMSE_SUCCESS;
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
	    "action=not_kept", status, why);
}

bool
intake_begin(struct arrival *a, struct intake *in,
    const struct intake_object *o)
{
	*a = (struct arrival){.in = in, .o = *o,
	    .status = DIMSE_NOT_AUTHORISED,
	    .why = {.msg = "nobody asked for it"}};
	attrs_init(&a->en.as);
	a->k = o->own != NULL ?
	    ticket_enter(&in->tickets, o->own, o->instance_uid) :
	    ticket_find(&in->tickets, o->ae_title, o->instance_uid);
	if (a->k == NULL)
		return false;
	a->w = store_begin(in->st, o->class_uid, o->instance_uid, o->syntax,
	    &a->why);
	a->status = status_of(a->why.code);
	return a->w != NULL;
}

int
intake_write(struct arrival *a, const void *p, size_t n, struct err *e)
{
	if (a->k != NULL) {
		atomic_store(&a->k->moved_ns, clock_uptime_ns());
		hold(a->in, a->k, n);
	}
	if (a->w == NULL || store_write(a->w, p, n, e) == 0)
		return 0;
	a->why = *e; /* disk full, quota, too large */
	a->status = status_of(e->code);
	store_abort(&a->w);
	return -1;
}

uint16_t
intake_check(struct arrival *a)
{
	struct ticket *k = a->k;
	if (a->w != NULL && (entry_read(&a->en, a->w, a->o.syntax,
	    &a->why) != 0 || check(k, &a->o, &a->en.as, &a->why) != 0)) {
		a->status = status_of(a->why.code);
		store_abort(&a->w);
		if (k->flow != NULL && atomic_load(&k->stranger))
			flow_end(&a->in->flows, k->flow, &a->why, true);
	} else if (a->w != NULL) {
		a->status = DIMSE_SUCCESS;
	}
	if (a->status != DIMSE_SUCCESS)
		tell_refused(k != NULL ? k : a->o.own, a->status,
		    a->why.msg);
	return a->status;
}

uint16_t
intake_keep(struct arrival *a)
{
	if (a->status == DIMSE_SUCCESS) {
		a->status = keep(a);
		if (a->status != DIMSE_SUCCESS)
			tell_refused(a->k, a->status, a->why.msg);
	}
	uint16_t status = a->status;
	intake_drop(a);
	return status;
}

uint16_t
intake_end(struct arrival *a)
{
	(void)intake_check(a); /* kept in ${a} */
	return intake_keep(a);
}

void
intake_drop(struct arrival *a)
{
	store_abort(&a->w);
	entry_done(&a->en);
	if (a->k != NULL)
		ticket_leave(&a->in->tickets, a->k);
	a->k = NULL;
}

static int
sink_arrival(void *ctx, const void *p, size_t n, struct err *e)
{ /* assoc_sink_fn */
	return intake_write(ctx, p, n, e);
}

int
intake_receive(struct arrival *a, struct assoc *as, struct err *e)
{
	/* whoever was not asked need not be waited for */
	if (assoc_receive_data(as, a->k != NULL ? ARCHIVE_ANSWER_MS :
	    ASSOC_PDU_MS, sink_arrival, a, e) >= 0)
		return 0;
	intake_drop(a);
	return -1;
}

int
intake_take(struct intake *in, struct assoc *a, const struct intake_object *o,
    uint16_t *ret_status, struct err *e)
{
	struct arrival v;
	(void)intake_begin(&v, in, o); /* its end says what it came to */
	if (intake_receive(&v, a, e) != 0)
		return -1;
	*ret_status = intake_end(&v);
	return 0;
}
