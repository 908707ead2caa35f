/* SPDX-License-Identifier: MIT */
/* Tests of `understudy relevance`: rules scored on labelled studies, without
 * an agent; and of `wipe`, which asks until it is over. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include "command_fixture.h"

#define HEADER "study_description,series_descriptions,protocol,body_part," \
    "procedure_code,code_scheme,language,cardiac_mr,source,modality\n"

static const struct canned nobody[] = {{NULL, 0, NULL}};

static char path[64];

static void
write_file(const char *text)
{
	(void)str_copy(path, sizeof(path), "/tmp/truth-XXXXXX");
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)),
	    (ssize_t)strlen(text));
	assert_int_equal(close(fd), 0);
}

/* Score ${text}; what is told is in d->out. */
static int
score(struct desk *d, const char *text, const char *options)
{
	char words[200];
	write_file(text);
	d->c = (struct command){.terminal = false};
	(void)snprintf(words, sizeof(words), "relevance %s%s", path, options);
	int rc = run(d, nobody, words);
	assert_string_equal(d->asked, ""); /* no agent is needed */
	assert_int_equal(unlink(path), 0);
	return rc;
}

static void
test_relevance_command_tells_each_language_and_the_total(void **state)
{
	struct desk *d = *state;

	int rc = score(d, HEADER
	    "MRI Cardiac,,,,,,en,yes,made,MR\n"
	    "MRI Knee,,,,,,en,no,made,MR\n"
	    "Herz MRT,,,,,,de,yes,made,MR\n"
	    "Forschung,cine_sax;localizer,,,,,de,yes,made,MR\n"
	    "Aorta,,,,,,de,uncertain,made,MR\n", "");

	assert_int_equal(rc, 0);
	assert_string_equal(d->out, "rules: cardiac-mr, congenital\n"
	    "\n"
	    "language  studies  relevant  found  missed  wrongly  recall %  "
	    "precision %\n"
	    "en              2         1      1       0        0     100.0  "
	    "      100.0\n"
	    "de              2         2      2       0        0     100.0  "
	    "      100.0\n"
	    "all             4         3      3       0        0     100.0  "
	    "      100.0\n"
	    "1 labelled uncertain: not counted\n"
	    "\n"
	    "good: want a recall of 99 % and a precision of 85 %\n");
}

static void
test_relevance_command_tells_what_is_missed_and_what_is_wrong(void **state)
{
	struct desk *d = *state;

	int rc = score(d, HEADER
	    "MRI of the pump,,,,,,en,yes,made,MR\n"
	    "Cardiac MR of nobody,,,,,,en,no,made,MR\n", "");

	assert_int_equal(rc, 1);
	assert_non_null(strstr(d->out, "line 2: missed: MRI of the pump\n"));
	assert_non_null(strstr(d->out, "line 3: wrongly taken: Cardiac MR of "
	    "nobody\n    rule cardiac-mr; description matches 'Cardiac'\n"));
	assert_non_null(strstr(d->out, "not good enough"));
}

static void
test_relevance_command_speaks_json(void **state)
{
	struct desk *d = *state;

	int rc = score(d, HEADER "CMR,,,,,,nl,yes,made,MR\n"
	    "Kind,,,,,,nl,yes,made,CT\n", " --json");

	json_t *o = json_loads(d->out, 0, NULL);
	assert_non_null(o);
	assert_int_equal(rc, 1);
	const json_t *total = json_object_get(o, "total");
	assert_int_equal(get_int(total, "found"), 1);
	assert_int_equal(get_int(total, "missed"), 1);
	assert_true(json_number_value(json_object_get(total, "recall")) ==
	    50.0);
	const json_t *row = json_array_get(json_object_get(o, "rows"), 0);
	assert_string_equal(get_str(row, "what"), "missed");
	assert_int_equal(get_int(row, "line"), 3);
	assert_false(get_bool(o, "good"));
	json_decref(o);
}

static void
test_relevance_command_takes_columns_in_any_order(void **state)
{
	struct desk *d = *state;

	assert_int_equal(score(d, "cardiac_mr,study_description\n"
	    "yes,CMR\nno,MRI knee\n", ""), 0);
	assert_non_null(strstr(d->out, "\n?  ")); /* no language */
}

static void
test_relevance_command_faults_are_told(void **state)
{
	static const struct {
		const char *text, *word;
	} rows[] = {
	    {"", "study_description"},
	    {"study_description\nCMR\n", "cardiac_mr"},
	    {"study_description,cardiac_mr\n", "want a row"},
	    {"study_description,cardiac_mr\nCMR,maybe\n", "line 2"},
	    {"study_description,cardiac_mr\n\"CMR,yes\n", "closing quote"},
	};
	struct desk *d = *state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (score(d, rows[i].text, "") != 1 ||
		    strstr(d->err, rows[i].word) == NULL)
			fail_msg("row %zu: '%s'", i, d->err);
	d->c = (struct command){.terminal = false};
	assert_int_equal(run(d, nobody, "relevance /nowhere/at/all"), 1);
	assert_int_equal(run(d, nobody, "relevance"), 2);
}

static void
test_relevance_command_uses_the_rules_of_a_configuration(void **state)
{
	struct desk *d = *state;
	char conf[] = "/tmp/rules-XXXXXX", options[80];
	const char *text = "[agent]\ntheatre = TH6\n[viewer \"v\"]\n"
	    "ae_title = V\nhost = 127.0.0.1\nport = 11112\n"
	    "[archive \"a\"]\nae_title = A\nhost = a\n"
	    "[schedule \"l\"]\ntype = file\npath = /tmp/l.csv\n"
	    "[relevance \"pump\"]\nmatch = pump\n";
	int fd = mkstemp(conf);
	assert_int_equal(write(fd, text, strlen(text)),
	    (ssize_t)strlen(text));
	assert_int_equal(close(fd), 0);
	(void)snprintf(options, sizeof(options), " -c %s", conf);

	int rc = score(d, HEADER "MRI of the pump,,,,,,en,yes,made,MR\n",
	    options);

	assert_string_equal(d->err, "");
	assert_int_equal(rc, 0);
	assert_non_null(strstr(d->out, "rules: pump\n"));
	assert_int_equal(unlink(conf), 0);
}

/* The truth set itself, when it is there. */
static void
test_relevance_command_on_the_truth_set_is_good(void **state)
{
	struct desk *d = *state;
	char words[200];
	const char *dir = getenv("UNDERSTUDY_DATA");
	(void)snprintf(words, sizeof(words), "relevance %s/truth.csv",
	    dir == NULL ? "../shared/data" : dir);
	if (access(words + strlen("relevance "), R_OK) != 0)
		skip();
	d->c = (struct command){.terminal = false};

	assert_int_equal(run(d, nobody, words), 0);

	assert_non_null(strstr(d->out, "\ngood: "));
}

static void
test_wipe_command_wants_to_be_meant(void **state)
{
	struct desk *d = *state;
	static const struct canned done[] = {
	    {"POST /api/wipe?confirm=yes", 200, "{\"result\":\"wiped\"}"},
	    {"POST /api/wipe?confirm=yes&force=yes", 500,
		"{\"error\":\"not wiped\"}"}, {NULL, 0, NULL}};
	static const struct {
		const char *words, *asked;
		int want;
	} rows[] = {
	    {"wipe", "", 2},
	    {"wipe --yes", " POST /api/wipe?confirm=yes", 0},
	    {"--yes wipe --force", " POST /api/wipe?confirm=yes&force=yes", 1},
	    {"wipe --force", "", 2},
	    {"verify --yes", "", 2},
	    {"status --force", "", 2},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		d->c = (struct command){.terminal = false};
		int rc = run(d, done, rows[i].words);
		if (rc != rows[i].want || !str_eq(d->asked, rows[i].asked))
			fail_msg("'%s': %d, asked%s, %s", rows[i].words, rc,
			    d->asked, d->err);
	}
}

static unsigned answers;

static int
wiping(void *ctx, const struct http_ask *a, struct buf *body,
    int *ret_status, struct err *e)
{
	(void)ctx;
	(void)a;
	(void)e;
	bool over = ++answers == 3;
	buf_add_str(body, over ? "{\"result\":\"wiped: all\"}" :
	    "{\"result\":\"wiping\"}");
	*ret_status = over ? 200 : 202;
	return 0;
}

static void
test_wipe_command_waits_until_it_is_over(void **state)
{
	struct desk *d = *state;
	char out[200] = "";
	char *argv[] = {(char[]){"understudy"}, (char[]){"wipe"},
	    (char[]){"--yes"}, NULL};
	d->c = (struct command){.ask = wiping};
	d->c.out = fmemopen(out, sizeof(out), "w");
	d->c.err = stderr;
	answers = 0;

	int rc = command_run(&d->c, 3, argv);

	(void)fclose(d->c.out);
	assert_int_equal(rc, 0);
	assert_int_equal(answers, 3);
	assert_string_equal(out, "wiped: all\n");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_relevance_command_tells_each_language_and_the_total),
	    TEST(test_relevance_command_tells_what_is_missed_and_what_is_wrong
		),
	    TEST(test_relevance_command_speaks_json),
	    TEST(test_relevance_command_takes_columns_in_any_order),
	    TEST(test_relevance_command_faults_are_told),
	    TEST(test_relevance_command_uses_the_rules_of_a_configuration),
	    TEST(test_relevance_command_on_the_truth_set_is_good),
	    TEST(test_wipe_command_wants_to_be_meant),
	    TEST(test_wipe_command_waits_until_it_is_over),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
