/* SPDX-License-Identifier: MIT */
/* Tickets: what was asked for may come in, from whom it was asked. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "prefetch/ticket.h"

#define LINES 5

struct fixture {
	struct tickets t;
	struct ticket k;
	struct ticket_line lines[LINES];
	/* of the closing thread */
	atomic_bool closed;
};

/* How many are in the table. */
static unsigned
tickets_open(struct tickets *t)
{
	unsigned n = 0;
	lock_acquire(&t->lock);
	for (const struct ticket *k = t->open; k != NULL; k = k->next)
		n++;
	lock_release(&t->lock);
	return n;
}

static void
set_line(struct ticket_line *l, const char *uid)
{
	memset(l, 0, sizeof(*l));
	(void)str_copy(l->uid, UID_SIZE, uid); /* short */
	(void)str_copy(l->series_uid, UID_SIZE, "1.2.3");
}

/* An open ticket of archive PACS that lists 1.2.3.1 to 1.2.3.5. */
static int
setup(void **state)
{
	struct fixture *f = mem_new(struct fixture);
	tickets_init(&f->t);
	(void)str_copy(f->k.study_uid, UID_SIZE, "1.2"); /* short */
	(void)str_copy(f->k.ae_title, sizeof(f->k.ae_title), "PACS");
	f->k.by_move = true;
	for (unsigned i = 0; i < LINES; i++) {
		char uid[UID_SIZE];
		(void)snprintf(uid, sizeof(uid), "1.2.3.%u", LINES - i);
		set_line(&f->lines[i], uid);
	}
	f->k.lines = f->lines;
	f->k.n_lines = LINES;
	ticket_sort(&f->k);
	ticket_open(&f->t, &f->k);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	ticket_close(&f->t, &f->k);
	assert_int_equal(tickets_open(&f->t), 0);
	tickets_done(&f->t);
	mem_free(f);
	return 0;
}

static void
test_ticket_find_table(void **state)
{
	static const struct {
		const char *name, *ae_title, *uid;
		bool found;
	} rows[] = {
	    {"listed, from its archive", "PACS", "1.2.3.1", true},
	    {"the last one", "PACS", "1.2.3.5", true},
	    {"another listed one", "PACS", "1.2.3.3", true},
	    {"from another archive", "OTHER", "1.2.3.3", false},
	    {"from nobody", "", "1.2.3.3", false},
	    {"another case of letters", "pacs", "1.2.3.3", false},
	    {"beginning of its title", "PAC", "1.2.3.3", false},
	    {"not listed", "PACS", "1.2.3.6", false},
	    {"longer", "PACS", "1.2.3.11", false},
	    {"shorter", "PACS", "1.2.3", false},
	    {"none", "PACS", "", false},
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ticket *k = ticket_find(&f->t, rows[i].ae_title,
		    rows[i].uid);
		if ((k != NULL) != rows[i].found)
			fail_msg("row '%s'", rows[i].name);
		if (k != NULL)
			ticket_leave(&f->t, k);
	}
	assert_int_equal(f->k.users, 0);
}

static void
test_ticket_of_two_archives_is_found_by_title(void **state)
{
	struct fixture *f = *state;
	struct ticket_line line;
	set_line(&line, "1.2.3.3");
	struct ticket other = {.lines = &line, .n_lines = 1,
	    .ae_title = "OTHER", .by_move = true};
	ticket_open(&f->t, &other);
	assert_int_equal(tickets_open(&f->t), 2);

	struct ticket *a = ticket_find(&f->t, "PACS", "1.2.3.3");
	struct ticket *b = ticket_find(&f->t, "OTHER", "1.2.3.3");

	assert_ptr_equal(a, &f->k);
	assert_ptr_equal(b, &other);
	ticket_leave(&f->t, a);
	ticket_leave(&f->t, b);
	ticket_close(&f->t, &other);
	assert_null(ticket_find(&f->t, "OTHER", "1.2.3.3"));
	assert_int_equal(tickets_open(&f->t), 1);
}

static void
test_ticket_closed_is_found_no_more(void **state)
{
	struct fixture *f = *state;

	ticket_close(&f->t, &f->k);

	assert_null(ticket_find(&f->t, "PACS", "1.2.3.1"));
	assert_int_equal(tickets_open(&f->t), 0);
	ticket_close(&f->t, &f->k); /* again is fine */
}

static void
test_ticket_never_opened_may_be_closed(void **state)
{
	struct fixture *f = *state;
	struct ticket k = {.n_lines = 0};

	ticket_close(&f->t, &k);

	assert_int_equal(tickets_open(&f->t), 1);
}

static void
test_ticket_mark_counts_an_instance_once(void **state)
{
	struct fixture *f = *state;

	assert_true(ticket_mark(&f->t, &f->k, "1.2.3.2"));
	assert_false(ticket_mark(&f->t, &f->k, "1.2.3.2"));
	assert_false(ticket_mark(&f->t, &f->k, "1.2.3.9"));

	for (unsigned i = 0; i < LINES; i++)
		assert_int_equal(f->lines[i].here,
		    str_eq(f->lines[i].uid, "1.2.3.2"));
}

static void
test_ticket_without_lines_lists_nothing(void **state)
{
	struct ticket k = {.n_lines = 0};
	(void)state;
	ticket_sort(&k);
	assert_int_equal(k.n_lines, 0);
	assert_null(ticket_line(&k, "1.2"));
	assert_null(ticket_line(&k, ""));
}

/* 1000 rounds against a plain walk; the same instance listed twice is one */
static void
test_ticket_random_lines_are_found_like_a_plain_walk(void **state)
{
	(void)state;
	srandom(51);
	for (int round = 0; round < 1000; round++) {
		struct ticket_line lines[60];
		bool listed[120] = {false};
		struct ticket k = {.lines = lines,
		    .n_lines = (unsigned)random() % 60};
		unsigned different = 0;
		char uid[UID_SIZE];
		for (unsigned i = 0; i < k.n_lines; i++) {
			unsigned v = (unsigned)random() % 120;
			(void)snprintf(uid, sizeof(uid), "1.%u", v);
			set_line(&lines[i], uid);
			different += !listed[v];
			listed[v] = true;
		}

		ticket_sort(&k);

		assert_int_equal(k.n_lines, different);
		for (unsigned v = 0; v < 120; v++) {
			(void)snprintf(uid, sizeof(uid), "1.%u", v);
			struct ticket_line *l = ticket_line(&k, uid);
			assert_int_equal(l != NULL, listed[v]);
			assert_true(l == NULL || str_eq(l->uid, uid));
		}
	}
}

static void *
close_it(void *ctx)
{
	struct fixture *f = ctx;
	ticket_close(&f->t, &f->k);
	atomic_store(&f->closed, true);
	return NULL;
}

static void
test_ticket_close_waits_for_every_user(void **state)
{
	struct fixture *f = *state;
	pthread_t t;
	struct ticket *a = ticket_find(&f->t, "PACS", "1.2.3.1");
	struct ticket *b = ticket_find(&f->t, "PACS", "1.2.3.1");
	assert_int_equal(pthread_create(&t, NULL, close_it, f), 0);
	while (tickets_open(&f->t) > 0) /* until it waits */
		sched_yield();

	assert_null(ticket_find(&f->t, "PACS", "1.2.3.1"));
	assert_true(ticket_mark(&f->t, a, "1.2.3.1")); /* still usable */
	ticket_leave(&f->t, a);
	for (int i = 0; i < 1000; i++) {
		assert_false(atomic_load(&f->closed));
		sched_yield();
	}
	ticket_leave(&f->t, b);

	assert_int_equal(pthread_join(t, NULL), 0);
	assert_true(atomic_load(&f->closed));
}

struct marker {
	struct fixture *f;
	unsigned fresh;
};

static void *
mark_all(void *ctx)
{
	struct marker *m = ctx;
	for (unsigned i = 0; i < LINES; i++) {
		char uid[UID_SIZE];
		(void)snprintf(uid, sizeof(uid), "1.2.3.%u", i + 1);
		struct ticket *k = ticket_find(&m->f->t, "PACS", uid);
		if (k == NULL)
			continue;
		m->fresh += ticket_mark(&m->f->t, k, uid);
		ticket_leave(&m->f->t, k);
	}
	return NULL;
}

static void
test_ticket_of_many_threads_is_marked_once_each_line(void **state)
{
	struct fixture *f = *state;
	pthread_t t[4];
	struct marker m[4] = {{f, 0}, {f, 0}, {f, 0}, {f, 0}};

	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&t[i], NULL, mark_all, &m[i]),
		    0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_join(t[i], NULL), 0);

	assert_int_equal(m[0].fresh + m[1].fresh + m[2].fresh + m[3].fresh,
	    LINES);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_ticket_find_table),
	    T(test_ticket_of_two_archives_is_found_by_title),
	    T(test_ticket_closed_is_found_no_more),
	    T(test_ticket_never_opened_may_be_closed),
	    T(test_ticket_mark_counts_an_instance_once),
	    T(test_ticket_without_lines_lists_nothing),
	    T(test_ticket_random_lines_are_found_like_a_plain_walk),
	    T(test_ticket_close_waits_for_every_user),
	    T(test_ticket_of_many_threads_is_marked_once_each_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
