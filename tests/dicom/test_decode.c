/* SPDX-License-Identifier: MIT */
/* Tests of the decoder: both ends, with the real helper. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "dicom/decode.h"
#include "wire/attrs.h"
#include "wire/scan.h"

#include "decode_fixture.h"

/* The attributes of an image, and the length of its pixel data. */
struct image {
	uint32_t rows, columns, samples, bits, frames;
	uint64_t pixels;
	char colour[17];
};

static bool
collect(void *ctx, const struct scan_element *el) /* scan_element_fn */
{
	struct image *m = ctx;
	uint32_t v = el->n >= 2 && el->p != NULL
	    ? (uint32_t)(el->p[0] | el->p[1] << 8)
	    : 0;
	int64_t frames;
	if (el->tag == TAG(0x0028, 0x0002))
		m->samples = v;
	if (el->tag == TAG(0x0028, 0x0008) && str_to_i64_n((const char *)el->p,
	    el->n - (el->p[el->n - 1] == ' '), 1, 10000, &frames))
		m->frames = (uint32_t)frames;
	if (el->tag == TAG(0x0028, 0x0010))
		m->rows = v;
	if (el->tag == TAG(0x0028, 0x0011))
		m->columns = v;
	if (el->tag == TAG(0x0028, 0x0100))
		m->bits = v;
	if (el->tag == TAG(0x0028, 0x0004))
		(void)str_copy_n(m->colour, sizeof(m->colour),
		    (const char *)el->p, el->n);
	return true;
}

static struct image
image_of(const struct result *r)
{
	struct image m = {.frames = 1};
	struct scan found;
	struct err e;
	if (scan_data_set(r->p, r->n, ELE, collect, &m, &found, &e) == -1)
		fail_msg("%s", e.msg);
	assert_int_equal(found.how, SCAN_PIXELS);
	/* the length of the group may come before */
	const uint8_t *p = r->p + found.end;
	p += p[2] == 0 ? 12 : 0;
	struct cur length = cur_of(p + 8, 4);
	m.pixels = cur_u32le(&length);
	return m;
}

static void
test_decode_every_syntax_becomes_native(void **state)
{
	(void)state;
	static const struct {
		const char *name, *syntax, *colour;
	} rows[] = {
#define S "good/syntax/"
	    {S "MR_small_RLE.dcm", RLE, "MONOCHROME2 "},
	    {S "SC_rgb_rle_2frame.dcm", RLE, "RGB "},
	    {"good/enhanced-mr/emri_small_RLE.dcm", RLE, "MONOCHROME2 "},
	    {S "examples_ybr_color.dcm", "1.2.840.10008.1.2.4.50",
		"YBR_FULL"},
	    {S "JPEG-lossy.dcm", "1.2.840.10008.1.2.4.51", "MONOCHROME2 "},
	    {"good/syntax-ct/ct_1.2.840.10008.1.2.4.57.dcm",
		"1.2.840.10008.1.2.4.57", "MONOCHROME2 "},
	    {S "JPEG-LL.dcm", "1.2.840.10008.1.2.4.70", "MONOCHROME2 "},
	    {S "MR_small_jpeg_ls_lossless.dcm", "1.2.840.10008.1.2.4.80",
		"MONOCHROME2 "},
	    {S "JPEGLSNearLossless_08.dcm", "1.2.840.10008.1.2.4.81",
		"MONOCHROME2 "},
	    {S "explicit_VR-UN.dcm", "1.2.840.10008.1.2.4.90",
		"MONOCHROME2 "},
	    {S "GDCMJ2K_TextGBR.dcm", "1.2.840.10008.1.2.4.90", "RGB "},
	    {S "US1_J2KI.dcm", "1.2.840.10008.1.2.4.91", "RGB "},
	    {S "HTJ2KLossless_08_RGB.dcm", "1.2.840.10008.1.2.4.201",
		"RGB "},
	    {S "image_dfl.dcm", SYNTAX_DEFLATED_LE, "MONOCHROME2 "},
	    {S "MR_small_implicit.dcm", ILE, "MONOCHROME2 "},
	    {S "ExplVR_BigEnd.dcm", SYNTAX_EXPLICIT_BE, "RGB "},
#undef S
	};
	struct decoder *d = decoder_new(helper);
	struct err e;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct sample s;
		struct result r;
		read_file(&s, rows[i].name);
		assert_string_equal(s.syntax, rows[i].syntax);
		if (run(d, &s, ELE, &r, &e) != 0)
			fail_msg("%s: %s", rows[i].name, e.msg);
		struct image m = image_of(&r);
		uint64_t want = (uint64_t)m.rows * m.columns * m.samples *
		    (m.bits / 8) * m.frames;
		if (m.pixels != want + want % 2)
			fail_msg("%s: want %llu bytes, have %llu",
			    rows[i].name, (unsigned long long)want,
			    (unsigned long long)m.pixels);
		assert_string_equal(m.colour, rows[i].colour);
		mem_free(r.p);
		sample_done(&s);
	}

	decoder_free(&d);
	assert_null(d);
}

/* Lossless codecs of one image: all must say the same. */
static void
test_decode_lossless_syntaxes_agree(void **state)
{
	(void)state;
	static const char *const names[] = {"1.2.840.10008.1.2.4.80",
	    "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.5",
	    "1.2.840.10008.1.2.1.99"};
	struct decoder *d = decoder_new(helper);
	struct result first = {.p = NULL};
	size_t pixels = 512 * 512 * 2;
	struct err e;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char name[128];
		struct sample s;
		struct result r;
		(void)snprintf(name, sizeof(name),
		    "good/syntax-ct/ct_%s.dcm", names[i]);
		read_file(&s, name);
		if (run(d, &s, ELE, &r, &e) != 0)
			fail_msg("%s: %s", name, e.msg);
		sample_done(&s);
		if (i == 0) {
			first = r;
			continue;
		}
		/* the pixel data comes last in all of them */
		assert_memory_equal(r.p + r.n - pixels,
		    first.p + first.n - pixels, pixels);
		mem_free(r.p);
	}

	mem_free(first.p);
	decoder_free(&d);
}

static void
test_decode_there_and_back_is_the_same(void **state)
{
	(void)state;
	struct decoder *d = decoder_new(helper);
	struct sample s;
	struct result implicit, again;
	struct err e;
	read_file(&s, "good/syntax/MR_small.dcm");

	assert_int_equal(run(d, &s, ILE, &implicit, &e), 0);
	struct sample back = {.bytes = implicit.p, .n = implicit.n,
	    .set = 0, .syntax = ILE};
	assert_int_equal(run(d, &back, ELE, &again, &e), 0);

	assert_int_equal(again.n, s.n - s.set);
	assert_memory_equal(again.p, s.bytes + s.set, again.n);
	mem_free(again.p);
	mem_free(implicit.p);
	sample_done(&s);
	decoder_free(&d);
}

static void
test_decode_can_knows_what_there_is_a_codec_for(void **state)
{
	(void)state;
	static const struct {
		const char *from, *to;
		bool can;
	} rows[] = {
	    {RLE, ELE, true},
	    {RLE, ILE, true},
	    {RLE, SYNTAX_EXPLICIT_BE, true},
	    {"1.2.840.10008.1.2.4.203", ELE, true},
	    {ILE, ELE, true},
	    {ELE, SYNTAX_DEFLATED_LE, false},
	    {RLE, RLE, false},
	    {"1.2.840.10008.1.2.4.92", ELE, false},
	    {"1.2.840.10008.1.2.4.102", ELE, false}, /* MPEG-4 */
	    {"1.2.840.10008.1.2.4.110", ELE, false}, /* JPEG XL */
	    {"", ELE, false},
	    {RLE, "", false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (decode_can(rows[i].from, rows[i].to) != rows[i].can)
			fail_msg("%s to %s", rows[i].from, rows[i].to);
	}
}

/* A damaged copy of ${name} is refused with a reason that tells nothing. */
static void
assert_refused(const char *name, void (*damage)(struct sample *))
{
	struct decoder *d = decoder_new(helper);
	struct sample s;
	struct result r;
	struct err e;
	read_file(&s, name);
	damage(&s);

	assert_int_equal(run(d, &s, ELE, &r, &e), -1);

	if (e.code != ERR_PARSE)
		fail_msg("%s: %s", name, e.msg);
	assert_works(d);
	sample_done(&s);
	decoder_free(&d);
}

static void
cut(struct sample *s)
{
	s->n -= (s->n - s->set) / 3;
}

static void
scramble(struct sample *s)
{
	for (size_t i = s->n / 2; i < s->n - 64; i += 3)
		s->bytes[i] ^= 0x55;
}

static void
claim_more_rows(struct sample *s)
{
	static const uint8_t rows[] = {0x28, 0, 0x10, 0, 'U', 'S', 2, 0};
	for (size_t i = s->set; i + 10 < s->n; i++) {
		if (memcmp(s->bytes + i, rows, sizeof(rows)) == 0)
			s->bytes[i + 9]++;
	}
}

static void
claim_another_syntax(struct sample *s)
{
	(void)str_copy(s->syntax, sizeof(s->syntax),
	    "1.2.840.10008.1.2.4.90");
}

static void
test_decode_damaged_object_is_refused(void **state)
{
	(void)state;
	assert_refused("good/syntax/JPEG-LL.dcm", cut);
	assert_refused("good/syntax/explicit_VR-UN.dcm", cut);
	assert_refused("good/syntax/MR_small.dcm", cut);
	assert_refused("good/syntax/image_dfl.dcm", cut);
	assert_refused("good/syntax/image_dfl.dcm", scramble);
	assert_refused("good/syntax/GDCMJ2K_TextGBR.dcm", scramble);
	assert_refused("good/syntax/MR_small_RLE.dcm", claim_more_rows);
	assert_refused("good/syntax/MR_small_jpeg_ls_lossless.dcm",
	    claim_more_rows);
	assert_refused("good/syntax/JPEG-LL.dcm", claim_more_rows);
	assert_refused("good/syntax/US1_J2KI.dcm", claim_more_rows);
	assert_refused("good/syntax/JPEG-LL.dcm", claim_another_syntax);
	assert_refused("good/syntax/liver_rle.dcm", claim_another_syntax);
}

static void
test_decode_no_bytes_at_all_are_an_answer(void **state)
{
	(void)state;
	struct decoder *d = decoder_new(helper);
	uint64_t n = 1;
	size_t k = 1;
	struct err e;

	assert_int_equal(decoder_begin(d, 0, ELE, ILE, &e), 0);
	assert_int_equal(decoder_answer(d, &n, &e), 0);
	assert_int_equal(n, 0);
	assert_int_equal(decoder_read(d, &n, 8, &k, &e), 0);

	assert_int_equal(k, 0);
	assert_works(d);
	decoder_free(&d);
}

static void
test_decode_what_crashes_the_helper_is_an_error(void **state)
{
	(void)state;
	struct decoder *d = decoder_new(helper);
	struct sample s;
	struct result r;
	struct err e;
	read_file(&s, "bad/orthanc/2026-05-06-Deeply-Nested-Sequence.dcm");

	int rc = run(d, &s, ILE, &r, &e);

	/* a toolkit that one day refuses it does as well */
	assert_int_equal(rc, -1);
	assert_true(e.code == ERR_NET || e.code == ERR_PARSE);
	assert_works(d);
	mem_free(r.p);
	sample_done(&s);
	decoder_free(&d);
}

static void *
decode_some(void *ctx)
{
	const struct sample *s = ctx;
	long good = 0;
	for (unsigned i = 0; i < 20; i++) {
		struct decoder *d = decoder_new(helper);
		struct result r;
		struct err e;
		good += run(d, s, ELE, &r, &e) == 0 && r.n == 9496;
		mem_free(r.p);
		decoder_free(&d);
	}
	return (void *)good;
}

static void
test_decode_on_many_threads_works(void **state)
{
	(void)state;
	pthread_t threads[4];
	struct sample s;
	read_file(&s, RLE_FILE);

	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL,
		    decode_some, &s), 0);
	long good = 0;
	for (unsigned i = 0; i < 4; i++) {
		void *n;
		assert_int_equal(pthread_join(threads[i], &n), 0);
		good += (long)n;
	}

	assert_int_equal(good, 80);
	sample_done(&s);
}

static void
test_decode_leaves_no_descriptor_and_no_child(void **state)
{
	(void)state;
	struct decoder *d = decoder_new(helper);
	int before = open("/dev/null", O_RDONLY);
	(void)close(before); /* the lowest number that is free */

	for (unsigned i = 0; i < 3; i++) {
		assert_works(d);
		decoder_drop(d);
	}
	decoder_free(&d);

	int after = open("/dev/null", O_RDONLY);
	(void)close(after); /* as above */
	assert_int_equal(after, before);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void
test_decode_sandbox_refuses_everything(void **state)
{
	(void)state;
	char command[1100];
	char line[128];
	unsigned lines = 0;
	(void)snprintf(command, sizeof(command), "'%s' --self-test", helper);
	FILE *f = popen(command, "r");
	assert_non_null(f);

	while (fgets(line, sizeof(line), f) != NULL) {
		if (strstr(line, ": refused") == NULL)
			fail_msg("%s", line);
		lines++;
	}

	assert_int_equal(pclose(f), 0);
	assert_true(lines >= 4);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_decode_every_syntax_becomes_native),
	    cmocka_unit_test(test_decode_lossless_syntaxes_agree),
	    cmocka_unit_test(test_decode_there_and_back_is_the_same),
	    cmocka_unit_test(test_decode_can_knows_what_there_is_a_codec_for),
	    cmocka_unit_test(test_decode_damaged_object_is_refused),
	    cmocka_unit_test(test_decode_no_bytes_at_all_are_an_answer),
	    cmocka_unit_test(test_decode_what_crashes_the_helper_is_an_error),
	    cmocka_unit_test(test_decode_on_many_threads_works),
	    cmocka_unit_test(test_decode_leaves_no_descriptor_and_no_child),
	    cmocka_unit_test(test_decode_sandbox_refuses_everything),
	};
	(void)argc; /* always at least the name */
	find_helper(argv[0]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
