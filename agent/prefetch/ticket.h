/* SPDX-License-Identifier: MIT */
/* ticket: an open retrieval: which instances of which study may come in.
 * The table is shared by workers under its lock; a ticket is opened and
 * closed by the worker that fetches its study. */
#ifndef PREFETCH_TICKET_H
#define PREFETCH_TICKET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/lock.h"
#include "base/uid.h"
#include "model/casefile.h"

struct ticket_line {
	char uid[UID_SIZE]; /* SOP instance */
	char series_uid[UID_SIZE];
	char class_uid[UID_SIZE]; /* "" when the archive does not say */
	bool here; /* held and verified */
	bool in_flow; /* given to followers by an earlier retrieval */
};

struct flow;
struct ticket {
	/* set at birth, then constant */
	struct flow *flow; /* where what is here goes on; NULL: nowhere */
	char study_uid[UID_SIZE];
	char ae_title[17]; /* of the archive that may send it */
	bool by_move; /* it comes to the node; else on our own C-GET */
	struct patient patient; /* of the case: whose objects may come in */
	struct ticket_line *lines; /* by uid; owned by the fetch */
	unsigned n_lines;
	struct ticket *next; /* under the table's lock */
	unsigned users; /* under the table's lock: who is filling it */
	/* any thread */
	atomic_uint n_here;
	atomic_uint n_refused;
	atomic_bool urgent; /* no ceiling holds for it */
	atomic_bool full; /* no room on the disk, or quota reached */
	atomic_bool stranger; /* an object was of another patient */
	_Atomic uint64_t bytes;
	_Atomic int64_t moved_ns; /* uptime of the last object */
};

struct tickets {
	struct lock lock;
	struct cond idle; /* a ticket lost its last user */
	struct ticket *open; /* under lock */
};

void tickets_init(struct tickets *t);
void tickets_done(struct tickets *t);
/* Sort the lines by uid; the same instance listed twice counts once. */
void ticket_sort(struct ticket *k);
/* Join the table; the lines are sorted. */
void ticket_open(struct tickets *t, struct ticket *k);
/* Leave the table, after the last user has left; never opened is fine. */
void ticket_close(struct tickets *t, struct ticket *k);
/* The open C-MOVE ticket that lists ${instance_uid} and that ${ae_title} may
 * fill; release it with ticket_leave. NULL when nobody asked. */
struct ticket *ticket_find(struct tickets *t, const char *ae_title,
    const char *instance_uid);
/* The same of our own ticket on its C-GET: ${k} if it lists the instance. */
struct ticket *ticket_enter(struct tickets *t, struct ticket *k,
    const char *instance_uid);
void ticket_leave(struct tickets *t, struct ticket *k);
/* The line is here now: true when it was not before. */
bool ticket_mark(struct tickets *t, struct ticket *k,
    const char *instance_uid);
/* The line of an instance, NULL when it is not listed. */
struct ticket_line *ticket_line(struct ticket *k, const char *instance_uid);

#endif
