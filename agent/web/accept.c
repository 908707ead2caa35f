/* SPDX-License-Identifier: MIT */
/* Accept and Accept-Encoding: media ranges with parameters (RFC 9110 12.5),
 * as tolerant as viewers need: `transfer-syntax=*` and `type=image/jpeg`
 * without quotes are no tokens, but are what they send. */
#include <string.h>

#include "base/str.h"
#include "dicomweb_priv.h"

#define TEXT_MAX 256 /* bytes of a parameter's value, cut */

static const char *
skip_blank(const char *s)
{
	return s + strspn(s, " \t");
}

static void
lower(char *s)
{
	for (; *s != '\0'; s++)
		if (*s >= 'A' && *s <= 'Z')
			*s = (char)(*s - 'A' + 'a');
}

/* A quoted string at ${s}, without its quotes; returns what follows. */
static const char *
quoted(const char *s, char *dst, size_t size)
{
	size_t n = 0;
	for (s++; *s != '\0' && *s != '"'; s++) {
		if (*s == '\\' && s[1] != '\0')
			s++;
		if (n + 1 < size)
			dst[n++] = *s;
	}
	dst[n] = '\0';
	return *s == '"' ? s + 1 : s;
}

/* One word up to any of ${end}, blanks at both sides cut. */
static const char *
word(const char *s, const char *end, char *dst, size_t size)
{
	s = skip_blank(s);
	if (*s == '"')
		return skip_blank(quoted(s, dst, size));
	size_t n = strcspn(s, end);
	(void)str_copy_n(dst, size, s, n); /* too long is nothing we know */
	(void)str_trim(dst); /* returns its argument */
	return s + n;
}

/* "1", "0.5", "0.123" in thousandths; what is none is 1. */
static unsigned
quality(const char *s)
{
	int64_t v = 0;
	char digits[8] = "000";
	if (s[0] != '0')
		return 1000;
	if (s[1] != '.')
		return 0;
	size_t n = strspn(s + 2, "0123456789");
	memcpy(digits, s + 2, n < 3 ? n : 3);
	return str_to_i64(digits, 0, 999, &v) ? (unsigned)v : 0;
}

static void
take_parameter(struct media *m, char *name, char *value)
{
	lower(name);
	if (str_eq(name, "q")) {
		m->q = quality(value);
	} else if (str_eq(name, "type")) {
		lower(value);
		(void)str_copy(m->inner, sizeof(m->inner), value); /* cut */
	} else if (str_eq(name, "transfer-syntax")) {
		(void)str_copy(m->syntax, sizeof(m->syntax), value); /* cut */
	}
}

/* Read one range; returns what follows it, at the comma or the end. */
static const char *
parse_range(const char *s, struct media *m)
{
	char name[64], value[TEXT_MAX];
	*m = (struct media){.q = 1000};
	s = word(s, ";,", m->type, sizeof(m->type));
	lower(m->type);
	while (*s == ';') {
		s = word(s + 1, "=;,", name, sizeof(name));
		value[0] = '\0';
		if (*s == '=')
			s = word(s + 1, ";,", value, sizeof(value));
		take_parameter(m, name, value);
		s += strcspn(s, ";,"); /* rubbish after a quote */
	}
	return s;
}

static bool
is_usable(const struct media *m)
{
	const char *slash = strchr(m->type, '/');
	bool inner_ok = m->inner[0] == '\0' || strchr(m->inner, '/') != NULL;
	return m->q > 0 && slash != NULL && slash != m->type &&
	    slash[1] != '\0' && inner_ok;
}

/* Stable, so that of equals the first named comes first. */
static void
sort(struct accept *a)
{
	for (unsigned i = 1; i < a->n; i++) {
		struct media m = a->m[i];
		unsigned k = i;
		for (; k > 0 && a->m[k - 1].q < m.q; k--)
			a->m[k] = a->m[k - 1];
		a->m[k] = m;
	}
}

void
accept_parse(struct accept *a, const char *s)
{
	a->n = 0;
	if (s == NULL || *skip_blank(s) == '\0')
		s = "*/*";
	while (*s != '\0' && a->n < DW_MEDIA_MAX) {
		struct media *m = &a->m[a->n];
		s = parse_range(s, m);
		if (is_usable(m))
			a->n++;
		if (*s == ',')
			s++;
	}
	sort(a);
}

bool
accept_is(const char *range, const char *type)
{
	size_t n = strlen(range);
	if (str_eq(range, "*/*"))
		return true;
	if (n > 2 && str_eq(range + n - 2, "/*"))
		return strncmp(range, type, n - 1) == 0;
	return str_eq(range, type);
}

const char *
accept_first(const struct accept *a, const char *const *types)
{
	for (unsigned i = 0; i < a->n; i++)
		for (const char *const *t = types; *t != NULL; t++)
			if (accept_is(a->m[i].type, *t))
				return *t;
	return NULL;
}

bool
accept_gzip(const char *s)
{
	bool any = false;
	while (s != NULL && *s != '\0') {
		struct media m;
		s = parse_range(s, &m);
		if (str_eq(m.type, "gzip") || str_eq(m.type, "x-gzip"))
			return m.q > 0;
		any = any || (str_eq(m.type, "*") && m.q > 0);
		if (*s == ',')
			s++;
	}
	return any;
}
