/* SPDX-License-Identifier: MIT */
/* One study, one rule: what the study says of itself, then its series. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "model/relevance_priv.h"

#define QUOTE_SIZE 41 /* matched words are quoted, not whole texts */

enum hit { HIT_NONE, HIT_MATCH, HIT_EXCLUDED };

enum stated { STATED_NOTHING, STATED_WANTED, STATED_OTHER };

void
relevance_say(struct relevance_verdict *v, const char *fmt, ...)
{
	size_t n = strlen(v->reason);
	size_t size = sizeof(v->reason);
	if (n > 0 && n + 3 < size) {
		memcpy(v->reason + n, "; ", 3);
		n += 2;
	}
	char clause[RELEVANCE_REASON_SIZE];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(clause, sizeof(clause), fmt, ap); /* may be cut */
	va_end(ap);
	(void)str_copy(v->reason + n, size - n, clause); /* may be cut */
}

/* Whether ${list} ('\' between, PS3.5 6.4) has a modality of the rule. */
static enum stated
modality_of(const struct relevance_rule *rule, const char *list)
{
	enum stated stated = STATED_NOTHING;
	while (*list != '\0') {
		size_t n = strcspn(list, "\\,");
		char one[17]; /* CS has 16 characters at most, PS3.5 6.2 */
		(void)str_copy_n(one, sizeof(one), list, n); /* else cut */
		(void)str_trim(one); /* returns its argument */
		if (one[0] != '\0' && str_in_list(rule->modality, one))
			return STATED_WANTED;
		if (one[0] != '\0')
			stated = STATED_OTHER;
		list += n + (list[n] != '\0');
	}
	return stated;
}

/* The same for a study whose archive may not say; ${ret_seen} is what was
 * said. All series must be other ones for the study to be. */
static enum stated
study_modality(const struct relevance_rule *rule,
    const struct relevance_study *study, const char **ret_seen)
{
	*ret_seen = study->modalities;
	enum stated stated = modality_of(rule, study->modalities);
	if (stated != STATED_NOTHING)
		return stated;
	unsigned n_other = 0;
	for (unsigned i = 0; i < study->n_series; i++) {
		const char *seen = study->series[i].modality;
		stated = modality_of(rule, seen);
		if (stated == STATED_WANTED)
			return STATED_WANTED;
		n_other += stated == STATED_OTHER;
		*ret_seen = seen;
	}
	return n_other > 0 && n_other == study->n_series ? STATED_OTHER :
							    STATED_NOTHING;
}

static void
say_modality(struct relevance_verdict *v, const struct relevance_rule *rule,
    const char *seen)
{
	char text[QUOTE_SIZE];
	(void)str_copy(text, sizeof(text), seen); /* may be cut */
	for (char *p = text; *p != '\0'; p++)
		if (*p == '\\')
			*p = '/';
	char shown[QUOTE_SIZE];
	relevance_say(v, "modality %s is not %s",
	    str_escape(shown, sizeof(shown), text, strlen(text)),
	    rule->modality);
}

/* Matched words may hold anything a broad pattern takes. */
static void
make_plain(char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7F)
			*s = ' ';
}

/* Judge one text and say so, calling it ${what}. A pattern that reaches its
 * limit has not matched: for the exclusion this lets the study in. */
static enum hit
judge_text(struct relevance_verdict *v, const struct relevance_rule *rule,
    const char *what, const char *text)
{
	char found[QUOTE_SIZE] = "";
	if (text[0] == '\0')
		return HIT_NONE;
	int out = rule->exclude == NULL ? 0 :
	    pattern_find(rule->exclude, text, found, sizeof(found));
	if (out == 1) {
		make_plain(found);
		relevance_say(v, "%s has '%s', which is excluded", what,
		    found);
		return HIT_EXCLUDED;
	}
	int in = pattern_find(rule->match, text, found, sizeof(found));
	if (out < 0 || in < 0)
		relevance_say(v, "a pattern took too long on the %s", what);
	if (in != 1)
		return HIT_NONE;
	make_plain(found);
	relevance_say(v, "%s matches '%s'", what, found);
	return HIT_MATCH;
}

/* An exclusion counts for its own text: a code may still match. */
static enum hit
judge_study(struct relevance_verdict *v, const struct relevance_rule *rule,
    const struct relevance_study *study)
{
	enum hit text = judge_text(v, rule, "description", study->description);
	if (text == HIT_MATCH)
		return HIT_MATCH;
	enum hit codes = judge_text(v, rule, "procedure code", study->codes);
	return codes == HIT_NONE ? text : codes;
}

static bool
series_matches(struct relevance_verdict *v, const struct relevance_rule *rule,
    const struct relevance_series *s)
{
	if (modality_of(rule, s->modality) == STATED_OTHER)
		return false;
	/* what a series is said to have that does not count is of no
	 * interest, and there may be hundreds: a verdict of its own */
	struct relevance_verdict one = {.reason = ""};
	bool match =
	    judge_text(&one, rule, "series description", s->description) ==
		HIT_MATCH ||
	    judge_text(&one, rule, "protocol", s->protocol) == HIT_MATCH ||
	    judge_text(&one, rule, "body part", s->body_part) == HIT_MATCH;
	if (match)
		relevance_say(v, "%s", one.reason);
	return match;
}

static bool
any_series_matches(struct relevance_verdict *v,
    const struct relevance_rule *rule, const struct relevance_study *study)
{
	for (unsigned i = 0; i < study->n_series; i++)
		if (series_matches(v, rule, &study->series[i]))
			return true;
	return false;
}

static void
say_elsewhere(struct relevance_verdict *v, const char *what,
    const struct relevance_regions *r)
{
	relevance_say(v, "%s names another region (%.*s)", what,
	    (int)strcspn(r->word, " *"), r->word);
}

/* Nothing matches. BodyPartExamined is wrong too often (schedule.md 4) to
 * say no where something matched, but here it may. */
static enum relevance
judge_rest(struct relevance_verdict *v, const struct relevance_study *study,
    const struct relevance_regions *named)
{
	struct relevance_regions parts = {.word = NULL}, texts = {.word = NULL};
	for (unsigned i = 0; i < study->n_series; i++) {
		const struct relevance_series *s = &study->series[i];
		relevance_find_regions(&parts, s->body_part);
		relevance_find_regions(&texts, s->description);
		relevance_find_regions(&texts, s->protocol);
	}
	if (named->chest || parts.chest) {
		relevance_say(v, "chest, no word of the rule in it");
		return RELEVANT_UNSURE;
	}
	if (relevance_is_elsewhere(&parts)) {
		say_elsewhere(v, "body part", &parts);
		return RELEVANT_NO;
	}
	if (relevance_is_elsewhere(&texts)) {
		say_elsewhere(v, "series", &texts);
		return RELEVANT_NO;
	}
	relevance_say(v, "no region named, no word of the rule in it");
	return RELEVANT_UNSURE;
}

static enum relevance
judge(struct relevance_verdict *v, const struct relevance_rule *rule,
    const struct relevance_study *study)
{
	const char *seen = "";
	enum stated modality = study_modality(rule, study, &seen);
	if (modality == STATED_OTHER) {
		say_modality(v, rule, seen);
		return RELEVANT_NO;
	}
	if (modality == STATED_NOTHING && !study->series_known) {
		relevance_say(v, "no modality stated: series needed");
		return RELEVANT_ASK;
	}
	enum hit hit = judge_study(v, rule, study);
	if (hit != HIT_NONE)
		return hit == HIT_MATCH ? RELEVANT_YES : RELEVANT_NO;
	struct relevance_regions named = {.word = NULL};
	relevance_find_regions(&named, study->description);
	relevance_find_regions(&named, study->codes);
	if (relevance_is_elsewhere(&named)) {
		say_elsewhere(v, "description", &named);
		return RELEVANT_NO;
	}
	if (!study->series_known) {
		relevance_say(v, "description does not tell: series needed");
		return RELEVANT_ASK;
	}
	if (any_series_matches(v, rule, study))
		return RELEVANT_YES;
	return judge_rest(v, study, &named);
}

struct relevance_verdict
relevance_judge(const struct relevance_rule *rule,
    const struct relevance_study *study)
{
	struct relevance_verdict v = {.what = RELEVANT_NO};
	(void)str_copy(v.rule, sizeof(v.rule), rule->name); /* same size */
	relevance_say(&v, "rule %s", rule->name);
	v.what = judge(&v, rule, study);
	return v;
}
