/* SPDX-License-Identifier: MIT */
/* Rows of the index as DICOM JSON (PS3.18 F.2, 10.6.3.3). */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "dicomweb_priv.h"

#define TAG_RETRIEVE_URL TAG(0x0008, 0x1190)
#define TAG_TIMEZONE TAG(0x0008, 0x0201)

/* what is always told, PS3.18 tables 10.6.3-3 to 10.6.3-5; those that
 * clinicians look for besides */
static const uint32_t study_fields[] = {TAG_STUDY_DATE, TAG_STUDY_TIME,
    TAG_ACCESSION, TAG_AVAILABILITY, TAG_MODALITIES, TAG_REFERRING_PHYSICIAN,
    TAG_TIMEZONE, TAG_RETRIEVE_URL, TAG_STUDY_DESCRIPTION, TAG_PATIENT_NAME,
    TAG_PATIENT_ID, TAG_BIRTH_DATE, TAG_SEX, TAG_STUDY_UID, TAG_STUDY_ID,
    TAG_STUDY_SERIES, TAG_STUDY_INSTANCES, 0};
static const uint32_t series_fields[] = {TAG_MODALITY, TAG_TIMEZONE,
    TAG_SERIES_DESCRIPTION, TAG_RETRIEVE_URL, TAG_STUDY_UID, TAG_SERIES_UID,
    TAG_SERIES_NUMBER, TAG_SERIES_INSTANCES, TAG_PPS_DATE, TAG_PPS_TIME, 0};
static const uint32_t instance_fields[] = {TAG_SOP_CLASS, TAG_SOP_INSTANCE,
    TAG_AVAILABILITY, TAG_TIMEZONE, TAG_RETRIEVE_URL, TAG_STUDY_UID,
    TAG_SERIES_UID, TAG_INSTANCE_NUMBER, TAG_FRAMES, TAG_ROWS, TAG_COLUMNS,
    TAG_BITS_ALLOCATED, 0};

int
qido_attrs(const struct dicomweb *dw, enum index_level level,
    const struct index_row *row, struct attrs *ret, struct err *e)
{
	const struct index_blob *blobs[] = {&row->instance, &row->series,
	    &row->patient_study};
	attrs_init(ret);
	for (int i = 0; i < 3; i++) {
		struct attrs one;
		if (blobs[i]->n == 0)
			continue;
		if (attrs_parse(blobs[i]->p, blobs[i]->n, &one, e) != 0)
			return -1;
		attrs_merge(ret, &one);
		attrs_done(&one);
	}
	attrs_put(ret, TAG_CHARSET, "ISO_IR 192");
	attrs_put(ret, TAG_RETRIEVE_AE, dw->ae_title);
	attrs_put(ret, TAG_AVAILABILITY, "ONLINE");
	attrs_put(ret, TAG_PATIENT_ID, row->patient_id);
	attrs_put(ret, TAG_STUDY_UID, row->study_uid);
	attrs_put(ret, TAG_MODALITIES, row->modalities);
	attrs_put(ret, TAG_CLASSES_IN_STUDY, row->classes);
	attrs_putf(ret, TAG_STUDY_SERIES, "%u", row->study_series);
	/* the archive's count, not "what is here" (viewers trust counts) */
	attrs_putf(ret, TAG_STUDY_INSTANCES, "%u",
	    row->expected > row->study_instances ? row->expected :
	    row->study_instances);
	attrs_put(ret, TAG_MODALITY, level == INDEX_STUDY ? row->modalities :
	    row->modality);
	if (level == INDEX_STUDY)
		return 0;
	attrs_put(ret, TAG_SERIES_UID, row->series_uid);
	attrs_putf(ret, TAG_SERIES_INSTANCES, "%u", row->series_instances);
	if (level == INDEX_INSTANCE) {
		attrs_put(ret, TAG_SOP_INSTANCE, row->instance_uid);
		attrs_put(ret, TAG_SOP_CLASS, row->class_uid);
	}
	return 0;
}

/* ---- JSON ---- */

/* Append ${s}, which is UTF-8, as a string. */
void
qido_write_string(struct buf *b, const char *s, size_t n)
{
	size_t from = 0;
	buf_add_u8(b, '"');
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];
		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		buf_add(b, s + from, i - from);
		if (c < 0x20)
			buf_addf(b, "\\u%04x", c);
		else
			buf_addf(b, "\\%c", c);
		from = i + 1;
	}
	buf_add(b, s + from, n - from);
	buf_add_u8(b, '"');
}

static const char *
skip_digits(const char *s)
{
	return s + strspn(s, "0123456789");
}

/* Whether ${n} bytes are a number as JSON writes one (RFC 8259 6). */
static bool
is_number(const char *text, size_t n)
{
	char s[64];
	if (n == 0 || !str_copy_n(s, sizeof(s), text, n))
		return false;
	const char *p = s + (s[0] == '-');
	const char *at = p[0] == '0' ? p + 1 : skip_digits(p);
	if (at == p)
		return false;
	if (*at == '.') {
		p = at + 1;
		at = skip_digits(p);
		if (at == p)
			return false;
	}
	if (*at == 'e' || *at == 'E') {
		p = at + 1 + (at[1] == '+' || at[1] == '-');
		at = skip_digits(p);
		if (at == p)
			return false;
	}
	return *at == '\0';
}

/* A number where it is one: "+5" and "007" lose what JSON does not have. */
static void
write_number(struct buf *b, const char *s, size_t n)
{
	while (n > 0 && (*s == ' ' || *s == '+')) {
		s++;
		n--;
	}
	while (n > 1 && s[0] == '0' && s[1] >= '0' && s[1] <= '9') {
		s++;
		n--;
	}
	while (n > 0 && s[n - 1] == ' ')
		n--;
	if (is_number(s, n))
		buf_add(b, s, n);
	else
		qido_write_string(b, s, n);
}

/* A person name in its component groups, PS3.18 F.2.2. */
static void
write_name(struct buf *b, const char *s, size_t n)
{
	static const char *const groups[] = {"Alphabetic", "Ideographic",
		"Phonetic"};
	const char *end = s + n;
	bool first = true;
	buf_add_u8(b, '{');
	for (int i = 0; i < 3 && s <= end; i++) {
		const char *stop = memchr(s, '=', (size_t)(end - s));
		size_t part = (size_t)((stop == NULL ? end : stop) - s);
		if (part > 0) {
			buf_addf(b, "%s\"%s\":", first ? "" : ",", groups[i]);
			qido_write_string(b, s, part);
			first = false;
		}
		s += part + 1;
	}
	buf_add_u8(b, '}');
}

static void
write_value(struct buf *b, const char *vr, const char *s, size_t n)
{
	if (n == 0)
		buf_add_str(b, "null");
	else if (str_eq(vr, "PN"))
		write_name(b, s, n);
	else if (str_in_list("IS,DS,US,UL,SS,SL,UV,SV,FL,FD", vr))
		write_number(b, s, n);
	else
		qido_write_string(b, s, n);
}

void
qido_write_attr(struct buf *b, const struct attr *a)
{
	/* '\' is a character in these, PS3.5 6.2 */
	bool single = str_in_list("ST,LT,UT,UR", a->vr);
	const char *s = a->value;
	buf_addf(b, "\"%08X\":{\"vr\":\"%.2s\"", (unsigned)a->tag, a->vr);
	if (s[0] != '\0')
		buf_add_str(b, ",\"Value\":[");
	for (bool more = s[0] != '\0'; more;) {
		size_t n = single ? strlen(s) : strcspn(s, "\\");
		write_value(b, a->vr, s, n);
		more = s[n] != '\0';
		buf_add_u8(b, more ? ',' : ']');
		s += n + (more ? 1 : 0);
	}
	buf_add_u8(b, '}');
}

/* ---- a row ---- */

static bool
has(const uint32_t *fields, uint32_t tag)
{
	for (; *fields != 0; fields++)
		if (*fields == tag)
			return true;
	return false;
}

static bool
is_asked(const struct qido *q, uint32_t tag)
{
	for (unsigned i = 0; i < q->n_fields; i++)
		if (q->fields[i] == tag)
			return true;
	return attrs_get(&q->keys, tag) != NULL;
}

static bool
is_told(const struct qido *q, uint32_t tag)
{
	if (q->all || tag == TAG_CHARSET || tag == TAG_RETRIEVE_AE)
		return true;
	if ((q->level == INDEX_STUDY || q->study_too) &&
	    has(study_fields, tag))
		return true;
	if ((q->level == INDEX_SERIES || q->series_too) &&
	    has(series_fields, tag))
		return true;
	return (q->level == INDEX_INSTANCE && has(instance_fields, tag)) ||
	    is_asked(q, tag);
}

/* Where the entity itself is retrieved. */
static void
write_url(struct buf *b, const struct qido *q, const struct attrs *all,
    const char *host)
{
	char url[600];
	struct attr a = {.tag = TAG_RETRIEVE_URL, .vr = "UR", .value = url};
	int n = snprintf(url, sizeof(url), "http://%.200s/dicom-web/studies/%s",
	    host, attrs_value(all, TAG_STUDY_UID));
	if (q->level > INDEX_STUDY)
		n += snprintf(url + n, sizeof(url) - (size_t)n, "/series/%s",
		    attrs_value(all, TAG_SERIES_UID));
	if (q->level > INDEX_SERIES)
		(void)snprintf(url + n, sizeof(url) - (size_t)n,
		    "/instances/%s", attrs_value(all, TAG_SOP_INSTANCE));
	qido_write_attr(b, &a);
}

static bool
is_bytes(const char *vr)
{
	return str_in_list("OB,OW,OF,OD,OL,OV,UN", vr);
}

void
qido_write(struct buf *b, const struct qido *q, const struct attrs *all,
    const char *host)
{
	bool url_done = false;
	buf_add_u8(b, '{');
	for (unsigned i = 0; i < all->n; i++) {
		const struct attr *a = &all->a[i];
		if (!is_told(q, a->tag) || is_bytes(a->vr))
			continue;
		if (!url_done && a->tag > TAG_RETRIEVE_URL) {
			write_url(b, q, all, host);
			buf_add_u8(b, ',');
			url_done = true;
		}
		qido_write_attr(b, a);
		buf_add_u8(b, ',');
	}
	if (url_done)
		b->len -= b->len > 0; /* the last comma */
	else
		write_url(b, q, all, host);
	buf_add_u8(b, '}');
}
