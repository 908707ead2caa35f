/* SPDX-License-Identifier: MIT */
/* What is asked for next: the whole study, or chunks that lanes share. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "prefetch/prefetch_priv.h"
#include "wire/scan.h"

#define LINES 1200
#define SERIES 3 /* in turn, so that their UIDs are mixed */

struct fixture {
	struct intake in;
	struct ticket k;
	struct ticket_line lines[LINES];
	struct prefetch_archive archive;
	struct transfer t;
	unsigned asked[LINES]; /* how often */
};

static int
setup(void **state)
{
	struct fixture *f = mem_new(struct fixture);
	struct ticket_turn turn = {.archive = 0, .ae_title = "PACS"};
	tickets_init(&f->in.tickets);
	for (unsigned i = 0; i < LINES; i++) {
		struct ticket_line *l = &f->lines[i];
		(void)snprintf(l->uid, UID_SIZE, "2.25.%04u", i);
		(void)snprintf(l->series_uid, UID_SIZE, "1.2.3.%u",
		    i % SERIES);
		l->archives = 1;
	}
	(void)str_copy(f->k.study_uid, UID_SIZE, "1.2.3"); /* short */
	f->k.lines = f->lines;
	f->k.n_lines = LINES;
	ticket_sort(&f->k);
	ticket_begin_turn(&f->in.tickets, &f->k, &turn);
	f->t = (struct transfer){.in = &f->in, .ticket = &f->k, .lanes = 1,
	    .ar = &f->archive};
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	tickets_done(&f->in.tickets);
	mem_free(f);
	return 0;
}

/* Ask once: how many instances were named, 0 = nothing is left. Checks that
 * they are of the series that is named. */
static unsigned
next(struct fixture *f)
{
	struct attrs keys;
	char uids[(UID_SIZE + 1) * ARCHIVE_UIDS_MAX];
	unsigned n = 0;
	if (transfer_next(&f->t, &keys) == 0)
		return 0;
	assert_string_equal(attrs_value(&keys, TAG_LEVEL), "IMAGE");
	(void)str_copy(uids, sizeof(uids),
	    attrs_value(&keys, TAG_SOP_INSTANCE)); /* it fits */
	char *rest = NULL;
	for (char *u = strtok_r(uids, "\\", &rest); u != NULL;
	    u = strtok_r(NULL, "\\", &rest)) {
		struct ticket_line *l = ticket_line(&f->k, u);
		assert_non_null(l);
		assert_string_equal(l->series_uid,
		    attrs_value(&keys, TAG_SERIES_UID));
		f->asked[l - f->lines]++;
		n++;
	}
	attrs_done(&keys);
	return n;
}

static void
assert_each_asked(const struct fixture *f, unsigned from, unsigned times)
{
	for (unsigned i = from; i < LINES; i++)
		if (f->asked[i] != times)
			fail_msg("line %u was asked for %u times", i,
			    f->asked[i]);
}

static void
test_transfer_study_that_is_not_here_is_asked_as_a_whole(void **state)
{
	struct fixture *f = *state;
	struct attrs keys;

	assert_int_equal(transfer_next(&f->t, &keys), 1);

	assert_string_equal(attrs_value(&keys, TAG_LEVEL), "STUDY");
	assert_string_equal(attrs_value(&keys, TAG_STUDY_UID), "1.2.3");
	attrs_done(&keys);
	assert_int_equal(transfer_next(&f->t, &keys), 0);
}

static void
test_transfer_of_missing_ones_names_each_once_in_lists(void **state)
{
	struct fixture *f = *state;
	(void)ticket_mark(&f->in.tickets, &f->k, f->lines[0].uid);

	unsigned n = 0;
	unsigned requests = 0;
	for (unsigned k = next(f); k > 0; k = next(f)) {
		assert_true(k <= ARCHIVE_UIDS_MAX);
		n += k;
		requests++;
	}

	assert_int_equal(n, LINES - 1);
	assert_int_equal(requests, SERIES); /* of 400, or 399 */
	assert_int_equal(f->asked[0], 0);
	assert_each_asked(f, 1, 1);
}

static void
test_transfer_by_wado_rs_names_series_that_are_wholly_missing(void **state)
{
	struct fixture *f = *state;
	struct attrs keys;
	f->archive.retrieve = PREFETCH_WADO_RS;
	(void)ticket_mark(&f->in.tickets, &f->k, f->lines[0].uid);

	for (unsigned i = 1; i < SERIES; i++) {
		const char *uid = f->lines[i].series_uid;
		unsigned left = ticket_count_free(&f->in.tickets, &f->k);
		assert_int_equal(transfer_next(&f->t, &keys), 1);
		assert_string_equal(attrs_value(&keys, TAG_LEVEL), "SERIES");
		assert_string_equal(attrs_value(&keys, TAG_SERIES_UID), uid);
		attrs_done(&keys);
		assert_int_equal(ticket_count_free(&f->in.tickets, &f->k),
		    left - LINES / SERIES);
	}
	assert_int_equal(next(f), LINES / SERIES - 1); /* of its series */
	assert_int_equal(next(f), 0);
}

static void
test_transfer_lanes_share_all_and_end_with_small_chunks(void **state)
{
	struct fixture *f = *state;
	unsigned last = 0;
	unsigned most = 0;
	f->t.lanes = 4;

	for (unsigned i = 0;; i++) {
		f->t.lane = i % 4;
		unsigned k = next(f);
		if (k == 0)
			break;
		most = k > most ? k : most;
		last = k;
	}

	assert_each_asked(f, 0, 1);
	assert_true(most <= LINES / 8);
	assert_true(last <= LANE_CHUNK_MIN);
}

static void
test_transfer_what_a_lane_gives_back_is_asked_again(void **state)
{
	struct fixture *f = *state;
	f->t.lanes = 4;
	f->t.lane = 2;
	unsigned n = next(f);
	f->t.lane = 0;
	while (next(f) > 0)
		continue;
	assert_int_equal(ticket_count_free(&f->in.tickets, &f->k), 0);

	ticket_give_back(&f->in.tickets, &f->k, 2 + 1);

	assert_int_equal(ticket_count_free(&f->in.tickets, &f->k), n);
	f->t.lanes = 1;
	assert_int_equal(next(f), n);
	assert_int_equal(next(f), 0);
}

static void
test_transfer_asks_an_archive_for_what_it_lists_only(void **state)
{
	struct fixture *f = *state;
	struct ticket_turn turn = {.archive = 1, .ae_title = "OTHER"};
	for (unsigned i = 0; i < LINES; i += 10)
		f->lines[i].archives = 3;

	ticket_begin_turn(&f->in.tickets, &f->k, &turn);
	while (next(f) > 0)
		continue;

	for (unsigned i = 0; i < LINES; i++)
		assert_int_equal(f->asked[i], i % 10 == 0);
}

static void
test_transfer_twice_listed_instance_is_one_of_both_archives(void **state)
{
	struct fixture *f = *state;
	(void)str_copy(f->lines[1].uid, UID_SIZE, f->lines[0].uid);
	f->lines[1].archives = 2;
	(void)str_copy(f->lines[1].class_uid, UID_SIZE, "1.2.840.1");

	ticket_sort(&f->k);

	assert_int_equal(f->k.n_lines, LINES - 1);
	assert_int_equal(f->lines[0].archives, 3);
	assert_string_equal(f->lines[0].series_uid, "1.2.3.0");
	assert_string_equal(f->lines[0].class_uid, "1.2.840.1");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_transfer_study_that_is_not_here_is_asked_as_a_whole),
	    TEST(test_transfer_of_missing_ones_names_each_once_in_lists),
	    TEST(test_transfer_by_wado_rs_names_series_that_are_wholly_missing),
	    TEST(test_transfer_lanes_share_all_and_end_with_small_chunks),
	    TEST(test_transfer_what_a_lane_gives_back_is_asked_again),
	    TEST(test_transfer_asks_an_archive_for_what_it_lists_only),
	    TEST(test_transfer_twice_listed_instance_is_one_of_both_archives),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
