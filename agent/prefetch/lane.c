/* SPDX-License-Identifier: MIT */
/* More associations for one retrieval, and places at other archives. */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "prefetch/prefetch_priv.h"

#define JUDGE_AFTER 8 /* objects: the waits for them tell */
#define PLACE_WAIT_NS (5 * CLOCK_S) /* then it is looked at again later */
#define PLACE_SLICE_MS 100 /* of that: who is told to stop stops */

unsigned
lane_most(const struct fetch *f, unsigned archive)
{
	const struct prefetch_config *c = &f->p->c;
	const struct prefetch_archive *ar = &c->archives[archive];
	unsigned n = ar->associations;
	unsigned here = atomic_load(&f->ticket.n_here);
	bool by_rest = ar->retrieve == PREFETCH_WADO_RS;
	/* by WADO-RS the study comes in one answer; else its waits tell */
	bool in_one = by_rest ? here == 0 :
	    f->answer_ns[archive] <= LANE_WAIT_NS;
	if (c->read_through && n > 1)
		n--;
	if (in_one || f->ticket.n_lines - here <= LANE_WORTH)
		return 1;
	return n < LANES_MAX ? n : LANES_MAX;
}

/* --- on a worker */

void
lane_judge(struct transfer *t)
{
	struct fetch *f = t->f;
	if (f == NULL || t->lane > 0 || t->lanes <= 1)
		return;
	if (t->n_came <= 1) { /* it had to look them up */
		t->waited_ns = 0;
		return;
	}
	if (t->n_came < JUDGE_AFTER || atomic_load(&f->wants_lanes))
		return;
	if (t->waited_ns / t->n_came <= LANE_WAIT_NS) {
		t->lanes = 1;
		return;
	}
	ticket_share(&t->in->tickets, t->ticket, true);
	atomic_store(&f->wants_lanes, true);
	bell_ring(f->p->bell);
}

static void
lane_work(struct job *j) /* job_fn, worker */
{
	struct lane *l = (struct lane *)j;
	struct fetch *f = l->f;
	struct prefetch *p = f->p;
	struct transfer t = {.ar = &p->c.archives[l->archive],
	    .ae_title = p->c.ae_title, .modalities = f->modalities,
	    .in = &p->intake, .ticket = &f->ticket, .stop = &l->stop,
	    .cancelled = &f->job.cancelled, .lane = l->number,
	    .lanes = atomic_load(&f->sharing), .f = f};
	struct err e;
	if (!ticket_join(&p->intake.tickets, &f->ticket))
		return; /* all is asked for by now */
	if (transfer_share(&t, &e) != 0)
		log_debug("prefetch.lane.failed", "archive=%s reason='%s' "
		    "action=left_to_the_others", t.ar->name, e.msg);
	ticket_part(&p->intake.tickets, &f->ticket);
}

bool
lane_get_place(struct fetch *f, unsigned archive)
{
	struct tickets *all = &f->p->intake.tickets;
	unsigned bit = 1u << archive;
	int64_t until = clock_uptime_ns() + PLACE_WAIT_NS;
	if (archive == f->archive)
		return true;
	atomic_fetch_or(&f->wants_places, bit);
	bell_ring(f->p->bell);
	lock_acquire(&all->lock);
	while ((atomic_load(&f->has_places) & bit) == 0 &&
	    !atomic_load(&f->job.cancelled) && clock_uptime_ns() < until)
		(void)lock_wait_ms(&all->lock, &all->idle, PLACE_SLICE_MS);
	lock_release(&all->lock);
	atomic_fetch_and(&f->wants_places, ~bit);
	return (atomic_load(&f->has_places) & bit) != 0;
}

void
lane_leave_place(struct fetch *f, unsigned archive)
{
	if (archive == f->archive)
		return;
	atomic_fetch_or(&f->left_places, 1u << archive);
	bell_ring(f->p->bell);
}

/* --- on the loop */

void
lane_hurry(struct fetch *f)
{
	struct prefetch *p = f->p;
	const struct board_study *s = board_study(p->board, f->study_uid);
	bool followed = f->flow != NULL &&
	    flow_followers(&p->intake.flows, f->flow) > 0;
	if (followed || (s != NULL && s->n_cases > 0 && s->deadline_utc -
	    p->c.plan.urgent_s <= clock_utc_s()))
		atomic_store(&f->ticket.urgent, true);
}

/* Take back places of ${f}, a bit each. */
static void
take_back(struct prefetch *p, struct fetch *f, unsigned bits)
{
	bits &= atomic_fetch_and(&f->has_places, ~bits);
	for (unsigned i = 0; i < p->c.n_archives; i++)
		p->busy[i] -= bits >> i & 1;
}

static void
give_places(struct prefetch *p, struct fetch *f)
{
	unsigned wanted = atomic_load(&f->wants_places) &
	    ~atomic_load(&f->has_places);
	take_back(p, f, atomic_exchange(&f->left_places, 0));
	for (unsigned i = 0; i < p->c.n_archives; i++) {
		if ((wanted >> i & 1) == 0 ||
		    !prefetch_has_place(p, i,
		    !atomic_load(&f->ticket.urgent)))
			continue;
		p->busy[i]++;
		lock_acquire(&p->intake.tickets.lock);
		atomic_fetch_or(&f->has_places, 1u << i);
		cond_broadcast(&p->intake.tickets.idle);
		lock_release(&p->intake.tickets.lock);
	}
}

static void
fetch_free(struct fetch *f)
{
	assoc_stop_done(&f->stop);
	mem_free(f);
}

static void
lane_home(struct job *j) /* job_fn, loop */
{
	struct lane *l = (struct lane *)j;
	struct fetch *f = l->f;
	struct prefetch *p = f->p;
	p->busy[l->archive]--;
	l->out = false;
	assoc_stop_done(&l->stop);
	if (--f->n_lanes == 0 && f->over)
		fetch_free(f);
	if (!p->stopping)
		prefetch_look(p);
}

static void
lane_ask_stop(struct job *j) /* job_fn, loop */
{
	assoc_stop_ask(&((struct lane *)j)->stop);
}

static void
open_lane(struct prefetch *p, struct fetch *f, unsigned number)
{
	struct lane *l = &f->lanes[number - 1];
	*l = (struct lane){.f = f, .number = number, .out = true,
	    .archive = atomic_load(&f->turn),
	    .job = {.work = lane_work, .done = lane_home,
		.stop = lane_ask_stop}};
	assoc_stop_init(&l->stop);
	p->busy[l->archive]++;
	f->n_lanes++;
	pool_submit(p->pool, &l->job);
}

/* As many as there are places, which bulk work may take, and work. A study
 * that a viewer waits for leaves a place to the next viewer as well. */
static void
open_lanes(struct prefetch *p, struct fetch *f)
{
	unsigned before = f->n_lanes;
	unsigned left = f->ticket.n_lines - atomic_load(&f->ticket.n_here);
	for (unsigned i = 1; i < LANES_MAX; i++) {
		if (f->lanes[i - 1].out ||
		    left < (f->n_lanes + 1) * LANE_WORTH / 2 ||
		    !prefetch_has_place(p, atomic_load(&f->turn), true))
			continue;
		open_lane(p, f, i);
	}
	if (f->n_lanes > before)
		log_info("prefetch.lane.opened", "archive=%s lanes=%u",
		    p->c.archives[atomic_load(&f->turn)].name,
		    f->n_lanes + 1);
}

void
lane_look(struct prefetch *p)
{
	if (p->stopping)
		return;
	for (struct fetch *f = p->running; f != NULL; f = f->next) {
		lane_hurry(f);
		give_places(p, f);
	}
	for (struct fetch *f = p->running; f != NULL; f = f->next)
		if (atomic_load(&f->wants_lanes) &&
		    !atomic_load(&f->makes_place) &&
		    !atomic_load(&f->job.cancelled))
			open_lanes(p, f);
}

void
lane_make_place(struct prefetch *p, unsigned archive)
{
	for (struct fetch *f = p->running; f != NULL; f = f->next)
		if (f->n_lanes > 0 && atomic_load(&f->turn) == archive)
			atomic_store(&f->makes_place, true);
}

void
lane_stop(struct fetch *f)
{
	for (unsigned i = 0; i < LANES_MAX - 1; i++)
		if (f->lanes[i].out)
			assoc_stop_ask(&f->lanes[i].stop);
}

void
lane_over(struct fetch *f)
{
	take_back(f->p, f, ~0u);
	f->over = true;
	if (f->n_lanes == 0)
		fetch_free(f);
}
