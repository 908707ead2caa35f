/* SPDX-License-Identifier: MIT */
/* Arguments and the table of verbs, from which the usage text is made. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "main/command.h"
#include "main/conf.h"

#ifndef UNDERSTUDY_VERSION
#define UNDERSTUDY_VERSION "unknown"
#endif

#define ANSWER_BYTES_MAX (64u << 20) /* as much as the agent ever sends */
#define ANSWER_MS 20000

static const struct verb {
	const char *name, *arg; /* "" = takes none */
	command_fn *fn;
	const char *help;
} verbs[] = {
	{"status", "", command_status, "how ready the theatre is (default)"},
	{"cases", "", command_cases, "today's and coming cases, with studies"},
	{"studies", "", command_studies, "every study the agent knows"},
	{"show", "ID", command_show, "one case or study in full"},
	{"why", "ID", command_why, "why each study was taken or left"},
	{"prefetch", "ID", command_prefetch, "fetch a case or study at once"},
	{"look", "", command_look, "read the lists and plan again, now"},
	{"pin", "UID", command_pin, "keep a study whatever happens"},
	{"unpin", "UID", command_unpin, "let go of a pinned study"},
	{"evict", "UID", command_evict, "drop a study from the cache"},
	{"verify", "", command_verify, "check every object's digest"},
	{"wipe", "", command_wipe, "remove all that is of patients (--yes)"},
	{"check", "", command_check, "one line and 0-3 for Nagios"},
	{"watch", "", command_watch, "status that stays, with progress bars"},
	{"setup", "", command_setup, "what to enter in OsiriX or Horos"},
	{"relevance", "FILE", command_relevance,
	    "score the rules against labelled studies (CSV)"},
};
#define N_VERBS (sizeof(verbs) / sizeof(verbs[0]))

static int
real_ask(void *ctx, const struct http_ask *a, struct buf *body,
    int *ret_status, struct err *e)
{
	(void)ctx; /* only fakes need one */
	return http_exchange(a, body, ret_status, e);
}

static int
real_events(void *ctx, const char *socket, const char *url,
    http_event_fn *fn, void *fn_ctx, struct err *e)
{
	(void)ctx; /* only fakes need one */
	return http_events(socket, url, fn, fn_ctx, e);
}

void
command_init(struct command *c)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
	*c = (struct command){.out = stdout, .err = stderr, .ask = real_ask,
	    .events = real_events, .house_path = COMMAND_CONF,
	    .terminal = isatty(STDOUT_FILENO) == 1};
	c->colour = c->terminal && (no == NULL || no[0] == '\0') &&
	    (term == NULL || !str_eq(term, "dumb"));
}

static void
print_usage(FILE *out)
{
	/* a failed write is found when the program ends */
	(void)fputs("usage: understudy [-S SOCKET | -c FILE] [--json] [VERB]"
	    "\n\n", out);
	for (size_t i = 0; i < N_VERBS; i++)
		(void)fprintf(out, "  %-9s %-4s  %s\n", verbs[i].name,
		    verbs[i].arg, verbs[i].help);
	(void)fputs("\n  -S SOCKET  the agent's control socket\n"
	    "  -c FILE    the agent's configuration, for its state_dir\n"
	    "             (" COMMAND_CONF ")\n"
	    "  --json     print what the agent says, as JSON\n"
	    "  --app APP  setup: for horos (default), osirix or osirix-md\n"
	    "  --yes      wipe: it is meant; --force: also while a viewer "
	    "reads\n"
	    "  -V, -h     version, this help\n"
	    "\nExit: 0 done, 1 failed, 2 usage; check: 0 ok, 1 warning, "
	    "2 critical, 3 unknown.\n", out);
}

static int
usage(struct command *c, const char *want, const char *have)
{
	char safe[80];
	(void)fprintf(c->err, "understudy: want %s, have '%s'\n", want,
	    str_escape(safe, sizeof(safe), have, strlen(have)));
	(void)fputs("Try 'understudy -h'.\n", c->err);
	return COMMAND_USAGE;
}

static const struct verb *
find_verb(const char *name)
{
	for (size_t i = 0; i < N_VERBS; i++)
		if (str_eq(verbs[i].name, name))
			return &verbs[i];
	return NULL;
}

struct arguments {
	const char *word[2]; /* verb, its argument */
	int n;
	bool help, version;
};

/* One argument, and its value if it takes one: how many were used, 0 when
 * it is wrong. Options may stand before and after the verb. */
static int
read_one(struct command *c, char **argv, struct arguments *a)
{
	const char *s = argv[0];
	if (str_eq(s, "--json")) {
		c->json = true;
	} else if (str_eq(s, "--yes")) {
		c->yes = true;
	} else if (str_eq(s, "--force")) {
		c->force = true;
	} else if (str_eq(s, "-h") || str_eq(s, "--help")) {
		a->help = true;
	} else if (str_eq(s, "-V") || str_eq(s, "--version")) {
		a->version = true;
	} else if (str_eq(s, "-S") && argv[1] != NULL) {
		return str_copy(c->socket, sizeof(c->socket), argv[1]) ? 2 : 0;
	} else if (str_eq(s, "-c") && argv[1] != NULL) {
		c->conf_path = argv[1];
		return 2;
	} else if (str_eq(s, "--app") && argv[1] != NULL) {
		c->app = argv[1];
		return 2;
	} else if (s[0] == '-' || a->n == 2) {
		return 0;
	} else {
		a->word[a->n++] = s;
	}
	return 1;
}

/* The configuration; its warnings are the agent's, and not told. */
struct conf *
command_read_conf(struct command *c, const char *path)
{
	FILE *told = tmpfile();
	int ch;
	struct conf *conf = conf_read(path, told != NULL ? told : c->err);
	if (told == NULL)
		return conf;
	rewind(told);
	/* a failed write is found by nobody: this is the complaint */
	while (conf == NULL && (ch = getc(told)) != EOF)
		(void)putc(ch, c->err);
	(void)fclose(told); /* only read by us */
	return conf;
}

static int
set_socket(struct command *c, const struct conf *conf)
{
	int n = snprintf(c->socket, sizeof(c->socket), "%s/control.sock",
	    conf->state_dir);
	return n > 0 && (size_t)n < sizeof(c->socket) ? COMMAND_DONE :
	    command_fail_with(c, "state_dir is too long");
}

/* Where the agent listens: -S, or the state_dir of -c, or that of the house's
 * configuration when we may read it and it is good, or the default. */
static int
find_socket(struct command *c)
{
	const char *path = c->conf_path;
	if (c->socket[0] != '\0')
		return COMMAND_DONE;
	if (path == NULL && c->house_path != NULL) {
		if (access(c->house_path, R_OK) == 0)
			path = c->house_path;
		else
			c->house_closed = errno == EACCES;
	}
	struct conf *conf = path == NULL ? NULL :
	    command_read_conf(c, path);
	if (conf == NULL && c->conf_path != NULL)
		return COMMAND_USAGE;
	if (conf == NULL) {
		(void)str_copy(c->socket, sizeof(c->socket), COMMAND_SOCKET);
		return COMMAND_DONE;
	}
	int rc = set_socket(c, conf);
	conf_free(&conf);
	return rc;
}

static int
run_verb(struct command *c, const struct arguments *a)
{
	const struct verb *v = find_verb(a->n > 0 ? a->word[0] : "status");
	const char *arg = a->n > 1 ? a->word[1] : "";
	if (v == NULL)
		return usage(c, "a verb", a->word[0]);
	if (v->arg[0] == '\0' && a->n > 1)
		return usage(c, "no argument", arg);
	if (v->arg[0] != '\0' && arg[0] == '\0')
		return usage(c, v->arg, "");
	if (c->app != NULL && v->fn != command_setup)
		return usage(c, "--app with setup alone", v->name);
	if ((c->yes || c->force) && v->fn != command_wipe)
		return usage(c, "--yes and --force with wipe alone", v->name);
	if (v->fn == command_relevance) /* needs no agent */
		return v->fn(c, arg);
	int rc = find_socket(c);
	if (rc != COMMAND_DONE)
		return v->fn == command_check ? 3 : rc;
	return v->fn(c, arg);
}

int
command_run(struct command *c, int argc, char **argv)
{
	struct arguments a = {0};
	for (int i = 1; i < argc;) {
		int used = read_one(c, &argv[i], &a);
		if (used == 0)
			return usage(c, "an option or a verb", argv[i]);
		i += used;
	}
	if (a.help) {
		print_usage(c->out);
		return COMMAND_DONE;
	}
	if (a.version) {
		(void)fprintf(c->out, "understudy %s\n", UNDERSTUDY_VERSION);
		return COMMAND_DONE;
	}
	int rc = run_verb(c, &a);
	if (fflush(c->out) != 0 || ferror(c->out))
		return rc == COMMAND_DONE ? COMMAND_FAILED : rc;
	return rc;
}

int
command_fail_with(struct command *c, const char *text)
{
	char clean[400];
	(void)fprintf(c->err, "understudy: %s\n", term_clean(clean,
	    sizeof(clean), text));
	return COMMAND_FAILED;
}

const char *
command_words(char *dst, size_t size, const struct err *e)
{
	/* not being allowed in does not tell whether anybody is there */
	(void)snprintf(dst, size, "%s%s", e->sys == EACCES ? "" : "no agent: ",
	    e->msg);
	return dst;
}

int
command_fail(struct command *c, const struct err *e)
{
	char text[400];
	return command_fail_with(c, command_words(text, sizeof(text), e));
}

/* The socket that was tried is a guess when the file that names it is closed
 * to us; -1. */
static int
fail_closed(const struct command *c, struct err *e)
{
	if (c->house_closed && e->sys != EACCES)
		(void)err_set(e, ERR_NET, 0, "not allowed to read '%s', and "
		    "nobody listens at '%s': run as the agent's user or as "
		    "root", c->house_path, c->socket);
	return -1;
}

int
command_ask(struct command *c, bool post, const char *path, const char *id,
    json_t **ret, struct err *e)
{
	struct buf url, body;
	int status = -1;
	buf_init(&url, 4096);
	buf_init(&body, ANSWER_BYTES_MAX);
	*ret = NULL;
	buf_addf(&url, "http://localhost%s", path);
	if (id != NULL)
		http_add_escaped(&url, id);
	struct http_ask ask = {.socket = c->socket, .url = buf_str(&url),
	    .post = post, .timeout_ms = ANSWER_MS};
	if (url.failed)
		(void)err_set(e, ERR_INVAL, 0, "argument: too long");
	else if (c->ask(c->ctx, &ask, &body, &status, e) != 0)
		status = fail_closed(c, e);
	else
		*ret = json_loadb((const char *)body.p, body.len, 0, NULL);
	buf_done(&url);
	buf_done(&body);
	return status;
}

json_t *
command_get(struct command *c, const char *path, const char *id)
{
	json_t *json;
	struct err e;
	int status = command_ask(c, false, path, id, &json, &e);
	if (status == 200 && json != NULL)
		return json;
	if (status < 0)
		(void)command_fail(c, &e); /* NULL tells the caller */
	else
		(void)command_fail_with(c, json == NULL ?
		    "the agent's answer cannot be read" :
		    get_str(json, "error"));
	json_decref(json);
	return NULL;
}

bool
command_print_json(struct command *c, const json_t *json)
{
	if (!c->json)
		return false;
	/* a failed write is found when the program ends */
	(void)json_dumpf(json, c->out, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	(void)fputs("\n", c->out);
	return true;
}

const char *
get_str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s == NULL ? "" : s;
}

int64_t
get_int(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

bool
get_bool(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}
