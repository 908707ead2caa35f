/* SPDX-License-Identifier: MIT */
/* Objects sent to a viewer: what it hears, and what is counted. */
#include "send_fixture.h"

static void
test_send_small_objects_leave_as_they_are_stored(void **state)
{
	static const size_t sizes[] = {1, 1000, 16378, 100001};
	struct fix *f = *state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		char uid[UID_SIZE];
		(void)snprintf(uid, sizeof(uid), "1.2.3.%zu", i);
		struct store_item it = make(f, uid, sizes[i], EXPLICIT_LE);
		will_answer(f, (uint16_t)(i + 1), DIMSE_SUCCESS);

		assert_int_equal(send_item(&f->r, &it, NULL, &f->e), 0);

		assert_last_object(f, uid, bytes, sizes[i]);
		assert_int_equal(f->r.sent, i + 1);
	}
	assert_int_equal(f->r.failed + f->r.warned, 0);
}

static void
test_send_next_object_is_read_before_the_answer_comes(void **state)
{
	struct fix *f = *state;
	struct store_item a = make(f, "1.2.3.1", 5000, EXPLICIT_LE);
	struct store_item b = make(f, "1.2.3.2", 70000, EXPLICIT_LE);
	will_answer(f, 1, DIMSE_SUCCESS);
	assert_int_equal(send_item(&f->r, &a, &b, &f->e), 0);
	lose(f, &b);
	will_answer(f, 2, DIMSE_SUCCESS);

	assert_int_equal(send_item(&f->r, &b, NULL, &f->e), 0);

	assert_last_object(f, "1.2.3.2", bytes, 70000);
	assert_int_equal(f->r.sent, 2);
}

static void
test_send_damaged_small_object_fails_and_the_rest_goes_on(void **state)
{
	struct fix *f = *state;
	struct store_item bad = make(f, "1.2.3.1", 5000, EXPLICIT_LE);
	struct store_item gone = make(f, "1.2.3.2", 5000, EXPLICIT_LE);
	struct store_item good = make(f, "1.2.3.3", 5000, EXPLICIT_LE);
	damage(f, &bad, 4999);
	lose(f, &gone);

	assert_int_equal(send_item(&f->r, &bad, &gone, &f->e), 0);
	assert_int_equal(send_item(&f->r, &gone, &good, &f->e), 0);

	assert_true(heard_nothing(f));
	assert_int_equal(f->r.failed, 2);
	assert_int_equal(f->r.unaccepted, 0);
	assert_int_equal(f->n_damaged, 2);
	assert_string_equal(buf_str(&f->r.failed_uids), "1.2.3.1\\1.2.3.2");
	will_answer(f, 1, DIMSE_SUCCESS);
	assert_int_equal(send_item(&f->r, &good, NULL, &f->e), 0);
	assert_last_object(f, "1.2.3.3", bytes, 5000);
	assert_int_equal(f->r.sent, 1);
}

static void
test_send_damaged_next_object_is_told_once_in_its_turn(void **state)
{
	struct fix *f = *state;
	struct store_item good = make(f, "1.2.3.1", 5000, EXPLICIT_LE);
	struct store_item bad = make(f, "1.2.3.2", 5000, EXPLICIT_LE);
	damage(f, &bad, 0);
	will_answer(f, 1, DIMSE_SUCCESS);
	assert_int_equal(send_item(&f->r, &good, &bad, &f->e), 0);
	assert_int_equal(f->n_damaged, 0);

	assert_int_equal(send_item(&f->r, &bad, NULL, &f->e), 0);

	assert_int_equal(f->n_damaged, 1);
	assert_int_equal(f->r.failed, 1);
}

static void
test_send_evicted_object_is_not_called_damaged(void **state)
{
	struct fix *f = *state;
	struct store_item it = make(f, "1.2.3.1", 5000, EXPLICIT_LE);
	struct store_item large = make(f, "1.2.3.2", LARGE, EXPLICIT_LE);
	lose(f, &it);
	lose(f, &large);
	index_drop_object(f->ix, it.object.name);
	index_drop_object(f->ix, large.object.name);
	assert_int_equal(index_flush(f->ix, &f->e), 0);

	assert_int_equal(send_item(&f->r, &it, NULL, &f->e), 0);
	assert_int_equal(send_item(&f->r, &large, NULL, &f->e), 0);

	assert_true(heard_nothing(f));
	assert_int_equal(f->r.failed, 2);
	assert_int_equal(f->n_damaged, 0);
}

static void
test_send_large_object_is_streamed_whole(void **state)
{
	struct fix *f = *state;
	struct store_item it = make(f, "1.2.3.1", LARGE, EXPLICIT_LE);
	listen_aside(f);
	will_answer(f, 1, DIMSE_SUCCESS);

	assert_int_equal(send_item(&f->r, &it, NULL, &f->e), 0);

	stop_listening(f);
	assert_last_object(f, "1.2.3.1", bytes, LARGE);
	assert_int_equal(f->r.sent, 1);
}

static void
test_send_damaged_large_object_never_gets_its_last_fragment(void **state)
{
	static const size_t where[] = {0, 300000, LARGE - 1};
	struct fix *f = *state;
	for (size_t i = 0; i < COUNT(where); i++) {
		char uid[UID_SIZE];
		struct buf set;
		struct dimse d;
		(void)snprintf(uid, sizeof(uid), "1.2.3.%zu", i);
		struct store_item it = make(f, uid, LARGE, EXPLICIT_LE);
		damage(f, &it, where[i]);
		listen_aside(f);

		assert_int_equal(send_item(&f->r, &it, NULL, &f->e), -1);

		assert_int_equal(f->e.code, ERR_CORRUPT);
		assert_false(assoc_is_open(f->r.to));
		stop_listening(f);
		buf_init(&set, RAW_MAX);
		assert_false(last_object(f, &set, &d));
		assert_true(set.len > 0 && set.len < LARGE);
		assert_int_equal(f->heard.p[f->heard.len - 10], PDU_ABORT);
		assert_int_equal(f->n_damaged, i + 1);
		assert_int_equal(f->r.failed + f->r.sent, 0); /* see door */
		buf_done(&set);
		buf_clear(&f->heard);
		sock_close(&f->peer);
		f->r.to = raw_assoc(&f->peer, UL_STA6, 16384, NULL);
	}
}

static void
test_send_class_or_syntax_that_is_not_accepted_is_counted(void **state)
{
	struct fix *f = *state;
	struct store_item a = make(f, "1.2.3.1", 100, EXPLICIT_LE);
	struct store_item b = make(f, "1.2.3.2", 100,
	    "1.2.840.10008.1.2.4.100"); /* MPEG-2: nothing decodes it */
	(void)str_copy(a.class_uid, UID_SIZE, "1.2.840.10008.5.1.4.1.1.2");

	assert_int_equal(send_item(&f->r, &a, &b, &f->e), 0);
	assert_int_equal(send_item(&f->r, &b, NULL, &f->e), 0);

	assert_true(heard_nothing(f));
	assert_int_equal(f->r.failed, 2);
	assert_int_equal(f->r.unaccepted, 2);
}

static void
test_send_answer_of_the_viewer_is_counted(void **state)
{
	static const struct {
		uint16_t status;
		unsigned sent, warned, failed;
	} rows[] = {{DIMSE_SUCCESS, 1, 0, 0}, {0xB007, 0, 1, 0},
	    {DIMSE_OUT_OF_RESOURCES, 0, 0, 1}, {0xC123, 0, 0, 1}};
	struct fix *f = *state;
	struct store_item it = make(f, "1.2.3.1", 100, EXPLICIT_LE);
	for (size_t i = 0; i < COUNT(rows); i++) {
		f->r.sent = f->r.warned = f->r.failed = 0;
		buf_clear(&f->r.failed_uids);
		will_answer(f, (uint16_t)(i + 1), rows[i].status);

		assert_int_equal(send_item(&f->r, &it, NULL, &f->e), 0);

		assert_int_equal(f->r.sent, rows[i].sent);
		assert_int_equal(f->r.warned, rows[i].warned);
		assert_int_equal(f->r.failed, rows[i].failed);
		assert_string_equal(buf_str(&f->r.failed_uids),
		    rows[i].failed > 0 ? "1.2.3.1" : "");
	}
}

static void
test_send_list_of_failed_uids_is_bounded(void **state)
{
	struct fix *f = *state;
	struct store_item it = {.study_uid = "1.2"};
	for (unsigned i = 0; i < 1000; i++) {
		(void)snprintf(it.instance_uid, UID_SIZE, "1.2.3.4.5.%u", i);
		send_failed(&f->r, &it);
	}

	const char *list = buf_str(&f->r.failed_uids);
	assert_int_equal(f->r.failed, 1000);
	assert_false(f->r.failed_uids.failed);
	assert_true(strlen(list) > 150 && strlen(list) < 200);
	assert_true(str_starts(list, "1.2.3.4.5.0\\1.2.3.4.5.1\\"));
	assert_int_not_equal(list[strlen(list) - 1], '\\');
}

static void
test_send_viewer_that_leaves_ends_it(void **state)
{
	struct fix *f = *state;
	struct store_item it = make(f, "1.2.3.1", 100, EXPLICIT_LE);
	assert_int_equal(shutdown(f->peer, SHUT_WR), 0);

	assert_int_equal(send_item(&f->r, &it, NULL, &f->e), -1);

	assert_int_equal(f->r.failed + f->r.sent, 0);
}

static void
test_send_object_of_a_move_names_who_asked(void **state)
{
	struct fix *f = *state;
	struct store_item it = make(f, "1.2.3.1", 100, EXPLICIT_LE);
	struct dimse rq = {.message_id = 77};
	struct dimse d = {.command = 0};
	struct buf set;
	buf_init(&set, RAW_MAX);
	f->s.a = f->r.to; /* any: its title counts */
	f->r.s = &f->s;
	f->r.rq = &rq;
	f->r.is_move = true;
	will_answer(f, 1, DIMSE_SUCCESS);

	assert_int_equal(send_item(&f->r, &it, NULL, &f->e), 0);

	assert_true(last_object(f, &set, &d));
	assert_string_equal(d.originator, "TESTER");
	assert_int_equal(d.originator_id, 77);
	buf_done(&set);
}

static void
test_send_object_the_viewer_wants_plain_is_decoded(void **state)
{
	struct fix *f = *state;
	struct store_item it = make(f, "1.2.3.1", 100, RLE);
	write_helper(f, 100, "printf "
	    "'\\0\\0\\0\\0\\014\\0\\0\\0\\0\\0\\0\\0plain pixels'; cat >&2");
	will_answer(f, 1, DIMSE_SUCCESS);

	if (send_item(&f->r, &it, NULL, &f->e) != 0)
		fail_msg("%s", f->e.msg);

	assert_last_object(f, "1.2.3.1", "plain pixels", 12);
	assert_int_equal(f->r.sent, 1);
}

static void
test_send_what_cannot_be_decoded_fails_and_is_told_once(void **state)
{
	struct fix *f = *state;
	struct store_item it = make(f, "1.2.3.1", 100, RLE);

	for (unsigned i = 0; i < 3; i++) { /* there is no helper */
		assert_int_equal(send_item(&f->r, &it, NULL, &f->e), 0);
		assert_int_equal(f->r.failed, i + 1);
	}
	write_helper(f, 100, "printf '\\010\\0\\0\\0too bad!'; cat >&2");
	assert_int_equal(send_item(&f->r, &it, NULL, &f->e), 0);

	assert_true(heard_nothing(f));
	assert_int_equal(f->r.failed, 4);
	assert_int_equal(f->r.unaccepted, 0); /* the viewer takes its class */
	assert_int_equal(f->n_warned, 1);
	assert_int_equal(f->n_damaged, 0);
}

static void
test_send_damaged_object_is_never_decoded(void **state)
{
	struct fix *f = *state;
	struct store_item it = make(f, "1.2.3.1", 100, RLE);
	damage(f, &it, 50);
	write_helper(f, 100, "printf "
	    "'\\0\\0\\0\\0\\014\\0\\0\\0\\0\\0\\0\\0plain pixels'");

	assert_int_equal(send_item(&f->r, &it, NULL, &f->e), 0);

	assert_true(heard_nothing(f));
	assert_int_equal(f->r.failed, 1);
	assert_int_equal(f->n_damaged, 1);
}

static void
test_send_helper_that_dies_halfway_tears_the_association(void **state)
{
	struct fix *f = *state;
	struct store_item it = make(f, "1.2.3.1", 100, RLE);
	struct buf set;
	struct dimse d;
	buf_init(&set, RAW_MAX);
	write_helper(f, 100, "printf '\\0\\0\\0\\0\\0\\0\\020\\0\\0\\0\\0\\0';"
	    "dd if=/dev/zero bs=1000 count=600 2>/dev/null");
	listen_aside(f);

	assert_int_equal(send_item(&f->r, &it, NULL, &f->e), -1);

	stop_listening(f);
	assert_false(last_object(f, &set, &d));
	assert_int_equal(f->r.failed + f->r.sent, 0);
	buf_done(&set);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_send_small_objects_leave_as_they_are_stored),
	    TEST(test_send_next_object_is_read_before_the_answer_comes),
	    TEST(test_send_damaged_small_object_fails_and_the_rest_goes_on),
	    TEST(test_send_damaged_next_object_is_told_once_in_its_turn),
	    TEST(test_send_evicted_object_is_not_called_damaged),
	    TEST(test_send_large_object_is_streamed_whole),
	    TEST(test_send_damaged_large_object_never_gets_its_last_fragment),
	    TEST(test_send_class_or_syntax_that_is_not_accepted_is_counted),
	    TEST(test_send_answer_of_the_viewer_is_counted),
	    TEST(test_send_list_of_failed_uids_is_bounded),
	    TEST(test_send_viewer_that_leaves_ends_it),
	    TEST(test_send_object_of_a_move_names_who_asked),
	    TEST(test_send_object_the_viewer_wants_plain_is_decoded),
	    TEST(test_send_what_cannot_be_decoded_fails_and_is_told_once),
	    TEST(test_send_damaged_object_is_never_decoded),
	    TEST(test_send_helper_that_dies_halfway_tears_the_association),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
