/* SPDX-License-Identifier: MIT */
/* The sandbox: limits everywhere, a filter of system calls on Linux, the
 * profile "pure computation" on a Mac. One after the other, so that a hole in
 * one is closed by another: no descriptor can be opened, no file can grow,
 * no process can be made, and most calls of the system end the process.
 */
#include <sys/resource.h>
#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <unistd.h>

#if defined(__has_include)
#if __has_include(<linux/seccomp.h>)
#define HAS_SECCOMP 1
#endif
#if __has_include(<sandbox.h>)
#define HAS_PROFILES 1
#endif
#endif
#ifdef HAS_SECCOMP
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#endif
#ifdef HAS_PROFILES
#include <sandbox.h>
#endif

#include "decode/decode_priv.h"
#include "dicom/decode.h"

#define STACK_BYTES (120u << 20) /* the toolkit recurses; grows below 128 MiB
                                  * even where the program began with less */
#define FD_MAX 65536 /* closed one by one where there is no better call */

#ifdef HAS_SECCOMP
#if defined(__x86_64__)
#define AUDIT_HERE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define AUDIT_HERE AUDIT_ARCH_AARCH64
#endif
#endif

/* A Mac counts gigabytes of its shared libraries as ours. */
#ifdef HAS_SECCOMP
#define MEMORY_LIMIT RLIMIT_AS
#else
#define MEMORY_LIMIT RLIMIT_DATA
#endif

/* Lower a limit, for good; one that is lower already stays. */
static int
limit(int what, rlim_t value)
{
	struct rlimit r;
	if (getrlimit(what, &r) == -1)
		return -1;
	if (r.rlim_max == RLIM_INFINITY || r.rlim_max > value)
		r.rlim_max = value;
	r.rlim_cur = r.rlim_max;
	return setrlimit(what, &r);
}

/* More stack, as far as one may: it is no safeguard, only politeness to
 * objects that nest deeply. */
static void
raise_stack(void)
{
	struct rlimit r;
	if (getrlimit(RLIMIT_STACK, &r) == -1)
		return;
	if (r.rlim_cur != RLIM_INFINITY && r.rlim_cur < STACK_BYTES) {
		r.rlim_cur = r.rlim_max != RLIM_INFINITY &&
		        r.rlim_max < STACK_BYTES
		    ? r.rlim_max
		    : STACK_BYTES;
		(void)setrlimit(RLIMIT_STACK, &r); /* then it stays as it is */
	}
}

static void
close_others(void)
{
	long n = sysconf(_SC_OPEN_MAX);
#if defined(HAS_SECCOMP) && defined(SYS_close_range)
	if (syscall(SYS_close_range, 3u, ~0u, 0u) == 0)
		return;
#endif
	if (n < 0 || n > FD_MAX)
		n = FD_MAX;
	for (int fd = 3; fd < n; fd++)
		(void)close(fd); /* most are not open */
}

/* What is written there comes from somebody who may have been taken over. */
static int
silence(void)
{
#ifndef SANDBOX_LIMITS_ONLY
	int fd = open("/dev/null", O_WRONLY);
	if (fd == -1 || dup2(fd, 2) == -1)
		return -1;
#endif
	return 0;
}

static int
lower_limits(void)
{
#ifndef SANDBOX_LIMITS_ONLY
	if (limit(MEMORY_LIMIT, (rlim_t)DECODE_MEMORY) == -1)
		return -1;
#endif
	raise_stack();
	if (limit(RLIMIT_CORE, 0) == -1 || limit(RLIMIT_FSIZE, 0) == -1 ||
	    limit(RLIMIT_NPROC, 0) == -1)
		return -1;
	/* not 0: the three that are open may stay, none can be added */
	return limit(RLIMIT_NOFILE, 3);
}

#if defined(AUDIT_HERE) && !defined(SANDBOX_LIMITS_ONLY)
#define LOAD(field) \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, \
	    (unsigned)offsetof(struct seccomp_data, field))
#define KILL BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)
#define PASS BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
/* the call ${nr} passes */
#define ALLOW(nr) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 1), PASS

/* Memory, time, the pipes, and the end: nothing that names a file, a peer or
 * another process. Numbers of another architecture and of the x32 interface
 * are not among them, so they end the process as well. */
static int
filter_calls(void)
{
	struct sock_filter program[] = {
	    LOAD(arch),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_HERE, 1, 0),
	    KILL,
	    LOAD(nr),
	    ALLOW(__NR_read),
	    ALLOW(__NR_write),
	    ALLOW(__NR_readv),
	    ALLOW(__NR_writev),
	    ALLOW(__NR_close),
	    ALLOW(__NR_fstat),
#ifdef __NR_newfstatat
	    ALLOW(__NR_newfstatat), /* fstat of newer C libraries */
#endif
	    ALLOW(__NR_brk),
	    ALLOW(__NR_mmap),
	    ALLOW(__NR_mremap),
	    ALLOW(__NR_munmap),
	    ALLOW(__NR_mprotect),
	    ALLOW(__NR_madvise),
	    ALLOW(__NR_futex),
	    ALLOW(__NR_sched_yield),
	    ALLOW(__NR_getrandom),
	    ALLOW(__NR_clock_gettime),
	    ALLOW(__NR_gettimeofday),
#ifdef __NR_alarm
	    ALLOW(__NR_alarm),
#endif
	    ALLOW(__NR_setitimer),
	    ALLOW(__NR_getpid),
	    ALLOW(__NR_gettid),
	    ALLOW(__NR_rt_sigprocmask),
	    ALLOW(__NR_rt_sigreturn),
	    ALLOW(__NR_restart_syscall),
	    ALLOW(__NR_exit),
	    ALLOW(__NR_exit_group),
	    KILL,
	};
	struct sock_fprog filter = {
	    .len = sizeof(program) / sizeof(*program), .filter = program};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}
#elif defined(HAS_PROFILES)
/* Deprecated for a decade, and what everybody's helpers still run under:
 * without a signed bundle there is nothing else. */
static int
filter_calls(void)
{
	char *reason = NULL;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
	int rc = sandbox_init(kSBXProfilePureComputation, SANDBOX_NAMED,
	    &reason);
	sandbox_free_error(reason);
#pragma GCC diagnostic pop
	return rc;
}
#else
static int
filter_calls(void)
{
	return 0; /* the limits alone */
}
#endif

int
sandbox_enter(struct err *e)
{
	if (silence() == -1)
		return err_set(e, ERR_IO, errno, "sandbox: /dev/null");
	close_others();
	if (lower_limits() == -1)
		return err_set(e, ERR_IO, errno, "sandbox: set limits");
	if (filter_calls() == -1)
		return err_set(e, ERR_IO, errno, "sandbox: filter calls");
	return 0;
}
