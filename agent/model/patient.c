/* SPDX-License-Identifier: MIT */
/* Identity: equal identifiers, and nothing that both state differs. */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "model/patient.h"
#include "text/fold.h"

#define ID_MAX 64 /* characters of a DICOM LO, PS3.5 6.2 */

enum fact {
	FACT_UNKNOWN, /* at least one side does not say */
	FACT_SAME,
	FACT_DIFFERS,
};

/* How an assigning authority is named; names of two forms cannot be
 * compared. */
enum form { FORM_NONE, FORM_NAME, FORM_OID, FORM_URI };

/* Without the blanks that are padding in LO (PS3.5 6.2). */
static void
unpadded(char *dst, size_t size, const char *s)
{
	(void)str_copy(dst, size, s); /* both have the size of their field */
	(void)str_trim(dst); /* returns its argument */
}

static enum fact
compare_ids(const char *ours, const char *theirs)
{
	char a[65], b[65];
	unpadded(a, sizeof(a), ours);
	unpadded(b, sizeof(b), theirs);
	if (a[0] == '\0' || b[0] == '\0')
		return FACT_UNKNOWN;
	return str_eq(a, b) ? FACT_SAME : FACT_DIFFERS;
}

/* Cuts "urn:oid:" away from ${s}. */
static enum form
issuer_form(const char **s)
{
	const char *p = *s;
	if (p[0] == '\0')
		return FORM_NONE;
	if (str_starts(p, "urn:oid:")) {
		*s = p + 8;
		return FORM_OID;
	}
	if (strspn(p, "0123456789.") == strlen(p) && strchr(p, '.') != NULL)
		return FORM_OID;
	return strchr(p, ':') != NULL ? FORM_URI : FORM_NAME;
}

static enum fact
compare_issuers(const char *ours, const char *theirs)
{
	char a[65], b[65];
	unpadded(a, sizeof(a), ours);
	unpadded(b, sizeof(b), theirs);
	const char *pa = a, *pb = b;
	enum form form = issuer_form(&pa);
	if (form == FORM_NONE || form != issuer_form(&pb))
		return FACT_UNKNOWN;
	return fold_equal(pa, pb) ? FACT_SAME : FACT_DIFFERS;
}

/* A date that is none (00000000, 1970) states nothing. */
static enum fact
compare_dates(const char *ours, const char *theirs)
{
	char a[9] = "", b[9] = "";
	bool real = case_parse_birth_date(a, ours) &&
	    case_parse_birth_date(b, theirs);
	if (!real || a[0] == '\0' || b[0] == '\0')
		return FACT_UNKNOWN;
	return str_eq(a, b) ? FACT_SAME : FACT_DIFFERS;
}

static bool
has_family(const struct patient *p)
{
	char family[CASE_TEXT_SIZE];
	return fold_family(family, sizeof(family), p->name)[0] != '\0';
}

static enum fact
compare_names(const struct patient *ours, const struct patient *theirs)
{
	if (!has_family(ours) || !has_family(theirs))
		return FACT_UNKNOWN;
	return fold_family_equal(ours->name, theirs->name) ? FACT_SAME :
							      FACT_DIFFERS;
}

static bool
sex_differs(const char *ours, const char *theirs)
{
	bool told = ours[0] != '\0' && theirs[0] != '\0' &&
	    strchr("MFO", ours[0]) != NULL && strchr("MFO", theirs[0]) != NULL;
	return told && ours[0] != theirs[0];
}

/* Add a clause to ${reason}, "; " between. */
static void
add(char *reason, size_t size, const char *clause)
{
	size_t n = strlen(reason);
	(void)snprintf(reason + n, size - n, "%s%s", n > 0 ? "; " : "",
	    clause); /* a reason that is too long is cut */
}

static bool
has_date(const struct patient *p)
{
	char date[9] = "";
	return case_parse_birth_date(date, p->birth_date) && date[0] != '\0';
}

static const char *
id_only_words(const struct patient *ours, const struct patient *theirs)
{
	if (!has_date(theirs) && !has_family(theirs))
		return "identifier only: the archive states no birth date and "
		       "no name";
	if (!has_date(ours) && !has_family(ours))
		return "identifier only: the list states no birth date and no "
		       "name";
	return "identifier only: no birth date and no name that both state";
}

static const char *
agreed_words(enum fact date, enum fact name)
{
	if (date == FACT_SAME && name == FACT_SAME)
		return "identifier, birth date and family name agree";
	if (date == FACT_SAME)
		return "identifier and birth date agree";
	return "identifier and family name agree";
}

enum agreement
patient_agree(const struct patient *ours, const struct patient *theirs,
    char *reason, size_t size)
{
	enum fact id = compare_ids(ours->id, theirs->id);
	enum fact date = compare_dates(ours->birth_date, theirs->birth_date);
	enum fact name = compare_names(ours, theirs);
	enum agreement agreement = AGREE_NO;
	reason[0] = '\0';
	if (id == FACT_UNKNOWN)
		add(reason, size, "identifier not stated");
	if (id == FACT_DIFFERS)
		add(reason, size, "identifier differs");
	if (compare_issuers(ours->issuer, theirs->issuer) == FACT_DIFFERS)
		add(reason, size, "issuer of the identifier differs");
	if (date == FACT_DIFFERS)
		add(reason, size, "birth date differs");
	if (name == FACT_DIFFERS)
		add(reason, size, "family name differs");
	if (reason[0] == '\0') {
		bool more = date == FACT_SAME || name == FACT_SAME;
		agreement = more ? AGREE_YES : AGREE_ID_ONLY;
		add(reason, size, more ? agreed_words(date, name) :
					 id_only_words(ours, theirs));
	}
	if (sex_differs(ours->sex, theirs->sex))
		add(reason, size, "sex differs: a warning");
	return agreement;
}

bool
patient_is_other(const struct patient *ours, const char *name,
    const char *birth_date, char *reason, size_t size)
{
	struct patient theirs = *ours;
	(void)str_copy(theirs.name, sizeof(theirs.name), name); /* a cut */
	(void)str_copy(theirs.birth_date, sizeof(theirs.birth_date),
	    birth_date); /* a cut */
	theirs.sex[0] = '\0';
	return ours->id[0] != '\0' &&
	    patient_agree(ours, &theirs, reason, size) == AGREE_NO;
}

/* Control characters of C0, DEL and C1 (two bytes in UTF-8). */
static bool
has_control(const char *id)
{
	for (const unsigned char *p = (const unsigned char *)id; *p != 0; p++)
		if (*p < 0x20 || *p == 0x7F ||
		    (p[0] == 0xC2 && p[1] < 0xA0))
			return true;
	return false;
}

bool
patient_id_is_safe(const char *id)
{
	size_t bytes = strlen(id), chars = 0;
	if (!str_is_utf8(id, bytes) || has_control(id))
		return false;
	for (size_t i = 0; i < bytes; i++)
		chars += ((unsigned char)id[i] & 0xC0) != 0x80;
	/* blanks alone are an empty key: universal matching, PS3.4
	 * C.2.2.2.3; '*' and '?' are wildcards, C.2.2.2.4; '\' makes a list,
	 * PS3.5 6.4 */
	return chars <= ID_MAX && strspn(id, " ") < bytes &&
	    strpbrk(id, "*?\\") == NULL;
}
