/* SPDX-License-Identifier: MIT */
/* VRs from DCMTK's dictionary, and binary numbers as decimal text. */

#include <cinttypes>
#include <cstdio>

#include "dicom/dataset_priv.h"

namespace {

// The bytes of one number, most significant first.
uint64_t
number(const uint8_t *p, size_t width, bool big)
{
	uint64_t v = 0;
	for (size_t i = 0; i < width; i++)
		v = v << 8 | p[big ? i : width - 1 - i];
	return v;
}

// The shortest of the usual forms that reads back as the same number.
void
print_real(char *dst, size_t size, double v, int digits, bool single)
{
	(void)snprintf(dst, size, "%.*g", digits, v); // 25 bytes at most
	double back = strtod(dst, nullptr);
	if (single ? static_cast<float>(back) != static_cast<float>(v) :
		     back != v)
		(void)snprintf(dst, size, "%.*g", digits + (single ? 3 : 2),
		    v); // as above
}

void
print_float(char *dst, size_t size, uint64_t bits)
{
	uint32_t low = static_cast<uint32_t>(bits);
	float v;
	memcpy(&v, &low, sizeof(v));
	print_real(dst, size, static_cast<double>(v), 6, true);
}

void
print_double(char *dst, size_t size, uint64_t bits)
{
	double v;
	memcpy(&v, &bits, sizeof(v));
	print_real(dst, size, v, 15, false);
}

void
print_signed(char *dst, size_t size, uint64_t bits, unsigned width)
{
	uint64_t sign = UINT64_C(1) << (8 * width - 1);
	uint64_t v = (bits ^ sign) - sign; // spreads the sign
	(void)snprintf(dst, size, "%" PRId64,
	    static_cast<int64_t>(v)); // 20 bytes at most
}

struct number_vr {
	char vr[3];
	uint8_t width;
	char form; // unsigned, signed, float, double, tag
};

const struct number_vr NUMBERS[] = {
    {"US", 2, 'u'},
    {"SS", 2, 's'},
    {"UL", 4, 'u'},
    {"SL", 4, 's'},
    {"UV", 8, 'u'},
    {"SV", 8, 's'},
    {"FL", 4, 'f'},
    {"FD", 8, 'd'},
    {"AT", 4, 't'},
};

void
print_one(char *dst, size_t size, const struct number_vr *k, const uint8_t *p,
    bool big)
{
	uint64_t v = number(p, k->width, big);
	switch (k->form) {
	case 's':
		print_signed(dst, size, v, k->width);
		break;
	case 'f':
		print_float(dst, size, v);
		break;
	case 'd':
		print_double(dst, size, v);
		break;
	case 't': // two 16-bit numbers, PS3.5 6.2
		(void)snprintf(dst, size, "%04X%04X",
		    static_cast<unsigned>(number(p, 2, big)),
		    static_cast<unsigned>(number(p + 2, 2, big))); // 8
		break;
	default:
		(void)snprintf(dst, size, "%" PRIu64, v); // 20 at most
	}
}

} // namespace

std::string
number_value(const char *vr, const uint8_t *p, size_t n, bool big)
{
	const struct number_vr *k = nullptr;
	std::string out;
	for (const struct number_vr &row : NUMBERS)
		if (str_eq(row.vr, vr))
			k = &row;
	if (k == nullptr)
		return out;
	for (size_t at = 0; at + k->width <= n; at += k->width) {
		char one[32];
		print_one(one, sizeof(one), k, p + at, big);
		out += at == 0 ? "" : "\\";
		out += one;
	}
	return out;
}

const char *
dictionary_vr(uint32_t tag, bool is_signed)
{
	DcmTagKey key(static_cast<Uint16>(tag >> 16),
	    static_cast<Uint16>(tag & 0xFFFF));
	DcmEVR evr = EVR_UN;
	const DcmDataDictionary &dict = dcmDataDict.rdlock();
	const DcmDictEntry *entry = dict.findEntry(key, nullptr);
	if (entry != nullptr)
		evr = entry->getEVR();
	dcmDataDict.rdunlock();
	if (evr == EVR_xs)
		evr = is_signed ? EVR_SS : EVR_US;
	else if (evr == EVR_ox || evr == EVR_px || evr == EVR_lt)
		evr = EVR_OW;
	else if (evr == EVR_up)
		evr = EVR_UL;
	DcmVR name(evr);
	return name.isStandard() ? name.getVRName() : "UN";
}
