#!/bin/sh
# Goal of this test (K01, K02, K05; K03 as far as it shows within seconds):
# - a machine that slept over three due fetches makes up for them at once, each
#   once, in the order of the cases; without a network it waits without a storm;
# - a wall clock that is set by hours, a day, to 1970 or to 2106 evicts nothing
#   and loses nothing;
# - an agent that is stopped in the middle of a fetch goes on with it.
# Linux cannot be put to sleep here: its clocks tell that it was (faults.c).
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
need dcmqrscp python3 curl dcmsend
case $B in *asan | *tsan) skip "a sanitizer must be the first library" ;; esac
FAULTS=$PWD/$B/tools/faults.so
[ -e "$FAULTS" ] || FAULTS=$B/tools/faults.so
[ -e "$FAULTS" ] || skip "no $FAULTS"
phantom
NODE_PORT=$(port)
start_qrscp
send PACS "$QR_PORT" "$T/hospital/dicom" || fail "send to dcmqrscp"
TOTAL=0
while read -r uid; do
	getstudy PACS "$QR_PORT" "$uid" "$T/direct/$uid" || fail "getscu"
	TOTAL=$((TOTAL + $(find "$T/direct/$uid" -type f | wc -l)))
done <"$T/wanted.txt"

# set_clock ASLEEP-S AHEAD-S
set_clock() {
	python3 -c 'import os, struct, sys
f = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o600)
os.pwrite(f, struct.pack("=qq", *(1000 * int(s) for s in sys.argv[2:])), 0)' \
		"$T/clock" "$1" "$2"
}
asleep() { # S: the machine sleeps so long
	kill -STOP "$AGENT_PID"
	set_clock "$1" "$1"
	kill -CONT "$AGENT_PID"
}
counted() {
	curl -s "http://127.0.0.1:$WEB_PORT/metrics" |
		awk -v name="$1" '$1 == name { print $2 }'
}
stored() { counted understudy_objects_stored_total; }
warnings() { grep -c '^[^ ]* \(warn\|error\) ' "$T/agent.log" || true; }
begin() {
	rm -rf "$T/state"
	: >"$T/agent.log"
	set_clock 0 0
	configure <<END
pacs PACS $1 c-get
END
	start_agent
}
export FAULTS_CLOCK="$T/clock"
AGENT_UNDER="env LD_PRELOAD=$FAULTS"
ASSOCIATIONS=1
NODE_KEYS="read_through = no"
# open for a minute, four hours from now; the cases are in 10, 11 and 12 hours
WINDOW=$(in_hours 4 | cut -c 12-)-$(in_hours 4.02 | cut -c 12-)
PREFETCH="urgent = 6 h"
awk -F , -v OFS=, -v a="$(in_hours 10)" -v b="$(in_hours 11)" \
	-v c="$(in_hours 12)" 'NR == 1 { print; next }
	{ k++; if (k <= 3) { $2 = k == 1 ? a : k == 2 ? b : c; print } }' \
	"$T/hospital/list.csv" >"$T/list.csv"

# --- eight hours over three due fetches
begin "$QR_PORT"
until_ok 20 all_are queued || fail "they do not wait for the window: $(not_ready)"
[ "$(stored)" -eq 0 ] || fail "it fetches outside the window"
asleep 28800
order=
for _ in $(seq 600); do
	now=$(api cases | json "' '.join(c['id'] for c in d
		if c['readiness'] == 'ready')")
	for c in $now; do
		case " $order " in *" $c "*) ;; *) order="$order $c" ;; esac
	done
	[ "$(echo "$order" | wc -w)" -lt 3 ] || break
	sleep 0.1
done
all_are ready || fail "not ready within a minute of the wake: $(not_ready)"
[ "$order" = " $(awk -F , 'NR > 1 { print $1 }' "$T/list.csv" | tr '\n' ' ' |
	sed 's/ $//')" ] || fail "in another order:$order"
[ "$(stored)" -eq "$TOTAL" ] || fail "$(stored) objects for $TOTAL"
echo "slept 8 h: ready in the order$order, $TOTAL objects"

# --- the clock is set: nothing goes
for s in 7200 -7200 86400 -1795000000 2500000000; do
	set_clock 28800 $((28800 + s))
	sleep 2.5
	curl -sf "http://127.0.0.1:$WEB_PORT/healthz" -o /dev/null ||
		fail "a step of $s s: not healthy"
done
set_clock 28800 28800
sleep 2.5
[ "$(api status | json "d['cache']['instances']")" -ge "$TOTAL" ] ||
	fail "a set clock has evicted something"
until_ok 30 all_are ready || fail "not ready after the clock: $(not_ready)"
[ "$(stored)" -eq "$TOTAL" ] || fail "a set clock has fetched anew"
[ "$(grep -c main.clock.gap "$T/agent.log")" -ge 5 ] ||
	fail "the agent has not noticed"
stop "$AGENT_PID"
echo "the clock was set to 1970, 2106 and three others: all is here"

# --- a wake without network
PX=$(port)
begin "$PX"
sleep 2
before=$(warnings)
asleep 28800
sleep 12
stormed=$(($(warnings) - before))
[ "$stormed" -le 12 ] || fail "$stormed warnings in 12 s without a network"
python3 tests/e2e/proxy.py "$PX" "$QR_PORT" pass >"$T/proxy.out" 2>&1 \
	</dev/null &
PIDS="$PIDS $!"
until_ok 90 all_are ready || fail "the network is back: $(not_ready)"
stop "$AGENT_PID"
echo "woke without a network: $stormed warnings in 12 s, then ready"

# --- stopped in the middle of a fetch
WINDOW=00:00-24:00
SLOW=$(port)
python3 tests/e2e/proxy.py "$SLOW" "$QR_PORT" rate 4000000 \
	>"$T/slow.out" 2>&1 </dev/null &
PIDS="$PIDS $!"
until_ok 10 grep -q listening "$T/slow.out" || fail "no proxy"
begin "$SLOW"
some_are_here() { [ "$(stored)" -gt 5 ]; }
until_ok 30 some_are_here || fail "nothing comes"
kill -STOP "$AGENT_PID"
sleep 6
kill -CONT "$AGENT_PID"
until_ok 90 all_are ready || fail "not ready after a stop: $(not_ready)"
[ $((10 * $(stored))) -le $((11 * TOTAL)) ] ||
	fail "$(stored) objects for $TOTAL"
echo "stopped for 6 s in a fetch: ready, $(stored) objects for $TOTAL"
while read -r uid; do
	getstudy UNDERSTUDY "$NODE_PORT" "$uid" "$T/got/$uid" || fail "getscu"
	same "$T/direct/$uid" "$T/got/$uid" || fail "other bytes"
done <"$T/wanted.txt"
