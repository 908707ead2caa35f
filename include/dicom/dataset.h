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
#include "base/limits.h"
#include "wire/attrs.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DATASET_IDENTIFIER_MAX ((size_t)limits()->identifier_size) /* bytes */
#define DATASET_HEADER_MAX ((size_t)limits()->header_size) /* before pixels */

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
 * BE). When all values are ASCII there is no (0008,0005). Else text is
 * written in the set that ${as}->charset names, with that (0008,0005), when it
 * is a single set without escapes (ISO_IR 13 to 166, GBK, GB18030) that holds
 * all of it without loss; else in UTF-8 with ISO_IR 192. A value that its VR
 * cannot hold, or longer (as written) than an Explicit VR length can tell, is
 * ERR_INVAL; nothing is appended then. */
int dataset_format(const struct attrs *as, const char *syntax, struct buf *b,
    struct err *e);

/* Append the attributes of a data set as one DICOM JSON object (PS3.18 F.2),
 * valid UTF-8 and valid JSON whatever the bytes are. ${p} as for
 * dataset_parse. Sequences are followed (SCAN_DEPTH_MAX deep), private
 * attributes kept, group lengths left out. Numbers that are none in JSON
 * terms (DS "abc", NaN) become strings, empty components null. Bytes (OB, OW,
 * OF, OD, OL, OV, UN) of more than DATASET_INLINE_MAX and pixel data become a
 * BulkDataURI: ${bulk} + "/" + the path of tags and item numbers, as in
 * "7FE00010" or "00400555/1/0040A30A"; shorter ones InlineBinary. Of pixel
 * data the header must be within ${n}, or its offset table begin there, not
 * the value; what follows it is not told. (0008,0005) becomes ISO_IR 192; of
 * a tag that comes twice the first counts. On failure nothing is appended;
 * more than ${b} may hold is ERR_INVAL. */
#define DATASET_INLINE_MAX 1024 /* bytes */
int dataset_json(const void *p, size_t n, const char *syntax,
    const char *bulk, struct buf *b, struct err *e);
/* Where in a whole data set the value at such a path lies: 1 with its bytes
 * (of pixel data in fragments: of all items, headers included), 0 when there
 * is none, or ${path} is no path. Not of deflated data sets (-1). */
int dataset_locate(const void *p, size_t n, const char *syntax,
    const char *path, size_t *ret_at, size_t *ret_n, struct err *e);

#ifdef __cplusplus
}
#endif
#endif
