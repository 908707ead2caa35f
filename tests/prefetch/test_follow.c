/* SPDX-License-Identifier: MIT */
/* Viewers follow studies that are not ready. */
#include "house_fixture.h"

static void
follow_all(struct house *h)
{
	struct follow *f = prefetch_follow(h->p, STUDY, &h->e);
	h->end = -1;
	if (f != NULL)
		house_take(h, f, GIVEN_MAX);
	prefetch_follow_end(&f);
}

static void
test_follow_study_of_no_case_gives_each_object_once(void **state)
{
	struct house *h = *state;
	house_open(h, 1);
	house_until(h, ARCHIVE_UP);

	house_view(h, follow_all);

	assert_int_equal(h->end, 2);
	assert_int_equal(h->n_listed, ARCHIVE_OBJECTS);
	assert_given(h, 1);
	const struct board_study *s = board_study(h->board, STUDY);
	assert_int_equal(s->state, STUDY_READY);
	assert_int_equal(s->instances, ARCHIVE_OBJECTS);
	assert_string_equal(s->archive, "a");
	assert_string_equal(s->patient_id, "P1");
	assert_int_equal(h->arrived, 1);
	assert_true(h->before_utc == INT64_MAX); /* no case gives way */
}

static void
test_follow_ready_study_is_given_from_the_index(void **state)
{
	struct house *h = *state;
	house_open(h, 1);
	house_until(h, ARCHIVE_UP);
	house_view(h, follow_all);
	unsigned finds = archive_count(&h->archives[0], false);

	house_view(h, follow_all);

	assert_int_equal(h->end, 2);
	assert_given(h, 1);
	assert_int_equal(archive_count(&h->archives[0], true), 1);
	assert_int_equal(archive_count(&h->archives[0], false), finds);
}

/* One begins, another comes when two objects are here. */
static void
follow_late(struct house *h)
{
	struct follow *a = prefetch_follow(h->p, STUDY, &h->e);
	house_take(h, a, 2);
	struct follow *b = prefetch_follow(h->p, STUDY, &h->e);
	archive_allow(&h->archives[0], ARCHIVE_OBJECTS, 0);
	house_take(h, b, GIVEN_MAX);
	house_take(h, a, GIVEN_MAX);
	prefetch_follow_end(&a);
	prefetch_follow_end(&b);
}

static void
test_follow_late_one_shares_the_fetch_and_misses_nothing(void **state)
{
	struct house *h = *state;
	house_open(h, 1);
	house_until(h, ARCHIVE_UP);
	archive_allow(&h->archives[0], 2, 0);

	house_view(h, follow_late);

	assert_int_equal(h->end, 2);
	assert_given(h, 2);
	assert_int_equal(archive_count(&h->archives[0], true), 1);
}

static void
test_follow_archive_that_dies_gives_what_came_then_fails(void **state)
{
	struct house *h = *state;
	house_open(h, 1);
	house_until(h, ARCHIVE_UP);
	archive_allow(&h->archives[0], ARCHIVE_OBJECTS, 2);

	house_view(h, follow_all);

	assert_int_equal(h->end, -1);
	assert_int_equal(h->n_given, 2);
	assert_int_not_equal(h->e.code, ERR_NONE);
	assert_int_equal(board_study(h->board, STUDY)->state,
	    STUDY_INCOMPLETE);
	archive_allow(&h->archives[0], ARCHIVE_OBJECTS, 0);
	house_view(h, follow_all); /* what is here counts */
	assert_int_equal(h->end, 2);
	assert_given(h, 1);
	assert_int_equal(board_study(h->board, STUDY)->state, STUDY_READY);
}

static void
test_follow_interrupted_study_is_not_tried_by_itself(void **state)
{
	struct house *h = *state;
	house_open(h, 1);
	house_until(h, ARCHIVE_UP);
	archive_allow(&h->archives[0], ARCHIVE_OBJECTS, 2);
	house_view(h, follow_all);
	struct board_study *s = board_study(h->board, STUDY);
	s->next_try_utc = 0;

	prefetch_look(h->p);

	assert_int_equal(prefetch_active(h->p), 0);
	assert_int_equal(prefetch_queued(h->p), 0);
	assert_ptr_equal(board_study(h->board, STUDY), s); /* not lost */
	assert_true(prefetch_completes(h->p, STUDY));
}

static void
test_follow_held_study_is_refused(void **state)
{
	struct house *h = *state;
	house_open(h, 1);
	house_until(h, ARCHIVE_UP);
	struct board_study *s = board_add_study(h->board, STUDY);
	s->state = STUDY_HELD;
	s->instances = 1;

	house_view(h, follow_all);

	assert_int_equal(h->end, -1);
	assert_int_equal(h->n_given, 0);
	assert_int_equal(s->state, STUDY_HELD);
	prefetch_look(h->p);
	assert_true(prefetch_withheld(h->p, STUDY));
	assert_false(prefetch_completes(h->p, STUDY));
}

static void
test_follow_object_of_another_patient_cuts_it(void **state)
{
	struct house *h = *state;
	int64_t now = clock_utc_s();
	struct casefile c = {.id = "C1", .room = "TH6", .start_utc = now + 60,
	    .end_utc = now + 600, .patient = {.id = "P1",
	    .name = "OTHER^NAME", .birth_date = "19500101"}};
	house_open(h, 1);
	board_set_cases(h->board, "list", &c, 1, now);
	struct board_case *bc = board_case(h->board, "C1");
	struct board_want *w = mem_new_n(struct board_want, 1);
	(void)str_copy(w->study_uid, UID_SIZE, STUDY); /* short */
	w->kind = WANT_YES;
	bc->asked = ASKED_ANSWERED;
	bc->answered_utc = now;
	board_set_wants(h->board, bc, w, 1);
	house_until(h, ARCHIVE_UP);

	house_view(h, follow_all);

	assert_int_equal(h->end, -1);
	assert_int_equal(h->n_given, 0);
	while (prefetch_active(h->p) > 0)
		loop_poll(h->loop);
	assert_int_equal(board_study(h->board, STUDY)->state, STUDY_HELD);
	house_view(h, follow_all); /* and stays so */
	assert_int_equal(h->end, -1);
}

static void
test_follow_without_room_is_refused_and_leaves_no_trace(void **state)
{
	struct house *h = *state;
	house_open(h, 1);
	house_until(h, ARCHIVE_UP);
	h->no_room = true;

	house_view(h, follow_all);

	assert_int_equal(h->end, -1);
	assert_int_equal(h->e.code, ERR_FULL);
	assert_non_null(strstr(h->e.msg, "no room that no case needs"));
	assert_null(board_study(h->board, STUDY));
}

static void
test_follow_goes_on_when_room_was_made_meanwhile(void **state)
{
	struct house *h = *state;
	house_open(h, 1);
	house_until(h, ARCHIVE_UP);
	store_set_quota(h->st, 6000, 0); /* two objects of 2,000 bytes */

	house_view(h, follow_all);

	assert_int_equal(h->end, 2);
	assert_given(h, 1);
	assert_true(h->asked_room > 1);
}

static void
test_follow_without_an_archive_fails_at_once(void **state)
{
	struct house *h = *state;
	house_open(h, 1);
	archive_end(&h->archives[0]);
	house_until(h, ARCHIVE_DOWN);

	house_view(h, follow_all);

	assert_int_equal(h->end, -1);
	assert_true(h->took_ns < CLOCK_S);
	assert_false(prefetch_completes(h->p, STUDY));
}

static void
test_follow_asks_the_next_archive_when_the_first_has_nothing(void **state)
{
	struct house *h = *state;
	h->archives[0].is_empty = true;
	house_open(h, 2);
	house_until(h, ARCHIVE_UP);

	house_view(h, follow_all);

	assert_int_equal(h->end, 2);
	assert_given(h, 1);
	assert_string_equal(board_study(h->board, STUDY)->archive, "b");
	assert_int_equal(archive_count(&h->archives[0], true), 0);
}

/* Two objects, then nothing: until somebody halts it all. */
static void
follow_until_halted(struct house *h)
{
	struct follow *f = prefetch_follow(h->p, STUDY, &h->e);
	house_take(h, f, 2);
	loop_stop(h->loop);
	house_take(h, f, GIVEN_MAX);
	prefetch_follow_end(&f);
	f = prefetch_follow(h->p, STUDY, &h->e);
	if (f != NULL)
		h->end = 0;
}

static void
test_follow_study_that_nobody_has_fails_and_leaves_no_trace(void **state)
{
	struct house *h = *state;
	h->archives[0].is_empty = h->archives[1].is_empty = true;
	house_open(h, 2);
	house_until(h, ARCHIVE_UP);

	house_view(h, follow_all);

	assert_int_equal(h->end, -1);
	assert_int_equal(h->n_given, 0);
	prefetch_look(h->p);
	assert_null(board_study(h->board, STUDY));
	assert_true(house_is(h, ARCHIVE_UP)); /* they answered */
}

static void
test_follow_halt_wakes_who_waits(void **state)
{
	struct house *h = *state;
	pthread_t thread;
	house_open(h, 1);
	house_until(h, ARCHIVE_UP);
	archive_allow(&h->archives[0], 2, 0);
	h->view = follow_until_halted;

	assert_int_equal(pthread_create(&thread, NULL, house_viewer, h), 0);
	loop_run(h->loop);
	prefetch_halt(h->p);
	assert_int_equal(pthread_join(thread, NULL), 0);

	assert_int_equal(h->end, -1);
	assert_int_equal(h->e.code, ERR_CANCELLED);
	assert_int_equal(h->n_given, 2);
}

static void
test_follow_of_text_that_is_no_uid_is_refused(void **state)
{
	struct house *h = *state;
	house_open(h, 1);

	struct follow *f = prefetch_follow(h->p, "../x", &h->e);

	assert_null(f);
	assert_int_equal(h->e.code, ERR_INVAL);
}

static void
test_follow_leaves_a_place_that_bulk_work_does_not_take(void **state)
{
	struct house *h = *state;
	house_open(h, 1);

	h->p->busy[0] = 1;

	assert_false(prefetch_has_place(h->p, 0, true));
	assert_true(prefetch_has_place(h->p, 0, false));
	h->p->busy[0] = 2;
	assert_false(prefetch_has_place(h->p, 0, false));
	h->p->busy[0] = 0;
	h->p->c.archives[0].associations = 1; /* the only one is for all */
	assert_true(prefetch_has_place(h->p, 0, true));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    HOUSE(test_follow_study_of_no_case_gives_each_object_once),
	    HOUSE(test_follow_ready_study_is_given_from_the_index),
	    HOUSE(test_follow_late_one_shares_the_fetch_and_misses_nothing),
	    HOUSE(test_follow_archive_that_dies_gives_what_came_then_fails),
	    HOUSE(test_follow_interrupted_study_is_not_tried_by_itself),
	    HOUSE(test_follow_held_study_is_refused),
	    HOUSE(test_follow_object_of_another_patient_cuts_it),
	    HOUSE(test_follow_without_room_is_refused_and_leaves_no_trace),
	    HOUSE(test_follow_goes_on_when_room_was_made_meanwhile),
	    HOUSE(test_follow_without_an_archive_fails_at_once),
	    HOUSE(
	        test_follow_asks_the_next_archive_when_the_first_has_nothing),
	    HOUSE(
	        test_follow_study_that_nobody_has_fails_and_leaves_no_trace),
	    HOUSE(test_follow_halt_wakes_who_waits),
	    HOUSE(test_follow_of_text_that_is_no_uid_is_refused),
	    HOUSE(test_follow_leaves_a_place_that_bulk_work_does_not_take),
	};
	return cmocka_run_group_tests(tests, start_all, NULL);
}
