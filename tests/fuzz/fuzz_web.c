/* SPDX-License-Identifier: MIT */
/* Fuzzes what a DICOMweb archive answers: multipart bodies, DICOM JSON, and
 * what a DICOM file says of itself. However a body is cut, the same parts
 * come. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "wire/djson.h"
#include "wire/multipart.h"
#include "wire/part10.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

struct seen {
	uint32_t parts, ends, sum;
	size_t bytes;
	bool open;
};

static int
on_part(void *ctx, enum multipart_what what, const void *data, size_t n,
    struct err *e)
{ /* multipart_fn */
	struct seen *s = ctx;
	const uint8_t *q = data;
	(void)e; /* it takes all */
	assert(s->open == (what != MULTIPART_BEGIN));
	s->open = what != MULTIPART_END;
	s->parts += what == MULTIPART_BEGIN;
	s->ends += what == MULTIPART_END;
	for (size_t i = 0; i < n; i++)
		s->sum = s->sum * 31 + q[i];
	s->bytes += n;
	return 0;
}

static int
feed(const uint8_t *p, size_t n, size_t piece, struct seen *ret)
{
	struct multipart m;
	struct err e;
	*ret = (struct seen){.parts = 0};
	assert(multipart_begin(&m, "multipart/related; boundary=ab", on_part,
	    ret, &e) == 0);
	int rc = 0;
	for (size_t at = 0; at < n && rc == 0; at += piece)
		rc = multipart_feed(&m, (const char *)p + at, n - at < piece ?
		    n - at : piece, &e);
	return rc == 0 ? multipart_is_over(&m) : rc;
}

static int
on_set(void *ctx, const struct attrs *as, struct err *e) /* djson_fn */
{
	(void)ctx;
	(void)e; /* it takes all */
	for (unsigned i = 1; i < as->n; i++)
		assert(as->a[i - 1].tag < as->a[i].tag);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct seen a, b;
	struct part10 f;
	struct err e;
	int rc = feed(p, n, 1, &a);
	assert(feed(p, n, n < 7 ? 7 : n, &b) == rc);
	assert(a.parts == b.parts && a.ends == b.ends);
	assert(rc < 0 || (a.sum == b.sum && a.bytes == b.bytes));
	(void)djson_each(p, n, on_set, NULL, &e); /* what it is told counts */
	if (n >= PART10_FIRST) {
		size_t at = part10_data_at(p);
		if (at != 0 && at <= n && part10_read(p, at, &f))
			assert(uid_is_valid(f.syntax));
	}
	return 0;
}
