#!/bin/sh
# Goal of this test:
# - when a case moves to the theatre next door and the PACS is dead, that
#   theatre's agent gets its studies from this one's, byte for byte;
# - two agents that are each other's archives do not ask in circles: what
#   neither has is answered soon.
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
need dcmqrscp python3 getscu findscu curl dcmsend
phantom
start_qrscp
send PACS "$QR_PORT" "$T/hospital/dicom" || fail "send to dcmqrscp"
while read -r uid; do
	getstudy PACS "$QR_PORT" "$uid" "$T/direct/$uid" || fail "getscu"
done <"$T/wanted.txt"

# A case says that an archive is down, whatever is ready: it may have more.
studies_are_ready() {
	while read -r uid; do
		study "$uid" | grep -q '"state": *"ready"' || return 1
	done <"$T/wanted.txt"
}

# here: all is ready from the PACS
HERE=$(port)
NEXT=$(port)
NODE_PORT=$HERE
STATE=$T/here
configure <<END
pacs PACS $QR_PORT c-get
next UNDERSTUDY $NEXT c-get
END
start_agent
until_ok 60 studies_are_ready || fail "here: $(not_ready)"
HERE_WEB=$WEB_PORT
stop "$QR_PID"

# next door: the PACS is dead, the other theatre is an archive
NODE_PORT=$NEXT
WEB_PORT=$(port)
STATE=$T/next
mv "$T/agent.log" "$T/here.log"
configure <<END
pacs PACS $QR_PORT c-get
here UNDERSTUDY $HERE c-get
END
start_agent
until_ok 60 studies_are_ready || fail "next door: $(not_ready)"
while read -r uid; do
	getstudy UNDERSTUDY "$NEXT" "$uid" "$T/got/$uid" || fail "getscu"
	same "$T/direct/$uid" "$T/got/$uid" || fail "next door: other bytes"
done <"$T/wanted.txt"

# what neither has: this one asks the other, who asks nobody
finds() {
	curl -s "http://127.0.0.1:$HERE_WEB/metrics" |
		awk '$1 == "understudy_finds_total" { print $2 }'
}
for who in NOBODY NO-ONE NOT-A-SOUL; do
	t=$(date +%s)
	findscu -S -aec UNDERSTUDY -k 0008,0052=STUDY -k 0010,0020=$who \
		-k 0020,000d= 127.0.0.1 "$HERE" >"$T/find.txt" 2>&1 ||
		fail "no answer: $(cat "$T/find.txt")"
	[ $(($(date +%s) - t)) -le 3 ] || fail "it asks in circles"
done
# next door goes on asking here for its own cases, and that is all
stop "$AGENT_PID"
before=$(finds)
sleep 3
[ "$(finds)" -eq "$before" ] || fail "somebody asks on: $before, $(finds)"
echo "all from next door; what neither has is answered soon"
