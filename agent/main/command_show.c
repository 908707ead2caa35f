/* SPDX-License-Identifier: MIT */
/* The verbs that print: status, cases, studies, show, why. */
#include <inttypes.h>
#include <string.h>

#include "base/str.h"
#include "base/uid.h"
#include "main/command.h"

/* The worst state of the current cases, which colours the headline. */
static const char *
worst_of(const json_t *cases)
{
	static const char *const order[] = {"failed", "fetching", "queued"};
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		if (get_int(cases, order[i]) > 0)
			return order[i];
	return get_int(cases, "ready") > 0 ? "ready" : "none";
}

static void
print_label(struct command *c, const char *label)
{
	term_cell(c, PAINT_DIM, label, 10);
}

static void
print_cache(struct command *c, const json_t *cache)
{
	char held[24], limit[24], pinned[24];
	print_label(c, "Cache");
	term_printf(c, PAINT_NONE, "%s of %s, %" PRId64 " studies, %" PRId64
	    " images, %s pinned\n",
	    str_bytes(held, sizeof(held), (uint64_t)get_int(cache, "bytes")),
	    str_bytes(limit, sizeof(limit),
	        (uint64_t)get_int(cache, "limit_bytes")),
	    get_int(cache, "studies"), get_int(cache, "instances"),
	    str_bytes(pinned, sizeof(pinned),
	        (uint64_t)get_int(cache, "pinned_bytes")));
}

/* One archive or schedule: mark, name, state, since when, last fault; of an
 * archive that is up that is over, of a list that is ok it is its bad rows. */
static void
print_peer(struct command *c, const char *label, const json_t *o,
    const char *second, const char *time_key)
{
	char when[32], name[100];
	const char *state = get_str(o, "state");
	const char *fault = get_str(o, "last_error");
	bool over = str_eq(state, "up");
	print_label(c, label);
	(void)snprintf(name, sizeof(name), "%.40s (%.40s)",
	    get_str(o, "name"), get_str(o, second));
	term_cell(c, term_paint(state), term_mark(state), 2);
	term_cell(c, term_paint(state), state, 8);
	term_cell(c, PAINT_NONE, name, 26);
	term_printf(c, PAINT_DIM, "  last %s %s\n",
	    time_key[5] == 'o' ? "answered" : "read",
	    term_when(when, sizeof(when), get_str(o, time_key)));
	if (!over && fault[0] != '\0') {
		print_label(c, "");
		term_printf(c, PAINT_DIM, "  %s\n", fault);
	}
}

/* ${text} line by line; the terminal gets no line feed of outside text. */
static void
print_lines(struct command *c, const char *text, unsigned indent)
{
	while (*text != '\0') {
		size_t n = strcspn(text, "\n");
		term_cell(c, PAINT_NONE, "", indent);
		term_printf(c, PAINT_NONE, "%.*s\n", (int)n, text);
		text += n + (text[n] == '\n');
	}
}

static void
print_refused(struct command *c, const json_t *o)
{
	char when[32];
	const char *remedy = get_str(o, "remedy");
	print_label(c, "Refused");
	term_printf(c, PAINT_YELLOW, "%s from %s, %s: %s\n",
	    get_str(o, "calling"), get_str(o, "address"),
	    term_when(when, sizeof(when), get_str(o, "time")),
	    get_str(o, "reason"));
	if (remedy[0] == '\0')
		return;
	print_label(c, "");
	if (remedy[0] != '[') {
		term_printf(c, PAINT_NONE, "to let it in: %s\n", remedy);
		return;
	}
	term_printf(c, PAINT_NONE, "to let it in, add to the "
	    "configuration:\n");
	print_lines(c, remedy, 12);
}

static void
print_archive(struct command *c, const json_t *o)
{
	int64_t most = get_int(o, "associations");
	int64_t allowed = get_int(o, "associations_allowed");
	print_peer(c, "Archive", o, "ae_title", "last_ok");
	if (allowed >= most)
		return;
	print_label(c, "");
	term_printf(c, PAINT_DIM, "  busy: asked by %" PRId64 " of %" PRId64
	    " associations\n", allowed, most);
}

static void
print_house(struct command *c, const json_t *status)
{
	const json_t *node = json_object_get(status, "node"), *o;
	const json_t *moves = json_object_get(status, "transfers");
	size_t i;
	print_cache(c, json_object_get(status, "cache"));
	print_label(c, "Transfers");
	term_printf(c, PAINT_NONE, "%" PRId64 " active, %" PRId64
	    " queued\n", get_int(moves, "active"), get_int(moves, "queued"));
	json_array_foreach(json_object_get(status, "archives"), i, o)
		print_archive(c, o);
	json_array_foreach(json_object_get(status, "schedules"), i, o)
		print_peer(c, "List", o, "type", "last_event");
	json_array_foreach(json_object_get(status, "viewers"), i, o)
		print_peer(c, "Viewer", o, "address", "last_ok");
	print_label(c, "OsiriX");
	term_printf(c, PAINT_NONE, "enter AE title %s at %s; or: understudy "
	    "setup\n",
	    get_str(node, "ae_title"), get_str(node, "address"));
	json_array_foreach(json_object_get(status, "refused"), i, o)
		print_refused(c, o);
}

static void
print_status(struct command *c, const json_t *status, const json_t *cases)
{
	char line[400];
	const char *worst = worst_of(json_object_get(status, "cases"));
	const json_t *one;
	size_t i;
	term_printf(c, worst[0] == 'n' ? PAINT_BOLD : term_paint(worst),
	    "%s\n", term_headline(line, sizeof(line), status));
	if (!get_bool(status, "healthy"))
		term_printf(c, PAINT_RED, "%s\n", get_str(status, "trouble"));
	term_printf(c, PAINT_NONE, "\n");
	json_array_foreach(cases, i, one) {
		term_case(c, one, false);
		term_case_in_viewer(c, one, 19);
	}
	if (json_array_size(cases) > 0)
		term_printf(c, PAINT_NONE, "\n");
	print_house(c, status);
}

int
command_status(struct command *c, const char *arg) /* command_fn */
{
	(void)arg; /* takes none */
	json_t *cases = NULL;
	json_t *status = command_get(c, "/api/status", NULL);
	if (status == NULL)
		return COMMAND_FAILED;
	int rc = COMMAND_DONE;
	if (command_print_json(c, status))
		goto out;
	cases = command_get(c, "/api/cases", NULL);
	if (cases == NULL)
		rc = COMMAND_FAILED;
	else
		print_status(c, status, cases);
out:
	json_decref(cases);
	json_decref(status);
	return rc;
}

const char *
term_late(char *dst, size_t size, const json_t *one)
{
	char bytes[24], when[32];
	const char *done = get_str(one, "done");
	dst[0] = '\0';
	if (get_bool(one, "late"))
		(void)snprintf(dst, size, "late: %s to go, %s%s",
		    str_bytes(bytes, sizeof(bytes),
		    (uint64_t)get_int(one, "to_go")),
		    done[0] == '\0' ? "nobody knows until when" : "done ",
		    done[0] == '\0' ? "" :
		    term_when(when, sizeof(when), done));
	return dst;
}

static void
print_note(struct command *c, enum paint paint, const char *text)
{
	if (text[0] == '\0')
		return;
	term_cell(c, PAINT_NONE, "", 19);
	term_printf(c, paint, "%s\n", text);
}

void
term_case(struct command *c, const json_t *one, bool patient)
{
	char when[32], name[600], text[700];
	const json_t *p = json_object_get(one, "patient");
	const char *state = get_str(one, "readiness");
	const char *status = get_str(one, "status");
	const char *what = get_str(one, "procedure");
	bool on = str_eq(status, "booked");
	term_cell(c, PAINT_BOLD, term_when(when, sizeof(when),
	    get_str(one, "start")), 17);
	term_cell(c, term_paint(state), term_mark(state), 2);
	term_cell(c, term_paint(state), state, 10);
	(void)snprintf(text, sizeof(text), "%.300s%s%s",
	    what[0] == '\0' ? get_str(one, "id") : what, on ? "" : ", ",
	    on ? "" : status);
	term_cell(c, PAINT_NONE, text, patient ? 28 : 51);
	if (patient) {
		(void)snprintf(text, sizeof(text), "%s %.65s",
		    term_person(name, sizeof(name), get_str(p, "name")),
		    get_str(p, "id"));
		term_cell(c, PAINT_NONE, " ", 1);
		term_cell(c, PAINT_NONE, text, 22);
	}
	term_printf(c, PAINT_NONE, "\n");
	print_note(c, PAINT_YELLOW, term_late(text, sizeof(text), one));
	print_note(c, PAINT_YELLOW, get_str(one, "room_reason"));
	if (!str_eq(state, "ready"))
		print_note(c, PAINT_DIM, get_str(one, "reason"));
}

/* "2 Mar 2026" would be nicer; the ISO form sorts and fits. */
void
term_study(struct command *c, const json_t *study, bool bar)
{
	char bytes[24], text[80];
	const char *state = get_str(study, "state");
	const char *name = get_str(study, "description");
	int64_t have = get_int(study, "instances");
	int64_t all = get_int(study, "expected");
	term_cell(c, PAINT_NONE, "", 4);
	term_cell(c, term_paint(state), term_mark(state), 2);
	term_cell(c, term_paint(state), state, 11);
	term_cell(c, PAINT_NONE, get_str(study, "date"), 11);
	term_cell(c, PAINT_NONE, name[0] == '\0' ?
	    get_str(study, "study_uid") : name, bar ? 20 : 25);
	term_cell(c, PAINT_NONE, " ", 1);
	if (bar)
		term_bar(c, term_paint(state), str_eq(state, "ready") ? 1 :
		    have, str_eq(state, "ready") ? 1 : all, 10);
	(void)snprintf(text, sizeof(text), all > 0 ? "%" PRId64 "/%" PRId64 :
	    "%" PRId64, have, all);
	term_cell(c, PAINT_NONE, bar ? " " : "", bar ? 1 : 0);
	term_cell(c, PAINT_NONE, text, 10);
	term_printf(c, PAINT_DIM, " %s\n", str_bytes(bytes, sizeof(bytes),
	    (uint64_t)get_int(study, "bytes")));
}

int
command_cases(struct command *c, const char *arg) /* command_fn */
{
	(void)arg; /* takes none */
	json_t *cases = command_get(c, "/api/cases", NULL);
	const json_t *one, *study;
	size_t i, k;
	if (cases == NULL)
		return COMMAND_FAILED;
	if (!command_print_json(c, cases)) {
		json_array_foreach(cases, i, one) {
			term_case(c, one, true);
			term_cell(c, PAINT_NONE, "", 6);
			term_printf(c, PAINT_DIM, "case %s\n",
			    get_str(one, "id"));
			json_array_foreach(json_object_get(one, "studies"), k,
			    study) {
				term_study(c, study, false);
				term_in_viewer(c, study, 6);
			}
		}
		if (json_array_size(cases) == 0)
			term_printf(c, PAINT_DIM, "no cases listed\n");
	}
	json_decref(cases);
	return COMMAND_DONE;
}

int
command_studies(struct command *c, const char *arg) /* command_fn */
{
	(void)arg; /* takes none */
	json_t *studies = command_get(c, "/api/studies", NULL);
	const json_t *one;
	size_t i;
	if (studies == NULL)
		return COMMAND_FAILED;
	if (!command_print_json(c, studies)) {
		json_array_foreach(studies, i, one) {
			term_study(c, one, false);
			term_cell(c, PAINT_NONE, "", 6);
			term_printf(c, PAINT_DIM, "%s%s\n",
			    get_str(one, "study_uid"),
			    get_bool(one, "pinned") ? "  pinned" : "");
		}
		if (json_array_size(studies) == 0)
			term_printf(c, PAINT_DIM, "no studies known\n");
	}
	json_decref(studies);
	return COMMAND_DONE;
}

static const json_t *
find_case(const json_t *cases, const char *id)
{
	const json_t *one;
	size_t i;
	json_array_foreach(cases, i, one)
		if (str_eq(get_str(one, "id"), id))
			return one;
	return NULL;
}

/* Every plain member as "key  value": nothing is hidden from `show`. */
static void
print_members(struct command *c, const json_t *o, unsigned indent)
{
	char text[40];
	const char *key;
	const json_t *v;
	void *at = json_object_iter((json_t *)(uintptr_t)o);
	for (; at != NULL; at = json_object_iter_next(
	    (json_t *)(uintptr_t)o, at)) { /* jansson reads, but says not so */
		key = json_object_iter_key(at);
		v = json_object_iter_value(at);
		const char *s = json_string_value(v);
		if (json_is_integer(v))
			(void)snprintf(text, sizeof(text), "%" PRId64,
			    (int64_t)json_integer_value(v));
		else
			(void)snprintf(text, sizeof(text), "%s",
			    json_is_true(v) ? "yes" : "no");
		if (s == NULL && !json_is_integer(v) && !json_is_boolean(v))
			continue;
		if (s != NULL && s[0] == '\0')
			continue;
		term_cell(c, PAINT_NONE, "", indent);
		term_cell(c, PAINT_DIM, key, 16);
		term_printf(c, PAINT_NONE, "%s\n", s != NULL ? s : text);
	}
}

static void
print_list(struct command *c, const json_t *o, const char *key)
{
	const json_t *array = json_object_get(o, key), *v;
	size_t i;
	json_array_foreach(array, i, v) {
		const char *s = json_string_value(v);
		term_cell(c, PAINT_DIM, i == 0 ? key : "", 16);
		term_printf(c, PAINT_NONE, "%s\n", s == NULL ? "" : s);
	}
}

static void
print_case(struct command *c, const json_t *one)
{
	const json_t *study;
	size_t i;
	term_case(c, one, true);
	term_printf(c, PAINT_NONE, "\n");
	print_members(c, one, 0);
	term_printf(c, PAINT_BOLD, "patient\n");
	print_members(c, json_object_get(one, "patient"), 4);
	json_array_foreach(json_object_get(one, "studies"), i, study) {
		term_printf(c, PAINT_BOLD, "study %s\n",
		    get_str(study, "study_uid"));
		print_members(c, study, 4);
		term_in_viewer(c, study, 4);
	}
}

static void
print_study(struct command *c, const json_t *study)
{
	term_study(c, study, true);
	term_in_viewer(c, study, 6);
	term_printf(c, PAINT_NONE, "\n");
	print_members(c, study, 0);
	print_list(c, study, "modalities");
	print_list(c, study, "cases");
}

static int
unknown_id(struct command *c, const char *id)
{
	char safe[100], text[200];
	(void)snprintf(text, sizeof(text), "want the id of a known case or "
	    "study, have '%s'", str_escape(safe, sizeof(safe), id,
	    strlen(id)));
	return command_fail_with(c, text);
}

int
command_show(struct command *c, const char *arg) /* command_fn */
{
	struct err e;
	json_t *study = NULL, *cases = NULL;
	int rc = COMMAND_FAILED;
	/* a case id may look like a UID, so the study is only tried first */
	if (uid_is_valid(arg) && command_ask(c, false, "/api/studies/", arg,
	    &study, &e) == 200) {
		if (!command_print_json(c, study))
			print_study(c, study);
		rc = COMMAND_DONE;
		goto out;
	}
	cases = command_get(c, "/api/cases?all=1", NULL);
	if (cases == NULL)
		goto out;
	const json_t *one = find_case(cases, arg);
	if (one == NULL) {
		rc = unknown_id(c, arg);
		goto out;
	}
	if (!command_print_json(c, one))
		print_case(c, one);
	rc = COMMAND_DONE;
out:
	json_decref(study);
	json_decref(cases);
	return rc;
}

static void
print_verdict(struct command *c, const json_t *o, const char *title)
{
	const char *kind = get_str(o, "kind");
	const char *state = get_str(o, "state");
	const json_t *v;
	size_t i;
	term_cell(c, term_paint(kind), term_mark(kind), 2);
	term_cell(c, term_paint(kind), str_eq(kind, "no") ? "left" :
	    str_eq(kind, "wanted") ? "taken" : kind, 8);
	term_printf(c, PAINT_NONE, "%s", title);
	if (str_eq(kind, "wanted") && state[0] != '\0')
		term_printf(c, term_paint(state), ", %s", state);
	term_printf(c, PAINT_NONE, "\n");
	json_array_foreach(json_object_get(o, "reasons"), i, v) {
		const char *s = json_string_value(v);
		term_cell(c, PAINT_NONE, "", 10);
		term_printf(c, PAINT_DIM, "%s\n", s == NULL ? "" : s);
	}
}

static void
print_why(struct command *c, const json_t *why)
{
	char title[700], when[32];
	const char *reason = get_str(why, "reason");
	const char *state = get_str(why, "readiness")[0] != '\0' ?
	    get_str(why, "readiness") : get_str(why, "state");
	const json_t *o;
	size_t i;
	term_printf(c, term_paint(state), "%s %s%s%s\n", term_mark(state),
	    state, reason[0] != '\0' ? ": " : "", reason);
	if (get_str(why, "ask_reason")[0] != '\0')
		term_printf(c, PAINT_DIM, "%s\n", get_str(why, "ask_reason"));
	if (get_str(why, "room_reason")[0] != '\0')
		term_printf(c, PAINT_YELLOW, "%s\n", get_str(why,
		    "room_reason"));
	json_array_foreach(json_object_get(why, "studies"), i, o) {
		(void)snprintf(title, sizeof(title), "%s %.300s (%s)",
		    get_str(o, "date"), get_str(o, "description"),
		    get_str(o, "study_uid"));
		print_verdict(c, o, title);
	}
	json_array_foreach(json_object_get(why, "cases"), i, o) {
		(void)snprintf(title, sizeof(title), "case %.65s, %s",
		    get_str(o, "id"), term_when(when, sizeof(when),
		    get_str(o, "start")));
		print_verdict(c, o, title);
	}
}

int
command_why(struct command *c, const char *arg) /* command_fn */
{
	struct err e;
	json_t *why = NULL;
	int status = command_ask(c, false, "/api/why?case=", arg, &why, &e);
	if (status == 404) {
		json_decref(why);
		status = command_ask(c, false, "/api/why?study=", arg, &why,
		    &e);
	}
	int rc = COMMAND_DONE;
	if (status < 0)
		rc = command_fail(c, &e);
	else if (status == 404)
		rc = unknown_id(c, arg);
	else if (why == NULL)
		rc = command_fail_with(c, "the agent's answer cannot be read");
	else if (status != 200)
		rc = command_fail_with(c, get_str(why, "error"));
	else if (!command_print_json(c, why))
		print_why(c, why);
	json_decref(why);
	return rc;
}
