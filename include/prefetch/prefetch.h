/* SPDX-License-Identifier: MIT
 *
 * prefetch: asks the archives what each case's patient has, decides what is
 * needed, fetches it, and calls a study ready when every instance that the
 * archive lists is here.
 * Driven on the loop; questions and transfers run on its own workers.
 * Owns the tickets (open retrievals), the archives' health and the workers.
 * Writes cases' wants and studies' states on the board.
 */
#ifndef PREFETCH_PREFETCH_H
#define PREFETCH_PREFETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/uid.h"
#include "dicom/assoc.h"
#include "index/index.h"
#include "model/board.h"
#include "model/plan.h"
#include "model/relevance.h"
#include "run/loop.h"
#include "store/store.h"
#include "text/zone.h"
#include "wire/attrs.h"

#define PREFETCH_ARCHIVES_MAX 16

struct prefetch;

enum prefetch_retrieve {
	PREFETCH_C_GET,
	PREFETCH_C_MOVE, /* to our node */
	PREFETCH_WADO_RS,
};

struct prefetch_archive {
	const char *name, *ae_title, *host;
	uint16_t port;
	enum prefetch_retrieve retrieve;
	unsigned associations; /* at once */
	/* DICOMweb's base URL, "" = none; with WADO_RS lists come from QIDO-RS
	 * too, unless by_find */
	const char *dicomweb;
	bool by_find;
	bool optional; /* a case may be ready without its answer */
	uint64_t bandwidth; /* bytes/s that bulk work may take, 0 = any */
};

struct prefetch_config {
	const char *ae_title; /* ours, calling and as move destination */
	const char *theatre; /* comma list of our rooms' names */
	const struct zone *zone;
	struct plan_rules plan;
	int64_t spread_s; /* after a start or a wake bulk work begins at a
	                   * random moment within this */
	uint64_t bandwidth; /* of all archives together, 0 = any */
	bool strict_identity; /* hold what only the identifier supports */
	bool read_through; /* of two associations or more to an archive,
	                    * bulk work leaves one to viewers */
	const struct relevance_rule *rules;
	unsigned n_rules;
	struct prefetch_archive archives[PREFETCH_ARCHIVES_MAX]; /* by rank */
	unsigned n_archives;
};

struct prefetch_ports {
	void *ctx;
	/* [loop] Make room for ${bytes} more, for a case that starts at
	 * ${before_utc}; false with words when it cannot be. */
	bool (*make_room)(void *ctx, uint64_t bytes, int64_t before_utc,
	    char *why, size_t size);
	/* [loop] The board was settled, the plan comes next: what has no room
	 * is marked so (NULL: nothing is). */
	void (*settled)(void *ctx);
	/* [loop] Whether the study may be fetched now (not being evicted). */
	bool (*may_fetch)(void *ctx, const char *study_uid);
	/* [loop] A study has become ready. */
	void (*arrived)(void *ctx, const char *study_uid);
	/* [loop] The board has changed. */
	void (*changed)(void *ctx);
	/* [worker] An object of this class is now held in this syntax. */
	void (*learn)(void *ctx, const char *class_uid, const char *syntax);
};

/* Strings and rules of ${c} are borrowed for the prefetch's life. */
struct prefetch *prefetch_start(struct loop *l,
    const struct prefetch_config *c, const struct prefetch_ports *ports,
    struct board *b, struct index *ix, struct store *st, struct err *e);
/* Cancel what is under way and wait for it; nothing is begun any more, but
 * prefetch_take and prefetch_expects may still be called. */
void prefetch_halt(struct prefetch *p);
/* Free it, after those who call prefetch_take have ended. */
void prefetch_stop(struct prefetch **pp);

/* [any] An object that was kept by an earlier agent comes back into an index
 * that was lost: its rows are made from its data set, ${n} bytes, as when it
 * came. ERR_CORRUPT when its UIDs are not those of its name. Its study is not
 * ready by that: the archive's list tells. */
int prefetch_readmit(struct index *ix, const struct store_item *it,
    const void *p, size_t n, struct err *e);

/* The board's cases or the clock changed: settle, plan, begin what is due. */
void prefetch_look(struct prefetch *p);
/* The machine slept for ${asleep_ms} (0: only its clock was set): what was
 * under way is cut and goes on, bulk work after a random pause. */
void prefetch_gap(struct prefetch *p, int64_t asleep_ms);
/* A person asks: try this case, or this study, at once, whatever the window
 * and the back-off say. False when it is not known, or not ours. */
bool prefetch_case_now(struct prefetch *p, const char *case_id);
bool prefetch_study_now(struct prefetch *p, const char *study_uid);

unsigned prefetch_active(const struct prefetch *p);
unsigned prefetch_queued(const struct prefetch *p);

/* While it is down nothing is sent to it but a C-ECHO, at next_try_utc. */
enum archive_state { ARCHIVE_UNKNOWN, ARCHIVE_UP, ARCHIVE_DOWN };
struct archive_health {
	enum archive_state state;
	int64_t since_utc; /* of the state; 0 = not known yet */
	int64_t last_ok_utc; /* 0 = never */
	int64_t next_try_utc; /* while it is down, else 0 */
	unsigned allowed; /* associations at once: half as many each time it
	                   * says that it has none to spare, one more with
	                   * each study that comes */
	char last_error[240];
};
/* Of archive ${i} of the configuration; borrowed. */
const struct archive_health *prefetch_health(const struct prefetch *p,
    unsigned i);

/* Read-through: what a viewer asks for and is not here. [worker]
 *
 * Ask all archives that are up, side by side, what they have that fits
 * ${keys} (an identifier: level, UIDs, matching keys), and give each answer
 * to ${fn}, on this thread, one answer a UID: with the counts of instances
 * and the modalities, which are asked for where an archive leaves them out.
 * Studies that are held back (STUDY_HELD) are left out. Returns after
 * PREFETCH_ELSEWHERE_MS at the latest with what is known by then; at once
 * when no archive is up. The same question within a minute is answered
 * from memory. */
#define PREFETCH_ELSEWHERE_MS 1500
typedef void prefetch_answer_fn(void *ctx, const struct attrs *answer);
void prefetch_elsewhere(struct prefetch *p, const struct attrs *keys,
    prefetch_answer_fn *fn, void *ctx);
/* Whether a study that is not ready can be completed now: it is not held
 * back and an archive that has it is up. */
bool prefetch_completes(struct prefetch *p, const char *study_uid);
/* Whether it is held back: no viewer is shown it. */
bool prefetch_withheld(struct prefetch *p, const char *study_uid);
/* Follow a study that is not ready: its retrieval begins at once unless it
 * is under way already; all who follow share it. From then on
 * prefetch_follow_next gives every object of the study once: those that are
 * here, then each as it comes in, checked and stored. 1 = ${ret}; 0 = none
 * within ${wait_ms}; 2 = the end, all that the archive lists was given; -1 =
 * it ended otherwise, ${e} says why (what was given stays good).
 * prefetch_follow fails at once when the study is held, no archive is up, or
 * there is no room that no case needs. prefetch_follow_listed: the instances
 * that the archive lists, 0 while it is not known. Nobody following any
 * more does not end the retrieval. */
struct follow;
struct follow *prefetch_follow(struct prefetch *p, const char *study_uid,
    struct err *e);
int prefetch_follow_next(struct follow *f, int64_t wait_ms,
    struct store_item *ret, struct err *e);
unsigned prefetch_follow_listed(struct follow *f);
void prefetch_follow_end(struct follow **pp);

/* Objects that an archive sends to the node on our C-MOVE: whether one
 * of ${ae_title} is open [loop]; take one [worker], see node_ports.take. */
bool prefetch_expects(const struct prefetch *p, const char *ae_title);
int prefetch_take(struct prefetch *p, struct assoc *a, const char *calling,
    const char *class_uid, const char *instance_uid, const char *syntax,
    uint16_t *ret_status, struct err *e);

#endif
