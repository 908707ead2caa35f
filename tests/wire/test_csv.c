/* SPDX-License-Identifier: MIT */
/* Tests of the CSV reader. */
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
#include "wire/csv.h"

/* Everything read, as text: fields in [], a row a line, faults as "!line". */
static const char *
read_all(struct buf *b, const char *p, size_t n)
{
	struct csv c;
	struct err e;
	buf_init(b, 1 << 20);
	csv_open(&c, p, n);
	for (int rc = csv_next(&c, &e); rc != 0; rc = csv_next(&c, &e)) {
		if (rc == -1)
			buf_addf(b, "!%u", c.row_line);
		for (unsigned i = 0; rc == 1 && i < c.n_fields; i++)
			buf_addf(b, "[%s]", c.field[i]);
		buf_add_str(b, "\n");
	}
	csv_close(&c);
	return buf_str(b);
}

static void
test_csv_table_of_inputs_reads_as_rfc4180_says(void **state)
{
	static const struct {
		const char *name, *in, *out;
	} rows[] = {
	    {"empty", "", ""},
	    {"no end", "a,b", "[a][b]\n"},
	    {"lf", "a,b\nc,d\n", "[a][b]\n[c][d]\n"},
	    {"crlf", "a,b\r\nc,d\r\n", "[a][b]\n[c][d]\n"},
	    {"cr", "a,b\rc,d\r", "[a][b]\n[c][d]\n"},
	    {"mark", "\xEF\xBB\xBF" "a,b\n", "[a][b]\n"},
	    {"quoted mark", "\xEF\xBB\xBF\"a\",b\n", "[a][b]\n"},
	    {"empty lines", "\n\r\na\n\n,,,\nb\n", "[a]\n[b]\n"},
	    {"empty fields", "a,,\n", "[a][][]\n"},
	    {"quotes", "\"a,b\",\"c\"\"d\",\"\"\n", "[a,b][c\"d][]\n"},
	    {"lines in quotes", "\"a\nb\r\nc\",d\ne\n",
		"[a\nb\r\nc][d]\n[e]\n"},
	    {"blanks stay", " a , b\n", "[ a ][ b]\n"},
	    {"open quote", "a,\"b\nc,d\ne,f\n", "!1\n[c][d]\n[e][f]\n"},
	    {"open quote meets another", "a,\"b\nc,\"d\"\ne\n",
		"!1\n[c][d]\n[e]\n"},
	    {"quote inside", "a\"b,c\nd\n", "!1\n[d]\n"},
	    {"text after quote", "\"a\"b,c\nd\n", "!1\n[d]\n"},
	    {"open quote at end", "a\n\"", "[a]\n!2\n"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf b;
		const char *got = read_all(&b, rows[i].in,
		    strlen(rows[i].in));
		if (!str_eq(got, rows[i].out))
			print_error("row %s\n", rows[i].name);
		assert_string_equal(got, rows[i].out);
		buf_done(&b);
	}
}

static void
test_csv_row_knows_its_line_and_columns(void **state)
{
	static const char in[] = "h\r\n\r\n\"a\nb\",J\xC3\xBCrgen,x\r\ny,z\n";
	struct csv c;
	struct err e;
	(void)state;
	csv_open(&c, in, sizeof(in) - 1);
	assert_int_equal(csv_next(&c, &e), 1);

	assert_int_equal(csv_next(&c, &e), 1);

	assert_int_equal(c.row_line, 3);
	assert_int_equal(c.column[0], 1);
	assert_int_equal(c.column[1], 4);
	assert_int_equal(c.column[2], 11); /* characters, not bytes */
	assert_int_equal(csv_next(&c, &e), 1);
	assert_int_equal(c.row_line, 5);
	assert_int_equal(c.column[1], 3);
	csv_close(&c);
}

static void
test_csv_fault_names_line_and_column(void **state)
{
	static const char in[] = "a,b\nc,d\"e\n";
	struct csv c;
	struct err e;
	(void)state;
	csv_open(&c, in, sizeof(in) - 1);
	assert_int_equal(csv_next(&c, &e), 1);

	int rc = csv_next(&c, &e);

	assert_int_equal(rc, -1);
	assert_int_equal(e.code, ERR_PARSE);
	assert_non_null(strstr(e.msg, "line 2, column 4"));
	csv_close(&c);
}

static void
test_csv_limits_spoil_their_line_only(void **state)
{
	struct buf in;
	struct buf b;
	(void)state;
	buf_init(&in, 1 << 20);
	buf_fill(&in, 'x', CSV_FIELD_MAX);
	buf_add_str(&in, "\n");
	buf_fill(&in, 'x', CSV_FIELD_MAX + 1);
	buf_add_str(&in, "\na");
	buf_fill(&in, ',', CSV_FIELDS_MAX - 1);
	buf_add_str(&in, "\na");
	buf_fill(&in, ',', CSV_FIELDS_MAX);
	buf_add_str(&in, "\nn");
	buf_add_u8(&in, 0);
	buf_add_str(&in, "\nlast\n");

	const char *got = read_all(&b, (const char *)in.p, in.len);

	assert_int_equal(strcspn(got, "\n"), CSV_FIELD_MAX + 2);
	assert_true(str_starts(strchr(got, '\n'), "\n!2\n[a][]"));
	assert_non_null(strstr(got, "[]\n!4\n!5\n[last]\n"));
	buf_done(&in);
	buf_done(&b);
}

static void
add_field(struct buf *in, const char *field)
{
	if (strpbrk(field, ",\"\r\n") == NULL && rand() % 2 == 0) {
		buf_add_str(in, field);
		return;
	}
	buf_add_str(in, "\"");
	for (const char *p = field; *p != '\0'; p++)
		buf_addf(in, *p == '"' ? "\"%c" : "%c", *p);
	buf_add_str(in, "\"");
}

static void
test_csv_property_what_is_written_is_read(void **state)
{
	static const char *const fields[] = {"a", "", "b,c", "\"", "x\r\ny",
	    "\xC3\xA9", "\"\"\n", " "};
	static const char *const ends[] = {"\n", "\r\n", "\r"};
	(void)state;
	srand(11);
	for (int round = 0; round < 1000; round++) {
		struct buf in;
		struct buf want;
		struct buf b;
		buf_init(&in, 1 << 16);
		buf_init(&want, 1 << 16);
		for (int i = rand() % 5; i > 0; i--) {
			buf_add_str(&in, "k");
			buf_add_str(&want, "[k]");
			for (int k = rand() % 5; k > 0; k--) {
				const char *f = fields[rand() % 8];
				buf_add_str(&in, ",");
				add_field(&in, f);
				buf_addf(&want, "[%s]", f);
			}
			buf_add_str(&in, ends[rand() % 3]);
			buf_add_str(&want, "\n");
		}
		assert_string_equal(
		    read_all(&b, (const char *)in.p, in.len),
		    buf_str(&want));
		buf_done(&in);
		buf_done(&want);
		buf_done(&b);
	}
}

static void
test_csv_property_any_bytes_end(void **state)
{
	static const char letters[] = "a,\"\r\n\0\xC3";
	(void)state;
	srand(12);
	for (int round = 0; round < 1000; round++) {
		struct buf b;
		size_t n = (size_t)rand() % 60;
		char *in = mem_new_n(char, n);
		for (size_t i = 0; i < n; i++)
			in[i] = letters[(size_t)rand() %
			    (sizeof(letters) - 1)];
		(void)read_all(&b, in, n); /* returns, inside its bounds */
		buf_done(&b);
		mem_free(in);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_csv_table_of_inputs_reads_as_rfc4180_says),
	    cmocka_unit_test(test_csv_row_knows_its_line_and_columns),
	    cmocka_unit_test(test_csv_fault_names_line_and_column),
	    cmocka_unit_test(test_csv_limits_spoil_their_line_only),
	    cmocka_unit_test(test_csv_property_what_is_written_is_read),
	    cmocka_unit_test(test_csv_property_any_bytes_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
