/* SPDX-License-Identifier: MIT */
/* A study's retrieval: the archive's list of instances, what of it is here,
 * the rest by C-GET or C-MOVE, and ready only when the two are equal. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "prefetch/prefetch_priv.h"

struct listing {
	struct fetch *f;
	char (*series)[UID_SIZE]; /* owned */
	unsigned n_series;
	unsigned now; /* series whose instances are asked for */
	struct ticket_line *lines; /* owned until the ticket takes them */
	unsigned n, cap;
	unsigned bad; /* UIDs that are none */
};

static int
on_series(void *ctx, const struct attrs *as, struct err *e)
{ /* archive_answer_fn */
	struct listing *l = ctx;
	const char *uid = attrs_value(as, TAG_SERIES_UID);
	if (!uid_is_valid(uid))
		return err_set(e, ERR_PEER, 0, "it lists a series whose UID "
		    "is not digits and dots");
	l->series = mem_grow(l->series, l->n_series + 1, UID_SIZE);
	(void)str_copy(l->series[l->n_series++], UID_SIZE, uid);
	return 0;
}

static int
on_instance(void *ctx, const struct attrs *as, struct err *e)
{ /* archive_answer_fn */
	struct listing *l = ctx;
	const char *uid = attrs_value(as, TAG_SOP_INSTANCE);
	const char *class_uid = attrs_value(as, TAG_SOP_CLASS);
	if (!uid_is_valid(uid)) { /* it counts, and can never come */
		l->bad++;
		return 0;
	}
	if (l->n >= ARCHIVE_INSTANCES_MAX)
		return err_set(e, ERR_PEER, 0,
		    "study: want at most %u instances", ARCHIVE_INSTANCES_MAX);
	if (l->n == l->cap) {
		l->cap = l->cap == 0 ? 256 : 2 * l->cap;
		l->lines = mem_grow(l->lines, l->cap, sizeof(l->lines[0]));
	}
	struct ticket_line *t = &l->lines[l->n++];
	memset(t, 0, sizeof(*t));
	(void)str_copy(t->uid, UID_SIZE, uid);
	(void)str_copy(t->series_uid, UID_SIZE, l->series[l->now]);
	if (uid_is_valid(class_uid))
		(void)str_copy(t->class_uid, UID_SIZE, class_uid);
	return 0;
}

/* The archive's list, series by series: the hierarchical form that every
 * archive answers (PS3.4 C.4.1.3.1.1). */
static int
list_instances(struct listing *l, struct archive_link *a, struct err *e)
{
	struct attrs keys;
	attrs_init(&keys);
	attrs_put(&keys, TAG_LEVEL, "SERIES");
	attrs_put(&keys, TAG_STUDY_UID, l->f->study_uid);
	attrs_put(&keys, TAG_SERIES_UID, "");
	int rc = archive_find(a, &keys, ARCHIVE_SERIES_MAX, on_series, l, e);
	attrs_put(&keys, TAG_LEVEL, "IMAGE");
	attrs_put(&keys, TAG_SOP_INSTANCE, "");
	attrs_put(&keys, TAG_SOP_CLASS, "");
	for (l->now = 0; l->now < l->n_series && rc == 0; l->now++) {
		attrs_put(&keys, TAG_SERIES_UID, l->series[l->now]);
		rc = archive_find(a, &keys, ARCHIVE_INSTANCES_MAX, on_instance,
		    l, e);
		if (rc == 0 && atomic_load(&l->f->job.cancelled))
			rc = err_set(e, ERR_CANCELLED, 0, "told to stop");
	}
	attrs_done(&keys);
	return rc;
}

struct held {
	struct fetch *f;
	/* objects that go: no more listed, or not whole; owned */
	uint8_t (*gone)[STORE_NAME_BYTES];
	unsigned n_gone;
	int rc;
	struct err *e;
};

/* To those who follow the study. */
static void
pass_on(struct fetch *f, const struct index_row *row)
{
	struct store_item it = {.object = {.length = row->length,
	    .offset = row->offset}};
	memcpy(it.object.name, row->name, sizeof(it.object.name));
	memcpy(it.object.digest, row->digest, sizeof(it.object.digest));
	(void)str_copy(it.series_uid, UID_SIZE, row->series_uid); /* valid */
	(void)str_copy(it.instance_uid, UID_SIZE, row->instance_uid);
	(void)str_copy(it.class_uid, UID_SIZE, row->class_uid);
	(void)str_copy(it.syntax, UID_SIZE, row->syntax);
	flow_put(&f->p->intake.flows, f->flow, &it);
}

static void
on_given(void *ctx, const char *instance_uid) /* of flow_each */
{
	struct ticket_line *l = ticket_line(ctx, instance_uid);
	if (l != NULL)
		l->in_flow = true;
}

/* An object that is here already counts if it is listed and whole. One that
 * the archive has deleted meanwhile is withdrawn; one that cannot be read
 * just now may be whole, and ends this try. */
static bool
on_held(void *ctx, const struct index_row *row) /* index_row_fn */
{
	struct held *h = ctx;
	struct ticket *k = &h->f->ticket;
	struct ticket_line *l = ticket_line(k, row->instance_uid);
	struct store_object o = {.length = row->length,
	    .offset = row->offset};
	struct store_map m;
	memcpy(o.name, row->name, sizeof(o.name));
	memcpy(o.digest, row->digest, sizeof(o.digest));
	int rc = l == NULL ? -1 :
	    store_map(h->f->p->st, &o, true, &m, h->e);
	if (l != NULL && rc != 0 && h->e->code != ERR_CORRUPT) {
		h->rc = -1;
		return false;
	}
	if (rc != 0) {
		h->gone = mem_grow(h->gone, h->n_gone + 1, STORE_NAME_BYTES);
		memcpy(h->gone[h->n_gone++], row->name, STORE_NAME_BYTES);
		return true;
	}
	store_unmap(&m);
	if (l->here) /* the same UID in two series: once is what counts */
		return true;
	l->here = true;
	if (!l->in_flow)
		pass_on(h->f, row);
	atomic_fetch_add(&k->n_here, 1);
	atomic_fetch_add(&k->bytes, row->length);
	return true;
}

/* Rows first, then files: a crash in between leaves what the sweep takes. */
static int
withdraw(struct held *h, struct err *e)
{
	struct prefetch *p = h->f->p;
	for (unsigned i = 0; i < h->n_gone; i++)
		index_drop_object(p->ix, h->gone[i]);
	if (h->n_gone > 0 && index_flush(p->ix, e) != 0)
		return -1;
	for (unsigned i = 0; i < h->n_gone; i++)
		if (store_remove(p->st, h->gone[i], e) != 0)
			return -1;
	if (h->n_gone > 0)
		log_info("prefetch.study.withdrawn", "instances=%u",
		    h->n_gone);
	return 0;
}

static int
count_held(struct fetch *f, struct err *e)
{
	struct prefetch *p = f->p;
	struct held h = {.f = f, .e = e};
	const char *uids[] = {f->study_uid};
	struct index_select sel = {.level = INDEX_INSTANCE,
	    .study_uids = uids, .n_study_uids = 1, .unready = true};
	struct index_reader *r = index_reader_open(p->ix, e);
	int rc = r == NULL ? -1 : index_select(r, &sel, on_held, &h, e);
	index_reader_close(&r);
	if (rc == 0)
		rc = h.rc;
	if (rc == 0)
		rc = withdraw(&h, e);
	mem_free(h.gone);
	return rc;
}

static int
open_ticket(struct fetch *f, struct err *e)
{
	struct prefetch *p = f->p;
	struct listing l = {.f = f};
	struct archive_link *a = NULL;
	int rc = archive_open(&a, &p->c.archives[f->archive], p->c.ae_title,
	    ARCHIVE_FIND, &f->stop, e);
	f->reached = rc == 0;
	if (rc == 0)
		rc = list_instances(&l, a, e);
	archive_close(&a, rc == 0);
	if (rc == 0 && l.n + l.bad == 0)
		rc = err_set(e, ERR_PEER, 0,
		    "it lists no instance of this study");
	f->ticket.lines = l.lines;
	f->ticket.n_lines = l.n;
	mem_free(l.series);
	if (rc != 0)
		return -1;
	ticket_sort(&f->ticket);
	atomic_store(&f->expected, f->ticket.n_lines + l.bad);
	flow_list(&p->intake.flows, f->flow, f->ticket.n_lines + l.bad);
	flow_each(&p->intake.flows, f->flow, on_given, &f->ticket);
	if (count_held(f, e) != 0)
		return -1;
	ticket_open(&p->intake.tickets, &f->ticket);
	return 0;
}

/* Everything listed is here: make it durable, then say so. */
static int
declare_ready(struct fetch *f, struct err *e)
{
	struct prefetch *p = f->p;
	if (index_flush(p->ix, e) != 0 || store_sync(p->st, e) != 0)
		return -1;
	if (index_lost(p->ix) != f->lost)
		return err_set(e, ERR_FULL, 0, "the index could not write");
	index_put_study(p->ix, f->study_uid, true,
	    atomic_load(&f->expected),
	    p->c.archives[f->archive].name);
	if (index_flush(p->ix, e) != 0)
		return -1;
	return index_lost(p->ix) == f->lost ? 0 :
	    err_set(e, ERR_FULL, 0, "the index could not write");
}

static bool
on_ready(void *ctx, const struct index_row *row) /* index_row_fn */
{
	struct fetch *f = ctx;
	struct told *t = &f->told;
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
		attrs_done(&as);
	}
	return false;
}

/* Not every archive tells it all (dcmqrscp has no modalities), and of what a
 * viewer asked for nothing may be known; the objects tell. */
static void
read_told(struct fetch *f)
{
	struct err ignored; /* then they stay as they were told */
	const char *uids[] = {f->study_uid};
	struct index_select sel = {.level = INDEX_STUDY, .study_uids = uids,
	    .n_study_uids = 1};
	struct index_reader *r = index_reader_open(f->p->ix, &ignored);
	if (r != NULL)
		(void)index_select(r, &sel, on_ready, f, &ignored);
	index_reader_close(&r);
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
		    "the archive sent is of another patient");
		return;
	}
	if (rc == 0 && here == all && all > 0)
		rc = declare_ready(f, e);
	else if (rc == 0)
		rc = err_set(e, ERR_PEER, 0, "the archive did not send %s%s%s",
		    here > 0 ? "the rest" : "what it lists",
		    t->said[0] != '\0' ? ": " : "", t->said);
	if (rc == 0) {
		f->end = FETCH_READY;
		read_told(f);
		return;
	}
	put_unready(f, all);
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
}

void
fetch_work(struct job *j) /* job_fn, worker */
{
	struct fetch *f = (struct fetch *)j;
	struct prefetch *p = f->p;
	const struct prefetch_archive *ar = &p->c.archives[f->archive];
	struct transfer t = {.ar = ar, .ae_title = p->c.ae_title,
	    .modalities = f->modalities, .in = &p->intake,
	    .ticket = &f->ticket, .stop = &f->stop,
	    .cancelled = &j->cancelled};
	(void)str_copy(f->ticket.study_uid, UID_SIZE, f->study_uid);
	(void)str_copy(f->ticket.ae_title, sizeof(f->ticket.ae_title),
	    ar->ae_title);
	f->ticket.by_move = ar->retrieve == PREFETCH_C_MOVE;
	atomic_store(&f->ticket.moved_ns, clock_uptime_ns());
	f->lost = index_lost(p->ix);
	int rc = open_ticket(f, &f->e);
	if (rc == 0 && atomic_load(&f->ticket.n_here) < f->ticket.n_lines)
		rc = f->ticket.by_move ? transfer_move(&t, &f->e) :
		    transfer_get(&t, &f->e);
	ticket_close(&p->intake.tickets, &f->ticket);
	conclude(f, &t, rc);
	f->instances = atomic_load(&f->ticket.n_here);
	f->bytes = atomic_load(&f->ticket.bytes);
	mem_free(f->ticket.lines);
	f->ticket.lines = NULL;
}
