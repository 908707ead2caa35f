/* SPDX-License-Identifier: MIT */
/* What the tests of the intake share: a real store and index, an open ticket,
 * data sets, and a whole association that carries them. */
#ifndef TESTS_PREFETCH_INTAKE_FIXTURE_H
#define TESTS_PREFETCH_INTAKE_FIXTURE_H

#include <fts.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "dicom/dataset.h"
#include "index/index.h"
#include "prefetch/prefetch_priv.h"
#include "store/store.h"
#include "wire/scan.h"

#include "peer.h"

#define MR "1.2.840.10008.5.1.4.1.1.4"
#define CT "1.2.840.10008.5.1.4.1.1.2"
#define STUDY "1.2.3"
#define SERIES "1.2.3.4"
#define SOP_1 "1.2.3.4.1"
#define SOP_2 "1.2.3.4.2"

/* the contexts of every association, ids 1, 3, 5, 7 */
enum { EXPLICIT = 1, IMPLICIT = 3, DEFLATED = 5, BIG = 7 };
static const char *const syntax_of[] = {[EXPLICIT] = SYNTAX_EXPLICIT_LE,
    [IMPLICIT] = SYNTAX_IMPLICIT_LE, [DEFLATED] = SYNTAX_DEFLATED_LE,
    [BIG] = SYNTAX_EXPLICIT_BE};

/* what a data set says; NULL leaves the element out */
struct object {
	const char *class_uid, *instance_uid, *study_uid, *series_uid;
	size_t private_n; /* bytes of a private element in the header */
	size_t pixels_n;
	char pixel;
};
static const struct object good = {MR, SOP_1, STUDY, SERIES, 0, 2000, 'p'};

struct fixture {
	char dir[64];
	struct store *st;
	struct index *ix;
	struct intake in;
	struct ticket k;
	struct ticket_line lines[2];
	char taken_from[17]; /* calling title, as the node would tell */
	struct peer peer;
	struct buf sets[PEER_MESSAGES_MAX];
	unsigned learned;
	int rc; /* of the last intake_take */
	struct err e;
};

static inline void
put16(struct buf *b, uint8_t how, uint16_t v)
{
	if (how == BIG)
		buf_add_u16be(b, v);
	else
		buf_add_u16le(b, v);
}

static inline void
put32(struct buf *b, uint8_t how, size_t v)
{
	if (how == BIG)
		buf_add_u32be(b, (uint32_t)v);
	else
		buf_add_u32le(b, (uint32_t)v);
}

/* The head of an element of ${n} bytes, n even. */
static inline void
put_head(struct buf *b, uint8_t how, uint32_t tag, const char *vr, size_t n)
{
	put16(b, how, (uint16_t)(tag >> 16));
	put16(b, how, (uint16_t)tag);
	if (how == IMPLICIT) {
		put32(b, how, n);
		return;
	}
	buf_add_str(b, vr);
	if (vr[0] == 'O') {
		put16(b, how, 0);
		put32(b, how, n);
	} else {
		put16(b, how, (uint16_t)n);
	}
}

static inline void
put(struct buf *b, uint8_t how, uint32_t tag, const char *v)
{
	if (v == NULL)
		return;
	size_t n = strlen(v);
	put_head(b, how, tag, tag_vr(tag), n + n % 2);
	buf_add_str(b, v);
	if (n % 2 != 0)
		buf_add_u8(b, str_eq(tag_vr(tag), "UI") ? 0 : ' ');
}

static inline void
build(struct buf *b, uint8_t how, const struct object *o)
{
	put(b, how, TAG_SOP_CLASS, o->class_uid);
	put(b, how, TAG_SOP_INSTANCE, o->instance_uid);
	put(b, how, TAG_STUDY_DATE, "20260701");
	put(b, how, TAG_MODALITY, "MR");
	if (o->private_n > 0) {
		put_head(b, how, TAG(0x0009, 0x1001), "OB", o->private_n);
		buf_fill(b, 'x', o->private_n);
	}
	put(b, how, TAG_PATIENT_NAME, "TEST^PATIENT");
	put(b, how, TAG_PATIENT_ID, "P1");
	put(b, how, TAG_STUDY_UID, o->study_uid);
	put(b, how, TAG_SERIES_UID, o->series_uid);
	put(b, how, TAG_SERIES_NUMBER, "7");
	put(b, how, TAG_INSTANCE_NUMBER, "11");
	put_head(b, how, TAG(0x7FE0, 0x0010), "OW", o->pixels_n);
	buf_fill(b, (uint8_t)o->pixel, o->pixels_n);
	assert_false(b->failed);
}

/* The archive will send ${o} under ${command_class} and ${command_uid}. */
static inline struct peer_message *
will_send_as(struct fixture *f, uint8_t how, const struct object *o,
    const char *command_class, const char *command_uid)
{
	struct buf *b = &f->sets[f->peer.n];
	struct peer_message *m = &f->peer.messages[f->peer.n++];
	buf_clear(b);
	build(b, how, o);
	*m = (struct peer_message){.context = how, .set = b->p, .n = b->len,
	    .rq = {.command = DIMSE_C_STORE_RQ, .has_data = true,
	    .message_id = (uint16_t)f->peer.n}};
	(void)str_copy(m->rq.class_uid, UID_SIZE, command_class); /* valid */
	(void)str_copy(m->rq.instance_uid, UID_SIZE, command_uid);
	return m;
}

static inline struct peer_message *
will_send(struct fixture *f, uint8_t how, const struct object *o)
{
	return will_send_as(f, how, o, MR, SOP_1);
}

static inline int
take_next(struct fixture *f, struct assoc *a)
{
	struct dimse d;
	struct assoc_context c;
	uint8_t context = 0;
	uint16_t status = 0;
	if (assoc_receive(a, 20000, &d, &context, &f->e) != 1 ||
	    !assoc_context(a, context, &c))
		fail_msg("no C-STORE-RQ: %s", f->e.msg);
	struct intake_object o = {.ae_title = f->taken_from,
	    .class_uid = d.class_uid, .instance_uid = d.instance_uid,
	    .syntax = c.syntax};
	if (intake_take(&f->in, a, &o, &status, &f->e) != 0)
		return -1;
	struct dimse rsp = dimse_response(&d, status);
	return assoc_send(a, context, &rsp, NULL, 0, &f->e);
}

/* Everything that will be sent comes in, over one association. */
static inline void
play(struct fixture *f)
{
	struct assoc_proposal p[4];
	for (unsigned i = 0; i < 4; i++)
		p[i] = (struct assoc_proposal){MR, syntax_of[2 * i + 1], true};
	struct assoc_ask ask = {.host = "127.0.0.1",
	    .port = sock_port(f->peer.listen_fd), .calling = "UNDERSTUDY",
	    .called = "PACS", .proposals = p, .n_proposals = 4};
	struct assoc *a = NULL;
	f->peer.n_answers = 0;
	f->peer.released = false;
	assert_int_equal(pthread_create(&f->peer.thread, NULL, peer_run,
	    &f->peer), 0);
	if (assoc_request(&a, &ask, &f->e) != 0)
		fail_msg("%s", f->e.msg);
	f->rc = 0;
	for (unsigned i = 0; i < f->peer.n && f->rc == 0; i++)
		f->rc = take_next(f, a);
	if (f->rc == 0)
		assoc_release(&a);
	else
		assoc_abort(&a);
	assert_int_equal(pthread_join(f->peer.thread, NULL), 0);
	assert_int_equal(f->peer.released, f->rc == 0);
	f->peer.n = 0;
}

static inline void
learn(void *ctx, const char *class_uid, const char *syntax)
{
	struct fixture *f = ctx;
	assert_true(uid_is_valid(class_uid) && uid_is_valid(syntax));
	f->learned++;
}

static inline int
setup(void **state)
{
	struct fixture *f = mem_new(struct fixture);
	(void)str_copy(f->dir, sizeof(f->dir), "/tmp/intake-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->st = store_open(f->dir, &f->e);
	assert_non_null(f->st);
	f->ix = index_open(f->dir, NULL, &f->e);
	assert_non_null(f->ix);
	tickets_init(&f->in.tickets);
	f->in.ix = f->ix;
	f->in.st = f->st;
	f->in.learn = learn;
	f->in.ctx = f;
	(void)str_copy(f->k.study_uid, UID_SIZE, STUDY); /* short */
	(void)str_copy(f->k.ae_title, sizeof(f->k.ae_title), "PACS");
	f->k.by_move = true;
	(void)str_copy(f->taken_from, sizeof(f->taken_from), "PACS");
	f->k.lines = f->lines;
	f->k.n_lines = 2;
	for (unsigned i = 0; i < 2; i++) {
		(void)str_copy(f->lines[i].uid, UID_SIZE, i == 0 ? SOP_1 :
		    SOP_2);
		(void)str_copy(f->lines[i].series_uid, UID_SIZE, SERIES);
		f->lines[i].taken = 1; /* asked for */
	}
	ticket_sort(&f->k);
	ticket_open(&f->in.tickets, &f->k);
	f->peer.listen_fd = sock_listen("127.0.0.1", 0, &f->e);
	for (unsigned i = 0; i < PEER_MESSAGES_MAX; i++)
		buf_init(&f->sets[i], 4 << 20);
	*state = f;
	return 0;
}

/* Count files of ${path} that end in ${end}; remove all if so asked. */
static inline unsigned
walk(const char *path, const char *end, bool remove_all)
{
	char copy[64];
	unsigned n = 0;
	(void)str_copy(copy, sizeof(copy), path); /* short */
	char *paths[] = {copy, NULL};
	FTS *t = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	for (FTSENT *x = fts_read(t); x != NULL; x = fts_read(t)) {
		size_t len = strlen(x->fts_name);
		size_t m = strlen(end);
		n += x->fts_info == FTS_F && len >= m &&
		    str_eq(x->fts_name + len - m, end);
		if (remove_all && x->fts_info != FTS_D)
			(void)remove(x->fts_accpath); /* the test is over */
	}
	(void)fts_close(t); /* read only */
	return n;
}

/* Everything that is in the store: whole files, none half written. */
static inline unsigned
files(struct fixture *f)
{
	unsigned whole = walk(f->dir, ".dcm", false);
	/* besides: the marker, and the index with its log and memory */
	assert_true(walk(f->dir, "", false) <= whole + 4);
	return whole;
}

static inline int
teardown(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(f->k.users, 0);
	ticket_close(&f->in.tickets, &f->k);
	tickets_done(&f->in.tickets);
	index_close(&f->ix);
	store_close(&f->st);
	sock_close(&f->peer.listen_fd);
	for (unsigned i = 0; i < PEER_MESSAGES_MAX; i++)
		buf_done(&f->sets[i]);
	(void)walk(f->dir, "", true); /* counts nothing of interest */
	mem_free(f);
	return 0;
}

struct rows {
	unsigned n;
	struct index_row last; /* numbers; its strings are gone */
	struct store_object o;
	char text[3 * UID_SIZE]; /* study|series|instance */
	char syntax[UID_SIZE], patient_id[65], study_date[9];
};

static inline bool
on_row(void *ctx, const struct index_row *row) /* index_row_fn */
{
	struct rows *r = ctx;
	r->n++;
	r->last = *row;
	(void)snprintf(r->text, sizeof(r->text), "%s|%s|%s", row->study_uid,
	    row->series_uid, row->instance_uid);
	(void)str_copy(r->syntax, UID_SIZE, row->syntax); /* valid */
	(void)str_copy(r->patient_id, 65, row->patient_id);
	(void)str_copy(r->study_date, 9, row->study_date);
	r->o.length = row->length;
	r->o.offset = row->offset;
	memcpy(r->o.name, row->name, sizeof(r->o.name));
	memcpy(r->o.digest, row->digest, sizeof(r->o.digest));
	return true;
}

/* The instances that the index knows. */
static inline struct rows
rows_of(struct fixture *f)
{
	struct rows r = {.n = 0};
	struct index_select sel = {.level = INDEX_INSTANCE, .unready = true};
	assert_int_equal(index_flush(f->ix, &f->e), 0);
	struct index_reader *reader = index_reader_open(f->ix, &f->e);
	assert_non_null(reader);
	assert_int_equal(index_select(reader, &sel, on_row, &r, &f->e), 0);
	index_reader_close(&reader);
	return r;
}

static inline void
assert_nothing_kept(struct fixture *f)
{
	assert_int_equal(files(f), 0);
	assert_int_equal(rows_of(f).n, 0);
	assert_int_equal(store_held(f->st), 0);
	assert_int_equal(atomic_load(&f->k.n_here), 0);
	assert_int_equal(atomic_load(&f->k.bytes), 0);
	assert_int_equal(f->learned, 0);
}

static inline int
start_all(void **state)
{
	struct err e;
	(void)state;
	(void)signal(SIGPIPE, SIG_IGN); /* as the agent does */
	return dataset_start(&e);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

#endif
