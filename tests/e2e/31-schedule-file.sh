#!/bin/sh
# Goal of this test:
# - the theatre list may be replaced, truncated half-way, be away for a while,
#   carry a byte order mark or bad rows: the last good list stays, the status
#   says what is wrong, and the next good file counts within seconds;
# - a cancelled case and one of another room need nothing.
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
need python3 curl
NODE_PORT=$(port)
AR_PORT=$(port)
mkdir -p "$T/none"
start_archive "$T/none"
configure <<END
archive ARCHIVE $AR_PORT c-get
END
at=$(in_hours 6)

# the ids of current cases of ours, in order
ids() {
	api cases | json "' '.join(sorted(c['id'] for c in d
		if c['current'] and c['ours'] and not c['gone']))"
}
ids_are() { [ "$(ids)" = "$1" ]; }
want() {
	until_ok "${3:-8}" ids_are "$1" ||
		fail "$2: want '$1', have '$(ids)': $(api status)"
}
feed() { api status | json "d['schedules'][0]['$1']"; }
feed_is() { [ "$(feed state)" = "$1" ]; }
want_feed() {
	until_ok "${3:-8}" feed_is "$1" ||
		fail "$2: want $1, have $(feed state): $(feed last_error)"
}
rows() { for c; do echo "$c,$at,Theatre 6,PID-$c,,,,x"; done; }

# not there at the start: failed, and the agent runs
start_agent
want_feed failed "no list yet"
rows a b c | list
want "a b c" "the first list"
want_feed ok "the first list"
rows a b | list
want "a b" "replaced by rename"

# truncated in the middle of a row, then whole: never a wrong list between
head -c 120 "$T/list.csv" >"$T/half"
cat "$T/half" >"$T/list.csv"
n=0
while [ "$n" -lt 8 ]; do
	ids_are "a b" || fail "half a file was believed: '$(ids)'"
	sleep 0.25
	n=$((n + 1))
done
rows a b c | list
want "a b c" "whole again"

rm "$T/list.csv"
want_feed stale "gone" 40
want "a b c" "gone"
rows a d | list
want "a d" "back"
want_feed ok "back"

{
	printf '\357\273\277case_id,start,room,patient_id\r\n'
	printf 'e,%s,theatre 6,PID-e\r\nf,%s,TH6,PID-f\r\n' "$at" "$at"
} >"$T/list.new"
mv "$T/list.new" "$T/list.csv"
want "e f" "a byte order mark, CRLF, other names of the room"

# a bad row is told, the good ones count
{
	rows g
	echo "h,nine o'clock,Theatre 6,PID-h,,,,x"
	echo "i,$at,Theatre 6"
	rows j
} | list
want "g j" "bad rows"
for place in 'line=3 column=3' 'line=4 column=1'; do
	grep -q "bad_row list=list $place" "$T/agent.log" ||
		fail "the log does not tell $place"
done
feed_is ok || fail "bad rows: want ok, have $(feed state)"
case "$(feed last_error)" in
"2 rows skipped; line 3, column 3: start: want ISO 8601, have '"*) ;;
*) fail "the status does not tell the bad rows: $(feed last_error)" ;;
esac
curl -sf "http://127.0.0.1:$WEB_PORT/metrics" |
	grep -q 'schedule_bad_rows[a-z_]* 2$' || fail "/metrics: want 2 bad rows"
grep -q "PID-h" "$T/agent.log" && fail "the log has an identifier"

# a list that is none: the last good one stays
echo "something else entirely" >"$T/list.new"
mv "$T/list.new" "$T/list.csv"
want_feed stale "no list at all" 15
want "g j" "no list at all"

# moved to another room, cancelled
{
	echo "case_id,start,room,patient_id,status"
	echo "k,$at,Theatre 7,PID-k,booked"
	echo "l,$at,Theatre 6,PID-l,cancelled"
	echo "m,$at,Theatre 6,PID-m,booked"
} >"$T/list.new"
mv "$T/list.new" "$T/list.csv"
want "m" "another room, cancelled"
want_feed ok "another room, cancelled"
[ -z "$(feed last_error)" ] || fail "an old fault: $(feed last_error)"
echo "the list file: replaced, half, gone, marked, bad, moved, cancelled"
