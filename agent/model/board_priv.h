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

struct board_row {
	struct board_study *study; /* NULL: free */
	uint32_t hash;
};

struct board {
	uint64_t version;
	struct board_case **cases; /* by start, then id */
	struct board_case **by_id; /* the same ones */
	unsigned n_cases, cap_cases;
	struct board_study **studies; /* by uid */
	unsigned n_studies, cap_studies;
	struct board_row *table; /* the same ones by a hash of their uid */
	unsigned cap_table;
	unsigned n_slots, cap_slots; /* every slot is below n_slots */
	unsigned *free_slots; /* cap_slots of them have room */
	unsigned n_free;
	bool pushed;
};

/* board_table.c: a study comes, with a slot, or goes (not freed yet). Before
 * and after it is counted in n_studies, respectively. */
void board_table_put(struct board *b, struct board_study *s);
void board_table_drop(struct board *b, struct board_study *s);
/* Whether both say the same in every field: agreeing is not enough here. */
bool board_same_patient(const struct patient *a, const struct patient *b);

#endif
