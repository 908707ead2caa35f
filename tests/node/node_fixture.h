/* SPDX-License-Identifier: MIT
 *
 * node_fixture: a node without a port, with objects in a real store and
 * index, archives that are a table, and a viewer on a thread of its own at
 * the other end of a socket pair.
 */
#ifndef TESTS_NODE_NODE_FIXTURE_H
#define TESTS_NODE_NODE_FIXTURE_H

#include <fts.h>
#include <limits.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "node/node_priv.h"
#include "viewer_fixture.h"

#define OBJECTS_MAX 64

/* an object to be made; "" and 0 are filled in */
struct made {
	const char *study, *series, *uid;
	int series_number, number;
	const char *patient, *name, *image_type, *class_uid, *syntax;
	bool away; /* in the store, not in the index: the archive's */
};

/* what an archive's answer or the following of a study gives */
struct step {
	int rc; /* of follow_next */
	const char *uid; /* of an object that was made */
};

struct follow {
	struct fix *f;
	unsigned at;
};

struct fix {
	char dir[64];
	struct index *ix;
	struct store *st;
	struct node *node;
	struct session s;
	struct viewer v;
	struct ear ear;
	struct err e;
	struct store_item items[OBJECTS_MAX];
	unsigned n_items;
	/* the archives */
	const struct step *steps;
	unsigned listed;
	bool completes, follows;
	const char *withheld;
	struct attrs theirs[ANSWERS_MAX];
	unsigned n_theirs;
	char asked[256]; /* study UIDs of the question, "-" if none */
	unsigned n_asked, answers_before; /* answers when it was asked */
	/* the log */
	atomic_uint n_errors;
	int held;
};

static inline void
on_log(void *ctx, enum log_level level, const char *line) /* log_sink_fn */
{
	struct fix *f = ctx;
	if (level == LOG_ERROR)
		atomic_fetch_add(&f->n_errors, 1);
	(void)line;
}

/* --- ports --- */

static inline void
fake_hold(void *ctx, const char *uid)
{
	((struct fix *)ctx)->held++;
	(void)uid;
}

static inline void
fake_release(void *ctx, const char *uid)
{
	((struct fix *)ctx)->held--;
	(void)uid;
}

static inline void
fake_elsewhere(void *ctx, const struct attrs *keys, node_answer_fn *fn,
    void *fn_ctx)
{
	struct fix *f = ctx;
	const char *uids = attrs_value(keys, TAG_STUDY_UID);
	(void)str_copy(f->asked, sizeof(f->asked), uids[0] == '\0' ? "-" :
	    uids);
	f->n_asked++;
	while (f->v.cancel_after > 0 && !atomic_load(&f->v.cancelled))
		(void)sched_yield(); /* it has an answer, so it will */
	for (unsigned i = 0; i < f->n_theirs; i++)
		fn(fn_ctx, &f->theirs[i]);
}

static inline bool
fake_completes(void *ctx, const char *uid)
{
	(void)uid;
	return ((struct fix *)ctx)->completes;
}

static inline bool
fake_withheld(void *ctx, const char *uid)
{
	struct fix *f = ctx;
	return f->withheld != NULL && str_eq(f->withheld, uid);
}

static inline struct follow *
fake_follow(void *ctx, const char *uid, struct err *e)
{
	struct fix *f = ctx;
	(void)uid;
	if (!f->follows) {
		(void)err_set(e, ERR_NET, 0, "it is down");
		return NULL;
	}
	struct follow *w = mem_new(struct follow);
	w->f = f;
	return w;
}

static inline int
fake_follow_next(void *ctx, struct follow *w, int64_t wait_ms,
    struct store_item *ret, struct err *e)
{
	struct fix *f = ctx;
	const struct step *s = &f->steps[w->at++];
	(void)wait_ms;
	if (s->rc < 0)
		return err_set(e, ERR_NET, 0, "cut");
	for (unsigned i = 0; i < f->n_items && s->rc == 1; i++)
		if (str_eq(f->items[i].instance_uid, s->uid))
			*ret = f->items[i];
	return s->rc;
}

static inline unsigned
fake_follow_listed(void *ctx, struct follow *w)
{
	(void)w;
	return ((struct fix *)ctx)->listed;
}

static inline void
fake_follow_end(void *ctx, struct follow **pp)
{
	(void)ctx;
	mem_free(*pp);
	*pp = NULL;
}

/* --- objects --- */

static inline void
blob(struct buf *b, const struct attrs *as)
{
	buf_init(b, 65536);
	attrs_format(b, as);
}

static inline void
index_it(struct fix *f, const struct made *m, const struct store_item *it)
{
	struct attrs study, series, instance;
	struct buf b[3];
	attrs_init(&study);
	attrs_init(&series);
	attrs_init(&instance);
	attrs_put(&study, TAG_PATIENT_NAME, m->name != NULL ? m->name :
	    "DOE^JANE");
	attrs_put(&study, TAG_STUDY_DATE, "20260701");
	attrs_putf(&series, TAG_SERIES_NUMBER, "%d", m->series_number);
	attrs_put(&instance, TAG_IMAGE_TYPE, m->image_type != NULL ?
	    m->image_type : "ORIGINAL\\PRIMARY\\M");
	blob(&b[0], &study);
	blob(&b[1], &series);
	blob(&b[2], &instance);
	struct index_object o = {.study_uid = it->study_uid,
	    .series_uid = it->series_uid, .instance_uid = it->instance_uid,
	    .class_uid = it->class_uid, .syntax = it->syntax,
	    .length = it->object.length, .offset = it->object.offset,
	    .patient_id = m->patient != NULL ? m->patient : "P1",
	    .issuer = "", .study_date = "20260701", .modality = "MR",
	    .series_number = m->series_number, .instance_number = m->number,
	    .patient_study = {b[0].p, b[0].len},
	    .series = {b[1].p, b[1].len}, .instance = {b[2].p, b[2].len}};
	memcpy(o.name, it->object.name, sizeof(o.name));
	memcpy(o.digest, it->object.digest, sizeof(o.digest));
	index_put_object(f->ix, &o);
	for (int i = 0; i < 3; i++)
		buf_done(&b[i]);
	attrs_done(&study);
	attrs_done(&series);
	attrs_done(&instance);
}

static inline void
make(struct fix *f, const struct made *m)
{
	struct store_item *it = &f->items[f->n_items++];
	memset(it, 0, sizeof(*it));
	(void)str_copy(it->study_uid, UID_SIZE, m->study);
	(void)str_copy(it->series_uid, UID_SIZE, m->series);
	(void)str_copy(it->instance_uid, UID_SIZE, m->uid);
	(void)str_copy(it->class_uid, UID_SIZE, m->class_uid != NULL ?
	    m->class_uid : MR_CLASS);
	(void)str_copy(it->syntax, UID_SIZE, m->syntax != NULL ? m->syntax :
	    EXPLICIT_LE);
	struct store_writer *w = store_begin(f->st, it->class_uid, m->uid,
	    it->syntax, &f->e);
	assert_non_null(w);
	assert_int_equal(store_write(w, m->uid, strlen(m->uid), &f->e), 0);
	assert_int_equal(store_commit(&w, m->study, m->series, m->uid,
	    &it->object, &f->e), 0);
	if (!m->away)
		index_it(f, m, it);
}

static inline void
study_is(struct fix *f, const char *uid, bool ready, unsigned expected)
{
	index_put_study(f->ix, uid, ready, expected, "pacs");
	assert_int_equal(index_flush(f->ix, &f->e), 0);
}

/* --- the viewer --- */

static inline void
connect_viewer(struct fix *f)
{
	int fd[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	f->s.a = one_end(fd[0], &f->s.stop);
	f->v.a = one_end(fd[1], NULL);
}

/* --- the listener --- */

static inline void
listen_at(struct fix *f)
{
	f->ear.fd = raw_listen(&f->ear.port);
	assert_true(f->ear.fd >= 0);
	struct known_peer *p = &f->node->peers[0];
	(void)str_copy(p->ae_title, AE_SIZE, "OSIRIX");
	(void)str_copy(p->host, sizeof(p->host), "127.0.0.1");
	p->port = f->ear.port;
	f->node->n_peers = 1;
	assert_int_equal(pthread_create(&f->ear.thread, NULL, ear_run,
	    &f->ear), 0);
}

static inline void
hear_out(struct fix *f)
{
	if (f->ear.fd < 0)
		return;
	atomic_store(&f->ear.over, true);
	(void)pthread_join(f->ear.thread, NULL);
	sock_close(&f->ear.fd);
}

/* --- together --- */

static inline int
setup(void **state)
{
	struct fix *f = mem_new(struct fix);
	(void)signal(SIGPIPE, SIG_IGN); /* the loop does it for the agent */
	(void)str_copy(f->dir, sizeof(f->dir), "/tmp/node-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	log_set_sink(on_log, f);
	f->st = store_open(f->dir, &f->e);
	assert_non_null(f->st);
	f->ix = index_open(f->dir, NULL, &f->e);
	assert_non_null(f->ix);
	struct node *n = f->node = mem_new(struct node);
	n->ports = (struct node_ports){.ctx = f, .hold = fake_hold,
	    .release = fake_release, .elsewhere = fake_elsewhere,
	    .completes = fake_completes, .withheld = fake_withheld,
	    .follow = fake_follow, .follow_next = fake_follow_next,
	    .follow_listed = fake_follow_listed,
	    .follow_end = fake_follow_end};
	n->ix = f->ix;
	n->st = f->st;
	n->read_through = true;
	(void)str_copy(n->ae_title, AE_SIZE, "UNDERSTUDY");
	lock_init(&n->lock);
	f->s.node = n;
	assoc_stop_init(&f->s.stop);
	assoc_stop_init(&f->s.move_stop);
	f->ear.fd = -1;
	connect_viewer(f);
	*state = f;
	return 0;
}

static inline void
remove_tree(const char *path)
{
	char copy[128];
	(void)str_copy(copy, sizeof(copy), path); /* short */
	char *paths[] = {copy, NULL};
	FTS *t = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	for (FTSENT *n = fts_read(t); n != NULL; n = fts_read(t))
		if (n->fts_info != FTS_D)
			(void)remove(n->fts_accpath); /* the test is over */
	(void)fts_close(t); /* read only */
}

static inline int
teardown(void **state)
{
	struct fix *f = *state;
	hear_out(f);
	int held = f->held;
	assoc_drop(&f->s.a);
	assoc_drop(&f->v.a);
	index_reader_close(&f->s.reader);
	assoc_stop_done(&f->s.stop);
	assoc_stop_done(&f->s.move_stop);
	for (unsigned i = 0; i < f->v.n_answers; i++)
		attrs_done(&f->v.answers[i]);
	for (unsigned i = 0; i < f->n_theirs; i++)
		attrs_done(&f->theirs[i]);
	lock_done(&f->node->lock);
	mem_free(f->node);
	index_close(&f->ix);
	store_close(&f->st);
	log_set_sink(NULL, NULL);
	remove_tree(f->dir);
	mem_free(f);
	return held; /* all that was held is released */
}

/* The viewer asks ${keys}, the node serves it: what node_find or
 * node_retrieve returned. */
static inline int
ask(struct fix *f, uint16_t command, const struct attrs *keys)
{
	static const struct assoc_context contexts[] = {
	    {FIND_ID, CLASS_STUDY_FIND, EXPLICIT_LE},
	    {GET_ID, CLASS_STUDY_GET, EXPLICIT_LE},
	    {MOVE_ID, CLASS_STUDY_MOVE, EXPLICIT_LE}};
	const struct assoc_context *c = &contexts[command ==
	    DIMSE_C_FIND_RQ ? 0 : command == DIMSE_C_GET_RQ ? 1 : 2];
	pthread_t thread;
	struct dimse rq;
	uint8_t context = 0;
	f->v.context = c->id;
	f->v.keys = keys;
	f->v.rq = (struct dimse){.command = command, .message_id = 7,
	    .has_data = true};
	(void)str_copy(f->v.rq.class_uid, UID_SIZE, c->abstract);
	(void)str_copy(f->v.rq.destination, AE_SIZE, "THEATRE6-IMAC");
	assert_int_equal(pthread_create(&thread, NULL, viewer_run, &f->v),
	    0);
	int rc = assoc_receive(f->s.a, 10000, &rq, &context, &f->e);
	if (rc == 1)
		rc = command == DIMSE_C_FIND_RQ ?
		    node_find(&f->s, c, &rq, &f->e) :
		    node_retrieve(&f->s, c, &rq, &f->e);
	if (rc != 0)
		assoc_break(f->s.a);
	(void)pthread_join(thread, NULL);
	return rc;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
