/* SPDX-License-Identifier: MIT */
/* Tests of what goes when room is needed. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include "base/str.h"
#include "model/evict.h"

static int
setup(void **state)
{
	*state = board_new();
	return 0;
}

static int
teardown(void **state)
{
	struct board *b = *state;
	board_free(&b);
	return 0;
}

/* A study that may go, used at . */
static struct board_study *
a_study(struct board *b, const char *uid, uint64_t used)
{
	struct board_study *s = board_add_study(b, uid);
	s->state = STUDY_READY;
	s->bytes = 1000;
	s->instances = 1;
	s->used = used;
	return s;
}

static bool
is_named(void *ctx, const char *uid)
{
	return str_eq(ctx, uid);
}

static const char *
victim(const struct board *b)
{
	const struct board_study *s = evict_victim(b, NULL, NULL);
	return s == NULL ? "none" : s->uid;
}

static void
test_evict_nothing_there_gives_nothing(void **state)
{
	struct board *b = *state;

	assert_null(evict_victim(b, NULL, NULL));
	assert_null(evict_furthest(b, 0, NULL, NULL));
}

static void
test_evict_least_recently_used_goes(void **state)
{
	struct board *b = *state;
	(void)a_study(b, "1.1", 7); /* on the board now */
	(void)a_study(b, "1.2", 3); /* too */
	(void)a_study(b, "1.3", 9); /* too */

	assert_string_equal(victim(b), "1.2");
}

static void
test_evict_equal_use_is_decided_by_the_clock(void **state)
{
	struct board *b = *state;
	a_study(b, "1.1", 0)->last_used_utc = 500;
	a_study(b, "1.2", 0)->last_used_utc = 400;

	assert_string_equal(victim(b), "1.2");
}

static void
test_evict_what_somebody_holds_stays(void **state)
{
	struct board *b = *state;
	a_study(b, "1.1", 1)->n_cases = 1;
	a_study(b, "1.2", 2)->kept = true;
	a_study(b, "1.3", 3)->state = STUDY_FETCHING;
	a_study(b, "1.4", 4)->bytes = 0;
	assert_string_equal(victim(b), "none");

	(void)a_study(b, "1.5", 5); /* on the board now */

	assert_string_equal(victim(b), "1.5");
}

static void
test_evict_study_being_served_is_skipped(void **state)
{
	struct board *b = *state;
	char served[] = "1.1";
	(void)a_study(b, "1.1", 1); /* on the board now */
	(void)a_study(b, "1.2", 2); /* too */

	const struct board_study *s = evict_victim(b, is_named, served);

	assert_string_equal(s->uid, "1.2");
}

static void
test_evict_furthest_case_gives_way(void **state)
{
	struct board *b = *state;
	const struct {
		const char *uid;
		int64_t deadline;
	} rows[] = {{"1.0", 100}, {"1.1", 900}, {"1.2", 500}};
	for (int i = 0; i < 3; i++) {
		struct board_study *pinned = a_study(b, rows[i].uid, 1);
		pinned->n_cases = 1;
		pinned->deadline_utc = rows[i].deadline;
	}
	char served[] = "1.1";

	const struct board_study *s = evict_furthest(b, 100, NULL, NULL);
	assert_string_equal(s->uid, "1.1");
	s = evict_furthest(b, 100, is_named, served);
	assert_string_equal(s->uid, "1.2");
	assert_null(evict_furthest(b, 900, NULL, NULL));
}

static void
test_evict_furthest_never_takes_what_a_person_keeps(void **state)
{
	struct board *b = *state;
	struct board_study *s = a_study(b, "1.1", 1);
	s->n_cases = 1;
	s->deadline_utc = 900;
	s->kept = true;
	(void)a_study(b, "1.2", 1); /* no case: not a matter of pins */

	assert_null(evict_furthest(b, 100, NULL, NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		test_evict_nothing_there_gives_nothing, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_evict_least_recently_used_goes, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_evict_equal_use_is_decided_by_the_clock, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_evict_what_somebody_holds_stays, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_evict_study_being_served_is_skipped, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_evict_furthest_case_gives_way, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_evict_furthest_never_takes_what_a_person_keeps, setup,
		teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
