#!/bin/sh
# Goal of this test:
# - a viewer that wants pushes gets the studies of each case that turns ready,
#   and the agent says so only by the viewer's own answer;
# - one that is away at first is told of as such, and gets everything without
#   anybody's help when it comes up; what it has is not sent again;
# - one that answers no queries is believed by its C-STORE answers;
# - every object goes out in the syntax it is stored in, bit by bit.
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
need python3 curl storescp Orthanc getscu dcmqrscp echoscu

# configure, with pushes
configure_push() {
	configure
	awk '{ print } /^ae_title = OSIRIX$/ { print "push = yes" }' \
		"$T/agent.conf" >"$T/push.conf"
	mv "$T/push.conf" "$T/agent.conf"
}
viewer_is() {
	api status | json "d['viewers'][0]['state']" | grep -q "^$1$"
}
# How far the wanted studies are in the viewer: "STATE INSTANCES EXPECTED"
in_viewer() {
	api studies | json "'\n'.join('%s %d %d' % (v['state'],
		v['instances'], v['expected']) for v in (
		s['in_viewer'] for s in d if s['study_uid'] in
		open('$T/wanted.txt').read().split()))"
}
all_there() {
	in_viewer | awk '$1 != "done" || $2 != $3 || $2 == 0 { bad = 1 }
		END { exit bad }'
}
some_failed() { in_viewer | awk '/^failed 0 / { n++ } END { exit !n }'; }
pushed() {
	curl -sf "http://127.0.0.1:$WEB_PORT/metrics" |
		awk '$1 == "understudy_objects_pushed_total" { print $2 }'
}

phantom
VIEWER_PORT=$(port)
start_archive "$T/hospital/dicom"
configure_push <<END
archive ARCHIVE $AR_PORT c-get
END
start_agent
for c in CASE-1001 CASE-1002 CASE-1003; do
	wait_case "$c" ready 40
done
until_ok 20 some_failed || fail "the viewer is away: $(in_viewer)"
api cases | json "[s['in_viewer']['reason'] for c in d for s in c['studies']
	if s['in_viewer']['state'] == 'failed'][0]" >"$T/reason.txt"
grep -q "cannot be reached: 127.0.0.1:$VIEWER_PORT" "$T/reason.txt" ||
	fail "no reason in words: $(cat "$T/reason.txt")"
until_ok 20 viewer_is down || fail "the viewer is away: $(api status)"
"$CLI" -c "$T/agent.conf" status | grep -q '^Viewer .*down' ||
	fail "status does not tell that the viewer is away"

OR_PORT=$VIEWER_PORT
start_orthanc
OR_WEB=$OR_HTTP
until_ok 60 all_there || fail "the viewer came up: $(in_viewer)"
viewer_is up || fail "the viewer is up: $(api status)"
n=$(in_viewer | awk '{ n += $2 } END { print n }')
curl -sf "http://127.0.0.1:$OR_WEB/statistics" |
	json "d['CountInstances']" | grep -q "^$n$" ||
	fail "the viewer does not hold $n objects"
[ "$(pushed)" = "$n" ] || fail "want $n objects pushed, have $(pushed)"
"$CLI" -c "$T/agent.conf" status | grep -q 'in viewer: 1 of 1 study' ||
	fail "status: $("$CLI" -c "$T/agent.conf" status)"
"$CLI" -c "$T/agent.conf" cases | grep -q 'in viewer: 21 of 21' ||
	fail "cases: $("$CLI" -c "$T/agent.conf" cases)"
curl -sf "http://127.0.0.1:$WEB_PORT/metrics" |
	grep -q '^understudy_viewer_up{viewer="osirix"} 1$' ||
	fail "no metric of the viewer"
S=$(head -n 1 "$T/wanted.txt")
getstudy ORTHANC "$OR_PORT" "$S" "$T/there" || fail "getscu from the viewer"
getstudy UNDERSTUDY "$NODE_PORT" "$S" "$T/here" || fail "getscu from the node"
same "$T/here" "$T/there" >"$T/same.log" || fail "$(cat "$T/same.log")"
echo "  a viewer that was away: $n objects in it, by its own answer"

# a new agent knows nothing of what was pushed, and asks; two images
# that the viewer lost are all that is sent
ids=$(curl -sf "http://127.0.0.1:$OR_WEB/instances" | json "' '.join(d[:2])")
for id in $ids; do
	curl -sf -X DELETE "http://127.0.0.1:$OR_WEB/instances/$id" >/dev/null
done
stop "$AGENT_PID"
start_agent
until_ok 60 all_there || fail "after a restart: $(in_viewer)"
[ "$(pushed)" = 2 ] || fail "want 2 objects sent again, have $(pushed)"
stop "$AGENT_PID"
stop "$OR_PID"
stop "$AR_PID"
echo "  a viewer that had lost two: two were sent"

# dcmqrscp gives no counts and answers no relational questions: asked series
# by series
mkdir "$T/qrv"
cat >"$T/qrv.cfg" <<END
NetworkTCPPort = $VIEWER_PORT
MaxPDUSize = 16384
MaxAssociations = 16
HostTable BEGIN
HostTable END
AETable BEGIN
OSIRIX $T/qrv RW (500, 1024mb) ANY
AETable END
END
TCP_NODELAY=1 dcmqrscp -c "$T/qrv.cfg" >"$T/qrv.log" 2>&1 &
QRV=$!
PIDS="$PIDS $QRV"
until_ok 20 echoscu -aec OSIRIX 127.0.0.1 "$VIEWER_PORT"
start_agent
until_ok 60 all_there || fail "a viewer without counts: $(in_viewer)"
[ "$(pushed)" = "$n" ] || fail "want $n objects pushed, have $(pushed)"
study "$S" | json "d['in_viewer']['reason'] == ''" | grep -q True ||
	fail "no answer by C-FIND: $(study "$S")"
stop "$AGENT_PID"
stop "$QRV"
echo "  a viewer without counts: asked image by image"

python3 -c "import socket, time
s = socket.create_server(('127.0.0.1', $VIEWER_PORT)); time.sleep(60)" &
PIDS="$PIDS $!"
MUTE=$!
start_agent
until_ok 10 in_viewer
sleep 1 # until it is being asked; nothing outside tells
from=$(date +%s)
stop "$AGENT_PID"
[ $(($(date +%s) - from)) -le 5 ] || fail "a mute viewer holds up the stop"
stop "$MUTE"
echo "  a mute viewer: the agent stops all the same"

# every real file, to a viewer that answers no queries and takes everything
# but what DCMTK aborts over, data sets of an odd length, and the one syntax
# (deflated frames) that its releases do not know
GOOD=$DATA/dicom/good
[ -d "$GOOD" ] || exit 0
STATE=$T/state2
mkdir -p "$STATE" "$T/out"
EXTRA=$EVERYTHING
configure_push <<END
archive ARCHIVE $AR_PORT c-get
END
start_archive --fill "$GOOD"
python3 tests/e2e/archive.py --fill --list "$GOOD" >"$T/held.txt" 2>/dev/null
cut -f 1 "$T/held.txt" | sort -u | cases
cut -f 2 "$T/held.txt" | sort -u >"$T/wanted.txt"
python3 tests/e2e/getter.py file - "$GOOD" 2>/dev/null | sort >"$T/want.txt"
awk '$3 % 2 == 0 && $2 != "1.2.840.10008.1.2.8.1"' "$T/want.txt" \
	>"$T/must.txt"
storescp -pm +xa +B -aet ANY -od "$T/out" "$VIEWER_PORT" \
	>"$T/storescp.log" 2>&1 &
PIDS="$PIDS $!"
until_ok 10 echoscu 127.0.0.1 "$VIEWER_PORT"
start_agent
until_ok 60 all_are ready || fail "$(not_ready)"
tried() { in_viewer | awk '!/^(done|failed)/ { bad = 1 } END { exit bad }'; }
until_ok 60 tried || fail "$(in_viewer | sort | uniq -c)"
study "$(head -n 1 "$T/wanted.txt")" | json "d['in_viewer']['reason']" |
	grep -q 'by its C-STORE answers' || fail "no word of C-STORE answers"
python3 tests/e2e/getter.py file - "$T/out" 2>/dev/null | sort >"$T/have.txt"
comm -23 "$T/must.txt" "$T/have.txt" >"$T/lacks.txt"
comm -13 "$T/want.txt" "$T/have.txt" >"$T/other.txt"
[ ! -s "$T/lacks.txt" ] || fail "did not come: $(head "$T/lacks.txt")"
[ ! -s "$T/other.txt" ] || fail "another syntax: $(head "$T/other.txt")"
in_viewer | awk '{ n += $2; m += $3 } END { print n, m }' >"$T/counts.txt"
echo "$(wc -l <"$T/have.txt") $(wc -l <"$T/want.txt")" |
	cmp -s - "$T/counts.txt" || fail "counts: $(cat "$T/counts.txt")"
[ "$(wc -l <"$T/have.txt")" -eq "$(wc -l <"$T/want.txt")" ] ||
	some_failed || fail "some lack, and none is failed"
echo "  a viewer without queries: $(wc -l <"$T/have.txt") objects in" \
	"$(cut -d ' ' -f 2 "$T/have.txt" | sort -u | wc -l) syntaxes as stored"
