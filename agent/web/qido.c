/* SPDX-License-Identifier: MIT */
/* QIDO-RS: searches (PS3.18 10.6). */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "dicomweb_priv.h"
#include "wire/match.h"

#define UIDS_MAX 10000 /* of all lists of one search; 400 above */

static const char *const types[] = {"application/dicom+json",
	"application/json", NULL};

/* The UIDs that a search names, as the index takes them. */
struct uids {
	char *text; /* owned: the lists, NUL between */
	const char **list; /* owned */
	unsigned n;
};

static void
uids_done(struct uids *u)
{
	mem_free(u->text);
	mem_free(u->list);
}

/* Empty ones do not count: they must not end a list nor make it mean any. A
 * key with a wildcard is left to matching. */
static int
uids_read(struct uids *u, const char *value, struct err *e)
{
	*u = (struct uids){0};
	if (strpbrk(value, "*?") != NULL)
		return 0;
	u->text = str_dup(value);
	for (char *p = u->text; p != NULL;) {
		char *next = strchr(p, '\\');
		if (next != NULL)
			*next++ = '\0';
		if (u->n == UIDS_MAX)
			return err_set(e, ERR_PARSE, 0,
			    "query: want at most %d UIDs", UIDS_MAX);
		if (str_trim(p)[0] != '\0') {
			if ((u->n & (u->n - 1)) == 0)
				u->list = mem_grow(u->list, u->n == 0 ? 1 :
				    (size_t)u->n * 2, sizeof(*u->list));
			u->list[u->n++] = p;
		}
		p = next;
	}
	if (u->n == 0 && value[0] != '\0') { /* none in it: nothing matches */
		u->list = mem_grow(NULL, 1, sizeof(*u->list));
		u->list[u->n++] = "";
	}
	return 0;
}

/* a search under way */
struct search {
	struct dw_request *rq;
	struct qido q;
	struct uids study, series, instance;
	char from[9], to[9];
	struct index_select sel;
	struct body *b;
	struct buf line;
	uint64_t matched; /* rows that match, those before ${offset} too */
	uint64_t given;
	int rc;
	struct err *e;
};

/* Narrow by patient and date where the index can; matching proper is done
 * on every row all the same. */
static void
narrow(struct search *s)
{
	const char *id = attrs_value(&s->q.keys, TAG_PATIENT_ID);
	const char *date = attrs_value(&s->q.keys, TAG_STUDY_DATE);
	const char *dash = strchr(date, '-');
	if (id[0] != '\0' && id[0] != ' ' && strpbrk(id, "*?\\") == NULL)
		s->sel.patient_id = id;
	if (strspn(date, "0123456789-") != strlen(date))
		return;
	if (dash == NULL && strlen(date) == 8) {
		(void)str_copy(s->from, sizeof(s->from), date); /* fits */
		(void)str_copy(s->to, sizeof(s->to), date);
	} else if (dash != NULL) {
		if (dash - date == 8)
			(void)str_copy_n(s->from, sizeof(s->from), date, 8);
		if (strlen(dash + 1) == 8)
			(void)str_copy(s->to, sizeof(s->to), dash + 1);
	}
	s->sel.date_from = s->from;
	s->sel.date_to = s->to;
}

static int
prepare(struct search *s, struct err *e)
{
	struct attrs *k = &s->q.keys;
	if (qido_read(&s->q, &s->rq->ask, &s->rq->path, e) != 0 ||
	    uids_read(&s->study, attrs_value(k, TAG_STUDY_UID), e) != 0 ||
	    uids_read(&s->series, attrs_value(k, TAG_SERIES_UID), e) != 0 ||
	    uids_read(&s->instance, attrs_value(k, TAG_SOP_INSTANCE), e) != 0)
		return -1;
	s->sel = (struct index_select){.level = s->q.level,
	    .study_uids = s->study.list, .n_study_uids = s->study.n,
	    .series_uids = s->series.list, .n_series_uids = s->series.n,
	    .instance_uids = s->instance.list,
	    .n_instance_uids = s->instance.n};
	narrow(s);
	return 0;
}

static void
give_row(struct search *s, const struct attrs *all)
{
	s->matched++;
	if (s->matched <= s->q.offset || s->given == s->q.limit)
		return;
	buf_clear(&s->line);
	if (s->given++ > 0)
		buf_add_str(&s->line, ",\n");
	qido_write(&s->line, &s->q, all, s->rq->ask.host);
	body_text(s->b, s->line.p, s->line.len);
}

static bool
on_row(void *ctx, const struct index_row *row) /* index_row_fn */
{
	struct search *s = ctx;
	struct attrs all;
	s->rc = qido_attrs(s->rq->dw, s->q.level, row, &all, s->e);
	if (s->rc == 0 && match_all(&s->q.keys, &all))
		give_row(s, &all);
	attrs_done(&all);
	/* what lies behind the client's own limit is not counted */
	bool enough = s->q.limited && s->given == s->q.limit;
	return s->rc == 0 && !enough && !body_failed(s->b) &&
	    !atomic_load(&s->rq->job.cancelled);
}

/* One warning more, told as from ours. */
static void
warn(struct search *s, const char *text)
{
	struct dw_answer *a = &s->rq->answer;
	size_t n = strlen(a->warning);
	(void)snprintf(a->warning + n, sizeof(a->warning) - n,
	    "%s299 http://%.100s/dicom-web: \"%s\"", n > 0 ? ", " : "",
	    s->rq->ask.host, text); /* three fit */
}

/* PS3.18 8.3.4.2, 8.3.4.4; that of ignored keys is our own. */
static void
warn_all(struct search *s)
{
	char more[100];
	uint64_t seen = s->q.offset + s->given;
	uint64_t left = s->matched > seen ? s->matched - seen : 0;
	(void)snprintf(more, sizeof(more), "There are %llu additional "
	    "results that can be requested", (unsigned long long)left);
	if (left > 0 && !s->q.limited)
		warn(s, more);
	if (s->q.fuzzy)
		warn(s, "The fuzzymatching parameter is not supported. Only "
		    "literal matching has been performed.");
	if (s->q.ignored)
		warn(s, "Keys that are not known were ignored.");
}

static void
search(struct search *s, const char *type)
{
	struct err e;
	s->e = &e;
	if (prepare(s, &e) != 0) {
		dw_refuse(s->rq, 400, "%s", e.msg);
		return;
	}
	struct index_reader *r = dw_reader(s->rq);
	if (r == NULL)
		return;
	body_text(s->b, "[", 1);
	if (s->q.limit > 0 && (index_select(r, &s->sel, on_row, s,
	    &e) != 0 || s->rc != 0)) {
		log_error("web.qido.index", "error=%s", e.msg);
		dw_refuse(s->rq, 500, "the index cannot be read");
		return;
	}
	body_text(s->b, "]\n", 2);
	warn_all(s);
	dw_give(s->rq, 200, type, s->b);
	s->b = NULL; /* the answer owns it now */
}

void
qido_answer(struct dw_request *rq)
{
	const char *type = accept_first(&rq->accept, types);
	if (type == NULL) {
		dw_refuse(rq, 406, "Accept: want application/dicom+json");
		return;
	}
	struct search s = {.rq = rq, .b = body_new(rq->dw)};
	buf_init(&s.line, ATTR_VALUE_MAX * 8);
	attrs_init(&s.q.keys);
	search(&s, type);
	buf_done(&s.line);
	body_free(&s.b);
	uids_done(&s.study);
	uids_done(&s.series);
	uids_done(&s.instance);
	qido_done(&s.q);
}
