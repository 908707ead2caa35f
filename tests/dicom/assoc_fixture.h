/* SPDX-License-Identifier: MIT
 *
 * assoc_fixture: an established association and its raw peer, for tests of
 * the messages on it.
 */
#ifndef TESTS_DICOM_ASSOC_FIXTURE_H
#define TESTS_DICOM_ASSOC_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include "assoc_peer.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct fix {
	int peer;
	struct assoc *a;
	struct assoc_stop stop;
	struct buf say, heard, got;
	struct err e;
	struct dimse d;
	uint8_t context;
	unsigned pieces; /* the sink was given */
	char words[256];
};

static inline int
setup(void **state)
{
	static struct fix f;
	(void)signal(SIGPIPE, SIG_IGN); /* the loop does it for the agent */
	f = (struct fix){.peer = -1};
	assoc_stop_init(&f.stop);
	buf_init(&f.say, RAW_MAX);
	buf_init(&f.heard, RAW_MAX);
	buf_init(&f.got, RAW_MAX);
	f.a = raw_assoc(&f.peer, UL_STA6, 16384, &f.stop);
	*state = &f;
	return f.a == NULL ? -1 : 0;
}

static inline int
teardown(void **state)
{
	struct fix *f = *state;
	assoc_drop(&f->a);
	assoc_stop_done(&f->stop);
	sock_close(&f->peer);
	buf_done(&f->say);
	buf_done(&f->heard);
	buf_done(&f->got);
	clock_set_source(NULL);
	return 0;
}

/* A new association for the next row. */
static inline void
again(struct fix *f)
{
	assoc_drop(&f->a);
	sock_close(&f->peer);
	buf_clear(&f->say);
	buf_clear(&f->heard);
	buf_clear(&f->got);
	f->a = raw_assoc(&f->peer, UL_STA6, 16384, &f->stop);
	assert_non_null(f->a);
}

static inline void
say(struct fix *f)
{
	assert_true(raw_write(f->peer, &f->say));
	buf_clear(&f->say);
}

static inline void
hang_up(struct fix *f)
{
	assert_int_equal(shutdown(f->peer, SHUT_WR), 0);
}

static inline const char *
hear(struct fix *f)
{
	(void)raw_read(f->peer, &f->heard); /* the end or not: words tell */
	return raw_words(&f->heard, f->words, sizeof(f->words));
}

static inline int
receive(struct fix *f)
{
	return assoc_receive(f->a, 0, &f->d, &f->context, &f->e);
}

static inline int
sink_keep(void *ctx, const void *p, size_t n, struct err *e)
{
	struct fix *f = ctx;
	(void)e; /* never fails */
	f->pieces++;
	if (n > 0)
		buf_add(&f->got, p, n);
	return 0;
}

static inline int
receive_data(struct fix *f)
{
	return assoc_receive_data(f->a, 0, sink_keep, f, &f->e);
}

#endif
