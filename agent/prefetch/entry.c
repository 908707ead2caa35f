/* SPDX-License-Identifier: MIT */
/* What the index keeps of an object: its header read, its row written. */
#include <limits.h>
#include <string.h>

#include "base/str.h"
#include "base/uid.h"
#include "dicom/dataset.h"
#include "prefetch/prefetch_priv.h"
#include "wire/scan.h"

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
    TAG_CONTENT_TIME, TAG_IMAGE_COMMENTS, TAG_FRAMES, TAG_ROWS, TAG_COLUMNS,
    TAG_BITS_ALLOCATED};

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

void
entry_put(const struct entry *en, struct index *ix,
    const struct intake_object *o, const struct store_object *so)
{
	const struct attrs *as = &en->as;
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
	    .metadata = {en->meta.part.p, en->meta.part.len},
	    .metadata_n = en->meta.n,
	    .metadata_crc = en->meta.crc,
	};
	memcpy(io.name, so->name, sizeof(io.name));
	memcpy(io.digest, so->digest, sizeof(io.digest));
	index_put_object(ix, &io);
	buf_done(&study);
	buf_done(&series);
	buf_done(&instance);
}

/* ${n} bytes that reach the pixel data, read for the index. */
static int
read_bytes(struct entry *ret, const uint8_t *p, size_t n, size_t header_n,
    const char *syntax, struct err *e)
{
	uint32_t tags[TAGS_ALL] = {TAG_CHARSET};
	size_t n_tags = 1;
	memcpy(tags + n_tags, study_tags, sizeof(study_tags));
	n_tags += COUNT(study_tags);
	memcpy(tags + n_tags, series_tags, sizeof(series_tags));
	n_tags += COUNT(series_tags);
	memcpy(tags + n_tags, instance_tags, sizeof(instance_tags));
	n_tags += COUNT(instance_tags);
	ret->p = p;
	ret->n = n;
	return dataset_parse(p, header_n, syntax, tags, (unsigned)n_tags,
	    &ret->as, e);
}

void
entry_describe(struct entry *en, const char *syntax)
{
	struct err ignored; /* it is made when somebody asks */
	const char *study = attrs_value(&en->as, TAG_STUDY_UID);
	const char *series = attrs_value(&en->as, TAG_SERIES_UID);
	const char *instance = attrs_value(&en->as, TAG_SOP_INSTANCE);
	if (uid_is_valid(study) && uid_is_valid(series) &&
	    uid_is_valid(instance))
		(void)metadata_make(&en->meta, en->p, en->n, syntax, study,
		    series, instance, &ignored); /* see above */
}

/* Read the header of what was written: as much of it as reaches the pixel
 * data. A deflated data set cannot be cut: it is given whole. */
int
entry_read(struct entry *ret, struct store_writer *w, const char *syntax,
    struct err *e)
{
	bool deflated = str_eq(syntax, SYNTAX_DEFLATED_LE);
	size_t max = deflated ? DATASET_HEADER_MAX : PEEK_FIRST;
	*ret = (struct entry){.meta = {.n = 0}};
	attrs_init(&ret->as);
	for (;;) {
		size_t n = 0;
		const uint8_t *p = store_peek(w, max, &n, e);
		if (p == NULL)
			return -1;
		struct scan sc = {.how = SCAN_WHOLE, .end = n};
		if (!deflated &&
		    scan_data_set(p, n, syntax, NULL, NULL, &sc, e) != 0)
			return -1;
		/* what was cut between two elements looks whole */
		bool cut = sc.how == SCAN_MORE ||
		    (sc.how == SCAN_WHOLE && n == max && !deflated);
		if (!cut)
			return read_bytes(ret, p, n, sc.end, syntax, e);
		if (n < max)
			return err_set(e, ERR_PARSE, 0,
			    "the data set ends inside an element");
		if (max >= DATASET_HEADER_MAX)
			return err_set(e, ERR_PARSE, 0,
			    "header: want at most %zu bytes before pixel data",
			    DATASET_HEADER_MAX);
		max *= 8;
	}
}

/* The same of a data set that lies mapped. */
static int
read_mapped(struct entry *ret, const uint8_t *p, size_t n,
    const char *syntax, struct err *e)
{
	size_t k = n < DATASET_HEADER_MAX ? n : DATASET_HEADER_MAX;
	struct scan sc = {.how = SCAN_WHOLE, .end = k};
	*ret = (struct entry){.meta = {.n = 0}};
	attrs_init(&ret->as);
	if (!str_eq(syntax, SYNTAX_DEFLATED_LE) &&
	    scan_data_set(p, k, syntax, NULL, NULL, &sc, e) != 0)
		return -1;
	if (sc.how == SCAN_MORE || (sc.how == SCAN_WHOLE && k < n))
		return err_set(e, ERR_PARSE, 0,
		    "the data set ends inside an element");
	return read_bytes(ret, p, k, sc.end, syntax, e);
}

int
prefetch_readmit(struct index *ix, const struct store_item *it,
    const void *p, size_t n, struct err *e)
{
	struct entry en;
	uint8_t name[STORE_NAME_BYTES] = {0};
	int rc = read_mapped(&en, p, n, it->syntax, e);
	const char *study = attrs_value(&en.as, TAG_STUDY_UID);
	const char *series = attrs_value(&en.as, TAG_SERIES_UID);
	const char *instance = attrs_value(&en.as, TAG_SOP_INSTANCE);
	if (rc == 0 && uid_is_valid(study) && uid_is_valid(series))
		store_name(name, study, series, instance);
	if (rc == 0 && (!str_eq(instance, it->instance_uid) ||
	    memcmp(name, it->object.name, sizeof(name)) != 0))
		rc = err_set(e, ERR_CORRUPT, 0, "readmit an object: its UIDs "
		    "are not those of its file");
	if (rc == 0) {
		struct intake_object o = {.class_uid = it->class_uid,
		    .instance_uid = it->instance_uid, .syntax = it->syntax};
		entry_describe(&en, it->syntax);
		entry_put(&en, ix, &o, &it->object);
	}
	entry_done(&en);
	return rc;
}

void
entry_done(struct entry *en)
{
	attrs_done(&en->as);
	metadata_done(&en->meta);
}
