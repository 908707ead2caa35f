/* SPDX-License-Identifier: MIT */
/* Tests of web/guard: names under which a browser may know us. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include "base/str.h"
#include "web/web_priv.h"

static void
test_guard_only_names_of_this_machine_are_ours(void **state)
{
	(void)state; /* none */
	static const struct {
		const char *listen, *host;
		bool want;
	} rows[] = {
		{"127.0.0.1", "localhost", true},
		{"127.0.0.1", "LocalHost:8113", true},
		{"127.0.0.1", "127.0.0.1:8113", true},
		{"127.0.0.1", "[::1]:8113", true},
		{"127.0.0.1", "[::1]", true},
		{"10.1.2.3", "10.1.2.3:8113", true},
		{"fe80::7", "[fe80::7]:8113", true},
		{"0.0.0.0", "10.9.9.9:8113", true},
		{"0.0.0.0", "[fd00::1]:8113", true},
		{"127.0.0.1", "evil.example", false},
		{"127.0.0.1", "evil.example:8113", false},
		{"127.0.0.1", "localhost.evil.example", false},
		{"127.0.0.1", "localhost:8113@evil.example", false},
		{"127.0.0.1", "localhost:", true},
		{"127.0.0.1", "localhost:123456", false},
		{"127.0.0.1", "10.9.9.9", false},
		{"127.0.0.1", "[::1", false},
		{"127.0.0.1", "[::1]x", false},
		{"127.0.0.1", "", false},
		{"127.0.0.1", ":8113", false},
		{"127.0.0.1", NULL, false},
		{"0.0.0.0", "evil.example", false},
		{"0.0.0.0", "[]", false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct guard g;
		guard_init(&g, rows[i].listen);
		if (guard_host_is_ours(&g, rows[i].host) != rows[i].want)
			fail_msg("row %zu: '%s'", i, rows[i].host == NULL ?
			    "NULL" : rows[i].host);
	}
}

static void
test_guard_own_name_counts_when_listening_everywhere(void **state)
{
	(void)state; /* none */
	struct guard g = {.listen = "0.0.0.0", .any = true, .name = "th6"};

	bool plain = guard_host_is_ours(&g, "TH6:8113");
	bool bonjour = guard_host_is_ours(&g, "th6.local:8113");
	bool longer = guard_host_is_ours(&g, "th6.evil.example");
	bool shorter = guard_host_is_ours(&g, "th");

	assert_true(plain);
	assert_true(bonjour);
	assert_false(longer);
	assert_false(shorter);
}

static void
test_guard_origin_must_be_the_page_itself(void **state)
{
	(void)state; /* none */
	static const struct {
		const char *origin, *host;
		bool want;
	} rows[] = {
		{NULL, "localhost:8113", true},
		{"http://localhost:8113", "localhost:8113", true},
		{"https://localhost:8113", "localhost:8113", true},
		{"http://localhost:3000", "localhost:8113", false},
		{"http://evil.example", "localhost:8113", false},
		{"null", "localhost:8113", false},
		{"", "localhost:8113", false},
		{"file://localhost:8113", "localhost:8113", false},
		{"http://x", NULL, false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (guard_origin_is_ours(rows[i].origin, rows[i].host) !=
		    rows[i].want)
			fail_msg("row %zu", i);
}

static void
test_guard_random_hosts_are_never_ours(void **state)
{
	(void)state; /* none */
	static const char letters[] = "[]:.@1a%-";
	struct guard g;
	guard_init(&g, "127.0.0.1");
	uint32_t seed = 20261125;

	for (unsigned round = 0; round < 1000; round++) {
		char host[24];
		size_t n = 0;
		for (; n < seed % 20; n++) {
			seed = seed * 1664525u + 1013904223u;
			host[n] = letters[(seed >> 16) % 9];
		}
		host[n] = '\0';
		seed = seed * 1664525u + 1013904223u;
		assert_false(guard_host_is_ours(&g, host));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_guard_only_names_of_this_machine_are_ours),
	    cmocka_unit_test(
		test_guard_own_name_counts_when_listening_everywhere),
	    cmocka_unit_test(test_guard_origin_must_be_the_page_itself),
	    cmocka_unit_test(test_guard_random_hosts_are_never_ours),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
