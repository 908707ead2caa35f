/* SPDX-License-Identifier: MIT */
/* Tests of dicom/assoc: peers that break the rules, stall or leave. */
#include "assoc_fixture.h"

/* How a message can break the rules, and what is said about it. */
enum { AT_COMMAND, AT_DATA };

struct breach {
	const char *name;
	int where; /* noticed when that is read */
	/* PDVs: context, flags, bytes ("" none, NULL the command set) */
	struct {
		uint8_t context;
		int flags;
		const char *bytes;
	} pdv[4];
	unsigned n;
};

static void
test_assoc_broken_messages_are_aborted(void **state)
{
	enum { D = RAW_DATA, C = RAW_COMMAND, L = RAW_LAST };
	static const struct breach rows[] = {
	    {"data first", AT_COMMAND, {{3, D | L, "x"}}, 1},
	    {"empty data first", AT_COMMAND, {{3, D, ""}}, 1},
	    {"data within the command", AT_COMMAND,
	        {{3, C, "ab"}, {3, D, "cd"}}, 2},
	    {"command in two contexts", AT_COMMAND,
	        {{3, C, "ab"}, {1, C | L, NULL}}, 2},
	    {"whole command after another context", AT_COMMAND,
	        {{3, C, ""}, {1, C | L, NULL}}, 2},
	    {"unknown context", AT_COMMAND, {{5, C | L, NULL}}, 1},
	    {"even context", AT_COMMAND, {{2, C | L, NULL}}, 1},
	    {"context 0", AT_COMMAND, {{0, C | L, NULL}}, 1},
	    {"empty command", AT_COMMAND, {{1, C | L, ""}}, 1},
	    {"no command", AT_COMMAND, {{1, C | L, "12345678"}}, 1},
	    {"data in another context", AT_DATA,
	        {{3, C | L, NULL}, {1, D | L, "x"}}, 2},
	    {"data goes on in another context", AT_DATA,
	        {{3, C | L, NULL}, {3, D, "x"}, {1, D | L, "y"}}, 3},
	    {"data in an unknown context", AT_DATA,
	        {{3, C | L, NULL}, {7, D | L, "x"}}, 2},
	    {"command instead of data", AT_DATA,
	        {{3, C | L, NULL}, {3, C | L, NULL}}, 2},
	    {"command amid data", AT_DATA,
	        {{3, C | L, NULL}, {3, D, "x"}, {3, C | L, NULL}}, 3},
	};
	struct fix *f = *state;
	struct buf set;
	buf_init(&set, 4096);
	raw_command_set(&set, 1, true);
	for (size_t i = 0; i < COUNT(rows); i++) {
		again(f);
		for (unsigned k = 0; k < rows[i].n; k++) {
			const char *s = rows[i].pdv[k].bytes;
			raw_pdv(&f->say, rows[i].pdv[k].context,
			    rows[i].pdv[k].flags, s == NULL ?
			    (const void *)set.p : s, s == NULL ?
			    (uint32_t)set.len : (uint32_t)strlen(s));
		}
		say(f);
		hang_up(f);

		int rc = receive(f);
		if (rows[i].where == AT_DATA && rc == 1)
			rc = receive_data(f);

		if (rc != -1 || f->e.code != ERR_PEER ||
		    assoc_is_open(f->a) || !str_eq(hear(f), "abort 2/6"))
			fail_msg("%s: rc %d, code %d, heard '%s'",
			    rows[i].name, rc, f->e.code, f->words);
	}
	buf_done(&set);
}

static void
test_assoc_second_last_fragment_begins_another_message(void **state)
{
	struct fix *f = *state;
	raw_command(&f->say, 3, 1, true);
	raw_pdv(&f->say, 3, RAW_LAST, "ab", 2);
	raw_pdv(&f->say, 3, RAW_LAST, "cd", 2);
	say(f);
	hang_up(f);

	assert_int_equal(receive(f), 1);
	assert_int_equal(receive_data(f), 0);
	assert_int_equal(f->got.len, 2);

	assert_int_equal(receive(f), -1);
	assert_int_equal(f->e.code, ERR_PEER);
	assert_string_equal(hear(f), "abort 2/6");
}

static void
test_assoc_pdv_lengths_that_cannot_be_are_aborted(void **state)
{
	static const uint32_t lengths[] = {0, 1, 11, 12, 0x7FFFFFFF,
	    0x80000000, 0xFFFFFFFE, 0xFFFFFFFF};
	struct fix *f = *state;
	for (size_t i = 0; i < COUNT(lengths); i++) {
		again(f);
		buf_add_u16be(&f->say, PDU_DATA << 8);
		buf_add_u32be(&f->say, 14); /* 10 bytes after the length */
		buf_add_u32be(&f->say, lengths[i]);
		buf_add_u8(&f->say, 1);
		buf_add_u8(&f->say, RAW_COMMAND | RAW_LAST);
		buf_fill(&f->say, 0, 8);
		say(f);
		hang_up(f);

		assert_int_equal(receive(f), -1);

		assert_int_equal(f->e.code, ERR_PEER);
		assert_string_equal(hear(f), "abort 2/6");
	}
}

static void
test_assoc_bytes_behind_the_last_pdv_are_aborted(void **state)
{
	struct fix *f = *state;
	for (uint32_t extra = 1; extra < 4; extra++) {
		again(f);
		raw_command(&f->say, 1, 1, false);
		buf_fill(&f->say, 0, extra); /* too few for a length */
		buf_put_u32be(&f->say, 2,
		    (uint32_t)(f->say.len - PDU_HEAD));
		say(f);
		hang_up(f);

		assert_int_equal(receive(f), 1);
		assert_int_equal(receive(f), -1);

		assert_string_equal(hear(f), "abort 2/6");
	}
}

/* Security case D11: the length of a PDU, before its body. */
static void
test_assoc_pdu_lengths_cost_neither_memory_nor_time(void **state)
{
	static const uint32_t lengths[] = {0, 1, 3, 5, 65536, 131073,
	    0x7FFFFFFF, 0x80000000, 0xFFFFFFFF};
	struct fix *f = *state;
	for (int type = 0; type <= 9; type++)
		for (size_t i = 0; i < COUNT(lengths); i++) {
			again(f);
			buf_add_u16be(&f->say, (uint16_t)(type << 8));
			buf_add_u32be(&f->say, lengths[i]);
			say(f);
			hang_up(f);

			int rc = receive(f);

			/* of what may be so long, the body is awaited */
			bool may = lengths[i] == 65536 && (type == PDU_DATA ||
			    type == PDU_ASSOCIATE_RQ ||
			    type == PDU_ASSOCIATE_AC);
			assert_int_equal(rc, may ? 0 : -1);
			assert_string_equal(hear(f), may ? "" : "abort 2/1");
			assert_true(f->a->in_cap <= 8192);
		}
}

static void
test_assoc_endless_command_is_aborted(void **state)
{
	static const uint8_t zeros[16000];
	struct fix *f = *state;
	for (int i = 0; i < 5; i++) /* 80 KB, the limit is 64 KiB */
		raw_pdv(&f->say, 1, RAW_COMMAND, zeros, sizeof(zeros));
	say(f);
	hang_up(f);

	assert_int_equal(receive(f), -1);

	assert_int_equal(f->e.code, ERR_PEER);
	assert_string_equal(hear(f), "abort 2/6");
}

static void
test_assoc_command_of_empty_pieces_runs_out_of_time(void **state)
{
	struct fix *f = *state;
	for (int i = 0; i < 200; i++)
		raw_pdv(&f->say, 1, RAW_COMMAND, NULL, 0);
	say(f);
	hang_up(f);
	raw_clock_start(ASSOC_PDU_MS / 100);

	int rc = assoc_receive(f->a, 1000, &f->d, &f->context, &f->e);

	assert_int_equal(rc, -1);
	assert_int_equal(f->e.code, ERR_TIMEOUT);
	assert_string_equal(hear(f), "abort 0/0");
}

static void
test_assoc_data_set_of_empty_pieces_runs_out_of_time(void **state)
{
	struct fix *f = *state;
	raw_command(&f->say, 3, 1, true);
	for (int i = 0; i < 200; i++)
		raw_pdv(&f->say, 3, RAW_DATA, NULL, 0);
	say(f);
	hang_up(f);
	assert_int_equal(receive(f), 1);
	raw_clock_start(500);

	int rc = assoc_receive_data(f->a, 10000, sink_keep, f, &f->e);

	assert_int_equal(rc, -1);
	assert_int_equal(f->e.code, ERR_TIMEOUT);
	assert_string_equal(hear(f), "abort 0/0");
}

static void
test_assoc_silence_between_messages_leaves_it_open(void **state)
{
	struct fix *f = *state;
	raw_clock_start(60000);

	assert_int_equal(assoc_receive(f->a, 1000, &f->d, &f->context,
	    &f->e), -1);

	assert_int_equal(f->e.code, ERR_TIMEOUT);
	assert_true(assoc_is_open(f->a));
	raw_command(&f->say, 1, 5, false);
	say(f);
	assert_int_equal(receive(f), 1);
}

/* Whatever is cut off in the middle, by a stall or by the end. */
static void
test_assoc_message_cut_anywhere_is_no_message(void **state)
{
	struct fix *f = *state;
	struct buf whole;
	buf_init(&whole, RAW_MAX);
	raw_command(&whole, 3, 1, true);
	size_t command = whole.len;
	raw_pdv(&whole, 3, RAW_DATA, "abcd", 4);
	raw_pdv(&whole, 3, RAW_LAST, "ef", 2);
	for (size_t n = 1; n < 2 * whole.len; n++) {
		bool stalls = n % 2 == 0;
		again(f);
		buf_add(&f->say, whole.p, n / 2);
		say(f);
		if (!stalls)
			hang_up(f);
		raw_clock_start(stalls ? 2 * ASSOC_PDU_MS : 0);

		int rc = receive(f);
		if (rc == 1) {
			assert_true(n / 2 >= command);
			rc = receive_data(f);
			assert_int_equal(f->e.code,
			    stalls ? ERR_TIMEOUT : ERR_NET);
			assert_int_equal(rc, -1);
		} else {
			assert_int_equal(rc, stalls ? -1 : 0);
		}
		/* only silence before the first byte is no fault */
		assert_int_equal(assoc_is_open(f->a), stalls && n / 2 == 0);
		assert_string_equal(hear(f), stalls ? "abort 0/0" : "");
	}
	buf_done(&whole);
}

static void
test_assoc_abort_amid_a_data_set_ends_it(void **state)
{
	struct fix *f = *state;
	raw_command(&f->say, 3, 1, true);
	raw_pdv(&f->say, 3, RAW_DATA, "ab", 2);
	raw_any(&f->say, PDU_ABORT);
	say(f); /* the peer stays connected: AA-3 does not wait for it */

	assert_int_equal(receive(f), 1);
	assert_int_equal(receive_data(f), -1);

	assert_int_equal(f->e.code, ERR_PEER);
	assert_false(assoc_is_open(f->a));
	assert_int_equal(f->got.len, 2);
	assert_true(raw_read(f->peer, &f->heard));
	assert_int_equal(f->heard.len, 0);
	assert_int_equal(receive(f), -1);
	assert_int_equal(receive_data(f), -1);
}

static void
test_assoc_release_amid_a_data_set_ends_it(void **state)
{
	struct fix *f = *state;
	raw_command(&f->say, 3, 1, true);
	raw_pdv(&f->say, 3, RAW_DATA, "ab", 2);
	raw_any(&f->say, PDU_RELEASE_RQ);
	say(f);
	hang_up(f);

	assert_int_equal(receive(f), 1);
	assert_int_equal(receive_data(f), -1);

	assert_int_equal(f->e.code, ERR_NET);
	assert_string_equal(hear(f), "release-rp");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_assoc_broken_messages_are_aborted),
	    TEST(test_assoc_second_last_fragment_begins_another_message),
	    TEST(test_assoc_pdv_lengths_that_cannot_be_are_aborted),
	    TEST(test_assoc_bytes_behind_the_last_pdv_are_aborted),
	    TEST(test_assoc_pdu_lengths_cost_neither_memory_nor_time),
	    TEST(test_assoc_endless_command_is_aborted),
	    TEST(test_assoc_command_of_empty_pieces_runs_out_of_time),
	    TEST(test_assoc_data_set_of_empty_pieces_runs_out_of_time),
	    TEST(test_assoc_silence_between_messages_leaves_it_open),
	    TEST(test_assoc_message_cut_anywhere_is_no_message),
	    TEST(test_assoc_abort_amid_a_data_set_ends_it),
	    TEST(test_assoc_release_amid_a_data_set_ends_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
