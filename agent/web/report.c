/* SPDX-License-Identifier: MIT */
/* /api/status: how the agent and its neighbours are. */
#include <string.h>

#include "base/clock.h"
#include "base/stats.h"
#include "base/str.h"
#include "web_priv.h"

/* The configuration may give the room several names; the first is shown. */
static void
put_theatre(json_t *o, const char *theatre)
{
	char name[CASE_TEXT_SIZE];
	(void)str_copy_n(name, sizeof(name), theatre, strcspn(theatre, ","));
	put_str(o, "theatre", str_trim(name)); /* a cut name is fine */
}

static json_t *
agent_of(const struct web_desk *d, const struct web_facts *f)
{
	json_t *o = json_object();
	put_str(o, "version", d->version);
	put_theatre(o, f->theatre == NULL ? "" : f->theatre);
	put_int(o, "uptime_s", f->uptime_s);
	put_time(o, "time", d->zone, clock_utc_s());
	put_str(o, "time_zone", zone_name(d->zone));
	put_int(o, "horizon_s", d->horizon_s);
	return o;
}

static json_t *
cache_of(const struct web_desk *d, const struct web_facts *f)
{
	int64_t studies = 0, instances = 0, pinned = 0;
	for (unsigned i = 0; i < board_n_studies(d->board); i++) {
		const struct board_study *s = board_study_at(d->board, i);
		studies += s->instances > 0;
		instances += s->instances;
		if (s->kept || s->n_cases > 0)
			pinned += (int64_t)s->bytes;
	}
	json_t *o = json_object();
	put_int(o, "bytes", (int64_t)f->cache_bytes);
	put_int(o, "limit_bytes", (int64_t)f->cache_limit);
	put_int(o, "reserve_bytes", (int64_t)f->cache_reserve);
	put_int(o, "disk_free_bytes", (int64_t)f->disk_free);
	put_int(o, "studies", studies);
	put_int(o, "instances", instances);
	put_int(o, "pinned_bytes", pinned);
	put_int(o, "evictions", stats_get(STAT_EVICTIONS));
	return o;
}

static json_t *
archives_of(const struct web_desk *d, const struct web_facts *f)
{
	json_t *array = json_array();
	for (unsigned i = 0; i < f->n_archives && i < WEB_ROWS_MAX; i++) {
		const struct web_archive *a = &f->archives[i];
		json_t *o = json_object();
		put_str(o, "name", a->name);
		put_str(o, "ae_title", a->ae_title);
		put_str(o, "state", a->state);
		put_time(o, "last_ok", d->zone, a->last_ok_utc);
		put_str(o, "last_error", a->last_error);
		put_item(array, o);
	}
	return array;
}

static json_t *
schedules_of(const struct web_desk *d, const struct web_facts *f)
{
	json_t *array = json_array();
	for (unsigned i = 0; i < f->n_schedules && i < WEB_ROWS_MAX; i++) {
		const struct web_schedule *s = &f->schedules[i];
		json_t *o = json_object();
		put_str(o, "name", s->name);
		put_str(o, "type", s->type);
		put_str(o, "state", s->state);
		put_time(o, "last_event", d->zone, s->last_event_utc);
		put_str(o, "last_error", s->last_error);
		put_item(array, o);
	}
	return array;
}

static json_t *
refused_of(const struct web_desk *d, const struct web_facts *f)
{
	json_t *array = json_array();
	for (unsigned i = 0; i < f->n_refused && i < WEB_ROWS_MAX; i++) {
		const struct web_refused *r = &f->refused[i];
		json_t *o = json_object();
		put_str(o, "calling", r->calling);
		put_str(o, "address", r->address);
		put_str(o, "reason", r->reason);
		put_str(o, "remedy", r->remedy);
		put_time(o, "time", d->zone, r->utc);
		put_int(o, "times", r->times);
		put_item(array, o);
	}
	return array;
}

/* Only cases that may still need images count: a cancelled one is listed,
 * but the theatre is ready without it. */
static json_t *
cases_of(const struct web_desk *d)
{
	unsigned count[READINESS_FAILED + 1] = {0};
	unsigned total = 0;
	int64_t now = clock_utc_s();
	for (unsigned i = 0; i < board_n_cases(d->board); i++) {
		const struct board_case *c = board_case_at(d->board, i);
		if (!board_case_is_current(c, now, d->horizon_s))
			continue;
		count[c->readiness]++;
		total++;
	}
	json_t *o = json_object();
	put_int(o, "total", total);
	for (unsigned r = 0; r <= READINESS_FAILED; r++)
		put_int(o, readiness_name((enum readiness)r), count[r]);
	return o;
}

json_t *
report_status(const struct web_desk *d, const struct web_facts *f)
{
	json_t *o = json_object();
	put_new(o, "agent", agent_of(d, f));
	put_bool(o, "healthy", f->healthy);
	put_str(o, "trouble", f->trouble);
	json_t *node = json_object();
	put_str(node, "ae_title", f->node_ae);
	put_str(node, "address", f->node_address);
	put_new(o, "node", node);
	put_new(o, "cache", cache_of(d, f));
	put_new(o, "archives", archives_of(d, f));
	put_new(o, "schedules", schedules_of(d, f));
	json_t *transfers = json_object();
	put_int(transfers, "active", f->transfers_active);
	put_int(transfers, "queued", f->transfers_queued);
	put_new(o, "transfers", transfers);
	put_new(o, "cases", cases_of(d));
	put_new(o, "refused", refused_of(d, f));
	return o;
}
