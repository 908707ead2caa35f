/* SPDX-License-Identifier: MIT */
/* flow: the objects of one study as they come in, from its retrieval to all
 * who follow it. Every retrieval has one, followed or not, so that a late
 * follower misses nothing.
 *
 * DESIGN  A flow outlives the retrieval while somebody reads it, and a
 * retrieval may end and another go on with the same flow (no room at first,
 * another archive): an object is in it once all the same, see in_flow of the
 * ticket.
 */
#ifndef PREFETCH_FLOW_H
#define PREFETCH_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/lock.h"
#include "base/uid.h"
#include "store/store.h"

/* follower: ->ASKED; loop: ASKED->WAITING, HERE, RUNNING, FAILED;
 * WAITING->RUNNING, FAILED; RUNNING->WAITING, DONE, FAILED; an object of
 * another patient, on a worker: RUNNING->FAILED */
enum flow_state {
	FLOW_ASKED, /* somebody follows, the loop has not decided yet */
	FLOW_WAITING, /* for a place at the archive, for room */
	FLOW_RUNNING, /* a retrieval is under way */
	FLOW_HERE, /* the study is ready: the index has it all */
	FLOW_DONE, /* all that the archive lists was given */
	FLOW_FAILED
};

struct flow_kind {
	char class_uid[UID_SIZE], syntax[UID_SIZE];
};

struct flow_item {
	struct store_object object;
	char series_uid[UID_SIZE], instance_uid[UID_SIZE];
	unsigned kind; /* position among the kinds */
};

struct flow {
	/* set at birth, then constant */
	char study_uid[UID_SIZE];
	/* shared, under the table's lock */
	struct cond moved;
	struct flow *next; /* in the table, until it ends */
	enum flow_state state;
	unsigned users; /* the table, a retrieval, the queue, each follow */
	unsigned followers;
	struct flow_item *items; /* owned */
	unsigned n, cap;
	struct flow_kind *kinds; /* owned */
	unsigned n_kinds, cap_kinds;
	unsigned listed; /* instances, 0 = not known */
	bool cut; /* what was not given yet must not be */
	struct err e; /* of FLOW_FAILED */
	/* owned by the loop */
	uint32_t tried; /* archives that list nothing of it, a bit each */
	unsigned n_full; /* times that no room was left, in a row */
	unsigned n_at_full; /* objects when that happened last */
	int64_t not_before_ns; /* uptime; of the next try */
};

struct flows {
	struct lock lock;
	struct flow *open; /* under lock */
	bool halted; /* under lock: nobody waits any more */
};

void flows_init(struct flows *t);
/* Nobody waits from here on: every flow_next and flow_join fails. */
void flows_halt(struct flows *t);
void flows_done(struct flows *t);

/* The open flow of the study, or a new one that is ASKED or RUNNING: the
 * caller uses it now. */
struct flow *flow_join(struct flows *t, const char *study_uid,
    enum flow_state fresh, bool *ret_fresh);
/* One that is in no table, for objects that are known already. */
struct flow *flow_new(const char *study_uid);
void flow_use(struct flows *t, struct flow *f);
void flow_leave(struct flows *t, struct flow **pp);
/* A follower comes (1) or goes (-1). */
void flow_count(struct flows *t, struct flow *f, int by);
unsigned flow_followers(struct flows *t, struct flow *f);
enum flow_state flow_state(struct flows *t, struct flow *f);
void flow_set(struct flows *t, struct flow *f, enum flow_state state);
/* A flow that is ASKED, used by the caller now; NULL when there is none. */
struct flow *flow_asked(struct flows *t);

/* The archive lists ${n} instances. */
void flow_list(struct flows *t, struct flow *f, unsigned n);
unsigned flow_listed(struct flows *t, struct flow *f);
/* An object is here, checked and stored. */
void flow_put(struct flows *t, struct flow *f, const struct store_item *it);
/* Call ${fn} with each instance that it has. [between two retrievals] */
void flow_each(struct flows *t, struct flow *f,
    void (*fn)(void *ctx, const char *instance_uid), void *ctx);
/* It is over: well when ${e} is NULL. With ${cut} nothing more is given. Ended
 * already: only the cut counts. */
void flow_end(struct flows *t, struct flow *f, const struct err *e, bool cut);

/* Wait until the loop has decided. 0 = it comes, or some of it is here; 1 =
 * FLOW_HERE; -1 = it failed. */
int flow_decided(struct flows *t, struct flow *f, int64_t wait_ms,
    struct err *e);
/* The object at ${*at}, which moves: as prefetch_follow_next says. */
int flow_next(struct flows *t, struct flow *f, unsigned *at, int64_t wait_ms,
    struct store_item *ret, struct err *e);

#endif
