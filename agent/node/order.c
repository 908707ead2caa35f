/* SPDX-License-Identifier: MIT */
/* The objects of a retrieval in the order in which a viewer uses them
 * (viewers.md 9.6). */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "node/retrieve_priv.h"

static void
item_of(struct store_item *it, const struct index_row *row)
{
	*it = (struct store_item){.object = {.length = row->length,
	    .offset = row->offset}};
	memcpy(it->object.name, row->name, STORE_NAME_BYTES);
	memcpy(it->object.digest, row->digest, STORE_DIGEST_BYTES);
	(void)str_copy(it->study_uid, UID_SIZE, row->study_uid);
	(void)str_copy(it->series_uid, UID_SIZE, row->series_uid);
	(void)str_copy(it->instance_uid, UID_SIZE, row->instance_uid);
	(void)str_copy(it->class_uid, UID_SIZE, row->class_uid);
	(void)str_copy(it->syntax, UID_SIZE, row->syntax);
}

static struct store_item *
append(struct store_item **items, unsigned *n, unsigned *cap)
{
	if (*n == *cap) {
		*cap = *cap == 0 ? 256 : 2 * *cap;
		*items = mem_grow(*items, *cap, sizeof((*items)[0]));
	}
	return &(*items)[(*n)++];
}

/* ImageType of the series' first instance: ORIGINAL\PRIMARY\LOCALIZER
 * (PS3.3 C.8.3.1.1.1). */
static bool
is_localiser(const struct index_row *row)
{
	struct attrs as;
	struct err ignored; /* then it is not known to be one */
	bool found = false;
	if (row->instance.n == 0 || attrs_parse(row->instance.p,
	    row->instance.n, &as, &ignored) != 0)
		return false;
	const char *p = attrs_value(&as, TAG_IMAGE_TYPE);
	while (*p != '\0' && !found) {
		char part[17]; /* CS: 16 characters */
		size_t n = strcspn(p, "\\");
		found = str_copy_n(part, sizeof(part), p, n) &&
		    str_eq(str_trim(part), "LOCALIZER");
		p += n + (p[n] == '\\' ? 1 : 0);
	}
	attrs_done(&as);
	return found;
}

static void
add_late(struct listing *l)
{
	struct retrieval *r = l->r;
	for (unsigned i = 0; i < l->n_late; i++)
		*append(&r->items, &r->n_items, &r->cap_items) = l->late[i];
	l->n_late = 0;
}

bool
listing_row(void *ctx, const struct index_row *row) /* index_row_fn */
{
	struct listing *l = ctx;
	struct retrieval *r = l->r;
	if (!str_eq(l->study_uid, row->study_uid)) {
		add_late(l);
		(void)str_copy(l->study_uid, UID_SIZE, row->study_uid);
		l->series_uid[0] = '\0';
		l->is_shown = row->ready || (r->s != NULL &&
		    node_shows(r->s, row->study_uid));
	}
	if (!l->is_shown)
		return true;
	if (!str_eq(l->series_uid, row->series_uid)) {
		(void)str_copy(l->series_uid, UID_SIZE, row->series_uid);
		l->is_late = is_localiser(row);
	}
	if (r->n_items + l->n_late >= NODE_OBJECTS_MAX) {
		r->too_many = true;
		return false;
	}
	if (l->is_late)
		item_of(append(&l->late, &l->n_late, &l->cap_late), row);
	else
		item_of(append(&r->items, &r->n_items, &r->cap_items), row);
	return true;
}

void
listing_done(struct listing *l)
{
	add_late(l);
	mem_free(l->late);
	l->late = NULL;
}
