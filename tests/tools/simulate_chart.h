/* SPDX-License-Identifier: MIT */
/* Part of simulate: a night, and the month, drawn (SVG). */
#ifndef SIMULATE_CHART_H
#define SIMULATE_CHART_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define NIGHT_FROM 17 /* o'clock */
#define NIGHT_HOURS 16
#define SAMPLES (NIGHT_HOURS * 60)
#define PLOT_X 64
#define PLOT_W 800
#define SVG_W 900
#define SVG_H 640

struct sample { /* a minute */
	double bytes[2]; /* by each archive */
	unsigned associations;
	unsigned ready, cases; /* of the coming day, not cancelled */
	bool down[2];
};

struct chart {
	struct sample s[SAMPLES];
	unsigned n;
	double share[400]; /* of each day: elective cases ready */
	unsigned days;
	double line_rate; /* bytes/s of both archives */
	const char *title;
};

static double
x_of(double minute)
{
	return PLOT_X + minute * PLOT_W / SAMPLES;
}

static void
text_at(FILE *f, double x, double y, const char *attributes, const char *s)
{
	(void)fprintf(f, "<text x='%.1f' y='%.1f' %s>%s</text>\n", x, y,
	    attributes, s);
}

static void
grid(FILE *f, double top, double height, const char *const labels[3])
{
	for (int i = 0; i < 3; i++) {
		double y = top + height - i * height / 2;
		(void)fprintf(f, "<line x1='%d' x2='%d' y1='%.1f' y2='%.1f' "
		    "class='grid'/>\n", PLOT_X, PLOT_X + PLOT_W, y, y);
		text_at(f, PLOT_X - 8, y + 4, "class='label end'",
		    labels[i]);
	}
}

static void
hours(FILE *f, double y)
{
	for (int h = 0; h <= NIGHT_HOURS; h += 2) {
		char s[8];
		(void)snprintf(s, sizeof(s), "%02d:00",
		    (NIGHT_FROM + h) % 24);
		text_at(f, x_of(h * 60), y, "class='label mid'", s);
	}
}

/* An area from ${base} up to the sum of the first ${k} archives' rates. */
static void
area(FILE *f, const struct chart *c, unsigned k, double base, double height,
    double most, const char *class)
{
	(void)fprintf(f, "<path class='%s' d='M%d %.1f", class, PLOT_X, base);
	for (unsigned i = 0; i < c->n; i += 4) {
		double v = 0;
		for (unsigned m = i; m < i + 4 && m < c->n; m++)
			for (unsigned a = 0; a < k; a++)
				v += c->s[m].bytes[a] / 60 / 4;
		double y = base - height * (v > most ? most : v) / most;
		(void)fprintf(f, "L%.1f %.1fL%.1f %.1f", x_of(i), y,
		    x_of(i + 4), y);
	}
	(void)fprintf(f, "L%.1f %.1fZ'/>\n", x_of(c->n), base);
}

static void
outages(FILE *f, const struct chart *c, double top, double height)
{
	for (unsigned a = 0; a < 2; a++)
		for (unsigned i = 0; i < c->n; i++) {
			unsigned from = i;
			while (i < c->n && c->s[i].down[a])
				i++;
			if (i == from)
				continue;
			double y = top + a * height / 2;
			(void)fprintf(f, "<rect class='out' x='%.1f' "
			    "y='%.1f' width='%.1f' height='%.1f'/>\n",
			    x_of(from), y, x_of(i) - x_of(from),
			    height / 2);
			bool late = from > SAMPLES * 7 / 8;
			text_at(f, late ? x_of(i) - 6 : x_of(from) + 6,
			    y + 16, late ? "class='note end'" :
			    "class='note'", a == 0 ? "PACS down" :
			    "old archive down");
		}
}

static void
curve(FILE *f, const struct chart *c, double base, double height)
{
	(void)fprintf(f, "<polyline class='ready' points='");
	for (unsigned i = 0; i < c->n; i += 2) {
		const struct sample *s = &c->s[i];
		double v = s->cases == 0 ? 0 : (double)s->ready / s->cases;
		(void)fprintf(f, "%.1f,%.1f ", x_of(i), base - height * v);
	}
	(void)fprintf(f, "'/>\n");
}

static void
month(FILE *f, const struct chart *c, double top, double height)
{
	static const char *const labels[3] = {"0 %", "50 %", "100 %"};
	double w = (double)PLOT_W / c->days;
	grid(f, top, height, labels);
	for (unsigned d = 0; d < c->days; d++) {
		char s[12];
		if (c->share[d] < 0)
			continue;
		(void)fprintf(f, "<rect class='%s' x='%.1f' y='%.1f' "
		    "width='%.1f' height='%.1f'/>\n", c->share[d] >= 1 ?
		    "whole" : "part", PLOT_X + d * w + w * .15,
		    top + height * (1 - c->share[d]), w * .7,
		    height * c->share[d]);
		(void)snprintf(s, sizeof(s), "%u", d + 1);
		text_at(f, PLOT_X + d * w + w / 2, top + height + 16,
		    "class='label mid'", s);
	}
}

static int
draw(const struct chart *c, const char *path)
{
	static const char *const share[3] = {"0 %", "50 %", "100 %"};
	char mid[24], full[24];
	const char *rate[3] = {"0", mid, full};
	FILE *f = fopen(path, "w");
	if (f == NULL)
		return -1;
	(void)snprintf(mid, sizeof(mid), "%.0f", c->line_rate / 2e6);
	(void)snprintf(full, sizeof(full), "%.0f", c->line_rate / 1e6);
	(void)fprintf(f, "<svg xmlns='http://www.w3.org/2000/svg' "
	    "viewBox='0 0 %d %d' font-family='Helvetica,Arial,sans-serif'>\n"
	    "<style>text{fill:#222;font-size:13px}.title{font-size:18px;"
	    "font-weight:600}.label,.note{font-size:11px;fill:#555}"
	    ".end{text-anchor:end}.mid{text-anchor:middle}"
	    ".grid{stroke:#e3e3e3}.a{fill:#9ec1e0}.b{fill:#2f6da3}"
	    ".out{fill:#b8433322}.ready{fill:none;stroke:#1c7c4a;"
	    "stroke-width:2.5}.whole{fill:#1c7c4a}.part{fill:#b84333}"
	    "</style>\n<rect width='100%%' height='100%%' fill='#fff'/>\n",
	    SVG_W, SVG_H);
	text_at(f, PLOT_X, 30, "class='title'", c->title);
	text_at(f, PLOT_X, 62, "", "MB/s from the archives: dark the PACS, "
	    "light the old archive above it");
	grid(f, 74, 170, rate);
	area(f, c, 2, 244, 170, c->line_rate, "a");
	area(f, c, 1, 244, 170, c->line_rate, "b");
	outages(f, c, 74, 170);
	hours(f, 262);
	text_at(f, PLOT_X, 296, "", "Cases of the day to come that are "
	    "ready in their theatre");
	grid(f, 308, 110, share);
	outages(f, c, 308, 110);
	curve(f, c, 418, 110);
	hours(f, 436);
	text_at(f, PLOT_X, 474, "", "Elective cases ready at their start, "
	    "by day");
	month(f, c, 486, 110);
	(void)fprintf(f, "</svg>\n");
	return fclose(f) == 0 ? 0 : -1;
}

#endif
