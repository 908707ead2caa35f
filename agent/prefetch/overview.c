/* SPDX-License-Identifier: MIT */
/* The board as workers see it, and who has what. */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "prefetch/overview.h"

void
overview_init(struct overview *o)
{
	*o = (struct overview){.n = 0};
	lock_init(&o->lock);
}

void
overview_done(struct overview *o)
{
	mem_free(o->studies);
	mem_free(o->told);
	lock_done(&o->lock);
}

static unsigned
archive_named(const struct prefetch_config *c, const char *name)
{
	unsigned i = 0;
	while (i < c->n_archives && !str_eq(c->archives[i].name, name))
		i++;
	return i < c->n_archives ? i : PREFETCH_ARCHIVES_MAX;
}

void
overview_refresh(struct overview *o, const struct board *b,
    const struct prefetch_config *c, const struct archive_health *health)
{
	unsigned n = board_n_studies(b);
	lock_acquire(&o->lock);
	if (n > o->cap) {
		o->cap = n + n / 2;
		o->studies = mem_grow(o->studies, o->cap,
		    sizeof(o->studies[0]));
	}
	for (unsigned i = 0; i < n; i++) { /* the board has them by uid */
		const struct board_study *s = board_study_at(b, i);
		struct overview_study *to = &o->studies[i];
		(void)str_copy(to->uid, UID_SIZE, s->uid); /* same size */
		to->state = s->state;
		to->archive = s->state == STUDY_READY ? 0 :
		    archive_named(c, s->archive);
	}
	o->n = n;
	o->up = 0;
	for (unsigned i = 0; i < c->n_archives; i++)
		if (health[i].state == ARCHIVE_UP)
			o->up |= UINT32_C(1) << i;
	lock_release(&o->lock);
}

void
overview_close(struct overview *o)
{
	lock_acquire(&o->lock);
	o->up = 0;
	lock_release(&o->lock);
}

uint32_t
overview_up(struct overview *o)
{
	lock_acquire(&o->lock);
	uint32_t up = o->up;
	lock_release(&o->lock);
	return up;
}

static const struct overview_study *
find_locked(const struct overview *o, const char *uid)
{
	lock_assert_held(&o->lock);
	unsigned from = 0;
	unsigned to = o->n;
	while (from < to) {
		unsigned mid = from + (to - from) / 2;
		int d = strcmp(uid, o->studies[mid].uid);
		if (d == 0)
			return &o->studies[mid];
		if (d < 0)
			to = mid;
		else
			from = mid + 1;
	}
	return NULL;
}

static struct told *
told_locked(const struct overview *o, const char *uid)
{
	lock_assert_held(&o->lock);
	for (unsigned i = 0; i < o->n_told; i++)
		if (str_eq(o->told[i].uid, uid))
			return &o->told[i];
	return NULL;
}

bool
overview_find(struct overview *o, const char *uid, struct overview_study *ret)
{
	lock_acquire(&o->lock);
	const struct overview_study *s = find_locked(o, uid);
	if (s != NULL)
		*ret = *s;
	lock_release(&o->lock);
	return s != NULL;
}

bool
overview_completes(struct overview *o, const char *uid)
{
	bool can = false;
	lock_acquire(&o->lock);
	const struct overview_study *s = find_locked(o, uid);
	const struct told *t = told_locked(o, uid);
	if (s != NULL && s->archive < PREFETCH_ARCHIVES_MAX)
		can = (o->up >> s->archive & 1) != 0;
	if (t != NULL)
		can |= (o->up >> t->archive & 1) != 0;
	if (s != NULL && s->state == STUDY_HELD)
		can = false;
	lock_release(&o->lock);
	return can;
}

void
overview_tell(struct overview *o, const struct told *t)
{
	lock_acquire(&o->lock);
	struct told *to = told_locked(o, t->uid);
	if (to == NULL) {
		if (o->told == NULL)
			o->told = mem_new_n(struct told, OVERVIEW_TOLD_MAX);
		to = &o->told[o->next_told];
		o->next_told = (o->next_told + 1) % OVERVIEW_TOLD_MAX;
		if (o->n_told < OVERVIEW_TOLD_MAX)
			o->n_told++;
		*to = *t;
	} else if (t->archive <= to->archive ||
	    (o->up >> to->archive & 1) == 0) {
		*to = *t; /* by rank, unless that one is down */
	}
	lock_release(&o->lock);
}

bool
overview_told(struct overview *o, const char *uid, struct told *ret)
{
	lock_acquire(&o->lock);
	const struct told *t = told_locked(o, uid);
	if (t != NULL)
		*ret = *t;
	lock_release(&o->lock);
	return t != NULL;
}
