/* SPDX-License-Identifier: MIT */
/* Many agents that wake together do not begin together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "prefetch/prefetch_priv.h"

#define NOW INT64_C(1795000000)
#define AGENTS 20

static void
test_gap_agents_that_wake_together_begin_at_different_times(void **state)
{
	int64_t first = INT64_MAX;
	int64_t last = 0;
	(void)state;

	for (unsigned i = 0; i < AGENTS; i++) {
		struct prefetch *p = mem_new(struct prefetch);
		p->c.spread_s = 600;
		gap_spread(p);
		int64_t from = gap_bulk_from_utc(p, NOW);
		from = from == 0 ? NOW : from; /* at once */
		first = from < first ? from : first;
		last = from > last ? from : last;
		mem_free(p);
	}

	assert_true(first >= NOW);
	assert_true(last <= NOW + 600);
	/* all within a tenth of it: once in 10^17 runs */
	assert_true(last - first > 60);
}

static void
test_gap_without_a_spread_bulk_begins_at_once(void **state)
{
	struct prefetch *p = mem_new(struct prefetch);
	(void)state;
	gap_spread(p);
	assert_int_equal(gap_bulk_from_utc(p, NOW), 0);
	mem_free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
	        test_gap_agents_that_wake_together_begin_at_different_times),
	    cmocka_unit_test(test_gap_without_a_spread_bulk_begins_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
