#!/bin/sh
# Goal of this test:
# - OsiriX' C-GET is served: one request of 94 contexts with ten syntaxes each
#   (27 KB) and no role selection, after which a strict archive sends nothing
#   (the control run: DCMTK's dcmqrscp answers A702); every object of a study
#   of mixed classes and syntaxes comes as the archive sent it, the final
#   status is success and no role is answered;
# - it is as quick with Nagle's algorithm on in the viewer as with it off;
# - a release, an abort and a hang-up in the middle hurt nobody (viewers.md 1:
#   OsiriX' cancel button in C-GET is a release).
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
need python3 dcmqrscp dcmsend echoscu curl
phantom
S=$(awk '$2 == "CASE-1003" { c = 1; next } c { print $2; exit }' \
	"$T/hospital/expect.txt")
H=$T/hospital/dicom

# four objects more in the study, each of its own class and syntax
python3 - "$H" "$S" <<'END' || fail "no mixed study"
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, "tests/e2e")
import archive
from archive import EXPLICIT, IMPLICIT, element


class Args:
    folder, fill, list, layer = [sys.argv[1]], False, False, 0


study = sys.argv[2].encode()
like = next(o for o in archive.load(Args) if o.get(archive.STUDY) == study)
MORE = [("88.33", b"SR", EXPLICIT, None), ("11.1", b"PR", IMPLICIT, None),
        ("7", b"OT", b"1.2.840.10008.1.2.4.50", b"\xff\xd8\xff\xd9"),
        ("2.1", b"CT", b"1.2.840.10008.1.2.4.90", b"\xff\x4f\xff\xd9")]
for i, (cls, modality, syntax, frame) in enumerate(MORE):
    uid = study[:40] + b".9.%d" % i
    cls = b"1.2.840.10008.5.1.4.1.1." + cls.encode()
    vr = EXPLICIT if syntax != IMPLICIT else syntax
    body = b"".join(element(vr, tag, kind, value) for tag, kind, value in (
        (archive.CLASS, b"UI", cls), (archive.UID, b"UI", uid),
        (archive.MODALITY, b"CS", modality),
        (archive.NAME, b"PN", like.get(archive.NAME)),
        (archive.PATIENT, b"LO", like.get(archive.PATIENT)),
        (archive.STUDY, b"UI", study), (archive.SERIES, b"UI", uid + b".1")))
    if frame:
        body += (b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff"
                 b"\xfe\xff\0\xe0\0\0\0\0\xfe\xff\0\xe0\4\0\0\0" + frame
                 + b"\xfe\xff\xdd\xe0\0\0\0\0")
    meta = b"".join(element(EXPLICIT, tag, b"UI", value) for tag, value in (
        (0x00020002, cls), (0x00020003, uid), (0x00020010, syntax)))
    meta = element(EXPLICIT, 0x00020000, b"UL",
                   len(meta).to_bytes(4, "little")) + meta
    with open(f"{sys.argv[1]}/mixed{i}.dcm", "wb") as f:
        f.write(bytes(128) + b"DICM" + meta + body)
END

EXTRA=$EVERYTHING
NODE_PORT=$(port)
start_archive "$H"
configure <<END
archive ARCHIVE $AR_PORT c-get
END
start_agent
wait_case CASE-1003 ready 40
stop "$AR_PID"
python3 tests/e2e/getter.py file - "$H" "$S" 2>/dev/null | sort >"$T/want.txt"
[ "$(awk 'END { print NR }' "$T/want.txt")" -eq 25 ] || fail "want 25 objects"

# as_osirix WHERE... : its objects in $T/have.txt, its words in $T/getter.log
as_osirix() {
	python3 tests/e2e/getter.py --osirix "$@" >"$T/have.raw" \
		2>"$T/getter.log"
	code=$?
	sort "$T/have.raw" >"$T/have.txt"
	return "$code"
}
idle() {
	curl -s "http://127.0.0.1:$WEB_PORT/metrics" |
		grep -q '^understudy_associations_now 0'
}
serves() {
	from=$(date +%s)
	echoscu -to 2 -aet THEATRE6-IMAC -aec UNDERSTUDY 127.0.0.1 \
		"$NODE_PORT" || fail "no C-ECHO after $1"
	[ $(($(date +%s) - from)) -le 1 ] || fail "a slow C-ECHO after $1"
	until_ok 5 idle || fail "an association stays after $1"
}

for nagle in "" --nagle; do
	from=$(date +%s)
	# shellcheck disable=SC2086 # nothing is no word
	as_osirix $nagle "$NODE_PORT" UNDERSTUDY "$H" "$S" ||
		fail "C-GET: $(cat "$T/getter.log")"
	took=$(($(date +%s) - from))
	cmp "$T/want.txt" "$T/have.txt" || fail "other objects than there are"
	[ "$took" -le 3 ] || fail "it took $took s"
	size=$(sed -n 's/.*request of \([0-9]*\) bytes/\1/p' "$T/getter.log")
	[ "$size" -gt 26000 ] || fail "no request of OsiriX' size: $size"
	echo "  as OsiriX, a request of $size bytes ${nagle:---nodelay}:" \
		"25 objects of 5 classes, success"
done

for how in release abort close; do
	as_osirix "--$how-after" 3 "$NODE_PORT" UNDERSTUDY "$H" "$S" ||
		fail "$how in the middle: $(cat "$T/getter.log")"
	[ "$(awk 'END { print NR }' "$T/have.txt")" -eq 3 ] ||
		fail "$how: want 3 objects"
	serves "$how"
	echo "  $how after three objects: served on"
done

# the control: without roles a strict archive fails every object
start_qrscp
send PACS "$QR_PORT" "$H" # it refuses what is compressed
as_osirix "$QR_PORT" PACS "$H" "$S" && fail "dcmqrscp takes no roles?"
grep -qi 'a702' "$T/getter.log" || fail "control: $(cat "$T/getter.log")"
[ ! -s "$T/have.txt" ] || fail "control: objects came"
echo "  control: the same request to dcmqrscp ends A702, no object"
