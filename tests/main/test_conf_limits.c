/* SPDX-License-Identifier: MIT */
/* What the node may be told: its limits, in [limits] and [node], and its
 * switches. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "main/conf_priv.h"

#define LEAST \
	"[agent]\ntheatre = TH6\n[archive \"pacs\"]\nae_title = PACS\n" \
	"host = 127.0.0.1\n[schedule \"list\"]\npath = /tmp/list.csv\n"

struct fixture {
	char path[64];
	char told[2000]; /* what the last reading said */
	struct conf *c;
};

static int
setup(void **state)
{
	struct fixture *f = mem_new(struct fixture);
	(void)str_copy(f->path, sizeof(f->path), "/tmp/test_limits.XXXXXX");
	int fd = mkstemp(f->path);
	*state = f;
	return fd < 0 ? -1 : close(fd);
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	conf_free(&f->c);
	int rc = unlink(f->path);
	mem_free(f);
	return rc;
}

static void
read_with(struct fixture *f, const char *lines)
{
	FILE *in = fopen(f->path, "we"), *out = tmpfile();
	assert_non_null(in);
	assert_non_null(out);
	assert_true(fprintf(in, "%s%s\n", LEAST, lines) > 0);
	assert_int_equal(fclose(in), 0);
	conf_free(&f->c);
	f->c = conf_read(f->path, out);
	rewind(out);
	f->told[fread(f->told, 1, sizeof(f->told) - 1, out)] = '\0';
	assert_int_equal(fclose(out), 0);
}

/* The default as a text in the file is the default as a number. */
static void
test_conf_limits_left_out_are_the_defaults(void **state)
{
	struct fixture *f = *state;

	read_with(f, "");

	assert_string_equal(f->told, "");
#define SAME(a, section, key, ...) \
	if (f->c->limits.key != limits()->key) \
		fail_msg("%s has two defaults", #key);
	LIMIT_ROWS(SAME, )
#undef SAME
}

static void
test_conf_limits_given_are_read(void **state)
{
	struct fixture *f = *state;

	read_with(f, "[node]\nlocal_places = 4\nmax_per_peer = 5\n"
	    "max_per_archive = 6\n[limits]\nassociate_size = 64 KiB\n"
	    "object_size = 4 GiB\nidle_local = 1 h\nnesting = 16\n");

	assert_string_equal(f->told, "");
	const struct limit_values *l = &f->c->limits;
	assert_int_equal(l->local_places, 4);
	assert_int_equal(l->max_per_peer, 5);
	assert_int_equal(l->max_per_archive, 6);
	assert_int_equal(l->associate_size, 65536);
	assert_true(l->object_size == UINT64_C(4) << 30);
	assert_int_equal(l->idle_local, 3600);
	assert_int_equal(l->nesting, 16);
	assert_int_equal(l->first_byte, 5);
}

static void
test_conf_limits_table_of_faults(void **state)
{
	static const struct {
		const char *lines, *fault;
	} rows[] = {
	    {"[limits]\nassociate_size = 16 KiB", "associate_size: want a "
	        "size from 32 KiB to 1 MiB, have '16 KiB'"},
	    {"[limits]\npdu_size = 256 KiB", "pdu_size: want a size from "
	        "4 KiB to 128 KiB, have '256 KiB'"},
	    {"[limits]\nnesting = 65", "nesting: want a number from 8 to 64"},
	    {"[limits]\nfirst_byte = 0 s", "first_byte: want a time from "
	        "1 s to 60 s, have '0 s'"},
	    {"[limits]\nfirst_byte = 5", "first_byte: want a time"},
	    {"[limits]\nlocal_places = 5", "local_places: want a key of "
	        "[limits], have 'local_places'"},
	    {"[node]\nlocal_places = 32", "local_places: want less than "
	        "max_associations, 32, have '32'"},
	    {"[node]\nmax_associations = 4\nlocal_places = 4",
	        "local_places: want less than max_associations, 4, have '4'"},
	    {"[limits]\n[limits]\n", "limits: want this section once"},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		read_with(f, rows[i].lines);
		if (f->c != NULL || strstr(f->told, rows[i].fault) == NULL)
			fail_msg("row %zu: told '%s'", i, f->told);
	}
}

/* Who lowers max_associations alone need not think of local_places. */
static void
test_conf_limits_local_places_follow_when_left_out(void **state)
{
	struct fixture *f = *state;

	read_with(f, "[node]\nmax_associations = 4");
	assert_non_null(f->c);
	assert_int_equal(f->c->limits.local_places, 3);

	read_with(f, "[node]\nmax_associations = 1");
	assert_non_null(f->c);
	assert_int_equal(f->c->limits.local_places, 0);
}

static void
test_conf_switches_of_node_and_viewer_are_read(void **state)
{
	struct fixture *f = *state;

	read_with(f, "[viewer \"v\"]\nae_title = V\n");
	assert_true(f->c->read_through);
	assert_false(f->c->viewers[0].push);

	read_with(f, "[node]\nread_through = no\n"
	    "[viewer \"v\"]\nae_title = V\npush = yes\n");
	assert_string_equal(f->told, "");
	assert_false(f->c->read_through);
	assert_true(f->c->viewers[0].push);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_conf_limits_left_out_are_the_defaults),
	    TEST(test_conf_limits_given_are_read),
	    TEST(test_conf_limits_table_of_faults),
	    TEST(test_conf_limits_local_places_follow_when_left_out),
	    TEST(test_conf_switches_of_node_and_viewer_are_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
