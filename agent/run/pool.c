/* SPDX-License-Identifier: MIT */
/* Worker threads, a queue to them and a list of jobs on their way home.
 *
 * DESIGN  A job moves: submit -> queue -> a worker -> home -> done(); or,
 * cancelled in time, from the queue straight home. Each job put on the home
 * list posts on_home once, and each on_home brings one job home, so the loop
 * times every done() for itself. pool_free empties the list by itself; the
 * posts that are still under way then find it empty, and the last of them
 * releases the pool's memory.
 */
#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#if defined(__linux__)
#include <sys/prctl.h>
#include <sys/resource.h>
#elif defined(__APPLE__)
#include <pthread/qos.h>
#endif

#include "base/lock.h"
#include "base/mem.h"
#include "base/str.h"
#include "run/pool.h"

#define STACK_BYTES (1024 * 1024) /* macOS gives threads 512 KiB: too few */
#define NAME_SIZE 16 /* prctl(2) PR_SET_NAME */
#define BACKGROUND_NICE 10 /* setpriority(2): a ninth of the others' share */

struct queue {
	struct job *first, **end;
};

struct worker {
	struct pool *pool;
	pthread_t thread;
	struct job *job; /* under the pool's lock; NULL when idle */
};

struct pool {
	/* set at birth, then constant */
	struct loop *loop;
	char name[NAME_SIZE];
	unsigned max;
	bool background;
	/* shared, under lock */
	struct lock lock;
	struct cond wake;
	struct queue queue;
	struct queue home;
	unsigned n_queued, n_idle;
	unsigned n_posts; /* on_home calls that are to come */
	bool closing; /* loop: no job begins any more */
	bool freed; /* loop: the last on_home releases the memory */
	/* owned by the loop */
	struct worker *workers;
	unsigned n_workers;
	unsigned load;
};

static void
queue_put(struct queue *q, struct job *j)
{
	j->next = NULL;
	*q->end = j;
	q->end = &j->next;
}

static struct job *
queue_take(struct queue *q)
{
	struct job *j = q->first;
	if (j == NULL)
		return NULL;
	q->first = j->next;
	if (q->first == NULL)
		q->end = &q->first;
	j->next = NULL;
	return j;
}

/* Take ${j} out; false when it is not there. */
static bool
queue_remove(struct queue *q, struct job *j)
{
	struct job **at = &q->first;
	while (*at != NULL && *at != j)
		at = &(*at)->next;
	if (*at == NULL)
		return false;
	*at = j->next;
	if (*at == NULL)
		q->end = at;
	j->next = NULL;
	return true;
}

static void
release(struct pool *p)
{
	cond_done(&p->wake);
	lock_done(&p->lock);
	mem_free(p->workers);
	mem_free(p);
}

static struct job *
take_home(struct pool *p)
{
	lock_acquire(&p->lock);
	struct job *j = queue_take(&p->home);
	lock_release(&p->lock);
	return j;
}

static void
come_home(struct pool *p, struct job *j)
{
	assert(p->load > 0);
	p->load--;
	j->done(j);
}

/* loop_fn */
static void
on_home(void *ctx)
{
	struct pool *p = ctx;
	struct job *j = take_home(p);
	if (j != NULL)
		come_home(p, j);
	lock_acquire(&p->lock);
	p->n_posts--;
	bool last = p->freed && p->n_posts == 0;
	lock_release(&p->lock);
	if (last)
		release(p);
}

/* Afterwards, without the lock, the caller posts on_home once. */
static void
send_home_locked(struct pool *p, struct job *j)
{
	lock_assert_held(&p->lock);
	queue_put(&p->home, j);
	p->n_posts++;
}

static void
name_thread(const char *name)
{
#if defined(__linux__)
	(void)prctl(PR_SET_NAME, name, 0, 0, 0); /* a help for debuggers */
#elif defined(__APPLE__)
	(void)pthread_setname_np(name); /* a help for debuggers */
#else
	(void)name;
#endif
}

/* Of this thread alone: on Linux a priority is a thread's (setpriority(2)). */
static void
step_back(void)
{
#if defined(__linux__)
	(void)setpriority(PRIO_PROCESS, 0, BACKGROUND_NICE); /* as it is else */
#elif defined(__APPLE__)
	(void)pthread_set_qos_class_self_np(QOS_CLASS_UTILITY,
	    0); /* see above */
#endif
}

/* The next job for ${w}, or NULL when the pool closes. */
static struct job *
next_job(struct pool *p, struct worker *w)
{
	lock_acquire(&p->lock);
	p->n_idle++;
	while (p->queue.first == NULL && !p->closing)
		lock_wait(&p->lock, &p->wake);
	p->n_idle--;
	struct job *j = queue_take(&p->queue);
	if (j != NULL) {
		p->n_queued--;
		j->running = true;
		w->job = j;
	}
	lock_release(&p->lock);
	return j;
}

static void *
worker_main(void *arg)
{
	struct worker *w = arg;
	struct pool *p = w->pool;
	name_thread(p->name);
	if (p->background)
		step_back();
	for (;;) {
		struct job *j = next_job(p, w);
		if (j == NULL)
			return NULL;
		j->work(j);
		lock_acquire(&p->lock);
		j->running = false;
		w->job = NULL;
		send_home_locked(p, j);
		lock_release(&p->lock);
		/* j may be gone now; p waits for this thread */
		loop_post(p->loop, on_home, p);
	}
}

/* Signals belong to the loop's thread: a worker is born deaf. */
static int
start_thread(struct worker *w)
{
	sigset_t all;
	sigset_t old;
	(void)sigfillset(&all); /* cannot fail */
	pthread_attr_t attr;
	if (pthread_attr_init(&attr) != 0)
		return -1;
	/* refused only below PTHREAD_STACK_MIN or off a page's border */
	(void)pthread_attr_setstacksize(&attr, STACK_BYTES);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old); /* valid */
	int rc = pthread_create(&w->thread, &attr, worker_main, w);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL); /* valid */
	(void)pthread_attr_destroy(&attr); /* cannot fail */
	return rc == 0 ? 0 : -1;
}

/* Another thread if all are busy; false when there is none at all. */
static bool
have_worker(struct pool *p)
{
	lock_acquire(&p->lock);
	bool enough = p->n_idle >= p->n_queued;
	lock_release(&p->lock);
	if (enough || p->n_workers == p->max)
		return true;
	struct worker *w = &p->workers[p->n_workers];
	w->pool = p;
	if (start_thread(w) == 0)
		p->n_workers++;
	return p->n_workers > 0;
}

struct pool *
pool_new(struct loop *l, const char *name, unsigned max, struct err *e)
{
	if (max == 0) {
		(void)err_set(e, ERR_INVAL, 0, /* NULL says it */
		    "start the pool '%s': want 1 thread or more, have 0", name);
		return NULL;
	}
	struct pool *p = mem_new(struct pool);
	p->loop = l;
	(void)str_copy(p->name, sizeof(p->name), name); /* may be cut */
	p->max = max;
	p->workers = mem_new_n(struct worker, max);
	lock_init(&p->lock);
	cond_init(&p->wake);
	p->queue.end = &p->queue.first;
	p->home.end = &p->home.first;
	return p;
}

void
pool_submit(struct pool *p, struct job *take)
{
	assert(take->work != NULL && take->done != NULL);
	take->running = false;
	atomic_store(&take->cancelled, false);
	p->load++;
	lock_acquire(&p->lock);
	bool closing = p->closing;
	if (closing) {
		atomic_store(&take->cancelled, true);
		send_home_locked(p, take);
	} else {
		queue_put(&p->queue, take);
		p->n_queued++;
		cond_signal(&p->wake);
	}
	lock_release(&p->lock);
	if (closing)
		loop_post(p->loop, on_home, p);
	else if (!have_worker(p))
		pool_cancel(p, take);
}

void
pool_set_background(struct pool *p)
{
	p->background = true;
}

void
pool_cancel(struct pool *p, struct job *j)
{
	lock_acquire(&p->lock);
	atomic_store(&j->cancelled, true);
	bool running = j->running;
	bool waiting = !running && queue_remove(&p->queue, j);
	if (waiting) {
		p->n_queued--;
		send_home_locked(p, j);
	}
	lock_release(&p->lock);
	if (waiting)
		loop_post(p->loop, on_home, p);
	/* it cannot be freed meanwhile: done() comes on this thread */
	if (running && j->stop != NULL)
		j->stop(j);
}

void
pool_cancel_all(struct pool *p)
{
	lock_acquire(&p->lock);
	struct job *j = queue_take(&p->queue);
	unsigned n = 0;
	for (; j != NULL; j = queue_take(&p->queue)) {
		atomic_store(&j->cancelled, true);
		send_home_locked(p, j);
		n++;
	}
	p->n_queued = 0;
	lock_release(&p->lock);
	while (n-- > 0)
		loop_post(p->loop, on_home, p);
	for (unsigned i = 0; i < p->n_workers; i++) {
		lock_acquire(&p->lock);
		j = p->workers[i].job;
		lock_release(&p->lock);
		if (j != NULL)
			pool_cancel(p, j);
	}
}

unsigned
pool_load(const struct pool *p)
{
	return p->load;
}

void
pool_free(struct pool **pp)
{
	struct pool *p = *pp;
	if (p == NULL)
		return;
	lock_acquire(&p->lock);
	assert(!p->closing); /* not from a done() that pool_free calls */
	p->closing = true;
	cond_broadcast(&p->wake);
	lock_release(&p->lock);
	pool_cancel_all(p);
	for (unsigned i = 0; i < p->n_workers; i++)
		(void)pthread_join(p->workers[i].thread, NULL); /* ours */
	/* the variable stays valid here: a done() may look at the load */
	for (struct job *j = take_home(p); j != NULL; j = take_home(p))
		come_home(p, j);
	assert(p->load == 0);
	*pp = NULL;
	lock_acquire(&p->lock);
	p->freed = true;
	bool last = p->n_posts == 0;
	lock_release(&p->lock);
	if (last)
		release(p);
}
