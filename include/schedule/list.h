/* SPDX-License-Identifier: MIT
 *
 * list: a theatre list in a CSV file, watched and re-read when it changes.
 * Called on the loop; the file is read and parsed on a worker.
 * Owns its watch and timer. The last good list stays whatever happens to the
 * file. A bad row is told with line and column and skipped.
 */
#ifndef SCHEDULE_LIST_H
#define SCHEDULE_LIST_H

#include <stdint.h>

#include "base/err.h"
#include "model/casefile.h"
#include "run/loop.h"
#include "run/pool.h"
#include "text/zone.h"

#define LIST_BYTES_MAX (16 * 1024 * 1024) /* of the file */
#define LIST_CASES_MAX 20000
#define LIST_CASE_HOURS 6 /* a case without an end lasts this long; when its
                           * start is a date only, that day */
#define LIST_FAULTS_MAX 20 /* told one by one; more are only counted */

/* ok: the file as it is now was read. stale: it is gone or cannot be read,
 * and the last good list stands. failed: never read. */
enum list_state { LIST_FAILED, LIST_OK, LIST_STALE };

/* One row that was skipped. */
struct list_fault {
	unsigned line, column; /* from 1 */
	char text[200]; /* "start: want ISO 8601, have '9 a'aaaaa'": digits
	                 * are shown as 9, letters as a: no patient data */
};

/* Parse ${n} bytes of a list (pure): header required, order free, unknown
 * columns ignored. A row with more or fewer fields than the header is
 * skipped: a comma may have moved its values. Times without a zone are read
 * in ${z}; times given as a date only mean 00:00 of that day. Two rows with
 * one case_id: the last counts, the fault says so. ${ret} gets an array
 * (mem_free it) of ${ret_n}; ${faults} the first of ${ret_n_faults}, up to
 * ${max_faults} and LIST_FAULTS_MAX. -1 when the whole is unusable (no
 * header, a required column missing, not UTF-8 in the header, ends inside a
 * quoted field: a write in progress). */
int list_parse(const char *p, size_t n, const struct zone *z,
    struct casefile **ret, unsigned *ret_n, struct list_fault *faults,
    unsigned max_faults, unsigned *ret_n_faults, struct err *e);

struct list;

struct list_config {
	const char *name; /* of the [schedule] section */
	const char *path;
	const struct zone *zone; /* borrowed until the pool is freed */
};

/* The new list, on the loop; ${cases} are borrowed during the call. */
typedef void list_cases_fn(void *ctx, const char *name,
    const struct casefile *cases, unsigned n);

/* Begin to watch and read. ${fn} is called after each good read that differs
 * from the one before, and for the first; it may stop the list. A list whose
 * rows are all bad is no good read. A file that changes while it is read
 * (size or mtime differ before and after) is read again after 1 s; a file
 * that is half written (ends inside a quote, or its last line has no end and
 * fewer fields than the header) is tried again for 5 s before its good rows
 * count. Besides the watch, it looks every 30 s. */
struct list *list_start(struct loop *l, struct pool *p,
    const struct list_config *c, list_cases_fn *fn, void *ctx);
void list_stop(struct list **pp);

enum list_state list_state(const struct list *f);
const char *list_state_name(enum list_state s); /* ok stale failed */
int64_t list_last_ok_utc(const struct list *f); /* 0 = never */
const char *list_last_error(const struct list *f); /* borrowed, "" = none */
/* Look now (SIGHUP, a person asks). */
void list_look(struct list *f);

#endif
