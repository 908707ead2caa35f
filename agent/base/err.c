/* SPDX-License-Identifier: MIT */
/* One error: a code, where it was found, and one sentence. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

int
err_set_at(struct err *e, enum err_code code, int sys, const char *where,
    const char *fmt, ...)
{
	e->code = code;
	e->sys = sys;
	e->where = where;

	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(e->msg, sizeof(e->msg), fmt, ap); /* cut is fine */
	va_end(ap);
	if (sys == 0)
		return -1;

	char reason[80] = "";
	(void)strerror_r(sys, reason, sizeof(reason)); /* empty is fine */
	size_t used = strlen(e->msg);
	(void)snprintf(e->msg + used, sizeof(e->msg) - used, ": %s",
	    reason[0] != '\0' ? reason : "unknown error");
	return -1;
}

int
err_prefix(struct err *e, const char *fmt, ...)
{
	char old[sizeof(e->msg)];
	memcpy(old, e->msg, sizeof(old));

	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(e->msg, sizeof(e->msg), fmt, ap); /* cut is fine */
	va_end(ap);
	size_t used = strlen(e->msg);
	int rest = (int)(sizeof(e->msg) - used);
	if (rest > 3)
		(void)snprintf(e->msg + used, (size_t)rest, ": %.*s", rest - 3,
		    old);
	return -1;
}
