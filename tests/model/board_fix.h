/* SPDX-License-Identifier: MIT
 *
 * board_fix: what the tests of the board share: a board with case 7 of ours,
 * in two hours, and dice that fall the same way each time.
 */
#ifndef BOARD_FIX_H
#define BOARD_FIX_H

#include "base/mem.h"
#include "base/str.h"
#include "model/board.h"

#define NOW INT64_C(1800000000) /* 2027-01-15T08:00:00Z */
#define HOUR 3600
#define HORIZON (48 * HOUR)
#define SEED 20270115u

static uint32_t random_state;

static unsigned
dice(unsigned n)
{
	random_state = random_state * 1664525u + 1013904223u;
	return (random_state >> 8) % n;
}

/* A case of patient P1 that starts ${in_s} from now. */
static struct casefile
a_case(const char *id, int64_t in_s)
{
	struct casefile f = {
	    .room = "Theatre 6",
	    .start_utc = NOW + in_s,
	    .end_utc = NOW + in_s + 6 * HOUR,
	    .patient = {.id = "P1", .issuer = "NHS", .name = "PHANTOM^ONE",
		.birth_date = "19700101", .sex = "F"},
	    .procedure = "Mitral valve repair",
	};
	(void)str_copy(f.id, sizeof(f.id), id); /* short */
	return f;
}

struct want_row {
	const char *uid;
	enum want_kind kind;
	const char *reason;
};

static void
give_wants(struct board *b, struct board_case *c, const struct want_row *rows,
    unsigned n)
{
	struct board_want *w = mem_new_n(struct board_want, n + 1);
	for (unsigned i = 0; i < n; i++) {
		(void)str_copy(w[i].study_uid, UID_SIZE, rows[i].uid);
		w[i].kind = rows[i].kind;
		if (rows[i].reason != NULL)
			(void)str_copy(w[i].reason, sizeof(w[i].reason),
			    rows[i].reason);
	}
	board_set_wants(b, c, w, n);
	c->asked = ASKED_ANSWERED;
	c->answered_utc = NOW - 60;
}

/* A board with one case of ours that starts in two hours. */
static int
setup(void **state)
{
	struct board *b = board_new();
	struct casefile f = a_case("7", 2 * HOUR);
	board_set_cases(b, "list", &f, 1, NOW);
	board_case(b, "7")->ours = true;
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct board *b = *state;
	board_free(&b);
	assert_null(b);
	return 0;
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
