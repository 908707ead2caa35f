#!/bin/sh
# Goal of this test:
# - killed at any moment while it fetches, evicts and serves, the agent comes
#   back telling the truth: what is ready is whole and has the archive's bytes,
#   no file is without a row, nothing half lies about, nothing ready is lost;
# - so it does after a power cut, which takes or tears what was not synced;
# - in the end everything becomes ready.
# 80-kill.sh [ROUNDS]; SEED repeats a run.
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
need python3 curl dcmqrscp dcmsend echoscu
ROUNDS=${1:-30}
SEED=${SEED:-$(date +%s)}
[ -x "$B/tools/viewer" ] || skip "no $B/tools/viewer"
[ -x "$B/tools/phantom" ] || skip "no $B/tools/phantom"
"$B/tools/phantom" --small --patients 6 "$T/hospital" >/dev/null ||
	fail "the phantom could not be made"
awk '$1 == "wanted" { print $2 }' "$T/hospital/expect.txt" >"$T/wanted.txt"
cp "$T/hospital/list.csv" "$T/full.csv"
head -n 1 "$T/full.csv" >"$T/empty.csv"
cp "$T/empty.csv" "$T/list.csv"
NODE_PORT=$(port)
start_qrscp
send PACS "$QR_PORT" "$T/hospital/dicom" || fail "the PACS does not take them"
PREFETCH='horizon = 120 h' # all cases, however late the evening
configure <<END
pacs PACS $QR_PORT c-get
END
echo "  seed $SEED: $(find "$T/hospital/dicom" -name '*.dcm' | wc -l |
	tr -d ' ') images in $(wc -l <"$T/wanted.txt" | tr -d ' ') studies"
# a sanitizer must come first of all libraries
case $B in *asan | *tsan) FAULTS= ;; *) FAULTS=$B/tools/faults.so ;; esac
[ -e "$FAULTS" ] || FAULTS=
export FAULTS
PROG=$PROG VIEWER=$B/tools/viewer python3 tests/e2e/torture.py "$ROUNDS" \
	"$SEED" "$T" "$NODE_PORT" "$WEB_PORT" "$QR_PORT" || fail "seed $SEED"
