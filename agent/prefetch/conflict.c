/* SPDX-License-Identifier: MIT */
/* Two versions of one object: the same UIDs, other bytes.
 *
 * DESIGN  Nobody here can say which is true, so neither stays: the one that
 * is here is withdrawn, the one that came is refused, and the object is
 * fetched again as one that is missing; then the archive's present bytes are
 * what counts. A study in which that happens in two retrievals in a row is
 * held, until the archive is asked about the case again. */
#include <stdio.h>

#include "base/log.h"
#include "base/stats.h"
#include "base/str.h"
#include "prefetch/prefetch_priv.h"

#define HELD_AFTER 2 /* retrievals in a row that met two versions */

/* The line is missing again: true when it was here. */
static bool
unmark(struct tickets *t, struct ticket *k, const char *instance_uid)
{
	lock_acquire(&t->lock);
	struct ticket_line *l = ticket_line(k, instance_uid);
	bool was = l != NULL && l->here;
	if (was)
		l->here = false;
	lock_release(&t->lock);
	return was;
}

/* Who follows the study was given bytes that count no more. */
static void
cut_flow(struct intake *in, struct ticket *k)
{
	struct err e;
	if (k->flow == NULL)
		return;
	(void)err_set(&e, ERR_PEER, 0, "the archive sent two versions of an "
	    "object"); /* returns -1 */
	flow_end(&in->flows, k->flow, &e, true);
}

void
conflict_met(struct intake *in, struct ticket *k, const char *series_uid,
    const char *instance_uid)
{
	uint8_t name[STORE_NAME_BYTES];
	struct err e;
	store_name(name, k->study_uid, series_uid, instance_uid);
	unsigned lost = index_lost(in->ix);
	index_drop_object(in->ix, name);
	if (index_confirm(in->ix, lost, &e) != 0 ||
	    store_remove(in->st, name, &e) != 0)
		log_error("prefetch.conflict.stays", "error='%s' "
		    "action=refused_again", e.msg);
	if (unmark(&in->tickets, k, instance_uid))
		atomic_fetch_sub(&k->n_here, 1);
	cut_flow(in, k);
	stats_add(STAT_OBJECTS_CONFLICT, 1);
	if (atomic_fetch_add(&k->n_conflicts, 1) == 0)
		log_warn("prefetch.object.conflict", "reason='other bytes "
		    "under the same UIDs' action=both_withdrawn");
}

void
conflict_say(const struct ticket *k, char *reason, size_t size)
{
	unsigned n = atomic_load(&k->n_conflicts);
	if (n > 0)
		(void)snprintf(reason, size, "the archive sent another "
		    "version of %u object%s than was here: neither is shown, "
		    "fetched again", n, n == 1 ? "" : "s");
}

bool
conflict_holds(struct board_study *s, const struct ticket *k, bool ready)
{
	unsigned n = atomic_load(&k->n_conflicts);
	if (ready)
		s->conflicts = 0;
	if (ready || n == 0 || ++s->conflicts < HELD_AFTER)
		return false;
	s->state = STUDY_HELD;
	s->next_try_utc = 0;
	(void)snprintf(s->reason, sizeof(s->reason), "the archive sends two "
	    "versions of %u object%s: which one is true must be settled "
	    "there", n, n == 1 ? "" : "s");
	stats_add(STAT_STUDIES_HELD, 1);
	log_warn("prefetch.study.held", "reason='two versions' "
	    "action=not_shown");
	return true;
}
