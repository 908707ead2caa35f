/* SPDX-License-Identifier: MIT */
/* An agent that is killed at any moment: what the index then says is true of
 * the files, and a study that is ready is whole. */
#include <signal.h>
#include <sys/wait.h>

#include "index_fixture.h"
#include "store/store.h"

#define ROUNDS 30
#define STUDY_OBJECTS 20
#define MR "1.2.840.10008.5.1.4.1.1.4"
#define LE "1.2.840.10008.1.2.1"

/* What an object holds follows from its UID. */
static void
content_of(const char *sop, uint8_t ret[1000])
{
	for (size_t i = 0; i < 1000; i++)
		ret[i] = (uint8_t)((size_t)sop[i % strlen(sop)] * i);
}

static int
keep_object(struct store *s, struct index *ix, const char *study,
    const char *sop)
{
	struct err e;
	struct store_object so;
	uint8_t bytes[1000];
	content_of(sop, bytes);
	struct store_writer *w = store_begin(s, MR, sop, LE, &e);
	if (w == NULL || store_write(w, bytes, sizeof(bytes), &e) != 0 ||
	    store_commit(&w, study, study, sop, &so, &e) != 0)
		return -1;
	struct index_object o = an_object(study, study, sop);
	memcpy(o.name, so.name, sizeof(o.name));
	memcpy(o.digest, so.digest, sizeof(o.digest));
	o.length = so.length;
	o.offset = so.offset;
	index_put_object(ix, &o);
	return 0;
}

/* Rows first: a kill in between leaves files without rows, which the sweep
 * takes, never rows without files. */
static int
evict(struct store *s, struct index *ix, const char *study)
{
	struct err e;
	index_drop_study(ix, study);
	if (index_flush(ix, &e) != 0)
		return -1;
	for (unsigned i = 0; i < STUDY_OBJECTS; i++) {
		char sop[UID_SIZE];
		uint8_t name[STORE_NAME_BYTES];
		(void)snprintf(sop, sizeof(sop), "%.40s.%u", study, i);
		store_name(name, study, study, sop);
		if (store_remove(s, name, &e) != 0)
			return -1;
	}
	return 0;
}

static int
fetch(struct store *s, struct index *ix, const char *study, int pipe_fd)
{
	struct err e;
	for (unsigned i = 0; i < STUDY_OBJECTS; i++) {
		char sop[UID_SIZE];
		(void)snprintf(sop, sizeof(sop), "%.40s.%u", study, i);
		if (keep_object(s, ix, study, sop) != 0 ||
		    write(pipe_fd, "!", 1) != 1)
			return -1;
	}
	/* no store_sync: only a power cut would tell the difference */
	if (index_flush(ix, &e) != 0)
		return -1;
	index_put_study(ix, study, true, STUDY_OBJECTS, "pacs");
	return 0;
}

/* The life of the child, until it is killed; never returns. It says each
 * object to the parent. Every third study is evicted again. */
static void
live(const char *dir, unsigned round, int pipe_fd)
{
	struct err e;
	struct store *s = store_open(dir, &e);
	struct index *ix = index_open(dir, NULL, &e);
	if (s == NULL || ix == NULL)
		_exit(1);
	for (unsigned n = 0;; n++) {
		char study[UID_SIZE];
		(void)snprintf(study, sizeof(study), "1.%u.%u", round, n);
		if (fetch(s, ix, study, pipe_fd) != 0)
			_exit(1);
		if (n % 3 == 0 && evict(s, ix, study) != 0)
			_exit(1);
	}
}

/* Start a child, wait until it said ${n} objects, and kill it. */
static void
kill_after(const char *dir, unsigned round, unsigned n)
{
	char c = 0;
	int status = 0;
	int fds[2];
	assert_int_equal(pipe(fds), 0);
	pid_t pid = fork();
	if (pid == 0)
		live(dir, round, fds[1]);
	(void)close(fds[1]); /* so that a dead child is seen */
	for (; n > 0; n--)
		assert_int_equal(read(fds[0], &c, 1), 1);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	(void)close(fds[0]);
}

struct check {
	struct store *s;
	unsigned rows, bad, ready_instances;
};

/* index_row_fn */
static bool
check_row(void *ctx, const struct index_row *row)
{
	struct check *c = ctx;
	struct err e;
	struct store_map m = {0};
	struct store_object o = {.length = row->length,
	    .offset = row->offset};
	uint8_t want[1000];
	memcpy(o.name, row->name, sizeof(o.name));
	memcpy(o.digest, row->digest, sizeof(o.digest));
	content_of(row->instance_uid, want);
	c->rows++;
	if (store_map(c->s, &o, true, &m, &e) != 0 || m.n != sizeof(want) ||
	    memcmp(m.p, want, m.n) != 0)
		c->bad++;
	store_unmap(&m);
	if (row->ready && row->study_instances != STUDY_OBJECTS)
		c->bad++;
	if (row->ready)
		c->ready_instances++;
	return true;
}

static int
on_part(void *ctx, struct store_file *files, size_t n, struct err *e)
{ /* store_part_fn */
	uint64_t length = 0;
	uint32_t offset = 0;
	for (size_t i = 0; i < n; i++)
		files[i].known = index_find_object(ctx, files[i].name,
		    &length, &offset, e) == 1;
	return 0;
}

static void
expect_truth(struct fixture *f, unsigned *ret_rows)
{
	unsigned removed = 0;
	unsigned foreign = 0;
	struct index_select sel = {.level = INDEX_INSTANCE, .unready = true};
	struct check c = {.s = store_open(f->dir, &f->e)};
	assert_non_null(c.s);
	open_index(f);
	assert_false(f->lost);
	assert_false(index_was_clean(f->ix));

	assert_int_equal(index_select(f->r, &sel, check_row, &c, &f->e), 0);
	assert_int_equal(c.bad, 0);
	assert_int_equal(c.ready_instances % STUDY_OBJECTS, 0);
	for (unsigned i = 0; i < STORE_PARTS; i++)
		assert_int_equal(store_sweep(c.s, (uint8_t)i, on_part, f->r,
		    &removed, &foreign, &f->e), 0);
	assert_int_equal(foreign, 0);
	*ret_rows = c.rows;
	store_close(&c.s);
}

static void
test_index_tells_the_truth_after_a_kill_at_any_moment(void **state)
{
	struct fixture *f = *state;
	unsigned rows = 0;
	close_index(f);
	remove_tree(f->dir);
	for (unsigned round = 0; round < ROUNDS; round++) {
		kill_after(f->dir, round, 1 + round * round % 97);

		expect_truth(f, &rows);
		atomic_store(&f->ix->suspect, true); /* stays unclean */
		close_index(f);
	}
	assert_true(rows > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_index_tells_the_truth_after_a_kill_at_any_moment),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
