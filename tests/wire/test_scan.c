/* SPDX-License-Identifier: MIT */
/* Tests of the walk over data set elements. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "wire/attrs.h"
#include "wire/scan.h"

#include "sample.h"

#define ELE SYNTAX_EXPLICIT_LE
#define ILE SYNTAX_IMPLICIT_LE
#define EBE SYNTAX_EXPLICIT_BE
#define UNDEFINED UINT32_MAX

struct seen {
	char text[512];
	unsigned stop_at; /* 0: never */
	unsigned n;
};

static bool
see(void *ctx, const struct scan_element *el) /* scan_element_fn */
{
	struct seen *s = ctx;
	size_t n = strlen(s->text);
	(void)snprintf(s->text + n, sizeof(s->text) - n, "%08x%s%s%u ",
	    (unsigned)el->tag, el->vr, el->p == NULL ? "-" : "=",
	    (unsigned)el->n); /* cut: the test then fails */
	return ++s->n != s->stop_at;
}

/* Scan bytes written as a C string. */
#define SCAN(bytes, syntax, seen, ret, e) \
	scan_data_set((bytes), sizeof(bytes) - 1, (syntax), see, (seen), \
	    (ret), (e))

#define ITEM "\xFE\xFF\x00\xE0"
#define ITEM_END "\xFE\xFF\x0D\xE0\0\0\0\0"
#define SEQ_END "\xFE\xFF\xDD\xE0\0\0\0\0"
#define OPEN "\xFF\xFF\xFF\xFF"
#define ROWS "\x28\0\x10\0US\x02\0\0\x01"
#define ROWS_ILE "\x28\0\x10\0\x02\0\0\0\0\x01"

#define ROW(name, bytes, syntax, how, end, seen) \
	{name, bytes, sizeof(bytes) - 1, syntax, how, end, seen}
static const struct {
	const char *name, *bytes;
	size_t n;
	const char *syntax;
	enum scan_end how;
	size_t end;
	const char *seen;
} walked[] = {
    ROW("nothing", "", ELE, SCAN_WHOLE, 0, ""),
    ROW("explicit", ROWS, ELE, SCAN_WHOLE, 10, "00280010US=2 "),
    ROW("implicit", ROWS_ILE, ILE, SCAN_WHOLE, 10, "00280010=2 "),
    ROW("big endian", "\0\x28\0\x10US\0\x02\x01\0", EBE, SCAN_WHOLE,
	10, "00280010US=2 "),
    ROW("any other syntax is explicit", ROWS,
	"1.2.840.10008.1.2.4.80", SCAN_WHOLE, 10, "00280010US=2 "),
    ROW("long VR", "\x28\0\x10\0OB\0\0\x01\0\0\0x", ELE, SCAN_WHOLE,
	13, "00280010OB=1 "),
    ROW("VR to come", "\x28\0\x10\0ZZ\0\0\x01\0\0\0x", ELE,
	SCAN_WHOLE, 13, "00280010ZZ=1 "),
    ROW("no VR at all", "\x28\0\x10\0--\x01\0x", ELE, SCAN_WHOLE, 9,
	"00280010--=1 "),
    ROW("pixels", ROWS "\xE0\x7F\x10\0OW\0\0\x04\0\0\0", ELE,
	SCAN_PIXELS, 10, "00280010US=2 "),
    ROW("cut tag", ROWS "\x28\0\x11", ELE, SCAN_MORE, 10,
	"00280010US=2 "),
    ROW("cut value", ROWS "\x28\0\x11\0US\x02\0x", ELE, SCAN_MORE, 10,
	"00280010US=2 "),
    ROW("tags go down", ROWS "\x08\0\x60\0CS\x02\0MR", ELE,
	SCAN_WHOLE, 20, "00280010US=2 00080060CS=2 "),
    ROW("empty sequence", "\x08\0\x40\x11SQ\0\0\0\0\0\0" ROWS, ELE,
	SCAN_WHOLE, 22, "00081140SQ-0 00280010US=2 "),
    ROW("closed sequence",
	"\x08\0\x40\x11SQ\0\0\x12\0\0\0" ITEM "\x0A\0\0\0" ROWS ROWS,
	ELE, SCAN_WHOLE, 40, "00081140SQ-18 00280010US=2 "),
    ROW("open sequence and item",
	"\x08\0\x40\x11SQ\0\0" OPEN ITEM OPEN ROWS ITEM_END SEQ_END
	ROWS,
	ELE, SCAN_WHOLE, 56, "00081140SQ-4294967295 00280010US=2 "),
    ROW("UN of undefined length is implicit inside",
	"\x09\0\x40\x11UN\0\0" OPEN ITEM OPEN ROWS_ILE ITEM_END
	SEQ_END ROWS,
	ELE, SCAN_WHOLE, 56, "00091140UN-4294967295 00280010US=2 "),
    ROW("UN inside big endian is little",
	"\0\x09\x11\x40UN\0\0" OPEN ITEM OPEN ROWS_ILE ITEM_END
	SEQ_END,
	EBE, SCAN_WHOLE, 46, "00091140UN-4294967295 "),
    ROW("fragments", "\x09\0\x10\0OB\0\0" OPEN ITEM "\0\0\0\0" ITEM
	"\x02\0\0\0xx" SEQ_END ROWS,
	ELE, SCAN_WHOLE, 48, "00090010OB-4294967295 00280010US=2 "),
    ROW("prefix inside a sequence",
	"\x08\0\x40\x11SQ\0\0\x12\0\0\0" ITEM "\x0A\0\0\0\x28\0", ELE,
	SCAN_MORE, 0, "00081140SQ-18 "),
    ROW("implicit sequence of undefined length",
	"\x08\0\x40\x11" OPEN ITEM OPEN ROWS_ILE ITEM_END SEQ_END,
	ILE, SCAN_WHOLE, 42, "00081140-4294967295 "),
    ROW("item beyond its sequence",
	"\x08\0\x40\x11SQ\0\0\x11\0\0\0" ITEM "\x0A\0\0\0" ROWS ROWS,
	ELE, SCAN_WHOLE, 40, "00081140SQ-17 00280010US=2 "),
};
#undef ROW

static void
test_scan_table_of_data_sets_is_walked(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(walked) / sizeof(walked[0]); i++) {
		struct seen seen = {.n = 0};
		struct scan got = {.end = 0};
		struct err e = {.msg = ""};
		int rc = scan_data_set(walked[i].bytes, walked[i].n,
		    walked[i].syntax, see, &seen, &got, &e);
		if (rc != 0 || got.how != walked[i].how ||
		    got.end != walked[i].end)
			print_error("row %s: %s\n", walked[i].name, e.msg);
		assert_int_equal(rc, 0);
		assert_int_equal(got.how, walked[i].how);
		assert_int_equal(got.end, walked[i].end);
		assert_string_equal(seen.text, walked[i].seen);
	}
}

static void
test_scan_table_of_faults_is_refused(void **state)
{
#define ROW(name, bytes) {name, bytes, sizeof(bytes) - 1}
	static const struct {
		const char *name, *bytes;
		size_t n;
	} rows[] = {
	    ROW("stray item", ITEM "\0\0\0\0"),
	    ROW("stray item end", ROWS ITEM_END),
	    ROW("stray sequence end", ROWS SEQ_END),
	    ROW("element in a sequence",
		"\x08\0\x40\x11SQ\0\0" OPEN ROWS SEQ_END),
	    ROW("value longer than its item",
		"\x08\0\x40\x11SQ\0\0\x12\0\0\0" ITEM
		"\x0A\0\0\0\x28\0\x10\0US\x20\0\0\x01"),
	    ROW("element cut by its item",
		"\x08\0\x40\x11SQ\0\0\x0C\0\0\0" ITEM
		"\x04\0\0\0\x28\0\x10\0" ROWS),
	    ROW("sequence longer than its item",
		"\x08\0\x40\x11SQ\0\0\x18\0\0\0" ITEM
		"\x0C\0\0\0\x08\0\x40\x11SQ\0\0\x09\0\0\0" ROWS),
	    ROW("item end in an item of defined length",
		"\x08\0\x40\x11SQ\0\0\x10\0\0\0" ITEM "\x08\0\0\0" ITEM_END),
	    ROW("sequence end in a sequence of defined length",
		"\x08\0\x40\x11SQ\0\0\x08\0\0\0" SEQ_END),
	    ROW("open fragment",
		"\x09\0\x10\0OB\0\0" OPEN ITEM OPEN SEQ_END),
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct scan got;
		struct err e = {0};
		int rc = scan_data_set(rows[i].bytes, rows[i].n, ELE, NULL,
		    NULL, &got, &e);
		if (rc != -1)
			print_error("row %s\n", rows[i].name);
		assert_int_equal(rc, -1);
		assert_int_equal(e.code, ERR_PARSE);
	}
#undef ROW
}

static void
test_scan_identifying_values_are_top_level_and_first(void **state)
{
	static const char bytes[] =
	    "\x08\0\x16\0UI\x04\0" "1.2\0"
	    "\x08\0\x40\x11SQ\0\0\x14\0\0\0" ITEM
	    "\x0C\0\0\0\x08\0\x18\0UI\x04\0" "9.9\0"
	    "\x08\0\x18\0UI\x04\0" "1.3\0"
	    "\x08\0\x18\0UI\x04\0" "6.6\0"
	    "\x20\0\x0D\0UI\x04\0" "1.4 "
	    "\x20\0\x0E\0UI\x04\0" "../x";
	struct seen seen = {.n = 0};
	struct scan got;
	struct err e;
	(void)state;

	assert_int_equal(SCAN(bytes, ELE, &seen, &got, &e), 0);

	assert_string_equal(got.class_uid, "1.2");
	assert_string_equal(got.instance_uid, "1.3");
	assert_string_equal(got.study_uid, "1.4");
	assert_string_equal(got.series_uid, "");
	assert_int_equal(got.depth, 1);
}

static void
test_scan_stops_when_told_to(void **state)
{
	struct seen seen = {.stop_at = 2};
	struct scan got;
	struct err e;
	(void)state;

	int rc = SCAN(ROWS ROWS ROWS, ELE, &seen, &got, &e);

	assert_int_equal(rc, 0);
	assert_int_equal(seen.n, 2);
	assert_int_equal(got.end, 10);
}

static void
test_scan_pixel_length_tells_encapsulation(void **state)
{
	struct scan got;
	struct err e;
	struct seen seen = {.n = 0};
	(void)state;

	int rc = SCAN("\xE0\x7F\x10\0OB\0\0" OPEN, ELE, &seen, &got, &e);

	assert_int_equal(rc, 0);
	assert_int_equal(got.how, SCAN_PIXELS);
	assert_int_equal(got.pixel_length, UINT32_MAX);
}

static void
add_open(struct buf *b, unsigned depth)
{
	for (unsigned i = 0; i < depth; i++) {
		buf_add(b, "\x08\0\x40\x11SQ\0\0" OPEN, 12);
		buf_add(b, ITEM OPEN, 8);
	}
}

static void
test_scan_depth_is_bounded(void **state)
{
	struct scan got;
	struct err e;
	struct buf b;
	(void)state;
	buf_init(&b, 1 << 20);

	add_open(&b, SCAN_DEPTH_MAX);
	int deep = scan_data_set(b.p, b.len, ELE, NULL, NULL, &got, &e);
	add_open(&b, 1);
	int deeper = scan_data_set(b.p, b.len, ELE, NULL, NULL, &got, &e);

	assert_int_equal(deep, 0);
	assert_int_equal(got.how, SCAN_MORE);
	assert_int_equal(got.depth, SCAN_DEPTH_MAX);
	assert_int_equal(deeper, -1);
	buf_done(&b);
}

static void
test_scan_number_of_elements_is_bounded(void **state)
{
	struct scan got;
	struct err e;
	struct buf b;
	(void)state;
	buf_init(&b, 16 << 20);
	buf_fill(&b, 0, (SCAN_ELEMENTS_MAX + 1) * (size_t)8);

	int most = scan_data_set(b.p, b.len - 8, ILE, NULL, NULL, &got, &e);
	int more = scan_data_set(b.p, b.len, ILE, NULL, NULL, &got, &e);

	assert_int_equal(most, 0);
	assert_int_equal(more, -1);
	buf_done(&b);
}

static void
good_file(void *ctx, const char *path, const struct sample *s)
{
	unsigned *n_images = ctx;
	struct scan got;
	struct err e = {.msg = ""};
	if (str_eq(s->syntax, SYNTAX_DEFLATED_LE))
		return;
	int rc = scan_data_set(s->bytes + s->set, s->n - s->set, s->syntax,
	    NULL, NULL, &got, &e);
	/* the one whose last item says 24 bytes more than the file has */
	bool is_cut = strstr(path, "DICOMDIR-nooffset") != NULL;
	if (rc != 0 || (got.how == SCAN_MORE) != is_cut)
		print_error("%s: %s\n", path, e.msg);
	assert_int_equal(rc, 0);
	assert_int_equal(got.how == SCAN_MORE, is_cut);
	if (got.instance_uid[0] != '\0' && got.study_uid[0] != '\0' &&
	    got.series_uid[0] != '\0' && got.class_uid[0] != '\0')
		(*n_images)++;
}

static void
test_scan_every_good_file_is_walked(void **state)
{
	unsigned n_images = 0;
	(void)state;

	unsigned n = sample_each("good", good_file, &n_images);

	if (n == 0)
		skip(); /* the data folder is not there */
	assert_true(n_images * 10 > n * 9);
}

static void
test_scan_table_of_bad_files_ends_as_it_must(void **state)
{
	static const struct {
		const char *name;
		int rc;
		enum scan_end how;
	} rows[] = {
	    {"dcm4che/3gb-bulk-data-truncated", 0, SCAN_PIXELS},
	    {"fo-dicom/GH626.dcm", 0, SCAN_MORE},
	    {"orthanc/2026-05-06-Deeply-Nested-Sequence.dcm", -1, 0},
	    {"pydicom/MR_truncated.dcm", 0, SCAN_PIXELS},
	    {"pydicom/badVR.dcm", 0, SCAN_PIXELS},
	    {"pydicom/JPEG2000-embedded-sequence-delimiter.dcm", 0,
		SCAN_PIXELS},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char name[128];
		char path[512];
		struct sample s;
		struct scan got = {.end = 0};
		struct err e;
		(void)snprintf(name, sizeof(name), "bad/%s", rows[i].name);
		sample_path(path, sizeof(path), name);
		if (!sample_read(&s, path))
			skip(); /* the data folder is not there */
		int rc = scan_data_set(s.bytes + s.set, s.n - s.set, s.syntax,
		    NULL, NULL, &got, &e);
		if (rc != rows[i].rc || got.how != rows[i].how)
			print_error("%s\n", name);
		assert_int_equal(rc, rows[i].rc);
		assert_int_equal(got.how, rows[i].how);
		sample_done(&s);
	}
}

static void
test_scan_property_every_prefix_is_whole_or_more(void **state)
{
	static const char bytes[] =
	    ROWS "\x08\0\x40\x11SQ\0\0" OPEN ITEM OPEN ROWS ITEM_END ITEM
	    "\x0A\0\0\0" ROWS SEQ_END "\x09\0\x10\0OB\0\0" OPEN ITEM
	    "\x02\0\0\0xx" SEQ_END ROWS;
	struct scan got;
	struct err e;
	(void)state;
	for (size_t n = 0; n < sizeof(bytes); n++) {
		uint8_t *cut = mem_new_n(uint8_t, n);
		memcpy(cut, bytes, n);
		assert_int_equal(
		    scan_data_set(cut, n, ELE, NULL, NULL, &got, &e), 0);
		assert_true(got.end <= n);
		assert_true(got.how == SCAN_MORE || got.end == n);
		mem_free(cut);
	}
}

static void
test_scan_property_damaged_bytes_stay_in_bounds(void **state)
{
	static const char *const syntaxes[] = {ELE, ILE, EBE};
	char path[512];
	struct sample s;
	(void)state;
	sample_path(path, sizeof(path), "good/syntax/UN_sequence.dcm");
	if (!sample_read(&s, path))
		skip(); /* the data folder is not there */
	size_t n = s.n - s.set;
	srand(5);
	for (int round = 0; round < 1000; round++) {
		struct scan got;
		struct err e;
		uint8_t *copy = mem_new_n(uint8_t, n);
		memcpy(copy, s.bytes + s.set, n);
		for (int k = rand() % 4; k >= 0; k--)
			copy[(size_t)rand() % n] = (uint8_t)rand();
		int rc = scan_data_set(copy, n, syntaxes[rand() % 3], NULL,
		    NULL, &got, &e);
		assert_true(rc == -1 || got.end <= n);
		mem_free(copy);
	}
	sample_done(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_scan_table_of_data_sets_is_walked),
	    cmocka_unit_test(test_scan_table_of_faults_is_refused),
	    cmocka_unit_test(
		test_scan_identifying_values_are_top_level_and_first),
	    cmocka_unit_test(test_scan_stops_when_told_to),
	    cmocka_unit_test(test_scan_pixel_length_tells_encapsulation),
	    cmocka_unit_test(test_scan_depth_is_bounded),
	    cmocka_unit_test(test_scan_number_of_elements_is_bounded),
	    cmocka_unit_test(test_scan_every_good_file_is_walked),
	    cmocka_unit_test(test_scan_table_of_bad_files_ends_as_it_must),
	    cmocka_unit_test(test_scan_property_every_prefix_is_whole_or_more),
	    cmocka_unit_test(test_scan_property_damaged_bytes_stay_in_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
