/* SPDX-License-Identifier: MIT */
/* Fuzzes the command set parser; what is read of a command that we write
 * must write and read again to the same bytes. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "wire/dimse.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
again(const struct dimse *d)
{
	struct buf once, twice;
	struct dimse got;
	struct err e;
	buf_init(&once, DIMSE_COMMAND_MAX);
	buf_init(&twice, DIMSE_COMMAND_MAX);
	dimse_format(&once, d);
	assert(!once.failed);
	int rc = dimse_parse(once.p, once.len, &got, &e);
	assert(rc == 0);
	dimse_format(&twice, &got);
	assert(twice.len == once.len &&
	    memcmp(twice.p, once.p, once.len) == 0);
	buf_done(&twice);
	buf_done(&once);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct dimse d;
	struct err e;
	char text[80];
	if (dimse_parse(p, n, &d, &e) != 0) {
		assert(e.code == ERR_PARSE);
		return 0;
	}
	assert(strlen(d.destination) < AE_SIZE);
	assert(strlen(dimse_status_text(d.status, text, sizeof(text))) > 0);
	assert(strlen(dimse_command_name(d.command)) > 0);
	again(&d);
	return 0;
}
