/* SPDX-License-Identifier: MIT */
/* An archive of one study for tests: it answers C-ECHO, C-FIND and C-GET on
 * threads of its own, counts what it is asked, and stops, dies or keeps
 * things to itself when told. */
#ifndef TESTS_PREFETCH_SMALL_ARCHIVE_H
#define TESTS_PREFETCH_SMALL_ARCHIVE_H

#include <stdio.h>

#include "base/lock.h"
#include "base/mem.h"
#include "dicom/dataset.h"
#include "wire/attrs.h"
#include "wire/classes.h"
#include "wire/scan.h"

#include "intake_fixture.h"

#define ARCHIVE_OBJECTS 6 /* in two series */
#define ARCHIVE_THREADS_MAX 64
#define SERIES_OF(i) ((i) < 4 ? "1.2.3.4" : "1.2.3.5")

struct small_archive;
struct line { /* one association */
	struct small_archive *archive;
	pthread_t thread;
	int fd;
	struct pdu_associate rq;
	struct buf b, set;
};

struct small_archive {
	/* set before it starts */
	int listen_fd;
	const char *patient_id;
	bool tells_counts;
	bool says_one_class; /* of all its instances, the one they have */
	bool guesses_wrong; /* another */
	unsigned counts_more; /* instances than it lists */
	bool is_empty;
	/* any thread */
	atomic_bool is_silent; /* takes connections, says nothing */
	atomic_bool is_busy; /* it has no resources for a retrieval: A702 */
	atomic_bool refuses; /* nor for an association: for the moment */
	atomic_uint hides; /* objects that it has not, a bit each */
	/* shared, under lock */
	struct lock lock;
	struct cond moved;
	unsigned may_send; /* objects until it waits */
	unsigned dies_at; /* objects until it hangs up; 0 = never */
	unsigned finds, gets; /* asked */
	unsigned asked_classes; /* of those, for the class of each instance */
	bool ended;
	struct line *lines[ARCHIVE_THREADS_MAX]; /* owned */
	unsigned n_lines;
	pthread_t thread;
};

static inline const char *
archive_uid(unsigned i, char dst[UID_SIZE])
{
	(void)snprintf(dst, UID_SIZE, "%s.%u", SERIES_OF(i), i + 1);
	return dst;
}

static inline void
archive_allow(struct small_archive *s, unsigned may_send, unsigned dies_at)
{
	lock_acquire(&s->lock);
	s->may_send = may_send;
	s->dies_at = dies_at;
	cond_broadcast(&s->moved);
	lock_release(&s->lock);
}

static inline unsigned
archive_count(struct small_archive *s, bool gets)
{
	lock_acquire(&s->lock);
	unsigned n = gets ? s->gets : s->finds;
	lock_release(&s->lock);
	return n;
}

/* Wait for leave to send object ${i}; false when it is to hang up. */
static inline bool
archive_may_send(struct small_archive *s, unsigned i)
{
	lock_acquire(&s->lock);
	while (i >= s->may_send && !s->ended)
		lock_wait(&s->lock, &s->moved);
	bool ok = !s->ended && (s->dies_at == 0 || i < s->dies_at);
	lock_release(&s->lock);
	return ok;
}

static inline bool
line_accept(struct line *l)
{
	struct pdu_associate ac = {.max_pdu = PEER_PIECE};
	struct err e;
	if (peer_pdu(l->fd, &l->b) != PDU_ASSOCIATE_RQ ||
	    pdu_parse_associate(PDU_ASSOCIATE_RQ, l->b.p, l->b.len, &l->rq,
	    &e) != 0)
		return false;
	if (atomic_load(&l->archive->refuses)) {
		struct pdu_reject rj = {2, 3, 2}; /* local limit exceeded */
		buf_clear(&l->b);
		pdu_format_reject(&l->b, &rj);
		(void)peer_write(l->fd, l->b.p, l->b.len); /* it may be gone */
		return false;
	}
	(void)str_copy(ac.called, AE_SIZE, l->rq.called); /* same size */
	(void)str_copy(ac.calling, AE_SIZE, l->rq.calling);
	for (unsigned i = 0; i < l->rq.n_contexts; i++) {
		const char *syntax = pdu_syntax(&l->rq, &l->rq.contexts[i], 0);
		(void)pdu_add_context(&ac, l->rq.contexts[i].id, NULL,
		    &syntax, 1);
	}
	buf_clear(&l->b);
	pdu_format_associate(&l->b, PDU_ASSOCIATE_AC, &ac);
	pdu_associate_done(&ac);
	return peer_write(l->fd, l->b.p, l->b.len);
}

/* One message; false at the end. */
static inline bool
line_read(struct line *l, struct dimse *d, uint8_t *ret_context)
{
	struct buf command;
	struct err e;
	bool whole = false;
	bool ok = true;
	buf_init(&command, DIMSE_COMMAND_MAX);
	buf_clear(&l->set);
	while (!whole && ok) {
		unsigned type = peer_pdu(l->fd, &l->b);
		struct cur c = cur_of(l->b.p, l->b.len);
		struct pdv v;
		ok = type == PDU_DATA;
		while (ok && pdu_next_pdv(&c, &v, &e) == 1) {
			buf_add(v.is_command ? &command : &l->set, v.p, v.n);
			*ret_context = v.context;
			if (!v.is_last)
				continue;
			if (v.is_command)
				ok = dimse_parse(command.p, command.len, d,
				    &e) == 0;
			whole = !v.is_command || !d->has_data;
		}
		if (type == PDU_RELEASE_RQ) {
			buf_clear(&l->b);
			pdu_format_release(&l->b, PDU_RELEASE_RP);
			(void)peer_write(l->fd, l->b.p, l->b.len); /* bye */
		}
	}
	buf_done(&command);
	return ok;
}

static inline const struct pdu_context *
line_context(const struct line *l, uint8_t id)
{
	unsigned i = 0;
	while (l->rq.contexts[i].id != id)
		i++;
	return &l->rq.contexts[i];
}

static inline bool
line_answer(struct line *l, const struct dimse *rq, uint8_t context,
    uint16_t status, const struct attrs *as)
{
	struct buf set;
	struct err e;
	struct peer_message m = {.rq = dimse_response(rq, status),
	    .context = context};
	buf_init(&set, DATASET_IDENTIFIER_MAX);
	m.rq.has_data = as != NULL;
	if (as != NULL)
		(void)dataset_format(as, pdu_syntax(&l->rq,
		    line_context(l, context), 0), &set, &e); /* small */
	m.set = set.p;
	m.n = set.len;
	bool ok = peer_send(l->fd, &m, &l->b);
	buf_done(&set);
	return ok;
}

static inline bool
is_in(const char *list, const char *uid)
{
	size_t n = strlen(uid);
	const char *at = strstr(list, uid);
	return list[0] == '\0' || (at != NULL && (at[n] == '\0' ||
	    at[n] == '\\'));
}

static inline void
put_asked(struct attrs *as, uint32_t tag, const char *value)
{
	if (attrs_get(as, tag) != NULL)
		attrs_put(as, tag, value);
}

static inline const char *
archive_counts(struct small_archive *s, char dst[8])
{
	unsigned n = s->counts_more;
	for (unsigned i = 0; i < ARCHIVE_OBJECTS; i++)
		n += (atomic_load(&s->hides) >> i & 1) == 0;
	(void)snprintf(dst, 8, "%u", n);
	return dst;
}

static inline bool
line_find(struct line *l, const struct dimse *rq, uint8_t context,
    const struct attrs *keys)
{
	struct small_archive *s = l->archive;
	const char *level = attrs_value(keys, TAG_LEVEL);
	const char *id = attrs_value(keys, TAG_PATIENT_ID);
	bool ok = true;
	const char *before = "";
	char count[8];
	for (unsigned i = 0; i < ARCHIVE_OBJECTS && ok; i++) {
		struct attrs as;
		char uid[UID_SIZE];
		const char *entity = str_eq(level, "IMAGE") ?
		    archive_uid(i, uid) : str_eq(level, "SERIES") ?
		    SERIES_OF(i) : STUDY;
		if (s->is_empty || (atomic_load(&s->hides) >> i & 1) != 0 ||
		    !is_in(attrs_value(keys, TAG_STUDY_UID), STUDY) ||
		    !is_in(attrs_value(keys, TAG_SERIES_UID), SERIES_OF(i)) ||
		    (id[0] != '\0' && !str_eq(id, s->patient_id)) ||
		    str_eq(entity, before))
			continue;
		before = str_eq(level, "IMAGE") ? "" : entity;
		attrs_init(&as);
		for (unsigned k = 0; k < keys->n; k++)
			attrs_put(&as, keys->a[k].tag, keys->a[k].tag ==
			    TAG_LEVEL ? level : "");
		put_asked(&as, TAG_STUDY_UID, STUDY);
		put_asked(&as, TAG_SERIES_UID, SERIES_OF(i));
		put_asked(&as, TAG_SOP_INSTANCE, archive_uid(i, uid));
		put_asked(&as, TAG_PATIENT_ID, s->patient_id);
		put_asked(&as, TAG_STUDY_DESCRIPTION, "Heart");
		put_asked(&as, TAG_MODALITY, i < 4 ? "MR" : "SR");
		if (s->tells_counts) {
			put_asked(&as, TAG_MODALITIES, "MR\\SR");
			put_asked(&as, TAG_STUDY_INSTANCES,
			    archive_counts(s, count));
		}
		if (s->says_one_class)
			put_asked(&as, TAG_CLASSES_IN_STUDY,
			    s->guesses_wrong ? CLASS_STUDY_GET : MR);
		ok = line_answer(l, rq, context, DIMSE_PENDING, &as);
		attrs_done(&as);
	}
	return ok && line_answer(l, rq, context, DIMSE_SUCCESS, NULL);
}

static inline bool
line_get(struct line *l, const struct dimse *rq, uint8_t context,
    const struct attrs *keys)
{
	const char *wanted = attrs_value(keys, TAG_SOP_INSTANCE);
	uint8_t to = 0;
	if (atomic_load(&l->archive->is_busy))
		return line_answer(l, rq, context, DIMSE_CANNOT_SEND, NULL);
	for (unsigned i = 0; i < l->rq.n_contexts; i++)
		if (str_eq(l->rq.contexts[i].abstract, MR) && str_eq(
		    pdu_syntax(&l->rq, &l->rq.contexts[i], 0),
		    SYNTAX_EXPLICIT_LE))
			to = l->rq.contexts[i].id;
	for (unsigned i = 0; i < ARCHIVE_OBJECTS && to != 0; i++) {
		char uid[UID_SIZE];
		struct dimse rsp;
		uint8_t ignored;
		struct object o = good;
		o.instance_uid = archive_uid(i, uid);
		o.series_uid = SERIES_OF(i);
		if (!is_in(wanted, uid) ||
		    (atomic_load(&l->archive->hides) >> i & 1) != 0)
			continue;
		if (!archive_may_send(l->archive, i))
			return false;
		struct peer_message m = {.context = to, .rq = {
		    .command = DIMSE_C_STORE_RQ, .has_data = true,
		    .message_id = (uint16_t)(i + 1)}};
		struct buf set;
		buf_init(&set, 1 << 20);
		build(&set, EXPLICIT, &o);
		m.set = set.p;
		m.n = set.len;
		(void)str_copy(m.rq.class_uid, UID_SIZE, MR); /* short */
		(void)str_copy(m.rq.instance_uid, UID_SIZE, uid);
		bool ok = peer_send(l->fd, &m, &l->b) &&
		    line_read(l, &rsp, &ignored);
		buf_done(&set);
		if (!ok)
			return false;
	}
	return line_answer(l, rq, context, DIMSE_SUCCESS, NULL);
}

static inline void *
line_run(void *ctx)
{
	struct line *l = ctx;
	struct small_archive *s = l->archive;
	struct dimse d;
	uint8_t context = 0;
	bool silent = atomic_load(&s->is_silent);
	bool ok = !silent && line_accept(l);
	if (silent)
		(void)peer_pdu(l->fd, &l->b); /* and no answer, ever */
	while (ok && line_read(l, &d, &context)) {
		struct attrs keys;
		struct err e;
		attrs_init(&keys);
		if (d.has_data)
			(void)dataset_parse(l->set.p, l->set.len, pdu_syntax(
			    &l->rq, line_context(l, context), 0), NULL, 0,
			    &keys, &e); /* ours: it can be read */
		lock_acquire(&s->lock);
		s->finds += d.command == DIMSE_C_FIND_RQ;
		s->gets += d.command == DIMSE_C_GET_RQ;
		s->asked_classes += d.command == DIMSE_C_FIND_RQ &&
		    str_eq(attrs_value(&keys, TAG_LEVEL), "IMAGE") &&
		    attrs_get(&keys, TAG_SOP_CLASS) != NULL;
		lock_release(&s->lock);
		if (d.command == DIMSE_C_FIND_RQ)
			ok = line_find(l, &d, context, &keys);
		else if (d.command == DIMSE_C_GET_RQ)
			ok = line_get(l, &d, context, &keys);
		else
			ok = line_answer(l, &d, context, DIMSE_SUCCESS, NULL);
		attrs_done(&keys);
	}
	if (silent) /* until the peer gives up */
		(void)peer_pdu(l->fd, &l->b);
	(void)shutdown(l->fd, SHUT_RDWR); /* it is over for both */
	return NULL;
}

static inline void *
archive_run(void *ctx)
{
	struct small_archive *s = ctx;
	for (;;) {
		int fd = accept(s->listen_fd, NULL, NULL);
		if (fd < 0)
			return NULL;
		lock_acquire(&s->lock);
		if (s->ended || s->n_lines == ARCHIVE_THREADS_MAX) {
			sock_close(&fd);
			bool ended = s->ended;
			lock_release(&s->lock);
			if (ended)
				return NULL;
			continue;
		}
		struct line *l = mem_new(struct line);
		l->archive = s;
		l->fd = fd;
		(void)fcntl(fd, F_SETFL, 0); /* see peer_run */
		buf_init(&l->b, PDU_DATA_MAX);
		buf_init(&l->set, 1 << 20);
		s->lines[s->n_lines++] = l;
		(void)pthread_create(&l->thread, NULL, line_run, l);
		lock_release(&s->lock);
	}
}

static inline void
archive_start(struct small_archive *s, uint16_t port)
{
	struct err e;
	lock_init(&s->lock);
	cond_init(&s->moved);
	s->may_send = ARCHIVE_OBJECTS;
	s->ended = false;
	s->listen_fd = sock_listen("127.0.0.1", port, &e);
	if (s->listen_fd < 0)
		fail_msg("%s", e.msg);
	(void)fcntl(s->listen_fd, F_SETFL, 0); /* accept waits */
	assert_int_equal(pthread_create(&s->thread, NULL, archive_run, s), 0);
}

/* Hang up on all, listen no more. */
static inline void
archive_end(struct small_archive *s)
{
	if (s->listen_fd < 0)
		return;
	struct sockaddr_storage to;
	socklen_t n = sizeof(to);
	(void)getsockname(s->listen_fd, (struct sockaddr *)&to, &n);
	lock_acquire(&s->lock);
	s->ended = true;
	cond_broadcast(&s->moved);
	for (unsigned i = 0; i < s->n_lines; i++)
		(void)shutdown(s->lines[i]->fd, SHUT_RDWR);
	lock_release(&s->lock);
	int fd = socket(to.ss_family, SOCK_STREAM, 0);
	(void)connect(fd, (struct sockaddr *)&to, n); /* wakes accept */
	sock_close(&fd);
	(void)pthread_join(s->thread, NULL); /* it ends by itself */
	sock_close(&s->listen_fd);
	for (unsigned i = 0; i < s->n_lines; i++) {
		(void)pthread_join(s->lines[i]->thread, NULL);
		sock_close(&s->lines[i]->fd);
		pdu_associate_done(&s->lines[i]->rq);
		buf_done(&s->lines[i]->b);
		buf_done(&s->lines[i]->set);
		mem_free(s->lines[i]);
	}
	s->n_lines = 0;
	cond_done(&s->moved);
	lock_done(&s->lock);
}

#endif
