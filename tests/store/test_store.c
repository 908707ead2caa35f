/* SPDX-License-Identifier: MIT */
/* Objects written, kept, read, swept; folders that are not ours. */
#include "store_fixture.h"

static void
path_of(const struct fixture *f, const struct store_object *o, char ret[256])
{
	char name[STORE_FILE_NAME];
	store_file_name(name, o->name);
	(void)snprintf(ret, 256, "%s/%.2s/%.2s/%s", f->dir, name, name + 2,
	    name);
}

static void
test_store_object_is_read_back_whole(void **state)
{
	struct fixture *f = *state;
	struct store_object o;
	struct store_map m;
	static const size_t sizes[] = {0, 1, 2, 1000, 262143, 262144, 262145,
	    700001};
	uint8_t *bytes = mem_new_n(uint8_t, 700001);
	for (size_t i = 0; i < 700001; i++)
		bytes[i] = (uint8_t)(i * 2654435761u >> 24);

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char sop[UID_SIZE];
		(void)snprintf(sop, sizeof(sop), "1.2.3.%zu", i);
		int rc = write_object(f->s, sop, bytes, sizes[i], &o, &f->e);
		assert_int_equal(rc, 0);
		assert_int_equal(o.length, sizes[i]);
		assert_int_equal(o.offset % 2, 0);

		rc = store_map(f->s, &o, true, &m, &f->e);
		assert_int_equal(rc, 0);
		assert_int_equal(m.n, sizes[i]);
		assert_memory_equal(m.p, bytes, sizes[i]);
		store_unmap(&m);
	}
	assert_int_equal(walk(f->dir, ".dcm", false), 8);
	mem_free(bytes);
}

static void
test_store_pieces_give_the_same_digest_as_the_whole(void **state)
{
	struct fixture *f = *state;
	struct store_object whole;
	struct store_object pieces;
	uint8_t *bytes = mem_new_n(uint8_t, 900000);
	memset(bytes, 7, 900000);
	static const size_t step[] = {1, 77, 16384, 262144, 300000};

	int rc = write_object(f->s, "1.1", bytes, 900000, &whole, &f->e);
	assert_int_equal(rc, 0);
	for (unsigned i = 0; i < 5; i++) {
		size_t left = 900000;
		struct store_writer *w = store_begin(f->s, MR, "1.1", LE,
		    &f->e);
		for (; left > 0; left -= left < step[i] ? left : step[i])
			assert_int_equal(store_write(w, bytes, left < step[i] ?
			    left : step[i], &f->e), 0);
		rc = store_commit(&w, "1.2.3", "1.2.3.4", "1.1", &pieces,
		    &f->e);

		assert_int_equal(rc, 0);
		assert_memory_equal(pieces.digest, whole.digest, 16);
		assert_int_equal(store_held(f->s), 900000);
	}
	assert_int_equal(walk(f->dir, ".dcm", false), 1);
	mem_free(bytes);
}

static void
test_store_file_begins_as_part_10_asks(void **state)
{
	struct fixture *f = *state;
	struct store_object o;
	char path[256];
	uint8_t head[600];
	struct stat st;
	static const uint8_t zero[128];

	int rc = write_object(f->s, "1.2.3.4.5", "data", 4, &o, &f->e);
	assert_int_equal(rc, 0);

	path_of(f, &o, path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	int fd = open(path, O_RDONLY);
	assert_int_equal(read(fd, head, sizeof(head)), o.offset + 4);
	(void)close(fd);
	assert_memory_equal(head, zero, 128);
	assert_memory_equal(head + 128, "DICM\2\0\0\0UL\4\0", 12);
	assert_int_equal(head[140] + 256 * head[141] + 144, o.offset);
	assert_memory_equal(head + 158, "\2\0\2\0UI\x1a\0" MR "\0", 34);
	assert_memory_equal(head + 192, "\2\0\3\0UI\x0a\0" "1.2.3.4.5\0", 18);
	assert_memory_equal(head + o.offset, "data", 4);
}

static void
test_store_conflicting_object_is_refused_and_the_first_kept(void **state)
{
	struct fixture *f = *state;
	struct store_object o;
	struct store_object other = {.length = 99};
	struct store_map m;
	assert_int_equal(write_object(f->s, "1.2", "first", 5, &o, &f->e), 0);

	int rc = write_object(f->s, "1.2", "other", 5, &other, &f->e);

	assert_int_equal(rc, -1);
	assert_int_equal(f->e.code, ERR_CORRUPT);
	assert_non_null(strstr(f->e.msg, "conflict"));
	assert_int_equal(other.length, 99);
	assert_int_equal(store_map(f->s, &o, true, &m, &f->e), 0);
	assert_memory_equal(m.p, "first", 5);
	store_unmap(&m);
	assert_int_equal(store_held(f->s), 5);
}

static void
test_store_peek_shows_the_beginning(void **state)
{
	struct fixture *f = *state;
	struct store_object o;
	size_t n = 0;
	struct store_writer *w = store_begin(f->s, MR, "1.2", LE, &f->e);
	assert_int_equal(store_write(w, "0123456789", 10, &f->e), 0);

	const uint8_t *p = store_peek(w, 4, &n, &f->e);
	assert_int_equal(n, 4);
	assert_memory_equal(p, "0123", 4);
	assert_int_equal(store_write(w, "ab", 2, &f->e), 0);
	p = store_peek(w, 4096, &n, &f->e);
	assert_int_equal(n, 12);
	assert_memory_equal(p, "0123456789ab", 12);

	int rc = store_commit(&w, "1.1", "1.1", "1.2", &o, &f->e);
	assert_int_equal(rc, 0);
	assert_int_equal(o.length, 12);
	assert_null(w);
}

static void
test_store_peek_reads_back_what_the_buffer_has_not(void **state)
{
	static uint8_t big[300 * 1024]; /* more than the writer's buffer */
	struct fixture *f = *state;
	size_t n = 0;
	memset(big, 7, sizeof(big));
	memcpy(big, "begin", 5);
	struct store_writer *w = store_begin(f->s, MR, "1.2", LE, &f->e);
	assert_int_equal(store_write(w, big, sizeof(big), &f->e), 0);

	const uint8_t *p = store_peek(w, sizeof(big), &n, &f->e);

	assert_int_equal(n, sizeof(big));
	assert_memory_equal(p, big, n);
	store_abort(&w);
}

static void
test_store_uids_that_are_none_are_refused(void **state)
{
	struct fixture *f = *state;
	struct store_object o;
	static const char *const bad[] = {"../../../tmp/x", "/etc/x", "..",
	    ".", "", "1.2/3", "-rf", "CON", "1.2\\3",
	    ("1.23456789012345678901234567890123456789012345678901234567890"
	    "1234"), "1.\xc3\xa9"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		print_message("%s\n", bad[i]);
		assert_null(store_begin(f->s, MR, bad[i], LE, &f->e));
		assert_int_equal(f->e.code, ERR_INVAL);
		assert_null(store_begin(f->s, bad[i], "1.2", LE, &f->e));
		struct store_writer *w = store_begin(f->s, MR, "1.2", LE,
		    &f->e);
		int rc = store_commit(&w, bad[i], "1.2", "1.2", &o, &f->e);
		assert_int_equal(rc, -1);
		assert_int_equal(f->e.code, ERR_INVAL);
		w = store_begin(f->s, MR, "1.2", LE, &f->e);
		rc = store_commit(&w, "1.2", "1.2", bad[i], &o, &f->e);
		assert_int_equal(rc, -1);
	}
	assert_int_equal(walk(f->root, "", false), 1); /* the marker */
}

static void
test_store_damaged_object_is_found_out(void **state)
{
	struct fixture *f = *state;
	struct store_object o;
	struct store_map m;
	char path[256];
	assert_int_equal(write_object(f->s, "1.2", "abcdef", 6, &o, &f->e), 0);
	path_of(f, &o, path);
	int fd = open(path, O_RDWR);

	/* one bit flipped */
	assert_int_equal(pwrite(fd, "A", 1, (off_t)o.offset), 1);
	assert_int_equal(store_map(f->s, &o, false, &m, &f->e), 0);
	store_unmap(&m);
	assert_int_equal(store_map(f->s, &o, true, &m, &f->e), -1);
	assert_int_equal(f->e.code, ERR_CORRUPT);
	/* cut short, too long, gone */
	assert_int_equal(ftruncate(fd, (off_t)o.offset + 5), 0);
	assert_int_equal(store_map(f->s, &o, false, &m, &f->e), -1);
	assert_int_equal(f->e.code, ERR_CORRUPT);
	assert_int_equal(ftruncate(fd, (off_t)o.offset + 7), 0);
	assert_int_equal(store_map(f->s, &o, false, &m, &f->e), -1);
	assert_int_equal(f->e.code, ERR_CORRUPT);
	(void)close(fd);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(store_map(f->s, &o, false, &m, &f->e), -1);
	assert_int_equal(f->e.code, ERR_CORRUPT);
}

static void
test_store_link_in_an_objects_place_is_not_followed(void **state)
{
	struct fixture *f = *state;
	struct store_object o;
	struct store_map m;
	char path[256];
	char moved[256];
	assert_int_equal(write_object(f->s, "1.2", "abcdef", 6, &o, &f->e), 0);
	path_of(f, &o, path);
	(void)snprintf(moved, sizeof(moved), "%s/away", f->root);
	assert_int_equal(rename(path, moved), 0);
	assert_int_equal(symlink(moved, path), 0);
	assert_int_equal(store_map(f->s, &o, false, &m, &f->e), -1);
	assert_int_equal(f->e.code, ERR_CORRUPT);

	/* the shard itself */
	assert_int_equal(unlink(path), 0);
	path[strlen(f->dir) + 3] = '\0';
	(void)snprintf(moved, sizeof(moved), "%s/shard", f->root);
	assert_int_equal(rename(path, moved), 0);
	assert_int_equal(symlink(moved, path), 0);
	int rc = write_object(f->s, "1.2", "abcdef", 6, &o, &f->e);
	assert_int_equal(rc, -1);
	assert_int_equal(walk(f->root, ".dcm", false), 0);
}

static void
test_store_second_agent_is_told(void **state)
{
	struct fixture *f = *state;

	struct store *second = store_open(f->dir, &f->e);

	assert_null(second);
	assert_int_equal(f->e.code, ERR_INVAL);
	assert_non_null(strstr(f->e.msg, "another agent"));
}

static void
test_store_foreign_folder_is_left_alone(void **state)
{
	struct fixture *f = *state;
	char path[256];
	(void)snprintf(path, sizeof(path), "%s/thesis.doc", f->root);
	int fd = open(path, O_CREAT | O_WRONLY, 0600);
	(void)close(fd);

	assert_null(store_open(f->root, &f->e));
	assert_int_equal(f->e.code, ERR_INVAL);
	(void)snprintf(path, sizeof(path), "%s/understudy-cache", f->root);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_null(store_open(f->root, &f->e)); /* an empty marker */
	assert_int_equal(write(fd, "understudy cache 2\nabc", 22), 22);
	(void)close(fd);
	assert_null(store_open(f->root, &f->e)); /* another version */
	assert_int_equal(f->e.code, ERR_INVAL);
	assert_int_equal(walk(f->root, "thesis.doc", false), 1);
}

static void
test_store_linked_cache_folder_is_refused(void **state)
{
	struct fixture *f = *state;
	char path[256];
	(void)snprintf(path, sizeof(path), "%s/link", f->root);
	assert_int_equal(symlink(f->dir, path), 0);

	struct store *s = store_open(path, &f->e);

	assert_null(s);
	assert_int_equal(f->e.code, ERR_INVAL);
}

static void
test_store_what_was_being_written_goes_at_the_next_start(void **state)
{
	struct fixture *f = *state;
	char path[256];
	(void)snprintf(path, sizeof(path), "%s/tmp/%s", f->dir,
	    "00112233445566778899aabbccddeeff");
	(void)close(open(path, O_CREAT | O_WRONLY, 0600));
	(void)snprintf(path, sizeof(path), "%s/tmp/notes", f->dir);
	(void)close(open(path, O_CREAT | O_WRONLY, 0600));

	store_close(&f->s);
	f->s = store_open(f->dir, &f->e);

	assert_non_null(f->s);
	assert_int_equal(walk(f->dir, "", false), 2); /* marker, notes */
	assert_int_equal(walk(f->dir, "notes", false), 1);
}

static void
test_store_quota_and_reserve_stop_the_writer(void **state)
{
	struct fixture *f = *state;
	struct store_object o;
	char bytes[1000] = {0};
	store_set_held(f->s, 5000);

	store_set_quota(f->s, 6000, 0);
	assert_int_equal(write_object(f->s, "1.1", bytes, 1000, &o, &f->e), 0);
	assert_int_equal(store_held(f->s), 6000);
	assert_int_equal(write_object(f->s, "1.2", bytes, 1, &o, &f->e), -1);
	assert_int_equal(f->e.code, ERR_FULL);
	store_set_quota(f->s, 4000, 0); /* reduced below what is held */
	assert_int_equal(write_object(f->s, "1.2", bytes, 1, &o, &f->e), -1);
	assert_int_equal(f->e.code, ERR_FULL);
	store_set_quota(f->s, UINT64_MAX, UINT64_MAX);
	assert_int_equal(write_object(f->s, "1.2", bytes, 1, &o, &f->e), -1);
	assert_int_equal(f->e.code, ERR_FULL);

	store_set_quota(f->s, 7000, 0); /* nothing of those is still counted */
	assert_int_equal(write_object(f->s, "1.3", bytes, 1000, &o, &f->e), 0);
	assert_int_equal(store_remove(f->s, o.name, &f->e), 0);
	assert_int_equal(store_held(f->s), 6000);
	assert_int_equal(store_remove(f->s, o.name, &f->e), 0);
	assert_int_equal(store_held(f->s), 6000);
	assert_int_equal(walk(f->dir, "", false), 2);
}

struct swept {
	const struct store_object *known; /* NULL = none */
	unsigned calls, files;
	bool in_order;
	/* an object comes while it is looked at; NULL = none does */
	struct fixture *comes;
};

static int
on_part(void *ctx, struct store_file *files, size_t n, struct err *e)
{ /* store_part_fn */
	struct swept *w = ctx;
	(void)e;
	for (size_t i = 0; i < n; i++) {
		w->in_order = w->in_order && files[i].name[0] == w->calls &&
		    (i == 0 || memcmp(files[i - 1].name, files[i].name,
		    STORE_NAME_BYTES) < 0);
		files[i].known = w->known != NULL && memcmp(files[i].name,
		    w->known->name, STORE_NAME_BYTES) == 0;
		struct store_object o;
		if (w->comes != NULL) /* it is there already, and is taken */
			assert_int_equal(write_object(w->comes->s, "1.2.0",
			    "x", 1, &o, &w->comes->e), 0);
	}
	w->calls++;
	w->files += (unsigned)n;
	return 0;
}

static int
sweep(struct fixture *f, struct swept *w, unsigned *ret_removed,
    unsigned *ret_foreign)
{
	int rc = 0;
	*ret_removed = *ret_foreign = 0;
	for (unsigned i = 0; i < STORE_PARTS && rc == 0; i++)
		rc = store_sweep(f->s, (uint8_t)i, on_part, w, ret_removed,
		    ret_foreign, &f->e);
	return rc;
}

/* As after a restart: what is here is not fresh. */
static void
reopen(struct fixture *f)
{
	store_close(&f->s);
	f->s = store_open(f->dir, &f->e);
	assert_non_null(f->s);
}

static void
test_store_sweep_takes_only_our_unknown_objects(void **state)
{
	struct fixture *f = *state;
	struct store_object o[3];
	char path[256];
	unsigned removed = 0;
	unsigned foreign = 0;
	struct store_map m;
	for (unsigned i = 0; i < 3; i++) {
		char sop[UID_SIZE];
		(void)snprintf(sop, sizeof(sop), "1.2.%u", i);
		int rc = write_object(f->s, sop, "x", 1, &o[i], &f->e);
		assert_int_equal(rc, 0);
	}
	path_of(f, &o[0], path);
	size_t shard = strlen(f->dir) + 7;
	(void)snprintf(path + shard, sizeof(path) - shard, "photo.dcm");
	(void)close(open(path, O_CREAT | O_WRONLY, 0600));
	(void)snprintf(path, sizeof(path), "%s/index.db-wal", f->dir);
	(void)close(open(path, O_CREAT | O_WRONLY, 0600));
	(void)snprintf(path, sizeof(path), "%s/zz", f->dir);
	(void)close(open(path, O_CREAT | O_WRONLY, 0600));

	reopen(f);
	struct swept w = {.known = &o[1], .in_order = true};

	int rc = sweep(f, &w, &removed, &foreign);

	assert_int_equal(rc, 0);
	assert_int_equal(w.calls, 256); /* also where there is no folder */
	assert_int_equal(w.files, 3);
	assert_true(w.in_order);
	assert_int_equal(removed, 2);
	assert_int_equal(foreign, 2);
	assert_int_equal(walk(f->dir, "", false), 5);
	assert_int_equal(store_map(f->s, &o[1], true, &m, &f->e), 0);
	store_unmap(&m);
}

/* Its row may be on the way. */
static void
test_store_sweep_leaves_what_came_since_the_start(void **state)
{
	struct fixture *f = *state;
	struct store_object o;
	unsigned removed = 0, foreign = 0;
	struct swept w = {.known = NULL};
	int rc = write_object(f->s, "1.2.0", "x", 1, &o, &f->e);
	assert_int_equal(rc, 0);

	assert_int_equal(sweep(f, &w, &removed, &foreign), 0);
	assert_int_equal(removed, 0);

	/* one that nobody knew comes again while it is looked at */
	reopen(f);
	w = (struct swept){.comes = f};
	assert_int_equal(sweep(f, &w, &removed, &foreign), 0);
	assert_int_equal(removed, 0);

	reopen(f);
	w = (struct swept){.known = NULL};
	assert_int_equal(sweep(f, &w, &removed, &foreign), 0);
	assert_int_equal(removed, 1);
}

static void
test_store_sweep_ends_when_too_much_came(void **state)
{
	struct fixture *f = *state;
	struct store_object o;
	unsigned removed = 0, foreign = 0;
	struct swept w = {.known = NULL};
	assert_int_equal(write_object(f->s, "1.2.0", "x", 1, &o, &f->e), 0);
	reopen(f);
	f->s->n_fresh = STORE_FRESH_MAX; /* their names do not matter */
	assert_int_equal(write_object(f->s, "1.2.1", "x", 1, &o, &f->e), 0);
	f->s->n_fresh = 0;

	assert_int_equal(sweep(f, &w, &removed, &foreign), -1);

	assert_int_equal(f->e.code, ERR_CANCELLED);
	assert_int_equal(removed, 0);
	store_sweep_end(f->s);
	assert_int_equal(walk(f->dir, ".dcm", false), 2);
}

static void
test_store_damaged_one_is_removed_and_a_whole_one_is_not(void **state)
{
	struct fixture *f = *state;
	struct store_object o;
	char path[256];
	assert_int_equal(write_object(f->s, "1.2.0", "xyz", 3, &o, &f->e), 0);

	assert_int_equal(store_remove_damaged(f->s, o.name, &f->e), 0);
	assert_false(store_is_gone(f->s, o.name));

	path_of(f, &o, path);
	int fd = open(path, O_WRONLY);
	assert_int_equal(pwrite(fd, "!", 1, o.offset + 1), 1);
	(void)close(fd);
	assert_int_equal(store_remove_damaged(f->s, o.name, &f->e), 0);
	assert_true(store_is_gone(f->s, o.name));
	assert_int_equal(store_held(f->s), 0);
	assert_int_equal(store_remove_damaged(f->s, o.name, &f->e), 0);
}

static void
test_store_known_one_and_no_other_is_opened(void **state)
{
	struct fixture *f = *state;
	char id[64], path[128];
	(void)str_copy(id, sizeof(id), store_id(f->s)); /* 32 digits */
	assert_int_equal(strlen(id), 32);
	store_close(&f->s);
	(void)snprintf(path, sizeof(path), "%s.away", f->dir);

	f->s = store_open_known(f->dir, id, &f->e);
	assert_non_null(f->s);
	assert_string_equal(store_id(f->s), id);
	store_close(&f->s);
	assert_null(store_open_known(f->dir, "0123", &f->e)); /* another's */
	assert_int_equal(f->e.code, ERR_INVAL);
	assert_int_equal(f->e.sys, ENOENT);
	assert_non_null(strstr(f->e.msg, "mounted"));

	assert_int_equal(rename(f->dir, path), 0);
	assert_null(store_open_known(f->dir, id, &f->e)); /* nothing there */
	assert_non_null(strstr(f->e.msg, "mounted"));
	assert_int_equal(access(f->dir, F_OK), -1);
	assert_int_equal(mkdir(f->dir, 0700), 0);
	assert_null(store_open_known(f->dir, id, &f->e)); /* an empty one */
	assert_non_null(strstr(f->e.msg, "mounted"));
	assert_int_equal(rmdir(f->dir), 0); /* it is empty still */
	assert_int_equal(rename(path, f->dir), 0);
	f->s = store_open(f->dir, &f->e);
	assert_non_null(f->s);
}

static void
test_store_look_tells_where_the_folder_is(void **state)
{
	struct fixture *f = *state;
	char away[128], marker[192], text[64];
	(void)snprintf(away, sizeof(away), "%s.away", f->dir);
	(void)snprintf(marker, sizeof(marker), "%s/%s", f->dir, STORE_MARKER);
	assert_int_equal(store_look(f->s), STORE_HERE);

	assert_int_equal(rename(f->dir, away), 0);
	assert_int_equal(store_look(f->s), STORE_GONE);
	assert_int_equal(mkdir(f->dir, 0700), 0);
	assert_int_equal(store_look(f->s), STORE_GONE);
	/* another file of the same id: mounted anew */
	FILE *m = fopen(marker, "w");
	assert_non_null(m);
	(void)snprintf(text, sizeof(text), "understudy cache 1\n%s\n",
	    store_id(f->s));
	assert_true(fputs(text, m) >= 0);
	assert_int_equal(fclose(m), 0);
	assert_int_equal(store_look(f->s), STORE_BACK);
	m = fopen(marker, "w"); /* and of another */
	text[20] = text[20] == '0' ? '1' : '0';
	assert_true(fputs(text, m) >= 0);
	assert_int_equal(fclose(m), 0);
	assert_int_equal(store_look(f->s), STORE_GONE);

	assert_int_equal(unlink(marker), 0);
	assert_int_equal(rmdir(f->dir), 0);
	assert_int_equal(rename(away, f->dir), 0);
	assert_int_equal(store_look(f->s), STORE_HERE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_store_object_is_read_back_whole),
	    TEST(test_store_pieces_give_the_same_digest_as_the_whole),
	    TEST(test_store_file_begins_as_part_10_asks),
	    TEST(test_store_conflicting_object_is_refused_and_the_first_kept),
	    TEST(test_store_peek_shows_the_beginning),
	    TEST(test_store_peek_reads_back_what_the_buffer_has_not),
	    TEST(test_store_uids_that_are_none_are_refused),
	    TEST(test_store_damaged_object_is_found_out),
	    TEST(test_store_link_in_an_objects_place_is_not_followed),
	    TEST(test_store_second_agent_is_told),
	    TEST(test_store_foreign_folder_is_left_alone),
	    TEST(test_store_linked_cache_folder_is_refused),
	    TEST(test_store_what_was_being_written_goes_at_the_next_start),
	    TEST(test_store_quota_and_reserve_stop_the_writer),
	    TEST(test_store_sweep_takes_only_our_unknown_objects),
	    TEST(test_store_sweep_leaves_what_came_since_the_start),
	    TEST(test_store_sweep_ends_when_too_much_came),
	    TEST(test_store_damaged_one_is_removed_and_a_whole_one_is_not),
	    TEST(test_store_known_one_and_no_other_is_opened),
	    TEST(test_store_look_tells_where_the_folder_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
