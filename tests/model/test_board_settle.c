/* SPDX-License-Identifier: MIT */
/* Tests of board_settle: readiness, its reasons, and pins. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "board_fix.h"

static void
assert_judged(struct board *b, enum readiness want, const char *reason)
{
	board_settle(b, NOW, HORIZON);
	struct board_case *c = board_case(b, "7");
	assert_string_equal(c->reason, reason);
	assert_string_equal(readiness_name(c->readiness),
	    readiness_name(want));
}

static struct board_study *
a_study(struct board *b, const char *uid, enum study_state state,
    const char *reason)
{
	struct board_study *s = board_add_study(b, uid);
	s->state = state;
	(void)str_copy(s->reason, sizeof(s->reason), reason);
	return s;
}

static void
test_board_settle_current_table(void **state)
{
	(void)state; /* only times are needed */
	static const struct {
		const char *name;
		int64_t in_s;
		enum case_status status;
		bool not_ours, gone, want;
	} rows[] = {
	    {"soon", HOUR, CASE_BOOKED, false, false, true},
	    {"under way", -HOUR, CASE_STARTED, false, false, true},
	    {"at the horizon", HORIZON, CASE_BOOKED, false, false, true},
	    {"beyond it", HORIZON + 1, CASE_BOOKED, false, false, false},
	    {"end + 6 h", -12 * HOUR, CASE_STARTED, false, false, true},
	    {"over", -12 * HOUR - 1, CASE_STARTED, false, false, false},
	    {"completed", -HOUR, CASE_COMPLETED, false, false, false},
	    {"cancelled", HOUR, CASE_CANCELLED, false, false, false},
	    {"no show", HOUR, CASE_NOSHOW, false, false, false},
	    {"not ours", HOUR, CASE_BOOKED, true, false, false},
	    {"gone", HOUR, CASE_BOOKED, false, true, false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct board_case c = {.file = a_case("1", rows[i].in_s),
		    .ours = !rows[i].not_ours, .gone = rows[i].gone};
		c.file.status = rows[i].status;
		if (board_case_is_current(&c, NOW, HORIZON) != rows[i].want)
			fail_msg("%s", rows[i].name);
	}
}

static void
test_board_settle_unanswered_case_says_how_far_asking_is(void **state)
{
	struct board *b = *state;
	struct board_case *c = board_case(b, "7");

	assert_judged(b, READINESS_QUEUED, "the archive is not asked yet");
	c->asked = ASKED_NOW;
	assert_judged(b, READINESS_QUEUED, "asking the archive");
	c->asked = ASKED_FAILED;
	assert_judged(b, READINESS_FAILED, "the archive did not answer");
	(void)str_copy(c->ask_reason, sizeof(c->ask_reason),
	    "archive pacs: connect: refused");
	assert_judged(b, READINESS_FAILED, "archive pacs: connect: refused");
	c->asked = ASKED_NOW;
	assert_judged(b, READINESS_FAILED, "archive pacs: connect: refused");
	give_wants(b, c, &(struct want_row){"1.2", WANT_YES, NULL}, 1);
	(void)a_study(b, "1.2", STUDY_READY, "");
	c->asked = ASKED_FAILED; /* one of two archives answered */
	c->answered_utc = 0;
	assert_judged(b, READINESS_FAILED,
	    "archive pacs: connect: refused; 1 study ready");
}

static void
test_board_settle_case_beyond_the_horizon_waits(void **state)
{
	struct board *b = *state;

	board_case(b, "7")->file.start_utc = NOW + HORIZON + 60;

	assert_judged(b, READINESS_QUEUED,
	    "waiting: starts in more than 48 h");
}

static void
test_board_settle_idle_case_says_why(void **state)
{
	struct board *b = *state;
	struct board_case *c = board_case(b, "7");
	static const char *const want[] = {NULL, NULL, "completed",
	    "cancelled", "patient did not come"};

	for (int i = CASE_COMPLETED; i <= CASE_NOSHOW; i++) {
		c->file.status = (enum case_status)i;
		assert_judged(b, READINESS_NONE, want[i]);
	}
	c->file.status = CASE_STARTED;
	c->file.end_utc = NOW - 6 * HOUR - 1;
	assert_judged(b, READINESS_NONE, "over");
	c->ours = false;
	assert_judged(b, READINESS_NONE, "not our theatre");
}

static void
test_board_settle_nothing_wanted_is_none(void **state)
{
	struct board *b = *state;
	struct board_case *c = board_case(b, "7");
	struct want_row rows[] = {{"1.2", WANT_NO, "not cardiac"},
	    {"1.3", WANT_NO, "too old"}};

	give_wants(b, c, rows, 0);
	assert_judged(b, READINESS_NONE, "the archive has no study");
	give_wants(b, c, rows, 1);
	assert_judged(b, READINESS_NONE, "nothing relevant among 1 study");
	give_wants(b, c, rows, 2);
	assert_judged(b, READINESS_NONE, "nothing relevant among 2 studies");
}

static void
test_board_settle_single_study_speaks_for_its_case(void **state)
{
	struct board *b = *state;
	static const struct {
		enum study_state state;
		unsigned here, expected;
		const char *reason;
		enum readiness want;
		const char *text;
	} rows[] = {
	    {STUDY_READY, 625, 625, "", READINESS_READY, "1 study ready"},
	    {STUDY_FETCHING, 312, 625, "", READINESS_FETCHING,
		"312 of 625 instances here"},
	    {STUDY_FETCHING, 0, 0, "", READINESS_FETCHING, "fetching"},
	    {STUDY_QUEUED, 0, 0, "", READINESS_QUEUED, "queued"},
	    {STUDY_QUEUED, 0, 0, "waiting for the window (19:00)",
		READINESS_QUEUED, "waiting for the window (19:00)"},
	    {STUDY_INCOMPLETE, 3, 9, "took too long", READINESS_QUEUED,
		"3 of 9 instances here: took too long"},
	    {STUDY_FAILED, 0, 0, "no room", READINESS_FAILED,
		"failed: no room"},
	    {STUDY_HELD, 0, 9, "birth date differs", READINESS_FAILED,
		"held: birth date differs"},
	};
	give_wants(b, board_case(b, "7"),
	    &(struct want_row){"1.2", WANT_YES, NULL}, 1);
	assert_judged(b, READINESS_QUEUED, "queued"); /* not on the board */
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct board_study *s = a_study(b, "1.2", rows[i].state,
		    rows[i].reason);
		s->instances = rows[i].here;
		s->expected = rows[i].expected;
		assert_judged(b, rows[i].want, rows[i].text);
	}
}

static void
test_board_settle_worst_study_decides(void **state)
{
	struct board *b = *state;
	struct want_row rows[] = {{"1.1", WANT_YES, NULL},
	    {"1.2", WANT_YES, NULL}, {"1.3", WANT_YES, NULL},
	    {"1.9", WANT_NO, "not cardiac"}};
	give_wants(b, board_case(b, "7"), rows, 4);
	(void)a_study(b, "1.1", STUDY_READY, "");
	(void)a_study(b, "1.2", STUDY_READY, "");
	struct board_study *s = a_study(b, "1.3", STUDY_QUEUED, "");

	assert_judged(b, READINESS_QUEUED, "2 of 3 studies ready; 1 queued");
	(void)a_study(b, "1.3", STUDY_FAILED, "archive pacs: no answer");
	assert_judged(b, READINESS_FAILED, "2 of 3 studies ready; 1 failed: "
	    "archive pacs: no answer");
	(void)a_study(b, "1.2", STUDY_FETCHING, "");
	s->state = STUDY_QUEUED;
	(void)str_copy(s->reason, sizeof(s->reason), "waiting");
	assert_judged(b, READINESS_QUEUED, "1 of 3 studies ready; 1 queued: "
	    "waiting; 1 fetching");
	(void)a_study(b, "1.2", STUDY_READY, "");
	(void)a_study(b, "1.3", STUDY_READY, "");
	assert_judged(b, READINESS_READY, "3 studies ready");
}

static void
test_board_settle_held_want_is_failed_and_never_pinned(void **state)
{
	struct board *b = *state;
	struct want_row rows[] = {{"1.1", WANT_YES, NULL},
	    {"1.2", WANT_HELD, "birth date differs"}};
	give_wants(b, board_case(b, "7"), rows, 2);
	(void)a_study(b, "1.1", STUDY_READY, "");
	(void)a_study(b, "1.2", STUDY_HELD, "birth date differs");

	assert_judged(b, READINESS_FAILED, "1 of 2 studies ready; 1 failed: "
	    "held: birth date differs");
	assert_int_equal(board_study(b, "1.1")->n_cases, 1);
	assert_int_equal(board_study(b, "1.2")->n_cases, 0);
}

static void
test_board_settle_identifier_only_is_told(void **state)
{
	struct board *b = *state;
	struct board_case *c = board_case(b, "7");
	give_wants(b, c, &(struct want_row){"1.1", WANT_YES, NULL}, 1);
	c->wants[0].id_only = true;
	(void)a_study(b, "1.1", STUDY_READY, "");

	assert_judged(b, READINESS_READY,
	    "1 study ready; identity by identifier only");
	c->asked = ASKED_FAILED;
	(void)str_copy(c->ask_reason, sizeof(c->ask_reason), "no answer");
	assert_judged(b, READINESS_READY, "1 study ready; identity by "
	    "identifier only; asking again failed: no answer");
}

static void
test_board_settle_long_reasons_are_cut_between_characters(void **state)
{
	struct board *b = *state;
	struct want_row rows[] = {{"1.1", WANT_YES, NULL},
	    {"1.2", WANT_YES, NULL}};
	char text[BOARD_REASON_SIZE];
	for (size_t i = 0; i + 2 < sizeof(text); i += 2)
		memcpy(text + i, "\xc3\xa4", 3);
	give_wants(b, board_case(b, "7"), rows, 2);
	(void)a_study(b, "1.1", STUDY_FAILED, text);
	(void)a_study(b, "1.2", STUDY_QUEUED, text);

	board_settle(b, NOW, HORIZON);

	const char *reason = board_case(b, "7")->reason;
	assert_true(strlen(reason) > BOARD_REASON_SIZE - 4);
	assert_true(str_is_utf8(reason, strlen(reason)));
}

static void
test_board_settle_raises_the_version_only_for_news(void **state)
{
	struct board *b = *state;
	give_wants(b, board_case(b, "7"),
	    &(struct want_row){"1.1", WANT_YES, NULL}, 1);
	struct board_study *s = a_study(b, "1.1", STUDY_FETCHING, "");
	s->expected = 10;
	board_settle(b, NOW, HORIZON);

	uint64_t version = board_version(b);
	board_settle(b, NOW + 1, HORIZON);
	assert_int_equal(board_version(b), version);
	s->instances = 5;
	board_settle(b, NOW + 2, HORIZON);

	assert_true(board_version(b) > version);
}

static void
test_board_settle_pins_table(void **state)
{
	struct board *b = *state;
	struct board_case *c = board_case(b, "7");
	static const struct {
		const char *name;
		int64_t in_s; /* the start; it ends 6 h later */
		enum case_status status;
		unsigned want;
	} rows[] = {
	    {"booked", HOUR, CASE_BOOKED, 1},
	    {"beyond the horizon", HORIZON + 1, CASE_BOOKED, 0},
	    {"completed", -7 * HOUR, CASE_COMPLETED, 1},
	    {"end + 12 h", -18 * HOUR, CASE_COMPLETED, 1},
	    {"later", -18 * HOUR - 1, CASE_COMPLETED, 0},
	    {"never closed", -18 * HOUR, CASE_STARTED, 1},
	    {"cancelled", HOUR, CASE_CANCELLED, 0},
	    {"no show", HOUR, CASE_NOSHOW, 0},
	};
	give_wants(b, c, &(struct want_row){"1.1", WANT_YES, NULL}, 1);
	struct board_study *s = a_study(b, "1.1", STUDY_READY, "");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		c->file.start_utc = NOW + rows[i].in_s;
		c->file.end_utc = c->file.start_utc + 6 * HOUR;
		c->file.status = rows[i].status;
		board_settle(b, NOW, HORIZON);
		if (s->n_cases != rows[i].want || s->deadline_utc !=
		    (rows[i].want == 0 ? 0 : c->file.start_utc))
			fail_msg("%s: %u pins", rows[i].name, s->n_cases);
	}
}

/* Pins counted the naive way: every study against every case. */
static void
check_pins(const struct board *b, unsigned round)
{
	for (unsigned i = 0; i < board_n_studies(b); i++) {
		const struct board_study *s = board_study_at(b, i);
		unsigned n = 0;
		int64_t first = INT64_MAX;
		for (unsigned k = 0; k < board_n_cases(b); k++) {
			const struct board_case *c = board_case_at(b, k);
			if (!board_case_is_current(c, NOW, HORIZON) ||
			    !str_eq(c->wants[0].study_uid, s->uid))
				continue;
			n++;
			if (c->file.start_utc < first)
				first = c->file.start_utc;
		}
		if (s->n_cases != n || (n > 0 && s->deadline_utc != first))
			fail_msg("seed %u round %u uid %s", SEED, round,
			    s->uid);
	}
}

static void
test_board_settle_pins_agree_with_a_naive_model(void **state)
{
	(void)state; /* a board for each round */
	random_state = SEED;
	for (unsigned round = 0; round < 1000; round++) {
		struct board *b = board_new();
		struct casefile f[8];
		char text[UID_SIZE];
		for (unsigned i = 0; i < 8; i++) {
			(void)snprintf(text, sizeof(text), "%u", i);
			f[i] = a_case(text, dice(60) * HOUR);
		}
		board_set_cases(b, "list", f, 8, NOW);
		for (unsigned i = 0; i < 8; i++) {
			struct board_case *c = board_case_at(b, i);
			c->ours = dice(4) != 0;
			c->gone = dice(4) == 0;
			(void)snprintf(text, sizeof(text), "1.%u", dice(4));
			give_wants(b, c,
			    &(struct want_row){text, WANT_YES, NULL}, 1);
			(void)board_add_study(b, text);
		}
		board_settle(b, NOW, HORIZON);
		check_pins(b, round);
		board_free(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_board_settle_current_table),
	    T(test_board_settle_unanswered_case_says_how_far_asking_is),
	    T(test_board_settle_case_beyond_the_horizon_waits),
	    T(test_board_settle_idle_case_says_why),
	    T(test_board_settle_nothing_wanted_is_none),
	    T(test_board_settle_single_study_speaks_for_its_case),
	    T(test_board_settle_worst_study_decides),
	    T(test_board_settle_held_want_is_failed_and_never_pinned),
	    T(test_board_settle_identifier_only_is_told),
	    T(test_board_settle_long_reasons_are_cut_between_characters),
	    T(test_board_settle_raises_the_version_only_for_news),
	    T(test_board_settle_pins_table),
	    T(test_board_settle_pins_agree_with_a_naive_model),
	};
	return cmocka_run_group_tests_name("board_settle", tests, NULL, NULL);
}
