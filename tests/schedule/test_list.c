/* SPDX-License-Identifier: MIT */
/* The file of a theatre list: what becomes of it while it is looked at. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "schedule/list_priv.h"

#define HEAD \
	"case_id,start,end,room,patient_id,issuer,patient_name,birth_date," \
	"procedure_code,procedure,surgeon,status\n"
#define ROW_7 \
	"7,2026-11-25T08:00,2026-11-25T10:30,TH6,P70,NHS,\"Roe, Jane\"," \
	"1950-02-28,M30,Mitral valve repair,Dr X,booked\n"
#define ROW_8 "8,2026-11-25 12:00,,TH6,P80,,DOE^JOHN,19601231,,,,\n"

/* the feed: a real file, a real loop, a clock that stands still */
struct feed {
	char dir[64], path[96];
	struct loop *loop;
	struct pool *pool;
	struct list *list;
	int64_t now_ns;
	unsigned told; /* calls */
	unsigned n; /* cases of the last */
	char first[CASE_ID_SIZE];
	unsigned logged;
	bool stop_when_told;
	struct zone *london;
};

static int64_t
fake_ns(void *ctx)
{
	const struct feed *f = ctx;
	return f->now_ns;
}

static int64_t
fake_ms(void *ctx)
{
	return fake_ns(ctx) / CLOCK_MS;
}

static void
on_line(void *ctx, enum log_level level, const char *line)
{
	struct feed *f = ctx;
	if (level >= LOG_WARN)
		f->logged++;
	assert_null(strstr(line, "Roe"));
	assert_null(strstr(line, "P70"));
}

static void
on_cases(void *ctx, const char *name, const struct casefile *cases,
    unsigned n)
{
	struct feed *f = ctx;
	assert_string_equal(name, "list");
	f->told++;
	f->n = n;
	(void)str_copy(f->first, sizeof(f->first), n > 0 ? cases[0].id : "");
	if (f->stop_when_told)
		list_stop(&f->list);
}

static int
setup_feed(void **state)
{
	struct feed *f = mem_new(struct feed);
	static struct clock_source source;
	struct err e;
	f->now_ns = INT64_C(1795500000) * CLOCK_S;
	source = (struct clock_source){ fake_ns, fake_ns, fake_ms, f };
	clock_set_source(&source);
	log_set_sink(on_line, f);
	(void)str_copy(f->dir, sizeof(f->dir), "/tmp/test_list.XXXXXX");
	if (mkdtemp(f->dir) == NULL)
		return -1;
	(void)snprintf(f->path, sizeof(f->path), "%s/list.csv", f->dir);
	f->london = zone_new("Europe/London", &e);
	f->loop = f->london == NULL ? NULL : loop_new(&e);
	f->pool = f->loop == NULL ? NULL : pool_new(f->loop, "test", 1, &e);
	*state = f;
	return f->pool == NULL ? -1 : 0;
}

static int
teardown_feed(void **state)
{
	struct feed *f = *state;
	list_stop(&f->list);
	pool_free(&f->pool);
	loop_free(&f->loop);
	(void)unlink(f->path);
	int rc = rmdir(f->dir);
	clock_set_source(NULL);
	log_set_sink(NULL, NULL);
	zone_free(&f->london);
	mem_free(f);
	return rc;
}

static void
write_list(const struct feed *f, const char *text)
{
	FILE *out = fopen(f->path, "we");
	assert_non_null(out);
	assert_int_equal(fputs(text, out) >= 0, 1);
	assert_int_equal(fclose(out), 0);
}

/* Run the loop until what was submitted is home. */
static void
drive(struct feed *f)
{
	do {
		loop_poll(f->loop);
		(void)poll(NULL, 0, 1); /* let the worker have the core */
	} while (pool_load(f->pool) > 0);
	loop_poll(f->loop);
}

static void
start(struct feed *f)
{
	const struct list_config c = {
		.name = "list", .path = f->path, .zone = f->london
	};
	f->list = list_start(f->loop, f->pool, &c, on_cases, f);
	drive(f);
}

static void
look(struct feed *f)
{
	list_look(f->list);
	drive(f);
}

static void
test_list_file_is_told_once_until_it_differs(void **state)
{
	struct feed *f = *state;
	write_list(f, HEAD ROW_7 ROW_8);

	start(f);
	look(f);

	assert_int_equal(f->told, 1);
	assert_int_equal(f->n, 2);
	assert_string_equal(f->first, "7");
	assert_int_equal(list_state(f->list), LIST_OK);
	assert_int_equal(list_last_ok_utc(f->list), 1795500000);

	write_list(f, HEAD ROW_8);
	look(f);

	assert_int_equal(f->told, 2);
	assert_int_equal(f->n, 1);
	assert_string_equal(f->first, "8");
	assert_int_equal(f->logged, 0);
}

static void
test_list_file_that_was_never_there_is_failed_then_ok(void **state)
{
	struct feed *f = *state;

	start(f);
	look(f);

	assert_int_equal(list_state(f->list), LIST_FAILED);
	assert_int_equal(list_last_ok_utc(f->list), 0);
	assert_non_null(strstr(list_last_error(f->list), "No such file"));
	assert_int_equal(f->logged, 1); /* not at every look */
	assert_int_equal(f->told, 0);

	write_list(f, HEAD);
	look(f);

	assert_int_equal(list_state(f->list), LIST_OK);
	assert_string_equal(list_last_error(f->list), "");
	assert_int_equal(f->told, 1); /* the first, though it is empty */
}

static void
test_list_file_that_turns_bad_leaves_the_last_list(void **state)
{
	static const char *const bad[] = {
		"case_id,start\n",
		HEAD "7,tomorrow,,TH6,P70,,,,,,,\n",
		"\xFF\xFEnot a list\n",
	};
	struct feed *f = *state;
	write_list(f, HEAD ROW_7);
	start(f);

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		write_list(f, bad[i]);
		look(f);
		assert_int_equal(list_state(f->list), LIST_STALE);
		assert_true(list_last_error(f->list)[0] != '\0');
	}
	assert_int_equal(unlink(f->path), 0);
	look(f);

	assert_int_equal(list_state(f->list), LIST_STALE);
	assert_int_equal(f->told, 1);

	write_list(f, HEAD ROW_7);
	look(f);

	assert_int_equal(list_state(f->list), LIST_OK);
	assert_int_equal(f->told, 1); /* it is the list that we have */
}

static void
test_list_half_written_file_has_five_seconds(void **state)
{
	static const char *const half[] = {
		HEAD ROW_8 "9,2026-11-25,,TH6,P9,,\"Roe, Ja",
		HEAD ROW_8 "9,2026-11-25,,TH",
	};
	struct feed *f = *state;
	write_list(f, HEAD ROW_7);
	start(f);

	for (unsigned i = 0; i < 2; i++) {
		write_list(f, half[i]);
		look(f);
		f->now_ns += 4 * CLOCK_S;
		look(f);
		assert_int_equal(f->told, 1 + i);
		assert_int_equal(list_state(f->list), LIST_OK);
		f->now_ns += 2 * CLOCK_S;
		look(f);
		assert_int_equal(f->told, 2 + i);
		assert_string_equal(f->first, "8");
		/* of the first nobody knows whose row is torn: 7 stays */
		assert_int_equal(f->n, 2 - i);
	}
}

static void
test_list_case_whose_row_turns_bad_stays_as_it_was(void **state)
{
	struct feed *f = *state;
	write_list(f, HEAD ROW_7 ROW_8);
	start(f);

	write_list(f, HEAD ROW_8 "7,26.11.2026 08:00,,TH6,P7,,,,,,,\n");
	look(f);

	assert_int_equal(f->told, 2);
	assert_int_equal(f->n, 2);
	assert_int_equal(list_state(f->list), LIST_OK);
	assert_non_null(strstr(list_last_error(f->list),
	    "1 row skipped, 1 case kept as before; line 3"));

	write_list(f, HEAD ROW_8 "7,2026-11-25T08:00,,TH6,P7\n");
	look(f);
	assert_int_equal(f->n, 2); /* also when it was kept already */

	write_list(f, HEAD ROW_8);
	look(f);
	assert_int_equal(f->n, 1); /* taken off the list, it goes */
}

static void
test_list_emptied_file_is_half_written_at_first(void **state)
{
	struct feed *f = *state;
	write_list(f, HEAD ROW_7);
	start(f);

	write_list(f, "");
	look(f);

	assert_int_equal(list_state(f->list), LIST_OK);
	assert_int_equal(f->logged, 0);

	f->now_ns += 6 * CLOCK_S;
	look(f);

	assert_int_equal(list_state(f->list), LIST_STALE);
	assert_int_equal(f->told, 1);
}

static void
test_list_that_is_no_file_is_refused(void **state)
{
	struct feed *f = *state;
	char path[96];
	(void)str_copy(path, sizeof(path), f->path);
	(void)str_copy(f->path, sizeof(f->path), f->dir);

	start(f);

	assert_int_equal(list_state(f->list), LIST_FAILED);
	assert_non_null(strstr(list_last_error(f->list), "regular file"));
	(void)str_copy(f->path, sizeof(f->path), path);
}

static void
test_list_may_be_stopped_while_it_is_read(void **state)
{
	struct feed *f = *state;
	write_list(f, HEAD ROW_7);
	const struct list_config c = {
		.name = "list", .path = f->path, .zone = f->london
	};
	f->list = list_start(f->loop, f->pool, &c, on_cases, f);

	list_stop(&f->list);
	drive(f);

	assert_int_equal(f->told, 0);
}

static void
test_list_may_be_stopped_by_its_owner_when_told(void **state)
{
	struct feed *f = *state;
	write_list(f, HEAD ROW_7);
	f->stop_when_told = true;

	start(f);

	assert_int_equal(f->told, 1);
	assert_null(f->list);
}

/* The loop's own second; the test waits for what comes of it. */
static void
test_list_change_is_seen_without_being_asked(void **state)
{
	struct feed *f = *state;
	write_list(f, HEAD ROW_7);
	start(f);

	write_list(f, HEAD ROW_8);
	while (f->told < 2) {
		loop_poll(f->loop);
		(void)poll(NULL, 0, 5);
	}

	assert_string_equal(f->first, "8");
}

static void
test_list_other_size_time_or_inode_is_another_file(void **state)
{
	const struct timespec times[] = { { 7, 500 }, { 7, 500 } };
	const struct timespec later[] = { { 7, 501 }, { 7, 501 } };
	struct feed *f = *state;
	struct list_stamp was, is;
	char old[128];
	struct err e;
	(void)snprintf(old, sizeof(old), "%s/old", f->dir);
	write_list(f, HEAD ROW_7);
	assert_int_equal(utimensat(AT_FDCWD, f->path, times, 0), 0);
	assert_int_equal(list_stat(f->path, &was, &e), 0);

	write_list(f, HEAD ROW_7);
	assert_int_equal(utimensat(AT_FDCWD, f->path, times, 0), 0);
	assert_int_equal(list_stat(f->path, &is, &e), 0);
	assert_true(list_is_same(&was, &is));

	assert_int_equal(utimensat(AT_FDCWD, f->path, later, 0), 0);
	assert_int_equal(list_stat(f->path, &is, &e), 0);
	assert_false(list_is_same(&was, &is));

	write_list(f, HEAD ROW_8);
	assert_int_equal(utimensat(AT_FDCWD, f->path, times, 0), 0);
	assert_int_equal(list_stat(f->path, &is, &e), 0);
	assert_false(list_is_same(&was, &is));

	assert_int_equal(rename(f->path, old), 0); /* keeps its inode */
	write_list(f, HEAD ROW_7);
	assert_int_equal(utimensat(AT_FDCWD, f->path, times, 0), 0);
	assert_int_equal(list_stat(f->path, &is, &e), 0);
	assert_int_equal(unlink(old), 0);
	assert_false(list_is_same(&was, &is));
}

static void
test_list_skipped_rows_are_told_while_it_is_ok(void **state)
{
	struct feed *f = *state;
	write_list(f, HEAD ROW_7 "8,9 o'clock,,TH6,P80,,,,,,,\n" "9,,TH6\n");

	start(f);

	assert_int_equal(list_state(f->list), LIST_OK);
	assert_int_equal(f->n, 1);
	assert_string_equal(list_last_error(f->list), "2 rows skipped; line 3,"
	    " column 3: start: want ISO 8601, have '9 a'aaaaa'");

	look(f); /* the same again */
	assert_non_null(strstr(list_last_error(f->list), "2 rows skipped"));

	write_list(f, HEAD ROW_7 "9,,TH6\n");
	look(f);
	assert_string_equal(list_last_error(f->list),
	    "1 row skipped; line 3, column 1: row: want 12 fields, have 3");

	write_list(f, HEAD ROW_7);
	look(f);
	assert_string_equal(list_last_error(f->list), "");
}

/* a disk that hangs: the worker is held, the loop is not */
struct gate {
	struct job job; /* first */
	atomic_bool open;
};

static void
gate_work(struct job *j)
{
	while (!atomic_load(&((struct gate *)j)->open))
		(void)poll(NULL, 0, 1);
}

static void
gate_done(struct job *j)
{
	(void)j; /* its owner has it */
}

static void
test_list_without_an_answer_is_stale_until_it_comes(void **state)
{
	struct feed *f = *state;
	struct gate g = { .job = { .work = gate_work, .done = gate_done } };
	write_list(f, HEAD ROW_7);
	start(f);
	pool_submit(f->pool, &g.job);

	list_look(f->list);
	f->now_ns += 29 * CLOCK_S;
	list_look(f->list);
	assert_int_equal(list_state(f->list), LIST_OK);
	f->now_ns += 2 * CLOCK_S;
	list_look(f->list);

	assert_int_equal(list_state(f->list), LIST_STALE);
	assert_string_equal(list_last_error(f->list),
	    "read: want an answer within 30 s, have none");
	assert_int_equal(f->logged, 1);

	atomic_store(&g.open, true);
	drive(f);

	assert_int_equal(list_state(f->list), LIST_OK);
	assert_string_equal(list_last_error(f->list), "");
	assert_int_equal(f->told, 1);
}

int
main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, setup_feed, teardown_feed)
	const struct CMUnitTest tests[] = {
		T(test_list_file_is_told_once_until_it_differs),
		T(test_list_file_that_was_never_there_is_failed_then_ok),
		T(test_list_file_that_turns_bad_leaves_the_last_list),
		T(test_list_half_written_file_has_five_seconds),
		T(test_list_emptied_file_is_half_written_at_first),
		T(test_list_that_is_no_file_is_refused),
		T(test_list_change_is_seen_without_being_asked),
		T(test_list_other_size_time_or_inode_is_another_file),
		T(test_list_case_whose_row_turns_bad_stays_as_it_was),
		T(test_list_skipped_rows_are_told_while_it_is_ok),
		T(test_list_without_an_answer_is_stale_until_it_comes),
		T(test_list_may_be_stopped_while_it_is_read),
		T(test_list_may_be_stopped_by_its_owner_when_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
