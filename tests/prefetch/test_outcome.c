/* SPDX-License-Identifier: MIT */
/* What questions and transfers come to on the board. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "prefetch/prefetch_priv.h"

#define STUDY "1.2.3"
#define OTHER "1.2.4"

struct fixture {
	char dir[64];
	struct prefetch *p;
	struct err e;
};

static void
nothing(void *ctx) /* prefetch_ports.changed */
{
	(void)ctx; /* nobody listens */
}

static void
nobody(void *ctx, const char *study_uid) /* prefetch_ports.arrived */
{
	(void)ctx; /* see above */
	(void)study_uid;
}

static int
setup(void **state)
{
	struct fixture *f = mem_new(struct fixture);
	struct casefile c = {.id = "C1", .room = "TH6", .start_utc = 1000,
	    .end_utc = 2000, .patient = {.id = "P1"}};
	(void)str_copy(f->dir, sizeof(f->dir), "/tmp/outcome-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->p = mem_new(struct prefetch);
	f->p->stopping = true; /* an outcome begins nothing new here */
	f->p->board = board_new();
	f->p->ix = index_open(f->dir, NULL, &f->e);
	assert_non_null(f->p->ix);
	f->p->ports = (struct prefetch_ports){.changed = nothing,
	    .arrived = nobody};
	f->p->c.n_archives = 2;
	f->p->c.archives[0].name = "a";
	f->p->c.archives[1].name = "b";
	board_set_cases(f->p->board, "list", &c, 1, 500);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	char path[100];
	index_close(&f->p->ix);
	board_free(&f->p->board);
	mem_free(f->p);
	const char *names[] = {"index.db", "index.db-wal", "index.db-shm"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", f->dir,
		    names[i]);
		(void)remove(path); /* not all of them are there */
	}
	(void)remove(f->dir); /* the test is over */
	mem_free(f);
	return 0;
}

/* The end of a fetch of STUDY, as its job comes home. */
static void
end_fetch(struct fixture *f, enum fetch_end end)
{
	struct fetch *x = mem_new(struct fetch);
	x->p = f->p;
	x->end = end;
	(void)str_copy(x->study_uid, UID_SIZE, STUDY);
	assoc_stop_init(&x->stop);
	f->p->running = x;
	f->p->busy[0] = 1;
	outcome_fetch(&x->job);
}

static void
test_outcome_fetch_that_never_ran_is_not_ready(void **state)
{
	struct fixture *f = *state;
	struct board_study *s = board_add_study(f->p->board, STUDY);
	s->state = STUDY_FETCHING;

	end_fetch(f, FETCH_NOT_RUN);

	assert_int_equal(s->state, STUDY_QUEUED);
	assert_int_equal(s->tries, 0);
	assert_int_equal(f->p->busy[0], 0);
	assert_int_equal(FETCH_NOT_RUN, 0); /* what a zeroed job says */
}

static void
test_outcome_study_held_meanwhile_stays_held(void **state)
{
	struct fixture *f = *state;
	struct board_study *s = board_add_study(f->p->board, STUDY);
	s->state = STUDY_HELD;

	end_fetch(f, FETCH_READY);

	assert_int_equal(s->state, STUDY_HELD);
}

/* An answer with one study found, from the archives that did answer. */
static void
end_ask(struct fixture *f, const char *uid, bool a, bool b)
{
	struct ask *k = mem_new(struct ask);
	struct board_case *c = board_case(f->p->board, "C1");
	k->p = f->p;
	k->ran = true;
	k->epoch = c->epoch;
	k->file = c->file;
	k->answered[0] = a;
	k->answered[1] = b;
	k->found = mem_new_n(struct found, 1);
	k->n_found = 1;
	k->found[0].kind = WANT_YES;
	(void)str_copy(k->found[0].uid, UID_SIZE, uid);
	(void)err_set(&k->failed[0], ERR_NET, 0, "refused");
	assoc_stop_init(&k->stop);
	f->p->busy[0] = f->p->busy[1] = 1;
	outcome_ask(&k->job);
}

static void
test_outcome_silent_archive_takes_no_want_away(void **state)
{
	struct fixture *f = *state;
	const struct board_case *c = board_case(f->p->board, "C1");
	end_ask(f, STUDY, true, true);
	assert_int_equal(c->n_wants, 1);

	end_ask(f, OTHER, false, true);

	assert_int_equal(c->asked, ASKED_FAILED);
	assert_int_equal(c->n_wants, 2);
	assert_string_equal(c->wants[0].study_uid, OTHER);
	assert_string_equal(c->wants[1].study_uid, STUDY);
	end_ask(f, OTHER, true, true); /* both say so: now it goes */
	assert_int_equal(c->n_wants, 1);
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(test_outcome_fetch_that_never_ran_is_not_ready),
	    T(test_outcome_study_held_meanwhile_stays_held),
	    T(test_outcome_silent_archive_takes_no_want_away),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
