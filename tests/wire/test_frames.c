/* SPDX-License-Identifier: MIT */
/* Tests of where frames lie in pixel data. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "wire/frames.h"

/* the pieces told, as "at+n at+n " */
struct told {
	char text[256];
};

/* frames_fn */
static void
note(void *ctx, const struct frames_piece *piece)
{
	struct told *t = ctx;
	size_t at = strlen(t->text);
	(void)snprintf(t->text + at, sizeof(t->text) - at, "%llu+%llu ",
	    (unsigned long long)piece->at, (unsigned long long)piece->n);
}

static void
expect(const char *name, const struct frames_shape *s, const struct buf *b,
    unsigned number, const char *want)
{
	struct told t = {{0}};
	struct err e = {.code = ERR_PARSE};
	int rc = frames_find(s, b->p, b->len, number, note, &t, &e);
	int want_rc = str_eq(want, "none") ? 0 : str_eq(want, "error") ? -1 :
	    1;
	if (rc != want_rc || (rc == 1 && !str_eq(t.text, want)) ||
	    (rc != 1 && t.text[0] != '\0') || e.code != ERR_PARSE)
		fail_msg("%s, %u: want %s, have %d %s", name, number, want,
		    rc, t.text);
}

static void
test_frames_native_table_of_shapes(void **state)
{
	static const struct {
		const char *name;
		struct frames_shape s;
		size_t n;
		unsigned number;
		const char *want;
	} rows[] = {
	    {"one", {4, 5, 1, 16, 1, false, false}, 40, 1, "0+40 "},
	    {"third", {4, 5, 1, 16, 3, false, true}, 120, 3, "80+40 "},
	    {"colour", {2, 3, 3, 8, 2, false, false}, 36, 2, "18+18 "},
	    {"odd, padded", {3, 3, 1, 8, 1, false, false}, 10, 1, "0+9 "},
	    {"odd, second", {3, 3, 1, 8, 2, false, false}, 18, 2, "9+9 "},
	    {"bits", {4, 4, 1, 1, 2, false, false}, 4, 2, "2+2 "},
	    {"bits, first", {3, 3, 1, 1, 1, false, false}, 2, 1, "0+2 "},
	    {"bits, inside", {3, 3, 1, 1, 2, false, false}, 4, 2, "error"},
	    {"bits, eighth", {3, 3, 1, 1, 9, false, false}, 12, 9, "9+2 "},
	    {"number 0", {4, 5, 1, 16, 1, false, false}, 40, 0, "none"},
	    {"beyond", {4, 5, 1, 16, 3, false, false}, 120, 4, "none"},
	    {"no frames", {4, 5, 1, 16, 0, false, false}, 40, 1, "none"},
	    {"short", {4, 5, 1, 16, 3, false, false}, 119, 1, "error"},
	    {"nothing", {4, 5, 1, 16, 1, false, false}, 0, 1, "error"},
	    {"no rows", {0, 5, 1, 16, 1, false, false}, 40, 1, "error"},
	    {"no bits", {4, 5, 1, 0, 1, false, false}, 40, 1, "error"},
	    {"too many", {1, 1, 1, 8, FRAMES_MAX + 1, false, false}, 40, 1,
		"error"},
	    {"no US", {65536, 65536, 65536, 65536, 1, false, false}, 40, 1,
		"error"},
	    {"all large", {65535, 65535, 65535, 65535, FRAMES_MAX, false,
		false}, 40, FRAMES_MAX, "error"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf b;
		buf_init(&b, 200);
		buf_fill(&b, 7, rows[i].n);
		expect(rows[i].name, &rows[i].s, &b, rows[i].number,
		    rows[i].want);
		buf_done(&b);
	}
}

static void
put_item(struct buf *b, uint16_t element, uint32_t n)
{
	buf_add_u16le(b, 0xFFFE);
	buf_add_u16le(b, element);
	buf_add_u32le(b, n);
}

/* An offset table of the ${n_table} numbers, then fragments of these sizes
 * up to a 0. */
static struct buf
encapsulated(const uint32_t *table, unsigned n_table, const uint32_t *sizes)
{
	struct buf b;
	buf_init(&b, 1 << 16);
	put_item(&b, 0xE000, 4 * n_table);
	for (unsigned i = 0; i < n_table; i++)
		buf_add_u32le(&b, table[i]);
	for (; *sizes != 0; sizes++) {
		put_item(&b, 0xE000, *sizes);
		buf_fill(&b, 0xAA, *sizes);
	}
	return b;
}

static void
test_frames_encapsulated_table_of_tables_and_fragments(void **state)
{
	static const struct {
		const char *name;
		uint32_t table[4];
		unsigned n_table;
		uint32_t sizes[6];
		unsigned frames, number;
		const char *want;
	} rows[] = {
	    {"one a frame", {0}, 0, {10, 20, 30}, 3, 2, "34+20 "},
	    {"one frame in three", {0}, 0, {10, 20, 30}, 1, 1,
		"16+10 34+20 62+30 "},
	    {"by table, first", {0, 46}, 2, {10, 20, 30}, 2, 1,
		"24+10 42+20 "},
	    {"by table, last", {0, 46}, 2, {10, 20, 30}, 2, 2, "70+30 "},
	    {"table of one", {0}, 1, {10, 20}, 1, 1, "20+10 38+20 "},
	    {"wrong table, one a frame", {0, 47}, 2, {10, 20}, 2, 2,
		"42+20 "},
	    {"table that begins late", {8, 18}, 2, {10, 20}, 2, 1, "24+10 "},
	    {"table of another count", {0}, 1, {10, 20}, 2, 2, "38+20 "},
	    {"table that goes down", {0, 18, 4}, 3, {10, 20, 30}, 3, 2,
		"46+20 "},
	    {"wrong table, no order", {0, 47}, 2, {10, 20, 30}, 2, 1,
		"error"},
	    {"table beyond", {0, 0xFFFFFFFF}, 2, {10, 20, 30}, 2, 2,
		"error"},
	    {"no table, no order", {0}, 0, {10, 20, 30}, 2, 1, "error"},
	    {"no fragments", {0}, 0, {0}, 1, 1, "error"},
	    {"beyond", {0}, 0, {10, 20}, 2, 3, "none"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct frames_shape s = {.frames = rows[i].frames,
		    .encapsulated = true};
		struct buf b = encapsulated(rows[i].table, rows[i].n_table,
		    rows[i].sizes);
		expect(rows[i].name, &s, &b, rows[i].number, rows[i].want);
		put_item(&b, 0xE0DD, 0); /* the same with its end */
		expect(rows[i].name, &s, &b, rows[i].number, rows[i].want);
		buf_done(&b);
	}
}

static void
test_frames_what_are_no_fragments_is_an_error(void **state)
{
	static const struct frames_shape s = {.frames = 1,
	    .encapsulated = true};
	struct buf b;
	(void)state;
	buf_init(&b, 1000);
	expect("empty", &s, &b, 1, "error");
	put_item(&b, 0xE000, 0xFFFFFFFF);
	expect("endless table", &s, &b, 1, "error");
	buf_clear(&b);
	put_item(&b, 0xE000, 0);
	put_item(&b, 0xE000, 9);
	buf_fill(&b, 1, 8);
	expect("cut", &s, &b, 1, "error");
	buf_clear(&b);
	put_item(&b, 0xE000, 0);
	put_item(&b, 0xE0DD, 0);
	put_item(&b, 0xE000, 0);
	expect("end in the middle", &s, &b, 1, "error");
	buf_clear(&b);
	put_item(&b, 0xE000, 0);
	put_item(&b, 0xE00D, 0);
	expect("no item", &s, &b, 1, "error");
	buf_done(&b);
}

/* frames_fn */
static void
check_piece(void *ctx, const struct frames_piece *piece)
{
	uint64_t n = *(const size_t *)ctx;
	assert_true(piece->at <= n && piece->n <= n - piece->at);
}

static void
test_frames_of_changed_bytes_lie_within(void **state)
{
	static const uint32_t table[] = {0, 46, 84};
	static const uint32_t sizes[] = {10, 20, 30, 40, 0};
	struct buf b = encapsulated(table, 3, sizes);
	uint32_t seed = 1;
	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		struct frames_shape s = {.frames = i % 5,
		    .encapsulated = true};
		struct err e;
		size_t n = b.len - i % 40;
		uint8_t *p = mem_new_n(uint8_t, n);
		memcpy(p, b.p, n);
		for (unsigned k = 0; k < 3; k++) {
			seed = seed * 1664525 + 1013904223;
			p[(seed >> 8) % n] = (uint8_t)(seed >> 24);
		}
		for (unsigned k = 0; k < 5; k++)
			(void)frames_find(&s, p, n, k, check_piece, &n,
			    &e); /* any answer */
		mem_free(p);
	}
	buf_done(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_frames_native_table_of_shapes),
	    cmocka_unit_test(
		test_frames_encapsulated_table_of_tables_and_fragments),
	    cmocka_unit_test(test_frames_what_are_no_fragments_is_an_error),
	    cmocka_unit_test(test_frames_of_changed_bytes_lie_within),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
