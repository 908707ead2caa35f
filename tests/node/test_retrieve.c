/* SPDX-License-Identifier: MIT */
/* Tests of node/retrieve, order, move and through: what is sent, in which
 * order, and how it is said to have ended. */
#include "node_fixture.h"

#define LOCALIZER "ORIGINAL\\PRIMARY\\LOCALIZER "

static void
make_all(struct fix *f, const struct made *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		make(f, &rows[i]);
}

/* "1.1" ready with 3 objects; "1.3" on its way: 1 here, 2 at the archive. */
static void
fill(struct fix *f)
{
	static const struct made rows[] = {
	    {"1.1", "1.1.2", "1.1.2.1", 2, .number = 1},
	    {"1.1", "1.1.1", "1.1.1.2", 1, .number = 2},
	    {"1.1", "1.1.1", "1.1.1.1", 1, .number = 1},
	    {"1.3", "1.3.1", "1.3.1.1", 1, .number = 1},
	    {"1.3", "1.3.1", "1.3.1.2", 1, .number = 2, .away = true},
	    {"1.3", "1.3.2", "1.3.2.1", 2, .number = 1, .away = true},
	};
	make_all(f, rows, COUNT(rows));
	study_is(f, "1.1", true, 3);
	study_is(f, "1.3", false, 3);
}

static const struct step whole[] = {{1, "1.3.1.1"}, {0, NULL},
    {1, "1.3.1.2"}, {1, "1.3.1.2"}, {1, "1.3.2.1"}, {2, NULL}};
static const struct step cut[] = {{1, "1.3.1.1"}, {1, "1.3.1.2"},
    {-1, NULL}};

static int
retrieve(struct fix *f, uint16_t command, const char *studies,
    const char *series, const char *instances)
{
	struct attrs keys;
	attrs_init(&keys);
	attrs_put(&keys, TAG_LEVEL, instances[0] != '\0' ? "IMAGE" :
	    series[0] != '\0' ? "SERIES" : "STUDY");
	attrs_put(&keys, TAG_STUDY_UID, studies);
	attrs_put(&keys, TAG_SERIES_UID, series);
	attrs_put(&keys, TAG_SOP_INSTANCE, instances);
	int rc = ask(f, command, &keys);
	attrs_done(&keys);
	return rc;
}

/* The last answer as "status completed/failed/warning". */
static const char *
ending(const struct fix *f)
{
	static char text[64];
	const struct dimse *d = &f->v.last;
	(void)snprintf(text, sizeof(text), "%04x %u/%u/%u", d->status,
	    d->completed, d->failed, d->warning);
	return text;
}

static void
test_retrieve_series_by_number_and_localisers_last(void **state)
{
	static const struct made rows[] = {
	    {"1.5", "1.5.1", "1.5.1.1", 1, .image_type = LOCALIZER},
	    {"1.5", "1.5.1", "1.5.1.2", 1, .image_type = LOCALIZER},
	    {"1.5", "1.5.10", "1.5.10.1", 10, .number = 1},
	    {"1.5", "1.5.2", "1.5.2.9", 2, .number = 9},
	    {"1.5", "1.5.2", "1.5.2.10", 2, .number = 10,
	        .image_type = LOCALIZER}, /* the first one tells */
	    {"1.6", "1.6.1", "1.6.1.1", 1, .image_type =
	        "DERIVED\\LOCALIZERS"},
	    {"1.6", "1.6.2", "1.6.2.1", 2, .number = 1},
	};
	struct fix *f = *state;
	make_all(f, rows, COUNT(rows));
	study_is(f, "1.5", true, 5);
	study_is(f, "1.6", true, 2);

	assert_int_equal(retrieve(f, DIMSE_C_GET_RQ, "1.6\\1.5", "", ""), 0);

	assert_string_equal(f->v.got, "1.5.2.9 1.5.2.10 1.5.10.1 1.5.1.1 "
	    "1.5.1.2 1.6.1.1 1.6.2.1");
	assert_string_equal(ending(f), "0000 7/0/0");
}

/* Ready studies, by level; nothing of others. */
static void
test_retrieve_what_is_here_and_never_success_for_less(void **state)
{
	static const struct {
		const char *studies, *series, *instances, *ending, *failed;
	} rows[] = {
	    {"1.1", "", "", "0000 3/0/0", ""},
	    {"1.1\\1.1", "", "", "0000 3/0/0", ""}, /* named twice */
	    {"1.1", "1.1.1", "", "0000 2/0/0", ""},
	    {"1.1", "", "1.1.2.1\\1.1.2.1", "0000 1/0/0", ""},
	    {"", "1.1.1", "", "0000 2/0/0", ""},
	    {"", "", "1.1.1.1", "0000 1/0/0", ""},
	    {"1.1\\9.9", "", "", "a702 3/1/0", ""},
	    {"1.1", "1.1.1\\9.9", "", "a702 2/1/0", ""},
	    {"1.1", "1.1.2", "1.1.2.1\\1.1.1.1", "a702 1/1/0", "1.1.1.1"},
	    {"", "9.9", "", "a702 0/1/0", ""},
	    {"\\", "", "", "a900 0/0/0", ""}, /* not "any" */
	    {"1.1", "\\\\", "", "a900 0/0/0", ""},
	    {"1.1", "", "\\", "a900 0/0/0", ""},
	    {"1.3", "", "", "a702 0/3/0", ""}, /* not ready */
	    {"1.3", "", "1.3.1.1", "a702 0/1/0", "1.3.1.1"},
	    {"", "1.3.1", "", "a702 0/1/0", ""},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(setup(state), 0);
		struct fix *f = *state;
		fill(f);
		f->node->read_through = false;

		assert_int_equal(retrieve(f, DIMSE_C_GET_RQ, rows[i].studies,
		    rows[i].series, rows[i].instances), 0);

		if (!str_eq(ending(f), rows[i].ending))
			fail_msg("row %zu: want %s, have %s", i,
			    rows[i].ending, ending(f));
		assert_string_equal(f->v.failed, rows[i].failed);
		assert_int_equal(atomic_load(&f->n_errors), 0);
		assert_int_equal(teardown(state), 0);
	}
}

/* As far as it is here where that is allowed; another patient's never. */
static void
test_retrieve_study_in_part_when_told_so(void **state)
{
	static const struct {
		const char *withheld, *series, *instances, *ending;
	} rows[] = {
	    {NULL, "", "", "a702 1/2/0"}, {NULL, "1.3.1", "", "a702 1/1/0"},
	    {NULL, "", "1.3.1.1", "0000 1/0/0"}, {"1.3", "", "", "a702 0/3/0"},
	    {"1.3", "1.3.1", "", "a702 0/1/0"},
	    {"1.3", "", "1.3.1.1", "a702 0/1/0"},
	};
	for (size_t i = 0; i < COUNT(rows) * 2; i++) {
		const size_t k = i / 2;
		assert_int_equal(setup(state), 0);
		struct fix *f = *state;
		fill(f);
		f->node->partial = true;
		f->node->read_through = i % 2 == 0; /* but it is down */
		f->withheld = rows[k].withheld;

		assert_int_equal(retrieve(f, DIMSE_C_GET_RQ, "1.3",
		    rows[k].series, rows[k].instances), 0);

		if (!str_eq(ending(f), rows[k].ending))
			fail_msg("row %zu: want %s, have %s", i,
			    rows[k].ending, ending(f));
		assert_int_equal(teardown(state), 0);
	}
}

static void
test_retrieve_refused_objects_are_counted_and_named(void **state)
{
	struct fix *f = *state;
	fill(f);
	f->v.refuses = "1.1.1.2";

	assert_int_equal(retrieve(f, DIMSE_C_GET_RQ, "1.1", "", ""), 0);

	assert_string_equal(ending(f), "a702 2/1/0");
	assert_string_equal(f->v.failed, "1.1.1.2");
}

/* B000 only when all that failed is what it does not take. */
static void
test_retrieve_class_that_is_not_taken_is_a_warning(void **state)
{
	static const struct {
		const char *refuses, *studies, *ending, *failed;
	} rows[] = {
	    {NULL, "1.1", "b000 3/1/0", "1.1.9.1"},
	    {"1.1.1.2", "1.1", "a702 2/2/0", "1.1.1.2\\1.1.9.1"},
	    {NULL, "1.1\\9.9", "a702 3/2/0", "1.1.9.1"},
	};
	static const struct made pdf = {"1.1", "1.1.9", "1.1.9.1", 9,
	    .class_uid = "1.2.840.10008.5.1.4.1.1.104.1"};
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(setup(state), 0);
		struct fix *f = *state;
		fill(f);
		make(f, &pdf);
		study_is(f, "1.1", true, 4);
		f->v.refuses = rows[i].refuses;

		assert_int_equal(retrieve(f, DIMSE_C_GET_RQ, rows[i].studies,
		    "", ""), 0);

		assert_string_equal(ending(f), rows[i].ending);
		assert_string_equal(f->v.failed, rows[i].failed);
		assert_int_equal(teardown(state), 0);
	}
}

static void
test_retrieve_cancelled_ends_as_cancelled(void **state)
{
	struct fix *f = *state;
	fill(f);
	f->v.cancel_after = 1;

	assert_int_equal(retrieve(f, DIMSE_C_GET_RQ, "1.1", "", ""), 0);

	assert_int_equal(f->v.last.status, DIMSE_CANCELLED);
	assert_int_equal(f->v.last.completed, 1);
	assert_int_equal(f->v.last.remaining, 2);
}

static void
test_retrieve_viewer_that_leaves_is_no_error(void **state)
{
	struct fix *f = *state;
	fill(f);
	f->v.leave_after = 2;

	assert_int_equal(retrieve(f, DIMSE_C_GET_RQ, "1.1", "", ""), -1);

	assert_int_equal(f->v.n_got, 2);
	assert_int_equal(atomic_load(&f->n_errors), 0);
}

/* --- read-through --- */

static void
test_through_whole_study_comes_once_after_what_is_ready(void **state)
{
	struct fix *f = *state;
	fill(f);
	f->follows = true;
	f->steps = whole;
	f->listed = 3;

	assert_int_equal(retrieve(f, DIMSE_C_GET_RQ, "1.3\\1.1", "", ""), 0);

	assert_string_equal(f->v.got, "1.1.1.1 1.1.1.2 1.1.2.1 1.3.1.1 "
	    "1.3.1.2 1.3.2.1");
	assert_string_equal(ending(f), "0000 6/0/0");
	assert_int_equal(f->v.remaining_first, 5); /* the list was known */
}

static void
test_through_gives_what_is_named(void **state)
{
	static const struct {
		const struct step *steps;
		const char *series, *instances, *got, *ending;
	} rows[] = {
	    {whole, "1.3.1", "", "1.3.1.1 1.3.1.2", "0000 2/0/0"},
	    {whole, "1.3.1\\9.9", "", "1.3.1.1 1.3.1.2", "a702 2/1/0"},
	    {whole, "", "1.3.2.1", "1.3.2.1", "0000 1/0/0"},
	    {whole, "", "1.3.2.1\\9.9", "1.3.2.1", "a702 1/1/0"},
	    {cut, "", "", "1.3.1.1 1.3.1.2", "a702 2/1/0"},
	    {cut, "1.3.1", "", "1.3.1.1 1.3.1.2", "a702 2/1/0"},
	    {cut, "", "1.3.1.2", "1.3.1.2", "0000 1/0/0"}, /* enough */
	    {cut, "", "1.3.2.1", "", "a702 0/1/0"},
	    {&whole[5], "", "", "", "a702 0/3/0"}, /* not what it lists */
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(setup(state), 0);
		struct fix *f = *state;
		fill(f);
		f->follows = true;
		f->steps = rows[i].steps;
		f->listed = 3;

		assert_int_equal(retrieve(f, DIMSE_C_GET_RQ, "1.3",
		    rows[i].series, rows[i].instances), 0);

		if (!str_eq(ending(f), rows[i].ending))
			fail_msg("row %zu: want %s, have %s", i,
			    rows[i].ending, ending(f));
		assert_string_equal(f->v.got, rows[i].got);
		assert_int_equal(atomic_load(&f->n_errors), 0);
		assert_int_equal(teardown(state), 0);
	}
}

static void
test_through_cut_short_says_so(void **state)
{
	struct fix *f = *state;
	fill(f);
	f->follows = true;
	f->steps = cut;

	assert_int_equal(retrieve(f, DIMSE_C_GET_RQ, "1.3", "", ""), 0);

	assert_string_equal(ending(f), "a702 2/1/0"); /* at least one */
	assert_string_equal(f->v.last.comment,
	    "the archive did not send the rest");
}

/* An archive that sends nothing for a long time. */
static const struct step silent[] = {{1, "1.3.1.1"}, {0, NULL}, {0, NULL},
    {0, NULL}, {2, NULL}};

static void
test_through_pending_answers_come_while_nothing_does(void **state)
{
	struct fix *f = *state;
	fill(f);
	f->follows = true;
	f->steps = silent;
	raw_clock_start(300); /* each look at the clock */

	int rc = retrieve(f, DIMSE_C_GET_RQ, "1.3", "", "");

	clock_set_source(NULL);
	assert_int_equal(rc, 0);
	assert_true(f->v.n_pending >= 3);
	assert_true(f->v.remaining_first > 0); /* no viewer divides by 0 */
}

static void
test_through_viewer_that_cancels_or_leaves_ends_it(void **state)
{
	for (int i = 0; i < 2; i++) {
		assert_int_equal(setup(state), 0);
		struct fix *f = *state;
		fill(f);
		f->follows = true;
		f->steps = whole;
		f->listed = 3;
		f->v.cancel_after = i == 0 ? 1 : 0;
		f->v.leave_after = i == 1 ? 1 : 0;

		int rc = retrieve(f, DIMSE_C_GET_RQ, "1.3", "", "");

		assert_int_equal(rc, i == 0 ? 0 : -1);
		assert_string_equal(f->v.got, "1.3.1.1");
		if (i == 0)
			assert_int_equal(f->v.last.status, DIMSE_CANCELLED);
		assert_int_equal(atomic_load(&f->n_errors), 0);
		assert_int_equal(teardown(state), 0);
	}
}

/* --- C-MOVE --- */

static void
test_move_goes_over_one_association(void **state)
{
	struct fix *f = *state;
	fill(f);
	listen_at(f);

	assert_int_equal(retrieve(f, DIMSE_C_MOVE_RQ, "1.1", "", ""), 0);

	hear_out(f);
	assert_string_equal(ending(f), "0000 3/0/0");
	assert_string_equal(f->ear.got, "1.1.1.1 1.1.1.2 1.1.2.1");
	assert_int_equal(f->ear.n_assocs, 1);
	assert_int_equal(f->ear.n_contexts, 1);
	assert_true(f->v.n_pending >= 2); /* each 5 % */
}

static void
test_move_opens_anew_for_what_was_not_proposed(void **state)
{
	static const struct made sr = {"1.3", "1.3.2", "1.3.2.9", 2,
	    .class_uid = SR_CLASS, .away = true};
	static const struct step steps[] = {{1, "1.3.1.1"}, {1, "1.3.2.9"},
	    {1, "1.3.1.2"}, {1, "1.3.2.1"}, {2, NULL}};
	struct fix *f = *state;
	fill(f);
	make(f, &sr);
	f->follows = true;
	f->steps = steps;
	f->listed = 4;
	listen_at(f);

	assert_int_equal(retrieve(f, DIMSE_C_MOVE_RQ, "1.3", "", ""), 0);

	hear_out(f);
	assert_string_equal(ending(f), "0000 4/0/0");
	assert_int_equal(f->ear.n_assocs, 2);
	assert_int_equal(f->ear.n_contexts, 2); /* the union */
}

static void
test_move_proposes_plain_syntaxes_beside_a_compressed_one(void **state)
{
	static const struct made j2k = {"1.7", "1.7.1", "1.7.1.1", 1,
	    .syntax = J2K};
	struct fix *f = *state;
	fill(f);
	make(f, &j2k);
	study_is(f, "1.7", true, 1);
	listen_at(f);

	assert_int_equal(retrieve(f, DIMSE_C_MOVE_RQ, "1.7", "", ""), 0);

	hear_out(f);
	assert_int_equal(f->ear.n_contexts, 3);
	assert_string_equal(ending(f), "0000 1/0/0");
}

/* A listener that breaks off each time: the object that it broke off at is
 * tried once more, and what it took stays counted. */
static void
test_move_that_breaks_is_opened_again(void **state)
{
	struct fix *f = *state;
	fill(f);
	f->ear.break_after = 1;
	listen_at(f);

	assert_int_equal(retrieve(f, DIMSE_C_MOVE_RQ, "1.1", "", ""), 0);

	hear_out(f);
	assert_string_equal(ending(f), "0000 3/0/0");
	assert_int_equal(f->ear.n_assocs, 3);
}

static void
test_move_to_nobody_fails_for_all(void **state)
{
	struct fix *f = *state;
	fill(f);
	listen_at(f);
	hear_out(f); /* nobody listens there any more */
	f->follows = true;
	f->steps = whole;
	f->listed = 3;

	assert_int_equal(retrieve(f, DIMSE_C_MOVE_RQ, "1.1\\1.3", "", ""),
	    0);

	assert_string_equal(ending(f), "a702 0/6/0");
	assert_string_equal(f->v.last.comment,
	    "the viewer's listener does not answer");
	assert_string_equal(f->v.failed, "1.1.1.1\\1.1.1.2\\1.1.2.1");
	assert_int_equal(atomic_load(&f->n_errors), 0);
}

static void
test_move_viewer_that_leaves_ends_it(void **state)
{
	struct fix *f = *state;
	fill(f);
	f->v.leave_after = 1; /* after one pending answer */
	listen_at(f);

	int rc = retrieve(f, DIMSE_C_MOVE_RQ, "1.1", "", "");

	hear_out(f);
	assert_true(rc == 0 || rc == -1); /* it may be done before */
	assert_int_equal(atomic_load(&f->n_errors), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_retrieve_series_by_number_and_localisers_last),
	    cmocka_unit_test(
	        test_retrieve_what_is_here_and_never_success_for_less),
	    cmocka_unit_test(test_retrieve_study_in_part_when_told_so),
	    TEST(test_retrieve_refused_objects_are_counted_and_named),
	    cmocka_unit_test(
	        test_retrieve_class_that_is_not_taken_is_a_warning),
	    TEST(test_retrieve_cancelled_ends_as_cancelled),
	    TEST(test_retrieve_viewer_that_leaves_is_no_error),
	    TEST(test_through_whole_study_comes_once_after_what_is_ready),
	    cmocka_unit_test(test_through_gives_what_is_named),
	    TEST(test_through_cut_short_says_so),
	    TEST(test_through_pending_answers_come_while_nothing_does),
	    cmocka_unit_test(
	        test_through_viewer_that_cancels_or_leaves_ends_it),
	    TEST(test_move_goes_over_one_association),
	    TEST(test_move_opens_anew_for_what_was_not_proposed),
	    TEST(test_move_proposes_plain_syntaxes_beside_a_compressed_one),
	    TEST(test_move_that_breaks_is_opened_again),
	    TEST(test_move_to_nobody_fails_for_all),
	    TEST(test_move_viewer_that_leaves_ends_it),
	};
	struct err e;
	if (dataset_start(&e) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
