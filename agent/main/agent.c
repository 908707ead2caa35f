/* SPDX-License-Identifier: MIT */
/* Start in named steps, run, stop in reverse (see stop() for the one knot). */
#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "dicom/dataset.h"
#include "main/agent_priv.h"

#define DESCRIPTORS 1024
#define GAP_MS 1000 /* asleep for less is the noise of two clocks */
#define STOP_S 5 /* SIGTERM to the end; a kill loses nothing (C01) */

static int
make_folder(const char *path, struct err *e)
{
	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return 0;
	return err_set(e, ERR_IO, errno, "make the folder '%s'", path);
}

/* For log rotation: newsyslog ends the agent by it, launchd starts it. */
static int
write_pid(const struct agent *a, struct err *e)
{
	char path[1100];
	(void)snprintf(path, sizeof(path), "%s/understudyd.pid",
	    a->conf->state_dir);
	FILE *f = fopen(path, "w");
	if (f == NULL || fprintf(f, "%ld\n", (long)getpid()) < 0) {
		(void)err_set(e, ERR_IO, errno, "write '%s'", path);
		if (f != NULL)
			(void)fclose(f);
		return -1;
	}
	return fclose(f) == 0 ? 0 : err_set(e, ERR_IO, errno, "write '%s'",
	    path);
}

/* A number that means nobody must not be left for a rotation to kill. */
static void
remove_pid(const struct agent *a)
{
	char path[1100];
	(void)snprintf(path, sizeof(path), "%s/understudyd.pid",
	    a->conf->state_dir);
	(void)unlink(path); /* gone already is fine */
	(void)snprintf(path, sizeof(path), "%s/control.sock",
	    a->conf->state_dir);
	(void)unlink(path); /* see above */
}

static int
start_store(struct agent *a, struct err *e)
{
	if (make_folder(a->conf->state_dir, e) != 0)
		return -1;
	a->store = agent_open_store(a, e);
	return a->store != NULL ? write_pid(a, e) : -1;
}

static int
start_index(struct agent *a, struct err *e)
{
	bool lost = false;
	a->index = index_open(a->conf->cache_path, &lost, e);
	if (lost)
		log_error("index.lost", "action=renamed_aside_and_made_anew");
	return a->index != NULL ? 0 : -1;
}

/* launchd gives 256 descriptors; the connections that we take may need more.
 * What libmicrohttpd polls must stay below FD_SETSIZE. */
static void
raise_descriptors(void)
{
	struct rlimit r = {0};
	if (getrlimit(RLIMIT_NOFILE, &r) != 0 || r.rlim_cur >= DESCRIPTORS)
		return;
	r.rlim_cur = r.rlim_max < DESCRIPTORS ? r.rlim_max : DESCRIPTORS;
	(void)setrlimit(RLIMIT_NOFILE, &r); /* then it stays as it is */
}

static int
start_loop(struct agent *a, struct err *e)
{
	raise_descriptors();
	a->board = board_new();
	a->loop = loop_new(e);
	return a->loop != NULL ? 0 : -1;
}

static void
on_signal(void *ctx, int signum) /* loop_signal_fn */
{
	struct agent *a = ctx;
	if (signum == SIGHUP) {
		for (unsigned i = 0; i < a->n_lists; i++)
			list_look(a->lists[i]);
		return;
	}
	log_info("main.stop.asked", "signal=%d", signum);
	loop_stop(a->loop);
}

static void
on_gap(void *ctx, int64_t asleep_ms, int64_t stepped_ms) /* loop_gap_fn */
{
	struct agent *a = ctx;
	log_info("main.clock.gap", "asleep_ms=%lld stepped_ms=%lld",
	    (long long)asleep_ms, (long long)stepped_ms);
	for (unsigned i = 0; i < a->n_lists; i++)
		list_look(a->lists[i]);
	if (a->prefetch != NULL)
		prefetch_gap(a->prefetch, asleep_ms >= GAP_MS ? asleep_ms : 0);
	if (a->cache != NULL && (stepped_ms >= GAP_MS || stepped_ms <= -GAP_MS))
		cache_clock_stepped(a->cache);
}

static int
start_lists(struct agent *a, struct err *e)
{
	a->pool = pool_new(a->loop, "list",
	    a->conf->n_schedules > 0 ? a->conf->n_schedules : 1, e);
	if (a->pool == NULL)
		return -1;
	a->on_term = loop_signal_start(a->loop, SIGTERM, on_signal, a);
	a->on_int = loop_signal_start(a->loop, SIGINT, on_signal, a);
	a->on_hup = loop_signal_start(a->loop, SIGHUP, on_signal, a);
	loop_on_gap(a->loop, on_gap, a);
	agent_start_lists(a);
	agent_watch_volume(a);
	prefetch_look(a->prefetch);
	return 0;
}

/* The node before the cache: the cache tells it at start what is held. Its
 * first caller is served when the loop runs, after all of this. */
static const struct {
	const char *name;
	int (*start)(struct agent *a, struct err *e);
} steps[] = {
    {"loop", start_loop},
    {"store", start_store},
    {"index", start_index},
    {"wants", agent_start_wants},
    {"node", agent_start_node},
    {"cache", agent_start_cache},
    {"prefetch", agent_start_prefetch},
    {"web", agent_start_web},
    {"schedule", start_lists},
};

/* Everything that was started; the rest is NULL. What cannot end
 * in time (a name server that does not answer) is ended by the alarm. */
static void
stop(struct agent *a)
{
	(void)alarm(STOP_S);
	while (a->n_lists > 0)
		list_stop(&a->lists[--a->n_lists]);
	loop_signal_stop(&a->on_term);
	loop_signal_stop(&a->on_int);
	loop_signal_stop(&a->on_hup);
	loop_timer_stop(&a->volume_timer);
	pool_free(&a->pool);
	web_stop(&a->web);
	/* prefetch waits for what an archive sends to the node, the node's
	 * workers call prefetch: both end their work before either goes */
	if (a->node != NULL)
		node_halt(a->node);
	if (a->prefetch != NULL)
		prefetch_halt(a->prefetch);
	node_stop(&a->node);
	prefetch_stop(&a->prefetch);
	cache_stop(&a->cache);
	agent_stop_wants(a);
	index_close(&a->index);
	if (a->store != NULL) /* ours, for we held its lock */
		remove_pid(a);
	store_close(&a->store);
	loop_free(&a->loop);
	board_free(&a->board);
	(void)alarm(0);
}

int
agent_run(const struct conf *c, const char *decode_program, struct err *e)
{
	struct agent a = {.conf = c, .decode_program = decode_program,
	    .started_ns = clock_continuous_ns()};
	int rc = dataset_start(e);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && rc == 0;
	    i++) {
		rc = steps[i].start(&a, e);
		if (rc != 0)
			(void)err_prefix(e, "start the %s", steps[i].name);
	}
	if (rc == 0) {
		(void)snprintf(a.node_address, sizeof(a.node_address),
		    strchr(c->node.host, ':') != NULL ? "[%.60s]:%u" :
		    "%.60s:%u", c->node.host, node_port(a.node));
		log_info("main.started", "version=%s web=%s:%u",
		    UNDERSTUDY_VERSION, c->web.host, web_port(a.web));
		loop_run(a.loop);
		if (a.place == STORE_BACK)
			rc = err_set(e, ERR_IO, 0, "the cache is back in its "
			    "place: want a new start");
	}
	stop(&a);
	log_info("main.stopped", "result=%s", rc == 0 ? "clean" : "failed");
	return rc;
}
