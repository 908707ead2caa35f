/* SPDX-License-Identifier: MIT */
/* What was decided for a case before a restart counts until the archive
 * answers again: read from the index at start, given to the case when its
 * list comes, forgotten in the index when the case leaves the board. */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "main/agent_priv.h"

#define UNCLAIMED_NS (INT64_C(24) * 3600 * CLOCK_S) /* then nobody comes */

struct remembered {
	char case_id[CASE_ID_SIZE];
	void *p; /* owned */
	size_t n;
	struct remembered *next;
};

static void
on_wants(void *ctx, const char *case_id, struct index_blob wants)
{ /* index_wants_fn */
	struct agent *a = ctx;
	struct remembered *r = mem_new(struct remembered);
	(void)str_copy(r->case_id, sizeof(r->case_id), case_id);
	r->p = str_dup_n(wants.p, wants.n);
	r->n = wants.n;
	r->next = a->remembered;
	a->remembered = r;
}

int
agent_start_wants(struct agent *a, struct err *e)
{
	struct index_reader *r = index_reader_open(a->index, e);
	int rc = r == NULL ? -1 : index_each_wants(r, on_wants, a, e);
	index_reader_close(&r);
	return rc;
}

static void
forget(struct remembered *r)
{
	mem_free(r->p);
	mem_free(r);
}

void
agent_stop_wants(struct agent *a)
{
	while (a->remembered != NULL) {
		struct remembered *r = a->remembered;
		a->remembered = r->next;
		forget(r);
	}
}

/* The study of a remembered want, as far as the want tells it. */
static void
add_study(struct agent *a, const struct board_want *w)
{
	if (w->kind == WANT_NO || board_study(a->board, w->study_uid) != NULL)
		return;
	struct board_study *s = board_add_study(a->board, w->study_uid);
	(void)str_copy(s->date, sizeof(s->date), w->date);
	(void)str_copy(s->modalities, sizeof(s->modalities), w->modalities);
	(void)str_copy(s->description, sizeof(s->description),
	    w->description);
	(void)str_copy(s->archive, sizeof(s->archive), w->archive);
	if (w->kind == WANT_HELD) {
		s->state = STUDY_HELD;
		(void)str_copy(s->reason, sizeof(s->reason), w->reason);
	}
}

static void
give(struct agent *a, struct board_case *c, const struct remembered *r)
{
	struct err e;
	if (c->n_wants > 0)
		return;
	if (board_parse_wants(a->board, c, r->p, r->n, &e) != 0)
		log_debug("main.wants.bad", "error=%s", e.msg);
	for (unsigned i = 0; i < c->n_wants; i++)
		add_study(a, &c->wants[i]);
}

/* Give each remembered blob to its case; after a day, drop the rest. */
static void
remember(struct agent *a)
{
	bool late = clock_continuous_ns() - a->started_ns > UNCLAIMED_NS;
	struct remembered **pp = &a->remembered;
	while (*pp != NULL) {
		struct remembered *r = *pp;
		struct board_case *c = board_case(a->board, r->case_id);
		if (c == NULL && !late) {
			pp = &r->next;
			continue;
		}
		if (c != NULL)
			give(a, c, r);
		else
			index_put_wants(a->index, r->case_id,
			    (struct index_blob){NULL, 0});
		*pp = r->next;
		forget(r);
	}
}

void
agent_on_cases(void *ctx, const char *name, const struct casefile *cases,
    unsigned n)
{ /* list_cases_fn */
	struct agent *a = ctx;
	unsigned old = board_n_cases(a->board);
	if (a->wiped) /* nothing would be fetched for it, nor said */
		return;
	char(*ids)[CASE_ID_SIZE] = mem_zero(old, CASE_ID_SIZE);
	for (unsigned i = 0; i < old; i++)
		(void)str_copy(ids[i], CASE_ID_SIZE,
		    board_case_at(a->board, i)->file.id);
	board_set_cases(a->board, name, cases, n, clock_utc_s());
	for (unsigned i = 0; i < old; i++)
		if (board_case(a->board, ids[i]) == NULL)
			index_put_wants(a->index, ids[i],
			    (struct index_blob){NULL, 0});
	mem_free(ids);
	remember(a);
	prefetch_look(a->prefetch);
}
