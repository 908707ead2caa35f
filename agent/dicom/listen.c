/* SPDX-License-Identifier: MIT */
/* The DICOM port: handshakes and idle associations on the loop. */
#include <sys/socket.h>

#include <assert.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stats.h"
#include "base/str.h"
#include "base/uid.h"
#include "dicom/listen_book.h"

/* A connection that the loop holds. State of ${a}:
 * loop: STA2 -> STA6 (accepted) or STA13 (refused, aborted: to be closed);
 * at STA6 the guest is idle until its socket is readable, then it leaves. */
struct guest {
	struct listener *home;
	struct assoc *a;
	struct loop_io *io;
	struct loop_timer *timer;
	int64_t since_ns; /* uptime: accepted */
	bool spoke; /* the first byte is here */
	struct guest *next, *prev;
};

struct listener {
	/* set at birth, then constant */
	struct loop *loop;
	struct listen_ports ports;
	int idle_ms, artim_ms, close_ms;
	/* owned by the loop */
	int fd;
	struct loop_io *io;
	struct loop_timer *pause; /* no descriptors: accept again then */
	struct guest *guests; /* the newest first */
	unsigned n_handshakes[2]; /* guests not at STA6: elsewhere, local */
	struct book book; /* who is accepted: idle or at work */
};

static void on_handshake(void *ctx, int events);
static void on_farewell(void *ctx, int events);
static void on_idle(void *ctx, int events);
static void on_connection(void *ctx, int events);
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
dismiss(struct guest *g)
{
	struct listener *s = g->home;
	struct assoc *a = guest_leave(g);
	if (a->state == UL_STA6)
		book_remove(&s->book, a);
	else
		s->n_handshakes[a->local]--;
	assoc_drop(&a);
}

static void
watch(struct guest *g, loop_io_fn *fn, int64_t ms)
{
	loop_io_stop(&g->io);
	loop_timer_stop(&g->timer);
	g->io = loop_io_start(g->home->loop, g->a->fd, LOOP_READ, fn, g);
	g->timer = loop_timer_start(g->home->loop, ms, on_artim, g);
}

/* Send what is small enough for an empty socket buffer; false = gone. */
static bool
say(struct assoc *a)
{
	ssize_t n = write(a->fd, a->out.p, a->out.len);
	return n == (ssize_t)a->out.len;
}

/* AA-1, AA-8, AE-8: an abort or a reject leaves, then the peer closes. */
static void
farewell(struct guest *g)
{
	g->a->state = UL_STA13;
	if (!say(g->a)) {
		dismiss(g);
		return;
	}
	if (g->a->lost) /* no DICOM peer: it wants to see an end */
		(void)shutdown(g->a->fd, SHUT_WR); /* closed already is fine */
	watch(g, on_farewell, g->home->close_ms);
	on_farewell(g, LOOP_READ); /* what came with it */
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
	(void)events; /* only LOOP_READ was asked for */
	int rc = 1;
	for (int i = 0; i < 16 && rc == 1; i++) /* the others want a turn */
		rc = assoc_linger(g->a);
	if (rc < 0)
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
		book_remove(&g->home->book, g->a);
		/* it is a handshake until it is gone */
		g->home->n_handshakes[g->a->local]++;
		say_abort(g, 0, 0);
		return;
	}
	dismiss(g); /* AA-2 */
}

static void
become_idle(struct guest *g)
{
	const struct limit_values *l = limits();
	int64_t ms = 1000 * (g->a->local ? l->idle_local : l->idle_elsewhere);
	watch(g, on_idle, ms < g->home->idle_ms ? ms : g->home->idle_ms);
	/* it sent the next command at once */
	if (g->a->in_len > g->a->in_at || cur_left(&g->a->pdvs) > 0)
		on_idle(g, LOOP_READ);
}

/* The answer as far as it is the same for everybody. */
static void
begin_answer(struct pdu_associate *ac, const struct pdu_associate *rq)
{
	*ac = (struct pdu_associate){.version = 1,
	    .max_pdu = (uint32_t)limits()->pdu_size};
	(void)str_copy(ac->application_context, UID_SIZE,
	    PDU_APPLICATION_CONTEXT);
	(void)str_copy(ac->implementation, UID_SIZE, UID_IMPLEMENTATION);
	(void)str_copy(ac->version_name, AE_SIZE, UID_VERSION_NAME);
	(void)str_copy(ac->called, AE_SIZE, rq->called);
	(void)str_copy(ac->calling, AE_SIZE, rq->calling);
}

/* AE-6 to AE-8: let the owner decide, answer. */
static void
decide(struct guest *g, struct pdu_associate *rq)
{
	struct listener *s = g->home;
	struct assoc *a = g->a;
	struct pdu_associate ac;
	struct pdu_reject rj = {1, 1, 1};
	struct listen_caller c = {.peer = a->peer, .local = a->local,
	    .open = s->book.open, .n_open = s->book.n,
	    .n_recent = book_count_recent(&s->book, a->peer, rq->calling),
	    .rq = rq};
	begin_answer(&ac, rq);
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
	if (rc != 0 || !say(a)) {
		dismiss(g);
		return;
	}
	a->state = ul_step(UL_STA3, UL_EV_SAY_AC).next;
	s->n_handshakes[a->local]--;
	book_add(&s->book, a);
	become_idle(g);
}

/* Wait for the request: its first byte soon, all of it by ARTIM. */
static void
await_request(struct guest *g)
{
	int64_t artim = g->home->artim_ms;
	int64_t ms = 1000 * limits()->first_byte;
	int64_t past = (clock_uptime_ns() - g->since_ns) / CLOCK_MS;
	if (g->spoke || ms > artim)
		ms = artim > past ? artim - past : 0;
	watch(g, on_handshake, ms);
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
	bool first = rc == 1 && !g->spoke;
	g->spoke = g->spoke || first;
	rc = assoc_take(a, &pdu, &e);
	if (rc == 0) { /* more is to come, or ARTIM */
		if (first)
			await_request(g);
		return;
	}
	if (rc < 0) {
		log_debug("dicom.handshake.garbage", "peer=%s error=%s",
		    a->peer, e.msg);
		say_abort(g, 0, 0); /* AA-1 */
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
		say_abort(g, 0, 0); /* AA-1 */
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

/* We stop: tell the peer, but do not wait. */
static void
say_goodbye(struct assoc *a)
{
	buf_clear(&a->out);
	pdu_format_abort(&a->out, 0, 0);
	(void)say(a); /* gone either way */
}

void
listen_return(struct listener *s, struct assoc *take)
{
	if (s->fd >= 0 && assoc_is_open(take)) {
		become_idle(guest_new(s, take));
		return;
	}
	if (assoc_is_open(take))
		say_goodbye(take);
	book_remove(&s->book, take);
	assoc_drop(&take);
}

static void
dismiss_oldest(struct listener *s, bool local)
{
	struct guest *oldest = NULL;
	for (struct guest *g = s->guests; g != NULL; g = g->next)
		if (g->a->state != UL_STA6 && g->a->local == local)
			oldest = g;
	assert(oldest != NULL);
	stats_add(STAT_ASSOCIATIONS_REFUSED, 1);
	dismiss(oldest);
}

/* Make room for a newcomer: who has been silent longest goes, so that silent
 * callers shut out nobody but each other, and from elsewhere nobody here.
 * False: there is none for it. */
static bool
make_room(struct listener *s, bool local)
{
	unsigned elsewhere = s->n_handshakes[false];
	unsigned all = elsewhere + s->n_handshakes[true];
	unsigned most = LISTEN_HANDSHAKES_MAX - LISTEN_HANDSHAKES_LOCAL;
	if (all < LISTEN_HANDSHAKES_MAX && (local || elsewhere < most))
		return true;
	if (elsewhere > 0)
		dismiss_oldest(s, false);
	else if (local)
		dismiss_oldest(s, true);
	return elsewhere > 0 || local;
}

static void
greet(struct listener *s, int take_fd, const char *peer, bool local)
{
	if (!make_room(s, local)) {
		stats_add(STAT_ASSOCIATIONS_REFUSED, 1);
		sock_close(&take_fd);
		return;
	}
	struct assoc *a = assoc_new(take_fd, UL_STA2, NULL);
	(void)str_copy(a->peer, sizeof(a->peer), peer);
	a->local = local;
	s->n_handshakes[local]++;
	struct guest *g = guest_new(s, a);
	g->since_ns = clock_uptime_ns();
	await_request(g);
}

static void
on_pause_end(void *ctx) /* loop_fn */
{
	struct listener *s = ctx;
	s->pause = NULL;
	s->io = loop_io_start(s->loop, s->fd, LOOP_READ, on_connection, s);
}

/* Out of descriptors, most likely. The caller still waits, so the port would
 * call us at once, again and again. */
static void
pause_port(struct listener *s, const struct err *e)
{
	log_warn("dicom.accept.failed", "error=%s action=wait_1_s", e->msg);
	loop_io_stop(&s->io);
	s->pause = loop_timer_start(s->loop, 1000, on_pause_end, s);
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
				pause_port(s, &e);
			return;
		}
		greet(s, fd, peer, local);
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
	s->artim_ms = (int)(1000 * limits()->request_time);
	s->close_ms = ASSOC_CLOSE_MS;
	s->fd = fd;
	s->io = loop_io_start(l, fd, LOOP_READ, on_connection, s);
	return s;
}

void
listen_hurry(struct listener *s, int artim_ms, int close_ms)
{
	s->artim_ms = artim_ms;
	s->close_ms = close_ms;
}

uint16_t
listen_port(const struct listener *s)
{
	return sock_port(s->fd);
}

void
listen_stop(struct listener *s)
{
	loop_io_stop(&s->io);
	loop_timer_stop(&s->pause);
	sock_close(&s->fd);
	while (s->guests != NULL) {
		struct guest *g = s->guests;
		if (g->a->state == UL_STA6)
			say_goodbye(g->a);
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
	assert(s->book.n == 0); /* all came home before */
	book_done(&s->book);
	mem_free(s);
}
