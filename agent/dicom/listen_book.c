/* SPDX-License-Identifier: MIT */
/* The visitors' book of a DICOM port. */
#include <assert.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/stats.h"
#include "base/str.h"
#include "dicom/listen_book.h"

/* FNV-1a, 64 bits. */
static uint64_t
digest(const char *peer, const char *calling)
{
	char host[SOCK_ADDR_SIZE];
	const char *const parts[] = {host, "/", calling};
	uint64_t h = UINT64_C(0xCBF29CE484222325);
	sock_host_of(peer, host);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		for (const char *p = parts[i]; *p != '\0'; p++)
			h = (h ^ (uint8_t)*p) * UINT64_C(0x100000001B3);
	return h;
}

unsigned
book_count_recent(const struct book *b, const char *peer, const char *calling)
{
	unsigned n = 0;
	uint64_t who = digest(peer, calling);
	int64_t from = clock_uptime_ns() - CLOCK_S;
	for (unsigned i = 1; i <= LISTEN_RECENT_MAX && i <= b->n_recent; i++) {
		const struct book_recent *r =
		    &b->recent[(b->n_recent - i) % LISTEN_RECENT_MAX];
		if (r->at_ns < from)
			break;
		n += r->who == who;
	}
	return n;
}

void
book_add(struct book *b, const struct assoc *a)
{
	if (b->n == b->room) {
		b->room = b->room == 0 ? 32 : 2 * b->room;
		b->open = mem_grow(b->open, b->room, sizeof(*b->open));
		b->whose = mem_grow(b->whose, b->room, sizeof(*b->whose));
	}
	struct listen_open *o = &b->open[b->n];
	sock_host_of(a->peer, o->host);
	(void)str_copy(o->calling, AE_SIZE, a->agreed.calling); /* it fits */
	o->local = a->local;
	b->whose[b->n++] = a;
	b->recent[b->n_recent++ % LISTEN_RECENT_MAX] = (struct book_recent){
	    .who = digest(a->peer, a->agreed.calling),
	    .at_ns = clock_uptime_ns()};
	stats_add(STAT_ASSOCIATIONS, 1);
	stats_add(STAT_ASSOCIATIONS_NOW, 1);
}

void
book_remove(struct book *b, const struct assoc *a)
{
	unsigned i = 0;
	while (i < b->n && b->whose[i] != a)
		i++;
	assert(i < b->n);
	b->n--;
	b->open[i] = b->open[b->n];
	b->whose[i] = b->whose[b->n];
	stats_add(STAT_ASSOCIATIONS_NOW, -1);
}

void
book_done(struct book *b)
{
	mem_free(b->open);
	mem_free(b->whose);
	*b = (struct book){0};
}
