/* SPDX-License-Identifier: MIT */
/* An archive that is asked by DICOMweb [worker]. */
#ifndef PREFETCH_REST_H
#define PREFETCH_REST_H

#include "prefetch/prefetch_priv.h"

struct http_link;

/* Whether its lists come by QIDO-RS. */
bool rest_is_asked(const struct prefetch_archive *ar);
struct http_link *rest_open(struct assoc_stop *stop);
/* archive_find by QIDO-RS (PS3.18 10.6). The answers come in pages, and a
 * server that cuts them at a round number is asked for the rest. */
int rest_find(struct http_link *l, const struct prefetch_archive *ar,
    const struct attrs *keys, unsigned max, archive_answer_fn *fn, void *ctx,
    struct err *e);
/* Is it there? The shortest question. */
int rest_probe(const struct prefetch_archive *ar, struct assoc_stop *stop,
    struct err *e);
/* A status that is no success, as an error; what it means for the archive as
 * that of a C-GET goes to ${ret_status} (NULL: nowhere). */
int rest_refused(const char *service, int status, uint16_t *ret_status,
    struct err *e);

#endif
