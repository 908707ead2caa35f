#!/bin/sh
# Runs alone.
# Goal of this test:
# - whoever calls the node with another protocol, with lengths that cannot be,
#   with a broken association, PDV, command or identifier, or when it is not
#   his turn, is sent away as PS3.8 and PS3.7 say, costs nothing, and the next
#   viewer of this machine is answered at once (D01 D02 D10-D14, X08);
# - who was refused stands in the log with the line that would let it in, and
#   nothing that a caller sent can forge a line or move a terminal.
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
need python3 curl
phantom
ELSEWHERE=$(python3 tests/e2e/hostile.py --where)
EXTRA="[limits]
first_byte = 2 s
request_time = 2 s
pdu_time = 2 s
send_time = 2 s
[viewer \"listed\"]
ae_title = LISTED
host = ${ELSEWHERE:-192.0.2.198}
[viewer \"faraway\"]
ae_title = FARAWAY
host = 192.0.2.199"
NODE_PORT=$(port)
start_archive "$T/hospital/dicom"
configure <<END
archive PACS $AR_PORT c-get
END
if [ -n "$ELSEWHERE" ]; then # the tests' own address is a caller's too
	sed "s/^listen = 127.0.0.1:$NODE_PORT/listen = 0.0.0.0:$NODE_PORT/" \
		"$T/agent.conf" >"$T/new.conf"
	mv "$T/new.conf" "$T/agent.conf"
fi
start_agent
wait_case CASE-1003 ready 40

python3 tests/e2e/hostile.py --port "$NODE_PORT" --pid "$AGENT_PID" \
	${ELSEWHERE:+--elsewhere "$ELSEWHERE"} \
	others lengths requests pdvs dimse identifiers late access || fail "see above"

kill -0 "$AGENT_PID" || fail "the agent is gone"
if [ -n "$ELSEWHERE" ]; then
	grep -q "node.caller.refused calling='UNLISTED' address=$ELSEWHERE .*\
remedy='\[viewer \"UNLISTED@\{0,1\}[^']*\]; ae_title = UNLISTED; \
host = $ELSEWHERE; port = 11112'" "$T/agent.log" ||
		fail "the log does not tell how to let UNLISTED in"
	api status | json "[r['calling'] for r in d['refused']]" |
		grep -q UNLISTED || fail "the page does not tell of UNLISTED"
fi
esc=$(printf '\033')
! grep -q "$esc" "$T/agent.log" || fail "an escape sequence in the log"
! grep -v '^20[0-9-]*T[0-9:.]*Z ' "$T/agent.log" || fail "a forged line"
lines=$(awk 'END { print NR }' "$T/agent.log")
[ "$lines" -lt 200 ] || fail "$lines lines of log"
echo "nobody got in, nothing grew, the theatre was served throughout"
