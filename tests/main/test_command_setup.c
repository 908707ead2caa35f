/* SPDX-License-Identifier: MIT */
/* Tests of main/command_setup and command_viewer: what is told of viewers. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include "command_fixture.h"

static void
test_command_cases_tell_how_far_the_viewer_is(void **state)
{
	struct desk *d = *state;
	static const struct {
		const char *study, *want;
	} rows[] = {
		{PUSHED("done", ""), "\n      in viewer: 310 of 312\n"},
		{PUSHED("sending", ""), " in viewer: 310 of 312, sending\n"},
		{PUSHED("none", ""), " in viewer: waiting\n"},
		{PUSHED("failed", "2 refused"),
		    " in viewer: not all: 2 refused\n"},
		{PUSHED("done", "by C-STORE"),
		    " in viewer: 310 of 312 (by C-STORE)\n"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char body[2000];
		(void)snprintf(body, sizeof(body), "[" CASE("C1", "08",
		    "ready", "%s") "]", rows[i].study);
		const struct canned k[] = {{"GET /api/cases", 200, body},
		    {NULL, 0, NULL}};
		assert_int_equal(run(d, k, "cases"), 0);
		if (strstr(d->out, rows[i].want) == NULL)
			fail_msg("want %s, have %s", rows[i].want, d->out);
	}
	assert_int_equal(run(d, night, "show 1.2.3"), 0);
	assert_null(strstr(d->out, "in viewer")); /* nobody wants it */
}

static void
test_command_setup_prints_what_to_enter(void **state)
{
	struct desk *d = *state;
	static const char *const want[] = {
		"  Address   127.0.0.1\n  Port      11113\n"
		"  AE title  UNDERSTUDY\n  Retrieve  C-MOVE\n",
		"\nN='{ Activated=1; Address=\"127.0.0.1\"; Port=11113; "
		"AETitle=\"UNDERSTUDY\"; Description=Understudy; QR=1; "
		"Send=0; TransferSyntax=0; retrieveMode=0; WADOPort=8114; ",
		"\nD=org.horosproject.horos\n",
		"AddressAndPort=\"127.0.0.1:11113\"; server='\"$N\"'; }'\n",
		"--app osirix (OsiriX (open source)), osirix-md ("};

	assert_int_equal(run(d, night, "setup"), 0);

	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		if (strstr(d->out, want[i]) == NULL)
			fail_msg("want %s, have %s", want[i], d->out);
	assert_null(strstr(d->out, "Warning"));
	d->c = (struct command){.terminal = false};
	assert_int_equal(run(d, night, "setup --app osirix-md"), 0);
	assert_non_null(strstr(d->out, "\nD=com.rossix.osirix\n"));
	d->c = (struct command){.terminal = false};
	assert_int_equal(run(d, night, "setup --json --app osirix-md"), 0);
	json_t *o = json_loads(d->out, 0, NULL);
	assert_string_equal(get_str(o, "domain"), "com.rossix.osirix");
	assert_int_equal(get_int(o, "web_port"), 8114);
	json_decref(o);
}

static void
test_command_setup_survives_titles_and_tells_of_a_clash(void **state)
{
	struct desk *d = *state;
	static const struct canned odd[] = {
		{"GET /api/status", 200, "{\"node\":{\"ae_title\":"
		    "\"IT'S \\\"A\\\"$(X)\",\"address\":\"[::1]:104\"},"
		    "\"viewers\":[{\"name\":\"o\",\"address\":"
		    "\"127.0.0.1:104\"}]}"}, {NULL, 0, NULL}};
	static const struct canned own[] = {
		{"GET /api/status", 200, "{\"node\":{\"address\":"
		    "\"127.0.0.1:11112\"}}"}, {NULL, 0, NULL}};

	assert_int_equal(run(d, odd, "setup"), 0);
	assert_non_null(strstr(d->out, "Address=\"::1\"; Port=104; "
	    "AETitle=\"IT'\\''S \\\"A\\\"$(X)\"; "));
	assert_non_null(strstr(d->out, "WADOPort=8113;"));
	assert_non_null(strstr(d->out,
	    "Warning: [viewer \"o\"] listens on port 104 as well.\n"));
	assert_int_equal(run(d, own, "setup"), 0);
	assert_non_null(strstr(d->out, "Warning: OsiriX and Horos"));
}

int
main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_command_cases_tell_how_far_the_viewer_is),
	    TEST(test_command_setup_prints_what_to_enter),
	    TEST(test_command_setup_survives_titles_and_tells_of_a_clash),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
