/* SPDX-License-Identifier: MIT */
/* The board: cases in order of their start, studies in order of their UID. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "model/board_priv.h"

struct board *
board_new(void)
{
	return mem_new(struct board);
}

static void
case_free(struct board_case *c)
{
	mem_free(c->wants);
	mem_free(c);
}

void
board_free(struct board **pp)
{
	struct board *b = *pp;
	*pp = NULL;
	if (b == NULL)
		return;
	for (unsigned i = 0; i < b->n_cases; i++)
		case_free(b->cases[i]);
	for (unsigned i = 0; i < b->n_studies; i++)
		mem_free(b->studies[i]);
	mem_free(b->cases);
	mem_free(b->studies);
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

unsigned
board_n_cases(const struct board *b)
{
	return b->n_cases;
}

struct board_case *
board_case_at(const struct board *b, unsigned i)
{
	return b->cases[i];
}

struct board_case *
board_case(const struct board *b, const char *id)
{
	for (unsigned i = 0; i < b->n_cases; i++)
		if (str_eq(b->cases[i]->file.id, id))
			return b->cases[i];
	return NULL;
}

static int
by_start(const void *a, const void *b)
{
	const struct board_case *const *x = a;
	const struct board_case *const *y = b;
	if ((*x)->file.start_utc != (*y)->file.start_utc)
		return (*x)->file.start_utc < (*y)->file.start_utc ? -1 : 1;
	return strcmp((*x)->file.id, (*y)->file.id);
}

static int
by_id(const void *a, const void *b)
{
	const struct board_case *const *x = a;
	const struct board_case *const *y = b;
	return strcmp((*x)->file.id, (*y)->file.id);
}

/* Another person under the same case: nothing known of the first counts. */
static void
change_patient(struct board_case *c)
{
	mem_free(c->wants);
	c->wants = NULL;
	c->n_wants = 0;
	c->asked = ASKED_NEVER;
	c->answered_utc = 0;
	c->next_try_utc = 0;
	c->tries = 0;
	c->ask_reason[0] = '\0';
}

static bool
same_patient(const struct patient *a, const struct patient *b)
{
	return str_eq(a->id, b->id) && str_eq(a->issuer, b->issuer) &&
	    str_eq(a->name, b->name) && str_eq(a->birth_date, b->birth_date);
}

/* Write ${f} over the case that is on the board. True when it changed. */
static bool
update_case(struct board_case *c, const char *feed, const struct casefile *f)
{
	bool same = case_equal(&c->file, f) && !c->gone &&
	    str_eq(c->feed, feed);
	if (!same_patient(&c->file.patient, &f->patient))
		change_patient(c);
	c->file = *f;
	c->gone = false;
	(void)str_copy(c->feed, sizeof(c->feed), feed);
	return !same;
}

/* Whether ${c}'s day (UTC) has ended. */
static bool
day_is_over(const struct board_case *c, int64_t now_utc)
{
	int64_t end = c->file.end_utc > c->file.start_utc ? c->file.end_utc :
	    c->file.start_utc;
	return now_utc / 86400 > end / 86400;
}

/* Cases of ${feed} that were not listed this time go, or stay as gone. */
static void
drop_unlisted(struct board *b, const char *feed, const bool *listed,
    int64_t now_utc)
{
	unsigned n = 0;
	for (unsigned i = 0; i < b->n_cases; i++) {
		struct board_case *c = b->cases[i];
		if (!listed[i] && str_eq(c->feed, feed)) {
			if (day_is_over(c, now_utc)) {
				case_free(c);
				continue;
			}
			c->gone = true;
		}
		b->cases[n++] = c;
	}
	b->n_cases = n;
}

static void
add_case(struct board *b, const char *feed, const struct casefile *f)
{
	struct board_case *c = mem_new(struct board_case);
	c->file = *f;
	(void)str_copy(c->feed, sizeof(c->feed), feed);
	b->cases = mem_grow(b->cases, b->n_cases + 1, sizeof(b->cases[0]));
	b->cases[b->n_cases++] = c;
}

void
board_set_cases(struct board *b, const char *feed,
    const struct casefile *cases, unsigned n, int64_t now_utc)
{
	/* found among the old ones by id; new ones are added behind them */
	unsigned old = b->n_cases;
	bool *listed = mem_new_n(bool, old);
	if (old > 0)
		qsort(b->cases, old, sizeof(b->cases[0]), by_id);
	for (unsigned i = 0; i < n; i++) {
		struct board_case key = {.file.id = ""};
		struct board_case *kp = &key;
		(void)str_copy(key.file.id, CASE_ID_SIZE, cases[i].id);
		struct board_case **at = old == 0 ? NULL : bsearch(&kp,
		    b->cases, old, sizeof(b->cases[0]), by_id);
		if (at == NULL) {
			add_case(b, feed, &cases[i]);
			continue;
		}
		listed[at - b->cases] = true;
		(void)update_case(*at, feed, &cases[i]);
	}
	bool *all = mem_new_n(bool, b->n_cases);
	memcpy(all, listed, old * sizeof(bool));
	memset(all + old, true, (b->n_cases - old) * sizeof(bool));
	drop_unlisted(b, feed, all, now_utc);
	mem_free(all);
	mem_free(listed);
	if (b->n_cases > 0)
		qsort(b->cases, b->n_cases, sizeof(b->cases[0]), by_start);
	b->version++;
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
	return b->studies[i];
}

/* Where ${uid} stands, or would stand. */
static unsigned
place_of(const struct board *b, const char *uid, bool *ret_found)
{
	unsigned lo = 0;
	unsigned hi = b->n_studies;
	*ret_found = false;
	while (lo < hi) {
		unsigned mid = lo + (hi - lo) / 2;
		int c = strcmp(b->studies[mid]->uid, uid);
		if (c == 0) {
			*ret_found = true;
			return mid;
		}
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct board_study *
board_study(const struct board *b, const char *uid)
{
	bool found = false;
	unsigned i = place_of(b, uid, &found);
	return found ? b->studies[i] : NULL;
}

struct board_study *
board_add_study(struct board *b, const char *uid)
{
	bool found = false;
	unsigned i = place_of(b, uid, &found);
	if (found)
		return b->studies[i];
	struct board_study *s = mem_new(struct board_study);
	(void)str_copy(s->uid, UID_SIZE, uid);
	s->state = STUDY_QUEUED;
	if (b->n_studies == b->cap_studies) {
		b->cap_studies = b->cap_studies == 0 ? 64 : 2 * b->cap_studies;
		b->studies = mem_grow(b->studies, b->cap_studies,
		    sizeof(b->studies[0]));
	}
	memmove(&b->studies[i + 1], &b->studies[i],
	    (b->n_studies - i) * sizeof(b->studies[0]));
	b->studies[i] = s;
	b->n_studies++;
	b->version++;
	return s;
}

void
board_drop_study(struct board *b, const char *uid)
{
	bool found = false;
	unsigned i = place_of(b, uid, &found);
	if (!found)
		return;
	mem_free(b->studies[i]);
	b->n_studies--;
	memmove(&b->studies[i], &b->studies[i + 1],
	    (b->n_studies - i) * sizeof(b->studies[0]));
	b->version++;
}

const char *
study_state_name(enum study_state s)
{
	static const char *const names[] = {"queued", "fetching", "ready",
	    "incomplete", "held", "failed"};
	return names[s];
}

const char *
readiness_name(enum readiness r)
{
	static const char *const names[] = {"none", "ready", "fetching",
	    "queued", "failed"};
	return names[r];
}

const char *
want_kind_name(enum want_kind k)
{
	static const char *const names[] = {"no", "wanted", "held"};
	return names[k];
}
