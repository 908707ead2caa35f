/* SPDX-License-Identifier: MIT */
/* WADO-RS frames and bulk data (PS3.18 10.4.1.1.3, 10.4.1.1.5). */
#include <string.h>

#include "base/str.h"
#include "dicom/dataset.h"
#include "dicomweb_priv.h"
#include "store/store.h"
#include "wire/frames.h"
#include "wire/scan.h"

#define OCTETS "application/octet-stream"
#define FRAMES_ASKED_MAX 10000 /* of one request; 400 above */

/* media types of compressed pixel data, PS3.18 table 8.7.3-5 */
static const struct {
	const char *syntax, *type;
} compressed[] = {
	{"1.2.840.10008.1.2.5", "image/dicom-rle"},
	{"1.2.840.10008.1.2.4.50", "image/jpeg"},
	{"1.2.840.10008.1.2.4.51", "image/jpeg"},
	{"1.2.840.10008.1.2.4.57", "image/jpeg"},
	{"1.2.840.10008.1.2.4.70", "image/jpeg"},
	{"1.2.840.10008.1.2.4.80", "image/jls"},
	{"1.2.840.10008.1.2.4.81", "image/jls"},
	{"1.2.840.10008.1.2.4.90", "image/jp2"},
	{"1.2.840.10008.1.2.4.91", "image/jp2"},
	{"1.2.840.10008.1.2.4.92", "image/jpx"},
	{"1.2.840.10008.1.2.4.93", "image/jpx"},
	{"1.2.840.10008.1.2.4.110", "image/jxl"},
	{"1.2.840.10008.1.2.4.111", "image/jxl"},
	{"1.2.840.10008.1.2.4.112", "image/jxl"},
	{"1.2.840.10008.1.2.4.201", "image/jphc"},
	{"1.2.840.10008.1.2.4.202", "image/jphc"},
	{"1.2.840.10008.1.2.4.203", "image/jphc"},
	{"1.2.840.10008.1.2.4.100", "video/mpeg2"},
	{"1.2.840.10008.1.2.4.101", "video/mpeg2"},
	{"1.2.840.10008.1.2.4.102", "video/mp4"},
	{"1.2.840.10008.1.2.4.103", "video/mp4"},
	{"1.2.840.10008.1.2.4.104", "video/mp4"},
	{"1.2.840.10008.1.2.4.105", "video/mp4"},
	{"1.2.840.10008.1.2.4.106", "video/mp4"},
};

/* how pixels leave */
struct form {
	bool multipart;
	const char *type; /* of a part, or of the whole */
	const char *syntax; /* NULL = there is no such form */
	bool convert; /* to Explicit LE first */
};

static const char *
type_of(const char *syntax)
{
	for (size_t i = 0; i < sizeof(compressed) / sizeof(compressed[0]);
	    i++)
		if (str_eq(compressed[i].syntax, syntax))
			return compressed[i].type;
	return OCTETS;
}

/* What one range of an Accept makes of pixels in ${stored}. */
static struct form
form_of(const struct media *m, const char *stored)
{
	bool any = str_eq(m->type, "*/*");
	bool multi = any || accept_is(m->type, "multipart/related");
	const char *inner = any || (multi && m->inner[0] == '\0') ? "*/*" :
	    multi ? m->inner : m->type;
	const char *own = type_of(stored);
	bool deflated = str_eq(stored, SYNTAX_DEFLATED_LE);
	bool plain = m->syntax[0] == '\0' ||
	    str_eq(m->syntax, SYNTAX_EXPLICIT_LE);
	bool as_stored = !deflated && (str_eq(m->syntax, "*") ||
	    str_eq(m->syntax, stored));
	struct form f = {.multipart = multi, .type = OCTETS};
	if (str_eq(inner, "*/*") && !deflated &&
	    (as_stored || m->syntax[0] == '\0')) {
		f.type = own;
		f.syntax = stored;
	} else if (accept_is(inner, OCTETS) && as_stored) {
		f.syntax = stored;
	} else if (accept_is(inner, OCTETS) && plain &&
	    dw_is_native(stored)) {
		f.syntax = SYNTAX_EXPLICIT_LE; /* pixels are the same */
	} else if (accept_is(inner, OCTETS) &&
	    (plain || str_eq(m->syntax, "*")) &&
	    decode_can(stored, SYNTAX_EXPLICIT_LE)) {
		f.syntax = SYNTAX_EXPLICIT_LE;
		f.convert = true;
	} else if (accept_is(inner, own) &&
	    (as_stored || m->syntax[0] == '\0') && !str_eq(own, OCTETS)) {
		f.type = own;
		f.syntax = stored;
	}
	return f;
}

static struct form
choose(const struct accept *a, const char *stored, bool many)
{
	for (unsigned i = 0; i < a->n; i++) {
		struct form f = form_of(&a->m[i], stored);
		if (f.syntax != NULL && (f.multipart || !many))
			return f;
	}
	return (struct form){.syntax = NULL};
}

/* ---- where the pixels are ---- */

struct image {
	struct frames_shape shape;
	bool big; /* endian */
	bool halved; /* two pixels share their colour: YBR_FULL_422 */
};

static unsigned
number(const struct scan_element *el, bool big)
{
	if (el->n < 2)
		return 0;
	return big ? (unsigned)el->p[0] << 8 | el->p[1] :
	    (unsigned)el->p[1] << 8 | el->p[0];
}

static bool
on_element(void *ctx, const struct scan_element *el) /* scan_element_fn */
{
	struct image *im = ctx;
	char text[32];
	int64_t v = 0;
	if (el->p == NULL)
		return true;
	(void)str_copy_n(text, sizeof(text), (const char *)el->p,
	    el->n); /* longer is nothing that we look for */
	(void)str_trim(text); /* returns its argument */
	switch (el->tag) {
	case TAG(0x0028, 0x0002):
		im->shape.samples = number(el, im->big);
		break;
	case TAG(0x0028, 0x0004):
		im->halved = str_in_list("YBR_FULL_422,YBR_PARTIAL_422",
		    text);
		break;
	case TAG_FRAMES:
		if (str_to_i64(text, 1, FRAMES_MAX, &v))
			im->shape.frames = (unsigned)v;
		break;
	case TAG_ROWS:
		im->shape.rows = number(el, im->big);
		break;
	case TAG_COLUMNS:
		im->shape.columns = number(el, im->big);
		break;
	case TAG_BITS_ALLOCATED:
		im->shape.bits_allocated = number(el, im->big);
		break;
	default:
		break;
	}
	return true;
}

/* what is told of one frame after another */
struct telling {
	struct dw_request *rq;
	struct body *b;
	const struct form *form;
	char boundary[DW_BOUNDARY_SIZE];
	const uint8_t *data; /* the data set */
	size_t data_n;
	const char *syntax; /* that it is in */
	const uint8_t *pixels;
	size_t pixels_n;
	struct image im;
};

/* The only value that an image has of these, PS3.3 C.7.6.24, C.7.6.25. */
static bool
find_pixels(struct telling *t)
{
	static const char *const paths[] = {"7FE00010", "7FE00008",
		"7FE00009"};
	struct scan sc;
	struct err e;
	size_t at = 0, n = 0;
	const char *syntax = t->syntax;
	t->im = (struct image){.shape = {.samples = 1, .frames = 1,
	    .big_endian = str_eq(syntax, SYNTAX_EXPLICIT_BE),
	    .encapsulated = !dw_is_native(syntax) &&
	    !str_eq(syntax, SYNTAX_EXPLICIT_BE)}};
	t->im.big = t->im.shape.big_endian;
	if (scan_data_set(t->data, t->data_n, syntax, on_element, &t->im,
	    &sc, &e) != 0)
		return false;
	if (t->im.halved && t->im.shape.samples == 3)
		t->im.shape.samples = 2; /* bytes a pixel, PS3.3 C.7.6.3.1.2 */
	for (int i = 0; i < 3; i++)
		if (dataset_locate(t->data, t->data_n, syntax, paths[i], &at,
		    &n, &e) == 1 && n > 0) {
			t->pixels = t->data + at;
			t->pixels_n = n;
			return true;
		}
	return false;
}

static void
begin_part(struct telling *t)
{
	if (t->form->multipart)
		body_textf(t->b, "--%s\r\nContent-Type: %s; "
		    "transfer-syntax=%s\r\n\r\n", t->boundary, t->form->type,
		    t->form->syntax);
}

static void
end_part(struct telling *t)
{
	if (t->form->multipart)
		body_text(t->b, "\r\n", 2);
}

static void
on_frame_piece(void *ctx, const struct frames_piece *piece) /* frames_fn */
{
	struct telling *t = ctx;
	body_bytes(t->b, t->pixels + piece->at, (size_t)piece->n);
}

/* One frame; false when it was answered with an error. */
static bool
tell_frame(struct telling *t, unsigned k)
{
	struct err e;
	begin_part(t);
	int rc = frames_find(&t->im.shape, t->pixels, t->pixels_n, k,
	    on_frame_piece, t, &e);
	end_part(t);
	if (rc == 0)
		dw_refuse(t->rq, 404, "frame %u: there is none", k);
	else if (rc < 0)
		dw_refuse(t->rq, 500, "frame %u: cannot be told from the "
		    "others", k);
	return rc == 1;
}

/* Take the number at ${*at}: false when there is none, 0 marks rubbish. */
static bool
next_number(const char **at, unsigned *ret)
{
	int64_t v = 0;
	const char *s = *at;
	if (*s == '\0')
		return false;
	size_t n = strcspn(s, ",");
	*ret = str_to_i64_n(s, n, 1, FRAMES_MAX, &v) ? (unsigned)v : 0;
	*at = s + n + (s[n] == ',');
	return true;
}

/* How many frames a list names, 0 when it is none. */
static unsigned
count_frames(const char *list)
{
	unsigned k = 0, n = 0;
	while (next_number(&list, &k) && n <= FRAMES_ASKED_MAX) {
		if (k == 0)
			return 0;
		n++;
	}
	return n <= FRAMES_ASKED_MAX ? n : 0;
}

/* Map or convert the object and point ${t} at its data set. */
static bool
open_data(struct telling *t, const struct store_item *o, bool convert)
{
	bool ok = convert ? dw_convert(t->rq, o, SYNTAX_EXPLICIT_LE, t->b) :
	    dw_map(t->rq, o, t->b);
	if (!ok)
		return false;
	t->data = convert ? body_own(t->b)->p : body_map(t->b)->p;
	t->data_n = convert ? body_own(t->b)->len : body_map(t->b)->n;
	t->syntax = convert ? SYNTAX_EXPLICIT_LE : o->syntax;
	return true;
}

/* End and give ${t->b}. */
static void
finish(struct telling *t)
{
	char type[160];
	if (t->form->multipart) {
		body_textf(t->b, "--%s--\r\n", t->boundary);
		dw_multipart(type, sizeof(type), t->form->type, t->boundary);
	} else {
		(void)str_copy(type, sizeof(type), t->form->type); /* fits */
	}
	dw_give(t->rq, 200, type, t->b);
	t->b = NULL; /* the answer owns it now */
}

static void
tell_frames(struct telling *t, const struct store_item *o)
{
	const char *list = t->rq->path.tail;
	unsigned k = 0;
	if (!open_data(t, o, t->form->convert))
		return;
	if (!find_pixels(t)) {
		dw_refuse(t->rq, 404, "the object has no frames");
		return;
	}
	while (next_number(&list, &k))
		if (!tell_frame(t, k))
			return;
	finish(t);
}

void
wado_frames(struct dw_request *rq)
{
	unsigned n = count_frames(rq->path.tail);
	struct dw_objects o = {0};
	struct telling t = {.rq = rq, .b = body_new(rq->dw)};
	if (n == 0) {
		dw_refuse(rq, 400, "frames: want a list of numbers from 1");
		goto out;
	}
	if (!dw_find(rq, &rq->path, t.b, &o))
		goto out;
	struct form f = choose(&rq->accept, o.items[0].syntax, n > 1);
	if (f.syntax == NULL) {
		dw_refuse(rq, 406, "Accept: want multipart/related; "
		    "type=\"" OCTETS "\"; transfer-syntax=*");
		goto out;
	}
	t.form = &f;
	dw_boundary(t.boundary);
	tell_frames(&t, &o.items[0]);
out:
	dw_objects_done(&o);
	body_free(&t.b);
}

/* ---- bulk data ---- */

static void
tell_bulk(struct telling *t, const struct store_item *o)
{
	struct err e;
	size_t at = 0, n = 0;
	bool deflated = str_eq(o->syntax, SYNTAX_DEFLATED_LE);
	if (deflated && !decode_can(o->syntax, SYNTAX_EXPLICIT_LE)) {
		dw_refuse(t->rq, 406, "bulk data of a deflated object is not "
		    "served: ask for the object");
		return;
	}
	if (!open_data(t, o, deflated))
		return;
	if (dataset_locate(t->data, t->data_n, t->syntax, t->rq->path.tail,
	    &at, &n, &e) != 1) {
		dw_refuse(t->rq, 404, "bulk data: nothing is at that path");
		return;
	}
	if (t->form->multipart)
		body_textf(t->b, "--%s\r\nContent-Type: " OCTETS "\r\n\r\n",
		    t->boundary);
	body_bytes(t->b, t->data + at, n);
	end_part(t);
	finish(t);
}

/* The form of bulk data: whole where nothing is said. */
static bool
bulk_form(const struct accept *a, struct form *ret)
{
	for (unsigned i = 0; i < a->n; i++) {
		const struct media *m = &a->m[i];
		*ret = (struct form){.type = OCTETS};
		if (accept_is(m->type, OCTETS))
			return true;
		ret->multipart = accept_is(m->type, "multipart/related") &&
		    (m->inner[0] == '\0' || accept_is(m->inner, OCTETS));
		if (ret->multipart)
			return true;
	}
	return false;
}

void
wado_bulk(struct dw_request *rq)
{
	struct dw_objects o = {0};
	struct form f;
	struct telling t = {.rq = rq, .b = body_new(rq->dw), .form = &f};
	if (!bulk_form(&rq->accept, &f))
		dw_refuse(rq, 406, "Accept: want " OCTETS);
	else if (dw_find(rq, &rq->path, t.b, &o)) {
		dw_boundary(t.boundary);
		tell_bulk(&t, &o.items[0]);
	}
	dw_objects_done(&o);
	body_free(&t.b);
}
