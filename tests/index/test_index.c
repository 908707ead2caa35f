/* SPDX-License-Identifier: MIT */
/* The index as a whole: counts kept right, stops, damage, other versions,
 * readers beside the writer, failing steps. */
#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>

#include "index_fixture.h"

static struct seen
study(struct fixture *f, const char *uid)
{
	return select_all(f, (struct index_select){.level = INDEX_STUDY,
	    .study_uids = &uid, .n_study_uids = 1, .unready = true});
}

static void
test_index_same_object_twice_is_counted_once(void **state)
{
	struct fixture *f = *state;
	struct index_object o = an_object("1.1", "1.1.1", "1.1.1.1");
	struct index_totals t;
	uint64_t length = 0;
	uint32_t offset = 0;

	index_put_object(f->ix, &o);
	index_put_object(f->ix, &o);
	o.length = 1500;
	o.offset = 402;
	index_put_object(f->ix, &o);
	flush(f);

	assert_int_equal(index_totals(f->r, &t, &f->e), 0);
	assert_int_equal(t.studies, 1);
	assert_int_equal(t.instances, 1);
	assert_int_equal(t.bytes, 1500);
	int rc = index_find_object(f->r, o.name, &length, &offset, &f->e);
	assert_int_equal(rc, 1);
	assert_int_equal(length, 1500);
	assert_int_equal(offset, 402);
	o.name[0] ^= 1;
	rc = index_find_object(f->r, o.name, &length, &offset, &f->e);
	assert_int_equal(rc, 0);
}

static void
test_index_absent_texts_and_blobs_are_empty(void **state)
{
	struct fixture *f = *state;
	struct index_object o = {.study_uid = "1", .series_uid = "1",
	    .instance_uid = "1"};

	index_put_object(f->ix, &o);
	index_put_study(f->ix, "1", true, 1, NULL);
	flush(f);

	struct seen s = select_level(f, INDEX_INSTANCE);
	assert_int_equal(s.n, 1);
	assert_string_equal(s.archive, "");
	assert_int_equal(s.last.instance.n, 0);
}

static void
test_index_dropped_object_makes_its_study_unready(void **state)
{
	struct fixture *f = *state;
	struct index_object sr = an_object("1.1", "1.1.2", "1.1.2.1");
	sr.modality = "SR";
	sr.class_uid = "1.2";
	put_simple(f, "1.1", "1.1.1", "1.1.1.1");
	index_put_object(f->ix, &sr);
	index_put_study(f->ix, "1.1", true, 2, "pacs");
	flush(f);
	assert_true(study(f, "1.1").last.ready);

	index_drop_object(f->ix, sr.name);
	index_drop_object(f->ix, sr.name); /* a second time does nothing */
	flush(f);

	struct seen s = study(f, "1.1");
	assert_false(s.last.ready);
	assert_int_equal(s.last.study_series, 1);
	assert_int_equal(s.last.study_instances, 1);
	assert_int_equal(s.last.study_bytes, 1000);
	assert_int_equal(s.last.expected, 2);
	assert_string_equal(s.modalities, "MR");
	assert_string_equal(s.classes, "1.2.840.10008.5.1.4.1.1.4");
	name_of(sr.name, "1.1", "1.1.1", "1.1.1.1");
	index_drop_object(f->ix, sr.name);
	flush(f);
	assert_int_equal(study(f, "1.1").n, 0);
}

static void
test_index_study_that_lacks_instances_never_turns_ready(void **state)
{
	struct fixture *f = *state;
	put_simple(f, "1.1", "1.1.1", "1.1.1.1");

	index_put_study(f->ix, "1.1", true, 2, "pacs");
	index_put_study(f->ix, "9.9", true, 0, "pacs"); /* not here */
	flush(f);

	assert_false(study(f, "1.1").last.ready);
	assert_int_equal(study(f, "9.9").n, 0);
}

static void
test_index_dropped_study_takes_all_below_it(void **state)
{
	struct fixture *f = *state;
	struct index_totals t;
	uint64_t length = 0;
	uint32_t offset = 0;
	uint8_t name[INDEX_NAME_BYTES];
	for (unsigned i = 0; i < 600; i++) {
		char sop[UID_SIZE];
		(void)snprintf(sop, sizeof(sop), "1.%u", i);
		put_simple(f, i % 2 == 0 ? "1.1" : "1.2", "1.1.1", sop);
	}

	index_drop_study(f->ix, "1.1");
	flush(f);

	assert_int_equal(index_totals(f->r, &t, &f->e), 0);
	assert_int_equal(t.studies, 1);
	assert_int_equal(t.instances, 300);
	assert_int_equal(t.bytes, 300000);
	name_of(name, "1.1", "1.1.1", "1.0");
	int rc = index_find_object(f->r, name, &length, &offset, &f->e);
	assert_int_equal(rc, 0);
}

/* index_wants_fn */
static void
see_wants(void *ctx, const char *case_id, struct index_blob wants)
{
	char *text = ctx;
	size_t at = strlen(text);
	(void)snprintf(text + at, 100 - at, "%s=%.*s;", case_id, (int)wants.n,
	    (const char *)wants.p);
}

static void
test_index_wants_are_kept_replaced_and_forgotten(void **state)
{
	struct fixture *f = *state;
	char text[100] = "";
	index_put_wants(f->ix, "c2", (struct index_blob){"two", 3});
	index_put_wants(f->ix, "c1", (struct index_blob){"one", 3});
	index_put_wants(f->ix, "c3", (struct index_blob){"three", 5});
	index_put_wants(f->ix, "c1", (struct index_blob){"ONE", 3});
	index_put_wants(f->ix, "c2", (struct index_blob){0});
	index_put_wants(f->ix, "c4", (struct index_blob){"", 0});
	close_index(f);
	open_index(f);

	assert_int_equal(index_each_wants(f->r, see_wants, text, &f->e), 0);

	assert_string_equal(text, "c1=ONE;c3=three;c4=;");
}

static void
test_index_clean_stop_is_remembered_and_an_unclean_one_too(void **state)
{
	struct fixture *f = *state;
	assert_false(index_was_clean(f->ix)); /* a new one */
	put_simple(f, "1.1", "1.1.1", "1.1.1.1");

	close_index(f); /* commits what is queued */
	open_index(f);
	assert_true(index_was_clean(f->ix));
	assert_int_equal(study(f, "1.1").n, 1);

	atomic_store(&f->ix->suspect, true);
	close_index(f);
	open_index(f);
	assert_false(index_was_clean(f->ix));
	assert_false(f->lost);
}

static void
test_index_settings_are_in_force(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *sql;
		int64_t want;
	} rows[] = {
		{"PRAGMA foreign_keys", 1},
		{"PRAGMA trusted_schema", 0},
		{"PRAGMA cell_size_check", 1},
		{"PRAGMA checkpoint_fullfsync", 1},
		{"PRAGMA synchronous", 1},
		{"PRAGMA user_version", INDEX_SCHEMA},
	};
	struct stat st;
	int64_t have = -1;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int rc = index_sql_number(f->ix->db, rows[i].sql, &have,
		    &f->e);
		assert_int_equal(rc, 0);
		print_message("%s\n", rows[i].sql);
		assert_int_equal(have, rows[i].want);
	}
	assert_int_equal(stat(f->ix->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(index_sql_exec(f->r->db, "DELETE FROM study",
	    &f->e), -1);
}

/* Run ${sql} on the closed index. */
static void
change(struct fixture *f, const char *sql)
{
	char path[128];
	sqlite3 *db = NULL;
	(void)snprintf(path, sizeof(path), "%s/index.db", f->dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	(void)sqlite3_close(db); /* nothing open */
}

static unsigned
count_files(struct fixture *f, const char *pattern)
{
	char path[128];
	glob_t g = {0};
	(void)snprintf(path, sizeof(path), "%s/%s", f->dir, pattern);
	(void)glob(path, 0, NULL, &g); /* none is an answer */
	unsigned n = (unsigned)g.gl_pathc;
	globfree(&g);
	return n;
}

static void
test_index_newer_schema_is_refused_untouched(void **state)
{
	struct fixture *f = *state;
	struct stat before;
	struct stat after;
	char path[128];
	put_simple(f, "1.1", "1.1.1", "1.1.1.1");
	close_index(f);
	change(f, "PRAGMA user_version = 4; CREATE TABLE later (x)");
	(void)snprintf(path, sizeof(path), "%s/index.db", f->dir);
	assert_int_equal(stat(path, &before), 0);

	f->ix = index_open(f->dir, NULL, &f->e);

	assert_null(f->ix);
	assert_int_equal(f->e.code, ERR_INVAL);
	assert_non_null(strstr(f->e.msg, "schema 3"));
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_mtime, after.st_mtime);
	assert_int_equal(before.st_size, after.st_size);
	assert_int_equal(count_files(f, "*"), 1);
}

static void
damage(struct fixture *f, off_t at, const char *bytes, size_t n)
{
	char path[128];
	(void)snprintf(path, sizeof(path), "%s/index.db", f->dir);
	int fd = open(path, O_WRONLY);
	assert_int_equal(pwrite(fd, bytes, n, at), n);
	(void)close(fd);
}

static void
expect_replaced(struct fixture *f)
{
	open_index(f);
	assert_true(f->lost);
	assert_false(index_was_clean(f->ix));
	assert_int_equal(count_files(f, "index.db.damaged-????????T??????Z"),
	    1);
	assert_int_equal(study(f, "1.1").n, 0);
	put_simple(f, "1.1", "1.1.1", "1.1.1.1");
	flush(f);
	assert_int_equal(study(f, "1.1").n, 1);
}

static void
test_index_file_that_is_no_database_is_set_aside(void **state)
{
	struct fixture *f = *state;
	put_simple(f, "1.1", "1.1.1", "1.1.1.1");
	close_index(f);

	damage(f, 0, "not a database at all", 21);

	expect_replaced(f);
}

static void
test_index_damaged_page_is_found_after_an_unclean_stop(void **state)
{
	struct fixture *f = *state;
	static char junk[4096];
	memset(junk, 0xa5, sizeof(junk));
	for (unsigned i = 0; i < 500; i++) {
		char sop[UID_SIZE];
		(void)snprintf(sop, sizeof(sop), "1.%u", i);
		put_simple(f, "1.1", "1.1.1", sop);
	}
	atomic_store(&f->ix->suspect, true); /* closes as unclean */
	close_index(f);

	damage(f, 8 * 4096L, junk, sizeof(junk));

	expect_replaced(f);
}

static void
test_index_of_another_program_is_set_aside(void **state)
{
	struct fixture *f = *state;
	close_index(f);

	change(f, "DROP TABLE instance; DROP TABLE series; DROP TABLE study;");

	expect_replaced(f);
}

static void
test_index_log_without_its_file_is_no_harm(void **state)
{
	struct fixture *f = *state;
	char path[128];
	put_simple(f, "1.1", "1.1.1", "1.1.1.1");
	close_index(f);
	(void)snprintf(path, sizeof(path), "%s/index.db", f->dir);
	char wal[128 + 4];
	(void)snprintf(wal, sizeof(wal), "%s-wal", path);
	assert_int_equal(rename(path, wal), 0);

	open_index(f);

	assert_int_equal(study(f, "1.1").n, 0);
	put_simple(f, "1.1", "1.1.1", "1.1.1.1");
	flush(f);
}

struct crowd {
	struct fixture *f;
	atomic_bool *over;
	unsigned rounds;
	bool bad;
};

/* What any reader may see at any moment: counts that agree with the rows. */
static void *
read_on(void *arg)
{
	struct crowd *c = arg;
	struct err e;
	struct index_reader *r = index_reader_open(c->f->ix, &e);
	while (r != NULL && !atomic_load(c->over)) {
		struct index_select sel = {.level = INDEX_INSTANCE,
		    .unready = true};
		struct seen s = {.level = INDEX_PATIENT};
		if (index_select(r, &sel, see, &s, &e) != 0 ||
		    (s.n > 0 && s.n != s.last.study_instances))
			c->bad = true;
		c->rounds++;
	}
	index_reader_close(&r);
	return NULL;
}

static void *
write_on(void *arg)
{
	struct crowd *c = arg;
	struct err e;
	for (unsigned i = 0; i < 200; i++) {
		char sop[UID_SIZE];
		(void)snprintf(sop, sizeof(sop), "1.%u", i);
		put_simple(c->f, "1.1", "1.1.1", sop); /* others do too */
		if (i % 50 == 0 && index_flush(c->f->ix, &e) != 0)
			c->bad = true;
	}
	return NULL;
}

static void
test_index_readers_beside_the_writer_see_whole_states(void **state)
{
	struct fixture *f = *state;
	atomic_bool over = false;
	struct crowd c[5] = {0};
	pthread_t t[5];

	for (unsigned i = 0; i < 5; i++) {
		c[i] = (struct crowd){.f = f, .over = &over};
		assert_int_equal(pthread_create(&t[i], NULL,
		    i < 2 ? read_on : write_on, &c[i]), 0);
	}
	for (unsigned i = 2; i < 5; i++)
		(void)pthread_join(t[i], NULL);
	flush(f);
	atomic_store(&over, true);
	for (unsigned i = 0; i < 2; i++)
		(void)pthread_join(t[i], NULL);

	for (unsigned i = 0; i < 5; i++)
		assert_false(c[i].bad);
	assert_int_equal(study(f, "1.1").last.study_instances, 200);
}

/* One life of a study; what was committed is whole or not there. */
static void
scenario(struct fixture *f)
{
	uint8_t name[INDEX_NAME_BYTES];
	put_simple(f, "1.1", "1.1.1", "1.1.1.1");
	put_simple(f, "1.1", "1.1.2", "1.1.2.1");
	put_simple(f, "1.1", "1.1.2", "1.1.2.1");
	index_put_study(f->ix, "1.1", true, 2, "pacs");
	index_put_used(f->ix, "1.1", 7, 7);
	index_put_kept(f->ix, "1.1", true);
	index_put_wants(f->ix, "c", (struct index_blob){"w", 1});
	put_simple(f, "1.2", "1.2.1", "1.2.1.1");
	name_of(name, "1.2", "1.2.1", "1.2.1.1");
	index_drop_object(f->ix, name);
	put_simple(f, "1.3", "1.3.1", "1.3.1.1");
	index_drop_study(f->ix, "1.3");
}

static void
expect_scenario(struct fixture *f)
{
	struct seen s = select_level(f, INDEX_STUDY);
	assert_string_equal(s.text, "1.1");
	assert_true(s.last.ready);
	assert_true(s.last.kept);
	assert_int_equal(s.last.study_instances, 2);
	assert_int_equal(s.last.study_series, 2);
	assert_int_equal(s.last.study_bytes, 2000);
}

static void
test_index_any_one_failing_step_is_made_good(void **state)
{
	struct fixture *f = *state;
	bool more = true;
	for (unsigned k = 1; more; k++) {
		assert_true(k < 200);
		index_fail_at(k);
		scenario(f);
		flush(f);
		more = index_fail_fired();
		index_fail_at(0);
		expect_scenario(f);
		index_drop_study(f->ix, "1.1");
		flush(f);
	}
}

static void
test_index_that_cannot_write_says_so_until_it_starts_anew(void **state)
{
	struct fixture *f = *state;
	struct err first = {0};
	put_simple(f, "1.1", "1.1.1", "1.1.1.1");
	flush(f);
	/* an index whose table goes away under it */
	change(f, "DROP TABLE wants");

	index_put_wants(f->ix, "c", (struct index_blob){"w", 1});
	int rc = index_flush(f->ix, &f->e);

	assert_int_equal(rc, -1);
	assert_true(index_has_failed(f->ix, &first));
	assert_string_equal(first.msg, f->e.msg);
	close_index(f);
	open_index(f); /* set aside, since its tables are not ours */
	assert_false(index_was_clean(f->ix));
	assert_false(index_has_failed(f->ix, NULL));
	assert_true(f->lost);
}

static void
test_index_on_a_full_disk_counts_what_it_lost_and_goes_on(void **state)
{
	struct fixture *f = *state;
	struct index_totals t = {0};
	put_simple(f, "1.1", "1.2", "1.3");
	flush(f);
	/* the disk is full: no page more */
	assert_int_equal(0, index_sql_exec(f->ix->db,
	    "PRAGMA max_page_count = 1", &f->e));
	for (int i = 0; i < 300; i++) {
		char sop[16];
		(void)snprintf(sop, sizeof(sop), "1.4.%d", i + 1);
		put_simple(f, "1.1", "1.2", sop);
	}
	flush(f);
	assert_true(index_lost(f->ix) > 0);
	assert_false(index_has_failed(f->ix, NULL));

	assert_int_equal(0, index_sql_exec(f->ix->db,
	    "PRAGMA max_page_count = 100000", &f->e));
	put_simple(f, "2.1", "2.2", "2.3");
	flush(f);

	assert_int_equal(0, index_totals(f->r, &t, &f->e));
	assert_int_equal(2, t.studies);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_index_same_object_twice_is_counted_once),
	    TEST(test_index_absent_texts_and_blobs_are_empty),
	    TEST(test_index_dropped_object_makes_its_study_unready),
	    TEST(test_index_study_that_lacks_instances_never_turns_ready),
	    TEST(test_index_dropped_study_takes_all_below_it),
	    TEST(test_index_wants_are_kept_replaced_and_forgotten),
	    TEST(test_index_clean_stop_is_remembered_and_an_unclean_one_too),
	    TEST(test_index_settings_are_in_force),
	    TEST(test_index_newer_schema_is_refused_untouched),
	    TEST(test_index_file_that_is_no_database_is_set_aside),
	    TEST(test_index_damaged_page_is_found_after_an_unclean_stop),
	    TEST(test_index_of_another_program_is_set_aside),
	    TEST(test_index_log_without_its_file_is_no_harm),
	    TEST(test_index_readers_beside_the_writer_see_whole_states),
	    TEST(test_index_any_one_failing_step_is_made_good),
	    TEST(test_index_on_a_full_disk_counts_what_it_lost_and_goes_on),
	    TEST(test_index_that_cannot_write_says_so_until_it_starts_anew),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
