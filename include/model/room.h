/* SPDX-License-Identifier: MIT
 *
 * room: what must go so that more bytes fit, what goes in the background, and
 * which coming cases want more than there can be. Pure.
 * Called by the cache on the loop, and by the simulator.
 */
#ifndef MODEL_ROOM_H
#define MODEL_ROOM_H

#include <stdbool.h>
#include <stdint.h>

#include "model/board.h"
#include "model/evict.h"

/* files that the volume must be able to take still, or nothing is begun: a
 * study of 25,000 objects ends before the last one is gone */
#define ROOM_FILES_MIN UINT64_C(32768)

struct room {
	uint64_t size; /* bytes that may be held */
	uint64_t reserve; /* bytes of the volume that stay free */
	unsigned high, low; /* percent of size, see room_trim; high 0 = off */
	uint64_t held; /* bytes, with what is leaving */
	uint64_t leaving, leaving_files; /* of these, on their way out */
	uint64_t free_bytes, free_files; /* on the volume now; UINT64_MAX where
	                                  * it does not count files */
	evict_in_use_fn *in_use; /* NULL: nothing is */
	void *ctx;
};

struct room_plan {
	struct board_study **victims; /* owned: room_done; the first to go
	                               * first */
	unsigned n;
	char why[200]; /* in words, when it cannot be */
};

/* What must go so that ${bytes} more fit, for a case that starts at
 * ${before_utc}; INT64_MAX: for no case, and nothing that one needs goes.
 * False, with no victims, when all that may go is not enough. room_done
 * either way. */
bool room_make(const struct board *b, const struct room *r, uint64_t bytes,
    int64_t before_utc, struct room_plan *ret);

/* What goes in the background: above high % of the size, or with too few
 * files left, what no case needs until low % is reached; above the size (a
 * smaller one was configured) also what does not fit, the furthest case
 * first. */
void room_trim(const struct board *b, const struct room *r,
    struct room_plan *ret);
void room_done(struct room_plan *p);

/* Whether what all coming cases want fits, the sooner case first: write
 * no_room, object_bytes and, while it is to be fetched, the reason of each
 * study, and room_reason of each case. What is kept counts before them, what
 * cases in the past have pinned after them. Of a study of which little was
 * here yet the bytes are guessed; a guess alone is never refused while
 * anything is left.
 * True when anything that a person could see has changed. */
bool room_pins(struct board *b, const struct room *r, int64_t now_utc,
    int64_t horizon_s);

#endif
