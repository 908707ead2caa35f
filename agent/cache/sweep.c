/* SPDX-License-Identifier: MIT */
/* The sweep: once after each start the folder is compared with the index, and
 * before that the index is checked if its open did not.
 * A crash between the rows and the files of an eviction leaves files without a
 * row, which go; a row without a file is somebody else's work, and is fetched
 * again.
 *
 * DESIGN  A part of the folder after the other, each a job of the one worker
 * that also evicts: so no file is looked at while its study leaves, and no
 * eviction waits for long. */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/stats.h"
#include "base/str.h"
#include "cache/cache_priv.h"

/* Rows of a study whose files are not there. */
struct loss {
	char study_uid[UID_SIZE];
	unsigned n;
};

struct sweeping {
	struct job job; /* first */
	struct cache *c;
	unsigned part; /* the next one */
	unsigned removed, foreign;
	unsigned bad_rows;
	struct index_reader *reader; /* the worker's, closed at the end */
	/* the part's files, and how far they were compared */
	struct store_file *files;
	size_t n_files, at;
	/* names that the index has and the folder has not; owned */
	uint8_t (*gone)[STORE_NAME_BYTES];
	size_t n_gone, cap_gone;
	struct loss *losses; /* in the part, a line a study; owned */
	size_t n_losses, cap_losses;
	int rc;
	struct err e;
};

/* Both are in order. */
static void
on_name(void *ctx, const uint8_t name[INDEX_NAME_BYTES]) /* index_name_fn */
{
	struct sweeping *s = ctx;
	int order = -1;
	while (s->at < s->n_files && order < 0) {
		order = memcmp(s->files[s->at].name, name, STORE_NAME_BYTES);
		s->files[s->at].known = order == 0;
		s->at += order <= 0;
	}
	if (order == 0)
		return;
	if (s->n_gone == s->cap_gone) {
		s->cap_gone = s->cap_gone == 0 ? 16 : 2 * s->cap_gone;
		s->gone = mem_grow(s->gone, s->cap_gone, STORE_NAME_BYTES);
	}
	memcpy(s->gone[s->n_gone++], name, STORE_NAME_BYTES);
}

static void
add_loss(struct sweeping *s, const char *study_uid)
{
	size_t i = s->n_losses; /* rows of a study often come in a row */
	while (i > 0 && !str_eq(s->losses[i - 1].study_uid, study_uid))
		i--;
	if (i > 0) {
		s->losses[i - 1].n++;
		return;
	}
	if (s->n_losses == s->cap_losses) {
		s->cap_losses = s->cap_losses == 0 ? 16 : 2 * s->cap_losses;
		s->losses = mem_grow(s->losses, s->cap_losses,
		    sizeof(s->losses[0]));
	}
	struct loss *l = &s->losses[s->n_losses++];
	l->n = 1;
	(void)str_copy(l->study_uid, UID_SIZE, study_uid); /* same size */
}

/* The row of ${name} had no file; unless that has changed it is dropped. */
static int
look_again(struct sweeping *s, uint8_t name[STORE_NAME_BYTES], bool *ret_bad,
    struct err *e)
{
	char study_uid[UID_SIZE];
	uint64_t length = 0;
	*ret_bad = false;
	if (!store_is_gone(s->c->st, name))
		return 0;
	int rc = index_study_of(s->reader, name, study_uid, &length, e);
	if (rc != 1)
		return rc;
	*ret_bad = true;
	s->bad_rows++;
	index_drop_object(s->c->ix, name);
	store_lost(s->c->st, length);
	add_loss(s, study_uid);
	return 0;
}

/* Rows without a file are dropped, together; then what is in their place. */
static int
drop_gone(struct sweeping *s, struct err *e)
{
	size_t n = 0;
	int rc = 0;
	unsigned lost = index_lost(s->c->ix);
	for (size_t i = 0; i < s->n_gone && rc == 0; i++) {
		bool bad = false;
		rc = look_again(s, s->gone[i], &bad, e);
		if (bad)
			memmove(s->gone[n++], s->gone[i], STORE_NAME_BYTES);
	}
	if (n > 0 && rc == 0)
		rc = index_confirm(s->c->ix, lost, e);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = store_remove_damaged(s->c->st, s->gone[i], e);
	return rc;
}

static int
on_part(void *ctx, struct store_file *files, size_t n, struct err *e)
{ /* store_part_fn */
	struct sweeping *s = ctx;
	s->files = files;
	s->n_files = n;
	s->at = s->n_gone = 0;
	int rc = index_each_name(s->reader, (uint8_t)s->part, on_name, s, e);
	if (rc == 0)
		rc = drop_gone(s, e);
	if (rc == 0 && atomic_load(&s->job.cancelled))
		return err_set(e, ERR_CANCELLED, 0, "told to stop");
	return rc;
}

static void
sweeping_work(struct job *j) /* job_fn, worker */
{
	struct sweeping *s = (struct sweeping *)j;
	s->rc = -1;
	/* what was dropped before is not found missing */
	if (index_flush(s->c->ix, &s->e) != 0)
		return;
	if (s->reader == NULL)
		s->reader = index_reader_open(s->c->ix, &s->e);
	if (s->reader != NULL)
		s->rc = store_sweep(s->c->st, (uint8_t)s->part, on_part, s,
		    &s->removed, &s->foreign, &s->e);
}

/* What was lost is fetched again. */
static void
tell_losses(struct sweeping *s)
{
	struct cache *c = s->c;
	for (size_t i = 0; i < s->n_losses; i++) {
		const struct loss *l = &s->losses[i];
		struct board_study *b = board_study(c->board, l->study_uid);
		if (b == NULL)
			continue;
		board_study_lose(b, l->n);
		if (b->state != STUDY_READY)
			continue;
		b->state = STUDY_INCOMPLETE;
		b->next_try_utc = 0;
		(void)str_copy(b->reason, sizeof(b->reason),
		    "files are missing; they are fetched again");
	}
	if (s->n_losses == 0)
		return;
	s->n_losses = 0;
	board_changed(c->board);
	c->ports.missing(c->ports.ctx);
}

/* It is over, well or not. */
static void
end_sweep(struct sweeping *s)
{
	struct cache *c = s->c;
	index_reader_close(&s->reader);
	store_sweep_end(c->st);
	stats_add(STAT_SWEPT_FILES, s->removed);
	stats_add(STAT_SWEPT_ROWS, s->bad_rows);
	if (s->part == STORE_PARTS)
		log_info("cache.swept", "files=%u rows=%u foreign=%u",
		    s->removed, s->bad_rows, s->foreign);
	else if (s->rc != 0 && s->e.code != ERR_CANCELLED)
		log_warn("cache.sweep.broken_off", "error='%s' "
		    "action=again_at_the_next_start", s->e.msg);
	c->sweeping = NULL;
	mem_free(s->losses);
	mem_free(s->gone);
	mem_free(s);
}

static void
sweeping_done(struct job *j) /* job_fn, loop */
{
	struct sweeping *s = (struct sweeping *)j;
	tell_losses(s);
	s->part += s->rc == 0;
	if (s->rc == 0 && s->part < STORE_PARTS &&
	    !atomic_load(&j->cancelled) && s->c->wipe == WIPE_NONE)
		pool_submit(s->c->pool, j);
	else
		end_sweep(s);
}

static void
checking_work(struct job *j) /* job_fn, worker */
{
	struct sweeping *s = (struct sweeping *)j;
	s->rc = !index_is_unchecked(s->c->ix) ? 0 :
	    index_check(s->c->ix, &j->cancelled, &s->e);
}

static void
checking_done(struct job *j) /* job_fn, loop */
{
	struct sweeping *s = (struct sweeping *)j;
	if (s->rc == -1 && s->e.code == ERR_CORRUPT)
		log_error("cache.index.damaged", "action="
		    "made_anew_from_the_files_at_the_next_start");
	if (s->rc != 0 || atomic_load(&j->cancelled)) {
		end_sweep(s);
		return;
	}
	s->rc = -1;
	s->job = (struct job){.work = sweeping_work, .done = sweeping_done};
	pool_submit(s->c->pool, j);
}

void
cache_begin_sweep(struct cache *c)
{
	struct sweeping *s = mem_new(struct sweeping);
	s->job = (struct job){.work = checking_work, .done = checking_done};
	s->c = c;
	s->rc = -1;
	(void)err_set(&s->e, ERR_CANCELLED, 0, "told to stop"); /* -1 */
	c->sweeping = s;
	pool_submit(c->verifier, &s->job);
}
