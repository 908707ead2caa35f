/* SPDX-License-Identifier: MIT */
/* question: what a viewer asks for, as it is put to the archives, and what
 * they answer. Made by a node's worker, put by the loop, answered by workers
 * side by side, read by those who wait; kept for a minute.
 */
#ifndef PREFETCH_QUESTION_H
#define PREFETCH_QUESTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/lock.h"
#include "dicom/assoc.h"
#include "prefetch/prefetch.h"
#include "wire/attrs.h"

#define QUESTIONS_AT_ONCE 2 /* to one archive; others wait their turn */
#define QUESTIONS_KEPT_MAX 64
#define QUESTIONS_BYTES_MAX (4U << 20) /* of all answers that are kept */
#define QUESTION_KEPT_NS (60 * CLOCK_S)
#define QUESTION_ANSWERS_MAX 2000 /* of one archive: studies, series */
#define QUESTION_IMAGES_MAX 10000 /* of one archive */
#define QUESTION_BYTES_MAX (16U << 20) /* of one question's answers */

enum question_level { LEVEL_STUDY, LEVEL_SERIES, LEVEL_IMAGE };

struct answers {
	struct attrs *as; /* owned, and each of them */
	unsigned n, cap;
	bool asked, whole; /* whole: the archive gave all of them */
};

struct question {
	/* set at birth, then constant */
	struct attrs keys; /* as the viewer's, wildcards that mean any out */
	enum question_level level;
	struct buf text; /* to compare by; owned */
	int64_t until_ns; /* uptime */
	/* shared, under the lock of all */
	struct cond moved;
	struct question *next; /* among those that are known; newest first */
	unsigned users; /* the list, each inquiry, each who waits */
	bool put; /* to the archives */
	unsigned n_open; /* archives that have not answered */
	bool over; /* nobody adds to the answers any more */
	int64_t answered_ns; /* continuous; 0 = not by all */
	size_t bytes;
	struct answers from[PREFETCH_ARCHIVES_MAX];
	/* any thread */
	struct assoc_stop stop[PREFETCH_ARCHIVES_MAX];
};

struct questions {
	struct lock lock;
	struct question *known; /* under lock: open ones, and those kept */
	bool halted; /* under lock */
};

void questions_init(struct questions *t);
void questions_halt(struct questions *t);
void questions_done(struct questions *t);

/* What a viewer asks, made fit to be asked of an archive; NULL when it must
 * not be: a patient identifier or a UID that would match others. */
struct question *question_new(const struct attrs *keys);
/* Find the same, open or kept, that was put to all of ${up}, or add ${take},
 * which is consumed. The caller uses what is returned. */
struct question *question_join(struct questions *t, struct question *take,
    uint32_t up);
/* Wait for all answers; at the latest until its time is over. False when
 * there is nothing to be read. Nobody adds to it any more afterwards. */
bool question_wait(struct questions *t, struct question *q);
struct question *question_use(struct questions *t, struct question *q);
void question_leave(struct questions *t, struct question **pp);

/* [loop] One that is to be put, used by the caller now, or NULL. It is put
 * to ${up}: as many inquiries, each uses it, will end. */
struct question *question_to_put(struct questions *t, uint32_t up);
/* [worker] ${n} answers of an inquiry, all of them or none: takes what they
 * hold. False when nobody wants them any more, or there are too many bytes. */
bool question_add(struct questions *t, struct question *q, unsigned archive,
    struct attrs *take, unsigned n);
/* What answer ${i} lacked. */
void question_set(struct questions *t, struct question *q, unsigned archive,
    unsigned i, uint32_t tag, const char *value);
/* The inquiry is through. With ${drop} what it gave is not the whole and must
 * not be told. It leaves the question. */
void question_end(struct questions *t, struct question **pp,
    unsigned archive, bool whole, bool drop);
bool question_is_over(struct questions *t, struct question *q);

/* Tags that an archive is asked for at a level: as a key with a value, or
 * to be returned; false when it is not known there. */
bool question_tag(uint32_t tag, enum question_level *ret_level,
    bool *ret_key);

#endif
