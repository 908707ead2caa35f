/* SPDX-License-Identifier: MIT */
/* What the keys of the configuration must be to each other. */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "main/conf_priv.h"

/* sun_path is 104 bytes on macOS, and temporary names take a few */
#define SOCKET_PATH_MAX 100
#define OSIRIX_PORT 11112 /* two listeners of one port: OsiriX loses silently */

static bool
is_loopback(const char *host)
{
	return str_eq_nocase(host, "localhost") || str_starts(host, "127.") ||
	    str_eq(host, "::1");
}

static bool
is_any(const char *host)
{
	return str_eq(host, "0.0.0.0") || str_eq(host, "::");
}

static void
check_paths(struct conf_reader *r)
{
	struct conf *c = r->c;
	size_t n = strlen(c->state_dir) + strlen("/control.sock");
	if (n > SOCKET_PATH_MAX)
		conf_fault(r, conf_line_of(r, CONF_AGENT, "state_dir"),
		    "state_dir",
		    "want at most %d bytes with /control.sock, have %zu",
		    SOCKET_PATH_MAX, n);
	if (c->cache_path[0] != '\0')
		return;
	int k = snprintf(c->cache_path, sizeof(c->cache_path), "%s/cache",
	    c->state_dir);
	if (k < 0 || (size_t)k >= sizeof(c->cache_path))
		conf_fault(r, conf_line_of(r, CONF_CACHE, "path"), "path",
		    "want a shorter state_dir, have %zu bytes",
		    strlen(c->state_dir));
}

static bool
is_given(const struct conf_reader *r, enum conf_section_id s, const char *key)
{
	return r->seen[conf_table_key(&conf_sections[s], key) - conf_keys] != 0;
}

/* The section told is one whose port the file gives: a person must find it
 * on that line. */
static void
check_ports(struct conf_reader *r)
{
	const struct conf *c = r->c;
	unsigned line = conf_line_of(r, CONF_NODE, "listen");
	if (c->node.port == OSIRIX_PORT)
		conf_fault(r, line, "listen", "want a port in [node] that is "
		    "not OsiriX's own, have '%d'", OSIRIX_PORT);
	for (unsigned i = 0; i < c->n_viewers; i++) {
		const struct conf_viewer *v = &c->viewers[i];
		if (v->port == c->node.port && v->port != OSIRIX_PORT &&
		    is_loopback(v->host)) /* so it is not the default */
			conf_fault(r, r->viewer_line[i], "port", "want a port "
			    "in [viewer \"%s\"] that is not that of [node], "
			    "have '%u'", v->name, (unsigned)v->port);
	}
	bool web = is_given(r, CONF_WEB, "listen");
	if (c->web.port == c->node.port &&
	    (str_eq(c->web.host, c->node.host) || is_any(c->web.host) ||
	        is_any(c->node.host)))
		conf_fault(r, web ? conf_line_of(r, CONF_WEB, "listen") : line,
		    "listen", "want a port in [%s] that is not that of [%s], "
		    "have '%u'", web ? "web" : "node", web ? "node" : "web",
		    (unsigned)c->web.port);
	if (!is_loopback(c->web.host))
		conf_warn(r, conf_line_of(r, CONF_WEB, "listen"), "listen",
		    "not a loopback address: whoever reaches it may read and "
		    "change everything");
}

/* Stable: archives of one rank are asked in the order of the file. */
static void
sort_archives(struct conf *c)
{
	for (unsigned i = 1; i < c->n_archives; i++)
		for (unsigned j = i; j > 0; j--) {
			struct conf_archive *a = &c->archives[j - 1];
			if (a[0].rank <= a[1].rank)
				break;
			struct conf_archive swap = a[0];
			a[0] = a[1];
			a[1] = swap;
		}
}

/* "Theatre 6" in quotes is another name than without, and matches no room. */
static void
check_theatre(struct conf_reader *r)
{
	const char *s = r->c->theatre;
	size_t n = strlen(s);
	if (strchr(s, '"') != NULL ||
	    (n > 1 && s[0] == '\'' && s[n - 1] == '\''))
		conf_warn(r, conf_line_of(r, CONF_AGENT, "theatre"), "theatre",
		    "the quotes are taken for a part of the name; write it "
		    "without");
}

/* One place must stay for callers from elsewhere, or nobody there is ever
 * answered. */
static void
check_places(struct conf_reader *r)
{
	struct conf *c = r->c;
	unsigned most = c->max_associations > 0 ? c->max_associations - 1 : 0;
	if (c->limits.local_places <= most)
		return;
	if (is_given(r, CONF_NODE, "local_places"))
		conf_fault(r, conf_line_of(r, CONF_NODE, "local_places"),
		    "local_places", "want less than max_associations, %u, "
		    "have '%u'", c->max_associations, c->limits.local_places);
	c->limits.local_places = most;
}

/* Before they are sorted: lines are those of the file's order. */
static void
check_archives(struct conf_reader *r)
{
	for (unsigned i = 0; i < r->c->n_archives; i++) {
		const struct conf_archive *a = &r->c->archives[i];
		if (a->retrieve == CONF_WADO_RS && a->dicomweb[0] == '\0')
			conf_fault(r, r->archive_line[i], "dicomweb",
			    "want its address in [archive \"%s\"] for "
			    "retrieve = wado-rs, have none", a->name);
	}
}

void
conf_check(struct conf_reader *r)
{
	struct conf *c = r->c;
	check_paths(r);
	check_ports(r);
	check_places(r);
	check_theatre(r);
	check_archives(r);
	if (c->cache_low > c->cache_high)
		conf_fault(r, conf_line_of(r, CONF_CACHE, "low"), "low",
		    "want at most high, %u, have '%u'", c->cache_high,
		    c->cache_low);
	if (c->urgent_s > c->horizon_s)
		conf_fault(r, conf_line_of(r, CONF_PREFETCH, "urgent"),
		    "urgent", "want at most horizon, %lld s, have %lld s",
		    (long long)c->horizon_s, (long long)c->urgent_s);
	if (c->n_archives == 0)
		conf_warn(r, 1, "[archive]",
		    "none is named: nothing can be fetched");
	if (c->n_schedules == 0)
		conf_warn(r, 1, "[schedule]",
		    "none is named: no case will be known");
	sort_archives(c);
}
