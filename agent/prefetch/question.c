/* SPDX-License-Identifier: MIT */
/* Questions of viewers: made fit, shared, answered, kept for a minute. */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/patient.h"
#include "prefetch/question.h"

/* What this agent knows by name of each entity (PS3.4 C.6.2.1) and passes on;
 * with a value only where archives may match by it. What they do not match
 * by, the node does. */
static const struct {
	uint32_t tag;
	enum question_level level;
	bool key;
} tags[] = {
    {TAG_STUDY_DATE, LEVEL_STUDY, true},
    {TAG_STUDY_TIME, LEVEL_STUDY, true},
    {TAG_ACCESSION, LEVEL_STUDY, true},
    {TAG_MODALITIES, LEVEL_STUDY, true},
    {TAG_CLASSES_IN_STUDY, LEVEL_STUDY, false},
    {TAG_REFERRING_PHYSICIAN, LEVEL_STUDY, true},
    {TAG_STUDY_DESCRIPTION, LEVEL_STUDY, true},
    {TAG_READING_PHYSICIAN, LEVEL_STUDY, false},
    {TAG_PATIENT_NAME, LEVEL_STUDY, true},
    {TAG_PATIENT_ID, LEVEL_STUDY, true},
    {TAG_ISSUER, LEVEL_STUDY, true},
    {TAG_BIRTH_DATE, LEVEL_STUDY, true},
    {TAG_BIRTH_TIME, LEVEL_STUDY, false},
    {TAG_SEX, LEVEL_STUDY, true},
    {TAG_OTHER_IDS, LEVEL_STUDY, false},
    {TAG_AGE, LEVEL_STUDY, false},
    {TAG_WEIGHT, LEVEL_STUDY, false},
    {TAG_PATIENT_COMMENTS, LEVEL_STUDY, false},
    {TAG_STUDY_UID, LEVEL_STUDY, true},
    {TAG_STUDY_ID, LEVEL_STUDY, true},
    {TAG_STUDY_SERIES, LEVEL_STUDY, false},
    {TAG_STUDY_INSTANCES, LEVEL_STUDY, false},
    {TAG_STUDY_COMMENTS, LEVEL_STUDY, false},
    {TAG_INTERPRETATION_STATUS, LEVEL_STUDY, false},
    {TAG_MODALITY, LEVEL_SERIES, true},
    {TAG_SERIES_DATE, LEVEL_SERIES, false},
    {TAG_SERIES_TIME, LEVEL_SERIES, false},
    {TAG_MANUFACTURER, LEVEL_SERIES, false},
    {TAG_INSTITUTION, LEVEL_SERIES, false},
    {TAG_STATION_NAME, LEVEL_SERIES, false},
    {TAG_SERIES_DESCRIPTION, LEVEL_SERIES, true},
    {TAG_PERFORMING_PHYSICIAN, LEVEL_SERIES, false},
    {TAG_BODY_PART, LEVEL_SERIES, true},
    {TAG_PROTOCOL, LEVEL_SERIES, true},
    {TAG_SERIES_UID, LEVEL_SERIES, true},
    {TAG_SERIES_NUMBER, LEVEL_SERIES, true},
    {TAG_SERIES_INSTANCES, LEVEL_SERIES, false},
    {TAG_PPS_DATE, LEVEL_SERIES, false},
    {TAG_PPS_TIME, LEVEL_SERIES, false},
    {TAG_SOP_CLASS, LEVEL_IMAGE, true},
    {TAG_SOP_INSTANCE, LEVEL_IMAGE, true},
    {TAG_INSTANCE_CREATION_DATE, LEVEL_IMAGE, false},
    {TAG_INSTANCE_CREATION_TIME, LEVEL_IMAGE, false},
    {TAG_IMAGE_TYPE, LEVEL_IMAGE, false},
    {TAG_ACQUISITION_DATE, LEVEL_IMAGE, false},
    {TAG_ACQUISITION_TIME, LEVEL_IMAGE, false},
    {TAG_ACQUISITION_NUMBER, LEVEL_IMAGE, false},
    {TAG_CONTENT_DATE, LEVEL_IMAGE, false},
    {TAG_CONTENT_TIME, LEVEL_IMAGE, false},
    {TAG_INSTANCE_NUMBER, LEVEL_IMAGE, true},
    {TAG_IMAGE_COMMENTS, LEVEL_IMAGE, false},
    {TAG_FRAMES, LEVEL_IMAGE, false},
    {TAG_ROWS, LEVEL_IMAGE, false},
    {TAG_COLUMNS, LEVEL_IMAGE, false},
};

bool
question_tag(uint32_t tag, enum question_level *ret_level, bool *ret_key)
{
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
		if (tags[i].tag == tag) {
			*ret_level = tags[i].level;
			*ret_key = tags[i].key;
			return true;
		}
	return false;
}

void
questions_init(struct questions *t)
{
	*t = (struct questions){.known = NULL};
	lock_init(&t->lock);
}

static void
free_answers(struct answers *a)
{
	for (unsigned i = 0; i < a->n; i++)
		attrs_done(&a->as[i]);
	mem_free(a->as);
	*a = (struct answers){.as = NULL};
}

static void
question_free(struct question *q)
{
	for (unsigned i = 0; i < PREFETCH_ARCHIVES_MAX; i++) {
		free_answers(&q->from[i]);
		assoc_stop_done(&q->stop[i]);
	}
	attrs_done(&q->keys);
	buf_done(&q->text);
	cond_done(&q->moved);
	mem_free(q);
}

static void
leave_locked(struct questions *t, struct question *q)
{
	lock_assert_held(&t->lock);
	if (--q->users == 0)
		question_free(q);
}

/* Out of those that are known. */
static void
forget_locked(struct questions *t, struct question *q)
{
	lock_assert_held(&t->lock);
	struct question **pp = &t->known;
	while (*pp != NULL && *pp != q)
		pp = &(*pp)->next;
	if (*pp == NULL)
		return;
	*pp = q->next;
	leave_locked(t, q);
}

void
questions_halt(struct questions *t)
{
	lock_acquire(&t->lock);
	t->halted = true;
	for (struct question *q = t->known; q != NULL; q = q->next)
		cond_broadcast(&q->moved);
	lock_release(&t->lock);
}

void
questions_done(struct questions *t)
{
	lock_acquire(&t->lock);
	while (t->known != NULL)
		forget_locked(t, t->known);
	lock_release(&t->lock);
	lock_done(&t->lock);
}

struct question *
question_use(struct questions *t, struct question *q)
{
	lock_acquire(&t->lock);
	q->users++;
	lock_release(&t->lock);
	return q;
}

void
question_leave(struct questions *t, struct question **pp)
{
	struct question *q = *pp;
	*pp = NULL;
	if (q == NULL)
		return;
	lock_acquire(&t->lock);
	leave_locked(t, q);
	lock_release(&t->lock);
}

/* "*" asks for any, as an empty key does (PS3.4 C.2.2.2.4). */
static const char *
key_value(const struct attr *a)
{
	return a->value[strspn(a->value, "*")] == '\0' ? "" : a->value;
}

static bool
is_uid_list(const char *s)
{
	while (s[0] != '\0') {
		char uid[UID_SIZE];
		size_t n = strcspn(s, "\\");
		if (n > 0 && (n >= UID_SIZE ||
		    !str_copy_n(uid, sizeof(uid), s, n) ||
		    !uid_is_valid(uid)))
			return false;
		s += n + (s[n] == '\\');
	}
	return true;
}

/* Whether the archive may be asked by this key at all. */
static bool
is_safe(uint32_t tag, const char *value)
{
	if (tag == TAG_PATIENT_ID)
		return value[0] == '\0' || patient_id_is_safe(value);
	if (tag == TAG_STUDY_UID || tag == TAG_SERIES_UID ||
	    tag == TAG_SOP_INSTANCE || tag == TAG_SOP_CLASS)
		return is_uid_list(value);
	return true;
}

/* As the node does where the level is left out: the lowest UID named. */
static bool
read_level(const struct attrs *keys, enum question_level *ret)
{
	const char *s = attrs_value(keys, TAG_LEVEL);
	*ret = LEVEL_STUDY;
	if (str_eq_nocase(s, "IMAGE") || (s[0] == '\0' &&
	    attrs_value(keys, TAG_SOP_INSTANCE)[0] != '\0'))
		*ret = LEVEL_IMAGE;
	else if (str_eq_nocase(s, "SERIES") || (s[0] == '\0' &&
	    attrs_value(keys, TAG_SERIES_UID)[0] != '\0'))
		*ret = LEVEL_SERIES;
	return s[0] == '\0' || str_in_list("STUDY,SERIES,IMAGE", s);
}

struct question *
question_new(const struct attrs *keys)
{
	struct question *q = mem_new(struct question);
	bool ok = read_level(keys, &q->level);
	attrs_init(&q->keys);
	for (unsigned i = 0; i < keys->n && ok; i++) {
		const struct attr *a = &keys->a[i];
		enum question_level level = LEVEL_STUDY;
		bool key = false;
		if (!question_tag(a->tag, &level, &key))
			continue;
		const char *value = key_value(a);
		ok = is_safe(a->tag, value);
		/* a study has several modalities; its key is another one */
		if (a->tag == TAG_MODALITY && q->level == LEVEL_STUDY &&
		    attrs_value(keys, TAG_MODALITIES)[0] == '\0')
			attrs_put(&q->keys, TAG_MODALITIES, value);
		else if (level <= q->level && !(a->tag == TAG_MODALITIES &&
		    attrs_get(&q->keys, TAG_MODALITIES) != NULL))
			attrs_put(&q->keys, a->tag, value);
	}
	cond_init(&q->moved);
	for (unsigned i = 0; i < PREFETCH_ARCHIVES_MAX; i++)
		assoc_stop_init(&q->stop[i]);
	buf_init(&q->text, 4 * ATTR_VALUE_MAX);
	buf_add_u8(&q->text, (uint8_t)q->level);
	attrs_format(&q->text, &q->keys);
	q->until_ns = clock_uptime_ns() + PREFETCH_ELSEWHERE_MS * CLOCK_MS;
	q->users = 1;
	if (!ok || q->text.failed) {
		question_free(q);
		return NULL;
	}
	return q;
}

static bool
is_old(const struct question *q)
{
	return q->answered_ns != 0 &&
	    clock_continuous_ns() - q->answered_ns > QUESTION_KEPT_NS;
}

/* What was asked of fewer archives than are up now may miss something. */
static bool
is_same(const struct question *q, const struct question *other, uint32_t up)
{
	for (unsigned i = 0; i < PREFETCH_ARCHIVES_MAX && q->put; i++)
		if ((up >> i & 1) != 0 && !q->from[i].asked)
			return false;
	return !is_old(q) && q->text.len == other->text.len &&
	    memcmp(q->text.p, other->text.p, q->text.len) == 0;
}

/* The oldest go first; open ones stay, those who ask are few. */
static void
trim_locked(struct questions *t)
{
	unsigned n = 0;
	size_t bytes = 0;
	struct question *next;
	lock_assert_held(&t->lock);
	for (struct question *q = t->known; q != NULL; q = next) {
		next = q->next;
		n++;
		bytes += q->bytes;
		if (q->answered_ns != 0 && (is_old(q) ||
		    n > QUESTIONS_KEPT_MAX || bytes > QUESTIONS_BYTES_MAX)) {
			bytes -= q->bytes;
			forget_locked(t, q);
		}
	}
}

struct question *
question_join(struct questions *t, struct question *take, uint32_t up)
{
	lock_acquire(&t->lock);
	trim_locked(t);
	struct question *q = t->known;
	while (q != NULL && !is_same(q, take, up))
		q = q->next;
	if (q == NULL) {
		q = take; /* the list owns it now */
		q->next = t->known;
		t->known = q;
	} else {
		leave_locked(t, take);
	}
	q->users++;
	lock_release(&t->lock);
	return q;
}

/* Its time is over: what is known by now is the answer. */
static void
give_up_locked(struct questions *t, struct question *q)
{
	lock_assert_held(&t->lock);
	for (unsigned i = 0; i < PREFETCH_ARCHIVES_MAX; i++)
		if (q->from[i].asked && !q->from[i].whole)
			assoc_stop_ask(&q->stop[i]);
	forget_locked(t, q); /* the caller uses it still */
}

bool
question_wait(struct questions *t, struct question *q)
{
	lock_acquire(&t->lock);
	while (!t->halted && !q->over) {
		int64_t left = q->until_ns - clock_uptime_ns();
		if (left <= 0)
			break;
		(void)lock_wait_ms(&t->lock, &q->moved, left / CLOCK_MS + 1);
	}
	if (!q->over)
		give_up_locked(t, q);
	q->over = true;
	cond_broadcast(&q->moved); /* others ask the same */
	bool ok = !t->halted;
	lock_release(&t->lock);
	return ok;
}

struct question *
question_to_put(struct questions *t, uint32_t up)
{
	lock_acquire(&t->lock);
	struct question *q = t->known;
	while (q != NULL && q->put)
		q = q->next;
	if (q != NULL) {
		q->put = true;
		q->users++;
		for (unsigned i = 0; i < PREFETCH_ARCHIVES_MAX; i++) {
			q->from[i].asked = (up >> i & 1) != 0;
			q->n_open += q->from[i].asked;
			q->users += q->from[i].asked;
		}
		if (q->n_open == 0) {
			q->over = true;
			forget_locked(t, q); /* the caller uses it still */
			cond_broadcast(&q->moved);
		}
	}
	lock_release(&t->lock);
	return q;
}

bool
question_is_over(struct questions *t, struct question *q)
{
	lock_acquire(&t->lock);
	bool over = q->over || t->halted;
	lock_release(&t->lock);
	return over;
}

/* Memory of one answer, roughly. */
static size_t
bytes_of(const struct attrs *as)
{
	size_t n = 64;
	for (unsigned i = 0; i < as->n; i++)
		n += sizeof(as->a[i]) + 32 + strlen(as->a[i].value) +
		    as->a[i].raw_n;
	return n;
}

bool
question_add(struct questions *t, struct question *q, unsigned archive,
    struct attrs *take, unsigned n)
{
	struct answers *a = &q->from[archive];
	size_t bytes = 0;
	for (unsigned i = 0; i < n; i++)
		bytes += bytes_of(&take[i]);
	lock_acquire(&t->lock);
	bool ok = !q->over && !t->halted &&
	    q->bytes + bytes <= QUESTION_BYTES_MAX;
	if (ok && a->n + n > a->cap) {
		a->cap = 2 * (a->n + n);
		a->as = mem_grow(a->as, a->cap, sizeof(a->as[0]));
	}
	for (unsigned i = 0; i < n && ok; i++)
		a->as[a->n++] = take[i];
	q->bytes += ok ? bytes : 0;
	lock_release(&t->lock);
	for (unsigned i = 0; i < n && !ok; i++)
		attrs_done(&take[i]);
	return ok;
}

void
question_set(struct questions *t, struct question *q, unsigned archive,
    unsigned i, uint32_t tag, const char *value)
{
	lock_acquire(&t->lock);
	if (!q->over && i < q->from[archive].n)
		attrs_put(&q->from[archive].as[i], tag, value);
	lock_release(&t->lock);
}

void
question_end(struct questions *t, struct question **pp, unsigned archive,
    bool whole, bool drop)
{
	struct question *q = *pp;
	*pp = NULL;
	lock_acquire(&t->lock);
	if (drop && !q->over) {
		free_answers(&q->from[archive]);
		q->from[archive].asked = true;
	}
	q->from[archive].whole = whole;
	if (--q->n_open == 0 && !q->over) {
		bool all = true;
		for (unsigned i = 0; i < PREFETCH_ARCHIVES_MAX; i++)
			all &= !q->from[i].asked || q->from[i].whole;
		q->over = true;
		if (all)
			q->answered_ns = clock_continuous_ns();
		else
			forget_locked(t, q); /* this user leaves later */
		cond_broadcast(&q->moved);
	}
	leave_locked(t, q);
	lock_release(&t->lock);
}
