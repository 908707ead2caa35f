/* SPDX-License-Identifier: MIT */
/* Deflated data sets: inflate no more than what leads to the pixel data. */

#include <zlib.h>

#include "dicom/dataset_priv.h"

namespace {

const size_t FIRST = 256 * 1024; // bytes; fits most headers at once

// Inflate into ${p}, which holds ${*at} of ${size} bytes; false at the end of
// the stream or of the input, or on a fault in it.
bool
fill(z_stream *z, uint8_t *p, size_t *at, size_t size)
{
	z->next_out = p + *at;
	z->avail_out = static_cast<uInt>(size - *at);
	int rc = inflate(z, Z_NO_FLUSH);
	*at = size - z->avail_out;
	return rc == Z_OK && z->avail_out == 0;
}

// Whether what came reaches the pixel data, or must be refused anyway.
bool
is_enough(const uint8_t *p, size_t n)
{
	struct scan found;
	struct err ignored; // dataset_parse scans again and tells
	if (scan_data_set(p, n, SYNTAX_EXPLICIT_LE, nullptr, nullptr, &found,
		&ignored) == -1)
		return true;
	return found.how == SCAN_PIXELS;
}

} // namespace

int
inflate_header(const void *p, size_t n, uint8_t **ret, size_t *ret_n,
    struct err *e)
{
	z_stream z;
	uint8_t *out = nullptr;
	uint8_t *grown = nullptr;
	size_t size = FIRST;
	size_t at = 0;
	int rc = -1;

	memset(&z, 0, sizeof(z));
	z.next_in = static_cast<Bytef *>(const_cast<void *>(p));
	z.avail_in = static_cast<uInt>(n < UINT32_MAX ? n : UINT32_MAX);
	if (inflateInit2(&z, -MAX_WBITS) != Z_OK)
		return err_set(e, ERR_NOMEM, 0, "inflate: no memory");
	out = static_cast<uint8_t *>(mem_try(size, e));
	if (out == nullptr)
		goto out;
	while (fill(&z, out, &at, size) && !is_enough(out, at)) {
		if (size >= DATASET_HEADER_MAX) {
			(void)err_set(e, ERR_PARSE, 0,
			    "inflate: want at most %zu bytes before the pixels",
			    DATASET_HEADER_MAX); // returned below
			goto out;
		}
		grown = static_cast<uint8_t *>(mem_try(size * 4, e));
		if (grown == nullptr)
			goto out;
		memcpy(grown, out, at);
		mem_free(out);
		out = grown;
		size *= 4;
	}
	*ret = out;
	*ret_n = at;
	out = nullptr; // the caller owns it now
	rc = 0;
out:
	(void)inflateEnd(&z); // only fails for a stream that never began
	mem_free(out);
	return rc;
}
