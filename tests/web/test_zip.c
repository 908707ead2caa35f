/* SPDX-License-Identifier: MIT */
/* Tests of web/zip: the structure by APPNOTE 6.3.10; that real programs read
 * it is seen end to end. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "web/dicomweb_priv.h"

#define GIB (UINT64_C(1) << 30)

static uint32_t
u32(const struct buf *b, size_t at)
{
	assert_true(at + 4 <= b->len);
	struct cur c = cur_of(b->p + at, 4);
	return cur_u32le(&c);
}

static uint64_t
u64(const struct buf *b, size_t at)
{
	assert_true(at + 8 <= b->len);
	struct cur c = cur_of(b->p + at, 8);
	return cur_u64le(&c);
}

static unsigned
u16(const struct buf *b, size_t at)
{
	return u32(b, at) & 0xFFFF;
}

static void
test_zip_small_entry_has_header_descriptor_and_directory(void **state)
{
	(void)state;
	struct buf local, after, end;
	struct zip *z = zip_new(1);
	buf_init(&local, 1024);
	buf_init(&after, 1024);
	buf_init(&end, 1024);

	unsigned k = zip_add(z, "S001/I00001.dcm", 5, &local);
	*zip_crc(z, k) = 0x3610A686; /* of "hello" */
	zip_after(z, k, &after);
	zip_end(z, &end);

	assert_int_equal(local.len, 30 + 15);
	assert_int_equal(u32(&local, 0), 0x04034b50);
	assert_int_equal(u16(&local, 6), 8); /* a descriptor follows */
	assert_int_equal(u16(&local, 8), 0); /* stored */
	assert_memory_equal(local.p + 30, "S001/I00001.dcm", 15);
	assert_int_equal(after.len, zip_after_length(z, k));
	assert_int_equal(u32(&after, 0), 0x08074b50);
	assert_int_equal(u32(&after, 4), 0x3610A686);
	assert_int_equal(u32(&after, 8), 5);
	assert_int_equal(u32(&after, 12), 5);
	assert_int_equal(end.len, zip_end_length(z));
	assert_int_equal(u32(&end, 0), 0x02014b50);
	assert_int_equal(u32(&end, 16), 0x3610A686);
	assert_int_equal(u32(&end, 42), 0); /* where the header is */
	assert_int_equal(u32(&end, 46 + 15), 0x06054b50);
	assert_int_equal(u32(&end, 46 + 15 + 16), 30 + 15 + 5 + 16);
	zip_free(&z);
	buf_done(&local);
	buf_done(&after);
	buf_done(&end);
}

static void
test_zip_large_entry_takes_zip64_forms(void **state)
{
	(void)state;
	struct buf local, end;
	struct zip *z = zip_new(2);
	buf_init(&local, 1024);
	buf_init(&end, 1024);

	(void)zip_add(z, "a", 5 * GIB, &local);
	uint64_t second = 30 + 1 + 20 + 5 * GIB + 24;
	assert_int_equal(local.len, 30 + 1 + 20);
	assert_int_equal(u32(&local, 18), UINT32_MAX);
	assert_int_equal(zip_after_length(z, 0), 24);
	buf_clear(&local);
	(void)zip_add(z, "b", 7, &local);
	assert_int_equal(local.len, 30 + 1);
	assert_int_equal(zip_after_length(z, 1), 16);
	zip_end(z, &end);

	/* the first: both sizes; the second: only where it is */
	assert_int_equal(end.len, zip_end_length(z));
	assert_int_equal(u16(&end, 30), 20);
	assert_true(u64(&end, 46 + 1 + 4) == 5 * GIB);
	size_t next = 46 + 1 + 20;
	assert_int_equal(u32(&end, next), 0x02014b50);
	assert_int_equal(u16(&end, next + 30), 12);
	assert_true(u64(&end, next + 46 + 1 + 4) == second);
	size_t end64 = next + 46 + 1 + 12;
	assert_int_equal(u32(&end, end64), 0x06064b50);
	assert_int_equal(u64(&end, end64 + 32), 2);
	assert_true(u64(&end, end64 + 48) == second + 30 + 1 + 7 + 16);
	assert_int_equal(u32(&end, end64 + 56), 0x07064b50);
	assert_true(u64(&end, end64 + 56 + 8) ==
	    second + 30 + 1 + 7 + 16 + end64);
	zip_free(&z);
	buf_done(&local);
	buf_done(&end);
}

static void
test_zip_of_70000_entries_counts_them(void **state)
{
	(void)state;
	struct buf local, end;
	struct zip *z = zip_new(70000);
	buf_init(&local, 1024);
	buf_init(&end, 64 << 20);

	for (unsigned i = 0; i < 70000; i++) {
		char name[40];
		(void)snprintf(name, sizeof(name), "S001/I%05u.dcm", i);
		buf_clear(&local);
		assert_int_equal(zip_add(z, name, i, &local), i);
	}
	zip_end(z, &end);

	assert_int_equal(end.len, zip_end_length(z));
	assert_int_equal(u16(&end, end.len - 22 + 10), 0xFFFF);
	assert_int_equal(u64(&end, end.len - 22 - 20 - 56 + 32), 70000);
	zip_free(&z);
	buf_done(&local);
	buf_done(&end);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_zip_small_entry_has_header_descriptor_and_directory),
		cmocka_unit_test(test_zip_large_entry_takes_zip64_forms),
		cmocka_unit_test(test_zip_of_70000_entries_counts_them),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
