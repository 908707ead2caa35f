/* SPDX-License-Identifier: MIT */
/* Tests of main/command_term and of the headline: words for a terminal. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include <string.h>

#include "base/str.h"
#include "main/command.h"

#define AGENT "\"agent\":{\"theatre\":\"Theatre 6\"}"

static void
test_command_term_headline_counts_ready_alone(void **state)
{
	static const struct {
		const char *cases, *rest, *want;
	} rows[] = {
		{"\"total\":3,\"ready\":3", "", "Theatre 6: all 3 cases ready"},
		{"\"total\":1,\"ready\":1", "",
		    "Theatre 6: the one case is ready"},
		{"\"total\":3,\"ready\":2,\"none\":1", "",
		    "Theatre 6: 2 of 3 cases ready, 1 with nothing to fetch"},
		{"\"total\":2,\"ready\":1,\"failed\":1", "",
		    "Theatre 6: 1 of 2 cases ready, 1 failed"},
		{"\"total\":1,\"ready\":0,\"none\":1", "",
		    "Theatre 6: 0 of 1 case ready, 1 with nothing to fetch"},
		{"\"total\":9,\"ready\":2,\"failed\":1,\"fetching\":1,"
		    "\"queued\":2,\"none\":3", "", "Theatre 6: 2 of 9 cases "
		    "ready, 1 failed, 1 fetching, 2 queued, 3 with nothing to "
		    "fetch"},
		{"\"total\":0", "", "Theatre 6: no cases listed"},
		{"\"total\":0,\"listed\":2", ",\"cases_elsewhere\":3",
		    "Theatre 6: no case needs images now"},
		{"\"total\":0,\"listed\":0", ",\"cases_elsewhere\":1,"
		    "\"rooms_elsewhere\":[\"OP 6\"]", "no cases listed for "
		    "Theatre 6; the list has 1 case in other rooms (OP 6)"},
		{"\"total\":0", ",\"cases_elsewhere\":7,"
		    "\"rooms_elsewhere\":[\"A\",\"B\",\"C\",\"D\"]",
		    "no cases listed for Theatre 6; the list has 7 cases in "
		    "other rooms (A, B, C, ...)"},
	};
	(void)state; /* none */

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[1000], head[400];
		(void)snprintf(text, sizeof(text), "{" AGENT ",\"cases\":{%s}"
		    "%s}", rows[i].cases, rows[i].rest);
		json_t *status = json_loads(text, 0, NULL);
		assert_non_null(status);
		assert_string_equal(term_headline(head, sizeof(head), status),
		    rows[i].want);
		json_decref(status);
	}
}

static void
test_command_term_outside_text_cannot_move_the_cursor(void **state)
{
	(void)state; /* none */
	static const struct {
		const char *in, *want;
	} rows[] = {
		{"plain", "plain"}, {"M\xC3\xBCller", "M\xC3\xBCller"},
		{"a\033[2Jb", "a?[2Jb"}, {"a\nb\rc\td", "a?b?c?d"},
		{"x\x7F", "x?"}, {"\xC2\x9B" "31m", "?31m"},
		{"\xE2\x80\xAE" "evil", "?evil"}, {"\xFF\xFE", "??"},
		{"\xE2\x80\xA8", "?"}, {"", ""},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char clean[64];
		assert_string_equal(term_clean(clean, sizeof(clean),
		    rows[i].in), rows[i].want);
	}
}

static void
test_command_term_clean_text_is_always_whole_utf8(void **state)
{
	(void)state; /* none */
	uint32_t seed = 6;

	for (unsigned round = 0; round < 1000; round++) {
		char in[32], out[24];
		for (size_t i = 0; i < sizeof(in) - 1; i++) {
			seed = seed * 1664525u + 1013904223u;
			in[i] = (char)(seed >> 24 | 1);
		}
		in[seed % 31] = '\0';
		in[31] = '\0';
		(void)term_clean(out, 1 + seed % 23, in);
		assert_true(str_is_utf8(out, strlen(out)));
		for (const char *p = out; *p != '\0'; p++)
			assert_true((unsigned char)*p >= 0x20 && *p != 0x7F);
	}
}

static void
test_command_term_times_read_like_a_clock(void **state)
{
	(void)state; /* none */
	static const struct {
		const char *iso, *want;
		int64_t utc;
	} rows[] = {
		{"2026-11-25T08:00:00+01:00", "08:00 Wed 25 Nov", 1795590000},
		{"2026-11-25T07:00:00Z", "07:00 Wed 25 Nov", 1795590000},
		{"2026-11-25T01:30:00-05:30", "01:30 Wed 25 Nov", 1795590000},
		{"1970-01-01T00:00:00+00:00", "00:00 Thu 1 Jan", 0},
		{"", "never", 0}, {"soon", "?", 0},
		{"2026-13-25T08:00:00+01:00", "?", 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[40];
		assert_string_equal(term_when(text, sizeof(text), rows[i].iso),
		    rows[i].want);
		assert_int_equal(term_utc(rows[i].iso), rows[i].utc);
	}
}

static void
test_command_term_names_read_like_names(void **state)
{
	(void)state; /* none */
	static const char *const rows[][2] = {
		{"DOE^JANE", "DOE, JANE"}, {"DOE^JANE^Q^Dr", "DOE, JANE"},
		{"Doe, Jane", "Doe, Jane"}, {"DOE", "DOE"}, {"", ""},
		{"YAMADA^TARO=\xE5\xB1\xB1", "YAMADA, TARO"}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[80];
		assert_string_equal(term_person(text, sizeof(text),
		    rows[i][0]), rows[i][1]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
	        test_command_term_headline_counts_ready_alone),
	    cmocka_unit_test(
	        test_command_term_outside_text_cannot_move_the_cursor),
	    cmocka_unit_test(
	        test_command_term_clean_text_is_always_whole_utf8),
	    cmocka_unit_test(
	        test_command_term_times_read_like_a_clock),
	    cmocka_unit_test(
	        test_command_term_names_read_like_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
