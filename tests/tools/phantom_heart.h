/* SPDX-License-Identifier: MIT */
/* Part of phantom: the pictures. A chest seen along the short axis of a heart
 * that beats, and a head; all in millimetres, y towards the back, the middle
 * of the picture at the origin. */
#ifndef PHANTOM_HEART_H
#define PHANTOM_HEART_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define PI 3.14159265f
#define SIDE_MAX 512 /* pixels of the largest picture's side */

/* brightness of each tissue in one kind of picture */
struct look {
	float air, fat, muscle, lung, blood, myo, liver, bone, csf, scar;
	float noise; /* amplitude */
	float shading; /* how much the coil falls off with depth, 0..1 */
	float grain; /* how strong the texture of a tissue is */
};

static const struct look look_cine = {
	.air = 6, .fat = 880, .muscle = 190, .lung = 42, .blood = 940,
	.myo = 270, .liver = 360, .bone = 330, .csf = 1050, .scar = 270,
	.noise = 22, .shading = .45f, .grain = 1 };
static const struct look look_lge = {
	.air = 6, .fat = 640, .muscle = 110, .lung = 30, .blood = 520,
	.myo = 48, .liver = 240, .bone = 210, .csf = 130, .scar = 900,
	.noise = 18, .shading = .35f, .grain = 1 };
static const struct look look_flow = {
	.air = 6, .fat = 330, .muscle = 260, .lung = 38, .blood = 620,
	.myo = 280, .liver = 300, .bone = 220, .csf = 260, .scar = 280,
	.noise = 26, .shading = .35f, .grain = 1 };
/* Hounsfield units + 1024 */
static const struct look look_ct = {
	.air = 24, .fat = 920, .muscle = 1078, .lung = 180, .blood = 1290,
	.myo = 1130, .liver = 1125, .bone = 1480, .csf = 1040, .scar = 1130,
	.noise = 26, .shading = 0, .grain = .06f };

/* one picture to draw */
struct scene {
	const struct look *look;
	unsigned side; /* pixels */
	float mm; /* a pixel */
	float level; /* 0 base of the heart, 1 apex */
	float t; /* 0..1 through the beat, 0 the R wave */
	uint32_t seed;
};

/* the heart at one moment: radii and places in mm */
struct heart {
	float x, y; /* middle of the left ventricle */
	float endo, epi; /* inner and outer radius of its wall */
	float rv_x, rv_y, rv_a, rv_b; /* ellipse of the right ventricle */
	float twist; /* radians */
};

static float
clamp01(float v)
{
	return v < 0 ? 0 : v > 1 ? 1 : v;
}

static float
mixf(float a, float b, float share)
{
	return a + (b - a) * share;
}

static float
smooth(float from, float to, float v)
{
	float u = clamp01((v - from) / (to - from));
	return u * u * (3 - 2 * u);
}

static uint32_t
hash32(uint32_t v)
{
	v ^= v >> 16;
	v *= 0x7feb352du;
	v ^= v >> 15;
	v *= 0x846ca68bu;
	return v ^ v >> 16;
}

/* -1..1, triangular: near enough to the noise of a receiver coil */
static float
noise_at(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	uint32_t v = *state ^ *state >> 15;
	return (float)(v & 0xffff) / 65535.f + (float)(v >> 16) / 65535.f - 1;
}

static float
lattice(int x, int y, uint32_t seed)
{
	uint32_t v = hash32((uint32_t)x * 73856093u ^
	    (uint32_t)y * 19349663u ^ seed);
	return (float)(v & 0xffff) / 32767.5f - 1;
}

/* Smooth texture, -1..1, with features of ${size} mm. */
static float
texture(float x, float y, float size, uint32_t seed)
{
	x /= size;
	y /= size;
	int ix = (int)floorf(x), iy = (int)floorf(y);
	float fx = smooth(0, 1, x - (float)ix);
	float fy = smooth(0, 1, y - (float)iy);
	float a = mixf(lattice(ix, iy, seed), lattice(ix + 1, iy, seed), fx);
	float b = mixf(lattice(ix, iy + 1, seed),
	    lattice(ix + 1, iy + 1, seed), fx);
	return mixf(a, b, fy);
}

/* ${v} with a texture of ${share} of its brightness. */
static float
grained(const struct scene *s, float v, float share, float tex)
{
	return v * (1 + share * s->look->grain * tex);
}

/* Signed distance to an ellipse, roughly: exact at its edge. */
static float
ellipse(float x, float y, float a, float b)
{
	return (hypotf(x / a, y / b) - 1) * (a < b ? a : b);
}

/* How much of a pixel at distance ${d} from an edge is inside. */
static float
inside(const struct scene *s, float d)
{
	return clamp01(.5f - d / (1.6f * s->mm));
}

/* How far the ventricles have contracted: 0 filled, 1 end of systole. */
static float
contraction(float t)
{
	float squeeze = smooth(.02f, .36f, t);
	float relax = .8f * smooth(.38f, .58f, t);
	float atria = .2f * smooth(.84f, .97f, t);
	return squeeze - relax - atria;
}

static struct heart
heart_at(float level, float t)
{
	float c = contraction(t);
	float narrow = sqrtf(1 - .78f * level * level);
	float endo = 21.5f * narrow * (1 - .36f * c);
	/* the wall keeps its area while it thickens */
	float rest = 21.5f * narrow;
	float wall = (rest + 7.5f) * (rest + 7.5f) - rest * rest;
	float rv = sqrtf(clamp01(1.05f - level * level * 1.1f));
	struct heart h = {
		.x = 24, .y = -12 + 1.5f * c, .endo = endo,
		.epi = sqrtf(endo * endo + wall), .twist = .25f * c * level };
	h.rv_x = h.x - h.epi * .72f - 4 + 3 * c;
	h.rv_y = h.y - 9;
	h.rv_a = 31 * rv * (1 - .2f * c);
	h.rv_b = 32 * rv * (1 - .12f * c);
	return h;
}

static float
ribs(float x, float y, float d)
{
	float angle = atan2f(y - 4, x);
	float row = smooth(.25f, .6f, cosf(angle * 9 + .8f));
	return row * smooth(-20, -18, d) * (1 - smooth(-13, -11, d));
}

/* Skin, fat, muscle, ribs and lungs. */
static float
chest_wall(const struct scene *s, float x, float y)
{
	const struct look *k = s->look;
	float d = ellipse(x, y - 6, 122, 90);
	float v = mixf(k->air, k->muscle, inside(s, d));
	v = mixf(v, k->fat, inside(s, d + 2) * (1 - inside(s, d + 10)));
	v = mixf(v, k->bone, ribs(x, y, d));
	float lung = grained(s, k->lung, .5f, texture(x, y, 5, s->seed));
	v = mixf(v, lung, inside(s, d + 21));
	/* the lungs leave the middle free */
	float middle = ellipse(x - 12, y + 4, 58, 74) +
	    3 * texture(x, y, 18, s->seed + 1);
	float share = inside(s, middle) * inside(s, d + 21);
	float rough = texture(x, y, 13, s->seed + 2) +
	    .5f * texture(x, y, 6, s->seed + 11);
	float fill = mixf(k->muscle + 25, k->fat * .75f,
	    .75f * smooth(-.7f, 1.1f, rough));
	return mixf(v, fill, share);
}

/* Liver under the dome of the diaphragm: more of it towards the apex. */
static float
liver(const struct scene *s, float x, float y, float under)
{
	float size = 36 + 34 * s->level;
	float d = ellipse(x + 62, y - 32, size * 1.05f, size) +
	    2 * texture(x, y, 22, s->seed + 3);
	float wall = ellipse(x, y - 6, 122, 90) + 21;
	float branch = fabsf(texture(x, y, 17, s->seed + 4) +
	    .4f * texture(x, y, 8, s->seed + 12));
	float v = grained(s, s->look->liver, .08f,
	    texture(x, y, 4, s->seed + 5));
	float bright = mixf(s->look->liver, s->look->blood, .6f);
	v = mixf(v, bright, .6f * (1 - smooth(.03f, .1f, branch)));
	return mixf(under, v, inside(s, d) * inside(s, wall));
}

/* Vertebra with its canal, descending aorta, inferior vena cava, sternum. */
static float
spine(const struct scene *s, float x, float y, float v)
{
	const struct look *k = s->look;
	float bone = grained(s, k->bone, .12f, texture(x, y, 5, s->seed + 6));
	v = mixf(v, k->muscle, inside(s, ellipse(x, y - 74, 44, 19)));
	v = mixf(v, bone, inside(s, ellipse(x, y - 58, 18, 14)));
	v = mixf(v, k->csf, inside(s, ellipse(x, y - 78, 7.5f, 6)));
	v = mixf(v, k->muscle * 1.4f, inside(s, ellipse(x, y - 78, 4, 3.4f)));
	v = mixf(v, k->blood, inside(s, ellipse(x - 23, y - 49, 8.5f, 8.5f)));
	v = mixf(v, k->blood * .9f, inside(s, ellipse(x + 22, y - 30, 10, 7)));
	return mixf(v, bone, inside(s, ellipse(x + 4, y + 72, 15, 5)));
}

/* All that does not move, into ${v} of side x side. */
static void
draw_chest(const struct scene *s, float *v)
{
	float half = (float)s->side / 2;
	for (unsigned j = 0; j < s->side; j++) {
		for (unsigned i = 0; i < s->side; i++) {
			float x = ((float)i - half + .5f) * s->mm;
			float y = ((float)j - half + .5f) * s->mm;
			float p = chest_wall(s, x, y);
			p = liver(s, x, y, p);
			*v++ = spine(s, x, y, p);
		}
	}
}

static float
left_ventricle(const struct scene *s, const struct heart *h, float x, float y,
    float v)
{
	const struct look *k = s->look;
	float r = hypotf(x, y), angle = atan2f(y, x) - h->twist;
	float rough = 1 + .035f * cosf(7 * angle) + .03f * cosf(11 * angle + 1);
	float endo = h->endo * rough;
	float muscle = grained(s, k->myo, .1f, texture(x, y, 4, s->seed + 7));
	float scar = smooth(.15f, .3f, angle) *
	    (1 - smooth(1.3f, 1.5f, angle)) *
	    (1 - smooth(.5f, .7f, (r - endo) / (h->epi - endo)));
	muscle = mixf(muscle, k->scar, scar);
	v = mixf(v, muscle, inside(s, r - h->epi));

	float swirl = texture(x + 40 * s->t, y - 25 * s->t, 9, s->seed + 8);
	float blood = grained(s, k->blood * .97f, .07f, swirl);
	/* two papillary muscles */
	float size = h->endo * .2f * (1 - .5f * s->level);
	for (int m = 0; m < 2; m++) {
		float at = h->twist + (m == 0 ? .75f : 2.5f);
		float d = hypotf(x - h->endo * .66f * cosf(at),
		    y - h->endo * .66f * sinf(at)) - size;
		blood = mixf(blood, k->myo, inside(s, d) *
		    smooth(.1f, .25f, s->level));
	}
	return mixf(v, blood, inside(s, r - endo));
}

static float
right_ventricle(const struct scene *s, const struct heart *h, float x, float y,
    float v)
{
	const struct look *k = s->look;
	if (h->rv_a < 8)
		return v;
	float d = ellipse(x - (h->rv_x - h->x), y - (h->rv_y - h->y), h->rv_a,
	    h->rv_b);
	d += 1.2f * texture(x, y, 5, s->seed + 9);
	float swirl = texture(x - 30 * s->t, y + 30 * s->t, 10, s->seed + 10);
	v = mixf(v, k->myo, inside(s, d - 3.2f));
	float blood = grained(s, k->blood * .93f, .08f, swirl);
	return mixf(v, blood, inside(s, d));
}

/* Draw the heart of this moment over a chest. */
static void
draw_heart(const struct scene *s, float *v)
{
	struct heart h = heart_at(s->level, s->t);
	float half = (float)s->side / 2;
	for (unsigned j = 0; j < s->side; j++) {
		float y = ((float)j - half + .5f) * s->mm - h.y;
		if (y < -56 || y > 42)
			continue;
		for (unsigned i = 0; i < s->side; i++) {
			float x = ((float)i - half + .5f) * s->mm - h.x;
			if (x < -76 || x > 42)
				continue;
			float *p = &v[j * s->side + i];
			*p = right_ventricle(s, &h, x, y, *p);
			*p = left_ventricle(s, &h, x, y, *p);
		}
	}
}

static void
draw_head(const struct scene *s, float *v)
{
	float half = (float)s->side / 2, r = 1 - .35f * s->level * s->level;
	for (unsigned n = 0; n < s->side * s->side; n++) {
		float x = ((float)(n % s->side) - half) * s->mm;
		float y = ((float)(n / s->side) - half) * s->mm;
		float d = ellipse(x, y, 72 * r, 88 * r);
		float fold = 5 * texture(x, y, 9, s->seed) +
		    3 * texture(x, y, 5, s->seed + 1);
		float p = mixf(5, 620, inside(s, d));
		p = mixf(p, 60, inside(s, d + 5));
		p = mixf(p, 150, inside(s, d + 11));
		p = mixf(p, 420, inside(s, d + 13 + fold * .4f));
		p = mixf(p, 640, inside(s, d + 20 + fold * 1.4f));
		float gap = fabsf(x) - 1.2f - .8f * texture(0, y, 8, s->seed);
		p = mixf(p, 150, inside(s, gap) * inside(s, d + 13));
		float ventricle = ellipse(fabsf(x) - 10 - fabsf(y) * .12f,
		    y + 2, 5.5f, 27);
		v[n] = mixf(p, 130, inside(s, ventricle));
	}
}

/* Blood velocity at a place, -1..1 of the encoding limit; ${axis} 0 along the
 * rows, 1 along the columns, 2 through the plane. */
static float
velocity(const struct heart *h, float x, float y, float t, int axis)
{
	float eject = sinf(PI * clamp01(t / .36f));
	float fill = sinf(PI * clamp01((t - .42f) / .22f)) +
	    .5f * sinf(PI * clamp01((t - .84f) / .13f));
	float ax = x - 23, ay = y - 49; /* the aorta */
	if (axis == 2 && hypotf(ax, ay) < 8.5f)
		return -.7f * eject * (1 - (ax * ax + ay * ay) / 72.25f);
	float lx = x - h->x, ly = y - h->y, r = hypotf(lx, ly);
	float part = r / h->endo;
	if (part < 1) {
		float swirl = .35f * (eject + fill) * part * (1 - part) * 4;
		float along = (.8f * fill - .9f * eject) * (1 - part * part);
		return axis == 2 ? along :
		    axis == 0 ? -swirl * ly / (r + .1f) :
		    swirl * lx / (r + .1f);
	}
	float d = ellipse(x - h->rv_x, y - h->rv_y, h->rv_a, h->rv_b);
	if (d < 0 && r > h->epi)
		return (axis == 2 ? .5f * (fill - eject) :
		    axis == 1 ? -.3f * eject : .2f * fill) *
		    clamp01(-d / 8);
	return 0;
}

static void
set_pixel(uint8_t *p, float v, float max)
{
	unsigned u = (unsigned)(v < 0 ? 0 : v > max ? max : v);
	p[0] = (uint8_t)u;
	p[1] = (uint8_t)(u >> 8);
}

/* The picture with noise and the coil's shading, as 12-bit pixels. */
static void
finish(const struct scene *s, const float *v, uint8_t *pixels)
{
	uint32_t state = hash32(s->seed ^ (uint32_t)(s->t * 4096) ^
	    (uint32_t)(s->level * 65536) << 8);
	for (unsigned j = 0; j < s->side; j++) {
		float deep = (float)j / (float)s->side;
		float gain = 1.12f - s->look->shading * deep * deep;
		for (unsigned i = 0; i < s->side; i++) {
			float p = *v++ * gain +
			    s->look->noise * noise_at(&state);
			/* a magnitude has no sign (Rician noise) */
			set_pixel(pixels, fabsf(p), 4095);
			pixels += 2;
		}
	}
}

/* One velocity component; where ${magnitude} is dark there is only noise. */
static void
finish_velocity(const struct scene *s, const float *magnitude, int axis,
    uint8_t *pixels)
{
	struct heart h = heart_at(s->level, s->t);
	uint32_t state = hash32(s->seed + 77u * (unsigned)(axis + 1)) ^
	    hash32((uint32_t)(s->t * 4096));
	float half = (float)s->side / 2;
	for (unsigned n = 0; n < s->side * s->side; n++) {
		float x = ((float)(n % s->side) - half + .5f) * s->mm;
		float y = ((float)(n / s->side) - half + .5f) * s->mm;
		float spread = 40 / (magnitude[n] + 1);
		if (spread > 1)
			spread = 1;
		float v = velocity(&h, x, y, s->t, axis) +
		    spread * spread * noise_at(&state) +
		    .012f * noise_at(&state);
		set_pixel(&pixels[2 * n], 2048 + 2047 * v, 4095);
	}
}

#endif
