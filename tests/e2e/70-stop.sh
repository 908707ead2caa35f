#!/bin/sh
# Goal of this test:
# - SIGTERM ends the agent cleanly within 5 s, whatever it is doing: idle,
#   in the middle of a C-MOVE prefetch, serving a C-MOVE to a viewer whose
#   listener has stalled, waiting for an archive that does not answer.
# - after each, the next start is healthy and nothing half is ready.
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
need dcmqrscp getscu movescu

NODE_PORT=$(port)
"$B/tools/phantom" "$T/p" --small >"$T/phantom.log" || fail "phantom"
start_qrscp
send PACS "$QR_PORT" "$T/p/dicom" || fail "send"
cp "$T/p/list.csv" "$T/list.csv"

# Ends the agent; its log's last line must say that it was clean.
end_cleanly() {
	from=$(date +%s)
	kill -TERM "$AGENT_PID"
	wait "$AGENT_PID"
	code=$?
	took=$(($(date +%s) - from))
	[ "$code" -eq 0 ] || fail "$1: exit $code"
	[ "$took" -le 5 ] || fail "$1: took $took s"
	tail -n 1 "$T/agent.log" | grep -q 'main.stopped result=clean' ||
		fail "$1: not clean"
	echo "$1: clean in $took s"
}

configure <<EOF
pacs PACS $QR_PORT c-move
EOF
for round in 1 2 3; do
	start_agent
	end_cleanly "in a C-MOVE prefetch, round $round"
	rm -rf "$STATE"
done
start_agent
wait_case CASE-1001 ready 60
end_cleanly "idle"

# a viewer that takes the connection and never says a word
python3 -c '
import socket, sys, time
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", int(sys.argv[1]))); s.listen(8)
keep = []
while True:
    keep.append(s.accept())' "$VIEWER_PORT" &
PIDS="$PIDS $!"
start_agent
S=$(awk '$1 == "wanted" { print $2; exit }' "$T/p/expect.txt")
movescu -S -aec UNDERSTUDY -aem MAC -k 0008,0052=STUDY -k "0020,000D=$S" \
	127.0.0.1 "$NODE_PORT" >"$T/movescu.log" 2>&1 &
PIDS="$PIDS $!"
until_ok 10 sh -c "curl -sf http://127.0.0.1:$WEB_PORT/metrics |
	grep -q 'understudy_moves_total 1'" || fail "the C-MOVE did not come"
end_cleanly "serving a stalled viewer"

# an archive that takes the connection and never says a word
stop "$QR_PID"
rm -rf "$STATE"
python3 -c '
import socket, sys
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", int(sys.argv[1]))); s.listen(8)
keep = []
while True:
    keep.append(s.accept())' "$QR_PORT" &
PIDS="$PIDS $!"
until_ok 10 python3 -c "import socket
socket.create_connection(('127.0.0.1', $QR_PORT))" || fail "no silent archive"
start_agent
until_ok 5 sh -c "[ \$(curl -sf http://127.0.0.1:$WEB_PORT/api/cases |
	grep -c 'asked') -gt 0 ]"
end_cleanly "waiting for a silent archive"
echo "stop: clean within 5 s in every state"
