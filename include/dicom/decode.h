/* SPDX-License-Identifier: MIT
 *
 * decode: objects in a transfer syntax that their reader does not take,
 * written in another one by the helper process understudy-decode.
 * Called on a worker, by one thread; a decoder is one process, started when
 * first needed, started anew after it failed.
 * Owns the process and its two pipes; SIGPIPE must be ignored. No codec is
 * linked into the agent: the helper has no network, opens no file, writes
 * none, and its memory and time are limited; it may crash without harm.
 *
 * DESIGN  agent -> helper, for each object: 8 bytes length (little endian),
 * 64 bytes syntax it is in, 64 bytes syntax wanted (NUL padded), the data
 * set. helper -> agent: 4 bytes 0 and 8 bytes length, then the data set; or 4
 * bytes n > 0 and n bytes (at most 200) of reason, fixed words without any
 * value of the object. It answers only after it has all of the object and
 * holds all of the result: a failure never comes in the middle.
 */
#ifndef DICOM_DECODE_H
#define DICOM_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define DECODE_OBJECT_MAX (UINT64_C(2) << 30) /* bytes in, and out */
#define DECODE_MEMORY (UINT64_C(6) << 30) /* bytes of address space */
#define DECODE_MS 60000 /* an object may take so long, and 1 s per 4 MiB */
#define DECODE_SYNTAX 64 /* bytes of a transfer syntax on the pipe */
#define DECODE_REASON 200 /* bytes of a reason at most */

struct decoder;

/* Whether the helper may turn ${from} into ${to}: from any syntax it has a
 * codec for into Implicit LE, Explicit LE or BE. Pure. */
bool decode_can(const char *from, const char *to);

/* A decoder that will run ${program} (borrowed); never fails. */
struct decoder *decoder_new(const char *program);
void decoder_free(struct decoder **pp);
/* Ask ${stopped} several times a second whether to give up: then a call that
 * waits fails with ERR_CANCELLED. NULL: never, as it is at first. */
void decoder_set_stop(struct decoder *d, bool (*stopped)(void *ctx),
    void *ctx);

/* Begin an object of ${n} bytes; then all of it by decoder_feed, in pieces;
 * then decoder_answer, which waits for the result and gives its length; then
 * all of the result by decoder_read. ERR_PARSE with the helper's reason, or
 * ERR_TIMEOUT, ERR_NET when it ended. Any failure ends the process, and so
 * must decoder_drop when less is fed or read than there is; the next
 * decoder_begin starts another. How slowly the result is read is not held
 * against the helper. */
int decoder_begin(struct decoder *d, uint64_t n, const char *from,
    const char *to, struct err *e);
int decoder_feed(struct decoder *d, const void *p, size_t n, struct err *e);
int decoder_answer(struct decoder *d, uint64_t *ret_n, struct err *e);
/* Up to ${max} bytes; ${ret_n} gets how many, 0 at the end. */
int decoder_read(struct decoder *d, void *p, size_t max, size_t *ret_n,
    struct err *e);
void decoder_drop(struct decoder *d);

#endif
