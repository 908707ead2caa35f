/* SPDX-License-Identifier: MIT
 *
 * command_fixture: an operator's terminal and an agent that is a table of
 * canned answers; what the tests of the command share.
 */
#ifndef TESTS_COMMAND_FIXTURE_H
#define TESTS_COMMAND_FIXTURE_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "main/command.h"

#define AGENT "\"agent\":{\"version\":\"0.1.0\",\"theatre\":\"Theatre 6\"," \
    "\"uptime_s\":60,\"time\":\"2026-11-25T06:30:00+01:00\"}"
#define HOUSE "\"healthy\":true,\"trouble\":\"\",\"node\":{\"ae_title\":" \
    "\"UNDERSTUDY\",\"address\":\"127.0.0.1:11113\"},\"web\":{" \
    "\"address\":\"127.0.0.1:8114\"},\"cache\":{\"bytes\":" \
    "13000000000,\"limit_bytes\":200000000000,\"studies\":7,\"instances\":" \
    "8400,\"pinned_bytes\":1000000},\"transfers\":{\"active\":1,\"queued\":2}"
#define PEERS "\"archives\":[{\"name\":\"pacs\",\"ae_title\":\"PACS\"," \
    "\"state\":\"up\",\"last_ok\":\"2026-11-25T06:29:00+01:00\"," \
    "\"last_error\":\"\"}],\"schedules\":[{\"name\":\"list\",\"type\":" \
    "\"file\",\"state\":\"ok\",\"last_event\":" \
    "\"2026-11-24T22:50:00+01:00\",\"last_error\":\"\"}],\"viewers\":[{" \
    "\"name\":\"osirix\",\"address\":\"127.0.0.1:11112\",\"state\":\"up\"," \
    "\"push\":true,\"last_ok\":\"2026-11-25T06:29:40+01:00\"," \
    "\"last_error\":\"\"}]"
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

#define PUSHED(state, reason) "{\"study_uid\":\"1.2.9\",\"state\":" \
    "\"ready\",\"date\":\"2026-03-01\",\"instances\":312,\"expected\":312," \
    "\"bytes\":1048576,\"in_viewer\":{\"instances\":310,\"expected\":312," \
    "\"state\":\"" state "\",\"reason\":\"" reason "\"}}"

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

static inline int
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

static inline int
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
static inline int
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

static inline int
setup(void **state)
{
	*state = calloc(1, sizeof(struct desk));
	return *state == NULL;
}

static inline int
teardown(void **state)
{
	free(*state);
	return 0;
}

static const struct canned night[] = {
	{"GET /api/status", 200, STATUS(COUNTS(2, 1, 1, 0))},
	{"GET /api/cases", 200, "[" CASE("C1", "08", "fetching", STUDY) ","
	    CASE("C2", "13", "ready", PUSHED("done", "")) "]"},
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

#endif
