/* SPDX-License-Identifier: MIT */
/* The cache's volume. A cache outside state_dir may be on a disk of its own,
 * which may not be there: then nothing is made in its place, neither at a
 * start nor later, or the system's disk would be filled instead (C13). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "main/agent_priv.h"

#define LOOK_MS 10000

static void
id_path(const struct agent *a, char ret[1100])
{
	(void)snprintf(ret, 1100, "%s/cache.id", a->conf->state_dir);
}

static bool
is_elsewhere(const struct agent *a)
{
	const char *state = a->conf->state_dir;
	const char *path = a->conf->cache_path;
	size_t n = strlen(state);
	return strncmp(path, state, n) != 0 || path[n] != '/';
}

/* "" when none was written: the first start. */
static void
read_id(const struct agent *a, char ret[64])
{
	char path[1100];
	ret[0] = '\0';
	id_path(a, path);
	FILE *f = fopen(path, "re");
	if (f == NULL)
		return;
	if (fgets(ret, 64, f) != NULL)
		ret[strcspn(ret, "\n")] = '\0';
	else
		ret[0] = '\0';
	(void)fclose(f); /* read only */
}

/* Whole, or not at all. */
static int
write_id(const struct agent *a, const char *id, struct err *e)
{
	char path[1100], aside[1108];
	id_path(a, path);
	(void)snprintf(aside, sizeof(aside), "%s.new", path);
	FILE *f = fopen(aside, "we");
	if (f == NULL)
		return err_set(e, ERR_IO, errno, "write '%s'", aside);
	bool ok = fprintf(f, "%s\n", id) > 0;
	ok = fclose(f) == 0 && ok;
	if (!ok || rename(aside, path) != 0)
		return err_set(e, ERR_IO, errno, "write '%s'", path);
	return 0;
}

struct store *
agent_open_store(struct agent *a, struct err *e)
{
	char id[64], path[1100];
	read_id(a, id);
	bool known = is_elsewhere(a) && id[0] != '\0';
	struct store *s = store_open_known(a->conf->cache_path,
	    known ? id : NULL, e);
	if (s == NULL && known && e->sys == ENOENT) {
		id_path(a, path);
		log_error("main.cache.missing", "action=none to_begin_a_new_"
		    "one='remove %s'", path);
	}
	if (s != NULL && is_elsewhere(a) && !known &&
	    write_id(a, store_id(s), e) != 0)
		store_close(&s);
	return s;
}

const char *
agent_volume_trouble(const struct agent *a)
{
	switch (a->place) {
	case STORE_HERE:
		break;
	case STORE_READ_ONLY:
		return "the cache's volume is read-only; nothing is fetched";
	case STORE_GONE:
		return "the cache is not in its place: its volume is not "
		    "mounted, or another folder is there; nothing is fetched";
	case STORE_BACK:
		return "the cache is back in its place; starting anew";
	}
	return "";
}

static void
on_volume(void *ctx) /* loop_fn */
{
	struct agent *a = ctx;
	enum store_place was = a->place;
	a->place = store_look(a->store);
	a->volume_timer = loop_timer_start(a->loop, LOOK_MS, on_volume, a);
	if (a->place == was)
		return;
	if (a->place == STORE_HERE)
		log_info("main.cache.here", "action=fetching_goes_on");
	else
		log_error("main.cache.trouble", "error=\"%s\"",
		    agent_volume_trouble(a));
	if (a->place == STORE_BACK) /* launchd starts us again */
		loop_stop(a->loop);
	else
		prefetch_look(a->prefetch);
	board_changed(a->board);
	web_changed(a->web);
}

void
agent_watch_volume(struct agent *a)
{
	a->volume_timer = loop_timer_start(a->loop, LOOK_MS, on_volume, a);
}
