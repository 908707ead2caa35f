#!/bin/sh
# How fast we serve and prefetch, beside the peers, in one run on loopback:
# 1,000 MR images of 131 KB; medians of BENCH_RUNS (5). bench.sh
# BENCH_N=100 makes it short. Only the ratios travel from machine to machine.
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
need python3 getscu movescu storescp dcmqrscp dcmsend dcmdump
N=${BENCH_N:-1000}
RUNS=${BENCH_RUNS:-5}
SLOW=120 # seconds after which a stalled peer's run is given up
SHM=$T/shm # files of stock clients, and a cache, in memory where there is any
[ -d /dev/shm ] && SHM=$(mktemp -d /dev/shm/us.XXXXXX)
mkdir -p "$SHM"
trap 'rm -rf "$SHM"; finish' EXIT

# --- measuring: each prints seconds, or nothing when it failed

# The raw client: our own association code, bytes thrown away: raw TITLE PORT
raw() {
	"$B/tools/viewer" -d -1 -c "$1" 127.0.0.1 "$2" "$S" 2>/dev/null |
		awk -v n="$N" '$2 == n { print $1 }'
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
echo "bench,$(in_hours 6),Theatre 6,$(value 0010,0020),,,," | list

cat <<END
$N MR images, $((BYTES / 1000000)) MB, loopback; each line the median of $RUNS \
runs or what it says.
$(cpu), $(getconf _NPROCESSORS_ONLN) cores, $(uname -sr), \
$(date '+%Y-%m-%d %H:%M'), load $(load)
x = time by that of the nearest line above with x 1.00.

                                              seconds images/s    MB/s
END
heading "Prefetch with an empty cache, from the list to ready: asks, lists the
instances, fetches, checks, indexes, makes durable. x against the raw client."
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
from Orthanc ORTHANC "$OR_PORT"
OR_DISK=$DISK
from dcmqrscp PACS "$QR_PORT"
QR_DISK=$DISK

start_agent # on the last cache, to serve from it
wait_case bench ready
heading "C-GET to the same raw client, x against understudy. The peers run with
TCP_NODELAY=1, at their best."
OURS=$(median "$RUNS" raw UNDERSTUDY "$NODE_PORT")
row "from understudy" "$OURS" "$OURS"
row "from dcmqrscp" "$(median "$RUNS" raw PACS "$QR_PORT")" "$OURS"
row "from Orthanc" "$(median "$RUNS" raw ORTHANC "$OR_PORT")" "$OURS"

heading "C-MOVE by stock movescu to stock storescp --ignore."
OURS=$(median "$RUNS" move UNDERSTUDY "$NODE_PORT" THEATRE6-IMAC)
row "from understudy" "$OURS" "$OURS"
row "from dcmqrscp (1 run)" "$(move PACS "$QR_PORT" UNDERSTUDY)" "$OURS"

# from here on the peers as Debian installs them
stop "$QR_PID"
QR_NODELAY=0
NODE_PORT=$VIEWER_PORT
start_qrscp
stop "$OR_PID"
env -u TCP_NODELAY Orthanc "$T/orthanc.json" >"$T/orthanc2.log" 2>&1 &
OR_PID=$!
PIDS="$PIDS $OR_PID"
until_ok 60 echoscu -aec ORTHANC 127.0.0.1 "$OR_PORT"
NODE_PORT=$OUR_PORT
heading "C-GET by stock getscu +B, files in memory, both sides as installed:
Nagle's algorithm and delayed acknowledgements stall each image by 40 ms."
OURS=$(median "$RUNS" getstock UNDERSTUDY "$NODE_PORT")
row "from understudy" "$OURS" "$OURS"
QR_STOCK=$(getstock PACS "$QR_PORT")
OR_STOCK=$(getstock ORTHANC "$OR_PORT")
row "from dcmqrscp (1 run)" "$QR_STOCK" "$OURS"
row "from Orthanc (1 run)" "$OR_STOCK" "$OURS"

heading "The prefetch onto the disk against that getscu from the same archive."
row "understudy from dcmqrscp" "$QR_DISK" "$QR_DISK"
row "stock getscu +B from it" "$QR_STOCK" "$QR_DISK"
row "understudy from Orthanc" "$OR_DISK" "$OR_DISK"
row "stock getscu +B from it" "$OR_STOCK" "$OR_DISK"
echo
echo "load at the end: $(load)"
