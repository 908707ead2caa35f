/* SPDX-License-Identifier: MIT */
/* Fuzzes the CSV reader: every call goes on, every field is a string. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "wire/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct csv c;
	struct err e;
	csv_open(&c, (const char *)p, n);
	for (;;) {
		size_t before = c.at;
		int rc = csv_next(&c, &e);
		if (rc == 0)
			break;
		assert(c.at > before && c.at <= n);
		assert(rc == 1 || e.code == ERR_PARSE);
		assert(rc == 1 || c.n_fields == 0);
		assert(c.row_line <= c.line);
		for (unsigned i = 0; i < c.n_fields; i++) {
			assert(strlen(c.field[i]) <= CSV_FIELD_MAX);
			assert(c.column[i] > 0);
		}
	}
	csv_close(&c);
	return 0;
}
