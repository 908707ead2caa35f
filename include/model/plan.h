/* SPDX-License-Identifier: MIT
 *
 * plan: what is to be done next, the most urgent case first. Pure.
 * One ordered plan instead of queues: made anew at each change.
 */
#ifndef MODEL_PLAN_H
#define MODEL_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "model/board.h"
#include "model/window.h"

struct plan_rules {
	struct window window; /* bulk work */
	int64_t urgent_s; /* a case that starts sooner is fetched at once */
	int64_t horizon_s;
	int64_t ask_again_s; /* after an answer, for what was made since; 0 =
	                      * never */
	bool recheck; /* look again at T-12 h, T-2 h and T-15 min */
	int64_t bulk_from_utc; /* what is not urgent begins then: agents that
	                        * wake together spread; 0 = at once */
};

#define PLAN_RECHECK_LEAST_S 300 /* an answer so young is not doubted */

/* In the order of their doing for equal deadlines. */
enum plan_kind {
	PLAN_ASK, /* what the archive has of the patient */
	PLAN_FETCH,
	PLAN_CHECK, /* a ready study: does the archive still list the same? */
};

struct plan_step {
	enum plan_kind kind;
	int64_t due_utc; /* may begin then; <= now: at once */
	int64_t deadline_utc; /* start of ${c} */
	const struct board_case *c; /* PLAN_ASK; PLAN_FETCH: the earliest that
	                             * wants it; PLAN_CHECK: whose turn it is */
	struct board_study *study; /* PLAN_FETCH, PLAN_CHECK */
	unsigned rank; /* in the wants of ${c}: the most relevant is 0 */
	bool waits_window; /* due then for the window, not for a back-off */
};

/* Fill ${ret} (at most ${max}) in order: due ones first, by deadline, for
 * equal deadlines by kind, then by case and rank; then those that wait, by
 * due time.
 * A case under way (ASKED_NOW) and a study being fetched or checked are left
 * out. A case that was answered is asked again after ask_again_s and, with
 * recheck, at each of three points before its start; a ready study is checked
 * at the same points of every case that wants it, once for what was missed.
 * Asking and checking are never bound to the window (they are small);
 * fetching is, unless the case is urgent. Back-off (next_try_utc) is
 * respected, unless it lies further ahead than any back-off can: then the
 * clock was set back. An answer from the future counts for nothing.
 * The result follows from the arguments alone.
 * ${minute_of_day} is now in the agent's zone. Returns how many. */
unsigned plan_make(const struct board *b, const struct plan_rules *rules,
    int64_t now_utc, int minute_of_day, struct plan_step *ret, unsigned max);

/* When to look again: the earliest due_utc after now, at the latest now +
 * 60 s (meanwhile a case may come within the horizon). */
int64_t plan_next_utc(const struct plan_step *steps, unsigned n,
    int64_t now_utc);

/* Write into the reason of each STUDY_QUEUED of ${steps} what it waits for:
 * "waiting for the window (19:00)", or nothing. */
void plan_explain(const struct plan_step *steps, unsigned n,
    const struct plan_rules *rules);

#endif
