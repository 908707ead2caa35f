/* SPDX-License-Identifier: MIT */
/* All of it goes: rows, files, and what cases on the board want. */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "cache/cache_priv.h"

struct wiping {
	struct job job; /* first */
	struct cache *c;
	unsigned lost; /* index_lost before */
	unsigned removed;
	struct err e;
	bool gone; /* all of it; false also when it never ran */
};

/* Files before rows: with no row left they would be taken in again at the next
 * start. But first no study is ready any more, durably. */
static void
wiping_work(struct job *j) /* job_fn, worker */
{
	struct wiping *w = (struct wiping *)j;
	w->gone = index_confirm(w->c->ix, w->lost, &w->e) == 0 &&
	    store_wipe(w->c->st, &w->removed, &w->e) == 0 &&
	    index_wipe(w->c->ix, &w->e) == 0;
}

static void
wiping_done(struct job *j) /* job_fn, loop */
{
	struct wiping *w = (struct wiping *)j;
	struct cache *c = w->c;
	c->wipe = w->gone ? WIPE_DONE : WIPE_FAILED;
	c->wipe_e = w->e;
	if (w->gone)
		log_info("cache.wiped", "instances=%u", w->removed);
	else
		log_error("cache.wipe.failed", "error='%s'", w->e.msg);
	board_changed(c->board);
	c->ports.changed(c->ports.ctx);
	mem_free(w);
}

/* What viewers and people are shown at once. */
static void
clear_board(struct cache *ch)
{
	struct board *b = ch->board;
	for (unsigned i = 0; i < board_n_cases(b); i++) {
		struct board_case *c = board_case_at(b, i);
		board_set_wants(b, c, NULL, 0);
		c->epoch++;
		c->asked = ASKED_FAILED;
		c->answered_utc = 0;
		c->room_reason[0] = '\0';
		(void)str_copy(c->ask_reason, sizeof(c->ask_reason),
		    "the cache was wiped; nothing is fetched until the agent "
		    "is started again");
	}
	for (unsigned i = board_n_studies(b); i-- > 0;) {
		const struct board_study *s = board_study_at(b, i);
		if (s->state == STUDY_READY)
			index_put_study(ch->ix, s->uid, false, s->expected,
			    s->archive);
		board_drop_study(b, s->uid);
	}
}

static void
begin(struct cache *c)
{
	struct wiping *w = mem_new(struct wiping);
	w->job = (struct job){.work = wiping_work, .done = wiping_done};
	w->c = c;
	w->lost = index_lost(c->ix);
	c->wipe = WIPE_NOW;
	clear_board(c);
	board_settle(c->board, clock_utc_s(), c->conf.horizon_s);
	board_changed(c->board);
	pool_submit(c->pool, &w->job); /* after what is leaving */
}

int
cache_wipe(struct cache *c, char *text, size_t size)
{
	static const char on[] = "wiping";
	switch (c->wipe) {
	case WIPE_NOW:
		(void)str_copy(text, size, on);
		return 202;
	case WIPE_DONE:
		(void)str_copy(text, size, "wiped: no image and nothing of a "
		    "patient is left in the cache (the theatre list is not "
		    "ours, and stays); nothing is fetched until the agent is "
		    "started again"); /* a cut is fine */
		return 200;
	case WIPE_FAILED:
		(void)snprintf(text, size, "not wiped: %.200s",
		    c->wipe_e.msg);
		c->wipe = WIPE_NONE; /* who asks again tries again */
		return 500;
	case WIPE_NONE:
		break;
	}
	begin(c);
	(void)str_copy(text, size, on);
	return 202;
}
