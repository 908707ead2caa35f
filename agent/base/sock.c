/* SPDX-License-Identifier: MIT */
/* Sockets set up our way. */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sock.h"
#include "base/str.h"

#define BACKLOG 128 /* connections that may wait; the system may cap it */

static void
set_flag(int fd, int level, int name)
{
	int on = 1;
	(void)setsockopt(fd, level, name, &on, sizeof(on)); /* see door */
}

void
sock_setup(int fd)
{
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC); /* only fails on a bad fd */
	int flags = fcntl(fd, F_GETFL);
	(void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	set_flag(fd, IPPROTO_TCP, TCP_NODELAY);
	set_flag(fd, SOL_SOCKET, SO_KEEPALIVE);
#ifdef SO_NOSIGPIPE
	set_flag(fd, SOL_SOCKET, SO_NOSIGPIPE);
#endif
}

void
sock_quickack(int fd)
{
#ifdef TCP_QUICKACK
	set_flag(fd, IPPROTO_TCP, TCP_QUICKACK);
#else
	(void)fd; /* the system has no such option */
#endif
}

void
sock_close(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd); /* nothing to do about a failed close */
	*fd = -1;
}

bool
sock_wait(int fd, bool write, int64_t deadline_ns)
{
	struct pollfd p = {.fd = fd, .events = write ? POLLOUT : POLLIN};
	for (;;) {
		int64_t left = deadline_ns - clock_uptime_ns();
		if (left <= 0)
			return false;
		int64_t ms = left / CLOCK_MS + 1;
		int rc = poll(&p, 1, ms > 60000 ? 60000 : (int)ms);
		if (rc > 0 || (rc < 0 && errno != EINTR))
			return true;
	}
}

static struct addrinfo *
resolve(const char *host, uint16_t port, int flags, struct err *e)
{
	char service[8];
	(void)snprintf(service, sizeof(service), "%u", port);
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags};
	struct addrinfo *list = NULL;
	int rc = getaddrinfo(host, service, &hints, &list);
	if (rc == 0)
		return list;
	(void)err_set(e, ERR_NET, 0, "look up '%s': %s", host,
	    gai_strerror(rc));
	return NULL;
}

int
sock_listen(const char *host, uint16_t port, struct err *e)
{
	struct addrinfo *list = resolve(host, port,
	    AI_PASSIVE | AI_NUMERICHOST, e);
	if (list == NULL)
		return -1;
	int fd = socket(list->ai_family, SOCK_STREAM, 0);
	if (fd < 0) {
		(void)err_set(e, ERR_NET, errno, "make a socket");
		goto out;
	}
	sock_setup(fd);
	set_flag(fd, SOL_SOCKET, SO_REUSEADDR);
	if (bind(fd, list->ai_addr, list->ai_addrlen) != 0 ||
	    listen(fd, BACKLOG) != 0) {
		(void)err_set(e, ERR_NET, errno, "listen on %s:%u", host, port);
		sock_close(&fd);
	}
out:
	freeaddrinfo(list);
	return fd;
}

static uint16_t
port_of(const struct sockaddr_storage *ss)
{
	if (ss->ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)ss)->sin6_port);
	return ntohs(((const struct sockaddr_in *)ss)->sin_port);
}

uint16_t
sock_port(int fd)
{
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof(ss);
	if (getsockname(fd, (struct sockaddr *)&ss, &len) != 0)
		return 0;
	return port_of(&ss);
}

/* What lies at ${path} is a socket, or nothing: never somebody's file. */
static bool
may_replace(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0 ? S_ISSOCK(st.st_mode) : errno == ENOENT;
}

int
sock_listen_unix(const char *path, struct err *e)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	if (strlen(path) > 100) /* sun_path is 104 bytes on macOS */
		return err_set(e, ERR_INVAL, 0,
		    "socket path: want at most 100 bytes, have %zu",
		    strlen(path));
	(void)str_copy(un.sun_path, sizeof(un.sun_path), path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0)
		return err_set(e, ERR_NET, errno, "make a socket");
	sock_setup(fd);
	int rc = connect(fd, (struct sockaddr *)&un, sizeof(un));
	/* anything but these: somebody is there, if too busy to answer */
	bool stale = rc != 0 && (errno == ECONNREFUSED || errno == ENOENT);
	sock_close(&fd);
	if (!may_replace(path))
		return err_set(e, ERR_INVAL, 0,
		    "listen at '%s': want a socket or nothing there", path);
	if (!stale)
		return err_set(e, ERR_INVAL, 0,
		    "listen at '%s': another agent answers there", path);
	(void)unlink(path); /* a stale socket, or nothing */
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0)
		return err_set(e, ERR_NET, errno, "make a socket");
	sock_setup(fd);
	mode_t old = umask(0177);
	rc = bind(fd, (struct sockaddr *)&un, sizeof(un));
	(void)umask(old);
	if (rc == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	(void)err_set(e, ERR_NET, errno, "listen at '%s'", path);
	sock_close(&fd);
	return -1;
}

static bool
is_local(const struct sockaddr_storage *ss)
{
	if (ss->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)ss;
		return ntohl(in->sin_addr.s_addr) >> 24 == 127;
	}
	if (ss->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)ss;
		const uint8_t *b = in6->sin6_addr.s6_addr;
		return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr) ||
		    (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr) && b[12] == 127);
	}
	return ss->ss_family == AF_UNIX;
}

int
sock_accept(int listen_fd, char peer[SOCK_ADDR_SIZE], bool *ret_local,
    struct err *e)
{
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof(ss);
	int fd = accept(listen_fd, (struct sockaddr *)&ss, &len);
	if (fd < 0) {
		bool nobody = errno == EAGAIN || errno == EWOULDBLOCK ||
		    errno == ECONNABORTED || errno == EINTR;
		return err_set(e, nobody ? ERR_NONE : ERR_NET, errno,
		    "accept a connection");
	}
	sock_setup(fd);
	*ret_local = is_local(&ss);
	char host[48] = "?";
	if (ss.ss_family != AF_UNIX)
		(void)getnameinfo((struct sockaddr *)&ss, len, host,
		    sizeof(host), NULL, 0, NI_NUMERICHOST); /* "?" is fine */
	bool v6 = ss.ss_family == AF_INET6; /* RFC 3986 3.2.2: in brackets */
	(void)snprintf(peer, SOCK_ADDR_SIZE, "%s%s%s:%u", v6 ? "[" : "", host,
	    v6 ? "]" : "", ss.ss_family == AF_UNIX ? 0 : port_of(&ss));
	return fd;
}

void
sock_host_of(const char *peer, char dst[SOCK_ADDR_SIZE])
{
	const char *colon = strrchr(peer, ':');
	size_t n = colon == NULL ? strlen(peer) : (size_t)(colon - peer);
	if (n >= 2 && peer[0] == '[' && peer[n - 1] == ']') {
		peer++;
		n -= 2;
	}
	(void)str_copy_n(dst, SOCK_ADDR_SIZE, peer, n); /* fits: part of it */
}

/* Wait for a connect to finish: true when it has, one way or the other. */
static bool
wait_connected(int fd, const struct sock_target *t, int64_t deadline)
{
	while (t->stopped == NULL || !t->stopped(t->ctx)) {
		int64_t now = clock_uptime_ns();
		int64_t slice = now + 100 * CLOCK_MS;
		if (now >= deadline)
			return false;
		if (sock_wait(fd, true, slice < deadline ? slice : deadline))
			return true;
	}
	return false;
}

static int
connect_one(const struct addrinfo *ai, const struct sock_target *t,
    int64_t deadline, struct err *e)
{
	int fd = socket(ai->ai_family, SOCK_STREAM, 0);
	if (fd < 0)
		return err_set(e, ERR_NET, errno, "make a socket");
	sock_setup(fd);
	if (connect(fd, ai->ai_addr, ai->ai_addrlen) == 0)
		return fd;
	int why = errno;
	if (why == EINPROGRESS && wait_connected(fd, t, deadline)) {
		socklen_t len = sizeof(why);
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &len) == 0 &&
		    why == 0)
			return fd;
	} else if (why == EINPROGRESS) {
		why = ETIMEDOUT;
	}
	sock_close(&fd);
	return err_set(e, why == ETIMEDOUT ? ERR_TIMEOUT : ERR_NET, why,
	    "connect");
}

int
sock_connect(const struct sock_target *t, struct err *e)
{
	int64_t deadline = clock_uptime_ns() + t->timeout_ms * CLOCK_MS;
	struct addrinfo *list = resolve(t->host, t->port, 0, e);
	if (list == NULL)
		return -1;
	int fd = -1;
	for (struct addrinfo *ai = list; ai != NULL && fd < 0; ai = ai->ai_next)
		fd = connect_one(ai, t, deadline, e);
	freeaddrinfo(list);
	if (fd < 0 && t->stopped != NULL && t->stopped(t->ctx))
		return err_set(e, ERR_CANCELLED, 0, "told to stop");
	if (fd < 0)
		(void)err_prefix(e, "%s:%u", t->host, t->port);
	return fd;
}
