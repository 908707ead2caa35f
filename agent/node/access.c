/* SPDX-License-Identifier: MIT */
/* Who may associate, and for what: a caller on loopback under any calling
 * title, from elsewhere only the peers of the configuration. */
#include <sys/socket.h>

#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "node/node_priv.h"
#include "wire/scan.h"

#define RESOLVE_EVERY_S 60 /* names are looked up no more often */

enum { MAY_QUERY = 1, MAY_STORE = 2 };

static bool
has_address(const struct known_peer *p, const char *address)
{
	if (str_eq(p->host, address))
		return true;
	for (unsigned i = 0; i < p->n_addresses; i++)
		if (str_eq(p->address[i], address))
			return true;
	return false;
}

/* What the caller may do; 0 with ${ret_ae_known} when only its address does
 * not fit. */
static unsigned
rights(struct node *n, const struct listen_caller *c, bool *ret_ae_known)
{
	char address[SOCK_ADDR_SIZE];
	unsigned may = c->local ? MAY_QUERY : 0;
	sock_host_of(c->peer, address);
	*ret_ae_known = false;
	lock_acquire(&n->lock);
	for (unsigned i = 0; i < n->n_peers; i++) {
		const struct known_peer *p = &n->peers[i];
		if (!str_eq(p->ae_title, c->rq->calling))
			continue;
		*ret_ae_known = true;
		if (has_address(p, address))
			may |= p->is_archive ? MAY_STORE : MAY_QUERY;
	}
	lock_release(&n->lock);
	return may;
}

static bool
turn_away(struct node *n, const struct listen_caller *c, const char *reason,
    const char *remedy, struct pdu_reject *rj, struct pdu_reject with)
{
	*rj = with;
	n->ports.refused(n->ports.ctx, c->rq->calling, c->peer, reason,
	    remedy);
	return false;
}

/* Of the proposed syntaxes of a query service: Implicit LE takes UID lists
 * beyond 64 KiB, then Explicit LE, then BE. Verification takes any. */
static const char *
service_syntax(const struct pdu_associate *rq, const struct pdu_context *c)
{
	static const char *const order[] = {SYNTAX_IMPLICIT_LE,
	    SYNTAX_EXPLICIT_LE, SYNTAX_EXPLICIT_BE};
	for (size_t k = 0; k < sizeof(order) / sizeof(order[0]); k++)
		for (unsigned i = 0; i < c->n_syntaxes; i++)
			if (str_eq(pdu_syntax(rq, c, i), order[k]))
				return order[k];
	return str_eq(c->abstract, CLASS_VERIFICATION) ?
	    pdu_syntax(rq, c, 0) : NULL;
}

/* Of a storage class: the syntax that most objects of the class are held in,
 * else Explicit LE, else what the peer names first. */
static const char *
storage_syntax(struct node *n, const struct pdu_associate *rq,
    const struct pdu_context *c)
{
	const char *best = pdu_syntax(rq, c, 0);
	unsigned most = 0;
	lock_acquire(&n->lock);
	for (unsigned i = 0; i < c->n_syntaxes; i++) {
		const char *ts = pdu_syntax(rq, c, i);
		if (most == 0 && str_eq(ts, SYNTAX_EXPLICIT_LE))
			best = ts;
		for (unsigned k = 0; k < n->n_learnt; k++) {
			const struct learnt *l = &n->learnt[k];
			if (l->n > most && str_eq(l->syntax, ts) &&
			    str_eq(l->class_uid, c->abstract)) {
				best = ts;
				most = l->n;
			}
		}
	}
	lock_release(&n->lock);
	return best;
}

static bool
is_query_service(const char *abstract)
{
	return str_in_list(CLASS_PATIENT_FIND "," CLASS_PATIENT_MOVE ","
	    CLASS_PATIENT_GET "," CLASS_STUDY_FIND "," CLASS_STUDY_MOVE ","
	    CLASS_STUDY_GET, abstract);
}

/* The answer to one proposed context. */
static void
answer_context(struct node *n, const struct pdu_associate *rq,
    const struct pdu_context *c, unsigned may, struct pdu_associate *ac)
{
	const char *syntax = NULL;
	bool service = is_query_service(c->abstract);
	bool echo = str_eq(c->abstract, CLASS_VERIFICATION);
	enum pdu_context_result no = PDU_CONTEXT_NO_SYNTAX;
	if (echo || (service && (may & MAY_QUERY) != 0))
		syntax = service_syntax(rq, c);
	else if (!service && may != 0)
		syntax = storage_syntax(n, rq, c);
	else
		no = PDU_CONTEXT_NO_ABSTRACT;
	struct pdu_context *a = pdu_add_context(ac, c->id, c->abstract,
	    &syntax, syntax != NULL ? 1 : 0);
	a->result = syntax != NULL ? PDU_CONTEXT_ACCEPTED : no;
	/* roles only for who asked; OsiriX asks for none and is sent to all
	 * the same (viewers.md 9.1) */
	if (c->has_role && syntax != NULL) {
		a->has_role = true;
		a->scu_role = c->scu_role;
		a->scp_role = c->scp_role;
	}
}

/* The section of the configuration that would let the caller in, one key a
 * line. A listed title gets another section name than it may have: each name
 * is taken once. */
static void
put_section(char *dst, size_t size, const struct listen_caller *c,
    bool ae_known)
{
	char address[SOCK_ADDR_SIZE], ae[40], name[33];
	sock_host_of(c->peer, address);
	(void)str_escape(ae, sizeof(ae), c->rq->calling,
	    strlen(c->rq->calling));
	(void)snprintf(name, sizeof(name), ae_known ? "%.16s@%.15s" : "%.32s",
	    ae, address); /* a cut name is as good */
	for (char *p = name; *p != '\0'; p++)
		if (*p == '"')
			*p = '_'; /* would end the name */
	(void)snprintf(dst, size, "[viewer \"%s\"]\nae_title = %s\n"
	    "host = %s\nport = 11112", name, ae, address); /* it fits */
}

bool
node_decide(void *ctx, const struct listen_caller *c,
    struct pdu_associate *ac, struct pdu_reject *rj)
{
	struct node *n = ctx;
	const struct pdu_associate *rq = c->rq;
	char remedy[240];
	bool ae_known = false;
	/* who: 1 = permanent, source 1 = service user, PS3.8 table 9-21 */
	unsigned may = rights(n, c, &ae_known);
	if (may == 0) {
		put_section(remedy, sizeof(remedy), c, ae_known);
		if (ae_known)
			node_resolve(n);
		return turn_away(n, c, ae_known ?
		    "its AE title is listed with another address" :
		    "neither from the loopback address nor listed", remedy, rj,
		    (struct pdu_reject){1, 1, 3});
	}
	if ((rq->version & 1) == 0)
		return turn_away(n, c, "protocol version is not 1",
		    "a viewer of this century", rj,
		    (struct pdu_reject){1, 2, 2});
	if (!str_eq(rq->application_context, PDU_APPLICATION_CONTEXT))
		return turn_away(n, c, "another application context",
		    "a DICOM viewer", rj, (struct pdu_reject){1, 1, 2});
	if (!str_eq(rq->called, n->ae_title)) {
		(void)snprintf(remedy, sizeof(remedy),
		    "in the viewer: AE title %s", n->ae_title);
		return turn_away(n, c, "called us by another AE title", remedy,
		    rj, (struct pdu_reject){1, 1, 7});
	}
	if (c->n_open >= n->max_associations)
		return turn_away(n, c, "all associations are taken",
		    "[node] max_associations", rj,
		    (struct pdu_reject){2, 3, 2});
	if ((may & MAY_QUERY) == 0 &&
	    !n->ports.expects(n->ports.ctx, rq->calling))
		return turn_away(n, c, "an archive that was not asked to send",
		    "nothing to do", rj, (struct pdu_reject){2, 3, 1});
	for (unsigned i = 0; i < rq->n_contexts; i++)
		answer_context(n, rq, &rq->contexts[i], may, ac);
	return true;
}

void
node_learn(struct node *n, const char *class_uid, const char *syntax)
{
	lock_acquire(&n->lock);
	unsigned i = 0;
	while (i < n->n_learnt && !(str_eq(n->learnt[i].class_uid,
	    class_uid) && str_eq(n->learnt[i].syntax, syntax)))
		i++;
	if (i == n->n_learnt && i < NODE_LEARNT_MAX) {
		n->n_learnt++;
		(void)str_copy(n->learnt[i].class_uid, UID_SIZE, class_uid);
		(void)str_copy(n->learnt[i].syntax, UID_SIZE, syntax);
	}
	if (i < n->n_learnt)
		n->learnt[i].n++;
	lock_release(&n->lock);
}

bool
node_destination(struct node *n, const struct assoc *a, const char *ae_title,
    struct known_peer *ret)
{
	bool found = false;
	unsigned n_viewers = 0, only = 0;
	lock_acquire(&n->lock);
	for (unsigned i = 0; i < n->n_peers; i++) {
		if (n->peers[i].is_archive)
			continue;
		n_viewers++;
		only = i;
		if (!found && str_eq(n->peers[i].ae_title, ae_title)) {
			*ret = n->peers[i];
			found = true;
		}
	}
	if (!found && n_viewers > 0 && assoc_is_local(a)) {
		/* from this machine any title means the viewer here: OsiriX
		 * calls itself by the Mac's name (viewers.md 0.2) */
		*ret = n->peers[only];
		for (unsigned i = n->n_peers; i-- > 0;)
			if (!n->peers[i].is_archive &&
			    str_starts(n->peers[i].host, "127."))
				*ret = n->peers[i];
		found = true;
		(void)str_copy(ret->host, sizeof(ret->host), "127.0.0.1");
		(void)str_copy(ret->ae_title, AE_SIZE, ae_title);
	}
	lock_release(&n->lock);
	return found;
}

/* Looking names up blocks: a job, and the table is swapped under the lock. */
struct resolve_job {
	struct job job; /* first */
	struct node *node;
};

static unsigned
look_up(const char *host, char out[8][SOCK_ADDR_SIZE])
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *list = NULL;
	unsigned n = 0;
	if (getaddrinfo(host, NULL, &hints, &list) != 0)
		return 0;
	for (struct addrinfo *ai = list; ai != NULL && n < 8; ai = ai->ai_next)
		if (getnameinfo(ai->ai_addr, ai->ai_addrlen, out[n],
		    SOCK_ADDR_SIZE, NULL, 0, NI_NUMERICHOST) == 0)
			n++;
	freeaddrinfo(list);
	return n;
}

static void
resolve_work(struct job *j) /* job_fn, worker */
{
	struct node *n = ((struct resolve_job *)j)->node;
	for (unsigned i = 0; i < n->n_peers; i++) { /* constant after start */
		char found[8][SOCK_ADDR_SIZE];
		unsigned k = look_up(n->peers[i].host, found);
		lock_acquire(&n->lock);
		if (k > 0) {
			memcpy(n->peers[i].address, found, sizeof(found));
			n->peers[i].n_addresses = k;
		}
		lock_release(&n->lock);
	}
}

static void
resolve_done(struct job *j) /* job_fn, loop */
{
	struct node *n = ((struct resolve_job *)j)->node;
	n->resolving = false;
	n->resolved_utc = clock_utc_s();
	mem_free(j);
}

void
node_resolve(struct node *n)
{
	int64_t age = clock_utc_s() - n->resolved_utc;
	if (n->resolving || (age >= 0 && age < RESOLVE_EVERY_S))
		return;
	struct resolve_job *r = mem_new(struct resolve_job);
	r->job = (struct job){.work = resolve_work, .done = resolve_done};
	r->node = n;
	n->resolving = true;
	pool_submit(n->pool, &r->job);
}
