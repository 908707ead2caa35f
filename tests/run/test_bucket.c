/* SPDX-License-Identifier: MIT */
/* Tests of run/bucket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "run/bucket.h"

#define MBIT_80 UINT64_C(10000000) /* bytes/s */
#define BURST_NS (BUCKET_BURST_MS * CLOCK_MS)

static void
test_bucket_without_a_limit_never_waits(void **state)
{
	(void)state; /* none */
	struct bucket *b = bucket_new(0);

	for (int i = 0; i < 100; i++)
		assert_int_equal(bucket_take(b, SIZE_MAX, 0), 0);
	assert_int_equal(bucket_take(NULL, SIZE_MAX, 0), 0);

	bucket_free(&b);
	assert_null(b);
	bucket_free(&b);
}

static void
test_bucket_burst_is_free_and_what_follows_is_not(void **state)
{
	(void)state; /* none */
	struct bucket *b = bucket_new(MBIT_80);

	assert_int_equal(bucket_take(b, MBIT_80 / 10, 5 * CLOCK_S), 0);
	assert_int_equal(bucket_take(b, MBIT_80 / 100, 5 * CLOCK_S),
	    10 * CLOCK_MS);
	assert_int_equal(bucket_take(b, 0, 5 * CLOCK_S + 10 * CLOCK_MS), 0);

	bucket_free(&b);
}

static void
test_bucket_who_comes_meanwhile_waits_for_all_before(void **state)
{
	(void)state; /* none */
	struct bucket *b = bucket_new(1000);

	assert_int_equal(bucket_take(b, 100, 0), 0);
	assert_int_equal(bucket_take(b, 1000, 0), CLOCK_S);
	assert_int_equal(bucket_take(b, 1000, 0), 2 * CLOCK_S);
	assert_int_equal(bucket_take(b, 1000, CLOCK_S), 2 * CLOCK_S);

	bucket_free(&b);
}

static void
test_bucket_unused_time_beyond_the_burst_is_lost(void **state)
{
	(void)state; /* none */
	struct bucket *b = bucket_new(1000);
	assert_int_equal(bucket_take(b, 100, 0), 0);

	int64_t later = 3600 * CLOCK_S;

	assert_int_equal(bucket_take(b, 100, later), 0);
	assert_int_equal(bucket_take(b, 100, later), 100 * CLOCK_MS);
	bucket_free(&b);
}

static void
test_bucket_largest_takes_do_not_overflow(void **state)
{
	(void)state; /* none */
	struct bucket *b = bucket_new(1);

	int64_t before = 0;
	for (int i = 0; i < 10; i++) {
		int64_t wait = bucket_take(b, SIZE_MAX, INT64_C(1) << 60);
		assert_true(wait > 0 && wait >= before);
		before = wait;
	}

	bucket_free(&b);
}

/* Peers that send pieces of any size at any moment: over any few seconds the
 * rate holds within the burst, and who is never idle gets all of it. */
static void
test_bucket_rate_is_true_whatever_the_pieces(void **state)
{
	(void)state; /* none */
	for (unsigned seed = 1; seed <= 1000; seed++) {
		srand(seed);
		uint64_t rate = 1000 + (uint64_t)rand() % 100000000;
		struct bucket *b = bucket_new(rate);
		int64_t now = rand();
		int64_t from = now;
		uint64_t got = 0;
		while (now - from < 4 * CLOCK_S) {
			size_t n = 1 + (size_t)rand() % (rate / 20 + 1);
			int64_t wait = bucket_take(b, n, now);
			got += n;
			now += wait;
			if (wait == 0)
				now += rand() % 1000; /* never long idle */
		}
		double s = (double)(now - from) / (double)CLOCK_S;
		double share = (double)got / ((double)rate * s);
		if (share > 1.05 || share < 0.97)
			fail_msg("seed %u: %.3f of the rate", seed, share);
		bucket_free(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bucket_without_a_limit_never_waits),
		cmocka_unit_test(
		    test_bucket_burst_is_free_and_what_follows_is_not),
		cmocka_unit_test(
		    test_bucket_who_comes_meanwhile_waits_for_all_before),
		cmocka_unit_test(
		    test_bucket_unused_time_beyond_the_burst_is_lost),
		cmocka_unit_test(test_bucket_largest_takes_do_not_overflow),
		cmocka_unit_test(
		    test_bucket_rate_is_true_whatever_the_pieces),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
