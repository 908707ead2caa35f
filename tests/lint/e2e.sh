#!/bin/sh
# Run one end-to-end test, print what came of it and add a word to RESULTS:
# e2e.sh TEST. An exit of 77 means that a tool it needs is missing.
t=$1
log=$(mktemp "${TMPDIR:-/tmp}/us.XXXXXX")
trap 'rm -f "$log"' EXIT
# a test that hangs is a failure, not the end of the day
limit=""
command -v timeout >/dev/null && limit="timeout 240"
from=$(date +%s)
$limit sh "$t" >"$log" 2>&1
code=$?
took=$(($(date +%s) - from))
case $code in
0)
	echo passed >>"$RESULTS"
	printf '  ok    %-34s %3d s\n' "${t#tests/}" "$took"
	;;
77)
	echo skipped >>"$RESULTS"
	printf '  skip  %-34s %s\n' "${t#tests/}" "$(grep -m 1 '^SKIP' "$log")"
	;;
*)
	echo failed >>"$RESULTS"
	printf '  FAIL  %s\n%s\n' "${t#tests/}" "$(tail -n 80 "$log")"
	;;
esac
