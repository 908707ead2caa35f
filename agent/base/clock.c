/* SPDX-License-Identifier: MIT */
/* The clocks, and days to dates and back. */
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"

static _Atomic(const struct clock_source *) source;

#ifdef __APPLE__
#define CLOCK_UPTIME_ID CLOCK_UPTIME_RAW
#define CLOCK_CONTINUOUS_ID CLOCK_MONOTONIC_RAW
#else
#define CLOCK_UPTIME_ID CLOCK_MONOTONIC
#define CLOCK_CONTINUOUS_ID CLOCK_BOOTTIME
#endif

static int64_t
read_ns(clockid_t id)
{
	struct timespec ts = {0};
	(void)clock_gettime(id, &ts); /* cannot fail for these ids */
	return (int64_t)ts.tv_sec * CLOCK_S + ts.tv_nsec;
}

int64_t
clock_uptime_ns(void)
{
	const struct clock_source *s = atomic_load(&source);
	return s != NULL ? s->uptime_ns(s->ctx) : read_ns(CLOCK_UPTIME_ID);
}

int64_t
clock_continuous_ns(void)
{
	const struct clock_source *s = atomic_load(&source);
	return s != NULL ? s->continuous_ns(s->ctx) :
			   read_ns(CLOCK_CONTINUOUS_ID);
}

int64_t
clock_utc_ms(void)
{
	const struct clock_source *s = atomic_load(&source);
	return s != NULL ? s->utc_ms(s->ctx) :
			   read_ns(CLOCK_REALTIME) / CLOCK_MS;
}

int64_t
clock_utc_s(void)
{
	return clock_utc_ms() / 1000;
}

void
clock_set_source(const struct clock_source *src)
{
	atomic_store(&source, src);
}

/* The era arithmetic of Howard Hinnant's "chrono-compatible low-level date
 * algorithms": a year begins on 1 March, so the leap day comes last. */
int64_t
civil_days(int year, int month, int day)
{
	int64_t y = month <= 2 ? (int64_t)year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t yoe = y - era * 400;
	int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
	return era * 146097 + doe - 719468;
}

bool
civil_is_valid(const struct civil *c)
{
	static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30,
	    31};
	if (c->month < 1 || c->month > 12 || c->day < 1 ||
	    c->day > days[c->month - 1])
		return false;
	bool leap = (c->year % 4 == 0 && c->year % 100 != 0) ||
	    c->year % 400 == 0;
	if (c->month == 2 && c->day == 29 && !leap)
		return false;
	return c->year >= 0 && c->year <= 9999 && c->hour >= 0 &&
	    c->hour < 24 && c->min >= 0 && c->min < 60 && c->sec >= 0 &&
	    c->sec < 60;
}

struct civil
civil_of_utc(int64_t utc_s)
{
	int64_t days = utc_s / 86400 - (utc_s % 86400 < 0);
	int64_t rest = utc_s - days * 86400;
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;
	int month = (int)(mp < 10 ? mp + 3 : mp - 9);
	return (struct civil){
	    .year = (int)(yoe + era * 400 + (month <= 2)),
	    .month = month,
	    .day = (int)(doy - (153 * mp + 2) / 5 + 1),
	    .hour = (int)(rest / 3600),
	    .min = (int)(rest / 60 % 60),
	    .sec = (int)(rest % 60),
	};
}

int64_t
civil_to_utc(const struct civil *c)
{
	return civil_days(c->year, c->month, c->day) * 86400 +
	    (int64_t)c->hour * 3600 + c->min * 60 + c->sec;
}

const char *
clock_format_utc(char *dst, size_t size, int64_t utc_s)
{
	const int64_t year_0 = INT64_C(-62167219200);
	const int64_t year_9999 = INT64_C(253402300799);
	if (utc_s < year_0)
		utc_s = year_0;
	if (utc_s > year_9999)
		utc_s = year_9999;
	struct civil c = civil_of_utc(utc_s);
	(void)snprintf(dst, size, "%04d-%02d-%02dT%02d:%02d:%02dZ", c.year,
	    c.month, c.day, c.hour, c.min, c.sec);
	return dst;
}
