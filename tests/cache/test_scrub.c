/* SPDX-License-Identifier: MIT */
/* The scrub: what it finds, when it does nothing, where it goes on. */
#include "base/stats.h"
#include "cache_fixture.h"

static struct store_object objects[5];

/* Five ready studies, and a cache that reads them as fast as it can. */
static void
open_five(struct fixture *f)
{
	static const char *const uids[] = {"1.1", "1.2", "1.3", "1.4", "1.5"};
	for (unsigned i = 0; i < 5; i++)
		objects[i] = put_study(f, uids[i], KIB, i + 1);
	f->conf.scrub = UINT64_C(1) << 40;
	assert_true(start(f));
	f->c->scrub_begun = true; /* at the first, not anywhere */
}

/* Until a pass is over, or nothing goes on. */
static int64_t
scrub(struct fixture *f)
{
	int64_t before = stats_get(STAT_OBJECTS_SCRUBBED);
	cache_scrub_look(f->c);
	while (f->c->scrubbing != NULL)
		loop_poll(f->loop);
	return stats_get(STAT_OBJECTS_SCRUBBED) - before;
}

static void
test_scrub_reads_each_ready_study_once_a_day(void **state)
{
	struct fixture *f = *state;
	open_five(f);
	board_study(f->board, "1.3")->state = STUDY_INCOMPLETE;

	assert_int_equal(scrub(f), 4);
	assert_int_equal(scrub(f), 0);
	f->now_s += 23 * 3600;
	assert_int_equal(scrub(f), 0);
	f->now_s += 3600;
	assert_int_equal(scrub(f), 4);
	assert_int_equal(f->missing, 0);
}

static void
test_scrub_withdraws_what_is_broken_and_has_it_fetched(void **state)
{
	struct fixture *f = *state;
	open_five(f);
	damage(f, &objects[1]);

	assert_int_equal(scrub(f), 5);

	settle(f);
	assert_int_equal(board_study(f->board, "1.2")->state,
	    STUDY_INCOMPLETE);
	assert_int_equal(board_study(f->board, "1.1")->state, STUDY_READY);
	assert_true(f->missing > 0);
	assert_int_equal(files(f), 4);
}

static void
test_scrub_waits_while_there_is_something_to_do(void **state)
{
	struct fixture *f = *state;
	open_five(f);

	stats_add(STAT_TRANSFERS_NOW, 1);
	assert_int_equal(scrub(f), 0);
	stats_add(STAT_TRANSFERS_NOW, -1);
	cache_hold(f->c, "1.1");
	assert_int_equal(scrub(f), 0);
	cache_release(f->c, "1.1");
	assert_int_equal(cache_verify(f->c, f->text, 400), 202);
	assert_int_equal(scrub(f), 0);
	while (f->c->verifying)
		loop_poll(f->loop);
	assert_int_equal(scrub(f), 5);
}

static void
test_scrub_that_was_stopped_goes_on_with_the_same_study(void **state)
{
	struct fixture *f = *state;
	open_five(f);
	f->conf.scrub = 1;
	f->c->conf.scrub = 1; /* a byte a second: it is at the first one */

	cache_scrub_look(f->c);
	assert_non_null(f->c->scrubbing);
	stats_add(STAT_TRANSFERS_NOW, 1);
	cache_scrub_look(f->c);
	while (f->c->scrubbing != NULL)
		loop_poll(f->loop);
	stats_add(STAT_TRANSFERS_NOW, -1);

	assert_string_equal(f->c->scrub_after, "");
	f->c->conf.scrub = UINT64_C(1) << 40;
	assert_int_equal(scrub(f), 5);
}

static void
test_scrub_that_is_off_does_nothing(void **state)
{
	struct fixture *f = *state;
	open_five(f);
	f->c->conf.scrub = 0;
	assert_int_equal(scrub(f), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_scrub_reads_each_ready_study_once_a_day),
	    TEST(test_scrub_withdraws_what_is_broken_and_has_it_fetched),
	    TEST(test_scrub_waits_while_there_is_something_to_do),
	    TEST(test_scrub_that_was_stopped_goes_on_with_the_same_study),
	    TEST(test_scrub_that_is_off_does_nothing),
	};
	return cmocka_run_group_tests_name("cache/scrub", tests, NULL, NULL);
}
