/* SPDX-License-Identifier: MIT */
/* Folding, one character at a time: nothing is allocated, no text is too
 * long. Marks go, so the order that NFKD would give them does not matter. */
#include <string.h>

#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>
#include <unicode/utf16.h>
#include <unicode/utf8.h>

#include "base/str.h"
#include "text/fold.h"

#define FOLD_COMPARE_SIZE 1024 /* bytes; longer texts are compared as are */
#define FOLD_NAME_SIZE 512
#define DECOMPOSED_MAX 32 /* UTF-16 units; U+FDFA has 18, the most */

struct folding {
	char *dst;
	size_t size, len;
	bool blank; /* one is due before the next character */
	bool cut;
	bool expand; /* spell umlauts out: a-umlaut is "ae" */
	UChar32 last; /* letter written last */
};

/* Letters that people read as others but Unicode does not decompose. */
static const struct spelling {
	UChar32 c;
	const char *plain, *expanded;
} spellings[] = {
    {0x00E6, "ae", "ae"}, /* ae ligature */
    {0x00F0, "d", "d"}, /* eth */
    {0x00F8, "o", "oe"}, /* o with stroke */
    {0x00FE, "th", "th"}, /* thorn */
    {0x0111, "d", "d"}, /* d with stroke */
    {0x0127, "h", "h"}, /* h with stroke */
    {0x0131, "i", "i"}, /* dotless i */
    {0x0142, "l", "l"}, /* l with stroke */
    {0x0153, "oe", "oe"}, /* oe ligature */
};

static void
put(struct folding *f, const char *p, size_t n)
{
	size_t need = n + (f->blank && f->len > 0);
	if (f->cut || need >= f->size - f->len) {
		f->cut = true;
		return;
	}
	if (f->blank && f->len > 0)
		f->dst[f->len++] = ' ';
	f->blank = false;
	memcpy(f->dst + f->len, p, n);
	f->len += n;
}

static void
put_letter(struct folding *f, UChar32 c)
{
	for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
		const struct spelling *s = &spellings[i];
		const char *as = f->expand ? s->expanded : s->plain;
		if (s->c == c) {
			put(f, as, strlen(as));
			return;
		}
	}
	char utf8[4];
	int32_t n = 0;
	U8_APPEND_UNSAFE(utf8, n, c);
	put(f, utf8, (size_t)n);
	f->last = c;
}

/* A mark vanishes; when umlauts are spelled out, the diaeresis of a, o, u is
 * an e and the ring of a another a (ICAO 9303-3 section 6). */
static void
put_mark(struct folding *f, UChar32 c)
{
	bool aou = f->last == 'a' || f->last == 'o' || f->last == 'u';
	if (f->expand && c == 0x0308 && aou)
		put(f, "e", 1);
	if (f->expand && c == 0x030A && f->last == 'a')
		put(f, "a", 1);
	f->last = 0;
}

/* Accents, and the points of Hebrew and Arabic. Nukta, kana voicing and
 * virama (classes 7 to 9) make another letter, vowel signs (0) are letters:
 * they stay. */
static bool
is_mark(UChar32 c)
{
	uint8_t class = u_getCombiningClass(c);
	return class == 1 || class >= 10;
}

/* ${c} is decomposed already. */
static void
put_folded(struct folding *f, UChar32 c)
{
	if (is_mark(c)) {
		put_mark(f, c);
		return;
	}
	if (u_hasBinaryProperty(c, UCHAR_DEFAULT_IGNORABLE_CODE_POINT))
		return;
	if (u_isUWhiteSpace(c)) {
		f->blank = true;
		return;
	}
	UChar from[2], to[8]; /* full folding gives 3 units at most */
	int32_t n = 0, i = 0;
	UErrorCode code = U_ZERO_ERROR;
	U16_APPEND_UNSAFE(from, n, c);
	n = u_strFoldCase(to, 8, from, n, U_FOLD_CASE_DEFAULT, &code);
	while (U_SUCCESS(code) && i < n) {
		UChar32 d;
		U16_NEXT(to, i, n, d);
		if (!is_mark(d))
			put_letter(f, d);
	}
}

static void
put_wide(struct folding *f, UChar32 c)
{
	UErrorCode code = U_ZERO_ERROR;
	const UNormalizer2 *nfkd = unorm2_getNFKDInstance(&code);
	UChar parts[DECOMPOSED_MAX];
	int32_t n = -1, i = 0;
	if (U_SUCCESS(code))
		n = unorm2_getDecomposition(nfkd, c, parts, DECOMPOSED_MAX,
		    &code);
	if (U_FAILURE(code) || n < 0) { /* it is its own decomposition */
		put_folded(f, c);
		return;
	}
	while (i < n) {
		UChar32 d;
		U16_NEXT(parts, i, n, d);
		put_folded(f, d);
	}
}

static void
put_ascii(struct folding *f, unsigned char c)
{
	if (c == ' ' || (c >= '\t' && c <= '\r')) {
		f->blank = true;
		return;
	}
	char low = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
	put(f, &low, 1);
	f->last = low;
}

/* Returns false when the result was cut. */
static bool
fold_n(struct folding *f, const char *s, size_t n)
{
	int32_t i = 0;
	int32_t end = n > INT32_MAX ? INT32_MAX : (int32_t)n;
	while (i < end && !f->cut) {
		UChar32 c = (unsigned char)s[i];
		if (c < 0x80) {
			put_ascii(f, (unsigned char)c);
			i++;
			continue;
		}
		U8_NEXT(s, i, end, c);
		if (c >= 0) /* negative: malformed, left out */
			put_wide(f, c);
	}
	f->dst[f->len] = '\0';
	return !f->cut;
}

const char *
fold_text(char *dst, size_t size, const char *s)
{
	struct folding f = {.dst = dst, .size = size};
	(void)fold_n(&f, s, strlen(s)); /* cutting is the contract */
	return dst;
}

bool
fold_equal(const char *a, const char *b)
{
	char fa[FOLD_COMPARE_SIZE], fb[FOLD_COMPARE_SIZE];
	struct folding of_a = {.dst = fa, .size = sizeof(fa)};
	struct folding of_b = {.dst = fb, .size = sizeof(fb)};
	bool whole = fold_n(&of_a, a, strlen(a)) && fold_n(&of_b, b, strlen(b));
	return str_eq(whole ? fa : a, whole ? fb : b);
}

/* Bytes of a hyphen or apostrophe at ${s}, 0 when there is none. */
static size_t
joiner(const char *s)
{
	static const char *const joiners[] = {"-", "'", "`",
	    "\xE2\x80\x90", "\xE2\x80\x92", "\xE2\x80\x93", "\xE2\x80\x94",
	    "\xE2\x80\x98", "\xE2\x80\x99", "\xE2\x80\xB2", "\xCA\xBC"};
	for (size_t i = 0; i < sizeof(joiners) / sizeof(joiners[0]); i++)
		if (str_starts(s, joiners[i]))
			return strlen(joiners[i]);
	return 0;
}

/* Take hyphens and apostrophes out of ${s}, and blanks too if ${blanks}. */
static void
close_up(char *s, bool blanks)
{
	char *to = s;
	while (*s != '\0') {
		size_t skip = blanks && *s == ' ' ? 1 : joiner(s);
		if (skip > 0)
			s += skip;
		else
			*to++ = *s++;
	}
	*to = '\0';
}

/* Length of the first component group (PS3.5 6.2.1.1). */
static size_t
group_length(const char *name)
{
	return strcspn(name, "=");
}

/* Length of the family name in a group of ${n} bytes; ${n} when nothing
 * separates it. */
static size_t
family_length(const char *name, size_t n)
{
	size_t caret = strcspn(name, "^");
	if (caret < n)
		return caret;
	size_t comma = strcspn(name, ",");
	return comma < n ? comma : n;
}

const char *
fold_family(char *dst, size_t size, const char *name)
{
	size_t group = group_length(name);
	size_t n = family_length(name, group);
	struct folding f = {.dst = dst, .size = size};
	(void)fold_n(&f, name, n); /* cutting is the contract */
	if (n == group) /* "Family Given" */
		dst[strcspn(dst, " ")] = '\0';
	close_up(dst, false);
	return dst;
}

struct family {
	char text[FOLD_NAME_SIZE]; /* blanks kept, so that words can be told */
	bool told; /* separated from the given name */
	bool whole;
};

static void
read_family(struct family *fam, const char *name, bool expand)
{
	size_t group = group_length(name);
	size_t n = family_length(name, group);
	struct folding f = {.dst = fam->text, .size = sizeof(fam->text),
	    .expand = expand};
	fam->whole = fold_n(&f, name, n);
	fam->told = n < group;
	close_up(fam->text, fam->told);
}

/* Whether ${all}, words of a name, begins with ${family} (closed up): a word
 * of ${all} must end where ${family} ends. */
static bool
begins_with(const char *all, const char *family)
{
	while (*family != '\0') {
		if (*all == ' ')
			all++;
		if (*all++ != *family++)
			return false;
	}
	return *all == '\0' || *all == ' ';
}

static bool
same_family(const char *a, const char *b, bool expand)
{
	struct family fa, fb;
	read_family(&fa, a, expand);
	read_family(&fb, b, expand);
	if (!fa.whole || !fb.whole)
		return str_eq(a, b);
	if (fa.text[0] == '\0' || fb.text[0] == '\0')
		return fa.text[0] == fb.text[0];
	if (fa.told && fb.told)
		return str_eq(fa.text, fb.text);
	if (fa.told)
		return begins_with(fb.text, fa.text);
	if (fb.told)
		return begins_with(fa.text, fb.text);
	fa.text[strcspn(fa.text, " ")] = '\0';
	fb.text[strcspn(fb.text, " ")] = '\0';
	return str_eq(fa.text, fb.text);
}

bool
fold_family_equal(const char *a, const char *b)
{
	return same_family(a, b, false) || same_family(a, b, true);
}

/* Behind the character at ${s}, which is not the end. */
static const char *
next_char(const char *s)
{
	s++;
	while (((unsigned char)*s & 0xC0) == 0x80)
		s++;
	return s;
}

/* Only the last '*' is ever tried again: an earlier one cannot do better. */
bool
fold_wildcard(const char *pattern, const char *s)
{
	const char *star = NULL, *from = NULL;
	while (*s != '\0') {
		if (*pattern == '*') {
			star = ++pattern;
			from = s;
		} else if (*pattern == '?') {
			pattern++;
			s = next_char(s);
		} else if (*pattern == *s) {
			pattern++;
			s++;
		} else if (star != NULL) {
			pattern = star;
			from = next_char(from);
			s = from;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}
