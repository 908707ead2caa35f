/* SPDX-License-Identifier: MIT */
/* JSON values put together; memory running out aborts, as mem_new does. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "web_priv.h"

void
put_new(json_t *o, const char *key, json_t *take)
{
	if (json_object_set_new_nocheck(o, key, take) != 0)
		mem_die();
}

void
put_item(json_t *array, json_t *take)
{
	if (json_array_append_new(array, take) != 0)
		mem_die();
}

/* Text from outside should be UTF-8; what is not is shown escaped. */
static json_t *
text_of(const char *s, size_t n)
{
	if (str_is_utf8(s, n))
		return json_stringn_nocheck(s, n);
	char safe[1024];
	return json_string_nocheck(str_escape(safe, sizeof(safe), s, n));
}

void
put_str(json_t *o, const char *key, const char *s)
{
	if (s == NULL)
		s = "";
	put_new(o, key, text_of(s, strlen(s)));
}

void
put_int(json_t *o, const char *key, int64_t v)
{
	put_new(o, key, json_integer(v));
}

void
put_bool(json_t *o, const char *key, bool v)
{
	put_new(o, key, json_boolean(v));
}

void
put_time(json_t *o, const char *key, const struct zone *z, int64_t utc_s)
{
	char text[40];
	if (utc_s == 0)
		put_new(o, key, json_null());
	else
		put_str(o, key, zone_format(z, text, sizeof(text), utc_s));
}

void
put_date(json_t *o, const char *key, const char *dicom)
{
	char text[16];
	if (strlen(dicom) == 8 && strspn(dicom, "0123456789") == 8) {
		(void)snprintf(text, sizeof(text), "%.4s-%.2s-%.2s", dicom,
		    dicom + 4, dicom + 6);
		dicom = text;
	}
	put_str(o, key, dicom);
}

void
put_parts(json_t *o, const char *key, const char *s, const char *separators)
{
	json_t *array = json_array();
	while (*s != '\0') {
		s += strspn(s, separators);
		s += strspn(s, " ");
		size_t n = strcspn(s, separators);
		if (n > 0)
			put_item(array, text_of(s, n));
		s += n;
	}
	put_new(o, key, array);
}

static int
take_text(const char *p, size_t n, void *ctx)
{
	buf_add(ctx, p, n);
	return 0; /* a full buffer remembers that it failed */
}

void
put_text(struct buf *b, json_t *take)
{
	if (json_dump_callback(take, take_text, b,
	    JSON_COMPACT | JSON_ENCODE_ANY) != 0)
		mem_die(); /* all text was checked above */
	json_decref(take);
	buf_add_str(b, "\n");
}
