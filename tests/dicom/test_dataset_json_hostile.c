/* SPDX-License-Identifier: MIT */
/* DICOM JSON of bytes that are none of our making: cut, changed, nested too
 * deep, and real files of many makers, beside what dcm2json makes of them. */
#include <zlib.h>

#include "json_fixture.h"

#include "../wire/sample.h"

#define ROUNDS 1000
#define EVERY 40 /* dcm2json reads one file of so many */

static struct buf
a_set(void)
{
	static const char item[] = "\xFE\xFF\0\xE0\x0A\0\0\0"
				   "\x08\0\x00\x01\x02\0\0\0" "A ";
	struct buf b;
	buf_init(&b, 1 << 24);
	put_text(&b, TAG_CHARSET, "CS", "ISO_IR 100\\ISO 2022 IR 87");
	put_text(&b, TAG_PATIENT_NAME, "PN", "M\xFCller^\x1B$B;3ED\x1B(B=x");
	put_text(&b, TAG_WEIGHT, "DS", "+07.5\\.5e1\\x");
	put(&b, TAG(0x0018, 0x9087), "FD", "\0\0\0\0\0\0\xF8\x7F", 8);
	put(&b, TAG(0x0008, 0x1140), "SQ", NULL, UNDEFINED);
	put_head(&b, TAG(0xFFFE, 0xE000), UNDEFINED);
	put(&b, TAG_PROCEDURE_CODES, "UN", item, sizeof(item) - 1);
	put_bytes(&b, TAG(0x0009, 0x1001), "OB", 1100);
	put_head(&b, TAG(0xFFFE, 0xE00D), 0);
	put_head(&b, TAG(0xFFFE, 0xE0DD), 0);
	put(&b, TAG(0x7FE0, 0x0010), "OB", NULL, UNDEFINED);
	put_head(&b, TAG(0xFFFE, 0xE000), 0);
	put_head(&b, TAG(0xFFFE, 0xE0DD), 0);
	return b;
}

struct place {
	const struct buf *set;
	const char *syntax;
	unsigned found, missing;
};

/* bulk_fn: a path that was told leads somewhere. */
static void
locate(void *ctx, const char *path)
{
	struct place *pl = ctx;
	struct err e;
	size_t at = 0;
	size_t n = 0;
	int rc = dataset_locate(pl->set->p, pl->set->len, pl->syntax, path,
	    &at, &n, &e);
	bool pixels = strstr(path, "7FE0") != NULL;
	if (rc == 1 && at <= pl->set->len && n <= pl->set->len - at)
		pl->found++;
	else if (!pixels) /* pixels may be cut */
		pl->missing++;
}

/* Any bytes give JSON or ERR_PARSE; 0 with JSON. */
static int
check(const struct buf *set, const char *syntax)
{
	struct buf text;
	struct err e = {.code = ERR_PARSE};
	struct place pl = {.set = set, .syntax = syntax};
	buf_init(&text, (size_t)64 << 20);
	int rc = dataset_json(set->p, set->len, syntax, "/b", &text, &e);
	if (rc == 0) {
		json_t *j = load(&text);
		if (!str_eq(syntax, SYNTAX_DEFLATED_LE))
			each_bulk(j, locate, &pl);
		json_decref(j);
	}
	assert_int_equal(pl.missing, 0);
	assert_int_equal(e.code, ERR_PARSE);
	assert_true(rc == 0 || text.len == 0);
	buf_done(&text);
	return rc;
}

/* A copy of exactly ${n} bytes, so that one more is found out. */
static struct buf
copy_of(const void *p, size_t n)
{
	struct buf b = {.p = mem_new_n(uint8_t, n + (n == 0)), .len = n,
	    .cap = n, .max = n};
	if (n > 0)
		memcpy(b.p, p, n);
	return b;
}

static void
test_dataset_json_cut_anywhere_is_json_or_an_error(void **state)
{
	struct buf b = a_set();
	(void)state;
	for (size_t n = 0; n <= b.len; n++) {
		struct buf cut = copy_of(b.p, n);
		(void)check(&cut, ELE); /* either */
		(void)check(&cut, SYNTAX_IMPLICIT_LE);
		(void)check(&cut, SYNTAX_EXPLICIT_BE);
		(void)check(&cut, SYNTAX_DEFLATED_LE);
		buf_done(&cut);
	}
	assert_int_equal(check(&b, ELE), 0);
	buf_done(&b);
}

/* xorshift; a seed, so that a failure comes again */
static uint32_t
next_random(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

static void
test_dataset_json_of_changed_bytes_is_json_or_an_error(void **state)
{
	static const char *const syntaxes[] = {ELE, SYNTAX_IMPLICIT_LE,
	    SYNTAX_EXPLICIT_BE, ELE};
	static const uint8_t favoured[] = {0, 0xFF, 'U', 'N', 'S', 'Q', 0xFE,
	    0xE0, 8, 0x10, '\\', 0x1B};
	struct buf b = a_set();
	unsigned good = 0;
	(void)state;
	for (uint32_t i = 1; i <= ROUNDS; i++) {
		uint32_t seed = i * 2654435761U;
		struct buf m = copy_of(b.p, b.len);
		unsigned changes = 1 + next_random(&seed) % 4;
		for (unsigned k = 0; k < changes; k++) {
			/* most of the set is the bytes of one value */
			size_t at = next_random(&seed) % 3 == 0 ?
			    next_random(&seed) % m.len :
			    next_random(&seed) % 250;
			uint32_t v = next_random(&seed);
			m.p[at] = v % 2 == 0 ? (uint8_t)(v >> 8) :
			    favoured[(v >> 8) % sizeof(favoured)];
		}
		good += check(&m, syntaxes[i % 4]) == 0;
		buf_done(&m);
	}
	assert_true(good > ROUNDS / 20);
	buf_done(&b);
}

/* ${depth} sequences of one item each, of undefined length, or in Implicit
 * VR of defined length. */
static struct buf
nested(unsigned depth, bool implicit)
{
	struct buf b;
	buf_init(&b, 1 << 20);
	for (unsigned i = 0; i < depth; i++) {
		uint32_t left = (depth - i) * 16;
		if (implicit) {
			put_head(&b, TAG(0x0040, 0xA730), left - 8);
			put_head(&b, TAG(0xFFFE, 0xE000), left - 16);
			continue;
		}
		put(&b, TAG(0x0040, 0xA730), "SQ", NULL, UNDEFINED);
		put_head(&b, TAG(0xFFFE, 0xE000), UNDEFINED);
	}
	for (unsigned i = 0; i < depth && !implicit; i++) {
		put_head(&b, TAG(0xFFFE, 0xE00D), 0);
		put_head(&b, TAG(0xFFFE, 0xE0DD), 0);
	}
	return b;
}

static void
test_dataset_json_nested_too_deep_is_not_followed(void **state)
{
	static const struct {
		unsigned depth;
		bool implicit;
		int rc;
		const char *begins;
	} rows[] = {
	    {64, false, 0, "{\"0040A730\":{\"vr\":\"SQ\""},
	    {65, false, -1, ""},
	    {64, true, 0, "{\"0040A730\":{\"vr\":\"SQ\""},
	    /* passed over whole by wire/scan: it is what it is, bytes */
	    {65, true, 0, "{\"0040A730\":{\"vr\":\"UN\""},
	    {4000, true, 0, "{\"0040A730\":{\"vr\":\"UN\""},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf b = nested(rows[i].depth, rows[i].implicit);
		struct buf text;
		int rc = json_of(&b, rows[i].implicit ? SYNTAX_IMPLICIT_LE :
		    ELE, &text);
		if (rc != rows[i].rc ||
		    !str_starts(buf_str(&text), rows[i].begins))
			fail_msg("%u: have %d %.60s", rows[i].depth, rc,
			    buf_str(&text));
		buf_done(&text);
		buf_done(&b);
	}
}

static void
test_dataset_json_tags_that_go_down_take_no_longer(void **state)
{
	struct buf b;
	struct buf text;
	(void)state;
	buf_init(&b, 1 << 24);
	for (uint32_t i = 200000; i > 0; i--)
		put(&b, (i << 1) + 1, "US", "", 0);

	assert_int_equal(json_of(&b, ELE, &text), 0);

	json_t *j = load(&text);
	assert_int_equal(json_object_size(j), 200000);
	json_decref(j);
	buf_done(&text);
	buf_done(&b);
}

static void
test_dataset_json_of_too_many_character_sets_is_refused(void **state)
{
	struct buf b;
	(void)state;
	buf_init(&b, 1 << 20);
	put(&b, TAG_PROCEDURE_CODES, "SQ", NULL, UNDEFINED);
	for (int i = 0; i < 100; i++) {
		char name[24];
		(void)snprintf(name, sizeof(name), "ISO_IR %d", 100 + i);
		put_head(&b, TAG(0xFFFE, 0xE000), UNDEFINED);
		put_text(&b, TAG_CHARSET, "CS", name);
		put_head(&b, TAG(0xFFFE, 0xE00D), 0);
	}
	put_head(&b, TAG(0xFFFE, 0xE0DD), 0);
	assert_int_equal(check(&b, ELE), -1);
	buf_done(&b);
}

static void
test_dataset_json_deflated_is_told_like_its_plain_form(void **state)
{
	struct buf b = a_set();
	struct buf plain;
	struct buf same;
	uLongf n = compressBound(b.len);
	uint8_t *z = mem_new_n(uint8_t, n);
	(void)state;
	assert_int_equal(compress(z, &n, b.p, b.len), Z_OK);
	/* without the head and the sum of RFC 1950: PS3.5 A.5 has neither */
	struct buf raw = copy_of(z + 2, n - 6);

	assert_int_equal(json_of(&b, ELE, &plain), 0);
	assert_int_equal(json_of(&raw, SYNTAX_DEFLATED_LE, &same), 0);

	assert_string_equal(buf_str(&plain), buf_str(&same));
	buf_done(&plain);
	buf_done(&same);
	buf_done(&raw);
	buf_done(&b);
	mem_free(z);
}

struct tally {
	unsigned n, told, bad;
};

/* sample_fn: what dataset_parse reads is told, and every path found. */
static void
tell_file(void *ctx, const char *path, const struct sample *s)
{
	struct tally *t = ctx;
	struct err e;
	struct attrs as;
	struct buf set = copy_of(s->bytes + s->set, s->n - s->set);
	uint32_t tag = TAG_PATIENT_NAME;
	bool read = dataset_parse(set.p, set.len, s->syntax, &tag, 1, &as,
	    &e) == 0;
	attrs_done(&as);
	if (read != (check(&set, s->syntax) == 0)) {
		print_error("%s\n", path);
		t->bad++;
	}
	t->n++;
	t->told += read;
	buf_done(&set);
}

static void
test_dataset_json_tells_every_real_file_that_is_read(void **state)
{
	struct tally t = {0};
	(void)state;
	if (sample_each("good", tell_file, &t) +
	    sample_each("bad", tell_file, &t) == 0)
		skip();
	assert_int_equal(t.bad, 0);
	assert_true(t.told > t.n / 2);
}

/* dcm2json's word for ${path}, NULL when it has none. */
static json_t *
oracle(const char *path)
{
	char command[1200];
	json_error_t why;
	(void)snprintf(command, sizeof(command),
	    "dcm2json -q '%s' 2>/dev/null", path);
	FILE *f = popen(command, "r");
	json_t *j = f == NULL ? NULL : json_loadf(f, 0, &why);
	if (f != NULL)
		(void)pclose(f); /* no JSON is told by the parser */
	return j;
}

static bool
is_same_value(json_t *a, json_t *b)
{
	if (json_equal(a, b))
		return true;
	if (json_array_size(a) != json_array_size(b))
		return false;
	size_t i;
	json_t *one;
	json_array_foreach(a, i, one) {
		json_t *two = json_array_get(b, i);
		double v = json_number_value(one);
		double near = 1e-6 * (1 + (v < 0 ? -v : v));
		double d = v - json_number_value(two);
		if (!json_is_number(one) || !json_is_number(two) ||
		    d > near || d < -near)
			return false;
	}
	return true;
}

/* Whether the elements of ${a}, sequences as a whole, are those of ${b} but
 * for bytes: dcm2json has them inline. */
static bool
is_same(json_t *a, json_t *b, const char **ret_key)
{
	const char *key;
	json_t *el;
	json_object_foreach(b, key, el)
		if (json_object_get(a, *ret_key = key) == NULL)
			return false;
	json_object_foreach(a, key, el) {
		json_t *other = json_object_get(b, *ret_key = key);
		const char *vr = json_string_value(json_object_get(el, "vr"));
		if (str_starts(key, "0002") || str_eq(key, "00080005") ||
		    strcmp(key, "7FE00010") > 0 || str_eq(key + 4, "0000"))
			continue;
		if (other == NULL || !str_eq(vr,
		    json_string_value(json_object_get(other, "vr"))))
			return false;
		json_t *v = json_object_get(el, "Value");
		json_t *w = json_object_get(other, "Value");
		if (json_array_size(v) != json_array_size(w) ||
		    (!str_eq(vr, "SQ") && !is_same_value(v, w)))
			return false;
	}
	return true;
}

/* sample_fn */
static void
compare_file(void *ctx, const char *path, const struct sample *s)
{
	struct tally *t = ctx;
	const char *key = "";
	if (t->n++ % EVERY != 0)
		return;
	struct buf set = {.p = s->bytes + s->set, .len = s->n - s->set};
	struct buf text;
	json_t *theirs = oracle(path);
	if (theirs != NULL && json_of(&set, s->syntax, &text) == 0) {
		json_t *ours = load(&text);
		t->told++;
		if (!is_same(theirs, ours, &key)) {
			print_error("%s: %s\n", path, key);
			t->bad++;
		}
		json_decref(ours);
		buf_done(&text);
	}
	json_decref(theirs);
}

static void
test_dataset_json_is_what_dcm2json_says(void **state)
{
	struct tally t = {0};
	(void)state;
	(void)sample_each("good", compare_file, &t); /* none: not told */
	if (t.told == 0)
		skip(); /* no dcm2json here */
	assert_int_equal(t.bad, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		test_dataset_json_cut_anywhere_is_json_or_an_error),
	    cmocka_unit_test(
		test_dataset_json_of_changed_bytes_is_json_or_an_error),
	    cmocka_unit_test(
		test_dataset_json_nested_too_deep_is_not_followed),
	    cmocka_unit_test(
		test_dataset_json_tags_that_go_down_take_no_longer),
	    cmocka_unit_test(
		test_dataset_json_of_too_many_character_sets_is_refused),
	    cmocka_unit_test(
		test_dataset_json_deflated_is_told_like_its_plain_form),
	    cmocka_unit_test(
		test_dataset_json_tells_every_real_file_that_is_read),
	    cmocka_unit_test(test_dataset_json_is_what_dcm2json_says),
	};
	struct err e;
	if (dataset_start(&e) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
