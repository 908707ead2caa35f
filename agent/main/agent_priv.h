/* SPDX-License-Identifier: MIT */
/* The agent's rooms, for agent*.c. */
#ifndef MAIN_AGENT_PRIV_H
#define MAIN_AGENT_PRIV_H

#include "cache/cache.h"
#include "index/index.h"
#include "main/agent.h"
#include "model/board.h"
#include "node/node.h"
#include "prefetch/prefetch.h"
#include "run/loop.h"
#include "run/pool.h"
#include "schedule/list.h"
#include "store/store.h"
#include "web/web.h"

#define AGENT_REFUSED_MAX WEB_ROWS_MAX

struct refused {
	char calling[17];
	char address[64]; /* without the caller's port */
	char reason[120], remedy[240];
	int64_t utc;
	unsigned times;
};

struct remembered;

struct agent {
	/* set at birth, then constant */
	const struct conf *conf;
	const char *decode_program; /* path of understudy-decode */
	struct relevance_rule rules[RELEVANCE_RULES_MAX];
	/* owned by the loop */
	struct loop *loop;
	struct board *board;
	struct store *store;
	struct index *index;
	struct cache *cache;
	struct prefetch *prefetch;
	struct node *node;
	struct web *web;
	struct pool *pool; /* reads theatre lists */
	struct list *lists[CONF_SECTIONS_MAX];
	unsigned n_lists;
	struct loop_signal *on_term, *on_int, *on_hup;
	int64_t started_ns; /* continuous clock */
	struct refused refused[AGENT_REFUSED_MAX]; /* newest first */
	unsigned n_refused;
	/* lines about callers never seen before, in the minute of their
	 * first: a host may call under a thousand titles */
	int64_t first_refused_utc;
	unsigned n_lines;
	char node_address[80], web_address[80];
	char viewer_address[CONF_SECTIONS_MAX][80];
	struct remembered *remembered; /* wants from before the start */
	struct loop_timer *volume_timer;
	enum store_place place; /* of the cache, as last looked at */
	bool wiped; /* a person asked; nothing is fetched any more */
	struct err trouble; /* of the index or the disk, for healthz */
};

/* agent_ports.c: fill the rooms' ports and configurations. */
int agent_start_cache(struct agent *a, struct err *e);
int agent_start_prefetch(struct agent *a, struct err *e);
int agent_start_node(struct agent *a, struct err *e);
void agent_start_lists(struct agent *a);
/* agent_wants.c: read what was remembered; free it; a new list. */
int agent_start_wants(struct agent *a, struct err *e);
void agent_stop_wants(struct agent *a);
list_cases_fn agent_on_cases;
/* agent_volume.c: the cache's folder, the one that was there before; look
 * after it; what there is to say of it, "" = nothing. */
struct store *agent_open_store(struct agent *a, struct err *e);
void agent_watch_volume(struct agent *a);
const char *agent_volume_trouble(const struct agent *a);
/* agent_web.c */
int agent_start_web(struct agent *a, struct err *e);

#endif
