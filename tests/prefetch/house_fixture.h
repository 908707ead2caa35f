/* SPDX-License-Identifier: MIT */
/* A prefetch with all it needs, two small archives, and a viewer on a thread
 * of its own, whose findings the test asserts once it has ended. */
#ifndef TESTS_PREFETCH_HOUSE_FIXTURE_H
#define TESTS_PREFETCH_HOUSE_FIXTURE_H

#include "model/board.h"
#include "run/loop.h"
#include "small_archive.h"
#include "text/zone.h"

#define GIVEN_MAX 32

struct house {
	char dir[64];
	struct loop *loop;
	struct board *board;
	struct store *st;
	struct index *ix;
	struct zone *zone;
	struct small_archive archives[2];
	struct prefetch_config c;
	struct prefetch *p;
	/* of the ports */
	unsigned arrived, asked_room;
	int64_t before_utc;
	bool no_room;
	enum archive_state wants_state; /* of all archives: the loop ends */
	bool wants_idle; /* the loop ends when nothing is under way */
	/* of the viewer's thread, until it has been joined */
	void (*view)(struct house *h);
	atomic_bool viewed;
	char given[GIVEN_MAX][UID_SIZE];
	unsigned n_given, n_listed;
	int end;
	struct err e;
	int64_t took_ns;
};

static inline bool
house_make_room(void *ctx, uint64_t bytes, int64_t before_utc, char *why,
    size_t size)
{ /* prefetch_ports.make_room */
	struct house *h = ctx;
	h->asked_room++;
	h->before_utc = before_utc;
	if (h->no_room)
		(void)snprintf(why, size, "the cache is full");
	else if (bytes > 0 && h->asked_room > 1)
		store_set_quota(h->st, UINT64_C(1) << 30, 0);
	return !h->no_room;
}

static inline bool
house_may_fetch(void *ctx, const char *study_uid)
{ /* prefetch_ports.may_fetch */
	(void)ctx; /* nothing is ever evicted here */
	(void)study_uid;
	return true;
}

static inline void
house_arrived(void *ctx, const char *study_uid) /* prefetch_ports.arrived */
{
	(void)study_uid; /* there is one */
	((struct house *)ctx)->arrived++;
}

static inline bool
house_is(const struct house *h, enum archive_state state)
{
	bool all = h->p != NULL;
	for (unsigned i = 0; i < h->c.n_archives && all; i++)
		all = prefetch_health(h->p, i)->state == state;
	return all;
}

static inline void
house_changed(void *ctx) /* prefetch_ports.changed */
{
	struct house *h = ctx;
	if (h->wants_state != ARCHIVE_UNKNOWN && house_is(h, h->wants_state))
		loop_stop(h->loop);
	if (h->wants_idle && prefetch_active(h->p) == 0)
		loop_stop(h->loop);
}

static inline void
house_learn(void *ctx, const char *class_uid, const char *syntax)
{ /* prefetch_ports.learn */
	(void)ctx; /* nobody to tell */
	(void)class_uid;
	(void)syntax;
}

static inline void
house_open(struct house *h, unsigned n_archives)
{
	static const char *const names[] = {"a", "b"};
	struct prefetch_ports ports = {.ctx = h,
	    .make_room = house_make_room, .may_fetch = house_may_fetch,
	    .arrived = house_arrived, .changed = house_changed,
	    .learn = house_learn};
	h->c = (struct prefetch_config){.ae_title = "UNDERSTUDY",
	    .theatre = "TH6", .zone = h->zone, .read_through = true,
	    .plan = {.horizon_s = 3600}, .n_archives = n_archives};
	for (unsigned i = 0; i < n_archives; i++)
		h->c.archives[i] = (struct prefetch_archive){
		    .name = names[i], .ae_title = "PACS",
		    .host = "127.0.0.1", .associations = 2,
		    .port = sock_port(h->archives[i].listen_fd)};
	h->p = prefetch_start(h->loop, &h->c, &ports, h->board, h->ix, h->st,
	    &h->e);
	assert_non_null(h->p);
}

static inline int
house_setup(void **state)
{
	struct house *h = mem_new(struct house);
	(void)str_copy(h->dir, sizeof(h->dir), "/tmp/house-XXXXXX");
	assert_non_null(mkdtemp(h->dir));
	h->loop = loop_new(&h->e);
	h->board = board_new();
	h->st = store_open(h->dir, &h->e);
	h->ix = index_open(h->dir, NULL, &h->e);
	h->zone = zone_new("UTC", &h->e);
	assert_true(h->loop != NULL && h->st != NULL && h->ix != NULL &&
	    h->zone != NULL);
	for (unsigned i = 0; i < 2; i++) {
		h->archives[i].patient_id = "P1";
		archive_start(&h->archives[i], 0);
	}
	*state = h;
	return 0;
}

static inline int
house_teardown(void **state)
{
	struct house *h = *state;
	prefetch_stop(&h->p);
	for (unsigned i = 0; i < 2; i++)
		archive_end(&h->archives[i]);
	index_close(&h->ix);
	store_close(&h->st);
	loop_free(&h->loop);
	board_free(&h->board);
	zone_free(&h->zone);
	(void)walk(h->dir, "", true); /* counts nothing of interest */
	mem_free(h);
	return 0;
}

/* Run until all archives are found up, or down. */
static inline void
house_until(struct house *h, enum archive_state state)
{
	h->wants_state = state;
	prefetch_look(h->p);
	while (!house_is(h, state))
		loop_run(h->loop);
	h->wants_state = ARCHIVE_UNKNOWN;
	loop_poll(h->loop);
}

static inline void *
house_viewer(void *ctx)
{
	struct house *h = ctx;
	int64_t from = clock_uptime_ns();
	h->view(h);
	h->took_ns = clock_uptime_ns() - from;
	atomic_store(&h->viewed, true);
	loop_stop(h->loop);
	return NULL;
}

/* ${view} on a thread, while the loop runs here. */
static inline void
house_view(struct house *h, void (*view)(struct house *h))
{
	pthread_t thread;
	h->view = view;
	h->n_given = 0;
	h->end = 0;
	h->e = (struct err){.code = ERR_NONE};
	atomic_store(&h->viewed, false);
	assert_int_equal(pthread_create(&thread, NULL, house_viewer, h), 0);
	while (!atomic_load(&h->viewed))
		loop_run(h->loop);
	assert_int_equal(pthread_join(thread, NULL), 0);
	loop_poll(h->loop);
}

/* The next objects of ${f}, at most ${n}: the end is in h->end. */
static inline void
house_take(struct house *h, struct follow *f, unsigned n)
{
	int rc = 1;
	for (unsigned i = 0; i < n && rc == 1; i++) {
		struct store_item it;
		do
			rc = prefetch_follow_next(f, 20000, &it, &h->e);
		while (rc == 0);
		if (rc == 1 && h->n_given < GIVEN_MAX)
			(void)str_copy(h->given[h->n_given++], UID_SIZE,
			    it.instance_uid); /* same size */
	}
	h->end = rc;
	h->n_listed = prefetch_follow_listed(f);
}

/* Each instance of the archive's study was given ${times}. */
static inline void
assert_given(const struct house *h, unsigned times)
{
	for (unsigned i = 0; i < ARCHIVE_OBJECTS; i++) {
		char uid[UID_SIZE];
		unsigned n = 0;
		for (unsigned k = 0; k < h->n_given; k++)
			n += str_eq(h->given[k], archive_uid(i, uid));
		assert_int_equal(n, times);
	}
	assert_int_equal(h->n_given, ARCHIVE_OBJECTS * times);
}

#define HOUSE(fn) \
	cmocka_unit_test_setup_teardown(fn, house_setup, house_teardown)

#endif
