/* SPDX-License-Identifier: MIT
 *
 * node: the DICOM node that viewers talk to: C-ECHO, C-FIND, C-GET, C-MOVE,
 * and C-STORE for what we asked an archive to send.
 * Started and stopped on the loop; associations at work run on workers.
 * Owns its port and its index readers. Never serves an object whose digest
 * does not hold, nor a study that is not ready (unless told `partial`).
 */
#ifndef NODE_NODE_H
#define NODE_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/uid.h"
#include "dicom/assoc.h"
#include "index/index.h"
#include "run/loop.h"
#include "run/pool.h"
#include "store/store.h"

#define NODE_PEERS_MAX 32 /* viewers and archives */
#define NODE_IDLE_MS 300000 /* an idle association is aborted then */

struct node;

struct node_peer {
	const char *ae_title;
	const char *host; /* address or name; resolved on a worker */
	uint16_t port; /* a viewer's listener */
	bool is_archive; /* may C-STORE what was asked for; else a viewer */
};

struct node_config {
	const char *ae_title;
	const char *host;
	uint16_t port; /* 0 = any free one */
	unsigned max_associations;
	bool partial; /* list studies that are not ready */
	struct node_peer peers[NODE_PEERS_MAX];
	unsigned n_peers;
};

/* what an incoming object is, before its data set */
struct node_incoming {
	const char *calling;
	const char *class_uid, *instance_uid, *syntax;
};

struct node_ports {
	void *ctx;
	/* [worker] A study is being served: it must not be evicted until
	 * released. */
	void (*hold)(void *ctx, const char *study_uid);
	void (*release)(void *ctx, const char *study_uid);
	/* [worker] An object's file is missing or damaged. */
	void (*damaged)(void *ctx, const char *study_uid,
	    const uint8_t name[STORE_NAME_BYTES], const char *why);
	/* [worker] Take an object that an open ticket expects: receive its
	 * data set from ${a} and answer with a DIMSE status; -1 when the
	 * association is over. */
	int (*take)(void *ctx, struct assoc *a, const struct node_incoming *in,
	    uint16_t *ret_status, struct err *e);
	/* [loop] Whether that archive has been asked to send (C-MOVE). */
	bool (*expects)(void *ctx, const char *calling);
	/* [loop] Somebody was turned away. */
	void (*refused)(void *ctx, const char *calling, const char *peer,
	    const char *reason, const char *remedy);
};

/* Listen. ${ix} and ${st} are borrowed and may be used on any thread. */
struct node *node_start(struct loop *l, const struct node_config *c,
    const struct node_ports *ports, struct index *ix, struct store *st,
    struct err *e);
/* Close the port and ask what is at work to end, without waiting. */
void node_halt(struct node *n);
/* Refuse newcomers, end what is at work, wait for it. */
void node_stop(struct node **pp);
uint16_t node_port(const struct node *n);

/* [any] An object of this class is held in this syntax: what to prefer when
 * a viewer offers several in one context. */
void node_learn(struct node *n, const char *class_uid, const char *syntax);

#endif
