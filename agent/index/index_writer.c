/* SPDX-License-Identifier: MIT */
/* The one thread that writes: a queue, gathered into transactions.
 *
 * DESIGN  The loop may queue without limit, but queues little; the callers of
 * index_put_object are workers, and wait while the queue is full. The writer
 * waits for nobody, so that wait ends. What could not be written is tried
 * once more, then it is lost. On a full disk that is counted, and the next
 * batch is tried as if nothing were: whoever fetches sees the count and
 * fetches again. For any other fault the index has failed for good: its file
 * still holds a consistent past, which the next start compares with the
 * store.
 */
#include <assert.h>
#include <signal.h>
#include <string.h>

#include "base/mem.h"
#include "index/index_priv.h"

/* Copy ${*s} behind an op at ${*at}; NULL becomes "". */
static void
pack_text(char **at, const char **s)
{
	size_t n = *s == NULL ? 1 : strlen(*s) + 1;
	if (n > 1)
		memcpy(*at, *s, n);
	*s = *at; /* the memory is zeroed */
	*at += n;
}

static void
pack_blob(char **at, struct index_blob *b)
{
	if (b->p == NULL)
		return;
	if (b->n > 0)
		memcpy(*at, b->p, b->n);
	b->p = *at;
	*at += b->n;
}

/* An op with room for ${n} bytes behind it. */
static struct index_op *
op_new(enum index_op_kind kind, size_t n)
{
	struct index_op *op = mem_zero(1, sizeof(*op) + n);
	op->kind = kind;
	return op;
}

/* An op about one study or case, and maybe a second text and a blob. */
static struct index_op *
op_of(enum index_op_kind kind, const char *uid, const char *archive,
    struct index_blob wants)
{
	size_t n = strlen(uid) + 2 + wants.n +
	    (archive == NULL ? 0 : strlen(archive));
	struct index_op *op = op_new(kind, n);
	char *at = op->tail;
	op->uid = uid;
	op->archive = archive;
	op->wants = wants;
	pack_text(&at, &op->uid);
	pack_text(&at, &op->archive);
	pack_blob(&at, &op->wants);
	return op;
}

/* What is queued is written at once, without gathering; up to where. */
static uint64_t
hurry_locked(struct index *ix)
{
	lock_assert_held(&ix->lock);
	ix->flush_seq = ix->put_seq;
	cond_signal(&ix->more);
	return ix->put_seq;
}

static void
put(struct index *ix, struct index_op *op, bool may_wait)
{
	lock_acquire(&ix->lock);
	assert(!ix->stop);
	while (may_wait && ix->queued >= INDEX_QUEUE_MAX)
		lock_wait(&ix->lock, &ix->done);
	*ix->tail = op;
	ix->tail = &op->next;
	ix->queued++;
	ix->put_seq++;
	/* it sleeps when there is nothing, and until a batch is full */
	if (ix->queued == 1 || ix->queued == INDEX_BATCH)
		cond_signal(&ix->more);
	lock_release(&ix->lock);
}

void
index_put_object(struct index *ix, const struct index_object *o)
{
	struct index_object c = *o;
	const char **texts[] = {&c.study_uid, &c.series_uid, &c.instance_uid,
	    &c.class_uid, &c.syntax, &c.patient_id, &c.issuer, &c.study_date,
	    &c.modality};
	struct index_blob *blobs[] = {&c.patient_study, &c.series,
	    &c.instance, &c.metadata};
	const size_t n_texts = sizeof(texts) / sizeof(texts[0]);
	const size_t n_blobs = sizeof(blobs) / sizeof(blobs[0]);
	size_t n = 0;
	for (size_t i = 0; i < n_texts; i++)
		n += *texts[i] == NULL ? 1 : strlen(*texts[i]) + 1;
	for (size_t i = 0; i < n_blobs; i++)
		n += blobs[i]->n;
	struct index_op *op = op_new(INDEX_OP_OBJECT, n);
	char *at = op->tail;
	for (size_t i = 0; i < n_texts; i++)
		pack_text(&at, texts[i]);
	for (size_t i = 0; i < n_blobs; i++)
		pack_blob(&at, blobs[i]);
	op->o = c;
	put(ix, op, true);
}

void
index_put_study(struct index *ix, const char *study_uid, bool ready,
    unsigned expected, const char *archive)
{
	struct index_op *op = op_of(INDEX_OP_STUDY, study_uid, archive,
	    (struct index_blob){0});
	op->flag = ready;
	op->expected = expected;
	put(ix, op, false);
	if (ready)
		return;
	/* what viewers must see no more does not wait for company */
	lock_acquire(&ix->lock);
	hurry_locked(ix);
	lock_release(&ix->lock);
}

void
index_put_kept(struct index *ix, const char *study_uid, bool kept)
{
	struct index_op *op = op_of(INDEX_OP_KEPT, study_uid, NULL,
	    (struct index_blob){0});
	op->flag = kept;
	put(ix, op, false);
}

void
index_put_used(struct index *ix, const char *study_uid, uint64_t used,
    int64_t utc_s)
{
	struct index_op *op = op_of(INDEX_OP_USED, study_uid, NULL,
	    (struct index_blob){0});
	op->used = used;
	op->utc_s = utc_s;
	put(ix, op, false);
}

void
index_put_metadata(struct index *ix, const uint8_t name[INDEX_NAME_BYTES],
    struct index_blob part, uint32_t n, uint32_t crc)
{
	struct index_op *op = op_new(INDEX_OP_METADATA, part.n);
	char *at = op->tail;
	op->o.metadata = part;
	op->o.metadata_n = n;
	op->o.metadata_crc = crc;
	memcpy(op->o.name, name, INDEX_NAME_BYTES);
	pack_blob(&at, &op->o.metadata);
	put(ix, op, true);
}

void
index_drop_object(struct index *ix, const uint8_t name[INDEX_NAME_BYTES])
{
	struct index_op *op = op_new(INDEX_OP_DROP_OBJECT, 0);
	memcpy(op->o.name, name, INDEX_NAME_BYTES);
	put(ix, op, false);
}

void
index_drop_study(struct index *ix, const char *study_uid)
{
	put(ix, op_of(INDEX_OP_DROP_STUDY, study_uid, NULL,
	    (struct index_blob){0}), false);
}

void
index_put_wants(struct index *ix, const char *case_id,
    struct index_blob wants)
{
	put(ix, op_of(INDEX_OP_WANTS, case_id, NULL, wants), false);
}

unsigned
index_lost(const struct index *ix)
{
	return atomic_load(&ix->lost);
}

int
index_flush(struct index *ix, struct err *e)
{
	lock_acquire(&ix->lock);
	uint64_t seq = hurry_locked(ix);
	while (ix->done_seq < seq)
		lock_wait(&ix->lock, &ix->done);
	lock_release(&ix->lock);
	return index_has_failed(ix, e) ? -1 : 0;
}

int
index_confirm(struct index *ix, unsigned lost, struct err *e)
{
	if (index_flush(ix, e) != 0)
		return -1;
	return index_lost(ix) == lost ? 0 :
	    err_set(e, ERR_FULL, 0, "the index could not write");
}

/* Whether the commit must be on the disk before anybody hears of it: a study
 * is ready, or is not, or something is gone and its file goes next. */
static bool
must_last(const struct index_op *op)
{
	for (; op != NULL; op = op->next)
		if (op->kind == INDEX_OP_STUDY ||
		    op->kind == INDEX_OP_DROP_OBJECT ||
		    op->kind == INDEX_OP_DROP_STUDY)
			return true;
	return false;
}

/* A pragma has no effect inside a transaction, so it is said before. */
static int
set_durable(struct index *ix, bool durable, struct err *e)
{
	if (ix->durable == durable)
		return 0;
	if (index_sql_exec(ix->db, durable ? "PRAGMA synchronous = FULL" :
	    "PRAGMA synchronous = NORMAL", e) != 0)
		return -1;
	ix->durable = durable;
	return 0;
}

static int
run_one(struct index *ix, enum index_write w, struct err *e)
{
	struct index_run r = index_run_of(ix->stmt[w]);
	return index_run_all(&r, e);
}

/* All of ${op} or nothing. */
static int
write_batch(struct index *ix, const struct index_op *op, struct err *e)
{
	struct err ignored; /* the first error is the one to tell */
	if (set_durable(ix, must_last(op), e) != 0 ||
	    run_one(ix, INDEX_W_BEGIN, e) != 0)
		return -1;
	int rc = 0;
	for (; op != NULL && rc == 0; op = op->next)
		rc = index_apply(ix, op, e);
	if (rc == 0)
		rc = run_one(ix, INDEX_W_COMMIT, e);
	/* some errors have rolled back already */
	if (rc != 0 && sqlite3_get_autocommit(ix->db) == 0)
		(void)run_one(ix, INDEX_W_ROLLBACK, &ignored);
	return rc;
}

static void
write_or_fail(struct index *ix, const struct index_op *op)
{
	struct err e;
	if (write_batch(ix, op, &e) == 0 || write_batch(ix, op, &e) == 0)
		return;
	atomic_fetch_add(&ix->lost, 1);
	if (e.code != ERR_FULL)
		index_fail(ix, &e);
}

/* Wait until there is something to do; the batch, NULL when it is over. */
static struct index_op *
take_batch(struct index *ix, unsigned *ret_n)
{
	lock_acquire(&ix->lock);
	while (ix->queued == 0 && !ix->stop && !ix->wipe_asked)
		lock_wait(&ix->lock, &ix->more);
	bool in_time = true;
	while (in_time && ix->queued < INDEX_BATCH && !ix->stop &&
	    !ix->wipe_asked && ix->flush_seq <= ix->done_seq)
		in_time = lock_wait_ms(&ix->lock, &ix->more, INDEX_GATHER_MS);
	struct index_op *first = ix->head;
	struct index_op **end = &ix->head;
	unsigned n = 0;
	for (; *end != NULL && n < INDEX_BATCH; n++)
		end = &(*end)->next;
	ix->head = *end;
	*end = NULL;
	if (ix->head == NULL)
		ix->tail = &ix->head;
	ix->queued -= n;
	lock_release(&ix->lock);
	*ret_n = n;
	return first;
}

static void *
writer_main(void *arg)
{
	struct index *ix = arg;
	unsigned n = 0;
	for (;;) {
		struct index_op *op = take_batch(ix, &n);
		if (op == NULL && index_wipe_due(ix))
			continue;
		if (op == NULL)
			return NULL;
		write_or_fail(ix, op);
		while (op != NULL) {
			struct index_op *next = op->next;
			mem_free(op);
			op = next;
		}
		lock_acquire(&ix->lock);
		ix->done_seq += n;
		cond_broadcast(&ix->done);
		lock_release(&ix->lock);
	}
}

int
index_writer_start(struct index *ix, struct err *e)
{
	sigset_t all;
	sigset_t old;
	(void)sigfillset(&all); /* signals are the loop's */
	(void)pthread_sigmask(SIG_SETMASK, &all, &old); /* valid sets */
	int sys = pthread_create(&ix->thread, NULL, writer_main, ix);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL); /* valid sets */
	if (sys != 0)
		return err_set(e, ERR_NOMEM, sys, "start the index writer");
	ix->started = true;
	return 0;
}

void
index_writer_stop(struct index *ix)
{
	if (!ix->started)
		return;
	lock_acquire(&ix->lock);
	ix->stop = true;
	cond_signal(&ix->more);
	lock_release(&ix->lock);
	(void)pthread_join(ix->thread, NULL); /* it exists */
	ix->started = false;
}
