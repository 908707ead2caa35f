/* SPDX-License-Identifier: MIT */
/* Tests of the data set shim, in C as its callers are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <zlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "dicom/dataset.h"
#include "wire/attrs.h"
#include "wire/scan.h"

#include "../wire/sample.h"

#define ELE SYNTAX_EXPLICIT_LE

/* One element in Explicit LE with a 16-bit length. */
static void
add(struct buf *b, uint32_t tag, const char *vr, const char *p, size_t n)
{
	buf_add_u16le(b, (uint16_t)(tag >> 16));
	buf_add_u16le(b, (uint16_t)tag);
	buf_add(b, vr, 2);
	buf_add_u16le(b, (uint16_t)n);
	buf_add(b, p, n);
}

/* Parse ${charset} (NULL: none) with one ${value} of ${vr}. */
static int
parse_one(const char *charset, const char *vr, const char *value,
    struct attrs *ret)
{
	struct buf b;
	struct err e;
	buf_init(&b, 1 << 16);
	if (charset != NULL)
		add(&b, TAG_CHARSET, "CS", charset, strlen(charset));
	add(&b, TAG_PATIENT_NAME, vr, value, strlen(value));
	int rc = dataset_parse(b.p, b.len, ELE, NULL, 0, ret, &e);
	buf_done(&b);
	return rc;
}

static void
test_dataset_table_of_charsets_becomes_utf8(void **state)
{
	static const struct {
		const char *name, *charset, *raw, *utf8;
		bool guessed;
	} rows[] = {
	    {"ascii", NULL, "Doe^Jane", "Doe^Jane", false},
	    {"german", "ISO_IR 100", "\xC4neas^R\xFC" "diger ",
		"Äneas^Rüdiger", false},
	    {"greek", "ISO_IR 126", "\xC4\xE9\xEF\xED\xF5\xF3\xE9\xEF\xF2",
		"Διονυσιος", false},
	    {"russian", "ISO_IR 144", "\xBB\xEE\xDA", "Люк", false},
	    {"arabic", "ISO_IR 127", "\xE2\xC8\xC7\xE6\xEA", "قباني", false},
	    {"utf8", "ISO_IR 192", "\xE7\x8E\x8B^\xE5\xB0\x8F", "王^小", false},
	    {"korean", "\\ISO 2022 IR 149",
		"Hong^Gildong=\x1B$)C\xFB\xF3^\x1B$)C\xD1\xCE\xD4\xD7",
		"Hong^Gildong=洪^吉洞", false},
	    {"kanji", "\\ISO 2022 IR 87", "Yamada=\x1B$B;3ED\x1B(B",
		"Yamada=山田", false},
	    {"katakana and kanji", "ISO 2022 IR 13\\ISO 2022 IR 87",
		"\xD4\xCF\xC0\xDE^\xC0\xDB\xB3=\x1B$B;3ED\x1B(J",
		"ﾔﾏﾀﾞ^ﾀﾛｳ=山田", false},
	    {"gb18030", "GB18030", "Wang=\xCD\xF5", "Wang=王", false},
	    {"a lone extension", "ISO 2022 IR 100", "R\xFC" "diger", "Rüdiger",
		false},
	    {"a lone extension without a plain set", "ISO 2022 IR 149",
		"\x1B$)C\xFB\xF3", "洪", false},
	    {"no set", NULL, "R\xFC" "diger", "Rüdiger", true},
	    {"unknown set", "KLINGON", "R\xFC" "diger", "Rüdiger", true},
	    {"unknown set, ascii", "KLINGON", "Ruediger", "Ruediger", false},
	    {"not what it says", "ISO_IR 192", "R\xFC" "diger", "Rüdiger",
		true},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct attrs as;
		assert_int_equal(parse_one(rows[i].charset, "PN",
		    rows[i].raw, &as), 0);
		const struct attr *a = attrs_get(&as, TAG_PATIENT_NAME);
		if (!str_eq(a->value, rows[i].utf8) ||
		    as.guessed != rows[i].guessed)
			print_error("row %s\n", rows[i].name);
		assert_string_equal(a->value, rows[i].utf8);
		assert_int_equal(as.guessed, rows[i].guessed);
		assert_int_equal(a->raw_n, strlen(rows[i].raw));
		assert_memory_equal(a->raw, rows[i].raw, a->raw_n);
		assert_string_equal(as.charset,
		    rows[i].charset == NULL ? "" : rows[i].charset);
		attrs_done(&as);
	}
}

static void
test_dataset_table_of_values_loses_padding_only(void **state)
{
	static const struct {
		const char *name, *vr, *raw, *value;
	} rows[] = {
	    {"blanks around components", "LO", " A \\ B ", "A\\B"},
	    {"leading blanks of text", "LT", "  a\\ b  ", "  a\\ b"},
	    {"only blanks", "LO", "    ", ""},
	    {"empty", "PN", "", ""},
	    {"inner blanks", "PN", "van der  Berg ", "van der  Berg"},
	    {"empty component", "LO", "A\\\\B", "A\\\\B"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct attrs as;
		assert_int_equal(parse_one(NULL, rows[i].vr, rows[i].raw,
		    &as), 0);
		if (!str_eq(attrs_value(&as, TAG_PATIENT_NAME),
		    rows[i].value))
			print_error("row %s\n", rows[i].name);
		assert_string_equal(attrs_value(&as, TAG_PATIENT_NAME),
		    rows[i].value);
		attrs_done(&as);
	}
}

static void
test_dataset_nul_never_cuts_a_value(void **state)
{
	struct buf b;
	struct attrs as;
	struct err e;
	(void)state;
	buf_init(&b, 1 << 16);
	add(&b, TAG_PATIENT_ID, "LO", "12\0" "34\0", 6);
	add(&b, TAG_STUDY_UID, "UI", "1.2.3\0", 6);

	assert_int_equal(dataset_parse(b.p, b.len, ELE, NULL, 0, &as, &e), 0);

	assert_string_equal(attrs_value(&as, TAG_PATIENT_ID), "12 34");
	assert_string_equal(attrs_value(&as, TAG_STUDY_UID), "1.2.3");
	assert_int_equal(attrs_get(&as, TAG_STUDY_UID)->raw_n, 6);
	attrs_done(&as);
	buf_done(&b);
}

static void
test_dataset_table_of_numbers_becomes_decimal(void **state)
{
	static const struct {
		const char *vr;
		size_t n;
		const char *little, *big, *value;
	} rows[] = {
	    {"US", 4, "\0\x02\xFF\xFF", "\x02\0\xFF\xFF", "512\\65535"},
	    {"SS", 2, "\xFE\xFF", "\xFF\xFE", "-2"},
	    {"UL", 4, "\1\0\0\x80", "\x80\0\0\1", "2147483649"},
	    {"SL", 4, "\xFF\xFF\xFF\xFF", "\xFF\xFF\xFF\xFF", "-1"},
	    {"FL", 4, "\0\0\xC0\x3F", "\x3F\xC0\0\0", "1.5"},
	    {"FL", 4, "\xCD\xCC\xCC\x3D", "\x3D\xCC\xCC\xCD", "0.1"},
	    {"FD", 8, "\x9A\x99\x99\x99\x99\x99\xB9\x3F",
		"\x3F\xB9\x99\x99\x99\x99\x99\x9A", "0.1"},
	    {"AT", 4, "\x28\0\x09\0", "\0\x28\0\x09", "00280009"},
	    {"US", 3, "\1\0\2", "\0\1\2", "1"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (int big = 0; big < 2; big++) {
			struct buf b;
			struct attrs as;
			struct err e;
			uint8_t n = (uint8_t)rows[i].n;
			uint8_t le[8] = {0x28, 0, 0x08, 0, 0, 0, n, 0};
			uint8_t be[8] = {0, 0x28, 0, 0x08, 0, 0, 0, n};
			buf_init(&b, 64);
			memcpy((big == 1 ? be : le) + 4, rows[i].vr, 2);
			buf_add(&b, big == 1 ? be : le, 8);
			buf_add(&b, big == 1 ? rows[i].big : rows[i].little,
			    n);
			assert_int_equal(dataset_parse(b.p, b.len,
			    big == 1 ? SYNTAX_EXPLICIT_BE : ELE, NULL, 0,
			    &as, &e), 0);
			assert_string_equal(attrs_value(&as, TAG_FRAMES),
			    rows[i].value);
			attrs_done(&as);
			buf_done(&b);
		}
	}
}

static void
test_dataset_implicit_takes_vrs_from_the_dictionary(void **state)
{
	static const char bytes[] =
	    "\x08\0\x40\x11\x10\0\0\0\xFE\xFF\0\xE0\x08\0\0\0"
	    "\x08\0\x60\0\0\0\0\0" /* a sequence with one item */
	    "\x10\0\x10\0\x04\0\0\0" "A^B "
	    "\x28\0\x10\0\x02\0\0\0\0\x01"
	    "\x28\0\x03\1\x02\0\0\0\1\0" /* signed pixels */
	    "\x28\0\x06\1\x02\0\0\0\xFF\xFF"
	    "\x28\0\xEE\xEE\x02\0\0\0xy";
	struct attrs as;
	struct err e;
	(void)state;

	assert_int_equal(dataset_parse(bytes, sizeof(bytes) - 1,
	    SYNTAX_IMPLICIT_LE, NULL, 0, &as, &e), 0);

	assert_string_equal(attrs_get(&as, TAG(0x0008, 0x1140))->vr, "SQ");
	assert_string_equal(attrs_value(&as, TAG(0x0008, 0x1140)), "");
	assert_int_equal(attrs_get(&as, TAG(0x0008, 0x1140))->raw_n, 0);
	assert_string_equal(attrs_get(&as, TAG_PATIENT_NAME)->vr, "PN");
	assert_string_equal(attrs_value(&as, TAG_ROWS), "256");
	assert_string_equal(attrs_get(&as, TAG(0x0028, 0x0106))->vr, "SS");
	assert_string_equal(attrs_value(&as, TAG(0x0028, 0x0106)), "-1");
	assert_string_equal(attrs_get(&as, TAG(0x0028, 0xEEEE))->vr, "UN");
	attrs_done(&as);
}

static void
test_dataset_un_of_a_known_tag_is_read_little_endian(void **state)
{
	static const char bytes[] = "\0\x28\0\x10UN\0\0\0\0\0\2\0\1"
				    "\0\x28\0\x11US\0\2\0\1";
	struct attrs as;
	struct err e;
	(void)state;

	assert_int_equal(dataset_parse(bytes, sizeof(bytes) - 1,
	    SYNTAX_EXPLICIT_BE, NULL, 0, &as, &e), 0);

	assert_string_equal(attrs_get(&as, TAG_ROWS)->vr, "US");
	assert_string_equal(attrs_value(&as, TAG_ROWS), "256");
	assert_string_equal(attrs_value(&as, TAG_COLUMNS), "1");
	attrs_done(&as);
}

static void
test_dataset_without_tags_skips_private_and_long(void **state)
{
	struct buf b;
	struct attrs as;
	struct err e;
	(void)state;
	buf_init(&b, 1 << 20);
	add(&b, TAG(8, 0), "UL", "\0\0\0\0", 4);
	add(&b, TAG_MODALITY, "CS", "MR", 2);
	add(&b, TAG_MODALITY, "CS", "CT", 2); /* the first counts */
	add(&b, TAG(9, 0x10), "LO", "ACME", 4);
	buf_add(&b, "\x28\0\x01\x12OW\0\0\x02\0\1\0", 12);
	buf_fill(&b, 0, 65538);
	add(&b, TAG_STUDY_COMMENTS, "LT", "ok", 2);

	assert_int_equal(dataset_parse(b.p, b.len, ELE, NULL, 0, &as, &e), 0);

	assert_int_equal(as.n, 2);
	assert_string_equal(attrs_value(&as, TAG_MODALITY), "MR");
	assert_string_equal(attrs_value(&as, TAG_STUDY_COMMENTS), "ok");
	attrs_done(&as);
	buf_done(&b);
}

static void
test_dataset_with_tags_gives_only_those(void **state)
{
	static const uint32_t tags[] = {TAG(9, 0x10), TAG_MODALITY, TAG_SEX};
	struct buf b;
	struct attrs as;
	struct err e;
	(void)state;
	buf_init(&b, 1 << 20);
	add(&b, TAG_STUDY_DATE, "DA", "20260101", 8);
	add(&b, TAG_MODALITY, "CS", "MR", 2);
	add(&b, TAG(9, 0x10), "LO", "ACME", 4);

	assert_int_equal(dataset_parse(b.p, b.len, ELE, tags, 3, &as, &e), 0);

	assert_int_equal(as.n, 2);
	assert_string_equal(attrs_value(&as, TAG(9, 0x10)), "ACME");
	assert_string_equal(attrs_value(&as, TAG_MODALITY), "MR");
	attrs_done(&as);
	buf_done(&b);
}

static void
test_dataset_cut_before_the_pixels_is_refused(void **state)
{
	struct attrs as;
	struct err e = {0};
	(void)state;

	int rc = dataset_parse("\x28\0\x10\0US\2\0\0", 9, ELE, NULL, 0,
	    &as, &e);

	assert_int_equal(rc, -1);
	assert_int_equal(e.code, ERR_PARSE);
	assert_int_equal(as.n, 0);
}

static void
deflate_into(struct buf *b, const struct buf *from)
{
	z_stream z = {.zalloc = NULL};
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -MAX_WBITS, 9,
	    Z_DEFAULT_STRATEGY), Z_OK);
	size_t room = deflateBound(&z, from->len);
	uint8_t *out = mem_new_n(uint8_t, room);
	z.next_in = from->p;
	z.avail_in = (uInt)from->len;
	z.next_out = out;
	z.avail_out = (uInt)room;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	buf_add(b, out, room - z.avail_out);
	(void)deflateEnd(&z); /* finished above */
	mem_free(out);
}

static void
test_dataset_deflated_is_inflated_within_bounds(void **state)
{
	struct buf plain;
	struct buf small;
	struct attrs as;
	struct err e;
	(void)state;
	buf_init(&plain, 200 << 20);
	buf_init(&small, 1 << 20);
	add(&plain, TAG_MODALITY, "CS", "MR", 2);
	buf_add(&plain, "\xE0\x7F\x10\0OW\0\0\0\0\0\x08", 12);
	buf_fill(&plain, 0, 1 << 20);
	deflate_into(&small, &plain);

	assert_int_equal(dataset_parse(small.p, small.len, SYNTAX_DEFLATED_LE,
	    NULL, 0, &as, &e), 0);

	assert_string_equal(attrs_value(&as, TAG_MODALITY), "MR");
	attrs_done(&as);
	buf_done(&plain);
	buf_done(&small);
}

static void
test_dataset_deflate_bomb_is_refused(void **state)
{
	struct buf plain;
	struct buf small;
	struct attrs as;
	struct err e = {0};
	(void)state;
	buf_init(&plain, 200 << 20);
	buf_init(&small, 1 << 20);
	buf_add(&plain, "\x28\0\x01\x12OW\0\0\0\0\0\x06", 12);
	buf_fill(&plain, 0, 80 << 20);
	deflate_into(&small, &plain);

	int rc = dataset_parse(small.p, small.len, SYNTAX_DEFLATED_LE, NULL,
	    0, &as, &e);

	assert_int_equal(rc, -1);
	assert_int_equal(e.code, ERR_PARSE);
	buf_done(&plain);
	buf_done(&small);
}

/* 400,000 sequences of defined length in each other, Implicit VR: no check
 * can tell them from a value, and a parser that recurses dies of them. */
static void
test_dataset_implicit_nesting_is_survived(void **state)
{
	const unsigned depth = 400000;
	struct buf b;
	struct attrs as;
	struct err e;
	(void)state;
	buf_init(&b, 16 << 20);
	for (unsigned left = depth; left > 0; left--) {
		uint32_t inside = (left - 1) * 16;
		buf_add(&b, "\x08\0\x40\x11", 4);
		buf_add_u32le(&b, inside + 8);
		buf_add(&b, "\xFE\xFF\0\xE0", 4);
		buf_add_u32le(&b, inside);
	}

	assert_int_equal(dataset_parse(b.p, b.len, SYNTAX_IMPLICIT_LE, NULL,
	    0, &as, &e), 0);

	assert_true(as.n <= 1);
	attrs_done(&as);
	buf_done(&b);
}

static void
good_file(void *ctx, const char *path, const struct sample *s)
{
	unsigned *n_named = ctx;
	struct attrs as;
	struct err e = {.msg = ""};
	bool is_cut = strstr(path, "DICOMDIR-nooffset") != NULL;
	int rc = dataset_parse(s->bytes + s->set, s->n - s->set, s->syntax,
	    NULL, 0, &as, &e);
	if (rc != (is_cut ? -1 : 0))
		print_error("%s: %s\n", path, e.msg);
	assert_int_equal(rc, is_cut ? -1 : 0);
	for (unsigned i = 0; i < as.n; i++)
		assert_true(str_is_utf8(as.a[i].value,
		    strlen(as.a[i].value)));
	if (attrs_value(&as, TAG_STUDY_UID)[0] != '\0' &&
	    attrs_value(&as, TAG_SOP_INSTANCE)[0] != '\0')
		(*n_named)++;
	attrs_done(&as);
}

static void
test_dataset_every_good_file_is_read(void **state)
{
	unsigned n_named = 0;
	(void)state;

	unsigned n = sample_each("good", good_file, &n_named);

	if (n == 0)
		skip(); /* the data folder is not there */
	assert_true(n_named * 10 > n * 9);
}

static void
any_file(void *ctx, const char *path, const struct sample *s)
{
	struct attrs as;
	struct err e;
	(void)path;
	if (dataset_parse(s->bytes + s->set, s->n - s->set, s->syntax, NULL,
	    0, &as, &e) == -1)
		(*(unsigned *)ctx)++;
	attrs_done(&as);
}

static void
test_dataset_bad_files_are_refused_or_read(void **state)
{
	unsigned n_refused = 0;
	(void)state;

	unsigned n = sample_each("bad", any_file, &n_refused);

	if (n == 0)
		skip(); /* the data folder is not there */
	assert_true(n_refused >= 2);
}

static void
test_dataset_table_of_files_gives_known_names(void **state)
{
	static const struct {
		const char *file;
		uint32_t tag;
		const char *value;
	} rows[] = {
	    {"charset/chrGerm.dcm", TAG_PATIENT_NAME, "Äneas^Rüdiger"},
	    {"charset/chrFren.dcm", TAG_PATIENT_NAME, "Buc^Jérôme"},
	    {"charset/chrArab.dcm", TAG_PATIENT_NAME, "قباني^لنزار"},
	    {"charset/chrHbrw.dcm", TAG_PATIENT_NAME, "שרון^דבורה"},
	    {"charset/chrI2.dcm", TAG_PATIENT_NAME,
		"Hong^Gildong=洪^吉洞=홍^길동"},
	    {"charset/chrX2.dcm", TAG_PATIENT_NAME, "Wang^XiaoDong=王^小东="},
	    {"charset/chrGB2312.dcm", TAG_PATIENT_NAME,
		"Zhang^XiaoDong=张^小东="},
	    {"charset/chrH31.dcm", TAG_PATIENT_NAME,
		"Yamada^Tarou=山田^太郎=やまだ^たろう"},
	    {"charset/chrJapMultiExplicitIR6.dcm", TAG_PATIENT_NAME,
		"やまだ^たろう"},
	    {"syntax/ExplVR_BigEnd.dcm", TAG_ROWS, "60"},
	    {"syntax/MR_small_implicit.dcm", TAG_ROWS, "64"},
	    {"syntax/image_dfl.dcm", TAG_ROWS, "512"},
	    {"syntax/explicit_VR-UN.dcm", TAG_CHARSET, "ISO_IR 100"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char name[128];
		char path[512];
		struct sample s;
		struct attrs as;
		struct err e;
		(void)snprintf(name, sizeof(name), "good/%s", rows[i].file);
		sample_path(path, sizeof(path), name);
		if (!sample_read(&s, path))
			skip(); /* the data folder is not there */
		assert_int_equal(dataset_parse(s.bytes + s.set, s.n - s.set,
		    s.syntax, NULL, 0, &as, &e), 0);
		if (!str_eq(attrs_value(&as, rows[i].tag), rows[i].value))
			print_error("%s\n", name);
		assert_string_equal(attrs_value(&as, rows[i].tag),
		    rows[i].value);
		assert_false(as.guessed);
		attrs_done(&as);
		sample_done(&s);
	}
}

static int
start(void **state)
{
	struct err e;
	(void)state;
	return dataset_start(&e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_dataset_table_of_charsets_becomes_utf8),
	    cmocka_unit_test(test_dataset_table_of_values_loses_padding_only),
	    cmocka_unit_test(test_dataset_nul_never_cuts_a_value),
	    cmocka_unit_test(test_dataset_table_of_numbers_becomes_decimal),
	    cmocka_unit_test(
		test_dataset_implicit_takes_vrs_from_the_dictionary),
	    cmocka_unit_test(
		test_dataset_un_of_a_known_tag_is_read_little_endian),
	    cmocka_unit_test(test_dataset_without_tags_skips_private_and_long),
	    cmocka_unit_test(test_dataset_with_tags_gives_only_those),
	    cmocka_unit_test(test_dataset_cut_before_the_pixels_is_refused),
	    cmocka_unit_test(test_dataset_deflated_is_inflated_within_bounds),
	    cmocka_unit_test(test_dataset_deflate_bomb_is_refused),
	    cmocka_unit_test(test_dataset_implicit_nesting_is_survived),
	    cmocka_unit_test(test_dataset_every_good_file_is_read),
	    cmocka_unit_test(test_dataset_bad_files_are_refused_or_read),
	    cmocka_unit_test(test_dataset_table_of_files_gives_known_names),
	};
	return cmocka_run_group_tests(tests, start, NULL);
}
