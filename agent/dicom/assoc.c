/* SPDX-License-Identifier: MIT */
/* An association's socket, buffer and end. */
#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "dicom/assoc_priv.h"

#define SPIN_NS (50 * CLOCK_MS / 1000) /* about what a sleep would cost */
#define SPIN_MAX 500 /* looks in that time at most */
#define SPIN_PATIENCE 15 /* waits without, after one that was in vain */

void
assoc_stop_init(struct assoc_stop *s)
{
	lock_init(&s->lock);
	s->fd = -1;
	s->asked = false;
}

void
assoc_stop_done(struct assoc_stop *s)
{
	lock_done(&s->lock);
}

void
assoc_stop_ask(struct assoc_stop *s)
{
	lock_acquire(&s->lock);
	s->asked = true;
	/* wakes poll and recv of the owner, who closes it */
	if (s->fd >= 0)
		(void)shutdown(s->fd, SHUT_RDWR); /* closed already is fine */
	lock_release(&s->lock);
}

bool
assoc_stop_is_asked(struct assoc_stop *s)
{
	if (s == NULL)
		return false;
	lock_acquire(&s->lock);
	bool asked = s->asked;
	lock_release(&s->lock);
	return asked;
}

void
assoc_set_stop(struct assoc *a, struct assoc_stop *stop)
{
	if (a->stop != NULL) {
		lock_acquire(&a->stop->lock);
		a->stop->fd = -1;
		lock_release(&a->stop->lock);
	}
	a->stop = stop;
	if (stop == NULL)
		return;
	lock_acquire(&stop->lock);
	stop->fd = a->fd;
	if (stop->asked && a->fd >= 0)
		(void)shutdown(a->fd, SHUT_RDWR); /* asked before we came */
	lock_release(&stop->lock);
}

struct assoc *
assoc_new(int take_fd, enum ul_state state, struct assoc_stop *stop)
{
	struct assoc *a = mem_new(struct assoc);
	a->fd = take_fd;
	a->spent = -1;
	a->state = state;
	a->peer_max = PDU_DATA_MAX;
	buf_init(&a->out, PDU_ASSOCIATE_MAX);
	assoc_set_stop(a, stop);
	return a;
}

void
assoc_close(struct assoc *a)
{
	if (a->stop != NULL) {
		lock_acquire(&a->stop->lock);
		a->stop->fd = -1;
		lock_release(&a->stop->lock);
	}
	if (a->fd >= 0) {
		(void)shutdown(a->fd, SHUT_RDWR); /* closed already is fine */
		a->spent = a->fd;
		a->fd = -1;
	}
	a->state = UL_STA1;
}

void
assoc_drop(struct assoc **pp)
{
	struct assoc *a = *pp;
	*pp = NULL;
	if (a == NULL)
		return;
	assoc_close(a);
	sock_close(&a->spent);
	assoc_set_stop(a, NULL);
	pdu_associate_done(&a->agreed);
	buf_done(&a->out);
	mem_free(a->in);
	mem_free(a);
}

/* Room for at least one more byte, and for all of a begun PDU. */
static void
make_room(struct assoc *a)
{
	if (a->in_at == a->in_len && cur_left(&a->pdvs) == 0)
		a->in_at = a->in_len = 0;
	if (a->in_len < a->in_cap)
		return;
	if (a->in_at > 0 && cur_left(&a->pdvs) == 0) {
		memmove(a->in, a->in + a->in_at, a->in_len - a->in_at);
		a->in_len -= a->in_at;
		a->in_at = 0;
		if (a->in_len < a->in_cap)
			return;
	}
	size_t cap = a->in_cap == 0 ? 8192 : a->in_cap * 4;
	a->in_cap = cap < ASSOC_IN_MAX ? cap : ASSOC_IN_MAX;
	a->in = mem_grow(a->in, a->in_cap, 1);
}

int
assoc_fill(struct assoc *a, struct err *e)
{
	if (a->fd < 0)
		return err_set(e, ERR_NET, 0, "the connection is closed");
	/* what a shut down socket still holds is not wanted either */
	if (assoc_stop_is_asked(a->stop)) {
		assoc_close(a);
		return err_set(e, ERR_CANCELLED, 0, "told to stop");
	}
	make_room(a);
	if (a->state != UL_STA6) /* the loop does not read until it is dry */
		sock_quickack(a->fd);
	ssize_t n = recv(a->fd, a->in + a->in_len, a->in_cap - a->in_len, 0);
	if (n > 0) {
		a->in_len += (size_t)n;
		return 1;
	}
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK ||
	    errno == EINTR)) {
		sock_quickack(a->fd); /* for all that came, before a wait */
		return 0;
	}
	int why = n < 0 ? errno : 0;
	bool asked = assoc_stop_is_asked(a->stop);
	assoc_close(a);
	if (asked)
		return err_set(e, ERR_CANCELLED, 0, "told to stop");
	return err_set(e, ERR_NET, why, "the peer closed the connection");
}

int
assoc_take(struct assoc *a, struct assoc_pdu *ret, struct err *e)
{
	size_t have = a->in_len - a->in_at;
	if (have < PDU_HEAD)
		return 0;
	const uint8_t *p = a->in + a->in_at;
	if (pdu_parse_head(p, &ret->type, &ret->n, e) != 0) {
		a->lost = true;
		return -1;
	}
	if (have - PDU_HEAD < ret->n)
		return 0;
	ret->body = p + PDU_HEAD;
	a->in_at += PDU_HEAD + (size_t)ret->n;
	return 1;
}

/* Whether somebody else can work while we look. */
static bool
has_cores(void)
{
	static atomic_int cores; /* 0 = not asked yet */
	int n = atomic_load_explicit(&cores, memory_order_relaxed);
	if (n == 0) {
		n = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? 2 : 1;
		atomic_store_explicit(&cores, n, memory_order_relaxed);
	}
	return n > 1;
}

/* To sleep and be woken costs more than most answers take: look for a moment
 * first. Only where an answer is due and another core can write it, and
 * seldom with a peer that was slow before. */
static bool
comes_at_once(struct assoc *a, int64_t deadline_ns)
{
	struct pollfd p = {.fd = a->fd, .events = POLLIN};
	if (!a->eager || !has_cores())
		return false;
	if (a->patience > 0) {
		a->patience--;
		return false;
	}
	int64_t until = clock_uptime_ns() + SPIN_NS;
	until = until < deadline_ns ? until : deadline_ns;
	for (unsigned i = 0; i < SPIN_MAX && clock_uptime_ns() < until; i++)
		if (poll(&p, 1, 0) != 0)
			return true;
	a->patience = SPIN_PATIENCE;
	return false;
}

int
assoc_next(struct assoc *a, int64_t deadline_ns, struct assoc_pdu *ret,
    struct err *e)
{
	bool begun = false;
	for (;;) {
		int rc = assoc_take(a, ret, e);
		if (rc != 0)
			return rc < 0 ? -1 : 0;
		if (!begun && a->in_len > a->in_at) {
			begun = true;
			if (a->state == UL_STA6)
				deadline_ns = clock_uptime_ns() +
				    ASSOC_PDU_MS * CLOCK_MS;
		}
		rc = assoc_fill(a, e);
		if (rc < 0)
			return -1;
		if (rc == 1 || comes_at_once(a, deadline_ns))
			continue;
		if (!sock_wait(a->fd, false, deadline_ns))
			return err_set(e, ERR_TIMEOUT, 0, "%s", begun ?
			    "the peer stalled inside a PDU" :
			    "the peer said nothing in time");
	}
}

int
assoc_unblock(struct assoc *a, int64_t deadline_ns, struct err *e)
{
	bool again = a->fd >= 0 && (errno == EAGAIN || errno == EWOULDBLOCK ||
	    errno == EINTR);
	if (again && sock_wait(a->fd, true, deadline_ns))
		return 0;
	if (again)
		return err_set(e, ERR_TIMEOUT, 0, "the peer does not read");
	bool asked = assoc_stop_is_asked(a->stop);
	assoc_close(a);
	return err_set(e, asked ? ERR_CANCELLED : ERR_NET, 0, "%s",
	    asked ? "told to stop" : "the peer closed the connection");
}

int
assoc_write(struct assoc *a, const void *p, size_t n, int64_t deadline_ns,
    struct err *e)
{
	const uint8_t *q = p;
	while (n > 0) {
		ssize_t k = a->fd < 0 ? -1 : write(a->fd, q, n);
		if (k > 0) {
			q += k;
			n -= (size_t)k;
		} else if (assoc_unblock(a, deadline_ns, e) != 0) {
			return -1;
		}
	}
	return 0;
}

enum ul_event
assoc_event(enum pdu_type type)
{
	switch (type) {
	case PDU_ASSOCIATE_RQ:
		return UL_EV_GOT_RQ;
	case PDU_ASSOCIATE_AC:
		return UL_EV_GOT_AC;
	case PDU_ASSOCIATE_RJ:
		return UL_EV_GOT_RJ;
	case PDU_DATA:
		return UL_EV_GOT_DATA;
	case PDU_RELEASE_RQ:
		return UL_EV_GOT_RELEASE_RQ;
	case PDU_RELEASE_RP:
		return UL_EV_GOT_RELEASE_RP;
	case PDU_ABORT:
		return UL_EV_GOT_ABORT;
	}
	return UL_EV_BAD_PDU;
}

void
assoc_say_abort(struct assoc *a, uint8_t source, uint8_t reason)
{
	if (a->fd < 0)
		return;
	if (a->torn) { /* or the abort ends up in the peer's data set */
		assoc_close(a);
		return;
	}
	struct err ignored; /* the connection is given up either way */
	buf_clear(&a->out);
	pdu_format_abort(&a->out, source, reason);
	(void)assoc_write(a, a->out.p, a->out.len,
	    clock_uptime_ns() + ASSOC_CLOSE_MS * CLOCK_MS, &ignored);
	assoc_await_close(a);
}

int
assoc_broken(struct assoc *a, uint8_t reason, struct err *e)
{
	assoc_say_abort(a, 2, reason);
	e->code = ERR_PEER;
	return err_prefix(e, "the peer broke the protocol");
}

/* AA-7, without waiting: the loop comes here too. False = closed. */
static bool
abort_again(struct assoc *a)
{
	struct err ignored; /* a peer that does not read need not be told */
	buf_clear(&a->out);
	pdu_format_abort(&a->out, 2, a->lost ? 1 : 2);
	if (assoc_write(a, a->out.p, a->out.len, 0, &ignored) == 0)
		return true;
	assoc_close(a);
	return false;
}

int
assoc_linger(struct assoc *a)
{
	struct err ignored; /* nothing that comes now matters */
	struct assoc_pdu pdu;
	a->pdvs = (struct cur){0};
	if (a->lost)
		a->in_at = a->in_len = 0;
	int rc = assoc_take(a, &pdu, &ignored);
	if (rc == 0)
		return assoc_fill(a, &ignored);
	enum ul_action action = ul_step(UL_STA13, rc < 0 ? UL_EV_BAD_PDU :
	    assoc_event(pdu.type)).action;
	if (action == UL_AA2) {
		assoc_close(a);
		return -1;
	}
	return action == UL_AA7 && !abort_again(a) ? -1 : 1;
}

void
assoc_await_close(struct assoc *a)
{
	int64_t deadline = clock_uptime_ns() + ASSOC_CLOSE_MS * CLOCK_MS;
	a->state = UL_STA13;
	if (a->fd >= 0 && a->lost) /* no DICOM peer: it wants to see an end */
		(void)shutdown(a->fd, SHUT_WR); /* closed already is fine */
	int rc = a->fd < 0 ? -1 : 1;
	while (rc >= 0 && clock_uptime_ns() < deadline) {
		rc = assoc_linger(a);
		if (rc == 0 && !sock_wait(a->fd, false, deadline))
			break;
	}
	assoc_close(a);
}

int
assoc_agree(struct assoc *a, struct pdu_associate *take_rq,
    struct pdu_associate *take_ac, struct err *e)
{
	if (pdu_match(take_ac, take_rq, e) != 0)
		return -1;
	uint32_t max = a->requestor ? take_ac->max_pdu : take_rq->max_pdu;
	a->peer_max = max == 0 || max > PDU_DATA_MAX ? PDU_DATA_MAX :
	    max < ASSOC_PEER_MIN ? ASSOC_PEER_MIN : max;
	a->peer_is_agent = str_eq(a->requestor ? take_ac->implementation :
	    take_rq->implementation, UID_IMPLEMENTATION);
	/* the fields of an AC are not to be read (PS3.8 table 9-17) */
	(void)str_copy(take_ac->calling, AE_SIZE, take_rq->calling);
	(void)str_copy(take_ac->called, AE_SIZE, take_rq->called);
	pdu_associate_done(&a->agreed);
	a->agreed = *take_ac;
	*take_ac = (struct pdu_associate){0};
	pdu_associate_done(take_rq);
	return 0;
}

bool
assoc_is_agent(const struct assoc *a)
{
	return a->peer_is_agent;
}

const char *
assoc_calling(const struct assoc *a)
{
	return a->agreed.calling;
}

const char *
assoc_peer(const struct assoc *a)
{
	return a->peer;
}

bool
assoc_is_local(const struct assoc *a)
{
	return a->local;
}

bool
assoc_is_open(const struct assoc *a)
{
	return a->fd >= 0 && a->state == UL_STA6;
}

bool
assoc_context(const struct assoc *a, uint8_t id, struct assoc_context *ret)
{
	for (unsigned i = 0; i < a->agreed.n_contexts; i++) {
		const struct pdu_context *c = &a->agreed.contexts[i];
		if (c->id != id || c->result != PDU_CONTEXT_ACCEPTED)
			continue;
		*ret = (struct assoc_context){.id = id,
		    .abstract = c->abstract,
		    .syntax = pdu_syntax(&a->agreed, c, 0)};
		return true;
	}
	return false;
}

uint8_t
assoc_find(const struct assoc *a, const char *abstract, const char *syntax)
{
	for (unsigned i = 0; i < a->agreed.n_contexts; i++) {
		const struct pdu_context *c = &a->agreed.contexts[i];
		if (c->result == PDU_CONTEXT_ACCEPTED &&
		    str_eq(c->abstract, abstract) && (syntax == NULL ||
		    str_eq(pdu_syntax(&a->agreed, c, 0), syntax)))
			return c->id;
	}
	return 0;
}
