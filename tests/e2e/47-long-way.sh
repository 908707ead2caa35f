#!/bin/sh
# Runs alone.
# Goal of this test:
# - an archive that is 20 ms away sends a study by four associations at least
#   three times as fast as by one, no object twice, and never by more
#   associations than it has places for;
# - where the archive is near, one association does;
# - what is missing of a study comes by WADO-RS over several connections too.
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
need python3 Orthanc dcmsend dcmdump curl
plugin=$(find /usr/share/orthanc/plugins -name 'libOrthancDicomWeb*' 2>/dev/null |
	head -n 1)
[ -n "$plugin" ] || skip "no DICOMweb plugin of Orthanc"
ORTHANC_PLUGINS="\"$plugin\""
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
WPX=$(port)
python3 tests/e2e/proxy.py "$WPX" "$OR_HTTP" delay 10 >"$T/wproxy.out" \
	2>"$T/wproxy.log" </dev/null &
PIDS="$PIDS $!"
until_ok 10 grep -q listening "$T/wproxy.out" || fail "no proxy"
echo "case,$(in_hours 6),Theatre 6,$PATIENT,,,," | list

counted() {
	curl -s "http://127.0.0.1:$WEB_PORT/metrics" |
		awk -v name="$1" '$1 == name { print $2 }'
}
# fetch NAME PORT ASSOCIATIONS HOW [OBJECTS]: milliseconds from the list to ready
fetch() {
	STATE=$T/state-$1
	WEB_PORT=$(port)
	ASSOCIATIONS=$3
	configure <<END
pacs ORTHANC $2 $4
END
	[ "$4" != wado-rs ] || cat >>"$T/agent.conf" <<END
dicomweb = http://127.0.0.1:$WPX/dicom-web/
END
	: >"$T/agent.log"
	start_agent
	all_came() {
		moved=$(counted understudy_objects_stored_total)
		[ "${moved:-0}" -ge "${5:-$N}" ]
	}
	until_ok 100 all_came "$@" || fail "$1: $moved objects came"
	wait_case case ready 100
	[ "$moved" -eq "${5:-$N}" ] || fail "$1: $moved objects for ${5:-$N}"
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

# --- by WADO-RS: half of the study is lost, and comes instance by instance
for name in web-one web-four; do
	mkdir -p "$T/state-$name"
	cp -a "$T/state-near/." "$T/state-$name"
	find "$T/state-$name/cache" -name '*.dcm' | sort |
		awk 'NR % 2 == 0' >"$T/lost.txt"
	xargs rm -f <"$T/lost.txt"
done
LOST=$(wc -l <"$T/lost.txt")
[ "$LOST" -eq $((N / 2)) ] || fail "$LOST files were removed"
fetch web-one "$OR_PORT" 1 wado-rs "$LOST"
ONE=$MS
fetch web-four "$OR_PORT" 4 wado-rs "$LOST"
[ "${LANES:-1}" -eq 4 ] || fail "want 4 connections, have ${LANES:-1}"
[ "$((2 * ONE))" -ge $((3 * MS)) ] || [ "$LEAST" -eq 10 ] ||
	fail "four connections: $MS ms, one: $ONE ms"
