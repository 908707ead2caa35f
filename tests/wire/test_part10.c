/* SPDX-License-Identifier: MIT */
/* Tests of wire/part10. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <string.h>

#include "base/buf.h"
#include "wire/part10.h"

#define MR "1.2.840.10008.5.1.4.1.1.4"
#define LE "1.2.840.10008.1.2.1"

static void
add(struct buf *b, uint16_t element, const char *vr, const void *v, size_t n)
{
	buf_add_u16le(b, 2);
	buf_add_u16le(b, element);
	buf_add(b, vr, 2);
	if (memcmp(vr, "OB", 2) == 0) {
		buf_add_u16le(b, 0);
		buf_add_u32le(b, (uint32_t)n);
	} else {
		buf_add_u16le(b, (uint16_t)n);
	}
	buf_add(b, v, n);
}

/* A file's head with a seal of four bytes. */
static void
make(struct buf *b)
{
	buf_init(b, 4096);
	buf_fill(b, 0, 128);
	buf_add(b, "DICM\x02\0\0\0UL\x04\0", 12);
	buf_add_u32le(b, 0);
	add(b, 0x0001, "OB", "\0\1", 2);
	add(b, 0x0002, "UI", MR "\0", sizeof(MR));
	add(b, 0x0003, "UI", "1.2.3\0", 6);
	add(b, 0x0010, "UI", LE "\0", sizeof(LE));
	add(b, 0x0100, "UI", "1.9\0", 4);
	add(b, 0x0102, "OB", "seal", 4);
	buf_put_u32le(b, PART10_FIRST - 4, (uint32_t)(b->len - PART10_FIRST));
}

static void
test_part10_tells_what_the_file_is(void **state)
{
	struct buf b;
	struct part10 f;
	(void)state;
	make(&b);

	assert_int_equal(part10_data_at(b.p), b.len);
	assert_true(part10_read(b.p, b.len, &f));
	assert_string_equal(f.class_uid, MR);
	assert_string_equal(f.instance_uid, "1.2.3");
	assert_string_equal(f.syntax, LE);
	assert_string_equal(f.creator, "1.9");
	assert_int_equal(f.private_n, 4);
	assert_memory_equal(f.private_p, "seal", 4);
	buf_done(&b);
}

static void
test_part10_refuses_what_is_none(void **state)
{
	struct buf b;
	struct part10 f;
	(void)state;
	make(&b);

	/* cut, longer, or of another length than it says */
	for (size_t n = 0; n < b.len; n++)
		assert_false(part10_read(b.p, n, &f));
	buf_add_u8(&b, 0);
	assert_false(part10_read(b.p, b.len, &f));
	b.len--;

	/* no DICM; a group beyond any length; another group inside */
	b.p[128] = 'd';
	assert_int_equal(part10_data_at(b.p), 0);
	b.p[128] = 'D';
	buf_put_u32le(&b, PART10_FIRST - 4, PART10_META_MAX + 1);
	assert_int_equal(part10_data_at(b.p), 0);
	buf_put_u32le(&b, PART10_FIRST - 4, (uint32_t)(b.len - PART10_FIRST));
	b.p[PART10_FIRST] = 8;
	assert_false(part10_read(b.p, b.len, &f));
	b.p[PART10_FIRST] = 2;
	assert_true(part10_read(b.p, b.len, &f));

	/* a class that is no UID */
	memcpy(b.p + PART10_FIRST + 14 + 8, "../.", 4);
	assert_false(part10_read(b.p, b.len, &f));
	buf_done(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_part10_tells_what_the_file_is),
	    cmocka_unit_test(test_part10_refuses_what_is_none),
	};
	return cmocka_run_group_tests_name("wire/part10", tests, NULL, NULL);
}
