/* SPDX-License-Identifier: MIT */
/* One ordered list of what is to be done, made anew at each change. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "model/board_priv.h"
#include "model/plan.h"

#define LOOK_AGAIN_S 60
#define TRY_MAX_S 120 /* twice the longest back-off */

struct draft {
	const struct board *b;
	const struct plan_rules *rules;
	int64_t now_utc;
	int64_t opens_utc; /* of the window; now when it is open */
	struct plan_step *steps; /* owned */
	unsigned n, cap;
	bool *planned; /* by position of the study; owned */
};

static void
add_step(struct draft *d, const struct plan_step *step)
{
	if (d->n == d->cap) {
		d->cap = d->cap == 0 ? 64 : 2 * d->cap;
		d->steps = mem_grow(d->steps, d->cap, sizeof(d->steps[0]));
	}
	d->steps[d->n++] = *step;
}

/* A next try that no back-off can have meant: the clock was set back. */
static int64_t
sane_try(int64_t next_utc, int64_t now_utc)
{
	return next_utc > now_utc + TRY_MAX_S ? 0 : next_utc;
}

/* When ${c} may be asked about; false when it need not be. */
static bool
ask_due(const struct draft *d, const struct board_case *c, int64_t *ret)
{
	switch (c->asked) {
	case ASKED_NEVER:
		*ret = 0;
		return true;
	case ASKED_FAILED:
		*ret = sane_try(c->next_try_utc, d->now_utc);
		return true;
	case ASKED_ANSWERED:
		*ret = c->answered_utc > d->now_utc ? 0 :
		    c->answered_utc + d->rules->ask_again_s;
		return d->rules->ask_again_s > 0;
	case ASKED_NOW:
		break;
	}
	return false;
}

static void
plan_ask(struct draft *d, const struct board_case *c)
{
	struct plan_step step = {
	    .kind = PLAN_ASK,
	    .deadline_utc = c->file.start_utc,
	    .c = c,
	};
	if (ask_due(d, c, &step.due_utc))
		add_step(d, &step);
}

static bool
is_to_fetch(const struct board_study *s)
{
	return s->state == STUDY_QUEUED || s->state == STUDY_INCOMPLETE ||
	    s->state == STUDY_FAILED;
}

/* The window binds until the case turns urgent. A back-off may end after the
 * window has closed again; the plan made then says so. */
static void
plan_fetch(struct draft *d, const struct board_case *c,
    struct board_study *s)
{
	struct plan_step step = {
	    .kind = PLAN_FETCH,
	    .due_utc = sane_try(s->next_try_utc, d->now_utc),
	    .deadline_utc = c->file.start_utc,
	    .c = c,
	    .study = s,
	};
	int64_t urgent_utc = c->file.start_utc - d->rules->urgent_s;
	int64_t allowed_utc = urgent_utc < d->opens_utc ? urgent_utc :
							  d->opens_utc;
	if (allowed_utc > d->now_utc && allowed_utc > step.due_utc) {
		step.due_utc = allowed_utc;
		step.waits_window = true;
	}
	add_step(d, &step);
}

/* Cases come by start, so the first that wants a study is its earliest. */
static void
plan_case(struct draft *d, const struct board_case *c)
{
	plan_ask(d, c);
	for (unsigned i = 0; i < c->n_wants; i++) {
		unsigned at = 0;
		if (c->wants[i].kind != WANT_YES ||
		    !board_find_study(d->b, c->wants[i].study_uid, &at) ||
		    d->planned[at])
			continue;
		d->planned[at] = true;
		if (is_to_fetch(d->b->studies[at]))
			plan_fetch(d, c, d->b->studies[at]);
	}
}

static int
compare_i64(int64_t a, int64_t b)
{
	return a < b ? -1 : a > b;
}

/* The most urgent first; ids decide ties, so that a plan is repeatable. */
static int
compare_steps(const struct plan_step *x, const struct plan_step *y)
{
	int d = compare_i64(x->deadline_utc, y->deadline_utc);
	if (d == 0)
		d = (int)x->kind - (int)y->kind;
	if (d == 0)
		d = strcmp(x->c->file.id, y->c->file.id);
	if (d == 0 && x->kind == PLAN_FETCH)
		d = strcmp(x->study->uid, y->study->uid);
	return d;
}

static int
compare_due(const void *a, const void *b)
{
	return compare_steps(a, b);
}

static int
compare_waiting(const void *a, const void *b)
{
	const struct plan_step *x = a;
	const struct plan_step *y = b;
	int d = compare_i64(x->due_utc, y->due_utc);
	return d != 0 ? d : compare_steps(x, y);
}

/* Move the due ones to the front, in any order; how many they are. */
static unsigned
part_due(struct plan_step *steps, unsigned n, int64_t now_utc)
{
	unsigned due = 0;
	for (unsigned i = 0; i < n; i++) {
		if (steps[i].due_utc > now_utc)
			continue;
		struct plan_step s = steps[due];
		steps[due++] = steps[i];
		steps[i] = s;
	}
	return due;
}

unsigned
plan_make(const struct board *b, const struct plan_rules *rules,
    int64_t now_utc, int minute_of_day, struct plan_step *ret, unsigned max)
{
	int wait_min = window_opens_in(&rules->window, minute_of_day);
	struct draft d = {
	    .b = b,
	    .rules = rules,
	    .now_utc = now_utc,
	    .opens_utc = wait_min == 0 ? now_utc :
		/* from the begun minute: zones differ by whole minutes */
		now_utc - now_utc % 60 + (int64_t)wait_min * 60,
	    .planned = mem_new_n(bool, b->n_studies + 1),
	};
	for (unsigned i = 0; i < b->n_cases; i++)
		if (board_case_is_current(b->cases[i], now_utc,
		    rules->horizon_s))
			plan_case(&d, b->cases[i]);
	unsigned n = d.n < max ? d.n : max;
	if (n > 0) {
		unsigned due = part_due(d.steps, d.n, now_utc);
		qsort(d.steps, due, sizeof(d.steps[0]), compare_due);
		qsort(d.steps + due, d.n - due, sizeof(d.steps[0]),
		    compare_waiting);
		memcpy(ret, d.steps, n * sizeof(ret[0]));
	}
	mem_free(d.steps);
	mem_free(d.planned);
	return n;
}

int64_t
plan_next_utc(const struct plan_step *steps, unsigned n, int64_t now_utc)
{
	int64_t next = now_utc + LOOK_AGAIN_S;
	for (unsigned i = 0; i < n; i++)
		if (steps[i].due_utc > now_utc && steps[i].due_utc < next)
			next = steps[i].due_utc;
	return next;
}

void
plan_explain(const struct plan_step *steps, unsigned n,
    const struct plan_rules *rules)
{
	for (unsigned i = 0; i < n; i++) {
		struct board_study *s = steps[i].study;
		if (steps[i].kind != PLAN_FETCH || s->state != STUDY_QUEUED)
			continue;
		if (steps[i].waits_window)
			(void)snprintf(s->reason, sizeof(s->reason),
			    "waiting for the window (%02d:%02d)",
			    rules->window.from_min / 60,
			    rules->window.from_min % 60);
		else
			s->reason[0] = '\0';
	}
}
