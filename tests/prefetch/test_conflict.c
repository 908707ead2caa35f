/* SPDX-License-Identifier: MIT */
/* Two versions of one object: neither is shown, the archive's present one is
 * fetched again, and who keeps sending two is not believed. */
#include "base/stats.h"

#include "intake_fixture.h"

static void
test_conflict_present_bytes_of_the_archive_count_after_it(void **state)
{
	struct fixture *f = *state;
	struct object now = good;
	struct store_map m;
	now.pixel = 'q';
	(void)will_send(f, EXPLICIT, &good);
	(void)will_send(f, EXPLICIT, &now); /* both go */
	(void)will_send(f, EXPLICIT, &now); /* asked for again */

	play(f);

	struct rows r = rows_of(f);
	assert_int_equal(f->peer.statuses[1], DIMSE_UNABLE);
	assert_int_equal(f->peer.statuses[2], DIMSE_SUCCESS);
	assert_int_equal(r.n, 1);
	assert_int_equal(files(f), 1);
	assert_int_equal(store_map(f->st, &r.o, true, &m, &f->e), 0);
	assert_memory_equal(m.p, f->sets[2].p, f->sets[2].len);
	store_unmap(&m);
	assert_true(f->lines[0].here);
	assert_int_equal(atomic_load(&f->k.n_here), 1);
}

static void
test_conflict_same_bytes_again_are_none(void **state)
{
	struct fixture *f = *state;
	(void)will_send(f, EXPLICIT, &good);
	(void)will_send(f, EXPLICIT, &good);

	play(f);

	assert_int_equal(f->peer.statuses[1], DIMSE_SUCCESS);
	assert_int_equal(rows_of(f).n, 1);
	assert_int_equal(atomic_load(&f->k.n_conflicts), 0);
}

static void
test_conflict_is_counted_and_said(void **state)
{
	struct fixture *f = *state;
	struct object o = good;
	char reason[BOARD_REASON_SIZE] = "as it was";
	int64_t before = stats_get(STAT_OBJECTS_CONFLICT);
	conflict_say(&f->k, reason, sizeof(reason));
	assert_string_equal(reason, "as it was");
	o.pixel = 'q';
	(void)will_send(f, EXPLICIT, &good);
	(void)will_send(f, EXPLICIT, &o);

	play(f);

	conflict_say(&f->k, reason, sizeof(reason));
	assert_string_equal(reason, "the archive sent another version of 1 "
	    "object than was here: neither is shown, fetched again");
	assert_int_equal(stats_get(STAT_OBJECTS_CONFLICT), before + 1);
}

static void
test_conflict_twice_in_a_row_holds_the_study(void **state)
{
	struct fixture *f = *state;
	struct board_study s = {.state = STUDY_FETCHING};
	atomic_store(&f->k.n_conflicts, 2);

	assert_false(conflict_holds(&s, &f->k, false));
	assert_false(conflict_holds(&s, &f->k, true)); /* it settled */
	assert_false(conflict_holds(&s, &f->k, false));
	assert_int_equal(s.state, STUDY_FETCHING);
	assert_true(conflict_holds(&s, &f->k, false));

	assert_int_equal(s.state, STUDY_HELD);
	assert_non_null(strstr(s.reason, "two versions of 2 objects"));
	s.state = STUDY_QUEUED; /* the archive was asked again */
	assert_true(conflict_holds(&s, &f->k, false));
	atomic_store(&f->k.n_conflicts, 0);
	assert_false(conflict_holds(&s, &f->k, false));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_conflict_present_bytes_of_the_archive_count_after_it),
	    TEST(test_conflict_same_bytes_again_are_none),
	    TEST(test_conflict_is_counted_and_said),
	    TEST(test_conflict_twice_in_a_row_holds_the_study),
	};
	return cmocka_run_group_tests(tests, start_all, NULL);
}
