#!/bin/sh
# Goal of this test:
# - compressed objects reach a viewer that takes uncompressed ones only, by
#   C-GET in Explicit LE and by C-MOVE in Implicit LE, equal to what the stock
#   decoders make of the same files;
# - an object that cannot be decoded fails its own sub-operation, no other.
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
need python3 curl getscu movescu storescp dcmdjpeg dcmdjpls dcmdrle dcmconv
need opj_decompress
GOOD=$DATA/dicom/good
[ -d "$GOOD" ] || skip "no real files at $GOOD"
EXTRA=$EVERYTHING
NODE_PORT=$(port)

# the stock decoder of each file; opj: OpenJPEG's own command
files="dcmdjpeg:syntax-ct/ct_1.2.840.10008.1.2.4.57.dcm
dcmdjpeg:syntax-ct/CT0012.fragmented_no_bot_jpeg_baseline.51.dcm
dcmdjpeg:syntax/JPEG-LL.dcm
dcmdjpeg:syntax/JPEG-lossy.dcm
dcmdjpeg:syntax/SC_rgb_jpeg_dcmtk.dcm
dcmdjpeg:syntax/examples_ybr_color.dcm
dcmdjpeg:syntax/MR-JPEGLosslessSV1.dcm
dcmdjpls:syntax/MR_small_jpeg_ls_lossless.dcm
dcmdrle:enhanced-mr/emri_small_RLE.dcm
dcmdrle:syntax/SC_rgb_rle_2frame.dcm
dcmconv:syntax/image_dfl.dcm
opj:syntax/JPEG2000.dcm
opj:syntax/US1_J2KI.dcm
opj:syntax/GDCMJ2K_TextGBR.dcm"

# decoded SWITCH DIR: what the toolkit's own commands make of the files
decoded() {
	mkdir -p "$2"
	for row in $files; do
		f=${row#*:}
		case ${row%%:*} in
		opj) continue ;;
		# values as stored: no conversion of colours
		dcmdjpeg) set -- "$1" "$2" dcmdjpeg +cn ;;
		*) set -- "$1" "$2" "${row%%:*}" ;;
		esac
		"$3" ${4:+"$4"} "$1" "$GOOD/$f" "$2/$(basename "$f")" \
			2>>"$T/stock.log" || fail "stock decoder: $f"
	done
}

# A copy of JPEG-LL.dcm in its study under another UID, its frame no JPEG.
broken() {
	python3 - "$GOOD/syntax/JPEG-LL.dcm" "$1" <<'EOF'
import sys
data = open(sys.argv[1], "rb").read()
uid = b"1.3.6.1.4.1.5962.1.1.8.1.4.20040826185059.5457"
if data.count(uid) < 2 or data.count(b"\xff\xd8\xff") != 1:
    sys.exit("another file than this test knows")
data = data.replace(uid, uid[:-4] + b"9999")
at = data.index(b"\xff\xd8\xff")
open(sys.argv[2], "wb").write(data[:at] + bytes(64) + data[at + 64:])
EOF
}

# pixels DIR: of JPEG 2000 files, the pixel data in the retrieved files of DIR
# against OpenJPEG's own command
pixels() {
	for row in $files; do
		[ "${row%%:*}" = opj ] || continue
		python3 - "$GOOD/${row#*:}" "$1" "$T" <<'EOF' || fail "$row"
import os
import struct
import subprocess
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, "tests/e2e")
import archive
PIXELS, COLOUR = 0x7FE00010, 0x00280004
stored = archive.Object(sys.argv[1])
body = stored.body
at = body.rfind(b"\0\0\0\x0cjP  ")
if at < 0:
    at = body.rfind(b"\xff\x4f\xff\x51")
(n,) = struct.unpack_from("<I", body, at - 4)
kind = "jp2" if body[at] == 0 else "j2k"
coded, raw = f"{sys.argv[3]}/frame.{kind}", f"{sys.argv[3]}/frame.rawl"
open(coded, "wb").write(body[at:at + n])
subprocess.run(["opj_decompress", "-i", coded, "-o", raw], check=True,
               stdout=subprocess.DEVNULL)
want = open(raw, "rb").read()
for name in os.listdir(sys.argv[2]):
    have = archive.Object(os.path.join(sys.argv[2], name))
    if have.uid == stored.uid:
        break
else:
    sys.exit("it did not come")
got = {t: v for t, _, v in archive.Elements(have.body, have.syntax)}
if got[COLOUR].strip() == b"RGB":
    k = len(want) // 3  # the command writes plane by plane
    want = bytes(b for p in zip(want[:k], want[k:2 * k], want[2 * k:])
                 for b in p)
if got[PIXELS][:len(want)] != want or len(got[PIXELS]) > len(want) + 1:
    sys.exit(f"other pixels: {len(got[PIXELS])} and {len(want)} bytes")
EOF
	done
}

# check DIR SWITCH: all that came is as it must be
check() {
	decoded "$2" "$T/want$2"
	mkdir -p "$1.dcmtk"
	for row in $files; do
		uid=$(uid_of "$GOOD/${row#*:}")
		for f in "$1"/*"$uid"; do
			[ -f "$f" ] || fail "$row did not come"
			[ "${row%%:*}" = opj ] || cp "$f" "$1.dcmtk/"
		done
	done
	same "$T/want$2" "$1.dcmtk" >"$T/same.log" || fail "$2 differs"
	pixels "$1"
	if ls "$1"/*.9999 >/dev/null 2>&1; then
		fail "an object that cannot be decoded came"
	fi
	echo "$2: $(cat "$T/same.log"), and of JPEG 2000 the pixels"
}
uid_of() {
	dcmdump -q +P 0008,0018 "$1" 2>/dev/null |
		sed -n '1s/.*\[\(.*\)\].*/\1/p'
}

mkdir "$T/in"
for row in $files; do
	cp "$GOOD/${row#*:}" "$T/in/"
done
broken "$T/in/broken.dcm" || fail "no broken object"
start_archive --fill "$T/in"
python3 tests/e2e/archive.py --fill --list "$T/in" >"$T/held.txt"
[ "$(awk -F '\t' '{ n += $3 } END { print n }' "$T/held.txt")" -eq 15 ] ||
	fail "the archive has not all: $(cat "$T/held.txt")"
cut -f 1 "$T/held.txt" | sort -u | cases
configure <<END
archive ARCHIVE $AR_PORT c-get
END
start_agent
until_ok 50 all_are ready || fail "$(not_ready)"
stop "$AR_PID"

mkdir "$T/get" "$T/move"
storescp -aet OSIRIX +xi +B -od "$T/move" "$VIEWER_PORT" \
	>"$T/storescp.log" 2>&1 &
PIDS="$PIDS $!"
until_ok 10 echoscu 127.0.0.1 "$VIEWER_PORT"
BROKEN=$(dcmdump -q +P 0020,000d "$T/in/broken.dcm" |
	sed -n '1s/.*\[\(.*\)\].*/\1/p')
while read -r _ uid _; do
	how=0
	[ "$uid" = "$BROKEN" ] && how=1
	getscu -d -S +B -aet THEATRE6-IMAC -aec UNDERSTUDY -xe -od "$T/get" \
		-k 0008,0052=STUDY -k "0020,000D=$uid" 127.0.0.1 \
		"$NODE_PORT" >"$T/getscu.log" 2>&1
	n=$(grep -c 'DIMSE Status.*0xa702\|DIMSE Status.*0xb000' \
		"$T/getscu.log")
	[ $((n > 0)) -eq "$how" ] || fail "C-GET of $uid: its end"
	movescu -d -S -aet THEATRE6-IMAC -aec UNDERSTUDY -aem THEATRE6-IMAC \
		-k 0008,0052=STUDY -k "0020,000D=$uid" 127.0.0.1 \
		"$NODE_PORT" >"$T/movescu.log" 2>&1
	n=$(grep -c 'DIMSE Status.*0xa702\|DIMSE Status.*0xb000' \
		"$T/movescu.log")
	[ $((n > 0)) -eq "$how" ] || fail "C-MOVE of $uid: its end"
done <"$T/held.txt"
check "$T/get" +te
check "$T/move" +ti
grep -q 'node.object.undecoded' "$T/agent.log" || fail "nothing was told"
