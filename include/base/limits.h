/* SPDX-License-Identifier: MIT
 *
 * limits: what a peer may make us hold, count or wait for, as one struct.
 * Set once at start, before any thread; read on any thread from then on.
 * A limit that bounds an array can only be set lower than the array.
 */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

#include <stdint.h>

#include "base/limits.tbl.h"

#ifdef __cplusplus
extern "C" {
#endif

#define LIMIT_TYPE_size uint64_t /* bytes */
#define LIMIT_TYPE_count unsigned
#define LIMIT_TYPE_duration int64_t /* s */

struct limit_values {
#define LIMIT_FIELD(a, section, key, kind, ...) LIMIT_TYPE_##kind key;
	LIMIT_ROWS(LIMIT_FIELD, )
#undef LIMIT_FIELD
};

/* What holds now; the defaults until limits_set. */
const struct limit_values *limits(void);
/* Copy ${l}; NULL: the defaults again (tests). */
void limits_set(const struct limit_values *l);

#ifdef __cplusplus
}
#endif
#endif
