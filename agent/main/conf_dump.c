/* SPDX-License-Identifier: MIT */
/* The table of the configuration written for people: as a file with every
 * default, and as Markdown. */
#include <string.h>

#include "base/str.h"
#include "main/conf_priv.h"

#define WIDTH 78

static const char head[] =
    "# Every key of Understudy's configuration, with its default.\n"
    "#\n"
    "# One key a line: key = value, with its unit. '#' or ';' at the\n"
    "# beginning of a line or after a blank starts a comment. Sections that\n"
    "# may be there several times carry a name in quotes. An unknown key is\n"
    "# an error. `understudyd -n -c FILE` checks a file and tells all of its\n"
    "# faults.\n";

/* What is written to a stream is checked once, by whoever closes it. */
static void
put(FILE *out, const char *s)
{
	(void)fputs(s, out);
}

/* ${text} as a comment, wrapped between words. */
static void
put_comment(FILE *out, const char *text)
{
	size_t column = 0;
	while (*text != '\0') {
		size_t n = strcspn(text, " ");
		if (column > 0 && column + 1 + n > WIDTH) {
			put(out, "\n");
			column = 0;
		}
		put(out, column == 0 ? "# " : " ");
		column += n + (column == 0 ? 2 : 1);
		(void)fwrite(text, 1, n, out); /* see put */
		text += n;
		text += strspn(text, " ");
	}
	put(out, "\n");
}

static void
put_key(FILE *out, const struct conf_key *k)
{
	const char *value = k->fallback != NULL ? k->fallback : k->example;
	bool left_out = value[0] == '\0';
	put(out, "\n");
	put_comment(out, k->help);
	(void)fprintf(out, "# Value: %s%s.\n", k->want, /* see put */
	    k->fallback == NULL ? "; required" : "");
	(void)fprintf(out, "%s%s = %s\n", left_out ? "# " : "", k->key,
	    left_out ? k->example : value);
}

void
conf_dump(FILE *out)
{
	put(out, head);
	for (size_t i = 0; i < CONF_SECTION_COUNT; i++) {
		const struct conf_section *s = &conf_sections[i];
		if (s->kind == CONF_ABSENT)
			continue;
		put(out, "\n");
		put_comment(out, s->help);
		if (s->kind == CONF_NAMED)
			(void)fprintf(out, "[%s \"%s\"]\n", s->name,
			    s->example); /* see put */
		else
			(void)fprintf(out, "[%s]\n", s->name);
		for (size_t j = 0; j < CONF_KEY_COUNT; j++)
			if (s == &conf_sections[conf_keys[j].section] &&
			    conf_keys[j].parse != conf_parse_absent)
				put_key(out, &conf_keys[j]);
	}
}

/* A '|' would end the cell, even between backticks. */
static void
put_cell(FILE *out, const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s == '|')
			put(out, "\\");
		(void)putc(*s, out); /* see put */
	}
}

static void
put_row(FILE *out, const struct conf_key *k)
{
	(void)fprintf(out, "| `%s` | ", k->key); /* see put */
	put_cell(out, k->want);
	put(out, " | ");
	if (k->fallback == NULL)
		put(out, "required");
	else if (k->fallback[0] == '\0')
		put(out, "left out");
	else {
		put(out, "`");
		put_cell(out, k->fallback);
		put(out, "`");
	}
	put(out, " | ");
	put_cell(out, k->help);
	put(out, " |\n");
}

void
conf_dump_markdown(FILE *out)
{
	for (size_t i = 0; i < CONF_SECTION_COUNT; i++) {
		const struct conf_section *s = &conf_sections[i];
		if (s->kind == CONF_ABSENT)
			continue;
		(void)fprintf(out, "\n## `[%s%s]`\n\n%s\n\n", s->name,
		    s->kind == CONF_NAMED ? " \"name\"" : "", s->help);
		put(out, "| key | value | default | what it does |\n"
		         "|---|---|---|---|\n");
		for (size_t j = 0; j < CONF_KEY_COUNT; j++)
			if (s == &conf_sections[conf_keys[j].section] &&
			    conf_keys[j].parse != conf_parse_absent)
				put_row(out, &conf_keys[j]);
	}
}
