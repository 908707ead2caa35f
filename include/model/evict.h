/* SPDX-License-Identifier: MIT
 *
 * evict: which study goes when room is needed. Pure.
 */
#ifndef MODEL_EVICT_H
#define MODEL_EVICT_H

#include <stdbool.h>
#include <stdint.h>

#include "model/board.h"

typedef bool evict_in_use_fn(void *ctx, const char *study_uid);

/* The study to evict next: holds bytes, no case wants it, nobody keeps it,
 * not in use, not being fetched; the least recently used of those. NULL when
 * there is none. A linear walk: 20,000 studies take well under 1 ms. */
struct board_study *evict_victim(const struct board *b,
    evict_in_use_fn *in_use, void *ctx);

/* When pins alone do not fit: the study whose earliest case is furthest
 * away, provided it starts later than ${before_utc} (the case that needs the
 * room). NULL when there is none. */
struct board_study *evict_furthest(const struct board *b, int64_t before_utc,
    evict_in_use_fn *in_use, void *ctx);

#endif
