/* SPDX-License-Identifier: MIT */
/* How far the viewer has what a case needs, for a terminal. */
#include <inttypes.h>

#include "base/str.h"
#include "main/command.h"

void
term_case_in_viewer(struct command *c, const json_t *one, unsigned indent)
{
	const json_t *study;
	int64_t due = 0, there = 0;
	size_t i;
	json_array_foreach(json_object_get(one, "studies"), i, study) {
		const json_t *v = json_object_get(study, "in_viewer");
		due += json_is_object(v);
		there += str_eq(get_str(v, "state"), "done");
	}
	if (due == 0 || !str_eq(get_str(one, "readiness"), "ready"))
		return;
	term_cell(c, PAINT_NONE, "", indent);
	term_printf(c, PAINT_DIM, "in viewer: %" PRId64 " of %" PRId64
	    " stud%s\n", there, due, due == 1 ? "y" : "ies");
}

void
term_in_viewer(struct command *c, const json_t *study, unsigned indent)
{
	const json_t *v = json_object_get(study, "in_viewer");
	const char *state = get_str(v, "state"), *why = get_str(v, "reason");
	bool failed = str_eq(state, "failed"), done = str_eq(state, "done");
	if (!json_is_object(v) || !str_eq(get_str(study, "state"), "ready"))
		return;
	term_cell(c, PAINT_NONE, "", indent);
	if (str_eq(state, "none"))
		term_printf(c, PAINT_DIM, "in viewer: waiting\n");
	else if (failed)
		term_printf(c, PAINT_YELLOW, "in viewer: not all: %s\n", why);
	else
		term_printf(c, PAINT_DIM, "in viewer: %" PRId64 " of %" PRId64
		    "%s%s%s%s\n", get_int(v, "instances"),
		    get_int(v, "expected"), done ? "" : ", sending",
		    why[0] != '\0' ? " (" : "", why,
		    why[0] != '\0' ? ")" : "");
}
