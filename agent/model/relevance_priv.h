/* SPDX-License-Identifier: MIT
 *
 * relevance_priv: what the three files of relevance share. Pure, any thread.
 */
#ifndef MODEL_RELEVANCE_PRIV_H
#define MODEL_RELEVANCE_PRIV_H

#include <stdbool.h>

#include "model/relevance.h"

/* body regions that texts name */
struct relevance_regions {
	bool chest; /* thorax, mediastinum, aorta: the heart may be in it */
	bool near; /* neck, abdomen, pelvis: may be a part of an aorta */
	bool other; /* brain, knee, spine ... */
	const char *word; /* the first stem that is not chest, or NULL */
};

/* Add the regions that ${text} names; any language of the default rule. */
void relevance_find_regions(struct relevance_regions *r, const char *text);
/* Whether they rule the chest out. */
bool relevance_is_elsewhere(const struct relevance_regions *r);

/* Add a clause to the reason, "; " between; what does not fit is cut. */
void relevance_say(struct relevance_verdict *v, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
