#!/bin/sh
# Goal of this test:
# - when the quota, the reserve or the disk itself is reached, the retrieval
#   pauses with a reason, what is ready is served, nothing half is shown, and
#   the study comes as soon as there is room;
# - under a quota the earliest case is ready and the furthest gives way.
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
NODE_KEYS="read_through = no" # half a study must stay unseen
need python3 findscu getscu curl
phantom
# the last study of a case
study_of() {
	awk -v c="$1" '$1 == "case" { on = $2 == c } on && $1 == "wanted" {
		uid = $2 } END { print uid }' "$T/hospital/expect.txt"
}
S1=$(study_of CASE-1001)
S2=$(study_of CASE-1002)
S3=$(study_of CASE-1003)
cp "$T/list.csv" "$T/all.csv"
only() {
	{
		head -n 1 "$T/all.csv"
		grep "^CASE-100[$1]" "$T/all.csv"
	} >"$T/list.new"
	mv "$T/list.new" "$T/list.csv"
}
reason_is() {
	api cases | json "[c['reason'] + str([s['reason'] for s in
		c['studies']]) for c in d if c['id'] == '$1'][0]" |
		grep -qi "$2"
}
served() {
	rm -rf "$T/get" "$T/direct"
	getstudy ARCHIVE "$AR_PORT" "$S1" "$T/direct" || fail "$1: archive"
	getstudy UNDERSTUDY "$NODE_PORT" "$S1" "$T/get" ||
		fail "$1: what is ready is not served"
	same "$T/direct" "$T/get" >/dev/null || fail "$1: other bytes"
	[ "$(found "$S3")" -eq 0 ] || fail "$1: half a study is listed"
}
NODE_PORT=$(port)
start_archive "$T/hospital/dicom"

# 1. the disk, a small one of our own when we may mount: another program
# leaves 300 KiB above the reserve
STATE=$T/state1
mkdir -p "$STATE"
if mount -t tmpfs -o size=24m tmpfs "$STATE" 2>/dev/null; then
	trap 'code=$?; umount -l "$T/state1"; (exit "$code"); finish' EXIT
	RESERVE='4 MiB'
	configure <<END
archive ARCHIVE $AR_PORT c-get
END
	only 1
	start_agent
	wait_case CASE-1001 ready 20
	free=$(df -k "$STATE" | awk 'NR == 2 { print $4 }')
	head -c $(((free - 4096 - 300) * 1024)) /dev/zero >"$STATE/filler"
	only 13
	until_ok 20 reason_is CASE-1003 'no room\|disk full' ||
		fail "disk: no reason: $(not_ready)"
	is_readiness CASE-1003 ready && fail "disk: ready without room"
	is_readiness CASE-1001 ready || fail "disk: the first case gave way"
	served disk
	grep -q 'action=paused\|action=trying_again' "$T/agent.log" ||
		fail "disk: nothing in the log"
	curl -sf "http://127.0.0.1:$WEB_PORT/healthz" >/dev/null ||
		fail "disk: not healthy: $(api status)"
	free=$(df -k "$STATE" | awk 'NR == 2 { print $4 }')
	# the index goes on writing: it is small
	[ "$free" -ge 3584 ] || fail "disk: the reserve was used: $free KiB"
	rm "$STATE/filler"
	"$CLI" -S "$STATE/control.sock" prefetch CASE-1003 >/dev/null
	wait_case CASE-1003 ready 30
	stop "$AGENT_PID"
	echo "  the disk was full, and was not"
else
	echo "  the disk: not tried, we may not mount"
fi

# 2. the reserve: larger than any disk, then as usual
STATE=$T/state2
mkdir -p "$STATE"
RESERVE='64 MiB'
configure <<END
archive ARCHIVE $AR_PORT c-get
END
only 1
start_agent
wait_case CASE-1001 ready 20
stop "$AGENT_PID"
RESERVE='1 PiB'
configure <<END
archive ARCHIVE $AR_PORT c-get
END
only 13
start_agent
until_ok 20 reason_is CASE-1003 'reserve' ||
	fail "reserve: no reason: $(not_ready)"
served reserve
is_readiness CASE-1001 ready || fail "reserve: the first case gave way"
stop "$AGENT_PID"
RESERVE='64 MiB'
configure <<END
archive ARCHIVE $AR_PORT c-get
END
start_agent
wait_case CASE-1003 ready 20
is_readiness CASE-1001 ready || fail "reserve: what was ready is not"
stop "$AGENT_PID"
echo "  the reserve was reached, and was not"

# 3. the quota: room for the first case and no more
STATE=$T/state3
mkdir -p "$STATE"
SIZE='3 MiB'
configure <<END
archive ARCHIVE $AR_PORT c-get
END
only 123
start_agent
wait_case CASE-1001 ready 20
until_ok 20 reason_is CASE-1002 'room\|full' ||
	fail "quota: no reason: $(not_ready)"
wait_case CASE-1001 ready 5
[ "$(found "$S2")" -eq 0 ] || fail "quota: half a study is listed"
api status | json "d['cache']['bytes'] <= d['cache']['limit_bytes']" |
	grep -qx True || fail "quota: $(api status)"
stop "$AGENT_PID"
echo "  the quota held, the first case is ready"
