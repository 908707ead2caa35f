/* SPDX-License-Identifier: MIT */
/* What the index keeps of an object: read from what was written so far. */
#include <fts.h>
#include <unistd.h>

#include "../dicom/json_fixture.h"

#include "prefetch/prefetch_priv.h"
#include "wire/gzpart.h"

#define MR "1.2.840.10008.5.1.4.1.1.4"
#define PEEK (32 * 1024) /* bytes looked at first */

struct fixture {
	char dir[64];
	struct store *st;
	struct index *ix;
	struct index_reader *r;
	struct buf set, text;
	unsigned rows;
	struct err e;
};

static int
setup(void **state)
{
	struct fixture *f = mem_new(struct fixture);
	(void)str_copy(f->dir, sizeof(f->dir), "/tmp/entry-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->st = store_open(f->dir, &f->e);
	assert_non_null(f->st);
	f->ix = index_open(f->dir, NULL, &f->e);
	assert_non_null(f->ix);
	f->r = index_reader_open(f->ix, &f->e);
	assert_non_null(f->r);
	buf_init(&f->set, 1 << 20);
	buf_init(&f->text, 1 << 20);
	put_text(&f->set, TAG_SOP_CLASS, "UI", MR);
	put_text(&f->set, TAG_SOP_INSTANCE, "UI", "1.2.3.4\0");
	put_text(&f->set, TAG_MODALITY, "CS", "MR");
	put_text(&f->set, TAG_STUDY_UID, "UI", "1.2");
	put_text(&f->set, TAG_SERIES_UID, "UI", "1.2.3");
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	char *paths[] = {f->dir, NULL};
	index_reader_close(&f->r);
	index_close(&f->ix);
	store_close(&f->st);
	FTS *t = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	for (FTSENT *n = fts_read(t); n != NULL; n = fts_read(t))
		if (n->fts_info != FTS_D)
			(void)remove(n->fts_accpath); /* the test is over */
	(void)fts_close(t); /* read only */
	buf_done(&f->set);
	buf_done(&f->text);
	mem_free(f);
	return 0;
}

/* index_row_fn: the text of its metadata */
static bool
see(void *ctx, const struct index_row *row)
{
	struct fixture *f = ctx;
	f->rows++;
	if (row->metadata.p != NULL)
		assert_int_equal(gzpart_text(row->metadata.p,
		    row->metadata.n, row->metadata_n, &f->text, &f->e), 0);
	return true;
}

/* Keep the object; the text of its metadata is in ${f}->text. */
static void
keep(struct fixture *f)
{
	struct entry en;
	struct store_object so;
	const struct intake_object o = {.class_uid = MR,
	    .instance_uid = "1.2.3.4", .syntax = ELE};
	const struct index_select sel = {.level = INDEX_INSTANCE,
	    .unready = true, .metadata = true};
	struct store_writer *w = store_begin(f->st, MR, "1.2.3.4", ELE,
	    &f->e);
	assert_non_null(w);
	assert_int_equal(store_write(w, f->set.p, f->set.len, &f->e), 0);
	if (entry_read(&en, w, ELE, &f->e) != 0)
		fail_msg("%s", f->e.msg);
	entry_describe(&en, ELE);
	assert_string_equal(attrs_value(&en.as, TAG_MODALITY), "MR");
	assert_int_equal(store_commit(&w, "1.2", "1.2.3", "1.2.3.4", &so,
	    &f->e), 0);
	entry_put(&en, f->ix, &o, &so);
	entry_done(&en);
	assert_int_equal(index_flush(f->ix, &f->e), 0);
	assert_int_equal(index_select(f->r, &sel, see, f, &f->e), 0);
	assert_int_equal(f->rows, 1);
}

#define PIXELS "\"BulkDataURI\":\"/dicom-web/studies/1.2/series/1.2.3/" \
	"instances/1.2.3.4/bulkdata/7FE00010\"}}"

static void
test_entry_metadata_of_a_new_object_is_in_the_index(void **state)
{
	struct fixture *f = *state;
	put_bytes(&f->set, TAG(0x7FE0, 0x0010), "OW", 1000);

	keep(f);

	assert_non_null(strstr(buf_str(&f->text), PIXELS));
	assert_non_null(strstr(buf_str(&f->text),
	    "\"0020000D\":{\"vr\":\"UI\",\"Value\":[\"1.2\"]}"));
}

/* The first look ends between two elements: it is not the end. */
static void
test_entry_header_that_ends_where_the_look_ends_is_read_on(void **state)
{
	struct fixture *f = *state;
	size_t left = PEEK - f->set.len - 12;
	put_bytes(&f->set, TAG(0x0021, 0x1001), "OB", left);
	assert_int_equal(f->set.len, PEEK);
	put_text(&f->set, TAG_ROWS, "US", "\1\1");
	put_bytes(&f->set, TAG(0x7FE0, 0x0010), "OW", 1000);

	keep(f);

	assert_non_null(strstr(buf_str(&f->text), "\"00280010\":"));
	assert_non_null(strstr(buf_str(&f->text), PIXELS));
}

static void
test_entry_object_of_exactly_one_look_is_whole(void **state)
{
	struct fixture *f = *state;
	put_bytes(&f->set, TAG(0x0021, 0x1001), "OB",
	    PEEK - f->set.len - 12);

	keep(f);

	assert_null(strstr(buf_str(&f->text), "7FE00010"));
}

/* More character sets than any reader keeps: read, but not told. */
static void
test_entry_without_metadata_is_kept_all_the_same(void **state)
{
	struct fixture *f = *state;
	put(&f->set, TAG(0x0040, 0x0275), "SQ", NULL, UNDEFINED);
	for (int i = 0; i < 100; i++) {
		char name[24];
		(void)snprintf(name, sizeof(name), "ISO_IR %d", 100 + i);
		put_head(&f->set, TAG(0xFFFE, 0xE000), UNDEFINED);
		put_text(&f->set, TAG_CHARSET, "CS", name);
		put_head(&f->set, TAG(0xFFFE, 0xE00D), 0);
	}
	put_head(&f->set, TAG(0xFFFE, 0xE0DD), 0);

	keep(f);

	assert_int_equal(f->text.len, 0);
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_entry_metadata_of_a_new_object_is_in_the_index),
	    TEST(test_entry_header_that_ends_where_the_look_ends_is_read_on),
	    TEST(test_entry_object_of_exactly_one_look_is_whole),
	    TEST(test_entry_without_metadata_is_kept_all_the_same),
	};
	struct err e;
	if (dataset_start(&e) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
