/* SPDX-License-Identifier: MIT */
/* Tests of node/find, answer and merge: what is here first, then what the
 * archives have beyond it. */
#include "node_fixture.h"

/* "1.1", "1.2" ready; "1.3" on its way, 2 of 5 here. */
static void
fill(struct fix *f)
{
	static const struct made rows[] = {
	    {"1.1", "1.1.1", "1.1.1.1", 1, .number = 1},
	    {"1.1", "1.1.1", "1.1.1.2", 1, .number = 2},
	    {"1.2", "1.2.1", "1.2.1.1", 1, .number = 1, .patient = "P2",
	        .name = "ROE^RICHARD"},
	    {"1.3", "1.3.1", "1.3.1.1", 1, .number = 1},
	    {"1.3", "1.3.1", "1.3.1.2", 1, .number = 2},
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		make(f, &rows[i]);
	study_is(f, "1.1", true, 2);
	study_is(f, "1.2", true, 1);
	study_is(f, "1.3", false, 5);
}

/* What an archive answers. */
static struct attrs *
theirs(struct fix *f, const char *study)
{
	struct attrs *as = &f->theirs[f->n_theirs++];
	attrs_init(as);
	attrs_put(as, TAG_STUDY_UID, study);
	attrs_put(as, TAG_PATIENT_ID, "P1");
	attrs_put(as, TAG_PATIENT_NAME, "DOE^JANE");
	attrs_put(as, TAG_STUDY_DATE, "20250101");
	attrs_put(as, TAG_MODALITIES, "MR\\SR");
	attrs_put(as, TAG_STUDY_INSTANCES, "9");
	return as;
}

/* The UIDs of the answers, by ${tag}. */
static const char *
uids(struct fix *f, uint32_t tag)
{
	static char text[1024];
	unsigned n = 0;
	text[0] = '\0';
	for (unsigned i = 0; i < f->v.n_answers; i++)
		note(text, sizeof(text), &n,
		    attrs_value(&f->v.answers[i], tag));
	return text;
}

/* Ask at ${level} by up to two keys. */
static int
find(struct fix *f, const char *level, uint32_t a, const char *va, uint32_t b,
    const char *vb)
{
	struct attrs keys;
	attrs_init(&keys);
	attrs_put(&keys, TAG_LEVEL, level);
	attrs_put(&keys, TAG_STUDY_UID, "");
	attrs_put(&keys, TAG_SERIES_UID, "");
	attrs_put(&keys, TAG_SOP_INSTANCE, "");
	attrs_put(&keys, TAG_STUDY_INSTANCES, "");
	attrs_put(&keys, TAG_STUDY_SERIES, "");
	attrs_put(&keys, TAG_SERIES_INSTANCES, "");
	attrs_put(&keys, TAG_AVAILABILITY, "");
	attrs_put(&keys, TAG_PATIENT_NAME, "");
	attrs_put(&keys, a, va);
	if (b != 0)
		attrs_put(&keys, b, vb);
	int rc = ask(f, DIMSE_C_FIND_RQ, &keys);
	attrs_done(&keys);
	return rc;
}

static const char *
value(struct fix *f, unsigned i, uint32_t tag)
{
	return attrs_value(&f->v.answers[i], tag);
}

/* What names nobody never reaches an archive. */
static void
test_find_asks_the_archives_when_somebody_is_named(void **state)
{
	static const struct {
		uint32_t tag;
		const char *value, *asked; /* NULL: not */
	} rows[] = {
	    {TAG_PATIENT_ID, "P1", "-"}, {TAG_PATIENT_ID, "P*", NULL},
	    {TAG_PATIENT_ID, "*", NULL}, {TAG_PATIENT_ID, "P1\\P2", NULL},
	    {TAG_PATIENT_NAME, "DOE*", "-"}, {TAG_PATIENT_NAME, "do*", NULL},
	    {TAG_PATIENT_NAME, "d^o*", NULL}, {TAG_PATIENT_NAME, "*", NULL},
	    {TAG_PATIENT_NAME, "\xC3\xBC\xC3\xBC*", NULL},
	    {TAG_PATIENT_NAME, "\xC3\xBC\xC3\xBCx?", "-"},
	    {TAG_ACCESSION, "A17", "-"}, {TAG_ACCESSION, "A*", NULL},
	    {TAG_STUDY_DATE, "20260701-", NULL},
	    {TAG_MODALITIES, "MR\\CT", NULL},
	    {TAG_STUDY_UID, "1.1", NULL}, {TAG_STUDY_UID, "1.9", "1.9"},
	    {TAG_STUDY_UID, "1.1\\1.3\\1.9\\1.9", "1.3\\1.9"},
	    {TAG_STUDY_UID, "1.*", NULL},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(setup(state), 0);
		struct fix *f = *state;
		fill(f);

		assert_int_equal(find(f, "STUDY", rows[i].tag, rows[i].value,
		    0, NULL), 0);

		if (f->n_asked != (rows[i].asked != NULL ? 1 : 0))
			fail_msg("row %zu: asked %u times", i, f->n_asked);
		if (rows[i].asked != NULL)
			assert_string_equal(f->asked, rows[i].asked);
		assert_int_equal(f->v.last.status, DIMSE_SUCCESS);
		assert_int_equal(teardown(state), 0);
	}
}

static void
test_find_without_read_through_asks_nobody(void **state)
{
	struct fix *f = *state;
	fill(f);
	f->node->read_through = false;

	assert_int_equal(find(f, "STUDY", TAG_PATIENT_ID, "P1", 0, NULL), 0);

	assert_int_equal(f->n_asked, 0);
	assert_string_equal(uids(f, TAG_STUDY_UID), "1.1");
}

static void
test_find_merges_by_uid_and_what_is_here_wins(void **state)
{
	struct fix *f = *state;
	fill(f);
	(void)theirs(f, "1.1"); /* here and ready */
	(void)theirs(f, "1.7");
	(void)theirs(f, "1.7"); /* a second archive */
	attrs_put(theirs(f, "1.8"), TAG_PATIENT_ID, "P2"); /* no match */
	attrs_put(theirs(f, "1.9"), TAG_STUDY_UID, "../1"); /* no UID */

	assert_int_equal(find(f, "STUDY", TAG_PATIENT_ID, "P1", 0, NULL), 0);

	assert_string_equal(uids(f, TAG_STUDY_UID), "1.1 1.7");
	assert_string_equal(value(f, 0, TAG_STUDY_INSTANCES), "2");
	assert_string_equal(value(f, 0, TAG_AVAILABILITY), "ONLINE");
	assert_string_equal(value(f, 1, TAG_STUDY_INSTANCES), "9");
	assert_string_equal(value(f, 1, TAG_AVAILABILITY), "NEARLINE");
	assert_string_equal(value(f, 1, TAG_RETRIEVE_AE), "UNDERSTUDY");
	assert_string_equal(value(f, 1, TAG_LEVEL), "STUDY");
	/* every key of the request, known or not */
	assert_non_null(attrs_get(&f->v.answers[1], TAG_SERIES_UID));
}

static void
test_find_study_on_its_way_has_the_archives_counts(void **state)
{
	struct fix *f = *state;
	fill(f);
	f->completes = true;
	attrs_put(theirs(f, "1.3"), TAG_STUDY_SERIES, "3");

	assert_int_equal(find(f, "STUDY", TAG_STUDY_UID, "1.3", 0, NULL), 0);

	assert_string_equal(uids(f, TAG_STUDY_UID), "1.3");
	assert_string_equal(value(f, 0, TAG_STUDY_INSTANCES), "9");
	assert_string_equal(value(f, 0, TAG_STUDY_SERIES), "3");
	assert_string_equal(value(f, 0, TAG_AVAILABILITY), "NEARLINE");
}

/* The archive does not answer in time: its list of before counts, and how
 * many series there are nobody says. */
static void
test_find_study_on_its_way_is_listed_if_it_can_be_completed(void **state)
{
	static const struct {
		bool completes, partial, listed;
		unsigned expected;
		const char *withheld;
	} rows[] = {
	    {true, false, true, 5, NULL}, {false, false, false, 5, NULL},
	    {false, true, true, 5, NULL}, {true, false, false, 0, NULL},
	    {true, true, true, 0, NULL}, {true, true, false, 5, "1.3"},
	    {true, false, false, 5, "1.3"},
	};
	for (size_t i = 0; i < COUNT(rows) * 2; i++) {
		const size_t k = i / 2;
		assert_int_equal(setup(state), 0);
		struct fix *f = *state;
		fill(f);
		study_is(f, "1.3", false, rows[k].expected);
		f->completes = rows[k].completes;
		f->node->partial = rows[k].partial;
		f->withheld = rows[k].withheld;

		/* asked by name, and by date only */
		assert_int_equal(find(f, "STUDY", i % 2 == 0 ?
		    TAG_PATIENT_ID : TAG_STUDY_DATE, i % 2 == 0 ? "P1" :
		    "20260701", TAG_PATIENT_NAME, "DOE*"), 0);

		if (!str_eq(uids(f, TAG_STUDY_UID), rows[k].listed ?
		    (f->v.n_answers > 0 && str_eq(value(f, 0,
		    TAG_STUDY_UID), "1.3") ? "1.3 1.1" : "1.1 1.3") : "1.1"))
			fail_msg("row %zu: have %s", i,
			    uids(f, TAG_STUDY_UID));
		for (unsigned n = 0; n < f->v.n_answers; n++) {
			if (!str_eq(value(f, n, TAG_STUDY_UID), "1.3"))
				continue;
			assert_string_equal(value(f, n, TAG_STUDY_SERIES),
			    "");
			if (rows[k].expected > 0)
				assert_string_equal(value(f, n,
				    TAG_STUDY_INSTANCES), "5");
		}
		assert_int_equal(teardown(state), 0);
	}
}

static struct attrs *
their_series(struct fix *f, const char *study, const char *series)
{
	struct attrs *as = &f->theirs[f->n_theirs++];
	attrs_init(as);
	attrs_put(as, TAG_STUDY_UID, study);
	attrs_put(as, TAG_SERIES_UID, series);
	attrs_put(as, TAG_MODALITY, "MR");
	attrs_put(as, TAG_SERIES_INSTANCES, "40");
	return as;
}

static void
test_find_series_of_a_study_on_its_way_are_the_archives(void **state)
{
	struct fix *f = *state;
	fill(f);
	f->completes = true;
	(void)their_series(f, "1.3", "1.3.1"); /* 2 of 40 are here */
	(void)their_series(f, "1.3", "1.3.2");
	(void)their_series(f, "1.8", "1.8.1"); /* nobody asked for it */
	/* an archive that does not repeat what it was told */
	attrs_put(their_series(f, "1.3", "1.3.4"), TAG_STUDY_UID, "");

	assert_int_equal(find(f, "SERIES", TAG_STUDY_UID, "1.3",
	    TAG_PATIENT_ID, "P1"), 0);

	assert_string_equal(f->asked, "1.3");
	assert_string_equal(uids(f, TAG_SERIES_UID), "1.3.1 1.3.2 1.3.4");
	assert_string_equal(value(f, 0, TAG_SERIES_INSTANCES), "40");
	assert_string_equal(value(f, 0, TAG_PATIENT_NAME), "DOE^JANE");
	assert_string_equal(value(f, 2, TAG_STUDY_UID), "1.3");
	assert_string_equal(value(f, 2, TAG_LEVEL), "SERIES");
}

static void
test_find_series_without_the_archives_word_is_not_told(void **state)
{
	struct fix *f = *state;
	fill(f);
	f->completes = true;

	assert_int_equal(find(f, "SERIES", TAG_STUDY_UID, "1.3\\1.1", 0,
	    NULL), 0);

	assert_string_equal(uids(f, TAG_SERIES_UID), "1.1.1");
}

static void
test_find_images_here_are_told_before_the_archive_is_asked(void **state)
{
	struct fix *f = *state;
	fill(f);
	f->completes = true;
	static const char *const sops[] = {"1.3.1.1", "1.3.1.5", "1.3.1.2"};
	for (int i = 0; i < 3; i++)
		attrs_put(their_series(f, "1.3", "1.3.1"), TAG_SOP_INSTANCE,
		    sops[i]);

	assert_int_equal(find(f, "IMAGE", TAG_STUDY_UID, "1.3", 0, NULL), 0);

	assert_string_equal(uids(f, TAG_SOP_INSTANCE),
	    "1.3.1.1 1.3.1.2 1.3.1.5");
	assert_string_equal(value(f, 0, TAG_AVAILABILITY), "ONLINE");
	assert_string_equal(value(f, 2, TAG_AVAILABILITY), "NEARLINE");
}

static void
test_find_named_series_and_images_only(void **state)
{
	struct fix *f = *state;
	fill(f);
	attrs_put(their_series(f, "1.9", "1.9.1"), TAG_SOP_INSTANCE,
	    "1.9.1.1");
	attrs_put(their_series(f, "1.9", "1.9.2"), TAG_SOP_INSTANCE,
	    "1.9.2.1");

	assert_int_equal(find(f, "IMAGE", TAG_STUDY_UID, "1.9",
	    TAG_SERIES_UID, "1.9.2"), 0);

	assert_string_equal(uids(f, TAG_SOP_INSTANCE), "1.9.2.1");
}

/* "\" is a list without a UID: not any, neither here nor elsewhere. */
static void
test_find_uid_key_without_a_uid_finds_nothing(void **state)
{
	static const char *const levels[] = {"STUDY", "SERIES", "IMAGE"};
	static const uint32_t tags[] = {TAG_STUDY_UID, TAG_SERIES_UID,
	    TAG_SOP_INSTANCE};
	for (size_t i = 0; i < 3 * COUNT(levels); i++) {
		assert_int_equal(setup(state), 0);
		struct fix *f = *state;
		fill(f);
		(void)theirs(f, "1.9");

		assert_int_equal(find(f, levels[i / 3], TAG_PATIENT_ID, "P1",
		    tags[i % 3], "\\"), 0);

		assert_int_equal(f->v.n_answers, 0);
		assert_int_equal(f->n_asked, 0);
		assert_int_equal(f->v.last.status, DIMSE_SUCCESS);
		assert_int_equal(teardown(state), 0);
	}
}

/* Values that no data set holds do not take the answer with them. */
static void
test_find_unfit_value_of_an_archive_is_left_empty(void **state)
{
	struct fix *f = *state;
	struct attrs *as = theirs(f, "1.7");
	assert_int_equal(attrs_set(as, TAG(0x0028, 0x0010), "US", "70000",
	    NULL, 0, &f->e), 0);

	assert_int_equal(find(f, "STUDY", TAG_PATIENT_ID, "P1",
	    TAG(0x0028, 0x0010), ""), 0);

	assert_string_equal(uids(f, TAG_STUDY_UID), "1.7");
	assert_string_equal(value(f, 0, TAG(0x0028, 0x0010)), "");
	assert_string_equal(value(f, 0, TAG_STUDY_INSTANCES), "9");
}

/* In the set of the request where that can hold the text. */
static void
test_find_answers_in_the_character_set_of_the_request(void **state)
{
	static const struct {
		const char *asked, *name, *told;
	} rows[] = {
	    {"ISO_IR 100", "M\xC3\xBCLLER^EVA", "ISO_IR 100"},
	    {"ISO_IR 100", "\xE7\x8E\x8B^X", "ISO_IR 192"},
	    {"", "M\xC3\xBCLLER^EVA", "ISO_IR 192"},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(setup(state), 0);
		struct fix *f = *state;
		const struct made m = {"1.1", "1.1.1", "1.1.1.1", 1,
		    .name = rows[i].name};
		struct attrs keys;
		make(f, &m);
		study_is(f, "1.1", true, 1);
		attrs_init(&keys);
		attrs_put(&keys, TAG_LEVEL, "STUDY");
		attrs_put(&keys, TAG_STUDY_UID, "1.1");
		attrs_put(&keys, TAG_PATIENT_NAME, "");
		if (rows[i].asked[0] != '\0') /* a key that none knows */
			assert_int_equal(attrs_set(&keys,
			    TAG(0x0040, 0x1400), "LT", "\xC3\xBC", NULL, 0,
			    &f->e), 0);
		(void)str_copy(keys.charset, sizeof(keys.charset),
		    rows[i].asked);

		assert_int_equal(ask(f, DIMSE_C_FIND_RQ, &keys), 0);

		assert_int_equal(f->v.n_answers, 1);
		assert_string_equal(value(f, 0, TAG_PATIENT_NAME),
		    rows[i].name);
		assert_string_equal(f->v.answers[0].charset, rows[i].told);
		attrs_done(&keys);
		assert_int_equal(teardown(state), 0);
	}
}

static void
test_find_cancelled_ends_as_cancelled(void **state)
{
	struct fix *f = *state;
	fill(f);
	f->v.cancel_after = 1;
	for (int i = 0; i < 30; i++)
		attrs_putf(theirs(f, "1.7"), TAG_STUDY_UID, "1.7.%d", i);

	assert_int_equal(find(f, "STUDY", TAG_PATIENT_ID, "P1", 0, NULL), 0);

	assert_int_equal(f->v.last.status, DIMSE_CANCELLED);
	assert_in_range(f->v.n_answers, 1, 17); /* it looks now and then */
}

static void
test_find_viewer_that_leaves_is_no_error(void **state)
{
	struct fix *f = *state;
	fill(f);
	f->v.leave_after = 1;
	for (int i = 0; i < 20; i++)
		attrs_putf(theirs(f, "1.7"), TAG_STUDY_UID, "1.7.%d", i);

	int rc = find(f, "STUDY", TAG_PATIENT_ID, "P1", 0, NULL);

	assert_true(rc == 0 || rc == -1); /* it may be done before */
	assert_int_equal(atomic_load(&f->n_errors), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
	        test_find_asks_the_archives_when_somebody_is_named),
	    TEST(test_find_without_read_through_asks_nobody),
	    TEST(test_find_merges_by_uid_and_what_is_here_wins),
	    TEST(test_find_study_on_its_way_has_the_archives_counts),
	    cmocka_unit_test(
	        test_find_study_on_its_way_is_listed_if_it_can_be_completed),
	    TEST(test_find_series_of_a_study_on_its_way_are_the_archives),
	    TEST(test_find_series_without_the_archives_word_is_not_told),
	    TEST(test_find_images_here_are_told_before_the_archive_is_asked),
	    TEST(test_find_named_series_and_images_only),
	    cmocka_unit_test(test_find_uid_key_without_a_uid_finds_nothing),
	    TEST(test_find_unfit_value_of_an_archive_is_left_empty),
	    cmocka_unit_test(
	        test_find_answers_in_the_character_set_of_the_request),
	    TEST(test_find_cancelled_ends_as_cancelled),
	    TEST(test_find_viewer_that_leaves_is_no_error),
	};
	struct err e;
	if (dataset_start(&e) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
