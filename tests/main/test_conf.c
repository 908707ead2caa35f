/* SPDX-License-Identifier: MIT */
/* The configuration file: what it may say, and how its faults are told. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "main/conf_priv.h"

#define TEXT_SIZE 65536

#define LEAST "[agent]\ntheatre = TH6\n"
#define PEERS \
	"[archive \"pacs\"]\nae_title = PACS\nhost = 127.0.0.1\n" \
	"[schedule \"list\"]\npath = /tmp/list.csv\n"

struct fixture {
	char dir[64], path[96];
	char told[TEXT_SIZE]; /* "4: key: want ..." of the last reading */
	struct conf *c;
};

static int
setup(void **state)
{
	struct fixture *f = mem_new(struct fixture);
	(void)str_copy(f->dir, sizeof(f->dir), "/tmp/test_conf.XXXXXX");
	if (mkdtemp(f->dir) == NULL)
		return -1;
	(void)snprintf(f->path, sizeof(f->path), "%s/c", f->dir);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	conf_free(&f->c);
	(void)unlink(f->path);
	int rc = rmdir(f->dir);
	mem_free(f);
	return rc;
}

/* Everything in a stream from its beginning. */
static void
slurp(FILE *in, char *dst)
{
	rewind(in);
	size_t n = fread(dst, 1, TEXT_SIZE - 1, in);
	dst[n] = '\0';
}

/* Cut "<path>:" from the beginning of each line. */
static void
cut_path(char *s, const char *path)
{
	size_t n = strlen(path);
	char *at = s;
	while ((at = strstr(at, path)) != NULL)
		memmove(at, at + n + 1, strlen(at + n + 1) + 1);
}

static void
read_path(struct fixture *f, const char *path)
{
	FILE *out = tmpfile();
	assert_non_null(out);
	conf_free(&f->c);
	f->c = conf_read(path, out);
	slurp(out, f->told);
	assert_int_equal(fclose(out), 0);
	cut_path(f->told, path);
}

static void
read_bytes(struct fixture *f, const char *text, size_t n)
{
	FILE *out = fopen(f->path, "we");
	assert_non_null(out);
	assert_int_equal(fwrite(text, 1, n, out), n);
	assert_int_equal(fclose(out), 0);
	read_path(f, f->path);
}

static void
read_text(struct fixture *f, const char *text)
{
	read_bytes(f, text, strlen(text));
}

static void
test_conf_least_file_has_the_documented_defaults(void **state)
{
	struct fixture *f = *state;

	read_text(f, LEAST PEERS);

	assert_string_equal(f->told, "");
	const struct conf *c = f->c;
	assert_non_null(c);
	assert_string_equal(c->theatre, "TH6");
	assert_string_equal(c->state_dir, "/var/db/understudy");
	assert_string_equal(c->cache_path, "/var/db/understudy/cache");
	assert_true(c->cache_size == UINT64_C(200) << 30);
	assert_true(c->cache_reserve == UINT64_C(20) << 30);
	assert_int_equal(c->retention_s, 30 * 86400);
	assert_string_equal(c->ae_title, "UNDERSTUDY");
	assert_string_equal(c->node.host, "127.0.0.1");
	assert_int_equal(c->node.port, 11113);
	assert_int_equal(c->max_associations, 32);
	assert_int_equal(c->window.from_min, 19 * 60);
	assert_int_equal(c->window.to_min, 6 * 60 + 30);
	assert_int_equal(c->urgent_s, 12 * 3600);
	assert_int_equal(c->horizon_s, 48 * 3600);
	assert_int_equal(c->web.port, 8113);
	assert_false(c->partial || c->strict_identity);
}

static void
test_conf_without_relevance_has_the_two_default_rules(void **state)
{
	struct fixture *f = *state;

	read_text(f, LEAST PEERS);

	assert_int_equal(f->c->n_relevance, 2);
	const struct relevance_rule *r = &f->c->relevance[0].rule;
	assert_string_equal(r->name, "cardiac-mr");
	assert_string_equal(r->modality, "MR");
	assert_int_equal(r->newest, 3);
	assert_int_equal(r->within_months, 24);
	assert_int_equal(pattern_find(r->match, "CARDIAC MR", NULL, 0), 1);
	assert_int_equal(pattern_find(r->match, "KNEE", NULL, 0), 0);
	assert_non_null(r->exclude);
	assert_null(r->procedure);
	r = &f->c->relevance[1].rule;
	assert_string_equal(r->name, "congenital");
	assert_int_equal(r->newest, 6);
	assert_int_equal(r->within_months, 0);
	assert_int_equal(pattern_find(r->match, "CARDIAC MR", NULL, 0), 1);
	assert_int_equal(pattern_find(r->procedure, "Fontan", NULL, 0), 1);
	assert_int_equal(pattern_find(r->procedure, "CABG", NULL, 0), 0);
}

static void
test_conf_every_kind_of_value_is_read(void **state)
{
	struct fixture *f = *state;

	read_text(f, "\xEF\xBB\xBF# ours\n"
	    "[agent]   # the room\n"
	    "  theatre = Salle 6 \xC3\xA9, TH6   # both\n"
	    "state_dir = /tmp/u/\n"
	    "time_zone: Europe/London\n"
	    "[cache]\nsize=1 TB ; decimal\nreserve = 5GiB\n"
	    "path = /c#1;x\nretention = 12 h\n"
	    "[node]\nlisten = [::1]:104\npartial = yes\n"
	    "[viewer \"a b\"]\nae_title = MY VIEWER\nhost = [fe80::1]\n"
	    "[archive \"one\"]\nae_title=A\nhost=a.example.org\nrank=2\n"
	    "retrieve = c-move\n"
	    "[archive \"two\"]\nae_title=B\nhost=b\nport=4242\n"
	    "[schedule \"l\"]\ntype = file\npath = l.csv\n"
	    "[relevance \"r\"]\nmatch = \\b(heart|coeur)\\b   # words\n"
	    "procedure = valve\nwithin = 2 years\nnewest = 5\n"
	    "[prefetch]\nwindow = always\nurgent = 90 min\n");

	assert_string_equal(f->told, "");
	const struct conf *c = f->c;
	assert_string_equal(c->theatre, "Salle 6 \xC3\xA9, TH6");
	assert_string_equal(c->state_dir, "/tmp/u");
	assert_string_equal(zone_name(c->zone), "Europe/London");
	assert_true(c->cache_size == UINT64_C(1000000000000));
	assert_true(c->cache_reserve == UINT64_C(5) << 30);
	assert_string_equal(c->cache_path, "/c#1;x");
	assert_int_equal(c->retention_s, 12 * 3600);
	assert_string_equal(c->node.host, "::1");
	assert_int_equal(c->node.port, 104);
	assert_true(c->partial);
	assert_string_equal(c->viewers[0].name, "a b");
	assert_string_equal(c->viewers[0].ae_title, "MY VIEWER");
	assert_string_equal(c->viewers[0].host, "fe80::1");
	assert_string_equal(c->schedules[0].path, "l.csv");
	const struct relevance_rule *r = &c->relevance[0].rule;
	assert_int_equal(pattern_find(r->match, "le coeur", NULL, 0), 1);
	assert_int_equal(pattern_find(r->match, "words", NULL, 0), 0);
	assert_int_equal(pattern_find(r->procedure, "valve", NULL, 0), 1);
	assert_int_equal(r->within_months, 24);
	assert_int_equal(r->newest, 5);
	assert_int_equal(c->urgent_s, 5400);
}

static void
test_conf_archives_are_by_rank(void **state)
{
	struct fixture *f = *state;

	read_text(f, LEAST
	    "[archive \"c\"]\nae_title=C\nhost=c\nrank=3\n"
	    "[archive \"a\"]\nae_title=A\nhost=a\nrank=-1\n"
	    "[archive \"d\"]\nae_title=D\nhost=d\nrank=3\n"
	    "[archive \"b\"]\nae_title=B\nhost=b\n"
	    "[schedule \"l\"]\npath = l.csv\n");

	assert_non_null(f->c);
	assert_int_equal(f->c->n_archives, 4);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(f->c->archives[i].name[0], "abcd"[i]);
}

static void
test_conf_long_value_is_read_whole(void **state)
{
	struct fixture *f = *state;
	char text[1400], theatre[1001];
	memset(theatre, 'T', sizeof(theatre) - 1);
	theatre[sizeof(theatre) - 1] = '\0';
	(void)snprintf(text, sizeof(text),
	    "[agent]\ntheatre = %s # long\n" PEERS, theatre);

	read_text(f, text);

	assert_string_equal(f->told, "");
	assert_string_equal(f->c->theatre, theatre);
}

/* one faulty value a row */
static const struct {
	const char *section, *line, *fault;
} bad_values[] = {
	{ "[cache]", "size = 5", "size: want a size from 1 MiB to 1 PiB, "
	                         "have '5'" },
	{ "[cache]", "size = 1.5 TiB", "size: want a size" },
	{ "[cache]", "size = 200 gib", "size: want a size" },
	{ "[cache]", "size = 2 PiB", "size: want a size" },
	{ "[cache]", "size = 99999999999999999999 GiB", "size: want a size" },
	{ "[cache]", "size = -1 GiB", "size: want a size" },
	{ "[cache]", "size =", "size: want a size from 1 MiB to 1 PiB, "
	                       "have ''" },
	{ "[cache]", "retention = 30 days", "retention: want a time" },
	{ "[cache]", "retention = 0 s", "retention: want a time" },
	{ "[cache]", "pth = /x", "pth: want a key of [cache], have 'pth'" },
	{ "[node]", "ae_title = SEVENTEEN_LETTERS", "ae_title: want 1 to 16 "
	    "printable ASCII characters without a backslash, have "
	    "'SEVENTEEN_LETTERS'" },
	{ "[node]", "ae_title = A\\B", "ae_title: want 1 to 16" },
	{ "[node]", "ae_title = \xC3\x84", "ae_title: want 1 to 16 printable "
	    "ASCII characters without a backslash, have '\\xc3\\x84'" },
	{ "[node]", "listen = 11113", "listen: want a numeric address" },
	{ "[node]", "listen = localhost:11113", "listen: want a numeric" },
	{ "[node]", "listen = 127.0.0.1:0", "listen: want a numeric" },
	{ "[node]", "listen = ::1:80", "listen: want a numeric" },
	{ "[node]", "listen = 1.2.3.4:65536", "listen: want a numeric" },
	{ "[node]", "listen = 127.0.0.1:11112", "listen: want a port in "
	    "[node] that is not OsiriX's own, have '11112'" },
	{ "[node]", "partial = true", "partial: want yes or no, have 'true'" },
	{ "[node]", "max_associations = 0", "max_associations: want a number "
	    "from 1 to 512, have '0'" },
	{ "[node]", "read_through = maybe", "read_through: want yes or no" },
	{ "[node]", "tls = yes", "tls: want it left out, not in this "
	    "version, have 'yes'" },
	{ "[web]", "listen = 127.0.0.1:11113", "listen: want a port in "
	    "[web] that is not that of [node], have '11113'" },
	{ "[node]", "listen = 127.0.0.1:8113", "listen: want a port in "
	    "[node] that is not that of [web], have '8113'" },
	{ "[prefetch]", "window = 7pm", "window: want hours as in "
	    "19:00-06:30, or always, have '7pm'" },
	{ "[prefetch]", "urgent = 3 d", "urgent: want at most horizon, "
	    "172800 s, have 259200 s" },
	{ "[prefetch]", "horizon = 10 s", "horizon: want a time" },
	{ "[relevance \"r\"]", "match = (", "match: want a regular "
	    "expression (ICU), have '(': " },
	{ "[relevance \"r\"]", "match = \\b(x\t", "match: want a regular "
	    "expression (ICU), have '\\b(x': " },
	{ "[relevance \"r\"]", "exclude = \\b(\x01", "exclude: want a "
	    "regular expression (ICU), have '\\b(\\x01': " },
	{ "[relevance \"r\"]", "within = 24", "within: want a time from 1 "
	    "month to 100 years, have '24'" },
	{ "[viewer \"v\"]\nae_title = V", "port = 11113", "port: want a "
	    "port in [viewer \"v\"] that is not that of [node], have "
	    "'11113'" },
	{ "[viewer \"v\"]\nae_title = V", "host = a:b", "host: want a host "
	    "name or address, have 'a:b'" },
	{ "[archive \"a\"]\nae_title = A\nhost = h", "port = 65536",
	    "port: want a number from 1 to 65535, have '65536'" },
	{ "[archive \"a\"]\nae_title = A\nhost = h", "retrieve = wado-rs",
	    "dicomweb: want its address in [archive \"a\"] for retrieve "
	    "= wado-rs, have none" },
	{ "[archive \"a\"]\nae_title = A\nhost = h", "bandwidth = 400",
	    "bandwidth: want a rate as in 400 Mbit/s, have '400'" },
	{ "[archive \"a\"]\nae_title = A\nhost = h", "dicomweb = h/dicom-web",
	    "dicomweb: want an address that begins with http:// or "
	    "https://, have 'h/dicom-web'" },
	{ "[cache]", "low = 96", "low: want at most high, 95, have '96'" },
	{ "[schedule \"s\"]\npath = p", "type = hl7",
	    "type: want file (this version), have 'hl7'" },
	{ "[tls]", "certificate = /c", "tls: want it left out, not in this "
	    "version, have '[tls]'" },
	{ "[issuer \"NHS\"]", "dicom = NHS", "issuer: want it left out" },
	{ "[bogus]", "", "section: want a section that is known, have "
	    "'[bogus]'" },
	{ "[cache \"x\"]", "", "cache: want no name, have '[cache \"x\"]'" },
	{ "[viewer]", "", "viewer: want a name in quotes" },
	{ "[viewer \"\"]", "", "viewer: want a name in quotes" },
	{ "[viewer \"123456789012345678901234567890123\"]", "",
	    "viewer: want a name in quotes" },
	{ "[cache", "", "section: want [word] or [word \"name\"], have "
	    "'[cache'" },
	{ "[cache]", "nonsense", "line: want key = value, have none" },
	{ "[cache]", "= 5", "line: want key = value, have none" },
	{ "[cache]", "size = 1 GiB\xFF", "line: want at most 2048 bytes of "
	    "UTF-8, have something else" },
	{ "[agent]", "", "agent: want this section once, have it on line 1 "
	    "too" },
	{ "[schedule \"list\"]", "path = p", "schedule: want each name once, "
	    "have \"list\" again" },
	{ "[cache]\nsize = 1 GiB", "size = 2 GiB", "size: want it once, have "
	    "it on line 9 too" },
	{ "[archive \"x\"]\nhost = h", "", "ae_title: want 1 to 16 printable "
	    "ASCII characters without a backslash, have nothing" },
	{ "[archive \"x\"]\nae_title = X", "", "host: want a host name or "
	    "address, have nothing" },
	{ "[schedule \"x\"]", "", "path: want a path, have nothing" },
};

static void
test_conf_fault_is_told_once_with_want_and_have(void **state)
{
	struct fixture *f = *state;
	size_t n = sizeof(bad_values) / sizeof(bad_values[0]);

	for (size_t i = 0; i < n; i++) {
		char text[500];
		(void)snprintf(text, sizeof(text), LEAST PEERS "%s\n%s\n",
		    bad_values[i].section, bad_values[i].line);
		read_text(f, text);
		const char *fault = strchr(f->told, ' ');
		if (f->c != NULL || fault == NULL ||
		    !str_starts(fault + 1, bad_values[i].fault))
			fail_msg("row %zu: told '%s'", i, f->told);
		assert_ptr_equal(strchr(f->told, '\n'),
		    f->told + strlen(f->told) - 1);
	}
}

static void
test_conf_all_faults_are_told_with_their_lines(void **state)
{
	struct fixture *f = *state;

	read_text(f, "theatre = TH6\n[agent]\n\n[cache]\nsize = big\n"
	             "[archive \"a\"]\nrank = x\n[web]\nlisten = w\n");

	assert_null(f->c);
	assert_string_equal(f->told,
	    "1: line: want a section first, have none\n"
	    "2: theatre: want names with a comma between them, have nothing\n"
	    "5: size: want a size from 1 MiB to 1 PiB, have 'big'\n"
	    "7: rank: want a number from -1000 to 1000, have 'x'\n"
	    "6: ae_title: want 1 to 16 printable ASCII characters without a "
	    "backslash, have nothing\n"
	    "6: host: want a host name or address, have nothing\n"
	    "9: listen: want a numeric address and a port, as in "
	    "127.0.0.1:8113, have 'w'\n"
	    "1: [schedule]: warning: none is named: no case will be known\n");
}

static void
test_conf_theatre_is_required(void **state)
{
	static const char *const texts[] = {
		"", "[cache]\n", "[agent]\n", "[agent]\ntheatre =\n",
		"[agent]\ntheatre = , ,\n",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		read_text(f, texts[i]);
		assert_null(f->c);
		assert_non_null(strstr(f->told, "theatre: want "));
	}
}

static void
test_conf_rate_is_bytes_inside(void **state)
{
	struct fixture *f = *state;

	read_text(f, LEAST PEERS
	    "[archive \"b\"]\nae_title = B\nhost = b\n"
	    "bandwidth = 400 Mbit/s\n[prefetch]\nbandwidth = off\n");

	assert_non_null(f->c);
	assert_int_equal(f->c->archives[1].bandwidth, 50000000);
	assert_int_equal(f->c->bandwidth, 0);
	assert_int_equal(f->c->scrub, 20000000);
}

static void
test_conf_open_web_port_is_a_warning(void **state)
{
	struct fixture *f = *state;

	read_text(f, LEAST PEERS "[web]\nlisten = 0.0.0.0:8113\n");

	assert_non_null(f->c);
	assert_non_null(strstr(f->told, "9: listen: warning: not a loopback"));
}

static void
test_conf_clash_of_ports_is_told_where_the_port_stands(void **state)
{
	struct fixture *f = *state;

	read_text(f, LEAST PEERS "[node]\nlisten = 127.0.0.1:104\n"
	    "[viewer \"a\"]\nae_title = A\n"
	    "[viewer \"b\"]\nae_title = B\nport = 104\n"
	    "[viewer \"c\"]\nae_title = C\nhost = 192.0.2.1\nport = 104\n");

	assert_null(f->c);
	assert_string_equal(f->told, "14: port: want a port in [viewer "
	    "\"b\"] that is not that of [node], have '104'\n");
	read_text(f, LEAST PEERS "[node]\nlisten = 0.0.0.0:8113\n");
	assert_string_equal(f->told, "9: listen: want a port in [node] that "
	    "is not that of [web], have '8113'\n");
}

static void
test_conf_quotes_round_a_theatre_are_a_warning(void **state)
{
	static const struct {
		const char *theatre;
		bool warned;
	} rows[] = {
		{ "\"Theatre 6\"", true }, { "TH6, \"Theatre 6\"", true },
		{ "'Theatre 6'", true }, { "Theatre 6, TH6", false },
		{ "Children's 2", false },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[300];
		(void)snprintf(text, sizeof(text),
		    "[agent]\ntheatre = %s\n" PEERS, rows[i].theatre);
		read_text(f, text);
		assert_non_null(f->c);
		assert_true(str_starts(f->told, "2: theatre: warning: the "
		    "quotes") == rows[i].warned);
	}
}

static void
test_conf_socket_path_has_room_for_its_name(void **state)
{
	struct fixture *f = *state;
	char text[300], dir[90];
	memset(dir, 'd', sizeof(dir));
	dir[0] = '/';

	for (size_t n = 87; n <= 88; n++) {
		dir[n] = '\0';
		(void)snprintf(text, sizeof(text),
		    LEAST "state_dir = %s\n" PEERS, dir);
		read_text(f, text);
		assert_true((f->c != NULL) == (n == 87));
		dir[n] = 'd';
	}
	assert_string_equal(f->told, "3: state_dir: want at most 100 bytes "
	                             "with /control.sock, have 101\n");
}

static void
test_conf_file_that_everybody_can_write_is_refused(void **state)
{
	struct fixture *f = *state;
	read_text(f, LEAST PEERS);
	assert_int_equal(chmod(f->path, 0646), 0);

	read_path(f, f->path);

	assert_null(f->c);
	assert_string_equal(f->told, "1: file: want a file that not "
	                             "everybody can write, have mode 646\n");
}

static void
test_conf_file_that_cannot_be_read_is_told(void **state)
{
	struct fixture *f = *state;

	read_path(f, "/nowhere/at/all");
	assert_null(f->c);
	assert_string_equal(f->told,
	    "1: file: want to open it, have No such file or directory\n");

	read_path(f, f->dir);
	assert_null(f->c);
	assert_string_equal(f->told,
	    "1: file: want a file, have a folder\n");
}

static void
test_conf_too_many_sections_are_told(void **state)
{
	struct fixture *f = *state;
	char text[4096] = LEAST PEERS;
	for (int i = 0; i < CONF_SECTIONS_MAX + 1; i++) {
		size_t n = strlen(text);
		(void)snprintf(text + n, sizeof(text) - n,
		    "[viewer \"%d\"]\nae_title = V\n", i);
	}

	read_text(f, text);

	assert_null(f->c);
	assert_string_equal(f->told, "40: viewer: want at most 16 such "
	                             "sections, have more\n");
}

/* Whatever the bytes, it ends: a struct without a fault or a fault. */
static void
test_conf_damaged_file_is_told_never_crashes(void **state)
{
	struct fixture *f = *state;
	char whole[TEXT_SIZE], text[TEXT_SIZE];
	FILE *out = tmpfile();
	assert_non_null(out);
	conf_dump(out);
	slurp(out, whole);
	assert_int_equal(fclose(out), 0);
	size_t n = strlen(whole);
	uint64_t x = 11113;

	for (unsigned round = 0; round < 300; round++) {
		memcpy(text, whole, n);
		for (unsigned i = 0; i < 8; i++) {
			x = x * UINT64_C(6364136223846793005) + 1442695041;
			text[(x >> 33) % n] = "[]\"=\n#\0\xFF"[(x >> 20) % 8];
		}
		read_bytes(f, text, n);
		assert_true(f->c != NULL || f->told[0] != '\0');
	}
}

static void
test_conf_shipped_file_has_no_fault(void **state)
{
	struct fixture *f = *state;

	read_path(f, "conf/understudy.conf");

	assert_string_equal(f->told, "");
	assert_non_null(f->c);
	assert_int_equal(f->c->n_archives, 1);
	assert_int_equal(f->c->n_viewers, 1);
	assert_int_equal(f->c->n_schedules, 1);
}

int
main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_conf_least_file_has_the_documented_defaults),
		T(test_conf_without_relevance_has_the_two_default_rules),
		T(test_conf_every_kind_of_value_is_read),
		T(test_conf_archives_are_by_rank),
		T(test_conf_long_value_is_read_whole),
		T(test_conf_fault_is_told_once_with_want_and_have),
		T(test_conf_all_faults_are_told_with_their_lines),
		T(test_conf_theatre_is_required),
		T(test_conf_rate_is_bytes_inside),
		T(test_conf_open_web_port_is_a_warning),
		T(test_conf_clash_of_ports_is_told_where_the_port_stands),
		T(test_conf_quotes_round_a_theatre_are_a_warning),
		T(test_conf_socket_path_has_room_for_its_name),
		T(test_conf_file_that_everybody_can_write_is_refused),
		T(test_conf_file_that_cannot_be_read_is_told),
		T(test_conf_too_many_sections_are_told),
		T(test_conf_damaged_file_is_told_never_crashes),
		T(test_conf_shipped_file_has_no_fault),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
