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
};

enum plan_kind { PLAN_ASK, PLAN_FETCH };

struct plan_step {
	enum plan_kind kind;
	int64_t due_utc; /* may begin then; <= now: at once */
	int64_t deadline_utc; /* start of the earliest case */
	const struct board_case *c; /* PLAN_ASK; the earliest case otherwise */
	struct board_study *study; /* PLAN_FETCH */
	bool waits_window; /* due then for the window, not for a back-off */
};

/* Fill ${ret} (at most ${max}) in order: due ones first, by deadline, asking
 * before fetching for equal deadlines; then those that wait, by due time.
 * A case under way (ASKED_NOW) and a study being fetched are left out.
 * A case that was answered is asked again after ask_again_s.
 * Asking is never bound to the window (it is small); fetching is, unless the
 * case is urgent. Back-off (next_try_utc) is respected, unless it lies
 * further ahead than any back-off can: then the clock was set back.
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
