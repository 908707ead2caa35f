/* SPDX-License-Identifier: MIT
 *
 * pattern: Unicode regular expressions (ICU), with limits on time and stack.
 * Compiled at start; matching is called on any thread (it clones). Patterns
 * match case-insensitively on NFKC text, in which an underscore separates
 * words ("cine_sax" has the word "sax"); a pattern may still name it.
 */
#ifndef TEXT_PATTERN_H
#define TEXT_PATTERN_H

#include <stddef.h>

#include "base/err.h"

#define PATTERN_TIME_MS 20 /* about, by ICU's step count; then -1 */

struct pattern;

/* Compile ${source}; the message of a failure names the position. */
struct pattern *pattern_new(const char *source, struct err *e);
void pattern_free(struct pattern **pp);
/* Search ${utf8}: 1 found, 0 not, -1 the limit was reached. What was found
 * is copied into ${found} (may be NULL), cut at ${size}. Only the first 2048
 * bytes are searched. */
int pattern_find(const struct pattern *p, const char *utf8, char *found,
    size_t size);

#endif
