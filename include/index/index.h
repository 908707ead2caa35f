/* SPDX-License-Identifier: MIT
 *
 * index: what the store holds, in SQLite: studies, series, instances.
 * Writes are queued from any thread and done by the one writer thread
 * (SQLite before 3.51.3 may corrupt a WAL with two writers); readers are
 * read-only connections, one thread each.
 * Owns <cache>/index.db. Never holds pixel data, never interprets attribute
 * blobs, never builds SQL from values.
 *
 * DESIGN  Writes gather into one transaction of up to 256 writes or 200 ms;
 * index_flush waits for what was queued before it. WAL, synchronous=NORMAL
 * (a power cut may lose the last transactions: a cache may miss). Synced (FULL
 * for that commit) is what makes a study ready, after the caller's store_sync,
 * and what says that something is gone, before the caller removes its file:
 * so that all objects of a ready study are here, whatever happens.
 */
#ifndef INDEX_INDEX_H
#define INDEX_INDEX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/uid.h"

#define INDEX_SCHEMA 3 /* PRAGMA user_version */
/* A start waits for the check of so much: 2 s from a disk of 128 MB/s. */
#define INDEX_CHECK_BYTES (256u << 20)
#define INDEX_NAME_BYTES 32
#define INDEX_DIGEST_BYTES 16

struct index;
struct index_reader;

struct index_blob {
	const void *p;
	size_t n;
};

/* One object with all that is known of it. Strings and blobs are copied by
 * index_put_object. */
struct index_object {
	const char *study_uid, *series_uid, *instance_uid;
	const char *class_uid, *syntax;
	uint8_t name[INDEX_NAME_BYTES];
	uint8_t digest[INDEX_DIGEST_BYTES];
	uint64_t length;
	uint32_t offset;
	/* search columns, UTF-8; of the study */
	const char *patient_id, *issuer, *study_date; /* YYYYMMDD or "" */
	/* of the series and the instance; for order. INT_MAX when absent */
	const char *modality;
	int series_number, instance_number;
	/* wire/attrs blobs of each level; the first object's are kept */
	struct index_blob patient_study, series, instance;
	/* DICOM JSON of the header, deflated as wire/gzpart says; p NULL =
	 * not made, and what an object had before it came again is dropped */
	struct index_blob metadata;
	uint32_t metadata_n, metadata_crc; /* of the text */
};

/* Open or make <dir>/index.db, migrate forward, start the writer. One agent
 * at a time: open the store of ${dir} first, which locks the folder. A newer
 * schema is refused (ERR_INVAL), nothing touched. A damaged file (quick_check
 * after an unclean stop) is renamed to index.db.damaged-<utc> and a new one
 * made; ${ret_lost} (may be NULL) tells. A file above INDEX_CHECK_BYTES is
 * checked later, by index_check. */
struct index *index_open(const char *dir, bool *ret_lost, struct err *e);
/* Commit what is queued, mark the stop as clean, join the writer. Close the
 * readers before. After an error the stop is not marked as clean. */
void index_close(struct index **pp);
/* Whether it waits for index_check: until then no stop counts as clean. */
bool index_is_unchecked(const struct index *ix);
/* [worker] Look at every page, as long as that takes. ERR_CORRUPT: damaged; the
 * index has failed, and the next start looks first and makes a new one.
 * ERR_CANCELLED soon after ${stop} is set. */
int index_check(struct index *ix, const atomic_bool *stop, struct err *e);
/* Whether the last stop was clean; false for a new file as well. */
bool index_was_clean(const struct index *ix);
/* The first error the writer met, if any (${ret} may be NULL): then writes
 * are lost, every index_flush fails, no study turns ready until the next
 * start, and the agent is unhealthy. */
bool index_has_failed(const struct index *ix, struct err *ret);

/* Queued writes [any]. They cannot fail here; see index_flush. This one and
 * index_put_metadata wait while 20,000 writes are queued; the others never. */
void index_put_object(struct index *ix, const struct index_object *o);
/* ${expected} instances are listed by the archive ${archive}; ready as told,
 * but never while fewer are held. The study's row must exist (an object was
 * put before), else no effect. Not ready is written at once, for viewers must
 * be shown it no more. Either is synced. */
void index_put_study(struct index *ix, const char *study_uid, bool ready,
    unsigned expected, const char *archive);
void index_put_kept(struct index *ix, const char *study_uid, bool kept);
void index_put_used(struct index *ix, const char *study_uid, uint64_t used,
    int64_t utc_s);
/* The metadata of an object whose row has none; no effect when it has (that
 * came with newer bytes) or is not here. Waits as index_put_object does: not
 * on the loop. */
void index_put_metadata(struct index *ix,
    const uint8_t name[INDEX_NAME_BYTES], struct index_blob part, uint32_t n,
    uint32_t crc);
/* Remove an object: its study is not ready any more; an empty series or
 * study goes too. Remove a study with all below it. Synced: after the
 * index_confirm that follows, files may be removed. */
void index_drop_object(struct index *ix,
    const uint8_t name[INDEX_NAME_BYTES]);
void index_drop_study(struct index *ix, const char *study_uid);
/* The wants of a case (a model/board blob), NULL p to forget it. */
void index_put_wants(struct index *ix, const char *case_id,
    struct index_blob wants);

/* [worker] Remove every row, those of wants too, and every trace of them in
 * the file, its log and in files set aside as damaged. One at a time. */
int index_wipe(struct index *ix, struct err *e);

/* [worker] Wait until everything queued before is written, or lost; -1 when
 * the index has failed. */
int index_flush(struct index *ix, struct err *e);
/* [worker] The same; and ERR_FULL when a batch was lost for a full disk since
 * index_lost was ${lost}. Who removes files after their rows, or says that a
 * study is ready, asks this, with the number from before its first write. */
int index_confirm(struct index *ix, unsigned lost, struct err *e);

/* [any] How many batches of writes were lost so far, for a full disk or a
 * fault. A full disk is not a failure of the index, and passes. */
unsigned index_lost(const struct index *ix);

struct index_reader *index_reader_open(struct index *ix, struct err *e);
void index_reader_close(struct index_reader **pp);

enum index_level {
	INDEX_PATIENT,
	INDEX_STUDY,
	INDEX_SERIES,
	INDEX_INSTANCE,
};

/* Which rows; NULL, 0 and "" mean any. Lists are borrowed. */
struct index_select {
	enum index_level level;
	const char *patient_id; /* exact */
	const char *const *study_uids;
	unsigned n_study_uids;
	const char *const *series_uids;
	unsigned n_series_uids;
	const char *const *instance_uids;
	unsigned n_instance_uids;
	const char *date_from, *date_to; /* YYYYMMDD inclusive, study date */
	bool unready; /* studies that are not ready as well */
	bool metadata; /* of instances: row.metadata too */
};

/* One row; fields below the asked level are empty. Borrowed until the
 * callback returns. Counts of a ready study are the archive's. */
struct index_row {
	const char *patient_id, *issuer;
	const char *study_uid, *series_uid, *instance_uid;
	const char *study_date, *modality, *archive;
	struct index_blob patient_study, series, instance;
	/* study level and below */
	bool ready, kept;
	unsigned expected;
	unsigned study_series, study_instances; /* held */
	uint64_t study_bytes;
	int64_t last_used_utc;
	uint64_t used;
	const char *modalities; /* of the study, '\' between */
	const char *classes; /* SOP classes of the study, '\' between */
	/* patient level: over the rows that match */
	unsigned patient_studies, patient_series, patient_instances;
	/* series level and below */
	unsigned series_instances;
	/* instance level */
	const char *class_uid, *syntax;
	const uint8_t *name, *digest;
	uint64_t length;
	uint32_t offset;
	struct index_blob metadata; /* p NULL when there is none */
	uint32_t metadata_n, metadata_crc;
};
/* Return false to stop. */
typedef bool index_row_fn(void *ctx, const struct index_row *row);

/* Call ${fn} for each matching row. Patients by id; studies by date, newest
 * first; below that in the order of their studies, series by number and uid,
 * instances by series number, series, instance number, uid. Bounded memory
 * whatever the number of rows. A list chooses also above its own level: a
 * study that has one of the series. All rows are of one moment, and the log
 * cannot shrink while ${fn} works: gather, then act. Not from within ${fn}
 * on the same reader. */
int index_select(struct index_reader *r, const struct index_select *sel,
    index_row_fn *fn, void *ctx, struct err *e);

/* The wants of every case. */
typedef void index_wants_fn(void *ctx, const char *case_id,
    struct index_blob wants);
int index_each_wants(struct index_reader *r, index_wants_fn *fn, void *ctx,
    struct err *e);

/* Whether an object file is known: 1 with its length and offset, 0, -1. */
int index_find_object(struct index_reader *r,
    const uint8_t name[INDEX_NAME_BYTES], uint64_t *ret_length,
    uint32_t *ret_offset, struct err *e);

/* The names that begin with this byte, in order. */
typedef void index_name_fn(void *ctx, const uint8_t name[INDEX_NAME_BYTES]);
int index_each_name(struct index_reader *r, uint8_t first, index_name_fn *fn,
    void *ctx, struct err *e);
/* The study of an object, and its length: 1, 0 when there is no row, -1. */
int index_study_of(struct index_reader *r,
    const uint8_t name[INDEX_NAME_BYTES], char ret_study[UID_SIZE],
    uint64_t *ret_length, struct err *e);

/* The pairs of SOP class and transfer syntax that are held, and how many
 * objects of each; the most frequent first, at most ${max}. */
typedef void index_pair_fn(void *ctx, const char *class_uid,
    const char *syntax, unsigned n);
int index_each_pair(struct index_reader *r, unsigned max, index_pair_fn *fn,
    void *ctx, struct err *e);

/* Totals over everything held. */
struct index_totals {
	unsigned studies, instances;
	uint64_t bytes;
};
int index_totals(struct index_reader *r, struct index_totals *ret,
    struct err *e);

#endif
