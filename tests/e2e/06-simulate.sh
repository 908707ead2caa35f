#!/bin/sh
# Goal of this test:
# - on a virtual clock our plan, pins and back-off keep both promises for 30
#   theatres over a week of outages, swaps, add-ons and cancellations;
# - an agent that leaves urgent work to the night breaks them, and is found.
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
need python3
SIMULATE=$B/tools/simulate
[ -x "$SIMULATE" ] || skip "no $SIMULATE"
for seed in 1 2 3; do
	"$SIMULATE" --theatres 30 --days 7 --seed $seed --svg "$T/night.svg" \
		>"$T/out.txt" || fail "seed $seed: $(cat "$T/out.txt")"
	grep -q 'the promises held' "$T/out.txt" || fail "it says nothing"
	n=$(sed -n 's/.*ready at their start.* of \([0-9]*\)$/\1/p' "$T/out.txt")
	[ "$n" -ge 100 ] || fail "seed $seed: only $n elective cases"
	python3 -c 'import sys, xml.dom.minidom
xml.dom.minidom.parse(sys.argv[1])' "$T/night.svg" ||
		fail "the chart is no SVG"
done
if "$SIMULATE" --theatres 30 --days 7 --broken >"$T/out.txt"; then
	fail "a broken plan is not found: $(cat "$T/out.txt")"
fi
grep -q 'A PROMISE BROKE' "$T/out.txt" || fail "it does not say so"
