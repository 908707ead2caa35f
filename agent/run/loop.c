/* SPDX-License-Identifier: MIT */
/* The loop thread: running, mail from other threads, gaps in time. */
#include <signal.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stats.h"
#include "run/run_priv.h"

#define GAP_MS 2000 /* less is scheduling noise or a slewed clock */

/* The name behind fn= is found with `nm`: it is the distance from loop_new,
 * which does not change with the place the program is loaded to. */
void
loop_timed(const char *what, intptr_t fn, int64_t began_ns)
{
	int64_t ms = (clock_uptime_ns() - began_ns) / CLOCK_MS;
	if (ms <= LOOP_SLOW_MS)
		return;
	stats_add(STAT_LOOP_SLOW, 1);
	log_warn("run.loop.slow", "what=%s fn=loop_new%+lld ms=%lld "
	    "action=continued", what, (long long)(fn - (intptr_t)loop_new),
	    (long long)ms);
}

static struct clocks
read_clocks(void)
{
	return (struct clocks){
	    .uptime_ns = clock_uptime_ns(),
	    .continuous_ns = clock_continuous_ns(),
	    .utc_ms = clock_utc_ms(),
	};
}

/* Runs before anything else of an iteration, so that a handler which stops
 * timers keeps those from firing that came due while the machine slept. A
 * slewed wall clock adds up over a long idle wait and may then look like a
 * step; that costs one needless look around. */
static void
on_check(struct ev_loop *ev, ev_check *w, int events)
{
	(void)ev; /* known by w->data */
	(void)events; /* only EV_CHECK comes */
	struct loop *l = w->data;
	struct clocks now = read_clocks();
	struct clocks was = l->last;
	l->last = now;
	int64_t slept = now.continuous_ns - was.continuous_ns;
	int64_t asleep_ms = (slept - (now.uptime_ns - was.uptime_ns)) /
	    CLOCK_MS;
	int64_t stepped_ms = now.utc_ms - was.utc_ms - slept / CLOCK_MS;
	if (asleep_ms <= GAP_MS && stepped_ms <= GAP_MS &&
	    stepped_ms >= -GAP_MS)
		return;
	if (l->on_gap == NULL)
		return;
	loop_gap_fn *fn = l->on_gap;
	int64_t began = clock_uptime_ns();
	fn(l->gap_ctx, asleep_ms, stepped_ms);
	loop_timed("gap", (intptr_t)fn, began);
}

void
loop_on_gap(struct loop *l, loop_gap_fn *fn, void *ctx)
{
	l->on_gap = fn;
	l->gap_ctx = ctx;
	l->last = read_clocks();
}

static struct post *
take_posts(struct loop *l)
{
	lock_acquire(&l->lock);
	struct post *first = l->posts;
	l->posts = NULL;
	l->posts_end = &l->posts;
	lock_release(&l->lock);
	return first;
}

/* What is posted meanwhile waits for the next ring: sockets come between. */
static void
run_posts(struct post *p)
{
	while (p != NULL) {
		struct post post = *p;
		mem_free(p);
		p = post.next;
		int64_t began = clock_uptime_ns();
		post.fn(post.ctx);
		loop_timed("post", (intptr_t)post.fn, began);
	}
}

static void
on_ring(struct ev_loop *ev, ev_async *w, int events)
{
	(void)ev; /* known by w->data */
	(void)events; /* only EV_ASYNC comes */
	struct loop *l = w->data;
	run_posts(take_posts(l));
}

void
loop_post(struct loop *l, loop_fn *fn, void *ctx)
{
	struct post *p = mem_new(struct post);
	p->fn = fn;
	p->ctx = ctx;
	lock_acquire(&l->lock);
	bool was_empty = l->posts == NULL;
	*l->posts_end = p;
	l->posts_end = &p->next;
	lock_release(&l->lock);
	if (was_empty)
		ev_async_send(l->ev, &l->ring);
}

static int
ignore_sigpipe(struct err *e)
{
	struct sigaction sa = {.sa_handler = SIG_IGN};
	(void)sigemptyset(&sa.sa_mask); /* cannot fail */
	if (sigaction(SIGPIPE, &sa, NULL) != 0)
		return err_set(e, ERR_IO, 0, "ignore SIGPIPE");
	return 0;
}

struct loop *
loop_new(struct err *e)
{
	if (ignore_sigpipe(e) != 0)
		return NULL;
	/* no EVFLAG_NOENV: LIBEV_FLAGS chooses the backend in tests */
	struct ev_loop *ev = ev_loop_new(EVFLAG_AUTO);
	if (ev == NULL) {
		(void)err_set(e, ERR_IO, 0, /* NULL says it */
		    "start the event loop: no backend works here");
		return NULL;
	}
	struct loop *l = mem_new(struct loop);
	l->ev = ev;
	atomic_init(&l->stop, false);
	lock_init(&l->lock);
	l->posts_end = &l->posts;
	ev_async_init(&l->ring, on_ring);
	l->ring.data = l;
	ev_async_start(ev, &l->ring);
	ev_check_init(&l->check, on_check);
	ev_set_priority(&l->check, EV_MAXPRI);
	l->check.data = l;
	ev_check_start(ev, &l->check);
	l->last = read_clocks();
	return l;
}

void
loop_free(struct loop **pp)
{
	struct loop *l = *pp;
	if (l == NULL)
		return;
	/* the variable stays valid here: what was posted may post again */
	for (struct post *p = take_posts(l); p != NULL; p = take_posts(l))
		run_posts(p);
	*pp = NULL;
	while (l->watchers != NULL)
		l->watchers->halt(l->watchers);
	ev_check_stop(l->ev, &l->check);
	ev_async_stop(l->ev, &l->ring);
	ev_loop_destroy(l->ev);
	lock_done(&l->lock);
	mem_free(l);
}

/* One iteration at a time, so that a loop_stop which came before, or inside
 * loop_poll, is not lost as an ev_break would be. */
void
loop_run(struct loop *l)
{
	while (!atomic_load(&l->stop))
		(void)ev_run(l->ev, EVRUN_ONCE); /* we look at stop */
	atomic_store(&l->stop, false);
}

void
loop_stop(struct loop *l)
{
	atomic_store(&l->stop, true);
	ev_async_send(l->ev, &l->ring);
}

void
loop_poll(struct loop *l)
{
	(void)ev_run(l->ev, EVRUN_NOWAIT); /* the ring always stays active */
}
