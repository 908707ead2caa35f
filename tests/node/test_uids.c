/* SPDX-License-Identifier: MIT */
/* Tests of node/uids: a set of UIDs. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "node/uids.h"

static void
test_uids_empty_set_has_nothing(void **state)
{
	struct uids s = {0};
	(void)state;

	assert_int_equal(uids_find(&s, "1.2"), -1);

	uids_done(&s);
}

static void
test_uids_each_is_there_once_in_order(void **state)
{
	struct uids s = {0};
	(void)state;

	assert_true(uids_add(&s, "1.2"));
	assert_true(uids_add(&s, ""));
	assert_true(uids_add(&s, "1.20"));
	assert_false(uids_add(&s, "1.2"));
	assert_false(uids_add(&s, ""));

	assert_int_equal(s.n, 3);
	assert_int_equal(uids_find(&s, "1.20"), 2);
	assert_int_equal(uids_find(&s, "1.2"), 0);
	assert_int_equal(uids_find(&s, "1."), -1);
	uids_done(&s);
}

static void
test_uids_too_long_for_one_is_never_kept(void **state)
{
	struct uids s = {0};
	char longer[UID_SIZE + 1];
	(void)state;
	memset(longer, '1', UID_SIZE);
	longer[UID_SIZE] = '\0';

	assert_true(uids_add(&s, longer));
	assert_true(uids_add(&s, longer));
	assert_int_equal(uids_find(&s, longer), -1);
	longer[UID_LENGTH] = '\0';
	assert_true(uids_add(&s, longer));
	assert_false(uids_add(&s, longer));

	assert_int_equal(s.n, 1);
	uids_done(&s);
}

static void
test_uids_as_a_naive_list_would(void **state)
{
	static char model[400][UID_SIZE];
	struct uids s = {0};
	unsigned n = 0;
	(void)state;
	srandom(20260701);
	for (int i = 0; i < 1000; i++) {
		char uid[UID_SIZE];
		unsigned k = 0;
		(void)snprintf(uid, sizeof(uid), "1.%ld", random() % 400);
		while (k < n && !str_eq(model[k], uid))
			k++;
		assert_int_equal(uids_find(&s, uid), k < n ? (int)k : -1);
		assert_int_equal(uids_add(&s, uid), k == n);
		if (k == n)
			(void)str_copy(model[n++], UID_SIZE, uid);
	}
	assert_int_equal(s.n, n);
	uids_done(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_uids_empty_set_has_nothing),
	    cmocka_unit_test(test_uids_each_is_there_once_in_order),
	    cmocka_unit_test(test_uids_too_long_for_one_is_never_kept),
	    cmocka_unit_test(test_uids_as_a_naive_list_would),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
