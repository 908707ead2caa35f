/* SPDX-License-Identifier: MIT */
/* Cookies: sockets, timers and signals that the loop looks at.
 * Stopping one in any callback is safe: libev forgets a stopped watcher that
 * is still pending, and looks at none again once its callback was entered. */
#include "base/clock.h"
#include "base/mem.h"
#include "run/run_priv.h"

struct loop_io {
	struct watcher w;
	ev_io io;
	int events;
	loop_io_fn *fn;
	void *ctx;
};

struct loop_timer {
	struct watcher w;
	ev_timer timer;
	loop_fn *fn;
	void *ctx;
};

struct loop_signal {
	struct watcher w;
	ev_signal signal;
	loop_signal_fn *fn;
	void *ctx;
};

static void
link_in(struct loop *l, struct watcher *w, void (*halt)(struct watcher *w))
{
	w->l = l;
	w->halt = halt;
	w->next = l->watchers;
	if (w->next != NULL)
		w->next->prev = w;
	l->watchers = w;
}

static void
unlink_and_free(struct watcher *w)
{
	if (w->next != NULL)
		w->next->prev = w->prev;
	if (w->prev != NULL)
		w->prev->next = w->next;
	else
		w->l->watchers = w->next;
	mem_free(w); /* it stands first in its struct */
}

static void
halt_io(struct watcher *w)
{
	struct loop_io *p = (struct loop_io *)w;
	ev_io_stop(w->l->ev, &p->io);
	unlink_and_free(w);
}

/* A broken descriptor comes as readable and writable: the holder's next
 * read or write tells what is wrong. */
static void
on_io(struct ev_loop *ev, ev_io *io, int revents)
{
	(void)ev; /* known by the watcher */
	struct loop_io *p = io->data;
	loop_io_fn *fn = p->fn;
	int events = ((revents & EV_READ) != 0 ? LOOP_READ : 0) |
	    ((revents & EV_WRITE) != 0 ? LOOP_WRITE : 0);
	int64_t began = clock_uptime_ns();
	fn(p->ctx, events & p->events);
	loop_timed("io", (intptr_t)fn, began);
}

struct loop_io *
loop_io_start(struct loop *l, int fd, int events, loop_io_fn *fn, void *ctx)
{
	struct loop_io *p = mem_new(struct loop_io);
	p->events = events;
	p->fn = fn;
	p->ctx = ctx;
	ev_io_init(&p->io, on_io, fd,
	    ((events & LOOP_READ) != 0 ? EV_READ : 0) |
	    ((events & LOOP_WRITE) != 0 ? EV_WRITE : 0));
	p->io.data = p;
	link_in(l, &p->w, halt_io);
	ev_io_start(l->ev, &p->io);
	return p;
}

void
loop_io_stop(struct loop_io **pp)
{
	struct loop_io *p = *pp;
	*pp = NULL;
	if (p != NULL)
		halt_io(&p->w);
}

static void
halt_timer(struct watcher *w)
{
	struct loop_timer *p = (struct loop_timer *)w;
	ev_timer_stop(w->l->ev, &p->timer);
	unlink_and_free(w);
}

static void
on_timer(struct ev_loop *ev, ev_timer *timer, int revents)
{
	(void)ev; /* known by the watcher */
	(void)revents; /* only EV_TIMER comes */
	struct loop_timer *p = timer->data;
	loop_fn *fn = p->fn;
	void *ctx = p->ctx;
	halt_timer(&p->w);
	int64_t began = clock_uptime_ns();
	fn(ctx);
	loop_timed("timer", (intptr_t)fn, began);
}

struct loop_timer *
loop_timer_start(struct loop *l, int64_t ms, loop_fn *fn, void *ctx)
{
	struct loop_timer *p = mem_new(struct loop_timer);
	p->fn = fn;
	p->ctx = ctx;
	/* else it would count from when this iteration woke up */
	ev_now_update(l->ev);
	ev_timer_init(&p->timer, on_timer, ms > 0 ? (double)ms / 1000 : 0, 0);
	p->timer.data = p;
	link_in(l, &p->w, halt_timer);
	ev_timer_start(l->ev, &p->timer);
	return p;
}

void
loop_timer_stop(struct loop_timer **pp)
{
	struct loop_timer *p = *pp;
	*pp = NULL;
	if (p != NULL)
		halt_timer(&p->w);
}

static void
halt_signal(struct watcher *w)
{
	struct loop_signal *p = (struct loop_signal *)w;
	ev_signal_stop(w->l->ev, &p->signal);
	unlink_and_free(w);
}

static void
on_signal(struct ev_loop *ev, ev_signal *sig, int revents)
{
	(void)ev; /* known by the watcher */
	(void)revents; /* only EV_SIGNAL comes */
	struct loop_signal *p = sig->data;
	loop_signal_fn *fn = p->fn;
	int64_t began = clock_uptime_ns();
	fn(p->ctx, sig->signum);
	loop_timed("signal", (intptr_t)fn, began);
}

struct loop_signal *
loop_signal_start(struct loop *l, int signum, loop_signal_fn *fn, void *ctx)
{
	struct loop_signal *p = mem_new(struct loop_signal);
	p->fn = fn;
	p->ctx = ctx;
	ev_signal_init(&p->signal, on_signal, signum);
	p->signal.data = p;
	link_in(l, &p->w, halt_signal);
	ev_signal_start(l->ev, &p->signal);
	return p;
}

void
loop_signal_stop(struct loop_signal **pp)
{
	struct loop_signal *p = *pp;
	*pp = NULL;
	if (p != NULL)
		halt_signal(&p->w);
}
