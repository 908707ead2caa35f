/* SPDX-License-Identifier: MIT */
/* An archive made of bytes: it accepts every context, sends what it is told
 * on a thread of its own, and writes down what it is answered. */
#ifndef TESTS_PREFETCH_PEER_H
#define TESTS_PREFETCH_PEER_H

#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/sock.h"
#include "base/str.h"
#include "wire/dimse.h"
#include "wire/pdu.h"

#define PEER_MESSAGES_MAX 4
#define PEER_PIECE 16384 /* bytes of a PDV */

struct peer_message {
	struct dimse rq;
	uint8_t context;
	const uint8_t *set;
	size_t n;
	bool leave; /* hang up half way through the data set */
};

struct peer {
	/* set before the thread starts */
	int listen_fd;
	struct peer_message messages[PEER_MESSAGES_MAX];
	unsigned n;
	/* written by the thread, read after it has ended */
	uint16_t statuses[PEER_MESSAGES_MAX];
	char instances[PEER_MESSAGES_MAX][UID_SIZE];
	unsigned n_answers;
	bool released; /* the end was an orderly one */
	pthread_t thread;
};

static inline bool
peer_read(int fd, uint8_t *p, size_t n)
{
	while (n > 0) {
		ssize_t k = read(fd, p, n);
		if (k <= 0)
			return false;
		p += k;
		n -= (size_t)k;
	}
	return true;
}

static inline bool
peer_write(int fd, const uint8_t *p, size_t n)
{
	while (n > 0) {
		ssize_t k = write(fd, p, n);
		if (k <= 0)
			return false;
		p += k;
		n -= (size_t)k;
	}
	return true;
}

/* One PDU: its type, 0 at the end; the body in ${b}. */
static inline unsigned
peer_pdu(int fd, struct buf *b)
{
	uint8_t head[PDU_HEAD];
	enum pdu_type type;
	uint32_t n = 0;
	struct err e;
	buf_clear(b);
	if (!peer_read(fd, head, sizeof(head)) ||
	    pdu_parse_head(head, &type, &n, &e) != 0)
		return 0;
	buf_fill(b, 0, n);
	return peer_read(fd, b->p, n) ? (unsigned)type : 0;
}

static inline bool
peer_accept(int fd, struct buf *b)
{
	struct pdu_associate rq = {0}, ac = {.max_pdu = PEER_PIECE};
	struct err e;
	if (peer_pdu(fd, b) != PDU_ASSOCIATE_RQ ||
	    pdu_parse_associate(PDU_ASSOCIATE_RQ, b->p, b->len, &rq, &e) != 0)
		return false;
	(void)str_copy(ac.called, AE_SIZE, rq.called); /* same size */
	(void)str_copy(ac.calling, AE_SIZE, rq.calling);
	for (unsigned i = 0; i < rq.n_contexts; i++) {
		const char *syntax = pdu_syntax(&rq, &rq.contexts[i], 0);
		(void)pdu_add_context(&ac, rq.contexts[i].id, NULL, &syntax,
		    1);
	}
	buf_clear(b);
	pdu_format_associate(b, PDU_ASSOCIATE_AC, &ac);
	pdu_associate_done(&rq);
	pdu_associate_done(&ac);
	return peer_write(fd, b->p, b->len);
}

static inline bool
peer_pdv(int fd, uint8_t context, bool is_command, bool last,
    const struct cur *piece)
{
	uint8_t head[PDU_HEADROOM];
	pdu_format_pdv_head(head, context, is_command, last,
	    (uint32_t)piece->len);
	return peer_write(fd, head, sizeof(head)) &&
	    peer_write(fd, piece->p, piece->len);
}

static inline bool
peer_send(int fd, const struct peer_message *m, struct buf *b)
{
	buf_clear(b);
	dimse_format(b, &m->rq);
	struct cur piece = cur_of(b->p, b->len);
	bool ok = peer_pdv(fd, m->context, true, true, &piece);
	size_t all = m->leave ? m->n / 2 : m->n;
	for (size_t at = 0; at < all && ok; at += piece.len) {
		size_t left = all - at;
		piece = cur_of(m->set + at, left < PEER_PIECE ? left :
		    PEER_PIECE);
		ok = peer_pdv(fd, m->context, false,
		    at + piece.len == m->n, &piece);
	}
	return ok && !m->leave;
}

static inline bool
peer_answer(int fd, struct peer *p, struct buf *b)
{
	struct pdv v;
	struct dimse d;
	struct err e;
	if (peer_pdu(fd, b) != PDU_DATA)
		return false;
	struct cur c = cur_of(b->p, b->len);
	if (pdu_next_pdv(&c, &v, &e) != 1 ||
	    dimse_parse(v.p, v.n, &d, &e) != 0)
		return false;
	p->statuses[p->n_answers] = d.status;
	(void)str_copy(p->instances[p->n_answers++], UID_SIZE,
	    d.instance_uid);
	return d.command == DIMSE_C_STORE_RSP;
}

static inline void *
peer_run(void *ctx)
{
	struct peer *p = ctx;
	struct buf b;
	buf_init(&b, PDU_DATA_MAX);
	struct timeval limit = {.tv_sec = 20}; /* a lost test must end */
	(void)sock_wait(p->listen_fd, false, clock_uptime_ns() +
	    limit.tv_sec * CLOCK_S); /* accept tells */
	int fd = accept(p->listen_fd, NULL, NULL);
	(void)fcntl(fd, F_SETFL, 0); /* some systems inherit non-blocking */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	bool ok = fd >= 0 && peer_accept(fd, &b);
	for (unsigned i = 0; i < p->n && ok; i++)
		ok = peer_send(fd, &p->messages[i], &b) &&
		    peer_answer(fd, p, &b);
	if (ok && peer_pdu(fd, &b) == PDU_RELEASE_RQ) {
		buf_clear(&b);
		pdu_format_release(&b, PDU_RELEASE_RP);
		p->released = peer_write(fd, b.p, b.len);
	}
	sock_close(&fd);
	buf_done(&b);
	return NULL;
}

#endif
