#!/bin/sh
# Goal of this test:
# - whatever of the real files DCMTK's dcmqrscp takes and lists comes through
#   the agent as an independent client gets it from there.
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
# shellcheck source=tests/e2e/what-it-takes.sh
. tests/e2e/what-it-takes.sh
need dcmqrscp dcmsend findscu python3 curl
GOOD=$DATA/dicom/good
[ -d "$GOOD" ] || skip "no real files at $GOOD"
EXTRA=$EVERYTHING
start_qrscp
what_it_takes PACS "$QR_PORT" "$QR_PID"
