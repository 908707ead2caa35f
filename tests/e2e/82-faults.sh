#!/bin/sh
# Runs alone.
# Goal of this test:
# - whatever call fails once, at whatever moment (no room, a bad disk, no
#   descriptors, no memory), nothing is lost and nothing is shown that is not
#   whole; when it is over all becomes ready by itself;
# - while each sync takes two seconds, viewers are answered all the same.
# 82-faults.sh [COUNT]: so many calls of each kind; SEED repeats a run.
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
need python3 curl dcmqrscp dcmsend echoscu
COUNT=${1:-4}
SEED=${SEED:-$(date +%s)}
case $B in *asan | *tsan) skip "a sanitizer must be the first library" ;; esac
FAULTS=$B/tools/faults.so
[ -e "$FAULTS" ] || skip "no $FAULTS"
"$B/tools/phantom" --small --patients 1 "$T/hospital" >/dev/null ||
	fail "the phantom could not be made"
awk '$1 == "wanted" { print $2 }' "$T/hospital/expect.txt" >"$T/wanted.txt"
cp "$T/hospital/list.csv" "$T/full.csv"
NODE_PORT=$(port)
start_qrscp
send PACS "$QR_PORT" "$T/hospital/dicom" || fail "the PACS does not take them"
PREFETCH='horizon = 120 h' # all cases, however late the evening
configure <<END
pacs PACS $QR_PORT c-get
END
echo "  seed $SEED"
export FAULTS
PROG=$PROG VIEWER=$B/tools/viewer python3 tests/e2e/faults.py "$COUNT" \
	"$SEED" "$T" "$NODE_PORT" "$WEB_PORT" "$QR_PORT" || fail "seed $SEED"

# a disk that takes two seconds a sync
rm -rf "$T/state"
: >"$T/agent.log"
FAULTS_FOLDER=$T/state/cache FAULTS_SLOW_MS=2000 LD_PRELOAD=$PWD/$FAULTS \
	"$PROG" -c "$T/agent.conf" >>"$T/agent.log" 2>&1 &
AGENT_PID=$!
PIDS="$PIDS $AGENT_PID"
until_ok 30 curl -sf "http://127.0.0.1:$WEB_PORT/healthz" -o /dev/null ||
	fail "it does not start on a slow disk"
UID_1=$(head -n 1 "$T/wanted.txt")
slow=0
ready=
for _ in $(seq 200); do
	ms=$(python3 -c 'import subprocess, sys, time
t = time.monotonic()
subprocess.run(["echoscu", "-aec", "UNDERSTUDY", "127.0.0.1", sys.argv[1]],
               check=True)
print(round(1000 * (time.monotonic() - t)))' "$NODE_PORT") || fail "no C-ECHO"
	[ "$ms" -lt 1000 ] || slow=$ms
	ready=$(study "$UID_1" | json "d['state']" 2>/dev/null || true)
	[ "$ready" != ready ] || break
	sleep 0.1
done
[ "$ready" = ready ] || fail "not ready on a slow disk"
[ "$slow" -eq 0 ] || fail "a C-ECHO took $slow ms"
echo "  two seconds a sync: ready, no C-ECHO over a second"
