/* SPDX-License-Identifier: MIT */
/* /metrics: the counters table and the board, as Prometheus reads it. */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/stats.h"
#include "base/str.h"
#include "web_priv.h"

/* A label value; text format 0.0.4 escapes backslash, quote, line feed. */
static void
add_label(struct buf *b, const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s == '\n')
			buf_add_str(b, "\\n");
		else if (*s == '"' || *s == '\\')
			buf_addf(b, "\\%c", *s);
		else
			buf_add(b, s, 1);
	}
}

static void
add_head(struct buf *b, const char *name, const char *type, const char *help)
{
	buf_addf(b, "# HELP understudy_%s %s\n# TYPE understudy_%s %s\n", name,
	    help, name, type);
}

static void
add_gauge(struct buf *b, const char *name, const char *help, int64_t v)
{
	add_head(b, name, "gauge", help);
	buf_addf(b, "understudy_%s %" PRId64 "\n", name, v);
}

static void
add_row(struct buf *b, const char *name, const char *label, const char *value,
    int64_t v)
{
	buf_addf(b, "understudy_%s{%s=\"", name, label);
	add_label(b, value == NULL ? "" : value);
	buf_addf(b, "\"} %" PRId64 "\n", v);
}

static void
add_stats(struct buf *b)
{
	for (unsigned i = 0; i < STAT_COUNT; i++) {
		enum stat_id s = (enum stat_id)i;
		bool counter = stats_kind(s) == 'C';
		char name[80];
		(void)snprintf(name, sizeof(name), "%s%s", stats_name(s),
		    counter ? "_total" : "");
		add_head(b, name, counter ? "counter" : "gauge",
		    stats_text(s));
		buf_addf(b, "understudy_%s %" PRId64 "\n", name, stats_get(s));
	}
}

static void
add_cases(const struct web_desk *d, struct buf *b)
{
	unsigned count[READINESS_FAILED + 1] = {0};
	int64_t now = clock_utc_s(), next = 0, unready = 0, late = 0;
	int64_t no_room = 0;
	for (unsigned i = 0; i < board_n_cases(d->board); i++) {
		const struct board_case *c = board_case_at(d->board, i);
		if (!board_case_is_current(c, now, d->horizon_s))
			continue;
		count[c->readiness]++;
		late += c->late;
		no_room += c->room_reason[0] != '\0';
		bool well = c->readiness == READINESS_READY ||
		    c->readiness == READINESS_NONE;
		if (next == 0 && c->file.start_utc >= now)
			next = c->file.start_utc;
		if (unready == 0 && !well)
			unready = c->file.start_utc;
	}
	add_head(b, "cases", "gauge", "current cases of this theatre");
	for (unsigned r = 0; r <= READINESS_FAILED; r++)
		add_row(b, "cases", "readiness",
		    readiness_name((enum readiness)r), count[r]);
	add_gauge(b, "cases_late",
	    "cases that will not be ready at their start at this rate", late);
	add_gauge(b, "cases_without_room",
	    "cases that want more than fits beside the sooner ones",
	    no_room);
	add_gauge(b, "next_case_start_seconds",
	    "start of the next case, Unix time, 0 = none", next);
	add_gauge(b, "unready_case_start_seconds",
	    "start of the earliest case not ready, Unix time, 0 = none",
	    unready);
}

static void
add_studies(const struct web_desk *d, struct buf *b)
{
	unsigned count[STUDY_FAILED + 1] = {0};
	for (unsigned i = 0; i < board_n_studies(d->board); i++)
		count[board_study_at(d->board, i)->state]++;
	add_head(b, "studies", "gauge", "studies known, by state");
	for (unsigned s = 0; s <= STUDY_FAILED; s++)
		add_row(b, "studies", "state",
		    study_state_name((enum study_state)s), count[s]);
}

/* An archive or a viewer not asked yet has no row: neither 0 nor 1 would be
 * true. */
static void
add_peers(const struct web_facts *f, struct buf *b)
{
	add_head(b, "archive_up", "gauge", "whether the archive answers");
	for (unsigned i = 0; i < f->n_archives && i < WEB_ROWS_MAX; i++) {
		const struct web_archive *a = &f->archives[i];
		if (!str_eq(a->state, "unknown"))
			add_row(b, "archive_up", "archive", a->name,
			    str_eq(a->state, "up"));
	}
	add_head(b, "viewer_up", "gauge",
	    "whether the viewer's own listener answers");
	for (unsigned i = 0; i < f->n_viewers && i < WEB_ROWS_MAX; i++) {
		const struct web_viewer *v = &f->viewers[i];
		if (!str_eq(v->state, "unknown"))
			add_row(b, "viewer_up", "viewer", v->name,
			    str_eq(v->state, "up"));
	}
	add_head(b, "schedule_ok", "gauge", "whether the feed is current");
	for (unsigned i = 0; i < f->n_schedules && i < WEB_ROWS_MAX; i++)
		add_row(b, "schedule_ok", "schedule", f->schedules[i].name,
		    str_eq(f->schedules[i].state, "ok"));
}

void
metrics_write(const struct web_desk *d, const struct web_facts *f,
    struct buf *b)
{
	add_stats(b);
	add_head(b, "build_info", "gauge", "always 1");
	add_row(b, "build_info", "version", d->version, 1);
	add_gauge(b, "healthy", "1 unless a person must act", f->healthy);
	add_gauge(b, "uptime_seconds", "since the agent started", f->uptime_s);
	add_gauge(b, "cache_bytes", "bytes held", (int64_t)f->cache_bytes);
	add_gauge(b, "cache_limit_bytes", "bytes that may be held",
	    (int64_t)f->cache_limit);
	add_gauge(b, "disk_free_bytes", "free on the cache's disk",
	    (int64_t)f->disk_free);
	add_gauge(b, "transfers_queued", "study retrievals waiting",
	    f->transfers_queued);
	add_cases(d, b);
	add_studies(d, b);
	add_peers(f, b);
}
