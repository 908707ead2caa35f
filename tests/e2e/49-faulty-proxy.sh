#!/bin/sh
# Goal of this test (N01, N02):
# - a network that cuts every connection in the middle, resets it, stalls,
#   crawls at 1 Mbit/s or is 20 ms long in front of dcmqrscp and Orthanc: each
#   study becomes whole, the same bytes as an independent client gets;
# - after twenty cuts no more than 1.1 times its objects were transferred.
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
need dcmqrscp Orthanc python3 getscu curl dcmsend
NODE_KEYS="read_through = no"
PREFETCH="
[limits]
archive_time = 2 s
pdu_time = 2 s"
phantom
NODE_PORT=$(port)
start_qrscp
start_orthanc
send PACS "$QR_PORT" "$T/hospital/dicom" || fail "send to dcmqrscp"
send ORTHANC "$OR_PORT" "$T/hospital/dicom" || fail "send to Orthanc"

CASES="CASE-1001 CASE-1002 CASE-1003"
total=0
while read -r uid; do
	for a in "PACS $QR_PORT" "ORTHANC $OR_PORT"; do
		getstudy "${a% *}" "${a#* }" "$uid" "$T/direct-${a% *}/$uid" ||
			fail "getscu from ${a% *}"
	done
	n=$(find "$T/direct-PACS/$uid" -type f | wc -l)
	total=$((total + n))
done <"$T/wanted.txt"

counted() {
	curl -s "http://127.0.0.1:$WEB_PORT/metrics" |
		awk -v name="$1" '$1 == name { print $2 }'
}
# What left the archive, whether or not it was kept.
transferred() {
	echo $(($(counted understudy_objects_stored_total) + \
		$(counted understudy_objects_refused_total)))
}

# through TITLE PORT MODE...: everything turns ready through such a network
through() {
	title=$1
	to=$2
	shift 2
	: >"$T/proxy.out"
	px=$(port)
	# shellcheck disable=SC2094 # a pipe to speak into is not needed
	python3 tests/e2e/proxy.py "$px" "$to" "$@" \
		>"$T/proxy.out" 2>>"$T/proxy.log" </dev/null &
	px_pid=$!
	PIDS="$PIDS $px_pid"
	until_ok 10 grep -q listening "$T/proxy.out" || fail "no proxy"
	STATE=$T/state-$title-$1
	WEB_PORT=$(port)
	configure <<END
pacs $title $px c-get
END
	start_agent
	from=$(date +%s)
	for c in $CASES; do
		wait_case "$c" ready 100
	done
	took=$(($(date +%s) - from))
	moved=$(transferred)
	struck=$(grep -vc listening "$T/proxy.out")
	stop "$px_pid"
	while read -r uid; do
		getstudy UNDERSTUDY "$NODE_PORT" "$uid" \
			"$T/got-$title-$1/$uid" ||
			fail "$title $1: getscu from the node"
		same "$T/direct-$title/$uid" "$T/got-$title-$1/$uid" ||
			fail "$title $1: other bytes"
	done <"$T/wanted.txt"
	stop "$AGENT_PID"
	echo "$title, $*: struck $struck times, ready after $took s," \
		"$moved objects for $total"
	[ $((10 * moved)) -le $((11 * total)) ] ||
		fail "$title $*: $moved objects for $total"
	case $1 in
	cut | reset | stall) [ "$struck" -gt 0 ] || fail "nothing was wrong" ;;
	esac
}

for archive in "PACS $QR_PORT" "ORTHANC $OR_PORT"; do
	# shellcheck disable=SC2086 # title and port
	{
		through $archive cut 300000 x20
		through $archive reset 500000 x5
		through $archive stall 700000 x2
		through $archive delay 10
	}
done
# the smallest alone, for it takes its time
CASES=CASE-1003
head -n 1 "$T/list.csv" >"$T/one.csv"
grep "^$CASES," "$T/list.csv" >>"$T/one.csv"
mv "$T/one.csv" "$T/list.csv"
awk -v id="$CASES" '$1 ~ /^case/ { on = $2 == id }
	on && $1 == "wanted" { print $2 }' "$T/hospital/expect.txt" \
	>"$T/wanted.txt"
[ -s "$T/wanted.txt" ] || fail "which studies has $CASES?"
total=$(while read -r uid; do
	find "$T/direct-PACS/$uid" -type f
done <"$T/wanted.txt" | wc -l)
through PACS "$QR_PORT" rate 1000000
