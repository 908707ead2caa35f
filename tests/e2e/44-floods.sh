#!/bin/sh
# Runs alone.
# Goal of this test:
# - callers in great number, silent, slow, idle, or deaf, lock nobody out on
#   this machine and leave nothing behind (L01-L06): 10,000 connections without
#   a byte, requests and data sets a byte at a time, 20,000 associations that
#   come and go, all places taken by idle ones, a peer that never reads.
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
need python3 curl
ELSEWHERE=$(python3 tests/e2e/hostile.py --where)
EXTRA="[limits]
first_byte = 2 s
request_time = 2 s
pdu_time = 2 s
send_time = 2 s
idle_local = 3 s
idle_elsewhere = 3 s
[viewer \"listed\"]
ae_title = LISTED
host = ${ELSEWHERE:-192.0.2.198}
[viewer \"second\"]
ae_title = SECOND
host = ${ELSEWHERE:-192.0.2.198}"
NODE_PORT=$(port)
list </dev/null
configure </dev/null
if [ -n "$ELSEWHERE" ]; then # the tests' own address is a caller's too
	sed "s/^listen = 127.0.0.1:$NODE_PORT/listen = 0.0.0.0:$NODE_PORT/" \
		"$T/agent.conf" >"$T/new.conf"
	mv "$T/new.conf" "$T/agent.conf"
fi
start_agent

python3 tests/e2e/floods.py --port "$NODE_PORT" --pid "$AGENT_PID" \
	${ELSEWHERE:+--elsewhere "$ELSEWHERE"} \
	silent slow often idle deaf || fail "see above"

kill -0 "$AGENT_PID" || fail "the agent is gone"
lines=$(awk 'END { print NR }' "$T/agent.log")
[ "$lines" -lt 100 ] || fail "$lines lines of log"
echo "no flood locked the theatre out"
