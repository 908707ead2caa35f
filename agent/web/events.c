/* SPDX-License-Identifier: MIT */
/* One server-sent event: all that the page shows, at one moment. */
#include "web_priv.h"

void
events_write(const struct web_desk *d, struct buf *b)
{
	struct web_facts f = {0};
	d->ports->facts(d->ports->ctx, &f);
	json_t *o = json_object();
	put_int(o, "version", (int64_t)board_version(d->board));
	put_new(o, "status", report_status(d, &f));
	put_new(o, "cases", listing_cases(d, false));
	/* a browser that lost us asks again after 2 s */
	buf_add_str(b, "retry: 2000\ndata: ");
	put_text(b, o); /* one line: JSON escapes every line feed */
	buf_add_str(b, "\n");
}
