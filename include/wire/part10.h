/* SPDX-License-Identifier: MIT
 *
 * part10: what a DICOM file says of itself before its data set (PS3.10 7.1).
 * Pure.
 */
#ifndef WIRE_PART10_H
#define WIRE_PART10_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/uid.h"

/* preamble, DICM, and the element with the length of what follows */
#define PART10_FIRST 144
#define PART10_META_MAX (64 * 1024) /* bytes of group 0002 */

struct part10 {
	char class_uid[UID_SIZE], instance_uid[UID_SIZE], syntax[UID_SIZE];
	char creator[UID_SIZE]; /* of the private information, "" = none */
	const uint8_t *private_p; /* borrowed; NULL = none */
	size_t private_n;
};

/* Where the data set begins, from the first PART10_FIRST bytes of a file; 0
 * when these are no DICOM file's. */
size_t part10_data_at(const uint8_t *p);
/* Read a file's first ${n} bytes, which end where its data set begins. False
 * unless class, instance and transfer syntax are valid UIDs. */
bool part10_read(const uint8_t *p, size_t n, struct part10 *ret);

#endif
