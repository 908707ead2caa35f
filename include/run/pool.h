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
	job_fn *stop; /* [any] asked to stop while working: cancel sockets
	               * here; NULL when there is nothing to interrupt */
	/* owned by the pool */
	struct job *next;
	atomic_bool cancelled; /* work looks at it between steps */
	bool running;
};

struct pool;

/* At most ${max} threads named ${name}. */
struct pool *pool_new(struct loop *l, const char *name, unsigned max,
    struct err *e);
/* Cancel all, wait for the running ones, call every done(). On the loop. */
void pool_free(struct pool **pp);
void pool_submit(struct pool *p, struct job *take);
/* Ask ${j}, which is not done yet, to end: it is taken off the queue, or
 * marked and its stop() called. done() still comes. */
void pool_cancel(struct pool *p, struct job *j);
void pool_cancel_all(struct pool *p);
/* Jobs waiting and running. */
unsigned pool_load(const struct pool *p);

#endif
