/* SPDX-License-Identifier: MIT
 *
 * truth: studies that a person has labelled (CSV), and how a rule set does on
 * them. For the command `understudy relevance`, on one thread.
 */
#ifndef MAIN_TRUTH_H
#define MAIN_TRUTH_H

#include <stdbool.h>

#include "base/err.h"
#include "model/relevance.h"

#define TRUTH_LANGUAGES_MAX 64 /* those above are counted as "more" */

struct truth_score {
	char language[16]; /* "" when the file does not say */
	unsigned studies, relevant; /* labelled yes or no; yes */
	unsigned found, missed; /* of the relevant ones */
	unsigned wrong; /* taken, though labelled no */
};

/* one that was missed or wrongly taken */
struct truth_fault {
	unsigned line;
	bool missed;
	char text[120]; /* what the study is called, or its series */
	char reason[RELEVANCE_REASON_SIZE];
};

struct truth {
	struct truth_score total, language[TRUTH_LANGUAGES_MAX];
	unsigned n_languages;
	unsigned uncertain; /* rows labelled so: not counted */
	struct truth_fault *faults; /* owned */
	unsigned n_faults, cap_faults;
};

/* Read ${path} and judge each row as the agent would: by what the study says
 * of itself, then by its series; taken if any of the ${n} rules takes it,
 * whatever procedure, number and age it asks for. The header names the
 * columns, in any order: study_description and cardiac_mr (yes, no or
 * uncertain) are required; series_descriptions (';' between), protocol,
 * body_part, procedure_code, language, modality (MR when left out) may be
 * there, and others are skipped. truth_done either way. */
int truth_read(struct truth *t, const char *path,
    const struct relevance_rule *rules, unsigned n, struct err *e);
void truth_done(struct truth *t);

/* 0 to 100; -1 where there is nothing to tell. */
double truth_recall(const struct truth_score *s);
double truth_precision(const struct truth_score *s);

#endif
