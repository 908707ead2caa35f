/* SPDX-License-Identifier: MIT */
/* One function for each kind of value in the configuration file. */
#include <arpa/inet.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "main/conf_priv.h"

struct unit {
	const char *name;
	int64_t factor;
};

static const struct unit size_units[] = {
	{ "B", 1 },
	{ "kB", 1000 },
	{ "KB", 1000 },
	{ "KiB", INT64_C(1) << 10 },
	{ "MB", 1000000 },
	{ "MiB", INT64_C(1) << 20 },
	{ "GB", 1000000000 },
	{ "GiB", INT64_C(1) << 30 },
	{ "TB", INT64_C(1000000000000) },
	{ "TiB", INT64_C(1) << 40 },
	{ "PiB", INT64_C(1) << 50 },
	{ NULL, 0 },
};

static const struct unit duration_units[] = {
	{ "s", 1 },
	{ "min", 60 },
	{ "h", 3600 },
	{ "d", 86400 },
	{ NULL, 0 },
};

static const struct unit month_units[] = {
	{ "month", 1 },
	{ "months", 1 },
	{ "year", 12 },
	{ "years", 12 },
	{ NULL, 0 },
};

static const struct unit rate_units[] = {
	{ "kbit/s", 1000 },
	{ "Mbit/s", 1000000 },
	{ "Gbit/s", 1000000000 },
	{ NULL, 0 },
};

/* "200 GiB" or "200GiB": digits, blanks, one of ${units}. */
static bool
parse_unit(const char *s, const struct unit *units, const struct conf_key *k,
    int64_t *ret)
{
	size_t digits = strspn(s, "0123456789");
	const char *name = s + digits + strspn(s + digits, " \t");
	int64_t n;
	if (!str_to_i64_n(s, digits, 0, INT64_MAX, &n))
		return false;
	for (const struct unit *u = units; u->name != NULL; u++) {
		if (!str_eq(u->name, name))
			continue;
		if (n > k->max / u->factor || n * u->factor < k->min)
			return false;
		*ret = n * u->factor;
		return true;
	}
	return false;
}

static bool
has_control(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7F)
			return true;
	return false;
}

int
conf_parse_text(const struct conf_key *k, const char *value, void *dst,
    struct err *e)
{
	(void)e; /* the row says it all */
	if ((k->min > 0 && value[strspn(value, ", \t")] == '\0') ||
	    has_control(value) || strlen(value) >= k->size)
		return -1;
	(void)str_copy(dst, k->size, value); /* it fits */
	return 0;
}

int
conf_parse_path(const struct conf_key *k, const char *value, void *dst,
    struct err *e)
{
	(void)e; /* the row says it all */
	size_t n = strlen(value);
	if (n < (size_t)k->min || has_control(value) || n >= k->size)
		return -1;
	while (n > 1 && value[n - 1] == '/')
		n--;
	(void)str_copy_n(dst, k->size, value, n); /* it fits */
	return 0;
}

int
conf_parse_heap_path(const struct conf_key *k, const char *value, void *dst,
    struct err *e)
{
	(void)e; /* the row says it all */
	char **place = dst;
	if (strlen(value) < (size_t)k->min || has_control(value))
		return -1;
	mem_free(*place);
	*place = str_dup(value);
	return 0;
}

int
conf_parse_flag(const struct conf_key *k, const char *value, void *dst,
    struct err *e)
{
	(void)k;
	(void)e; /* the row says it all */
	bool *place = dst;
	if (!str_eq(value, "yes") && !str_eq(value, "no"))
		return -1;
	*place = str_eq(value, "yes");
	return 0;
}

int
conf_parse_number(const struct conf_key *k, const char *value, void *dst,
    struct err *e)
{
	(void)e; /* the row says it all */
	return str_to_i64(value, k->min, k->max, dst) ? 0 : -1;
}

int
conf_parse_count(const struct conf_key *k, const char *value, void *dst,
    struct err *e)
{
	(void)e; /* the row says it all */
	unsigned *place = dst;
	int64_t n;
	if (!str_to_i64(value, k->min, k->max, &n))
		return -1;
	*place = (unsigned)n;
	return 0;
}

int
conf_parse_size(const struct conf_key *k, const char *value, void *dst,
    struct err *e)
{
	(void)e; /* the row says it all */
	uint64_t *place = dst;
	int64_t n;
	if (!parse_unit(value, size_units, k, &n))
		return -1;
	*place = (uint64_t)n;
	return 0;
}

int
conf_parse_duration(const struct conf_key *k, const char *value, void *dst,
    struct err *e)
{
	(void)e; /* the row says it all */
	return parse_unit(value, duration_units, k, dst) ? 0 : -1;
}

int
conf_parse_months(const struct conf_key *k, const char *value, void *dst,
    struct err *e)
{
	(void)e; /* the row says it all */
	unsigned *place = dst;
	int64_t n;
	if (!parse_unit(value, month_units, k, &n))
		return -1;
	*place = (unsigned)n;
	return 0;
}

int
conf_parse_window(const struct conf_key *k, const char *value, void *dst,
    struct err *e)
{
	(void)k;
	if (window_parse(value, dst, e) == -1) {
		e->msg[0] = '\0'; /* the row says the same */
		return -1;
	}
	return 0;
}

/* "[::1]" and "::1" are the same host. False when it is no host. */
static bool
copy_host(char *dst, size_t size, const char *s, size_t n)
{
	if (n > 2 && s[0] == '[' && s[n - 1] == ']') {
		s++;
		n -= 2;
	}
	if (n == 0 || n >= size)
		return false;
	for (size_t i = 0; i < n; i++)
		if (strchr("abcdefghijklmnopqrstuvwxyz"
			   "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:%",
		        s[i]) == NULL)
			return false;
	return str_copy_n(dst, size, s, n);
}

static bool
is_numeric_host(const char *host)
{
	struct in6_addr a; /* room for both families */
	return inet_pton(AF_INET, host, &a) == 1 ||
	    inet_pton(AF_INET6, host, &a) == 1;
}

int
conf_parse_listen(const struct conf_key *k, const char *value, void *dst,
    struct err *e)
{
	(void)k;
	(void)e; /* the row says it all */
	struct conf_endpoint p;
	int64_t port;
	const char *colon = strrchr(value, ':');
	if (colon == NULL || !str_to_i64(colon + 1, 1, 65535, &port))
		return -1;
	size_t n = (size_t)(colon - value);
	/* "::1:80" could be read in two ways (RFC 3986 3.2.2) */
	if (memchr(value, ':', n) != NULL && value[0] != '[')
		return -1;
	if (!copy_host(p.host, sizeof(p.host), value, n) ||
	    !is_numeric_host(p.host))
		return -1;
	p.port = (uint16_t)port;
	memcpy(dst, &p, sizeof(p));
	return 0;
}

int
conf_parse_host(const struct conf_key *k, const char *value, void *dst,
    struct err *e)
{
	(void)e; /* the row says it all */
	char host[256];
	if (!copy_host(host, sizeof(host), value, strlen(value)))
		return -1;
	/* colons belong to IPv6 addresses alone; "pacs:104" is a mistake */
	if (strchr(host, ':') != NULL && strchr(host, '%') == NULL &&
	    !is_numeric_host(host))
		return -1;
	return str_copy(dst, k->size, host) ? 0 : -1;
}

int
conf_parse_port(const struct conf_key *k, const char *value, void *dst,
    struct err *e)
{
	(void)e; /* the row says it all */
	uint16_t *place = dst;
	int64_t n;
	if (!str_to_i64(value, k->min, k->max, &n))
		return -1;
	*place = (uint16_t)n;
	return 0;
}

/* PS3.5 6.2, AE: the default repertoire without backslash and controls; 16
 * characters, not all of them blanks (outer ones are cut already). */
int
conf_parse_ae_title(const struct conf_key *k, const char *value, void *dst,
    struct err *e)
{
	(void)e; /* the row says it all */
	size_t n = strlen(value);
	if (n == 0 || n > 16)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (value[i] < ' ' || value[i] > '~' || value[i] == '\\')
			return -1;
	return str_copy(dst, k->size, value) ? 0 : -1;
}

int
conf_parse_retrieve(const struct conf_key *k, const char *value, void *dst,
    struct err *e)
{
	(void)k;
	(void)e; /* the row says it all */
	enum conf_retrieve *place = dst;
	if (str_eq(value, "c-get"))
		*place = CONF_C_GET;
	else if (str_eq(value, "c-move"))
		*place = CONF_C_MOVE;
	else if (str_eq(value, "wado-rs"))
		*place = CONF_WADO_RS;
	else
		return -1;
	return 0;
}

int
conf_parse_regex(const struct conf_key *k, const char *value, void *dst,
    struct err *e)
{
	(void)k;
	struct pattern **place = dst;
	if (value[0] == '\0')
		return 0; /* the built-in one, or none */
	struct pattern *p = pattern_new(value, e);
	if (p == NULL)
		return -1;
	pattern_free(place);
	*place = p;
	return 0;
}

int
conf_parse_zone(const struct conf_key *k, const char *value, void *dst,
    struct err *e)
{
	(void)k;
	struct zone **place = dst;
	struct zone *z = zone_new(value, e);
	if (z == NULL)
		return -1;
	zone_free(place);
	*place = z;
	return 0;
}

/* Bits in the file, bytes inside; "off" is none. */
int
conf_parse_rate(const struct conf_key *k, const char *value, void *dst,
    struct err *e)
{
	(void)k;
	(void)e; /* the row says it all */
	const struct conf_key any = { .min = 8000, .max = INT64_MAX };
	uint64_t *place = dst;
	int64_t n = 0;
	if (value[0] != '\0' && !str_eq(value, "off") &&
	    !parse_unit(value, rate_units, &any, &n))
		return -1;
	*place = (uint64_t)n / 8;
	return 0;
}

/* Nothing is looked up here; blanks and quotes are never in one. */
int
conf_parse_url(const struct conf_key *k, const char *value, void *dst,
    struct err *e)
{
	(void)e; /* the row says it all */
	if (value[0] != '\0' && !str_starts(value, "http://") &&
	    !str_starts(value, "https://"))
		return -1;
	for (const char *p = value; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~' || *p == '"' || *p == '?' ||
		    *p == '#')
			return -1;
	return str_copy(dst, k->size, value) ? 0 : -1;
}

int
conf_parse_query(const struct conf_key *k, const char *value, void *dst,
    struct err *e)
{
	(void)k;
	(void)e; /* the row says it all */
	bool *by_find = dst;
	if (value[0] != '\0' && !str_eq(value, "c-find") &&
	    !str_eq(value, "qido-rs"))
		return -1;
	*by_find = str_eq(value, "c-find");
	return 0;
}

int
conf_parse_only_file(const struct conf_key *k, const char *value, void *dst,
    struct err *e)
{
	(void)k;
	(void)dst;
	(void)e; /* the row says it all */
	return str_eq(value, "file") ? 0 : -1;
}

/* A key that later versions have: its default is nothing; giving it is an
 * error, because who writes "tls = yes" must not be left without. */
int
conf_parse_absent(const struct conf_key *k, const char *value, void *dst,
    struct err *e)
{
	(void)k;
	(void)value;
	(void)dst;
	(void)e;
	return -1;
}
