/* SPDX-License-Identifier: MIT */
/* One object comes in: written aside, checked against what was asked for and
 * what the command says, then kept and indexed. */
#include <limits.h>
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
#define PEEK_FIRST (32 * 1024) /* most headers end before; else doubled */

/* attributes kept for C-FIND, by the entity they belong to (PS3.3 C.7) */
static const uint32_t study_tags[] = {TAG_PATIENT_NAME, TAG_PATIENT_ID,
    TAG_ISSUER, TAG_BIRTH_DATE, TAG_BIRTH_TIME, TAG_SEX, TAG_OTHER_IDS,
    TAG_AGE, TAG_WEIGHT, TAG_PATIENT_COMMENTS, TAG_STUDY_DATE, TAG_STUDY_TIME,
    TAG_ACCESSION, TAG_STUDY_DESCRIPTION, TAG_REFERRING_PHYSICIAN,
    TAG_STUDY_ID, TAG_STUDY_UID, TAG_READING_PHYSICIAN, TAG_STUDY_COMMENTS,
    TAG_INTERPRETATION_STATUS};
static const uint32_t series_tags[] = {TAG_MODALITY, TAG_SERIES_DATE,
    TAG_SERIES_TIME, TAG_SERIES_DESCRIPTION, TAG_SERIES_NUMBER,
    TAG_SERIES_UID, TAG_BODY_PART, TAG_PROTOCOL, TAG_PERFORMING_PHYSICIAN,
    TAG_MANUFACTURER, TAG_INSTITUTION, TAG_STATION_NAME, TAG_PPS_DATE,
    TAG_PPS_TIME};
static const uint32_t instance_tags[] = {TAG_SOP_CLASS, TAG_SOP_INSTANCE,
    TAG_INSTANCE_NUMBER, TAG_INSTANCE_CREATION_DATE,
    TAG_INSTANCE_CREATION_TIME, TAG_IMAGE_TYPE, TAG_ACQUISITION_DATE,
    TAG_ACQUISITION_TIME, TAG_ACQUISITION_NUMBER, TAG_CONTENT_DATE,
    TAG_CONTENT_TIME, TAG_IMAGE_COMMENTS, TAG_FRAMES, TAG_ROWS, TAG_COLUMNS};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define TAGS_ALL (COUNT(study_tags) + COUNT(series_tags) + \
	COUNT(instance_tags) + 1)

/* The part of ${all} that ${tags} name, as an index blob. */
static void
blob_of(const struct attrs *all, const uint32_t *tags, size_t n,
    struct buf *ret)
{
	struct attrs part;
	struct err ignored; /* smaller than ${all}, which fitted */
	attrs_init(&part);
	for (size_t i = 0; i < n; i++) {
		const struct attr *a = attrs_get(all, tags[i]);
		if (a != NULL)
			(void)attrs_set(&part, a->tag, a->vr, a->value,
			    a->raw, a->raw_n, &ignored);
	}
	(void)str_copy(part.charset, sizeof(part.charset), all->charset);
	part.guessed = all->guessed;
	buf_init(ret, 4 * ATTR_VALUE_MAX);
	attrs_format(ret, &part);
	attrs_done(&part);
}

static int
number_of(const struct attrs *as, uint32_t tag)
{
	int64_t v = INT_MAX;
	(void)str_to_i64(attrs_value(as, tag), INT_MIN, INT_MAX, &v);
	return (int)v;
}

static void
put_index(struct intake *in, const struct intake_object *o,
    const struct store_object *so, const struct attrs *as)
{
	struct buf study, series, instance;
	blob_of(as, study_tags, COUNT(study_tags), &study);
	blob_of(as, series_tags, COUNT(series_tags), &series);
	blob_of(as, instance_tags, COUNT(instance_tags), &instance);
	const char *date = attrs_value(as, TAG_STUDY_DATE);
	struct index_object io = {
	    .study_uid = attrs_value(as, TAG_STUDY_UID),
	    .series_uid = attrs_value(as, TAG_SERIES_UID),
	    .instance_uid = o->instance_uid,
	    .class_uid = o->class_uid,
	    .syntax = o->syntax,
	    .length = so->length,
	    .offset = so->offset,
	    .patient_id = attrs_value(as, TAG_PATIENT_ID),
	    .issuer = attrs_value(as, TAG_ISSUER),
	    .study_date = strlen(date) == 8 ? date : "",
	    .modality = attrs_value(as, TAG_MODALITY),
	    .series_number = number_of(as, TAG_SERIES_NUMBER),
	    .instance_number = number_of(as, TAG_INSTANCE_NUMBER),
	    .patient_study = {study.p, study.len},
	    .series = {series.p, series.len},
	    .instance = {instance.p, instance.len},
	};
	memcpy(io.name, so->name, sizeof(io.name));
	memcpy(io.digest, so->digest, sizeof(io.digest));
	index_put_object(in->ix, &io);
	buf_done(&study);
	buf_done(&series);
	buf_done(&instance);
}

/* Read the header of what was written: as much of it as reaches the pixel
 * data. A deflated data set cannot be cut: it is given whole. */
static int
read_header(struct store_writer *w, const char *syntax, struct attrs *ret,
    struct err *e)
{
	uint32_t tags[TAGS_ALL] = {TAG_CHARSET};
	size_t n_tags = 1;
	memcpy(tags + n_tags, study_tags, sizeof(study_tags));
	n_tags += COUNT(study_tags);
	memcpy(tags + n_tags, series_tags, sizeof(series_tags));
	n_tags += COUNT(series_tags);
	memcpy(tags + n_tags, instance_tags, sizeof(instance_tags));
	n_tags += COUNT(instance_tags);

	size_t max = str_eq(syntax, SYNTAX_DEFLATED_LE) ? DATASET_HEADER_MAX :
	    PEEK_FIRST;
	for (;;) {
		size_t n = 0;
		const uint8_t *p = store_peek(w, max, &n, e);
		if (p == NULL)
			return -1;
		struct scan sc = {.how = SCAN_WHOLE, .end = n};
		if (!str_eq(syntax, SYNTAX_DEFLATED_LE) &&
		    scan_data_set(p, n, syntax, NULL, NULL, &sc, e) != 0)
			return -1;
		if (sc.how != SCAN_MORE)
			return dataset_parse(p, sc.end, syntax, tags,
			    (unsigned)n_tags, ret, e);
		if (n < max)
			return err_set(e, ERR_PARSE, 0,
			    "the data set ends inside an element");
		if (max >= DATASET_HEADER_MAX)
			return err_set(e, ERR_PARSE, 0,
			    "header: want at most %d bytes before pixel data",
			    DATASET_HEADER_MAX);
		max *= 8;
	}
}

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
	atomic_store(&k->stranger, true);
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

/* From the written bytes to a kept object. */
static uint16_t
keep(struct intake *in, struct ticket *k, const struct intake_object *o,
    struct store_writer **w, struct err *e)
{
	struct attrs as;
	struct store_object so;
	uint16_t status = DIMSE_UNABLE;
	attrs_init(&as);
	if (read_header(*w, o->syntax, &as, e) != 0 ||
	    check(k, o, &as, e) != 0) {
		status = status_of(e->code);
		store_abort(w);
		goto out;
	}
	if (store_commit(w, k->study_uid, attrs_value(&as, TAG_SERIES_UID),
	    o->instance_uid, &so, e) != 0) {
		status = status_of(e->code);
		goto out;
	}
	put_index(in, o, &so, &as);
	if (ticket_mark(&in->tickets, k, o->instance_uid)) {
		atomic_fetch_add(&k->n_here, 1);
		atomic_fetch_add(&k->bytes, so.length);
	}
	atomic_store(&k->moved_ns, clock_uptime_ns());
	in->learn(in->ctx, o->class_uid, o->syntax);
	stats_add(STAT_OBJECTS_STORED, 1);
	stats_add(STAT_BYTES_FETCHED, (int64_t)so.length);
	status = DIMSE_SUCCESS;
out:
	attrs_done(&as);
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
	int rc = assoc_receive_data(a, ARCHIVE_ANSWER_MS,
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
