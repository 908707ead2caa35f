/* SPDX-License-Identifier: MIT */
/* Tests of the hours for bulk work. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

#include "model/window.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void
test_window_forms_are_read(void **state)
{
	static const struct {
		const char *s;
		int from, to;
	} rows[] = {
	    {"19:00-06:30", 1140, 390},
	    {"7:05 - 9:00", 425, 540},
	    {"always", 0, 0},
	    {"Always", 0, 0},
	    {"00:00-24:00", 0, 0},
	    {"00:00-00:00", 0, 0},
	    {"22:00-24:00", 1320, 0},
	};
	(void)state; /* pure */

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct window w = {-1, -1};
		struct err e;
		assert_int_equal(window_parse(rows[i].s, &w, &e), 0);
		assert_int_equal(w.from_min, rows[i].from);
		assert_int_equal(w.to_min, rows[i].to);
	}
}

static void
test_window_what_is_no_window_is_refused(void **state)
{
	static const char *const rows[] = {"", "19:00", "19:00-", "-06:30",
	    "19-06", "24:00-06:00", "19:60-06:00", "25:00-06:00", "24:30-1:00",
	    "19:00-24:01", "019:00-06:00", "19:0-06:00", "never",
	    "19:00-06:00-07:00", "19:+1-06:00", "19:00:00-06:00:00"};
	(void)state; /* pure */

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct window w = {-1, -1};
		struct err e;
		if (window_parse(rows[i], &w, &e) == 0)
			fail_msg("'%s' was taken", rows[i]);
		assert_int_equal(e.code, ERR_INVAL);
		assert_non_null(strstr(e.msg, "want hours"));
		assert_int_equal(w.from_min, -1);
	}
}

static void
test_window_over_midnight_is_open_at_night(void **state)
{
	const struct window w = {1140, 390};
	(void)state; /* pure */

	assert_true(window_is_open(&w, 1140));
	assert_true(window_is_open(&w, 0));
	assert_true(window_is_open(&w, 389));
	assert_false(window_is_open(&w, 390));
	assert_false(window_is_open(&w, 1139));
	assert_int_equal(window_opens_in(&w, 390), 750);
	assert_int_equal(window_opens_in(&w, 1139), 1);
	assert_int_equal(window_opens_in(&w, 5), 0);
}

static void
test_window_opens_in_is_the_first_open_minute(void **state)
{
	(void)state; /* pure */

	for (int from = 0; from < 1440; from += 97) {
		for (int to = 0; to < 1440; to += 89) {
			const struct window w = {from, to};
			int m = (from * 7 + to * 13) % 1440, wait = 0;
			while (!window_is_open(&w, (m + wait) % 1440))
				wait++;
			assert_int_equal(window_opens_in(&w, m), wait);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_window_forms_are_read),
	    cmocka_unit_test(test_window_what_is_no_window_is_refused),
	    cmocka_unit_test(test_window_over_midnight_is_open_at_night),
	    cmocka_unit_test(test_window_opens_in_is_the_first_open_minute),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
