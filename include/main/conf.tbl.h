/* SPDX-License-Identifier: MIT
 *
 * Every section and every key of the configuration file. The parser,
 * --dump-config, conf/understudy.conf and conf/README.md are made from here.
 */

#include "base/limits.tbl.h"

/* X: SINGLE or ABSENT section: kind, id, name, help.
 * N: section with a name: id, name, struct, array, counter, field of the
 * name, name in the example, help. */
#define CONF_SECTIONS(X, N) \
	X(SINGLE, AGENT, "agent", "The agent itself.") \
	X(SINGLE, CACHE, "cache", \
	    "What is kept, and how much of the disk it may take.") \
	X(SINGLE, NODE, "node", \
	    "The DICOM node that viewers ask. From the loopback address any " \
	    "calling title is answered; from elsewhere (also this machine's " \
	    "own LAN address) only listed viewers.") \
	N(VIEWER, "viewer", conf_viewer, viewers, n_viewers, name, \
	    "osirix", "A viewer that may ask from elsewhere, and where " \
	    "C-MOVE sends to; one section each.") \
	N(ARCHIVE, "archive", conf_archive, archives, n_archives, name, \
	    "pacs", "An archive that studies come from; one section each.") \
	N(SCHEDULE, "schedule", conf_schedule, schedules, n_schedules, name, \
	    "list", "A source of the theatre's cases; one section each.") \
	N(RELEVANCE, "relevance", conf_relevance, relevance, n_relevance, \
	    rule.name, "cardiac-mr", \
	    "Which earlier studies a case needs; one section a rule, and a " \
	    "study that any rule wants is fetched. Without such a section " \
	    "there are two: cardiac-mr with these defaults, and congenital " \
	    "for the operations of congenital heart disease, which takes " \
	    "the six newest however old they are.") \
	X(SINGLE, PREFETCH, "prefetch", "When studies are fetched.") \
	X(SINGLE, WEB, "web", \
	    "The page, the API and /metrics. Whoever reaches this port may " \
	    "read and change everything: keep it on the loopback address.") \
	X(SINGLE, LIMITS, "limits", \
	    "What a peer may make us hold or wait for, so that no stranger " \
	    "fills the memory or keeps the viewers out. The defaults suit the " \
	    "viewers and archives that we know; they need not be here.") \
	X(ABSENT, TLS, "tls", "") \
	X(ABSENT, AUDIT, "audit", "") \
	X(ABSENT, ISSUER, "issuer", "")

/* K: section, key, kind, struct, field, least, most, default (NULL: must be
 * given), example, what is wanted, help.
 * P: a key that has no place in struct conf: section, key, kind, default,
 * example, what is wanted, help. Kind absent: refused, not documented. */
#define CONF_MIB (INT64_C(1) << 20)
#define CONF_PIB (INT64_C(1) << 50)
#define CONF_YEAR_S (INT64_C(366) * 86400)

#define CONF_KEYS_HOUSE(K, P) \
	K(AGENT, "theatre", text, conf, theatre, 1, 0, NULL, \
	    "Theatre 6, TH6", "names with a comma between them", \
	    "The names under which the schedule knows this room, without " \
	    "quotes. Case does not count.") \
	K(AGENT, "state_dir", path, conf, state_dir, 1, 0, \
	    "/var/db/understudy", "", "a path of at most 87 bytes", \
	    "The agent's own folder, with control.sock in it.") \
	K(AGENT, "time_zone", zone, conf, zone, 0, 0, "", \
	    "Europe/London", "a name of the tz database", \
	    "The zone of schedule times that carry none, and of the window " \
	    "in [prefetch]. Left out: the zone of this machine.") \
	K(CACHE, "path", path, conf, cache_path, 0, 0, "", \
	    "/var/db/understudy/cache", "a path", \
	    "Where objects lie. Left out: cache in state_dir. One elsewhere " \
	    "may have a disk of its own: the agent remembers its marker in " \
	    "state_dir/cache.id, and without that disk it does not start " \
	    "and makes nothing in its place.") \
	K(CACHE, "size", size, conf, cache_size, CONF_MIB, CONF_PIB, \
	    "200 GiB", "", "a size from 1 MiB to 1 PiB", \
	    "What the cache may hold; the least recently used studies make room.") \
	K(CACHE, "reserve", size, conf, cache_reserve, 0, CONF_PIB, \
	    "20 GiB", "", "a size from 0 B to 1 PiB", \
	    "Free disk space that is never used.") \
	K(CACHE, "retention", duration, conf, retention_s, 1, \
	    100 * CONF_YEAR_S, "30 d", "", "a time from 1 s to 36600 d", \
	    "A study that nobody used for so long is removed.") \
	K(CACHE, "high", count, conf, cache_high, 1, 100, "95", "", \
	    "a number from 1 to 100", \
	    "Percent of size: when more is held, the least recently used " \
	    "studies that no case needs leave in the background.") \
	K(CACHE, "low", count, conf, cache_low, 1, 100, "90", "", \
	    "a number from 1 to 100", \
	    "Percent of size: until so much is left.") \
	K(CACHE, "scrub", rate, conf, scrub, 0, 0, "160 Mbit/s", "", \
	    "a rate as in 160 Mbit/s, or off", \
	    "How fast what is held is read to check its digests, while " \
	    "nothing else is to be done. What is broken is fetched again.") \
	K(NODE, "ae_title", ae_title, conf, ae_title, 0, 0, "UNDERSTUDY", \
	    "", "1 to 16 printable ASCII characters without a backslash", \
	    "The name under which viewers and archives know the node.") \
	K(NODE, "listen", listen, conf, node, 0, 0, "127.0.0.1:11113", "", \
	    "a numeric address and a port, as in 127.0.0.1:11113", \
	    "Where it listens. Port 11112 is OsiriX's own and is refused. " \
	    "An archive with retrieve = c-move must be able to reach it.") \
	K(NODE, "partial", flag, conf, partial, 0, 0, "no", "", \
	    "yes or no", \
	    "Whether studies that are not ready are listed to viewers, by " \
	    "DICOM; DICOMweb never shows them.") \
	K(NODE, "max_associations", count, conf, max_associations, 1, 512, \
	    "32", "", "a number from 1 to 512", \
	    "Associations at once; one more is refused for the moment.") \
	K(NODE, "read_through", flag, conf, read_through, 0, 0, "yes", "", \
	    "yes or no", \
	    "Ask the archives when a viewer names a patient or a study, and " \
	    "fetch what it retrieves and is not here.") \
	P(NODE, "tls", absent, "", "", "", "")

#define CONF_KEYS_PEERS(K, P) \
	K(VIEWER, "ae_title", ae_title, conf_viewer, ae_title, 0, 0, NULL, \
	    "OSIRIX", \
	    "1 to 16 printable ASCII characters without a backslash", \
	    "The viewer's AE title.") \
	K(VIEWER, "host", host, conf_viewer, host, 0, 0, "127.0.0.1", "", \
	    "a host name or address", "Where the viewer runs.") \
	K(VIEWER, "port", port, conf_viewer, port, 1, 65535, "11112", "", \
	    "a number from 1 to 65535", \
	    "Where it listens: for C-MOVE, for push, and for the C-ECHO by " \
	    "which its state is known.") \
	K(VIEWER, "push", flag, conf_viewer, push, 0, 0, "no", "", \
	    "yes or no", \
	    "Send the studies of a case to the viewer's listener when the " \
	    "case turns ready, and ask it whether all arrived.") \
	P(VIEWER, "tls", absent, "", "", "", "") \
	K(ARCHIVE, "ae_title", ae_title, conf_archive, ae_title, 0, 0, \
	    NULL, "PACS", \
	    "1 to 16 printable ASCII characters without a backslash", \
	    "The archive's AE title.") \
	K(ARCHIVE, "host", host, conf_archive, host, 0, 0, NULL, \
	    "pacs.example.org", "a host name or address", \
	    "Where the archive runs.") \
	K(ARCHIVE, "port", port, conf_archive, port, 1, 65535, "104", "", \
	    "a number from 1 to 65535", "Its DICOM port.") \
	K(ARCHIVE, "retrieve", retrieve, conf_archive, retrieve, 0, 0, \
	    "c-get", "", "c-get, c-move or wado-rs", \
	    "How studies are fetched. For c-move the archive must know our " \
	    "AE title, address and port; for wado-rs give dicomweb.") \
	K(ARCHIVE, "dicomweb", url, conf_archive, dicomweb, 0, 0, "", \
	    "http://pacs.example.org/dicom-web", \
	    "an address that begins with http:// or https://", \
	    "Where its DICOMweb service is, for retrieve = wado-rs.") \
	K(ARCHIVE, "query", query, conf_archive, by_find, 0, 0, "", \
	    "c-find", "c-find or qido-rs", \
	    "How it is asked for lists. Left out: by QIDO-RS with " \
	    "wado-rs, else by C-FIND.") \
	K(ARCHIVE, "associations", count, conf_archive, associations, 1, \
	    32, "4", "", "a number from 1 to 32", \
	    "Associations to this archive at once. With read_through, of two " \
	    "or more one is left to viewers; viewers' questions come on " \
	    "top, two at a time.") \
	K(ARCHIVE, "rank", number, conf_archive, rank, -1000, 1000, "1", \
	    "", "a number from -1000 to 1000", \
	    "The lower is asked first; equal UIDs from a second archive are " \
	    "one study.") \
	K(ARCHIVE, "optional", flag, conf_archive, optional, 0, 0, "no", \
	    "", "yes or no", \
	    "A case may be ready without an answer of this archive: for " \
	    "the agent of another theatre, which may be switched off. What " \
	    "only this archive has is not known until it answers.") \
	K(ARCHIVE, "bandwidth", rate, conf_archive, bandwidth, 0, 0, "", \
	    "400 Mbit/s", "a rate as in 400 Mbit/s", \
	    "The most that bulk fetching from it may take; an urgent case " \
	    "and a viewer are exempt. Left out: no ceiling.") \
	P(ARCHIVE, "tls", absent, "", "", "", "")

#define CONF_KEYS_CASES(K, P) \
	P(SCHEDULE, "type", only_file, "file", "", "file (this version)", \
	    "What kind of source it is.") \
	K(SCHEDULE, "path", heap_path, conf_schedule, path, 1, 0, NULL, \
	    "/etc/understudy/list.csv", "a path", \
	    "The theatre list, a CSV file. It is read again whenever it " \
	    "changes.") \
	P(SCHEDULE, "tls", absent, "", "", "", "") \
	P(SCHEDULE, "listen", absent, "", "", "", "") \
	P(SCHEDULE, "url", absent, "", "", "", "") \
	P(SCHEDULE, "poll", absent, "", "", "", "") \
	P(SCHEDULE, "ae_title", absent, "", "", "", "") \
	P(SCHEDULE, "host", absent, "", "", "", "") \
	P(SCHEDULE, "port", absent, "", "", "", "") \
	P(SCHEDULE, "case", absent, "", "", "", "") \
	K(RELEVANCE, "modality", text, conf_relevance, rule.modality, 1, 0, \
	    "MR", "", "names with a comma between them", \
	    "A study needs one of these modalities.") \
	K(RELEVANCE, "match", regex, conf_relevance, match, 0, 0, "", \
	    "\\b(cardiac|heart|cmr)\\b", "a regular expression (ICU)", \
	    "What makes a study relevant: its description, series " \
	    "descriptions, protocols, body part and codes are searched. " \
	    "Left out: cardiac words in eight languages and the usual " \
	    "codes.") \
	K(RELEVANCE, "exclude", regex, conf_relevance, exclude, 0, 0, "", \
	    "\\b(cardia|cardiff)\\b", "a regular expression (ICU)", \
	    "What speaks against it in the same text, and wins. Left out: " \
	    "words that only look cardiac. Write (?!) for none.") \
	K(RELEVANCE, "procedure", regex, conf_relevance, procedure, 0, 0, \
	    "", "\\b(cabg|valve|mvr|avr)\\b", "a regular expression (ICU)", \
	    "The rule holds for cases whose procedure or code has this. " \
	    "Left out: for all.") \
	K(RELEVANCE, "newest", count, conf_relevance, rule.newest, 1, 1000, \
	    "3", "", "a number from 1 to 1000", \
	    "So many of the newest matching studies are fetched, however " \
	    "old.") \
	K(RELEVANCE, "within", months, conf_relevance, rule.within_months, \
	    1, 1200, "24 months", "", "a time from 1 month to 100 years", \
	    "All matching studies no older than this at the case's start " \
	    "are fetched too.") \
	K(PREFETCH, "window", window, conf, window, 0, 0, "19:00-06:30", \
	    "", "hours as in 19:00-06:30, or always", \
	    "The hours for bulk work; an urgent case is fetched at any " \
	    "hour.") \
	K(PREFETCH, "urgent", duration, conf, urgent_s, 0, CONF_YEAR_S, \
	    "12 h", "", "a time from 0 s to 366 d", \
	    "A case that begins within this time is urgent.") \
	K(PREFETCH, "horizon", duration, conf, horizon_s, 60, CONF_YEAR_S, \
	    "48 h", "", "a time from 60 s to 366 d", \
	    "Cases further ahead are left for later.") \
	K(PREFETCH, "spread", duration, conf, spread_s, 0, 600, "30 s", \
	    "", "a time from 0 s to 10 min", \
	    "After a start or a wake bulk work begins at a random moment " \
	    "within this, so that agents which wake together do not reach " \
	    "the archive together; an urgent case does not wait.") \
	K(PREFETCH, "bandwidth", rate, conf, bandwidth, 0, 0, "", \
	    "800 Mbit/s", "a rate as in 800 Mbit/s", \
	    "The most that bulk fetching may take from all archives " \
	    "together; an urgent case and a viewer are exempt. Left out: " \
	    "no ceiling.") \
	K(PREFETCH, "strict_identity", flag, conf, strict_identity, 0, 0, \
	    "no", "", "yes or no", \
	    "Hold studies back where only the identifier could be compared.") \
	K(WEB, "listen", listen, conf, web, 0, 0, "127.0.0.1:8113", "", \
	    "a numeric address and a port, as in 127.0.0.1:8113", \
	    "Where it listens.") \
	K(WEB, "cors", text, conf, cors, 0, 0, "", \
	    "https://viewer.example.org", "an origin, or *", \
	    "Pages of this origin may read DICOMweb from the port. Left " \
	    "out: none.") \
	P(WEB, "tls", absent, "", "", "", "")

/* A row of base/limits.tbl.h as one of ours. */
#define CONF_LIMIT(K, section, key, kind, value, text, lo, hi, want, help) \
	K(section, #key, kind, conf, limits.key, lo, hi, text, "", want, help)

#define CONF_KEYS(K, P) \
	CONF_KEYS_HOUSE(K, P) \
	CONF_KEYS_PEERS(K, P) \
	CONF_KEYS_CASES(K, P) \
	LIMIT_ROWS(CONF_LIMIT, K)
