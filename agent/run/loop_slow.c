/* SPDX-License-Identifier: MIT */
/* The watch on callbacks that hold the loop up. */
#include "base/clock.h"
#include "base/log.h"
#include "base/stats.h"
#include "run/loop.h"
#include "run/run_priv.h"

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
