/* SPDX-License-Identifier: MIT */
/* Associations as peers ask for them: real ones and broken ones. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "wire/pdu.h"

#define IMPLICIT_LE "1.2.840.10008.1.2"
#define EXPLICIT_LE "1.2.840.10008.1.2.1"
#define VERIFICATION "1.2.840.10008.1.1"
#define MR_CLASS "1.2.840.10008.5.1.4.1.1.4"
#define GET_CLASS "1.2.840.10008.5.1.4.1.2.2.3"

/* A body of an association put together by hand. */
struct body {
	uint8_t p[4096];
	size_t n;
};

static struct body
a_body(void)
{
	struct body b = {.n = 68};
	memset(b.p, 0, b.n);
	b.p[1] = 1;
	memcpy(b.p + 4, "  CALLED        ", 16);
	memcpy(b.p + 20, "SIXTEEN_LONG_ONE", 16);
	return b;
}

static void
put(struct body *b, const void *p, size_t n)
{
	assert_true(b->n + n <= sizeof(b->p));
	memcpy(b->p + b->n, p, n);
	b->n += n;
}

static void
put_item(struct body *b, unsigned type, const void *p, size_t n)
{
	uint8_t head[4] = {(uint8_t)type, 0, (uint8_t)(n >> 8), (uint8_t)n};
	put(b, head, sizeof(head));
	if (n > 0)
		put(b, p, n);
}

static void
put_text(struct body *b, unsigned type, const char *s)
{
	put_item(b, type, s, strlen(s));
}

/* A context of ${abstract} and up to two syntaxes, NULL leaves one out. */
static void
put_context(struct body *b, unsigned id, const char *abstract,
    const char *one, const char *two)
{
	struct body k = {.n = 4};
	memset(k.p, 0, 4);
	k.p[0] = (uint8_t)id;
	if (abstract != NULL)
		put_text(&k, 0x30, abstract);
	if (one != NULL)
		put_text(&k, 0x40, one);
	if (two != NULL)
		put_text(&k, 0x40, two);
	put_item(b, 0x20, k.p, k.n);
}

static void
put_role(struct body *user, const char *class_uid, int scu, int scp)
{
	struct body r = {.n = 2};
	uint8_t roles[2] = {(uint8_t)scu, (uint8_t)scp};
	r.p[0] = 0;
	r.p[1] = (uint8_t)strlen(class_uid);
	put(&r, class_uid, strlen(class_uid));
	put(&r, roles, 2);
	put_item(user, 0x54, r.p, r.n);
}

static int
parse_rq(const struct body *b, struct pdu_associate *ret, struct err *e)
{
	/* an exact copy lets the address sanitizer see a byte too far */
	uint8_t *exact = test_malloc(b->n);
	memcpy(exact, b->p, b->n);
	int rc = pdu_parse_associate(PDU_ASSOCIATE_RQ, exact, b->n, ret, e);
	test_free(exact);
	return rc;
}

static void
assert_refused(const char *name, const struct body *b)
{
	struct pdu_associate a;
	struct err e = {.code = ERR_NONE};
	int rc = parse_rq(b, &a, &e);
	if (rc != -1 || e.code != ERR_PARSE)
		print_error("not refused: %s\n", name);
	assert_int_equal(rc, -1);
	assert_int_equal(e.code, ERR_PARSE);
}

/* A PDU that a real peer sent; its body and type. */
static size_t
read_peer(const char *name, uint8_t *dst, size_t size, enum pdu_type *type)
{
	char path[128];
	(void)snprintf(path, sizeof(path), "tests/fuzz/corpus/pdu/%s", name);
	FILE *f = fopen(path, "rb");
	assert_non_null(f);
	size_t n = fread(dst, 1, size, f);
	assert_int_equal(fclose(f), 0);
	uint32_t length;
	struct err e;
	assert_int_equal(pdu_parse_head(dst, type, &length, &e), 0);
	assert_int_equal(length, n - PDU_HEAD);
	memmove(dst, dst + PDU_HEAD, length);
	return length;
}

static struct pdu_associate
parse_peer(const char *name)
{
	static uint8_t p[32 * 1024];
	enum pdu_type type;
	struct pdu_associate a;
	struct err e;
	size_t n = read_peer(name, p, sizeof(p), &type);
	if (pdu_parse_associate(type, p, n, &a, &e) != 0)
		fail_msg("%s: %s", name, e.msg);
	return a;
}

static void
test_pdu_parse_request_of_echoscu_is_read(void **state)
{
	(void)state;

	struct pdu_associate a = parse_peer("echoscu_rq");

	assert_int_equal(a.version, 1);
	assert_string_equal(a.called, "QR");
	assert_string_equal(a.calling, "THEATRE6");
	assert_string_equal(a.application_context, PDU_APPLICATION_CONTEXT);
	assert_int_equal(a.n_contexts, 1);
	assert_int_equal(a.contexts[0].id, 1);
	assert_string_equal(a.contexts[0].abstract, VERIFICATION);
	assert_int_equal(a.contexts[0].n_syntaxes, 1);
	assert_string_equal(pdu_syntax(&a, a.contexts, 0), IMPLICIT_LE);
	assert_string_equal(pdu_syntax(&a, a.contexts, 1), "");
	assert_int_equal(a.max_pdu, 16384);
	assert_string_equal(a.version_name, "OFFIS_DCMTK_367");
	assert_false(a.contexts[0].has_role);
	pdu_associate_done(&a);
}

static void
test_pdu_parse_request_with_many_syntaxes_keeps_their_order(void **state)
{
	(void)state;

	struct pdu_associate a = parse_peer("echoscu_38_syntaxes_rq");

	assert_int_equal(a.n_contexts, 1);
	assert_int_equal(a.contexts[0].n_syntaxes, 38);
	assert_string_equal(pdu_syntax(&a, a.contexts, 0), IMPLICIT_LE);
	assert_string_equal(pdu_syntax(&a, a.contexts, 1), EXPLICIT_LE);
	pdu_associate_done(&a);
}

static void
test_pdu_parse_get_of_dcmtk_matches_its_answer(void **state)
{
	(void)state;
	struct pdu_associate rq = parse_peer("getscu_rq");
	struct pdu_associate ac = parse_peer("dcmqrscp_get_ac");
	struct err e;
	unsigned granted = 0;

	assert_int_equal(pdu_match(&ac, &rq, &e), 0);

	assert_true(rq.n_contexts > 100);
	for (unsigned i = 0; i < ac.n_contexts; i++)
		if (ac.contexts[i].scp_role) {
			assert_true(ac.contexts[i].has_role);
			assert_false(ac.contexts[i].scu_role);
			granted++;
		}
	assert_int_equal(granted, ac.n_contexts - 1); /* all but C-GET */
	pdu_associate_done(&rq);
	pdu_associate_done(&ac);
}

static void
test_pdu_parse_items_in_any_order_are_taken(void **state)
{
	(void)state;
	struct body b = a_body();
	struct body user = {.n = 0};
	put_role(&user, MR_CLASS, 0, 1);
	put_text(&user, 0x55, "OSIRIX\0");
	put_item(&user, 0x56, "\0\x03" "1.2\1\1", 7);
	put_item(&user, 0x58, "\1\0\0\1x\0\0", 7);
	put_item(&user, 0x53, "\0\1\0\2", 4);
	put_item(&user, 0x7E, "later", 5);
	put_text(&user, 0x52, "1.2.276.0.7238010.5.0.3.5.4");
	put_item(&user, 0x51, "\0\0\x40\0", 4);
	put_item(&b, 0x50, user.p, user.n);
	put_context(&b, 5, MR_CLASS, EXPLICIT_LE, IMPLICIT_LE);
	put_item(&b, 0x77, "what comes later", 16);
	put_context(&b, 255, MR_CLASS, IMPLICIT_LE, NULL);
	put_context(&b, 3, GET_CLASS, IMPLICIT_LE, NULL);
	put_text(&b, 0x10, PDU_APPLICATION_CONTEXT);
	struct pdu_associate a;
	struct err e;

	assert_int_equal(parse_rq(&b, &a, &e), 0);

	assert_string_equal(a.called, "CALLED");
	assert_string_equal(a.calling, "SIXTEEN_LONG_ONE");
	assert_int_equal(a.n_contexts, 3);
	assert_int_equal(a.contexts[0].id, 5);
	assert_int_equal(a.contexts[1].id, 255);
	assert_int_equal(a.contexts[2].id, 3);
	assert_string_equal(pdu_syntax(&a, &a.contexts[0], 1), IMPLICIT_LE);
	assert_true(a.contexts[0].has_role && a.contexts[0].scp_role);
	assert_true(a.contexts[1].has_role && !a.contexts[1].scu_role);
	assert_false(a.contexts[2].has_role);
	assert_int_equal(a.max_pdu, 16384);
	assert_int_equal(a.max_invoked, 1);
	assert_int_equal(a.max_performed, 2);
	assert_int_equal(a.n_identities, 1);
	assert_string_equal(a.version_name, "OSIRIX");
	assert_string_equal(a.application_context, PDU_APPLICATION_CONTEXT);
	pdu_associate_done(&a);
}

static void
test_pdu_parse_broken_contexts_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		unsigned id;
		const char *abstract, *syntax;
	} rows[] = {
		{"even id", 2, MR_CLASS, IMPLICIT_LE},
		{"id 0", 0, MR_CLASS, IMPLICIT_LE},
		{"repeated id", 1, MR_CLASS, IMPLICIT_LE},
		{"no abstract", 3, NULL, IMPLICIT_LE},
		{"no syntax", 3, MR_CLASS, NULL},
		{"empty abstract", 3, "", IMPLICIT_LE},
		{"empty syntax", 3, MR_CLASS, ""},
		{"bad abstract", 3, "1.2.x", IMPLICIT_LE},
		{"bad syntax", 3, MR_CLASS, "1..2"},
		{"long syntax", 3, MR_CLASS, "1.2.3.4.5.6.7.8.9.10.11.12.13."
		    "14.15.16.17.18.19.20.21.22.23.24.25"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct body b = a_body();
		put_context(&b, 1, VERIFICATION, IMPLICIT_LE, NULL);
		put_context(&b, rows[i].id, rows[i].abstract, rows[i].syntax,
		    NULL);
		assert_refused(rows[i].name, &b);
	}
}

static void
test_pdu_parse_two_abstract_syntaxes_are_refused(void **state)
{
	(void)state;
	struct body b = a_body();
	struct body k = {.n = 4, .p = {1}};
	put_text(&k, 0x30, MR_CLASS);
	put_text(&k, 0x40, IMPLICIT_LE);
	put_text(&k, 0x30, GET_CLASS);
	put_item(&b, 0x20, k.p, k.n);

	assert_refused("two abstract syntaxes", &b);
}

static void
test_pdu_parse_request_without_contexts_is_refused(void **state)
{
	(void)state;
	struct body b = a_body();
	put_text(&b, 0x10, PDU_APPLICATION_CONTEXT);

	assert_refused("no contexts", &b);
}

static void
test_pdu_parse_broken_user_items_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		const char *bytes;
		size_t n;
	} rows[] = {
		{"max length of 3", "\x51\0\0\3\0\0\0", 7},
		{"max length of 5", "\x51\0\0\5\0\0\0\0\0", 9},
		{"window of 2", "\x53\0\0\2\0\1", 6},
		{"role past its item", "\x54\0\0\7\0\5" "1.2\0\1", 11},
		{"role without UID", "\x54\0\0\4\0\0\0\1", 8},
		{"role of 1 byte", "\x54\0\0\1\0", 5},
		{"item past the end", "\x55\0\0\5" "ABCD", 8},
		{"half a head", "\x55\0\0", 3},
		{"two identities", "\x58\0\0\0\x58\0\0\0", 8},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct body b = a_body();
		put_context(&b, 1, VERIFICATION, IMPLICIT_LE, NULL);
		put_item(&b, 0x50, rows[i].bytes, rows[i].n);
		assert_refused(rows[i].name, &b);
	}
}

static void
test_pdu_parse_bad_implementation_uid_is_let_go(void **state)
{
	(void)state;
	struct body b = a_body();
	struct body user = {.n = 0};
	put_text(&user, 0x52, "none");
	put_context(&b, 1, VERIFICATION, IMPLICIT_LE, NULL);
	put_item(&b, 0x50, user.p, user.n);
	struct pdu_associate a;
	struct err e;

	assert_int_equal(parse_rq(&b, &a, &e), 0);

	assert_string_equal(a.implementation, "");
	pdu_associate_done(&a);
}

static void
test_pdu_parse_too_many_roles_are_refused(void **state)
{
	(void)state;
	static uint8_t p[16 * 1024];
	struct body b = a_body();
	struct body one = {.n = 0};
	put_context(&b, 1, VERIFICATION, IMPLICIT_LE, NULL);
	put_role(&one, "1.2", 0, 1);
	memcpy(p, b.p, b.n);
	size_t n = b.n;
	size_t user = (PDU_ROLES_MAX + 1) * one.n;
	uint8_t head[4] = {0x50, 0, (uint8_t)(user >> 8), (uint8_t)user};
	memcpy(p + n, head, 4);
	n += 4;
	for (int i = 0; i <= PDU_ROLES_MAX; i++, n += one.n)
		memcpy(p + n, one.p, one.n);
	struct pdu_associate a;
	struct err e;

	assert_int_equal(pdu_parse_associate(PDU_ASSOCIATE_RQ, p, n, &a, &e),
	    -1);

	assert_int_equal(e.code, ERR_PARSE);
}

static void
test_pdu_parse_syntaxes_beyond_the_limit_are_not_kept(void **state)
{
	(void)state;
	struct body b = a_body();
	struct body k = {.n = 4, .p = {1}};
	put_text(&k, 0x30, MR_CLASS);
	for (int i = 0; i < PDU_SYNTAXES_MAX + 10; i++)
		put_text(&k, 0x40, IMPLICIT_LE);
	put_item(&b, 0x20, k.p, k.n);
	put_context(&b, 3, MR_CLASS, EXPLICIT_LE, NULL);
	struct pdu_associate a;
	struct err e;

	assert_int_equal(parse_rq(&b, &a, &e), 0);

	assert_int_equal(a.contexts[0].n_syntaxes, PDU_SYNTAXES_MAX);
	assert_string_equal(pdu_syntax(&a, &a.contexts[1], 0), EXPLICIT_LE);
	pdu_associate_done(&a);
}

static void
test_pdu_parse_every_cut_of_a_request_is_survived(void **state)
{
	(void)state;
	static uint8_t p[2048];
	enum pdu_type type;
	size_t n = read_peer("echoscu_rq", p, sizeof(p), &type);

	for (size_t cut = 0; cut < n; cut++) {
		struct body b = {.n = cut};
		struct pdu_associate a;
		struct err e;
		memcpy(b.p, p, cut);
		if (cut == 0)
			continue;
		if (parse_rq(&b, &a, &e) == 0)
			pdu_associate_done(&a);
		else
			assert_int_equal(e.code, ERR_PARSE);
	}
}

static void
test_pdu_parse_no_memory_is_an_error(void **state)
{
	(void)state;
	struct body b = a_body();
	struct body user = {.n = 0};
	put_role(&user, MR_CLASS, 0, 1);
	put_item(&b, 0x50, user.p, user.n);
	put_context(&b, 1, MR_CLASS, IMPLICIT_LE, NULL);

	for (unsigned k = 1; k <= 3; k++) {
		struct pdu_associate a;
		struct err e;
		mem_fail_at(k);
		assert_int_equal(parse_rq(&b, &a, &e), -1);
		assert_int_equal(e.code, ERR_NOMEM);
	}
	mem_fail_at(0);
}

static void
test_pdu_parse_unknown_result_does_not_accept(void **state)
{
	(void)state;
	struct body b = a_body();
	put_item(&b, 0x21, "\1\0\x99\0", 4);
	struct pdu_associate a;
	struct err e;

	assert_int_equal(pdu_parse_associate(PDU_ASSOCIATE_AC, b.p, b.n, &a,
	    &e), 0);

	assert_int_equal(a.contexts[0].result, PDU_CONTEXT_NO_REASON);
	pdu_associate_done(&a);
}

static void
test_pdu_parse_accepted_context_has_exactly_one_syntax(void **state)
{
	(void)state;

	for (int n = 0; n <= 2; n++) {
		struct body b = a_body();
		struct body k = {.n = 4, .p = {1}};
		struct pdu_associate a;
		struct err e;
		for (int i = 0; i < n; i++)
			put_text(&k, 0x40, IMPLICIT_LE);
		put_item(&b, 0x21, k.p, k.n);
		int rc = pdu_parse_associate(PDU_ASSOCIATE_AC, b.p, b.n, &a,
		    &e);
		assert_int_equal(rc, n == 1 ? 0 : -1);
		if (rc == 0)
			pdu_associate_done(&a);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_pdu_parse_request_of_echoscu_is_read),
	    cmocka_unit_test(
	        test_pdu_parse_request_with_many_syntaxes_keeps_their_order),
	    cmocka_unit_test(test_pdu_parse_get_of_dcmtk_matches_its_answer),
	    cmocka_unit_test(test_pdu_parse_items_in_any_order_are_taken),
	    cmocka_unit_test(test_pdu_parse_broken_contexts_are_refused),
	    cmocka_unit_test(test_pdu_parse_two_abstract_syntaxes_are_refused),
	    cmocka_unit_test(
	        test_pdu_parse_request_without_contexts_is_refused),
	    cmocka_unit_test(test_pdu_parse_broken_user_items_are_refused),
	    cmocka_unit_test(test_pdu_parse_bad_implementation_uid_is_let_go),
	    cmocka_unit_test(test_pdu_parse_too_many_roles_are_refused),
	    cmocka_unit_test(
	        test_pdu_parse_syntaxes_beyond_the_limit_are_not_kept),
	    cmocka_unit_test(test_pdu_parse_every_cut_of_a_request_is_survived),
	    cmocka_unit_test(test_pdu_parse_no_memory_is_an_error),
	    cmocka_unit_test(test_pdu_parse_unknown_result_does_not_accept),
	    cmocka_unit_test(
	        test_pdu_parse_accepted_context_has_exactly_one_syntax),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
