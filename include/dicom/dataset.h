/* SPDX-License-Identifier: MIT
 *
 * dataset: the C door of the DCMTK shim: data sets <-> attrs.
 * 1. Called on any thread; no object here is shared between threads.
 * 2. Nothing throws, nothing logs, nothing is decided here.
 * 3. Every function checks its bytes with wire/scan before DCMTK sees them.
 * Does not: open files or sockets, touch pixel data, transcode.
 */
#ifndef DICOM_DATASET_H
#define DICOM_DATASET_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "wire/attrs.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DATASET_IDENTIFIER_MAX (1024 * 1024) /* bytes, security limit */
#define DATASET_HEADER_MAX (64 * 1024 * 1024) /* bytes before pixel data */

/* Once, before any thread: quiet DCMTK's own log, check the dictionary.
 * -1 (ERR_IO) when the dictionary is missing. */
int dataset_start(struct err *e);

/* Read the top-level attributes of ${n} bytes in ${syntax} up to the pixel
 * data. ${tags} NULL: all but private and group-length ones and those of
 * more than 64 KiB; else only those ${n_tags}. Text becomes UTF-8: by
 * (0008,0005); a single `ISO 2022 IR n` counts as `ISO_IR n`; a missing or
 * unknown set with 8-bit bytes is taken for Latin-1 and marked guessed.
 * Numbers become decimal text, AT becomes GGGGEEEE, both joined by '\'; bytes
 * (OB, OW, UN ...) have no value, only raw. UN of a known tag is read by its
 * VR. Of a tag that comes twice the first counts, as in wire/scan.
 * ${ret} is initialised here; attrs_done it. Deflated data sets are inflated
 * (at most DATASET_HEADER_MAX). ${n} may be a prefix of the data set that
 * reaches the pixel data. */
int dataset_parse(const void *p, size_t n, const char *syntax,
    const uint32_t *tags, unsigned n_tags, struct attrs *ret, struct err *e);

/* Append ${as} as an identifier in ${syntax} (Implicit LE, Explicit LE or
 * BE). Text is written in UTF-8 with (0008,0005) ISO_IR 192 when any value
 * is not ASCII, without (0008,0005) when all are. A value that its VR cannot
 * hold, or longer than an Explicit VR length can tell, is ERR_INVAL; nothing
 * is appended then. */
int dataset_format(const struct attrs *as, const char *syntax, struct buf *b,
    struct err *e);

#ifdef __cplusplus
}
#endif
#endif
