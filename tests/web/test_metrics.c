/* SPDX-License-Identifier: MIT */
/* Tests of web/metrics: what Prometheus reads. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include "web_fixture.h"

static void
test_metrics_board_and_peers_are_told(void **state)
{
	struct world *w = *state;
	static const char *const lines[] = {
		"\n# TYPE understudy_objects_stored_total counter\n",
		"\nunderstudy_associations_now 0\n",
		"\nunderstudy_build_info{version=\"0.1.0\"} 1\n",
		"\nunderstudy_healthy 1\n",
		"\nunderstudy_cache_bytes 5000\n",
		"\nunderstudy_cache_limit_bytes 9000\n",
		"\nunderstudy_cases{readiness=\"ready\"} 1\n",
		"\nunderstudy_cases{readiness=\"failed\"} 1\n",
		"\nunderstudy_next_case_start_seconds 1795590000\n",
		"\nunderstudy_unready_case_start_seconds 1795590000\n",
		"\nunderstudy_studies{state=\"ready\"} 1\n",
		"\nunderstudy_studies{state=\"fetching\"} 1\n",
		"\nunderstudy_archive_up{archive=\"pacs\"} 1\n",
		"\nunderstudy_archive_up{archive=\"far\"} 0\n",
		"\nunderstudy_objects_pushed_total 0\n",
		"\nunderstudy_viewer_up{viewer=\"osirix\"} 1\n",
		"\nunderstudy_viewer_up{viewer=\"spare\"} 0\n",
		"\nunderstudy_schedule_ok{schedule=\"list\"} 1\n"};

	metrics_write(&w->desk, &w->facts, &w->answer.body);

	const char *text = buf_str(&w->answer.body);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (strstr(text, lines[i]) == NULL)
			fail_msg("want %s", lines[i]);
	assert_null(strstr(text, "old")); /* unknown: neither up nor down */
	assert_null(strstr(text, "\"new\""));
}

static void
test_metrics_label_is_escaped(void **state)
{
	struct world *w = *state;
	w->facts.archives[1].state = "up";
	w->facts.archives[1].name = "a\"b\\c\nd";

	metrics_write(&w->desk, &w->facts, &w->answer.body);

	assert_non_null(strstr(buf_str(&w->answer.body),
	    "{archive=\"a\\\"b\\\\c\\nd\"} 1\n"));
}

static void
test_metrics_every_name_has_help_and_type_once(void **state)
{
	struct world *w = *state;
	metrics_write(&w->desk, &w->facts, &w->answer.body);
	const char *text = buf_str(&w->answer.body);
	unsigned helps = 0, types = 0;

	for (const char *p = text; p != NULL; p = strstr(p + 1, "# HELP "))
		helps++;
	for (const char *p = text; p != NULL; p = strstr(p + 1, "# TYPE "))
		types++;

	assert_int_equal(helps + 1, types); /* the text begins with a HELP */
	assert_null(strstr(text, "DOE"));
}

int
main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_metrics_board_and_peers_are_told),
	    TEST(test_metrics_label_is_escaped),
	    TEST(test_metrics_every_name_has_help_and_type_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
