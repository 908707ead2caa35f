/* SPDX-License-Identifier: MIT */
/* The night's work: look at the board, plan, begin what is due. */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stats.h"
#include "base/str.h"
#include "prefetch/prefetch_priv.h"

#define PROGRESS_MS 300 /* counters to the board while something moves */
#define STEPS_MAX 4096 /* of one plan */
#define ROOM_GUESS (UINT64_C(256) * 1024) /* bytes of an instance to come */

static void
on_timer(void *ctx) /* loop_fn */
{
	struct prefetch *p = ctx;
	p->timer = NULL;
	prefetch_look(p);
}

static void
on_progress(void *ctx) /* loop_fn */
{
	struct prefetch *p = ctx;
	p->progress = NULL;
	outcome_progress(p);
	lane_look(p);
	if (p->running != NULL)
		p->progress = loop_timer_start(p->loop, PROGRESS_MS,
		    on_progress, p);
}

static void
ask_stop(struct job *j) /* job_fn, loop */
{
	assoc_stop_ask(&((struct ask *)j)->stop);
}

static void
fetch_stop(struct job *j) /* job_fn, loop */
{
	assoc_stop_ask(&((struct fetch *)j)->stop);
	lane_stop((struct fetch *)j);
}

/* The first archive that may be asked, or n_archives. */
static unsigned
first_up(const struct prefetch *p)
{
	unsigned i = 0;
	while (i < p->c.n_archives && health_is_down(p, i))
		i++;
	return i;
}

static void
begin_ask(struct prefetch *p, const struct board_case *bc)
{
	struct board_case *c = board_case(p->board, bc->file.id);
	struct ask *k = mem_new(struct ask);
	k->job = (struct job){.work = ask_work, .done = outcome_ask,
	    .stop = ask_stop};
	k->p = p;
	k->file = c->file;
	k->epoch = c->epoch;
	assoc_stop_init(&k->stop);
	c->asked = ASKED_NOW;
	for (unsigned i = 0; i < p->c.n_archives; i++) {
		k->skip[i] = health_is_down(p, i);
		p->busy[i] += !k->skip[i];
	}
	pool_submit(p->pool, &k->job);
}

unsigned
prefetch_archive_of(const struct prefetch *p, const struct board_study *s)
{
	unsigned i = 0;
	while (i < p->c.n_archives &&
	    !str_eq(p->c.archives[i].name, s->archive))
		i++;
	return i;
}

/* For bulk work: where its case found it, else the first; while that is down
 * another that lists it, by rank. It may be down all the same. */
static unsigned
archive_of(const struct prefetch *p, const struct board_study *s)
{
	unsigned i = prefetch_archive_of(p, s);
	if (i == p->c.n_archives)
		i = 0;
	for (unsigned k = 0; k < p->c.n_archives && health_is_down(p, i); k++)
		if ((s->archives >> k & 1) != 0 && !health_is_down(p, k))
			return k;
	return i;
}

/* The earliest current case that wants the study: its patient is who the
 * objects must be of. */
static const struct board_case *
case_wanting(const struct prefetch *p, const char *uid)
{
	int64_t now = clock_utc_s();
	for (unsigned i = 0; i < board_n_cases(p->board); i++) {
		const struct board_case *c = board_case_at(p->board, i);
		if (!board_case_is_current(c, now, p->c.plan.horizon_s))
			continue;
		for (unsigned k = 0; k < c->n_wants; k++)
			if (c->wants[k].kind == WANT_YES &&
			    str_eq(c->wants[k].study_uid, uid))
				return c;
	}
	return NULL;
}

struct fetch *
prefetch_running(const struct prefetch *p, const char *study_uid)
{
	struct fetch *f = p->running;
	while (f != NULL && !str_eq(f->study_uid, study_uid))
		f = f->next;
	return f;
}

/* Followers may have come before it: then it is theirs. */
static void
open_flow(struct prefetch *p, struct fetch *f)
{
	bool fresh = false; /* either is fine */
	f->flow = flow_join(&p->intake.flows, f->study_uid, FLOW_RUNNING,
	    &fresh);
	flow_set(&p->intake.flows, f->flow, FLOW_RUNNING);
	f->ticket.flow = f->flow;
}

void
prefetch_begin(struct prefetch *p, struct board_study *s, unsigned archive)
{
	const struct board_case *c = case_wanting(p, s->uid);
	struct fetch *f = mem_new(struct fetch);
	struct told t;
	if (overview_told(&p->overview, s->uid, &t))
		outcome_fill(s, &t);
	if (s->archive[0] == '\0')
		(void)str_copy(s->archive, sizeof(s->archive),
		    p->c.archives[archive].name); /* at most 32 */
	f->job = (struct job){.work = fetch_work, .done = outcome_fetch,
	    .stop = fetch_stop};
	f->p = p;
	f->archive = archive;
	f->archives = (uint32_t)s->archives; /* PREFETCH_ARCHIVES_MAX */
	atomic_store(&f->turn, archive);
	f->check = s->state == STUDY_READY;
	f->doubted = s->doubtful;
	f->known = s->expected > s->listed ? s->expected : s->listed;
	(void)str_copy(f->study_uid, UID_SIZE, s->uid);
	(void)str_copy(f->modalities, sizeof(f->modalities), s->modalities);
	if (c != NULL)
		f->ticket.patient = c->file.patient;
	assoc_stop_init(&f->stop);
	open_flow(p, f);
	f->next = p->running;
	p->running = f;
	p->busy[archive]++;
	s->checking = f->check;
	if (!f->check) {
		s->state = STUDY_FETCHING;
		s->reason[0] = '\0';
		stats_add(STAT_FETCHES_STARTED, 1);
	}
	outlook_begin(f, s);
	lane_hurry(f);
	stats_add(STAT_TRANSFERS_NOW, 1);
	if (p->progress == NULL)
		p->progress = loop_timer_start(p->loop, PROGRESS_MS,
		    on_progress, p);
	pool_submit(p->pool, &f->job);
}

bool
prefetch_has_place(const struct prefetch *p, unsigned i, bool bulk)
{
	unsigned n = p->health[i].allowed;
	if (bulk && p->c.read_through && n > 1)
		n--;
	return p->busy[i] < n && (!bulk || health_may_bulk(p, i));
}

/* A question goes to every archive that is not down. It is short: it may take
 * the place that is for viewers. */
static bool
may_ask(const struct prefetch *p)
{
	for (unsigned i = 0; i < p->c.n_archives; i++)
		if (!health_is_down(p, i) && (!health_may_bulk(p, i) ||
		    !prefetch_has_place(p, i, false)))
			return false;
	return first_up(p) < p->c.n_archives;
}

static void
say_down(const struct prefetch *p, unsigned i, const char *before, char *dst)
{
	(void)snprintf(dst, BOARD_REASON_SIZE, "%sarchive %s is down: %.240s",
	    before, p->c.archives[i].name, p->health[i].last_error);
}

/* Nobody can be asked: the case waits for the first that answers a probe. */
static void
wait_to_ask(struct prefetch *p, const char *case_id)
{
	struct board_case *c = board_case(p->board, case_id);
	if (p->c.n_archives == 0)
		return;
	c->asked = ASKED_FAILED;
	c->next_try_utc = clock_utc_s() + health_next_s(p);
	say_down(p, 0, "", c->ask_reason);
	board_changed(p->board);
}

static void
try_ask(struct prefetch *p, const struct board_case *c)
{
	if (first_up(p) == p->c.n_archives)
		wait_to_ask(p, c->file.id);
	else if (may_ask(p))
		begin_ask(p, c);
}

/* Who has it is down. A ready study is as ready as it was. */
static void
wait_to_fetch(struct prefetch *p, struct board_study *s, unsigned archive)
{
	bool ready = s->state == STUDY_READY;
	if (!ready)
		s->state = s->instances > 0 ? STUDY_INCOMPLETE : STUDY_FAILED;
	s->next_try_utc = p->health[archive].next_try_utc;
	say_down(p, archive, ready ? "ready; not looked at again: " : "",
	    s->reason);
	board_changed(p->board);
}

/* The bytes that a study still needs, as its objects so far let expect. While
 * none is here, room for one: a high guess would evict what others need or
 * never fit, a low one is corrected at the next try. */
uint64_t
prefetch_room_for(const struct board_study *s)
{
	if (s->instances == 0 || s->expected <= s->instances)
		return ROOM_GUESS;
	return (s->expected - s->instances) * (s->bytes / s->instances);
}

static void
try_fetch(struct prefetch *p, const struct plan_step *step)
{
	struct board_study *s = step->study;
	char why[200];
	unsigned archive = archive_of(p, s);
	if (health_is_down(p, archive)) {
		wait_to_fetch(p, s, archive);
		return;
	}
	if (!prefetch_has_place(p, archive, true))
		lane_make_place(p, archive);
	if (!prefetch_has_place(p, archive, true) ||
	    prefetch_running(p, s->uid) != NULL ||
	    !p->ports.may_fetch(p->ports.ctx, s->uid))
		return;
	enum study_state was = s->state;
	s->state = STUDY_FETCHING; /* it does not give way to itself */
	bool ok = p->ports.make_room(p->ports.ctx, prefetch_room_for(s),
	    step->deadline_utc, why, sizeof(why));
	s->state = was;
	if (ok) {
		prefetch_begin(p, s, archive);
		return;
	}
	s->state = s->instances > 0 ? STUDY_INCOMPLETE : STUDY_FAILED;
	s->tries++;
	s->next_try_utc = clock_utc_s() + 60;
	(void)str_copy(s->reason, sizeof(s->reason), why);
	log_warn("prefetch.room.none", "reason='%s' action=paused", why);
}

/* What is new is fetched without making room: it is little, and the quota of
 * the store holds for it all the same. */
static void
try_check(struct prefetch *p, const struct plan_step *step)
{
	struct board_study *s = step->study;
	unsigned archive = archive_of(p, s);
	if (health_is_down(p, archive))
		wait_to_fetch(p, s, archive);
	else if (prefetch_has_place(p, archive, true) &&
	    prefetch_running(p, s->uid) == NULL &&
	    p->ports.may_fetch(p->ports.ctx, s->uid))
		prefetch_begin(p, s, archive);
}

static void
begin_due(struct prefetch *p, const struct plan_step *steps, unsigned n,
    int64_t now)
{
	p->n_queued = 0;
	for (unsigned i = 0; i < n; i++) {
		bool due = steps[i].due_utc <= now && !p->stopping;
		if (due && steps[i].kind == PLAN_ASK)
			try_ask(p, steps[i].c);
		else if (due && steps[i].kind == PLAN_FETCH)
			try_fetch(p, &steps[i]);
		else if (due && steps[i].kind == PLAN_CHECK)
			try_check(p, &steps[i]);
		p->n_queued += steps[i].kind == PLAN_FETCH &&
		    steps[i].study->state != STUDY_FETCHING;
	}
}

static void
mark_ours(struct prefetch *p)
{
	for (unsigned i = 0; i < board_n_cases(p->board); i++) {
		struct board_case *c = board_case_at(p->board, i);
		c->ours = str_in_list(p->c.theatre, c->file.room);
	}
}

void
prefetch_look(struct prefetch *p)
{
	int64_t now = clock_utc_s();
	int offset_s = 0;
	if (p->stopping)
		return;
	struct civil c = zone_of_utc(p->c.zone, now, &offset_s);
	mark_ours(p);
	board_settle(p->board, now, p->c.plan.horizon_s);
	if (p->ports.settled != NULL)
		p->ports.settled(p->ports.ctx);
	follow_look(p); /* viewers first */
	struct plan_step *steps = mem_new_n(struct plan_step, STEPS_MAX);
	int minute = c.hour * 60 + c.min;
	p->c.plan.bulk_from_utc = gap_bulk_from_utc(p, now);
	unsigned n = plan_make(p->board, &p->c.plan, now, minute, steps,
	    STEPS_MAX);
	begin_due(p, steps, n, now);
	plan_explain(steps, n, &p->c.plan);
	outlook_look(p, steps, n, now, minute);
	probe_quiet_archives(p);
	int64_t next = plan_next_utc(steps, n, now);
	mem_free(steps);
	board_settle(p->board, now, p->c.plan.horizon_s);
	overview_refresh(&p->overview, p->board, &p->c, p->health);
	loop_timer_stop(&p->timer);
	int64_t wait_s = next - now;
	int64_t most_s = health_next_s(p);
	wait_s = wait_s < 1 ? 1 : wait_s > most_s ? most_s : wait_s;
	p->timer = loop_timer_start(p->loop, wait_s * 1000, on_timer, p);
	p->ports.changed(p->ports.ctx);
}

bool
prefetch_study_now(struct prefetch *p, const char *study_uid)
{
	struct board_study *s = board_study(p->board, study_uid);
	if (s == NULL || s->n_cases == 0 || s->state == STUDY_HELD)
		return false;
	health_hurry(p);
	if (s->state != STUDY_READY && s->state != STUDY_FETCHING) {
		s->state = STUDY_QUEUED;
		s->next_try_utc = 0;
		s->tries = 0;
		struct plan_step now = {.kind = PLAN_FETCH, .study = s,
		    .deadline_utc = s->deadline_utc};
		try_fetch(p, &now);
	}
	prefetch_look(p);
	return true;
}

bool
prefetch_case_now(struct prefetch *p, const char *case_id)
{
	struct board_case *c = board_case(p->board, case_id);
	if (c == NULL || !board_case_is_current(c, clock_utc_s(),
	    p->c.plan.horizon_s))
		return false;
	p->bulk_from_ns = 0; /* who asks is not one of twenty */
	health_hurry(p);
	if (c->asked != ASKED_NOW) {
		c->asked = ASKED_NEVER;
		c->next_try_utc = 0;
		c->tries = 0;
	}
	for (unsigned i = 0; i < c->n_wants; i++)
		if (c->wants[i].kind == WANT_YES)
			(void)prefetch_study_now(p, c->wants[i].study_uid);
	prefetch_look(p);
	return true;
}

struct prefetch *
prefetch_start(struct loop *l, const struct prefetch_config *c,
    const struct prefetch_ports *ports, struct board *b, struct index *ix,
    struct store *st, struct err *e)
{
	unsigned threads = 1;
	for (unsigned i = 0; i < c->n_archives; i++)
		threads += c->archives[i].associations;
	struct pool *pool = pool_new(l, "archive", threads, e);
	if (pool == NULL)
		return NULL;
	if (pool != NULL)
		pool_set_background(pool);
	struct pool *asking = pool_new(l, "ask", 1 + QUESTIONS_AT_ONCE *
	    c->n_archives, e);
	if (asking == NULL) {
		pool_free(&pool);
		return NULL;
	}
	struct prefetch *p = mem_new(struct prefetch);
	p->loop = l;
	p->c = *c;
	p->ports = *ports;
	p->board = b;
	p->ix = ix;
	p->st = st;
	p->pool = pool;
	p->asking = asking;
	p->bell = bell_new(p);
	p->intake.ix = ix;
	p->intake.st = st;
	health_init(p);
	intake_limit(&p->intake, c);
	p->intake.learn = ports->learn;
	p->intake.ctx = ports->ctx;
	tickets_init(&p->intake.tickets);
	flows_init(&p->intake.flows);
	overview_init(&p->overview);
	questions_init(&p->questions);
	gap_spread(p);
	return p;
}

void
prefetch_halt(struct prefetch *p)
{
	p->stopping = true;
	overview_close(&p->overview);
	flows_halt(&p->intake.flows);
	questions_halt(&p->questions);
	pool_free(&p->asking);
	pool_free(&p->pool); /* every outcome_* still comes */
	loop_timer_stop(&p->waiting_timer);
	loop_timer_stop(&p->progress);
	loop_timer_stop(&p->timer);
	while (p->n_waiting > 0)
		flow_leave(&p->intake.flows, &p->waiting[--p->n_waiting]);
}

void
prefetch_stop(struct prefetch **pp)
{
	struct prefetch *p = *pp;
	*pp = NULL;
	if (p == NULL)
		return;
	prefetch_halt(p);
	bell_stop(&p->bell);
	questions_done(&p->questions);
	overview_done(&p->overview);
	flows_done(&p->intake.flows);
	intake_unlimit(&p->intake);
	tickets_done(&p->intake.tickets);
	mem_free(p);
}

unsigned
prefetch_active(const struct prefetch *p)
{
	unsigned n = 0;
	for (struct fetch *f = p->running; f != NULL; f = f->next)
		n++;
	return n;
}

unsigned
prefetch_queued(const struct prefetch *p)
{
	return p->n_queued + p->n_waiting;
}

const struct archive_health *
prefetch_health(const struct prefetch *p, unsigned i)
{
	return &p->health[i];
}

bool
prefetch_expects(const struct prefetch *p, const char *ae_title)
{
	for (const struct fetch *f = p->running; f != NULL; f = f->next) {
		const struct prefetch_archive *a =
		    &p->c.archives[atomic_load(&f->turn)];
		if (a->retrieve == PREFETCH_C_MOVE &&
		    str_eq(a->ae_title, ae_title))
			return true;
	}
	return false;
}

int
prefetch_take(struct prefetch *p, struct assoc *a, const char *calling,
    const char *class_uid, const char *instance_uid, const char *syntax,
    uint16_t *ret_status, struct err *e)
{
	struct intake_object o = {.ae_title = calling,
	    .class_uid = class_uid, .instance_uid = instance_uid,
	    .syntax = syntax};
	return intake_take(&p->intake, a, &o, ret_status, e);
}
