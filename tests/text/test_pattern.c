/* SPDX-License-Identifier: MIT */
/* Tests of regular expressions and their limits. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "text/pattern.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define THREADS 4

static struct pattern *
a_pattern(const char *source)
{
	struct err e;
	struct pattern *p = pattern_new(source, &e);
	if (p == NULL)
		fail_msg("%s: %s", source, e.msg);
	return p;
}

static void
test_pattern_finds_words_in_any_case_and_script(void **state)
{
	static const struct {
		const char *source, *text, *found; /* NULL = not found */
	} rows[] = {
	    {"\\bheart\\b", "MR HEART w/wo", "HEART"},
	    {"\\bheart\\b", "Heartland", NULL},
	    {"\\bsax\\b", "cine_sax", "sax"},
	    {"\\bcmr\\b", "CMR_function", "CMR"},
	    {"cine_sax", "CINE_SAX", "CINE_SAX"},
	    {"\\bcine\\b.*_sax", "cine_sax", NULL},
	    {"card[ií]aca", "Resonancia Magnética CARDÍACA", "CARDÍACA"},
	    {"cardíaca", "CARDI\xCC\x81" "ACA", "CARDÍACA"},
	    {"cardi\xCC\x81" "aca", "CARDÍACA", "CARDÍACA"},
	    {"\\bhjärt", "Hjärtmri", "Hjärt"},
	    {"\\bart", "hjärtart", NULL}, /* a-umlaut is a letter */
	    {"heart", "\xEF\xBC\xA8\xEF\xBC\xA5\xEF\xBC\xA1\xEF\xBC\xB2"
		      "\xEF\xBC\xB4", "HEART"}, /* full width */
	    {"heart", "\xFFheart\xC3", "heart"}, /* malformed around */
	    {"^$", "", ""},
	};
	(void)state; /* pure */

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct pattern *p = a_pattern(rows[i].source);
		char found[40] = "untouched";
		int rc = pattern_find(p, rows[i].text, found, sizeof(found));

		if (rc != (rows[i].found != NULL))
			fail_msg("'%s' on '%s'", rows[i].source, rows[i].text);
		assert_string_equal(found,
		    rc == 1 ? rows[i].found : "untouched");
		pattern_free(&p);
		assert_null(p);
	}
}

static void
test_pattern_faulty_source_is_refused_with_its_position(void **state)
{
	struct err e;
	(void)state; /* pure */

	assert_null(pattern_new("heart(", &e));
	assert_int_equal(e.code, ERR_INVAL);
	assert_non_null(strstr(e.msg, "character 6"));
	assert_null(pattern_new("\\q", &e));
	assert_null(pattern_new("\xFF", &e));
	assert_int_equal(e.code, ERR_INVAL);
}

static void
test_pattern_too_long_source_is_refused(void **state)
{
	struct err e;
	char *source = mem_new_n(char, 9001);
	(void)state; /* pure */
	memset(source, 'a', 9000);

	assert_null(pattern_new(source, &e));
	assert_int_equal(e.code, ERR_INVAL);
	mem_free(source);
}

static void
test_pattern_runaway_match_is_given_up(void **state)
{
	struct pattern *p = a_pattern("(a+)+b");
	char text[64];
	(void)state; /* pure */
	memset(text, 'a', 63);
	text[63] = '\0';

	assert_int_equal(pattern_find(p, text, NULL, 0), -1);
	assert_int_equal(pattern_find(p, "aab", NULL, 0), 1);
	pattern_free(&p);
}

static void
test_pattern_text_beyond_the_limit_is_not_searched(void **state)
{
	struct pattern *p = a_pattern("heart");
	char *text = mem_new_n(char, 5000);
	(void)state; /* pure */
	memset(text, ' ', 4000);
	memcpy(text + 4000, "heart", 5);

	assert_int_equal(pattern_find(p, text, NULL, 0), 0);
	memcpy(text + 1000, "heart", 5);
	assert_int_equal(pattern_find(p, text, NULL, 0), 1);
	mem_free(text);
	pattern_free(&p);
}

static void
test_pattern_found_text_is_cut_between_characters(void **state)
{
	struct pattern *p = a_pattern("x.*");
	char found[4];
	(void)state; /* pure */

	assert_int_equal(pattern_find(p, "xy\xC3\xA4", found, sizeof(found)),
	    1);
	assert_string_equal(found, "xy");
	pattern_free(&p);
}

static void *
search_often(void *arg)
{
	const struct pattern *p = arg;
	uintptr_t hits = 0;
	for (int i = 0; i < 500; i++) {
		char text[32];
		(void)snprintf(text, sizeof(text), "MRI C%s %d",
		    i % 2 == 0 ? "ardíaca" : "oxa", i);
		hits += pattern_find(p, text, NULL, 0) == 1;
	}
	return (void *)hits;
}

static void
test_pattern_is_shared_by_threads(void **state)
{
	struct pattern *p = a_pattern("\\bcard[ií]aca\\b");
	pthread_t threads[THREADS];
	(void)state; /* pure */
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(
		    pthread_create(&threads[i], NULL, search_often, p), 0);

	for (int i = 0; i < THREADS; i++) {
		void *hits = NULL;
		assert_int_equal(pthread_join(threads[i], &hits), 0);
		assert_int_equal((uintptr_t)hits, 250);
	}
	pattern_free(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_pattern_finds_words_in_any_case_and_script),
	    cmocka_unit_test(
		test_pattern_faulty_source_is_refused_with_its_position),
	    cmocka_unit_test(test_pattern_too_long_source_is_refused),
	    cmocka_unit_test(test_pattern_runaway_match_is_given_up),
	    cmocka_unit_test(
		test_pattern_text_beyond_the_limit_is_not_searched),
	    cmocka_unit_test(
		test_pattern_found_text_is_cut_between_characters),
	    cmocka_unit_test(test_pattern_is_shared_by_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
