/* SPDX-License-Identifier: MIT
 *
 * compressed: pixel data that is compressed, in a tree of the toolkit. C++.
 * Called by transcode. Owns nothing: what it finds belongs to the tree.
 */
#ifndef DECODE_COMPRESSED_H
#define DECODE_COMPRESSED_H

#include <cstdint>
#include <vector>

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dctk.h>

extern "C" {
#include "base/err.h"
}

/* What the attributes say of the image (PS3.3 C.7.6.3); all of it has at most
 * DECODE_OBJECT_MAX bytes. */
struct shape {
	uint32_t rows, columns, samples, frames;
	uint32_t bytes; /* of a sample */
	bool is_signed;

	uint64_t
	pixels() const
	{
		return static_cast<uint64_t>(rows) * columns;
	}
	uint64_t
	frame_bytes() const
	{
		return pixels() * samples * bytes;
	}
};
int read_shape(DcmItem *item, shape *ret, struct err *e);

/* The bytes of one, borrowed from the sequence. */
struct fragment {
	const uint8_t *p;
	size_t n;
};
/* All of ${seq} but its offset table. */
int list_fragments(DcmPixelSequence *seq, std::vector<fragment> *ret,
    struct err *e);

/* The index of each frame's first fragment. */
typedef bool begins_frame_fn(const fragment &f);
int find_frames(const std::vector<fragment> &all, uint32_t frames,
    begins_frame_fn *begins_frame, std::vector<size_t> *ret, struct err *e);

/* Where compressed pixel data lies in ${set}: borrowed, until it is replaced.
 */
struct place {
	DcmItem *item;
	DcmPixelSequence *seq;
};
std::vector<place> find_compressed(DcmDataset *set);

/* Replace all JPEG 2000 in ${set} by native samples. */
int jpeg2000_decode(DcmDataset *set, struct err *e);

/* Whether all JPEG in ${set} is of the size that the attributes say: the
 * toolkit shears what is smaller. */
int jpeg_check(DcmDataset *set, struct err *e);

/* Whether all RLE in ${set} is whole: the toolkit takes what is missing for
 * black. */
int rle_check(DcmDataset *set, struct err *e);

#endif
