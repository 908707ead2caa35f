/* SPDX-License-Identifier: MIT
 *
 * relevance: which of a patient's studies a case needs, and why.
 * Pure: time is an argument. First on what the study says of itself, then,
 * where that does not decide, on its series (schedule.md section 4).
 * Every decision carries a reason in words; never "none" without one.
 */
#ifndef MODEL_RELEVANCE_H
#define MODEL_RELEVANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/pattern.h"

#define RELEVANCE_RULES_MAX 16
#define RELEVANCE_REASON_SIZE 400

/* one [relevance "name"] section; patterns are owned by the configuration */
struct relevance_rule {
	char name[33];
	char modality[65]; /* comma list; a study needs one of them */
	const struct pattern *match; /* description, series, protocol, ... */
	const struct pattern *exclude; /* NULL = none; wins over match in the
	                                * same text */
	const struct pattern *procedure; /* NULL = every case; else the case's
	                                  * procedure or code must match */
	unsigned newest; /* the n newest matching ones ... */
	unsigned within_months; /* ... and all that are not older; 0 = none
	                         * for its age alone */
};

/* The patterns that a rule has when the configuration gives none: cardiac
 * words in EN DE FR IT ES NL PT SV, codes of LOINC, SNOMED, RadLex, CPT, OPS
 * and ICD-10-PCS; and the negative ones (cardia of the stomach, cine of a
 * joint, brain with a cardiac device, ...). */
extern const char relevance_default_match[];
extern const char relevance_default_exclude[];

/* The second default rule: operations of congenital heart disease, in the
 * same languages, with codes of ICD-10 (Q20 to Q26) and OPCS-4. Its priors
 * count however old they are. */
extern const char relevance_congenital_procedure[];
#define RELEVANCE_CONGENITAL_NEWEST 6

struct relevance_series {
	const char *modality, *description, *protocol, *body_part;
};

/* strings are borrowed UTF-8, "" when the archive does not say */
struct relevance_study {
	const char *uid;
	const char *date; /* YYYYMMDD or "" */
	const char *modalities; /* ModalitiesInStudy, '\' between, may be "" */
	const char *description;
	const char *codes; /* procedure codes and meanings, blanks between */
	const struct relevance_series *series;
	unsigned n_series;
	bool series_known; /* the series were asked for */
};

enum relevance {
	RELEVANT_NO,
	RELEVANT_YES,
	RELEVANT_ASK, /* the study's text does not decide: ask for series */
	RELEVANT_UNSURE, /* series known, still undecided, MR of the chest or
	                  * of an unnamed region: fetched only if nothing is
	                  * RELEVANT_YES */
};

struct relevance_verdict {
	enum relevance what; /* ASK only while series are not known */
	char rule[33]; /* that decided, "" when none applied */
	char reason[RELEVANCE_REASON_SIZE]; /* clauses joined by "; " */
};

/* Judge one study by one rule, age and number aside. */
struct relevance_verdict relevance_judge(const struct relevance_rule *rule,
    const struct relevance_study *study);

/* Judge ${n} studies by every rule that applies to a procedure, then apply
 * newest and within (age at ${case_start_utc}); fills ${ret} of ${n}. A
 * study is wanted if any rule wants it. A study with series not known may
 * come back RELEVANT_ASK: the caller asks and calls again. When no study is
 * wanted and none is to be asked about, the newest RELEVANT_UNSURE one is
 * RELEVANT_YES (its reason says "uncertain"); a study without a date counts
 * as new. */
void relevance_select(const struct relevance_rule *rules, unsigned n_rules,
    const char *procedure, const char *procedure_code,
    const struct relevance_study *studies, unsigned n,
    int64_t case_start_utc, struct relevance_verdict *ret);

#endif
