/* SPDX-License-Identifier: MIT */
/* Asking for an association, and ending it (PS3.8 9.2: Sta1 to Sta6). */
#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/uid.h"
#include "dicom/assoc_priv.h"

static void
propose(const struct assoc_ask *ask, struct pdu_associate *rq)
{
	*rq = (struct pdu_associate){.version = 1,
	    .max_pdu = (uint32_t)limits()->pdu_size};
	(void)str_copy(rq->called, AE_SIZE, ask->called);
	(void)str_copy(rq->calling, AE_SIZE, ask->calling);
	(void)str_copy(rq->application_context, UID_SIZE,
	    PDU_APPLICATION_CONTEXT);
	(void)str_copy(rq->implementation, UID_SIZE,
	    ask->implementation != NULL ? ask->implementation :
	    UID_IMPLEMENTATION);
	(void)str_copy(rq->version_name, AE_SIZE, UID_VERSION_NAME);
	for (unsigned i = 0; i < ask->n_proposals; i++) {
		const struct assoc_proposal *p = &ask->proposals[i];
		struct pdu_context *c = pdu_add_context(rq,
		    (uint8_t)(2 * i + 1), p->abstract, &p->syntax, 1);
		c->has_role = p->scp;
		c->scp_role = p->scp;
	}
}

#define REJECTED_TRANSIENT 2 /* PS3.8 table 9-21 */

/* The answer in Sta5: AE-3 (AC), AE-4 (RJ), AA-8 (anything else). */
static int
take_answer(struct assoc *a, const struct assoc_pdu *pdu,
    struct pdu_associate *rq, struct err *e)
{
	struct ul_step step = ul_step(a->state, assoc_event(pdu->type));
	if (step.action == UL_AE3) {
		struct pdu_associate ac = {0};
		if (pdu_parse_associate(pdu->type, pdu->body, pdu->n, &ac,
		    e) != 0 || assoc_agree(a, rq, &ac, e) != 0) {
			pdu_associate_done(&ac);
			return assoc_broken(a, 6, e); /* invalid parameter */
		}
		a->state = step.next;
		return 0;
	}
	if (step.action == UL_AE4) {
		struct pdu_reject rj = {0};
		char text[120];
		if (pdu_parse_reject(pdu->body, pdu->n, &rj, e) != 0)
			return -1;
		(void)err_set(e, ERR_PEER, 0, "it refuses us: %s",
		    pdu_reject_text(&rj, text, sizeof(text))); /* -1 */
		/* the text says it already */
		e->sys = rj.result == REJECTED_TRANSIENT ? EBUSY : EACCES;
		return -1;
	}
	if (step.action == UL_AA3)
		return err_set(e, ERR_PEER, 0, "it aborted");
	(void)err_set(e, ERR_PEER, 0, "unexpected PDU type %d",
	    (int)pdu->type);
	return assoc_broken(a, 2, e); /* AA-8: unexpected PDU */
}

/* Send the request and take the answer: Sta4 to Sta6. */
static int
negotiate(struct assoc *a, struct pdu_associate *rq, struct err *e)
{
	int64_t deadline = clock_uptime_ns() + ASSOC_ARTIM_MS * CLOCK_MS;
	struct assoc_pdu pdu;
	buf_clear(&a->out);
	pdu_format_associate(&a->out, PDU_ASSOCIATE_RQ, rq);
	a->state = ul_step(a->state, UL_EV_CONNECTED).next;
	if (assoc_write(a, a->out.p, a->out.len, deadline, e) != 0)
		return -1;
	if (assoc_next(a, deadline, &pdu, e) == 0)
		return take_answer(a, &pdu, rq, e);
	if (e->code == ERR_PARSE)
		return assoc_broken(a, 1, e); /* unrecognised PDU */
	assoc_say_abort(a, 0, 0); /* tired of waiting */
	return -1;
}

static bool
is_stopped(void *ctx) /* sock_target.stopped */
{
	return assoc_stop_is_asked(ctx);
}

int
assoc_request(struct assoc **ret, const struct assoc_ask *ask, struct err *e)
{
	struct pdu_associate rq = {0};
	if (assoc_stop_is_asked(ask->stop))
		return err_set(e, ERR_CANCELLED, 0, "told to stop");
	struct sock_target target = {.host = ask->host, .port = ask->port,
	    .timeout_ms = ASSOC_CONNECT_MS, .stopped = is_stopped,
	    .ctx = ask->stop};
	int fd = sock_connect(&target, e);
	if (fd < 0)
		return -1;
	struct assoc *a = assoc_new(fd, UL_STA4, ask->stop);
	a->requestor = true;
	(void)snprintf(a->peer, sizeof(a->peer), "%.50s:%u", ask->host,
	    ask->port);
	propose(ask, &rq);
	int rc = negotiate(a, &rq, e);
	pdu_associate_done(&rq);
	if (rc != 0) {
		assoc_drop(&a);
		return err_prefix(e, "associate with %s at %.60s:%u",
		    ask->called, ask->host, ask->port);
	}
	*ret = a;
	return 0;
}

static int
say_release(struct assoc *a, enum pdu_type type, int64_t deadline_ns)
{
	struct err ignored; /* we leave in any case */
	buf_clear(&a->out);
	pdu_format_release(&a->out, type);
	return assoc_write(a, a->out.p, a->out.len, deadline_ns, &ignored);
}

/* A PDU while we leave, Sta7 to Sta12. True = there is more to wait for. */
static bool
leave_by(struct assoc *a, enum pdu_type type, int64_t deadline_ns)
{
	struct ul_step step = ul_step(a->state, assoc_event(type));
	switch ((int)step.action) { /* of the many, those that occur here */
	case UL_AR6: /* data on its way: nobody wants it now */
		return true;
	case UL_AR8: /* both ask at once: PS3.8 9.2.2, "collision" */
		a->state = a->requestor ? UL_STA9 : UL_STA10;
		if (!a->requestor)
			return true;
		a->state = ul_step(a->state, UL_EV_SAY_RELEASE_RP).next;
		return say_release(a, PDU_RELEASE_RP, deadline_ns) == 0;
	case UL_AR10: /* the requestor answered first: our turn */
		if (say_release(a, PDU_RELEASE_RP, deadline_ns) == 0)
			assoc_await_close(a); /* AR-4 */
		return false;
	case UL_AA8:
		assoc_say_abort(a, 2, 2); /* unexpected PDU */
		return false;
	default: /* AR-3, AA-3: answered, or aborted */
		return false;
	}
}

void
assoc_release(struct assoc **pp)
{
	struct assoc *a = *pp;
	if (a == NULL || !assoc_is_open(a)) {
		assoc_drop(pp);
		return;
	}
	int64_t deadline = clock_uptime_ns() + ASSOC_CLOSE_MS * CLOCK_MS;
	struct err e = {0};
	struct assoc_pdu pdu;
	a->state = ul_step(a->state, UL_EV_RELEASE_ASKED).next; /* Sta7 */
	a->pdvs = (struct cur){0};
	bool more = say_release(a, PDU_RELEASE_RQ, deadline) == 0;
	while (more && clock_uptime_ns() < deadline) {
		if (assoc_next(a, deadline, &pdu, &e) != 0)
			break;
		more = leave_by(a, pdu.type, deadline);
	}
	if (e.code == ERR_PARSE)
		assoc_say_abort(a, 2, 1); /* AA-8: unrecognised PDU */
	assoc_drop(pp);
}

void
assoc_break(struct assoc *a)
{
	assoc_say_abort(a, 0, 0); /* which says nothing when it is over */
}

void
assoc_abort(struct assoc **pp)
{
	if (*pp != NULL && (*pp)->fd >= 0)
		assoc_say_abort(*pp, 0, 0);
	assoc_drop(pp);
}
