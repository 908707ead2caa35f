/* SPDX-License-Identifier: MIT */
/* Tests of which studies a case needs, and of the words that say why. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/relevance.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define PRIORS 60
#define ROUNDS 1000

struct fixture {
	struct relevance_rule rule; /* the default one */
	struct pattern *match, *exclude;
};

static struct fixture fx;
static int64_t case_start; /* 2026-11-25 */

static struct pattern *
a_pattern(const char *source)
{
	struct err e;
	struct pattern *p = pattern_new(source, &e);
	if (p == NULL)
		fail_msg("%s: %s", source, e.msg);
	return p;
}

static int
setup(void **state)
{
	struct civil c = {2026, 11, 25, 8, 0, 0};
	case_start = civil_to_utc(&c);
	fx.match = a_pattern(relevance_default_match);
	fx.exclude = a_pattern(relevance_default_exclude);
	fx.rule = (struct relevance_rule){.name = "cardiac-mr",
	    .modality = "MR", .match = fx.match, .exclude = fx.exclude,
	    .newest = 3, .within_months = 24};
	*state = &fx;
	return 0;
}

static int
teardown(void **state)
{
	(void)state; /* the fixture is static */
	pattern_free(&fx.match);
	pattern_free(&fx.exclude);
	return 0;
}

static struct relevance_study
a_study(const char *description, const char *date)
{
	return (struct relevance_study){.uid = "1.2", .date = date,
	    .modalities = "MR", .description = description, .codes = ""};
}

static void
expect(const char *name, const struct relevance_verdict *v,
    enum relevance what, const char *reason)
{
	if (v->what != what || !str_eq(v->reason, reason))
		fail_msg("%s: %d, %s", name, (int)v->what, v->reason);
}

static void
test_relevance_study_text_decides_where_it_can(void **state)
{
	static const struct {
		const char *modalities, *description, *codes;
		enum relevance want;
		const char *reason;
	} rows[] = {
	    {"MR", "MRI Cardiac stress", "", RELEVANT_YES,
		"description matches 'Cardiac'"},
	    {"MR\\SR\\SC", "CMR_adult", "", RELEVANT_YES,
		"description matches 'CMR'"},
	    {"KO", "CMR", "", RELEVANT_NO, "modality KO is not MR"},
	    {"CT\\SR", "CT Heart", "", RELEVANT_NO,
		"modality CT/SR is not MR"},
	    {"", "CMR", "", RELEVANT_ASK,
		"no modality stated: series needed"},
	    {"MR", "", "75557 X", RELEVANT_YES,
		"procedure code matches '75557'"},
	    {"MR", "MRI cardia staging", "", RELEVANT_NO,
		"description has 'cardia', which is excluded"},
	    {"MR", "MRI cardia staging", "24748-6", RELEVANT_YES,
		"description has 'cardia', which is excluded; "
		"procedure code matches '24748-6'"},
	    {"MR", "IRM du genou", "", RELEVANT_NO,
		"description names another region (genou)"},
	    {"MR", "MRI Thoracic spine", "", RELEVANT_NO,
		"description names another region (spine)"},
	    {"MR", "MRA chest abdomen", "", RELEVANT_ASK,
		"description does not tell: series needed"},
	    {"MR", "", "", RELEVANT_ASK,
		"description does not tell: series needed"},
	};
	(void)state; /* only the static fixture */

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct relevance_study s = a_study(rows[i].description, "");
		s.modalities = rows[i].modalities;
		s.codes = rows[i].codes;
		struct relevance_verdict v = relevance_judge(&fx.rule, &s);
		char reason[RELEVANCE_REASON_SIZE];
		(void)snprintf(reason, sizeof(reason), "rule cardiac-mr; %s",
		    rows[i].reason); /* short */
		expect(rows[i].description, &v, rows[i].want, reason);
		assert_string_equal(v.rule, "cardiac-mr");
	}
}

static struct relevance_series
a_series(const char *description, const char *body_part)
{
	return (struct relevance_series){.modality = "MR",
	    .description = description, .protocol = "",
	    .body_part = body_part};
}

static void
test_relevance_series_decide_what_the_study_leaves_open(void **state)
{
	static const struct {
		const char *study, *series, *body_part;
		enum relevance want;
	} rows[] = {
	    {"MRI adult", "cine_sax", "BRAIN", RELEVANT_YES}, /* R02 */
	    {"Research", "4D Flow", "", RELEVANT_YES},
	    {"", "LGE", "", RELEVANT_YES},
	    {"", "SSFP-CINE LAx", "", RELEVANT_YES},
	    {"", "T1 map MOLLI", "", RELEVANT_YES},
	    {"", "kurze Achse", "", RELEVANT_YES},
	    {"", "petit axe", "", RELEVANT_YES},
	    {"", "tfi2d 4Kammer", "", RELEVANT_YES},
	    {"", "localizer", "HEART", RELEVANT_YES},
	    {"", "localizer", "CHEST", RELEVANT_UNSURE},
	    {"MR Thorax", "localizer", "ABDOMEN", RELEVANT_UNSURE},
	    {"", "localizer", "", RELEVANT_UNSURE},
	    {"", "", "KNEE", RELEVANT_NO},
	    {"", "t2 flair", "", RELEVANT_NO},
	    {"", "cine csf flow", "", RELEVANT_UNSURE},
	};
	(void)state; /* only the static fixture */

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct relevance_series series[2] = {a_series("loc", ""),
		    a_series(rows[i].series, rows[i].body_part)};
		struct relevance_study s = a_study(rows[i].study, "");
		s.series = series;
		s.n_series = 2;
		s.series_known = true;
		struct relevance_verdict v = relevance_judge(&fx.rule, &s);
		if (v.what != rows[i].want)
			fail_msg("%s: %s", rows[i].series, v.reason);
	}
}

static void
test_relevance_modality_comes_from_series_where_needed(
    void **state)
{
	struct relevance_series series[2] = {a_series("CINE", ""),
	    a_series("CINE", "")};
	struct relevance_study s = a_study("Heart", "");
	(void)state; /* only the static fixture */
	s.modalities = "";
	s.series = series;
	s.n_series = 2;
	s.series_known = true;

	series[0].modality = series[1].modality = "US";
	struct relevance_verdict v = relevance_judge(&fx.rule, &s);
	expect("echo", &v, RELEVANT_NO,
	    "rule cardiac-mr; modality US is not MR");
	series[1].modality = "MR";
	assert_int_equal(relevance_judge(&fx.rule, &s).what, RELEVANT_YES);
	series[1].modality = "";
	assert_int_equal(relevance_judge(&fx.rule, &s).what, RELEVANT_YES);
}

static void
test_relevance_series_of_another_modality_do_not_count(void **state)
{
	struct relevance_series series = a_series("Cardiac report", "");
	struct relevance_study s = a_study("", "");
	(void)state; /* only the static fixture */
	series.modality = "SR";
	s.series = &series;
	s.n_series = 1;
	s.series_known = true;

	assert_int_equal(relevance_judge(&fx.rule, &s).what, RELEVANT_UNSURE);
}

/* Names that are in no truth table: typos, languages, look-alikes. */
static void
test_relevance_default_words_hold_for_unseen_names(void **state)
{
	static const struct {
		const char *description;
		bool want;
	} rows[] = {
	    {"MRI CARDAIC", true},
	    {"CARDIAC_MORPH_FUNC", true},
	    {"Cardiff CMR service", true},
	    {"MR Herz nativ", true},
	    {"MRT des Herzens mit KM", true},
	    {"Kardiale MRT", true},
	    {"RM CORAZON", true},
	    {"Ressonância magnética do coração", true},
	    {"RM miocardio", true},
	    {"IRM cœur", true},
	    {"MR Hjärta", true},
	    {"MRI hartfunctie", true},
	    {"MR LV function", false}, /* left to the series */
	    {"Congenital heart disease follow-up", true},
	    {"MRI Brain (cardiac pacemaker protocol)", false},
	    {"MRI spine, cardiac device in situ", false},
	    {"MR knee cine patella", false},
	    {"MRI cardio-oesophageal junction", false},
	    {"MR Herzogenaurach", false},
	    {"Hartmann's procedure, MRI pelvis", false},
	    {"MRI sacroiliac joints", false},
	    {"MR cinematic rendering", false},
	    {"MRT Fettsättigung", false},
	};
	(void)state; /* only the static fixture */

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct relevance_study s = a_study(rows[i].description, "");
		struct relevance_verdict v = relevance_judge(&fx.rule, &s);
		if ((v.what == RELEVANT_YES) != rows[i].want)
			fail_msg("%s: %s", rows[i].description, v.reason);
	}
}

static void
test_relevance_default_words_stay_within_the_time_limit(void **state)
{
	char *text = mem_new_n(char, 4001);
	(void)state; /* only the static fixture */
	for (size_t i = 0; i + 8 < 4000; i += 8)
		memcpy(text + i, "flow cas", 8);

	assert_int_equal(pattern_find(fx.match, text, NULL, 0), 0);
	assert_int_equal(pattern_find(fx.exclude, text, NULL, 0), 0);
	mem_free(text);
}

static void
test_relevance_reason_quotes_matched_words_only(void **state)
{
	struct pattern *all = a_pattern("[\\s\\S]*");
	struct relevance_rule rule = fx.rule;
	struct relevance_study s = a_study("one\ntwo three four five six seven "
					   "eight nine ten eleven", "");
	(void)state; /* only the static fixture */
	rule.match = all;

	struct relevance_verdict v = relevance_judge(&rule, &s);

	expect("broad", &v, RELEVANT_YES, "rule cardiac-mr; description "
	    "matches 'one two three four five six seven eight '");
	pattern_free(&all);
}

static void
test_relevance_newest_and_within_are_united(void **state)
{
	static const struct {
		const char *date;
		enum relevance want;
		const char *end;
	} rows[] = {
	    {"20240424", RELEVANT_NO,
		"but 31 months old and 7th newest (rule takes 3 or 24 months)"},
	    {"20261101", RELEVANT_YES, "newest 1 of 7"},
	    {"20241125", RELEVANT_YES, "24 months old (rule takes 24)"},
	    {"20241124", RELEVANT_NO,
		"but 24 months old and 6th newest (rule takes 3 or 24 months)"},
	    {"20260101", RELEVANT_YES, "newest 3 of 7"},
	    {"20250101", RELEVANT_YES, "22 months old (rule takes 24)"},
	    {"20260601", RELEVANT_YES, "newest 2 of 7"},
	};
	struct relevance_study studies[COUNT(rows)];
	struct relevance_verdict v[COUNT(rows)];
	(void)state; /* only the static fixture */
	for (size_t i = 0; i < COUNT(rows); i++)
		studies[i] = a_study("CMR", rows[i].date);

	relevance_select(&fx.rule, 1, "", "", studies, COUNT(rows),
	    case_start, v);

	for (size_t i = 0; i < COUNT(rows); i++) {
		char reason[RELEVANCE_REASON_SIZE];
		(void)snprintf(reason, sizeof(reason), /* short */
		    "rule cardiac-mr; description matches 'CMR'; %s",
		    rows[i].end);
		expect(rows[i].date, &v[i], rows[i].want, reason);
	}
}

static void
test_relevance_undated_studies_count_as_new(void **state)
{
	struct relevance_study studies[] = {a_study("CMR", "20200101"),
	    a_study("CMR", ""), a_study("CMR", "20209999"),
	    a_study("CMR", "2020")};
	struct relevance_verdict v[COUNT(studies)];
	(void)state; /* only the static fixture */

	relevance_select(&fx.rule, 1, "", "", studies, COUNT(studies),
	    case_start, v);

	expect("undated", &v[1], RELEVANT_YES,
	    "rule cardiac-mr; description matches 'CMR'; "
	    "no date: counted as new; newest 1 of 4");
	assert_int_equal(v[2].what, RELEVANT_YES);
	assert_int_equal(v[3].what, RELEVANT_YES);
	assert_int_equal(v[0].what, RELEVANT_NO);
}

/* R05: 60 priors, 8 of them cardiac, two a year */
static void
test_relevance_of_sixty_priors_the_right_ones_are_wanted(void **state)
{
	char dates[PRIORS][9];
	struct relevance_study studies[PRIORS];
	struct relevance_verdict v[PRIORS];
	struct relevance_rule rules[2] = {fx.rule, fx.rule};
	unsigned wanted[2] = {0, 0};
	(void)state; /* only the static fixture */
	for (unsigned i = 0; i < PRIORS; i++) {
		unsigned k = i / 8;
		(void)snprintf(dates[i], 9, "%04u%02u01",
		    2026 - k % 100 / 2, k % 2 == 0 ? 10 : 3);
		studies[i] = a_study(i % 8 == 0 ? "CMR" : "MRI knee",
		    dates[i]);
	}
	rules[1].newest = 6; /* congenital: by number alone */
	rules[1].within_months = 0;

	for (int r = 0; r < 2; r++) {
		relevance_select(&rules[r], 1, "", "", studies, PRIORS,
		    case_start, v);
		for (unsigned i = 0; i < PRIORS; i++)
			wanted[r] += v[i].what == RELEVANT_YES;
	}

	assert_int_equal(wanted[0], 4); /* 26-10, 26-03, 25-10, 25-03 */
	assert_int_equal(wanted[1], 6);
}

static void
test_relevance_rules_are_chosen_by_procedure(void **state)
{
	struct pattern *congenital = a_pattern("\\b(fontan|Q20)\\b");
	struct relevance_rule rules[2] = {fx.rule, fx.rule};
	struct relevance_study s = a_study("CMR", "20100101");
	struct relevance_verdict v;
	(void)state; /* only the static fixture */
	rules[0].newest = 0;
	(void)str_copy(rules[1].name, 33, "congenital"); /* fits */
	rules[1].procedure = congenital;

	relevance_select(rules, 2, "CABG", "K40", &s, 1, case_start, &v);
	assert_int_equal(v.what, RELEVANT_NO);
	assert_string_equal(v.rule, "cardiac-mr");
	relevance_select(rules, 2, "Fontan", "", &s, 1, case_start, &v);
	assert_int_equal(v.what, RELEVANT_YES);
	assert_string_equal(v.rule, "congenital");
	relevance_select(rules, 2, "", "Q20", &s, 1, case_start, &v);
	assert_int_equal(v.what, RELEVANT_YES);
	relevance_select(rules + 1, 1, "CABG", "", &s, 1, case_start, &v);
	expect("none", &v, RELEVANT_NO, "no rule applies to this procedure");
	assert_string_equal(v.rule, "");
	pattern_free(&congenital);
}

static void
test_relevance_uncertain_study_is_taken_when_all_else_fails(void **state)
{
	struct relevance_study studies[] = {a_study("MR Chest", "20200101"),
	    a_study("MR Thorax", "20210101"), a_study("CMR", "20190101")};
	struct relevance_verdict v[3];
	(void)state; /* only the static fixture */
	studies[0].series_known = studies[1].series_known = true;

	relevance_select(&fx.rule, 1, "", "", studies, 3, case_start, v);
	assert_int_equal(v[0].what, RELEVANT_UNSURE);
	assert_int_equal(v[1].what, RELEVANT_UNSURE);
	assert_int_equal(v[2].what, RELEVANT_YES);
	relevance_select(&fx.rule, 1, "", "", studies, 2, case_start, v);
	assert_int_equal(v[0].what, RELEVANT_UNSURE);
	expect("uncertain", &v[1], RELEVANT_YES, "rule cardiac-mr; chest, no "
	    "word of the rule in it; uncertain: nothing matches, so the "
	    "newest of 2 is taken");
	studies[0].series_known = false;
	relevance_select(&fx.rule, 1, "", "", studies, 2, case_start, v);
	assert_int_equal(v[0].what, RELEVANT_ASK);
	assert_int_equal(v[1].what, RELEVANT_UNSURE);
}

static void
test_relevance_nothing_to_judge_is_no_fault(void **state)
{
	struct relevance_study s = a_study("CMR", "");
	struct relevance_verdict v;
	(void)state; /* only the static fixture */

	relevance_select(&fx.rule, 1, "", "", NULL, 0, case_start, NULL);
	relevance_select(NULL, 0, "", "", &s, 1, case_start, &v);

	assert_int_equal(v.what, RELEVANT_NO);
	assert_true(v.reason[0] != '\0');
}

/* Whether a study is wanted, said anew: fewer than newest are newer (the
 * first of equals is newer), or it lies within. */
static bool
naive_want(const int *months, unsigned n, unsigned i,
    const struct relevance_rule *rule)
{
	unsigned newer = 0;
	for (unsigned k = 0; k < n; k++)
		newer += months[k] < months[i] ||
		    (months[k] == months[i] && k < i);
	return newer < rule->newest ||
	    (unsigned)months[i] < rule->within_months;
}

static void
test_relevance_selection_equals_counting(void **state)
{
	uint32_t seed = 42;
	(void)state; /* only the static fixture */

	for (int round = 0; round < ROUNDS; round++) {
		struct relevance_study studies[8];
		struct relevance_verdict v[8];
		char dates[8][9];
		int months[8]; /* begun: all are of the 26th */
		struct relevance_rule rule = fx.rule;
		for (unsigned i = 0; i < 8; i++) {
			seed = seed * 1664525u + 1013904223u;
			months[i] = (int)(seed >> 8) % 40;
			int m = 2026 * 12 + 9 - months[i];
			(void)snprintf(dates[i], 9, "%04d%02d26",
			    m / 12 % 10000, m % 12 + 1);
			studies[i] = a_study("CMR", dates[i]);
		}
		rule.newest = seed >> 9 & 7;
		rule.within_months = seed >> 12 & 31;
		relevance_select(&rule, 1, "", "", studies, 8, case_start, v);

		for (unsigned i = 0; i < 8; i++)
			if ((v[i].what == RELEVANT_YES) !=
			    naive_want(months, 8, i, &rule))
				fail_msg("seed 42, round %d: %s %s", round,
				    dates[i], v[i].reason);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_relevance_study_text_decides_where_it_can),
	    cmocka_unit_test(
		test_relevance_series_decide_what_the_study_leaves_open),
	    cmocka_unit_test(
		test_relevance_modality_comes_from_series_where_needed),
	    cmocka_unit_test(
		test_relevance_series_of_another_modality_do_not_count),
	    cmocka_unit_test(
		test_relevance_default_words_hold_for_unseen_names),
	    cmocka_unit_test(
		test_relevance_default_words_stay_within_the_time_limit),
	    cmocka_unit_test(test_relevance_reason_quotes_matched_words_only),
	    cmocka_unit_test(test_relevance_newest_and_within_are_united),
	    cmocka_unit_test(test_relevance_undated_studies_count_as_new),
	    cmocka_unit_test(
		test_relevance_of_sixty_priors_the_right_ones_are_wanted),
	    cmocka_unit_test(test_relevance_rules_are_chosen_by_procedure),
	    cmocka_unit_test(
		test_relevance_uncertain_study_is_taken_when_all_else_fails),
	    cmocka_unit_test(test_relevance_nothing_to_judge_is_no_fault),
	    cmocka_unit_test(test_relevance_selection_equals_counting),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
