/* SPDX-License-Identifier: MIT */
/* Tests of http/client against a server of one canned answer on a thread. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sock.h"
#include "http/client.h"

#define PATIENCE_MS 10000 /* never reached unless something hangs */

/* Takes one connection, reads its header, sends ${answer}, closes; with
 * ${mute} it says nothing until the client goes. */
struct server {
	pthread_t thread;
	int listen;
	const char *answer;
	size_t step; /* bytes of each write, 0 = all */
	bool mute;
	char asked[4096];
	char url[64];
};

static void
read_head(struct server *s, int fd, int64_t deadline)
{
	size_t at = 0;
	while (at < sizeof(s->asked) - 1 &&
	    strstr(s->asked, "\r\n\r\n") == NULL &&
	    sock_wait(fd, false, deadline)) {
		ssize_t n = read(fd, s->asked + at, sizeof(s->asked) - 1 - at);
		if (n <= 0)
			return;
		at += (size_t)n;
	}
}

static void *
serve(void *ctx)
{
	struct server *s = ctx;
	struct err e;
	char peer[SOCK_ADDR_SIZE], byte;
	bool local;
	int64_t deadline = clock_uptime_ns() + PATIENCE_MS * CLOCK_MS;
	if (!sock_wait(s->listen, false, deadline))
		return NULL;
	int fd = sock_accept(s->listen, peer, &local, &e);
	read_head(s, fd, deadline);
	size_t all = strlen(s->answer);
	size_t step = s->step == 0 ? all : s->step;
	for (size_t at = 0; at < all && !s->mute; at += step)
		if (write(fd, s->answer + at, at + step > all ? all - at :
		    step) < 0)
			break; /* the client has heard enough */
	if (s->mute && sock_wait(fd, false, deadline))
		(void)!read(fd, &byte, 1); /* its end, or anything */
	sock_close(&fd);
	return NULL;
}

static void
start(struct server *s)
{
	struct err e;
	s->listen = sock_listen("127.0.0.1", 0, &e);
	assert_true(s->listen >= 0);
	(void)snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%u/x",
	    sock_port(s->listen));
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void
stop(struct server *s)
{
	assert_int_equal(pthread_join(s->thread, NULL), 0);
	sock_close(&s->listen);
}

static int
exchange(struct server *s, bool post, size_t max, struct buf *b, struct err *e)
{
	struct http_ask ask = {.url = s->url, .post = post,
	    .timeout_ms = s->mute ? 200 : PATIENCE_MS};
	int status = 0;
	buf_init(b, max);
	start(s);
	int rc = http_exchange(&ask, b, &status, e);
	stop(s);
	return rc == 0 ? status : -1;
}

static void
test_client_body_and_status_come_back(void **state)
{
	(void)state; /* none */
	struct server s = {.answer = "HTTP/1.1 404 Not Found\r\n"
	    "Content-Length: 5\r\n\r\nhello"};
	struct buf b;
	struct err e;

	int status = exchange(&s, false, 100, &b, &e);

	assert_int_equal(status, 404);
	assert_string_equal(buf_str(&b), "hello");
	assert_memory_equal(s.asked, "GET /x HTTP/1.1\r\n", 17);
	buf_done(&b);
}

static void
test_client_post_has_an_empty_body(void **state)
{
	(void)state; /* none */
	struct server s = {.answer = "HTTP/1.1 202 Accepted\r\n"
	    "Content-Length: 0\r\n\r\n"};
	struct buf b;
	struct err e;

	int status = exchange(&s, true, 100, &b, &e);

	assert_int_equal(status, 202);
	assert_memory_equal(s.asked, "POST /x", 7);
	assert_non_null(strstr(s.asked, "Content-Length: 0"));
	buf_done(&b);
}

static void
test_client_redirect_is_not_followed(void **state)
{
	(void)state; /* none */
	struct server s = {.answer = "HTTP/1.1 302 Found\r\nLocation: "
	    "http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"};
	struct buf b;
	struct err e;

	assert_int_equal(exchange(&s, false, 100, &b, &e), 302);

	buf_done(&b);
}

static void
test_client_faults_have_their_code(void **state)
{
	(void)state; /* none */
	static const struct {
		const char *answer;
		bool mute;
		enum err_code want;
	} rows[] = {
		{"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n"
		    "0123456789012345678901234567890123456789", false,
		    ERR_FULL},
		{"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", false,
		    ERR_NET},
		{"", false, ERR_NET},
		{"", true, ERR_TIMEOUT},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct server s = {.answer = rows[i].answer,
		    .mute = rows[i].mute};
		struct buf b;
		struct err e = {.code = ERR_NONE};
		int rc = exchange(&s, false, 32, &b, &e);
		if (rc != -1 || e.code != rows[i].want)
			fail_msg("row %zu: %d %s", i, rc, e.msg);
		buf_done(&b);
	}
}

static void
test_client_nobody_there_is_a_network_error(void **state)
{
	(void)state; /* none */
	struct http_ask ask = {.socket = "/tmp/no-such-socket",
	    .url = "http://localhost/", .timeout_ms = PATIENCE_MS};
	struct http_ask odd = {.url = "file:///etc/hostname",
	    .timeout_ms = PATIENCE_MS};
	struct buf b;
	struct err e = {.code = ERR_NONE};
	int status;
	buf_init(&b, 100);

	assert_int_equal(http_exchange(&ask, &b, &status, &e), -1);
	assert_int_equal(e.code, ERR_NET);
	assert_int_equal(http_exchange(&odd, &b, &status, &e), -1);
	assert_int_equal(e.code, ERR_INVAL);

	buf_done(&b);
}

/* In a child that is nobody: everything is open to root. */
static int
ask_as_nobody(const char *path)
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct http_ask ask = {.socket = path,
		    .url = "http://localhost/", .timeout_ms = PATIENCE_MS};
		struct buf b;
		struct err e = {.code = ERR_NONE};
		int status;
		buf_init(&b, 100);
		if (geteuid() == 0 && setuid(65534) != 0)
			_exit(9);
		if (http_exchange(&ask, &b, &status, &e) == 0)
			_exit(8);
		_exit(e.sys != EACCES ? 1 : strstr(e.msg, "not allowed to "
		    "reach '/tmp/") == NULL ? 2 : 0);
	}
	int rc = 0;
	assert_int_equal(waitpid(pid, &rc, 0), pid);
	return WIFEXITED(rc) ? WEXITSTATUS(rc) : -1;
}

static void
test_client_closed_folder_is_not_taken_for_nobody(void **state)
{
	(void)state; /* none */
	char dir[] = "/tmp/test_client.XXXXXX", path[64];
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/control.sock", dir);
	assert_int_equal(chmod(dir, 0), 0);

	int closed = ask_as_nobody(path);

	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(closed, 0);
	assert_int_equal(ask_as_nobody(path), 1); /* not there at all */
}

static void
test_client_query_values_are_escaped(void **state)
{
	(void)state; /* none */
	struct buf b;
	buf_init(&b, 100);

	http_add_escaped(&b, "a-Z_0.9~ &=%#?/\xC3\xBC\n");

	assert_string_equal(buf_str(&b),
	    "a-Z_0.9~%20%26%3D%25%23%3F%2F%C3%BC%0A");
	buf_done(&b);
}

struct heard {
	char text[200];
	unsigned n, end_after;
};

static bool
on_event(void *ctx, const char *text) /* http_event_fn */
{
	struct heard *h = ctx;
	size_t at = strlen(h->text);
	(void)snprintf(h->text + at, sizeof(h->text) - at, "[%s]", text);
	return ++h->n != h->end_after;
}

static const char stream[] = "HTTP/1.1 200 OK\r\n"
    "Content-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    "retry: 2000\ndata: one\n\n: keep-alive\n\ndata: two\r\ndata:half\r\n\r\n"
    "id: 7\n\ndata: three\n\ndata: cut";

static void
test_client_events_survive_any_chunks(void **state)
{
	(void)state; /* none */

	for (size_t step = 1; step < 40; step += 3) {
		struct server s = {.answer = stream, .step = step};
		struct heard h = {.n = 0};
		struct err e = {.code = ERR_NONE};
		start(&s);
		int rc = http_events(NULL, s.url, on_event, &h, &e);
		stop(&s);
		assert_int_equal(rc, -1); /* the server closed it */
		assert_int_equal(e.code, ERR_NET);
		assert_string_equal(h.text, "[one][two\nhalf][three]");
	}
}

static void
test_client_events_end_when_the_reader_wants(void **state)
{
	(void)state; /* none */
	struct server s = {.answer = stream};
	struct heard h = {.end_after = 2};
	struct err e;

	start(&s);
	int rc = http_events(NULL, s.url, on_event, &h, &e);
	stop(&s);

	assert_int_equal(rc, 0);
	assert_string_equal(h.text, "[one][two\nhalf]");
}

static void
test_client_events_refused_is_a_peer_error(void **state)
{
	(void)state; /* none */
	struct server s = {.answer = "HTTP/1.1 503 Busy\r\n"
	    "Content-Length: 0\r\n\r\n"};
	struct heard h = {.n = 0};
	struct err e = {.code = ERR_NONE};

	start(&s);
	int rc = http_events(NULL, s.url, on_event, &h, &e);
	stop(&s);

	assert_int_equal(rc, -1);
	assert_int_equal(e.code, ERR_PEER);
	assert_int_equal(h.n, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_client_body_and_status_come_back),
	    cmocka_unit_test(test_client_post_has_an_empty_body),
	    cmocka_unit_test(test_client_redirect_is_not_followed),
	    cmocka_unit_test(test_client_faults_have_their_code),
	    cmocka_unit_test(test_client_nobody_there_is_a_network_error),
	    cmocka_unit_test(
	        test_client_closed_folder_is_not_taken_for_nobody),
	    cmocka_unit_test(test_client_query_values_are_escaped),
	    cmocka_unit_test(test_client_events_survive_any_chunks),
	    cmocka_unit_test(test_client_events_end_when_the_reader_wants),
	    cmocka_unit_test(test_client_events_refused_is_a_peer_error),
	};
	(void)signal(SIGPIPE, SIG_IGN); /* the server writes to who went */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
