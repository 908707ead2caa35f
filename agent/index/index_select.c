/* SPDX-License-Identifier: MIT */
/* Selection: the query for the rows' numbers is put together from fixed
 * pieces; each row is then read by number.
 *
 * DESIGN  Sorting numbers and keys keeps the sorter small however large the
 * attributes are, and most orders come from an index without any sorting.
 * Lists of UIDs go in as one JSON parameter, so that a query has six
 * parameters whatever is asked: ?1 patient ?2 studies ?3 series ?4 instances
 * ?5 from ?6 to.
 */
#include <assert.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "index/index_priv.h"

#define SQL_MAX 4096
#define LIST_MAX ((size_t)64 << 20) /* bytes; 10,000 UIDs have 670 KB */
#define N_LISTS 3

struct list {
	const char *const *uids;
	unsigned n;
	struct buf json; /* or the one UID itself */
};

struct query {
	const struct index_select *sel;
	struct list lists[N_LISTS];
	struct buf sql;
};

/* what is asked for, joined and ordered, by level */
static const struct {
	const char *from;
	const char *order;
} levels[] = {
	[INDEX_PATIENT] = {
	    "SELECT st.id, count(*), sum(st.n_series), sum(st.n_instances),"
	    " max(st.study_date) FROM study st WHERE 1",
	    " GROUP BY st.patient_id, st.issuer"
	    " ORDER BY st.patient_id, st.issuer"},
	[INDEX_STUDY] = {
	    "SELECT st.id FROM study st WHERE 1",
	    " ORDER BY st.study_date DESC, st.uid"},
	[INDEX_SERIES] = {
	    "SELECT st.id, se.id FROM study st"
	    " JOIN series se ON se.study = st.id WHERE 1",
	    " ORDER BY st.study_date DESC, st.uid, se.number, se.uid"},
	[INDEX_INSTANCE] = {
	    "SELECT st.id, se.id, i.id FROM study st"
	    " JOIN series se ON se.study = st.id"
	    " JOIN instance i ON i.series = se.id WHERE 1",
	    " ORDER BY st.study_date DESC, st.uid, se.number, se.uid,"
	    " i.number, i.uid"},
};

/* the level below which a list lies, and how it chooses there and above */
static const struct {
	enum index_level level;
	const char *here;
	const char *above[4]; /* by the level asked for */
	const char *end;
	const char *param;
} choices[N_LISTS] = {
	{INDEX_STUDY, " AND st.uid",
	    {[INDEX_PATIENT] = " AND st.uid"}, "", "?2"},
	{INDEX_SERIES, " AND se.uid",
	    {[INDEX_PATIENT] = " AND st.id IN (SELECT study FROM series"
	    " WHERE uid",
	    [INDEX_STUDY] = " AND st.id IN (SELECT study FROM series"
	    " WHERE uid"}, ")", "?3"},
	{INDEX_INSTANCE, " AND i.uid",
	    {[INDEX_PATIENT] = " AND st.id IN (SELECT study FROM series"
	    " WHERE id IN (SELECT series FROM instance WHERE uid",
	    [INDEX_STUDY] = " AND st.id IN (SELECT study FROM series"
	    " WHERE id IN (SELECT series FROM instance WHERE uid",
	    [INDEX_SERIES] = " AND (se.id IN (SELECT series FROM instance"
	    " WHERE uid"}, "))", "?4"},
};

/* What is no UID is in no row either, and stays out of the JSON. */
static void
format_list(struct list *l)
{
	if (l->n == 1) {
		buf_add_str(&l->json, l->uids[0]);
		return;
	}
	for (unsigned i = 0; i < l->n; i++)
		if (uid_is_valid(l->uids[i]))
			buf_addf(&l->json, "%c\"%s\"",
			    l->json.len == 0 ? '[' : ',', l->uids[i]);
	buf_add_str(&l->json, l->json.len == 0 ? "[]" : "]");
}

static void
add_list(struct query *q, unsigned which)
{
	struct list *l = &q->lists[which];
	enum index_level level = q->sel->level;
	if (l->n == 0)
		return;
	format_list(l);
	bool above = level < choices[which].level;
	buf_add_str(&q->sql, above ? choices[which].above[level] :
	    choices[which].here);
	if (l->n == 1)
		buf_addf(&q->sql, " = %s", choices[which].param);
	else
		buf_addf(&q->sql, " IN (SELECT value FROM json_each(%s))",
		    choices[which].param);
	if (above)
		buf_add_str(&q->sql, choices[which].end);
}

static bool
is_given(const char *s)
{
	return s != NULL && s[0] != '\0';
}

static void
query_init(struct query *q, const struct index_select *sel)
{
	*q = (struct query){.sel = sel, .lists = {
	    {.uids = sel->study_uids, .n = sel->n_study_uids},
	    {.uids = sel->series_uids, .n = sel->n_series_uids},
	    {.uids = sel->instance_uids, .n = sel->n_instance_uids}}};
	buf_init(&q->sql, SQL_MAX);
	for (unsigned i = 0; i < N_LISTS; i++)
		buf_init(&q->lists[i].json, LIST_MAX);
	buf_add_str(&q->sql, levels[sel->level].from);
	if (!sel->unready)
		buf_add_str(&q->sql, " AND st.ready = 1");
	if (is_given(sel->patient_id))
		buf_add_str(&q->sql, " AND st.patient_id = ?1");
	for (unsigned i = 0; i < N_LISTS; i++)
		add_list(q, i);
	/* a study without a date lies in no range */
	if (is_given(sel->date_from) || is_given(sel->date_to))
		buf_add_str(&q->sql, " AND st.study_date > ''");
	if (is_given(sel->date_from))
		buf_add_str(&q->sql, " AND st.study_date >= ?5");
	if (is_given(sel->date_to))
		buf_add_str(&q->sql, " AND st.study_date <= ?6");
	buf_add_str(&q->sql, levels[sel->level].order);
}

static void
query_done(struct query *q)
{
	for (unsigned i = 0; i < N_LISTS; i++)
		buf_done(&q->lists[i].json);
	buf_done(&q->sql);
}

/* Only what the query names can be bound. */
static int
query_bind(struct query *q, sqlite3_stmt *s, struct err *e)
{
	const char *values[] = {q->sel->patient_id, NULL, NULL, NULL,
	    q->sel->date_from, q->sel->date_to};
	for (unsigned i = 0; i < N_LISTS; i++)
		if (q->lists[i].n > 0) {
			values[1 + i] = buf_str(&q->lists[i].json);
			if (q->lists[i].json.failed)
				return err_set(e, ERR_INVAL, 0,
				    "select: want fewer UIDs");
		}
	for (int i = 0; i < 6; i++) {
		if (!is_given(values[i]))
			continue;
		int rc = sqlite3_bind_text(s, i + 1, values[i], -1,
		    SQLITE_STATIC);
		if (rc != SQLITE_OK)
			return index_sql_err(rc, "select", e);
	}
	return 0;
}

/* Read row ${id} by statement ${which}; it stays open, because the strings
 * are borrowed from it. */
static int
fetch(struct index_reader *r, enum index_read which, int64_t id,
    struct err *e)
{
	sqlite3_stmt *s = r->stmt[which];
	(void)sqlite3_reset(s); /* told by the step */
	struct index_run run = index_run_of(s);
	index_run_int(&run, id);
	int rc = index_run_step(&run, e);
	if (rc == 0) /* found a moment ago in the same snapshot */
		return err_set(e, ERR_CORRUPT, 0, "select: a row is missing");
	return rc == 1 ? 0 : -1;
}

static void
read_study(sqlite3_stmt *s, struct index_row *row, bool patient_only)
{
	row->patient_id = index_text(s, 1);
	row->issuer = index_text(s, 2);
	row->patient_study = index_blob_of(s, 15);
	if (patient_only)
		return;
	row->study_uid = index_text(s, 0);
	row->study_date = index_text(s, 3);
	row->archive = index_text(s, 4);
	row->ready = sqlite3_column_int(s, 5) != 0;
	row->kept = sqlite3_column_int(s, 6) != 0;
	row->expected = (unsigned)sqlite3_column_int64(s, 7);
	row->study_series = (unsigned)sqlite3_column_int64(s, 8);
	row->study_instances = (unsigned)sqlite3_column_int64(s, 9);
	row->study_bytes = (uint64_t)sqlite3_column_int64(s, 10);
	row->last_used_utc = sqlite3_column_int64(s, 11);
	row->used = (uint64_t)sqlite3_column_int64(s, 12);
	row->modalities = index_text(s, 13);
	row->classes = index_text(s, 14);
}

static void
read_series(sqlite3_stmt *s, struct index_row *row)
{
	row->series_uid = index_text(s, 0);
	row->modality = index_text(s, 1);
	row->series_instances = (unsigned)sqlite3_column_int64(s, 2);
	row->series = index_blob_of(s, 3);
}

static int
read_instance(sqlite3_stmt *s, struct index_row *row, struct err *e)
{
	row->instance_uid = index_text(s, 0);
	row->class_uid = index_text(s, 1);
	row->syntax = index_text(s, 2);
	row->name = sqlite3_column_blob(s, 3);
	row->digest = sqlite3_column_blob(s, 4);
	row->length = (uint64_t)sqlite3_column_int64(s, 5);
	row->offset = (uint32_t)sqlite3_column_int64(s, 6);
	row->instance = index_blob_of(s, 7);
	if (row->name == NULL || row->digest == NULL ||
	    sqlite3_column_bytes(s, 3) != INDEX_NAME_BYTES ||
	    sqlite3_column_bytes(s, 4) != INDEX_DIGEST_BYTES)
		return err_set(e, ERR_CORRUPT, 0,
		    "select: a name or digest is damaged");
	return 0;
}

/* Not every instance has its metadata. */
static int
fetch_metadata(struct index_reader *r, int64_t id, struct index_row *row,
    struct err *e)
{
	sqlite3_stmt *s = r->stmt[INDEX_R_METADATA];
	(void)sqlite3_reset(s); /* told by the step */
	struct index_run run = index_run_of(s);
	row->metadata = (struct index_blob){0};
	index_run_int(&run, id);
	int rc = index_run_step(&run, e);
	if (rc != 1)
		return rc;
	row->metadata_n = (uint32_t)sqlite3_column_int64(s, 0);
	row->metadata_crc = (uint32_t)sqlite3_column_int64(s, 1);
	row->metadata = index_blob_of(s, 2);
	return 0;
}

/* what the row that was read last holds, so that a study is not read again
 * for each of its instances */
struct row_state {
	struct index_row row;
	int64_t study, series;
};

static int
read_row(struct index_reader *r, const struct index_select *sel,
    sqlite3_stmt *ids, struct row_state *st, struct err *e)
{
	enum index_level level = sel->level;
	int64_t study = sqlite3_column_int64(ids, 0);
	if (study != st->study) {
		if (fetch(r, INDEX_R_STUDY, study, e) != 0)
			return -1;
		read_study(r->stmt[INDEX_R_STUDY], &st->row,
		    level == INDEX_PATIENT);
		st->study = study;
	}
	if (level == INDEX_PATIENT) {
		struct index_row *row = &st->row;
		row->patient_studies = (unsigned)sqlite3_column_int64(ids, 1);
		row->patient_series = (unsigned)sqlite3_column_int64(ids, 2);
		row->patient_instances =
		    (unsigned)sqlite3_column_int64(ids, 3);
	}
	if (level < INDEX_SERIES)
		return 0;
	int64_t series = sqlite3_column_int64(ids, 1);
	if (series != st->series) {
		if (fetch(r, INDEX_R_SERIES, series, e) != 0)
			return -1;
		read_series(r->stmt[INDEX_R_SERIES], &st->row);
		st->series = series;
	}
	if (level < INDEX_INSTANCE)
		return 0;
	int64_t id = sqlite3_column_int64(ids, 2);
	if (fetch(r, INDEX_R_INSTANCE, id, e) != 0)
		return -1;
	if (sel->metadata && fetch_metadata(r, id, &st->row, e) != 0)
		return -1;
	return read_instance(r->stmt[INDEX_R_INSTANCE], &st->row, e);
}

static int
each_row(struct index_reader *r, const struct index_select *sel,
    sqlite3_stmt *ids, index_row_fn *fn, void *ctx, struct err *e)
{
	static const struct index_row empty = {.patient_id = "",
	    .issuer = "", .study_uid = "", .series_uid = "",
	    .instance_uid = "", .study_date = "", .modality = "",
	    .archive = "", .modalities = "", .classes = "",
	    .class_uid = "", .syntax = ""};
	struct row_state st = {.row = empty};
	struct index_run run = index_run_of(ids);
	for (;;) {
		int rc = index_run_step(&run, e);
		if (rc != 1)
			return rc;
		if (read_row(r, sel, ids, &st, e) != 0)
			return -1;
		if (!fn(ctx, &st.row))
			return 0;
	}
}

static int
run_one(struct index_reader *r, enum index_read which, struct err *e)
{
	struct index_run run = index_run_of(r->stmt[which]);
	return index_run_all(&run, e);
}

int
index_select(struct index_reader *r, const struct index_select *sel,
    index_row_fn *fn, void *ctx, struct err *e)
{
	static const enum index_read rows[] = {INDEX_R_STUDY, INDEX_R_SERIES,
	    INDEX_R_INSTANCE, INDEX_R_METADATA};
	struct err ignored; /* the end of a read changes nothing */
	struct query q;
	sqlite3_stmt *ids = NULL;
	assert(!r->busy);
	r->busy = true;
	query_init(&q, sel);
	assert(!q.sql.failed);
	int rc = run_one(r, INDEX_R_BEGIN, e); /* one snapshot for all */
	if (rc == 0)
		rc = index_sql_prepare(r->db, buf_str(&q.sql), &ids, e);
	if (rc == 0)
		rc = query_bind(&q, ids, e);
	if (rc == 0)
		rc = each_row(r, sel, ids, fn, ctx, e);
	(void)sqlite3_finalize(ids); /* told by the step */
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		(void)sqlite3_reset(r->stmt[rows[i]]); /* told by the step */
	if (sqlite3_get_autocommit(r->db) == 0 &&
	    run_one(r, INDEX_R_END, &ignored) != 0)
		(void)index_sql_exec(r->db, "ROLLBACK", &ignored);
	query_done(&q);
	r->busy = false;
	return rc == 0 ? 0 : index_reader_met(r, e);
}
