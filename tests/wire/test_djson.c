/* SPDX-License-Identifier: MIT */
/* Tests of wire/djson. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "wire/djson.h"

/* what came: values of (0010,0010), (0008,0061) and (0020,1208) */
struct seen {
	unsigned n;
	char text[512];
};

static int
on_set(void *ctx, const struct attrs *as, struct err *e) /* djson_fn */
{
	struct seen *s = ctx;
	size_t at = strlen(s->text);
	s->n++;
	(void)snprintf(s->text + at, sizeof(s->text) - at, "[%s|%s|%s]",
	    attrs_value(as, TAG_PATIENT_NAME),
	    attrs_value(as, TAG_MODALITIES),
	    attrs_value(as, TAG_STUDY_INSTANCES));
	return s->n < 5 ? 0 : err_set(e, ERR_FULL, 0, "enough");
}

static void
test_djson_answers_table(void **state)
{
	static const struct {
		const char *json, *want; /* NULL: an error */
	} rows[] = {
		{"[]", ""},
		{" \r\n[ ] ", ""},
		{"[{}]", "[||]"},
		{"[{\"00100010\":{\"vr\":\"PN\",\"Value\":[{\"Alphabetic\":"
		    "\"Yamada^Tarou\",\"Ideographic\":\"\xe5\xb1\xb1\"}]},"
		    "\"00080061\":{\"vr\":\"CS\",\"Value\":[\"MR\",\"SR\"]},"
		    "\"00201208\":{\"vr\":\"IS\",\"Value\":[312]}}]",
		    "[Yamada^Tarou=\xe5\xb1\xb1|MR\\SR|312]"},
		{"[{\"00100010\":{\"vr\":\"PN\",\"Value\":[{\"Phonetic\":"
		    "\"A\"}]}}, {\"00201208\":{\"vr\":\"IS\",\"Value\":"
		    "[\"7\"]}}]", "[==A||][||7]"},
		{"[{\"00080061\":{\"vr\":\"CS\"},\"other\":1}]", "[||]"},
		{"[{\"00080061\":{\"vr\":\"CS\",\"Value\":[null,\"MR\"]}}]",
		    "[|\\MR|]"},
		{"[{\"00081032\":{\"vr\":\"SQ\",\"Value\":[{\"00080100\":"
		    "{\"vr\":\"SH\",\"Value\":[\"}]\\\"{\"]}}]}}]", "[||]"},
		{"", NULL},
		{"{}", NULL},
		{"[", NULL},
		{"[{}", NULL},
		{"[{},", NULL},
		{"[{} {}]", NULL},
		{"[1]", NULL},
		{"[\"x\"]", NULL},
		{"[{\"00080061\":{}}]", NULL},
		{"[{\"00080061\":7}]", NULL},
		{"[{\"00080061\":{\"vr\":\"CS\"},\"00080061\":"
		    "{\"vr\":\"CS\"}}]", NULL},
		{"[{]}", NULL},
		{"<html>", NULL},
		{"[{},{},{},{},{}]", NULL}, /* the reader gives up */
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct seen s = {.n = 0};
		struct err e;
		int rc = djson_each(rows[i].json, strlen(rows[i].json),
		    on_set, &s, &e);
		assert_int_equal(rc, rows[i].want == NULL ? -1 : 0);
		if (rows[i].want != NULL)
			assert_string_equal(s.text, rows[i].want);
	}
}

static void
test_djson_depth_and_length_are_bounded(void **state)
{
	static const char head[] = "[{\"00081032\":{\"vr\":\"SQ\",\"Value\":";
	size_t n = 2 * DJSON_ONE_MAX;
	char *p = mem_new_n(char, n);
	struct seen s = {.n = 0};
	struct err e;
	(void)state;
	memset(p, '[', n);
	memcpy(p, head, sizeof(head) - 1);
	assert_int_equal(djson_each(p, n, on_set, &s, &e), -1);

	/* a string without an end */
	memset(p, 'x', n);
	memcpy(p, "[{\"", 3);
	assert_int_equal(djson_each(p, n, on_set, &s, &e), -1);
	assert_int_equal(s.n, 0);
	mem_free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_djson_answers_table),
	    cmocka_unit_test(test_djson_depth_and_length_are_bounded),
	};
	return cmocka_run_group_tests_name("wire/djson", tests, NULL, NULL);
}
