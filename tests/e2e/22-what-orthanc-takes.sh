#!/bin/sh
# Goal of this test:
# - whatever of the real files Orthanc takes and lists comes through
#   the agent as an independent client gets it from there.
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
# shellcheck source=tests/e2e/what-it-takes.sh
. tests/e2e/what-it-takes.sh
need Orthanc dcmsend findscu python3 curl
GOOD=$DATA/dicom/good
[ -d "$GOOD" ] || skip "no real files at $GOOD"
EXTRA=$EVERYTHING
start_orthanc
what_it_takes ORTHANC "$OR_PORT" "$OR_PID"
