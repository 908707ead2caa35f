/* SPDX-License-Identifier: MIT */
/* A walk over the elements of a data set, PS3.5 sections 6 and 7.
 *
 * One loop with a stack of what is open: the data set at the bottom, above
 * it sequences (which hold items), items (which hold elements) and pixel
 * fragments. A container of defined length closes where it ends, one of
 * undefined length at its delimiter.
 */
#include <string.h>

#include "base/limits.h"
#include "base/str.h"
#include "wire/attrs.h"
#include "wire/scan.h"

#define UNDEFINED UINT32_MAX
#define TAG_ITEM TAG(0xFFFE, 0xE000)
#define TAG_ITEM_END TAG(0xFFFE, 0xE00D)
#define TAG_SEQUENCE_END TAG(0xFFFE, 0xE0DD)

enum kind { KIND_ELEMENTS, KIND_ITEMS, KIND_FRAGMENTS };

struct open {
	enum kind kind;
	bool implicit;
	bool big;
	bool undefined; /* closed by a delimiter, not by ${end} */
	size_t end; /* defined: where it closes; else the bound around it */
};

struct header {
	uint32_t tag;
	char vr[3]; /* "" in Implicit VR and of delimiters */
	uint32_t length;
	size_t size; /* bytes of tag, VR and length */
};

struct walk {
	const uint8_t *p;
	size_t n;
	size_t at;
	size_t top; /* where the last top-level element began */
	unsigned n_elements, most_elements;
	unsigned n_open, most_open;
	struct open open[2 * SCAN_DEPTH_MAX + 1];
	scan_element_fn *fn;
	void *ctx;
	struct scan *ret;
};

enum step { STEP_ON, STEP_END, STEP_MORE, STEP_FAILED };

static uint32_t
u16(const uint8_t *p, bool big)
{
	return big ? (uint32_t)(p[0] << 8 | p[1]) :
	    (uint32_t)(p[1] << 8 | p[0]);
}

static uint32_t
u32(const uint8_t *p, bool big)
{
	return big ? u16(p, true) << 16 | u16(p + 2, true) :
	    u16(p + 2, false) << 16 | u16(p, false);
}

/* The VRs with a 16-bit length, PS3.5 7.1.2. The standard gives every VR to
 * come the 32-bit form; a pair that is not two capitals is an old fault of
 * writers that use the short form ("??", blanks). DCMTK reads alike. */
static bool
is_short_vr(const char *vr)
{
	static const char names[] =
	    "AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US";
	if (vr[0] < 'A' || vr[0] > 'Z' || vr[1] < 'A' || vr[1] > 'Z')
		return true;
	for (size_t i = 0; i < sizeof(names) - 1; i += 3)
		if (names[i] == vr[0] && names[i + 1] == vr[1])
			return true;
	return false;
}

/* Read the header at ${w->at} within ${left} bytes; false when cut. */
static bool
read_header(const struct walk *w, const struct open *o, size_t left,
    struct header *h)
{
	const uint8_t *p = w->p + w->at;
	if (left < 8)
		return false;
	*h = (struct header){.size = 8};
	h->tag = u16(p, o->big) << 16 | u16(p + 2, o->big);
	if (o->implicit || h->tag >> 16 == 0xFFFE) {
		h->length = u32(p + 4, o->big);
		return true;
	}
	h->vr[0] = (char)p[4];
	h->vr[1] = (char)p[5];
	if (is_short_vr(h->vr)) {
		h->length = u16(p + 6, o->big);
		return true;
	}
	if (left < 12)
		return false;
	h->size = 12;
	h->length = u32(p + 8, o->big);
	return true;
}

static enum step
fail(const struct walk *w, const struct header *h, const char *what,
    struct err *e)
{
	(void)err_set(e, ERR_PARSE, 0, "data set: (%04x,%04x) at %zu: %s",
	    (unsigned)(h->tag >> 16), (unsigned)(h->tag & 0xFFFF), w->at,
	    what); /* returned below */
	return STEP_FAILED;
}

/* Open what ${h} begins; its content starts behind the header. An item may
 * reach beyond the stated end of its sequence, which then ends with it: such
 * files exist, and DCMTK reads them so. */
static enum step
push(struct walk *w, const struct header *h, struct open o, struct err *e)
{
	unsigned around = w->n_open - (o.kind == KIND_ELEMENTS ? 2 : 1);
	size_t bound = w->open[around].end;
	size_t begin = w->at + h->size;
	o.undefined = h->length == UNDEFINED;
	o.end = o.undefined ? bound : begin + h->length;
	if (o.end > bound)
		return fail(w, h, "longer than what it lies in", e);
	if (w->n_open == w->most_open)
		return fail(w, h, "nested too deep", e);
	w->open[w->n_open++] = o;
	if (o.kind != KIND_ELEMENTS && w->n_open / 2 > w->ret->depth)
		w->ret->depth = w->n_open / 2;
	w->at = begin;
	return STEP_ON;
}

static void
note_uid(struct scan *ret, const struct header *h, const uint8_t *p)
{
	char *dst = h->tag == TAG_SOP_CLASS ? ret->class_uid :
	    h->tag == TAG_SOP_INSTANCE	    ? ret->instance_uid :
	    h->tag == TAG_STUDY_UID	    ? ret->study_uid :
	    h->tag == TAG_SERIES_UID	    ? ret->series_uid :
					      NULL;
	/* of a tag that comes twice the first counts, as with DCMTK */
	if (dst != NULL && dst[0] == '\0')
		(void)uid_copy(dst, p, h->length); /* bad: stays "" */
}

/* Tell ${fn} of a top-level element; ${p} NULL as the door says. */
static enum step
tell(struct walk *w, const struct header *h, const uint8_t *p)
{
	struct scan_element el = {.tag = h->tag, .p = p, .n = h->length};
	if (w->n_open != 1)
		return STEP_ON;
	if (p != NULL)
		note_uid(w->ret, h, p);
	memcpy(el.vr, h->vr, sizeof(el.vr));
	if (w->fn != NULL && !w->fn(w->ctx, &el))
		return STEP_END;
	return STEP_ON;
}

/* Go over the value of ${h}, or fail: a value cut by the end of the bytes is
 * a prefix, one cut by the end of its item a fault. */
static enum step
pass(struct walk *w, const struct header *h, struct err *e)
{
	const struct open *o = &w->open[w->n_open - 1];
	size_t begin = w->at + h->size;
	if (h->length > o->end - begin)
		return fail(w, h, "longer than its item", e);
	if (h->length > w->n - begin)
		return STEP_MORE;
	enum step s = tell(w, h, w->p + begin);
	if (s == STEP_ON)
		w->at = begin + h->length;
	return s;
}

/* An element, of the data set or of an item. */
static enum step
walk_element(struct walk *w, const struct header *h, struct err *e)
{
	const struct open *o = &w->open[w->n_open - 1];
	bool unknown = str_eq(h->vr, "UN");
	bool bytes = str_eq(h->vr, "OB") || str_eq(h->vr, "OW");

	if (h->tag >> 16 == 0xFFFE)
		return fail(w, h, "delimiter without a beginning", e);
	if (w->n_open == 1 && h->tag >> 16 == 0x7FE0) {
		w->ret->how = SCAN_PIXELS;
		w->ret->pixel_length = h->length;
		return STEP_END;
	}
	if (h->length != UNDEFINED && !str_eq(h->vr, "SQ"))
		return pass(w, h, e);

	enum step s = tell(w, h, NULL);
	if (s != STEP_ON)
		return s;
	/* UN of undefined length holds Implicit LE, PS3.5 6.2.2 */
	return push(w, h,
	    (struct open){
		.kind = bytes ? KIND_FRAGMENTS : KIND_ITEMS,
		.implicit = o->implicit || unknown,
		.big = o->big && !unknown,
	    },
	    e);
}

/* An item or the delimiter of a sequence; a fragment. */
static enum step
walk_item(struct walk *w, const struct header *h, struct err *e)
{
	struct open o = w->open[w->n_open - 1];
	if (h->tag == TAG_SEQUENCE_END && o.undefined) {
		w->n_open--;
		w->at += h->size;
		return STEP_ON;
	}
	if (h->tag != TAG_ITEM)
		return fail(w, h, "want an item or the sequence's end", e);
	if (o.kind == KIND_ITEMS) {
		o.kind = KIND_ELEMENTS;
		return push(w, h, o, e);
	}
	if (h->length == UNDEFINED)
		return fail(w, h, "fragment of undefined length", e);
	return pass(w, h, e);
}

static enum step
walk_one(struct walk *w, struct err *e)
{
	struct open *o = &w->open[w->n_open - 1];
	struct header h;

	if (w->n_open == 1)
		w->top = w->at;
	if (w->n_open > 1 && !o->undefined && w->at >= o->end) {
		w->n_open--;
		return STEP_ON;
	}
	if (w->n_open == 1 && w->at == w->n)
		return STEP_END;
	size_t bound = o->end < w->n ? o->end : w->n;
	if (!read_header(w, o, bound - w->at, &h)) {
		if (o->end > w->n)
			return STEP_MORE;
		h = (struct header){.tag = 0};
		return fail(w, &h, "item ends inside an element", e);
	}
	if (++w->n_elements > w->most_elements)
		return fail(w, &h, "too many elements", e);
	if (o->kind != KIND_ELEMENTS)
		return walk_item(w, &h, e);
	if (h.tag == TAG_ITEM_END && w->n_open > 1 && o->undefined) {
		w->n_open--;
		w->at += h.size;
		return STEP_ON;
	}
	return walk_element(w, &h, e);
}

int
scan_data_set(const void *p, size_t n, const char *syntax,
    scan_element_fn *fn, void *ctx, struct scan *ret, struct err *e)
{
	struct scan found = {.how = SCAN_WHOLE};
	struct walk w = {
	    .p = p,
	    .n = n,
	    .most_elements = limits()->elements,
	    .n_open = 1,
	    /* a sequence and its item each; the data set itself */
	    .most_open = 2 * limits()->nesting + 1,
	    .fn = fn,
	    .ctx = ctx,
	    .ret = &found,
	};
	w.open[0] = (struct open){
	    .kind = KIND_ELEMENTS,
	    .implicit = str_eq(syntax, SYNTAX_IMPLICIT_LE),
	    .big = str_eq(syntax, SYNTAX_EXPLICIT_BE),
	    .undefined = true,
	    .end = SIZE_MAX,
	};
	enum step s = STEP_ON;
	while (s == STEP_ON)
		s = walk_one(&w, e);
	if (s == STEP_FAILED)
		return -1;
	if (s == STEP_MORE)
		found.how = SCAN_MORE;
	found.end = w.top;
	*ret = found;
	return 0;
}
