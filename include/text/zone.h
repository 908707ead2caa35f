/* SPDX-License-Identifier: MIT
 *
 * zone: wall-clock readings of a named time zone (ICU's tz database).
 * Called on any thread (a lock inside). Owns an ICU calendar.
 * Never uses the zone of the machine unless asked for "".
 */
#ifndef TEXT_ZONE_H
#define TEXT_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"

struct zone;

/* ${name} as in "Europe/London", "UTC"; "" is the machine's zone. Unknown
 * names are ERR_INVAL. */
struct zone *zone_new(const char *name, struct err *e);
void zone_free(struct zone **pp);
const char *zone_name(const struct zone *z);

/* The instant of a reading. In the repeated hour of autumn the earlier one;
 * in the missing hour of spring shifted forward (schedule rule). ${ret_odd}
 * (may be NULL) says that one of the two was met. */
int64_t zone_to_utc(const struct zone *z, const struct civil *c,
    bool *ret_odd);
/* The reading at an instant, and the offset east of UTC in seconds. */
struct civil zone_of_utc(const struct zone *z, int64_t utc_s,
    int *ret_offset_s);
/* "2026-11-25T08:00:00+01:00" into ${dst} (26 bytes at least). */
const char *zone_format(const struct zone *z, char *dst, size_t size,
    int64_t utc_s);

/* Read an ISO 8601 date-time: "2026-11-25T08:00[:00[.000]]" (a blank is
 * taken for T, basic form 20261125T0800 too) with Z, +hh:mm, +hhmm or +hh,
 * or none, then in ${z}. A date alone is the beginning of that day and sets
 * ${ret_date_only} (may be NULL). ERR_PARSE otherwise. */
int zone_parse(const struct zone *z, const char *s, int64_t *ret_utc_s,
    bool *ret_date_only, struct err *e);

#endif
