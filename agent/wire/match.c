/* SPDX-License-Identifier: MIT */
/* Attribute matching, PS3.4 C.2.2.2. */
#include <string.h>

#include "base/str.h"
#include "text/fold.h"
#include "wire/match.h"

#define COMPONENTS_MAX 1000 /* of a key that the index cannot look up */
#define TEXT_MAX 1024 /* bytes of a value that matching looks at */

/* Copy one component of a '\' list; returns where the next begins or NULL. */
static const char *
component(const char *s, char *dst, size_t size)
{
	size_t n = strcspn(s, "\\");
	(void)str_copy_n(dst, size, s, n);
	return s[n] == '\\' ? s + n + 1 : NULL;
}

static bool
is_text(const char *vr)
{
	return str_in_list("PN,LO,SH,ST,LT,UT,UC", vr);
}

static bool
has_wildcard(const char *s)
{
	return strpbrk(s, "*?") != NULL;
}

static bool
has_digit(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (s[i] >= '0' && s[i] <= '9')
			return true;
	return false;
}

/* A date or time as comparable digits, cut or filled to ${width} with
 * ${fill}: "0830" as a lower bound is 083000000000, an open bound the lowest
 * or highest there is. Old forms with separators (PS3.5 6.2, ACR-NEMA
 * "2026.11.24", "08:30") count too. */
static void
digits_of(const char *s, size_t n, char *dst, size_t width, char fill)
{
	size_t k = 0;
	for (size_t i = 0; i < n && k < width; i++)
		if (s[i] >= '0' && s[i] <= '9')
			dst[k++] = s[i];
	while (k < width)
		dst[k++] = fill;
	dst[width] = '\0';
}

/* Whether the hyphen at ${s} begins an offset from UTC: four digits, at most
 * 1400, which is no year (PS3.5 6.2). */
static bool
is_offset(const char *s)
{
	int64_t v = 0;
	return strspn(s + 1, "0123456789") == 4 &&
	    (s[5] == '\0' || s[5] == '-') &&
	    str_to_i64_n(s + 1, 4, 0, 1400, &v);
}

/* Length of a DT's digits: the offset from UTC does not count. Only roughly
 * right across zones, but no viewer asks by DT. */
static size_t
local_length(const char *s, size_t n)
{
	size_t k = strcspn(s, "+-");
	return k < n ? k : n;
}

/* Range and single value of DA, TM and DT (PS3.4 C.2.2.2.5). */
static bool
match_when(const char *vr, const char *key, const char *value)
{
	bool dt = str_eq(vr, "DT");
	size_t width = str_eq(vr, "DA") ? 8 : str_eq(vr, "TM") ? 12 : 20;
	char low[24], high[24], v[24];
	size_t n = strcspn(key, "-");
	if (dt && n > 0 && key[n] == '-' && is_offset(key + n))
		n += 5;
	bool range = key[n] == '-';
	const char *to = range ? key + n + 1 : key;
	size_t to_n = strlen(to);
	size_t value_n = strlen(value);
	if (dt) {
		value_n = local_length(value, value_n);
		to_n = local_length(to, to_n);
		n = local_length(key, n);
	}
	if (!has_digit(value, value_n) || !(range || has_digit(key, n)))
		return false;
	digits_of(value, value_n, v, width, '0');
	digits_of(key, n, low, width, '0');
	digits_of(to, to_n, high, width, '9');
	return strcmp(v, low) >= 0 && strcmp(v, high) <= 0;
}

static bool
match_one(const char *vr, const char *key, const char *value)
{
	char k[TEXT_MAX], v[TEXT_MAX];
	if (is_text(vr)) { /* people type lower case and no accents */
		(void)fold_text(k, sizeof(k), key);
		(void)fold_text(v, sizeof(v), value);
	} else {
		(void)str_copy(k, sizeof(k), key);
		(void)str_copy(v, sizeof(v), value);
		(void)str_trim(k); /* returns its argument */
		(void)str_trim(v);
	}
	if (has_wildcard(k))
		return fold_wildcard(k, v);
	return str_eq(k, v);
}

static void
blank_out(char *s)
{
	for (; *s != '\0'; s++)
		*s = *s == '^' || *s == '=' ? ' ' : *s;
}

/* A name matches with the blanks and carets that people mix up, and without
 * the empty components that it need not have (PS3.5 6.2.1.1): "DOE^*" asks
 * for DOE too. */
static bool
match_name(const char *key, const char *value)
{
	char k[TEXT_MAX], v[TEXT_MAX];
	if (match_one("PN", key, value))
		return true;
	(void)str_copy(k, sizeof(k), key);
	size_t n = strlen(k);
	if (n > 2 && str_eq(k + n - 2, "^*")) {
		k[n - 2] = '\0';
		if (match_one("PN", k, value))
			return true;
		k[n - 2] = '^';
	}
	(void)str_copy(v, sizeof(v), value);
	blank_out(k);
	blank_out(v);
	return match_one("PN", k, v);
}

/* Any component group of a name may be meant, PS3.5 6.2.1.2. */
static bool
match_groups(const char *key, const char *value)
{
	if (match_name(key, value))
		return true;
	if (strchr(key, '=') != NULL)
		return false;
	char group[TEXT_MAX];
	while (value[0] != '\0') {
		size_t n = strcspn(value, "=");
		(void)str_copy_n(group, sizeof(group), value, n);
		if (match_name(key, group))
			return true;
		value += value[n] == '=' ? n + 1 : n;
	}
	return false;
}

/* One key against one value. */
static bool
match_single(const char *vr, const char *key, const char *value)
{
	int64_t k, v;
	if (str_eq(vr, "PN"))
		return match_groups(key, value);
	if (str_eq(vr, "IS") && str_to_i64(key, INT32_MIN, INT32_MAX, &k) &&
	    str_to_i64(value, INT32_MIN, INT32_MAX, &v))
		return k == v; /* "01" is 1 */
	return match_one(vr, key, value);
}

/* The value's components, any of which may match. */
static bool
match_any(const char *vr, const char *key, const char *value)
{
	char v[TEXT_MAX];
	do {
		value = component(value, v, sizeof(v));
		if (match_single(vr, key, v))
			return true;
	} while (value != NULL);
	return false;
}

bool
match_value(const char *vr, const char *key, const char *value)
{
	if (key[0] == '\0' || str_eq(key, "*"))
		return true; /* universal, C.2.2.2.3 */
	if (str_eq(vr, "SQ"))
		return true; /* inside sequences we do not match */
	if (str_in_list("DA,TM,DT", vr))
		return match_when(vr, key, value);
	if (str_in_list("ST,LT,UT,UR", vr)) /* '\' is a character there */
		return match_one(vr, key, value);
	/* a list of keys is an OR: UIDs by the standard (C.2.2.2.2), the
	 * modalities of a study by every viewer, the rest alike */
	char k[TEXT_MAX];
	for (unsigned i = 0; key != NULL && i < COMPONENTS_MAX; i++) {
		key = component(key, k, sizeof(k));
		if (k[0] != '\0' && match_any(vr, k, value))
			return true;
	}
	return false;
}

bool
match_all(const struct attrs *keys, const struct attrs *as)
{
	for (unsigned i = 0; i < keys->n; i++) {
		const struct attr *k = &keys->a[i];
		if (k->tag == TAG_CHARSET || k->tag == TAG_LEVEL ||
		    k->tag == TAG_RETRIEVE_AE || k->tag == TAG_AVAILABILITY)
			continue;
		/* these the index has looked up, lists of thousands too */
		if ((k->tag == TAG_STUDY_UID || k->tag == TAG_SERIES_UID ||
		    k->tag == TAG_SOP_INSTANCE) &&
		    strpbrk(k->value, "*?") == NULL)
			continue;
		/* a key that nobody here knows is ignored (C.2.2.1.3), one
		 * that this entity lacks is an empty value */
		const char *vr = tag_vr(k->tag);
		if (str_eq(vr, "UN") && attrs_get(as, k->tag) == NULL)
			continue;
		if (str_eq(vr, "UN"))
			vr = attrs_get(as, k->tag)->vr;
		if (!match_value(vr, k->value, attrs_value(as, k->tag)))
			return false;
	}
	return true;
}
