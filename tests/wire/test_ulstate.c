/* SPDX-License-Identifier: MIT */
/* The state machine against PS3.8 table 9-10 as it is printed. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "wire/ulstate.h"

/* A row of the table: an event, then the cells of Sta1 to Sta13, each
 * "action/next state" and "-" where the standard has nothing. Of AE-6 and
 * AR-8, which have two next states, the one that the door names. */
static const struct {
	enum ul_event ev;
	const char *cells;
} printed[] = {
	{UL_EV_ASSOCIATE_ASKED, "AE-1/4 - - - - - - - - - - - -"},
	{UL_EV_CONNECTED, "- - - AE-2/5 - - - - - - - - -"},
	{UL_EV_GOT_AC, "- AA-1/13 AA-8/13 - AE-3/6 AA-8/13 AA-8/13 "
	    "AA-8/13 AA-8/13 AA-8/13 AA-8/13 AA-8/13 AA-6/13"},
	{UL_EV_GOT_RJ, "- AA-1/13 AA-8/13 - AE-4/1 AA-8/13 AA-8/13 "
	    "AA-8/13 AA-8/13 AA-8/13 AA-8/13 AA-8/13 AA-6/13"},
	{UL_EV_ACCEPTED, "AE-5/2 - - - - - - - - - - - -"},
	{UL_EV_GOT_RQ, "- AE-6/3 AA-8/13 - AA-8/13 AA-8/13 AA-8/13 "
	    "AA-8/13 AA-8/13 AA-8/13 AA-8/13 AA-8/13 AA-7/13"},
	{UL_EV_SAY_AC, "- - AE-7/6 - - - - - - - - - -"},
	{UL_EV_SAY_RJ, "- - AE-8/13 - - - - - - - - - -"},
	{UL_EV_SAY_DATA, "- - - - - DT-1/6 - AR-7/8 - - - - -"},
	{UL_EV_GOT_DATA, "- AA-1/13 AA-8/13 - AA-8/13 DT-2/6 AR-6/7 "
	    "AA-8/13 AA-8/13 AA-8/13 AA-8/13 AA-8/13 AA-6/13"},
	{UL_EV_RELEASE_ASKED, "- - - - - AR-1/7 - - - - - - -"},
	{UL_EV_GOT_RELEASE_RQ, "- AA-1/13 AA-8/13 - AA-8/13 AR-2/8 "
	    "AR-8/9 AA-8/13 AA-8/13 AA-8/13 AA-8/13 AA-8/13 AA-6/13"},
	{UL_EV_GOT_RELEASE_RP, "- AA-1/13 AA-8/13 - AA-8/13 AA-8/13 "
	    "AR-3/1 AA-8/13 AA-8/13 AR-10/12 AR-3/1 AA-8/13 AA-6/13"},
	{UL_EV_SAY_RELEASE_RP, "- - - - - - - AR-4/13 AR-9/11 - - "
	    "AR-4/13 -"},
	{UL_EV_ABORT_ASKED, "- - AA-1/13 AA-2/1 AA-1/13 AA-1/13 AA-1/13 "
	    "AA-1/13 AA-1/13 AA-1/13 AA-1/13 AA-1/13 -"},
	{UL_EV_GOT_ABORT, "- AA-2/1 AA-3/1 - AA-3/1 AA-3/1 AA-3/1 AA-3/1 "
	    "AA-3/1 AA-3/1 AA-3/1 AA-3/1 AA-2/1"},
	{UL_EV_CLOSED, "- AA-5/1 AA-4/1 AA-4/1 AA-4/1 AA-4/1 AA-4/1 "
	    "AA-4/1 AA-4/1 AA-4/1 AA-4/1 AA-4/1 AR-5/1"},
	{UL_EV_ARTIM, "- AA-2/1 - - - - - - - - - - AA-2/1"},
	{UL_EV_BAD_PDU, "- AA-1/13 AA-8/13 - AA-8/13 AA-8/13 AA-8/13 "
	    "AA-8/13 AA-8/13 AA-8/13 AA-8/13 AA-8/13 AA-7/13"},
};

#define ROWS (sizeof(printed) / sizeof(printed[0]))

/* The step as a cell is printed. */
static void
print_cell(char *dst, size_t size, struct ul_step st)
{
	if (st.action == UL_IMPOSSIBLE)
		(void)snprintf(dst, size, "-");
	else
		(void)snprintf(dst, size, "%s/%d", ul_action_name(st.action),
		    (int)st.next);
}

static void
test_ulstate_every_cell_is_as_printed(void **state)
{
	(void)state;

	for (size_t r = 0; r < ROWS; r++) {
		char row[256] = "";
		size_t n = 0;
		for (int s = UL_STA1; s < UL_STATES; s++) {
			char cell[16];
			print_cell(cell, sizeof(cell),
			    ul_step((enum ul_state)s, printed[r].ev));
			n += (size_t)snprintf(row + n, sizeof(row) - n,
			    "%s%s", s == UL_STA1 ? "" : " ", cell);
		}
		assert_string_equal(row, printed[r].cells);
	}
}

static void
test_ulstate_every_event_has_a_row(void **state)
{
	(void)state;

	assert_int_equal(ROWS, UL_EVENTS - 1);
	for (size_t r = 0; r < ROWS; r++)
		assert_int_equal(printed[r].ev, r + 1);
}

static void
test_ulstate_impossible_stays_where_it_was(void **state)
{
	(void)state;

	for (int s = UL_STA1; s < UL_STATES; s++)
		for (int ev = 1; ev < UL_EVENTS; ev++) {
			struct ul_step st = ul_step((enum ul_state)s,
			    (enum ul_event)ev);
			if (st.action == UL_IMPOSSIBLE)
				assert_int_equal(st.next, s);
		}
}

/* A peer may send anything at any time once it can send at all. */
static void
test_ulstate_no_received_pdu_is_impossible(void **state)
{
	(void)state;
	static const enum ul_event got[] = {UL_EV_GOT_AC, UL_EV_GOT_RJ,
	    UL_EV_GOT_RQ, UL_EV_GOT_DATA, UL_EV_GOT_RELEASE_RQ,
	    UL_EV_GOT_RELEASE_RP, UL_EV_GOT_ABORT, UL_EV_BAD_PDU,
	    UL_EV_CLOSED};

	for (int s = UL_STA2; s < UL_STATES; s++)
		for (size_t i = 0; i < sizeof(got) / sizeof(got[0]); i++)
			if (s != UL_STA4)
				assert_int_not_equal(ul_step(
				    (enum ul_state)s, got[i]).action,
				    UL_IMPOSSIBLE);
}

static void
test_ulstate_whole_life_of_a_requestor(void **state)
{
	(void)state;
	static const enum ul_event life[] = {UL_EV_ASSOCIATE_ASKED,
	    UL_EV_CONNECTED, UL_EV_GOT_AC, UL_EV_SAY_DATA, UL_EV_GOT_DATA,
	    UL_EV_RELEASE_ASKED, UL_EV_GOT_DATA, UL_EV_GOT_RELEASE_RP};
	enum ul_state s = UL_STA1;

	for (size_t i = 0; i < sizeof(life) / sizeof(life[0]); i++) {
		struct ul_step st = ul_step(s, life[i]);
		assert_int_not_equal(st.action, UL_IMPOSSIBLE);
		s = st.next;
	}

	assert_int_equal(s, UL_STA1);
}

static void
test_ulstate_action_names_are_the_standards(void **state)
{
	(void)state;

	assert_string_equal(ul_action_name(UL_AE1), "AE-1");
	assert_string_equal(ul_action_name(UL_AR10), "AR-10");
	assert_string_equal(ul_action_name(UL_AA8), "AA-8");
	assert_string_equal(ul_action_name(UL_IMPOSSIBLE), "impossible");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_ulstate_every_cell_is_as_printed),
	    cmocka_unit_test(test_ulstate_every_event_has_a_row),
	    cmocka_unit_test(test_ulstate_impossible_stays_where_it_was),
	    cmocka_unit_test(test_ulstate_no_received_pdu_is_impossible),
	    cmocka_unit_test(test_ulstate_whole_life_of_a_requestor),
	    cmocka_unit_test(test_ulstate_action_names_are_the_standards),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
