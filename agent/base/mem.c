/* SPDX-License-Identifier: MIT */
/* Memory, with one place to fail it in tests. */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

static atomic_uint fail_in; /* 0 = never; 1 = the next mem_try fails */

void
mem_die(void)
{
	(void)fputs("out of memory\n", stderr); /* nothing left to try */
	abort();
}

void *
mem_zero(size_t n, size_t size)
{
	void *p = calloc(n == 0 ? 1 : n, size == 0 ? 1 : size);
	if (p == NULL)
		mem_die();
	return p;
}

void *
mem_try(size_t size, struct err *e)
{
	unsigned k = atomic_load(&fail_in);
	bool fail = false;
	if (k != 0 && atomic_fetch_sub(&fail_in, 1) == 1)
		fail = true;
	void *p = fail ? NULL : calloc(1, size == 0 ? 1 : size);
	if (p == NULL)
		(void)err_set(e, ERR_NOMEM, 0, "no memory for %zu bytes", size);
	return p;
}

void *
mem_grow(void *p, size_t n, size_t size)
{
	if (size != 0 && n > SIZE_MAX / size)
		mem_die();
	size_t bytes = n * size;
	void *q = realloc(p, bytes == 0 ? 1 : bytes);
	if (q == NULL)
		mem_die();
	return q;
}

void
mem_free(void *p)
{
	free(p);
}

void
mem_fail_at(unsigned k)
{
	atomic_store(&fail_in, k);
}
