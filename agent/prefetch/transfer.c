/* SPDX-License-Identifier: MIT */
/* Retrieving what is missing, by C-GET, by C-MOVE to our own node, or by
 * WADO-RS (rest_get.c). */
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

/* How many objects to ask for at once: while lanes share, so few that they end
 * at about the same time. [tickets lock held] */
static unsigned
chunk_size(const struct transfer *t)
{
	const struct ticket *k = t->ticket;
	unsigned n = 0;
	if (t->lanes <= 1)
		return ARCHIVE_UIDS_MAX;
	for (unsigned i = 0; i < k->n_lines; i++)
		n += ticket_is_free(k, &k->lines[i]);
	n /= 2 * t->lanes;
	return n < LANE_CHUNK_MIN ? LANE_CHUNK_MIN :
	    n > ARCHIVE_UIDS_MAX ? ARCHIVE_UIDS_MAX : n;
}

/* Take lines of one series, which is all that one request can name (PS3.4
 * C.4.3.1.3.1); their UIDs joined by '\'. [tickets lock held] */
static unsigned
take_chunk(struct transfer *t, struct buf *uids, const char **ret_series)
{
	struct ticket *k = t->ticket;
	unsigned most = chunk_size(t);
	unsigned n = 0;
	lock_assert_held(&t->in->tickets.lock);
	for (unsigned i = 0; i < k->n_lines && n < most; i++) {
		struct ticket_line *l = &k->lines[i];
		if (!ticket_is_free(k, l))
			continue;
		if (n == 0)
			*ret_series = l->series_uid;
		if (!str_eq(l->series_uid, *ret_series))
			continue;
		if (n++ > 0)
			buf_add_u8(uids, '\\');
		buf_add_str(uids, l->uid);
		l->taken = (uint8_t)(t->lane + 1);
	}
	return n;
}

/* All of it, when nothing of it is here and nobody shares it.
 * [tickets lock held] */
static bool
take_whole(struct transfer *t)
{
	struct ticket *k = t->ticket;
	bool whole = t->lane == 0 && t->lanes <= 1 &&
	    t->grain == GRAIN_STUDY && k->n_lines > 0;
	for (unsigned i = 0; i < k->n_lines && whole; i++)
		whole = ticket_is_free(k, &k->lines[i]);
	for (unsigned i = 0; i < k->n_lines && whole; i++)
		k->lines[i].taken = 1;
	return whole;
}

/* By WADO-RS: all of the series whose turn it is, when nothing of it is here
 * or taken; else NULL. [tickets lock held] */
static const char *
take_series(struct transfer *t)
{
	struct ticket *k = t->ticket;
	const char *series = NULL;
	bool whole = t->ar->retrieve == PREFETCH_WADO_RS &&
	    t->grain <= GRAIN_SERIES;
	for (unsigned i = 0; i < k->n_lines && series == NULL && whole; i++)
		if (ticket_is_free(k, &k->lines[i]))
			series = k->lines[i].series_uid;
	if (series == NULL)
		return NULL;
	for (unsigned i = 0; i < k->n_lines && whole; i++)
		whole = ticket_is_free(k, &k->lines[i]) ||
		    !str_eq(k->lines[i].series_uid, series);
	for (unsigned i = 0; i < k->n_lines && whole; i++)
		if (str_eq(k->lines[i].series_uid, series))
			k->lines[i].taken = (uint8_t)(t->lane + 1);
	return whole ? series : NULL;
}

int
transfer_next(struct transfer *t, struct attrs *keys)
{
	struct buf uids;
	const char *series = NULL;
	buf_init(&uids, (UID_SIZE + 1) * ARCHIVE_UIDS_MAX);
	attrs_init(keys);
	attrs_put(keys, TAG_STUDY_UID, t->ticket->study_uid);
	lock_acquire(&t->in->tickets.lock);
	const char *level = NULL;
	if (take_whole(t)) {
		level = "STUDY";
	} else if ((series = take_series(t)) != NULL) {
		level = "SERIES";
	} else if (take_chunk(t, &uids, &series) > 0) {
		level = "IMAGE";
		attrs_put(keys, TAG_SOP_INSTANCE, buf_str(&uids));
	}
	lock_release(&t->in->tickets.lock);
	if (level != NULL)
		attrs_put(keys, TAG_LEVEL, level);
	if (level != NULL && series != NULL)
		attrs_put(keys, TAG_SERIES_UID, series);
	buf_done(&uids);
	if (level != NULL)
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

/* The archive sends an object on the C-GET's own association. It is answered
 * as soon as it was checked, and put in its place while the archive sends the
 * next; should that fail, it is as if it had not come. */
static int
take_object(struct transfer *t, struct assoc *a, const struct dimse *rq,
    uint8_t context, struct err *e)
{
	struct assoc_context c;
	struct arrival v;
	if (!assoc_context(a, context, &c))
		return err_set(e, ERR_PEER, 0, "no context");
	struct intake_object o = {.own = t->ticket,
	    .class_uid = rq->class_uid, .instance_uid = rq->instance_uid,
	    .syntax = c.syntax};
	(void)intake_begin(&v, t->in, &o); /* intake_check tells */
	if (intake_receive(&v, a, e) != 0)
		return -1;
	struct dimse rsp = dimse_response(rq, intake_check(&v));
	(void)str_copy(rsp.instance_uid, UID_SIZE, rq->instance_uid);
	int rc = assoc_send(a, context, &rsp, NULL, 0, e);
	(void)intake_keep(&v); /* the list of what is here tells */
	t->n_came++;
	lane_judge(t);
	return rc;
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
	t->status = rsp->status;
	if (rsp->status != DIMSE_SUCCESS)
		(void)dimse_status_text(rsp->status, t->said,
		    sizeof(t->said));
	return 0;
}

int
transfer_may_go_on(struct transfer *t, struct err *e)
{
	struct ticket *k = t->ticket;
	if (atomic_load(t->cancelled))
		return err_set(e, ERR_CANCELLED, 0, "told to stop");
	if (atomic_load(&k->stranger))
		return err_set(e, ERR_PEER, 0,
		    "it sends an object of another patient");
	if (atomic_load(&k->full))
		return err_set(e, ERR_FULL, 0, "no room for more");
	if (atomic_load(&k->n_refused) > REFUSED_MAX)
		return err_set(e, ERR_PEER, 0,
		    "it keeps sending what was not asked for");
	if (atomic_load(&k->n_repeated) > k->n_lines + REFUSED_MAX)
		return err_set(e, ERR_PEER, 0,
		    "it keeps sending what it has sent");
	if (clock_uptime_ns() - atomic_load(&k->moved_ns) > STILL_MAX_NS)
		return err_set(e, ERR_TIMEOUT, 0,
		    "nothing that was asked for came for 10 minutes");
	return 0;
}

/* The next message. Each wait is an idle time-out, never one for the whole.
 * While a C-MOVE's objects come in by the node, a silent archive is busy. */
static int
receive(struct transfer *t, struct assoc *a, struct dimse *ret,
    uint8_t *ret_context, struct err *e)
{
	int64_t from = clock_uptime_ns();
	for (;;) {
		int rc = assoc_receive(a, ARCHIVE_ANSWER_MS, ret, ret_context,
		    e);
		int64_t now = clock_uptime_ns();
		if (rc == 0)
			return err_set(e, ERR_NET, 0,
			    "it left in the middle of a retrieval");
		if (rc > 0) {
			t->waited_ns += now - from;
			return 0;
		}
		if (e->code != ERR_TIMEOUT || !assoc_is_open(a) ||
		    now - atomic_load(&t->ticket->moved_ns) >=
		    ARCHIVE_ANSWER_MS * CLOCK_MS)
			return -1;
	}
}

/* Serve one C-GET or C-MOVE until its final answer. */
static int
serve(struct transfer *t, struct assoc *a, uint16_t message_id,
    struct err *e)
{
	unsigned before = atomic_load(&t->ticket->n_here);
	for (;;) {
		struct dimse d;
		uint8_t context = 0;
		if (receive(t, a, &d, &context, e) != 0 ||
		    transfer_may_go_on(t, e) != 0)
			return -1;
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
		if (d.command == DIMSE_C_MOVE_RSP) {
			t->n_came = atomic_load(&t->ticket->n_here) - before;
			lane_judge(t);
		}
	}
}

bool
transfer_makes_place(const struct transfer *t)
{
	return t->lane > 0 && t->f != NULL &&
	    atomic_load(&t->f->makes_place);
}

/* All requests of one association: the study, or chunk by chunk. */
static int
retrieve_on(struct transfer *t, struct assoc *a, uint8_t context,
    struct dimse *rq, struct err *e)
{
	struct attrs keys;
	while (!transfer_makes_place(t) && transfer_next(t, &keys) == 1) {
		rq->message_id++;
		int rc = ask(a, context, rq, &keys, e);
		attrs_done(&keys);
		if (rc == 0)
			rc = serve(t, a, rq->message_id, e);
		if (rc == 0)
			rc = transfer_may_go_on(t, e);
		if (rc != 0)
			return -1;
	}
	return 0;
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
		if (!ticket_is_free(t->ticket, l))
			continue;
		if (l->class_uid[0] == '\0' ||
		    (l->class_guessed && t->any_class)) {
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

/* Whether the class of something that is missing was guessed. */
static bool
is_guessed(struct transfer *t)
{
	bool guessed = false;
	lock_acquire(&t->in->tickets.lock);
	for (unsigned i = 0; i < t->ticket->n_lines && !guessed; i++)
		guessed = t->ticket->lines[i].class_guessed &&
		    ticket_is_free(t->ticket, &t->ticket->lines[i]);
	lock_release(&t->in->tickets.lock);
	return guessed;
}

/* One association's C-GETs with the proposals of ${round}: 0; -1; 1 when there
 * are no more rounds. */
static int
get_round(struct transfer *t, unsigned round, struct err *e)
{
	const char *known[64];
	struct assoc_proposal p[PDU_CONTEXTS_MAX];
	unsigned n_known = known_classes(t, known);
	unsigned n = classes_round(known, n_known, t->modalities, round,
	    p + 1);
	if (n == 0)
		return 1;
	p[0] = (struct assoc_proposal){CLASS_STUDY_GET, SYNTAX_IMPLICIT_LE,
	    false};
	struct assoc_ask ask_for = {.host = t->ar->host, .port = t->ar->port,
	    .calling = t->ae_title, .called = t->ar->ae_title,
	    .proposals = p, .n_proposals = n + 1, .stop = t->stop};
	struct assoc *a = NULL;
	if (assoc_request(&a, &ask_for, e) != 0)
		return -1;
	struct dimse rq = {.command = DIMSE_C_GET_RQ, .has_data = true};
	(void)str_copy(rq.class_uid, UID_SIZE, CLASS_STUDY_GET);
	uint8_t id = assoc_find(a, CLASS_STUDY_GET, NULL);
	int rc = id != 0 ? retrieve_on(t, a, id, &rq, e) :
	    err_set(e, ERR_PEER, 0, "it does not accept C-GET");
	if (rc == 0)
		assoc_release(&a);
	else
		assoc_abort(&a);
	return rc;
}

/* One association's C-MOVEs. */
static int
move_once(struct transfer *t, struct err *e)
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

/* The fetch's own share is over with ${rc}: wait for the lanes, which go on
 * with what it leaves. 1 = they left something that can be asked for again,
 * in the same way; 0 = not; -1 = the fetch's own failed, and they did not
 * make up for it. */
static int
join_lanes(struct transfer *t, int rc)
{
	struct tickets *all = &t->in->tickets;
	if (rc < 0) /* it is theirs now */
		ticket_give_back(all, t->ticket, 1);
	if (t->f != NULL)
		atomic_store(&t->f->wants_lanes, false);
	ticket_await(all, t->ticket);
	t->lanes = 1;
	bool left = ticket_count_free(all, t->ticket) > 0;
	return !left ? 0 : rc < 0 ? -1 : 1;
}

int
transfer_get(struct transfer *t, struct err *e)
{
	struct tickets *all = &t->in->tickets;
	unsigned round = 0;
	while (ticket_count_free(all, t->ticket) > 0) {
		int rc = get_round(t, round, e);
		if (rc > 0 && t->any_class)
			return 0;
		if (rc > 0) { /* once more, and nothing is guessed */
			t->any_class = true;
			round = 0;
			if (!is_guessed(t))
				return 0;
			continue;
		}
		rc = join_lanes(t, rc);
		if (rc < 0)
			return -1;
		if (rc > 0)
			continue;
		ticket_give_back(all, t->ticket, 0);
		round++;
	}
	return 0;
}

/* Again, while lanes leave something. */
static int
until_through(struct transfer *t,
    int (*once)(struct transfer *t, struct err *e), struct err *e)
{
	int rc = 1;
	while (rc > 0)
		rc = join_lanes(t, once(t, e));
	return rc;
}

int
transfer_move(struct transfer *t, struct err *e)
{
	return until_through(t, move_once, e);
}

int
transfer_rest(struct transfer *t, struct err *e)
{
	return until_through(t, transfer_rest_once, e);
}

int
transfer_share(struct transfer *t, struct err *e)
{
	struct tickets *all = &t->in->tickets;
	if (ticket_count_free(all, t->ticket) == 0)
		return 0; /* it came too late */
	int rc = t->ar->retrieve == PREFETCH_WADO_RS ?
	    transfer_rest_once(t, e) : t->ticket->by_move ? move_once(t, e) :
	    get_round(t, 0, e);
	if (rc < 0)
		ticket_give_back(all, t->ticket, (uint8_t)(t->lane + 1));
	return rc < 0 ? -1 : 0;
}
