/* SPDX-License-Identifier: MIT */
/* Errors: what they say, cut where they must, and never more. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"

static int
write_name(struct err *e, const char *name)
{
	return err_set(e, ERR_IO, ENOENT, "write '%s'", name);
}

static void
test_err_set_keeps_code_place_and_the_systems_words(void **state)
{
	struct err e;
	(void)state;

	int rc = write_name(&e, "a.dcm");

	assert_int_equal(rc, -1);
	assert_int_equal(e.code, ERR_IO);
	assert_int_equal(e.sys, ENOENT);
	assert_string_equal(e.where, "write_name");
	assert_string_equal(e.msg, "write 'a.dcm': No such file or directory");
}

static void
test_err_set_without_a_system_error_says_no_more(void **state)
{
	struct err e;
	(void)state;

	int rc = err_set(&e, ERR_PARSE, 0, "want %d, have %d", 4, 5);

	assert_int_equal(rc, -1);
	assert_int_equal(e.sys, 0);
	assert_string_equal(e.msg, "want 4, have 5");
}

static void
test_err_set_again_replaces_all(void **state)
{
	struct err e;
	(void)state;
	(void)write_name(&e, "first");

	(void)err_set(&e, ERR_FULL, 0, "second");

	assert_int_equal(e.code, ERR_FULL);
	assert_int_equal(e.sys, 0);
	assert_string_equal(e.msg, "second");
}

static void
test_err_unknown_system_error_still_has_words(void **state)
{
	struct err e;
	(void)state;

	(void)err_set(&e, ERR_IO, 123456, "read");

	assert_true(strlen(e.msg) > strlen("read: "));
	assert_memory_equal(e.msg, "read: ", 6);
}

static void
test_err_prefix_puts_the_attempt_before(void **state)
{
	struct err e;
	(void)state;
	(void)err_set(&e, ERR_NET, 0, "refused");

	assert_int_equal(err_prefix(&e, "connect"), -1);
	assert_int_equal(err_prefix(&e, "fetch from '%s'", "PACS"), -1);

	assert_int_equal(e.code, ERR_NET);
	assert_string_equal(e.msg, "fetch from 'PACS': connect: refused");
}

/* every length of two parts around the size of the message */
static void
test_err_long_messages_are_cut_and_never_overrun(void **state)
{
	char text[400];
	(void)state;
	for (size_t a = 0; a < sizeof(text); a += 7)
		for (size_t b = 0; b < sizeof(text); b += 7) {
			struct {
				struct err e;
				char guard[8];
			} g = {.guard = "guarded"};
			memset(text, 'x', sizeof(text));
			text[a] = '\0';

			(void)err_set(&g.e, ERR_IO, EIO, "%s", text);
			text[a] = 'x';
			text[b] = '\0';
			(void)err_prefix(&g.e, "%s", text);

			assert_string_equal(g.guard, "guarded");
			assert_true(strlen(g.e.msg) < sizeof(g.e.msg));
			assert_true(strlen(g.e.msg) >= (b < 239 ? b : 239));
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		test_err_set_keeps_code_place_and_the_systems_words),
	    cmocka_unit_test(test_err_set_without_a_system_error_says_no_more),
	    cmocka_unit_test(test_err_set_again_replaces_all),
	    cmocka_unit_test(test_err_unknown_system_error_still_has_words),
	    cmocka_unit_test(test_err_prefix_puts_the_attempt_before),
	    cmocka_unit_test(test_err_long_messages_are_cut_and_never_overrun),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
