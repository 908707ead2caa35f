/* SPDX-License-Identifier: MIT */
/* Run lengths (PS3.5 annex G): whether they come to as many bytes as the
 * image has. They have neither an end nor a checksum, and the toolkit does not
 * count.
 */
#include "decode/compressed.h"

extern "C" {
#include "base/buf.h"
}

namespace {

const size_t HEAD = 64; // bytes: the number of segments, 15 offsets
const uint32_t SEGMENTS_MAX = 15;

int
refuse(const char *what, struct err *e)
{
	return err_set(e, ERR_PARSE, 0, "RLE: %s", what);
}

// Whether ${c} unpacks to ${want} bytes (G.3.2).
bool
is_whole(struct cur c, uint64_t want)
{
	uint64_t have = 0;
	while (have < want && !c.failed) {
		uint8_t n = cur_u8(&c);
		if (n < 128) {
			cur_take(&c, n + 1u);
			have += n + 1u;
		} else if (n > 128) {
			cur_take(&c, 1);
			have += 257u - n;
		}
	}
	return !c.failed;
}

int
check_frame(const fragment &f, const shape &s, struct err *e)
{
	uint32_t offsets[SEGMENTS_MAX + 1] = {};
	struct cur c = cur_of(f.p, f.n);
	uint32_t n = cur_u32le(&c);
	for (uint32_t i = 0; i < SEGMENTS_MAX; i++)
		offsets[i] = cur_u32le(&c);
	if (c.failed || n != s.samples * s.bytes || n > SEGMENTS_MAX)
		return refuse("want a segment for each byte of a pixel", e);
	offsets[n] = static_cast<uint32_t>(f.n); // under 4 GiB
	for (uint32_t i = 0; i < n; i++) {
		uint32_t from = offsets[i];
		uint32_t to = offsets[i + 1];
		if (from < HEAD || from > to || to > f.n)
			return refuse("want segments in their order", e);
		if (!is_whole(cur_of(f.p + from, to - from), s.pixels()))
			return refuse("a segment is cut short", e);
	}
	return 0;
}

} // namespace

int
rle_check(DcmDataset *set, struct err *e)
{
	for (const place &p : find_compressed(set)) {
		shape s = {};
		std::vector<fragment> all;
		if (read_shape(p.item, &s, e) == -1 ||
		    list_fragments(p.seq, &all, e) == -1)
			return -1;
		// A.4.2: one fragment each
		if (all.size() != s.frames)
			return refuse("want a fragment for each frame", e);
		for (const fragment &f : all) {
			if (check_frame(f, s, e) == -1)
				return -1;
		}
	}
	return 0;
}
