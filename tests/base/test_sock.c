/* SPDX-License-Identifier: MIT */
/* Sockets on the loopback: listening, accepting, refusing, giving up. */
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/sock.h"
#include "base/str.h"

#define SOON_NS (10 * CLOCK_S) /* a deadline that is not reached */

struct fixture {
	char dir[64];
	char path[80]; /* of a unix socket */
	struct err e;
};

static int
setup(void **state)
{
	struct fixture *f = mem_new(struct fixture);
	(void)str_copy(f->dir, sizeof(f->dir), "/tmp/sock-XXXXXX"); /* short */
	assert_non_null(mkdtemp(f->dir));
	(void)snprintf(f->path, sizeof(f->path), "%s/control.sock", f->dir);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	clock_set_source(NULL);
	(void)unlink(f->path); /* may be gone */
	assert_int_equal(rmdir(f->dir), 0);
	mem_free(f);
	return 0;
}

static int
option(int fd, int level, int name)
{
	int v = 0;
	socklen_t n = sizeof(v);
	assert_int_equal(getsockopt(fd, level, name, &v, &n), 0);
	return v;
}

static void
assert_set_up(int fd)
{
	assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
}

/* a connection to ${host}: both ends */
static void
connect_pair(const char *host, int ends[2], char peer[SOCK_ADDR_SIZE],
    bool *local)
{
	struct err e;
	int l = sock_listen(host, 0, &e);
	assert_true(l >= 0);
	ends[0] = sock_connect(&(struct sock_target){.host = host,
	    .port = sock_port(l), .timeout_ms = 10000}, &e);
	assert_true(ends[0] >= 0);
	assert_true(sock_wait(l, false, clock_uptime_ns() + SOON_NS));
	ends[1] = sock_accept(l, peer, local, &e);
	assert_true(ends[1] >= 0);
	sock_close(&l);
	assert_int_equal(l, -1);
}

static void
test_sock_any_free_port_is_listened_on_and_told(void **state)
{
	struct fixture *f = *state;
	int a = sock_listen("127.0.0.1", 0, &f->e);
	int b = sock_listen("127.0.0.1", 0, &f->e);

	assert_true(a >= 0 && b >= 0);
	assert_int_not_equal(sock_port(a), 0);
	assert_int_not_equal(sock_port(a), sock_port(b));
	assert_set_up(a);
	sock_close(&a);
	sock_close(&b);
	sock_close(&b); /* again is fine */
	assert_int_equal(sock_port(-1), 0);
}

static void
test_sock_taken_port_is_refused_by_name(void **state)
{
	struct fixture *f = *state;
	char want[40];
	int a = sock_listen("127.0.0.1", 0, &f->e);
	(void)snprintf(want, sizeof(want), "listen on 127.0.0.1:%u: ",
	    sock_port(a));

	int b = sock_listen("127.0.0.1", sock_port(a), &f->e);

	assert_int_equal(b, -1);
	assert_int_equal(f->e.code, ERR_NET);
	assert_non_null(strstr(f->e.msg, want));
	sock_close(&a);
}

static void
test_sock_listening_never_looks_up_a_name(void **state)
{
	struct fixture *f = *state;
	static const char *const rows[] = {"localhost", "pacs.example.org",
	    "300.1.1.1", "127.0.0.1:80", "%n"};
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(sock_listen(rows[i], 0, &f->e), -1);
		assert_int_equal(f->e.code, ERR_NET);
		assert_non_null(strstr(f->e.msg, rows[i]));
	}
}

static void
test_sock_accept_of_nobody_is_no_error(void **state)
{
	struct fixture *f = *state;
	char peer[SOCK_ADDR_SIZE];
	bool local = false;
	int l = sock_listen("127.0.0.1", 0, &f->e);

	assert_int_equal(sock_accept(l, peer, &local, &f->e), -1);
	assert_int_equal(f->e.code, ERR_NONE);

	sock_close(&l);
	assert_int_equal(sock_accept(l, peer, &local, &f->e), -1);
	assert_int_equal(f->e.code, ERR_NET);
}

static void
test_sock_caller_of_this_machine_is_local_and_set_up(void **state)
{
	static const char *const hosts[] = {"127.0.0.1", "127.3.2.1"};
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		int ends[2];
		char peer[SOCK_ADDR_SIZE], want[SOCK_ADDR_SIZE];
		bool local = false;

		connect_pair(hosts[i], ends, peer, &local);

		(void)snprintf(want, sizeof(want), "127.0.0.1:%u",
		    sock_port(ends[0]));
		assert_true(local);
		assert_true(str_starts(peer, "127."));
		assert_true(i > 0 || str_eq(peer, want));
		for (int k = 0; k < 2; k++) {
			assert_set_up(ends[k]);
			assert_true(option(ends[k], IPPROTO_TCP,
			    TCP_NODELAY) != 0);
			sock_quickack(ends[k]);
			sock_close(&ends[k]);
		}
	}
}

static void
test_sock_ipv6_caller_of_this_machine_is_local(void **state)
{
	struct fixture *f = *state;
	int ends[2];
	char peer[SOCK_ADDR_SIZE];
	bool local = false;
	int probe = sock_listen("::1", 0, &f->e);
	if (probe < 0)
		skip(); /* no IPv6 here */
	sock_close(&probe);

	connect_pair("::1", ends, peer, &local);

	assert_true(local);
	char want[SOCK_ADDR_SIZE];
	(void)snprintf(want, sizeof(want), "[::1]:%u", sock_port(ends[0]));
	assert_string_equal(peer, want);
	sock_close(&ends[0]);
	sock_close(&ends[1]);
}

static void
test_sock_host_of_a_caller_is_its_address_alone(void **state)
{
	static const struct {
		const char *peer, *host;
	} rows[] = {
		{ "127.0.0.1:50312", "127.0.0.1" },
		{ "[::1]:50312", "::1" },
		{ "[fe80::1%en0]:104", "fe80::1%en0" },
		{ "?:0", "?" },
		{ "127.0.0.1", "127.0.0.1" },
		{ "[]:1", "" },
		{ "", "" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char host[SOCK_ADDR_SIZE];

		sock_host_of(rows[i].peer, host);

		assert_string_equal(host, rows[i].host);
	}
}

static void
test_sock_refused_connection_says_where_and_why(void **state)
{
	struct fixture *f = *state;
	char want[40];
	int l = sock_listen("127.0.0.1", 0, &f->e);
	uint16_t port = sock_port(l);
	sock_close(&l);
	(void)snprintf(want, sizeof(want), "127.0.0.1:%u: connect: ", port);

	int fd = sock_connect(&(struct sock_target){.host = "127.0.0.1",
	    .port = port, .timeout_ms = 10000}, &f->e);

	assert_int_equal(fd, -1);
	assert_int_equal(f->e.code, ERR_NET);
	assert_non_null(strstr(f->e.msg, want));
	assert_non_null(strstr(f->e.msg, "refused"));
}

static void
test_sock_unknown_host_is_named(void **state)
{
	struct fixture *f = *state;

	int fd = sock_connect(&(struct sock_target){.host = "999.1.1.1",
	    .port = 104, .timeout_ms = 1000}, &f->e);

	assert_int_equal(fd, -1);
	assert_int_equal(f->e.code, ERR_NET);
	assert_non_null(strstr(f->e.msg, "look up '999.1.1.1': "));
}

/* a clock that is an hour further each time somebody looks */
static int64_t
hurry(void *ctx)
{
	int64_t *now = ctx;
	return *now += 3600 * CLOCK_S;
}

static void
test_sock_connection_that_takes_too_long_is_a_timeout(void **state)
{
	struct fixture *f = *state;
	int64_t now = 0;
	struct clock_source src = {.uptime_ns = hurry,
	    .continuous_ns = hurry, .utc_ms = hurry, .ctx = &now};
	int l = sock_listen("127.0.0.1", 0, &f->e);
	clock_set_source(&src);

	int fd = sock_connect(&(struct sock_target){.host = "127.0.0.1",
	    .port = sock_port(l), .timeout_ms = 5000}, &f->e);

	clock_set_source(NULL);
	sock_close(&l);
	if (fd >= 0) { /* a system that connects without waiting */
		sock_close(&fd);
		skip();
	}
	assert_int_equal(f->e.code, ERR_TIMEOUT);
	assert_non_null(strstr(f->e.msg, "127.0.0.1:"));
}

static void
test_sock_wait_tells_ready_from_late(void **state)
{
	int ends[2];
	char peer[SOCK_ADDR_SIZE];
	bool local;
	(void)state;
	connect_pair("127.0.0.1", ends, peer, &local);
	int64_t now = clock_uptime_ns();

	assert_false(sock_wait(ends[0], false, now - 1));
	assert_false(sock_wait(ends[0], false, now + CLOCK_MS));
	assert_true(sock_wait(ends[0], true, now + SOON_NS));
	assert_int_equal(write(ends[1], "x", 1), 1);
	assert_true(sock_wait(ends[0], false, now + SOON_NS));
	sock_close(&ends[1]);
	assert_true(sock_wait(ends[0], false, now + SOON_NS)); /* dead */
	sock_close(&ends[0]);
}

static int
connect_unix(const char *path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	(void)str_copy(un.sun_path, sizeof(un.sun_path), path); /* short */
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_true(fd >= 0);
	if (connect(fd, (struct sockaddr *)&un, sizeof(un)) != 0)
		sock_close(&fd);
	return fd;
}

static void
test_sock_unix_socket_is_for_its_owner_only(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	mode_t before = umask(022);
	char peer[SOCK_ADDR_SIZE];
	bool local = false;

	int l = sock_listen_unix(f->path, &f->e);

	assert_true(l >= 0);
	assert_set_up(l);
	assert_int_equal(stat(f->path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(umask(before), 022); /* as it was */
	int fd = connect_unix(f->path);
	int peer_fd = sock_accept(l, peer, &local, &f->e);
	assert_true(peer_fd >= 0);
	assert_true(local);
	sock_close(&fd);
	sock_close(&peer_fd);
	sock_close(&l);
}

static void
test_sock_unix_stale_one_is_replaced(void **state)
{
	struct fixture *f = *state;
	int dead = sock_listen_unix(f->path, &f->e);
	assert_true(dead >= 0);
	sock_close(&dead); /* its name stays */
	assert_int_equal(access(f->path, F_OK), 0);

	int l = sock_listen_unix(f->path, &f->e);

	assert_true(l >= 0);
	int fd = connect_unix(f->path);
	assert_true(fd >= 0);
	sock_close(&fd);
	sock_close(&l);
}

static void
test_sock_unix_second_agent_is_refused(void **state)
{
	struct fixture *f = *state;
	int first = sock_listen_unix(f->path, &f->e);
	assert_true(first >= 0);

	int second = sock_listen_unix(f->path, &f->e);

	assert_int_equal(second, -1);
	assert_int_equal(f->e.code, ERR_INVAL);
	assert_non_null(strstr(f->e.msg, "another agent"));
	int fd = connect_unix(f->path); /* the first still answers */
	assert_true(fd >= 0);
	sock_close(&fd);
	sock_close(&first);
}

static void
test_sock_unix_agent_too_busy_to_answer_is_not_replaced(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fds[8];
	(void)str_copy(un.sun_path, sizeof(un.sun_path), f->path); /* short */
	int first = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(first, (struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(listen(first, 1), 0);
	for (int i = 0; i < 8; i++) { /* until nobody more may wait */
		fds[i] = socket(AF_UNIX, SOCK_STREAM, 0);
		sock_setup(fds[i]);
		(void)connect(fds[i], (struct sockaddr *)&un, sizeof(un));
	}

	int second = sock_listen_unix(f->path, &f->e);

	assert_int_equal(second, -1);
	assert_int_equal(access(f->path, F_OK), 0);
	for (int i = 0; i < 8; i++)
		sock_close(&fds[i]);
	sock_close(&first);
}

static void
test_sock_unix_never_removes_somebodys_file(void **state)
{
	struct fixture *f = *state;
	char target[90];
	char got[8] = "";
	(void)snprintf(target, sizeof(target), "%s/target", f->dir);
	for (int as_link = 0; as_link < 2; as_link++) {
		const char *file = as_link ? target : f->path;
		int fd = open(file, O_CREAT | O_WRONLY, 0600);
		assert_int_equal(write(fd, "mine", 4), 4);
		sock_close(&fd);
		if (as_link)
			assert_int_equal(symlink(target, f->path), 0);

		assert_int_equal(sock_listen_unix(f->path, &f->e), -1);

		assert_int_equal(f->e.code, ERR_INVAL);
		fd = open(f->path, O_RDONLY);
		assert_int_equal(read(fd, got, sizeof(got)), 4);
		assert_memory_equal(got, "mine", 4);
		sock_close(&fd);
		assert_int_equal(unlink(f->path), 0);
	}
	assert_int_equal(unlink(target), 0);
}

static void
test_sock_unix_long_path_is_refused_not_cut(void **state)
{
	struct fixture *f = *state;
	char path[102];
	memset(path, 'x', sizeof(path));
	memcpy(path, f->dir, strlen(f->dir));
	path[strlen(f->dir)] = '/';
	path[101] = '\0';

	assert_int_equal(sock_listen_unix(path, &f->e), -1);
	assert_int_equal(f->e.code, ERR_INVAL);

	path[100] = '\0';
	int l = sock_listen_unix(path, &f->e);
	assert_true(l >= 0);
	sock_close(&l);
	assert_int_equal(unlink(path), 0);
}

static void
test_sock_unix_folder_that_is_missing_is_an_error(void **state)
{
	struct fixture *f = *state;
	char path[100];
	(void)snprintf(path, sizeof(path), "%s/none/x", f->dir);

	assert_int_equal(sock_listen_unix(path, &f->e), -1);

	assert_int_equal(f->e.code, ERR_NET);
	assert_non_null(strstr(f->e.msg, path));
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_sock_any_free_port_is_listened_on_and_told),
	    T(test_sock_taken_port_is_refused_by_name),
	    T(test_sock_listening_never_looks_up_a_name),
	    T(test_sock_accept_of_nobody_is_no_error),
	    T(test_sock_caller_of_this_machine_is_local_and_set_up),
	    T(test_sock_ipv6_caller_of_this_machine_is_local),
	    T(test_sock_host_of_a_caller_is_its_address_alone),
	    T(test_sock_refused_connection_says_where_and_why),
	    T(test_sock_unknown_host_is_named),
	    T(test_sock_connection_that_takes_too_long_is_a_timeout),
	    T(test_sock_wait_tells_ready_from_late),
	    T(test_sock_unix_socket_is_for_its_owner_only),
	    T(test_sock_unix_stale_one_is_replaced),
	    T(test_sock_unix_second_agent_is_refused),
	    T(test_sock_unix_agent_too_busy_to_answer_is_not_replaced),
	    T(test_sock_unix_never_removes_somebodys_file),
	    T(test_sock_unix_long_path_is_refused_not_cut),
	    T(test_sock_unix_folder_that_is_missing_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
