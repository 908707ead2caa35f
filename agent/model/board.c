/* SPDX-License-Identifier: MIT */
/* The board: its studies by uid, its cases by start and by id. */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "model/board_priv.h"

static const char *const state_names[] = {
    [STUDY_QUEUED] = "queued",
    [STUDY_FETCHING] = "fetching",
    [STUDY_READY] = "ready",
    [STUDY_INCOMPLETE] = "incomplete",
    [STUDY_HELD] = "held",
    [STUDY_FAILED] = "failed",
};

static const char *const readiness_names[] = {
    [READINESS_NONE] = "none",
    [READINESS_READY] = "ready",
    [READINESS_FETCHING] = "fetching",
    [READINESS_QUEUED] = "queued",
    [READINESS_FAILED] = "failed",
};

static const char *const push_names[] = {
    [PUSH_NONE] = "none",
    [PUSH_NOW] = "sending",
    [PUSH_DONE] = "done",
    [PUSH_FAILED] = "failed",
};

static const char *const want_names[] = {
    [WANT_NO] = "no",
    [WANT_YES] = "wanted",
    [WANT_HELD] = "held",
};

const char *
study_state_name(enum study_state s)
{
	return state_names[s];
}

const char *
readiness_name(enum readiness r)
{
	return readiness_names[r];
}

const char *
push_state_name(enum push_state s)
{
	return push_names[s];
}

const char *
want_kind_name(enum want_kind k)
{
	return want_names[k];
}

struct board *
board_new(void)
{
	return mem_new(struct board);
}

void
board_free(struct board **pp)
{
	struct board *b = *pp;
	*pp = NULL;
	if (b == NULL)
		return;
	for (unsigned i = 0; i < b->n_cases; i++) {
		mem_free(b->cases[i]->wants);
		mem_free(b->cases[i]);
	}
	for (unsigned i = 0; i < b->n_studies; i++)
		mem_free(b->studies[i]);
	mem_free(b->cases);
	mem_free(b->by_id);
	mem_free(b->studies);
	mem_free(b->table);
	mem_free(b->free_slots);
	mem_free(b);
}

uint64_t
board_version(const struct board *b)
{
	return b->version;
}

void
board_changed(struct board *b)
{
	b->version++;
}

void
board_set_pushed(struct board *b, bool pushed)
{
	b->pushed = pushed;
	b->version++;
}

bool
board_is_pushed(const struct board *b)
{
	return b->pushed;
}

unsigned
board_n_cases(const struct board *b)
{
	return b->n_cases;
}

struct board_case *
board_case_at(const struct board *b, unsigned i)
{
	assert(i < b->n_cases);
	return b->cases[i];
}

struct board_case *
board_case(const struct board *b, const char *id)
{
	unsigned from = 0;
	unsigned to = b->n_cases;
	while (from < to) {
		unsigned mid = from + (to - from) / 2;
		int d = strcmp(id, b->by_id[mid]->file.id);
		if (d == 0)
			return b->by_id[mid];
		if (d < 0)
			to = mid;
		else
			from = mid + 1;
	}
	return NULL;
}

void
board_set_wants(struct board *b, struct board_case *c,
    struct board_want *take, unsigned n)
{
	mem_free(c->wants);
	c->wants = take;
	c->n_wants = n;
	b->version++;
}

unsigned
board_n_studies(const struct board *b)
{
	return b->n_studies;
}

struct board_study *
board_study_at(const struct board *b, unsigned i)
{
	assert(i < b->n_studies);
	return b->studies[i];
}

/* The position of a study; false when unknown, then where it would stand. */
static bool
find_place(const struct board *b, const char *uid, unsigned *ret)
{
	unsigned from = 0;
	unsigned to = b->n_studies;
	while (from < to) {
		unsigned mid = from + (to - from) / 2;
		int d = strcmp(uid, b->studies[mid]->uid);
		if (d == 0) {
			*ret = mid;
			return true;
		}
		if (d < 0)
			to = mid;
		else
			from = mid + 1;
	}
	*ret = from;
	return false;
}

struct board_study *
board_add_study(struct board *b, const char *uid)
{
	unsigned at = 0;
	if (find_place(b, uid, &at))
		return b->studies[at];
	if (b->n_studies == b->cap_studies) {
		b->cap_studies = b->cap_studies == 0 ? 64 :
						       2 * b->cap_studies;
		b->studies = mem_grow(b->studies, b->cap_studies,
		    sizeof(struct board_study *));
	}
	memmove(b->studies + at + 1, b->studies + at,
	    (b->n_studies - at) * sizeof(struct board_study *));
	struct board_study *s = mem_new(struct board_study);
	bool whole = str_copy(s->uid, sizeof(s->uid), uid);
	assert(whole); /* callers check UIDs: uid_is_valid */
	(void)whole; /* only the assert reads it */
	s->state = STUDY_QUEUED;
	board_table_put(b, s);
	b->studies[at] = s;
	b->n_studies++;
	b->version++;
	return s;
}

void
board_study_lose(struct board_study *s, unsigned n)
{
	if (n >= s->instances) {
		s->instances = 0;
		s->bytes = 0;
		return;
	}
	s->bytes -= s->bytes / s->instances * n;
	s->instances -= n;
}

void
board_drop_study(struct board *b, const char *uid)
{
	unsigned at = 0;
	if (!find_place(b, uid, &at))
		return;
	board_table_drop(b, b->studies[at]);
	mem_free(b->studies[at]);
	b->n_studies--;
	memmove(b->studies + at, b->studies + at + 1,
	    (b->n_studies - at) * sizeof(struct board_study *));
	b->version++;
}

bool
board_same_patient(const struct patient *a, const struct patient *b)
{
	return str_eq(a->id, b->id) && str_eq(a->issuer, b->issuer) &&
	    str_eq(a->name, b->name) &&
	    str_eq(a->birth_date, b->birth_date) && str_eq(a->sex, b->sex);
}

bool
board_case_is_current(const struct board_case *c, int64_t now_utc,
    int64_t horizon_s)
{
	return c->ours && !c->gone && case_is_on(&c->file) &&
	    now_utc <= c->file.end_utc + CURRENT_AFTER_S &&
	    c->file.start_utc <= now_utc + horizon_s;
}
