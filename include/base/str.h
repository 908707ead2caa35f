/* SPDX-License-Identifier: MIT
 *
 * str: C strings without surprises, in the C locale.
 * Called by every room, on any thread.
 * Every destination has a size, every parse says whether it took it all.
 * Never uses the locale.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copy into ${dst} of ${size} bytes, always with a NUL. True when all of it
 * fitted. The second form takes ${n} bytes that need no NUL. A cut never
 * splits a UTF-8 character. */
bool str_copy(char *dst, size_t size, const char *src);
bool str_copy_n(char *dst, size_t size, const char *src, size_t n);

/* A heap copy (mem_free it); ${s} may be NULL, then "". */
char *str_dup(const char *s);
char *str_dup_n(const char *s, size_t n);

/* Cut blanks (space, tab, CR, LF) at both ends, in place; returns ${s}. */
char *str_trim(char *s);

bool str_eq(const char *a, const char *b);
/* Equal but for ASCII case. */
bool str_eq_nocase(const char *a, const char *b);
bool str_starts(const char *s, const char *prefix);
/* Whether ${s} is one of the comma-separated names in ${list}, ASCII case
 * and outer blanks aside. */
bool str_in_list(const char *list, const char *s);

/* The whole of ${s} as a decimal number within [${min}, ${max}]; false and
 * ${ret} untouched otherwise. */
bool str_to_i64(const char *s, int64_t min, int64_t max, int64_t *ret);
/* The same for ${n} bytes without a NUL. */
bool str_to_i64_n(const char *s, size_t n, int64_t min, int64_t max,
    int64_t *ret);

/* Make bytes of a peer fit for a log or a terminal: printable ASCII stays,
 * the rest becomes \xHH, a cut ends in "...". Returns ${dst}. */
const char *str_escape(char *dst, size_t size, const void *src, size_t n);

/* ${n} bytes as lower-case hex into ${dst} of at least 2n+1 bytes, and back:
 * false unless ${s} is exactly 2n hex digits. */
void str_hex(char *dst, const uint8_t *src, size_t n);
bool str_unhex(uint8_t *dst, const char *s, size_t n);

/* Whether ${n} bytes are well-formed UTF-8 without NUL (RFC 3629). */
bool str_is_utf8(const char *s, size_t n);

/* Bytes for people: "131 KiB", "2.5 GiB"; ${dst} at least 16 bytes. */
const char *str_bytes(char *dst, size_t size, uint64_t bytes);

#endif
