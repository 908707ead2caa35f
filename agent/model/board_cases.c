/* SPDX-License-Identifier: MIT */
/* What a feed lists becomes cases on the board. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "model/board_priv.h"

/* while the lists of one feed are compared; cases in the board's by_id order
 * keep their places until the end, new ones are appended */
struct merge {
	struct board *b;
	const char *feed;
	bool *seen; /* of each case by_id had at the start */
	unsigned n_before;
	bool changed;
};

static bool
same_procedure(const struct casefile *a, const struct casefile *b)
{
	return str_eq(a->procedure, b->procedure) &&
	    str_eq(a->procedure_code, b->procedure_code);
}

/* Whoever the new patient is: nothing that was found for the old one counts.
 * A corrected name or birth date may turn an agreement into a difference. */
static void
update_case(struct board_case *c, const struct casefile *f)
{
	bool other_patient = !board_same_patient(&c->file.patient,
	    &f->patient);
	if (other_patient || !same_procedure(&c->file, f)) {
		c->epoch++;
		c->asked = ASKED_NEVER;
		c->next_try_utc = 0;
		c->tries = 0;
		c->ask_reason[0] = '\0';
	}
	if (other_patient) {
		c->answered_utc = 0;
		mem_free(c->wants);
		c->wants = NULL;
		c->n_wants = 0;
	}
	char id[CASE_ID_SIZE]; /* "id (feed)" stays */
	memcpy(id, c->file.id, sizeof(id));
	c->file = *f;
	memcpy(c->file.id, id, sizeof(id));
}

static bool
same_but_for_id(const struct casefile *a, const struct casefile *b)
{
	struct casefile c = *b;
	memcpy(c.id, a->id, sizeof(c.id));
	return case_equal(a, &c);
}

/* Among the cases that were there before: by_id is searched up to
 * ${n_before} only, the rest is not sorted yet. */
static bool
find_before(const struct merge *m, const char *id, unsigned *ret)
{
	unsigned from = 0;
	unsigned to = m->n_before;
	while (from < to) {
		unsigned mid = from + (to - from) / 2;
		int d = strcmp(id, m->b->by_id[mid]->file.id);
		if (d == 0) {
			*ret = mid;
			return true;
		}
		if (d < 0)
			to = mid;
		else
			from = mid + 1;
	}
	return false;
}

static void
add_case(struct merge *m, const struct casefile *f, const char *id)
{
	struct board *b = m->b;
	if (b->n_cases == b->cap_cases) {
		b->cap_cases = b->cap_cases == 0 ? 64 : 2 * b->cap_cases;
		b->cases = mem_grow(b->cases, b->cap_cases,
		    sizeof(struct board_case *));
		b->by_id = mem_grow(b->by_id, b->cap_cases,
		    sizeof(struct board_case *));
	}
	struct board_case *c = mem_new(struct board_case);
	c->file = *f;
	(void)str_copy(c->file.id, sizeof(c->file.id), id); /* measured */
	(void)str_copy(c->feed, sizeof(c->feed), m->feed); /* names are short */
	b->by_id[b->n_cases++] = c;
	m->changed = true;
}

static void
take_case(struct merge *m, const struct casefile *f)
{
	char ours[CASE_ID_SIZE + 40]; /* if another feed uses the id */
	(void)snprintf(ours, sizeof(ours), "%s (%s)", f->id, m->feed);
	unsigned at = 0;
	const char *id = f->id;
	bool found = find_before(m, id, &at);
	if (found && !str_eq(m->b->by_id[at]->feed, m->feed)) {
		id = ours;
		found = find_before(m, id, &at);
	} else if (!found && find_before(m, ours, &at)) {
		found = true; /* the other feed has let go of the plain id */
	}
	/* an id that does not fit cannot be told from others: left out */
	if (strlen(id) >= CASE_ID_SIZE)
		return;
	if (!found) {
		add_case(m, f, id);
		return;
	}
	struct board_case *c = m->b->by_id[at];
	m->seen[at] = true;
	m->changed |= c->gone || !same_but_for_id(&c->file, f);
	c->gone = false;
	update_case(c, f);
}

#define GONE_AHEAD_DAYS 7 /* what vanished from further ahead just goes */

/* Cases that the feed listed and lists no more. */
static void
let_go(struct merge *m, int64_t now_utc)
{
	struct board *b = m->b;
	unsigned kept = 0;
	for (unsigned i = 0; i < b->n_cases; i++) {
		struct board_case *c = b->by_id[i];
		bool vanished = i < m->n_before && !m->seen[i] &&
		    str_eq(c->feed, m->feed);
		int64_t day = c->file.start_utc / DAY_S -
		    (c->file.start_utc % DAY_S < 0);
		if (vanished && (now_utc >= (day + 1) * DAY_S ||
		    day > now_utc / DAY_S + GONE_AHEAD_DAYS)) {
			mem_free(c->wants);
			mem_free(c);
			m->changed = true;
			continue;
		}
		m->changed |= vanished && !c->gone;
		c->gone |= vanished;
		b->by_id[kept++] = c;
	}
	b->n_cases = kept;
}

static int
compare_id(const void *a, const void *b)
{
	const struct board_case *x = *(struct board_case *const *)a;
	const struct board_case *y = *(struct board_case *const *)b;
	return strcmp(x->file.id, y->file.id);
}

static int
compare_start(const void *a, const void *b)
{
	const struct board_case *x = *(struct board_case *const *)a;
	const struct board_case *y = *(struct board_case *const *)b;
	if (x->file.start_utc != y->file.start_utc)
		return x->file.start_utc < y->file.start_utc ? -1 : 1;
	return strcmp(x->file.id, y->file.id);
}

static int
compare_listed(const void *a, const void *b)
{
	const struct casefile *x = *(const struct casefile *const *)a;
	const struct casefile *y = *(const struct casefile *const *)b;
	int d = strcmp(x->id, y->id);
	return d != 0 ? d : x < y ? -1 : x > y;
}

/* Two of one id can only come of a feed that lists "7" and "7 (feed)". */
static void
drop_twins(struct board *b)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < b->n_cases; i++) {
		struct board_case *c = b->by_id[i];
		if (kept > 0 && compare_id(&c, &b->by_id[kept - 1]) == 0) {
			mem_free(c->wants);
			mem_free(c);
			continue;
		}
		b->by_id[kept++] = c;
	}
	b->n_cases = kept;
}

static void
sort_cases(struct board *b)
{
	if (b->n_cases == 0)
		return; /* the arrays may be NULL */
	qsort(b->by_id, b->n_cases, sizeof(b->by_id[0]), compare_id);
	drop_twins(b);
	memcpy(b->cases, b->by_id, b->n_cases * sizeof(b->cases[0]));
	qsort(b->cases, b->n_cases, sizeof(b->cases[0]), compare_start);
}

void
board_set_cases(struct board *b, const char *feed,
    const struct casefile *cases, unsigned n, int64_t now_utc)
{
	struct merge m = {
	    .b = b,
	    .feed = feed,
	    .seen = mem_new_n(bool, b->n_cases + 1),
	    .n_before = b->n_cases,
	};
	const struct casefile **listed = mem_new_n(const struct casefile *,
	    n + 1);
	for (unsigned i = 0; i < n; i++)
		listed[i] = &cases[i];
	qsort(listed, n, sizeof(listed[0]), compare_listed);
	for (unsigned i = 0; i < n; i++) {
		bool last = i + 1 == n ||
		    !str_eq(listed[i]->id, listed[i + 1]->id);
		if (last)
			take_case(&m, listed[i]);
	}
	let_go(&m, now_utc);
	sort_cases(b);
	mem_free(listed);
	mem_free(m.seen);
	if (m.changed)
		b->version++;
}
