/* SPDX-License-Identifier: MIT */
/* Z05: after a wipe nothing of a patient is left in the folder. */
#include "cache_fixture.h"

static const char *const patient[] = {"WIPEME", "4711-ZZ", "PHANTOMHEART"};
#define N_PATIENT (sizeof(patient) / sizeof(patient[0]))

/* A study of one object whose data set, row and wants name the patient. */
static void
put_patient(struct fixture *f, const char *study)
{
	char sop[UID_SIZE], text[200];
	struct store_object o;
	(void)snprintf(sop, sizeof(sop), "%s.1", study);
	(void)snprintf(text, sizeof(text), "%s^%s %s", patient[0],
	    patient[2], patient[1]);
	struct store_writer *w = store_begin(f->st, MR, sop, LE, &f->e);
	assert_non_null(w);
	assert_int_equal(store_write(w, text, strlen(text), &f->e), 0);
	assert_int_equal(store_commit(&w, study, "1.9", sop, &o, &f->e), 0);
	struct index_object io = {.study_uid = study, .series_uid = "1.9",
	    .instance_uid = sop, .class_uid = MR, .syntax = LE,
	    .length = o.length, .offset = o.offset, .patient_id = patient[1],
	    .issuer = "NHS", .study_date = "20260701", .modality = "MR",
	    .patient_study = {text, strlen(text)},
	    .series = {text, strlen(text)}, .instance = {text, strlen(text)},
	    .metadata = {text, strlen(text)}};
	memcpy(io.name, o.name, sizeof(io.name));
	memcpy(io.digest, o.digest, sizeof(io.digest));
	index_put_object(f->ix, &io);
	index_put_study(f->ix, study, true, 1, "pacs");
	index_put_wants(f->ix, study, (struct index_blob){text,
	    strlen(text)});
	assert_int_equal(index_flush(f->ix, &f->e), 0);
}

static bool
has(const uint8_t *p, size_t n, const char *word)
{
	size_t len = strlen(word);
	for (size_t i = 0; i + len <= n; i++)
		if (memcmp(p + i, word, len) == 0)
			return true;
	return false;
}

/* How many files below the folder have a word of the patient. */
static unsigned
traces(const struct fixture *f)
{
	char copy[64];
	unsigned found = 0;
	uint8_t *p = mem_new_n(uint8_t, 8 << 20);
	(void)str_copy(copy, sizeof(copy), f->dir);
	char *paths[] = {copy, NULL};
	FTS *t = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	for (FTSENT *x = fts_read(t); x != NULL; x = fts_read(t)) {
		FILE *in = x->fts_info == FTS_F ? fopen(x->fts_path, "rb") :
		    NULL;
		if (in == NULL)
			continue;
		size_t n = fread(p, 1, 8 << 20, in);
		(void)fclose(in); /* only read */
		for (size_t i = 0; i < N_PATIENT; i++)
			found += has(p, n, patient[i]);
	}
	(void)fts_close(t); /* read only */
	mem_free(p);
	return found;
}

static void
test_wipe_leaves_nothing_of_a_patient(void **state)
{
	struct fixture *f = *state;
	char path[128];
	put_patient(f, "1.1");
	put_patient(f, "1.2");
	index_drop_study(f->ix, "1.2"); /* its pages are free, and full */
	assert_int_equal(index_flush(f->ix, &f->e), 0);
	(void)snprintf(path, sizeof(path), "%s/index.db.damaged-2026", f->dir);
	FILE *aside = fopen(path, "w");
	assert_true(fputs(patient[0], aside) >= 0);
	assert_int_equal(fclose(aside), 0);
	assert_true(start(f));
	board_study(f->board, "1.1")->kept = true;
	assert_true(traces(f) > 3);

	assert_int_equal(cache_wipe(f->c, f->text, 400), 202);
	assert_int_equal(board_n_studies(f->board), 0); /* at once */
	while (cache_wipe(f->c, f->text, 400) == 202)
		loop_poll(f->loop);

	assert_int_equal(cache_wipe(f->c, f->text, 400), 200);
	assert_int_equal(traces(f), 0);
	assert_int_equal(files(f), 0);
	assert_int_equal(store_held(f->st), 0);
	assert_true(f->changed > 0);
	assert_false(cache_make_room(f->c, 1, 0, f->text, 400));
	reopen(f); /* and it is a good cache for the next start */
	assert_true(start(f));
	assert_int_equal(traces(f), 0);
	put_patient(f, "1.1");
	assert_int_equal(rows_of(f, "1.1").n, 1);
}

static void
test_wipe_forgets_what_cases_want(void **state)
{
	struct fixture *f = *state;
	struct casefile file = {.id = "C1", .start_utc = NOW + 60,
	    .end_utc = NOW + 7200};
	put_patient(f, "1.1");
	f->conf.horizon_s = 86400;
	assert_true(start(f));
	board_set_cases(f->board, "list", &file, 1, NOW);
	struct board_case *c = board_case(f->board, "C1");
	struct board_want *w = mem_new_n(struct board_want, 1);
	(void)str_copy(w->study_uid, UID_SIZE, "1.1");
	w->kind = WANT_YES;
	c->ours = true;
	board_set_wants(f->board, c, w, 1);
	c->readiness = READINESS_READY;

	assert_int_equal(cache_wipe(f->c, f->text, 400), 202);

	assert_int_equal(c->n_wants, 0);
	assert_int_equal(c->readiness, READINESS_FAILED);
	assert_non_null(strstr(c->reason, "wiped"));
	while (cache_wipe(f->c, f->text, 400) == 202)
		loop_poll(f->loop);
}

static void
test_wipe_that_fails_says_so_and_can_be_tried_again(void **state)
{
	struct fixture *f = *state;
	put_patient(f, "1.1");
	assert_true(start(f));
	store_fail_at(1, EIO);

	assert_int_equal(cache_wipe(f->c, f->text, 400), 202);
	while (f->c->wipe == WIPE_NOW)
		loop_poll(f->loop);
	store_fail_at(0, 0);

	assert_int_equal(cache_wipe(f->c, f->text, 400), 500);
	assert_non_null(strstr(f->text, "not wiped"));
	while (cache_wipe(f->c, f->text, 400) == 202)
		loop_poll(f->loop);
	assert_int_equal(cache_wipe(f->c, f->text, 400), 200);
	assert_int_equal(traces(f), 0);
}

/* Who reads an object keeps it; the rest of the folder is clean, and a reader
 * of the index does not keep its log. */
static void
test_wipe_while_somebody_reads(void **state)
{
	struct fixture *f = *state;
	put_patient(f, "1.1");
	assert_true(start(f));
	cache_hold(f->c, "1.1");
	assert_true(cache_is_read(f->c));
	struct index_reader *r = index_reader_open(f->ix, &f->e);
	assert_non_null(r);

	while (cache_wipe(f->c, f->text, 400) == 202)
		loop_poll(f->loop);

	assert_int_equal(traces(f), 0);
	index_reader_close(&r);
	cache_release(f->c, "1.1");
	settle(f);
	assert_false(cache_is_read(f->c));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_wipe_leaves_nothing_of_a_patient),
	    TEST(test_wipe_forgets_what_cases_want),
	    TEST(test_wipe_that_fails_says_so_and_can_be_tried_again),
	    TEST(test_wipe_while_somebody_reads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
