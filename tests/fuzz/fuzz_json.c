/* SPDX-License-Identifier: MIT */
/* Fuzzes DICOM JSON: the first byte chooses the syntax. What comes out must
 * be UTF-8 without control characters, its brackets and quotes closed, and
 * every path in it must be looked for without harm. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/str.h"
#include "dicom/dataset.h"
#include "wire/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* Brackets outside strings pair up, as far as one counter can tell. */
static void
check_form(const char *s, size_t n)
{
	long depth = 0;
	bool quoted = false;
	for (size_t i = 0; i < n; i++) {
		assert((unsigned char)s[i] >= 0x20);
		if (quoted && s[i] == '\\')
			i++;
		else if (s[i] == '"')
			quoted = !quoted;
		else if (!quoted && (s[i] == '{' || s[i] == '['))
			depth++;
		else if (!quoted && (s[i] == '}' || s[i] == ']'))
			depth--;
		assert(depth > 0 || i + 1 == n);
	}
	assert(depth == 0 && !quoted);
}

static void
check_paths(const char *s, const uint8_t *p, size_t n, const char *syntax)
{
	static const char key[] = "\"BulkDataURI\":\"/b/";
	struct err e;
	for (s = strstr(s, key); s != NULL; s = strstr(s, key)) {
		char path[2048];
		size_t at = 0;
		size_t len = 0;
		s += sizeof(key) - 1;
		(void)str_copy_n(path, sizeof(path), s, strcspn(s, "\""));
		if (dataset_locate(p, n, syntax, path, &at, &len, &e) == 1)
			assert(at <= n && len <= n - at);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const char *const syntaxes[] = {SYNTAX_EXPLICIT_LE,
	    SYNTAX_IMPLICIT_LE, SYNTAX_EXPLICIT_BE, SYNTAX_DEFLATED_LE};
	static bool started;
	struct buf b;
	struct err e;
	if (!started && dataset_start(&e) == -1)
		return 0;
	started = true;
	if (n == 0)
		return 0;
	const char *syntax = syntaxes[p[0] % 4];
	buf_init(&b, (size_t)16 << 20);
	if (dataset_json(p + 1, n - 1, syntax, "/b", &b, &e) == 0) {
		const char *s = buf_str(&b);
		assert(str_is_utf8(s, b.len));
		check_form(s, b.len);
		check_paths(s, p + 1, n - 1, syntax);
	}
	buf_done(&b);
	return 0;
}
