/* SPDX-License-Identifier: MIT */
/* A viewer's question to one archive: level by level from the study down, as
 * every archive answers (PS3.4 C.4.1.3.1.1), and then what it left out. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "prefetch/prefetch_priv.h"

#define PARENTS_MAX 20 /* studies that are gone into */
#define SLOW_NS (1000 * CLOCK_MS) /* to associate: longer is no answer */
#define RESERVE_NS (150 * CLOCK_MS) /* counting ends before time is over */

struct list {
	struct attrs *as; /* owned, and each of them */
	unsigned n, cap;
};

struct asking {
	struct inquiry *k;
	struct questions *t;
	struct question *q;
	struct archive_link *a;
	bool drop; /* more than is allowed: not the whole */
	/* the C-FIND under way */
	enum question_level level;
	const struct attrs *keys;
	const struct attrs *parent; /* what is known above; may be NULL */
	struct list *to; /* NULL: to the question */
	unsigned n;
};

static const char *const level_names[] = {"STUDY", "SERIES", "IMAGE"};
static const uint32_t level_uids[] = {TAG_STUDY_UID, TAG_SERIES_UID,
    TAG_SOP_INSTANCE};

static void
list_done(struct list *l)
{
	for (unsigned i = 0; i < l->n; i++)
		attrs_done(&l->as[i]);
	mem_free(l->as);
	*l = (struct list){.as = NULL};
}

static void
list_add(struct list *l, const struct attrs *take)
{
	if (l->n == l->cap) {
		l->cap = l->cap == 0 ? 16 : 2 * l->cap;
		l->as = mem_grow(l->as, l->cap, sizeof(l->as[0]));
	}
	l->as[l->n++] = *take;
}

/* Whether ${uid} is in a '\' list; an empty one names all. */
static bool
is_named(const char *list, const char *uid)
{
	size_t len = strlen(uid);
	bool none = true;
	while (list[0] != '\0') {
		size_t n = strcspn(list, "\\");
		none = none && n == 0;
		if (n == len && memcmp(list, uid, n) == 0)
			return true;
		list += n + (list[n] == '\\');
	}
	return none;
}

/* Not every archive matches by every key: these two must hold, for they say
 * whose study it is. */
static bool
is_meant(const struct asking *s, const struct attrs *as)
{
	const char *id = attrs_value(&s->q->keys, TAG_PATIENT_ID);
	const char *theirs = attrs_value(as, TAG_PATIENT_ID);
	if (s->level == LEVEL_STUDY && id[0] != '\0' && theirs[0] != '\0' &&
	    !str_eq(id, theirs))
		return false;
	return is_named(attrs_value(&s->q->keys, level_uids[s->level]),
	    attrs_value(as, level_uids[s->level]));
}

static void
remember(struct asking *s, const struct attrs *as)
{
	struct told t = {.archive = s->k->archive};
	(void)str_copy(t.uid, UID_SIZE, attrs_value(as, TAG_STUDY_UID));
	/* cuts are fine: they are shown, nothing is decided by them */
	(void)str_copy(t.patient_id, sizeof(t.patient_id),
	    attrs_value(as, TAG_PATIENT_ID));
	(void)str_copy(t.issuer, sizeof(t.issuer),
	    attrs_value(as, TAG_ISSUER));
	(void)str_copy(t.description, sizeof(t.description),
	    attrs_value(as, TAG_STUDY_DESCRIPTION));
	(void)str_copy(t.date, sizeof(t.date),
	    attrs_value(as, TAG_STUDY_DATE));
	(void)str_copy(t.modalities, sizeof(t.modalities),
	    attrs_value(as, TAG_MODALITIES));
	overview_tell(&s->k->p->overview, &t);
}

static int
on_answer(void *ctx, const struct attrs *as, struct err *e)
{ /* archive_answer_fn */
	struct asking *s = ctx;
	struct attrs own;
	attrs_init(&own);
	s->n++;
	for (unsigned i = 0; i < as->n; i++)
		if (attrs_get(s->keys, as->a[i].tag) != NULL &&
		    as->a[i].tag != TAG_LEVEL &&
		    attrs_set(&own, as->a[i].tag, as->a[i].vr,
		    as->a[i].value, NULL, 0, e) != 0)
			goto skip;
	if (s->parent != NULL)
		attrs_merge(&own, s->parent);
	if (s->parent != NULL) /* some give an empty one back */
		attrs_put(&own, TAG_STUDY_UID,
		    attrs_value(s->parent, TAG_STUDY_UID));
	if (!uid_is_valid(attrs_value(&own, level_uids[s->level])) ||
	    !uid_is_valid(attrs_value(&own, TAG_STUDY_UID)) ||
	    !is_meant(s, &own))
		goto skip;
	if (s->level == LEVEL_STUDY)
		remember(s, &own);
	if (s->to != NULL)
		list_add(s->to, &own);
	else if (!question_add(s->t, s->q, s->k->archive, &own, 1))
		return err_set(e, ERR_CANCELLED, 0, "nobody waits for it");
	return 0;
skip:
	attrs_done(&own);
	return 0; /* a bad answer is skipped, the others count */
}

/* What to ask for at ${level}: the keys of the question that belong there,
 * and what is needed besides. */
static void
put_keys(const struct asking *s, enum question_level level,
    const struct attrs *parent, struct attrs *ret)
{
	static const struct {
		uint32_t tag;
		enum question_level level;
	} needed[] = {
	    {TAG_STUDY_UID, LEVEL_STUDY}, {TAG_PATIENT_ID, LEVEL_STUDY},
	    {TAG_ISSUER, LEVEL_STUDY}, {TAG_STUDY_DATE, LEVEL_STUDY},
	    {TAG_STUDY_TIME, LEVEL_STUDY}, {TAG_MODALITIES, LEVEL_STUDY},
	    {TAG_STUDY_DESCRIPTION, LEVEL_STUDY},
	    {TAG_STUDY_SERIES, LEVEL_STUDY},
	    {TAG_STUDY_INSTANCES, LEVEL_STUDY},
	    {TAG_SERIES_UID, LEVEL_SERIES}, {TAG_MODALITY, LEVEL_SERIES},
	    {TAG_SERIES_INSTANCES, LEVEL_SERIES},
	    {TAG_SOP_INSTANCE, LEVEL_IMAGE}, {TAG_SOP_CLASS, LEVEL_IMAGE},
	};
	attrs_init(ret);
	attrs_put(ret, TAG_LEVEL, level_names[level]);
	for (unsigned i = 0; i < s->q->keys.n; i++) {
		const struct attr *a = &s->q->keys.a[i];
		enum question_level at = LEVEL_STUDY;
		bool key = false;
		if (question_tag(a->tag, &at, &key) && at == level)
			attrs_put(ret, a->tag, key ? a->value : "");
	}
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (needed[i].level == level &&
		    attrs_get(ret, needed[i].tag) == NULL)
			attrs_put(ret, needed[i].tag, "");
	for (int i = 0; i < (int)level && parent != NULL; i++)
		attrs_put(ret, level_uids[i],
		    attrs_value(parent, level_uids[i]));
}

static int
find(struct asking *s, const struct attrs *keys, enum question_level level,
    struct list *to, struct err *e)
{
	unsigned max = level == LEVEL_IMAGE ? QUESTION_IMAGES_MAX :
	    QUESTION_ANSWERS_MAX;
	s->level = level;
	s->keys = keys;
	s->to = to;
	s->n = 0;
	int rc = archive_find(s->a, keys, max, on_answer, s, e);
	if (rc != 0 && s->n >= max)
		s->drop = true; /* it was cancelled: the rest is missing */
	return rc;
}

/* One level below ${parent}, or the studies. */
static int
find_below(struct asking *s, enum question_level level,
    const struct attrs *parent, struct list *to, struct err *e)
{
	struct attrs keys;
	put_keys(s, level, parent, &keys);
	s->parent = parent;
	int rc = find(s, &keys, level, to, e);
	attrs_done(&keys);
	return rc;
}

/* Whether the entities of ${level} need not be asked for: the question names
 * them, and wants to know nothing of them. */
static bool
is_named_only(const struct question *q, enum question_level level)
{
	for (unsigned i = 0; i < q->keys.n; i++) {
		enum question_level at = LEVEL_STUDY;
		bool key = false;
		if (q->keys.a[i].tag != level_uids[level] &&
		    question_tag(q->keys.a[i].tag, &at, &key) && at == level)
			return false;
	}
	return attrs_value(&q->keys, level_uids[level])[0] != '\0';
}

/* The entities of ${level} that are to be gone into. */
static int
find_parents(struct asking *s, enum question_level level,
    const struct attrs *parent, struct list *to, struct err *e)
{
	if (!is_named_only(s->q, level))
		return find_below(s, level, parent, to, e);
	const char *list = attrs_value(&s->q->keys, level_uids[level]);
	while (list[0] != '\0') {
		char uid[UID_SIZE];
		struct attrs as;
		size_t n = strcspn(list, "\\");
		attrs_init(&as);
		(void)str_copy_n(uid, sizeof(uid), list, n); /* is checked */
		attrs_put(&as, level_uids[level], uid);
		if (parent != NULL)
			attrs_merge(&as, parent);
		if (n > 0)
			list_add(to, &as);
		else
			attrs_done(&as);
		list += n + (list[n] == '\\');
	}
	return 0;
}

static int
find_images(struct asking *s, const struct attrs *study, struct list *to,
    struct err *e)
{
	struct list series = {.as = NULL};
	int rc = find_parents(s, LEVEL_SERIES, study, &series, e);
	for (unsigned i = 0; i < series.n && rc == 0; i++)
		rc = find_below(s, LEVEL_IMAGE, &series.as[i], to, e);
	list_done(&series);
	return rc;
}

/* A series or an image is named without its study: only archives that take
 * relational queries (PS3.4 C.4.1.2.2.1) know. */
static int
find_relational(struct asking *s, struct list *to, struct err *e)
{
	struct attrs keys;
	attrs_init(&keys);
	attrs_merge(&keys, &s->q->keys);
	attrs_put(&keys, TAG_LEVEL, level_names[s->q->level]);
	attrs_put(&keys, TAG_STUDY_UID, "");
	if (attrs_get(&keys, level_uids[s->q->level]) == NULL)
		attrs_put(&keys, level_uids[s->q->level], "");
	s->parent = NULL;
	int rc = find(s, &keys, s->q->level, to, e);
	attrs_done(&keys);
	return rc;
}

static int
find_lower(struct asking *s, struct list *to, struct err *e)
{
	const struct attrs *k = &s->q->keys;
	if (attrs_value(k, TAG_STUDY_UID)[0] == '\0' &&
	    (attrs_value(k, TAG_SERIES_UID)[0] != '\0' ||
	    attrs_value(k, TAG_SOP_INSTANCE)[0] != '\0'))
		return find_relational(s, to, e);
	struct list studies = {.as = NULL};
	int rc = find_parents(s, LEVEL_STUDY, NULL, &studies, e);
	for (unsigned i = 0; i < studies.n && i < PARENTS_MAX && rc == 0; i++)
		rc = s->q->level == LEVEL_IMAGE ?
		    find_images(s, &studies.as[i], to, e) :
		    find_below(s, LEVEL_SERIES, &studies.as[i], to, e);
	list_done(&studies);
	return rc;
}

static int
on_count(void *ctx, const struct attrs *as, struct err *e)
{ /* archive_answer_fn */
	(void)as; /* it is one more */
	(void)e;
	++*(unsigned *)ctx;
	return 0;
}

/* How many instances a series has: as told, else counted. */
static int
count_series(struct asking *s, const struct attrs *series, unsigned *ret,
    struct err *e)
{
	int64_t told = 0;
	if (str_to_i64(attrs_value(series, TAG_SERIES_INSTANCES), 0,
	    ARCHIVE_INSTANCES_MAX, &told)) {
		*ret = (unsigned)told;
		return 0;
	}
	if (clock_uptime_ns() > s->q->until_ns - RESERVE_NS)
		return err_set(e, ERR_TIMEOUT, 0, "no time to count");
	struct attrs keys;
	attrs_init(&keys);
	attrs_put(&keys, TAG_LEVEL, "IMAGE");
	attrs_put(&keys, TAG_STUDY_UID, attrs_value(series, TAG_STUDY_UID));
	attrs_put(&keys, TAG_SERIES_UID, attrs_value(series, TAG_SERIES_UID));
	attrs_put(&keys, TAG_SOP_INSTANCE, "");
	*ret = 0;
	int rc = archive_find(s->a, &keys, ARCHIVE_INSTANCES_MAX, on_count,
	    ret, e);
	attrs_done(&keys);
	return rc;
}

static void
add_modality(struct buf *b, const char *modality)
{
	if (modality[0] == '\0' || strchr(modality, '\\') != NULL ||
	    (b->len > 0 && is_named(buf_str(b), modality)))
		return;
	if (b->len > 0)
		buf_add_u8(b, '\\');
	buf_add_str(b, modality);
}

static void
set_number(struct asking *s, unsigned i, uint32_t tag, unsigned n)
{
	char text[16];
	(void)snprintf(text, sizeof(text), "%u", n); /* at most 10 digits */
	question_set(s->t, s->q, s->k->archive, i, tag, text);
}

/* What the archive leaves out of answer ${i}, from the study's series. */
static int
complete_study(struct asking *s, unsigned i, struct err *e)
{
	const struct attrs *as = &s->q->from[s->k->archive].as[i];
	bool counted = attrs_value(as, TAG_STUDY_INSTANCES)[0] != '\0';
	struct list series = {.as = NULL};
	struct attrs study, keys;
	struct buf modalities;
	unsigned sum = 0;
	buf_init(&modalities, 1024);
	attrs_init(&study);
	attrs_put(&study, TAG_STUDY_UID, attrs_value(as, TAG_STUDY_UID));
	attrs_init(&keys);
	attrs_put(&keys, TAG_LEVEL, "SERIES");
	attrs_put(&keys, TAG_STUDY_UID, attrs_value(as, TAG_STUDY_UID));
	attrs_put(&keys, TAG_SERIES_UID, "");
	attrs_put(&keys, TAG_MODALITY, "");
	attrs_put(&keys, TAG_SERIES_INSTANCES, "");
	s->parent = &study;
	int rc = find(s, &keys, LEVEL_SERIES, &series, e);
	for (unsigned k = 0; k < series.n && rc == 0; k++)
		add_modality(&modalities, attrs_value(&series.as[k],
		    TAG_MODALITY));
	if (rc == 0 && attrs_value(as, TAG_MODALITIES)[0] == '\0')
		question_set(s->t, s->q, s->k->archive, i, TAG_MODALITIES,
		    buf_str(&modalities));
	for (unsigned k = 0; k < series.n && rc == 0 && !counted; k++) {
		unsigned n = 0;
		rc = count_series(s, &series.as[k], &n, e);
		sum += n;
	}
	if (rc == 0 && !counted)
		set_number(s, i, TAG_STUDY_INSTANCES, sum);
	if (rc == 0 && attrs_value(as, TAG_STUDY_SERIES)[0] == '\0')
		set_number(s, i, TAG_STUDY_SERIES, series.n);
	list_done(&series);
	attrs_done(&study);
	attrs_done(&keys);
	buf_done(&modalities);
	return rc;
}

static int
complete_studies(struct asking *s, struct err *e)
{
	const struct answers *a = &s->q->from[s->k->archive];
	unsigned gone_into = 0;
	int rc = 0;
	for (unsigned i = 0; i < a->n && gone_into < PARENTS_MAX && rc == 0;
	    i++) {
		struct overview_study o;
		if (question_is_over(s->t, s->q))
			return 0;
		if (attrs_value(&a->as[i], TAG_STUDY_INSTANCES)[0] != '\0' &&
		    attrs_value(&a->as[i], TAG_MODALITIES)[0] != '\0')
			continue;
		/* what is here is told from here */
		if (overview_find(&s->k->p->overview, attrs_value(&a->as[i],
		    TAG_STUDY_UID), &o) && o.state == STUDY_READY)
			continue;
		gone_into++;
		rc = complete_study(s, i, e);
	}
	return rc;
}

/* Studies are told as they come; of what is in a study all or nothing. */
static int
inquire(struct asking *s, struct err *e)
{
	struct list all = {.as = NULL};
	if (s->q->level == LEVEL_STUDY) {
		int rc = find_below(s, LEVEL_STUDY, NULL, NULL, e);
		return rc == 0 ? complete_studies(s, e) : rc;
	}
	int rc = find_lower(s, &all, e);
	for (unsigned i = 0; i < all.n && rc == 0 &&
	    s->q->level == LEVEL_SERIES; i++) {
		unsigned n = 0;
		struct err ignored; /* then it is told without */
		if (count_series(s, &all.as[i], &n, &ignored) != 0)
			break;
		attrs_putf(&all.as[i], TAG_SERIES_INSTANCES, "%u", n);
	}
	if (rc == 0) {
		if (!question_add(s->t, s->q, s->k->archive, all.as, all.n))
			rc = err_set(e, ERR_CANCELLED, 0,
			    "nobody waits for it, or it is too much");
		all.n = 0; /* question_add owns what they hold now */
	}
	list_done(&all);
	return rc;
}

void
inquire_work(struct job *j) /* job_fn, worker */
{
	struct inquiry *k = (struct inquiry *)j;
	struct asking s = {.k = k, .t = &k->p->questions, .q = k->q};
	int64_t from = clock_uptime_ns();
	int rc = -1;
	k->ran = true;
	if (!question_is_over(s.t, s.q) &&
	    archive_open(&s.a, &k->p->c.archives[k->archive],
	    k->p->c.ae_title, ARCHIVE_FIND, &s.q->stop[k->archive],
	    &k->e) == 0) {
		rc = inquire(&s, &k->e);
		k->reached = archive_reached(s.a);
	}
	if (!k->reached && k->e.code == ERR_CANCELLED &&
	    clock_uptime_ns() - from > SLOW_NS) {
		(void)err_set(&k->e, ERR_TIMEOUT, 0,
		    "no answer to our request"); /* returns -1 */
	}
	/* too many studies: those that came are shown, as archives do */
	bool lower = s.q->level != LEVEL_STUDY;
	question_end(s.t, &k->q, k->archive, rc == 0 || (s.drop && !lower),
	    s.drop && lower);
	archive_close(&s.a, rc == 0);
}
