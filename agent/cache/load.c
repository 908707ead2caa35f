/* SPDX-License-Identifier: MIT */
/* Start: the board knows what the index says; an index that is lost is first
 * made anew from the files. */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stats.h"
#include "base/str.h"
#include "cache/cache_priv.h"
#include "wire/attrs.h"

#define PAIRS_MAX 256 /* of SOP class and transfer syntax: a handful is usual */

/* what was taken in, into an index that was lost */
struct readmission {
	struct cache *c;
	unsigned n;
	unsigned unread; /* the system failed, the object may be whole */
};

/* A file that proves to be whole is taken in again. What cannot be read just
 * now stays, and so does what finds no room. */
static bool
is_readmitted(struct readmission *r, const uint8_t name[STORE_NAME_BYTES])
{
	struct cache *c = r->c;
	struct store_item it;
	struct store_map m;
	struct err e;
	if (store_unseal(c->st, name, &it, &m, &e) != 0) {
		r->unread += e.code != ERR_CORRUPT;
		return e.code != ERR_CORRUPT;
	}
	bool ok = c->ports.readmit(c->ports.ctx, &it, m.p, m.n, &e) == 0;
	store_unmap(&m);
	r->n += ok;
	return ok;
}

static int
on_part(void *ctx, struct store_file *files, size_t n, struct err *e)
{ /* store_part_fn */
	(void)e;
	for (size_t i = 0; i < n; i++)
		files[i].known = is_readmitted(ctx, files[i].name);
	return 0;
}

/* Every file is read. */
static int
readmit_all(struct cache *c, struct err *e)
{
	struct readmission r = {.c = c};
	unsigned removed = 0, foreign = 0;
	unsigned lost = index_lost(c->ix);
	log_info("cache.index.empty", "action=files_are_taken_in");
	for (unsigned i = 0; i < STORE_PARTS; i++)
		if (store_sweep(c->st, (uint8_t)i, on_part, &r, &removed,
		    &foreign, e) != 0)
			return -1;
	/* else the sweep would take files for strangers */
	if (index_confirm(c->ix, lost, e) != 0)
		return -1;
	stats_add(STAT_SWEPT_FILES, removed);
	if (r.unread > 0)
		log_warn("cache.load.unread", "instances=%u action=kept",
		    r.unread);
	if (r.n > 0 || removed > 0)
		log_warn("cache.index.rebuilt", "instances=%u "
		    "removed_files=%u action=compared_with_the_archives", r.n,
		    removed);
	return 0;
}

static bool
on_study(void *ctx, const struct index_row *row) /* index_row_fn */
{
	struct cache *c = ctx;
	struct board_study *s = board_add_study(c->board, row->study_uid);
	struct attrs as;
	struct err ignored; /* a blob that cannot be read leaves blanks */
	(void)str_copy(s->patient_id, sizeof(s->patient_id), row->patient_id);
	(void)str_copy(s->issuer, sizeof(s->issuer), row->issuer);
	(void)str_copy(s->date, sizeof(s->date), row->study_date);
	(void)str_copy(s->modalities, sizeof(s->modalities), row->modalities);
	(void)str_copy(s->archive, sizeof(s->archive), row->archive);
	if (attrs_parse(row->patient_study.p, row->patient_study.n, &as,
	    &ignored) == 0) {
		(void)str_copy(s->description, sizeof(s->description),
		    attrs_value(&as, TAG_STUDY_DESCRIPTION));
		(void)str_copy(s->name, sizeof(s->name),
		    attrs_value(&as, TAG_PATIENT_NAME)); /* a cut is fine */
		(void)str_copy(s->birth_date, sizeof(s->birth_date),
		    attrs_value(&as, TAG_BIRTH_DATE)); /* see above */
		attrs_done(&as);
	}
	s->state = row->ready ? STUDY_READY : STUDY_INCOMPLETE;
	s->expected = row->expected;
	s->instances = row->study_instances;
	s->bytes = row->study_bytes;
	s->kept = row->kept;
	s->last_used_utc = row->last_used_utc;
	s->used = row->used;
	if (s->used > c->used)
		c->used = s->used;
	if (!row->ready)
		(void)str_copy(s->reason, sizeof(s->reason),
		    "the retrieval was interrupted");
	return true;
}

static void
on_pair(void *ctx, const char *class_uid, const char *syntax, unsigned n)
{ /* index_pair_fn */
	struct cache *c = ctx;
	c->ports.learn(c->ports.ctx, class_uid, syntax, n);
}

/* What the index says, told to all who must know. */
static int
read_index(struct cache *c, struct index_reader *r,
    struct index_totals *ret_totals, struct err *e)
{
	struct index_select studies = {.level = INDEX_STUDY, .unready = true};
	if (index_totals(r, ret_totals, e) != 0 ||
	    index_select(r, &studies, on_study, c, e) != 0 ||
	    index_each_pair(r, PAIRS_MAX, on_pair, c, e) != 0)
		return -1;
	store_set_held(c->st, ret_totals->bytes);
	return 0;
}

int
cache_load(struct cache *c, struct err *e)
{
	struct index_totals totals = {0};
	struct index_reader *r = index_reader_open(c->ix, e);
	if (r == NULL)
		return -1;
	int rc = index_totals(r, &totals, e);
	/* nothing, if it is new; else every file is read */
	if (rc == 0 && totals.studies == 0 && c->ports.readmit != NULL)
		rc = readmit_all(c, e);
	if (rc == 0)
		rc = read_index(c, r, &totals, e);
	index_reader_close(&r);
	if (rc != 0)
		return -1;
	log_info("cache.loaded", "studies=%u instances=%u bytes=%llu",
	    totals.studies, totals.instances,
	    (unsigned long long)totals.bytes);
	return 0;
}
