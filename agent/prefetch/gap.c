/* SPDX-License-Identifier: MIT */
/* The machine slept, or its clock was set. */
#include <sys/random.h>

#include <unistd.h>

#include "base/log.h"
#include "prefetch/prefetch_priv.h"

void
gap_spread(struct prefetch *p)
{
	uint32_t r = 0;
	uint32_t most_ms = (uint32_t)p->c.spread_s * 1000;
	if (getentropy(&r, sizeof(r)) != 0)
		r = (uint32_t)getpid() * 2654435761u; /* better than none */
	p->bulk_from_ns = clock_uptime_ns() +
	    (most_ms == 0 ? 0 : r % (most_ms + 1)) * CLOCK_MS;
}

int64_t
gap_bulk_from_utc(const struct prefetch *p, int64_t now_utc)
{
	int64_t left = p->bulk_from_ns - clock_uptime_ns();
	return left <= 0 ? 0 : now_utc + (left + CLOCK_S - 1) / CLOCK_S;
}

void
gap_over(struct prefetch *p, unsigned i)
{
	for (unsigned k = 0; k < board_n_cases(p->board); k++) {
		struct board_case *c = board_case_at(p->board, k);
		if (c->asked == ASKED_FAILED)
			c->next_try_utc = 0;
	}
	for (unsigned k = 0; k < board_n_studies(p->board); k++) {
		struct board_study *s = board_study_at(p->board, k);
		if (prefetch_archive_of(p, s) == i ||
		    (s->archives >> i & 1) != 0)
			s->next_try_utc = 0;
	}
}

/* Sockets that lived through a sleep are dead, whatever they say: the archive
 * has given them up. What they fetched stays, the rest is asked for again. */
void
prefetch_gap(struct prefetch *p, int64_t asleep_ms)
{
	if (p->stopping)
		return;
	if (asleep_ms > 0) {
		if (p->running != NULL)
			log_info("prefetch.transfers.cut", "active=%u "
			    "asleep_ms=%lld action=resumed",
			    prefetch_active(p), (long long)asleep_ms);
		pool_cancel_all(p->pool);
		pool_cancel_all(p->asking);
		gap_spread(p);
		health_hurry(p);
	}
	prefetch_look(p);
}
