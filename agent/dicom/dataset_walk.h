/* SPDX-License-Identifier: MIT
 *
 * dataset_walk: a walk into the sequences of a data set, for what must look
 * deeper than wire/scan tells. C++ only; no recursion, no memory of its own.
 *
 * DESIGN  It reads as wire/scan does, and one thing more: sequences that only
 * the dictionary knows (Implicit VR, UN of PS3.5 6.2.2) in their defined
 * length, which wire/scan passes over whole. Whether such bytes are items is
 * found out before they are entered; if not, they are told as UN.
 */
#ifndef DICOM_DATASET_WALK_H
#define DICOM_DATASET_WALK_H

#include "dicom/dataset_priv.h"

const uint32_t WALK_UNDEFINED = UINT32_MAX; // a length

enum walk_kind {
	WALK_VALUE,
	WALK_FRAGMENTS, // a value of undefined length, all of its items
	WALK_SEQUENCE,
	WALK_ITEM,
	WALK_ITEM_END,
	WALK_SEQUENCE_END,
	WALK_PIXELS, // of the data set itself; nothing comes after them
	WALK_END,
	WALK_CUT, // the bytes end in the group of the pixel data, before them
	WALK_FAILED,
};

struct walk_event {
	uint32_t tag;
	char vr[3]; // its own, or the dictionary's, always a standard one
	bool big;
	size_t at; // where the value begins
	size_t n; // its bytes; of WALK_PIXELS the length stated
};

class Walk {
public:
	// ${is_signed} as dictionary_vr has it, for the data set itself.
	Walk(const void *p, size_t n, const char *syntax, bool is_signed);
	walk_kind next(walk_event *ret);
	int failed(struct err *e) const;

private:
	enum kind { ELEMENTS, ITEMS };
	struct open {
		enum kind kind;
		bool implicit, big;
		bool is_signed; // (0028,0103) in force here
		bool sure; // lies in a sequence that was looked through
		bool undefined; // closed by a delimiter, not by ${end}
		size_t end; // where it closes, or the bound around it
	};
	struct header {
		uint32_t tag;
		char vr[3]; // "" in Implicit VR and of delimiters
		uint32_t length;
		size_t size; // bytes of tag, VR and length
	};
	Walk(const Walk &around, size_t from, size_t to, bool implicit);
	bool read_header(struct header *h) const;
	bool push(const struct header &h, struct open o);
	walk_kind element(const struct header &h, walk_event *ret);
	walk_kind undefined(const struct header &h, walk_event *ret);
	walk_kind guessed(const struct header &h, walk_event *ret);
	walk_kind item(const struct header &h);
	walk_kind close();

	const uint8_t *p_;
	size_t n_;
	size_t at_ = 0;
	unsigned n_elements_ = 0;
	unsigned base_ = 0; // opened around the bottom of this walk
	unsigned n_open_ = 1;
	struct open open_[2 * SCAN_DEPTH_MAX + 1];
};

// Where the fragments that begin at ${at} end (PS3.5 A.4): at their
// delimiter, which is not counted. False when they do not.
bool walk_fragments(const uint8_t *p, size_t n, size_t at, bool big,
    size_t *ret_end);

#endif
