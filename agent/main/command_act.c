/* SPDX-License-Identifier: MIT */
/* The verbs that change something: each is one POST. */
#include <time.h>

#include "main/command.h"

#define WIPE_ASK_NS 300000000 /* between two looks at how far it is */

/* Say what came of it. ${take} may be NULL. */
static int
finish(struct command *c, int status, json_t *take, const struct err *e)
{
	int rc = COMMAND_DONE;
	if (status < 0)
		rc = command_fail(c, e);
	else if (status < 200 || status > 299)
		rc = command_fail_with(c, take == NULL ? "refused" :
		    get_str(take, "error"));
	else if (take != NULL && !command_print_json(c, take))
		term_printf(c, PAINT_NONE, "%s\n", get_str(take, "result"));
	json_decref(take);
	return rc;
}

static int
post(struct command *c, const char *path, const char *id)
{
	struct err e;
	json_t *json;
	int status = command_ask(c, true, path, id, &json, &e);
	return finish(c, status, json, &e);
}

int
command_prefetch(struct command *c, const char *arg) /* command_fn */
{
	struct err e;
	json_t *json;
	int status = command_ask(c, true, "/api/prefetch?case=", arg, &json,
	    &e);
	if (status != 404)
		return finish(c, status, json, &e);
	json_decref(json);
	return post(c, "/api/prefetch?study=", arg);
}

int
command_look(struct command *c, const char *arg) /* command_fn */
{
	(void)arg; /* takes none */
	return post(c, "/api/look", NULL);
}

int
command_pin(struct command *c, const char *arg) /* command_fn */
{
	return post(c, "/api/pin?study=", arg);
}

int
command_unpin(struct command *c, const char *arg) /* command_fn */
{
	return post(c, "/api/unpin?study=", arg);
}

int
command_evict(struct command *c, const char *arg) /* command_fn */
{
	return post(c, "/api/evict?study=", arg);
}

int
command_verify(struct command *c, const char *arg) /* command_fn */
{
	(void)arg; /* takes none */
	return post(c, "/api/verify", NULL);
}

/* It takes a while; the answer tells when it is over. */
int
command_wipe(struct command *c, const char *arg) /* command_fn */
{
	(void)arg; /* takes none */
	const struct timespec wait = {.tv_nsec = WIPE_ASK_NS};
	const char *path = c->force ? "/api/wipe?confirm=yes&force=yes" :
	    "/api/wipe?confirm=yes";
	struct err e;
	json_t *json;
	if (!c->yes) {
		(void)command_fail_with(c, "wipe removes every image, pinned "
		    "or not, and all that was noted of patients; say --yes "
		    "if it is meant"); /* the status below */
		return COMMAND_USAGE;
	}
	int status = command_ask(c, true, path, NULL, &json, &e);
	while (status == 202) {
		json_decref(json);
		(void)nanosleep(&wait, NULL); /* a signal ends us anyway */
		status = command_ask(c, true, path, NULL, &json, &e);
	}
	return finish(c, status, json, &e);
}
