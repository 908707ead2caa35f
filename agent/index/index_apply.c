/* SPDX-License-Identifier: MIT */
/* One write after the other, made within the writer's transaction. Counts and
 * sets of a study are kept in its row, so that a query need not count. */
#include <string.h>

#include "base/buf.h"
#include "index/index_priv.h"

#define SET_MAX 4096 /* bytes of a set; a study has a handful of classes */

/* where an object belongs, and how its study changes */
struct place {
	int64_t study, series;
	int new_series, new_instances;
	int64_t bytes;
	struct buf modalities, classes;
};

static struct index_run
run(struct index *ix, enum index_write w)
{
	return index_run_of(ix->stmt[w]);
}

/* Add ${v} to a set written a\b\c unless it is in it. A set that is full
 * stays as it is: it is a help for a query, not the truth. */
static void
set_add(struct buf *b, const char *set, const char *v)
{
	size_t n = strlen(v);
	bool known = n == 0;
	for (const char *p = set; *p != '\0' && !known;) {
		size_t len = strcspn(p, "\\");
		known = len == n && memcmp(p, v, n) == 0;
		p += len + (p[len] == '\\');
	}
	buf_add_str(b, set);
	if (known || b->len + n + 1 > SET_MAX)
		return;
	if (b->len > 0)
		buf_add_u8(b, '\\');
	buf_add(b, v, n);
}

static int
need_study(struct index *ix, const struct index_object *o, struct place *p,
    struct err *e)
{
	struct index_run r = run(ix, INDEX_W_STUDY_FIND);
	index_run_text(&r, o->study_uid);
	int rc = index_run_step(&r, e);
	if (rc == -1)
		return -1;
	p->study = rc == 1 ? sqlite3_column_int64(r.s, 0) : 0;
	set_add(&p->modalities, rc == 1 ? index_text(r.s, 1) : "",
	    o->modality);
	set_add(&p->classes, rc == 1 ? index_text(r.s, 2) : "", o->class_uid);
	if (rc == 1) {
		index_run_end(&r);
		return 0;
	}
	r = run(ix, INDEX_W_STUDY_ADD);
	index_run_text(&r, o->study_uid);
	index_run_text(&r, o->patient_id);
	index_run_text(&r, o->issuer);
	index_run_text(&r, o->study_date);
	index_run_blob(&r, o->patient_study.p, o->patient_study.n);
	if (index_run_all(&r, e) != 0)
		return -1;
	p->study = sqlite3_last_insert_rowid(ix->db);
	return 0;
}

static int
need_series(struct index *ix, const struct index_object *o, struct place *p,
    struct err *e)
{
	struct index_run r = run(ix, INDEX_W_SERIES_FIND);
	index_run_text(&r, o->series_uid);
	index_run_int(&r, p->study);
	int rc = index_run_step(&r, e);
	if (rc == -1)
		return -1;
	if (rc == 1) {
		p->series = sqlite3_column_int64(r.s, 0);
		index_run_end(&r);
		return 0;
	}
	r = run(ix, INDEX_W_SERIES_ADD);
	index_run_text(&r, o->series_uid);
	index_run_int(&r, p->study);
	index_run_text(&r, o->modality);
	index_run_int(&r, o->series_number);
	index_run_blob(&r, o->series.p, o->series.n);
	if (index_run_all(&r, e) != 0)
		return -1;
	p->series = sqlite3_last_insert_rowid(ix->db);
	p->new_series = 1;
	return 0;
}

static int
put_metadata(struct index *ix, enum index_write how,
    const struct index_object *o, int64_t id, struct err *e)
{
	struct index_run r = run(ix, how);
	index_run_int(&r, id);
	index_run_int(&r, o->metadata_n);
	index_run_int(&r, o->metadata_crc);
	index_run_blob(&r, o->metadata.p, o->metadata.n);
	return index_run_all(&r, e);
}

/* The metadata of instance ${id} as ${o} has it. None is worse than an old
 * one, which may be of other bytes. */
static int
set_metadata(struct index *ix, const struct index_object *o, int64_t id,
    struct err *e)
{
	if (o->metadata.p != NULL)
		return put_metadata(ix, INDEX_W_METADATA_SET, o, id, e);
	struct index_run r = run(ix, INDEX_W_METADATA_DROP);
	index_run_int(&r, id);
	return index_run_all(&r, e);
}

/* An object that is known already came again: what the store says of it now
 * is the truth. */
static int
set_instance(struct index *ix, const struct index_object *o, int64_t id,
    struct err *e)
{
	struct index_run r = run(ix, INDEX_W_INSTANCE_SET);
	index_run_int(&r, id);
	index_run_blob(&r, o->digest, sizeof(o->digest));
	index_run_int(&r, (int64_t)o->length);
	index_run_int(&r, o->offset);
	index_run_text(&r, o->class_uid);
	index_run_text(&r, o->syntax);
	if (index_run_all(&r, e) != 0)
		return -1;
	return set_metadata(ix, o, id, e);
}

static int
add_instance(struct index *ix, const struct index_object *o, struct place *p,
    struct err *e)
{
	struct index_run r = run(ix, INDEX_W_INSTANCE_ADD);
	index_run_int(&r, p->series);
	index_run_text(&r, o->instance_uid);
	index_run_blob(&r, o->name, sizeof(o->name));
	index_run_blob(&r, o->digest, sizeof(o->digest));
	index_run_int(&r, (int64_t)o->length);
	index_run_int(&r, o->offset);
	index_run_int(&r, o->instance_number);
	index_run_text(&r, o->class_uid);
	index_run_text(&r, o->syntax);
	index_run_blob(&r, o->instance.p, o->instance.n);
	if (index_run_all(&r, e) != 0)
		return -1;
	p->new_instances = 1;
	int64_t id = sqlite3_last_insert_rowid(ix->db);
	if (o->metadata.p != NULL && set_metadata(ix, o, id, e) != 0)
		return -1;
	r = run(ix, INDEX_W_SERIES_COUNT);
	index_run_int(&r, p->series);
	return index_run_all(&r, e);
}

static int
need_instance(struct index *ix, const struct index_object *o, struct place *p,
    struct err *e)
{
	struct index_run r = run(ix, INDEX_W_INSTANCE_FIND);
	index_run_blob(&r, o->name, sizeof(o->name));
	int rc = index_run_step(&r, e);
	if (rc == -1)
		return -1;
	p->bytes = (int64_t)o->length;
	if (rc == 0)
		return add_instance(ix, o, p, e);
	int64_t id = sqlite3_column_int64(r.s, 0);
	p->bytes -= sqlite3_column_int64(r.s, 1);
	index_run_end(&r);
	return set_instance(ix, o, id, e);
}

static int
count_study(struct index *ix, struct place *p, struct err *e)
{
	struct index_run r = run(ix, INDEX_W_STUDY_COUNT);
	index_run_int(&r, p->study);
	index_run_int(&r, p->new_series);
	index_run_int(&r, p->new_instances);
	index_run_int(&r, p->bytes);
	index_run_text(&r, buf_str(&p->modalities));
	index_run_text(&r, buf_str(&p->classes));
	return index_run_all(&r, e);
}

static int
apply_object(struct index *ix, const struct index_op *op, struct err *e)
{
	struct place p = {0};
	buf_init(&p.modalities, 2 * SET_MAX);
	buf_init(&p.classes, 2 * SET_MAX);
	int rc = need_study(ix, &op->o, &p, e);
	if (rc == 0)
		rc = need_series(ix, &op->o, &p, e);
	if (rc == 0)
		rc = need_instance(ix, &op->o, &p, e);
	if (rc == 0)
		rc = count_study(ix, &p, e);
	buf_done(&p.modalities);
	buf_done(&p.classes);
	return rc;
}

static int
apply_study(struct index *ix, const struct index_op *op, struct err *e)
{
	struct index_run r = run(ix, INDEX_W_STUDY_STATE);
	index_run_text(&r, op->uid);
	index_run_int(&r, op->flag);
	index_run_int(&r, op->expected);
	index_run_text(&r, op->archive);
	return index_run_all(&r, e);
}

static int
apply_kept(struct index *ix, const struct index_op *op, struct err *e)
{
	struct index_run r = run(ix, INDEX_W_STUDY_KEPT);
	index_run_text(&r, op->uid);
	index_run_int(&r, op->flag);
	return index_run_all(&r, e);
}

static int
apply_used(struct index *ix, const struct index_op *op, struct err *e)
{
	struct index_run r = run(ix, INDEX_W_STUDY_USED);
	index_run_text(&r, op->uid);
	index_run_int(&r, (int64_t)op->used);
	index_run_int(&r, op->utc_s);
	return index_run_all(&r, e);
}

/* Run a statement that takes one row's id. */
static int
run_id(struct index *ix, enum index_write w, int64_t id, struct err *e)
{
	struct index_run r = run(ix, w);
	index_run_int(&r, id);
	return index_run_all(&r, e);
}

static int
apply_drop_object(struct index *ix, const struct index_op *op, struct err *e)
{
	struct index_run r = run(ix, INDEX_W_INSTANCE_FIND);
	index_run_blob(&r, op->o.name, sizeof(op->o.name));
	int rc = index_run_step(&r, e);
	if (rc != 1)
		return rc;
	int64_t id = sqlite3_column_int64(r.s, 0);
	int64_t length = sqlite3_column_int64(r.s, 1);
	int64_t series = sqlite3_column_int64(r.s, 2);
	int64_t study = sqlite3_column_int64(r.s, 3);
	index_run_end(&r);
	if (run_id(ix, INDEX_W_INSTANCE_DROP, id, e) != 0 ||
	    run_id(ix, INDEX_W_SERIES_LESS, series, e) != 0 ||
	    run_id(ix, INDEX_W_SERIES_DROP, series, e) != 0)
		return -1;
	int gone = sqlite3_changes(ix->db); /* of the statement before */
	r = run(ix, INDEX_W_STUDY_LESS);
	index_run_int(&r, study);
	index_run_int(&r, gone);
	index_run_int(&r, length);
	if (index_run_all(&r, e) != 0)
		return -1;
	return run_id(ix, INDEX_W_STUDY_EMPTY, study, e);
}

static int
apply_drop_study(struct index *ix, const struct index_op *op, struct err *e)
{
	struct index_run r = run(ix, INDEX_W_STUDY_DROP);
	index_run_text(&r, op->uid);
	return index_run_all(&r, e);
}

static int
apply_wants(struct index *ix, const struct index_op *op, struct err *e)
{
	bool forget = op->wants.p == NULL;
	struct index_run r = run(ix, forget ? INDEX_W_WANTS_DROP :
	    INDEX_W_WANTS_SET);
	index_run_text(&r, op->uid);
	if (!forget)
		index_run_blob(&r, op->wants.p, op->wants.n);
	return index_run_all(&r, e);
}

/* Of an object that is not here any more: nothing; and what came with the
 * object is newer than what was made of it later. */
static int
apply_metadata(struct index *ix, const struct index_op *op, struct err *e)
{
	struct index_run r = run(ix, INDEX_W_INSTANCE_FIND);
	index_run_blob(&r, op->o.name, sizeof(op->o.name));
	int rc = index_run_step(&r, e);
	if (rc != 1)
		return rc;
	int64_t id = sqlite3_column_int64(r.s, 0);
	index_run_end(&r);
	return put_metadata(ix, INDEX_W_METADATA_FILL, &op->o, id, e);
}

int
index_apply(struct index *ix, const struct index_op *op, struct err *e)
{
	static int (*const apply[])(struct index *, const struct index_op *,
	    struct err *) = {
	    [INDEX_OP_OBJECT] = apply_object,
	    [INDEX_OP_STUDY] = apply_study,
	    [INDEX_OP_KEPT] = apply_kept,
	    [INDEX_OP_USED] = apply_used,
	    [INDEX_OP_DROP_OBJECT] = apply_drop_object,
	    [INDEX_OP_DROP_STUDY] = apply_drop_study,
	    [INDEX_OP_WANTS] = apply_wants,
	    [INDEX_OP_METADATA] = apply_metadata,
	};
	return apply[op->kind](ix, op, e);
}
