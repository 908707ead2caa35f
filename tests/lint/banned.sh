#!/bin/sh
# What the house does without: unsafe calls, calls that only one room may
# make, calls that a Mac does not have, and untidy names and lines. Comments
# and strings do not count. Prints file:line: what is wrong; fails if anything
# is.
LC_ALL=C
export LC_ALL
bad=0

# file:word of who needs a banned word all the same; say why here
allowed=""
# the only files that may know the system by name (macos.md, section 7)
apple="agent/base/clock.c agent/base/lock.c agent/base/sock.c \
agent/run/loop.c agent/run/pool.c agent/schedule/list_read.c \
agent/store/store_sync_darwin.c agent/store/store_sync_linux.c \
agent/store/space.c agent/main/service.c agent/node/bonjour.c"

sources()
{
	find "$@" \( -name '*.[ch]' -o -name '*.cc' \) -type f | sort
}

sources agent include | xargs awk -v allowed="$allowed" -v apple="$apple" '
function word(list, why,    n, w, i) {
	n = split(list, w, " ")
	for (i = 1; i <= n; i++) reason[w[i]] = why
}
function offend(text) { print FILENAME ":" FNR ": " text; bad = 1 }
BEGIN {
	word("strcpy strcat strncat strncpy strtok sprintf vsprintf gets", \
	    "want base/str or snprintf")
	word("atoi atol atof sscanf", "want str_to_i64")
	word("alloca system popen", "want none")
	word("localtime gmtime asctime ctime", "want base/clock")
	word("malloc calloc realloc free strdup strndup asprintf vasprintf", \
	    "want base/mem outside base")
	word("fsync fdatasync", "want sync of store")
	word("printf vprintf puts putchar perror", "want base/log outside main")
	word("accept4 pipe2 dup3 epoll_create1 eventfd timerfd_create " \
	    "signalfd inotify_init1 explicit_bzero reallocarray getrandom " \
	    "memrchr strchrnul secure_getenv posix_fallocate " \
	    "copy_file_range ppoll sigtimedwait clock_nanosleep " \
	    "pthread_condattr_setclock pthread_mutex_timedlock sem_init", \
	    "want what macOS has as well")
	n = split(allowed, w, " ")
	for (i = 1; i <= n; i++) may[w[i]] = 1
	n = split(apple, w, " ")
	for (i = 1; i <= n; i++) knows[w[i]] = 1
}
FNR == 1 {
	split(FILENAME, part, "/"); room = part[2]; comment = 0
	if ($0 !~ /^(\/\*|\/\/) SPDX-License-Identifier: MIT/)
		offend("want the SPDX line first")
}
{
	line = $0
	gsub(/\\["\047\\]/, "", line)
	gsub(/\047"\047/, "", line)
	gsub(/"[^"]*"/, "\"\"", line)
	text = ""
	for (;;) {
		if (comment) {
			at = index(line, "*/")
			if (at == 0) break
			line = substr(line, at + 2); comment = 0
		}
		at = index(line, "/*")
		if (at == 0) { text = text line; break }
		text = text substr(line, 1, at - 1) " "
		line = substr(line, at + 2); comment = 1
	}
	if (FILENAME ~ /\.cc$/)
		sub(/\/\/.*/, "", text)
}
$0 ~ /(TODO|FIXME|HACK)/ { offend("want the thing itself, have a note") }
text ~ /^[ \t]*#.*__APPLE__/ && !(FILENAME in knows) {
	offend("__APPLE__: want a feature macro here")
}
text ~ /(^|[^A-Za-z0-9_])typedef[ \t]+(struct|enum|union)/ {
	offend("want no typedef for a struct or enum")
}
text ~ /^[ \t]*err[0-9]+:|goto[ \t]+err[0-9]/ {
	offend("want one label out:")
}
{
	# every "name(" that is not a member and not part of a longer name
	rest = text
	while (match(rest, /[A-Za-z_][A-Za-z0-9_]*[ \t]*\(/)) {
		name = substr(rest, RSTART, RLENGTH - 1)
		sub(/[ \t]+$/, "", name)
		before = RSTART > 1 ? substr(rest, 1, RSTART - 1) : ""
		rest = substr(rest, RSTART + RLENGTH)
		if (!(name in reason) || before ~ /(\.|->)[ \t]*$/)
			continue
		why = reason[name]
		if (why ~ /outside base/ && room == "base") continue
		if (why ~ /macOS/ && FILENAME in knows) continue
		if (why ~ /of store/ && room == "store") continue
		if (why ~ /outside main/ && room == "main") continue
		if ((FILENAME ":" name) in may) continue
		offend(name ": " why)
	}
}
END { exit bad }' || bad=1

# lines: blanks at the end anywhere, width in C (a table's row is one line)
find agent include tests conf launchd \( -name '*.[ch]' -o -name '*.cc' \
    -o -name '*.sh' -o -name '*.py' -o -name '*.conf' -o -name '*.plist' \) \
    -type f | sort | xargs awk '
/[ \t\r]$/ { print FILENAME ":" FNR ": blank at the end"; bad = 1 }
FILENAME ~ /\.(c|h|cc)$/ && FILENAME !~ /\.tbl\.h$/ {
	n = split($0, part, "\t"); width = 0
	for (i = 1; i <= n; i++) {
		gsub(/[\200-\277]/, "", part[i])
		width += length(part[i])
		if (i < n) width += 8 - width % 8
	}
	if (width > 80) {
		print FILENAME ":" FNR ": " width " columns, want 80"; bad = 1
	}
}
END { exit bad }' || bad=1

# names: one stem one module, and nothing that a Mac would take for the same
find agent \( -name '*.c' -o -name '*.cc' \) -type f | sort | awk '
{
	stem = $0; sub(/.*\//, "", stem); sub(/\.[a-z]+$/, "", stem)
	if (stem in seen) {
		print $0 ": has the name of " seen[stem]; bad = 1
	}
	seen[stem] = $0
}
END { exit bad }' || bad=1
odd=$(find agent include tests conf launchd -type f \( -name '*.[ch]' -o \
    -name '*.cc' -o -name '*.sh' -o -name '*.py' \) | grep '[A-Z ]')
if [ -n "$odd" ]; then
	echo "$odd: want a name in lower case"
	bad=1
fi
exit "$bad"
