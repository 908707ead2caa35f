/* SPDX-License-Identifier: MIT */
/* What is proposed for a C-GET, round by round. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "prefetch/classes.tbl.h"
#include "prefetch/prefetch_priv.h"
#include "wire/scan.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define FIT (PDU_CONTEXTS_MAX - 1) /* one context is the C-GET's */
#define ALL_MAX (CLASSES_ROUNDS_MAX * FIT)

static const char *const classes[] = {
#define CLASS_ROW(likely, uid) uid,
	STORAGE_CLASSES(CLASS_ROW)
#undef CLASS_ROW
};

static const char *const syntaxes[] = {
#define SYNTAX_ROW(uid) uid,
	STORAGE_SYNTAXES(SYNTAX_ROW)
#undef SYNTAX_ROW
	    SYNTAX_IMPLICIT_LE,
};

static const char *const modalities[] = {"", "MR", "PR\\MR", "CT", "nonsense"};

/* every proposal of every round */
struct proposed {
	struct assoc_proposal p[ALL_MAX];
	unsigned n;
	unsigned round_of[ALL_MAX];
	unsigned rounds;
};

static struct proposed all; /* too large for a stack */

static void
collect(const char *const *known, unsigned n_known, const char *mods)
{
	all.n = 0;
	for (all.rounds = 0; all.rounds < 1000; all.rounds++) {
		struct assoc_proposal one[FIT];
		unsigned n = classes_round(known, n_known, mods, all.rounds,
		    one);
		if (n == 0)
			return;
		assert_true(n <= FIT);
		assert_true(all.n + n <= ALL_MAX);
		for (unsigned i = 0; i < n; i++) {
			all.round_of[all.n] = all.rounds;
			all.p[all.n++] = one[i];
		}
	}
	fail_msg("the rounds do not end");
}

static bool
is_proposed(const char *class_uid, const char *syntax)
{
	for (unsigned i = 0; i < all.n; i++)
		if (str_eq(all.p[i].abstract, class_uid) &&
		    str_eq(all.p[i].syntax, syntax))
			return true;
	return false;
}

static void
assert_no_context_twice_in_a_round(void)
{
	for (unsigned i = 0; i < all.n; i++)
		for (unsigned k = 0; k < i; k++)
			if (all.round_of[i] == all.round_of[k] &&
			    str_eq(all.p[i].abstract, all.p[k].abstract) &&
			    str_eq(all.p[i].syntax, all.p[k].syntax))
				fail_msg("round %u: %s twice", all.round_of[i],
				    all.p[i].abstract);
}

/* An archive that may choose would convert to Implicit LE. */
static void
assert_implicit_stands_alone(void)
{
	for (unsigned i = 0; i < all.n; i++)
		for (unsigned k = 0; k < all.n; k++)
			if (all.round_of[i] == all.round_of[k] &&
			    str_eq(all.p[i].syntax, SYNTAX_IMPLICIT_LE) !=
			    str_eq(all.p[k].syntax, SYNTAX_IMPLICIT_LE))
				fail_msg("round %u", all.round_of[i]);
}

static void
assert_every_pair(const char *const *list, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		for (size_t k = 0; k < COUNT(syntaxes); k++)
			if (!is_proposed(list[i], syntaxes[k]))
				fail_msg("%s in %s is never proposed",
				    list[i], syntaxes[k]);
}

static void
test_classes_of_an_unknown_study_are_all_reached(void **state)
{
	(void)state;
	for (size_t m = 0; m < COUNT(modalities); m++) {
		collect(NULL, 0, modalities[m]);

		assert_true(all.rounds < CLASSES_ROUNDS_MAX);
		assert_no_context_twice_in_a_round();
		assert_implicit_stands_alone();
		assert_every_pair(classes, COUNT(classes));
	}
}

static void
test_classes_are_taken_in_the_storing_role(void **state)
{
	(void)state;
	collect(NULL, 0, "MR");
	for (unsigned i = 0; i < all.n; i++)
		assert_true(all.p[i].scp);
}

static void
test_classes_likely_ones_come_in_the_first_round(void **state)
{
	static const struct {
		const char *modalities, *first;
	} rows[] = {
	    {"", "1.2.840.10008.5.1.4.1.1.4"},
	    {"MR", "1.2.840.10008.5.1.4.1.1.4"},
	    {"SR\\MR", "1.2.840.10008.5.1.4.1.1.4.1"},
	    {"CT", "1.2.840.10008.5.1.4.1.1.2"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct assoc_proposal one[FIT];
		bool found = false;
		unsigned n = classes_round(NULL, 0, rows[i].modalities, 0,
		    one);
		for (unsigned k = 0; k < n; k++)
			found = found || (str_eq(one[k].abstract,
			    rows[i].first) && str_eq(one[k].syntax,
			    SYNTAX_EXPLICIT_LE));
		if (!found)
			fail_msg("'%s'", rows[i].modalities);
	}
}

static void
test_classes_known_ones_come_first_and_nothing_else(void **state)
{
	static const char *const known[] = {"1.3.12.2.1107.5.9.1", "1.2.9999",
	    "1.3.12.2.1107.5.9.1"};
	(void)state;

	collect(known, 3, "MR");

	assert_string_equal(all.p[0].abstract, known[0]);
	assert_string_equal(all.p[0].syntax, SYNTAX_EXPLICIT_LE);
	assert_no_context_twice_in_a_round();
	assert_implicit_stands_alone();
	assert_every_pair(known, 3);
	for (unsigned i = 0; i < all.n; i++)
		assert_true(str_eq(all.p[i].abstract, known[0]) ||
		    str_eq(all.p[i].abstract, known[1]));
	assert_int_equal(all.n, 2 * COUNT(syntaxes)); /* none in vain */
}

/* 1000 rounds of 1 to 64 known classes, as a transfer may have them */
static void
test_classes_random_known_ones_are_all_reached(void **state)
{
	static char uids[64][UID_SIZE];
	(void)state;
	srandom(61);
	for (int round = 0; round < 1000; round++) {
		const char *known[64];
		unsigned n = 1 + (unsigned)random() % 64;
		for (unsigned i = 0; i < n; i++) {
			(void)snprintf(uids[i], UID_SIZE, "1.2.%u",
			    (unsigned)random() % 100);
			known[i] = uids[i];
		}
		collect(known, n, modalities[round % COUNT(modalities)]);
		assert_true(all.rounds < CLASSES_ROUNDS_MAX);
		if (round % 400 != 0)
			continue; /* these walks take long */
		assert_no_context_twice_in_a_round();
		assert_implicit_stands_alone();
		assert_every_pair(known, n);
	}
}

static void
test_classes_rounds_stay_ended(void **state)
{
	struct assoc_proposal one[FIT];
	static const unsigned rounds[] = {CLASSES_ROUNDS_MAX,
	    CLASSES_ROUNDS_MAX + 1, 1000000, (unsigned)-1};
	(void)state;
	for (size_t i = 0; i < COUNT(rounds); i++)
		assert_int_equal(classes_round(NULL, 0, "MR", rounds[i], one),
		    0);
}

static void
test_classes_table_holds_each_uid_once_and_valid(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(classes); i++) {
		assert_true(uid_is_valid(classes[i]));
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(classes[i], classes[k]);
	}
	for (size_t i = 0; i < COUNT(syntaxes); i++) {
		assert_true(uid_is_valid(syntaxes[i]));
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(syntaxes[i], syntaxes[k]);
	}
}

#define T(fn) cmocka_unit_test(fn)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_classes_of_an_unknown_study_are_all_reached),
	    T(test_classes_are_taken_in_the_storing_role),
	    T(test_classes_likely_ones_come_in_the_first_round),
	    T(test_classes_known_ones_come_first_and_nothing_else),
	    T(test_classes_random_known_ones_are_all_reached),
	    T(test_classes_rounds_stay_ended),
	    T(test_classes_table_holds_each_uid_once_and_valid),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
