/* SPDX-License-Identifier: MIT */
/* Tests of web/report and web/events: the status as JSON, whole. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include "web_fixture.h"

static void
assert_json(json_t *take, const char *want)
{
	json_error_t why;
	json_t *w = json_loads(want, 0, &why);
	if (w == NULL)
		fail_msg("golden: line %d: %s", why.line, why.text);
	char *have = json_dumps(take, JSON_SORT_KEYS | JSON_INDENT(1));
	char *text = json_dumps(w, JSON_SORT_KEYS | JSON_INDENT(1));
	assert_string_equal(have, text);
	json_decref(take);
	json_decref(w);
	(free)(have); /* jansson's, not ours: no mem_free */
	(free)(text);
}

static void
test_report_status_is_what_the_contract_says(void **state)
{
	struct world *w = *state;
	json_t *o = report_status(&w->desk, &w->facts);

	assert_json(o, "{\"agent\":{\"version\":\"0.1.0\",\"theatre\":"
	    "\"Theatre 6\",\"uptime_s\":60,\"horizon_s\":172800,\"time\":"
	    "\"2026-11-24T23:50:23+01:00\",\"time_zone\":\"Europe/Berlin\"},"
	    "\"healthy\":true,\"trouble\":\"\",\"node\":{\"ae_title\":"
	    "\"UNDERSTUDY\",\"address\":\"127.0.0.1:11113\"},\"web\":"
	    "{\"address\":\"127.0.0.1:8113\"},\"cache\":"
	    "{\"bytes\":5000,\"limit_bytes\":9000,\"reserve_bytes\":0,"
	    "\"disk_free_bytes\":0,\"studies\":2,\"instances\":640,"
	    "\"pinned_bytes\":512000,\"evictions\":0},\"archives\":[{\"name\":"
	    "\"pacs\",\"ae_title\":\"PACS\",\"state\":\"up\",\"last_ok\":"
	    "\"2026-11-24T23:50:18+01:00\",\"last_error\":\"\","
	    "\"since\":null,\"next_try\":null,"
	    "\"associations\":4,\"associations_allowed\":2},{\"name\":"
	    "\"old\\\"\\\\\",\"ae_title\":\"OLD\",\"state\":\"unknown\","
	    "\"last_ok\":null,\"last_error\":\"\",\"since\":null,"
	    "\"next_try\":null,\"associations\":4,"
	    "\"associations_allowed\":4},{\"name\":\"far\","
	    "\"ae_title\":\"FAR\",\"state\":\"down\",\"last_ok\":null,"
	    "\"last_error\":\"connect: refused\",\"since\":"
	    "\"2026-11-24T23:50:18+01:00\",\"next_try\":"
	    "\"2026-11-24T23:50:23+01:00\",\"associations\":4,"
	    "\"associations_allowed\":4}],\"schedules\":[{\"name\":"
	    "\"list\",\"type\":\"file\",\"state\":\"ok\",\"last_event\":"
	    "\"2026-11-24T23:49:23+01:00\",\"last_error\":\"\"}],"
	    "\"viewers\":[{\"name\":\"osirix\",\"ae_title\":\"OSIRIX\","
	    "\"address\":\"127.0.0.1:11112\",\"state\":\"up\",\"push\":true,"
	    "\"last_ok\":\"2026-11-24T23:50:14+01:00\",\"last_error\":\"\"},"
	    "{\"name\":\"spare\",\"ae_title\":\"SPARE\",\"address\":"
	    "\"127.0.0.1:11114\",\"state\":\"down\",\"push\":false,"
	    "\"last_ok\":null,\"last_error\":\"connect: refused\"},"
	    "{\"name\":\"new\",\"ae_title\":\"NEW\",\"address\":"
	    "\"127.0.0.1:4\",\"state\":\"unknown\",\"push\":false,"
	    "\"last_ok\":null,\"last_error\":\"\"}],"
	    "\"transfers\":{\"active\":1,\"queued\":0},\"cases\":{\"total\":2,"
	    "\"ready\":1,\"fetching\":0,\"queued\":0,\"failed\":1,\"none\":0,"
	    "\"listed\":2},\"cases_elsewhere\":1,\"rooms_elsewhere\":["
	    "\"Theatre 6\"],\"refused\":[{\"calling\":\"OSIRIX2\","
	    "\"address\":\"10.0.0.7\","
	    "\"reason\":\"unknown\",\"remedy\":\"[viewer \\\"x\\\"]\","
	    "\"time\":\"2026-11-24T23:50:23+01:00\",\"times\":3}]}");
}

static void
test_report_cancelled_case_does_not_count(void **state)
{
	struct world *w = *state;
	board_case(w->board, "C1")->file.status = CASE_CANCELLED;

	json_t *o = report_status(&w->desk, &w->facts);

	json_t *cases = json_object_get(o, "cases");
	assert_int_equal(json_integer_value(json_object_get(cases, "total")),
	    1);
	assert_int_equal(json_integer_value(json_object_get(cases, "failed")),
	    0);
	json_decref(o);
}

static void
test_report_cases_of_other_rooms_are_counted_with_their_rooms(void **state)
{
	struct world *w = *state;
	struct casefile f[10];
	for (unsigned i = 0; i < 10; i++) {
		char id[8];
		(void)snprintf(id, sizeof(id), "X%u", i);
		f[i] = a_case(id, i == 9 ? NOW - 3 * 86400 : EIGHT, "DOE^J");
		(void)snprintf(f[i].room, sizeof(f[i].room), "OP %u", i / 2);
	}
	(void)str_copy(f[0].room, sizeof(f[0].room), "\xFF");
	f[8].room[0] = '\0';
	board_set_cases(w->board, "list", f, 10, NOW);

	json_t *o = report_status(&w->desk, &w->facts);

	json_t *rooms = json_object_get(o, "rooms_elsewhere");
	assert_int_equal(json_integer_value(json_object_get(o,
	    "cases_elsewhere")), 9); /* not C1, C2, OTHER, gone; not X9 */
	assert_int_equal(json_array_size(rooms), 5);
	assert_string_equal(json_string_value(json_array_get(rooms, 0)),
	    "\\xff");
	assert_string_equal(json_string_value(json_array_get(rooms, 4)),
	    "OP 3");
	assert_int_equal(json_integer_value(json_object_get(json_object_get(o,
	    "cases"), "listed")), 2); /* gone from the list, still shown */
	json_decref(o);
}

static void
test_report_address_is_one_that_the_viewer_here_reaches(void **state)
{
	struct world *w = *state;
	static const char *const rows[][2] = {
		{"0.0.0.0:104", "127.0.0.1:104"}, {"[::]:104", "127.0.0.1:104"},
		{"192.0.2.1:104", "192.0.2.1:104"}, {"[::1]:104", "[::1]:104"},
		{"", ""}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		w->facts.node_address = rows[i][0];
		json_t *o = report_status(&w->desk, &w->facts);
		assert_string_equal(json_string_value(json_object_get(
		    json_object_get(o, "node"), "address")), rows[i][1]);
		json_decref(o);
	}
}

static void
test_report_facts_left_empty_are_told_as_empty(void **state)
{
	struct world *w = *state;
	struct web_facts f = {0};

	json_t *o = report_status(&w->desk, &f);

	json_t *agent = json_object_get(o, "agent");
	assert_string_equal(json_string_value(json_object_get(agent,
	    "theatre")), "");
	assert_true(json_is_false(json_object_get(o, "healthy")));
	json_decref(o);
}

static void
test_events_one_event_is_one_line_of_data(void **state)
{
	struct world *w = *state;
	struct buf *b = &w->answer.body;
	board_case(w->board, "C1")->file.procedure[0] = '\n';

	events_write(&w->desk, b);

	const char *text = buf_str(b);
	const char *start = strstr(text, "data: ");
	const char *end = strstr(text, "\n\n");
	assert_non_null(start);
	assert_ptr_equal(end + 2, text + b->len);
	assert_ptr_equal(strchr(start, '\n'), end);
	json_t *o = json_loads(start + 6, 0, NULL);
	assert_non_null(json_object_get(o, "version"));
	assert_non_null(json_object_get(o, "status"));
	assert_int_equal(json_array_size(json_object_get(o, "cases")), 2);
	json_decref(o);
}

int
main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_report_status_is_what_the_contract_says),
	    TEST(test_report_cancelled_case_does_not_count),
	    TEST(test_report_cases_of_other_rooms_are_counted_with_their_rooms),
	    TEST(test_report_address_is_one_that_the_viewer_here_reaches),
	    TEST(test_report_facts_left_empty_are_told_as_empty),
	    TEST(test_events_one_event_is_one_line_of_data),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
