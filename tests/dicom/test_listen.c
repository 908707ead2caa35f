/* SPDX-License-Identifier: MIT */
/* Tests of dicom/listen: callers that know the protocol, and their
 * associations between the loop and the workers. */
#include "listen_fixture.h"

#include <sys/resource.h>

#include "base/mem.h"
#include "run/pool.h"

static void
test_listen_request_is_answered_and_counted(void **state)
{
	struct fix *f = *state;

	associate(f);

	assert_int_equal(open_now(), 1);
	assert_int_equal(f->decided, 1);
	assert_int_equal(f->saw_open, 0);
	assert_true(f->local);
	assert_string_equal(f->calling, "TESTER");
	assert_int_equal(f->n_ready, 0); /* nothing to do yet */
}

static void
test_listen_refusal_is_ten_exact_bytes(void **state)
{
	static const struct pdu_reject rows[] = {
	    {1, 1, 7}, {1, 1, 3}, {2, 3, 2}, {1, 1, 2}, {2, 3, 1}};
	struct fix *f = *state;
	f->refuse = true;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const uint8_t want[10] = {3, 0, 0, 0, 0, 4, 0,
		    rows[i].result, rows[i].source, rows[i].reason};
		f->rj = rows[i];
		call(f);
		raw_associate(&f->say, PDU_ASSOCIATE_RQ, 16384);
		say(f);

		(void)hear(f, 10);

		assert_int_equal(f->heard.len, 10);
		assert_memory_equal(f->heard.p, want, 10);
		assert_int_equal(open_now(), 0);
	}
}

static void
test_listen_request_cut_at_any_byte_is_answered(void **state)
{
	struct fix *f = *state;
	struct buf rq;
	buf_init(&rq, RAW_MAX);
	raw_associate(&rq, PDU_ASSOCIATE_RQ, 16384);
	for (size_t at = 1; at < rq.len; at++) {
		call(f);
		buf_add(&f->say, rq.p, at);
		say(f);
		for (int i = 0; i < 3; i++)
			loop_poll(f->l);
		assert_int_equal(f->decided, at - 1);
		buf_add(&f->say, rq.p + at, rq.len - at);
		say(f);

		assert_string_equal(hear(f, 10), "ac");

		assert_int_equal(open_now(), 1);
		raw_any(&f->say, PDU_ABORT);
		say(f);
		poll_ready(f, 1);
		listen_return(f->s, take_ready(f)); /* still open to it */
		poll_ready(f, 1);
		struct assoc *a = take_ready(f);
		struct dimse d;
		uint8_t context = 0;
		assert_int_equal(assoc_receive(a, 0, &d, &context, &f->e),
		    -1);
		listen_return(f->s, a);
		assert_int_equal(open_now(), 0);
	}
	buf_done(&rq);
}

/* A request of ${n} bytes after its head: an unknown item fills it up. */
static void
say_request_of(struct fix *f, uint32_t n)
{
	raw_associate(&f->say, PDU_ASSOCIATE_RQ, 16384);
	while (f->say.len - PDU_HEAD < n) {
		size_t left = n - (f->say.len - PDU_HEAD) - 4;
		uint16_t k = (uint16_t)(left < 60000 ? left : 60000);
		buf_add_u16be(&f->say, 0x7700);
		buf_add_u16be(&f->say, k);
		buf_fill(&f->say, 0xAB, k);
	}
	buf_put_u32be(&f->say, 2, n);
}

static void
test_listen_largest_request_is_answered_a_larger_one_aborted(void **state)
{
	struct fix *f = *state;
	call(f);
	say_request_of(f, PDU_ASSOCIATE_MAX);
	say(f);
	assert_string_equal(hear(f, 10), "ac");

	call(f);
	say_request_of(f, PDU_ASSOCIATE_MAX + 1);
	say(f);

	assert_string_equal(hear(f, 10), "abort 0/0");
}

static void
test_listen_command_with_the_request_is_ready_at_once(void **state)
{
	struct fix *f = *state;
	struct dimse d;
	uint8_t context = 0;
	call(f);
	raw_associate(&f->say, PDU_ASSOCIATE_RQ, 16384);
	raw_command(&f->say, 1, 11, false);
	raw_command(&f->say, 1, 12, false);
	say(f);

	poll_ready(f, 1);

	struct assoc *a = take_ready(f);
	assert_int_equal(assoc_receive(a, 0, &d, &context, &f->e), 1);
	assert_int_equal(d.message_id, 11);
	listen_return(f->s, a); /* with the other still unread */
	assert_int_equal(f->n_ready, 1);
	assert_int_equal(assoc_receive(f->ready[0], 0, &d, &context, &f->e),
	    1);
	assert_int_equal(d.message_id, 12);
}

static void
test_listen_idle_association_is_ready_whenever_it_speaks(void **state)
{
	struct fix *f = *state;
	associate(f);
	for (uint16_t id = 1; id <= 5; id++) {
		struct dimse d;
		uint8_t context = 0;
		loop_poll(f->l);
		assert_int_equal(f->n_ready, 0);
		raw_command(&f->say, 1, id, false);
		say(f);

		poll_ready(f, 1);

		struct assoc *a = take_ready(f);
		assert_int_equal(assoc_receive(a, 0, &d, &context, &f->e),
		    1);
		assert_int_equal(d.message_id, id);
		assert_int_equal(open_now(), 1);
		listen_return(f->s, a);
	}
}

static void
test_listen_rest_of_a_pdu_is_ready_without_more_bytes(void **state)
{
	struct fix *f = *state;
	struct dimse d;
	uint8_t context = 0;
	associate(f);
	/* two commands in one PDU */
	raw_command(&f->say, 1, 1, false);
	size_t one = f->say.len;
	raw_command(&f->say, 1, 2, false);
	memmove(f->say.p + one, f->say.p + one + PDU_HEAD, one - PDU_HEAD);
	f->say.len -= PDU_HEAD;
	buf_put_u32be(&f->say, 2, (uint32_t)(f->say.len - PDU_HEAD));
	say(f);
	poll_ready(f, 1);
	struct assoc *a = take_ready(f);
	assert_int_equal(assoc_receive(a, 0, &d, &context, &f->e), 1);

	listen_return(f->s, a);

	assert_int_equal(f->n_ready, 1);
	assert_int_equal(assoc_receive(f->ready[0], 0, &d, &context, &f->e),
	    1);
	assert_int_equal(d.message_id, 2);
}

static void
test_listen_release_and_abort_and_hang_up_leave_nothing(void **state)
{
	struct fix *f = *state;
	static const int how[] = {PDU_RELEASE_RQ, PDU_ABORT, -1};
	int files = 0;
	for (int round = 0; round < 100; round++)
		for (size_t i = 0; i < COUNT(how); i++) {
			struct dimse d;
			uint8_t context = 0;
			associate(f);
			if (round == 0 && i == 0)
				files = count_files();
			if (how[i] > 0)
				raw_any(&f->say, how[i]);
			say(f);
			assert_int_equal(shutdown(f->fd, SHUT_WR), 0);
			poll_ready(f, 1);
			struct assoc *a = take_ready(f);

			assert_true(assoc_receive(a, 0, &d, &context,
			    &f->e) <= 0);
			listen_return(f->s, a);

			assert_int_equal(open_now(), 0);
			assert_string_equal(hear_end(f),
			    how[i] == PDU_RELEASE_RQ ? "release-rp" : "");
		}
	assert_int_equal(count_files(), files - 1);
}

static void
test_listen_number_of_associations_is_told_and_limited(void **state)
{
	struct fix *f = *state;
	int kept[3];
	f->most = 3;
	f->rj = (struct pdu_reject){2, 3, 2};
	for (unsigned i = 0; i < 3; i++) {
		associate(f);
		assert_int_equal(f->saw_open, i);
		kept[i] = f->fd;
		f->fd = -1;
	}

	call(f);
	raw_associate(&f->say, PDU_ASSOCIATE_RQ, 16384);
	say(f);
	assert_string_equal(hear(f, 10), "rj 2/3/2");
	assert_int_equal(f->saw_open, 3);

	sock_close(&kept[1]); /* one leaves: one may come */
	poll_ready(f, 1);
	struct dimse d;
	uint8_t context = 0;
	struct assoc *a = take_ready(f);
	assert_int_equal(assoc_receive(a, 0, &d, &context, &f->e), 0);
	listen_return(f->s, a);
	associate(f);
	sock_close(&kept[0]);
	sock_close(&kept[2]);
}

/* What decides about a newcomer sees who is here, and how often it came. */
static void
test_listen_who_is_open_and_who_came_lately_is_told(void **state)
{
	struct fix *f = *state;
	int kept[3];
	raw_clock_start(0);
	for (unsigned i = 0; i < 3; i++) {
		associate(f);
		assert_int_equal(f->saw_recent, i);
		kept[i] = f->fd;
		f->fd = -1;
	}
	associate(f);
	assert_int_equal(f->saw_open, 3);
	assert_string_equal(f->saw_last.host, "127.0.0.1");
	assert_string_equal(f->saw_last.calling, "TESTER");
	assert_true(f->saw_last.local);

	/* a second later nobody came lately */
	sock_close(&f->fd);
	raw_clock_jump(1001);
	associate(f);

	assert_int_equal(f->saw_recent, 0);
	for (unsigned i = 0; i < 3; i++)
		sock_close(&kept[i]);
}

static void
test_listen_idle_too_long_is_aborted(void **state)
{
	struct fix *f = *state;
	listen_at(f, 0);
	call(f);
	raw_associate(&f->say, PDU_ASSOCIATE_RQ, 16384);
	say(f);
	(void)hear(f, 10);

	(void)hear(f, f->heard.len + 10);

	assert_string_equal(f->words, "ac abort 0/0");
	assert_int_equal(open_now(), 0);
	assert_int_equal(f->n_ready, 0);
}

static void
test_listen_stop_tells_the_idle_and_closes_the_port(void **state)
{
	struct fix *f = *state;
	uint16_t port = listen_port(f->s);
	int silent = raw_connect(port);
	associate(f);
	raw_command(&f->say, 1, 1, false);
	say(f);
	poll_ready(f, 1);
	int busy = f->fd;
	f->fd = -1;
	associate(f);

	listen_stop(f->s);

	assert_string_equal(hear_end(f), "abort 0/0");
	assert_int_equal(raw_connect(port), -1);
	assert_true(raw_read(silent, &f->heard));
	/* one at work comes home to a closed house */
	assert_int_equal(open_now(), 1);
	listen_return(f->s, take_ready(f));
	assert_int_equal(open_now(), 0);
	buf_clear(&f->heard);
	(void)raw_read(busy, &f->heard); /* reset, after unread bytes */
	sock_close(&silent);
	sock_close(&busy);
}

static void
test_listen_association_home_after_the_stop_is_aborted(void **state)
{
	struct fix *f = *state;
	struct dimse d;
	uint8_t context = 0;
	associate(f);
	raw_command(&f->say, 1, 1, false);
	say(f);
	poll_ready(f, 1);
	assert_int_equal(assoc_receive(f->ready[0], 0, &d, &context, &f->e),
	    1);

	listen_stop(f->s);
	listen_return(f->s, take_ready(f));

	assert_string_equal(hear_end(f), "abort 0/0");
}

static void
test_listen_port_in_use_is_told(void **state)
{
	struct fix *f = *state;
	const struct listen_ports ports = {.ctx = f, .decide = on_decide,
	    .ready = on_ready};

	struct listener *s = listen_start(f->l, "127.0.0.1",
	    listen_port(f->s), IDLE_MS, &ports, &f->e);

	assert_null(s);
	assert_int_equal(f->e.code, ERR_NET);
	s = listen_start(f->l, "no address", 0, IDLE_MS, &ports, &f->e);
	assert_null(s);
	assert_int_equal(f->e.code, ERR_NET);
}

/* No descriptor is left for the caller that knocks: the port rests, or the
 * loop would do nothing but be refused. */
static void
test_listen_without_descriptors_rests_and_does_not_spin(void **state)
{
	struct fix *f = *state;
	struct rlimit old, none;
	call(f); /* waits in the backlog */
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = 3; /* all of them are taken */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);

	for (int i = 0; i < 100; i++)
		loop_poll(f->l);

	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(f->lines, 1);
}

/* The whole way, with workers: each job takes one command and answers. */
struct errand {
	struct job job; /* first */
	struct fix *f;
	struct assoc *a;
};

struct house {
	struct fix *f;
	struct pool *pool;
	atomic_uint served;
};

static struct house house;

static void
errand_work(struct job *j)
{
	struct errand *r = (struct errand *)j;
	struct err e;
	struct dimse d;
	uint8_t context = 0;
	if (assoc_receive(r->a, 5000, &d, &context, &e) != 1)
		return;
	struct dimse rsp = dimse_response(&d, DIMSE_SUCCESS);
	if (assoc_send(r->a, context, &rsp, NULL, 0, &e) == 0)
		(void)atomic_fetch_add(&house.served, 1);
}

static void
errand_done(struct job *j)
{
	struct errand *r = (struct errand *)j;
	listen_return(r->f->s, r->a);
	mem_free(r);
}

static void
on_ready_work(void *ctx, struct assoc *take)
{
	struct errand *r = mem_new(struct errand);
	r->job = (struct job){.work = errand_work, .done = errand_done};
	r->f = ctx;
	r->a = take;
	pool_submit(house.pool, &r->job);
}

#define CALLERS 6
#define ECHOES 20

struct caller {
	pthread_t thread;
	uint16_t port;
	int rc;
	unsigned answered;
};

static void *
caller_run(void *ctx)
{
	struct caller *c = ctx;
	static const struct assoc_proposal proposals[] = {
	    {ECHO_CLASS, IMPLICIT_LE, false}};
	struct assoc_ask ask = {.host = "127.0.0.1", .port = c->port,
	    .calling = "TESTER", .called = "UNDERSTUDY",
	    .proposals = proposals, .n_proposals = 1};
	struct assoc *a = NULL;
	struct err e;
	c->rc = assoc_request(&a, &ask, &e);
	for (uint16_t id = 1; c->rc == 0 && id <= ECHOES; id++) {
		struct dimse rq = {.command = DIMSE_C_ECHO_RQ,
		    .message_id = id}, rsp;
		uint8_t context = 0;
		(void)str_copy(rq.class_uid, UID_SIZE, ECHO_CLASS);
		c->rc = assoc_send(a, 1, &rq, NULL, 0, &e);
		if (c->rc == 0 && assoc_receive(a, 10000, &rsp, &context,
		    &e) == 1)
			c->answered += rsp.message_id == id;
	}
	assoc_release(&a);
	return NULL;
}

static void
test_listen_associations_go_to_workers_and_back(void **state)
{
	struct fix *f = *state;
	const struct listen_ports ports = {.ctx = f, .decide = on_decide,
	    .ready = on_ready_work};
	struct caller callers[CALLERS] = {{.rc = -1}};
	listen_free(&f->s);
	f->s = listen_start(f->l, "127.0.0.1", 0, IDLE_MS, &ports, &f->e);
	house.pool = pool_new(f->l, "errand", 3, &f->e);
	atomic_store(&house.served, 0);
	for (int i = 0; i < CALLERS; i++) {
		callers[i].port = listen_port(f->s);
		assert_int_equal(pthread_create(&callers[i].thread, NULL,
		    caller_run, &callers[i]), 0);
	}

	/* until all were served and have left */
	unsigned want = CALLERS * ECHOES;
	while (atomic_load(&house.served) < want || open_now() > 0) {
		loop_poll(f->l);
		(void)poll(NULL, 0, 0); /* let the others run */
	}

	for (int i = 0; i < CALLERS; i++) {
		assert_int_equal(pthread_join(callers[i].thread, NULL), 0);
		assert_int_equal(callers[i].rc, 0);
		assert_int_equal(callers[i].answered, ECHOES);
	}
	pool_free(&house.pool);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_listen_request_is_answered_and_counted),
	    TEST(test_listen_refusal_is_ten_exact_bytes),
	    TEST(test_listen_request_cut_at_any_byte_is_answered),
	    TEST(test_listen_largest_request_is_answered_a_larger_one_aborted),
	    TEST(test_listen_command_with_the_request_is_ready_at_once),
	    TEST(test_listen_idle_association_is_ready_whenever_it_speaks),
	    TEST(test_listen_rest_of_a_pdu_is_ready_without_more_bytes),
	    TEST(test_listen_release_and_abort_and_hang_up_leave_nothing),
	    TEST(test_listen_number_of_associations_is_told_and_limited),
	    TEST(test_listen_who_is_open_and_who_came_lately_is_told),
	    TEST(test_listen_idle_too_long_is_aborted),
	    TEST(test_listen_stop_tells_the_idle_and_closes_the_port),
	    TEST(test_listen_association_home_after_the_stop_is_aborted),
	    TEST(test_listen_port_in_use_is_told),
	    TEST(test_listen_without_descriptors_rests_and_does_not_spin),
	    TEST(test_listen_associations_go_to_workers_and_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
