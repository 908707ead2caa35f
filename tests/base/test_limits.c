/* SPDX-License-Identifier: MIT */
/* Tests of base/limits: the table agrees with itself, and can be set. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include "base/limits.h"

static void
test_limits_defaults_lie_within_their_bounds(void **state)
{
	static const struct {
		const char *key;
		int64_t value, least, most;
	} rows[] = {
#define ROW(a, section, key, kind, value, text, least, most, ...) \
	{#key, value, least, most},
	    LIMIT_ROWS(ROW, )
#undef ROW
	};
	(void)state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].value < rows[i].least ||
		    rows[i].value > rows[i].most)
			fail_msg("%s: the default is out of bounds",
			    rows[i].key);
	assert_int_equal(limits()->local_places, 8);
	assert_int_equal(limits()->first_byte, 5);
}

static void
test_limits_set_holds_until_the_defaults_are_back(void **state)
{
	struct limit_values l = *limits();
	(void)state;
	l.nesting = 9;

	limits_set(&l);
	assert_int_equal(limits()->nesting, 9);

	limits_set(NULL);
	assert_int_equal(limits()->nesting, 64);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_limits_defaults_lie_within_their_bounds),
	    cmocka_unit_test(
		test_limits_set_holds_until_the_defaults_are_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
