/* SPDX-License-Identifier: MIT */
/* Questions to an archive: C-FIND in the study root (PS3.4 C.4.1.2), or what
 * rest.c makes of them. */
#include <errno.h>
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "dicom/dataset.h"
#include "http/get.h"
#include "prefetch/rest.h"
#include "wire/classes.h"
#include "wire/scan.h"

#define FIND_MAX_NS (120 * CLOCK_S) /* one question, all its answers */

struct archive_link {
	const struct prefetch_archive *ar;
	struct assoc *a; /* owned; NULL with */
	struct http_link *h; /* owned */
};

int
archive_open(struct archive_link **ret, const struct prefetch_archive *ar,
    const char *ae_title, enum archive_service what, struct assoc_stop *stop,
    struct err *e)
{
	const struct assoc_proposal p[] = {
	    {CLASS_STUDY_FIND, SYNTAX_EXPLICIT_LE, false},
	    {CLASS_STUDY_FIND, SYNTAX_IMPLICIT_LE, false},
	    {CLASS_STUDY_MOVE, SYNTAX_IMPLICIT_LE, false},
	    {CLASS_STUDY_MOVE, SYNTAX_EXPLICIT_LE, false},
	};
	struct assoc_ask ask = {.host = ar->host, .port = ar->port,
	    .calling = ae_title, .called = ar->ae_title, .proposals = p,
	    .n_proposals = what == ARCHIVE_MOVE ? 4 : 2, .stop = stop};
	struct assoc *a = NULL;
	bool rest = what == ARCHIVE_FIND && rest_is_asked(ar);
	if (!rest && assoc_request(&a, &ask, e) != 0)
		return -1;
	*ret = mem_new(struct archive_link);
	(*ret)->ar = ar;
	(*ret)->a = a;
	(*ret)->h = rest ? rest_open(stop) : NULL;
	return 0;
}

void
archive_close(struct archive_link **pp, bool well)
{
	struct archive_link *l = *pp;
	*pp = NULL;
	if (l == NULL)
		return;
	http_link_free(&l->h);
	if (well)
		assoc_release(&l->a);
	else
		assoc_abort(&l->a);
	mem_free(l);
}

bool
archive_reached(const struct archive_link *l)
{
	return l->h == NULL || http_link_heard(l->h);
}

struct assoc *
archive_assoc(struct archive_link *l)
{
	return l->a;
}

/* One answer's data set to ${fn}. */
static int
take_answer(struct assoc *a, const char *syntax, archive_answer_fn *fn,
    void *ctx, struct err *e)
{
	struct buf b;
	struct attrs as;
	buf_init(&b, DATASET_IDENTIFIER_MAX);
	attrs_init(&as);
	int rc = assoc_receive_buf(a, ARCHIVE_ANSWER_MS, &b, e);
	if (rc == 0)
		rc = dataset_parse(b.p, b.len, syntax, NULL, 0, &as, e);
	if (rc == 0)
		rc = fn(ctx, &as, e);
	attrs_done(&as);
	buf_done(&b);
	return rc == 0 ? 0 : -1;
}

static int
too_many(struct assoc *a, uint8_t context, uint16_t message_id, unsigned max,
    struct err *e)
{
	struct dimse cancel = {.command = DIMSE_C_CANCEL_RQ,
	    .message_id = message_id};
	struct err ignored; /* the association is given up anyway */
	(void)assoc_send(a, context, &cancel, NULL, 0, &ignored);
	return err_set(e, ERR_PEER, 0,
	    "C-FIND: want at most %u answers, have more", max);
}

/* The last status. FE00, which nobody asked for, is how Orthanc says that there
 * are more answers than it gives. */
static int
find_end(uint16_t status, struct err *e)
{
	char text[100];
	if (status == DIMSE_SUCCESS)
		return 0;
	(void)err_set(e, ERR_PEER, 0, "C-FIND: %s", dimse_status_text(status,
	    text, sizeof(text))); /* -1 */
	if (status == DIMSE_CANCELLED)
		e->sys = E2BIG; /* the text says it already */
	return -1;
}

int
archive_find(struct archive_link *l, const struct attrs *keys, unsigned max,
    archive_answer_fn *fn, void *ctx, struct err *e)
{
	struct assoc *a = l->a;
	if (l->h != NULL)
		return rest_find(l->h, l->ar, keys, max, fn, ctx, e);
	const char *syntax = SYNTAX_EXPLICIT_LE;
	uint8_t id = assoc_find(a, CLASS_STUDY_FIND, syntax);
	if (id == 0) {
		syntax = SYNTAX_IMPLICIT_LE;
		id = assoc_find(a, CLASS_STUDY_FIND, syntax);
	}
	if (id == 0)
		return err_set(e, ERR_PEER, 0,
		    "it does not accept study root queries");
	struct buf b;
	buf_init(&b, DATASET_IDENTIFIER_MAX);
	struct dimse rq = {.command = DIMSE_C_FIND_RQ, .message_id = 1,
	    .has_data = true};
	(void)str_copy(rq.class_uid, UID_SIZE, CLASS_STUDY_FIND);
	int rc = dataset_format(keys, syntax, &b, e);
	if (rc == 0)
		rc = assoc_send(a, id, &rq, b.p, b.len, e);
	buf_done(&b);
	unsigned n = 0;
	int64_t until = clock_uptime_ns() + FIND_MAX_NS;
	while (rc == 0) {
		if (clock_uptime_ns() > until)
			return err_set(e, ERR_TIMEOUT, 0,
			    "C-FIND: not through after 2 minutes");
		struct dimse rsp;
		uint8_t context = 0;
		rc = assoc_receive(a, ARCHIVE_ANSWER_MS, &rsp, &context, e);
		if (rc == 0)
			return err_set(e, ERR_NET, 0,
			    "it left in the middle of its answers");
		if (rc < 0)
			break;
		rc = 0;
		if (rsp.command != DIMSE_C_FIND_RSP ||
		    rsp.message_id != rq.message_id || context != id)
			return err_set(e, ERR_PEER, 0,
			    "want a C-FIND answer, have %s",
			    dimse_command_name(rsp.command));
		if (!dimse_is_pending(rsp.status))
			return find_end(rsp.status, e);
		if (!rsp.has_data)
			return err_set(e, ERR_PEER, 0,
			    "C-FIND: a pending answer without data");
		if (++n > max)
			return too_many(a, id, rq.message_id, max, e);
		rc = take_answer(a, syntax, fn, ctx, e);
	}
	return rc;
}
