/* SPDX-License-Identifier: MIT */
/* Tests of web/listing: cases, studies and reasons as JSON. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include "web_fixture.h"

static const char *
str_at(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s == NULL ? "(none)" : s;
}

static json_t *
by_id(json_t *array, const char *id)
{
	json_t *o;
	size_t i;
	json_array_foreach(array, i, o)
		if (str_eq(str_at(o, "id"), id))
			return o;
	return NULL;
}

static void
test_listing_case_has_every_field_of_the_contract(void **state)
{
	struct world *w = *state;
	json_t *cases = listing_cases(&w->desk, false);
	json_t *c = by_id(cases, "C1");

	assert_non_null(c);
	static const char *const rows[][2] = {
		{"start", "2026-11-25T08:00:00+01:00"},
		{"end", "2026-11-25T12:00:00+01:00"}, {"room", "Theatre 6"},
		{"status", "booked"}, {"procedure", "Mitral valve repair"},
		{"surgeon", "Gibbon^John"}, {"readiness", "failed"},
		{"reason", "1 study is held"}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(str_at(c, rows[i][0]), rows[i][1]);
	json_t *p = json_object_get(c, "patient");
	assert_string_equal(str_at(p, "id"), "4711");
	assert_string_equal(str_at(p, "issuer"), "NHS");
	assert_string_equal(str_at(p, "name"), "DOE^JANE");
	assert_string_equal(str_at(p, "birth_date"), "1958-03-07");
	json_decref(cases);
}

static void
test_listing_case_shows_wanted_and_held_studies_only(void **state)
{
	struct world *w = *state;
	json_t *c = listing_case(&w->desk, board_case(w->board, "C1"));

	json_t *studies = json_object_get(c, "studies");
	assert_int_equal(json_array_size(studies), 2);
	json_t *a = json_array_get(studies, 0), *held = json_array_get(studies,
	    1);
	assert_string_equal(str_at(a, "study_uid"), UID_A);
	assert_string_equal(str_at(a, "date"), "2026-03-01");
	assert_string_equal(str_at(a, "state"), "ready");
	assert_true(json_is_true(json_object_get(a, "identifier_only")));
	assert_int_equal(json_integer_value(json_object_get(a, "expected")),
	    512);
	assert_int_equal(json_array_size(json_object_get(a, "modalities")), 2);
	assert_string_equal(str_at(held, "state"), "held");
	assert_string_equal(str_at(held, "reason"), "birth date differs");
	json_decref(c);
}

static void
test_listing_other_rooms_and_days_come_only_when_asked(void **state)
{
	struct world *w = *state;
	struct casefile f[] = {a_case("OLD", NOW - 3 * 86400, "X^Y")};
	board_set_cases(w->board, "second", f, 1, NOW - 3 * 86400);
	board_case(w->board, "OLD")->ours = true;

	json_t *ours = listing_cases(&w->desk, false);
	json_t *all = listing_cases(&w->desk, true);

	assert_int_equal(json_array_size(ours), 2);
	assert_null(by_id(ours, "OTHER"));
	assert_int_equal(json_array_size(all), 4);
	assert_non_null(by_id(all, "OTHER"));
	json_decref(ours);
	json_decref(all);
}

static void
test_listing_cancelled_case_stays_today(void **state)
{
	struct world *w = *state;
	board_case(w->board, "C1")->file.status = CASE_CANCELLED;

	json_t *cases = listing_cases(&w->desk, false);

	json_t *c = by_id(cases, "C1");
	assert_string_equal(str_at(c, "status"), "cancelled");
	assert_true(json_is_false(json_object_get(c, "current")));
	json_decref(cases);
}

static void
test_listing_text_that_is_no_utf8_is_shown_escaped(void **state)
{
	struct world *w = *state;
	struct board_case *c = board_case(w->board, "C1");
	(void)str_copy(c->file.procedure, sizeof(c->file.procedure),
	    "Valve \xE9\xFF");

	json_t *o = listing_case(&w->desk, c);

	assert_string_equal(str_at(o, "procedure"), "Valve \\xe9\\xff");
	json_decref(o);
}

static void
test_listing_study_names_its_cases(void **state)
{
	struct world *w = *state;
	json_t *s = listing_study(&w->desk, board_study(w->board, UID_A));

	assert_string_equal(str_at(s, "study_uid"), UID_A);
	assert_true(json_is_true(json_object_get(s, "pinned")));
	assert_true(json_is_null(json_object_get(s, "last_used")));
	json_t *cases = json_object_get(s, "cases");
	assert_int_equal(json_array_size(cases), 1);
	assert_string_equal(json_string_value(json_array_get(cases, 0)), "C1");
	json_decref(s);
}

static void
test_listing_in_viewer_is_null_unless_a_viewer_wants_pushes(void **state)
{
	struct world *w = *state;
	struct board_study *s = board_study(w->board, UID_A);

	json_t *without = listing_study(&w->desk, s);
	board_set_pushed(w->board, true);
	s->push = PUSH_FAILED;
	s->in_viewer = 310;
	(void)str_copy(s->push_reason, sizeof(s->push_reason), "2 refused");
	json_t *with = listing_case(&w->desk, board_case(w->board, "C1"));

	assert_true(json_is_null(json_object_get(without, "in_viewer")));
	json_t *studies = json_object_get(with, "studies");
	json_t *v = json_object_get(json_array_get(studies, 0), "in_viewer");
	assert_int_equal(json_integer_value(json_object_get(v, "instances")),
	    310);
	assert_int_equal(json_integer_value(json_object_get(v, "expected")),
	    512);
	assert_string_equal(str_at(v, "state"), "failed");
	assert_string_equal(str_at(v, "reason"), "2 refused");
	v = json_object_get(json_array_get(studies, 1), "in_viewer");
	assert_string_equal(str_at(v, "state"), "none"); /* not known yet */
	json_decref(without);
	json_decref(with);
}

static void
test_listing_why_case_splits_reasons_and_tells_what_was_left(void **state)
{
	struct world *w = *state;
	json_t *why = listing_why_case(&w->desk, "C1");

	json_t *studies = json_object_get(why, "studies");
	assert_int_equal(json_array_size(studies), 3);
	json_t *a = json_array_get(studies, 0), *left = json_array_get(studies,
	    2);
	json_t *reasons = json_object_get(a, "reasons");
	assert_int_equal(json_array_size(reasons), 2);
	assert_string_equal(json_string_value(json_array_get(reasons, 1)),
	    "matched 'cardiac' in description");
	assert_string_equal(str_at(left, "kind"), "no");
	assert_string_equal(str_at(left, "study_uid"), UID_B);
	json_decref(why);
}

static void
test_listing_why_study_knows_held_ones_that_are_nowhere_else(void **state)
{
	struct world *w = *state;

	json_t *why = listing_why_study(&w->desk, UID_C);
	json_t *none = listing_why_study(&w->desk, "9.9");

	assert_int_equal(json_array_size(json_object_get(why, "cases")), 1);
	assert_null(none);
	assert_null(listing_why_case(&w->desk, "nobody"));
	json_decref(why);
}

int
main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_listing_case_has_every_field_of_the_contract),
	    TEST(test_listing_case_shows_wanted_and_held_studies_only),
	    TEST(test_listing_other_rooms_and_days_come_only_when_asked),
	    TEST(test_listing_cancelled_case_stays_today),
	    TEST(test_listing_text_that_is_no_utf8_is_shown_escaped),
	    TEST(test_listing_study_names_its_cases),
	    TEST(test_listing_in_viewer_is_null_unless_a_viewer_wants_pushes),
	    TEST(test_listing_why_case_splits_reasons_and_tells_what_was_left),
	    TEST(test_listing_why_study_knows_held_ones_that_are_nowhere_else),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
