/* SPDX-License-Identifier: MIT */
/* A rule set scored on labelled studies. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "main/truth.h"
#include "wire/csv.h"

#define FILE_MAX ((size_t)64 << 20) /* bytes */
#define SERIES_MAX 64 /* of one row; the rest is not looked at */

enum column {
	COL_DESCRIPTION,
	COL_LABEL,
	COL_SERIES,
	COL_PROTOCOL,
	COL_BODY_PART,
	COL_CODE,
	COL_LANGUAGE,
	COL_MODALITY,
	COL_COUNT,
};

static const char *const names[] = {
    [COL_DESCRIPTION] = "study_description",
    [COL_LABEL] = "cardiac_mr",
    [COL_SERIES] = "series_descriptions",
    [COL_PROTOCOL] = "protocol",
    [COL_BODY_PART] = "body_part",
    [COL_CODE] = "procedure_code",
    [COL_LANGUAGE] = "language",
    [COL_MODALITY] = "modality",
};

struct reading {
	struct truth *t;
	const struct relevance_rule *rules;
	unsigned n_rules;
	struct csv csv;
	int at[COL_COUNT]; /* position of each column, -1 = not there */
};

static int
read_file(struct buf *b, const char *path, struct err *e)
{
	char chunk[8192];
	FILE *f = fopen(path, "rb");
	if (f == NULL)
		return err_set(e, ERR_IO, errno, "read '%.100s'", path);
	size_t n = fread(chunk, 1, sizeof(chunk), f);
	for (; n > 0 && !b->failed; n = fread(chunk, 1, sizeof(chunk), f))
		buf_add(b, chunk, n);
	bool bad = ferror(f) != 0;
	(void)fclose(f); /* only read */
	if (bad)
		return err_set(e, ERR_IO, 0, "read '%.100s'", path);
	return b->failed ? err_set(e, ERR_INVAL, 0,
	    "read '%.100s': want at most 64 MiB", path) : 0;
}

static int
read_header(struct reading *r, struct err *e)
{
	int rc = csv_next(&r->csv, e);
	if (rc < 0)
		return -1;
	for (unsigned c = 0; c < COL_COUNT; c++) {
		r->at[c] = -1;
		for (unsigned i = 0; i < r->csv.n_fields && rc == 1; i++)
			if (str_eq(r->csv.field[i], names[c]))
				r->at[c] = (int)i;
	}
	for (unsigned c = 0; c <= COL_LABEL; c++)
		if (r->at[c] < 0)
			return err_set(e, ERR_PARSE, 0,
			    "header: want a column %s, have none", names[c]);
	return 0;
}

static char *
field(struct reading *r, enum column c)
{
	static char none[] = "";
	int at = r->at[c];
	return at < 0 || (unsigned)at >= r->csv.n_fields ? none :
	    r->csv.field[at];
}

static const char *
modality(struct reading *r)
{
	return r->at[COL_MODALITY] < 0 ? "MR" : field(r, COL_MODALITY);
}

/* Cut the semicolon list of the row into series. */
static unsigned
split_series(struct reading *r, struct relevance_series *series)
{
	unsigned n = 0;
	char *p = field(r, COL_SERIES);
	do {
		size_t len = strcspn(p, ";");
		char *next = p + len + (p[len] == ';');
		p[len] = '\0';
		series[n++] = (struct relevance_series){
		    .modality = modality(r), .description = str_trim(p),
		    .protocol = field(r, COL_PROTOCOL),
		    .body_part = field(r, COL_BODY_PART)};
		p = next;
	} while (*p != '\0' && n < SERIES_MAX);
	return n;
}

/* By one rule, as the agent does it: the study first, its series if that
 * does not tell. */
static struct relevance_verdict
judge_by(struct reading *r, const struct relevance_rule *rule)
{
	struct relevance_series series[SERIES_MAX];
	struct relevance_study study = {.uid = "1", .date = "",
	    .modalities = modality(r),
	    .description = field(r, COL_DESCRIPTION),
	    .codes = field(r, COL_CODE)};
	struct relevance_verdict v = relevance_judge(rule, &study);
	if (v.what != RELEVANT_ASK)
		return v;
	study.n_series = split_series(r, series);
	study.series = series;
	study.series_known = true;
	return relevance_judge(rule, &study);
}

/* The first rule that takes it, else what the first rule says. */
static struct relevance_verdict
judge(struct reading *r)
{
	struct relevance_verdict v = {.what = RELEVANT_NO};
	for (unsigned i = 0; i < r->n_rules && v.what != RELEVANT_YES; i++) {
		struct relevance_verdict one = judge_by(r, &r->rules[i]);
		if (i == 0 || one.what == RELEVANT_YES)
			v = one;
	}
	return v;
}

static struct truth_score *
score_of(struct truth *t, const char *language)
{
	char name[sizeof(t->language[0].language)];
	(void)str_copy(name, sizeof(name), language); /* a cut is a name */
	if (t->n_languages == TRUTH_LANGUAGES_MAX - 1)
		(void)str_copy(name, sizeof(name), "more");
	for (unsigned i = 0; i < t->n_languages; i++)
		if (str_eq(t->language[i].language, name))
			return &t->language[i];
	struct truth_score *s = &t->language[t->n_languages++];
	(void)str_copy(s->language, sizeof(s->language), name);
	return s;
}

static void
count(struct truth_score *s, bool want, bool taken)
{
	s->studies++;
	s->relevant += want;
	s->found += want && taken;
	s->missed += want && !taken;
	s->wrong += !want && taken;
}

static void
add_fault(struct reading *r, const struct relevance_verdict *v, bool missed,
    const char *text)
{
	struct truth *t = r->t;
	if (t->n_faults == t->cap_faults) {
		t->cap_faults = t->cap_faults == 0 ? 16 : 2 * t->cap_faults;
		t->faults = mem_grow(t->faults, t->cap_faults,
		    sizeof(t->faults[0]));
	}
	struct truth_fault *f = &t->faults[t->n_faults++];
	f->line = r->csv.row_line;
	f->missed = missed;
	(void)str_copy(f->text, sizeof(f->text), text); /* may be cut */
	(void)str_copy(f->reason, sizeof(f->reason), v->reason);
}

static int
read_row(struct reading *r, struct err *e)
{
	char text[sizeof(r->t->faults[0].text)];
	const char *label = field(r, COL_LABEL);
	bool want = str_eq(label, "yes");
	const char *called = field(r, COL_DESCRIPTION);
	if (str_eq(label, "uncertain")) {
		r->t->uncertain++;
		return 0;
	}
	if (!want && !str_eq(label, "no"))
		return err_set(e, ERR_PARSE, 0, "line %u: %s: want yes, no "
		    "or uncertain, have '%.20s'", r->csv.row_line,
		    names[COL_LABEL], label);
	/* judging cuts the list of series */
	(void)str_copy(text, sizeof(text), called[0] != '\0' ? called :
	    field(r, COL_SERIES)); /* may be cut */
	struct relevance_verdict v = judge(r);
	bool taken = v.what == RELEVANT_YES;
	count(score_of(r->t, field(r, COL_LANGUAGE)), want, taken);
	count(&r->t->total, want, taken);
	if (want != taken)
		add_fault(r, &v, want, text);
	return 0;
}

int
truth_read(struct truth *t, const char *path,
    const struct relevance_rule *rules, unsigned n, struct err *e)
{
	struct reading r = {.t = t, .rules = rules, .n_rules = n};
	struct buf b;
	*t = (struct truth){.n_faults = 0};
	buf_init(&b, FILE_MAX);
	int rc = read_file(&b, path, e);
	if (rc == 0) {
		csv_open(&r.csv, (const char *)b.p, b.len);
		rc = read_header(&r, e);
		int more = rc == 0 ? csv_next(&r.csv, e) : 0;
		for (; more == 1 && rc == 0; more = rc == 0 ?
		    csv_next(&r.csv, e) : 0)
			rc = read_row(&r, e);
		if (more < 0)
			rc = -1;
		csv_close(&r.csv);
	}
	buf_done(&b);
	if (rc == 0 && t->total.studies == 0)
		rc = err_set(e, ERR_PARSE, 0, "want a row labelled yes or "
		    "no, have none");
	return rc;
}

void
truth_done(struct truth *t)
{
	mem_free(t->faults);
	*t = (struct truth){.n_faults = 0};
}

double
truth_recall(const struct truth_score *s)
{
	return s->relevant == 0 ? -1 : 100.0 * s->found / s->relevant;
}

double
truth_precision(const struct truth_score *s)
{
	unsigned taken = s->found + s->wrong;
	return taken == 0 ? -1 : 100.0 * s->found / taken;
}
