/* SPDX-License-Identifier: MIT
 *
 * attrs: the attributes of one entity (patient, study, series, instance) or
 * of one query identifier: tag, VR, value in UTF-8, value as it came.
 * Called on any thread; pure. Owns its bytes.
 * Top level only: a sequence is a tag without a value. Never pixel data.
 */
#ifndef WIRE_ATTRS_H
#define WIRE_ATTRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define TAG(group, element) ((uint32_t)(group) << 16 | (uint32_t)(element))
#define ATTRS_MAX 512 /* attributes of one entity or identifier */
#define ATTR_VALUE_MAX (1024 * 1024) /* bytes of one value */

/* the attributes that this agent knows by name: id, group, element, VR */
#define TAGS(X) \
	X(CHARSET, 0x0008, 0x0005, "CS") \
	X(INSTANCE_CREATION_DATE, 0x0008, 0x0012, "DA") \
	X(INSTANCE_CREATION_TIME, 0x0008, 0x0013, "TM") \
	X(IMAGE_TYPE, 0x0008, 0x0008, "CS") \
	X(SOP_CLASS, 0x0008, 0x0016, "UI") \
	X(SOP_INSTANCE, 0x0008, 0x0018, "UI") \
	X(STUDY_DATE, 0x0008, 0x0020, "DA") \
	X(SERIES_DATE, 0x0008, 0x0021, "DA") \
	X(ACQUISITION_DATE, 0x0008, 0x0022, "DA") \
	X(CONTENT_DATE, 0x0008, 0x0023, "DA") \
	X(STUDY_TIME, 0x0008, 0x0030, "TM") \
	X(SERIES_TIME, 0x0008, 0x0031, "TM") \
	X(ACQUISITION_TIME, 0x0008, 0x0032, "TM") \
	X(CONTENT_TIME, 0x0008, 0x0033, "TM") \
	X(ACCESSION, 0x0008, 0x0050, "SH") \
	X(LEVEL, 0x0008, 0x0052, "CS") \
	X(RETRIEVE_AE, 0x0008, 0x0054, "AE") \
	X(AVAILABILITY, 0x0008, 0x0056, "CS") \
	X(MODALITY, 0x0008, 0x0060, "CS") \
	X(MODALITIES, 0x0008, 0x0061, "CS") \
	X(CLASSES_IN_STUDY, 0x0008, 0x0062, "UI") \
	X(MANUFACTURER, 0x0008, 0x0070, "LO") \
	X(INSTITUTION, 0x0008, 0x0080, "LO") \
	X(REFERRING_PHYSICIAN, 0x0008, 0x0090, "PN") \
	X(STATION_NAME, 0x0008, 0x1010, "SH") \
	X(STUDY_DESCRIPTION, 0x0008, 0x1030, "LO") \
	X(PROCEDURE_CODES, 0x0008, 0x1032, "SQ") \
	X(SERIES_DESCRIPTION, 0x0008, 0x103E, "LO") \
	X(PERFORMING_PHYSICIAN, 0x0008, 0x1050, "PN") \
	X(READING_PHYSICIAN, 0x0008, 0x1060, "PN") \
	X(PATIENT_NAME, 0x0010, 0x0010, "PN") \
	X(PATIENT_ID, 0x0010, 0x0020, "LO") \
	X(ISSUER, 0x0010, 0x0021, "LO") \
	X(BIRTH_DATE, 0x0010, 0x0030, "DA") \
	X(BIRTH_TIME, 0x0010, 0x0032, "TM") \
	X(SEX, 0x0010, 0x0040, "CS") \
	X(OTHER_IDS, 0x0010, 0x1000, "LO") \
	X(AGE, 0x0010, 0x1010, "AS") \
	X(WEIGHT, 0x0010, 0x1030, "DS") \
	X(PATIENT_COMMENTS, 0x0010, 0x4000, "LT") \
	X(BODY_PART, 0x0018, 0x0015, "CS") \
	X(PROTOCOL, 0x0018, 0x1030, "LO") \
	X(STUDY_UID, 0x0020, 0x000D, "UI") \
	X(SERIES_UID, 0x0020, 0x000E, "UI") \
	X(STUDY_ID, 0x0020, 0x0010, "SH") \
	X(SERIES_NUMBER, 0x0020, 0x0011, "IS") \
	X(ACQUISITION_NUMBER, 0x0020, 0x0012, "IS") \
	X(INSTANCE_NUMBER, 0x0020, 0x0013, "IS") \
	X(PATIENT_STUDIES, 0x0020, 0x1200, "IS") \
	X(PATIENT_SERIES, 0x0020, 0x1202, "IS") \
	X(PATIENT_INSTANCES, 0x0020, 0x1204, "IS") \
	X(STUDY_SERIES, 0x0020, 0x1206, "IS") \
	X(STUDY_INSTANCES, 0x0020, 0x1208, "IS") \
	X(SERIES_INSTANCES, 0x0020, 0x1209, "IS") \
	X(IMAGE_COMMENTS, 0x0020, 0x4000, "LT") \
	X(FRAMES, 0x0028, 0x0008, "IS") \
	X(ROWS, 0x0028, 0x0010, "US") \
	X(COLUMNS, 0x0028, 0x0011, "US") \
	X(BITS_ALLOCATED, 0x0028, 0x0100, "US") \
	X(STUDY_COMMENTS, 0x0032, 0x4000, "LT") \
	X(PPS_DATE, 0x0040, 0x0244, "DA") \
	X(PPS_TIME, 0x0040, 0x0245, "TM") \
	X(INTERPRETATION_STATUS, 0x4008, 0x0212, "CS")

enum tag {
#define TAG_ENUM(id, g, el, vr) TAG_##id = (int)TAG(g, el),
	TAGS(TAG_ENUM)
#undef TAG_ENUM
};
/* VR of a known tag, "UN" of another. */
const char *tag_vr(uint32_t tag);

struct attr {
	uint32_t tag;
	char vr[3];
	char *value; /* UTF-8, padding cut, components joined by '\' */
	uint32_t raw_n; /* bytes as they came, padding included */
	uint8_t *raw;
};

struct attrs {
	struct attr *a; /* sorted by tag, each tag once */
	unsigned n;
	char charset[65]; /* (0008,0005) that ${raw} is in, "" = ISO-IR 6 */
	bool guessed; /* the character set was missing or unknown */
};

/* Make empty; release. */
void attrs_init(struct attrs *as);
void attrs_done(struct attrs *as);
/* Set ${tag}; replaces. ${value} and ${raw} are copied; ${raw} NULL means
 * the bytes of ${value}. Beyond ATTRS_MAX or ATTR_VALUE_MAX: -1. */
int attrs_set(struct attrs *as, uint32_t tag, const char *vr,
    const char *value, const void *raw, size_t raw_n, struct err *e);
/* The same with the known VR and value only; ignores the limit's failure
 * (our own answers stay far below). */
void attrs_put(struct attrs *as, uint32_t tag, const char *value);
void attrs_putf(struct attrs *as, uint32_t tag, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Borrowed, NULL when absent. */
const struct attr *attrs_get(const struct attrs *as, uint32_t tag);
/* The value, "" when absent or empty; borrowed. */
const char *attrs_value(const struct attrs *as, uint32_t tag);
/* Copy every attribute of ${from} that ${as} lacks; the character set comes
 * along only when ${as} was empty. */
void attrs_merge(struct attrs *as, const struct attrs *from);

/* One blob for the index, and back. Parsing a damaged blob is ERR_CORRUPT. */
void attrs_format(struct buf *b, const struct attrs *as);
int attrs_parse(const void *p, size_t n, struct attrs *ret, struct err *e);

#endif
