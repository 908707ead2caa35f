/* SPDX-License-Identifier: MIT
 *
 * json_fixture: data sets made by hand and their DICOM JSON, for tests.
 */
#ifndef TESTS_DICOM_JSON_FIXTURE_H
#define TESTS_DICOM_JSON_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/uid.h"
#include "dicom/dataset.h"
#include "wire/attrs.h"
#include "wire/scan.h"

#define ELE SYNTAX_EXPLICIT_LE
#define UNDEFINED UINT32_MAX

/* Tag and length, of Implicit LE or of an item. */
static inline void
put_head(struct buf *b, uint32_t tag, uint32_t n)
{
	buf_add_u16le(b, (uint16_t)(tag >> 16));
	buf_add_u16le(b, (uint16_t)tag);
	buf_add_u32le(b, n);
}

/* One element in Explicit LE; ${vr} chooses the form of its length. */
static inline void
put(struct buf *b, uint32_t tag, const char *vr, const void *p, size_t n)
{
	bool is_long = strstr("OB OW OD OF OL OV SQ UC UR UT UN SV UV", vr) !=
	    NULL;
	put_head(b, tag, 0);
	b->len -= 4; /* the VR comes first */
	buf_add(b, vr, 2);
	if (is_long)
		buf_add_u16le(b, 0);
	if (is_long)
		buf_add_u32le(b, (uint32_t)n);
	else
		buf_add_u16le(b, (uint16_t)n);
	if (p != NULL)
		buf_add(b, p, n);
}

static inline void
put_text(struct buf *b, uint32_t tag, const char *vr, const char *text)
{
	put(b, tag, vr, text, strlen(text));
}

/* ${n} bytes that are not all alike. */
static inline void
put_bytes(struct buf *b, uint32_t tag, const char *vr, size_t n)
{
	put(b, tag, vr, NULL, n);
	for (size_t i = 0; i < n; i++)
		buf_add_u8(b, (uint8_t)(i * 7 + tag));
}

/* The JSON of ${set}, "" with ${ret} of the call. */
static inline int
json_of(const struct buf *set, const char *syntax, struct buf *ret)
{
	struct err e;
	buf_init(ret, (size_t)64 << 20);
	return dataset_json(set->p, set->len, syntax, "/b", ret, &e);
}

static inline json_t *
load(const struct buf *text)
{
	json_error_t why;
	json_t *j = json_loadb((const char *)text->p, text->len,
	    JSON_REJECT_DUPLICATES, &why);
	if (j == NULL)
		fail_msg("%s: %.*s", why.text, (int)text->len,
		    (const char *)text->p);
	return j;
}

/* ${set}, which is released, is told as ${want}. */
static inline void
expect_json(const char *name, struct buf *set, const char *syntax,
    const char *want)
{
	struct buf text;
	int rc = json_of(set, syntax, &text);
	if (rc != 0 || !str_eq(buf_str(&text), want))
		fail_msg("%s: want %s, have %d %s", name, want, rc,
		    buf_str(&text));
	json_decref(load(&text));
	buf_done(&text);
	buf_done(set);
}

/* Call ${fn} with the path of each BulkDataURI, sequences followed. */
typedef void bulk_fn(void *ctx, const char *path);
static inline void
each_bulk(json_t *set, bulk_fn *fn, void *ctx)
{
	json_t *open[4096] = {set};
	size_t n = 1;
	while (n > 0) {
		const char *key;
		json_t *el;
		json_t *item;
		size_t i;
		json_t *one = open[--n];
		json_object_foreach(one, key, el) {
			json_t *uri = json_object_get(el, "BulkDataURI");
			if (uri != NULL)
				fn(ctx, json_string_value(uri) + 3);
			json_array_foreach(json_object_get(el, "Value"), i,
			    item)
				if (json_is_object(item) && n < 4096 &&
				    str_eq(json_string_value(
					json_object_get(el, "vr")), "SQ"))
					open[n++] = item;
		}
	}
}

#endif
