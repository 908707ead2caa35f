/* SPDX-License-Identifier: MIT
 *
 * err: what went wrong, as a value on the caller's stack.
 * Called by every room, on any thread. Owns nothing, never allocates.
 * Never carries patient data: a message names the attempt and the fault.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

enum err_code {
	ERR_NONE,
	ERR_NOMEM,
	ERR_INVAL, /* not valid */
	ERR_PARSE, /* cannot be read */
	ERR_IO, /* input or output failed */
	ERR_NET, /* network failed */
	ERR_TIMEOUT,
	ERR_PEER, /* it refused or misbehaved */
	ERR_FULL, /* no room */
	ERR_CORRUPT, /* damaged */
	ERR_CANCELLED,
};

struct err {
	enum err_code code;
	int sys; /* errno at the fault, 0 when it was not a system call */
	const char *where; /* function that found the fault */
	char msg[240];
};

/* Fill ${e} and return -1, so that a failure reads
 * `return err_set(e, ERR_IO, errno, "write '%s'", name);`. When ${sys} is
 * not 0 its text is appended. ${e} is never NULL. */
#define err_set(e, code, sys, ...) \
	err_set_at((e), (code), (sys), __func__, __VA_ARGS__)
int err_set_at(struct err *e, enum err_code code, int sys, const char *where,
    const char *fmt, ...) __attribute__((format(printf, 5, 6), cold));

/* Put "what was attempted: " before the message of ${e}; return -1. */
int err_prefix(struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3), cold));

#endif
