/* SPDX-License-Identifier: MIT */
/* Tests of node/push_book: which study goes to the viewer next, and what
 * follows from what came of it. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "node/push_priv.h"

#define NOW INT64_C(1800000000) /* 2027-01-15T08:00:00Z */
#define T0 (1000 * CLOCK_S) /* the continuous clock */
#define HOUR 3600

/* A morning of two ready cases: E (earlier) wants 1.1 of 2024 and 1.2 of
 * 2026, L wants 2.1; 312 instances each. */
struct morning {
	struct board *board;
	struct push_book book;
};

static struct board_case *
add_case(struct board *b, unsigned n_uids, const char *const *uids)
{
	struct board_case *c = board_case(b, n_uids == 2 ? "E" : "L");
	struct board_want *w = mem_new_n(struct board_want, n_uids);
	for (unsigned i = 0; i < n_uids; i++) {
		(void)str_copy(w[i].study_uid, UID_SIZE, uids[i]);
		w[i].kind = WANT_YES;
		struct board_study *s = board_add_study(b, uids[i]);
		s->state = STUDY_READY;
		s->instances = s->expected = 312;
		s->n_cases = 1;
		(void)str_copy(s->date, sizeof(s->date),
		    str_eq(uids[i], "1.1") ? "20240301" : "20260301");
	}
	board_set_wants(b, c, w, n_uids);
	c->ours = true;
	c->readiness = READINESS_READY;
	return c;
}

static int
setup(void **state)
{
	static const char *const early[] = {"1.1", "1.2"};
	static const char *const late[] = {"2.1"};
	struct morning *m = mem_new(struct morning);
	struct casefile f[2] = {
	    {.id = "L", .start_utc = NOW + 4 * HOUR,
	    .end_utc = NOW + 8 * HOUR},
	    {.id = "E", .start_utc = NOW + HOUR, .end_utc = NOW + 4 * HOUR}};
	m->board = board_new();
	board_set_cases(m->board, "list", f, 2, NOW);
	(void)add_case(m->board, 2, early);
	(void)add_case(m->board, 1, late);
	*state = m;
	return 0;
}

static int
teardown(void **state)
{
	struct morning *m = *state;
	push_book_done(&m->book);
	board_free(&m->board);
	mem_free(m);
	return 0;
}

/* The UID that is next at ${at}, "" when none; then ${next} is when. */
static const char *
next_at(struct morning *m, int64_t at, int64_t *next)
{
	push_book_sync(&m->book, m->board);
	const struct board_study *s = push_book_next(&m->book, m->board, NOW,
	    at, next);
	return s == NULL ? "" : s->uid;
}

/* Push ${uid} with the outcome ${r}, which ended at ${at}. */
static void
pushed(struct morning *m, const char *uid, struct push_result r, int64_t at)
{
	(void)push_book_begin(&m->book, board_study(m->board, uid));
	r.ran = true;
	r.listed = r.listed == 0 ? 312 : r.listed;
	push_book_end(&m->book, uid, &r, at);
	(void)push_book_show(&m->book, 1, m->board);
}

#define ALL_THERE (struct push_result){.answers = true, .has = 312, .sent = 312}

static void
test_push_goes_by_start_then_newest_first(void **state)
{
	struct morning *m = *state;
	static const char *const order[] = {"1.2", "1.1", "2.1"};
	int64_t next = 0;

	for (unsigned i = 0; i < 3; i++) {
		assert_string_equal(next_at(m, T0, &next), order[i]);
		pushed(m, order[i], ALL_THERE, T0);
		assert_int_equal(board_study(m->board, order[i])->push,
		    PUSH_DONE);
	}

	assert_string_equal(next_at(m, T0, &next), "");
	assert_int_equal(next, 0);
}

static void
test_push_only_what_a_ready_current_case_of_ours_wants(void **state)
{
	struct morning *m = *state;
	struct board_case *e = board_case(m->board, "E");
	struct board_case *l = board_case(m->board, "L");
	int64_t next = 0;

	e->readiness = READINESS_FETCHING;
	assert_string_equal(next_at(m, T0, &next), "2.1");
	l->ours = false;
	assert_string_equal(next_at(m, T0, &next), "");
	l->ours = true;
	l->file.status = CASE_CANCELLED;
	assert_string_equal(next_at(m, T0, &next), "");
	l->file.status = CASE_BOOKED;
	l->wants[0].kind = WANT_HELD;
	assert_string_equal(next_at(m, T0, &next), "");
	l->wants[0].kind = WANT_YES;
	board_study(m->board, "2.1")->n_cases = 0; /* beyond the horizon */
	assert_string_equal(next_at(m, T0, &next), "");
}

static void
test_push_ends_as_the_answers_say(void **state)
{
	struct morning *m = *state;
	static const struct {
		const char *name;
		struct push_result r;
		enum push_state want;
		unsigned in_viewer;
		const char *reason;
		int64_t wait_s; /* until the next try; 0 = none */
	} rows[] = {
		{"all was there before", {.answers = true, .has = 312},
		    PUSH_DONE, 312, "", 0},
		{"still importing", {.answers = true, .has = 40, .sent = 312},
		    PUSH_NOW, 40,
		    "all was sent; the viewer lists 40 of 312 so far", 2},
		{"classes", {.answers = true, .has = 310, .sent = 310,
		    .unaccepted = 2}, PUSH_FAILED, 310, "the viewer has 310 "
		    "of 312: 2 of a class it does not take", HOUR},
		{"refused", {.answers = true, .has = 309, .sent = 309,
		    .unaccepted = 2, .refused = 1}, PUSH_FAILED, 309,
		    "the viewer has 309 of 312: 2 of a class it does not "
		    "take, 1 refused", 60},
		{"aborted over one", {.sent = 311, .refused = 1,
		    .e = {.msg = "the peer aborted"}}, PUSH_FAILED, 311,
		    "the viewer took 311 of 312: 1 refused: the peer aborted",
		    60},
		{"no queries", {.sent = 312}, PUSH_DONE, 312, "the viewer "
		    "does not answer queries: by its C-STORE answers", 0},
		{"no queries, classes", {.sent = 310, .unaccepted = 2},
		    PUSH_FAILED, 310, "the viewer took 310 of 312: 2 of a "
		    "class it does not take", HOUR},
		{"broke off", {.failed = true, .answers = true, .has = 5,
		    .sent = 9, .e = {.msg = "after 9 of 307: gone"}},
		    PUSH_FAILED, 5, "after 9 of 307: gone", 60},
		{"not whole here", {.listed = 300, .answers = true,
		    .has = 300}, PUSH_FAILED, 300, "the cache has 300 of 312",
		    60},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		push_book_done(&m->book);
		pushed(m, "2.1", rows[i].r, T0);
		const struct board_study *s = board_study(m->board, "2.1");
		if (s->push != rows[i].want ||
		    s->in_viewer != rows[i].in_viewer ||
		    !str_eq(s->push_reason, rows[i].reason))
			fail_msg("%s: %d, %u, %s", rows[i].name, (int)s->push,
			    s->in_viewer, s->push_reason);
		int64_t next = m->book.entries[0].next_ns;
		if (next != (rows[i].wait_s == 0 ? 0 :
		    T0 + rows[i].wait_s * CLOCK_S))
			fail_msg("%s: next try", rows[i].name);
	}
}

static void
test_push_slow_import_is_asked_for_a_while_then_sent_again(void **state)
{
	struct morning *m = *state;
	const struct board_study *s = board_study(m->board, "1.2");
	struct push_result r = {.ran = true, .answers = true, .listed = 312,
	    .has = 100};
	int64_t at = T0, next = 0;
	unsigned only_asked = 0;

	for (unsigned i = 0; i <= PUSH_CONFIRMS_MAX; i++) {
		only_asked += push_book_begin(&m->book, s);
		push_book_end(&m->book, s->uid, &r, at);
		at = m->book.entries[0].next_ns;
	}

	assert_int_equal(only_asked, PUSH_CONFIRMS_MAX);
	assert_int_equal(m->book.entries[0].state, PUSH_FAILED);
	assert_string_equal(m->book.entries[0].reason, "the viewer has 100 "
	    "of 312: 212 taken, but it does not list them");
	assert_string_equal(next_at(m, at, &next), "1.2");
	assert_false(push_book_begin(&m->book, s)); /* in full again */
}

static void
test_push_viewer_that_is_away_is_left_in_peace_for_longer(void **state)
{
	struct morning *m = *state;
	static const int64_t waits_s[] = {60, 120, 240, 480, 600, 600};
	struct push_result r = {.failed = true, .unreachable = true,
	    .e = {.msg = "connect: refused"}};
	int64_t at = T0, next = 0;

	for (size_t i = 0; i < sizeof(waits_s) / sizeof(waits_s[0]); i++) {
		assert_string_equal(next_at(m, at, &next), "1.2");
		pushed(m, "1.2", r, at);
		assert_string_equal(next_at(m, at, &next), "");
		assert_int_equal(next - at, waits_s[i] * CLOCK_S);
		at = next;
	}
	assert_int_equal(board_study(m->board, "1.2")->push, PUSH_FAILED);
	assert_string_equal(board_study(m->board, "1.2")->push_reason,
	    "the viewer cannot be reached: connect: refused");

	push_book_up(&m->book); /* at once */
	assert_string_equal(next_at(m, at - CLOCK_S, &next), "1.2");
	pushed(m, "1.2", ALL_THERE, at);
	pushed(m, "1.1", r, at);
	assert_string_equal(next_at(m, at, &next), "");
	assert_int_equal(next - at, 60 * CLOCK_S); /* counted anew */
}

static void
test_push_failure_of_one_study_does_not_hold_the_others(void **state)
{
	struct morning *m = *state;
	struct push_result r = {.failed = true, .e = {.msg = "aborted"}};
	int64_t next = 0;

	pushed(m, "1.2", r, T0);

	assert_string_equal(next_at(m, T0, &next), "1.1");
	pushed(m, "1.1", ALL_THERE, T0);
	pushed(m, "2.1", ALL_THERE, T0);
	assert_string_equal(next_at(m, T0, &next), "");
	assert_int_equal(next, T0 + 60 * CLOCK_S);
	assert_string_equal(next_at(m, next, &next), "1.2");
}

static void
test_push_study_that_changes_is_pushed_anew(void **state)
{
	struct morning *m = *state;
	struct board_study *s = board_study(m->board, "1.2");
	int64_t next = 0;

	pushed(m, "1.2", ALL_THERE, T0);
	s->instances = s->expected = 313;
	assert_string_equal(next_at(m, T0, &next), "1.2");
	assert_true(push_book_show(&m->book, 1, m->board));
	assert_int_equal(s->push, PUSH_NONE);
	assert_int_equal(s->in_viewer, 0);

	pushed(m, "1.2", (struct push_result){.answers = true, .listed = 313,
	    .has = 313}, T0);
	assert_int_equal(s->push, PUSH_DONE);
	s->state = STUDY_INCOMPLETE;
	push_book_sync(&m->book, m->board);
	(void)push_book_show(&m->book, 1, m->board);
	assert_int_equal(s->push, PUSH_NONE);
}

static void
test_push_result_of_a_study_that_left_is_nobodys(void **state)
{
	struct morning *m = *state;
	struct push_result r = ALL_THERE;

	(void)push_book_begin(&m->book, board_study(m->board, "2.1"));
	board_drop_study(m->board, "2.1");
	push_book_sync(&m->book, m->board);
	push_book_end(&m->book, "2.1", &r, T0);

	assert_int_equal(m->book.n, 0);
	assert_false(push_book_show(&m->book, 1, m->board));
}

static void
test_push_of_two_viewers_the_one_behind_is_shown(void **state)
{
	struct morning *m = *state;
	struct push_book books[2] = {{.n = 0}, {.n = 0}};
	struct push_result done = {.ran = true, .answers = true,
	    .listed = 312, .has = 312};
	struct push_result lacks = {.ran = true, .listed = 312, .sent = 310,
	    .unaccepted = 2};
	struct board_study *s = board_study(m->board, "1.2");

	(void)push_book_begin(&books[0], s);
	push_book_end(&books[0], "1.2", &done, T0);
	(void)push_book_show(books, 2, m->board);
	assert_int_equal(s->push, PUSH_NONE); /* the other has not begun */
	(void)push_book_begin(&books[1], s);
	push_book_end(&books[1], "1.2", &lacks, T0);

	assert_true(push_book_show(books, 2, m->board));
	assert_int_equal(s->push, PUSH_FAILED);
	assert_int_equal(s->in_viewer, 310);
	assert_false(push_book_show(books, 2, m->board));
	push_book_done(&books[0]);
	push_book_done(&books[1]);
}

int
main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_push_goes_by_start_then_newest_first),
	    TEST(test_push_only_what_a_ready_current_case_of_ours_wants),
	    TEST(test_push_ends_as_the_answers_say),
	    TEST(test_push_slow_import_is_asked_for_a_while_then_sent_again),
	    TEST(test_push_viewer_that_is_away_is_left_in_peace_for_longer),
	    TEST(test_push_failure_of_one_study_does_not_hold_the_others),
	    TEST(test_push_study_that_changes_is_pushed_anew),
	    TEST(test_push_result_of_a_study_that_left_is_nobodys),
	    TEST(test_push_of_two_viewers_the_one_behind_is_shown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
