/* SPDX-License-Identifier: MIT */
/* What workers know of the board and of who has what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "prefetch/overview.h"

struct fixture {
	struct overview o;
	struct board *b;
	struct prefetch_config c;
	struct archive_health health[2];
};

static int
setup(void **state)
{
	struct fixture *f = mem_new(struct fixture);
	overview_init(&f->o);
	f->b = board_new();
	f->c.n_archives = 2;
	f->c.archives[0].name = "a";
	f->c.archives[1].name = "b";
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	board_free(&f->b);
	overview_done(&f->o);
	mem_free(f);
	return 0;
}

static void
put(struct fixture *f, const char *uid, enum study_state state,
    const char *archive)
{
	struct board_study *s = board_add_study(f->b, uid);
	s->state = state;
	(void)str_copy(s->archive, sizeof(s->archive), archive); /* short */
}

static void
tell(struct fixture *f, const char *uid, unsigned archive)
{
	struct told t = {.archive = archive};
	(void)str_copy(t.uid, UID_SIZE, uid); /* short */
	overview_tell(&f->o, &t);
}

static void
test_overview_completes_what_an_archive_that_is_up_has(void **state)
{
	static const struct {
		const char *uid;
		enum study_state state;
		const char *archive;
		bool completes;
	} rows[] = {
	    {"1.1", STUDY_QUEUED, "a", true},
	    {"1.2", STUDY_INCOMPLETE, "a", true},
	    {"1.3", STUDY_INCOMPLETE, "b", false}, /* it is down */
	    {"1.4", STUDY_HELD, "a", false},
	    {"1.5", STUDY_INCOMPLETE, "", false}, /* nobody knows */
	    {"1.6", STUDY_INCOMPLETE, "gone", false},
	    {"1.7", STUDY_FETCHING, "a", true},
	    {"1.8", STUDY_FAILED, "a", true},
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		put(f, rows[i].uid, rows[i].state, rows[i].archive);
	f->health[0].state = ARCHIVE_UP;
	f->health[1].state = ARCHIVE_DOWN;

	overview_refresh(&f->o, f->b, &f->c, f->health);

	assert_int_equal(overview_up(&f->o), 1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (overview_completes(&f->o, rows[i].uid) !=
		    rows[i].completes)
			fail_msg("%s", rows[i].uid);
	assert_false(overview_completes(&f->o, "1.9"));
}

static void
test_overview_told_by_a_viewers_question_counts_too(void **state)
{
	struct fixture *f = *state;
	struct told t;
	put(f, "1.1", STUDY_INCOMPLETE, "");
	put(f, "1.2", STUDY_HELD, "a");
	f->health[0].state = ARCHIVE_UP;
	overview_refresh(&f->o, f->b, &f->c, f->health);

	tell(f, "1.1", 0);
	tell(f, "1.2", 0);
	tell(f, "1.3", 0);
	tell(f, "1.3", 1); /* the second by rank does not count */

	assert_true(overview_completes(&f->o, "1.1"));
	assert_false(overview_completes(&f->o, "1.2"));
	assert_true(overview_completes(&f->o, "1.3"));
	assert_true(overview_told(&f->o, "1.3", &t));
	assert_int_equal(t.archive, 0);
	assert_false(overview_told(&f->o, "1.4", &t));
	f->health[0].state = ARCHIVE_DOWN;
	overview_refresh(&f->o, f->b, &f->c, f->health);
	assert_false(overview_completes(&f->o, "1.3"));
	tell(f, "1.3", 1); /* until the first is down */
	assert_true(overview_told(&f->o, "1.3", &t));
	assert_int_equal(t.archive, 1);
}

static void
test_overview_remembers_the_newest_so_many(void **state)
{
	struct fixture *f = *state;
	struct told t;
	char uid[UID_SIZE];

	for (unsigned i = 0; i < OVERVIEW_TOLD_MAX + 10; i++) {
		(void)snprintf(uid, sizeof(uid), "1.2.%u", i);
		tell(f, uid, 0);
	}

	assert_int_equal(f->o.n_told, OVERVIEW_TOLD_MAX);
	assert_true(overview_told(&f->o, uid, &t));
	assert_false(overview_told(&f->o, "1.2.9", &t));
	assert_true(overview_told(&f->o, "1.2.10", &t));
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(test_overview_completes_what_an_archive_that_is_up_has),
	    T(test_overview_told_by_a_viewers_question_counts_too),
	    T(test_overview_remembers_the_newest_so_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
