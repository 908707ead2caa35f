/* SPDX-License-Identifier: MIT */
/* Mutex and condition with holder tracking. */
#include <assert.h>
#include <errno.h>
#include <time.h>

#include "base/lock.h"

void
lock_init(struct lock *l)
{
	int rc = pthread_mutex_init(&l->m, NULL);
	assert(rc == 0);
	(void)rc; /* only the assert reads it */
	atomic_init(&l->held, false);
}

void
lock_done(struct lock *l)
{
	(void)pthread_mutex_destroy(&l->m); /* fails only if held: our bug */
}

void
lock_acquire(struct lock *l)
{
	int rc = pthread_mutex_lock(&l->m);
	assert(rc == 0);
	(void)rc; /* only the assert reads it */
	atomic_store(&l->held, true);
}

void
lock_release(struct lock *l)
{
	atomic_store(&l->held, false);
	(void)pthread_mutex_unlock(&l->m); /* we hold it */
}

void
lock_assert_held(const struct lock *l)
{
	assert(atomic_load(&l->held));
	(void)l; /* only the assert reads it */
}

void
cond_init(struct cond *c)
{
#ifdef __APPLE__
	(void)pthread_cond_init(&c->c, NULL); /* relative waits, see below */
#else
	pthread_condattr_t a;
	(void)pthread_condattr_init(&a);
	(void)pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&c->c, &a);
	(void)pthread_condattr_destroy(&a);
#endif
}

void
cond_done(struct cond *c)
{
	(void)pthread_cond_destroy(&c->c); /* fails only if waited on */
}

void
cond_signal(struct cond *c)
{
	(void)pthread_cond_signal(&c->c); /* cannot fail */
}

void
cond_broadcast(struct cond *c)
{
	(void)pthread_cond_broadcast(&c->c); /* cannot fail */
}

void
lock_wait(struct lock *l, struct cond *c)
{
	lock_assert_held(l);
	atomic_store(&l->held, false);
	(void)pthread_cond_wait(&c->c, &l->m); /* cannot fail */
	atomic_store(&l->held, true);
}

bool
lock_wait_ms(struct lock *l, struct cond *c, int64_t ms)
{
	lock_assert_held(l);
	if (ms < 0)
		ms = 0; /* too late already is no error */
	atomic_store(&l->held, false);
	struct timespec ts = {.tv_sec = (time_t)(ms / 1000),
	    .tv_nsec = (long)(ms % 1000 * 1000000)};
#ifdef __APPLE__
	int rc = pthread_cond_timedwait_relative_np(&c->c, &l->m, &ts);
#else
	struct timespec now = {0};
	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail */
	ts.tv_sec += now.tv_sec;
	ts.tv_nsec += now.tv_nsec;
	if (ts.tv_nsec >= 1000000000) {
		ts.tv_sec++;
		ts.tv_nsec -= 1000000000;
	}
	int rc = pthread_cond_timedwait(&c->c, &l->m, &ts);
#endif
	atomic_store(&l->held, true);
	return rc != ETIMEDOUT;
}
