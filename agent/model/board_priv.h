/* SPDX-License-Identifier: MIT
 *
 * board_priv: the board itself, for board*.c and plan.c.
 */
#ifndef BOARD_PRIV_H
#define BOARD_PRIV_H

#include "model/board.h"

#define DAY_S 86400
#define CURRENT_AFTER_S (6 * 3600) /* an operation may take longer */
#define PINNED_AFTER_S (12 * 3600) /* looked at again afterwards */

struct board {
	uint64_t version;
	struct board_case **cases; /* by start, then id */
	struct board_case **by_id; /* the same ones */
	unsigned n_cases, cap_cases;
	struct board_study **studies; /* by uid */
	unsigned n_studies, cap_studies;
	bool pushed;
};

/* The position of a study; false when unknown, then where it would stand. */
bool board_find_study(const struct board *b, const char *uid, unsigned *ret);
/* Whether both say the same in every field: agreeing is not enough here. */
bool board_same_patient(const struct patient *a, const struct patient *b);

#endif
