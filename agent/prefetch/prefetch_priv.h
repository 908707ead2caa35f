/* SPDX-License-Identifier: MIT */
/* What the prefetch's files share. */
#ifndef PREFETCH_PREFETCH_PRIV_H
#define PREFETCH_PREFETCH_PRIV_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "dicom/metadata.h"
#include "model/breaker.h"
#include "prefetch/flow.h"
#include "prefetch/overview.h"
#include "prefetch/prefetch.h"
#include "prefetch/question.h"
#include "prefetch/ticket.h"
#include "run/bucket.h"
#include "run/pool.h"
#include "wire/attrs.h"
#include "wire/dimse.h"

/* silence between two messages of an archive */
#define ARCHIVE_ANSWER_MS (1000 * limits()->archive_time)
#define ARCHIVE_STUDIES_MAX 2000 /* answers to one patient's question */
#define ARCHIVE_SERIES_MAX 2000 /* of one study */
#define ARCHIVE_INSTANCES_MAX (limits()->objects) /* of one study */
#define ARCHIVE_UIDS_MAX 500 /* of one C-GET: 3,000 failed (dcmtk.md 3) */

/* archive.c [worker]: a link to an archive, for questions (by C-FIND or, see
 * rest.h, QIDO-RS) and C-MOVE. */
enum archive_service { ARCHIVE_FIND, ARCHIVE_MOVE };
struct archive_link;
/* Associate for queries and, with ARCHIVE_MOVE, C-MOVE. Close it either way;
 * NULL is fine. */
int archive_open(struct archive_link **ret, const struct prefetch_archive *ar,
    const char *ae_title, enum archive_service what, struct assoc_stop *stop,
    struct err *e);
/* ${well}: nothing is under way on it, it may be kept or released. */
void archive_close(struct archive_link **pp, bool well);
/* Whether the archive has answered: by DICOMweb nothing is sent before the
 * first question. */
bool archive_reached(const struct archive_link *l);
/* The association of a link that was opened with ARCHIVE_MOVE. */
struct assoc *archive_assoc(struct archive_link *l);
/* One question in the study root (C-FIND): ${fn} gets each answer; more than
 * ${max} answers are cancelled and are an error, since the rest would be
 * missing. ${fn} returns -1 (with ${e}) to give up. ERR_PEER with sys E2BIG:
 * it says that there are more answers than it gives. */
typedef int archive_answer_fn(void *ctx, const struct attrs *answer,
    struct err *e);
int archive_find(struct archive_link *l, const struct attrs *keys,
    unsigned max, archive_answer_fn *fn, void *ctx, struct err *e);

/* entry.c [worker]: what the index keeps of an object. */
struct intake_object;
struct entry {
	struct attrs as;
	struct metadata meta; /* part.p NULL when it could not be made */
	/* what was written, up to the pixel data: the writer's */
	const uint8_t *p;
	size_t n;
};
/* Read the header from what was written so far (also after a failure
 * entry_done it). */
int entry_read(struct entry *ret, struct store_writer *w, const char *syntax,
    struct err *e);
/* Make what WADO-RS tells of it, before anything else is done with the writer
 * that it was read from; when that fails it is made later. */
void entry_describe(struct entry *en, const char *syntax);
/* Put it into the index. */
void entry_put(const struct entry *en, struct index *ix,
    const struct intake_object *o, const struct store_object *so);
void entry_done(struct entry *en);

/* intake.c [worker]: one object that arrives.
 *
 * DESIGN  Whatever way it comes, it goes through intake_begin, intake_write
 * for each piece, and intake_end: or, for who answers the peer in between,
 * intake_check, the answer, intake_keep: the peer sends the next one while
 * this one is put in its place. The ceilings hold in intake_write: it waits,
 * unless the ticket is urgent. */
struct intake {
	struct tickets tickets;
	struct flows flows; /* where what is kept goes on to followers */
	struct index *ix;
	struct store *st;
	void (*learn)(void *ctx, const char *class_uid, const char *syntax);
	void *ctx;
	/* bytes/s: of all archives together, and of each; NULL: no limit */
	struct bucket *all, *each[PREFETCH_ARCHIVES_MAX]; /* owned */
};
/* Set the ceilings that ${c} has; take them away. */
void intake_limit(struct intake *in, const struct prefetch_config *c);
void intake_unlimit(struct intake *in);

struct intake_object {
	const char *ae_title; /* who sends it to the node */
	struct ticket *own; /* or whose C-GET it comes on; then no title */
	const char *class_uid, *instance_uid, *syntax;
};
/* An object on its way in, piece by piece. */
struct arrival {
	struct intake *in;
	struct intake_object o; /* its strings are the caller's, to the end */
	struct ticket *k; /* in use; NULL: nobody asked for it */
	struct store_writer *w; /* NULL: what comes is dropped */
	struct entry en; /* once checked */
	uint16_t status; /* to answer, when it is dropped */
	struct err why;
};
/* False: it will be dropped, intake_end tells why. Either way end or drop
 * it. */
bool intake_begin(struct arrival *a, struct intake *in,
    const struct intake_object *o);
/* The next bytes of the data set; -1: no room for them, or too many, and what
 * follows is dropped. Waits for the ceilings. */
int intake_write(struct arrival *a, const void *p, size_t n, struct err *e);
/* It is whole: check it; the status to answer. Unless that is success it was
 * told as refused, and nothing stays. */
uint16_t intake_check(struct arrival *a);
/* Keep what was checked, and end; also after another status. What it came to:
 * the disk may be full only now. */
uint16_t intake_keep(struct arrival *a);
/* Both. */
uint16_t intake_end(struct arrival *a);
/* It will not be whole: nothing stays. */
void intake_drop(struct arrival *a);
/* Receive the data set on ${as} up to its end. 0: intake_check is next; -1:
 * the association is over, it was dropped. */
int intake_receive(struct arrival *a, struct assoc *as, struct err *e);
/* All of it, for who answers with what it came to: 0 with the status, -1 when
 * the association is over. */
int intake_take(struct intake *in, struct assoc *a,
    const struct intake_object *o, uint16_t *ret_status, struct err *e);

/* conflict.c: an object came with other bytes than are here under its UIDs
 * [worker]: both are withdrawn, ${k} misses it. */
void conflict_met(struct intake *in, struct ticket *k, const char *series_uid,
    const char *instance_uid);
/* Put it into ${reason} if it happened. */
void conflict_say(const struct ticket *k, char *reason, size_t size);
/* [loop] Count it on ${s}; true when it is held for that now. */
bool conflict_holds(struct board_study *s, const struct ticket *k, bool ready);

/* classes.c: which classes and syntaxes to propose for a C-GET, in rounds
 * until nothing is missing. */
#define CLASSES_ROUNDS_MAX 24
/* Fill ${ret} (PDU_CONTEXTS_MAX - 1) with the proposals of ${round} (from 0)
 * for the ${n} classes known (may be 0) and a modality list; 0 when there
 * are no more rounds. */
unsigned classes_round(const char *const *known, unsigned n,
    const char *modalities, unsigned round, struct assoc_proposal *ret);

/* transfer.c [worker]: ask the archive whose turn it is to send what of the
 * ticket it lists and is not here. 0 = it says it is through (whatever came),
 * -1 = error that ends this try. */
enum transfer_grain { /* the coarsest that is asked for */
	GRAIN_STUDY,
	GRAIN_SERIES, /* by WADO-RS alone: a C-GET lists instances */
	GRAIN_INSTANCE
};
struct transfer {
	const struct prefetch_archive *ar;
	const char *ae_title; /* ours */
	const char *modalities;
	struct intake *in;
	struct ticket *ticket;
	struct assoc_stop *stop;
	const atomic_bool *cancelled; /* or told to make place */
	unsigned lane; /* 0 = the fetch's own; others are told by lane.c */
	unsigned lanes; /* that may share the turn, itself included: with one,
	                 * the whole study is asked for at once */
	enum transfer_grain grain;
	struct fetch *f; /* who may open them; NULL: nobody */
	/* how long it waits for the archive, see lane_judge */
	int64_t waited_ns;
	unsigned n_came; /* objects, or by WADO-RS answers: what it waits for */
	bool any_class; /* what was guessed of their classes was wrong */
	uint16_t status; /* its last final one */
	char said[120]; /* its last word, when that was not success */
};
int transfer_get(struct transfer *t, struct err *e);
int transfer_move(struct transfer *t, struct err *e);
int transfer_rest(struct transfer *t, struct err *e);
/* One connection's GETs (rest_get.c). */
int transfer_rest_once(struct transfer *t, struct err *e);
/* -1 when there is no sense in going on: it was told to stop, the archive
 * sends what is another patient's or what nobody asked for, there is no room,
 * or nothing comes. */
int transfer_may_go_on(struct transfer *t, struct err *e);
/* One association's share of the same, until nothing is left to take. */
int transfer_share(struct transfer *t, struct err *e);
/* A lane ends after its chunk when others wait for its place. */
bool transfer_makes_place(const struct transfer *t);
/* The next request for what is missing: the whole study when nothing is
 * here yet and nobody shares it; by WADO-RS a series of which nothing is; else
 * instances of one series, a chunk. They are taken. 1 = ${keys} filled, 0 =
 * nothing is left to take. */
int transfer_next(struct transfer *t, struct attrs *keys);

/* ask.c: a case's question. */
struct found {
	char uid[UID_SIZE];
	unsigned archive; /* position in the configuration */
	uint32_t archives; /* all that list it, a bit each */
	char description[CASE_TEXT_SIZE];
	char date[9], modalities[65];
	char patient_id[65], issuer[65];
	unsigned listed; /* instances, as it says itself; 0 = it does not */
	bool undecided; /* its series could not be asked for: an earlier
	                 * answer holds, or it is wanted to be safe */
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

/* lane.c: more associations for one retrieval.
 *
 * DESIGN  An association to an archive has a place (p->busy), which only the
 * loop gives. A worker that wants more writes so in its fetch and rings; the
 * loop begins a job a lane, or grants a place at another archive that lists
 * the study. A lane that comes when its turn is over finds nothing to join.
 * Lanes pay where each object waits for the network, not where it is fast:
 * see lane_judge. They leave a place to viewers, and make place after their
 * chunk when other studies wait. */
#define LANES_MAX 8 /* associations for one study, the fetch's own included */
#define LANE_CHUNK_MIN 16 /* objects of one request, while lanes share */
#define LANE_WORTH 64 /* objects to come, or one association will do */
#define LANE_WAIT_NS (2 * CLOCK_MS) /* for an object: else no lane helps */
struct lane {
	struct job job; /* first */
	struct fetch *f;
	struct assoc_stop stop; /* while it is out */
	unsigned number; /* from 1 */
	unsigned archive; /* whose place it has */
	bool out; /* the loop's: begun, and not come home */
};

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
	unsigned archive; /* that it begins with, and has a place at */
	uint32_t archives; /* that list the study, a bit each; 0 = not known */
	bool check; /* the study is ready: has the archive's list changed? */
	char study_uid[UID_SIZE];
	char modalities[65]; /* as the archive told; when ready, as held */
	unsigned lost; /* index_lost when it began */
	unsigned unsynced; /* store_syncs_failed then */
	struct flow *flow; /* used until its end */
	struct ticket ticket; /* its counters are read by the loop */
	unsigned doubted; /* what an earlier look did not believe */
	unsigned doubtful; /* what this one does not, see inventory_is_same */
	unsigned known; /* instances that were listed or counted before */
	unsigned n_bad; /* listed without a valid UID: they never come */
	unsigned n_counted; /* by the archive itself; 0 = not told */
	unsigned n_hidden; /* of those, not listed: its list was cut */
	int64_t answer_ns[PREFETCH_ARCHIVES_MAX]; /* that it takes at least */
	atomic_uint expected;
	atomic_bool differs; /* of a check: the list is another than what is
	                      * here, and the difference is being fetched */
	/* outlook.c, owned by the loop: bytes that count no more, and since
	 * when others do */
	uint64_t had_bytes;
	int64_t counted_ns;
	/* lane.c, any thread */
	atomic_bool wants_lanes; /* of the archive whose turn it is */
	atomic_bool makes_place; /* lanes end after their chunk */
	atomic_uint turn; /* archive */
	atomic_uint sharing; /* associations that may share it at most */
	atomic_uint wants_places; /* at archives, a bit each */
	atomic_uint has_places; /* granted, without that of the first */
	atomic_uint left_places; /* of those, not needed any more */
	/* lane.c, owned by the loop */
	struct lane lanes[LANES_MAX - 1];
	unsigned n_lanes; /* out */
	bool over; /* the fetch is, a lane is still out */
	/* results */
	enum fetch_end end;
	bool reached; /* the archive, for its list */
	bool busy; /* it said that it has no resources, not that it cannot */
	uint32_t answered; /* archives that told their list, a bit each */
	uint32_t silent; /* that could not be asked: look again later */
	struct err first_e; /* why the first of them, if it is silent */
	unsigned instances;
	uint64_t bytes;
	struct told told; /* of the objects, when ready */
	struct err e;
	char reason[BOARD_REASON_SIZE];
	struct fetch *next; /* of the running ones, owned by the loop */
};
void fetch_work(struct job *j); /* job_fn, worker */

/* inventory.c [worker]: what the archives list, and what of it is here. */
/* Ask those that list the study, by rank, and make the ticket's lines. 0 when
 * one of them lists an instance; f->answered and f->silent tell which. */
int inventory_list(struct fetch *f, struct err *e);
/* Whether what is here is what is listed: 1, 0, -1. No digest is made; what
 * is here is counted in the ticket. */
int inventory_is_same(struct fetch *f, struct err *e);
/* Count in the ticket what is here and whole; withdraw what is listed no
 * more, if all were asked who may list it. */
int inventory_count(struct fetch *f, struct err *e);
/* Drop the rows of these objects, for good, then remove their files. */
int inventory_withdraw(struct prefetch *p, uint8_t (*names)[STORE_NAME_BYTES],
    unsigned n, struct err *e);

/* lane.c */
/* [worker] ${t} has waited for some objects: open lanes, if that helps. */
void lane_judge(struct transfer *t);
/* [any] How many associations may share the turn of ${archive}: 1 unless each
 * object may wait for it, and what is missing is worth it. */
unsigned lane_most(const struct fetch *f, unsigned archive);
/* [worker] A place at ${archive}, soon: false when there is none, or told to
 * stop. The first archive's is there. And give it back. */
bool lane_get_place(struct fetch *f, unsigned archive);
void lane_leave_place(struct fetch *f, unsigned archive);
/* [loop] Urgent once its case is, or a viewer follows; then it stays so. */
void lane_hurry(struct fetch *f);
/* [loop] Give what workers wait for. */
void lane_look(struct prefetch *p);
/* [loop] Another study waits for a place at ${archive}. */
void lane_make_place(struct prefetch *p, unsigned archive);
/* [loop] End what lanes of ${f} wait for, they are told to stop. */
void lane_stop(struct fetch *f);
/* [loop] The fetch has ended and is freed, now or when its lanes are home. */
void lane_over(struct fetch *f);

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
/* [worker] follow_look, elsewhere_look and lane_look are called on the loop,
 * soon. */
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

/* what an archive sends, see outlook.c */
struct pace { /* of one retrieval; the past weighs less and less */
	double bytes, ns;
};

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
	unsigned n_queued;
	unsigned busy[PREFETCH_ARCHIVES_MAX]; /* associations in use */
	struct breaker breakers[PREFETCH_ARCHIVES_MAX];
	struct archive_health health[PREFETCH_ARCHIVES_MAX]; /* as told */
	int64_t heard_ns[PREFETCH_ARCHIVES_MAX]; /* it last told, or failed */
	struct pace pace[PREFETCH_ARCHIVES_MAX];
	int64_t bulk_from_ns; /* uptime; no bulk work before */
	uint8_t key[16]; /* of the names of cases in the log */
	bool has_key;
	bool stopping;
};

/* outcome.c, on the loop: what a question or a transfer came to. */
void outcome_ask(struct job *j); /* job_fn */
void outcome_fetch(struct job *j); /* job_fn */
void outcome_progress(struct prefetch *p);
/* What the board does not know of the study yet, from ${t}. */
void outcome_fill(struct board_study *s, const struct told *t);

/* health.c, on the loop: whether archive ${i} may be asked, see breaker.h. */
void health_init(struct prefetch *p);
/* It answered a question; only a probe; or failed. */
void health_answered(struct prefetch *p, unsigned i);
void health_echoed(struct prefetch *p, unsigned i);
void health_failed(struct prefetch *p, unsigned i, const struct err *e);
/* It has no resources just now; a study came from it. */
void health_busy(struct prefetch *p, unsigned i);
void health_served(struct prefetch *p, unsigned i);
/* Nothing may be sent to it. */
bool health_is_down(const struct prefetch *p, unsigned i);
bool health_may_bulk(const struct prefetch *p, unsigned i);
bool health_may_probe(const struct prefetch *p, unsigned i);
/* A probe goes out; it was cut. */
void health_probe(struct prefetch *p, unsigned i);
void health_unprobe(struct prefetch *p, unsigned i);
/* A person asks: all that are down are probed now. */
void health_hurry(struct prefetch *p);
/* Seconds until one of them is to be looked at again. */
int64_t health_next_s(const struct prefetch *p);

/* outlook.c, on the loop: what the archives were measured to send, and what
 * will be late at that. */
void outlook_begin(struct fetch *f, const struct board_study *s);
/* Count what came on ${f} since it was last counted. */
void outlook_count(struct prefetch *p, struct fetch *f);
/* Bytes/s of one retrieval from ${archive}; 0 = not known yet. */
uint64_t outlook_rate(const struct prefetch *p, unsigned archive);
/* Write the forecast on the board, and log a case that turns late. */
void outlook_look(struct prefetch *p, const struct plan_step *steps,
    unsigned n, int64_t now_utc, int minute_of_day);

/* gap.c, on the loop: bulk work begins at a random moment from now on. */
void gap_spread(struct prefetch *p);
/* When it may, for plan_rules; 0 = now. */
int64_t gap_bulk_from_utc(const struct prefetch *p, int64_t now_utc);
/* Archive ${i} is back: what waits out a back-off for it is due now, so that
 * the plan's order decides, not the dice of each. */
void gap_over(struct prefetch *p, unsigned i);

/* probe.c, on the loop: C-ECHO to archives not heard of for a while, and to
 * those that are down. */
#define PROBE_EVERY_NS (60 * CLOCK_S)
void probe_quiet_archives(struct prefetch *p);

#endif
