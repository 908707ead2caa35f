/* SPDX-License-Identifier: MIT
 *
 * assoc_peer: a raw peer for tests of associations: it says any bytes, and
 * what it hears is put into words ("abort 2/1 release-rq").
 */
#ifndef TESTS_DICOM_ASSOC_PEER_H
#define TESTS_DICOM_ASSOC_PEER_H

#include <sys/socket.h>

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/str.h"
#include "dicom/assoc_priv.h"

#define ECHO_CLASS "1.2.840.10008.1.1"
#define MR_CLASS "1.2.840.10008.5.1.4.1.1.4"
#define IMPLICIT_LE "1.2.840.10008.1.2"
#define EXPLICIT_LE "1.2.840.10008.1.2.1"
#define RAW_MAX (16 * 1024 * 1024)

enum { RAW_DATA = 0, RAW_COMMAND = 1, RAW_LAST = 2 }; /* PS3.8 annex E.2 */

/* Append a PDU of ${type} that says it has ${n} bytes and has them. */
static inline void
raw_pdu(struct buf *b, uint8_t type, const void *body, uint32_t n)
{
	buf_add_u8(b, type);
	buf_add_u8(b, 0);
	buf_add_u32be(b, n);
	if (n > 0)
		buf_add(b, body, n);
}

/* Append a P-DATA-TF with one PDV. */
static inline void
raw_pdv(struct buf *b, uint8_t context, int flags, const void *p, uint32_t n)
{
	buf_add_u8(b, PDU_DATA);
	buf_add_u8(b, 0);
	buf_add_u32be(b, n + 6);
	buf_add_u32be(b, n + 2);
	buf_add_u8(b, context);
	buf_add_u8(b, (uint8_t)flags);
	if (n > 0)
		buf_add(b, p, n);
}

/* The command set of a C-ECHO-RQ, or with ${store} of a C-STORE-RQ. */
static inline void
raw_command_set(struct buf *b, uint16_t id, bool store)
{
	struct dimse d = {.command = store ? DIMSE_C_STORE_RQ :
	    DIMSE_C_ECHO_RQ, .message_id = id, .has_data = store};
	(void)str_copy(d.class_uid, UID_SIZE, store ? MR_CLASS : ECHO_CLASS);
	if (store)
		(void)str_copy(d.instance_uid, UID_SIZE, "1.2.3");
	dimse_format(b, &d);
}

static inline void
raw_command(struct buf *b, uint8_t context, uint16_t id, bool store)
{
	struct buf set;
	buf_init(&set, 4096);
	raw_command_set(&set, id, store);
	raw_pdv(b, context, RAW_COMMAND | RAW_LAST, set.p,
	    (uint32_t)set.len);
	buf_done(&set);
}

/* A request for verification (1) and MR storage (3), and its answer. */
static inline void
raw_associate_of(struct pdu_associate *a, bool answer, uint32_t max_pdu)
{
	static const char *const implicit[] = {IMPLICIT_LE};
	static const char *const both[] = {EXPLICIT_LE, IMPLICIT_LE};
	*a = (struct pdu_associate){.version = 1, .max_pdu = max_pdu};
	(void)str_copy(a->called, AE_SIZE, "UNDERSTUDY");
	(void)str_copy(a->calling, AE_SIZE, "TESTER");
	(void)pdu_add_context(a, 1, ECHO_CLASS, implicit, 1);
	(void)pdu_add_context(a, 3, MR_CLASS, both, answer ? 1 : 2);
}

static inline void
raw_associate(struct buf *b, enum pdu_type type, uint32_t max_pdu)
{
	struct pdu_associate a;
	raw_associate_of(&a, type == PDU_ASSOCIATE_AC, max_pdu);
	pdu_format_associate(b, type, &a);
	pdu_associate_done(&a);
}

/* A well-formed PDU of any type, and of any that there is not. */
static inline void
raw_any(struct buf *b, int type)
{
	static const uint8_t four[4] = {0, 1, 1, 1};
	if (type == PDU_ASSOCIATE_RQ || type == PDU_ASSOCIATE_AC)
		raw_associate(b, (enum pdu_type)type, 16384);
	else if (type == PDU_DATA)
		raw_command(b, 1, 7, false);
	else
		raw_pdu(b, (uint8_t)type, four, 4);
}

/* Write all of ${b}; false when the peer does not take it. */
static inline bool
raw_write(int fd, const struct buf *b)
{
	size_t at = 0;
	while (at < b->len) {
		ssize_t n = write(fd, b->p + at, b->len - at);
		if (n <= 0)
			return false;
		at += (size_t)n;
	}
	return true;
}

/* Read what has come, until nothing more is there or the end. True at the
 * end. */
static inline bool
raw_read(int fd, struct buf *b)
{
	uint8_t some[16384];
	for (;;) {
		ssize_t n = recv(fd, some, sizeof(some), MSG_DONTWAIT);
		if (n <= 0)
			return n == 0;
		buf_add(b, some, (size_t)n);
	}
}

/* The same, waiting for the end. */
static inline void
raw_read_end(int fd, struct buf *b)
{
	uint8_t some[65536];
	ssize_t n = read(fd, some, sizeof(some));
	while (n > 0) {
		buf_add(b, some, (size_t)n);
		n = read(fd, some, sizeof(some));
	}
}

/* What was heard in words, one a PDU. */
static inline const char *
raw_words(const struct buf *b, char *dst, size_t size)
{
	static const char *const names[] = {"?", "rq", "ac", "rj", "data",
	    "release-rq", "release-rp", "abort"};
	size_t at = 0, k = 0;
	dst[0] = '\0';
	while (at + 10 <= b->len && k < size) {
		const uint8_t *p = b->p + at;
		const char *gap = k == 0 ? "" : " ";
		int n;
		if (p[0] == PDU_ABORT)
			n = snprintf(dst + k, size - k, "%sabort %u/%u", gap,
			    p[8], p[9]);
		else if (p[0] == PDU_ASSOCIATE_RJ)
			n = snprintf(dst + k, size - k, "%srj %u/%u/%u", gap,
			    p[7], p[8], p[9]);
		else
			n = snprintf(dst + k, size - k, "%s%s", gap,
			    names[p[0] < 8 ? p[0] : 0]);
		k += (size_t)n;
		at += PDU_HEAD + ((size_t)p[2] << 24 | (size_t)p[3] << 16 |
		    (size_t)p[4] << 8 | p[5]);
	}
	if (at != b->len && k < size) /* a PDU in part */
		(void)snprintf(dst + k, size - k, " +%zu", b->len % 1000000);
	return dst;
}

/* An association in ${state} over a socket pair; contexts 1 and 3. */
static inline struct assoc *
raw_assoc(int *ret_peer, enum ul_state state, uint32_t peer_max,
    struct assoc_stop *stop)
{
	int fd[2];
	struct err e;
	struct pdu_associate rq, ac;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) != 0)
		return NULL;
	sock_setup(fd[0]);
	struct assoc *a = assoc_new(fd[0], state, stop);
	raw_associate_of(&rq, false, peer_max);
	raw_associate_of(&ac, true, peer_max);
	if (assoc_agree(a, &rq, &ac, &e) != 0)
		assoc_drop(&a);
	*ret_peer = fd[1];
	return a;
}

/* A clock that jumps at each reading, once it is told to: whoever waits has
 * waited long enough. */
static atomic_llong raw_clock_ns, raw_clock_step_ns;

static inline int64_t
raw_clock_read(void *ctx)
{
	(void)ctx; /* there is one */
	return atomic_fetch_add(&raw_clock_ns,
	    atomic_load(&raw_clock_step_ns));
}

static inline int64_t
raw_clock_utc(void *ctx)
{
	return raw_clock_read(ctx) / CLOCK_MS;
}

static inline void
raw_clock_start(int64_t step_ms)
{
	static const struct clock_source src = {.uptime_ns = raw_clock_read,
	    .continuous_ns = raw_clock_read, .utc_ms = raw_clock_utc};
	atomic_store(&raw_clock_ns, CLOCK_S);
	atomic_store(&raw_clock_step_ns, step_ms * CLOCK_MS);
	clock_set_source(&src);
}

/* From now on, and by that much already, for those who wait at present. */
static inline void
raw_clock_jump(int64_t step_ms)
{
	atomic_store(&raw_clock_step_ns, step_ms * CLOCK_MS);
	(void)raw_clock_read(NULL); /* the jump is what matters */
}

/* A port on the loopback address; the socket is yours. */
static inline int
raw_listen(uint16_t *ret_port)
{
	struct err e;
	int fd = sock_listen("127.0.0.1", 0, &e);
	*ret_port = fd < 0 ? 0 : sock_port(fd);
	return fd;
}

static inline int
raw_accept(int listener)
{
	struct pollfd p = {.fd = listener, .events = POLLIN};
	return poll(&p, 1, 10000) == 1 ? accept(listener, NULL, NULL) : -1;
}

static inline int
raw_connect(uint16_t port)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
	    .sin_port = htons(port)};
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
		sock_close(&fd);
	return fd;
}

#endif
