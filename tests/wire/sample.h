/* SPDX-License-Identifier: MIT
 *
 * sample: real DICOM files for tests: read, meta header cut, one by one.
 */
#ifndef TESTS_WIRE_SAMPLE_H
#define TESTS_WIRE_SAMPLE_H

#include <sys/stat.h>
#include <sys/types.h>

#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/uid.h"
#include "wire/scan.h"

struct sample {
	uint8_t *bytes; /* owned */
	size_t n;
	size_t set; /* where the data set begins */
	char syntax[UID_SIZE];
};

typedef void sample_fn(void *ctx, const char *path, const struct sample *s);

/* ${name} in the data folder. */
static inline void
sample_path(char *dst, size_t size, const char *name)
{
	const char *dir = getenv("UNDERSTUDY_DATA");
	(void)snprintf(dst, size, "%s/dicom/%s",
	    dir == NULL ? "../shared/data" : dir, name);
}

/* PS3.10 7.1: the meta header is group 2 in Explicit LE. */
static inline size_t
sample_meta(struct sample *s, size_t at)
{
	while (at + 12 <= s->n && s->bytes[at] == 2 && s->bytes[at + 1] == 0) {
		const uint8_t *p = s->bytes + at;
		bool is_long = memcmp(p + 4, "OB", 2) == 0;
		size_t n = is_long ? (size_t)(p[8] | p[9] << 8) :
				     (size_t)(p[6] | p[7] << 8);
		size_t head = is_long ? 12 : 8;
		if (head + n > s->n - at)
			break;
		if (p[2] == 0x10 && p[3] == 0)
			(void)uid_copy(s->syntax, p + head, n);
		at += head + n;
	}
	return at;
}

static inline bool
sample_read(struct sample *s, const char *path)
{
	*s = (struct sample){.bytes = NULL};
	FILE *f = fopen(path, "rb");
	struct stat st;
	if (f == NULL || fstat(fileno(f), &st) == -1)
		return false;
	s->n = (size_t)st.st_size;
	s->bytes = mem_new_n(uint8_t, s->n + 1);
	bool ok = fread(s->bytes, 1, s->n, f) == s->n;
	(void)fclose(f); /* only read */
	bool has_preamble = s->n > 132 &&
	    memcmp(s->bytes + 128, "DICM", 4) == 0;
	s->set = sample_meta(s, has_preamble ? 132 : 0);
	/* without a meta header: two capitals behind a tag are a VR */
	if (s->syntax[0] == '\0' && s->n > s->set + 6 &&
	    (s->bytes[s->set + 4] < 'A' || s->bytes[s->set + 4] > 'Z'))
		(void)str_copy(s->syntax, sizeof(s->syntax),
		    SYNTAX_IMPLICIT_LE);
	return ok;
}

static inline void
sample_done(struct sample *s)
{
	mem_free(s->bytes);
	s->bytes = NULL;
}

/* Every file below ${name}; returns how many. */
static inline unsigned
sample_each(const char *name, sample_fn *fn, void *ctx)
{
	char top[512];
	char *roots[] = {top, NULL};
	unsigned n = 0;
	sample_path(top, sizeof(top), name);
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	for (FTSENT *f = fts_read(fts); f != NULL; f = fts_read(fts)) {
		struct sample s;
		if (f->fts_info != FTS_F || !sample_read(&s, f->fts_path))
			continue;
		fn(ctx, f->fts_path, &s);
		sample_done(&s);
		n++;
	}
	(void)fts_close(fts); /* only read */
	return n;
}

#endif
