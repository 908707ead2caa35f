/* SPDX-License-Identifier: MIT
 *
 * forecast: when each study and each case will be ready, at the rates that
 * were measured: what will be late is known hours ahead. Pure.
 */
#ifndef MODEL_FORECAST_H
#define MODEL_FORECAST_H

#include <stdbool.h>
#include <stdint.h>

#include "model/board.h"
#include "model/plan.h"

#define FORECAST_ARCHIVES_MAX 16

struct forecast_archive {
	const char *name;
	uint64_t rate; /* bytes/s of one retrieval, measured; 0 = not yet */
	uint64_t ceiling; /* bytes/s of all its bulk retrievals, 0 = any */
	unsigned lanes; /* bulk retrievals at once, from 1 */
	bool down; /* nobody knows until when */
};

struct forecast {
	const struct plan_rules *rules;
	int64_t now_utc;
	int minute_of_day; /* now, in the agent's zone */
	uint64_t ceiling; /* of all archives together, 0 = any */
	struct forecast_archive archives[FORECAST_ARCHIVES_MAX];
	unsigned n_archives;
};

/* Write to_go and done_utc of each study and case on ${b}, and which cases
 * will be late, as the ${n} steps of the plan and what is being fetched now
 * come to be done. Bytes to go are the instances that are missing times the
 * mean of those that are here: of the study, else of all, else 160 KiB; done
 * is told in whole minutes. Unknown (0) where the archive's count or any rate
 * is, or while the archive is down. A case is late when it will be ready
 * after its start, or is not ready though it has begun.
 * True when anything that a person could see has changed. */
bool forecast_make(struct board *b, const struct forecast *f,
    const struct plan_step *steps, unsigned n);

#endif
