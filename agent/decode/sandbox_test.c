/* SPDX-License-Identifier: MIT */
/* The sandbox tried from inside: each attempt in a child of its own, since
 * being killed for it is the right answer. */
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "decode/decode_priv.h"
#include "dicom/decode.h"

/* Where the limits alone hold, some things remain possible, and the limit of
 * processes does not hold for root. */
#if defined(__linux__) && !defined(SANDBOX_LIMITS_ONLY) && \
    (defined(__x86_64__) || defined(__aarch64__))
#define IS_FILTERED 1
#endif

/* Each says whether it succeeded at what it must not. */
static bool
opens_a_file(void)
{
	return open("/etc/passwd", O_RDONLY) != -1;
}

static bool
makes_a_file(void)
{
	return open("understudy-decode.self-test",
	    O_WRONLY | O_CREAT | O_EXCL, 0600) != -1;
}

static bool
writes_to_a_file(void)
{
	return write(1, "x", 1) == 1; /* a file stands there, see below */
}

static bool
makes_a_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) != -1;
}

#ifdef IS_FILTERED
static bool
makes_a_process(void)
{
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	return pid > 0;
}

static bool
runs_a_program(void)
{
	char *const argv[] = {str_dup("true"), NULL};
	(void)execv("/bin/true", argv); /* replaces us where it succeeds */
	(void)execv("/usr/bin/true", argv);
	mem_free(argv[0]);
	return false;
}

static bool
signals_its_parent(void)
{
	return kill(getppid(), 0) == 0;
}

static bool
takes_too_much_memory(void)
{
	return mmap(NULL, (size_t)DECODE_MEMORY, PROT_READ,
	    MAP_PRIVATE | MAP_ANON, -1, 0) != MAP_FAILED;
}
#endif

static const struct {
	const char *name;
	bool (*attempt)(void);
} rows[] = {
    {"open a file", opens_a_file},
    {"make a file", makes_a_file},
    {"write to a file", writes_to_a_file},
    {"make a socket", makes_a_socket},
#ifdef IS_FILTERED
    {"make a process", makes_a_process},
    {"run a program", runs_a_program},
    {"signal another process", signals_its_parent},
    {"take too much memory", takes_too_much_memory},
#endif
};

enum { REFUSED = 10, SUCCEEDED, NO_SANDBOX }; /* codes of a child's exit */

/* A file that has no name any more. */
static int
nameless_file(void)
{
	char path[] = "/tmp/understudy-decode.XXXXXX";
	int fd = mkstemp(path);
	if (fd != -1)
		(void)unlink(path); /* else it stays there, empty */
	return fd;
}

static void
say(const char *text)
{
	(void)!write(1, text, strlen(text)); /* nobody else to tell */
}

static int
try_it(bool (*attempt)(void))
{
	struct err e;
	int fd = nameless_file();
	if (fd == -1 || dup2(fd, 1) == -1 || sandbox_enter(&e) == -1)
		return NO_SANDBOX;
	return attempt() ? SUCCEEDED : REFUSED;
}

/* Whether a child that ended with ${status} was refused. */
static bool
tell(const char *name, int status)
{
	bool is_killed = WIFSIGNALED(status) &&
	    (WTERMSIG(status) == SIGSYS || WTERMSIG(status) == SIGXFSZ);
	bool is_refused = WIFEXITED(status) && WEXITSTATUS(status) == REFUSED;
	bool is_bare = WIFEXITED(status) && WEXITSTATUS(status) == NO_SANDBOX;
	say(name);
	say(is_killed        ? ": refused, killed\n"
	        : is_refused ? ": refused\n"
	        : is_bare    ? ": no sandbox\n"
	                     : ": succeeded\n");
	return is_killed || is_refused;
}

int
sandbox_test_run(void)
{
	bool ok = true;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int status = 0;
		pid_t pid = fork();
		if (pid == 0)
			_exit(try_it(rows[i].attempt));
		if (pid == -1 || waitpid(pid, &status, 0) == -1)
			return 1;
		ok &= tell(rows[i].name, status);
	}
	return ok ? 0 : 1;
}
