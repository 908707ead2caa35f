/* SPDX-License-Identifier: MIT */
/* The sections of the configuration file: where one begins, its keys take
 * their defaults; where it ends, what had to be given must be there. */
#include <string.h>

#include "base/str.h"
#include "main/conf_priv.h"

void
conf_section_set(struct conf_reader *r, const struct conf_key *k,
    const char *value)
{
	char shown[160];
	struct err e = { .msg = "" };
	int rc = k->parse(k, value, r->place + k->offset, &e);
	if (rc == 0)
		return;
	(void)conf_shown(shown, sizeof(shown), value);
	if (k->parse == conf_parse_absent)
		conf_fault(r, r->line, k->key,
		    "want it left out, not in this version, have '%s'", shown);
	else if (rc == 1)
		conf_warn(r, r->line, k->key, "not in this version, ignored");
	else if (e.msg[0] == '\0')
		conf_fault(r, r->line, k->key, "want %s, have '%s'", k->want,
		    shown);
	else
		conf_fault(r, r->line, k->key, "want %s, have '%s': %s",
		    k->want, shown, e.msg);
}

static void
set_defaults(struct conf_reader *r)
{
	for (size_t i = 0; i < CONF_KEY_COUNT; i++) {
		const struct conf_key *k = &conf_keys[i];
		if (r->section != &conf_sections[k->section])
			continue;
		r->seen[i] = 0;
		if (k->fallback != NULL && k->size > 0)
			conf_section_set(r, k, k->fallback);
	}
}

/* A rule borrows its patterns; what the file leaves out is built in. */
static void
finish_rule(struct conf_reader *r, struct conf_relevance *v)
{
	struct err e;
	if (v->match == NULL)
		v->match = pattern_new(relevance_default_match, &e);
	if (v->exclude == NULL)
		v->exclude = pattern_new(relevance_default_exclude, &e);
	if (v->match == NULL || v->exclude == NULL)
		conf_fault(r, r->section_line, "match", "%s", e.msg);
	v->rule.match = v->match;
	v->rule.exclude = v->exclude;
	v->rule.procedure = v->procedure;
}

void
conf_section_end(struct conf_reader *r)
{
	const struct conf_section *s = r->section;
	if (s == NULL)
		return;
	for (size_t i = 0; i < CONF_KEY_COUNT; i++) {
		const struct conf_key *k = &conf_keys[i];
		if (s == &conf_sections[k->section] && k->fallback == NULL &&
		    r->seen[i] == 0)
			conf_fault(r, r->section_line, k->key,
			    "want %s, have nothing", k->want);
	}
	if (s == &conf_sections[CONF_RELEVANCE]) {
		void *rule = r->place;
		finish_rule(r, rule);
	}
	if (s == &conf_sections[CONF_VIEWER])
		r->viewer_line[r->c->n_viewers - 1] =
		    conf_line_here(r, "port");
	if (s == &conf_sections[CONF_ARCHIVE])
		r->archive_line[r->c->n_archives - 1] = r->section_line;
	r->section = NULL;
}

static bool
name_is_taken(const struct conf_reader *r, const struct conf_section *s,
    const char *name)
{
	const char *base = (const char *)r->c;
	const unsigned *n = (const void *)(base + s->counter);
	for (unsigned i = 0; i < *n; i++)
		if (str_eq(base + s->array + i * s->stride + s->name_at, name))
			return true;
	return false;
}

/* Begin [${s} "${name}"]; without a place its keys are skipped. */
static void
begin_named(struct conf_reader *r, const struct conf_section *s,
    const char *name)
{
	char *base = (void *)r->c;
	unsigned *n = (void *)(base + s->counter);
	if (name_is_taken(r, s, name)) {
		conf_fault(r, r->line, s->name,
		    "want each name once, have \"%s\" again", name);
		return;
	}
	if (*n == s->max) {
		conf_fault(r, r->line, s->name,
		    "want at most %u such sections, have more", s->max);
		return;
	}
	r->place = base + s->array + *n * s->stride;
	(void)str_copy(r->place + s->name_at, CONF_NAME_SIZE, name); /* fits */
	(*n)++;
	r->section = s;
	set_defaults(r);
}

static void
begin_single(struct conf_reader *r, const struct conf_section *s)
{
	unsigned *begun = &r->begun[s - conf_sections];
	if (*begun != 0) {
		conf_fault(r, r->line, s->name,
		    "want this section once, have it on line %u too", *begun);
		return;
	}
	*begun = r->line;
	r->place = (void *)r->c;
	r->section = s;
}

static bool
name_is_good(const char *name)
{
	size_t n = strlen(name);
	if (n == 0 || n >= CONF_NAME_SIZE)
		return false;
	for (size_t i = 0; i < n; i++)
		if (name[i] < ' ' || name[i] > '~' || name[i] == '"')
			return false;
	return true;
}

/* Split "[word "name"]" in place; ${ret_name} is NULL when there is none.
 * False when it does not look like that. */
static bool
split_section(char *text, char **ret_word, char **ret_name)
{
	size_t n = strlen(text);
	if (n < 3 || text[n - 1] != ']')
		return false;
	text[n - 1] = '\0';
	char *word = str_trim(text + 1);
	n = strcspn(word, " \t\"");
	*ret_name = NULL;
	if (word[n] != '\0') {
		char *name = word + n + strspn(word + n, " \t");
		size_t len = strlen(name);
		if (len < 2 || name[0] != '"' || name[len - 1] != '"')
			return false;
		name[len - 1] = '\0';
		*ret_name = name + 1;
	}
	word[n] = '\0';
	*ret_word = word;
	return true;
}

static const struct conf_section *
find_section(const char *name)
{
	for (size_t i = 0; i < CONF_SECTION_COUNT; i++)
		if (str_eq(conf_sections[i].name, name))
			return &conf_sections[i];
	return NULL;
}

void
conf_section_begin(struct conf_reader *r, char *text)
{
	char shown[160], *word, *name;
	(void)conf_shown(shown, sizeof(shown), text);
	conf_section_end(r);
	r->section_line = r->line;
	if (!split_section(text, &word, &name)) {
		conf_fault(r, r->line, "section",
		    "want [word] or [word \"name\"], have '%s'", shown);
		return;
	}
	const struct conf_section *s = find_section(word);
	if (s == NULL)
		conf_fault(r, r->line, "section",
		    "want a section that is known, have '%s'", shown);
	else if (s->kind == CONF_ABSENT)
		conf_fault(r, r->line, s->name,
		    "want it left out, not in this version, have '%s'", shown);
	else if (s->kind == CONF_SINGLE && name == NULL)
		begin_single(r, s);
	else if (s->kind == CONF_NAMED && name != NULL && name_is_good(name))
		begin_named(r, s, name);
	else
		conf_fault(r, r->line, s->name, "want %s, have '%s'",
		    s->kind == CONF_SINGLE
		        ? "no name"
		        : "a name in quotes, 1 to 32 ASCII characters",
		    shown);
}

/* Who was born with a heart disease is operated on again after decades. */
static void
set_congenital(struct conf_reader *r, struct conf_relevance *v)
{
	struct err e;
	v->procedure = pattern_new(relevance_congenital_procedure, &e);
	if (v->procedure == NULL)
		conf_fault(r, 1, "procedure", "%s", e.msg);
	v->rule.newest = RELEVANCE_CONGENITAL_NEWEST;
	v->rule.within_months = 0; /* however old: the newest ones do */
}

void
conf_section_add_rules(struct conf_reader *r)
{
	if (r->c->n_relevance > 0 || r->faults > 0)
		return;
	r->section_line = 1;
	begin_named(r, &conf_sections[CONF_RELEVANCE], "cardiac-mr");
	conf_section_end(r);
	begin_named(r, &conf_sections[CONF_RELEVANCE], "congenital");
	void *rule = r->place;
	set_congenital(r, rule);
	conf_section_end(r);
}

void
conf_section_defaults(struct conf_reader *r)
{
	r->place = (void *)r->c;
	for (size_t i = 0; i < CONF_SECTION_COUNT; i++)
		if (conf_sections[i].kind == CONF_SINGLE) {
			r->section = &conf_sections[i];
			set_defaults(r);
		}
	r->section = NULL;
}
