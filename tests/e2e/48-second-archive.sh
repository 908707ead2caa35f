#!/bin/sh
# Goal of this test:
# - a study of which each of two archives lacks a part is ready with what both
#   list together, each object once, byte for byte what an archive sends;
# - what the first cannot deliver comes from the second;
# - an archive that is gone takes nothing away from what is ready.
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
need dcmqrscp Orthanc python3 getscu curl dcmsend
phantom
grep -e '^case_id' -e '^CASE-1002,' "$T/hospital/list.csv" >"$T/list.csv"
UID_2=$(awk '$2 == "CASE-1002" { c = 1; next } c { print $2; exit }' \
	"$T/hospital/expect.txt")
NODE_PORT=$(port)
start_qrscp
start_orthanc
# every seventh file is missing in one, every ninth in the other
mkdir "$T/a" "$T/b"
find "$T/hospital/dicom" -type f | sort | awk -v t="$T" '{
	if (NR % 7 != 3) print "cp " $0 " " t "/a/" NR ".dcm"
	if (NR % 9 != 5) print "cp " $0 " " t "/b/" NR ".dcm" }' | sh
send PACS "$QR_PORT" "$T/a" || fail "send to dcmqrscp"
send ORTHANC "$OR_PORT" "$T/b" || fail "send to Orthanc"
getstudy PACS "$QR_PORT" "$UID_2" "$T/from-a" || fail "getscu from dcmqrscp"
getstudy ORTHANC "$OR_PORT" "$UID_2" "$T/from-b" || fail "getscu from Orthanc"
mkdir "$T/union"
cp "$T"/from-b/* "$T/union/"
cp "$T"/from-a/* "$T/union/" # the first one's, where both have it
n=$(find "$T/union" -type f | wc -l)
[ "$n" -gt "$(find "$T/from-a" -type f | wc -l)" ] || fail "no part is missing"

configure <<END
pacs PACS $QR_PORT c-get
other ORTHANC $OR_PORT c-move
END
start_agent
wait_case CASE-1002 ready 60
have=$(study "$UID_2" | json "d['instances']")
[ "$have" -eq "$n" ] || fail "want $n objects, have $have"
grep -q 'completed_from archive=other' "$T/agent.log" ||
	fail "nothing came from the second"
getstudy UNDERSTUDY "$NODE_PORT" "$UID_2" "$T/got" || fail "getscu"
same "$T/union" "$T/got" || fail "other bytes"

stop "$OR_PID"
stop "$AGENT_PID"
start_agent
until_ok 20 grep -q 'archive.down archive=other' "$T/agent.log" ||
	fail "the second is not found to be gone"
wait_case CASE-1002 ready 30
[ "$(study "$UID_2" | json "d['instances']")" -eq "$n" ] ||
	fail "a dead archive took something away"

# asked for the first time while the second is gone: it is told so, unless the
# second is one that no case waits for
stop "$AGENT_PID"
rm -rf "$T/state"
start_agent
until_ok 20 grep -q 'archive.down archive=other' "$T/agent.log" ||
	fail "the second is not found to be gone"
waits() { is_readiness CASE-1002 ready || api cases | grep -q 'archive other'; }
until_ok 30 waits || fail "why it is not ready is not said: $(api cases)"
is_readiness CASE-1002 ready && fail "ready although one did not answer"
stop "$AGENT_PID"
echo "optional = yes" >>"$T/agent.conf" # the last section is the second
start_agent
wait_case CASE-1002 ready 30
stop "$AGENT_PID"
stop "$QR_PID"
rm -rf "$T/state"
start_agent
sleep 3
is_readiness CASE-1002 ready && fail "ready although nobody answered"
echo "$n objects, of two archives"
