/* SPDX-License-Identifier: MIT */
/* Tests of dicom/assoc: a message that leaves in pieces is the same message.
 */
#include "assoc_fixture.h"

#include <stdlib.h>

#define ROUNDS 1000
#define BIG 3000000

static uint8_t bytes[BIG];

static struct dimse
store_rq(void)
{
	struct dimse d = {.command = DIMSE_C_STORE_RQ, .message_id = 7,
	    .has_data = true};
	(void)str_copy(d.class_uid, UID_SIZE, MR_CLASS);
	(void)str_copy(d.instance_uid, UID_SIZE, "1.2.3");
	return d;
}

static void
fill_bytes(void)
{
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 2654435761u >> 24);
}

/* What the peer heard, taken apart. */
struct heard {
	struct buf command, set; /* owned */
	unsigned n_pdvs; /* of the data set */
	bool whole; /* both ended, and nothing came after */
	bool odd; /* a fragment but the last had an odd length */
	size_t longest; /* PDU */
};

static void
take_apart(const struct buf *b, struct heard *h)
{
	size_t at = 0;
	bool ended[2] = {false, false};
	buf_init(&h->command, RAW_MAX);
	buf_init(&h->set, RAW_MAX);
	h->n_pdvs = 0;
	h->odd = false;
	h->longest = 0;
	while (at + PDU_HEAD <= b->len) {
		struct err e;
		struct pdv v;
		enum pdu_type type;
		uint32_t n = 0;
		assert_int_equal(pdu_parse_head(b->p + at, &type, &n, &e), 0);
		if (type != PDU_DATA || at + PDU_HEAD + n > b->len)
			break;
		struct cur c = cur_of(b->p + at + PDU_HEAD, n);
		while (pdu_next_pdv(&c, &v, &e) == 1) {
			assert_int_equal(v.context, 3);
			assert_false(ended[v.is_command]);
			assert_true(v.is_command || ended[1]);
			if (v.n > 0)
				buf_add(v.is_command ? &h->command : &h->set,
				    v.p, v.n);
			ended[v.is_command] = v.is_last;
			h->n_pdvs += !v.is_command;
			h->odd |= v.n % 2 != 0 && !v.is_last;
		}
		h->longest = n > h->longest ? n : h->longest;
		at += PDU_HEAD + n;
	}
	h->whole = ended[0] && ended[1] && at == b->len;
}

static void
heard_done(struct heard *h)
{
	buf_done(&h->command);
	buf_done(&h->set);
}

static void
assert_heard(struct fix *f, size_t n)
{
	struct heard h;
	(void)raw_read(f->peer, &f->heard); /* the end or not */
	take_apart(&f->heard, &h);
	assert_true(h.whole);
	assert_false(h.odd);
	assert_true(h.longest <= 16384);
	assert_int_equal(h.set.len, n);
	if (n > 0)
		assert_memory_equal(h.set.p, bytes, n);
	heard_done(&h);
}

static void
test_assoc_pieces_of_any_size_give_the_same_data_set(void **state)
{
	struct fix *f = *state;
	struct dimse d = store_rq();
	unsigned seed = 20261125;
	fill_bytes();
	for (unsigned round = 0; round < ROUNDS; round++) {
		srand(seed + round);
		again(f);
		size_t n = (size_t)rand() % 60000;
		size_t most = 1 + (size_t)rand() % (round % 2 == 0 ? 100 :
		    40000);
		bool apart = rand() % 2 == 0; /* an empty last piece */
		size_t at = 0;
		assert_int_equal(assoc_send_begin(f->a, 3, &d, &f->e), 0);
		do {
			size_t k = (size_t)rand() % (most + 1);
			k = k < n - at ? k : n - at;
			if (at + k == n && !apart)
				break;
			assert_int_equal(assoc_send_piece(f->a, bytes + at, k,
			    false, &f->e), 0);
			at += k;
			/* the peer reads as it comes */
			(void)raw_read(f->peer, &f->heard);
		} while (at < n);
		assert_int_equal(assoc_send_piece(f->a, bytes + at, n - at,
		    true, &f->e), 0);

		assert_heard(f, n);
	}
}

static void
test_assoc_whole_and_pieces_are_cut_alike(void **state)
{
	static const size_t sizes[] = {0, 1, 2, 16377, 16378, 16379, 32756,
	    100000};
	struct fix *f = *state;
	struct dimse d = store_rq();
	struct buf whole;
	buf_init(&whole, RAW_MAX);
	fill_bytes();
	for (size_t i = 0; i < COUNT(sizes); i++) {
		again(f);
		assert_int_equal(assoc_send(f->a, 3, &d, bytes, sizes[i],
		    &f->e), 0);
		buf_clear(&whole);
		(void)raw_read(f->peer, &whole);

		again(f);
		assert_int_equal(assoc_send_begin(f->a, 3, &d, &f->e), 0);
		assert_int_equal(assoc_send_piece(f->a, bytes, sizes[i],
		    true, &f->e), 0);
		assert_heard(f, sizes[i]);
		assert_int_equal(f->heard.len, whole.len);
		assert_memory_equal(f->heard.p, whole.p, whole.len);
	}
	buf_done(&whole);
}

static void
test_assoc_last_piece_may_be_empty(void **state)
{
	struct fix *f = *state;
	struct dimse d = store_rq();
	struct heard h;
	fill_bytes();
	assert_int_equal(assoc_send_begin(f->a, 3, &d, &f->e), 0);
	assert_int_equal(assoc_send_piece(f->a, bytes, 100, false, &f->e), 0);
	(void)raw_read(f->peer, &f->heard);
	take_apart(&f->heard, &h);
	assert_false(h.whole);
	heard_done(&h);

	assert_int_equal(assoc_send_piece(f->a, NULL, 0, true, &f->e), 0);

	(void)raw_read(f->peer, &f->heard);
	take_apart(&f->heard, &h);
	assert_true(h.whole);
	assert_int_equal(h.n_pdvs, 2);
	assert_int_equal(h.set.len, 100);
	heard_done(&h);
}

static void
test_assoc_odd_pieces_leave_even_fragments(void **state)
{
	static const struct {
		const char *name;
		size_t piece[5]; /* the last of them ends it */
		unsigned n;
		unsigned n_pdvs;
	} rows[] = {
	    {"one byte alone", {1}, 1, 1},
	    {"one byte, then the end", {1, 0}, 2, 1},
	    {"byte by byte", {1, 1, 1, 1, 1}, 5, 3},
	    {"odd, then odd", {3, 3}, 2, 3},
	    {"odd, nothing, even", {5, 0, 4}, 3, 3},
	    {"odd at the end", {4, 3}, 2, 2},
	};
	struct fix *f = *state;
	struct dimse d = store_rq();
	fill_bytes();
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct heard h;
		size_t at = 0;
		print_message("%s\n", rows[i].name);
		again(f);
		assert_int_equal(assoc_send_begin(f->a, 3, &d, &f->e), 0);

		for (unsigned k = 0; k < rows[i].n; k++) {
			assert_int_equal(assoc_send_piece(f->a, bytes + at,
			    rows[i].piece[k], k + 1 == rows[i].n, &f->e), 0);
			at += rows[i].piece[k];
		}

		(void)raw_read(f->peer, &f->heard);
		take_apart(&f->heard, &h);
		assert_true(h.whole);
		assert_false(h.odd);
		assert_int_equal(h.n_pdvs, rows[i].n_pdvs);
		assert_int_equal(h.set.len, at);
		assert_memory_equal(h.set.p, bytes, at);
		heard_done(&h);
	}
}

static void *
listen_to_the_end(void *arg)
{
	struct fix *f = arg;
	raw_read_end(f->peer, &f->heard);
	return NULL;
}

static void
test_assoc_large_pieces_come_through_a_full_socket(void **state)
{
	struct fix *f = *state;
	struct dimse d = store_rq();
	struct heard h;
	pthread_t t;
	fill_bytes();
	assert_int_equal(pthread_create(&t, NULL, listen_to_the_end, f), 0);

	assert_int_equal(assoc_send_begin(f->a, 3, &d, &f->e), 0);
	for (size_t at = 0; at < BIG; at += 300000)
		assert_int_equal(assoc_send_piece(f->a, bytes + at, 300000,
		    at + 300000 == BIG, &f->e), 0);

	assoc_drop(&f->a);
	assert_int_equal(pthread_join(t, NULL), 0);
	take_apart(&f->heard, &h);
	assert_true(h.whole);
	assert_int_equal(h.set.len, BIG);
	assert_memory_equal(h.set.p, bytes, BIG);
	heard_done(&h);
}

static void
test_assoc_broken_off_message_never_gets_its_last_fragment(void **state)
{
	struct fix *f = *state;
	struct dimse d = store_rq();
	struct heard h;
	hang_up(f); /* or the abort waits for an answer */
	assert_int_equal(assoc_send_begin(f->a, 3, &d, &f->e), 0);
	assert_int_equal(assoc_send_piece(f->a, bytes, 20000, false, &f->e),
	    0);

	assoc_break(f->a);

	assert_false(assoc_is_open(f->a));
	assert_string_equal(hear(f), "data data data abort 0/0");
	take_apart(&f->heard, &h);
	assert_false(h.whole);
	heard_done(&h);
	assert_int_equal(assoc_send_piece(f->a, bytes, 1, true, &f->e), -1);
	assert_int_equal(f->e.code, ERR_NET);
	assert_int_equal(assoc_send_begin(f->a, 3, &d, &f->e), -1);
}

static void
test_assoc_begun_and_no_piece_says_nothing_but_the_abort(void **state)
{
	struct fix *f = *state;
	struct dimse d = store_rq();
	hang_up(f);
	assert_int_equal(assoc_send_begin(f->a, 3, &d, &f->e), 0);

	assoc_break(f->a);

	assert_string_equal(hear(f), "abort 0/0");
}

static void
test_assoc_peer_gone_between_pieces_is_an_error(void **state)
{
	struct fix *f = *state;
	struct dimse d = store_rq();
	assert_int_equal(assoc_send_begin(f->a, 3, &d, &f->e), 0);
	assert_int_equal(assoc_send_piece(f->a, bytes, 1000, false, &f->e), 0);
	sock_close(&f->peer);

	int rc = assoc_send_piece(f->a, bytes, 1000, false, &f->e);

	assert_int_equal(rc, -1);
	assert_int_equal(f->e.code, ERR_NET);
	assert_false(assoc_is_open(f->a));
}

static void
test_assoc_message_after_pieces_is_one_of_its_own(void **state)
{
	struct fix *f = *state;
	struct dimse d = store_rq();
	assert_int_equal(assoc_send_begin(f->a, 3, &d, &f->e), 0);
	assert_int_equal(assoc_send_piece(f->a, bytes, 9, true, &f->e), 0);
	assert_int_equal(assoc_send(f->a, 3, &d, NULL, 0, &f->e), 0);

	assert_string_equal(hear(f), "data data data");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_assoc_pieces_of_any_size_give_the_same_data_set),
	    TEST(test_assoc_whole_and_pieces_are_cut_alike),
	    TEST(test_assoc_last_piece_may_be_empty),
	    TEST(test_assoc_odd_pieces_leave_even_fragments),
	    TEST(test_assoc_large_pieces_come_through_a_full_socket),
	    TEST(test_assoc_broken_off_message_never_gets_its_last_fragment),
	    TEST(test_assoc_begun_and_no_piece_says_nothing_but_the_abort),
	    TEST(test_assoc_peer_gone_between_pieces_is_an_error),
	    TEST(test_assoc_message_after_pieces_is_one_of_its_own),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
