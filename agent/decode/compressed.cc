/* SPDX-License-Identifier: MIT */
/* Compressed pixel data in a tree of the toolkit, and what it is said to be. */
#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dcpixel.h>
#include <dcmtk/dcmdata/dcpixseq.h>
#include <dcmtk/dcmdata/dcpxitem.h>

#include "decode/compressed.h"

extern "C" {
#include "dicom/decode.h"
}

namespace {

int
refuse(const char *what, struct err *e)
{
	return err_set(e, ERR_PARSE, 0, "pixel data: %s", what);
}

} // namespace

int
read_shape(DcmItem *item, shape *ret, struct err *e)
{
	Uint16 rows, columns, samples, allocated, representation;
	Sint32 frames = 1;
	if (item->findAndGetUint16(DCM_Rows, rows).bad() ||
	    item->findAndGetUint16(DCM_Columns, columns).bad() ||
	    item->findAndGetUint16(DCM_SamplesPerPixel, samples).bad() ||
	    item->findAndGetUint16(DCM_BitsAllocated, allocated).bad() ||
	    item->findAndGetUint16(DCM_PixelRepresentation,
		representation).bad())
		return refuse("attributes of an image are missing", e);
	if (item->tagExistsWithValue(DCM_NumberOfFrames) &&
	    item->findAndGetSint32(DCM_NumberOfFrames, frames).bad())
		return refuse("the number of frames is none", e);
	if (rows == 0 || columns == 0 || samples == 0 || samples > 4 ||
	    frames < 1 || representation > 1 ||
	    (allocated != 8 && allocated != 16 && allocated != 32))
		return refuse("no image of 8, 16 or 32 bits", e);
	ret->rows = rows;
	ret->columns = columns;
	ret->samples = samples;
	ret->frames = static_cast<uint32_t>(frames);
	ret->bytes = allocated / 8u;
	ret->is_signed = representation == 1;
	// a frame has at most 2^36 bytes
	if (ret->frame_bytes() > DECODE_OBJECT_MAX ||
	    ret->frames > DECODE_OBJECT_MAX / ret->frame_bytes())
		return refuse("the image is too large", e);
	return 0;
}

int
list_fragments(DcmPixelSequence *seq, std::vector<fragment> *ret,
    struct err *e)
{
	// the first item is the offset table
	for (unsigned long i = 1; i < seq->card(); i++) {
		DcmPixelItem *item = nullptr;
		Uint8 *p = nullptr;
		if (seq->getItem(item, i).bad())
			return refuse("fragments are missing", e);
		size_t n = item->getLength();
		if (n > 0 && (item->getUint8Array(p).bad() || p == nullptr))
			return refuse("fragments are missing", e);
		ret->push_back({p, n});
	}
	return 0;
}

// Offset tables lie often enough, and a bitstream shows its beginning: so the
// fragments themselves say.
int
find_frames(const std::vector<fragment> &all, uint32_t frames,
    begins_frame_fn *begins_frame, std::vector<size_t> *ret, struct err *e)
{
	for (size_t i = 0; i < all.size(); i++) {
		bool is_first = frames == 1 ? i == 0
		    : all.size() == frames  ? true
		                            : begins_frame(all[i]);
		if (is_first)
			ret->push_back(i);
	}
	if (ret->size() != frames || ret->front() != 0)
		return refuse("want fragments for each frame", e);
	return 0;
}

// Pixel data may also lie in sequences (an icon), native there or not.
std::vector<place>
find_compressed(DcmDataset *set)
{
	std::vector<place> found;
	DcmStack stack;
	while (set->nextObject(stack, OFTrue).good()) {
		DcmPixelData *pixels =
		    dynamic_cast<DcmPixelData *>(stack.top());
		DcmItem *item = dynamic_cast<DcmItem *>(stack.elem(1));
		E_TransferSyntax syntax = EXS_Unknown;
		const DcmRepresentationParameter *parameter = nullptr;
		DcmPixelSequence *seq = nullptr;
		if (pixels == nullptr || item == nullptr)
			continue;
		pixels->getOriginalRepresentationKey(syntax, parameter);
		if (DcmXfer(syntax).isEncapsulated() &&
		    pixels->getEncapsulatedRepresentation(syntax, parameter,
			seq).good() && seq != nullptr)
			found.push_back({item, seq});
	}
	return found;
}
