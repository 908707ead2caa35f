/* SPDX-License-Identifier: MIT
 *
 * node: the DICOM node that viewers talk to: C-ECHO, C-FIND, C-GET, C-MOVE,
 * and C-STORE for what we asked an archive to send.
 * Started and stopped on the loop; associations at work run on workers.
 * Owns its port and its index readers. Never serves an object whose digest
 * does not hold; of a study that is not ready only what comes by
 * read-through, or what is here if told `partial`, and never as success
 * unless all of it was sent; nothing of one that is held back.
 */
#ifndef NODE_NODE_H
#define NODE_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/uid.h"
#include "dicom/assoc.h"
#include "index/index.h"
#include "model/board.h"
#include "run/loop.h"
#include "run/pool.h"
#include "store/store.h"
#include "wire/attrs.h"

#define NODE_PEERS_MAX 32 /* viewers and archives */

struct node;
struct follow; /* prefetch's: a study on its way, as a viewer sees it */

/* What an archive says it has: the attributes of one entity, without level.
 */
typedef void node_answer_fn(void *ctx, const struct attrs *answer);

struct node_peer {
	const char *ae_title;
	const char *host; /* address or name; resolved on a worker */
	uint16_t port; /* a viewer's listener */
	bool is_archive; /* may C-STORE what was asked for; else a viewer */
	bool push; /* a viewer: gets the studies of each case that is ready */
};

struct node_config {
	const char *ae_title;
	const char *host;
	uint16_t port; /* 0 = any free one */
	unsigned max_associations;
	bool partial; /* list studies that are not ready */
	bool read_through; /* ask and fetch what is not here */
	const char *decode_program; /* path of understudy-decode */
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
	/* [worker] What is not here; all of it is as prefetch.h says of
	 * prefetch_elsewhere, prefetch_completes and prefetch_follow. */
	void (*elsewhere)(void *ctx, const struct attrs *keys,
	    node_answer_fn *fn, void *fn_ctx);
	bool (*completes)(void *ctx, const char *study_uid);
	/* [worker] Whether the study is held back (STUDY_HELD): then it is
	 * neither listed nor sent, told `partial` or not. */
	bool (*withheld)(void *ctx, const char *study_uid);
	struct follow *(*follow)(void *ctx, const char *study_uid,
	    struct err *e);
	int (*follow_next)(void *ctx, struct follow *f, int64_t wait_ms,
	    struct store_item *ret, struct err *e);
	unsigned (*follow_listed)(void *ctx, struct follow *f);
	void (*follow_end)(void *ctx, struct follow **pp);
	/* [loop] Whether that archive has been asked to send (C-MOVE). */
	bool (*expects)(void *ctx, const char *calling);
	/* [loop] Somebody was turned away. */
	void (*refused)(void *ctx, const char *calling, const char *peer,
	    const char *reason, const char *remedy);
	/* [loop] The board, or what is known of a viewer, has changed. */
	void (*changed)(void *ctx);
};

/* Listen. ${b}, ${ix} and ${st} are borrowed; the last two may be used on any
 * thread. */
struct node *node_start(struct loop *l, const struct node_config *c,
    const struct node_ports *ports, struct board *b, struct index *ix,
    struct store *st, struct err *e);
/* Close the port and ask what is at work to end, without waiting. */
void node_halt(struct node *n);
/* Refuse newcomers, end what is at work, wait for it. */
void node_stop(struct node **pp);
uint16_t node_port(const struct node *n);

/* [any] So many more objects of this class are held in this syntax: what to
 * prefer when a viewer offers several in one context. */
void node_learn(struct node *n, const char *class_uid, const char *syntax,
    unsigned times);

/* [loop] The board has changed: push what is due to viewers that want it. */
void node_look(struct node *n);

/* What is known of viewer ${i} of the configuration's peers: its listener
 * is asked by C-ECHO once a minute, each 10 s while it does not answer.
 * Borrowed. [loop] */
enum viewer_state { VIEWER_UNKNOWN, VIEWER_UP, VIEWER_DOWN };
struct viewer_health {
	enum viewer_state state;
	int64_t last_ok_utc; /* 0 = never */
	char last_error[240];
};
const struct viewer_health *node_viewer(const struct node *n, unsigned i);

#endif
