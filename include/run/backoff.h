/* SPDX-License-Identifier: MIT
 *
 * backoff: how long to wait after the nth failure in a row: 1, 2, 4 .. 60 s
 * with full jitter. Pure but for the random source.
 */
#ifndef RUN_BACKOFF_H
#define RUN_BACKOFF_H

#include <stdint.h>

#define BACKOFF_MAX_S 60

/* Seconds, at least 1, after ${failures} (from 1) in a row. */
int64_t backoff_s(unsigned failures);
/* The upper bound of the same, without jitter, for tests and status. */
int64_t backoff_limit_s(unsigned failures);

#endif
