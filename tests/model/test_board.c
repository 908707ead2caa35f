/* SPDX-License-Identifier: MIT */
/* Tests of model/board: what is on it, and wants kept over a restart. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "board_fix.h"

static void
test_board_cases_are_ordered_by_start_then_id(void **state)
{
	struct board *b = *state;
	struct casefile f[] = {a_case("9", 3 * HOUR), a_case("8", HOUR),
	    a_case("6", 3 * HOUR)};

	board_set_cases(b, "hl7", f, 3, NOW);

	assert_int_equal(board_n_cases(b), 4);
	static const char *const want[] = {"8", "7", "6", "9"};
	for (unsigned i = 0; i < 4; i++) {
		struct board_case *c = board_case_at(b, i);
		assert_string_equal(c->file.id, want[i]);
		assert_ptr_equal(board_case(b, want[i]), c);
	}
	assert_null(board_case(b, "10"));
}

static void
test_board_case_that_stays_keeps_its_wants(void **state)
{
	struct board *b = *state;
	struct board_case *c = board_case(b, "7");
	give_wants(b, c, &(struct want_row){"1.2", WANT_YES, NULL}, 1);
	struct casefile f = a_case("7", 5 * HOUR);

	uint64_t version = board_version(b);
	board_set_cases(b, "list", &f, 1, NOW);

	assert_int_equal(board_case(b, "7")->n_wants, 1);
	assert_int_equal(board_case(b, "7")->asked, ASKED_ANSWERED);
	assert_int_equal(board_case(b, "7")->file.start_utc, NOW + 5 * HOUR);
	assert_true(board_version(b) > version);
	version = board_version(b);
	board_set_cases(b, "list", &f, 1, NOW);
	assert_int_equal(board_version(b), version); /* nothing new */
}

static void
test_board_case_of_another_patient_loses_its_wants(void **state)
{
	struct board *b = *state;
	static const char *const fields[] = {"id", "issuer", "name", "birth",
	    "sex"};

	for (size_t i = 0; i < 5; i++) {
		struct casefile f = a_case("7", 2 * HOUR);
		board_set_cases(b, "list", &f, 1, NOW);
		struct board_case *c = board_case(b, "7");
		give_wants(b, c, &(struct want_row){"1.2", WANT_YES, NULL}, 1);
		unsigned epoch = c->epoch;
		char *at[] = {f.patient.id, f.patient.issuer, f.patient.name,
		    f.patient.birth_date, f.patient.sex};
		at[i][0] = 'X';
		board_set_cases(b, "list", &f, 1, NOW);
		c = board_case(b, "7");
		if (c->n_wants != 0 || c->wants != NULL ||
		    c->asked != ASKED_NEVER || c->answered_utc != 0 ||
		    c->epoch == epoch)
			fail_msg("%s: old wants are still there", fields[i]);
	}
}

static void
test_board_case_of_another_procedure_is_asked_again(void **state)
{
	struct board *b = *state;
	struct board_case *c = board_case(b, "7");
	give_wants(b, c, &(struct want_row){"1.2", WANT_YES, NULL}, 1);
	struct casefile f = a_case("7", 2 * HOUR);
	(void)str_copy(f.procedure, sizeof(f.procedure), "Aortic root");

	board_set_cases(b, "list", &f, 1, NOW);

	assert_int_equal(board_case(b, "7")->asked, ASKED_NEVER);
	assert_int_equal(board_case(b, "7")->n_wants, 1);
}

static void
test_board_case_that_vanished_is_gone_until_its_day_ends(void **state)
{
	struct board *b = *state;
	const int64_t midnight = (NOW / 86400 + 1) * 86400;

	board_set_cases(b, "list", NULL, 0, NOW);
	assert_int_equal(board_n_cases(b), 1);
	assert_true(board_case(b, "7")->gone);
	board_settle(b, NOW, HORIZON);
	assert_string_equal(board_case(b, "7")->reason,
	    "no longer on the list");
	struct casefile f = a_case("7", 2 * HOUR);
	board_set_cases(b, "list", &f, 1, NOW);
	assert_false(board_case(b, "7")->gone);
	board_set_cases(b, "list", NULL, 0, midnight - 1);
	assert_int_equal(board_n_cases(b), 1);
	board_set_cases(b, "list", NULL, 0, midnight);

	assert_int_equal(board_n_cases(b), 0);
	assert_null(board_case(b, "7"));
}

static void
test_board_feeds_do_not_touch_each_other(void **state)
{
	struct board *b = *state;
	struct casefile f[] = {a_case("7", HOUR), a_case("8", HOUR)};

	board_set_cases(b, "hl7", f, 2, NOW);
	assert_int_equal(board_n_cases(b), 3);
	assert_string_equal(board_case(b, "7")->feed, "list");
	assert_string_equal(board_case(b, "7 (hl7)")->feed, "hl7");
	f[0].start_utc += 60;
	board_set_cases(b, "hl7", f, 1, NOW);

	assert_int_equal(board_case(b, "7")->file.start_utc, NOW + 2 * HOUR);
	assert_int_equal(board_case(b, "7 (hl7)")->file.start_utc,
	    NOW + HOUR + 60);
	assert_true(board_case(b, "8")->gone);
	assert_false(board_case(b, "7")->gone);
}

static void
test_board_id_listed_twice_takes_the_last(void **state)
{
	struct board *b = *state;
	struct casefile f[] = {a_case("7", HOUR), a_case("7 (list)", HOUR),
	    a_case("7", 4 * HOUR)};

	board_set_cases(b, "list", f, 3, NOW);

	assert_int_equal(board_n_cases(b), 2);
	assert_int_equal(board_case(b, "7")->file.start_utc, NOW + 4 * HOUR);
}

static void
test_board_many_studies_are_found(void **state)
{
	struct board *b = *state;
	const unsigned n = 20000;
	char uid[UID_SIZE];

	for (unsigned i = 0; i < n; i++) {
		(void)snprintf(uid, sizeof(uid), "1.2.%u", i * 7919 % n);
		board_add_study(b, uid)->instances = i * 7919 % n;
	}

	assert_int_equal(board_n_studies(b), n);
	for (unsigned i = 0; i < n; i++) {
		(void)snprintf(uid, sizeof(uid), "1.2.%u", i);
		assert_int_equal(board_study(b, uid)->instances, i);
	}
	assert_null(board_study(b, "1.2"));
	board_settle(b, NOW, HORIZON);
}

/* The naive model: which uids of 0..49 are there. */
static void
test_board_studies_agree_with_a_naive_model(void **state)
{
	struct board *b = *state;
	bool there[50] = {false};
	random_state = SEED;
	for (unsigned round = 0; round < 1000; round++) {
		char uid[UID_SIZE];
		unsigned which = dice(50);
		(void)snprintf(uid, sizeof(uid), "1.%u", which);
		there[which] = dice(2) == 0;
		if (there[which])
			(void)board_add_study(b, uid);
		else
			board_drop_study(b, uid);
		unsigned n = 0;
		for (unsigned i = 0; i < 50; i++) {
			(void)snprintf(uid, sizeof(uid), "1.%u", i);
			n += there[i];
			if ((board_study(b, uid) != NULL) != there[i])
				fail_msg("seed %u round %u", SEED, round);
		}
		assert_int_equal(board_n_studies(b), n);
		for (unsigned i = 1; i < n; i++)
			assert_true(strcmp(board_study_at(b, i - 1)->uid,
			    board_study_at(b, i)->uid) < 0);
	}
}

/* The naive model: the last list each of two feeds gave, by small numbers. */
struct listed {
	bool on, known;
	int64_t in_s;
};

static void
tell_list(struct board *b, struct listed *l, char letter, const char *feed)
{
	struct casefile f[10];
	unsigned n = 0;
	for (unsigned i = 0; i < 10; i++) {
		l[i].on = dice(2) == 0;
		l[i].known |= l[i].on;
		if (!l[i].on)
			continue;
		l[i].in_s = dice(20) * 60;
		char id[CASE_ID_SIZE];
		(void)snprintf(id, sizeof(id), "%c%u", letter, i);
		f[n++] = a_case(id, l[i].in_s);
	}
	board_set_cases(b, feed, f, n, NOW);
}

static unsigned
check_list(const struct board *b, const struct listed *l, char letter,
    unsigned round)
{
	unsigned known = 0;
	for (unsigned i = 0; i < 10; i++) {
		char id[CASE_ID_SIZE];
		(void)snprintf(id, sizeof(id), "%c%u", letter, i);
		const struct board_case *c = board_case(b, id);
		known += l[i].known;
		if ((c != NULL) != l[i].known || (c != NULL &&
		    (c->gone == l[i].on ||
		    c->file.start_utc != NOW + l[i].in_s)))
			fail_msg("seed %u round %u id %s", SEED, round, id);
	}
	return known;
}

static void
test_board_cases_agree_with_a_naive_model(void **state)
{
	struct board *b = *state;
	struct listed a[10] = {{false, false, 0}};
	struct listed z[10] = {{false, false, 0}};
	random_state = SEED;
	for (unsigned round = 0; round < 1000; round++) {
		if (dice(2) == 0)
			tell_list(b, a, 'a', "A");
		else
			tell_list(b, z, 'z', "Z");
		unsigned n = 1; /* "7" of setup */
		n += check_list(b, a, 'a', round);
		n += check_list(b, z, 'z', round);
		assert_int_equal(board_n_cases(b), n);
		for (unsigned i = 1; i < n; i++)
			assert_true(
			    board_case_at(b, i - 1)->file.start_utc <=
			    board_case_at(b, i)->file.start_utc);
	}
}

static void
wants_blob(struct board *b, struct buf *blob)
{
	struct want_row rows[] = {{"1.2.3", WANT_YES, "cardiac-mr: 'heart'"},
	    {"1.2.4", WANT_NO, ""}, {"1.2.5", WANT_HELD, "gr\xc3\xbc\xc3\x9f"}};
	struct board_case *c = board_case(b, "7");
	give_wants(b, c, rows, 3);
	c->wants[0].id_only = true;
	buf_init(blob, 10000);
	board_format_wants(blob, c);
	assert_false(blob->failed);
}

static void
test_board_wants_survive_a_restart(void **state)
{
	struct board *b = *state;
	struct buf blob;
	struct err e = {0};
	wants_blob(b, &blob);
	struct board *after = board_new();
	struct casefile f = a_case("7", 2 * HOUR);
	board_set_cases(after, "list", &f, 1, NOW);
	struct board_case *c = board_case(after, "7");

	assert_int_equal(board_parse_wants(after, c, blob.p, blob.len, &e), 0);

	assert_int_equal(c->n_wants, 3);
	assert_memory_equal(c->wants, board_case(b, "7")->wants,
	    3 * sizeof(c->wants[0]));
	assert_int_equal(c->answered_utc, NOW - 60);
	assert_int_equal(c->asked, ASKED_NEVER);
	board_free(&after);
	buf_done(&blob);
}

static void
test_board_wants_of_another_patient_are_not_taken_over(void **state)
{
	struct board *b = *state;
	struct buf blob;
	struct err e = {0};
	wants_blob(b, &blob);
	struct board_case *c = board_case(b, "7");
	struct casefile f = a_case("7", 2 * HOUR);
	(void)str_copy(f.patient.issuer, sizeof(f.patient.issuer), "OTHER");
	board_set_cases(b, "list", &f, 1, NOW);

	assert_int_equal(board_parse_wants(b, c, blob.p, blob.len, &e), 0);

	assert_int_equal(c->n_wants, 0);
	assert_int_equal(c->answered_utc, 0);
	buf_done(&blob);
}

static void
test_board_damaged_wants_are_refused_and_change_nothing(void **state)
{
	struct board *b = *state;
	struct buf blob;
	wants_blob(b, &blob);
	struct board_case *c = board_case(b, "7");
	uint64_t version = board_version(b);

	for (size_t i = 0; i < blob.len * 8; i++) {
		struct err e = {0};
		blob.p[i / 8] ^= (uint8_t)(1u << i % 8);
		int rc = board_parse_wants(b, c, blob.p, blob.len, &e);
		blob.p[i / 8] ^= (uint8_t)(1u << i % 8);
		if (rc != -1 || e.code != ERR_CORRUPT)
			fail_msg("bit %zu", i);
	}
	for (size_t n = 0; n < blob.len; n++) {
		struct err e = {0};
		assert_int_equal(board_parse_wants(b, c, blob.p, n, &e), -1);
		assert_int_equal(e.code, ERR_CORRUPT);
	}

	assert_int_equal(board_version(b), version);
	assert_int_equal(c->n_wants, 3);
	buf_done(&blob);
}

static void
test_board_names_are_those_of_the_contract(void **state)
{
	(void)state; /* none */
	assert_string_equal(study_state_name(STUDY_QUEUED), "queued");
	assert_string_equal(study_state_name(STUDY_INCOMPLETE), "incomplete");
	assert_string_equal(study_state_name(STUDY_FAILED), "failed");
	assert_string_equal(readiness_name(READINESS_NONE), "none");
	assert_string_equal(readiness_name(READINESS_FAILED), "failed");
	assert_string_equal(push_state_name(PUSH_NONE), "none");
	assert_string_equal(push_state_name(PUSH_NOW), "sending");
	assert_string_equal(push_state_name(PUSH_DONE), "done");
	assert_string_equal(push_state_name(PUSH_FAILED), "failed");
	assert_string_equal(want_kind_name(WANT_NO), "no");
	assert_string_equal(want_kind_name(WANT_YES), "wanted");
	assert_string_equal(want_kind_name(WANT_HELD), "held");
}

static void
test_board_push_columns_are_left_alone_and_go_with_the_study(void **state)
{
	struct board *b = *state;
	static const struct want_row row[] = {{"1.1", WANT_YES, NULL}};
	give_wants(b, board_case(b, "7"), row, 1);
	struct board_study *s = board_add_study(b, "1.1");
	s->push = PUSH_DONE;
	s->in_viewer = 312;

	assert_false(board_is_pushed(b));
	uint64_t version = board_version(b);
	board_set_pushed(b, true);
	assert_true(board_version(b) > version);
	board_settle(b, NOW, HORIZON);

	assert_true(board_is_pushed(b));
	assert_int_equal(board_study(b, "1.1")->push, PUSH_DONE);
	assert_int_equal(board_study(b, "1.1")->in_viewer, 312);
	board_drop_study(b, "1.1");
	assert_int_equal(board_add_study(b, "1.1")->push, PUSH_NONE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_board_cases_are_ordered_by_start_then_id),
	    T(test_board_case_that_stays_keeps_its_wants),
	    T(test_board_case_of_another_patient_loses_its_wants),
	    T(test_board_case_of_another_procedure_is_asked_again),
	    T(test_board_case_that_vanished_is_gone_until_its_day_ends),
	    T(test_board_feeds_do_not_touch_each_other),
	    T(test_board_id_listed_twice_takes_the_last),
	    T(test_board_many_studies_are_found),
	    T(test_board_studies_agree_with_a_naive_model),
	    T(test_board_cases_agree_with_a_naive_model),
	    T(test_board_wants_survive_a_restart),
	    T(test_board_wants_of_another_patient_are_not_taken_over),
	    T(test_board_damaged_wants_are_refused_and_change_nothing),
	    T(test_board_push_columns_are_left_alone_and_go_with_the_study),
	    T(test_board_names_are_those_of_the_contract),
	};
	return cmocka_run_group_tests_name("board", tests, NULL, NULL);
}
