/* SPDX-License-Identifier: MIT
 *
 * pool: worker threads for what blocks; jobs come home on the loop.
 * Submitted on the loop. Threads are started when needed, up to a maximum.
 * A job is embedded in the caller's struct; between submit and done it
 * belongs to the pool. done() runs on the loop exactly once, also when the
 * job was cancelled before it began or at shutdown.
 */
#ifndef RUN_POOL_H
#define RUN_POOL_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/err.h"
#include "run/loop.h"

struct job;
typedef void job_fn(struct job *j);

struct job {
	job_fn *work; /* on a worker; not called if cancelled before */
	job_fn *done; /* on the loop; may free the job */
	job_fn *stop; /* on the loop, while or just before or after work
	               * runs: shut its sockets down; NULL when there is
	               * nothing to interrupt */
	/* owned by the pool */
	struct job *next;
	atomic_bool cancelled; /* work looks at it between steps */
	bool running;
};

struct pool;

/* At most ${max} (from 1) threads named ${name} (15 characters count). NULL
 * for a ${max} of 0. Give it back before ${l} is freed. */
struct pool *pool_new(struct loop *l, const char *name, unsigned max,
    struct err *e);
/* Its threads give way to those of other pools where the processor is short:
 * a viewer's image comes before tomorrow's. Before the first job. */
void pool_set_background(struct pool *p);
/* Cancel all, wait for the running ones, call every done(). On the loop's
 * thread, whether or not the loop still runs. A job that such a done()
 * submits comes home cancelled. May be called by a done(). */
void pool_free(struct pool **pp);
/* Begin ${take} as soon as a thread is free, first come first served. Where
 * the system gives no thread at all it comes home cancelled. */
void pool_submit(struct pool *p, struct job *take);
/* Ask ${j}, which is not done yet, to end: it is taken off the queue, or
 * marked and its stop() called. done() still comes, later, not from here;
 * there ${cancelled} only tells that somebody asked: the work may have been
 * completed before. */
void pool_cancel(struct pool *p, struct job *j);
void pool_cancel_all(struct pool *p);
/* Jobs waiting, running, or done with done() still to come (tests). */
unsigned pool_load(const struct pool *p);

#endif
