/* SPDX-License-Identifier: MIT */
/* The viewers' own listeners: do they answer? A C-ECHO a minute, and more
 * often while one is away, so that a viewer just opened is not waited for. */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "dicom/echo.h"
#include "node/push_priv.h"
#include "wire/scan.h"

#define FIRST_MS 2000
#define TICK_MS 10000 /* a viewer that is down is asked this often */
#define TICKS_UP 6 /* one that is up: once a minute */
#define ANSWER_MS 10000

struct viewer {
	unsigned peer; /* of node.peers */
	struct viewer_health health;
	struct echo *job; /* NULL: not being asked */
	unsigned quiet; /* ticks since it was asked */
};

struct viewers {
	struct viewer all[NODE_PEERS_MAX];
	unsigned n;
	struct loop_timer *tick;
};

struct echo {
	struct job job; /* first */
	struct node *node;
	unsigned viewer;
	const struct known_peer *peer; /* what we read is constant */
	struct assoc_stop stop;
	bool ran, ok;
	struct err e;
};

const struct viewer_health *
node_viewer(const struct node *n, unsigned i)
{
	static const struct viewer_health unknown; /* zero is unknown */
	if (n == NULL || n->viewers == NULL || i >= n->viewers->n)
		return &unknown;
	return &n->viewers->all[i].health;
}

static void
echo_work(struct job *j) /* job_fn, worker */
{
	struct echo *k = (struct echo *)j;
	const struct known_peer *p = k->peer;
	const struct assoc_proposal pr = {CLASS_VERIFICATION,
	    SYNTAX_IMPLICIT_LE, false};
	struct assoc_ask rq = {.host = p->host, .port = p->port,
	    .calling = k->node->ae_title, .called = p->ae_title,
	    .proposals = &pr, .n_proposals = 1, .stop = &k->stop};
	struct assoc *a = NULL;
	k->ran = true;
	k->ok = assoc_request(&a, &rq, &k->e) == 0 &&
	    echo_ask(a, ANSWER_MS, &k->e) == 0;
	assoc_release(&a);
}

static void
echo_stop(struct job *j) /* job_fn, loop */
{
	assoc_stop_ask(&((struct echo *)j)->stop);
}

static void
log_change(const struct known_peer *p, const struct echo *k)
{
	if (k->ok)
		log_info("node.viewer.up", "viewer=%s", p->ae_title);
	else
		log_warn("node.viewer.down",
		    "viewer=%s error='%s' action=asked_again", p->ae_title,
		    k->e.msg);
}

/* Note the answer; true when the state is another one now. */
static bool
take_answer(struct viewer *v, const struct echo *k)
{
	enum viewer_state was = v->health.state;
	v->health.state = k->ok ? VIEWER_UP : VIEWER_DOWN;
	if (k->ok)
		v->health.last_ok_utc = clock_utc_s();
	(void)str_copy(v->health.last_error, sizeof(v->health.last_error),
	    k->ok ? "" : k->e.msg); /* one size */
	return v->health.state != was;
}

static void
echo_done(struct job *j) /* job_fn, loop */
{
	struct echo *k = (struct echo *)j;
	struct node *n = k->node;
	assoc_stop_done(&k->stop);
	if (n->viewers != NULL) { /* else the node is stopping */
		struct viewer *v = &n->viewers->all[k->viewer];
		v->job = NULL;
		bool changed = k->ran && take_answer(v, k);
		if (changed)
			log_change(k->peer, k);
		if (changed && k->ok)
			pushes_up(n, k->viewer);
		if (k->ran) { /* the page shows when it last answered */
			board_changed(n->board);
			n->ports.changed(n->ports.ctx);
		}
	}
	mem_free(k);
}

static void
begin(struct node *n, unsigned i)
{
	struct viewer *v = &n->viewers->all[i];
	struct echo *k = mem_new(struct echo);
	k->job = (struct job){.work = echo_work, .done = echo_done,
	    .stop = echo_stop};
	k->node = n;
	k->viewer = i;
	k->peer = &n->peers[v->peer];
	assoc_stop_init(&k->stop);
	v->job = k;
	v->quiet = 0;
	pool_submit(n->pool, &k->job);
}

static void
on_tick(void *ctx) /* loop_fn */
{
	struct node *n = ctx;
	struct viewers *vs = n->viewers;
	vs->tick = loop_timer_start(n->loop, TICK_MS, on_tick, n);
	for (unsigned i = 0; i < vs->n; i++) {
		struct viewer *v = &vs->all[i];
		v->quiet++;
		if (v->job == NULL && (v->health.state != VIEWER_UP ||
		    v->quiet >= TICKS_UP))
			begin(n, i);
	}
}

void
viewers_start(struct node *n)
{
	struct viewers *vs = mem_new(struct viewers);
	for (unsigned i = 0; i < n->n_peers; i++)
		if (!n->peers[i].is_archive)
			vs->all[vs->n++].peer = i;
	n->viewers = vs;
	if (vs->n > 0)
		vs->tick = loop_timer_start(n->loop, FIRST_MS, on_tick, n);
}

void
viewers_stop(struct node *n)
{
	struct viewers *vs = n->viewers;
	n->viewers = NULL;
	if (vs == NULL)
		return;
	loop_timer_stop(&vs->tick);
	for (unsigned i = 0; i < vs->n; i++)
		if (vs->all[i].job != NULL)
			pool_cancel(n->pool, &vs->all[i].job->job);
	mem_free(vs);
}
