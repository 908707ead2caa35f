/* SPDX-License-Identifier: MIT
 *
 * listen_fixture: a listener on the loopback address and raw callers, all on
 * one thread: the loop is polled until something has happened.
 */
#ifndef TESTS_DICOM_LISTEN_FIXTURE_H
#define TESTS_DICOM_LISTEN_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <time.h>

#include <cmocka.h>
#include <fcntl.h>

#include "assoc_peer.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/stats.h"
#include "dicom/listen.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define POLLS_MAX 20000 /* a test that needs more has failed */
#define POLLS_BUSY 5000 /* then each waits 1 ms: others run here too */
#define IDLE_MS 600000
#define READY_MAX 16

struct fix {
	struct loop *l;
	struct listener *s;
	int files; /* open before */
	/* what decide answers, and saw */
	bool refuse;
	struct pdu_reject rj;
	unsigned most; /* associations, 0 = any number */
	unsigned decided, saw_open, saw_recent;
	struct listen_open saw_last; /* of those that are open */
	char calling[AE_SIZE];
	bool local;
	/* what became ready */
	struct assoc *ready[READY_MAX];
	unsigned n_ready;
	/* the caller */
	int fd;
	struct buf say, heard;
	struct err e;
	char words[256];
	unsigned lines; /* logged above debug */
};

static inline int
count_files(void)
{
	int n = 0;
	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) != -1;
	return n;
}

static inline bool
on_decide(void *ctx, const struct listen_caller *c, struct pdu_associate *ac,
    struct pdu_reject *rj)
{
	struct fix *f = ctx;
	f->decided++;
	f->saw_open = c->n_open;
	f->saw_recent = c->n_recent;
	if (c->n_open > 0)
		f->saw_last = c->open[c->n_open - 1];
	f->local = c->local;
	(void)str_copy(f->calling, AE_SIZE, c->rq->calling);
	*rj = f->rj;
	if (f->refuse || (f->most > 0 && c->n_open >= f->most))
		return false;
	for (unsigned i = 0; i < c->rq->n_contexts; i++) {
		const struct pdu_context *k = &c->rq->contexts[i];
		const char *syntax = pdu_syntax(c->rq, k, 0);
		(void)pdu_add_context(ac, k->id, k->abstract, &syntax, 1);
	}
	return true;
}

static inline void
on_ready(void *ctx, struct assoc *take)
{
	struct fix *f = ctx;
	if (f->n_ready < READY_MAX)
		f->ready[f->n_ready++] = take;
	else
		listen_return(f->s, take);
}

static inline void
on_line(void *ctx, enum log_level level, const char *line)
{
	struct fix *f = ctx;
	(void)line; /* only counted */
	f->lines += level > LOG_DEBUG;
}

static inline void
listen_on(struct fix *f, const char *host, int idle_ms)
{
	const struct listen_ports ports = {.ctx = f, .decide = on_decide,
	    .ready = on_ready};
	listen_free(&f->s);
	f->s = listen_start(f->l, host, 0, idle_ms, &ports, &f->e);
	assert_non_null(f->s);
}

static inline void
listen_at(struct fix *f, int idle_ms)
{
	listen_on(f, "127.0.0.1", idle_ms);
}

static inline int
setup(void **state)
{
	static struct fix f;
	struct err e;
	f = (struct fix){.fd = -1};
	f.files = count_files();
	f.l = loop_new(&e);
	buf_init(&f.say, RAW_MAX);
	buf_init(&f.heard, RAW_MAX);
	log_set_sink(on_line, &f);
	*state = &f;
	if (f.l == NULL)
		return -1;
	listen_at(&f, IDLE_MS);
	return 0;
}

static inline int
teardown(void **state)
{
	struct fix *f = *state;
	for (unsigned i = 0; i < f->n_ready; i++)
		listen_return(f->s, f->ready[i]);
	listen_free(&f->s);
	loop_free(&f->l);
	sock_close(&f->fd);
	buf_done(&f->say);
	buf_done(&f->heard);
	clock_set_source(NULL);
	limits_set(NULL);
	log_set_sink(NULL, NULL);
	return count_files() == f->files ? 0 : -1;
}

/* Hang up, and call anew. */
static inline void
call(struct fix *f)
{
	sock_close(&f->fd);
	buf_clear(&f->say);
	buf_clear(&f->heard);
	f->fd = raw_connect(listen_port(f->s));
	assert_true(f->fd >= 0);
}

static inline void
say(struct fix *f)
{
	assert_true(raw_write(f->fd, &f->say));
	buf_clear(&f->say);
}

/* The ${i}th poll. */
static inline void
poll_once(struct fix *f, int i)
{
	static const struct timespec ms = {.tv_nsec = 1000000};
	if (i >= POLLS_BUSY)
		(void)nanosleep(&ms, NULL); /* a signal makes it shorter */
	loop_poll(f->l);
}

/* Poll until ${n} bytes were heard, or the end. */
static inline const char *
hear(struct fix *f, size_t n)
{
	bool ended = false;
	for (int i = 0; i < POLLS_MAX && !ended && f->heard.len < n; i++) {
		poll_once(f, i);
		ended = raw_read(f->fd, &f->heard);
	}
	return raw_words(&f->heard, f->words, sizeof(f->words));
}

/* Poll until the other side has closed. */
static inline const char *
hear_end(struct fix *f)
{
	const char *words = hear(f, SIZE_MAX);
	bool ended = raw_read(f->fd, &f->heard);
	assert_true(ended);
	return words;
}

/* Poll until ${n} associations have become ready. */
static inline void
poll_ready(struct fix *f, unsigned n)
{
	for (int i = 0; i < POLLS_MAX && f->n_ready < n; i++)
		poll_once(f, i);
	assert_int_equal(f->n_ready, n);
}

/* Associations that are open. */
static inline unsigned
open_now(void)
{
	return (unsigned)stats_get(STAT_ASSOCIATIONS_NOW);
}

/* Poll until ${n} associations are open. */
static inline void
poll_open(struct fix *f, unsigned n)
{
	for (int i = 0; i < POLLS_MAX && open_now() != n; i++)
		poll_once(f, i);
	assert_int_equal(open_now(), n);
}

static inline struct assoc *
take_ready(struct fix *f)
{
	assert_true(f->n_ready > 0);
	return f->ready[--f->n_ready];
}

/* Call and be accepted. */
static inline void
associate(struct fix *f)
{
	unsigned open = open_now();
	call(f);
	raw_associate(&f->say, PDU_ASSOCIATE_RQ, 16384);
	say(f);
	poll_open(f, open + 1);
	assert_string_equal(hear(f, 10), "ac");
	buf_clear(&f->heard);
}

#endif
