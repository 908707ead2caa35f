/* SPDX-License-Identifier: MIT */
/* Tests of main/command: what an operator types and sees. The agent is a
 * table of canned answers. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include "command_fixture.h"

static void
test_command_verbs_ask_and_exit_as_told(void **state)
{
	struct desk *d = *state;
	static const struct {
		const char *words, *asked;
		int want;
	} rows[] = {
		{"", " GET /api/status GET /api/cases", 0},
		{"status", " GET /api/status GET /api/cases", 0},
		{"cases", " GET /api/cases", 0},
		{"studies", " GET /api/studies", 0},
		{"show 1.2.3", " GET /api/studies/1.2.3", 0},
		{"show C1", " GET /api/cases?all=1", 0},
		{"show 9.9", " GET /api/studies/9.9 GET /api/cases?all=1", 1},
		{"why C1", " GET /api/why?case=C1", 0},
		{"why 1.2.3", " GET /api/why?case=1.2.3"
		    " GET /api/why?study=1.2.3", 0},
		{"prefetch C1", " POST /api/prefetch?case=C1", 0},
		{"prefetch C/1", " POST /api/prefetch?case=C%2F1"
		    " POST /api/prefetch?study=C%2F1", 1},
		{"pin 1.2.3", " POST /api/pin?study=1.2.3", 0},
		{"evict 1.2.3", " POST /api/evict?study=1.2.3", 1},
		{"verify", " POST /api/verify", 0},
		{"setup", " GET /api/status", 0},
		{"setup --app osirix-md", " GET /api/status", 0},
		{"--app horos setup", " GET /api/status", 0},
		{"setup --app weasis", "", 2}, {"setup --app", "", 2},
		{"--app horos status", "", 2},
		{"-h", "", 0}, {"-V", "", 0},
		{"frobnicate", "", 2}, {"--odd", "", 2}, {"show", "", 2},
		{"status too", "", 2}, {"pin a b", "", 2}, {"-S", "", 2},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		d->c = (struct command){.terminal = false};
		int rc = run(d, night, rows[i].words);
		if (rc != rows[i].want || !str_eq(d->asked, rows[i].asked))
			fail_msg("'%s': %d, asked%s, %s", rows[i].words, rc,
			    d->asked, d->err);
	}
}

static void
test_command_status_is_one_glance(void **state)
{
	struct desk *d = *state;

	assert_int_equal(run(d, night, "status"), 0);

	assert_string_equal(d->out,
	    "Theatre 6: 1 of 2 cases ready, 1 fetching\n"
	    "\n"
	    "08:00 Wed 25 Nov ◐ fetching  Mitral valve repair with a very "
	    "long name that can…\n"
	    "                   1 of 2 studies\n"
	    "13:00 Wed 25 Nov ● ready     Mitral valve repair with a very "
	    "long name that can…\n"
	    "                   in viewer: 1 of 1 study\n"
	    "\n"
	    "Cache     12.1 GiB of 186 GiB, 7 studies, 8400 images, 977 KiB "
	    "pinned\n"
	    "Transfers 1 active, 2 queued\n"
	    "Archive   ● up      pacs (PACS)                 last answered "
	    "06:29 Wed 25 Nov\n"
	    "List      ● ok      list (file)                 last read "
	    "22:50 Tue 24 Nov\n"
	    "Viewer    ● up      osirix (127.0.0.1:11112)    last answered "
	    "06:29 Wed 25 Nov\n"
	    "OsiriX    enter AE title UNDERSTUDY at 127.0.0.1:11113; or: "
	    "understudy setup\n");
}

static void
test_command_remedy_can_be_pasted(void **state)
{
	struct desk *d = *state;
	static const struct canned refused[] = {
		{"GET /api/status", 200, "{" AGENT "," HOUSE "," PEERS ","
		    COUNTS(0, 0, 0, 0) ",\"refused\":[{\"calling\":\"OW\","
		    "\"address\":\"192.0.2.2\",\"time\":"
		    "\"2026-11-25T06:29:00+01:00\",\"reason\":\"unlisted\","
		    "\"remedy\":\"[viewer \\\"OW\\\"]\\nae_title = OW\\n"
		    "host = 192.0.2.2\\nport = 11112\"},{\"calling\":\"OW\","
		    "\"address\":\"127.0.0.1\",\"time\":"
		    "\"2026-11-25T06:29:00+01:00\",\"reason\":\"another\","
		    "\"remedy\":\"in the viewer: X\"}]}"},
		{"GET /api/cases", 200, "[]"}, {NULL, 0, NULL}};

	assert_int_equal(run(d, refused, "status"), 0);

	assert_non_null(strstr(d->out,
	    "Refused   OW from 192.0.2.2, 06:29 Wed 25 Nov: unlisted\n"
	    "          to let it in, add to the configuration:\n"
	    "            [viewer \"OW\"]\n"
	    "            ae_title = OW\n"
	    "            host = 192.0.2.2\n"
	    "            port = 11112\n"
	    "Refused   OW from 127.0.0.1, 06:29 Wed 25 Nov: another\n"
	    "          to let it in: in the viewer: X\n"));
}

/* A configuration file of the house, with ${text} in it. */
static void
make_conf(char *path, const char *text)
{
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(close(fd), 0);
}

static void
test_command_socket_is_found_by_the_houses_configuration(void **state)
{
	struct desk *d = *state;
	static const struct {
		const char *text, *words, *socket, *told;
	} rows[] = {
		{"[agent]\ntheatre = T\nstate_dir = /x/y\n", "cases",
		    "/x/y/control.sock", ""},
		{"[agent]\ntheatre = T\nstate_dir = /x/y\n", "-S /s cases",
		    "/s", ""},
		{"[agent]\ntheatre = T\n[node]\nread_through = yes\n",
		    "cases", COMMAND_SOCKET, ""},
		{"[agent]\nstate_dir = /x/y\n", "cases", COMMAND_SOCKET,
		    "theatre: want names"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char path[] = "/tmp/test_command.XXXXXX";
		make_conf(path, rows[i].text);
		d->c = (struct command){.house_path = path};
		assert_int_equal(run(d, night, rows[i].words), 0);
		assert_string_equal(d->socket, rows[i].socket);
		assert_non_null(strstr(d->err, rows[i].told));
		assert_true(rows[i].told[0] != '\0' || d->err[0] == '\0');
		assert_int_equal(unlink(path), 0);
	}
	d->c = (struct command){.house_path = "/nowhere/at/all"};
	assert_int_equal(run(d, night, "cases"), 0);
	assert_string_equal(d->socket, COMMAND_SOCKET);
}

static void
test_command_that_may_not_ask_says_so(void **state)
{
	struct desk *d = *state;
	static const struct canned closed[] = {
		{"GET /api/status", -2, NULL}, {NULL, 0, NULL}};

	assert_int_equal(run(d, closed, "status"), 1);
	assert_string_equal(d->err, "understudy: not allowed\n");
	assert_int_equal(run(d, closed, "check"), 3);
	assert_string_equal(d->out, "UNDERSTUDY UNKNOWN - not allowed\n");
}

static void
test_command_unknown_id_is_named(void **state)
{
	struct desk *d = *state;

	assert_int_equal(run(d, night, "show NOPE"), 1);
	assert_string_equal(d->err, "understudy: want the id of a known case "
	    "or study, have 'NOPE'\n");
	assert_int_equal(run(d, night, "why N\033"), 1);
	assert_string_equal(d->err, "understudy: want the id of a known case "
	    "or study, have 'N\\x1b'\n");
}

static void
test_command_no_line_is_over_eighty_columns(void **state)
{
	struct desk *d = *state;
	static const char *const verbs[] = {"status", "cases", "studies"};

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		assert_int_equal(run(d, night, verbs[i]), 0);
		for (char *p = d->out; *p != '\0';) {
			size_t n = strcspn(p, "\n");
			p[n] = '\0';
			assert_in_range(term_width(p), 0, 80);
			p += n + 1;
		}
	}
}

static void
test_command_colour_only_when_wanted(void **state)
{
	struct desk *d = *state;

	assert_int_equal(run(d, night, "status"), 0);
	assert_null(strchr(d->out, '\033'));
	d->c.colour = true;
	assert_int_equal(run(d, night, "status"), 0);

	assert_non_null(strstr(d->out, "\033[32m●"));
}

static void
test_command_json_is_what_the_agent_says(void **state)
{
	struct desk *d = *state;

	assert_int_equal(run(d, night, "--json status"), 0);
	json_t *o = json_loads(d->out, 0, NULL);
	assert_non_null(json_object_get(o, "cache"));
	json_decref(o);
	d->c.json = false;
	assert_int_equal(run(d, night, "show 1.2.3 --json"), 0);

	o = json_loads(d->out, 0, NULL);
	assert_string_equal(get_str(o, "study_uid"), "1.2.3");
	json_decref(o);
}

static void
test_command_no_agent_is_said_plainly(void **state)
{
	struct desk *d = *state;
	static const struct canned nobody[] = {{NULL, 0, NULL}};

	int rc = run(d, nobody, "-S /tmp/x.sock status");

	assert_int_equal(rc, 1);
	assert_string_equal(d->err, "understudy: no agent: "
	    "connect: refused\n");
	assert_int_equal(run(d, nobody, "check"), 3);
	assert_int_equal(run(d, nobody, "watch"), 1);
}

static void
test_command_answer_that_is_no_json_fails(void **state)
{
	struct desk *d = *state;
	static const struct canned odd[] = {
		{"GET /api/status", 200, "<html>"}, {NULL, 0, NULL}};

	assert_int_equal(run(d, odd, "status"), 1);
	assert_non_null(strstr(d->err, "cannot be read"));
	assert_int_equal(run(d, odd, "check"), 3);
}

/* start, readiness, and the level it comes to; it is 06:30 */
#define ALERT(hour, readiness, counts) { \
	{"GET /api/status", 200, STATUS(counts)}, \
	{"GET /api/cases", 200, "[" CASE("C1", hour, readiness, "") "]"}, \
	{NULL, 0, NULL}}

static void
test_command_check_follows_the_contract(void **state)
{
	struct desk *d = *state;
	static const struct canned rows[][3] = {
		ALERT("08", "ready", COUNTS(1, 1, 0, 0)),
		ALERT("07", "none", COUNTS(1, 1, 0, 0)),
		ALERT("13", "fetching", COUNTS(1, 0, 1, 0)),
		ALERT("08", "fetching", COUNTS(1, 0, 1, 0)),
		ALERT("08", "queued", COUNTS(1, 0, 1, 0)),
		ALERT("13", "failed", COUNTS(1, 0, 0, 1)),
		ALERT("07", "fetching", COUNTS(1, 0, 1, 0)),
		ALERT("06", "failed", COUNTS(1, 0, 0, 1)),
	};
	static const int want[] = {0, 0, 0, 1, 1, 1, 2, 2};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int rc = run(d, rows[i], "check");
		if (rc != want[i])
			fail_msg("row %zu: %d %s", i, rc, d->out);
		assert_ptr_equal(strchr(d->out, '\n') + 1,
		    d->out + strlen(d->out));
	}
	assert_string_equal(d->out, "UNDERSTUDY CRITICAL - Theatre 6: 0 of 1 "
	    "case ready, 1 failed; case not ready: C1 at 06:00 Wed 25 Nov "
	    "(failed: 1 of 2 studies) | "
	    "cases=1 ready=0 fetching=0 queued=0 failed=1 none=0 "
	    "cache=13000000000B;;;0;200000000000\n");
}

static void
test_command_check_warns_of_peers(void **state)
{
	struct desk *d = *state;
	static const struct canned down[] = {
		{"GET /api/status", 200, "{" AGENT "," HOUSE ",\"archives\":[{"
		    "\"name\":\"pa|cs\",\"state\":\"down\"}],"
		    COUNTS(0, 0, 0, 0) "}"},
		{"GET /api/cases", 200, "[]"}, {NULL, 0, NULL}};
	static const struct canned stale[] = {
		{"GET /api/status", 200, "{" AGENT "," HOUSE ",\"schedules\":[{"
		    "\"name\":\"list\",\"state\":\"stale\"}],"
		    COUNTS(0, 0, 0, 0) "}"},
		{"GET /api/cases", 200, "[]"}, {NULL, 0, NULL}};

	assert_int_equal(run(d, down, "check"), 1);
	assert_non_null(strstr(d->out, "archive down: pa/cs |"));
	assert_int_equal(run(d, stale, "check"), 1);
	assert_non_null(strstr(d->out, "theatre list not current: list"));
}

static void
test_command_watch_paints_a_bar_for_each_study(void **state)
{
	struct desk *d = *state;
	d->events[0] = "{\"version\":1,\"status\":" STATUS(COUNTS(2, 1, 1, 0))
	    ",\"cases\":[" CASE("C1", "08", "fetching", STUDY) "]}";
	d->events[1] = "{ not json";

	int rc = run(d, night, "watch");

	assert_int_equal(rc, 1); /* the stream ended and nobody looks */
	assert_non_null(strstr(d->out, "Theatre 6: 1 of 2 cases ready, 1 "
	    "fetching\n06:30 Wed 25 Nov\n\n"));
	assert_non_null(strstr(d->out, "██▌·······"));
	assert_non_null(strstr(d->out, "128/512"));
}

int
main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_command_verbs_ask_and_exit_as_told),
	    TEST(test_command_status_is_one_glance),
	    TEST(test_command_remedy_can_be_pasted),
	    TEST(test_command_socket_is_found_by_the_houses_configuration),
	    TEST(test_command_that_may_not_ask_says_so),
	    TEST(test_command_unknown_id_is_named),
	    TEST(test_command_no_line_is_over_eighty_columns),
	    TEST(test_command_colour_only_when_wanted),
	    TEST(test_command_json_is_what_the_agent_says),
	    TEST(test_command_no_agent_is_said_plainly),
	    TEST(test_command_answer_that_is_no_json_fails),
	    TEST(test_command_check_follows_the_contract),
	    TEST(test_command_check_warns_of_peers),
	    TEST(test_command_watch_paints_a_bar_for_each_study),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
