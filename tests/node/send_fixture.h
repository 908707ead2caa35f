/* SPDX-License-Identifier: MIT
 *
 * send_fixture: objects in a real store and index, a retrieval over a socket
 * pair, and a viewer at its other end that has answered beforehand.
 */
#ifndef TESTS_NODE_SEND_FIXTURE_H
#define TESTS_NODE_SEND_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "../dicom/assoc_peer.h"
#include "base/log.h"
#include "base/mem.h"
#include "node/retrieve_priv.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define RLE "1.2.840.10008.1.2.5"
#define LARGE 3000001 /* bytes; more than is ever held */

static uint8_t bytes[LARGE];

struct fix {
	char dir[64];
	struct index *ix;
	struct store *st;
	struct node node;
	struct session s;
	struct retrieval r;
	atomic_bool stopping;
	int peer;
	pthread_t listener;
	bool listening;
	struct buf say, heard;
	struct err e;
	char program[96];
	unsigned n_damaged, n_warned;
};

static inline void
on_damaged(void *ctx, const char *study_uid,
    const uint8_t name[STORE_NAME_BYTES], const char *why)
{
	struct fix *f = ctx;
	assert_string_equal(study_uid, "1.2");
	assert_non_null(name);
	assert_non_null(why);
	f->n_damaged++;
}

static inline void
on_line(void *ctx, enum log_level level, const char *line) /* log_sink_fn */
{
	struct fix *f = ctx;
	(void)line;
	f->n_warned += level == LOG_WARN;
}

static bool
never_withheld(void *ctx, const char *study_uid)
{
	(void)ctx;
	(void)study_uid;
	return false;
}

static inline int
setup(void **state)
{
	struct fix *f = mem_new(struct fix);
	(void)signal(SIGPIPE, SIG_IGN); /* the loop does it for the agent */
	(void)str_copy(f->dir, sizeof(f->dir), "/tmp/send-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->st = store_open(f->dir, &f->e);
	assert_non_null(f->st);
	f->ix = index_open(f->dir, NULL, &f->e);
	assert_non_null(f->ix);
	f->node.st = f->st;
	f->node.ix = f->ix;
	f->node.ports = (struct node_ports){.ctx = f,
	    .damaged = on_damaged, .withheld = never_withheld};
	f->node.decode_program = f->program;
	(void)snprintf(f->program, sizeof(f->program), "%s/helper", f->dir);
	f->r = (struct retrieval){.node = &f->node, .stopping = &f->stopping};
	buf_init(&f->r.failed_uids, 200);
	buf_init(&f->say, RAW_MAX);
	buf_init(&f->heard, RAW_MAX);
	f->r.to = raw_assoc(&f->peer, UL_STA6, 16384, NULL);
	assert_non_null(f->r.to);
	log_set_sink(on_line, f);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 2654435761u >> 24);
	*state = f;
	return 0;
}

static inline int
teardown(void **state)
{
	struct fix *f = *state;
	char *paths[] = {f->dir, NULL};
	sender_free(&f->r.sender);
	assoc_drop(&f->r.to);
	if (f->listening)
		(void)pthread_join(f->listener, NULL);
	sock_close(&f->peer);
	buf_done(&f->r.failed_uids);
	buf_done(&f->say);
	buf_done(&f->heard);
	index_close(&f->ix);
	store_close(&f->st);
	log_set_sink(NULL, NULL);
	FTS *t = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	for (FTSENT *x = fts_read(t); x != NULL; x = fts_read(t))
		if (x->fts_info != FTS_D)
			(void)remove(x->fts_accpath); /* the test is over */
	(void)fts_close(t); /* read only */
	mem_free(f);
	return 0;
}

/* An object of ${n} bytes in the store and the index. */
static inline struct store_item
make(struct fix *f, const char *uid, size_t n, const char *syntax)
{
	struct store_item it = {.study_uid = "1.2", .series_uid = "1.2.3"};
	(void)str_copy(it.instance_uid, UID_SIZE, uid);
	(void)str_copy(it.class_uid, UID_SIZE, MR_CLASS);
	(void)str_copy(it.syntax, UID_SIZE, syntax);
	struct store_writer *w = store_begin(f->st, MR_CLASS, uid, syntax,
	    &f->e);
	assert_non_null(w);
	assert_int_equal(store_write(w, bytes, n, &f->e), 0);
	assert_int_equal(store_commit(&w, "1.2", "1.2.3", uid, &it.object,
	    &f->e), 0);
	struct index_object o = {.study_uid = "1.2", .series_uid = "1.2.3",
	    .instance_uid = it.instance_uid, .class_uid = MR_CLASS,
	    .syntax = it.syntax, .length = it.object.length,
	    .offset = it.object.offset, .patient_id = "P1", .issuer = "",
	    .study_date = "", .modality = "MR"};
	memcpy(o.name, it.object.name, sizeof(o.name));
	memcpy(o.digest, it.object.digest, sizeof(o.digest));
	index_put_object(f->ix, &o);
	assert_int_equal(index_flush(f->ix, &f->e), 0);
	return it;
}

static inline void
path_of(const struct fix *f, const struct store_item *it, char ret[256])
{
	char hex[2 * STORE_NAME_BYTES + 1];
	str_hex(hex, it->object.name, STORE_NAME_BYTES);
	(void)snprintf(ret, 256, "%s/%.2s/%.2s/%s.dcm", f->dir, hex, hex + 2,
	    hex);
}

static inline void
damage(const struct fix *f, const struct store_item *it, size_t at)
{
	char path[256];
	uint8_t b = bytes[at] ^ 1;
	path_of(f, it, path);
	int fd = open(path, O_WRONLY);
	assert_int_equal(pwrite(fd, &b, 1,
	    (off_t)(it->object.offset + at)), 1);
	(void)close(fd);
}

static inline void
lose(const struct fix *f, const struct store_item *it)
{
	char path[256];
	path_of(f, it, path);
	assert_int_equal(unlink(path), 0);
}

/* The viewer will have answered the next object, the ${id}th, by then. */
static inline void
will_answer(struct fix *f, uint16_t id, uint16_t status)
{
	struct dimse d = {.command = DIMSE_C_STORE_RSP, .message_id = id,
	    .has_status = true, .status = status};
	struct buf set;
	buf_init(&set, 4096);
	buf_clear(&f->say);
	dimse_format(&set, &d);
	raw_pdv(&f->say, 3, RAW_COMMAND | RAW_LAST, set.p,
	    (uint32_t)set.len);
	assert_true(raw_write(f->peer, &f->say));
	buf_done(&set);
}

static inline void *
listen_to_the_end(void *arg)
{
	struct fix *f = arg;
	raw_read_end(f->peer, &f->heard);
	(void)shutdown(f->peer, SHUT_WR); /* who waits for us need not */
	return NULL;
}

static inline void
listen_aside(struct fix *f)
{
	assert_int_equal(pthread_create(&f->listener, NULL, listen_to_the_end,
	    f), 0);
	f->listening = true;
}

static inline void
stop_listening(struct fix *f)
{
	assoc_drop(&f->r.to);
	assert_int_equal(pthread_join(f->listener, NULL), 0);
	f->listening = false;
}

/* The last data set among what was heard so far: its bytes into ${set}, the
 * command before it into ${d}. True when it has its end. */
static inline bool
last_object(struct fix *f, struct buf *set, struct dimse *d)
{
	size_t at = 0;
	bool whole = false;
	const struct buf *b = &f->heard;
	if (!f->listening && f->r.to != NULL)
		(void)raw_read(f->peer, &f->heard); /* the end or not */
	while (at + PDU_HEAD + 6 <= b->len && b->p[at] == PDU_DATA) {
		const uint8_t *p = b->p + at + PDU_HEAD;
		struct cur c = cur_of(p, 4);
		uint32_t n = cur_u32be(&c) - 2;
		int flags = p[5];
		assert_int_equal(p[4], 3);
		whole = (flags & RAW_COMMAND) == 0 && (flags & RAW_LAST) != 0;
		if ((flags & RAW_COMMAND) != 0) {
			assert_int_equal(dimse_parse(p + 6, n, d, &f->e), 0);
			buf_clear(set);
		} else if (n > 0) {
			buf_add(set, p + 6, n);
		}
		at += PDU_HEAD + 6 + n;
	}
	return whole;
}

static inline void
assert_last_object(struct fix *f, const char *uid, const void *p, size_t n)
{
	struct buf set;
	struct dimse d = {.command = 0};
	buf_init(&set, RAW_MAX);
	assert_true(last_object(f, &set, &d));
	assert_string_equal(d.instance_uid, uid);
	assert_int_equal(set.len, n);
	assert_memory_equal(set.p, p, n);
	buf_done(&set);
}

static inline bool
heard_nothing(struct fix *f)
{
	(void)raw_read(f->peer, &f->heard); /* the end or not */
	return f->heard.len == 0 && assoc_is_open(f->r.to);
}

/* A helper that reads an object of ${n} bytes, then runs ${then}. */
static inline void
write_helper(struct fix *f, size_t n, const char *then)
{
	FILE *file = fopen(f->program, "w");
	assert_non_null(file);
	(void)fprintf(file, "#!/bin/sh\ndd bs=1 count=%zu of=/dev/null "
	    "2>/dev/null\n%s\n", 8 + 64 + 64 + n, then);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(f->program, 0700), 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

#endif
