/* SPDX-License-Identifier: MIT */
/* Tests of text compared the way people do. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "text/fold.h"

#define ROUNDS 1000
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void
test_fold_text_is_what_people_read(void **state)
{
	static const struct {
		const char *in, *want;
	} rows[] = {
	    {"", ""},
	    {"  MR  Heart\t w/wo ", "mr heart w/wo"},
	    {"Müller", "muller"},
	    {"Mu\xCC\x88" "ller", "muller"}, /* decomposed */
	    {"GROSSE STRAẞE", "grosse strasse"},
	    {"straße", "strasse"},
	    {"Ødegård", "odegard"},
	    {"Łukasz Đorđe", "lukasz dorde"},
	    {"CŒUR", "coeur"},
	    {"İzmir ısı", "izmir isi"},
	    {"\xEF\xBC\xAD\xEF\xBC\xB2\xE3\x80\x80X", "mr x"}, /* wide */
	    {"\xEF\xAC\x81" "bro", "fibro"}, /* fi ligature */
	    {"a\xC2\xAD" "b\xE2\x80\x8B c", "ab c"}, /* soft hyphen, ZWSP */
	    {"a\xC2\xA0 b", "a b"}, /* no-break space */
	    {"ab\xFF\xC3", "ab"}, /* malformed */
	    {"\xED\xA0\x80x", "x"}, /* a surrogate */
	    {"山田", "山田"},
	};
	(void)state; /* pure */

	for (size_t i = 0; i < COUNT(rows); i++) {
		char dst[64];
		const char *got = fold_text(dst, sizeof(dst), rows[i].in);

		assert_ptr_equal(got, dst);
		assert_string_equal(got, rows[i].want);
	}
}

static void
test_fold_text_voiced_kana_stay_apart(void **state)
{
	(void)state; /* pure */

	assert_false(fold_equal("か", "が"));
	assert_true(fold_equal("が", "か\xE3\x82\x99"));
}

static void
test_fold_text_is_cut_between_characters(void **state)
{
	char dst[5];
	(void)state; /* pure */

	assert_string_equal(fold_text(dst, 1, "abc"), "");
	assert_string_equal(fold_text(dst, 5, "abcdef"), "abcd");
	assert_string_equal(fold_text(dst, 5, "abc山"), "abc");
	assert_string_equal(fold_text(dst, 5, "abcd efg"), "abcd");
}

static void
test_fold_equal_long_texts_differ_at_their_end(void **state)
{
	char a[3000], b[3000];
	(void)state; /* pure */
	memset(a, 'x', sizeof(a));
	memset(b, 'x', sizeof(b));
	a[2999] = b[2999] = '\0';
	b[2998] = 'y';

	assert_false(fold_equal(a, b));
	assert_true(fold_equal(a, a));
}

static uint32_t
next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static void
test_fold_text_twice_is_once(void **state)
{
	uint32_t seed = 20261125;
	(void)state; /* pure */

	for (int round = 0; round < ROUNDS; round++) {
		char in[40], once[256], twice[256];
		size_t n = next_random(&seed) % (sizeof(in) - 1);
		for (size_t i = 0; i < n; i++)
			in[i] = (char)(next_random(&seed) % 255 + 1);
		in[n] = '\0';
		(void)fold_text(once, sizeof(once), in);
		(void)fold_text(twice, sizeof(twice), once);

		if (!str_eq(once, twice))
			fail_msg("round %d of seed 20261125", round);
		assert_true(str_is_utf8(once, strlen(once)));
	}
}

static void
test_fold_family_is_found_in_every_form(void **state)
{
	static const struct {
		const char *in, *want;
	} rows[] = {
	    {"", ""},
	    {"MÜLLER^JÖRG^^Dr.", "muller"},
	    {"Müller, Jörg", "muller"},
	    {"Müller Jörg", "muller"},
	    {"O'NEIL^ANN", "oneil"},
	    {"O\xE2\x80\x99Neil^Ann", "oneil"},
	    {"Smith-Jones^A", "smithjones"},
	    {"van der Berg^A", "van der berg"},
	    {"^ANN", ""},
	    {"Yamada^Tarou=山田^太郎=やまだ^たろう", "yamada"},
	    {"=山田^太郎", ""},
	};
	(void)state; /* pure */

	for (size_t i = 0; i < COUNT(rows); i++) {
		char dst[64];
		(void)fold_family(dst, sizeof(dst), rows[i].in);
		assert_string_equal(dst, rows[i].want);
	}
}

static void
test_fold_family_equal_takes_spellings_not_names(void **state)
{
	static const struct {
		const char *a, *b;
		bool want;
	} rows[] = {
	    {"MUELLER^JOERG", "Müller, Jörg", true},
	    {"MULLER^JORG", "Müller, Jörg", true},
	    {"MUELLER^X", "MULLER^X", false},
	    {"BAUER^X", "BAUR^X", false},
	    {"AAKESSON^X", "Åkesson^X", true},
	    {"SOERENSEN^X", "Sørensen^X", true},
	    {"van der Berg^A", "VANDERBERG^A", true},
	    {"van der Berg^A", "van der Berg Anna", true},
	    {"van^A", "van der Berg Anna", true},
	    {"Berg^A", "Bergmann Anna", false},
	    {"Smith^A", "Smith A", true},
	    {"Smith A", "Smith Ann", true},
	    {"Smith^A", "Smyth^A", false},
	    {"Smith^A", "^A", false},
	    {"Garcia-Lopez^A", "García López^A", true},
	};
	(void)state; /* pure */

	for (size_t i = 0; i < COUNT(rows); i++) {
		if (fold_family_equal(rows[i].a, rows[i].b) != rows[i].want)
			fail_msg("%s, %s", rows[i].a, rows[i].b);
		assert_int_equal(fold_family_equal(rows[i].b, rows[i].a),
		    rows[i].want);
	}
}

static void
test_fold_wildcard_follows_dicom(void **state)
{
	static const struct {
		const char *pattern, *s;
		bool want;
	} rows[] = {
	    {"", "", true},
	    {"", "a", false},
	    {"*", "", true},
	    {"*", "anything", true},
	    {"?", "", false},
	    {"?", "a", true},
	    {"?", "山", true},
	    {"??", "山", false},
	    {"a*b*c", "a--b--b--c", true},
	    {"a*b*c", "a--c--b", false},
	    {"*.", "a.b.", true},
	    {"smi*", "smith^ann", true},
	    {"smi*", "Smith^ann", false},
	    {"**?**", "x", true},
	    {"[a]", "a", false},
	};
	(void)state; /* pure */

	for (size_t i = 0; i < COUNT(rows); i++)
		if (fold_wildcard(rows[i].pattern, rows[i].s) != rows[i].want)
			fail_msg("'%s' on '%s'", rows[i].pattern, rows[i].s);
}

/* The definition, by trying everything. */
static bool
naive(const char *p, const char *s)
{
	if (*p == '*')
		return naive(p + 1, s) || (*s != '\0' && naive(p, s + 1));
	if (*s == '\0' || *p == '\0')
		return *s == *p;
	return (*p == '?' || *p == *s) && naive(p + 1, s + 1);
}

static void
test_fold_wildcard_equals_trying_everything(void **state)
{
	uint32_t seed = 7;
	(void)state; /* pure */

	for (int round = 0; round < 20 * ROUNDS; round++) {
		char p[8], s[10];
		size_t np = next_random(&seed) % 7, ns = next_random(&seed) % 9;
		for (size_t i = 0; i < np; i++)
			p[i] = "ab*?"[next_random(&seed) % 4];
		for (size_t i = 0; i < ns; i++)
			s[i] = "ab"[next_random(&seed) % 2];
		p[np] = s[ns] = '\0';

		if (fold_wildcard(p, s) != naive(p, s))
			fail_msg("seed 7: '%s' on '%s'", p, s);
	}
}

static void
test_fold_wildcard_hostile_pattern_ends(void **state)
{
	char pattern[201], s[5001];
	(void)state; /* pure */
	for (size_t i = 0; i < 200; i++)
		pattern[i] = i % 2 == 0 ? '*' : 'a';
	memset(s, 'a', 5000);
	pattern[199] = 'b';
	pattern[200] = s[5000] = '\0';

	assert_false(fold_wildcard(pattern, s));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_fold_text_is_what_people_read),
	    cmocka_unit_test(test_fold_text_voiced_kana_stay_apart),
	    cmocka_unit_test(test_fold_text_is_cut_between_characters),
	    cmocka_unit_test(test_fold_equal_long_texts_differ_at_their_end),
	    cmocka_unit_test(test_fold_text_twice_is_once),
	    cmocka_unit_test(test_fold_family_is_found_in_every_form),
	    cmocka_unit_test(test_fold_family_equal_takes_spellings_not_names),
	    cmocka_unit_test(test_fold_wildcard_follows_dicom),
	    cmocka_unit_test(test_fold_wildcard_equals_trying_everything),
	    cmocka_unit_test(test_fold_wildcard_hostile_pattern_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
