/* SPDX-License-Identifier: MIT */
/* Status codes and commands in words. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "wire/dimse.h"

static void
test_dimse_text_statuses_have_their_class_and_words(void **state)
{
	(void)state;
	static const struct {
		uint16_t status;
		bool pending, warning;
		const char *text;
	} rows[] = {
		{0x0000, false, false, "success (0000)"},
		{0xFF00, true, false, "pending (FF00)"},
		{0xFF01, true, false,
		    "pending, some keys not supported (FF01)"},
		{0xFE00, false, false, "cancelled (FE00)"},
		{0xB000, false, true,
		    "warning: some sub-operations failed (B000)"},
		{0xB123, false, true, "warning (B123)"},
		{0x0001, false, true,
		    "optional attributes not supported (0001)"},
		{0x0107, false, true, "attribute list error (0107)"},
		{0x0116, false, true, "attribute value out of range (0116)"},
		{0xA700, false, false, "out of resources (A700)"},
		{0xA702, false, false, "out of resources: cannot send (A702)"},
		{0xA7FF, false, false, "out of resources (A7FF)"},
		{0xC512, false, false, "unable to process (C512)"},
		{0x0122, false, false, "SOP class not supported (0122)"},
		{0x4242, false, false, "unknown status (4242)"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[80];
		assert_int_equal(dimse_is_pending(rows[i].status),
		    rows[i].pending);
		assert_int_equal(dimse_is_warning(rows[i].status),
		    rows[i].warning);
		assert_string_equal(dimse_status_text(rows[i].status, text,
		    sizeof(text)), rows[i].text);
	}
}

static void
test_dimse_text_commands_have_the_standards_names(void **state)
{
	(void)state;

	assert_string_equal(dimse_command_name(DIMSE_C_MOVE_RSP),
	    "C-MOVE-RSP");
	assert_string_equal(dimse_command_name(0x0140), "N-CREATE-RQ");
	assert_string_equal(dimse_command_name(0x4711), "unknown command");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
	        test_dimse_text_statuses_have_their_class_and_words),
	    cmocka_unit_test(
	        test_dimse_text_commands_have_the_standards_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
