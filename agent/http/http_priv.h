/* SPDX-License-Identifier: MIT */
/* What the files of this room share. */
#ifndef HTTP_HTTP_PRIV_H
#define HTTP_HTTP_PRIV_H

#include <curl/curl.h>

#include "base/err.h"

/* A handle for ${url}, over a unix socket or NULL: no redirects, no proxy,
 * http and https only. ${why}, CURL_ERROR_SIZE bytes that outlive it, gets the
 * words for http_fail. */
CURL *http_handle_new(const char *socket, const char *url, char *why,
    struct err *e);
/* -1 with ${e} for what libcurl ended with. */
int http_fail(struct err *e, CURLcode rc, const char *why,
    const char *socket);

#endif
