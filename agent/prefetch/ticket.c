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
	return strcmp(x->uid, y->uid);
}

void
ticket_sort(struct ticket *k)
{
	unsigned n = 0;
	if (k->n_lines > 0)
		qsort(k->lines, k->n_lines, sizeof(k->lines[0]), by_uid);
	for (unsigned i = 0; i < k->n_lines; i++)
		if (n == 0 || !str_eq(k->lines[i].uid, k->lines[n - 1].uid))
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

struct ticket *
ticket_find(struct tickets *t, const char *ae_title, const char *instance_uid)
{
	struct ticket *found = NULL;
	lock_acquire(&t->lock);
	for (struct ticket *k = t->open; k != NULL && found == NULL;
	    k = k->next)
		if (k->by_move && str_eq(k->ae_title, ae_title) &&
		    ticket_line(k, instance_uid) != NULL)
			found = k;
	if (found != NULL)
		found->users++;
	lock_release(&t->lock);
	return found;
}

struct ticket *
ticket_enter(struct tickets *t, struct ticket *k, const char *instance_uid)
{
	if (ticket_line(k, instance_uid) == NULL)
		return NULL;
	lock_acquire(&t->lock);
	k->users++;
	lock_release(&t->lock);
	return k;
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
		l->here = true;
		fresh = true;
	}
	lock_release(&t->lock);
	return fresh;
}
