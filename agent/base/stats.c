/* SPDX-License-Identifier: MIT */
/* Counters: one atomic each. */
#include <stdatomic.h>

#include "base/stats.h"

static const struct {
	char kind;
	const char *name;
	const char *text;
} rows[] = {
#define STAT_ROW(k, id, n, t) {#k[0], n, t},
	STATS(STAT_ROW)
#undef STAT_ROW
};

static _Atomic int64_t values[STAT_COUNT];

void
stats_add(enum stat_id s, int64_t n)
{
	atomic_fetch_add_explicit(&values[s], n, memory_order_relaxed);
}

int64_t
stats_get(enum stat_id s)
{
	return atomic_load_explicit(&values[s], memory_order_relaxed);
}

const char *
stats_name(enum stat_id s)
{
	return rows[s].name;
}

const char *
stats_text(enum stat_id s)
{
	return rows[s].text;
}

char
stats_kind(enum stat_id s)
{
	return rows[s].kind;
}
