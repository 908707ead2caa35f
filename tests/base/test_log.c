/* SPDX-License-Identifier: MIT */
/* Log lines: their form, which are shown, and what they never do. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

struct seen {
	unsigned n;
	enum log_level level;
	char line[2048];
};

static void
sink(void *ctx, enum log_level level, const char *line) /* log_sink_fn */
{
	struct seen *s = ctx;
	s->n++;
	s->level = level;
	(void)str_copy(s->line, sizeof(s->line), line); /* lines are shorter */
	errno = ERANGE; /* a careless sink */
}

static int64_t
at_noon(void *ctx)
{
	(void)ctx;
	return INT64_C(1795521600123); /* 2026-11-24T12:00:00.123Z */
}

static const struct clock_source noon = {.uptime_ns = at_noon,
    .continuous_ns = at_noon, .utc_ms = at_noon};

static int
teardown(void **state)
{
	(void)state;
	log_set_sink(NULL, NULL);
	clock_set_source(NULL);
	log_open(LOG_INFO, NULL);
	return 0;
}

static void
test_log_line_is_time_level_event_and_pairs(void **state)
{
	struct seen s = {0};
	(void)state;
	clock_set_source(&noon);
	log_set_sink(sink, &s);

	log_warn("store.object.rejected", "status=%04x action=%s", 0xA900,
	    "refused");

	assert_int_equal(s.n, 1);
	assert_int_equal(s.level, LOG_WARN);
	assert_string_equal(s.line, "2026-11-24T12:00:00.123Z warn  "
	    "store.object.rejected status=a900 action=refused");
}

static void
test_log_table_of_levels_and_areas_decides_what_is_shown(void **state)
{
	static const struct {
		const char *name;
		enum log_level shown;
		const char *areas;
		enum log_level level;
		const char *event;
		bool on;
	} rows[] = {
	    {"info by default", LOG_INFO, NULL, LOG_INFO, "a.b", true},
	    {"debug is off", LOG_INFO, NULL, LOG_DEBUG, "a.b", false},
	    {"debug for all", LOG_DEBUG, NULL, LOG_DEBUG, "a.b", true},
	    {"no info", LOG_WARN, NULL, LOG_INFO, "a.b", false},
	    {"errors always", LOG_ERROR, NULL, LOG_ERROR, "a.b", true},
	    {"an area", LOG_INFO, "http,store", LOG_DEBUG, "store.x", true},
	    {"another area", LOG_INFO, "http,store", LOG_DEBUG, "stor.x",
		false},
	    {"longer than an area", LOG_INFO, "store", LOG_DEBUG, "stores.x",
		false},
	    {"every area", LOG_INFO, "all", LOG_DEBUG, "web.x", true},
	    {"an event without a dot", LOG_INFO, "web", LOG_DEBUG, "web",
		true},
	    {"empty list", LOG_INFO, "", LOG_DEBUG, "web.x", false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		log_open(rows[i].shown, rows[i].areas);
		bool on = log_is_on(rows[i].level, rows[i].event);
		if (on != rows[i].on)
			fail_msg("row '%s'", rows[i].name);
	}
}

static void
test_log_debug_does_not_evaluate_what_is_not_shown(void **state)
{
	struct seen s = {0};
	int evaluated = 0;
	(void)state;
	log_set_sink(sink, &s);

	log_debug("store.x", "n=%d", ++evaluated);
	assert_int_equal(evaluated, 0);
	log_open(LOG_INFO, "store");
	log_debug("store.x", "n=%d", ++evaluated);

	assert_int_equal(evaluated, 1);
	assert_int_equal(s.n, 1);
}

static void
test_log_keeps_errno(void **state)
{
	struct seen s = {0};
	(void)state;
	log_set_sink(sink, &s);

	errno = ENOSPC;
	log_error("store.disk.full", "path=%s", "/x");

	assert_int_equal(s.n, 1);
	assert_int_equal(errno, ENOSPC);
}

static void
test_log_lines_of_every_length_are_cut_to_one_kibibyte(void **state)
{
	struct seen s = {0};
	char text[2000];
	(void)state;
	log_set_sink(sink, &s);
	for (size_t n = 900; n < sizeof(text); n++) {
		memset(text, 'x', n);
		text[n] = '\0';
		log_info("a.b", "t=%s", text);
		assert_true(strlen(s.line) < 1024);
		assert_true(strlen(s.line) > 900);
	}
}

static void
test_log_quoted_control_bytes_cannot_make_a_second_line(void **state)
{
	struct seen s = {0};
	(void)state;
	log_set_sink(sink, &s);

	log_info("a.b", "said='%s'", "x\n2026 error forged\x1b[2J\r\t\x7f");

	assert_non_null(strstr(s.line, "x?2026 error forged?[2J?" "?" "?'"));
	assert_null(strchr(s.line, '\n'));
}

static void
test_log_goes_to_standard_error_in_one_write_a_line(void **state)
{
	int pipes[2];
	char got[512] = "";
	(void)state;
	assert_int_equal(pipe(pipes), 0);
	int saved = dup(STDERR_FILENO);
	clock_set_source(&noon);

	assert_int_equal(dup2(pipes[1], STDERR_FILENO), STDERR_FILENO);
	log_info("a.b", "n=%d", 1);
	log_at(LOG_DEBUG, "a.b", "n=%d", 2);
	assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	(void)close(pipes[1]); /* the test is over either way */
	ssize_t n = read(pipes[0], got, sizeof(got) - 1);

	assert_true(n > 0);
	assert_string_equal(got, "2026-11-24T12:00:00.123Z info  a.b n=1\n");
	(void)close(pipes[0]);
	(void)close(saved);
}

#define T(fn) cmocka_unit_test_teardown(fn, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_log_line_is_time_level_event_and_pairs),
	    T(test_log_table_of_levels_and_areas_decides_what_is_shown),
	    T(test_log_debug_does_not_evaluate_what_is_not_shown),
	    T(test_log_keeps_errno),
	    T(test_log_lines_of_every_length_are_cut_to_one_kibibyte),
	    T(test_log_quoted_control_bytes_cannot_make_a_second_line),
	    T(test_log_goes_to_standard_error_in_one_write_a_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
