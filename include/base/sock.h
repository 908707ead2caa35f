/* SPDX-License-Identifier: MIT
 *
 * sock: sockets set up our way: close on exec, non-blocking, no Nagle, no
 * SIGPIPE, quick acknowledgement where the system has it.
 * Called by the rooms that own connections. Owns nothing.
 * Never resolves a name on the loop: sock_connect is for workers.
 */
#ifndef BASE_SOCK_H
#define BASE_SOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define SOCK_ADDR_SIZE 64 /* "[::1]:65535" and the like */

/* A listening socket on ${host} ("127.0.0.1", "::1", "0.0.0.0") and ${port}
 * (0 = any free one); the descriptor is yours. -1 on failure. */
int sock_listen(const char *host, uint16_t port, struct err *e);
/* The port a listening socket has. */
uint16_t sock_port(int fd);
/* A listening unix socket at ${path} (mode 0600), replacing a stale one;
 * refuses (ERR_INVAL) when somebody answers there, when it is no socket, or
 * the path is over 100 bytes. */
int sock_listen_unix(const char *path, struct err *e);

/* Accept; -1 with ERR_NONE in ${e} when nobody waits. ${peer} gets the
 * address and port as text ("127.0.0.1:50312", "[::1]:50312"), ${ret_local}
 * whether it is this machine. */
int sock_accept(int listen_fd, char peer[SOCK_ADDR_SIZE], bool *ret_local,
    struct err *e);

/* The address alone of what sock_accept told ("127.0.0.1", "::1"). */
void sock_host_of(const char *peer, char dst[SOCK_ADDR_SIZE]);

struct sock_target {
	const char *host; /* address or name */
	uint16_t port;
	int timeout_ms; /* for all addresses of the name together */
	/* asked several times a second: give up now? NULL = never */
	bool (*stopped)(void *ctx);
	void *ctx;
};
/* [worker] Connect, trying each address. ERR_CANCELLED when stopped. */
int sock_connect(const struct sock_target *t, struct err *e);

/* Set what the banner says on ${fd}; errors are ignored where the system
 * lacks an option. */
void sock_setup(int fd);
/* Ask for an acknowledgement at once (Linux forgets this, so call it before
 * each read; elsewhere it does nothing). */
void sock_quickack(int fd);

/* Wait until ${fd} can be read (or written); false when the uptime clock
 * reached ${deadline_ns}. A dead socket counts as ready. */
bool sock_wait(int fd, bool write, int64_t deadline_ns);

/* Close ${*fd} unless -1, and set it to -1. */
void sock_close(int *fd);

#endif
