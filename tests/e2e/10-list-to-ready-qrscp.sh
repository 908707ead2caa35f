#!/bin/sh
# Goal of this test:
# - a theatre list makes its studies ready from DCMTK's dcmqrscp, by C-MOVE
#   and by C-GET; CT and brain MR stay where they are;
# - with the archive gone, also after a restart, the node serves by C-GET, by
#   C-MOVE and to split contexts the bytes that an independent client got.
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
# shellcheck source=tests/e2e/list-to-ready.sh
. tests/e2e/list-to-ready.sh
need dcmqrscp dcmsend getscu movescu storescp echoscu curl python3
phantom
NODE_PORT=$(port)
start_qrscp
send PACS "$QR_PORT" "$T/hospital/dicom" || fail "the archive takes nothing"
list_to_ready PACS "$QR_PORT" "$QR_PID"
echo "from the list to the viewer: dcmqrscp, C-GET and C-MOVE"
