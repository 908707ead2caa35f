/* SPDX-License-Identifier: MIT */
/* Cases: the names of their states, and what two of them have in common. */
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "model/casefile.h"

static const char *const status_names[] = {
    [CASE_BOOKED] = "booked",
    [CASE_STARTED] = "started",
    [CASE_COMPLETED] = "completed",
    [CASE_CANCELLED] = "cancelled",
    [CASE_NOSHOW] = "noshow",
};

#define STATUS_COUNT (sizeof(status_names) / sizeof(status_names[0]))

const char *
case_status_name(enum case_status s)
{
	return status_names[s];
}

bool
case_status_parse(const char *s, enum case_status *ret)
{
	if (s[0] == '\0') {
		*ret = CASE_BOOKED;
		return true;
	}
	if (str_eq_nocase(s, "canceled"))
		s = status_names[CASE_CANCELLED];
	for (size_t i = 0; i < STATUS_COUNT; i++) {
		if (str_eq_nocase(s, status_names[i])) {
			*ret = (enum case_status)i;
			return true;
		}
	}
	return false;
}

bool
case_is_on(const struct casefile *c)
{
	return c->status == CASE_BOOKED || c->status == CASE_STARTED;
}

static bool
same_patient(const struct patient *a, const struct patient *b)
{
	return str_eq(a->id, b->id) && str_eq(a->issuer, b->issuer) &&
	    str_eq(a->name, b->name) && str_eq(a->birth_date, b->birth_date) &&
	    str_eq(a->sex, b->sex);
}

bool
case_equal(const struct casefile *a, const struct casefile *b)
{
	return str_eq(a->id, b->id) && str_eq(a->room, b->room) &&
	    str_eq(a->start_text, b->start_text) &&
	    a->start_utc == b->start_utc && a->end_utc == b->end_utc &&
	    same_patient(&a->patient, &b->patient) &&
	    str_eq(a->procedure_code, b->procedure_code) &&
	    str_eq(a->procedure, b->procedure) &&
	    str_eq(a->surgeon, b->surgeon) && a->status == b->status;
}

/* ${n} digits at ${s}, which need not end there. */
static bool
read_number(const char *s, size_t n, int *ret)
{
	int64_t v = 0;
	if (s[0] < '0' || s[0] > '9' || !str_to_i64_n(s, n, 0, 9999, &v))
		return false;
	*ret = (int)v;
	return true;
}

bool
case_parse_birth_date(char dst[9], const char *s)
{
	size_t n = strlen(s);
	if (n == 0) {
		dst[0] = '\0';
		return true;
	}
	bool dashed = n == 10 && s[4] == '-' && s[7] == '-';
	size_t gap = dashed ? 1 : 0;
	struct civil c = {0};
	if (n != 8 + 2 * gap || !read_number(s, 4, &c.year) ||
	    !read_number(s + 4 + gap, 2, &c.month) ||
	    !read_number(s + 6 + 2 * gap, 2, &c.day))
		return false;
	if (!civil_is_valid(&c) || c.year == 0)
		return false;
	(void)str_copy_n(dst, 9, s, 4); /* digits, 8 in all: they fit */
	(void)str_copy_n(dst + 4, 5, s + 4 + gap, 2);
	(void)str_copy_n(dst + 6, 3, s + 6 + 2 * gap, 2);
	return true;
}
