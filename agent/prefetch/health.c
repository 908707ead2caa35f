/* SPDX-License-Identifier: MIT */
/* How each archive is, as its last answers and faults tell: what may be sent
 * to it, and what people are told of it. */
#include <errno.h>
#include <sys/random.h>

#include "base/log.h"
#include "base/stats.h"
#include "base/str.h"
#include "prefetch/prefetch_priv.h"

static uint32_t
dice(void)
{
	uint32_t r = 0;
	(void)getentropy(&r, sizeof(r)); /* 4 bytes; 0 is the shortest wait */
	return r;
}

/* What people see of the breaker; ${answered}: just now. */
static void
publish(struct prefetch *p, unsigned i, bool answered)
{
	const struct breaker *b = &p->breakers[i];
	struct archive_health *h = &p->health[i];
	enum archive_state was = h->state;
	int64_t now = clock_utc_s();
	int64_t left_ns = b->next_ns - clock_continuous_ns();
	if (b->state != BREAKER_CLOSED)
		h->state = ARCHIVE_DOWN;
	else if (answered)
		h->state = ARCHIVE_UP;
	if (h->state != was)
		h->since_utc = now;
	h->allowed = b->allowed;
	h->next_try_utc = h->state != ARCHIVE_DOWN ? 0 :
	    left_ns <= 0 ? now : now + (left_ns + CLOCK_S - 1) / CLOCK_S;
}

void
health_init(struct prefetch *p)
{
	for (unsigned i = 0; i < p->c.n_archives; i++) {
		breaker_init(&p->breakers[i], p->c.archives[i].associations);
		publish(p, i, false);
	}
}

static void
answered(struct prefetch *p, unsigned i, bool work)
{
	struct archive_health *h = &p->health[i];
	bool closed = breaker_answer(&p->breakers[i], work);
	if (h->state != ARCHIVE_UP)
		log_info("prefetch.archive.up", "archive=%s",
		    p->c.archives[i].name);
	publish(p, i, true);
	p->heard_ns[i] = clock_continuous_ns();
	h->last_ok_utc = clock_utc_s();
	h->last_error[0] = '\0';
	if (closed)
		gap_over(p, i);
}

void
health_answered(struct prefetch *p, unsigned i)
{
	answered(p, i, true);
}

void
health_echoed(struct prefetch *p, unsigned i)
{
	answered(p, i, false);
}

/* It is there, and has nothing to spare: the fewer ask at once, the sooner
 * each is served. */
void
health_busy(struct prefetch *p, unsigned i)
{
	struct breaker *b = &p->breakers[i];
	breaker_busy(b, clock_continuous_ns(), dice());
	publish(p, i, false);
	log_info("prefetch.archive.busy", "archive=%s associations=%u of=%u "
	    "action=waiting", p->c.archives[i].name, b->allowed, b->most);
}

void
health_served(struct prefetch *p, unsigned i)
{
	breaker_served(&p->breakers[i]);
	publish(p, i, false);
}

static void
fail(struct prefetch *p, unsigned i, enum breaker_fault how,
    const struct err *e)
{
	struct archive_health *h = &p->health[i];
	bool opened = breaker_fail(&p->breakers[i], how,
	    clock_continuous_ns(), dice());
	p->heard_ns[i] = clock_continuous_ns();
	stats_add(STAT_QUERIES_FAILED, 1);
	publish(p, i, false);
	(void)str_copy(h->last_error, sizeof(h->last_error), e->msg); /* fits */
	if (opened)
		log_warn("prefetch.archive.down", "archive=%s error='%s' "
		    "action=trying_again", p->c.archives[i].name, e->msg);
	else
		log_debug("prefetch.archive.failed", "archive=%s error='%s'",
		    p->c.archives[i].name, e->msg);
}

void
health_failed(struct prefetch *p, unsigned i, const struct err *e)
{
	switch (e->code) {
	case ERR_PEER:
		if (e->sys == EBUSY) {
			health_answered(p, i);
			health_busy(p, i);
			return;
		}
		fail(p, i, e->sys == EACCES ? BREAKER_GONE : BREAKER_REFUSED,
		    e);
		return;
	case ERR_PARSE:
		fail(p, i, BREAKER_REFUSED, e);
		return;
	case ERR_NET:
	case ERR_TIMEOUT:
	case ERR_IO:
		fail(p, i, BREAKER_GONE, e);
		return;
	case ERR_NONE:
	case ERR_CANCELLED:
	case ERR_INVAL:
	case ERR_NOMEM:
	case ERR_FULL:
	case ERR_CORRUPT:
		return; /* that is ours */
	}
}

bool
health_is_down(const struct prefetch *p, unsigned i)
{
	return !breaker_may_work(&p->breakers[i]);
}

bool
health_may_bulk(const struct prefetch *p, unsigned i)
{
	return breaker_may_bulk(&p->breakers[i], clock_continuous_ns());
}

bool
health_may_probe(const struct prefetch *p, unsigned i)
{
	return breaker_may_probe(&p->breakers[i], clock_continuous_ns());
}

void
health_probe(struct prefetch *p, unsigned i)
{
	breaker_probe(&p->breakers[i]);
}

void
health_unprobe(struct prefetch *p, unsigned i)
{
	breaker_unprobe(&p->breakers[i], clock_continuous_ns());
	publish(p, i, false);
}

void
health_hurry(struct prefetch *p)
{
	for (unsigned i = 0; i < p->c.n_archives; i++) {
		breaker_hurry(&p->breakers[i], clock_continuous_ns());
		publish(p, i, false);
	}
}

int64_t
health_next_s(const struct prefetch *p)
{
	int64_t now = clock_continuous_ns();
	int64_t next = now + 60 * CLOCK_S;
	for (unsigned i = 0; i < p->c.n_archives; i++) {
		int64_t at = breaker_next_ns(&p->breakers[i], now);
		if (at < next)
			next = at;
	}
	return next <= now ? 0 : (next - now + CLOCK_S - 1) / CLOCK_S;
}
