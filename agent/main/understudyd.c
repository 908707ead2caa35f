/* SPDX-License-Identifier: MIT */
/* understudyd: the agent's command line. */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/str.h"
#include "main/agent.h"

#define CONF_PATH "/etc/understudy/understudy.conf"

struct arguments {
	const char *program; /* as we were called */
	const char *conf, *areas;
	bool check, verbose, dump, markdown, version, help;
};

static const char usage[] =
    "usage: understudyd [-c FILE] [-n] [-v] [-D areas] [--dump-config] [-V]\n"
    "  -c FILE        configuration (" CONF_PATH ")\n"
    "  -n             check the configuration and exit\n"
    "  -v             log debug lines of every area\n"
    "  -D areas       log debug lines of these areas: node,prefetch,...\n"
    "  --dump-config  print every setting with its default and exit\n"
    "  -V             print the version and exit\n"
    "Stays in the foreground and logs to standard error.\n";

static bool
read_arguments(int argc, char **argv, struct arguments *a)
{
	static const struct option longs[] = {
	    {"dump-config", no_argument, NULL, 'd'},
	    {"dump-markdown", no_argument, NULL, 'm'},
	    {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'V'},
	    {NULL, 0, NULL, 0},
	};
	int c;
	a->conf = CONF_PATH;
	a->program = argv[0];
	while ((c = getopt_long(argc, argv, "c:nvD:Vh", longs, NULL)) != -1) {
		if (c == 'c')
			a->conf = optarg;
		else if (c == 'D')
			a->areas = optarg;
		a->check |= c == 'n';
		a->verbose |= c == 'v';
		a->dump |= c == 'd';
		a->markdown |= c == 'm';
		a->version |= c == 'V';
		a->help |= c == 'h';
		if (c == '?')
			return false;
	}
	return optind == argc;
}

/* The helper lies where we lie: build/, or libexec once installed. */
static void
beside(const char *program, char *ret, size_t size)
{
	const char *slash = strrchr(program, '/');
	int n = slash == NULL ? 0 : (int)(slash + 1 - program);
	(void)snprintf(ret, size, "%.*sunderstudy-decode", n,
	    program); /* a path that is cut is not found */
}

static int
run(const struct arguments *a)
{
	struct err e;
	struct conf *c = conf_read(a->conf, stderr);
	if (c == NULL)
		return 2;
	if (a->check) {
		(void)printf("%s: no faults found\n", a->conf);
		conf_free(&c);
		return 0;
	}
	log_open(a->verbose ? LOG_DEBUG : LOG_INFO, a->areas);
	limits_set(&c->limits);
	char decode[1100];
	beside(a->program, decode, sizeof(decode));
	int rc = agent_run(c, decode, &e);
	if (rc != 0)
		log_error("main.failed", "error='%s'", e.msg);
	conf_free(&c);
	return rc == 0 ? 0 : 1;
}

int
main(int argc, char **argv)
{
	struct arguments a = {0};
	if (!read_arguments(argc, argv, &a)) {
		(void)fputs(usage, stderr);
		return 2;
	}
	if (a.help)
		(void)fputs(usage, stdout);
	else if (a.version)
		(void)printf("understudyd %s\n", UNDERSTUDY_VERSION);
	else if (a.dump)
		conf_dump(stdout);
	else if (a.markdown)
		conf_dump_markdown(stdout);
	else
		return run(&a);
	return 0;
}
