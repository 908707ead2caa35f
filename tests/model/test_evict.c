/* SPDX-License-Identifier: MIT */
/* Tests of the order in which studies go when room is needed. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "model/evict.h"

#define MANY 20000

struct fixture {
	struct board *board;
	char text[400];
};

static int
setup(void **state)
{
	struct fixture *f = mem_new(struct fixture);
	f->board = board_new();
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	board_free(&f->board);
	mem_free(f);
	return 0;
}

/* A study that may go, used as the ${used}th. */
static struct board_study *
a_study(struct fixture *f, const char *uid, uint64_t used)
{
	struct board_study *s = board_add_study(f->board, uid);
	s->state = STUDY_READY;
	s->bytes = 1000;
	s->instances = 1;
	s->used = used;
	return s;
}

static void
a_pin(struct fixture *f, const char *uid, uint64_t used, int64_t deadline_utc)
{
	struct board_study *s = a_study(f, uid, used);
	s->n_cases = 1;
	s->deadline_utc = deadline_utc;
}

static bool
is_named(void *ctx, const char *uid)
{
	return str_eq(ctx, uid);
}

/* Who goes, as "1.2 1.3 ...", the first to go first. */
static const char *
order(struct fixture *f, const struct evict_ask *ask)
{
	struct board_study **list;
	unsigned n = evict_list(f->board, ask, &list);
	f->text[0] = '\0';
	for (unsigned i = 0; i < n; i++) {
		size_t at = strlen(f->text);
		(void)snprintf(f->text + at, sizeof(f->text) - at, "%s%s",
		    i == 0 ? "" : " ", list[i]->uid);
	}
	mem_free(list);
	return f->text;
}

static const struct evict_ask anybody = {.who = EVICT_FOR_ANY};

static void
test_evict_nothing_there_gives_nothing(void **state)
{
	struct fixture *f = *state;
	const struct evict_ask for_case = {.who = EVICT_FOR_CASE};

	assert_string_equal(order(f, &anybody), "");
	assert_string_equal(order(f, &for_case), "");
}

static void
test_evict_least_recently_used_goes_first(void **state)
{
	struct fixture *f = *state;
	(void)a_study(f, "1.1", 7); /* on the board now */
	(void)a_study(f, "1.2", 3); /* too */
	(void)a_study(f, "1.3", 9); /* too */

	assert_string_equal(order(f, &anybody), "1.2 1.1 1.3");
}

/* K03: a clock that was wrong for a while does not decide */
static void
test_evict_sequence_of_use_counts_and_not_the_clock(void **state)
{
	struct fixture *f = *state;
	a_study(f, "1.1", 1)->last_used_utc = 4000000000;
	a_study(f, "1.2", 2)->last_used_utc = 0;
	a_study(f, "1.3", 0)->last_used_utc = 500; /* no sequence: as old */
	a_study(f, "1.4", 0)->last_used_utc = 400;

	assert_string_equal(order(f, &anybody), "1.4 1.3 1.1 1.2");
}

static void
test_evict_what_somebody_holds_stays(void **state)
{
	struct fixture *f = *state;
	const struct evict_ask for_case = {.who = EVICT_FOR_CASE};
	a_study(f, "1.2", 2)->kept = true;
	a_study(f, "1.3", 3)->state = STUDY_FETCHING;
	a_study(f, "1.4", 4)->bytes = 0;
	a_study(f, "1.5", 5)->checking = true;

	assert_string_equal(order(f, &for_case), "");
	(void)a_study(f, "1.6", 6); /* on the board now */
	assert_string_equal(order(f, &for_case), "1.6");
}

static void
test_evict_study_being_served_is_skipped(void **state)
{
	struct fixture *f = *state;
	char served[] = "1.1";
	const struct evict_ask ask = {.in_use = is_named, .ctx = served};
	(void)a_study(f, "1.1", 1); /* on the board now */
	(void)a_study(f, "1.2", 2); /* too */

	assert_string_equal(order(f, &ask), "1.2");
}

static void
test_evict_furthest_case_gives_way_after_what_no_case_needs(void **state)
{
	struct fixture *f = *state;
	struct evict_ask ask = {.who = EVICT_FOR_CASE, .before_utc = 100};
	a_pin(f, "1.0", 1, 100);
	a_pin(f, "1.1", 1, 900);
	a_pin(f, "1.2", 1, 500);
	(void)a_study(f, "1.3", 99); /* used last, but no case needs it */

	assert_string_equal(order(f, &ask), "1.3 1.1 1.2");
	ask.before_utc = 900;
	assert_string_equal(order(f, &ask), "1.3");
	assert_string_equal(order(f, &anybody), "1.3");
}

static void
test_evict_what_has_no_room_goes_before_the_other_pins(void **state)
{
	struct fixture *f = *state;
	struct evict_ask ask = {.who = EVICT_FOR_CASE, .before_utc = 300};
	a_pin(f, "1.1", 1, 900);
	a_pin(f, "1.2", 1, 200); /* sooner, but it will never be whole */
	board_study(f->board, "1.2")->no_room = true;

	assert_string_equal(order(f, &ask), "1.2 1.1");
	assert_string_equal(order(f, &anybody), "");
	ask.before_utc = 200; /* of the same case */
	assert_string_equal(order(f, &ask), "1.2 1.1");
	board_study(f->board, "1.2")->state = STUDY_FETCHING; /* for itself */
	assert_string_equal(order(f, &ask), "1.1");
}

static int64_t
now_us(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t); /* it is there */
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void
test_evict_twenty_thousand_studies_take_no_time(void **state)
{
	struct fixture *f = *state;
	struct board_study **list;
	int64_t best = INT64_MAX;
	for (unsigned i = 0; i < MANY; i++) {
		char uid[UID_SIZE];
		(void)snprintf(uid, sizeof(uid), "1.2.%u", i + 10000);
		(void)a_study(f, uid, i * 7919u % MANY); /* on the board */
	}

	for (int round = 0; round < 5; round++) { /* the best: others run */
		int64_t from = now_us();
		unsigned n = evict_list(f->board, &anybody, &list);
		int64_t took = now_us() - from;
		assert_int_equal(n, MANY);
		assert_int_equal(list[0]->used, 0);
		assert_int_equal(list[MANY - 1]->used, MANY - 1);
		mem_free(list);
		best = took < best ? took : best;
	}

	print_message("%d studies in order: %lld us\n", MANY,
	    (long long)best);
	assert_true(best < 200000); /* 10 ms, and twenty times a sanitizer */
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_evict_nothing_there_gives_nothing),
	    TEST(test_evict_least_recently_used_goes_first),
	    TEST(test_evict_sequence_of_use_counts_and_not_the_clock),
	    TEST(test_evict_what_somebody_holds_stays),
	    TEST(test_evict_study_being_served_is_skipped),
	    TEST(test_evict_furthest_case_gives_way_after_what_no_case_needs),
	    TEST(test_evict_what_has_no_room_goes_before_the_other_pins),
	    TEST(test_evict_twenty_thousand_studies_take_no_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
