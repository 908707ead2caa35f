/* SPDX-License-Identifier: MIT */
/* Tests of run/pool. Jobs that have to be caught while they work wait at a
 * gate the test opens; nothing depends on how fast a thread is. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "base/lock.h"
#include "run/pool.h"

#define JOBS 1000

struct fix {
	pthread_t home; /* the loop is run here */
	struct loop *l;
	struct pool *p;
	/* shared, under lock */
	struct lock lock;
	struct cond changed;
	bool gate_open;
	unsigned n_at_gate;
	unsigned n_threads_deaf; /* works that ran with signals blocked */
	/* owned by the loop */
	unsigned n_done;
	bool away; /* a done() ran on another thread */
};

struct task {
	struct job job;
	struct fix *f;
	unsigned order; /* under lock: when its work ran, 0 = never */
	unsigned stops; /* loop */
	unsigned dones; /* loop */
	struct task *then; /* its done() submits this one */
	bool then_free; /* its done() frees the pool */
};

static struct task tasks[JOBS];
static unsigned n_worked; /* under lock */

static void
note_worked_locked(struct task *t)
{
	lock_assert_held(&t->f->lock);
	t->order = ++n_worked;
	sigset_t now;
	(void)pthread_sigmask(SIG_SETMASK, NULL, &now); /* only asks */
	if (sigismember(&now, SIGTERM) == 1)
		t->f->n_threads_deaf++;
}

static void
quick_work(struct job *j)
{
	struct task *t = (struct task *)j;
	lock_acquire(&t->f->lock);
	note_worked_locked(t);
	lock_release(&t->f->lock);
}

static void
gate_work(struct job *j)
{
	struct task *t = (struct task *)j;
	lock_acquire(&t->f->lock);
	note_worked_locked(t);
	t->f->n_at_gate++;
	cond_broadcast(&t->f->changed);
	while (!t->f->gate_open && !atomic_load(&j->cancelled))
		lock_wait(&t->f->lock, &t->f->changed);
	t->f->n_at_gate--;
	lock_release(&t->f->lock);
}

static void
gate_stop(struct job *j)
{
	struct task *t = (struct task *)j;
	t->stops++;
	lock_acquire(&t->f->lock);
	cond_broadcast(&t->f->changed);
	lock_release(&t->f->lock);
}

static void
on_done(struct job *j)
{
	struct task *t = (struct task *)j;
	t->dones++;
	t->f->n_done++;
	if (!pthread_equal(t->f->home, pthread_self()))
		t->f->away = true;
	if (t->then != NULL)
		pool_submit(t->f->p, &t->then->job);
	if (t->then_free)
		pool_free(&t->f->p);
}

static void
submit(struct fix *f, unsigned i, job_fn *work)
{
	tasks[i].f = f;
	tasks[i].job = (struct job){.work = work, .done = on_done};
	if (work == gate_work)
		tasks[i].job.stop = gate_stop;
	pool_submit(f->p, &tasks[i].job);
}

static void
wait_at_gate(struct fix *f, unsigned n)
{
	lock_acquire(&f->lock);
	while (f->n_at_gate < n)
		lock_wait(&f->lock, &f->changed);
	lock_release(&f->lock);
}

static void
open_gate(struct fix *f)
{
	lock_acquire(&f->lock);
	f->gate_open = true;
	cond_broadcast(&f->changed);
	lock_release(&f->lock);
}

static void
poll_until_done(struct fix *f, unsigned n)
{
	while (f->n_done < n)
		loop_poll(f->l);
	assert_int_equal(f->n_done, n);
}

static int
setup(void **state)
{
	static struct fix f;
	struct err e = {0};
	memset(&f, 0, sizeof(f));
	memset(tasks, 0, sizeof(tasks));
	n_worked = 0;
	lock_init(&f.lock);
	cond_init(&f.changed);
	f.home = pthread_self();
	f.l = loop_new(&e);
	if (f.l != NULL)
		f.p = pool_new(f.l, "test", 4, &e);
	*state = &f;
	return f.p == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	struct fix *f = *state;
	open_gate(f);
	pool_free(&f->p);
	loop_free(&f->l);
	cond_done(&f->changed);
	lock_done(&f->lock);
	return 0;
}

static void
assert_each_done_once(struct fix *f, unsigned n)
{
	assert_int_equal(f->n_done, n);
	assert_false(f->away);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(tasks[i].dones, 1);
}

static void
test_pool_thousand_jobs_all_come_home_on_the_loop(void **state)
{
	struct fix *f = *state;

	for (unsigned i = 0; i < JOBS; i++)
		submit(f, i, quick_work);
	assert_int_equal(pool_load(f->p), JOBS);
	poll_until_done(f, JOBS);

	assert_each_done_once(f, JOBS);
	assert_int_equal(pool_load(f->p), 0);
	assert_int_equal(n_worked, JOBS);
	assert_int_equal(f->n_threads_deaf, JOBS);
}

static void
test_pool_of_one_thread_works_in_the_order_of_submitting(void **state)
{
	struct fix *f = *state;
	struct err e = {0};
	pool_free(&f->p);
	f->p = pool_new(f->l, "a name longer than threads may have", 1, &e);
	assert_non_null(f->p);

	for (unsigned i = 0; i < 100; i++)
		submit(f, i, quick_work);
	poll_until_done(f, 100);

	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(tasks[i].order, i + 1);
}

static void
test_pool_starts_as_many_threads_as_there_is_work_for(void **state)
{
	struct fix *f = *state;

	for (unsigned i = 0; i < 6; i++)
		submit(f, i, gate_work);
	wait_at_gate(f, 4);

	assert_int_equal(pool_load(f->p), 6);
	open_gate(f);
	poll_until_done(f, 6);
	assert_each_done_once(f, 6);
}

static void
test_pool_job_cancelled_in_the_queue_never_works(void **state)
{
	struct fix *f = *state;
	for (unsigned i = 0; i < 4; i++)
		submit(f, i, gate_work);
	wait_at_gate(f, 4);
	submit(f, 4, quick_work);
	submit(f, 5, quick_work);

	pool_cancel(f->p, &tasks[5].job);
	assert_int_equal(f->n_done, 0); /* not from within */
	poll_until_done(f, 1);
	open_gate(f);
	poll_until_done(f, 6);

	assert_each_done_once(f, 6);
	assert_int_equal(tasks[5].order, 0);
	assert_true(atomic_load(&tasks[5].job.cancelled));
	assert_int_not_equal(tasks[4].order, 0);
	assert_false(atomic_load(&tasks[4].job.cancelled));
}

static void
test_pool_job_cancelled_at_work_is_stopped_once(void **state)
{
	struct fix *f = *state;
	submit(f, 0, gate_work);
	submit(f, 1, gate_work);
	wait_at_gate(f, 2);

	pool_cancel(f->p, &tasks[0].job);
	poll_until_done(f, 1);

	assert_int_equal(tasks[0].dones, 1);
	assert_int_equal(tasks[0].stops, 1);
	assert_int_equal(tasks[1].stops, 0);
	assert_false(atomic_load(&tasks[1].job.cancelled));
}

static void
test_pool_cancel_all_ends_queue_and_work(void **state)
{
	struct fix *f = *state;
	for (unsigned i = 0; i < 50; i++)
		submit(f, i, gate_work);
	wait_at_gate(f, 4);

	pool_cancel_all(f->p);
	poll_until_done(f, 50);
	submit(f, 50, quick_work); /* it still serves */
	poll_until_done(f, 51);

	assert_each_done_once(f, 51);
	assert_int_equal(n_worked, 5);
}

static void
test_pool_free_with_a_queue_calls_each_done(void **state)
{
	struct fix *f = *state;
	for (unsigned i = 0; i < 50; i++)
		submit(f, i, gate_work);
	wait_at_gate(f, 4);

	pool_free(&f->p);

	assert_null(f->p);
	assert_each_done_once(f, 50);
	assert_int_equal(n_worked, 4);
	loop_poll(f->l); /* posts that find nothing to bring home */
	assert_each_done_once(f, 50);
}

static void
test_pool_free_after_work_and_before_any_poll_is_complete(void **state)
{
	struct fix *f = *state;
	open_gate(f);
	for (unsigned i = 0; i < 100; i++)
		submit(f, i, i % 2 == 0 ? gate_work : quick_work);

	pool_free(&f->p);
	loop_free(&f->l); /* the last post releases the pool */
	assert_int_equal(f->n_done, 100);

	struct err e = {0};
	f->l = loop_new(&e);
	assert_non_null(f->l);
}

static void
test_pool_job_submitted_while_freeing_comes_home_cancelled(void **state)
{
	struct fix *f = *state;
	submit(f, 0, gate_work);
	wait_at_gate(f, 1);
	tasks[0].then = &tasks[1];
	tasks[1].f = f;
	tasks[1].job = (struct job){.work = quick_work, .done = on_done};

	pool_free(&f->p);

	assert_each_done_once(f, 2);
	assert_int_equal(tasks[1].order, 0);
	assert_true(atomic_load(&tasks[1].job.cancelled));
}

static void
test_pool_done_may_submit_again(void **state)
{
	struct fix *f = *state;
	for (unsigned i = 0; i + 1 < 20; i++)
		tasks[i].then = &tasks[i + 1];
	for (unsigned i = 0; i < 20; i++) {
		tasks[i].f = f;
		tasks[i].job = (struct job){.work = quick_work,
		    .done = on_done};
	}

	pool_submit(f->p, &tasks[0].job);
	poll_until_done(f, 20);

	assert_each_done_once(f, 20);
}

static void
test_pool_done_may_free_the_pool(void **state)
{
	struct fix *f = *state;
	for (unsigned i = 0; i < 20; i++)
		submit(f, i, gate_work);
	wait_at_gate(f, 4);
	tasks[3].then_free = true;

	pool_cancel(f->p, &tasks[3].job);
	poll_until_done(f, 20);

	assert_null(f->p);
	assert_each_done_once(f, 20);
}

static void
test_pool_of_no_threads_is_refused(void **state)
{
	struct fix *f = *state;
	struct err e = {0};

	struct pool *p = pool_new(f->l, "none", 0, &e);

	assert_null(p);
	assert_int_equal(e.code, ERR_INVAL);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_pool_thousand_jobs_all_come_home_on_the_loop),
	    T(test_pool_of_one_thread_works_in_the_order_of_submitting),
	    T(test_pool_starts_as_many_threads_as_there_is_work_for),
	    T(test_pool_job_cancelled_in_the_queue_never_works),
	    T(test_pool_job_cancelled_at_work_is_stopped_once),
	    T(test_pool_cancel_all_ends_queue_and_work),
	    T(test_pool_free_with_a_queue_calls_each_done),
	    T(test_pool_free_after_work_and_before_any_poll_is_complete),
	    T(test_pool_job_submitted_while_freeing_comes_home_cancelled),
	    T(test_pool_done_may_submit_again),
	    T(test_pool_done_may_free_the_pool),
	    T(test_pool_of_no_threads_is_refused),
	};
	return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
