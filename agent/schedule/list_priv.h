/* SPDX-License-Identifier: MIT
 *
 * list_priv: the rows of a theatre list, between its parser and its feed.
 */
#ifndef SCHEDULE_LIST_PRIV_H
#define SCHEDULE_LIST_PRIV_H

#include <stdatomic.h>

#include "base/buf.h"
#include "schedule/list.h"

struct list_rows {
	struct casefile *cases; /* owned (mem_free) */
	unsigned n;
	struct list_fault faults[LIST_FAULTS_MAX];
	unsigned n_faults; /* all of them */
	bool half; /* looks like a write in progress */
	bool in_quote; /* ... because it ends inside a quoted field */
};

/* As list_parse, but a list that ends inside a quoted field is no failure
 * here: the good rows are in ${ret} and ${half} says so. On failure there are
 * no rows, and ${half} says whether the header itself has no end yet. */
int list_parse_rows(const char *p, size_t n, const struct zone *z,
    struct list_rows *ret, struct err *e);

/* [worker] Read the regular file at ${path} into ${b}, which stays the
 * caller's; ${ret_moved}: its size or time changed meanwhile. */
int list_read(const char *path, const atomic_bool *cancelled, struct buf *b,
    bool *ret_moved, struct err *e);

#endif
