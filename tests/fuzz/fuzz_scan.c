/* SPDX-License-Identifier: MIT */
/* Fuzzes the walk over a data set: the first byte chooses the syntax. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "wire/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

struct seen {
	const uint8_t *p; /* the whole data set */
	size_t n;
	unsigned sum;
};

static bool
see(void *ctx, const struct scan_element *el) /* scan_element_fn */
{
	struct seen *s = ctx;
	if (el->p == NULL)
		return true;
	assert(el->p >= s->p && el->n <= s->n - (size_t)(el->p - s->p));
	for (uint32_t i = 0; i < el->n; i++)
		s->sum += el->p[i]; /* every byte must be ours to read */
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const char *const syntaxes[] = {SYNTAX_EXPLICIT_LE,
	    SYNTAX_IMPLICIT_LE, SYNTAX_EXPLICIT_BE};
	struct scan got;
	struct err e;
	if (n == 0)
		return 0;
	struct seen s = {.p = p + 1, .n = n - 1};
	if (scan_data_set(p + 1, n - 1, syntaxes[p[0] % 3], see, &s, &got,
		&e) == -1) {
		assert(e.code == ERR_PARSE);
		return 0;
	}
	assert(got.end <= n - 1);
	assert(got.how != SCAN_WHOLE || got.end == n - 1);
	assert(got.depth <= SCAN_DEPTH_MAX);
	assert(got.study_uid[0] == '\0' || uid_is_valid(got.study_uid));
	return 0;
}
