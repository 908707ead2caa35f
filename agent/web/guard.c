/* SPDX-License-Identifier: MIT */
/* Who may ask: the names under which a browser may know us. */
#include <arpa/inet.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "web_priv.h"

void
guard_init(struct guard *g, const char *listen_host)
{
	*g = (struct guard){.any = str_eq(listen_host, "0.0.0.0") ||
	    str_eq(listen_host, "::")};
	(void)snprintf(g->listen, sizeof(g->listen),
	    strchr(listen_host, ':') != NULL ? "[%s]" : "%s", listen_host);
	if (g->any && gethostname(g->name, sizeof(g->name) - 1) != 0)
		g->name[0] = '\0';
	g->name[strcspn(g->name, ".")] = '\0';
}

/* Length of the host in "host[:port]", 0 when it is not of that form. */
static size_t
host_length(const char *s)
{
	size_t n = strcspn(s, ":");
	if (s[0] == '[') {
		n = strcspn(s, "]");
		if (s[n] != ']')
			return 0;
		n++;
	}
	if (s[n] == '\0')
		return n;
	size_t digits = strspn(s + n + 1, "0123456789");
	bool whole = s[n] == ':' && s[n + 1 + digits] == '\0';
	return whole && digits <= 5 ? n : 0;
}

/* A number cannot be another site's name. */
static bool
is_numeric(const char *host)
{
	unsigned char a[16];
	char bare[80];
	size_t n = strlen(host);
	if (host[0] != '[')
		return inet_pton(AF_INET, host, a) == 1;
	return str_copy_n(bare, sizeof(bare), host + 1, n - 2) &&
	    inet_pton(AF_INET6, bare, a) == 1;
}

static bool
is_own_name(const struct guard *g, const char *host)
{
	size_t n = strlen(g->name);
	char head[256];
	return n > 0 && str_copy_n(head, sizeof(head), host, strlen(host) < n ?
	    strlen(host) : n) && str_eq_nocase(head, g->name) &&
	    (host[n] == '\0' || str_eq_nocase(host + n, ".local"));
}

bool
guard_host_is_ours(const struct guard *g, const char *host)
{
	static const char *const local[] = {"localhost", "127.0.0.1", "[::1]"};
	char name[256];
	if (host == NULL)
		return false;
	size_t n = host_length(host);
	if (n == 0 || !str_copy_n(name, sizeof(name), host, n))
		return false;
	for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++)
		if (str_eq_nocase(name, local[i]))
			return true;
	if (str_eq_nocase(name, g->listen))
		return true;
	return g->any && (is_numeric(name) || is_own_name(g, name));
}

bool
guard_origin_is_ours(const char *origin, const char *host)
{
	if (origin == NULL)
		return true;
	const char *at = strstr(origin, "://");
	bool web = str_starts(origin, "http://") ||
	    str_starts(origin, "https://");
	return web && host != NULL && str_eq_nocase(at + 3, host);
}
