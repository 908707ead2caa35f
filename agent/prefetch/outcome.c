/* SPDX-License-Identifier: MIT */
/* What questions and transfers came to, written on the board. */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stats.h"
#include "base/str.h"
#include "model/patient.h"
#include "prefetch/prefetch_priv.h"
#include "run/backoff.h"

#define DOUBT_S 300 /* then a list that has shrunk is looked at again */
#define LEFT_OUT_S 60 /* until those that answered are asked again anyway */

/* Whether a case other than ${c} wants the study: whose patient differs there
 * may be this one's. */
static bool
others_want(const struct prefetch *p, const struct board_case *c,
    const char *uid)
{
	int64_t now = clock_utc_s();
	for (unsigned i = 0; i < board_n_cases(p->board); i++) {
		const struct board_case *o = board_case_at(p->board, i);
		if (o == c || !board_case_is_current(o, now,
		    p->c.plan.horizon_s))
			continue;
		for (unsigned k = 0; k < o->n_wants; k++)
			if (o->wants[k].kind == WANT_YES &&
			    str_eq(o->wants[k].study_uid, uid))
				return true;
	}
	return false;
}

static bool
is_found(const struct ask *k, const char *uid)
{
	for (unsigned i = 0; i < k->n_found; i++)
		if (str_eq(k->found[i].uid, uid))
			return true;
	return false;
}

static void
cut(struct prefetch *p, struct fetch *f)
{
	struct err e;
	(void)err_set(&e, ERR_PEER, 0, "it is held back: the patient is "
	    "another"); /* returns -1 */
	flow_end(&p->intake.flows, f->flow, &e, true);
	pool_cancel(p->pool, &f->job);
}

/* Not for this case, and no other wants it: no viewer is shown it, and what
 * is on its way is cut. */
static void
hold_study(struct prefetch *p, struct board_study *s, const char *reason)
{
	if (s->state != STUDY_HELD)
		stats_add(STAT_STUDIES_HELD, 1);
	struct fetch *f = prefetch_running(p, s->uid);
	if (f != NULL)
		cut(p, f);
	if (s->state == STUDY_READY)
		index_put_study(p->ix, s->uid, false, s->expected, s->archive);
	s->state = STUDY_HELD;
	(void)str_copy(s->reason, sizeof(s->reason), reason);
}

/* Who was not heard lists what it listed. */
static uint64_t
who_lists(const struct ask *k, const struct found *f, uint64_t before)
{
	for (unsigned i = 0; i < k->p->c.n_archives; i++)
		if (k->answered[i])
			before &= ~(UINT64_C(1) << i);
	return before | f->archives;
}

/* What the archives count; who lists it and was not heard may have more. */
static unsigned
listed_by(const struct ask *k, const struct board_study *s,
    const struct found *f)
{
	bool all = true;
	for (unsigned i = 0; i < k->p->c.n_archives; i++)
		all &= (s->archives >> i & 1) == 0 || k->answered[i];
	return all || f->listed > s->listed ? f->listed : s->listed;
}

/* What came for a viewer, or before the list was corrected, was compared with
 * nobody, or with another. */
static void
compare_objects(const struct board_case *c, const struct board_study *s,
    struct board_want *w)
{
	char reason[160];
	if (w->kind != WANT_YES || s->instances == 0 ||
	    !patient_is_other(&c->file.patient, s->name, s->birth_date,
	    reason, sizeof(reason)))
		return;
	w->kind = WANT_HELD;
	(void)snprintf(w->reason, sizeof(w->reason), "what is here of it is "
	    "another patient's: %s", reason);
}

/* What could not be judged now is wanted as it was. */
static void
keep_decision(const struct board_case *c, struct board_want *w)
{
	for (unsigned i = 0; i < c->n_wants; i++) {
		const struct board_want *was = &c->wants[i];
		if (!str_eq(was->study_uid, w->study_uid) ||
		    w->kind != WANT_YES || was->kind == WANT_HELD)
			continue;
		w->kind = was->kind;
		(void)str_copy(w->reason, sizeof(w->reason), was->reason);
	}
}

/* What the archive found becomes studies and wants of the board. */
static void
put_wants(struct prefetch *p, struct board_case *c, const struct ask *k,
    bool all_answered)
{
	struct board_want *wants = mem_new_n(struct board_want,
	    k->n_found + c->n_wants);
	unsigned n = k->n_found;
	for (unsigned i = 0; i < k->n_found; i++) {
		const struct found *f = &k->found[i];
		struct board_want *w = &wants[i];
		(void)str_copy(w->study_uid, UID_SIZE, f->uid);
		(void)str_copy(w->date, sizeof(w->date), f->date);
		(void)str_copy(w->modalities, sizeof(w->modalities),
		    f->modalities);
		(void)str_copy(w->description, sizeof(w->description),
		    f->description);
		(void)str_copy(w->archive, sizeof(w->archive),
		    p->c.archives[f->archive].name);
		w->kind = f->kind;
		w->id_only = f->id_only;
		(void)str_copy(w->reason, sizeof(w->reason), f->reason);
		struct board_study *s = board_study(p->board, f->uid);
		if (f->undecided)
			keep_decision(c, w);
		if (s != NULL)
			compare_objects(c, s, w);
		if (w->kind == WANT_NO && s == NULL)
			continue; /* known for why only */
		if (s == NULL)
			s = board_add_study(p->board, f->uid);
		s->archives = who_lists(k, f, s->archives);
		s->listed = listed_by(k, s, f);
		(void)str_copy(s->patient_id, sizeof(s->patient_id),
		    f->patient_id);
		(void)str_copy(s->issuer, sizeof(s->issuer), f->issuer);
		(void)str_copy(s->description, sizeof(s->description),
		    f->description);
		(void)str_copy(s->date, sizeof(s->date), f->date);
		(void)str_copy(s->modalities, sizeof(s->modalities),
		    f->modalities);
		(void)str_copy(s->archive, sizeof(s->archive),
		    p->c.archives[f->archive].name);
		if (w->kind == WANT_HELD && !others_want(p, c, f->uid)) {
			hold_study(p, s, w->reason);
		} else if (w->kind == WANT_YES && s->state == STUDY_HELD) {
			s->state = STUDY_QUEUED;
			s->reason[0] = '\0';
		}
	}
	/* an archive that did not answer takes nothing away */
	for (unsigned i = 0; i < c->n_wants && !all_answered; i++)
		if (!is_found(k, c->wants[i].study_uid))
			wants[n++] = c->wants[i];
	board_set_wants(p->board, c, wants, n);
}

static void
keep_wants(struct prefetch *p, const struct board_case *c)
{
	struct buf b;
	buf_init(&b, 4 * 1024 * 1024);
	board_format_wants(&b, c);
	if (!b.failed)
		index_put_wants(p->ix, c->file.id,
		    (struct index_blob){b.p, b.len});
	buf_done(&b);
}

/* The first archive that did not answer, or n_archives. */
static unsigned
first_failed(const struct prefetch *p, const struct ask *k)
{
	unsigned i = 0;
	while (i < p->c.n_archives && k->answered[i])
		i++;
	return i;
}

/* The first whose answer the case must wait for, or n_archives: of optional
 * ones only when nobody else has answered either. */
static unsigned
first_missing(const struct prefetch *p, const struct ask *k)
{
	bool one = false;
	for (unsigned i = 0; i < p->c.n_archives; i++) {
		if (!k->answered[i] && !p->c.archives[i].optional)
			return i;
		one = one || k->answered[i];
	}
	return one ? p->c.n_archives : first_failed(p, k);
}

/* All that may be asked have answered; who is down is told of by its probe,
 * and then the case is asked again at once. */
static bool
only_left_out(const struct prefetch *p, const struct ask *k)
{
	for (unsigned i = 0; i < p->c.n_archives; i++)
		if (!k->answered[i] && !k->skip[i])
			return false;
	return true;
}

static void
take_answer(struct prefetch *p, struct board_case *c, const struct ask *k)
{
	unsigned bad = first_missing(p, k);
	if (bad == p->c.n_archives) {
		c->asked = ASKED_ANSWERED;
		c->answered_utc = clock_utc_s();
		c->tries = 0;
		c->ask_reason[0] = '\0';
	} else {
		c->asked = ASKED_FAILED;
		c->tries++;
		c->next_try_utc = clock_utc_s() + (only_left_out(p, k) ?
		    LEFT_OUT_S + backoff_s(c->tries) : backoff_s(c->tries));
		(void)snprintf(c->ask_reason, sizeof(c->ask_reason),
		    "archive %s: %.250s", p->c.archives[bad].name,
		    k->failed[bad].msg);
	}
	put_wants(p, c, k, first_failed(p, k) == p->c.n_archives);
	keep_wants(p, c);
}

void
outcome_ask(struct job *j) /* job_fn, loop */
{
	struct ask *k = (struct ask *)j;
	struct prefetch *p = k->p;
	for (unsigned i = 0; i < p->c.n_archives; i++) {
		if (k->skip[i])
			continue;
		p->busy[i]--;
		if (!k->ran)
			continue;
		if (k->answered[i])
			health_answered(p, i);
		else if (!atomic_load(&j->cancelled))
			health_failed(p, i, &k->failed[i]);
	}
	struct board_case *c = board_case(p->board, k->file.id);
	/* cut in the middle, it says nothing of the archives */
	bool cut = atomic_load(&j->cancelled) &&
	    first_failed(p, k) < p->c.n_archives;
	if (c != NULL && c->epoch == k->epoch && k->ran && !cut)
		take_answer(p, c, k);
	else if (c != NULL)
		c->asked = ASKED_NEVER; /* it changed meanwhile */
	board_changed(p->board);
	assoc_stop_done(&k->stop);
	mem_free(k->found);
	mem_free(k);
	if (!p->stopping)
		prefetch_look(p);
}

static void
fill(char *dst, size_t size, const char *src)
{
	if (dst[0] == '\0')
		(void)str_copy(dst, size, src); /* same size, or a cut */
}

void
outcome_fill(struct board_study *s, const struct told *t)
{
	if (s->patient_id[0] == '\0') /* never one's issuer for another */
		fill(s->issuer, sizeof(s->issuer), t->issuer);
	fill(s->patient_id, sizeof(s->patient_id), t->patient_id);
	fill(s->description, sizeof(s->description), t->description);
	fill(s->date, sizeof(s->date), t->date);
	fill(s->modalities, sizeof(s->modalities), t->modalities);
	if (t->name[0] != '\0' || t->birth_date[0] != '\0') {
		(void)str_copy(s->name, sizeof(s->name), t->name);
		(void)str_copy(s->birth_date, sizeof(s->birth_date),
		    t->birth_date); /* same sizes */
	}
}

/* Ended by us, in the middle: that is nobody's failure. */
static bool
is_cut(const struct fetch *f)
{
	return atomic_load(&f->job.cancelled) && f->end != FETCH_READY &&
	    f->end != FETCH_HELD;
}

/* Whether a check found another list than what is here, or did not find all
 * of it here. */
static void
note_difference(struct fetch *f, const struct board_study *s)
{
	unsigned all = atomic_load(&f->expected);
	if (f->check && all > 0 && f->end != FETCH_NOT_RUN &&
	    (f->end != FETCH_READY || all != s->expected))
		atomic_store(&f->differs, true);
}

/* A check that found no difference, or no archive to ask: the study is as
 * ready as it was. */
static void
take_check(struct board_study *s, const struct fetch *f)
{
	s->next_try_utc = 0;
	if (f->end == FETCH_READY) {
		s->checked_utc = clock_utc_s();
		s->doubtful = 0;
		s->tries = 0;
		s->reason[0] = '\0';
		log_debug("prefetch.study.checked", "instances=%u",
		    s->instances);
	} else if (!is_cut(f)) {
		s->tries++;
		s->next_try_utc = clock_utc_s() + (f->doubtful > 0 ?
		    DOUBT_S : backoff_s(s->tries));
		s->doubtful = f->doubtful;
		(void)snprintf(s->reason, sizeof(s->reason),
		    "ready; looking again failed: %.250s", f->reason);
		log_info("prefetch.study.unchecked", "reason='%s' "
		    "action=trying_again", f->reason);
	}
}

static void
take_failure(struct board_study *s, const struct fetch *f)
{
	s->state = s->instances > 0 ? STUDY_INCOMPLETE : STUDY_FAILED;
	if (is_cut(f)) {
		s->state = s->instances > 0 ? STUDY_INCOMPLETE : STUDY_QUEUED;
		s->next_try_utc = 0;
		s->reason[0] = '\0';
		return;
	}
	stats_add(STAT_FETCHES_FAILED, 1);
	s->tries++;
	s->next_try_utc = clock_utc_s() + backoff_s(s->tries);
	(void)str_copy(s->reason, sizeof(s->reason), f->reason);
	log_warn("prefetch.study.not_ready",
	    "here=%u listed=%u reason='%s' action=%s", s->instances,
	    s->expected, s->reason, s->n_cases > 0 ? "trying_again" :
	    "kept_for_the_next_request");
}

static void
take_end(struct board_study *s, const struct fetch *f)
{
	if (f->check)
		s->checking = false;
	/* evicted, damaged or held meanwhile: what was found there is past */
	if (f->check && s->state != STUDY_READY &&
	    s->state != STUDY_FETCHING && f->end != FETCH_HELD)
		return;
	if (f->check && s->state == STUDY_READY &&
	    !atomic_load(&f->differs) && f->end != FETCH_HELD) {
		take_check(s, f);
		return;
	}
	/* a try that ended before the archive's list says nothing of what is
	 * here from earlier ones */
	if (atomic_load(&f->expected) > 0) {
		s->instances = f->instances;
		s->bytes = f->bytes;
		s->expected = atomic_load(&f->expected);
		(void)str_copy(s->archive, sizeof(s->archive),
		    f->p->c.archives[f->archive].name); /* at most 32 */
	}
	if (s->state == STUDY_HELD) /* meanwhile; it stays unshown */
		return;
	if (f->end == FETCH_HELD) {
		s->state = STUDY_HELD;
		(void)str_copy(s->reason, sizeof(s->reason), f->reason);
		stats_add(STAT_STUDIES_HELD, 1);
		return;
	}
	if (f->end == FETCH_NOT_RUN) { /* stopped, or no thread for it */
		s->state = STUDY_QUEUED;
		s->next_try_utc = clock_utc_s() + 1;
		return;
	}
	if (conflict_holds(s, &f->ticket, f->end == FETCH_READY))
		return;
	if (f->end == FETCH_READY) {
		s->state = STUDY_READY;
		(void)str_copy(s->modalities, sizeof(s->modalities),
		    f->modalities);
		outcome_fill(s, &f->told);
		s->tries = 0;
		s->next_try_utc = 0;
		s->checked_utc = clock_utc_s();
		s->doubtful = 0;
		s->reason[0] = '\0';
		stats_add(STAT_FETCHES_DONE, 1);
		log_info("prefetch.study.ready", "instances=%u bytes=%llu",
		    s->instances, (unsigned long long)s->bytes);
		return;
	}
	take_failure(s, f);
}

/* What the archives' lists, or their want, tell of the archives. */
static void
take_health(struct prefetch *p, const struct fetch *f)
{
	bool cut = atomic_load(&f->job.cancelled);
	/* its list may be older than the fault that opened the breaker */
	for (unsigned i = 0; i < p->c.n_archives; i++)
		if ((f->answered >> i & 1) != 0 &&
		    (f->end == FETCH_READY || !health_is_down(p, i)))
			health_answered(p, i);
	if ((f->silent >> f->archive & 1) == 0 || cut)
		return;
	/* one that refuses the question is there all the same */
	if (f->reached && f->first_e.code == ERR_PEER)
		health_answered(p, f->archive);
	else
		health_failed(p, f->archive, &f->first_e);
}

static void
take_pace(struct prefetch *p, const struct fetch *f)
{
	unsigned i = atomic_load(&f->turn);
	if (f->busy)
		health_busy(p, i);
	else if (f->end == FETCH_READY && !f->check)
		health_served(p, i);
}

void
outcome_fetch(struct job *j) /* job_fn, loop */
{
	struct fetch *f = (struct fetch *)j;
	struct prefetch *p = f->p;
	struct fetch **pp = &p->running;
	while (*pp != f)
		pp = &(*pp)->next;
	*pp = f->next;
	p->busy[f->archive]--;
	outlook_count(p, f);
	stats_add(STAT_TRANSFERS_NOW, -1);
	take_health(p, f);
	take_pace(p, f);
	struct board_study *s = board_study(p->board, f->study_uid);
	if (s != NULL) {
		note_difference(f, s);
		take_end(s, f);
	}
	if (s != NULL && s->state == STUDY_HELD && f->end == FETCH_READY)
		index_put_study(p->ix, s->uid, false, s->expected, s->archive);
	if (s != NULL && s->state == STUDY_READY &&
	    (!f->check || atomic_load(&f->differs)))
		p->ports.arrived(p->ports.ctx, s->uid);
	board_changed(p->board);
	follow_over(p, f, s);
	lane_over(f);
	if (!p->stopping)
		prefetch_look(p);
}

/* A ready study stays so until its check has found a difference: false. */
static bool
begin_difference(const struct fetch *f, struct board_study *s)
{
	if (s->state == STUDY_READY && atomic_load(&f->differs)) {
		s->state = STUDY_FETCHING;
		stats_add(STAT_FETCHES_STARTED, 1);
	}
	return s->state == STUDY_FETCHING;
}

void
outcome_progress(struct prefetch *p)
{
	bool moved = false;
	for (struct fetch *f = p->running; f != NULL; f = f->next) {
		struct board_study *s = board_study(p->board, f->study_uid);
		unsigned here = atomic_load(&f->ticket.n_here);
		unsigned all = atomic_load(&f->expected);
		outlook_count(p, f);
		if (s == NULL || all == 0) /* not listed yet */
			continue;
		if (f->check && !begin_difference(f, s))
			continue;
		moved |= here != s->instances || all != s->expected;
		s->instances = here;
		s->expected = all;
		s->bytes = atomic_load(&f->ticket.bytes);
		follow_make_room(p, f, s);
	}
	if (moved) {
		board_settle(p->board, clock_utc_s(), p->c.plan.horizon_s);
		board_changed(p->board);
		p->ports.changed(p->ports.ctx);
	}
}
