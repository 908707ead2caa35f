/* SPDX-License-Identifier: MIT */
/* Part of phantom: the attributes of one MR, CT or secondary capture image
 * (PS3.3 A.3, A.4, A.8.3), in the order of their tags. */
#ifndef PHANTOM_IMAGE_H
#define PHANTOM_IMAGE_H

#include "base/clock.h"

#include "phantom_heart.h"
#include "phantom_write.h"

#define CLASS_CT "1.2.840.10008.5.1.4.1.1.2"
#define CLASS_MR "1.2.840.10008.5.1.4.1.1.4"
#define CLASS_SC_WORD "1.2.840.10008.5.1.4.1.1.7.3"
#define RR_MS 600 /* a child's beat */

enum picture { PICTURE_CINE, PICTURE_LGE, PICTURE_FLOW, PICTURE_CT,
	PICTURE_BRAIN };

/* what is the same for every image of a kind of series */
struct series {
	const char *folder, *description, *protocol;
	enum picture picture;
	unsigned number, slices, phases, components;
	unsigned side; /* pixels */
	float fov, thickness, spacing; /* mm */
	const char *sequence, *variant, *options; /* PS3.3 C.8.3.1 */
	const char *tr, *te, *flip;
};

struct study {
	const char *folder, *description, *body_part, *modality;
	int days_ago;
	const char *time; /* HHMMSS */
	bool wanted; /* for the patient's cardiac operation */
	const struct series *series[4]; /* NULL ends */
};

struct patient {
	const char *name, *id, *sex;
	int age_days; /* today */
	const char *procedure_code, *procedure, *surgeon;
	const struct study *studies[3]; /* NULL ends */
};

/* one image and everything above it */
struct image {
	const struct patient *patient;
	const struct study *study;
	const struct series *series;
	unsigned side;
	unsigned slice, slices, phase, phases, component, components;
	unsigned number; /* from 1 */
	int64_t study_day, today;
	char accession[17];
	char study_uid[UID_SIZE], series_uid[UID_SIZE], frame_uid[UID_SIZE];
	char uid[UID_SIZE];
};

/* YYYYMMDD */
static void
format_day(char dst[16], int64_t day)
{
	struct civil c = civil_of_utc(day * 86400);
	(void)snprintf(dst, 16, "%04d%02d%02d", c.year, c.month,
	    c.day); /* dates of this century fit */
}

static bool
is_ct(const struct image *im)
{
	return im->series->picture == PICTURE_CT;
}

static const char *
image_type(const struct image *im)
{
	if (is_ct(im))
		return "ORIGINAL\\PRIMARY\\AXIAL";
	if (im->component > 0)
		return "DERIVED\\PRIMARY\\VELOCITY MAP";
	return "ORIGINAL\\PRIMARY\\OTHER";
}

static void
put_general(struct elements *el, const struct image *im)
{
	const struct study *st = im->study;
	char day[16];
	format_day(day, im->study_day);
	put_str(el, 0x00080005, "CS", "ISO_IR 192");
	put_str(el, 0x00080008, "CS", image_type(im));
	put_str(el, 0x00080016, "UI", is_ct(im) ? CLASS_CT : CLASS_MR);
	put_str(el, 0x00080018, "UI", im->uid);
	for (uint32_t tag = 0x00080020; tag <= 0x00080023; tag++)
		put_str(el, tag, "DA", day);
	for (uint32_t tag = 0x00080030; tag <= 0x00080033; tag++)
		put_str(el, tag, "TM", st->time);
	put_str(el, 0x00080050, "SH", im->accession);
	put_str(el, 0x00080060, "CS", st->modality);
	put_str(el, 0x00080070, "LO", "Understudy");
	put_str(el, 0x00080080, "LO", "St Elsewhere Children's Hospital");
	put_str(el, 0x00080090, "PN", "");
	put_str(el, 0x00081030, "LO", st->description);
	put_str(el, 0x0008103e, "LO", im->series->description);
	put_str(el, 0x00081090, "LO", "Phantom");
}

static void
put_patient(struct elements *el, const struct image *im)
{
	const struct patient *pt = im->patient;
	int64_t birth = im->today - pt->age_days;
	char day[16];
	format_day(day, birth);
	put_str(el, 0x00100010, "PN", pt->name);
	put_str(el, 0x00100020, "LO", pt->id);
	put_str(el, 0x00100021, "LO", "UNDERSTUDY-DEMO");
	put_str(el, 0x00100030, "DA", day);
	put_str(el, 0x00100040, "CS", pt->sex);
	put_f(el, 0x00101010, "AS", "%03dY",
	    (int)((im->study_day - birth) / 365.2425));
}

static void
put_mr(struct elements *el, const struct image *im)
{
	const struct series *se = im->series;
	bool gated = strcmp(se->options, "CG") == 0;
	if (se->picture == PICTURE_LGE)
		put_str(el, 0x00180010, "LO", "Gadolinium");
	put_str(el, 0x00180015, "CS", im->study->body_part);
	put_str(el, 0x00180020, "CS", se->sequence);
	put_str(el, 0x00180021, "CS", se->variant);
	put_str(el, 0x00180022, "CS", se->options);
	put_str(el, 0x00180023, "CS",
	    se->picture == PICTURE_FLOW ? "3D" : "2D");
	put_f(el, 0x00180050, "DS", "%.1f", (double)se->thickness);
	put_str(el, 0x00180080, "DS", se->tr);
	put_str(el, 0x00180081, "DS", se->te);
	if (se->picture == PICTURE_LGE)
		put_str(el, 0x00180082, "DS", "260");
	put_str(el, 0x00180083, "DS", "1");
	put_str(el, 0x00180084, "DS", "63.87");
	put_str(el, 0x00180085, "SH", "1H");
	put_str(el, 0x00180087, "DS", "1.5");
	put_f(el, 0x00180088, "DS", "%.1f", (double)se->spacing);
	put_str(el, 0x00180091, "IS", "1");
	put_str(el, 0x00181000, "LO", "0001");
	put_str(el, 0x00181020, "LO", "0.1");
	put_str(el, 0x00181030, "LO", se->protocol);
	if (gated) {
		put_f(el, 0x00181060, "DS", "%u",
		    im->phase * RR_MS / im->phases);
		put_f(el, 0x00181062, "IS", "%d", RR_MS);
		put_f(el, 0x00181088, "IS", "%d", 60000 / RR_MS);
		put_f(el, 0x00181090, "IS", "%u", im->phases);
	}
	put_f(el, 0x00181100, "DS", "%.0f", (double)se->fov);
	put_str(el, 0x00181314, "DS", se->flip);
	put_str(el, 0x00185100, "CS", "HFS");
}

static void
put_ct(struct elements *el, const struct image *im)
{
	const struct series *se = im->series;
	put_str(el, 0x00180010, "LO", "Iohexol");
	put_str(el, 0x00180015, "CS", im->study->body_part);
	put_str(el, 0x00180022, "CS", se->options);
	put_f(el, 0x00180050, "DS", "%.1f", (double)se->thickness);
	put_str(el, 0x00180060, "DS", "80");
	put_f(el, 0x00180088, "DS", "%.1f", (double)se->spacing);
	put_str(el, 0x00181000, "LO", "0002");
	put_str(el, 0x00181020, "LO", "0.1");
	put_str(el, 0x00181030, "LO", se->protocol);
	put_f(el, 0x00181100, "DS", "%.0f", (double)se->fov);
	put_str(el, 0x00181120, "DS", "0");
	put_str(el, 0x00185100, "CS", "HFS");
}

/* The plane: the heart's short axis is oblique, CT and brain are axial. */
static void
put_plane(struct elements *el, const struct image *im)
{
	const struct series *se = im->series;
	bool axial = is_ct(im) || se->picture == PICTURE_BRAIN;
	double a = axial ? 0 : 0.62, b = axial ? 0 : -0.55;
	double row[3] = { cos(a), sin(a), 0 };
	double col[3] = { -sin(a) * cos(b), cos(a) * cos(b), sin(b) };
	double normal[3] = { row[1] * col[2] - row[2] * col[1],
		row[2] * col[0] - row[0] * col[2],
		row[0] * col[1] - row[1] * col[0] };
	double mm = (double)se->fov / im->side;
	double at = (im->slice - (im->slices - 1) / 2.0) * (double)se->spacing;
	double half = mm * (im->side - 1) / 2, p[3];
	for (int i = 0; i < 3; i++)
		p[i] = at * normal[i] - half * (row[i] + col[i]);
	put_f(el, 0x00200032, "DS", "%.4f\\%.4f\\%.4f", p[0], p[1], p[2]);
	put_f(el, 0x00200037, "DS", "%.8f\\%.8f\\%.8f\\%.8f\\%.8f\\%.8f",
	    row[0], row[1], row[2], col[0], col[1], col[2]);
	put_str(el, 0x00200052, "UI", im->frame_uid);
	if (im->phases > 1) {
		put_f(el, 0x00200100, "IS", "%u", im->phase + 1);
		put_f(el, 0x00200105, "IS", "%u", im->phases);
	}
	put_str(el, 0x00201040, "LO", "");
	put_f(el, 0x00201041, "DS", "%.4f", at);
}

static void
put_relation(struct elements *el, const struct image *im)
{
	put_str(el, 0x0020000d, "UI", im->study_uid);
	put_str(el, 0x0020000e, "UI", im->series_uid);
	put_str(el, 0x00200010, "SH", im->accession);
	put_f(el, 0x00200011, "IS", "%u", im->series->number);
	put_f(el, 0x00200012, "IS", "%u", im->component + 1);
	put_f(el, 0x00200013, "IS", "%u", im->number);
	put_plane(el, im);
}

static void
put_depth(struct elements *el, unsigned bits)
{
	put_us(el, 0x00280100, 16);
	put_us(el, 0x00280101, bits);
	put_us(el, 0x00280102, bits - 1);
	put_us(el, 0x00280103, 0);
}

static void
put_window(struct elements *el, const struct image *im)
{
	static const struct { const char *center, *width; } windows[] = {
		[PICTURE_CINE] = { "520", "1040" },
		[PICTURE_LGE] = { "360", "720" },
		[PICTURE_FLOW] = { "360", "720" },
		[PICTURE_CT] = { "60", "450" },
		[PICTURE_BRAIN] = { "360", "720" } };
	bool signed_flow = im->component > 0;
	put_str(el, 0x00281050, "DS", signed_flow ? "2048" :
	    windows[im->series->picture].center);
	put_str(el, 0x00281051, "DS", signed_flow ? "4096" :
	    windows[im->series->picture].width);
}

static void
put_image(struct elements *el, const struct image *im)
{
	double mm = (double)im->series->fov / im->side;
	put_general(el, im);
	put_patient(el, im);
	if (is_ct(im))
		put_ct(el, im);
	else
		put_mr(el, im);
	put_relation(el, im);
	put_us(el, 0x00280002, 1);
	put_str(el, 0x00280004, "CS", "MONOCHROME2");
	put_us(el, 0x00280010, im->side);
	put_us(el, 0x00280011, im->side);
	put_f(el, 0x00280030, "DS", "%.6f\\%.6f", mm, mm);
	put_depth(el, 12);
	put_window(el, im);
	if (is_ct(im)) {
		put_str(el, 0x00281052, "DS", "-1024");
		put_str(el, 0x00281053, "DS", "1");
		put_str(el, 0x00281054, "LO", "HU");
	}
	put_head(el, 0x7fe00010, "OW", 2 * im->side * im->side);
}

/* A multi-frame grayscale word capture of ${frames} frames (PS3.3 A.8.4). */
static void
put_capture(struct elements *el, const struct image *im, unsigned frames)
{
	char day[16];
	format_day(day, im->today);
	put_str(el, 0x00080005, "CS", "ISO_IR 192");
	put_str(el, 0x00080008, "CS", "DERIVED\\SECONDARY");
	put_str(el, 0x00080016, "UI", CLASS_SC_WORD);
	put_str(el, 0x00080018, "UI", im->uid);
	put_str(el, 0x00080020, "DA", day);
	put_str(el, 0x00080023, "DA", day);
	put_str(el, 0x00080030, "TM", im->study->time);
	put_str(el, 0x00080033, "TM", im->study->time);
	put_str(el, 0x00080050, "SH", im->accession);
	put_str(el, 0x00080060, "CS", im->study->modality);
	put_str(el, 0x00080064, "CS", "SYN");
	put_str(el, 0x00080070, "LO", "Understudy");
	put_str(el, 0x00080090, "PN", "");
	put_str(el, 0x00081030, "LO", im->study->description);
	put_patient(el, im);
	put_str(el, 0x00181063, "DS", "40");
	put_str(el, 0x0020000d, "UI", im->study_uid);
	put_str(el, 0x0020000e, "UI", im->series_uid);
	put_str(el, 0x00200010, "SH", im->accession);
	put_f(el, 0x00200011, "IS", "%u", im->series->number);
	put_f(el, 0x00200013, "IS", "%u", im->number);
	put_str(el, 0x00200020, "CS", "");
	put_str(el, 0x00200060, "CS", "");
	put_us(el, 0x00280002, 1);
	put_str(el, 0x00280004, "CS", "MONOCHROME2");
	put_f(el, 0x00280008, "IS", "%u", frames);
	put_at(el, 0x00280009, 0x00181063);
	put_us(el, 0x00280010, im->side);
	put_us(el, 0x00280011, im->side);
	put_depth(el, 16);
	put_str(el, 0x00280301, "CS", "NO");
	put_str(el, 0x00281052, "DS", "0");
	put_str(el, 0x00281053, "DS", "1");
	put_str(el, 0x00281054, "LO", "US");
	put_str(el, 0x20500020, "CS", "IDENTITY");
	put_head(el, 0x7fe00010, "OW", 2 * im->side * im->side * frames);
}

#endif
