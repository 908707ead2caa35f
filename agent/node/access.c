/* SPDX-License-Identifier: MIT */
/* Who may associate, and for what: a caller on loopback under any calling
 * title, from elsewhere only the peers of the configuration. */
#include <sys/socket.h>

#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "dicom/decode.h"
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

/* Where ${peer} is; an IPv4 caller of an IPv6 port by its IPv4 address. */
static void
address_of(const char *peer, char dst[SOCK_ADDR_SIZE])
{
	char host[SOCK_ADDR_SIZE];
	sock_host_of(peer, host);
	bool mapped = str_starts(host, "::ffff:") &&
	    strchr(host, '.') != NULL;
	(void)str_copy(dst, SOCK_ADDR_SIZE, host + (mapped ? 7 : 0));
}

/* What a caller is to us. */
struct standing {
	unsigned may; /* 0 = nothing */
	bool address_known; /* some section names it, or it is this machine */
	bool ae_known; /* some section names the title */
	bool is_archive; /* title and address are an archive's */
};

/* Under the lock. */
static bool
is_archive_at(const struct node *n, const char *calling, const char *address)
{
	for (unsigned i = 0; i < n->n_peers; i++)
		if (n->peers[i].is_archive &&
		    str_eq(n->peers[i].ae_title, calling) &&
		    has_address(&n->peers[i], address))
			return true;
	return false;
}

static struct standing
standing_of(struct node *n, const struct listen_caller *c)
{
	char address[SOCK_ADDR_SIZE];
	struct standing st = {.may = c->local ? MAY_QUERY : 0,
	    .address_known = c->local};
	address_of(c->peer, address);
	lock_acquire(&n->lock);
	for (unsigned i = 0; i < n->n_peers; i++) {
		const struct known_peer *p = &n->peers[i];
		bool here = has_address(p, address);
		bool named = str_eq(p->ae_title, c->rq->calling);
		st.address_known = st.address_known || here;
		st.ae_known = st.ae_known || named;
		if (here && named)
			st.may |= p->is_archive ? MAY_STORE : MAY_QUERY;
	}
	st.is_archive = is_archive_at(n, c->rq->calling, address);
	lock_release(&n->lock);
	return st;
}

/* Why somebody is turned away: the peer learns ${rj}, people the rest. */
struct no {
	struct pdu_reject rj; /* PS3.8 table 9-21 */
	const char *reason;
	char remedy[240];
};

static bool
say_no(struct no *no, struct pdu_reject rj, const char *reason,
    const char *remedy)
{
	no->rj = rj;
	no->reason = reason;
	(void)str_copy(no->remedy, sizeof(no->remedy), remedy); /* fits */
	return false;
}

/* Associations that are open. */
struct crowd {
	unsigned same; /* of the caller's address and title */
	unsigned viewers, elsewhere; /* all viewers; those not here */
};

static struct crowd
count_crowd(struct node *n, const struct listen_caller *c)
{
	struct crowd k = {0};
	char mine[SOCK_ADDR_SIZE], address[SOCK_ADDR_SIZE];
	sock_host_of(c->peer, mine);
	lock_acquire(&n->lock);
	for (unsigned i = 0; i < c->n_open; i++) {
		const struct listen_open *o = &c->open[i];
		k.same += str_eq(o->host, mine) &&
		    str_eq(o->calling, c->rq->calling);
		address_of(o->host, address);
		if (is_archive_at(n, o->calling, address))
			continue;
		k.viewers++;
		k.elsewhere += !o->local;
	}
	lock_release(&n->lock);
	return k;
}

/* Archives that send what we asked for have a count of their own: viewers
 * must not lock them out, nor they the viewers. */
static bool
has_place(struct node *n, const struct listen_caller *c,
    const struct standing *st, struct no *no)
{
	const struct limit_values *l = limits();
	const struct pdu_reject full = {2, 3, 2}; /* local limit exceeded */
	struct crowd k = count_crowd(n, c);
	unsigned kept = l->local_places < n->max_associations ?
	    l->local_places : n->max_associations - 1;
	if (st->is_archive)
		return k.same < l->max_per_archive || say_no(no, full,
		    "all associations of this archive are taken",
		    "[node] max_per_archive");
	if (k.same >= l->max_per_peer)
		return say_no(no, full,
		    "all associations of this viewer are taken",
		    "[node] max_per_peer");
	if (k.viewers >= n->max_associations)
		return say_no(no, full, "all associations are taken",
		    "[node] max_associations");
	if (!c->local && k.elsewhere >= n->max_associations - kept)
		return say_no(no, full, "the places that are left are kept "
		    "for viewers of this machine", "[node] local_places");
	return true;
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

/* Objects of a class that can go in a syntax; of them as they are held. */
struct reach {
	unsigned all, as_held;
};

/* Under the lock. */
static struct reach
reach_of(const struct node *n, const char *class_uid, const char *syntax)
{
	struct reach r = {0};
	for (unsigned k = 0; k < n->n_learnt; k++) {
		const struct learnt *l = &n->learnt[k];
		if (!str_eq(l->class_uid, class_uid))
			continue;
		if (str_eq(l->syntax, syntax))
			r.as_held += l->n;
		if (str_eq(l->syntax, syntax) || (n->decode_program != NULL &&
		    decode_can(l->syntax, syntax)))
			r.all += l->n;
	}
	return r;
}

/* Of a storage class: the syntax in which most objects of the class can go,
 * of several the one that most are held in; else Explicit LE, else what the
 * peer names first. */
static const char *
storage_syntax(struct node *n, const struct pdu_associate *rq,
    const struct pdu_context *c)
{
	const char *best = pdu_syntax(rq, c, 0);
	struct reach most = {0};
	lock_acquire(&n->lock);
	for (unsigned i = 0; i < c->n_syntaxes; i++) {
		const char *ts = pdu_syntax(rq, c, i);
		struct reach r = reach_of(n, c->abstract, ts);
		if (r.all > most.all || (r.all == most.all &&
		    r.as_held > most.as_held) ||
		    (most.all == 0 && str_eq(ts, SYNTAX_EXPLICIT_LE))) {
			best = ts;
			most = r;
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
put_section(struct no *no, const struct listen_caller *c, bool ae_known)
{
	char address[SOCK_ADDR_SIZE], ae[40], name[33];
	address_of(c->peer, address);
	(void)str_escape(ae, sizeof(ae), c->rq->calling,
	    strlen(c->rq->calling));
	(void)snprintf(name, sizeof(name), ae_known ? "%.16s@%.15s" : "%.32s",
	    ae, address); /* a cut name is as good */
	for (char *p = name; *p != '\0'; p++)
		if (*p == '"')
			*p = '_'; /* would end the name */
	(void)snprintf(no->remedy, sizeof(no->remedy), "[viewer \"%s\"]\n"
	    "ae_title = %s\nhost = %s\nport = 11112", name, ae,
	    address); /* it fits */
}

/* Whether the caller's request is one that we answer, in the order of the
 * standard's reasons. */
static bool
is_proper(const struct node *n, const struct pdu_associate *rq,
    struct no *no)
{
	char remedy[64];
	if ((rq->version & 1) == 0)
		return say_no(no, (struct pdu_reject){1, 2, 2},
		    "protocol version is not 1", "a viewer of this century");
	if (!str_eq(rq->application_context, PDU_APPLICATION_CONTEXT))
		return say_no(no, (struct pdu_reject){1, 1, 2},
		    "another application context", "a DICOM viewer");
	(void)snprintf(remedy, sizeof(remedy), "in the viewer: AE title %s",
	    n->ae_title); /* it fits */
	return str_eq(rq->called, n->ae_title) || say_no(no,
	    (struct pdu_reject){1, 1, 7}, "called us by another AE title",
	    remedy);
}

/* From an address that no section names everything is refused alike, before
 * its request is looked at: it learns nothing of us. From one that is named,
 * a title that is not this address's is refused the same way, but after. */
static bool
is_welcome(struct node *n, const struct listen_caller *c,
    const struct standing *st, struct no *no)
{
	if (st->address_known && (!has_place(n, c, st, no) ||
	    !is_proper(n, c->rq, no)))
		return false;
	if (st->may == 0) {
		put_section(no, c, st->ae_known);
		no->rj = (struct pdu_reject){1, 1, 3}; /* calling AE title */
		no->reason = st->ae_known ?
		    "its AE title is listed with another address" :
		    st->address_known ?
		    "its address is listed with another AE title" :
		    "neither from the loopback address nor listed";
		return false;
	}
	if ((st->may & MAY_QUERY) == 0 &&
	    !n->ports.expects(n->ports.ctx, c->rq->calling))
		return say_no(no, (struct pdu_reject){2, 3, 1},
		    "an archive that was not asked to send", "nothing to do");
	if (!c->local && !st->is_archive &&
	    c->n_recent >= limits()->max_per_second)
		return say_no(no, (struct pdu_reject){2, 3, 1},
		    "too many associations in a second",
		    "[node] max_per_second");
	return true;
}

/* Order of the checks: security.md section 2. The size of the request was
 * bounded before it was read. */
bool
node_decide(void *ctx, const struct listen_caller *c,
    struct pdu_associate *ac, struct pdu_reject *rj)
{
	struct node *n = ctx;
	const struct pdu_associate *rq = c->rq;
	struct standing st = standing_of(n, c);
	struct no no = {.reason = ""};
	if (st.may == 0 && st.ae_known)
		node_resolve(n); /* its address may have changed */
	if (!is_welcome(n, c, &st, &no)) {
		*rj = no.rj;
		n->ports.refused(n->ports.ctx, rq->calling, c->peer,
		    no.reason, no.remedy);
		return false;
	}
	for (unsigned i = 0; i < rq->n_contexts; i++)
		answer_context(n, rq, &rq->contexts[i], st.may, ac);
	return true;
}

void
node_learn(struct node *n, const char *class_uid, const char *syntax,
    unsigned times)
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
		n->learnt[i].n += times;
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
