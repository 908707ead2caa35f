/* SPDX-License-Identifier: MIT */
/* Reads the configuration file, line by line, through inih.
 *
 * inih splits keys from values. Three things it does not do are done in its
 * reader function, next_line: it says nothing of sections without keys, cuts
 * lines at 200 bytes, and takes an indented key for more of the value above.
 */
#include <assert.h>
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/str.h"
#include "main/conf_priv.h"

#define MESSAGE_SIZE 700 /* a cut message is still a message */

void
conf_fault(struct conf_reader *r, unsigned line, const char *key,
    const char *fmt, ...)
{
	char text[MESSAGE_SIZE];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap); /* see MESSAGE_SIZE */
	va_end(ap);
	/* nobody is left to tell that telling failed */
	(void)fprintf(r->out, "%s:%u: %s: %s\n", r->path, line, key, text);
	r->faults++;
}

void
conf_warn(struct conf_reader *r, unsigned line, const char *key,
    const char *fmt, ...)
{
	char text[MESSAGE_SIZE];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap); /* see MESSAGE_SIZE */
	va_end(ap);
	/* as in conf_fault */
	(void)fprintf(r->out, "%s:%u: %s: warning: %s\n", r->path, line, key,
	    text);
}

unsigned
conf_line_of(const struct conf_reader *r, enum conf_section_id s,
    const char *key)
{
	const struct conf_key *k = conf_table_key(&conf_sections[s], key);
	assert(k != NULL);
	if (r->seen[k - conf_keys] != 0)
		return r->seen[k - conf_keys];
	return r->begun[s] != 0 ? r->begun[s] : 1;
}

unsigned
conf_line_here(const struct conf_reader *r, const char *key)
{
	const struct conf_key *k = conf_table_key(r->section, key);
	assert(k != NULL);
	return r->seen[k - conf_keys] != 0 ? r->seen[k - conf_keys] :
	    r->section_line;
}

const char *
conf_shown(char *dst, size_t size, const char *s)
{
	size_t at = 0;
	dst[0] = '\0';
	while (*s != '\0') {
		char part[8] = "\\";
		if (*s != '\\')
			(void)str_escape(part, sizeof(part), s, 1);
		size_t n = strlen(part);
		if (at + n + 4 > size) { /* room for "..." and NUL */
			(void)snprintf(dst + at, size - at, "...");
			break;
		}
		(void)str_copy(dst + at, size - at, part); /* it fits */
		at += n;
		s++;
	}
	return dst;
}

/* ini_handler: a key of the section that next_line saw last. */
static int
on_key(void *ctx, const char *section, const char *name, const char *value)
{
	struct conf_reader *r = ctx;
	char shown[80];
	(void)section;
	if (r->section == NULL)
		return 1; /* its section was told already */
	const struct conf_key *k = conf_table_key(r->section, name);
	(void)conf_shown(shown, sizeof(shown), name);
	if (k == NULL) {
		conf_fault(r, r->line, shown,
		    "want a key of [%s], have '%s'", r->section->name, shown);
		return 1;
	}
	unsigned *seen = &r->seen[k - conf_keys];
	if (*seen != 0)
		conf_fault(r, r->line, k->key,
		    "want it once, have it on line %u too", *seen);
	else
		conf_section_set(r, k, r->value != NULL ? r->value : value);
	*seen = r->line;
	return 1;
}

/* One line into r->text without its end; false at the end of the file. */
static bool
read_line(struct conf_reader *r)
{
	size_t n = 0;
	bool bad = false;
	int ch;
	while ((ch = getc(r->file)) != EOF && ch != '\n') {
		if (n + 1 == sizeof(r->text) || ch == '\0')
			bad = true;
		else
			r->text[n++] = (char)ch;
	}
	if (ch == EOF && n == 0 && !bad)
		return false;
	r->text[n] = '\0';
	r->line++;
	if (bad || !str_is_utf8(r->text, n)) {
		conf_fault(r, r->line, "line",
		    "want at most %d bytes of UTF-8, have something else",
		    CONF_LINE_SIZE - 1);
		r->text[0] = '\0';
	}
	return true;
}

/* Cut a comment: '#' or ';' at the beginning or after a blank. */
static void
cut_comment(char *s)
{
	for (char *p = s; *p != '\0'; p++)
		if ((*p == '#' || *p == ';') &&
		    (p == s || p[-1] == ' ' || p[-1] == '\t')) {
			*p = '\0';
			return;
		}
}

/* ini_reader: the next line, prepared for inih. */
static char *
next_line(char *dst, int size, void *ctx)
{
	struct conf_reader *r = ctx;
	if (!read_line(r))
		return NULL;
	char *s = r->text;
	if (r->line == 1 && str_starts(s, "\xEF\xBB\xBF"))
		s += 3;
	cut_comment(s);
	(void)str_trim(s); /* in place */
	r->value = NULL;
	dst[0] = '\0';
	if (s[0] == '\0')
		return dst;
	size_t key = strcspn(s, "=:");
	if (s[0] == '[')
		conf_section_begin(r, s);
	else if (s[key] == '\0' || key == 0 || key > 40)
		conf_fault(r, r->line, "line", "want key = value, have none");
	else if (r->section == NULL && r->section_line == 0)
		conf_fault(r, r->line, "line",
		    "want a section first, have none");
	else if (!str_copy(dst, (size_t)size - 1, s)) {
		/* too long for inih: the value goes round it */
		r->value = str_trim(s + key + 1);
		(void)str_copy_n(dst, (size_t)size, s, key + 1); /* it fits */
	}
	return dst;
}

/* Who may write this file decides who sees patients. */
static void
check_mode(struct conf_reader *r)
{
	struct stat st;
	if (fstat(fileno(r->file), &st) == -1)
		conf_fault(r, 1, "file", "want its mode, have %s",
		    strerror(errno));
	else if (S_ISDIR(st.st_mode))
		conf_fault(r, 1, "file", "want a file, have a folder");
	else if ((st.st_mode & S_IWOTH) != 0)
		conf_fault(r, 1, "file",
		    "want a file that not everybody can write, have mode %03o",
		    (unsigned)st.st_mode & 0777);
}

static void
read_file(struct conf_reader *r)
{
	check_mode(r);
	if (r->faults > 0)
		return;
	conf_section_defaults(r);
	int bad_line = ini_parse_stream(next_line, r, on_key, r);
	if (bad_line != 0 && r->faults == 0)
		conf_fault(r, r->line, "line", "want key = value, have none");
	if (ferror(r->file))
		conf_fault(r, r->line, "file", "want its end, have an error");
	conf_section_end(r);
	if (r->begun[CONF_AGENT] == 0)
		conf_fault(r, 1, "theatre", "want [agent] with it, have none");
	conf_section_add_rules(r);
	conf_check(r);
}

struct conf *
conf_read(const char *path, FILE *out)
{
	struct conf_reader *r = mem_new(struct conf_reader);
	r->path = path;
	r->out = out;
	r->c = mem_new(struct conf);
	r->file = fopen(path, "re");
	if (r->file == NULL)
		conf_fault(r, 1, "file", "want to open it, have %s",
		    strerror(errno));
	else {
		read_file(r);
		(void)fclose(r->file); /* only read */
	}
	struct conf *c = r->c;
	if (r->faults > 0)
		conf_free(&c);
	mem_free(r);
	return c;
}

struct conf *
conf_default(FILE *out)
{
	struct conf_reader *r = mem_new(struct conf_reader);
	r->path = "built in";
	r->out = out;
	r->c = mem_new(struct conf);
	conf_section_defaults(r);
	conf_section_add_rules(r);
	struct conf *c = r->c;
	if (r->faults > 0)
		conf_free(&c);
	mem_free(r);
	return c;
}

void
conf_free(struct conf **pp)
{
	struct conf *c = *pp;
	*pp = NULL;
	if (c == NULL)
		return;
	for (unsigned i = 0; i < c->n_relevance; i++) {
		pattern_free(&c->relevance[i].match);
		pattern_free(&c->relevance[i].exclude);
		pattern_free(&c->relevance[i].procedure);
	}
	for (unsigned i = 0; i < c->n_schedules; i++)
		mem_free(c->schedules[i].path);
	zone_free(&c->zone);
	mem_free(c);
}
