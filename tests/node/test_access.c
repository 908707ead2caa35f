/* SPDX-License-Identifier: MIT */
/* Tests of node/access: who is turned away, and what is told to let it in. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "dicom/decode.h"
#include "node/node_priv.h"
#include "wire/scan.h"

#define OPEN_MAX_TESTED 16

struct desk {
	struct node *node;
	bool expects; /* the archive was asked to send */
	char reason[200], remedy[300];
	struct pdu_reject rj;
	struct listen_open open[OPEN_MAX_TESTED];
	unsigned n_open;
};

/* A caller; what is left out is as it should be. */
struct caller {
	const char *calling, *address;
	const char *called, *context;
	bool old; /* protocol version 0 */
	unsigned n_recent;
};

static void
on_refused(void *ctx, const char *calling, const char *peer,
    const char *reason, const char *remedy)
{ /* node_ports.refused */
	struct desk *d = ctx;
	(void)calling; /* the test's own */
	(void)peer;
	(void)str_copy(d->reason, sizeof(d->reason), reason);
	(void)str_copy(d->remedy, sizeof(d->remedy), remedy);
}

static bool
on_expects(void *ctx, const char *calling) /* node_ports.expects */
{
	(void)calling; /* there is one archive */
	return ((struct desk *)ctx)->expects;
}

static void
list_peer(struct node *n, const char *ae_title, const char *host,
    bool is_archive)
{
	struct known_peer *p = &n->peers[n->n_peers++];
	(void)str_copy(p->ae_title, AE_SIZE, ae_title);
	(void)str_copy(p->host, sizeof(p->host), host);
	p->is_archive = is_archive;
}

static int
setup(void **state)
{
	struct desk *d = mem_new(struct desk);
	struct node *n = mem_new(struct node);
	struct limit_values l = *limits();
	n->ports = (struct node_ports){.ctx = d, .refused = on_refused,
	    .expects = on_expects};
	(void)str_copy(n->ae_title, sizeof(n->ae_title), "UNDERSTUDY");
	n->max_associations = 4;
	n->resolved_utc = clock_utc_s(); /* no names are looked up */
	lock_init(&n->lock);
	list_peer(n, "LISTED", "192.0.2.9", false);
	list_peer(n, "PACS", "192.0.2.7", true);
	list_peer(n, "SECOND", "192.0.2.10", false);
	list_peer(n, "V6", "2001:db8::1", false);
	l.local_places = 2;
	l.max_per_peer = 3;
	l.max_per_archive = 2;
	l.max_per_second = 5;
	limits_set(&l);
	d->expects = true;
	d->node = n;
	*state = d;
	return 0;
}

static int
teardown(void **state)
{
	struct desk *d = *state;
	limits_set(NULL);
	lock_done(&d->node->lock);
	mem_free(d->node);
	mem_free(d);
	return 0;
}

static bool
is_loopback(const char *address)
{
	return str_starts(address, "127.");
}

static bool
ask(struct desk *d, const struct caller *k)
{
	struct pdu_associate *rq = mem_new(struct pdu_associate);
	struct pdu_associate *ac = mem_new(struct pdu_associate);
	char peer[SOCK_ADDR_SIZE];
	bool v6 = strchr(k->address, ':') != NULL;
	(void)snprintf(peer, sizeof(peer), v6 ? "[%s]:5000" : "%s:5000",
	    k->address);
	struct listen_caller c = {.peer = peer, .rq = rq,
	    .local = is_loopback(k->address), .open = d->open,
	    .n_open = d->n_open, .n_recent = k->n_recent};
	rq->version = k->old ? 2 : 1;
	(void)str_copy(rq->application_context,
	    sizeof(rq->application_context), k->context != NULL ?
	    k->context : PDU_APPLICATION_CONTEXT);
	(void)str_copy(rq->calling, sizeof(rq->calling), k->calling);
	(void)str_copy(rq->called, sizeof(rq->called), k->called != NULL ?
	    k->called : "UNDERSTUDY");
	d->reason[0] = d->remedy[0] = '\0';
	d->rj = (struct pdu_reject){0};
	bool taken = node_decide(d->node, &c, ac, &d->rj);
	mem_free(rq);
	mem_free(ac);
	return taken;
}

/* Accepted, and stays. */
static bool
enter(struct desk *d, const char *calling, const char *address)
{
	struct caller k = {.calling = calling, .address = address};
	if (!ask(d, &k))
		return false;
	assert_true(d->n_open < OPEN_MAX_TESTED);
	struct listen_open *o = &d->open[d->n_open++];
	(void)str_copy(o->host, sizeof(o->host), address);
	(void)str_copy(o->calling, sizeof(o->calling), calling);
	o->local = is_loopback(address);
	return true;
}

static void
assert_refused(const struct desk *d, unsigned result, unsigned source,
    unsigned reason)
{
	if (d->rj.result != result || d->rj.source != source ||
	    d->rj.reason != reason)
		fail_msg("want %u/%u/%u, have %u/%u/%u: %s", result, source,
		    reason, d->rj.result, d->rj.source, d->rj.reason,
		    d->reason);
	assert_true(d->reason[0] != '\0' && d->remedy[0] != '\0');
}

static void
test_access_only_listed_callers_enter_from_elsewhere(void **state)
{
	struct desk *d = *state;
	static const struct {
		struct caller k;
		bool want;
	} rows[] = {
		{{.calling = "ANY", .address = "127.0.0.1"}, true},
		{{.calling = "", .address = "127.0.0.1"}, true},
		{{.calling = "ANY", .address = "192.0.2.9"}, false},
		{{.calling = "LISTED", .address = "192.0.2.9"}, true},
		{{.calling = "LISTED", .address = "::ffff:192.0.2.9"}, true},
		{{.calling = "LISTED", .address = "192.0.2.8"}, false},
		{{.calling = "listed", .address = "192.0.2.9"}, false},
		{{.calling = "SECOND", .address = "192.0.2.9"}, false},
		{{.calling = "V6", .address = "2001:db8::1"}, true},
		{{.calling = "V6", .address = "2001:db8::2"}, false},
		{{.calling = "PACS", .address = "192.0.2.7"}, true},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (ask(d, &rows[i].k) != rows[i].want)
			fail_msg("row %zu: %s", i, d->reason);
}

/* Whatever it asks, and however full we are: a host that no section names
 * learns nothing (security.md section 2). */
static void
test_access_stranger_is_refused_alike_whatever_it_asks(void **state)
{
	struct desk *d = *state;
	static const struct caller rows[] = {
		{.calling = "ANY", .address = "192.0.2.66"},
		{.calling = "LISTED", .address = "192.0.2.66"},
		{.calling = "PACS", .address = "192.0.2.66"},
		{.calling = "ANY", .address = "192.0.2.66", .called = "X"},
		{.calling = "ANY", .address = "192.0.2.66", .context = "1.2"},
		{.calling = "ANY", .address = "192.0.2.66", .old = true},
		{.calling = "ANY", .address = "192.0.2.66", .n_recent = 99},
	};

	for (int full = 0; full < 2; full++) {
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			assert_false(ask(d, &rows[i]));
			assert_refused(d, 1, 1, 3);
		}
		while (enter(d, "LISTED", "192.0.2.9"))
			;
	}
}

static void
test_access_listed_host_hears_the_first_reason_in_order(void **state)
{
	struct desk *d = *state;
	static const struct {
		struct caller k;
		struct pdu_reject want;
	} rows[] = {
		{{.calling = "NO", .address = "192.0.2.9", .old = true,
		    .context = "1.2", .called = "X"}, {1, 2, 2}},
		{{.calling = "NO", .address = "192.0.2.9",
		    .context = "1.2", .called = "X"}, {1, 1, 2}},
		{{.calling = "NO", .address = "192.0.2.9", .called = "X"},
		    {1, 1, 7}},
		{{.calling = "NO", .address = "192.0.2.9"}, {1, 1, 3}},
		{{.calling = "ANY", .address = "127.0.0.1",
		    .called = "understudy"}, {1, 1, 7}},
		{{.calling = "ANY", .address = "127.0.0.1", .called = ""},
		    {1, 1, 7}},
		{{.calling = "LISTED", .address = "192.0.2.9",
		    .n_recent = 5}, {2, 3, 1}},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct pdu_reject *w = &rows[i].want;
		assert_false(ask(d, &rows[i].k));
		assert_refused(d, w->result, w->source, w->reason);
	}
	/* this machine and archives may call as often as they like */
	assert_true(ask(d, &(struct caller){.calling = "ANY",
	    .address = "127.0.0.1", .n_recent = 1000}));
	assert_true(ask(d, &(struct caller){.calling = "PACS",
	    .address = "192.0.2.7", .n_recent = 1000}));
}

/* Security case L01: of four places two are kept for the theatre. */
static void
test_access_crowd_from_elsewhere_leaves_places_here(void **state)
{
	struct desk *d = *state;
	assert_true(enter(d, "LISTED", "192.0.2.9"));
	assert_true(enter(d, "SECOND", "192.0.2.10"));

	assert_false(enter(d, "SECOND", "192.0.2.10"));
	assert_refused(d, 2, 3, 2);
	assert_string_equal(d->remedy, "[node] local_places");

	assert_true(enter(d, "OSIRIX", "127.0.0.1"));
	assert_true(enter(d, "HOROS", "127.0.0.1"));
	assert_false(enter(d, "WEASIS", "127.0.0.1"));
	assert_refused(d, 2, 3, 2);
	assert_string_equal(d->remedy, "[node] max_associations");
}

static void
test_access_one_viewer_cannot_take_all_places(void **state)
{
	struct desk *d = *state;
	for (int i = 0; i < 3; i++)
		assert_true(enter(d, "OSIRIX", "127.0.0.1"));

	assert_false(enter(d, "OSIRIX", "127.0.0.1"));

	assert_refused(d, 2, 3, 2);
	assert_string_equal(d->remedy, "[node] max_per_peer");
	assert_true(enter(d, "HOROS", "127.0.0.1"));
}

static void
test_access_archives_and_viewers_do_not_lock_each_other_out(void **state)
{
	struct desk *d = *state;
	assert_true(enter(d, "PACS", "192.0.2.7"));
	assert_true(enter(d, "PACS", "192.0.2.7"));
	assert_false(enter(d, "PACS", "192.0.2.7"));
	assert_refused(d, 2, 3, 2);
	assert_string_equal(d->remedy, "[node] max_per_archive");

	/* all four places are still there */
	assert_true(enter(d, "LISTED", "192.0.2.9"));
	assert_true(enter(d, "SECOND", "192.0.2.10"));
	assert_true(enter(d, "A", "127.0.0.1"));
	assert_true(enter(d, "B", "127.0.0.1"));
	assert_false(enter(d, "C", "127.0.0.1"));

	/* and the other way round */
	d->open[0] = d->open[--d->n_open];
	assert_true(enter(d, "PACS", "192.0.2.7"));
}

static void
test_access_archive_that_was_not_asked_is_sent_away(void **state)
{
	struct desk *d = *state;
	d->expects = false;

	assert_false(enter(d, "PACS", "192.0.2.7"));

	assert_refused(d, 2, 3, 1);
}

static void
test_access_at_least_one_place_is_for_elsewhere(void **state)
{
	struct desk *d = *state;
	d->node->max_associations = 1;
	assert_true(enter(d, "LISTED", "192.0.2.9")); /* one stays for all */
	assert_false(enter(d, "OSIRIX", "127.0.0.1"));
}

#define MR "1.2.840.10008.5.1.4.1.1.4"
#define J2K "1.2.840.10008.1.2.4.90"
#define JLS "1.2.840.10008.1.2.4.80"

/* What is accepted of a context with ${syntaxes} of ${n}. */
static void
assert_chosen(struct desk *d, const char *const *syntaxes, unsigned n,
    const char *want)
{
	struct pdu_associate rq = {.version = 1}, ac = {.version = 1};
	struct pdu_reject rj;
	struct listen_caller c = {.peer = "127.0.0.1:5000", .local = true,
	    .rq = &rq};
	(void)str_copy(rq.application_context, UID_SIZE,
	    PDU_APPLICATION_CONTEXT);
	(void)str_copy(rq.called, AE_SIZE, "UNDERSTUDY");
	(void)pdu_add_context(&rq, 1, MR, syntaxes, n);
	assert_true(node_decide(d->node, &c, &ac, &rj));
	assert_int_equal(ac.n_contexts, 1);
	assert_string_equal(pdu_syntax(&ac, &ac.contexts[0], 0), want);
	assert_false(ac.contexts[0].has_role); /* it asked for none */
	pdu_associate_done(&rq);
	pdu_associate_done(&ac);
}

/* A viewer such as OsiriX offers many syntaxes in one context. */
static void
test_access_syntax_is_the_one_most_objects_are_held_in(void **state)
{
	struct desk *d = *state;
	static const char *const offer[] = {SYNTAX_IMPLICIT_LE,
	    SYNTAX_EXPLICIT_LE, J2K};
	assert_chosen(d, offer, 3, SYNTAX_EXPLICIT_LE); /* nothing is held */
	assert_chosen(d, &offer[2], 1, J2K);

	node_learn(d->node, MR, J2K, 1);
	assert_chosen(d, offer, 3, J2K);

	node_learn(d->node, MR, SYNTAX_IMPLICIT_LE, 1);
	node_learn(d->node, MR, SYNTAX_IMPLICIT_LE, 1);
	assert_chosen(d, offer, 3, SYNTAX_IMPLICIT_LE);
	node_learn(d->node, MR, JLS, 1); /* not offered: nothing to gain */
	node_learn(d->node, MR, JLS, 1);
	node_learn(d->node, MR, JLS, 1);
	assert_chosen(d, offer, 3, SYNTAX_IMPLICIT_LE);
}

/* With a decoder the one that reaches all of them, though most are held in
 * another: the viewer must get the study whole. */
static void
test_access_syntax_reaches_all_objects_where_one_can_decode(void **state)
{
	struct desk *d = *state;
	static const char *const offer[] = {SYNTAX_EXPLICIT_LE, J2K};
	if (!decode_can(J2K, SYNTAX_EXPLICIT_LE))
		skip();
	node_learn(d->node, MR, SYNTAX_EXPLICIT_LE, 1);
	node_learn(d->node, MR, J2K, 1);
	node_learn(d->node, MR, J2K, 1);
	assert_chosen(d, offer, 2, J2K);

	d->node->decode_program = "understudy-decode";

	assert_chosen(d, offer, 2, SYNTAX_EXPLICIT_LE);
}

static void
test_access_syntax_as_held_needs_no_decoder(void **state)
{
	struct desk *d = *state;
	static const char *const offer[] = {SYNTAX_EXPLICIT_LE, J2K};
	d->node->decode_program = "understudy-decode";

	node_learn(d->node, MR, J2K, 1);

	assert_chosen(d, offer, 2, J2K);
}

static void
test_access_remedy_is_a_section_to_paste(void **state)
{
	struct desk *d = *state;
	static const struct {
		const char *calling, *remedy;
	} rows[] = {
		{"OSIRIX2", "[viewer \"OSIRIX2\"]\nae_title = OSIRIX2\n"
		    "host = 192.0.2.2\nport = 11112"},
		{"LISTED", "[viewer \"LISTED@192.0.2.2\"]\n"
		    "ae_title = LISTED\nhost = 192.0.2.2\nport = 11112"},
		{"A\"]\n[x", "[viewer \"A_]\\x0a[x\"]\nae_title = A\"]\\x0a[x\n"
		    "host = 192.0.2.2\nport = 11112"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_false(ask(d, &(struct caller){
		    .calling = rows[i].calling, .address = "192.0.2.2"}));
		assert_string_equal(d->remedy, rows[i].remedy);
	}
}

int
main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_access_only_listed_callers_enter_from_elsewhere),
	    TEST(test_access_stranger_is_refused_alike_whatever_it_asks),
	    TEST(test_access_listed_host_hears_the_first_reason_in_order),
	    TEST(test_access_crowd_from_elsewhere_leaves_places_here),
	    TEST(test_access_one_viewer_cannot_take_all_places),
	    TEST(test_access_archives_and_viewers_do_not_lock_each_other_out),
	    TEST(test_access_archive_that_was_not_asked_is_sent_away),
	    TEST(test_access_at_least_one_place_is_for_elsewhere),
	    TEST(test_access_syntax_is_the_one_most_objects_are_held_in),
	    TEST(test_access_syntax_reaches_all_objects_where_one_can_decode),
	    TEST(test_access_syntax_as_held_needs_no_decoder),
	    TEST(test_access_remedy_is_a_section_to_paste),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
