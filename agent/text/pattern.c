/* SPDX-License-Identifier: MIT */
/* Regular expressions over ICU; each match works on a clone of its own. */
#include <string.h>

#include <unicode/unorm2.h>
#include <unicode/uregex.h>
#include <unicode/ustring.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "text/pattern.h"

#define SOURCE_MAX 8192 /* UTF-16 units; a longer pattern is refused */
#define TEXT_MAX 2048 /* UTF-16 units; the rest of a text is not searched */
#define STACK_BYTES (1024 * 1024) /* of ICU's heap, per match */

struct pattern {
	/* set at birth, then constant */
	URegularExpression *re; /* only ever cloned */
};

/* One text, ready to be searched; too large for a careless stack, so there
 * is one a search. */
struct haystack {
	UChar units[2 * TEXT_MAX];
	int32_t n;
	bool joined; /* has underscores */
};

static int
compile(struct pattern *p, const char *source, struct err *e)
{
	UChar raw[SOURCE_MAX], nfc[SOURCE_MAX];
	UErrorCode code = U_ZERO_ERROR;
	UParseError at = {0};
	int32_t n = 0;
	u_strFromUTF8(raw, SOURCE_MAX, &n, source, -1, &code);
	const UNormalizer2 *norm = unorm2_getNFCInstance(&code);
	n = unorm2_normalize(norm, raw, n, nfc, SOURCE_MAX, &code);
	if (U_FAILURE(code))
		return err_set(e, ERR_INVAL, 0,
		    "pattern: want UTF-8 of at most %d characters: %s",
		    SOURCE_MAX, u_errorName(code));
	p->re = uregex_open(nfc, n,
	    UREGEX_CASE_INSENSITIVE | UREGEX_ERROR_ON_UNKNOWN_ESCAPES, &at,
	    &code);
	if (U_FAILURE(code))
		return err_set(e, ERR_INVAL, 0,
		    "pattern: want a regular expression: %s at character %d",
		    u_errorName(code), (int)at.offset);
	return 0;
}

struct pattern *
pattern_new(const char *source, struct err *e)
{
	struct pattern *p = mem_new(struct pattern);
	if (compile(p, source, e) < 0)
		pattern_free(&p);
	return p;
}

void
pattern_free(struct pattern **pp)
{
	struct pattern *p = *pp;
	*pp = NULL;
	if (p == NULL)
		return;
	uregex_close(p->re); /* takes NULL */
	mem_free(p);
}

/* NFKC in place; text that would not fit any more stays as it is. */
static void
normalize(struct haystack *h)
{
	UChar out[2 * TEXT_MAX];
	UErrorCode code = U_ZERO_ERROR;
	const UNormalizer2 *norm = unorm2_getNFKCInstance(&code);
	int32_t n = unorm2_normalize(norm, h->units, h->n, out, 2 * TEXT_MAX,
	    &code);
	if (U_FAILURE(code))
		return;
	u_memcpy(h->units, out, n);
	h->n = n;
}

static void
read_text(struct haystack *h, const char *utf8)
{
	size_t n = 0;
	bool ascii = true;
	for (; n < TEXT_MAX && utf8[n] != '\0'; n++)
		ascii = ascii && (unsigned char)utf8[n] < 0x80;
	/* a character that the cut splits becomes U+FFFD, as others that
	 * cannot be read */
	UErrorCode code = U_ZERO_ERROR;
	h->n = 0;
	u_strFromUTF8WithSub(h->units, TEXT_MAX, &h->n, utf8, (int32_t)n,
	    0xFFFD, NULL, &code);
	if (U_FAILURE(code)) /* cannot be: units never exceed bytes */
		h->n = 0;
	if (!ascii)
		normalize(h);
	h->joined = u_memchr(h->units, '_', h->n) != NULL;
}

static void
separate_words(struct haystack *h)
{
	for (int32_t i = 0; i < h->n; i++)
		if (h->units[i] == '_')
			h->units[i] = ' ';
}

static void
copy_found(URegularExpression *re, const struct haystack *h, char *found,
    size_t size)
{
	UErrorCode code = U_ZERO_ERROR;
	int32_t from = uregex_start(re, 0, &code);
	int32_t to = uregex_end(re, 0, &code);
	char utf8[6 * TEXT_MAX]; /* a unit has 3 bytes at most */
	int32_t n = 0;
	if (U_SUCCESS(code))
		u_strToUTF8WithSub(utf8, sizeof(utf8), &n, h->units + from,
		    to - from, 0xFFFD, NULL, &code);
	(void)str_copy_n(found, size, utf8, /* cutting is the contract */
	    U_SUCCESS(code) ? (size_t)n : 0);
}

static int
search(URegularExpression *re, const struct haystack *h, UErrorCode *code)
{
	uregex_setText(re, h->units, h->n, code);
	UBool hit = uregex_find(re, 0, code);
	return U_SUCCESS(*code) && hit;
}

int
pattern_find(const struct pattern *p, const char *utf8, char *found,
    size_t size)
{
	struct haystack words, as_is;
	read_text(&as_is, utf8);
	words = as_is;
	separate_words(&words);

	UErrorCode code = U_ZERO_ERROR;
	URegularExpression *re = uregex_clone(p->re, &code);
	uregex_setTimeLimit(re, PATTERN_TIME_MS, &code);
	uregex_setStackLimit(re, STACK_BYTES, &code);
	const struct haystack *h = &words;
	int rc = search(re, h, &code);
	if (rc == 0 && as_is.joined) { /* for patterns that name a '_' */
		h = &as_is;
		rc = search(re, h, &code);
	}
	if (U_FAILURE(code)) {
		log_debug("text.pattern.gave_up", "reason=%s",
		    u_errorName(code));
		rc = -1;
	}
	if (rc == 1 && found != NULL)
		copy_found(re, h, found, size);
	uregex_close(re);
	return rc;
}
