/* SPDX-License-Identifier: MIT */
/* A hospital on a virtual clock: our own plan, board, room and back-off in
 * each theatre, one flow of cases, two archives with limited associations and
 * bandwidth that fail now and then. What is modelled is the network and the
 * archives alone. Prints what came of it; exit 1 when a promise broke.
 *
 * usage: simulate [--theatres N] [--days N] [--seed N] [--svg FILE]
 *                 [--broken]
 * --broken leaves urgent work to the night: the check of the check. */
#include "simulate_theatre.h"

/* Whether each archive that the case needs was up at all since it was listed
 * and the window opened; ${last_up}: when each that is down was so last. */
static bool
was_up(const struct hospital *h, const struct op *o, const double *last_up)
{
	int64_t opened = o->start - o->start % DAY - 5 * HOUR;
	double from = (double)(o->since > opened ? o->since : opened);
	for (unsigned i = 0; i < o->n_studies; i++) {
		unsigned a = o->studies[i].archive;
		if (h->archives[a].down > 0 && last_up[a] <= from)
			return false;
	}
	return true;
}

static void
count_start(struct hospital *h, unsigned op, const double *last_up)
{
	const struct op *o = &h->flow.ops[op];
	char id[16];
	(void)snprintf(id, sizeof(id), "%u", op);
	struct board *b = h->theatres[o->theatre].board;
	board_settle(b, (int64_t)h->now, RULES_HORIZON);
	const struct board_case *c = board_case(b, id);
	bool ready = c != NULL && c->readiness == READINESS_READY;
	unsigned day = (unsigned)((o->start - DAY_0) / DAY) - 1;
	if (o->since <= o->start - o->start % DAY - 5 * HOUR) {
		bool counts = ready || was_up(h, o, last_up);
		h->elective_down += !counts;
		h->elective[0] += ready && counts;
		h->elective[1] += counts;
		if (day < h->flow.days) {
			h->by_day[day][0] += ready;
			h->by_day[day][1]++;
		}
		return;
	}
	if (o->start - o->since < 15 * 60)
		return; /* nobody promises that */
	bool counts = ready || was_up(h, o, last_up);
	h->short_down += !counts;
	h->short_notice[0] += ready && counts;
	h->short_notice[1] += counts;
}

static void
sample(struct hospital *h)
{
	struct sample *s = &h->chart.s[h->chart.n++];
	int64_t day = h->night - NIGHT_FROM * HOUR + DAY;
	for (unsigned a = 0; a < ARCHIVES; a++) {
		s->bytes[a] = h->chart.n == 1 ? 0 : /* of all days before */
		    h->archives[a].minute_bytes;
		h->archives[a].minute_bytes = 0;
		s->associations += h->archives[a].n;
		s->down[a] = h->archives[a].down > 0;
	}
	for (unsigned t = 0; t < h->flow.theatres; t++) {
		struct board *b = h->theatres[t].board;
		for (unsigned i = 0; i < board_n_cases(b); i++) {
			const struct board_case *c = board_case_at(b, i);
			if (c->gone || c->file.status == CASE_CANCELLED ||
			    c->file.start_utc < day ||
			    c->file.start_utc >= day + DAY)
				continue;
			s->cases++;
			s->ready += c->readiness == READINESS_READY;
		}
	}
}

static void
take_op_event(struct hospital *h, const struct event *v,
    const double *last_up)
{
	unsigned op = (unsigned)v->a;
	struct op *o = &h->flow.ops[op];
	bool over = o->cancelled || (double)o->start <= h->now;
	unsigned was = o->theatre;
	if (v->kind == EV_START) {
		if (o->listed && !o->cancelled && (double)o->start >= v->t &&
		    (double)o->start <= v->t) {
			if (o->known)
				count_start(h, op, last_up);
			h->emergencies += o->kind == EMERGENCY;
			relist(h, was);
		}
		return;
	}
	if (v->kind != EV_LIST && v->kind != EV_KNOWN &&
	    (over || !o->listed))
		return;
	if (v->kind == EV_LIST) {
		list_in(h, op, was);
		return;
	}
	if (v->kind == EV_MOVE && v->b != (int)was) {
		o->listed = false;
		relist(h, was);
		list_in(h, op, (unsigned)v->b);
		return;
	}
	if (v->kind == EV_CANCEL) {
		o->cancelled = true;
		h->cancelled++;
	} else if (v->kind == EV_KNOWN) {
		o->known = true;
		o->since = (int64_t)h->now;
	} else if (v->kind == EV_SHIFT) {
		int64_t least = (int64_t)h->now + 15 * 60;
		int64_t start = o->start + (int64_t)v->b * 60;
		o->end += start - o->start;
		o->start = start > least ? start : least;
		event_add(&h->q, (double)o->start, EV_START, v->a, 0);
	}
	relist(h, was);
}

static void
take_event(struct hospital *h, const struct event *v, double *last_up)
{
	switch (v->kind) {
	case EV_LIST:
	case EV_CANCEL:
	case EV_MOVE:
	case EV_SHIFT:
	case EV_KNOWN:
	case EV_START:
		take_op_event(h, v, last_up);
		break;
	case EV_DOWN:
		if (h->archives[v->a].down == 0)
			last_up[v->a] = h->now;
		archive_down(h, (unsigned)v->a);
		break;
	case EV_UP:
		h->archives[v->a].down--;
		break;
	case EV_WAKE:
		if (h->theatres[v->a].turn == v->b)
			look(h, (unsigned)v->a);
		break;
	case EV_SAMPLE:
		sample(h);
		break;
	}
}

static void
run(struct hospital *h)
{
	double last_up[ARCHIVES] = {0};
	double over = (double)(DAY_0 + (int64_t)(h->flow.days + 1) * DAY);
	while (h->q.n > 0 && h->now < over) {
		double t = h->q.e[0].t;
		unsigned which = ARCHIVES, transfer = 0;
		for (unsigned a = 0; a < ARCHIVES; a++) {
			unsigned i = 0;
			double end = next_end(&h->archives[a], &i);
			if (end < t) {
				t = end;
				which = a;
				transfer = i;
			}
		}
		h->now = t;
		for (unsigned a = 0; a < ARCHIVES; a++)
			serve(&h->archives[a], t);
		if (which < ARCHIVES) {
			unsigned theatre =
			    h->archives[which].t[transfer].theatre;
			end_transfer(h, which, transfer, true);
			look(h, theatre);
			continue;
		}
		struct event v = event_take(&h->q);
		take_event(h, &v, last_up);
	}
}

/* What was fetched for operations that did not take place there. */
static void
count_unused(struct hospital *h)
{
	for (unsigned t = 0; t < h->flow.theatres; t++) {
		struct board *b = h->theatres[t].board;
		for (unsigned i = 0; i < board_n_studies(b); i++) {
			const struct board_study *s = board_study_at(b, i);
			unsigned k;
			const struct op *o = op_of(h, s->uid, &k);
			if (o->theatre != t || o->cancelled)
				h->unused += s->bytes;
		}
	}
}

static double
percent(const unsigned n[2])
{
	return n[1] == 0 ? 100 : 100.0 * n[0] / n[1];
}

static void
report(const struct hospital *h)
{
	char bytes[24];
	(void)printf("%u theatres, %u days, %u operations, %u cancelled, "
	    "%u emergencies\n\n", h->flow.theatres, h->flow.days, h->flow.n,
	    h->cancelled, h->emergencies);
	(void)printf("  elective cases ready at their start     %7.2f %%   "
	    "%u of %u\n", percent(h->elective), h->elective[0],
	    h->elective[1]);
	(void)printf("    not counted: the archive never up since the list"
	    "     %u\n", h->elective_down);
	(void)printf("  add-ons and swaps, 15 min ahead or more %7.2f %%   "
	    "%u of %u\n", percent(h->short_notice), h->short_notice[0],
	    h->short_notice[1]);
	(void)printf("    not counted: the archive never up since then    "
	    "     %u\n", h->short_down);
	(void)printf("  fetched %s in %u retrievals, %u broken off and gone "
	    "on with\n", str_bytes(bytes, sizeof(bytes), h->bytes),
	    h->fetches, h->broken_off);
	(void)printf("  fetched and not used there              %7.2f %%\n",
	    h->bytes == 0 ? 0 : 100.0 * (double)h->unused /
	    (double)h->bytes);
	for (unsigned a = 0; a < ARCHIVES; a++)
		(void)printf("  associations at '%s', at most           "
		    "%7u     of %u, refused %u times\n", archive_names[a],
		    h->archives[a].peak, h->archives[a].cap,
		    h->archives[a].refused);
	(void)printf("  evicted %u studies, of these needed by a sooner "
	    "case %u\n", h->evicted, h->needed_evicted);
	(void)printf("  %u plans, %.3f ms each, the slowest %.1f ms\n",
	    h->plans, 1000 * h->plan_s / h->plans, 1000 * h->plan_worst);
}

static void
open_hospital(struct hospital *h)
{
	h->rules = (struct plan_rules){.window = {19 * 60, 6 * 60 + 30},
	    .urgent_s = h->rules.urgent_s, .horizon_s = RULES_HORIZON,
	    .ask_again_s = HOUR, .recheck = true};
	h->archives[0] = (struct archive){.rate = 12e6, .line_rate = 110e6,
	    .cap = 60, .at = DAY_0};
	h->archives[1] = (struct archive){.rate = 6e6, .line_rate = 40e6,
	    .cap = 20, .at = DAY_0};
	h->theatres = mem_new_n(struct theatre, h->flow.theatres);
	for (unsigned i = 0; i < h->flow.theatres; i++) {
		struct theatre *t = &h->theatres[i];
		for (unsigned a = 0; a < ARCHIVES; a++)
			breaker_init(&t->breakers[a], PLACES);
		t->board = board_new();
		t->room = (struct room){.size = (i % 10 == 0 ? 20 : 500) * GB,
		    .reserve = 4 * GB, .high = 90, .low = 80,
		    .free_files = UINT64_MAX};
		event_add(&h->q, (double)(DAY_0 + dice(60)), EV_WAKE, (int)i,
		    0);
	}
	h->now = (double)DAY_0;
	h->night = DAY_0 + (int64_t)(h->flow.days > 3 ? 3 : 1) * DAY +
	    NIGHT_FROM * HOUR;
	for (int i = 1; i <= SAMPLES; i++)
		event_add(&h->q, (double)(h->night + i * 60), EV_SAMPLE, 0,
		    0);
	if (h->flow.days > 3) { /* the night that is drawn has something */
		double at = (double)h->night + 2 * HOUR + 900;
		event_add(&h->q, at, EV_DOWN, 0, 0);
		event_add(&h->q, at + 2 * HOUR, EV_UP, 0, 0);
	}
	h->flow.engine_down = DAY_0 + 4 * DAY + 14 * HOUR;
	h->flow.engine_up = h->flow.engine_down + 2 * HOUR;
	make_flow(&h->flow, &h->q);
	make_outages(&h->q, h->flow.days);
	h->by_day = mem_zero(h->flow.days + 1, sizeof(h->by_day[0]));
}

static void
close_hospital(struct hospital *h)
{
	for (unsigned i = 0; i < h->flow.theatres; i++) {
		board_free(&h->theatres[i].board);
		mem_free(h->theatres[i].ops);
	}
	for (unsigned a = 0; a < ARCHIVES; a++)
		mem_free(h->archives[a].t);
	mem_free(h->theatres);
	mem_free(h->flow.ops);
	mem_free(h->q.e);
	mem_free(h->by_day);
	mem_free(h);
}

static int
draw_it(struct hospital *h, const char *path)
{
	struct chart *c = &h->chart;
	c->line_rate = 150e6;
	c->title = "A night of the hospital, and its month";
	c->days = h->flow.days;
	for (unsigned d = 0; d < c->days; d++)
		c->share[d] = h->by_day[d][1] == 0 ? -1 :
		    (double)h->by_day[d][0] / h->by_day[d][1];
	return draw(c, path);
}

int
main(int argc, char **argv)
{
	struct hospital *h = mem_new(struct hospital);
	const char *svg = NULL;
	bool broken = false;
	h->flow.theatres = 200;
	h->flow.days = 30;
	for (int i = 1; i < argc; i++) {
		const char *v = i + 1 < argc ? argv[i + 1] : "";
		unsigned n = (unsigned)strtoul(v, NULL, 10);
		if (str_eq(argv[i], "--broken"))
			broken = true;
		else if (str_eq(argv[i], "--theatres") && n > 0)
			h->flow.theatres = n;
		else if (str_eq(argv[i], "--days") && n > 0 && n <= 365)
			h->flow.days = n;
		else if (str_eq(argv[i], "--seed"))
			dice_state = n;
		else if (str_eq(argv[i], "--svg"))
			svg = v;
		else {
			(void)fprintf(stderr, "usage: simulate [--theatres N] "
			    "[--days N] [--seed N] [--svg FILE] "
			    "[--broken]\n");
			return 2;
		}
		i += !str_eq(argv[i], "--broken");
	}
	h->rules.urgent_s = broken ? 0 : 12 * HOUR;
	open_hospital(h);
	run(h);
	count_unused(h);
	report(h);
	bool kept = h->elective[0] == h->elective[1] &&
	    percent(h->short_notice) >= 99 && h->needed_evicted == 0;
	(void)printf("\n%s\n", kept ? "the promises held" :
	    "A PROMISE BROKE: want 100 % of the elective cases, 99 % of the "
	    "others, nothing evicted that a sooner case needs");
	if (svg != NULL && draw_it(h, svg) != 0) {
		(void)fprintf(stderr, "simulate: cannot write '%s'\n", svg);
		kept = false;
	}
	close_hospital(h);
	return kept ? 0 : 1;
}
