/* SPDX-License-Identifier: MIT */
/* Data sets to attributes: structure by wire/scan, VRs and text by DCMTK.
 *
 * DCMTK's own parser is not used. It recurses where a dictionary says SQ, in
 * Implicit VR also into sequences of defined length, which no check without
 * a dictionary can see: 400,000 of them (6 MB) end DCMTK 3.6.7 by overflow of
 * its stack. And two parsers might read one data set differently. So the
 * elements that were checked are the elements that are read.
 */

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "dicom/dataset_priv.h"

namespace {

const uint32_t LONG = 64 * 1024; // bytes; skipped unless asked for

// What the walk keeps: it passes through C, where nothing may throw.
struct collector {
	const uint32_t *tags; // sorted; NULL: all that the door promises
	size_t n_tags;
	struct scan_element charset;
	bool is_signed; // (0028,0103), decides US or SS
	bool overflow;
	unsigned n;
	struct scan_element el[ATTRS_MAX];
};

bool
is_wanted(const struct collector *c, const struct scan_element *el)
{
	if (c->tags != nullptr)
		return std::binary_search(c->tags, c->tags + c->n_tags,
		    el->tag);
	bool is_private = (el->tag >> 16 & 1) != 0;
	bool is_group_length = (el->tag & 0xFFFF) == 0;
	// a list of UIDs in an identifier may be as long as it likes
	bool is_uids = el->tag == TAG_STUDY_UID || el->tag == TAG_SERIES_UID ||
	    el->tag == TAG_SOP_INSTANCE;
	bool is_long = el->p != nullptr && el->n > LONG && !is_uids;
	return !is_private && !is_group_length && !is_long;
}

bool
collect(void *ctx, const struct scan_element *el) noexcept // scan_element_fn
{
	struct collector *c = static_cast<struct collector *>(ctx);
	if (el->tag == TAG_CHARSET && el->p != nullptr &&
	    c->charset.p == nullptr)
		c->charset = *el;
	if (el->tag == TAG(0x0028, 0x0103) && el->p != nullptr && el->n == 2)
		c->is_signed = (el->p[0] | el->p[1]) == 1;
	if (!is_wanted(c, el))
		return true;
	if (c->n == ATTRS_MAX) {
		c->overflow = true;
		return false;
	}
	c->el[c->n++] = *el;
	return true;
}

// The VR that ${el} has, or that the dictionary gives it (PS3.5 6.2.2).
const char *
vr_of(const struct scan_element *el, bool is_signed)
{
	if (el->vr[0] != '\0' && !str_eq(el->vr, "UN")) {
		DcmVR known(el->vr);
		if (known.isStandard())
			return el->vr;
	}
	return dictionary_vr(el->tag, is_signed);
}

bool
is_string(const char *vr)
{
	DcmVR v(vr);
	return v.isaString();
}

int
add(struct attrs *ret, const struct scan_element *el, const char *vr,
    const std::string &value, struct err *e)
{
	// of a tag that comes twice the first counts, as in wire/scan
	if (attrs_get(ret, el->tag) != nullptr)
		return 0;
	if (el->p == nullptr || str_eq(vr, "SQ"))
		return attrs_set(ret, el->tag, vr, "", "", 0, e);
	return attrs_set(ret, el->tag, vr, value.c_str(), el->p, el->n, e);
}

// (0008,0005) for the attributes; what does not fit counts as unknown.
void
note_charset(const Text *text, struct attrs *ret)
{
	ret->guessed = text->guessed();
	if (str_copy(ret->charset, sizeof(ret->charset),
		text->charset().c_str()))
		return;
	ret->charset[0] = '\0';
	ret->guessed = true;
}

int
convert(const struct collector *c, bool big, struct attrs *ret,
    struct err *e)
{
	Text text(c->charset.p, c->charset.p == nullptr ? 0 : c->charset.n);
	for (unsigned i = 0; i < c->n; i++) {
		const struct scan_element *el = &c->el[i];
		const char *vr = vr_of(el, c->is_signed);
		// UN is always little endian, PS3.5 6.2.2
		bool is_big = big && !str_eq(el->vr, "UN");
		std::string value;
		if (el->p != nullptr && is_string(vr))
			value = text.value(vr, el->p, el->n);
		else if (el->p != nullptr)
			value = number_value(vr, el->p, el->n, is_big);
		if (add(ret, el, vr, value, e) == -1)
			return -1;
	}
	note_charset(&text, ret);
	return 0;
}

int
parse(const void *p, size_t n, const char *syntax, struct collector *c,
    struct attrs *ret, struct err *e)
{
	struct scan found;
	if (scan_data_set(p, n, syntax, collect, c, &found, e) == -1)
		return -1;
	if (c->overflow)
		return err_set(e, ERR_PARSE, 0,
		    "data set: want at most %d attributes, have more",
		    ATTRS_MAX);
	if (found.how == SCAN_MORE)
		return err_set(e, ERR_PARSE, 0,
		    "data set: ends inside the element at %zu", found.end);
	if (found.end > DATASET_HEADER_MAX)
		return err_set(e, ERR_PARSE, 0,
		    "data set: want at most %zu bytes before the pixels",
		    DATASET_HEADER_MAX);
	return convert(c, str_eq(syntax, SYNTAX_EXPLICIT_BE), ret, e);
}

int
parse_deflated(const void *p, size_t n, struct collector *c,
    struct attrs *ret, struct err *e)
{
	uint8_t *plain = nullptr;
	size_t plain_n = 0;
	if (inflate_header(p, n, &plain, &plain_n, e) == -1)
		return -1;
	int rc = guarded(e, [&] {
		return parse(plain, plain_n, SYNTAX_EXPLICIT_LE, c, ret, e);
	});
	mem_free(plain);
	return rc;
}

} // namespace

int
dataset_start(struct err *e)
{
	return guarded(e, [&] {
		OFLog::configure(OFLogger::OFF_LOG_LEVEL);
		// a stray value would hide the dictionary of the package
		(void)unsetenv("DCMDICTPATH"); // fails for bad names only
		if (dcmDataDict.isDictionaryLoaded())
			return 0;
		return err_set(e, ERR_IO, 0,
		    "DCMTK: want its data dictionary, have none");
	});
}

int
dataset_parse(const void *p, size_t n, const char *syntax,
    const uint32_t *tags, unsigned n_tags, struct attrs *ret, struct err *e)
{
	attrs_init(ret);
	int rc = guarded(e, [&] {
		std::vector<uint32_t> sorted;
		struct collector c;
		c.tags = nullptr;
		c.n_tags = n_tags;
		c.charset.p = nullptr;
		c.is_signed = false;
		c.overflow = false;
		c.n = 0;
		if (tags != nullptr) {
			sorted.assign(tags, tags + n_tags);
			sorted.push_back(TAG_CHARSET);
			std::sort(sorted.begin(), sorted.end());
			c.tags = sorted.data();
			c.n_tags = sorted.size();
		}
		if (str_eq(syntax, SYNTAX_DEFLATED_LE))
			return parse_deflated(p, n, &c, ret, e);
		return parse(p, n, syntax, &c, ret, e);
	});
	if (rc == -1)
		attrs_done(ret);
	return rc;
}
