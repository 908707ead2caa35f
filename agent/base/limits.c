/* SPDX-License-Identifier: MIT */
/* The limits that hold: one struct, written before any thread. */
#include <stddef.h>

#include "base/limits.h"

#define DEFAULT(a, section, key, kind, value, ...) .key = value,

static const struct limit_values defaults = {LIMIT_ROWS(DEFAULT, )};
static struct limit_values now = {LIMIT_ROWS(DEFAULT, )};

const struct limit_values *
limits(void)
{
	return &now;
}

void
limits_set(const struct limit_values *l)
{
	now = l != NULL ? *l : defaults;
}
