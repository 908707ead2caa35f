/* SPDX-License-Identifier: MIT */
/* What the archives have beyond what is here, merged by UID: what is here and
 * ready wins, of a study on its way the archive's counts do. */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "node/find_priv.h"

#define NAME_MIN 3 /* characters before the first wildcard: fewer would ask
                    * for half a hospital */

/* Of the patient and the study: archives need not tell them again below. */
static const uint32_t above[] = {TAG_PATIENT_NAME, TAG_PATIENT_ID, TAG_ISSUER,
    TAG_BIRTH_DATE, TAG_SEX, TAG_STUDY_DATE, TAG_STUDY_TIME, TAG_ACCESSION,
    TAG_STUDY_DESCRIPTION, TAG_STUDY_ID, TAG_REFERRING_PHYSICIAN,
    TAG_MODALITIES, TAG_CLASSES_IN_STUDY, TAG_STUDY_COMMENTS,
    TAG_INTERPRETATION_STATUS};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool
is_one(const char *s)
{
	return s[0] != '\0' && s[0] != ' ' && strpbrk(s, "*?\\") == NULL;
}

static bool
is_name(const char *s)
{
	unsigned n = 0;
	for (; *s != '\0' && strchr("*?\\", *s) == NULL; s++)
		n += ((unsigned char)*s & 0xC0) != 0x80 && *s != ' ' &&
		    *s != '^' && *s != '='; /* UTF-8: one a character */
	return n >= NAME_MIN;
}

static bool
on_ready(void *ctx, const struct index_row *row) /* index_row_fn */
{
	return uids_add(ctx, row->study_uid) || true; /* all of them */
}

/* Of the studies that are named: which are not here, or not whole? */
static int
find_missing(struct finding *f, struct index_reader *r)
{
	const struct index_select *q = &f->q->sel;
	struct index_select sel = {.level = INDEX_STUDY,
	    .study_uids = q->study_uids, .n_study_uids = q->n_study_uids};
	struct uids ready = {0};
	int rc = index_select(r, &sel, on_ready, &ready, f->e);
	for (unsigned i = 0; i < q->n_study_uids && rc == 0; i++)
		if (uid_is_valid(q->study_uids[i]) &&
		    uids_find(&ready, q->study_uids[i]) < 0)
			(void)uids_add(&f->missing, q->study_uids[i]);
	uids_done(&ready);
	return rc;
}

int
merge_decide(struct finding *f, struct index_reader *r)
{
	const struct attrs *keys = &f->q->keys;
	const struct index_select *sel = &f->q->sel;
	if (!session_reads_through(f->s) || sel->level == INDEX_PATIENT ||
	    query_names_nothing(sel))
		return 0;
	if (sel->n_study_uids > 0) {
		if (find_missing(f, r) != 0)
			return -1;
		f->ask = f->missing.n > 0;
	} else if (sel->level == INDEX_STUDY) {
		/* dates or modalities alone never ask the archives */
		f->ask = is_one(attrs_value(keys, TAG_PATIENT_ID)) ||
		    is_one(attrs_value(keys, TAG_ACCESSION)) ||
		    is_name(attrs_value(keys, TAG_PATIENT_NAME));
	}
	for (unsigned i = 0; i < sel->n_series_uids && f->ask; i++)
		(void)uids_add(&f->series, sel->series_uids[i]);
	for (unsigned i = 0; i < sel->n_instance_uids && f->ask; i++)
		(void)uids_add(&f->instances, sel->instance_uids[i]);
	return 0;
}

static uint32_t
level_tag(const struct finding *f)
{
	if (f->q->sel.level == INDEX_STUDY)
		return TAG_STUDY_UID;
	return f->q->sel.level == INDEX_SERIES ? TAG_SERIES_UID :
	    TAG_SOP_INSTANCE;
}

bool
merge_later(struct finding *f, struct attrs *take, bool alone)
{
	const char *uid = attrs_value(take, level_tag(f));
	if (f->n_later == FIND_LATER_MAX || !uids_add(&f->later_uids, uid))
		return false;
	if (f->later == NULL)
		f->later = mem_new_n(struct later, FIND_LATER_MAX);
	f->later[f->n_later++] = (struct later){.all = *take,
	    .alone = alone};
	attrs_init(take); /* f->later owns them now */
	return true;
}

/* Whether what the archive gives was asked for: UIDs are not matched by
 * match_all. */
static bool
was_asked(const struct finding *f, const struct attrs *as)
{
	const struct index_select *sel = &f->q->sel;
	const char *series = attrs_value(as, TAG_SERIES_UID);
	const char *instance = attrs_value(as, TAG_SOP_INSTANCE);
	if (!uid_is_valid(attrs_value(as, level_tag(f))))
		return false;
	if (sel->n_study_uids > 0 &&
	    uids_find(&f->missing, attrs_value(as, TAG_STUDY_UID)) < 0)
		return false;
	if (sel->level >= INDEX_SERIES && sel->n_series_uids > 0 &&
	    uids_find(&f->series, series) < 0)
		return false;
	return sel->level < INDEX_INSTANCE || sel->n_instance_uids == 0 ||
	    uids_find(&f->instances, instance) >= 0;
}

/* Of what is here in part the archive counts better. */
static void
join(struct attrs *all, const struct attrs *here)
{
	static const uint32_t counted[] = {TAG_STUDY_SERIES,
	    TAG_STUDY_INSTANCES, TAG_SERIES_INSTANCES, TAG_MODALITIES,
	    TAG_CLASSES_IN_STUDY, TAG_MODALITY};
	struct attrs both;
	attrs_init(&both);
	attrs_merge(&both, here);
	for (size_t i = 0; i < COUNT(counted); i++) {
		const char *theirs = attrs_value(all, counted[i]);
		if (theirs[0] != '\0')
			attrs_put(&both, counted[i], theirs);
	}
	attrs_merge(&both, all);
	attrs_done(all);
	*all = both;
}

/* In the form of our own rows. */
static void
complete(const struct finding *f, struct attrs *all)
{
	enum index_level level = f->q->sel.level;
	/* some leave the UIDs above out, as they were told them */
	if (level != INDEX_STUDY && f->missing.n == 1 &&
	    attrs_value(all, TAG_STUDY_UID)[0] == '\0')
		attrs_put(all, TAG_STUDY_UID, f->missing.uids[0]);
	if (level == INDEX_INSTANCE && f->series.n == 1 &&
	    attrs_value(all, TAG_SERIES_UID)[0] == '\0')
		attrs_put(all, TAG_SERIES_UID, f->series.uids[0]);
	if (level == INDEX_STUDY && attrs_value(all, TAG_MODALITY)[0] == '\0')
		attrs_put(all, TAG_MODALITY,
		    attrs_value(all, TAG_MODALITIES));
	attrs_put(all, TAG_AVAILABILITY, "NEARLINE");
}

static void
on_answer(void *ctx, const struct attrs *answer) /* node_answer_fn */
{
	struct finding *f = ctx;
	struct attrs all;
	if (!answer_goes_on(f, false))
		return; /* the others come all the same */
	attrs_init(&all);
	attrs_merge(&all, answer);
	complete(f, &all);
	if (!was_asked(f, &all))
		goto out;
	const char *uid = attrs_value(&all, level_tag(f));
	int64_t at = uids_find(&f->later_uids, uid);
	if (!uids_add(&f->told, uid))
		goto out;
	if (at >= 0) {
		f->later[at].told = true;
		join(&all, &f->later[at].all);
		attrs_put(&all, TAG_AVAILABILITY, "NEARLINE");
	}
	if (match_all(&f->below, &all))
		f->rc = answer_send(f, &all);
out:
	attrs_done(&all);
}

/* The studies that are missing, '\' between. */
static void
put_missing(const struct finding *f, struct attrs *keys)
{
	struct buf list;
	buf_init(&list, ATTR_VALUE_MAX);
	for (unsigned i = 0; i < f->missing.n; i++)
		buf_addf(&list, "%s%s", i == 0 ? "" : "\\",
		    f->missing.uids[i]);
	attrs_put(keys, TAG_STUDY_UID, buf_str(&list));
	buf_done(&list);
}

static void
questions(struct finding *f, struct attrs *keys)
{
	static const char *const levels[] = {"PATIENT", "STUDY", "SERIES",
	    "IMAGE"};
	attrs_merge(keys, &f->q->keys);
	attrs_put(keys, TAG_LEVEL, levels[f->q->sel.level]);
	if (f->missing.n > 0)
		put_missing(f, keys);
	if (attrs_get(keys, level_tag(f)) == NULL)
		attrs_put(keys, level_tag(f), "");
	attrs_merge(&f->below, &f->q->keys);
	if (f->q->sel.level == INDEX_STUDY)
		return;
	for (size_t i = 0; i < COUNT(above); i++)
		if (attrs_get(&f->below, above[i]) != NULL)
			attrs_put(&f->below, above[i], "");
}

void
merge_elsewhere(struct finding *f)
{
	const struct node_ports *p = &f->s->node->ports;
	struct attrs keys;
	attrs_init(&keys);
	questions(f, &keys);
	p->elsewhere(p->ctx, &keys, on_answer, f);
	attrs_done(&keys);
	bool on = answer_goes_on(f, true);
	for (unsigned i = 0; i < f->n_later && on; i++) {
		const struct later *l = &f->later[i];
		if (l->told || !l->alone || !match_all(&f->q->keys, &l->all))
			continue;
		f->rc = answer_send(f, &l->all);
		on = answer_goes_on(f, false);
	}
}

void
merge_done(struct finding *f)
{
	for (unsigned i = 0; i < f->n_later; i++)
		attrs_done(&f->later[i].all);
	mem_free(f->later);
	uids_done(&f->later_uids);
	uids_done(&f->told);
	uids_done(&f->missing);
	uids_done(&f->series);
	uids_done(&f->instances);
	attrs_done(&f->below);
}
