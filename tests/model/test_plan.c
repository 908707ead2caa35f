/* SPDX-License-Identifier: MIT */
/* Tests of model/plan. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "board_fix.h"
#include "model/plan.h"

#define STEPS_MAX 64
#define MINUTE_8 480 /* NOW in the agent's zone: 08:00, outside the window */
#define MINUTE_20 1200

static const struct plan_rules rules = {
    .window = {19 * 60, 6 * 60 + 30},
    .urgent_s = 12 * HOUR,
    .horizon_s = HORIZON,
};

/* Case ${id} of ours, answered, that wants ${uid}, ${in_s} from now. */
static struct board_study *
a_wanted_study(struct board *b, const char *id, int64_t in_s, const char *uid)
{
	struct casefile f = a_case(id, in_s);
	board_set_cases(b, id, &f, 1, NOW); /* a feed for each */
	struct board_case *c = board_case(b, id);
	c->ours = true;
	give_wants(b, c, &(struct want_row){uid, WANT_YES, NULL}, 1);
	return board_add_study(b, uid);
}

static int
setup_empty(void **state)
{
	*state = board_new();
	return 0;
}

static void
assert_steps(const struct board *b, int minute, const char *want)
{
	struct plan_step s[STEPS_MAX];
	char have[400] = "";
	unsigned n = plan_make(b, &rules, NOW, minute, s, STEPS_MAX);
	for (unsigned i = 0; i < n; i++) {
		size_t at = strlen(have);
		int64_t in_s = s[i].due_utc <= NOW ? 0 : s[i].due_utc - NOW;
		(void)snprintf(have + at, sizeof(have) - at, "%s%s %s+%lld",
		    i == 0 ? "" : ", ",
		    s[i].kind == PLAN_ASK ? "ask" : "fetch",
		    s[i].kind == PLAN_ASK ? s[i].c->file.id : s[i].study->uid,
		    (long long)in_s);
	}
	assert_string_equal(have, want);
}

static void
test_plan_of_an_empty_board_is_empty(void **state)
{
	struct plan_step s[1];

	assert_int_equal(plan_make(*state, &rules, NOW, 0, s, 1), 0);
	assert_int_equal(plan_next_utc(s, 0, NOW), NOW + 60);
}

static void
test_plan_case_never_asked_is_asked_at_any_hour(void **state)
{
	struct board *b = *state;
	board_case(b, "7")->file.start_utc = NOW + 40 * HOUR;

	assert_steps(b, MINUTE_8, "ask 7+0");
	board_case(b, "7")->ours = false;
	assert_steps(b, MINUTE_8, "");
	board_case(b, "7")->ours = true;
	board_case(b, "7")->asked = ASKED_NOW;
	assert_steps(b, MINUTE_8, "");
	board_case(b, "7")->asked = ASKED_FAILED;
	board_case(b, "7")->next_try_utc = NOW + 8;
	assert_steps(b, MINUTE_8, "ask 7+8");
	board_case(b, "7")->asked = ASKED_ANSWERED;
	assert_steps(b, MINUTE_8, "");
}

static void
test_plan_answered_case_is_asked_again_where_rules_say_so(void **state)
{
	struct board *b = *state;
	struct plan_rules again = rules;
	struct plan_step s[2];
	again.ask_again_s = HOUR;
	(void)a_wanted_study(b, "7", HOUR, "1.7"); /* answered 60 s ago */
	board_study(b, "1.7")->state = STUDY_READY;

	unsigned n = plan_make(b, &again, NOW, MINUTE_8, s, 2);

	assert_int_equal(n, 1);
	assert_int_equal(s[0].kind, PLAN_ASK);
	assert_int_equal(s[0].due_utc, NOW - 60 + HOUR);
}

static void
test_plan_bulk_waits_for_the_window_and_urgent_does_not(void **state)
{
	struct board *b = *state;
	(void)a_wanted_study(b, "1", 13 * HOUR, "1.1");
	(void)a_wanted_study(b, "2", 12 * HOUR, "1.2");
	(void)a_wanted_study(b, "3", 30 * HOUR, "1.3");

	/* 1 turns urgent in an hour, the window opens in eleven */
	assert_steps(b, MINUTE_8, "fetch 1.2+0, fetch 1.1+3600, "
	    "fetch 1.3+39600");
	assert_steps(b, MINUTE_20, "fetch 1.2+0, fetch 1.1+0, fetch 1.3+0");
}

static void
test_plan_study_states_table(void **state)
{
	struct board *b = *state;
	struct board_study *s = a_wanted_study(b, "1", HOUR, "1.1");
	static const char *const want[] = {
	    [STUDY_QUEUED] = "fetch 1.1+0",
	    [STUDY_FETCHING] = "",
	    [STUDY_READY] = "",
	    [STUDY_INCOMPLETE] = "fetch 1.1+0",
	    [STUDY_HELD] = "",
	    [STUDY_FAILED] = "fetch 1.1+0",
	};

	for (int i = STUDY_QUEUED; i <= STUDY_FAILED; i++) {
		s->state = (enum study_state)i;
		assert_steps(b, MINUTE_8, want[i]);
	}
	s->next_try_utc = NOW + 30;
	assert_steps(b, MINUTE_8, "fetch 1.1+30");
	board_case(b, "1")->wants[0].kind = WANT_HELD;
	assert_steps(b, MINUTE_8, "");
}

static void
test_plan_study_of_two_cases_is_fetched_once_for_the_earlier(void **state)
{
	struct board *b = *state;
	struct plan_step s[4];
	(void)a_wanted_study(b, "late", 20 * HOUR, "1.1");
	(void)a_wanted_study(b, "early", 2 * HOUR, "1.1");

	unsigned n = plan_make(b, &rules, NOW, MINUTE_8, s, 4);

	assert_int_equal(n, 1);
	assert_string_equal(s[0].c->file.id, "early");
	assert_int_equal(s[0].deadline_utc, NOW + 2 * HOUR);
	board_case(b, "early")->gone = true;
	n = plan_make(b, &rules, NOW, MINUTE_8, s, 4);
	assert_int_equal(n, 1);
	assert_string_equal(s[0].c->file.id, "late");
	assert_true(s[0].waits_window);
}

static void
test_plan_asks_before_it_fetches_for_equal_deadlines(void **state)
{
	struct board *b = *state;
	(void)a_wanted_study(b, "a", 2 * HOUR, "1.1");
	struct casefile f[] = {a_case("b", 2 * HOUR), a_case("c", HOUR)};
	board_set_cases(b, "list", f, 2, NOW);
	board_case(b, "b")->ours = true;
	board_case(b, "c")->ours = true;

	assert_steps(b, MINUTE_8, "ask c+0, ask b+0, fetch 1.1+0");
}

static void
test_plan_keeps_the_first_when_there_is_no_place_for_all(void **state)
{
	struct board *b = *state;
	struct plan_step s[2];
	(void)a_wanted_study(b, "1", 3 * HOUR, "1.1");
	(void)a_wanted_study(b, "2", 1 * HOUR, "1.2");
	(void)a_wanted_study(b, "3", 2 * HOUR, "1.3");

	unsigned n = plan_make(b, &rules, NOW, MINUTE_8, s, 2);

	assert_int_equal(n, 2);
	assert_string_equal(s[0].study->uid, "1.2");
	assert_string_equal(s[1].study->uid, "1.3");
	assert_int_equal(plan_make(b, &rules, NOW, MINUTE_8, s, 0), 0);
}

static void
test_plan_next_look_is_the_earliest_due_within_a_minute(void **state)
{
	(void)state; /* only steps are needed */
	struct plan_step s[] = {{.due_utc = NOW - 5}, {.due_utc = NOW},
	    {.due_utc = NOW + 40}, {.due_utc = NOW + 20},
	    {.due_utc = NOW + 4000}};

	assert_int_equal(plan_next_utc(s, 5, NOW), NOW + 20);
	assert_int_equal(plan_next_utc(s, 2, NOW), NOW + 60);
	assert_int_equal(plan_next_utc(s + 4, 1, NOW), NOW + 60);
}

static void
test_plan_explains_what_a_queued_study_waits_for(void **state)
{
	struct board *b = *state;
	struct plan_step s[4];
	struct board_study *q = a_wanted_study(b, "1", 30 * HOUR, "1.1");
	struct board_study *bad = a_wanted_study(b, "2", 30 * HOUR, "1.2");
	bad->state = STUDY_FAILED;
	(void)str_copy(bad->reason, sizeof(bad->reason), "took too long");

	unsigned n = plan_make(b, &rules, NOW, MINUTE_8, s, 4);
	plan_explain(s, n, &rules);
	assert_string_equal(q->reason, "waiting for the window (19:00)");
	assert_string_equal(bad->reason, "took too long");
	n = plan_make(b, &rules, NOW, MINUTE_20, s, 4);
	plan_explain(s, n, &rules);

	assert_string_equal(q->reason, "");
}

/* When the check of ${uid} is due, in seconds from now; -1 = not at all. */
static int64_t
check_in(const struct board *b, const char *uid, const char **ret_case)
{
	struct plan_step s[STEPS_MAX];
	struct plan_rules again = rules;
	again.recheck = true;
	unsigned n = plan_make(b, &again, NOW, MINUTE_8, s, STEPS_MAX);
	for (unsigned i = 0; i < n; i++) {
		if (s[i].kind != PLAN_CHECK ||
		    !str_eq(s[i].study->uid, uid))
			continue;
		*ret_case = s[i].c->file.id;
		return s[i].due_utc <= NOW ? 0 : s[i].due_utc - NOW;
	}
	return -1;
}

static void
test_plan_ready_study_is_checked_at_three_points(void **state)
{
	static const struct {
		int64_t start_in, checked_ago, want;
	} rows[] = {
		{20 * HOUR, HOUR, 8 * HOUR}, /* at T-12 h */
		{10 * HOUR, 9 * HOUR, 0}, /* that was missed */
		{10 * HOUR, HOUR, 8 * HOUR}, /* kept: at T-2 h */
		{HOUR, 90 * 60, 0}, /* missed */
		{HOUR, 60, 45 * 60}, /* at T-15 min */
		{10 * 60, 400, 0}, /* missed */
		{14 * 60, 100, 200}, /* missed, and young: not doubted yet */
		{10 * 60, 60, -1}, /* all kept */
		{-HOUR, 3 * HOUR, 0}, /* begun, never looked at since T-2 h */
	};
	struct board *b = *state;
	const char *who = "";
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct board_study *s = a_wanted_study(b, "1",
		    rows[i].start_in, "1.1");
		s->state = STUDY_READY;
		s->checked_utc = NOW - rows[i].checked_ago;
		assert_int_equal(check_in(b, "1.1", &who), rows[i].want);
		s->checking = true;
		assert_int_equal(check_in(b, "1.1", &who), -1);
		s->checking = false;
	}
}

static void
test_plan_check_of_two_cases_is_of_whose_turn_is_first(void **state)
{
	struct board *b = *state;
	const char *who = "";
	(void)a_wanted_study(b, "soon", 10 * HOUR, "1.1");
	struct board_study *s = a_wanted_study(b, "late", 13 * HOUR, "1.1");
	s->state = STUDY_READY;

	/* of soon T-12 h is past and kept, T-2 h is in 8 h */
	s->checked_utc = NOW - HOUR;
	assert_int_equal(check_in(b, "1.1", &who), HOUR);
	assert_string_equal(who, "late");
	board_case(b, "late")->gone = true;
	assert_int_equal(check_in(b, "1.1", &who), 8 * HOUR);
	assert_string_equal(who, "soon");
}

static void
test_plan_answer_from_the_future_counts_for_nothing(void **state)
{
	struct board *b = *state;
	const char *who = "";
	struct board_study *s = a_wanted_study(b, "1", HOUR, "1.1");
	s->state = STUDY_READY;
	s->checked_utc = NOW + 365 * 24 * HOUR; /* the clock was set back */
	s->next_try_utc = NOW + 365 * 24 * HOUR;

	assert_int_equal(check_in(b, "1.1", &who), 0);
}

static void
test_plan_bulk_work_spreads_and_urgent_work_does_not(void **state)
{
	struct board *b = *state;
	struct plan_rules spread = rules;
	struct plan_step s[4];
	spread.bulk_from_utc = NOW + 17;
	(void)a_wanted_study(b, "1", 20 * HOUR, "1.1");
	(void)a_wanted_study(b, "2", 2 * HOUR, "1.2");

	unsigned n = plan_make(b, &spread, NOW, MINUTE_20, s, 4);

	assert_int_equal(n, 2);
	assert_string_equal(s[0].study->uid, "1.2");
	assert_true(s[0].due_utc <= NOW);
	assert_string_equal(s[1].study->uid, "1.1");
	assert_int_equal(s[1].due_utc, NOW + 17);
}

static void
test_plan_what_has_no_room_is_not_fetched(void **state)
{
	struct board *b = *state;
	struct board_study *s = a_wanted_study(b, "1", HOUR, "1.1");
	s->no_room = true;
	assert_steps(b, MINUTE_8, "");
}

static void
random_board(struct board *b)
{
	for (unsigned i = 0; i < 12; i++) {
		char id[16];
		char uid[UID_SIZE];
		(void)snprintf(id, sizeof(id), "c%u", i);
		(void)snprintf(uid, sizeof(uid), "1.%u", dice(10));
		struct board_study *s = a_wanted_study(b, id,
		    ((int64_t)dice(60) - 8) * HOUR, uid);
		s->state = (enum study_state)dice(6);
		s->next_try_utc = dice(2) == 0 ? 0 : NOW + dice(100) - 50;
		struct board_case *c = board_case(b, id);
		c->ours = dice(5) != 0;
		c->asked = (enum asked)dice(4);
		c->next_try_utc = NOW + dice(100) - 50;
	}
}

static void
check_pair(const struct plan_step *x, const struct plan_step *y)
{
	bool x_due = x->due_utc <= NOW;
	bool y_due = y->due_utc <= NOW;
	assert_true(x_due || !y_due);
	if (x_due && y_due) {
		assert_true(x->deadline_utc <= y->deadline_utc);
		assert_true(x->deadline_utc < y->deadline_utc ||
		    x->kind <= y->kind);
	} else if (!x_due) {
		assert_true(x->due_utc <= y->due_utc);
	}
}

static void
check_step(const struct plan_step *s, int minute)
{
	assert_true(board_case_is_current(s->c, NOW, HORIZON));
	assert_int_equal(s->deadline_utc, s->c->file.start_utc);
	if (s->kind == PLAN_ASK) {
		assert_true(s->c->asked == ASKED_NEVER ||
		    s->c->asked == ASKED_FAILED);
		return;
	}
	assert_true(s->study->state == STUDY_QUEUED ||
	    s->study->state == STUDY_INCOMPLETE ||
	    s->study->state == STUDY_FAILED);
	assert_true(s->due_utc >= s->study->next_try_utc);
	bool urgent = s->deadline_utc - NOW <= rules.urgent_s;
	if (s->due_utc <= NOW)
		assert_true(urgent || window_is_open(&rules.window, minute));
}

/* Fetches the naive way: each study some current case wants, once. */
static unsigned
count_fetches(const struct board *b)
{
	unsigned n = 0;
	for (unsigned i = 0; i < board_n_studies(b); i++) {
		const struct board_study *s = board_study_at(b, i);
		bool wanted = false;
		for (unsigned k = 0; k < board_n_cases(b); k++) {
			const struct board_case *c = board_case_at(b, k);
			wanted |= str_eq(c->wants[0].study_uid, s->uid) &&
			    board_case_is_current(c, NOW, HORIZON);
		}
		n += wanted && s->state != STUDY_READY &&
		    s->state != STUDY_HELD && s->state != STUDY_FETCHING;
	}
	return n;
}

static void
test_plan_keeps_its_promises_on_random_boards(void **state)
{
	(void)state; /* a board for each round */
	random_state = SEED;
	for (unsigned round = 0; round < 1000; round++) {
		struct board *b = board_new();
		struct plan_step s[STEPS_MAX];
		int minute = (int)dice(1440);
		random_board(b);
		unsigned n = plan_make(b, &rules, NOW, minute, s, STEPS_MAX);
		unsigned fetches = 0;
		for (unsigned i = 0; i < n; i++) {
			check_step(&s[i], minute);
			fetches += s[i].kind == PLAN_FETCH;
			if (i > 0)
				check_pair(&s[i - 1], &s[i]);
		}
		assert_int_equal(fetches, count_fetches(b));
		int64_t next = plan_next_utc(s, n, NOW);
		assert_true(next > NOW && next <= NOW + 60);
		board_free(&b);
	}
}

#define E(name) cmocka_unit_test_setup_teardown(name, setup_empty, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    E(test_plan_of_an_empty_board_is_empty),
	    T(test_plan_case_never_asked_is_asked_at_any_hour),
	    E(test_plan_answered_case_is_asked_again_where_rules_say_so),
	    E(test_plan_bulk_waits_for_the_window_and_urgent_does_not),
	    E(test_plan_study_states_table),
	    E(test_plan_study_of_two_cases_is_fetched_once_for_the_earlier),
	    E(test_plan_asks_before_it_fetches_for_equal_deadlines),
	    E(test_plan_keeps_the_first_when_there_is_no_place_for_all),
	    E(test_plan_next_look_is_the_earliest_due_within_a_minute),
	    E(test_plan_explains_what_a_queued_study_waits_for),
	    E(test_plan_ready_study_is_checked_at_three_points),
	    E(test_plan_check_of_two_cases_is_of_whose_turn_is_first),
	    E(test_plan_answer_from_the_future_counts_for_nothing),
	    E(test_plan_bulk_work_spreads_and_urgent_work_does_not),
	    E(test_plan_what_has_no_room_is_not_fetched),
	    E(test_plan_keeps_its_promises_on_random_boards),
	};
	return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
