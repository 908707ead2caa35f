/* SPDX-License-Identifier: MIT
 *
 * echo: C-ECHO as the one who asks (PS3.4 A.4): does a peer answer?
 * Called on a worker, on an association that proposed verification.
 */
#ifndef DICOM_ECHO_H
#define DICOM_ECHO_H

#include "dicom/assoc.h"

/* 0 when the peer answers within ${wait_ms}, or associated but does no
 * C-ECHO: it is there; -1 otherwise. */
int echo_ask(struct assoc *a, int64_t wait_ms, struct err *e);

#endif
