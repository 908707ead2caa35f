/* SPDX-License-Identifier: MIT
 *
 * ulstate: the upper layer's state machine, PS3.8 table 9-10, as a table.
 * Called by dicom/assoc on any thread; pure.
 * Every (state, event) pair has a row; a pair that the standard leaves empty
 * cannot happen locally and answers UL_IMPOSSIBLE.
 */
#ifndef WIRE_ULSTATE_H
#define WIRE_ULSTATE_H

enum ul_state {
	UL_STA1 = 1, /* idle */
	UL_STA2, /* connection open, awaiting A-ASSOCIATE-RQ */
	UL_STA3, /* awaiting our own answer to the request */
	UL_STA4, /* awaiting connect to finish */
	UL_STA5, /* awaiting A-ASSOCIATE-AC or -RJ */
	UL_STA6, /* established, ready for data */
	UL_STA7, /* awaiting A-RELEASE-RP */
	UL_STA8, /* awaiting our own release response */
	UL_STA9, /* release collision, requestor: awaiting our response */
	UL_STA10, /* release collision, acceptor: awaiting A-RELEASE-RP */
	UL_STA11, /* release collision, requestor: awaiting A-RELEASE-RP */
	UL_STA12, /* release collision, acceptor: awaiting our response */
	UL_STA13, /* awaiting close of the connection */
	UL_STATES = 14
};

enum ul_event {
	UL_EV_ASSOCIATE_ASKED = 1, /* local A-ASSOCIATE request */
	UL_EV_CONNECTED, /* transport connect confirmed */
	UL_EV_GOT_AC,
	UL_EV_GOT_RJ,
	UL_EV_ACCEPTED, /* transport connection indication */
	UL_EV_GOT_RQ,
	UL_EV_SAY_AC, /* local accept */
	UL_EV_SAY_RJ, /* local reject */
	UL_EV_SAY_DATA,
	UL_EV_GOT_DATA,
	UL_EV_RELEASE_ASKED,
	UL_EV_GOT_RELEASE_RQ,
	UL_EV_GOT_RELEASE_RP,
	UL_EV_SAY_RELEASE_RP,
	UL_EV_ABORT_ASKED,
	UL_EV_GOT_ABORT,
	UL_EV_CLOSED,
	UL_EV_ARTIM, /* timer expired */
	UL_EV_BAD_PDU, /* unrecognised or invalid */
	UL_EVENTS
};

/* names as in the standard: AE-1..8, DT-1..2, AR-1..10, AA-1..8 */
enum ul_action {
	UL_IMPOSSIBLE = 0,
	UL_AE1, UL_AE2, UL_AE3, UL_AE4, UL_AE5, UL_AE6, UL_AE7, UL_AE8,
	UL_DT1, UL_DT2,
	UL_AR1, UL_AR2, UL_AR3, UL_AR4, UL_AR5, UL_AR6, UL_AR7, UL_AR8, UL_AR9,
	UL_AR10,
	UL_AA1, UL_AA2, UL_AA3, UL_AA4, UL_AA5, UL_AA6, UL_AA7, UL_AA8,
};

struct ul_step {
	enum ul_action action;
	enum ul_state next; /* the same state for UL_IMPOSSIBLE. Of AE-6 the
	                     * accepting branch (STA3), of AR-8 the
	                     * requestor's (STA9): the caller corrects */
};
struct ul_step ul_step(enum ul_state s, enum ul_event ev);
const char *ul_action_name(enum ul_action a); /* "AA-8" */

#endif
