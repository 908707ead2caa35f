/* SPDX-License-Identifier: MIT */
/* Tests of wall-clock readings of named zones. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "text/zone.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define ROUNDS 1000
#define THREADS 4

static struct zone *
a_zone(const char *name)
{
	struct err e;
	struct zone *z = zone_new(name, &e);
	if (z == NULL)
		fail_msg("%s: %s", name, e.msg);
	return z;
}

/* "Z" text to seconds, through the clock of base. */
static int64_t
utc(int year, int month, int day, int hour, int min)
{
	struct civil c = {year, month, day, hour, min, 0};
	return civil_to_utc(&c);
}

static void
test_zone_ambiguous_hour_is_the_earlier_one(void **state)
{
	struct zone *z = a_zone("Europe/London");
	struct civil c = {2026, 10, 25, 1, 30, 0};
	bool odd = false;
	(void)state; /* pure */

	assert_int_equal(zone_to_utc(z, &c, &odd), utc(2026, 10, 25, 0, 30));
	assert_true(odd);
	zone_free(&z);
	assert_null(z);
}

static void
test_zone_missing_hour_is_shifted_forward(void **state)
{
	struct zone *z = a_zone("Europe/London");
	struct civil c = {2026, 3, 29, 1, 30, 0};
	bool odd = false;
	char text[26];
	(void)state; /* pure */

	int64_t at = zone_to_utc(z, &c, &odd);

	assert_true(odd);
	assert_string_equal(zone_format(z, text, sizeof(text), at),
	    "2026-03-29T02:30:00+01:00");
	zone_free(&z);
}

static void
test_zone_plain_hours_are_not_odd(void **state)
{
	struct zone *z = a_zone("Europe/London");
	bool odd = true;
	struct civil c = {2026, 7, 1, 8, 0, 0};
	(void)state; /* pure */

	assert_int_equal(zone_to_utc(z, &c, &odd), utc(2026, 7, 1, 7, 0));
	assert_false(odd);
	c.month = 1;
	assert_int_equal(zone_to_utc(z, &c, &odd), utc(2026, 1, 1, 8, 0));
	assert_false(odd);
	zone_free(&z);
}

static void
test_zone_unknown_name_is_refused(void **state)
{
	static const char *const names[] = {"Europe/Londn", "Mars/Base", "x",
	    "\xFF",
	    "a/name/of/more/than/64/characters/that/is/very/long/and/no/zone"};
	(void)state; /* pure */

	for (size_t i = 0; i < COUNT(names); i++) {
		struct err e;
		assert_null(zone_new(names[i], &e));
		assert_int_equal(e.code, ERR_INVAL);
	}
}

static void
test_zone_machines_change_does_not_count(void **state)
{
	struct zone *z = a_zone("Europe/London");
	struct civil c = {2026, 7, 1, 8, 0, 0};
	(void)state; /* pure */
	int64_t before = zone_to_utc(z, &c, NULL);

	assert_int_equal(setenv("TZ", "Asia/Tokyo", 1), 0);
	tzset();

	assert_int_equal(zone_to_utc(z, &c, NULL), before);
	assert_string_equal(zone_name(z), "Europe/London");
	assert_int_equal(unsetenv("TZ"), 0);
	tzset();
	zone_free(&z);
}

static void
test_zone_empty_name_is_the_machines(void **state)
{
	struct zone *z = a_zone("");
	(void)state; /* pure */

	assert_true(zone_name(z)[0] != '\0');
	zone_free(&z);
}

static void
test_zone_parse_reads_iso_8601(void **state)
{
	const int64_t summer = utc(2026, 7, 1, 7, 0);
	const struct {
		const char *s;
		int64_t want;
		bool date_only;
	} rows[] = {
	    {"2026-07-01T08:00", summer, false},
	    {"2026-07-01 08:00", summer, false},
	    {"2026-07-01t08:00:00", summer, false},
	    {"2026-07-01T08:00:00.123456", summer, false},
	    {"2026-07-01T08:00:00,5", summer, false},
	    {"20260701T0800", summer, false},
	    {"20260701T080000", summer, false},
	    {"20260701T080000.5+0100", summer, false},
	    {"2026-07-01T07:00Z", summer, false},
	    {"2026-07-01T07:00z", summer, false},
	    {"2026-07-01T09:00+02", summer, false},
	    {"2026-07-01T09:00+02:00", summer, false},
	    {"2026-07-01T09:00+0200", summer, false},
	    {"2026-07-01T01:30-05:30", summer, false},
	    {"2026-07-01", utc(2026, 6, 30, 23, 0), true},
	    {"20260701", utc(2026, 6, 30, 23, 0), true},
	    {"2026-10-25T01:30+00:00", utc(2026, 10, 25, 1, 30), false},
	    {"2026-10-25T01:30+01:00", utc(2026, 10, 25, 0, 30), false},
	};
	struct zone *z = a_zone("Europe/London");
	(void)state; /* pure */

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct err e;
		int64_t got = 0;
		bool date_only = !rows[i].date_only;
		if (zone_parse(z, rows[i].s, &got, &date_only, &e) < 0)
			fail_msg("%s: %s", rows[i].s, e.msg);
		if (got != rows[i].want || date_only != rows[i].date_only)
			fail_msg("%s", rows[i].s);
	}
	zone_free(&z);
}

static void
test_zone_parse_refuses_what_is_no_time(void **state)
{
	static const char *const rows[] = {"", "2026", "2026-07", "2026-07-1",
	    "2026-13-01", "2026-02-29", "2026-07-01T", "2026-07-01T8:00",
	    "2026-07-01T08", "2026-07-01T24:00", "2026-07-01T08:60",
	    "2026-07-01T08:00:60", "2026-07-01T08:00:", "2026-07-01T08:00:00.",
	    "2026-07-01T08:00+", "2026-07-01T08:00+1", "2026-07-01T08:00+01:",
	    "2026-07-01T08:00+19:00", "2026-07-01T08:00+01:60",
	    "2026-07-01T08:00Zx", "2026-07-01Z", " 2026-07-01", "01.07.2026",
	    "2026-07-01T08:00 ", "2026-0701", "-2026-07-01",
	    "202607010800", "2026-07-01T-8:00"};
	struct zone *z = a_zone("Europe/London");
	(void)state; /* pure */

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct err e;
		int64_t got = 77;
		if (zone_parse(z, rows[i], &got, NULL, &e) == 0)
			fail_msg("'%s' was taken", rows[i]);
		assert_int_equal(e.code, ERR_PARSE);
		assert_int_equal(got, 77);
	}
	zone_free(&z);
}

static void
test_zone_day_without_midnight_begins_later(void **state)
{
	struct zone *z = a_zone("America/Sao_Paulo");
	struct err e;
	int64_t at = 0;
	char text[26];
	(void)state; /* pure */

	assert_int_equal(zone_parse(z, "2018-11-04", &at, NULL, &e), 0);

	assert_string_equal(zone_format(z, text, sizeof(text), at),
	    "2018-11-04T01:00:00-02:00");
	zone_free(&z);
}

static void
test_zone_format_reads_back(void **state)
{
	static const char *const names[] = {"Europe/London", "Asia/Kolkata",
	    "America/St_Johns", "Pacific/Apia", "UTC"};
	uint32_t seed = 4711;
	(void)state; /* pure */

	for (int round = 0; round < ROUNDS; round++) {
		struct zone *z = a_zone(names[round % 5]);
		seed = seed * 1664525u + 1013904223u;
		int64_t at = INT64_C(315532800) + seed % UINT32_C(3000000000);
		char text[26];
		int64_t got = 0;
		struct err e;
		(void)zone_format(z, text, sizeof(text), at);

		assert_int_equal(zone_parse(z, text, &got, NULL, &e), 0);
		if (got != at)
			fail_msg("seed 4711, round %d: %s", round, text);
		zone_free(&z);
	}
}

static void
test_zone_readings_come_back_to_their_instant(void **state)
{
	struct zone *z = a_zone("Europe/Berlin");
	int64_t at = utc(2026, 1, 1, 0, 7);
	(void)state; /* pure */

	for (; at < utc(2027, 1, 1, 0, 0); at += 1777) {
		int offset = 0;
		bool odd = false;
		struct civil c = zone_of_utc(z, at, &offset);
		int64_t back = zone_to_utc(z, &c, &odd);
		assert_true(offset == 3600 || offset == 7200);
		assert_true(back == at || (odd && back == at - 3600));
	}
	zone_free(&z);
}

static void
test_zone_format_far_instants_are_bounded(void **state)
{
	struct zone *z = a_zone("Asia/Tokyo");
	char text[26];
	(void)state; /* pure */

	(void)zone_format(z, text, sizeof(text), INT64_MAX);
	assert_memory_equal(text, "9999-12-", 8);
	(void)zone_format(z, text, sizeof(text), INT64_MIN);
	assert_memory_equal(text, "0000-01-", 8);
	zone_free(&z);
}

static void *
ask_often(void *arg)
{
	const struct zone *z = arg;
	uintptr_t wrong = 0;
	for (int i = 0; i < 500; i++) {
		int64_t at = utc(2026, 7, 1, 0, 0) + i * INT64_C(86400);
		int offset = 0;
		struct civil c = zone_of_utc(z, at, &offset);
		wrong += zone_to_utc(z, &c, NULL) != at;
	}
	return (void *)wrong;
}

static void
test_zone_is_shared_by_threads(void **state)
{
	struct zone *z = a_zone("Europe/London");
	pthread_t threads[THREADS];
	(void)state; /* pure */
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(
		    pthread_create(&threads[i], NULL, ask_often, z), 0);

	for (int i = 0; i < THREADS; i++) {
		void *wrong = NULL;
		assert_int_equal(pthread_join(threads[i], &wrong), 0);
		assert_null(wrong);
	}
	zone_free(&z);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_zone_ambiguous_hour_is_the_earlier_one),
	    cmocka_unit_test(test_zone_missing_hour_is_shifted_forward),
	    cmocka_unit_test(test_zone_plain_hours_are_not_odd),
	    cmocka_unit_test(test_zone_unknown_name_is_refused),
	    cmocka_unit_test(test_zone_machines_change_does_not_count),
	    cmocka_unit_test(test_zone_empty_name_is_the_machines),
	    cmocka_unit_test(test_zone_parse_reads_iso_8601),
	    cmocka_unit_test(test_zone_parse_refuses_what_is_no_time),
	    cmocka_unit_test(test_zone_day_without_midnight_begins_later),
	    cmocka_unit_test(test_zone_format_reads_back),
	    cmocka_unit_test(test_zone_readings_come_back_to_their_instant),
	    cmocka_unit_test(test_zone_format_far_instants_are_bounded),
	    cmocka_unit_test(test_zone_is_shared_by_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
