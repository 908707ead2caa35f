/* SPDX-License-Identifier: MIT */
/* Single values as DICOM JSON, PS3.18 F.2.2 to F.2.7. */

#include "dicom/dataset_priv.h"

namespace {

const char HEX[] = "0123456789ABCDEF";
const size_t NUMBER_MAX = 64; // characters; DS has 16, IS has 12
const size_t WHOLE_MAX = 15; // digits that a double holds exactly

// How a VR is written; MANY and ONE as strings.
enum form { MANY, ONE, NAME, DECIMAL, OTHER };

// Characters that are borrowed.
struct view {
	const char *p;
	size_t n;
};

enum form
form_of(const char *vr)
{
	static const struct {
		char vr[3];
		enum form form;
	} rows[] = {
	    {"UI", MANY}, {"CS", MANY}, {"DS", DECIMAL}, {"LO", MANY},
	    {"IS", DECIMAL}, {"SH", MANY}, {"DA", MANY}, {"TM", MANY},
	    {"PN", NAME}, {"ST", ONE}, {"LT", ONE}, {"UT", ONE}, {"AE", MANY},
	    {"AS", MANY}, {"DT", MANY}, {"UC", MANY}, {"UR", ONE},
	};
	for (const auto &row : rows)
		if (row.vr[0] == vr[0] && row.vr[1] == vr[1])
			return row.form;
	return OTHER;
}

// Whether ${v} has nothing but characters of ${set}.
bool
is_only(struct view v, const char *set)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] == '\0' || strchr(set, v.p[i]) == nullptr)
			return false;
	return true;
}

struct view
trim(struct view v)
{
	while (v.n > 0 && v.p[0] == ' ') {
		v.p++;
		v.n--;
	}
	while (v.n > 0 && v.p[v.n - 1] == ' ')
		v.n--;
	return v;
}

// Cut the first part before ${by} off ${rest}; false when there is none.
bool
split(struct view *rest, char by, struct view *ret)
{
	if (rest->p == nullptr)
		return false;
	const void *at = rest->n == 0 ? nullptr : memchr(rest->p, by, rest->n);
	*ret = *rest;
	if (at == nullptr) {
		rest->p = nullptr;
		return true;
	}
	ret->n = static_cast<size_t>(static_cast<const char *>(at) - rest->p);
	rest->p += ret->n + 1;
	rest->n -= ret->n + 1;
	return true;
}

bool
is_plain(struct view v) // ASCII that no character set changes
{
	for (size_t i = 0; i < v.n; i++)
		if ((v.p[i] & 0x80) != 0 || v.p[i] == '\x1B' || v.p[i] == '\0')
			return false;
	return true;
}

// The value in UTF-8 without its padding; ${hold} keeps what was converted.
struct view
text_of(const char *vr, const uint8_t *p, size_t n, Text *text,
    std::string *hold)
{
	struct view v = {reinterpret_cast<const char *>(p), n};
	while (v.n > 0 && (v.p[v.n - 1] == ' ' || v.p[v.n - 1] == '\0'))
		v.n--;
	if (is_plain(v))
		return v;
	*hold = text->value(vr, p, n);
	return {hold->data(), hold->size()};
}

size_t
digits(struct view v, size_t at)
{
	size_t n = 0;
	while (at + n < v.n && v.p[at + n] >= '0' && v.p[at + n] <= '9')
		n++;
	return n;
}

// ${v} (DS or IS, PS3.5 6.2) by the grammar of JSON (RFC 8259 6) into ${ret}
// of NUMBER_MAX + 2: no plus, no zeros before, digits at both sides of the
// point. False when it is no number, or one that readers cannot hold.
bool
to_number(struct view v, char *ret, size_t *ret_n)
{
	size_t at = 0;
	size_t n = 0;
	if (v.n > NUMBER_MAX)
		return false;
	if (v.n > 0 && (v.p[0] == '-' || v.p[0] == '+'))
		at++;
	if (at == 1 && v.p[0] == '-')
		ret[n++] = '-';
	size_t whole = digits(v, at);
	size_t zeros = 0;
	while (zeros + 1 < whole && v.p[at + zeros] == '0')
		zeros++;
	if (whole == 0)
		ret[n++] = '0';
	memcpy(ret + n, v.p + at + zeros, whole - zeros);
	n += whole - zeros;
	at += whole;
	bool point = at < v.n && v.p[at] == '.';
	size_t part = point ? digits(v, at + 1) : 0;
	if (whole + part == 0 || whole - zeros > WHOLE_MAX)
		return false;
	if (part > 0)
		memcpy(ret + n, v.p + at, part + 1);
	n += part > 0 ? part + 1 : 0;
	at += part + (point ? 1 : 0);
	if (at < v.n && (v.p[at] == 'e' || v.p[at] == 'E')) {
		size_t sign = at + 1 < v.n &&
		    (v.p[at + 1] == '-' || v.p[at + 1] == '+') ? 1 : 0;
		size_t exponent = digits(v, at + 1 + sign);
		if (exponent == 0 || exponent > 2) // what a float holds
			return false;
		memcpy(ret + n, v.p + at, 1 + sign + exponent);
		n += 1 + sign + exponent;
		at += 1 + sign + exponent;
	}
	*ret_n = n;
	return at == v.n;
}

void
add_string(struct buf *b, struct view v)
{
	buf_add_u8(b, '"');
	json_escape(b, v.p, v.n);
	buf_add_u8(b, '"');
}

// PS3.18 F.2.2: an object with the groups that are not empty.
void
add_name(struct buf *b, struct view v)
{
	static const char *const keys[] = {"{\"Alphabetic\":",
	    "{\"Ideographic\":", "{\"Phonetic\":"};
	bool first = true;
	for (size_t i = 0; i < 3; i++) {
		struct view group;
		if (!split(&v, '=', &group))
			break;
		group = trim(group);
		if (is_only(group, "^")) // delimiters name nobody
			continue;
		if (!first)
			buf_add_u8(b, ',');
		buf_add_str(b, keys[i] + (first ? 0 : 1));
		add_string(b, group);
		first = false;
	}
	buf_add_str(b, first ? "null" : "}");
}

void
add_component(struct buf *b, enum form form, struct view v)
{
	char number[NUMBER_MAX + 2];
	size_t n = 0;
	if (v.n == 0)
		buf_add_str(b, "null"); // PS3.18 F.2.5
	else if (form == NAME)
		add_name(b, v);
	else if (form == DECIMAL && to_number(v, number, &n))
		buf_add(b, number, n);
	else
		add_string(b, v);
}

// One number of number_value. JSON has no NaN nor infinity; whole numbers
// that a double cannot hold may be strings (PS3.18 F.2.3).
void
add_number(struct buf *b, const char *vr, struct view v)
{
	bool minus = v.p[0] == '-';
	char first = v.p[minus ? 1 : 0];
	bool wide = vr[1] == 'V' && v.n - (minus ? 1 : 0) > WHOLE_MAX;
	if (first == 'n')
		buf_add_str(b, "\"NaN\"");
	else if (vr[0] == 'A' || first == 'i' || wide)
		add_string(b, v);
	else
		buf_add(b, v.p, v.n);
}

// The bytes of a word of these VRs, which the byte order concerns.
size_t
word_of(const char *vr)
{
	switch (vr[0] == 'O' ? vr[1] : 'B') {
	case 'W':
		return 2;
	case 'F':
	case 'L':
		return 4;
	case 'D':
	case 'V':
		return 8;
	default:
		return 1;
	}
}

void
add_base64(struct buf *b, const uint8_t *p, size_t n)
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "abcdefghijklmnopqrstuvwxyz0123456789+/";
	for (size_t i = 0; i < n; i += 3) {
		size_t left = n - i;
		uint32_t v = static_cast<uint32_t>(p[i] << 16);
		v |= left > 1 ? static_cast<uint32_t>(p[i + 1] << 8) : 0;
		v |= left > 2 ? p[i + 2] : 0;
		char four[] = {set[v >> 18], set[v >> 12 & 63],
		    left > 1 ? set[v >> 6 & 63] : '=',
		    left > 2 ? set[v & 63] : '='};
		buf_add(b, four, sizeof(four));
	}
}

} // namespace

void
json_hex(char *dst, uint32_t tag)
{
	for (int i = 0; i < 8; i++)
		dst[i] = HEX[tag >> (28 - 4 * i) & 15];
}

void
json_escape(struct buf *b, const char *s, size_t n)
{
	size_t from = 0;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = static_cast<unsigned char>(s[i]);
		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		buf_add(b, s + from, i - from);
		from = c < 0x20 ? i + 1 : i; // else a backslash is enough
		char code[] = {'\\', 'u', '0', '0', HEX[c >> 4], HEX[c & 15]};
		buf_add(b, code, c < 0x20 ? sizeof(code) : 1);
	}
	buf_add(b, s + from, n - from);
}

bool
json_text(struct buf *b, const char *vr, const uint8_t *p, size_t n,
    Text *text)
{
	std::string hold;
	enum form form = form_of(vr);
	if (form == OTHER)
		return false;
	struct view rest = text_of(vr, p, n, text, &hold);
	struct view one;
	if (is_only(rest, form == NAME ? " ^=" : " "))
		return true;
	buf_add_str(b, ",\"Value\":[");
	if (form == ONE) {
		add_string(b, rest);
		rest.p = nullptr;
	}
	for (bool first = true; split(&rest, '\\', &one); first = false) {
		if (!first)
			buf_add_u8(b, ',');
		add_component(b, form, trim(one));
	}
	buf_add_u8(b, ']');
	return true;
}

void
json_numbers(struct buf *b, const char *vr, const uint8_t *p, size_t n,
    bool big)
{
	std::string all = number_value(vr, p, n, big);
	struct view rest = {all.data(), all.size()};
	struct view one;
	if (all.empty())
		return;
	buf_add_str(b, ",\"Value\":[");
	for (bool first = true; split(&rest, '\\', &one); first = false) {
		if (!first)
			buf_add_u8(b, ',');
		add_number(b, vr, one);
	}
	buf_add_u8(b, ']');
}

void
json_bytes(struct buf *b, const char *vr, const uint8_t *p, size_t n, bool big)
{
	uint8_t swapped[DATASET_INLINE_MAX];
	size_t word = big ? word_of(vr) : 1;
	if (n == 0)
		return;
	buf_add_str(b, ",\"InlineBinary\":\"");
	for (size_t i = 0; i < n; i++) { // a last part of a word stays
		bool whole = i - i % word + word <= n;
		swapped[i] = whole ? p[i - i % word + word - 1 - i % word] :
				     p[i];
	}
	add_base64(b, swapped, n);
	buf_add_u8(b, '"');
}
