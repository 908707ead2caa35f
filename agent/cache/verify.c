/* SPDX-License-Identifier: MIT */
/* Every object's digest is computed again; what does not hold is withdrawn
 * and fetched anew. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "cache/cache_priv.h"

struct verification {
	struct job job; /* first */
	struct cache *c;
	unsigned good, bad;
	unsigned unread; /* the system failed, the object may be whole */
	struct err e;
	bool whole; /* all was looked at; false also when it never ran */
};

static bool
on_object(void *ctx, const struct index_row *row) /* index_row_fn */
{
	struct verification *v = ctx;
	struct store_object o = {.length = row->length,
	    .offset = row->offset};
	struct store_map m;
	struct err e;
	memcpy(o.name, row->name, sizeof(o.name));
	memcpy(o.digest, row->digest, sizeof(o.digest));
	if (store_map(v->c->st, &o, true, &m, &e) == 0) {
		store_unmap(&m);
		v->good++;
	} else if (e.code != ERR_CORRUPT) {
		v->unread++;
	} else {
		v->bad++;
		cache_damaged(v->c, row->study_uid, row->name);
	}
	return !atomic_load(&v->job.cancelled);
}

static void
verification_work(struct job *j) /* job_fn, worker */
{
	struct verification *v = (struct verification *)j;
	struct index_select sel = {.level = INDEX_INSTANCE, .unready = true};
	/* what was withdrawn before is not found missing again */
	struct index_reader *r = index_flush(v->c->ix, &v->e) != 0 ? NULL :
	    index_reader_open(v->c->ix, &v->e);
	v->whole = r != NULL &&
	    index_select(r, &sel, on_object, v, &v->e) == 0 &&
	    !atomic_load(&j->cancelled);
	index_reader_close(&r);
}

static void
verification_done(struct job *j) /* job_fn, loop */
{
	struct verification *v = (struct verification *)j;
	v->c->verifying = false;
	if (!v->whole)
		log_warn("cache.verify.broken_off", "whole=%u damaged=%u "
		    "error='%s' action=none", v->good, v->bad, v->e.msg);
	else
		log_info("cache.verify.done", "whole=%u damaged=%u unread=%u",
		    v->good, v->bad, v->unread);
	mem_free(v);
}

int
cache_verify(struct cache *c, char *text, size_t size)
{
	if (c->verifying) {
		(void)snprintf(text, size, "a verification is under way");
		return 409;
	}
	struct verification *v = mem_new(struct verification);
	v->job = (struct job){.work = verification_work,
	    .done = verification_done};
	v->c = c;
	c->verifying = true;
	pool_submit(c->verifier, &v->job);
	(void)snprintf(text, size, "verifying every object; the log tells "
	    "what comes of it");
	return 202;
}
