/* SPDX-License-Identifier: MIT */
/* What is made from the table of keys, or must name each of them. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "main/conf_priv.h"

#define TEXT_SIZE 65536

/* Everything in a stream from its beginning. */
static void
slurp(FILE *in, char *dst)
{
	rewind(in);
	size_t n = fread(dst, 1, TEXT_SIZE - 1, in);
	dst[n] = '\0';
}

/* ${path} of the tree holds what ${dump} writes, from where it begins. */
static void
assert_file_ends_in(const char *path, void (*dump)(FILE *), bool whole)
{
	char want[TEXT_SIZE], have[TEXT_SIZE];
	FILE *out = tmpfile(), *in = fopen(path, "re");
	assert_non_null(out);
	assert_non_null(in);
	dump(out);
	slurp(out, want);
	slurp(in, have);
	assert_int_equal(fclose(out) | fclose(in), 0);
	size_t w = strlen(want), h = strlen(have);
	assert_true(whole ? h == w : h > w);
	assert_string_equal(have + (h - w), want);
}

static void
test_conf_dump_is_the_shipped_file_and_the_readme(void **state)
{
	(void)state;
	assert_file_ends_in("conf/understudy.conf", conf_dump, true);
	assert_file_ends_in("conf/README.md", conf_dump_markdown, false);
}

static void
test_conf_dump_every_key_is_in_the_manual(void **state)
{
	(void)state;
	char manual[TEXT_SIZE];
	FILE *in = fopen("conf/understudy.conf.5", "re");
	assert_non_null(in);
	slurp(in, manual);
	assert_int_equal(fclose(in), 0);

	for (size_t i = 0; i < CONF_KEY_COUNT; i++) {
		char item[64];
		(void)snprintf(item, sizeof(item), ".It Ic %s\n",
		    conf_keys[i].key);
		if (conf_keys[i].parse != conf_parse_absent &&
		    strstr(manual, item) == NULL)
			fail_msg("understudy.conf(5) lacks %s",
			    conf_keys[i].key);
	}
}

static void
test_conf_default_has_the_rules_of_a_file_without_any(void **state)
{
	(void)state; /* nothing is shared */

	struct conf *c = conf_default(stderr);

	assert_non_null(c);
	assert_int_equal(c->n_relevance, 2);
	assert_string_equal(c->relevance[1].rule.name, "congenital");
	conf_free(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_conf_dump_is_the_shipped_file_and_the_readme),
		cmocka_unit_test(test_conf_dump_every_key_is_in_the_manual),
		cmocka_unit_test(
		    test_conf_default_has_the_rules_of_a_file_without_any),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
