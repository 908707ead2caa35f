/* SPDX-License-Identifier: MIT
 *
 * DICOMweb: what its files share: a request as it came, its answer, and the
 * plan of a long body. A request is read on the server's thread, answered on
 * a worker, and its body is pulled by the server's thread again.
 */
#ifndef WEB_DICOMWEB_PRIV_H
#define WEB_DICOMWEB_PRIV_H

#include <stdatomic.h>

#include "base/lock.h"
#include "dicom/decode.h"
#include "run/pool.h"
#include "web_priv.h"
#include "wire/attrs.h"

#define DW_OBJECTS_MAX 100000 /* of one answer; 413 above */
#define DW_ROWS_MAX 10000 /* of one search; a warning above */
#define DW_WORKERS 4
#define DW_MEDIA_MAX 32 /* ranges of one Accept; the rest is not looked at */
#define DW_CONVERT_MAX (UINT64_C(256) << 20) /* bytes of one object that is
                                              * converted in memory */
#define DW_CONVERTING_MAX 2 /* answers under way that convert object by
                            * object, on the server's threads, of which the
                            * page needs the others; 503 above */
#define DW_CONVERTED_MAX (UINT64_C(512) << 20) /* bytes of those converted in
                                                * memory; 503 above */
#define DW_SMALL_BYTES (UINT64_C(64) << 20) /* checked before it is begun */

/* ---- accept.c: media types, RFC 9110 12.5.1 and PS3.18 8.7 ---- */

struct media {
	char type[64]; /* in lower case, "multipart/related" */
	char inner[64]; /* its parameter type, in lower case, or "" */
	char syntax[UID_SIZE]; /* its transfer-syntax, "*", or "" */
	unsigned q; /* thousandths */
};
struct accept {
	struct media m[DW_MEDIA_MAX]; /* the best first */
	unsigned n;
};
/* Read ${s}; NULL or "" is all that there is, ranges that cannot be read and
 * those with q=0 do not count. */
void accept_parse(struct accept *a, const char *s);
/* Whether ${range} (it may have wildcards) takes in ${type}. */
bool accept_is(const char *range, const char *type);
/* The first of ${types} (NULL at the end) that ${a} likes best, or NULL. */
const char *accept_first(const struct accept *a, const char *const *types);
/* Whether an Accept-Encoding allows gzip; NULL does not. */
bool accept_gzip(const char *s);

/* ---- dicomweb_ask.c: what was asked ---- */

struct dw_arg {
	char *key, *value; /* decoded; a value that is missing is "" */
};
/* A request as it came. Owns its strings; those that were not sent are
 * NULL. */
struct dw_ask {
	char *path, *host;
	struct dw_arg *args;
	unsigned n_args;
	char *accept, *encoding, *if_none_match;
};
void dw_ask_add(struct dw_ask *ask, const char *key, const char *value);
void dw_ask_done(struct dw_ask *ask);
/* The value of the first argument of that name, NULL when there is none. */
const char *dw_ask_value(const struct dw_ask *ask, const char *key);
/* The query's accept before the header (PS3.18 8.3.3.1). */
void dw_ask_accept(const struct dw_ask *ask, struct accept *ret);

enum dw_what {
	DW_NOTHING, /* 404 */
	DW_STUDIES, DW_SERIES, DW_INSTANCES, /* a search at that level */
	DW_OBJECTS, /* all of what the path names */
	DW_METADATA,
	DW_FRAMES, DW_BULK, /* ${tail} says which */
	DW_URI, /* /wado */
};
struct dw_path {
	enum dw_what what;
	char study[UID_SIZE], series[UID_SIZE], instance[UID_SIZE]; /* or "" */
	const char *tail; /* borrowed from the path */
};
void dw_path_parse(struct dw_path *ret, const char *path);

/* ---- body.c: the plan of a body ---- */

struct dicomweb;
struct body;
struct store_item;

/* An empty plan; of one thread at a time. Text is copied. */
struct body *body_new(struct dicomweb *dw);
void body_free(struct body **pp);
/* Keep a study from being evicted for as long as the body lives. */
void body_hold(struct body *b, const char *study_uid);
void body_text(struct body *b, const void *p, size_t n);
void body_textf(struct body *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Bytes that live as long as the body: of its map or its own buffer. */
void body_bytes(struct body *b, const void *p, size_t n);
struct store_map *body_map(struct body *b); /* empty; unmapped at the end */
struct buf *body_own(struct body *b); /* empty; released at the end */
/* What is in it was converted: it counts until the body's end. */
void body_count_converted(struct body *b);
/* A part of wire/gzpart, which is inflated when its turn comes. */
void body_part(struct body *b, const void *p, size_t n, uint32_t text_n);
/* A whole Part 10 file with its data set in ${syntax}, converted when that
 * is not the stored one. */
void body_object(struct body *b, const struct store_item *o,
    const char *syntax);
/* ${n} bytes that ${fn} appends to ${out} when their turn comes. */
typedef void body_make_fn(void *ctx, unsigned k, struct buf *out);
void body_make(struct body *b, body_make_fn *fn, unsigned k, size_t n);
/* What is added from here on counts into ${crc}, which lives as long as the
 * body; NULL ends that. */
void body_crc(struct body *b, uint32_t *crc);
/* The ctx of body_make, with its destructor. */
void body_own_ctx(struct body *b, void *ctx, void (*done)(void *ctx));
bool body_failed(const struct body *b); /* the plan is too long */
bool body_converts(const struct body *b);
/* Bytes in all; BODY_UNKNOWN while something must be converted. */
#define BODY_UNKNOWN UINT64_MAX
uint64_t body_length(const struct body *b);
/* The next bytes, up to ${max} (from 1): how many, 0 at the end, -1 when the
 * rest cannot be given. Damage is reported from here. */
int64_t body_read(struct body *b, void *out, size_t max, struct err *e);

/* ---- the answer ---- */

struct dw_answer {
	int status;
	char type[160]; /* Content-Type */
	char etag[48], warning[800]; /* or "" */
	const char *disposition; /* Content-Disposition or NULL */
	bool gzip; /* Content-Encoding */
	struct body *body; /* NULL: an error with ${text}, or none at all */
	char text[200]; /* "" = an empty body */
};

struct dw_request;
typedef void dw_done_fn(void *ctx);
struct dw_request {
	struct job job; /* first */
	struct dicomweb *dw;
	struct dw_ask ask;
	struct dw_answer answer;
	/* of the worker */
	struct dw_path path;
	struct accept accept;
	struct index_reader *reader;
	/* on the loop, once */
	dw_done_fn *done;
	void *ctx;
};

struct dicomweb {
	/* set at birth, then constant */
	struct index *ix;
	struct store *st;
	char ae_title[17];
	char cors[256];
	const char *decode_program;
	void *ctx;
	void (*hold)(void *ctx, const char *study_uid);
	void (*release)(void *ctx, const char *study_uid);
	void (*damaged)(void *ctx, const char *study_uid,
	    const uint8_t name[STORE_NAME_BYTES]);
	struct pool *pool;
	/* shared */
	atomic_bool stopping; /* conversions end by it */
	atomic_uint converting;
	_Atomic uint64_t converted; /* bytes in memory */
	struct lock lock;
	struct index_reader *readers[DW_WORKERS]; /* under lock */
	unsigned n_readers;
};

/* dicomweb.c, on the loop; ${c} has an index. */
struct dicomweb *dicomweb_new(struct loop *l, const struct web_config *c,
    struct err *e);
/* A converter that ends when we do. [any] */
struct decoder *dicomweb_decoder(struct dicomweb *dw);
/* End the workers; every request comes home. Bodies may live on. */
void dicomweb_stop(struct dicomweb *dw);
/* When no body is left. */
void dicomweb_free(struct dicomweb **pp);
/* Answer ${rq}, whose ${ask} is filled; ${rq->done} follows. */
void dicomweb_submit(struct dicomweb *dw, struct dw_request *rq);
/* [worker, server] All but what a pool does: fills the answer. */
void dicomweb_answer(struct dw_request *rq);
void dicomweb_done(struct dw_request *rq);
/* Whether ${path} is one of ours; whether a page of ${origin} may read. */
bool dicomweb_has(const char *path);
bool dicomweb_allows(const struct dicomweb *dw, const char *origin);

/* dicomweb_http.c, on the server's threads: a request as it came; its
 * answer, which owns the body then; NULL without memory. */
struct MHD_Connection;
struct MHD_Response;
struct dw_request *dicomweb_read(struct MHD_Connection *conn,
    const char *url);
void dicomweb_free_request(struct dw_request **pp);
struct MHD_Response *dicomweb_response(struct dw_request *rq);
/* Let a page of ${origin} read ${r}. */
void dicomweb_cross(struct MHD_Response *r, const char *origin);

/* What makers of answers need: an error answer; this worker's index
 * connection (NULL: answered 500); the UID of one "key" in ${rq->ask}. */
void dw_refuse(struct dw_request *rq, int status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
struct index_reader *dw_reader(struct dw_request *rq);
/* The answer becomes ${take} of ${type}; 500 and 413 are seen to. */
void dw_give(struct dw_request *rq, int status, const char *type,
    struct body *take);
/* An entity tag over ${n} bytes and ${what}, which tells representations
 * apart. True when the client has it: answered with 304. */
bool dw_is_known(struct dw_request *rq, const char *what, const void *p,
    size_t n, bool weak);
/* The objects that ${p} names, their study held by ${b}, in an ${ret} that
 * is zero but for its first fields; false when there are none or on failure,
 * which is then answered. dw_objects_done it either way. */
struct dw_objects {
	index_row_fn *also; /* sees each row too, metadata and all, or NULL */
	void *also_ctx;
	struct store_item *items;
	unsigned n, room;
	struct buf digests; /* of all, one after the other */
	bool failed;
};
bool dw_find(struct dw_request *rq, const struct dw_path *p, struct body *b,
    struct dw_objects *ret);
void dw_objects_done(struct dw_objects *o);
/* Whether the bytes are there and whole, for an object small enough to be
 * looked at first; else answered with 500, and reported. */
bool dw_check(struct dw_request *rq, const struct store_item *o);
/* Map ${o} for ${b}, checked; else answered. */
bool dw_map(struct dw_request *rq, const struct store_item *o,
    struct body *b);
/* The data set of ${o} in ${syntax} in body_own(b); else answered. */
bool dw_convert(struct dw_request *rq, const struct store_item *o,
    const char *syntax, struct body *b);
void dw_damaged(struct dicomweb *dw, const struct store_item *o,
    const struct err *e);
/* Whether ${syntax} is uncompressed little endian. */
bool dw_is_native(const char *syntax);
/* Add the file of the only object of an answer, checked or converted before
 * anything of it is sent; else answered. */
bool dw_sole(struct dw_request *rq, const struct store_item *o,
    const char *syntax, struct body *b);
/* A boundary of a multipart that no object has; its Content-Type. */
#define DW_BOUNDARY_SIZE (UID_SIZE + 16)
void dw_boundary(char dst[DW_BOUNDARY_SIZE]);
void dw_multipart(char *dst, size_t size, const char *type,
    const char *boundary);

/* qido.c, metadata_answer.c, wado.c, pixels.c, wado_uri.c: what a path asks
 * for. [worker] */
void qido_answer(struct dw_request *rq);
void wado_metadata(struct dw_request *rq);
void wado_objects(struct dw_request *rq);
void wado_frames(struct dw_request *rq);
void wado_bulk(struct dw_request *rq);
void wado_uri(struct dw_request *rq);

/* qido_key.c: a search as keys and what to tell. */
#define QIDO_FIELDS_MAX 512
struct qido {
	enum index_level level;
	bool series_too, study_too; /* upper levels are told as well */
	struct attrs keys; /* owned */
	uint32_t fields[QIDO_FIELDS_MAX]; /* includefield */
	unsigned n_fields;
	bool all; /* includefield=all */
	bool fuzzy; /* asked for */
	bool ignored; /* keys that nobody knows */
	uint64_t limit, offset;
	bool limited; /* by the client */
};
/* 0, or -1 with what is wrong (400). */
int qido_read(struct qido *q, const struct dw_ask *ask,
    const struct dw_path *path, struct err *e);
void qido_done(struct qido *q);
/* A tag of "00080020", "0008,0020" or "StudyDate"; false when unknown. */
bool qido_tag(const char *s, uint32_t *ret);

/* qido_row.c: an index row as DICOM JSON. */
int qido_attrs(const struct dicomweb *dw, enum index_level level,
    const struct index_row *row, struct attrs *ret, struct err *e);
/* Append the attributes of ${all} that ${q} asks for. ${host} as in the
 * request, for RetrieveURL. */
void qido_write(struct buf *b, const struct qido *q, const struct attrs *all,
    const char *host);
/* Append one attribute as "TTTTTTTT":{...}; append a string. */
void qido_write_attr(struct buf *b, const struct attr *a);
void qido_write_string(struct buf *b, const char *s, size_t n);

/* zip.c: a ZIP of stored entries, whose length is known before it is made
 * (APPNOTE 6.3.10). */
struct zip;
struct zip *zip_new(unsigned max); /* entries */
void zip_free(struct zip **pp);
/* Begin an entry of ${n} bytes; its local header goes to ${b}. Returns its
 * number. ${name} is ASCII and short (55 at most). */
unsigned zip_add(struct zip *z, const char *name, uint64_t n, struct buf *b);
uint32_t *zip_crc(struct zip *z, unsigned k); /* as long as ${z} */
/* What follows entry ${k}, when its CRC is there. */
size_t zip_after_length(const struct zip *z, unsigned k);
void zip_after(const struct zip *z, unsigned k, struct buf *b);
/* What ends the file. */
size_t zip_end_length(const struct zip *z);
void zip_end(const struct zip *z, struct buf *b);

#endif
