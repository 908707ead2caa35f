/* SPDX-License-Identifier: MIT */
/* Which study goes: the one whose next use is furthest away. */
#include "model/evict.h"

/* What may go at all: it frees bytes, and nobody holds on to it. */
static bool
is_loose(const struct board_study *s)
{
	return s->bytes > 0 && !s->kept && s->state != STUDY_FETCHING;
}

static bool
is_older(const struct board_study *a, const struct board_study *b)
{
	if (a->used != b->used)
		return a->used < b->used;
	return a->last_used_utc < b->last_used_utc;
}

struct board_study *
evict_victim(const struct board *b, evict_in_use_fn *in_use, void *ctx)
{
	struct board_study *oldest = NULL;
	for (unsigned i = 0; i < board_n_studies(b); i++) {
		struct board_study *s = board_study_at(b, i);
		if (!is_loose(s) || s->n_cases > 0)
			continue;
		if (oldest != NULL && !is_older(s, oldest))
			continue;
		if (in_use == NULL || !in_use(ctx, s->uid))
			oldest = s;
	}
	return oldest;
}

static bool
is_further(const struct board_study *a, const struct board_study *b)
{
	if (a->deadline_utc != b->deadline_utc)
		return a->deadline_utc > b->deadline_utc;
	return is_older(a, b);
}

struct board_study *
evict_furthest(const struct board *b, int64_t before_utc,
    evict_in_use_fn *in_use, void *ctx)
{
	struct board_study *furthest = NULL;
	for (unsigned i = 0; i < board_n_studies(b); i++) {
		struct board_study *s = board_study_at(b, i);
		if (!is_loose(s) || s->n_cases == 0 ||
		    s->deadline_utc <= before_utc)
			continue;
		if (furthest != NULL && !is_further(s, furthest))
			continue;
		if (in_use == NULL || !in_use(ctx, s->uid))
			furthest = s;
	}
	return furthest;
}
