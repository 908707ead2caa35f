/* SPDX-License-Identifier: MIT */
/* C-GET and C-MOVE: which objects, and how it ended (PS3.4 C.4.2, C.4.3).
 *
 * DESIGN  What is ready goes first, in the order of use; then each study that
 * is named and not ready, as it comes from the archive (through.c), or as far
 * as it is here where that is allowed. Whatever was named and not sent counts
 * as failed: never success for less.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stats.h"
#include "base/str.h"
#include "dicom/dataset.h"
#include "node/retrieve_priv.h"

#define TELL_NS (500 * CLOCK_MS) /* between two pending answers */
#define FOLLOWED_MAX 100 /* studies of one request that archives are asked
                          * for; more count as not here */
#define TAG_FAILED_UIDS TAG(0x0008, 0x0058)

/* --- what is named --- */

static void
named_init(struct named *d, const char *const *uids, unsigned n)
{
	d->n = n;
	for (unsigned i = 0; i < n; i++)
		(void)uids_add(&d->uids, uids[i]); /* each is there once */
	d->found = mem_new_n(bool, n);
}

static void
named_done(struct named *d)
{
	uids_done(&d->uids);
	mem_free(d->found);
}

static int64_t
named_find(const struct named *d, const char *uid)
{
	return d->n == 0 ? INT64_MAX : uids_find(&d->uids, uid);
}

static void
named_mark(struct named *d, int64_t at)
{
	if (d->n == 0 || d->found[at])
		return;
	d->found[at] = true;
	d->n_found++;
}

bool
retrieval_names(struct retrieval *r, const struct store_item *it)
{
	int64_t series = named_find(&r->series, it->series_uid);
	int64_t instance = named_find(&r->instances, it->instance_uid);
	if (series < 0 || instance < 0)
		return false;
	named_mark(&r->series, series);
	named_mark(&r->instances, instance);
	return true;
}

/* --- answers --- */

static unsigned
done(const struct retrieval *r)
{
	return r->sent + r->warned + r->failed;
}

static unsigned
total(const struct retrieval *r)
{
	return r->n_items + r->absent + r->followed + r->awaited + r->later;
}

static uint16_t
capped(unsigned n)
{
	return n > UINT16_MAX ? UINT16_MAX : (uint16_t)n;
}

/* (0008,0058), in answers that say that something failed; left out when it
 * is too long for a data set, or not all of it found room: the counts tell as
 * well, and half a list would be taken for all of it. */
static bool
put_failed(struct retrieval *r, struct buf *b)
{
	struct attrs as;
	struct err ignored; /* then it is left out */
	if (r->failed_uids.len == 0 || r->failed_uids.failed ||
	    r->failed_uids.len + UID_SIZE > FAILED_UIDS_MAX)
		return false;
	attrs_init(&as);
	bool fits = attrs_set(&as, TAG_FAILED_UIDS, "UI",
	    buf_str(&r->failed_uids), NULL, 0, &ignored) == 0 &&
	    dataset_format(&as, r->c->syntax, b, &ignored) == 0;
	attrs_done(&as);
	return fits;
}

static int
answer(struct retrieval *r, uint16_t status, const char *comment,
    struct err *e)
{
	struct dimse rsp = dimse_response(r->rq, status);
	struct buf body;
	unsigned left = total(r) > done(r) ? total(r) - done(r) : 0;
	/* a viewer may divide by the sum of a pending answer's counts */
	if (status == DIMSE_PENDING && left + done(r) == 0)
		left = 1;
	rsp.has_counts = true;
	rsp.remaining = capped(left);
	rsp.completed = capped(r->sent);
	rsp.failed = capped(r->failed);
	rsp.warning = capped(r->warned);
	(void)str_copy(rsp.comment, sizeof(rsp.comment), comment);
	buf_init(&body, 2 * FAILED_UIDS_MAX);
	if (status != DIMSE_PENDING && status != DIMSE_SUCCESS)
		rsp.has_data = put_failed(r, &body);
	int rc = assoc_send(r->s->a, r->c->id, &rsp,
	    rsp.has_data ? body.p : NULL, body.len, e);
	buf_done(&body);
	return rc;
}

int
retrieval_look(struct retrieval *r, bool waiting, struct err *e)
{
	int64_t now = clock_uptime_ns();
	if (atomic_load(r->stopping))
		return err_set(e, ERR_CANCELLED, 0, "stopping");
	unsigned step = total(r) / 20 + 1; /* each 5 % */
	if (now - r->told_ns >= TELL_NS || done(r) - r->told_done >= step) {
		r->told_ns = now;
		r->told_done = done(r);
		if (answer(r, DIMSE_PENDING, "", e) != 0)
			return -1;
	}
	/* of a C-GET each object's answer comes from there */
	if (!r->is_move && !waiting)
		return 0;
	int c = session_cancelled(r->s, r->rq->message_id, e);
	r->cancelled |= c == 1;
	return c < 0 ? -1 : 0;
}

static const char *
reason(const struct retrieval *r, uint16_t status)
{
	if (status == DIMSE_CANNOT_COUNT)
		return "too many objects";
	if (status == DIMSE_SUBOPERATIONS_FAILED)
		return "class or transfer syntax not accepted";
	if (status != DIMSE_CANNOT_SEND)
		return "";
	if (route_broken(r) != NULL)
		return route_broken(r);
	if (r->cut_short)
		return "the archive did not send the rest";
	return r->sent == 0 ? "not here" : "not all of it is here";
}

/* DESIGN "What the viewer hides": all sent is success; something that it
 * could have taken is missing is A702; only what it does not take is B000. */
static int
finish(struct retrieval *r, struct err *e)
{
	uint16_t status = DIMSE_SUCCESS;
	if (r->cancelled)
		return answer(r, DIMSE_CANCELLED, "", e);
	r->failed += r->absent;
	if (r->too_many)
		status = DIMSE_CANNOT_COUNT;
	else if (r->failed > r->unaccepted)
		status = DIMSE_CANNOT_SEND;
	else if (r->failed > 0)
		status = DIMSE_SUBOPERATIONS_FAILED;
	return answer(r, status, reason(r, status), e);
}

/* --- sending --- */

int
retrieval_give(struct retrieval *r, const struct store_item *it,
    const struct store_item *next, struct err *e)
{
	return r->is_move ? route_give(r, it, next, e) :
	    send_item(r, it, next, e);
}

/* All of the list that was not sent yet. */
static int
give_listed(struct retrieval *r, struct err *e)
{
	for (; r->at < r->n_items && !r->cancelled; r->at++) {
		const struct store_item *it = &r->items[r->at];
		if (atomic_load(r->stopping))
			return err_set(e, ERR_CANCELLED, 0, "stopping");
		if (retrieval_give(r, it, r->at + 1 < r->n_items ? it + 1 :
		    NULL, e) != 0)
			return -1;
		if (r->at + 1 < r->n_items && retrieval_look(r, false,
		    e) != 0)
			return -1;
	}
	return 0;
}

/* --- what is here --- */

/* A study that is named and not ready. */
struct unready {
	char uid[UID_SIZE];
	unsigned expected; /* as far as known, at least 1 */
};

struct census {
	struct retrieval *r;
	struct uids ready; /* those named and ready */
	struct unready *unready; /* owned */
	unsigned n_unready;
};

/* Add the rows of ${sel}; those that were named are found. */
static int
list_items(struct retrieval *r, struct index_select *sel, struct err *e)
{
	struct listing l = {.r = r};
	struct index_reader *reader = session_reader(r->s, e);
	unsigned from = r->n_items;
	sel->level = INDEX_INSTANCE;
	int rc = reader == NULL ? -1 :
	    index_select(reader, sel, listing_row, &l, e);
	listing_done(&l);
	for (unsigned i = from; i < r->n_items; i++)
		(void)retrieval_names(r, &r->items[i]); /* it was selected */
	return rc;
}

/* A study, and what the archive lists beyond what is here. */
static bool
on_study(void *ctx, const struct index_row *row) /* index_row_fn */
{
	struct census *c = ctx;
	struct retrieval *r = c->r;
	bool is_named = r->sel->n_study_uids > 0;
	bool whole = r->series.n + r->instances.n == 0;
	if (row->ready)
		(void)uids_add(&c->ready, row->study_uid); /* each once */
	if (!row->ready && is_named) {
		struct unready *u = &c->unready[c->n_unready++];
		(void)str_copy(u->uid, UID_SIZE, row->study_uid);
		u->expected = whole && row->expected > 0 ? row->expected : 1;
	} else if (whole && row->expected > row->study_instances &&
	    (row->ready || node_shows(r->s, row->study_uid))) {
		r->absent += row->expected - row->study_instances;
	}
	return !is_named || c->n_unready < r->sel->n_study_uids;
}

/* Which of the named studies are ready, which are to be had otherwise. */
static int
take_census(struct census *c, struct err *e)
{
	const struct index_select *sel = c->r->sel;
	struct index_reader *reader = session_reader(c->r->s, e);
	struct index_select studies = *sel;
	studies.level = INDEX_STUDY;
	studies.unready = sel->n_study_uids > 0 || session_partial(c->r->s);
	if (sel->n_study_uids > 0) { /* the study itself, whatever else */
		studies.series_uids = studies.instance_uids = NULL;
		studies.n_series_uids = studies.n_instance_uids = 0;
		studies.patient_id = NULL;
		studies.date_from = studies.date_to = NULL;
	}
	c->unready = mem_new_n(struct unready, sel->n_study_uids);
	if (reader == NULL ||
	    index_select(reader, &studies, on_study, c, e) != 0)
		return -1;
	struct uids here = {0};
	for (unsigned i = 0; i < c->n_unready; i++)
		(void)uids_add(&here, c->unready[i].uid); /* each once */
	for (unsigned i = 0; i < sel->n_study_uids; i++) {
		const char *uid = sel->study_uids[i];
		if (uids_find(&c->ready, uid) >= 0 ||
		    uids_find(&here, uid) >= 0)
			continue;
		struct unready *u = &c->unready[c->n_unready++];
		u->expected = 1;
		(void)str_copy(u->uid, UID_SIZE, uid); /* a cut is no UID
		                                        * of anything */
	}
	uids_done(&here);
	return 0;
}

/* A study that cannot be followed: as far as it is here, where that is
 * shown; the rest counts. */
static int
give_part(struct retrieval *r, const struct unready *u, struct err *e)
{
	const char *uid = u->uid;
	unsigned from = r->n_items;
	struct index_select sel = *r->sel;
	sel.study_uids = &uid;
	sel.n_study_uids = 1;
	sel.unready = true;
	if (session_partial(r->s) && list_items(r, &sel, e) != 0)
		return -1;
	unsigned here = r->n_items - from;
	if (r->series.n == 0 && r->instances.n == 0)
		r->absent += u->expected > here ? u->expected - here : 1;
	else if (r->instances.n == 0 && here > 0)
		r->absent++; /* how many the series lack nobody knows */
	return give_listed(r, e);
}

/* A study that is to be had from an archive, of the patient that the request
 * names? What is here the index compares. */
struct owner {
	const char *study_uid, *patient_id;
	bool is_theirs;
};

static void
on_owner(void *ctx, const struct attrs *answer) /* node_answer_fn */
{
	struct owner *o = ctx;
	o->is_theirs |= str_eq(attrs_value(answer, TAG_STUDY_UID),
	    o->study_uid) && str_eq(attrs_value(answer, TAG_PATIENT_ID),
	    o->patient_id);
}

static bool
is_theirs(struct retrieval *r, const char *study_uid)
{
	const struct node_ports *p = &r->node->ports;
	struct owner o = {.study_uid = study_uid,
	    .patient_id = r->sel->patient_id};
	struct attrs keys;
	if (o.patient_id == NULL || o.patient_id[0] == '\0')
		return true;
	attrs_init(&keys);
	attrs_put(&keys, TAG_LEVEL, "STUDY");
	attrs_put(&keys, TAG_STUDY_UID, study_uid);
	attrs_put(&keys, TAG_PATIENT_ID, "");
	p->elsewhere(p->ctx, &keys, on_owner, &o);
	attrs_done(&keys);
	return o.is_theirs;
}

static int
give_unready(struct retrieval *r, const struct census *c, struct err *e)
{
	for (unsigned i = 0; i < c->n_unready && !r->cancelled; i++) {
		const struct unready *u = &c->unready[i];
		int rc = 0;
		r->later -= u->expected;
		if (session_reads_through(r->s) && uid_is_valid(u->uid) &&
		    i < FOLLOWED_MAX && route_broken(r) == NULL &&
		    is_theirs(r, u->uid))
			rc = through_study(r, u->uid, e);
		if (rc == 0)
			rc = give_part(r, u, e) != 0 ? -1 : 1;
		if (rc < 0 || retrieval_look(r, true, e) != 0)
			return -1;
	}
	return 0;
}

/* Those named one by one that were found nowhere. */
static void
count_unfound(struct retrieval *r)
{
	const struct named *d = r->instances.n > 0 ? &r->instances :
	    &r->series;
	r->absent += d->n - d->n_found;
	for (unsigned i = 0; i < r->instances.uids.n && r->instances.n > 0;
	    i++)
		if (!r->instances.found[i])
			buf_addf(&r->failed_uids, "%s%s",
			    r->failed_uids.len > 0 ? "\\" : "",
			    r->instances.uids.uids[i]);
	if (total(r) == 0) /* a patient not here */
		r->absent = 1;
}

static int
send_all(struct retrieval *r, const struct census *c, struct err *e)
{
	r->told_ns = clock_uptime_ns();
	for (unsigned i = 0; i < c->n_unready; i++)
		r->later += c->unready[i].expected;
	if (give_listed(r, e) != 0 || give_unready(r, c, e) != 0)
		return -1;
	if (!r->cancelled)
		count_unfound(r);
	if (r->is_move)
		assoc_release(&r->to);
	return finish(r, e);
}

/* --- the request --- */

/* Studies that are asked for by name are held before they are looked for, so
 * that they cannot leave in between; of others the list tells. */
static void
hold_asked(struct retrieval *r, bool on)
{
	const struct node_ports *p = &r->node->ports;
	for (unsigned i = 0; i < r->sel->n_study_uids; i++)
		(on ? p->hold : p->release)(p->ctx, r->sel->study_uids[i]);
}

static void
hold_listed(struct retrieval *r, bool on)
{
	const struct node_ports *p = &r->node->ports;
	for (unsigned i = 0; i < r->n_items && r->sel->n_study_uids == 0;
	    i++) {
		if (i > 0 && str_eq(r->items[i].study_uid,
		    r->items[i - 1].study_uid))
			continue;
		(on ? p->hold : p->release)(p->ctx, r->items[i].study_uid);
	}
}

static int
retrieve(struct retrieval *r, struct err *e)
{
	struct census c = {.r = r};
	struct index_select sel = *r->sel;
	struct err why;
	/* of studies that are named, those not ready come after */
	sel.unready = session_partial(r->s) && sel.n_study_uids == 0;
	int rc = 0;
	if (take_census(&c, &why) != 0 || list_items(r, &sel, &why) != 0) {
		log_error("node.retrieve.index", "error=%s", why.msg);
		rc = session_answer(r->s, r->c->id, r->rq,
		    DIMSE_CANNOT_COUNT, "the index cannot be read", e);
	} else {
		hold_listed(r, true);
		rc = send_all(r, &c, e);
		hold_listed(r, false);
	}
	log_info("node.retrieve.done",
	    "kind=%s sent=%u warned=%u failed=%u unaccepted=%u through=%u",
	    r->is_move ? "c-move" : "c-get", r->sent, r->warned, r->failed,
	    r->unaccepted, r->followed);
	uids_done(&c.ready);
	mem_free(c.unready);
	return rc;
}

/* Where to: the association itself, or a listener that is known. */
static bool
find_way(struct retrieval *r)
{
	struct known_peer dest;
	r->to = r->is_move ? NULL : r->s->a;
	if (r->is_move && !node_destination(r->node, r->s->a,
	    r->rq->destination, &dest))
		return false;
	if (r->is_move)
		r->route = route_new(&dest);
	return true;
}

static int
serve(struct retrieval *r, struct err *e)
{
	const struct index_select *sel = r->sel;
	bool named = sel->n_study_uids + sel->n_series_uids +
	    sel->n_instance_uids > 0 || sel->patient_id != NULL;
	if (!named)
		return session_answer(r->s, r->c->id, r->rq,
		    DIMSE_IDENTIFIER_MISMATCH,
		    "want a study, series or instance UID", e);
	if (!find_way(r))
		return session_answer(r->s, r->c->id, r->rq,
		    DIMSE_UNKNOWN_DESTINATION,
		    "no [viewer] has this AE title", e);
	r->sender = sender_new(r->node);
	buf_init(&r->failed_uids, FAILED_UIDS_MAX + 1); /* a NUL */
	named_init(&r->series, sel->series_uids, sel->n_series_uids);
	named_init(&r->instances, sel->instance_uids, sel->n_instance_uids);
	hold_asked(r, true);
	int rc = retrieve(r, e);
	hold_asked(r, false);
	if (r->is_move)
		route_free(r);
	named_done(&r->series);
	named_done(&r->instances);
	sender_free(&r->sender);
	buf_done(&r->failed_uids);
	mem_free(r->items);
	return rc;
}

int
node_retrieve(struct session *s, const struct assoc_context *c,
    const struct dimse *rq, struct err *e)
{
	struct query q;
	struct retrieval r = {.node = s->node, .s = s, .c = c, .rq = rq,
	    .sel = &q.sel, .stopping = &s->job.cancelled,
	    .is_move = rq->command == DIMSE_C_MOVE_RQ};
	uint16_t status = 0;
	stats_add(r.is_move ? STAT_MOVES : STAT_GETS, 1);
	int rc = query_receive(s, c, &q, &status, e);
	if (rc == 0)
		rc = serve(&r, e);
	else if (rc == 1)
		rc = session_answer(s, c->id, rq, status, e->msg, e);
	query_done(&q);
	return rc;
}
