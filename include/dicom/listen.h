/* SPDX-License-Identifier: MIT
 *
 * listen: a DICOM port on the loop: it accepts, reads the request, sends the
 * answer, and watches idle associations; work goes to whoever is told.
 * Called on the loop. Owns its socket, the handshakes and the idle
 * associations; an association at work belongs to the worker.
 * Never waits: a slow or silent caller costs a timer and a small buffer.
 */
#ifndef DICOM_LISTEN_H
#define DICOM_LISTEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "dicom/assoc.h"
#include "run/loop.h"
#include "wire/pdu.h"

struct listener;

/* An association that is open, idle or at work. */
struct listen_open {
	char host[SOCK_ADDR_SIZE]; /* without port */
	char calling[AE_SIZE];
	bool local; /* from this machine */
};

struct listen_caller {
	const char *peer; /* "127.0.0.1:50312" */
	bool local; /* from this machine */
	const struct listen_open *open; /* this one not among them; borrowed */
	unsigned n_open;
	unsigned n_recent; /* accepted in the last second from this address
	                    * under this title; at most LISTEN_RECENT_MAX */
	const struct pdu_associate *rq;
};

struct listen_ports {
	void *ctx;
	/* Accept (true) by adding a context to ${ac} for each of the
	 * request's, or refuse (false) with ${rj}. */
	bool (*decide)(void *ctx, const struct listen_caller *c,
	    struct pdu_associate *ac, struct pdu_reject *rj);
	/* ${take} has something to read: work on it on a worker, then
	 * listen_return it on the loop. */
	void (*ready)(void *ctx, struct assoc *take);
};

/* Connections that have not asked yet, or are leaving. Above, the one that is
 * silent longest goes, and none of this machine for one from elsewhere. */
#define LISTEN_HANDSHAKES_MAX 64
#define LISTEN_HANDSHAKES_LOCAL 32 /* of them, none for callers elsewhere */
#define LISTEN_RECENT_MAX 1024

/* Listen at ${host} (numeric) and ${port} (0: any). A connection that says
 * nothing for limits()->first_byte, or has not sent its whole request in
 * limits()->request_time, is closed; an association that asks nothing for
 * limits()->idle_local or ->idle_elsewhere, or ${idle_ms} when that is less,
 * is aborted. */
struct listener *listen_start(struct loop *l, const char *host, uint16_t port,
    int idle_ms, const struct listen_ports *ports, struct err *e);
uint16_t listen_port(const struct listener *s);
/* Close the port and all that is idle. Associations still at work must be
 * returned before listen_free. */
void listen_stop(struct listener *s);
void listen_free(struct listener **pp);
/* An association comes home: watched again if open, else freed. */
void listen_return(struct listener *s, struct assoc *take);

#endif
