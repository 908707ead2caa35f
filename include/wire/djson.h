/* SPDX-License-Identifier: MIT
 *
 * djson: the DICOM JSON model (PS3.18 annex F) that QIDO-RS answers in, as
 * attributes. Pure.
 */
#ifndef WIRE_DJSON_H
#define WIRE_DJSON_H

#include <stddef.h>

#include "base/err.h"
#include "wire/attrs.h"

#define DJSON_ONE_MAX ((size_t)1 << 20) /* bytes of one data set */
#define DJSON_DEPTH_MAX 32 /* of its sequences, an item counts twice */

/* -1 with ${e} gives up. */
typedef int djson_fn(void *ctx, const struct attrs *as, struct err *e);

/* Call ${fn} for each data set of the array in ${p}. Values are joined by '\',
 * those of a person's name by '='; a sequence is a tag without a value, bulk
 * data is left out. ERR_PEER when it is not such an array, or a
 * data set is too long or too deep; those before it were given. What has no
 * attribute's tag as its name is skipped. */
int djson_each(const void *p, size_t n, djson_fn *fn, void *ctx,
    struct err *e);

#endif
