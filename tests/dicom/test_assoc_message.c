/* SPDX-License-Identifier: MIT */
/* Tests of dicom/assoc: messages come whole, in whatever pieces. */
#include "assoc_fixture.h"

#include <stdlib.h>

#define ROUNDS 1000

static void
test_assoc_command_comes_with_its_context(void **state)
{
	struct fix *f = *state;
	raw_command(&f->say, 3, 42, true);
	say(f);

	assert_int_equal(receive(f), 1);

	assert_int_equal(f->d.command, DIMSE_C_STORE_RQ);
	assert_int_equal(f->d.message_id, 42);
	assert_string_equal(f->d.class_uid, MR_CLASS);
	assert_int_equal(f->context, 3);
}

static void
test_assoc_pipelined_commands_come_one_by_one(void **state)
{
	struct fix *f = *state;
	for (uint16_t id = 1; id <= 5; id++)
		raw_command(&f->say, 1, id, false);
	say(f);

	for (int id = 1; id <= 5; id++) {
		assert_int_equal(receive(f), 1);
		assert_int_equal(f->d.message_id, id);
	}
	assert_int_equal(receive(f), -1);
	assert_int_equal(f->e.code, ERR_TIMEOUT);
	assert_true(assoc_is_open(f->a));
}

static void
test_assoc_pdu_in_single_bytes_is_taken_when_whole(void **state)
{
	struct fix *f = *state;
	struct assoc_pdu pdu;
	raw_command(&f->say, 1, 9, false);
	for (size_t i = 0; i < f->say.len; i++) {
		assert_int_equal(assoc_take(f->a, &pdu, &f->e), 0);
		assert_int_equal(write(f->peer, f->say.p + i, 1), 1);
		assert_int_equal(assoc_fill(f->a, &f->e), 1);
	}

	assert_int_equal(assoc_take(f->a, &pdu, &f->e), 1);

	assert_int_equal(pdu.type, PDU_DATA);
	assert_int_equal(pdu.n, f->say.len - PDU_HEAD);
	assert_memory_equal(pdu.body, f->say.p + PDU_HEAD, pdu.n);
}

static void
test_assoc_command_and_data_in_one_pdu_are_told_apart(void **state)
{
	struct fix *f = *state;
	struct buf one;
	buf_init(&one, RAW_MAX);
	raw_command(&one, 3, 1, true);
	raw_pdv(&one, 3, RAW_DATA, "abcd", 4);
	raw_pdv(&one, 3, RAW_DATA | RAW_LAST, "ef", 2);
	/* three PDUs become one: the heads of the others go */
	size_t first = PDU_HEAD + ((size_t)one.p[4] << 8 | one.p[5]);
	buf_add_u16be(&f->say, PDU_DATA << 8);
	buf_add_u32be(&f->say, (uint32_t)(one.len - 3 * PDU_HEAD));
	buf_add(&f->say, one.p + PDU_HEAD, first - PDU_HEAD);
	buf_add(&f->say, one.p + first + PDU_HEAD, 10);
	buf_add(&f->say, one.p + first + 2 * PDU_HEAD + 10, 8);
	buf_done(&one);
	say(f);

	assert_int_equal(receive(f), 1);
	assert_int_equal(receive_data(f), 0);

	assert_int_equal(f->got.len, 6);
	assert_memory_equal(f->got.p, "abcdef", 6);
	assert_int_equal(f->pieces, 2);
	assert_string_equal(hear(f), "");
}

static void
test_assoc_data_sets_of_all_small_sizes_come_whole(void **state)
{
	struct fix *f = *state;
	for (uint32_t n = 0; n < 70; n++) {
		static const char bytes[] = "0123456789abcdefghijklmnopqrstuv"
		    "wxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
		again(f);
		raw_command(&f->say, 3, 1, true);
		for (uint32_t at = 0; at + 7 < n; at += 7)
			raw_pdv(&f->say, 3, RAW_DATA, bytes + at, 7);
		uint32_t at = n == 0 ? 0 : (n - 1) / 7 * 7;
		raw_pdv(&f->say, 3, RAW_LAST, bytes + at, n - at);
		say(f);

		assert_int_equal(receive(f), 1);
		assert_int_equal(receive_data(f), 0);

		assert_int_equal(f->got.len, n);
		if (n > 0)
			assert_memory_equal(f->got.p, bytes, n);
	}
}

/* Append the bytes as PDVs of random sizes, some of them empty. */
static void
say_in_pieces(struct buf *b, uint8_t context, int kind, const uint8_t *p,
    size_t n)
{
	size_t at = 0;
	while (at < n) {
		size_t k = (size_t)rand() % 5 == 0 ? 0 :
		    1 + (size_t)rand() % (n - at);
		if (at + k < n)
			raw_pdv(b, context, kind, p + at, (uint32_t)k);
		else
			break;
		at += k;
	}
	raw_pdv(b, context, kind | RAW_LAST, p + at, (uint32_t)(n - at));
}

static void
test_assoc_messages_in_random_pieces_come_whole(void **state)
{
	struct fix *f = *state;
	uint8_t bytes[600];
	unsigned seed = 20261124;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct buf set;
		srand(seed + round);
		again(f);
		buf_init(&set, 4096);
		raw_command_set(&set, (uint16_t)round, true);
		say_in_pieces(&f->say, 3, RAW_COMMAND, set.p, set.len);
		size_t n = (size_t)rand() % sizeof(bytes);
		say_in_pieces(&f->say, 3, RAW_DATA, bytes, n);
		raw_command(&f->say, 1, 77, false);
		buf_done(&set);
		say(f);

		if (receive(f) != 1 || receive_data(f) != 0 ||
		    receive(f) != 1 ||
		    f->d.message_id != 77 || f->got.len != n ||
		    (n > 0 && memcmp(f->got.p, bytes, n) != 0))
			fail_msg("seed %u", seed + round);
	}
}

static int
sink_refuse(void *ctx, const void *p, size_t n, struct err *e)
{
	struct fix *f = ctx;
	(void)p; /* not wanted */
	(void)n;
	f->pieces++;
	return f->pieces < 2 ? 0 : err_set(e, ERR_FULL, 0, "the disk");
}

static void
test_assoc_refused_data_set_is_drained_and_the_next_comes(void **state)
{
	struct fix *f = *state;
	raw_command(&f->say, 3, 1, true);
	for (int i = 0; i < 9; i++)
		raw_pdv(&f->say, 3, RAW_DATA, "abcd", 4);
	raw_pdv(&f->say, 3, RAW_LAST, NULL, 0);
	raw_command(&f->say, 1, 2, false);
	say(f);

	assert_int_equal(receive(f), 1);
	int rc = assoc_receive_data(f->a, 0, sink_refuse, f, &f->e);

	assert_int_equal(rc, 1);
	assert_int_equal(f->e.code, ERR_FULL);
	assert_int_equal(f->pieces, 2); /* and then no more */
	assert_int_equal(receive(f), 1);
	assert_int_equal(f->d.message_id, 2);
}

static void
test_assoc_refused_data_set_cut_off_tells_of_the_cut(void **state)
{
	struct fix *f = *state;
	raw_command(&f->say, 3, 1, true);
	raw_pdv(&f->say, 3, RAW_DATA, "ab", 2);
	raw_pdv(&f->say, 3, RAW_DATA, "cd", 2);
	say(f);
	hang_up(f);

	assert_int_equal(receive(f), 1);
	int rc = assoc_receive_data(f->a, 0, sink_refuse, f, &f->e);

	assert_int_equal(rc, -1);
	assert_int_equal(f->e.code, ERR_NET);
}

static void
test_assoc_data_set_above_the_buffer_is_refused(void **state)
{
	static const struct {
		uint32_t n;
		int rc;
	} rows[] = {{0, 0}, {7, 0}, {8, 0}, {9, 1}, {5000, 1}};
	static const uint8_t bytes[5000];
	struct fix *f = *state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf b;
		buf_init(&b, 8);
		again(f);
		raw_command(&f->say, 3, 1, true);
		raw_pdv(&f->say, 3, RAW_LAST, bytes, rows[i].n);
		say(f);

		assert_int_equal(receive(f), 1);
		int rc = assoc_receive_buf(f->a, 0, &b, &f->e);

		assert_int_equal(rc, rows[i].rc);
		assert_int_equal(b.len, rc == 0 ? rows[i].n : 0);
		assert_true(assoc_is_open(f->a));
		buf_done(&b);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_assoc_command_comes_with_its_context),
	    TEST(test_assoc_pipelined_commands_come_one_by_one),
	    TEST(test_assoc_pdu_in_single_bytes_is_taken_when_whole),
	    TEST(test_assoc_command_and_data_in_one_pdu_are_told_apart),
	    TEST(test_assoc_data_sets_of_all_small_sizes_come_whole),
	    TEST(test_assoc_messages_in_random_pieces_come_whole),
	    TEST(test_assoc_refused_data_set_is_drained_and_the_next_comes),
	    TEST(test_assoc_refused_data_set_cut_off_tells_of_the_cut),
	    TEST(test_assoc_data_set_above_the_buffer_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
