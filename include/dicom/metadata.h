/* SPDX-License-Identifier: MIT
 *
 * metadata: the header of an object as WADO-RS tells it (PS3.18 10.4.1.1.2),
 * made once and kept in the index.
 * Called on a worker. Decides nothing.
 */
#ifndef DICOM_METADATA_H
#define DICOM_METADATA_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* Where an object's bulk data is found on the web port. */
#define METADATA_BULK "/dicom-web/studies/%s/series/%s/instances/%s/bulkdata"

struct metadata {
	struct buf part; /* wire/gzpart; owned */
	uint32_t n, crc; /* of the text */
};

/* From ${n} bytes that reach the pixel data, as dataset_json takes them. The
 * UIDs are those of the object. */
int metadata_make(struct metadata *ret, const void *p, size_t n,
    const char *syntax, const char *study_uid, const char *series_uid,
    const char *instance_uid, struct err *e);
void metadata_done(struct metadata *m);

#endif
