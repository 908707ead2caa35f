/* SPDX-License-Identifier: MIT
 *
 * breaker: whether an archive may be asked now, and by how many associations.
 * Closed, all may be asked of it. Open, nothing is sent to it but a probe
 * once its wait is over (half-open), and what that comes to decides.
 * Pure: time and dice are arguments; who holds it owns it.
 * A zeroed one is closed and bears nothing; it never waits itself.
 */
#ifndef MODEL_BREAKER_H
#define MODEL_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#define BREAKER_REFUSALS_MAX 3 /* questions in a row, then it opens */
#define BREAKER_WAIT_MAX_S 30 /* for a probe: a viewer may wait for it too */
#define BREAKER_BUSY_MAX_S 16 /* it is there: 200 theatres take turns */

enum breaker_state {
	BREAKER_CLOSED,
	BREAKER_OPEN,
	BREAKER_HALF_OPEN, /* a probe is out */
};

struct breaker {
	enum breaker_state state;
	unsigned refusals; /* in a row, while closed */
	unsigned opened; /* failed probes and openings, with no work done in
	                  * between: a probe that is answered does not count */
	unsigned busy; /* times in a row */
	int64_t next_ns; /* open: the probe may be sent then */
	int64_t quiet_until_ns; /* busy: bulk work waits until then */
	unsigned most; /* associations at once, as configured */
	unsigned allowed; /* as it was found to bear: half as many each time
	                   * it is busy, one more with each study */
};

void breaker_init(struct breaker *b, unsigned most);

enum breaker_fault {
	BREAKER_GONE, /* nobody answers, or it turns us away for good: opens */
	BREAKER_REFUSED, /* it refuses the question: opens after some */
};
/* Something failed. True when it has opened by that. While it is open only
 * its probe counts; the others were under way before. ${dice} is any number:
 * twenty theatres shall not come back in one second. */
bool breaker_fail(struct breaker *b, enum breaker_fault how, int64_t now_ns,
    uint32_t dice);
/* It answered: a probe, or work. True when it has closed by that. */
bool breaker_answer(struct breaker *b, bool work);
/* It has nothing to spare just now: that is an answer, and the next bulk work
 * waits. More of the same before that is over is one and the same. */
void breaker_busy(struct breaker *b, int64_t now_ns, uint32_t dice);
/* A study came whole. */
void breaker_served(struct breaker *b);

bool breaker_may_work(const struct breaker *b);
/* Closed, and not just now busy. */
bool breaker_may_bulk(const struct breaker *b, int64_t now_ns);
/* Open, and its wait is over: then breaker_probe, which ends by breaker_fail,
 * breaker_answer, or breaker_unprobe when it was cut. */
bool breaker_may_probe(const struct breaker *b, int64_t now_ns);
void breaker_probe(struct breaker *b);
void breaker_unprobe(struct breaker *b, int64_t now_ns);
/* A person asks, or the network is another: the next probe is due now. */
void breaker_hurry(struct breaker *b, int64_t now_ns);
/* When it is to be looked at again; INT64_MAX = for nothing. */
int64_t breaker_next_ns(const struct breaker *b, int64_t now_ns);

#endif
