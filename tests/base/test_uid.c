/* SPDX-License-Identifier: MIT */
/* UIDs: what passes, what never does, and new ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "base/uid.h"

#define U16 "1.2.3.4.5.6.7.8." /* 16 characters */
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void
test_uid_table_of_valid_ones(void **state)
{
	static const char *const rows[] = {"0", "1.2", "1.2.840.10008.1.2",
	    "1.02.3" /* tolerated: archives have them */,
	    U16 U16 U16 "1.2.3.4.5.6.7.89", UID_IMPLEMENTATION};
	char dst[UID_SIZE];
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_true(uid_is_valid(rows[i]));
		assert_true(uid_copy(dst, rows[i], strlen(rows[i])));
		assert_string_equal(dst, rows[i]);
	}
}

/* the values of the attacks on file names, and more */
static void
test_uid_table_of_what_never_passes(void **state)
{
	static const char *const rows[] = {"../../../tmp/x", "/etc/x", "..",
	    ".", "", "1.2/3", "1.2\\3", "CON", "-rf", "1.2 .3", "1..2", ".1",
	    "1.", "1.2\n", "1.2\x1b[2J", "%n", "1,2", "+1.2", "1.2.a", "*",
	    "1.2.?", "\xD9\xA1.\xD9\xA2" /* Arabic digits */,
	    "\xEF\xBC\x91.2" /* a full-width one */, "' OR 1=1",
	    U16 U16 U16 U16 "1" /* 65 characters */,
	    U16 U16 U16 U16 U16 U16 U16 U16 "1"};
	char dst[UID_SIZE];
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		(void)str_copy(dst, sizeof(dst), "before");
		if (uid_is_valid(rows[i]) ||
		    uid_copy(dst, rows[i], strlen(rows[i])))
			fail_msg("row %zu", i);
		assert_string_equal(dst, "");
	}
}

static void
test_uid_copy_table_of_padding(void **state)
{
	static const struct {
		const char *src;
		size_t n;
		const char *want; /* "" = refused */
	} rows[] = {
	    {"1.2\0", 4, "1.2"},
	    {"1.2 ", 4, "1.2"},
	    {"1.2 \0 \0", 7, "1.2"},
	    {" 1.2", 4, ""},
	    {"1.2\0.3", 6, ""},
	    {"1.2\\1.3", 7, ""},
	    {"\0\0", 2, ""},
	    {"1.234", 3, "1.2"}, /* no more than it is told */
	    {U16 U16 U16 "1.2.3.4.5.6.7.89\0\0", 66,
		U16 U16 U16 "1.2.3.4.5.6.7.89"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char dst[UID_SIZE] = "before";
		bool ok = uid_copy(dst, rows[i].src, rows[i].n);
		assert_int_equal(ok, rows[i].want[0] != '\0');
		assert_string_equal(dst, rows[i].want);
	}
}

static void
test_uid_copy_of_nothing_is_refused(void **state)
{
	char dst[UID_SIZE] = "before";
	(void)state;
	assert_false(uid_copy(dst, NULL, 0));
	assert_string_equal(dst, "");
}

/* 1000 rounds of random bytes: what passes is digits and dots */
static void
test_uid_random_bytes_pass_only_as_digits_and_dots(void **state)
{
	static const char some[] = "0123456789...0129./ \\\0a";
	(void)state;
	srandom(31);
	for (int round = 0; round < 1000; round++) {
		char src[80], dst[UID_SIZE];
		size_t n = (size_t)random() % sizeof(src);
		for (size_t i = 0; i < n; i++)
			src[i] = some[(size_t)random() %
			    (round % 2 == 0 ? 17 : sizeof(some))];

		bool ok = uid_copy(dst, src, n);

		assert_int_equal(ok, dst[0] != '\0');
		assert_int_equal(strspn(dst, "0123456789."), strlen(dst));
		assert_null(strstr(dst, ".."));
		assert_true(!ok || memcmp(dst, src, strlen(dst)) == 0);
	}
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void
test_uid_new_ones_are_valid_and_all_different(void **state)
{
	static char uids[5000][UID_SIZE];
	(void)state;
	for (size_t i = 0; i < COUNT(uids); i++) {
		uid_new(uids[i]);
		assert_true(uid_is_valid(uids[i]));
		assert_true(str_starts(uids[i], "2.25."));
		assert_int_not_equal(uids[i][5], '0');
		assert_int_equal(strlen(uids[i]), 5 + 39);
		/* below 2^128 */
		assert_true(strcmp(uids[i] + 5,
		    "340282366920938463463374607431768211455") <= 0);
	}
	qsort(uids, COUNT(uids), UID_SIZE, by_text);
	for (size_t i = 1; i < COUNT(uids); i++)
		assert_string_not_equal(uids[i], uids[i - 1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_uid_table_of_valid_ones),
	    cmocka_unit_test(test_uid_table_of_what_never_passes),
	    cmocka_unit_test(test_uid_copy_table_of_padding),
	    cmocka_unit_test(test_uid_copy_of_nothing_is_refused),
	    cmocka_unit_test(
		test_uid_random_bytes_pass_only_as_digits_and_dots),
	    cmocka_unit_test(test_uid_new_ones_are_valid_and_all_different),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
