/* SPDX-License-Identifier: MIT
 *
 * assoc: one DICOM association over a socket, for either role (PS3.8).
 * Called on a worker, by one thread at a time; assoc_stop_ask is [any].
 * Owns the socket and its buffers. Every wait has a deadline on the uptime
 * clock; every allocation has a bound.
 * Decides nothing about contexts or services: callers do.
 */
#ifndef DICOM_ASSOC_H
#define DICOM_ASSOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/lock.h"
#include "base/sock.h"
#include "wire/dimse.h"
#include "wire/pdu.h"

#define ASSOC_CONNECT_MS 5000 /* TCP connect */
/* PS3.8 9.1.5: request, answer, close */
#define ASSOC_ARTIM_MS (1000 * limits()->request_time)
/* a PDU that has begun must be whole by then */
#define ASSOC_PDU_MS (1000 * limits()->pdu_time)
/* about 1 MiB must leave within this */
#define ASSOC_SEND_MS (1000 * limits()->send_time)
#define ASSOC_CLOSE_MS 2000 /* wait for the peer's close, then close */
/* bytes/s of a data set, waiting aside */
#define ASSOC_RATE_MIN (limits()->least_rate)

struct assoc;

/* A handle by which another thread ends whatever the association waits for.
 * It lives in the caller's struct, longer than the association. */
struct assoc_stop {
	struct lock lock;
	int fd; /* -1 while there is no socket */
	bool asked;
};
void assoc_stop_init(struct assoc_stop *s);
void assoc_stop_done(struct assoc_stop *s);
void assoc_stop_ask(struct assoc_stop *s); /* [any], more than once is fine */
bool assoc_stop_is_asked(struct assoc_stop *s); /* NULL is never asked */

/* One proposal: one SOP class in one transfer syntax, so that the peer has
 * no reason to convert. */
struct assoc_proposal {
	const char *abstract, *syntax;
	bool scp; /* we take the SCP role (C-GET: we are sent to) */
};

struct assoc_ask {
	const char *host;
	uint16_t port;
	const char *calling, *called; /* AE titles */
	const char *implementation; /* class UID; NULL = the agent's */
	const struct assoc_proposal *proposals;
	unsigned n_proposals; /* up to PDU_CONTEXTS_MAX; ids are 1, 3, 5 .. */
	struct assoc_stop *stop; /* may be NULL; the connect itself is not
	                          * interrupted */
};

/* Connect and negotiate. ERR_NET and ERR_TIMEOUT when nobody answers,
 * ERR_PEER when it refuses (the standard's reason in the message), with sys
 * EBUSY when that is for the moment, EACCES when it is for good. */
int assoc_request(struct assoc **ret, const struct assoc_ask *ask,
    struct err *e);

/* Who is at the other end; strings live as long as the association. */
const char *assoc_calling(const struct assoc *a);
/* "127.0.0.1:50312", "[::1]:50312" */
const char *assoc_peer(const struct assoc *a);
bool assoc_is_local(const struct assoc *a); /* from this machine */
/* The peer is an agent like this one, by its implementation class UID (PS3.7
 * D.3.3.2). */
bool assoc_is_agent(const struct assoc *a);
bool assoc_is_open(const struct assoc *a);

/* What was agreed for context ${id}: NULL when there is no such one. */
struct assoc_context {
	uint8_t id;
	const char *abstract, *syntax;
};
bool assoc_context(const struct assoc *a, uint8_t id,
    struct assoc_context *ret);
/* The accepted context of exactly this class and syntax; 0 when none. With
 * ${syntax} NULL the first accepted one of the class. */
uint8_t assoc_find(const struct assoc *a, const char *abstract,
    const char *syntax);

/* Receive one command set within ${wait_ms} (0: only what has arrived).
 * 1 = ${ret} and its context; 0 = the peer released or closed, the
 * association is over; -1 = ERR_TIMEOUT (still open when nothing had come),
 * ERR_CANCELLED, ERR_PEER (aborted, or it broke the protocol and was
 * aborted). */
int assoc_receive(struct assoc *a, int64_t wait_ms, struct dimse *ret,
    uint8_t *ret_context, struct err *e);

/* Receive the data set that follows, each piece to ${sink}. 0 = all taken;
 * 1 = the sink refused (its error in ${e}) and the rest was drained; -1 as
 * above, the association is over. ${wait_ms} bounds each wait for a PDU,
 * and with ASSOC_PDU_MS more all of them together, but for 1 s each
 * ASSOC_RATE_MIN received. */
typedef int assoc_sink_fn(void *ctx, const void *p, size_t n, struct err *e);
int assoc_receive_data(struct assoc *a, int64_t wait_ms, assoc_sink_fn *sink,
    void *ctx, struct err *e);
/* The same into ${b}; more than its maximum is 1 (refused, drained). */
int assoc_receive_buf(struct assoc *a, int64_t wait_ms, struct buf *b,
    struct err *e);

/* Send a command set, and with it ${n} bytes of data set (n may be 0 while
 * has_data is set: an empty data set; ${p} NULL sends none). The bytes leave
 * as they are, cut to the peer's PDU size. */
int assoc_send(struct assoc *a, uint8_t context, const struct dimse *d,
    const void *p, size_t n, struct err *e);

/* The same when the data set is not at hand as a whole: the command first,
 * then pieces of any size, the last of them (which may be empty) with
 * ${last}. After a failure, or when the last piece will not come, there is
 * nothing left but assoc_break or assoc_abort: the peer has half a message. */
int assoc_send_begin(struct assoc *a, uint8_t context, const struct dimse *d,
    struct err *e);
int assoc_send_piece(struct assoc *a, const void *p, size_t n, bool last,
    struct err *e);

/* Abort, but ${a} stays with its owner: it is over (assoc_is_open is false)
 * and waits to be freed. */
void assoc_break(struct assoc *a);

/* Put ${a} under another stop handle (NULL: under none), between uses. */
void assoc_set_stop(struct assoc *a, struct assoc_stop *stop);

/* End: release as the requestor and wait for the answer; abort; or free what
 * is over already (aborts when it is not). All empty ${*pp}. */
void assoc_release(struct assoc **pp);
void assoc_abort(struct assoc **pp);

#endif
