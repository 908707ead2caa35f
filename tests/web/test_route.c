/* SPDX-License-Identifier: MIT */
/* Tests of web/route: a path and its query, and what comes of them. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>

#include <cmocka.h>

#include "web_fixture.h"

struct row {
	enum web_method method;
	const char *path, *case_id, *study;
	int status;
	const char *called; /* "" = no port */
};

static void
ask(struct world *w, const struct row *r)
{
	struct web_ask a = {.method = r->method};
	(void)str_copy(a.path, sizeof(a.path), r->path);
	route_set_case(&a, r->case_id);
	route_set_study(&a, r->study);
	buf_clear(&w->answer.body);
	w->answer.allow = NULL;
	w->called[0] = '\0';
	route_answer(&w->desk, &a, &w->answer);
}

static const char uid_long[] = "1.2.3456789012345678901234567890123456789012"
    "3456789012345678901234567890";
static const char id_long[] = "0123456789012345678901234567890123456789012"
    "3456789012345678901234567890";

static void
test_route_each_path_has_its_answer(void **state)
{
	struct world *w = *state;
	static const struct row rows[] = {
		{WEB_GET, "/", NULL, NULL, 200, ""},
		{WEB_GET, "/healthz", NULL, NULL, 200, ""},
		{WEB_GET, "/metrics", NULL, NULL, 200, ""},
		{WEB_GET, "/icon.svg", NULL, NULL, 200, ""},
		{WEB_GET, "/api/status", NULL, NULL, 200, ""},
		{WEB_GET, "/api/cases", NULL, NULL, 200, ""},
		{WEB_GET, "/api/studies", NULL, NULL, 200, ""},
		{WEB_GET, "/api/studies/" UID_A, NULL, NULL, 200, ""},
		{WEB_GET, "/api/studies/9.9", NULL, NULL, 404, ""},
		{WEB_GET, "/api/studies/..%2f", NULL, NULL, 404, ""},
		{WEB_GET, "/api/studies/", NULL, NULL, 404, ""},
		{WEB_GET, "/api/why", "C1", NULL, 200, ""},
		{WEB_GET, "/api/why", "nobody", NULL, 404, ""},
		{WEB_GET, "/api/why", id_long, NULL, 404, ""},
		{WEB_GET, "/api/why", NULL, UID_A, 200, ""},
		{WEB_GET, "/api/why", NULL, "9.9", 404, ""},
		{WEB_GET, "/api/why", NULL, "x'--", 404, ""},
		{WEB_GET, "/api/why", NULL, NULL, 400, ""},
		{WEB_GET, "/api/why", "C1", UID_A, 400, ""},
		{WEB_GET, "/api/pin", NULL, UID_A, 405, ""},
		{WEB_GET, "/nothing", NULL, NULL, 404, ""},
		{WEB_GET, "", NULL, NULL, 404, ""},
		{WEB_GET, "/api/status/", NULL, NULL, 404, ""},
		{WEB_POST, "/api/status", NULL, NULL, 405, ""},
		{WEB_OTHER, "/", NULL, NULL, 405, ""},
		{WEB_POST, "/api/prefetch", "C1", NULL, 202,
		    "prefetch case C1"},
		{WEB_POST, "/api/prefetch", NULL, UID_A, 202,
		    "prefetch study " UID_A},
		{WEB_POST, "/api/prefetch", NULL, NULL, 400, ""},
		{WEB_POST, "/api/prefetch", "C1", UID_A, 400, ""},
		{WEB_POST, "/api/prefetch", NULL, uid_long, 404, ""},
		{WEB_POST, "/api/pin", NULL, UID_A, 202, "pin " UID_A},
		{WEB_POST, "/api/unpin", NULL, UID_A, 202, "unpin " UID_A},
		{WEB_POST, "/api/evict", NULL, UID_A, 202, "evict " UID_A},
		{WEB_POST, "/api/evict", NULL, "nonsense", 404, ""},
		{WEB_POST, "/api/evict", NULL, NULL, 400, ""},
		{WEB_POST, "/api/verify", NULL, NULL, 202, "verify all"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ask(w, &rows[i]);
		if (w->answer.status != rows[i].status ||
		    !str_eq(w->called, rows[i].called))
			fail_msg("row %zu %s: %d, called '%s'", i,
			    rows[i].path, w->answer.status, w->called);
	}
}

static void
count_wipe(void *ctx, bool force, struct web_outcome *ret)
{
	(void)snprintf(ctx, 20, "wipe%s", force ? " force" : "");
	*ret = (struct web_outcome){202, "wiping"};
}

static void
test_route_wipe_wants_to_be_meant(void **state)
{
	struct world *w = *state;
	char called[20] = "";
	struct web_ports ports = *w->desk.ports;
	struct web_ask a = {.method = WEB_POST, .path = "/api/wipe"};
	struct web_desk desk = w->desk;
	ports.wipe = count_wipe;
	ports.ctx = called;
	desk.ports = &ports;

	route_answer(&desk, &a, &w->answer);
	assert_int_equal(w->answer.status, 400);
	assert_string_equal(called, "");
	a.confirmed = true;
	buf_clear(&w->answer.body);
	route_answer(&desk, &a, &w->answer);
	assert_int_equal(w->answer.status, 202);
	assert_string_equal(called, "wipe");
	a.force = true;
	route_answer(&desk, &a, &w->answer);
	assert_string_equal(called, "wipe force");
}

static void
test_route_error_is_json_with_words(void **state)
{
	struct world *w = *state;
	ask(w, &(struct row){WEB_POST, "/api/cases", NULL, NULL, 0, ""});

	assert_string_equal(w->answer.allow, "GET, HEAD");
	assert_non_null(strstr(w->answer.type, "application/json"));
	json_t *o = json_loads(buf_str(&w->answer.body), 0, NULL);
	assert_non_null(json_string_value(json_object_get(o, "error")));
	json_decref(o);
}

static void
test_route_post_answers_with_the_object_as_it_is(void **state)
{
	struct world *w = *state;
	ask(w, &(struct row){WEB_POST, "/api/pin", NULL, UID_A, 0, ""});

	json_t *o = json_loads(buf_str(&w->answer.body), 0, NULL);
	assert_string_equal(json_string_value(json_object_get(o, "result")),
	    "queued");
	json_t *s = json_object_get(o, "study");
	assert_string_equal(json_string_value(json_object_get(s, "state")),
	    "ready");
	json_decref(o);
}

static void
test_route_port_that_refuses_is_an_error(void **state)
{
	struct world *w = *state;
	w->outcome = (struct web_outcome){409, "a case needs it"};

	ask(w, &(struct row){WEB_POST, "/api/evict", NULL, UID_A, 0, ""});

	assert_int_equal(w->answer.status, 409);
	assert_string_equal(buf_str(&w->answer.body),
	    "{\"error\":\"a case needs it\"}\n");
}

static void
test_route_health_says_the_trouble(void **state)
{
	struct world *w = *state;
	const struct row healthz = {WEB_GET, "/healthz", NULL, NULL, 0, ""};

	ask(w, &healthz);
	assert_string_equal(buf_str(&w->answer.body), "ok\n");
	w->facts.healthy = false;
	w->facts.trouble = "the disk is full";
	ask(w, &healthz);

	assert_int_equal(w->answer.status, 503);
	assert_string_equal(buf_str(&w->answer.body), "the disk is full\n");
}

static void
test_route_answer_too_long_is_told(void **state)
{
	struct world *w = *state;
	w->answer.body.max = 64;

	ask(w, &(struct row){WEB_GET, "/api/status", NULL, NULL, 0, ""});

	assert_int_equal(w->answer.status, 500);
	assert_non_null(strstr(buf_str(&w->answer.body), "too long"));
}

int
main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_route_each_path_has_its_answer),
	    TEST(test_route_wipe_wants_to_be_meant),
	    TEST(test_route_error_is_json_with_words),
	    TEST(test_route_post_answers_with_the_object_as_it_is),
	    TEST(test_route_port_that_refuses_is_an_error),
	    TEST(test_route_health_says_the_trouble),
	    TEST(test_route_answer_too_long_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
