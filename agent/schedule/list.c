/* SPDX-License-Identifier: MIT */
/* Looks at a theatre list and tells the cases in it.
 *
 *   2 s, a person -> submit -> look_work (a worker: stat; if the file is
 *   another or a full look is due: read, digest, parse) -> on_home ->
 *   take_reading: unsettled? again in 2 s
 *                 bad?       the last list stays
 *                 new?       told to the owner
 *
 * The loop itself never touches the file: where a network disk hangs, a
 * worker hangs with it and the list is told to be stale. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stats.h"
#include "base/str.h"
#include "schedule/list_priv.h"

#define OVER_S 86400 /* a case that ended so long ago needs nothing */
#define LOOK_MS 2000 /* an idle agent wakes less than once a second */
#define FULL_NS (30 * CLOCK_S) /* network disks may keep old sizes and times */
#define SETTLE_NS (5 * CLOCK_S) /* a slower writer's good rows count */
#define HANG_S 30 /* no answer for so long: the list may be an old one */
#define ERROR_SIZE sizeof(((struct err *)NULL)->msg)

struct look_job {
	struct job job; /* first: done() gets its address */
	/* set at birth, then constant */
	char *path;
	const struct zone *zone;
	bool full; /* read it, changed or not */
	struct list_stamp seen; /* of the file when it was read last */
	bool has_known;
	uint8_t known[SHA256_DIGEST_LENGTH]; /* of the list told last */
	/* owned by the loop; NULL when the list was stopped */
	struct list *owner;
	/* owned by the worker */
	bool ran;
	bool has_stamp, read;
	struct list_stamp stamp;
	bool moved; /* the file changed while it was read */
	bool same; /* as ${known}: not parsed */
	uint8_t digest[SHA256_DIGEST_LENGTH];
	struct list_rows rows;
	int rc;
	struct err e;
};

struct list {
	/* set at birth, then constant */
	struct loop *loop;
	struct pool *pool;
	char *name, *path;
	const struct zone *zone;
	list_cases_fn *fn;
	void *ctx;
	/* owned by the loop */
	struct loop_timer *timer;
	struct look_job *job; /* under way, since ... */
	int64_t job_ns;
	bool asked; /* look fully, as soon as ${job} is home */
	bool soon; /* look fully at the next time */
	int64_t full_ns; /* of the last full look */
	bool has_seen;
	struct list_stamp seen; /* of the file when it was read last */
	enum list_state state;
	int64_t last_ok_utc;
	char error[ERROR_SIZE];
	char skipped[ERROR_SIZE]; /* of the list told last: its bad rows */
	struct casefile *cases; /* of the list told last; owned */
	unsigned n_cases;
	bool has_known;
	uint8_t known[SHA256_DIGEST_LENGTH];
	bool unsettled; /* half written, since ... */
	int64_t unsettled_ns;
};

static void
read_file(struct look_job *r)
{
	struct buf b;
	buf_init(&b, LIST_BYTES_MAX);
	r->read = true;
	r->rc = list_read(r->path, &r->job.cancelled, &b, &r->moved, &r->e);
	if (r->rc == 0 && !r->moved) {
		(void)SHA256(b.p, b.len, r->digest); /* it is r->digest */
		r->same = r->has_known &&
		    memcmp(r->digest, r->known, sizeof(r->known)) == 0;
		if (!r->same)
			r->rc = list_parse((const char *)b.p, b.len,
			    r->zone, &r->rows, &r->e);
	}
	buf_done(&b);
}

/* job_fn */
static void
look_work(struct job *j)
{
	struct look_job *r = (struct look_job *)j;
	r->ran = true;
	/* before the reading: what changes after it is another stamp */
	r->rc = list_stat(r->path, &r->stamp, &r->e);
	r->has_stamp = r->rc == 0;
	if (r->has_stamp && (r->full || !list_is_same(&r->stamp, &r->seen)))
		read_file(r);
}

static void
free_job(struct look_job **pp)
{
	struct look_job *r = *pp;
	*pp = NULL;
	mem_free(r->rows.cases);
	mem_free(r->rows.bad);
	mem_free(r->path);
	mem_free(r);
}

static void on_home(struct job *j);
static void on_timer(void *ctx);

static void
start_timer(struct list *f)
{
	loop_timer_stop(&f->timer);
	f->timer = loop_timer_start(f->loop, LOOK_MS, on_timer, f);
}

static void
submit(struct list *f)
{
	struct look_job *r = mem_new(struct look_job);
	int64_t now_ns = clock_uptime_ns();
	r->job.work = look_work;
	r->job.done = on_home;
	r->path = str_dup(f->path);
	r->zone = f->zone;
	r->full = f->asked || f->soon || !f->has_seen ||
	    now_ns - f->full_ns >= FULL_NS;
	r->seen = f->seen;
	r->has_known = f->has_known;
	memcpy(r->known, f->known, sizeof(r->known));
	r->owner = f;
	if (r->full)
		f->full_ns = now_ns;
	f->job = r;
	f->job_ns = now_ns;
	f->asked = false;
	f->soon = false;
	start_timer(f);
	pool_submit(f->pool, &r->job); /* the pool owns it until on_home */
}

/* Each fault is told once, not every 30 s. */
static void
fail(struct list *f, const char *text)
{
	bool told = str_eq(f->error, text);
	(void)str_copy(f->error, sizeof(f->error), text); /* a cut is fine */
	f->state = f->has_known ? LIST_STALE : LIST_FAILED;
	if (told)
		return;
	if (f->has_known)
		log_warn("schedule.list.unreadable",
		    "list=%s error=\"%s\" action=kept_last_list", f->name,
		    text);
	else
		log_error("schedule.list.unreadable", "list=%s error=\"%s\"",
		    f->name, text);
}

static void
tell_faults(const struct list *f, const struct list_rows *rows)
{
	stats_add(STAT_SCHEDULE_BAD_ROWS, (int64_t)rows->n_faults);
	for (unsigned i = 0; i < rows->n_faults && i < LIST_FAULTS_MAX; i++)
		log_warn("schedule.list.bad_row",
		    "list=%s line=%u column=%u fault=\"%s\" action=skipped",
		    f->name, rows->faults[i].line, rows->faults[i].column,
		    rows->faults[i].text);
}

/* What a person is told of the rows that were skipped; "" when none was. */
static void
note_skipped(struct list *f, const struct list_rows *rows, unsigned n_kept)
{
	f->skipped[0] = '\0';
	if (rows->n_faults == 0)
		return;
	const struct list_fault *first = &rows->faults[0];
	char kept[48] = "";
	if (n_kept > 0)
		(void)snprintf(kept, sizeof(kept), ", %u case%s kept as before",
		    n_kept, n_kept == 1 ? "" : "s"); /* fits */
	(void)snprintf(f->skipped, sizeof(f->skipped),
	    "%u row%s skipped%s; line %u, column %u: %.130s", rows->n_faults,
	    rows->n_faults == 1 ? "" : "s", kept, first->line, first->column,
	    first->text); /* a cut is fine */
}

static int
by_id(const void *a, const void *b)
{
	const struct casefile *const *x = a, *const *y = b;
	return strcmp((*x)->id, (*y)->id);
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* A case whose row has become faulty is on the list all the same: it stays as
 * it was until it is over, or its images would lose their pins. How many
 * did. */
static unsigned
keep_faulty(const struct list *f, struct list_rows *rows)
{
	unsigned n = rows->n;
	int64_t now = clock_utc_s();
	if (rows->n_faults == 0 || f->n_cases == 0)
		return 0;
	rows->cases = mem_grow(rows->cases, n + f->n_cases,
	    sizeof(rows->cases[0]));
	struct casefile **good = mem_new_n(struct casefile *, n + 1);
	for (unsigned i = 0; i < n; i++)
		good[i] = &rows->cases[i];
	qsort(good, n, sizeof(good[0]), by_id);
	for (unsigned i = 0; i < f->n_cases; i++) {
		const struct casefile *c = &f->cases[i];
		if (c->end_utc + OVER_S < now || rows->n >= LIST_CASES_MAX)
			continue;
		bool bad = rows->lost || (rows->n_bad > 0 && bsearch(c->id,
		    rows->bad, rows->n_bad, CASE_ID_SIZE, by_text) != NULL);
		if (bad && bsearch(&c, good, n, sizeof(good[0]), by_id) == NULL)
			rows->cases[rows->n++] = *c;
	}
	mem_free(good);
	return rows->n - n;
}

static void
remember(struct list *f, const struct list_rows *rows)
{
	mem_free(f->cases);
	f->cases = mem_new_n(struct casefile, rows->n + 1);
	f->n_cases = rows->n;
	if (rows->n > 0)
		memcpy(f->cases, rows->cases, rows->n * sizeof(f->cases[0]));
}

static void
succeed(struct list *f)
{
	f->state = LIST_OK;
	f->last_ok_utc = clock_utc_s();
	(void)str_copy(f->error, sizeof(f->error), f->skipped); /* fits */
}

/* Not one good row: it is another kind of list. */
static void
fail_rows(struct list *f, const struct list_rows *rows)
{
	char text[ERROR_SIZE];
	const struct list_fault *first = &rows->faults[0];
	(void)snprintf(text, sizeof(text), "list: want a row without a fault, "
	    "have none of %u; line %u, column %u: %.120s", rows->n_faults,
	    first->line, first->column, first->text); /* a cut is fine */
	fail(f, text);
}

/* A list that differs from the one before. */
static void
accept_rows(struct list *f, struct look_job *r)
{
	unsigned kept = keep_faulty(f, &r->rows);
	remember(f, &r->rows);
	tell_faults(f, &r->rows);
	note_skipped(f, &r->rows, kept);
	f->unsettled = false; /* the next half has its own 5 s */
	f->has_known = true;
	memcpy(f->known, r->digest, sizeof(f->known));
	succeed(f);
	stats_add(STAT_SCHEDULE_READS, 1);
	log_info("schedule.list.read", "list=%s cases=%u skipped=%u kept=%u",
	    f->name, r->rows.n, r->rows.n_faults, kept);
}

/* Whether the file seems to be still being written, and not for too long. */
static bool
is_settling(struct list *f, const struct look_job *r)
{
	bool before = f->unsettled;
	f->unsettled = r->moved || r->rows.half;
	if (!f->unsettled)
		return false;
	if (!before)
		f->unsettled_ns = clock_uptime_ns();
	return clock_uptime_ns() - f->unsettled_ns < SETTLE_NS;
}

/* What came of a reading; true when it is a new list. */
static bool
judge(struct list *f, struct look_job *r, bool settling)
{
	if (settling)
		log_debug("schedule.list.settling", "list=%s", f->name);
	else if (r->moved)
		fail(f, "list: changes while it is read");
	else if (r->rc == -1)
		fail(f, r->e.msg);
	else if (r->same)
		succeed(f);
	else if (r->rows.n == 0 && r->rows.n_faults > 0)
		fail_rows(f, &r->rows);
	else {
		accept_rows(f, r);
		return true;
	}
	return false;
}

static void
take_reading(struct list *f, struct look_job *r)
{
	bool is_new = false;
	if (r->read || r->rc == -1) {
		bool settling = is_settling(f, r);
		is_new = judge(f, r, settling);
		/* file times may count whole seconds: what was written just
		 * after the reading may have the same stamp */
		bool other = !f->has_seen || !list_is_same(&r->stamp, &f->seen);
		f->soon = settling || r->moved || (r->has_stamp && other);
		f->has_seen = r->has_stamp;
		f->seen = r->stamp;
	}
	if (f->asked)
		submit(f);
	else
		start_timer(f);
	if (is_new) /* last: the owner may stop us */
		f->fn(f->ctx, f->name, r->rows.cases, r->rows.n);
}

/* job_fn */
static void
on_home(struct job *j)
{
	struct look_job *r = (struct look_job *)j;
	struct list *f = r->owner;
	if (f != NULL) {
		f->job = NULL;
		if (r->ran && !atomic_load(&j->cancelled))
			take_reading(f, r);
	}
	free_job(&r);
}

/* The worker does not come home. */
static void
note_hang(struct list *f)
{
	char text[64];
	if (clock_uptime_ns() - f->job_ns < HANG_S * CLOCK_S)
		return;
	f->has_seen = false; /* so that the answer is judged, changed or not */
	(void)snprintf(text, sizeof(text),
	    "read: want an answer within %d s, have none", HANG_S); /* fits */
	fail(f, text);
}

/* loop_fn */
static void
on_timer(void *ctx)
{
	struct list *f = ctx;
	f->timer = NULL;
	if (f->job == NULL) {
		submit(f);
		return;
	}
	note_hang(f);
	start_timer(f);
}

struct list *
list_start(struct loop *l, struct pool *p, const struct list_config *c,
    list_cases_fn *fn, void *ctx)
{
	struct list *f = mem_new(struct list);
	f->loop = l;
	f->pool = p;
	f->name = str_dup(c->name);
	f->path = str_dup(c->path);
	f->zone = c->zone;
	f->fn = fn;
	f->ctx = ctx;
	f->state = LIST_FAILED;
	submit(f);
	return f;
}

void
list_stop(struct list **pp)
{
	struct list *f = *pp;
	*pp = NULL;
	if (f == NULL)
		return;
	loop_timer_stop(&f->timer);
	if (f->job != NULL) {
		f->job->owner = NULL;
		pool_cancel(f->pool, &f->job->job);
		f->job = NULL; /* on_home frees it */
	}
	mem_free(f->cases);
	mem_free(f->name);
	mem_free(f->path);
	mem_free(f);
}

enum list_state
list_state(const struct list *f)
{
	return f->state;
}

const char *
list_state_name(enum list_state s)
{
	static const char *const names[] = {
		[LIST_FAILED] = "failed",
		[LIST_OK] = "ok",
		[LIST_STALE] = "stale",
	};
	return names[s];
}

int64_t
list_last_ok_utc(const struct list *f)
{
	return f->last_ok_utc;
}

const char *
list_last_error(const struct list *f)
{
	return f->error;
}

void
list_look(struct list *f)
{
	f->asked = true;
	if (f->job == NULL)
		submit(f);
	else
		note_hang(f);
}
