/* SPDX-License-Identifier: MIT
 *
 * decode_priv: what the files of understudy-decode share: the sandbox, the
 * toolkit, the test of the first. A program of its own, of one thread.
 * Never learns where an object comes from or goes to.
 */
#ifndef DECODE_DECODE_PRIV_H
#define DECODE_DECODE_PRIV_H

#include <stddef.h>
#include <stdint.h>

/* memory and time checkers need more of the system than the sandbox grants */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANDBOX_LIMITS_ONLY 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANDBOX_LIMITS_ONLY 1
#endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

#include "base/err.h"

/* Give up everything but the three standard descriptors, memory and time:
 * for good. All that needs a file must be loaded before. */
int sandbox_enter(struct err *e);

/* Try, inside the sandbox, what it forbids; print what came of each. 0 when
 * all of it was refused. */
int sandbox_test_run(void);

/* Load the dictionary and the codecs; silence the toolkit. */
int transcode_init(struct err *e);

struct transcoded;

/* Rewrite ${n} bytes at ${*take} (from mem_try; consumed) from syntax ${from}
 * in ${to}; ${ret_n} gets the length of the result. NULL with a reason of
 * fixed words. */
struct transcoded *transcode(uint8_t **take, size_t n, const char *from,
    const char *to, uint64_t *ret_n, struct err *e);
/* The next up to ${max} bytes of the result; ${ret_n} 0 at its end. */
int transcoded_read(struct transcoded *t, void *p, size_t max, size_t *ret_n,
    struct err *e);
void transcoded_free(struct transcoded **pp);

#ifdef __cplusplus
}
#endif

#endif
