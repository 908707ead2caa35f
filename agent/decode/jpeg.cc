/* SPDX-License-Identifier: MIT */
/* JPEG (ISO 10918-1 annex B): whether each frame has the rows, columns and
 * samples of the image. The toolkit lays a smaller one into the larger room
 * row after row, and says nothing.
 */
#include "decode/compressed.h"

extern "C" {
#include "base/buf.h"
}

namespace {

int
refuse(const char *what, struct err *e)
{
	return err_set(e, ERR_PARSE, 0, "JPEG: %s", what);
}

bool
begins_frame(const fragment &f) // begins_frame_fn
{
	return f.n > 2 && f.p[0] == 0xFF && f.p[1] == 0xD8 && f.p[2] == 0xFF;
}

// SOF0 to SOF15 but DHT, JPG and DAC, which stand among them (B.1.1.3).
bool
is_frame_header(uint8_t marker)
{
	return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 &&
	    marker != 0xC8 && marker != 0xCC;
}

// ${c} stands behind the length of a frame header (B.2.2).
int
check_header(struct cur *c, const shape &s, struct err *e)
{
	uint32_t precision = cur_u8(c);
	uint32_t rows = cur_u16be(c);
	uint32_t columns = cur_u16be(c);
	uint32_t samples = cur_u8(c);
	if (c->failed || rows != s.rows || columns != s.columns ||
	    samples != s.samples || precision > s.bytes * 8)
		return refuse("bitstream and attributes disagree", e);
	return 0;
}

// From marker to marker, as far as the frame header: it comes before any
// scan (B.2.1).
int
check_frame(const fragment &f, const shape &s, struct err *e)
{
	struct cur c = cur_of(f.p, f.n);
	cur_take(&c, 2); // SOI
	while (!c.failed && cur_u8(&c) == 0xFF) {
		uint8_t marker = cur_u8(&c);
		while (marker == 0xFF) // fill (B.1.1.2); 0 at the end
			marker = cur_u8(&c);
		uint32_t n = cur_u16be(&c);
		if (is_frame_header(marker))
			return check_header(&c, s, e);
		cur_take(&c, n < 2 ? 0 : n - 2);
	}
	return refuse("want a bitstream", e);
}

} // namespace

int
jpeg_check(DcmDataset *set, struct err *e)
{
	for (const place &p : find_compressed(set)) {
		shape s = {};
		std::vector<fragment> all;
		std::vector<size_t> first;
		if (read_shape(p.item, &s, e) == -1 ||
		    list_fragments(p.seq, &all, e) == -1 ||
		    find_frames(all, s.frames, begins_frame, &first, e) == -1)
			return -1;
		for (size_t i : first) {
			if (check_frame(all[i], s, e) == -1)
				return -1;
		}
	}
	return 0;
}
