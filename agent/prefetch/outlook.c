/* SPDX-License-Identifier: MIT */
/* How fast the archives send, and so what will be late. */
#include <sys/random.h>

#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/forecast.h"
#include "prefetch/prefetch_priv.h"

#define HALF_LIFE_NS (60 * CLOCK_S) /* of what was measured, in transfer time */
#define MEASURED_BYTES (UINT64_C(1) << 20) /* less says nothing */

void
outlook_begin(struct fetch *f, const struct board_study *s)
{
	f->had_bytes = s->bytes;
	f->counted_ns = clock_uptime_ns();
}

/* What came since the last time, and the time it took, on both of which the
 * past weighs ever less. What was here before does not count: the retrieval
 * tells it again as it finds it. The asking before the first object counts:
 * it is part of how long a study takes. */
void
outlook_count(struct prefetch *p, struct fetch *f)
{
	struct pace *pace = &p->pace[f->archive];
	uint64_t here = atomic_load(&f->ticket.bytes);
	uint64_t came = here > f->had_bytes ? here - f->had_bytes : 0;
	int64_t now = clock_uptime_ns();
	int64_t took = now - f->counted_ns;
	if (f->counted_ns == 0 || took <= 0 || (f->check && came == 0))
		return; /* a check that finds no difference moves nothing */
	double stays = (double)HALF_LIFE_NS / (double)(HALF_LIFE_NS + took);
	pace->bytes = pace->bytes * stays + (double)came;
	pace->ns = pace->ns * stays + (double)took;
	f->had_bytes += came;
	f->counted_ns = now;
}

uint64_t
outlook_rate(const struct prefetch *p, unsigned archive)
{
	const struct pace *pace = &p->pace[archive];
	if (pace->bytes < (double)MEASURED_BYTES || pace->ns <= 0)
		return 0;
	return (uint64_t)(pace->bytes * (double)CLOCK_S / pace->ns);
}

/* What the log calls a case: nothing of a patient, and equal only while the
 * agent runs. */
static void
name_case(struct prefetch *p, const struct board_case *c, char dst[9])
{
	uint8_t mac[EVP_MAX_MD_SIZE] = {0};
	unsigned n = 0;
	if (!p->has_key) /* without entropy the key is zeros: still no name */
		p->has_key = getentropy(p->key, sizeof(p->key)) == 0;
	(void)HMAC(EVP_sha256(), p->key, sizeof(p->key),
	    (const unsigned char *)c->file.id, strlen(c->file.id), mac,
	    &n); /* when it fails the name is zeros */
	str_hex(dst, mac, 4);
}

static void
tell_late(struct prefetch *p, const struct board_case *c)
{
	char start[24], done[24] = "unknown", name[9], bytes[24];
	if (c->done_utc != 0)
		(void)clock_format_utc(done, sizeof(done), c->done_utc);
	name_case(p, c, name);
	log_warn("prefetch.case.late", "case=%s start=%s to_go='%s' done=%s "
	    "action=told_in_status", name,
	    clock_format_utc(start, sizeof(start), c->file.start_utc),
	    str_bytes(bytes, sizeof(bytes), c->to_go), done);
}

static void
fill_forecast(struct prefetch *p, struct forecast *f)
{
	f->ceiling = p->c.bandwidth;
	f->n_archives = p->c.n_archives;
	for (unsigned i = 0; i < p->c.n_archives; i++) {
		const struct prefetch_archive *a = &p->c.archives[i];
		unsigned lanes = p->health[i].allowed;
		bool one_less = p->c.read_through && lanes > 1;
		f->archives[i] = (struct forecast_archive){
		    .name = a->name,
		    .rate = outlook_rate(p, i),
		    .ceiling = a->bandwidth,
		    .lanes = lanes - one_less,
		    .down = p->health[i].state == ARCHIVE_DOWN,
		};
	}
}

void
outlook_look(struct prefetch *p, const struct plan_step *steps, unsigned n,
    int64_t now_utc, int minute_of_day)
{
	struct forecast f = {.rules = &p->c.plan, .now_utc = now_utc,
	    .minute_of_day = minute_of_day};
	unsigned n_cases = board_n_cases(p->board);
	bool *was_late = mem_new_n(bool, n_cases + 1);
	fill_forecast(p, &f);
	for (unsigned i = 0; i < n_cases; i++)
		was_late[i] = board_case_at(p->board, i)->late;
	if (forecast_make(p->board, &f, steps, n))
		board_changed(p->board);
	for (unsigned i = 0; i < n_cases; i++) {
		const struct board_case *c = board_case_at(p->board, i);
		if (c->late && !was_late[i])
			tell_late(p, c);
	}
	mem_free(was_late);
}
