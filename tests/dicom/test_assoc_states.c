/* SPDX-License-Identifier: MIT */
/* Tests of dicom/assoc against PS3.8 table 9-10: every PDU in every state
 * that a peer can bring about, by what the peer then hears. */
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
	struct buf say, heard;
	struct err e;
	char words[256];
};

static int
setup(void **state)
{
	static struct fix f;
	(void)signal(SIGPIPE, SIG_IGN); /* the loop does it for the agent */
	f = (struct fix){.peer = -1};
	buf_init(&f.say, RAW_MAX);
	buf_init(&f.heard, RAW_MAX);
	*state = &f;
	return 0;
}

static int
teardown(void **state)
{
	struct fix *f = *state;
	assoc_drop(&f->a);
	sock_close(&f->peer);
	buf_done(&f->say);
	buf_done(&f->heard);
	clock_set_source(NULL);
	return 0;
}

/* Begin anew in ${s}; nothing is said yet. */
static void
begin(struct fix *f, enum ul_state s, bool requestor)
{
	assoc_drop(&f->a);
	sock_close(&f->peer);
	buf_clear(&f->say);
	buf_clear(&f->heard);
	f->a = raw_assoc(&f->peer, s, 16384, NULL);
	assert_non_null(f->a);
	f->a->requestor = requestor;
	f->e = (struct err){0};
}

/* Say it all and hang up, so that nobody waits for us. */
static void
say(struct fix *f)
{
	assert_true(raw_write(f->peer, &f->say));
	assert_int_equal(shutdown(f->peer, SHUT_WR), 0);
}

static const char *
hear(struct fix *f)
{
	(void)raw_read(f->peer, &f->heard); /* the end or not: words tell */
	return raw_words(&f->heard, f->words, sizeof(f->words));
}

static void
want_words(struct fix *f, int type, const char *want)
{
	if (!str_eq(hear(f), want))
		fail_msg("PDU type %d: want '%s', have '%s'", type, want,
		    f->words);
}

/* Sta6: what assoc_receive returns and the peer hears. */
static void
test_assoc_established_every_pdu_meets_the_tables_action(void **state)
{
	static const struct {
		int type;
		int rc;
		enum err_code code;
		const char *words;
	} rows[] = {
	    {PDU_ASSOCIATE_RQ, -1, ERR_PEER, "abort 2/2"}, /* AA-8 */
	    {PDU_ASSOCIATE_AC, -1, ERR_PEER, "abort 2/2"},
	    {PDU_ASSOCIATE_RJ, -1, ERR_PEER, "abort 2/2"},
	    {PDU_DATA, 1, ERR_NONE, ""}, /* DT-2 */
	    {PDU_RELEASE_RQ, 0, ERR_NONE, "release-rp"}, /* AR-2, AR-4 */
	    {PDU_RELEASE_RP, -1, ERR_PEER, "abort 2/2"},
	    {PDU_ABORT, -1, ERR_PEER, ""}, /* AA-3 */
	    {0, -1, ERR_PEER, "abort 2/1"}, /* unrecognised: AA-8 */
	    {8, -1, ERR_PEER, "abort 2/1"},
	    {0x16, -1, ERR_PEER, "abort 2/1"},
	    {'G', -1, ERR_PEER, "abort 2/1"},
	    {0x80, -1, ERR_PEER, "abort 2/1"},
	    {0xFF, -1, ERR_PEER, "abort 2/1"},
	};
	struct fix *f = *state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct dimse d;
		uint8_t context = 0;
		begin(f, UL_STA6, i % 2 == 0);
		raw_any(&f->say, rows[i].type);
		say(f);

		int rc = assoc_receive(f->a, 1000, &d, &context, &f->e);

		assert_int_equal(rc, rows[i].rc);
		if (rc < 0)
			assert_int_equal(f->e.code, rows[i].code);
		assert_int_equal(assoc_is_open(f->a), rc == 1);
		want_words(f, rows[i].type, rows[i].words);
	}
}

/* Sta7: after our A-RELEASE-RQ. ${then} follows the PDU. */
static void
test_assoc_leaving_every_pdu_meets_the_tables_action(void **state)
{
	static const struct {
		int type;
		const char *words; /* as the requestor */
	} rows[] = {
	    {PDU_ASSOCIATE_RQ, "release-rq abort 2/2"}, /* AA-8 */
	    {PDU_ASSOCIATE_AC, "release-rq abort 2/2"},
	    {PDU_ASSOCIATE_RJ, "release-rq abort 2/2"},
	    {PDU_DATA, "release-rq"}, /* AR-6: and then AR-3 */
	    {PDU_RELEASE_RQ, "release-rq release-rp"}, /* AR-8, AR-9, AR-3 */
	    {PDU_RELEASE_RP, "release-rq"}, /* AR-3 */
	    {PDU_ABORT, "release-rq"}, /* AA-3 */
	    {0, "release-rq abort 2/1"},
	    {8, "release-rq abort 2/1"},
	    {0xFF, "release-rq abort 2/1"},
	};
	struct fix *f = *state;
	for (size_t i = 0; i < 2 * COUNT(rows); i++) {
		begin(f, UL_STA6, i % 2 == 0);
		raw_any(&f->say, rows[i / 2].type);
		raw_any(&f->say, PDU_RELEASE_RP);
		say(f);

		assoc_release(&f->a);

		assert_null(f->a);
		want_words(f, rows[i / 2].type, rows[i / 2].words);
	}
}

/* Sta11 (we asked for the association) and Sta10 (the peer did): both sides
 * have sent A-RELEASE-RQ. */
static void
test_assoc_release_collision_every_pdu_meets_the_tables_action(void **state)
{
	static const struct {
		int type;
		const char *requestor, *acceptor; /* behind "release-rq" */
	} rows[] = {
	    {PDU_ASSOCIATE_RQ, " release-rp abort 2/2", " abort 2/2"},
	    {PDU_ASSOCIATE_AC, " release-rp abort 2/2", " abort 2/2"},
	    {PDU_ASSOCIATE_RJ, " release-rp abort 2/2", " abort 2/2"},
	    {PDU_DATA, " release-rp abort 2/2", " abort 2/2"},
	    {PDU_RELEASE_RQ, " release-rp abort 2/2", " abort 2/2"},
	    {PDU_RELEASE_RP, " release-rp", " release-rp"},
	    {PDU_ABORT, " release-rp", ""},
	    {0, " release-rp abort 2/1", " abort 2/1"},
	    {9, " release-rp abort 2/1", " abort 2/1"},
	    {0xFE, " release-rp abort 2/1", " abort 2/1"},
	};
	struct fix *f = *state;
	for (size_t i = 0; i < 2 * COUNT(rows); i++) {
		bool requestor = i % 2 == 0;
		char want[64];
		begin(f, UL_STA6, requestor);
		raw_any(&f->say, PDU_RELEASE_RQ);
		raw_any(&f->say, rows[i / 2].type);
		say(f);

		assoc_release(&f->a);

		(void)snprintf(want, sizeof(want), "release-rq%s", requestor ?
		    rows[i / 2].requestor : rows[i / 2].acceptor);
		want_words(f, rows[i / 2].type, want);
	}
}

/* Sta13 after our A-ABORT 2/2, and after our A-RELEASE-RP. */
static void
test_assoc_awaiting_close_every_pdu_meets_the_tables_action(void **state)
{
	static const struct {
		int type;
		const char *words; /* behind what led to Sta13 */
	} rows[] = {
	    {PDU_ASSOCIATE_RQ, " abort 2/2"}, /* AA-7 */
	    {PDU_ASSOCIATE_AC, ""}, /* AA-6 */
	    {PDU_ASSOCIATE_RJ, ""},
	    {PDU_DATA, ""},
	    {PDU_RELEASE_RQ, ""},
	    {PDU_RELEASE_RP, ""},
	    {PDU_ABORT, ""}, /* AA-2 */
	    {0, " abort 2/1"}, /* AA-7 */
	    {8, " abort 2/1"},
	    {0xFF, " abort 2/1"},
	};
	struct fix *f = *state;
	for (size_t i = 0; i < 2 * COUNT(rows); i++) {
		bool aborted = i % 2 == 0;
		struct dimse d;
		uint8_t context = 0;
		char want[64];
		begin(f, UL_STA6, false);
		raw_any(&f->say, aborted ? PDU_RELEASE_RP : PDU_RELEASE_RQ);
		raw_any(&f->say, rows[i / 2].type);
		raw_any(&f->say, rows[i / 2].type >= 8 ? 0 : PDU_DATA);
		say(f);

		int rc = assoc_receive(f->a, 1000, &d, &context, &f->e);

		assert_int_equal(rc, aborted ? -1 : 0);
		(void)snprintf(want, sizeof(want), "%s%s", aborted ?
		    "abort 2/2" : "release-rp", rows[i / 2].words);
		want_words(f, rows[i / 2].type, want);
	}
}

static void
test_assoc_awaiting_close_an_abort_ends_the_wait(void **state)
{
	struct fix *f = *state;
	begin(f, UL_STA6, false);
	raw_any(&f->say, PDU_ABORT);
	assert_true(raw_write(f->peer, &f->say)); /* and stays connected */

	assoc_say_abort(f->a, 0, 0);

	assert_string_equal(hear(f), "abort 0/0");
	assert_int_equal(f->a->fd, -1);
	assert_int_equal(f->a->state, UL_STA1);
}

static void
test_assoc_awaiting_close_a_peer_that_stays_is_left(void **state)
{
	struct fix *f = *state;
	begin(f, UL_STA6, false);
	raw_clock_start(ASSOC_CLOSE_MS);

	assoc_abort(&f->a);

	assert_null(f->a);
	assert_true(raw_read(f->peer, &f->heard));
	assert_string_equal(raw_words(&f->heard, f->words, sizeof(f->words)),
	    "abort 0/0");
}

static void
test_assoc_release_without_answer_is_left(void **state)
{
	struct fix *f = *state;
	begin(f, UL_STA6, true);
	raw_clock_start(ASSOC_CLOSE_MS);

	assoc_release(&f->a);

	assert_null(f->a);
	assert_true(raw_read(f->peer, &f->heard));
	assert_string_equal(raw_words(&f->heard, f->words, sizeof(f->words)),
	    "release-rq");
}

static void
test_assoc_release_under_a_flood_of_data_is_left(void **state)
{
	struct fix *f = *state;
	begin(f, UL_STA6, true);
	for (int i = 0; i < 50; i++)
		raw_any(&f->say, PDU_DATA);
	assert_true(raw_write(f->peer, &f->say));
	int64_t real_ns = clock_uptime_ns();
	raw_clock_start(ASSOC_CLOSE_MS / 10); /* so never at the last one */

	assoc_release(&f->a);

	assert_null(f->a);
	clock_set_source(NULL);
	assert_true(clock_uptime_ns() - real_ns < CLOCK_S); /* no waiting */
}

/* Sta5, with a peer in a thread: it accepts, says what it has, hangs up and
 * listens to the end. */
struct answerer {
	int listener;
	struct buf say, heard;
};

static void *
answerer_run(void *ctx)
{
	struct answerer *p = ctx;
	int fd = raw_accept(p->listener);
	if (fd < 0)
		return NULL;
	(void)raw_write(fd, &p->say); /* what is heard tells */
	(void)shutdown(fd, SHUT_WR);
	raw_read_end(fd, &p->heard);
	sock_close(&fd);
	return NULL;
}

static int
ask(uint16_t port, struct assoc **ret, struct err *e)
{
	static const struct assoc_proposal proposals[] = {
	    {ECHO_CLASS, IMPLICIT_LE, false}, {MR_CLASS, EXPLICIT_LE, false}};
	struct assoc_ask a = {.host = "127.0.0.1", .port = port,
	    .calling = "UNDERSTUDY", .called = "PACS",
	    .proposals = proposals, .n_proposals = 2};
	return assoc_request(ret, &a, e);
}

static void
test_assoc_asking_every_pdu_meets_the_tables_action(void **state)
{
	static const struct {
		int type;
		const char *words; /* behind "rq" */
	} rows[] = {
	    {PDU_ASSOCIATE_RQ, " abort 2/2"}, /* AA-8 */
	    {PDU_ASSOCIATE_AC, ""}, /* AE-3 */
	    {PDU_ASSOCIATE_RJ, ""}, /* AE-4 */
	    {PDU_DATA, " abort 2/2"},
	    {PDU_RELEASE_RQ, " abort 2/2"},
	    {PDU_RELEASE_RP, " abort 2/2"},
	    {PDU_ABORT, ""}, /* AA-3 */
	    {0, " abort 2/1"},
	    {8, " abort 2/1"},
	    {'H', " abort 2/1"}, /* an HTTP server */
	};
	struct fix *f = *state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct answerer p;
		uint16_t port = 0;
		pthread_t thread;
		char want[64];
		p.listener = raw_listen(&port);
		buf_init(&p.say, RAW_MAX);
		buf_init(&p.heard, RAW_MAX);
		raw_any(&p.say, rows[i].type);
		assert_int_equal(pthread_create(&thread, NULL, answerer_run,
		    &p), 0);

		int rc = ask(port, &f->a, &f->e);

		bool accepted = rows[i].type == PDU_ASSOCIATE_AC;
		assert_int_equal(rc, accepted ? 0 : -1);
		if (!accepted)
			assert_int_equal(f->e.code, ERR_PEER);
		assoc_drop(&f->a);
		assert_int_equal(pthread_join(thread, NULL), 0);
		(void)snprintf(want, sizeof(want), "rq%s", rows[i].words);
		assert_string_equal(raw_words(&p.heard, f->words,
		    sizeof(f->words)), want);
		sock_close(&p.listener);
		buf_done(&p.say);
		buf_done(&p.heard);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_assoc_established_every_pdu_meets_the_tables_action),
	    TEST(test_assoc_leaving_every_pdu_meets_the_tables_action),
	    TEST(
	    test_assoc_release_collision_every_pdu_meets_the_tables_action),
	    TEST(test_assoc_awaiting_close_every_pdu_meets_the_tables_action),
	    TEST(test_assoc_awaiting_close_an_abort_ends_the_wait),
	    TEST(test_assoc_awaiting_close_a_peer_that_stays_is_left),
	    TEST(test_assoc_release_without_answer_is_left),
	    TEST(test_assoc_release_under_a_flood_of_data_is_left),
	    TEST(test_assoc_asking_every_pdu_meets_the_tables_action),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
