/* SPDX-License-Identifier: MIT */
/* setup: what to enter in the viewer, by hand or by its preferences. */
#include <inttypes.h>
#include <string.h>

#include "base/str.h"
#include "main/command.h"

#define VIEWER_PORT 11112 /* OsiriX's and Horos' own, unless changed */
#define WEB_PORT 8113 /* of an agent that does not tell */

static const struct app {
	const char *name, *title, *domain;
} apps[] = {
	{"horos", "Horos", "org.horosproject.horos"},
	{"osirix", "OsiriX (open source)", "com.opensource.osirix"},
	{"osirix-md", "OsiriX MD or Lite", "com.rossix.osirix"},
};
#define N_APPS (sizeof(apps) / sizeof(apps[0]))

struct facts {
	char host[80], ae_title[17];
	int64_t port, web_port;
	char clash[80]; /* whose listener has our port; "" = nobody's */
};

/* "127.0.0.1:11113", "[::1]:11113". */
static void
split(const char *address, char *host, size_t size, int64_t *port)
{
	const char *colon = strrchr(address, ':');
	size_t n = colon == NULL ? strlen(address) :
	    (size_t)(colon - address);
	if (n > 1 && address[0] == '[' && address[n - 1] == ']') {
		address++;
		n -= 2;
	}
	(void)str_copy_n(host, size, address, n); /* a cut is no address */
	if (colon != NULL)
		(void)str_to_i64(colon + 1, 1, 65535, port);
}

static void
find_clash(struct facts *f, const json_t *status)
{
	const json_t *v;
	size_t i;
	if (f->port == VIEWER_PORT)
		(void)str_copy(f->clash, sizeof(f->clash),
		    "OsiriX and Horos themselves, unless told otherwise,");
	json_array_foreach(json_object_get(status, "viewers"), i, v) {
		char host[80];
		int64_t port = 0;
		split(get_str(v, "address"), host, sizeof(host), &port);
		if (port == f->port)
			(void)snprintf(f->clash, sizeof(f->clash),
			    "[viewer \"%.40s\"]", get_str(v, "name"));
	}
}

static void
read_facts(struct facts *f, const json_t *status)
{
	const json_t *node = json_object_get(status, "node");
	const json_t *web = json_object_get(status, "web");
	char web_host[80];
	*f = (struct facts){.web_port = WEB_PORT};
	split(get_str(node, "address"), f->host, sizeof(f->host), &f->port);
	split(get_str(web, "address"), web_host, sizeof(web_host),
	    &f->web_port);
	(void)str_copy(f->ae_title, sizeof(f->ae_title),
	    get_str(node, "ae_title")); /* 16 at most */
	find_clash(f, status);
}

/* ${s} within the quotes of a property list, within those of the shell. */
static void
add_quoted(struct buf *b, const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s == '\'')
			buf_add_str(b, "'\\''");
		else if (*s == '"' || *s == '\\')
			buf_addf(b, "\\%c", *s);
		else
			buf_add(b, s, 1);
	}
}

/* The lines for a terminal: viewers.md would say why each key is there; all
 * four of the second are needed, and the third lets osirix:// open. */
static void
add_commands(struct buf *b, const struct facts *f, const char *domain)
{
	struct buf ae;
	buf_init(&ae, 128);
	add_quoted(&ae, f->ae_title);
	buf_addf(b, "N='{ Activated=1; Address=\"%s\"; Port=%" PRId64 "; "
	    "AETitle=\"%s\"; Description=Understudy; QR=1; Send=0; "
	    "TransferSyntax=0; retrieveMode=0; WADOPort=%" PRId64 "; "
	    "WADOUrl=wado; WADOhttps=0; WADOTransferSyntax=\"-1\"; "
	    "TLSEnabled=0; TLSAuthenticated=0; Type=DICOM; }'\n",
	    f->host, f->port, buf_str(&ae), f->web_port);
	buf_addf(b, "D=%s\n", domain);
	buf_add_str(b, "defaults write $D SERVERS -array-add \"$N\"\n");
	buf_addf(b, "defaults write $D comparativeSearchDICOMNodes "
	    "-array-add '{ activated=1; name=Understudy; AETitle=\"%s\"; "
	    "AddressAndPort=\"%s:%" PRId64 "\"; server='\"$N\"'; }'\n",
	    buf_str(&ae), f->host, f->port);
	buf_add_str(b, "for k in searchForComparativeStudiesOnDICOMNodes "
	    "PACSOnDemandForSearchField XMLRPCWithPOD httpXMLRPCServer "
	    "preferStudyWithMoreImages "
	    "bringOsiriXToFrontAfterReceivingMessage; do "
	    "defaults write $D $k -bool YES; done\n");
	buf_add_str(b, "defaults write $D CloseAllWindowsBeforeXMLRPCOpen "
	    "-bool NO\n");
	buf_done(&ae);
}

static void
warn(struct command *c, const struct facts *f)
{
	if (f->clash[0] == '\0')
		return;
	term_printf(c, PAINT_RED, "Warning: %s listens on port %" PRId64
	    " as well.\n", f->clash, f->port);
	term_printf(c, PAINT_RED, "Of two listeners on one port the viewer "
	    "loses, and it asks no node on its own\n");
	term_printf(c, PAINT_RED, "port. Give [node] listen another one.\n");
	term_printf(c, PAINT_NONE, "\n");
}

static void
print_hand(struct command *c, const struct facts *f)
{
	term_printf(c, PAINT_BOLD,
	    "By hand: Preferences > Locations > DICOM Nodes > Add\n");
	term_printf(c, PAINT_NONE, "  Name      Understudy\n");
	term_printf(c, PAINT_NONE, "  Address   %s\n", f->host);
	term_printf(c, PAINT_NONE, "  Port      %" PRId64 "\n", f->port);
	term_printf(c, PAINT_NONE, "  AE title  %s\n", f->ae_title);
	term_printf(c, PAINT_NONE, "  Retrieve  C-MOVE\n");
	term_printf(c, PAINT_NONE, "\n");
}

/* The commands go out as they are, to be pasted: but for control characters,
 * which an AE title and an address never have. */
static void
print_commands(struct command *c, const struct app *app, struct buf *b)
{
	term_printf(c, PAINT_BOLD, "Or quit %s and paste this into a "
	    "terminal, once,\n", app->title);
	term_printf(c, PAINT_BOLD, "as the person who uses it:\n");
	term_printf(c, PAINT_NONE, "\n");
	for (const char *s = buf_str(b); *s != '\0'; s++) {
		unsigned char ch = (unsigned char)*s;
		if (ch == '\n' || (ch >= 0x20 && ch < 0x7F))
			(void)fputc(ch, c->out); /* see command_run */
	}
	term_printf(c, PAINT_NONE, "\n");
	if (c->app != NULL)
		return;
	term_printf(c, PAINT_DIM, "This was for Horos. For others: --app ");
	for (size_t i = 1; i < N_APPS; i++)
		term_printf(c, PAINT_DIM, "%s%s (%s)", i > 1 ? ", " : "",
		    apps[i].name, apps[i].title);
	term_printf(c, PAINT_NONE, "\n");
}

static void
put(json_t *o, const char *key, json_t *take)
{
	(void)json_object_set_new(o, key, take); /* else it is not printed */
}

static void
print_json(struct command *c, const struct facts *f, const struct app *app,
    struct buf *b)
{
	json_t *o = json_object();
	put(o, "name", json_string("Understudy"));
	put(o, "address", json_string(f->host));
	put(o, "port", json_integer(f->port));
	put(o, "ae_title", json_string(f->ae_title));
	put(o, "retrieve", json_string("C-MOVE"));
	put(o, "web_port", json_integer(f->web_port));
	put(o, "app", json_string(app->name));
	put(o, "domain", json_string(app->domain));
	put(o, "port_taken_by", json_string(f->clash));
	put(o, "commands", json_string(buf_str(b)));
	(void)command_print_json(c, o); /* it was asked for */
	json_decref(o);
}

static const struct app *
find_app(const char *name)
{
	for (size_t i = 0; i < N_APPS; i++)
		if (name == NULL || str_eq(apps[i].name, name))
			return &apps[i];
	return NULL;
}

int
command_setup(struct command *c, const char *arg) /* command_fn */
{
	(void)arg; /* takes none */
	const struct app *app = find_app(c->app);
	struct facts f;
	struct buf b;
	if (app == NULL) {
		(void)command_fail_with(c,
		    "--app: want horos, osirix or osirix-md");
		return COMMAND_USAGE;
	}
	json_t *status = command_get(c, "/api/status", NULL);
	if (status == NULL)
		return COMMAND_FAILED;
	buf_init(&b, 16384);
	read_facts(&f, status);
	add_commands(&b, &f, app->domain);
	if (c->json) {
		print_json(c, &f, app, &b);
	} else {
		warn(c, &f);
		print_hand(c, &f);
		print_commands(c, app, &b);
	}
	buf_done(&b);
	json_decref(status);
	return COMMAND_DONE;
}
