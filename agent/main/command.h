/* SPDX-License-Identifier: MIT
 *
 * command: the operator's command `understudy`: verbs over the agent's API.
 * Called by its main and by tests, on one thread.
 * Owns nothing between calls; never shows a control character of outside text.
 */
#ifndef MAIN_COMMAND_H
#define MAIN_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"
#include "http/client.h"

#define COMMAND_CONF "/etc/understudy/understudy.conf"
#define COMMAND_SOCKET "/var/db/understudy/control.sock"

struct conf;

enum { COMMAND_DONE = 0, COMMAND_FAILED = 1, COMMAND_USAGE = 2 };

struct command {
	FILE *out, *err;
	bool terminal; /* ${out} is one: watch repaints */
	bool colour;
	bool json; /* --json */
	const char *app; /* --app, of setup; NULL = none given */
	bool yes, force; /* --yes, --force, of wipe */
	char socket[1024];
	const char *conf_path; /* -c, NULL = none */
	/* read where neither -S nor -c is given; NULL = none */
	const char *house_path;
	bool house_closed; /* we are not allowed to read it */
	/* one request; a test puts a fake here */
	int (*ask)(void *ctx, const struct http_ask *a, struct buf *body,
	    int *ret_status, struct err *e);
	int (*events)(void *ctx, const char *socket, const char *url,
	    http_event_fn *fn, void *fn_ctx, struct err *e);
	void *ctx;
};

/* Set ${c} up for real use: streams, colour (a terminal, and no NO_COLOR in
 * the environment), libcurl. */
void command_init(struct command *c);
/* Read the arguments, run the verb; returns the exit status. */
int command_run(struct command *c, int argc, char **argv);

/* --- shared by the command's files --- */

/* One verb; ${arg} is "" when none was given. Returns the exit status. */
typedef int command_fn(struct command *c, const char *arg);
command_fn command_status, command_cases, command_studies, command_show,
    command_why, command_prefetch, command_look, command_pin, command_unpin,
    command_evict, command_verify, command_check, command_watch,
    command_setup, command_wipe, command_relevance;

/* GET (or POST) ${path}; ${id} (may be NULL) is appended, escaped. The JSON
 * into ${ret} (json_decref it), NULL when it is none. The HTTP status, or -1
 * with ${e} set when nobody answers. */
int command_ask(struct command *c, bool post, const char *path,
    const char *id, json_t **ret, struct err *e);
/* The same for a GET that must be 200: complains and returns NULL if not. */
json_t *command_get(struct command *c, const char *path, const char *id);
/* The configuration ${path}; NULL, with complaints on ${err}, when it has
 * faults. conf_free it. */
struct conf *command_read_conf(struct command *c, const char *path);
/* Complain on ${err}; returns COMMAND_FAILED. */
int command_fail(struct command *c, const struct err *e);
int command_fail_with(struct command *c, const char *text);
/* Why an agent could not be asked, in words. Returns ${dst}. */
const char *command_words(char *dst, size_t size, const struct err *e);
/* With --json, print ${json} and return true. */
bool command_print_json(struct command *c, const json_t *json);

/* Values of an object: never NULL, "" or 0 when absent or of another type. */
const char *get_str(const json_t *o, const char *key);
int64_t get_int(const json_t *o, const char *key);
bool get_bool(const json_t *o, const char *key);

enum paint { PAINT_NONE, PAINT_BOLD, PAINT_DIM, PAINT_GREEN, PAINT_BLUE,
	PAINT_YELLOW, PAINT_RED };

/* ${s} fit for a terminal: what could move the cursor or turn the writing
 * round is shown as "?". Returns ${dst}. */
const char *term_clean(char *dst, size_t size, const char *s);
/* Columns that clean UTF-8 takes. */
unsigned term_width(const char *s);
/* Print ${s} cleaned, cut (with an ellipsis) or filled to ${width} columns;
 * 0 = as long as it is. */
void term_cell(struct command *c, enum paint p, const char *s, unsigned width);
void term_printf(struct command *c, enum paint p, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* A bar of ${width} columns, ${part} of ${whole} filled. */
void term_bar(struct command *c, enum paint p, int64_t part, int64_t whole,
    unsigned width);
/* The mark and colour of a readiness, study, archive or schedule state. */
const char *term_mark(const char *state);
enum paint term_paint(const char *state);

/* "2026-11-25T08:00:00+01:00" as "08:00 Wed 25 Nov"; "never" for "". */
const char *term_when(char *dst, size_t size, const char *iso);
/* The same text as an instant; 0 when it is none. */
int64_t term_utc(const char *iso);
/* "FAMILY^GIVEN" as "FAMILY, GIVEN". */
const char *term_person(char *dst, size_t size, const char *name);

/* The headline; shared by status, watch and check. */
const char *term_headline(char *dst, size_t size, const json_t *status);
/* The one line of a case and the lines of its studies. */
void term_case(struct command *c, const json_t *one, bool patient);
/* "late: 14 GB to go, done 08:25 Wed 25 Nov"; "" when it is not late. */
const char *term_late(char *dst, size_t size, const json_t *one);
void term_study(struct command *c, const json_t *study, bool bar);
/* How far a viewer that wants pushes has a study, and how many of a ready
 * case's, on a line of its own that begins at column ${indent}; nothing when
 * none wants any. */
void term_in_viewer(struct command *c, const json_t *study, unsigned indent);
void term_case_in_viewer(struct command *c, const json_t *one,
    unsigned indent);

#endif
