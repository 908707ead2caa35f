/* SPDX-License-Identifier: MIT */
/* Studies on their way: every follower gets every object once. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "prefetch/flow.h"

#define STUDY "1.2.3"
#define MANY 2000
#define READERS 4

struct fixture {
	struct flows t;
	struct flow *f;
	struct err e;
	atomic_uint wrong;
};

static int
setup(void **state)
{
	struct fixture *x = mem_new(struct fixture);
	bool fresh = false;
	flows_init(&x->t);
	x->f = flow_join(&x->t, STUDY, FLOW_RUNNING, &fresh);
	assert_true(fresh);
	*state = x;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *x = *state;
	flow_leave(&x->t, &x->f);
	flows_done(&x->t);
	mem_free(x);
	return 0;
}

static void
put(struct fixture *x, unsigned i)
{
	struct store_item it = {.object = {.length = i}};
	(void)str_copy(it.series_uid, UID_SIZE, "1.2.3.4"); /* short */
	(void)snprintf(it.instance_uid, UID_SIZE, "1.2.3.4.%u", i);
	(void)snprintf(it.class_uid, UID_SIZE, "1.2.%u", i % 3);
	(void)str_copy(it.syntax, UID_SIZE, "1.2.840.10008.1.2.1");
	flow_put(&x->t, x->f, &it);
}

static void *
reader(void *ctx)
{
	struct fixture *x = ctx;
	struct store_item it;
	struct err e;
	unsigned at = 0;
	unsigned n = 0;
	int rc = 1;
	while (rc == 0 || rc == 1) {
		rc = flow_next(&x->t, x->f, &at, 20000, &it, &e);
		if (rc != 1)
			continue;
		atomic_fetch_add(&x->wrong, it.object.length != n);
		n++;
	}
	atomic_fetch_add(&x->wrong, rc != 2 || n != MANY);
	return NULL;
}

static void
test_flow_many_readers_each_get_all_in_order(void **state)
{
	struct fixture *x = *state;
	pthread_t threads[READERS];

	for (unsigned i = 0; i < MANY; i++) {
		if (i % (MANY / READERS) == 0) /* some come late */
			assert_int_equal(pthread_create(
			    &threads[i / (MANY / READERS)], NULL, reader, x),
			    0);
		put(x, i);
	}
	flow_end(&x->t, x->f, NULL, false);

	for (unsigned i = 0; i < READERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(atomic_load(&x->wrong), 0);
}

static void
test_flow_failure_comes_after_what_is_here(void **state)
{
	struct fixture *x = *state;
	struct store_item it;
	struct err e, why;
	unsigned at = 0;
	put(x, 0);
	(void)err_set(&why, ERR_NET, 0, "it left");

	flow_end(&x->t, x->f, &why, false);

	assert_int_equal(flow_next(&x->t, x->f, &at, 0, &it, &e), 1);
	assert_string_equal(it.study_uid, STUDY);
	assert_string_equal(it.class_uid, "1.2.0");
	assert_string_equal(it.syntax, "1.2.840.10008.1.2.1");
	assert_int_equal(flow_next(&x->t, x->f, &at, 0, &it, &e), -1);
	assert_int_equal(e.code, ERR_NET);
	assert_string_equal(e.msg, "it left");
}

static void
test_flow_cut_gives_nothing_more(void **state)
{
	struct fixture *x = *state;
	struct store_item it;
	struct err e, why;
	unsigned at = 0;
	put(x, 0);
	(void)err_set(&why, ERR_PARSE, 0, "another patient");

	flow_end(&x->t, x->f, &why, true);

	assert_int_equal(flow_next(&x->t, x->f, &at, 0, &it, &e), -1);
	assert_int_equal(flow_decided(&x->t, x->f, 0, &e), -1);
}

static void
test_flow_without_objects_says_so_in_time(void **state)
{
	struct fixture *x = *state;
	struct store_item it;
	struct err e;
	unsigned at = 0;

	assert_int_equal(flow_next(&x->t, x->f, &at, 1, &it, &e), 0);
	flow_set(&x->t, x->f, FLOW_ASKED);
	assert_int_equal(flow_decided(&x->t, x->f, 1, &e), -1);
	assert_int_equal(e.code, ERR_TIMEOUT);
}

static void
test_flow_that_has_ended_is_joined_no_more(void **state)
{
	struct fixture *x = *state;
	bool fresh = false;
	struct flow *same = flow_join(&x->t, STUDY, FLOW_ASKED, &fresh);
	assert_ptr_equal(same, x->f);
	assert_false(fresh);
	flow_leave(&x->t, &same);

	flow_end(&x->t, x->f, NULL, false);

	struct flow *next = flow_join(&x->t, STUDY, FLOW_ASKED, &fresh);
	assert_ptr_not_equal(next, x->f);
	assert_true(fresh);
	struct flow *asked = flow_asked(&x->t);
	assert_ptr_equal(asked, next);
	flow_leave(&x->t, &asked);
	flow_leave(&x->t, &next);
}

static void
test_flow_halt_ends_every_wait(void **state)
{
	struct fixture *x = *state;
	struct store_item it;
	struct err e;
	unsigned at = 0;
	put(x, 0);

	flows_halt(&x->t);

	assert_int_equal(flow_next(&x->t, x->f, &at, 20000, &it, &e), -1);
	assert_int_equal(e.code, ERR_CANCELLED);
	flow_set(&x->t, x->f, FLOW_ASKED);
	assert_int_equal(flow_decided(&x->t, x->f, 20000, &e), -1);
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(test_flow_many_readers_each_get_all_in_order),
	    T(test_flow_failure_comes_after_what_is_here),
	    T(test_flow_cut_gives_nothing_more),
	    T(test_flow_without_objects_says_so_in_time),
	    T(test_flow_that_has_ended_is_joined_no_more),
	    T(test_flow_halt_ends_every_wait),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
