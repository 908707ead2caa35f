#!/bin/sh
# Goal of this test:
# - an archive that refuses, cuts, drops, mixes up or sends paths for UIDs
#   leads to a clear reason in the API and the log, to nothing half shown and
#   to no file outside the cache; the other case goes on;
# - when the fault ends the study becomes ready.
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
NODE_KEYS="read_through = no" # half a study must stay unseen
need python3 findscu getscu curl
phantom
S=$(awk '$2 == "CASE-1003" { c = 1; next } c { print $2; exit }' \
	"$T/hospital/expect.txt")
cp "$T/list.csv" "$T/both.csv"
head -n 1 "$T/both.csv" >"$T/one.csv"
grep '^CASE-1003' "$T/both.csv" >>"$T/one.csv"
head -n 1 "$T/both.csv" >"$T/two.csv"
grep '^CASE-100[23]' "$T/both.csv" >>"$T/two.csv"

# every file that is not under the state folder of this round
outside() {
	find "$T" -path "$STATE" -prune -o -type f -print | sort
	ls -d /etc/x /tmp/x 2>/dev/null
}
# what lies in the cache has names of our own making
strange() {
	find "$STATE/cache" -type f | sed "s|^$STATE/cache/||" |
		grep -Ev '^[0-9a-f/]+\.dcm$|^index|^tmp/[0-9a-f]+$|^[.A-Z_a-z-]*$'
}
n=0
begin() {
	n=$((n + 1))
	how=$1
	list=$2
	shift 2
	STATE=$T/state$n
	mkdir -p "$STATE"
	cp "$T/$list.csv" "$T/list.csv"
	: >"$T/agent.log"
	: >"$T/asked.txt"
	start_archive "$@" "$T/hospital/dicom"
	configure <<END
archive ARCHIVE $AR_PORT $how
END
	outside >"$T/before.txt"
	start_agent
}
reason() { api cases | json "[c['reason'] + str([s['reason'] for s in
	c['studies']]) for c in d if c['id'] == 'CASE-1003'][0]"; }
reason_is() { reason | grep -q "$1"; }
hidden() {
	[ "$(found "$S")" -eq 0 ] || fail "$1: half a study is listed"
	rm -rf "$T/half"
	getstudy UNDERSTUDY "$NODE_PORT" "$S" "$T/half"
	[ -z "$(ls "$T/half")" ] || fail "$1: half a study is served"
	outside >"$T/after.txt"
	diff "$T/before.txt" "$T/after.txt" || fail "$1: files outside"
	[ -z "$(strange)" ] || fail "$1: names in the cache: $(strange)"
	grep -q "$2" "$T/agent.log" || fail "$1: the log does not say '$2'"
	grep -q 'etc/x' "$T/agent.log" && fail "$1: a path is in the log"
}
# fault HOW NAME WORDS LOGGED SWITCHES...: the case is not ready and says so
fault() {
	by=$1
	name="$2 by $1"
	words=$3
	logged=$4
	shift 4
	begin "$by" two --only "$S" "$@"
	until_ok 15 reason_is "$words" ||
		fail "$name: want '$words', have '$(reason)'"
	wait_case CASE-1002 ready 15
	is_readiness CASE-1003 ready && fail "$name: ready all the same"
	: >"$T/getscu.log"
	hidden "$name" "$logged"
	stop "$AR_PID"
	start_archive "$T/hospital/dicom"
	"$CLI" -S "$STATE/control.sock" prefetch CASE-1003 >/dev/null ||
		fail "$name: the command"
	wait_case CASE-1003 ready 20
	[ "$(found "$S")" -eq 1 ] || fail "$name: not listed at the end"
	stop "$AGENT_PID"
	stop "$AR_PID"
	echo "  $name: held back, said, then ready"
}
touch "$T/getscu.log" "$T/after.txt" "$T/before.txt" "$T/asked.txt"
NODE_PORT=$(port)
AR_PORT=$(port)
for by in c-get c-move; do
	fault "$by" "2 objects left out" '19 of 21 instances here: ' \
		'here=19 listed=21' --drop 2
	fault "$by" "a path in a data set" '20 of 21 instances here: ' \
		'here=20 listed=21.*refused' --bad-data-uid
	fault "$by" "another study's object" '20 of 21 instances here: ' \
		'here=20 listed=21.*refused' --wrong-study
done
fault c-get "a path in a command" 'want a UID' 'want a UID' --bad-uid
fault c-move "a path in a command" 'of 21 instances here: ' \
	'listed=21' --bad-uid
fault c-get "cut in an object" 'left inside a data set' \
	'left inside a data set' --cut
fault c-move "cut in an object" 'of 21 instances here: ' \
	'listed=21' --cut

# an object that nobody asked for is refused; what was asked for is whole
begin c-get one --extra
wait_case CASE-1003 ready 15
grep -q "object.refused.*nobody asked" "$T/agent.log" ||
	fail "extra: taken in silence"
api status | json "d['cache']['instances']" | grep -qx 21 ||
	fail "extra: it was kept: $(api status)"
stop "$AGENT_PID"
stop "$AR_PID"
echo "  an object that nobody asked for: refused"

# slow answers: the agent stays quick, and gets there
begin c-get one --slow-find 1
curl -sf -m 1 "http://127.0.0.1:$WEB_PORT/healthz" >/dev/null ||
	fail "slow: the agent waits with it"
wait_case CASE-1003 ready 20
stop "$AGENT_PID"
stop "$AR_PID"
echo "  slow answers: ready all the same"

# refused for the moment: it is there, and is asked by fewer
begin c-get one --refuse busy
until_ok 15 reason_is 'refuses us' || fail "busy: have '$(reason)'"
[ "$(api status | json "d['archives'][0]['state']")" = up ] ||
	fail "busy: the archive is not up"
[ "$(api status | json "d['archives'][0]['associations_allowed']")" -lt 4 ] ||
	fail "busy: it is asked by as many"
"$CLI" -S "$STATE/control.sock" status | grep -q 'busy: asked by' ||
	fail "busy: status does not say it"
stop "$AR_PID"
start_archive "$T/hospital/dicom"
wait_case CASE-1003 ready 40
stop "$AGENT_PID"
stop "$AR_PID"
echo "  refused for the moment: up, then ready by itself"

# refused, then nobody there
begin c-get one --refuse title
until_ok 15 reason_is 'refuses us' || fail "refused: have '$(reason)'"
is_readiness CASE-1003 failed || fail "refused: $(readiness CASE-1003)"
[ "$(api status | json "d['archives'][0]['state']")" = down ] ||
	fail "refused: the archive is not down"
stop "$AR_PID"
"$CLI" -S "$STATE/control.sock" prefetch CASE-1003 >/dev/null
until_ok 15 reason_is 'onnect' || fail "nobody there: have '$(reason)'"
start_archive "$T/hospital/dicom"
wait_case CASE-1003 ready 40
echo "  refused, then nobody there, then ready by itself"
