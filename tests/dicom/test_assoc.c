/* SPDX-License-Identifier: MIT */
/* Tests of dicom/assoc: what was agreed, stopping, asking and sending. */
#include "assoc_fixture.h"

#include <sched.h>

#include "base/mem.h"

static void
test_assoc_contexts_are_found_by_class_and_syntax(void **state)
{
	struct fix *f = *state;
	struct assoc_context c;

	assert_int_equal(assoc_find(f->a, ECHO_CLASS, NULL), 1);
	assert_int_equal(assoc_find(f->a, ECHO_CLASS, IMPLICIT_LE), 1);
	assert_int_equal(assoc_find(f->a, ECHO_CLASS, EXPLICIT_LE), 0);
	assert_int_equal(assoc_find(f->a, MR_CLASS, EXPLICIT_LE), 3);
	/* proposed, but another was chosen */
	assert_int_equal(assoc_find(f->a, MR_CLASS, IMPLICIT_LE), 0);
	assert_true(assoc_context(f->a, 3, &c));
	assert_string_equal(c.abstract, MR_CLASS);
	assert_string_equal(c.syntax, EXPLICIT_LE);
	assert_false(assoc_context(f->a, 2, &c));
	assert_false(assoc_context(f->a, 255, &c));
	assert_string_equal(assoc_calling(f->a), "TESTER");
}

/* A worker that waits; what it got is looked at after it was joined. */
struct waiter {
	struct fix *f;
	bool for_data;
	int rc;
	struct err e;
};

static void *
waiter_run(void *ctx)
{
	struct waiter *w = ctx;
	struct dimse d;
	uint8_t context = 0;
	w->rc = w->for_data ?
	    assoc_receive_data(w->f->a, 600000, sink_keep, w->f, &w->e) :
	    assoc_receive(w->f->a, 600000, &d, &context, &w->e);
	return NULL;
}

static void
test_assoc_stop_ends_a_waiting_receive_at_once(void **state)
{
	struct fix *f = *state;
	for (int i = 0; i < 4; i++) {
		struct waiter w = {.f = f, .for_data = i % 2 == 1};
		pthread_t thread;
		f->stop.asked = false; /* of the round before */
		again(f);
		assert_int_equal(pthread_create(&thread, NULL, waiter_run,
		    &w), 0);

		/* before, while or after it begins to wait: all the same */
		assoc_stop_ask(&f->stop);
		assoc_stop_ask(&f->stop);
		assert_int_equal(pthread_join(thread, NULL), 0);

		assert_int_equal(w.rc, -1);
		assert_int_equal(w.e.code, ERR_CANCELLED);
		assert_false(assoc_is_open(f->a));
	}
}

static void
test_assoc_stop_ends_a_receive_that_already_waits(void **state)
{
	struct fix *f = *state;
	struct waiter w = {.f = f};
	pthread_t thread;
	/* the clock counts its readings: the third is that of the wait */
	raw_clock_start(0);
	atomic_store(&raw_clock_step_ns, 1);
	assert_int_equal(pthread_create(&thread, NULL, waiter_run, &w), 0);
	while (atomic_load(&raw_clock_ns) < CLOCK_S + 2)
		(void)sched_yield(); /* only polite */

	assoc_stop_ask(&f->stop);
	assert_int_equal(pthread_join(thread, NULL), 0);

	assert_int_equal(w.rc, -1);
	assert_int_equal(w.e.code, ERR_CANCELLED);
}

static void
test_assoc_stop_is_heeded_though_data_has_come(void **state)
{
	struct fix *f = *state;
	raw_command(&f->say, 1, 1, false);
	say(f);

	assoc_stop_ask(&f->stop);

	assert_int_equal(receive(f), -1);
	assert_int_equal(f->e.code, ERR_CANCELLED);
}

static void
test_assoc_stop_asked_before_holds_for_a_new_association(void **state)
{
	struct fix *f = *state;
	struct assoc_stop other;
	assoc_stop_init(&other);
	assoc_stop_ask(&other);

	assoc_set_stop(f->a, &other);

	assert_int_equal(receive(f), -1);
	assert_int_equal(f->e.code, ERR_CANCELLED);
	assoc_set_stop(f->a, NULL);
	assoc_stop_ask(&f->stop); /* not its any more: nothing happens */
	assoc_stop_done(&other);
}

/* A peer that hears to the end, in a thread. */
struct hearer {
	int fd;
	struct buf heard;
};

static void *
hearer_run(void *ctx)
{
	struct hearer *h = ctx;
	raw_read_end(h->fd, &h->heard);
	return NULL;
}

/* The messages in what was heard, put together again; every PDU's length is
 * checked against ${max} on the way. Returns the number of PDUs, 0 when a
 * rule is broken. */
static unsigned
rejoin(const struct buf *heard, uint32_t max, struct buf *command,
    struct buf *data)
{
	struct err e;
	size_t at = 0;
	unsigned n = 0;
	bool command_ended = false, data_ended = false;
	while (at + PDU_HEAD <= heard->len) {
		enum pdu_type type = PDU_ABORT;
		uint32_t len = 0;
		struct pdv v = {0};
		if (pdu_parse_head(heard->p + at, &type, &len, &e) != 0 ||
		    type != PDU_DATA || len > max)
			return 0;
		struct cur c = cur_of(heard->p + at + PDU_HEAD, len);
		if (pdu_next_pdv(&c, &v, &e) != 1 || v.context != 3)
			return 0;
		bool *ended = v.is_command ? &command_ended : &data_ended;
		if (*ended || (v.n % 2 != 0 && !v.is_last) ||
		    (!v.is_command && !command_ended))
			return 0;
		*ended = v.is_last;
		if (v.n > 0)
			buf_add(v.is_command ? command : data, v.p, v.n);
		at += PDU_HEAD + len;
		n++;
	}
	return at == heard->len && command_ended && data_ended ? n : 0;
}

static struct dimse
a_store(void)
{
	struct dimse d = {.command = DIMSE_C_STORE_RQ, .message_id = 1,
	    .has_data = true};
	(void)str_copy(d.class_uid, UID_SIZE, MR_CLASS);
	(void)str_copy(d.instance_uid, UID_SIZE, "1.2.3");
	return d;
}

/* Send ${n} bytes to a peer that takes ${peer_max} a PDU. */
static void
send_and_check(struct fix *f, uint32_t peer_max, uint32_t real_max, size_t n)
{
	struct hearer h = {.fd = -1};
	struct buf bytes, command, data;
	struct dimse d = a_store();
	pthread_t thread;
	buf_init(&bytes, RAW_MAX);
	buf_init(&command, RAW_MAX);
	buf_init(&data, RAW_MAX);
	buf_init(&h.heard, 2 * RAW_MAX);
	for (size_t i = 0; i < n; i++)
		buf_add_u8(&bytes, (uint8_t)(i * 31 + i / 251));
	assoc_drop(&f->a);
	sock_close(&f->peer);
	f->a = raw_assoc(&f->peer, UL_STA6, peer_max, NULL);
	assert_non_null(f->a);
	h.fd = f->peer;
	assert_int_equal(pthread_create(&thread, NULL, hearer_run, &h), 0);

	int rc = assoc_send(f->a, 3, &d, n == 0 ? (const void *)"" : bytes.p,
	    n, &f->e);
	assoc_drop(&f->a);
	assert_int_equal(pthread_join(thread, NULL), 0);

	assert_int_equal(rc, 0);
	if (rejoin(&h.heard, real_max, &command, &data) == 0 ||
	    data.len != n || (n > 0 && memcmp(data.p, bytes.p, n) != 0) ||
	    dimse_parse(command.p, command.len, &d, &f->e) != 0)
		fail_msg("peer max %u, %zu bytes", (unsigned)peer_max, n);
	buf_done(&bytes);
	buf_done(&command);
	buf_done(&data);
	buf_done(&h.heard);
}

static void
test_assoc_send_cuts_to_the_peers_size(void **state)
{
	static const struct {
		uint32_t asked, real;
	} maxima[] = {
	    {128, 128}, {129, 129}, {255, 255}, {16384, 16384},
	    {131072, 131072}, {0, PDU_DATA_MAX}, /* no limit: ours */
	    {0xFFFFFFFF, PDU_DATA_MAX},
	    {1, ASSOC_PEER_MIN}, /* nonsense: what can be done */
	};
	static const size_t sizes[] = {0, 1, 2, 121, 122, 123, 244, 16377,
	    16378, 16379, 131065, 131066, 131067, 300001};
	struct fix *f = *state;
	for (size_t m = 0; m < COUNT(maxima); m++)
		for (size_t i = 0; i < COUNT(sizes); i++)
			send_and_check(f, maxima[m].asked, maxima[m].real,
			    sizes[i]);
}

static void
test_assoc_send_five_megabytes_arrive_as_they_are(void **state)
{
	struct fix *f = *state;
	send_and_check(f, 16384, 16384, 5 * 1024 * 1024 + 1);
	send_and_check(f, 0, PDU_DATA_MAX, 5 * 1024 * 1024 + 1);
}

static void
test_assoc_send_without_data_is_one_pdu(void **state)
{
	struct fix *f = *state;
	struct dimse d = {.command = DIMSE_C_ECHO_RQ, .message_id = 3};
	(void)str_copy(d.class_uid, UID_SIZE, ECHO_CLASS);

	assert_int_equal(assoc_send(f->a, 1, &d, NULL, 0, &f->e), 0);

	struct buf want;
	buf_init(&want, 4096);
	raw_command(&want, 1, 3, false);
	(void)hear(f);
	assert_int_equal(f->heard.len, want.len);
	assert_memory_equal(f->heard.p, want.p, want.len);
	buf_done(&want);
}

/* A clock by which every wait has been too long, and the peer reads on only
 * when the send has been given up (the third reading). */
struct late_reader {
	struct fix *f;
	int readings;
};

static int64_t
late_reader_ns(void *ctx)
{
	struct late_reader *r = ctx;
	if (++r->readings > 2)
		(void)raw_read(r->f->peer, &r->f->heard); /* make room */
	return r->readings * 2 * ASSOC_SEND_MS * CLOCK_MS;
}

/* What the peer took before it stopped reading must not be completed by an
 * abort that it would take for the rest of the data set. */
static void
test_assoc_send_to_a_peer_that_does_not_read_ends_torn(void **state)
{
	struct fix *f = *state;
	struct dimse d = a_store();
	uint8_t *bytes = mem_new_n(uint8_t, 4 * 1024 * 1024);
	memset(bytes, 0xEE, 4 * 1024 * 1024);
	struct late_reader r = {.f = f};
	const struct clock_source slow = {.uptime_ns = late_reader_ns,
	    .continuous_ns = late_reader_ns, .utc_ms = late_reader_ns,
	    .ctx = &r};
	clock_set_source(&slow);

	int rc = assoc_send(f->a, 3, &d, bytes, 4 * 1024 * 1024, &f->e);

	assert_int_equal(rc, -1);
	assert_int_equal(f->e.code, ERR_TIMEOUT);
	assert_false(assoc_is_open(f->a));
	assoc_abort(&f->a);
	raw_read_end(f->peer, &f->heard);
	clock_set_source(NULL);
	assert_true(f->heard.len > 1000);
	for (size_t i = f->heard.len - 10; i < f->heard.len; i++)
		assert_int_equal(f->heard.p[i], 0xEE);
	mem_free(bytes);
}

static void
test_assoc_send_to_a_peer_that_left_fails(void **state)
{
	struct fix *f = *state;
	struct dimse d = a_store();
	sock_close(&f->peer);

	assert_int_equal(assoc_send(f->a, 3, &d, "ab", 2, &f->e), -1);

	assert_int_equal(f->e.code, ERR_NET);
	assert_false(assoc_is_open(f->a));
	assert_int_equal(assoc_send(f->a, 3, &d, "ab", 2, &f->e), -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_assoc_contexts_are_found_by_class_and_syntax),
	    TEST(test_assoc_stop_ends_a_waiting_receive_at_once),
	    TEST(test_assoc_stop_ends_a_receive_that_already_waits),
	    TEST(test_assoc_stop_is_heeded_though_data_has_come),
	    TEST(test_assoc_stop_asked_before_holds_for_a_new_association),
	    TEST(test_assoc_send_cuts_to_the_peers_size),
	    TEST(test_assoc_send_five_megabytes_arrive_as_they_are),
	    TEST(test_assoc_send_without_data_is_one_pdu),
	    TEST(test_assoc_send_to_a_peer_that_does_not_read_ends_torn),
	    TEST(test_assoc_send_to_a_peer_that_left_fails),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
