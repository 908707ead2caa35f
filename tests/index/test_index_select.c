/* SPDX-License-Identifier: MIT */
/* Which rows a select gives, in which order, with which counts. */
#include "index_fixture.h"

/* two patients, three studies, of which one is not ready */
static void
fill(struct fixture *f)
{
	static const struct {
		const char *patient, *date, *study, *series, *sop, *modality;
		int series_number, number;
	} rows[] = {
		{"P1", "20260701", "1.1", "1.1.2", "1.1.2.1", "MR", 2, 1},
		{"P1", "20260701", "1.1", "1.1.1", "1.1.1.2", "MR", 1, 2},
		{"P1", "20260701", "1.1", "1.1.1", "1.1.1.1", "MR", 1, 10},
		{"P1", "20260701", "1.1", "1.1.1", "1.1.1.9", "MR", 1, 2},
		{"P1", "20260701", "1.1", "1.1.3", "1.1.3.1", "SR", INT_MAX,
		    INT_MAX},
		{"P1", "20260630", "1.2", "1.2.1", "1.2.1.1", "CT", 1, 1},
		{"P2", "", "1.3", "1.3.1", "1.3.1.1", "MR", 1, 1},
		{"P2", "20260702", "1.4", "1.4.1", "1.4.1.1", "MR", 1, 1},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct index_object o = an_object(rows[i].study,
		    rows[i].series, rows[i].sop);
		o.patient_id = rows[i].patient;
		o.study_date = rows[i].date;
		o.modality = rows[i].modality;
		o.series_number = rows[i].series_number;
		o.instance_number = rows[i].number;
		if (rows[i].series_number == INT_MAX)
			o.class_uid = "1.2.840.10008.5.1.4.1.1.88.33";
		index_put_object(f->ix, &o);
	}
	index_put_study(f->ix, "1.1", true, 5, "pacs");
	index_put_study(f->ix, "1.2", true, 1, "pacs");
	index_put_study(f->ix, "1.3", true, 1, "pacs");
	index_put_study(f->ix, "1.4", false, 7, "vna");
	flush(f);
}

#define PATIENT .level = INDEX_PATIENT
#define STUDY .level = INDEX_STUDY
#define SERIES .level = INDEX_SERIES
#define INSTANCE .level = INDEX_INSTANCE
#define LIST(...) (const char *const[]){__VA_ARGS__}
#define UIDS(level, ...) .n_##level##_uids = sizeof(LIST(__VA_ARGS__)) / \
	sizeof(char *), .level##_uids = LIST(__VA_ARGS__)

static void
test_index_select_gives_what_is_asked_in_order(void **state)
{
	struct fixture *f = *state;
	fill(f);
	const struct {
		struct index_select sel;
		const char *want;
	} rows[] = {
		{{PATIENT}, "P1,P2"},
		{{STUDY}, "1.1,1.2,1.3"},
		{{STUDY, .unready = true}, "1.4,1.1,1.2,1.3"},
		{{SERIES}, "1.1.1,1.1.2,1.1.3,1.2.1,1.3.1"},
		{{INSTANCE}, "1.1.1.2,1.1.1.9,1.1.1.1,1.1.2.1,1.1.3.1,"
		    "1.2.1.1,1.3.1.1"},
		{{STUDY, .patient_id = "P1"}, "1.1,1.2"},
		{{STUDY, .patient_id = ""}, "1.1,1.2,1.3"},
		{{STUDY, .patient_id = "P"}, ""},
		{{STUDY, .patient_id = "P1' OR '1'='1"}, ""},
		{{STUDY, .date_from = "20260701"}, "1.1"},
		{{STUDY, .date_to = "20260630"}, "1.2"},
		{{STUDY, .date_from = "20260630",
		    .date_to = "20260701"}, "1.1,1.2"},
		{{PATIENT, .date_from = "20260702",
		    .unready = true}, "P2"},
		{{STUDY, UIDS(study, "1.2")}, "1.2"},
		{{STUDY, UIDS(study, "1.4")}, ""},
		{{STUDY, UIDS(study, "1.3", "1.1", "9.9")}, "1.1,1.3"},
		{{STUDY, UIDS(study, "\"],[", "x' --")}, ""},
		{{STUDY, UIDS(study, "")}, ""},
		{{SERIES, UIDS(study, "1.1"), UIDS(series, "1.1.3",
		    "1.1.1")}, "1.1.1,1.1.3"},
		{{INSTANCE, UIDS(series, "1.1.2")}, "1.1.2.1"},
		{{INSTANCE, UIDS(study, "1.1"), UIDS(series, "1.1.1"),
		    UIDS(instance, "1.1.1.1", "1.1.1.9", "1.1.2.1")},
		    "1.1.1.9,1.1.1.1"},
		{{INSTANCE, UIDS(instance, "1.2.1.1")}, "1.2.1.1"},
		{{SERIES, UIDS(instance, "1.2.1.1", "1.1.1.1")},
		    "1.1.1,1.2.1"},
		{{STUDY, UIDS(instance, "1.2.1.1")}, "1.2"},
		{{STUDY, UIDS(series, "1.1.2", "1.3.1")}, "1.1,1.3"},
		{{PATIENT, UIDS(instance, "1.3.1.1")}, "P2"},
		{{PATIENT, UIDS(series, "1.1.1")}, "P1"},
		{{PATIENT, UIDS(study, "1.1", "1.2")}, "P1"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct seen s = select_all(f, rows[i].sel);
		if (!str_eq(s.text, rows[i].want))
			fail_msg("row %zu: want %s, have %s", i,
			    rows[i].want, s.text);
	}
}

static void
test_index_select_row_tells_all_of_its_levels(void **state)
{
	struct fixture *f = *state;
	fill(f);
	index_put_kept(f->ix, "1.1", true);
	index_put_used(f->ix, "1.1", UINT64_C(1) << 40, 1790000000);
	flush(f);

	struct seen s = select_all(f, (struct index_select){
	    .level = INDEX_INSTANCE, UIDS(instance, "1.1.2.1")});

	assert_int_equal(s.n, 1);
	assert_true(s.last.ready);
	assert_true(s.last.kept);
	assert_int_equal(s.last.expected, 5);
	assert_int_equal(s.last.study_series, 3);
	assert_int_equal(s.last.study_instances, 5);
	assert_int_equal(s.last.study_bytes, 5000);
	assert_int_equal(s.last.used, UINT64_C(1) << 40);
	assert_int_equal(s.last.last_used_utc, 1790000000);
	assert_int_equal(s.last.series_instances, 1);
	assert_int_equal(s.last.length, 1000);
	assert_int_equal(s.last.offset, 400);
	assert_int_equal(s.last.patient_study.n, 5);
	assert_int_equal(s.last.series.n, 6);
	assert_int_equal(s.last.instance.n, 8);
	assert_string_equal(s.modalities, "MR\\SR");
	assert_string_equal(s.classes, "1.2.840.10008.5.1.4.1.1.4\\"
	    "1.2.840.10008.5.1.4.1.1.88.33");
	assert_string_equal(s.archive, "pacs");
}

static void
test_index_select_patient_counts_the_rows_that_match(void **state)
{
	struct fixture *f = *state;
	fill(f);

	struct seen all = select_all(f, (struct index_select){
	    .level = INDEX_PATIENT, .patient_id = "P1"});
	struct seen one = select_all(f, (struct index_select){
	    .level = INDEX_PATIENT, .date_to = "20260630"});

	assert_int_equal(all.last.patient_studies, 2);
	assert_int_equal(all.last.patient_series, 4);
	assert_int_equal(all.last.patient_instances, 6);
	assert_string_equal(all.modalities, "");
	assert_int_equal(all.last.patient_study.n, 5);
	assert_int_equal(one.last.patient_studies, 1);
	assert_int_equal(one.last.patient_instances, 1);
}

static void
test_index_select_issuers_are_patients_of_their_own(void **state)
{
	struct fixture *f = *state;
	struct index_object o = an_object("1.1", "1.1", "1.1");
	index_put_object(f->ix, &o);
	o = an_object("2.1", "2.1", "2.1");
	o.issuer = "OTHER";
	index_put_object(f->ix, &o);
	flush(f);

	struct seen s = select_level(f, INDEX_PATIENT);

	assert_string_equal(s.text, "P1,P1");
	assert_int_equal(s.last.patient_studies, 1);
}

static void
test_index_select_stops_when_told(void **state)
{
	struct fixture *f = *state;
	struct seen s = {.level = INDEX_INSTANCE, .stop_after = 2};
	struct index_select sel = {.level = INDEX_INSTANCE};
	fill(f);

	int rc = index_select(f->r, &sel, see, &s, &f->e);

	assert_int_equal(rc, 0);
	assert_string_equal(s.text, "1.1.1.2,1.1.1.9");
	s = select_all(f, (struct index_select){.level = INDEX_STUDY});
	assert_int_equal(s.n, 3);
}

/* index_row_fn */
static bool
count_row(void *ctx, const struct index_row *row)
{
	unsigned *n = ctx;
	(*n)++;
	return row->name != NULL;
}

static void
test_index_select_takes_ten_thousand_uids(void **state)
{
	struct fixture *f = *state;
	static char text[10000][UID_SIZE];
	static const char *uids[10000];
	unsigned n = 0;
	for (unsigned i = 0; i < 10000; i++) {
		(void)snprintf(text[i], UID_SIZE, "1.2.%u", i);
		uids[i] = text[i];
		if (i % 10 == 0)
			put_simple(f, "1", "1", text[i]);
	}
	flush(f);

	struct index_select sel = {.level = INDEX_INSTANCE,
	    .instance_uids = uids, .n_instance_uids = 10000, .unready = true};
	int rc = index_select(f->r, &sel, count_row, &n, &f->e);

	assert_int_equal(rc, 0);
	assert_int_equal(n, 1000);
}

static void
test_index_select_each_failing_step_is_told(void **state)
{
	struct fixture *f = *state;
	struct index_select sel = {.level = INDEX_INSTANCE};
	bool more = true;
	fill(f);
	for (unsigned k = 1; more; k++) {
		struct seen s = {.level = INDEX_INSTANCE};
		assert_true(k < 100);
		index_fail_at(k);
		int rc = index_select(f->r, &sel, see, &s, &f->e);
		more = index_fail_fired();
		index_fail_at(0);

		/* the end of the read alone may fail unseen */
		assert_true(rc == 0 ? s.n == 7 : s.n < 8);
		s = select_all(f, sel);
		assert_int_equal(s.n, 7);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_index_select_gives_what_is_asked_in_order),
	    TEST(test_index_select_row_tells_all_of_its_levels),
	    TEST(test_index_select_patient_counts_the_rows_that_match),
	    TEST(test_index_select_issuers_are_patients_of_their_own),
	    TEST(test_index_select_stops_when_told),
	    TEST(test_index_select_takes_ten_thousand_uids),
	    TEST(test_index_select_each_failing_step_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
