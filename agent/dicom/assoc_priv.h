/* SPDX-License-Identifier: MIT */
/* What assoc*.c and listen.c share: the association itself. */
#ifndef DICOM_ASSOC_PRIV_H
#define DICOM_ASSOC_PRIV_H

#include "dicom/assoc.h"
#include "wire/ulstate.h"

#define ASSOC_PEER_MIN 128 /* bytes a PDU; no peer can mean less */
/* bytes of the receive buffer: a request, or two data PDUs */
#define ASSOC_IN_MAX (2 * PDU_HEAD + \
    (limits()->associate_size > 2 * PDU_DATA_MAX ? \
    (size_t)limits()->associate_size : (size_t)2 * PDU_DATA_MAX))

struct assoc {
	/* set when negotiated, then constant */
	struct pdu_associate agreed; /* the AC; abstracts filled in */
	char peer[SOCK_ADDR_SIZE];
	bool local;
	bool requestor;
	bool peer_is_agent; /* one like this */
	uint32_t peer_max; /* PDU bytes the peer takes */
	/* owned by whoever works on it: the loop, or one worker */
	int fd; /* -1 when the connection is over */
	int spent; /* what ${fd} was; its number must not go to another while
	            * the loop may still ask the kernel about it */
	enum ul_state state;
	struct assoc_stop *stop; /* borrowed, may be NULL */
	uint8_t *in; /* [in_at, in_len) is received and not used */
	size_t in_cap, in_at, in_len;
	struct cur pdvs; /* the rest of the current P-DATA PDU */
	uint8_t context; /* of the command received last: its data set's too */
	bool lost; /* something was no PDU: nobody knows where one begins */
	bool torn; /* a PDU left in part: what followed would be its data */
	struct buf out; /* heads being sent, or a command that waits */
	/* a message that leaves in pieces: assoc_send_begin */
	uint8_t out_context, odd_byte;
	bool out_open; /* its last piece has not left */
	bool out_held; /* its command is in ${out} */
	bool out_odd; /* ${odd_byte} is the end of the piece before */
	/* an answer is expected within moments: see assoc_next */
	bool eager;
	unsigned patience; /* waits until the next attempt to be quick */
};

/* A PDU in the receive buffer; body borrowed until the next receive. */
struct assoc_pdu {
	enum pdu_type type;
	const uint8_t *body;
	uint32_t n;
};

struct assoc *assoc_new(int take_fd, enum ul_state state,
    struct assoc_stop *stop);
/* Close the socket, free everything; says nothing to the peer. */
void assoc_drop(struct assoc **pp);
/* End the connection and be in Sta1. */
void assoc_close(struct assoc *a);

/* Read what has arrived, without waiting: 1 got some, 0 nothing now, -1
 * closed or failed. Grows the buffer up to what one PDU may need. */
int assoc_fill(struct assoc *a, struct err *e);
/* Take a whole PDU off the buffer: 1, 0 not whole yet, -1 not a PDU (and
 * nothing after it can be one). */
int assoc_take(struct assoc *a, struct assoc_pdu *ret, struct err *e);
/* The next PDU by ${deadline_ns}; of an established association, once begun
 * it has ASSOC_PDU_MS. Closed: ERR_NET, the state is idle. */
int assoc_next(struct assoc *a, int64_t deadline_ns, struct assoc_pdu *ret,
    struct err *e);
/* A write has just failed, errno says how: wait until it can go on. */
int assoc_unblock(struct assoc *a, int64_t deadline_ns, struct err *e);
/* Write all of ${n} bytes by ${deadline_ns}. */
int assoc_write(struct assoc *a, const void *p, size_t n, int64_t deadline_ns,
    struct err *e);
/* The event of a received PDU, PS3.8 table 9-10's rows. */
enum ul_event assoc_event(enum pdu_type type);
/* AA-1, AA-8: say A-ABORT if the connection still stands, and close. */
void assoc_say_abort(struct assoc *a, uint8_t source, uint8_t reason);
/* AA-8 with ${reason}; ${e} becomes ERR_PEER. Returns -1. */
int assoc_broken(struct assoc *a, uint8_t reason, struct err *e);
/* Sta13: what has come is ignored (AA-6), answered by an abort (AA-7), or
 * the end (AA-2, AR-5). 1 look again, 0 nothing more now, -1 closed. */
int assoc_linger(struct assoc *a);
/* Sta13: wait for the peer's close for ASSOC_CLOSE_MS, then close. */
void assoc_await_close(struct assoc *a);
/* listen.c: other time-outs for a listener, for tests */
struct listener;
void listen_hurry(struct listener *s, int artim_ms, int close_ms);
/* Join request and answer into ${a}->agreed: takes both. On failure (the
 * answer does not fit the request) both stay with the caller. */
int assoc_agree(struct assoc *a, struct pdu_associate *take_rq,
    struct pdu_associate *take_ac, struct err *e);

#endif
