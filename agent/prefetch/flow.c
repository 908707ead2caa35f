/* SPDX-License-Identifier: MIT */
/* Studies on their way: objects go in at one end, to each follower at the
 * other. */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "prefetch/flow.h"

#define KINDS_LOOKED_AT 64 /* of the newest: a study has a few */

void
flows_init(struct flows *t)
{
	*t = (struct flows){.open = NULL};
	lock_init(&t->lock);
}

void
flows_halt(struct flows *t)
{
	lock_acquire(&t->lock);
	t->halted = true;
	for (struct flow *f = t->open; f != NULL; f = f->next)
		cond_broadcast(&f->moved);
	lock_release(&t->lock);
}

static void
leave_locked(struct flows *t, struct flow *f)
{
	lock_assert_held(&t->lock);
	if (--f->users > 0)
		return;
	cond_done(&f->moved);
	mem_free(f->items);
	mem_free(f->kinds);
	mem_free(f);
}

/* Out of the table: who asks for the study now gets another. */
static void
close_locked(struct flows *t, struct flow *f)
{
	lock_assert_held(&t->lock);
	struct flow **pp = &t->open;
	while (*pp != NULL && *pp != f)
		pp = &(*pp)->next;
	if (*pp == NULL)
		return;
	*pp = f->next;
	leave_locked(t, f);
}

void
flows_done(struct flows *t)
{
	lock_acquire(&t->lock);
	while (t->open != NULL)
		close_locked(t, t->open);
	lock_release(&t->lock);
	lock_done(&t->lock);
}

struct flow *
flow_new(const char *study_uid)
{
	struct flow *f = mem_new(struct flow);
	(void)str_copy(f->study_uid, UID_SIZE, study_uid); /* valid */
	cond_init(&f->moved);
	f->users = 1;
	return f;
}

struct flow *
flow_join(struct flows *t, const char *study_uid, enum flow_state fresh,
    bool *ret_fresh)
{
	lock_acquire(&t->lock);
	struct flow *f = t->open;
	while (f != NULL && !str_eq(f->study_uid, study_uid))
		f = f->next;
	*ret_fresh = f == NULL;
	if (f == NULL) {
		f = flow_new(study_uid); /* for the table */
		f->state = fresh;
		f->next = t->open;
		t->open = f;
	}
	f->users++;
	lock_release(&t->lock);
	return f;
}

void
flow_use(struct flows *t, struct flow *f)
{
	lock_acquire(&t->lock);
	f->users++;
	lock_release(&t->lock);
}

void
flow_leave(struct flows *t, struct flow **pp)
{
	struct flow *f = *pp;
	*pp = NULL;
	if (f == NULL)
		return;
	lock_acquire(&t->lock);
	leave_locked(t, f);
	lock_release(&t->lock);
}

void
flow_count(struct flows *t, struct flow *f, int by)
{
	lock_acquire(&t->lock);
	f->followers += (unsigned)by;
	lock_release(&t->lock);
}

unsigned
flow_followers(struct flows *t, struct flow *f)
{
	lock_acquire(&t->lock);
	unsigned n = f->followers;
	lock_release(&t->lock);
	return n;
}

static bool
has_ended(const struct flow *f)
{
	return f->state == FLOW_HERE || f->state == FLOW_DONE ||
	    f->state == FLOW_FAILED;
}

enum flow_state
flow_state(struct flows *t, struct flow *f)
{
	lock_acquire(&t->lock);
	enum flow_state state = f->state;
	lock_release(&t->lock);
	return state;
}

void
flow_set(struct flows *t, struct flow *f, enum flow_state state)
{
	lock_acquire(&t->lock);
	if (!has_ended(f)) {
		f->state = state;
		if (has_ended(f))
			close_locked(t, f); /* the caller uses it still */
		cond_broadcast(&f->moved);
	}
	lock_release(&t->lock);
}

struct flow *
flow_asked(struct flows *t)
{
	lock_acquire(&t->lock);
	struct flow *f = t->open;
	while (f != NULL && f->state != FLOW_ASKED)
		f = f->next;
	if (f != NULL)
		f->users++;
	lock_release(&t->lock);
	return f;
}

void
flow_list(struct flows *t, struct flow *f, unsigned n)
{
	lock_acquire(&t->lock);
	f->listed = n;
	lock_release(&t->lock);
}

unsigned
flow_listed(struct flows *t, struct flow *f)
{
	lock_acquire(&t->lock);
	unsigned n = f->listed;
	lock_release(&t->lock);
	return n;
}

static unsigned
kind_locked(struct flow *f, const struct store_item *it)
{
	unsigned from = f->n_kinds > KINDS_LOOKED_AT ?
	    f->n_kinds - KINDS_LOOKED_AT : 0;
	for (unsigned i = f->n_kinds; i-- > from;)
		if (str_eq(f->kinds[i].class_uid, it->class_uid) &&
		    str_eq(f->kinds[i].syntax, it->syntax))
			return i;
	if (f->n_kinds == f->cap_kinds) {
		f->cap_kinds = f->cap_kinds == 0 ? 4 : 2 * f->cap_kinds;
		f->kinds = mem_grow(f->kinds, f->cap_kinds,
		    sizeof(f->kinds[0]));
	}
	struct flow_kind *k = &f->kinds[f->n_kinds];
	(void)str_copy(k->class_uid, UID_SIZE, it->class_uid); /* same size */
	(void)str_copy(k->syntax, UID_SIZE, it->syntax);
	return f->n_kinds++;
}

void
flow_put(struct flows *t, struct flow *f, const struct store_item *it)
{
	lock_acquire(&t->lock);
	if (f->n == f->cap) {
		f->cap = f->cap == 0 ? 64 : 2 * f->cap;
		f->items = mem_grow(f->items, f->cap, sizeof(f->items[0]));
	}
	struct flow_item *to = &f->items[f->n++];
	to->object = it->object;
	(void)str_copy(to->series_uid, UID_SIZE, it->series_uid);
	(void)str_copy(to->instance_uid, UID_SIZE, it->instance_uid);
	to->kind = kind_locked(f, it);
	cond_broadcast(&f->moved);
	lock_release(&t->lock);
}

void
flow_each(struct flows *t, struct flow *f,
    void (*fn)(void *ctx, const char *instance_uid), void *ctx)
{
	lock_acquire(&t->lock);
	unsigned n = f->n;
	lock_release(&t->lock);
	/* only a retrieval adds to it, and this is between two */
	for (unsigned i = 0; i < n; i++)
		fn(ctx, f->items[i].instance_uid);
}

void
flow_end(struct flows *t, struct flow *f, const struct err *e, bool cut)
{
	lock_acquire(&t->lock);
	f->cut |= cut;
	if (!has_ended(f)) {
		f->state = e == NULL ? FLOW_DONE : FLOW_FAILED;
		if (e != NULL)
			f->e = *e;
		close_locked(t, f); /* the caller uses it still */
	}
	cond_broadcast(&f->moved);
	lock_release(&t->lock);
}

static int
stopping(struct err *e)
{
	return err_set(e, ERR_CANCELLED, 0, "the agent is stopping");
}

/* Wait until ${until_ns}; false when that is over. */
static bool
wait_locked(struct flows *t, struct flow *f, int64_t until_ns)
{
	int64_t left = until_ns - clock_uptime_ns();
	if (left <= 0)
		return false;
	(void)lock_wait_ms(&t->lock, &f->moved, left / CLOCK_MS + 1);
	return true;
}

int
flow_decided(struct flows *t, struct flow *f, int64_t wait_ms, struct err *e)
{
	int64_t until = clock_uptime_ns() + wait_ms * CLOCK_MS;
	int rc = 0;
	lock_acquire(&t->lock);
	while (!t->halted && f->state == FLOW_ASKED && rc == 0)
		if (!wait_locked(t, f, until))
			rc = err_set(e, ERR_TIMEOUT, 0,
			    "the agent is too busy to begin");
	if (t->halted)
		rc = stopping(e);
	else if (f->state == FLOW_HERE)
		rc = 1;
	else if (f->state == FLOW_FAILED && (f->n == 0 || f->cut)) {
		*e = f->e;
		rc = -1;
	}
	lock_release(&t->lock);
	return rc;
}

static void
give_locked(const struct flow *f, unsigned at, struct store_item *ret)
{
	const struct flow_item *it = &f->items[at];
	const struct flow_kind *k = &f->kinds[it->kind];
	ret->object = it->object;
	(void)str_copy(ret->study_uid, UID_SIZE, f->study_uid);
	(void)str_copy(ret->series_uid, UID_SIZE, it->series_uid);
	(void)str_copy(ret->instance_uid, UID_SIZE, it->instance_uid);
	(void)str_copy(ret->class_uid, UID_SIZE, k->class_uid);
	(void)str_copy(ret->syntax, UID_SIZE, k->syntax);
}

int
flow_next(struct flows *t, struct flow *f, unsigned *at, int64_t wait_ms,
    struct store_item *ret, struct err *e)
{
	int64_t until = clock_uptime_ns() + wait_ms * CLOCK_MS;
	int rc = 0;
	lock_acquire(&t->lock);
	while (*at >= f->n && !t->halted && !f->cut && !has_ended(f))
		if (!wait_locked(t, f, until))
			break;
	if (t->halted) {
		rc = stopping(e);
	} else if (f->cut) {
		*e = f->e;
		rc = -1;
	} else if (*at < f->n) {
		give_locked(f, (*at)++, ret);
		rc = 1;
	} else if (f->state == FLOW_DONE) {
		rc = 2;
	} else if (has_ended(f)) {
		*e = f->e;
		rc = -1;
	}
	lock_release(&t->lock);
	return rc;
}
