/* SPDX-License-Identifier: MIT */
/* What the files of the store share: the struct, the system's calls. */
#ifndef STORE_PRIV_H
#define STORE_PRIV_H

#include <dirent.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/lock.h"
#include "store/store.h"

#define STORE_MARKER "understudy-cache"
#define STORE_TMP "tmp"
#define STORE_ID_BYTES 16
#define STORE_HEX_NAME (2 * STORE_NAME_BYTES + 1)
#define STORE_FILE_NAME (STORE_HEX_NAME + 4) /* "<64 hex>.dcm" */
#define STORE_FRESH_MAX 262144 /* names that came while it is swept: 8 MiB */
#define STORE_SPARE_MAX 8 /* idle writers, and readers, kept for reuse */
#define STORE_CHECKED_MAX 1024 /* files known to be whole */
#define STORE_HEADER_MAX 1024 /* bytes; ours has at most 620 */
#define STORE_SEAL_BYTES 24 /* digest, then length, little endian */

struct store {
	/* set at birth, then constant */
	char *path;
	char id[2 * STORE_ID_BYTES + 1];
	int dir_fd;
	int tmp_fd;
	int marker_fd; /* holds the lock */
	atomic_uint syncs_failed;
	bool by_file; /* sync each file: the system cannot sync a volume */
	/* [any] */
	atomic_uint_fast64_t held; /* bytes of data sets in place */
	atomic_uint_fast64_t writing; /* bytes of data sets under way */
	atomic_uint_fast64_t limit;
	atomic_uint_fast64_t reserve;
	/* in this order when both are taken */
	struct lock commit; /* a name comes into being only under it */
	struct lock lock;
	/* shared, under commit: names that came since store_open */
	uint8_t (*fresh)[STORE_NAME_BYTES];
	size_t n_fresh, cap_fresh;
	bool swept; /* nobody asks for them any more */
	bool too_fresh; /* they were too many, so some are not known */
	/* shared, under lock */
	struct store_writer *spare;
	unsigned n_spare;
	struct store_reader *spare_reader;
	unsigned n_spare_readers;
	struct checked *checked; /* store_map.c, once needed */
	uint8_t (*pending)[STORE_NAME_BYTES]; /* not synced; by_file only */
	size_t n_pending, cap_pending;
};

/* store.c: the sub-folder ${name}, made when ${make}; links are refused.
 * -1 with errno in ${e}->sys. */
int store_subdir(int dir_fd, const char *name, bool make, struct err *e);
/* The folder in which an object of ${name} lies; as above. */
int store_shard(struct store *s, const uint8_t name[STORE_NAME_BYTES],
    bool make, struct err *e);
/* "<64 hex>.dcm" */
void store_file_name(char ret[STORE_FILE_NAME],
    const uint8_t name[STORE_NAME_BYTES]);
/* store_sweep.c, under commit: ${name} has just come, or was there and is
 * taken. */
void store_note_fresh_locked(struct store *s,
    const uint8_t name[STORE_NAME_BYTES]);
/* Whether ${code} of errno means that there is no more room. */
enum err_code store_code_of(int sys);

/* store_map.c: the object file open for reading, and its status; -1 with
 * ${e}->sys ENOENT when there is none. */
int store_open_object(struct store *s, const uint8_t name[STORE_NAME_BYTES],
    struct stat *ret_st, struct err *e);
/* The same of ${o}, if it has the length that it must have; errors as
 * store_map's. */
int store_open_whole(struct store *s, const struct store_object *o,
    struct stat *ret_st, struct err *e);
/* Where the data set begins in a file of ours; 0 when it is none. */
uint32_t store_offset_of(int fd, uint64_t file_bytes);
/* A mapping of the first ${n} bytes of ${fd}. */
int store_map_fd(int fd, uint64_t n, void **ret, struct err *e);
void store_digest(uint8_t ret[STORE_DIGEST_BYTES], const void *p, size_t n);
/* Read all ${n} bytes, before they are mapped and read at once. ERR_CORRUPT:
 * the disk has lost some. */
int store_read_ahead(int fd, uint64_t n, struct err *e);
/* XXH3_128bits_update, as fast as it can be had. */
struct XXH3_state_s;
void store_digest_more(struct XXH3_state_s *x, const void *p, size_t n);

/* store_writer.c, store_read.c: forget what is kept for reuse. The first
 * drops everything that the store keeps in memory. */
void store_drop_spares(struct store *s);
void store_drop_readers(struct store *s);

/* store_sync.c: remember an object that store_sync must reach. */
void store_pend(struct store *s, const uint8_t name[STORE_NAME_BYTES]);
/* store_sync_*.c: make the whole volume of ${dir_fd} durable: 1 done,
 * 0 when this system cannot, -1 with errno. */
int store_sync_volume(int dir_fd);
/* One file to the disk; with ${drive} through the drive's own cache. */
int store_sync_fd(int fd, bool drive);

/* store_sys.c: the calls that may fail, so that tests can make them fail.
 * Results and errno as the system's. */
int store_sys_open(int dir_fd, const char *name, int flags, mode_t mode);
int store_sys_mkdir(int dir_fd, const char *name);
int store_sys_rename(int from_fd, const char *from, int to_fd,
    const char *to);
int store_sys_unlink(int dir_fd, const char *name);
int store_sys_stat(int fd, struct stat *ret);
int store_sys_free(int fd, uint64_t *ret);
int store_sys_flush(int fd);
/* All ${n} bytes or -1; interruptions and short counts are gone over. */
int store_sys_write(int fd, const void *p, size_t n);
int store_sys_read_at(int fd, void *p, size_t n, uint64_t at);
int store_sys_write_at(int fd, const void *p, size_t n, uint64_t at);
void *store_sys_map(int fd, size_t n);
/* Close a descriptor unless -1, and forget it. */
void store_sys_close(int *fd);
/* The entries of a folder; ${dir_fd} stays yours. NULL with errno. */
DIR *store_sys_list(int dir_fd);
/* The next name but "." and ".."; NULL at the end. */
const char *store_sys_next(DIR *d);
/* Every store_sync_fd and volume sync asks this first. */
bool store_sys_fails(void);

/* Fault injection for tests: the ${k}th call from now fails with ${sys};
 * 0 = never. store_fail_fired: whether it has happened. */
void store_fail_at(unsigned k, int sys);
bool store_fail_fired(void);

#endif
