/* SPDX-License-Identifier: MIT
 *
 * conf_priv: the tables of sections and keys, and the state of one reading.
 * Only for conf*.c and its test.
 */
#ifndef MAIN_CONF_PRIV_H
#define MAIN_CONF_PRIV_H

#include "main/conf.h"
#include "main/conf.tbl.h"

enum conf_section_id {
#define CONF_ENUM_X(kind, id, name, help) CONF_##id,
#define CONF_ENUM_N(id, name, type, array, counter, field, example, help) \
	CONF_##id,
	CONF_SECTIONS(CONF_ENUM_X, CONF_ENUM_N)
#undef CONF_ENUM_X
#undef CONF_ENUM_N
	    CONF_SECTION_COUNT
};

enum conf_section_kind { CONF_SINGLE, CONF_NAMED, CONF_ABSENT };

struct conf_section {
	enum conf_section_kind kind;
	const char *name;
	const char *help;
	/* of a named one: its array in struct conf */
	const char *example; /* name that the dump shows */
	size_t array, stride, counter, name_at;
	unsigned max;
};

struct conf_key;

/* Read ${value} into ${dst}: 0 done, 1 taken but without effect in this
 * version, -1 not what the row wants; ${e} may add a reason, else its message
 * is left empty. */
typedef int conf_parse_fn(const struct conf_key *k, const char *value,
    void *dst, struct err *e);

struct conf_key {
	enum conf_section_id section;
	const char *key;
	conf_parse_fn *parse;
	size_t offset, size; /* size 0: no place in struct conf */
	int64_t min, max;
	const char *fallback; /* the default; NULL: must be given */
	const char *example; /* "" = the default is a good one */
	const char *want;
	const char *help;
};

#define CONF_COUNT_K(...) +1
enum { CONF_KEY_COUNT = 0 CONF_KEYS(CONF_COUNT_K, CONF_COUNT_K) };
#undef CONF_COUNT_K

extern const struct conf_section conf_sections[CONF_SECTION_COUNT];
extern const struct conf_key conf_keys[CONF_KEY_COUNT];

conf_parse_fn conf_parse_text, conf_parse_path, conf_parse_heap_path,
    conf_parse_flag, conf_parse_number, conf_parse_count, conf_parse_size,
    conf_parse_duration, conf_parse_months, conf_parse_window,
    conf_parse_listen, conf_parse_host, conf_parse_port, conf_parse_ae_title,
    conf_parse_retrieve, conf_parse_regex, conf_parse_zone,
    conf_parse_rate, conf_parse_url, conf_parse_query, conf_parse_only_file,
    conf_parse_absent;

#define CONF_LINE_SIZE 2049

struct conf_reader {
	const char *path;
	FILE *file, *out;
	struct conf *c;
	unsigned line;
	unsigned faults;
	char text[CONF_LINE_SIZE]; /* the line being read */
	const char *value; /* in ${text}, when too long for inih */
	/* the section being read; NULL = none, or one that is skipped */
	const struct conf_section *section;
	char *place; /* struct that its keys go to */
	unsigned section_line;
	unsigned begun[CONF_SECTION_COUNT]; /* line of a single one; 0 = not */
	unsigned seen[CONF_KEY_COUNT]; /* line of the key; 0 = not given */
	unsigned viewer_line[CONF_SECTIONS_MAX]; /* of its port, else of it */
	unsigned archive_line[CONF_SECTIONS_MAX]; /* of it */
};

/* Tell a fault, counted, and a warning, not counted. */
void conf_fault(struct conf_reader *r, unsigned line, const char *key,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void conf_warn(struct conf_reader *r, unsigned line, const char *key,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* The line where a key of a single section stands, else of its section,
 * else 1. */
unsigned conf_line_of(const struct conf_reader *r, enum conf_section_id s,
    const char *key);

/* The same for a key of the section being read. */
unsigned conf_line_here(const struct conf_reader *r, const char *key);

/* ${s} for a message: controls and bytes beyond ASCII as \\xHH, backslashes
 * as they are: a pattern is full of them, and must be recognised. */
const char *conf_shown(char *dst, size_t size, const char *s);

/* The row of a key, or NULL. */
const struct conf_key *conf_table_key(const struct conf_section *s,
    const char *key);

/* Give every key of the single sections its default. */
void conf_section_defaults(struct conf_reader *r);
/* Enter the section that the line ${text} (spoiled) names, leaving the one
 * before; after a fault there is none, and its keys are skipped. */
void conf_section_begin(struct conf_reader *r, char *text);
void conf_section_end(struct conf_reader *r);
/* Read ${value} into the place of ${k} in the section; tell what is wrong
 * with it. */
void conf_section_set(struct conf_reader *r, const struct conf_key *k,
    const char *value);
/* When there is no [relevance], and no fault either, add the built-in ones. */
void conf_section_add_rules(struct conf_reader *r);

/* What no key alone can say; fills what depends on other keys. */
void conf_check(struct conf_reader *r);

#endif
