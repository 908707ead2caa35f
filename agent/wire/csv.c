/* SPDX-License-Identifier: MIT */
/* RFC 4180 rows, one at a time.
 *
 * A faulty row is given up at its first fault, and reading goes on at the
 * line behind the one where the row began: so an open quote, which would
 * swallow the rest of the file, costs one line.
 */
#include <string.h>

#include "base/mem.h"
#include "wire/csv.h"

#define STORE_MAX ((size_t)CSV_FIELDS_MAX * (CSV_FIELD_MAX + 1))
#define END (-1) /* what peek says at the end of the bytes */

/* Where a row is being read. */
struct reader {
	struct csv *c;
	size_t at;
	unsigned line;
	unsigned column; /* counted in characters, not in bytes */
	char *out; /* the next free byte of the store */
};

static int
peek(const struct reader *r)
{
	return r->at < r->c->n ? (unsigned char)r->c->p[r->at] : END;
}

static bool
is_line_end(int ch)
{
	return ch == '\n' || ch == '\r';
}

/* Go over one character; CRLF is one. */
static void
skip(struct reader *r)
{
	int ch = peek(r);
	r->at++;
	if (ch == '\r' && peek(r) == '\n')
		r->at++;
	if (is_line_end(ch)) {
		r->line++;
		r->column = 1;
	} else if ((ch & 0xC0) != 0x80) {
		r->column++;
	}
}

/* The row is faulty: set ${e}, go to the line behind its first one. */
static int
give_up(struct reader *r, const char *what, struct err *e)
{
	struct csv *c = r->c;
	(void)err_set(e, ERR_PARSE, 0, "line %u, column %u: %s", r->line,
	    r->column, what); /* returned below */
	struct reader again = {.c = c, .at = c->at, .line = c->row_line};
	while (peek(&again) != END && !is_line_end(peek(&again)))
		skip(&again);
	if (peek(&again) != END)
		skip(&again);
	c->at = again.at;
	c->line = again.line;
	c->n_fields = 0;
	return -1;
}

/* Take one character, a line end inside quotes as it came. */
static int
keep(struct reader *r, const char *field, struct err *e)
{
	size_t from = r->at;
	size_t kept = (size_t)(r->out - field);
	if (peek(r) == '\0')
		return give_up(r, "want text, have a NUL byte", e);
	struct reader next = *r;
	skip(&next);
	size_t n = next.at - from; /* 2 for CRLF, else 1 */
	if (kept + n > CSV_FIELD_MAX)
		return give_up(r, "want a field of at most 4096 bytes", e);
	memcpy(r->out, r->c->p + from, n);
	next.out += n;
	*r = next;
	return 0;
}

static int
read_quoted(struct reader *r, const char *field, struct err *e)
{
	skip(r);
	for (;;) {
		if (peek(r) == END)
			return give_up(r, "want a closing quote, have none",
			    e);
		if (peek(r) == '"') {
			skip(r);
			if (peek(r) != '"')
				break;
		}
		if (keep(r, field, e) == -1)
			return -1;
	}
	int ch = peek(r);
	if (ch != ',' && ch != END && !is_line_end(ch))
		return give_up(r, "want a comma after the closing quote", e);
	return 0;
}

static int
read_plain(struct reader *r, const char *field, struct err *e)
{
	for (;;) {
		int ch = peek(r);
		if (ch == ',' || ch == END || is_line_end(ch))
			return 0;
		if (ch == '"')
			return give_up(r, "want the whole field in quotes", e);
		if (keep(r, field, e) == -1)
			return -1;
	}
}

/* Read one row at ${c->at}, which is not the end. */
static int
read_row(struct csv *c, struct err *e)
{
	struct reader r = {
	    .c = c,
	    .at = c->at,
	    .line = c->line,
	    .column = 1,
	    .out = c->store,
	};
	c->row_line = c->line;
	c->n_fields = 0;
	for (;;) {
		char *field = r.out;
		if (c->n_fields == CSV_FIELDS_MAX)
			return give_up(&r, "want at most 64 fields", e);
		c->column[c->n_fields] = r.column;
		int rc = peek(&r) == '"' ? read_quoted(&r, field, e) :
					   read_plain(&r, field, e);
		if (rc == -1)
			return -1;
		*r.out++ = '\0';
		c->field[c->n_fields++] = field;
		if (peek(&r) != ',')
			break;
		skip(&r);
	}
	if (peek(&r) != END)
		skip(&r);
	c->at = r.at;
	c->line = r.line;
	return 0;
}

/* A row of commas alone is what spreadsheets leave behind. */
static bool
is_empty(const struct csv *c)
{
	for (unsigned i = 0; i < c->n_fields; i++)
		if (c->field[i][0] != '\0')
			return false;
	return true;
}

void
csv_open(struct csv *c, const char *p, size_t n)
{
	bool marked = n >= 3 && memcmp(p, "\xEF\xBB\xBF", 3) == 0;
	/* no row writes more than the bytes it has, and a NUL */
	size_t size = n < STORE_MAX ? n + 1 : STORE_MAX;
	*c = (struct csv){
	    .p = p,
	    .n = n,
	    .at = marked ? 3 : 0,
	    .line = 1,
	    .store = mem_new_n(char, size),
	};
}

void
csv_close(struct csv *c)
{
	mem_free(c->store);
	*c = (struct csv){.p = NULL};
}

int
csv_next(struct csv *c, struct err *e)
{
	while (c->at < c->n) {
		if (read_row(c, e) == -1)
			return -1;
		if (!is_empty(c))
			return 1;
	}
	c->n_fields = 0;
	return 0;
}
