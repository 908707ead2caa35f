/* SPDX-License-Identifier: MIT */
/* The agent's end of understudy-decode: start it, feed it, end it. */
#include <sys/types.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/sock.h"
#include "base/str.h"
#include "dicom/decode.h"
#include "wire/scan.h"

#define HEAD (8 + 2 * DECODE_SYNTAX) /* bytes before an object */
#define SLICE_MS 100 /* between questions whether to give up */
#define BYTES_PER_S (4u << 20) /* the slowest decoder that is waited for */

extern char **environ;

/* Held from making pipes until they are marked and the child has its own: a
 * child of another thread must not hold an end of ours, or we would never
 * see that our helper ended. */
static pthread_mutex_t spawning = PTHREAD_MUTEX_INITIALIZER;

struct decoder {
	/* set at birth, then constant */
	const char *program;
	bool (*stopped)(void *ctx);
	void *ctx;

	/* the process; 0 and -1 while there is none */
	pid_t pid;
	int to, from;

	/* the object at hand */
	bool active; /* begun, and not all of its result read */
	uint64_t feed_left, read_left;
	int64_t deadline_ns;
};

/* The syntaxes that there is a codec for, and the three plain ones. */
static const char *const readable[] = {
    SYNTAX_IMPLICIT_LE,
    SYNTAX_EXPLICIT_LE,
    SYNTAX_EXPLICIT_BE,
    SYNTAX_DEFLATED_LE,
    "1.2.840.10008.1.2.5", /* RLE */
    "1.2.840.10008.1.2.4.50", /* JPEG baseline */
    "1.2.840.10008.1.2.4.51", /* JPEG extended */
    "1.2.840.10008.1.2.4.53", /* JPEG spectral, retired */
    "1.2.840.10008.1.2.4.55", /* JPEG progressive, retired */
    "1.2.840.10008.1.2.4.57", /* JPEG lossless */
    "1.2.840.10008.1.2.4.70", /* JPEG lossless SV1 */
    "1.2.840.10008.1.2.4.80", /* JPEG-LS lossless */
    "1.2.840.10008.1.2.4.81", /* JPEG-LS near-lossless */
    "1.2.840.10008.1.2.4.90", /* JPEG 2000 lossless */
    "1.2.840.10008.1.2.4.91", /* JPEG 2000 */
    "1.2.840.10008.1.2.4.201", /* HTJ2K lossless */
    "1.2.840.10008.1.2.4.202", /* HTJ2K lossless RPCL */
    "1.2.840.10008.1.2.4.203", /* HTJ2K */
};

bool
decode_can(const char *from, const char *to)
{
	if (!str_eq(to, SYNTAX_IMPLICIT_LE) && !str_eq(to, SYNTAX_EXPLICIT_LE)
	    && !str_eq(to, SYNTAX_EXPLICIT_BE))
		return false;
	for (size_t i = 0; i < sizeof(readable) / sizeof(*readable); i++) {
		if (str_eq(from, readable[i]))
			return true;
	}
	return false;
}

struct decoder *
decoder_new(const char *program)
{
	struct decoder *d = mem_new(struct decoder);
	d->program = program;
	d->to = -1;
	d->from = -1;
	return d;
}

void
decoder_free(struct decoder **pp)
{
	struct decoder *d = *pp;
	*pp = NULL;
	if (d == NULL)
		return;
	decoder_drop(d);
	mem_free(d);
}

void
decoder_set_stop(struct decoder *d, bool (*stopped)(void *ctx), void *ctx)
{
	d->stopped = stopped;
	d->ctx = ctx;
}

/* End the process; how it ended, or 0 where there was none. */
static int
end(struct decoder *d)
{
	int status = 0;
	sock_close(&d->to);
	sock_close(&d->from);
	if (d->pid > 0) {
		(void)kill(d->pid, SIGKILL); /* it may have ended before */
		while (waitpid(d->pid, &status, 0) == -1 && errno == EINTR)
			;
	}
	d->pid = 0;
	d->active = false;
	return status;
}

void
decoder_drop(struct decoder *d)
{
	(void)end(d); /* how it ended matters to nobody */
}

/* It ended of itself, amid an object. */
static int
ended(struct decoder *d, struct err *e)
{
	int status = end(d);
	if (WIFSIGNALED(status))
		return err_set(e, ERR_NET, 0, "decode: ended by signal %d",
		    WTERMSIG(status));
	return err_set(e, ERR_NET, 0, "decode: ended with code %d",
	    WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

static int
misused(struct decoder *d, const char *what, struct err *e)
{
	decoder_drop(d);
	return err_set(e, ERR_INVAL, 0, "decode: %s", what);
}

/* A pipe whose ends are closed on exec and are none of the three standard
 * descriptors, which the child's own are put in the place of. */
static int
make_pipe(int fds[2], struct err *e)
{
	int raw[2];
	int error = 0;
	if (pipe(raw) == -1)
		return err_set(e, ERR_IO, errno, "decode: make a pipe");
	for (int i = 0; i < 2; i++) {
		fds[i] = fcntl(raw[i], F_DUPFD_CLOEXEC, 3);
		if (fds[i] == -1)
			error = errno;
	}
	sock_close(&raw[0]);
	sock_close(&raw[1]);
	return error == 0 ? 0
	                  : err_set(e, ERR_IO, error, "decode: make a pipe");
}

/* Run the program on ${in} and ${out}, with no signal blocked or ignored.
 * The errno of what failed, or 0. */
static int
spawn(struct decoder *d, int in, int out)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	char *const argv[] = {str_dup("understudy-decode"), NULL};
	short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
	sigset_t none, deadly;
	(void)sigemptyset(&none); /* cannot fail, nor can those below */
	(void)sigemptyset(&deadly);
	(void)sigaddset(&deadly, SIGPIPE);
	(void)sigaddset(&deadly, SIGALRM); /* ends it when we are gone */
#ifdef POSIX_SPAWN_CLOEXEC_DEFAULT
	flags |= POSIX_SPAWN_CLOEXEC_DEFAULT;
#endif
	(void)posix_spawn_file_actions_init(&actions); /* only lack of memory */
	(void)posix_spawnattr_init(&attr); /* the same */
	(void)posix_spawnattr_setsigmask(&attr, &none);
	(void)posix_spawnattr_setsigdefault(&attr, &deadly);
	(void)posix_spawnattr_setflags(&attr, flags);
	int rc = posix_spawn_file_actions_adddup2(&actions, in, 0);
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(&actions, out, 1);
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(&actions, 2, 2);
	if (rc == 0)
		rc = posix_spawn(&d->pid, d->program, &actions, &attr, argv,
		    environ);
	(void)posix_spawnattr_destroy(&attr);
	(void)posix_spawn_file_actions_destroy(&actions);
	mem_free(argv[0]);
	return rc;
}

static void
set_nonblocking(int fd)
{
	/* both only fail on a bad descriptor */
	(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static int
start_locked(struct decoder *d, struct err *e)
{
	int in[2] = {-1, -1};
	int out[2] = {-1, -1};
	int rc = -1;

	if (make_pipe(in, e) == -1 || make_pipe(out, e) == -1)
		goto out;
	int error = spawn(d, in[0], out[1]);
	if (error != 0) {
		d->pid = 0;
		(void)err_set(e, ERR_IO, error, "decode: cannot start '%s'",
		    d->program); /* returned below */
		goto out;
	}
	d->to = in[1];
	d->from = out[0];
	in[1] = out[0] = -1; /* the decoder owns them now */
	set_nonblocking(d->to);
	set_nonblocking(d->from);
	rc = 0;
out:
	sock_close(&in[0]);
	sock_close(&in[1]);
	sock_close(&out[0]);
	sock_close(&out[1]);
	return rc;
}

/* Have a process that lives: one that ended while idle is replaced. */
static int
start(struct decoder *d, struct err *e)
{
	if (d->pid > 0 && waitpid(d->pid, NULL, WNOHANG) != 0) {
		d->pid = 0;
		decoder_drop(d);
	}
	if (d->pid > 0)
		return 0;
	(void)pthread_mutex_lock(&spawning); /* only fails when misused */
	int rc = start_locked(d, e);
	(void)pthread_mutex_unlock(&spawning);
	return rc;
}

/* Wait for ${fd}. In slices, to be stopped between them. */
static int
wait_for(struct decoder *d, int fd, bool write, struct err *e)
{
	for (;;) {
		int64_t until = clock_uptime_ns() + SLICE_MS * CLOCK_MS;
		if (until > d->deadline_ns)
			until = d->deadline_ns;
		if (sock_wait(fd, write, until))
			return 0;
		if (d->stopped != NULL && d->stopped(d->ctx)) {
			decoder_drop(d);
			return err_set(e, ERR_CANCELLED, 0, "decode: stopped");
		}
		if (clock_uptime_ns() >= d->deadline_ns) {
			decoder_drop(d);
			return err_set(e, ERR_TIMEOUT, 0,
			    "decode: no end within the time for its size");
		}
	}
}

static int
put(struct decoder *d, const void *p, size_t n, struct err *e)
{
	const uint8_t *at = p;
	while (n > 0) {
		ssize_t k = write(d->to, at, n);
		if (k > 0) {
			at += k;
			n -= (size_t)k;
		} else if (k == -1 && errno == EAGAIN) {
			if (wait_for(d, d->to, true, e) == -1)
				return -1;
		} else if (k == 0 || errno != EINTR) {
			return ended(d, e);
		}
	}
	return 0;
}

/* Up to ${max} bytes, at least one. */
static int
get(struct decoder *d, void *p, size_t max, size_t *ret_n, struct err *e)
{
	for (;;) {
		ssize_t k = read(d->from, p, max);
		if (k > 0) {
			*ret_n = (size_t)k;
			return 0;
		}
		if (k == -1 && errno == EAGAIN) {
			if (wait_for(d, d->from, false, e) == -1)
				return -1;
		} else if (k == 0 || errno != EINTR) {
			return ended(d, e);
		}
	}
}

static int
get_all(struct decoder *d, void *p, size_t n, struct err *e)
{
	uint8_t *at = p;
	while (n > 0) {
		size_t k;
		if (get(d, at, n, &k, e) == -1)
			return -1;
		at += k;
		n -= k;
	}
	return 0;
}

int
decoder_begin(struct decoder *d, uint64_t n, const char *from, const char *to,
    struct err *e)
{
	uint8_t head[HEAD] = {0};
	if (d->active)
		decoder_drop(d);
	if (n > DECODE_OBJECT_MAX)
		return err_set(e, ERR_PARSE, 0,
		    "decode: want at most %llu bytes, have %llu",
		    (unsigned long long)DECODE_OBJECT_MAX,
		    (unsigned long long)n);
	if (!decode_can(from, to))
		return err_set(e, ERR_PARSE, 0, "decode: no codec");
	if (start(d, e) == -1)
		return -1;
	d->active = true;
	d->feed_left = n;
	d->deadline_ns = clock_uptime_ns() + DECODE_MS * CLOCK_MS +
	    (int64_t)(n / BYTES_PER_S) * CLOCK_S;
	for (unsigned i = 0; i < 8; i++)
		head[i] = (uint8_t)(n >> 8 * i);
	memcpy(head + 8, from, strlen(from));
	memcpy(head + 8 + DECODE_SYNTAX, to, strlen(to));
	return put(d, head, sizeof(head), e);
}

int
decoder_feed(struct decoder *d, const void *p, size_t n, struct err *e)
{
	if (!d->active || n > d->feed_left)
		return misused(d, "fed more than was announced", e);
	d->feed_left -= n;
	return put(d, p, n, e);
}

/* The helper's reason of ${n} bytes becomes the error. */
static int
refused(struct decoder *d, uint32_t n, struct err *e)
{
	char reason[DECODE_REASON];
	char text[DECODE_REASON + 4]; /* fits unless it is no plain text */
	if (n > sizeof(reason)) {
		decoder_drop(d);
		return err_set(e, ERR_NET, 0,
		    "decode: want a reason of at most %zu bytes, have %lu",
		    sizeof(reason), (unsigned long)n);
	}
	if (get_all(d, reason, n, e) == -1)
		return -1;
	decoder_drop(d);
	return err_set(e, ERR_PARSE, 0, "decode: %s",
	    str_escape(text, sizeof(text), reason, n));
}

int
decoder_answer(struct decoder *d, uint64_t *ret_n, struct err *e)
{
	uint8_t p[8];
	if (!d->active || d->feed_left > 0)
		return misused(d, "fed less than was announced", e);
	if (get_all(d, p, 4, e) == -1)
		return -1;
	uint32_t n = (uint32_t)p[0] | (uint32_t)p[1] << 8 |
	    (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
	if (n != 0)
		return refused(d, n, e);
	if (get_all(d, p, 8, e) == -1)
		return -1;
	uint64_t size = 0;
	for (unsigned i = 0; i < 8; i++)
		size |= (uint64_t)p[i] << 8 * i;
	if (size > DECODE_OBJECT_MAX) {
		decoder_drop(d);
		return err_set(e, ERR_NET, 0,
		    "decode: want a result of at most %llu bytes, have %llu",
		    (unsigned long long)DECODE_OBJECT_MAX,
		    (unsigned long long)size);
	}
	d->read_left = size;
	d->active = size > 0;
	*ret_n = size;
	return 0;
}

int
decoder_read(struct decoder *d, void *p, size_t max, size_t *ret_n,
    struct err *e)
{
	if (max > d->read_left)
		max = (size_t)d->read_left;
	if (!d->active || max == 0) {
		*ret_n = 0;
		return 0;
	}
	/* it has the result: what is late now is the helper's own fault */
	d->deadline_ns = clock_uptime_ns() + DECODE_MS * CLOCK_MS;
	if (get(d, p, max, ret_n, e) == -1)
		return -1;
	d->read_left -= *ret_n;
	d->active = d->read_left > 0;
	return 0;
}
