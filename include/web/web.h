/* SPDX-License-Identifier: MIT
 *
 * web: the API, the page and the metrics, on the web port and on the control
 * socket (libmicrohttpd); DICOMweb on the web port. Its own threads read and
 * write sockets and pull DICOMweb's bodies; the API's answers are made on the
 * loop, from the board and the ports below, DICOMweb's on its own workers,
 * from the index and the store.
 * Owns its two listeners and those workers. GET never changes anything; a
 * POST with a foreign Origin or Host is refused (403).
 */
#ifndef WEB_WEB_H
#define WEB_WEB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "index/index.h"
#include "model/board.h"
#include "run/loop.h"
#include "store/store.h"
#include "text/zone.h"

struct web;

#define WEB_ROWS_MAX 16 /* archives, schedules, viewers, refused callers */

struct web_archive {
	const char *name, *ae_title, *state; /* up down unknown */
	int64_t last_ok_utc; /* 0 = never */
	int64_t since_utc, next_try_utc; /* of the state; 0 = none */
	unsigned associations, allowed; /* configured; that it bears now */
	const char *last_error; /* "" = none */
};
struct web_schedule {
	const char *name, *type, *state; /* ok stale failed */
	int64_t last_event_utc; /* 0 = never */
	const char *last_error;
};
/* a caller the node turned away, with the lines that would let it in */
struct web_refused {
	const char *calling, *address, *reason, *remedy;
	int64_t utc;
	unsigned times;
};
/* a viewer's own listener, as it last answered C-ECHO */
struct web_viewer {
	const char *name, *ae_title, *address, *state; /* up down unknown */
	bool push; /* studies are sent to it as cases turn ready */
	int64_t last_ok_utc; /* 0 = never */
	const char *last_error;
};
/* Facts for /api/status; strings are borrowed while the answer is made. */
struct web_facts {
	const char *theatre;
	int64_t uptime_s;
	bool healthy;
	const char *trouble; /* why not healthy, "" otherwise */
	uint64_t cache_bytes, cache_limit, cache_reserve, disk_free;
	unsigned transfers_active, transfers_queued;
	struct web_archive archives[WEB_ROWS_MAX];
	unsigned n_archives;
	struct web_schedule schedules[WEB_ROWS_MAX];
	unsigned n_schedules;
	struct web_viewer viewers[WEB_ROWS_MAX];
	unsigned n_viewers;
	struct web_refused refused[WEB_ROWS_MAX];
	unsigned n_refused;
	const char *node_ae, *node_address; /* what to enter in the viewer */
	const char *web_address; /* of this room: the viewer's WADO */
};

/* What a POST came to: an HTTP status (202, 404, 409) and words. */
struct web_outcome {
	int status;
	char text[300];
};

/* Filled by main; all are called on the loop. */
struct web_ports {
	void *ctx;
	void (*facts)(void *ctx, struct web_facts *ret);
	/* exactly one of ${case_id}, ${study_uid} is not NULL */
	void (*prefetch)(void *ctx, const char *case_id, const char *study_uid,
	    struct web_outcome *ret);
	void (*keep)(void *ctx, const char *study_uid, bool keep,
	    struct web_outcome *ret);
	void (*evict)(void *ctx, const char *study_uid,
	    struct web_outcome *ret);
	/* read the theatre lists and look at the plan again, now */
	void (*look)(void *ctx, struct web_outcome *ret);
	/* check every object's digest; runs on, the answer is 202 */
	void (*verify)(void *ctx, struct web_outcome *ret);
	/* remove all that is of a patient; 409 while a viewer reads, unless
	 * ${force}; 202 it goes on: ask again; 200 done, 500 failed */
	void (*wipe)(void *ctx, bool force, struct web_outcome *ret);
};

struct web_config {
	const char *host; /* numeric address */
	uint16_t port; /* 0 = any free one */
	const char *socket_path;
	const char *version;
	int64_t horizon_s;
	/* DICOMweb: answered by workers from these, which are borrowed */
	struct index *ix;
	struct store *st;
	const char *ae_title; /* of the node: RetrieveAETitle */
	const char *cors; /* an origin that may read, "*" any, "" none */
	const char *decode_program; /* path of understudy-decode */
	void *ctx; /* of the three below, as node_ports has them [worker] */
	void (*hold)(void *ctx, const char *study_uid);
	void (*release)(void *ctx, const char *study_uid);
	void (*damaged)(void *ctx, const char *study_uid,
	    const uint8_t name[STORE_NAME_BYTES]);
};

/* Listen; ${b} and ${z} are borrowed. Call web_changed after the board
 * changed: event streams get it at most four times a second. */
struct web *web_start(struct loop *l, const struct web_config *c,
    const struct web_ports *ports, struct board *b, const struct zone *z,
    struct err *e);
void web_stop(struct web **pp);
uint16_t web_port(const struct web *w);
void web_changed(struct web *w);

#endif
