/* SPDX-License-Identifier: MIT */
/* DIMSE command sets: what peers send, what we send, what is refused. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "wire/dimse.h"

#define MR_CLASS "1.2.840.10008.5.1.4.1.1.4"
#define ROUNDS 1000

/* Elements put together by hand, so that the parser is not tested with the
 * formatter alone. */
struct set {
	uint8_t p[1024];
	size_t n;
};

static void
put(struct set *s, unsigned el, const void *p, size_t n)
{
	uint8_t head[8] = {0, 0, (uint8_t)el, (uint8_t)(el >> 8), (uint8_t)n,
	    (uint8_t)(n >> 8), 0, 0};
	memcpy(s->p + s->n, head, sizeof(head));
	if (n > 0)
		memcpy(s->p + s->n + sizeof(head), p, n);
	s->n += sizeof(head) + n;
}

static void
put_u16(struct set *s, unsigned el, unsigned v)
{
	uint8_t p[2] = {(uint8_t)v, (uint8_t)(v >> 8)};
	put(s, el, p, 2);
}

static void
put_text(struct set *s, unsigned el, const char *text)
{
	put(s, el, text, strlen(text));
}

static struct set
a_find_rq(void)
{
	struct set s = {.n = 0};
	put_u16(&s, 0x0100, DIMSE_C_FIND_RQ);
	put_u16(&s, 0x0110, 7);
	return s;
}

static size_t
read_file(const char *path, uint8_t *dst, size_t size)
{
	FILE *f = fopen(path, "rb");
	assert_non_null(f);
	size_t n = fread(dst, 1, size, f);
	assert_int_equal(fclose(f), 0);
	return n;
}

static void
test_dimse_commands_of_dcmtk_are_read_and_written_alike(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		unsigned command;
	} rows[] = {
		{"dcmtk_echo_rq", DIMSE_C_ECHO_RQ},
		{"dcmtk_echo_rsp", DIMSE_C_ECHO_RSP},
		{"dcmtk_find_rq", DIMSE_C_FIND_RQ},
		{"dcmtk_find_rsp", DIMSE_C_FIND_RSP},
		{"dcmtk_get_rq", DIMSE_C_GET_RQ},
		{"dcmtk_get_rsp", DIMSE_C_GET_RSP},
		{"dcmtk_move_rq", DIMSE_C_MOVE_RQ},
		{"dcmtk_move_rsp", DIMSE_C_MOVE_RSP},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char path[128];
		uint8_t p[512];
		struct dimse d;
		struct err e;
		struct buf b;
		(void)snprintf(path, sizeof(path),
		    "tests/fuzz/corpus/dimse/%s", rows[i].name);
		size_t n = read_file(path, p, sizeof(p));
		assert_int_equal(dimse_parse(p, n, &d, &e), 0);
		assert_int_equal(d.command, rows[i].command);
		assert_int_equal(d.status, DIMSE_SUCCESS);
		buf_init(&b, DIMSE_COMMAND_MAX);
		dimse_format(&b, &d);
		assert_int_equal(b.len, n);
		assert_memory_equal(b.p, p, n);
		buf_done(&b);
	}
}

static void
test_dimse_elements_in_any_order_are_taken(void **state)
{
	(void)state;
	struct set s = {.n = 0};
	put_text(&s, 0x1000, "1.2.3");
	put_u16(&s, 0x0800, 0x0001);
	put_u16(&s, 0x1031, 9);
	put_text(&s, 0x1030, " MOVER ");
	put_u16(&s, 0x0110, 0x1234);
	put_u16(&s, 0x0100, DIMSE_C_STORE_RQ);
	put_text(&s, 0x4000, "retired recognition code");
	put(&s, 0x0002, MR_CLASS, sizeof(MR_CLASS));
	put(&s, 0x0000, "\xff\xff\xff\xff", 4);
	struct dimse d;
	struct err e;

	assert_int_equal(dimse_parse(s.p, s.n, &d, &e), 0);

	assert_int_equal(d.command, DIMSE_C_STORE_RQ);
	assert_int_equal(d.message_id, 0x1234);
	assert_string_equal(d.class_uid, MR_CLASS);
	assert_string_equal(d.instance_uid, "1.2.3");
	assert_string_equal(d.originator, "MOVER");
	assert_int_equal(d.originator_id, 9);
	assert_true(d.has_data);
	assert_false(d.has_status);
}

static void
test_dimse_padding_of_any_kind_is_cut(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		size_t n;
	} rows[] = {
		{"1.2.34", 6}, {"1.2.34\0", 7}, {"1.2.34 ", 7},
		{"1.2.34\0\0", 8}, {"1.2.34  ", 8},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct set s = a_find_rq();
		struct dimse d;
		struct err e;
		put(&s, 0x0003, rows[i].bytes, rows[i].n);
		put(&s, 0x0600, "AE\0junk", 7);
		assert_int_equal(dimse_parse(s.p, s.n, &d, &e), 0);
		assert_string_equal(d.class_uid, "1.2.34");
		assert_string_equal(d.destination, "AE");
	}
}

static void
test_dimse_empty_elements_are_as_good_as_absent(void **state)
{
	(void)state;
	struct set s = a_find_rq();
	put(&s, 0x0002, NULL, 0);
	put(&s, 0x0700, NULL, 0);
	put(&s, 0x0800, NULL, 0);
	put(&s, 0x0900, NULL, 0);
	put(&s, 0x0600, NULL, 0);
	put(&s, 0x0902, NULL, 0);
	put(&s, 0x1020, NULL, 0);
	struct dimse d;
	struct err e;

	assert_int_equal(dimse_parse(s.p, s.n, &d, &e), 0);

	assert_string_equal(d.class_uid, "");
	assert_false(d.has_data);
	assert_false(d.has_status);
	assert_false(d.has_counts);
}

static void
test_dimse_long_comment_is_cut(void **state)
{
	(void)state;
	struct set s = {.n = 0};
	char comment[101];
	memset(comment, 'x', 100);
	comment[100] = '\0';
	put_u16(&s, 0x0100, DIMSE_C_FIND_RSP);
	put_u16(&s, 0x0120, 3);
	put_u16(&s, 0x0900, 0xC001);
	put_text(&s, 0x0902, comment);
	struct dimse d;
	struct err e;

	assert_int_equal(dimse_parse(s.p, s.n, &d, &e), 0);

	assert_int_equal(strlen(d.comment), 64);
	assert_true(d.has_status);
	assert_int_equal(d.status, 0xC001);
}

static void
test_dimse_what_is_broken_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		unsigned drop; /* element left out */
		unsigned el; /* element put in */
		const char *bytes;
		size_t n;
	} rows[] = {
		{"no command", 0x0100, 0, "", 0},
		{"no message id", 0x0110, 0, "", 0},
		{"no instance", 0x1000, 0, "", 0},
		{"empty instance", 0x1000, 0x1000, "", 0},
		{"instance is no UID", 0x1000, 0x1000, "1..2", 4},
		{"instance is a path", 0x1000, 0x1000, "../../x", 7},
		{"class is no UID", 0, 0x0002, "MR", 2},
		{"class has a NUL inside", 0, 0x0002, "1.2\0003", 5},
		{"message id of four bytes", 0x0110, 0x0110, "\1\0\0\0", 4},
		{"message id of one byte", 0x0110, 0x0110, "\1", 1},
		{"title of 17", 0, 0x0600, "ABCDEFGHIJKLMNOPQ", 17},
		{"originator of 17", 0, 0x1030, "ABCDEFGHIJKLMNOPQ", 17},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct set s = {.n = 0};
		struct dimse d;
		struct err e = {.code = ERR_NONE};
		if (rows[i].drop != 0x0100)
			put_u16(&s, 0x0100, DIMSE_C_STORE_RQ);
		if (rows[i].drop != 0x0110)
			put_u16(&s, 0x0110, 1);
		if (rows[i].drop != 0x1000)
			put_text(&s, 0x1000, "1.2.3");
		if (rows[i].el != 0)
			put(&s, rows[i].el, rows[i].bytes, rows[i].n);
		int rc = dimse_parse(s.p, s.n, &d, &e);
		if (rc != -1 || e.code != ERR_PARSE)
			print_error("row '%s'\n", rows[i].name);
		assert_int_equal(rc, -1);
		assert_int_equal(e.code, ERR_PARSE);
	}
}

static void
test_dimse_broken_frames_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		const char *bytes;
		size_t n;
	} rows[] = {
		{"nothing", "", 0},
		{"half a tag", "\0\0\0", 3},
		{"half a length", "\0\0\0\1\2\0", 6},
		{"past the end", "\0\0\0\1\3\0\0\0\x20\0", 10},
		{"undefined length", "\0\0\0\1\xff\xff\xff\xff\x20\0", 10},
		{"group 8", "\x08\0\x52\0\0\0\0\0", 8},
		{"explicit VR", "\0\0\0\1US\2\0\x20\0", 10},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dimse d;
		struct err e = {.code = ERR_NONE};
		int rc = dimse_parse((const uint8_t *)rows[i].bytes,
		    rows[i].n, &d, &e);
		if (rc != -1)
			print_error("row '%s'\n", rows[i].name);
		assert_int_equal(rc, -1);
		assert_int_equal(e.code, ERR_PARSE);
	}
}

static void
test_dimse_response_without_its_request_is_refused(void **state)
{
	(void)state;
	static const unsigned commands[] = {DIMSE_C_FIND_RSP,
	    DIMSE_C_STORE_RSP, DIMSE_C_CANCEL_RQ};

	for (size_t i = 0; i < 3; i++) {
		struct set s = {.n = 0};
		struct dimse d;
		struct err e;
		put_u16(&s, 0x0100, commands[i]);
		put_u16(&s, 0x0110, 5);
		assert_int_equal(dimse_parse(s.p, s.n, &d, &e), -1);
		put_u16(&s, 0x0120, 6);
		assert_int_equal(dimse_parse(s.p, s.n, &d, &e), 0);
		assert_int_equal(d.message_id, 6);
	}
}

static void
test_dimse_store_request_has_the_standards_bytes(void **state)
{
	(void)state;
	static const uint8_t want[] = {
	    0, 0, 0, 0, 4, 0, 0, 0, 112, 0, 0, 0,
	    0, 0, 2, 0, 4, 0, 0, 0, '1', '.', '2', 0,
	    0, 0, 0, 1, 2, 0, 0, 0, 1, 0,
	    0, 0, 0x10, 1, 2, 0, 0, 0, 0x34, 0x12,
	    0, 0, 0, 7, 2, 0, 0, 0, 1, 0,
	    0, 0, 0, 8, 2, 0, 0, 0, 1, 0,
	    0, 0, 0, 0x10, 6, 0, 0, 0, '1', '.', '2', '.', '3', 0,
	    0, 0, 0x30, 0x10, 4, 0, 0, 0, 'A', 'B', 'C', ' ',
	    0, 0, 0x31, 0x10, 2, 0, 0, 0, 9, 0,
	};
	struct dimse d = {.command = DIMSE_C_STORE_RQ, .class_uid = "1.2",
	    .instance_uid = "1.2.3", .message_id = 0x1234, .priority = 1,
	    .has_data = true, .originator = "ABC", .originator_id = 9};
	struct buf b;
	buf_init(&b, DIMSE_COMMAND_MAX);

	dimse_format(&b, &d);

	assert_int_equal(b.len, sizeof(want));
	assert_memory_equal(b.p + 12, want + 12, sizeof(want) - 12);
	assert_int_equal(b.p[8], sizeof(want) - 12);
	buf_done(&b);
}

/* Whether element ${el} is in the command set of ${d}. */
static bool
has_element(const struct dimse *d, unsigned el)
{
	struct buf b;
	bool found = false;
	buf_init(&b, DIMSE_COMMAND_MAX);
	dimse_format(&b, d);
	struct cur c = cur_of(b.p, b.len);
	while (cur_left(&c) > 0) {
		(void)cur_u16le(&c);
		found = cur_u16le(&c) == el || found;
		uint32_t n = cur_u32le(&c);
		assert_int_equal(n % 2, 0);
		(void)cur_take(&c, n);
		assert_false(c.failed);
	}
	buf_done(&b);
	return found;
}

static void
test_dimse_remaining_is_sent_while_pending_or_cancelled(void **state)
{
	(void)state;
	static const struct {
		uint16_t status;
		bool want;
	} rows[] = {
		{DIMSE_PENDING, true}, {DIMSE_CANCELLED, true},
		{DIMSE_SUCCESS, false}, {DIMSE_CANNOT_SEND, false},
		{DIMSE_SUBOPERATIONS_FAILED, false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dimse d = {.command = DIMSE_C_GET_RSP,
		    .status = rows[i].status, .has_counts = true};
		assert_int_equal(has_element(&d, 0x1020), rows[i].want);
		assert_true(has_element(&d, 0x1021));
		assert_true(has_element(&d, 0x1023));
		d.command = DIMSE_C_FIND_RSP;
		assert_false(has_element(&d, 0x1021));
	}
}

static void
test_dimse_cancel_names_the_message_it_ends(void **state)
{
	(void)state;
	struct dimse d = {.command = DIMSE_C_CANCEL_RQ, .message_id = 5,
	    .class_uid = "1.2"};

	assert_true(has_element(&d, 0x0120));
	assert_false(has_element(&d, 0x0110));
	assert_false(has_element(&d, 0x0002));
	assert_false(has_element(&d, 0x0700));
	assert_true(has_element(&d, 0x0800));
}

static void
test_dimse_response_repeats_what_it_answers(void **state)
{
	(void)state;
	struct dimse rq = {.command = DIMSE_C_STORE_RQ, .message_id = 77,
	    .class_uid = MR_CLASS, .instance_uid = "1.2.3", .has_data = true,
	    .originator = "MOVER"};

	struct dimse rsp = dimse_response(&rq, DIMSE_OUT_OF_RESOURCES);

	assert_int_equal(rsp.command, DIMSE_C_STORE_RSP);
	assert_int_equal(rsp.message_id, 77);
	assert_string_equal(rsp.class_uid, MR_CLASS);
	assert_string_equal(rsp.instance_uid, "1.2.3");
	assert_true(rsp.has_status);
	assert_int_equal(rsp.status, DIMSE_OUT_OF_RESOURCES);
	assert_false(rsp.has_data);
	assert_string_equal(rsp.originator, "");
	assert_true(dimse_is_request(&rq));
	assert_false(dimse_is_request(&rsp));
}

static void
random_uid(char dst[UID_SIZE])
{
	int n = snprintf(dst, UID_SIZE, "1.2.%d.%d", rand(), rand());
	for (int more = rand() % 40; more > 0 && n < UID_LENGTH; more--)
		dst[n++] = '7';
	dst[n] = '\0';
}

static void
random_title(char *dst, int size)
{
	int n = 1 + rand() % (size - 1);
	for (int i = 0; i < n; i++)
		dst[i] = (char)('A' + rand() % 26);
	dst[n] = '\0';
}

/* A message that has only what its command can carry. */
static struct dimse
random_message(void)
{
	static const uint16_t commands[] = {DIMSE_C_STORE_RQ,
	    DIMSE_C_STORE_RSP, DIMSE_C_GET_RQ, DIMSE_C_GET_RSP,
	    DIMSE_C_FIND_RQ, DIMSE_C_FIND_RSP, DIMSE_C_MOVE_RQ,
	    DIMSE_C_MOVE_RSP, DIMSE_C_ECHO_RQ, DIMSE_C_ECHO_RSP,
	    DIMSE_C_CANCEL_RQ};
	struct dimse d = {.command = commands[rand() % 11],
	    .message_id = (uint16_t)rand(), .has_data = rand() % 2 == 0};
	if (d.command != DIMSE_C_CANCEL_RQ)
		random_uid(d.class_uid);
	if ((d.command & 0x7FFF) == DIMSE_C_STORE_RQ)
		random_uid(d.instance_uid);
	d.has_status = !dimse_is_request(&d);
	if (d.has_status) {
		d.status = rand() % 2 == 0 ? DIMSE_PENDING : DIMSE_CANNOT_SEND;
		random_title(d.comment, (int)sizeof(d.comment));
	} else if (d.command != DIMSE_C_CANCEL_RQ &&
	    d.command != DIMSE_C_ECHO_RQ)
		d.priority = (uint16_t)(rand() % 3);
	if (d.command == DIMSE_C_MOVE_RQ)
		random_title(d.destination, AE_SIZE);
	if (d.command == DIMSE_C_STORE_RQ && rand() % 2 == 0) {
		random_title(d.originator, AE_SIZE);
		d.originator_id = (uint16_t)rand();
	}
	if (d.command == DIMSE_C_GET_RSP || d.command == DIMSE_C_MOVE_RSP) {
		d.has_counts = true;
		d.remaining = d.status == DIMSE_PENDING ?
		    (uint16_t)rand() : 0;
		d.completed = (uint16_t)rand();
		d.failed = (uint16_t)rand();
		d.warning = (uint16_t)rand();
	}
	return d;
}

static void
assert_same(const struct dimse *a, const struct dimse *b)
{
	assert_int_equal(a->command, b->command);
	assert_string_equal(a->class_uid, b->class_uid);
	assert_string_equal(a->instance_uid, b->instance_uid);
	assert_int_equal(a->message_id, b->message_id);
	assert_int_equal(a->priority, b->priority);
	assert_int_equal(a->has_data, b->has_data);
	assert_int_equal(a->has_status, b->has_status);
	assert_int_equal(a->status, b->status);
	assert_string_equal(a->destination, b->destination);
	assert_string_equal(a->originator, b->originator);
	assert_int_equal(a->originator_id, b->originator_id);
	assert_int_equal(a->has_counts, b->has_counts);
	assert_int_equal(a->remaining, b->remaining);
	assert_int_equal(a->completed, b->completed);
	assert_int_equal(a->failed, b->failed);
	assert_int_equal(a->warning, b->warning);
	assert_string_equal(a->comment, b->comment);
}

static void
test_dimse_what_is_written_reads_the_same(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b, DIMSE_COMMAND_MAX);

	for (unsigned seed = 1; seed <= ROUNDS; seed++) {
		struct dimse got;
		struct err e;
		srand(seed);
		struct dimse d = random_message();
		buf_clear(&b);
		dimse_format(&b, &d);
		assert_int_equal(b.len % 2, 0);
		if (dimse_parse(b.p, b.len, &got, &e) != 0)
			fail_msg("seed %u: %s", seed, e.msg);
		assert_same(&got, &d);
	}
	buf_done(&b);
}

/* Every cut of a good command set is refused or read, never overrun. */
static void
test_dimse_every_cut_is_survived(void **state)
{
	(void)state;
	struct dimse d = {.command = DIMSE_C_MOVE_RQ, .class_uid = "1.2",
	    .message_id = 1, .destination = "THEATRE6"};
	struct buf b;
	buf_init(&b, DIMSE_COMMAND_MAX);
	dimse_format(&b, &d);

	for (size_t n = 0; n < b.len; n++) {
		struct dimse got;
		struct err e;
		uint8_t *exact = test_malloc(n + 1);
		memcpy(exact, b.p, n);
		(void)dimse_parse(exact, n, &got, &e); /* either is fine */
		test_free(exact);
	}
	buf_done(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
	        test_dimse_commands_of_dcmtk_are_read_and_written_alike),
	    cmocka_unit_test(test_dimse_elements_in_any_order_are_taken),
	    cmocka_unit_test(test_dimse_padding_of_any_kind_is_cut),
	    cmocka_unit_test(test_dimse_empty_elements_are_as_good_as_absent),
	    cmocka_unit_test(test_dimse_long_comment_is_cut),
	    cmocka_unit_test(test_dimse_what_is_broken_is_refused),
	    cmocka_unit_test(test_dimse_broken_frames_are_refused),
	    cmocka_unit_test(
	        test_dimse_response_without_its_request_is_refused),
	    cmocka_unit_test(test_dimse_store_request_has_the_standards_bytes),
	    cmocka_unit_test(
	        test_dimse_remaining_is_sent_while_pending_or_cancelled),
	    cmocka_unit_test(test_dimse_cancel_names_the_message_it_ends),
	    cmocka_unit_test(test_dimse_response_repeats_what_it_answers),
	    cmocka_unit_test(test_dimse_what_is_written_reads_the_same),
	    cmocka_unit_test(test_dimse_every_cut_is_survived),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
