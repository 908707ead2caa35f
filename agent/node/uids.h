/* SPDX-License-Identifier: MIT */
/* uids: a set of UIDs, each once, in the order they came; for lists of a
 * request, and for what was given already. Pure; owns its copies.
 */
#ifndef NODE_UIDS_H
#define NODE_UIDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/uid.h"

#define UIDS_MAX 200000 /* beyond, nothing is remembered any more: 13 MB */

struct uids { /* starts as {0} */
	char (*uids)[UID_SIZE];
	unsigned n, cap;
	uint32_t *slots; /* index + 1, 0 = free */
	unsigned n_slots; /* a power of two */
};

void uids_done(struct uids *s);
/* Add ${uid}; false when it is there already. What is longer than a UID can
 * be, and what comes after UIDS_MAX, is new each time. */
bool uids_add(struct uids *s, const char *uid);
/* Its place in the order, or -1. */
int64_t uids_find(const struct uids *s, const char *uid);

#endif
