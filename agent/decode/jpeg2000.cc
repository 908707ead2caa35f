/* SPDX-License-Identifier: MIT */
/* JPEG 2000 and its high-throughput form (PS3.5 A.4.4, 8.2.4, 8.2.18):
 * codestreams to native samples by OpenJPEG.
 *
 * Samples keep their values: the only conversion is the one that belongs to
 * the codestream (its multiple component transformation). What the attributes
 * say of the image must be what the codestream holds.
 */
#include <cstring>
#include <memory>
#include <vector>

#include <openjpeg.h>

#include "decode/compressed.h"

namespace {

const uint8_t CODESTREAM[] = {0xFF, 0x4F, 0xFF, 0x51}; // SOC and SIZ
const uint8_t BOXES[] = {0x00, 0x00, 0x00, 0x0C, 0x6A, 0x50, 0x20, 0x20};

struct codec_end {
	void
	operator()(opj_codec_t *p) const
	{
		opj_destroy_codec(p);
	}
};
struct stream_end {
	void
	operator()(opj_stream_t *p) const
	{
		opj_stream_destroy(p);
	}
};
struct image_end {
	void
	operator()(opj_image_t *p) const
	{
		opj_image_destroy(p);
	}
};
typedef std::unique_ptr<opj_codec_t, codec_end> codec_owner;
typedef std::unique_ptr<opj_stream_t, stream_end> stream_owner;
typedef std::unique_ptr<opj_image_t, image_end> image_owner;

// One frame's bytes and how far they are read.
struct source {
	const uint8_t *p;
	size_t n;
	size_t at;
};

OPJ_SIZE_T
read_source(void *to, OPJ_SIZE_T n, void *ctx)
{
	source *s = static_cast<source *>(ctx);
	if (s->at == s->n)
		return static_cast<OPJ_SIZE_T>(-1);
	if (n > s->n - s->at)
		n = s->n - s->at;
	memcpy(to, s->p + s->at, n);
	s->at += n;
	return n;
}

OPJ_BOOL
seek_source(OPJ_OFF_T to, void *ctx)
{
	source *s = static_cast<source *>(ctx);
	if (to < 0 || static_cast<size_t>(to) > s->n)
		return OPJ_FALSE;
	s->at = static_cast<size_t>(to);
	return OPJ_TRUE;
}

OPJ_OFF_T
skip_source(OPJ_OFF_T n, void *ctx)
{
	source *s = static_cast<source *>(ctx);
	if (n < 0 || static_cast<size_t>(n) > s->n - s->at)
		return -1;
	s->at += static_cast<size_t>(n);
	return n;
}

int
refuse(const char *what, struct err *e)
{
	return err_set(e, ERR_PARSE, 0, "JPEG 2000: %s", what);
}

bool
begins(const uint8_t *p, size_t n, const uint8_t *with, size_t n_with)
{
	return n >= n_with && memcmp(p, with, n_with) == 0;
}

bool
begins_frame(const fragment &s)
{
	return begins(s.p, s.n, CODESTREAM, sizeof(CODESTREAM)) ||
	    begins(s.p, s.n, BOXES, sizeof(BOXES));
}

bool
is_as_told(const opj_image_t *image, const shape &s)
{
	if (image->numcomps != s.samples)
		return false;
	for (uint32_t i = 0; i < s.samples; i++) {
		const opj_image_comp_t &c = image->comps[i];
		if (c.w != s.columns || c.h != s.rows || c.dx != 1 ||
		    c.dy != 1 || c.prec < 1 || c.prec > s.bytes * 8 ||
		    c.prec > 32)
			return false;
	}
	return true;
}

// The pattern of a sample of ${prec} bits in the image's own representation.
// Encoders disagree on the sign: the attribute decides, the bits stay.
uint32_t
pattern(int32_t value, uint32_t prec, bool is_signed)
{
	uint32_t bits = static_cast<uint32_t>(value);
	if (prec == 32)
		return bits;
	uint32_t mask = (UINT32_C(1) << prec) - 1;
	bool is_negative = is_signed && (bits >> (prec - 1) & 1) != 0;
	return is_negative ? bits | ~mask : bits & mask;
}

// Colour by pixel, each sample little endian (as every machine we run on).
void
write_samples(const opj_image_t *image, const shape &s, uint8_t *to)
{
	size_t pixels = static_cast<size_t>(s.rows) * s.columns;
	size_t step = static_cast<size_t>(s.samples) * s.bytes;
	for (uint32_t i = 0; i < s.samples; i++) {
		const opj_image_comp_t &c = image->comps[i];
		uint8_t *at = to + static_cast<size_t>(i) * s.bytes;
		for (size_t k = 0; k < pixels; k++, at += step) {
			uint32_t v = pattern(c.data[k], c.prec, s.is_signed);
			for (uint32_t b = 0; b < s.bytes; b++)
				at[b] = static_cast<uint8_t>(v >> 8 * b);
		}
	}
}

// OpenJPEG's strict mode is its default: half a codestream is no image.
int
decode_frame(const fragment &f, const shape &shape, uint8_t *to,
    struct err *e)
{
	source s = {f.p, f.n, 0};
	bool is_boxed = begins(s.p, s.n, BOXES, sizeof(BOXES));
	opj_dparameters_t parameters;
	codec_owner codec(opj_create_decompress(
	    is_boxed ? OPJ_CODEC_JP2 : OPJ_CODEC_J2K));
	stream_owner stream(opj_stream_default_create(OPJ_TRUE));
	if (codec == nullptr || stream == nullptr)
		return refuse("no memory", e);
	opj_stream_set_read_function(stream.get(), read_source);
	opj_stream_set_skip_function(stream.get(), skip_source);
	opj_stream_set_seek_function(stream.get(), seek_source);
	opj_stream_set_user_data(stream.get(), &s, nullptr);
	opj_stream_set_user_data_length(stream.get(), s.n);
	opj_set_default_decoder_parameters(&parameters);

	opj_image_t *found = nullptr;
	bool ok = opj_setup_decoder(codec.get(), &parameters) == OPJ_TRUE &&
	    opj_read_header(stream.get(), codec.get(), &found) == OPJ_TRUE;
	image_owner image(found);
	if (!ok || image == nullptr)
		return refuse("want a codestream", e);
	if (!is_as_told(image.get(), shape))
		return refuse("codestream and attributes disagree", e);
	if (opj_decode(codec.get(), stream.get(), image.get()) != OPJ_TRUE ||
	    opj_end_decompress(codec.get(), stream.get()) != OPJ_TRUE)
		return refuse("the codestream is damaged", e);
	if (!is_as_told(image.get(), shape))
		return refuse("codestream and attributes disagree", e);
	for (uint32_t i = 0; i < shape.samples; i++) {
		if (image->comps[i].data == nullptr)
			return refuse("the codestream is damaged", e);
	}
	write_samples(image.get(), shape, to);
	return 0;
}

// The bytes of one frame: its fragments as they are, or joined in ${joined}.
fragment
join(const std::vector<fragment> &all, size_t from, size_t to,
    std::vector<uint8_t> *joined)
{
	if (to - from == 1)
		return all[from];
	joined->clear();
	for (size_t i = from; i < to; i++) {
		if (all[i].n > 0)
			joined->insert(joined->end(), all[i].p,
			    all[i].p + all[i].n);
	}
	return {joined->data(), joined->size()};
}

int
decode_frames(DcmPixelSequence *seq, const shape &s, uint8_t *to,
    struct err *e)
{
	size_t frame_bytes = static_cast<size_t>(s.frame_bytes());
	std::vector<fragment> all;
	std::vector<size_t> first;
	std::vector<uint8_t> joined;
	if (list_fragments(seq, &all, e) == -1 ||
	    find_frames(all, s.frames, begins_frame, &first, e) == -1)
		return -1;
	first.push_back(all.size());
	for (size_t i = 0; i + 1 < first.size(); i++) {
		fragment frame = join(all, first[i], first[i + 1], &joined);
		if (decode_frame(frame, s, to + i * frame_bytes, e) == -1)
			return -1;
	}
	return 0;
}

// PS3.5 8.2.4: the transformation is part of the codestream, and undone.
int
describe(DcmItem *item, const shape &s, struct err *e)
{
	OFString colour;
	OFCondition rc = EC_Normal;
	if (s.samples == 1)
		return 0;
	if (item->findAndGetOFString(DCM_PhotometricInterpretation,
		colour).bad())
		return refuse("want a photometric interpretation", e);
	if (colour == "YBR_RCT" || colour == "YBR_ICT")
		rc = item->putAndInsertString(DCM_PhotometricInterpretation,
		    "RGB");
	if (rc.good())
		rc = item->putAndInsertUint16(DCM_PlanarConfiguration, 0);
	return rc.good() ? 0 : refuse("cannot set attributes", e);
}

int
replace(DcmItem *item, DcmPixelSequence *seq, struct err *e)
{
	shape s = {};
	if (read_shape(item, &s, e) == -1)
		return -1;
	if (s.frames >= seq->card())
		return refuse("want fragments for each frame", e);
	uint64_t total = s.frame_bytes() * s.frames;
	std::unique_ptr<DcmPixelData> native(new DcmPixelData(DCM_PixelData));
	Uint16 *words = nullptr;
	// an odd length is padded, with the zero that is there
	if (native->createUint16Array(static_cast<Uint32>((total + 1) / 2),
		words).bad() || words == nullptr)
		return refuse("no memory", e);
	if (decode_frames(seq, s, reinterpret_cast<uint8_t *>(words), e) ==
	    -1 || describe(item, s, e) == -1)
		return -1;
	native->setVR(EVR_OW);
	if (item->insert(native.get(), OFTrue).bad())
		return refuse("cannot set attributes", e);
	(void)native.release(); // the item owns it now
	return 0;
}

} // namespace

int
jpeg2000_decode(DcmDataset *set, struct err *e)
{
	for (const place &p : find_compressed(set)) {
		if (replace(p.item, p.seq, e) == -1)
			return -1;
	}
	return 0;
}
