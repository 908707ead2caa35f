/* SPDX-License-Identifier: MIT */
/* Tests of dicom/listen: callers that do not know the protocol, break it, or
 * say nothing (PS3.8 table 9-10, Sta2 and Sta13). */
#include "listen_fixture.h"

#include <stdlib.h>

/* The port still serves: who calls properly is accepted. */
static void
want_service(struct fix *f)
{
	unsigned open = open_now();
	associate(f);
	assert_int_equal(open_now(), open + 1);
}

static void
test_listen_awaiting_every_pdu_meets_the_tables_action(void **state)
{
	static const struct {
		int type;
		const char *words;
	} rows[] = {
	    {PDU_ASSOCIATE_RQ, "ac"}, /* AE-6, AE-7 */
	    {PDU_ASSOCIATE_AC, "abort 0/0"}, /* AA-1 */
	    {PDU_ASSOCIATE_RJ, "abort 0/0"},
	    {PDU_DATA, "abort 0/0"},
	    {PDU_RELEASE_RQ, "abort 0/0"},
	    {PDU_RELEASE_RP, "abort 0/0"},
	    {PDU_ABORT, ""}, /* AA-2 */
	    {0, "abort 0/0"},
	    {8, "abort 0/0"},
	    {0x80, "abort 0/0"},
	    {0xFF, "abort 0/0"},
	};
	struct fix *f = *state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		call(f);
		raw_any(&f->say, rows[i].type);
		say(f);

		const char *have = hear(f, 10);

		if (!str_eq(have, rows[i].words))
			fail_msg("PDU type %d: want '%s', have '%s'",
			    rows[i].type, rows[i].words, have);
		assert_int_equal(open_now(), i == 0);
		if (i == 0) /* the one that stays */
			listen_at(f, IDLE_MS);
	}
}

/* Sta13, after a rejection. */
static void
test_listen_refused_every_pdu_meets_the_tables_action(void **state)
{
	static const struct {
		int type;
		const char *words; /* behind the rejection */
	} rows[] = {
	    {PDU_ASSOCIATE_RQ, "rj 1/1/7 abort 2/2"}, /* AA-7 */
	    {PDU_ASSOCIATE_AC, "rj 1/1/7"}, /* AA-6 */
	    {PDU_ASSOCIATE_RJ, "rj 1/1/7"},
	    {PDU_DATA, "rj 1/1/7"},
	    {PDU_RELEASE_RQ, "rj 1/1/7"},
	    {PDU_RELEASE_RP, "rj 1/1/7"},
	    {PDU_ABORT, "rj 1/1/7"}, /* AA-2 */
	    {0, "rj 1/1/7 abort 2/1"},
	    {0xFF, "rj 1/1/7 abort 2/1"},
	};
	struct fix *f = *state;
	f->refuse = true;
	f->rj = (struct pdu_reject){1, 1, 7};
	for (size_t i = 0; i < 2 * COUNT(rows); i++) {
		call(f);
		raw_associate(&f->say, PDU_ASSOCIATE_RQ, 16384);
		if (i % 2 == 0) { /* at once, or when the answer is there */
			say(f);
			assert_string_equal(hear(f, 10), "rj 1/1/7");
		}
		raw_any(&f->say, rows[i / 2].type);
		say(f);
		if (rows[i / 2].type != PDU_ABORT) /* that is an end itself */
			assert_int_equal(shutdown(f->fd, SHUT_WR), 0);

		assert_string_equal(hear_end(f), rows[i / 2].words);
	}
}

/* Security case D10: what else knocks at a port. */
static void
test_listen_other_protocols_are_turned_away(void **state)
{
	static const struct {
		const char *name, *bytes;
		size_t n;
	} rows[] = {
	    {"HTTP", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27},
	    {"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03\x55\x66",
	        13},
	    {"SSH", "SSH-2.0-OpenSSH_9.2\r\n", 21},
	    {"RDP", "\x03\x00\x00\x13\x0E\xE0\x00\x00\x00\x00\x00\x01\x00\x08"
	        "\x00\x03\x00\x00\x00", 19},
	    {"blank lines", "\r\n\r\n\r\n\r\n", 8},
	    {"zeros", "\0\0\0\0\0\0\0\0\0\0\0\0", 12},
	    {"SMB", "\x00\x00\x00\x85\xFFSMB\x72\x00\x00\x00", 12},
	};
	struct fix *f = *state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		call(f);
		buf_add(&f->say, rows[i].bytes, rows[i].n);
		say(f);

		if (!str_eq(hear(f, 10), "abort 0/0"))
			fail_msg("%s heard '%s'", rows[i].name, f->words);
		/* it sees the end without having to hang up */
		assert_string_equal(hear_end(f), "abort 0/0");
	}
	want_service(f);
	assert_int_equal(f->decided, 1);
}

static void
test_listen_random_bytes_are_turned_away(void **state)
{
	struct fix *f = *state;
	unsigned seed = 20261125;
	for (unsigned round = 0; round < 300; round++) {
		srand(seed + round);
		call(f);
		size_t n = 6 + (size_t)rand() % 20000;
		for (size_t i = 0; i < n; i++)
			buf_add_u8(&f->say, (uint8_t)rand());
		/* half of them with a head that is right */
		if (round % 2 == 0) {
			f->say.p[0] = PDU_ASSOCIATE_RQ;
			buf_put_u32be(&f->say, 2, (uint32_t)(n < 74 ? 68 :
			    n - PDU_HEAD));
			buf_fill(&f->say, 0, n < 74 ? 74 - n : 0);
		}
		say(f);
		assert_int_equal(shutdown(f->fd, SHUT_WR), 0);

		(void)hear(f, SIZE_MAX); /* a reset is an end as well */

		if (f->decided != 0 || open_now() != 0)
			fail_msg("seed %u", seed + round);
	}
	want_service(f);
}

static void
test_listen_a_megabyte_of_noise_is_not_kept(void **state)
{
	struct fix *f = *state;
	uint8_t noise[65536];
	memset(noise, 0x5A, sizeof(noise));
	call(f);
	assert_int_equal(fcntl(f->fd, F_SETFL, O_NONBLOCK), 0);

	size_t left = 1024 * 1024;
	for (int i = 0; i < POLLS_MAX && left > 0; i++) {
		ssize_t n = write(f->fd, noise, sizeof(noise));
		left -= n > 0 ? (size_t)n : 0;
		poll_once(f, i);
	}

	assert_int_equal(left, 0);
	assert_string_equal(hear(f, 10), "abort 0/0");
	want_service(f);
}

/* Security case D11. */
static void
test_listen_pdu_lengths_that_cannot_be_are_aborted(void **state)
{
	static const uint32_t lengths[] = {0, 1, 5, 67, 65536, 131073,
	    0x7FFFFFFF, 0x80000000, 0xFFFFFFFF};
	struct fix *f = *state;
	for (int type = 0; type <= 8; type++)
		for (size_t i = 0; i < COUNT(lengths); i++) {
			bool may = lengths[i] == 65536 || (lengths[i] == 67 &&
			    type == PDU_DATA);
			if (may && (type == PDU_ASSOCIATE_RQ ||
			    type == PDU_ASSOCIATE_AC || type == PDU_DATA))
				continue; /* its body is awaited */
			call(f);
			buf_add_u16be(&f->say, (uint16_t)(type << 8));
			buf_add_u32be(&f->say, lengths[i]);
			say(f);

			assert_string_equal(hear(f, 10), "abort 0/0");
		}
	want_service(f);
}

/* Security case D12: requests whose inside is wrong. */
static void
say_request(struct fix *f, const struct buf *items)
{
	buf_add_u16be(&f->say, PDU_ASSOCIATE_RQ << 8);
	buf_add_u32be(&f->say, (uint32_t)(68 + items->len));
	buf_add_u16be(&f->say, 1);
	buf_add_u16be(&f->say, 0);
	buf_add_str(&f->say, "UNDERSTUDY      TESTER          ");
	buf_fill(&f->say, 0, 32);
	if (items->len > 0)
		buf_add(&f->say, items->p, items->len);
}

static void
add_item(struct buf *b, uint8_t type, const void *p, size_t n)
{
	buf_add_u8(b, type);
	buf_add_u8(b, 0);
	buf_add_u16be(b, (uint16_t)n);
	if (n > 0)
		buf_add(b, p, n);
}

static void
add_context(struct buf *b, uint8_t id)
{
	struct buf inside;
	const uint8_t head[4] = {id, 0, 0, 0};
	buf_init(&inside, 4096);
	buf_add(&inside, head, 4);
	add_item(&inside, PDU_ITEM_ABSTRACT, ECHO_CLASS, strlen(ECHO_CLASS));
	add_item(&inside, PDU_ITEM_SYNTAX, IMPLICIT_LE, strlen(IMPLICIT_LE));
	add_item(b, PDU_ITEM_CONTEXT_RQ, inside.p, inside.len);
	buf_done(&inside);
}

enum bad { NO_CONTEXTS, EVEN_ID, SAME_ID, THOUSAND, PAST_END, NESTED_PAST_END,
	USER_GARBAGE, ROLE_PAST_END, NO_UID, N_BAD };

static void
add_bad(struct buf *b, enum bad how)
{
	static const uint8_t garbage[65000];
	switch (how) {
	case NO_CONTEXTS:
	case N_BAD:
		return;
	case EVEN_ID:
		add_context(b, 2);
		return;
	case SAME_ID:
		add_context(b, 1);
		add_context(b, 1);
		return;
	case THOUSAND:
		for (int i = 0; i < 1000; i++)
			add_context(b, (uint8_t)(2 * i + 1));
		return;
	case PAST_END:
		add_context(b, 1);
		buf_put_u16be(b, 2, (uint16_t)b->len);
		return;
	case NESTED_PAST_END:
		add_context(b, 1);
		buf_put_u16be(b, 10, 0xFFFF);
		return;
	case USER_GARBAGE: /* items of no bytes, then one cut off */
		add_context(b, 1);
		add_item(b, PDU_ITEM_USER, garbage, 64999);
		return;
	case ROLE_PAST_END:
		add_context(b, 1);
		add_item(b, PDU_ITEM_USER, "\x54\0\0\4\0\xFF" "12", 8);
		return;
	case NO_UID:
		add_item(b, PDU_ITEM_CONTEXT_RQ, "\1\0\0\0\x30\0\0\3../"
		    "\x40\0\0\3" "1.2", 18);
		return;
	}
}

static void
test_listen_request_with_a_bad_inside_is_aborted(void **state)
{
	struct fix *f = *state;
	for (int how = 0; how < N_BAD; how++) {
		struct buf items;
		buf_init(&items, RAW_MAX);
		add_bad(&items, (enum bad)how);
		call(f);
		say_request(f, &items);
		say(f);

		if (!str_eq(hear(f, 10), "abort 0/0"))
			fail_msg("bad inside %d heard '%s'", how, f->words);
		buf_done(&items);
	}
	assert_int_equal(f->decided, 0);
	want_service(f);
}

static void
test_listen_silent_caller_is_closed_when_artim_ends(void **state)
{
	struct fix *f = *state;
	listen_hurry(f->s, 0, 0);
	call(f);

	assert_string_equal(hear_end(f), ""); /* AA-2: not a word */

	call(f);
	raw_associate(&f->say, PDU_ASSOCIATE_RQ, 16384);
	f->say.len = 100; /* a part of it is no better */
	say(f);
	(void)hear(f, SIZE_MAX); /* a reset is an end as well */
	assert_int_equal(f->heard.len, 0);
	assert_int_equal(f->decided, 0);
}

static void
test_listen_refused_caller_that_stays_is_closed(void **state)
{
	struct fix *f = *state;
	listen_hurry(f->s, ASSOC_ARTIM_MS, 0);
	f->refuse = true;
	f->rj = (struct pdu_reject){1, 1, 3};
	call(f);
	raw_associate(&f->say, PDU_ASSOCIATE_RQ, 16384);
	say(f);

	assert_string_equal(hear_end(f), "rj 1/1/3");
}

static void
test_listen_caller_that_hangs_up_at_once_costs_nothing(void **state)
{
	struct fix *f = *state;
	int files = count_files();
	for (int i = 0; i < 200; i++) {
		call(f);
		if (i % 2 == 0) {
			raw_associate(&f->say, PDU_ASSOCIATE_RQ, 16384);
			f->say.len = (size_t)i / 2;
			say(f);
		}
		sock_close(&f->fd);
		for (int k = 0; k < 4; k++)
			loop_poll(f->l);
	}
	assert_int_equal(count_files(), files);
	want_service(f);
}

/* Security case L01, smaller: the silent ones push each other out, not those
 * who speak. */
static void
test_listen_crowd_of_silent_callers_shuts_nobody_out(void **state)
{
	enum { CROWD = 3 * LISTEN_HANDSHAKES_MAX };
	struct fix *f = *state;
	int crowd[CROWD];
	int files = count_files();
	for (int i = 0; i < CROWD; i++) {
		crowd[i] = raw_connect(listen_port(f->s));
		assert_true(crowd[i] >= 0);
		loop_poll(f->l);
	}
	for (int i = 0; i < 20; i++)
		loop_poll(f->l);

	want_service(f);

	/* theirs, ours for the last of them, and the one that spoke: two */
	assert_true(count_files() <= files + CROWD + LISTEN_HANDSHAKES_MAX +
	    2);
	assert_true(raw_read(crowd[0], &f->heard)); /* the first are gone */
	assert_false(raw_read(crowd[CROWD - 1], &f->heard));
	for (int i = 0; i < CROWD; i++)
		sock_close(&crowd[i]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_listen_awaiting_every_pdu_meets_the_tables_action),
	    TEST(test_listen_refused_every_pdu_meets_the_tables_action),
	    TEST(test_listen_other_protocols_are_turned_away),
	    TEST(test_listen_random_bytes_are_turned_away),
	    TEST(test_listen_a_megabyte_of_noise_is_not_kept),
	    TEST(test_listen_pdu_lengths_that_cannot_be_are_aborted),
	    TEST(test_listen_request_with_a_bad_inside_is_aborted),
	    TEST(test_listen_silent_caller_is_closed_when_artim_ends),
	    TEST(test_listen_refused_caller_that_stays_is_closed),
	    TEST(test_listen_caller_that_hangs_up_at_once_costs_nothing),
	    TEST(test_listen_crowd_of_silent_callers_shuts_nobody_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
