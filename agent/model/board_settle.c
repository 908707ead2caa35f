/* SPDX-License-Identifier: MIT */
/* What follows from cases, wants and studies: readiness, reasons, pins. */
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/board_priv.h"

/* how a wanted study counts for its case, the better first */
enum rank { RANK_READY, RANK_FETCHING, RANK_QUEUED, RANK_FAILED, RANK_COUNT };

static const enum rank rank_of_state[] = {
    [STUDY_QUEUED] = RANK_QUEUED,
    [STUDY_FETCHING] = RANK_FETCHING,
    [STUDY_READY] = RANK_READY,
    [STUDY_INCOMPLETE] = RANK_QUEUED, /* a next try is planned */
    [STUDY_HELD] = RANK_FAILED,
    [STUDY_FAILED] = RANK_FAILED,
};

static const enum readiness readiness_of_rank[] = {
    [RANK_READY] = READINESS_READY,
    [RANK_FETCHING] = READINESS_FETCHING,
    [RANK_QUEUED] = READINESS_QUEUED,
    [RANK_FAILED] = READINESS_FAILED,
};

/* the studies a case wants, counted; the first of each rank speaks for it */
struct tally {
	unsigned n[RANK_COUNT];
	unsigned total;
	const struct board_want *first[RANK_COUNT];
	bool id_only;
};

struct verdict {
	enum readiness readiness;
	struct buf reason;
};

/* what board_settle derives for a study, by its slot */
struct pin {
	bool named; /* in the wants of any case on the board */
	unsigned n_cases;
	int64_t deadline_utc;
};

static void
count_wants(const struct board *b, const struct board_case *c,
    struct tally *t)
{
	*t = (struct tally){0};
	for (unsigned i = 0; i < c->n_wants; i++) {
		const struct board_want *w = &c->wants[i];
		if (w->kind == WANT_NO)
			continue;
		enum rank r = RANK_FAILED; /* WANT_HELD */
		if (w->kind == WANT_YES) {
			const struct board_study *s = board_study(b,
			    w->study_uid);
			r = s == NULL ? RANK_QUEUED : rank_of_state[s->state];
			if (s != NULL && s->state == STUDY_INCOMPLETE &&
			    s->tries > 0) /* the last try fell short */
				r = RANK_FAILED;
			t->id_only |= w->id_only;
		}
		if (t->n[r] == 0)
			t->first[r] = w;
		t->n[r]++;
		t->total++;
	}
}

/* "312 of 625 instances here: why", or less where less is known. */
static void
say_study(struct buf *r, const struct board *b, const struct board_want *w)
{
	if (w->kind == WANT_HELD) {
		buf_addf(r, "held: %s",
		    w->reason[0] != '\0' ? w->reason : "another patient");
		return;
	}
	const struct board_study *s = board_study(b, w->study_uid);
	if (s == NULL) {
		buf_add_str(r, "queued");
		return;
	}
	bool some = s->expected > 0 && s->state != STUDY_HELD &&
	    (s->instances > 0 || s->state == STUDY_FETCHING);
	if (some)
		buf_addf(r, "%u of %u instances here", s->instances,
		    s->expected);
	/* "queued" is implied by what a study waits for */
	bool plain = s->reason[0] == '\0' || s->state == STUDY_HELD ||
	    s->state == STUDY_FAILED;
	if (!some && plain)
		buf_add_str(r, study_state_name(s->state));
	if (s->reason[0] != '\0')
		buf_addf(r, "%s%s", some || plain ? ": " : "", s->reason);
}

/* "1 failed: why", for the studies of one rank. */
static void
say_rank(struct buf *r, const struct board *b, const struct tally *t,
    enum rank rank)
{
	static const char *const words[] = {
	    [RANK_READY] = "ready",
	    [RANK_FETCHING] = "fetching",
	    [RANK_QUEUED] = "queued",
	    [RANK_FAILED] = "failed",
	};
	struct buf one;
	buf_init(&one, 4 * BOARD_REASON_SIZE);
	say_study(&one, b, t->first[rank]);
	const char *why = buf_str(&one);
	size_t n = strlen(words[rank]);
	buf_addf(r, "; %u %s", t->n[rank], words[rank]);
	if (str_eq(why, words[rank]))
		why = "";
	else if (str_starts(why, words[rank]) && why[n] == ':')
		why += n + 2; /* "failed: why" repeats the word */
	if (why[0] != '\0')
		buf_addf(r, ": %s", why);
	buf_done(&one);
}

/* Tell how far the studies are; the worst of them decides. */
static enum readiness
say_studies(struct buf *r, const struct board *b, const struct tally *t)
{
	enum rank worst = RANK_FAILED;
	while (t->n[worst] == 0)
		worst--;
	if (worst == RANK_READY && t->total == 1) {
		buf_add_str(r, "1 study ready");
	} else if (worst == RANK_READY) {
		buf_addf(r, "%u studies ready", t->total);
	} else if (t->total == 1) {
		say_study(r, b, t->first[worst]);
	} else {
		buf_addf(r, "%u of %u studies ready", t->n[RANK_READY],
		    t->total);
		for (enum rank k = RANK_FAILED; k > RANK_READY; k--)
			if (t->n[k] > 0)
				say_rank(r, b, t, k);
	}
	if (t->id_only)
		buf_add_str(r, "; identity by identifier only");
	return readiness_of_rank[worst];
}

/* Why a case needs nothing, or NULL when it may. */
static const char *
why_idle(const struct board_case *c, int64_t now_utc)
{
	if (!c->ours)
		return "not our theatre";
	if (c->gone)
		return "no longer on the list";
	switch (c->file.status) {
	case CASE_COMPLETED:
		return "completed";
	case CASE_CANCELLED:
		return "cancelled";
	case CASE_NOSHOW:
		return "patient did not come";
	case CASE_BOOKED:
	case CASE_STARTED:
		break;
	}
	return now_utc > c->file.end_utc + CURRENT_AFTER_S ? "over" : NULL;
}

/* A question that failed stays failed while it is asked again. Studies that
 * one of several archives named are told, but cannot make the case ready. */
static void
judge_unanswered(struct verdict *v, const struct board_case *c, bool is_early,
    int64_t horizon_s)
{
	v->readiness = READINESS_QUEUED;
	if (c->asked == ASKED_FAILED ||
	    (c->asked == ASKED_NOW && c->ask_reason[0] != '\0')) {
		v->readiness = READINESS_FAILED;
		buf_add_str(&v->reason, c->ask_reason[0] != '\0' ?
		    c->ask_reason : "the archive did not answer");
	} else if (c->asked == ASKED_NOW) {
		buf_add_str(&v->reason, "asking the archive");
	} else if (is_early) {
		buf_addf(&v->reason, "waiting: starts in more than %lld h",
		    (long long)(horizon_s / 3600));
	} else {
		buf_add_str(&v->reason, "the archive is not asked yet");
	}
}

static void
judge_answered(struct verdict *v, const struct board *b,
    const struct board_case *c, const struct tally *t)
{
	if (t->total > 0)
		v->readiness = say_studies(&v->reason, b, t);
	else if (c->n_wants == 0)
		buf_add_str(&v->reason, "the archive has no study");
	else
		buf_addf(&v->reason, "nothing relevant among %u stud%s",
		    c->n_wants, c->n_wants == 1 ? "y" : "ies");
	if (c->asked == ASKED_FAILED && c->ask_reason[0] != '\0')
		buf_addf(&v->reason, "; asking again failed: %s",
		    c->ask_reason);
}

static void
judge_case(struct verdict *v, const struct board *b,
    const struct board_case *c, int64_t now_utc, int64_t horizon_s)
{
	struct tally t;
	v->readiness = READINESS_NONE;
	const char *idle = why_idle(c, now_utc);
	count_wants(b, c, &t);
	if (idle != NULL) {
		buf_add_str(&v->reason, idle);
	} else if (c->asked == ASKED_ANSWERED || c->answered_utc != 0) {
		judge_answered(v, b, c, &t);
	} else {
		judge_unanswered(v, c, c->file.start_utc > now_utc + horizon_s,
		    horizon_s);
		if (t.total > 0) {
			buf_add_str(&v->reason, "; ");
			(void)say_studies(&v->reason, b, &t); /* see above */
		}
	}
}

/* Write the verdict down; true when it is a new one. */
static bool
settle_case(const struct board *b, struct board_case *c, int64_t now_utc,
    int64_t horizon_s)
{
	struct verdict v;
	buf_init(&v.reason, 8 * BOARD_REASON_SIZE);
	judge_case(&v, b, c, now_utc, horizon_s);
	char reason[BOARD_REASON_SIZE];
	(void)str_copy(reason, sizeof(reason), buf_str(&v.reason)); /* cut */
	buf_done(&v.reason);
	bool changed = v.readiness != c->readiness ||
	    !str_eq(reason, c->reason);
	c->readiness = v.readiness;
	memcpy(c->reason, reason, sizeof(c->reason));
	return changed;
}

/* Completed ones count too: surgeons look again afterwards. */
static bool
holds_pins(const struct board_case *c, int64_t now_utc, int64_t horizon_s)
{
	return c->ours && !c->gone && c->file.status != CASE_CANCELLED &&
	    c->file.status != CASE_NOSHOW &&
	    c->file.start_utc <= now_utc + horizon_s &&
	    now_utc <= c->file.end_utc + PINNED_AFTER_S;
}

static void
pin_wants(const struct board *b, const struct board_case *c, bool holds,
    struct pin *pins)
{
	for (unsigned i = 0; i < c->n_wants; i++) {
		const struct board_study *s = board_study(b,
		    c->wants[i].study_uid);
		if (s == NULL)
			continue;
		struct pin *pin = &pins[s->slot];
		pin->named = true;
		if (c->wants[i].kind != WANT_YES || !holds)
			continue;
		/* cases come by start: the first one is the earliest */
		if (pin->n_cases == 0)
			pin->deadline_utc = c->file.start_utc;
		pin->n_cases++;
	}
}

/* Studies that no case names, nobody keeps and nothing is here of. */
static bool
forget_studies(struct board *b, const struct pin *pins)
{
	unsigned n = 0;
	unsigned all = b->n_studies;
	for (unsigned i = 0; i < all; i++) {
		struct board_study *s = b->studies[i];
		if (s->bytes == 0 && s->instances == 0 && !s->kept &&
		    !pins[s->slot].named && s->state != STUDY_FETCHING) {
			board_table_drop(b, s);
			mem_free(s);
		} else {
			b->studies[n++] = s;
		}
	}
	b->n_studies = n;
	return n != all;
}

void
board_settle(struct board *b, int64_t now_utc, int64_t horizon_s)
{
	bool changed = false;
	struct pin *pins = mem_new_n(struct pin, b->n_slots + 1);
	for (unsigned i = 0; i < b->n_cases; i++) {
		struct board_case *c = b->cases[i];
		changed |= settle_case(b, c, now_utc, horizon_s);
		pin_wants(b, c, holds_pins(c, now_utc, horizon_s), pins);
	}
	for (unsigned i = 0; i < b->n_studies; i++) {
		struct board_study *s = b->studies[i];
		const struct pin *pin = &pins[s->slot];
		changed |= s->n_cases != pin->n_cases ||
		    s->deadline_utc != pin->deadline_utc;
		s->n_cases = pin->n_cases;
		s->deadline_utc = pin->deadline_utc;
	}
	changed |= forget_studies(b, pins);
	mem_free(pins);
	if (changed)
		b->version++;
}
