#!/bin/sh
# Runs alone.
# Goal of this test:
# - OHIF itself, as npm gives it, in a real browser, finds a cached study at
#   the web port, from another origin, and shows its pictures.
# OHIF_SHOT=FILE.png keeps the screenshot.
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
need node npm python3 curl chromium
npm_tools playwright-core
OHIF=build/npm/ohif-3.13.2 # its page alone, not the 39 packages it is built of
if [ ! -d "$OHIF" ]; then
	(cd build/npm && npm pack --silent @ohif/app@3.13.2 &&
		tar xzf ohif-app-3.13.2.tgz && mv package ohif-3.13.2 &&
		rm ohif-app-3.13.2.tgz) >"$T/npm.log" 2>&1 ||
		skip "npm cannot give @ohif/app"
fi
phantom
S=$(awk '$2 == "CASE-1003" { c = 1; next } c { print $2; exit }' \
	"$T/hospital/expect.txt")
OHIF_PORT=$(port)
NODE_PORT=$(port)
start_archive "$T/hospital/dicom"
WEB_KEYS="cors = http://127.0.0.1:$OHIF_PORT"
configure <<END
archive ARCHIVE $AR_PORT c-get
END
start_agent
wait_case CASE-1003 ready 30
stop "$AR_PID"
python3 tests/e2e/ohif.py "$OHIF_PORT" "$OHIF/dist" \
	"http://127.0.0.1:$WEB_PORT" >"$T/ohif.log" 2>&1 &
PIDS="$PIDS $!"
until_ok 20 curl -sf -o /dev/null "http://127.0.0.1:$OHIF_PORT/"
SHOT=${OHIF_SHOT:-$T/ohif.png}
timeout 200 node tests/e2e/ohif.js \
	"http://127.0.0.1:$OHIF_PORT/viewer?StudyInstanceUIDs=$S" "$SHOT" \
	>"$T/browser.log" 2>&1 || fail "OHIF shows no picture"
echo "OHIF shows the study's pictures"
