#!/bin/sh
# Goal of this test:
# - a theatre list makes its studies ready from Orthanc, by C-MOVE
#   and by C-GET; CT and brain MR stay where they are;
# - with the archive gone, also after a restart, the node serves by C-GET, by
#   C-MOVE and to split contexts the bytes that an independent client got.
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
# shellcheck source=tests/e2e/list-to-ready.sh
. tests/e2e/list-to-ready.sh
need Orthanc dcmsend getscu movescu storescp echoscu curl python3
phantom
NODE_PORT=$(port)
start_orthanc
send ORTHANC "$OR_PORT" "$T/hospital/dicom" || fail "the archive takes nothing"
list_to_ready ORTHANC "$OR_PORT" "$OR_PID"
echo "from the list to the viewer: Orthanc, C-GET and C-MOVE"
