/* SPDX-License-Identifier: MIT */
/* Scores the default rule on truth.csv: real names, labelled by hand. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/str.h"
#include "model/relevance.h"
#include "wire/csv.h"

#define SERIES_MAX 16
#define LANGUAGES_MAX 24

enum column {
	COL_DESCRIPTION,
	COL_SERIES,
	COL_PROTOCOL,
	COL_BODY_PART,
	COL_CODE,
	COL_SCHEME,
	COL_LANGUAGE,
	COL_LABEL,
	COL_SOURCE,
	COL_MODALITY,
	COL_COUNT,
};

struct score {
	char language[8];
	unsigned hits, misses, alarms, quiet; /* yes: hit or miss; no: alarm */
	unsigned fetched; /* of the no rows, if each were a patient's only */
};

struct fixture {
	struct buf text;
	struct relevance_rule rule;
	struct pattern *match, *exclude;
};

static void
read_file(struct buf *b, const char *name)
{
	const char *dir = getenv("UNDERSTUDY_DATA");
	char path[1024];
	(void)snprintf(path, sizeof(path), "%s/%s",
	    dir == NULL ? "../shared/data" : dir, name);
	buf_init(b, 4 << 20);
	FILE *f = fopen(path, "rb");
	if (f == NULL)
		return;
	char chunk[4096];
	size_t n = fread(chunk, 1, sizeof(chunk), f);
	while (n > 0) {
		buf_add(b, chunk, n);
		n = fread(chunk, 1, sizeof(chunk), f);
	}
	(void)fclose(f); /* only read */
}

static int
setup(void **state)
{
	static struct fixture fx;
	struct err e;
	read_file(&fx.text, "truth.csv");
	fx.match = pattern_new(relevance_default_match, &e);
	assert_non_null(fx.match);
	fx.exclude = pattern_new(relevance_default_exclude, &e);
	assert_non_null(fx.exclude);
	fx.rule = (struct relevance_rule){.name = "cardiac-mr",
	    .modality = "MR", .match = fx.match, .exclude = fx.exclude,
	    .newest = 3, .within_months = 24};
	*state = &fx;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *fx = *state;
	buf_done(&fx->text);
	pattern_free(&fx->match);
	pattern_free(&fx->exclude);
	return 0;
}

/* Cut the semicolon list of a row into series. */
static unsigned
split_series(char **field, struct relevance_series *series)
{
	unsigned n = 0;
	char *p = field[COL_SERIES];
	do {
		size_t len = strcspn(p, ";");
		char *next = p + len + (p[len] == ';');
		p[len] = '\0';
		series[n++] = (struct relevance_series){
		    .modality = field[COL_MODALITY], .description = p,
		    .protocol = field[COL_PROTOCOL],
		    .body_part = field[COL_BODY_PART]};
		p = next;
	} while (*p != '\0' && n < SERIES_MAX);
	return n;
}

/* As prefetch does it: the study first, its series if that does not tell. */
static void
judge_row(const struct relevance_rule *rule, char **field,
    struct relevance_verdict *judged, struct relevance_verdict *selected)
{
	struct relevance_series series[SERIES_MAX];
	struct relevance_study study = {.uid = "1.2", .date = "20260101",
	    .modalities = field[COL_MODALITY],
	    .description = field[COL_DESCRIPTION],
	    .codes = field[COL_CODE]};
	*judged = relevance_judge(rule, &study);
	if (judged->what == RELEVANT_ASK) {
		study.n_series = split_series(field, series);
		study.series = series;
		study.series_known = true;
		*judged = relevance_judge(rule, &study);
	}
	relevance_select(rule, 1, "", "", &study, 1, 1772000000, selected);
}

static struct score *
score_of(struct score *scores, const char *language)
{
	for (unsigned i = 0; i < LANGUAGES_MAX; i++) {
		if (scores[i].language[0] == '\0')
			(void)str_copy(scores[i].language,
			    sizeof(scores[i].language), language);
		if (str_eq(scores[i].language, language))
			return &scores[i];
	}
	fail_msg("more than %d languages", LANGUAGES_MAX);
	return NULL;
}

static void
count(struct score *s, bool want, bool yes, bool fetched)
{
	s->hits += want && yes;
	s->misses += want && !yes;
	s->alarms += !want && yes;
	s->quiet += !want && !yes;
	s->fetched += !want && fetched;
}

static void
print_score(const struct score *s, const char *name)
{
	print_message("%-6s %3u of %3u found, %2u of %3u wrongly, %2u more "
		      "if nothing else is there\n",
	    name, s->hits, s->hits + s->misses, s->alarms,
	    s->alarms + s->quiet, s->fetched - s->alarms);
}

static void
score_row(const struct relevance_rule *rule, char **field,
    struct score *scores, struct score *total)
{
	bool want = str_eq(field[COL_LABEL], "yes");
	struct relevance_verdict v, taken;
	judge_row(rule, field, &v, &taken);
	bool yes = v.what == RELEVANT_YES;
	assert_true(v.reason[0] != '\0');
	if (str_eq(field[COL_LABEL], "uncertain"))
		return;
	if (want != yes)
		print_message("%s: '%s': %s\n", field[COL_LABEL],
		    field[COL_DESCRIPTION], v.reason);
	bool fetched = taken.what == RELEVANT_YES;
	count(score_of(scores, field[COL_LANGUAGE]), want, yes, fetched);
	count(total, want, yes, fetched);
}

static void
test_truth_default_rule_finds_cardiac_studies(void **state)
{
	struct fixture *fx = *state;
	struct score scores[LANGUAGES_MAX] = {0}, total = {0};
	if (fx->text.len == 0) {
		print_message("truth.csv is not here: skipped\n");
		skip();
	}
	struct csv csv;
	struct err e;
	csv_open(&csv, (const char *)fx->text.p, fx->text.len);
	assert_int_equal(csv_next(&csv, &e), 1); /* the header */
	assert_string_equal(csv.field[COL_LABEL], "cardiac_mr");

	int rc = csv_next(&csv, &e);
	for (; rc == 1; rc = csv_next(&csv, &e)) {
		assert_int_equal(csv.n_fields, COL_COUNT);
		score_row(&fx->rule, csv.field, scores, &total);
	}
	csv_close(&csv);

	assert_int_equal(rc, 0);
	for (unsigned i = 0; i < LANGUAGES_MAX; i++)
		if (scores[i].language[0] != '\0')
			print_score(&scores[i], scores[i].language);
	print_score(&total, "all");
	assert_true(total.hits + total.misses >= 70);
	assert_true(total.hits * 100 >= (total.hits + total.misses) * 99);
	assert_true(total.hits * 100 >= (total.hits + total.alarms) * 85);
	/* the worst day: each of the others is the patient's only study */
	assert_true(total.hits * 100 >= (total.hits + total.fetched) * 80);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_truth_default_rule_finds_cardiac_studies),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
