/* SPDX-License-Identifier: MIT
 *
 * lock: a mutex that knows whether it is held, and a condition.
 * Called by rooms where threads meet. Never call out with a lock held.
 */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct lock {
	pthread_mutex_t m;
	atomic_bool held;
};

struct cond {
	pthread_cond_t c;
};

void lock_init(struct lock *l);
void lock_done(struct lock *l);
void lock_acquire(struct lock *l);
void lock_release(struct lock *l);
/* Abort unless somebody holds ${l}; opens each _locked function. */
void lock_assert_held(const struct lock *l);

void cond_init(struct cond *c);
void cond_done(struct cond *c);
void cond_signal(struct cond *c);
void cond_broadcast(struct cond *c);
/* Wait on ${c}, giving ${l} up meanwhile. The second form gives up after
 * ${ms} and then returns false. Both may wake without a reason. */
void lock_wait(struct lock *l, struct cond *c);
bool lock_wait_ms(struct lock *l, struct cond *c, int64_t ms);

#endif
