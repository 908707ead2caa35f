/* SPDX-License-Identifier: MIT */
/* Tests of model/forecast. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <stdio.h>

#include "board_fix.h"
#include "model/forecast.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define MINUTE_23 (23 * 60) /* NOW in the agent's zone: inside the window */
#define MINUTE_12 (12 * 60) /* outside */

static const struct plan_rules rules = {
    .window = {19 * 60, 6 * 60 + 30},
    .urgent_s = 4 * HOUR,
    .horizon_s = HORIZON,
};

/* A case of ours that wants one study of ${n} objects of 1 MiB, none of which
 * is here. */
static struct board_study *
a_study(struct board *b, const char *id, int64_t in_s, const char *uid,
    unsigned n)
{
	struct casefile f = a_case(id, in_s);
	board_set_cases(b, id, &f, 1, NOW); /* a feed for each */
	struct board_case *c = board_case(b, id);
	c->ours = true;
	give_wants(b, c, &(struct want_row){uid, WANT_YES, NULL}, 1);
	struct board_study *s = board_add_study(b, uid);
	(void)str_copy(s->archive, sizeof(s->archive), "pacs");
	s->expected = n;
	return s;
}

/* The fixture's board without its case; one object of 1 MiB that is here
 * tells the mean. */
static struct board *
a_board(void **state)
{
	struct board *b = *state;
	board_case(b, "7")->ours = false;
	struct board_study *s = board_add_study(b, "1.2.99");
	s->state = STUDY_READY;
	s->instances = s->expected = 1;
	s->bytes = MIB;
	s->kept = true;
	return b;
}

static struct forecast
a_forecast(uint64_t rate)
{
	return (struct forecast){.rules = &rules, .now_utc = NOW,
	    .minute_of_day = MINUTE_23, .n_archives = 1,
	    .archives[0] = {.name = "pacs", .rate = rate, .lanes = 1}};
}

static bool
make(struct board *b, const struct forecast *f)
{
	struct plan_step s[64];
	unsigned n = plan_make(b, f->rules, f->now_utc, f->minute_of_day, s,
	    64);
	return forecast_make(b, f, s, n);
}

static void
test_forecast_late_case_is_known_hours_ahead(void **state)
{
	/* given 14 GiB at 1 MiB/s, which take 3 h 58 min 56 s */
	struct board *b = a_board(state);
	struct forecast f = a_forecast(MIB);
	a_study(b, "A", 3 * HOUR, "1.2.1", 14 * 1024);

	assert_true(make(b, &f));

	const struct board_case *c = board_case(b, "A");
	assert_true(c->late);
	assert_true(c->to_go == 14 * GIB);
	assert_true(c->done_utc == NOW + 14340); /* in whole minutes */
	assert_false(make(b, &f)); /* nothing new to be seen */
}

static void
test_forecast_case_in_time_is_not_late(void **state)
{
	struct board *b = a_board(state);
	struct forecast f = a_forecast(2 * MIB);
	a_study(b, "A", 3 * HOUR, "1.2.1", 14 * 1024);

	assert_true(make(b, &f));

	assert_false(board_case(b, "A")->late);
	assert_true(board_case(b, "A")->done_utc == NOW + 7200); /* 7,168 s */
}

static void
test_forecast_second_case_waits_for_the_first(void **state)
{
	struct board *b = a_board(state);
	struct forecast f = a_forecast(MIB);
	a_study(b, "A", 2 * HOUR, "1.2.1", 3600);
	a_study(b, "B", 3 * HOUR, "1.2.2", 3600);

	make(b, &f);
	assert_true(board_case(b, "A")->done_utc == NOW + 3600);
	assert_true(board_case(b, "B")->done_utc == NOW + 7200);

	/* a second association takes it at once */
	f.archives[0].lanes = 2;
	make(b, &f);
	assert_true(board_case(b, "B")->done_utc == NOW + 3600);
}

static void
test_forecast_bulk_waits_for_the_window_until_it_is_urgent(void **state)
{
	struct board *b = a_board(state);
	struct forecast f = a_forecast(MIB);
	f.minute_of_day = MINUTE_12; /* it opens in 7 hours */
	a_study(b, "A", 20 * HOUR, "1.2.1", 600);
	a_study(b, "B", 10 * HOUR, "1.2.2", 600); /* urgent in 6 */
	a_study(b, "C", 2 * HOUR, "1.2.3", 600); /* urgent */

	make(b, &f);

	assert_true(board_case(b, "A")->done_utc == NOW + 7 * HOUR + 600);
	assert_true(board_case(b, "B")->done_utc == NOW + 6 * HOUR + 600);
	assert_true(board_case(b, "C")->done_utc == NOW + 600);
}

static void
test_forecast_ceiling_binds_bulk_and_not_what_is_urgent(void **state)
{
	struct board *b = a_board(state);
	struct forecast f = a_forecast(4 * MIB);
	f.ceiling = MIB;
	a_study(b, "A", 10 * HOUR, "1.2.1", 3600);
	make(b, &f);
	assert_true(board_case(b, "A")->done_utc == NOW + 3600);

	a_study(b, "A", 2 * HOUR, "1.2.1", 3600);
	make(b, &f);
	assert_true(board_case(b, "A")->done_utc == NOW + 900);
}

static void
test_forecast_of_what_is_not_known_is_none(void **state)
{
	struct board *b = a_board(state);
	struct forecast slow = a_forecast(0), down = a_forecast(MIB);
	struct board_study *s = a_study(b, "A", 2 * HOUR, "1.2.1", 3600);
	const struct board_case *c = board_case(b, "A");

	make(b, &slow); /* no rate was measured */
	assert_true(c->done_utc == 0 && !c->late && c->to_go > 0);

	down.archives[0].down = true; /* nobody knows until when */
	make(b, &down);
	assert_true(c->done_utc == 0 && !c->late);

	s->expected = 0; /* the archive's count is not known */
	down.archives[0].down = false;
	make(b, &down);
	assert_true(c->done_utc == 0 && c->to_go == 0);
}

static void
test_forecast_unready_case_that_has_begun_is_late(void **state)
{
	struct board *b = a_board(state);
	struct forecast f = a_forecast(0);
	struct board_study *s = a_study(b, "A", -60, "1.2.1", 10);

	make(b, &f);
	assert_true(board_case(b, "A")->late);

	s->state = STUDY_READY;
	assert_true(make(b, &f));
	assert_false(board_case(b, "A")->late);
}

static void
test_forecast_counts_what_is_here(void **state)
{
	/* given half of a study whose objects are larger than others */
	struct board *b = a_board(state);
	struct forecast f = a_forecast(MIB);
	struct board_study *s = a_study(b, "A", 2 * HOUR, "1.2.1", 200);
	s->state = STUDY_FETCHING;
	s->instances = 100;
	s->bytes = 1000 * MIB;

	make(b, &f);

	assert_true(board_case(b, "A")->to_go == 1000 * MIB);
	assert_true(s->done_utc == NOW + 1020); /* 1,000 s in whole minutes */
}

static void
test_forecast_never_promises_more_than_the_rate(void **state)
{
	struct board *b = a_board(state);
	struct forecast f = a_forecast(MIB);
	random_state = SEED;
	for (unsigned round = 0; round < 200; round++) {
		char id[8], uid[16];
		(void)snprintf(id, sizeof(id), "c%u", round % 20);
		(void)snprintf(uid, sizeof(uid), "1.2.%u", round % 20);
		struct board_study *s = a_study(b, id,
		    ((int64_t)dice(40) + 1) * HOUR, uid, dice(9000));
		s->state = dice(4) == 0 ? STUDY_READY : STUDY_QUEUED;
		f.archives[0].lanes = 1 + dice(4);
		make(b, &f);
		for (unsigned i = 0; i < board_n_studies(b); i++) {
			const struct board_study *o = board_study_at(b, i);
			assert_true(o->state != STUDY_READY || o->to_go == 0);
			assert_true(o->done_utc == 0 || o->done_utc >=
			    NOW + (int64_t)(o->to_go / MIB));
		}
		assert_false(make(b, &f));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_forecast_late_case_is_known_hours_ahead),
	    T(test_forecast_case_in_time_is_not_late),
	    T(test_forecast_second_case_waits_for_the_first),
	    T(test_forecast_bulk_waits_for_the_window_until_it_is_urgent),
	    T(test_forecast_ceiling_binds_bulk_and_not_what_is_urgent),
	    T(test_forecast_of_what_is_not_known_is_none),
	    T(test_forecast_unready_case_that_has_begun_is_late),
	    T(test_forecast_counts_what_is_here),
	    T(test_forecast_never_promises_more_than_the_rate),
	};
	return cmocka_run_group_tests_name("model/forecast", tests, NULL,
	    NULL);
}
