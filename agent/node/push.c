/* SPDX-License-Identifier: MIT */
/* Studies of ready cases to the viewers that want them.
 *
 * DESIGN  One job a viewer at a time: ask the viewer's listener what it has
 * of the study, send what lacks in the order of use, ask again. The study is
 * in the viewer when the listener's own answer says so; one that imports
 * slowly is asked a few times more. What to do next and when is in the book
 * (push_book.c), which the loop owns; the board shows it.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stats.h"
#include "base/str.h"
#include "node/push_priv.h"
#include "node/retrieve_priv.h"
#include "wire/scan.h"

#define LOOK_MS 200 /* the board changes with each object that arrives */
#define BREAKS_MAX 3 /* of one study; then it is tried again later */

struct push_job {
	struct job job; /* first */
	struct node *node;
	unsigned pusher;
	struct push_viewer viewer;
	struct assoc_stop stop;
	char study_uid[UID_SIZE];
	bool only_ask;
	struct push_result r;
};

struct pusher { /* a viewer that wants pushes */
	unsigned peer; /* of node.peers */
	unsigned viewer; /* of node_viewer */
	struct push_job *job; /* NULL: idle */
};

struct pushes {
	struct pusher pushers[NODE_PEERS_MAX];
	struct push_book books[NODE_PEERS_MAX]; /* one each */
	unsigned n;
	uint64_t seen; /* the board's version when it was looked at */
	struct loop_timer *look; /* soon, or when a next try is due */
	int64_t look_ns; /* when that is */
};

/* --- the worker's part --- */

/* The study as the index has it, in the order of use; nothing of one that is
 * not ready. What the board knows already may still be queued there. */
static int
list_items(struct push_job *p, struct retrieval *r, struct err *e)
{
	const char *uid = p->study_uid;
	struct index_select sel = {.level = INDEX_INSTANCE,
	    .study_uids = &uid, .n_study_uids = 1};
	if (index_flush(p->node->ix, e) != 0)
		return -1;
	struct index_reader *reader = index_reader_open(p->node->ix, e);
	if (reader == NULL)
		return -1;
	struct listing l = {.r = r};
	int rc = index_select(reader, &sel, listing_row, &l, e);
	listing_done(&l);
	index_reader_close(&reader);
	p->r.listed = r->n_items;
	return rc;
}

static void
propose(struct assoc_proposal *p, unsigned *n, const char *class_uid,
    const char *syntax)
{
	for (unsigned i = 0; i < *n; i++)
		if (str_eq(p[i].abstract, class_uid) &&
		    str_eq(p[i].syntax, syntax))
			return;
	if (*n < PDU_CONTEXTS_MAX)
		p[(*n)++] = (struct assoc_proposal){.abstract = class_uid,
		    .syntax = syntax};
}

static bool
is_plain(const char *syntax)
{
	return str_eq(syntax, SYNTAX_EXPLICIT_LE) ||
	    str_eq(syntax, SYNTAX_IMPLICIT_LE) ||
	    str_eq(syntax, SYNTAX_EXPLICIT_BE);
}

/* One context a (class, stored syntax), so that all goes out as it is; for
 * compressed ones an uncompressed context beside it, should the viewer not
 * read them. */
static int
open_sending(struct push_job *p, struct retrieval *r, struct err *e)
{
	struct assoc_proposal list[PDU_CONTEXTS_MAX];
	unsigned n = 0;
	for (unsigned i = 0; i < r->n_items; i++)
		propose(list, &n, r->items[i].class_uid, r->items[i].syntax);
	for (unsigned i = 0; i < r->n_items; i++) {
		const struct store_item *it = &r->items[i];
		if (is_plain(it->syntax))
			continue;
		propose(list, &n, it->class_uid, SYNTAX_EXPLICIT_LE);
		propose(list, &n, it->class_uid, SYNTAX_IMPLICIT_LE);
	}
	struct assoc_ask ask = {.host = p->viewer.host,
	    .port = p->viewer.port, .calling = p->viewer.calling,
	    .called = p->viewer.ae_title, .proposals = list,
	    .n_proposals = n, .stop = &p->stop};
	return assoc_request(&r->to, &ask, e);
}

/* Leave in the list what the viewer lacks; the order stays. */
static void
keep_lacking(struct retrieval *r, const bool *has)
{
	unsigned n = 0;
	for (unsigned i = 0; i < r->n_items; i++)
		if (!has[i])
			r->items[n++] = r->items[i];
	r->n_items = n;
}

/* Send from item ${*i} on; -1 when the association is over, ${*i} is then
 * the item that it ended with. */
static int
send_from(struct push_job *p, struct retrieval *r, unsigned *i, struct err *e)
{
	for (; *i < r->n_items; (*i)++) {
		if (atomic_load(&p->job.cancelled))
			return err_set(e, ERR_CANCELLED, 0, "stopping");
		if (send_item(r, &r->items[*i], *i + 1 < r->n_items ?
		    &r->items[*i + 1] : NULL, e) != 0)
			return -1;
	}
	return 0;
}

/* An object over which the viewer aborts must not keep the others away: it
 * counts as refused, and the rest goes over another association. */
static int
send_items(struct push_job *p, struct retrieval *r, struct err *e)
{
	unsigned i = 0;
	for (unsigned breaks = 0;; breaks++) {
		int rc = open_sending(p, r, e);
		p->r.unreachable = rc != 0;
		if (rc != 0)
			return -1;
		rc = send_from(p, r, &i, e);
		if (rc == 0) {
			assoc_release(&r->to);
			return 0;
		}
		assoc_abort(&r->to);
		if (e->code == ERR_CANCELLED || breaks == BREAKS_MAX)
			return err_prefix(e, "after %u of %u", i, r->n_items);
		log_info("node.push.broken", "viewer=%s at=%u error='%s'",
		    p->viewer.ae_title, i, e->msg);
		send_failed(r, &r->items[i++]);
	}
}

static int
send_lacking(struct push_job *p, const struct retrieval *all,
    const bool *has, struct err *e)
{
	struct retrieval r = {.node = p->node, .stopping = &p->job.cancelled,
	    .n_items = all->n_items};
	r.items = mem_new_n(struct store_item, all->n_items);
	memcpy(r.items, all->items, all->n_items * sizeof(r.items[0]));
	keep_lacking(&r, has);
	buf_init(&r.failed_uids, (size_t)r.n_items * UID_SIZE + 1);
	r.sender = sender_new(p->node);
	int rc = send_items(p, &r, e);
	p->r.sent = r.sent + r.warned;
	p->r.unaccepted = r.unaccepted;
	p->r.refused = r.failed - r.unaccepted;
	stats_add(STAT_OBJECTS_PUSHED, p->r.sent);
	sender_free(&r.sender);
	buf_done(&r.failed_uids);
	mem_free(r.items);
	return rc;
}

/* Ask, and note the answer; -1 when it could not be asked. */
static int
ask(struct push_job *p, const struct retrieval *all, bool *has,
    struct err *e)
{
	bool reached = false;
	memset(has, 0, all->n_items * sizeof(has[0]));
	int rc = push_ask(&p->viewer, all->items, all->n_items, has,
	    &p->r.has, &reached, e);
	p->r.unreachable = !reached;
	if (rc >= 0)
		p->r.answers = rc == 1;
	return rc < 0 ? -1 : 0;
}

static int
push(struct push_job *p, const struct retrieval *all, bool *has,
    struct err *e)
{
	if (ask(p, all, has, e) != 0)
		return -1;
	if (p->only_ask || (p->r.answers && p->r.has >= all->n_items))
		return 0;
	if (send_lacking(p, all, has, e) != 0)
		return -1;
	return p->r.answers ? ask(p, all, has, e) : 0;
}

static void
push_work(struct job *j) /* job_fn, worker */
{
	struct push_job *p = (struct push_job *)j;
	const struct node_ports *ports = &p->node->ports;
	struct retrieval all = {.node = p->node};
	p->r.ran = true;
	ports->hold(ports->ctx, p->study_uid);
	int rc = list_items(p, &all, &p->r.e);
	if (rc == 0 && all.n_items > 0) {
		bool *has = mem_new_n(bool, all.n_items);
		rc = push(p, &all, has, &p->r.e);
		mem_free(has);
	}
	p->r.failed = rc != 0;
	ports->release(ports->ctx, p->study_uid);
	mem_free(all.items);
}

static void
push_stop(struct job *j) /* job_fn, loop */
{
	assoc_stop_ask(&((struct push_job *)j)->stop);
}

/* --- the loop's part --- */

static void look(struct node *n);

static void
on_look(void *ctx) /* loop_fn */
{
	struct node *n = ctx;
	n->pushes->look = NULL;
	look(n);
}

/* Look in ${ms}, or earlier where that is planned. */
static void
plan_look(struct node *n, int64_t ms)
{
	struct pushes *ps = n->pushes;
	int64_t at = clock_continuous_ns() + ms * CLOCK_MS;
	if (ps->look != NULL && ps->look_ns <= at)
		return;
	loop_timer_stop(&ps->look);
	ps->look_ns = at;
	ps->look = loop_timer_start(n->loop, ms, on_look, n);
}

static void
show(struct node *n)
{
	struct pushes *ps = n->pushes;
	if (!push_book_show(ps->books, ps->n, n->board))
		return;
	board_changed(n->board);
	ps->seen = board_version(n->board);
	n->ports.changed(n->ports.ctx);
}

static void
log_result(const struct push_job *p)
{
	const struct push_result *r = &p->r;
	if (r->unreachable)
		return; /* viewers.c tells once that it does not listen */
	log_info("node.push.done", "viewer=%s listed=%u has=%u sent=%u "
	    "refused=%u unaccepted=%u%s%s%s", p->viewer.ae_title, r->listed,
	    r->has, r->sent, r->refused, r->unaccepted,
	    r->failed ? " error='" : "", r->failed ? r->e.msg : "",
	    r->failed ? "'" : "");
}

static void
push_done(struct job *j) /* job_fn, loop */
{
	struct push_job *p = (struct push_job *)j;
	struct node *n = p->node;
	assoc_stop_done(&p->stop);
	if (n->pushes != NULL) { /* else the node is stopping */
		n->pushes->pushers[p->pusher].job = NULL;
		push_book_end(&n->pushes->books[p->pusher], p->study_uid,
		    &p->r, clock_continuous_ns());
		if (p->r.ran)
			log_result(p);
		look(n);
	}
	mem_free(p);
}

static void
begin(struct node *n, unsigned i, const struct board_study *s)
{
	struct pusher *pr = &n->pushes->pushers[i];
	const struct known_peer *peer = &n->peers[pr->peer];
	struct push_job *p = mem_new(struct push_job);
	p->job = (struct job){.work = push_work, .done = push_done,
	    .stop = push_stop};
	p->node = n;
	p->pusher = i;
	/* title, host and port are constant after the start */
	p->viewer = (struct push_viewer){.host = peer->host,
	    .ae_title = peer->ae_title, .calling = n->ae_title,
	    .port = peer->port, .stop = &p->stop};
	(void)str_copy(p->study_uid, UID_SIZE, s->uid); /* one size */
	assoc_stop_init(&p->stop);
	p->only_ask = push_book_begin(&n->pushes->books[i], s);
	pr->job = p;
	pool_submit(n->pool, &p->job);
}

static void
look(struct node *n)
{
	struct pushes *ps = n->pushes;
	int64_t now_ns = clock_continuous_ns(), next = 0;
	for (unsigned i = 0; i < ps->n; i++) {
		int64_t when = 0;
		push_book_sync(&ps->books[i], n->board);
		if (ps->pushers[i].job != NULL)
			continue;
		const struct board_study *s = push_book_next(&ps->books[i],
		    n->board, clock_utc_s(), now_ns, &when);
		if (s != NULL)
			begin(n, i, s);
		else if (when != 0 && (next == 0 || when < next))
			next = when;
	}
	ps->seen = board_version(n->board);
	show(n);
	if (next != 0)
		plan_look(n, (next - now_ns) / CLOCK_MS + 1);
}

void
node_look(struct node *n)
{
	if (n == NULL || n->pushes == NULL ||
	    n->pushes->seen == board_version(n->board))
		return;
	plan_look(n, LOOK_MS);
}

void
pushes_up(struct node *n, unsigned viewer)
{
	if (n->pushes == NULL)
		return;
	for (unsigned i = 0; i < n->pushes->n; i++)
		if (n->pushes->pushers[i].viewer == viewer)
			push_book_up(&n->pushes->books[i]);
	plan_look(n, 0);
}

void
pushes_start(struct node *n)
{
	struct pushes *ps = mem_new(struct pushes);
	unsigned viewer = 0;
	for (unsigned i = 0; i < n->n_peers; i++) {
		if (n->peers[i].is_archive)
			continue;
		if (n->peers[i].push)
			ps->pushers[ps->n++] = (struct pusher){.peer = i,
			    .viewer = viewer};
		viewer++;
	}
	if (ps->n == 0) {
		mem_free(ps);
		return;
	}
	n->pushes = ps;
	board_set_pushed(n->board, true);
	plan_look(n, LOOK_MS);
}

void
pushes_stop(struct node *n)
{
	struct pushes *ps = n->pushes;
	n->pushes = NULL;
	if (ps == NULL)
		return;
	loop_timer_stop(&ps->look);
	for (unsigned i = 0; i < ps->n; i++) {
		if (ps->pushers[i].job != NULL)
			pool_cancel(n->pool, &ps->pushers[i].job->job);
		push_book_done(&ps->books[i]);
	}
	mem_free(ps);
}
