/* SPDX-License-Identifier: MIT
 *
 * store: object files: written aside, checked, renamed, mapped, removed.
 * Called on workers ([worker]) and at start; a struct store may be shared by
 * threads, a writer belongs to one. Owns the cache folder's descriptor.
 * Never builds a path from a peer's text; never follows a link; deletes
 * nothing unless its marker file proves that the folder is ours.
 *
 * DESIGN  <path>/understudy-cache   marker: "understudy cache 1\n" + random id
 *         <path>/tmp/<random hex>   objects being written
 *         <path>/ab/cd/<64 hex>.dcm SHA-256 of study|series|sop UIDs
 * An object is a DICOM Part 10 file: 128 zero bytes, DICM, group 0002, then
 * the data set as received. Digest (XXH3-128) and length are the data set's;
 * both stand in group 0002 too, as private information: the seal.
 * No sync an object; store_sync makes all that was committed durable, and
 * only after it may a study be called ready.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/uid.h"

#define STORE_NAME_BYTES 32 /* SHA-256 */
#define STORE_DIGEST_BYTES 16 /* XXH3-128, canonical big endian */
/* bytes of one data set, hard; limits()->object_size may be less */
#define STORE_OBJECT_MAX (UINT64_C(4) << 30)

struct store;
struct store_writer;

/* what a finished object is; all of it goes into the index */
struct store_object {
	uint8_t name[STORE_NAME_BYTES];
	uint8_t digest[STORE_DIGEST_BYTES];
	uint64_t length; /* bytes of the data set */
	uint32_t offset; /* of the data set in the file */
};

/* Open ${path}, making it (0700) with its marker when it does not exist or is
 * empty; ERR_INVAL when it is neither ours nor empty, or another agent holds
 * it (a lock on the marker). Removes what it once left in tmp/. Open it before
 * the index, whose file lies in the same folder. */
struct store *store_open(const char *path, struct err *e);
/* The same of the one with this id, and no other: nothing is made in the place
 * of a volume that is not mounted (ERR_INVAL with sys ENOENT). ${id} NULL or
 * "": as store_open. */
struct store *store_open_known(const char *path, const char *id,
    struct err *e);
/* 32 hex digits, which its marker has had since it was made. */
const char *store_id(const struct store *s);
void store_close(struct store **pp);

/* [any] Where the folder is now. */
enum store_place {
	STORE_HERE,
	STORE_READ_ONLY, /* its volume takes nothing */
	STORE_GONE, /* nothing, or another folder, is in its place */
	STORE_BACK, /* it is in its place, but ours is a dead end: open it
	             * anew */
};
enum store_place store_look(const struct store *s);

/* Begin an object of these UIDs (valid ones, uid_is_valid) in ${syntax};
 * writes the file header. [worker] */
struct store_writer *store_begin(struct store *s, const char *class_uid,
    const char *instance_uid, const char *syntax, struct err *e);
/* Append data set bytes. ERR_FULL for a full disk or quota, ERR_PARSE beyond
 * limits()->object_size; then abort it. */
int store_write(struct store_writer *w, const void *p, size_t n,
    struct err *e);
/* The data set written so far, for a check before commit: at most ${max}
 * bytes from its beginning, from the buffer or read back; borrowed until the
 * next call on ${w}. ${ret_n} gets how many. */
const uint8_t *store_peek(struct store_writer *w, size_t max, size_t *ret_n,
    struct err *e);
/* Finish under the name of these UIDs and consume ${*pp} (also on failure,
 * which leaves nothing behind). An existing object of that name with the
 * same digest is kept and counts as success; with another digest the new one
 * is moved nowhere: ERR_CORRUPT "conflict". */
int store_commit(struct store_writer **pp, const char *study_uid,
    const char *series_uid, const char *instance_uid,
    struct store_object *ret, struct err *e);
void store_abort(struct store_writer **pp);

/* All committed objects reach the disk before this returns 0. On failure
 * none of those since the last success may be called durable. [worker] */
int store_sync(struct store *s, struct err *e);
/* [any] How often that failed. Who calls its objects durable compares: the
 * system tells a failure once, perhaps to another. */
unsigned store_syncs_failed(const struct store *s);

/* A read-only mapping of an object's data set, checked for length. */
struct store_map {
	const uint8_t *p; /* the data set */
	size_t n;
	void *base; /* owned by store */
	size_t base_n;
};
/* ERR_CORRUPT when the file is missing or has another length. With ${verify}
 * the digest is computed and compared as well. [worker] */
int store_map(struct store *s, const struct store_object *o, bool verify,
    struct store_map *ret, struct err *e);
void store_unmap(struct store_map *m);

/* What a retrieval sends: an object with its names. */
struct store_item {
	struct store_object object;
	char study_uid[UID_SIZE], series_uid[UID_SIZE];
	char instance_uid[UID_SIZE], class_uid[UID_SIZE];
	char syntax[UID_SIZE];
};

/* An object's data set, read piece by piece into memory of the caller's: a
 * large one costs no more than a small one. Open with store_read_begin:
 * errors as store_map's. [worker] */
struct store_reader;
int store_read_begin(struct store *s, const struct store_object *o,
    struct store_reader **ret, struct err *e);
/* The next ${max} bytes, or all that is left; ${ret_n} gets how many, 0 at
 * the end. The piece that ends the data set is given only if the digest of
 * all of it holds, else ERR_CORRUPT: who sends each piece as it comes never
 * sends the end of a damaged object. */
int store_read(struct store_reader *r, void *p, size_t max, size_t *ret_n,
    struct err *e);
uint64_t store_read_left(const struct store_reader *r);
void store_read_end(struct store_reader **pp);

/* store_map with ${verify}, but an object whose file was checked by this
 * call before and has not changed since is not checked again (frames of one
 * large object are asked for one by one). Remembers up to 1,024. [worker] */
int store_map_checked(struct store *s, const struct store_object *o,
    struct store_map *ret, struct err *e);

/* The object of that name by its file alone, when the index is lost: what it
 * is (without the UIDs of study and series, which its data set has) and its
 * data set, mapped. ERR_CORRUPT when it has no seal that fits, or its digest
 * does not hold. [worker] or at start */
int store_unseal(struct store *s, const uint8_t name[STORE_NAME_BYTES],
    struct store_item *ret, struct store_map *ret_map, struct err *e);

/* Append the head of a Part 10 file (preamble, DICM, group 0002), as it stands
 * before a stored data set but for the seal. */
void store_file_head(struct buf *b, const char *class_uid,
    const char *instance_uid, const char *syntax);

/* Remove the file; a missing one is no error. */
int store_remove(struct store *s, const uint8_t name[STORE_NAME_BYTES],
    struct err *e);
/* The same, unless its seal says that it is whole: then it is another one, that
 * came after the damaged one. [worker] */
int store_remove_damaged(struct store *s,
    const uint8_t name[STORE_NAME_BYTES], struct err *e);

/* The sweep. The folder's ${part}th of STORE_PARTS is listed: ${fn} gets its
 * object files, those whose names begin with that byte, in order, and sets
 * ${known}; -1 ends it. The others are removed and ${*ret_removed} grows, but
 * they are not taken off what is held: the caller's figure knows only what is
 * known. Foreign files are left alone, and ${*ret_foreign} grows.
 * It may run while objects are written: what was committed since store_open
 * is never removed. The store remembers their names until store_sweep_end,
 * or until there are too many: then this fails with ERR_CANCELLED. [worker]
 * or at start */
#define STORE_PARTS 256
struct store_file {
	uint8_t name[STORE_NAME_BYTES];
	bool known;
};
typedef int store_part_fn(void *ctx, struct store_file *files, size_t n,
    struct err *e);
int store_sweep(struct store *s, uint8_t part, store_part_fn *fn, void *ctx,
    unsigned *ret_removed, unsigned *ret_foreign, struct err *e);
void store_sweep_end(struct store *s);

/* Whether the object has no file, or something else is in its place; false
 * also when that cannot be told just now. [worker] */
bool store_is_gone(struct store *s, const uint8_t name[STORE_NAME_BYTES]);

/* Bytes free for us on the volume, 64 bit. */
int store_free_bytes(struct store *s, uint64_t *ret, struct err *e);
/* Files that it can take still; UINT64_MAX where they are not counted. */
int store_free_files(struct store *s, uint64_t *ret, struct err *e);
/* Remove every object and what is being written; the marker stays. Nothing
 * may be written meanwhile; who reads an object keeps what he has open.
 * ${ret_removed} gets how many. [worker] */
int store_wipe(struct store *s, unsigned *ret_removed, struct err *e);

/* Quota, in bytes of data sets: store_write fails with ERR_FULL once held
 * bytes (told by the caller, kept current by commit and remove here) plus
 * what is being written exceed ${limit}, or the volume would have less than
 * ${reserve} free. No limits before the first call. [any] */
void store_set_quota(struct store *s, uint64_t limit, uint64_t reserve);
void store_set_held(struct store *s, uint64_t bytes);
/* The file of so many bytes is gone, and not by store_remove. */
void store_lost(struct store *s, uint64_t bytes);
uint64_t store_held(const struct store *s);

/* SHA-256 name of an object. */
void store_name(uint8_t ret[STORE_NAME_BYTES], const char *study_uid,
    const char *series_uid, const char *instance_uid);

#endif
