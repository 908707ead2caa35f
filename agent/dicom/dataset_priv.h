/* SPDX-License-Identifier: MIT
 *
 * dataset_priv: what the files of the data set shim share. C++ only.
 * The doors of the house are C; they are taken in here, as C.
 */
#ifndef DICOM_DATASET_PRIV_H
#define DICOM_DATASET_PRIV_H

#include <cstddef>
#include <cstdint>
#include <exception>
#include <new>
#include <string>

#include <stdbool.h>
#include <string.h>

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmdata/dcspchrs.h>
#include <dcmtk/ofstd/ofchrenc.h>

extern "C" {
#include "base/buf.h"
#include "base/err.h"
/* a struct and a function of one name, as C has them */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#include "base/limits.h"
#pragma GCC diagnostic pop
#include "base/mem.h"
#include "base/str.h"
#include "wire/attrs.h"
#include "wire/scan.h"
}

#include "dicom/dataset.h"

/* Run ${fn}, which returns 0 or -1; what it throws becomes ${e}. */
template <typename fn>
int
guarded(struct err *e, fn body) noexcept
{
	try {
		return body();
	} catch (const std::bad_alloc &) {
		return err_set(e, ERR_NOMEM, 0, "data set: no memory");
	} catch (const std::exception &) {
		return err_set(e, ERR_IO, 0, "data set: toolkit failed");
	} catch (...) {
		return err_set(e, ERR_IO, 0, "data set: toolkit failed");
	}
}

/* The text values of one data set on their way to UTF-8. The converter is
 * made when the first value needs one: most data sets are ASCII. */
class Text {
public:
	/* ${n} bytes of (0008,0005), borrowed until Text ends. */
	Text(const void *charset, size_t n);
	/* (0008,0005), blanks cut. */
	const std::string &
	charset() const
	{
		return charset_;
	}
	/* A value was taken for Latin-1 for want of better. */
	bool
	guessed() const
	{
		return guessed_;
	}
	/* The value of ${n} bytes in VR ${vr}: UTF-8 without NUL, padding and
	 * insignificant blanks cut. */
	std::string value(const char *vr, const uint8_t *p, size_t n);

private:
	enum route { UNSET, UTF8, TOOLKIT, JAPANESE, NONE };
	void choose();
	bool select(const std::string &charset);
	bool convert(const char *vr, const std::string &from,
	    std::string *ret);
	bool japanese(const std::string &from, std::string *ret);

	std::string charset_;
	bool guessed_ = false;
	route route_ = UNSET;
	DcmSpecificCharacterSet toolkit_;
	OFCharacterEncoding kanji_;
};

inline bool
is_vr(const char *vr, const char *name)
{
	return vr[0] == name[0] && vr[1] == name[1];
}

/* VR of ${tag} in DCMTK's dictionary, "UN" when it has none; the choices it
 * leaves open (US or SS) by ${is_signed}. */
const char *dictionary_vr(uint32_t tag, bool is_signed);

/* A binary number value as decimal text, components joined by '\'; empty for
 * VRs that are not numbers. */
std::string number_value(const char *vr, const uint8_t *p, size_t n,
    bool big);

/* dataset_json_value.cc: a value as DICOM JSON: its "Value" or "InlineBinary"
 * with a comma before, nothing when it is empty. */
/* Eight digits and no NUL. */
void json_hex(char *dst, uint32_t tag);
/* What stands between two quotation marks. */
void json_escape(struct buf *b, const char *s, size_t n);
/* False and nothing written when ${vr} is not written as text. */
bool json_text(struct buf *b, const char *vr, const uint8_t *p, size_t n,
    Text *text);
void json_numbers(struct buf *b, const char *vr, const uint8_t *p, size_t n,
    bool big);
void json_bytes(struct buf *b, const char *vr, const uint8_t *p, size_t n,
    bool big);

/* The beginning of a raw deflate stream (PS3.5 A.5): as much as reaches the
 * pixel data, at most DATASET_HEADER_MAX. The caller mem_free's ${*ret}. A
 * stream cut short or damaged gives what came before. */
int inflate_header(const void *p, size_t n, uint8_t **ret, size_t *ret_n,
    struct err *e);

#endif
