/* SPDX-License-Identifier: MIT */
/* A DICOMweb request as it came: its path taken apart, its arguments. */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "dicomweb_priv.h"

#define ROOT "/dicom-web"

void
dw_ask_add(struct dw_ask *ask, const char *key, const char *value)
{
	unsigned n = ask->n_args;
	if ((n & (n - 1)) == 0) /* 0, 1, 2, 4, 8 ... */
		ask->args = mem_grow(ask->args, n == 0 ? 1 : (size_t)n * 2,
		    sizeof(*ask->args));
	ask->args[ask->n_args++] = (struct dw_arg){.key = str_dup(key),
	    .value = str_dup(value)};
}

void
dw_ask_done(struct dw_ask *ask)
{
	for (unsigned i = 0; i < ask->n_args; i++) {
		mem_free(ask->args[i].key);
		mem_free(ask->args[i].value);
	}
	mem_free(ask->args);
	mem_free(ask->path);
	mem_free(ask->host);
	mem_free(ask->accept);
	mem_free(ask->encoding);
	mem_free(ask->if_none_match);
	*ask = (struct dw_ask){0};
}

const char *
dw_ask_value(const struct dw_ask *ask, const char *key)
{
	for (unsigned i = 0; i < ask->n_args; i++)
		if (str_eq_nocase(ask->args[i].key, key))
			return ask->args[i].value;
	return NULL;
}

void
dw_ask_accept(const struct dw_ask *ask, struct accept *ret)
{
	const char *value = dw_ask_value(ask, "accept");
	if (value == NULL || value[0] == '\0') {
		accept_parse(ret, ask->accept);
		return;
	}
	/* the plus of "dicom+json" means a blank in a query */
	char *s = str_dup(value);
	for (char *p = s; *p != '\0'; p++)
		if (*p == ' ' && (str_starts(p + 1, "json") ||
		    str_starts(p + 1, "xml")))
			*p = '+';
	accept_parse(ret, s);
	mem_free(s);
}

bool
dicomweb_has(const char *path)
{
	size_t n = strlen(ROOT);
	return (str_starts(path, ROOT) && (path[n] == '/' ||
	    path[n] == '\0')) || str_eq(path, "/wado");
}

/* Take the next segment of ${*at} into ${dst}; false at the end, or when it
 * is too long to be anything. */
static bool
segment(const char **at, char *dst, size_t size)
{
	const char *s = *at;
	if (s[0] != '/' || s[1] == '\0')
		return false;
	size_t n = strcspn(s + 1, "/");
	*at = s + 1 + n;
	return str_copy_n(dst, size, s + 1, n);
}

static bool
is_end(const char *at)
{
	return at[0] == '\0' || str_eq(at, "/");
}

/* what may stand below one entity */
struct below {
	const char *name;
	enum dw_what what;
	bool tail; /* more follows */
};

/* Read a name of ${rows} at ${at}, which ends the path. */
static enum dw_what
last_of(const struct below *rows, const char *at, const char **ret_tail)
{
	char name[32];
	if (!segment(&at, name, sizeof(name)))
		return DW_NOTHING;
	for (; rows->name != NULL; rows++) {
		if (!str_eq(rows->name, name))
			continue;
		if (rows->tail != is_end(at)) {
			*ret_tail = rows->tail ? at + 1 : NULL;
			return rows->what;
		}
	}
	return DW_NOTHING;
}

/* "/name/UID": true when both stand at ${*at}, which then moves on. */
static bool
entity(const char **at, const char *want, char uid[UID_SIZE])
{
	const char *s = *at;
	char name[16];
	if (!segment(&s, name, sizeof(name)) || !str_eq(name, want) ||
	    !segment(&s, uid, UID_SIZE) || !uid_is_valid(uid)) {
		uid[0] = '\0';
		return false;
	}
	*at = s;
	return true;
}

void
dw_path_parse(struct dw_path *ret, const char *path)
{
	static const struct below top[] = {{"studies", DW_STUDIES, false},
	    {"series", DW_SERIES, false}, {"instances", DW_INSTANCES, false},
	    {NULL, DW_NOTHING, false}};
	static const struct below study[] = {{"series", DW_SERIES, false},
	    {"instances", DW_INSTANCES, false},
	    {"metadata", DW_METADATA, false}, {NULL, DW_NOTHING, false}};
	static const struct below instance[] = {
	    {"metadata", DW_METADATA, false}, {"frames", DW_FRAMES, true},
	    {"bulkdata", DW_BULK, true}, {NULL, DW_NOTHING, false}};
	*ret = (struct dw_path){.what = DW_NOTHING};
	if (str_eq(path, "/wado")) {
		ret->what = DW_URI;
		return;
	}
	const char *at = path + strlen(ROOT);
	const struct below *rows = top;
	if (entity(&at, "studies", ret->study)) {
		rows = study;
		if (entity(&at, "series", ret->series)) {
			rows = study + 1; /* no series in a series */
			if (entity(&at, "instances", ret->instance))
				rows = instance;
		}
	}
	ret->what = rows != top && is_end(at) ? DW_OBJECTS :
	    last_of(rows, at, &ret->tail);
}
