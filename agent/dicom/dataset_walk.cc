/* SPDX-License-Identifier: MIT */
/* A walk into the sequences of a data set, PS3.5 sections 6 and 7. */

#include "dicom/dataset_walk.h"

namespace {

const uint32_t ITEM = TAG(0xFFFE, 0xE000);
const uint32_t ITEM_END = TAG(0xFFFE, 0xE00D);
const uint32_t SEQUENCE_END = TAG(0xFFFE, 0xE0DD);
const uint32_t PIXEL_REPRESENTATION = TAG(0x0028, 0x0103);

uint32_t
u16(const uint8_t *p, bool big)
{
	return static_cast<uint32_t>(big ? p[0] << 8 | p[1] : p[1] << 8 | p[0]);
}

uint32_t
u32(const uint8_t *p, bool big)
{
	return big ? u16(p, true) << 16 | u16(p + 2, true) :
		     u16(p + 2, false) << 16 | u16(p, false);
}

const char SHORT[] = "CS UI DS US IS LO SH DA TM PN AE AS AT DT FD FL LT SL "
		     "SS ST UL "; // VRs of a 16-bit length, PS3.5 7.1.2
const char LONG[] = "SQ OB OW OF OD OL OV UT UC UR SV UV "; // but for UN

bool
is_in(const char *names, const char *vr) // names of two and a blank each
{
	for (const char *s = names; s[0] != '\0'; s += 3)
		if (s[0] == vr[0] && s[1] == vr[1])
			return true;
	return false;
}

bool
is_short(const char *vr) // what is no VR counts as such, as in wire/scan
{
	if (vr[0] < 'A' || vr[0] > 'Z' || vr[1] < 'A' || vr[1] > 'Z')
		return true;
	return is_in(SHORT, vr);
}

// dictionary_vr, which takes a lock and a search, remembered by each thread.
const char *
known_vr(uint32_t tag, bool is_signed)
{
	struct row {
		uint64_t key;
		char vr[3];
	};
	static thread_local struct row rows[1024];
	uint64_t key = (static_cast<uint64_t>(tag) << 1 | is_signed) + 1;
	struct row *r = &rows[(tag ^ tag >> 11) % 1024];
	if (r->key != key) {
		memcpy(r->vr, dictionary_vr(tag, is_signed), 2);
		r->key = key;
	}
	return r->vr;
}

bool
is_pixels(uint32_t tag) // PS3.3 C.7.6.3, C.7.6.24, C.7.6.25
{
	return tag == TAG(0x7FE0, 0x0010) || tag == TAG(0x7FE0, 0x0008) ||
	    tag == TAG(0x7FE0, 0x0009);
}

} // namespace

bool
walk_fragments(const uint8_t *p, size_t n, size_t at, bool big,
    size_t *ret_end)
{
	for (;;) {
		if (n - at < 8)
			return false;
		uint32_t tag = u16(p + at, big) << 16 | u16(p + at + 2, big);
		uint32_t length = u32(p + at + 4, big);
		if (tag == SEQUENCE_END) {
			*ret_end = at;
			return true;
		}
		if (tag != ITEM || length > n - at - 8)
			return false;
		at += 8 + static_cast<size_t>(length);
	}
}

Walk::Walk(const void *p, size_t n, const char *syntax, bool is_signed)
    : p_(static_cast<const uint8_t *>(p)), n_(n)
{
	open_[0] = {};
	open_[0].kind = ELEMENTS;
	open_[0].implicit = str_eq(syntax, SYNTAX_IMPLICIT_LE);
	open_[0].big = str_eq(syntax, SYNTAX_EXPLICIT_BE);
	open_[0].is_signed = is_signed;
	open_[0].end = n;
}

// The items between ${from} and ${to} of ${around} alone.
Walk::Walk(const Walk &around, size_t from, size_t to, bool implicit)
    : p_(around.p_), n_(to), at_(from), base_(around.base_ + around.n_open_)
{
	open_[0] = {};
	open_[0].kind = ITEMS;
	open_[0].implicit = implicit;
	open_[0].sure = true;
	open_[0].end = to;
}

int
Walk::failed(struct err *e) const
{
	return err_set(e, ERR_PARSE, 0,
	    "data set: want an element of a sequence at %zu", at_);
}

bool
Walk::read_header(struct header *h) const
{
	const struct open &o = open_[n_open_ - 1];
	size_t left = o.end - at_;
	const uint8_t *p = p_ + at_;
	if (left < 8)
		return false;
	h->tag = u16(p, o.big) << 16 | u16(p + 2, o.big);
	h->size = 8;
	h->vr[0] = h->vr[1] = h->vr[2] = '\0';
	if (o.implicit || h->tag >> 16 == 0xFFFE) {
		h->length = u32(p + 4, o.big);
		return true;
	}
	h->vr[0] = static_cast<char>(p[4]);
	h->vr[1] = static_cast<char>(p[5]);
	if (is_short(h->vr)) {
		h->length = u16(p + 6, o.big);
		return true;
	}
	if (left < 12)
		return false;
	h->size = 12;
	h->length = u32(p + 8, o.big);
	return true;
}

// Open what ${h} begins. As in wire/scan an item may reach beyond the stated
// end of its sequence, which then ends with it.
bool
Walk::push(const struct header &h, struct open o)
{
	unsigned around = n_open_ - 1;
	if (o.kind == ELEMENTS && around > 0)
		around--;
	size_t bound = open_[around].end;
	size_t begin = at_ + h.size;
	o.undefined = h.length == WALK_UNDEFINED;
	o.end = bound;
	if (!o.undefined) {
		if (h.length > bound - begin)
			return false;
		o.end = begin + h.length;
	}
	if (base_ + n_open_ >= 2 * limits()->nesting + 1)
		return false;
	open_[n_open_++] = o;
	at_ = begin;
	return true;
}

walk_kind
Walk::close()
{
	n_open_--;
	return open_[n_open_].kind == ELEMENTS ? WALK_ITEM_END :
						 WALK_SEQUENCE_END;
}

// An element of undefined length: a sequence, or fragments.
walk_kind
Walk::undefined(const struct header &h, walk_event *ret)
{
	struct open o = open_[n_open_ - 1];
	bool unknown = is_vr(h.vr, "UN");
	if (is_vr(h.vr, "OB") || is_vr(h.vr, "OW")) {
		size_t end;
		if (!walk_fragments(p_, o.end, ret->at, o.big, &end))
			return WALK_FAILED;
		ret->n = end - ret->at;
		at_ = end + 8;
		return WALK_FRAGMENTS;
	}
	o.kind = ITEMS;
	// UN of undefined length holds Implicit LE, PS3.5 6.2.2
	o.implicit = o.implicit || unknown;
	o.big = o.big && !unknown;
	memcpy(ret->vr, "SQ", sizeof(ret->vr));
	return push(h, o) ? WALK_SEQUENCE : WALK_FAILED;
}

// A sequence by the dictionary's word alone.
walk_kind
Walk::guessed(const struct header &h, walk_event *ret)
{
	struct open o = open_[n_open_ - 1];
	bool unknown = is_vr(h.vr, "UN");
	bool is_one = o.implicit || unknown;
	if (is_one && !o.sure) {
		Walk ahead(*this, ret->at, ret->at + ret->n, true);
		walk_event seen;
		walk_kind k;
		do {
			k = ahead.next(&seen);
		} while (k != WALK_END && k != WALK_FAILED);
		is_one = k == WALK_END;
	}
	if (!is_one) {
		memcpy(ret->vr, "UN", sizeof(ret->vr));
		at_ = ret->at + ret->n;
		return WALK_VALUE;
	}
	o.kind = ITEMS;
	o.implicit = true;
	o.big = false;
	o.sure = true;
	return push(h, o) ? WALK_SEQUENCE : WALK_FAILED;
}

walk_kind
Walk::element(const struct header &h, walk_event *ret)
{
	struct open &o = open_[n_open_ - 1];
	bool own = is_in(SHORT, h.vr) || is_in(LONG, h.vr);
	if (h.tag >> 16 == 0xFFFE)
		return WALK_FAILED; // a delimiter without a beginning
	ret->tag = h.tag;
	ret->big = o.big && !is_vr(h.vr, "UN"); // PS3.5 6.2.2
	ret->at = at_ + h.size;
	ret->n = h.length;
	memcpy(ret->vr, own ? h.vr : known_vr(h.tag, o.is_signed),
	    sizeof(ret->vr));
	if (base_ + n_open_ == 1 && is_pixels(h.tag)) {
		at_ = n_;
		return WALK_PIXELS;
	}
	if (h.length == WALK_UNDEFINED)
		return undefined(h, ret);
	if (h.length > o.end - ret->at)
		return base_ + n_open_ == 1 && h.tag >> 16 == 0x7FE0 ?
		    WALK_CUT : WALK_FAILED;
	if (is_vr(h.vr, "SQ"))
		return push(h, {ITEMS, o.implicit, o.big, o.is_signed,
		    o.sure, false, 0}) ? WALK_SEQUENCE : WALK_FAILED;
	if (is_vr(ret->vr, "SQ"))
		return guessed(h, ret);
	if (h.tag == PIXEL_REPRESENTATION && h.length == 2)
		o.is_signed = (p_[ret->at] | p_[ret->at + 1]) == 1;
	at_ = ret->at + h.length;
	return WALK_VALUE;
}

walk_kind
Walk::item(const struct header &h)
{
	struct open o = open_[n_open_ - 1];
	if (h.tag == SEQUENCE_END && o.undefined) {
		at_ += h.size;
		return close();
	}
	if (h.tag != ITEM)
		return WALK_FAILED;
	o.kind = ELEMENTS;
	return push(h, o) ? WALK_ITEM : WALK_FAILED;
}

walk_kind
Walk::next(walk_event *ret)
{
	const struct open &o = open_[n_open_ - 1];
	struct header h;
	if (at_ >= o.end && n_open_ == 1)
		return WALK_END;
	if (at_ >= o.end && !o.undefined)
		return close();
	if (!read_header(&h))
		return n_open_ + base_ == 1 ? WALK_CUT : WALK_FAILED;
	if (++n_elements_ > limits()->elements)
		return WALK_FAILED;
	if (o.kind == ITEMS)
		return item(h);
	if (h.tag == ITEM_END && n_open_ + base_ > 1 && o.undefined) {
		at_ += h.size;
		return close();
	}
	return element(h, ret);
}
