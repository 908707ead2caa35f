/* SPDX-License-Identifier: MIT */
/* Cases and studies as JSON, and why each was taken or left. */
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "web_priv.h"

static void
put_about(json_t *o, const struct board_study *s)
{
	put_str(o, "description", s == NULL ? "" : s->description);
	put_date(o, "date", s == NULL ? "" : s->date);
	put_parts(o, "modalities", s == NULL ? "" : s->modalities, "\\,");
	put_str(o, "archive", s == NULL ? "" : s->archive);
}

/* The same of what was left: the board has no study, the want says it. */
static void
put_want_about(json_t *o, const struct board_want *w,
    const struct board_study *s)
{
	put_about(o, s);
	if (s != NULL)
		return;
	put_str(o, "description", w->description);
	put_date(o, "date", w->date);
	put_parts(o, "modalities", w->modalities, "\\,");
}

static void
put_progress(json_t *o, const struct web_desk *d, const struct board_study *s)
{
	put_int(o, "instances", s == NULL ? 0 : s->instances);
	put_int(o, "expected", s == NULL ? 0 : s->expected);
	put_int(o, "bytes", s == NULL ? 0 : (int64_t)s->bytes);
	put_int(o, "tries", s == NULL ? 0 : s->tries);
	put_time(o, "next_try", d->zone, s == NULL ? 0 : s->next_try_utc);
	put_int(o, "to_go", s == NULL ? 0 : (int64_t)s->to_go);
	put_time(o, "done", d->zone, s == NULL ? 0 : s->done_utc);
	put_time(o, "checked", d->zone, s == NULL ? 0 : s->checked_utc);
}

/* How far the viewer that wants pushes has it; null when none wants any, or
 * not this one. */
static void
put_in_viewer(json_t *o, const struct web_desk *d,
    const struct board_study *s)
{
	json_t *v = json_null();
	if (board_is_pushed(d->board) && (s == NULL || s->n_cases > 0 ||
	    s->push != PUSH_NONE)) {
		v = json_object();
		put_int(v, "instances", s == NULL ? 0 : s->in_viewer);
		put_int(v, "expected", s == NULL ? 0 : s->expected);
		put_str(v, "state", push_state_name(s == NULL ? PUSH_NONE :
		    s->push));
		put_str(v, "reason", s == NULL ? "" : s->push_reason);
	}
	put_new(o, "in_viewer", v);
}

/* A want whose study the board does not know yet is queued; one whose
 * patient differs is held whatever else is known. */
static enum study_state
state_of(const struct board_want *w, const struct board_study *s)
{
	if (w->kind == WANT_HELD)
		return STUDY_HELD;
	return s == NULL ? STUDY_QUEUED : s->state;
}

static json_t *
wanted_of(const struct web_desk *d, const struct board_want *w)
{
	const struct board_study *s = board_study(d->board, w->study_uid);
	enum study_state state = state_of(w, s);
	json_t *o = json_object();
	put_str(o, "study_uid", w->study_uid);
	put_want_about(o, w, s);
	put_str(o, "state", study_state_name(state));
	put_str(o, "reason", w->kind == WANT_HELD ? w->reason :
	    s == NULL ? "" : s->reason);
	put_progress(o, d, s);
	put_in_viewer(o, d, s);
	put_bool(o, "identifier_only", w->id_only);
	put_str(o, "why", w->reason);
	return o;
}

static json_t *
patient_of(const struct patient *p)
{
	json_t *o = json_object();
	put_str(o, "id", p->id);
	put_str(o, "issuer", p->issuer);
	put_str(o, "name", p->name);
	put_date(o, "birth_date", p->birth_date);
	put_str(o, "sex", p->sex);
	return o;
}

json_t *
listing_case(const struct web_desk *d, const struct board_case *c)
{
	json_t *o = json_object(), *studies = json_array();
	put_str(o, "id", c->file.id);
	put_time(o, "start", d->zone, c->file.start_utc);
	put_time(o, "end", d->zone, c->file.end_utc);
	put_str(o, "room", c->file.room);
	put_str(o, "status", case_status_name(c->file.status));
	put_str(o, "procedure", c->file.procedure);
	put_str(o, "procedure_code", c->file.procedure_code);
	put_str(o, "surgeon", c->file.surgeon);
	put_new(o, "patient", patient_of(&c->file.patient));
	put_str(o, "readiness", readiness_name(c->readiness));
	put_str(o, "reason", c->reason);
	put_bool(o, "current", board_case_is_current(c, clock_utc_s(),
	    d->horizon_s));
	put_bool(o, "ours", c->ours);
	put_bool(o, "gone", c->gone);
	put_str(o, "feed", c->feed);
	put_time(o, "answered", d->zone, c->answered_utc);
	put_int(o, "to_go", (int64_t)c->to_go);
	put_time(o, "done", d->zone, c->done_utc);
	put_bool(o, "late", c->late);
	put_str(o, "room_reason", c->room_reason);
	for (unsigned i = 0; i < c->n_wants; i++)
		if (c->wants[i].kind != WANT_NO)
			put_item(studies, wanted_of(d, &c->wants[i]));
	put_new(o, "studies", studies);
	return o;
}

/* Days since 1970 of an instant, on the theatre's calendar. */
static int64_t
day_of(const struct zone *z, int64_t utc_s)
{
	int offset = 0;
	struct civil c = zone_of_utc(z, utc_s, &offset);
	return civil_days(c.year, c.month, c.day);
}

bool
listing_is_coming(const struct web_desk *d, const struct board_case *c,
    int64_t now)
{
	return board_case_is_current(c, now, d->horizon_s) ||
	    day_of(d->zone, c->file.start_utc) >= day_of(d->zone, now);
}

json_t *
listing_cases(const struct web_desk *d, bool all)
{
	json_t *array = json_array();
	int64_t now = clock_utc_s();
	for (unsigned i = 0; i < board_n_cases(d->board); i++) {
		const struct board_case *c = board_case_at(d->board, i);
		if (all || (c->ours && listing_is_coming(d, c, now)))
			put_item(array, listing_case(d, c));
	}
	return array;
}

static const struct board_want *
want_of(const struct board_case *c, const char *uid)
{
	for (unsigned i = 0; i < c->n_wants; i++)
		if (str_eq(c->wants[i].study_uid, uid))
			return &c->wants[i];
	return NULL;
}

/* Ids of the current cases that want ${s}. */
static json_t *
cases_of(const struct web_desk *d, const struct board_study *s)
{
	json_t *array = json_array();
	unsigned n = s->n_cases > 0 ? board_n_cases(d->board) : 0;
	int64_t now = clock_utc_s();
	for (unsigned i = 0; i < n; i++) {
		const struct board_case *c = board_case_at(d->board, i);
		if (!board_case_is_current(c, now, d->horizon_s))
			continue;
		const struct board_want *w = want_of(c, s->uid);
		if (w != NULL && w->kind == WANT_YES)
			put_item(array, json_string(c->file.id));
	}
	return array;
}

json_t *
listing_study(const struct web_desk *d, const struct board_study *s)
{
	json_t *o = json_object();
	put_str(o, "study_uid", s->uid);
	put_about(o, s);
	json_t *patient = json_object();
	put_str(patient, "id", s->patient_id);
	put_str(patient, "issuer", s->issuer);
	put_new(o, "patient", patient);
	put_str(o, "state", study_state_name(s->state));
	put_str(o, "reason", s->reason);
	put_progress(o, d, s);
	put_in_viewer(o, d, s);
	put_bool(o, "pinned", s->kept || s->n_cases > 0);
	put_bool(o, "kept", s->kept);
	put_time(o, "last_used", d->zone, s->last_used_utc);
	put_time(o, "deadline", d->zone, s->deadline_utc);
	put_new(o, "cases", cases_of(d, s));
	return o;
}

json_t *
listing_studies(const struct web_desk *d)
{
	json_t *array = json_array();
	for (unsigned i = 0; i < board_n_studies(d->board); i++)
		put_item(array, listing_study(d, board_study_at(d->board, i)));
	return array;
}

static json_t *
reasons_of(const char *text)
{
	json_t *array = json_array();
	while (*text != '\0') {
		const char *end = strstr(text, "; ");
		size_t n = end == NULL ? strlen(text) : (size_t)(end - text);
		char clause[BOARD_REASON_SIZE];
		(void)str_copy_n(clause, sizeof(clause), text, n);
		json_t *o = json_object(); /* put_str mends what is no UTF-8 */
		put_str(o, "clause", clause);
		put_item(array, json_incref(json_object_get(o, "clause")));
		json_decref(o);
		text += n + (end == NULL ? 0 : 2);
	}
	return array;
}

static void
put_verdict(json_t *o, const struct board_want *w)
{
	put_str(o, "kind", want_kind_name(w->kind));
	put_bool(o, "identifier_only", w->id_only);
	put_new(o, "reasons", reasons_of(w->reason));
}

json_t *
listing_why_case(const struct web_desk *d, const char *id)
{
	const struct board_case *c = board_case(d->board, id);
	if (c == NULL)
		return NULL;
	json_t *o = json_object(), *studies = json_array();
	put_str(o, "case", c->file.id);
	put_str(o, "readiness", readiness_name(c->readiness));
	put_str(o, "reason", c->reason);
	put_bool(o, "ours", c->ours);
	put_time(o, "answered", d->zone, c->answered_utc);
	put_str(o, "ask_reason", c->ask_reason);
	put_str(o, "room_reason", c->room_reason);
	for (unsigned i = 0; i < c->n_wants; i++) {
		const struct board_want *w = &c->wants[i];
		const struct board_study *s =
		    board_study(d->board, w->study_uid);
		json_t *row = json_object();
		put_str(row, "study_uid", w->study_uid);
		put_want_about(row, w, s);
		put_str(row, "state", w->kind == WANT_NO && s == NULL ? "" :
		    study_state_name(state_of(w, s)));
		put_verdict(row, w);
		put_item(studies, row);
	}
	put_new(o, "studies", studies);
	return o;
}

json_t *
listing_why_study(const struct web_desk *d, const char *uid)
{
	const struct board_study *s = board_study(d->board, uid);
	const struct board_want *last = NULL; /* says what the study is */
	json_t *cases = json_array();
	for (unsigned i = 0; i < board_n_cases(d->board); i++) {
		const struct board_case *c = board_case_at(d->board, i);
		const struct board_want *w = want_of(c, uid);
		if (w == NULL)
			continue;
		last = w;
		json_t *row = json_object();
		put_str(row, "id", c->file.id);
		put_time(row, "start", d->zone, c->file.start_utc);
		put_verdict(row, w);
		put_item(cases, row);
	}
	if (s == NULL && last == NULL) {
		json_decref(cases);
		return NULL;
	}
	json_t *o = json_object();
	put_str(o, "study", uid);
	if (last != NULL)
		put_want_about(o, last, s);
	else
		put_about(o, s);
	put_str(o, "state", s == NULL ? "" : study_state_name(s->state));
	put_str(o, "reason", s == NULL ? "" : s->reason);
	put_new(o, "cases", cases);
	return o;
}
