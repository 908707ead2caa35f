/* SPDX-License-Identifier: MIT */
/* Attributes to data sets: DCMTK orders, pads and encodes. */

#include <memory>

#include <dcmtk/dcmdata/dcostrmb.h>

#include "dicom/dataset_priv.h"

namespace {

const size_t SHORT_MAX = 65534; // bytes of a 16-bit length, even

bool
is_ascii(const char *s)
{
	for (; *s != '\0'; s++)
		if ((static_cast<unsigned char>(*s) & 0x80) != 0)
			return false;
	return true;
}

bool
is_plain(const struct attrs *as)
{
	for (unsigned i = 0; i < as->n; i++)
		if (!is_ascii(as->a[i].value))
			return false;
	return true;
}

// VRs that (0008,0005) rules (PS3.5 6.2), and of these the ones where a
// backslash is a character.
bool
is_text(const char *vr)
{
	return str_in_list("SH,LO,ST,LT,UT,PN,UC", vr);
}

bool
is_one_value(const char *vr)
{
	return str_in_list("ST,LT,UT", vr);
}

// Text on its way out: in UTF-8, or in the set that the peer wants when that
// holds all of it.
class Repertoire {
public:
	// ${wanted}: a value of (0008,0005), "" when the peer named none.
	Repertoire(const struct attrs *as, const char *wanted);
	// (0008,0005) of what is written, "" when it is not needed.
	const std::string &
	charset() const
	{
		return charset_;
	}
	// The value as it is written.
	std::string write(const struct attr *a);

private:
	bool select(const char *wanted);
	bool holds(const struct attrs *as);
	bool convert(const struct attr *a, std::string *ret);
	bool convert_one(const std::string &from, std::string *ret);

	std::string charset_;
	DcmSpecificCharacterSet there_, back_;
};

// The single sets without code extensions, PS3.3 C.12.1.1.2. A set that needs
// escapes, and one that we do not know, is not written: UTF-8 is.
bool
Repertoire::select(const char *wanted)
{
	static const char *const known[] = {"ISO_IR 100", "ISO_IR 101",
	    "ISO_IR 109", "ISO_IR 110", "ISO_IR 144", "ISO_IR 127",
	    "ISO_IR 126", "ISO_IR 138", "ISO_IR 148", "ISO_IR 166",
	    "ISO_IR 13", "GB18030", "GBK"};
	char name[32];
	if (!str_copy(name, sizeof(name), wanted))
		return false;
	(void)str_trim(name); // in place
	std::string set = name;
	if (str_starts(name, "ISO 2022 IR ")) // alone: as in dataset_parse
		set = "ISO_IR " + set.substr(12);
	for (const char *k : known)
		if (set == k) {
			charset_ = set;
			return there_.selectCharacterSet("ISO_IR 192", k)
				   .good() &&
			    back_.selectCharacterSet(k, "ISO_IR 192").good();
		}
	return false;
}

// Whether ${s} (UTF-8) is of JIS X 0201: ASCII but for the two characters
// that are others there, and U+FF61 to U+FF9F. The toolkit takes its name for
// Shift JIS, which has more.
bool
is_jis_x0201(const std::string &s)
{
	for (size_t i = 0; i < s.size(); i++) {
		unsigned char c = static_cast<unsigned char>(s[i]);
		if (c < 0x80 && c != '~' && c != '\\')
			continue;
		if (c != 0xEF || s.size() - i < 3)
			return false;
		unsigned u = 0xF000u | (s[i + 1] & 0x3Fu) << 6 |
		    (s[i + 2] & 0x3Fu);
		if (u < 0xFF61 || u > 0xFF9F)
			return false;
		i += 2;
	}
	return true;
}

// True when nothing of ${from} is lost: it comes back as it was.
bool
Repertoire::convert_one(const std::string &from, std::string *ret)
{
	OFString out, again;
	if ((charset_ == "ISO_IR 13" && !is_jis_x0201(from)) ||
	    there_.convertString(from.c_str(), from.size(), out).bad() ||
	    back_.convertString(out.c_str(), out.length(), again).bad() ||
	    from != std::string(again.c_str(), again.length()))
		return false;
	ret->append(out.c_str(), out.length());
	return true;
}

// 05/12 between values is no character of the set, PS3.5 6.1.3: in ISO-IR 13
// it would be a yen sign.
bool
Repertoire::convert(const struct attr *a, std::string *ret)
{
	std::string from = a->value;
	size_t at = 0;
	if (is_one_value(a->vr))
		return convert_one(from, ret);
	for (;;) {
		size_t end = from.find('\\', at);
		if (!convert_one(from.substr(at, end - at), ret))
			return false;
		if (end == std::string::npos)
			return true;
		*ret += '\\';
		at = end + 1;
	}
}

bool
Repertoire::holds(const struct attrs *as)
{
	for (unsigned i = 0; i < as->n; i++) {
		std::string ignored;
		const struct attr *a = &as->a[i];
		if (!is_text(a->vr) ? !is_ascii(a->value) :
		    !convert(a, &ignored))
			return false;
	}
	return true;
}

Repertoire::Repertoire(const struct attrs *as, const char *wanted)
{
	if (!is_plain(as) && !(select(wanted) && holds(as)))
		charset_ = "ISO_IR 192";
}

std::string
Repertoire::write(const struct attr *a)
{
	std::string out;
	bool is_changed = !charset_.empty() && charset_ != "ISO_IR 192" &&
	    is_text(a->vr) && convert(a, &out);
	return is_changed ? out : std::string(a->value);
}

int
refuse(const struct attr *a, const char *want, struct err *e)
{
	return err_set(e, ERR_INVAL, 0, "attribute (%04x,%04x): want %s",
	    static_cast<unsigned>(a->tag >> 16),
	    static_cast<unsigned>(a->tag & 0xFFFF), want);
}

// AT values are kept as GGGGEEEE, which DCMTK does not read.
OFCondition
put_tags(DcmElement *el, const char *value)
{
	unsigned long pos = 0;
	for (const char *p = value; *p != '\0'; pos++) {
		uint8_t b[4];
		char hex[9];
		(void)str_copy(hex, sizeof(hex), p); // the first eight
		if (!str_unhex(b, hex, sizeof(b)))
			return EC_IllegalParameter;
		OFCondition c = el->putTagVal(
		    DcmTagKey(static_cast<Uint16>(b[0] << 8 | b[1]),
			static_cast<Uint16>(b[2] << 8 | b[3])),
		    pos);
		p += 8;
		if (c.bad() || (*p != '\0' && *p != '\\'))
			return EC_IllegalParameter;
		p += *p == '\\' ? 1 : 0;
	}
	return EC_Normal;
}

struct range {
	DcmEVR evr;
	int64_t min, max;
};

const struct range RANGES[] = {
    {EVR_US, 0, UINT16_MAX},
    {EVR_SS, INT16_MIN, INT16_MAX},
    {EVR_UL, 0, UINT32_MAX},
    {EVR_SL, INT32_MIN, INT32_MAX},
};

// Whether each component of ${value} is a whole number that VR ${evr} can
// hold; DCMTK would cut a larger one to its low bits.
bool
is_in_range(DcmEVR evr, const char *value)
{
	const struct range *r = nullptr;
	for (const struct range &row : RANGES)
		if (row.evr == evr)
			r = &row;
	if (r == nullptr)
		return true;
	for (const char *p = value;; p++) {
		int64_t v;
		size_t n = strcspn(p, "\\");
		if (!str_to_i64_n(p, n, r->min, r->max, &v))
			return false;
		p += n;
		if (*p == '\0')
			return true;
	}
}

OFCondition
put_value(DcmElement *el, DcmEVR evr, const char *value)
{
	DcmVR vr(evr);
	if (value[0] == '\0' || evr == EVR_SQ)
		return EC_Normal; // universal matching: no value
	if (evr == EVR_AT)
		return put_tags(el, value);
	if (evr == EVR_UN)
		return el->putUint8Array(
		    reinterpret_cast<const Uint8 *>(value),
		    static_cast<unsigned long>(strlen(value)));
	if (evr == EVR_OB || evr == EVR_OW || !is_in_range(evr, value))
		return EC_IllegalParameter;
	return el->putString(value, static_cast<Uint32>(strlen(value)));
}

int
add(DcmDataset *set, const struct attr *a, const std::string &value,
    bool is_explicit, struct err *e)
{
	const char *name = a->vr;
	if (!DcmVR(name).isStandard() || str_eq(name, "UN"))
		name = dictionary_vr(a->tag, false);
	DcmVR vr(name);
	bool is_short = !vr.usesExtendedLengthEncoding();
	if (is_explicit && is_short && value.size() > SHORT_MAX)
		return refuse(a, "at most 65534 bytes", e);

	DcmTag tag(static_cast<Uint16>(a->tag >> 16),
	    static_cast<Uint16>(a->tag & 0xFFFF), vr);
	DcmElement *made = nullptr;
	if (DcmItem::newDicomElementWithVR(made, tag).bad())
		return refuse(a, "a data element", e);
	std::unique_ptr<DcmElement> el(made);
	if (put_value(el.get(), vr.getEVR(), value.c_str()).bad())
		return refuse(a, "a value of its VR", e);
	if (set->insert(el.get(), OFTrue).bad())
		return refuse(a, "a place in the data set", e);
	(void)el.release(); // the data set owns it now
	return 0;
}

int
encode(DcmDataset *set, E_TransferSyntax xfer, struct buf *b, struct err *e)
{
	size_t size = set->calcElementLength(xfer, EET_ExplicitLength);
	if (size == 0)
		return 0;
	if (b->failed || size > b->max - b->len)
		return err_set(e, ERR_INVAL, 0,
		    "identifier: want at most %zu bytes, have %zu more",
		    b->max, size);
	std::string bytes(size, '\0');
	DcmOutputBufferStream out(&bytes[0],
	    static_cast<offile_off_t>(bytes.size()));
	set->transferInit();
	OFCondition c = set->write(out, xfer, EET_ExplicitLength, nullptr,
	    EGL_withoutGL);
	set->transferEnd();
	void *p = nullptr;
	offile_off_t n = 0;
	out.flushBuffer(p, n);
	if (c.bad())
		return err_set(e, ERR_INVAL, 0, "identifier: not written");
	buf_add(b, p, static_cast<size_t>(n));
	return 0;
}

} // namespace

int
dataset_format(const struct attrs *as, const char *syntax, struct buf *b,
    struct err *e)
{
	return guarded(e, [&] {
		bool implicit = str_eq(syntax, SYNTAX_IMPLICIT_LE);
		E_TransferSyntax xfer = implicit ? EXS_LittleEndianImplicit :
		    str_eq(syntax, SYNTAX_EXPLICIT_BE) ?
						   EXS_BigEndianExplicit :
						   EXS_LittleEndianExplicit;
		DcmDataset set;
		Repertoire text(as, as->charset);
		for (unsigned i = 0; i < as->n; i++) {
			// the bytes are written in our set, not in theirs
			if (as->a[i].tag == TAG_CHARSET)
				continue;
			if (add(&set, &as->a[i], text.write(&as->a[i]),
				!implicit, e) == -1)
				return -1;
		}
		if (!text.charset().empty() &&
		    set.putAndInsertString(DCM_SpecificCharacterSet,
			   text.charset().c_str()).bad())
			return err_set(e, ERR_NOMEM, 0,
			    "identifier: no character set");
		return encode(&set, xfer, b, e);
	});
}
