/* SPDX-License-Identifier: MIT */
/* overview: what workers may know of the board, which is the loop's: a copy
 * under a lock, made anew whenever the board has changed. And which archive
 * has what, as the answers to viewers' questions told. */
#ifndef PREFETCH_OVERVIEW_H
#define PREFETCH_OVERVIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/lock.h"
#include "base/uid.h"
#include "model/board.h"
#include "prefetch/prefetch.h"

#define OVERVIEW_TOLD_MAX 2000 /* studies remembered; 1 MB */

/* a study as an archive tells it */
struct told {
	char uid[UID_SIZE];
	unsigned archive; /* position in the configuration */
	char patient_id[65], issuer[65];
	char description[CASE_TEXT_SIZE];
	char date[9], modalities[65];
	/* as the objects say; "" while none is here */
	char name[CASE_TEXT_SIZE], birth_date[9];
};

struct overview_study {
	char uid[UID_SIZE];
	enum study_state state;
	unsigned archive; /* PREFETCH_ARCHIVES_MAX: not known */
};

struct overview {
	struct lock lock;
	/* under lock */
	struct overview_study *studies; /* by uid; owned */
	unsigned n, cap;
	uint32_t up; /* archives, a bit each */
	struct told *told; /* owned; a ring */
	unsigned n_told, next_told;
};

void overview_init(struct overview *o);
void overview_done(struct overview *o);
/* [loop] */
void overview_refresh(struct overview *o, const struct board *b,
    const struct prefetch_config *c, const struct archive_health *health);

/* No archive answers any more. */
void overview_close(struct overview *o);
/* [any] The archives that are up, a bit each. */
uint32_t overview_up(struct overview *o);
/* Of a study on the board; false when it is not there. */
bool overview_find(struct overview *o, const char *uid,
    struct overview_study *ret);
/* Whether it can be completed now: see prefetch_completes. */
bool overview_completes(struct overview *o, const char *uid);
/* Remember what an archive told of a study, and find it. The first one that
 * told stays; of one archive the last counts. */
void overview_tell(struct overview *o, const struct told *t);
bool overview_told(struct overview *o, const char *uid, struct told *ret);

#endif
