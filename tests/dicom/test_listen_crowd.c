/* SPDX-License-Identifier: MIT */
/* Tests of dicom/listen: callers of this machine and callers from elsewhere,
 * which are told apart by their address. */
#include "listen_fixture.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <unistd.h>

/* An IPv4 address of this machine that is not a loopback one: who calls from
 * there is a caller from elsewhere. False when there is none. */
static bool
find_elsewhere(struct in_addr *ret)
{
	struct ifaddrs *list = NULL;
	bool found = false;
	if (getifaddrs(&list) != 0)
		return false;
	for (struct ifaddrs *i = list; i != NULL && !found; i = i->ifa_next) {
		const struct sockaddr_in *in = (const void *)i->ifa_addr;
		if (in == NULL || in->sin_family != AF_INET ||
		    (i->ifa_flags & IFF_UP) == 0 ||
		    (i->ifa_flags & IFF_LOOPBACK) != 0)
			continue;
		*ret = in->sin_addr;
		found = true;
	}
	freeifaddrs(list);
	return found;
}

/* Listen everywhere, or skip the test. */
static void
open_house(struct fix *f, struct in_addr *ret)
{
	if (!find_elsewhere(ret))
		skip();
	listen_on(f, "0.0.0.0", IDLE_MS);
}

static int
call_from(struct fix *f, struct in_addr where)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
	    .sin_port = htons(listen_port(f->s)), .sin_addr = where};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	loop_poll(f->l);
	return fd;
}

static void
associate_from(struct fix *f, struct in_addr where)
{
	unsigned open = open_now();
	sock_close(&f->fd);
	f->fd = call_from(f, where);
	raw_associate(&f->say, PDU_ASSOCIATE_RQ, 16384);
	say(f);
	poll_open(f, open + 1);
	buf_clear(&f->heard);
}

static bool
is_closed(int fd)
{
	struct buf heard;
	buf_init(&heard, RAW_MAX);
	bool closed = raw_read(fd, &heard);
	buf_done(&heard);
	return closed;
}

/* Security case L01: a flood of silent connections from the network does not
 * push out those of this machine that are about to ask. */
static void
test_listen_crowd_from_elsewhere_pushes_out_only_itself(void **state)
{
	enum { HERE = LISTEN_HANDSHAKES_LOCAL - 2, CROWD = 200 };
	struct fix *f = *state;
	struct in_addr lan, here = {.s_addr = htonl(INADDR_LOOPBACK)};
	int own[HERE], crowd[CROWD];
	open_house(f, &lan);
	for (int i = 0; i < HERE; i++)
		own[i] = call_from(f, here);

	for (int i = 0; i < CROWD; i++)
		crowd[i] = call_from(f, lan);
	for (int i = 0; i < 20; i++)
		loop_poll(f->l);

	for (int i = 0; i < HERE; i++)
		assert_false(is_closed(own[i]));
	assert_true(is_closed(crowd[0]));
	assert_false(is_closed(crowd[CROWD - 1]));
	associate(f);
	associate_from(f, lan);
	for (int i = 0; i < HERE; i++)
		sock_close(&own[i]);
	for (int i = 0; i < CROWD; i++)
		sock_close(&crowd[i]);
}

/* The other way round: this machine takes precedence. */
static void
test_listen_crowd_of_this_machine_has_all_places(void **state)
{
	enum { CROWD = LISTEN_HANDSHAKES_MAX };
	struct fix *f = *state;
	struct in_addr lan, here = {.s_addr = htonl(INADDR_LOOPBACK)};
	int crowd[CROWD];
	open_house(f, &lan);
	int other = call_from(f, lan);
	for (int i = 0; i < CROWD; i++)
		crowd[i] = call_from(f, here);
	for (int i = 0; i < 20; i++)
		loop_poll(f->l);
	assert_true(is_closed(other));
	sock_close(&other);

	other = call_from(f, lan); /* there is no place for it */
	loop_poll(f->l);

	assert_true(is_closed(other));
	for (int i = 0; i < CROWD; i++) {
		assert_false(is_closed(crowd[i]));
		sock_close(&crowd[i]);
	}
	sock_close(&other);
}

static void
test_listen_idle_elsewhere_has_its_own_time(void **state)
{
	struct fix *f = *state;
	struct limit_values l = *limits();
	struct in_addr lan;
	l.idle_elsewhere = 0;
	limits_set(&l);
	open_house(f, &lan);
	associate(f);
	int here = f->fd;
	f->fd = call_from(f, lan);
	raw_associate(&f->say, PDU_ASSOCIATE_RQ, 16384);
	say(f);

	(void)hear(f, 10);
	(void)hear(f, f->heard.len + 10);

	assert_string_equal(f->words, "ac abort 0/0");
	assert_int_equal(open_now(), 1);
	assert_false(is_closed(here));
	sock_close(&here);
}

static void
test_listen_idle_of_this_machine_has_its_own_time(void **state)
{
	struct fix *f = *state;
	struct limit_values l = *limits();
	l.idle_local = 0;
	limits_set(&l);
	call(f);
	raw_associate(&f->say, PDU_ASSOCIATE_RQ, 16384);
	say(f);

	(void)hear(f, 10);
	(void)hear(f, f->heard.len + 10);

	assert_string_equal(f->words, "ac abort 0/0");
}

/* It needs not wait for ARTIM. */
static void
test_listen_caller_without_a_first_byte_is_closed_soon(void **state)
{
	struct fix *f = *state;
	struct limit_values l = *limits();
	l.first_byte = 0;
	limits_set(&l);
	listen_hurry(f->s, IDLE_MS, 0);
	call(f);

	assert_string_equal(hear_end(f), "");
}

/* What is half said has the rest of ARTIM, and no more than that. */
static void
test_listen_caller_that_began_has_the_rest_of_artim(void **state)
{
	struct fix *f = *state;
	listen_hurry(f->s, 5000, 0);
	raw_clock_start(0);
	call(f);
	raw_associate(&f->say, PDU_ASSOCIATE_RQ, 16384);
	f->say.len = 100;
	for (int i = 0; i < 20; i++)
		loop_poll(f->l); /* it is accepted */
	raw_clock_jump(5000);

	say(f);

	(void)hear(f, SIZE_MAX); /* a reset is an end as well */
	assert_int_equal(f->heard.len, 0);
	assert_int_equal(f->decided, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_listen_crowd_from_elsewhere_pushes_out_only_itself),
	    TEST(test_listen_crowd_of_this_machine_has_all_places),
	    TEST(test_listen_idle_elsewhere_has_its_own_time),
	    TEST(test_listen_idle_of_this_machine_has_its_own_time),
	    TEST(test_listen_caller_without_a_first_byte_is_closed_soon),
	    TEST(test_listen_caller_that_began_has_the_rest_of_artim),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
