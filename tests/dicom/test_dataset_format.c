/* SPDX-License-Identifier: MIT */
/* Tests of writing identifiers through the shim. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "dicom/dataset.h"
#include "wire/attrs.h"
#include "wire/scan.h"

#define ELE SYNTAX_EXPLICIT_LE
#define REQUEST_ATTRIBUTES TAG(0x0040, 0x0275)

/* An identifier with a value of each kind. */
static void
make_identifier(struct attrs *as, const char *name)
{
	attrs_init(as);
	attrs_put(as, TAG_CHARSET, "ISO_IR 100"); /* not what is written */
	attrs_put(as, TAG_LEVEL, "STUDY");
	attrs_put(as, TAG_STUDY_UID, "1.2");
	attrs_put(as, TAG_PATIENT_NAME, name);
	attrs_put(as, TAG_PATIENT_ID, "");
	attrs_put(as, TAG_ROWS, "512");
	attrs_put(as, REQUEST_ATTRIBUTES, "");
	attrs_put(as, TAG_STUDY_INSTANCES, "7");
	attrs_put(as, TAG(0x0028, 0x0009), "00181063"); /* AT */
}

static void
test_dataset_format_table_of_syntaxes_comes_back(void **state)
{
	static const char *const syntaxes[] = {SYNTAX_IMPLICIT_LE, ELE,
	    SYNTAX_EXPLICIT_BE};
	static const char *const names[] = {"Doe^J", "Äneas^Rüdiger"};
	(void)state;
	for (size_t i = 0; i < 6; i++) {
		struct attrs as;
		struct attrs back;
		struct buf b;
		struct err e = {.msg = ""};
		make_identifier(&as, names[i / 3]);
		buf_init(&b, DATASET_IDENTIFIER_MAX);

		assert_int_equal(dataset_format(&as, syntaxes[i % 3], &b, &e),
		    0);
		assert_int_equal(dataset_parse(b.p, b.len, syntaxes[i % 3],
		    NULL, 0, &back, &e), 0);

		assert_string_equal(attrs_value(&back, TAG_CHARSET),
		    i / 3 == 0 ? "" : "ISO_IR 192");
		for (unsigned k = 1; k < as.n; k++)
			assert_string_equal(attrs_value(&back, as.a[k].tag),
			    as.a[k].value);
		assert_int_equal(back.n, as.n - (i / 3 == 0 ? 1 : 0));
		assert_string_equal(
		    attrs_get(&back, REQUEST_ATTRIBUTES)->vr, "SQ");
		attrs_done(&as);
		attrs_done(&back);
		buf_done(&b);
	}
}

static void
test_dataset_format_pads_and_orders(void **state)
{
	static const char want[] = "\x08\0\x52\0CS\x06\0STUDY "
				   "\x20\0\x0D\0UI\x04\0" "1.2\0";
	struct attrs as;
	struct buf b;
	struct err e;
	(void)state;
	attrs_init(&as);
	buf_init(&b, 1024);
	attrs_put(&as, TAG_STUDY_UID, "1.2");
	attrs_put(&as, TAG_LEVEL, "STUDY");

	assert_int_equal(dataset_format(&as, ELE, &b, &e), 0);

	assert_int_equal(b.len, sizeof(want) - 1);
	assert_memory_equal(b.p, want, b.len);
	attrs_done(&as);
	buf_done(&b);
}

static void
test_dataset_format_appends_and_takes_nothing(void **state)
{
	struct attrs as;
	struct buf b;
	struct err e;
	(void)state;
	attrs_init(&as);
	buf_init(&b, 1024);
	buf_add_str(&b, "head");
	assert_int_equal(dataset_format(&as, ELE, &b, &e), 0);
	attrs_put(&as, TAG_SEX, "F");

	assert_int_equal(dataset_format(&as, ELE, &b, &e), 0);

	assert_int_equal(b.len, 14);
	assert_memory_equal(b.p, "head\x10\0\x40\0CS\2\0F ", 14);
	attrs_done(&as);
	buf_done(&b);
}

static void
test_dataset_format_table_of_faults_is_refused(void **state)
{
	static const struct {
		uint32_t tag;
		const char *vr, *value;
	} rows[] = {
	    {TAG_ROWS, "US", "many"},
	    {TAG_ROWS, "US", "70000"},
	    {TAG(0x0028, 0x0009), "AT", "0018"},
	    {TAG_STUDY_UID, "UI", NULL}, /* too long */
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct attrs as;
		struct buf b;
		struct err e = {0};
		char *big = mem_new_n(char, 65537);
		memset(big, '1', 65536);
		attrs_init(&as);
		buf_init(&b, DATASET_IDENTIFIER_MAX);
		assert_int_equal(attrs_set(&as, rows[i].tag, rows[i].vr,
		    rows[i].value == NULL ? big : rows[i].value, NULL, 0,
		    &e), 0);

		int rc = dataset_format(&as, ELE, &b, &e);

		if (rc != -1)
			print_error("row %zu\n", i);
		assert_int_equal(rc, -1);
		assert_int_equal(e.code, ERR_INVAL);
		assert_int_equal(b.len, 0);
		attrs_done(&as);
		buf_done(&b);
		mem_free(big);
	}
}

/* Format an identifier of one patient, wanted in ${charset}. */
static void
format_name(struct buf *b, const char *charset, const char *name,
    const char *description)
{
	struct attrs as;
	struct err e = {.msg = ""};
	attrs_init(&as);
	buf_init(b, DATASET_IDENTIFIER_MAX);
	attrs_put(&as, TAG_LEVEL, "STUDY");
	attrs_put(&as, TAG_PATIENT_NAME, name);
	attrs_put(&as, TAG_OTHER_IDS, "A1\\B2");
	attrs_put(&as, TAG_STUDY_DESCRIPTION, description);
	(void)str_copy(as.charset, sizeof(as.charset), charset); /* fits */
	assert_int_equal(dataset_format(&as, ELE, b, &e), 0);
	attrs_done(&as);
}

#define YAMADA_KANA "\xEF\xBE\x94\xEF\xBE\x8F\xEF\xBE\x80\xEF\xBE\x9E"

static void
test_dataset_format_table_of_wanted_sets_holds_or_is_utf8(void **state)
{
	static const struct {
		const char *wanted, *name, *description, *have;
	} rows[] = {
	    {"ISO_IR 100", "Äneas^Rüdiger", "Herz, früh", "ISO_IR 100"},
	    {"ISO_IR 100 ", "Müller^Jörg", "Herz", "ISO_IR 100"},
	    {"ISO 2022 IR 100", "Müller^Jörg", "Herz", "ISO_IR 100"},
	    {"ISO_IR 100", "Doe^John", "Heart", ""},
	    {"", "Äneas^Rüdiger", "Herz", "ISO_IR 192"},
	    {"ISO_IR 192", "Äneas^Rüdiger", "Herz", "ISO_IR 192"},
	    {"ISO_IR 101", "Wałęsa^Świętosława", "Serce", "ISO_IR 101"},
	    {"ISO_IR 100", "Wałęsa^Świętosława", "Serce", "ISO_IR 192"},
	    {"ISO_IR 109", "Ĝis^Ĥoro", "Koro", "ISO_IR 109"},
	    {"ISO_IR 110", "Bērziņš^Jānis", "Sirds", "ISO_IR 110"},
	    {"ISO_IR 144", "Люкceмбypг^Роза", "Сердце", "ISO_IR 144"},
	    {"ISO_IR 144", "Люкceмбypг^Роза", "früh", "ISO_IR 192"},
	    {"ISO_IR 127", "قباني^لنزار", "قلب", "ISO_IR 127"},
	    {"ISO_IR 126", "Διονυσιος^Μαρία", "Καρδιά", "ISO_IR 126"},
	    {"ISO_IR 126", "Διονυσιος", "früh", "ISO_IR 192"},
	    {"ISO_IR 138", "שרון^דבורה", "לב", "ISO_IR 138"},
	    {"ISO_IR 148", "Çavuşoğlu^Işık", "Kalp", "ISO_IR 148"},
	    {"ISO_IR 166", "นามสกุล^ชื่อ", "หัวใจ", "ISO_IR 166"},
	    {"ISO_IR 13", YAMADA_KANA "^Taro", "Heart", "ISO_IR 13"},
	    {"ISO_IR 13", "Yamada^Tarou=山田^太郎", "心臓", "ISO_IR 192"},
	    {"ISO_IR 13", YAMADA_KANA, "~5 beats", "ISO_IR 192"},
	    {"ISO_IR 13", YAMADA_KANA "^\xEF\xBC\xA1", "", "ISO_IR 192"},
	    {"\\ISO 2022 IR 87", "Yamada^Tarou=山田^太郎=やまだ^たろう", "",
	        "ISO_IR 192"},
	    {"\\ISO 2022 IR 149", "Hong^Gildong=洪^吉洞=홍^길동", "",
	        "ISO_IR 192"},
	    {"GB18030", "Wang^XiaoDong=王^小东", "心脏", "GB18030"},
	    {"GBK", "Wang^XiaoDong=王^小东", "心脏", "GBK"},
	    {"GBK", "Wang^XiaoDong=王^小东", "früh Сердце 홍", "ISO_IR 192"},
	    {"GB18030", "Hong=홍^길동", "früh", "GB18030"},
	    {"ISO_IR 100", "O\xE2\x80\x99Neill^Zoë", "", "ISO_IR 192"},
	    {"no set", "Müller^Jörg", "", "ISO_IR 192"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct attrs back;
		struct buf b;
		struct err e = {.msg = ""};
		format_name(&b, rows[i].wanted, rows[i].name,
		    rows[i].description);

		assert_int_equal(dataset_parse(b.p, b.len, ELE, NULL, 0,
		    &back, &e), 0);

		if (!str_eq(attrs_value(&back, TAG_CHARSET), rows[i].have))
			fail_msg("row %zu: want '%s', have '%s'", i,
			    rows[i].have, attrs_value(&back, TAG_CHARSET));
		assert_string_equal(attrs_value(&back, TAG_PATIENT_NAME),
		    rows[i].name);
		assert_string_equal(attrs_value(&back, TAG_STUDY_DESCRIPTION),
		    rows[i].description);
		assert_string_equal(attrs_value(&back, TAG_OTHER_IDS),
		    "A1\\B2");
		attrs_done(&back);
		buf_done(&b);
	}
}

static void
test_dataset_format_wanted_set_has_its_bytes(void **state)
{
	static const char want[] = "\x08\0\x05\0CS\x0A\0ISO_IR 100"
				   "\x08\0\x52\0CS\x06\0STUDY "
				   "\x08\0\x30\x10LO\x04\0Herz"
				   "\x10\0\x10\0PN\x0C\0M\xFCller^J\xF6rg "
				   "\x10\0\0\x10LO\x06\0A1\\B2 ";
	struct buf b;
	(void)state;

	format_name(&b, "ISO_IR 100", "Müller^Jörg", "Herz");

	assert_int_equal(b.len, sizeof(want) - 1);
	assert_memory_equal(b.p, want, b.len);
	buf_done(&b);
}

/* The limit of Explicit VR holds for what is written: 40,000 umlauts fit in
 * Latin-1 and not in UTF-8. */
static void
test_dataset_format_length_is_that_of_the_written_set(void **state)
{
	enum { LETTERS = 40000 };
	char *big = mem_new_n(char, 2 * LETTERS + 1);
	(void)state;
	for (int i = 0; i < LETTERS; i++)
		memcpy(big + 2 * i, "ü", 2);
	for (int wanted = 0; wanted < 2; wanted++) {
		struct attrs as;
		struct buf b;
		struct err e = {.msg = ""};
		attrs_init(&as);
		buf_init(&b, DATASET_IDENTIFIER_MAX);
		attrs_put(&as, TAG_STUDY_COMMENTS, big);
		if (wanted)
			(void)str_copy(as.charset, sizeof(as.charset),
			    "ISO_IR 100"); /* it fits */

		assert_int_equal(dataset_format(&as, ELE, &b, &e),
		    wanted ? 0 : -1);

		attrs_done(&as);
		buf_done(&b);
	}
	mem_free(big);
}

/* Random names of letters from one or two scripts: what is written is read
 * as it was, in whatever set. */
static void
test_dataset_format_property_nothing_is_lost(void **state)
{
	static const char *const sets[] = {"", "ISO_IR 100", "ISO_IR 144",
	    "ISO_IR 126", "ISO_IR 13", "GBK", "GB18030", "ISO_IR 166"};
	static const char *const letters[] = {"a", "~", "^", "b c", "\xC3\xA4",
	    "\xC3\xBF", "\xD0\x96", "\xCE\xA9", "\xE4\xB8\x9C",
	    "\xEF\xBD\xB1", "\xE0\xB8\x81", "\xE2\x82\xAC", "\\",
	    "\xF0\x9F\x92\x9A", "\xE9\x8A\x9E"};
	unsigned seed = 20261125;
	(void)state;
	for (unsigned round = 0; round < 1000; round++) {
		char name[64] = "x";
		struct attrs back;
		struct buf b;
		struct err e = {.msg = ""};
		srand(seed + round);
		for (int i = rand() % 8; i > 0; i--)
			(void)strncat(name, letters[rand() %
			    (round % 2 == 0 ? 15 : 6)], 8);
		(void)strncat(name, "z", 2);
		format_name(&b, sets[rand() % 8], name, "");

		assert_int_equal(dataset_parse(b.p, b.len, ELE, NULL, 0,
		    &back, &e), 0);

		if (!str_eq(attrs_value(&back, TAG_PATIENT_NAME), name))
			fail_msg("seed %u: '%s' in '%s'", seed + round,
			    name, attrs_value(&back, TAG_CHARSET));
		attrs_done(&back);
		buf_done(&b);
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
	    cmocka_unit_test(
		test_dataset_format_table_of_syntaxes_comes_back),
	    cmocka_unit_test(test_dataset_format_pads_and_orders),
	    cmocka_unit_test(test_dataset_format_appends_and_takes_nothing),
	    cmocka_unit_test(test_dataset_format_table_of_faults_is_refused),
	    cmocka_unit_test(
		test_dataset_format_table_of_wanted_sets_holds_or_is_utf8),
	    cmocka_unit_test(test_dataset_format_wanted_set_has_its_bytes),
	    cmocka_unit_test(
		test_dataset_format_length_is_that_of_the_written_set),
	    cmocka_unit_test(test_dataset_format_property_nothing_is_lost),
	};
	return cmocka_run_group_tests(tests, start, NULL);
}
