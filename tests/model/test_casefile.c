/* SPDX-License-Identifier: MIT */
/* Tests of cases as plain structs. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "model/casefile.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void
test_case_status_names_are_read_back(void **state)
{
	(void)state; /* pure */

	for (int i = CASE_BOOKED; i <= CASE_NOSHOW; i++) {
		enum case_status s = CASE_BOOKED;
		const char *name = case_status_name((enum case_status)i);
		assert_true(case_status_parse(name, &s));
		assert_int_equal(s, i);
	}
}

static void
test_case_status_is_read_as_people_write_it(void **state)
{
	static const struct {
		const char *s;
		bool good;
		enum case_status want;
	} rows[] = {
	    {"", true, CASE_BOOKED},
	    {"Booked", true, CASE_BOOKED},
	    {"CANCELED", true, CASE_CANCELLED},
	    {"Cancelled", true, CASE_CANCELLED},
	    {"NoShow", true, CASE_NOSHOW},
	    {"book", false, CASE_STARTED},
	    {"cancelled ", false, CASE_STARTED},
	};
	(void)state; /* pure */

	for (size_t i = 0; i < COUNT(rows); i++) {
		enum case_status s = CASE_STARTED;
		assert_int_equal(case_status_parse(rows[i].s, &s),
		    rows[i].good);
		assert_int_equal(s, rows[i].want);
	}
}

static void
test_case_only_booked_and_started_are_on(void **state)
{
	struct casefile c = {.status = CASE_BOOKED};
	(void)state; /* pure */

	assert_true(case_is_on(&c));
	c.status = CASE_STARTED;
	assert_true(case_is_on(&c));
	for (int i = CASE_COMPLETED; i <= CASE_NOSHOW; i++) {
		c.status = (enum case_status)i;
		assert_false(case_is_on(&c));
	}
}

static struct casefile
a_case(void)
{
	return (struct casefile){.id = "1", .room = "TH6",
	    .start_text = "2026-11-25T08:00", .start_utc = 1, .end_utc = 2,
	    .patient = {"P1", "NHS", "DOE^J", "19700101", "F"},
	    .procedure_code = "K25", .procedure = "valve", .surgeon = "S"};
}

static void
test_case_any_field_makes_a_difference(void **state)
{
	const struct casefile c = a_case();
	struct casefile d = c;
	char *const fields[] = {d.id, d.room, d.start_text, d.patient.id,
	    d.patient.issuer, d.patient.name, d.patient.birth_date,
	    d.patient.sex, d.procedure_code, d.procedure, d.surgeon};
	(void)state; /* pure */
	assert_true(case_equal(&c, &d));

	for (size_t i = 0; i < COUNT(fields); i++) {
		char was = fields[i][0];
		fields[i][0] = '#';
		assert_false(case_equal(&c, &d));
		fields[i][0] = was;
	}
	d.start_utc++;
	assert_false(case_equal(&c, &d));
	d = c;
	d.end_utc++;
	assert_false(case_equal(&c, &d));
	d = c;
	d.status = CASE_CANCELLED;
	assert_false(case_equal(&c, &d));
}

static void
test_case_birth_date_has_two_forms(void **state)
{
	static const struct {
		const char *s, *want; /* NULL = refused */
	} rows[] = {
	    {"", ""},
	    {"1970-02-28", "19700228"},
	    {"19700228", "19700228"},
	    {"2000-02-29", "20000229"},
	    {"1900-02-29", NULL},
	    {"19701301", NULL},
	    {"00000000", NULL},
	    {"1970", NULL},
	    {"1970-2-28", NULL},
	    {"1970.02.28", NULL},
	    {"28.02.1970", NULL},
	    {"1970-0228", NULL},
	    {"+9700228", NULL},
	    {"1970+2+8", NULL},
	    {"1970-+2-28", NULL},
	    {"19700228 ", NULL},
	    {"197002281", NULL},
	};
	(void)state; /* pure */

	for (size_t i = 0; i < COUNT(rows); i++) {
		char dst[9] = "before";
		bool good = case_parse_birth_date(dst, rows[i].s);
		if (good != (rows[i].want != NULL))
			fail_msg("'%s'", rows[i].s);
		assert_string_equal(dst, good ? rows[i].want : "before");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_case_status_names_are_read_back),
	    cmocka_unit_test(test_case_status_is_read_as_people_write_it),
	    cmocka_unit_test(test_case_only_booked_and_started_are_on),
	    cmocka_unit_test(test_case_any_field_makes_a_difference),
	    cmocka_unit_test(test_case_birth_date_has_two_forms),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
