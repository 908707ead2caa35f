/* SPDX-License-Identifier: MIT */
/* /api/status: how the agent and its neighbours are. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/stats.h"
#include "base/str.h"
#include "web_priv.h"

#define ROOMS_MAX 6 /* named; enough to see how the list spells a room */

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
		put_time(o, "since", d->zone, a->since_utc);
		put_time(o, "next_try", d->zone, a->next_try_utc);
		put_int(o, "associations", a->associations);
		put_int(o, "associations_allowed", a->allowed);
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
viewers_of(const struct web_desk *d, const struct web_facts *f)
{
	json_t *array = json_array();
	for (unsigned i = 0; i < f->n_viewers && i < WEB_ROWS_MAX; i++) {
		const struct web_viewer *v = &f->viewers[i];
		json_t *o = json_object();
		put_str(o, "name", v->name);
		put_str(o, "ae_title", v->ae_title);
		put_str(o, "address", v->address);
		put_str(o, "state", v->state);
		put_bool(o, "push", v->push);
		put_time(o, "last_ok", d->zone, v->last_ok_utc);
		put_str(o, "last_error", v->last_error);
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

/* `total` and what follows: only cases that may still need images count. A
 * cancelled one is `listed`, but the theatre is ready without it. */
static json_t *
cases_of(const struct web_desk *d)
{
	unsigned count[READINESS_FAILED + 1] = {0};
	unsigned total = 0, listed = 0;
	int64_t now = clock_utc_s();
	for (unsigned i = 0; i < board_n_cases(d->board); i++) {
		const struct board_case *c = board_case_at(d->board, i);
		listed += c->ours && listing_is_coming(d, c, now);
		if (!board_case_is_current(c, now, d->horizon_s))
			continue;
		count[c->readiness]++;
		total++;
	}
	json_t *o = json_object();
	put_int(o, "total", total);
	for (unsigned r = 0; r <= READINESS_FAILED; r++)
		put_int(o, readiness_name((enum readiness)r), count[r]);
	put_int(o, "listed", listed);
	return o;
}

static void
add_room(json_t *rooms, const char *room)
{
	const json_t *v;
	size_t i;
	json_t *o = json_object(); /* put_str mends what is no UTF-8 */
	put_str(o, "room", room);
	json_t *name = json_object_get(o, "room");
	bool known = room[0] == '\0' || json_array_size(rooms) == ROOMS_MAX;
	json_array_foreach(rooms, i, v)
		known |= json_equal(v, name) != 0;
	if (!known)
		put_item(rooms, json_incref(name));
	json_decref(o);
}

/* A list full of other rooms' cases, and none of ours: likely the theatre's
 * name is spelt in another way there. */
static void
put_elsewhere(json_t *o, const struct web_desk *d)
{
	json_t *rooms = json_array();
	unsigned n = 0;
	int64_t now = clock_utc_s();
	for (unsigned i = 0; i < board_n_cases(d->board); i++) {
		const struct board_case *c = board_case_at(d->board, i);
		if (c->ours || c->gone || !listing_is_coming(d, c, now))
			continue;
		add_room(rooms, c->file.room);
		n++;
	}
	put_int(o, "cases_elsewhere", n);
	put_new(o, "rooms_elsewhere", rooms);
}

/* "0.0.0.0:11113" is no address to enter in the viewer on this machine. */
static void
put_address(json_t *o, const char *address)
{
	char here[80];
	if (address == NULL)
		address = "";
	bool any = str_starts(address, "0.0.0.0:") ||
	    str_starts(address, "[::]:");
	(void)snprintf(here, sizeof(here), "127.0.0.1%s", any ?
	    strrchr(address, ':') : "");
	put_str(o, "address", any ? here : address);
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
	put_address(node, f->node_address);
	put_new(o, "node", node);
	json_t *web = json_object();
	put_address(web, f->web_address);
	put_new(o, "web", web);
	put_new(o, "cache", cache_of(d, f));
	put_new(o, "archives", archives_of(d, f));
	put_new(o, "schedules", schedules_of(d, f));
	put_new(o, "viewers", viewers_of(d, f));
	json_t *transfers = json_object();
	put_int(transfers, "active", f->transfers_active);
	put_int(transfers, "queued", f->transfers_queued);
	put_new(o, "transfers", transfers);
	put_new(o, "cases", cases_of(d));
	put_elsewhere(o, d);
	put_new(o, "refused", refused_of(d, f));
	return o;
}
