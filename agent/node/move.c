/* SPDX-License-Identifier: MIT */
/* A C-MOVE's own association, to the viewer's listener: opened when there is
 * something to send, anew when it breaks or lacks a context (viewers.md 9.4,
 * 9.5). */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "node/retrieve_priv.h"
#include "wire/scan.h"

#define REST_NS (15 * CLOCK_S) /* idle, then closed: OsiriX aborts at 40 */
#define BREAKS_MAX 3 /* without one object sent: the listener is gone */

struct pair {
	char class_uid[UID_SIZE], syntax[UID_SIZE];
};

struct route {
	/* set at birth, then constant */
	struct known_peer dest;
	/* proposed on the association that is open; kept for the next */
	struct pair pairs[PDU_CONTEXTS_MAX];
	unsigned n_pairs;
	int64_t used_ns; /* when it last carried something */
	unsigned breaks; /* since the last object that was sent */
	const char *broken; /* why nothing more is tried, or NULL */
};

struct route *
route_new(const struct known_peer *dest)
{
	struct route *w = mem_new(struct route);
	w->dest = *dest;
	return w;
}

void
route_free(struct retrieval *r)
{
	assoc_release(&r->to);
	mem_free(r->route);
	r->route = NULL;
}

const char *
route_broken(const struct retrieval *r)
{
	return r->route != NULL ? r->route->broken : NULL;
}

/* Its place among the pairs, or n_pairs. */
static unsigned
find_pair(const struct route *w, const char *class_uid, const char *syntax)
{
	unsigned i = 0;
	while (i < w->n_pairs && !(str_eq(w->pairs[i].syntax, syntax) &&
	    str_eq(w->pairs[i].class_uid, class_uid)))
		i++;
	return i;
}

static void
add_pair(struct route *w, const char *class_uid, const char *syntax)
{
	if (w->n_pairs == PDU_CONTEXTS_MAX ||
	    find_pair(w, class_uid, syntax) < w->n_pairs)
		return;
	struct pair *p = &w->pairs[w->n_pairs++];
	(void)str_copy(p->class_uid, UID_SIZE, class_uid);
	(void)str_copy(p->syntax, UID_SIZE, syntax);
}

static bool
is_plain(const char *syntax)
{
	return str_eq(syntax, SYNTAX_EXPLICIT_LE) ||
	    str_eq(syntax, SYNTAX_IMPLICIT_LE) ||
	    str_eq(syntax, SYNTAX_EXPLICIT_BE);
}

/* What ${it} and all after it on the list need, and what came before: each
 * (class, syntax) once, so that all goes out as it is; beside it, while there
 * is room, the plain syntaxes for a listener that refuses the other. */
static void
gather(struct retrieval *r, const struct store_item *it)
{
	struct route *w = r->route;
	if (w->n_pairs == PDU_CONTEXTS_MAX)
		w->n_pairs = 0; /* no room for a union */
	add_pair(w, it->class_uid, it->syntax);
	for (unsigned i = r->at; i < r->n_items; i++)
		add_pair(w, r->items[i].class_uid, r->items[i].syntax);
	unsigned n = w->n_pairs;
	for (unsigned i = 0; i < n; i++) {
		if (is_plain(w->pairs[i].syntax))
			continue;
		add_pair(w, w->pairs[i].class_uid, SYNTAX_EXPLICIT_LE);
		add_pair(w, w->pairs[i].class_uid, SYNTAX_IMPLICIT_LE);
	}
}

static int
open_route(struct retrieval *r, const struct store_item *it, struct err *e)
{
	struct route *w = r->route;
	struct assoc_proposal list[PDU_CONTEXTS_MAX];
	assoc_release(&r->to);
	gather(r, it);
	for (unsigned i = 0; i < w->n_pairs; i++)
		list[i] = (struct assoc_proposal){
		    .abstract = w->pairs[i].class_uid,
		    .syntax = w->pairs[i].syntax};
	struct assoc_ask ask = {.host = w->dest.host, .port = w->dest.port,
	    .calling = r->node->ae_title, .called = w->dest.ae_title,
	    .proposals = list, .n_proposals = w->n_pairs,
	    .stop = &r->s->move_stop};
	w->used_ns = clock_uptime_ns();
	return assoc_request(&r->to, &ask, e);
}

static int
stopping(const struct retrieval *r, struct err *e)
{
	return atomic_load(r->stopping) ?
	    err_set(e, ERR_CANCELLED, 0, "stopping") : 0;
}

/* Open, and with what ${it} needs. */
static int
make_ready(struct retrieval *r, const struct store_item *it, struct err *e)
{
	struct route *w = r->route;
	if (r->to != NULL && assoc_is_open(r->to) &&
	    find_pair(w, it->class_uid, it->syntax) < w->n_pairs)
		return 0;
	if (open_route(r, it, e) == 0)
		return 0;
	w->broken = "the viewer's listener does not answer";
	if (!atomic_load(r->stopping))
		log_warn("node.move.refused",
		    "error='%s' action=told_the_viewer", e->msg);
	return -1;
}

/* The listener went away in the middle. True to try ${it} once more. */
static bool
broke(struct retrieval *r, bool first, const struct err *why)
{
	struct route *w = r->route;
	assoc_abort(&r->to);
	log_info("node.move.broken", "error='%s'", why->msg);
	if (++w->breaks >= BREAKS_MAX) {
		w->broken = "the viewer's listener broke off";
		return false;
	}
	/* what it did not answer in time it would not the next time; and an
	 * object that proved damaged is not sent again */
	return first && why->code != ERR_TIMEOUT &&
	    why->code != ERR_CORRUPT;
}

int
route_give(struct retrieval *r, const struct store_item *it,
    const struct store_item *next, struct err *e)
{
	struct route *w = r->route;
	struct err why;
	bool again = true;
	for (bool first = true; again && w->broken == NULL; first = false) {
		if (stopping(r, e) != 0)
			return -1;
		if (make_ready(r, it, &why) != 0)
			break;
		if (send_item(r, it, next, &why) == 0) {
			w->breaks = 0;
			w->used_ns = clock_uptime_ns();
			return 0;
		}
		again = broke(r, first, &why);
	}
	if (stopping(r, e) != 0)
		return -1;
	send_failed(r, it);
	return 0;
}

void
route_rest(struct retrieval *r)
{
	if (r->route != NULL && r->to != NULL &&
	    clock_uptime_ns() - r->route->used_ns > REST_NS)
		assoc_release(&r->to);
}
