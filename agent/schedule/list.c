/* SPDX-License-Identifier: MIT */
/* Watches a theatre list and tells the cases in it.
 *
 *   watch, 30 s, a person -> list_look -> read_work (a worker: read, digest,
 *   parse) -> on_read -> take_reading: unsettled? again in 1 s
 *                                      bad?       the last list stays
 *                                      new?       told to the owner
 */
#include <openssl/sha.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stats.h"
#include "base/str.h"
#include "schedule/list_priv.h"

#define LOOK_MS 30000 /* the watch may miss changes on network disks */
#define RETRY_MS 1000
#define SETTLE_NS (5 * CLOCK_S) /* a slower writer's good rows count */

struct read_job {
	struct job job; /* first: done() gets its address */
	/* set at birth, then constant */
	char *path;
	const struct zone *zone;
	bool has_known;
	uint8_t known[SHA256_DIGEST_LENGTH]; /* of the list told last */
	/* owned by the loop; NULL when the list was stopped */
	struct list *owner;
	/* owned by the worker */
	bool ran;
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
	struct loop_watch *watch;
	struct loop_timer *timer;
	struct read_job *job; /* under way */
	bool again; /* look once more when ${job} is home */
	enum list_state state;
	int64_t last_ok_utc;
	char error[sizeof(((struct err *)NULL)->msg)];
	bool has_known;
	uint8_t known[SHA256_DIGEST_LENGTH];
	bool unsettled; /* half written, since ... */
	int64_t unsettled_ns;
};

/* job_fn */
static void
read_work(struct job *j)
{
	struct read_job *r = (struct read_job *)j;
	struct buf b;
	buf_init(&b, LIST_BYTES_MAX);
	r->ran = true;
	r->rc = list_read(r->path, &j->cancelled, &b, &r->moved, &r->e);
	if (r->rc == 0 && !r->moved) {
		(void)SHA256(b.p, b.len, r->digest); /* it is r->digest */
		r->same = r->has_known &&
		    memcmp(r->digest, r->known, sizeof(r->known)) == 0;
		if (!r->same)
			r->rc = list_parse_rows((const char *)b.p, b.len,
			    r->zone, &r->rows, &r->e);
	}
	buf_done(&b);
}

static void
free_job(struct read_job **pp)
{
	struct read_job *r = *pp;
	*pp = NULL;
	mem_free(r->rows.cases);
	mem_free(r->path);
	mem_free(r);
}

static void on_read(struct job *j);

static void
submit(struct list *f)
{
	struct read_job *r = mem_new(struct read_job);
	r->job.work = read_work;
	r->job.done = on_read;
	r->path = str_dup(f->path);
	r->zone = f->zone;
	r->has_known = f->has_known;
	memcpy(r->known, f->known, sizeof(r->known));
	r->owner = f;
	f->job = r;
	f->again = false;
	pool_submit(f->pool, &r->job); /* the pool owns it until on_read */
}

/* loop_fn */
static void
on_timer(void *ctx)
{
	struct list *f = ctx;
	f->timer = NULL;
	list_look(f);
}

/* loop_fn */
static void
on_change(void *ctx)
{
	list_look(ctx);
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

static void
succeed(struct list *f)
{
	f->state = LIST_OK;
	f->last_ok_utc = clock_utc_s();
	f->error[0] = '\0';
}

/* A list that differs from the one before. */
static void
accept_rows(struct list *f, const struct read_job *r)
{
	tell_faults(f, &r->rows);
	f->unsettled = false; /* the next half has its own 5 s */
	f->has_known = true;
	memcpy(f->known, r->digest, sizeof(f->known));
	succeed(f);
	stats_add(STAT_SCHEDULE_READS, 1);
	log_info("schedule.list.read", "list=%s cases=%u skipped=%u", f->name,
	    r->rows.n, r->rows.n_faults);
}

/* Whether the file seems to be still being written, and not for too long. */
static bool
is_settling(struct list *f, const struct read_job *r)
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
judge(struct list *f, const struct read_job *r, bool settling)
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
		fail(f, "list: want a row without a fault, have none");
	else {
		accept_rows(f, r);
		return true;
	}
	return false;
}

static void
take_reading(struct list *f, const struct read_job *r)
{
	bool settling = is_settling(f, r);
	bool is_new = judge(f, r, settling);
	if (f->again)
		submit(f);
	else
		f->timer = loop_timer_start(f->loop,
		    settling || r->moved ? RETRY_MS : LOOK_MS, on_timer, f);
	if (is_new) /* last: the owner may stop us */
		f->fn(f->ctx, f->name, r->rows.cases, r->rows.n);
}

/* job_fn */
static void
on_read(struct job *j)
{
	struct read_job *r = (struct read_job *)j;
	struct list *f = r->owner;
	if (f != NULL) {
		f->job = NULL;
		if (r->ran && !atomic_load(&j->cancelled))
			take_reading(f, r);
	}
	free_job(&r);
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
	f->watch = loop_watch_start(l, f->path, on_change, f);
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
	loop_watch_stop(&f->watch);
	loop_timer_stop(&f->timer);
	if (f->job != NULL) {
		f->job->owner = NULL;
		pool_cancel(f->pool, &f->job->job);
		f->job = NULL; /* on_read frees it */
	}
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
	if (f->job != NULL) {
		f->again = true;
		return;
	}
	loop_timer_stop(&f->timer);
	submit(f);
}
