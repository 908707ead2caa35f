/* SPDX-License-Identifier: MIT
 *
 * scan: walk a data set's elements without a toolkit, to check it before
 * anything else reads it, and to read its few identifying values.
 * Called on workers; pure, no recursion, bounded.
 * Reads Explicit LE and BE and Implicit LE. A deflated data set is inflated
 * by the caller first (a bounded beginning is enough).
 * Stops at pixel data (7FE0,xxxx); never looks into it.
 */
#ifndef WIRE_SCAN_H
#define WIRE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/uid.h"

/* Sequences in sequences, hard (DCMTK: 64); limits()->nesting may be less. In
 * Implicit VR a sequence of defined length looks like any value: it is passed
 * over whole, at no depth. */
#define SCAN_DEPTH_MAX 64
/* The default of limits()->elements: elements and items before the pixel
 * data; 4D flow has 100 a frame. */
#define SCAN_ELEMENTS_MAX 1000000

#define SYNTAX_IMPLICIT_LE "1.2.840.10008.1.2"
#define SYNTAX_EXPLICIT_LE "1.2.840.10008.1.2.1"
#define SYNTAX_EXPLICIT_BE "1.2.840.10008.1.2.2"
#define SYNTAX_DEFLATED_LE "1.2.840.10008.1.2.1.99"

enum scan_end {
	SCAN_WHOLE, /* the end of the bytes, between two elements */
	SCAN_PIXELS, /* pixel data: ${end} is where its element begins */
	SCAN_MORE, /* the bytes ended inside an element: a prefix was given */
};

struct scan {
	char class_uid[UID_SIZE]; /* (0008,0016), "" when absent or bad */
	char instance_uid[UID_SIZE]; /* (0008,0018) */
	char study_uid[UID_SIZE]; /* (0020,000D) */
	char series_uid[UID_SIZE]; /* (0020,000E) */
	enum scan_end how;
	size_t end; /* offset of the first byte not walked as an element */
	uint64_t pixel_length; /* of SCAN_PIXELS, UINT32_MAX = encapsulated */
	unsigned depth; /* deepest nesting met */
};

/* One top-level element, for scan_each. ${p} NULL: a sequence or a value of
 * undefined length. ${vr} is "" in Implicit VR. */
struct scan_element {
	uint32_t tag;
	char vr[3];
	const uint8_t *p;
	uint32_t n;
};
/* Return false to stop (the scan then ends without error). */
typedef bool scan_element_fn(void *ctx, const struct scan_element *el);

/* Walk ${n} bytes in ${syntax} (any syntax that is not one of the four above
 * is Explicit LE, PS3.5 A.4). ${fn} may be NULL. ERR_PARSE: tags that go
 * down at top level are tolerated (they occur), but a length beyond the end
 * of its item, nesting or elements above the limits, or a delimiter without a
 * beginning are not. */
int scan_data_set(const void *p, size_t n, const char *syntax,
    scan_element_fn *fn, void *ctx, struct scan *ret, struct err *e);

#endif
