/* SPDX-License-Identifier: MIT */
/* Counters: their table, and sums over threads. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/stats.h"
#include "base/str.h"

#define THREADS 4
#define ROUNDS 10000

static enum stat_id
id(int i)
{
	return (enum stat_id)i;
}

static bool
ends_in(const char *s, const char *end)
{
	size_t n = strlen(s);
	size_t m = strlen(end);
	return n > m && str_eq(s + n - m, end);
}

static void
test_stats_every_row_has_its_own_name_and_a_sentence(void **state)
{
	(void)state;
	for (int i = 0; i < STAT_COUNT; i++) {
		const char *name = stats_name(id(i));
		size_t n = strlen(name);
		/* as Prometheus wants it, after "understudy_" */
		assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_"),
		    n);
		assert_true(n > 0 && strlen(stats_text(id(i))) > 10);
		for (int k = 0; k < i; k++)
			assert_string_not_equal(name, stats_name(id(k)));
	}
}

static void
test_stats_gauges_and_only_they_end_in_now(void **state)
{
	(void)state;
	for (int i = 0; i < STAT_COUNT; i++) {
		char kind = stats_kind(id(i));
		assert_true(kind == 'C' || kind == 'G');
		assert_int_equal(kind == 'G',
		    ends_in(stats_name(id(i)), "_now"));
	}
}

static void
test_stats_gauge_goes_down_again(void **state)
{
	int64_t was = stats_get(STAT_TRANSFERS_NOW);
	(void)state;

	stats_add(STAT_TRANSFERS_NOW, 3);
	stats_add(STAT_TRANSFERS_NOW, -2);

	assert_int_equal(stats_get(STAT_TRANSFERS_NOW), was + 1);
	stats_add(STAT_TRANSFERS_NOW, -1);
}

static void *
count_up(void *ctx)
{
	(void)ctx;
	for (int i = 0; i < ROUNDS; i++)
		stats_add(STAT_FINDS, 1);
	return NULL;
}

static void
test_stats_no_count_of_a_thread_is_lost(void **state)
{
	pthread_t t[THREADS];
	int64_t was = stats_get(STAT_FINDS);
	int64_t other = stats_get(STAT_GETS);
	(void)state;

	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, count_up, NULL),
		    0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(t[i], NULL), 0);

	assert_int_equal(stats_get(STAT_FINDS), was + THREADS * ROUNDS);
	assert_int_equal(stats_get(STAT_GETS), other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		test_stats_every_row_has_its_own_name_and_a_sentence),
	    cmocka_unit_test(test_stats_gauges_and_only_they_end_in_now),
	    cmocka_unit_test(test_stats_gauge_goes_down_again),
	    cmocka_unit_test(test_stats_no_count_of_a_thread_is_lost),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
