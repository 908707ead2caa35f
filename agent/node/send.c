/* SPDX-License-Identifier: MIT */
/* One object to a viewer: from the file, as it came, if its digest holds. */
#include "base/log.h"
#include "base/stats.h"
#include "base/str.h"
#include "node/retrieve_priv.h"

/* Wait for the answer to our C-STORE. A viewer that cancels or releases in
 * between is taken at its word. 1 answered, 0 cancelled, -1 over. */
static int
await_answer(struct retrieval *r, uint16_t *ret_status, struct err *e)
{
	for (;;) {
		struct dimse d;
		uint8_t context = 0;
		int rc = assoc_receive(r->to, NODE_RSP_MS, &d, &context, e);
		if (rc == 0)
			return err_set(e, ERR_NET, 0, "the viewer left");
		if (rc < 0)
			return -1;
		if (d.command == DIMSE_C_STORE_RSP &&
		    d.message_id == r->message_id) {
			*ret_status = d.status;
			return 1;
		}
		if (d.command == DIMSE_C_CANCEL_RQ) {
			r->cancelled = true;
			continue; /* the answer in flight still comes */
		}
		return err_set(e, ERR_PEER, 0,
		    "want a C-STORE response, have %s",
		    dimse_command_name(d.command));
	}
}

static void
count(struct retrieval *r, uint16_t status, size_t n)
{
	if (status == DIMSE_SUCCESS) {
		r->sent++;
	} else if (dimse_is_warning(status)) {
		r->warned++;
	} else {
		r->failed++;
		return;
	}
	stats_add(STAT_OBJECTS_SERVED, 1);
	stats_add(STAT_BYTES_SERVED, (int64_t)n);
}

/* It was evicted after it was listed: its row goes before its file. */
static bool
has_left(struct retrieval *r, const struct item *it)
{
	uint64_t length = 0;
	uint32_t offset = 0;
	struct err ignored; /* then it counts as damaged */
	struct index_reader *reader = session_reader(r->s, &ignored);
	return reader != NULL && index_find_object(reader, it->object.name,
	    &length, &offset, &ignored) == 0;
}

static void
tell_damaged(struct retrieval *r, const struct item *it, const struct err *e)
{
	struct node *n = r->s->node;
	stats_add(STAT_OBJECTS_DAMAGED, 1);
	log_error("node.object.damaged", "error=%s", e->msg);
	n->ports.damaged(n->ports.ctx, it->study_uid, it->object.name,
	    e->msg);
}

int
send_item(struct retrieval *r, const struct item *it, struct err *e)
{
	uint8_t context = assoc_find(r->to, it->class_uid, it->syntax);
	if (context == 0) { /* never in another syntax than the stored one */
		r->failed++;
		r->unaccepted++;
		return 0;
	}
	struct store_map m;
	if (store_map(r->s->node->st, &it->object, true, &m, e) != 0) {
		/* what the system failed to open may be whole (EMFILE) */
		if (e->code != ERR_CORRUPT)
			log_warn("node.object.unread",
			    "error='%s' action=counted_as_failed", e->msg);
		else if (!has_left(r, it))
			tell_damaged(r, it, e);
		r->failed++;
		return 0;
	}
	struct dimse d = {.command = DIMSE_C_STORE_RQ, .has_data = true,
	    .message_id = ++r->message_id};
	(void)str_copy(d.class_uid, UID_SIZE, it->class_uid);
	(void)str_copy(d.instance_uid, UID_SIZE, it->instance_uid);
	if (r->is_move) {
		(void)str_copy(d.originator, AE_SIZE,
		    assoc_calling(r->s->a));
		d.originator_id = r->rq->message_id;
	}
	uint16_t status = 0;
	int rc = assoc_send(r->to, context, &d, m.p, m.n, e);
	if (rc == 0)
		rc = await_answer(r, &status, e) == 1 ? 0 : -1;
	if (rc == 0)
		count(r, status, m.n);
	store_unmap(&m);
	return rc;
}
