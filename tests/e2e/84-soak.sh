#!/bin/sh
# Goal of this test (N09, C16):
# - day after day, each with another list, a viewer that reads what is ready,
#   people who look and a backup that opens every file, in a cache that has
#   room for two days: each case is ready, and nothing grows: not memory, not
#   descriptors, not threads, not the index' log, nothing stays in tmp/.
# 84-soak.sh [DAYS]: 9; more by `make soak SOAK=1000`.
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
need python3 curl dcmqrscp dcmsend getscu
[ -d /proc/self/fd ] || skip "no /proc"
DAYS=${1:-9}
phantom
cp "$T/list.csv" "$T/all.csv"
NODE_PORT=$(port)
start_qrscp
send PACS "$QR_PORT" "$T/hospital/dicom" || fail "send to dcmqrscp"
SIZE='3500 KiB' # two cases of the three
configure <<END
pacs PACS $QR_PORT c-get
END
: >"$T/list.csv"
start_agent
# the backup
while :; do
	find "$T/state/cache" -type f -exec cat {} + >/dev/null 2>&1
	sleep 0.2
done &
PIDS="$PIDS $!"
day() {
	{
		head -n 1 "$T/all.csv"
		grep "^CASE-100$1" "$T/all.csv" | sed "s/^CASE/DAY-$2-CASE/"
	} >"$T/list.new"
	mv "$T/list.new" "$T/list.csv"
	wait_case "DAY-$2-CASE-100$1" ready 40
	api "cases/DAY-$2-CASE-100$1" >"$T/case.json" || api cases >"$T/case.json"
	grep -o '"study_uid":"[0-9.]*"' "$T/case.json" | cut -d '"' -f 4 \
		>"$T/uids"
	while read -r u; do
		rm -rf "$T/got"
		getstudy UNDERSTUDY "$NODE_PORT" "$u" "$T/got" ||
			fail "day $2: C-GET of a ready study"
	done <"$T/uids"
	api studies >/dev/null
	"$CLI" -S "$STATE/control.sock" status >/dev/null
	curl -sf "http://127.0.0.1:$WEB_PORT/dicom-web/studies" -o /dev/null
}
# Memory in KiB, descriptors, threads, KiB of the index' log
use() {
	echo "$(awk '$1 == "VmRSS:" { print $2 }' "/proc/$AGENT_PID/status")" \
		"$(find "/proc/$AGENT_PID/fd" | wc -l)" \
		"$(find "/proc/$AGENT_PID/task" -maxdepth 1 | wc -l)" \
		"$(du -k "$T/state/cache/index.db-wal" | awk '{ print $1 }')"
}
i=0
while [ "$i" -lt "$DAYS" ]; do
	day $((i % 3 + 1)) "$i"
	i=$((i + 1))
	[ "$i" -ne $((DAYS / 3)) ] || first=$(use)
done
last=$(use)
echo "  after $((DAYS / 3)) days: $first (KiB, descriptors, threads, KiB of log)"
echo "  after $DAYS days: $last"
echo "$first $last" | awk -v slack="${MEMORY_SLACK:-1}" '
$5 > $1 * 1.1 + 4096 * slack { print "memory grows"; bad = 1 }
$6 > $2 + 12 { print "descriptors grow"; bad = 1 }
$7 > $3 + 4 { print "threads grow"; bad = 1 }
$8 > 65536 + 8192 { print "the log of the index grows"; bad = 1 }
END { exit bad }' || fail "it grows"
[ -z "$(ls -A "$T/state/cache/tmp")" ] || fail "something stays in tmp/"
evicted=$(curl -s "http://127.0.0.1:$WEB_PORT/metrics" |
	awk '$1 == "understudy_evictions_total" { print $2 }')
[ "$evicted" -gt 3 ] || fail "nothing was evicted: the cache is too large"
grep -q ' error ' "$T/agent.log" && fail "the log has errors"
echo "  $DAYS cases ready, $evicted studies evicted"
