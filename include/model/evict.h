/* SPDX-License-Identifier: MIT
 *
 * evict: in which order studies go when room is needed. Pure.
 */
#ifndef MODEL_EVICT_H
#define MODEL_EVICT_H

#include <stdbool.h>
#include <stdint.h>

#include "model/board.h"

typedef bool evict_in_use_fn(void *ctx, const char *study_uid);

/* Whether it frees bytes, and nobody keeps, fetches or checks it. */
bool evict_is_loose(const struct board_study *s);

/* for whom room is needed */
enum evict_for {
	EVICT_FOR_ANY, /* nothing that a case needs gives way */
	EVICT_FOR_CASE, /* what starts later gives way, and what does not fit
	                 * beside the sooner cases (no_room) before it */
};

struct evict_ask {
	enum evict_for who;
	int64_t before_utc; /* EVICT_FOR_CASE: its start */
	evict_in_use_fn *in_use; /* NULL: nothing is */
	void *ctx;
};

/* Fill ${ret} with an array (mem_free it) of all that may go, the first to go
 * first: what no case needs, least recently used first (the sequence of use
 * decides, not the clock); then, for a case, the others by their earliest
 * case, the furthest first. Never there: what holds no bytes, is being
 * fetched or checked, is in use, or that a person keeps. Returns how many;
 * 20,000 studies take some milliseconds. */
unsigned evict_list(const struct board *b, const struct evict_ask *ask,
    struct board_study ***ret);

#endif
