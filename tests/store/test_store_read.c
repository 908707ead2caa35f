/* SPDX-License-Identifier: MIT */
/* Objects read piece by piece: the end comes only if all of it holds. */
#include "store_fixture.h"
#include "wire/part10.h"

#define BIG ((size_t)900001) /* more than three steps of the reader */
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static uint8_t bytes[BIG], got[BIG];

static void
fill_bytes(void)
{
	for (size_t i = 0; i < BIG; i++)
		bytes[i] = (uint8_t)(i * 2654435761u >> 24);
}

static void
make(struct fixture *f, const char *sop, size_t n, struct store_object *o)
{
	fill_bytes();
	assert_int_equal(write_object(f->s, sop, bytes, n, o, &f->e), 0);
}

static int
open_file(const struct fixture *f, const struct store_object *o)
{
	char name[STORE_FILE_NAME];
	char path[256];
	store_file_name(name, o->name);
	(void)snprintf(path, sizeof(path), "%s/%.2s/%.2s/%s", f->dir, name,
	    name + 2, name);
	int fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	return fd;
}

static void
flip(const struct fixture *f, const struct store_object *o, size_t at)
{
	int fd = open_file(f, o);
	uint8_t b = bytes[at] ^ 1;
	assert_int_equal(pwrite(fd, &b, 1, (off_t)(o->offset + at)), 1);
	(void)close(fd);
}

/* Read by pieces of ${step} until the end or a failure; how many bytes came
 * is in ${ret_n}. */
static int
read_all(struct fixture *f, const struct store_object *o, size_t step,
    size_t *ret_n)
{
	struct store_reader *r = NULL;
	size_t n = 1;
	*ret_n = 0;
	int rc = store_read_begin(f->s, o, &r, &f->e);
	while (rc == 0 && n > 0) {
		rc = store_read(r, got + *ret_n, step, &n, &f->e);
		if (rc != 0)
			break;
		*ret_n += n;
		assert_int_equal(store_read_left(r), o->length - *ret_n);
	}
	store_read_end(&r);
	assert_null(r);
	return rc;
}

static void
test_store_read_gives_the_same_bytes_in_any_pieces(void **state)
{
	static const size_t sizes[] = {0, 1, 2, 1000, 262143, 262144, 262145,
	    524288, BIG};
	static const size_t steps[] = {77, 16384, 262144, 262145, BIG,
	    SIZE_MAX};
	struct fixture *f = *state;
	struct store_object o;
	size_t n = 0;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		char sop[UID_SIZE];
		(void)snprintf(sop, sizeof(sop), "1.2.3.%zu", i);
		make(f, sop, sizes[i], &o);
		for (size_t k = 0; k < COUNT(steps); k++) {
			memset(got, 0, sizeof(got));

			assert_int_equal(read_all(f, &o, steps[k], &n), 0);

			assert_int_equal(n, sizes[i]);
			assert_memory_equal(got, bytes, n);
		}
	}
}

static void
test_store_read_never_gives_the_end_of_a_damaged_object(void **state)
{
	static const size_t sizes[] = {1, 1000, 262144, 300000, BIG};
	static const size_t steps[] = {100, 262144, BIG};
	struct fixture *f = *state;
	struct store_object o;
	size_t n = 0;
	for (size_t i = 0; i < 2 * COUNT(sizes); i++) {
		char sop[UID_SIZE];
		size_t size = sizes[i / 2];
		(void)snprintf(sop, sizeof(sop), "1.2.3.%zu", i);
		make(f, sop, size, &o);
		flip(f, &o, i % 2 == 0 ? 0 : size - 1); /* first, last */
		for (size_t k = 0; k < COUNT(steps); k++) {
			int rc = read_all(f, &o, steps[k], &n);

			assert_int_equal(rc, -1);
			assert_int_equal(f->e.code, ERR_CORRUPT);
			assert_true(n < size);
			/* all that came is what came before the last piece */
			assert_int_equal(n, (size - 1) / steps[k] * steps[k]);
		}
	}
}

static void
test_store_read_of_an_empty_object_with_another_digest_fails(void **state)
{
	struct fixture *f = *state;
	struct store_object o;
	size_t n = 0;
	make(f, "1.2", 0, &o);
	o.digest[3] ^= 1;

	assert_int_equal(read_all(f, &o, 100, &n), -1);

	assert_int_equal(f->e.code, ERR_CORRUPT);
}

static void
test_store_read_of_another_length_is_refused_at_once(void **state)
{
	struct fixture *f = *state;
	struct store_object o;
	struct store_reader *r = NULL;
	make(f, "1.2", 1000, &o);
	int fd = open_file(f, &o);
	for (off_t more = -1; more <= 1; more += 2) {
		off_t size = (off_t)(o.offset + 1000) + more;
		assert_int_equal(ftruncate(fd, size), 0);

		assert_int_equal(store_read_begin(f->s, &o, &r, &f->e), -1);

		assert_int_equal(f->e.code, ERR_CORRUPT);
		assert_null(r);
	}
	(void)close(fd);
	assert_int_equal(store_remove(f->s, o.name, &f->e), 0);
	assert_int_equal(store_read_begin(f->s, &o, &r, &f->e), -1);
	assert_int_equal(f->e.code, ERR_CORRUPT);
	o.offset = STORE_HEADER_MAX + 1;
	assert_int_equal(store_read_begin(f->s, &o, &r, &f->e), -1);
}

static void
test_store_read_of_a_file_cut_meanwhile_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct store_object o;
	struct store_reader *r = NULL;
	size_t n = 0;
	make(f, "1.2", BIG, &o);
	assert_int_equal(store_read_begin(f->s, &o, &r, &f->e), 0);
	assert_int_equal(store_read(r, got, 300000, &n, &f->e), 0);
	int fd = open_file(f, &o);
	assert_int_equal(ftruncate(fd, 400000), 0);
	(void)close(fd);

	int rc = store_read(r, got, BIG, &n, &f->e);

	assert_int_equal(rc, -1);
	assert_int_equal(f->e.code, ERR_CORRUPT);
	assert_int_equal(n, 300000); /* untouched */
	assert_int_equal(store_read(r, got, 1, &n, &f->e), -1);
	store_read_end(&r);
}

static void
test_store_read_goes_on_when_the_object_is_removed(void **state)
{
	struct fixture *f = *state;
	struct store_object o;
	struct store_reader *r = NULL;
	size_t n = 0;
	make(f, "1.2", BIG, &o);
	assert_int_equal(store_read_begin(f->s, &o, &r, &f->e), 0);
	assert_int_equal(store_remove(f->s, o.name, &f->e), 0);

	assert_int_equal(store_read(r, got, BIG, &n, &f->e), 0);

	assert_int_equal(n, BIG);
	store_read_end(&r);
}

static void
test_store_read_each_failing_call_is_told(void **state)
{
	static const int codes[] = {EIO, EMFILE};
	struct fixture *f = *state;
	struct store_object o;
	size_t n = 0;
	make(f, "1.2", BIG, &o);
	for (size_t i = 0; i < COUNT(codes); i++) {
		bool more = true;
		for (unsigned k = 1; more; k++) {
			assert_true(k < 50);
			f->e = (struct err){0};
			store_fail_at(k, codes[i]);
			int rc = read_all(f, &o, 300000, &n);
			more = store_fail_fired();
			store_fail_at(0, 0);

			assert_int_equal(rc, more ? -1 : 0);
			assert_int_equal(f->e.code == ERR_NONE, !more);
			assert_true(more ? n < BIG : n == BIG);
			/* a busy system is no damage */
			if (codes[i] == EMFILE)
				assert_int_not_equal(f->e.code, ERR_CORRUPT);
			assert_int_equal(read_all(f, &o, 300000, &n), 0);
		}
	}
}

static void
test_store_read_keeps_a_few_readers_for_reuse(void **state)
{
	struct fixture *f = *state;
	struct store_object o;
	struct store_reader *r[STORE_SPARE_MAX + 3] = {NULL};
	size_t n = 0;
	make(f, "1.2", 1000, &o);
	for (unsigned round = 0; round < 2; round++) {
		for (size_t i = 0; i < COUNT(r); i++)
			assert_int_equal(store_read_begin(f->s, &o, &r[i],
			    &f->e), 0);
		assert_int_equal(f->s->n_spare_readers, 0);
		for (size_t i = 0; i < COUNT(r); i++)
			assert_int_equal(store_read(r[i], got, 1000, &n,
			    &f->e), 0);

		for (size_t i = 0; i < COUNT(r); i++)
			store_read_end(&r[i]);

		assert_int_equal(f->s->n_spare_readers, STORE_SPARE_MAX);
	}
}

static void
test_store_map_checked_looks_again_only_at_what_has_changed(void **state)
{
	struct fixture *f = *state;
	struct store_object o;
	struct store_map m;
	make(f, "1.2", 1000, &o);
	assert_int_equal(store_map_checked(f->s, &o, &m, &f->e), 0);
	struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	int fd = open_file(f, &o);
	assert_int_equal(futimens(fd, times), 0);
	store_unmap(&m);
	assert_int_equal(store_map_checked(f->s, &o, &m, &f->e), 0);
	store_unmap(&m);

	/* changed so that nobody could see: not looked at again */
	flip(f, &o, 500);
	assert_int_equal(futimens(fd, times), 0);
	assert_int_equal(store_map_checked(f->s, &o, &m, &f->e), 0);
	store_unmap(&m);
	/* so that one can: found out, and not remembered as whole */
	times[1].tv_nsec = 1;
	assert_int_equal(futimens(fd, times), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(store_map_checked(f->s, &o, &m, &f->e), -1);
		assert_int_equal(f->e.code, ERR_CORRUPT);
	}
	/* what was remembered is of one digest */
	times[1].tv_nsec = 0;
	assert_int_equal(futimens(fd, times), 0);
	(void)close(fd);
	o.digest[0] ^= 1;
	assert_int_equal(store_map_checked(f->s, &o, &m, &f->e), -1);
}

static void
test_store_map_checked_remembers_no_more_than_its_bound(void **state)
{
	struct fixture *f = *state;
	struct store_object o;
	struct store_map m;
	for (unsigned i = 0; i < STORE_CHECKED_MAX + 500; i++) {
		char sop[UID_SIZE];
		(void)snprintf(sop, sizeof(sop), "1.2.%u", i);
		assert_int_equal(write_object(f->s, sop, "abcd", 4, &o,
		    &f->e), 0);
		assert_int_equal(store_map_checked(f->s, &o, &m, &f->e), 0);
		assert_memory_equal(m.p, "abcd", 4);
		store_unmap(&m);
	}
}

static void
test_store_file_head_is_what_stands_before_a_data_set(void **state)
{
	struct fixture *f = *state;
	struct store_object o;
	struct buf b;
	make(f, "1.2.3.4", 100, &o);
	buf_init(&b, 4096);

	store_file_head(&b, MR, "1.2.3.4", LE);

	/* all but the group's length, and the seal at its end */
	int fd = open_file(f, &o);
	assert_true(b.len < o.offset);
	assert_int_equal(pread(fd, got, b.len, 0), b.len);
	assert_memory_equal(got, b.p, PART10_FIRST - 4);
	assert_memory_equal(got + PART10_FIRST, b.p + PART10_FIRST,
	    b.len - PART10_FIRST);
	(void)close(fd);
	buf_done(&b);
}

static void
test_store_unseal_gives_the_object_without_an_index(void **state)
{
	static const size_t sizes[] = {0, 1, 1000, 262144 - 700, 262144, BIG};
	struct fixture *f = *state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		char sop[32];
		struct store_object o;
		struct store_item it;
		struct store_map m;
		(void)snprintf(sop, sizeof(sop), "1.2.3.%zu", i + 1);
		make(f, sop, sizes[i], &o);

		assert_int_equal(store_unseal(f->s, o.name, &it, &m, &f->e),
		    0);

		assert_memory_equal(&it.object, &o, sizeof(o));
		assert_string_equal(it.instance_uid, sop);
		assert_string_equal(it.class_uid, MR);
		assert_string_equal(it.syntax, LE);
		assert_int_equal(m.n, sizes[i]);
		assert_memory_equal(m.p, bytes, sizes[i]);
		store_unmap(&m);
	}
}

static void
test_store_unseal_finds_every_damage(void **state)
{
	struct fixture *f = *state;
	struct store_object o;
	struct store_item it;
	struct store_map m;
	make(f, "1.2.3.4", 1000, &o);
	int fd = open_file(f, &o);

	/* any byte of the seal or the data set */
	for (off_t at = o.offset - 24; at < o.offset + 1000; at += 7) {
		uint8_t was, b;
		assert_int_equal(pread(fd, &was, 1, at), 1);
		b = was ^ 0x40;
		assert_int_equal(pwrite(fd, &b, 1, at), 1);
		assert_int_equal(store_unseal(f->s, o.name, &it, &m, &f->e),
		    -1);
		assert_int_equal(f->e.code, ERR_CORRUPT);
		assert_int_equal(pwrite(fd, &was, 1, at), 1);
	}
	assert_int_equal(store_unseal(f->s, o.name, &it, &m, &f->e), 0);
	store_unmap(&m);

	/* cut anywhere, longer, empty */
	for (off_t n = o.offset + 999; n >= 0; n -= 131) {
		assert_int_equal(ftruncate(fd, n), 0);
		assert_int_equal(store_unseal(f->s, o.name, &it, &m, &f->e),
		    -1);
		assert_int_equal(f->e.code, ERR_CORRUPT);
	}
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(store_unseal(f->s, o.name, &it, &m, &f->e), -1);
	(void)close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_store_read_gives_the_same_bytes_in_any_pieces),
	    TEST(test_store_read_never_gives_the_end_of_a_damaged_object),
	    TEST(test_store_read_of_an_empty_object_with_another_digest_fails),
	    TEST(test_store_read_of_another_length_is_refused_at_once),
	    TEST(test_store_read_of_a_file_cut_meanwhile_is_an_error),
	    TEST(test_store_read_goes_on_when_the_object_is_removed),
	    TEST(test_store_read_each_failing_call_is_told),
	    TEST(test_store_read_keeps_a_few_readers_for_reuse),
	    TEST(test_store_map_checked_looks_again_only_at_what_has_changed),
	    TEST(test_store_map_checked_remembers_no_more_than_its_bound),
	    TEST(test_store_file_head_is_what_stands_before_a_data_set),
	    TEST(test_store_unseal_gives_the_object_without_an_index),
	    TEST(test_store_unseal_finds_every_damage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
