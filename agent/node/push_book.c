/* SPDX-License-Identifier: MIT */
/* Which study is due to a viewer, and what follows from a push: pure. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "node/push_priv.h"

#define AHEAD_S (366 * 86400) /* pins tell how far ahead a case counts */
#define RETRY_MAX_S 600

/* seconds between two questions after all was sent: OsiriX imports in
 * batches, every three seconds or more (viewers.md 2) */
static const int confirm_s[PUSH_CONFIRMS_MAX] = {2, 3, 5, 10, 20, 30};

void
push_book_done(struct push_book *b)
{
	mem_free(b->entries);
	*b = (struct push_book){.n = 0};
}

/* Where ${uid} stands, or would stand: entries are sorted. */
static unsigned
place(const struct push_book *b, const char *uid)
{
	unsigned from = 0, to = b->n;
	while (from < to) {
		unsigned mid = from + (to - from) / 2;
		if (strcmp(b->entries[mid].uid, uid) < 0)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

static struct push_entry *
find(const struct push_book *b, const char *uid)
{
	unsigned at = place(b, uid);
	return at < b->n && str_eq(b->entries[at].uid, uid) ?
	    &b->entries[at] : NULL;
}

void
push_book_sync(struct push_book *b, const struct board *board)
{
	unsigned n = 0;
	for (unsigned i = 0; i < b->n; i++) {
		const struct push_entry *en = &b->entries[i];
		const struct board_study *s = board_study(board, en->uid);
		if (s != NULL && s->state == STUDY_READY &&
		    s->instances == en->instances)
			b->entries[n++] = *en;
	}
	b->n = n;
}

/* Whether ${s} may be pushed now; else ${next} is brought forward to when. */
static bool
is_due(const struct push_book *b, const struct board_study *s,
    int64_t now_ns, int64_t *next)
{
	const struct push_entry *en = find(b, s->uid);
	if (en != NULL && en->state == PUSH_DONE)
		return false;
	int64_t at = en != NULL ? en->next_ns : 0;
	if (at < b->next_ns)
		at = b->next_ns;
	if (at <= now_ns)
		return true;
	if (*next == 0 || at < *next)
		*next = at;
	return false;
}

static const struct board_study *
newest_due(const struct push_book *b, const struct board *board,
    const struct board_case *c, int64_t now_ns, int64_t *next)
{
	const struct board_study *best = NULL;
	for (unsigned i = 0; i < c->n_wants; i++) {
		if (c->wants[i].kind != WANT_YES)
			continue;
		const struct board_study *s = board_study(board,
		    c->wants[i].study_uid);
		if (s == NULL || s->state != STUDY_READY || s->n_cases == 0 ||
		    !is_due(b, s, now_ns, next))
			continue;
		if (best == NULL || strcmp(s->date, best->date) > 0)
			best = s;
	}
	return best;
}

const struct board_study *
push_book_next(const struct push_book *b, const struct board *board,
    int64_t now_utc, int64_t now_ns, int64_t *ret_next_ns)
{
	*ret_next_ns = 0;
	for (unsigned i = 0; i < board_n_cases(board); i++) {
		const struct board_case *c = board_case_at(board, i);
		if (c->readiness != READINESS_READY ||
		    !board_case_is_current(c, now_utc, AHEAD_S))
			continue;
		const struct board_study *s = newest_due(b, board, c, now_ns,
		    ret_next_ns);
		if (s != NULL)
			return s;
	}
	return NULL;
}

static struct push_entry *
add(struct push_book *b, const struct board_study *s)
{
	unsigned at = place(b, s->uid);
	if (b->n == b->cap) {
		b->cap = b->cap == 0 ? 16 : 2 * b->cap;
		b->entries = mem_grow(b->entries, b->cap,
		    sizeof(b->entries[0]));
	}
	memmove(&b->entries[at + 1], &b->entries[at],
	    (b->n - at) * sizeof(b->entries[0]));
	b->n++;
	struct push_entry *en = &b->entries[at];
	*en = (struct push_entry){.instances = s->instances};
	(void)str_copy(en->uid, UID_SIZE, s->uid); /* one size */
	return en;
}

bool
push_book_begin(struct push_book *b, const struct board_study *s)
{
	struct push_entry *en = find(b, s->uid);
	if (en == NULL)
		en = add(b, s);
	en->state = PUSH_NOW;
	return en->confirm;
}

static int64_t
wait_ns(unsigned tries)
{
	int64_t s = 60;
	for (unsigned i = 1; i < tries && s < RETRY_MAX_S; i++)
		s *= 2;
	return (s < RETRY_MAX_S ? s : RETRY_MAX_S) * CLOCK_S;
}

static void
fail(struct push_entry *en, int64_t now_ns)
{
	en->state = PUSH_FAILED;
	en->confirm = false;
	en->tries++;
	en->next_ns = now_ns + wait_ns(en->tries);
}

static void
finish(struct push_entry *en, const char *reason)
{
	en->state = PUSH_DONE;
	en->confirm = false;
	en->tries = 0;
	(void)str_copy(en->reason, sizeof(en->reason), reason);
}

/* "the viewer took 310 of 312: 2 of a class it does not take, 1 refused" */
static void
tell_lacking(struct push_entry *en, const struct push_result *r,
    unsigned lacking)
{
	char classes[64] = "", refused[280] = "";
	if (en->unaccepted > 0)
		(void)snprintf(classes, sizeof(classes),
		    "%u of a class it does not take", en->unaccepted);
	if (r->refused > 0) /* ${r}->e: over which it last broke off */
		(void)snprintf(refused, sizeof(refused), "%u refused%s%s",
		    r->refused, r->e.msg[0] != '\0' ? ": " : "", r->e.msg);
	else if (r->answers && lacking > en->unaccepted)
		(void)snprintf(refused, sizeof(refused),
		    "%u taken, but it does not list them",
		    lacking - en->unaccepted);
	(void)snprintf(en->reason, sizeof(en->reason),
	    "the viewer %s %u of %u: %s%s%s", r->answers ? "has" : "took",
	    en->in_viewer, r->listed, classes,
	    classes[0] != '\0' && refused[0] != '\0' ? ", " : "", refused);
}

/* Some lack: still on their way in, refused, or never to be taken. */
static void
judge_lacking(struct push_entry *en, const struct push_result *r,
    int64_t now_ns)
{
	unsigned lacking = r->listed - en->in_viewer;
	bool classes_only = lacking <= en->unaccepted;
	if (r->answers && r->refused == 0 && !classes_only &&
	    en->confirms < PUSH_CONFIRMS_MAX) {
		en->state = PUSH_NOW;
		en->confirm = true;
		en->next_ns = now_ns + confirm_s[en->confirms++] * CLOCK_S;
		(void)snprintf(en->reason, sizeof(en->reason),
		    "all was sent; the viewer lists %u of %u so far",
		    en->in_viewer, r->listed);
		return;
	}
	tell_lacking(en, r, lacking);
	fail(en, now_ns);
	if (classes_only)
		en->next_ns = now_ns + PUSH_CLASSES_NS;
}

static void
judge(struct push_entry *en, const struct push_result *r, int64_t now_ns)
{
	if (!en->confirm) {
		en->unaccepted = r->unaccepted;
		en->confirms = 0;
	}
	if (r->answers || r->sent > 0 || !r->failed)
		en->in_viewer = r->answers ? r->has : r->sent;
	if (r->failed) {
		(void)str_copy(en->reason, sizeof(en->reason), r->e.msg);
		fail(en, now_ns);
	} else if (r->listed != en->instances) {
		(void)snprintf(en->reason, sizeof(en->reason),
		    "the cache has %u of %u", r->listed, en->instances);
		fail(en, now_ns);
	} else if (en->in_viewer < r->listed) {
		judge_lacking(en, r, now_ns);
	} else {
		finish(en, r->answers ? "" : "the viewer does not answer "
		    "queries: by its C-STORE answers");
	}
}

void
push_book_end(struct push_book *b, const char *uid,
    const struct push_result *r, int64_t now_ns)
{
	struct push_entry *en = find(b, uid);
	if (r->unreachable) {
		b->tries++;
		b->next_ns = now_ns + wait_ns(b->tries);
	} else if (r->ran) {
		b->tries = 0;
		b->next_ns = 0;
	}
	if (en == NULL)
		return; /* the study has changed meanwhile */
	if (!r->ran) {
		en->state = PUSH_NONE;
	} else if (r->unreachable) {
		/* what the viewer had it still has, as far as we know */
		en->state = PUSH_FAILED;
		(void)snprintf(en->reason, sizeof(en->reason),
		    "the viewer cannot be reached: %s", r->e.msg);
	} else {
		judge(en, r, now_ns);
	}
}

void
push_book_up(struct push_book *b)
{
	b->tries = 0;
	b->next_ns = 0;
	for (unsigned i = 0; i < b->n; i++)
		if (b->entries[i].state == PUSH_FAILED)
			b->entries[i].next_ns = 0;
}

/* The further one is from done, the more it speaks for the study. */
static unsigned
rank(enum push_state s)
{
	static const unsigned ranks[] = {[PUSH_DONE] = 0, [PUSH_NONE] = 1,
		[PUSH_NOW] = 2, [PUSH_FAILED] = 3};
	return ranks[s];
}

/* ${b} says nothing of a study that it has not begun. */
static struct push_entry
entry_of(const struct push_book *b, const char *uid)
{
	const struct push_entry *en = find(b, uid);
	return en != NULL ? *en : (struct push_entry){.state = PUSH_NONE};
}

bool
push_book_show(const struct push_book *books, unsigned n, struct board *board)
{
	bool changed = false;
	for (unsigned i = 0; i < board_n_studies(board) && n > 0; i++) {
		struct board_study *s = board_study_at(board, i);
		struct push_entry worst = entry_of(&books[0], s->uid);
		for (unsigned k = 1; k < n; k++) {
			struct push_entry en = entry_of(&books[k], s->uid);
			if (rank(en.state) > rank(worst.state) ||
			    (en.state == worst.state &&
			        en.in_viewer < worst.in_viewer))
				worst = en;
		}
		if (s->push == worst.state &&
		    s->in_viewer == worst.in_viewer &&
		    str_eq(s->push_reason, worst.reason))
			continue;
		s->push = worst.state;
		s->in_viewer = worst.in_viewer;
		memcpy(s->push_reason, worst.reason, sizeof(worst.reason));
		changed = true;
	}
	return changed;
}
