/* SPDX-License-Identifier: MIT */
/* Strings: copies that fit, parses that take all, escapes that hold. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void
test_str_copy_table_is_cut_between_characters(void **state)
{
	static const struct {
		const char *name, *src;
		size_t size;
		const char *want;
		bool fits;
	} rows[] = {
	    {"empty", "", 1, "", true},
	    {"no room", "a", 1, "", false},
	    {"fits exactly", "abc", 4, "abc", true},
	    {"one too many", "abcd", 4, "abc", false},
	    {"a whole two-byte character", "a\xC3\xA4", 4, "a\xC3\xA4", true},
	    {"half of two bytes", "a\xC3\xA4", 3, "a", false},
	    {"a third of three", "\xE7\x8E\x8B", 2, "", false},
	    {"two thirds of three", "\xE7\x8E\x8B", 3, "", false},
	    {"three of four", "x\xF0\x9F\xAB\x80", 5, "x", false},
	    {"cut after a character", "\xC3\xA4" "b", 3, "\xC3\xA4", false},
	    {"nothing but rests", "\x80\x80\x80", 3, "", false},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char dst[8] = "guarded";
		bool fits = str_copy(dst, rows[i].size, rows[i].src);
		if (fits != rows[i].fits || strcmp(dst, rows[i].want) != 0)
			fail_msg("row '%s': '%s'", rows[i].name, dst);
		assert_int_equal(dst[7], 0);
	}
}

/* a character of ${n} bytes at random; returns its length */
static size_t
random_char(char *p)
{
	static const char *const some[] = {"a", "\xC3\xA9", "\xE7\x8E\x8B",
	    "\xF0\x9F\xAB\x80", "z", "\xDF\xBF", "\xEF\xBF\xBD"};
	const char *s = some[(size_t)random() % COUNT(some)];
	memcpy(p, s, strlen(s));
	return strlen(s);
}

static void
test_str_copy_random_rounds_stay_valid_and_longest(void **state)
{
	(void)state;
	srandom(21);
	for (int round = 0; round < 1000; round++) {
		char src[80], dst[80];
		size_t n = 0;
		while (n < 40)
			n += random_char(src + n);
		src[n] = '\0';
		size_t size = 1 + (size_t)random() % 60;

		bool fits = str_copy(dst, size, src);

		size_t m = strlen(dst);
		assert_int_equal(fits, n < size);
		assert_true(m < size);
		assert_memory_equal(dst, src, m);
		assert_true(str_is_utf8(dst, m));
		assert_true(fits || size - m <= 4); /* no more than a rest */
	}
}

static void
test_str_copy_n_takes_bytes_without_a_nul(void **state)
{
	char dst[8];
	char *src = str_dup_n("abcdef", 3); /* its end is watched */
	(void)state;

	assert_true(str_copy_n(dst, sizeof(dst), src, 3));
	assert_string_equal(dst, "abc");
	assert_true(str_copy_n(dst, sizeof(dst), src, 0));
	assert_string_equal(dst, "");
	assert_false(str_copy_n(dst, 2, src, 3));
	assert_string_equal(dst, "a");
	assert_true(str_copy_n(dst, sizeof(dst), "xyz", 3));
	assert_true(str_copy_n(dst, sizeof(dst), dst + 1, 2)); /* itself */
	assert_string_equal(dst, "yz");
	mem_free(src);
}

static void
test_str_dup_is_a_copy_and_nothing_is_empty(void **state)
{
	char *a = str_dup("abc");
	char *b = str_dup(NULL);
	char *c = str_dup_n("abc", 2);
	(void)state;

	assert_string_equal(a, "abc");
	assert_string_equal(b, "");
	assert_string_equal(c, "ab");
	mem_free(a);
	mem_free(b);
	mem_free(c);
}

static void
test_str_trim_table(void **state)
{
	static const char *const rows[][2] = {
	    {"", ""},
	    {"   ", ""},
	    {"a", "a"},
	    {" a", "a"},
	    {"a ", "a"},
	    {"\t\r\n a b \n", "a b"},
	    {"\v a", "\v a"},
	    {"\xC2\xA0" "a", "\xC2\xA0" "a"}, /* no-break space stays */
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char s[32];
		(void)str_copy(s, sizeof(s), rows[i][0]); /* short */
		assert_ptr_equal(str_trim(s), s);
		assert_string_equal(s, rows[i][1]);
	}
}

static void
test_str_comparisons(void **state)
{
	(void)state;
	assert_true(str_eq("", ""));
	assert_false(str_eq("a", "A"));
	assert_true(str_eq_nocase("MR\\sr", "mr\\SR"));
	assert_false(str_eq_nocase("a", "ab"));
	assert_false(str_eq_nocase("ab", "a"));
	assert_false(str_eq_nocase("[", "{")); /* 0x20 apart, no letters */
	assert_false(str_eq_nocase("\xC3\x84", "\xC3\xA4")); /* ASCII only */
	assert_true(str_starts("SR\\MR", "SR"));
	assert_true(str_starts("a", ""));
	assert_false(str_starts("S", "SR"));
}

static void
test_str_in_list_table(void **state)
{
	static const struct {
		const char *list, *s;
		bool in;
	} rows[] = {
	    {"a", "a", true},
	    {"a,b", "b", true},
	    {" Theatre 6 , TH6", "theatre 6", true},
	    {" Theatre 6 , TH6", "th6", true},
	    {"Theatre 6", "Theatre", false},
	    {"Theatre 6", "Theatre 66", false},
	    {"a,b", "a,b", false},
	    {"", "", false},
	    {",,", "", false},
	    {" , ", " ", false},
	    {"a,", "a", true},
	    {",a", "a", true},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (str_in_list(rows[i].list, rows[i].s) != rows[i].in)
			fail_msg("'%s' in '%s'", rows[i].s, rows[i].list);
}

static void
test_str_to_i64_table(void **state)
{
	static const struct {
		const char *s;
		int64_t min, max, want; /* want 99: refused */
	} rows[] = {
	    {"0", 0, 10, 0},
	    {"+5", 0, 10, 5},
	    {"-5", -10, 10, -5},
	    {"10", 0, 10, 10},
	    {"11", 0, 10, 99},
	    {"-1", 0, 10, 99},
	    {"", 0, 10, 99},
	    {"-", -10, 10, 99},
	    {"+", -10, 10, 99},
	    {"+-5", -10, 10, 99},
	    {" 5", 0, 10, 99},
	    {"5 ", 0, 10, 99},
	    {"5a", 0, 10, 99},
	    {"0x5", 0, 10, 99},
	    {"5.0", 0, 10, 99},
	    {"\xD9\xA5", 0, 10, 99}, /* an Arabic five */
	    {"0000000000000000000000005", 0, 10, 5},
	    {"9223372036854775807", INT64_MIN, INT64_MAX, INT64_MAX},
	    {"-9223372036854775808", INT64_MIN, INT64_MAX, INT64_MIN},
	    {"9223372036854775808", INT64_MIN, INT64_MAX, 99},
	    {"-9223372036854775809", INT64_MIN, INT64_MAX, 99},
	    {"18446744073709551617", INT64_MIN, INT64_MAX, 99},
	    {"99999999999999999999", INT64_MIN, INT64_MAX, 99},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		int64_t v = 99;
		bool ok = str_to_i64(rows[i].s, rows[i].min, rows[i].max, &v);
		if (v != rows[i].want || ok != (rows[i].want != 99))
			fail_msg("'%s'", rows[i].s);
	}
}

static void
test_str_to_i64_random_rounds_come_back(void **state)
{
	(void)state;
	srandom(22);
	for (int round = 0; round < 1000; round++) {
		uint64_t bits = (uint64_t)random() << 33 ^
		    (uint64_t)random() << 11 ^ (uint64_t)random();
		int64_t v = (int64_t)(bits >> (random() % 64));
		int64_t got = 0;
		char s[32];
		int n = snprintf(s, sizeof(s), "%lld7", (long long)v);

		assert_true(str_to_i64_n(s, (size_t)n - 1, INT64_MIN,
		    INT64_MAX, &got));
		assert_true(got == v);
	}
}

static void
test_str_escape_table(void **state)
{
	static const struct {
		const char *src;
		size_t n, size;
		const char *want;
	} rows[] = {
	    {"PACS", 4, 32, "PACS"},
	    {"", 0, 32, ""},
	    {"a\nb", 3, 32, "a\\x0ab"},
	    {"\x1b[2J", 4, 32, "\\x1b[2J"},
	    {"a\0b", 3, 32, "a\\x00b"},
	    {"\\", 1, 32, "\\x5c"},
	    {"\xC3\xA4\x7F", 3, 32, "\\xc3\\xa4\\x7f"},
	    {"%n%s", 4, 32, "%n%s"},
	    {"abcdefghij", 10, 8, "abcd..."},
	    {"\n\n", 2, 8, "\\x0a..."}, /* no escape is cut */
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char dst[32];
		assert_ptr_equal(str_escape(dst, rows[i].size, rows[i].src,
		    rows[i].n), dst);
		assert_string_equal(dst, rows[i].want);
	}
}

static void
test_str_escape_random_rounds_are_printable_and_bounded(void **state)
{
	(void)state;
	srandom(23);
	for (int round = 0; round < 1000; round++) {
		unsigned char src[60];
		for (size_t i = 0; i < sizeof(src); i++)
			src[i] = (unsigned char)random();
		size_t n = (size_t)random() % sizeof(src);
		size_t size = 1 + (size_t)random() % 260;
		char *dst = mem_new_n(char, size); /* its end is watched */

		(void)str_escape(dst, size, src, n);

		assert_true(strlen(dst) < size);
		for (const char *p = dst; *p != '\0'; p++)
			assert_true(*p >= 0x20 && *p < 0x7F);
		mem_free(dst);
	}
}

static void
test_str_hex_random_rounds_come_back(void **state)
{
	(void)state;
	srandom(24);
	for (int round = 0; round < 1000; round++) {
		uint8_t src[40], back[40];
		char hex[2 * sizeof(src) + 1];
		size_t n = (size_t)random() % sizeof(src);
		for (size_t i = 0; i < n; i++)
			src[i] = (uint8_t)random();

		str_hex(hex, src, n);

		assert_int_equal(strlen(hex), 2 * n);
		assert_int_equal(strspn(hex, "0123456789abcdef"), 2 * n);
		assert_true(str_unhex(back, hex, n));
		assert_true(n == 0 || memcmp(src, back, n) == 0);
	}
}

static void
test_str_unhex_table_of_what_is_none(void **state)
{
	static const char *const rows[] = {"", "0", "012", "01234", "0g12",
	    "g012", "-012", " 012", "0x12", "01 2", "\xC3\xA4zz"};
	uint8_t dst[2];
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_false(str_unhex(dst, rows[i], 2));
	assert_true(str_unhex(dst, "Ab0F", 2));
	assert_memory_equal(dst, "\xAB\x0F", 2);
}

/* RFC 3629 said as plainly as can be: decode, then look at the number. */
static bool
naive_utf8(const unsigned char *p, size_t n)
{
	static const uint32_t least[] = {0, 1, 0x80, 0x800, 0x10000};
	for (size_t i = 0; i < n;) {
		size_t len = p[i] < 0x80 ? 1 : (p[i] & 0xE0) == 0xC0 ? 2 :
		    (p[i] & 0xF0) == 0xE0 ? 3 : (p[i] & 0xF8) == 0xF0 ? 4 : 0;
		if (len == 0 || len > n - i)
			return false;
		uint32_t v = len == 1 ? p[i] : p[i] & (0x7Fu >> len);
		for (size_t k = 1; k < len; k++) {
			if ((p[i + k] & 0xC0) != 0x80)
				return false;
			v = v << 6 | (p[i + k] & 0x3Fu);
		}
		if (v < least[len] || v > 0x10FFFF ||
		    (v >= 0xD800 && v <= 0xDFFF))
			return false;
		i += len;
	}
	return true;
}

static void
test_str_is_utf8_agrees_with_a_naive_decoder(void **state)
{
	static const unsigned char edges[] = {0x00, 0x01, 0x41, 0x7F, 0x80,
	    0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1,
	    0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF7, 0xF8,
	    0xFF};
	const size_t n = COUNT(edges);
	(void)state;
	for (size_t i = 0; i < n * n * n * n; i++) {
		unsigned char p[4] = {edges[i % n], edges[i / n % n],
		    edges[i / n / n % n], edges[i / n / n / n]};
		for (size_t len = 1; len <= 4; len++)
			if (str_is_utf8((const char *)p, len) !=
			    naive_utf8(p, len))
				fail_msg("%02x %02x %02x %02x (%zu)", p[0],
				    p[1], p[2], p[3], len);
	}
	assert_true(str_is_utf8("", 0));
}

static void
test_str_is_utf8_long_text_with_one_bad_byte_is_refused(void **state)
{
	char s[400];
	size_t n = 0;
	(void)state;
	srandom(25);
	while (n < 390)
		n += random_char(s + n);
	assert_true(str_is_utf8(s, n));
	for (size_t i = 0; i < n; i++) {
		char was = s[i];
		s[i] = '\xFF';
		assert_false(str_is_utf8(s, n));
		s[i] = '\0';
		assert_false(str_is_utf8(s, n));
		s[i] = was;
	}
}

static void
test_str_bytes_table(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *want;
	} rows[] = {
	    {0, "0 B"},
	    {1023, "1023 B"},
	    {1024, "1.0 KiB"},
	    {134144, "131 KiB"},
	    {UINT64_C(5) << 29, "2.5 GiB"},
	    {UINT64_C(200) << 30, "200 GiB"},
	    {UINT64_MAX, "16777216 TiB"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char dst[16];
		assert_string_equal(str_bytes(dst, sizeof(dst),
		    rows[i].bytes), rows[i].want);
	}
}

#define T(fn) cmocka_unit_test(fn)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_str_copy_table_is_cut_between_characters),
	    T(test_str_copy_random_rounds_stay_valid_and_longest),
	    T(test_str_copy_n_takes_bytes_without_a_nul),
	    T(test_str_dup_is_a_copy_and_nothing_is_empty),
	    T(test_str_trim_table),
	    T(test_str_comparisons),
	    T(test_str_in_list_table),
	    T(test_str_to_i64_table),
	    T(test_str_to_i64_random_rounds_come_back),
	    T(test_str_escape_table),
	    T(test_str_escape_random_rounds_are_printable_and_bounded),
	    T(test_str_hex_random_rounds_come_back),
	    T(test_str_unhex_table_of_what_is_none),
	    T(test_str_is_utf8_agrees_with_a_naive_decoder),
	    T(test_str_is_utf8_long_text_with_one_bad_byte_is_refused),
	    T(test_str_bytes_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
