/* SPDX-License-Identifier: MIT */
/* Associations as we write them, and answers held against them. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "wire/pdu.h"

#define ROUNDS 1000
#define IMPLICIT_LE "1.2.840.10008.1.2"
#define EXPLICIT_LE "1.2.840.10008.1.2.1"
#define MR_CLASS "1.2.840.10008.5.1.4.1.1.4"
#define GET_CLASS "1.2.840.10008.5.1.4.1.2.2.3"

static const char *const implicit[] = {IMPLICIT_LE};
static const char *const both[] = {EXPLICIT_LE, IMPLICIT_LE};

/* A request for two contexts, and room for the answer to it. */
static struct pdu_associate
a_request(void)
{
	struct pdu_associate rq = {0};
	(void)pdu_add_context(&rq, 1, GET_CLASS, implicit, 1);
	struct pdu_context *k = pdu_add_context(&rq, 3, MR_CLASS, both, 2);
	k->has_role = true;
	k->scp_role = true;
	return rq;
}

/* ${ac} as it arrives. */
static struct pdu_associate
as_received(enum pdu_type type, const struct pdu_associate *sent)
{
	struct buf b;
	struct pdu_associate got;
	struct err e;
	enum pdu_type have;
	uint32_t n;
	buf_init(&b, PDU_HEAD + PDU_ASSOCIATE_MAX);
	pdu_format_associate(&b, type, sent);
	assert_false(b.failed);
	assert_int_equal(pdu_parse_head(b.p, &have, &n, &e), 0);
	assert_int_equal(have, type);
	assert_int_equal(n, b.len - PDU_HEAD);
	if (pdu_parse_associate(type, b.p + PDU_HEAD, n, &got, &e) != 0)
		fail_msg("%s", e.msg);
	buf_done(&b);
	return got;
}

static void
test_pdu_format_answer_gets_classes_and_roles_from_the_request(void **state)
{
	(void)state;
	struct pdu_associate rq = a_request();
	struct pdu_associate ac = {0};
	struct err e;
	struct pdu_context *k = pdu_add_context(&ac, 3, MR_CLASS, both, 1);
	k->has_role = k->scp_role = k->scu_role = true;
	k = pdu_add_context(&ac, 1, NULL, NULL, 0);
	k->result = PDU_CONTEXT_NO_SYNTAX;
	struct pdu_associate got = as_received(PDU_ASSOCIATE_AC, &ac);

	assert_int_equal(pdu_match(&got, &rq, &e), 0);

	assert_string_equal(got.contexts[0].abstract, MR_CLASS);
	assert_true(got.contexts[0].scp_role);
	assert_false(got.contexts[0].scu_role); /* never asked for */
	assert_string_equal(pdu_syntax(&got, got.contexts, 0), EXPLICIT_LE);
	assert_string_equal(got.contexts[1].abstract, GET_CLASS);
	assert_int_equal(got.contexts[1].result, PDU_CONTEXT_NO_SYNTAX);
	assert_int_equal(got.contexts[1].n_syntaxes, 0);
	pdu_associate_done(&got);
	pdu_associate_done(&ac);
	pdu_associate_done(&rq);
}

static void
test_pdu_format_answer_that_was_not_asked_for_is_refused(void **state)
{
	(void)state;
	static const struct {
		uint8_t id;
		const char *syntax;
	} rows[] = {{5, IMPLICIT_LE}, {1, EXPLICIT_LE}};

	for (size_t i = 0; i < 2; i++) {
		struct pdu_associate rq = a_request();
		struct pdu_associate ac = {0};
		struct err e;
		(void)pdu_add_context(&ac, rows[i].id, NULL, &rows[i].syntax,
		    1);
		assert_int_equal(pdu_match(&ac, &rq, &e), -1);
		assert_int_equal(e.code, ERR_PEER);
		pdu_associate_done(&ac);
		pdu_associate_done(&rq);
	}
}

static void
random_uid(char *dst)
{
	int n = snprintf(dst, UID_SIZE, "1.2.%d.%d", rand(), rand());
	for (int more = rand() % 40; more > 0 && n < UID_LENGTH; more--)
		dst[n++] = '7';
	dst[n] = '\0';
}

static void
random_title(char dst[AE_SIZE])
{
	int n = 1 + rand() % (AE_SIZE - 1);
	for (int i = 0; i < n; i++)
		dst[i] = (char)('A' + rand() % 26);
	dst[n] = '\0';
}

static void
add_random_context(struct pdu_associate *a, enum pdu_type type, uint8_t id)
{
	char uids[9][UID_SIZE];
	const char *syntaxes[8];
	bool asks = type == PDU_ASSOCIATE_RQ;
	unsigned n = asks ? 1 + (unsigned)rand() % 8 : (unsigned)rand() % 2;
	for (unsigned i = 0; i < 8; i++) {
		random_uid(uids[i]);
		syntaxes[i] = uids[i];
	}
	random_uid(uids[8]);
	struct pdu_context *k = pdu_add_context(a, id, asks ? uids[8] : NULL,
	    syntaxes, n);
	if (!asks && n == 0)
		k->result = (enum pdu_context_result)(1 + rand() % 4);
	k->has_role = asks && rand() % 2 == 0;
	k->scu_role = k->has_role && rand() % 2 == 0;
	k->scp_role = k->has_role && rand() % 2 == 0;
}

static struct pdu_associate
random_associate(enum pdu_type type)
{
	struct pdu_associate a = {.version = (uint16_t)(1 + rand() % 3),
	    .max_pdu = (uint32_t)rand(), .max_invoked = (uint16_t)rand(),
	    .max_performed = (uint16_t)rand()};
	random_title(a.called);
	random_title(a.calling);
	random_title(a.version_name);
	random_uid(a.application_context);
	random_uid(a.implementation);
	int n = 1 + rand() % (rand() % 20 == 0 ? PDU_CONTEXTS_MAX : 6);
	int first = rand() % PDU_CONTEXTS_MAX;
	for (int i = 0; i < n; i++)
		add_random_context(&a, type,
		    (uint8_t)(2 * ((first + i) % PDU_CONTEXTS_MAX) + 1));
	return a;
}

static void
assert_same_context(const struct pdu_associate *a,
    const struct pdu_associate *b, unsigned at)
{
	const struct pdu_context *p = &a->contexts[at];
	const struct pdu_context *q = &b->contexts[at];
	assert_int_equal(p->id, q->id);
	assert_int_equal(p->result, q->result);
	assert_string_equal(p->abstract, q->abstract);
	assert_int_equal(p->has_role, q->has_role);
	assert_int_equal(p->scu_role, q->scu_role);
	assert_int_equal(p->scp_role, q->scp_role);
	assert_int_equal(p->n_syntaxes, q->n_syntaxes);
	for (unsigned i = 0; i < p->n_syntaxes; i++)
		assert_string_equal(pdu_syntax(a, p, i), pdu_syntax(b, q, i));
}

static void
assert_same(const struct pdu_associate *a, const struct pdu_associate *b)
{
	assert_int_equal(a->version, b->version);
	assert_string_equal(a->called, b->called);
	assert_string_equal(a->calling, b->calling);
	assert_string_equal(a->application_context, b->application_context);
	assert_int_equal(a->max_pdu, b->max_pdu);
	assert_string_equal(a->implementation, b->implementation);
	assert_string_equal(a->version_name, b->version_name);
	assert_int_equal(a->max_invoked, b->max_invoked);
	assert_int_equal(a->max_performed, b->max_performed);
	assert_int_equal(a->n_contexts, b->n_contexts);
	assert_int_equal(a->n_syntaxes, b->n_syntaxes);
	for (unsigned i = 0; i < a->n_contexts; i++)
		assert_same_context(a, b, i);
}

static void
test_pdu_format_what_is_written_reads_the_same(void **state)
{
	(void)state;

	for (unsigned seed = 1; seed <= ROUNDS; seed++) {
		srand(seed);
		enum pdu_type type = seed % 2 == 0 ? PDU_ASSOCIATE_RQ :
		    PDU_ASSOCIATE_AC;
		struct pdu_associate sent = random_associate(type);
		struct pdu_associate got = as_received(type, &sent);
		assert_same(&got, &sent);
		pdu_associate_done(&sent);
		pdu_associate_done(&got);
	}
}

static void
test_pdu_format_what_the_caller_left_out_is_ours(void **state)
{
	(void)state;
	struct pdu_associate rq = a_request();

	struct pdu_associate got = as_received(PDU_ASSOCIATE_RQ, &rq);

	assert_int_equal(got.version, 1);
	assert_string_equal(got.application_context, PDU_APPLICATION_CONTEXT);
	assert_string_equal(got.implementation, UID_IMPLEMENTATION);
	assert_int_equal(got.max_pdu, 0);
	pdu_associate_done(&got);
	pdu_associate_done(&rq);
}

/* OsiriX: one C-GET context and 93 of storage, ten syntaxes each. */
static void
test_pdu_format_request_as_large_as_osirix_sends_is_read(void **state)
{
	(void)state;
	const char *ten[10];
	for (int i = 0; i < 10; i++)
		ten[i] = i % 2 == 0 ? EXPLICIT_LE : IMPLICIT_LE;
	struct pdu_associate rq = {0};
	for (unsigned i = 0; i < 94; i++)
		(void)pdu_add_context(&rq, (uint8_t)(2 * i + 1), MR_CLASS, ten,
		    10);

	struct pdu_associate got = as_received(PDU_ASSOCIATE_RQ, &rq);

	assert_int_equal(got.n_contexts, 94);
	assert_int_equal(got.n_syntaxes, 940);
	pdu_associate_done(&got);
	pdu_associate_done(&rq);
}

static void
test_pdu_format_one_role_item_is_written_for_each_class(void **state)
{
	(void)state;
	struct pdu_associate rq = {0};
	for (int i = 0; i < 3; i++) {
		struct pdu_context *k = pdu_add_context(&rq,
		    (uint8_t)(2 * i + 1), MR_CLASS, both + i % 2, 1);
		k->has_role = k->scp_role = true;
	}

	struct pdu_associate got = as_received(PDU_ASSOCIATE_RQ, &rq);

	assert_int_equal(got.n_roles, 1);
	for (unsigned i = 0; i < 3; i++)
		assert_true(got.contexts[i].scp_role);
	pdu_associate_done(&got);
	pdu_associate_done(&rq);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
	        test_pdu_format_answer_gets_classes_and_roles_from_the_request),
	    cmocka_unit_test(
	        test_pdu_format_answer_that_was_not_asked_for_is_refused),
	    cmocka_unit_test(test_pdu_format_what_is_written_reads_the_same),
	    cmocka_unit_test(test_pdu_format_what_the_caller_left_out_is_ours),
	    cmocka_unit_test(
	        test_pdu_format_request_as_large_as_osirix_sends_is_read),
	    cmocka_unit_test(
	        test_pdu_format_one_role_item_is_written_for_each_class),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
