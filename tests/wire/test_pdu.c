/* SPDX-License-Identifier: MIT */
/* PDU heads, presentation data values and the PDUs of fixed length. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "wire/pdu.h"

static void
test_pdu_head_length_is_bounded_by_type(void **state)
{
	(void)state;
	static const struct {
		uint8_t type;
		uint32_t n;
		bool want;
	} rows[] = {
		{1, 68, true}, {1, 67, false}, {1, 27120, true},
		{1, PDU_ASSOCIATE_MAX, true}, {2, PDU_ASSOCIATE_MAX, true},
		{1, PDU_ASSOCIATE_MAX + 1, false}, {2, 0xFFFFFFFF, false},
		{3, 4, true}, {3, 0, false}, {3, 5, false},
		{4, 6, true}, {4, 0, false}, {4, 5, false},
		{4, PDU_DATA_MAX, true}, {4, PDU_DATA_MAX + 1, false},
		{4, 0x7FFFFFFF, false}, {4, 0x80000000, false},
		{5, 4, true}, {6, 4, true}, {7, 4, true}, {5, 1, false},
		{6, 65536, false}, {7, 0xFFFFFFFF, false},
		{0, 4, false}, {8, 4, false}, {0xFF, 4, false},
		{'G', 0x20485454, false}, /* HTTP */
		{0x16, 0x03010200, false}, /* TLS */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t n = rows[i].n;
		uint8_t head[PDU_HEAD] = {rows[i].type, 0, (uint8_t)(n >> 24),
		    (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
		enum pdu_type type;
		uint32_t length;
		struct err e;
		int rc = pdu_parse_head(head, &type, &length, &e);
		if ((rc == 0) != rows[i].want)
			print_error("type %u length %u\n", rows[i].type, n);
		assert_int_equal(rc == 0, rows[i].want);
		if (rc == 0)
			assert_int_equal(type, rows[i].type);
	}
}

static void
test_pdu_short_ones_have_the_standards_bytes(void **state)
{
	(void)state;
	static const uint8_t want[] = {
	    3, 0, 0, 0, 0, 4, 0, 1, 1, 7,
	    5, 0, 0, 0, 0, 4, 0, 0, 0, 0,
	    6, 0, 0, 0, 0, 4, 0, 0, 0, 0,
	    7, 0, 0, 0, 0, 4, 0, 0, 2, 6,
	};
	struct pdu_reject rj = {.result = 1, .source = 1, .reason = 7};
	struct pdu_reject got;
	struct err e;
	struct buf b;
	buf_init(&b, 64);

	pdu_format_reject(&b, &rj);
	pdu_format_release(&b, PDU_RELEASE_RQ);
	pdu_format_release(&b, PDU_RELEASE_RP);
	pdu_format_abort(&b, 2, 6);

	assert_int_equal(b.len, sizeof(want));
	assert_memory_equal(b.p, want, sizeof(want));
	assert_int_equal(pdu_parse_reject(b.p + PDU_HEAD, 4, &got, &e), 0);
	assert_memory_equal(&got, &rj, sizeof(rj));
	assert_int_equal(pdu_parse_reject(b.p + PDU_HEAD, 3, &got, &e), -1);
	buf_done(&b);
}

static void
test_pdu_reject_is_told_in_the_standards_words(void **state)
{
	(void)state;
	static const struct {
		struct pdu_reject r;
		const char *want;
	} rows[] = {
		{{1, 1, 7}, "called AE title not recognized (1/1/7)"},
		{{1, 1, 3}, "calling AE title not recognized (1/1/3)"},
		{{1, 2, 2}, "protocol version not supported (1/2/2)"},
		{{2, 3, 2}, "local limit exceeded (2/3/2)"},
		{{2, 3, 1}, "temporary congestion (2/3/1)"},
		{{9, 8, 7}, "unknown reason (9/8/7)"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[64];
		assert_string_equal(pdu_reject_text(&rows[i].r, text,
		    sizeof(text)), rows[i].want);
	}
}

static void
test_pdu_data_values_are_found_one_by_one(void **state)
{
	(void)state;
	uint8_t p[64];
	struct pdv v;
	struct err e;
	pdu_format_pdv_head(p, 3, true, true, 5);
	memcpy(p + PDU_HEADROOM, "abcde", 5); /* odd is tolerated */
	memcpy(p + 17, "\0\0\0\2\5\0", 6);
	struct cur c = cur_of(p + PDU_HEAD, 17);

	assert_int_equal(pdu_next_pdv(&c, &v, &e), 1);
	assert_int_equal(v.context, 3);
	assert_true(v.is_command && v.is_last);
	assert_int_equal(v.n, 5);
	assert_memory_equal(v.p, "abcde", 5);
	assert_int_equal(pdu_next_pdv(&c, &v, &e), 1);
	assert_int_equal(v.context, 5);
	assert_false(v.is_command || v.is_last);
	assert_int_equal(v.n, 0);
	assert_int_equal(pdu_next_pdv(&c, &v, &e), 0);
}

static void
test_pdu_broken_data_values_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		const char *bytes;
		size_t n;
	} rows[] = {
		{"length 0", "\0\0\0\0\1\3", 6},
		{"length 1", "\0\0\0\1\1\3", 6},
		{"beyond the PDU", "\0\0\0\3\1\3", 6},
		{"2^31", "\x80\0\0\0\1\3", 6},
		{"2^32-1", "\xff\xff\xff\xff\1\3", 6},
		{"half a length", "\0\0\0", 3},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cur c = cur_of(rows[i].bytes, rows[i].n);
		struct pdv v;
		struct err e = {.code = ERR_NONE};
		int rc = pdu_next_pdv(&c, &v, &e);
		if (rc != -1)
			print_error("row '%s'\n", rows[i].name);
		assert_int_equal(rc, -1);
		assert_int_equal(e.code, ERR_PARSE);
	}
}

static void
test_pdu_data_head_has_the_standards_bytes(void **state)
{
	(void)state;
	static const struct {
		bool command, last;
		uint8_t want;
	} rows[] = {{false, false, 0}, {true, false, 1}, {false, true, 2},
	    {true, true, 3}};

	for (size_t i = 0; i < 4; i++) {
		uint8_t p[PDU_HEADROOM];
		uint8_t want[PDU_HEADROOM] = {4, 0, 0, 1, 2, 9, 0, 1, 2, 5,
		    255, rows[i].want};
		pdu_format_pdv_head(p, 255, rows[i].command, rows[i].last,
		    0x10203);
		assert_memory_equal(p, want, PDU_HEADROOM);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_pdu_head_length_is_bounded_by_type),
	    cmocka_unit_test(test_pdu_short_ones_have_the_standards_bytes),
	    cmocka_unit_test(test_pdu_reject_is_told_in_the_standards_words),
	    cmocka_unit_test(test_pdu_data_values_are_found_one_by_one),
	    cmocka_unit_test(test_pdu_broken_data_values_are_refused),
	    cmocka_unit_test(test_pdu_data_head_has_the_standards_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
