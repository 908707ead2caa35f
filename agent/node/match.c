/* SPDX-License-Identifier: MIT */
/* Attribute matching, PS3.4 C.2.2.2. */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "node/node_priv.h"
#include "text/fold.h"

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

/* A date or time as comparable digits, cut or filled to ${width} with
 * ${fill}: "0830" as a lower bound is 083000000000. Old forms with
 * separators (PS3.5 6.2, ACR-NEMA "2026.11.24", "08:30") count too. */
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

/* Range and single value of DA, TM and DT (PS3.4 C.2.2.2.5). A DT may carry
 * "-0500": only a hyphen with a range around it counts there. */
static bool
match_when(const char *vr, const char *key, const char *value)
{
	size_t width = str_eq(vr, "DA") ? 8 : str_eq(vr, "TM") ? 12 : 20;
	if (value[0] == '\0')
		return false;
	char low[24], high[24], v[24];
	const char *dash = strchr(key, '-');
	size_t n = strlen(key);
	size_t first = dash == NULL ? n : (size_t)(dash - key);
	const char *second = dash == NULL ? key : dash + 1;
	size_t second_n = dash == NULL ? n : n - first - 1;
	digits_of(value, strlen(value), v, width, '0');
	digits_of(key, first, low, width, '0');
	digits_of(second, second_n, high, width, '9');
	if (first == 0 && dash != NULL)
		low[0] = '\0';
	bool open_end = dash != NULL && second_n == 0;
	return strcmp(v, low) >= 0 && (open_end || strcmp(v, high) <= 0);
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
		(void)str_trim(k);
		(void)str_trim(v);
	}
	if (has_wildcard(k))
		return fold_wildcard(k, v);
	return str_eq(k, v);
}

/* A name matches with the blanks and carets that people mix up. */
static bool
match_name(const char *key, const char *value)
{
	if (match_one("PN", key, value))
		return true;
	char k[TEXT_MAX], v[TEXT_MAX];
	(void)str_copy(k, sizeof(k), key);
	(void)str_copy(v, sizeof(v), value);
	for (char *p = v; *p != '\0'; p++)
		*p = *p == '^' || *p == '=' ? ' ' : *p;
	for (char *p = k; *p != '\0'; p++)
		*p = *p == '^' || *p == '=' ? ' ' : *p;
	return match_one("PN", k, v);
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
	/* a list of keys is an OR: UIDs by the standard, ModalitiesInStudy
	 * by every viewer; values with several components match by any */
	char k[TEXT_MAX], v[TEXT_MAX];
	const char *kp = key;
	bool key_list = str_in_list("UI,CS", vr);
	do {
		if (key_list)
			kp = component(kp, k, sizeof(k));
		else
			(void)str_copy(k, sizeof(k), kp);
		const char *vp = value;
		do {
			vp = component(vp, v, sizeof(v));
			bool hit = str_eq(vr, "PN") ? match_name(k, v) :
			    match_one(vr, k, v);
			if (hit)
				return true;
		} while (vp != NULL);
	} while (key_list && kp != NULL);
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
