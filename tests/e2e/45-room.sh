#!/bin/sh
# Goal of this test:
# - what will not fit is said as soon as the archive has counted its images,
#   before anything may be fetched;
# - two cases that do not fit into the cache together come to rest: the sooner
#   one is ready, the later one is said not to fit, in the case, in status, in
#   check, in /metrics and once in the log; nothing is fetched over and over;
# - a study larger than the whole cache is not tried again by itself, and is
#   when a person asks or the cache grows.
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
need python3 curl
phantom
cp "$T/list.csv" "$T/all.csv"
only() {
	{
		head -n 1 "$T/all.csv"
		grep "^CASE-100[$1]" "$T/all.csv"
	} >"$T/list.new"
	mv "$T/list.new" "$T/list.csv"
}
metric() {
	curl -sf "http://127.0.0.1:$WEB_PORT/metrics" |
		awk -v m="understudy_$1" '$1 == m { print $2 }'
}
has_no_room() {
	api cases | json "[c['room_reason'] for c in d if c['id'] == '$1'][0]" |
		grep -q 'does not fit'
}
command_says() { "$CLI" -S "$STATE/control.sock" "$1" | grep -q "$2"; }
# Nothing moves any more: neither retrievals nor evictions.
rests() {
	was="$(metric fetches_started_total) $(metric evictions_total)"
	sleep 4
	now="$(metric fetches_started_total) $(metric evictions_total)"
	[ "$was" = "$now" ] || fail "$1: it does not rest: $was, then $now"
}
start_archive "$T/hospital/dicom"

# 0. the window is closed, nothing is fetched yet: it is said all the same
SIZE='3 MiB'
cp "$T/list.csv" "$T/as-made.csv"
awk -F , -v OFS=, -v a="$(in_hours 10)" -v b="$(in_hours 12)" \
	'NR == 2 { $2 = a } NR > 2 { $2 = b } NR < 4' "$T/all.csv" >"$T/list.csv"
WINDOW=$(in_hours 4 | cut -c 12-)-$(in_hours 4.02 | cut -c 12-)
PREFETCH="urgent = 6 h"
STATE=$T/state0
configure <<END
archive ARCHIVE $AR_PORT c-get
END
start_agent
until_ok 20 has_no_room CASE-1002 || fail "not said ahead: $(api cases)"
api cases | json "all(c['to_go'] > 0 for c in d)" | grep -qx True ||
	fail "what is to come is not told: $(api cases)"
[ "$(metric fetches_started_total)" = 0 ] || fail "it fetches in the day"
stop "$AGENT_PID"
mv "$T/as-made.csv" "$T/list.csv"
WINDOW=
PREFETCH=
STATE=$T/state
: >"$T/agent.log"
echo "  the day before: said before anything is fetched"

# 1. the later case comes first, then the sooner one
configure <<END
archive ARCHIVE $AR_PORT c-get
END
only 2
start_agent
wait_case CASE-1002 ready 20
only 12
wait_case CASE-1001 ready 30
until_ok 10 has_no_room CASE-1002 || fail "not said: $(api cases)"
has_no_room CASE-1001 && fail "the sooner case: $(api cases)"
rests "two cases"
wait_case CASE-1001 ready 1
command_says status 'does not fit' || fail "status does not say it"
command_says check 'WARNING.*does not fit' || fail "check does not say it"
[ "$(metric cases_without_room)" = 1 ] || fail "/metrics does not say it"
[ "$(grep -c 'cache.case.no_room' "$T/agent.log")" -le 2 ] ||
	fail "the log is full of it"
api status | json "d['cache']['bytes'] <= d['cache']['limit_bytes']" |
	grep -qx True || fail "the size: $(api status)"
stop "$AGENT_PID"
echo "  two cases: the sooner one is ready, the later one is told"

# 2. larger than the whole cache
STATE=$T/state2
SIZE='1 MiB'
configure <<END
archive ARCHIVE $AR_PORT c-get
END
only 1
start_agent
until_ok 20 has_no_room CASE-1001 || fail "large: $(api cases)"
sleep 2
rests large
grep -q 'prefetch.room.none' "$T/agent.log" && fail "tried by itself"
"$CLI" -S "$STATE/control.sock" prefetch CASE-1001 >/dev/null
until_ok 10 grep -q 'prefetch.room.none' "$T/agent.log" ||
	fail "a person's wish is not tried"
sleep 1
rests "large, asked for"
stop "$AGENT_PID"
SIZE='8 GiB'
configure <<END
archive ARCHIVE $AR_PORT c-get
END
start_agent
wait_case CASE-1001 ready 30
has_no_room CASE-1001 && fail "it fits now: $(api cases)"
echo "  a study larger than the cache: refused once, ready once it fits"
