/* SPDX-License-Identifier: MIT */
/* What must go, what goes by itself, and what does not fit at all. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "model/board_priv.h"
#include "model/room.h"

static uint64_t
less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static uint64_t
plus(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* what has been chosen to go */
struct going {
	uint64_t bytes, files;
};

static void
add_going(struct going *g, const struct board_study *s)
{
	g->bytes = plus(g->bytes, s->bytes);
	g->files += s->instances;
}

static struct going
already_going(const struct room *r)
{
	return (struct going){.bytes = r->leaving, .files = r->leaving_files};
}

static bool
has_files(const struct room *r, const struct going *g, uint64_t want)
{
	return plus(r->free_files, g->files) >= want;
}

/* Whether ${bytes} fit once ${g} has gone: into what is held, and onto the
 * disk. ${why} may be NULL. */
static bool
fits(const struct room *r, uint64_t bytes, const struct going *g, char *why,
    size_t size)
{
	char a[24], b[24];
	uint64_t stays = less(r->held, g->bytes);
	if (stays > r->size || bytes > r->size - stays) {
		(void)snprintf(why, size, "no room: %s held of %s allowed",
		    str_bytes(a, sizeof(a), stays),
		    str_bytes(b, sizeof(b), r->size));
		return false;
	}
	if (plus(r->free_bytes, g->bytes) < plus(r->reserve, bytes)) {
		(void)snprintf(why, size,
		    "disk full: %s free, %s are never used ([cache] reserve)",
		    str_bytes(a, sizeof(a), r->free_bytes),
		    str_bytes(b, sizeof(b), r->reserve));
		return false;
	}
	if (!has_files(r, g, ROOM_FILES_MIN)) {
		(void)snprintf(why, size, "disk full: it takes %llu more "
		    "files (inodes), %llu are never used",
		    (unsigned long long)r->free_files,
		    (unsigned long long)ROOM_FILES_MIN);
		return false;
	}
	return true;
}

bool
room_make(const struct board *b, const struct room *r, uint64_t bytes,
    int64_t before_utc, struct room_plan *ret)
{
	struct going g = already_going(r);
	struct evict_ask ask = {.who = before_utc == INT64_MAX ?
	    EVICT_FOR_ANY : EVICT_FOR_CASE, .before_utc = before_utc,
	    .in_use = r->in_use, .ctx = r->ctx};
	*ret = (struct room_plan){.n = 0};
	if (fits(r, bytes, &g, ret->why, sizeof(ret->why)))
		return true;
	unsigned n = evict_list(b, &ask, &ret->victims);
	while (ret->n < n && !fits(r, bytes, &g, ret->why, sizeof(ret->why)))
		add_going(&g, ret->victims[ret->n++]);
	if (fits(r, bytes, &g, ret->why, sizeof(ret->why)))
		return true;
	ret->n = 0; /* nothing goes for what would not fit all the same */
	return false;
}

/* ${percent} of the size, without overflow. */
static uint64_t
mark(const struct room *r, unsigned percent)
{
	return r->size / 100 * percent + r->size % 100 * percent / 100;
}

void
room_trim(const struct board *b, const struct room *r, struct room_plan *ret)
{
	struct going g = already_going(r);
	uint64_t stays = less(r->held, g.bytes);
	bool many = r->high > 0 && stays > mark(r, r->high);
	bool few_files = !has_files(r, &g, ROOM_FILES_MIN);
	/* only what does not fit is there beside what no case needs */
	struct evict_ask ask = {.who = stays > r->size ? EVICT_FOR_CASE :
	    EVICT_FOR_ANY, .before_utc = INT64_MAX, .in_use = r->in_use,
	    .ctx = r->ctx};
	*ret = (struct room_plan){.n = 0};
	if (!many && !few_files && stays <= r->size)
		return;
	unsigned n = evict_list(b, &ask, &ret->victims);
	for (; ret->n < n; ret->n++) {
		struct board_study *s = ret->victims[ret->n];
		uint64_t goal = s->n_cases == 0 && many ? mark(r, r->low) :
		    r->size;
		if (less(r->held, g.bytes) <= goal &&
		    has_files(r, &g, ROOM_FILES_MIN))
			break;
		add_going(&g, s);
	}
}

void
room_done(struct room_plan *p)
{
	mem_free(p->victims);
	p->victims = NULL;
	p->n = 0;
}
