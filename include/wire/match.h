/* SPDX-License-Identifier: MIT
 *
 * match: whether an entity answers a question (PS3.4 C.2.2.2), the same for
 * C-FIND and for QIDO-RS.
 * Called on any thread; pure.
 * Keys that it cannot judge it lets pass; never reads an index.
 */
#ifndef WIRE_MATCH_H
#define WIRE_MATCH_H

#include <stdbool.h>

#include "wire/attrs.h"

/* Does ${value} of ${vr} match the key's value? */
bool match_value(const char *vr, const char *key, const char *value);
/* All keys of ${keys} against ${as}, but for the level, the character set,
 * what was computed for the answer and lists of UIDs, which the index looks
 * up. */
bool match_all(const struct attrs *keys, const struct attrs *as);

#endif
