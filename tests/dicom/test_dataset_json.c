/* SPDX-License-Identifier: MIT */
/* Tests of DICOM JSON: what each value becomes, and where bulk data lies. */
#include "json_fixture.h"

static struct buf
a_set(void)
{
	struct buf b;
	buf_init(&b, 1 << 20);
	return b;
}

struct value_row {
	const char *vr, *raw;
	size_t n;
	const char *json; /* what follows the VR */
};
#define ROW(vr, raw, json) {vr, raw, sizeof(raw) - 1, json}
#define VALUE(v) ",\"Value\":[" v "]"

static void
check_values(const struct value_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char want[256];
		struct buf b = a_set();
		put(&b, TAG(0x0009, 0x1001), rows[i].vr, rows[i].raw,
		    rows[i].n);
		(void)snprintf(want, sizeof(want),
		    "{\"00091001\":{\"vr\":\"%s\"%s}}", rows[i].vr,
		    rows[i].json);
		expect_json(rows[i].raw, &b, ELE, want);
	}
}

static void
test_dataset_json_table_of_texts(void **state)
{
	static const struct value_row rows[] = {
	    ROW("LO", "", ""),
	    ROW("LO", "    ", ""),
	    ROW("UI", "1.2.3\0", VALUE("\"1.2.3\"")),
	    ROW("CS", "A \\ B", VALUE("\"A\",\"B\"")),
	    ROW("CS", "A\\\\B\\", VALUE("\"A\",null,\"B\",null")),
	    ROW("LO", "a\"b/\t\x01", VALUE("\"a\\\"b/\\u0009\\u0001\"")),
	    ROW("LT", "  a\\b\r\n ", VALUE("\"  a\\\\b\\u000D\\u000A\"")),
	    ROW("ST", "  ", ""),
	    ROW("UR", "http://a/b\\c ", VALUE("\"http://a/b\\\\c\"")),
	    ROW("UC", "x\\y", VALUE("\"x\",\"y\"")),
	    ROW("UT", "long\\", VALUE("\"long\\\\\"")),
	    ROW("SH", "M\xFCller", VALUE("\"Müller\"")), /* guessed */
	    ROW("LO", "1\0" "2", VALUE("\"1 2\"")),
	    ROW("PN", "Doe^Jane ",
		VALUE("{\"Alphabetic\":\"Doe^Jane\"}")),
	    ROW("PN", "A=B=C", VALUE("{\"Alphabetic\":\"A\","
		"\"Ideographic\":\"B\",\"Phonetic\":\"C\"}")),
	    ROW("PN", "==C\\", VALUE("{\"Phonetic\":\"C\"},null")),
	    ROW("PN", "A\\^^\\B=", VALUE("{\"Alphabetic\":\"A\"},null,"
		"{\"Alphabetic\":\"B\"}")),
	    ROW("PN", "^^^^", ""),
	};
	(void)state;
	check_values(rows, sizeof(rows) / sizeof(rows[0]));
}

static void
test_dataset_json_table_of_number_texts(void **state)
{
	static const struct value_row rows[] = {
	    ROW("IS", "+07", VALUE("7")),
	    ROW("IS", "0", VALUE("0")),
	    ROW("IS", "-0012 ", VALUE("-12")),
	    ROW("IS", "1\\\\3", VALUE("1,null,3")),
	    ROW("IS", "12a", VALUE("\"12a\"")),
	    ROW("IS", "-", VALUE("\"-\"")),
	    ROW("IS", "1234567890123456", VALUE("\"1234567890123456\"")),
	    ROW("DS", "1.50 ", VALUE("1.50")),
	    ROW("DS", ".5\\-.5\\5.\\+5.0", VALUE("0.5,-0.5,5,5.0")),
	    ROW("DS", "1e5\\1.E-05\\-1E+5", VALUE("1e5,1E-05,-1E+5")),
	    ROW("DS", "1e400\\1e\\e5\\.\\1.2.3",
		VALUE("\"1e400\",\"1e\",\"e5\",\".\",\"1.2.3\"")),
	    ROW("DS", "abc", VALUE("\"abc\"")),
	    ROW("DS", "NaN", VALUE("\"NaN\"")),
	    ROW("DS", "0x10", VALUE("\"0x10\"")),
	    ROW("DS", "1,5", VALUE("\"1,5\"")),
	    ROW("DS", "000\\00.10", VALUE("0,0.10")),
	};
	(void)state;
	check_values(rows, sizeof(rows) / sizeof(rows[0]));
}

static void
test_dataset_json_table_of_binary_numbers(void **state)
{
	static const struct value_row rows[] = {
	    ROW("US", "\1\0\xFF\xFF", VALUE("1,65535")),
	    ROW("US", "\1", ""),
	    ROW("SS", "\xFE\xFF", VALUE("-2")),
	    ROW("UL", "\xFF\xFF\xFF\xFF", VALUE("4294967295")),
	    ROW("SL", "\xFF\xFF\xFF\xFF", VALUE("-1")),
	    ROW("FL", "\0\0\xC0\x3F", VALUE("1.5")),
	    ROW("FL", "\0\0\x80\x7F\0\0\x80\xFF\0\0\xC0\x7F\0\0\xC0\xFF",
		VALUE("\"inf\",\"-inf\",\"NaN\",\"NaN\"")),
	    ROW("FD", "\x9A\x99\x99\x99\x99\x99\xB9\x3F", VALUE("0.1")),
	    ROW("FD", "\0\0\0\0\0\0\xF0\x7F", VALUE("\"inf\"")),
	    ROW("AT", "\x28\0\x09\0", VALUE("\"00280009\"")),
	    ROW("UV", "\7\0\0\0\0\0\0\0", VALUE("7")),
	    ROW("UV", "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
		VALUE("\"18446744073709551615\"")),
	    ROW("SV", "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", VALUE("-1")),
	    ROW("OB", "", ""),
	    ROW("OB", "\1", ",\"InlineBinary\":\"AQ==\""),
	    ROW("OW", "\1\2\3\4\5", ",\"InlineBinary\":\"AQIDBAU=\""),
	    ROW("UN", "\xFB\xEF\xBE", ",\"InlineBinary\":\"++++\""),
	};
	(void)state;
	check_values(rows, sizeof(rows) / sizeof(rows[0]));
}

static void
test_dataset_json_big_endian_words_are_inline_little_endian(void **state)
{
	static const char bytes[] = "\0\x09\x10\1OW\0\0\0\0\0\5\1\2\3\4\5"
				    "\0\x28\0\x10US\0\2\1\2"
				    "\0\x28\0\x11UN\0\0\0\0\0\2\1\2";
	struct buf b = a_set();
	(void)state;

	buf_add(&b, bytes, sizeof(bytes) - 1);

	expect_json("big", &b, SYNTAX_EXPLICIT_BE,
	    "{\"00091001\":{\"vr\":\"OW\",\"InlineBinary\":\"AgEEAwU=\"},"
	    "\"00280010\":{\"vr\":\"US\",\"Value\":[258]},"
	    "\"00280011\":{\"vr\":\"US\",\"Value\":[513]}}");
}

static void
test_dataset_json_character_sets_hold_for_their_item_alone(void **state)
{
	struct buf b = a_set();
	(void)state;
	put_text(&b, TAG_CHARSET, "CS", "ISO_IR 126");
	put(&b, TAG_PROCEDURE_CODES, "SQ", NULL, UNDEFINED);
	put_head(&b, TAG(0xFFFE, 0xE000), UNDEFINED);
	put_text(&b, TAG_CHARSET, "CS", "ISO_IR 144");
	put_text(&b, TAG(8, 0x0104), "LO", "\xBB\xEE\xDA");
	put_head(&b, TAG(0xFFFE, 0xE00D), 0);
	put_head(&b, TAG(0xFFFE, 0xE000), UNDEFINED);
	put_text(&b, TAG(8, 0x0104), "LO", "\xC4\xE9");
	put_head(&b, TAG(0xFFFE, 0xE00D), 0);
	put_head(&b, TAG(0xFFFE, 0xE0DD), 0);
	put_text(&b, TAG_PATIENT_NAME, "PN", "\xC4\xE9");

	expect_json("sets", &b, ELE,
	    "{\"00080005\":{\"vr\":\"CS\",\"Value\":[\"ISO_IR 192\"]},"
	    "\"00081032\":{\"vr\":\"SQ\",\"Value\":["
	    "{\"00080005\":{\"vr\":\"CS\",\"Value\":[\"ISO_IR 192\"]},"
	    "\"00080104\":{\"vr\":\"LO\",\"Value\":[\"Люк\"]}},"
	    "{\"00080104\":{\"vr\":\"LO\",\"Value\":[\"Δι\"]}}]},"
	    "\"00100010\":{\"vr\":\"PN\",\"Value\":[{\"Alphabetic\":\"Δι\"}"
	    "]}}");
}

static void
test_dataset_json_first_of_a_tag_counts(
    void **state)
{
	struct buf b = a_set();
	(void)state;
	put(&b, TAG(8, 0), "UL", "\0\0\0\0", 4);
	put_text(&b, TAG_MODALITY, "CS", "MR");
	put_text(&b, TAG_MODALITY, "CS", "CT");
	put_text(&b, TAG_SEX, "CS", "F");
	put_text(&b, TAG_MANUFACTURER, "LO", "late");
	put_text(&b, TAG_MANUFACTURER, "LO", "later");
	put(&b, TAG_SEX, "SQ", NULL, 8);
	put_head(&b, TAG(0xFFFE, 0xE000), 0);

	expect_json("twice", &b, ELE,
	    "{\"00080060\":{\"vr\":\"CS\",\"Value\":[\"MR\"]},"
	    "\"00100040\":{\"vr\":\"CS\",\"Value\":[\"F\"]},"
	    "\"00080070\":{\"vr\":\"LO\",\"Value\":[\"late\"]}}");
}

/* A data set with bulk data at several depths. */
static struct buf
a_deep_set(void)
{
	struct buf b = a_set();
	put_bytes(&b, TAG(9, 0x1010), "OB", DATASET_INLINE_MAX + 2);
	put(&b, TAG(0x0040, 0x0555), "SQ", NULL, UNDEFINED);
	put_head(&b, TAG(0xFFFE, 0xE000), 0);
	put_head(&b, TAG(0xFFFE, 0xE000), UNDEFINED);
	put(&b, TAG(0x0040, 0xA730), "SQ", NULL, UNDEFINED);
	put_head(&b, TAG(0xFFFE, 0xE000), UNDEFINED);
	put_bytes(&b, TAG(0x0042, 0x0011), "OB", 2000);
	put_head(&b, TAG(0xFFFE, 0xE00D), 0);
	put_head(&b, TAG(0xFFFE, 0xE0DD), 0);
	put(&b, TAG(0x7FE0, 0x0010), "OB", NULL, UNDEFINED);
	put_head(&b, TAG(0xFFFE, 0xE000), 0);
	put_head(&b, TAG(0xFFFE, 0xE000), 4);
	buf_add(&b, "icon", 4);
	put_head(&b, TAG(0xFFFE, 0xE0DD), 0);
	put_head(&b, TAG(0xFFFE, 0xE00D), 0);
	put_head(&b, TAG(0xFFFE, 0xE0DD), 0);
	put_bytes(&b, TAG(0x7FE0, 0x0010), "OW", 64);
	return b;
}

static void
test_dataset_json_bulk_data_is_told_by_its_path(void **state)
{
	struct buf b = a_deep_set();
	(void)state;

	expect_json("deep", &b, ELE,
	    "{\"00091010\":{\"vr\":\"OB\",\"BulkDataURI\":\"/b/00091010\"},"
	    "\"00400555\":{\"vr\":\"SQ\",\"Value\":[{},{\"0040A730\":{"
	    "\"vr\":\"SQ\",\"Value\":[{\"00420011\":{\"vr\":\"OB\","
	    "\"BulkDataURI\":\"/b/00400555/2/0040A730/1/00420011\"}}]},"
	    "\"7FE00010\":{\"vr\":\"OB\",\"BulkDataURI\":"
	    "\"/b/00400555/2/7FE00010\"}}]},"
	    "\"7FE00010\":{\"vr\":\"OW\",\"BulkDataURI\":\"/b/7FE00010\"}}");
}

static void
test_dataset_locate_finds_what_lies_at_a_path(void **state)
{
	static const struct {
		const char *path;
		int rc;
		size_t n;
	} rows[] = {
	    {"00091010", 1, DATASET_INLINE_MAX + 2},
	    {"00400555/2/0040A730/1/00420011", 1, 2000},
	    {"00400555/2/0040a730/1/00420011", 1, 2000},
	    {"00400555/2/7FE00010", 1, 20}, /* two items */
	    {"7FE00010", 1, 64},
	    {"00400555", 0, 0},
	    {"00400555/1", 0, 0},
	    {"00400555/1/00420011", 0, 0},
	    {"00400555/3/00420011", 0, 0},
	    {"00400555/2/00420011", 0, 0},
	    {"00091010/1/00420011", 0, 0},
	    {"00420011", 0, 0},
	    {"7FE00008", 0, 0},
	    {"", 0, 0},
	    {"/", 0, 0},
	    {"7FE0001", 0, 0},
	    {"7FE00010/", 0, 0},
	    {"7FE000100", 0, 0},
	    {"00400555/0/7FE00010", 0, 0},
	    {"00400555/-2/7FE00010", 0, 0},
	    {"00400555/2/", 0, 0},
	    {"00400555/99999999999/7FE00010", 0, 0},
	    {"../../etc/passwd", 0, 0},
	};
	struct buf b = a_deep_set();
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err e;
		size_t at = 0;
		size_t n = 0;
		int rc = dataset_locate(b.p, b.len, ELE, rows[i].path, &at,
		    &n, &e);
		if (rc != rows[i].rc || n != rows[i].n)
			fail_msg("%s: want %d %zu, have %d %zu", rows[i].path,
			    rows[i].rc, rows[i].n, rc, n);
		assert_true(at + n <= b.len);
		if (n == 2000)
			assert_int_equal(b.p[at + 1], 0x11 + 7);
	}
	buf_done(&b);
}

static void
test_dataset_locate_pixels_that_are_cut_are_an_error(void **state)
{
	struct buf b = a_set();
	struct err e;
	size_t at = 0;
	size_t n = 0;
	(void)state;
	put_bytes(&b, TAG(0x7FE0, 0x0010), "OW", 64);
	assert_int_equal(-1, dataset_locate(b.p, b.len - 1, ELE, "7FE00010",
	    &at, &n, &e));
	assert_int_equal(-1, dataset_locate(b.p, b.len, SYNTAX_DEFLATED_LE,
	    "7FE00010", &at, &n, &e));

	buf_clear(&b);
	put(&b, TAG(0x7FE0, 0x0010), "OB", NULL, UNDEFINED);
	put_head(&b, TAG(0xFFFE, 0xE000), 0);
	put_head(&b, TAG(0xFFFE, 0xE000), 2);
	assert_int_equal(-1, dataset_locate(b.p, b.len, "1.2.840.10008.1.2.5",
	    "7FE00010", &at, &n, &e));
	buf_add(&b, "xy", 2);
	put_head(&b, TAG(0xFFFE, 0xE0DD), 0);
	assert_int_equal(1, dataset_locate(b.p, b.len, "1.2.840.10008.1.2.5",
	    "7FE00010", &at, &n, &e));
	assert_int_equal(n, 18);
	buf_done(&b);
}

static void
test_dataset_json_pixels_are_told_from_their_header_alone(void **state)
{
	struct buf b = a_set();
	(void)state;
	put_bytes(&b, TAG(0x7FE0, 0x0010), "OW", 64);
	b.len -= 64;
	expect_json("native", &b, ELE, "{\"7FE00010\":{\"vr\":\"OW\","
	    "\"BulkDataURI\":\"/b/7FE00010\"}}");

	b = a_set();
	put(&b, TAG(0x7FE0, 0x0010), "OB", NULL, UNDEFINED);
	expect_json("fragments", &b, "1.2.840.10008.1.2.4.50",
	    "{\"7FE00010\":{\"vr\":\"OB\",\"BulkDataURI\":\"/b/7FE00010\"}}");

	b = a_set();
	put_bytes(&b, TAG(0x7FE0, 0x0001), "OV", 2048);
	b.len -= 100;
	expect_json("offset table", &b, "1.2.840.10008.1.2.4.50",
	    "{\"7FE00010\":{\"vr\":\"OB\",\"BulkDataURI\":\"/b/7FE00010\"}}");

	b = a_set();
	put(&b, TAG(0x7FE0, 0x0010), "OW", NULL, 0);
	expect_json("empty", &b, ELE, "{\"7FE00010\":{\"vr\":\"OW\"}}");
	b = a_set();
	expect_json("nothing", &b, ELE, "{}");
}

static void
test_dataset_json_implicit_sequences_are_entered(
    void **state)
{
	static const char good[] = "\xFE\xFF\0\xE0\x0A\0\0\0"
				   "\x08\0\x00\x01\x02\0\0\0" "A ";
	static const char bad[] = "\xFE\xFF\0\xE0\x0B\0\0\0"
				  "\x08\0\x00\x01\x02\0\0\0" "A ";
	struct buf b = a_set();
	(void)state;
	put_head(&b, TAG_PROCEDURE_CODES, sizeof(good) - 1);
	buf_add(&b, good, sizeof(good) - 1);
	put_head(&b, TAG(0x0008, 0x1140), sizeof(bad) - 1);
	buf_add(&b, bad, sizeof(bad) - 1);
	put_head(&b, TAG(0x0009, 0x0010), 4);
	buf_add(&b, "ACME", 4);
	put_head(&b, TAG(0x0009, 0x1001), 2);
	buf_add(&b, "xy", 2);
	put_head(&b, TAG(0x0028, 0x0103), 2);
	buf_add(&b, "\1\0", 2);
	put_head(&b, TAG(0x0028, 0x0106), 2);
	buf_add(&b, "\xFF\xFF", 2);

	expect_json("implicit", &b, SYNTAX_IMPLICIT_LE,
	    "{\"00081032\":{\"vr\":\"SQ\",\"Value\":[{\"00080100\":{"
	    "\"vr\":\"SH\",\"Value\":[\"A\"]}}]},"
	    "\"00081140\":{\"vr\":\"UN\",\"InlineBinary\":"
	    "\"/v8A4AsAAAAIAAABAgAAAEEg\"},"
	    "\"00090010\":{\"vr\":\"LO\",\"Value\":[\"ACME\"]},"
	    "\"00091001\":{\"vr\":\"UN\",\"InlineBinary\":\"eHk=\"},"
	    "\"00280103\":{\"vr\":\"US\",\"Value\":[1]},"
	    "\"00280106\":{\"vr\":\"SS\",\"Value\":[-1]}}");
}

static void
test_dataset_json_un_that_holds_items_is_a_sequence(void **state)
{
	static const char items[] = "\xFE\xFF\0\xE0\x0A\0\0\0"
				    "\x08\0\x00\x01\x02\0\0\0" "A ";
	struct buf b = a_set();
	(void)state;
	put(&b, TAG_PROCEDURE_CODES, "UN", items, sizeof(items) - 1);
	put(&b, TAG(0x0009, 0x1001), "UN", NULL, UNDEFINED);
	buf_add(&b, items, sizeof(items) - 1);
	put_head(&b, TAG(0xFFFE, 0xE0DD), 0);

	expect_json("un", &b, ELE,
	    "{\"00081032\":{\"vr\":\"SQ\",\"Value\":[{\"00080100\":{"
	    "\"vr\":\"SH\",\"Value\":[\"A\"]}}]},"
	    "\"00091001\":{\"vr\":\"SQ\",\"Value\":[{\"00080100\":{"
	    "\"vr\":\"SH\",\"Value\":[\"A\"]}}]}}");
}

static void
test_dataset_json_that_does_not_fit_leaves_nothing_behind(void **state)
{
	struct buf b = a_deep_set();
	struct buf text;
	struct err e;
	(void)state;
	buf_init(&text, 100);
	buf_add_str(&text, "before");

	int rc = dataset_json(b.p, b.len, ELE, "/b", &text, &e);

	assert_int_equal(rc, -1);
	assert_int_equal(e.code, ERR_INVAL);
	assert_int_equal(text.len, 6);
	buf_done(&text);
	buf_done(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_dataset_json_table_of_texts),
	    cmocka_unit_test(test_dataset_json_table_of_number_texts),
	    cmocka_unit_test(test_dataset_json_table_of_binary_numbers),
	    cmocka_unit_test(
		test_dataset_json_big_endian_words_are_inline_little_endian),
	    cmocka_unit_test(
		test_dataset_json_character_sets_hold_for_their_item_alone),
	    cmocka_unit_test(
		test_dataset_json_first_of_a_tag_counts),
	    cmocka_unit_test(test_dataset_json_bulk_data_is_told_by_its_path),
	    cmocka_unit_test(test_dataset_locate_finds_what_lies_at_a_path),
	    cmocka_unit_test(
		test_dataset_locate_pixels_that_are_cut_are_an_error),
	    cmocka_unit_test(
		test_dataset_json_pixels_are_told_from_their_header_alone),
	    cmocka_unit_test(
		test_dataset_json_implicit_sequences_are_entered),
	    cmocka_unit_test(
		test_dataset_json_un_that_holds_items_is_a_sequence),
	    cmocka_unit_test(
		test_dataset_json_that_does_not_fit_leaves_nothing_behind),
	};
	struct err e;
	if (dataset_start(&e) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
