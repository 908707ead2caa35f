/* SPDX-License-Identifier: MIT
 *
 * decode_fixture: the helper's path, and an object through a decoder.
 * A test includes the standard headers and cmocka.h before this one.
 */
#ifndef TESTS_DICOM_DECODE_FIXTURE_H
#define TESTS_DICOM_DECODE_FIXTURE_H

#include <stdio.h>
#include <string.h>

#include <signal.h>
#include <unistd.h>

#include "base/mem.h"
#include "dicom/decode.h"
#include "wire/scan.h"

#include "../wire/sample.h"

#define ELE SYNTAX_EXPLICIT_LE
#define ILE SYNTAX_IMPLICIT_LE
#define RLE "1.2.840.10008.1.2.5"
#define RLE_FILE "good/syntax/MR_small_RLE.dcm"

/* path of the program beside the tests' folder */
static char helper[512];

/* What came of an object. */
struct result {
	uint8_t *p; /* owned */
	size_t n;
};

static inline int
run(struct decoder *d, const struct sample *s, const char *to,
    struct result *ret, struct err *e)
{
	const uint8_t *from = s->bytes + s->set;
	size_t n = s->n - s->set;
	size_t half = n / 2;
	uint64_t size;
	*ret = (struct result){.p = NULL};
	if (decoder_begin(d, n, s->syntax, to, e) == -1 ||
	    decoder_feed(d, from, half, e) == -1 ||
	    decoder_feed(d, from + half, n - half, e) == -1 ||
	    decoder_answer(d, &size, e) == -1)
		return -1;
	ret->p = mem_new_n(uint8_t, size + 1);
	for (;;) {
		size_t k;
		if (decoder_read(d, ret->p + ret->n, 70000, &k, e) == -1)
			return -1;
		if (k == 0)
			break;
		ret->n += k;
	}
	assert_int_equal(ret->n, size);
	return 0;
}

static inline void
read_file(struct sample *s, const char *name)
{
	char path[512];
	sample_path(path, sizeof(path), name);
	if (access(path, R_OK) != 0)
		skip();
	assert_true(sample_read(s, path));
}

/* One object comes through, as it must: asked after failures. */
static inline void
assert_works(struct decoder *d)
{
	struct sample s;
	struct result r;
	struct err e;
	read_file(&s, RLE_FILE);
	if (run(d, &s, ELE, &r, &e) != 0)
		fail_msg("%s", e.msg);
	assert_int_equal(r.n, 9496);
	mem_free(r.p);
	sample_done(&s);
}

/* The program that ${self}, <build>/tests/dicom/NAME, belongs to. */
static inline void
find_helper(const char *self)
{
	int n = 0;
	for (int i = (int)strlen(self), slashes = 0; i > 0 && n == 0; i--) {
		slashes += self[i - 1] == '/';
		if (slashes == 3)
			n = i;
	}
	(void)snprintf(helper, sizeof(helper), "%.*sunderstudy-decode", n,
	    self); /* a path that is cut is not found */
	(void)signal(SIGPIPE, SIG_IGN); /* as the agent does */
}

#endif
