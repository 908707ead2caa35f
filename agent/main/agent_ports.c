/* SPDX-License-Identifier: MIT */
/* How the rooms hear of each other: each port is one line of wiring. */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "main/agent_priv.h"

#define ASK_AGAIN_S (30 * 60) /* an archive's answer is no older */

static void
on_node_changed(void *ctx) /* node_ports.changed */
{
	struct agent *a = ctx;
	if (a->web != NULL)
		web_changed(a->web);
}

static void
on_changed(void *ctx) /* prefetch_ports.changed, cache_ports.changed */
{
	struct agent *a = ctx;
	if (a->cache != NULL)
		cache_trim(a->cache);
	node_look(a->node); /* a study may be due to the viewer now */
	on_node_changed(a);
}

static void
on_missing(void *ctx) /* cache_ports.missing */
{
	struct agent *a = ctx;
	if (a->prefetch != NULL)
		prefetch_look(a->prefetch);
}

static void
on_learn(void *ctx, const char *class_uid, const char *syntax, unsigned n)
{ /* cache_ports.learn at start */
	struct agent *a = ctx;
	node_learn(a->node, class_uid, syntax, n);
}

static void
on_arrived_pair(void *ctx, const char *class_uid, const char *syntax)
{ /* prefetch_ports.learn [worker] */
	on_learn(ctx, class_uid, syntax, 1);
}

static int
readmit(void *ctx, const struct store_item *it, const void *p, size_t n,
    struct err *e)
{ /* cache_ports.readmit */
	struct agent *a = ctx;
	return prefetch_readmit(a->index, it, p, n, e);
}

int
agent_start_cache(struct agent *a, struct err *e)
{
	struct cache_config c = {.size = a->conf->cache_size,
	    .reserve = a->conf->cache_reserve,
	    .retention_s = a->conf->retention_s,
	    .high = a->conf->cache_high, .low = a->conf->cache_low,
	    .scrub = a->conf->scrub, .horizon_s = a->conf->horizon_s};
	struct cache_ports p = {.ctx = a, .changed = on_changed,
	    .missing = on_missing, .learn = on_learn, .readmit = readmit};
	a->cache = cache_start(a->loop, &c, &p, a->board, a->index, a->store,
	    e);
	return a->cache != NULL ? 0 : -1;
}

static bool
make_room(void *ctx, uint64_t bytes, int64_t before_utc, char *why,
    size_t size)
{ /* prefetch_ports.make_room */
	struct agent *a = ctx;
	return cache_make_room(a->cache, bytes, before_utc, why, size);
}

static void
settled(void *ctx) /* prefetch_ports.settled */
{
	struct agent *a = ctx;
	cache_look(a->cache);
}

static bool
may_fetch(void *ctx, const char *study_uid) /* prefetch_ports.may_fetch */
{
	struct agent *a = ctx;
	return a->place == STORE_HERE &&
	    !cache_is_leaving(a->cache, study_uid);
}

static void
arrived(void *ctx, const char *study_uid) /* prefetch_ports.arrived */
{
	struct agent *a = ctx;
	cache_touch(a->cache, study_uid);
}

static enum prefetch_retrieve
retrieve_of(enum conf_retrieve r)
{
	switch (r) {
	case CONF_C_MOVE:
		return PREFETCH_C_MOVE;
	case CONF_WADO_RS:
		return PREFETCH_WADO_RS;
	case CONF_C_GET:
		break;
	}
	return PREFETCH_C_GET;
}

int
agent_start_prefetch(struct agent *a, struct err *e)
{
	const struct conf *c = a->conf;
	struct prefetch_config pc = {.ae_title = c->ae_title,
	    .theatre = c->theatre, .zone = c->zone,
	    .plan = {.window = c->window, .urgent_s = c->urgent_s,
	        .horizon_s = c->horizon_s, .ask_again_s = ASK_AGAIN_S,
	        .recheck = true},
	    .spread_s = c->spread_s,
	    .bandwidth = c->bandwidth,
	    .strict_identity = c->strict_identity,
	    .read_through = c->read_through,
	    .rules = a->rules, .n_rules = c->n_relevance,
	    .n_archives = c->n_archives};
	for (unsigned i = 0; i < c->n_relevance; i++)
		a->rules[i] = c->relevance[i].rule;
	for (unsigned i = 0; i < c->n_archives; i++)
		pc.archives[i] = (struct prefetch_archive){
		    .name = c->archives[i].name,
		    .ae_title = c->archives[i].ae_title,
		    .host = c->archives[i].host,
		    .port = c->archives[i].port,
		    .retrieve = retrieve_of(c->archives[i].retrieve),
		    .associations = c->archives[i].associations,
		    .dicomweb = c->archives[i].dicomweb,
		    .by_find = c->archives[i].by_find,
		    .optional = c->archives[i].optional,
		    .bandwidth = c->archives[i].bandwidth};
	struct prefetch_ports p = {.ctx = a, .make_room = make_room,
	    .settled = settled, .may_fetch = may_fetch, .arrived = arrived,
	    .changed = on_changed, .learn = on_arrived_pair};
	a->prefetch = prefetch_start(a->loop, &pc, &p, a->board, a->index,
	    a->store, e);
	return a->prefetch != NULL ? 0 : -1;
}

static void
hold(void *ctx, const char *study_uid) /* node_ports.hold */
{
	cache_hold(((struct agent *)ctx)->cache, study_uid);
}

static void
release(void *ctx, const char *study_uid) /* node_ports.release */
{
	cache_release(((struct agent *)ctx)->cache, study_uid);
}

static void
damaged(void *ctx, const char *study_uid,
    const uint8_t name[STORE_NAME_BYTES], const char *why)
{ /* node_ports.damaged */
	struct agent *a = ctx;
	(void)why; /* the node has logged it */
	cache_damaged(a->cache, study_uid, name);
}

static int
take(void *ctx, struct assoc *as, const struct node_incoming *in,
    uint16_t *ret_status, struct err *e)
{ /* node_ports.take */
	struct agent *a = ctx;
	return prefetch_take(a->prefetch, as, in->calling, in->class_uid,
	    in->instance_uid, in->syntax, ret_status, e);
}

static void
elsewhere(void *ctx, const struct attrs *keys, node_answer_fn *fn,
    void *fn_ctx)
{ /* node_ports.elsewhere */
	prefetch_elsewhere(((struct agent *)ctx)->prefetch, keys, fn, fn_ctx);
}

static bool
completes(void *ctx, const char *study_uid) /* node_ports.completes */
{
	return prefetch_completes(((struct agent *)ctx)->prefetch, study_uid);
}

static bool
withheld(void *ctx, const char *study_uid) /* node_ports.withheld */
{
	return prefetch_withheld(((struct agent *)ctx)->prefetch, study_uid);
}

static struct follow *
follow(void *ctx, const char *study_uid, struct err *e)
{ /* node_ports.follow */
	return prefetch_follow(((struct agent *)ctx)->prefetch, study_uid, e);
}

static int
follow_next(void *ctx, struct follow *f, int64_t wait_ms,
    struct store_item *ret, struct err *e)
{ /* node_ports.follow_next */
	(void)ctx; /* the follow knows its prefetch */
	return prefetch_follow_next(f, wait_ms, ret, e);
}

static unsigned
follow_listed(void *ctx, struct follow *f) /* node_ports.follow_listed */
{
	(void)ctx; /* see above */
	return prefetch_follow_listed(f);
}

static void
follow_end(void *ctx, struct follow **pp) /* node_ports.follow_end */
{
	(void)ctx; /* see above */
	prefetch_follow_end(pp);
}

static bool
expects(void *ctx, const char *calling) /* node_ports.expects */
{
	return prefetch_expects(((struct agent *)ctx)->prefetch, calling);
}

/* The remedy's lines as one. */
static void
log_refused(const struct refused *r)
{
	char remedy[2 * sizeof(r->remedy)];
	size_t n = 0;
	for (const char *p = r->remedy; *p != '\0'; p++) {
		if (*p == '\n')
			remedy[n++] = ';';
		remedy[n++] = *p == '\n' ? ' ' : *p;
	}
	remedy[n] = '\0';
	log_warn("node.caller.refused", "calling='%s' address=%s times=%u "
	    "reason='%s' remedy='%s' action=rejected", r->calling, r->address,
	    r->times, r->reason, remedy);
}

#define LINES_A_MINUTE 20 /* of callers that are new, see agent_priv.h */

static bool
may_tell(struct agent *a, const struct refused *r)
{
	if (r->times != 1)
		return r->times % 1000 == 0;
	int64_t age = r->utc - a->first_refused_utc;
	if (age < 0 || age >= 60) {
		a->first_refused_utc = r->utc;
		a->n_lines = 0;
	}
	if (++a->n_lines == LINES_A_MINUTE)
		log_warn("node.callers.refused", "lines=%d in_s=60 "
		    "action=no_more_this_minute", LINES_A_MINUTE);
	return a->n_lines < LINES_A_MINUTE;
}

static void
refused(void *ctx, const char *calling, const char *peer, const char *reason,
    const char *remedy)
{ /* node_ports.refused */
	struct agent *a = ctx;
	struct refused r = {.utc = clock_utc_s()};
	(void)str_escape(r.calling, sizeof(r.calling), calling,
	    strlen(calling));
	sock_host_of(peer, r.address);
	(void)str_copy(r.reason, sizeof(r.reason), reason);
	(void)str_copy(r.remedy, sizeof(r.remedy), remedy);
	unsigned i = 0;
	while (i < a->n_refused && !(str_eq(a->refused[i].calling,
	    r.calling) && str_eq(a->refused[i].address, r.address) &&
	    str_eq(a->refused[i].reason, r.reason)))
		i++;
	if (i < a->n_refused)
		r.times = a->refused[i].times;
	else if (a->n_refused < AGENT_REFUSED_MAX)
		a->n_refused++;
	else
		i = AGENT_REFUSED_MAX - 1; /* the oldest is forgotten */
	memmove(&a->refused[1], &a->refused[0], i * sizeof(r));
	r.times++;
	a->refused[0] = r;
	if (may_tell(a, &r))
		log_refused(&r);
	board_changed(a->board);
	on_changed(a);
}

int
agent_start_node(struct agent *a, struct err *e)
{
	const struct conf *c = a->conf;
	struct node_config nc = {.ae_title = c->ae_title,
	    .host = c->node.host, .port = c->node.port,
	    .max_associations = c->max_associations, .partial = c->partial,
	    .read_through = c->read_through,
	    .decode_program = a->decode_program};
	for (unsigned i = 0; i < c->n_viewers; i++)
		nc.peers[nc.n_peers++] = (struct node_peer){
		    .ae_title = c->viewers[i].ae_title,
		    .host = c->viewers[i].host, .port = c->viewers[i].port,
		    .push = c->viewers[i].push};
	for (unsigned i = 0; i < c->n_archives; i++)
		nc.peers[nc.n_peers++] = (struct node_peer){
		    .ae_title = c->archives[i].ae_title,
		    .host = c->archives[i].host, .is_archive = true};
	struct node_ports p = {.ctx = a, .hold = hold, .release = release,
	    .damaged = damaged, .take = take, .elsewhere = elsewhere,
	    .completes = completes, .withheld = withheld, .follow = follow,
	    .follow_next = follow_next, .follow_listed = follow_listed,
	    .follow_end = follow_end, .expects = expects,
	    .refused = refused, .changed = on_node_changed};
	a->node = node_start(a->loop, &nc, &p, a->board, a->index, a->store,
	    e);
	return a->node != NULL ? 0 : -1;
}

void
agent_start_lists(struct agent *a)
{
	for (unsigned i = 0; i < a->conf->n_schedules; i++) {
		struct list_config lc = {.name = a->conf->schedules[i].name,
		    .path = a->conf->schedules[i].path,
		    .zone = a->conf->zone};
		a->lists[a->n_lists++] = list_start(a->loop, a->pool, &lc,
		    agent_on_cases, a);
	}
}
