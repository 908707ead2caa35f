/* SPDX-License-Identifier: MIT */
/* Clocks that can be replaced, and the calendar against the system's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const int64_t fake[] = {11, 22, 33456};

static int64_t
uptime(void *ctx)
{
	return ((const int64_t *)ctx)[0];
}

static int64_t
continuous(void *ctx)
{
	return ((const int64_t *)ctx)[1];
}

static int64_t
utc(void *ctx)
{
	return ((const int64_t *)ctx)[2];
}

static void
test_clock_source_replaces_all_three_until_restored(void **state)
{
	int64_t ns[3];
	memcpy(ns, fake, sizeof(ns));
	const struct clock_source src = {.uptime_ns = uptime,
	    .continuous_ns = continuous, .utc_ms = utc, .ctx = ns};
	(void)state;

	clock_set_source(&src);
	assert_int_equal(clock_uptime_ns(), 11);
	assert_int_equal(clock_continuous_ns(), 22);
	assert_int_equal(clock_utc_ms(), 33456);
	assert_int_equal(clock_utc_s(), 33);

	clock_set_source(NULL);
	assert_true(clock_utc_s() > INT64_C(1700000000));
}

static void
test_clock_real_ones_do_not_go_back(void **state)
{
	int64_t up = 0, on = 0;
	(void)state;
	for (int i = 0; i < 1000; i++) {
		int64_t up_now = clock_uptime_ns();
		int64_t on_now = clock_continuous_ns();
		assert_true(up_now >= up && on_now >= on);
		up = up_now;
		on = on_now;
	}
	int64_t apart = clock_utc_s() - (int64_t)time(NULL);
	assert_true(apart >= -1 && apart <= 1);
}

static void
test_civil_random_instants_agree_with_the_system(void **state)
{
	(void)state;
	srandom(41);
	for (int round = 0; round < 1000; round++) {
		int64_t span = INT64_C(9999) * 366 * 86400;
		int64_t t = ((int64_t)random() << 22 ^ random()) % span -
		    INT64_C(62167219200); /* from year 0 */
		time_t as_time = (time_t)t;
		struct tm tm;
		assert_non_null(gmtime_r(&as_time, &tm));

		struct civil c = civil_of_utc(t);

		assert_int_equal(c.year, tm.tm_year + 1900);
		assert_int_equal(c.month, tm.tm_mon + 1);
		assert_int_equal(c.day, tm.tm_mday);
		assert_int_equal(c.hour, tm.tm_hour);
		assert_int_equal(c.min, tm.tm_min);
		assert_int_equal(c.sec, tm.tm_sec);
		assert_true(civil_to_utc(&c) == t);
		assert_true(civil_to_utc(&c) == (int64_t)timegm(&tm));
		assert_true(civil_is_valid(&c) == (c.year <= 9999));
	}
}

/* four centuries, a whole cycle, day by day */
static void
test_civil_days_follow_each_other(void **state)
{
	(void)state;
	struct civil was = civil_of_utc(INT64_C(-62167219200) - 86400);
	for (int64_t day = -719528; day < -719528 + 146097 + 1; day++) {
		struct civil c = civil_of_utc(day * 86400);
		assert_true(civil_days(c.year, c.month, c.day) == day);
		assert_true(civil_is_valid(&c));
		bool next = c.day == was.day + 1 && c.month == was.month;
		bool first = c.day == 1 && was.day >= 28;
		assert_true(next || first);
		was = c;
	}
}

static void
test_civil_table_of_what_exists(void **state)
{
	static const struct {
		struct civil c;
		bool ok;
	} rows[] = {
	    {{2024, 2, 29, 0, 0, 0}, true},
	    {{2023, 2, 29, 0, 0, 0}, false},
	    {{1900, 2, 29, 0, 0, 0}, false},
	    {{2000, 2, 29, 0, 0, 0}, true},
	    {{2024, 4, 31, 0, 0, 0}, false},
	    {{2024, 12, 31, 23, 59, 59}, true},
	    {{2024, 12, 31, 23, 59, 60}, false},
	    {{2024, 12, 31, 24, 0, 0}, false},
	    {{2024, 1, 1, 0, 60, 0}, false},
	    {{2024, 1, 1, -1, 0, 0}, false},
	    {{2024, 1, 1, 0, -1, 0}, false},
	    {{2024, 1, 1, 0, 0, -1}, false},
	    {{2024, 0, 1, 0, 0, 0}, false},
	    {{2024, 13, 1, 0, 0, 0}, false},
	    {{2024, -5, 1, 0, 0, 0}, false},
	    {{2024, 1, 0, 0, 0, 0}, false},
	    {{2024, 1, 32, 0, 0, 0}, false},
	    {{0, 1, 1, 0, 0, 0}, true},
	    {{9999, 12, 31, 23, 59, 59}, true},
	    {{-1, 1, 1, 0, 0, 0}, false},
	    {{10000, 1, 1, 0, 0, 0}, false},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (civil_is_valid(&rows[i].c) != rows[i].ok)
			fail_msg("row %zu", i);
}

static void
test_clock_format_utc_table(void **state)
{
	static const struct {
		int64_t utc_s;
		const char *want;
	} rows[] = {
	    {0, "1970-01-01T00:00:00Z"},
	    {-1, "1969-12-31T23:59:59Z"},
	    {INT64_C(1795560623), "2026-11-24T22:50:23Z"},
	    {INT64_C(-62167219200), "0000-01-01T00:00:00Z"},
	    {INT64_C(-62167219201), "0000-01-01T00:00:00Z"},
	    {INT64_MIN, "0000-01-01T00:00:00Z"},
	    {INT64_C(253402300799), "9999-12-31T23:59:59Z"},
	    {INT64_C(253402300800), "9999-12-31T23:59:59Z"},
	    {INT64_MAX, "9999-12-31T23:59:59Z"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char dst[21];
		assert_ptr_equal(clock_format_utc(dst, sizeof(dst),
		    rows[i].utc_s), dst);
		assert_string_equal(dst, rows[i].want);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		test_clock_source_replaces_all_three_until_restored),
	    cmocka_unit_test(test_clock_real_ones_do_not_go_back),
	    cmocka_unit_test(test_civil_random_instants_agree_with_the_system),
	    cmocka_unit_test(test_civil_days_follow_each_other),
	    cmocka_unit_test(test_civil_table_of_what_exists),
	    cmocka_unit_test(test_clock_format_utc_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
