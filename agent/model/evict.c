/* SPDX-License-Identifier: MIT */
/* Which studies go: those whose next use is furthest away. Collected once and
 * sorted once, whatever the number that must go. */
#include <stdlib.h>

#include "base/mem.h"
#include "model/evict.h"

bool
evict_is_loose(const struct board_study *s)
{
	return s->bytes > 0 && !s->kept && !s->checking &&
	    s->state != STUDY_FETCHING;
}

/* What has no room gives way to all that has, also to the others that its own
 * case wants. */
static bool
gives_way(const struct evict_ask *ask, const struct board_study *s)
{
	if (ask->who == EVICT_FOR_ANY)
		return false;
	return s->no_room || s->deadline_utc > ask->before_utc;
}

static bool
may_go(const struct evict_ask *ask, const struct board_study *s)
{
	if (!evict_is_loose(s) || (s->n_cases > 0 && !gives_way(ask, s)))
		return false;
	return ask->in_use == NULL || !ask->in_use(ask->ctx, s->uid);
}

static int
compare_i64(int64_t a, int64_t b)
{
	return a < b ? -1 : a > b;
}

/* The further from its next use, the sooner: no case, no room for its case,
 * a later case. */
static int
compare(const void *pa, const void *pb)
{
	const struct board_study *a = *(struct board_study *const *)pa;
	const struct board_study *b = *(struct board_study *const *)pb;
	int d = (a->n_cases > 0) - (b->n_cases > 0);
	if (d == 0 && a->n_cases > 0)
		d = b->no_room - a->no_room;
	if (d == 0 && a->n_cases > 0)
		d = compare_i64(b->deadline_utc, a->deadline_utc);
	if (d == 0)
		d = a->used < b->used ? -1 : a->used > b->used;
	if (d == 0)
		d = compare_i64(a->last_used_utc, b->last_used_utc);
	return d != 0 ? d : a->slot < b->slot ? -1 : a->slot > b->slot;
}

unsigned
evict_list(const struct board *b, const struct evict_ask *ask,
    struct board_study ***ret)
{
	unsigned all = board_n_studies(b);
	struct board_study **list = mem_new_n(struct board_study *, all + 1);
	unsigned n = 0;
	for (unsigned i = 0; i < all; i++) {
		struct board_study *s = board_study_at(b, i);
		if (may_go(ask, s))
			list[n++] = s;
	}
	qsort(list, n, sizeof(list[0]), compare);
	*ret = list;
	return n;
}
