/* SPDX-License-Identifier: MIT */
/* Tests of the decoder when it is misused, and with programs in the helper's
 * place that misbehave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>

#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/str.h"

#include "decode_fixture.h"

static void
test_decode_misuse_ends_the_process_and_the_next_works(void **state)
{
	(void)state;
	struct decoder *d = decoder_new(helper);
	uint8_t bytes[64] = {0};
	uint64_t n;
	struct err e;

	assert_int_equal(decoder_begin(d, 10, ELE, ILE, &e), 0);
	assert_int_equal(decoder_feed(d, bytes, 11, &e), -1);
	assert_int_equal(e.code, ERR_INVAL);
	assert_int_equal(decoder_begin(d, 10, ELE, ILE, &e), 0);
	assert_int_equal(decoder_feed(d, bytes, 9, &e), 0);
	assert_int_equal(decoder_answer(d, &n, &e), -1);
	assert_int_equal(e.code, ERR_INVAL);
	/* left half fed */
	assert_int_equal(decoder_begin(d, 10, ELE, ILE, &e), 0);
	assert_int_equal(decoder_feed(d, bytes, 9, &e), 0);

	assert_works(d);
	decoder_free(&d);
}

static void
test_decode_too_large_or_without_codec_is_refused_at_once(void **state)
{
	(void)state;
	struct decoder *d = decoder_new("/nonexistent/never-started");
	struct err e;

	assert_int_equal(decoder_begin(d, DECODE_OBJECT_MAX + 1, RLE, ELE,
	    &e), -1);
	assert_int_equal(e.code, ERR_PARSE);
	assert_int_equal(decoder_begin(d, 1, "1.2.3", ELE, &e), -1);
	assert_int_equal(e.code, ERR_PARSE);

	decoder_free(&d);
}

static void
test_decode_missing_program_is_named(void **state)
{
	(void)state;
	struct decoder *d = decoder_new("/nonexistent/understudy-decode");
	struct err e;

	assert_int_equal(decoder_begin(d, 1, RLE, ELE, &e), -1);

	assert_int_equal(e.code, ERR_IO);
	assert_non_null(strstr(e.msg,
	    "decode: cannot start '/nonexistent/understudy-decode'"));
	decoder_free(&d);
}

/* A program of ${script} at ${path}, in the place of the helper. */
static void
make_program(char path[32], const char *script)
{
	(void)str_copy(path, 32, "/tmp/us-decode.XXXXXX");
	int fd = mkstemp(path);
	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, script, strlen(script)), strlen(script));
	assert_int_equal(fchmod(fd, 0700), 0);
	assert_int_equal(close(fd), 0);
}

/* Ask such a program for one object of ${n} bytes; -1 or what came. */
static int
ask(const char *script, size_t n, bool (*stopped)(void *), struct err *e)
{
	char path[32];
	uint8_t bytes[4096] = {0};
	uint64_t size;
	size_t k;
	make_program(path, script);
	struct decoder *d = decoder_new(path);
	decoder_set_stop(d, stopped, NULL);
	int rc = decoder_begin(d, n, RLE, ELE, e);
	for (size_t i = 0; rc == 0 && i < n; i += k) {
		k = n - i < sizeof(bytes) ? n - i : sizeof(bytes);
		rc = decoder_feed(d, bytes, k, e);
	}
	if (rc == 0)
		rc = decoder_answer(d, &size, e);
	while (rc == 0 && size > 0) {
		rc = decoder_read(d, bytes, sizeof(bytes), &k, e);
		size -= rc == 0 ? k : 0;
	}
	decoder_free(&d);
	(void)unlink(path); /* made above */
	return rc;
}

static void
test_decode_table_of_broken_helpers(void **state)
{
	(void)state;
	static const struct {
		const char *script;
		enum err_code code;
		const char *text;
	} rows[] = {
#define AFTER(n) "#!/bin/sh\nhead -c " n " >/dev/null\n"
	    {"#!/bin/sh\nexit 3\n", ERR_NET, "decode: ended with code 3"},
	    {"#!/bin/sh\nkill -9 $$\n", ERR_NET, "ended by signal 9"},
	    {AFTER("4232") "printf '\\004\\0\\0\\0oops'\nexec sleep 9\n",
		ERR_PARSE, "decode: oops"},
	    /* a reason that was tampered with cannot forge a line */
	    {AFTER("4232") "printf '\\004\\0\\0\\0a\\nb\\033'\nexec sleep 9\n",
		ERR_PARSE, "decode: a\\x0ab\\x1b"},
	    {AFTER("4232") "printf '\\311\\0\\0\\0'\nexec sleep 9\n", ERR_NET,
		"want a reason of at most 200 bytes, have 201"},
	    {AFTER("4232") "printf '\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\1'\n",
		ERR_NET, "want a result of at most"},
	    {AFTER("4232") "printf '\\0\\0\\0\\0\\2\\0\\0\\0\\0\\0\\0\\0x'\n",
		ERR_NET, "ended with code 0"},
#undef AFTER
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct err e;
		assert_int_equal(ask(rows[i].script, 4096, NULL, &e), -1);
		if (e.code != rows[i].code ||
		    strstr(e.msg, rows[i].text) == NULL)
			fail_msg("row %zu: %s", i, e.msg);
	}
}

/* A clock on which ten seconds pass between any two looks. */
static int64_t
hurry(void *ctx)
{
	int64_t *now = ctx;
	return *now += 10 * CLOCK_S;
}

static void
test_decode_helper_that_never_answers_times_out(void **state)
{
	(void)state;
	int64_t now = 0;
	struct clock_source fast = {.uptime_ns = hurry,
	    .continuous_ns = hurry, .utc_ms = hurry, .ctx = &now};
	struct err e;

	clock_set_source(&fast);
	int silent = ask("#!/bin/sh\nexec sleep 60\n", 4096, NULL, &e);
	enum err_code first = e.code;
	/* more than a pipe holds, and nobody reads */
	int deaf = ask("#!/bin/sh\nexec sleep 60\n", 1 << 20, NULL, &e);
	clock_set_source(NULL);

	assert_int_equal(silent, -1);
	assert_int_equal(first, ERR_TIMEOUT);
	assert_int_equal(deaf, -1);
	assert_int_equal(e.code, ERR_TIMEOUT);
}

static bool
at_once(void *ctx)
{
	(void)ctx; /* a bool (*)(void *) */
	return true;
}

static void
test_decode_stopped_gives_up(void **state)
{
	(void)state;
	struct err e;

	int rc = ask("#!/bin/sh\nexec sleep 60\n", 4096, at_once, &e);

	assert_int_equal(rc, -1);
	assert_int_equal(e.code, ERR_CANCELLED);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		test_decode_misuse_ends_the_process_and_the_next_works),
	    cmocka_unit_test(
		test_decode_too_large_or_without_codec_is_refused_at_once),
	    cmocka_unit_test(test_decode_missing_program_is_named),
	    cmocka_unit_test(test_decode_table_of_broken_helpers),
	    cmocka_unit_test(
		test_decode_helper_that_never_answers_times_out),
	    cmocka_unit_test(test_decode_stopped_gives_up),
	};
	(void)argc; /* always at least the name */
	find_helper(argv[0]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
