/* SPDX-License-Identifier: MIT */
/* The board itself, for board*.c. */
#ifndef MODEL_BOARD_PRIV_H
#define MODEL_BOARD_PRIV_H

#include "model/board.h"

struct board {
	uint64_t version;
	struct board_case **cases; /* by start, then id */
	unsigned n_cases;
	struct board_study **studies; /* by uid */
	unsigned n_studies, cap_studies;
};

#endif
