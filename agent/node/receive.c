/* SPDX-License-Identifier: MIT */
/* C-STORE towards us: only what an open ticket expects (PS3.4 B.2). */
#include "base/stats.h"
#include "base/str.h"
#include "node/node_priv.h"

int
node_store(struct session *s, const struct assoc_context *c,
    const struct dimse *rq, struct err *e)
{
	struct node *n = s->node;
	uint16_t status = DIMSE_NOT_AUTHORISED;
	struct node_incoming in = {
	    .calling = assoc_calling(s->a),
	    .class_uid = rq->class_uid,
	    .instance_uid = rq->instance_uid,
	    .syntax = c->syntax,
	};
	if (n->ports.take(n->ports.ctx, s->a, &in, &status, e) != 0)
		return -1;
	struct dimse rsp = dimse_response(rq, status);
	(void)str_copy(rsp.instance_uid, UID_SIZE, rq->instance_uid);
	return assoc_send(s->a, c->id, &rsp, NULL, 0, e);
}
