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
#include "base/mem.h"
#include "base/str.h"
#include "node/node_priv.h"

struct desk {
	struct node *node;
	char reason[200], remedy[300];
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

static int
setup(void **state)
{
	struct desk *d = mem_new(struct desk);
	struct node *n = mem_new(struct node);
	n->ports = (struct node_ports){.ctx = d, .refused = on_refused};
	(void)str_copy(n->ae_title, sizeof(n->ae_title), "UNDERSTUDY");
	n->max_associations = 4;
	n->resolved_utc = clock_utc_s(); /* no names are looked up */
	lock_init(&n->lock);
	(void)str_copy(n->peers[0].ae_title, AE_SIZE, "LISTED");
	(void)str_copy(n->peers[0].host, sizeof(n->peers[0].host),
	    "192.0.2.9");
	n->n_peers = 1;
	d->node = n;
	*state = d;
	return 0;
}

static int
teardown(void **state)
{
	struct desk *d = *state;
	lock_done(&d->node->lock);
	mem_free(d->node);
	mem_free(d);
	return 0;
}

static bool
decide(struct desk *d, const char *calling, const char *peer, bool local)
{
	struct pdu_associate *rq = mem_new(struct pdu_associate);
	struct pdu_associate *ac = mem_new(struct pdu_associate);
	struct listen_caller c = {.peer = peer, .local = local, .rq = rq};
	struct pdu_reject rj;
	rq->version = 1;
	(void)str_copy(rq->application_context,
	    sizeof(rq->application_context), PDU_APPLICATION_CONTEXT);
	(void)str_copy(rq->calling, sizeof(rq->calling), calling);
	(void)str_copy(rq->called, sizeof(rq->called), "UNDERSTUDY");
	d->reason[0] = '\0';
	bool taken = node_decide(d->node, &c, ac, &rj);
	mem_free(rq);
	mem_free(ac);
	return taken;
}

static void
test_access_only_listed_callers_enter_from_elsewhere(void **state)
{
	struct desk *d = *state;
	static const struct {
		const char *calling, *peer;
		bool local, want;
	} rows[] = {
		{"ANY", "127.0.0.1:5000", true, true},
		{"ANY", "192.0.2.9:5000", false, false},
		{"LISTED", "192.0.2.9:5000", false, true},
		{"LISTED", "192.0.2.8:5000", false, false},
		{"listed", "192.0.2.9:5000", false, false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (decide(d, rows[i].calling, rows[i].peer, rows[i].local) !=
		    rows[i].want)
			fail_msg("row %zu: %s", i, d->reason);
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
		assert_false(decide(d, rows[i].calling, "192.0.2.2:50000",
		    false));
		assert_string_equal(d->remedy, rows[i].remedy);
	}
}

int
main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_access_only_listed_callers_enter_from_elsewhere),
	    TEST(test_access_remedy_is_a_section_to_paste),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
