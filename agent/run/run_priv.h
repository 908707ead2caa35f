/* SPDX-License-Identifier: MIT
 *
 * run_priv: the watch on slow callbacks, kept apart from ev.h.
 */
#ifndef RUN_PRIV_H
#define RUN_PRIV_H

#include <stdint.h>

#define LOOP_SLOW_MS 50 /* a callback beyond is warned about */

/* Count and warn if the callback that ${began_ns} (uptime) was slow. ${fn}
 * is its address as a number. */
void loop_timed(const char *what, intptr_t fn, int64_t began_ns);

#endif
