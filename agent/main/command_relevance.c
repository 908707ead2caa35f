/* SPDX-License-Identifier: MIT */
/* relevance: the rules that would be used, scored on labelled studies. Needs
 * no agent. */
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "main/command.h"
#include "main/conf.h"
#include "main/truth.h"

#define RECALL_MIN 99.0 /* percent: a study that is missed is missed at 8:00 */
#define PRECISION_MIN 85.0 /* percent: one too many costs disk and night */

static bool
is_good(const struct truth_score *s)
{
	return truth_recall(s) >= RECALL_MIN &&
	    truth_precision(s) >= PRECISION_MIN;
}

static void
print_percent(struct command *c, double v, unsigned width)
{
	if (v < 0)
		term_printf(c, PAINT_NONE, "%*s", (int)width, "-");
	else
		term_printf(c, PAINT_NONE, "%*.1f", (int)width, v);
}

static void
print_score(struct command *c, const char *name, const struct truth_score *s)
{
	term_cell(c, PAINT_NONE, name[0] == '\0' ? "?" : name, 9);
	term_printf(c, PAINT_NONE, "%8u%10u%7u%8u%9u", s->studies,
	    s->relevant, s->found, s->missed, s->wrong);
	print_percent(c, truth_recall(s), 10);
	print_percent(c, truth_precision(s), 13);
	term_printf(c, PAINT_NONE, "\n");
}

static void
print_text(struct command *c, const struct conf *conf, const struct truth *t)
{
	term_printf(c, PAINT_DIM, "rules:");
	for (unsigned i = 0; i < conf->n_relevance; i++)
		term_printf(c, PAINT_DIM, "%s %s", i > 0 ? "," : "",
		    conf->relevance[i].rule.name);
	term_printf(c, PAINT_NONE, "\n");
	term_printf(c, PAINT_NONE, "\n");
	term_printf(c, PAINT_BOLD, "language  studies  relevant  found  "
	    "missed  wrongly  recall %%  precision %%\n");
	for (unsigned i = 0; i < t->n_languages; i++)
		print_score(c, t->language[i].language, &t->language[i]);
	print_score(c, "all", &t->total);
	if (t->uncertain > 0)
		term_printf(c, PAINT_DIM, "%u labelled uncertain: not "
		    "counted\n", t->uncertain);
	if (t->n_faults > 0)
		term_printf(c, PAINT_NONE, "\n");
	for (unsigned i = 0; i < t->n_faults; i++) {
		const struct truth_fault *f = &t->faults[i];
		term_printf(c, f->missed ? PAINT_RED : PAINT_YELLOW,
		    "line %u: %s: %s\n", f->line, f->missed ? "missed" :
		    "wrongly taken", f->text);
		term_printf(c, PAINT_DIM, "    %s\n", f->reason);
	}
	bool good = is_good(&t->total);
	term_printf(c, PAINT_NONE, "\n");
	term_printf(c, good ? PAINT_GREEN : PAINT_RED, "%s: want a recall of "
	    "%.0f %% and a precision of %.0f %%\n", good ? "good" :
	    "not good enough", RECALL_MIN, PRECISION_MIN);
}

static void
put(json_t *o, const char *key, json_t *take)
{
	(void)json_object_set_new(o, key, take); /* else it is not printed */
}

static json_t *
score_of(const struct truth_score *s, const char *name)
{
	double recall = truth_recall(s);
	double precision = truth_precision(s);
	json_t *o = json_object();
	put(o, "language", json_string(name));
	put(o, "studies", json_integer(s->studies));
	put(o, "relevant", json_integer(s->relevant));
	put(o, "found", json_integer(s->found));
	put(o, "missed", json_integer(s->missed));
	put(o, "wrong", json_integer(s->wrong));
	put(o, "recall", recall < 0 ? json_null() : json_real(recall));
	put(o, "precision", precision < 0 ? json_null() :
	    json_real(precision));
	return o;
}

static json_t *
fault_of(const struct truth_fault *f)
{
	char clean[sizeof(f->text)], why[sizeof(f->reason)];
	json_t *o = json_object();
	put(o, "line", json_integer(f->line));
	put(o, "what", json_string(f->missed ? "missed" : "wrong"));
	put(o, "text", json_string(term_clean(clean, sizeof(clean),
	    f->text)));
	put(o, "reason", json_string(term_clean(why, sizeof(why),
	    f->reason)));
	return o;
}

static void
print_json(struct command *c, const struct conf *conf, const struct truth *t)
{
	json_t *o = json_object(), *rules = json_array();
	json_t *languages = json_array(), *rows = json_array();
	for (unsigned i = 0; i < conf->n_relevance; i++)
		(void)json_array_append_new(rules, json_string(
		    conf->relevance[i].rule.name)); /* see put */
	for (unsigned i = 0; i < t->n_languages; i++)
		(void)json_array_append_new(languages, score_of(
		    &t->language[i], t->language[i].language)); /* see put */
	for (unsigned i = 0; i < t->n_faults; i++)
		(void)json_array_append_new(rows, fault_of(
		    &t->faults[i])); /* see put */
	put(o, "rules", rules);
	put(o, "languages", languages);
	put(o, "total", score_of(&t->total, "all"));
	put(o, "uncertain", json_integer(t->uncertain));
	put(o, "rows", rows);
	put(o, "good", json_boolean(is_good(&t->total)));
	(void)command_print_json(c, o); /* it was asked for */
	json_decref(o);
}

/* -c, or the house's configuration when we may read it and it is good, or
 * the built-in rules. */
static struct conf *
find_rules(struct command *c)
{
	if (c->conf_path != NULL)
		return command_read_conf(c, c->conf_path);
	struct conf *conf = c->house_path == NULL ||
	    access(c->house_path, R_OK) != 0 ? NULL :
	    command_read_conf(c, c->house_path);
	return conf != NULL ? conf : conf_default(c->err);
}

int
command_relevance(struct command *c, const char *arg) /* command_fn */
{
	struct relevance_rule rules[RELEVANCE_RULES_MAX];
	struct truth t;
	struct err e;
	struct conf *conf = find_rules(c);
	if (conf == NULL)
		return COMMAND_USAGE;
	for (unsigned i = 0; i < conf->n_relevance; i++)
		rules[i] = conf->relevance[i].rule;
	int rc = COMMAND_FAILED;
	if (truth_read(&t, arg, rules, conf->n_relevance, &e) != 0) {
		(void)command_fail_with(c, e.msg); /* rc says it */
	} else {
		if (c->json)
			print_json(c, conf, &t);
		else
			print_text(c, conf, &t);
		rc = is_good(&t.total) ? COMMAND_DONE : COMMAND_FAILED;
	}
	truth_done(&t);
	conf_free(&conf);
	return rc;
}
