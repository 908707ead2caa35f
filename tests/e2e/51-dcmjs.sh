#!/bin/sh
# Runs alone.
# Goal of this test:
# - dcmjs-dimse, a client that shares no code with DCMTK or with us, finds a
#   study at the node and retrieves it whole by C-GET.
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
need node npm python3 curl
npm_tools dcmjs-dimse
phantom
S=$(awk '$2 == "CASE-1003" { c = 1; next } c { print $2; exit }' \
	"$T/hospital/expect.txt")
NODE_PORT=$(port)
start_archive "$T/hospital/dicom"
configure <<END
archive ARCHIVE $AR_PORT c-get
END
start_agent
wait_case CASE-1003 ready 30
stop "$AR_PID"
node tests/e2e/dcmjs.js "$NODE_PORT" UD4101108 >"$T/js.txt" 2>"$T/js.log" ||
	fail "dcmjs-dimse: $(cat "$T/js.txt")"
grep -qx "study $S 21" "$T/js.txt" || fail "found: $(cat "$T/js.txt")"
[ "$(grep -c '^object ' "$T/js.txt")" -eq 21 ] ||
	fail "want 21 objects: $(cat "$T/js.txt")"
grep -qx "get 0000" "$T/js.txt" || fail "status: $(cat "$T/js.txt")"
echo "dcmjs-dimse found the study and got all of it"
