/* SPDX-License-Identifier: MIT */
/* The daily hours for bulk work; they may pass midnight. */
#include <string.h>

#include "base/str.h"
#include "model/window.h"

#define DAY_MIN 1440

/* "7:00" or "19:00" in ${n} bytes; 24:00 is the end of the day. */
static bool
read_time(const char *s, size_t n, int *ret)
{
	char text[8];
	if (!str_copy_n(text, sizeof(text), s, n))
		return false;
	(void)str_trim(text); /* returns its argument */
	size_t colon = strcspn(text, ":");
	size_t len = strlen(text);
	int64_t hour = 0, minute = 0;
	if (colon < 1 || colon > 2 || len != colon + 3 ||
	    strspn(text, "0123456789:") != len ||
	    !str_to_i64_n(text, colon, 0, 24, &hour) ||
	    !str_to_i64(text + colon + 1, 0, 59, &minute))
		return false;
	if (hour == 24 && minute != 0)
		return false;
	*ret = (int)(hour * 60 + minute);
	return true;
}

int
window_parse(const char *s, struct window *ret, struct err *e)
{
	struct window w = {0, 0};
	size_t dash = strcspn(s, "-");
	bool good = str_eq_nocase(s, "always");
	if (!good && s[dash] == '-')
		good = read_time(s, dash, &w.from_min) &&
		    read_time(s + dash + 1, strlen(s + dash + 1), &w.to_min) &&
		    w.from_min < DAY_MIN;
	char seen[32];
	if (!good)
		return err_set(e, ERR_INVAL, 0,
		    "want hours like 19:00-06:30 or always, have '%s'",
		    str_escape(seen, sizeof(seen), s, strlen(s)));
	w.to_min %= DAY_MIN;
	*ret = w;
	return 0;
}

bool
window_is_open(const struct window *w, int minute_of_day)
{
	if (w->from_min == w->to_min)
		return true;
	if (w->from_min < w->to_min)
		return minute_of_day >= w->from_min &&
		    minute_of_day < w->to_min;
	return minute_of_day >= w->from_min || minute_of_day < w->to_min;
}

int
window_opens_in(const struct window *w, int minute_of_day)
{
	if (window_is_open(w, minute_of_day))
		return 0;
	return (w->from_min - minute_of_day + DAY_MIN) % DAY_MIN;
}
