/* SPDX-License-Identifier: MIT
 *
 * run_priv: what loop.c and loop_watcher.c share: the loop itself and the
 * links by which it finds watchers nobody stopped.
 */
#ifndef RUN_PRIV_H
#define RUN_PRIV_H

#include <ev.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/lock.h"
#include "run/loop.h"

#define LOOP_SLOW_MS 50 /* a callback beyond is warned about */

/* stands first in each kind of watcher */
struct watcher {
	struct loop *l;
	struct watcher *prev, *next;
	void (*halt)(struct watcher *w); /* leave libev */
};

struct post {
	struct post *next;
	loop_fn *fn;
	void *ctx;
};

struct clocks {
	int64_t uptime_ns, continuous_ns, utc_ms;
};

struct loop {
	/* set at birth, then constant */
	struct ev_loop *ev;
	/* shared, without a lock */
	atomic_bool stop;
	ev_async ring;
	/* shared, under lock */
	struct lock lock;
	struct post *posts, **posts_end;
	/* owned by the loop */
	ev_check check;
	struct watcher *watchers;
	struct clocks last;
	loop_gap_fn *on_gap;
	void *gap_ctx;
};

/* Count and warn if the callback that ${began_ns} (uptime) was slow. ${fn}
 * is its address as a number. */
void loop_timed(const char *what, intptr_t fn, int64_t began_ns);

#endif
