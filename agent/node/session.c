/* SPDX-License-Identifier: MIT */
/* An association at work: on a worker from its first command until it falls
 * silent, then home to the loop. */
#include <stddef.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "node/node_priv.h"

bool
session_partial(const struct session *s)
{
	return s->node->partial && !assoc_is_agent(s->a);
}

bool
session_reads_through(const struct session *s)
{
	return s->node->read_through && !assoc_is_agent(s->a);
}

struct index_reader *
session_reader(struct session *s, struct err *e)
{
	struct node *n = s->node;
	if (s->reader != NULL)
		return s->reader;
	lock_acquire(&n->lock);
	if (n->n_readers > 0)
		s->reader = n->readers[--n->n_readers];
	lock_release(&n->lock);
	if (s->reader == NULL)
		s->reader = index_reader_open(n->ix, e);
	return s->reader;
}

static void
give_reader_back(struct session *s)
{
	struct node *n = s->node;
	if (s->reader == NULL)
		return;
	lock_acquire(&n->lock);
	if (n->n_readers < NODE_READERS_MAX) {
		n->readers[n->n_readers++] = s->reader;
		s->reader = NULL;
	}
	lock_release(&n->lock);
	index_reader_close(&s->reader);
}

int
session_answer(struct session *s, uint8_t context, const struct dimse *rq,
    uint16_t status, const char *comment, struct err *e)
{
	struct dimse rsp = dimse_response(rq, status);
	(void)str_copy(rsp.comment, sizeof(rsp.comment), comment);
	return assoc_send(s->a, context, &rsp, NULL, 0, e);
}

int
session_cancelled(struct session *s, uint16_t message_id, struct err *e)
{
	struct dimse d;
	uint8_t context = 0;
	int rc = assoc_receive(s->a, 0, &d, &context, e);
	if (rc < 0)
		return e->code == ERR_TIMEOUT && assoc_is_open(s->a) ? 0 : -1;
	if (rc == 0)
		return err_set(e, ERR_NET, 0, "the viewer left");
	return d.command == DIMSE_C_CANCEL_RQ && d.message_id == message_id;
}

/* Take and throw away the data set of a command that we do not serve. */
static int
drain(void *ctx, const void *p, size_t n, struct err *e) /* assoc_sink_fn */
{
	(void)ctx; /* nothing is kept */
	(void)p;
	(void)n;
	(void)e;
	return 0;
}

static int
refuse(struct session *s, const struct assoc_context *c,
    const struct dimse *rq, struct err *e)
{
	if (rq->has_data &&
	    assoc_receive_data(s->a, ASSOC_PDU_MS, drain, NULL, e) != 0)
		return -1;
	if (!dimse_is_request(rq) || rq->command == DIMSE_C_CANCEL_RQ)
		return 0; /* late answers and cancels: nothing to say */
	return session_answer(s, c->id, rq, DIMSE_UNRECOGNISED,
	    "not served here", e);
}

/* One request by (command, kind of context). */
static int
serve(struct session *s, uint8_t context, const struct dimse *rq,
    struct err *e)
{
	struct assoc_context c;
	if (!assoc_context(s->a, context, &c))
		return err_set(e, ERR_PEER, 0, "unknown context");
	bool qr = str_starts(c.abstract, CLASS_QUERY_RETRIEVE);
	if (rq->command == DIMSE_C_ECHO_RQ)
		return session_answer(s, context, rq, DIMSE_SUCCESS, "", e);
	if (rq->command == DIMSE_C_FIND_RQ && qr && rq->has_data)
		return node_find(s, &c, rq, e);
	if ((rq->command == DIMSE_C_GET_RQ ||
	    rq->command == DIMSE_C_MOVE_RQ) && qr && rq->has_data)
		return node_retrieve(s, &c, rq, e);
	if (rq->command == DIMSE_C_STORE_RQ && rq->has_data)
		return node_store(s, &c, rq, e);
	return refuse(s, &c, rq, e);
}

static void
session_work(struct job *j) /* job_fn, worker */
{
	struct session *s = (struct session *)j;
	struct err e = {0};
	int64_t wait_ms = ASSOC_PDU_MS; /* something has arrived */
	while (!atomic_load(&j->cancelled) && assoc_is_open(s->a)) {
		struct dimse rq;
		uint8_t context = 0;
		int rc = assoc_receive(s->a, wait_ms, &rq, &context, &e);
		if (rc == 1)
			rc = serve(s, context, &rq, &e);
		else if (rc == 0)
			break;
		if (rc < 0) {
			if (e.code != ERR_TIMEOUT || !assoc_is_open(s->a))
				log_debug("node.session.end",
				    "peer=%s reason=%s", assoc_peer(s->a),
				    e.msg);
			break;
		}
		wait_ms = NODE_NEXT_MS;
	}
	give_reader_back(s);
}

static void
session_done(struct job *j) /* job_fn, loop */
{
	struct session *s = (struct session *)j;
	struct node *n = s->node;
	assoc_set_stop(s->a, NULL);
	assoc_stop_done(&s->stop);
	assoc_stop_done(&s->move_stop);
	listen_return(n->listener, s->a);
	mem_free(s);
}

static void
session_stop(struct job *j) /* job_fn, loop */
{
	struct session *s = (struct session *)j;
	assoc_stop_ask(&s->stop);
	assoc_stop_ask(&s->move_stop);
}

void
node_ready(void *ctx, struct assoc *take)
{
	struct node *n = ctx;
	struct session *s = mem_new(struct session);
	s->job = (struct job){.work = session_work, .done = session_done,
	    .stop = session_stop};
	s->node = n;
	s->a = take;
	assoc_stop_init(&s->stop);
	assoc_stop_init(&s->move_stop);
	assoc_set_stop(take, &s->stop);
	pool_submit(n->pool, &s->job);
}
