/* SPDX-License-Identifier: MIT */
/* A study's retrieval: what the archives list, what of it is here, the rest
 * from each archive that lists it in the order of their rank, and ready only
 * when all that is listed is here.
 *
 * DESIGN  fetch_work -> inventory.c: lists, and what is here
 *                    -> transfer(): the way an archive sends (transfer.c)
 *                    -> lane.c: more associations, places at other archives
 *                    -> intake.c: each object, however it comes
 * A check of a ready study ends after the first step when nothing differs. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "prefetch/prefetch_priv.h"

struct reading {
	struct fetch *f;
	bool found;
};

static bool
on_ready(void *ctx, const struct index_row *row) /* index_row_fn */
{
	struct reading *rd = ctx;
	struct fetch *f = rd->f;
	struct told *t = &f->told;
	rd->found = true;
	struct attrs as;
	struct err ignored; /* a blob that cannot be read leaves blanks */
	(void)str_copy(f->modalities, sizeof(f->modalities), row->modalities);
	(void)str_copy(t->patient_id, sizeof(t->patient_id), row->patient_id);
	(void)str_copy(t->issuer, sizeof(t->issuer), row->issuer);
	(void)str_copy(t->date, sizeof(t->date), row->study_date);
	if (attrs_parse(row->patient_study.p, row->patient_study.n, &as,
	    &ignored) == 0) {
		(void)str_copy(t->description, sizeof(t->description),
		    attrs_value(&as, TAG_STUDY_DESCRIPTION)); /* a cut */
		(void)str_copy(t->name, sizeof(t->name),
		    attrs_value(&as, TAG_PATIENT_NAME)); /* a cut */
		(void)str_copy(t->birth_date, sizeof(t->birth_date),
		    attrs_value(&as, TAG_BIRTH_DATE)); /* a cut */
		attrs_done(&as);
	}
	return false;
}

/* The index has the last word: it is not ready if an object was withdrawn
 * meanwhile. And the objects tell what no archive told (dcmqrscp has no
 * modalities), or nobody asked for. */
static int
read_told(struct fetch *f, struct err *e)
{
	const char *uids[] = {f->study_uid};
	struct index_select sel = {.level = INDEX_STUDY, .study_uids = uids,
	    .n_study_uids = 1};
	struct reading rd = {.f = f};
	struct index_reader *r = index_reader_open(f->p->ix, e);
	int rc = r == NULL ? -1 : index_select(r, &sel, on_ready, &rd, e);
	index_reader_close(&r);
	if (rc == 0 && !rd.found)
		return err_set(e, ERR_CORRUPT, 0,
		    "an object was withdrawn meanwhile");
	return rc;
}

/* What came may never reach the disk, although it is read from memory now: it
 * goes, and is fetched again. The ticket is closed. */
static void
forget_what_came(struct fetch *f)
{
	struct ticket *k = &f->ticket;
	uint8_t (*names)[STORE_NAME_BYTES] = mem_grow(NULL, k->n_lines + 1,
	    STORE_NAME_BYTES);
	struct err e = {.msg = ""};
	unsigned n = 0;
	for (unsigned i = 0; i < k->n_lines; i++)
		if (k->lines[i].came && k->lines[i].here)
			store_name(names[n++], k->study_uid,
			    k->lines[i].series_uid, k->lines[i].uid);
	if (inventory_withdraw(f->p, names, n, &e) == 0)
		atomic_fetch_sub(&k->n_here, n);
	log_error("prefetch.study.not_durable", "came=%u error='%s' "
	    "action=fetched_again", n, e.msg);
	mem_free(names);
}

static int
make_durable(struct fetch *f, struct err *e)
{
	struct store *st = f->p->st;
	if (store_sync(st, e) == 0 && store_syncs_failed(st) == f->unsynced)
		return 0;
	forget_what_came(f);
	return err_set(e, ERR_IO, 0, "the disk did not take what came; it is "
	    "fetched again");
}

/* Everything listed is here: make it durable, then say so. */
static int
declare_ready(struct fetch *f, struct err *e)
{
	struct prefetch *p = f->p;
	if (index_confirm(p->ix, f->lost, e) != 0 ||
	    make_durable(f, e) != 0)
		return -1;
	index_put_study(p->ix, f->study_uid, true,
	    atomic_load(&f->expected),
	    p->c.archives[f->archive].name);
	if (index_confirm(p->ix, f->lost, e) != 0)
		return -1;
	return read_told(f, e);
}

/* A try that did not come to the archive's list leaves what an earlier one
 * wrote: the study is not ready either way. */
static void
put_unready(struct fetch *f, unsigned all)
{
	if (all > 0)
		index_put_study(f->p->ix, f->study_uid, false, all,
		    f->p->c.archives[f->archive].name);
}

/* Not the end of the archive, only of what it can do just now (PS3.4 table
 * C.4-3). */
static bool
is_out_of_resources(uint16_t status)
{
	return status == 0xA701 || status == 0xA702;
}

/* -1: what the others list may not be all of it, and nobody has counted. */
static int
check_counted(const struct fetch *f, struct err *e)
{
	const struct prefetch_config *c = &f->p->c;
	for (unsigned i = 0; i < c->n_archives && f->known == 0; i++)
		if ((f->silent >> i & 1) != 0 && !c->archives[i].optional)
			return err_set(e, ERR_NET, 0, "archive %s lists it "
			    "too, and cannot be asked whether this is all",
			    c->archives[i].name);
	return 0;
}

static void
conclude(struct fetch *f, const struct transfer *t, int rc)
{
	unsigned here = atomic_load(&f->ticket.n_here);
	unsigned all = atomic_load(&f->expected);
	struct err *e = &f->e;
	if (atomic_load(&f->ticket.stranger)) {
		f->end = FETCH_HELD;
		put_unready(f, all);
		(void)str_copy(f->reason, sizeof(f->reason), "an object that "
		    "the archive sent, or that is here, is of another patient");
		return;
	}
	if (rc == 0 && here == all && all > 0)
		rc = check_counted(f, e) == 0 ? declare_ready(f, e) : -1;
	else if (rc == 0 && here > 0 && f->n_hidden > 0 &&
	    here + f->n_hidden == all)
		rc = err_set(e, ERR_PEER, 0, "the archive lists %u of the %u "
		    "instances that it counts itself",
		    f->n_counted - f->n_hidden, f->n_counted);
	else if (rc == 0)
		rc = err_set(e, ERR_PEER, 0, "the archive did not send %s%s%s",
		    here > 0 ? "the rest" : "what it lists",
		    t->said[0] != '\0' ? ": " : "", t->said);
	if (rc == 0) {
		f->end = FETCH_READY;
		return;
	}
	put_unready(f, all);
	f->busy = is_out_of_resources(t->status);
	bool full = atomic_load(&f->ticket.full) || e->code == ERR_FULL;
	f->end = full ? FETCH_FULL : here > 0 ? FETCH_INCOMPLETE :
	    FETCH_FAILED;
	unsigned refused = atomic_load(&f->ticket.n_refused);
	if (refused > 0 && !full)
		(void)snprintf(f->reason, sizeof(f->reason),
		    "%.200s; %u %s refused: not what was asked for",
		    e->msg, refused, refused == 1 ? "object" : "objects");
	else
		(void)str_copy(f->reason, sizeof(f->reason), full ?
		    "no room: the cache or the disk is full" : e->msg);
	if (!full)
		conflict_say(&f->ticket, f->reason, sizeof(f->reason));
}

/* 0 = what is missing is to be fetched; 1 = nothing is, and nothing was
 * changed: the study is as ready as it was. */
static int
begin(struct fetch *f, struct err *e)
{
	struct prefetch *p = f->p;
	if (inventory_list(f, e) != 0)
		return -1;
	if (f->check) {
		int rc = inventory_is_same(f, e);
		if (rc < 0 && atomic_load(&f->ticket.stranger))
			put_unready(f, f->ticket.n_lines);
		if (rc != 0)
			return rc;
		/* not whole any more, and said so before anything else */
		atomic_store(&f->differs, true);
		put_unready(f, f->ticket.n_lines + f->n_bad + f->n_hidden);
	}
	if (inventory_count(f, e) != 0)
		return -1;
	ticket_open(&p->intake.tickets, &f->ticket);
	return 0;
}

static int
transfer(struct transfer *t, struct err *e)
{
	switch (t->ar->retrieve) {
	case PREFETCH_C_MOVE:
		return transfer_move(t, e);
	case PREFETCH_WADO_RS:
		return transfer_rest(t, e);
	case PREFETCH_C_GET:
		break;
	}
	return transfer_get(t, e);
}

/* The turn of ${archive}: what it lists and is not here. */
static int
take_turn(struct fetch *f, struct transfer *t, unsigned archive,
    struct err *e)
{
	struct prefetch *p = f->p;
	struct tickets *all = &p->intake.tickets;
	const struct prefetch_archive *ar = &p->c.archives[archive];
	struct ticket_turn turn = {.archive = archive,
	    .ae_title = ar->ae_title,
	    .by_move = ar->retrieve == PREFETCH_C_MOVE,
	    .ceiling = p->intake.each[archive]};
	ticket_begin_turn(all, &f->ticket, &turn);
	if (ticket_count_free(all, &f->ticket) == 0)
		return 0;
	if (archive != f->archive)
		log_info("prefetch.study.completed_from", "archive=%s "
		    "missing=%u", ar->name,
		    ticket_count_free(all, &f->ticket));
	atomic_store(&f->turn, archive);
	atomic_store(&f->ticket.moved_ns, clock_uptime_ns());
	t->ar = ar;
	t->lanes = lane_most(f, archive);
	log_debug("prefetch.turn", "archive=%s answer_us=%lld lanes=%u",
	    ar->name, (long long)(f->answer_ns[archive] / 1000), t->lanes);
	atomic_store(&f->sharing, t->lanes);
	int rc = transfer(t, e);
	ticket_await(all, &f->ticket);
	return rc;
}

/* Each archive's turn; what one cannot deliver is the next one's. */
static int
retrieve(struct fetch *f, struct transfer *t, struct err *e)
{
	struct prefetch *p = f->p;
	struct ticket *k = &f->ticket;
	struct err ours;
	int rc = 0;
	for (unsigned i = 0; i < p->c.n_archives; i++) {
		if ((f->answered >> i & 1) == 0)
			continue;
		if (take_turn(f, t, i, &ours) != 0 && rc == 0) {
			rc = -1;
			*e = ours;
		}
		lane_leave_place(f, i);
		if (atomic_load(t->cancelled) || atomic_load(&k->full) ||
		    atomic_load(&k->stranger))
			break;
	}
	bool whole = atomic_load(&k->n_here) == atomic_load(&f->expected);
	return whole ? 0 : rc;
}

static void
tell_silent(const struct fetch *f)
{
	const struct prefetch_config *c = &f->p->c;
	for (unsigned i = 0; i < c->n_archives; i++)
		if ((f->silent >> i & 1) != 0)
			log_info("prefetch.archive.not_asked", "archive=%s "
			    "action=looking_again_later", c->archives[i].name);
}

void
fetch_work(struct job *j) /* job_fn, worker */
{
	struct fetch *f = (struct fetch *)j;
	struct prefetch *p = f->p;
	struct transfer t = {.ae_title = p->c.ae_title,
	    .modalities = f->modalities, .in = &p->intake,
	    .ticket = &f->ticket, .stop = &f->stop,
	    .cancelled = &j->cancelled, .f = f};
	(void)str_copy(f->ticket.study_uid, UID_SIZE, f->study_uid);
	f->ticket.cancelled = &j->cancelled;
	atomic_store(&f->ticket.moved_ns, clock_uptime_ns());
	f->lost = index_lost(p->ix);
	f->unsynced = store_syncs_failed(p->st);
	int rc = begin(f, &f->e);
	if (rc == 0)
		rc = retrieve(f, &t, &f->e);
	ticket_close(&p->intake.tickets, &f->ticket);
	if (rc == 1)
		f->end = FETCH_READY;
	else
		conclude(f, &t, rc);
	if (f->end == FETCH_READY && f->silent != 0)
		tell_silent(f);
	f->instances = atomic_load(&f->ticket.n_here);
	f->bytes = atomic_load(&f->ticket.bytes);
	mem_free(f->ticket.lines);
	f->ticket.lines = NULL;
}
