/* SPDX-License-Identifier: MIT */
/* Retrieving what is missing, by C-GET or by C-MOVE to our own node. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "dicom/dataset.h"
#include "prefetch/prefetch_priv.h"
#include "wire/classes.h"
#include "wire/scan.h"

#define REFUSED_MAX 100 /* objects of one retrieval that may be wrong */
#define STILL_MAX_NS (600 * CLOCK_S) /* answers without an object */

/* The lines that are not here, from ${*from} on, of the first one's series,
 * joined by '\'. [tickets lock held] */
static unsigned
missing_of_series(struct transfer *t, unsigned *from, struct buf *uids,
    const char **ret_series)
{
	unsigned n = 0;
	lock_assert_held(&t->in->tickets.lock);
	for (unsigned i = *from; i < t->ticket->n_lines; i++) {
		const struct ticket_line *l = &t->ticket->lines[i];
		if (l->here)
			continue;
		if (n == 0)
			*ret_series = l->series_uid;
		if (!str_eq(l->series_uid, *ret_series) ||
		    n == ARCHIVE_UIDS_MAX)
			break;
		if (n++ > 0)
			buf_add_u8(uids, '\\');
		buf_add_str(uids, l->uid);
		*from = i + 1;
	}
	return n;
}

int
transfer_next(struct transfer *t, unsigned *from, struct attrs *keys)
{
	struct buf uids;
	const char *series = "";
	buf_init(&uids, (UID_SIZE + 1) * ARCHIVE_UIDS_MAX);
	attrs_init(keys);
	attrs_put(keys, TAG_STUDY_UID, t->ticket->study_uid);
	lock_acquire(&t->in->tickets.lock);
	bool whole = *from == 0;
	for (unsigned i = 0; i < t->ticket->n_lines && whole; i++)
		whole = !t->ticket->lines[i].here;
	unsigned n = whole ? 0 : missing_of_series(t, from, &uids, &series);
	if (n > 0) {
		attrs_put(keys, TAG_LEVEL, "IMAGE");
		attrs_put(keys, TAG_SERIES_UID, series);
		attrs_put(keys, TAG_SOP_INSTANCE, buf_str(&uids));
	}
	lock_release(&t->in->tickets.lock);
	if (whole) {
		attrs_put(keys, TAG_LEVEL, "STUDY");
		*from = t->ticket->n_lines; /* asked once for all */
	}
	buf_done(&uids);
	if (whole || n > 0)
		return 1;
	attrs_done(keys);
	return 0;
}

/* Send ${rq} with ${keys} as its identifier. */
static int
ask(struct assoc *a, uint8_t context, const struct dimse *rq,
    const struct attrs *keys, struct err *e)
{
	struct assoc_context c;
	struct buf b;
	buf_init(&b, DATASET_IDENTIFIER_MAX);
	int rc = assoc_context(a, context, &c) ? 0 :
	    err_set(e, ERR_PEER, 0, "no context");
	if (rc == 0)
		rc = dataset_format(keys, c.syntax, &b, e);
	if (rc == 0)
		rc = assoc_send(a, context, rq, b.p, b.len, e);
	buf_done(&b);
	return rc;
}

/* The archive sends an object on the C-GET's own association. */
static int
take_object(struct transfer *t, struct assoc *a, const struct dimse *rq,
    uint8_t context, struct err *e)
{
	struct assoc_context c;
	uint16_t status = 0;
	if (!assoc_context(a, context, &c))
		return err_set(e, ERR_PEER, 0, "no context");
	struct intake_object o = {.own = t->ticket,
	    .class_uid = rq->class_uid, .instance_uid = rq->instance_uid,
	    .syntax = c.syntax};
	if (intake_take(t->in, a, &o, &status, e) != 0)
		return -1;
	struct dimse rsp = dimse_response(rq, status);
	(void)str_copy(rsp.instance_uid, UID_SIZE, rq->instance_uid);
	return assoc_send(a, context, &rsp, NULL, 0, e);
}

/* Its final answer to a C-GET or C-MOVE; anything but success is kept in
 * words, the list of instances decides what it means. */
static int
take_final(struct transfer *t, struct assoc *a, const struct dimse *rsp,
    struct err *e)
{
	if (rsp->has_data) { /* Failed SOP Instance UID List: we have ours */
		struct buf b;
		buf_init(&b, DATASET_IDENTIFIER_MAX);
		int rc = assoc_receive_buf(a, ARCHIVE_ANSWER_MS, &b, e);
		buf_done(&b);
		if (rc != 0)
			return -1;
	}
	if (rsp->status != DIMSE_SUCCESS)
		(void)dimse_status_text(rsp->status, t->said,
		    sizeof(t->said));
	return 0;
}

/* Serve one C-GET or C-MOVE until its final answer. Each wait is an idle
 * time-out, never one for the whole. While a C-MOVE's objects come in by the
 * node, a silent archive is busy. */
static int
serve(struct transfer *t, struct assoc *a, uint16_t message_id,
    struct err *e)
{
	for (;;) {
		struct dimse d;
		uint8_t context = 0;
		int rc = assoc_receive(a, ARCHIVE_ANSWER_MS, &d, &context, e);
		if (rc < 0 && e->code == ERR_TIMEOUT && assoc_is_open(a)) {
			int64_t still = clock_uptime_ns() -
			    atomic_load(&t->ticket->moved_ns);
			if (still < ARCHIVE_ANSWER_MS * CLOCK_MS)
				continue;
		}
		if (rc == 0)
			return err_set(e, ERR_NET, 0,
			    "it left in the middle of a retrieval");
		if (rc < 0)
			return -1;
		if (atomic_load(t->cancelled))
			return err_set(e, ERR_CANCELLED, 0, "told to stop");
		if (atomic_load(&t->ticket->n_refused) > REFUSED_MAX)
			return err_set(e, ERR_PEER, 0,
			    "it keeps sending what was not asked for");
		if (clock_uptime_ns() - atomic_load(&t->ticket->moved_ns) >
		    STILL_MAX_NS)
			return err_set(e, ERR_TIMEOUT, 0,
			    "nothing that was asked for came for 10 minutes");
		if (d.command == DIMSE_C_STORE_RQ && d.has_data) {
			if (take_object(t, a, &d, context, e) != 0)
				return -1;
			continue;
		}
		if ((d.command != DIMSE_C_GET_RSP &&
		    d.command != DIMSE_C_MOVE_RSP) ||
		    d.message_id != message_id)
			return err_set(e, ERR_PEER, 0,
			    "want an answer to our retrieval, have %s",
			    dimse_command_name(d.command));
		if (!dimse_is_pending(d.status))
			return take_final(t, a, &d, e);
	}
}

/* All requests of one association: the study, or series by series. */
static int
retrieve_on(struct transfer *t, struct assoc *a, uint8_t context,
    struct dimse *rq, struct err *e)
{
	unsigned from = 0;
	struct attrs keys;
	while (transfer_next(t, &from, &keys) == 1) {
		rq->message_id++;
		int rc = ask(a, context, rq, &keys, e);
		attrs_done(&keys);
		if (rc == 0)
			rc = serve(t, a, rq->message_id, e);
		if (rc != 0)
			return -1;
		if (atomic_load(&t->ticket->full))
			return err_set(e, ERR_FULL, 0, "no room for more");
	}
	return 0;
}

static bool
is_whole(const struct transfer *t)
{
	return atomic_load(&t->ticket->n_here) == t->ticket->n_lines;
}

/* The classes that the archive named for what is missing; none when it left
 * one out, for then any class may come. */
static unsigned
known_classes(struct transfer *t, const char *ret[64])
{
	unsigned n = 0;
	lock_acquire(&t->in->tickets.lock);
	for (unsigned i = 0; i < t->ticket->n_lines && n < 64; i++) {
		const struct ticket_line *l = &t->ticket->lines[i];
		unsigned k = 0;
		if (l->here)
			continue;
		if (l->class_uid[0] == '\0') {
			n = 0;
			break;
		}
		while (k < n && !str_eq(ret[k], l->class_uid))
			k++;
		if (k == n)
			ret[n++] = l->class_uid;
	}
	lock_release(&t->in->tickets.lock);
	return n;
}

int
transfer_get(struct transfer *t, struct err *e)
{
	const char *known[64];
	struct assoc_proposal p[PDU_CONTEXTS_MAX];
	unsigned n_known = known_classes(t, known);
	for (unsigned round = 0; !is_whole(t); round++) {
		unsigned n = classes_round(known, n_known, t->modalities,
		    round, p + 1);
		if (n == 0)
			return 0;
		p[0] = (struct assoc_proposal){CLASS_STUDY_GET,
		    SYNTAX_IMPLICIT_LE, false};
		struct assoc_ask ask_for = {.host = t->ar->host,
		    .port = t->ar->port, .calling = t->ae_title,
		    .called = t->ar->ae_title, .proposals = p,
		    .n_proposals = n + 1, .stop = t->stop};
		struct assoc *a = NULL;
		if (assoc_request(&a, &ask_for, e) != 0)
			return -1;
		struct dimse rq = {.command = DIMSE_C_GET_RQ,
		    .has_data = true};
		(void)str_copy(rq.class_uid, UID_SIZE, CLASS_STUDY_GET);
		uint8_t id = assoc_find(a, CLASS_STUDY_GET, NULL);
		int rc = id != 0 ? retrieve_on(t, a, id, &rq, e) :
		    err_set(e, ERR_PEER, 0, "it does not accept C-GET");
		if (rc == 0)
			assoc_release(&a);
		else
			assoc_abort(&a);
		if (rc != 0)
			return -1;
	}
	return 0;
}

int
transfer_move(struct transfer *t, struct err *e)
{
	struct archive_link *l = NULL;
	if (archive_open(&l, t->ar, t->ae_title, ARCHIVE_MOVE, t->stop,
	    e) != 0)
		return -1;
	struct dimse rq = {.command = DIMSE_C_MOVE_RQ, .has_data = true};
	(void)str_copy(rq.class_uid, UID_SIZE, CLASS_STUDY_MOVE);
	(void)str_copy(rq.destination, AE_SIZE, t->ae_title);
	struct assoc *a = archive_assoc(l);
	uint8_t id = assoc_find(a, CLASS_STUDY_MOVE, NULL);
	int rc = id != 0 ? retrieve_on(t, a, id, &rq, e) :
	    err_set(e, ERR_PEER, 0, "it does not accept C-MOVE");
	archive_close(&l, rc == 0);
	return rc;
}
