/* SPDX-License-Identifier: MIT */
/* A retrieval or a push under way: what retrieve.c, order.c, move.c,
 * through.c, send.c and push.c share.
 */
#ifndef NODE_RETRIEVE_PRIV_H
#define NODE_RETRIEVE_PRIV_H

#include "node/node_priv.h"
#include "node/send.h"
#include "node/uids.h"

#define FAILED_UIDS_MAX 65534 /* bytes: an Explicit VR length; a longer list
                               * is left out of the answer */

/* UIDs that the request names, and which of them were found. */
struct named {
	struct uids uids;
	unsigned n; /* as many as it names; 0: any */
	bool *found; /* owned, one each of ${uids} */
	unsigned n_found;
};

struct retrieval {
	/* set at birth, then constant */
	struct node *node;
	struct session *s; /* of the viewer that asked; NULL: a push */
	const struct assoc_context *c; /* of its request */
	const struct dimse *rq; /* its request; NULL: a push */
	const struct index_select *sel; /* what it names; NULL: a push */
	atomic_bool *stopping; /* look at it between two objects */
	/* the list */
	struct store_item *items; /* owned */
	unsigned n_items, cap_items;
	unsigned at; /* the next of them */
	unsigned absent; /* the archive lists them, they are not here */
	unsigned followed; /* given by studies on their way, beyond ${items} */
	unsigned awaited; /* more that will be, of the one being followed */
	unsigned later; /* of studies that come after, as far as known */
	struct named series, instances;
	bool too_many;
	bool cut_short; /* an archive did not send the rest */
	/* where to: the viewer's association itself, or one to its listener */
	struct assoc *to;
	bool is_move;
	struct route *route; /* of a C-MOVE, owned, move.c */
	struct sender *sender; /* owned: buffers, a decoder once needed */
	uint16_t message_id; /* of the last C-STORE sent */
	/* what came of it */
	unsigned sent, warned, failed;
	unsigned unaccepted; /* of failed: the viewer does not take them */
	struct buf failed_uids; /* '\\' between: (0008,0058), PS3.4 C.4.3.1.3 */
	bool cancelled;
	int64_t told_ns; /* when the last pending answer left */
	unsigned told_done; /* how many were done then */
};

/* retrieve.c: send one object, by whichever way; it is counted. -1 when the
 * viewer that asked is gone. */
int retrieval_give(struct retrieval *r, const struct store_item *it,
    const struct store_item *next, struct err *e);
/* A pending answer when one is due; a look at the viewer's association, for
 * C-CANCEL and its end, when that is not being read anyway or ${waiting}.
 * -1 when it is over or we stop. */
int retrieval_look(struct retrieval *r, bool waiting, struct err *e);
/* Whether the request names ${it} (then that is noted); its study fits. */
bool retrieval_names(struct retrieval *r, const struct store_item *it);

/* order.c: objects in the order of use: studies as they come, series by
 * number with the localisers last, instances by number. */
struct listing {
	struct retrieval *r;
	struct store_item *late; /* owned: localisers of this study */
	unsigned n_late, cap_late;
	char study_uid[UID_SIZE], series_uid[UID_SIZE];
	bool is_late, is_shown;
};
/* Add a row of INDEX_INSTANCE; false when there are too many. */
bool listing_row(void *ctx, const struct index_row *row); /* index_row_fn */
/* Add what was kept back; releases. */
void listing_done(struct listing *l);

/* move.c: the association to the viewer's listener. */
struct route;
struct route *route_new(const struct known_peer *dest);
/* Release the association, free the rest. */
void route_free(struct retrieval *r);
/* Send ${it} over it, opening it when it is not open or does not propose
 * what ${it} needs; it is counted. -1 when we stop. */
int route_give(struct retrieval *r, const struct store_item *it,
    const struct store_item *next, struct err *e);
/* Nothing to send just now: not held open for long. */
void route_rest(struct retrieval *r);
/* Why nothing more can be sent, or NULL. */
const char *route_broken(const struct retrieval *r);

/* through.c: a study that is not ready, as it comes. 1 it was followed and
 * its absent ones are counted, 0 it cannot be now, -1 the viewer is gone. */
int through_study(struct retrieval *r, const char *study_uid, struct err *e);

#endif
