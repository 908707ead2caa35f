/* SPDX-License-Identifier: MIT
 *
 * list: a theatre list in a CSV file, looked at and re-read when it changes.
 * Called on the loop; the file is touched on a worker only: it may lie on a
 * network disk that hangs. Owns its timer and the job under way. The last
 * good list stays whatever happens to the file. A bad row is told with line
 * and column and skipped.
 */
#ifndef SCHEDULE_LIST_H
#define SCHEDULE_LIST_H

#include <stdint.h>

#include "model/casefile.h"
#include "run/loop.h"
#include "run/pool.h"
#include "text/zone.h"

#define LIST_BYTES_MAX (16 * 1024 * 1024) /* of the file */
#define LIST_CASES_MAX 20000
#define LIST_CASE_HOURS 6 /* a case without an end lasts this long; when its
                           * start is a date only, that day */

/* ok: the file as it is now was read, if not every row of it. stale: it is
 * gone, cannot be read or its disk hangs, and the last good list stands.
 * failed: never read. */
enum list_state { LIST_FAILED, LIST_OK, LIST_STALE };

struct list;

struct list_config {
	const char *name; /* of the [schedule] section */
	const char *path;
	const struct zone *zone; /* borrowed until the pool is freed */
};

/* The new list, on the loop; ${cases} are borrowed during the call. */
typedef void list_cases_fn(void *ctx, const char *name,
    const struct casefile *cases, unsigned n);

/* Begin to look and read. Every two seconds a worker looks whether the size,
 * time or inode of the file changed, and reads it if so; every 30 s it reads
 * in any case. ${fn} is called after each good read that differs from the
 * one before, and for the first; it may stop the list. A list whose rows are
 * all bad is no good read. A case whose row has become faulty stays as it
 * was, all cases do when a faulty row does not tell its case_id. A file that
 * changes while it is read is read again after 2 s; a file that is half
 * written (ends inside a quote, or its last line has no end and fewer fields
 * than the header) is tried again for 5 s before its good rows count. When
 * no answer came for 30 s, the list is stale until one does. */
struct list *list_start(struct loop *l, struct pool *p,
    const struct list_config *c, list_cases_fn *fn, void *ctx);
void list_stop(struct list **pp);

enum list_state list_state(const struct list *f);
const char *list_state_name(enum list_state s); /* ok stale failed */
int64_t list_last_ok_utc(const struct list *f); /* 0 = never */
/* What is wrong: why it is not ok, or, when it is, the rows that were skipped
 * ("2 rows skipped; line 4, column 3: start: want ISO 8601, have '9:99'").
 * Borrowed until the loop runs on; "" = nothing. */
const char *list_last_error(const struct list *f);
/* Look now (SIGHUP, a person asks). */
void list_look(struct list *f);

#endif
