/* SPDX-License-Identifier: MIT */
/* What a start asks of the index: names, pairs, totals; and the check of a
 * large one, which a start does not wait for. */
#include <fcntl.h>
#include <sys/stat.h>

#include "index_fixture.h"

#define CT "1.2.840.10008.5.1.4.1.1.2"
#define MR "1.2.840.10008.5.1.4.1.1.4"
#define LE "1.2.840.10008.1.2.1"
#define J2K "1.2.840.10008.1.2.4.90"

static void
on_pair(void *ctx, const char *class_uid, const char *syntax, unsigned n)
{ /* index_pair_fn */
	char *text = ctx;
	size_t at = strlen(text);
	(void)snprintf(text + at, 256 - at, "%s %s %u,",
	    str_eq(class_uid, MR) ? "MR" : "CT",
	    str_eq(syntax, LE) ? "LE" : "J2K", n); /* a test's fit */
}

static void
expect_pairs(struct fixture *f, const char *want)
{
	char text[256] = "";
	flush(f);
	assert_int_equal(index_each_pair(f->r, 100, on_pair, text, &f->e), 0);
	assert_string_equal(text, want);
}

static void
put(struct fixture *f, const char *study, const char *sop, const char *class,
    const char *syntax)
{
	char series[UID_SIZE];
	(void)snprintf(series, sizeof(series), "%s.1", study);
	struct index_object o = an_object(study, series, sop);
	o.class_uid = class;
	o.syntax = syntax;
	index_put_object(f->ix, &o);
}

static void
test_index_pairs_are_those_of_what_is_held(void **state)
{
	struct fixture *f = *state;
	uint8_t name[INDEX_NAME_BYTES];
	put(f, "1.1", "1.1.1.1", MR, LE);
	put(f, "1.1", "1.1.1.2", MR, LE);
	put(f, "1.1", "1.1.1.3", MR, J2K);
	put(f, "1.2", "1.2.1.1", MR, LE);
	put(f, "1.3", "1.3.1.1", CT, LE);
	put(f, "1.3", "1.3.1.2", CT, LE);
	expect_pairs(f, "MR LE 3,CT LE 2,MR J2K 1,");

	put(f, "1.1", "1.1.1.3", MR, J2K); /* again, the same */
	expect_pairs(f, "MR LE 3,CT LE 2,MR J2K 1,");
	put(f, "1.1", "1.1.1.3", MR, LE); /* again, in another syntax */
	expect_pairs(f, "MR LE 4,CT LE 2,");
	name_of(name, "1.1", "1.1.1", "1.1.1.1");
	index_drop_object(f->ix, name);
	expect_pairs(f, "MR LE 3,CT LE 2,");
	index_drop_study(f->ix, "1.1");
	expect_pairs(f, "CT LE 2,MR LE 1,");

	close_index(f);
	open_index(f);
	expect_pairs(f, "CT LE 2,MR LE 1,");
	assert_int_equal(index_wipe(f->ix, &f->e), 0);
	expect_pairs(f, "");
}

static void
test_index_pairs_at_most_so_many_are_given(void **state)
{
	struct fixture *f = *state;
	char text[256] = "";
	put(f, "1.1", "1.1.1.1", MR, J2K);
	put(f, "1.1", "1.1.1.2", MR, LE);
	put(f, "1.1", "1.1.1.3", MR, LE);
	flush(f);

	assert_int_equal(index_each_pair(f->r, 1, on_pair, text, &f->e), 0);

	assert_string_equal(text, "MR LE 2,");
}

/* Before schema 3 there were none. */
static void
test_index_pairs_are_counted_when_it_is_led_forward(void **state)
{
	struct fixture *f = *state;
	char path[128];
	sqlite3 *db = NULL;
	put(f, "1.1", "1.1.1.1", MR, J2K);
	put(f, "1.1", "1.1.1.2", MR, LE);
	put(f, "1.2", "1.2.1.1", MR, LE);
	flush(f);
	close_index(f);
	(void)snprintf(path, sizeof(path), "%s/index.db", f->dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "DROP TRIGGER pair_more;"
	    "DROP TRIGGER pair_less; DROP TRIGGER pair_other;"
	    "DROP TABLE pair; PRAGMA user_version = 2;", NULL, NULL, NULL),
	    SQLITE_OK);
	(void)sqlite3_close(db); /* nothing open */

	open_index(f);

	assert_false(f->lost);
	expect_pairs(f, "MR LE 2,MR J2K 1,");
}

static void
on_name(void *ctx, const uint8_t name[INDEX_NAME_BYTES]) /* index_name_fn */
{
	char *text = ctx;
	size_t at = strlen(text);
	(void)snprintf(text + at, 256 - at, "%.*s,", INDEX_NAME_BYTES,
	    (const char *)name); /* a test's fit */
}

static void
test_index_names_of_a_part_come_in_order(void **state)
{
	static const char *const names[] = {"abc", "abb", "a", "b", "ba",
	    "\xFF\xFF"};
	struct fixture *f = *state;
	char text[256] = "", study[UID_SIZE];
	uint64_t length = 0;
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char sop[UID_SIZE];
		(void)snprintf(sop, sizeof(sop), "1.1.1.%u", i);
		struct index_object o = an_object("1.1", "1.1.1", sop);
		memset(o.name, 0, sizeof(o.name));
		memcpy(o.name, names[i], strlen(names[i]));
		index_put_object(f->ix, &o);
	}
	flush(f);

	assert_int_equal(index_each_name(f->r, 'a', on_name, text, &f->e), 0);
	assert_string_equal(text, "a,abb,abc,");
	text[0] = '\0';
	assert_int_equal(index_each_name(f->r, 0xFF, on_name, text, &f->e), 0);
	assert_string_equal(text, "\xFF\xFF,");
	text[0] = '\0';
	assert_int_equal(index_each_name(f->r, 'c', on_name, text, &f->e), 0);
	assert_string_equal(text, "");

	const uint8_t b[INDEX_NAME_BYTES] = {'b'};
	const uint8_t c[INDEX_NAME_BYTES] = {'c'};
	assert_int_equal(index_study_of(f->r, b, study, &length, &f->e), 1);
	assert_string_equal(study, "1.1");
	assert_int_equal(length, 1000);
	assert_int_equal(index_study_of(f->r, c, study, &length, &f->e), 0);
}

/* Closed as unclean, grown as if a million objects were in it, and with
 * ${damaged} a page that is none. */
static void
leave_large(struct fixture *f, bool damaged)
{
	static char junk[4096];
	char path[128];
	memset(junk, 0xa5, sizeof(junk));
	for (unsigned i = 0; i < 500; i++) {
		char sop[UID_SIZE];
		(void)snprintf(sop, sizeof(sop), "1.%u", i);
		put_simple(f, "1.1", "1.1.1", sop);
	}
	flush(f);
	atomic_store(&f->ix->unchecked, true); /* closes as unclean */
	close_index(f);
	(void)snprintf(path, sizeof(path), "%s/index.db", f->dir);
	assert_int_equal(truncate(path, INDEX_CHECK_BYTES + 4096), 0);
	int fd = open(path, O_WRONLY);
	assert_true(fd >= 0);
	if (damaged)
		assert_int_equal(pwrite(fd, junk, sizeof(junk), 12 * 4096L),
		    (int)sizeof(junk));
	assert_int_equal(close(fd), 0);
}

static void
test_index_large_one_is_checked_after_its_open(void **state)
{
	struct fixture *f = *state;
	atomic_bool stop = false;
	leave_large(f, false);

	open_index(f);
	assert_true(index_is_unchecked(f->ix));
	close_index(f); /* so this stop does not count as clean */
	open_index(f);
	assert_true(index_is_unchecked(f->ix));
	assert_int_equal(index_check(f->ix, &stop, &f->e), 0);

	assert_false(index_is_unchecked(f->ix));
	close_index(f);
	open_index(f);
	assert_true(index_was_clean(f->ix));
	assert_false(index_is_unchecked(f->ix));
}

static void
test_index_large_damaged_one_is_made_anew_at_the_next_start(void **state)
{
	struct fixture *f = *state;
	atomic_bool stop = false;
	leave_large(f, true);
	open_index(f);
	assert_false(f->lost);

	assert_int_equal(index_check(f->ix, &stop, &f->e), -1);

	assert_int_equal(f->e.code, ERR_CORRUPT);
	assert_true(index_has_failed(f->ix, NULL));
	assert_int_equal(index_flush(f->ix, &f->e), -1);
	assert_true(index_is_marked(f->ix));
	close_index(f);
	open_index(f);
	assert_true(f->lost);
	assert_false(index_is_marked(f->ix));
	assert_false(index_has_failed(f->ix, NULL));
}

static void
test_index_check_that_is_told_to_stop_proves_nothing(void **state)
{
	struct fixture *f = *state;
	atomic_bool stop = true;
	leave_large(f, true);
	open_index(f);

	int rc = index_check(f->ix, &stop, &f->e);

	if (rc != 0) /* it may have come to its end before */
		assert_int_equal(f->e.code, ERR_CANCELLED);
	assert_false(index_has_failed(f->ix, NULL));
	assert_true(index_is_unchecked(f->ix));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_index_pairs_are_those_of_what_is_held),
	    TEST(test_index_pairs_at_most_so_many_are_given),
	    TEST(test_index_pairs_are_counted_when_it_is_led_forward),
	    TEST(test_index_names_of_a_part_come_in_order),
	    TEST(test_index_large_one_is_checked_after_its_open),
	    TEST(test_index_large_damaged_one_is_made_anew_at_the_next_start),
	    TEST(test_index_check_that_is_told_to_stop_proves_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
