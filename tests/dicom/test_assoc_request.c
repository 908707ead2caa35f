/* SPDX-License-Identifier: MIT */
/* Tests of dicom/assoc: asking for an association, over the loopback
 * address, from a peer in a thread. */
#include "assoc_fixture.h"

#include <errno.h>
#include <netinet/tcp.h>

struct answerer {
	/* set before the thread starts */
	int listener;
	uint16_t port;
	struct buf say;
	size_t chunk; /* bytes a write; 0: all at once */
	bool stays; /* does not hang up after it has spoken */
	bool jumps; /* the clock, once the request has come */
	struct assoc_stop *stop; /* asked once the request has come */
	/* looked at after it was joined */
	struct buf heard;
	pthread_t thread;
};

static void
speak(const struct answerer *p, int fd)
{
	size_t chunk = p->chunk == 0 ? p->say.len : p->chunk;
	for (size_t at = 0; at < p->say.len; at += chunk) {
		size_t n = p->say.len - at < chunk ? p->say.len - at : chunk;
		if (write(fd, p->say.p + at, n) != (ssize_t)n)
			return; /* what is heard tells */
	}
}

static void *
answerer_run(void *ctx)
{
	struct answerer *p = ctx;
	int on = 1;
	int fd = raw_accept(p->listener);
	uint8_t some[4096];
	if (fd < 0)
		return NULL;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	ssize_t n = read(fd, some, sizeof(some)); /* all of it: it is small */
	buf_add(&p->heard, some, n > 0 ? (size_t)n : 0);
	if (p->jumps)
		raw_clock_jump(2 * ASSOC_ARTIM_MS);
	if (p->stop != NULL)
		assoc_stop_ask(p->stop);
	speak(p, fd);
	if (!p->stays)
		(void)shutdown(fd, SHUT_WR); /* it may be gone */
	raw_read_end(fd, &p->heard);
	sock_close(&fd);
	return NULL;
}

static void
answerer_init(struct answerer *p)
{
	*p = (struct answerer){.listener = -1};
	p->listener = raw_listen(&p->port);
	buf_init(&p->say, RAW_MAX);
	buf_init(&p->heard, RAW_MAX);
	assert_true(p->listener >= 0);
}

static void
answerer_done(struct answerer *p)
{
	sock_close(&p->listener);
	buf_done(&p->say);
	buf_done(&p->heard);
}

static int
ask_port(struct fix *f, uint16_t port, struct assoc_stop *stop)
{
	static const struct assoc_proposal proposals[] = {
	    {ECHO_CLASS, IMPLICIT_LE, false}, {MR_CLASS, EXPLICIT_LE, true}};
	struct assoc_ask a = {.host = "127.0.0.1", .port = port,
	    .calling = "UNDERSTUDY", .called = "PACS", .stop = stop,
	    .proposals = proposals, .n_proposals = COUNT(proposals)};
	assoc_drop(&f->a);
	return assoc_request(&f->a, &a, &f->e);
}

/* Ask ${p}, which is in a thread meanwhile; the association is dropped
 * unless ${keep}. */
static int
ask(struct fix *f, struct answerer *p, bool keep)
{
	assert_int_equal(pthread_create(&p->thread, NULL, answerer_run, p),
	    0);
	int rc = ask_port(f, p->port, p->stop);
	if (!keep) {
		assoc_drop(&f->a);
		assert_int_equal(pthread_join(p->thread, NULL), 0);
	}
	return rc;
}

static const char *
words(struct fix *f, const struct answerer *p)
{
	return raw_words(&p->heard, f->words, sizeof(f->words));
}

static void
test_assoc_request_names_what_was_asked(void **state)
{
	struct fix *f = *state;
	struct answerer p;
	struct pdu_associate rq;
	answerer_init(&p);
	raw_associate(&p.say, PDU_ASSOCIATE_AC, 16384);

	assert_int_equal(ask(f, &p, false), 0);

	assert_string_equal(words(f, &p), "rq");
	assert_int_equal(pdu_parse_associate(PDU_ASSOCIATE_RQ,
	    p.heard.p + PDU_HEAD, p.heard.len - PDU_HEAD, &rq, &f->e), 0);
	assert_string_equal(rq.called, "PACS");
	assert_string_equal(rq.calling, "UNDERSTUDY");
	assert_int_equal(rq.max_pdu, PDU_DATA_MAX);
	assert_int_equal(rq.n_contexts, 2);
	assert_int_equal(rq.contexts[1].id, 3);
	assert_string_equal(rq.contexts[1].abstract, MR_CLASS);
	assert_string_equal(pdu_syntax(&rq, &rq.contexts[1], 0),
	    EXPLICIT_LE);
	assert_true(rq.contexts[1].scp_role);
	assert_false(rq.contexts[1].scu_role);
	pdu_associate_done(&rq);
	answerer_done(&p);
}

static void
test_assoc_request_accepted_in_any_pieces_is_open(void **state)
{
	struct fix *f = *state;
	for (size_t chunk = 0; chunk < 260; chunk += chunk < 4 ? 1 : 63) {
		struct answerer p;
		answerer_init(&p);
		p.chunk = chunk;
		raw_associate(&p.say, PDU_ASSOCIATE_AC, 16384);

		assert_int_equal(ask(f, &p, true), 0);

		assert_true(assoc_is_open(f->a));
		assert_int_equal(assoc_find(f->a, MR_CLASS, EXPLICIT_LE), 3);
		assoc_release(&f->a); /* the peer just closes */
		assert_int_equal(pthread_join(p.thread, NULL), 0);
		assert_string_equal(words(f, &p), "rq release-rq");
		answerer_done(&p);
	}
}

static void
test_assoc_request_refused_says_why(void **state)
{
	static const struct {
		struct pdu_reject rj;
		const char *text;
		int sys;
	} rows[] = {
	    {{1, 1, 7}, "called AE title not recognized (1/1/7)", EACCES},
	    {{1, 1, 3}, "calling AE title not recognized (1/1/3)", EACCES},
	    {{2, 3, 2}, "local limit exceeded (2/3/2)", EBUSY},
	    {{9, 9, 9}, "unknown reason (9/9/9)", EACCES},
	};
	struct fix *f = *state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct answerer p;
		answerer_init(&p);
		p.stays = true; /* AE-4: we close, it need not */
		pdu_format_reject(&p.say, &rows[i].rj);

		assert_int_equal(ask(f, &p, false), -1);

		assert_int_equal(f->e.code, ERR_PEER);
		assert_int_equal(f->e.sys, rows[i].sys);
		assert_non_null(strstr(f->e.msg, rows[i].text));
		assert_non_null(strstr(f->e.msg, "PACS"));
		assert_string_equal(words(f, &p), "rq");
		answerer_done(&p);
	}
}

/* An answer that does not fit the question. */
static void
test_assoc_request_answered_with_the_unasked_is_aborted(void **state)
{
	static const struct {
		uint8_t id;
		const char *syntax;
	} rows[] = {
	    {5, IMPLICIT_LE}, {255, IMPLICIT_LE}, {1, EXPLICIT_LE},
	    {3, "1.2.840.10008.1.2.4.50"}};
	struct fix *f = *state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct answerer p;
		struct pdu_associate ac = {.version = 1};
		answerer_init(&p);
		(void)pdu_add_context(&ac, rows[i].id, NULL, &rows[i].syntax,
		    1);
		pdu_format_associate(&p.say, PDU_ASSOCIATE_AC, &ac);
		pdu_associate_done(&ac);

		assert_int_equal(ask(f, &p, false), -1);

		assert_int_equal(f->e.code, ERR_PEER);
		assert_string_equal(words(f, &p), "rq abort 2/6");
		answerer_done(&p);
	}
}

static void
test_assoc_request_answered_without_any_context_is_open(void **state)
{
	struct fix *f = *state;
	struct answerer p;
	struct pdu_associate ac = {.version = 1};
	answerer_init(&p);
	pdu_add_context(&ac, 1, NULL, NULL, 0)->result =
	    PDU_CONTEXT_NO_ABSTRACT;
	pdu_format_associate(&p.say, PDU_ASSOCIATE_AC, &ac);
	pdu_associate_done(&ac);

	assert_int_equal(ask(f, &p, true), 0);

	assert_true(assoc_is_open(f->a));
	assert_int_equal(assoc_find(f->a, ECHO_CLASS, NULL), 0);
	assoc_drop(&f->a);
	assert_int_equal(pthread_join(p.thread, NULL), 0);
	answerer_done(&p);
}

static void
test_assoc_request_cut_off_is_a_network_failure(void **state)
{
	struct fix *f = *state;
	for (size_t n = 0; n < 60; n += 5) {
		struct answerer p;
		struct buf ac;
		answerer_init(&p);
		buf_init(&ac, RAW_MAX);
		raw_associate(&ac, PDU_ASSOCIATE_AC, 16384);
		buf_add(&p.say, ac.p, n);
		buf_done(&ac);

		assert_int_equal(ask(f, &p, false), -1);

		assert_int_equal(f->e.code, ERR_NET);
		answerer_done(&p);
	}
}

static void
test_assoc_request_where_nobody_listens_is_a_network_failure(void **state)
{
	struct fix *f = *state;
	uint16_t port = 0;
	int fd = raw_listen(&port);
	sock_close(&fd); /* the port was free a moment ago */

	assert_int_equal(ask_port(f, port, NULL), -1);

	assert_int_equal(f->e.code, ERR_NET);
	assert_null(f->a);
}

/* The answer has ARTIM from the request on: a byte now and then does not
 * make it longer. */
static void
test_assoc_request_answered_too_slowly_is_given_up(void **state)
{
	struct fix *f = *state;
	struct answerer p;
	answerer_init(&p);
	p.stays = p.jumps = true;
	buf_add_u8(&p.say, PDU_ASSOCIATE_AC);
	raw_clock_start(0);

	assert_int_equal(ask(f, &p, false), -1);

	assert_int_equal(f->e.code, ERR_TIMEOUT);
	assert_string_equal(words(f, &p), "rq abort 0/0");
	answerer_done(&p);
}

static void
test_assoc_request_stopped_while_it_waits_is_cancelled(void **state)
{
	struct fix *f = *state;
	struct answerer p;
	answerer_init(&p);
	p.stays = true;
	p.stop = &f->stop;

	assert_int_equal(ask(f, &p, false), -1);

	assert_int_equal(f->e.code, ERR_CANCELLED);
	answerer_done(&p);
}

static void
test_assoc_request_stopped_before_does_not_even_connect(void **state)
{
	struct fix *f = *state;
	uint16_t port = 0;
	int listener = raw_listen(&port);
	assoc_stop_ask(&f->stop);

	assert_int_equal(ask_port(f, port, &f->stop), -1);

	assert_int_equal(f->e.code, ERR_CANCELLED);
	assert_int_equal(accept(listener, NULL, NULL), -1);
	sock_close(&listener);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_assoc_request_names_what_was_asked),
	    TEST(test_assoc_request_accepted_in_any_pieces_is_open),
	    TEST(test_assoc_request_refused_says_why),
	    TEST(test_assoc_request_answered_with_the_unasked_is_aborted),
	    TEST(test_assoc_request_answered_without_any_context_is_open),
	    TEST(test_assoc_request_cut_off_is_a_network_failure),
	    TEST(test_assoc_request_where_nobody_listens_is_a_network_failure),
	    TEST(test_assoc_request_answered_too_slowly_is_given_up),
	    TEST(test_assoc_request_stopped_while_it_waits_is_cancelled),
	    TEST(test_assoc_request_stopped_before_does_not_even_connect),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
