/* SPDX-License-Identifier: MIT
 *
 * viewer_fixture: a viewer on a thread of its own: it asks one thing, takes
 * what comes until the last answer, and remembers.
 */
#ifndef TESTS_NODE_VIEWER_FIXTURE_H
#define TESTS_NODE_VIEWER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dicom/dataset.h"
#include "node_ear.h"
#include "wire/scan.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define SR_CLASS "1.2.840.10008.5.1.4.1.1.88.33"
#define ANSWERS_MAX 32

enum { FIND_ID = 1, GET_ID = 3, MOVE_ID = 5, MR_ID = 7, SR_ID = 9 };

/* The viewer's side. */
struct viewer {
	struct assoc *a;
	/* what it does, set before the thread starts */
	uint8_t context;
	struct dimse rq;
	const struct attrs *keys;
	const char *refuses; /* this instance, with A900 */
	unsigned cancel_after, leave_after; /* objects or answers; 0 never */
	atomic_bool cancelled;
	/* what it saw */
	char got[2048]; /* instances, or the first key of each answer */
	unsigned n_got, n_pending;
	struct dimse last;
	unsigned remaining_first; /* of the first pending answer */
	char failed[512]; /* (0008,0058) of the last */
	struct attrs answers[ANSWERS_MAX];
	unsigned n_answers;
};

static inline void
viewer_take_answer(struct viewer *v, const struct dimse *d)
{
	struct buf b;
	struct attrs as;
	struct err e;
	buf_init(&b, DATASET_IDENTIFIER_MAX);
	if (!d->has_data ||
	    assoc_receive_buf(v->a, 10000, &b, &e) != 0 ||
	    dataset_parse(b.p, b.len, EXPLICIT_LE, NULL, 0, &as, &e) != 0)
		goto out;
	if (d->command == DIMSE_C_FIND_RSP && v->n_answers < ANSWERS_MAX)
		v->answers[v->n_answers++] = as;
	else
		(void)str_copy(v->failed, sizeof(v->failed),
		    attrs_value(&as, TAG(0x0008, 0x0058)));
	if (d->command != DIMSE_C_FIND_RSP)
		attrs_done(&as);
out:
	buf_done(&b);
}

static inline void
viewer_cancel(struct viewer *v, unsigned n)
{
	struct dimse c = {.command = DIMSE_C_CANCEL_RQ,
	    .message_id = v->rq.message_id};
	struct err e;
	if (v->cancel_after == 0 || n != v->cancel_after)
		return;
	(void)assoc_send(v->a, v->context, &c, NULL, 0, &e); /* may be over */
	atomic_store(&v->cancelled, true);
}

static inline bool
viewer_store(struct viewer *v, const struct dimse *rq, uint8_t context)
{
	struct err e;
	if (assoc_receive_data(v->a, 10000, drop_bytes, NULL, &e) != 0)
		return false;
	note(v->got, sizeof(v->got), &v->n_got, rq->instance_uid);
	struct dimse rsp = dimse_response(rq, v->refuses != NULL &&
	    str_eq(v->refuses, rq->instance_uid) ? DIMSE_IDENTIFIER_MISMATCH :
	    DIMSE_SUCCESS);
	viewer_cancel(v, v->n_got);
	return assoc_send(v->a, context, &rsp, NULL, 0, &e) == 0 &&
	    (v->leave_after == 0 || v->n_got < v->leave_after);
}

/* Ask, and take what comes until the last answer. */
static inline void *
viewer_run(void *ctx)
{
	struct viewer *v = ctx;
	struct buf b;
	struct err e;
	struct dimse d;
	uint8_t context = 0;
	buf_init(&b, DATASET_IDENTIFIER_MAX);
	bool on = dataset_format(v->keys, EXPLICIT_LE, &b, &e) == 0 &&
	    assoc_send(v->a, v->context, &v->rq, b.p, b.len, &e) == 0;
	while (on && assoc_receive(v->a, 20000, &d, &context, &e) == 1) {
		if (d.command == DIMSE_C_STORE_RQ) {
			on = viewer_store(v, &d, context);
			continue;
		}
		v->last = d;
		viewer_take_answer(v, &d);
		if (!dimse_is_pending(d.status))
			break;
		if (v->n_pending++ == 0)
			v->remaining_first = d.remaining;
		if (d.command == DIMSE_C_FIND_RSP)
			viewer_cancel(v, v->n_pending);
		on = v->leave_after == 0 || v->n_pending < v->leave_after;
	}
	if (!on)
		assoc_break(v->a);
	buf_done(&b);
	return NULL;
}

static inline void
agree(struct pdu_associate *a, bool answer)
{
	static const char *const le[] = {EXPLICIT_LE};
	*a = (struct pdu_associate){.version = 1, .max_pdu = 16384};
	(void)str_copy(a->called, AE_SIZE, "UNDERSTUDY");
	(void)str_copy(a->calling, AE_SIZE, "THEATRE6-IMAC");
	static const struct {
		uint8_t id;
		const char *abstract;
	} rows[] = {{FIND_ID, CLASS_STUDY_FIND}, {GET_ID, CLASS_STUDY_GET},
	    {MOVE_ID, CLASS_STUDY_MOVE}, {MR_ID, MR_CLASS},
	    {SR_ID, SR_CLASS}};
	for (size_t i = 0; i < COUNT(rows); i++)
		(void)pdu_add_context(a, rows[i].id, answer ? NULL :
		    rows[i].abstract, le, 1);
}

static inline struct assoc *
one_end(int fd, struct assoc_stop *stop)
{
	struct pdu_associate rq, ac;
	struct err e;
	sock_setup(fd);
	struct assoc *a = assoc_new(fd, UL_STA6, stop);
	agree(&rq, false);
	agree(&ac, true);
	if (assoc_agree(a, &rq, &ac, &e) != 0)
		assoc_drop(&a);
	a->local = true;
	return a;
}

#endif
