/* SPDX-License-Identifier: MIT
 *
 * What the web room shares: a question without its socket, its answer, and
 * the makers of answers. All of it but web.c is pure and runs on the loop.
 */
#ifndef WEB_WEB_PRIV_H
#define WEB_WEB_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/buf.h"
#include "base/uid.h"
#include "model/board.h"
#include "web/web.h"

#define WEB_PATH_SIZE 256 /* longer ones are nobody's: 404 */
#define WEB_BODY_MAX (64u << 20) /* bytes of one answer; 500 above */

/* agent/web/page.html, embedded by the Makefile */
extern const unsigned char web_page[];
extern const size_t web_page_size;

/* what every answer is made from */
struct web_desk {
	const struct web_ports *ports;
	struct board *board;
	const struct zone *zone;
	const char *version;
	int64_t horizon_s;
};

enum web_method { WEB_GET, WEB_POST, WEB_OTHER };

struct web_ask {
	enum web_method method;
	char path[WEB_PATH_SIZE];
	bool has_case, has_study; /* the query names one */
	char case_id[CASE_ID_SIZE]; /* "" when it cannot be one */
	char study_uid[UID_SIZE]; /* the same */
	bool all; /* other rooms and other days too */
	bool confirmed; /* confirm=yes: it is meant */
	bool force; /* viewers that read are no matter */
};

struct web_answer {
	int status;
	const char *type; /* Content-Type */
	const char *allow; /* with 405: what is allowed; NULL */
	bool stream; /* an event stream begins, ${body} is empty */
	struct buf body;
};

/* route.c: answer ${ask}; ${a} is empty before, buf_done it after. */
void route_answer(const struct web_desk *d, const struct web_ask *ask,
    struct web_answer *a);
/* Make ${a} the JSON error ${status} with ${text}. */
void route_error(struct web_answer *a, int status, const char *text);
/* Take over query values; NULL = not given. */
void route_set_case(struct web_ask *ask, const char *value);
void route_set_study(struct web_ask *ask, const char *value);

/* report.c, listing.c: JSON of DESIGN 3.3; the caller owns it. */
json_t *report_status(const struct web_desk *d, const struct web_facts *f);
json_t *listing_cases(const struct web_desk *d, bool all);
/* From today on, on the theatre's calendar, whatever its room; a long
 * operation stays while it lasts. */
bool listing_is_coming(const struct web_desk *d, const struct board_case *c,
    int64_t now);
json_t *listing_case(const struct web_desk *d, const struct board_case *c);
json_t *listing_studies(const struct web_desk *d);
json_t *listing_study(const struct web_desk *d, const struct board_study *s);
/* Why: NULL when the board does not know it. */
json_t *listing_why_case(const struct web_desk *d, const char *id);
json_t *listing_why_study(const struct web_desk *d, const char *uid);

/* metrics.c: Prometheus text format 0.0.4. */
void metrics_write(const struct web_desk *d, const struct web_facts *f,
    struct buf *b);

/* events.c: one event, "data: {...}\n\n" on one line. */
void events_write(const struct web_desk *d, struct buf *b);

/* put.c: jansson without a check at each line. ${take} is consumed. */
void put_new(json_t *o, const char *key, json_t *take);
void put_item(json_t *array, json_t *take);
void put_str(json_t *o, const char *key, const char *s);
void put_int(json_t *o, const char *key, int64_t v);
void put_bool(json_t *o, const char *key, bool v);
/* ISO 8601 with zone; null for 0. */
void put_time(json_t *o, const char *key, const struct zone *z, int64_t utc_s);
/* YYYYMMDD as "YYYY-MM-DD", whatever else as it is. */
void put_date(json_t *o, const char *key, const char *dicom);
/* An array of the parts of ${s} between any of ${separators}. */
void put_parts(json_t *o, const char *key, const char *s,
    const char *separators);
/* Append ${take} as one line of text and a line feed. */
void put_text(struct buf *b, json_t *take);

/* guard.c: who may ask, told by the Host and Origin of a request. */
struct guard {
	char listen[80]; /* as a Host says it: "[::1]" */
	bool any; /* listens on every address */
	char name[256]; /* of this machine, first label; only if ${any} */
};
void guard_init(struct guard *g, const char *listen_host);
/* Whether ${host} ("localhost:8113") names us; NULL does not. A page of
 * another site that had its name resolved to this address (DNS rebinding)
 * still sends its own name here. */
bool guard_host_is_ours(const struct guard *g, const char *host);
/* Whether a request may come from a page at ${origin}: none (NULL), or the
 * very host that ${host} names. */
bool guard_origin_is_ours(const char *origin, const char *host);

/* stream.c: event streams. Opened and published to on the loop; the server
 * thread reads them. */
struct MHD_Connection;
struct MHD_Response;
struct streams;
struct stream;
struct streams *streams_new(void);
void streams_free(struct streams **pp);
/* A stream for ${conn}, which starts with the latest event; NULL when there
 * are too many. It is given away by stream_response or stream_close. */
struct stream *streams_open(struct streams *set, struct MHD_Connection *conn);
/* Take ${take} (its bytes) as the event that all streams send next. */
void streams_publish(struct streams *set, struct buf *take);
unsigned streams_count(struct streams *set);
/* End them all: a suspended connection would keep the server from stopping. */
void streams_stop(struct streams *set);
/* [server] A response that owns ${take}; NULL (and ${take} closed) when out
 * of memory. */
struct MHD_Response *stream_response(struct stream *take);
void stream_close(struct stream **pp);

#endif
