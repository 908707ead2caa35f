/* SPDX-License-Identifier: MIT */
/* What a viewer asks for and is not here. */
#include "house_fixture.h"

/* the question of the viewer's thread, and what it got */
static struct {
	const char *level, *patient_id, *study_uid, *series_uid;
	unsigned n;
	char uid[GIVEN_MAX][UID_SIZE];
	char modalities[65], patient[65];
	char instances[16], in_series[16], description[65];
} q;

static void
on_found(void *ctx, const struct attrs *as) /* prefetch_answer_fn */
{
	(void)ctx; /* there is one question at a time */
	uint32_t tag = str_eq(q.level, "IMAGE") ? TAG_SOP_INSTANCE :
	    str_eq(q.level, "SERIES") ? TAG_SERIES_UID : TAG_STUDY_UID;
	if (q.n < GIVEN_MAX)
		(void)str_copy(q.uid[q.n++], UID_SIZE, attrs_value(as, tag));
	(void)str_copy(q.modalities, sizeof(q.modalities),
	    attrs_value(as, TAG_MODALITIES)); /* short, as all here */
	(void)str_copy(q.patient, sizeof(q.patient),
	    attrs_value(as, TAG_PATIENT_ID));
	(void)str_copy(q.instances, sizeof(q.instances),
	    attrs_value(as, TAG_STUDY_INSTANCES));
	(void)str_copy(q.in_series, sizeof(q.in_series),
	    attrs_value(as, TAG_SERIES_INSTANCES));
	(void)str_copy(q.description, sizeof(q.description),
	    attrs_value(as, TAG_STUDY_DESCRIPTION));
}

static void
ask(struct house *h)
{
	struct attrs keys;
	attrs_init(&keys);
	attrs_put(&keys, TAG_LEVEL, q.level);
	if (q.patient_id != NULL)
		attrs_put(&keys, TAG_PATIENT_ID, q.patient_id);
	attrs_put(&keys, TAG_STUDY_UID, q.study_uid != NULL ? q.study_uid :
	    "");
	if (q.series_uid != NULL)
		attrs_put(&keys, TAG_SERIES_UID, q.series_uid);
	prefetch_elsewhere(h->p, &keys, on_found, NULL);
	attrs_done(&keys);
}

static void
open_up(struct house *h, unsigned n_archives)
{
	memset(&q, 0, sizeof(q));
	q.level = "STUDY";
	house_open(h, n_archives);
	house_until(h, ARCHIVE_UP);
}

static void
again(struct house *h)
{
	q.n = 0;
	house_view(h, ask);
}

static void
test_elsewhere_study_comes_with_what_the_archive_left_out(void **state)
{
	struct house *h = *state;
	open_up(h, 1);
	q.patient_id = "P1";

	house_view(h, ask);

	assert_int_equal(q.n, 1);
	assert_string_equal(q.uid[0], STUDY);
	assert_string_equal(q.instances, "6");
	assert_string_equal(q.modalities, "MR\\SR");
	prefetch_look(h->p);
	assert_true(prefetch_completes(h->p, STUDY));
	assert_false(prefetch_completes(h->p, "1.2.9"));
}

static void
test_elsewhere_same_question_is_answered_from_memory(void **state)
{
	struct house *h = *state;
	open_up(h, 1);
	house_view(h, ask);
	unsigned n = archive_count(&h->archives[0], false);

	again(h);

	assert_int_equal(q.n, 1);
	assert_string_equal(q.instances, "6");
	assert_int_equal(archive_count(&h->archives[0], false), n);
	q.patient_id = "P1"; /* another question */
	again(h);
	assert_int_equal(q.n, 1);
	assert_true(archive_count(&h->archives[0], false) > n);
}

static void
test_elsewhere_archive_that_counts_is_not_asked_again(void **state)
{
	struct house *h = *state;
	h->archives[0].tells_counts = true;
	open_up(h, 1);

	house_view(h, ask);

	assert_int_equal(q.n, 1);
	assert_string_equal(q.instances, "6");
	assert_int_equal(archive_count(&h->archives[0], false), 1);
}

static void
test_elsewhere_unsafe_keys_are_never_asked(void **state)
{
	static const struct {
		const char *patient_id, *study_uid;
		bool asked;
	} rows[] = {
	    {"P*", NULL, false}, {"P?", NULL, false},
	    {"P1\\P2", NULL, false}, {NULL, "1.2.*", false},
	    {NULL, "../x", false}, {NULL, "1.2.3\\1.x", false},
	    {"*", "*", true}, {"", "1.2.3\\1.2.4", true},
	};
	struct house *h = *state;
	open_up(h, 1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned n = archive_count(&h->archives[0], false);
		q.patient_id = rows[i].patient_id;
		q.study_uid = rows[i].study_uid;

		again(h);

		bool asked = archive_count(&h->archives[0], false) > n;
		if (asked != rows[i].asked || q.n != rows[i].asked)
			fail_msg("row %zu", i);
	}
}

static void
test_elsewhere_another_patients_study_is_left_out(void **state)
{
	struct house *h = *state;
	h->archives[0].patient_id = "P1";
	open_up(h, 1);
	q.patient_id = "P2";

	house_view(h, ask);

	assert_int_equal(q.n, 0);
}

static void
test_elsewhere_two_archives_answer_once_a_study(void **state)
{
	struct house *h = *state;
	h->archives[1].patient_id = "P1 of b";
	open_up(h, 2);

	house_view(h, ask);

	assert_int_equal(q.n, 1);
	assert_string_equal(q.patient, "P1"); /* the first by rank */
}

static void
test_elsewhere_series_and_images_come_level_by_level(void **state)
{
	struct house *h = *state;
	open_up(h, 1);
	q.level = "SERIES";
	q.study_uid = STUDY;
	q.patient_id = "P1";

	house_view(h, ask);

	assert_int_equal(q.n, 2);
	assert_string_equal(q.uid[1], "1.2.3.5");
	assert_string_equal(q.in_series, "2");
	assert_string_equal(q.patient, "P1"); /* of the study, above */
	q.level = "IMAGE"; /* relational, as some viewers ask */
	again(h);
	assert_int_equal(q.n, ARCHIVE_OBJECTS);
	q.series_uid = "1.2.3.5";
	again(h);
	assert_int_equal(q.n, 2);
	assert_string_equal(q.uid[0], "1.2.3.5.5");
}

static void
test_elsewhere_held_study_is_left_out(void **state)
{
	struct house *h = *state;
	open_up(h, 1);
	struct board_study *s = board_add_study(h->board, STUDY);
	s->state = STUDY_HELD;
	s->kept = true; /* stays on the board */
	prefetch_look(h->p);

	house_view(h, ask);

	assert_int_equal(q.n, 0);
}

static void
test_elsewhere_dead_archive_is_not_waited_for(void **state)
{
	struct house *h = *state;
	open_up(h, 1);
	archive_end(&h->archives[0]);

	house_view(h, ask); /* nobody knows yet */
	loop_poll(h->loop);

	assert_int_equal(q.n, 0);
	assert_true(h->took_ns < CLOCK_S);
	house_until(h, ARCHIVE_DOWN);
	house_view(h, ask);
	assert_true(h->took_ns < CLOCK_S / 2);
}

static void
test_elsewhere_silent_archive_ends_in_time_and_is_down_then(void **state)
{
	struct house *h = *state;
	open_up(h, 2);
	atomic_store(&h->archives[0].is_silent, true);

	house_view(h, ask);

	assert_int_equal(q.n, 1); /* the other's */
	assert_true(h->took_ns < 2 * PREFETCH_ELSEWHERE_MS * CLOCK_MS);
	while (prefetch_health(h->p, 0)->state != ARCHIVE_DOWN)
		loop_poll(h->loop);
	again(h);
	assert_int_equal(q.n, 1);
	assert_true(h->took_ns < CLOCK_S);
}

static void
ask_then_stop(struct house *h)
{
	ask(h);
	loop_stop(h->loop);
}

static void
on_halt(void *ctx) /* loop_fn */
{
	loop_stop(((struct house *)ctx)->loop);
}

static void
test_elsewhere_halt_wakes_who_waits(void **state)
{
	struct house *h = *state;
	pthread_t thread;
	open_up(h, 1);
	atomic_store(&h->archives[0].is_silent, true);
	h->view = ask_then_stop;
	(void)loop_timer_start(h->loop, 50, on_halt, h); /* it fires */

	assert_int_equal(pthread_create(&thread, NULL, house_viewer, h), 0);
	loop_run(h->loop);
	prefetch_halt(h->p);
	assert_int_equal(pthread_join(thread, NULL), 0);

	assert_int_equal(q.n, 0);
	assert_true(h->took_ns < CLOCK_S);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    HOUSE(test_elsewhere_study_comes_with_what_the_archive_left_out),
	    HOUSE(test_elsewhere_same_question_is_answered_from_memory),
	    HOUSE(test_elsewhere_archive_that_counts_is_not_asked_again),
	    HOUSE(test_elsewhere_unsafe_keys_are_never_asked),
	    HOUSE(test_elsewhere_another_patients_study_is_left_out),
	    HOUSE(test_elsewhere_two_archives_answer_once_a_study),
	    HOUSE(test_elsewhere_series_and_images_come_level_by_level),
	    HOUSE(test_elsewhere_held_study_is_left_out),
	    HOUSE(test_elsewhere_dead_archive_is_not_waited_for),
	    HOUSE(
	        test_elsewhere_silent_archive_ends_in_time_and_is_down_then),
	    HOUSE(test_elsewhere_halt_wakes_who_waits),
	};
	return cmocka_run_group_tests(tests, start_all, NULL);
}
