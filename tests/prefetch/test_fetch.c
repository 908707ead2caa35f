/* SPDX-License-Identifier: MIT */
/* Retrievals from one archive and from two; looking again at a ready study. */
#include "base/stats.h"

#include "house_fixture.h"

#define FROM_A UINT64_C(1)
#define FROM_BOTH UINT64_C(3)

static bool
on_study_row(void *ctx, const struct index_row *row) /* index_row_fn */
{
	*(unsigned *)ctx += row->ready ? row->expected : 0;
	return true;
}

/* The instances of the study when it is ready in the index, else 0. */
static unsigned
ready_in_index(struct house *h)
{
	const char *uid = STUDY;
	unsigned n = 0;
	struct index_select sel = {.level = INDEX_STUDY, .study_uids = &uid,
	    .n_study_uids = 1};
	assert_int_equal(index_flush(h->ix, &h->e), 0);
	struct index_reader *r = index_reader_open(h->ix, &h->e);
	assert_non_null(r);
	assert_int_equal(index_select(r, &sel, on_study_row, &n, &h->e), 0);
	index_reader_close(&r);
	return n;
}

/* Retrieve the study, or look again when it is ready, to the end. */
static struct board_study *
fetch(struct house *h, uint64_t archives)
{
	struct board_study *s = board_add_study(h->board, STUDY);
	s->archives = archives;
	s->kept = true; /* stays on the board */
	s->next_try_utc = 0;
	prefetch_begin(h->p, s, 0);
	h->wants_idle = true;
	loop_run(h->loop);
	h->wants_idle = false;
	return board_study(h->board, STUDY);
}

static void
open_house(struct house *h, unsigned n_archives)
{
	house_open(h, n_archives);
	house_until(h, ARCHIVE_UP);
}

static void
test_fetch_ready_study_that_is_the_same_is_not_touched(void **state)
{
	struct house *h = *state;
	open_house(h, 1);
	(void)fetch(h, FROM_A);

	const struct board_study *s = fetch(h, FROM_A);

	assert_int_equal(s->state, STUDY_READY);
	assert_int_equal(s->instances, ARCHIVE_OBJECTS);
	assert_string_equal(s->reason, "");
	assert_int_equal(archive_count(&h->archives[0], true), 1);
	assert_int_equal(h->arrived, 1);
	assert_int_equal(ready_in_index(h), ARCHIVE_OBJECTS);
}

static void
test_fetch_ready_study_gets_what_is_new_and_nothing_else(void **state)
{
	struct house *h = *state;
	atomic_store(&h->archives[0].hides, 1u << 5);
	open_house(h, 1);
	assert_int_equal(fetch(h, FROM_A)->instances, ARCHIVE_OBJECTS - 1);
	int64_t stored = stats_get(STAT_OBJECTS_STORED);
	atomic_store(&h->archives[0].hides, 0);

	const struct board_study *s = fetch(h, FROM_A);

	assert_int_equal(s->state, STUDY_READY);
	assert_int_equal(s->instances, ARCHIVE_OBJECTS);
	assert_int_equal(stats_get(STAT_OBJECTS_STORED), stored + 1);
	assert_int_equal(h->arrived, 2);
	assert_int_equal(ready_in_index(h), ARCHIVE_OBJECTS);
}

static void
test_fetch_ready_study_loses_what_was_deleted(void **state)
{
	struct house *h = *state;
	open_house(h, 1);
	(void)fetch(h, FROM_A);
	atomic_store(&h->archives[0].hides, 1u << 2);

	const struct board_study *s = fetch(h, FROM_A);
	/* one of so few, and it does not count them: perhaps a fault */
	assert_int_equal(s->state, STUDY_READY);
	assert_int_equal(s->instances, ARCHIVE_OBJECTS);
	assert_true(s->next_try_utc > clock_utc_s());
	s = fetch(h, FROM_A);

	assert_int_equal(s->state, STUDY_READY);
	assert_int_equal(s->instances, ARCHIVE_OBJECTS - 1);
	assert_int_equal(archive_count(&h->archives[0], true), 1);
	assert_int_equal(ready_in_index(h), ARCHIVE_OBJECTS - 1);
}

static void
test_fetch_ready_study_stays_so_when_nobody_can_be_asked(void **state)
{
	struct house *h = *state;
	open_house(h, 1);
	(void)fetch(h, FROM_A);
	archive_end(&h->archives[0]);

	const struct board_study *s = fetch(h, FROM_A);

	assert_int_equal(s->state, STUDY_READY);
	assert_int_equal(s->instances, ARCHIVE_OBJECTS);
	assert_true(s->next_try_utc > 0);
	assert_int_equal(ready_in_index(h), ARCHIVE_OBJECTS);
	assert_int_equal(prefetch_health(h->p, 0)->state, ARCHIVE_DOWN);
}

static void
test_fetch_takes_from_the_second_what_the_first_does_not_list(void **state)
{
	struct house *h = *state;
	atomic_store(&h->archives[0].hides, 3u << 4);
	atomic_store(&h->archives[1].hides, 1u);
	open_house(h, 2);
	int64_t stored = stats_get(STAT_OBJECTS_STORED);

	const struct board_study *s = fetch(h, FROM_BOTH);

	assert_int_equal(s->state, STUDY_READY);
	assert_int_equal(s->instances, ARCHIVE_OBJECTS);
	assert_int_equal(stats_get(STAT_OBJECTS_STORED),
	    stored + ARCHIVE_OBJECTS); /* none of them twice */
	assert_int_equal(ready_in_index(h), ARCHIVE_OBJECTS);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(h->p->busy[i], 0);
}

static void
test_fetch_takes_from_the_second_what_the_first_does_not_send(void **state)
{
	struct house *h = *state;
	open_house(h, 2);
	archive_allow(&h->archives[0], ARCHIVE_OBJECTS, 2);

	const struct board_study *s = fetch(h, FROM_BOTH);

	assert_int_equal(s->state, STUDY_READY);
	assert_int_equal(s->instances, ARCHIVE_OBJECTS);
	assert_int_equal(archive_count(&h->archives[1], true), 2);
}

static void
test_fetch_without_the_first_takes_all_from_the_second(void **state)
{
	struct house *h = *state;
	open_house(h, 2);
	archive_end(&h->archives[0]);

	/* it may have more */
	struct board_study *s = fetch(h, FROM_BOTH);
	assert_int_equal(s->state, STUDY_INCOMPLETE);
	assert_int_equal(s->instances, ARCHIVE_OBJECTS);
	assert_int_equal(ready_in_index(h), 0);
	s->listed = ARCHIVE_OBJECTS; /* as the archives have counted */
	s->expected = 0;
	s = fetch(h, FROM_BOTH);

	assert_int_equal(s->state, STUDY_READY);
	assert_int_equal(s->instances, ARCHIVE_OBJECTS);
	assert_int_equal(prefetch_health(h->p, 0)->state, ARCHIVE_DOWN);
	assert_int_equal(prefetch_health(h->p, 1)->state, ARCHIVE_UP);
}

static void
test_fetch_half_of_it_is_not_ready_while_the_first_is_down(void **state)
{
	struct house *h = *state;
	atomic_store(&h->archives[1].hides, 3u << 4);
	open_house(h, 2);
	archive_end(&h->archives[0]);
	board_add_study(h->board, STUDY)->listed = ARCHIVE_OBJECTS;

	const struct board_study *s = fetch(h, FROM_BOTH);

	assert_int_equal(s->state, STUDY_INCOMPLETE);
	assert_int_equal(s->instances, ARCHIVE_OBJECTS - 2);
	assert_int_equal(s->expected, ARCHIVE_OBJECTS);
	assert_int_equal(ready_in_index(h), 0);
}

static void
test_fetch_archive_that_died_takes_nothing_away(void **state)
{
	struct house *h = *state;
	atomic_store(&h->archives[0].hides, 3u << 4);
	open_house(h, 2);
	(void)fetch(h, FROM_BOTH);
	archive_end(&h->archives[1]);

	const struct board_study *s = fetch(h, FROM_BOTH);

	assert_int_equal(s->state, STUDY_READY);
	assert_int_equal(s->instances, ARCHIVE_OBJECTS);
	assert_int_equal(h->arrived, 1);
	assert_int_equal(ready_in_index(h), ARCHIVE_OBJECTS);
}

static void
test_fetch_study_that_nobody_lists_says_so(void **state)
{
	struct house *h = *state;
	h->archives[0].is_empty = h->archives[1].is_empty = true;
	open_house(h, 2);

	const struct board_study *s = fetch(h, FROM_BOTH);

	assert_int_equal(s->state, STUDY_FAILED);
	assert_non_null(strstr(s->reason, "lists no instance"));
	assert_int_equal(prefetch_health(h->p, 0)->state, ARCHIVE_UP);
}

static void
test_fetch_list_that_was_cut_is_never_a_ready_study(void **state)
{
	/* given an archive that counts nine and lists six */
	struct house *h = *state;
	h->archives[0].tells_counts = true;
	h->archives[0].counts_more = 3;
	open_house(h, 1);

	const struct board_study *s = fetch(h, FROM_A);

	assert_int_equal(s->state, STUDY_INCOMPLETE);
	assert_int_equal(s->instances, ARCHIVE_OBJECTS);
	assert_int_equal(s->expected, ARCHIVE_OBJECTS + 3);
	assert_non_null(strstr(s->reason, "lists 6 of the 9 instances"));
	assert_int_equal(ready_in_index(h), 0);

	/* when it lists all that it counts */
	h->archives[0].counts_more = 0;
	s = fetch(h, FROM_A);
	assert_int_equal(s->state, STUDY_READY);
	assert_int_equal(ready_in_index(h), ARCHIVE_OBJECTS);
}

static void
test_fetch_ready_study_of_which_more_is_counted_is_not_ready(void **state)
{
	struct house *h = *state;
	h->archives[0].tells_counts = true;
	open_house(h, 1);
	assert_int_equal(fetch(h, FROM_A)->state, STUDY_READY);
	h->archives[0].counts_more = 1;

	const struct board_study *s = fetch(h, FROM_A);

	assert_int_equal(s->state, STUDY_INCOMPLETE);
	assert_int_equal(ready_in_index(h), 0);
}

static void
test_fetch_second_archive_lists_what_the_first_only_counts(void **state)
{
	struct house *h = *state;
	h->archives[0].tells_counts = true;
	h->archives[0].counts_more = 2;
	atomic_store(&h->archives[0].hides, 3u << 4);
	open_house(h, 2);

	assert_int_equal(fetch(h, FROM_BOTH)->state, STUDY_READY);
	assert_int_equal(ready_in_index(h), ARCHIVE_OBJECTS);
}

static void
test_fetch_class_of_the_study_spares_that_of_each_instance(void **state)
{
	struct house *h = *state;
	h->archives[0].says_one_class = true;
	open_house(h, 1);

	assert_int_equal(fetch(h, FROM_A)->state, STUDY_READY);
	assert_int_equal(archive_count(&h->archives[0], true), 1);
	assert_int_equal(h->archives[0].asked_classes, 0);
}

static void
test_fetch_class_that_was_guessed_wrong_costs_a_round(void **state)
{
	struct house *h = *state;
	h->archives[0].says_one_class = h->archives[0].guesses_wrong = true;
	open_house(h, 1);

	assert_int_equal(fetch(h, FROM_A)->state, STUDY_READY);
	assert_int_equal(ready_in_index(h), ARCHIVE_OBJECTS);
}

static void
test_fetch_busy_archive_is_up_and_asked_by_fewer(void **state)
{
	struct house *h = *state;
	const struct archive_health *health;
	open_house(h, 1);
	health = prefetch_health(h->p, 0);
	assert_int_equal(health->allowed, 2);

	atomic_store(&h->archives[0].is_busy, true);
	assert_int_equal(fetch(h, FROM_A)->state, STUDY_FAILED);
	assert_int_equal(health->allowed, 1);
	assert_int_equal(health->state, ARCHIVE_UP);
	assert_int_equal(fetch(h, FROM_A)->state, STUDY_FAILED);
	assert_int_equal(health->allowed, 1); /* never none */
	atomic_store(&h->archives[0].refuses, true);
	const struct board_study *s = fetch(h, FROM_A);
	assert_int_equal(s->state, STUDY_FAILED);
	assert_non_null(strstr(s->reason, "local limit exceeded"));
	assert_int_equal(health->state, ARCHIVE_UP);

	atomic_store(&h->archives[0].refuses, false);
	atomic_store(&h->archives[0].is_busy, false);
	assert_int_equal(fetch(h, FROM_A)->state, STUDY_READY);
	assert_int_equal(health->allowed, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    HOUSE(test_fetch_ready_study_that_is_the_same_is_not_touched),
	    HOUSE(test_fetch_ready_study_gets_what_is_new_and_nothing_else),
	    HOUSE(test_fetch_ready_study_loses_what_was_deleted),
	    HOUSE(test_fetch_ready_study_stays_so_when_nobody_can_be_asked),
	    HOUSE(
	        test_fetch_takes_from_the_second_what_the_first_does_not_list),
	    HOUSE(
	        test_fetch_takes_from_the_second_what_the_first_does_not_send),
	    HOUSE(test_fetch_without_the_first_takes_all_from_the_second),
	    HOUSE(test_fetch_half_of_it_is_not_ready_while_the_first_is_down),
	    HOUSE(test_fetch_archive_that_died_takes_nothing_away),
	    HOUSE(test_fetch_study_that_nobody_lists_says_so),
	    HOUSE(test_fetch_list_that_was_cut_is_never_a_ready_study),
	    HOUSE(test_fetch_ready_study_of_which_more_is_counted_is_not_ready),
	    HOUSE(test_fetch_second_archive_lists_what_the_first_only_counts),
	    HOUSE(test_fetch_class_of_the_study_spares_that_of_each_instance),
	    HOUSE(test_fetch_class_that_was_guessed_wrong_costs_a_round),
	    HOUSE(test_fetch_busy_archive_is_up_and_asked_by_fewer),
	};
	return cmocka_run_group_tests(tests, start_all, NULL);
}
