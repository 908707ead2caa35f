/* SPDX-License-Identifier: MIT
 *
 * stats: counters and gauges, made from base/stats.tbl.h.
 * Called by every room, on any thread, without a lock.
 * Never reset while the agent runs.
 */
#ifndef BASE_STATS_H
#define BASE_STATS_H

#include <stdint.h>

#include "base/stats.tbl.h"

enum stat_id {
#define STAT_ENUM(kind, id, name, text) STAT_##id,
	STATS(STAT_ENUM)
#undef STAT_ENUM
	    STAT_COUNT
};

/* Add ${n} (gauges may go down) and read. */
void stats_add(enum stat_id s, int64_t n);
int64_t stats_get(enum stat_id s);
const char *stats_name(enum stat_id s);
const char *stats_text(enum stat_id s);
/* 'C' for a counter, 'G' for a gauge. */
char stats_kind(enum stat_id s);

#endif
