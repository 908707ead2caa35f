/* SPDX-License-Identifier: MIT */
/* What to propose for a C-GET: one context a (class, syntax), so that the
 * archive has no reason to convert, in rounds of what fits one association.
 *
 * DESIGN  A list of classes (those the archive names, else the table) times a
 * list of syntaxes is walked in blocks: likely classes with common syntaxes
 * first, then rare syntaxes, then unlikely classes. Implicit LE never stands
 * beside Explicit LE (archives would pick the former): it is a round of its
 * own, for objects that nothing else brought. */
#include "base/str.h"
#include "prefetch/prefetch_priv.h"
#include "wire/scan.h"

#define GET_CONTEXTS (PDU_CONTEXTS_MAX - 1) /* one is the C-GET itself */
#define COMMON 10 /* the syntaxes of the first rounds */

static const struct {
	int likely;
	const char *uid;
} classes[] = {
#define CLASS_ROW(likely, uid) {likely, uid},
#include "prefetch/classes.tbl.h"
	STORAGE_CLASSES(CLASS_ROW)
#undef CLASS_ROW
};

static const char *const syntaxes[] = {
#define SYNTAX_ROW(uid) uid,
	STORAGE_SYNTAXES(SYNTAX_ROW)
#undef SYNTAX_ROW
};

static const char *const implicit[] = {SYNTAX_IMPLICIT_LE};

#define N_CLASSES (sizeof(classes) / sizeof(classes[0]))
#define N_SYNTAXES (sizeof(syntaxes) / sizeof(syntaxes[0]))
#define LIST_MAX 256

/* One block of the walk. */
struct block {
	const char *list[LIST_MAX];
	unsigned n;
	const char *const *ts;
	unsigned n_ts;
};

/* The rounds of a block from ${*round} on: fills ${ret} when the wanted one
 * is here, else counts past it. */
static unsigned
walk(const struct block *b, unsigned *round, struct assoc_proposal *ret)
{
	unsigned fit = GET_CONTEXTS / b->n_ts; /* classes a round */
	unsigned rounds = (b->n + fit - 1) / fit;
	if (*round >= rounds) {
		*round -= rounds;
		return 0;
	}
	unsigned n = 0;
	unsigned from = *round * fit;
	for (unsigned i = from; i < b->n && i < from + fit; i++)
		for (unsigned k = 0; k < b->n_ts; k++)
			ret[n++] = (struct assoc_proposal){b->list[i],
			    b->ts[k], true};
	return n;
}

static void
add_class(struct block *b, const char *uid)
{
	for (unsigned i = 0; i < b->n; i++)
		if (str_eq(b->list[i], uid))
			return;
	if (b->n < LIST_MAX)
		b->list[b->n++] = uid;
}

/* A study that is no MR: its likely classes are the third kind's. */
static bool
is_likely(int likely, bool mr)
{
	return mr ? likely == 1 : likely == 3;
}

unsigned
classes_round(const char *const *known, unsigned n_known,
    const char *modalities, unsigned round, struct assoc_proposal *ret)
{
	bool mr = modalities[0] == '\0' || str_starts(modalities, "MR") ||
	    str_starts(modalities, "SR\\MR") ||
	    str_starts(modalities, "PR\\MR");
	struct block likely = {.n = 0};
	struct block all = {.n = 0};
	for (unsigned i = 0; i < n_known; i++)
		add_class(&likely, known[i]);
	for (size_t i = 0; n_known == 0 && i < N_CLASSES; i++)
		if (is_likely(classes[i].likely, mr))
			add_class(&likely, classes[i].uid);
	for (unsigned i = 0; i < n_known; i++)
		add_class(&all, known[i]);
	for (size_t i = 0; n_known == 0 && i < N_CLASSES; i++)
		add_class(&all, classes[i].uid);

	struct {
		struct block *b;
		const char *const *ts;
		unsigned n_ts;
	} steps[] = {
	    {&likely, syntaxes, COMMON},
	    {&all, syntaxes, COMMON},
	    {&all, implicit, 1},
	    {&all, syntaxes + COMMON, N_SYNTAXES - COMMON},
	};
	if (round >= CLASSES_ROUNDS_MAX)
		return 0;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		steps[i].b->ts = steps[i].ts;
		steps[i].b->n_ts = steps[i].n_ts;
		if (i == 1 && n_known > 0)
			continue; /* the same as the first */
		unsigned n = walk(steps[i].b, &round, ret);
		if (n > 0)
			return n;
	}
	return 0;
}
