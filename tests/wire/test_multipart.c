/* SPDX-License-Identifier: MIT */
/* Tests of wire/multipart. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "wire/multipart.h"

#define TYPE "multipart/related; type=\"application/dicom\"; boundary=abc"

struct parts {
	struct buf b; /* each part as <...> */
	unsigned give_up_after;
};

static int
on_part(void *ctx, enum multipart_what what, const void *p, size_t n,
    struct err *e)
{ /* multipart_fn */
	struct parts *a = ctx;
	if (what == MULTIPART_BEGIN)
		buf_add_str(&a->b, "<");
	else if (what == MULTIPART_END)
		buf_add_str(&a->b, ">");
	else
		buf_add(&a->b, p, n);
	return a->give_up_after == 0 || --a->give_up_after > 0 ? 0 :
	    err_set(e, ERR_FULL, 0, "enough");
}

/* Feed ${body} in pieces of ${piece} bytes; "over" and "cut" end what came. */
static const char *
read_body(struct parts *a, const char *type, const char *body, size_t n,
    size_t piece, struct err *e)
{
	struct multipart m;
	buf_clear(&a->b);
	if (multipart_begin(&m, type, on_part, a, e) != 0)
		return "no";
	for (size_t at = 0; at < n; at += piece)
		if (multipart_feed(&m, body + at, n - at < piece ? n - at :
		    piece, e) != 0)
			return "error";
	buf_add_str(&a->b, multipart_is_over(&m) ? " over" : " cut");
	return buf_str(&a->b);
}

static void
test_multipart_bodies_table(void **state)
{
	static const struct {
		const char *body, *want;
	} rows[] = {
		{"--abc\r\nA: b\r\n\r\none\r\n--abc\r\n\r\ntwo\r\n--abc--\r\n",
		    "<one><two> over"},
		{"\r\n--abc\r\n\r\none\r\n--abc--", "<one> over"},
		{"preamble\r\n--abc\r\n\r\none\r\n--abc--epilogue--abc\r\n\r\n",
		    "<one> over"},
		{"--abc \t\r\n\r\none\r\n--abc--", "<one> over"},
		{"--abc\r\n\r\n\r\n--abc--", "<> over"},
		{"--abc\r\n\r\nx\r\n--ab\r\n--abc--", "<x\r\n--ab> over"},
		{"--abc\r\n\r\nx\r\r\n\r\n--abc--", "<x\r\r\n> over"},
		{"--abc\r\n\r\nx--abc\r\n--abc--", "<x--abc> over"},
		{"--abc\r\n\r\none\r\n--abc", "<one> cut"},
		{"--abc\r\n\r\none\r\n--abc-", "<one> cut"},
		{"--abc\r\n\r\non", "<on cut"},
		{"--abc\r\n\r\none\r\n--abcd\r\n", "error"},
		{"--abc\r\n\r\none\r\n--abc-x", "error"},
		{"", " cut"},
	};
	struct parts a = {.give_up_after = 0};
	struct err e;
	(void)state;
	buf_init(&a.b, 1 << 20);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t piece = 1; piece < 70; piece++)
			assert_string_equal(read_body(&a, TYPE, rows[i].body,
			    strlen(rows[i].body), piece, &e), rows[i].want);
	buf_done(&a.b);
}

static void
test_multipart_types_table(void **state)
{
	static const struct {
		const char *type, *want;
	} rows[] = {
		{"multipart/related; boundary=\"abc\"", "<> over"},
		{"Multipart/Mixed;BOUNDARY=abc; x=y", "<> over"},
		{"multipart/related; type=\"a\"; boundary=abc;", "<> over"},
		{"multipart/related", "no"},
		{"multipart/related; boundary=", "no"},
		{"multipart/related; boundary=\"\"", "no"},
		{"multipart/related; boundary=1234567890123456789012345678901"
		    "2345678901234567890123456789012345678901", "no"},
		{"text/html; boundary=abc", "no"},
		{"", "no"},
	};
	static const char body[] = "--abc\r\n\r\n\r\n--abc--";
	struct parts a = {.give_up_after = 0};
	struct err e;
	(void)state;
	buf_init(&a.b, 1 << 20);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(read_body(&a, rows[i].type, body,
		    sizeof(body) - 1, 5, &e), rows[i].want);
	buf_done(&a.b);
}

static void
test_multipart_what_never_ends_is_bounded(void **state)
{
	static char junk[MULTIPART_BOUNDARY_MAX * 200];
	struct parts a = {.give_up_after = 0};
	struct multipart m;
	struct err e;
	(void)state;
	buf_init(&a.b, 1 << 20);
	memset(junk, 'x', sizeof(junk));

	/* before the first part */
	assert_string_equal(read_body(&a, TYPE, junk, sizeof(junk), 100, &e),
	    "error");
	assert_non_null(strstr(e.msg, "boundary is not in"));

	/* in the header of a part */
	assert_int_equal(multipart_begin(&m, TYPE, on_part, &a, &e), 0);
	assert_int_equal(multipart_feed(&m, "--abc\r\n", 7, &e), 0);
	assert_int_equal(multipart_feed(&m, junk, sizeof(junk), &e), -1);
	assert_non_null(strstr(e.msg, "header of a part"));
	buf_done(&a.b);
}

static void
test_multipart_reader_may_give_up(void **state)
{
	static const char body[] = "--abc\r\n\r\none\r\n--abc--";
	struct parts a = {.give_up_after = 2};
	struct err e;
	(void)state;
	buf_init(&a.b, 1 << 20);
	assert_string_equal(read_body(&a, TYPE, body, sizeof(body) - 1, 100,
	    &e), "error");
	assert_string_equal(e.msg, "enough");
	buf_done(&a.b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_multipart_bodies_table),
	    cmocka_unit_test(test_multipart_types_table),
	    cmocka_unit_test(test_multipart_what_never_ends_is_bounded),
	    cmocka_unit_test(test_multipart_reader_may_give_up),
	};
	return cmocka_run_group_tests_name("wire/multipart", tests, NULL,
	    NULL);
}
