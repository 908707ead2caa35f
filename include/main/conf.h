/* SPDX-License-Identifier: MIT
 *
 * conf: the configuration file as one constant struct.
 * Read once at start, on the main thread; passed down in parts.
 * Owns its strings and patterns. Every key is a row of main/conf.tbl.h, from
 * which the parser, --dump-config, conf/understudy.conf and conf/README.md
 * are made.
 */
#ifndef MAIN_CONF_H
#define MAIN_CONF_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "base/limits.h"
#include "model/relevance.h"
#include "model/window.h"
#include "text/pattern.h"
#include "text/zone.h"

#define CONF_NAME_SIZE 33 /* of a section, "quoted" */
#define CONF_SECTIONS_MAX 16 /* of one kind */

struct conf_endpoint { /* "127.0.0.1:11113", "[::1]:11113" */
	char host[256];
	uint16_t port;
};

enum conf_retrieve { CONF_C_GET, CONF_C_MOVE, CONF_WADO_RS };

struct conf_viewer {
	char name[CONF_NAME_SIZE];
	char ae_title[17];
	char host[256];
	uint16_t port;
	bool push;
};

struct conf_archive {
	char name[CONF_NAME_SIZE];
	char ae_title[17];
	char host[256];
	uint16_t port;
	enum conf_retrieve retrieve;
	unsigned associations; /* at once, 1..32 */
	char dicomweb[512]; /* base URL, "" = none */
	bool by_find; /* with wado-rs: lists by C-FIND, not by QIDO-RS */
	bool optional; /* no case waits for its answer */
	uint64_t bandwidth; /* bytes/s, 0 = any */
	int64_t rank;
};

struct conf_schedule {
	char name[CONF_NAME_SIZE];
	char *path; /* type = file */
};

struct conf_relevance {
	struct relevance_rule rule;
	struct pattern *match, *exclude, *procedure; /* owned; rule borrows */
};

struct conf {
	char theatre[1024]; /* comma list */
	char state_dir[1024];
	struct zone *zone;
	char cache_path[1024]; /* default <state_dir>/cache */
	uint64_t cache_size, cache_reserve; /* bytes */
	int64_t retention_s;
	unsigned cache_high, cache_low; /* percent of the size */
	uint64_t scrub; /* bytes/s, 0 = none */
	char ae_title[17];
	struct conf_endpoint node;
	bool partial; /* list studies that are not ready */
	bool read_through; /* ask and fetch what is not here */
	unsigned max_associations;
	struct limit_values limits; /* [limits], and some of [node] */
	struct window window;
	int64_t urgent_s, horizon_s;
	int64_t spread_s; /* of bulk work after a start or a wake */
	uint64_t bandwidth; /* bytes/s of all archives together, 0 = any */
	bool strict_identity;
	struct conf_endpoint web;
	char cors[256]; /* origin that may read, "*", "" = none */
	struct conf_viewer viewers[CONF_SECTIONS_MAX];
	unsigned n_viewers;
	struct conf_archive archives[CONF_SECTIONS_MAX]; /* by rank */
	unsigned n_archives;
	struct conf_schedule schedules[CONF_SECTIONS_MAX];
	unsigned n_schedules;
	struct conf_relevance relevance[RELEVANCE_RULES_MAX];
	unsigned n_relevance; /* none in the file: the two default rules */
};

/* Read ${path}. Every fault is written to ${out} as
 * "file:line: key: want X, have 'Y'"; so are warnings ("file:line: key:
 * warning: ..."). Returns NULL when there was a fault. */
struct conf *conf_read(const char *path, FILE *out);
/* What a file with nothing in it would mean, were that allowed: for its
 * rules. */
struct conf *conf_default(FILE *out);
void conf_free(struct conf **pp);
/* Write the documented default configuration (conf/understudy.conf). */
void conf_dump(FILE *out);
/* Write every key as a Markdown table (conf/README.md). */
void conf_dump_markdown(FILE *out);

#endif
