/* SPDX-License-Identifier: MIT */
/* What the prefetch's files share. */
#ifndef PREFETCH_PREFETCH_PRIV_H
#define PREFETCH_PREFETCH_PRIV_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "dicom/metadata.h"
#include "prefetch/flow.h"
#include "prefetch/overview.h"
#include "prefetch/prefetch.h"
#include "prefetch/question.h"
#include "prefetch/ticket.h"
#include "run/pool.h"
#include "wire/attrs.h"
#include "wire/dimse.h"

/* silence between two messages of an archive */
#define ARCHIVE_ANSWER_MS (1000 * limits()->archive_time)
#define ARCHIVE_STUDIES_MAX 2000 /* answers to one patient's question */
#define ARCHIVE_SERIES_MAX 2000 /* of one study */
#define ARCHIVE_INSTANCES_MAX (limits()->objects) /* of one study */
#define ARCHIVE_UIDS_MAX 500 /* of one C-GET: 3,000 failed (dcmtk.md 3) */

/* archive.c [worker]: a link to an archive, for questions and C-MOVE. */
enum archive_service { ARCHIVE_FIND, ARCHIVE_MOVE };
struct archive_link;
/* Associate for queries and, with ARCHIVE_MOVE, C-MOVE. Close it either way;
 * NULL is fine. */
int archive_open(struct archive_link **ret, const struct prefetch_archive *ar,
    const char *ae_title, enum archive_service what, struct assoc_stop *stop,
    struct err *e);
/* ${well}: nothing is under way on it, it may be kept or released. */
void archive_close(struct archive_link **pp, bool well);
/* The association of a link that was opened with ARCHIVE_MOVE. */
struct assoc *archive_assoc(struct archive_link *l);
/* One question in the study root (C-FIND): ${fn} gets each answer; more than
 * ${max} answers are cancelled and are an error, since the rest would be
 * missing. ${fn} returns -1 (with ${e}) to give up. */
typedef int archive_answer_fn(void *ctx, const struct attrs *answer,
    struct err *e);
int archive_find(struct archive_link *l, const struct attrs *keys,
    unsigned max, archive_answer_fn *fn, void *ctx, struct err *e);

/* intake.c [worker]: one object that arrives on ${a}. */
struct intake {
	struct tickets tickets;
	struct flows flows; /* where what is kept goes on to followers */
	struct index *ix;
	struct store *st;
	void (*learn)(void *ctx, const char *class_uid, const char *syntax);
	void *ctx;
};
struct intake_object {
	const char *ae_title; /* who sends it to the node */
	struct ticket *own; /* or whose C-GET it comes on; then no title */
	const char *class_uid, *instance_uid, *syntax;
};
/* Receive the data set, check it, keep it. 0 with the status to answer;
 * -1 when the association is over. */
int intake_take(struct intake *in, struct assoc *a,
    const struct intake_object *o, uint16_t *ret_status, struct err *e);

/* entry.c [worker]: what the index keeps of an object. Read it from what was
 * written so far (also after a failure entry_done it), then put it. */
struct entry {
	struct attrs as;
	struct metadata meta; /* part.p NULL when it could not be made */
};
int entry_read(struct entry *ret, struct store_writer *w, const char *syntax,
    struct err *e);
void entry_put(const struct entry *en, struct index *ix,
    const struct intake_object *o, const struct store_object *so);
void entry_done(struct entry *en);

/* classes.c: which classes and syntaxes to propose for a C-GET, in rounds
 * until nothing is missing. */
#define CLASSES_ROUNDS_MAX 24
/* Fill ${ret} (PDU_CONTEXTS_MAX - 1) with the proposals of ${round} (from 0)
 * for the ${n} classes known (may be 0) and a modality list; 0 when there
 * are no more rounds. */
unsigned classes_round(const char *const *known, unsigned n,
    const char *modalities, unsigned round, struct assoc_proposal *ret);

/* transfer.c [worker]: ask the archive to send what of the
 * ticket is not here. 0 = it says it is through (whatever came), -1 = error
 * that ends this try. */
struct transfer {
	const struct prefetch_archive *ar;
	const char *ae_title; /* ours */
	const char *modalities;
	struct intake *in;
	struct ticket *ticket;
	struct assoc_stop *stop;
	atomic_bool *cancelled;
	char said[120]; /* its last word, when that was not success */
};
int transfer_get(struct transfer *t, struct err *e);
int transfer_move(struct transfer *t, struct err *e);
/* The next request for what is missing: the whole study when nothing is
 * here yet, else up to ARCHIVE_UIDS_MAX instances of one series from
 * ${*from} on, which moves. 1 = ${keys} filled, 0 = nothing is missing. */
int transfer_next(struct transfer *t, unsigned *from, struct attrs *keys);

/* ask.c: a case's question. */
struct found {
	char uid[UID_SIZE];
	unsigned archive; /* position in the configuration */
	char description[CASE_TEXT_SIZE];
	char date[9], modalities[65];
	char patient_id[65], issuer[65];
	enum want_kind kind;
	bool id_only;
	char reason[BOARD_REASON_SIZE];
};
struct ask {
	struct job job; /* first */
	struct prefetch *p;
	struct assoc_stop stop;
	struct casefile file; /* a copy */
	unsigned epoch; /* of the case when it was asked for */
	bool skip[PREFETCH_ARCHIVES_MAX]; /* down, while others are not */
	/* results, owned by the worker until done */
	bool ran;
	struct found *found; /* owned */
	unsigned n_found;
	bool answered[PREFETCH_ARCHIVES_MAX];
	struct err failed[PREFETCH_ARCHIVES_MAX];
};
void ask_work(struct job *j); /* job_fn, worker */

/* fetch.c: a study's retrieval; a zeroed result is a try that never ran */
enum fetch_end {
	FETCH_NOT_RUN,
	FETCH_READY,
	FETCH_INCOMPLETE,
	FETCH_FULL,
	FETCH_HELD, /* an object was of another patient */
	FETCH_FAILED
};
struct fetch {
	struct job job; /* first */
	struct prefetch *p;
	struct assoc_stop stop;
	unsigned archive;
	bool check; /* the study is ready: has the archive's list changed? */
	char study_uid[UID_SIZE];
	char modalities[65]; /* as the archive told; when ready, as held */
	unsigned lost; /* index_lost when it began */
	struct flow *flow; /* used until its end */
	struct ticket ticket; /* its counters are read by the loop */
	atomic_uint expected;
	/* results */
	enum fetch_end end;
	bool reached; /* the archive, for its list */
	unsigned instances;
	uint64_t bytes;
	struct told told; /* of the objects, when ready */
	struct err e;
	char reason[BOARD_REASON_SIZE];
	struct fetch *next; /* of the running ones, owned by the loop */
};
void fetch_work(struct job *j); /* job_fn, worker */

/* prefetch.c, on the loop: begin a retrieval of ${s}, which has none. */
void prefetch_begin(struct prefetch *p, struct board_study *s,
    unsigned archive);
/* The one of a study that is under way, or NULL. */
struct fetch *prefetch_running(const struct prefetch *p,
    const char *study_uid);
/* Whether archive ${i} has a place for another association: bulk work leaves
 * one of two or more to viewers. */
bool prefetch_has_place(const struct prefetch *p, unsigned i, bool bulk);
/* The bytes that a study still needs. */
uint64_t prefetch_room_for(const struct board_study *s);
/* The position of its archive, n_archives when none is named so. */
unsigned prefetch_archive_of(const struct prefetch *p,
    const struct board_study *s);

/* follow.c, on the loop: what viewers wait for. */
#define FOLLOW_WAITING_MAX 16 /* studies that wait for a place */
/* Begin what viewers asked for and what may begin now. */
void follow_look(struct prefetch *p);
/* ${f} has ended as the board's ${s} says: its followers are told, unless
 * another try follows at once. */
void follow_over(struct prefetch *p, struct fetch *f,
    const struct board_study *s);
/* Make room ahead of a retrieval that is followed. */
void follow_make_room(struct prefetch *p, const struct fetch *f,
    struct board_study *s);

/* bell.c: a worker has something for the loop. */
struct bell;
struct bell *bell_new(struct prefetch *p);
/* [worker] follow_look and elsewhere_look are called on the loop, soon. */
void bell_ring(struct bell *b);
/* [loop] No more; what was rung comes to nothing. */
void bell_stop(struct bell **pp);

/* elsewhere.c [loop]: put the questions that wait to the archives. */
void elsewhere_look(struct prefetch *p);

/* inquire.c: one archive's part of a question. */
struct inquiry {
	struct job job; /* first */
	struct prefetch *p;
	struct question *q; /* used until the work has ended */
	struct question *held; /* the same, until it comes home */
	struct assoc_stop *stop; /* in it */
	unsigned archive;
	/* results */
	bool ran, reached; /* an association was made */
	struct err e;
};
void inquire_work(struct job *j); /* job_fn, worker */

struct prefetch {
	/* set at birth, then constant */
	struct loop *loop;
	struct prefetch_config c;
	struct prefetch_ports ports;
	struct board *board;
	struct index *ix;
	struct store *st;
	struct intake intake;
	struct overview overview; /* what workers may know of the board */
	struct questions questions; /* of viewers */
	/* owned by the loop */
	struct bell *bell;
	struct pool *pool; /* NULL once halted */
	struct pool *asking; /* for viewers' questions; NULL once halted */
	struct loop_timer *timer; /* the next look */
	struct loop_timer *progress; /* counters to the board */
	struct loop_timer *waiting_timer;
	struct fetch *running;
	struct flow *waiting[FOLLOW_WAITING_MAX]; /* used; first come first */
	unsigned n_waiting;
	unsigned n_asks, n_queued;
	unsigned busy[PREFETCH_ARCHIVES_MAX]; /* associations in use */
	struct archive_health health[PREFETCH_ARCHIVES_MAX];
	int64_t heard_ns[PREFETCH_ARCHIVES_MAX]; /* it last told, or failed */
	bool stopping;
};

/* outcome.c, on the loop: what a question or a transfer came to. */
void outcome_ask(struct job *j); /* job_fn */
void outcome_fetch(struct job *j); /* job_fn */
void outcome_progress(struct prefetch *p);
/* What the board does not know of the study yet, from ${t}. */
void outcome_fill(struct board_study *s, const struct told *t);
/* Archive ${i} answered; or did not. */
void outcome_answered(struct prefetch *p, unsigned i);
void outcome_failed(struct prefetch *p, unsigned i, const struct err *e);

/* probe.c, on the loop: C-ECHO to archives not heard of for a while. */
#define PROBE_EVERY_NS (60 * CLOCK_S)
#define PROBE_DOWN_NS (10 * CLOCK_S) /* viewers wait for it to be back */
void probe_quiet_archives(struct prefetch *p);

#endif
