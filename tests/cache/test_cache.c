/* SPDX-License-Identifier: MIT */
/* Room, use and wishes: what may go, in which order, and what never does. */
#include "cache_fixture.h"

/* Five ready studies of 20 KiB each, used in the order of their names: the
 * cache is full. */
static void
fill(struct fixture *f)
{
	static const char *const uids[] = {"1.1", "1.2", "1.3", "1.4", "1.5"};
	for (unsigned i = 0; i < 5; i++)
		(void)put_study(f, uids[i], 20 * KIB, i + 1);
	assert_true(start(f));
	assert_int_equal(store_held(f->st), 100 * KIB);
}

static struct board_study *
study(struct fixture *f, const char *uid)
{
	struct board_study *s = board_study(f->board, uid);
	assert_non_null(s);
	return s;
}

static bool
room(struct fixture *f, uint64_t bytes)
{
	f->text[0] = '\0';
	bool ok = cache_make_room(f->c, bytes, NOW + 3600, f->text,
	    sizeof(f->text));
	assert_true(ok || f->text[0] != '\0'); /* a reason, in words */
	return ok;
}

/* Which of the five are held, as "1.2 1.3 ..." in ${f}->text. */
static const char *
held(struct fixture *f)
{
	settle(f);
	f->text[0] = '\0';
	for (char c = '1'; c <= '5'; c++) {
		char uid[] = {'1', '.', c, '\0'};
		const struct board_study *s = board_study(f->board, uid);
		bool is_held = s != NULL && s->bytes > 0;
		assert_int_equal(rows_of(f, uid).n, is_held);
		size_t n = strlen(f->text);
		if (is_held)
			(void)snprintf(f->text + n, sizeof(f->text) - n,
			    "%s%s", n == 0 ? "" : " ", uid);
	}
	return f->text;
}

static void
test_cache_room_that_is_there_evicts_nothing(void **state)
{
	struct fixture *f = *state;
	f->conf.size = 120 * KIB;
	fill(f);

	assert_true(room(f, 20 * KIB));
	assert_true(room(f, 0));

	assert_string_equal(held(f), "1.1 1.2 1.3 1.4 1.5");
}

static void
test_cache_room_comes_from_the_least_recently_used(void **state)
{
	struct fixture *f = *state;
	fill(f);
	cache_touch(f->c, "1.1");

	assert_true(room(f, 30 * KIB));

	assert_string_equal(held(f), "1.1 1.4 1.5");
	assert_int_equal(files(f), 3);
	assert_int_equal(store_held(f->st), 60 * KIB);
	assert_int_equal(f->c->leaving_bytes, 0);
	assert_null(board_study(f->board, "1.2"));
	assert_true(f->changed > 0);
}

static void
test_cache_room_is_accounted_before_the_files_are_gone(void **state)
{
	struct fixture *f = *state;
	fill(f);

	assert_true(room(f, 20 * KIB));
	assert_true(cache_is_leaving(f->c, "1.1"));
	assert_int_equal(f->c->leaving_bytes, 20 * KIB);
	assert_int_equal(study(f, "1.1")->bytes, 0);
	assert_true(room(f, 20 * KIB)); /* the same room: nothing more goes */

	assert_string_equal(held(f), "1.2 1.3 1.4 1.5");
	assert_false(cache_is_leaving(f->c, "1.1"));
}

static void
test_cache_study_that_somebody_holds_on_to_never_goes(void **state)
{
	struct fixture *f = *state;
	fill(f);
	study(f, "1.1")->kept = true;
	study(f, "1.2")->state = STUDY_FETCHING;
	study(f, "1.3")->n_cases = 1; /* with a case before the one at hand */
	study(f, "1.3")->deadline_utc = NOW + 60;
	cache_hold(f->c, "1.4");

	assert_true(room(f, 20 * KIB));
	assert_false(room(f, 40 * KIB));

	assert_string_equal(held(f), "1.1 1.2 1.3 1.4");
	cache_release(f->c, "1.4");
}

static void
test_cache_furthest_case_gives_way_only_when_nothing_else_can(void **state)
{
	struct fixture *f = *state;
	fill(f);
	for (char c = '1'; c <= '4'; c++) {
		char uid[] = {'1', '.', c, '\0'};
		study(f, uid)->n_cases = 1;
		study(f, uid)->deadline_utc = NOW + (c - '0') * 7200;
	}

	assert_true(room(f, 20 * KIB));
	assert_string_equal(held(f), "1.1 1.2 1.3 1.4");
	assert_true(room(f, 40 * KIB));
	assert_string_equal(held(f), "1.1 1.2 1.3");

	/* it is wanted still: to be fetched again when there is room */
	const struct board_study *s = study(f, "1.4");
	assert_int_equal(s->state, STUDY_QUEUED);
	assert_int_equal(s->instances, 0);
	assert_string_not_equal(s->reason, "");
}

static void
test_cache_case_at_the_same_hour_does_not_give_way(void **state)
{
	struct fixture *f = *state;
	fill(f);
	for (char c = '1'; c <= '5'; c++) {
		char uid[] = {'1', '.', c, '\0'};
		study(f, uid)->n_cases = 1;
		study(f, uid)->deadline_utc = NOW + 3600;
	}

	assert_false(room(f, 1));

	assert_string_equal(held(f), "1.1 1.2 1.3 1.4 1.5");
}

static void
test_cache_nothing_goes_for_what_would_not_fit_all_the_same(void **state)
{
	static const uint64_t sizes[] = {80 * KIB + 1, 101 * KIB,
	    UINT64_C(1) << 40, UINT64_MAX, UINT64_MAX - 100 * KIB};
	struct fixture *f = *state;
	fill(f);
	study(f, "1.5")->kept = true;

	for (unsigned i = 0; i < 5; i++)
		assert_false(room(f, sizes[i]));

	assert_string_equal(held(f), "1.1 1.2 1.3 1.4 1.5");
	assert_true(room(f, 80 * KIB));
	assert_string_equal(held(f), "1.5");
}

static void
test_cache_disk_beyond_its_reserve_is_never_used(void **state)
{
	struct fixture *f = *state;
	f->conf.reserve = UINT64_C(1) << 60;
	fill(f);

	assert_false(room(f, 1));

	assert_non_null(strstr(f->text, "disk full"));
	assert_string_equal(held(f), "1.1 1.2 1.3 1.4 1.5");
}

static void
test_cache_study_wanted_again_while_it_leaves_is_queued(void **state)
{
	struct fixture *f = *state;
	fill(f);
	assert_true(room(f, 20 * KIB));
	study(f, "1.1")->n_cases = 1;
	study(f, "1.1")->next_try_utc = NOW + 999;

	settle(f);

	const struct board_study *s = study(f, "1.1");
	assert_int_equal(s->state, STUDY_QUEUED);
	assert_int_equal(s->bytes, 0);
	assert_int_equal(s->next_try_utc, 0);
	assert_int_equal(rows_of(f, "1.1").n, 0);
}

static void
test_cache_use_counts_until_released_as_often(void **state)
{
	struct fixture *f = *state;
	fill(f);
	cache_hold(f->c, "1.1");
	cache_hold(f->c, "1.1");
	assert_int_equal(cache_evict(f->c, "1.1", f->text, 400), 409);
	cache_release(f->c, "1.1");
	assert_int_equal(cache_evict(f->c, "1.1", f->text, 400), 409);
	cache_release(f->c, "1.1");
	assert_int_equal(cache_evict(f->c, "1.1", f->text, 400), 202);
	cache_release(f->c, "1.1"); /* once too often is no harm */
	assert_string_equal(held(f), "1.2 1.3 1.4 1.5");
}

static void
test_cache_release_makes_the_study_the_last_used(void **state)
{
	struct fixture *f = *state;
	fill(f);
	f->now_s = NOW + 77;
	cache_hold(f->c, "1.1");
	cache_release(f->c, "1.1");
	cache_hold(f->c, "9.9"); /* of no study here */
	cache_release(f->c, "9.9");

	settle(f);

	assert_int_equal(study(f, "1.1")->last_used_utc, NOW + 77);
	assert_true(room(f, 80 * KIB));
	assert_string_equal(held(f), "1.1");
}

static void
test_cache_evict_table_of_answers(void **state)
{
	struct fixture *f = *state;
	fill(f);
	(void)board_add_study(f->board, "1.7"); /* wanted, nothing here */
	study(f, "1.1")->n_cases = 1;
	study(f, "1.2")->kept = true;
	study(f, "1.3")->state = STUDY_FETCHING;
	cache_hold(f->c, "1.4");
	static const struct {
		const char *uid;
		int status;
		const char *word;
	} rows[] = {
	    {"9.9", 404, "no such"},
	    {"", 404, "no such"},
	    {"1.7", 404, "no such"},
	    {"1.1", 409, "case"},
	    {"1.2", 409, "pinned"},
	    {"1.3", 409, "fetched"},
	    {"1.4", 409, "viewer"},
	    {"1.5", 202, "evicted"},
	    {"1.5", 404, "no such"}, /* it is leaving */
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int rc = cache_evict(f->c, rows[i].uid, f->text, 400);
		if (rc != rows[i].status ||
		    strstr(f->text, rows[i].word) == NULL)
			fail_msg("row %zu: %d '%s'", i, rc, f->text);
	}
	assert_string_equal(held(f), "1.1 1.2 1.3 1.4");
	cache_release(f->c, "1.4");
}

static void
test_cache_keep_is_a_wish_that_outlives_a_restart(void **state)
{
	struct fixture *f = *state;
	fill(f);

	assert_int_equal(cache_keep(f->c, "9.9", true, f->text, 400), 404);
	assert_int_equal(cache_keep(f->c, "1.1", true, f->text, 400), 202);

	assert_true(study(f, "1.1")->kept);
	reopen(f);
	assert_true(start(f));
	assert_true(study(f, "1.1")->kept);
	assert_int_equal(cache_keep(f->c, "1.1", false, f->text, 400), 202);
	assert_true(room(f, 20 * KIB));
	assert_string_equal(held(f), "1.2 1.3 1.4 1.5");
}

static void
test_cache_keep_of_a_study_that_leaves_is_not_promised(void **state)
{
	struct fixture *f = *state;
	fill(f);
	assert_int_equal(cache_evict(f->c, "1.1", f->text, 400), 202);

	assert_int_equal(cache_keep(f->c, "1.1", true, f->text, 400), 409);
	assert_int_equal(cache_keep(f->c, "1.1", false, f->text, 400), 202);

	assert_string_equal(held(f), "1.2 1.3 1.4 1.5");
}

static void
test_cache_keep_before_the_study_arrives_is_not_forgotten(void **state)
{
	struct fixture *f = *state;
	fill(f);
	struct board_study *s = board_add_study(f->board, "1.7");
	assert_int_equal(cache_keep(f->c, "1.7", true, f->text, 400), 202);
	store_set_quota(f->st, UINT64_MAX, 0);
	(void)put_study(f, "1.7", 100, 9); /* it comes */
	s->bytes = 100;

	cache_touch(f->c, "1.7");

	assert_true(rows_of(f, "1.7").kept);
}

static void
test_cache_damaged_object_goes_and_its_study_is_not_ready(void **state)
{
	struct fixture *f = *state;
	struct store_object o = put_study(f, "1.1", 20 * KIB, 1);
	(void)put_object(f, "1.1", "1.1.2", 10);
	index_put_study(f->ix, "1.1", true, 2, "pacs");
	assert_int_equal(index_flush(f->ix, &f->e), 0);
	assert_true(start(f));
	damage(f, &o);

	cache_damaged(f->c, "1.1", o.name);
	settle(f);

	const struct board_study *s = study(f, "1.1");
	assert_int_equal(s->state, STUDY_INCOMPLETE);
	assert_int_equal(s->next_try_utc, 0);
	assert_int_equal(s->instances, 1);
	assert_int_equal(f->missing, 1);
	assert_int_equal(rows_of(f, "1.1").n, 1);
	assert_false(rows_of(f, "1.1").ready);
	assert_int_equal(files(f), 1);
	assert_int_equal(store_held(f->st), 10);
	cache_damaged(f->c, "9.9", o.name); /* of no study here */
	settle(f);
}

static void
test_cache_verify_withdraws_what_does_not_hold_and_nothing_else(void **state)
{
	struct fixture *f = *state;
	struct store_object o = put_study(f, "1.1", 20 * KIB, 1);
	(void)put_study(f, "1.2", 20 * KIB, 2);
	assert_true(start(f));
	damage(f, &o);

	assert_int_equal(cache_verify(f->c, f->text, 400), 202);
	assert_int_equal(cache_verify(f->c, f->text, 400), 409);
	settle(f);

	assert_int_equal(study(f, "1.1")->state, STUDY_INCOMPLETE);
	assert_int_equal(study(f, "1.2")->state, STUDY_READY);
	assert_int_equal(f->missing, 1);
	assert_int_equal(files(f), 1);
	assert_int_equal(cache_verify(f->c, f->text, 400), 202);
	settle(f);
	assert_int_equal(f->missing, 1);
}

static void
test_cache_verify_takes_no_failing_call_for_damage(void **state)
{
	struct fixture *f = *state;
	fill(f);
	for (unsigned k = 1; k < 40; k++) {
		store_fail_at(k, EMFILE);
		assert_int_equal(cache_verify(f->c, f->text, 400), 202);
		settle(f);
		store_fail_at(0, 0);
	}
	assert_int_equal(f->missing, 0);
	assert_string_equal(held(f), "1.1 1.2 1.3 1.4 1.5");
}

static void
test_cache_retention_evicts_only_the_unused_and_unwanted(void **state)
{
	struct fixture *f = *state;
	fill(f);
	study(f, "1.1")->kept = true;
	study(f, "1.2")->n_cases = 1;
	cache_hold(f->c, "1.3");
	cache_expire(f->c);
	assert_string_equal(held(f), "1.1 1.2 1.3 1.4 1.5");

	f->now_s = NOW + f->conf.retention_s - 1000 + 4;
	cache_expire(f->c); /* to the second: not over yet */
	assert_string_equal(held(f), "1.1 1.2 1.3 1.4 1.5");
	f->now_s++;
	cache_expire(f->c);

	assert_string_equal(held(f), "1.1 1.2 1.3 1.5");
	cache_release(f->c, "1.3");
}

static void
test_cache_clock_that_went_back_evicts_nothing(void **state)
{
	struct fixture *f = *state;
	fill(f);
	f->now_s = 0;

	cache_expire(f->c);

	assert_string_equal(held(f), "1.1 1.2 1.3 1.4 1.5");
}

static void
test_cache_eviction_that_cannot_remove_its_files_still_ends(void **state)
{
	struct fixture *f = *state;
	fill(f);
	for (unsigned k = 1; k < 12; k++) {
		store_fail_at(k, EIO);
		(void)room(f, 20 * KIB); /* or not */
		settle(f);
		store_fail_at(0, 0);
		assert_int_equal(f->c->leaving_bytes, 0);
		assert_null(f->c->leaving);
	}
	/* what stayed without a row is swept at the next start */
	reopen(f);
	assert_true(start(f));
	struct index_totals t;
	struct index_reader *r = index_reader_open(f->ix, &f->e);
	assert_int_equal(index_totals(r, &t, &f->e), 0);
	index_reader_close(&r);
	assert_int_equal(files(f), t.instances);
	assert_int_equal(store_held(f->st), t.bytes);
}

static void
test_cache_stopped_with_news_on_their_way_is_no_harm(void **state)
{
	struct fixture *f = *state;
	static const uint8_t name[STORE_NAME_BYTES];
	fill(f);
	cache_hold(f->c, "1.1");
	cache_release(f->c, "1.1");
	cache_damaged(f->c, "1.1", name);
	assert_int_equal(cache_verify(f->c, f->text, 400), 202);
	assert_int_equal(cache_evict(f->c, "1.5", f->text, 400), 202);

	cache_stop(&f->c);

	assert_null(f->c);
	loop_poll(f->loop); /* the sanitizers watch */
	assert_int_equal(f->missing, 0); /* late news is dropped */
	cache_stop(&f->c); /* nothing is fine */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_cache_room_that_is_there_evicts_nothing),
	    TEST(test_cache_room_comes_from_the_least_recently_used),
	    TEST(test_cache_room_is_accounted_before_the_files_are_gone),
	    TEST(test_cache_study_that_somebody_holds_on_to_never_goes),
	    TEST(test_cache_furthest_case_gives_way_only_when_nothing_else_can),
	    TEST(test_cache_case_at_the_same_hour_does_not_give_way),
	    TEST(test_cache_nothing_goes_for_what_would_not_fit_all_the_same),
	    TEST(test_cache_disk_beyond_its_reserve_is_never_used),
	    TEST(test_cache_study_wanted_again_while_it_leaves_is_queued),
	    TEST(test_cache_use_counts_until_released_as_often),
	    TEST(test_cache_release_makes_the_study_the_last_used),
	    TEST(test_cache_evict_table_of_answers),
	    TEST(test_cache_keep_is_a_wish_that_outlives_a_restart),
	    TEST(test_cache_keep_of_a_study_that_leaves_is_not_promised),
	    TEST(test_cache_keep_before_the_study_arrives_is_not_forgotten),
	    TEST(test_cache_damaged_object_goes_and_its_study_is_not_ready),
	    TEST(
		test_cache_verify_withdraws_what_does_not_hold_and_nothing_else
		),
	    TEST(test_cache_verify_takes_no_failing_call_for_damage),
	    TEST(test_cache_retention_evicts_only_the_unused_and_unwanted),
	    TEST(test_cache_clock_that_went_back_evicts_nothing),
	    TEST(test_cache_eviction_that_cannot_remove_its_files_still_ends),
	    TEST(test_cache_stopped_with_news_on_their_way_is_no_harm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
