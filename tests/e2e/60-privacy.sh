#!/bin/sh
# Goal of this test:
# - after a run with everything in it (ready, held, refused, retrieved, evicted,
#   bad rows, debug on) no name, identifier, birth date, UID or description of
#   a patient is in the log, in /metrics, or in any file name below the state
#   folder; and the files are the owner's alone.
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
need python3 findscu getscu curl
phantom
S=$(awk '$2 == "CASE-1003" { c = 1; next } c { print $2; exit }' \
	"$T/hospital/expect.txt")
S2=$(awk '$2 == "CASE-1002" { c = 1; next } c { print $2; exit }' \
	"$T/hospital/expect.txt")
B1=$(birth_of CASE-1001)
B2=$(birth_of CASE-1002)
B3=$(birth_of CASE-1003)
dashed() { echo "$1" | sed 's/\(....\)\(..\)\(..\)/\1-\2-\3/'; }
NODE_PORT=$(port)
start_archive --wrong-study --extra --only "$S" "$T/hospital/dicom"
configure <<END
archive ARCHIVE $AR_PORT c-get
END
at=$(in_hours 6)
{
	cat "$T/hospital/list.csv"
	echo "held,$at,,Theatre 6,UD4100761,,OTHERNAME^Person,19990101,,x,,"
	echo "star,$at,,Theatre 6,SECRETID*,,,,,x,,"
	echo "row,LINDQVIST,,Theatre 6,UD4100237,,LINDQVIST^Ebba,$B1,,x,,"
} >"$T/list.csv"
AGENT_FLAGS=-v
start_agent
wait_case CASE-1002 ready 30
wait_case held failed 30
cut_short() { study "$S" | grep -q '"incomplete"'; }
until_ok 30 cut_short || fail "CASE-1003: $(not_ready)"
getstudy UNDERSTUDY "$NODE_PORT" "$S2" "$T/get" || fail "no study is served"
for q in "0010,0010=LINDQVIST*" "0010,0020=UD4100237" "0010,0030=$B1"; do
	findscu -S -aet VIEWER -aec UNDERSTUDY -k 0008,0052=STUDY -k "$q" \
		-k 0020,000D 127.0.0.1 "$NODE_PORT" >/dev/null 2>&1
done
echoscu -aec MARCHETTI 127.0.0.1 "$NODE_PORT" >/dev/null 2>&1
curl -s "http://127.0.0.1:$WEB_PORT/api/why?case=UD4100237" >/dev/null
curl -s -X POST "http://127.0.0.1:$WEB_PORT/api/verify" >/dev/null
"$CLI" -S "$STATE/control.sock" prefetch CASE-1003 >/dev/null 2>&1
# the archive breaks off, too; what came before still counts
stop "$AR_PID"
sleep 0.3
"$CLI" -S "$STATE/control.sock" prefetch CASE-1003 >/dev/null 2>&1
refused() { grep -q "not_ready.*refused" "$T/agent.log"; }
until_ok 10 refused || fail "the archive is gone, and nobody tells"
api "studies/$S" | json "d['state'], d['instances'], d['expected']" |
	grep -qx "incomplete 20 21" || fail "held: $(api "studies/$S")"
curl -s "http://127.0.0.1:$WEB_PORT/metrics" >"$T/metrics.txt"
[ -s "$T/metrics.txt" ] || fail "no /metrics"

# the fixtures' words: names, identifiers, birth dates, UIDs, descriptions
{
	python3 tests/e2e/archive.py --list "$T/hospital/dicom" |
		awk -F '\t' '{ print $1; print $2 }'
	printf '%s\n' LINDQVIST Ebba OKONJO Tobias MARCHETTI^ Giulia \
		OTHERNAME Person SECRETID 19990101 Fallot Okafor "$B1" \
		"$B2" "$B3" "$(dashed "$B1")" "$(dashed "$B2")" \
		"$(dashed "$B3")" \
		Haverkamp ventricular cavopulmonary
} | sort -u >"$T/words.txt"
grep -aFn -f "$T/words.txt" "$T/agent.log" &&
	fail "the log has a patient's words"
grep -aFn -f "$T/words.txt" "$T/metrics.txt" &&
	fail "/metrics has a patient's words"
find "$STATE" >"$T/names.txt"
grep -Fn -f "$T/words.txt" "$T/names.txt" &&
	fail "a file name has a patient's words"
stop "$AGENT_PID"
grep -aFn -f "$T/words.txt" "$T/agent.log" &&
	fail "the log has a patient's words at the end"
open=$(find "$STATE" -type f ! -perm 600 ! -name understudyd.pid)
[ -z "$open" ] || fail "others may read: $open"
open=$(find "$STATE/cache" -type d ! -perm 700)
[ -z "$open" ] || fail "others may look into: $open"
echo "$(wc -l <"$T/words.txt") words of patients, none in $(wc -l \
	<"$T/agent.log") lines of log, $(wc -l <"$T/names.txt") names, /metrics"
