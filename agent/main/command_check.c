/* SPDX-License-Identifier: MIT */
/* check: one line and an exit status for Nagios and its kin (DESIGN 3.5). */
#include <inttypes.h>

#include "base/clock.h"
#include "base/str.h"
#include "main/command.h"

#define WARN_S (2 * 3600) /* not ready this long before its start */
#define CRIT_S (30 * 60)

enum check { CHECK_OK, CHECK_WARNING, CHECK_CRITICAL, CHECK_UNKNOWN };

/* what was found: the worst level and what it was */
struct finding {
	enum check level;
	char text[300];
};

/* The first finding of the worst level is told. */
static void
find(struct finding *f, enum check level, const char *what, const char *name)
{
	if (level <= f->level)
		return;
	f->level = level;
	(void)snprintf(f->text, sizeof(f->text), "%s %.200s", what, name);
}

static void
check_peers(struct finding *f, const json_t *status)
{
	const json_t *o;
	size_t i;
	json_array_foreach(json_object_get(status, "archives"), i, o)
		if (str_eq(get_str(o, "state"), "down"))
			find(f, CHECK_WARNING, "archive down:",
			    get_str(o, "name"));
	json_array_foreach(json_object_get(status, "schedules"), i, o)
		if (!str_eq(get_str(o, "state"), "ok"))
			find(f, CHECK_WARNING, "theatre list not current:",
			    get_str(o, "name"));
		else if (get_str(o, "last_error")[0] != '\0')
			find(f, CHECK_WARNING, "theatre list:",
			    get_str(o, "last_error"));
	if (!get_bool(status, "healthy"))
		find(f, CHECK_CRITICAL, "not healthy:",
		    get_str(status, "trouble"));
}

static bool
is_well(const json_t *one)
{
	const char *r = get_str(one, "readiness");
	return str_eq(r, "ready") || str_eq(r, "none") ||
	    !get_bool(one, "current");
}

/* What will be, while there is time: for a larger cache, or a faster line. */
static void
check_ahead(struct finding *f, const json_t *one, const char *what)
{
	char name[300];
	if (what[0] == '\0' || !get_bool(one, "current"))
		return;
	(void)snprintf(name, sizeof(name), "%.64s %.120s", get_str(one, "id"),
	    what);
	find(f, CHECK_WARNING, "case", name);
}

/* A case that failed is told at any distance: waiting will not mend it. */
static void
check_cases(struct finding *f, const json_t *cases, int64_t now)
{
	char when[32], name[300], late[100];
	const json_t *one;
	size_t i;
	json_array_foreach(cases, i, one) {
		check_ahead(f, one, get_str(one, "room_reason"));
		check_ahead(f, one, term_late(late, sizeof(late), one));
		int64_t left = term_utc(get_str(one, "start")) - now;
		bool failed = str_eq(get_str(one, "readiness"), "failed");
		if (is_well(one) || (left > WARN_S && !failed))
			continue;
		(void)snprintf(name, sizeof(name), "%.64s at %s (%.20s: "
		    "%.120s)", get_str(one, "id"), term_when(when, sizeof(when),
		    get_str(one, "start")), get_str(one, "readiness"),
		    get_str(one, "reason"));
		find(f, left <= CRIT_S ? CHECK_CRITICAL : CHECK_WARNING,
		    "case not ready:", name);
	}
}

/* Nagios reads one line of text, '|', then label=value pairs; a bar in the
 * text would end it. */
static void
print_line(struct command *c, const struct finding *f, const json_t *status)
{
	static const char *const names[] = {"OK", "WARNING", "CRITICAL",
		"UNKNOWN"};
	static const char *const keys[] = {"total", "ready", "fetching",
		"queued", "failed", "none"};
	char head[400], line[800];
	const json_t *cases = json_object_get(status, "cases");
	const json_t *cache = json_object_get(status, "cache");
	(void)snprintf(line, sizeof(line), "UNDERSTUDY %s - %s%s%s",
	    names[f->level], term_headline(head, sizeof(head), status),
	    f->text[0] != '\0' ? "; " : "", f->text);
	for (char *p = line; *p != '\0'; p++)
		if (*p == '|' || *p == '\n')
			*p = '/';
	term_cell(c, PAINT_NONE, line, 0);
	term_printf(c, PAINT_NONE, " |");
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		term_printf(c, PAINT_NONE, " %s=%" PRId64,
		    i == 0 ? "cases" : keys[i], get_int(cases, keys[i]));
	term_printf(c, PAINT_NONE, " cache=%" PRId64 "B;;;0;%" PRId64 "\n",
	    get_int(cache, "bytes"), get_int(cache, "limit_bytes"));
}

static int
no_agent(struct command *c, const struct err *e)
{
	char text[400];
	term_printf(c, PAINT_NONE, "UNDERSTUDY UNKNOWN - %s\n",
	    command_words(text, sizeof(text), e));
	return CHECK_UNKNOWN;
}

int
command_check(struct command *c, const char *arg) /* command_fn */
{
	(void)arg; /* takes none */
	struct err e = {.msg = "it does not answer as it should"};
	json_t *status = NULL, *cases = NULL;
	struct finding f = {.level = CHECK_OK};
	int rc = CHECK_UNKNOWN;
	if (command_ask(c, false, "/api/status", NULL, &status, &e) != 200 ||
	    command_ask(c, false, "/api/cases", NULL, &cases, &e) != 200 ||
	    status == NULL || cases == NULL) {
		rc = no_agent(c, &e);
		goto out;
	}
	int64_t now = term_utc(get_str(json_object_get(status, "agent"),
	    "time"));
	check_cases(&f, cases, now != 0 ? now : clock_utc_s());
	check_peers(&f, status);
	rc = (int)f.level;
	if (!command_print_json(c, status))
		print_line(c, &f, status);
out:
	json_decref(status);
	json_decref(cases);
	return rc;
}
