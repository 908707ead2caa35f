/* SPDX-License-Identifier: MIT */
/* The upper layer's state machine: PS3.8 table 9-10 and its actions. */
#include <assert.h>

#include "wire/ulstate.h"

/* The table as the standard prints it: a row an event, a column a state.
 * What stays 0 is empty there. */
#define AE(n) UL_AE##n
#define DT(n) UL_DT##n
#define AR(n) UL_AR##n
#define AA(n) UL_AA##n
#define NO UL_IMPOSSIBLE
static const enum ul_action actions[UL_EVENTS][UL_STATES] = {
	[UL_EV_ASSOCIATE_ASKED] = {[UL_STA1] = AE(1)},
	[UL_EV_CONNECTED] = {[UL_STA4] = AE(2)},
	[UL_EV_GOT_AC] = {NO,
	    NO, AA(1), AA(8), NO, AE(3), AA(8), AA(8),
	    AA(8), AA(8), AA(8), AA(8), AA(8), AA(6)},
	[UL_EV_GOT_RJ] = {NO,
	    NO, AA(1), AA(8), NO, AE(4), AA(8), AA(8),
	    AA(8), AA(8), AA(8), AA(8), AA(8), AA(6)},
	[UL_EV_ACCEPTED] = {[UL_STA1] = AE(5)},
	[UL_EV_GOT_RQ] = {NO,
	    NO, AE(6), AA(8), NO, AA(8), AA(8), AA(8),
	    AA(8), AA(8), AA(8), AA(8), AA(8), AA(7)},
	[UL_EV_SAY_AC] = {[UL_STA3] = AE(7)},
	[UL_EV_SAY_RJ] = {[UL_STA3] = AE(8)},
	[UL_EV_SAY_DATA] = {[UL_STA6] = DT(1), [UL_STA8] = AR(7)},
	[UL_EV_GOT_DATA] = {NO,
	    NO, AA(1), AA(8), NO, AA(8), DT(2), AR(6),
	    AA(8), AA(8), AA(8), AA(8), AA(8), AA(6)},
	[UL_EV_RELEASE_ASKED] = {[UL_STA6] = AR(1)},
	[UL_EV_GOT_RELEASE_RQ] = {NO,
	    NO, AA(1), AA(8), NO, AA(8), AR(2), AR(8),
	    AA(8), AA(8), AA(8), AA(8), AA(8), AA(6)},
	[UL_EV_GOT_RELEASE_RP] = {NO,
	    NO, AA(1), AA(8), NO, AA(8), AA(8), AR(3),
	    AA(8), AA(8), AR(10), AR(3), AA(8), AA(6)},
	[UL_EV_SAY_RELEASE_RP] = {[UL_STA8] = AR(4), [UL_STA9] = AR(9),
	    [UL_STA12] = AR(4)},
	[UL_EV_ABORT_ASKED] = {NO,
	    NO, NO, AA(1), AA(2), AA(1), AA(1), AA(1),
	    AA(1), AA(1), AA(1), AA(1), AA(1), NO},
	[UL_EV_GOT_ABORT] = {NO,
	    NO, AA(2), AA(3), NO, AA(3), AA(3), AA(3),
	    AA(3), AA(3), AA(3), AA(3), AA(3), AA(2)},
	[UL_EV_CLOSED] = {NO,
	    NO, AA(5), AA(4), AA(4), AA(4), AA(4), AA(4),
	    AA(4), AA(4), AA(4), AA(4), AA(4), AR(5)},
	[UL_EV_ARTIM] = {[UL_STA2] = AA(2), [UL_STA13] = AA(2)},
	[UL_EV_BAD_PDU] = {NO,
	    NO, AA(1), AA(8), NO, AA(8), AA(8), AA(8),
	    AA(8), AA(8), AA(8), AA(8), AA(8), AA(7)},
};
#undef AE
#undef DT
#undef AR
#undef AA
#undef NO

/* Each action leads to one state (PS3.8 tables 9-6 to 9-9). */
static const struct {
	const char *name;
	enum ul_state next;
} outcomes[] = {
	[UL_IMPOSSIBLE] = {"impossible", UL_STA1},
	[UL_AE1] = {"AE-1", UL_STA4},
	[UL_AE2] = {"AE-2", UL_STA5},
	[UL_AE3] = {"AE-3", UL_STA6},
	[UL_AE4] = {"AE-4", UL_STA1},
	[UL_AE5] = {"AE-5", UL_STA2},
	[UL_AE6] = {"AE-6", UL_STA3},
	[UL_AE7] = {"AE-7", UL_STA6},
	[UL_AE8] = {"AE-8", UL_STA13},
	[UL_DT1] = {"DT-1", UL_STA6},
	[UL_DT2] = {"DT-2", UL_STA6},
	[UL_AR1] = {"AR-1", UL_STA7},
	[UL_AR2] = {"AR-2", UL_STA8},
	[UL_AR3] = {"AR-3", UL_STA1},
	[UL_AR4] = {"AR-4", UL_STA13},
	[UL_AR5] = {"AR-5", UL_STA1},
	[UL_AR6] = {"AR-6", UL_STA7},
	[UL_AR7] = {"AR-7", UL_STA8},
	[UL_AR8] = {"AR-8", UL_STA9},
	[UL_AR9] = {"AR-9", UL_STA11},
	[UL_AR10] = {"AR-10", UL_STA12},
	[UL_AA1] = {"AA-1", UL_STA13},
	[UL_AA2] = {"AA-2", UL_STA1},
	[UL_AA3] = {"AA-3", UL_STA1},
	[UL_AA4] = {"AA-4", UL_STA1},
	[UL_AA5] = {"AA-5", UL_STA1},
	[UL_AA6] = {"AA-6", UL_STA13},
	[UL_AA7] = {"AA-7", UL_STA13},
	[UL_AA8] = {"AA-8", UL_STA13},
};

struct ul_step
ul_step(enum ul_state s, enum ul_event ev)
{
	assert(s >= UL_STA1 && s < UL_STATES);
	assert(ev >= UL_EV_ASSOCIATE_ASKED && ev < UL_EVENTS);
	enum ul_action a = actions[ev][s];
	return (struct ul_step){
	    .action = a,
	    .next = a == UL_IMPOSSIBLE ? s : outcomes[a].next,
	};
}

const char *
ul_action_name(enum ul_action a)
{
	assert(a <= UL_AA8);
	return outcomes[a].name;
}
