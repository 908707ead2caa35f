#!/bin/sh
# The real files through an archive that takes what it can and gives it as it
# likes: sourced by 21- and 22-. what_it_takes TITLE PORT PID
what_it_takes() {
	send "$1" "$2" "$GOOD" # it may refuse some
	findscu -S -aec "$1" -k 0008,0052=STUDY -k PatientID \
		-k StudyInstanceUID 127.0.0.1 "$2" 2>&1 |
		sed -n 's/^I: (0010,0020) LO \[\(.*\)\].*/\1/p' |
		sed 's/ *$//' | sort -u >"$T/patients.txt"
	[ -s "$T/patients.txt" ] || fail "$1 took nothing"
	grep -v '[*?\\]' "$T/patients.txt" | cases
	configure <<END
archive $1 $2 c-get
END
	start_agent
	until_ok 45 all_are 'ready|none' || fail "$1: $(not_ready)"
	api studies | json "'\n'.join(s['study_uid'] for s in d
		if s['state'] == 'ready')" >"$T/ready.txt"
	# shellcheck disable=SC2046 # UIDs have no blanks
	set -- "$@" $(cat "$T/ready.txt")
	title=$1
	to=$2
	pid=$3
	shift 3
	python3 tests/e2e/getter.py --explicit "$to" "$title" "$GOOD" "$@" \
		2>"$T/direct.log" | sort >"$T/want.txt"
	stop "$pid"
	python3 tests/e2e/getter.py --explicit "$NODE_PORT" UNDERSTUDY "$GOOD" "$@" \
		2>"$T/getter.log" | sort >"$T/have.txt"
	# one missing context ends a whole C-GET of some archives: the node may
	# have more
	comm -23 "$T/want.txt" "$T/have.txt" >"$T/diff.log"
	[ -s "$T/diff.log" ] &&
		fail "$title: other bytes than an independent client got"
	n=$(wc -l <"$T/want.txt")
	[ "$n" -ge 600 ] || fail "$title: want 600 objects, have $n"
	echo "$title: $n objects of $# studies equal"
}
