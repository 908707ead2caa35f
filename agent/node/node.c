/* SPDX-License-Identifier: MIT */
/* The node's life: port, workers, index readers. */
#include <limits.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "node/node_priv.h"

static void
set_peers(struct node *n, const struct node_config *c)
{
	for (unsigned i = 0; i < c->n_peers; i++) {
		struct known_peer *p = &n->peers[n->n_peers++];
		(void)str_copy(p->ae_title, AE_SIZE, c->peers[i].ae_title);
		(void)str_copy(p->host, sizeof(p->host), c->peers[i].host);
		p->port = c->peers[i].port;
		p->is_archive = c->peers[i].is_archive;
		p->push = c->peers[i].push;
	}
}

struct node *
node_start(struct loop *l, const struct node_config *c,
    const struct node_ports *ports, struct board *b, struct index *ix,
    struct store *st, struct err *e)
{
	struct node *n = mem_new(struct node);
	n->loop = l;
	n->ports = *ports;
	n->board = b;
	n->ix = ix;
	n->st = st;
	n->max_associations = c->max_associations;
	n->partial = c->partial;
	n->read_through = c->read_through;
	n->decode_program = c->decode_program;
	(void)str_copy(n->ae_title, AE_SIZE, c->ae_title);
	lock_init(&n->lock);
	set_peers(n, c);
	struct listen_ports lp = {.ctx = n, .decide = node_decide,
	    .ready = node_ready};
	/* and threads for looking names up, and for a question and a push
	 * to each viewer */
	n->pool = pool_new(l, "viewer", c->max_associations + 1 +
	    (2 + limits()->max_per_archive) * c->n_peers, e);
	if (n->pool != NULL)
		n->listener = listen_start(l, c->host, c->port, INT_MAX,
		    &lp, e);
	if (n->listener == NULL) {
		node_stop(&n);
		return NULL;
	}
	node_resolve(n);
	viewers_start(n);
	pushes_start(n);
	log_info("node.started", "ae_title=%s address=%s:%u", n->ae_title,
	    c->host, node_port(n));
	return n;
}

void
node_halt(struct node *n)
{
	pushes_stop(n);
	viewers_stop(n);
	listen_stop(n->listener);
	pool_cancel_all(n->pool);
}

void
node_stop(struct node **pp)
{
	struct node *n = *pp;
	*pp = NULL;
	if (n == NULL)
		return;
	pushes_stop(n);
	viewers_stop(n);
	if (n->listener != NULL)
		listen_stop(n->listener);
	pool_free(&n->pool);
	listen_free(&n->listener);
	for (unsigned i = 0; i < n->n_readers; i++)
		index_reader_close(&n->readers[i]);
	lock_done(&n->lock);
	mem_free(n);
}

uint16_t
node_port(const struct node *n)
{
	return listen_port(n->listener);
}
