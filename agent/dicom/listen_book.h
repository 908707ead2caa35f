/* SPDX-License-Identifier: MIT */
/* The visitors' book of a DICOM port: who is here, and who came lately. */
#ifndef DICOM_LISTEN_BOOK_H
#define DICOM_LISTEN_BOOK_H

#include "dicom/assoc_priv.h"
#include "dicom/listen.h"

/* An association that was accepted lately. */
struct book_recent {
	uint64_t who; /* digest of address and title; two may share one */
	int64_t at_ns; /* uptime */
};

struct book { /* starts as {0}, owned by the loop */
	/* accepted, idle or at work: of one index in both arrays */
	struct listen_open *open;
	const struct assoc **whose;
	unsigned n, room;
	struct book_recent recent[LISTEN_RECENT_MAX]; /* a ring */
	unsigned n_recent; /* ever */
};

/* ${a} is accepted; is over, and must not be touched here any more. */
void book_add(struct book *b, const struct assoc *a);
void book_remove(struct book *b, const struct assoc *a);
/* How many were accepted in the last second from where ${peer} is, under
 * that title. */
unsigned book_count_recent(const struct book *b, const char *peer,
    const char *calling);
void book_done(struct book *b);

#endif
