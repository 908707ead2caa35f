/* SPDX-License-Identifier: MIT */
/* Metadata of instances in the index: kept, replaced, dropped, and led
 * forward from an index that had none. */
#include <sqlite3.h>

#include "index_fixture.h"

#define SCHEMA_1_ID "1431585881"

/* The metadata of each instance in order, as "n:crc:part," or "-,". */
struct parts {
	char text[512];
};

/* index_row_fn */
static bool
see_part(void *ctx, const struct index_row *row)
{
	struct parts *s = ctx;
	size_t at = strlen(s->text);
	size_t left = sizeof(s->text) - at;
	if (row->metadata.p == NULL)
		(void)snprintf(s->text + at, left, "-,");
	else
		(void)snprintf(s->text + at, left, "%u:%u:%.*s,",
		    (unsigned)row->metadata_n, (unsigned)row->metadata_crc,
		    (int)row->metadata.n, (const char *)row->metadata.p);
	return true;
}

static void
expect_parts(struct fixture *f, const char *want)
{
	struct parts s = {{0}};
	struct index_select sel = {.level = INDEX_INSTANCE, .unready = true,
	    .metadata = true};
	assert_int_equal(index_select(f->r, &sel, see_part, &s, &f->e), 0);
	assert_string_equal(s.text, want);
}

static void
put_part(struct fixture *f, const char *sop, const char *part, uint32_t n)
{
	struct index_object o = an_object("1.1", "1.1.1", sop);
	o.metadata = (struct index_blob){part,
	    part == NULL ? 0 : strlen(part)};
	o.metadata_n = n;
	o.metadata_crc = UINT32_MAX - n;
	index_put_object(f->ix, &o);
}

static unsigned
count_rows(struct fixture *f)
{
	int64_t n = -1;
	assert_int_equal(index_sql_number(f->r->db,
	    "SELECT count(*) FROM metadata", &n, &f->e), 0);
	return (unsigned)n;
}

static void
test_index_metadata_is_given_when_asked_for(void **state)
{
	struct fixture *f = *state;
	struct parts s = {{0}};
	struct index_select sel = {.level = INDEX_INSTANCE, .unready = true};
	put_part(f, "1.1.1.1", "one", 100);
	put_part(f, "1.1.1.2", NULL, 0);
	put_part(f, "1.1.1.3", "three", 4000000000);
	flush(f);

	expect_parts(f, "100:4294967195:one,-,"
	    "4000000000:294967295:three,");

	assert_int_equal(index_select(f->r, &sel, see_part, &s, &f->e), 0);
	assert_string_equal(s.text, "-,-,-,");
	sel.level = INDEX_SERIES;
	sel.metadata = true;
	s.text[0] = '\0';
	assert_int_equal(index_select(f->r, &sel, see_part, &s, &f->e), 0);
	assert_string_equal(s.text, "-,");
}

static void
test_index_metadata_of_an_object_that_comes_again_is_new(
    void **state)
{
	struct fixture *f = *state;
	put_part(f, "1.1.1.1", "old", 1);
	put_part(f, "1.1.1.2", "old", 2);
	put_part(f, "1.1.1.3", NULL, 0);
	put_part(f, "1.1.1.1", "new", 3);
	put_part(f, "1.1.1.2", NULL, 0); /* of other bytes: worse than none */
	put_part(f, "1.1.1.3", "new", 4);
	flush(f);

	expect_parts(f, "3:4294967292:new,-,4:4294967291:new,");
}

static void
test_index_put_metadata_fills_in_what_is_here(void **state)
{
	struct fixture *f = *state;
	uint8_t name[INDEX_NAME_BYTES];
	char part[] = "late";
	put_part(f, "1.1.1.1", NULL, 0);
	name_of(name, "1.1", "1.1.1", "1.1.1.1");
	index_put_metadata(f->ix, name, (struct index_blob){part, 4}, 7, 8);
	memset(part, 'x', 4); /* it was copied */
	name_of(name, "1.1", "1.1.1", "not here");
	index_put_metadata(f->ix, name, (struct index_blob){part, 4}, 7, 8);
	flush(f);
	expect_parts(f, "7:8:late,");

	name_of(name, "1.1", "1.1.1", "1.1.1.1");
	index_put_metadata(f->ix, name, (struct index_blob){"later", 5}, 9,
	    9); /* there is one, and it may be of other bytes */
	flush(f);
	expect_parts(f, "7:8:late,");
	assert_int_equal(count_rows(f), 1);
}

static void
test_index_metadata_goes_with_its_object_and_its_study(void **state)
{
	struct fixture *f = *state;
	uint8_t name[INDEX_NAME_BYTES];
	put_part(f, "1.1.1.1", "one", 1);
	put_part(f, "1.1.1.2", "two", 2);
	flush(f);
	assert_int_equal(count_rows(f), 2);

	name_of(name, "1.1", "1.1.1", "1.1.1.1");
	index_drop_object(f->ix, name);
	flush(f);
	assert_int_equal(count_rows(f), 1);

	index_drop_study(f->ix, "1.1");
	flush(f);
	assert_int_equal(count_rows(f), 0);
}

/* An index as it was before there was metadata, with one instance. */
static void
make_schema_1(struct fixture *f)
{
	static const struct {
		int to;
		const char *sql;
	} steps[] = {
#define STEP(to, sql) {to, sql},
	    INDEX_MIGRATIONS(STEP)
#undef STEP
	};
	char path[128];
	char sql[1024];
	char hex[2 * INDEX_NAME_BYTES + 1];
	uint8_t name[INDEX_NAME_BYTES];
	sqlite3 *db = NULL;
	(void)snprintf(path, sizeof(path), "%s/index.db", f->dir);
	assert_int_equal(remove(path), 0);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (steps[i].to == 1)
			assert_int_equal(sqlite3_exec(db, steps[i].sql, NULL,
			    NULL, NULL), SQLITE_OK);
	name_of(name, "1.1", "1.1.1", "1.1.1.1");
	str_hex(hex, name, sizeof(name));
	(void)snprintf(sql, sizeof(sql), "PRAGMA journal_mode = WAL;"
	    "PRAGMA application_id = " SCHEMA_1_ID ";"
	    "PRAGMA user_version = 1;"
	    "UPDATE meta SET value = 1 WHERE key = 'clean';"
	    "INSERT INTO study (uid, patient_id, issuer, study_date, ready,"
	    " n_series, n_instances, bytes, attrs)"
	    " VALUES ('1.1', 'P1', '', '', 1, 1, 1, 1000, x'');"
	    "INSERT INTO series (uid, study, modality, number, n_instances,"
	    " attrs) VALUES ('1.1.1', 1, 'MR', 1, 1, x'');"
	    "INSERT INTO instance (series, uid, name, digest, length, start,"
	    " number, class_uid, syntax, attrs) VALUES (1, '1.1.1.1', x'%s',"
	    " zeroblob(16), 1000, 400, 1, '', '', x'')", hex); /* fits */
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	(void)sqlite3_close(db); /* nothing open */
}

static void
test_index_of_schema_1_is_led_forward_with_what_it_holds(void **state)
{
	struct fixture *f = *state;
	uint8_t name[INDEX_NAME_BYTES];
	int64_t version = 0;
	close_index(f);
	make_schema_1(f);

	open_index(f);

	assert_false(f->lost);
	assert_true(index_was_clean(f->ix));
	assert_int_equal(index_sql_number(f->r->db, "PRAGMA user_version",
	    &version, &f->e), 0);
	assert_int_equal(version, INDEX_SCHEMA);
	expect_parts(f, "-,");
	name_of(name, "1.1", "1.1.1", "1.1.1.1");
	index_put_metadata(f->ix, name, (struct index_blob){"p", 1}, 2, 3);
	flush(f);
	expect_parts(f, "2:3:p,");
}

static void
test_index_metadata_each_failing_step_is_told_or_made_good(void **state)
{
	struct fixture *f = *state;
	struct index_select sel = {.level = INDEX_INSTANCE, .unready = true,
	    .metadata = true};
	bool more = true;
	for (unsigned k = 1; more; k++) {
		assert_true(k < 100);
		index_fail_at(k);
		put_part(f, "1.1.1.1", "one", 1);
		put_part(f, "1.1.1.1", "two", 2);
		flush(f);
		more = index_fail_fired();
		index_fail_at(0);
		expect_parts(f, "2:4294967293:two,");
		index_drop_study(f->ix, "1.1");
		flush(f);
	}
	put_part(f, "1.1.1.1", "one", 1);
	flush(f);
	more = true;
	for (unsigned k = 1; more; k++) {
		struct parts s = {{0}};
		assert_true(k < 100);
		index_fail_at(k);
		int rc = index_select(f->r, &sel, see_part, &s, &f->e);
		more = index_fail_fired();
		index_fail_at(0);
		if (rc == 0)
			assert_string_equal(s.text, "1:4294967294:one,");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_index_metadata_is_given_when_asked_for),
	    TEST(
		test_index_metadata_of_an_object_that_comes_again_is_new),
	    TEST(test_index_put_metadata_fills_in_what_is_here),
	    TEST(test_index_metadata_goes_with_its_object_and_its_study),
	    TEST(test_index_of_schema_1_is_led_forward_with_what_it_holds),
	    TEST(test_index_metadata_each_failing_step_is_told_or_made_good),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
