/* SPDX-License-Identifier: MIT */
/* When an archive that fails is left alone, and when it is tried again. */
#include "base/clock.h"
#include "model/breaker.h"

/* Full jitter below 1, 2, 4 .. ${most_s} seconds. */
static int64_t
wait_ns(unsigned times, int64_t most_s, uint32_t dice)
{
	int64_t limit_s = times > 6 ? most_s : INT64_C(1) << (times - 1);
	if (limit_s > most_s)
		limit_s = most_s;
	int64_t ms = 1000 * (limit_s > 1 ? limit_s - 1 : 0);
	return CLOCK_S + (ms == 0 ? 0 : dice % (ms + 1)) * CLOCK_MS;
}

void
breaker_init(struct breaker *b, unsigned most)
{
	*b = (struct breaker){.most = most, .allowed = most};
}

bool
breaker_fail(struct breaker *b, enum breaker_fault how, int64_t now_ns,
    uint32_t dice)
{
	bool was_closed = b->state == BREAKER_CLOSED;
	if (b->state == BREAKER_OPEN)
		return false;
	if (was_closed && how == BREAKER_REFUSED &&
	    ++b->refusals < BREAKER_REFUSALS_MAX)
		return false;
	b->state = BREAKER_OPEN;
	b->refusals = 0;
	b->opened++;
	b->next_ns = now_ns + wait_ns(b->opened, BREAKER_WAIT_MAX_S, dice);
	return was_closed;
}

bool
breaker_answer(struct breaker *b, bool work)
{
	bool was_closed = b->state == BREAKER_CLOSED;
	b->state = BREAKER_CLOSED;
	if (work) {
		b->refusals = 0;
		b->opened = 0;
	}
	return !was_closed;
}

void
breaker_busy(struct breaker *b, int64_t now_ns, uint32_t dice)
{
	if (now_ns < b->quiet_until_ns)
		return;
	b->busy++;
	b->quiet_until_ns = now_ns + wait_ns(b->busy, BREAKER_BUSY_MAX_S,
	    dice);
	if (b->allowed > 1)
		b->allowed /= 2;
}

void
breaker_served(struct breaker *b)
{
	b->busy = 0;
	if (b->allowed < b->most)
		b->allowed++;
}

bool
breaker_may_work(const struct breaker *b)
{
	return b->state == BREAKER_CLOSED;
}

bool
breaker_may_bulk(const struct breaker *b, int64_t now_ns)
{
	return b->state == BREAKER_CLOSED && now_ns >= b->quiet_until_ns;
}

bool
breaker_may_probe(const struct breaker *b, int64_t now_ns)
{
	return b->state == BREAKER_OPEN && now_ns >= b->next_ns;
}

void
breaker_probe(struct breaker *b)
{
	if (b->state == BREAKER_OPEN)
		b->state = BREAKER_HALF_OPEN;
}

void
breaker_unprobe(struct breaker *b, int64_t now_ns)
{
	if (b->state != BREAKER_HALF_OPEN)
		return;
	b->state = BREAKER_OPEN;
	b->next_ns = now_ns + CLOCK_S;
}

void
breaker_hurry(struct breaker *b, int64_t now_ns)
{
	if (b->state == BREAKER_OPEN)
		b->next_ns = now_ns;
	b->quiet_until_ns = now_ns;
}

int64_t
breaker_next_ns(const struct breaker *b, int64_t now_ns)
{
	if (b->state == BREAKER_OPEN)
		return b->next_ns;
	if (b->state == BREAKER_CLOSED && b->quiet_until_ns > now_ns)
		return b->quiet_until_ns;
	return INT64_MAX;
}
