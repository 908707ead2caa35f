/* SPDX-License-Identifier: MIT */
/* How long the rules take on a full house: 20,000 studies, 200 cases of six
 * studies each, as when every case of a week comes to one theatre. Prints
 * milliseconds, the median of 21. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/board.h"
#include "model/evict.h"
#include "model/plan.h"

#define STUDIES 20000
#define CASES 200
#define WANTS 6
#define STEPS 64
#define RUNS 21
#define NOW INT64_C(1800000000)
#define HORIZON_S (72 * 3600)

static const struct plan_rules rules = {.window = {19 * 60, 6 * 60 + 30},
    .urgent_s = 12 * 3600, .horizon_s = HORIZON_S};

static void
uid_of(char ret[UID_SIZE], unsigned i)
{
	(void)snprintf(ret, UID_SIZE, "2.25.4711.%u", i); /* fits */
}

static void
add_studies(struct board *b)
{
	for (unsigned i = 0; i < STUDIES; i++) {
		char uid[UID_SIZE];
		uid_of(uid, i);
		struct board_study *s = board_add_study(b, uid);
		s->state = i < CASES * WANTS && i % 2 == 0 ? STUDY_QUEUED :
		    STUDY_READY;
		s->bytes = s->state == STUDY_READY ? 100000000 : 0;
		s->expected = s->instances = s->bytes > 0 ? 500 : 0;
		s->used = i * 7919u % STUDIES;
		s->last_used_utc = NOW - 1000;
	}
}

static void
add_cases(struct board *b)
{
	struct casefile *files = mem_new_n(struct casefile, CASES);
	for (unsigned i = 0; i < CASES; i++) {
		files[i] = (struct casefile){.room = "Theatre 6",
		    .start_utc = NOW + 600 + (int64_t)i * 1200,
		    .end_utc = NOW + 4200 + (int64_t)i * 1200};
		(void)snprintf(files[i].id, sizeof(files[i].id), "C%u", i);
		(void)snprintf(files[i].patient.id,
		    sizeof(files[i].patient.id), "P%u", i); /* they fit */
	}
	board_set_cases(b, "list", files, CASES, NOW);
	mem_free(files);
	for (unsigned i = 0; i < CASES; i++) {
		char id[16];
		(void)snprintf(id, sizeof(id), "C%u", i);
		struct board_case *c = board_case(b, id);
		struct board_want *w = mem_new_n(struct board_want, WANTS);
		for (unsigned k = 0; k < WANTS; k++) {
			uid_of(w[k].study_uid, i * WANTS + k);
			w[k].kind = WANT_YES;
		}
		c->ours = true;
		board_set_wants(b, c, w, WANTS);
		c->asked = ASKED_ANSWERED;
		c->answered_utc = NOW - 60;
	}
}

static int
by_time(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static void
plan(struct board *b)
{
	struct plan_step steps[STEPS];
	board_settle(b, NOW, HORIZON_S);
	if (plan_make(b, &rules, NOW, 20 * 60, steps, STEPS) != STEPS)
		(void)fputs("rules: the plan is too short\n", stderr);
}

static void
choose(struct board *b)
{
	static const struct evict_ask ask = {.who = EVICT_FOR_CASE,
	    .before_utc = NOW + 3600};
	struct board_study **list;
	if (evict_list(b, &ask, &list) == 0)
		(void)fputs("rules: nothing may go\n", stderr);
	mem_free(list);
}

static void
measure(const char *label, struct board *b, void (*fn)(struct board *b))
{
	int64_t ns[RUNS];
	for (unsigned i = 0; i < RUNS; i++) {
		int64_t from = clock_uptime_ns();
		fn(b);
		ns[i] = clock_uptime_ns() - from;
	}
	qsort(ns, RUNS, sizeof(ns[0]), by_time);
	(void)printf("  %-42s %8.2f ms\n", label,
	    (double)ns[RUNS / 2] / (double)CLOCK_MS);
}

int
main(void)
{
	struct board *b = board_new();
	add_studies(b);
	add_cases(b);
	measure("a new plan for 200 cases", b, plan);
	measure("who leaves first, of 20,000 studies", b, choose);
	board_free(&b);
	return 0;
}
