/* SPDX-License-Identifier: MIT
 *
 * clock: three clocks, one source, and the civil calendar.
 * Called by every room, on any thread.
 * uptime stops while the machine sleeps (time-outs of live sockets);
 * continuous does not; utc is the wall clock (the schedule). Never mix them.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLOCK_S INT64_C(1000000000) /* nanoseconds */
#define CLOCK_MS INT64_C(1000000)

int64_t clock_uptime_ns(void);
int64_t clock_continuous_ns(void);
int64_t clock_utc_s(void);
int64_t clock_utc_ms(void);

/* Replace all three clocks, for tests; NULL restores the real ones. The
 * struct is borrowed until replaced. */
struct clock_source {
	int64_t (*uptime_ns)(void *ctx);
	int64_t (*continuous_ns)(void *ctx);
	int64_t (*utc_ms)(void *ctx);
	void *ctx;
};
void clock_set_source(const struct clock_source *src);

/* A wall-clock reading without a zone; proleptic Gregorian. */
struct civil {
	int year, month, day; /* 1..12, 1..31 */
	int hour, min, sec;
};

/* Days since 1970-01-01 of a civil date, and whether a date exists. */
int64_t civil_days(int year, int month, int day);
bool civil_is_valid(const struct civil *c);
/* The reading in UTC of ${utc_s}, and back. */
struct civil civil_of_utc(int64_t utc_s);
int64_t civil_to_utc(const struct civil *c);

/* "2026-11-24T22:50:23Z" into ${dst} of at least 21 bytes; returns ${dst}.
 * Years beyond 0..9999 print as the nearest bound. */
const char *clock_format_utc(char *dst, size_t size, int64_t utc_s);

#endif
