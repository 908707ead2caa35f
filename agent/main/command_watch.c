/* SPDX-License-Identifier: MIT */
/* watch: the event stream, painted over itself, a bar for each transfer. */
#include <time.h>

#include "base/str.h"
#include "main/command.h"

#define RETRY_S 2 /* between two tries to reach an agent that went */

struct watch {
	struct command *c;
	bool heard; /* at least one event */
};

static void
paint_cases(struct command *c, const json_t *cases)
{
	const json_t *one, *study;
	size_t i, k;
	json_array_foreach(cases, i, one) {
		term_case(c, one, false);
		json_array_foreach(json_object_get(one, "studies"), k, study)
			term_study(c, study, true);
	}
}

static void
paint(struct command *c, const json_t *event)
{
	char head[400], when[32];
	const json_t *status = json_object_get(event, "status");
	const json_t *agent = json_object_get(status, "agent"), *o;
	size_t i;
	if (c->terminal) /* home; each line clears its rest, then the rest */
		(void)fputs("\033[H", c->out);
	term_printf(c, PAINT_BOLD, "%s\n",
	    term_headline(head, sizeof(head), status));
	term_printf(c, PAINT_DIM, "%s\n", term_when(when, sizeof(when),
	    get_str(agent, "time")));
	term_printf(c, PAINT_NONE, "\n");
	if (!get_bool(status, "healthy"))
		term_printf(c, PAINT_RED, "%s\n", get_str(status, "trouble"));
	paint_cases(c, json_object_get(event, "cases"));
	json_array_foreach(json_object_get(status, "archives"), i, o)
		if (str_eq(get_str(o, "state"), "down"))
			term_printf(c, PAINT_RED, "%s archive %s is down\n",
			    term_mark("down"), get_str(o, "name"));
	if (c->terminal)
		(void)fputs("\033[J", c->out);
	(void)fflush(c->out); /* the next paint tries again */
}

static bool
on_event(void *ctx, const char *text) /* http_event_fn */
{
	struct watch *w = ctx;
	struct command *c = w->c;
	json_t *event = json_loads(text, 0, NULL);
	if (event == NULL)
		return true; /* the next one may be whole */
	if (!w->heard && c->terminal)
		(void)fputs("\033[2J", c->out); /* see command_run */
	w->heard = true;
	if (c->json) {
		(void)json_dumpf(event, c->out, JSON_COMPACT |
		    JSON_ENSURE_ASCII); /* see command_run */
		(void)fputs("\n", c->out);
		(void)fflush(c->out);
	} else {
		paint(c, event);
	}
	json_decref(event);
	return ferror(c->out) == 0;
}

int
command_watch(struct command *c, const char *arg) /* command_fn */
{
	(void)arg; /* takes none */
	struct watch w = {.c = c};
	struct err e;
	struct timespec wait = {.tv_sec = RETRY_S};
	for (;;) {
		if (c->events(c->ctx, c->socket, "http://localhost/api/events",
		    on_event, &w, &e) == 0)
			return COMMAND_FAILED; /* nobody reads us any more */
		if (!w.heard || !c->terminal)
			return command_fail(c, &e);
		term_printf(c, PAINT_RED, "the agent does not answer; "
		    "trying again\n");
		(void)fflush(c->out);
		(void)nanosleep(&wait, NULL); /* a signal ends us anyway */
	}
}
