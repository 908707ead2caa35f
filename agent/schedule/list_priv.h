/* SPDX-License-Identifier: MIT
 *
 * list_priv: the file and the rows of a theatre list, between what reads,
 * what parses and what feeds.
 */
#ifndef SCHEDULE_LIST_PRIV_H
#define SCHEDULE_LIST_PRIV_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "schedule/list.h"

#define LIST_FAULTS_MAX 20 /* told one by one; more are only counted */

/* One row that was skipped. */
struct list_fault {
	unsigned line, column; /* from 1 */
	char text[200]; /* "start: want ISO 8601, have '9 a'aaaaa'": digits
	                 * are shown as 9, letters as a: no patient data */
};

struct list_rows {
	struct casefile *cases; /* owned (mem_free) */
	unsigned n;
	struct list_fault faults[LIST_FAULTS_MAX];
	unsigned n_faults; /* all of them */
	/* case_ids of skipped rows, sorted; owned (mem_free). They say that
	 * the case is on the list, whatever it is */
	char (*bad)[CASE_ID_SIZE];
	unsigned n_bad;
	bool lost; /* a skipped row whose case_id cannot be read: it may be any
	            * case's */
	bool half; /* looks like a write in progress */
};

/* Parse ${n} bytes of a list (pure): header required, order free, unknown
 * columns ignored. A row with more or fewer fields than the header is
 * skipped: a comma may have moved its values. Times without a zone are read
 * in ${z}; times given as a date only mean 00:00 of that day. Two rows with
 * one case_id: the last counts, the fault says so. ${ret} gets the good
 * rows, its cases and ids are yours. -1 when the whole is unusable (no
 * header, a required column missing, not UTF-8 in the header): no rows then,
 * and ${half} says whether the header itself has no end yet. */
int list_parse(const char *p, size_t n, const struct zone *z,
    struct list_rows *ret, struct err *e);

/* A file as it was: another size, time or inode is another content. */
struct list_stamp {
	int64_t size, mtime_s, mtime_ns;
	uint64_t device, inode;
};

/* [worker] The stamp of the file at ${path}. */
int list_stat(const char *path, struct list_stamp *ret, struct err *e);
bool list_is_same(const struct list_stamp *a, const struct list_stamp *b);

/* [worker] Read the regular file at ${path} into ${b}, which stays the
 * caller's; ${ret_moved}: its size or time changed meanwhile. */
int list_read(const char *path, const atomic_bool *cancelled, struct buf *b,
    bool *ret_moved, struct err *e);

#endif
