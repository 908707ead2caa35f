/* SPDX-License-Identifier: MIT */
/* Tests of the attribute list and its blob. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "wire/attrs.h"

static void
test_attrs_known_tag_has_its_vr(void **state)
{
	(void)state;

	assert_string_equal(tag_vr(TAG_PATIENT_NAME), "PN");
	assert_string_equal(tag_vr(TAG_STUDY_UID), "UI");
	assert_string_equal(tag_vr(TAG(0x0009, 0x1001)), "UN");
}

static void
test_attrs_set_keeps_tags_sorted_and_single(void **state)
{
	(void)state;
	struct attrs as;
	attrs_init(&as);

	attrs_put(&as, TAG_STUDY_UID, "1.2");
	attrs_put(&as, TAG_MODALITY, "MR");
	attrs_put(&as, TAG_PATIENT_ID, "7");
	attrs_put(&as, TAG_MODALITY, "CT");

	assert_int_equal(as.n, 3);
	assert_int_equal(as.a[0].tag, TAG_MODALITY);
	assert_int_equal(as.a[1].tag, TAG_PATIENT_ID);
	assert_int_equal(as.a[2].tag, TAG_STUDY_UID);
	assert_string_equal(attrs_value(&as, TAG_MODALITY), "CT");
	assert_null(attrs_get(&as, TAG_SEX));
	assert_string_equal(attrs_value(&as, TAG_SEX), "");
	attrs_done(&as);
}

static void
test_attrs_raw_bytes_stand_beside_the_value(void **state)
{
	(void)state;
	struct attrs as;
	struct err e;
	attrs_init(&as);

	int rc = attrs_set(&as, TAG_PATIENT_NAME, "PN", "R\xC3\xBC", "R\xFC ",
	    3, &e);
	attrs_putf(&as, TAG_ROWS, "%d", 512);

	assert_int_equal(rc, 0);
	const struct attr *a = attrs_get(&as, TAG_PATIENT_NAME);
	assert_string_equal(a->value, "R\xC3\xBC");
	assert_int_equal(a->raw_n, 3);
	assert_memory_equal(a->raw, "R\xFC ", 3);
	a = attrs_get(&as, TAG_ROWS);
	assert_string_equal(a->vr, "US");
	assert_int_equal(a->raw_n, 3);
	assert_memory_equal(a->raw, "512", 3);
	attrs_done(&as);
}

static void
test_attrs_beyond_the_limits_are_refused(void **state)
{
	(void)state;
	struct attrs as;
	struct err e = {0};
	attrs_init(&as);
	for (unsigned i = 0; i < ATTRS_MAX; i++)
		assert_int_equal(
		    attrs_set(&as, i * 2, "LO", "x", NULL, 0, &e), 0);
	char *big = mem_new_n(char, ATTR_VALUE_MAX + 2);
	memset(big, 'x', ATTR_VALUE_MAX + 1);

	int more = attrs_set(&as, 9, "LO", "x", NULL, 0, &e);
	int same = attrs_set(&as, 8, "LO", "y", NULL, 0, &e);
	int longer = attrs_set(&as, 8, "LO", big, NULL, 0, &e);

	assert_int_equal(more, -1);
	assert_int_equal(same, 0);
	assert_int_equal(longer, -1);
	assert_int_equal(e.code, ERR_PARSE);
	assert_string_equal(attrs_value(&as, 8), "y");
	assert_int_equal(as.n, ATTRS_MAX);
	mem_free(big);
	attrs_done(&as);
}

static void
test_attrs_without_memory_keep_what_they_have(void **state)
{
	(void)state;
	struct attrs as;
	struct err e;
	attrs_init(&as);
	attrs_put(&as, TAG_SEX, "F");

	mem_fail_at(1);
	int rc = attrs_set(&as, TAG_SEX, "CS", "M", NULL, 0, &e);

	assert_int_equal(rc, -1);
	assert_int_equal(e.code, ERR_NOMEM);
	assert_string_equal(attrs_value(&as, TAG_SEX), "F");
	attrs_done(&as);
}

static void
test_attrs_merge_fills_only_gaps(void **state)
{
	(void)state;
	struct attrs as;
	struct attrs from;
	attrs_init(&as);
	attrs_init(&from);
	attrs_put(&as, TAG_PATIENT_ID, "1");
	attrs_put(&from, TAG_PATIENT_ID, "2");
	attrs_put(&from, TAG_MODALITY, "MR");

	attrs_merge(&as, &from);

	assert_int_equal(as.n, 2);
	assert_string_equal(attrs_value(&as, TAG_PATIENT_ID), "1");
	assert_string_equal(attrs_value(&as, TAG_MODALITY), "MR");
	attrs_done(&from);
	attrs_done(&as);
}

static void
make_random(struct attrs *as)
{
	static const char *const values[] = {"", "x", "R\xC3\xBC", "A\\B"};
	struct err e;
	attrs_init(as);
	unsigned n = (unsigned)rand() % 40;
	for (unsigned i = 0; i < n; i++) {
		uint32_t tag = (uint32_t)rand() % 64;
		const char *raw = rand() % 2 == 0 ? NULL : "\0\xFF raw";
		assert_int_equal(attrs_set(as, tag, "LO", values[rand() % 4],
		    raw, (size_t)rand() % 7, &e), 0);
	}
	as->guessed = rand() % 2 == 0;
	(void)str_copy(as->charset, sizeof(as->charset), "ISO_IR 100");
}

static void
assert_same(const struct attrs *a, const struct attrs *b)
{
	assert_int_equal(a->n, b->n);
	assert_int_equal(a->guessed, b->guessed);
	assert_string_equal(a->charset, b->charset);
	for (unsigned i = 0; i < a->n; i++) {
		assert_int_equal(a->a[i].tag, b->a[i].tag);
		assert_string_equal(a->a[i].vr, b->a[i].vr);
		assert_string_equal(a->a[i].value, b->a[i].value);
		assert_int_equal(a->a[i].raw_n, b->a[i].raw_n);
		if (a->a[i].raw_n > 0)
			assert_memory_equal(a->a[i].raw, b->a[i].raw,
			    a->a[i].raw_n);
	}
}

static void
test_attrs_blob_gives_back_what_went_in(void **state)
{
	(void)state;
	srand(20261124);
	for (int round = 0; round < 1000; round++) {
		struct attrs as;
		struct attrs back;
		struct buf b;
		struct err e;
		make_random(&as);
		buf_init(&b, 1 << 20);

		attrs_format(&b, &as);
		assert_int_equal(attrs_parse(b.p, b.len, &back, &e), 0);

		assert_same(&as, &back);
		attrs_done(&as);
		attrs_done(&back);
		buf_done(&b);
	}
}

static void
test_attrs_cut_blob_is_corrupt(void **state)
{
	(void)state;
	struct attrs as;
	struct attrs back;
	struct buf b;
	struct err e;
	srand(7);
	make_random(&as);
	buf_init(&b, 1 << 20);
	attrs_format(&b, &as);

	for (size_t n = 0; n < b.len; n++) {
		uint8_t *cut = mem_new_n(uint8_t, n + 1);
		memcpy(cut, b.p, n);
		assert_int_equal(attrs_parse(cut, n, &back, &e), -1);
		assert_int_equal(e.code, ERR_CORRUPT);
		mem_free(cut);
	}

	buf_add_u8(&b, 0);
	assert_int_equal(attrs_parse(b.p, b.len, &back, &e), -1);
	buf_done(&b);
	attrs_done(&as);
}

static void
test_attrs_damaged_blob_never_gives_bad_text(void **state)
{
	(void)state;
	struct attrs as;
	struct buf b;
	struct err e;
	srand(8);
	make_random(&as);
	buf_init(&b, 1 << 20);
	attrs_format(&b, &as);
	attrs_done(&as);

	for (int round = 0; round < 1000; round++) {
		struct attrs back;
		size_t at = (size_t)rand() % b.len;
		uint8_t was = b.p[at];
		b.p[at] = (uint8_t)rand();
		if (attrs_parse(b.p, b.len, &back, &e) == 0) {
			for (unsigned i = 0; i < back.n; i++)
				assert_true(str_is_utf8(back.a[i].value,
				    strlen(back.a[i].value)));
			attrs_done(&back);
		} else {
			assert_int_equal(e.code, ERR_CORRUPT);
		}
		b.p[at] = was;
	}
	buf_done(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_attrs_known_tag_has_its_vr),
	    cmocka_unit_test(test_attrs_set_keeps_tags_sorted_and_single),
	    cmocka_unit_test(test_attrs_raw_bytes_stand_beside_the_value),
	    cmocka_unit_test(test_attrs_beyond_the_limits_are_refused),
	    cmocka_unit_test(test_attrs_without_memory_keep_what_they_have),
	    cmocka_unit_test(test_attrs_merge_fills_only_gaps),
	    cmocka_unit_test(test_attrs_blob_gives_back_what_went_in),
	    cmocka_unit_test(test_attrs_cut_blob_is_corrupt),
	    cmocka_unit_test(test_attrs_damaged_blob_never_gives_bad_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
