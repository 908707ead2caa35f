/* SPDX-License-Identifier: MIT */
/* DICOM JSON to attributes, one data set at a time: an answer costs no more
 * memory than its largest one. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "wire/djson.h"

/* "00080018", as PS3.18 F.2.2 writes a tag. */
static bool
tag_of(const char *name, uint32_t *ret)
{
	if (strlen(name) != 8 ||
	    strspn(name, "0123456789ABCDEFabcdef") != 8)
		return false;
	*ret = (uint32_t)strtoul(name, NULL, 16);
	return true;
}

/* PS3.18 F.2.2: the three groups of a person's name. */
static void
add_name(struct buf *b, const json_t *v)
{
	static const char *const groups[] = {"Alphabetic", "Ideographic",
	    "Phonetic"};
	size_t end = b->len;
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		const char *s = json_string_value(json_object_get(v,
		    groups[i]));
		if (i > 0)
			buf_add_str(b, "=");
		if (s != NULL && s[0] != '\0') {
			buf_add_str(b, s);
			end = b->len;
		}
	}
	if (!b->failed)
		b->len = end; /* empty groups at the end are not written */
}

static void
add_value(struct buf *b, const json_t *v)
{
	if (json_is_string(v))
		buf_add_str(b, json_string_value(v));
	else if (json_is_integer(v))
		buf_addf(b, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	else if (json_is_real(v))
		buf_addf(b, "%.16g", json_real_value(v));
	else if (json_is_object(v))
		add_name(b, v);
}

static int
add_attribute(struct attrs *as, uint32_t tag, const json_t *o,
    struct err *e)
{
	const char *vr = json_string_value(json_object_get(o, "vr"));
	const json_t *values = json_object_get(o, "Value"), *v;
	struct buf b;
	size_t i;
	if (vr == NULL || strlen(vr) != 2)
		return err_set(e, ERR_PEER, 0, "DICOM JSON: an attribute "
		    "without its VR");
	buf_init(&b, ATTR_VALUE_MAX);
	json_array_foreach(values, i, v) {
		if (strcmp(vr, "SQ") == 0)
			break;
		if (i > 0)
			buf_add_str(&b, "\\");
		add_value(&b, v);
	}
	int rc = b.failed ? err_set(e, ERR_PEER, 0,
	    "DICOM JSON: a value is too long") :
	    attrs_set(as, tag, vr, buf_str(&b), NULL, 0, e);
	buf_done(&b);
	return rc;
}

static int
one(const json_t *o, djson_fn *fn, void *ctx, struct err *e)
{
	struct attrs as;
	union { /* jansson iterates over what it does not change */
		const json_t *in;
		json_t *out;
	} u = {.in = o};
	const char *name;
	json_t *v;
	int rc = 0;
	attrs_init(&as);
	(void)str_copy(as.charset, sizeof(as.charset), "ISO_IR 192");
	json_object_foreach(u.out, name, v) {
		uint32_t tag = 0;
		if (!tag_of(name, &tag))
			continue;
		rc = add_attribute(&as, tag, v, e);
		if (rc != 0)
			break;
	}
	if (rc == 0)
		rc = fn(ctx, &as, e);
	attrs_done(&as);
	return rc;
}

/* The end of the object that begins at ${at}; 0 when it has none, is too deep
 * or too long. */
static size_t
end_of(const char *p, size_t n, size_t at)
{
	unsigned depth = 0;
	bool quoted = false;
	size_t most = n - at < DJSON_ONE_MAX ? n : at + DJSON_ONE_MAX;
	for (size_t i = at; i < most; i++) {
		char c = p[i];
		if (quoted) {
			i += c == '\\';
			quoted = c != '"';
		} else if (c == '"') {
			quoted = true;
		} else if (c == '{' || c == '[') {
			if (++depth > DJSON_DEPTH_MAX)
				return 0;
		} else if ((c == '}' || c == ']') && --depth == 0) {
			return i + 1;
		}
	}
	return 0;
}

static size_t
skip_blanks(const char *p, size_t n, size_t at)
{
	while (at < n && strchr(" \t\r\n", p[at]) != NULL && p[at] != '\0')
		at++;
	return at;
}

static int
parse_one(const char *p, size_t n, djson_fn *fn, void *ctx, struct err *e)
{
	json_error_t why;
	json_t *o = json_loadb(p, n, JSON_REJECT_DUPLICATES, &why);
	int rc = o != NULL ? one(o, fn, ctx, e) : err_set(e, ERR_PEER, 0,
	    "DICOM JSON: a data set cannot be read");
	json_decref(o);
	return rc;
}

int
djson_each(const void *data, size_t n, djson_fn *fn, void *ctx,
    struct err *e)
{
	const char *p = data;
	size_t at = skip_blanks(p, n, 0);
	bool first = true;
	if (at == n || p[at] != '[')
		return err_set(e, ERR_PEER, 0, "DICOM JSON: want an array of "
		    "data sets, have something else");
	for (at = skip_blanks(p, n, at + 1);; first = false) {
		if (at < n && p[at] == ']')
			return 0;
		if (!first && at < n && p[at] == ',')
			at = skip_blanks(p, n, at + 1);
		else if (!first)
			break;
		size_t end = at < n && p[at] == '{' ? end_of(p, n, at) : 0;
		if (end == 0)
			break;
		if (parse_one(p + at, end - at, fn, ctx, e) != 0)
			return -1;
		at = skip_blanks(p, n, end);
	}
	return err_set(e, ERR_PEER, 0, "DICOM JSON: the array ends in the "
	    "middle, or holds what is no data set");
}
