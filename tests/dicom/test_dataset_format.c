/* SPDX-License-Identifier: MIT */
/* Tests of writing identifiers through the shim. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
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
	};
	return cmocka_run_group_tests(tests, start, NULL);
}
