/* SPDX-License-Identifier: MIT */
/* Writing for a terminal: cells, colours, bars, times, nothing that harms. */
#include <stdarg.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "main/command.h"

/* The next character of well-formed UTF-8 and its length. */
static uint32_t
next_char(const char *s, size_t *ret_n)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
	uint32_t v = n == 1 ? p[0] : p[0] & (0xFFu >> (n + 1));
	for (size_t i = 1; i < n; i++)
		v = v << 6 | (p[i] & 0x3Fu);
	*ret_n = n;
	return v;
}

/* Controls (C0, DEL, C1), line separators and the marks that change the
 * direction of writing (Unicode TR36 2.4). */
static bool
is_harmful(uint32_t v)
{
	return v < 0x20 || (v >= 0x7F && v < 0xA0) || v == 0x200E ||
	    v == 0x200F || (v >= 0x2028 && v <= 0x202E) ||
	    (v >= 0x2066 && v <= 0x2069) || v == 0xFEFF;
}

const char *
term_clean(char *dst, size_t size, const char *s)
{
	size_t at = 0;
	bool utf8 = str_is_utf8(s, strlen(s));
	while (*s != '\0') {
		size_t n = 1;
		uint32_t v = utf8 ? next_char(s, &n) : (unsigned char)*s;
		bool bad = is_harmful(v) || (!utf8 && v >= 0x80);
		if (at + n + 1 > size)
			break;
		if (bad)
			dst[at++] = '?';
		else
			memcpy(dst + at, s, n);
		at += bad ? 0 : n;
		s += n;
	}
	dst[at] = '\0';
	return dst;
}

/* Columns of one character: the wide blocks and the common combining ones
 * are known; a table of all would be exact. */
static unsigned
char_width(uint32_t v)
{
	if (v >= 0x300 && v < 0x370)
		return 0;
	bool wide = (v >= 0x1100 && v < 0x1160) ||
	    (v >= 0x2E80 && v < 0xA4D0) || (v >= 0xAC00 && v < 0xD7A4) ||
	    (v >= 0xF900 && v < 0xFB00) || (v >= 0xFF00 && v < 0xFF61) ||
	    (v >= 0x1F300 && v < 0x1FB00) || (v >= 0x20000 && v < 0x30000);
	return wide ? 2 : 1;
}

unsigned
term_width(const char *s)
{
	unsigned w = 0;
	while (*s != '\0') {
		size_t n;
		w += char_width(next_char(s, &n));
		s += n;
	}
	return w;
}

static void
set_paint(struct command *c, enum paint p)
{
	static const char *const code[] = {"0", "1", "2", "32", "36", "33",
		"1;31"};
	if (c->colour && p != PAINT_NONE)
		(void)fprintf(c->out, "\033[%sm", code[p]); /* see finish */
}

static void
reset_paint(struct command *c, enum paint p)
{
	if (c->colour && p != PAINT_NONE)
		(void)fputs("\033[0m", c->out); /* see finish */
}

/* Bytes of ${s} that fit ${width} columns, and the columns they take. */
static size_t
fitting(const char *s, unsigned width, unsigned *ret_width)
{
	size_t at = 0;
	unsigned w = 0;
	while (s[at] != '\0') {
		size_t n;
		unsigned more = char_width(next_char(s + at, &n));
		if (w + more > width)
			break;
		w += more;
		at += n;
	}
	*ret_width = w;
	return at;
}

/* Errors of writing are found once, when command_run ends. */
void
term_cell(struct command *c, enum paint p, const char *s, unsigned width)
{
	char clean[2048];
	unsigned w = term_width(term_clean(clean, sizeof(clean), s));
	bool cut = width > 0 && w > width;
	size_t n = cut ? fitting(clean, width - 1, &w) : strlen(clean);
	set_paint(c, p);
	(void)fprintf(c->out, "%.*s%s", (int)n, clean, cut ? "…" : "");
	reset_paint(c, p);
	w += cut;
	if (width > w)
		(void)fprintf(c->out, "%*s", (int)(width - w), "");
}

void
term_printf(struct command *c, enum paint p, const char *fmt, ...)
{
	char line[4096];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap); /* a cut is fine */
	va_end(ap);
	size_t n = strlen(line);
	bool feed = n > 0 && line[n - 1] == '\n';
	if (feed)
		line[n - 1] = '\0';
	term_cell(c, p, line, 0);
	if (feed)
		(void)fputs(c->terminal ? "\033[K\n" : "\n", c->out);
}

void
term_bar(struct command *c, enum paint p, int64_t part, int64_t whole,
    unsigned width)
{
	static const char *const eighth[] = {"", "▏", "▎", "▍", "▌", "▋", "▊",
		"▉"};
	int64_t eights = whole > 0 ? part * width * 8 / whole : 0;
	if (eights > (int64_t)width * 8)
		eights = (int64_t)width * 8;
	unsigned full = (unsigned)(eights / 8), rest = (unsigned)(eights % 8);
	set_paint(c, p);
	for (unsigned i = 0; i < full; i++)
		(void)fputs("█", c->out);
	(void)fputs(eighth[rest], c->out);
	reset_paint(c, p);
	set_paint(c, PAINT_DIM);
	for (unsigned i = full + (rest > 0); i < width; i++)
		(void)fputs("·", c->out);
	reset_paint(c, PAINT_DIM);
}

static const struct look {
	const char *state, *mark;
	enum paint paint;
} looks[] = {
	{"ready", "●", PAINT_GREEN}, {"fetching", "◐", PAINT_BLUE},
	{"queued", "○", PAINT_YELLOW}, {"incomplete", "◔", PAINT_YELLOW},
	{"failed", "▲", PAINT_RED}, {"held", "■", PAINT_RED},
	{"none", "–", PAINT_DIM}, {"no", "–", PAINT_DIM},
	{"wanted", "●", PAINT_GREEN}, {"up", "●", PAINT_GREEN},
	{"down", "▲", PAINT_RED}, {"unknown", "○", PAINT_DIM},
	{"ok", "●", PAINT_GREEN}, {"stale", "▲", PAINT_YELLOW},
};

static const struct look *
look_of(const char *state)
{
	static const struct look other = {"", " ", PAINT_NONE};
	for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++)
		if (str_eq(looks[i].state, state))
			return &looks[i];
	return &other;
}

const char *
term_mark(const char *state)
{
	return look_of(state)->mark;
}

enum paint
term_paint(const char *state)
{
	return look_of(state)->paint;
}

/* The reading of "2026-11-25T08:00:00+01:00", and its offset in seconds. */
static bool
read_iso(const char *s, struct civil *ret, int64_t *ret_offset_s)
{
	static const struct {
		size_t at, n;
	} part[] = {{0, 4}, {5, 2}, {8, 2}, {11, 2}, {14, 2}, {17, 2}};
	int64_t v[6], hour = 0, min = 0;
	if (strlen(s) < 19)
		return false;
	for (size_t i = 0; i < 6; i++)
		if (!str_to_i64_n(s + part[i].at, part[i].n, 0, 9999, &v[i]))
			return false;
	if (strlen(s) == 25 && (!str_to_i64_n(s + 20, 2, 0, 24, &hour) ||
	    !str_to_i64_n(s + 23, 2, 0, 59, &min)))
		return false;
	*ret = (struct civil){.year = (int)v[0], .month = (int)v[1],
	    .day = (int)v[2], .hour = (int)v[3], .min = (int)v[4],
	    .sec = (int)v[5]};
	*ret_offset_s = (s[19] == '-' ? -1 : 1) * (hour * 3600 + min * 60);
	return civil_is_valid(ret);
}

const char *
term_when(char *dst, size_t size, const char *iso)
{
	static const char *const days[] = {"Thu", "Fri", "Sat", "Sun", "Mon",
		"Tue", "Wed"}; /* 1970-01-01 was a Thursday */
	static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May",
		"Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	struct civil c;
	int64_t offset;
	if (!read_iso(iso, &c, &offset)) {
		(void)str_copy(dst, size, iso[0] == '\0' ? "never" : "?");
		return dst;
	}
	int64_t day = civil_days(c.year, c.month, c.day) % 7;
	(void)snprintf(dst, size, "%02d:%02d %s %d %s", c.hour, c.min,
	    days[day < 0 ? day + 7 : day], c.day, months[c.month - 1]);
	return dst;
}

int64_t
term_utc(const char *iso)
{
	struct civil c;
	int64_t offset;
	return read_iso(iso, &c, &offset) ? civil_to_utc(&c) - offset : 0;
}

const char *
term_person(char *dst, size_t size, const char *name)
{
	char given[256] = "";
	size_t n = strcspn(name, "^=");
	if (name[n] == '^') {
		const char *p = name + n + 1;
		(void)str_copy_n(given, sizeof(given), p, strcspn(p, "^="));
	}
	(void)snprintf(dst, size, "%.*s%s%s", (int)n, name,
	    given[0] != '\0' ? ", " : "", given);
	return dst;
}
