/* SPDX-License-Identifier: MIT */
/* The first line of status and check. */
#include <inttypes.h>
#include <string.h>

#include "base/str.h"
#include "main/command.h"

#define ROOMS_SHOWN 3 /* other rooms, in the headline */

/* Whether a list was never read: nobody knows what is needed. */
static bool
is_unread(const json_t *status)
{
	const json_t *o, *lists = json_object_get(status, "schedules");
	size_t i;
	bool unread = false;
	json_array_foreach(lists, i, o)
		unread |= str_eq(get_str(o, "state"), "failed");
	return unread;
}

/* No case counts: whether the list has some all the same. */
static void
headline_without(char *dst, size_t size, const char *theatre,
    const json_t *status)
{
	const json_t *rooms = json_object_get(status, "rooms_elsewhere"), *v;
	const json_t *cases = json_object_get(status, "cases");
	int64_t elsewhere = get_int(status, "cases_elsewhere");
	char names[160] = "";
	size_t i;
	json_array_foreach(rooms, i, v) {
		size_t n = strlen(names);
		if (i < ROOMS_SHOWN && json_is_string(v))
			(void)snprintf(names + n, sizeof(names) - n,
			    "%s%.40s", i == 0 ? "" : ", ",
			    json_string_value(v)); /* a cut is fine */
	}
	if (is_unread(status))
		(void)snprintf(dst, size, "%.100s: the theatre list cannot be "
		    "read", theatre);
	else if (get_int(cases, "listed") > 0)
		(void)snprintf(dst, size, "%s: no case needs images now",
		    theatre);
	else if (elsewhere == 0)
		(void)snprintf(dst, size, "%s: no cases listed", theatre);
	else
		(void)snprintf(dst, size, "no cases listed for %.100s; the "
		    "list has %" PRId64 " case%s in other rooms (%s%s)",
		    theatre, elsewhere, elsewhere == 1 ? "" : "s", names,
		    json_array_size(rooms) > ROOMS_SHOWN ? ", ..." : "");
}

/* "2 of 4 cases ready, 1 failed, 1 with nothing to fetch" */
static void
headline_rest(char *dst, size_t size, const json_t *cases)
{
	static const char *const words[][2] = {{"failed", "failed"},
		{"fetching", "fetching"}, {"queued", "queued"},
		{"none", "with nothing to fetch"}};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		int64_t k = get_int(cases, words[i][0]);
		size_t n = strlen(dst);
		if (k > 0)
			(void)snprintf(dst + n, size - n, ", %" PRId64 " %s",
			    k, words[i][1]);
	}
}

/* The same words as headline() in agent/web/page.html. */
const char *
term_headline(char *dst, size_t size, const json_t *status)
{
	const json_t *cases = json_object_get(status, "cases");
	const char *theatre = get_str(json_object_get(status, "agent"),
	    "theatre");
	int64_t total = get_int(cases, "total");
	int64_t ready = get_int(cases, "ready");
	if (theatre[0] == '\0')
		theatre = "Theatre";
	if (total == 0) {
		headline_without(dst, size, theatre, status);
	} else if (ready < total) {
		(void)snprintf(dst, size, "%.100s: %" PRId64 " of %" PRId64
		    " case%s ready", theatre, ready, total,
		    total == 1 ? "" : "s");
		headline_rest(dst, size, cases);
	} else if (total == 1) {
		(void)snprintf(dst, size, "%s: the one case is ready",
		    theatre);
	} else {
		(void)snprintf(dst, size, "%s: all %" PRId64 " cases ready",
		    theatre, total);
	}
	return dst;
}
