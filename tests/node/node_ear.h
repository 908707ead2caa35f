/* SPDX-License-Identifier: MIT
 *
 * node_ear: a viewer's listener on a thread of its own, for C-MOVE and
 * pushes: it takes what is sent, breaks off when told to, and remembers.
 */
#ifndef TESTS_NODE_NODE_EAR_H
#define TESTS_NODE_NODE_EAR_H

#include <fcntl.h>

#include "../dicom/assoc_peer.h"

#define J2K "1.2.840.10008.1.2.4.90"

/* The viewer's listener, for C-MOVE. */
struct ear {
	int fd;
	uint16_t port;
	atomic_bool over;
	/* set before the thread starts */
	bool refuses_j2k;
	unsigned break_after; /* objects of each association; 0 never */
	/* what it saw */
	char got[2048];
	unsigned n_got, n_assocs, n_contexts;
	pthread_t thread;
};

static inline int
drop_bytes(void *ctx, const void *p, size_t n, struct err *e)
{ /* assoc_sink_fn */
	(void)ctx;
	(void)p;
	(void)n;
	(void)e;
	return 0;
}

static inline void
note(char *got, size_t size, unsigned *n, const char *uid)
{
	size_t k = strlen(got);
	(void)snprintf(got + k, size - k, "%s%s", k > 0 ? " " : "", uid);
	(*n)++;
}

static inline struct assoc *
ear_accept(struct ear *r)
{
	static const char *const plain = EXPLICIT_LE;
	struct pdu_associate rq = {0}, ac = {.version = 1, .max_pdu = 16384};
	struct buf b;
	struct err e;
	struct assoc *a = NULL;
	uint8_t head[PDU_HEAD];
	enum pdu_type type;
	uint32_t n = 0;
	int fd = accept(r->fd, NULL, NULL);
	buf_init(&b, PDU_ASSOCIATE_MAX);
	(void)fcntl(fd, F_SETFL, 0); /* some systems inherit non-blocking */
	if (recv(fd, head, sizeof(head), MSG_WAITALL) != PDU_HEAD ||
	    pdu_parse_head(head, &type, &n, &e) != 0)
		goto out;
	buf_fill(&b, 0, n);
	if (recv(fd, b.p, n, MSG_WAITALL) != (ssize_t)n ||
	    pdu_parse_associate(type, b.p, n, &rq, &e) != 0)
		goto out;
	(void)str_copy(ac.called, AE_SIZE, rq.called); /* same size */
	(void)str_copy(ac.calling, AE_SIZE, rq.calling);
	r->n_contexts = rq.n_contexts;
	for (unsigned i = 0; i < rq.n_contexts; i++) {
		const char *syntax = pdu_syntax(&rq, &rq.contexts[i], 0);
		bool bad = r->refuses_j2k && str_eq(syntax, J2K);
		struct pdu_context *c = pdu_add_context(&ac,
		    rq.contexts[i].id, NULL, bad ? &plain : &syntax, 1);
		c->result = bad ? PDU_CONTEXT_NO_SYNTAX : PDU_CONTEXT_ACCEPTED;
	}
	buf_clear(&b);
	pdu_format_associate(&b, PDU_ASSOCIATE_AC, &ac);
	if (!raw_write(fd, &b))
		goto out;
	sock_setup(fd);
	a = assoc_new(fd, UL_STA6, NULL);
	fd = -1; /* a owns it now */
	if (assoc_agree(a, &rq, &ac, &e) != 0)
		assoc_drop(&a);
out:
	sock_close(&fd);
	buf_done(&b);
	return a;
}

static inline void
ear_serve(struct ear *r, struct assoc *a)
{
	struct dimse d;
	struct err e;
	uint8_t context = 0;
	unsigned n = 0;
	r->n_assocs++;
	while (assoc_receive(a, 20000, &d, &context, &e) == 1 &&
	    assoc_receive_data(a, 10000, drop_bytes, NULL, &e) == 0) {
		if (r->break_after > 0 && n == r->break_after)
			break;
		n++;
		note(r->got, sizeof(r->got), &r->n_got, d.instance_uid);
		struct dimse rsp = dimse_response(&d, DIMSE_SUCCESS);
		if (assoc_send(a, context, &rsp, NULL, 0, &e) != 0)
			break;
	}
	assoc_drop(&a);
}

static inline void *
ear_run(void *ctx)
{
	struct ear *r = ctx;
	while (!atomic_load(&r->over)) {
		struct pollfd p = {.fd = r->fd, .events = POLLIN};
		if (poll(&p, 1, 20) != 1)
			continue;
		struct assoc *a = ear_accept(r);
		if (a != NULL)
			ear_serve(r, a);
	}
	return NULL;
}

#endif
