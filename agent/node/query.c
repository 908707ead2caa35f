/* SPDX-License-Identifier: MIT */
/* A C-FIND, C-GET or C-MOVE identifier as a selection from the index. */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "dicom/dataset.h"
#include "node/node_priv.h"
#include "node/uids.h"

void
query_done(struct query *q)
{
	attrs_done(&q->keys);
	mem_free(q->lists);
	mem_free(q->uids);
	*q = (struct query){0};
}

static bool
level_parse(const char *s, enum index_level *ret)
{
	static const struct {
		const char *name;
		enum index_level level;
	} names[] = {
	    {"PATIENT", INDEX_PATIENT},
	    {"STUDY", INDEX_STUDY},
	    {"SERIES", INDEX_SERIES},
	    {"IMAGE", INDEX_INSTANCE},
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (str_eq_nocase(s, names[i].name)) {
			*ret = names[i].level;
			return true;
		}
	return false;
}

/* An identifier without a level (a bare image node of OsiriX asks so): the
 * lowest UID that it names. */
static enum index_level
level_guess(const struct attrs *keys)
{
	if (attrs_value(keys, TAG_SOP_INSTANCE)[0] != '\0')
		return INDEX_INSTANCE;
	if (attrs_value(keys, TAG_SERIES_UID)[0] != '\0')
		return INDEX_SERIES;
	if (attrs_value(keys, TAG_STUDY_UID)[0] != '\0')
		return INDEX_STUDY;
	return INDEX_PATIENT;
}

static unsigned
count_parts(const char *s)
{
	unsigned n = s[0] == '\0' ? 0 : 1;
	for (; *s != '\0'; s++)
		n += *s == '\\';
	return n;
}

/* Split a '\' list of UIDs in place; empty ones do not count, they must not
 * end the list nor make it mean any, and one that is named twice counts once.
 * A UID key with a wildcard (not allowed, but seen: "*") does mean any. One
 * that is given but has no UID in it ("\") names nothing: its list is "",
 * which is nobody's UID, for an empty list would mean any. */
static unsigned
split(char *list, const char **into)
{
	struct uids seen = {0};
	unsigned n = 0;
	bool means_any = list[0] == '\0';
	for (char *p = list; p != NULL;) {
		char *next = strchr(p, '\\');
		if (next != NULL)
			*next++ = '\0';
		if (strpbrk(p, "*?") != NULL) {
			n = 0;
			means_any = true;
			break;
		}
		if (str_trim(p)[0] != '\0' && uids_add(&seen, p))
			into[n++] = p;
		p = next;
	}
	if (n == 0 && !means_any)
		into[n++] = "";
	uids_done(&seen);
	return n;
}

static bool
is_void(const char *const *uids, unsigned n)
{
	return n > 0 && uids[0][0] == '\0';
}

bool
query_names_nothing(const struct index_select *sel)
{
	return is_void(sel->study_uids, sel->n_study_uids) ||
	    is_void(sel->series_uids, sel->n_series_uids) ||
	    is_void(sel->instance_uids, sel->n_instance_uids);
}

static void
read_uids(struct query *q)
{
	static const uint32_t tags[3] = {TAG_STUDY_UID, TAG_SERIES_UID,
	    TAG_SOP_INSTANCE};
	const char *value[3];
	size_t bytes = 0;
	unsigned total = 0;
	for (int i = 0; i < 3; i++) {
		value[i] = attrs_value(&q->keys, tags[i]);
		bytes += strlen(value[i]) + 1;
		total += count_parts(value[i]);
	}
	q->lists = mem_new_n(char, bytes);
	q->uids = mem_new_n(const char *, total);
	char *at = q->lists;
	const char **into = q->uids;
	unsigned n[3];
	for (int i = 0; i < 3; i++) {
		(void)str_copy(at, strlen(value[i]) + 1, value[i]);
		n[i] = split(at, into);
		at += strlen(value[i]) + 1;
		into += n[i];
	}
	q->sel.study_uids = q->uids;
	q->sel.n_study_uids = n[0];
	q->sel.series_uids = q->uids + n[0];
	q->sel.n_series_uids = n[1];
	q->sel.instance_uids = q->uids + n[0] + n[1];
	q->sel.n_instance_uids = n[2];
}

/* What to retrieve is named by single UIDs or lists, PS3.4 C.4.2.1.4; "*" is
 * as good as absent. */
static bool
names_by_wildcard(const struct attrs *keys)
{
	static const uint32_t tags[] = {TAG_STUDY_UID, TAG_SERIES_UID,
	    TAG_SOP_INSTANCE};
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		const char *value = attrs_value(keys, tags[i]);
		if (strpbrk(value, "*?") != NULL && !str_eq(value, "*"))
			return true;
	}
	return false;
}

/* Narrow by patient and date where the index can; matching proper is done
 * on every row all the same. */
static void
narrow(struct query *q)
{
	const char *id = attrs_value(&q->keys, TAG_PATIENT_ID);
	if (id[0] != '\0' && id[0] != ' ' && strpbrk(id, "*?\\") == NULL)
		q->sel.patient_id = id;
	const char *date = attrs_value(&q->keys, TAG_STUDY_DATE);
	const char *dash = strchr(date, '-');
	size_t n = strlen(date);
	if (strchr(date, '.') != NULL || strpbrk(date, "*?") != NULL)
		return;
	if (dash == NULL && n == 8) {
		(void)str_copy(q->from, sizeof(q->from), date);
		(void)str_copy(q->to, sizeof(q->to), date);
	} else if (dash != NULL) {
		if (dash - date == 8)
			(void)str_copy_n(q->from, sizeof(q->from), date, 8);
		if (strlen(dash + 1) == 8)
			(void)str_copy(q->to, sizeof(q->to), dash + 1);
	}
	q->sel.date_from = q->from;
	q->sel.date_to = q->to;
}

/* Returns 1. */
static int
refuse(struct err *e, const char *why)
{
	(void)err_set(e, ERR_PARSE, 0, "%s", why);
	return 1;
}

int
query_read(struct query *q, const char *class_uid, uint16_t *ret_status,
    struct err *e)
{
	bool patient_root = str_starts(class_uid, CLASS_PATIENT_ROOT);
	const char *level = attrs_value(&q->keys, TAG_LEVEL);
	if (level[0] == '\0')
		q->sel.level = level_guess(&q->keys);
	else if (!level_parse(level, &q->sel.level)) {
		char shown[40];
		*ret_status = DIMSE_IDENTIFIER_MISMATCH;
		(void)err_set(e, ERR_PARSE, 0, "query level: want PATIENT, "
		    "STUDY, SERIES or IMAGE, have '%s'",
		    str_escape(shown, sizeof(shown), level, strlen(level)));
		return 1;
	}
	if (q->sel.level == INDEX_PATIENT && !patient_root) {
		*ret_status = DIMSE_IDENTIFIER_MISMATCH;
		return refuse(e,
		    "query level: PATIENT is not in the study root");
	}
	bool find = str_in_list(CLASS_PATIENT_FIND "," CLASS_STUDY_FIND,
	    class_uid);
	if (!find && names_by_wildcard(&q->keys)) {
		*ret_status = DIMSE_IDENTIFIER_MISMATCH;
		return refuse(e, "retrieve: want UIDs, have a wildcard");
	}
	read_uids(q);
	if (!find && query_names_nothing(&q->sel)) {
		*ret_status = DIMSE_IDENTIFIER_MISMATCH;
		return refuse(e, "retrieve: want UIDs, have an empty list");
	}
	narrow(q);
	return 0;
}

int
query_receive(struct session *s, const struct assoc_context *c,
    struct query *q, uint16_t *ret_status, struct err *e)
{
	*q = (struct query){0};
	attrs_init(&q->keys);
	struct buf b;
	buf_init(&b, DATASET_IDENTIFIER_MAX);
	int rc = assoc_receive_buf(s->a, ASSOC_PDU_MS, &b, e);
	if (rc == 1)
		*ret_status = DIMSE_OUT_OF_RESOURCES;
	if (rc != 0)
		goto out;
	if (dataset_parse(b.p, b.len, c->syntax, NULL, 0, &q->keys, e) != 0) {
		*ret_status = DIMSE_UNABLE;
		rc = 1;
		goto out;
	}
	rc = query_read(q, c->abstract, ret_status, e);
out:
	buf_done(&b);
	return rc;
}
