#!/bin/sh
# Run tests and sum them up: run.sh BUILD unit [ROOM] | e2e [NAME] | all
# A unit test is a cmocka program, an end-to-end test a script that exits 0,
# or 77 when a tool it needs is missing. The last line is the sum.
B=$1
kind=$2
only=${3:-}
passed=0
failed=0
skipped=0
log=$(mktemp "${TMPDIR:-/tmp}/us.XXXXXX")
trap 'rm -f "$log" "$log".*' EXIT
export UNDERSTUDY_DATA="${UNDERSTUDY_DATA:-../shared/data}"
export UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS="halt_on_error=1 suppressions=$PWD/tests/lint/tsan.supp"
case $B in *tsan*) export MEMORY_SLACK=8 ;; esac
# freed memory goes back soon: some tests watch how much the agent holds
export ASAN_OPTIONS=quarantine_size_mb=1:thread_local_quarantine_size_kb=16
export B
# what lies in the build folder of the flavour, for the end-to-end tests
export PROG CLI

# a test that hangs is a failure, not the end of the day
limit=""
command -v timeout >/dev/null && limit="timeout 240"

unit() {
	# shellcheck disable=SC2231 # a pattern on purpose
	for src in tests/${only:-*}/test_*.c; do
		t="$B/${src%.c}"
		if $limit "$t" >"$log" 2>&1; then
			n=$(grep -c '^\[       OK' "$log")
			s=$(grep -c '^\[  SKIPPED' "$log")
			passed=$((passed + n))
			skipped=$((skipped + s))
			printf '  ok    %-34s %3d tests\n' "${src#tests/}" "$n"
		else
			n=$(grep -c '^\[  FAILED  \].*[a-z]' "$log")
			[ "$n" -gt 0 ] || n=1
			failed=$((failed + n))
			printf '  FAIL  %s\n' "${src#tests/}"
			tail -n 60 "$log"
		fi
	done
}

# Three at a time, since most wait; then, alone, those that measure time or
# install what others need too: "# Runs alone" says so in them.
e2e() {
	RESULTS=$log.results
	PORTS=$log.ports
	export RESULTS PORTS
	: >"$RESULTS"
	alone=$(grep -l '^# Runs alone' tests/e2e/[0-9]*"$only"*.sh)
	together=$(for t in tests/e2e/[0-9]*"$only"*.sh; do
		case $alone in *"$t"*) ;; *) echo "$t" ;; esac
	done)
	[ -z "$together" ] ||
		echo "$together" | xargs -P 3 -n 1 sh tests/lint/e2e.sh
	for t in $alone; do
		sh tests/lint/e2e.sh "$t"
	done
	passed=$((passed + $(grep -c passed "$RESULTS")))
	failed=$((failed + $(grep -c failed "$RESULTS")))
	skipped=$((skipped + $(grep -c skipped "$RESULTS")))
}

case $kind in
unit) unit ;;
e2e) e2e ;;
all)
	unit
	e2e
	;;
esac
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
