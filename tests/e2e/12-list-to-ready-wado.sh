#!/bin/sh
# Goal of this test:
# - a theatre list makes its studies ready from Orthanc's DICOMweb plugin, asked
#   by QIDO-RS and WADO-RS: the same objects, byte for byte, as by C-GET;
# - so do all real files that Orthanc takes, in every syntax;
# - cut in the middle ten times, it is made whole, and nothing comes twice;
# - a server that sends series alone, or instances alone, is asked for those;
# - a server that lies about its answers is told of, and nothing is kept.
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
need Orthanc dcmsend getscu curl python3
plugin=$(find /usr/share/orthanc/plugins -name 'libOrthancDicomWeb*' 2>/dev/null |
	head -n 1)
[ -n "$plugin" ] || skip "no DICOMweb plugin of Orthanc"
ORTHANC_PLUGINS="\"$plugin\""
phantom
NODE_PORT=$(port)
NODE_KEYS="read_through = no"
GOOD=$DATA/dicom/good
EXTRA=$EVERYTHING
start_orthanc
send ORTHANC "$OR_PORT" "$T/hospital/dicom" || fail "Orthanc takes nothing"
[ ! -d "$GOOD" ] || send ORTHANC "$OR_PORT" "$GOOD" || true # not all

# What an agent that fetched by HOW holds: name, length, digest. held HOW
held() {
	python3 -c 'import sqlite3, sys
db = sqlite3.connect(f"file:{sys.argv[1]}/cache/index.db?mode=ro", uri=True)
for name, length, digest in db.execute(
        "SELECT name, length, digest FROM instance ORDER BY name"):
    print(name.hex(), length, digest.hex())' "$T/state-$1" >"$T/held-$1.txt"
}
counted() {
	curl -s "http://127.0.0.1:$WEB_PORT/metrics" |
		awk -v name="$1" '$1 == name { print $2 }'
}
# fetch NAME HOW [HTTP-PORT]: all that the list wants
fetch() {
	STATE=$T/state-$1
	WEB_PORT=$(port)
	configure <<END
pacs ORTHANC $OR_PORT $2
END
	[ "$2" != wado-rs ] || cat >>"$T/agent.conf" <<END
dicomweb = http://127.0.0.1:$3/dicom-web/
${QUERY:-}
END
	: >"$T/agent.log"
	start_agent
	until_ok "${LIMIT:-60}" all_are "${READY:-ready}" || fail "$1: $(not_ready)"
	moved=$(counted understudy_objects_stored_total)
	stop "$AGENT_PID"
	held "$1"
}

# every patient that Orthanc has, and those of the list; its plugin does not
# decode %XX, so that an identifier with a blank, '+' or '^' finds nothing
curl -sf "http://127.0.0.1:$OR_HTTP/dicom-web/studies?includefield=00100020" |
	python3 -c 'import json, sys
for p in sorted({s["00100020"]["Value"][0] for s in json.load(sys.stdin)
                 if s.get("00100020", {}).get("Value")}):
    if not set(p) & set("*?\\\" +^%&=#\n") and p.isascii():
        print(p)' | cases
READY='ready|none'
fetch c-get c-get
fetch wado-rs wado-rs "$OR_HTTP"
n=$(wc -l <"$T/held-wado-rs.txt")
[ "$n" -gt 300 ] || fail "only $n objects"
diff "$T/held-c-get.txt" "$T/held-wado-rs.txt" >"$T/diff.log" ||
	fail "WADO-RS gives other objects than C-GET"
[ "$moved" -eq "$n" ] || fail "$moved objects came for $n"
echo "$n objects by WADO-RS, the same bytes as by C-GET"

READY=

# --- lists by C-FIND, objects by WADO-RS
EXTRA=
cp "$T/hospital/list.csv" "$T/list.csv"
QUERY="query = c-find"
fetch by-find wado-rs "$OR_HTTP"
QUERY=

# --- cut
fetch quiet wado-rs "$OR_HTTP"
total=$(wc -l <"$T/held-quiet.txt")
diff "$T/held-quiet.txt" "$T/held-by-find.txt" >"$T/diff.log" ||
	fail "lists by C-FIND: other objects"
PX=$(port)
python3 tests/e2e/proxy.py "$PX" "$OR_HTTP" cut 300000 x10 >"$T/proxy.out" \
	2>"$T/proxy.log" </dev/null &
PIDS="$PIDS $!"
until_ok 10 grep -q listening "$T/proxy.out" || fail "no proxy"
fetch cut wado-rs "$PX"
struck=$(grep -vc listening "$T/proxy.out" || true)
diff "$T/held-quiet.txt" "$T/held-cut.txt" >"$T/diff.log" ||
	fail "cut: other objects"
[ "$struck" -ge 3 ] || fail "the network was cut $struck times only"
[ $((10 * moved)) -le $((11 * total)) ] || fail "cut: $moved for $total"
echo "cut $struck times: whole, $moved objects for $total"
stop "$OR_PID"

# --- it lies
for how in html error cut-json other-array endless-header no-boundary \
	wrong-boundary no-dicom no-end one-file busy only-series \
	only-instances; do
	PX=$(port)
	python3 tests/e2e/badweb.py "$PX" "$how" "$T/hospital/dicom" \
		>"$T/bad.out" 2>"$T/bad.log" &
	BAD_PID=$!
	PIDS="$PIDS $BAD_PID"
	until_ok 10 grep -q listening "$T/bad.out" || fail "no server"
	STATE=$T/state-$how
	WEB_PORT=$(port)
	configure <<END
pacs ORTHANC $OR_PORT wado-rs
END
	echo "dicomweb = http://127.0.0.1:$PX/dicom-web" >>"$T/agent.conf"
	: >"$T/agent.log"
	start_agent
	case $how in only-*) # a study is fetched by its parts
		until_ok 30 all_are ready || fail "$how: $(not_ready)"
		stop "$AGENT_PID"
		held "$how"
		diff "$T/held-quiet.txt" "$T/held-$how.txt" >"$T/diff.log" ||
			fail "$how: other objects"
		continue ;;
	esac
	said() {
		api cases | json "'; '.join(c['reason'] for c in d) + '; ' +
			'; '.join(s['reason'] for c in d for s in c['studies'])" \
			>"$T/said.txt"
		grep -qE 'RS: |JSON|Content-Type|boundary|header|delimiter' \
			"$T/said.txt"
	}
	until_ok 20 said || fail "$how: it says nothing: $(cat "$T/said.txt")"
	[ "$(api status | json "d['cases']['ready']")" -eq 0 ] ||
		fail "$how: something is ready"
	stop "$AGENT_PID"
	held "$how"
	[ ! -s "$T/held-$how.txt" ] || [ "$how" = no-end ] ||
		fail "$how: something was kept"
	[ -z "$(find "$STATE/cache/tmp" -type f)" ] || fail "$how: left in tmp/"
	printf '  %-15s %s\n' "$how" "$(tr ';' '\n' <"$T/said.txt" |
		grep -E 'RS: |JSON|Content-Type|boundary|header|delimiter' |
		head -n 1 | cut -c 1-100)"
	stop "$BAD_PID"
done
