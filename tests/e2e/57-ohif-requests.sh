#!/bin/sh
# Goal of this test:
# - what OHIF, Weasis and the Horos fork ask over DICOMweb, literally, is
#   answered as they need it (reference: their sources);
# - a study of 10,000 instances answers at once: how long is printed.
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
need python3 curl
phantom
EXTRA=$EVERYTHING
N=${N:-10000}
S=$(awk '$2 == "CASE-1003" { c = 1; next } c { print $2; exit }' \
	"$T/hospital/expect.txt")
# many small images of one patient who is on the list
mkdir "$T/many"
python3 - "$T/many" "$N" <<'EOF2'
import struct
import sys
sys.path.insert(0, "tests/e2e")
from archive import EXPLICIT, element
out, n = sys.argv[1], int(sys.argv[2])
MR = b"1.2.840.10008.5.1.4.1.1.4"
def us(tag, v):
    return element(EXPLICIT, tag, b"US", struct.pack("<H", v))
for i in range(n):
    uid = b"1.2.826.0.1.3680043.10.99.7.%d.%d" % (i // 500, i)
    series = b"1.2.826.0.1.3680043.10.99.7.%d" % (i // 500)
    e = lambda tag, vr, v: element(EXPLICIT, tag, vr, v)
    body = b"".join([
        e(0x00080016, b"UI", MR), e(0x00080018, b"UI", uid),
        e(0x00080020, b"DA", b"20261101"), e(0x00080030, b"TM", b"101010"),
        e(0x00080050, b"SH", b"A10000"), e(0x00080060, b"CS", b"MR"),
        e(0x00081030, b"LO", b"many"), e(0x0008103E, b"LO", b"part"),
        e(0x00100010, b"PN", b"MANY^IMAGES"), e(0x00100020, b"LO", b"MANY1"),
        e(0x00180050, b"DS", b"8.0"), e(0x00180080, b"DS", b"3.25"),
        e(0x0020000D, b"UI", b"1.2.826.0.1.3680043.10.99.7"),
        e(0x0020000E, b"UI", series), e(0x00200011, b"IS", b"%d" % (i // 500)),
        e(0x00200013, b"IS", b"%d" % i),
        e(0x00200032, b"DS", b"-120.5\\-110.25\\%d" % i),
        e(0x00200037, b"DS", b"1\\0\\0\\0\\1\\0"), us(0x00280002, 1),
        e(0x00280004, b"CS", b"MONOCHROME2"), us(0x00280010, 8),
        us(0x00280011, 8), e(0x00280030, b"DS", b"1.5\\1.5"),
        us(0x00280100, 16), us(0x00280101, 12), us(0x00280102, 11),
        us(0x00280103, 0), e(0x7FE00010, b"OW", bytes(128))])
    meta = b"".join([
        e(0x00020001, b"OB", b"\0\1"), e(0x00020002, b"UI", MR),
        e(0x00020003, b"UI", uid), e(0x00020010, b"UI", EXPLICIT),
        e(0x00020012, b"UI", b"1.2.826.0.1.3680043.10.99.1")])
    head = e(0x00020000, b"UL", struct.pack("<I", len(meta)))
    with open(f"{out}/{i:05}.dcm", "wb") as f:
        f.write(bytes(128) + b"DICM" + head + meta + body)
EOF2
printf 'MANY1\n' >"$T/patients"
awk -F '\t' '{ print $1 }' <<END >>"$T/patients"
$(python3 tests/e2e/archive.py --list "$T/hospital/dicom" 2>/dev/null)
END
# archive.py counts a study anew for each answer: remember it, it is large
cat >"$T/archive_large.py" <<'EOF2'
import sys
sys.path.insert(0, "tests/e2e")
import archive
count, known = archive.Server.derived, {}
def derived(self, o, level):
    key = (o.get(archive.STUDY), o.get(archive.SERIES), level)
    if key not in known:
        known[key] = count(self, o, level)
    return known[key]
archive.Server.derived = derived
archive.main()
EOF2
NODE_PORT=$(port)
AR_PORT=$(port)
python3 "$T/archive_large.py" --port "$AR_PORT" "$T/hospital/dicom" \
	"$T/many" >"$T/archive.out" 2>"$T/archive.log" &
AR_PID=$!
PIDS="$PIDS $AR_PID"
until_ok 60 test -s "$T/archive.out" || fail "archive.py does not start"
configure <<END
archive ARCHIVE $AR_PORT c-get
END
sort -u "$T/patients" | cases
start_agent
until_ok 120 all_are ready || fail "$(not_ready)"
stop "$AR_PID"
W=http://127.0.0.1:$WEB_PORT/dicom-web

# ask WANT-ROWS URL: a search as the viewer sends it
ask() {
	curl -sSf -H 'Accept: application/dicom+json' "$2" >"$T/rows" ||
		fail "$2"
	have=$(json 'len(d)' <"$T/rows")
	[ "$have" = "$1" ] || fail "$2: want $1, have $have"
}
told() { json "d[0]['$1']['Value'][0]" <"$T/rows"; }
some=$(curl -sSf "$W/studies" | json 'len(d)')

# OHIF 3: the list of studies, its filters, a study opened
O="limit=101&offset=0&fuzzymatching=false&includefield=00081030,00080060,00080090,00100030"
ask "$some" "$W/studies?$O"
ask 1 "$W/studies?$O&PatientName=*many*"
ask 1 "$W/studies?$O&00100020=*ANY1*"
ask 1 "$W/studies?$O&AccessionNumber=*A10000*"
ask 1 "$W/studies?$O&StudyDescription=*MANY*"
ask 1 "$W/studies?$O&StudyDate=20261101-20261101"
[ "$(told 00201208)" = "$N" ] || fail "want $N instances told"
ask "$some" "$W/studies?$O&ModalitiesInStudy=MR%5CCT"
ask 1 "$W/studies?$O&ModalitiesInStudy=CT"
ask 2 "$W/studies?$O&StudyInstanceUID=$S%5C1.2.826.0.1.3680043.10.99.7"
ask 2 "$W/studies?$O&StudyInstanceUID=$S,1.2.826.0.1.3680043.10.99.7"
ask 3 "$W/studies/$S/series?includefield=0008103E,00080021"
R=$(told 0020000E)
curl -sSf "$W/studies/$S/series/$R/metadata" >"$T/rows" || fail "metadata"
I=$(told 00080018)
bulk=$(json "d[0]['7FE00010']['BulkDataURI']" <"$T/rows")
[ -n "$bulk" ] || fail "want BulkDataURI"
frame() {
	curl -sSf -D "$T/head" -o "$T/frame" -H "Accept: $1" \
		"$W/studies/$S/series/$R/instances/$I/frames/1" || fail "$1"
	grep -aq "^Content-Type: $2" "$T/frame" ||
		fail "$1: want a part of $2"
}
X=1.2.840.10008.1.2.1
for accept in \
	'multipart/related; type=application/octet-stream; transfer-syntax=*' \
	'multipart/related; type="application/octet-stream"; transfer-syntax="*"' \
	'multipart/related; type="application/octet-stream"' \
	"multipart/related; type=application/octet-stream; transfer-syntax=$X" \
	'*/*'; do
	frame "$accept" "application/octet-stream; transfer-syntax=$X"
done

# Weasis
ask 2 "$W/studies?includefield=00100021,00081030,0020000D&limit=2&offset=0"
ask 3 "$W/studies/$S/series?includefield=0008103E,00080060,0020000E,00200011,00081190"
case $(told 00081190) in
"$W/studies/$S/series/"*) ;;
*) fail "RetrieveURL: $(told 00081190)" ;;
esac
ask 3 "$W/studies/$S/series/$R/instances?includefield=00080018,00200013,00081190"
url=$(told 00081190)
curl -sSf -o "$T/part" -H 'Accept: multipart/related;type="application/dicom";transfer-syntax=*' \
	"$url" || fail "RetrieveURL of an instance"

# the Horos fork: verify, pages of 100 until one is empty, no row twice
ask 1 "$W/studies?limit=1"
at=0
: >"$T/uids"
while :; do
	curl -sSf -H 'Accept: application/dicom+json' \
		"$W/studies/1.2.826.0.1.3680043.10.99.7/instances?limit=1000&offset=$at" |
		json '"\n".join(o["00080018"]["Value"][0] for o in d)' >"$T/page"
	[ -n "$(cat "$T/page")" ] || break
	cat "$T/page" >>"$T/uids"
	at=$((at + 1000))
done
[ "$(sort -u "$T/uids" | wc -l)" -eq "$N" ] || fail "pages: want each row once"
[ "$(wc -l <"$T/uids")" -eq "$N" ] || fail "pages: want no row twice"

# how long the large study takes
big() {
	what=$1
	shift
	curl -sSf -o "$T/big" -w "  %{time_starttransfer} s to the first byte, \
%{time_total} s for %{size_download} bytes: $what\n" "$@" || fail "$what"
}
M=$W/studies/1.2.826.0.1.3680043.10.99.7
big "metadata of $N instances, packed" -H 'Accept-Encoding: gzip' "$M/metadata"
[ "$(gzip -dc <"$T/big" | json 'len(d)')" = "$N" ] || fail "want $N headers"
big "metadata, plain" "$M/metadata"
[ "$(json 'len(d)' <"$T/big")" = "$N" ] || fail "want $N headers"
big "instances" "$M/instances"
[ "$(json 'len(d)' <"$T/big")" = "$N" ] || fail "want $N rows"
big "all of them" -H 'Accept: multipart/related; type="application/dicom"; transfer-syntax=*' "$M"
big "ZIP" "http://127.0.0.1:$WEB_PORT/wado?requestType=WADO&studyUID=1.2.826.0.1.3680043.10.99.7"
echo "asked as three viewers ask"
