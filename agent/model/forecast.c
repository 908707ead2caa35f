/* SPDX-License-Identifier: MIT */
/* The plan played through: each archive has lanes, each lane a rate, and the
 * steps take the lane that is free first, in their order. Approximate: lanes
 * do not speed up when others are idle, and zones do not change meanwhile. */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "model/board_priv.h"
#include "model/forecast.h"

#define OBJECT_GUESS (UINT64_C(160) * 1024) /* an MR image, about */
#define LANES_MAX 64 /* more are not told apart */
#define FAR_S (INT64_C(366) * DAY_S) /* what takes longer never ends */

struct track {
	uint64_t bulk, urgent; /* bytes/s of a lane, 0 = not known */
	int64_t free_utc[LANES_MAX];
	unsigned lanes;
	bool down;
};

struct play {
	struct board *b;
	const struct forecast *f;
	struct track tracks[FORECAST_ARCHIVES_MAX];
	uint64_t mean; /* bytes of an object, of all that are here */
};

static uint64_t
least_known(uint64_t a, uint64_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

/* Bytes/s of a lane under the archive's own ceiling; 0 = not known. */
static uint64_t
lane_rate(const struct forecast_archive *a, unsigned lanes)
{
	return least_known(a->rate, a->ceiling / lanes);
}

/* What all archives together may take is shared by the lanes, in proportion
 * to what they could do. Nothing is told of lanes that stay idle: those of
 * archives with nothing to send count all the same, and the forecast is
 * rather too late than too early. */
static void
share_ceiling(struct play *p)
{
	const struct forecast *f = p->f;
	uint64_t sum = 0;
	unsigned lanes = 0;
	for (unsigned i = 0; i < f->n_archives; i++) {
		sum += p->tracks[i].bulk * p->tracks[i].lanes;
		lanes += p->tracks[i].lanes;
	}
	for (unsigned i = 0; i < f->n_archives && f->ceiling > 0; i++) {
		struct track *t = &p->tracks[i];
		if (t->bulk == 0)
			t->bulk = f->ceiling / lanes;
		else if (sum > f->ceiling)
			t->bulk = (uint64_t)((double)t->bulk *
			    (double)f->ceiling / (double)sum);
	}
}

static void
set_tracks(struct play *p)
{
	const struct forecast *f = p->f;
	for (unsigned i = 0; i < f->n_archives; i++) {
		const struct forecast_archive *a = &f->archives[i];
		struct track *t = &p->tracks[i];
		t->lanes = a->lanes < 1 ? 1 : a->lanes > LANES_MAX ?
		    LANES_MAX : a->lanes;
		t->bulk = lane_rate(a, t->lanes);
		t->down = a->down;
		for (unsigned k = 0; k < t->lanes; k++)
			t->free_utc[k] = f->now_utc;
	}
	share_ceiling(p);
	for (unsigned i = 0; i < f->n_archives; i++) /* no ceiling binds it */
		p->tracks[i].urgent = f->archives[i].rate != 0 ?
		    f->archives[i].rate : p->tracks[i].bulk;
}

static void
set_mean(struct play *p)
{
	uint64_t bytes = 0, instances = 0;
	for (unsigned i = 0; i < p->b->n_studies; i++) {
		bytes += p->b->studies[i]->bytes;
		instances += p->b->studies[i]->instances;
	}
	p->mean = bytes > 0 && instances > 0 ? bytes / instances :
	    OBJECT_GUESS;
}

/* Bytes that a study still needs; 0 where its count is not known. */
static uint64_t
to_go(const struct play *p, const struct board_study *s)
{
	unsigned all = s->expected > 0 ? s->expected : s->listed;
	if (s->state == STUDY_READY || s->state == STUDY_HELD ||
	    all <= s->instances)
		return 0;
	uint64_t mean = s->instances > 0 && s->bytes > 0 ?
	    s->bytes / s->instances : p->mean;
	return (all - s->instances) * (mean > 0 ? mean : 1);
}

/* Where it comes from; the first one by rank while nobody has said. */
static struct track *
track_of(struct play *p, const struct board_study *s)
{
	for (unsigned i = 0; i < p->f->n_archives; i++)
		if (str_eq(p->f->archives[i].name, s->archive))
			return &p->tracks[i];
	return p->f->n_archives > 0 ? &p->tracks[0] : NULL;
}

static int64_t
urgent_utc(const struct play *p, int64_t deadline_utc)
{
	return deadline_utc - p->f->rules->urgent_s;
}

/* The first moment from ${utc} on when a study may be begun: the window has
 * closed again by then, perhaps. */
static int64_t
allowed_utc(const struct play *p, int64_t utc, int64_t deadline_utc)
{
	int64_t urgent = urgent_utc(p, deadline_utc);
	if (utc >= urgent)
		return utc;
	int64_t minutes = (utc - p->f->now_utc) / 60;
	int minute = (int)((p->f->minute_of_day + minutes) % 1440);
	int64_t opens = utc + (int64_t)window_opens_in(&p->f->rules->window,
	    minute) * 60;
	return opens < urgent ? opens : urgent;
}

/* ${s} takes the lane that is free first, from ${from_utc} on. */
static void
take_lane(struct play *p, struct board_study *s, int64_t from_utc,
    int64_t deadline_utc)
{
	struct track *t = track_of(p, s);
	unsigned lane = 0;
	if (t == NULL || t->down)
		return;
	for (unsigned i = 1; i < t->lanes; i++)
		if (t->free_utc[i] < t->free_utc[lane])
			lane = i;
	int64_t begin = from_utc > t->free_utc[lane] ? from_utc :
	    t->free_utc[lane];
	if (s->state != STUDY_FETCHING)
		begin = allowed_utc(p, begin, deadline_utc);
	uint64_t rate = begin >= urgent_utc(p, deadline_utc) ? t->urgent :
							       t->bulk;
	if (rate == 0 || s->to_go / rate > (uint64_t)FAR_S)
		return;
	int64_t end = begin + (int64_t)((s->to_go + rate - 1) / rate);
	t->free_utc[lane] = end;
	if (s->to_go > 0) /* else its count is not known, or it is all here */
		s->done_utc = end + (60 - end % 60) % 60;
}

static void
play_studies(struct play *p, const struct plan_step *steps, unsigned n)
{
	int64_t now = p->f->now_utc;
	for (unsigned i = 0; i < p->b->n_studies; i++) {
		struct board_study *s = p->b->studies[i];
		s->to_go = to_go(p, s);
		s->done_utc = 0;
		if (s->state == STUDY_FETCHING)
			take_lane(p, s, now, s->deadline_utc);
	}
	for (unsigned i = 0; i < n; i++)
		if (steps[i].kind == PLAN_FETCH)
			take_lane(p, steps[i].study, steps[i].due_utc > now ?
			    steps[i].due_utc : now, steps[i].deadline_utc);
}

/* what a case still waits for */
struct rest {
	unsigned n;
	bool unknown;
	uint64_t to_go;
	int64_t done_utc;
};

static void
add_want(struct rest *r, const struct board *b, const struct board_want *w)
{
	const struct board_study *s = w->kind != WANT_YES ? NULL :
	    board_study(b, w->study_uid);
	if (w->kind != WANT_YES || (s != NULL &&
	    (s->state == STUDY_READY || s->state == STUDY_HELD)))
		return;
	r->n++;
	r->unknown |= s == NULL || s->done_utc == 0;
	if (s == NULL)
		return;
	r->to_go += s->to_go;
	if (s->done_utc > r->done_utc)
		r->done_utc = s->done_utc;
}

static bool
judge(const struct play *p, struct board_case *c)
{
	struct rest r = {0};
	bool current = board_case_is_current(c, p->f->now_utc,
	    p->f->rules->horizon_s);
	for (unsigned i = 0; i < c->n_wants && current; i++)
		add_want(&r, p->b, &c->wants[i]);
	bool late = r.n > 0 && (r.done_utc > c->file.start_utc ||
	    p->f->now_utc >= c->file.start_utc);
	/* an end that leaves something out is told only to be too late */
	if (r.unknown && r.done_utc <= c->file.start_utc)
		r.done_utc = 0;
	bool changed = late != c->late || r.to_go != c->to_go ||
	    r.done_utc != c->done_utc;
	c->to_go = r.to_go;
	c->done_utc = r.done_utc;
	c->late = late;
	return changed;
}

bool
forecast_make(struct board *b, const struct forecast *f,
    const struct plan_step *steps, unsigned n)
{
	struct play *p = mem_new(struct play);
	p->b = b;
	p->f = f;
	set_tracks(p);
	set_mean(p);
	play_studies(p, steps, n);
	bool changed = false;
	for (unsigned i = 0; i < b->n_cases; i++)
		changed |= judge(p, b->cases[i]);
	mem_free(p);
	return changed;
}
