/* SPDX-License-Identifier: MIT */
/* What has the viewer of a study? By C-FIND in the study root, counted at
 * study level, by UID where the count leaves a doubt (PS3.4 C.4.1). */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "dicom/dataset.h"
#include "node/push_priv.h"
#include "wire/scan.h"

#define ANSWER_MS 40000 /* as OsiriX itself waits */
#define FIND_MAX_NS (120 * CLOCK_S) /* one question, all its answers */
#define SERIES_MAX 5000 /* of one study */

struct question {
	struct assoc *a;
	const char *study_uid;
	const struct store_item *items;
	const unsigned *sorted; /* the items by instance UID */
	unsigned n;
	bool *has; /* of the items, as they are ordered */
	/* the answers */
	bool found, counted;
	int64_t count;
	unsigned images; /* answers at image level */
	char (*series)[UID_SIZE]; /* owned */
	unsigned n_series;
};

typedef void answer_fn(struct question *q, const struct attrs *as);

static int
take_answer(struct question *q, const char *syntax, answer_fn *fn,
    struct err *e)
{
	static const uint32_t tags[] = {TAG_STUDY_UID, TAG_SERIES_UID,
	    TAG_SOP_INSTANCE, TAG_STUDY_INSTANCES};
	struct buf b;
	struct attrs as;
	buf_init(&b, DATASET_IDENTIFIER_MAX);
	attrs_init(&as);
	int rc = assoc_receive_buf(q->a, ANSWER_MS, &b, e);
	if (rc == 0)
		rc = dataset_parse(b.p, b.len, syntax, tags,
		    sizeof(tags) / sizeof(tags[0]), &as, e);
	if (rc == 0)
		fn(q, &as);
	attrs_done(&as);
	buf_done(&b);
	return rc == 0 ? 0 : -1;
}

/* The next answer: 1 there may be more, 0 that was the last one (${status}
 * says how it ended), -1 the association is of no more use. */
static int
next_answer(struct question *q, uint8_t id, const char *syntax,
    answer_fn *fn, uint16_t *status, struct err *e)
{
	struct dimse rsp;
	uint8_t context = 0;
	int rc = assoc_receive(q->a, ANSWER_MS, &rsp, &context, e);
	if (rc == 0)
		return err_set(e, ERR_NET, 0,
		    "the viewer left in the middle of its answers");
	if (rc < 0)
		return -1;
	if (rsp.command != DIMSE_C_FIND_RSP || context != id)
		return err_set(e, ERR_PEER, 0, "want a C-FIND answer, have %s",
		    dimse_command_name(rsp.command));
	*status = rsp.status;
	if (!dimse_is_pending(rsp.status))
		return rsp.has_data ? err_set(e, ERR_PEER, 0,
		    "C-FIND: data after the last answer") : 0;
	if (!rsp.has_data)
		return err_set(e, ERR_PEER, 0,
		    "C-FIND: a pending answer without data");
	return take_answer(q, syntax, fn, e) == 0 ? 1 : -1;
}

/* Ask by ${keys}: 1 answered, 0 refused, -1 the association is over. */
static int
ask(struct question *q, const struct attrs *keys, answer_fn *fn,
    struct err *e)
{
	const char *syntax = SYNTAX_EXPLICIT_LE;
	uint8_t id = assoc_find(q->a, CLASS_STUDY_FIND, syntax);
	if (id == 0) {
		syntax = SYNTAX_IMPLICIT_LE;
		id = assoc_find(q->a, CLASS_STUDY_FIND, syntax);
	}
	if (id == 0)
		return 0;
	struct buf b;
	buf_init(&b, DATASET_IDENTIFIER_MAX);
	struct dimse rq = {.command = DIMSE_C_FIND_RQ, .message_id = 1,
	    .has_data = true};
	(void)str_copy(rq.class_uid, UID_SIZE, CLASS_STUDY_FIND);
	int rc = dataset_format(keys, syntax, &b, e);
	if (rc == 0)
		rc = assoc_send(q->a, id, &rq, b.p, b.len, e);
	buf_done(&b);
	if (rc != 0)
		return -1;
	int64_t until = clock_uptime_ns() + FIND_MAX_NS;
	uint16_t status = 0;
	unsigned n = 0;
	rc = 1;
	while (rc == 1) {
		if (n++ > NODE_OBJECTS_MAX || clock_uptime_ns() > until)
			return err_set(e, ERR_TIMEOUT, 0,
			    "C-FIND: the viewer does not come to an end");
		rc = next_answer(q, id, syntax, fn, &status, e);
	}
	return rc < 0 ? -1 : status == DIMSE_SUCCESS;
}

static void
on_study(struct question *q, const struct attrs *as) /* answer_fn */
{
	if (!str_eq(attrs_value(as, TAG_STUDY_UID), q->study_uid))
		return; /* not what was asked for */
	q->found = true;
	q->counted = str_to_i64(attrs_value(as, TAG_STUDY_INSTANCES), 0,
	    INT32_MAX, &q->count);
}

static void
on_image(struct question *q, const struct attrs *as) /* answer_fn */
{
	const char *uid = attrs_value(as, TAG_SOP_INSTANCE);
	unsigned from = 0, to = q->n;
	q->images++;
	while (from < to) {
		unsigned mid = from + (to - from) / 2;
		int d = strcmp(uid, q->items[q->sorted[mid]].instance_uid);
		if (d == 0) {
			q->has[q->sorted[mid]] = true;
			return;
		}
		if (d < 0)
			to = mid;
		else
			from = mid + 1;
	}
}

static void
on_series(struct question *q, const struct attrs *as) /* answer_fn */
{
	const char *uid = attrs_value(as, TAG_SERIES_UID);
	if (!uid_is_valid(uid) || q->n_series == SERIES_MAX)
		return;
	q->series = mem_grow(q->series, q->n_series + 1, UID_SIZE);
	(void)str_copy(q->series[q->n_series++], UID_SIZE, uid); /* valid */
}

static int
ask_level(struct question *q, const char *level, const char *series_uid,
    answer_fn *fn, struct err *e)
{
	struct attrs keys;
	attrs_init(&keys);
	attrs_put(&keys, TAG_LEVEL, level);
	attrs_put(&keys, TAG_STUDY_UID, q->study_uid);
	if (fn == on_study)
		attrs_put(&keys, TAG_STUDY_INSTANCES, "");
	else
		attrs_put(&keys, TAG_SERIES_UID, series_uid);
	if (fn == on_image)
		attrs_put(&keys, TAG_SOP_INSTANCE, "");
	int rc = ask(q, &keys, fn, e);
	attrs_done(&keys);
	return rc;
}

/* Image by image: relational, and where that is not done, by series. */
static int
ask_images(struct question *q, struct err *e)
{
	int rc = ask_level(q, "IMAGE", "", on_image, e);
	if (rc < 0 || (rc == 1 && q->images > 0))
		return rc;
	rc = ask_level(q, "SERIES", "", on_series, e);
	for (unsigned i = 0; i < q->n_series && rc == 1; i++)
		rc = ask_level(q, "IMAGE", q->series[i], on_image, e);
	return rc;
}

static unsigned
count(const struct question *q)
{
	unsigned n = 0;
	for (unsigned i = 0; i < q->n; i++)
		n += q->has[i];
	return n;
}

/* The count alone is believed only when it is what we sent: with more, some
 * may be the viewer's own (OsiriX counts frames, too). */
static int
ask_study(struct question *q, unsigned *ret, struct err *e)
{
	int study = ask_level(q, "STUDY", "", on_study, e);
	if (study < 0)
		return -1;
	if (study == 1 && !q->found) {
		*ret = 0;
		return 1;
	}
	if (study == 1 && q->counted && q->count == q->n) {
		memset(q->has, 1, q->n * sizeof(q->has[0]));
		*ret = q->n;
		return 1;
	}
	int images = ask_images(q, e);
	if (images < 0)
		return -1;
	if (images == 1)
		*ret = count(q);
	else if (study == 1 && q->counted)
		*ret = q->count < q->n ? (unsigned)q->count : q->n;
	else
		return 0;
	return 1;
}

struct by_uid {
	const char *uid;
	unsigned i;
};

static int
compare(const void *a, const void *b)
{
	return strcmp(((const struct by_uid *)a)->uid,
	    ((const struct by_uid *)b)->uid);
}

static unsigned *
sort(const struct store_item *items, unsigned n)
{
	struct by_uid *all = mem_new_n(struct by_uid, n + 1);
	unsigned *sorted = mem_new_n(unsigned, n + 1);
	for (unsigned i = 0; i < n; i++)
		all[i] = (struct by_uid){items[i].instance_uid, i};
	qsort(all, n, sizeof(all[0]), compare);
	for (unsigned i = 0; i < n; i++)
		sorted[i] = all[i].i;
	mem_free(all);
	return sorted;
}

int
push_ask(const struct push_viewer *v, const struct store_item *items,
    unsigned n, bool *has, unsigned *ret, bool *ret_reached, struct err *e)
{
	const struct assoc_proposal p[] = {
	    {CLASS_VERIFICATION, SYNTAX_IMPLICIT_LE, false},
	    {CLASS_STUDY_FIND, SYNTAX_EXPLICIT_LE, false},
	    {CLASS_STUDY_FIND, SYNTAX_IMPLICIT_LE, false},
	};
	struct assoc_ask rq = {.host = v->host, .port = v->port,
	    .calling = v->calling, .called = v->ae_title, .proposals = p,
	    .n_proposals = 3, .stop = v->stop};
	struct question q = {.items = items, .n = n, .has = has,
	    .study_uid = items[0].study_uid};
	*ret_reached = false;
	if (assoc_request(&q.a, &rq, e) != 0)
		return -1;
	*ret_reached = true;
	unsigned *sorted = sort(items, n);
	q.sorted = sorted;
	int rc = ask_study(&q, ret, e);
	if (rc >= 0)
		assoc_release(&q.a);
	else
		assoc_abort(&q.a);
	mem_free(q.series);
	mem_free(sorted);
	return rc;
}
