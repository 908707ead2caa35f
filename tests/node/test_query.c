/* SPDX-License-Identifier: MIT */
/* Tests of node/query: identifiers as selections from the index. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <stdlib.h>

#include "../dicom/assoc_peer.h"
#include "dicom/dataset.h"
#include "node/node_priv.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct fix {
	struct query q;
	uint16_t status;
	struct err e;
	/* the viewer */
	int peer;
	struct session s;
	struct buf say, heard;
	char words[128];
};

static int
setup(void **state)
{
	static struct fix f;
	(void)signal(SIGPIPE, SIG_IGN); /* the loop does it for the agent */
	f = (struct fix){.peer = -1};
	attrs_init(&f.q.keys);
	buf_init(&f.say, RAW_MAX);
	buf_init(&f.heard, RAW_MAX);
	f.s.a = raw_assoc(&f.peer, UL_STA6, 16384, NULL);
	*state = &f;
	return f.s.a == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	struct fix *f = *state;
	query_done(&f->q);
	assoc_drop(&f->s.a);
	sock_close(&f->peer);
	buf_done(&f->say);
	buf_done(&f->heard);
	return 0;
}

static void
key(struct fix *f, uint32_t tag, const char *value)
{
	attrs_put(&f->q.keys, tag, value);
}

/* Read the keys put so far; ready for others after that. */
static int
read_as(struct fix *f, const char *class_uid)
{
	f->status = 0;
	return query_read(&f->q, class_uid, &f->status, &f->e);
}

static void
again(struct fix *f)
{
	query_done(&f->q);
	attrs_init(&f->q.keys);
}

static void
test_query_level_is_told_or_guessed(void **state)
{
	static const struct {
		const char *level, *class_uid;
		uint32_t uid; /* a key besides */
		int rc;
		enum index_level want;
	} rows[] = {
	    {"PATIENT", CLASS_PATIENT_FIND, 0, 0, INDEX_PATIENT},
	    {"STUDY", CLASS_PATIENT_FIND, 0, 0, INDEX_STUDY},
	    {"SERIES", CLASS_STUDY_FIND, 0, 0, INDEX_SERIES},
	    {"IMAGE", CLASS_STUDY_GET, 0, 0, INDEX_INSTANCE},
	    {"image", CLASS_STUDY_MOVE, 0, 0, INDEX_INSTANCE},
	    {"PATIENT", CLASS_STUDY_FIND, 0, 1, 0},
	    {"PATIENT", CLASS_STUDY_GET, 0, 1, 0},
	    {"INSTANCE", CLASS_STUDY_FIND, 0, 1, 0},
	    {"STUDY\\SERIES", CLASS_STUDY_FIND, 0, 1, 0},
	    {"\x1B[2J", CLASS_STUDY_FIND, 0, 1, 0},
	    {"", CLASS_STUDY_FIND, TAG_STUDY_UID, 0, INDEX_STUDY},
	    {"", CLASS_STUDY_FIND, TAG_SERIES_UID, 0, INDEX_SERIES},
	    {"", CLASS_STUDY_GET, TAG_SOP_INSTANCE, 0, INDEX_INSTANCE},
	    {"", CLASS_PATIENT_FIND, TAG_PATIENT_ID, 0, INDEX_PATIENT},
	    {"", CLASS_STUDY_FIND, TAG_PATIENT_ID, 1, 0},
	};
	struct fix *f = *state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		again(f);
		if (rows[i].level[0] != '\0')
			key(f, TAG_LEVEL, rows[i].level);
		if (rows[i].uid != 0)
			key(f, rows[i].uid, "1.2.3");

		int rc = read_as(f, rows[i].class_uid);

		assert_int_equal(rc, rows[i].rc);
		if (rc == 0)
			assert_int_equal(f->q.sel.level, rows[i].want);
		else
			assert_int_equal(f->status,
			    DIMSE_IDENTIFIER_MISMATCH);
		for (const char *p = f->e.msg; *p != '\0'; p++)
			assert_in_range(*p, ' ', '~'); /* fit for a log */
	}
}

/* A '\' list means what it names: no more, no less. */
static void
test_query_uid_lists_are_split_whole(void **state)
{
	static const struct {
		const char *list;
		unsigned n;
		const char *uids[3];
	} rows[] = {
	    {"", 0, {NULL}},
	    {"1.2", 1, {"1.2"}},
	    {"1.2\\1.3", 2, {"1.2", "1.3"}},
	    {"1.2\\1.3\\1.4", 3, {"1.2", "1.3", "1.4"}},
	    {"1.2\\\\1.3", 2, {"1.2", "1.3"}}, /* an empty one amid */
	    {"\\1.2", 1, {"1.2"}}, /* at the beginning: not "any" */
	    {"1.2\\", 1, {"1.2"}},
	    {" 1.2 \\ 1.3 ", 2, {"1.2", "1.3"}},
	    {" \\1.2", 1, {"1.2"}},
	    {"*", 0, {NULL}}, /* any */
	};
	static const uint32_t tags[] = {TAG_STUDY_UID, TAG_SERIES_UID,
	    TAG_SOP_INSTANCE};
	struct fix *f = *state;
	for (size_t i = 0; i < 3 * COUNT(rows); i++) {
		again(f);
		key(f, TAG_LEVEL, "IMAGE");
		key(f, tags[i % 3], rows[i / 3].list);

		assert_int_equal(read_as(f, CLASS_STUDY_GET), 0);

		const struct index_select *s = &f->q.sel;
		const unsigned n[] = {s->n_study_uids, s->n_series_uids,
		    s->n_instance_uids};
		const char *const *uids[] = {s->study_uids, s->series_uids,
		    s->instance_uids};
		assert_int_equal(n[0] + n[1] + n[2], rows[i / 3].n);
		assert_int_equal(n[i % 3], rows[i / 3].n);
		for (unsigned k = 0; k < rows[i / 3].n; k++)
			assert_string_equal(uids[i % 3][k],
			    rows[i / 3].uids[k]);
	}
}

static void
test_query_three_lists_do_not_mix(void **state)
{
	struct fix *f = *state;
	key(f, TAG_LEVEL, "IMAGE");
	key(f, TAG_STUDY_UID, "1.1\\1.2");
	key(f, TAG_SERIES_UID, "2.1");
	key(f, TAG_SOP_INSTANCE, "3.1\\3.2\\3.3");

	assert_int_equal(read_as(f, CLASS_STUDY_MOVE), 0);

	const struct index_select *s = &f->q.sel;
	assert_int_equal(s->n_study_uids, 2);
	assert_string_equal(s->study_uids[1], "1.2");
	assert_int_equal(s->n_series_uids, 1);
	assert_string_equal(s->series_uids[0], "2.1");
	assert_int_equal(s->n_instance_uids, 3);
	assert_string_equal(s->instance_uids[2], "3.3");
	/* the keys are as they came: matching reads them */
	assert_string_equal(attrs_value(&f->q.keys, TAG_STUDY_UID),
	    "1.1\\1.2");
}

static void
test_query_hundred_thousand_uids_are_read(void **state)
{
	struct fix *f = *state;
	struct buf list;
	buf_init(&list, ATTR_VALUE_MAX);
	for (unsigned i = 0; i < 100000; i++)
		buf_addf(&list, "%s1.%u", i == 0 ? "" : "\\", i);
	key(f, TAG_LEVEL, "IMAGE");
	key(f, TAG_SOP_INSTANCE, buf_str(&list));
	buf_done(&list);

	assert_int_equal(read_as(f, CLASS_STUDY_GET), 0);

	assert_int_equal(f->q.sel.n_instance_uids, 100000);
	assert_string_equal(f->q.sel.instance_uids[99999], "1.99999");
}

static void
test_query_wildcard_finds_any_but_retrieves_nothing(void **state)
{
	static const char *const values[] = {"1.2.*", "1.2\\1.3*", "?",
	    "*\\1.2"};
	static const char *const retrieve[] = {CLASS_STUDY_GET,
	    CLASS_STUDY_MOVE, CLASS_PATIENT_GET, CLASS_PATIENT_MOVE};
	struct fix *f = *state;
	for (size_t i = 0; i < COUNT(values); i++) {
		again(f);
		key(f, TAG_LEVEL, "STUDY");
		key(f, TAG_STUDY_UID, values[i]);

		assert_int_equal(read_as(f, CLASS_STUDY_FIND), 0);
		assert_int_equal(f->q.sel.n_study_uids, 0);

		again(f);
		key(f, TAG_LEVEL, "STUDY");
		key(f, TAG_STUDY_UID, values[i]);
		assert_int_equal(read_as(f, retrieve[i]), 1);
		assert_int_equal(f->status, DIMSE_IDENTIFIER_MISMATCH);
	}
}

static void
test_query_patient_id_narrows_when_it_is_one(void **state)
{
	static const struct {
		const char *id, *want;
	} rows[] = {
	    {"42", "42"}, {"O'Hara; --", "O'Hara; --"}, {"", NULL},
	    {"4*", NULL}, {"4?", NULL}, {"*", NULL}, {"4\\5", NULL}};
	struct fix *f = *state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		again(f);
		key(f, TAG_LEVEL, "STUDY");
		key(f, TAG_PATIENT_ID, rows[i].id);

		assert_int_equal(read_as(f, CLASS_STUDY_FIND), 0);

		if (rows[i].want == NULL)
			assert_null(f->q.sel.patient_id);
		else
			assert_string_equal(f->q.sel.patient_id,
			    rows[i].want);
	}
}

/* As many backslashes as it likes: nothing, not any. */
static void
test_query_uid_key_without_a_uid_names_nothing(void **state)
{
	static const char *const values[] = {"\\", "\\\\\\", " ", " \\ "};
	static const uint32_t tags[] = {TAG_STUDY_UID, TAG_SERIES_UID,
	    TAG_SOP_INSTANCE};
	struct fix *f = *state;
	for (size_t i = 0; i < 3 * COUNT(values); i++) {
		again(f);
		key(f, TAG_LEVEL, "IMAGE");
		key(f, TAG_STUDY_UID, "1.2");
		key(f, tags[i % 3], values[i / 3]);

		assert_int_equal(read_as(f, CLASS_STUDY_FIND), 0);

		const struct index_select *s = &f->q.sel;
		const char *const *uids[] = {s->study_uids, s->series_uids,
		    s->instance_uids};
		const unsigned n[] = {s->n_study_uids, s->n_series_uids,
		    s->n_instance_uids};
		assert_true(query_names_nothing(s));
		assert_int_equal(n[i % 3], 1);
		assert_string_equal(uids[i % 3][0], "");
	}
	again(f);
	key(f, TAG_STUDY_UID, "\\");
	assert_int_equal(read_as(f, CLASS_STUDY_GET), 1);
	assert_int_equal(f->status, DIMSE_IDENTIFIER_MISMATCH);
}

/* Narrowing may never exclude what matching would take. */
static void
test_query_dates_narrow_when_they_are_whole(void **state)
{
	static const struct {
		const char *date, *from, *to; /* "" = open */
	} rows[] = {
	    {"20261124", "20261124", "20261124"},
	    {"20261101-20261130", "20261101", "20261130"},
	    {"20261101-", "20261101", ""}, {"-20261130", "", "20261130"},
	    {"", "", ""}, {"*", "", ""}, {"-", "", ""},
	    {"2026", "", ""}, {"2026*", "", ""}, {"202611??", "", ""},
	    {"2026-2027", "", ""}, {"2026.11.24", "", ""},
	    {"2026.11.01-2026.11.30", "", ""},
	    {"20261101 - 20261130", "", ""},
	    {"20261101-2026", "20261101", ""},
	};
	struct fix *f = *state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		again(f);
		key(f, TAG_LEVEL, "STUDY");
		key(f, TAG_STUDY_DATE, rows[i].date);

		assert_int_equal(read_as(f, CLASS_STUDY_FIND), 0);

		const struct index_select *s = &f->q.sel;
		assert_string_equal(s->date_from == NULL ? "" : s->date_from,
		    rows[i].from);
		assert_string_equal(s->date_to == NULL ? "" : s->date_to,
		    rows[i].to);
	}
}

/* From the wire: context 1 of the fixture is Implicit LE. */
static int
receive(struct fix *f, const void *p, size_t n)
{
	static const struct assoc_context c = {.id = 1,
	    .abstract = CLASS_STUDY_FIND, .syntax = IMPLICIT_LE};
	struct dimse d;
	uint8_t context = 0;
	raw_command(&f->say, 1, 1, false);
	raw_pdv(&f->say, 1, RAW_LAST, p, (uint32_t)n);
	assert_true(raw_write(f->peer, &f->say));
	buf_clear(&f->say);
	assert_int_equal(assoc_receive(f->s.a, 0, &d, &context, &f->e), 1);
	return query_receive(&f->s, &c, &f->q, &f->status, &f->e);
}

static void
test_query_received_is_read(void **state)
{
	struct fix *f = *state;
	struct attrs as;
	struct buf b;
	attrs_init(&as);
	buf_init(&b, DATASET_IDENTIFIER_MAX);
	attrs_put(&as, TAG_LEVEL, "STUDY");
	attrs_put(&as, TAG_STUDY_UID, "1.2.3");
	attrs_put(&as, TAG_PATIENT_NAME, "M\xC3\xBCller*");
	assert_int_equal(dataset_format(&as, IMPLICIT_LE, &b, &f->e), 0);

	int rc = receive(f, b.p, b.len);

	assert_int_equal(rc, 0);
	assert_int_equal(f->q.sel.level, INDEX_STUDY);
	assert_int_equal(f->q.sel.n_study_uids, 1);
	assert_string_equal(attrs_value(&f->q.keys, TAG_PATIENT_NAME),
	    "M\xC3\xBCller*");
	attrs_done(&as);
	buf_done(&b);
}

static void
test_query_received_garbage_is_refused_and_the_next_is_read(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		uint16_t status;
	} rows[] = {
	    /* a length beyond the end; half a tag; no level and no UID */
	    {"\x08\0\x52\0\xFF\xFF\0\0STUDY ", 14, DIMSE_UNABLE},
	    {"\x08\0\x52", 3, DIMSE_UNABLE},
	    {"", 0, DIMSE_IDENTIFIER_MISMATCH},
	    {"\x08\0\x52\0\4\0\0\0WHAT", 12, DIMSE_IDENTIFIER_MISMATCH},
	};
	struct fix *f = *state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		again(f);
		assert_int_equal(receive(f, rows[i].bytes, rows[i].n), 1);
		assert_int_equal(f->status, rows[i].status);
	}
	again(f);
	assert_int_equal(receive(f, "\x08\0\x52\0\6\0\0\0STUDY ", 14), 0);
	assert_true(assoc_is_open(f->s.a));
}

static void *
speak(void *ctx)
{
	struct fix *f = ctx;
	(void)raw_write(f->peer, &f->say); /* what is received tells */
	return NULL;
}

static void
test_query_received_too_large_is_refused(void **state)
{
	struct fix *f = *state;
	static const uint8_t zeros[16000];
	static const struct assoc_context c = {.id = 1,
	    .abstract = CLASS_STUDY_FIND, .syntax = IMPLICIT_LE};
	struct dimse d;
	uint8_t context = 0;
	raw_command(&f->say, 1, 1, false);
	assert_true(raw_write(f->peer, &f->say));
	assert_int_equal(assoc_receive(f->s.a, 0, &d, &context, &f->e), 1);
	/* beyond the socket's buffer: somebody else must say it */
	buf_clear(&f->say);
	for (int i = 0; i < 70; i++)
		raw_pdv(&f->say, 1, i == 69 ? RAW_LAST : RAW_DATA, zeros,
		    sizeof(zeros));
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, speak, f), 0);

	int rc = query_receive(&f->s, &c, &f->q, &f->status, &f->e);

	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(rc, 1);
	assert_int_equal(f->status, DIMSE_OUT_OF_RESOURCES);
	assert_true(assoc_is_open(f->s.a));
}

static void
test_query_cut_off_is_over(void **state)
{
	struct fix *f = *state;
	static const struct assoc_context c = {.id = 1,
	    .abstract = CLASS_STUDY_FIND, .syntax = IMPLICIT_LE};
	struct dimse d;
	uint8_t context = 0;
	raw_command(&f->say, 1, 1, false);
	raw_pdv(&f->say, 1, RAW_DATA, "ab", 2);
	assert_true(raw_write(f->peer, &f->say));
	assert_int_equal(shutdown(f->peer, SHUT_WR), 0);
	assert_int_equal(assoc_receive(f->s.a, 0, &d, &context, &f->e), 1);

	int rc = query_receive(&f->s, &c, &f->q, &f->status, &f->e);

	assert_int_equal(rc, -1);
	assert_false(assoc_is_open(f->s.a));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_query_level_is_told_or_guessed),
	    TEST(test_query_uid_lists_are_split_whole),
	    TEST(test_query_three_lists_do_not_mix),
	    TEST(test_query_hundred_thousand_uids_are_read),
	    TEST(test_query_wildcard_finds_any_but_retrieves_nothing),
	    TEST(test_query_uid_key_without_a_uid_names_nothing),
	    TEST(test_query_patient_id_narrows_when_it_is_one),
	    TEST(test_query_dates_narrow_when_they_are_whole),
	    TEST(test_query_received_is_read),
	    TEST(test_query_received_garbage_is_refused_and_the_next_is_read),
	    TEST(test_query_received_too_large_is_refused),
	    TEST(test_query_cut_off_is_over),
	};
	struct err e;
	if (dataset_start(&e) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
