/* SPDX-License-Identifier: MIT */
/* The store when calls fail, and when many threads write the same. */
#include <pthread.h>

#include "store_fixture.h"

static void
test_store_sync_file_by_file_reaches_each_once(void **state)
{
	struct fixture *f = *state;
	struct store_object o;
	f->s->by_file = true;
	for (unsigned i = 0; i < 100; i++) {
		char sop[UID_SIZE];
		(void)snprintf(sop, sizeof(sop), "1.2.%u", i);
		int rc = write_object(f->s, sop, "x", 1, &o, &f->e);
		assert_int_equal(rc, 0);
	}
	assert_int_equal(store_remove(f->s, o.name, &f->e), 0);
	assert_int_equal(f->s->n_pending, 100);

	assert_int_equal(store_sync(f->s, &f->e), 0);

	assert_int_equal(f->s->n_pending, 0);
	assert_int_equal(store_sync(f->s, &f->e), 0);
}

/* One life of an object; 0, or -1 at the first failure. */
static int
scenario(struct store *s, struct err *e)
{
	struct store_object o;
	struct store_map m;
	size_t n = 0;
	static uint8_t bytes[300000];
	struct store_writer *w = store_begin(s, MR, "1.9", LE, e);
	if (w == NULL)
		return -1;
	if (store_write(w, bytes, 200000, e) != 0 ||
	    store_write(w, bytes, 200000, e) != 0 ||
	    store_write(w, bytes, 300000, e) != 0 ||
	    store_peek(w, 100, &n, e) == NULL) {
		store_abort(&w);
		return -1;
	}
	if (store_commit(&w, "1.9", "1.9", "1.9", &o, e) != 0 ||
	    store_sync(s, e) != 0 ||
	    store_map(s, &o, true, &m, e) != 0)
		return -1;
	store_unmap(&m);
	return store_remove(s, o.name, e);
}

static void
fail_every_call(struct fixture *f, int sys)
{
	bool more = true;
	for (unsigned k = 1; more; k++) {
		assert_true(k < 200);
		f->e = (struct err){0};
		store_fail_at(k, sys);
		int rc = scenario(f->s, &f->e);
		more = store_fail_fired();
		store_fail_at(0, 0);

		/* a failure is told, except that of a clean-up */
		assert_int_equal(rc == 0, f->e.code == ERR_NONE);
		/* and the next run is as if nothing had been */
		assert_int_equal(atomic_load(&f->s->writing), 0);
		assert_int_equal(scenario(f->s, &f->e), 0);
		assert_int_equal(walk(f->dir, ".dcm", false), 0);
		assert_int_equal(store_held(f->s), 0);
	}
	store_close(&f->s);
	f->s = store_open(f->dir, &f->e);
	assert_non_null(f->s);
	assert_int_equal(walk(f->dir, "", false), 1);
}

static void
test_store_each_failing_call_leaves_it_clean(void **state)
{
	struct fixture *f = *state;
	fail_every_call(f, EIO);
	fail_every_call(f, ENOSPC);
	f->s->by_file = true;
	fail_every_call(f, EMFILE);
}

static void
test_store_each_failing_call_of_open_can_be_tried_again(void **state)
{
	struct fixture *f = *state;
	char path[256];
	bool more = true;
	for (unsigned k = 1; more; k++) {
		assert_true(k < 100);
		(void)snprintf(path, sizeof(path), "%s/c%u", f->root, k);
		store_fail_at(k, EIO);
		struct store *s = store_open(path, &f->e);
		more = store_fail_fired();
		store_fail_at(0, 0);
		assert_int_equal(s == NULL, more);
		store_close(&s);

		s = store_open(path, &f->e);
		assert_non_null(s);
		store_close(&s);
	}
}

struct storm {
	struct store *s;
	unsigned kept;
	unsigned failed;
};

static void *
storm_work(void *arg)
{
	struct storm *st = arg;
	struct err e;
	struct store_object o;
	for (unsigned i = 0; i < 50; i++) {
		char sop[UID_SIZE];
		(void)snprintf(sop, sizeof(sop), "1.2.%u", i);
		if (write_object(st->s, sop, sop, strlen(sop), &o, &e) == 0)
			st->kept++;
		else
			st->failed++;
	}
	return NULL;
}

static void
test_store_eight_threads_of_the_same_uids_give_one_file(void **state)
{
	struct fixture *f = *state;
	struct storm st[8] = {0};
	pthread_t t[8];

	for (unsigned i = 0; i < 8; i++) {
		st[i].s = f->s;
		assert_int_equal(pthread_create(&t[i], NULL, storm_work,
		    &st[i]), 0);
	}
	for (unsigned i = 0; i < 8; i++)
		(void)pthread_join(t[i], NULL);

	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(st[i].kept, 50);
	assert_int_equal(walk(f->dir, ".dcm", false), 50);
	assert_int_equal(walk(f->dir, "", false), 51);
	assert_int_equal(store_held(f->s), 10 * 5 + 40 * 6);
	assert_int_equal(store_sync(f->s, &f->e), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_store_sync_file_by_file_reaches_each_once),
	    TEST(test_store_each_failing_call_leaves_it_clean),
	    TEST(test_store_each_failing_call_of_open_can_be_tried_again),
	    TEST(test_store_eight_threads_of_the_same_uids_give_one_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
