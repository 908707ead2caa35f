/* SPDX-License-Identifier: MIT
 *
 * casefile: one operation on the surgical schedule, as every feed tells it.
 * A plain struct; pure. Text is UTF-8, times are UTC.
 */
#ifndef MODEL_CASEFILE_H
#define MODEL_CASEFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define CASE_ID_SIZE 65
#define CASE_TEXT_SIZE 257

enum case_status {
	CASE_BOOKED,
	CASE_STARTED,
	CASE_COMPLETED,
	CASE_CANCELLED,
	CASE_NOSHOW,
};

/* who, as one side states it; "" = not stated */
struct patient {
	char id[65]; /* DICOM LO, 64 characters */
	char issuer[65];
	char name[CASE_TEXT_SIZE]; /* DICOM PN or "Family, Given" */
	char birth_date[9]; /* YYYYMMDD */
	char sex[2]; /* M F O */
};

struct casefile {
	char id[CASE_ID_SIZE];
	char room[CASE_ID_SIZE];
	char start_text[41]; /* as it came */
	int64_t start_utc;
	int64_t end_utc; /* start + 6 h when the feed does not say */
	struct patient patient;
	char procedure_code[65];
	char procedure[CASE_TEXT_SIZE];
	char surgeon[CASE_TEXT_SIZE];
	enum case_status status;
};

const char *case_status_name(enum case_status s); /* "booked" */
/* ASCII case aside, "canceled" too; "" is booked. False when unknown. */
bool case_status_parse(const char *s, enum case_status *ret);
/* Whether images may still be needed: booked or started. */
bool case_is_on(const struct casefile *c);
/* Whether both say the same in every field. */
bool case_equal(const struct casefile *a, const struct casefile *b);
/* "YYYY-MM-DD" or "YYYYMMDD" of a real date into ${dst}; "" stays "". */
bool case_parse_birth_date(char dst[9], const char *s);

#endif
