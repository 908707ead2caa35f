/* SPDX-License-Identifier: MIT */
/* Tests of gzip put together from parts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <zlib.h>

#include "base/mem.h"
#include "wire/gzpart.h"

/* What any reader of gzip makes of ${b}; its head and sums are checked. */
static void
expect_text(const struct buf *b, const void *want, size_t n)
{
	z_stream z = {.next_in = b->p, .avail_in = (uInt)b->len};
	uint8_t *out = mem_new_n(uint8_t, n + 1);
	z.next_out = out;
	z.avail_out = (uInt)n + 1;
	assert_int_equal(inflateInit2(&z, 16 + MAX_WBITS), Z_OK);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(z.total_out, n);
	assert_int_equal(z.avail_in, 0);
	if (n > 0)
		assert_memory_equal(out, want, n);
	(void)inflateEnd(&z); /* it began */
	mem_free(out);
}

static void
test_gzpart_nothing_is_an_empty_stream(void **state)
{
	struct gzjoin g;
	struct buf b;
	(void)state;
	buf_init(&b, 1000);
	gzjoin_begin(&g, &b);
	gzjoin_text(&g, &b, "");
	gzjoin_end(&g, &b);
	expect_text(&b, "", 0);
	buf_done(&b);
}

static uint32_t
next_random(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

/* Text of few letters, or of bytes that do not compress. */
static size_t
fill(uint8_t *p, size_t max, uint32_t *seed)
{
	size_t n = next_random(seed) % 20 == 0 ? next_random(seed) % max :
	    next_random(seed) % 500;
	bool dense = next_random(seed) % 4 == 0;
	for (size_t i = 0; i < n; i++)
		p[i] = dense ? (uint8_t)next_random(seed) :
		    (uint8_t)('a' + next_random(seed) % 3);
	return n;
}

static void
test_gzpart_random_parts_and_texts_inflate_to_their_sum(void **state)
{
	uint8_t *piece = mem_new_n(uint8_t, 100001);
	(void)state;
	for (uint32_t round = 1; round <= 200; round++) {
		uint32_t seed = round * 2654435761U;
		struct gzjoin g;
		struct buf b, all, part;
		struct err e;
		buf_init(&b, 1 << 24);
		buf_init(&all, 1 << 24);
		buf_init(&part, 1 << 20);
		gzjoin_begin(&g, &b);
		for (unsigned i = next_random(&seed) % 12; i > 0; i--) {
			size_t n = fill(piece, 100000, &seed);
			uint32_t crc = 0;
			buf_add(&all, piece, n);
			buf_clear(&part);
			assert_int_equal(gzpart_make(piece, n, &part, &crc,
			    &e), 0);
			gzjoin_part(&g, &b, part.p, part.len, (uint32_t)n,
			    crc);
			gzjoin_text(&g, &b, i % 2 == 0 ? ",\n" : "");
			buf_add_str(&all, i % 2 == 0 ? ",\n" : "");
			buf_clear(&part);
		}
		gzjoin_end(&g, &b);
		expect_text(&b, all.p, all.len);
		buf_done(&part);
		buf_done(&all);
		buf_done(&b);
	}
	mem_free(piece);
}

static void
test_gzpart_long_text_takes_several_stored_blocks(void **state)
{
	struct gzjoin g;
	struct buf b;
	char *text = mem_new_n(char, 200001);
	(void)state;
	memset(text, 'x', 200000);
	buf_init(&b, 1 << 20);
	gzjoin_begin(&g, &b);
	gzjoin_text(&g, &b, text);
	gzjoin_end(&g, &b);
	expect_text(&b, text, 200000);
	buf_done(&b);
	mem_free(text);
}

static void
test_gzpart_text_is_given_back_behind_what_was_there(void **state)
{
	static const size_t sizes[] = {0, 1, 15, 5000, 200000};
	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct buf text, part, back;
		struct err e;
		uint32_t crc = 0;
		buf_init(&text, 1 << 20);
		buf_init(&part, 1 << 20);
		buf_init(&back, 1 << 20);
		for (size_t k = 0; k < sizes[i]; k++)
			buf_add_u8(&text, (uint8_t)(k * k >> 3));
		buf_add_str(&back, "before");

		assert_int_equal(gzpart_make(text.p, text.len, &part, &crc,
		    &e), 0);
		assert_int_equal(gzpart_text(part.p, part.len,
		    (uint32_t)text.len, &back, &e), 0);

		assert_int_equal(back.len, 6 + text.len);
		if (text.len > 0)
			assert_memory_equal(back.p + 6, text.p, text.len);
		assert_int_equal(crc, crc32(0, text.p, (uInt)text.len));
		buf_done(&text);
		buf_done(&part);
		buf_done(&back);
	}
}

static void
test_gzpart_text_of_another_length_or_damage_is_refused(void **state)
{
	struct buf part, back;
	struct err e;
	uint32_t crc = 0;
	(void)state;
	buf_init(&part, 1 << 20);
	buf_init(&back, 3000);
	assert_int_equal(gzpart_make("abcabcabcabc", 12, &part, &crc, &e), 0);
	const struct {
		size_t n;
		uint32_t text_n;
		enum err_code code;
	} rows[] = {
	    {part.len, 11, ERR_CORRUPT},
	    {part.len, 13, ERR_CORRUPT},
	    {part.len, 0, ERR_CORRUPT},
	    {part.len - 6, 12, ERR_CORRUPT},
	    {0, 12, ERR_CORRUPT},
	    {part.len, 4000, ERR_FULL},
	    {part.len, UINT32_MAX, ERR_CORRUPT},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int rc = gzpart_text(part.p, rows[i].n, rows[i].text_n, &back,
		    &e);
		if (rc != -1 || e.code != rows[i].code || back.len != 0)
			fail_msg("row %zu: have %d %s", i, rc, e.msg);
		buf_clear(&back);
	}
	part.p[0] = 7; /* a kind of block that there is not */
	assert_int_equal(-1, gzpart_text(part.p, part.len, 12, &back, &e));
	assert_int_equal(e.code, ERR_CORRUPT);
	buf_done(&part);
	buf_done(&back);
}

static void
test_gzpart_without_room_is_an_error_and_leaves_nothing(void **state)
{
	struct buf b;
	struct err e;
	uint32_t crc = 0;
	(void)state;
	buf_init(&b, 10);
	assert_int_equal(gzpart_make("abc", 3, &b, &crc, &e), -1);
	assert_int_equal(e.code, ERR_FULL);
	assert_int_equal(b.len, 0);
	buf_done(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_gzpart_nothing_is_an_empty_stream),
	    cmocka_unit_test(
		test_gzpart_random_parts_and_texts_inflate_to_their_sum),
	    cmocka_unit_test(
		test_gzpart_long_text_takes_several_stored_blocks),
	    cmocka_unit_test(
		test_gzpart_text_is_given_back_behind_what_was_there),
	    cmocka_unit_test(
		test_gzpart_text_of_another_length_or_damage_is_refused),
	    cmocka_unit_test(
		test_gzpart_without_room_is_an_error_and_leaves_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
