/* SPDX-License-Identifier: MIT */
/* A case's question to the archives: what does its patient have, is it the
 * same person, and which of it does the case need? */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/patient.h"
#include "prefetch/prefetch_priv.h"

/* Archives that limit their answers cut them at a multiple of this, in
 * silence. */
#define CUT_AT 50
#define RANGES_MAX 48 /* questions by date, when an answer looks cut */
#define FIRST_DAY (-70 * INT64_C(366)) /* 1899, in days since 1970 */
#define LAST_DAY (90 * INT64_C(366)) /* 2060 */
#define DAY_S 86400
#define ROUNDS_MAX 2 /* relevance: by the study's text, then by series */

struct candidate {
	struct found f;
	enum agreement agreement;
	char agreed[160]; /* why, in words */
	char codes[256];
	struct relevance_series *series; /* owned, strings too */
	unsigned n_series;
	bool series_known;
	bool undecided; /* its series are wanted before it can be judged */
};

struct asking {
	struct ask *ask;
	unsigned archive;
	struct candidate *all; /* owned */
	unsigned n, cap;
	unsigned answers; /* to the last question for studies */
	bool cut; /* it was told that there are more */
	struct candidate *now; /* whose series are asked for */
};

static void
candidate_done(struct candidate *c)
{
	union { /* the strings are ours, the struct borrows them as const */
		const char *in;
		char *out;
	} u;
	for (unsigned i = 0; i < c->n_series; i++) {
		const char *s[] = {c->series[i].modality,
		    c->series[i].description, c->series[i].protocol,
		    c->series[i].body_part};
		for (size_t k = 0; k < sizeof(s) / sizeof(s[0]); k++) {
			u.in = s[k];
			mem_free(u.out);
		}
	}
	mem_free(c->series);
}

static struct candidate *
candidate_add(struct asking *q)
{
	if (q->n == q->cap) {
		q->cap = q->cap == 0 ? 16 : 2 * q->cap;
		q->all = mem_grow(q->all, q->cap, sizeof(q->all[0]));
	}
	struct candidate *c = &q->all[q->n++];
	*c = (struct candidate){.f.archive = q->archive,
	    .f.archives = UINT32_C(1) << q->archive};
	return c;
}

static void
copy_value(char *dst, size_t size, const struct attrs *as, uint32_t tag)
{
	(void)str_copy(dst, size, attrs_value(as, tag)); /* a cut is fine */
}

static void
patient_of(const struct attrs *as, struct patient *ret)
{
	copy_value(ret->id, sizeof(ret->id), as, TAG_PATIENT_ID);
	copy_value(ret->issuer, sizeof(ret->issuer), as, TAG_ISSUER);
	copy_value(ret->name, sizeof(ret->name), as, TAG_PATIENT_NAME);
	copy_value(ret->birth_date, sizeof(ret->birth_date), as,
	    TAG_BIRTH_DATE);
	copy_value(ret->sex, sizeof(ret->sex), as, TAG_SEX);
}

static struct candidate *
candidate_find(struct asking *q, const char *uid)
{
	for (unsigned i = 0; i < q->n; i++)
		if (str_eq(q->all[i].f.uid, uid))
			return &q->all[i];
	return NULL;
}

static unsigned
count_of(const struct attrs *as)
{
	int64_t n = 0;
	return str_to_i64(attrs_value(as, TAG_STUDY_INSTANCES), 0,
	    ARCHIVE_INSTANCES_MAX, &n) ? (unsigned)n : 0;
}

/* Another archive has the study too. Where it says that the patient is
 * another, nothing is taken from it. */
static void
also_lists(const struct asking *q, struct candidate *c,
    const struct patient *theirs, unsigned listed)
{
	char agreed[sizeof(c->agreed)];
	if (patient_agree(&q->ask->file.patient, theirs, agreed,
	    sizeof(agreed)) == AGREE_NO) {
		log_warn("prefetch.answer.another_patient",
		    "archive=%s action=not_asked_for_it",
		    q->ask->p->c.archives[q->archive].name);
		return;
	}
	c->f.archives |= UINT32_C(1) << q->archive;
	if (listed > c->f.listed)
		c->f.listed = listed;
}

/* One study of the archive's answer. */
static int
on_study(void *ctx, const struct attrs *as, struct err *e)
{ /* archive_answer_fn */
	struct asking *q = ctx;
	const char *uid = attrs_value(as, TAG_STUDY_UID);
	(void)e; /* a bad answer is skipped, the others count */
	q->answers++;
	if (!uid_is_valid(uid)) {
		log_warn("prefetch.answer.bad_uid",
		    "archive=%u action=skipped_the_study", q->archive);
		return 0;
	}
	struct patient theirs = {{0}, {0}, {0}, {0}, {0}};
	patient_of(as, &theirs);
	struct candidate *c = candidate_find(q, uid);
	if (c != NULL) { /* the first archive that has it tells of it */
		also_lists(q, c, &theirs, count_of(as));
		return 0;
	}
	c = candidate_add(q);
	copy_value(c->f.uid, sizeof(c->f.uid), as, TAG_STUDY_UID);
	copy_value(c->f.description, sizeof(c->f.description), as,
	    TAG_STUDY_DESCRIPTION);
	copy_value(c->f.date, sizeof(c->f.date), as, TAG_STUDY_DATE);
	copy_value(c->f.modalities, sizeof(c->f.modalities), as,
	    TAG_MODALITIES);
	copy_value(c->codes, sizeof(c->codes), as, TAG_PROCEDURE_CODES);
	(void)str_copy(c->f.patient_id, sizeof(c->f.patient_id), theirs.id);
	(void)str_copy(c->f.issuer, sizeof(c->f.issuer), theirs.issuer);
	c->f.listed = count_of(as);
	c->agreement = patient_agree(&q->ask->file.patient, &theirs,
	    c->agreed, sizeof(c->agreed));
	return 0;
}

static int
on_series(void *ctx, const struct attrs *as, struct err *e)
{ /* archive_answer_fn */
	struct candidate *c = ((struct asking *)ctx)->now;
	(void)e; /* nothing can fail */
	c->series = mem_grow(c->series, c->n_series + 1,
	    sizeof(c->series[0]));
	c->series[c->n_series++] = (struct relevance_series){
	    .modality = str_dup(attrs_value(as, TAG_MODALITY)),
	    .description = str_dup(attrs_value(as, TAG_SERIES_DESCRIPTION)),
	    .protocol = str_dup(attrs_value(as, TAG_PROTOCOL)),
	    .body_part = str_dup(attrs_value(as, TAG_BODY_PART)),
	};
	return 0;
}

static int
ask_series(struct asking *q, struct archive_link *a, struct candidate *c,
    struct err *e)
{
	struct attrs keys;
	attrs_init(&keys);
	attrs_put(&keys, TAG_LEVEL, "SERIES");
	attrs_put(&keys, TAG_STUDY_UID, c->f.uid);
	attrs_put(&keys, TAG_SERIES_UID, "");
	attrs_put(&keys, TAG_MODALITY, "");
	attrs_put(&keys, TAG_SERIES_DESCRIPTION, "");
	attrs_put(&keys, TAG_PROTOCOL, "");
	attrs_put(&keys, TAG_BODY_PART, "");
	q->now = c;
	int rc = archive_find(a, &keys, ARCHIVE_SERIES_MAX, on_series, q, e);
	attrs_done(&keys);
	c->series_known = rc == 0;
	if (rc != 0) { /* others may tell all of them */
		candidate_done(c);
		c->series = NULL;
		c->n_series = 0;
	}
	return rc;
}

static bool
looks_cut(const struct asking *q)
{
	return q->cut || (q->answers > 0 && q->answers % CUT_AT == 0);
}

static int
find_studies(struct asking *q, struct archive_link *a,
    const struct attrs *keys, struct err *e)
{
	q->answers = 0;
	int rc = archive_find(a, keys, ARCHIVE_STUDIES_MAX, on_study, q, e);
	q->cut = rc != 0 && e->sys == E2BIG && q->answers > 0;
	return q->cut ? 0 : rc;
}

/* One question for studies of days ${from} to ${to}. */
static int
ask_days(struct asking *q, struct archive_link *a, struct attrs *keys,
    int64_t from, int64_t to, struct err *e)
{
	struct civil f = civil_of_utc(from * DAY_S);
	struct civil t = civil_of_utc(to * DAY_S);
	attrs_putf(keys, TAG_STUDY_DATE, "%04d%02d%02d-%04d%02d%02d", f.year,
	    f.month, f.day, t.year, t.month, t.day);
	return find_studies(q, a, keys, e);
}

/* The answer was as long as a limit may be: the same question again, by halves
 * of time, and halves of those, until no answer looks cut. What came before
 * stays: a study without a date is in no range. */
static int
ask_by_date(struct asking *q, struct archive_link *a, struct attrs *keys,
    struct err *e)
{
	struct {
		int64_t from, to;
		bool told;
	} range[RANGES_MAX]; /* those whose answer looks cut */
	unsigned n = 0, asked = 0, before = q->n;
	bool cut = false;
	range[n].from = FIRST_DAY;
	range[n].told = q->cut;
	range[n++].to = LAST_DAY;
	while (n > 0) {
		int64_t from = range[--n].from, to = range[n].to;
		int64_t middle = from + (to - from) / 2;
		if (from == to || asked + n + 2 > RANGES_MAX) {
			if (range[n].told)
				return err_set(e, ERR_PEER, 0, "it has more "
				    "studies of the patient than it tells");
			cut = true; /* that day alone, or no end of it */
			continue;
		}
		int64_t halves[2][2] = {{middle + 1, to}, {from, middle}};
		for (int i = 0; i < 2; i++) {
			asked++;
			if (ask_days(q, a, keys, halves[i][0], halves[i][1],
			    e) != 0)
				return -1;
			if (looks_cut(q)) {
				range[n].from = halves[i][0];
				range[n].told = q->cut;
				range[n++].to = halves[i][1];
			}
		}
	}
	log_info("prefetch.answer.by_date", "archive=%s questions=%u more=%u "
	    "still_cut=%d", q->ask->p->c.archives[q->archive].name, asked,
	    q->n - before, cut);
	return 0;
}

static int
ask_studies(struct asking *q, struct archive_link *a, const char *issuer,
    struct err *e)
{
	static const uint32_t wanted[] = {TAG_PATIENT_NAME, TAG_BIRTH_DATE,
	    TAG_SEX, TAG_STUDY_UID, TAG_STUDY_DATE, TAG_STUDY_DESCRIPTION,
	    TAG_MODALITIES, TAG_STUDY_INSTANCES, TAG_PROCEDURE_CODES};
	struct attrs keys;
	attrs_init(&keys);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		attrs_put(&keys, wanted[i], "");
	attrs_put(&keys, TAG_LEVEL, "STUDY");
	attrs_put(&keys, TAG_PATIENT_ID, q->ask->file.patient.id);
	attrs_put(&keys, TAG_ISSUER, issuer);
	int rc = find_studies(q, a, &keys, e);
	if (rc == 0 && looks_cut(q))
		rc = ask_by_date(q, a, &keys, e);
	attrs_done(&keys);
	return rc;
}

static void
view_of(const struct candidate *c, struct relevance_study *ret)
{
	*ret = (struct relevance_study){
	    .uid = c->f.uid,
	    .date = c->f.date,
	    .modalities = c->f.modalities,
	    .description = c->f.description,
	    .codes = c->codes,
	    .series = c->series,
	    .n_series = c->n_series,
	    .series_known = c->series_known,
	};
}

/* Judge the studies that are this patient's; true when series are wanted. */
static bool
judge(struct asking *q)
{
	const struct prefetch_config *pc = &q->ask->p->c;
	struct relevance_study *views = mem_new_n(struct relevance_study,
	    q->n);
	struct relevance_verdict *verdicts = mem_new_n(
	    struct relevance_verdict, q->n);
	unsigned *which = mem_new_n(unsigned, q->n);
	unsigned n = 0;
	bool more = false;
	for (unsigned i = 0; i < q->n; i++) {
		if (q->all[i].agreement == AGREE_NO)
			continue;
		view_of(&q->all[i], &views[n]);
		which[n++] = i;
	}
	relevance_select(pc->rules, pc->n_rules, q->ask->file.procedure,
	    q->ask->file.procedure_code, views, n, q->ask->file.start_utc,
	    verdicts);
	for (unsigned i = 0; i < n; i++) {
		struct found *f = &q->all[which[i]].f;
		f->kind = verdicts[i].what == RELEVANT_YES ||
		    verdicts[i].what == RELEVANT_UNSURE ? WANT_YES : WANT_NO;
		(void)str_copy(f->reason, sizeof(f->reason),
		    verdicts[i].reason);
		q->all[which[i]].undecided =
		    verdicts[i].what == RELEVANT_ASK;
		more |= verdicts[i].what == RELEVANT_ASK;
	}
	mem_free(which);
	mem_free(verdicts);
	mem_free(views);
	return more;
}

/* The series of undecided studies that ${ar} lists and nobody has told; how
 * many are known now. */
static unsigned
ask_undecided_of(struct asking *q, unsigned ar)
{
	struct prefetch *p = q->ask->p;
	struct err *e = &q->ask->failed[ar];
	struct archive_link *a = NULL;
	unsigned n = 0;
	int rc = 0;
	for (unsigned i = 0; i < q->n && rc == 0; i++) {
		struct candidate *c = &q->all[i];
		if (!c->undecided || c->series_known ||
		    (c->f.archives >> ar & 1) == 0)
			continue;
		if (a == NULL)
			rc = archive_open(&a, &p->c.archives[ar],
			    p->c.ae_title, ARCHIVE_FIND, &q->ask->stop, e);
		if (rc == 0)
			rc = ask_series(q, a, c, e);
		n += rc == 0;
	}
	archive_close(&a, rc == 0);
	if (rc != 0)
		q->ask->answered[ar] = false;
	return n;
}

/* From who has them; false when nothing more is known. */
static bool
ask_undecided(struct asking *q)
{
	unsigned n = 0;
	for (unsigned ar = 0; ar < q->ask->p->c.n_archives; ar++)
		if (q->ask->answered[ar])
			n += ask_undecided_of(q, ar);
	return n > 0;
}

/* What still cannot be judged: it may be needed. */
static void
settle_undecided(struct candidate *c)
{
	if (!c->undecided || c->series_known)
		return;
	c->f.undecided = true;
	c->f.kind = WANT_YES;
	(void)str_copy(c->f.reason, sizeof(c->f.reason), "its series, which "
	    "would tell, could not be asked for: taken to be safe");
}

/* Identity before relevance: what is not certainly this patient is held. */
static void
settle_identity(const struct ask *k, struct candidate *c)
{
	char tail[BOARD_REASON_SIZE];
	(void)str_copy(tail, sizeof(tail), c->f.reason);
	if (c->agreement == AGREE_NO) {
		c->f.kind = WANT_HELD;
		(void)str_copy(tail, sizeof(tail), "");
	}
	c->f.id_only = c->agreement == AGREE_ID_ONLY;
	if (c->f.id_only && c->f.kind == WANT_YES &&
	    k->p->c.strict_identity)
		c->f.kind = WANT_HELD;
	(void)snprintf(c->f.reason, sizeof(c->f.reason), "%s%s%.220s",
	    c->agreed, tail[0] != '\0' ? "; " : "", tail);
}

static void
ask_archive(struct asking *q, unsigned i)
{
	struct ask *k = q->ask;
	struct err *e = &k->failed[i];
	struct archive_link *a = NULL;
	const char *issuer = k->file.patient.issuer;
	q->archive = i;
	if (archive_open(&a, &k->p->c.archives[i], k->p->c.ae_title,
	    ARCHIVE_FIND, &k->stop, e) != 0)
		return;
	unsigned before = q->n;
	int rc = ask_studies(q, a, issuer, e);
	/* archives that do not keep the issuer find nothing by it: ask again
	 * and let the comparison of the answers decide */
	if (rc == 0 && q->n == before && issuer[0] != '\0')
		rc = ask_studies(q, a, "", e);
	k->answered[i] = rc == 0;
	archive_close(&a, rc == 0);
}

void
ask_work(struct job *j) /* job_fn, worker */
{
	struct ask *k = (struct ask *)j;
	struct asking q = {.ask = k};
	k->ran = true;
	if (!patient_id_is_safe(k->file.patient.id)) {
		for (unsigned i = 0; i < k->p->c.n_archives; i++)
			(void)err_set(&k->failed[i], ERR_INVAL, 0,
			    "patient identifier: want 1 to 64 characters "
			    "without * ? or \\; never asked for");
		return;
	}
	for (unsigned i = 0; i < k->p->c.n_archives; i++) {
		if (k->skip[i])
			(void)err_set(&k->failed[i], ERR_NET, 0, "it is down");
		else if (!atomic_load(&j->cancelled))
			ask_archive(&q, i);
	}
	for (int round = 0; round < ROUNDS_MAX && judge(&q); round++)
		if (!ask_undecided(&q))
			break;
	k->found = mem_new_n(struct found, q.n);
	for (unsigned i = 0; i < q.n; i++) {
		settle_undecided(&q.all[i]);
		settle_identity(k, &q.all[i]);
		k->found[k->n_found++] = q.all[i].f;
		candidate_done(&q.all[i]);
	}
	mem_free(q.all);
}
