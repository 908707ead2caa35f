/* SPDX-License-Identifier: MIT
 *
 * loop: the one loop thread: sockets, timers, signals, mail from threads.
 * Everything here is called on the loop unless marked [any].
 * Owns its watchers. Cookies: a non-NULL one will call back; the stop
 * functions take the address, tolerate NULL inside, and empty it.
 * Never waits in a callback; one over 50 ms is counted and warned about.
 */
#ifndef RUN_LOOP_H
#define RUN_LOOP_H

#include <stdint.h>

#include "base/err.h"

struct loop;
struct loop_io;
struct loop_timer;
struct loop_signal;

/* SIGPIPE is ignored from here on; LIBEV_FLAGS chooses another backend. */
struct loop *loop_new(struct err *e);
/* Run what was posted, release every watcher that is left. */
void loop_free(struct loop **pp);
/* Run until loop_stop [any], also if that was called before. */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);
/* Run what is ready, without waiting (tests). */
void loop_poll(struct loop *l);

enum { LOOP_READ = 1, LOOP_WRITE = 2 };
typedef void loop_io_fn(void *ctx, int events);
/* Call ${fn} whenever ${fd} is ready, until stopped; any stop function may
 * be called in any callback, and what was stopped calls no more. */
struct loop_io *loop_io_start(struct loop *l, int fd, int events,
    loop_io_fn *fn, void *ctx);
void loop_io_stop(struct loop_io **pp);

typedef void loop_fn(void *ctx);
/* Once, after ${ms}; the cookie is dead when ${fn} is called (the holder
 * sets it to NULL first thing). */
struct loop_timer *loop_timer_start(struct loop *l, int64_t ms, loop_fn *fn,
    void *ctx);
void loop_timer_stop(struct loop_timer **pp);

typedef void loop_signal_fn(void *ctx, int signum);
struct loop_signal *loop_signal_start(struct loop *l, int signum,
    loop_signal_fn *fn, void *ctx);
void loop_signal_stop(struct loop_signal **pp);

/* [any] Call ${fn} on the loop, soon, exactly once, in the order of posting;
 * also after loop_run ended, by loop_free. Never fails. */
void loop_post(struct loop *l, loop_fn *fn, void *ctx);

/* Called when the machine slept for ${asleep_ms} over 2 s, or the wall clock
 * stepped by more than 2 s either way, before due timers run. One at a time;
 * NULL ends it. */
typedef void loop_gap_fn(void *ctx, int64_t asleep_ms, int64_t stepped_ms);
void loop_on_gap(struct loop *l, loop_gap_fn *fn, void *ctx);

#endif
