/* SPDX-License-Identifier: MIT */
/* Named time zones over an ICU calendar. */
#include <stdio.h>
#include <string.h>

#include <unicode/ucal.h>
#include <unicode/ustring.h>

#include "base/lock.h"
#include "base/mem.h"
#include "base/str.h"
#include "text/zone.h"

#define ZONE_NAME_MAX 64
#define YEAR_0_UTC INT64_C(-62167219200)
#define YEAR_9999_UTC INT64_C(253402300799)

/* a calendar is set and asked in two steps: one thread at a time */
struct clockface {
	struct lock lock;
	/* shared, under lock */
	UCalendar *cal;
};

struct zone {
	/* set at birth, then constant */
	char name[ZONE_NAME_MAX];
	struct clockface *face; /* owned */
};

static int
find_zone(const char *name, UChar id[ZONE_NAME_MAX], struct err *e)
{
	UErrorCode code = U_ZERO_ERROR;
	int32_t n = 0;
	if (name[0] == '\0') {
		n = ucal_getDefaultTimeZone(id, ZONE_NAME_MAX, &code);
	} else {
		UChar canonical[ZONE_NAME_MAX];
		UBool is_system = false;
		u_strFromUTF8(id, ZONE_NAME_MAX, &n, name, -1, &code);
		(void)ucal_getCanonicalTimeZoneID(id, n, canonical,
		    ZONE_NAME_MAX, &is_system, &code); /* code tells */
	}
	if (U_SUCCESS(code) && n > 0 && n < ZONE_NAME_MAX)
		return 0;
	char seen[48];
	return err_set(e, ERR_INVAL, 0,
	    "time zone: want a name like Europe/London, have '%s'",
	    str_escape(seen, sizeof(seen), name, strlen(name)));
}

static int
open_calendar(struct zone *z, const UChar *id, struct err *e)
{
	UErrorCode code = U_ZERO_ERROR;
	UCalendar *cal = ucal_open(id, -1, "en_US_POSIX", UCAL_GREGORIAN,
	    &code);
	z->face->cal = cal;
	/* proleptic, as base/clock has it: no jump in 1582 */
	if (U_SUCCESS(code))
		ucal_setGregorianChange(cal, -8.64e15, &code);
	if (U_FAILURE(code))
		return err_set(e, ERR_INVAL, 0, "time zone '%s': %s", z->name,
		    u_errorName(code));
	ucal_setAttribute(cal, UCAL_REPEATED_WALL_TIME, UCAL_WALLTIME_FIRST);
	ucal_setAttribute(cal, UCAL_SKIPPED_WALL_TIME, UCAL_WALLTIME_LAST);
	return 0;
}

struct zone *
zone_new(const char *name, struct err *e)
{
	UChar id[ZONE_NAME_MAX];
	if (find_zone(name, id, e) < 0)
		return NULL;
	struct zone *z = mem_new(struct zone);
	z->face = mem_new(struct clockface);
	lock_init(&z->face->lock);
	int32_t n = 0;
	UErrorCode code = U_ZERO_ERROR;
	u_strToUTF8(z->name, ZONE_NAME_MAX, &n, id, -1, &code);
	if (U_FAILURE(code) || n >= ZONE_NAME_MAX) {
		(void)err_set(e, ERR_INVAL, 0, "time zone: name too long");
		zone_free(&z);
		return NULL;
	}
	if (open_calendar(z, id, e) < 0)
		zone_free(&z);
	return z;
}

void
zone_free(struct zone **pp)
{
	struct zone *z = *pp;
	*pp = NULL;
	if (z == NULL)
		return;
	ucal_close(z->face->cal); /* takes NULL */
	lock_done(&z->face->lock);
	mem_free(z->face);
	mem_free(z);
}

const char *
zone_name(const struct zone *z)
{
	return z->name;
}

/* The instant of a reading as the calendar's attributes have it. ICU fails
 * here only when memory does; then the reading counts as UTC. */
static int64_t
instant_locked(struct clockface *f, const struct civil *c)
{
	lock_assert_held(&f->lock);
	UErrorCode code = U_ZERO_ERROR;
	ucal_clear(f->cal);
	ucal_setDateTime(f->cal, c->year, c->month - 1, c->day, c->hour,
	    c->min, c->sec, &code);
	UDate ms = ucal_getMillis(f->cal, &code);
	return U_SUCCESS(code) ? (int64_t)(ms / 1000) : civil_to_utc(c);
}

static int64_t
offset_locked(struct clockface *f, int64_t utc_s)
{
	lock_assert_held(&f->lock);
	UErrorCode code = U_ZERO_ERROR;
	ucal_setMillis(f->cal, (double)utc_s * 1000, &code);
	int32_t zone_ms = ucal_get(f->cal, UCAL_ZONE_OFFSET, &code);
	int32_t dst_ms = ucal_get(f->cal, UCAL_DST_OFFSET, &code);
	return U_SUCCESS(code) ? (zone_ms + dst_ms) / 1000 : 0;
}

int64_t
zone_to_utc(const struct zone *z, const struct civil *c, bool *ret_odd)
{
	struct clockface *f = z->face;
	lock_acquire(&f->lock);
	int64_t utc = instant_locked(f, c);
	ucal_setAttribute(f->cal, UCAL_REPEATED_WALL_TIME, UCAL_WALLTIME_LAST);
	int64_t later = instant_locked(f, c);
	ucal_setAttribute(f->cal, UCAL_REPEATED_WALL_TIME,
	    UCAL_WALLTIME_FIRST);
	bool missing = utc + offset_locked(f, utc) != civil_to_utc(c);
	lock_release(&f->lock);
	if (ret_odd != NULL)
		*ret_odd = utc != later || missing;
	return utc;
}

struct civil
zone_of_utc(const struct zone *z, int64_t utc_s, int *ret_offset_s)
{
	lock_acquire(&z->face->lock);
	int64_t offset = offset_locked(z->face, utc_s);
	lock_release(&z->face->lock);
	*ret_offset_s = (int)offset;
	return civil_of_utc(utc_s + offset);
}

const char *
zone_format(const struct zone *z, char *dst, size_t size, int64_t utc_s)
{
	if (utc_s < YEAR_0_UTC + 86400)
		utc_s = YEAR_0_UTC + 86400;
	if (utc_s > YEAR_9999_UTC - 86400)
		utc_s = YEAR_9999_UTC - 86400;
	int offset = 0;
	struct civil c = zone_of_utc(z, utc_s, &offset);
	int east = (offset < 0 ? -offset : offset) / 60;
	(void)snprintf(dst, size, "%04d-%02d-%02dT%02d:%02d:%02d%c%02d:%02d",
	    c.year, c.month, c.day, c.hour, c.min, c.sec,
	    offset < 0 ? '-' : '+', east / 60, east % 60);
	return dst;
}

/* A reading position in a date-time; every step says whether it was there. */
struct reading {
	const char *p;
	struct civil c;
	bool has_time, has_zone;
	int offset_s;
};

static bool
take_digits(struct reading *r, size_t n, int *ret)
{
	int v = 0;
	for (size_t i = 0; i < n; i++) {
		if (r->p[i] < '0' || r->p[i] > '9')
			return false;
		v = v * 10 + (r->p[i] - '0');
	}
	r->p += n;
	*ret = v;
	return true;
}

static bool
take_char(struct reading *r, const char *set)
{
	if (*r->p == '\0' || strchr(set, *r->p) == NULL)
		return false;
	r->p++;
	return true;
}

static bool
take_date(struct reading *r)
{
	if (!take_digits(r, 4, &r->c.year))
		return false;
	bool extended = take_char(r, "-");
	if (!take_digits(r, 2, &r->c.month))
		return false;
	if (extended && !take_char(r, "-"))
		return false;
	return take_digits(r, 2, &r->c.day);
}

static bool
take_time(struct reading *r)
{
	r->has_time = true;
	if (!take_digits(r, 2, &r->c.hour))
		return false;
	bool extended = take_char(r, ":");
	if (!take_digits(r, 2, &r->c.min))
		return false;
	if (extended ? !take_char(r, ":") : *r->p < '0' || *r->p > '9')
		return true; /* without seconds */
	if (!take_digits(r, 2, &r->c.sec))
		return false;
	if (!take_char(r, ".,"))
		return true;
	size_t n = strspn(r->p, "0123456789"); /* a fraction is dropped */
	r->p += n;
	return n > 0;
}

static bool
take_zone(struct reading *r)
{
	r->has_zone = true;
	if (take_char(r, "Zz"))
		return true;
	int sign = *r->p == '-' ? -1 : 1;
	int h = 0, m = 0;
	if (!take_char(r, "+-") || !take_digits(r, 2, &h))
		return false;
	bool colon = take_char(r, ":");
	if ((colon || *r->p != '\0') && !take_digits(r, 2, &m))
		return false;
	r->offset_s = sign * (h * 3600 + m * 60);
	return h <= 18 && m <= 59;
}

static bool
take_all(struct reading *r)
{
	if (!take_date(r))
		return false;
	if (take_char(r, "Tt ") && !take_time(r))
		return false;
	if (r->has_time && *r->p != '\0' && !take_zone(r))
		return false;
	return *r->p == '\0' && civil_is_valid(&r->c);
}

int
zone_parse(const struct zone *z, const char *s, int64_t *ret_utc_s,
    bool *ret_date_only, struct err *e)
{
	struct reading r = {.p = s};
	char seen[48];
	if (!take_all(&r))
		return err_set(e, ERR_PARSE, 0,
		    "time: want 2026-11-25T08:00 or the like, have '%s'",
		    str_escape(seen, sizeof(seen), s, strlen(s)));
	*ret_utc_s = r.has_zone ? civil_to_utc(&r.c) - r.offset_s :
				  zone_to_utc(z, &r.c, NULL);
	if (ret_date_only != NULL)
		*ret_date_only = !r.has_time;
	return 0;
}
