/* SPDX-License-Identifier: MIT */
/* Tests of main/command: what an operator types and sees. The agent is a
 * table of canned answers. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "main/command.h"

#define AGENT "\"agent\":{\"version\":\"0.1.0\",\"theatre\":\"Theatre 6\"," \
    "\"uptime_s\":60,\"time\":\"2026-11-25T06:30:00+01:00\"}"
#define HOUSE "\"healthy\":true,\"trouble\":\"\",\"node\":{\"ae_title\":" \
    "\"UNDERSTUDY\",\"address\":\"127.0.0.1:11113\"},\"cache\":{\"bytes\":" \
    "13000000000,\"limit_bytes\":200000000000,\"studies\":7,\"instances\":" \
    "8400,\"pinned_bytes\":1000000},\"transfers\":{\"active\":1,\"queued\":2}"
#define PEERS "\"archives\":[{\"name\":\"pacs\",\"ae_title\":\"PACS\"," \
    "\"state\":\"up\",\"last_ok\":\"2026-11-25T06:29:00+01:00\"," \
    "\"last_error\":\"\"}],\"schedules\":[{\"name\":\"list\",\"type\":" \
    "\"file\",\"state\":\"ok\",\"last_event\":" \
    "\"2026-11-24T22:50:00+01:00\",\"last_error\":\"\"}]"
#define COUNTS(total, ready, fetching, failed) \
    "\"cases\":{\"total\":" #total ",\"ready\":" #ready ",\"fetching\":" \
    #fetching ",\"queued\":0,\"failed\":" #failed ",\"none\":0}"
#define STATUS(counts) "{" AGENT "," HOUSE "," PEERS "," counts \
    ",\"refused\":[]}"

#define CASE(id, hour, readiness, studies) \
    "{\"id\":\"" id "\",\"start\":\"2026-11-25T" hour ":00:00+01:00\"," \
    "\"status\":\"booked\",\"current\":true,\"procedure\":\"Mitral valve " \
    "repair with a very long name that cannot fit\",\"patient\":{\"id\":" \
    "\"4711\",\"name\":\"M\xC3\xBCLLER^ANNA\"},\"readiness\":\"" readiness \
    "\",\"reason\":\"1 of 2 studies\",\"studies\":[" studies "]}"
#define STUDY "{\"study_uid\":\"1.2.3\",\"description\":\"Cardiac MR\"," \
    "\"date\":\"2026-03-01\",\"modalities\":[\"MR\"],\"state\":" \
    "\"fetching\",\"reason\":\"\",\"instances\":128,\"expected\":512," \
    "\"bytes\":1048576,\"pinned\":true,\"cases\":[\"C1\"]}"

struct canned {
	const char *method_path; /* "GET /api/status" */
	int status; /* -1 = nobody answers, -2 = we may not ask */
	const char *body;
};

struct desk {
	struct command c;
	const struct canned *canned; /* ends in NULL */
	char asked[500]; /* every request, a blank before each */
	char socket[200]; /* the last one asked */
	char out[16384], err[2048];
	const char *events[4];
};

static int
fake_ask(void *ctx, const struct http_ask *a, struct buf *body,
    int *ret_status, struct err *e)
{
	struct desk *d = ctx;
	char key[300];
	size_t at = strlen(d->asked);
	(void)snprintf(key, sizeof(key), "%s %s", a->post ? "POST" : "GET",
	    a->url + strlen("http://localhost"));
	(void)snprintf(d->asked + at, sizeof(d->asked) - at, " %s", key);
	(void)str_copy(d->socket, sizeof(d->socket), a->socket);
	for (const struct canned *k = d->canned; k->method_path != NULL; k++) {
		if (!str_eq(k->method_path, key))
			continue;
		if (k->status == -2) {
			(void)err_set(e, ERR_NET, 0, "not allowed");
			e->sys = EACCES;
			return -1;
		}
		if (k->status < 0)
			break;
		buf_add_str(body, k->body);
		*ret_status = k->status;
		return 0;
	}
	return err_set(e, ERR_NET, 0, "connect: refused");
}

static int
fake_events(void *ctx, const char *socket, const char *url,
    http_event_fn *fn, void *fn_ctx, struct err *e)
{
	struct desk *d = ctx;
	(void)socket;
	(void)url;
	for (size_t i = 0; i < 4 && d->events[i] != NULL; i++)
		if (!fn(fn_ctx, d->events[i]))
			return 0;
	return err_set(e, ERR_NET, 0, "the event stream ended");
}

/* Run "understudy WORDS"; what it wrote is in out and err. */
static int
run(struct desk *d, const struct canned *canned, const char *words)
{
	char line[300], *argv[12] = {NULL};
	int argc = 0;
	(void)snprintf(line, sizeof(line), "understudy %s", words);
	for (char *p = line; p != NULL && argc < 11;) {
		argv[argc++] = p;
		p = strchr(p, ' ');
		if (p != NULL)
			*p++ = '\0';
	}
	if (argc > 1 && argv[argc - 1][0] == '\0')
		argv[--argc] = NULL;
	d->canned = canned;
	d->c.ask = fake_ask;
	d->c.events = fake_events;
	d->c.ctx = d;
	d->asked[0] = '\0';
	d->c.out = fmemopen(d->out, sizeof(d->out), "w");
	d->c.err = fmemopen(d->err, sizeof(d->err), "w");
	int rc = command_run(&d->c, argc, argv);
	(void)fclose(d->c.out);
	(void)fclose(d->c.err);
	return rc;
}

static int
setup(void **state)
{
	*state = calloc(1, sizeof(struct desk));
	return *state == NULL;
}

static int
teardown(void **state)
{
	free(*state);
	return 0;
}

static const struct canned night[] = {
	{"GET /api/status", 200, STATUS(COUNTS(2, 1, 1, 0))},
	{"GET /api/cases", 200, "[" CASE("C1", "08", "fetching", STUDY) ","
	    CASE("C2", "13", "ready", "") "]"},
	{"GET /api/cases?all=1", 200, "[" CASE("C1", "08", "fetching", STUDY)
	    "]"},
	{"GET /api/studies", 200, "[" STUDY "]"},
	{"GET /api/studies/1.2.3", 200, STUDY},
	{"GET /api/studies/9.9", 404, "{\"error\":\"not known\"}"},
	{"GET /api/why?case=C1", 200, "{\"case\":\"C1\",\"readiness\":"
	    "\"fetching\",\"reason\":\"1 of 2\",\"studies\":[{\"study_uid\":"
	    "\"1.2.3\",\"kind\":\"wanted\",\"reasons\":[\"rule cardiac-mr\","
	    "\"matched 'cardiac'\"]},{\"study_uid\":\"1.2.4\",\"kind\":"
	    "\"no\",\"reasons\":[\"too old\"]}]}"},
	{"GET /api/why?case=1.2.3", 404, "{\"error\":\"not known\"}"},
	{"GET /api/why?case=N%1B", 404, "{\"error\":\"not known\"}"},
	{"GET /api/why?study=N%1B", 404, "{\"error\":\"not known\"}"},
	{"GET /api/why?study=1.2.3", 200, "{\"study\":\"1.2.3\",\"state\":"
	    "\"ready\",\"reason\":\"\",\"cases\":[{\"id\":\"C1\",\"start\":"
	    "\"2026-11-25T08:00:00+01:00\",\"kind\":\"wanted\",\"reasons\":"
	    "[\"rule cardiac-mr\"]}]}"},
	{"POST /api/prefetch?case=C%2F1", 404, "{\"error\":\"not known\"}"},
	{"POST /api/prefetch?study=C%2F1", 404, "{\"error\":\"not known\"}"},
	{"POST /api/prefetch?case=C1", 202, "{\"result\":\"queued\"}"},
	{"POST /api/evict?study=1.2.3", 409, "{\"error\":\"a case needs it\"}"},
	{"POST /api/pin?study=1.2.3", 202, "{\"result\":\"kept\"}"},
	{"POST /api/verify", 202, "{\"result\":\"begun\"}"},
	{NULL, 0, NULL},
};

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
	    "\n"
	    "Cache     12.1 GiB of 186 GiB, 7 studies, 8400 images, 977 KiB "
	    "pinned\n"
	    "Transfers 1 active, 2 queued\n"
	    "Archive   ● up      pacs (PACS)                 last answered "
	    "06:29 Wed 25 Nov\n"
	    "List      ● ok      list (file)                 last read "
	    "22:50 Tue 24 Nov\n"
	    "OsiriX    enter AE title UNDERSTUDY at 127.0.0.1:11113\n");
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
	    "(failed) | "
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
