/* SPDX-License-Identifier: MIT */
/* A QIDO-RS query as keys, fields and bounds (PS3.18 8.3.4, 10.6.1.2). */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "dicomweb_priv.h"

/* keywords (PS3.6) of the attributes that we know, and of those that are
 * asked for though no row has them */
static const struct {
	const char *keyword;
	uint32_t tag;
} keywords[] = {
	{"AccessionNumber", TAG_ACCESSION},
	{"AcquisitionDate", TAG_ACQUISITION_DATE},
	{"AcquisitionNumber", TAG_ACQUISITION_NUMBER},
	{"AcquisitionTime", TAG_ACQUISITION_TIME},
	{"BitsAllocated", TAG_BITS_ALLOCATED},
	{"BodyPartExamined", TAG_BODY_PART},
	{"Columns", TAG_COLUMNS},
	{"ContentDate", TAG_CONTENT_DATE},
	{"ContentTime", TAG_CONTENT_TIME},
	{"ImageComments", TAG_IMAGE_COMMENTS},
	{"ImageType", TAG_IMAGE_TYPE},
	{"InstanceAvailability", TAG_AVAILABILITY},
	{"InstanceCreationDate", TAG_INSTANCE_CREATION_DATE},
	{"InstanceCreationTime", TAG_INSTANCE_CREATION_TIME},
	{"InstanceNumber", TAG_INSTANCE_NUMBER},
	{"InstitutionName", TAG_INSTITUTION},
	{"InterpretationStatusID", TAG_INTERPRETATION_STATUS},
	{"IssuerOfPatientID", TAG_ISSUER},
	{"Manufacturer", TAG_MANUFACTURER},
	{"ModalitiesInStudy", TAG_MODALITIES},
	{"Modality", TAG_MODALITY},
	{"NameOfPhysiciansReadingStudy", TAG_READING_PHYSICIAN},
	{"NumberOfFrames", TAG_FRAMES},
	{"NumberOfPatientRelatedInstances", TAG_PATIENT_INSTANCES},
	{"NumberOfPatientRelatedSeries", TAG_PATIENT_SERIES},
	{"NumberOfPatientRelatedStudies", TAG_PATIENT_STUDIES},
	{"NumberOfSeriesRelatedInstances", TAG_SERIES_INSTANCES},
	{"NumberOfStudyRelatedInstances", TAG_STUDY_INSTANCES},
	{"NumberOfStudyRelatedSeries", TAG_STUDY_SERIES},
	{"OtherPatientIDs", TAG_OTHER_IDS},
	{"PatientAge", TAG_AGE},
	{"PatientBirthDate", TAG_BIRTH_DATE},
	{"PatientBirthTime", TAG_BIRTH_TIME},
	{"PatientComments", TAG_PATIENT_COMMENTS},
	{"PatientID", TAG_PATIENT_ID},
	{"PatientName", TAG_PATIENT_NAME},
	{"PatientSex", TAG_SEX},
	{"PatientWeight", TAG_WEIGHT},
	{"PerformedProcedureStepStartDate", TAG_PPS_DATE},
	{"PerformedProcedureStepStartTime", TAG_PPS_TIME},
	{"PerformingPhysicianName", TAG_PERFORMING_PHYSICIAN},
	{"ProcedureCodeSequence", TAG_PROCEDURE_CODES},
	{"ProtocolName", TAG_PROTOCOL},
	{"ReferringPhysicianName", TAG_REFERRING_PHYSICIAN},
	{"RetrieveAETitle", TAG_RETRIEVE_AE},
	{"RetrieveURL", TAG(0x0008, 0x1190)},
	{"Rows", TAG_ROWS},
	{"SOPClassUID", TAG_SOP_CLASS},
	{"SOPClassesInStudy", TAG_CLASSES_IN_STUDY},
	{"SOPInstanceUID", TAG_SOP_INSTANCE},
	{"SeriesDate", TAG_SERIES_DATE},
	{"SeriesDescription", TAG_SERIES_DESCRIPTION},
	{"SeriesInstanceUID", TAG_SERIES_UID},
	{"SeriesNumber", TAG_SERIES_NUMBER},
	{"SeriesTime", TAG_SERIES_TIME},
	{"SpecificCharacterSet", TAG_CHARSET},
	{"StationName", TAG_STATION_NAME},
	{"StudyComments", TAG_STUDY_COMMENTS},
	{"StudyDate", TAG_STUDY_DATE},
	{"StudyDescription", TAG_STUDY_DESCRIPTION},
	{"StudyID", TAG_STUDY_ID},
	{"StudyInstanceUID", TAG_STUDY_UID},
	{"StudyTime", TAG_STUDY_TIME},
	{"TimezoneOffsetFromUTC", TAG(0x0008, 0x0201)},
};

bool
qido_tag(const char *s, uint32_t *ret)
{
	uint8_t bytes[4];
	char hex[9];
	size_t n = strlen(s);
	for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++)
		if (str_eq(s, keywords[i].keyword)) {
			*ret = keywords[i].tag;
			return true;
		}
	if (n == 9 && (s[4] == ',' || s[4] == '.')) { /* "0008,0020" */
		memcpy(hex, s, 4);
		memcpy(hex + 4, s + 5, 5);
	} else if (!str_copy(hex, sizeof(hex), s) || n != 8) {
		return false;
	}
	if (!str_unhex(bytes, hex, sizeof(bytes)))
		return false;
	*ret = TAG((unsigned)bytes[0] << 8 | bytes[1],
	    (unsigned)bytes[2] << 8 | bytes[3]);
	return true;
}

/* A number from 0 of the query; absent is no error. */
static int
read_number(const struct dw_ask *ask, const char *key, uint64_t *ret,
    bool *ret_given, struct err *e)
{
	int64_t v = 0;
	const char *s = dw_ask_value(ask, key);
	*ret_given = s != NULL;
	if (s == NULL)
		return 0;
	if (!str_to_i64(s, 0, INT64_MAX, &v))
		return err_set(e, ERR_PARSE, 0, "%s: want a number", key);
	*ret = (uint64_t)v;
	return 0;
}

static void
add_field(struct qido *q, const char *name)
{
	uint32_t tag = 0;
	if (str_eq_nocase(name, "all"))
		q->all = true;
	else if (!qido_tag(name, &tag))
		return; /* nobody has it: no part of any answer */
	else if (q->n_fields < QIDO_FIELDS_MAX)
		q->fields[q->n_fields++] = tag;
}

/* "00081030,00080060": repeated or a list, PS3.18 8.3.4.3. "0008,1030" is
 * one name too. */
static void
add_fields(struct qido *q, const char *s)
{
	char name[80];
	uint32_t tag = 0;
	while (*s != '\0') {
		size_t n = strcspn(s, ",");
		if (n == 4 && strlen(s) >= 9 && str_copy_n(name,
		    sizeof(name), s, 9) && qido_tag(name, &tag))
			n = 9;
		if (str_copy_n(name, sizeof(name), s, n))
			add_field(q, str_trim(name));
		s += n;
		s += *s == ',';
	}
}

/* A list with commas (PS3.18 8.3.4.1) where a comma cannot be part of a
 * value. */
static bool
has_comma_lists(const char *vr)
{
	return str_in_list("UI,CS,IS", vr);
}

static int
add_key(struct qido *q, uint32_t tag, const char *value, struct err *e)
{
	const char *vr = tag_vr(tag);
	const char *before = attrs_value(&q->keys, tag);
	bool joined = before[0] != '\0' && !str_in_list("DA,TM,DT", vr);
	struct buf b;
	buf_init(&b, ATTR_VALUE_MAX);
	if (joined) /* a key that comes twice is a list */
		buf_addf(&b, "%s\\", before);
	for (const char *s = value; *s != '\0'; s++)
		buf_add_u8(&b, *s == ',' && has_comma_lists(vr) ? '\\' :
		    (uint8_t)*s);
	int rc = b.failed ? err_set(e, ERR_PARSE, 0, "query: too long") :
	    attrs_set(&q->keys, tag, vr, buf_str(&b), NULL, 0, e);
	buf_done(&b);
	return rc;
}

static int
read_arg(struct qido *q, const struct dw_arg *a, struct err *e)
{
	uint32_t tag = 0;
	if (!str_is_utf8(a->value, strlen(a->value)))
		return err_set(e, ERR_PARSE, 0, "query: want UTF-8");
	if (str_in_list("limit,offset,accept,charset", a->key))
		return 0; /* read elsewhere, or always UTF-8 */
	if (str_eq_nocase(a->key, "fuzzymatching")) {
		q->fuzzy = str_eq_nocase(a->value, "true");
		return 0;
	}
	if (str_eq_nocase(a->key, "includefield")) {
		add_fields(q, a->value);
		return 0;
	}
	if (!qido_tag(a->key, &tag)) { /* also those inside sequences */
		q->ignored = true;
		return 0;
	}
	return add_key(q, tag, a->value, e);
}

/* The path names entities as keys do, and more strongly. */
static int
read_path(struct qido *q, const struct dw_path *path, struct err *e)
{
	const struct {
		uint32_t tag;
		const char *uid;
	} names[] = {{TAG_STUDY_UID, path->study},
	    {TAG_SERIES_UID, path->series}};
	for (size_t i = 0; i < 2; i++)
		if (names[i].uid[0] != '\0' && attrs_set(&q->keys,
		    names[i].tag, "UI", names[i].uid, NULL, 0, e) != 0)
			return -1;
	return 0;
}

int
qido_read(struct qido *q, const struct dw_ask *ask,
    const struct dw_path *path, struct err *e)
{
	static const enum index_level levels[] = {
		[DW_STUDIES] = INDEX_STUDY,
		[DW_SERIES] = INDEX_SERIES,
		[DW_INSTANCES] = INDEX_INSTANCE,
	};
	bool given = false;
	*q = (struct qido){.level = levels[path->what],
	    .limit = DW_ROWS_MAX};
	attrs_init(&q->keys);
	q->study_too = q->level > INDEX_STUDY && path->study[0] == '\0';
	q->series_too = q->level > INDEX_SERIES && path->series[0] == '\0';
	for (unsigned i = 0; i < ask->n_args; i++)
		if (read_arg(q, &ask->args[i], e) != 0)
			return -1;
	if (read_path(q, path, e) != 0 ||
	    read_number(ask, "offset", &q->offset, &given, e) != 0 ||
	    read_number(ask, "limit", &q->limit, &q->limited, e) != 0)
		return -1;
	if (q->limit > DW_ROWS_MAX) {
		q->limit = DW_ROWS_MAX;
		q->limited = false; /* by us */
	}
	return 0;
}

void
qido_done(struct qido *q)
{
	attrs_done(&q->keys);
}
