/* SPDX-License-Identifier: MIT */
/* The parts of a multipart body, found in whatever pieces it comes. */
#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "wire/multipart.h"

#define HEAD_MAX 8192 /* bytes of a part's head, or before the first part */

/* A parameter of a media type, unquoted (RFC 2045 5.1); false when it has
 * none, or a longer one. */
static bool
parameter(const char *type, const char *name, char *dst, size_t size)
{
	size_t n = strlen(name);
	for (const char *p = strchr(type, ';'); p != NULL;
	    p = strchr(p, ';')) {
		p++;
		p += strspn(p, " \t");
		if (strncasecmp(p, name, n) != 0 || p[n] != '=')
			continue;
		p += n + 1;
		bool quoted = *p == '"';
		p += quoted;
		size_t len = strcspn(p, quoted ? "\"" : "; \t");
		return len > 0 && len < size &&
		    str_copy_n(dst, size, p, len);
	}
	return false;
}

int
multipart_begin(struct multipart *m, const char *content_type,
    multipart_fn *fn, void *ctx, struct err *e)
{
	static const char kind[] = "multipart/";
	char boundary[MULTIPART_BOUNDARY_MAX + 1];
	char shown[120];
	if (strncasecmp(content_type, kind, sizeof(kind) - 1) != 0 ||
	    !parameter(content_type, "boundary", boundary,
	    sizeof(boundary)) || strpbrk(boundary, "\r\n") != NULL)
		return err_set(e, ERR_PEER, 0, "Content-Type: want multipart "
		    "with a boundary, have '%s'", str_escape(shown,
		    sizeof(shown), content_type, strlen(content_type)));
	/* the first delimiter needs no line before it */
	*m = (struct multipart){.fn = fn, .ctx = ctx, .matched = 2,
	    .state = MULTIPART_BEFORE};
	memcpy(m->delimiter, "\r\n--", 4);
	(void)str_copy(m->delimiter + 4, sizeof(m->delimiter) - 4,
	    boundary); /* it has room for it */
	m->delimiter_n = strlen(boundary) + 4;
	return 0;
}

bool
multipart_is_over(const struct multipart *m)
{
	return m->state == MULTIPART_OVER;
}

static int
give(struct multipart *m, const char *p, size_t n, struct err *e)
{
	if (n == 0)
		return 0;
	if (m->state == MULTIPART_BODY)
		return m->fn(m->ctx, MULTIPART_DATA, p, n, e);
	m->head_n += n;
	if (m->head_n > HEAD_MAX)
		return err_set(e, ERR_PEER, 0,
		    "its boundary is not in the body");
	return 0;
}

/* How many bytes were used, -1. Only the first character of a delimiter is
 * CR: what looked like one and is none has no other beginning in it. */
static ptrdiff_t
look_for_delimiter(struct multipart *m, const char *p, size_t n,
    struct err *e)
{
	if (m->matched == 0) {
		const char *cr = memchr(p, '\r', n);
		size_t k = cr == NULL ? n : (size_t)(cr - p);
		m->matched = cr != NULL;
		if (give(m, p, k, e) != 0)
			return -1;
		return (ptrdiff_t)(k + (cr != NULL));
	}
	if (*p == m->delimiter[m->matched]) {
		if (++m->matched < m->delimiter_n)
			return 1;
		bool was_part = m->state == MULTIPART_BODY;
		m->matched = 0;
		m->state = MULTIPART_AFTER;
		return was_part && m->fn(m->ctx, MULTIPART_END, NULL, 0,
		    e) != 0 ? -1 : 1;
	}
	size_t was = m->matched;
	m->matched = 0;
	return give(m, m->delimiter, was, e) == 0 ? 0 : -1;
}

/* Two hyphens, or blanks and the end of the line (RFC 2046 5.1.1). */
static int
after_delimiter(struct multipart *m, char c, struct err *e)
{
	if (c == '-' && m->state != MULTIPART_PADDING) {
		m->state = m->state == MULTIPART_AFTER ? MULTIPART_HYPHEN :
		    MULTIPART_OVER;
		return 0;
	}
	if (m->state == MULTIPART_HYPHEN ||
	    (c != ' ' && c != '\t' && c != '\r' && c != '\n'))
		return err_set(e, ERR_PEER, 0,
		    "a delimiter goes on with something else");
	m->state = MULTIPART_PADDING;
	if (c == '\n') {
		m->state = MULTIPART_HEAD;
		m->head_n = 0;
		m->line_is_empty = true;
	}
	return 0;
}

/* What a part says of itself does not matter: its file says it better. */
static int
in_head(struct multipart *m, char c, struct err *e)
{
	if (++m->head_n > HEAD_MAX)
		return err_set(e, ERR_PEER, 0,
		    "the header of a part has no end");
	if (c == '\n' && m->line_is_empty) {
		m->state = MULTIPART_BODY;
		return m->fn(m->ctx, MULTIPART_BEGIN, NULL, 0, e);
	}
	if (c != '\r')
		m->line_is_empty = c == '\n';
	return 0;
}

int
multipart_feed(struct multipart *m, const char *p, size_t n, struct err *e)
{
	const char *at = p;
	const char *end = p + n;
	while (at < end && m->state != MULTIPART_OVER) {
		ptrdiff_t used = 1;
		switch (m->state) {
		case MULTIPART_BEFORE:
		case MULTIPART_BODY:
			used = look_for_delimiter(m, at, (size_t)(end - at),
			    e);
			break;
		case MULTIPART_AFTER:
		case MULTIPART_HYPHEN:
		case MULTIPART_PADDING:
			used = after_delimiter(m, *at, e) == 0 ? 1 : -1;
			break;
		case MULTIPART_HEAD:
			used = in_head(m, *at, e) == 0 ? 1 : -1;
			break;
		case MULTIPART_OVER:
			break;
		}
		if (used < 0)
			return -1;
		at += used;
	}
	return 0;
}
