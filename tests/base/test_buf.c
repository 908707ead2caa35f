/* SPDX-License-Identifier: MIT */
/* Bounded bytes and the cursor: limits, sticky failures, no overrun. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"

static void
test_buf_numbers_are_written_in_both_orders(void **state)
{
	struct buf b;
	(void)state;
	buf_init(&b, 100);

	buf_add_u8(&b, 0x01);
	buf_add_u16be(&b, 0x0203);
	buf_add_u32be(&b, 0x04050607);
	buf_add_u16le(&b, 0x0908);
	buf_add_u32le(&b, 0x0D0C0B0A);
	buf_add_u64le(&b, UINT64_C(0x1514131211100F0E));

	assert_int_equal(b.len, 21);
	for (size_t i = 0; i < b.len; i++)
		assert_int_equal(b.p[i], i + 1);
	buf_done(&b);
}

static void
test_buf_numbers_are_overwritten_in_place(void **state)
{
	struct buf b;
	(void)state;
	buf_init(&b, 12);
	buf_fill(&b, 0xEE, 12);

	buf_put_u16be(&b, 0, 0x0102);
	buf_put_u32be(&b, 4, 0x03040506);
	buf_put_u32le(&b, 8, 0x0A090807);

	assert_memory_equal(b.p, "\1\2\xEE\xEE\3\4\5\6\7\x08\x09\x0A", 12);
	assert_int_equal(b.len, 12);
	buf_done(&b);
}

enum { ADD_U8, ADD_U16BE, ADD_U32BE, ADD_U16LE, ADD_U32LE, ADD_U64LE,
	ADD_BYTES, ADD_STR, ADD_F, ADD_FILL, ADD_KINDS };

/* Add 1 to 9 bytes in the way ${kind}; returns how many. */
static size_t
add_kind(struct buf *b, int kind)
{
	switch (kind) {
	case ADD_U8:
		buf_add_u8(b, 7);
		return 1;
	case ADD_U16BE:
		buf_add_u16be(b, 7);
		return 2;
	case ADD_U32BE:
		buf_add_u32be(b, 7);
		return 4;
	case ADD_U16LE:
		buf_add_u16le(b, 7);
		return 2;
	case ADD_U32LE:
		buf_add_u32le(b, 7);
		return 4;
	case ADD_U64LE:
		buf_add_u64le(b, 7);
		return 8;
	case ADD_BYTES:
		buf_add(b, "abc", 3);
		return 3;
	case ADD_STR:
		buf_add_str(b, "abcde");
		return 5;
	case ADD_F:
		buf_addf(b, "%s-%d", "abcdef", 12);
		return 9;
	default:
		buf_fill(b, 7, 6);
		return 6;
	}
}

static void
test_buf_table_of_adders_append_all_or_nothing(void **state)
{
	(void)state;
	for (int kind = 0; kind < ADD_KINDS; kind++)
		for (size_t max = 0; max < 12; max++) {
			struct buf b;
			buf_init(&b, max);

			size_t n = add_kind(&b, kind);

			if (b.failed != (n > max) ||
			    b.len != (n > max ? 0 : n))
				fail_msg("kind %d, maximum %zu", kind, max);
			buf_done(&b);
		}
}

static void
test_buf_failure_sticks_until_cleared(void **state)
{
	struct buf b;
	(void)state;
	buf_init(&b, 4);
	buf_add_str(&b, "abc");

	buf_add_str(&b, "de");
	assert_true(b.failed);
	buf_add_str(&b, "d"); /* would fit */
	buf_put_u16be(&b, 0, 1);

	assert_int_equal(b.len, 3);
	assert_string_equal(buf_str(&b), "");
	buf_clear(&b);
	buf_add_str(&b, "wxyz");
	assert_false(b.failed);
	assert_string_equal(buf_str(&b), "wxyz");
	buf_done(&b);
}

static void
test_buf_string_has_its_nul_beyond_the_maximum(void **state)
{
	struct buf b;
	(void)state;
	buf_init(&b, 0);
	assert_string_equal(buf_str(&b), "");
	assert_false(b.failed);
	buf_done(&b);

	buf_init(&b, 256); /* where the first piece of memory ends */
	buf_fill(&b, 'x', 256);
	assert_int_equal(strlen(buf_str(&b)), 256);
	assert_int_equal(b.len, 256);
	buf_done(&b);
}

static void
test_buf_is_usable_again_after_done(void **state)
{
	struct buf b;
	(void)state;
	buf_init(&b, 8);
	buf_add_str(&b, "abc");

	buf_done(&b);
	buf_done(&b);

	assert_null(b.p);
	assert_int_equal(b.len, 0);
	buf_add_str(&b, "def");
	assert_string_equal(buf_str(&b), "def");
	buf_done(&b);
}

/* 1000 rounds of random additions against a plain array */
static void
test_buf_random_rounds_equal_a_plain_array(void **state)
{
	(void)state;
	srandom(12);
	for (int round = 0; round < 1000; round++) {
		uint8_t model[600];
		size_t n = 0;
		bool failed = false;
		struct buf b;
		size_t max = (size_t)random() % 500;
		buf_init(&b, max);
		for (int i = 0; i < 40; i++) {
			uint8_t part[64];
			size_t k = (size_t)random() % sizeof(part);
			memset(part, (int)random(), sizeof(part));
			buf_add(&b, part, k);
			failed = failed || n + k > max;
			if (failed)
				continue;
			memcpy(model + n, part, k);
			n += k;
		}
		assert_int_equal(b.failed, failed);
		assert_int_equal(b.len, n);
		assert_true(n == 0 || memcmp(b.p, model, n) == 0);
		buf_done(&b);
	}
}

static void
test_cur_reads_what_buf_wrote(void **state)
{
	struct buf b;
	(void)state;
	buf_init(&b, 100);
	buf_add_u8(&b, 0xF1);
	buf_add_u16be(&b, 0xF203);
	buf_add_u32be(&b, 0xF4050607);
	buf_add_u16le(&b, 0xF908);
	buf_add_u32le(&b, 0xFD0C0B0A);
	buf_add_u64le(&b, UINT64_C(0xF514131211100F0E));

	struct cur c = cur_of(b.p, b.len);

	assert_int_equal(cur_u8(&c), 0xF1);
	assert_int_equal(cur_u16be(&c), 0xF203);
	assert_int_equal(cur_u32be(&c), 0xF4050607);
	assert_int_equal(cur_u16le(&c), 0xF908);
	assert_int_equal(cur_u32le(&c), 0xFD0C0B0A);
	assert_true(cur_u64le(&c) == UINT64_C(0xF514131211100F0E));
	assert_int_equal(cur_left(&c), 0);
	assert_false(c.failed);
	buf_done(&b);
}

/* Read ${n} bytes as a number in one of the two orders. */
static uint64_t
read_number(struct cur *c, size_t n, bool big)
{
	switch (n) {
	case 1:
		return cur_u8(c);
	case 2:
		return big ? cur_u16be(c) : cur_u16le(c);
	case 4:
		return big ? cur_u32be(c) : cur_u32le(c);
	default:
		return cur_u64le(c);
	}
}

static void
test_cur_number_cut_short_is_zero_and_fails(void **state)
{
	static const size_t sizes[] = {1, 2, 4, 8};
	(void)state;
	for (size_t s = 0; s < 4; s++)
		for (size_t have = 0; have < sizes[s]; have++) {
			/* on the heap, so that an overrun is seen */
			uint8_t *p = mem_new_n(uint8_t, have + 1);
			memset(p, 0xFF, have);
			for (int big = 0; big < 2; big++) {
				struct cur c = cur_of(p, have);
				uint64_t v = read_number(&c, sizes[s],
				    big == 1);
				assert_true(v == 0);
				assert_true(c.failed);
				assert_int_equal(cur_left(&c), 0);
			}
			mem_free(p);
		}
}

static void
test_cur_failure_sticks_though_less_would_fit(void **state)
{
	struct cur c = cur_of("abcd", 4);
	(void)state;

	assert_null(cur_take(&c, 5));

	assert_true(c.failed);
	assert_null(cur_take(&c, 1));
	assert_int_equal(cur_u8(&c), 0);
	assert_int_equal(cur_left(&c), 0);
}

static void
test_cur_take_of_a_huge_count_does_not_wrap(void **state)
{
	static const size_t counts[] = {5, SIZE_MAX, SIZE_MAX - 1,
	    SIZE_MAX - 3, SIZE_MAX / 2};
	(void)state;
	for (size_t i = 0; i < 5; i++) {
		struct cur c = cur_of("abcd", 4);
		assert_int_equal(cur_u8(&c), 'a');
		assert_null(cur_take(&c, counts[i]));
		assert_true(c.failed);
	}
}

static void
test_cur_sub_is_bounded_by_its_part_and_consumes_it(void **state)
{
	struct cur c = cur_of("abcdef", 6);
	(void)state;

	struct cur sub = cur_sub(&c, 2);

	assert_int_equal(cur_left(&c), 4);
	assert_int_equal(cur_u16be(&sub), 'a' << 8 | 'b');
	assert_int_equal(cur_u8(&sub), 0);
	assert_true(sub.failed);
	assert_false(c.failed);
	assert_int_equal(cur_u8(&c), 'c');
	sub = cur_sub(&c, 4);
	assert_true(sub.failed);
	assert_true(c.failed);
}

/* 1000 rounds: whatever is asked, nothing outside is ever read */
static void
test_cur_random_rounds_never_leave_the_bytes(void **state)
{
	(void)state;
	srandom(13);
	for (int round = 0; round < 1000; round++) {
		size_t n = (size_t)random() % 64;
		uint8_t *p = mem_new_n(uint8_t, n + 1);
		struct cur c = cur_of(p, n);
		size_t at = 0;
		while (!c.failed) {
			size_t k = (size_t)random() % 20;
			const uint8_t *q = cur_take(&c, k);
			assert_int_equal(q == NULL, at + k > n);
			assert_true(q == NULL || q == p + at);
			at += k;
		}
		assert_int_equal(cur_left(&c), 0);
		mem_free(p);
	}
}

#define T(fn) cmocka_unit_test(fn)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_buf_numbers_are_written_in_both_orders),
	    T(test_buf_numbers_are_overwritten_in_place),
	    T(test_buf_table_of_adders_append_all_or_nothing),
	    T(test_buf_failure_sticks_until_cleared),
	    T(test_buf_string_has_its_nul_beyond_the_maximum),
	    T(test_buf_is_usable_again_after_done),
	    T(test_buf_random_rounds_equal_a_plain_array),
	    T(test_cur_reads_what_buf_wrote),
	    T(test_cur_number_cut_short_is_zero_and_fails),
	    T(test_cur_failure_sticks_though_less_would_fit),
	    T(test_cur_take_of_a_huge_count_does_not_wrap),
	    T(test_cur_sub_is_bounded_by_its_part_and_consumes_it),
	    T(test_cur_random_rounds_never_leave_the_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
