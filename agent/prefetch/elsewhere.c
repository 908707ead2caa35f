/* SPDX-License-Identifier: MIT */
/* What a viewer asks for and is not here: all archives that are up, asked
 * side by side, and their answers as one. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "prefetch/prefetch_priv.h"

/* an answer among all, to find those that are told twice */
struct place {
	const char *uid;
	unsigned archive, i; /* by rank, and as it came */
	bool twice;
};

static int
by_uid(const void *a, const void *b)
{
	const struct place *const *x = a;
	const struct place *const *y = b;
	int d = strcmp((*x)->uid, (*y)->uid);
	if (d == 0)
		d = *x < *y ? -1 : *x > *y; /* they lie by rank */
	return d;
}

static void
mark_twice(struct place *places, unsigned n)
{
	struct place **sorted = mem_new_n(struct place *, n + 1);
	for (unsigned i = 0; i < n; i++)
		sorted[i] = &places[i];
	qsort(sorted, n, sizeof(sorted[0]), by_uid);
	for (unsigned i = 1; i < n; i++)
		sorted[i]->twice = str_eq(sorted[i]->uid, sorted[i - 1]->uid);
	mem_free(sorted);
}

/* The answers of archives that are up, by rank; nobody adds to them now. */
static struct place *
gather(const struct question *q, uint32_t up, unsigned *ret_n)
{
	static const uint32_t uids[] = {TAG_STUDY_UID, TAG_SERIES_UID,
	    TAG_SOP_INSTANCE};
	unsigned all = 0;
	unsigned n = 0;
	for (unsigned i = 0; i < PREFETCH_ARCHIVES_MAX; i++)
		all += q->from[i].n;
	struct place *places = mem_new_n(struct place, all + 1);
	for (unsigned i = 0; i < PREFETCH_ARCHIVES_MAX; i++)
		for (unsigned k = 0; k < q->from[i].n &&
		    (up >> i & 1) != 0; k++)
			places[n++] = (struct place){.archive = i, .i = k,
			    .uid = attrs_value(&q->from[i].as[k],
			    uids[q->level])};
	*ret_n = n;
	return places;
}

static void
tell(struct prefetch *p, const struct question *q, prefetch_answer_fn *fn,
    void *ctx)
{
	unsigned n = 0;
	struct place *places = gather(q, overview_up(&p->overview), &n);
	mark_twice(places, n);
	for (unsigned i = 0; i < n; i++) {
		const struct attrs *as =
		    &q->from[places[i].archive].as[places[i].i];
		struct overview_study o;
		if (places[i].twice || (overview_find(&p->overview,
		    attrs_value(as, TAG_STUDY_UID), &o) &&
		    o.state == STUDY_HELD))
			continue;
		fn(ctx, as);
	}
	mem_free(places);
}

void
prefetch_elsewhere(struct prefetch *p, const struct attrs *keys,
    prefetch_answer_fn *fn, void *ctx)
{
	uint32_t up = overview_up(&p->overview);
	struct question *made = up != 0 ? question_new(keys) : NULL;
	if (made == NULL)
		return;
	struct question *q = question_join(&p->questions, made, up);
	if (q == made)
		bell_ring(p->bell);
	if (question_wait(&p->questions, q))
		tell(p, q, fn, ctx);
	question_leave(&p->questions, &q);
}

static void
inquiry_stop(struct job *j) /* job_fn, loop */
{
	struct inquiry *k = (struct inquiry *)j;
	assoc_stop_ask(k->stop);
}

/* An archive that went in the middle of it, or did not come at all, is not
 * waited for again; one that only refuses this question is there. */
static void
inquiry_done(struct job *j) /* job_fn, loop */
{
	struct inquiry *k = (struct inquiry *)j;
	struct prefetch *p = k->p;
	enum archive_state was = p->health[k->archive].state;
	if (!k->ran)
		question_end(&p->questions, &k->q, k->archive, false, false);
	else if (!k->reached || k->e.code == ERR_NET)
		health_failed(p, k->archive, &k->e);
	else
		health_answered(p, k->archive);
	if (p->health[k->archive].state != was && !p->stopping) {
		overview_refresh(&p->overview, p->board, &p->c, p->health);
		board_changed(p->board);
		p->ports.changed(p->ports.ctx);
	}
	question_leave(&p->questions, &k->held);
	mem_free(k);
}

static void
put_to(struct prefetch *p, struct question *q, unsigned archive)
{
	struct inquiry *k = mem_new(struct inquiry);
	k->job = (struct job){.work = inquire_work, .done = inquiry_done,
	    .stop = inquiry_stop};
	k->p = p;
	k->q = q;
	k->held = question_use(&p->questions, q);
	k->stop = &q->stop[archive];
	k->archive = archive;
	pool_submit(p->asking, &k->job);
}

void
elsewhere_look(struct prefetch *p)
{
	uint32_t up = 0;
	if (p->stopping)
		return;
	for (unsigned i = 0; i < p->c.n_archives; i++)
		if (p->health[i].state == ARCHIVE_UP)
			up |= UINT32_C(1) << i;
	struct question *q = question_to_put(&p->questions, up);
	while (q != NULL) {
		for (unsigned i = 0; i < p->c.n_archives; i++)
			if ((up >> i & 1) != 0)
				put_to(p, q, i);
		question_leave(&p->questions, &q);
		q = question_to_put(&p->questions, up);
	}
}
