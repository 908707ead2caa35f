/* SPDX-License-Identifier: MIT */
/* Tests of dicom/assoc: what was agreed, stopping, asking and sending. */
#include "assoc_fixture.h"

static void
test_assoc_contexts_are_found_by_class_and_syntax(void **state)
{
	struct fix *f = *state;
	struct assoc_context c;

	assert_int_equal(assoc_find(f->a, ECHO_CLASS, NULL), 1);
	assert_int_equal(assoc_find(f->a, ECHO_CLASS, IMPLICIT_LE), 1);
	assert_int_equal(assoc_find(f->a, ECHO_CLASS, EXPLICIT_LE), 0);
	assert_int_equal(assoc_find(f->a, MR_CLASS, EXPLICIT_LE), 3);
	/* proposed, but another was chosen */
	assert_int_equal(assoc_find(f->a, MR_CLASS, IMPLICIT_LE), 0);
	assert_true(assoc_context(f->a, 3, &c));
	assert_string_equal(c.abstract, MR_CLASS);
	assert_string_equal(c.syntax, EXPLICIT_LE);
	assert_false(assoc_context(f->a, 2, &c));
	assert_false(assoc_context(f->a, 255, &c));
	assert_string_equal(assoc_calling(f->a), "TESTER");
	assert_string_equal(assoc_called(f->a), "UNDERSTUDY");
}

/* A worker that waits; what it got is looked at after it was joined. */
struct waiter {
	struct fix *f;
	bool for_data;
	int rc;
	struct err e;
};

static void *
waiter_run(void *ctx)
{
	struct waiter *w = ctx;
	struct dimse d;
	uint8_t context = 0;
	w->rc = w->for_data ?
	    assoc_receive_data(w->f->a, 600000, sink_keep, w->f, &w->e) :
	    assoc_receive(w->f->a, 600000, &d, &context, &w->e);
	return NULL;
}

static void
test_assoc_stop_ends_a_waiting_receive_at_once(void **state)
{
	struct fix *f = *state;
	for (int i = 0; i < 4; i++) {
		struct waiter w = {.f = f, .for_data = i % 2 == 1};
		pthread_t thread;
		again(f);
		f->stop.asked = false;
		assert_int_equal(pthread_create(&thread, NULL, waiter_run,
		    &w), 0);

		/* before, while or after it begins to wait: all the same */
		assoc_stop_ask(&f->stop);
		assoc_stop_ask(&f->stop);
		assert_int_equal(pthread_join(thread, NULL), 0);

		assert_int_equal(w.rc, -1);
		assert_int_equal(w.e.code, ERR_CANCELLED);
		assert_false(assoc_is_open(f->a));
	}
}

static void
test_assoc_stop_ends_a_receive_that_already_waits(void **state)
{
	struct fix *f = *state;
	struct waiter w = {.f = f};
	pthread_t thread;
	struct pollfd taken = {.fd = f->peer, .events = POLLOUT};
	assert_int_equal(pthread_create(&thread, NULL, waiter_run, &w), 0);
	/* half a PDU head: once it was read, the worker waits for more */
	assert_int_equal(write(f->peer, "\x04\x00\x00", 3), 3);
	int left = 1;
	for (int i = 0; i < 1000000 && left > 0; i++) {
		assert_int_equal(poll(&taken, 1, 0), 1);
		assert_int_equal(recv(f->a->fd, &left, 1, MSG_PEEK |
		    MSG_DONTWAIT) == 1 ? (left = 1) : (left = 0), left);
	}

	assoc_stop_ask(&f->stop);
	assert_int_equal(pthread_join(thread, NULL), 0);

	assert_int_equal(w.rc, -1);
	assert_int_equal(w.e.code, ERR_CANCELLED);
}

static void
test_assoc_stop_is_heeded_though_data_has_come(void **state)
{
	struct fix *f = *state;
	raw_command(&f->say, 1, 1, false);
	say(f);

	assoc_stop_ask(&f->stop);

	assert_int_equal(receive(f), -1);
	assert_int_equal(f->e.code, ERR_CANCELLED);
}

static void
test_assoc_stop_asked_before_holds_for_a_new_association(void **state)
{
	struct fix *f = *state;
	struct assoc_stop other;
	assoc_stop_init(&other);
	assoc_stop_ask(&other);

	assoc_set_stop(f->a, &other);

	assert_int_equal(receive(f), -1);
	assert_int_equal(f->e.code, ERR_CANCELLED);
	assoc_set_stop(f->a, NULL);
	assoc_stop_ask(&f->stop); /* not its any more: nothing happens */
	assoc_stop_done(&other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_assoc_contexts_are_found_by_class_and_syntax),
	    TEST(test_assoc_stop_ends_a_waiting_receive_at_once),
	    TEST(test_assoc_stop_ends_a_receive_that_already_waits),
	    TEST(test_assoc_stop_is_heeded_though_data_has_come),
	    TEST(test_assoc_stop_asked_before_holds_for_a_new_association),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
