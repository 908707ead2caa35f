/* SPDX-License-Identifier: MIT
 *
 * A night before three operations, as the web room sees it: a board, facts
 * and ports that note what they were asked. The clock stands still.
 */
#ifndef TESTS_WEB_FIXTURE_H
#define TESTS_WEB_FIXTURE_H

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "web/web_priv.h"

#define NOW INT64_C(1795560623) /* 2026-11-24T22:50:23Z */
#define EIGHT INT64_C(1795590000) /* 2026-11-25T08:00 in Berlin */
#define UID_A "1.2.276.0.1"
#define UID_B "1.2.276.0.2"
#define UID_C "1.2.276.0.3"

struct world {
	struct board *board;
	struct zone *zone;
	struct web_facts facts;
	struct web_ports ports;
	struct web_desk desk;
	struct web_answer answer;
	struct web_outcome outcome; /* what a POST comes to */
	char called[200]; /* the last port and its object */
	int64_t uptime_ns;
};

static inline int64_t
world_uptime(void *ctx)
{
	return ((struct world *)ctx)->uptime_ns;
}

static inline int64_t
world_utc(void *ctx)
{
	(void)ctx; /* stands still */
	return NOW * 1000;
}

static inline void
world_facts(void *ctx, struct web_facts *ret)
{
	*ret = ((struct world *)ctx)->facts;
}

static inline void
world_note(void *ctx, const char *what, const char *id,
    struct web_outcome *ret)
{
	struct world *w = ctx;
	(void)snprintf(w->called, sizeof(w->called), "%s %s", what, id);
	*ret = w->outcome;
}

static inline void
world_prefetch(void *ctx, const char *case_id, const char *uid,
    struct web_outcome *ret)
{
	world_note(ctx, case_id != NULL ? "prefetch case" : "prefetch study",
	    case_id != NULL ? case_id : uid, ret);
}

static inline void
world_keep(void *ctx, const char *uid, bool keep, struct web_outcome *ret)
{
	world_note(ctx, keep ? "pin" : "unpin", uid, ret);
}

static inline void
world_evict(void *ctx, const char *uid, struct web_outcome *ret)
{
	world_note(ctx, "evict", uid, ret);
}

static inline void
world_look(void *ctx, struct web_outcome *ret)
{
	world_note(ctx, "look", "all", ret);
}

static inline void
world_verify(void *ctx, struct web_outcome *ret)
{
	world_note(ctx, "verify", "all", ret);
}

static inline struct casefile
a_case(const char *id, int64_t start, const char *name)
{
	struct casefile f = {.start_utc = start, .end_utc = start + 4 * 3600,
	    .patient = {.id = "4711", .issuer = "NHS",
	    .birth_date = "19580307"}, .procedure = "Mitral valve repair",
	    .surgeon = "Gibbon^John", .room = "Theatre 6"};
	(void)str_copy(f.id, sizeof(f.id), id);
	(void)str_copy(f.patient.name, sizeof(f.patient.name), name);
	return f;
}

static inline struct board_study *
a_study(struct board *b, const char *uid, enum study_state state,
    unsigned instances)
{
	struct board_study *s = board_add_study(b, uid);
	s->state = state;
	s->instances = instances;
	s->expected = 512;
	s->bytes = instances * UINT64_C(1000);
	(void)str_copy(s->description, sizeof(s->description), "Cardiac MR");
	(void)str_copy(s->date, sizeof(s->date), "20260301");
	(void)str_copy(s->modalities, sizeof(s->modalities), "MR\\SR");
	(void)str_copy(s->archive, sizeof(s->archive), "pacs");
	return s;
}

static inline struct board_want
a_want(const char *uid, enum want_kind kind, bool id_only, const char *why)
{
	struct board_want w = {.kind = kind, .id_only = id_only};
	(void)str_copy(w.study_uid, sizeof(w.study_uid), uid);
	(void)str_copy(w.reason, sizeof(w.reason), why);
	return w;
}

static inline void
world_fill(struct world *w)
{
	struct casefile f[] = {a_case("C1", EIGHT, "DOE^JANE"),
		a_case("C2", EIGHT + 6 * 3600, "M\xC3\xBCLLER^ANNA"),
		a_case("OTHER", EIGHT, "ROE^RICHARD")};
	board_set_cases(w->board, "list", f, 3, NOW);
	struct board_study *s = a_study(w->board, UID_A, STUDY_READY, 512);
	s->n_cases = 1;
	s->deadline_utc = EIGHT;
	(void)a_study(w->board, UID_B, STUDY_FETCHING, 128);
	struct board_case *c = board_case(w->board, "C1");
	struct board_want *want = mem_new_n(struct board_want, 3);
	want[0] = a_want(UID_A, WANT_YES, true,
	    "rule cardiac-mr; matched 'cardiac' in description");
	want[1] = a_want(UID_C, WANT_HELD, false,
	    "birth date differs");
	want[2] = a_want(UID_B, WANT_NO, false, "too old");
	board_set_wants(w->board, c, want, 3);
	c->ours = true;
	c->asked = ASKED_ANSWERED;
	c->readiness = READINESS_FAILED;
	(void)str_copy(c->reason, sizeof(c->reason), "1 study is held");
	c = board_case(w->board, "C2");
	c->ours = true;
	c->readiness = READINESS_READY;
}

static inline int
world_setup(void **state)
{
	static struct clock_source source;
	struct world *w = mem_new(struct world);
	struct err e;
	source = (struct clock_source){world_uptime, world_uptime, world_utc,
	    w};
	clock_set_source(&source);
	w->board = board_new();
	w->zone = zone_new("Europe/Berlin", &e);
	w->facts = (struct web_facts){.theatre = "Theatre 6, TH6",
	    .uptime_s = 60, .healthy = true, .trouble = "",
	    .cache_bytes = 5000, .cache_limit = 9000, .transfers_active = 1,
	    .archives = {{"pacs", "PACS", "up", NOW - 5, 0, 0, 4, 2, ""},
	    {"old\"\\", "OLD", "unknown", 0, 0, 0, 4, 4, ""},
	    {"far", "FAR", "down", 0, NOW - 5, NOW, 4, 4,
	    "connect: refused"}},
	    .n_archives = 3,
	    .schedules = {{"list", "file", "ok", NOW - 60, ""}},
	    .n_schedules = 1, .viewers = {{"osirix", "OSIRIX",
	    "127.0.0.1:11112", "up", true, NOW - 9, ""}, {"spare", "SPARE",
	    "127.0.0.1:11114", "down", false, 0, "connect: refused"},
	    {"new", "NEW", "127.0.0.1:4", "unknown", false, 0, ""}},
	    .n_viewers = 3, .refused = {{"OSIRIX2", "10.0.0.7", "unknown",
	    "[viewer \"x\"]", NOW, 3}}, .n_refused = 1,
	    .node_ae = "UNDERSTUDY", .node_address = "127.0.0.1:11113",
	    .web_address = "0.0.0.0:8113"};
	w->ports = (struct web_ports){.ctx = w, .facts = world_facts,
	    .prefetch = world_prefetch, .keep = world_keep,
	    .evict = world_evict, .look = world_look,
	    .verify = world_verify};
	w->desk = (struct web_desk){&w->ports, w->board, w->zone, "0.1.0",
	    48 * 3600};
	w->outcome = (struct web_outcome){202, "queued"};
	buf_init(&w->answer.body, WEB_BODY_MAX);
	world_fill(w);
	*state = w;
	return w->zone == NULL;
}

static inline int
world_teardown(void **state)
{
	struct world *w = *state;
	clock_set_source(NULL);
	buf_done(&w->answer.body);
	board_free(&w->board);
	zone_free(&w->zone);
	mem_free(w);
	return 0;
}

#endif
