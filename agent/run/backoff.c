/* SPDX-License-Identifier: MIT */
/* Exponential waiting with full jitter, so that twenty theatres do not come
 * back to an archive in the same second. */
#include <sys/random.h>
#include <unistd.h>

#include "run/backoff.h"

int64_t
backoff_limit_s(unsigned failures)
{
	if (failures <= 1)
		return 1;
	if (failures > 6) /* 2^6 is beyond the maximum */
		return BACKOFF_MAX_S;
	int64_t s = INT64_C(1) << (failures - 1);
	return s < BACKOFF_MAX_S ? s : BACKOFF_MAX_S;
}

int64_t
backoff_s(unsigned failures)
{
	int64_t limit = backoff_limit_s(failures);
	uint32_t r = 0;
	if (getentropy(&r, sizeof(r)) != 0)
		return limit; /* no jitter is better than no waiting */
	return 1 + r % limit; /* the bias is below one in 70 million */
}
