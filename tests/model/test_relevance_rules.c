/* SPDX-License-Identifier: MIT */
/* Tests of rules beside each other: the congenital one of the defaults, and
 * what is told when one rule takes a study and another leaves it. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/str.h"
#include "model/relevance.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct fixture {
	struct pattern *match, *exclude, *procedure;
	struct relevance_rule rules[2]; /* the defaults */
	int64_t start_utc; /* of the case, 2026-11-25 */
};

static int
setup(void **state)
{
	static struct fixture f;
	struct civil c = {2026, 11, 25, 8, 0, 0};
	struct err e;
	f.start_utc = civil_to_utc(&c);
	f.match = pattern_new(relevance_default_match, &e);
	f.exclude = pattern_new(relevance_default_exclude, &e);
	f.procedure = pattern_new(relevance_congenital_procedure, &e);
	if (f.match == NULL || f.exclude == NULL || f.procedure == NULL)
		fail_msg("%s", e.msg);
	f.rules[0] = (struct relevance_rule){.name = "cardiac-mr",
	    .modality = "MR", .match = f.match, .exclude = f.exclude,
	    .newest = 3, .within_months = 24};
	f.rules[1] = f.rules[0];
	(void)str_copy(f.rules[1].name, 33, "congenital"); /* fits */
	f.rules[1].procedure = f.procedure;
	f.rules[1].newest = RELEVANCE_CONGENITAL_NEWEST;
	f.rules[1].within_months = 0;
	*state = &f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	pattern_free(&f->match);
	pattern_free(&f->exclude);
	pattern_free(&f->procedure);
	return 0;
}

static void
expect_all(const struct fixture *f, const char *const *names, size_t n,
    int want)
{
	for (size_t i = 0; i < n; i++) {
		char found[41] = "";
		int have = pattern_find(f->procedure, names[i], found,
		    sizeof(found));
		if (have != want)
			fail_msg("'%s': want %d, have %d (%s)", names[i],
			    want, have, found);
	}
}

static void
test_relevance_congenital_operations_are_known_by_name(
    void **state)
{
	static const char *const names[] = { /* EN */
	    "Tetralogy of Fallot repair", "ToF correction", "Redo Fontan",
	    "Bidirectional Glenn", "Norwood stage I", "ASD closure",
	    "VSD patch", "AVSD repair", "Coarctation repair",
	    "Arterial switch (TGA)", "Transposition of the great arteries",
	    "Truncus arteriosus repair", "Hypoplastic left heart", "HLHS",
	    "Pulmonary atresia, unifocalisation", "Ebstein, cone repair",
	    "DORV Rastelli", "TAPVD repair", "TAPVR", "RV-PA conduit change",
	    "Interrupted aortic arch", "Atrial septal defect closure",
	    "Complete AV canal repair", "BT shunt", "Tricuspid atresia",
	    "Partial anomalous pulmonary venous drainage", "Sano shunt",
	    "ACHD: redo sternotomy", "PA banding", "TCPC completion",
	    /* DE */
	    "Fallot-Tetralogie, Korrektur", "Vorhofseptumdefekt",
	    "Ventrikelseptumdefekt-Verschluss", "Aortenisthmusstenose",
	    "Transposition der großen Arterien", "Pulmonalatresie",
	    "Hypoplastisches Linksherzsyndrom", "AV-Kanal",
	    "Konduitwechsel", "Angeborener Herzfehler",
	    "Kongenitales Vitium", "Lungenvenenfehlmündung",
	    "Univentrikuläres Herz",
	    /* FR */
	    "Tétralogie de Fallot", "Communication interventriculaire",
	    "Fermeture de CIA", "Coarctation de l'aorte",
	    "Transposition des gros vaisseaux", "Atrésie pulmonaire",
	    "Atrésie tricuspide", "Tronc artériel commun",
	    "Cardiopathie congénitale", "Hypoplasie du ventricule gauche",
	    "Canal atrio-ventriculaire", "Ventricule unique",
	    /* IT */
	    "Tetralogia di Fallot", "Difetto interatriale",
	    "Difetto del setto interventricolare", "Coartazione aortica",
	    "Trasposizione delle grandi arterie", "Atresia polmonare",
	    "Tronco arterioso comune", "Cuore sinistro ipoplasico",
	    "Cardiopatia congenita", "Condotto valvolato",
	    "Canale atrioventricolare",
	    /* ES */
	    "Tetralogía de Fallot", "Comunicación interauricular",
	    "Coartación de aorta", "Transposición de grandes arterias",
	    "Atresia pulmonar", "Tronco arterioso",
	    "Ventrículo izquierdo hipoplásico", "Cardiopatía congénita",
	    "Ventrículo único", "Conducto valvulado",
	    /* PT */
	    "Tetralogia de Fallot", "Comunicação interventricular",
	    "Coarctação da aorta", "Transposição das grandes artérias",
	    "Atresia tricúspide", "Defeito do septo atrial",
	    "Cardiopatia congênita",
	    /* NL */
	    "Tetralogie van Fallot", "Ventrikelseptumdefect",
	    "Atriumseptumdefect", "Coarctatio aortae",
	    "Transpositie van de grote vaten", "Pulmonalisatresie",
	    "Aangeboren hartafwijking", "Truncus arteriosus",
	    /* SV */
	    "Fallots tetrad", "Förmaksseptumdefekt", "Kammarseptumdefekt",
	    "Koarktation", "Pulmonalisatresi", "Medfött hjärtfel",
	    "Hypoplastiskt vänsterkammarsyndrom",
	    /* codes */
	    "Q21.3", "Q20", "K04.1", "K17",
	};

	expect_all(*state, names, COUNT(names), 1);
}

static void
test_relevance_operations_of_grown_hearts_are_not_congenital(void **state)
{
	static const char *const names[] = {
	    "", "CABG x3", "LIMA-LAD, SVG-PDA", "Aortic valve replacement",
	    "Mitral valve repair", "TAVI", "Redo sternotomy, AVR + MVR",
	    "Aortenklappenersatz", "Mitralklappenrekonstruktion",
	    "Herztransplantation", "Bypass coronarien",
	    "Remplacement valvulaire aortique", "Sostituzione valvolare",
	    "Bypass aorto-coronarico", "Cirugía de revascularización",
	    "Procedimiento de día", "Donante sano", "Troca valvar aórtica",
	    "Hartklepvervanging", "Klaffbyte", "Kranskärlskirurgi",
	    "LVAD implantation", "Septal myectomy", "Pericardiectomy",
	    "Ascending aorta replacement", "Bentall", "Maze procedure",
	    "Geboren 1950, Bypass", "K40.1", "K45", "I25.1", "Z95.1",
	};

	expect_all(*state, names, COUNT(names), 0);
}

/* Ten cardiac studies, one each second year. */
static void
select_ten(const struct fixture *f, const char *procedure,
    struct relevance_verdict *v)
{
	static char dates[10][9];
	struct relevance_study studies[10];
	for (unsigned i = 0; i < 10; i++) {
		(void)snprintf(dates[i], 9, "%04u0101", 2026 - 2 * i);
		studies[i] = (struct relevance_study){.uid = "1.2",
		    .date = dates[i], .modalities = "MR",
		    .description = "CMR", .codes = ""};
	}
	relevance_select(f->rules, 2, procedure, "", studies, 10,
	    f->start_utc, v);
}

static unsigned
taken(const struct relevance_verdict *v)
{
	unsigned n = 0;
	for (unsigned i = 0; i < 10; i++)
		n += v[i].what == RELEVANT_YES;
	return n;
}

static void
test_relevance_congenital_case_takes_six_however_old(void **state)
{
	const struct fixture *f = *state;
	struct relevance_verdict v[10];

	select_ten(f, "Fontan completion", v);

	assert_int_equal(taken(v), 6);
	assert_string_equal(v[0].reason, "rule cardiac-mr; description "
	    "matches 'CMR'; newest 1 of 10; rule congenital takes it too");
	assert_string_equal(v[5].rule, "congenital");
	assert_string_equal(v[5].reason, "rule congenital; description "
	    "matches 'CMR'; newest 6 of 10; rule cardiac-mr would leave it");
	assert_int_equal(v[6].what, RELEVANT_NO);
	assert_non_null(strstr(v[6].reason, "rule congenital; description "
	    "matches 'CMR'; but 154 months old and 7th newest (rule takes "
	    "6)"));
}

static void
test_relevance_other_case_takes_three_and_tells_of_the_idle_rule(
    void **state)
{
	const struct fixture *f = *state;
	struct relevance_verdict v[10];

	select_ten(f, "CABG", v);

	assert_int_equal(taken(v), 3);
	assert_string_equal(v[0].reason, "rule cardiac-mr; description "
	    "matches 'CMR'; newest 1 of 10");
	assert_string_equal(v[3].reason, "rule cardiac-mr; description "
	    "matches 'CMR'; but 82 months old and 4th newest (rule takes 3 "
	    "or 24 months); rule congenital is for other procedures");
}

static void
test_relevance_rules_that_say_the_same_say_it_once(void **state)
{
	const struct fixture *f = *state;
	struct relevance_verdict v;
	struct relevance_study knee = {.uid = "1.2", .date = "20260101",
	    .modalities = "MR", .description = "MRI knee", .codes = ""};

	relevance_select(f->rules, 2, "Fontan", "", &knee, 1, f->start_utc,
	    &v);

	assert_int_equal(v.what, RELEVANT_NO);
	assert_string_equal(v.reason, "rule cardiac-mr; description names "
	    "another region (knee); rule congenital leaves it for the "
	    "same reason");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		test_relevance_congenital_operations_are_known_by_name),
	    cmocka_unit_test(
		test_relevance_operations_of_grown_hearts_are_not_congenital),
	    cmocka_unit_test(
		test_relevance_congenital_case_takes_six_however_old),
	    cmocka_unit_test(
		test_relevance_other_case_takes_three_and_tells_of_the_idle_rule
		),
	    cmocka_unit_test(
		test_relevance_rules_that_say_the_same_say_it_once),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
