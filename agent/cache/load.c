/* SPDX-License-Identifier: MIT */
/* Start: what the index says and what the folder holds become one truth, and
 * the board knows it. */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stats.h"
#include "base/str.h"
#include "cache/cache_priv.h"
#include "wire/attrs.h"

struct loading {
	struct cache *c;
	struct index_reader *reader;
	bool clean; /* the last stop was */
	unsigned readmitted; /* objects, into an index that was lost */
	unsigned bad_rows;
	unsigned unread; /* the system failed, the object may be whole */
	int rc;
	struct err *e;
};

static bool
is_known(void *ctx, const uint8_t name[STORE_NAME_BYTES], uint64_t file_bytes)
{ /* store_known_fn */
	struct loading *l = ctx;
	uint64_t length = 0;
	uint32_t offset = 0;
	int rc = index_find_object(l->reader, name, &length, &offset, l->e);
	if (rc < 0) {
		l->rc = -1;
		return true; /* when in doubt, nothing is removed */
	}
	return rc == 1 && file_bytes == length + offset;
}

/* The index knows nothing: a file that proves to be whole is taken in again.
 * What cannot be read just now stays, and so does what finds no room. */
static bool
is_readmitted(void *ctx, const uint8_t name[STORE_NAME_BYTES],
    uint64_t file_bytes)
{ /* store_known_fn */
	struct loading *l = ctx;
	struct cache *c = l->c;
	struct store_item it;
	struct store_map m;
	struct err e;
	(void)file_bytes; /* its seal tells the length */
	if (store_unseal(c->st, name, &it, &m, &e) != 0) {
		l->unread += e.code != ERR_CORRUPT;
		return e.code != ERR_CORRUPT;
	}
	bool ok = c->ports.readmit(c->ports.ctx, &it, m.p, m.n, &e) == 0;
	store_unmap(&m);
	if (ok)
		c->ports.learn(c->ports.ctx, it.class_uid, it.syntax);
	l->readmitted += ok;
	return ok;
}

/* Rows whose file is gone, short, or (after a crash, where the study was
 * never made durable) of another digest are dropped. */
static bool
on_object(void *ctx, const struct index_row *row) /* index_row_fn */
{
	struct loading *l = ctx;
	struct store_object o = {.length = row->length,
	    .offset = row->offset};
	struct store_map m;
	struct err e;
	memcpy(o.name, row->name, sizeof(o.name));
	memcpy(o.digest, row->digest, sizeof(o.digest));
	if (store_map(l->c->st, &o, !l->clean && !row->ready, &m, &e) == 0) {
		store_unmap(&m);
		l->c->ports.learn(l->c->ports.ctx, row->class_uid,
		    row->syntax);
		return true;
	}
	if (e.code != ERR_CORRUPT) { /* nothing goes for want of memory */
		l->unread++;
		return true;
	}
	l->bad_rows++;
	index_drop_object(l->c->ix, row->name);
	(void)store_remove(l->c->st, row->name, &e); /* gone already is fine */
	return true;
}

static bool
on_study(void *ctx, const struct index_row *row) /* index_row_fn */
{
	struct loading *l = ctx;
	struct board_study *s = board_add_study(l->c->board, row->study_uid);
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
		attrs_done(&as);
	}
	s->state = row->ready ? STUDY_READY : STUDY_INCOMPLETE;
	s->expected = row->expected;
	s->instances = row->study_instances;
	s->bytes = row->study_bytes;
	s->kept = row->kept;
	s->last_used_utc = row->last_used_utc;
	s->used = row->used;
	if (s->used > l->c->used)
		l->c->used = s->used;
	if (!row->ready)
		(void)str_copy(s->reason, sizeof(s->reason),
		    "the retrieval was interrupted");
	return true;
}

int
cache_load(struct cache *c, struct err *e)
{
	struct loading l = {.c = c, .clean = index_was_clean(c->ix), .e = e};
	struct index_select objects = {.level = INDEX_INSTANCE,
	    .unready = true};
	struct index_select studies = {.level = INDEX_STUDY, .unready = true};
	struct index_totals totals = {0};
	unsigned removed = 0, foreign = 0;
	l.reader = index_reader_open(c->ix, e);
	if (l.reader == NULL)
		return -1;
	int rc = index_totals(l.reader, &totals, e);
	bool lost = rc == 0 && totals.instances == 0 && totals.studies == 0;
	if (rc == 0)
		rc = index_select(l.reader, &objects, on_object, &l, e);
	if (rc == 0)
		rc = index_flush(c->ix, e);
	if (lost) /* nothing, if it is new; else every file is read */
		log_info("cache.index.empty", "action=files_are_taken_in");
	if (rc == 0)
		rc = store_sweep(c->st, lost && c->ports.readmit != NULL ?
		    is_readmitted : is_known, &l, &removed, &foreign, e);
	if (rc == 0)
		rc = index_flush(c->ix, e);
	if (rc == 0)
		rc = l.rc;
	if (rc == 0)
		rc = index_totals(l.reader, &totals, e);
	if (rc == 0)
		rc = index_select(l.reader, &studies, on_study, &l, e);
	index_reader_close(&l.reader);
	if (rc != 0)
		return -1;
	if (l.unread > 0)
		log_warn("cache.load.unread", "instances=%u action=kept",
		    l.unread);
	if (l.readmitted > 0)
		log_warn("cache.index.rebuilt", "instances=%u action="
		    "compared_with_the_archives", l.readmitted);
	store_set_held(c->st, totals.bytes);
	stats_add(STAT_SWEPT_FILES, removed);
	stats_add(STAT_SWEPT_ROWS, l.bad_rows);
	log_info("cache.loaded", "studies=%u instances=%u bytes=%llu "
	    "swept_files=%u swept_rows=%u foreign=%u", totals.studies,
	    totals.instances, (unsigned long long)totals.bytes, removed,
	    l.bad_rows, foreign);
	return 0;
}
