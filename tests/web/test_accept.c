/* SPDX-License-Identifier: MIT */
/* Tests of web/accept. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "web/dicomweb_priv.h"

static void
test_accept_ranges_are_read_as_viewers_send_them(void **state)
{
	(void)state;
	static const struct {
		const char *text, *type, *inner, *syntax;
		unsigned n, q;
	} rows[] = {
		{NULL, "*/*", "", "", 1, 1000},
		{"", "*/*", "", "", 1, 1000},
		{"application/dicom+json", "application/dicom+json", "", "", 1,
		    1000},
		/* Weasis, OHIF, Orthanc's documentation */
		{"multipart/related;type=\"application/dicom\";"
		    "transfer-syntax=*", "multipart/related",
		    "application/dicom", "*", 1, 1000},
		{"multipart/related; type=application/octet-stream; "
		    "transfer-syntax=*", "multipart/related",
		    "application/octet-stream", "*", 1, 1000},
		{"multipart/related; type=\"application/octet-stream\"; "
		    "transfer-syntax=\"*\"", "multipart/related",
		    "application/octet-stream", "*", 1, 1000},
		{"Multipart/Related ; TYPE = \"Image/JLS\" ; "
		    "Transfer-Syntax=1.2.840.10008.1.2.4.80",
		    "multipart/related", "image/jls",
		    "1.2.840.10008.1.2.4.80", 1, 1000},
		{"text/html;q=0.5, application/json;q=0.8, */*;q=0.1",
		    "application/json", "", "", 3, 800},
		{"a/b;q=0, c/d;q=0.001", "c/d", "", "", 1, 1},
		{"a/b;x=\"q=0,\\\"c/d\";q=0.5", "a/b", "", "", 1, 500},
		{" , ,nonsense, a/b", "a/b", "", "", 1, 1000},
		{"a/b;q", "a/b", "", "", 1, 1000},
		{"a/b;type=\"unclosed", "a/b", "", "", 0, 0},
		{"/b, a/, /", "", "", "", 0, 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct accept a;
		accept_parse(&a, rows[i].text);
		if (a.n != rows[i].n)
			fail_msg("row %zu: %u ranges", i, a.n);
		if (a.n > 0 && (!str_eq(a.m[0].type, rows[i].type) ||
		    !str_eq(a.m[0].inner, rows[i].inner) ||
		    !str_eq(a.m[0].syntax, rows[i].syntax) ||
		    a.m[0].q != rows[i].q))
			fail_msg("row %zu: %s %s %s %u", i, a.m[0].type,
			    a.m[0].inner, a.m[0].syntax, a.m[0].q);
	}
}

static void
test_accept_first_named_of_equals_comes_first(void **state)
{
	(void)state;
	struct accept a;

	accept_parse(&a, "a/a;q=0.5, b/b, c/c;q=0.5, d/d, e/e;q=0.9");

	assert_int_equal(a.n, 5);
	assert_string_equal(a.m[0].type, "b/b");
	assert_string_equal(a.m[1].type, "d/d");
	assert_string_equal(a.m[2].type, "e/e");
	assert_string_equal(a.m[3].type, "a/a");
	assert_string_equal(a.m[4].type, "c/c");
}

static void
test_accept_wildcards_take_in_types(void **state)
{
	(void)state;

	assert_true(accept_is("*/*", "application/dicom"));
	assert_true(accept_is("application/*", "application/dicom"));
	assert_true(accept_is("application/dicom", "application/dicom"));
	assert_false(accept_is("app/*", "application/dicom"));
	assert_false(accept_is("application/dicom",
	    "application/dicom+json"));
	assert_false(accept_is("image/*", "application/dicom"));
}

static void
test_accept_gzip_is_read_from_encodings(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool want;
	} rows[] = {
		{NULL, false}, {"", false}, {"gzip", true},
		{"deflate, gzip;q=1.0, *;q=0.5", true}, {"gzip;q=0", false},
		{"gzip;q=0, *", false}, {"*", true}, {"*;q=0", false},
		{"identity", false}, {"br, GZIP", true}, {"x-gzip", true},
		{"gzip2", false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (accept_gzip(rows[i].text) != rows[i].want)
			fail_msg("row %zu: %s", i, rows[i].text);
}

static void
test_accept_of_the_query_comes_before_the_header(void **state)
{
	(void)state;
	struct dw_ask ask = {.accept = str_dup("text/html")};
	struct accept a;

	dw_ask_accept(&ask, &a);
	assert_string_equal(a.m[0].type, "text/html");
	dw_ask_add(&ask, "accept", "application/dicom json"); /* was a plus */
	dw_ask_accept(&ask, &a);

	assert_string_equal(a.m[0].type, "application/dicom+json");
	dw_ask_done(&ask);
}

static void
test_accept_random_text_is_bounded(void **state)
{
	(void)state;
	static const char letters[] = "a/*;,=\"\\ q01.-";
	unsigned seed = 20261125;
	char text[200];

	for (int round = 0; round < 1000; round++) {
		struct accept a;
		size_t n = (size_t)rand_r(&seed) % (sizeof(text) - 1);
		for (size_t i = 0; i < n; i++)
			text[i] = letters[(size_t)rand_r(&seed) %
			    (sizeof(letters) - 1)];
		text[n] = '\0';
		accept_parse(&a, text);
		(void)accept_gzip(text); /* only that it ends */
		assert_true(a.n <= DW_MEDIA_MAX);
		for (unsigned i = 0; i < a.n; i++) {
			assert_non_null(strchr(a.m[i].type, '/'));
			assert_in_range(a.m[i].q, 1, 1000);
			assert_true(i == 0 || a.m[i - 1].q >= a.m[i].q);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_accept_ranges_are_read_as_viewers_send_them),
		cmocka_unit_test(
		    test_accept_first_named_of_equals_comes_first),
		cmocka_unit_test(test_accept_wildcards_take_in_types),
		cmocka_unit_test(test_accept_gzip_is_read_from_encodings),
		cmocka_unit_test(
		    test_accept_of_the_query_comes_before_the_header),
		cmocka_unit_test(test_accept_random_text_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
