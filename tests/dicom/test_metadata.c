/* SPDX-License-Identifier: MIT */
/* Tests of an object's metadata as the index keeps it. */
#include "json_fixture.h"

#include "dicom/metadata.h"
#include "wire/gzpart.h"

static void
test_metadata_is_json_deflated_with_bulk_on_the_web_port(void **state)
{
	static const char want[] =
	    "{\"00080060\":{\"vr\":\"CS\",\"Value\":[\"MR\"]},"
	    "\"7FE00010\":{\"vr\":\"OW\",\"BulkDataURI\":"
	    "\"/dicom-web/studies/1.2/series/1.2.3/instances/1.2.3.4/"
	    "bulkdata/7FE00010\"}}";
	struct metadata m;
	struct buf set, text;
	struct err e;
	(void)state;
	buf_init(&set, 1000);
	buf_init(&text, 1000);
	put_text(&set, TAG_MODALITY, "CS", "MR");
	put_bytes(&set, TAG(0x7FE0, 0x0010), "OW", 10);

	assert_int_equal(metadata_make(&m, set.p, set.len - 10, ELE, "1.2",
	    "1.2.3", "1.2.3.4", &e), 0);
	assert_int_equal(gzpart_text(m.part.p, m.part.len, m.n, &text, &e),
	    0);

	assert_string_equal(buf_str(&text), want);
	assert_int_equal(m.n, sizeof(want) - 1);
	metadata_done(&m);
	buf_done(&text);
	buf_done(&set);
}

static void
test_metadata_that_cannot_be_made_is_empty(void **state)
{
	struct metadata m;
	struct err e;
	(void)state;

	int rc = metadata_make(&m, "\x28\0\x10\0US\2\0\0", 9, ELE, "1.2",
	    "1.2.3", "1.2.3.4", &e);

	assert_int_equal(rc, -1);
	assert_int_equal(e.code, ERR_PARSE);
	assert_null(m.part.p);
	assert_int_equal(m.n, 0);
	metadata_done(&m);
}

static void
test_metadata_of_the_longest_uids_fits(void **state)
{
	char uid[UID_SIZE];
	struct metadata m;
	struct buf set, text;
	struct err e;
	(void)state;
	buf_init(&set, 1000);
	buf_init(&text, 1000);
	memset(uid, '1', sizeof(uid) - 1);
	uid[sizeof(uid) - 1] = '\0';
	put_bytes(&set, TAG(0x7FE0, 0x0010), "OW", 10);

	assert_int_equal(metadata_make(&m, set.p, set.len, ELE, uid, uid, uid,
	    &e), 0);
	assert_int_equal(gzpart_text(m.part.p, m.part.len, m.n, &text, &e),
	    0);

	assert_non_null(strstr(buf_str(&text), "1/bulkdata/7FE00010\"}}"));
	metadata_done(&m);
	buf_done(&text);
	buf_done(&set);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		test_metadata_is_json_deflated_with_bulk_on_the_web_port),
	    cmocka_unit_test(test_metadata_that_cannot_be_made_is_empty),
	    cmocka_unit_test(test_metadata_of_the_longest_uids_fits),
	};
	struct err e;
	if (dataset_start(&e) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
