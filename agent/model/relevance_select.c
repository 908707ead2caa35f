/* SPDX-License-Identifier: MIT */
/* All studies, all rules: number and age, and which rule has the word. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/relevance_priv.h"

#define UNDATED INT64_MAX /* counts as new */

/* How much a verdict says: the better of two rules' stays. */
enum weight {
	WEIGHT_NOTHING,
	WEIGHT_NO,
	WEIGHT_TOO_OLD, /* a no to a study that matches */
	WEIGHT_UNSURE,
	WEIGHT_ASK,
	WEIGHT_YES,
};

struct candidate {
	int64_t date; /* YYYYMMDD as a number, or UNDATED */
	unsigned at; /* position of the study */
};

/* One rule at work on the studies. */
struct selection {
	const struct relevance_rule *rule;
	int64_t start_date; /* of the case, as candidates have it */
	struct candidate *found; /* owned: those that match, newest first */
	unsigned n_found;
};

static int64_t
date_number(const char *date)
{
	int64_t v = 0;
	if (strlen(date) != 8 || !str_to_i64(date, 1, 99991231, &v))
		return UNDATED;
	struct civil c = {.year = (int)(v / 10000),
	    .month = (int)(v / 100 % 100), .day = (int)(v % 100)};
	return civil_is_valid(&c) ? v : UNDATED;
}

static int64_t
date_of_utc(int64_t utc_s)
{
	struct civil c = civil_of_utc(utc_s);
	return (int64_t)c.year * 10000 + (int64_t)c.month * 100 + c.day;
}

/* Whole months of the calendar from ${date} to ${start}, 0 for later ones. */
static int64_t
age_months(int64_t date, int64_t start)
{
	int64_t months = (start / 10000 - date / 10000) * 12 +
	    (start / 100 % 100 - date / 100 % 100) -
	    (start % 100 < date % 100);
	return date == UNDATED || months < 0 ? 0 : months;
}

/* Whether ${date} lies within ${months}: the day of the month counts. */
static bool
is_within(int64_t date, int64_t start, int64_t months)
{
	if (months == 0)
		return false;
	int64_t age = age_months(date, start);
	return age < months ||
	    (age == months && date % 100 == start % 100);
}

/* Newest first, then in the archive's order. */
static int
compare_candidates(const void *pa, const void *pb)
{
	const struct candidate *a = pa, *b = pb;
	if (a->date != b->date)
		return a->date > b->date ? -1 : 1;
	return a->at < b->at ? -1 : a->at > b->at;
}

static const char *
ordinal_end(unsigned n)
{
	if (n % 100 >= 11 && n % 100 <= 13)
		return "th";
	return n % 10 == 1 ? "st" :
	    n % 10 == 2	   ? "nd" :
	    n % 10 == 3	   ? "rd" :
			     "th";
}

/* Apply number and age to the candidate that is the ${nth} newest. */
static void
weigh(const struct selection *sel, const struct candidate *c, unsigned nth,
    struct relevance_verdict *v)
{
	const struct relevance_rule *rule = sel->rule;
	int64_t age = age_months(c->date, sel->start_date);
	if (c->date == UNDATED)
		relevance_say(v, "no date: counted as new");
	if (nth <= rule->newest) {
		relevance_say(v, "newest %u of %u", nth, sel->n_found);
		return;
	}
	if (is_within(c->date, sel->start_date, rule->within_months)) {
		relevance_say(v, "%d months old (rule takes %u)", (int)age,
		    rule->within_months);
		return;
	}
	v->what = RELEVANT_NO;
	relevance_say(v, rule->within_months == 0 ?
	    "but %d months old and %u%s newest (rule takes %u)" :
	    "but %d months old and %u%s newest (rule takes %u or %u months)",
	    (int)age, nth, ordinal_end(nth), rule->newest,
	    rule->within_months);
}

static enum weight
weight_of(const struct relevance_verdict *v, bool matched)
{
	static const enum weight weights[] = {
	    [RELEVANT_NO] = WEIGHT_NO,
	    [RELEVANT_YES] = WEIGHT_YES,
	    [RELEVANT_ASK] = WEIGHT_ASK,
	    [RELEVANT_UNSURE] = WEIGHT_UNSURE,
	};
	return v->what == RELEVANT_NO && matched ? WEIGHT_TOO_OLD :
						   weights[v->what];
}

/* What ${v} says behind the name of its rule. */
static const char *
clauses(const struct relevance_verdict *v)
{
	const char *p = strstr(v->reason, "; ");
	return p == NULL ? "" : p + 2;
}

/* What the other rule says is told as well: a study may be left by one and
 * taken by the other. */
static void
tell_other(struct relevance_verdict *kept,
    const struct relevance_verdict *other)
{
	if (other->what == RELEVANT_YES)
		relevance_say(kept, "rule %s takes it too", other->rule);
	else if (str_eq(clauses(kept), clauses(other)))
		relevance_say(kept, "rule %s leaves it for the same "
		    "reason", other->rule);
	else if (kept->what == RELEVANT_YES)
		relevance_say(kept, "rule %s would leave it", other->rule);
	else
		relevance_say(kept, "rule %s; %s", other->rule,
		    clauses(other));
}

static void
keep_better(struct relevance_verdict *kept, enum weight *weight,
    const struct relevance_verdict *v, bool matched)
{
	enum weight w = weight_of(v, matched);
	struct relevance_verdict other = *kept;
	bool first = *weight == WEIGHT_NOTHING;
	if (w > *weight) {
		*kept = *v;
		*weight = w;
	} else {
		other = *v;
	}
	if (!first)
		tell_other(kept, &other);
}

/* Judge every study by one rule; keep in ${ret} what says more than what is
 * there. */
static void
run_rule(struct selection *sel, const struct relevance_study *studies,
    unsigned n, struct relevance_verdict *ret, enum weight *weights)
{
	struct relevance_verdict *mine = mem_new_n(struct relevance_verdict, n);
	sel->n_found = 0;
	for (unsigned i = 0; i < n; i++) {
		mine[i] = relevance_judge(sel->rule, &studies[i]);
		if (mine[i].what != RELEVANT_YES) {
			keep_better(&ret[i], &weights[i], &mine[i], false);
			continue;
		}
		sel->found[sel->n_found++] = (struct candidate){
		    .date = date_number(studies[i].date), .at = i};
	}
	qsort(sel->found, sel->n_found, sizeof(*sel->found),
	    compare_candidates);
	for (unsigned k = 0; k < sel->n_found; k++) {
		unsigned i = sel->found[k].at;
		weigh(sel, &sel->found[k], k + 1, &mine[i]);
		keep_better(&ret[i], &weights[i], &mine[i], true);
	}
	mem_free(mine);
}

/* A pattern at its limit lets the rule apply: rather too much than nothing. */
static bool
applies(const struct relevance_rule *rule, const char *procedure,
    const char *procedure_code)
{
	return rule->procedure == NULL ||
	    pattern_find(rule->procedure, procedure, NULL, 0) != 0 ||
	    pattern_find(rule->procedure, procedure_code, NULL, 0) != 0;
}

/* A study that is left for its age might be taken for another operation. */
static void
tell_idle(const struct relevance_rule *rules, unsigned n_rules,
    const char *procedure, const char *procedure_code,
    struct relevance_verdict *v)
{
	for (unsigned r = 0; r < n_rules; r++)
		if (!applies(&rules[r], procedure, procedure_code))
			relevance_say(v, "rule %s is for other procedures",
			    rules[r].name);
}

/* When nothing is wanted and nothing is left to ask, the newest study that
 * might be one is better than none. */
static void
take_uncertain(const struct relevance_study *studies, unsigned n,
    struct relevance_verdict *ret)
{
	struct candidate best = {.date = -1};
	unsigned n_unsure = 0;
	for (unsigned i = 0; i < n; i++) {
		if (ret[i].what == RELEVANT_YES || ret[i].what == RELEVANT_ASK)
			return;
		if (ret[i].what != RELEVANT_UNSURE)
			continue;
		n_unsure++;
		int64_t date = date_number(studies[i].date);
		if (date > best.date)
			best = (struct candidate){.date = date, .at = i};
	}
	if (n_unsure == 0)
		return;
	ret[best.at].what = RELEVANT_YES;
	relevance_say(&ret[best.at],
	    "uncertain: nothing matches, so the newest of %u is taken",
	    n_unsure);
}

void
relevance_select(const struct relevance_rule *rules, unsigned n_rules,
    const char *procedure, const char *procedure_code,
    const struct relevance_study *studies, unsigned n,
    int64_t case_start_utc, struct relevance_verdict *ret)
{
	enum weight *weights = mem_new_n(enum weight, n);
	struct selection sel = {
	    .start_date = date_of_utc(case_start_utc),
	    .found = mem_new_n(struct candidate, n),
	};
	for (unsigned i = 0; i < n; i++) {
		ret[i] = (struct relevance_verdict){.what = RELEVANT_NO};
		relevance_say(&ret[i], "no rule applies to this procedure");
	}
	for (unsigned r = 0; r < n_rules; r++) {
		if (!applies(&rules[r], procedure, procedure_code))
			continue;
		sel.rule = &rules[r];
		run_rule(&sel, studies, n, ret, weights);
	}
	for (unsigned i = 0; i < n; i++)
		if (weights[i] == WEIGHT_TOO_OLD)
			tell_idle(rules, n_rules, procedure, procedure_code,
			    &ret[i]);
	take_uncertain(studies, n, ret);
	mem_free(sel.found);
	mem_free(weights);
}
