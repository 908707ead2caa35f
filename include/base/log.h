/* SPDX-License-Identifier: MIT
 *
 * log: one line an event: time, level, event name, key=value pairs.
 * Called on any thread; floors above the third log decisions, the lower ones
 * only debug. Owns the level and the debug areas.
 * Never allocates, never changes errno, never carries patient data.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* Show events of ${level} and above. ${areas} (may be NULL) is a comma list
 * of the first words of event names whose debug lines are shown as well,
 * "all" for every one; it is copied. */
void log_open(enum log_level level, const char *areas);

/* Take lines to ${fn} instead of standard error, for tests; NULL restores. */
typedef void log_sink_fn(void *ctx, enum log_level level, const char *line);
void log_set_sink(log_sink_fn *fn, void *ctx);

bool log_is_on(enum log_level level, const char *event);
void log_at(enum log_level level, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* ${event} is "room.thing.verb"; ${fmt} is "key=%s ..." without a full stop.
 * error: a person must act. warn: we coped, ends in action=... info: state
 * changed. debug: off unless asked for. */
#define log_error(event, ...) log_at(LOG_ERROR, (event), __VA_ARGS__)
#define log_warn(event, ...) log_at(LOG_WARN, (event), __VA_ARGS__)
#define log_info(event, ...) log_at(LOG_INFO, (event), __VA_ARGS__)
#define log_debug(event, ...) \
	do { \
		if (log_is_on(LOG_DEBUG, (event))) \
			log_at(LOG_DEBUG, (event), __VA_ARGS__); \
	} while (0)

#endif
