/* SPDX-License-Identifier: MIT */
/* Locks that know their state, and waits that end. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/lock.h"

#define THREADS 4
#define ROUNDS 20000

struct shared {
	struct lock lock;
	struct cond cond;
	int64_t count; /* under lock */
	int turn; /* under lock: whose it is */
};

static void
shared_init(struct shared *s)
{
	lock_init(&s->lock);
	cond_init(&s->cond);
	s->count = 0;
	s->turn = 0;
}

static void
shared_done(struct shared *s)
{
	cond_done(&s->cond);
	lock_done(&s->lock);
}

static void *
add_many(void *ctx)
{
	struct shared *s = ctx;
	for (int i = 0; i < ROUNDS; i++) {
		lock_acquire(&s->lock);
		lock_assert_held(&s->lock);
		s->count++;
		lock_release(&s->lock);
	}
	return NULL;
}

static void
test_lock_keeps_threads_apart(void **state)
{
	struct shared s;
	pthread_t t[THREADS];
	(void)state;
	shared_init(&s);

	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, add_many, &s), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(t[i], NULL), 0);

	assert_int_equal(s.count, THREADS * ROUNDS);
	shared_done(&s);
}

static void
test_lock_assert_held_aborts_when_nobody_holds_it(void **state)
{
	int status = 0;
	(void)state;
	pid_t pid = fork();
	if (pid == 0) {
		struct lock l;
		(void)signal(SIGABRT, SIG_DFL); /* not cmocka's */
		(void)close(STDERR_FILENO); /* its last words are not ours */
		lock_init(&l);
		lock_acquire(&l);
		lock_assert_held(&l);
		lock_release(&l);
		lock_assert_held(&l);
		_exit(0);
	}

	assert_int_equal(waitpid(pid, &status, 0), pid);

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void
test_lock_wait_ms_ends_and_holds_the_lock_again(void **state)
{
	static const int64_t waits[] = {0, 1, 2, -1, -5, -1000, -999999,
	    INT64_MIN};
	struct shared s;
	(void)state;
	shared_init(&s);
	lock_acquire(&s.lock);
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		/* nobody signals; a wake without reason is allowed, once */
		bool early = lock_wait_ms(&s.lock, &s.cond, waits[i]) &&
		    lock_wait_ms(&s.lock, &s.cond, waits[i]);
		assert_false(early);
		lock_assert_held(&s.lock);
	}
	lock_release(&s.lock);
	shared_done(&s);
}

/* Take turns with the other thread: each passes it back. */
static void *
pass_back(void *ctx)
{
	struct shared *s = ctx;
	lock_acquire(&s->lock);
	for (int i = 0; i < 500; i++) {
		while (s->turn != 1)
			lock_wait(&s->lock, &s->cond);
		lock_assert_held(&s->lock);
		s->turn = 0;
		s->count++;
		cond_broadcast(&s->cond);
	}
	lock_release(&s->lock);
	return NULL;
}

static void
test_lock_wait_gives_the_lock_up_meanwhile(void **state)
{
	struct shared s;
	pthread_t t;
	bool woken = true;
	(void)state;
	shared_init(&s);
	assert_int_equal(pthread_create(&t, NULL, pass_back, &s), 0);

	lock_acquire(&s.lock);
	for (int i = 0; i < 500; i++) {
		s.turn = 1;
		cond_signal(&s.cond);
		while (s.turn == 1 && woken)
			woken = lock_wait_ms(&s.lock, &s.cond, 60000);
	}
	lock_release(&s.lock);
	assert_int_equal(pthread_join(t, NULL), 0);

	assert_true(woken);
	assert_int_equal(s.count, 500);
	shared_done(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lock_keeps_threads_apart),
	    cmocka_unit_test(
		test_lock_assert_held_aborts_when_nobody_holds_it),
	    cmocka_unit_test(test_lock_wait_ms_ends_and_holds_the_lock_again),
	    cmocka_unit_test(test_lock_wait_gives_the_lock_up_meanwhile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
