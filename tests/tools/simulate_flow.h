/* SPDX-License-Identifier: MIT */
/* Part of simulate: what happens in the theatres, by published rates.
 *
 * Cancellations 15 % (UK planned inpatient surgery 13.9 %, Wong, BJA 2018;
 * cardiac 16.6 %, Jasionowska), of which 70 % on the morning itself; add-ons
 * 0.26 a theatre and day (Dexter, Anesthesiology 1999); 1.7 cases a theatre
 * and day, sizes of studies and the rates of swaps and shifts are models: no
 * good number was found. */
#ifndef SIMULATE_FLOW_H
#define SIMULATE_FLOW_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

#define HOUR 3600
#define DAY (24 * HOUR)
#define DAY_0 INT64_C(1793577600) /* Monday 2026-11-02 00:00 UTC */
#define STUDIES_MAX 5 /* of a patient */
#define ARCHIVES 2 /* the PACS, and an older one */
#define PI_2 6.283185307179586

static uint64_t dice_state = 1;

static uint32_t
dice(uint32_t n) /* 0 .. n-1 */
{
	dice_state = dice_state * UINT64_C(6364136223846793005) +
	    UINT64_C(1442695040888963407);
	return (uint32_t)(dice_state >> 33) % n;
}

static double
chance(void) /* in (0, 1] */
{
	return (dice(1000000) + 1) / 1e6;
}

static double
lognormal(double median, double sigma)
{
	return median * exp(sigma * sqrt(-2 * log(chance())) *
	    cos(PI_2 * chance()));
}

struct study_model {
	uint64_t bytes;
	unsigned instances;
	unsigned archive;
};

enum op_kind { ELECTIVE, ADD_ON, EMERGENCY };

/* an operation, its patient and what the archives have of them */
struct op {
	enum op_kind kind;
	unsigned theatre; /* where it is now */
	int64_t start, end;
	int64_t since; /* listed there, with a known patient */
	bool listed, cancelled, known;
	struct study_model studies[STUDIES_MAX];
	unsigned n_studies;
};

enum event_kind {
	EV_LIST, /* the list tells of ${a} */
	EV_CANCEL,
	EV_MOVE, /* ${a} to theatre ${b} */
	EV_SHIFT, /* ${a} by ${b} minutes */
	EV_KNOWN, /* who ${a} is */
	EV_START,
	EV_DOWN, /* archive ${a} */
	EV_UP,
	EV_WAKE, /* theatre ${a}, if it still waits for turn ${b} */
	EV_SAMPLE
};

struct event {
	double t;
	uint64_t seq; /* of two at one time the earlier made one first */
	enum event_kind kind;
	int a, b;
};

struct events { /* a heap */
	struct event *e; /* owned */
	unsigned n, cap;
	uint64_t seq;
};

static bool
is_before(const struct event *x, const struct event *y)
{
	return x->t < y->t || (x->t <= y->t && x->seq < y->seq);
}

static void
event_add(struct events *q, double t, enum event_kind kind, int a, int b)
{
	if (q->n == q->cap) {
		q->cap = q->cap == 0 ? 1024 : 2 * q->cap;
		q->e = mem_grow(q->e, q->cap, sizeof(q->e[0]));
	}
	unsigned i = q->n++;
	struct event v = {t, q->seq++, kind, a, b};
	while (i > 0 && is_before(&v, &q->e[(i - 1) / 2])) {
		q->e[i] = q->e[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	q->e[i] = v;
}

static struct event
event_take(struct events *q)
{
	struct event top = q->e[0], v = q->e[--q->n];
	unsigned i = 0;
	while (2 * i + 1 < q->n) {
		unsigned k = 2 * i + 1;
		if (k + 1 < q->n && is_before(&q->e[k + 1], &q->e[k]))
			k++;
		if (!is_before(&q->e[k], &v))
			break;
		q->e[i] = q->e[k];
		i = k;
	}
	q->e[i] = v;
	return top;
}

struct flow {
	struct op *ops; /* owned */
	unsigned n, cap;
	unsigned theatres, days;
	int64_t engine_down, engine_up; /* its news of then come after it */
};

/* One in five is a 4D flow; one in five lies in the older archive. */
static void
make_patient(struct op *o)
{
	o->n_studies = 1 + dice(4);
	for (unsigned i = 0; i < o->n_studies; i++) {
		struct study_model *s = &o->studies[i];
		bool flow4d = dice(5) == 0;
		double mb = flow4d ? lognormal(550, 0.5) : lognormal(160, 0.4);
		s->bytes = (uint64_t)(mb * 1e6);
		s->instances = (unsigned)(mb * 1e6 / (flow4d ? 92000 :
		    107000)) + 1;
		s->archive = dice(5) == 0;
	}
}

/* When the engine tells what happens at ${t}. */
static double
told(const struct flow *f, int64_t t)
{
	return (double)(t >= f->engine_down && t < f->engine_up ?
	    f->engine_up + (int64_t)dice(60) : t);
}

static int
op_add(struct flow *f, const struct op *o)
{
	if (f->n == f->cap) {
		f->cap = f->cap == 0 ? 1024 : 2 * f->cap;
		f->ops = mem_grow(f->ops, f->cap, sizeof(f->ops[0]));
	}
	f->ops[f->n] = *o;
	make_patient(&f->ops[f->n]);
	return (int)f->n++;
}

static int64_t
on_the_morning(int64_t day)
{
	return day + 6 * HOUR + dice(3 * HOUR);
}

static void
plan_elective(struct flow *f, struct events *q, unsigned theatre,
    int64_t day, int64_t start)
{
	struct op o = {.kind = ELECTIVE, .theatre = theatre, .known = true,
	    .start = start, .end = start + (int64_t)lognormal(4.5 * HOUR,
	    0.3)};
	int i = op_add(f, &o);
	event_add(q, told(f, day - 9 * HOUR + dice(2 * HOUR)), EV_LIST, i, 0);
	event_add(q, (double)start, EV_START, i, 0);
	if (dice(100) < 15)
		event_add(q, told(f, dice(100) < 70 ? on_the_morning(day) :
		    day - 6 * HOUR + dice(10 * HOUR)), EV_CANCEL, i, 0);
	if (dice(100) < 25)
		event_add(q, told(f, on_the_morning(day)), EV_MOVE, i,
		    (int)dice(f->theatres));
	if (dice(100) < 30)
		event_add(q, told(f, on_the_morning(day)), EV_SHIFT, i,
		    (int)dice(240) - 90);
}

static void
plan_add_on(struct flow *f, struct events *q, unsigned theatre, int64_t day)
{
	struct op o = {.kind = dice(100) < 12 ? EMERGENCY : ADD_ON,
	    .theatre = theatre};
	int64_t at = day + 7 * HOUR + dice(15 * HOUR);
	o.start = at + 15 * 60 + dice(225 * 60);
	o.end = o.start + 4 * HOUR;
	o.known = o.kind == ADD_ON;
	int i = op_add(f, &o);
	event_add(q, told(f, at), EV_LIST, i, 0);
	event_add(q, (double)o.start, EV_START, i, 0);
	if (o.kind == EMERGENCY) /* who it is turns out later */
		event_add(q, told(f, at + 2 * HOUR + dice(46 * HOUR)),
		    EV_KNOWN, i, 0);
}

static void
make_flow(struct flow *f, struct events *q)
{
	for (unsigned d = 1; d <= f->days; d++) {
		int64_t day = DAY_0 + (int64_t)d * DAY;
		for (unsigned t = 0; t < f->theatres; t++) {
			if (dice(1000) < 260)
				plan_add_on(f, q, t, day);
			if (d % 7 == 5 || d % 7 == 6) /* a weekend */
				continue;
			int64_t start = day + 8 * HOUR;
			unsigned n = 1 + (dice(100) < 55) + (dice(100) < 15);
			for (unsigned i = 0; i < n; i++) {
				plan_elective(f, q, t, day, start);
				start += 4 * HOUR + dice(2 * HOUR);
			}
		}
	}
}

/* Two outages of each archive by day, and whole or half nights. */
static void
make_outages(struct events *q, unsigned days)
{
	for (int a = 0; a < ARCHIVES; a++)
		for (unsigned k = 0; k < 3; k++) {
			int64_t day = DAY_0 + (int64_t)(2 + dice(days)) * DAY;
			int64_t at = k < 2 ? day + dice(DAY) :
			    day + 19 * HOUR;
			int64_t s = k < 2 ? 600 + (int64_t)dice(4 * HOUR) :
			    10 * HOUR;
			event_add(q, (double)at, EV_DOWN, a, 0);
			event_add(q, (double)(at + s), EV_UP, a, 0);
		}
}

#endif
