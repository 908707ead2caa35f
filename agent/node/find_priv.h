/* SPDX-License-Identifier: MIT */
/* A C-FIND under way: what find.c, answer.c and merge.c share. */
#ifndef NODE_FIND_PRIV_H
#define NODE_FIND_PRIV_H

#include "base/buf.h"
#include "node/node_priv.h"
#include "node/uids.h"

#define FIND_LATER_MAX 2000 /* rows that wait for the archive's word; more
                             * are told without it, or not at all */

/* A row of a study that is not ready: its counts are the archive's to tell. */
struct later {
	struct attrs all; /* owned */
	bool alone; /* may be told if no archive answers */
	bool told;
};

struct finding {
	/* set at birth, then constant */
	struct session *s;
	const struct assoc_context *c;
	const struct dimse *rq;
	const struct query *q;
	struct err *e;
	/* what was answered */
	struct buf body;
	unsigned n; /* answers sent */
	unsigned seen; /* rows and answers of archives looked at */
	struct uids told; /* their UIDs; kept when ${ask} */
	/* what ended it early */
	bool cancelled;
	int rc; /* -1: the association is over */
	/* whether the study of the row before is shown */
	char study_uid[UID_SIZE];
	bool shown;
	/* the archives, merge.c */
	bool ask;
	struct uids missing; /* studies that are named and not ready */
	struct uids series, instances; /* those named */
	struct attrs below; /* keys that an archive's answer must match */
	struct later *later; /* owned */
	unsigned n_later;
	struct uids later_uids; /* theirs, in that order */
};

/* answer.c: all that is known of a row, down to its level. ${ret} is to be
 * released also on failure. */
int answer_of_row(const struct node *n, enum index_level level,
    const struct index_row *row, struct attrs *ret, struct err *e);
/* Send ${all} as a pending answer: the attributes that were asked for. An
 * answer that cannot be put into bytes is left out. */
int answer_send(struct finding *f, const struct attrs *all);
/* After an answer: whether to go on, by ${f}->rc and the viewer's C-CANCEL,
 * which is looked for now and then, or with ${look}. */
bool answer_goes_on(struct finding *f, bool look);

/* merge.c: decide whether the archives are to be asked: ${f}->ask. */
int merge_decide(struct finding *f, struct index_reader *r);
/* Keep a row for when the archives have answered: false when there are too
 * many. Takes ${take}'s attributes. */
bool merge_later(struct finding *f, struct attrs *take, bool alone);
/* Ask, and send what is new. */
void merge_elsewhere(struct finding *f);
void merge_done(struct finding *f);

#endif
