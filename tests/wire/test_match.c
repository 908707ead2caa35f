/* SPDX-License-Identifier: MIT */
/* Tests of node/match: PS3.4 C.2.2.2, one row a case. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "wire/match.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define ROUNDS 1000

struct row {
	const char *vr, *key, *value;
	bool want;
};

static void
check(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct row *r = &rows[i];
		bool have = match_value(r->vr, r->key, r->value);
		if (have != r->want)
			fail_msg("%s key '%s' value '%s': want %d, have %d",
			    r->vr, r->key, r->value, r->want, have);
	}
}

static void
test_match_universal_key_takes_everything(void **state)
{
	static const struct row rows[] = {
	    {"PN", "", "", true}, {"PN", "", "DOE^JOHN", true},
	    {"PN", "*", "", true}, {"PN", "*", "DOE^JOHN", true},
	    {"UI", "", "1.2", true}, {"UI", "*", "1.2", true},
	    {"DA", "*", "", true}, {"DA", "", "20261124", true},
	    {"TM", "*", "0830", true}, {"CS", "*", "", true},
	    {"LO", "**", "", true}, {"LO", "**", "x", true},
	    {"SQ", "anything", "", true}, /* not looked into */
	};
	(void)state; /* pure */
	check(rows, COUNT(rows));
}

static void
test_match_names_as_people_write_them(void **state)
{
	static const struct row rows[] = {
	    {"PN", "DOE^JOHN", "DOE^JOHN", true},
	    {"PN", "doe^john", "DOE^JOHN", true},
	    {"PN", "doe*", "DOE^JOHN", true},
	    {"PN", "Doe*", "Doerr^Jane", true},
	    {"PN", "doe", "DOE^JOHN", false},
	    {"PN", "doe", "DOE", true},
	    {"PN", "doe", "DOE^^^^", true}, /* empty at the end */
	    {"PN", "DOE^JOHN^^", "DOE^JOHN", true},
	    {"PN", "doe john", "DOE^JOHN", true},
	    {"PN", "doe  john", "DOE^JOHN", true},
	    {"PN", "DOE^JOHN", "DOE JOHN", true},
	    {"PN", "DOE^JOHN", "DOE^JANE", false},
	    {"PN", "*john*", "DOE^JOHN", true},
	    {"PN", "*^john", "DOE^JOHN", true},
	    {"PN", "doe^*", "DOE^JOHN", true},
	    {"PN", "doe^*", "DOE", true},
	    {"PN", "doe^*", "DOERR^JOHN", false},
	    {"PN", "doe^j?hn", "DOE^JOHN", true},
	    {"PN", "doe^j?hn", "DOE^JHN", false},
	    {"PN", "d?e*", "DOE^JOHN", true},
	    {"PN", "doe?", "DOE", false},
	    {"PN", "m\xC3\xBCller*", "MULLER^ANNA", true}, /* u umlaut */
	    {"PN", "muller*", "M\xC3\x9CLLER^ANNA", true},
	    {"PN", "garcia^jose", "GARC\xC3\x8D"
	        "A^JOS\xC3\x89", true},
	    {"PN", "stra\xC3\x9F" "e*", "STRASSE^ANNA", true},
	    {"PN", "m?ller*", "M\xC3\x9CLLER^ANNA", true},
	    {"PN", "yamada^tarou", "Yamada^Tarou="
	        "\xE5\xB1\xB1\xE7\x94\xB0^\xE5\xA4\xAA\xE9\x83\x8E", true},
	    {"PN", "\xE5\xB1\xB1\xE7\x94\xB0*", "Yamada^Tarou="
	        "\xE5\xB1\xB1\xE7\x94\xB0^\xE5\xA4\xAA\xE9\x83\x8E", true},
	    {"PN", "\xE5\xB1\xB1?^*", "Yamada^Tarou="
	        "\xE5\xB1\xB1\xE7\x94\xB0^\xE5\xA4\xAA\xE9\x83\x8E", true},
	    {"PN", "suzuki*", "Yamada^Tarou="
	        "\xE5\xB1\xB1\xE7\x94\xB0^\xE5\xA4\xAA\xE9\x83\x8E", false},
	    {"PN", "doe*", "ROE^A\\DOE^B", true}, /* several names */
	    {"PN", "doe*", "", false},
	    {"PN", "?*", "", false},
	    {"PN", "?*", "X", true},
	};
	(void)state; /* pure */
	check(rows, COUNT(rows));
}

static void
test_match_text_without_case_and_accents(void **state)
{
	static const struct row rows[] = {
	    {"LO", "cardiac*", "CARDIAC MRI", true},
	    {"LO", "*mri", "Cardiac MRI", true},
	    {"LO", "*mri", "Cardiac MRI stress", false},
	    {"LO", "coeur", "C\xC5\x92UR", true}, /* oe ligature */
	    {"LO", "PAT-0042", "PAT-0042", true},
	    {"LO", "PAT-0042", " PAT-0042 ", true}, /* padding */
	    {"LO", "PAT-0042", "PAT-00421", false},
	    {"LO", "PAT-00?2", "PAT-0042", true},
	    {"LO", "PAT-00?2", "PAT-00422", false},
	    {"LO", "PAT", "", false},
	    {"SH", "a\\b", "B", true}, /* a list is an OR */
	    {"SH", "a\\b", "C", false},
	    {"SH", "b", "A\\B\\C", true}, /* of any component */
	    {"SH", "\\", "", false}, /* nothing but separators */
	    {"LT", "a\\b", "a\\b", true}, /* where '\' is a character */
	    {"LT", "a\\b", "b", false},
	    {"LT", "*\\b*", "a\\b c", true},
	    {"LO", "[a-z]*", "cine", false}, /* no regular expression */
	    {"LO", "%", "cine", false}, /* nor SQL */
	    {"LO", "_ine", "cine", false},
	};
	(void)state; /* pure */
	check(rows, COUNT(rows));
}

static void
test_match_codes_and_numbers_exactly(void **state)
{
	static const struct row rows[] = {
	    {"CS", "MR", "MR", true}, {"CS", "MR", "CT", false},
	    {"CS", "mr", "MR", false}, /* CS has no lower case */
	    {"CS", "MR ", "MR", true},
	    {"CS", "MR\\CT", "CT", true}, {"CS", "MR\\CT", "US", false},
	    {"CS", "MR\\CT", "SR\\MR", true}, /* ModalitiesInStudy */
	    {"CS", "MR", "SR\\MR\\OT", true},
	    {"CS", "M*", "MR", true}, {"CS", "M*", "CT", false},
	    {"CS", "MR\\*", "", true}, /* any of the list */
	    {"CS", "MR\\", "MR", true}, {"CS", "\\MR", "MR", true},
	    {"CS", "\\MR", "", false}, {"CS", "?", "", false},
	    {"CS", "?", "F", true}, {"CS", "M", "", false},
	    {"IS", "3", "3", true}, {"IS", "3", " 3 ", true},
	    {"IS", "03", "3", true}, {"IS", "+3", "003", true},
	    {"IS", "3", "30", false}, {"IS", "3", "", false},
	    {"IS", "1\\3", "3", true}, {"IS", "-1", "1", false},
	    {"IS", "3*", "30", true}, {"IS", "x", "x", true},
	    {"DS", "1.5", "1.5 ", true}, {"DS", "1.5", "15", false},
	    {"UI", "1.2.3", "1.2.3", true}, {"UI", "1.2.3", "1.2.30", false},
	    {"UI", "1.2\\1.2.3", "1.2.3", true},
	    {"UI", "1.2\\1.4", "1.2.3", false},
	    {"UI", "1.2.*", "1.2.3", true}, /* not allowed, but seen */
	    {"UI", "1.2.3", "", false},
	    {"UI", "1.2", "1.1\\1.2", true}, /* SOPClassesInStudy */
	    {"AE", "PACS", " PACS ", true}, {"AE", "pacs", "PACS", false},
	};
	(void)state; /* pure */
	check(rows, COUNT(rows));
}

static void
test_match_dates_and_their_ranges(void **state)
{
	static const struct row rows[] = {
	    {"DA", "20261124", "20261124", true},
	    {"DA", "20261124", "20261125", false},
	    {"DA", "20261124", "2026.11.24", true}, /* ACR-NEMA */
	    {"DA", "2026.11.24", "20261124", true},
	    {"DA", "20261101-20261130", "20261124", true},
	    {"DA", "20261101-20261130", "20261101", true},
	    {"DA", "20261101-20261130", "20261130", true},
	    {"DA", "20261101-20261130", "20261031", false},
	    {"DA", "20261101-20261130", "20261201", false},
	    {"DA", "20261101 - 20261130", "20261124", true},
	    {"DA", "20261101-", "20301231", true},
	    {"DA", "20261101-", "20261031", false},
	    {"DA", "-20261101", "19990101", true},
	    {"DA", "-20261101", "20261101", true},
	    {"DA", "-20261101", "20261102", false},
	    {"DA", "2026", "20261124", true}, /* as much as it says */
	    {"DA", "202611-202612", "20261231", true},
	    {"DA", "2026*", "20261124", true}, /* not allowed, but seen */
	    {"DA", "20261130-20261101", "20261115", false}, /* upside down */
	    {"DA", "20261124", "", false}, {"DA", "-20261124", "", false},
	    {"DA", "19000101-", "", false}, {"DA", "-", "", false},
	    {"DA", "-", "20261124", true},
	    {"DA", "today", "20261124", false}, /* no date at all */
	    {"DA", "-20261124", "unknown", false},
	};
	(void)state; /* pure */
	check(rows, COUNT(rows));
}

static void
test_match_times_and_their_ranges(void **state)
{
	static const struct row rows[] = {
	    {"TM", "083000", "083000", true},
	    {"TM", "083000", "083000.000000", true},
	    {"TM", "083000", "083000.5", true}, /* within that second */
	    {"TM", "083000", "083001", false},
	    {"TM", "0830", "083059.999", true},
	    {"TM", "083000.000-", "083000", true},
	    {"TM", "083000.000-", "235959.999999", true},
	    {"TM", "083000.000-", "082959.999999", false},
	    {"TM", "083000.500-083000.600", "083000.55", true},
	    {"TM", "083000.500-083000.600", "083000.49", false},
	    {"TM", "083000.500-083000.600", "083000.61", false},
	    {"TM", "-0830", "083059", true},
	    {"TM", "-0830", "0831", false},
	    {"TM", "08-12", "125959", true},
	    {"TM", "08-12", "13", false},
	    {"TM", "08:30:00", "083000", true}, /* old separators */
	    {"TM", "0800-0900", "08:30", true},
	    {"TM", "0800-", "", false},
	    {"DT", "20261124083000", "20261124083000.000000", true},
	    {"DT", "20261124-20261125", "20261124235959", true},
	    {"DT", "20261124-20261125", "20261126", false},
	    {"DT", "20261124-", "20261124083000+0100", true},
	    {"DT", "20261124083000-0500", "20261124083000", true},
	    {"DT", "20261124083000-0500", "20270101", false},
	    {"DT", "20261124083000-0500", "20261124083000-0500", true},
	    {"DT", "20261124080000-0500-20261124090000-0500",
	        "20261124083000", true},
	    {"DT", "20261124080000-0500-20261124090000-0500",
	        "20261124093000", false},
	    {"DT", "20261124080000-0500-", "20271124", true},
	    {"DT", "2025-2026", "20261124", true}, /* years, no offset */
	    {"DT", "-2026", "20271124", false},
	};
	(void)state; /* pure */
	check(rows, COUNT(rows));
}

/* Long values are looked at in their beginning only, and never overrun. */
static void
test_match_values_of_any_length_are_safe(void **state)
{
	static const char *const vrs[] = {"PN", "LO", "UI", "CS", "DA", "TM",
	    "DT", "IS", "LT", "AE"};
	static const size_t sizes[] = {63, 64, 1022, 1023, 1024, 1025, 70000};
	(void)state; /* pure */
	for (size_t i = 0; i < COUNT(vrs); i++)
		for (size_t k = 0; k < COUNT(sizes); k++) {
			char *s = malloc(sizes[k] + 1);
			assert_non_null(s);
			memset(s, '1', sizes[k]);
			s[sizes[k]] = '\0';
			assert_true(match_value(vrs[i], s, s));
			s[sizes[k] - 1] = '*';
			assert_true(match_value(vrs[i], s, s));
			memset(s, '\\', sizes[k]);
			(void)match_value(vrs[i], s, s); /* only safe */
			memset(s, '=', sizes[k]);
			(void)match_value(vrs[i], s, s);
			memset(s, '^', sizes[k]);
			(void)match_value(vrs[i], s, s);
			memset(s, '-', sizes[k]);
			(void)match_value(vrs[i], s, s);
			memset(s, 0xC3, sizes[k]);
			(void)match_value(vrs[i], s, s);
			free(s);
		}
}

/* A star costs no more than the lengths multiplied. */
static void
test_match_many_stars_end_soon(void **state)
{
	char key[1001], value[1001];
	(void)state; /* pure */
	for (size_t i = 0; i < 1000; i++)
		key[i] = i % 2 == 0 ? '*' : 'a';
	memset(value, 'a', 1000);
	key[1000] = value[999] = '\0';
	key[999] = 'b';

	assert_false(match_value("LO", key, value));
}

/* The wildcard the obvious way, to compare with. */
static bool
naive(const char *p, const char *s)
{
	if (*p == '\0')
		return *s == '\0';
	if (*p == '*')
		return naive(p + 1, s) || (*s != '\0' && naive(p, s + 1));
	return *s != '\0' && (*p == '?' || *p == *s) && naive(p + 1, s + 1);
}

static void
test_match_random_wildcards_agree_with_a_naive_matcher(void **state)
{
	unsigned seed = 20261126;
	(void)state; /* pure */
	for (unsigned round = 0; round < ROUNDS; round++) {
		char key[9] = "", value[11] = "";
		srand(seed + round);
		size_t n = 1 + (size_t)rand() % 8, m = (size_t)rand() % 11;
		for (size_t i = 0; i < n; i++)
			key[i] = "AB*?"[rand() % 4];
		for (size_t i = 0; i < m; i++)
			value[i] = "AB"[rand() % 2];

		if (match_value("CS", key, value) != naive(key, value))
			fail_msg("seed %u: key '%s' value '%s'", seed + round,
			    key, value);
	}
}

struct pair {
	uint32_t tag;
	const char *vr, *value;
};

static void
fill(struct attrs *as, const struct pair *p, size_t n)
{
	struct err e;
	attrs_init(as);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(attrs_set(as, p[i].tag, p[i].vr, p[i].value,
		    NULL, 0, &e), 0);
}

static void
test_match_all_keys_must_match_but_those_that_are_none(void **state)
{
	static const struct pair study[] = {
	    {TAG_PATIENT_NAME, "PN", "DOE^JOHN"},
	    {TAG_PATIENT_ID, "LO", "42"},
	    {TAG_STUDY_DATE, "DA", "20261124"},
	    {TAG_MODALITIES, "CS", "MR\\SR"},
	    {TAG(0x0018, 0x9074), "DT", "20261124083000"},
	};
	static const struct {
		struct pair key[3];
		size_t n;
		bool want;
	} rows[] = {
	    {{{0, "", ""}}, 0, true},
	    {{{TAG_PATIENT_NAME, "PN", "doe*"}}, 1, true},
	    {{{TAG_PATIENT_NAME, "PN", "doe*"},
	        {TAG_STUDY_DATE, "DA", "20261124"}}, 2, true},
	    {{{TAG_PATIENT_NAME, "PN", "doe*"},
	        {TAG_STUDY_DATE, "DA", "20261125"}}, 2, false},
	    {{{TAG_MODALITIES, "CS", "CT\\MR"}}, 1, true},
	    /* what the answer computes, or how the question is put */
	    {{{TAG_LEVEL, "CS", "SERIES"}, {TAG_CHARSET, "CS", "ISO_IR 100"},
	        {TAG_RETRIEVE_AE, "AE", "OTHER"}}, 3, true},
	    {{{TAG_AVAILABILITY, "CS", "OFFLINE"}}, 1, true},
	    /* known, but this study has none: an empty value */
	    {{{TAG_ACCESSION, "SH", "A1"}}, 1, false},
	    {{{TAG_ACCESSION, "SH", ""}}, 1, true},
	    {{{TAG_ACCESSION, "SH", "*"}}, 1, true},
	    /* nobody knows it: ignored, C.2.2.1.3 */
	    {{{TAG(0x0009, 0x1001), "LO", "x"}}, 1, true},
	    /* not by name, but the object has it, with its VR */
	    {{{TAG(0x0018, 0x9074), "UN", "20261124-"}}, 1, true},
	    {{{TAG(0x0018, 0x9074), "UN", "-20261123"}}, 1, false},
	    /* the VR is ours, whatever the key says */
	    {{{TAG_STUDY_DATE, "LO", "20261101-20261130"}}, 1, true},
	};
	struct attrs as;
	(void)state; /* pure */
	fill(&as, study, COUNT(study));
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct attrs keys;
		fill(&keys, rows[i].key, rows[i].n);
		if (match_all(&keys, &as) != rows[i].want)
			fail_msg("row %zu", i);
		attrs_done(&keys);
	}
	attrs_done(&as);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_match_universal_key_takes_everything),
	    cmocka_unit_test(test_match_names_as_people_write_them),
	    cmocka_unit_test(test_match_text_without_case_and_accents),
	    cmocka_unit_test(test_match_codes_and_numbers_exactly),
	    cmocka_unit_test(test_match_dates_and_their_ranges),
	    cmocka_unit_test(test_match_times_and_their_ranges),
	    cmocka_unit_test(test_match_values_of_any_length_are_safe),
	    cmocka_unit_test(test_match_many_stars_end_soon),
	    cmocka_unit_test(
	    test_match_random_wildcards_agree_with_a_naive_matcher),
	    cmocka_unit_test(
	    test_match_all_keys_must_match_but_those_that_are_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
