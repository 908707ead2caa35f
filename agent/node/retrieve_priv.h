/* SPDX-License-Identifier: MIT */
/* A retrieval under way: what retrieve.c and send.c share. */
#ifndef NODE_RETRIEVE_PRIV_H
#define NODE_RETRIEVE_PRIV_H

#include "node/node_priv.h"

/* an object to be sent */
struct item {
	struct store_object object;
	char study_uid[UID_SIZE], instance_uid[UID_SIZE];
	char class_uid[UID_SIZE], syntax[UID_SIZE];
};

struct retrieval {
	/* set at birth, then constant */
	struct session *s;
	const struct assoc_context *c;
	const struct dimse *rq;
	/* the list */
	struct item *items; /* owned */
	unsigned n_items, cap_items;
	unsigned absent; /* the archive lists them, they are not here */
	bool too_many;
	/* where to: the viewer's association itself, or one to its listener */
	struct assoc *to;
	bool is_move;
	uint16_t message_id; /* of the last C-STORE sent */
	/* what came of it */
	unsigned sent, warned, failed;
	unsigned unaccepted; /* of failed: the viewer does not take them */
	bool cancelled;
	int64_t told_ns; /* when the last pending answer left */
};

/* send.c [worker]: send ${it}; counts what comes of it. 0, or -1 when the
 * association to the viewer is over. */
int send_item(struct retrieval *r, const struct item *it, struct err *e);

#endif
