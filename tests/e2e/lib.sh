#!/bin/sh
# What the end-to-end tests share: free ports, peers on loopback ended by
# pid, an agent on a state folder, and words for pass, fail and skip.
# shellcheck disable=SC2034 # set for those who source this
# A test sources this first: `. tests/e2e/lib.sh`, from the top of the tree.
set -u
B=${B:-build/debug}
DATA=${UNDERSTUDY_DATA:-../shared/data}
PROG=${PROG:-build/understudyd}
CLI=${CLI:-build/understudy}
T=$(mktemp -d "${TMPDIR:-/tmp}/us.XXXXXX")
PIDS=""

finish() {
	code=$?
	trap - EXIT INT TERM
	for p in $PIDS; do
		kill "$p" 2>/dev/null
	done
	for p in $PIDS; do
		wait "$p" 2>/dev/null
	done
	if [ "$code" -ne 0 ] && [ "$code" -ne 77 ]; then
		echo "--- the end of each log in $T"
		for f in "$T"/*.log; do
			[ -s "$f" ] && { echo "--- $f"; tail -n 25 "$f"; }
		done
	fi
	[ -n "${KEEP:-}" ] || rm -rf "$T"
	exit "$code"
}
trap finish EXIT
trap 'exit 130' INT TERM

fail() { echo "FAIL: $*"; exit 1; }
skip() { echo "SKIP: $*"; exit 77; }
need() {
	for tool; do
		command -v "$tool" >/dev/null || skip "$tool is not installed"
	done
}

# What the tests take from npm, once for all of them: npm_tools PACKAGE...
npm_tools() {
	export NODE_PATH="$PWD/build/npm/node_modules"
	for tool; do
		[ -d "$NODE_PATH/$tool" ] && continue
		mkdir -p build/npm
		cp tests/e2e/package.json build/npm/
		npm install --prefix build/npm --ignore-scripts --no-audit \
			--no-fund --no-package-lock >"$T/npm.log" 2>&1 ||
			skip "npm cannot install $tool"
	done
}

# A port that is free now; each call gives another, also to tests that run
# beside this one (PORTS), though the one before may not be taken yet.
port() {
	python3 -c 'import socket, sys
given = open(sys.argv[1], "a+")
given.seek(0)
before = given.read().split()
port = None
while port is None or port in before:
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    port = str(s.getsockname()[1])
given.write(port + "\n")
print(port)' "${PORTS:-$T/ports}"
}

# Wait until a command succeeds: until SECONDS command...
until_ok() {
	limit=$(($(date +%s) + $1))
	shift
	while ! "$@" >/dev/null 2>&1; do
		[ "$(date +%s)" -lt "$limit" ] || return 1
		sleep 0.1
	done
}

# DCMTK's dcmqrscp as the archive PACS on $QR_PORT, storing under $T/qr.
start_qrscp() {
	QR_PORT=${QR_PORT:-$(port)}
	mkdir -p "$T/qr"
	cat >"$T/qr.cfg" <<EOF
NetworkTCPPort = $QR_PORT
MaxPDUSize = 131072
MaxAssociations = 16
HostTable BEGIN
agent = (UNDERSTUDY, 127.0.0.1, ${NODE_PORT:-11113})
HostTable END
AETable BEGIN
PACS $T/qr RW (500, 1024mb) ANY
AETable END
EOF
	TCP_NODELAY=${QR_NODELAY:-1} dcmqrscp -c "$T/qr.cfg" \
		>"$T/qrscp.log" 2>&1 &
	QR_PID=$!
	PIDS="$PIDS $QR_PID"
	until_ok 20 echoscu -aec PACS 127.0.0.1 "$QR_PORT" ||
		fail "dcmqrscp does not answer"
}

# Orthanc as the archive ORTHANC on $OR_PORT (DICOM) and $OR_HTTP. FAR is a
# command that runs it, and what fills it, elsewhere.
# shellcheck disable=SC2086 # words on purpose
start_orthanc() {
	OR_PORT=${OR_PORT:-$(port)}
	OR_HTTP=${OR_HTTP:-$(port)}
	mkdir -p "$T/orthanc"
	cat >"$T/orthanc.json" <<EOF
{ "Name": "e2e", "StorageDirectory": "$T/orthanc",
  "IndexDirectory": "$T/orthanc", "StorageCompression": false,
  "DicomAet": "ORTHANC", "DicomPort": $OR_PORT, "HttpPort": $OR_HTTP,
  "RemoteAccessAllowed": false, "DicomAlwaysAllowFind": true,
  "DicomAlwaysAllowGet": true, "DicomAlwaysAllowMove": true,
  "DicomCheckCalledAet": false, "UnknownSopClassAccepted": true,
  "Plugins": [${ORTHANC_PLUGINS:-}], "OverwriteInstances": true, "LimitFindResults": ${ORTHANC_LIMIT:-0},
  "DicomModalities": {
    "agent": ["UNDERSTUDY", "127.0.0.1", ${NODE_PORT:-11113}] } }
EOF
	TCP_NODELAY=1 ${FAR:-} Orthanc "$T/orthanc.json" \
		>"$T/orthanc.log" 2>&1 &
	OR_PID=$!
	PIDS="$PIDS $OR_PID"
	until_ok 60 ${FAR:-} echoscu -aec ORTHANC 127.0.0.1 "$OR_PORT" ||
		fail "Orthanc does not answer"
}

# Our own archive as ARCHIVE on $AR_PORT, what it was asked in $T/asked.txt:
# start_archive [switches of archive.py] FOLDER...
start_archive() {
	AR_PORT=${AR_PORT:-$(port)}
	: >"$T/archive.out"
	python3 tests/e2e/archive.py --port "$AR_PORT" --log "$T/asked.txt" \
		--dest "UNDERSTUDY=127.0.0.1:${NODE_PORT:-11113}" "$@" \
		>"$T/archive.out" 2>"$T/archive.log" &
	AR_PID=$!
	PIDS="$PIDS $AR_PID"
	until_ok 20 test -s "$T/archive.out" || fail "archive.py does not start"
}

# Send files to an archive, compressed ones as they are:
# send TITLE PORT [options of dcmsend] FILE-OR-DIR...
send() {
	title=$1
	to=$2
	shift 2
	TCP_NODELAY=1 ${FAR:-} dcmsend -aec "$title" +sd +r -nuc -nh 127.0.0.1 "$to" "$@" \
		>>"$T/send.log" 2>&1
}

# A configuration at $T/agent.conf for archives given as "NAME TITLE PORT
# RETRIEVE" lines on standard input; more sections from $EXTRA.
configure() {
	NODE_PORT=${NODE_PORT:-$(port)}
	WEB_PORT=${WEB_PORT:-$(port)}
	VIEWER_PORT=${VIEWER_PORT:-$(port)}
	STATE=${STATE:-$T/state}
	cat >"$T/agent.conf" <<EOF
[agent]
theatre = Theatre 6, TH6
state_dir = $STATE
time_zone = Europe/London
[cache]
size = ${SIZE:-8 GiB}
reserve = ${RESERVE:-64 MiB}
${CACHE_KEYS:-}
[node]
listen = 127.0.0.1:$NODE_PORT
${NODE_KEYS:-}
[web]
listen = 127.0.0.1:$WEB_PORT
${WEB_KEYS:-}
[prefetch]
window = ${WINDOW:-00:00-24:00}
spread = ${SPREAD:-0 s}
${PREFETCH:-}
[viewer "osirix"]
ae_title = OSIRIX
host = 127.0.0.1
port = $VIEWER_PORT
[schedule "list"]
type = file
path = $T/list.csv
${EXTRA:-}
EOF
	while read -r a_name a_title a_port a_how; do
		cat >>"$T/agent.conf" <<EOF
[archive "$a_name"]
ae_title = $a_title
host = ${ARCHIVE_HOST:-127.0.0.1}
port = $a_port
retrieve = $a_how
associations = ${ASSOCIATIONS:-4}
EOF
	done
}

start_agent() {
	# shellcheck disable=SC2086 # words on purpose
	${AGENT_UNDER:-} "$PROG" -c "$T/agent.conf" ${AGENT_FLAGS:-} \
		>>"$T/agent.log" 2>&1 &
	AGENT_PID=$!
	PIDS="$PIDS $AGENT_PID"
	until_ok 20 curl -sf "http://127.0.0.1:$WEB_PORT/healthz" ||
		fail "the agent is not healthy"
}

# End a peer of ours and wait for it: stop PID [SIGNAL]
stop() {
	kill "-${2:-TERM}" "$1" 2>/dev/null
	wait "$1" 2>/dev/null
	return 0
}

api() { curl -sf "http://127.0.0.1:$WEB_PORT/api/$1"; }

# Ask the JSON on standard input with a Python expression over `d`.
json() { python3 -c "import json,sys; d=json.load(sys.stdin); print($1)"; }

# The readiness of a case, and wait for one.
readiness() {
	api cases | json "[c['readiness'] for c in d if c['id']=='$1'][0]"
}
is_readiness() { [ "$(readiness "$1")" = "$2" ]; }
wait_case() {
	until_ok "${3:-60}" is_readiness "$1" "$2" ||
		fail "case $1: want $2, have $(readiness "$1"): $(api cases)"
}

# A theatre list with a header: rows on standard input.
list() {
	{
		echo "case_id,start,room,patient_id,issuer,patient_name,birth_date,procedure"
		cat
	} >"$T/list.new"
	mv "$T/list.new" "$T/list.csv"
}
# Start times in the agent's zone: hours from now.
in_hours() { TZ=Europe/London python3 -c "import datetime
print((datetime.datetime.now()+datetime.timedelta(hours=$1)).strftime('%Y-%m-%dT%H:%M'))"; }
# What the API says of a study, and whether it is not known at all.
study() { api "studies/$1"; }
is_unknown() {
	[ "$(curl -s -o /dev/null -w '%{http_code}' \
		"http://127.0.0.1:$WEB_PORT/api/studies/$1")" = 404 ]
}
# The node's answers to a C-FIND of studies, by UID: found UID
found() {
	findscu -S -aet VIEWER -aec UNDERSTUDY -k 0008,0052=STUDY \
		-k "0020,000D=$1" 127.0.0.1 "$NODE_PORT" 2>&1 |
		grep -c '^I: Find Response.*Pending'
}
# Every study that any case's patient has: a rule that wants all modalities.
EVERYTHING='[relevance "all"]
modality = MR,CT,OT,SR,SEG,PR,US,NM,CR,PT,ECG,RTPLAN,RTDOSE,M3D,DX,XA,DOC
match = .*
exclude = (?!)
newest = 1000
within = 1200 months'
# A case for each patient identifier on standard input, tomorrow at noon.
cases() {
	at=$(in_hours 6)
	awk -v at="$at" '{ printf "c%d,%s,Theatre 6,\"%s\",,,,\n", NR, at, $0 }' |
		list
}
all_are() {
	api cases | json "'all are $1' if d and all(c['readiness'] in \
		'$1'.split('|') for c in d) else 'no'" | grep -q '^all are'
}
# In words, for a failure: the cases and studies that are not ready.
not_ready() {
	api cases | json "[(c['id'], c['patient'].get('id'), c['reason'],
		[(s['study_uid'], s['state'], s['reason'])
		for s in c['studies'] if s['state'] != 'ready'])
		for c in d if c['readiness'] != 'ready']"
}
# The phantom's hospital of three patients in $T/hospital (few images each,
# operations tomorrow), its list at $T/list.csv; wanted and unwanted studies
# to $T/wanted.txt and $T/unwanted.txt.
phantom() {
	[ -x "$B/tools/phantom" ] || skip "no $B/tools/phantom"
	"$B/tools/phantom" --small "$T/hospital" >/dev/null ||
		fail "the phantom could not be made"
	cp "$T/hospital/list.csv" "$T/list.csv"
	awk '$1 == "wanted" { print $2 }' "$T/hospital/expect.txt" \
		>"$T/wanted.txt"
	awk '$1 == "unwanted" { print $2 }' "$T/hospital/expect.txt" \
		>"$T/unwanted.txt"
}
# The birth date of a case's patient, YYYYMMDD: it moves with today's date.
birth_of() { awk -F , -v id="$1" '$1 == id { print $8 }' "$T/hospital/list.csv"; }
# A study by C-GET with DCMTK: getstudy TITLE PORT UID DIR
getstudy() {
	mkdir -p "$4"
	TCP_NODELAY=1 getscu -S +B -aet THEATRE6-IMAC -aec "$1" -od "$4" \
		-k 0008,0052=STUDY -k "0020,000D=$3" 127.0.0.1 "$2" \
		>>"$T/getscu.log" 2>&1
}
# A study by C-MOVE with DCMTK, to a listener as the viewer on $VIEWER_PORT:
# movestudy UID DIR; DCMTK converts nothing with +B
movestudy() {
	mkdir -p "$2"
	TCP_NODELAY=1 storescp -aet OSIRIX +xa +B -od "$2" "$VIEWER_PORT" \
		>>"$T/storescp.log" 2>&1 &
	listener=$!
	PIDS="$PIDS $listener"
	until_ok 10 echoscu 127.0.0.1 "$VIEWER_PORT"
	TCP_NODELAY=1 movescu -S -aet THEATRE6-IMAC -aec UNDERSTUDY \
		-aem THEATRE6-IMAC -k 0008,0052=STUDY -k "0020,000D=$1" \
		127.0.0.1 "$NODE_PORT" >>"$T/movescu.log" 2>&1
	code=$?
	stop "$listener"
	return "$code"
}
same() { python3 tests/e2e/compare.py "$1" "$2"; }
