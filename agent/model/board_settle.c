/* SPDX-License-Identifier: MIT */
/* What follows from the rest of the board: pins, deadlines, readiness. */
#include <stdio.h>

#include "base/str.h"
#include "model/board_priv.h"

#define OVER_S (6 * 3600) /* after its end a case needs nothing more */
#define PIN_S (12 * 3600) /* but its studies stay this long */

static bool
is_wanted_at(const struct board_case *c, int64_t now_utc, int64_t horizon_s,
    int64_t after_s)
{
	return c->ours && !c->gone && case_is_on(&c->file) &&
	    now_utc <= c->file.end_utc + after_s &&
	    c->file.start_utc <= now_utc + horizon_s;
}

bool
board_case_is_current(const struct board_case *c, int64_t now_utc,
    int64_t horizon_s)
{
	return is_wanted_at(c, now_utc, horizon_s, OVER_S);
}

static void
pin(struct board *b, const struct board_case *c)
{
	for (unsigned i = 0; i < c->n_wants; i++) {
		if (c->wants[i].kind != WANT_YES)
			continue;
		struct board_study *s = board_add_study(b,
		    c->wants[i].study_uid);
		s->n_cases++;
		if (s->deadline_utc == 0 ||
		    c->file.start_utc < s->deadline_utc)
			s->deadline_utc = c->file.start_utc;
	}
}

/* What a case's studies come to. */
struct sum {
	unsigned wanted, ready, fetching, queued, failed, held;
	unsigned here, listed; /* instances */
	const struct board_study *worst; /* of the failed ones */
	const char *held_reason;
};

static void
add_study(struct sum *s, const struct board_study *st)
{
	s->here += st->instances;
	s->listed += st->expected;
	switch (st->state) {
	case STUDY_READY:
		s->ready++;
		return;
	case STUDY_FETCHING:
		s->fetching++;
		return;
	case STUDY_QUEUED:
		s->queued++;
		return;
	case STUDY_INCOMPLETE:
	case STUDY_FAILED:
	case STUDY_HELD:
		s->failed++;
		s->worst = st;
		return;
	}
}

static struct sum
sum_up(const struct board *b, const struct board_case *c)
{
	struct sum s = {0};
	for (unsigned i = 0; i < c->n_wants; i++) {
		const struct board_want *w = &c->wants[i];
		if (w->kind == WANT_HELD) {
			s.held++;
			s.held_reason = w->reason;
		}
		if (w->kind != WANT_YES)
			continue;
		s.wanted++;
		const struct board_study *st = board_study(b, w->study_uid);
		if (st == NULL)
			s.queued++;
		else
			add_study(&s, st);
	}
	return s;
}

static void
say(struct board_case *c, enum readiness r, const char *reason)
{
	c->readiness = r;
	(void)str_copy(c->reason, sizeof(c->reason), reason);
}

/* Not one that needs images now: why. */
static const char *
idle_reason(const struct board_case *c, int64_t now_utc, int64_t horizon_s)
{
	if (!c->ours)
		return "another theatre's case";
	if (c->gone)
		return "no longer on the list";
	if (!case_is_on(&c->file))
		return case_status_name(c->file.status);
	if (now_utc > c->file.end_utc + OVER_S)
		return "over";
	return c->file.start_utc > now_utc + horizon_s ?
	    "beyond the horizon; asked for when it comes nearer" : NULL;
}

static void
say_pending(struct board_case *c, const struct sum *s)
{
	char text[BOARD_REASON_SIZE];
	if (s->queued > 0)
		(void)snprintf(text, sizeof(text),
		    "%u of %u studies ready; %u waiting", s->ready, s->wanted,
		    s->queued);
	else
		(void)snprintf(text, sizeof(text),
		    "%u of %u instances here", s->here, s->listed);
	say(c, s->queued > 0 ? READINESS_QUEUED : READINESS_FETCHING, text);
}

static void
settle_case(struct board *b, struct board_case *c, int64_t now_utc,
    int64_t horizon_s)
{
	const char *idle = idle_reason(c, now_utc, horizon_s);
	struct sum s = sum_up(b, c);
	char text[BOARD_REASON_SIZE];
	if (idle != NULL) {
		say(c, READINESS_NONE, idle);
	} else if (s.held > 0) {
		say(c, READINESS_FAILED, s.held_reason);
	} else if (s.failed > 0) {
		(void)snprintf(text, sizeof(text), "%.300s",
		    s.worst->reason[0] != '\0' ? s.worst->reason :
		    study_state_name(s.worst->state));
		say(c, READINESS_FAILED, text);
	} else if (s.wanted > 0 && s.ready < s.wanted) {
		say_pending(c, &s);
	} else if (c->asked == ASKED_FAILED && c->answered_utc == 0 &&
	    s.wanted == 0) {
		say(c, READINESS_FAILED, c->ask_reason);
	} else if (s.wanted > 0) {
		(void)snprintf(text, sizeof(text), "%u %s, %u instances",
		    s.wanted, s.wanted == 1 ? "study" : "studies", s.here);
		say(c, READINESS_READY, text);
	} else if (c->answered_utc == 0) {
		say(c, READINESS_QUEUED, "the archive is being asked");
	} else {
		say(c, READINESS_NONE,
		    "the archive answered; nothing is needed");
	}
}

void
board_settle(struct board *b, int64_t now_utc, int64_t horizon_s)
{
	for (unsigned i = 0; i < b->n_studies; i++) {
		b->studies[i]->n_cases = 0;
		b->studies[i]->deadline_utc = 0;
	}
	for (unsigned i = 0; i < b->n_cases; i++)
		if (is_wanted_at(b->cases[i], now_utc, horizon_s, PIN_S))
			pin(b, b->cases[i]);
	for (unsigned i = 0; i < b->n_cases; i++) {
		struct board_case *c = b->cases[i];
		enum readiness before = c->readiness;
		settle_case(b, c, now_utc, horizon_s);
		if (c->readiness != before)
			b->version++;
	}
}
