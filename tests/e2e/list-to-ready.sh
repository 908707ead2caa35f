#!/bin/sh
# The main path with an archive that lib.sh started: sourced by 10- and 11-.
# From a theatre list to ready to the viewer: list_to_ready TITLE PORT PID LOG

# Fetch by one way and hold it against what is in $T/direct.
fetched_by() {
	STATE=$T/state-$3
	mkdir -p "$STATE"
	configure <<END
pacs $1 $2 $3
END
	start_agent
	for c in CASE-1001 CASE-1002 CASE-1003; do
		wait_case "$c" ready 30
	done
	while read -r uid; do
		is_unknown "$uid" || fail "$3: an unwanted study is known"
	done <"$T/unwanted.txt"
}

served() {
	while read -r uid; do
		getstudy UNDERSTUDY "$NODE_PORT" "$uid" "$T/$1-get/$uid" ||
			fail "$1: getscu from the node"
		same "$T/direct/$uid" "$T/$1-get/$uid" ||
			fail "$1: C-GET gives other bytes"
		movestudy "$uid" "$T/$1-move/$uid" || fail "$1: movescu"
		same "$T/direct/$uid" "$T/$1-move/$uid" ||
			fail "$1: C-MOVE gives other bytes"
		mkdir -p "$T/$1-viewer/$uid"
		"$B/tools/viewer" -q -o "$T/$1-viewer/$uid" 127.0.0.1 \
			"$NODE_PORT" "$uid" >>"$T/viewer.log" 2>&1 ||
			fail "$1: our viewer"
		same "$T/direct/$uid" "$T/$1-viewer/$uid" ||
			fail "$1: split contexts give other bytes"
	done <"$T/wanted.txt"
}

list_to_ready() {
	while read -r uid; do
		getstudy "$1" "$2" "$uid" "$T/direct/$uid" ||
			fail "getscu from the archive"
	done <"$T/wanted.txt"
	fetched_by "$1" "$2" c-move
	stop "$AGENT_PID"
	fetched_by "$1" "$2" c-get
	# the archive is gone: everything is served all the same
	stop "$3"
	served c-get
	stop "$AGENT_PID"
	STATE=$T/state-c-move
	configure <<END
pacs $1 $2 c-move
END
	start_agent
	for c in CASE-1001 CASE-1002 CASE-1003; do
		wait_case "$c" ready 10
	done
	served c-move
}
