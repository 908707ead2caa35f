/* SPDX-License-Identifier: MIT */
/* Fuzzes the data set shim and the attributes' blob: the first byte chooses
 * the syntax. What is read must be UTF-8 and come back from its blob; what
 * is written again must be a data set. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/str.h"
#include "dicom/dataset.h"
#include "wire/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
check_blob(const struct attrs *as)
{
	struct attrs back;
	struct buf b;
	struct err e;
	buf_init(&b, (size_t)64 << 20);
	attrs_format(&b, as);
	int rc = attrs_parse(b.p, b.len, &back, &e);
	assert(rc == 0 && back.n == as->n);
	attrs_done(&back);
	buf_done(&b);
}

static void
check_format(const struct attrs *as, const char *syntax)
{
	struct buf b;
	struct err e;
	struct scan got;
	buf_init(&b, DATASET_IDENTIFIER_MAX);
	if (dataset_format(as, syntax, &b, &e) == 0) {
		int rc = scan_data_set(b.p, b.len, syntax, NULL, NULL, &got,
		    &e);
		assert(rc == 0 && got.how == SCAN_WHOLE);
	}
	buf_done(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const char *const syntaxes[] = {SYNTAX_EXPLICIT_LE,
	    SYNTAX_IMPLICIT_LE, SYNTAX_EXPLICIT_BE, SYNTAX_DEFLATED_LE};
	static bool started;
	struct attrs as;
	struct err e;
	if (!started && dataset_start(&e) == -1)
		return 0;
	started = true;
	if (n == 0)
		return 0;
	if (dataset_parse(p + 1, n - 1, syntaxes[p[0] % 4], NULL, 0, &as,
		&e) == -1) {
		assert(as.n == 0 && as.a == NULL);
		return 0;
	}
	for (unsigned i = 0; i < as.n; i++)
		assert(str_is_utf8(as.a[i].value, strlen(as.a[i].value)));
	check_blob(&as);
	check_format(&as, syntaxes[p[0] % 3]);
	attrs_done(&as);
	return 0;
}
