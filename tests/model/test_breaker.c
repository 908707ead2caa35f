/* SPDX-License-Identifier: MIT */
/* Tests of model/breaker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "model/breaker.h"

#define NOW (1000 * CLOCK_S)

static struct breaker
a_breaker(void)
{
	struct breaker b;
	breaker_init(&b, 4);
	return b;
}

static void
test_breaker_opens_at_once_when_nobody_is_there(void **state)
{
	struct breaker b = a_breaker();
	(void)state;
	assert_true(breaker_may_work(&b));

	assert_true(breaker_fail(&b, BREAKER_GONE, NOW, 0));

	assert_false(breaker_may_work(&b));
	assert_false(breaker_may_bulk(&b, NOW));
	assert_false(breaker_may_probe(&b, NOW));
	assert_true(breaker_may_probe(&b, NOW + CLOCK_S));
	assert_int_equal(breaker_next_ns(&b, NOW), NOW + CLOCK_S);
	/* what was under way fails as well, and says nothing new */
	assert_false(breaker_fail(&b, BREAKER_GONE, NOW, 77777));
	assert_int_equal(breaker_next_ns(&b, NOW), NOW + CLOCK_S);
}

static void
test_breaker_opens_after_three_refusals_in_a_row(void **state)
{
	struct breaker b = a_breaker();
	(void)state;
	assert_false(breaker_fail(&b, BREAKER_REFUSED, NOW, 0));
	assert_false(breaker_fail(&b, BREAKER_REFUSED, NOW, 0));
	assert_false(breaker_answer(&b, true)); /* then they count anew */
	assert_false(breaker_fail(&b, BREAKER_REFUSED, NOW, 0));
	assert_false(breaker_fail(&b, BREAKER_REFUSED, NOW, 0));
	assert_true(breaker_may_work(&b));

	assert_true(breaker_fail(&b, BREAKER_REFUSED, NOW, 0));

	assert_false(breaker_may_work(&b));
}

static void
test_breaker_is_half_open_while_its_probe_is_out(void **state)
{
	struct breaker b = a_breaker();
	(void)state;
	(void)breaker_fail(&b, BREAKER_GONE, NOW, 0);
	breaker_probe(&b);
	assert_int_equal(b.state, BREAKER_HALF_OPEN);
	assert_false(breaker_may_work(&b));
	assert_false(breaker_may_probe(&b, NOW + 3600 * CLOCK_S)); /* one */
	assert_int_equal(breaker_next_ns(&b, NOW), INT64_MAX);

	breaker_unprobe(&b, NOW + 5 * CLOCK_S); /* it was cut */
	assert_true(breaker_may_probe(&b, NOW + 6 * CLOCK_S));
	breaker_probe(&b);
	/* it was not closed, so this is no news */
	assert_false(breaker_fail(&b, BREAKER_GONE, NOW, 0));
	assert_int_equal(b.state, BREAKER_OPEN);
	breaker_probe(&b);
	assert_true(breaker_answer(&b, false));
	assert_true(breaker_may_work(&b));
	breaker_unprobe(&b, NOW); /* nothing to take back */
	assert_true(breaker_may_work(&b));
}

/* A peer that takes every C-ECHO and refuses all work is not asked as often
 * as one that works. */
static void
test_breaker_waits_longer_until_work_is_done(void **state)
{
	static const int64_t most_s[] = {1, 2, 4, 8, 16, 30, 30, 30};
	struct breaker b = a_breaker();
	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		(void)breaker_fail(&b, BREAKER_GONE, NOW, UINT32_MAX);
		int64_t wait = breaker_next_ns(&b, NOW) - NOW;
		assert_in_range(wait, CLOCK_S, most_s[i] * CLOCK_S);
		breaker_probe(&b);
		(void)breaker_answer(&b, false); /* only the C-ECHO */
	}
	assert_int_equal(b.opened, 8);

	(void)breaker_answer(&b, true);

	(void)breaker_fail(&b, BREAKER_GONE, NOW, UINT32_MAX);
	assert_int_equal(breaker_next_ns(&b, NOW), NOW + CLOCK_S);
}

static void
test_breaker_waits_are_spread_over_the_whole_range(void **state)
{
	bool early = false, late = false;
	(void)state;
	for (uint32_t dice = 0; dice < 100000; dice += 97) {
		struct breaker b = a_breaker();
		b.opened = 10;
		(void)breaker_fail(&b, BREAKER_GONE, NOW, dice);
		int64_t wait_s = (breaker_next_ns(&b, NOW) - NOW) / CLOCK_S;
		assert_in_range(wait_s, 1, BREAKER_WAIT_MAX_S);
		early = early || wait_s < 3;
		late = late || wait_s >= BREAKER_WAIT_MAX_S - 2;
	}
	assert_true(early && late);
}

static void
test_breaker_busy_halves_and_grows_and_rests(void **state)
{
	struct breaker b = a_breaker();
	(void)state;
	breaker_busy(&b, NOW, 0);
	assert_int_equal(b.allowed, 2);
	assert_true(breaker_may_work(&b)); /* a viewer is not kept waiting */
	assert_false(breaker_may_bulk(&b, NOW));
	assert_true(breaker_may_bulk(&b, NOW + CLOCK_S));
	assert_int_equal(breaker_next_ns(&b, NOW), NOW + CLOCK_S);
	breaker_busy(&b, NOW, 0); /* of those that were asked together */
	assert_int_equal(b.allowed, 2);
	breaker_busy(&b, NOW + CLOCK_S, 0);
	breaker_busy(&b, NOW + 60 * CLOCK_S, 0);
	assert_int_equal(b.allowed, 1); /* never none */

	for (unsigned i = 0; i < 5; i++)
		breaker_served(&b);

	assert_int_equal(b.allowed, 4);
	assert_int_equal(b.busy, 0);
}

static void
test_breaker_hurries_when_a_person_asks(void **state)
{
	struct breaker b = a_breaker();
	(void)state;
	b.opened = 10;
	(void)breaker_fail(&b, BREAKER_GONE, NOW, 29000);
	assert_false(breaker_may_probe(&b, NOW + CLOCK_S));

	breaker_hurry(&b, NOW + CLOCK_S);

	assert_true(breaker_may_probe(&b, NOW + CLOCK_S));
	b = a_breaker();
	breaker_busy(&b, NOW, 0);
	breaker_hurry(&b, NOW);
	assert_true(breaker_may_bulk(&b, NOW));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_breaker_opens_at_once_when_nobody_is_there),
	    cmocka_unit_test(test_breaker_opens_after_three_refusals_in_a_row),
	    cmocka_unit_test(test_breaker_is_half_open_while_its_probe_is_out),
	    cmocka_unit_test(test_breaker_waits_longer_until_work_is_done),
	    cmocka_unit_test(
		test_breaker_waits_are_spread_over_the_whole_range),
	    cmocka_unit_test(test_breaker_busy_halves_and_grows_and_rests),
	    cmocka_unit_test(test_breaker_hurries_when_a_person_asks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
