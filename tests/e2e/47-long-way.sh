#!/bin/sh
# Runs alone.
# Goal of this test:
# - an archive that is 20 ms away sends a study by four associations at least
#   three times as fast as by one, no object twice, and never by more
#   associations than it has places for;
# - where the archive is near, one association does.
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
need python3 Orthanc dcmsend dcmdump curl
N=600
NODE_KEYS="read_through = no"
NODE_PORT=$(port)
"$B/tools/phantom" --bench "$N" "$T/dicom" >/dev/null ||
	fail "the phantom could not be made"
FIRST=$(find "$T/dicom" -name '*.dcm' | head -n 1)
PATIENT=$(dcmdump -q +P 0010,0020 "$FIRST" | sed 's/.*\[\(.*\)\].*/\1/')
start_orthanc # dcmqrscp locks its folder: one C-GET at a time
send ORTHANC "$OR_PORT" "$T/dicom" || fail "send to Orthanc"
PX=$(port)
python3 tests/e2e/proxy.py "$PX" "$OR_PORT" delay 10 >"$T/proxy.out" \
	2>"$T/proxy.log" </dev/null &
PIDS="$PIDS $!"
until_ok 10 grep -q listening "$T/proxy.out" || fail "no proxy"
echo "case,$(in_hours 6),Theatre 6,$PATIENT,,,," | list

counted() {
	curl -s "http://127.0.0.1:$WEB_PORT/metrics" |
		awk -v name="$1" '$1 == name { print $2 }'
}
# fetch NAME PORT ASSOCIATIONS HOW: milliseconds from the list to ready
fetch() {
	STATE=$T/state-$1
	WEB_PORT=$(port)
	ASSOCIATIONS=$3
	configure <<END
pacs ORTHANC $2 $4
END
	: >"$T/agent.log"
	start_agent
	wait_case case ready 100
	moved=$(counted understudy_objects_stored_total)
	[ "$moved" -eq "$N" ] || fail "$1: $moved objects for $N"
	stop "$AGENT_PID"
	MS=$(python3 -c 'import datetime, sys
at = {}
for line in open(sys.argv[1]):
    word = line.split()
    t = datetime.datetime.fromisoformat(word[0][:-1] + "+00:00")
    at.setdefault(word[2], t.timestamp())
print(round(1000 * (at["prefetch.study.ready"] -
                    at["schedule.list.read"])))' "$T/agent.log")
	LANES=$(sed -n 's/.*prefetch.lane.opened.*lanes=//p' "$T/agent.log" |
		sort -n | tail -n 1)
	echo "$1: $MS ms, ${LANES:-1} associations"
}

fetch one "$PX" 1 c-get
ONE=$MS
fetch four "$PX" 4 c-get
FOUR=$MS
[ "${LANES:-1}" -eq 4 ] || fail "want 4 associations, have ${LANES:-1}"
# a sanitizer is what one waits for then
case $B in *asan | *tsan) LEAST=10 ;; *) LEAST=25 ;; esac
[ "$ONE" -ge $((LEAST * FOUR / 10)) ] || # a loaded machine's allowance
	fail "four associations: $FOUR ms, one: $ONE ms"
fetch near "$OR_PORT" 4 c-get
[ "${LANES:-1}" -eq 1 ] || [ "$LEAST" -eq 10 ] ||
	fail "near: $LANES associations"
