/* SPDX-License-Identifier: MIT */
/* Objects that come in: kept when they are what was asked for, else refused
 * with nothing left behind and the association alive. */
#include "intake_fixture.h"

#include <zlib.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Make the data set of ${m} the deflated form of itself (PS3.5 A.5). */
static void
deflate_set(struct fixture *f, struct peer_message *m)
{
	struct buf *b = &f->sets[f->peer.n - 1];
	uLong room = compressBound(b->len);
	uint8_t *out = mem_new_n(uint8_t, room);
	z_stream z = {.next_in = b->p, .avail_in = (uInt)b->len,
	    .next_out = out, .avail_out = (uInt)room};
	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, -MAX_WBITS, 8,
	    Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	(void)deflateEnd(&z); /* it is at its end */
	buf_clear(b);
	buf_add(b, out, z.total_out);
	mem_free(out);
	m->set = b->p;
	m->n = b->len;
}

static void
assert_kept(struct fixture *f, const struct buf *sent)
{
	struct rows r = rows_of(f);
	struct store_map m;
	assert_int_equal(files(f), 1);
	assert_int_equal(r.n, 1);
	assert_string_equal(r.text, STUDY "|" SERIES "|" SOP_1);
	assert_string_equal(r.patient_id, "P1");
	assert_string_equal(r.study_date, "20260701");
	if (store_map(f->st, &r.o, true, &m, &f->e) != 0)
		fail_msg("%s", f->e.msg);
	assert_int_equal(m.n, sent->len);
	assert_memory_equal(m.p, sent->p, sent->len);
	store_unmap(&m);
	assert_int_equal(atomic_load(&f->k.n_here), 1);
	assert_int_equal(atomic_load(&f->k.bytes), sent->len);
	assert_true(f->lines[0].here);
	assert_false(f->lines[1].here);
}

static void
test_intake_good_object_is_kept_as_it_came_in_every_syntax(void **state)
{
	static const uint8_t how[] = {EXPLICIT, IMPLICIT, BIG, DEFLATED};
	for (size_t i = 0; i < COUNT(how); i++) {
		struct fixture *f = *state;
		struct peer_message *m = will_send(f, how[i], &good);
		if (how[i] == DEFLATED)
			deflate_set(f, m);

		play(f);

		assert_int_equal(f->peer.n_answers, 1);
		assert_int_equal(f->peer.statuses[0], DIMSE_SUCCESS);
		assert_string_equal(f->peer.instances[0], SOP_1);
		assert_kept(f, &f->sets[0]);
		assert_string_equal(rows_of(f).syntax, syntax_of[how[i]]);
		assert_int_equal(f->learned, 1);
		assert_int_equal(teardown(state), 0); /* one folder each */
		assert_int_equal(setup(state), 0);
	}
}

static void
test_intake_object_whose_uids_lie_is_refused_and_nothing_kept(void **state)
{
	static const struct {
		const char *name;
		struct object o;
	} rows[] = {
	    {"another instance", {MR, SOP_2, STUDY, SERIES, 0, 20, 0}},
	    {"no instance", {MR, NULL, STUDY, SERIES, 0, 20, 0}},
	    {"a path as instance", {MR, "../../../tmp/x", STUDY, SERIES, 0,
		20, 0}},
	    {"another class", {CT, SOP_1, STUDY, SERIES, 0, 20, 0}},
	    {"no class", {NULL, SOP_1, STUDY, SERIES, 0, 20, 0}},
	    {"another study", {MR, SOP_1, "1.2.4", SERIES, 0, 20, 0}},
	    {"no study", {MR, SOP_1, NULL, SERIES, 0, 20, 0}},
	    {"empty study", {MR, SOP_1, "", SERIES, 0, 20, 0}},
	    {"a path as study", {MR, SOP_1, "/etc/x", SERIES, 0, 20, 0}},
	    {"two studies", {MR, SOP_1, STUDY "\\" STUDY, SERIES, 0, 20, 0}},
	    {"another series", {MR, SOP_1, STUDY, "1.2.3.5", 0, 20, 0}},
	    {"no series", {MR, SOP_1, STUDY, NULL, 0, 20, 0}},
	    {"empty series", {MR, SOP_1, STUDY, "", 0, 20, 0}},
	    {"a path as series", {MR, SOP_1, STUDY, "../x", 0, 20, 0}},
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		(void)will_send(f, EXPLICIT, &rows[i].o);

		play(f);

		if (f->peer.statuses[0] != DIMSE_IDENTIFIER_MISMATCH)
			fail_msg("row '%s': %04x", rows[i].name,
			    f->peer.statuses[0]);
		assert_nothing_kept(f);
		assert_int_equal(atomic_load(&f->k.n_refused), i + 1);
	}
	assert_false(atomic_load(&f->k.full));
}

static void
test_intake_object_nobody_asked_for_is_drained_and_refused(void **state)
{
	struct fixture *f = *state;
	struct object other = good;
	other.instance_uid = "1.2.3.4.99";
	other.pixels_n = 300000;
	(void)will_send_as(f, EXPLICIT, &other, MR, "1.2.3.4.99");
	(void)will_send(f, EXPLICIT, &good);

	play(f);

	assert_int_equal(f->peer.n_answers, 2);
	assert_int_equal(f->peer.statuses[0], DIMSE_NOT_AUTHORISED);
	assert_int_equal(f->peer.statuses[1], DIMSE_SUCCESS);
	assert_kept(f, &f->sets[1]);
	assert_int_equal(atomic_load(&f->k.n_refused), 0); /* not its */
}

static void
test_intake_object_from_another_archive_is_refused(void **state)
{
	struct fixture *f = *state;
	(void)str_copy(f->taken_from, sizeof(f->taken_from), "OTHER");
	(void)will_send(f, EXPLICIT, &good);

	play(f);

	assert_int_equal(f->peer.statuses[0], DIMSE_NOT_AUTHORISED);
	assert_nothing_kept(f);
}

static void
test_intake_object_after_the_ticket_closed_is_refused(void **state)
{
	struct fixture *f = *state;
	ticket_close(&f->in.tickets, &f->k);
	(void)will_send(f, EXPLICIT, &good);

	play(f);

	assert_int_equal(f->peer.statuses[0], DIMSE_NOT_AUTHORISED);
	assert_nothing_kept(f);
}

static void
test_intake_full_quota_is_told_and_the_association_lives(void **state)
{
	struct fixture *f = *state;
	struct object large = good;
	large.instance_uid = SOP_2;
	large.pixels_n = 1000000;
	store_set_quota(f->st, 100000, 0);
	(void)will_send_as(f, EXPLICIT, &large, MR, SOP_2);
	(void)will_send(f, EXPLICIT, &good);

	play(f);

	assert_int_equal(f->peer.n_answers, 2);
	assert_int_equal(f->peer.statuses[0], DIMSE_OUT_OF_RESOURCES);
	assert_int_equal(f->peer.statuses[1], DIMSE_SUCCESS);
	assert_true(atomic_load(&f->k.full));
	assert_int_equal(atomic_load(&f->k.n_refused), 1);
	assert_kept(f, &f->sets[1]);
}

/* Small objects meet the disk only when they are looked at. */
static void
test_intake_disk_at_its_reserve_is_full_for_objects_of_any_size(void **state)
{
	static const size_t sizes[] = {20, 2000, 200000, 1000000};
	struct fixture *f = *state;
	store_set_quota(f->st, UINT64_MAX, UINT64_MAX);
	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct object o = good;
		o.pixels_n = sizes[i];
		atomic_store(&f->k.full, false);
		(void)will_send(f, EXPLICIT, &o);

		play(f);

		assert_int_equal(f->peer.statuses[0], DIMSE_OUT_OF_RESOURCES);
		assert_true(atomic_load(&f->k.full));
		assert_nothing_kept(f);
	}
}

static void
test_intake_command_without_a_class_does_not_look_like_no_room(void **state)
{
	struct fixture *f = *state;
	(void)will_send_as(f, EXPLICIT, &good, "", SOP_1);

	play(f);

	assert_int_not_equal(f->peer.statuses[0], DIMSE_SUCCESS);
	assert_int_not_equal(f->peer.statuses[0], DIMSE_OUT_OF_RESOURCES);
	assert_false(atomic_load(&f->k.full));
	assert_nothing_kept(f);
}

static void
test_intake_data_set_cut_anywhere_in_its_header_is_refused(void **state)
{
	struct fixture *f = *state;
	struct object o = good;
	o.pixels_n = 0;
	struct peer_message *m = will_send(f, EXPLICIT, &o);
	size_t header = m->n - 12; /* where the pixel data's element begins */
	f->peer.n = 0;
	for (size_t n = 1; n < header; n += 5) {
		m = will_send(f, EXPLICIT, &o);
		m->n = n;

		play(f);

		/* between two elements it may be whole, with UIDs or not */
		if (f->peer.statuses[0] == DIMSE_SUCCESS)
			assert_true(n > header - 30);
		else
			assert_nothing_kept(f);
	}
}

static void
test_intake_archive_that_hangs_up_leaves_nothing_behind(void **state)
{
	struct fixture *f = *state;
	struct object o = good;
	o.pixels_n = 600000;
	will_send(f, EXPLICIT, &o)->leave = true;

	play(f);

	assert_int_equal(f->rc, -1);
	assert_int_equal(f->e.code, ERR_NET);
	assert_nothing_kept(f);
}

static void
test_intake_damaged_deflate_is_refused(void **state)
{
	struct fixture *f = *state;
	struct peer_message *m = will_send(f, DEFLATED, &good);
	deflate_set(f, m);
	m->n /= 2;
	(void)will_send(f, DEFLATED, &good); /* not deflated at all */

	play(f);

	assert_int_equal(f->peer.n_answers, 2);
	for (unsigned i = 0; i < 2; i++)
		assert_int_not_equal(f->peer.statuses[i], DIMSE_SUCCESS);
	assert_nothing_kept(f);
}

static void
test_intake_repeated_object_counts_once(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 3; i++)
		(void)will_send(f, EXPLICIT, &good);

	play(f);

	assert_int_equal(f->peer.n_answers, 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(f->peer.statuses[i], DIMSE_SUCCESS);
	assert_kept(f, &f->sets[0]);
	assert_int_equal(store_held(f->st), f->sets[0].len);
}

static void
test_intake_other_content_under_the_same_uids_withdraws_both(void **state)
{
	struct fixture *f = *state;
	struct object o = good;
	o.pixel = 'q';
	(void)will_send(f, EXPLICIT, &good);
	(void)will_send(f, EXPLICIT, &o);

	play(f);

	assert_int_equal(f->peer.statuses[0], DIMSE_SUCCESS);
	assert_int_equal(f->peer.statuses[1], DIMSE_UNABLE);
	assert_int_equal(files(f), 0);
	assert_int_equal(rows_of(f).n, 0);
	assert_false(f->lines[0].here); /* fetched again */
	assert_int_equal(atomic_load(&f->k.n_here), 0);
	assert_int_equal(atomic_load(&f->k.n_conflicts), 1);
	assert_int_equal(atomic_load(&f->k.n_refused), 1);
}

static void
test_intake_what_was_here_before_and_is_not_asked_for_stays(void **state)
{
	struct fixture *f = *state;
	struct object o = good;
	o.pixel = 'q';
	(void)will_send(f, EXPLICIT, &good);
	play(f);
	assert_true(f->lines[0].here);
	f->lines[0].taken = 0; /* another turn */
	(void)will_send(f, EXPLICIT, &o);

	play(f);

	assert_int_equal(f->peer.statuses[f->peer.n_answers - 1],
	    DIMSE_NOT_AUTHORISED);
	assert_true(f->lines[0].here);
	assert_int_equal(files(f), 1);
	assert_int_equal(rows_of(f).n, 1);
	assert_int_equal(atomic_load(&f->k.n_conflicts), 0);
}

static void
test_intake_header_of_any_length_before_the_uids_is_read(void **state)
{
	/* around 32 KiB, 256 KiB, 2 MiB: as much as is looked at at once */
	static const size_t sizes[] = {30000, 32300, 32400, 32500, 32600,
	    32700, 33000, 262000, 262200, 400000, 2096900, 2097300, 3000000};
	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct fixture *f = *state;
		struct object o = good;
		o.private_n = sizes[i];
		(void)will_send(f, i % 2 == 0 ? EXPLICIT : BIG, &o);

		play(f);

		assert_int_equal(f->peer.statuses[0], DIMSE_SUCCESS);
		assert_kept(f, &f->sets[0]);
		assert_int_equal(teardown(state), 0); /* one folder each */
		assert_int_equal(setup(state), 0);
	}
}

static void
test_intake_rows_are_ordered_by_the_numbers_of_the_data_set(void **state)
{
	struct fixture *f = *state;
	(void)will_send(f, EXPLICIT, &good);

	play(f);

	struct rows r = rows_of(f);
	assert_false(r.last.ready); /* the list decides that, later */
	assert_int_equal(r.last.study_instances, 1);
	assert_int_equal(r.last.study_bytes, f->sets[0].len);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_intake_good_object_is_kept_as_it_came_in_every_syntax),
	    TEST(
		test_intake_object_whose_uids_lie_is_refused_and_nothing_kept),
	    TEST(test_intake_object_nobody_asked_for_is_drained_and_refused),
	    TEST(test_intake_object_from_another_archive_is_refused),
	    TEST(test_intake_object_after_the_ticket_closed_is_refused),
	    TEST(test_intake_full_quota_is_told_and_the_association_lives),
	    TEST(
		test_intake_disk_at_its_reserve_is_full_for_objects_of_any_size
		),
	    TEST(
		test_intake_command_without_a_class_does_not_look_like_no_room
		),
	    TEST(test_intake_data_set_cut_anywhere_in_its_header_is_refused),
	    TEST(test_intake_archive_that_hangs_up_leaves_nothing_behind),
	    TEST(test_intake_damaged_deflate_is_refused),
	    TEST(test_intake_repeated_object_counts_once),
	    TEST(test_intake_other_content_under_the_same_uids_withdraws_both),
	    TEST(test_intake_what_was_here_before_and_is_not_asked_for_stays),
	    TEST(test_intake_header_of_any_length_before_the_uids_is_read),
	    TEST(test_intake_rows_are_ordered_by_the_numbers_of_the_data_set),
	};
	return cmocka_run_group_tests(tests, start_all, NULL);
}
