/* SPDX-License-Identifier: MIT */
/* Questions of viewers: made fit, shared, kept for a minute. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "prefetch/question.h"

static int64_t now_ns;

static int64_t
now(void *ctx)
{
	(void)ctx; /* one clock for all */
	return now_ns;
}

static int
setup(void **state)
{
	static const struct clock_source src = {.uptime_ns = now,
	    .continuous_ns = now, .utc_ms = now};
	struct questions *t = mem_new(struct questions);
	now_ns = CLOCK_S;
	clock_set_source(&src);
	questions_init(t);
	*state = t;
	return 0;
}

static int
teardown(void **state)
{
	struct questions *t = *state;
	questions_done(t);
	mem_free(t);
	clock_set_source(NULL);
	return 0;
}

static struct question *
make(const char *level, const char *patient_id)
{
	struct attrs keys;
	attrs_init(&keys);
	attrs_put(&keys, TAG_LEVEL, level);
	attrs_put(&keys, TAG_PATIENT_ID, patient_id);
	attrs_put(&keys, TAG_MODALITY, "MR");
	attrs_put(&keys, TAG_ROWS, "");
	struct question *q = question_new(&keys);
	attrs_done(&keys);
	return q;
}

/* Ask, be answered by archive 0 with ${bytes} of text, keep it. */
static void
answer(struct questions *t, const char *patient_id, size_t bytes)
{
	struct question *q = question_join(t, make("STUDY", patient_id), 1);
	struct question *put = question_to_put(t, 1);
	struct attrs as;
	char *text = mem_new_n(char, bytes + 1);
	assert_ptr_equal(put, q);
	memset(text, 'x', bytes);
	attrs_init(&as);
	attrs_put(&as, TAG_STUDY_COMMENTS, text);
	assert_true(question_add(t, q, 0, &as, 1));
	question_leave(t, &put);
	struct question *inquiry = q;
	question_end(t, &inquiry, 0, true, false);
	assert_true(question_wait(t, q));
	question_leave(t, &q);
	mem_free(text);
}

/* Whether the same question is known by its answer. */
static bool
is_kept(struct questions *t, const char *patient_id, uint32_t up)
{
	struct question *made = make("STUDY", patient_id);
	struct question *q = question_join(t, made, up);
	bool kept = q != made;
	if (!kept) { /* nobody puts it: its time is over at once */
		now_ns += PREFETCH_ELSEWHERE_MS * CLOCK_MS;
		(void)question_wait(t, q); /* nothing is read of it */
	}
	question_leave(t, &q);
	return kept;
}

static void
test_question_keys_of_lower_levels_are_left_out(void **state)
{
	struct questions *t = *state;
	struct question *q = make("STUDY", "P1");

	assert_int_equal(q->level, LEVEL_STUDY);
	assert_string_equal(attrs_value(&q->keys, TAG_PATIENT_ID), "P1");
	assert_string_equal(attrs_value(&q->keys, TAG_MODALITIES), "MR");
	assert_null(attrs_get(&q->keys, TAG_MODALITY));
	assert_null(attrs_get(&q->keys, TAG_ROWS));
	question_leave(t, &q);
	q = make("IMAGE", "P1");
	assert_string_equal(attrs_value(&q->keys, TAG_MODALITY), "MR");
	assert_non_null(attrs_get(&q->keys, TAG_ROWS));
	question_leave(t, &q);
	assert_null(make("PATIENT", "P1"));
}

static void
test_question_is_kept_for_a_minute(void **state)
{
	struct questions *t = *state;

	answer(t, "P1", 10);

	assert_true(is_kept(t, "P1", 1));
	assert_false(is_kept(t, "P2", 1));
	now_ns += QUESTION_KEPT_NS + CLOCK_S;
	assert_false(is_kept(t, "P1", 1));
}

static void
test_question_of_fewer_archives_than_are_up_is_asked_again(void **state)
{
	struct questions *t = *state;

	answer(t, "P1", 10);

	assert_false(is_kept(t, "P1", 3));
	assert_true(is_kept(t, "P1", 1));
}

static void
test_question_memory_is_bounded(void **state)
{
	struct questions *t = *state;
	char id[16];

	for (unsigned i = 0; i < 3 * QUESTIONS_KEPT_MAX; i++) {
		(void)snprintf(id, sizeof(id), "P%u", i);
		answer(t, id, i < QUESTIONS_KEPT_MAX ? 10 : 100000);
	}

	unsigned n = 0;
	size_t bytes = 0;
	for (struct question *q = t->known; q != NULL; q = q->next) {
		n++;
		bytes += q->bytes;
	}
	assert_true(n <= QUESTIONS_KEPT_MAX + 1);
	assert_true(bytes <= QUESTIONS_BYTES_MAX + 300000);
	assert_false(is_kept(t, "P0", 1));
	assert_true(is_kept(t, id, 1));
}

static void
test_question_answers_are_bounded(void **state)
{
	struct questions *t = *state;
	struct question *q = question_join(t, make("STUDY", "P1"), 1);
	struct question *put = question_to_put(t, 1);
	char *text = mem_new_n(char, ATTR_VALUE_MAX);
	unsigned n = 0;
	bool ok = true;
	memset(text, 'x', ATTR_VALUE_MAX - 1);

	while (ok && n < 100) {
		struct attrs as;
		attrs_init(&as);
		attrs_put(&as, TAG_STUDY_COMMENTS, text);
		ok = question_add(t, q, 0, &as, 1);
		n += ok;
	}

	assert_true(n < QUESTION_BYTES_MAX / ATTR_VALUE_MAX);
	struct question *inquiry = q;
	question_end(t, &inquiry, 0, false, false);
	question_leave(t, &put);
	question_leave(t, &q);
	mem_free(text);
	assert_false(is_kept(t, "P1", 1)); /* it was not the whole */
}

static void
test_question_late_answer_is_dropped(void **state)
{
	struct questions *t = *state;
	struct question *q = question_join(t, make("STUDY", "P1"), 1);
	struct question *put = question_to_put(t, 1);
	struct question *inquiry = q;
	struct attrs as;
	now_ns += PREFETCH_ELSEWHERE_MS * CLOCK_MS;

	assert_true(question_wait(t, q));

	attrs_init(&as);
	attrs_put(&as, TAG_STUDY_UID, "1.2.3");
	assert_false(question_add(t, q, 0, &as, 1));
	assert_true(assoc_stop_is_asked(&q->stop[0]));
	assert_int_equal(q->from[0].n, 0);
	question_leave(t, &q);
	question_leave(t, &put);
	question_end(t, &inquiry, 0, true, false); /* the last one frees it */
	assert_null(t->known);
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(test_question_keys_of_lower_levels_are_left_out),
	    T(test_question_is_kept_for_a_minute),
	    T(test_question_of_fewer_archives_than_are_up_is_asked_again),
	    T(test_question_memory_is_bounded),
	    T(test_question_answers_are_bounded),
	    T(test_question_late_answer_is_dropped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
