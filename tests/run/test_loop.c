/* SPDX-License-Identifier: MIT */
/* Tests of run/loop: on real pipes and signals, on a fake clock for time. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <time.h>

#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/stats.h"
#include "run/loop.h"

#define POLLS_MAX 10000 /* a test that needs more has failed */

struct fix {
	struct loop *l;
	struct loop_io *io[2];
	struct loop_timer *timer[3];
	struct loop_signal *sig;
	int fd[2][2];
	int64_t uptime_ns, continuous_ns, utc_ms;
	unsigned n; /* calls counted */
	int last;
	int64_t asleep_ms, stepped_ms;
	char order[32];
	char line[256];
	unsigned lines;
};

static int
setup(void **state)
{
	static struct fix f;
	struct err e = {0};
	f = (struct fix){.fd = {{-1, -1}, {-1, -1}}};
	f.l = loop_new(&e);
	*state = &f;
	for (int i = 0; i < 2; i++) {
		if (pipe(f.fd[i]) != 0)
			return -1;
	}
	return f.l == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	struct fix *f = *state;
	loop_free(&f->l);
	for (int i = 0; i < 4; i++)
		(void)close(f->fd[i / 2][i % 2]); /* may be closed already */
	clock_set_source(NULL);
	log_set_sink(NULL, NULL);
	return 0;
}

static void
ring_pipe(struct fix *f, int i)
{
	assert_int_equal(write(f->fd[i][1], "x", 1), 1);
}

/* Poll until ${f->n} is ${n}. */
static void
poll_until(struct fix *f, unsigned n)
{
	static const struct timespec ms = {.tv_nsec = 1000000};
	for (unsigned i = 0; i < POLLS_MAX && f->n < n; i++) {
		if (i > POLLS_MAX / 2) /* others run here too */
			(void)nanosleep(&ms, NULL);
		loop_poll(f->l);
	}
	assert_int_equal(f->n, n);
}

static void
on_count(void *ctx)
{
	struct fix *f = ctx;
	f->n++;
}

static void
on_read(void *ctx, int events)
{
	struct fix *f = ctx;
	f->n++;
	f->last = events;
}

static void
on_read_stop_both(void *ctx, int events)
{
	struct fix *f = ctx;
	(void)events; /* only reading was asked for */
	f->n++;
	loop_io_stop(&f->io[0]);
	loop_io_stop(&f->io[1]);
}

static void
test_loop_io_readable_pipe_calls_until_stopped(void **state)
{
	struct fix *f = *state;
	f->io[0] = loop_io_start(f->l, f->fd[0][0], LOOP_READ, on_read, f);
	loop_poll(f->l);
	assert_int_equal(f->n, 0);

	ring_pipe(f, 0);
	loop_poll(f->l);
	loop_poll(f->l);
	loop_io_stop(&f->io[0]);
	loop_poll(f->l);

	assert_int_equal(f->n, 2);
	assert_int_equal(f->last, LOOP_READ);
	assert_null(f->io[0]);
}

static void
test_loop_io_writable_pipe_is_told_as_such(void **state)
{
	struct fix *f = *state;
	f->io[0] = loop_io_start(f->l, f->fd[0][1], LOOP_WRITE, on_read, f);

	loop_poll(f->l);

	assert_int_equal(f->n, 1);
	assert_int_equal(f->last, LOOP_WRITE);
	loop_io_stop(&f->io[0]);
	loop_io_stop(&f->io[0]); /* nothing twice */
}

static void
test_loop_io_stopping_a_pending_one_in_a_callback_is_safe(void **state)
{
	struct fix *f = *state;
	for (int i = 0; i < 2; i++) {
		f->io[i] = loop_io_start(f->l, f->fd[i][0], LOOP_READ,
		    on_read_stop_both, f);
		ring_pipe(f, i);
	}

	loop_poll(f->l);
	loop_poll(f->l);

	assert_int_equal(f->n, 1);
	assert_null(f->io[0]);
	assert_null(f->io[1]);
}

static void
on_timer_stop_others(void *ctx)
{
	struct fix *f = ctx;
	f->n++;
	for (int i = 0; i < 3; i++)
		loop_timer_stop(&f->timer[i]);
}

static void
on_timer_0(void *ctx)
{
	struct fix *f = ctx;
	f->timer[0] = NULL;
	on_timer_stop_others(ctx);
}

static void
test_loop_timer_stopping_a_due_one_in_a_callback_is_safe(void **state)
{
	struct fix *f = *state;
	f->timer[0] = loop_timer_start(f->l, 0, on_timer_0, f);
	f->timer[1] = loop_timer_start(f->l, 3600 * 1000, on_count, f);
	f->timer[2] = loop_timer_start(f->l, 3600 * 1000, on_count, f);

	poll_until(f, 1);
	loop_poll(f->l);

	assert_int_equal(f->n, 1);
	assert_null(f->timer[2]);
}

static void
test_loop_timer_fires_once(void **state)
{
	struct fix *f = *state;
	(void)loop_timer_start(f->l, -5, on_count, f); /* fires at once */

	poll_until(f, 1);
	for (int i = 0; i < 10; i++)
		loop_poll(f->l);

	assert_int_equal(f->n, 1);
}

static void
on_signal(void *ctx, int signum)
{
	struct fix *f = ctx;
	f->n++;
	f->last = signum;
	loop_signal_stop(&f->sig);
}

static void
test_loop_signal_arrives_on_the_loop(void **state)
{
	struct fix *f = *state;
	f->sig = loop_signal_start(f->l, SIGUSR1, on_signal, f);

	assert_int_equal(raise(SIGUSR1), 0);
	assert_int_equal(f->n, 0);
	poll_until(f, 1);

	assert_int_equal(f->last, SIGUSR1);
	assert_null(f->sig);
}

static void
test_loop_sigpipe_is_ignored(void **state)
{
	struct fix *f = *state;
	(void)close(f->fd[0][0]); /* so that writing fails */

	ssize_t n = write(f->fd[0][1], "x", 1);

	assert_int_equal(n, -1);
}

static void
on_letter(struct fix *f, char letter)
{
	size_t n = strlen(f->order);
	assert_true(n + 1 < sizeof(f->order));
	f->order[n] = letter;
}

static void
on_b(void *ctx)
{
	on_letter(ctx, 'b');
}

static void
on_a(void *ctx)
{
	struct fix *f = ctx;
	on_letter(f, 'a');
	loop_post(f->l, on_b, f);
}

static void
on_c(void *ctx)
{
	on_letter(ctx, 'c');
}

static void
test_loop_posts_run_in_order_and_new_ones_after(void **state)
{
	struct fix *f = *state;
	loop_post(f->l, on_a, f);
	loop_post(f->l, on_c, f);

	loop_poll(f->l);
	assert_string_equal(f->order, "ac");
	loop_poll(f->l);

	assert_string_equal(f->order, "acb");
}

static void
test_loop_free_runs_what_is_posted_and_what_that_posts(void **state)
{
	struct fix *f = *state;
	loop_post(f->l, on_a, f);
	(void)loop_timer_start(f->l, 0, on_c, f); /* left to loop_free */
	(void)loop_io_start(f->l, f->fd[0][0], LOOP_READ, on_read, f); /* too */

	loop_free(&f->l);

	assert_string_equal(f->order, "ab");
	assert_null(f->l);
}

#define POSTERS 4
#define POSTS 250

static void *
post_many(void *arg)
{
	struct fix *f = arg;
	for (int i = 0; i < POSTS; i++)
		loop_post(f->l, on_count, f);
	loop_post(f->l, on_count, f);
	return NULL;
}

static void
test_loop_posts_of_threads_all_arrive(void **state)
{
	struct fix *f = *state;
	pthread_t t[POSTERS];
	for (int i = 0; i < POSTERS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, post_many, f), 0);

	while (f->n < POSTERS * (POSTS + 1))
		loop_poll(f->l);

	for (int i = 0; i < POSTERS; i++) {
		assert_int_equal(pthread_join(t[i], NULL), 0);
	}
	assert_int_equal(f->n, POSTERS * (POSTS + 1));
}

static void *
stop_loop(void *arg)
{
	struct fix *f = arg;
	loop_stop(f->l);
	return NULL;
}

static void
test_loop_stop_of_another_thread_ends_the_run(void **state)
{
	struct fix *f = *state;
	pthread_t t;
	assert_int_equal(pthread_create(&t, NULL, stop_loop, f), 0);

	loop_run(f->l); /* before or after the stop: it returns */

	assert_int_equal(pthread_join(t, NULL), 0);
}

static int64_t
fake_uptime(void *ctx)
{
	return ((struct fix *)ctx)->uptime_ns;
}

static int64_t
fake_continuous(void *ctx)
{
	return ((struct fix *)ctx)->continuous_ns;
}

static int64_t
fake_utc(void *ctx)
{
	return ((struct fix *)ctx)->utc_ms;
}

static void
fake_time(struct fix *f)
{
	static struct clock_source src = {fake_uptime, fake_continuous,
	    fake_utc, NULL};
	src.ctx = f;
	clock_set_source(&src);
}

static void
pass_time(struct fix *f, int64_t awake_s, int64_t asleep_s, int64_t step_s)
{
	f->uptime_ns += awake_s * CLOCK_S;
	f->continuous_ns += (awake_s + asleep_s) * CLOCK_S;
	f->utc_ms += (awake_s + asleep_s + step_s) * 1000;
}

static void
on_gap(void *ctx, int64_t asleep_ms, int64_t stepped_ms)
{
	struct fix *f = ctx;
	f->n++;
	f->asleep_ms = asleep_ms;
	f->stepped_ms = stepped_ms;
	loop_timer_stop(&f->timer[0]);
}

static void
test_loop_gap_table(void **state)
{
	struct fix *f = *state;
	static const struct {
		const char *name;
		int64_t awake_s, asleep_s, step_s;
		unsigned calls;
	} rows[] = {
	    {"a quiet day", 86400, 0, 0, 0},
	    {"a nap below the limit", 10, 2, 0, 0},
	    {"a night's sleep", 10, 36000, 0, 1},
	    {"the clock was late", 10, 0, 3600, 1},
	    {"the clock was early", 10, 0, -3600, 1},
	    {"a small correction", 10, 0, -1, 0},
	    {"asleep and wrong", 10, 600, -600, 1},
	};
	fake_time(f);
	loop_on_gap(f->l, on_gap, f);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		f->n = 0;
		pass_time(f, rows[i].awake_s, rows[i].asleep_s,
		    rows[i].step_s);
		loop_poll(f->l);
		if (f->n != rows[i].calls)
			fail_msg("%s: want %u, have %u", rows[i].name,
			    rows[i].calls, f->n);
		if (f->n == 1 && (f->asleep_ms != rows[i].asleep_s * 1000 ||
		    f->stepped_ms != rows[i].step_s * 1000))
			fail_msg("%s: wrong amounts", rows[i].name);
	}
}

static void
test_loop_gap_handler_may_stop_a_timer_that_is_due(void **state)
{
	struct fix *f = *state;
	fake_time(f);
	loop_on_gap(f->l, on_gap, f);
	f->timer[0] = loop_timer_start(f->l, 0, on_c, f);

	pass_time(f, 1, 3600, 0);
	loop_poll(f->l);
	loop_poll(f->l);

	assert_int_equal(f->n, 1);
	assert_string_equal(f->order, "");
	assert_null(f->timer[0]);
}

static void
sink(void *ctx, enum log_level level, const char *line)
{
	struct fix *f = ctx;
	(void)level; /* only the warning comes */
	f->lines++;
	(void)snprintf(f->line, sizeof(f->line), "%s", line);
}

static void
on_slow(void *ctx)
{
	struct fix *f = ctx;
	f->uptime_ns += f->n * CLOCK_MS;
}

static void
test_loop_slow_callback_is_counted_and_warned_about(void **state)
{
	struct fix *f = *state;
	log_open(LOG_WARN, NULL);
	log_set_sink(sink, f);
	fake_time(f);
	int64_t before = stats_get(STAT_LOOP_SLOW);

	f->n = 50;
	loop_post(f->l, on_slow, f);
	loop_poll(f->l);
	assert_int_equal(f->lines, 0);
	f->n = 51;
	loop_post(f->l, on_slow, f);
	loop_poll(f->l);

	assert_int_equal(f->lines, 1);
	assert_int_equal(stats_get(STAT_LOOP_SLOW), before + 1);
	assert_non_null(strstr(f->line, "run.loop.slow"));
	assert_non_null(strstr(f->line, "what=post fn=loop_new"));
	assert_non_null(strstr(f->line, "ms=51 action=continued"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_loop_io_readable_pipe_calls_until_stopped),
	    T(test_loop_io_writable_pipe_is_told_as_such),
	    T(test_loop_io_stopping_a_pending_one_in_a_callback_is_safe),
	    T(test_loop_timer_stopping_a_due_one_in_a_callback_is_safe),
	    T(test_loop_timer_fires_once),
	    T(test_loop_signal_arrives_on_the_loop),
	    T(test_loop_sigpipe_is_ignored),
	    T(test_loop_posts_run_in_order_and_new_ones_after),
	    T(test_loop_free_runs_what_is_posted_and_what_that_posts),
	    T(test_loop_posts_of_threads_all_arrive),
	    T(test_loop_stop_of_another_thread_ends_the_run),
	    T(test_loop_gap_table),
	    T(test_loop_gap_handler_may_stop_a_timer_that_is_due),
	    T(test_loop_slow_callback_is_counted_and_warned_about),
	};
	return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
