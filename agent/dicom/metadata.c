/* SPDX-License-Identifier: MIT */
/* The header of an object as WADO-RS tells it. */
#include <stdio.h>

#include "base/uid.h"
#include "dicom/dataset.h"
#include "dicom/metadata.h"
#include "wire/gzpart.h"

#define TEXT_MAX ((size_t)64 << 20) /* bytes; a large multi-frame has 10 MB */
#define BULK_SIZE (sizeof(METADATA_BULK) + 3 * UID_SIZE)

int
metadata_make(struct metadata *ret, const void *p, size_t n,
    const char *syntax, const char *study_uid, const char *series_uid,
    const char *instance_uid, struct err *e)
{
	char bulk[BULK_SIZE];
	struct buf text;
	uint32_t crc = 0;
	*ret = (struct metadata){.n = 0};
	buf_init(&ret->part, TEXT_MAX);
	buf_init(&text, TEXT_MAX);
	(void)snprintf(bulk, sizeof(bulk), METADATA_BULK, study_uid,
	    series_uid, instance_uid); /* fits, for UIDs */
	int rc = dataset_json(p, n, syntax, bulk, &text, e);
	if (rc == 0)
		rc = gzpart_make(text.p, text.len, &ret->part, &crc, e);
	if (rc == 0) {
		ret->n = (uint32_t)text.len;
		ret->crc = crc;
	} else {
		metadata_done(ret);
	}
	buf_done(&text);
	return rc;
}

void
metadata_done(struct metadata *m)
{
	buf_done(&m->part);
}
