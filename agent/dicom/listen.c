/* SPDX-License-Identifier: MIT */
/* The DICOM port: handshakes and idle associations on the loop. */
#include <sys/socket.h>

#include <assert.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stats.h"
#include "base/str.h"
#include "base/uid.h"
#include "dicom/assoc_priv.h"
#include "dicom/listen.h"

/* A connection that the loop holds. State of ${a}:
 * loop: STA2 -> STA6 (accepted) or STA13 (refused, aborted: to be closed);
 * at STA6 the guest is idle until its socket is readable, then it leaves. */
struct guest {
	struct listener *home;
	struct assoc *a;
	struct loop_io *io;
	struct loop_timer *timer;
	struct guest *next, *prev;
};

struct listener {
	/* set at birth, then constant */
	struct loop *loop;
	struct listen_ports ports;
	int idle_ms;
	/* owned by the loop */
	int fd;
	struct loop_io *io;
	struct guest *guests;
	unsigned n_handshakes;
	unsigned n_open; /* accepted: idle or at work */
};

static void on_handshake(void *ctx, int events);
static void on_farewell(void *ctx, int events);
static void on_idle(void *ctx, int events);
static void on_artim(void *ctx);

static struct guest *
guest_new(struct listener *s, struct assoc *a)
{
	struct guest *g = mem_new(struct guest);
	g->home = s;
	g->a = a;
	g->next = s->guests;
	if (g->next != NULL)
		g->next->prev = g;
	s->guests = g;
	return g;
}

/* Forget the guest; its association is returned, not freed. */
static struct assoc *
guest_leave(struct guest *g)
{
	struct listener *s = g->home;
	struct assoc *a = g->a;
	loop_io_stop(&g->io);
	loop_timer_stop(&g->timer);
	if (g->prev != NULL)
		g->prev->next = g->next;
	else
		s->guests = g->next;
	if (g->next != NULL)
		g->next->prev = g->prev;
	mem_free(g);
	return a;
}

static void
count_open(struct listener *s, int by)
{
	s->n_open = (unsigned)((int)s->n_open + by);
	stats_add(STAT_ASSOCIATIONS_NOW, by);
}

static void
dismiss(struct guest *g)
{
	struct listener *s = g->home;
	struct assoc *a = guest_leave(g);
	if (a->state == UL_STA6)
		count_open(s, -1);
	else
		s->n_handshakes--;
	assoc_drop(&a);
}

static void
watch(struct guest *g, loop_io_fn *fn, int ms)
{
	loop_io_stop(&g->io);
	loop_timer_stop(&g->timer);
	g->io = loop_io_start(g->home->loop, g->a->fd, LOOP_READ, fn, g);
	g->timer = loop_timer_start(g->home->loop, ms, on_artim, g);
}

/* Send what is small enough for an empty socket buffer; false = gone. */
static bool
say(struct guest *g)
{
	struct assoc *a = g->a;
	ssize_t n = write(a->fd, a->out.p, a->out.len);
	return n == (ssize_t)a->out.len;
}

/* AA-1, AA-8, AE-8: an abort or a reject leaves, then the peer closes. */
static void
farewell(struct guest *g)
{
	g->a->state = UL_STA13;
	if (!say(g)) {
		dismiss(g);
		return;
	}
	(void)shutdown(g->a->fd, SHUT_WR); /* closed already is fine */
	watch(g, on_farewell, ASSOC_CLOSE_MS);
}

static void
say_abort(struct guest *g, uint8_t source, uint8_t reason)
{
	buf_clear(&g->a->out);
	pdu_format_abort(&g->a->out, source, reason);
	farewell(g);
}

static void
on_farewell(void *ctx, int events) /* loop_io_fn */
{
	struct guest *g = ctx;
	struct err ignored; /* Sta13: nothing that comes is read */
	(void)events; /* only LOOP_READ was asked for */
	g->a->in_at = g->a->in_len = 0;
	if (assoc_fill(g->a, &ignored) < 0)
		dismiss(g);
}

static void
on_artim(void *ctx) /* loop_fn */
{
	struct guest *g = ctx;
	g->timer = NULL;
	if (g->a->state == UL_STA6) {
		log_debug("dicom.association.idle", "peer=%s action=abort",
		    g->a->peer);
		count_open(g->home, -1);
		g->home->n_handshakes++; /* it is one until it is gone */
		say_abort(g, 0, 0);
		return;
	}
	dismiss(g); /* AA-2 */
}

static void
become_idle(struct guest *g)
{
	watch(g, on_idle, g->home->idle_ms);
	/* it sent the next command at once */
	if (g->a->in_len > g->a->in_at || cur_left(&g->a->pdvs) > 0)
		on_idle(g, LOOP_READ);
}

/* AE-6 to AE-8: let the owner decide, answer. */
static void
decide(struct guest *g, struct pdu_associate *rq)
{
	struct listener *s = g->home;
	struct assoc *a = g->a;
	struct pdu_associate ac = {.version = 1, .max_pdu = PDU_DATA_MAX};
	struct pdu_reject rj = {1, 1, 1};
	struct listen_caller c = {.peer = a->peer, .local = a->local,
	    .n_open = s->n_open, .rq = rq};
	(void)str_copy(ac.application_context, UID_SIZE,
	    PDU_APPLICATION_CONTEXT);
	(void)str_copy(ac.implementation, UID_SIZE, UID_IMPLEMENTATION);
	(void)str_copy(ac.version_name, AE_SIZE, UID_VERSION_NAME);
	(void)str_copy(ac.called, AE_SIZE, rq->called);
	(void)str_copy(ac.calling, AE_SIZE, rq->calling);

	buf_clear(&a->out);
	if (!s->ports.decide(s->ports.ctx, &c, &ac, &rj)) {
		stats_add(STAT_ASSOCIATIONS_REFUSED, 1);
		pdu_associate_done(&ac);
		pdu_associate_done(rq);
		pdu_format_reject(&a->out, &rj);
		farewell(g);
		return;
	}
	pdu_format_associate(&a->out, PDU_ASSOCIATE_AC, &ac);
	struct err ours; /* our own answer fits, or decide is wrong */
	int rc = assoc_agree(a, rq, &ac, &ours);
	assert(rc == 0);
	if (rc != 0 || !say(g)) {
		dismiss(g);
		return;
	}
	a->state = ul_step(UL_STA3, UL_EV_SAY_AC).next;
	s->n_handshakes--;
	count_open(s, 1);
	stats_add(STAT_ASSOCIATIONS, 1);
	become_idle(g);
}

static void
on_handshake(void *ctx, int events) /* loop_io_fn */
{
	struct guest *g = ctx;
	struct assoc *a = g->a;
	struct err e;
	(void)events; /* only LOOP_READ was asked for */
	int rc = assoc_fill(a, &e);
	if (rc < 0) {
		dismiss(g);
		return;
	}
	struct assoc_pdu pdu;
	rc = assoc_take(a, &pdu, &e);
	if (rc == 0)
		return; /* more is to come, or ARTIM */
	if (rc < 0) {
		log_debug("dicom.handshake.garbage", "peer=%s error=%s",
		    a->peer, e.msg);
		say_abort(g, 2, 1); /* unrecognised PDU */
		return;
	}
	struct ul_step step = ul_step(a->state, assoc_event(pdu.type));
	if (step.action != UL_AE6) {
		if (step.action == UL_AA1) {
			say_abort(g, 0, 0);
			return;
		}
		dismiss(g); /* AA-2: an abort before any association */
		return;
	}
	struct pdu_associate rq = {0};
	if (pdu_parse_associate(pdu.type, pdu.body, pdu.n, &rq, &e) != 0) {
		log_debug("dicom.handshake.bad", "peer=%s error=%s", a->peer,
		    e.msg);
		say_abort(g, 2, 6);
		return;
	}
	decide(g, &rq);
}

static void
on_idle(void *ctx, int events) /* loop_io_fn */
{
	struct guest *g = ctx;
	struct listener *s = g->home;
	(void)events; /* only LOOP_READ was asked for */
	struct assoc *a = guest_leave(g);
	s->ports.ready(s->ports.ctx, a); /* ready owns it now */
}

void
listen_return(struct listener *s, struct assoc *take)
{
	if (s->fd >= 0 && assoc_is_open(take)) {
		become_idle(guest_new(s, take));
		return;
	}
	count_open(s, -1);
	assoc_drop(&take);
}

static void
on_connection(void *ctx, int events) /* loop_io_fn */
{
	struct listener *s = ctx;
	struct err e;
	(void)events; /* only LOOP_READ was asked for */
	for (int i = 0; i < 16; i++) { /* leave time for the others */
		char peer[SOCK_ADDR_SIZE];
		bool local = false;
		int fd = sock_accept(s->fd, peer, &local, &e);
		if (fd < 0) {
			if (e.code != ERR_NONE)
				log_debug("dicom.accept.failed", "error=%s",
				    e.msg);
			return;
		}
		if (s->n_handshakes >= LISTEN_HANDSHAKES_MAX) {
			stats_add(STAT_ASSOCIATIONS_REFUSED, 1);
			sock_close(&fd);
			continue;
		}
		struct assoc *a = assoc_new(fd, UL_STA2, NULL);
		(void)str_copy(a->peer, sizeof(a->peer), peer);
		a->local = local;
		s->n_handshakes++;
		watch(guest_new(s, a), on_handshake, ASSOC_ARTIM_MS);
	}
}

struct listener *
listen_start(struct loop *l, const char *host, uint16_t port, int idle_ms,
    const struct listen_ports *ports, struct err *e)
{
	int fd = sock_listen(host, port, e);
	if (fd < 0)
		return NULL;
	struct listener *s = mem_new(struct listener);
	s->loop = l;
	s->ports = *ports;
	s->idle_ms = idle_ms;
	s->fd = fd;
	s->io = loop_io_start(l, fd, LOOP_READ, on_connection, s);
	return s;
}

uint16_t
listen_port(const struct listener *s)
{
	return sock_port(s->fd);
}

unsigned
listen_open(const struct listener *s)
{
	return s->n_open;
}

void
listen_stop(struct listener *s)
{
	loop_io_stop(&s->io);
	sock_close(&s->fd);
	while (s->guests != NULL) {
		struct guest *g = s->guests;
		if (g->a->state == UL_STA6) { /* tell it, but do not wait */
			buf_clear(&g->a->out);
			pdu_format_abort(&g->a->out, 0, 0);
			(void)say(g); /* gone either way */
		}
		dismiss(g);
	}
}

void
listen_free(struct listener **pp)
{
	struct listener *s = *pp;
	*pp = NULL;
	if (s == NULL)
		return;
	listen_stop(s);
	assert(s->n_open == 0); /* all came home before */
	mem_free(s);
}
