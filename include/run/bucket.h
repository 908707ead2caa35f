/* SPDX-License-Identifier: MIT
 *
 * bucket: how long to wait so that no more than so many bytes a second come,
 * a moment's worth at once aside.
 * Called on [any] thread; time is an argument.
 * Owns nothing but a lock. Never waits itself.
 */
#ifndef RUN_BUCKET_H
#define RUN_BUCKET_H

#include <stddef.h>
#include <stdint.h>

#define BUCKET_BURST_MS 100 /* what was not used counts for so long */

struct bucket;

/* ${rate} in bytes a second; 0 = no limit. */
struct bucket *bucket_new(uint64_t rate);
/* NULL is fine. */
void bucket_free(struct bucket **pp);
/* ${n} bytes came at ${now_ns} of a clock that never goes back: the ns to
 * wait before the next are taken, 0 when there is no need. Who comes meanwhile
 * waits for these as well. A NULL bucket has no limit. */
int64_t bucket_take(struct bucket *b, size_t n, int64_t now_ns);

#endif
