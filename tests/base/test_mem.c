/* SPDX-License-Identifier: MIT */
/* Memory: zeroed, counted, failed on purpose, and aborting where it says. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"

static bool
is_zero(const void *p, size_t n)
{
	const unsigned char *q = p;
	for (size_t i = 0; i < n; i++)
		if (q[i] != 0)
			return false;
	return true;
}

static void
test_mem_new_objects_are_zeroed(void **state)
{
	(void)state;
	for (size_t n = 0; n < 300; n++) {
		uint64_t *p = mem_new_n(uint64_t, n);
		assert_true(is_zero(p, n * sizeof(*p)));
		memset(p, 0xA5, n * sizeof(*p)); /* the next one sees it */
		mem_free(p);
	}
}

static void
test_mem_nothing_is_freed_without_harm(void **state)
{
	(void)state;
	mem_free(NULL);
}

static void
test_mem_grow_keeps_what_was_there(void **state)
{
	uint32_t *p = NULL;
	(void)state;
	for (uint32_t n = 1; n < 2000; n++) {
		p = mem_grow(p, n, sizeof(*p));
		p[n - 1] = n;
	}
	for (uint32_t i = 0; i < 1999; i++)
		assert_int_equal(p[i], i + 1);
	mem_free(p);
}

static void
test_mem_grow_to_nothing_is_still_a_place(void **state)
{
	(void)state;
	void *p = mem_grow(NULL, 0, 8);
	assert_non_null(p);
	mem_free(p);
}

static void
test_mem_try_gives_zeroed_bytes(void **state)
{
	struct err e;
	(void)state;
	for (size_t n = 0; n < 300; n++) {
		void *p = mem_try(n, &e);
		assert_non_null(p);
		assert_true(is_zero(p, n));
		mem_free(p);
	}
}

/* how many calls succeed before one fails */
static unsigned
tries_until_failure(struct err *e)
{
	for (unsigned n = 0; n < 100; n++) {
		void *p = mem_try(8, e);
		mem_free(p);
		if (p == NULL)
			return n;
	}
	return 100;
}

static void
test_mem_fail_at_fails_that_try_and_no_other(void **state)
{
	struct err e = {.code = ERR_NONE};
	(void)state;
	for (unsigned k = 1; k < 50; k++) {
		mem_fail_at(k);

		assert_int_equal(tries_until_failure(&e), k - 1);

		assert_int_equal(e.code, ERR_NOMEM);
		assert_int_equal(tries_until_failure(&e), 100);
	}
	mem_fail_at(3);
	mem_fail_at(0);
	assert_int_equal(tries_until_failure(&e), 100);
}

static void
grow_beyond(void)
{
	(void)mem_grow(NULL, SIZE_MAX / 4 + 2, 4); /* never comes back */
}

static void
test_mem_grow_whose_product_overflows_aborts(void **state)
{
	int status = 0;
	(void)state;
	pid_t pid = fork();
	if (pid == 0) {
		(void)signal(SIGABRT, SIG_DFL); /* not cmocka's */
		(void)close(STDERR_FILENO); /* its last words are not ours */
		grow_beyond();
		_exit(0);
	}

	assert_int_equal(waitpid(pid, &status, 0), pid);

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_mem_new_objects_are_zeroed),
	    cmocka_unit_test(test_mem_nothing_is_freed_without_harm),
	    cmocka_unit_test(test_mem_grow_keeps_what_was_there),
	    cmocka_unit_test(test_mem_grow_to_nothing_is_still_a_place),
	    cmocka_unit_test(test_mem_try_gives_zeroed_bytes),
	    cmocka_unit_test(test_mem_fail_at_fails_that_try_and_no_other),
	    cmocka_unit_test(test_mem_grow_whose_product_overflows_aborts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
