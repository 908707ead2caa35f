/* SPDX-License-Identifier: MIT */
/* Tests of web/web and web/stream: real sockets, a real loop on a thread.
 * Only the main thread asserts. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sock.h"
#include "http/client.h"
#include "web_fixture.h"

#define PATIENCE_MS 10000 /* never reached unless something hangs */

struct server {
	struct world *world;
	struct loop *loop;
	struct web *web;
	pthread_t thread;
	bool running;
	char dir[64], socket[96];
	char base[64]; /* "http://127.0.0.1:port" */
	struct buf body;
	int status;
};

static void *
run(void *ctx)
{
	loop_run(((struct server *)ctx)->loop);
	return NULL;
}

static int
setup(void **state)
{
	struct server *s = mem_new(struct server);
	struct err e;
	void *world = NULL;
	if (world_setup(&world) != 0)
		return -1;
	clock_set_source(NULL); /* libmicrohttpd and the loop live in time */
	s->world = world;
	(void)str_copy(s->dir, sizeof(s->dir), "/tmp/web-XXXXXX");
	if (mkdtemp(s->dir) == NULL)
		return -1;
	(void)snprintf(s->socket, sizeof(s->socket), "%s/c.sock", s->dir);
	struct web_config c = {.host = "127.0.0.1", .socket_path = s->socket,
	    .version = "0.1.0", .horizon_s = 48 * 3600};
	s->loop = loop_new(&e);
	s->web = s->loop == NULL ? NULL : web_start(s->loop, &c,
	    &s->world->ports, s->world->board, s->world->zone, &e);
	if (s->web == NULL)
		return -1;
	(void)snprintf(s->base, sizeof(s->base), "http://127.0.0.1:%u",
	    web_port(s->web));
	buf_init(&s->body, WEB_BODY_MAX);
	s->running = pthread_create(&s->thread, NULL, run, s) == 0;
	*state = s;
	return s->running ? 0 : -1;
}

static void
halt(struct server *s)
{
	if (!s->running)
		return;
	loop_stop(s->loop);
	(void)pthread_join(s->thread, NULL);
	s->running = false;
}

static int
teardown(void **state)
{
	struct server *s = *state;
	void *world = s->world;
	halt(s);
	web_stop(&s->web);
	loop_free(&s->loop);
	buf_done(&s->body);
	(void)unlink(s->socket);
	int left = rmdir(s->dir); /* nothing else was left there */
	mem_free(s);
	return world_teardown(&world) != 0 || left != 0;
}

static void
get(struct server *s, const char *socket, const char *path, bool post)
{
	char url[160];
	struct err e = {.msg = ""};
	(void)snprintf(url, sizeof(url), "%s%s",
	    socket != NULL ? "http://localhost" : s->base, path);
	struct http_ask ask = {.socket = socket, .url = url, .post = post,
	    .timeout_ms = PATIENCE_MS};
	if (http_exchange(&ask, &s->body, &s->status, &e) != 0)
		fail_msg("%s: %s", path, e.msg);
}

/* A connection on which ${text} was sent. */
static int
raw_open(struct server *s, const char *text)
{
	struct err e;
	int fd = sock_connect(&(struct sock_target){.host = "127.0.0.1",
	    .port = web_port(s->web), .timeout_ms = PATIENCE_MS}, &e);
	if (fd >= 0 && write(fd, text, strlen(text)) < 0)
		sock_close(&fd);
	return fd;
}

/* Read until ${want} was seen or the other end closed. */
static bool
raw_read(int fd, struct buf *b, const char *want)
{
	int64_t deadline = clock_uptime_ns() + PATIENCE_MS * CLOCK_MS;
	buf_clear(b);
	while (sock_wait(fd, false, deadline)) {
		char part[4096];
		ssize_t n = read(fd, part, sizeof(part));
		if (n <= 0)
			break;
		buf_add(b, part, (size_t)n);
		if (strstr(buf_str(b), want) != NULL)
			return true;
	}
	return strstr(buf_str(b), want) != NULL;
}

static bool
raw(struct server *s, const char *text, const char *want)
{
	int fd = raw_open(s, text);
	bool ok = raw_read(fd, &s->body, want);
	sock_close(&fd);
	return ok;
}

static void
test_web_answers_on_the_port_and_on_the_socket(void **state)
{
	struct server *s = *state;
	struct stat st;

	get(s, NULL, "/api/status", false);
	assert_int_equal(s->status, 200);
	get(s, s->socket, "/api/cases?all=1", false);
	assert_int_equal(s->status, 200);

	json_t *cases = json_loads(buf_str(&s->body), 0, NULL);
	assert_int_equal(json_array_size(cases), 3);
	json_decref(cases);
	assert_int_equal(stat(s->socket, &st), 0);
	assert_int_equal(st.st_mode & 0077, 0); /* for our user only */
}

static void
test_web_page_is_sent_whole(void **state)
{
	struct server *s = *state;

	get(s, NULL, "/", false);

	assert_int_equal(s->status, 200);
	assert_int_equal(s->body.len, web_page_size);
	assert_memory_equal(s->body.p, web_page, web_page_size);
}

static void
test_web_query_is_decoded(void **state)
{
	struct server *s = *state;

	get(s, NULL, "/api/why?case=%431", false);
	assert_int_equal(s->status, 200);
	get(s, NULL, "/api/why?case=C%201", false);
	assert_int_equal(s->status, 404);
	get(s, s->socket, "/api/pin?study=" UID_A, true);

	assert_int_equal(s->status, 202);
	assert_string_equal(s->world->called, "pin " UID_A);
}

static void
test_web_headers_keep_browsers_safe(void **state)
{
	struct server *s = *state;
	static const char *const want[] = {"nosniff", "no-store",
		"default-src 'self'", "Referrer-Policy: no-referrer",
		"frame-ancestors 'none'"};

	assert_true(raw(s, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
	    "Connection: close\r\n\r\n", "\r\n\r\nok\n"));

	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		assert_non_null(strstr(buf_str(&s->body), want[i]));
}

static void
test_web_foreign_host_and_origin_are_refused(void **state)
{
	struct server *s = *state;
	static const char *const rows[][2] = {
		{"GET /api/status HTTP/1.1\r\nHost: evil.example\r\n\r\n",
		    "HTTP/1.1 403"},
		{"POST /api/verify HTTP/1.1\r\nHost: localhost\r\n"
		    "Origin: http://evil.example\r\n"
		    "Content-Length: 0\r\n\r\n", "HTTP/1.1 403"},
		{"POST /api/verify HTTP/1.1\r\nHost: localhost:1\r\n"
		    "Origin: http://localhost:2\r\n"
		    "Content-Length: 3\r\n\r\nabc", "HTTP/1.1 403"},
		{"POST /api/verify HTTP/1.1\r\nHost: localhost:1\r\n"
		    "Origin: http://localhost:1\r\n"
		    "Content-Length: 3\r\n\r\nabc", "HTTP/1.1 202"},
		{"DELETE / HTTP/1.1\r\nHost: localhost\r\n\r\n",
		    "HTTP/1.1 405"},
		{"HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
		    "HTTP/1.1 200"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!raw(s, rows[i][0], rows[i][1]))
			fail_msg("row %zu: %s", i, buf_str(&s->body));
}

static void
test_web_header_too_long_is_refused(void **state)
{
	struct server *s = *state;
	struct buf b;
	buf_init(&b, 1 << 20);
	buf_add_str(&b, "GET /");
	buf_fill(&b, 'a', 200000);

	int fd = raw_open(s, buf_str(&b));
	bool refused = raw_read(fd, &s->body, "HTTP/1.1 4");
	bool closed = s->body.len == 0;
	sock_close(&fd);

	assert_true(refused || closed);
	get(s, NULL, "/healthz", false);
	assert_int_equal(s->status, 200);
	buf_done(&b);
}

struct heard {
	struct server *server;
	unsigned n;
	int64_t version[2];
};

static void
change(void *ctx) /* loop_fn */
{
	struct server *s = ctx;
	board_changed(s->world->board);
	web_changed(s->web);
	web_changed(s->web);
}

static bool
on_event(void *ctx, const char *text) /* http_event_fn */
{
	struct heard *h = ctx;
	json_t *o = json_loads(text, 0, NULL);
	h->version[h->n++] = json_integer_value(json_object_get(o, "version"));
	json_decref(o);
	if (h->n == 1)
		loop_post(h->server->loop, change, h->server);
	return h->n < 2;
}

static void
test_web_events_come_at_once_and_after_a_change(void **state)
{
	struct server *s = *state;
	struct heard h = {.server = s};
	struct err e = {.msg = ""};

	int rc = http_events(s->socket, "http://localhost/api/events",
	    on_event, &h, &e);

	assert_int_equal(rc, 0);
	assert_int_equal(h.n, 2);
	assert_int_equal(h.version[1], h.version[0] + 1);
}

static const char stream_ask[] = "GET /api/events HTTP/1.1\r\n"
    "Host: localhost\r\n\r\n";

static void
test_web_stop_ends_streams_that_sleep(void **state)
{
	struct server *s = *state;
	int fd = raw_open(s, stream_ask);
	assert_true(raw_read(fd, &s->body, "\ndata: {"));

	halt(s);
	web_stop(&s->web);

	assert_false(raw_read(fd, &s->body, "never sent"));
	sock_close(&fd);
}

static void
test_web_stop_answers_what_still_waits(void **state)
{
	struct server *s = *state;
	halt(s); /* nobody answers on the loop any more */
	int fd = raw_open(s, "GET /healthz HTTP/1.1\r\n"
	    "Host: localhost\r\n\r\n");
	assert_true(fd >= 0);

	/* whether it was read by now or not: no hang, no crash, no leak */
	web_stop(&s->web);

	assert_false(raw_read(fd, &s->body, "HTTP/1.1 200"));
	sock_close(&fd);
}

#define STREAMS 256

static void
test_web_too_many_streams_are_refused(void **state)
{
	struct server *s = *state;
	static int fds[STREAMS];
	for (size_t i = 0; i < STREAMS; i++) {
		fds[i] = raw_open(s, stream_ask);
		assert_true(raw_read(fds[i], &s->body, "HTTP/1.1 200"));
	}

	bool refused = raw(s, stream_ask, "HTTP/1.1 503");
	get(s, NULL, "/healthz", false);

	assert_true(refused);
	assert_int_equal(s->status, 200);
	for (size_t i = 0; i < STREAMS; i++)
		sock_close(&fds[i]);
}

static void
test_web_second_agent_on_the_same_socket_is_refused(void **state)
{
	struct server *s = *state;
	struct err e = {.msg = ""};
	struct web_config c = {.host = "127.0.0.1", .socket_path = s->socket,
	    .version = "0.1.0"};
	struct loop *l = loop_new(&e);

	struct web *w = web_start(l, &c, &s->world->ports, s->world->board,
	    s->world->zone, &e);

	assert_null(w);
	assert_non_null(strstr(e.msg, "another agent"));
	loop_free(&l);
}

int
main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_web_answers_on_the_port_and_on_the_socket),
	    TEST(test_web_page_is_sent_whole),
	    TEST(test_web_query_is_decoded),
	    TEST(test_web_headers_keep_browsers_safe),
	    TEST(test_web_foreign_host_and_origin_are_refused),
	    TEST(test_web_header_too_long_is_refused),
	    TEST(test_web_events_come_at_once_and_after_a_change),
	    TEST(test_web_stop_ends_streams_that_sleep),
	    TEST(test_web_stop_answers_what_still_waits),
	    TEST(test_web_too_many_streams_are_refused),
	    TEST(test_web_second_agent_on_the_same_socket_is_refused),
	};
	(void)signal(SIGPIPE, SIG_IGN); /* as the agent does */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
