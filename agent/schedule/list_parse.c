/* SPDX-License-Identifier: MIT */
/* A theatre list in CSV read into cases (RFC 4180, README of conf).
 *
 * A row is taken whole or not at all: one with too many or too few fields may
 * have an unquoted comma in a name, and every field after it would lie.
 * Faults name the place and the form of what stands there, digits as 9 and
 * letters as a, because it may be a patient's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "schedule/list_priv.h"
#include "wire/csv.h"

enum column {
	COL_CASE_ID,
	COL_START,
	COL_END,
	COL_ROOM,
	COL_PATIENT_ID,
	COL_ISSUER,
	COL_PATIENT_NAME,
	COL_BIRTH_DATE,
	COL_PROCEDURE_CODE,
	COL_PROCEDURE,
	COL_SURGEON,
	COL_STATUS,
	COL_COUNT
};

static const struct {
	const char *name;
	bool required;
} columns[COL_COUNT] = {
	[COL_CASE_ID] = { "case_id", true },
	[COL_START] = { "start", true },
	[COL_END] = { "end", false },
	[COL_ROOM] = { "room", true },
	[COL_PATIENT_ID] = { "patient_id", true },
	[COL_ISSUER] = { "issuer", false },
	[COL_PATIENT_NAME] = { "patient_name", false },
	[COL_BIRTH_DATE] = { "birth_date", false },
	[COL_PROCEDURE_CODE] = { "procedure_code", false },
	[COL_PROCEDURE] = { "procedure", false },
	[COL_SURGEON] = { "surgeon", false },
	[COL_STATUS] = { "status", false },
};

/* Columns that are copied as they are, and where to. An identifier is never
 * cut: half of it may be somebody else's. */
#define COPY(col, member, is_id) \
	{ col, offsetof(struct casefile, member), \
		sizeof(((struct casefile *)NULL)->member), is_id }
static const struct {
	enum column column;
	size_t offset, size;
	bool is_id;
} copies[] = {
	COPY(COL_CASE_ID, id, true),
	COPY(COL_ROOM, room, true),
	COPY(COL_PATIENT_ID, patient.id, true),
	COPY(COL_ISSUER, patient.issuer, true),
	COPY(COL_PATIENT_NAME, patient.name, false),
	COPY(COL_PROCEDURE_CODE, procedure_code, true),
	COPY(COL_PROCEDURE, procedure, false),
	COPY(COL_SURGEON, surgeon, false),
	COPY(COL_START, start_text, false),
};

/* bytes; an open quote further from the end is a mistake, not the row that
 * is being written */
#define TAIL_MAX 16384

struct row {
	struct casefile c;
	unsigned line, column; /* of its case_id */
	bool replaced; /* by a later row of the same case */
};

struct reader {
	struct csv csv;
	const struct zone *zone;
	int at[COL_COUNT]; /* field of a column, -1 = not there */
	unsigned n_fields; /* of the header */
	struct row *rows;
	unsigned n, cap;
	struct list_rows *ret;
};

static void
add_fault(struct list_rows *ret, unsigned line, unsigned column,
    const char *text)
{
	if (ret->n_faults < LIST_FAULTS_MAX) {
		struct list_fault *f = &ret->faults[ret->n_faults];
		f->line = line;
		f->column = column;
		(void)str_copy(f->text, sizeof(f->text), text); /* cut: fine */
	}
	ret->n_faults++;
}

/* What a value looks like, without saying what it is. */
static void
shape_of(char *dst, size_t size, const char *s)
{
	size_t n = 0;
	for (; *s != '\0' && n + 1 < size; s++) {
		unsigned char ch = (unsigned char)*s;
		if ((ch & 0xC0) == 0x80)
			continue; /* the rest of a UTF-8 character */
		if (ch >= '0' && ch <= '9')
			dst[n++] = '9';
		else if (ch >= 0x80 || (ch >= 'a' && ch <= 'z') ||
		    (ch >= 'A' && ch <= 'Z'))
			dst[n++] = 'a';
		else
			dst[n++] = ch < ' ' || ch == 0x7F ? '?' : (char)ch;
	}
	dst[n] = '\0';
}

/* The value of ${col} in the row read last; "" when there is none. */
static const char *
value_of(const struct reader *r, enum column col)
{
	return r->at[col] == -1 ? "" : r->csv.field[r->at[col]];
}

static bool
field_fault(struct reader *r, enum column col, const char *want)
{
	char shape[32], text[200];
	shape_of(shape, sizeof(shape), value_of(r, col));
	(void)snprintf(text, sizeof(text), "%s: want %s, have '%s'",
	    columns[col].name, want, shape); /* a cut text is still a text */
	unsigned place = r->at[col] == -1 ? 1 : r->csv.column[r->at[col]];
	add_fault(r->ret, r->csv.row_line, place, text);
	return false;
}

/* Line ends inside a quoted field are legal CSV; in our text they are blanks.
 * True when there was a control character. */
static bool
blank_controls(char *s)
{
	bool any = false;
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7F) {
			*s = ' ';
			any = true;
		}
	return any;
}

static bool
copy_fields(struct reader *r, struct casefile *c)
{
	for (size_t i = 0; i < sizeof(copies) / sizeof(copies[0]); i++) {
		enum column col = copies[i].column;
		const char *v = value_of(r, col);
		char *dst = (char *)c + copies[i].offset;
		if (columns[col].required && v[0] == '\0')
			return field_fault(r, col, "a value");
		if (!str_is_utf8(v, strlen(v)))
			return field_fault(r, col, "UTF-8");
		bool fits = str_copy(dst, copies[i].size, v);
		bool control = blank_controls(dst);
		if (copies[i].is_id && !fits)
			return field_fault(r, col, "at most 64 bytes");
		if (copies[i].is_id && control)
			return field_fault(r, col, "no control character");
	}
	return true;
}

/* "Family, Given" as DICOM has it (PS3.5 6.2.1). */
static void
name_to_dicom(char *name)
{
	char *comma = strchr(name, ',');
	if (comma == NULL || strchr(name, '^') != NULL)
		return;
	*comma = '\0';
	char *given = str_trim(comma + 1);
	(void)str_trim(name); /* in place */
	size_t n = strlen(name);
	name[n] = '^';
	memmove(name + n + 1, given, strlen(given) + 1);
}

static bool
read_times(struct reader *r, struct casefile *c)
{
	struct err e;
	bool day_only = false;
	if (zone_parse(r->zone, value_of(r, COL_START), &c->start_utc,
	        &day_only, &e) == -1)
		return field_fault(r, COL_START, "ISO 8601");
	c->end_utc = c->start_utc;
	if (value_of(r, COL_END)[0] != '\0' &&
	    zone_parse(r->zone, value_of(r, COL_END), &c->end_utc, NULL,
	        &e) == -1)
		return field_fault(r, COL_END, "ISO 8601");
	if (c->end_utc < c->start_utc)
		return field_fault(r, COL_END, "a time after start");
	if (c->end_utc == c->start_utc)
		c->end_utc += (day_only ? 24 : LIST_CASE_HOURS) * 3600;
	return true;
}

static bool
read_case(struct reader *r, struct casefile *c)
{
	if (!copy_fields(r, c) || !read_times(r, c))
		return false;
	name_to_dicom(c->patient.name);
	if (!case_parse_birth_date(c->patient.birth_date,
	        value_of(r, COL_BIRTH_DATE)))
		return field_fault(r, COL_BIRTH_DATE, "YYYY-MM-DD");
	if (!case_status_parse(value_of(r, COL_STATUS), &c->status))
		return field_fault(r, COL_STATUS,
		    "booked, started, completed, cancelled or noshow");
	return true;
}

/* Trim every field; true when all are empty. */
static bool
trim_fields(struct csv *csv)
{
	bool empty = true;
	for (unsigned i = 0; i < csv->n_fields; i++)
		if (str_trim(csv->field[i])[0] != '\0')
			empty = false;
	return empty;
}

/* Whose row was skipped. */
static void
note_bad(struct reader *r)
{
	struct list_rows *ret = r->ret;
	unsigned at = (unsigned)r->at[COL_CASE_ID];
	const char *id = at < r->csv.n_fields ? r->csv.field[at] : "";
	if (id[0] == '\0' || strlen(id) >= CASE_ID_SIZE) {
		ret->lost = true;
		return;
	}
	if ((ret->n_bad & (ret->n_bad - 1)) == 0) /* bounded as the rows are */
		ret->bad = mem_grow(ret->bad, 2 * ret->n_bad + 1,
		    sizeof(ret->bad[0]));
	(void)str_copy(ret->bad[ret->n_bad++], CASE_ID_SIZE, id); /* fits */
}

static void
add_row(struct reader *r)
{
	if (trim_fields(&r->csv))
		return; /* a spreadsheet's ",,,," */
	if (r->csv.n_fields != r->n_fields) {
		char text[80];
		(void)snprintf(text, sizeof(text),
		    "row: want %u fields, have %u", r->n_fields,
		    r->csv.n_fields); /* it fits */
		add_fault(r->ret, r->csv.row_line, 1, text);
		note_bad(r);
		return;
	}
	if (r->n == r->cap) {
		/* bounded by LIST_CASES_MAX, so it may abort when there is
		 * no memory */
		r->cap = r->cap == 0 ? 64 : r->cap * 2;
		r->rows = mem_grow(r->rows, r->cap, sizeof(*r->rows));
	}
	struct row *row = &r->rows[r->n];
	memset(row, 0, sizeof(*row));
	row->line = r->csv.row_line;
	row->column = r->csv.column[r->at[COL_CASE_ID]];
	if (read_case(r, &row->c))
		r->n++;
	else
		note_bad(r);
}

static int
read_header(struct reader *r, struct err *e)
{
	struct csv *csv = &r->csv;
	for (unsigned i = 0; i < COL_COUNT; i++)
		r->at[i] = -1;
	int rc = csv_next(csv, e);
	if (rc != 1)
		return rc == -1 ? err_prefix(e, "list header")
		                : err_set(e, ERR_PARSE, 0,
		                      "list: want a header, have nothing");
	(void)trim_fields(csv); /* empty ones are unknown columns */
	r->n_fields = csv->n_fields;
	for (unsigned i = 0; i < csv->n_fields; i++) {
		unsigned col = 0;
		if (!str_is_utf8(csv->field[i], strlen(csv->field[i])))
			return err_set(e, ERR_PARSE, 0,
			    "list header: want UTF-8, have something else");
		while (col < COL_COUNT &&
		    !str_eq_nocase(columns[col].name, csv->field[i]))
			col++;
		if (col == COL_COUNT)
			continue;
		if (r->at[col] != -1)
			return err_set(e, ERR_PARSE, 0,
			    "list header: want '%s' once, have it twice",
			    columns[col].name);
		r->at[col] = (int)i;
	}
	if (r->at[COL_CASE_ID] == -1 && csv->n_fields == 1 &&
	    strchr(csv->field[0], ';') != NULL)
		return err_set(e, ERR_PARSE, 0, "list header: want commas "
		    "between the columns, have semicolons");
	for (unsigned i = 0; i < COL_COUNT; i++)
		if (columns[i].required && r->at[i] == -1)
			return err_set(e, ERR_PARSE, 0,
			    "list header: want a column '%s', have none",
			    columns[i].name);
	return 0;
}

/* Whether a row that begins at ${p} ends inside a quoted field with the last
 * of the bytes: then it may still be being written. */
static bool
ends_in_quote(const char *p, size_t n)
{
	bool quoted = false, begin = true;
	if (n > TAIL_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (quoted) {
			if (p[i] != '"')
				continue;
			if (i + 1 < n && p[i + 1] == '"')
				i++;
			else
				quoted = false;
			begin = false;
		} else if (p[i] == '"' && begin)
			quoted = true;
		else if (p[i] == '\n' || p[i] == '\r')
			return false;
		else
			begin = p[i] == ',';
	}
	return quoted;
}

static void
read_rows(struct reader *r)
{
	struct csv *csv = &r->csv;
	struct err e;
	unsigned n_fields = r->n_fields;
	bool in_quote = false; /* at the end: a write in progress */
	for (;;) {
		size_t from = csv->at;
		unsigned line = csv->line;
		int rc = csv_next(csv, &e);
		if (rc == 0)
			break;
		if (r->n + r->ret->n_faults >= LIST_CASES_MAX) {
			add_fault(r->ret, line, 1,
			    "row: want at most 20000, have more");
			r->ret->lost = true;
			break;
		}
		if (rc == -1) {
			add_fault(r->ret, line, 1, e.msg);
			r->ret->lost = true;
			if (ends_in_quote(csv->p + from, csv->n - from))
				in_quote = true;
			continue;
		}
		n_fields = csv->n_fields;
		add_row(r);
	}
	char end = csv->n > 0 ? csv->p[csv->n - 1] : '\n';
	bool cut = end != '\n' && end != '\r' && n_fields < r->n_fields;
	r->ret->half = cut || in_quote;
}

static int
by_id(const void *a, const void *b)
{
	const struct row *const *x = a, *const *y = b;
	int order = strcmp((*x)->c.id, (*y)->c.id);
	if (order != 0)
		return order;
	return *x < *y ? -1 : *x > *y; /* rows of one array */
}

/* Of rows with one case_id the last counts. */
static void
drop_replaced(struct reader *r)
{
	struct row **order = mem_new_n(struct row *, r->n + 1);
	for (unsigned i = 0; i < r->n; i++)
		order[i] = &r->rows[i];
	qsort(order, r->n, sizeof(struct row *), by_id);
	for (unsigned i = 1; i < r->n; i++) {
		if (!str_eq(order[i - 1]->c.id, order[i]->c.id))
			continue;
		char text[80];
		(void)snprintf(text, sizeof(text),
		    "case_id: want it once, have it on line %u too, which "
		    "counts",
		    order[i]->line); /* it fits */
		order[i - 1]->replaced = true;
		add_fault(r->ret, order[i - 1]->line, order[i - 1]->column,
		    text);
	}
	mem_free(order);
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void
take_cases(struct reader *r)
{
	if (r->ret->n_bad > 0)
		qsort(r->ret->bad, r->ret->n_bad, CASE_ID_SIZE, by_text);
	drop_replaced(r);
	struct list_rows *ret = r->ret;
	ret->cases = mem_new_n(struct casefile, r->n + 1);
	for (unsigned i = 0; i < r->n; i++)
		if (!r->rows[i].replaced)
			ret->cases[ret->n++] = r->rows[i].c;
}

static bool
has_line_end(const char *p, size_t n)
{
	return n > 0 &&
	    (memchr(p, '\n', n) != NULL || memchr(p, '\r', n) != NULL);
}

int
list_parse(const char *p, size_t n, const struct zone *z,
    struct list_rows *ret, struct err *e)
{
	struct reader r = { .zone = z, .ret = ret };
	memset(ret, 0, sizeof(*ret));
	csv_open(&r.csv, p, n);
	int rc = read_header(&r, e);
	if (rc == 0) {
		read_rows(&r);
		take_cases(&r);
	} else
		ret->half = !has_line_end(p, n);
	mem_free(r.rows);
	csv_close(&r.csv);
	return rc;
}
