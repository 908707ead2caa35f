/* SPDX-License-Identifier: MIT */
/* Event streams: one text for all, each at its own place in it.
 *
 * A stream with nothing to send sleeps suspended and is woken by the next
 * text; one that reads slowly skips what it missed, so that it holds at most
 * one text. libmicrohttpd's own lock is only taken after ours, never before.
 */
#include <string.h>

#include <microhttpd.h>

#include "base/lock.h"
#include "base/mem.h"
#include "web_priv.h"

#define STREAMS_MAX 256 /* 503 above; an open page has one */

/* one event; shared by the streams that send it */
struct text {
	unsigned refs;
	struct buf bytes;
};

struct streams {
	/* shared, under lock */
	struct lock lock;
	bool stopping;
	struct stream *first;
	unsigned n;
	struct text *latest;
	uint64_t turn; /* rises with each new ${latest} */
};

struct stream {
	/* set at birth, then constant */
	struct streams *set;
	struct MHD_Connection *conn;
	/* shared, under the set's lock */
	bool asleep; /* suspended */
	struct text *text; /* being sent, NULL = between two */
	size_t at; /* sent of it */
	uint64_t turn; /* of the last text taken */
	struct stream *next;
};

struct streams *
streams_new(void)
{
	struct streams *set = mem_new(struct streams);
	lock_init(&set->lock);
	return set;
}

static void
text_unref(struct text *t)
{
	if (t == NULL || --t->refs > 0)
		return;
	buf_done(&t->bytes);
	mem_free(t);
}

void
streams_free(struct streams **pp)
{
	struct streams *set = *pp;
	*pp = NULL;
	if (set == NULL)
		return;
	text_unref(set->latest);
	lock_done(&set->lock);
	mem_free(set);
}

static void
wake_all_locked(struct streams *set)
{
	lock_assert_held(&set->lock);
	for (struct stream *s = set->first; s != NULL; s = s->next) {
		if (!s->asleep)
			continue;
		s->asleep = false;
		MHD_resume_connection(s->conn);
	}
}

void
streams_publish(struct streams *set, struct buf *take)
{
	struct text *t = mem_new(struct text);
	t->refs = 1;
	t->bytes = *take;
	buf_init(take, take->max); /* the text owns the bytes now */
	lock_acquire(&set->lock);
	text_unref(set->latest);
	set->latest = t;
	set->turn++;
	wake_all_locked(set);
	lock_release(&set->lock);
}

unsigned
streams_count(struct streams *set)
{
	lock_acquire(&set->lock);
	unsigned n = set->n;
	lock_release(&set->lock);
	return n;
}

void
streams_stop(struct streams *set)
{
	lock_acquire(&set->lock);
	set->stopping = true;
	wake_all_locked(set);
	lock_release(&set->lock);
}

struct stream *
streams_open(struct streams *set, struct MHD_Connection *conn)
{
	struct stream *s = NULL;
	lock_acquire(&set->lock);
	if (set->n < STREAMS_MAX && !set->stopping) {
		s = mem_new(struct stream);
		*s = (struct stream){.set = set, .conn = conn,
		    .next = set->first};
		set->first = s;
		set->n++;
	}
	lock_release(&set->lock);
	return s;
}

void
stream_close(struct stream **pp)
{
	struct stream *s = *pp;
	*pp = NULL;
	if (s == NULL)
		return;
	struct streams *set = s->set;
	lock_acquire(&set->lock);
	struct stream **at = &set->first;
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	set->n--;
	text_unref(s->text);
	lock_release(&set->lock);
	mem_free(s);
}

static ssize_t
read_locked(struct stream *s, char *out, size_t max)
{
	struct streams *set = s->set;
	lock_assert_held(&set->lock);
	if (set->stopping)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (s->text == NULL && s->turn != set->turn) {
		s->text = set->latest;
		s->text->refs++;
		s->at = 0;
		s->turn = set->turn;
	}
	if (s->text == NULL) {
		s->asleep = true;
		MHD_suspend_connection(s->conn);
		return 0; /* suspended, so this is no busy loop */
	}
	size_t left = s->text->bytes.len - s->at;
	size_t n = left < max ? left : max;
	memcpy(out, s->text->bytes.p + s->at, n);
	s->at += n;
	if (s->at == s->text->bytes.len) {
		text_unref(s->text);
		s->text = NULL;
	}
	return (ssize_t)n;
}

static ssize_t
read_stream(void *cls, uint64_t pos, char *out, size_t max)
{
	struct stream *s = cls;
	(void)pos; /* our place is ${at} */
	lock_acquire(&s->set->lock);
	ssize_t n = read_locked(s, out, max);
	lock_release(&s->set->lock);
	return n;
}

static void
close_response(void *cls)
{
	struct stream *s = cls;
	stream_close(&s);
}

struct MHD_Response *
stream_response(struct stream *take)
{
	struct MHD_Response *r = MHD_create_response_from_callback(
	    MHD_SIZE_UNKNOWN, 16 * 1024, read_stream, take, close_response);
	if (r == NULL)
		stream_close(&take);
	return r;
}
