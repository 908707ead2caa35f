/* SPDX-License-Identifier: MIT
 *
 * fold: text compared the way people do: case, accents and blanks aside.
 * Called on any thread; pure (ICU). Input and output are UTF-8.
 * Malformed input folds to what can be read of it; never fails.
 */
#ifndef TEXT_FOLD_H
#define TEXT_FOLD_H

#include <stdbool.h>
#include <stddef.h>

/* NFKD, marks removed, case folded (o with stroke is o, ae ligature is ae),
 * runs of blanks one blank, outer blanks cut. Returns ${dst} (size > 0), cut
 * at ${size}. ASCII takes a fast path. */
const char *fold_text(char *dst, size_t size, const char *s);
bool fold_equal(const char *a, const char *b);
/* Family name of a DICOM person name ("FAMILY^GIVEN^.."; first component
 * group, PS3.5 6.2.1) or of "Family, Given" or of "Family Given", folded;
 * hyphen and apostrophe do not count. */
const char *fold_family(char *dst, size_t size, const char *name);
/* Whether two names have one family name: blanks inside it do not count, an
 * umlaut may be spelled out (Mueller), and where one side does not separate
 * the given name it is enough that it begins with the other's. */
bool fold_family_equal(const char *a, const char *b);
/* Match with '*' and '?' (PS3.4 C.2.2.2.4); both sides are compared as they
 * are: fold them first when case is not to count. No recursion. */
bool fold_wildcard(const char *pattern, const char *s);

#endif
