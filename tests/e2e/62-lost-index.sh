#!/bin/sh
# Goal of this test:
# - an index that is gone, empty or damaged is made anew from the files that
#   prove to be whole: nothing is transferred again, the same bytes are served;
# - a file that is damaged as well is fetched anew, alone; one that is damaged
#   while nobody reads it is found by the scrub;
# - without the archive nothing is shown that was not compared with its list;
# - an index of a newer agent is refused, and nothing is touched.
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
need dcmqrscp python3 getscu curl dcmsend
phantom
NODE_PORT=$(port)
NODE_KEYS="read_through = no"
start_qrscp
send PACS "$QR_PORT" "$T/hospital/dicom" || fail "send to dcmqrscp"
while read -r uid; do
	getstudy PACS "$QR_PORT" "$uid" "$T/direct/$uid" || fail "getscu"
done <"$T/wanted.txt"
TOTAL=$(find "$T/direct" -type f | wc -l)
STATE=$T/state
IX=$STATE/cache/index.db
configure <<END
pacs PACS $QR_PORT c-get
END
stored() {
	curl -s "http://127.0.0.1:$WEB_PORT/metrics" |
		awk '$1 == "understudy_objects_stored_total" { print $2 }'
}
files() { find "$STATE/cache" -name '*.dcm' | wc -l; }
served() {
	while read -r uid; do
		rm -rf "$T/got"
		getstudy UNDERSTUDY "$NODE_PORT" "$uid" "$T/got" ||
			fail "$1: getscu from the node"
		same "$T/direct/$uid" "$T/got" >/dev/null ||
			fail "$1: other bytes"
	done <"$T/wanted.txt"
}
# again NAME OBJECTS: it comes up, and fetches so many
again() {
	: >"$T/agent.log"
	start_agent
	until_ok 60 all_are ready || fail "$1: $(not_ready)"
	[ "$(stored)" -eq "$2" ] || fail "$1: $(stored) objects came, want $2"
	[ "$(files)" -eq "$TOTAL" ] || fail "$1: $(files) files"
	grep -q 'cache.index.rebuilt' "$T/agent.log" ||
		fail "$1: it does not say so"
	served "$1"
	stop "$AGENT_PID"
	echo "  $1: $TOTAL objects ready, $2 fetched"
}
start_agent
until_ok 60 all_are ready || fail "not ready: $(not_ready)"
stop "$AGENT_PID"
[ "$(files)" -eq "$TOTAL" ] || fail "$(files) files for $TOTAL objects"

rm -f "$IX" "$IX-wal" "$IX-shm"
again "gone" 0
: >"$IX"
rm -f "$IX-wal" "$IX-shm"
again "empty" 0

# torn in the middle, as a crash and a bad disk leave it
start_agent
until_ok 60 all_are ready || fail "not ready: $(not_ready)"
kill -9 "$AGENT_PID"
wait "$AGENT_PID" 2>/dev/null || true
rm -f "$IX-wal" "$IX-shm"
python3 -c 'import os, sys
f = os.open(sys.argv[1], os.O_RDWR)
for at in range(4096, os.fstat(f).st_size, 8192):
    os.pwrite(f, b"\xa5" * 4096, at)' "$IX"
again "damaged" 0
ls "$STATE"/cache/index.db.damaged-* >/dev/null 2>&1 ||
	fail "the damaged one is not kept aside"

# a bit of one object too
rm -f "$IX" "$IX-wal" "$IX-shm"
python3 -c 'import os, sys
f = os.open(sys.argv[1], os.O_RDWR)
at = os.fstat(f).st_size - 99
b = os.pread(f, 1, at)
os.pwrite(f, bytes([b[0] ^ 1]), at)' \
	"$(find "$STATE/cache" -name '*.dcm' | sort | head -n 1)"
again "gone, and one object damaged" 1

# a bit of an object while it runs, and nobody asks for it: the scrub finds it
: >"$T/agent.log"
start_agent
until_ok 60 all_are ready || fail "not ready: $(not_ready)"
python3 -c 'import os, sys
f = os.open(sys.argv[1], os.O_RDWR)
at = os.fstat(f).st_size - 99
b = os.pread(f, 1, at)
os.pwrite(f, bytes([b[0] ^ 1]), at)' \
	"$(find "$STATE/cache" -name '*.dcm' | sort | tail -n 1)"
until_ok 40 grep -q 'cache.scrub.damaged' "$T/agent.log" ||
	fail "the scrub does not find it"
one_came() { [ "$(stored)" -eq 1 ]; }
until_ok 20 one_came || fail "scrubbed: $(stored) objects came"
until_ok 20 all_are ready || fail "scrubbed: $(not_ready)"
served "scrubbed"
stop "$AGENT_PID"
echo "  a bit while it runs: found by the scrub, 1 fetched"

# without the archive: kept, and not shown
rm -f "$IX" "$IX-wal" "$IX-shm"
stop "$QR_PID"
: >"$T/agent.log"
start_agent
until_ok 10 grep -q 'cache.index.rebuilt' "$T/agent.log" || fail "not rebuilt"
sleep 2
[ "$(api status | json "d['cases']['ready']")" -eq 0 ] ||
	fail "ready without the archive's list"
[ "$(files)" -eq "$TOTAL" ] || fail "files went: $(files)"
stop "$AGENT_PID"

# of a newer agent
python3 -c 'import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("PRAGMA user_version = 99")
db.commit()' "$IX"
before=$(cksum "$IX")
: >"$T/agent.log"
if "$PROG" -c "$T/agent.conf" >>"$T/agent.log" 2>&1; then
	fail "a newer index is taken"
fi
[ "$(cksum "$IX")" = "$before" ] || fail "a newer index was touched"
[ "$(files)" -eq "$TOTAL" ] || fail "files went for a newer index"
echo "  a newer agent's: refused, $(grep -c . "$T/agent.log") lines of log"
