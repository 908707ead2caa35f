/* SPDX-License-Identifier: MIT */
/* The rows of a theatre list: what they mean, and which are skipped. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "schedule/list_priv.h"

#define HEAD \
	"case_id,start,end,room,patient_id,issuer,patient_name,birth_date," \
	"procedure_code,procedure,surgeon,status\n"
#define ROW_7 \
	"7,2026-11-25T08:00,2026-11-25T10:30,TH6,P70,NHS,\"Roe, Jane\"," \
	"1950-02-28,M30,Mitral valve repair,Dr X,booked\n"
#define ROW_8 "8,2026-11-25 12:00,,TH6,P80,,DOE^JOHN,19601231,,,,\n"

static struct zone *london;

/* what came of parsing */
struct parsed {
	int rc;
	struct list_rows rows;
	struct err e;
};

static struct parsed
parse_n(const char *text, size_t n)
{
	struct parsed p;
	memset(&p, 0, sizeof(p));
	p.rc = list_parse(text, n, london, &p.rows, &p.e);
	return p;
}

static void
free_rows(struct parsed *p)
{
	mem_free(p->rows.cases);
	mem_free(p->rows.bad);
}

static struct parsed
parse(const char *text)
{
	return parse_n(text, strlen(text));
}

static int
setup_zone(void **state)
{
	struct err e;
	(void)state;
	london = zone_new("Europe/London", &e);
	return london == NULL ? -1 : 0;
}

static int
teardown_zone(void **state)
{
	(void)state;
	zone_free(&london);
	return 0;
}

static void
test_list_parse_row_is_a_case_in_every_field(void **state)
{
	(void)state;
	struct parsed p = parse(HEAD ROW_7);

	assert_int_equal(p.rc, 0);
	assert_int_equal(p.rows.n, 1);
	assert_int_equal(p.rows.n_faults, 0);
	const struct casefile *c = &p.rows.cases[0];
	assert_string_equal(c->id, "7");
	assert_string_equal(c->room, "TH6");
	assert_string_equal(c->start_text, "2026-11-25T08:00");
	assert_int_equal(c->start_utc, 1795593600); /* winter: UTC */
	assert_int_equal(c->end_utc, 1795593600 + 9000);
	assert_string_equal(c->patient.id, "P70");
	assert_string_equal(c->patient.issuer, "NHS");
	assert_string_equal(c->patient.name, "Roe^Jane");
	assert_string_equal(c->patient.birth_date, "19500228");
	assert_string_equal(c->procedure_code, "M30");
	assert_string_equal(c->procedure, "Mitral valve repair");
	assert_string_equal(c->surgeon, "Dr X");
	assert_int_equal(c->status, CASE_BOOKED);
	free_rows(&p);
}

static void
test_list_parse_header_is_free_in_order_and_case(void **state)
{
	(void)state;
	struct parsed p = parse("\xEF\xBB\xBF Room ,ward,PATIENT_ID,start,"
	                        "Case_ID\r\nTH6,9b,P1,20260701T0900,a-1\r\n");

	assert_int_equal(p.rc, 0);
	assert_int_equal(p.rows.n, 1);
	assert_string_equal(p.rows.cases[0].id, "a-1");
	assert_string_equal(p.rows.cases[0].patient.id, "P1");
	assert_int_equal(p.rows.cases[0].start_utc, 1782892800); /* summer */
	assert_int_equal(p.rows.cases[0].end_utc,
	    p.rows.cases[0].start_utc + LIST_CASE_HOURS * 3600);
	free_rows(&p);
}

static void
test_list_parse_date_only_case_lasts_that_day(void **state)
{
	(void)state;
	struct parsed p =
	    parse("case_id,start,room,patient_id\n1,2026-11-25,TH6,P1\n");

	assert_int_equal(p.rows.n, 1);
	assert_int_equal(p.rows.cases[0].start_utc, 1795564800);
	assert_int_equal(p.rows.cases[0].end_utc, 1795564800 + 86400);
	free_rows(&p);
}

static void
test_list_parse_names_are_as_dicom_has_them(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "ROE^JANE", "ROE^JANE" },
		{ "\"Roe, Jane\"", "Roe^Jane" },
		{ "\"Roe,Jane\"", "Roe^Jane" },
		{ "\" Roe ,  Jane Ann \"", "Roe^Jane Ann" },
		{ "\"ROE^JANE, DR\"", "ROE^JANE, DR" },
		{ "\"Roe,\"", "Roe^" },
		{ "Roe", "Roe" },
		{ "\"Ro\nE, J\"", "Ro E^J" },
		{ "", "" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[300];
		(void)snprintf(text, sizeof(text),
		    "case_id,start,room,patient_id,patient_name\n"
		    "1,2026-11-25,TH6,P1,%s\n",
		    rows[i].in);
		struct parsed p = parse(text);
		assert_int_equal(p.rows.n, 1);
		assert_string_equal(p.rows.cases[0].patient.name, rows[i].out);
		free_rows(&p);
	}
}

static void
test_list_parse_bad_row_is_told_without_patient_data(void **state)
{
	static const struct {
		const char *row, *fault;
		unsigned column;
	} rows[] = {
		{ "1,Mueller 1950,,TH6,P1,,,,,,,",
		    "start: want ISO 8601, have 'aaaaaaa 9999'", 3 },
		{ "1,2026-11-25,8 o'clock,TH6,P1,,,,,,,",
		    "end: want ISO 8601, have '9 a'aaaaa'", 14 },
		{ "1,2026-11-25T08:00,2026-11-25T07:00,TH6,P1,,,,,,,",
		    "end: want a time after start, have '9999-99-99a99:99'",
		    20 },
		{ "1,2026-11-25,,TH6,,,,,,,,", "patient_id: want a value, "
		                               "have ''", 19 },
		{ ",2026-11-25,,TH6,P1,,,,,,,", "case_id: want a value, "
		                                "have ''", 1 },
		{ "1,2026-11-25,,TH6,P1,,Roe, Jane,,,,,",
		    "row: want 12 fields, have 13", 1 },
		{ "1,2026-11-25,,TH6,P1", "row: want 12 fields, have 5", 1 },
		{ "1,2026-11-25,,TH6,P1,,R\xF6" "e,,,,,",
		    "patient_name: want UTF-8, have 'aaa'", 23 },
		{ "1,2026-11-25,,TH6,P1,,,31.12.1950,,,,",
		    "birth_date: want YYYY-MM-DD, have '99.99.9999'", 24 },
		{ "1,2026-11-25,,TH6,P1,,,,,,,done",
		    "status: want booked, started, completed, cancelled or "
		    "noshow, have 'aaaa'", 28 },
		{ "1,2026-11-25,,TH6,\"P\t1\",,,,,,,",
		    "patient_id: want no control character, have 'a?9'", 19 },
		{ "1,2026-11-25,,TH6,"
		  "12345678901234567890123456789012345678901234567890123456789"
		  "012345,,,,,,,",
		    "patient_id: want at most 64 bytes, have "
		    "'9999999999999999999999999999999'", 19 },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[600];
		(void)snprintf(text, sizeof(text), HEAD "%s\n" ROW_8,
		    rows[i].row);
		struct parsed p = parse(text);
		assert_int_equal(p.rc, 0);
		assert_int_equal(p.rows.n, 1);
		assert_string_equal(p.rows.cases[0].id, "8");
		assert_int_equal(p.rows.n_faults, 1);
		assert_string_equal(p.rows.faults[0].text, rows[i].fault);
		assert_int_equal(p.rows.faults[0].line, 2);
		assert_int_equal(p.rows.faults[0].column, rows[i].column);
		free_rows(&p);
	}
}

static void
test_list_parse_case_twice_is_its_last_row(void **state)
{
	(void)state;
	struct parsed p = parse(HEAD ROW_7 ROW_8
	    "7,2026-11-25T09:00,,TH6,P70,,,,,,,cancelled\n");

	assert_int_equal(p.rows.n, 2);
	assert_string_equal(p.rows.cases[0].id, "8");
	assert_string_equal(p.rows.cases[1].id, "7");
	assert_int_equal(p.rows.cases[1].status, CASE_CANCELLED);
	assert_int_equal(p.rows.n_faults, 1);
	assert_int_equal(p.rows.faults[0].line, 2);
	assert_string_equal(p.rows.faults[0].text,
	    "case_id: want it once, have it on line 4 too, which counts");
	free_rows(&p);
}

static void
test_list_parse_unusable_whole_is_refused(void **state)
{
	static const struct {
		const char *text, *message;
	} rows[] = {
		{ "", "list: want a header, have nothing" },
		{ "\n\n", "list: want a header, have nothing" },
		{ "case_id,start,room\n1,2026-11-25,TH6\n",
		    "list header: want a column 'patient_id', have none" },
		{ "case_id,start,room,patient_id,Start\n",
		    "list header: want 'start' once, have it twice" },
		{ "case_id,start,room,patient_id,\xFF\xFE\n",
		    "list header: want UTF-8, have something else" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct parsed p = parse(rows[i].text);
		assert_int_equal(p.rc, -1);
		assert_int_equal(p.e.code, ERR_PARSE);
		assert_string_equal(p.e.msg, rows[i].message);
	}
}

static void
test_list_parse_end_within_a_row_is_a_write_in_progress(void **state)
{
	static const struct {
		const char *text;
		int rc;
		bool half;
		unsigned n;
	} rows[] = {
		{ HEAD ROW_8, 0, false, 1 },
		{ HEAD ROW_8 "9,2026-11-25,,TH6,P9,,\"Roe, Ja", 0, true, 1 },
		{ HEAD ROW_8 "9,2026-11-25,,TH", 0, true, 1 },
		{ HEAD ROW_8 "9,2026-11-25,,TH\n", 0, false, 1 },
		{ HEAD ROW_8 "9,2026-11-25,,TH6,P9,,,,,,,", 0, false, 2 },
		{ "case_id,sta", -1, true, 0 },
		{ "case_id,sta\n", -1, false, 0 },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct parsed p = parse(rows[i].text);
		assert_int_equal(p.rc, rows[i].rc);
		assert_int_equal(p.rows.half, rows[i].half);
		assert_int_equal(p.rows.n, rows[i].n);
		free_rows(&p);
	}
}

static void
test_list_parse_header_alone_is_an_empty_list(void **state)
{
	(void)state;
	struct parsed p = parse(HEAD ",,,,,,,,,,,\n");

	assert_int_equal(p.rc, 0);
	assert_int_equal(p.rows.n, 0);
	assert_int_equal(p.rows.n_faults, 0);
	free_rows(&p);
}

/* A closed quote in the middle of the file must not hide what follows. */
static void
test_list_parse_stray_quote_costs_its_own_row(void **state)
{
	(void)state;
	struct parsed p = parse(HEAD "1,2026-11-25,,TH6,P1,,\"Roe\" J,,,,,\n"
	                             ROW_8);

	assert_int_equal(p.rc, 0);
	assert_int_equal(p.rows.n, 1);
	assert_string_equal(p.rows.cases[0].id, "8");
	assert_int_equal(p.rows.n_faults, 1);
	free_rows(&p);
}

static uint64_t
next_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

/* Whatever happens to the bytes, a case that comes out has what a case must
 * have, and no row is two cases. */
static void
test_list_parse_damaged_bytes_never_make_half_a_case(void **state)
{
	static const char whole[] = HEAD ROW_7 ROW_8 ROW_7;
	uint64_t x = 20261125;
	(void)state;

	for (unsigned round = 0; round < 1000; round++) {
		char text[sizeof(whole)];
		memcpy(text, whole, sizeof(whole));
		size_t n = next_random(&x) % sizeof(whole);
		for (unsigned i = 0; i < round % 4; i++)
			text[next_random(&x) % sizeof(whole)] =
			    "\",\n\r\xFF^ 0"[next_random(&x) % 8];
		struct parsed p = parse_n(text, n);
		assert_true(p.rows.n <= 3);
		for (unsigned i = 0; i < p.rows.n; i++) {
			const struct casefile *c = &p.rows.cases[i];
			assert_true(c->id[0] != '\0' && c->room[0] != '\0' &&
			    c->patient.id[0] != '\0');
			assert_true(c->end_utc > c->start_utc);
		}
		free_rows(&p);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list_parse_row_is_a_case_in_every_field),
		cmocka_unit_test(
		    test_list_parse_header_is_free_in_order_and_case),
		cmocka_unit_test(test_list_parse_date_only_case_lasts_that_day),
		cmocka_unit_test(test_list_parse_names_are_as_dicom_has_them),
		cmocka_unit_test(
		    test_list_parse_bad_row_is_told_without_patient_data),
		cmocka_unit_test(test_list_parse_case_twice_is_its_last_row),
		cmocka_unit_test(test_list_parse_unusable_whole_is_refused),
		cmocka_unit_test(
		    test_list_parse_end_within_a_row_is_a_write_in_progress),
		cmocka_unit_test(test_list_parse_header_alone_is_an_empty_list),
		cmocka_unit_test(test_list_parse_stray_quote_costs_its_own_row),
		cmocka_unit_test(
		    test_list_parse_damaged_bytes_never_make_half_a_case),
	};
	return cmocka_run_group_tests(tests, setup_zone, teardown_zone);
}
