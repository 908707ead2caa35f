#!/bin/sh
# Which room may know which: prints "file:line: store must not know index".
# A room may include itself and rooms of lower floors; a third-party header
# belongs to one room, or to a few. A program of its own that shares little
# with the house is held to what is listed for it.
find agent include -name '*.[ch]' -o -name '*.cc' | sort | xargs awk '
BEGIN {
	split("base:0 text:1 model:2 run:2 wire:2 " \
	      "store:3 index:3 dicom:3 http:3 " \
	      "schedule:4 prefetch:4 cache:4 node:4 web:4 main:5 decode:5", \
	      r, " ")
	for (i in r) { split(r[i], kv, ":"); floor[kv[1]] = kv[2] }
	split("ev.h:run sqlite3.h:index curl:http dcmtk:dicom,decode " \
	      "openjpeg.h:decode unicode:text microhttpd.h:web ini.h:main " \
	      "xxhash.h:store", o, " ")
	for (i in o) { split(o[i], kv, ":"); owner[kv[1]] = kv[2] }
	# rooms, and of another room one door: what is said on the pipe
	only["decode"] = "base,wire,dicom/decode.h"
}
function in_list(word, list) { return index("," list ",", "," word ",") > 0 }
FNR == 1 { split(FILENAME, p, "/"); room = p[2]
	if (!(room in floor)) { print FILENAME ": room has no floor"; bad = 1 } }
/^[ \t]*#[ \t]*include[ \t]/ {
	inc = $0; sub(/^[^"<]*["<]/, "", inc); sub(/[">].*/, "", inc)
	n = split(inc, q, "/"); top = q[1]
	if (top in owner && !in_list(room, owner[top])) {
		print FILENAME ":" FNR ": " inc " belongs to " owner[top]; bad = 1 }
	if (n > 1 && top in floor && top != room && floor[top] >= floor[room]) {
		print FILENAME ":" FNR ": " room " must not know " top; bad = 1 }
	if (room in only && top in floor && top != room &&
	    !in_list(top, only[room]) && !in_list(inc, only[room])) {
		print FILENAME ":" FNR ": " room " must not know " inc; bad = 1 }
}
END { exit bad }'
