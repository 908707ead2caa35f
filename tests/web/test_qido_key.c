/* SPDX-License-Identifier: MIT */
/* Tests of web/qido_key, web/qido_row and the paths of DICOMweb. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include <string.h>

#include "base/str.h"
#include "web/dicomweb_priv.h"

static void
test_qido_paths_name_what_is_asked(void **state)
{
	(void)state;
	static const struct {
		const char *path;
		enum dw_what what;
		const char *study, *series, *instance, *tail;
	} rows[] = {
		{"/dicom-web/studies", DW_STUDIES, "", "", "", NULL},
		{"/dicom-web/studies/", DW_STUDIES, "", "", "", NULL},
		{"/dicom-web/series", DW_SERIES, "", "", "", NULL},
		{"/dicom-web/instances", DW_INSTANCES, "", "", "", NULL},
		{"/dicom-web/studies/1.2", DW_OBJECTS, "1.2", "", "", NULL},
		{"/dicom-web/studies/1.2/", DW_OBJECTS, "1.2", "", "", NULL},
		{"/dicom-web/studies/1.2/series", DW_SERIES, "1.2", "", "",
		    NULL},
		{"/dicom-web/studies/1.2/instances", DW_INSTANCES, "1.2", "",
		    "", NULL},
		{"/dicom-web/studies/1.2/metadata", DW_METADATA, "1.2", "",
		    "", NULL},
		{"/dicom-web/studies/1.2/series/1.3", DW_OBJECTS, "1.2",
		    "1.3", "", NULL},
		{"/dicom-web/studies/1.2/series/1.3/metadata", DW_METADATA,
		    "1.2", "1.3", "", NULL},
		{"/dicom-web/studies/1.2/series/1.3/instances", DW_INSTANCES,
		    "1.2", "1.3", "", NULL},
		{"/dicom-web/studies/1.2/series/1.3/instances/1.4",
		    DW_OBJECTS, "1.2", "1.3", "1.4", NULL},
		{"/dicom-web/studies/1.2/series/1.3/instances/1.4/frames/1,2",
		    DW_FRAMES, "1.2", "1.3", "1.4", "1,2"},
		{"/dicom-web/studies/1.2/series/1.3/instances/1.4/bulkdata/"
		    "00400555/1/0040A30A", DW_BULK, "1.2", "1.3", "1.4",
		    "00400555/1/0040A30A"},
		{"/dicom-web/studies/1.2/series/1.3/instances/1.4/bulkdata",
		    DW_NOTHING, "1.2", "1.3", "1.4", NULL},
		{"/dicom-web/studies/1.2/series/1.3/series", DW_NOTHING,
		    "1.2", "1.3", "", NULL},
		{"/dicom-web/studies/1.2/series/../../etc", DW_NOTHING,
		    "1.2", "", "", NULL},
		{"/dicom-web/studies/1.2/thumbnail", DW_NOTHING, "1.2", "",
		    "", NULL},
		{"/dicom-web/studies/abc", DW_NOTHING, "", "", "", NULL},
		{"/dicom-web//studies", DW_NOTHING, "", "", "", NULL},
		{"/dicom-web", DW_NOTHING, "", "", "", NULL},
		{"/wado", DW_URI, "", "", "", NULL},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dw_path p;
		assert_true(dicomweb_has(rows[i].path));
		dw_path_parse(&p, rows[i].path);
		if (p.what != rows[i].what || !str_eq(p.study,
		    rows[i].study) || !str_eq(p.series, rows[i].series) ||
		    !str_eq(p.instance, rows[i].instance))
			fail_msg("%s: %d %s %s %s", rows[i].path, p.what,
			    p.study, p.series, p.instance);
		if (rows[i].tail != NULL)
			assert_string_equal(p.tail, rows[i].tail);
	}
	assert_false(dicomweb_has("/dicom-webs"));
	assert_false(dicomweb_has("/wado/x"));
	assert_false(dicomweb_has("/"));
}

static void
test_qido_tags_are_read_in_each_form(void **state)
{
	(void)state;
	static const char *const same[] = {"00080020", "StudyDate",
		"0008,0020", "0008.0020"};
	static const char *const none[] = {"", "studydate", "0008002",
		"000800200", "0008002G", "00400275.00400007", "0x080020"};
	uint32_t tag = 0;

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		tag = 0;
		assert_true(qido_tag(same[i], &tag));
		assert_int_equal(tag, TAG_STUDY_DATE);
	}
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		if (qido_tag(none[i], &tag))
			fail_msg("'%s' is no tag", none[i]);
}

static void
test_qido_query_of_a_viewer_is_read(void **state)
{
	(void)state;
	struct qido q;
	struct err e;
	struct dw_ask ask = {0};
	struct dw_path path = {.what = DW_STUDIES};
	dw_ask_add(&ask, "limit", "101");
	dw_ask_add(&ask, "offset", "7");
	dw_ask_add(&ask, "fuzzymatching", "true");
	dw_ask_add(&ask, "includefield", "00081030,StudyTime,nothing");
	dw_ask_add(&ask, "includefield", "0008,0060");
	dw_ask_add(&ask, "StudyInstanceUID", "1.2,1.3");
	dw_ask_add(&ask, "ModalitiesInStudy", "MR\\CT");
	dw_ask_add(&ask, "ModalitiesInStudy", "US");
	dw_ask_add(&ask, "PatientName", "doe, j*");

	assert_int_equal(qido_read(&q, &ask, &path, &e), 0);

	assert_int_equal(q.level, INDEX_STUDY);
	assert_int_equal(q.limit, 101);
	assert_int_equal(q.offset, 7);
	assert_true(q.limited && q.fuzzy && !q.ignored && !q.all);
	assert_int_equal(q.n_fields, 3);
	assert_int_equal(q.fields[2], TAG_MODALITY);
	assert_string_equal(attrs_value(&q.keys, TAG_STUDY_UID), "1.2\\1.3");
	assert_string_equal(attrs_value(&q.keys, TAG_MODALITIES),
	    "MR\\CT\\US");
	assert_string_equal(attrs_value(&q.keys, TAG_PATIENT_NAME),
	    "doe, j*");
	qido_done(&q);
	dw_ask_done(&ask);
}

static void
test_qido_bad_queries_are_refused(void **state)
{
	(void)state;
	static const char *const rows[][2] = {{"limit", "many"},
		{"limit", "-1"}, {"offset", "1e3"}, {"offset", ""},
		{"limit", "99999999999999999999"}, {"PatientName", "\xff"}};
	struct dw_path path = {.what = DW_STUDIES};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct qido q;
		struct err e;
		struct dw_ask ask = {0};
		dw_ask_add(&ask, rows[i][0], rows[i][1]);
		if (qido_read(&q, &ask, &path, &e) == 0)
			fail_msg("%s=%s is taken", rows[i][0], rows[i][1]);
		qido_done(&q);
		dw_ask_done(&ask);
	}
}

static void
test_qido_unknown_keys_are_ignored_and_told(void **state)
{
	(void)state;
	struct qido q;
	struct err e;
	struct dw_ask ask = {0};
	struct dw_path path = {.what = DW_SERIES, .study = "1.2"};
	dw_ask_add(&ask, "_", "123");
	dw_ask_add(&ask, "StudyInstanceUID", "9.9");

	assert_int_equal(qido_read(&q, &ask, &path, &e), 0);

	assert_true(q.ignored);
	assert_false(q.limited);
	assert_false(q.study_too);
	assert_int_equal(q.limit, DW_ROWS_MAX);
	/* the path says it more strongly */
	assert_string_equal(attrs_value(&q.keys, TAG_STUDY_UID), "1.2");
	qido_done(&q);
	dw_ask_done(&ask);
}

static void
test_qido_values_become_json(void **state)
{
	(void)state;
	static const struct {
		const char *vr, *value, *want;
	} rows[] = {
		{"LO", "", "{\"vr\":\"LO\"}"},
		{"LO", "a\\b", "{\"vr\":\"LO\",\"Value\":[\"a\",\"b\"]}"},
		{"LO", "a\\\\b",
		    "{\"vr\":\"LO\",\"Value\":[\"a\",null,\"b\"]}"},
		{"LO", "\\", "{\"vr\":\"LO\",\"Value\":[null,null]}"},
		{"LT", "a\\b\n\"",
		    "{\"vr\":\"LT\",\"Value\":[\"a\\\\b\\u000a\\\"\"]}"},
		{"PN", "DOE^J==x", "{\"vr\":\"PN\",\"Value\":[{\"Alphabetic\":"
		    "\"DOE^J\",\"Phonetic\":\"x\"}]}"},
		{"PN", "=y", "{\"vr\":\"PN\",\"Value\":[{\"Ideographic\":"
		    "\"y\"}]}"},
		{"IS", "007", "{\"vr\":\"IS\",\"Value\":[7]}"},
		{"IS", "+5", "{\"vr\":\"IS\",\"Value\":[5]}"},
		{"IS", "0", "{\"vr\":\"IS\",\"Value\":[0]}"},
		{"DS", "1.5e3\\-0.25",
		    "{\"vr\":\"DS\",\"Value\":[1.5e3,-0.25]}"},
		{"DS", "1.\\.5\\abc\\NaN", "{\"vr\":\"DS\",\"Value\":[\"1.\","
		    "\".5\",\"abc\",\"NaN\"]}"},
		{"US", "96", "{\"vr\":\"US\",\"Value\":[96]}"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char value[40];
		struct buf b;
		struct attr a = {.tag = TAG(0x0008, 0x103E), .value = value};
		(void)str_copy(value, sizeof(value), rows[i].value);
		(void)str_copy(a.vr, sizeof(a.vr), rows[i].vr);
		buf_init(&b, 1024);
		qido_write_attr(&b, &a);
		if (!str_eq(buf_str(&b) + strlen("\"0008103E\":"),
		    rows[i].want))
			fail_msg("row %zu: %s", i, buf_str(&b));
		buf_done(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_qido_paths_name_what_is_asked),
		cmocka_unit_test(test_qido_tags_are_read_in_each_form),
		cmocka_unit_test(test_qido_query_of_a_viewer_is_read),
		cmocka_unit_test(test_qido_bad_queries_are_refused),
		cmocka_unit_test(test_qido_unknown_keys_are_ignored_and_told),
		cmocka_unit_test(test_qido_values_become_json),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
