/* SPDX-License-Identifier: MIT */
/* The words of relevance: the default patterns, and the names of regions. */
#include <string.h>

#include "model/relevance_priv.h"
#include "text/fold.h"

/* Checked against truth.csv by test_truth. Order does not matter; each line
 * is one kind of name. Words of series stand beside those of studies: a
 * study may be called "Research". */
const char relevance_default_match[] =
    /* heart: EN DE FR IT ES PT NL SV DA FI, KO JA ZH RU */
    "\\b(?:hearts?|hart|c(?:œ|oe)ur|cuore|coraz[oó]n|cora[cç][aã]o)\\b"
    "|\\bherz(?!og|berg)|\\bkinderherz|\\bhart(?:mri|scan|spier|func|klep)"
    "|\\bhj[aä]rt|\\bhjerte|\\bsyd[aä]n|심장|心[臓臟脏]|\\bсердц"
    /* cardiac and its relatives, and how they are mistyped */
    "|\\bcard[ií]a[ckq]|\\bcardia(?:al|le)|\\b[ck]ardio|\\bkardi(?:al|ell)"
    "|\\b(?:cardaic|caridac|cardic|cadiac|crdiac|card)\\b"
    "|\\b(?:m[iy]o|peri|endo)[ck][aá]rd"
    "|\\bc-?mri?\\b|\\bcmrt\\b|\\bcvmr\\b"
    /* "MRT-Cor": alone at the end, for cor is coronal in series */
    "|\\b(?:mr|mrt|mri|rm)[ -](?:de )?cor\\s*$"
    /* parts, states and operations of the heart */
    "|\\b(?:[ck]oronai?r|coronári)"
    "|\\b(?:left|right|bi)[ -]?ventric|\\b[lr]v(?:ef|ot)\\b"
    "|\\b(?:mitral|tricuspid|aortic|pulmon\\w+) valve"
    "|\\bpulmonary veins?\\b|\\b(?:fontan|fallot|tetralog|ebstein)"
    "|\\b(?:arv[cd]|hocm|hcm)\\b"
    /* stress tests */
    "|\\bstress[ -]mr[it]?\\b|\\bmr[it]? stress\\b"
    "|\\b(?:adenosin|regadenoson|dobutamin)"
    "|\\b(?:rest|stress)[ -]?perf|\\bperf\\w*[ -](?:rest|stress)\\b"
    "|\\bfirst[ -]pass\\b"
    /* planes */
    "|\\bp?[2345][ -]?ch(?:amber|\\b)|\\b[234][ -]?kammer"
    "|\\b[234] (?:cavit|camere|camaras|cavidades)"
    "|\\bsax|\\blax\\d*\\b|\\b(?:hla|vla)\\b|\\b(?:short|long)[ -]?ax[ei]s"
    "|\\b(?:define)?longax[ei]s|\\b(?:kurze?|lange?)[ -]?achse"
    "|\\b(?:petit|grand) axe\\b|\\basse (?:corto|lungo)\\b"
    "|\\beje (?:corto|largo)\\b|\\beixo (?:curto|longo)\\b"
    "|\\b(?:korte|lange) as\\b"
    "|\\b[sl]a (?:cine|lge|stack|psir|stir|tirm)\\b"
    /* sequences */
    "|\\bcin[eé](?!mat)|\\blge|\\bmde\\b|\\bpsir|\\bb?ssfp"
    "|\\b(?:late|delayed?)[ -](?:gad|gd\\b|enh)"
    "|\\b(?:sh)?molli|\\bsasha\\b|\\bt[12]\\*?[ -]?map|\\blook[ -]?locker"
    "|\\becv\\b|\\b(?:spamm|cspamm)\\b"
    "|\\b4d[ -]?flow|\\bq-?flow\\b"
    "|\\bflow\\b.{0,40}\\b(?:retro|aov?|[mrl]?pa|svc|ivc)\\b"
    /* codes: LOINC, SNOMED CT (and SRT) */
    "|\\b(?:24748-6|36197-2|36357-2)\\b"
    "|\\b(?:241620005|419535008|80891009|T-32000)\\b"
    /* RadLex playbook, CPT and HCPCS, OPS, ICD-10-PCS section B23 */
    "|\\b(?:RPID(?:1585|581)|7555[7-9]|7556[0-5]|C976[23]|3-803|3-824"
    "|B23[0-9A-Z]{4})\\b";

/* What looks like the heart and is not. A whole text is given up for it, so
 * each is as narrow as can be. */
const char relevance_default_exclude[] =
    /* the cardia of the stomach, cardinal ligaments, heartburn */
    "\\bcardias?\\b|\\bcardinal|\\bheart ?burn"
    "|\\bcardi[oa][ -]?(?:o?esoph|[eo]esof|esof|tub)|\\bcardioembol"
    /* moving pictures and maps of other things */
    "|\\bcin[eé]\\b.*\\b(?:csf|liquor|defec|proctogr|tmj|swallow|bowel|knee"
    "|patell|wrist|speech|tongue|shoulder)"
    "|\\b(?:csf|liquor|defec\\w*|tmj|swallow\\w*|bowel|knee|patell\\w*|wrist"
    "|shoulder)\\b.*\\bcin[eé]\\b"
    "|\\bt[12]\\*?[ -]?map.*\\b(?:cartilag|knee|hip|ankle|prostat)"
    "|\\b(?:cartilag\\w*|knee|hip|ankle|prostat\\w*)\\b.*\\bt[12]\\*?[ -]?map"
    /* another region, in a patient with a heart */
    "|\\b(?:brain|head|spine|lumbar|cervical|knee|shoulder|hip|pelvis"
    "|prostate|liver|abdomen|neck)\\b.*\\bcardiac (?:pacemaker|device|implant"
    "|icd|arrest)";

/* A stem that several languages share is there once; what is short stands as
 * a word. Taking a case for congenital costs some old studies, no more. */
const char relevance_congenital_procedure[] =
    /* the word itself: EN DE FR IT ES PT NL SV */
    "\\b[ck]ong[eéê]nit|\\ba{1,2}ngeboren|\\bmedf[oö](?:tt|dd)"
    "|\\b(?:guch|achd|chd|ehjd)\\b"
    /* whom operations and hearts are named after */
    "|\\bfallot|\\bfontan|\\bglenn|\\bnorwood|\\bebstein|\\brastelli|\\bjatene"
    "|\\bmustard\\b|\\bsenning|\\bblalock|\\bb-?t[ -]shunt|\\bsano shunt"
    "|\\bdamus|\\bnikaidoh|\\bkawashima|\\bshone|\\bwarden\\b|\\bkonno\\b"
    /* tetralogy; defects of the septa and of both */
    "|\\bt[eé]tralog|\\btof\\b|\\b(?:asd|vsd|avsd|cia|civ|div|cav)\\b"
    "|\\b(?:atrial|(?:atrio)?ventri[ck]ul[aä]r) sept"
    "|\\b(?:vorhof|ventrikel|kammer|kammar|f[oö]rmaks?|atrium)-?sept"
    "|\\b(?:comm?unicat?\\w+) (?:inter|atrio|aur[ií]c)"
    "|\\bdifetto (?:del setto|inter)|\\bdefeito (?:do septo|septal)"
    "|\\bdefecto septal|\\bd[eé]fec\\w* sept"
    "|\\bcanale? (?:atrio|auric|a-?v)|\\ba-?v[ -][ck]anal"
    /* aorta and great arteries */
    "|\\b[ck]oar[ck]?ta|aortenisthmus|\\b(?:coa|ista)\\b|\\baortic arch interr"
    "|\\binterrupted (?:aortic )?arch|\\btran?sposi|\\b(?:d|l|cc)?-?tga\\b"
    "|\\barterial switch|\\bswitch (?:art|op)|\\bart\\w+[ -]switch"
    "|\\bdouble[ -](?:outlet|inlet|switch)|\\bd(?:orv|ilv|olv)\\b"
    "|\\btrun[ck]us\\b|\\btronco? (?:art[eé]ri|comm?un)|\\btronco com[uú]n"
    /* what did not grow */
    "|\\bh?[iy]popl[aá]s|\\bhlhs\\b|\\bpa[ /-](?:vsd|ivs)\\b|\\bmapcas?\\b"
    "|\\b(?:pulm|polm|tri[ck][uú]spid)\\w* ?-?atr[eé][sz]i"
    "|\\batr[eé][sz]i\\w* (?:\\w+[ '’]){0,2}(?:pulm|polm|tri[ck]|aort|mitr)"
    "|(?:pulmonal|tri[ck]uspidal)(?:is|klappen)?-?atr[eé]si"
    /* one ventricle; veins; tubes between heart and lungs */
    "|\\buniventri|\\bsingle ventri|\\bventri[ck]\\w+ [uú]ni[ckq]"
    "|\\bventr[ií]culo [uú]nico|\\bein[ -]?kammer-?herz|\\btcpc\\b"
    "|\\b[ck]avo-?pulm|\\b[pt]apv[crd]\\b|fehlm[uü]nd|\\bscimitar"
    "|\\banomal\\w* (?:\\w+ ){0,3}(?:pulm|polm|ven)"
    "|\\b[ck]ondui[t]|\\bcondott[oi]\\b|\\bcondutos?\\b|\\bconductos? val"
    "|\\bductus|\\bbotall|\\bdu[ck]to? art|\\bcanal art[eé]ri"
    "|\\bpa[ -]band|\\bpulmonary artery band|\\bheterotax|\\bisomeri"
    "|\\bdextro[ck]ard|\\bcor triatri|\\bvascular ring|\\bap[ -]window"
    "|\\balcapa\\b"
    /* codes: ICD-10, OPCS-4 */
    "|\\bQ2[0-6](?:\\.\\d+)?\\b|\\bK(?:0[4-9]|1[0-25-9]|20)(?:\\.\\d)?\\b";

enum kind { CHEST, NEAR, OTHER };

/* Folded words; a '*' at the end stands for any ending. Words that mean
 * something else in another of the languages are left out (FR main, a hand;
 * NL been, a leg). */
static const struct {
	enum kind kind;
	const char *words;
} regions[] = {
    {CHEST, "chest thorax thorac* torac* torax brustkorb borstkas mediastin* "
	    "aort* pulmonar* lungenarter* lungenven*"},
    {NEAR, "neck hals cou collo cuello pescoco carotid* karoti* tsa "
	   "supraaort* abd abdom* bauch* addom* ventre buik pelvi* becken* "
	   "bassin bacino bekken"},
    /* head */
    {OTHER, "brain head skull crani* cerebr* cerebel* encephal* encefal* "
	    "neuro* kopf schadel* schaedel* gehirn* hirn* tete crane cerveau "
	    "testa cabeza craneo cervello cervell hersen* hoofd hjarn* "
	    "pituitar* hypophys* hipofis* ipofis* orbit* iac sella sinus* "
	    "paranasal* senos facial tmj atm temporomandib* kiefer* larynx "
	    "tongue dental mandib* stroke epilep* dement* dti tractogra* "
	    "fmri* flair mprage"},
    /* spine */
    {OTHER, "spine spinal cervical* lumba* lumbo* lomba* lws hws bws "
	    "wirbel* rachi* columna coluna colonna wervel* rygg* sacr* isg "
	    "iliosacral* vertebr* thoracolumb* brachial* plexus"},
    /* limbs */
    {OTHER, "shoulder* schulter* epaule* spalla hombro* ombro* schouder* "
	    "elbow* ellenbogen coude gomito codo cotovelo elleboog wrist* "
	    "hand hands handgelenk* poignet* polso mano muneca punho pols "
	    "finger* thumb daumen hip hips hufte* hueft* huft* hanche* anca "
	    "cadera* quadril heup* hoft* knee* knie* genou* ginocchi* "
	    "rodilla* joelho* kna ankle* sprunggelenk* chevill* cavigli* "
	    "tobillo* tornozelo* enkel foot feet fuss pied pieds piede voet "
	    "fot toe toes leg legs unterschenkel* oberschenkel* jambe* gamba "
	    "pierna* femur* femor* thigh* tibia* calf arm arms humer* "
	    "forearm* extremit* joint* gelenk* articol* articul* msk "
	    "musculoskel* runoff peripheral"},
    /* trunk */
    {OTHER, "liver leber* foie fegato higado figado lever hepat* gan "
	    "kidney* renal* niere* rein reins rene reni rinon* adrenal* "
	    "pancrea* pankrea* mrcp cholangi* colangi* biliar* gallbl* "
	    "spleen milz bowel entero* entera* colon stomach gastr* magen* "
	    "estomac stomaco estomago oesoph* esoph* esofag* rectum rectal "
	    "rektum recte retto reto prostat* uter* ovar* cervix gyn* fetal* "
	    "fetus feto foet* placent* scrot* testic* testis penis bladder "
	    "blase urogr* urogram* breast* mamma* mammo* brust sein seins "
	    "senolog* borst mama mamas lung lungs lunge lungen longen "
	    "polmon* poumon* pulmao pulmoes clavic* scapul* sternum"},
};

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	    (unsigned char)c >= 0x80;
}

/* The entry of ${words} that the word of ${n} bytes at ${w} is, or NULL. */
static const char *
find_word(const char *words, const char *w, size_t n)
{
	while (*words != '\0') {
		size_t len = strcspn(words, " ");
		bool open = words[len - 1] == '*';
		size_t stem = open ? len - 1 : len;
		bool fits = open ? n >= stem : n == stem;
		if (fits && strncmp(words, w, stem) == 0)
			return words;
		words += len + (words[len] == ' ');
	}
	return NULL;
}

static void
note_word(struct relevance_regions *r, const char *w, size_t n)
{
	for (size_t i = 0; i < sizeof(regions) / sizeof(regions[0]); i++) {
		const char *entry = find_word(regions[i].words, w, n);
		if (entry == NULL)
			continue;
		bool *flag = regions[i].kind == CHEST ? &r->chest :
		    regions[i].kind == NEAR	      ? &r->near :
							&r->other;
		*flag = true;
		if (r->word == NULL && regions[i].kind != CHEST)
			r->word = entry;
		return;
	}
}

void
relevance_find_regions(struct relevance_regions *r, const char *text)
{
	char folded[1024]; /* what is longer is looked at in part */
	const char *p = fold_text(folded, sizeof(folded), text);
	while (*p != '\0') {
		size_t n = 0;
		while (is_letter(p[n]))
			n++;
		if (n > 0)
			note_word(r, p, n);
		p += n > 0 ? n : 1;
	}
}

bool
relevance_is_elsewhere(const struct relevance_regions *r)
{
	return r->other || (r->near && !r->chest);
}
