/* SPDX-License-Identifier: MIT */
/* The rows of main/conf.tbl.h as arrays. */
#include <stddef.h>

#include "base/str.h"
#include "main/conf_priv.h"

#define ARRAY_MAX(array) \
	(sizeof(((struct conf *)NULL)->array) / \
	    sizeof(((struct conf *)NULL)->array[0]))

const struct conf_section conf_sections[CONF_SECTION_COUNT] = {
#define SECTION_X(k, id, n, h) \
	[CONF_##id] = { .kind = CONF_##k, .name = n, .help = h, .example = "" },
#define SECTION_N(id, n, type, list, count, field, shown, h) \
	[CONF_##id] = { .kind = CONF_NAMED, .name = n, .help = h, \
		.example = shown, .array = offsetof(struct conf, list), \
		.stride = sizeof(struct type), \
		.counter = offsetof(struct conf, count), \
		.name_at = offsetof(struct type, field), \
		.max = ARRAY_MAX(list) },
	CONF_SECTIONS(SECTION_X, SECTION_N)
};

const struct conf_key conf_keys[CONF_KEY_COUNT] = {
#define KEY_K(id, k, kind, type, field, lo, hi, dflt, shown, w, h) \
	{ .section = CONF_##id, .key = k, .parse = conf_parse_##kind, \
		.offset = offsetof(struct type, field), \
		.size = sizeof(((struct type *)NULL)->field), .min = lo, \
		.max = hi, .fallback = dflt, .example = shown, .want = w, \
		.help = h },
#define KEY_P(id, k, kind, dflt, shown, w, h) \
	{ .section = CONF_##id, .key = k, .parse = conf_parse_##kind, \
		.fallback = dflt, .example = shown, .want = w, .help = h },
	CONF_KEYS(KEY_K, KEY_P)
};

const struct conf_key *
conf_table_key(const struct conf_section *s, const char *key)
{
	for (size_t i = 0; i < CONF_KEY_COUNT; i++)
		if (s == &conf_sections[conf_keys[i].section] &&
		    str_eq(conf_keys[i].key, key))
			return &conf_keys[i];
	return NULL;
}
