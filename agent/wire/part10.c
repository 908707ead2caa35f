/* SPDX-License-Identifier: MIT */
/* Group 0002 of a DICOM file, Explicit Little Endian (PS3.10 7.1). */
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "wire/part10.h"

#define PREAMBLE 128

size_t
part10_data_at(const uint8_t *p)
{
	static const uint8_t mark[] = {'D', 'I', 'C', 'M', 2, 0, 0, 0, 'U',
	    'L', 4, 0};
	struct cur c = cur_of(p + PART10_FIRST - 4, 4);
	uint32_t n = cur_u32le(&c);
	return memcmp(p + PREAMBLE, mark, sizeof(mark)) == 0 &&
	    n <= PART10_META_MAX ? PART10_FIRST + n : 0;
}

/* A UID without its padding; "" for what is too long. */
static void
take_uid(char dst[UID_SIZE], const uint8_t *p, size_t n)
{
	while (n > 0 && (p[n - 1] == '\0' || p[n - 1] == ' '))
		n--;
	if (n < UID_SIZE)
		(void)str_copy_n(dst, UID_SIZE, (const char *)p, n);
}

static void
take_element(struct part10 *ret, uint32_t element, const uint8_t *p, size_t n)
{
	switch (element) {
	case 0x0002:
		take_uid(ret->class_uid, p, n);
		break;
	case 0x0003:
		take_uid(ret->instance_uid, p, n);
		break;
	case 0x0010:
		take_uid(ret->syntax, p, n);
		break;
	case 0x0100:
		take_uid(ret->creator, p, n);
		break;
	case 0x0102:
		ret->private_p = p;
		ret->private_n = n;
		break;
	default:
		break;
	}
}

bool
part10_read(const uint8_t *p, size_t n, struct part10 *ret)
{
	*ret = (struct part10){.private_p = NULL};
	if (n < PART10_FIRST || part10_data_at(p) != n)
		return false;
	struct cur c = cur_of(p + PART10_FIRST, n - PART10_FIRST);
	while (cur_left(&c) > 0) {
		uint32_t group = cur_u16le(&c);
		uint32_t element = cur_u16le(&c);
		const uint8_t *vr = cur_take(&c, 2);
		uint32_t len = cur_u16le(&c);
		if (vr != NULL && (memcmp(vr, "OB", 2) == 0 ||
		    memcmp(vr, "UN", 2) == 0))
			len = cur_u32le(&c); /* PS3.5 7.1.2 */
		const uint8_t *v = cur_take(&c, len);
		if (v == NULL || group != 2)
			return false;
		take_element(ret, element, v, len);
	}
	return uid_is_valid(ret->class_uid) &&
	    uid_is_valid(ret->instance_uid) && uid_is_valid(ret->syntax);
}
