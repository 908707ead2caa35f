#!/bin/sh
# Goal of this test:
# - what phantom writes is valid DICOM: dciodvfy finds no error in any kind
#   of object;
# - the same seed and day give the same bytes, another seed other UIDs;
# - list.csv and expect.txt speak of the studies that were written.
set -eu
PHANTOM=${PHANTOM:-${B:-build/debug}/tools/phantom}
if [ ! -x "$PHANTOM" ] || ! command -v dciodvfy >/dev/null; then
	echo "SKIP needs $PHANTOM and dciodvfy"
	exit 77
fi
d=$(mktemp -d "${TMPDIR:-/tmp}/us.XXXXXX")
trap 'rm -rf "$d"' EXIT
trap 'exit 1' HUP INT TERM

fail()
{
	echo "05-phantom-valid: $*" >&2
	exit 1
}

"$PHANTOM" --small --today 20260310 "$d/a" >/dev/null
"$PHANTOM" --small --today 20260310 "$d/b" >/dev/null
"$PHANTOM" --small --today 20260310 --seed 2 "$d/c" >/dev/null
"$PHANTOM" --big 1 400000 "$d/a/dicom/big" >/dev/null
"$PHANTOM" --bench 2 "$d/a/dicom/bench" >/dev/null

# one of each kind: the second object of every series has all there is
kinds=0
for f in "$d"/a/dicom/*/*/*/00002.dcm "$d/a/dicom/big/00001.dcm" \
    "$d/a/dicom/bench/00002.dcm"; do
	[ -f "$f" ] || fail "$f is missing"
	if dciodvfy "$f" 2>&1 | grep -a '^Error'; then
		fail "$f is not valid"
	fi
	kinds=$((kinds + 1))
done
[ "$kinds" -ge 15 ] || fail "want 15 kinds, have $kinds"

rm -rf "$d/a/dicom/big" "$d/a/dicom/bench"
diff -r "$d/a" "$d/b" >/dev/null || fail "one seed gave two results"
sort "$d/a/expect.txt" >"$d/a.txt"
sort "$d/c/expect.txt" >"$d/c.txt"
if comm -12 "$d/a.txt" "$d/c.txt" | grep -v '^case'; then
	fail "two seeds gave one UID"
fi

# as many objects carry a wanted study's UID as expect.txt promises
while read -r word uid n; do
	[ "$word" = wanted ] || continue
	have=$(find "$d/a/dicom" -name '*.dcm' -exec grep -lF "$uid" {} + |
	    wc -l)
	[ "$have" -eq "$n" ] || fail "want $n objects of $uid, have $have"
done <"$d/a/expect.txt"
[ "$(wc -l <"$d/a/list.csv")" -eq 4 ] || fail "list.csv: want three cases"
grep -q '^CASE-1001,2026-03-11T08:00:00,' "$d/a/list.csv" ||
	fail "list.csv: want the first case tomorrow at eight"
echo "05-phantom-valid: $kinds kinds of object, all valid"
