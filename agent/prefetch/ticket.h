/* SPDX-License-Identifier: MIT */
/* ticket: an open retrieval: which instances of which study may come in.
 * The table is shared by workers under its lock; a ticket is opened and
 * closed by the worker that fetches its study.
 *
 * DESIGN  One archive has the turn at a time: what it lists and is not here
 * is asked of it, a chunk after the other, by one association or by several
 * (lanes: see lane.c). Each takes lines as its own; what a lane took and did
 * not get it gives back. When nothing is left to take, and the lanes have
 * parted, the turn is over, or begins again with what is missing.
 */
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
	bool class_guessed; /* the archive says it of the whole study */
	uint32_t archives; /* that list it, a bit each; 0 = not known which */
	uint8_t taken; /* in this turn by a lane, its number + 1; 0 = by none */
	bool here; /* held and verified */
	bool came; /* in this retrieval */
	bool in_flow; /* given to followers by an earlier retrieval */
};

struct bucket;
struct flow;
struct ticket {
	/* set at birth, then constant */
	struct flow *flow; /* where what is here goes on; NULL: nowhere */
	const atomic_bool *cancelled; /* told to stop; NULL: never */
	char study_uid[UID_SIZE];
	struct patient patient; /* of the case: whose objects may come in */
	struct ticket_line *lines; /* by uid; owned by the fetch */
	unsigned n_lines;
	/* under the table's lock */
	struct ticket *next;
	unsigned users; /* who is filling it */
	unsigned archive; /* whose turn it is */
	char ae_title[17]; /* its, who may send to the node */
	bool by_move; /* it comes to the node; else on our own C-GET */
	unsigned lanes; /* that share the turn */
	bool is_shared; /* another lane may join */
	/* any thread */
	_Atomic(struct bucket *) ceiling; /* of whose turn it is; NULL: none */
	atomic_uint n_here;
	atomic_uint n_refused;
	atomic_uint n_repeated; /* that had come before */
	atomic_uint n_conflicts; /* that came with other bytes than are here */
	atomic_bool urgent; /* no ceiling holds for it */
	atomic_bool full; /* no room on the disk, or quota reached */
	atomic_bool stranger; /* an object was of another patient */
	_Atomic uint64_t bytes;
	_Atomic int64_t moved_ns; /* uptime when bytes came last */
};

struct tickets {
	struct lock lock;
	struct cond idle; /* a ticket lost its last user */
	struct ticket *open; /* under lock */
};

void tickets_init(struct tickets *t);
void tickets_done(struct tickets *t);
/* Sort the lines by uid; the same instance listed twice, or by two archives,
 * counts once. */
void ticket_sort(struct ticket *k);
/* Join the table; the lines are sorted. */
void ticket_open(struct tickets *t, struct ticket *k);
/* Leave the table, after the last user has left; never opened is fine. */
void ticket_close(struct tickets *t, struct ticket *k);
/* The open C-MOVE ticket that lists ${instance_uid} and that ${ae_title} may
 * fill; release it with ticket_leave. NULL when nobody asked for it, or it
 * was here before this turn. */
struct ticket *ticket_find(struct tickets *t, const char *ae_title,
    const char *instance_uid);
/* The same of our own ticket on its C-GET: ${k} if it lists the instance. */
struct ticket *ticket_enter(struct tickets *t, struct ticket *k,
    const char *instance_uid);
void ticket_leave(struct tickets *t, struct ticket *k);
/* The line is here now: true when it was not before. */
bool ticket_mark(struct tickets *t, struct ticket *k,
    const char *instance_uid);
/* It is the turn of ${archive}: nothing is taken. No lane shares it yet. */
struct ticket_turn {
	unsigned archive;
	const char *ae_title;
	bool by_move;
	struct bucket *ceiling;
};
void ticket_begin_turn(struct tickets *t, struct ticket *k,
    const struct ticket_turn *turn);
/* A lane joins: false when nobody may any more. It parts in the end. */
bool ticket_join(struct tickets *t, struct ticket *k);
void ticket_part(struct tickets *t, struct ticket *k);
/* Whether others may join from now on. */
void ticket_share(struct tickets *t, struct ticket *k, bool may);
/* Nobody may join any more; wait for those that did to part. */
void ticket_await(struct tickets *t, struct ticket *k);
/* Whether the archive whose turn it is lists ${l}, and it can be taken.
 * [under the table's lock] */
bool ticket_is_free(const struct ticket *k, const struct ticket_line *l);
/* How many lines can be taken. */
unsigned ticket_count_free(struct tickets *t, struct ticket *k);
/* What ${taken} (a line's) took and is not here can be taken again; 0: what
 * anybody took. */
void ticket_give_back(struct tickets *t, struct ticket *k, uint8_t taken);
/* The line of an instance, NULL when it is not listed. */
struct ticket_line *ticket_line(struct ticket *k, const char *instance_uid);

#endif
