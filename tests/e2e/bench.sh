#!/bin/sh
# How fast we serve and prefetch, beside the peers, in one run on loopback:
# 1,000 MR images of 131 KB; medians of BENCH_RUNS (5). BENCH_N=100
# BENCH_STUDIES=200 makes it short, BENCH_PARTS chooses. Only the ratios travel
# from machine to machine.
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
need python3 getscu movescu storescp dcmqrscp dcmsend dcmdump
N=${BENCH_N:-1000}
RUNS=${BENCH_RUNS:-5}
STUDIES=${BENCH_STUDIES:-2000} # of 50 instances each, in part "index"
LARGE=${BENCH_LARGE:-300000000} # bytes of an object in part "large"
MILLION=${BENCH_MILLION:-20000} # studies of 50 in part "million"
PARTS=${BENCH_PARTS:-prefetch node large index web busy million}
SLOW=120 # seconds after which a stalled peer's run is given up
SHM=$T/shm # files of stock clients, and a cache, in memory where there is any
[ -d /dev/shm ] && SHM=$(mktemp -d /dev/shm/us.XXXXXX)
mkdir -p "$SHM"
trap 'code=$?; rm -rf "$SHM"; (exit "$code"); finish' EXIT

# --- measuring: each prints seconds, or nothing when it failed

# The raw client: our own association code, bytes thrown away: raw TITLE PORT
# [STUDY OBJECTS]
raw() {
	# shellcheck disable=SC2086 # an option, or none
	"$B/tools/viewer" -d -1 $CLASS -c "$1" 127.0.0.1 "$2" "${3:-$S}" \
		2>/dev/null | awk -v n="${4:-$N}" '$2 == n { print $1 }'
}
CLASS=""
# The floor of this machine: floor FOLDER starts it on $FLOOR_PORT
floor() {
	FLOOR_PORT=$(port)
	"$B/tools/floor" "$FLOOR_PORT" "$1" &
	FLOOR_PID=$!
	PIDS="$PIDS $FLOOR_PID"
	sleep 1
}
# A command's wall-clock time: timed COMMAND...
timed() {
	python3 -c 'import subprocess, sys, time
t = time.monotonic()
try:
    p = subprocess.run(sys.argv[2:], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=float(sys.argv[1]))
    if p.returncode == 0:
        print("%.4f" % (time.monotonic() - t))
except subprocess.TimeoutExpired:
    print("timeout")' "$SLOW" "$@"
}
# Stock DCMTK as it is installed, which leaves Nagle on: getstock TITLE PORT
getstock() {
	rm -rf "$SHM/got"
	mkdir -p "$SHM/got"
	timed env -u TCP_NODELAY getscu -S +B -aec "$1" -od "$SHM/got" \
		-k 0008,0052=STUDY -k "0020,000D=$S" 127.0.0.1 "$2"
}
# Stock movescu asks TITLE at PORT to send to stock storescp, known as DEST
move() {
	env -u TCP_NODELAY storescp --ignore "$VIEWER_PORT" \
		>"$T/storescp.log" 2>&1 &
	listener=$!
	until_ok 10 echoscu 127.0.0.1 "$VIEWER_PORT"
	timed env -u TCP_NODELAY movescu -S -aet "$3" -aem "$3" -aec "$1" \
		-k 0008,0052=STUDY -k "0020,000D=$S" 127.0.0.1 "$2"
	stop "$listener"
}
# The agent with an empty cache under a folder: from the list being read to
# the study being ready, by its log; since the first object's file was written,
# to first.txt. A new folder each time: ext4 is slow where files were just
# deleted. prefetch FOLDER ARCHIVE-TITLE PORT
prefetch() {
	STATE=$(mktemp -d "$1/state.XXXXXX")
	configure <<END
pacs $2 $3 c-get
END
	: >"$T/agent.log"
	sync # what others left to write is not ours to wait for
	start_agent
	until_ok 120 grep -q study.ready "$T/agent.log"
	stop "$AGENT_PID"
	python3 -c 'import datetime, os, sys
at = {}
for line in open(sys.argv[1]):
    word = line.split()
    t = datetime.datetime.fromisoformat(word[0][:-1] + "+00:00")
    at.setdefault(word[2], t.timestamp())
ready = at.get("prefetch.study.ready")
if ready:
    print("%.4f" % (ready - at["schedule.list.read"]))
    first = min(os.stat(os.path.join(d, f)).st_mtime
                for d, _, files in os.walk(sys.argv[2])
                for f in files if f.endswith(".dcm"))
    print("%.4f" % (ready - first), file=open(sys.argv[3], "a"))
' "$T/agent.log" "$STATE/cache" "$T/first.txt"
}
middle() {
	sort -n | awk '{ v[NR] = $1 }
		END { print (NR > 0 ? v[int((NR + 1) / 2)] : "failed") }'
}
median() { # median RUNS COMMAND...
	runs=$1
	shift
	i=0
	while [ "$i" -lt "$runs" ]; do
		"$@"
		i=$((i + 1))
	done | middle
}

# --- the table

heading() { printf '\n%s\n' "$*"; }
# row LABEL SECONDS REFERENCE-SECONDS
row() {
	awk -v label="$1" -v s="$2" -v ref="$3" -v n="$N" -v b="$BYTES" '
	BEGIN {
		if (s + 0 <= 0) {
			printf "  %-42s %8s\n", label, s
			exit
		}
		printf "  %-42s %8.3f %8.0f %7.0f", label, s, n / s,
		    b / s / 1e6
		if (ref + 0 > 0)
			printf "   x %.2f", s / ref
		print ""
	}'
}
cpu() {
	sed -n 's/^model name.*: //p' /proc/cpuinfo 2>/dev/null | head -n 1 |
		grep . || sysctl -n machdep.cpu.brand_string
}
load() { uptime | sed 's/.*load average[s]*: //'; }

"$B/tools/phantom" --bench "$N" "$T/bench" >/dev/null ||
	fail "the phantom could not be made"
FIRST=$(find "$T/bench" -name '*.dcm' | head -n 1)
value() { dcmdump -q +P "$1" "$FIRST" | sed 's/.*\[\(.*\)\].*/\1/'; }
S=$(value 0020,000d)
PATIENT=$(value 0010,0020)
VIEWER_PORT=$(port)
NODE_PORT=$VIEWER_PORT # where dcmqrscp sends what "agent" asks to be moved
start_qrscp
start_orthanc
OUR_PORT=$(port)
NODE_PORT=$OUR_PORT
WEB_PORT=$(port)
send PACS "$QR_PORT" "$T/bench" || fail "dcmqrscp does not take them"
send ORTHANC "$OR_PORT" "$T/bench" || fail "Orthanc does not take them"
BYTES=$("$B/tools/viewer" -d -1 -c PACS 127.0.0.1 "$QR_PORT" "$S" \
	2>/dev/null | awk '{ print $3 }')
echo "bench,$(in_hours 6),Theatre 6,$PATIENT,,,," | list

has() { case " $PARTS " in *" $1 "*) true ;; *) false ;; esac; }

cat <<END
$N MR images, $((BYTES / 1000000)) MB, loopback; each line the median of $RUNS \
runs or what it says.
$(cpu), $(getconf _NPROCESSORS_ONLN) cores, $(uname -sr), \
$(date '+%Y-%m-%d %H:%M'), load $(load)
x = time by that of the nearest line above with x 1.00.

                                              seconds images/s    MB/s
END
part_prefetch() {
	heading "Prefetch with an empty cache, from the list to ready: asks, lists
the instances, fetches, checks, indexes, makes durable. x against the raw
client; 61 images/s would be 10.5 million in a weekend."
	from Orthanc ORTHANC "$OR_PORT"
	OR_DISK=$DISK
	from dcmqrscp PACS "$QR_PORT"
	QR_DISK=$DISK
}
from() { # from NAME TITLE PORT
	ref=$(median "$RUNS" raw "$2" "$3")
	row "raw C-GET client that discards, $1" "$ref" "$ref"
	row "understudy from it, cache in memory" \
		"$(median "$RUNS" prefetch "$SHM" "$2" "$3")" "$ref"
	rm -rf "$SHM"/state.* "$T/first.txt"
	DISK=$(median "$RUNS" prefetch "$T" "$2" "$3")
	row "understudy from it, cache on disk" "$DISK" "$ref"
	row "  of that, from its first object to ready" \
		"$(middle <"$T/first.txt")" "$ref"
}

# An agent that has the study, from dcmqrscp.
ready_agent() {
	STATE=$(mktemp -d "$T/state.XXXXXX")
	configure <<END
pacs PACS $QR_PORT c-get
END
	: >"$T/agent.log"
	start_agent
	wait_case bench ready 120
}
memory() { ps -o rss= -p "$AGENT_PID" | awk '{ printf "%.1f", $1 / 1024 }'; }
# Sixteen raw clients at once: the seconds of the slowest; the agent's memory
# meanwhile to rss.txt.
sixteen() {
	clients=""
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
		"$B/tools/viewer" -d -1 -c UNDERSTUDY 127.0.0.1 "$NODE_PORT" \
			"$S" >"$T/sixteen.$i" 2>/dev/null &
		clients="$clients $!"
	done
	for i in 1 2 3 4 5 6 7 8 9 10; do
		memory
		echo
		sleep 0.1
	done >"$T/rss.txt"
	# shellcheck disable=SC2086 # words
	wait $clients
	cat "$T"/sixteen.* | sort -n | tail -n 1 | awk '{ print $1 }'
}
part_node() {
	heading "C-GET to the raw client, x against the floor: files mapped
beforehand, writev, one reply an image. The peers run with TCP_NODELAY=1, at
their best."
	floor "$T/bench"
	REF=$(median "$RUNS" raw FLOOR "$FLOOR_PORT")
	row "the floor" "$REF" "$REF"
	OURS=$(median "$RUNS" raw UNDERSTUDY "$NODE_PORT")
	row "from understudy" "$OURS" "$REF"
	row "from dcmqrscp" "$(median "$RUNS" raw PACS "$QR_PORT")" "$REF"
	row "from Orthanc" "$(median "$RUNS" raw ORTHANC "$OR_PORT")" "$REF"
	stop "$FLOOR_PID"
	ALL=$(sixteen)
	awk -v all="$ALL" -v one="$OURS" -v n="$N" 'BEGIN {
		printf "  16 viewers at once: %.0f images/s in all, ", 16 * n / all
		printf "%.2f times one viewer\047s\n", 16 * one / all }'
	echo "  resident memory of the agent meanwhile: $(sort -n "$T/rss.txt" |
		tail -n 1) MB"

	heading "C-MOVE by stock movescu to stock storescp --ignore."
	OURS=$(median "$RUNS" move UNDERSTUDY "$NODE_PORT" THEATRE6-IMAC)
	row "from understudy" "$OURS" "$OURS"
	row "from dcmqrscp (1 run)" "$(move PACS "$QR_PORT" UNDERSTUDY)" \
		"$OURS"
}

# The peers as Debian installs them.
stock_peers() {
	stop "$QR_PID"
	QR_NODELAY=0
	ours=$NODE_PORT
	NODE_PORT=$VIEWER_PORT
	start_qrscp
	stop "$OR_PID"
	env -u TCP_NODELAY Orthanc "$T/orthanc.json" >"$T/orthanc2.log" 2>&1 &
	OR_PID=$!
	PIDS="$PIDS $OR_PID"
	until_ok 60 echoscu -aec ORTHANC 127.0.0.1 "$OR_PORT"
	NODE_PORT=$ours
}
part_stock() {
	stock_peers
	heading "C-GET by stock getscu +B, files in memory, both sides as
installed: Nagle's algorithm and delayed acknowledgements stall each image by
40 ms."
	OURS=$(median "$RUNS" getstock UNDERSTUDY "$NODE_PORT")
	row "from understudy" "$OURS" "$OURS"
	QR_STOCK=$(getstock PACS "$QR_PORT")
	OR_STOCK=$(getstock ORTHANC "$OR_PORT")
	row "from dcmqrscp (1 run)" "$QR_STOCK" "$OURS"
	row "from Orthanc (1 run)" "$OR_STOCK" "$OURS"
	has prefetch || return
	heading "The prefetch onto the disk against that getscu from the same archive."
	row "understudy from dcmqrscp" "$QR_DISK" "$QR_DISK"
	row "stock getscu +B from it" "$QR_STOCK" "$QR_DISK"
	row "understudy from Orthanc" "$OR_DISK" "$OR_DISK"
	row "stock getscu +B from it" "$OR_STOCK" "$OR_DISK"
}

# Four objects of 300 MB, from a house of their own.
part_large() {
	big=$T/big
	mkdir "$big"
	"$B/tools/phantom" --big 4 "$LARGE" "$big" >/dev/null ||
		fail "the phantom could not be made"
	FIRST=$(find "$big" -name '*.dcm' | head -n 1)
	L=$(value 0020,000d)
	send PACS "$QR_PORT" "$big" || fail "dcmqrscp does not take them"
	send ORTHANC "$OR_PORT" "$big" || fail "Orthanc does not take them"
	echo "large,$(in_hours 6),Theatre 6,$(value 0010,0020),,,," | list
	EXTRA=$EVERYTHING
	STATE=$(mktemp -d "$T/state.XXXXXX")
	stop "$AGENT_PID"
	configure <<END
pacs ORTHANC $OR_PORT c-get
END
	start_agent
	wait_case large ready 120
	N=4
	CLASS="-k 1.2.840.10008.5.1.4.1.1.7.3"
	BYTES=$((4 * LARGE))
	floor "$big"
	heading "Four multi-frame objects of $((LARGE / 1000000)) MB, C-GET to the raw
client, x against the floor."
	REF=$(median "$RUNS" raw FLOOR "$FLOOR_PORT" "$L" 4)
	row "the floor" "$REF" "$REF"
	row "from understudy" \
		"$(median "$RUNS" raw UNDERSTUDY "$NODE_PORT" "$L" 4)" "$REF"
	row "from dcmqrscp, which holds three; x 4/3" \
		"$(median "$RUNS" raw PACS "$QR_PORT" "$L" 3 |
		awk '{ print $1 * 4 / 3 }')" "$REF"
	row "from Orthanc" "$(median "$RUNS" raw ORTHANC "$OR_PORT" "$L" 4)" \
		"$REF"
	echo "  resident memory of the agent afterwards: $(memory) MB"
	stop "$FLOOR_PID"
	stop "$AGENT_PID"
	rm -rf "$big" "$STATE"
	EXTRA=
}

# short LABEL SECONDS REFERENCE-SECONDS: milliseconds
short() {
	awk -v label="$1" -v s="$2" -v ref="$3" 'BEGIN {
		printf "  %-42s %8.1f   x %.2f\n", label, 1000 * s, s / ref }'
}
# line LABEL: median and 99th percentile on standard input
line() {
	awk -v label="$1" '{ printf "  %-42s %8.2f %8.2f   %s answers\n",
		label, $1, $2, $3 } END { if (NR == 0)
		printf "  %-42s   failed\n", label }'
}
latency() { "$B/tools/latency" -n 200 "$@" 2>/dev/null; }
part_index() {
	mkdir -p "$T/full/cache"
	chmod 700 "$T/full" "$T/full/cache"
	rmdir "$T/full/cache"
	"$B/tools/fill" "$STUDIES" 50 "$T/full/cache" "$T/files" ||
		fail "the house could not be filled"
	stop "$AGENT_PID" # of the parts before
	STATE=$T/full
	configure </dev/null
	start_agent
	stop "$OR_PID" # its own house in memory, or this takes an hour
	mkdir -p "$SHM/orthanc"
	sed "s|\"$T/orthanc\"|\"$SHM/orthanc\"|g" "$T/orthanc.json" \
		>"$T/orthanc-full.json"
	TCP_NODELAY=1 Orthanc "$T/orthanc-full.json" >"$T/orthanc4.log" 2>&1 &
	OR_PID=$!
	PIDS="$PIDS $OR_PID"
	until_ok 60 echoscu -aec ORTHANC 127.0.0.1 "$OR_PORT"
	send ORTHANC "$OR_PORT" "$T/files" || fail "Orthanc does not take them"
	rm -rf "$T/files"
	today=$(date -u +%Y%m%d)
	any=2.25.4711.$((STUDIES / 2 + 1))
	class=1.2.840.10008.5.1.4.1.1.7
	who=$(printf 'P%06d' $((STUDIES / 4)))
	cat <<END

With $((STUDIES * 50)) instances in $STUDIES studies: milliseconds,
                                               median      p99
END
	for house in "understudy UNDERSTUDY $NODE_PORT" \
		"Orthanc ORTHANC $OR_PORT"; do
		# shellcheck disable=SC2086 # three words
		set -- $house
		latency -c "$2" -p "$who" 127.0.0.1 "$3" |
			line "C-FIND of a patient, $1"
		latency -c "$2" -t "$today" 127.0.0.1 "$3" |
			line "C-FIND of today's studies, $1"
		latency -c "$2" -s "$any" -g "$class" 127.0.0.1 "$3" |
			line "C-GET until the first object, $1"
	done
	stop "$AGENT_PID"
	rm -rf "$T/full"
}

# Orthanc's own DICOMweb plugin, on $OW_HTTP.
start_orthanc_web() {
	plugin=$(find /usr/share/orthanc/plugins -name 'libOrthancDicomWeb*' |
		head -n 1)
	[ -n "$plugin" ] || return 1
	sed -e "s|\"Plugins\": \[\]|\"Plugins\": [\"$plugin\"]|" \
		"$T/orthanc.json" >"$T/orthanc-web.json"
	stop "$OR_PID"
	TCP_NODELAY=1 Orthanc "$T/orthanc-web.json" >"$T/orthanc3.log" 2>&1 &
	OR_PID=$!
	PIDS="$PIDS $OR_PID"
	until_ok 60 curl -sf "http://127.0.0.1:$OR_HTTP/dicom-web/studies?limit=1"
}
# The seconds of one GET: get PORT PATH ACCEPT
get() {
	curl -s -o /dev/null -w '%{http_code} %{time_total}\n' -H "Accept: $3" \
		"http://127.0.0.1:$1/dicom-web/$2" | awk '$1 == 200 { print $2 }'
}
part_web() {
	start_orthanc_web || return
	parts='multipart/related; type="application/dicom"; transfer-syntax=*'
	heading "DICOMweb by curl, milliseconds, x against understudy; Orthanc with
its plugin."
	for what in "QIDO-RS of a patient|studies?PatientID=$PATIENT|json" \
		"WADO-RS metadata of the study|studies/$S/metadata|json" \
		"WADO-RS of the study|studies/$S|parts"; do
		label=${what%%|*}
		path=${what#*|}
		accept="application/dicom+json"
		[ "${what##*|}" = parts ] && accept=$parts
		OURS=$(median "$RUNS" get "$WEB_PORT" "${path%|*}" "$accept")
		short "$label, understudy" "$OURS" "$OURS"
		short "$label, Orthanc" \
			"$(median "$RUNS" get "$OR_HTTP" "${path%|*}" \
			"$accept")" "$OURS"
	done
}

# A viewer while four studies are being prefetched. The archive shares the
# processor here; a real one does not, so it gives way.
part_busy() {
	mkdir -p "$T/more"
	for seed in 41 42 43 44; do
		"$B/tools/phantom" --seed "$seed" --bench "$N" "$T/more/$seed" \
			>/dev/null || fail "the phantom could not be made"
	done
	send PACS "$QR_PORT" "$T/more" || fail "dcmqrscp does not take them"
	rm -rf "$T/more"
	renice -n 19 -p "$QR_PID" >/dev/null
	IDLE=$(median "$RUNS" raw UNDERSTUDY "$NODE_PORT")
	{
		echo "bench,$(in_hours 6),Theatre 6,$PATIENT,,,,"
		echo "busy,$(in_hours 5),Theatre 6,$PATIENT,,,,"
	} | list
	: >"$T/busy.txt"
	limit=$(($(date +%s) + 60))
	while [ "$(grep -c study.ready "$T/agent.log")" -lt 5 ] &&
		[ "$(date +%s)" -lt "$limit" ]; do
		api status | grep -q '"active": *[1-9]' || continue
		raw UNDERSTUDY "$NODE_PORT"
	done >"$T/busy.txt"
	heading "C-GET to the raw client while four studies are being prefetched,
x against idle."
	row "idle" "$IDLE" "$IDLE"
	row "busy (median of $(wc -l <"$T/busy.txt"))" \
		"$(middle <"$T/busy.txt")" "$IDLE"
}


# A house of a million, in which nothing is to be done.
part_million() {
	stop "$AGENT_PID"
	mkdir -p "$T/million"
	chmod 700 "$T/million"
	"$B/tools/fill" "$MILLION" 50 "$T/million/cache" ||
		fail "the house could not be filled"
	: >"$T/list.csv"
	STATE=$T/million
	CACHE_KEYS='scrub = off' # a pass a day is no idle time
	SIZE='500 GiB'
	configure </dev/null
	heading "With $((MILLION * 50)) instances in $MILLION studies (an index of \
$(du -m "$T/million/cache/index.db" | awk '{ print $1 }') MB):"
	python3 tests/e2e/starts.py "$PROG" "$T/agent.conf" "$NODE_PORT" \
		"$WEB_PORT" "$T/starts.log"
	CACHE_KEYS=
	"$B/tools/rules"
	rm -rf "$T/million"
}

! has prefetch || part_prefetch
ready_agent
! has node || part_node
! has busy || part_busy
! has web || part_web
! has node || part_stock
! has large || part_large
! has index || part_index
! has million || part_million
echo
echo "load at the end: $(load)"
