/* SPDX-License-Identifier: MIT */
/* DICOM unique identifiers, PS3.5 section 9. */
#include <sys/random.h>

#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "base/uid.h"

bool
uid_is_valid(const char *s)
{
	size_t n = strlen(s);
	if (n == 0 || n > UID_LENGTH || s[0] == '.' || s[n - 1] == '.')
		return false;
	for (size_t i = 0; i < n; i++) {
		bool digit = s[i] >= '0' && s[i] <= '9';
		if (!digit && (s[i] != '.' || s[i - 1] == '.'))
			return false;
	}
	return true;
}

bool
uid_copy(char dst[UID_SIZE], const void *src, size_t n)
{
	const char *p = src;
	while (n > 0 && (p[n - 1] == '\0' || p[n - 1] == ' '))
		n--;
	dst[0] = '\0';
	if (n == 0 || n > UID_LENGTH || memchr(p, '\0', n) != NULL)
		return false;
	(void)str_copy_n(dst, UID_SIZE, p, n);
	if (uid_is_valid(dst))
		return true;
	dst[0] = '\0';
	return false;
}

/* Divide the big-endian number ${v} by ten, return the remainder. */
static unsigned
div10(unsigned char v[16])
{
	unsigned rest = 0;
	for (int i = 0; i < 16; i++) {
		unsigned cur = rest << 8 | v[i];
		v[i] = (unsigned char)(cur / 10);
		rest = cur % 10;
	}
	return rest;
}

void
uid_new(char dst[UID_SIZE])
{
	unsigned char v[16] = {0};
	(void)getentropy(v, sizeof(v)); /* 16 bytes cannot fail once booted */
	v[0] = (unsigned char)(v[0] | 0x80); /* never a leading zero */

	char digits[40];
	int n = 0;
	for (; n < 39; n++)
		digits[n] = (char)('0' + div10(v));
	while (n > 1 && digits[n - 1] == '0')
		n--;
	size_t at = (size_t)5;
	memcpy(dst, "2.25.", 5);
	while (n > 0)
		dst[at++] = digits[--n];
	dst[at] = '\0';
}
