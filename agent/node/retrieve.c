/* SPDX-License-Identifier: MIT */
/* C-GET and C-MOVE: which objects, to whom, and how it ended
 * (PS3.4 C.4.2, C.4.3). */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stats.h"
#include "base/str.h"
#include "node/retrieve_priv.h"

#define TELL_NS (500 * CLOCK_MS) /* between two pending answers */

static bool
on_item(void *ctx, const struct index_row *row) /* index_row_fn */
{
	struct retrieval *r = ctx;
	if (r->n_items == NODE_OBJECTS_MAX) {
		r->too_many = true;
		return false;
	}
	if (r->n_items == r->cap_items) {
		r->cap_items = r->cap_items == 0 ? 256 : 2 * r->cap_items;
		r->items = mem_grow(r->items, r->cap_items,
		    sizeof(r->items[0]));
	}
	struct item *it = &r->items[r->n_items++];
	*it = (struct item){.object = {.length = row->length,
	    .offset = row->offset}};
	memcpy(it->object.name, row->name, STORE_NAME_BYTES);
	memcpy(it->object.digest, row->digest, STORE_DIGEST_BYTES);
	(void)str_copy(it->study_uid, UID_SIZE, row->study_uid);
	(void)str_copy(it->instance_uid, UID_SIZE, row->instance_uid);
	(void)str_copy(it->class_uid, UID_SIZE, row->class_uid);
	(void)str_copy(it->syntax, UID_SIZE, row->syntax);
	return true;
}

struct census {
	struct retrieval *r;
	unsigned n; /* rows: studies, or series */
};

/* Counts, and of a study what the archive lists beyond what is here. */
static bool
on_entity(void *ctx, const struct index_row *row) /* index_row_fn */
{
	struct census *c = ctx;
	c->n++;
	if (row->series_uid[0] == '\0' &&
	    row->expected > row->study_instances)
		c->r->absent += row->expected - row->study_instances;
	return true;
}

static unsigned
lacking(unsigned named, unsigned found)
{
	return named > found ? named - found : 0;
}

/* What was named and is not here counts: never success for less. */
static int
list_items(struct retrieval *r, struct query *q, struct err *e)
{
	struct index_reader *reader = session_reader(r->s, e);
	if (reader == NULL)
		return -1;
	struct index_select sel = q->sel;
	struct census c = {.r = r};
	sel.unready = r->s->node->partial;
	sel.level = INDEX_INSTANCE;
	if (index_select(reader, &sel, on_item, r, e) != 0)
		return -1;
	if (q->sel.n_instance_uids > 0) {
		r->absent = lacking(q->sel.n_instance_uids, r->n_items);
		return 0;
	}
	bool by_series = q->sel.n_series_uids > 0;
	sel.level = by_series ? INDEX_SERIES : INDEX_STUDY;
	if (index_select(reader, &sel, on_entity, &c, e) != 0)
		return -1;
	r->absent += lacking(by_series ? q->sel.n_series_uids :
	    q->sel.n_study_uids, c.n);
	if (r->n_items == 0 && r->absent == 0) /* a patient not here */
		r->absent = 1;
	return 0;
}

static unsigned
remaining(const struct retrieval *r)
{
	return r->n_items + r->absent - r->sent - r->warned - r->failed;
}

static int
answer(struct retrieval *r, uint16_t status, const char *comment,
    struct err *e)
{
	struct dimse rsp = dimse_response(r->rq, status);
	unsigned left = remaining(r);
	rsp.has_counts = true;
	rsp.remaining = left > UINT16_MAX ? UINT16_MAX : (uint16_t)left;
	rsp.completed = (uint16_t)r->sent;
	rsp.failed = (uint16_t)r->failed;
	rsp.warning = (uint16_t)r->warned;
	(void)str_copy(rsp.comment, sizeof(rsp.comment), comment);
	return assoc_send(r->s->a, r->c->id, &rsp, NULL, 0, e);
}

/* Between two objects: a pending answer now and then, a look for C-CANCEL
 * on the viewer's association of a C-MOVE. */
static int
between(struct retrieval *r, unsigned i, struct err *e)
{
	int64_t now = clock_uptime_ns();
	unsigned step = r->n_items / 20 + 1; /* each 5 % */
	if (now - r->told_ns >= TELL_NS || i % step == step - 1) {
		r->told_ns = now;
		if (answer(r, DIMSE_PENDING, "", e) != 0)
			return -1;
		if (r->is_move) {
			int c = session_cancelled(r->s, r->rq->message_id, e);
			r->cancelled |= c == 1;
			return c < 0 ? -1 : 0;
		}
	}
	return 0;
}

static int
send_items(struct retrieval *r, struct err *e)
{
	r->told_ns = clock_uptime_ns();
	for (unsigned i = 0; i < r->n_items && !r->cancelled; i++) {
		if (atomic_load(&r->s->job.cancelled))
			return err_set(e, ERR_CANCELLED, 0, "stopping");
		if (send_item(r, &r->items[i], e) != 0) {
			if (!r->is_move)
				return -1;
			/* the listener went away: the rest cannot be sent */
			log_info("node.move.broken", "error=%s", e->msg);
			r->failed += r->n_items - i;
			return 0;
		}
		if (i + 1 < r->n_items && between(r, i, e) != 0)
			return -1;
	}
	return 0;
}

/* DESIGN "What the viewer hides": all sent is success; something that it
 * could have taken is missing is A702; only what it does not take is B000. */
static int
finish(struct retrieval *r, struct err *e)
{
	char why[65] = "";
	if (r->cancelled)
		return answer(r, DIMSE_CANCELLED, "", e);
	r->failed += r->absent;
	r->absent = 0;
	uint16_t status = DIMSE_SUCCESS;
	if (r->too_many)
		status = DIMSE_CANNOT_COUNT;
	else if (r->failed > r->unaccepted)
		status = DIMSE_CANNOT_SEND;
	else if (r->failed > 0)
		status = DIMSE_SUBOPERATIONS_FAILED;
	if (status == DIMSE_CANNOT_SEND)
		(void)str_copy(why, sizeof(why),
		    r->sent == 0 ? "not here" : "not all of it is here");
	else if (status == DIMSE_SUBOPERATIONS_FAILED)
		(void)str_copy(why, sizeof(why),
		    "class or transfer syntax not accepted");
	return answer(r, status, why, e);
}

/* Propose each (class, syntax) of the list once, so that all go out as they
 * are (viewers.md 9.4). */
static int
open_move(struct retrieval *r, const struct known_peer *dest,
    struct err *e)
{
	struct assoc_proposal p[PDU_CONTEXTS_MAX];
	unsigned n = 0;
	for (unsigned i = 0; i < r->n_items; i++) {
		const struct item *it = &r->items[i];
		unsigned k = 0;
		while (k < n && !(str_eq(p[k].abstract, it->class_uid) &&
		    str_eq(p[k].syntax, it->syntax)))
			k++;
		if (k < n || n == PDU_CONTEXTS_MAX)
			continue;
		p[n++] = (struct assoc_proposal){.abstract = it->class_uid,
		    .syntax = it->syntax};
	}
	struct assoc_ask ask = {.host = dest->host, .port = dest->port,
	    .calling = r->s->node->ae_title, .called = dest->ae_title,
	    .proposals = p, .n_proposals = n, .stop = &r->s->move_stop};
	return assoc_request(&r->to, &ask, e);
}

static int
move(struct retrieval *r, struct err *e)
{
	struct known_peer dest;
	if (!node_destination(r->s->node, r->s->a, r->rq->destination, &dest))
		return answer(r, DIMSE_UNKNOWN_DESTINATION,
		    "no [viewer] has this AE title", e);
	if (r->n_items == 0)
		return finish(r, e);
	int rc;
	if (open_move(r, &dest, e) != 0) {
		log_warn("node.move.refused",
		    "error=%s action=told_the_viewer", e->msg);
		r->failed = r->n_items;
		rc = answer(r, DIMSE_CANNOT_SEND,
		    "the viewer's listener does not answer", e);
	} else {
		rc = send_items(r, e);
		assoc_release(&r->to);
		if (rc == 0)
			rc = finish(r, e);
	}
	return rc;
}

/* Studies that are asked for by name are held before they are looked for, so
 * that they cannot leave in between; of others the list tells. */
static void
hold_asked(struct retrieval *r, const struct index_select *sel, bool on)
{
	const struct node_ports *p = &r->s->node->ports;
	for (unsigned i = 0; i < sel->n_study_uids; i++)
		(on ? p->hold : p->release)(p->ctx, sel->study_uids[i]);
}

static void
hold_listed(struct retrieval *r, const struct index_select *sel, bool on)
{
	const struct node_ports *p = &r->s->node->ports;
	for (unsigned i = 0; i < r->n_items && sel->n_study_uids == 0; i++) {
		if (i > 0 && str_eq(r->items[i].study_uid,
		    r->items[i - 1].study_uid))
			continue;
		(on ? p->hold : p->release)(p->ctx, r->items[i].study_uid);
	}
}

static int
send_listed(struct retrieval *r, struct err *e)
{
	int rc;
	if (r->is_move) {
		rc = move(r, e);
	} else {
		r->to = r->s->a;
		rc = send_items(r, e);
		if (rc == 0)
			rc = finish(r, e);
	}
	log_info("node.retrieve.done",
	    "kind=%s sent=%u warned=%u failed=%u unaccepted=%u",
	    r->is_move ? "c-move" : "c-get", r->sent, r->warned, r->failed,
	    r->unaccepted);
	return rc;
}

int
node_retrieve(struct session *s, const struct assoc_context *c,
    const struct dimse *rq, struct err *e)
{
	struct retrieval r = {.s = s, .c = c, .rq = rq,
	    .is_move = rq->command == DIMSE_C_MOVE_RQ};
	struct query q;
	uint16_t status = 0;
	stats_add(r.is_move ? STAT_MOVES : STAT_GETS, 1);
	int rc = query_receive(s, c, &q, &status, e);
	if (rc < 0)
		goto out;
	bool named = q.sel.n_study_uids + q.sel.n_series_uids +
	    q.sel.n_instance_uids > 0 || q.sel.patient_id != NULL;
	if (rc == 1 || !named) {
		rc = session_answer(s, c->id, rq, rc == 1 ? status :
		    DIMSE_IDENTIFIER_MISMATCH, rc == 1 ? e->msg :
		    "want a study, series or instance UID", e);
		goto out;
	}
	hold_asked(&r, &q.sel, true);
	rc = list_items(&r, &q, e);
	if (rc == 0) {
		hold_listed(&r, &q.sel, true);
		rc = send_listed(&r, e);
		hold_listed(&r, &q.sel, false);
	} else {
		log_error("node.retrieve.index", "error=%s", e->msg);
		rc = session_answer(s, c->id, rq, DIMSE_CANNOT_COUNT,
		    "the index cannot be read", e);
	}
	hold_asked(&r, &q.sel, false);
out:
	query_done(&q);
	mem_free(r.items);
	return rc;
}
