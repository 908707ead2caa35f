/* SPDX-License-Identifier: MIT */
/* Part of simulate: archives that serve and fail, and a theatre with our own
 * plan, board, room and back-off. */
#ifndef SIMULATE_THEATRE_H
#define SIMULATE_THEATRE_H

#include <string.h>
#include <time.h>

#include "base/str.h"
#include "model/evict.h"
#include "model/plan.h"
#include "model/room.h"
#include "base/clock.h"
#include "model/breaker.h"
#include "run/backoff.h"
#include "simulate_chart.h"
#include "simulate_flow.h"

#define RULES_HORIZON (48 * HOUR)
#define PLACES 3 /* of each theatre at an archive; the fourth is a viewer's */
#define LOOK_MOST (15 * 60) /* the agent looks each minute */
#define GB UINT64_C(1000000000)
#define STEPS_MAX 512
#define NAMES {"pacs", "old"}

struct transfer {
	double end; /* served bytes of the archive when it is whole */
	unsigned theatre;
	char uid[UID_SIZE];
	uint64_t bytes; /* that it had to bring */
};

struct archive {
	double rate, line_rate; /* bytes/s of one association, of all */
	unsigned cap; /* associations */
	double served, at; /* bytes to each association until then */
	unsigned down;
	struct transfer *t; /* owned, unsorted */
	unsigned n, room;
	unsigned peak, refused;
	double minute_bytes; /* for the chart */
};

struct theatre {
	struct board *board; /* owned */
	struct room room;
	unsigned busy[ARCHIVES];
	struct breaker breakers[ARCHIVES];
	int turn; /* its wakes that are out of date have another */
	unsigned *ops; /* owned: on its list, or once */
	unsigned n_ops, cap_ops;
};

struct hospital {
	struct flow flow;
	struct events q;
	struct archive archives[ARCHIVES];
	struct theatre *theatres; /* owned */
	struct plan_rules rules;
	double now;
	struct chart chart;
	int64_t night; /* that is drawn: its 17:00 */
	unsigned (*by_day)[2]; /* elective: ready, all; owned */
	/* what came of it */
	unsigned elective[2], elective_down; /* ready, all; archive never up */
	unsigned short_notice[2], short_down, emergencies, cancelled;
	unsigned needed_evicted, evicted, fetches, broken_off;
	uint64_t bytes, unused;
	double plan_s, plan_worst;
	unsigned plans;
};

static const char *const archive_names[ARCHIVES] = NAMES;

static void
uid_of(char dst[UID_SIZE], unsigned op, unsigned i)
{
	(void)snprintf(dst, UID_SIZE, "2.25.%u.%u", op + 1, i + 1);
}

static struct op *
op_of(struct hospital *h, const char *uid, unsigned *ret_study)
{
	unsigned op = (unsigned)strtoul(uid + 5, NULL, 10);
	*ret_study = (unsigned)strtoul(strrchr(uid, '.') + 1, NULL, 10) - 1;
	return &h->flow.ops[op - 1];
}

/* ---- archives ---- */

static void
serve(struct archive *a, double now)
{
	double each = a->n == 0 ? 0 : a->line_rate / a->n;
	double moved = (now - a->at) * (each < a->rate ? each : a->rate);
	if (a->down == 0) {
		a->served += moved;
		a->minute_bytes += moved * a->n;
	}
	a->at = now;
}

/* When the next transfer is whole; the far future while there is none. */
static double
next_end(const struct archive *a, unsigned *ret)
{
	double first = INFINITY;
	for (unsigned i = 0; i < a->n; i++)
		if (a->t[i].end < first) {
			first = a->t[i].end;
			*ret = i;
		}
	if (a->n == 0 || a->down > 0)
		return INFINITY;
	double each = a->line_rate / a->n;
	double left = first - a->served;
	return a->at + (left > 0 ? left : 0) /
	    (each < a->rate ? each : a->rate);
}

static void look(struct hospital *h, unsigned theatre);

static void
failed(const struct hospital *h, struct board_study *s)
{
	s->state = s->instances > 0 ? STUDY_INCOMPLETE : STUDY_FAILED;
	s->tries++;
	s->next_try_utc = (int64_t)h->now + 1 +
	    dice((uint32_t)backoff_limit_s(s->tries));
}

static int64_t
now_ns(const struct hospital *h)
{
	return (int64_t)(h->now * 1e9);
}

/* Transfer ${i} ends, whole or not; what came of it stays. */
static void
end_transfer(struct hospital *h, unsigned archive, unsigned i, bool whole)
{
	struct archive *a = &h->archives[archive];
	struct transfer t = a->t[i];
	struct theatre *th = &h->theatres[t.theatre];
	struct board_study *s = board_study(th->board, t.uid);
	unsigned k;
	const struct study_model *m = &op_of(h, t.uid, &k)->studies[0] + k;
	double left = whole || t.end < a->served ? 0 : t.end - a->served;
	a->t[i] = a->t[--a->n];
	th->busy[archive]--;
	h->bytes += t.bytes - (uint64_t)left;
	h->broken_off += !whole;
	th->room.held -= (uint64_t)left;
	if (s == NULL)
		return;
	s->bytes = m->bytes - (uint64_t)left;
	s->instances = whole ? m->instances :
	    (unsigned)((double)m->instances * (double)s->bytes /
	    (double)m->bytes);
	if (!whole) {
		failed(h, s);
		return;
	}
	(void)breaker_answer(&th->breakers[archive], true);
	breaker_served(&th->breakers[archive]);
	s->state = STUDY_READY;
	s->tries = 0;
	s->checked_utc = (int64_t)h->now;
}

static void
archive_down(struct hospital *h, unsigned archive)
{
	struct archive *a = &h->archives[archive];
	a->down++;
	while (a->n > 0) {
		unsigned theatre = a->t[a->n - 1].theatre;
		end_transfer(h, archive, a->n - 1, false);
		look(h, theatre);
	}
}

/* ---- a theatre ---- */

static bool
make_room(struct hospital *h, struct theatre *th, struct board_study *s,
    uint64_t bytes, int64_t before)
{
	struct room_plan p;
	s->state = STUDY_FETCHING; /* it does not give way to itself */
	th->room.free_bytes = th->room.size - th->room.held + 8 * GB;
	bool ok = room_make(th->board, &th->room, bytes, before, &p);
	for (unsigned i = 0; i < p.n; i++) {
		struct board_study *v = p.victims[i];
		h->evicted++;
		h->needed_evicted += v->n_cases > 0 && !v->no_room &&
		    v->deadline_utc <= before;
		th->room.held -= v->bytes;
		v->bytes = 0;
		v->instances = 0;
		v->state = STUDY_QUEUED;
	}
	room_done(&p);
	return ok;
}

static void
begin_fetch(struct hospital *h, unsigned theatre,
    const struct plan_step *step)
{
	struct theatre *th = &h->theatres[theatre];
	struct board_study *s = step->study;
	unsigned k;
	const struct study_model *m = &op_of(h, s->uid, &k)->studies[0] + k;
	struct archive *a = &h->archives[m->archive];
	uint64_t bytes = m->bytes - s->bytes;
	struct breaker *b = &th->breakers[m->archive];
	if (th->busy[m->archive] >= b->allowed ||
	    !breaker_may_bulk(b, now_ns(h)))
		return; /* when one ends, or its rest is over */
	bool there = a->down == 0 && a->n < a->cap;
	if (a->down > 0) {
		(void)breaker_fail(b, BREAKER_GONE, now_ns(h), dice(1 << 20));
	} else if (!there) {
		breaker_busy(b, now_ns(h), dice(1 << 20));
		a->refused++;
	}
	if (!there || !make_room(h, th, s, bytes, step->deadline_utc)) {
		failed(h, s);
		return;
	}
	s->state = STUDY_FETCHING;
	s->expected = m->instances;
	if (a->n == a->room) {
		a->room = a->room == 0 ? 64 : 2 * a->room;
		a->t = mem_grow(a->t, a->room, sizeof(a->t[0]));
	}
	serve(a, h->now);
	struct transfer *t = &a->t[a->n++];
	*t = (struct transfer){.end = a->served + (double)bytes,
	    .theatre = theatre, .bytes = bytes};
	(void)str_copy(t->uid, UID_SIZE, s->uid);
	th->room.held += bytes;
	th->busy[m->archive]++;
	h->fetches++;
	a->peak = a->n > a->peak ? a->n : a->peak;
}

/* What the archives that are up answer; who is down takes nothing away. */
static void
ask(struct hospital *h, struct theatre *th, struct board_case *c)
{
	unsigned op = (unsigned)strtoul(c->file.id, NULL, 10);
	const struct op *o = &h->flow.ops[op];
	bool all = true;
	unsigned n = 0;
	struct board_want *w = mem_new_n(struct board_want, STUDIES_MAX);
	for (unsigned i = 0; i < o->n_studies; i++) {
		char uid[UID_SIZE];
		uid_of(uid, op, i);
		bool up = h->archives[o->studies[i].archive].down == 0;
		struct board_study *s = board_study(th->board, uid);
		all &= up;
		if (!up && s == NULL)
			continue;
		if (s == NULL)
			s = board_add_study(th->board, uid);
		(void)str_copy(s->archive, sizeof(s->archive),
		    archive_names[o->studies[i].archive]);
		w[n].kind = WANT_YES;
		(void)str_copy(w[n++].study_uid, UID_SIZE, uid);
	}
	board_set_wants(th->board, c, w, n);
	c->asked = all ? ASKED_ANSWERED : ASKED_FAILED;
	c->tries = all ? 0 : c->tries + 1;
	c->answered_utc = all ? (int64_t)h->now : c->answered_utc;
	c->next_try_utc = (int64_t)h->now + 1 +
	    dice((uint32_t)backoff_limit_s(c->tries));
}

static void
check(struct hospital *h, struct board_study *s)
{
	unsigned k;
	const struct op *o = op_of(h, s->uid, &k);
	if (h->archives[o->studies[k].archive].down == 0) {
		s->checked_utc = (int64_t)h->now;
		s->next_try_utc = 0;
	} else {
		s->next_try_utc = (int64_t)h->now + 60;
	}
}

/* True when something was asked: then there is more to do. */
static bool
begin_due(struct hospital *h, unsigned theatre, struct plan_step *steps,
    unsigned n)
{
	struct theatre *th = &h->theatres[theatre];
	int64_t now = (int64_t)h->now;
	bool asked = false;
	for (unsigned i = 0; i < n && steps[i].due_utc <= now; i++) {
		asked |= steps[i].kind == PLAN_ASK;
		if (steps[i].kind == PLAN_ASK)
			ask(h, th, board_case(th->board,
			    steps[i].c->file.id));
		else if (steps[i].kind == PLAN_FETCH)
			begin_fetch(h, theatre, &steps[i]);
		else
			check(h, steps[i].study);
	}
	return asked;
}

static double
seconds(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t); /* it is there */
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* As prefetch_look does: settle, see what fits, plan, begin what is due. */
static unsigned
replan(struct hospital *h, struct theatre *th, struct plan_step *steps)
{
	int64_t now = (int64_t)h->now;
	double from = seconds();
	board_settle(th->board, now, RULES_HORIZON);
	th->room.free_bytes = th->room.size - th->room.held + 8 * GB;
	(void)room_pins(th->board, &th->room, now, RULES_HORIZON);
	unsigned n = plan_make(th->board, &h->rules, now,
	    (int)(now / 60 % 1440), steps, STEPS_MAX);
	double took = seconds() - from;
	h->plan_s += took;
	h->plan_worst = took > h->plan_worst ? took : h->plan_worst;
	h->plans++;
	return n;
}

/* A C-ECHO where one is due; who is back is asked for all that failed. */
static void
probe(struct hospital *h, struct theatre *th)
{
	for (unsigned a = 0; a < ARCHIVES; a++) {
		struct breaker *b = &th->breakers[a];
		if (!breaker_may_probe(b, now_ns(h)))
			continue;
		breaker_probe(b);
		if (h->archives[a].down > 0) {
			(void)breaker_fail(b, BREAKER_GONE, now_ns(h),
			    dice(1 << 20));
			continue;
		}
		(void)breaker_answer(b, false);
		for (unsigned i = 0; i < board_n_cases(th->board); i++)
			if (board_case_at(th->board, i)->asked == ASKED_FAILED)
				board_case_at(th->board, i)->next_try_utc = 0;
		for (unsigned i = 0; i < board_n_studies(th->board); i++) {
			struct board_study *s = board_study_at(th->board, i);
			if (str_eq(s->archive, archive_names[a]))
				s->next_try_utc = 0;
		}
	}
}

static void
look(struct hospital *h, unsigned theatre)
{
	struct theatre *th = &h->theatres[theatre];
	struct plan_step steps[STEPS_MAX];
	probe(h, th);
	if (begin_due(h, theatre, steps, replan(h, th, steps)))
		(void)begin_due(h, theatre, steps, replan(h, th, steps));
	unsigned n = replan(h, th, steps);
	int64_t next = (int64_t)h->now + LOOK_MOST;
	for (unsigned i = 0; i < n; i++)
		if (steps[i].due_utc > (int64_t)h->now &&
		    steps[i].due_utc < next)
			next = steps[i].due_utc;
	for (unsigned a = 0; a < ARCHIVES; a++) {
		int64_t at = breaker_next_ns(&th->breakers[a], now_ns(h));
		int64_t s = at == INT64_MAX ? INT64_MAX : at / CLOCK_S + 1;
		next = s < next ? s : next;
	}
	event_add(&h->q, (double)next, EV_WAKE, (int)theatre, ++th->turn);
}

/* The theatre's list as it is now. */
static void
relist(struct hospital *h, unsigned theatre)
{
	struct theatre *th = &h->theatres[theatre];
	struct casefile *f = mem_new_n(struct casefile, th->n_ops + 1);
	unsigned n = 0;
	for (unsigned i = 0; i < th->n_ops; i++) {
		unsigned op = th->ops[i];
		const struct op *o = &h->flow.ops[op];
		if (o->theatre != theatre || !o->listed ||
		    (double)o->end + 2 * DAY < h->now)
			continue;
		th->ops[n] = op;
		struct casefile *c = &f[n++];
		(void)snprintf(c->id, sizeof(c->id), "%u", op);
		(void)snprintf(c->patient.id, sizeof(c->patient.id), "%s%u",
		    o->known ? "P" : "unknown", op);
		c->start_utc = o->start;
		c->end_utc = o->end;
		c->status = o->cancelled ? CASE_CANCELLED :
		    (double)o->start <= h->now ? CASE_STARTED : CASE_BOOKED;
	}
	th->n_ops = n;
	board_set_cases(th->board, "list", f, n, (int64_t)h->now);
	for (unsigned i = 0; i < board_n_cases(th->board); i++)
		board_case_at(th->board, i)->ours = true;
	mem_free(f);
	look(h, theatre);
}

static void
list_in(struct hospital *h, unsigned op, unsigned theatre)
{
	struct theatre *th = &h->theatres[theatre];
	struct op *o = &h->flow.ops[op];
	if (th->n_ops == th->cap_ops) {
		th->cap_ops = th->cap_ops == 0 ? 16 : 2 * th->cap_ops;
		th->ops = mem_grow(th->ops, th->cap_ops,
		    sizeof(th->ops[0]));
	}
	th->ops[th->n_ops++] = op;
	o->theatre = theatre;
	o->since = (int64_t)h->now;
	o->listed = true;
	relist(h, theatre);
}

#endif
