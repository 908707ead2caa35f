/* SPDX-License-Identifier: MIT */
/* One ordered plan: who is asked and what is fetched next. */
#include <stdlib.h>
#include <string.h>

#include "model/plan.h"

#define TRY_MAX_S 120 /* twice the longest back-off */

static int64_t
max_of(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* A next try that the back-off cannot have meant: the clock was set back. */
static int64_t
sane_try(int64_t next_utc, int64_t now_utc)
{
	return next_utc > now_utc + TRY_MAX_S ? now_utc : next_utc;
}

struct planning {
	const struct board *b;
	const struct plan_rules *rules;
	int64_t now_utc;
	int64_t opens_utc; /* when bulk work may begin */
	struct plan_step *steps;
	unsigned n, max;
};

static void
add(struct planning *p, struct plan_step s)
{
	if (p->n < p->max)
		p->steps[p->n++] = s;
}

static void
plan_case(struct planning *p, const struct board_case *c)
{
	if (!board_case_is_current(c, p->now_utc, p->rules->horizon_s) ||
	    c->asked == ASKED_NOW)
		return;
	int64_t due = p->now_utc;
	if (c->asked == ASKED_FAILED)
		due = max_of(due, sane_try(c->next_try_utc, p->now_utc));
	else if (c->asked == ASKED_ANSWERED && c->answered_utc <= p->now_utc)
		due = max_of(due, c->answered_utc + PLAN_ASK_AGAIN_S);
	add(p, (struct plan_step){.kind = PLAN_ASK, .due_utc = due,
	    .deadline_utc = c->file.start_utc, .c = c});
}

/* The earliest current case that wants ${s}; studies pinned only because
 * their case is just over are not fetched any more. */
static const struct board_case *
case_of(const struct planning *p, const struct board_study *s)
{
	for (unsigned i = 0; i < board_n_cases(p->b); i++) {
		const struct board_case *c = board_case_at(p->b, i);
		if (!board_case_is_current(c, p->now_utc,
		    p->rules->horizon_s))
			continue;
		for (unsigned k = 0; k < c->n_wants; k++)
			if (c->wants[k].kind == WANT_YES &&
			    strcmp(c->wants[k].study_uid, s->uid) == 0)
				return c;
	}
	return NULL;
}

static void
plan_study(struct planning *p, struct board_study *s)
{
	if (s->n_cases == 0 || s->state == STUDY_READY ||
	    s->state == STUDY_FETCHING || s->state == STUDY_HELD)
		return;
	const struct board_case *c = case_of(p, s);
	if (c == NULL)
		return;
	bool urgent = c->file.start_utc - p->now_utc < p->rules->urgent_s;
	/* it becomes urgent by itself when the window does not open first */
	int64_t from = urgent ? p->now_utc : p->opens_utc;
	if (!urgent && c->file.start_utc - p->rules->urgent_s < from)
		from = c->file.start_utc - p->rules->urgent_s;
	add(p, (struct plan_step){.kind = PLAN_FETCH,
	    .due_utc = max_of(from,
	    sane_try(s->next_try_utc, p->now_utc)),
	    .deadline_utc = c->file.start_utc, .c = c, .study = s});
}

static int
compare_i64(int64_t a, int64_t b)
{
	return a < b ? -1 : a > b;
}

static int64_t
order_now; /* of the plan being sorted; plans are made on one thread */

static int
by_urgency(const void *va, const void *vb)
{
	const struct plan_step *a = va;
	const struct plan_step *b = vb;
	bool a_due = a->due_utc <= order_now;
	bool b_due = b->due_utc <= order_now;
	if (a_due != b_due)
		return a_due ? -1 : 1;
	int c = a_due ? compare_i64(a->deadline_utc, b->deadline_utc) :
	    compare_i64(a->due_utc, b->due_utc);
	if (c == 0)
		c = compare_i64(a->deadline_utc, b->deadline_utc);
	if (c == 0)
		c = (int)a->kind - (int)b->kind;
	if (c == 0 && a->study != NULL && b->study != NULL)
		c = -strcmp(a->study->date, b->study->date); /* newest first */
	if (c == 0)
		c = strcmp(a->c->file.id, b->c->file.id);
	if (c == 0 && a->study != NULL && b->study != NULL)
		c = strcmp(a->study->uid, b->study->uid);
	return c;
}

unsigned
plan_make(const struct board *b, const struct plan_rules *rules,
    int64_t now_utc, int minute_of_day, struct plan_step *ret, unsigned max)
{
	struct planning p = {.b = b, .rules = rules, .now_utc = now_utc,
	    .opens_utc = now_utc +
	        60 * (int64_t)window_opens_in(&rules->window, minute_of_day),
	    .steps = ret, .max = max};
	for (unsigned i = 0; i < board_n_cases(b); i++)
		plan_case(&p, board_case_at(b, i));
	for (unsigned i = 0; i < board_n_studies(b); i++)
		plan_study(&p, board_study_at(b, i));
	order_now = now_utc;
	if (p.n > 0)
		qsort(ret, p.n, sizeof(ret[0]), by_urgency);
	return p.n;
}

int64_t
plan_next_utc(const struct plan_step *steps, unsigned n, int64_t now_utc)
{
	int64_t next = now_utc + 60;
	for (unsigned i = 0; i < n; i++)
		if (steps[i].due_utc > now_utc && steps[i].due_utc < next)
			next = steps[i].due_utc;
	return next;
}
