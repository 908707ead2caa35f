/* SPDX-License-Identifier: MIT */
/* A token bucket kept as one moment: when all that was taken so far is paid
 * for at the rate. It never lies further back than the burst. */
#include "base/clock.h"
#include "base/lock.h"
#include "base/mem.h"
#include "run/bucket.h"

#define TAKE_MAX UINT32_MAX /* bytes at once: times 10^9 it fits 64 bits */

struct bucket {
	/* set at birth, then constant */
	uint64_t rate;
	/* shared, under lock */
	struct lock lock;
	int64_t paid_ns;
};

struct bucket *
bucket_new(uint64_t rate)
{
	struct bucket *b = mem_new(struct bucket);
	b->rate = rate;
	b->paid_ns = INT64_MIN; /* full */
	lock_init(&b->lock);
	return b;
}

void
bucket_free(struct bucket **pp)
{
	struct bucket *b = *pp;
	*pp = NULL;
	if (b == NULL)
		return;
	lock_done(&b->lock);
	mem_free(b);
}

int64_t
bucket_take(struct bucket *b, size_t n, int64_t now_ns)
{
	if (b == NULL || b->rate == 0)
		return 0;
	uint64_t bytes = n < TAKE_MAX ? n : TAKE_MAX;
	int64_t cost = (int64_t)(bytes * (uint64_t)CLOCK_S / b->rate);
	int64_t full = now_ns - BUCKET_BURST_MS * CLOCK_MS;
	lock_acquire(&b->lock);
	if (b->paid_ns < full)
		b->paid_ns = full;
	b->paid_ns = b->paid_ns > INT64_MAX - cost ? INT64_MAX :
	    b->paid_ns + cost;
	int64_t wait = b->paid_ns - now_ns;
	lock_release(&b->lock);
	return wait > 0 ? wait : 0;
}
