/* SPDX-License-Identifier: MIT */
/* C strings: bounded copies, whole-string parses, escapes. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

bool
str_copy(char *dst, size_t size, const char *src)
{
	return str_copy_n(dst, size, src, strlen(src));
}

bool
str_copy_n(char *dst, size_t size, const char *src, size_t n)
{
	bool fits = n < size;
	size_t len = fits ? n : size - 1;
	/* never end inside a UTF-8 character: step back to its first byte */
	while (!fits && len > 0 && ((unsigned char)src[len] & 0xC0) == 0x80)
		len--;
	memmove(dst, src, len);
	dst[len] = '\0';
	return fits;
}

char *
str_dup(const char *s)
{
	return s == NULL ? str_dup_n("", 0) : str_dup_n(s, strlen(s));
}

char *
str_dup_n(const char *s, size_t n)
{
	char *d = mem_new_n(char, n + 1);
	memcpy(d, s, n);
	return d;
}

char *
str_trim(char *s)
{
	char *from = s;
	while (is_blank(*from))
		from++;
	size_t n = strlen(from);
	while (n > 0 && is_blank(from[n - 1]))
		n--;
	memmove(s, from, n);
	s[n] = '\0';
	return s;
}

bool
str_eq(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static bool
eq_nocase_n(const char *a, const char *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (b[i] == '\0' || lower(a[i]) != lower(b[i]))
			return false;
	return b[n] == '\0';
}

bool
str_eq_nocase(const char *a, const char *b)
{
	return eq_nocase_n(a, b, strlen(a));
}

bool
str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool
str_in_list(const char *list, const char *s)
{
	const char *p = list;
	while (*p != '\0') {
		size_t n = strcspn(p, ",");
		const char *q = p;
		size_t m = n;
		while (m > 0 && is_blank(*q)) {
			q++;
			m--;
		}
		while (m > 0 && is_blank(q[m - 1]))
			m--;
		if (m > 0 && eq_nocase_n(q, s, m))
			return true;
		p += n + (p[n] == ',');
	}
	return false;
}

bool
str_to_i64_n(const char *s, size_t n, int64_t min, int64_t max, int64_t *ret)
{
	size_t i = n > 0 && (s[0] == '-' || s[0] == '+') ? 1 : 0;
	bool neg = i == 1 && s[0] == '-';
	if (i == n)
		return false;
	int64_t v = 0; /* below zero: INT64_MIN has no opposite */
	for (; i < n; i++) {
		int digit = s[i] - '0';
		if (digit < 0 || digit > 9 || v < (INT64_MIN + digit) / 10)
			return false;
		v = v * 10 - digit;
	}
	if (!neg && v == INT64_MIN)
		return false;
	v = neg ? v : -v;
	if (v < min || v > max)
		return false;
	*ret = v;
	return true;
}

bool
str_to_i64(const char *s, int64_t min, int64_t max, int64_t *ret)
{
	return str_to_i64_n(s, strlen(s), min, max, ret);
}

const char *
str_escape(char *dst, size_t size, const void *src, size_t n)
{
	const unsigned char *p = src;
	size_t at = 0;
	for (size_t i = 0; i < n; i++) {
		bool plain = p[i] >= 0x20 && p[i] < 0x7F && p[i] != '\\';
		size_t need = plain ? 1 : 4;
		if (at + need + 4 > size) { /* room for "..." and NUL */
			(void)snprintf(dst + at, size - at, "...");
			return dst;
		}
		if (plain)
			dst[at] = (char)p[i];
		else
			(void)snprintf(dst + at, size - at, "\\x%02x", p[i]);
		at += need;
	}
	dst[at] = '\0';
	return dst;
}

void
str_hex(char *dst, const uint8_t *src, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < n; i++) {
		dst[2 * i] = digits[src[i] >> 4];
		dst[2 * i + 1] = digits[src[i] & 15];
	}
	dst[2 * n] = '\0';
}

static int
nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
str_unhex(uint8_t *dst, const char *s, size_t n)
{
	if (strlen(s) != 2 * n)
		return false;
	for (size_t i = 0; i < n; i++) {
		int hi = nibble(s[2 * i]);
		int lo = nibble(s[2 * i + 1]);
		if (hi < 0 || lo < 0)
			return false;
		dst[i] = (uint8_t)(hi << 4 | lo);
	}
	return true;
}

/* Length of the UTF-8 character at ${p} (${n} bytes left), 0 if malformed. */
static size_t
utf8_char(const unsigned char *p, size_t n)
{
	if (p[0] < 0x80)
		return p[0] == 0 ? 0 : 1;
	size_t len = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
	if (p[0] < 0xC2 || p[0] > 0xF4 || len > n)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((p[i] & 0xC0) != 0x80)
			return 0;
	bool low = (p[0] == 0xE0 && p[1] < 0xA0) ||
	    (p[0] == 0xF0 && p[1] < 0x90);
	bool high = (p[0] == 0xED && p[1] > 0x9F) ||
	    (p[0] == 0xF4 && p[1] > 0x8F);
	return low || high ? 0 : len;
}

bool
str_is_utf8(const char *s, size_t n)
{
	const unsigned char *p = (const unsigned char *)s;
	while (n > 0) {
		size_t len = utf8_char(p, n);
		if (len == 0)
			return false;
		p += len;
		n -= len;
	}
	return true;
}

const char *
str_bytes(char *dst, size_t size, uint64_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	double v = (double)bytes;
	size_t u = 0;
	while (v >= 1024 && u + 1 < sizeof(units) / sizeof(units[0])) {
		v /= 1024;
		u++;
	}
	(void)snprintf(dst, size, u == 0 || v >= 100 ? "%.0f %s" : "%.1f %s", v,
	    units[u]);
	return dst;
}
