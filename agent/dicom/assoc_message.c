/* SPDX-License-Identifier: MIT */
/* DIMSE messages over an established association (PS3.7, PS3.8 9.3.5). */
#include <sys/uio.h>

#include <assert.h>

#include "base/clock.h"
#include "base/str.h"
#include "dicom/assoc_priv.h"

#define BATCH 64 /* PDVs a writev: 1 MiB at OsiriX's 16 KiB PDUs */
#define BATCH_BYTES (1024 * 1024) /* or fewer, of larger ones */

/* PS3.8 AR-2 then AR-4: the peer asks to release; answer and close. */
static void
answer_release(struct assoc *a)
{
	struct err ignored; /* the association is over either way */
	buf_clear(&a->out);
	pdu_format_release(&a->out, PDU_RELEASE_RP);
	(void)assoc_write(a, a->out.p, a->out.len,
	    clock_uptime_ns() + ASSOC_CLOSE_MS * CLOCK_MS, &ignored);
	assoc_await_close(a);
}

/* The next PDV, reading PDUs as needed: 1, 0 the peer is gone, -1. */
static int
next_pdv(struct assoc *a, int64_t deadline_ns, struct pdv *ret, struct err *e)
{
	for (;;) {
		int rc = pdu_next_pdv(&a->pdvs, ret, e);
		if (rc == 1)
			return 1;
		if (rc < 0)
			return assoc_broken(a, 6, e); /* invalid parameter */
		a->pdvs = (struct cur){0};
		struct assoc_pdu pdu;
		if (assoc_next(a, deadline_ns, &pdu, e) != 0) {
			if (e->code == ERR_PARSE)
				return assoc_broken(a, 1, e); /* unrecognised */
			return e->code == ERR_NET ? 0 : -1;
		}
		struct ul_step step = ul_step(a->state,
		    assoc_event(pdu.type));
		if (step.action == UL_DT2) {
			a->pdvs = cur_of(pdu.body, pdu.n);
			continue;
		}
		if (step.action == UL_AR2) {
			answer_release(a);
			return 0;
		}
		if (step.action == UL_AA3) {
			assoc_close(a);
			return err_set(e, ERR_PEER, 0, "the peer aborted");
		}
		(void)err_set(e, ERR_PEER, 0, "unexpected PDU type %d",
		    (int)pdu.type);
		return assoc_broken(a, 2, e); /* AA-8: unexpected PDU */
	}
}

static int
broke_protocol(struct assoc *a, const char *how, struct err *e)
{
	(void)err_set(e, ERR_PEER, 0, "%s", how);
	return assoc_broken(a, 6, e);
}

/* One fragment of a command into ${command}. */
static int
take_fragment(struct assoc *a, const struct pdv *v, bool first,
    struct buf *command, struct err *e)
{
	struct assoc_context known;
	if (!v->is_command)
		return broke_protocol(a, "data without a command", e);
	if (!first && v->context != a->context)
		return broke_protocol(a, "a command in two contexts", e);
	if (!assoc_context(a, v->context, &known))
		return broke_protocol(a, "a context that was not agreed", e);
	a->context = v->context;
	buf_add(command, v->p, v->n);
	return !command->failed ? 0 :
	    broke_protocol(a, "a command without end", e);
}

static int
late(struct assoc *a, struct err *e)
{
	assoc_say_abort(a, 0, 0);
	return err_set(e, ERR_TIMEOUT, 0, "the peer sends too slowly");
}

int
assoc_receive(struct assoc *a, int64_t wait_ms, struct dimse *ret,
    uint8_t *ret_context, struct err *e)
{
	if (!assoc_is_open(a))
		return err_set(e, ERR_NET, 0, "the association is over");
	int64_t deadline = clock_uptime_ns() + wait_ms * CLOCK_MS;
	struct buf command;
	buf_init(&command, limits()->command_size);
	struct pdv v = {0};
	int rc = 0;
	for (bool first = true; !v.is_last; first = false) {
		rc = next_pdv(a, deadline, &v, e);
		if (rc < 0 && e->code == ERR_TIMEOUT &&
		    (!first || a->in_len > a->in_at))
			assoc_say_abort(a, 0, 0); /* not between messages */
		if (rc <= 0)
			goto out;
		/* all of a command by then, however small its pieces */
		int64_t now = clock_uptime_ns();
		if (first)
			deadline = now + ASSOC_PDU_MS * CLOCK_MS;
		rc = now > deadline ? late(a, e) :
		    take_fragment(a, &v, first, &command, e);
		if (rc != 0)
			goto out;
	}
	rc = dimse_parse(command.p, command.len, ret, e);
	if (rc != 0) {
		rc = assoc_broken(a, 6, e);
		goto out;
	}
	*ret_context = a->context;
	a->eager = ret->has_data; /* it follows; else it was our turn's end */
	rc = 1;
out:
	buf_done(&command);
	return rc;
}

/* Why ${v} cannot be the next piece of the data set, or NULL. */
static const char *
misplaced(const struct assoc *a, const struct pdv *v)
{
	if (v->is_command)
		return "a command in a data set";
	if (v->context != a->context)
		return "a data set in another context than its command";
	return NULL;
}

/* How fast a data set comes. */
struct pace {
	int64_t wait_ms; /* for one PDU at most */
	int64_t waited_ns; /* for the peer; the sink's time is not its */
	uint64_t got; /* bytes */
};

static int
next_piece(struct assoc *a, struct pace *p, struct pdv *ret, struct err *e)
{
	int64_t before = clock_uptime_ns();
	int rc = next_pdv(a, before + p->wait_ms * CLOCK_MS, ret, e);
	if (rc == 0)
		return err_set(e, ERR_NET, 0,
		    "the peer left inside a data set");
	if (rc < 0) {
		if (a->fd >= 0)
			assoc_say_abort(a, 0, 0);
		return -1;
	}
	const char *how = misplaced(a, ret);
	if (how != NULL)
		return broke_protocol(a, how, e);
	p->got += ret->n;
	p->waited_ns += clock_uptime_ns() - before;
	int64_t most_ms = ASSOC_PDU_MS + p->wait_ms +
	    (int64_t)(p->got / ASSOC_RATE_MIN) * 1000;
	return p->waited_ns / CLOCK_MS > most_ms ? late(a, e) : 0;
}

int
assoc_receive_data(struct assoc *a, int64_t wait_ms, assoc_sink_fn *sink,
    void *ctx, struct err *e)
{
	if (!assoc_is_open(a))
		return err_set(e, ERR_NET, 0, "the association is over");
	bool refused = false;
	struct err mine; /* the sink's own must not be lost to the drain */
	struct pdv v = {0};
	struct pace pace = {.wait_ms = wait_ms};
	while (!v.is_last) {
		if (next_piece(a, &pace, &v, &mine) != 0) {
			*e = mine;
			return -1;
		}
		if (!refused && sink(ctx, v.p, v.n, e) != 0)
			refused = true;
	}
	return refused ? 1 : 0;
}

static int
sink_buf(void *ctx, const void *p, size_t n, struct err *e) /* assoc_sink_fn */
{
	struct buf *b = ctx;
	buf_add(b, p, n);
	return !b->failed ? 0 : err_set(e, ERR_FULL, 0,
	    "data set: want at most %zu bytes", b->max);
}

int
assoc_receive_buf(struct assoc *a, int64_t wait_ms, struct buf *b,
    struct err *e)
{
	return assoc_receive_data(a, wait_ms, sink_buf, b, e);
}

/* Write ${n} vectors whole; they are consumed. A failure may tear a PDU. */
static int
write_all(struct assoc *a, struct iovec *v, int n, struct err *e)
{
	int64_t deadline = clock_uptime_ns() + ASSOC_SEND_MS * CLOCK_MS;
	while (n > 0) {
		ssize_t k = writev(a->fd, v, n);
		if (k < 0) {
			a->torn = true;
			if (assoc_unblock(a, deadline, e) != 0)
				return -1;
			a->torn = false;
			continue;
		}
		while (n > 0 && (size_t)k >= v->iov_len) {
			k -= (ssize_t)v->iov_len;
			v++;
			n--;
		}
		if (n > 0) {
			v->iov_base = (uint8_t *)v->iov_base + k;
			v->iov_len -= (size_t)k;
		}
	}
	return 0;
}

enum { OF_COMMAND = 1, THE_LAST = 2 }; /* of a PDV: PS3.8 annex E.2 */

/* PDVs on their way out, each a PDU of its own. */
struct batch {
	struct assoc *a;
	struct iovec v[2 * BATCH];
	uint8_t heads[BATCH][PDU_HEADROOM];
	int n; /* PDVs gathered */
	size_t bytes; /* in them */
};

static int
flush(struct batch *b, struct err *e)
{
	int n = b->n;
	b->n = 0;
	b->bytes = 0;
	return n == 0 ? 0 : write_all(b->a, b->v, 2 * n, e);
}

/* Gather one PDV. The vectors do not change what they point to; iov_base is
 * not const. */
static void
gather_pdv(struct batch *b, int kind, const uint8_t *p, uint32_t n)
{
	union {
		const uint8_t *in;
		uint8_t *out;
	} q = {.in = p};
	pdu_format_pdv_head(b->heads[b->n], b->a->out_context,
	    (kind & OF_COMMAND) != 0, (kind & THE_LAST) != 0, n);
	b->v[2 * b->n] = (struct iovec){b->heads[b->n], PDU_HEADROOM};
	b->v[2 * b->n + 1] = (struct iovec){q.out, n};
	b->n++;
	b->bytes += n;
}

/* Gather ${n} bytes as PDVs of the peer's size. */
static int
gather(struct batch *b, int kind, const uint8_t *p, size_t n,
    struct err *e)
{
	uint32_t most = b->a->peer_max - 6;
	most -= most % 2; /* PS3.8 9.3.1: even fragments */
	while (n > most) {
		if ((b->n == BATCH || b->bytes >= BATCH_BYTES) &&
		    flush(b, e) != 0)
			return -1;
		gather_pdv(b, kind & OF_COMMAND, p, most);
		p += most;
		n -= most;
	}
	if (n == 0 && (kind & THE_LAST) == 0)
		return 0;
	if (b->n == BATCH && flush(b, e) != 0)
		return -1;
	gather_pdv(b, kind, p, (uint32_t)n);
	return 0;
}

/* A failure leaves nothing to be said but A-ABORT. */
static int
give_up(struct assoc *a)
{
	a->out_open = false;
	if (a->fd >= 0)
		assoc_say_abort(a, 0, 0);
	return -1;
}

int
assoc_send_begin(struct assoc *a, uint8_t context, const struct dimse *d,
    struct err *e)
{
	if (!assoc_is_open(a))
		return err_set(e, ERR_NET, 0, "the association is over");
	assert(!a->out_open); /* no message within another */
	a->out_context = context;
	a->out_open = true;
	a->out_held = true; /* it leaves with the first piece */
	a->out_odd = false;
	a->eager = dimse_is_request(d) || d->command == DIMSE_C_STORE_RSP;
	buf_clear(&a->out);
	dimse_format(&a->out, d);
	return 0;
}

/* Cut ${n} bytes so that each fragment but the last of all is even (PS3.8
 * 9.3.1): a single byte waits for the next piece, and leaves with its first
 * in ${pair}. */
static int
gather_piece(struct batch *b, const uint8_t *p, size_t n, bool last,
    uint8_t pair[2], struct err *e)
{
	struct assoc *a = b->a;
	if (a->out_odd && (n > 0 || last)) {
		size_t k = n > 0 ? 2 : 1;
		a->out_odd = false;
		pair[0] = a->odd_byte;
		if (n > 0) {
			pair[1] = *p++;
			n--;
		}
		bool ends = last && n == 0;
		int rc = gather(b, ends ? THE_LAST : 0, pair, k, e);
		if (rc != 0 || ends)
			return rc;
	}
	if (!last && n % 2 != 0) {
		a->odd_byte = p[--n];
		a->out_odd = true;
	}
	return gather(b, last ? THE_LAST : 0, p, n, e);
}

/* Begin what leaves at once, with the command if that is still here. */
static int
begin_batch(struct batch *b, struct assoc *a, struct err *e)
{
	bool held = a->out_held;
	b->a = a;
	b->n = 0;
	b->bytes = 0;
	a->out_held = false;
	return !held ? 0 :
	    gather(b, OF_COMMAND | THE_LAST, a->out.p, a->out.len, e);
}

int
assoc_send_piece(struct assoc *a, const void *p, size_t n, bool last,
    struct err *e)
{
	uint8_t pair[2];
	struct batch b;
	if (!assoc_is_open(a))
		return err_set(e, ERR_NET, 0, "the association is over");
	assert(a->out_open); /* begun, and not ended */
	a->out_open = !last;
	if (begin_batch(&b, a, e) != 0 ||
	    gather_piece(&b, p, n, last, pair, e) != 0 || flush(&b, e) != 0)
		return give_up(a);
	return 0;
}

int
assoc_send(struct assoc *a, uint8_t context, const struct dimse *d,
    const void *p, size_t n, struct err *e)
{
	struct batch b;
	if (assoc_send_begin(a, context, d, e) != 0)
		return -1;
	if (p != NULL)
		return assoc_send_piece(a, p, n, true, e);
	a->out_open = false;
	if (begin_batch(&b, a, e) != 0 || flush(&b, e) != 0)
		return give_up(a);
	return 0;
}
