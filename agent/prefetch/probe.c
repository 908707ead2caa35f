/* SPDX-License-Identifier: MIT */
/* Is the archive there? A C-ECHO, or the shortest QIDO-RS: a minute where
 * nothing else has told, so that what the page says of an archive is never
 * old, and to one that is down when its breaker says so. */
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "dicom/echo.h"
#include "prefetch/rest.h"
#include "wire/classes.h"
#include "wire/scan.h"

struct probe {
	struct job job; /* first */
	struct prefetch *p;
	struct assoc_stop stop;
	unsigned archive;
	struct err e;
	bool ok;
};

static void
probe_work(struct job *j) /* job_fn, worker */
{
	struct probe *b = (struct probe *)j;
	const struct prefetch_archive *ar = &b->p->c.archives[b->archive];
	const struct assoc_proposal p = {CLASS_VERIFICATION, SYNTAX_IMPLICIT_LE,
	    false};
	struct assoc_ask ask = {.host = ar->host, .port = ar->port,
	    .calling = b->p->c.ae_title, .called = ar->ae_title,
	    .proposals = &p, .n_proposals = 1, .stop = &b->stop};
	struct assoc *a = NULL;
	if (rest_is_asked(ar)) {
		b->ok = rest_probe(ar, &b->stop, &b->e) == 0;
		return;
	}
	b->ok = assoc_request(&a, &ask, &b->e) == 0 &&
	    echo_ask(a, ARCHIVE_ANSWER_MS, &b->e) == 0;
	assoc_release(&a);
}

static void
probe_stop(struct job *j) /* job_fn, loop */
{
	assoc_stop_ask(&((struct probe *)j)->stop);
}

static void
probe_done(struct job *j) /* job_fn, loop */
{
	struct probe *b = (struct probe *)j;
	struct prefetch *p = b->p;
	p->busy[b->archive]--;
	p->heard_ns[b->archive] = clock_continuous_ns();
	if (b->ok)
		health_echoed(p, b->archive);
	else if (!atomic_load(&j->cancelled))
		health_failed(p, b->archive, &b->e);
	health_unprobe(p, b->archive); /* cut, or a fault of ours: undecided */
	assoc_stop_done(&b->stop);
	mem_free(b);
	board_changed(p->board);
	if (!p->stopping) /* something may have waited for its place */
		prefetch_look(p);
}

static void
begin(struct prefetch *p, unsigned archive)
{
	struct probe *b = mem_new(struct probe);
	b->job = (struct job){.work = probe_work, .done = probe_done,
	    .stop = probe_stop};
	b->p = p;
	b->archive = archive;
	assoc_stop_init(&b->stop);
	p->busy[archive]++;
	health_probe(p, archive);
	pool_submit(p->pool, &b->job);
}

void
probe_quiet_archives(struct prefetch *p)
{
	int64_t now = clock_continuous_ns();
	for (unsigned i = 0; i < p->c.n_archives && !p->stopping; i++) {
		bool quiet = p->busy[i] == 0 && (p->heard_ns[i] == 0 ||
		    now - p->heard_ns[i] >= PROBE_EVERY_NS);
		if (health_may_probe(p, i) ||
		    (quiet && !health_is_down(p, i)))
			begin(p, i);
	}
}
