/* SPDX-License-Identifier: MIT */
/* Room as a whole: water marks, pins that do not fit, a smaller size, and
 * what is being read while it goes. */
#include "cache_fixture.h"

#include "base/stats.h"
#include "index/index_priv.h"

/* ${n} ready studies 1.1 .. of 10 KiB each, used in this order. */
static void
fill(struct fixture *f, unsigned n)
{
	for (unsigned i = 1; i <= n; i++) {
		char uid[16];
		(void)snprintf(uid, sizeof(uid), "1.%u", i);
		(void)put_study(f, uid, 10 * KIB, i);
	}
	assert_true(start(f));
	f->now_s += 61; /* the lists were read meanwhile */
}

/* A case ${id} that starts in ${in_s} and wants study ${uid}. */
static void
add_case(struct fixture *f, const char *id, const char *uid, int64_t in_s)
{
	struct casefile file = {.start_utc = NOW + in_s,
	    .end_utc = NOW + in_s + 3600, .patient = {.id = "P1"}};
	(void)str_copy(file.id, sizeof(file.id), id);
	board_set_cases(f->board, id, &file, 1, NOW); /* a feed each */
	struct board_case *c = board_case(f->board, id);
	struct board_want *w = mem_new_n(struct board_want, 1);
	(void)str_copy(w->study_uid, UID_SIZE, uid);
	w->kind = WANT_YES;
	c->ours = true;
	board_set_wants(f->board, c, w, 1);
	board_settle(f->board, f->now_s, f->conf.horizon_s);
}

static unsigned
held_studies(struct fixture *f)
{
	unsigned n = 0;
	settle(f);
	for (unsigned i = 0; i < board_n_studies(f->board); i++)
		n += board_study_at(f->board, i)->bytes > 0;
	return n;
}

static void
test_space_above_the_high_mark_is_emptied_to_the_low_one(void **state)
{
	struct fixture *f = *state;
	f->conf.high = 80;
	f->conf.low = 50;
	fill(f, 9);
	int64_t before = stats_get(STAT_EVICTIONS);

	cache_look(f->c);
	assert_int_equal(f->c->leaving_bytes, 40 * KIB); /* at once */

	assert_int_equal(held_studies(f), 5);
	assert_null(board_study(f->board, "1.4"));
	assert_non_null(board_study(f->board, "1.5"));
	assert_int_equal(store_held(f->st), 50 * KIB);
	assert_int_equal(stats_get(STAT_EVICTIONS), before + 4);
	cache_trim(f->c);
	assert_int_equal(held_studies(f), 5);
}

static void
test_space_below_the_high_mark_nothing_goes(void **state)
{
	struct fixture *f = *state;
	f->conf.high = 90;
	f->conf.low = 50;
	fill(f, 9);

	cache_look(f->c);

	assert_int_equal(held_studies(f), 9);
}

static void
test_space_in_the_first_minute_nothing_is_trimmed(void **state)
{
	struct fixture *f = *state;
	f->conf.high = 80;
	f->conf.low = 50;
	fill(f, 9);
	f->now_s -= 2;

	cache_look(f->c);

	assert_int_equal(held_studies(f), 9);
}

static void
test_space_trimming_leaves_what_somebody_needs(void **state)
{
	struct fixture *f = *state;
	f->conf.high = 80;
	f->conf.low = 10;
	f->conf.horizon_s = 86400;
	fill(f, 9);
	add_case(f, "C1", "1.1", 3600);
	board_study(f->board, "1.2")->kept = true;
	board_study(f->board, "1.3")->state = STUDY_FETCHING;
	cache_hold(f->c, "1.4");

	cache_look(f->c);

	assert_int_equal(held_studies(f), 4);
	cache_release(f->c, "1.4");
}

/* C12: the size was made smaller than what is held. */
static void
test_space_smaller_size_converges_and_sooner_cases_stay(void **state)
{
	struct fixture *f = *state;
	f->conf.size = 100 * KIB;
	f->conf.horizon_s = 86400;
	f->conf.high = 95;
	f->conf.low = 85;
	fill(f, 9);
	reopen(f);
	f->conf.size = 25 * KIB;
	assert_true(start(f));
	f->now_s += 61;
	add_case(f, "C1", "1.1", 3600);
	add_case(f, "C2", "1.2", 7200);
	add_case(f, "C3", "1.3", 10800);

	cache_look(f->c);

	assert_int_equal(held_studies(f), 2);
	assert_true(board_study(f->board, "1.1")->bytes > 0);
	assert_true(board_study(f->board, "1.2")->bytes > 0);
	assert_string_not_equal(board_case(f->board, "C3")->room_reason, "");
	assert_string_equal(board_case(f->board, "C2")->room_reason, "");
	assert_true(store_held(f->st) <= 25 * KIB);
}

static unsigned told; /* lines about cases without room */

static void
count_told(void *ctx, enum log_level level, const char *line)
{ /* log_sink_fn */
	(void)ctx;
	(void)level;
	told += strstr(line, "cache.case.no_room") != NULL;
}

static void
test_space_case_that_does_not_fit_is_told_once(void **state)
{
	struct fixture *f = *state;
	f->conf.horizon_s = 2 * 86400;
	fill(f, 1);
	add_case(f, "C1", "1.1", 3600);
	add_case(f, "C2", "2.1", 86400);
	struct board_study *s = board_add_study(f->board, "2.1");
	s->listed = 10;
	s->object_bytes = 10 * KIB;
	told = 0;
	log_set_sink(count_told, NULL);

	cache_look(f->c);
	cache_look(f->c);

	log_set_sink(quiet, NULL);
	assert_int_equal(told, 1);
	assert_non_null(strstr(board_case(f->board, "C2")->room_reason,
	    "10.0 KiB more than the cache holds"));
	assert_true(board_study(f->board, "2.1")->no_room);
	assert_int_equal(held_studies(f), 1);
}

/* C11: the file goes while it is read; every byte of it is served. */
static void
test_space_what_is_read_while_it_goes_is_served_whole(void **state)
{
	struct fixture *f = *state;
	struct store_object o = put_study(f, "1.1", 90 * KIB, 1);
	struct store_reader *r;
	uint8_t *p = mem_new_n(uint8_t, 100 * KIB);
	size_t n = 0;
	assert_true(start(f));
	assert_int_equal(store_read_begin(f->st, &o, &r, &f->e), 0);
	assert_int_equal(store_read(r, p, 10, &n, &f->e), 0);

	assert_int_equal(cache_evict(f->c, "1.1", f->text, 400), 202);
	settle(f);

	assert_int_equal(files(f), 0);
	assert_int_equal(store_read(r, p, 100 * KIB, &n, &f->e), 0);
	assert_int_equal(n, 90 * KIB - 10); /* and its digest holds */
	store_read_end(&r);
	mem_free(p);
}

/* K03: a clock that was set evicts nothing for its age. */
static void
test_space_after_a_step_of_the_clock_age_is_no_reason(void **state)
{
	struct fixture *f = *state;
	fill(f, 3);
	f->now_s += 60 * 86400; /* the tests' clocks go together */
	cache_clock_stepped(f->c);

	cache_expire(f->c);
	assert_int_equal(held_studies(f), 3);
	f->now_s += 3601;
	cache_expire(f->c);

	assert_int_equal(held_studies(f), 0);
}

static void
test_space_failing_disk_is_left_alone_for_a_while(void **state)
{
	struct fixture *f = *state;
	f->conf.high = 80;
	f->conf.low = 50;
	fill(f, 9);
	store_fail_at(3, EIO); /* measured twice, then a file */
	cache_look(f->c);
	assert_int_equal(held_studies(f), 5);
	assert_int_equal(store_held(f->st), 60 * KIB); /* one file stayed */
	assert_true(f->c->trim_after_ns > clock_uptime_ns());
	store_fail_at(0, 0);

	for (unsigned i = 0; i < board_n_studies(f->board); i++) {
		const struct board_study *s = board_study_at(f->board, i);
		assert_int_equal(rows_of(f, s->uid).n, s->instances);
	}
	reopen(f); /* the sweep takes it */
	assert_true(start(f));
	assert_int_equal(held_studies(f), 5);
	assert_int_equal(store_held(f->st), 50 * KIB);
	assert_int_equal(files(f), 5);
}

/* The rows of what leaves cannot be dropped: it stays, with its files. */
static void
test_space_full_disk_under_the_index_keeps_the_study(void **state)
{
	struct fixture *f = *state;
	fill(f, 2);
	assert_int_equal(0, index_sql_exec(f->ix->db,
	    "PRAGMA max_page_count = 1", &f->e));
	for (int i = 0; i < 200; i++) { /* the same batch: no page for it */
		char sop[24];
		struct store_object o = {.length = 10, .offset = 300};
		(void)snprintf(sop, sizeof(sop), "1.2.7.%d", i);
		store_name(o.name, "1.2", "1.9", sop);
		put_row(f, "1.2", sop, &o);
	}

	(void)cache_evict(f->c, "1.1", f->text, sizeof(f->text)); /* begins */
	settle(f);

	assert_true(index_lost(f->ix) > 0);
	assert_int_equal(board_study(f->board, "1.1")->state, STUDY_READY);
	assert_int_equal(rows_of(f, "1.1").n, 1);
	assert_int_equal(files(f), 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_space_above_the_high_mark_is_emptied_to_the_low_one),
	    TEST(test_space_below_the_high_mark_nothing_goes),
	    TEST(test_space_in_the_first_minute_nothing_is_trimmed),
	    TEST(test_space_trimming_leaves_what_somebody_needs),
	    TEST(test_space_smaller_size_converges_and_sooner_cases_stay),
	    TEST(test_space_case_that_does_not_fit_is_told_once),
	    TEST(test_space_what_is_read_while_it_goes_is_served_whole),
	    TEST(test_space_after_a_step_of_the_clock_age_is_no_reason),
	    TEST(test_space_failing_disk_is_left_alone_for_a_while),
	    TEST(test_space_full_disk_under_the_index_keeps_the_study),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
