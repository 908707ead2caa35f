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
	unsigned *step_of; /* by slot of the study: its step, counted from 1;
	                    * owned */
};

/* before the start of a case; instances come and go at the archive */
static const int64_t recheck_s[] = {12 * 3600, 2 * 3600, 15 * 60};

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

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t
later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* When to look again at what was last looked at at ${last_utc}: the first
 * point since then; INT64_MAX when all have been kept. */
static int64_t
recheck_utc(const struct draft *d, int64_t start_utc, int64_t last_utc)
{
	if (last_utc > d->now_utc) /* the clock was set back */
		last_utc = 0;
	for (size_t i = 0; i < sizeof(recheck_s) / sizeof(recheck_s[0]) &&
	    d->rules->recheck; i++)
		if (start_utc - recheck_s[i] > last_utc)
			return later(start_utc - recheck_s[i],
			    last_utc + PLAN_RECHECK_LEAST_S);
	return INT64_MAX;
}

static bool
is_urgent(const struct draft *d, const struct board_case *c)
{
	return c->file.start_utc - d->rules->urgent_s <= d->now_utc;
}

/* When an answered case is asked again: INT64_MAX for never. */
static int64_t
ask_again_utc(const struct draft *d, const struct board_case *c)
{
	int64_t again = d->rules->ask_again_s > 0 ?
	    c->answered_utc + d->rules->ask_again_s : INT64_MAX;
	int64_t point = recheck_utc(d, c->file.start_utc, c->answered_utc);
	if (c->answered_utc > d->now_utc)
		return again == INT64_MAX ? point : 0;
	return earlier(again, point);
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
		*ret = ask_again_utc(d, c);
		return *ret != INT64_MAX;
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
	if (!ask_due(d, c, &step.due_utc))
		return;
	if (!is_urgent(d, c))
		step.due_utc = later(step.due_utc, d->rules->bulk_from_utc);
	add_step(d, &step);
}

static bool
is_to_fetch(const struct board_study *s)
{
	return !s->no_room && (s->state == STUDY_QUEUED ||
	    s->state == STUDY_INCOMPLETE || s->state == STUDY_FAILED);
}

/* The window binds until the case turns urgent. A back-off may end after the
 * window has closed again; the plan made then says so. */
static void
plan_fetch(struct draft *d, const struct board_case *c, struct board_study *s,
    unsigned rank)
{
	struct plan_step step = {
	    .kind = PLAN_FETCH,
	    .due_utc = sane_try(s->next_try_utc, d->now_utc),
	    .deadline_utc = c->file.start_utc,
	    .c = c,
	    .study = s,
	    .rank = rank,
	};
	int64_t urgent_utc = c->file.start_utc - d->rules->urgent_s;
	int64_t bulk_utc = later(d->opens_utc, d->rules->bulk_from_utc);
	int64_t allowed_utc = earlier(urgent_utc, bulk_utc);
	if (allowed_utc > d->now_utc && allowed_utc > step.due_utc) {
		step.due_utc = allowed_utc;
		step.waits_window = d->opens_utc > d->now_utc;
	}
	add_step(d, &step);
}

/* Of the cases that want the study, the one whose turn is first. */
static void
plan_check(struct draft *d, const struct board_case *c, struct board_study *s,
    unsigned rank)
{
	unsigned *step_of = &d->step_of[s->slot];
	struct plan_step step = {
	    .kind = PLAN_CHECK,
	    .due_utc = recheck_utc(d, c->file.start_utc, s->checked_utc),
	    .deadline_utc = c->file.start_utc,
	    .c = c,
	    .study = s,
	    .rank = rank,
	};
	if (step.due_utc == INT64_MAX)
		return;
	step.due_utc = later(step.due_utc,
	    sane_try(s->next_try_utc, d->now_utc));
	if (*step_of == 0) {
		add_step(d, &step);
		*step_of = d->n;
	} else if (step.due_utc < d->steps[*step_of - 1].due_utc) {
		d->steps[*step_of - 1] = step;
	}
}

/* Cases come by start, so the first that wants a study is its earliest. */
static void
plan_case(struct draft *d, const struct board_case *c)
{
	plan_ask(d, c);
	for (unsigned i = 0; i < c->n_wants; i++) {
		struct board_study *s = c->wants[i].kind != WANT_YES ? NULL :
		    board_study(d->b, c->wants[i].study_uid);
		if (s == NULL)
			continue;
		if (s->state == STUDY_READY && !s->checking) {
			plan_check(d, c, s, i);
		} else if (is_to_fetch(s) && d->step_of[s->slot] == 0) {
			plan_fetch(d, c, s, i);
			d->step_of[s->slot] = d->n;
		}
	}
}

static int
compare_i64(int64_t a, int64_t b)
{
	return a < b ? -1 : a > b;
}

/* The most urgent first, of one case what is most relevant; ids decide ties,
 * so that a plan is repeatable. */
static int
compare_steps(const struct plan_step *x, const struct plan_step *y)
{
	int d = compare_i64(x->deadline_utc, y->deadline_utc);
	if (d == 0)
		d = (int)x->kind - (int)y->kind;
	if (d == 0 && x->c != y->c)
		d = strcmp(x->c->file.id, y->c->file.id);
	if (d == 0)
		d = compare_i64(x->rank, y->rank);
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
	    .step_of = mem_new_n(unsigned, b->n_slots + 1),
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
	mem_free(d.step_of);
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
