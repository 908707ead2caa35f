/* SPDX-License-Identifier: MIT
 *
 * err: what went wrong, as a value on the caller's stack.
 * Called by every room, on any thread. Owns nothing, never allocates.
 * Never carries patient data: a message names the attempt and the fault.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>

/* name, its text in logs and for people, whether trying again may help */
#define ERR_CODES(X) \
	X(NONE, "none", "no error", 0) \
	X(NOMEM, "nomem", "out of memory", 1) \
	X(INVAL, "inval", "not valid", 0) \
	X(PARSE, "parse", "cannot be read", 0) \
	X(IO, "io", "input or output failed", 1) \
	X(NET, "net", "network failed", 1) \
	X(TIMEOUT, "timeout", "took too long", 1) \
	X(PEER, "peer", "the peer refused or misbehaved", 1) \
	X(FULL, "full", "no room", 1) \
	X(CORRUPT, "corrupt", "damaged", 0) \
	X(CANCELLED, "cancelled", "cancelled", 0)

enum err_code {
#define ERR_ENUM(id, name, text, retry) ERR_##id,
	ERR_CODES(ERR_ENUM)
#undef ERR_ENUM
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

/* Name of ${code} in lower case, for logs; text for people; retry flag. */
const char *err_name(enum err_code code);
const char *err_text(enum err_code code);
bool err_is_retryable(const struct err *e);

#endif
