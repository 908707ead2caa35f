/* SPDX-License-Identifier: MIT */
/* C-FIND: rows of the index as answers (PS3.4 C.4.1), then what the archives
 * have beyond them. */
#include "base/log.h"
#include "base/stats.h"
#include "base/str.h"
#include "dicom/dataset.h"
#include "node/find_priv.h"

bool
node_shows(const struct session *s, const char *study_uid)
{
	const struct node_ports *p = &s->node->ports;
	if (p->withheld(p->ctx, study_uid))
		return false;
	return session_partial(s) ||
	    (session_reads_through(s) && p->completes(p->ctx, study_uid));
}

/* Whether viewers are shown the row's study; rows of one come together. */
static bool
is_shown(struct finding *f, const struct index_row *row)
{
	if (f->q->sel.level == INDEX_PATIENT || row->ready)
		return true;
	if (!str_eq(f->study_uid, row->study_uid)) {
		(void)str_copy(f->study_uid, UID_SIZE, row->study_uid);
		f->shown = node_shows(f->s, row->study_uid);
	}
	return f->shown;
}

/* Whether a row may be told without asking the archive for its counts: an
 * image has none; a study's stand in its list, once that is known. */
static bool
stands_alone(const struct finding *f, const struct index_row *row)
{
	switch (f->q->sel.level) {
	case INDEX_STUDY:
		return row->ready || row->expected > 0 ||
		    session_partial(f->s);
	case INDEX_SERIES:
		return row->ready || session_partial(f->s);
	case INDEX_PATIENT:
	case INDEX_INSTANCE:
		break;
	}
	return true;
}

static const char *
uid_of(const struct finding *f, const struct index_row *row)
{
	if (f->q->sel.level == INDEX_STUDY)
		return row->study_uid;
	return f->q->sel.level == INDEX_SERIES ? row->series_uid :
	    row->instance_uid;
}

/* Tell the row now, or keep it for when the archives have answered. */
static void
tell_row(struct finding *f, const struct index_row *row, struct attrs *all)
{
	bool alone = stands_alone(f, row);
	bool waits = f->ask && !row->ready &&
	    f->q->sel.level != INDEX_INSTANCE;
	if (waits && merge_later(f, all, alone))
		return;
	if (!alone || !match_all(&f->q->keys, all))
		return;
	if (f->ask)
		(void)uids_add(&f->told, uid_of(f, row)); /* may be again */
	f->rc = answer_send(f, all);
}

static bool
on_row(void *ctx, const struct index_row *row) /* index_row_fn */
{
	struct finding *f = ctx;
	struct attrs all;
	struct err e;
	if (!is_shown(f, row))
		return true;
	if (answer_of_row(f->s->node, f->q->sel.level, row, &all, &e) == 0)
		tell_row(f, row, &all);
	else
		log_error("node.find.row", "error=%s", e.msg);
	attrs_done(&all);
	return answer_goes_on(f, false);
}

static int
find(struct finding *f, struct index_select *sel)
{
	struct err *e = f->e;
	struct index_reader *r = session_reader(f->s, e);
	sel->unready = session_partial(f->s) ||
	    (session_reads_through(f->s) && sel->level != INDEX_PATIENT);
	if (r == NULL || merge_decide(f, r) != 0 ||
	    index_select(r, sel, on_row, f, e) != 0) {
		log_error("node.find.index", "error=%s", e->msg);
		return session_answer(f->s, f->c->id, f->rq, DIMSE_UNABLE,
		    "the index cannot be read", e);
	}
	if (f->ask && answer_goes_on(f, true))
		merge_elsewhere(f);
	if (f->rc != 0)
		return f->rc;
	return session_answer(f->s, f->c->id, f->rq,
	    f->cancelled ? DIMSE_CANCELLED : DIMSE_SUCCESS, "", e);
}

int
node_find(struct session *s, const struct assoc_context *c,
    const struct dimse *rq, struct err *e)
{
	struct query q;
	uint16_t status = DIMSE_SUCCESS;
	stats_add(STAT_FINDS, 1);
	int rc = query_receive(s, c, &q, &status, e);
	struct finding f = {.s = s, .c = c, .rq = rq, .q = &q, .e = e};
	buf_init(&f.body, DATASET_IDENTIFIER_MAX);
	attrs_init(&f.below);
	if (rc == 1)
		rc = session_answer(s, c->id, rq, status, e->msg, e);
	else if (rc == 0)
		rc = find(&f, &q.sel);
	log_debug("node.find.done", "calling=%s level=%d answers=%u asked=%d",
	    assoc_calling(s->a), (int)q.sel.level, f.n, f.ask ? 1 : 0);
	merge_done(&f);
	buf_done(&f.body);
	query_done(&q);
	return rc;
}
