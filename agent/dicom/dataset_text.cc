/* SPDX-License-Identifier: MIT */
/* Text of data sets to UTF-8, PS3.3 C.12.1.1.2 and PS3.5 6.1. */

#include "dicom/dataset_priv.h"

namespace {

const char YEN[] = "\xC2\xA5"; // what iconv makes of 05/12 in JIS X 0201

bool
is_one_of(const char *vr, const char *list)
{
	return strstr(list, vr) != nullptr;
}

bool
is_text(const char *vr) // VRs that (0008,0005) rules, PS3.5 6.2
{
	return is_one_of(vr, "SH LO ST LT UT PN UC");
}

bool
is_one_value(const char *vr) // a backslash is a character, PS3.5 6.2
{
	return is_one_of(vr, "ST LT UT UR");
}

bool
is_ascii(const std::string &s)
{
	for (char c : s)
		if ((static_cast<unsigned char>(c) & 0x80) != 0 || c == '\x1B')
			return false;
	return true;
}

std::string
trim(const std::string &s, bool front)
{
	size_t from = front ? s.find_first_not_of(' ') : 0;
	size_t to = s.find_last_not_of(' ');
	if (to == std::string::npos || from > to)
		return std::string();
	return s.substr(from, to + 1 - from);
}

// Cut the blanks around each component.
std::string
trim_each(const std::string &s)
{
	std::string out;
	size_t at = 0;
	for (;;) {
		size_t end = s.find('\\', at);
		out += trim(s.substr(at, end - at), true);
		if (end == std::string::npos)
			return out;
		out += '\\';
		at = end + 1;
	}
}

std::string
from_latin1(const std::string &s)
{
	std::string out;
	for (char ch : s) {
		unsigned c = static_cast<unsigned char>(ch);
		if (c < 0x80) {
			out += ch;
			continue;
		}
		out += static_cast<char>(0xC0 | c >> 6);
		out += static_cast<char>(0x80 | (c & 0x3F));
	}
	return out;
}

void
replace_all(std::string *s, const char *what, const char *with)
{
	size_t n = strlen(what);
	for (size_t at = s->find(what); at != std::string::npos;
	     at = s->find(what, at))
		s->replace(at, n, with);
}

} // namespace

Text::Text(const void *charset, size_t n)
{
	std::string s(static_cast<const char *>(n == 0 ? "" : charset), n);
	for (char &c : s)
		if (c == '\0')
			c = ' ';
	charset_ = trim_each(s);
	if (!is_ascii(charset_))
		charset_ = "?"; // no defined term
}

bool
Text::select(const std::string &charset)
{
	return toolkit_.selectCharacterSet(OFString(charset.c_str())).good();
}

// The first that works: as it says; a lone extension as the plain set of the
// same number (written by many, not allowed by any); a lone extension that
// has no plain set, on top of ASCII.
void
Text::choose()
{
	static const char lone[] = "ISO 2022 IR ";
	bool is_lone = str_starts(charset_.c_str(), lone) &&
	    charset_.find('\\') == std::string::npos;
	bool kanji = charset_.find("2022 IR 87") != std::string::npos ||
	    charset_.find("2022 IR 159") != std::string::npos;

	route_ = NONE;
	if (charset_.empty())
		return;
	if (charset_ == "ISO_IR 192")
		route_ = UTF8;
	else if (!is_lone && select(charset_))
		route_ = TOOLKIT;
	else if (is_lone && select("ISO_IR " + charset_.substr(12)))
		route_ = TOOLKIT;
	else if (is_lone && select("\\" + charset_))
		route_ = TOOLKIT;
	// glibc's iconv has no ISO-IR 87 for DCMTK, but the mail encoding
	// with the same escapes (RFC 1554)
	else if (kanji &&
	    kanji_.selectEncoding("ISO-2022-JP-2", "UTF-8").good())
		route_ = JAPANESE;
}

// Half-width katakana stand in G1 (ISO-IR 13), all else in G0 by escapes.
bool
Text::japanese(const std::string &from, std::string *ret)
{
	bool has_katakana = charset_.find("IR 13") != std::string::npos;
	std::string run;
	auto flush = [&]() {
		OFString out;
		if (run.empty())
			return true;
		bool ok = kanji_.convertString(run.c_str(), run.size(), out)
			      .good();
		ret->append(out.c_str(), out.length());
		run.clear();
		return ok;
	};
	for (char ch : from) {
		unsigned c = static_cast<unsigned char>(ch);
		if (c < 0x80) {
			run += ch;
			continue;
		}
		if (!has_katakana || c < 0xA1 || c > 0xDF || !flush())
			return false;
		unsigned u = 0xFF61 + (c - 0xA1);
		*ret += static_cast<char>(0xE0 | u >> 12);
		*ret += static_cast<char>(0x80 | (u >> 6 & 0x3F));
		*ret += static_cast<char>(0x80 | (u & 0x3F));
	}
	return flush();
}

bool
Text::convert(const char *vr, const std::string &from, std::string *ret)
{
	if (route_ == UNSET)
		choose();
	if (route_ == NONE)
		return false;
	if (route_ == UTF8) {
		*ret = from;
		return true;
	}
	if (route_ == TOOLKIT) {
		// where extensions fall back to the first set, PS3.5 6.1.2.5.3
		const char *delimiters = is_one_value(vr) ? "" :
		    is_one_of(vr, "PN")			  ? "\\^=" :
							    "\\";
		OFString out;
		if (toolkit_.convertString(from.c_str(), from.size(), out,
			delimiters).bad())
			return false;
		ret->assign(out.c_str(), out.length());
	} else if (!japanese(from, ret)) {
		return false;
	}
	// 05/12 separates values in every set, PS3.5 6.1.3
	if (route_ == JAPANESE || charset_.find("IR 13") != std::string::npos)
		replace_all(ret, YEN, "\\");
	return true;
}

std::string
Text::value(const char *vr, const uint8_t *p, size_t n)
{
	std::string from;
	if (n > 0)
		from.assign(reinterpret_cast<const char *>(p), n);
	for (char &c : from)
		if (c == '\0')
			c = ' '; // padding, PS3.5 6.2; no C string holds it
	from = trim(from, false);

	std::string out = from;
	if (!is_ascii(from)) {
		std::string converted;
		if (is_text(vr) && convert(vr, from, &converted) &&
		    str_is_utf8(converted.data(), converted.size())) {
			out = converted;
		} else {
			out = from_latin1(from);
			guessed_ = true;
		}
	}
	return is_one_value(vr) ? trim(out, false) : trim_each(out);
}
