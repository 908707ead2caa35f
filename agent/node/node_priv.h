/* SPDX-License-Identifier: MIT */
/* What the node's files share. */
#ifndef NODE_NODE_PRIV_H
#define NODE_NODE_PRIV_H

#include "base/limits.h"
#include "base/lock.h"
#include "dicom/listen.h"
#include "node/node.h"
#include "wire/attrs.h"
#include "wire/classes.h"
#include "wire/match.h"

#define NODE_LEARNT_MAX 256 /* (class, syntax) pairs remembered */
#define NODE_READERS_MAX 64 /* index connections kept for reuse */
#define NODE_RSP_MS 60000 /* a viewer may take this long over an object */
#define NODE_NEXT_MS 500 /* an association stays on its worker this long */
#define NODE_OBJECTS_MAX (limits()->objects) /* of one retrieval */

struct learnt {
	char class_uid[UID_SIZE], syntax[UID_SIZE];
	unsigned n;
};

struct known_peer {
	char ae_title[AE_SIZE];
	char host[256];
	uint16_t port;
	bool is_archive, push;
	char address[8][SOCK_ADDR_SIZE]; /* without port */
	unsigned n_addresses;
};

struct session;

struct node {
	/* set at birth, then constant */
	struct loop *loop;
	struct node_ports ports;
	struct board *board; /* the loop's */
	struct index *ix;
	struct store *st;
	const char *decode_program;
	char ae_title[AE_SIZE];
	unsigned max_associations;
	bool partial, read_through;
	/* owned by the loop */
	struct listener *listener;
	struct pool *pool;
	struct pushes *pushes; /* push.c */
	struct viewers *viewers; /* viewers.c */
	bool resolving;
	int64_t resolved_utc;
	/* shared, under lock */
	struct lock lock;
	struct known_peer peers[NODE_PEERS_MAX];
	unsigned n_peers;
	struct learnt learnt[NODE_LEARNT_MAX];
	unsigned n_learnt;
	struct index_reader *readers[NODE_READERS_MAX];
	unsigned n_readers;
};

/* One association at work. */
struct session {
	struct job job; /* first */
	struct node *node;
	struct assoc *a;
	struct assoc_stop stop;
	struct assoc_stop move_stop; /* of a C-MOVE's own association */
	struct index_reader *reader; /* taken when first needed */
};

/* access.c, on the loop: listen_ports.decide */
bool node_decide(void *ctx, const struct listen_caller *c,
    struct pdu_associate *ac, struct pdu_reject *rj);
/* Look up the addresses of all peers, on a worker, when not done lately. */
void node_resolve(struct node *n);
/* The viewer that a C-MOVE names: false when unknown. [worker] */
bool node_destination(struct node *n, const struct assoc *a,
    const char *ae_title, struct known_peer *ret);

/* session.c, on the loop: listen_ports.ready */
void node_ready(void *ctx, struct assoc *take);
/* [worker] This session's index connection, NULL with ${e}. */
struct index_reader *session_reader(struct session *s, struct err *e);
/* Not for an agent like this one: it would take what is here for all there
 * is, and ask in circles. */
bool session_partial(const struct session *s);
bool session_reads_through(const struct session *s);
/* [worker] Send a response without data. */
int session_answer(struct session *s, uint8_t context,
    const struct dimse *rq, uint16_t status, const char *comment,
    struct err *e);
/* [worker] Between answers: has the peer cancelled ${message_id}? 1 yes, 0
 * no, -1 the association is over. */
int session_cancelled(struct session *s, uint16_t message_id, struct err *e);

/* find.c, retrieve.c, receive.c [worker]: serve one request whose command
 * was just received; -1 when the association is over. */
int node_find(struct session *s, const struct assoc_context *c,
    const struct dimse *rq, struct err *e);
int node_retrieve(struct session *s, const struct assoc_context *c,
    const struct dimse *rq, struct err *e);
int node_store(struct session *s, const struct assoc_context *c,
    const struct dimse *rq, struct err *e);

/* find.c [worker]: whether a study that is not ready is shown to viewers, and
 * sent as far as it is here or comes. */
bool node_shows(const struct session *s, const char *study_uid);

/* query.c: an identifier as an index selection; pure. */
struct query {
	struct attrs keys; /* owned */
	struct index_select sel; /* borrows from here and ${keys} */
	char *lists; /* owned: UID lists, NUL between */
	const char **uids; /* owned */
	char from[9], to[9];
};
/* Receive and read the identifier that follows ${rq}. 0 = ${q} is filled
 * (query_done it); 1 = refused, answer with ${ret_status}; -1 = over. */
int query_receive(struct session *s, const struct assoc_context *c,
    struct query *q, uint16_t *ret_status, struct err *e);
/* The same from attributes that were read already (tests). */
int query_read(struct query *q, const char *class_uid, uint16_t *ret_status,
    struct err *e);
/* Whether a UID key was given that has no UID in it: a search finds nothing,
 * a retrieval was refused. */
bool query_names_nothing(const struct index_select *sel);
void query_done(struct query *q);

/* viewers.c, push.c, on the loop: begin, end; of a node half started too.
 */
void viewers_start(struct node *n);
void viewers_stop(struct node *n);
void pushes_start(struct node *n);
void pushes_stop(struct node *n);

#endif
