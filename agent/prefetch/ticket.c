/* SPDX-License-Identifier: MIT */
/* Open retrievals: what we asked for, and nothing else, comes in. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "prefetch/ticket.h"

void
tickets_init(struct tickets *t)
{
	lock_init(&t->lock);
	cond_init(&t->idle);
	t->open = NULL;
}

void
tickets_done(struct tickets *t)
{
	assert(t->open == NULL);
	cond_done(&t->idle);
	lock_done(&t->lock);
}

static int
by_uid(const void *a, const void *b)
{
	const struct ticket_line *x = a;
	const struct ticket_line *y = b;
	int c = strcmp(x->uid, y->uid);
	return c != 0 ? c : (x->archives > y->archives) -
	    (x->archives < y->archives);
}

/* ${l} is listed again. What the first by rank says of it holds. */
static void
add_listed(struct ticket_line *l, const struct ticket_line *again)
{
	l->archives |= again->archives;
	if (l->class_uid[0] != '\0' && !l->class_guessed)
		return;
	if (again->class_uid[0] == '\0')
		return;
	(void)str_copy(l->class_uid, UID_SIZE, again->class_uid);
	l->class_guessed = again->class_guessed;
}

void
ticket_sort(struct ticket *k)
{
	unsigned n = 0;
	if (k->n_lines > 0)
		qsort(k->lines, k->n_lines, sizeof(k->lines[0]), by_uid);
	for (unsigned i = 0; i < k->n_lines; i++)
		if (n > 0 && str_eq(k->lines[i].uid, k->lines[n - 1].uid))
			add_listed(&k->lines[n - 1], &k->lines[i]);
		else
			k->lines[n++] = k->lines[i];
	k->n_lines = n;
}

void
ticket_open(struct tickets *t, struct ticket *k)
{
	lock_acquire(&t->lock);
	k->next = t->open;
	t->open = k;
	lock_release(&t->lock);
}

void
ticket_close(struct tickets *t, struct ticket *k)
{
	lock_acquire(&t->lock);
	struct ticket **pp = &t->open;
	while (*pp != NULL && *pp != k)
		pp = &(*pp)->next;
	if (*pp == k) {
		*pp = k->next;
	}
	while (k->users > 0)
		lock_wait(&t->lock, &t->idle);
	lock_release(&t->lock);
}

struct ticket_line *
ticket_line(struct ticket *k, const char *instance_uid)
{
	size_t lo = 0;
	size_t hi = k->n_lines;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		int c = strcmp(k->lines[mid].uid, instance_uid);
		if (c == 0)
			return &k->lines[mid];
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

/* What was here before this turn is not asked for: whatever the archive sends
 * under its name, what is here stays. */
static bool
is_asked_for(const struct ticket_line *l)
{
	return l != NULL && (!l->here || l->taken != 0);
}

struct ticket *
ticket_find(struct tickets *t, const char *ae_title, const char *instance_uid)
{
	struct ticket *found = NULL;
	lock_acquire(&t->lock);
	for (struct ticket *k = t->open; k != NULL && found == NULL;
	    k = k->next)
		if (k->by_move && str_eq(k->ae_title, ae_title) &&
		    is_asked_for(ticket_line(k, instance_uid)))
			found = k;
	if (found != NULL)
		found->users++;
	lock_release(&t->lock);
	return found;
}

struct ticket *
ticket_enter(struct tickets *t, struct ticket *k, const char *instance_uid)
{
	lock_acquire(&t->lock);
	bool asked = is_asked_for(ticket_line(k, instance_uid));
	k->users += asked;
	lock_release(&t->lock);
	return asked ? k : NULL;
}

void
ticket_leave(struct tickets *t, struct ticket *k)
{
	lock_acquire(&t->lock);
	if (--k->users == 0)
		cond_broadcast(&t->idle);
	lock_release(&t->lock);
}

bool
ticket_mark(struct tickets *t, struct ticket *k, const char *instance_uid)
{
	bool fresh = false;
	lock_acquire(&t->lock);
	struct ticket_line *l = ticket_line(k, instance_uid);
	if (l != NULL && !l->here) {
		l->here = l->came = true;
		fresh = true;
	}
	lock_release(&t->lock);
	return fresh;
}

void
ticket_begin_turn(struct tickets *t, struct ticket *k,
    const struct ticket_turn *turn)
{
	lock_acquire(&t->lock);
	k->archive = turn->archive;
	(void)str_copy(k->ae_title, sizeof(k->ae_title), turn->ae_title);
	k->by_move = turn->by_move;
	atomic_store(&k->ceiling, turn->ceiling);
	for (unsigned i = 0; i < k->n_lines; i++)
		k->lines[i].taken = 0;
	lock_release(&t->lock);
}

bool
ticket_join(struct tickets *t, struct ticket *k)
{
	lock_acquire(&t->lock);
	bool ok = k->is_shared;
	if (ok)
		k->lanes++;
	lock_release(&t->lock);
	return ok;
}

void
ticket_part(struct tickets *t, struct ticket *k)
{
	lock_acquire(&t->lock);
	if (--k->lanes == 0)
		cond_broadcast(&t->idle);
	lock_release(&t->lock);
}

void
ticket_share(struct tickets *t, struct ticket *k, bool may)
{
	lock_acquire(&t->lock);
	k->is_shared = may;
	lock_release(&t->lock);
}

void
ticket_await(struct tickets *t, struct ticket *k)
{
	lock_acquire(&t->lock);
	k->is_shared = false;
	while (k->lanes > 0)
		lock_wait(&t->lock, &t->idle);
	lock_release(&t->lock);
}

bool
ticket_is_free(const struct ticket *k, const struct ticket_line *l)
{
	return !l->here && l->taken == 0 && (l->archives == 0 ||
	    (l->archives >> k->archive & 1) != 0);
}

unsigned
ticket_count_free(struct tickets *t, struct ticket *k)
{
	unsigned n = 0;
	lock_acquire(&t->lock);
	for (unsigned i = 0; i < k->n_lines; i++)
		n += ticket_is_free(k, &k->lines[i]);
	lock_release(&t->lock);
	return n;
}

void
ticket_give_back(struct tickets *t, struct ticket *k, uint8_t taken)
{
	lock_acquire(&t->lock);
	for (unsigned i = 0; i < k->n_lines; i++)
		if (taken == 0 || k->lines[i].taken == taken)
			k->lines[i].taken = 0;
	lock_release(&t->lock);
}
