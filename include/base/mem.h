/* SPDX-License-Identifier: MIT
 *
 * mem: memory. The only place that calls malloc and free.
 * Called by every room, on any thread.
 * Small fixed objects abort when there is no memory (launchd starts us again,
 * a cache may miss); sizes that come from outside use mem_try.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

#include "base/err.h"

/* A zeroed object of type T, or of ${n} such; aborts when out of memory. */
#define mem_new(T) ((T *)mem_zero(1, sizeof(T)))
#define mem_new_n(T, n) ((T *)mem_zero((n), sizeof(T)))
void *mem_zero(size_t n, size_t size) __attribute__((returns_nonnull));

/* ${size} zeroed bytes, or NULL with ${e} set to ERR_NOMEM. */
void *mem_try(size_t size, struct err *e);

/* Grow ${p} (may be NULL) to ${n} elements of ${size}; new ones are not
 * zeroed. Returns the new place and consumes ${p}; aborts when out of
 * memory or when the product overflows. */
void *mem_grow(void *p, size_t n, size_t size) __attribute__((returns_nonnull));

/* A library of ours has no memory for something small: say so and abort. */
void mem_die(void) __attribute__((noreturn));

/* Release what any function here returned; NULL is fine. */
void mem_free(void *p);

/* Fault injection for tests: the ${k}th mem_try from now fails, 0 = never. */
void mem_fail_at(unsigned k);

#endif
