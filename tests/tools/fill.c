/* SPDX-License-Identifier: MIT */
/* A full house for the bench: many small studies, as Part 10 files for a peer
 * and in a cache folder of ours, as a prefetch would have left it. */
#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/str.h"
#include "dicom/dataset.h"
#include "index/index.h"
#include "prefetch/prefetch.h"
#include "store/store.h"
#include "wire/attrs.h"
#include "wire/scan.h"

#define CLASS_CAPTURE "1.2.840.10008.5.1.4.1.1.7"
#define ROOT "2.25.4711"
#define PER_SERIES 25

struct filling {
	struct store *st;
	struct index *ix;
	const char *out; /* folder for files, NULL = none */
	unsigned study, n; /* now being made; instances of it */
	struct attrs study_as, series_as, instance_as;
	char study_uid[UID_SIZE], series_uid[UID_SIZE], uid[UID_SIZE];
};

/* Every tenth study is of today, the rest a day older each. */
static void
study_of(struct filling *f)
{
	struct civil c = civil_of_utc(clock_utc_s() -
	    (f->study % 10 == 0 ? 0 : (int64_t)f->study * 86400));
	attrs_init(&f->study_as);
	(void)snprintf(f->study_uid, UID_SIZE, ROOT ".%u", f->study);
	attrs_putf(&f->study_as, TAG_STUDY_DATE, "%04d%02d%02d", c.year,
	    c.month, c.day);
	attrs_put(&f->study_as, TAG_STUDY_TIME, "101500");
	attrs_putf(&f->study_as, TAG_ACCESSION, "A%06u", f->study);
	attrs_put(&f->study_as, TAG_STUDY_DESCRIPTION, "MRI cardiac");
	attrs_putf(&f->study_as, TAG_PATIENT_NAME, "INVENTED^PATIENT %u",
	    f->study / 2);
	attrs_putf(&f->study_as, TAG_PATIENT_ID, "P%06u", f->study / 2);
	attrs_put(&f->study_as, TAG_BIRTH_DATE, "20190102");
	attrs_put(&f->study_as, TAG_SEX, "F");
	attrs_put(&f->study_as, TAG_STUDY_UID, f->study_uid);
	attrs_putf(&f->study_as, TAG_STUDY_ID, "%u", f->study);
}

static void
instance_of(struct filling *f, unsigned i)
{
	unsigned series = i / PER_SERIES + 1;
	attrs_init(&f->series_as);
	attrs_init(&f->instance_as);
	(void)snprintf(f->series_uid, UID_SIZE, "%.30s.%u", f->study_uid,
	    series);
	(void)snprintf(f->uid, UID_SIZE, "%.40s.%u", f->series_uid, i + 1);
	attrs_put(&f->series_as, TAG_MODALITY, "MR");
	attrs_put(&f->series_as, TAG_SERIES_DESCRIPTION, "cine sax");
	attrs_put(&f->series_as, TAG_SERIES_UID, f->series_uid);
	attrs_putf(&f->series_as, TAG_SERIES_NUMBER, "%u", series);
	attrs_put(&f->instance_as, TAG_SOP_CLASS, CLASS_CAPTURE);
	attrs_put(&f->instance_as, TAG_SOP_INSTANCE, f->uid);
	attrs_putf(&f->instance_as, TAG_INSTANCE_NUMBER, "%u", i + 1);
}

static int
write_file(const struct filling *f, const struct buf *data, struct err *e)
{
	char path[1200];
	struct buf head;
	if (f->out == NULL)
		return 0;
	buf_init(&head, 4096);
	store_file_head(&head, CLASS_CAPTURE, f->uid, SYNTAX_EXPLICIT_LE);
	(void)snprintf(path, sizeof(path), "%s/%u", f->out, f->study);
	(void)mkdir(path, 0777); /* there already is fine */
	(void)snprintf(path, sizeof(path), "%s/%u/%s.dcm", f->out, f->study,
	    f->uid);
	FILE *file = fopen(path, "wb");
	bool ok = file != NULL && fwrite(head.p, 1, head.len, file) ==
	    head.len && fwrite(data->p, 1, data->len, file) == data->len;
	if (file != NULL)
		ok = fclose(file) == 0 && ok;
	buf_done(&head);
	return ok ? 0 : err_set(e, ERR_IO, 0, "write '%s'", path);
}

static int
keep(struct filling *f, const struct buf *data, struct err *e)
{
	struct store_object so;
	struct store_writer *w = store_begin(f->st, CLASS_CAPTURE, f->uid,
	    SYNTAX_EXPLICIT_LE, e);
	if (w == NULL || store_write(w, data->p, data->len, e) != 0 ||
	    store_commit(&w, f->study_uid, f->series_uid, f->uid, &so,
	    e) != 0)
		return -1;
	struct store_item it = {.object = so};
	(void)str_copy(it.class_uid, UID_SIZE, CLASS_CAPTURE); /* they fit */
	(void)str_copy(it.instance_uid, UID_SIZE, f->uid);
	(void)str_copy(it.syntax, UID_SIZE, SYNTAX_EXPLICIT_LE);
	return prefetch_readmit(f->ix, &it, data->p, data->len, e);
}

static int
fill_study(struct filling *f, struct err *e)
{
	int rc = 0;
	study_of(f);
	for (unsigned i = 0; i < f->n && rc == 0; i++) {
		struct attrs all;
		struct buf data;
		instance_of(f, i);
		attrs_init(&all);
		attrs_merge(&all, &f->study_as);
		attrs_merge(&all, &f->series_as);
		attrs_merge(&all, &f->instance_as);
		buf_init(&data, 1 << 20);
		rc = dataset_format(&all, SYNTAX_EXPLICIT_LE, &data, e);
		if (rc == 0)
			rc = write_file(f, &data, e);
		if (rc == 0)
			rc = keep(f, &data, e);
		buf_done(&data);
		attrs_done(&all);
		attrs_done(&f->series_as);
		attrs_done(&f->instance_as);
	}
	attrs_done(&f->study_as);
	if (rc == 0)
		rc = index_flush(f->ix, e);
	index_put_study(f->ix, f->study_uid, true, f->n, "pacs");
	return rc;
}

int
main(int argc, char **argv)
{
	struct err e;
	struct filling f = {0};
	if (argc < 4 || argc > 5) {
		(void)fputs("usage: fill STUDIES INSTANCES CACHE [DIR]\n",
		    stderr);
		return 2;
	}
	unsigned studies = (unsigned)strtoul(argv[1], NULL, 10);
	f.n = (unsigned)strtoul(argv[2], NULL, 10);
	f.out = argc == 5 ? argv[4] : NULL;
	if (f.out != NULL)
		(void)mkdir(f.out, 0777); /* there already is fine */
	int rc = dataset_start(&e);
	f.st = rc == 0 ? store_open(argv[3], &e) : NULL;
	f.ix = f.st != NULL ? index_open(argv[3], NULL, &e) : NULL;
	rc = f.ix != NULL ? 0 : -1;
	for (f.study = 0; f.study < studies && rc == 0; f.study++)
		rc = fill_study(&f, &e);
	if (rc == 0)
		rc = store_sync(f.st, &e);
	if (rc != 0)
		(void)fprintf(stderr, "fill: %s\n", e.msg);
	index_close(&f.ix);
	store_close(&f.st);
	return rc == 0 ? 0 : 1;
}
