#!/bin/sh
# The main job on an embedded hospital: a PACS with beating phantom hearts, a
# theatre list for tomorrow morning, the agent that makes the theatre ready,
# and a viewer that gets every byte. demo.sh [--oneshot]
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
oneshot=${1:-}
say() { printf '\n%s\n' "$*"; }
# the ports of the documentation where they are free
free() { python3 -c "import socket
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('127.0.0.1', $1))" 2>/dev/null; }
if free 11113; then NODE_PORT=11113; else NODE_PORT=$(port); fi
if free 8113; then WEB_PORT=8113; else WEB_PORT=$(port); fi
VIEWER_PORT=11112 # OsiriX's own listener, for its C-MOVE

say "1. A hospital: phantom hearts, a PACS (DCMTK's dcmqrscp), a theatre list"
"$B/tools/phantom" "$T/hospital" || fail "the phantom could not be made"
cp "$T/hospital/list.csv" "$T/list.csv"
start_qrscp
send PACS "$QR_PORT" "$T/hospital/dicom" || fail "the PACS does not take them"
echo "   $(find "$T/hospital/dicom" -name '*.dcm' | wc -l) images of 3" \
	"patients in the PACS; the list has 3 operations for tomorrow"

say "2. The agent of Theatre 6 starts with an empty cache"
configure <<EOF
pacs PACS $QR_PORT c-get
EOF
start_agent
python3 tests/e2e/progress.py "http://127.0.0.1:$WEB_PORT" 80 ||
	fail "the theatre is not ready"

say "3. What stays away, and why"
while read -r word uid _; do
	[ "$word" = unwanted ] || continue
	api "why?study=$uid" | json "'   %s %-26s %s: %s' % (
		d['date'], d['description'],
		d['cases'][0]['id'], [r for r in d['cases'][0]['reasons']
			if not r.startswith('rule ')][-1])" || fail "no reason is told"
	curl -sf "http://127.0.0.1:$WEB_PORT/api/studies/$uid" >/dev/null &&
		fail "an unwanted study was fetched"
done <"$T/hospital/expect.txt"

say "4. The PACS is switched off; a viewer opens a study all the same"
S=$(awk '$1 == "wanted" { print $2; exit }' "$T/hospital/expect.txt")
mkdir -p "$T/pacs" "$T/node"
export TCP_NODELAY=1
getscu -S +B -aec PACS -od "$T/pacs" -k 0008,0052=STUDY -k "0020,000D=$S" \
	127.0.0.1 "$QR_PORT" >"$T/getscu.log" 2>&1 || fail "getscu from the PACS"
stop "$QR_PID"
getscu -S +B -aec UNDERSTUDY -aet THEATRE6-IMAC -od "$T/node" \
	-k 0008,0052=STUDY -k "0020,000D=$S" 127.0.0.1 "$NODE_PORT" \
	>"$T/getscu.log" 2>&1 || fail "getscu from the node"
python3 tests/e2e/compare.py "$T/pacs" "$T/node" | sed 's/^/   /'
python3 tests/e2e/compare.py "$T/pacs" "$T/node" >/dev/null ||
	fail "the node's bytes are not the PACS's"
echo "   byte for byte what the PACS sent"

say "5. Look at it, and let OsiriX in"
cat <<EOF
   page      http://127.0.0.1:$WEB_PORT/
   terminal  $CLI -S $STATE/control.sock status
   OsiriX    Preferences > Locations > Add:
               name Understudy    address 127.0.0.1    port $NODE_PORT
               AE title UNDERSTUDY    retrieve C-MOVE
             or, for a terminal: $CLI -S $STATE/control.sock setup
EOF
[ -n "$oneshot" ] && exit 0
echo
echo "Up until Ctrl-C."
trap 'exit 0' INT TERM
wait "$AGENT_PID"
