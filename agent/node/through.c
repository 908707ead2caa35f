/* SPDX-License-Identifier: MIT */
/* Read-through: a study that is not ready goes to the viewer as it comes from
 * the archive. */
#include "base/log.h"
#include "base/str.h"
#include "node/retrieve_priv.h"

#define WAIT_MS 250 /* so soon is a viewer that leaves or cancels noticed */

struct through {
	struct retrieval *r;
	const char *study_uid;
	struct follow *f;
	struct uids given; /* instances, each once */
	unsigned n; /* of them, those that the request names */
};

/* What is still to come, as far as anybody knows. */
static void
expect(struct through *t, bool at_end)
{
	struct retrieval *r = t->r;
	const struct node_ports *p = &r->node->ports;
	unsigned listed = p->follow_listed(p->ctx, t->f);
	if (r->instances.n > 0)
		r->awaited = r->instances.n - r->instances.n_found;
	else if (r->series.n > 0)
		r->awaited = at_end ? 0 : 1;
	else if (listed > t->n)
		r->awaited = listed - t->n;
	else
		r->awaited = at_end && t->n > 0 ? 0 : 1;
}

/* Nobody waits for more than was named. */
static bool
is_enough(const struct retrieval *r)
{
	return r->instances.n > 0 && r->instances.n_found == r->instances.n;
}

static int
take(struct through *t, const struct store_item *it, struct err *e)
{
	struct retrieval *r = t->r;
	if (!str_eq(it->study_uid, t->study_uid) ||
	    !uids_add(&t->given, it->instance_uid) ||
	    !retrieval_names(r, it))
		return 0;
	t->n++;
	r->followed++;
	expect(t, false);
	return retrieval_give(r, it, NULL, e);
}

/* Until the end, whatever it is: 2 all was given, 1 that is enough, -1 it
 * was not (${why}); then ${*ret_rc} is 0 unless the viewer is gone. */
static int
follow(struct through *t, int *ret_rc, struct err *why, struct err *e)
{
	struct retrieval *r = t->r;
	const struct node_ports *p = &r->node->ports;
	for (;;) {
		struct store_item it;
		int got = p->follow_next(p->ctx, t->f, WAIT_MS, &it, why);
		if (got == 1)
			*ret_rc = take(t, &it, e);
		else if (got == 0)
			route_rest(r);
		expect(t, got == 2);
		if (got == 2 || got < 0)
			return got;
		if (*ret_rc == 0)
			*ret_rc = retrieval_look(r, got == 0, e);
		if (*ret_rc != 0 || r->cancelled || is_enough(r))
			return 1;
		if (route_broken(r) != NULL)
			return err_set(why, ERR_NET, 0, "%s",
			    route_broken(r));
	}
}

int
through_study(struct retrieval *r, const char *study_uid, struct err *e)
{
	const struct node_ports *p = &r->node->ports;
	struct err why;
	struct through t = {.r = r, .study_uid = study_uid};
	int rc = 0;
	t.f = p->follow(p->ctx, study_uid, &why);
	if (t.f == NULL) {
		log_info("node.through.refused", "reason='%s'", why.msg);
		return 0;
	}
	int end = follow(&t, &rc, &why, e);
	if (end < 0) {
		log_info("node.through.cut", "given=%u awaited=%u "
		    "reason='%s'", t.n, r->awaited, why.msg);
		r->cut_short |= route_broken(r) == NULL;
	}
	/* those that are named one by one are counted in the end */
	if (end != 1 && r->instances.n == 0)
		r->absent += r->awaited;
	if (!r->cancelled)
		r->awaited = 0;
	p->follow_end(p->ctx, &t.f);
	uids_done(&t.given);
	return rc != 0 ? -1 : 1;
}
