/* SPDX-License-Identifier: MIT */
/* Tests of run/backoff. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include "run/backoff.h"

static void
test_backoff_limit_doubles_up_to_a_minute(void **state)
{
	(void)state; /* none */
	static const struct {
		unsigned failures;
		int64_t want;
	} rows[] = {{0, 1}, {1, 1}, {2, 2}, {3, 4}, {4, 8}, {5, 16}, {6, 32},
	    {7, 60}, {8, 60}, {63, 60}, {64, 60}, {UINT32_MAX, 60}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(backoff_limit_s(rows[i].failures),
		    rows[i].want);
}

static void
test_backoff_wait_is_at_least_a_second_and_within_its_limit(void **state)
{
	(void)state; /* none */

	for (unsigned round = 0; round < 1000; round++) {
		unsigned failures = round % 12;
		int64_t s = backoff_s(failures);
		assert_in_range(s, 1, backoff_limit_s(failures));
	}
}

static void
test_backoff_waits_differ_between_theatres(void **state)
{
	(void)state; /* none */
	int64_t first = backoff_s(10);
	unsigned same = 0;

	for (unsigned i = 0; i < 100; i++)
		same += backoff_s(10) == first;

	assert_true(same < 50); /* one in sixty is what chance gives */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_backoff_limit_doubles_up_to_a_minute),
	    cmocka_unit_test(
		test_backoff_wait_is_at_least_a_second_and_within_its_limit),
	    cmocka_unit_test(test_backoff_waits_differ_between_theatres),
	};
	return cmocka_run_group_tests_name("backoff", tests, NULL, NULL);
}
