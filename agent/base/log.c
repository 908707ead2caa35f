/* SPDX-License-Identifier: MIT */
/* Log lines on standard error, each in one write. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

#define LINE_MAX_BYTES 1024 /* longer lines are cut */

static enum log_level shown = LOG_INFO; /* set at start, then constant */
static char debug_areas[200];
static log_sink_fn *sink;
static void *sink_ctx;

void
log_open(enum log_level level, const char *areas)
{
	shown = level;
	(void)str_copy(debug_areas, sizeof(debug_areas),
	    areas == NULL ? "" : areas); /* a cut list shows less */
}

void
log_set_sink(log_sink_fn *fn, void *ctx)
{
	sink = fn;
	sink_ctx = ctx;
}

bool
log_is_on(enum log_level level, const char *event)
{
	if (level >= shown)
		return true;
	if (debug_areas[0] == '\0')
		return false;
	char area[32];
	(void)str_copy_n(area, sizeof(area), event, strcspn(event, "."));
	return str_in_list(debug_areas, area) ||
	    str_in_list(debug_areas, "all");
}

void
log_at(enum log_level level, const char *event, const char *fmt, ...)
{
	static const char *const names[] = {"debug", "info", "warn", "error"};
	int saved = errno;
	if (!log_is_on(level, event) && sink == NULL)
		return;

	char line[LINE_MAX_BYTES];
	int64_t ms = clock_utc_ms();
	char when[24];
	(void)clock_format_utc(when, sizeof(when), ms / 1000);
	int n = snprintf(line, sizeof(line), "%.19s.%03dZ %-5s %s ", when,
	    (int)(ms % 1000), names[level], event);
	va_list ap;
	va_start(ap, fmt);
	int m = vsnprintf(line + n, sizeof(line) - (size_t)n - 1, fmt, ap);
	va_end(ap);
	size_t len = (size_t)n + (m < 0 ? 0 : (size_t)m);
	if (len > sizeof(line) - 2)
		len = sizeof(line) - 2;
	for (size_t i = 0; i < len; i++) /* one line, whatever was quoted */
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7F)
			line[i] = '?';
	line[len] = '\0';
	if (sink != NULL) {
		sink(sink_ctx, level, line);
	} else {
		line[len] = '\n';
		ssize_t rc = write(STDERR_FILENO, line, len + 1);
		(void)rc; /* nobody left to tell */
	}
	errno = saved;
}
