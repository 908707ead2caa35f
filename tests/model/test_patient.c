/* SPDX-License-Identifier: MIT */
/* Tests of identity: the rows are two statements about a person. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include "model/patient.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct row {
	struct patient ours, theirs; /* id, issuer, name, birth date, sex */
	enum agreement want;
	const char *reason;
} rows[] = {
    {{"1", "NHS", "DOE^JANE", "19700101", "F"},
	{"1", "NHS", "Doe, Jane", "19700101", "F"}, AGREE_YES,
	"identifier, birth date and family name agree"},
    {{"1", "", "", "19700101", ""}, {"1", "", "DOE^J", "19700101", ""},
	AGREE_YES, "identifier and birth date agree"},
    {{"1", "", "DOE^J", "", ""}, {"1", "", "DOE^JANE", "19700101", ""},
	AGREE_YES, "identifier and family name agree"},
    {{"1", "", "DOE^J", "19700101", ""}, {"1", "", "", "", ""},
	AGREE_ID_ONLY,
	"identifier only: the archive states no birth date and no name"},
    {{"1", "", "", "", ""}, {"1", "", "DOE^J", "19700101", ""},
	AGREE_ID_ONLY,
	"identifier only: the list states no birth date and no name"},
    {{"1", "", "DOE^J", "", ""}, {"1", "", "", "19700101", ""},
	AGREE_ID_ONLY,
	"identifier only: no birth date and no name that both state"},
    /* a date that is none states nothing */
    {{"1", "", "DOE^J", "19700101", ""}, {"1", "", "DOE", "00000000", ""},
	AGREE_YES, "identifier and family name agree"},
    /* padding is no part of an identifier */
    {{"1", "", "DOE^J", "", ""}, {"1 ", "", "DOE^J", "", ""}, AGREE_YES,
	"identifier and family name agree"},
    {{"1", "", "DOE^J", "", ""}, {"01", "", "DOE^J", "", ""}, AGREE_NO,
	"identifier differs"},
    {{"", "", "DOE^J", "", ""}, {"", "", "DOE^J", "", ""}, AGREE_NO,
	"identifier not stated"},
    /* P05: a new name, a changed date */
    {{"1", "", "ROE^JANE", "19700101", "F"},
	{"1", "", "DOE^JANE", "19700101", "F"}, AGREE_NO,
	"family name differs"},
    {{"1", "", "DOE^J", "19700101", ""}, {"1", "", "DOE^J", "19700102", ""},
	AGREE_NO, "birth date differs"},
    {{"1", "", "DOE^J", "19700101", ""}, {"1", "", "ROE^J", "19700102", ""},
	AGREE_NO, "birth date differs; family name differs"},
    /* P06: one identifier, two authorities, two persons */
    {{"1", "NHS", "DOE^J", "19700101", ""},
	{"1", "MPI", "DOE^J", "19700101", ""}, AGREE_NO,
	"issuer of the identifier differs"},
    {{"1", "NHS", "DOE^J", "", ""}, {"1", "nhs ", "DOE^J", "", ""},
	AGREE_YES, "identifier and family name agree"},
    /* names of an authority in two forms cannot be compared */
    {{"1", "NHS", "DOE^J", "", ""},
	{"1", "2.16.840.1.113883.2.1.4.1", "DOE^J", "", ""}, AGREE_YES,
	"identifier and family name agree"},
    {{"1", "urn:oid:2.16.840", "DOE^J", "", ""},
	{"1", "2.16.841", "DOE^J", "", ""}, AGREE_NO,
	"issuer of the identifier differs"},
    {{"1", "https://a", "DOE^J", "", ""}, {"1", "NHS", "DOE^J", "", ""},
	AGREE_YES, "identifier and family name agree"},
    /* another sex is a warning */
    {{"1", "", "DOE^J", "", "M"}, {"1", "", "DOE^J", "", "F"}, AGREE_YES,
	"identifier and family name agree; sex differs: a warning"},
    {{"1", "", "DOE^J", "", "M"}, {"1", "", "DOE^J", "", "U"}, AGREE_YES,
	"identifier and family name agree"},
    /* spellings */
    {{"1", "", "Müller^Jörg", "", ""}, {"1", "", "MUELLER^JOERG", "", ""},
	AGREE_YES, "identifier and family name agree"},
    {{"1", "", "UNKNOWN^Male", "", ""}, {"1", "", "^^", "", ""},
	AGREE_ID_ONLY,
	"identifier only: the archive states no birth date and no name"},
};

static void
test_patient_agreement_follows_the_table(void **state)
{
	(void)state; /* pure */

	for (size_t i = 0; i < COUNT(rows); i++) {
		char reason[160];
		enum agreement got = patient_agree(&rows[i].ours,
		    &rows[i].theirs, reason, sizeof(reason));

		if (got != rows[i].want)
			fail_msg("row %zu: %s", i, reason);
		assert_string_equal(reason, rows[i].reason);
	}
}

static void
test_patient_agreement_is_symmetric(void **state)
{
	(void)state; /* pure */

	for (size_t i = 0; i < COUNT(rows); i++) {
		char reason[160];
		assert_int_equal(patient_agree(&rows[i].theirs, &rows[i].ours,
				     reason, sizeof(reason)),
		    rows[i].want);
	}
}

static void
test_patient_reason_is_cut_to_its_room(void **state)
{
	char reason[8];
	(void)state; /* pure */

	(void)patient_agree(&rows[0].ours, &rows[0].theirs, reason,
	    sizeof(reason));

	assert_string_equal(reason, "identif");
}

static void
test_patient_unsafe_identifiers_are_never_asked_for(void **state)
{
	static const struct {
		const char *id;
		bool safe;
	} ids[] = {
	    {"943 476 5919", true},
	    {"A-1'\"%;", true},
	    {"Ä1", true},
	    {"123456789012345678901234567890123456789012345678901234567890"
	     "1234",
		true},
	    {"", false},
	    {" ", false},
	    {"*", false},
	    {"12?4", false},
	    {"1\\2", false},
	    {"1\n", false},
	    {"1\x7F", false},
	    {"1\xC2\x85", false},
	    {"\xFF", false},
	    {"123456789012345678901234567890123456789012345678901234567890"
	     "12345",
		false},
	};
	(void)state; /* pure */

	for (size_t i = 0; i < COUNT(ids); i++)
		if (patient_id_is_safe(ids[i].id) != ids[i].safe)
			fail_msg("row %zu", i);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_patient_agreement_follows_the_table),
	    cmocka_unit_test(test_patient_agreement_is_symmetric),
	    cmocka_unit_test(test_patient_reason_is_cut_to_its_room),
	    cmocka_unit_test(
		test_patient_unsafe_identifiers_are_never_asked_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
