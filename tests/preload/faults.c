/* SPDX-License-Identifier: MIT */
/* A disk that loses, and a system that fails: preloaded into the agent
 * (LD_PRELOAD, Linux only), for the folder FAULTS_FOLDER.
 *
 * DESIGN  With FAULTS_DISK the folder's files are what the system remembers,
 * and FAULTS_DISK what a power cut would leave: nothing gets there but by
 * fsync, fdatasync (that file and its name), fsync of a folder (its names) and
 * syncfs (all). An object's file does not change once it has its name, so it
 * is a link there; the index is copied page by page, so that a kill in the
 * middle leaves any part of it. tmp/ and SQLite's -shm are not kept: the
 * former is emptied at a start, the latter made anew. What is written by a
 * mapping is not seen; the agent writes none.
 * With FAULTS_CALL=KIND:K:ERRNO the K-th call of that kind on the folder (for
 * alloc: of the process) fails; "short" writes half. FAULTS_COUNT names a file
 * that tells at the end how many calls of each kind there were.
 * FAULTS_SLOW_MS is how long each sync takes.
 * FAULTS_CLOCK names a file of two 64 bit numbers, which are read whenever the
 * time is: milliseconds that the machine has slept, and that its wall clock is
 * ahead. */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096

enum kind { OPEN, WRITE, SYNC, RENAME, MAKE, UNLINK, ALLOC, KINDS };

static const char *const kinds[KINDS] = {"open", "write", "sync", "rename",
    "mkdir", "unlink", "alloc"};

static const struct {
	const char *name;
	int sys;
} errors[] = {
    {"EIO", EIO}, {"ENOSPC", ENOSPC}, {"EDQUOT", EDQUOT}, {"EINTR", EINTR},
    {"EMFILE", EMFILE}, {"ENFILE", ENFILE}, {"ENOMEM", ENOMEM},
    {"EROFS", EROFS}, {"EACCES", EACCES}, {"short", 0},
};

static char folder[PATH_MAX], disk[PATH_MAX], count_file[PATH_MAX];
static enum kind fail_kind = KINDS;
static long fail_at;
static int fail_sys;
static long slow_ms;
static const volatile int64_t *shift; /* asleep, ahead; NULL: none */
static atomic_long counts[KINDS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* the system's own */
#define REAL(name) \
	(__extension__ (__typeof__(&name))dlsym(RTLD_NEXT, #name))

static void
set_path(char dst[PATH_MAX], const char *name)
{
	const char *v = getenv(name);
	if (v != NULL && strlen(v) < PATH_MAX)
		(void)snprintf(dst, PATH_MAX, "%s", v); /* it fits */
}

static void
set_call(const char *v)
{
	char kind[16] = "", sys[16] = "";
	const char *k = v == NULL ? NULL : strchr(v, ':');
	const char *s = k == NULL ? NULL : strchr(k + 1, ':');
	if (s == NULL)
		return;
	(void)snprintf(kind, sizeof(kind), "%.*s", (int)(k - v), v);
	(void)snprintf(sys, sizeof(sys), "%s", s + 1);
	for (int i = 0; i < KINDS; i++)
		if (strcmp(kinds[i], kind) == 0)
			fail_kind = (enum kind)i;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (strcmp(errors[i].name, sys) == 0)
			fail_sys = errors[i].sys;
	fail_at = strtol(k + 1, NULL, 10);
}

static void
set_clock(const char *path)
{
	int fd = path == NULL ? -1 : REAL(open64)(path, O_RDONLY | O_CLOEXEC);
	void *p = fd < 0 ? MAP_FAILED : mmap(NULL, 2 * sizeof(int64_t),
	    PROT_READ, MAP_SHARED, fd, 0);
	if (p != MAP_FAILED)
		shift = p;
	if (fd >= 0)
		(void)close(fd);
}

__attribute__((constructor)) static void
set_up(void)
{
	const char *slow = getenv("FAULTS_SLOW_MS");
	(void)unsetenv("LD_PRELOAD"); /* the decoder's sandbox bears no more */
	set_path(folder, "FAULTS_FOLDER");
	set_path(disk, "FAULTS_DISK");
	set_path(count_file, "FAULTS_COUNT");
	slow_ms = slow == NULL ? 0 : strtol(slow, NULL, 10);
	set_call(getenv("FAULTS_CALL"));
	set_clock(getenv("FAULTS_CLOCK"));
}

__attribute__((destructor)) static void
tell(void)
{
	FILE *f = count_file[0] == '\0' ? NULL : fopen(count_file, "w");
	for (int i = 0; i < KINDS && f != NULL; i++)
		(void)fprintf(f, "%s %ld\n", kinds[i],
		    atomic_load(&counts[i]));
	if (f != NULL)
		(void)fclose(f);
}

/* Whether the open ${fd} is the folder or in it; then its name there. */
static bool
is_ours(int fd, char rel[PATH_MAX])
{
	char link[40], path[PATH_MAX];
	int saved = errno;
	size_t n = strlen(folder);
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t len = readlink(link, path, sizeof(path) - 1);
	errno = saved;
	if (n == 0 || len < (ssize_t)n)
		return false;
	path[len] = '\0';
	if (strncmp(path, folder, n) != 0 ||
	    (path[n] != '/' && path[n] != '\0'))
		return false;
	(void)snprintf(rel, PATH_MAX, "%s", path[n] == '/' ? path + n + 1 :
	    "");
	return true;
}

static bool
is_below(int dir_fd, const char *path)
{
	char rel[PATH_MAX];
	size_t n = strlen(folder);
	if (path[0] == '/')
		return n > 0 && strncmp(path, folder, n) == 0 &&
		    (path[n] == '/' || path[n] == '\0');
	return dir_fd != AT_FDCWD && is_ours(dir_fd, rel);
}

static bool
is_turn(enum kind k)
{
	long n = atomic_fetch_add(&counts[k], 1) + 1;
	return k == fail_kind && n == fail_at;
}

/* Whether this call on ${fd} fails; ${ret_short}: it does half its work. */
static bool
fails_on(enum kind k, int fd, bool *ret_short)
{
	char rel[PATH_MAX];
	if (folder[0] == '\0' || !is_ours(fd, rel) || !is_turn(k))
		return false;
	*ret_short = fail_sys == 0;
	errno = fail_sys;
	return true;
}

static bool
fails_at(enum kind k, int dir_fd, const char *path)
{
	if (folder[0] == '\0' || !is_below(dir_fd, path) || !is_turn(k))
		return false;
	errno = fail_sys == 0 ? EIO : fail_sys;
	return true;
}

/* ---- the disk ---- */

static bool
is_forgotten(const char *rel)
{
	size_t n = strlen(rel);
	return strncmp(rel, "tmp/", 4) == 0 ||
	    (n > 4 && strcmp(rel + n - 4, "-shm") == 0);
}

static bool
is_object(const char *rel)
{
	size_t n = strlen(rel);
	return n > 4 && strcmp(rel + n - 4, ".dcm") == 0;
}

static bool
join(char dst[PATH_MAX], const char *top, const char *rel)
{
	int n = snprintf(dst, PATH_MAX, "%s%s%s", top, rel[0] == '\0' ? "" :
	    "/", rel);
	return n > 0 && n < PATH_MAX;
}

static void
make_parents(char *path)
{
	for (char *p = path + strlen(disk); *p != '\0'; p++) {
		if (*p != '/' || p == path)
			continue;
		*p = '\0';
		(void)REAL(mkdir)(path, 0700); /* it may be there */
		*p = '/';
	}
}

/* The pages of ${from} that differ, to ${to}. */
static void
copy_pages(const char *from, const char *to)
{
	char a[PAGE], b[PAGE];
	struct stat st;
	int in = REAL(open64)(from, O_RDONLY | O_CLOEXEC);
	int out = REAL(open64)(to, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	off_t at = 0;
	while (in >= 0 && out >= 0) {
		ssize_t n = pread(in, a, PAGE, at);
		if (n <= 0)
			break;
		ssize_t m = pread(out, b, PAGE, at);
		if (m != n || memcmp(a, b, (size_t)n) != 0)
			(void)REAL(pwrite64)(out, a, (size_t)n, at);
		at += n;
	}
	if (in >= 0 && out >= 0 && fstat(in, &st) == 0 &&
	    ftruncate(out, st.st_size) != 0)
		abort();
	if (in >= 0)
		(void)close(in);
	if (out >= 0)
		(void)close(out);
}

static void
sync_file(const char *rel)
{
	char from[PATH_MAX], to[PATH_MAX];
	struct stat a, b;
	if (is_forgotten(rel) || !join(from, folder, rel) ||
	    !join(to, disk, rel) || stat(from, &a) != 0)
		return;
	make_parents(to);
	if (!is_object(rel)) {
		copy_pages(from, to);
		return;
	}
	if (stat(to, &b) == 0 && b.st_ino == a.st_ino)
		return;
	(void)REAL(unlink)(to); /* an empty one, or another version */
	(void)link(from, to); /* removed meanwhile: then it is not there */
}

/* The names in ${rel}: new ones get an empty file until it is synced itself,
 * those that are gone go. With ${all} the contents too, and what is below. */
static void
sync_folder(const char *rel, bool all)
{
	char here[PATH_MAX], there[PATH_MAX], path[PATH_MAX];
	struct stat st;
	if (!join(here, folder, rel) || !join(there, disk, rel))
		return;
	(void)REAL(mkdir)(there, 0700); /* it may be there */
	DIR *d = opendir(here);
	for (struct dirent *e = d == NULL ? NULL : readdir(d); e != NULL;
	    e = readdir(d)) {
		char name[PATH_MAX];
		if (e->d_name[0] == '.' || !join(name, rel, e->d_name) ||
		    !join(path, folder, name) || stat(path, &st) != 0)
			continue;
		const char *below = name[0] == '/' ? name + 1 : name;
		if (S_ISDIR(st.st_mode)) {
			if (all && strcmp(below, "tmp") != 0)
				sync_folder(below, true);
			else if (join(path, disk, below))
				(void)REAL(mkdir)(path, 0700);
		} else if (all) {
			sync_file(below);
		} else if (!is_forgotten(below) && join(path, disk, below)) {
			int fd = REAL(open64)(path, O_WRONLY | O_CREAT, 0600);
			if (fd >= 0)
				(void)close(fd);
		}
	}
	if (d != NULL)
		(void)closedir(d);
	d = opendir(there);
	for (struct dirent *e = d == NULL ? NULL : readdir(d); e != NULL;
	    e = readdir(d)) {
		if (e->d_name[0] == '.' || !join(path, here, e->d_name) ||
		    stat(path, &st) == 0 || !join(path, there, e->d_name))
			continue;
		(void)REAL(unlink)(path); /* folders stay, empty */
	}
	if (d != NULL)
		(void)closedir(d);
}

/* 0 done here; 1 it is none of ours; -1 it fails. */
static int
synced(int fd, bool all)
{
	char rel[PATH_MAX];
	struct stat st;
	bool is_short = false;
	if (folder[0] == '\0' || !is_ours(fd, rel))
		return 1;
	if (fails_on(SYNC, fd, &is_short))
		return -1;
	if (slow_ms > 0)
		(void)nanosleep(&(struct timespec){slow_ms / 1000,
		    slow_ms % 1000 * 1000000}, NULL);
	if (disk[0] == '\0')
		return 1;
	(void)pthread_mutex_lock(&lock);
	if (all)
		sync_folder("", true);
	else if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		sync_folder(rel, false);
	else
		sync_file(rel);
	(void)pthread_mutex_unlock(&lock);
	return 0;
}

/* ---- the calls ---- */

int
fsync(int fd)
{
	int rc = synced(fd, false);
	return rc == 1 ? REAL(fsync)(fd) : rc;
}

int
fdatasync(int fd)
{
	int rc = synced(fd, false);
	return rc == 1 ? REAL(fdatasync)(fd) : rc;
}

int
syncfs(int fd)
{
	int rc = synced(fd, true);
	return rc == 1 ? REAL(syncfs)(fd) : rc;
}

/* Half of ${n}; what is not written at all is EIO. */
static size_t
half(bool is_short, size_t n)
{
	return is_short ? (n + 1) / 2 : 0;
}

ssize_t
write(int fd, const void *p, size_t n)
{
	bool is_short = false;
	if (!fails_on(WRITE, fd, &is_short))
		return REAL(write)(fd, p, n);
	return is_short ? REAL(write)(fd, p, half(is_short, n)) : -1;
}

ssize_t
pwrite64(int fd, const void *p, size_t n, off64_t at)
{
	bool is_short = false;
	if (!fails_on(WRITE, fd, &is_short))
		return REAL(pwrite64)(fd, p, n, at);
	return is_short ? REAL(pwrite64)(fd, p, half(is_short, n), at) : -1;
}

ssize_t
pwrite(int fd, const void *p, size_t n, off_t at)
{
	return pwrite64(fd, p, n, at);
}

static mode_t
mode_of(int flags, va_list ap)
{
	return (flags & O_CREAT) != 0 ? va_arg(ap, mode_t) : 0;
}

#define OPEN_CALL(name, real) \
	int name(const char *path, int flags, ...) \
	{ \
		va_list ap; \
		va_start(ap, flags); \
		mode_t mode = mode_of(flags, ap); \
		va_end(ap); \
		return fails_at(OPEN, AT_FDCWD, path) ? -1 : \
		    REAL(real)(path, flags, mode); \
	}
#define OPENAT_CALL(name, real) \
	int name(int dir_fd, const char *path, int flags, ...) \
	{ \
		va_list ap; \
		va_start(ap, flags); \
		mode_t mode = mode_of(flags, ap); \
		va_end(ap); \
		return fails_at(OPEN, dir_fd, path) ? -1 : \
		    REAL(real)(dir_fd, path, flags, mode); \
	}
OPEN_CALL(open, open)
OPEN_CALL(open64, open64)
OPENAT_CALL(openat, openat)
OPENAT_CALL(openat64, openat64)

int
renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	return fails_at(RENAME, to_fd, to) ? -1 :
	    REAL(renameat)(from_fd, from, to_fd, to);
}

int
mkdirat(int dir_fd, const char *path, mode_t mode)
{
	return fails_at(MAKE, dir_fd, path) ? -1 :
	    REAL(mkdirat)(dir_fd, path, mode);
}

int
unlinkat(int dir_fd, const char *path, int flags)
{
	return fails_at(UNLINK, dir_fd, path) ? -1 :
	    REAL(unlinkat)(dir_fd, path, flags);
}

int
unlink(const char *path)
{
	return fails_at(UNLINK, AT_FDCWD, path) ? -1 : REAL(unlink)(path);
}

int
clock_gettime(clockid_t id, struct timespec *ret)
{
	static __typeof__(&clock_gettime) real;
	if (real == NULL)
		real = REAL(clock_gettime);
	int rc = real(id, ret);
	int which = id == CLOCK_BOOTTIME ? 0 : 1;
	if (rc != 0 || shift == NULL ||
	    (id != CLOCK_BOOTTIME && id != CLOCK_REALTIME))
		return rc;
	int64_t ms = shift[which] + ret->tv_nsec / 1000000;
	int64_t s = ms / 1000 - (ms % 1000 < 0);
	ret->tv_sec += s;
	ret->tv_nsec = (long)(ms - s * 1000) * 1000000 +
	    ret->tv_nsec % 1000000;
	return 0;
}

/* the C library's own names: dlsym allocates */
extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);

/* DCMTK calls malloc without a look at what it gets: it crashes, which says
 * nothing of the agent. What it makes with new may fail. */
static bool
is_dcmtk(const void *caller)
{
	Dl_info at;
	return dladdr(caller, &at) != 0 && at.dli_fname != NULL &&
	    (strstr(at.dli_fname, "libdcm") != NULL ||
		strstr(at.dli_fname, "libofstd") != NULL);
}

void *
malloc(size_t n)
{
	if (!is_turn(ALLOC) || is_dcmtk(__builtin_return_address(0)))
		return __libc_malloc(n);
	errno = ENOMEM;
	return NULL;
}

void *
calloc(size_t n, size_t size)
{
	if (!is_turn(ALLOC) || is_dcmtk(__builtin_return_address(0)))
		return __libc_calloc(n, size);
	errno = ENOMEM;
	return NULL;
}

void *
realloc(void *p, size_t n)
{
	if (!is_turn(ALLOC) || is_dcmtk(__builtin_return_address(0)))
		return __libc_realloc(p, n);
	errno = ENOMEM;
	return NULL;
}
