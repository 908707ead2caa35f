#!/bin/sh
# Goal of this test:
# - what no case wants is listed at the node with its counts and modalities,
#   and the first C-GET and C-MOVE give all of it, byte for byte what the
#   archive gives: DCMTK's dcmqrscp, Orthanc, our own archive; the second time
#   the archive is not asked;
# - two viewers at once cause one retrieval;
# - an archive that dies in the middle: what came is sent, A702 at the end, and
#   the next try gives all; one that is gone or silent keeps nobody waiting.
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
need python3 findscu getscu movescu storescp echoscu curl
phantom
head -n 1 "$T/list.csv" >"$T/none.csv"
mv "$T/none.csv" "$T/list.csv"
python3 tests/e2e/archive.py --list "$T/hospital/dicom" >"$T/held.txt"
# the largest studies
largest() { sort -t "$(printf '\t')" -k 3,3nr "$T/held.txt" |
	awk -F '\t' -v n="$1" 'NR == n { print $2 }'; }
BIG=$(largest 1)
SECOND=$(largest 2)
THIRD=$(largest 3)
now_ms() { python3 -c 'import time; print(int(time.time() * 1000))'; }
line() { awk -F '\t' -v u="$1" '$2 == u' "$T/held.txt"; }
NODE_PORT=$(port)

begin() { # NAME TITLE PORT HOW
	STATE=$T/state-$1
	mkdir -p "$STATE"
	: >"$T/agent.log"
	configure <<END
$1 $2 $3 $4
END
	start_agent
	until_ok 15 archive_is up || fail "$1: the archive is not up"
}
archive_is() {
	[ "$(api status | json "d['archives'][0]['state']")" = "$1" ]
}
# listed UID: its count and modalities, as the node tells them
listed() {
	findscu -S -aet VIEWER -aec UNDERSTUDY -k 0008,0052=STUDY \
		-k "0020,000D=$1" -k 0020,1208 -k 0008,0061 -k 0010,0010 \
		127.0.0.1 "$NODE_PORT" >"$T/answers" 2>&1 ||
		fail "findscu: $(cat "$T/answers")"
	n=$(sed -n 's/^I: (0020,1208) .. \[\([0-9]*\).*/\1/p' "$T/answers")
	m=$(sed -n 's/^I: (0008,0061) .. \[\([^]]*\)\].*/\1/p' "$T/answers")
	echo "$n $m" | sed 's/ *$//'
}
want_listed() {
	want=$(line "$1" | awk -F '\t' '{ gsub(",", "\\", $4); print $3, $4 }')
	have=$(listed "$1")
	[ "$have" = "$want" ] || fail "$2: want '$want', have '$have': \
$(cat "$T/answers")"
}
# By however many associations: no object came twice.
once() {
	twice=$(grep '^C-STORE' "$T/asked.txt" | sort | uniq -d | wc -l)
	[ "$twice" -eq 0 ] || fail "$1: $twice objects came twice"
}
# getscu has words for A702
is_refused() { grep -q 'OutOfResourcesSubOperations' "$T/getscu.log"; }
direct() { # TITLE PORT NAME
	for uid in "$BIG" "$SECOND"; do
		getstudy "$1" "$2" "$uid" "$T/direct-$3/$uid" ||
			fail "$3: getscu from the archive"
	done
}
# both ways of a viewer, and ready for the second time
served() { # NAME HOW
	want_listed "$BIG" "$1"
	want_listed "$SECOND" "$1"
	getstudy UNDERSTUDY "$NODE_PORT" "$BIG" "$T/get-$1-$2" ||
		fail "$1: getscu: $(tail -n 5 "$T/getscu.log")"
	same "$T/direct-$1/$BIG" "$T/get-$1-$2" ||
		fail "$1 by $2: C-GET gives other bytes"
	movestudy "$SECOND" "$T/move-$1-$2" ||
		fail "$1: movescu: $(tail -n 5 "$T/movescu.log")"
	same "$T/direct-$1/$SECOND" "$T/move-$1-$2" ||
		fail "$1 by $2: C-MOVE gives other bytes"
	for uid in "$BIG" "$SECOND"; do
		[ "$(study "$uid" | json "d['state']")" = ready ] ||
			fail "$1: not ready: $(study "$uid")"
		want_listed "$uid" "$1, ready"
	done
	getstudy UNDERSTUDY "$NODE_PORT" "$BIG" "$T/again-$1-$2" ||
		fail "$1: the second time"
	same "$T/direct-$1/$BIG" "$T/again-$1-$2" || fail "$1: other bytes"
	echo "  $1 by $2: all of it, the first time"
}

if command -v dcmqrscp >/dev/null; then
	start_qrscp
	send PACS "$QR_PORT" "$T/hospital/dicom" || fail "nothing taken"
	direct PACS "$QR_PORT" qrscp
	for how in c-get c-move; do
		begin qrscp PACS "$QR_PORT" "$how"
		served qrscp "$how"
		stop "$AGENT_PID"
		rm -rf "$STATE"
	done
	stop "$QR_PID"
fi
if command -v Orthanc >/dev/null; then
	start_orthanc
	send ORTHANC "$OR_PORT" "$T/hospital/dicom" || fail "nothing taken"
	direct ORTHANC "$OR_PORT" orthanc
	begin orthanc ORTHANC "$OR_PORT" c-get
	served orthanc c-get
	stop "$AGENT_PID"
	stop "$OR_PID"
fi

# our own archive: what it is asked is written down
start_archive --no-counts "$T/hospital/dicom"
direct ARCHIVE "$AR_PORT" own
: >"$T/asked.txt"
begin own ARCHIVE "$AR_PORT" c-get
served own c-get
once "asked again"
n=$(grep -c 'C-FIND' "$T/asked.txt")
want_listed "$THIRD" own
m=$(grep -c 'C-FIND' "$T/asked.txt")
[ "$m" -gt "$n" ] || fail "the archive was not asked for $THIRD"
want_listed "$THIRD" "own, from memory"
[ "$(grep -c 'C-FIND' "$T/asked.txt")" -eq "$m" ] ||
	fail "the same question twice within a minute"
stop "$AGENT_PID"
rm -rf "$STATE"
stop "$AR_PID"

# two viewers at once, one retrieval; the second comes late
: >"$T/asked.txt"
start_archive --slow-store 0.05 "$T/hospital/dicom"
begin two ARCHIVE "$AR_PORT" c-get
getstudy UNDERSTUDY "$NODE_PORT" "$BIG" "$T/two-a" &
first=$!
until_ok 10 grep -q "^C-STORE.* 0000" "$T/asked.txt" || fail "nothing comes"
getstudy UNDERSTUDY "$NODE_PORT" "$BIG" "$T/two-b" || fail "the second"
wait "$first" || fail "the first"
same "$T/direct-own/$BIG" "$T/two-a" || fail "the first: other bytes"
same "$T/direct-own/$BIG" "$T/two-b" || fail "the second: other bytes"
once "two at once"
stop "$AGENT_PID"
stop "$AR_PID"
echo "  two viewers at once: one retrieval"

# it dies in the middle: what came is sent, then the truth
start_archive --cut "$T/hospital/dicom"
begin cut ARCHIVE "$AR_PORT" c-get
: >"$T/getscu.log"
getstudy UNDERSTUDY "$NODE_PORT" "$BIG" "$T/cut-a"
is_refused || fail "cut: no A702: $(cat "$T/getscu.log")"
n=$(find "$T/cut-a" -type f | wc -l)
[ "$n" -eq 1 ] || fail "cut: want 1 object that came, have $n"
stop "$AR_PID"
start_archive "$T/hospital/dicom"
until_ok 15 archive_is up || fail "cut: it is not up again"
getstudy UNDERSTUDY "$NODE_PORT" "$BIG" "$T/cut-b" ||
	fail "cut: the second try: $(tail -n 5 "$T/getscu.log")"
same "$T/direct-own/$BIG" "$T/cut-b" || fail "cut: other bytes"
echo "  it dies in the middle: said so, then all of it"

# nobody there: quick answers, also before anybody has noticed
stop "$AR_PID"
for uid in "$THIRD" "$SECOND"; do
	from=$(now_ms)
	[ "$(found "$uid")" -eq 0 ] || fail "dead: listed all the same"
	took=$(($(now_ms) - from))
	[ "$took" -lt 1000 ] || fail "dead: $took ms"
done
[ "$(found "$BIG")" -eq 1 ] || fail "dead: what is here is not listed"
archive_is down || fail "dead: the archive is not down"
: >"$T/getscu.log"
getstudy UNDERSTUDY "$NODE_PORT" "$SECOND" "$T/dead"
[ -z "$(ls "$T/dead")" ] || fail "dead: something came"
is_refused || fail "dead: $(cat "$T/getscu.log")"
stop "$AGENT_PID"
echo "  nobody there: quick, and not listed"

# silent: the question ends in time
start_archive --slow-find 20 "$T/hospital/dicom"
begin silent ARCHIVE "$AR_PORT" c-get
from=$(date +%s)
[ "$(found "$THIRD")" -eq 0 ] || fail "silent: listed"
[ $(($(date +%s) - from)) -le 3 ] || fail "silent: too slow"
stop "$AGENT_PID"
stop "$AR_PID"
echo "  it says nothing: the question ends in time"

# a full cache: what no case needs gives way while the viewer is served
start_archive "$T/hospital/dicom"
SIZE="2 MiB"
begin full ARCHIVE "$AR_PORT" c-get
getstudy UNDERSTUDY "$NODE_PORT" "$BIG" "$T/full-a" || fail "full: the first"
getstudy UNDERSTUDY "$NODE_PORT" "$SECOND" "$T/full-b" ||
	fail "full: the second: $(tail -n 5 "$T/getscu.log")"
same "$T/direct-own/$SECOND" "$T/full-b" || fail "full: other bytes"
until_ok 10 is_unknown "$BIG" || fail "full: the older one is still here"
getstudy UNDERSTUDY "$NODE_PORT" "$BIG" "$T/full-c" || fail "full: again"
same "$T/direct-own/$BIG" "$T/full-c" || fail "full: other bytes"
stop "$AGENT_PID"
stop "$AR_PID"
unset SIZE
echo "  a full cache: the older study gives way"

# told to stop in the middle
: >"$T/asked.txt"
start_archive --slow-store 0.3 "$T/hospital/dicom"
begin stop ARCHIVE "$AR_PORT" c-get
getstudy UNDERSTUDY "$NODE_PORT" "$BIG" "$T/stop" &
first=$!
until_ok 10 grep -q "^C-STORE.* 0000" "$T/asked.txt" || fail "nothing comes"
from=$(date +%s)
stop "$AGENT_PID"
[ $(($(date +%s) - from)) -le 4 ] || fail "stop: too slow"
grep -q 'main.stopped result=clean' "$T/agent.log" ||
	fail "stop: not a clean one"
wait "$first" && fail "stop: the viewer was told success"
echo "  told to stop in the middle: clean"
