/* SPDX-License-Identifier: MIT */
/* Viewers follow studies that are not ready: who is to begin, and when. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stats.h"
#include "base/str.h"
#include "prefetch/prefetch_priv.h"

#define DECIDE_MS 4000 /* the loop answers in one of its rounds */
#define WAITING_MS 100 /* between two looks at those that wait */
#define FULL_TRIES_MAX 7 /* without an object in between */
#define FULL_WAIT_MS 25 /* doubled each time: 3 s in the end */

struct follow {
	struct prefetch *p;
	struct flow *flow; /* used */
	unsigned at; /* owned by the follower */
};

enum turn { TURN_OVER, TURN_WAIT };

static enum turn
refuse(struct prefetch *p, struct flow *fl, enum err_code code,
    const char *why)
{
	struct err e;
	(void)err_set(&e, code, 0, "%s", why); /* returns -1 */
	flow_end(&p->intake.flows, fl, &e, false);
	return TURN_OVER;
}

static bool
may_serve(const struct prefetch *p, const struct flow *fl, unsigned i)
{
	return i < p->c.n_archives && p->health[i].state == ARCHIVE_UP &&
	    (fl->tried >> i & 1) == 0;
}

/* Where the board has it from, or who told of it, or each by rank until one
 * lists instances; n_archives when none is left. */
static unsigned
pick_archive(struct prefetch *p, const struct flow *fl)
{
	struct told t;
	const struct board_study *s = board_study(p->board, fl->study_uid);
	if (s != NULL && may_serve(p, fl, prefetch_archive_of(p, s)))
		return prefetch_archive_of(p, s);
	if (overview_told(&p->overview, fl->study_uid, &t) &&
	    may_serve(p, fl, t.archive))
		return t.archive;
	unsigned i = 0;
	while (i < p->c.n_archives && !may_serve(p, fl, i))
		i++;
	return i;
}

/* For a study that a case wants as for the case, else nothing that a case
 * needs gives way. */
static bool
make_room(struct prefetch *p, struct board_study *s, unsigned n_full,
    char *why, size_t size)
{
	enum study_state was = s->state;
	uint64_t bytes = prefetch_room_for(s);
	if (s->instances == 0) /* the guess did not do */
		bytes <<= 2 * n_full;
	s->state = STUDY_FETCHING; /* it does not give way to itself */
	bool ok = p->ports.make_room(p->ports.ctx, bytes,
	    s->n_cases > 0 ? s->deadline_utc : INT64_MAX, why, size);
	s->state = was;
	return ok;
}

static enum turn
begin(struct prefetch *p, struct flow *fl, unsigned archive)
{
	char why[200] = "";
	char text[240];
	struct board_study *s = board_add_study(p->board, fl->study_uid);
	if (make_room(p, s, fl->n_full, why, sizeof(why))) {
		log_info("prefetch.follow.begin", "archive=%s",
		    p->c.archives[archive].name);
		prefetch_begin(p, s, archive);
		board_changed(p->board);
		overview_refresh(&p->overview, p->board, &p->c, p->health);
		p->ports.changed(p->ports.ctx);
		return TURN_OVER;
	}
	log_warn("prefetch.room.none", "reason='%s' action=told_the_viewer",
	    why);
	if (s->instances == 0 && s->bytes == 0 && s->n_cases == 0 && !s->kept)
		board_drop_study(p->board, fl->study_uid);
	(void)snprintf(text, sizeof(text), "no room that no case needs: %s",
	    why);
	return refuse(p, fl, ERR_FULL, text);
}

/* One study that a viewer waits for. */
static enum turn
take_turn(struct prefetch *p, struct flow *fl)
{
	enum flow_state state = flow_state(&p->intake.flows, fl);
	const struct board_study *s = board_study(p->board, fl->study_uid);
	if (state != FLOW_ASKED && state != FLOW_WAITING)
		return TURN_OVER; /* bulk work has begun it, or it ended */
	if (flow_followers(&p->intake.flows, fl) == 0)
		return refuse(p, fl, ERR_CANCELLED, "nobody waits for it");
	if (s != NULL && s->state == STUDY_HELD)
		return refuse(p, fl, ERR_PEER,
		    "it is held back: the patient is another");
	if (s != NULL && s->state == STUDY_READY) {
		flow_set(&p->intake.flows, fl, FLOW_HERE);
		return TURN_OVER;
	}
	unsigned archive = pick_archive(p, fl);
	if (archive == p->c.n_archives)
		return refuse(p, fl, ERR_NET, "no archive that has it is up");
	if (prefetch_running(p, fl->study_uid) != NULL || /* being cut */
	    clock_uptime_ns() < fl->not_before_ns ||
	    !prefetch_has_place(p, archive, false) ||
	    !p->ports.may_fetch(p->ports.ctx, fl->study_uid))
		return TURN_WAIT;
	return begin(p, fl, archive);
}

static void
on_waiting(void *ctx) /* loop_fn */
{
	struct prefetch *p = ctx;
	p->waiting_timer = NULL;
	follow_look(p);
}

static void
take_waiting(struct prefetch *p)
{
	unsigned n = 0;
	for (unsigned i = 0; i < p->n_waiting; i++) {
		struct flow *fl = p->waiting[i];
		if (take_turn(p, fl) == TURN_WAIT)
			p->waiting[n++] = fl;
		else
			flow_leave(&p->intake.flows, &fl);
	}
	p->n_waiting = n;
}

/* ${fl} is used by the queue from here on, if it waits at all. */
static void
take_asked(struct prefetch *p, struct flow *fl)
{
	enum turn turn = take_turn(p, fl);
	if (turn == TURN_WAIT && p->n_waiting == FOLLOW_WAITING_MAX)
		turn = refuse(p, fl, ERR_FULL,
		    "too many studies wait for a place at the archive");
	if (turn == TURN_WAIT) {
		flow_set(&p->intake.flows, fl, FLOW_WAITING);
		p->waiting[p->n_waiting++] = fl;
	} else {
		flow_leave(&p->intake.flows, &fl);
	}
}

void
follow_look(struct prefetch *p)
{
	if (p->stopping)
		return;
	take_waiting(p);
	struct flow *fl = flow_asked(&p->intake.flows);
	while (fl != NULL) { /* each turn takes it out of FLOW_ASKED */
		take_asked(p, fl);
		fl = flow_asked(&p->intake.flows);
	}
	if (p->n_waiting > 0 && p->waiting_timer == NULL)
		p->waiting_timer = loop_timer_start(p->loop, WAITING_MS,
		    on_waiting, p);
}

void
follow_make_room(struct prefetch *p, const struct fetch *f,
    struct board_study *s)
{
	char why[200]; /* the retrieval tells when it gets there */
	if (f->flow != NULL && s->instances > 0 &&
	    flow_followers(&p->intake.flows, f->flow) > 0)
		(void)make_room(p, s, 0, why, sizeof(why));
}

/* Whether what ended may still come: once there is room, or from another
 * archive, which needs no patience of the viewer. */
static bool
is_worth_another(struct prefetch *p, const struct fetch *f)
{
	struct flow *fl = f->flow;
	if (f->end == FETCH_FULL) {
		unsigned here = atomic_load(&f->ticket.n_here);
		if (here > fl->n_at_full)
			fl->n_full = 0;
		fl->n_at_full = here;
		fl->not_before_ns = clock_uptime_ns() +
		    (FULL_WAIT_MS * CLOCK_MS << fl->n_full);
		return ++fl->n_full <= FULL_TRIES_MAX;
	}
	if (f->end != FETCH_FAILED || atomic_load(&f->expected) > 0)
		return false;
	fl->tried |= UINT32_C(1) << f->archive;
	return pick_archive(p, fl) < p->c.n_archives;
}

static bool
goes_on(struct prefetch *p, const struct fetch *f,
    const struct board_study *s)
{
	struct flows *t = &p->intake.flows;
	if (p->stopping || p->n_waiting == FOLLOW_WAITING_MAX ||
	    (s != NULL && s->state == STUDY_HELD) ||
	    flow_state(t, f->flow) != FLOW_RUNNING ||
	    flow_followers(t, f->flow) == 0 || !is_worth_another(p, f))
		return false;
	flow_set(t, f->flow, FLOW_WAITING);
	flow_use(t, f->flow);
	p->waiting[p->n_waiting++] = f->flow;
	return true;
}

void
follow_over(struct prefetch *p, struct fetch *f, const struct board_study *s)
{
	struct flows *t = &p->intake.flows;
	if (f->flow == NULL)
		return;
	if (f->end == FETCH_READY && s != NULL && s->state == STUDY_READY) {
		flow_end(t, f->flow, NULL, false);
	} else if (!goes_on(p, f, s)) {
		struct err e;
		bool held = s != NULL && s->state == STUDY_HELD;
		const char *why = held ? "it is held back" :
		    f->reason[0] != '\0' ? f->reason : "it was stopped";
		(void)err_set(&e, f->e.code != ERR_NONE ? f->e.code :
		    ERR_PEER, 0, "%.200s", why); /* returns -1 */
		flow_end(t, f->flow, &e, held);
	}
	flow_leave(t, &f->flow);
}

static bool
on_here(void *ctx, const struct index_row *row) /* index_row_fn */
{
	struct follow *fo = ctx;
	struct store_item it = {.object = {.length = row->length,
	    .offset = row->offset}};
	memcpy(it.object.name, row->name, sizeof(it.object.name));
	memcpy(it.object.digest, row->digest, sizeof(it.object.digest));
	(void)str_copy(it.series_uid, UID_SIZE, row->series_uid); /* valid */
	(void)str_copy(it.instance_uid, UID_SIZE, row->instance_uid);
	(void)str_copy(it.class_uid, UID_SIZE, row->class_uid);
	(void)str_copy(it.syntax, UID_SIZE, row->syntax);
	flow_put(&fo->p->intake.flows, fo->flow, &it);
	return true;
}

/* The study has turned ready meanwhile: a flow of its own, from the index. */
static int
read_here(struct follow *fo, const char *study_uid, struct err *e)
{
	struct flows *t = &fo->p->intake.flows;
	struct index_select sel = {.level = INDEX_INSTANCE,
	    .study_uids = &study_uid, .n_study_uids = 1};
	struct index_reader *r = index_reader_open(fo->p->ix, e);
	fo->flow = flow_new(study_uid);
	int rc = r == NULL ? -1 : index_select(r, &sel, on_here, fo, e);
	index_reader_close(&r);
	if (rc == 0 && fo->flow->n == 0)
		rc = err_set(e, ERR_CORRUPT, 0, "it has just left the cache");
	if (rc != 0)
		return -1;
	flow_list(t, fo->flow, fo->flow->n);
	flow_end(t, fo->flow, NULL, false);
	return 0;
}

struct follow *
prefetch_follow(struct prefetch *p, const char *study_uid, struct err *e)
{
	struct flows *t = &p->intake.flows;
	bool fresh = false;
	if (!uid_is_valid(study_uid)) {
		(void)err_set(e, ERR_INVAL, 0,
		    "study UID: want digits and dots"); /* returns -1 */
		return NULL;
	}
	struct flow *fl = flow_join(t, study_uid, FLOW_ASKED, &fresh);
	flow_count(t, fl, 1);
	if (fresh)
		bell_ring(p->bell);
	int rc = flow_decided(t, fl, DECIDE_MS, e);
	struct follow *fo = mem_new(struct follow);
	fo->p = p;
	fo->flow = fl;
	if (rc == 1) {
		flow_count(t, fl, -1);
		flow_leave(t, &fl);
		rc = read_here(fo, study_uid, e);
		flow_count(t, fo->flow, 1);
	}
	if (rc != 0)
		prefetch_follow_end(&fo);
	return fo;
}

int
prefetch_follow_next(struct follow *f, int64_t wait_ms,
    struct store_item *ret, struct err *e)
{
	return flow_next(&f->p->intake.flows, f->flow, &f->at, wait_ms, ret,
	    e);
}

unsigned
prefetch_follow_listed(struct follow *f)
{
	return flow_listed(&f->p->intake.flows, f->flow);
}

void
prefetch_follow_end(struct follow **pp)
{
	struct follow *f = *pp;
	*pp = NULL;
	if (f == NULL)
		return;
	flow_count(&f->p->intake.flows, f->flow, -1);
	flow_leave(&f->p->intake.flows, &f->flow);
	mem_free(f);
}

bool
prefetch_withheld(struct prefetch *p, const char *study_uid)
{
	struct overview_study s;
	return overview_find(&p->overview, study_uid, &s) &&
	    s.state == STUDY_HELD;
}

bool
prefetch_completes(struct prefetch *p, const char *study_uid)
{
	return overview_completes(&p->overview, study_uid);
}
