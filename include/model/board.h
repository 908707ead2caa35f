/* SPDX-License-Identifier: MIT
 *
 * board: what the agent knows now: cases, the studies they want, and how far
 * each study is. The rooms of the loop write here and read what others wrote;
 * nothing is told from room to room by other ways. A heading names who writes
 * most; but for `state`, which prefetch leads from QUEUED to READY and cache
 * back when an object or all of it goes, with `reason` and `next_try_utc`
 * (also of what has no room, and of what the plan cannot begin).
 * Owned by the loop; pure (time is an argument). A case is borrowed until the
 * next board_set_cases; a study until it is dropped, which board_settle and
 * board_drop_study do.
 */
#ifndef MODEL_BOARD_H
#define MODEL_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/uid.h"
#include "model/casefile.h"

#define BOARD_REASON_SIZE 400

enum study_state { /* DESIGN 3.5 */
	STUDY_QUEUED, /* wanted, not begun */
	STUDY_FETCHING,
	STUDY_READY, /* every instance the archive lists is here, verified */
	STUDY_INCOMPLETE, /* some are here; a next try is planned */
	STUDY_HELD, /* identity differs: never fetched */
	STUDY_FAILED, /* the last try failed, reason says why */
};

enum push_state { /* of a study, to the viewer that wants it */
	PUSH_NONE, /* nobody wants it, or not begun */
	PUSH_NOW, /* being sent, or the viewer being asked */
	PUSH_DONE, /* the viewer has all of it, by its own answer; by its
	            * C-STORE answers where it answers no queries, which
	            * push_reason says */
	PUSH_FAILED, /* a next try is planned */
};

struct board_study {
	char uid[UID_SIZE];
	/* as the archive tells; written by prefetch, at start by the index */
	char patient_id[65], issuer[65];
	char description[CASE_TEXT_SIZE];
	char date[9], modalities[65];
	/* as the objects that are here say; "" = not known */
	char name[CASE_TEXT_SIZE], birth_date[9];
	char archive[33]; /* where it was found, or its retrieval began */
	/* written by prefetch */
	enum study_state state;
	char reason[BOARD_REASON_SIZE];
	unsigned expected; /* instances the archive lists, 0 = not asked */
	int64_t next_try_utc; /* 0 = at once */
	unsigned tries; /* failures in a row */
	int64_t checked_utc; /* its list was last compared with the archive's;
	                      * 0 = not since the start */
	unsigned doubtful; /* instances of a list that had shrunk so much that
	                    * it is believed at the second look only */
	bool checking; /* ready, and being compared again just now */
	unsigned conflicts; /* retrievals in a row that met two versions of
	                     * one object; prefetch counts */
	uint64_t archives; /* that list it, a bit for each position in the
	                    * configuration; 0 = not known */
	unsigned listed; /* instances, as the archive's answer for the study
	                  * says (NumberOfStudyRelatedInstances); a guess for
	                  * the forecast until `expected` is known */
	/* written by the forecast */
	uint64_t to_go; /* bytes still to come, as far as can be told */
	int64_t done_utc; /* when it will be ready, 0 = cannot be told */
	/* written as objects arrive or go */
	unsigned instances; /* here and verified */
	uint64_t bytes;
	/* written by cache */
	bool kept; /* pinned by a person */
	int64_t last_used_utc;
	uint64_t used; /* rises with each use; the order of LRU */
	bool no_room; /* it does not fit beside the studies of sooner cases:
	               * not fetched, and the first of the pinned to go */
	uint64_t room_said; /* what its reason was made of, while no_room */
	uint64_t object_bytes; /* the mean, once a good part of it was here;
	                        * outlives an eviction; 0 = not known */
	/* written by node */
	enum push_state push;
	unsigned in_viewer; /* instances that the viewer's listener says it
	                     * has, as it last answered */
	char push_reason[BOARD_REASON_SIZE]; /* why not all of them */
	/* derived by board_settle */
	unsigned n_cases; /* current cases that want it: pinned when > 0 */
	int64_t deadline_utc; /* earliest start of those, 0 = none */
	unsigned slot; /* the board's own: a number of its, for its life */
};

enum want_kind {
	WANT_NO, /* not relevant: listed for why only */
	WANT_YES,
	WANT_HELD, /* relevant or not, the patient differs */
};

struct board_want {
	char study_uid[UID_SIZE];
	/* what the archive calls it; the board has no study of what was left */
	char date[9], modalities[65], description[CASE_TEXT_SIZE];
	char archive[33]; /* that has it */
	enum want_kind kind;
	bool id_only; /* nothing but the identifier could be compared */
	char reason[BOARD_REASON_SIZE]; /* clauses joined by "; " */
};

enum asked {
	ASKED_NEVER,
	ASKED_NOW, /* a question to the archive is under way */
	ASKED_ANSWERED,
	ASKED_FAILED, /* next_try_utc says when again */
};

enum readiness { /* of a case, DESIGN 3.3 */
	READINESS_NONE, /* the archive answered, nothing is wanted */
	READINESS_READY,
	READINESS_FETCHING,
	READINESS_QUEUED,
	READINESS_FAILED,
};

struct board_case {
	struct casefile file;
	char feed[33];
	bool gone; /* its feed lists it no more: treated as cancelled */
	unsigned epoch; /* rises when what a question depends on changes: an
	                 * answer to an older question is thrown away */
	/* written by prefetch */
	bool ours; /* its room is this theatre */
	enum asked asked;
	int64_t answered_utc; /* 0 = never */
	int64_t next_try_utc;
	unsigned tries;
	char ask_reason[BOARD_REASON_SIZE]; /* why asking failed */
	/* written by the forecast, of all that it wants */
	uint64_t to_go;
	int64_t done_utc; /* 0 = nothing to come, or cannot be told */
	bool late; /* done_utc is after its start */
	/* written by cache */
	char room_reason[BOARD_REASON_SIZE]; /* why what it wants does not
	                                      * fit; "" = it fits */
	struct board_want *wants; /* owned */
	unsigned n_wants;
	/* derived by board_settle */
	enum readiness readiness;
	char reason[BOARD_REASON_SIZE]; /* in words, for people */
};

struct board;

struct board *board_new(void);
void board_free(struct board **pp);
/* Rises with every change that a person could see; board_changed raises it
 * after a direct write to a case or study. */
uint64_t board_version(const struct board *b);
void board_changed(struct board *b);

/* Replace what ${feed} lists by ${n} cases (copied; of two with one id the
 * last counts). A case that stays keeps its wants; one whose patient changed
 * in any field loses them and is ASKED_NEVER again; one whose procedure
 * changed is asked again and keeps them meanwhile; one that vanished is
 * `gone` until its day (UTC) has ended, then dropped. An id that another feed
 * uses already becomes "id (feed)": ids on the board are unique. */
void board_set_cases(struct board *b, const char *feed,
    const struct casefile *cases, unsigned n, int64_t now_utc);
unsigned board_n_cases(const struct board *b);
/* By position (by start, then id) and by id (NULL when unknown). */
struct board_case *board_case_at(const struct board *b, unsigned i);
struct board_case *board_case(const struct board *b, const char *id);
/* Give ${c} its wants: takes ${take} (an array from mem_new_n). */
void board_set_wants(struct board *b, struct board_case *c,
    struct board_want *take, unsigned n);

unsigned board_n_studies(const struct board *b);
struct board_study *board_study_at(const struct board *b, unsigned i);
/* Find (NULL when unknown); find or add, as STUDY_QUEUED. */
struct board_study *board_study(const struct board *b, const char *uid);
struct board_study *board_add_study(struct board *b, const char *uid);
void board_drop_study(struct board *b, const char *uid);
/* ${n} instances of it are here no more, and as many bytes on average. */
void board_study_lose(struct board_study *s, unsigned n);

/* Whether ${c} may still need images at ${now}: ours, on, not gone, not over
 * (end + 6 h), start within ${horizon_s}. */
bool board_case_is_current(const struct board_case *c, int64_t now_utc,
    int64_t horizon_s);

/* Derive readiness, reasons, pins and deadlines. DESIGN 3.5: ready when every
 * wanted study is; none when answered and nothing wanted; else the worst of
 * failed > queued > fetching decides; held counts as failed, incomplete as
 * queued; a case never answered is queued, or failed with its ask_reason.
 * What needs nothing (not ours, cancelled, gone, over) is none, and says so.
 * Pins hold for every current case of ours, and until end + 12 h, also when
 * it was completed. Drops studies that no case names, nobody keeps and
 * nothing is here of. */
void board_settle(struct board *b, int64_t now_utc, int64_t horizon_s);

/* Whether a viewer wants the studies of ready cases: else the push columns
 * mean nothing. */
void board_set_pushed(struct board *b, bool pushed);
bool board_is_pushed(const struct board *b);

const char *study_state_name(enum study_state s); /* "ready" */
const char *push_state_name(enum push_state s); /* "none" "sending" .. */
const char *readiness_name(enum readiness r);
const char *want_kind_name(enum want_kind k); /* "no" "wanted" "held" */

/* A case's wants as a blob, so that a restart with a dead archive still
 * knows them; parsing damaged bytes is ERR_CORRUPT and changes nothing. They
 * are taken over, with answered_utc, only when the patient is that of ${c} in
 * every field (else 0 is returned and nothing changed); `asked` stays. */
void board_format_wants(struct buf *b, const struct board_case *c);
int board_parse_wants(struct board *b, struct board_case *c, const void *p,
    size_t n, struct err *e);

#endif
