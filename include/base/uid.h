/* SPDX-License-Identifier: MIT
 *
 * uid: DICOM unique identifiers (PS3.5 section 9).
 * Called by every room that meets a UID of a peer, on any thread.
 * Never lets a string through that is not digits and dots.
 */
#ifndef BASE_UID_H
#define BASE_UID_H

#include <stdbool.h>
#include <stddef.h>

#define UID_LENGTH 64 /* characters, PS3.5 9.1 */
#define UID_SIZE (UID_LENGTH + 1)

/* Our implementation class UID and version name (PS3.7 D.3.3.2). */
#define UID_IMPLEMENTATION "2.25.302927182611927512934871642395120967211"
#define UID_VERSION_NAME "UNDERSTUDY_1"

/* Whether ${s} is [0-9.], 1 to 64 long, no empty component. A component with
 * a leading zero is tolerated: such UIDs exist in archives. */
bool uid_is_valid(const char *s);

/* Copy a UID value of ${n} bytes (padding NUL or blank cut, PS3.5 9.1) into
 * ${dst}; false and "" when it is not valid. */
bool uid_copy(char dst[UID_SIZE], const void *src, size_t n);

/* A new UID below 2.25 from 128 random bits (PS3.5 B.2). */
void uid_new(char dst[UID_SIZE]);

#endif
