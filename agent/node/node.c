/* SPDX-License-Identifier: MIT */
/* The node's life: port, workers, index readers. */
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
	}
}

struct node *
node_start(struct loop *l, const struct node_config *c,
    const struct node_ports *ports, struct index *ix, struct store *st,
    struct err *e)
{
	struct node *n = mem_new(struct node);
	n->loop = l;
	n->ports = *ports;
	n->ix = ix;
	n->st = st;
	n->max_associations = c->max_associations;
	n->partial = c->partial;
	(void)str_copy(n->ae_title, AE_SIZE, c->ae_title);
	lock_init(&n->lock);
	set_peers(n, c);
	struct listen_ports lp = {.ctx = n, .decide = node_decide,
	    .ready = node_ready};
	/* one more thread, for looking names up */
	n->pool = pool_new(l, "viewer", c->max_associations + 1, e);
	if (n->pool != NULL)
		n->listener = listen_start(l, c->host, c->port, NODE_IDLE_MS,
		    &lp, e);
	if (n->listener == NULL) {
		node_stop(&n);
		return NULL;
	}
	node_resolve(n);
	log_info("node.started", "ae_title=%s address=%s:%u", n->ae_title,
	    c->host, node_port(n));
	return n;
}

void
node_halt(struct node *n)
{
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
