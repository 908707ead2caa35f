#!/bin/sh
# Goal of this test:
# - an archive that stops in the middle of an object holds nobody up: the other
#   case turns ready, the node serves, the agent stops at once when told;
# - after half a minute the retrieval is given up with a reason, and the study
#   becomes ready when the archive is well again.
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
NODE_KEYS="read_through = no" # half a study must stay unseen
need python3 findscu getscu curl
phantom
S2=$(awk '$2 == "CASE-1002" { c = 1; next } c { print $2; exit }' \
	"$T/hospital/expect.txt")
S3=$(awk '$2 == "CASE-1003" { c = 1; next } c { print $2; exit }' \
	"$T/hospital/expect.txt")
NODE_PORT=$(port)
start_archive --stall-after 5 --only "$S3" "$T/hospital/dicom"
configure <<END
archive ARCHIVE $AR_PORT c-get
END
start_agent
reason_is() {
	api cases | json "[c['reason'] + str([s['reason'] for s in
		c['studies']]) for c in d if c['id'] == 'CASE-1003'][0]" |
		grep -q "$1"
}
wait_case CASE-1002 ready 20
wait_case CASE-1001 ready 20
is_readiness CASE-1003 fetching || fail "want fetching: $(not_ready)"
[ "$(found "$S3")" -eq 0 ] || fail "half a study is listed"
getstudy UNDERSTUDY "$NODE_PORT" "$S2" "$T/get" ||
	fail "nothing is served meanwhile"
[ "$(find "$T/get" -type f | wc -l)" -eq 78 ] || fail "want 78 objects"

# told to stop in the middle of it
stop_from=$(date +%s)
stop "$AGENT_PID"
[ $(($(date +%s) - stop_from)) -le 5 ] || fail "it did not stop within 5 s"
tail -n 1 "$T/agent.log" | grep -q 'stopped result=clean' ||
	fail "it did not stop cleanly"
stop "$AR_PID"
start_archive --stall-after 0 --only "$S3" "$T/hospital/dicom"
start_agent
from=$(date +%s)
until_ok 45 reason_is 'stalled' || fail "no reason: $(not_ready)"
took=$(($(date +%s) - from))
grep -q 'stalled' "$T/agent.log" || fail "nothing in the log"
stop "$AR_PID"
start_archive "$T/hospital/dicom"
"$CLI" -S "$STATE/control.sock" prefetch CASE-1003 >/dev/null ||
	fail "the command"
wait_case CASE-1003 ready 20
echo "a stalled archive was given up after $took s, then ready"
