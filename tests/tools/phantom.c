/* SPDX-License-Identifier: MIT */
/* Writes DICOM studies of a heart that beats but never lived, the theatre
 * list of tomorrow that goes with them, and what a prefetch must make of
 * both; for the demo, the tests and the benchmark. */
#include <getopt.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"

#include "phantom_image.h"

#define BIG_SIDE 1024 /* pixels of a --big frame's side */
#define BIG_MAX INT64_C(4000000000) /* bytes; a length has 32 bits */

static const struct series localiser = {
	"localiser", "localiser", "localiser", PICTURE_CINE, 1, 3, 1, 1,
	128, 300, 8, 30, "GR", "SS", "", "3.2", "1.4", "55" };
static const struct series cine = {
	"cine_sax", "cine_sax_stack", "cine_sax_bSSFP", PICTURE_CINE, 2, 12,
	25, 1, 192, 264, 6, 7, "GR", "SS", "CG", "2.9", "1.3", "60" };
static const struct series lge = {
	"lge_sax", "LGE_sax_PSIR", "LGE_sax", PICTURE_LGE, 3, 12, 1, 1, 192,
	264, 6, 7, "GR\\IR", "SP", "CG", "5.1", "2.0", "25" };
static const struct series flow = {
	"4d_flow", "4D_flow_whole_heart", "4D_flow", PICTURE_FLOW, 4, 6, 10,
	4, 128, 264, 3, 3, "GR", "SP", "CG", "4.8", "2.3", "8" };
static const struct series ct_chest = {
	"chest", "Chest 3.0 with contrast", "Thorax_child", PICTURE_CT, 1, 8,
	1, 1, 256, 264, 3, 3, "", "", "", "", "", "" };
static const struct series brain = {
	"t1_tra", "t1_tse_tra", "t1_tse_tra", PICTURE_BRAIN, 1, 10, 1, 1, 192,
	210, 5, 6, "SE", "SK", "", "520", "11", "90" };
static const struct series bench = {
	"bench", "cine_sax_stack", "cine_sax_bSSFP", PICTURE_CINE, 1, 40, 25,
	1, 256, 264, 6, 7, "GR", "SS", "CG", "2.9", "1.3", "60" };

static const struct study recent = {
	"cmr", "MRI Cardiac congenital", "HEART", "MR", 3, "091500", true,
	{ &localiser, &cine, &lge, &flow } };
static const struct study older = {
	"cmr-old", "MRI Heart with contrast", "HEART", "MR", 426, "143000",
	true, { &localiser, &cine, &lge } };
static const struct study second = {
	"cmr", "CMR Fallot follow-up", "HEART", "MR", 12, "104500", true,
	{ &localiser, &cine, &flow } };
static const struct study ct = {
	"ct-chest", "CT Chest with contrast", "CHEST", "CT", 40, "160500",
	false, { &ct_chest } };
static const struct study head = {
	"mr-brain", "MRI Brain", "BRAIN", "MR", 190, "083000", false,
	{ &brain } };
static const struct study unhelpful = {
	"mr-thorax", "MRI THORAX", "CHEST", "MR", 5, "112000", true,
	{ &localiser, &cine, &lge } };
static const struct study benchmark = {
	"bench", "MRI Cardiac benchmark", "HEART", "MR", 1, "120000", true,
	{ &bench } };

/* invented; nobody has these names and numbers */
static const struct patient patients[] = {
	{ "LINDQVIST^Ebba", "UD4100237", "F", 1583, "K11.1",
	    "Closure of ventricular septal defect", "Miss A. Okafor",
	    { &recent, &older } },
	{ "OKONJO-REYES^Tobias", "UD4100761", "M", 3370, "K04.2",
	    "Repair of tetralogy of Fallot", "Mr P. Haverkamp",
	    { &second, &ct, &head } },
	{ "MARCHETTI^Giulia", "UD4101108", "F", 4806, "K17.1",
	    "Total cavopulmonary connection", "Miss A. Okafor",
	    { &unhelpful } } };
#define N_PATIENTS (sizeof(patients) / sizeof(patients[0]))

/* one run */
struct phantom {
	const char *out;
	unsigned patients;
	bool small;
	uint64_t seed;
	int64_t today; /* days since 1970, local */
	unsigned files;
	/* scratch */
	float *chest, *picture;
	uint8_t *pixels;
};

/* Where the loop over a series stands. */
struct place {
	const struct patient *patient;
	const struct study *study;
	const struct series *series;
	unsigned n;
	char folder[PATH_SIZE];
};

static unsigned
reduced(const struct phantom *ph, unsigned full, unsigned small)
{
	return ph->small && full > small ? small : full;
}

static unsigned
series_images(const struct phantom *ph, const struct series *se)
{
	return reduced(ph, se->slices, 3) * reduced(ph, se->phases, 5) *
	    se->components;
}

static unsigned
study_images(const struct phantom *ph, const struct study *st)
{
	unsigned n = 0;
	for (unsigned i = 0; i < 4 && st->series[i] != NULL; i++)
		n += series_images(ph, st->series[i]);
	return n;
}

/* A small study is another study than the full one. */
static uint64_t
uid_seed(const struct phantom *ph)
{
	return ph->seed ^ mix64((uint64_t)ph->today * 2 + ph->small);
}

static void
study_uid(const struct phantom *ph, unsigned n, const struct study *st,
    char dst[UID_SIZE])
{
	char purpose[96];
	(void)snprintf(purpose, sizeof(purpose), "%u/%s", n,
	    st->folder); /* our own short words fit */
	make_uid(dst, uid_seed(ph), purpose);
}

/* The image with all that is equal throughout its series. */
static struct image
image_of(const struct phantom *ph, const struct place *at)
{
	const struct series *se = at->series;
	struct image im = { .patient = at->patient, .study = at->study,
		.series = se, .side = reduced(ph, se->side, 96),
		.slices = reduced(ph, se->slices, 3),
		.phases = reduced(ph, se->phases, 5),
		.components = se->components, .today = ph->today,
		.study_day = ph->today - at->study->days_ago };
	uint64_t seed = uid_seed(ph);
	char purpose[UID_SIZE + 64];
	study_uid(ph, at->n, at->study, im.study_uid);
	(void)snprintf(purpose, sizeof(purpose), "%s/frame",
	    im.study_uid); /* fits */
	make_uid(im.frame_uid, seed, purpose);
	(void)snprintf(purpose, sizeof(purpose), "%s/%s", im.study_uid,
	    se->folder); /* fits */
	make_uid(im.series_uid, seed, purpose);
	(void)snprintf(im.accession, sizeof(im.accession), "UD%08u",
	    (unsigned)(hash_text(1, im.study_uid) % 100000000)); /* fits */
	return im;
}

static struct scene
scene_of(const struct phantom *ph, const struct image *im)
{
	static const struct look *const looks[] = {
		[PICTURE_CINE] = &look_cine, [PICTURE_LGE] = &look_lge,
		[PICTURE_FLOW] = &look_flow, [PICTURE_CT] = &look_ct,
		[PICTURE_BRAIN] = &look_lge };
	bool still = im->phases == 1;
	return (struct scene){ .look = looks[im->series->picture],
		.side = im->side, .mm = im->series->fov / (float)im->side,
		.level = im->slices == 1 ? .4f :
		    (float)im->slice / (float)(im->slices - 1),
		.t = still ? .75f : (float)im->phase / (float)im->phases,
		.seed = hash32((uint32_t)ph->seed + im->slice * 2654435761u) ^
		    (uint32_t)hash_text(7, im->patient->id) };
}

static int
write_image(struct phantom *ph, const struct place *at, struct image *im,
    struct err *e)
{
	char path[PATH_SIZE + 32], purpose[UID_SIZE + 16];
	(void)snprintf(path, sizeof(path), "%s/%05u.dcm", at->folder,
	    im->number); /* fits */
	(void)snprintf(purpose, sizeof(purpose), "%s/%u", im->series_uid,
	    im->number); /* fits */
	make_uid(im->uid, uid_seed(ph), purpose);

	struct elements el;
	elements_init(&el);
	put_image(&el, im);
	const struct part10 file = { .path = path, .el = &el,
		.sop_class = is_ct(im) ? CLASS_CT : CLASS_MR,
		.instance = im->uid, .frame = ph->pixels,
		.frame_bytes = (size_t)2 * im->side * im->side, .frames = 1 };
	int rc = write_part10(&file, e);
	buf_done(&el.b);
	ph->files++;
	return rc;
}

/* The magnitude of this moment into the pixels, velocities after it. */
static int
write_moment(struct phantom *ph, const struct place *at, struct image *im,
    struct err *e)
{
	struct scene s = scene_of(ph, im);
	memcpy(ph->picture, ph->chest,
	    sizeof(float) * s.side * s.side);
	if (im->series->picture != PICTURE_BRAIN)
		draw_heart(&s, ph->picture);
	for (im->component = 0; im->component < im->components;
	    im->component++) {
		if (im->component == 0)
			finish(&s, ph->picture, ph->pixels);
		else
			finish_velocity(&s, ph->picture,
			    (int)im->component - 1, ph->pixels);
		im->number++;
		if (write_image(ph, at, im, e) != 0)
			return -1;
	}
	return 0;
}

/* ${limit} images at most, 0 = all. */
static int
write_series(struct phantom *ph, const struct place *at, unsigned limit,
    struct err *e)
{
	if (make_dirs(at->folder, e) != 0)
		return -1;
	struct image im = image_of(ph, at);
	for (im.slice = 0; im.slice < im.slices; im.slice++) {
		struct scene s = scene_of(ph, &im);
		if (at->series->picture == PICTURE_BRAIN)
			draw_head(&s, ph->chest);
		else
			draw_chest(&s, ph->chest);
		for (im.phase = 0; im.phase < im.phases; im.phase++) {
			if (limit != 0 && im.number >= limit)
				return 0;
			if (write_moment(ph, at, &im, e) != 0)
				return -1;
		}
	}
	return 0;
}

/* The ${n}th patient of the run. From the fourth on they have the studies of
 * the first three again, and a name and number of their own. */
struct person {
	struct patient p;
	char name[64], id[17];
};

static void
make_person(struct person *pn, unsigned n)
{
	pn->p = patients[n % N_PATIENTS];
	if (n < N_PATIENTS)
		return;
	(void)snprintf(pn->name, sizeof(pn->name), "PHANTOM-%u^%s", n + 1,
	    strchr(pn->p.name, '^') + 1); /* fits */
	(void)snprintf(pn->id, sizeof(pn->id), "UD43%05u", n); /* fits */
	pn->p.name = pn->name;
	pn->p.id = pn->id;
}

static int
write_study(struct phantom *ph, unsigned n, const struct study *st,
    struct err *e)
{
	struct person pn;
	make_person(&pn, n);
	struct place at = { .patient = &pn.p, .study = st, .n = n };
	for (unsigned i = 0; i < 4 && st->series[i] != NULL; i++) {
		at.series = st->series[i];
		(void)snprintf(at.folder, sizeof(at.folder),
		    "%s/dicom/p%u/%s/%s", ph->out, n + 1, st->folder,
		    at.series->folder); /* main has checked the length */
		if (write_series(ph, &at, 0, e) != 0)
			return -1;
	}
	return 0;
}

static FILE *
open_text(const struct phantom *ph, const char *name, struct err *e)
{
	char path[PATH_SIZE];
	(void)snprintf(path, sizeof(path), "%s/%s", ph->out,
	    name); /* main has checked the length */
	FILE *f = fopen(path, "w");
	if (f == NULL)
		(void)err_set(e, ERR_IO, errno, "write '%s'",
		    path); /* NULL says it */
	return f;
}

static int
close_text(FILE *f, const char *name, struct err *e)
{
	bool bad = ferror(f) != 0;
	if (fclose(f) != 0 || bad)
		return err_set(e, ERR_IO, errno, "write '%s'", name);
	return 0;
}

/* Three cases a day from tomorrow on. */
static int
write_list(const struct phantom *ph, struct err *e)
{
	static const char *const from[] = { "08:00", "10:30", "14:00" };
	static const char *const to[] = { "10:00", "13:30", "17:30" };
	FILE *f = open_text(ph, "list.csv", e);
	if (f == NULL)
		return -1;
	fputs("case_id,start,end,room,patient_id,issuer,patient_name,"
	    "birth_date,procedure_code,procedure,surgeon,status\n", f);
	for (unsigned n = 0; n < ph->patients; n++) {
		struct person pn;
		char birth[16];
		make_person(&pn, n);
		struct civil c = civil_of_utc(
		    (ph->today + 1 + n / 3) * 86400);
		format_day(birth, ph->today - pn.p.age_days);
		fprintf(f, "CASE-%u,%04d-%02d-%02dT%s:00,"
		    "%04d-%02d-%02dT%s:00,Theatre 6,%s,UNDERSTUDY-DEMO,%s,%s,"
		    "%s,%s,%s,booked\n", 1001 + n, c.year, c.month, c.day,
		    from[n % 3], c.year, c.month, c.day, to[n % 3], pn.p.id,
		    pn.p.name, birth, pn.p.procedure_code, pn.p.procedure,
		    pn.p.surgeon);
	}
	return close_text(f, "list.csv", e);
}

/* What must come and what must stay away, case by case. */
static int
write_expect(const struct phantom *ph, struct err *e)
{
	FILE *f = open_text(ph, "expect.txt", e);
	if (f == NULL)
		return -1;
	for (unsigned n = 0; n < ph->patients; n++) {
		const struct patient *pt = &patients[n % N_PATIENTS];
		fprintf(f, "case CASE-%u\n", 1001 + n);
		for (unsigned i = 0; i < 3 && pt->studies[i] != NULL; i++) {
			const struct study *st = pt->studies[i];
			char uid[UID_SIZE];
			study_uid(ph, n, st, uid);
			if (st->wanted)
				fprintf(f, "wanted %s %u\n", uid,
				    study_images(ph, st));
			else
				fprintf(f, "unwanted %s\n", uid);
		}
	}
	return close_text(f, "expect.txt", e);
}

static int
write_all(struct phantom *ph, struct err *e)
{
	if (make_dirs(ph->out, e) != 0)
		return -1;
	for (unsigned n = 0; n < ph->patients; n++) {
		const struct patient *pt = &patients[n % N_PATIENTS];
		for (unsigned i = 0; i < 3 && pt->studies[i] != NULL; i++) {
			if (write_study(ph, n, pt->studies[i], e) != 0)
				return -1;
		}
	}
	if (write_list(ph, e) != 0)
		return -1;
	return write_expect(ph, e);
}

/* ${count} images of one series of one study. */
static int
write_bench(struct phantom *ph, unsigned count, struct err *e)
{
	struct series se = bench;
	se.slices = (count + se.phases - 1) / se.phases;
	struct study st = benchmark;
	st.series[0] = &se;
	struct place at = { .patient = &patients[0], .study = &st,
		.series = &se };
	(void)str_copy(at.folder, sizeof(at.folder),
	    ph->out); /* main has checked the length */
	return write_series(ph, &at, count, e);
}

static int
write_capture(struct phantom *ph, struct image *im, unsigned frames,
    struct err *e)
{
	char path[PATH_SIZE + 32], purpose[UID_SIZE + 16];
	(void)snprintf(path, sizeof(path), "%s/%05u.dcm", ph->out,
	    im->number); /* fits */
	(void)snprintf(purpose, sizeof(purpose), "%s/%u", im->series_uid,
	    im->number); /* fits */
	make_uid(im->uid, uid_seed(ph), purpose);
	struct elements el;
	elements_init(&el);
	put_capture(&el, im, frames);
	const struct part10 file = { .path = path, .el = &el,
		.sop_class = CLASS_SC_WORD, .instance = im->uid,
		.frame = ph->pixels, .frames = frames,
		.frame_bytes = (size_t)2 * im->side * im->side };
	int rc = write_part10(&file, e);
	buf_done(&el.b);
	ph->files++;
	return rc;
}

/* ${count} objects of about ${bytes} each. */
static int
write_big(struct phantom *ph, unsigned count, int64_t bytes, struct err *e)
{
	static const struct series se = { .folder = "big", .number = 1,
		.slices = 1, .phases = 2, .components = 1, .fov = 1 };
	static const struct study st = { "big", "Big captures", "", "OT", 1,
		"120000", true, { &se } };
	struct place at = { .patient = &patients[0], .study = &st,
		.series = &se };
	struct image im = image_of(ph, &at);
	im.side = bytes < 2 * BIG_SIDE * BIG_SIDE ? 256 : BIG_SIDE;
	int64_t frame = (int64_t)2 * im.side * im.side;
	unsigned frames = (unsigned)(bytes < frame ? 1 : bytes / frame);
	for (size_t i = 0; i < (size_t)frame; i++)
		ph->pixels[i] = (uint8_t)hash32((uint32_t)i);
	if (make_dirs(ph->out, e) != 0)
		return -1;
	for (im.number = 1; im.number <= count; im.number++) {
		for (int k = 0; k < 4; k++)
			ph->pixels[4 + k] = (uint8_t)(im.number >> 8 * k);
		if (write_capture(ph, &im, frames, e) != 0)
			return -1;
	}
	return 0;
}

static int64_t
local_today(void)
{
	time_t now = (time_t)clock_utc_s();
	struct tm tm;
	if (localtime_r(&now, &tm) == NULL)
		return now / 86400;
	return civil_days(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
}

static _Noreturn void
usage(void)
{
	fputs("usage: phantom [--patients N] [--small] [--seed N]"
	    " [--today YYYYMMDD] OUTDIR\n"
	    "       phantom --bench N DIR\n"
	    "       phantom --big N BYTES DIR\n", stderr);
	exit(2);
}

static int64_t
number(const char *s, int64_t max)
{
	int64_t v = 0;
	if (s == NULL || !str_to_i64(s, 1, max, &v))
		usage();
	return v;
}

static int64_t
day_of(const char *s)
{
	int64_t v = number(s, 99991231);
	struct civil c = { .year = (int)(v / 10000),
		.month = (int)(v / 100 % 100), .day = (int)(v % 100) };
	if (!civil_is_valid(&c))
		usage();
	return civil_days(c.year, c.month, c.day);
}

struct options {
	unsigned bench, big;
};

static void
take_options(struct phantom *ph, struct options *o, int argc, char **argv)
{
	static const struct option names[] = {
		{ "patients", required_argument, NULL, 'p' },
		{ "small", no_argument, NULL, 's' },
		{ "seed", required_argument, NULL, 'r' },
		{ "today", required_argument, NULL, 't' },
		{ "bench", required_argument, NULL, 'n' },
		{ "big", required_argument, NULL, 'b' },
		{ NULL, 0, NULL, 0 } };
	for (;;) {
		int c = getopt_long(argc, argv, "", names, NULL);
		if (c == -1)
			return;
		if (c == 'p')
			ph->patients = (unsigned)number(optarg, 999);
		else if (c == 's')
			ph->small = true;
		else if (c == 'r')
			ph->seed = (uint64_t)number(optarg, INT64_MAX);
		else if (c == 't')
			ph->today = day_of(optarg);
		else if (c == 'n')
			o->bench = (unsigned)number(optarg, 99999);
		else if (c == 'b')
			o->big = (unsigned)number(optarg, 99999);
		else
			usage();
	}
}

static int
run(struct phantom *ph, const struct options *o, char **left, struct err *e)
{
	if (o->big != 0)
		return write_big(ph, o->big, number(left[0], BIG_MAX), e);
	if (o->bench != 0)
		return write_bench(ph, o->bench, e);
	return write_all(ph, e);
}

int
main(int argc, char **argv)
{
	struct phantom ph = { .patients = N_PATIENTS, .seed = 1,
		.today = local_today() };
	struct options o = {0};
	take_options(&ph, &o, argc, argv);
	int want = o.big != 0 ? 2 : 1;
	if (argc - optind != want ||
	    strlen(argv[argc - 1]) > PATH_SIZE - 64)
		usage();
	ph.out = argv[argc - 1];
	ph.chest = mem_new_n(float, SIDE_MAX * SIDE_MAX);
	ph.picture = mem_new_n(float, SIDE_MAX * SIDE_MAX);
	ph.pixels = mem_new_n(uint8_t, 2 * BIG_SIDE * BIG_SIDE);

	struct err e;
	int rc = run(&ph, &o, &argv[optind], &e);
	if (rc != 0)
		fprintf(stderr, "phantom: %s\n", e.msg);
	else
		printf("%u objects in %s\n", ph.files, ph.out);
	mem_free(ph.pixels);
	mem_free(ph.picture);
	mem_free(ph.chest);
	return rc == 0 ? 0 : 1;
}
