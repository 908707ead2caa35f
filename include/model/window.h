/* SPDX-License-Identifier: MIT
 *
 * window: the hours for bulk work, "19:00-06:30"; pure.
 */
#ifndef MODEL_WINDOW_H
#define MODEL_WINDOW_H

#include <stdbool.h>

#include "base/err.h"

struct window {
	int from_min, to_min; /* minutes after midnight; equal = always */
};

/* "19:00-06:30"; "always" or "00:00-24:00" is the whole day. */
int window_parse(const char *s, struct window *ret, struct err *e);
bool window_is_open(const struct window *w, int minute_of_day);
/* Minutes from ${minute_of_day} until it opens; 0 when open. */
int window_opens_in(const struct window *w, int minute_of_day);

#endif
