/* SPDX-License-Identifier: MIT */
/* A worker rings, the loop looks. What is rung may arrive when the prefetch
 * has gone: the bell stays until then, and knows. */
#include <stdatomic.h>

#include "base/mem.h"
#include "prefetch/prefetch_priv.h"

struct bell {
	/* set at birth, then constant */
	struct loop *loop;
	/* owned by the loop */
	struct prefetch *p; /* NULL once it has gone */
	/* any thread */
	atomic_uint users; /* the prefetch, and each ring under way */
};

struct bell *
bell_new(struct prefetch *p)
{
	struct bell *b = mem_new(struct bell);
	b->loop = p->loop;
	b->p = p;
	atomic_init(&b->users, 1);
	return b;
}

static void
leave(struct bell *b)
{
	if (atomic_fetch_sub(&b->users, 1) == 1)
		mem_free(b);
}

static void
on_ring(void *ctx) /* loop_fn */
{
	struct bell *b = ctx;
	if (b->p != NULL && !b->p->stopping) {
		elsewhere_look(b->p);
		follow_look(b->p);
		lane_look(b->p);
	}
	leave(b);
}

void
bell_ring(struct bell *b)
{
	atomic_fetch_add(&b->users, 1);
	loop_post(b->loop, on_ring, b);
}

void
bell_stop(struct bell **pp)
{
	struct bell *b = *pp;
	*pp = NULL;
	if (b == NULL)
		return;
	b->p = NULL;
	leave(b);
}
