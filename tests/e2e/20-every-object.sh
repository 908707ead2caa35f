#!/bin/sh
# Goal of this test:
# - every object of the real files, in every transfer syntax and class, comes
#   through the agent as it lies in the archive: same syntax, same bytes; from
#   the archive by C-GET and by C-MOVE, to the viewer by both as well;
# - odd identifiers, UIDs and character sets do not stop it;
# - files that share one UID come through as well, one after the other.
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
need python3 curl
GOOD=$DATA/dicom/good
[ -d "$GOOD" ] || skip "no real files at $GOOD"
EXTRA=$EVERYTHING

# All that one layer of the files holds, through the agent: layer N HOW
layer() {
	STATE=$T/state$1$2
	mkdir -p "$STATE"
	configure <<END
archive ARCHIVE $AR_PORT $2
END
	start_archive --fill --layer "$1" "$GOOD"
	cut -f 1 "$T/held.txt" | sort -u | cases
	start_agent
	until_ok 50 all_are ready || fail "$2, layer $1: $(not_ready)"
	stop "$AR_PID"
	python3 tests/e2e/getter.py --layer "$1" file - "$GOOD" 2>/dev/null |
		sort >"$T/want.txt"
	for by in "" "--move OSIRIX=$VIEWER_PORT"; do
		# shellcheck disable=SC2086 # two words on purpose
		python3 tests/e2e/getter.py $by --layer "$1" "$NODE_PORT" \
			UNDERSTUDY "$GOOD" 2>"$T/getter.log" | sort >"$T/have.txt"
		diff "$T/want.txt" "$T/have.txt" >"$T/diff.log" ||
			fail "$2, layer $1 ${by:-by C-GET}: the bytes differ"
	done
	stop "$AGENT_PID"
	cat "$T/have.txt" >>"$T/all.txt"
}

NODE_PORT=$(port)
AR_PORT=$(port)
n=0
while :; do
	python3 tests/e2e/archive.py --fill --list --layer "$n" "$GOOD" \
		>"$T/held.txt" 2>/dev/null
	[ -s "$T/held.txt" ] || break
	layer "$n" c-get
	[ "$n" -gt 0 ] || layer "$n" c-move
	n=$((n + 1))
done
awk '{ n++; bytes += $3; seen[$2] = 1 } END { for (s in seen) k++
	print n " objects in " k " syntaxes, " bytes " bytes, all equal" }' \
	"$T/all.txt"
